"""Late orders: a buyer's duty that says what the lateness does to the stock, and again for every new date."""

from datetime import timedelta

from api.channels.wording import worded
from inventory.assurance import escalation
from inventory.emergency import late_orders
from inventory.emergency.facts import RowFacts
from inventory.ground import clock, db, jobs
from inventory.places import names
from inventory.procurement import orders, receiving
from inventory.stock import receipts
from optimizer.recovery import outlook
from tests.integration.procurement.test_orders import incoming, placed
from tests.world import FAN, KEEPER, SETUP


async def open_duties(number: str) -> list[str]:
    rows = await db.fetch("SELECT kind FROM step WHERE subject = $1 AND done_at IS NULL ORDER BY kind", number)
    return [row["kind"] for row in rows]


async def judged_at(order: orders.OrderView, days: float) -> orders.OrderView:
    with clock.at(clock.now() + timedelta(days=days)):
        await late_orders.judge_overdue(by=SETUP)
    return await orders.order_view(order.id)


async def test_an_order_in_time_is_nobodys_worry(company):
    order = await placed((FAN, 10))
    after = await judged_at(order, 6)

    assert (after.late_since, after.at_risk, await open_duties(order.number)) == (None, [], [])


async def test_an_overdue_order_is_a_buyers_duty_once_and_says_what_is_at_risk(company):
    order = await placed((FAN, 10))
    await judged_at(order, 8)
    after = await judged_at(order, 8)

    assert after.late_since is not None
    assert await open_duties(order.number) == ["late_order"]
    assert await db.fetch_value("SELECT count(*) FROM event WHERE kind = 'purchase_order.late'") == 1
    assert all(risk.part_number == FAN and risk.depot == "GZ" for risk in after.at_risk)
    assert [order.id for order in await orders.orders(limit=9, seen_by=SETUP, late=True)] == [after.id]


async def test_what_is_at_risk_follows_from_the_stock_and_its_rate(company):
    """Three fans, and nothing else to come: the stock falls until it is more likely than not below its line."""
    order = await placed((FAN, 10))
    await receipts.adjust("GZ", FAN, -7, by=SETUP, reason="used up")
    after = await judged_at(order, 8)
    facts = await late_orders.gather([(part, place, pool) async for part, place, pool in _keys(order)])
    row: RowFacts = facts.rows[0]
    judgement = late_orders.judge_one(facts, row)

    assert row.available == 3
    for risk in after.at_risk:
        point = judgement.point if risk.line == "critical_point" else judgement.average_line
        assert risk.point == point
        days = int((risk.falls_at - clock.now()).total_seconds() / 86_400 - 8)
        told = outlook(row.available, judgement.row.rate_per_day, point, [], days=days + 2)
        assert told[max(days - 1, 0)].holds >= 0.5 > told[days + 2].holds
    assert after.at_risk


async def _keys(order: orders.OrderView):
    for row in await db.fetch("SELECT part, place, pool FROM expected_delivery WHERE closed_at IS NULL"):
        yield row["part"], row["place"], row["pool"]


async def test_a_late_order_that_nobody_takes_on_is_handed_up_with_its_consequence_in_words(company):
    order = await placed((FAN, 10))
    await receipts.adjust("GZ", FAN, -7, by=SETUP, reason="used up")
    after = await judged_at(order, 8)
    with clock.at(clock.now() + timedelta(days=9)):
        await escalation.escalate_late()

    told = await db.fetch_value(
        "SELECT payload FROM event WHERE kind = 'step.escalated' AND subject = $1", order.number
    )
    assert told["at_risk"][0]["line"] == after.at_risk[0].line
    for language, start in (("en", "Cover at risk from "), ("zh", "20")):
        said = worded("step_escalated", told, language, await names.names_of(["GZ"]))
        assert said.lines[0].startswith(start)
        assert FAN in said.lines[0]


async def test_a_later_promise_is_a_duty_anew(company):
    order = await placed((FAN, 10))
    with jobs.collecting() as due:
        await orders.record_acknowledged(order.id, by=SETUP, promised_at=clock.now() + timedelta(days=30))
    assert jobs.JudgeLateness(order.id) in due
    await late_orders.judge(order.id, by=SETUP)
    first = await db.fetch_value("SELECT id FROM step WHERE kind = 'late_order' AND done_at IS NULL")
    await orders.record_acknowledged(order.id, by=SETUP, promised_at=clock.now() + timedelta(days=60))
    await late_orders.judge(order.id, by=SETUP)
    second = await db.fetch_value("SELECT id FROM step WHERE kind = 'late_order' AND done_at IS NULL")

    assert first is not None
    assert second not in (None, first)
    assert (await orders.order_view(order.id)).late_since is not None


async def test_back_in_time_or_received_an_order_is_late_no_more(own_company):
    order = await placed((FAN, 10))
    await judged_at(order, 8)
    await orders.record_acknowledged(order.id, by=SETUP, promised_at=order.promised_at - timedelta(days=1))
    await late_orders.judge(order.id, by=SETUP)
    assert ((await orders.order_view(order.id)).late_since, await open_duties(order.number)) == (None, [])

    await judged_at(order, 8)
    await receiving.receive_order(order.number, [incoming(FAN, 10)], by=KEEPER)
    after = await orders.order_view(order.id)
    assert (after.late_since, after.at_risk, await open_duties(order.number)) == (None, [], ["chase_invoice"])


async def test_a_silent_vendor_is_a_duty_and_its_word_ends_it(company):
    order = await placed((FAN, 10))
    assert await open_duties(order.number) == []
    silent = await orders.draft_order("DISTI", "GZ", [orders.NewLine(part_number=FAN, quantity=1)], by=SETUP)
    await orders.approve_on_authority(silent.id, by=SETUP)
    await orders.record_placed(silent.id, by=SETUP)

    assert await open_duties(silent.number) == ["chase_answer"]
    await orders.record_acknowledged(silent.id, by=SETUP, promised_at=None)
    assert await open_duties(silent.number) == []
