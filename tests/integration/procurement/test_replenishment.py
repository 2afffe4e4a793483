"""Replenishment: positions, one open proposal for each level, bundling, and answers that are not asked for again."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from inventory.ground import clock, db, jobs
from inventory.ground.errors import NotGranted, NotYourDepot, Unknown
from inventory.procurement import bundling, orders, replenishment, replenishment_answers, replenishment_policy
from inventory.procurement.orders import NewLine, OrderTooSmall
from inventory.procurement.replenishment_answers import NeverAnswered, NobodyOffers, ProposalAnswered
from inventory.procurement.replenishment_policy import ReplenishmentPolicy
from inventory.stock import receipts, transfers
from inventory.stock.lines import Lines, set_lines
from optimizer.order_bundles import bundle
from tests.world import BATTERY, BUYER, DISPATCHER, DRIVE, FAN, KEEPER, MANAGER, PLANNER, PSU, SETUP, actor


async def key(part: str, depot: str = "GZ", pool: str = "common") -> replenishment.Key:
    row = await db.fetch_one(
        """SELECT part.id AS part, place.id AS place, pool.id AS pool FROM part, place, pool
           WHERE part_number = $1 AND place.code = $2 AND pool.code = $3""",
        part,
        depot,
        pool,
    )
    assert row is not None
    return row["part"], row["place"], row["pool"]


async def stock(part: str, base: int, depot: str = "GZ", *, average: int = 0, reorder: int | None = None) -> None:
    """Hold a base stock of a part, whatever is there."""
    of_part, place, pool = await key(part, depot)
    await set_lines(
        [
            Lines(
                part=of_part,
                place=place,
                pool=pool,
                base_stock=base,
                reorder_point=base - 1 if reorder is None else reorder,
                average_failure_line=average,
                rate_per_day=0.1,
                resupply_days=12.0,
            )
        ]
    )


async def free(part: str, depot: str = "GZ") -> int:
    found = await replenishment.position(await key(part, depot))
    return found.facts.free if found else 0


async def short_of(part: str, units: int, depot: str = "GZ", **more: int) -> None:
    """Hold so much that so many units are lacking."""
    await stock(part, 1, depot)
    await stock(part, await free(part, depot) + units, depot, **more)


async def opened(**filters: object) -> list[replenishment.ProposalView]:
    return await replenishment.proposals(limit=100, seen_by=BUYER, state="open", **filters)


async def bundled() -> None:
    """What the worker does with proposals."""
    stores = await bundling.to_bundle()
    await bundling.record([(each, bundle(each.needs, each.terms)) for each in stores])


async def test_a_level_below_its_base_stock_has_one_open_proposal_with_its_reasons(company):
    await short_of(FAN, 3)
    assert (await replenishment.propose()).opened == 1
    assert await replenishment.propose() == replenishment.Proposed(opened=0, resized=0, withdrawn=0, lapsed=0)
    [proposal] = await opened()

    assert (proposal.part_number, proposal.depot, proposal.needed) == (FAN, "GZ", 3)
    assert proposal.position == proposal.facts.position == proposal.base_stock - 3
    assert proposal.facts.rate_per_day == 0.1
    assert proposal.facts.resupply_days == 12.0
    assert proposal.chosen is not None
    assert proposal.chosen.vendor == "DISTI"
    assert proposal.chosen.quantity == proposal.quantity >= 3
    assert proposal.amount_cny == proposal.quantity * Decimal(250)
    assert proposal.expected_at is not None
    assert proposal.expected_at > clock.now()


async def test_two_that_propose_at_once_make_one_proposal(own_company):
    await short_of(FAN, 3)
    await asyncio.gather(*(replenishment.propose() for _ in range(6)))
    assert len(await opened()) == 1


async def test_a_level_at_its_reorder_point_is_filled_up_and_one_above_is_left(company):
    await short_of(FAN, 3, reorder=0)
    assert (await replenishment.propose()).opened == 0
    await stock(FAN, await free(FAN) + 3, reorder=await free(FAN))
    await replenishment.propose()
    assert [each.needed for each in await opened()] == [3]


async def test_what_is_ordered_counts_from_its_draft_to_its_receipt(company):
    await short_of(DRIVE, 4)
    before = await replenishment.position(await key(DRIVE))
    order = await orders.draft_order("DISTI", "GZ", [NewLine(part_number=DRIVE, quantity=4)], by=BUYER)
    seen = []
    for act in (
        lambda: orders.approve_order(order.id, by=SETUP),
        lambda: orders.record_placed(order.id, by=SETUP),
        lambda: orders.record_acknowledged(order.id, by=SETUP, promised_at=clock.now() + timedelta(days=5)),
    ):
        seen.append(await replenishment.position(await key(DRIVE)))
        await act()
    seen.append(await replenishment.position(await key(DRIVE)))
    assert before is not None
    assert [each.position for each in seen] == [before.position + 4] * 4
    assert [each.facts.drafted for each in seen] == [4, 4, 0, 0]
    assert [each.facts.on_order for each in seen] == [0, 0, 4, 4]


async def test_a_transfer_counts_where_it_goes_from_its_draft_on(company):
    await stock(FAN, 3, "SH")
    before = await replenishment.position(await key(FAN, "SH"))
    await transfers.draft("GZ", "SH", [transfers.TransferItem(part_number=FAN, quantity=2)], by=SETUP, mode="courier")
    after = await replenishment.position(await key(FAN, "SH"))
    assert (after.position - before.position, after.facts.transfers_drafted) == (2, 2)


async def test_goods_in_quarantine_are_not_ordered_again(company):
    await short_of(FAN, 3)
    await receipts.adjust("GZ", FAN, 3, by=SETUP, reason="found", condition="quarantine")
    assert (await replenishment.propose()).opened == 0


async def test_a_proposal_is_sized_anew_and_withdrawn_when_the_need_is_gone(company):
    await short_of(FAN, 3)
    await replenishment.propose()
    [first] = await opened()
    await receipts.adjust("GZ", FAN, 1, by=SETUP, reason="found")
    assert (await replenishment.propose()).resized == 1
    [second] = await opened()
    await receipts.adjust("GZ", FAN, 2, by=SETUP, reason="found")
    assert (await replenishment.propose()).withdrawn == 1

    assert (first.id, first.needed, second.needed) == (second.id, 3, 2)
    assert await opened() == []
    assert (await replenishment.proposal_view(first.id, seen_by=BUYER)).state == "withdrawn"


async def test_a_declined_proposal_is_not_repeated_until_something_gets_worse(company):
    await short_of(FAN, 3)
    await replenishment.propose()
    [proposal] = await opened()
    numbers = await replenishment_answers.decline([proposal.id], by=BUYER, reason="机型退役")
    assert numbers == [proposal.number]
    assert (await replenishment.propose()).opened == 0

    await receipts.adjust("GZ", FAN, 1, by=SETUP, reason="found")  # better, and still lacking
    assert (await replenishment.propose()).opened == 0
    await receipts.adjust("GZ", FAN, -2, by=SETUP, reason="lost")  # worse than when it was declined
    assert await replenishment.propose() == replenishment.Proposed(opened=1, resized=0, withdrawn=0, lapsed=1)


async def test_a_refusal_ends_at_its_day_with_a_new_base_stock_and_when_the_need_was_gone(company):
    async def declined(**more: object) -> None:
        await replenishment.propose()
        await replenishment_answers.decline([each.id for each in await opened()], by=BUYER, reason="later", **more)
        assert (await replenishment.propose()).opened == 0

    await short_of(FAN, 3)
    await declined(until=clock.now() + timedelta(days=3))
    with clock.at(clock.now() + timedelta(days=4)):
        assert (await replenishment.propose()).opened == 1
    await declined()
    await stock(FAN, await free(FAN) + 5)
    assert (await replenishment.propose()).opened == 1
    await declined()
    await receipts.adjust("GZ", FAN, 5, by=SETUP, reason="found")
    assert (await replenishment.propose()).lapsed == 1
    await receipts.adjust("GZ", FAN, -5, by=SETUP, reason="lost")
    assert (await replenishment.propose()).opened == 1


async def test_accepted_proposals_become_one_draft_for_each_vendor_and_store(company):
    await short_of(FAN, 3)
    await short_of(DRIVE, 2)
    await replenishment.propose()
    found = await opened()
    fan = next(each for each in found if each.part_number == FAN)
    accepted = await replenishment_answers.accept(
        [each.id for each in found], by=BUYER, quantities={fan.id: fan.quantity + 10}
    )
    [order] = accepted.orders
    assert {line.part_number: line.quantity for line in order.lines} == {
        DRIVE: next(each.quantity for each in found if each.part_number == DRIVE),
        FAN: fan.quantity + 10,
    }
    assert order.state == "draft"
    assert accepted.withdrawn == []
    answered = await replenishment.proposal_view(fan.id, seen_by=BUYER)
    assert (answered.state, answered.order_number, answered.ordered_quantity) == (
        "drafted",
        order.number,
        fan.quantity + 10,
    )
    assert (await replenishment.propose()).opened == 0


async def test_what_is_needed_no_more_is_withdrawn_not_ordered(company):
    await short_of(FAN, 3)
    await replenishment.propose()
    [proposal] = await opened()
    await receipts.adjust("GZ", FAN, 3, by=SETUP, reason="found")
    accepted = await replenishment_answers.accept([proposal.id], by=BUYER)
    assert (accepted.orders, accepted.withdrawn) == ([], [proposal.number])


async def test_a_proposal_is_answered_once_by_who_serves_the_store(company):
    await short_of(FAN, 3)
    await replenishment.propose()
    [proposal] = await opened()
    elsewhere = actor("buyer", depots={"SH"})
    assert await replenishment.proposals(limit=10, seen_by=elsewhere) == []
    with pytest.raises(Unknown):
        await replenishment.proposal_view(proposal.id, seen_by=elsewhere)
    with pytest.raises(NotYourDepot):
        await replenishment_answers.accept([proposal.id], by=elsewhere)
    with pytest.raises(NotGranted):
        await replenishment_answers.decline([proposal.id], by=KEEPER, reason="no")
    with pytest.raises(NeverAnswered):
        await replenishment_answers.decline([proposal.id], by=BUYER, reason="no", until=clock.now() - timedelta(days=1))
    await replenishment_answers.accept([proposal.id], by=BUYER)
    for act in (
        replenishment_answers.accept([proposal.id], by=BUYER),
        replenishment_answers.decline([proposal.id], by=BUYER, reason="no"),
    ):
        with pytest.raises(ProposalAnswered):
            await act


async def test_a_part_that_no_authorised_channel_offers_is_proposed_without_a_vendor(company):
    await stock(FAN, 1)
    await db.execute("DELETE FROM authorisation")
    await short_of(FAN, 3)
    await replenishment.propose()
    [proposal] = await opened()
    assert proposal.vendor is None
    assert [each.admitted for each in proposal.offers] == [False]
    await bundled()
    with pytest.raises(NobodyOffers):
        await replenishment_answers.accept([proposal.id], by=BUYER)


async def test_a_proposal_waits_for_its_vendors_least_order_value_until_its_day_or_until_it_is_urgent(company):
    await db.execute("UPDATE vendor SET minimum_order_cny = 5000")
    await short_of(FAN, 3)
    await replenishment.propose()
    await bundled()
    [waiting] = await opened()
    assert waiting.waits
    with pytest.raises(OrderTooSmall):
        await replenishment_answers.accept([waiting.id], by=BUYER)

    with clock.at(clock.now() + timedelta(days=6)):
        await bundled()
        [due] = await opened()
    assert not due.waits
    assert due.quantity * Decimal(250) >= 5000
    assert due.bundle is not None
    assert due.bundle.reaches_minimum
    assert due.bundle.proven


async def test_company_brings_a_vendors_least_order_value_together(company):
    await db.execute("UPDATE vendor SET minimum_order_cny = 2500")
    await short_of(FAN, 4)
    await replenishment.propose()
    await bundled()
    assert [each.waits for each in await opened()] == [True]
    await short_of(DRIVE, 2)
    await replenishment.propose()
    await bundled()
    found = await opened()
    assert [each.waits for each in found] == [False, False]
    [order] = (await replenishment_answers.accept([each.id for each in found], by=BUYER)).orders
    bundles = {each.bundle.goods_cny for each in found if each.bundle is not None}
    assert bundles == {order.total_cny}


async def test_freight_price_breaks_and_the_fee_of_a_small_order_are_in_the_orders_total(company):
    await db.execute("UPDATE vendor SET minimum_order_cny = 5000, small_order_fee_cny = 90, freight_cny = 40")
    await db.execute(
        """INSERT INTO price_break (offer, from_quantity, unit_price)
           SELECT offer.id, 10, 200 FROM offer JOIN part ON part.id = offer.part WHERE part_number = $1""",
        FAN,
    )
    small = await orders.draft_order("DISTI", "GZ", [NewLine(part_number=FAN, quantity=9)], by=BUYER)
    large = await orders.draft_order("DISTI", "GZ", [NewLine(part_number=FAN, quantity=30)], by=BUYER)
    assert small.total_cny == 9 * 250 + 90 + 40
    assert large.total_cny == 30 * 200 + 40


async def test_a_price_break_is_taken_where_more_costs_less(company):
    await db.execute(
        """INSERT INTO price_break (offer, from_quantity, unit_price)
           SELECT offer.id, 10, 200 FROM offer JOIN part ON part.id = offer.part WHERE part_number = $1""",
        FAN,
    )
    await short_of(FAN, 9)
    await replenishment.propose()
    await bundled()
    [proposal] = await opened()
    assert (proposal.quantity, proposal.unit_price_cny, proposal.amount_cny) == (10, 200, 2000)


async def test_the_policy_drafts_what_it_may_and_no_more(company):
    with pytest.raises(NotGranted):
        await replenishment_policy.put_in_force(ReplenishmentPolicy(), by=DISPATCHER)
    await short_of(FAN, 3)
    await short_of(DRIVE, 2, average=100)
    await replenishment.propose()
    await bundled()
    assert await replenishment_answers.draft_what_may(routine=True) == []

    await replenishment_policy.put_in_force(ReplenishmentPolicy(draft_urgent=True), by=MANAGER, remark="urgent")
    [urgent] = await replenishment_answers.draft_what_may(routine=False)
    assert [line.part_number for line in urgent.lines] == [DRIVE]
    await replenishment_policy.put_in_force(ReplenishmentPolicy(draft_routine=True), by=PLANNER)
    assert await replenishment_answers.draft_what_may(routine=False) == []
    [routine] = await replenishment_answers.draft_what_may(routine=True)
    assert [line.part_number for line in routine.lines] == [FAN]
    assert [each.version is not None for each in await replenishment_policy.versions(limit=5)] == [True, True]


async def test_the_daily_run_is_done_once_from_its_hour_on(company):
    await short_of(FAN, 3)

    async def run() -> list[jobs.Job]:
        with jobs.collecting() as caused:
            await replenishment_answers.look_again()
        return [job for job in caused if job == jobs.BundleOrders(daily=True)]

    with clock.at(datetime(2026, 11, 20, 0, 30, tzinfo=UTC)):  # 08:30 in Shanghai
        assert await run() == []
    with clock.at(datetime(2026, 11, 20, 1, 30, tzinfo=UTC)):
        assert len(await run()) == 1
        assert await run() == []
    assert await db.fetch_value("SELECT ran_on FROM replenishment_run") == date(2026, 11, 20)


async def test_a_fall_to_the_reorder_point_and_a_new_base_stock_have_the_level_looked_at(company):
    await stock(FAN, await free(FAN) + 1)
    await stock(FAN, await free(FAN))
    with jobs.collecting() as caused:
        await receipts.adjust("GZ", FAN, -1, by=SETUP, reason="lost")
        await receipts.adjust("GZ", FAN, -1, by=SETUP, reason="lost")
    assert caused.count(jobs.Replenish(*await key(FAN))) == 1
    with jobs.collecting() as caused:
        await stock(FAN, 50)
    assert caused.count(jobs.Replenish(*await key(FAN))) == 1


async def test_a_store_has_one_duty_while_proposals_are_open(company):
    async def duties() -> list[tuple[str, str]]:
        rows = await db.fetch(
            "SELECT kind, subject FROM step WHERE subject_kind = 'replenishment' AND done_at IS NULL ORDER BY kind"
        )
        return [(row["kind"], row["subject"]) for row in rows]

    await short_of(FAN, 3)
    await short_of(DRIVE, 2, average=100)
    await replenishment.propose()
    assert await duties() == [("answer_replenishment", "GZ"), ("answer_urgent_replenishment", "GZ")]
    [urgent] = await opened(urgent=True)
    await replenishment_answers.decline([urgent.id], by=BUYER, reason="no")
    assert await duties() == [("answer_replenishment", "GZ")]
    await replenishment_answers.accept([each.id for each in await opened()], by=BUYER)
    assert await duties() == []


async def test_prices_are_told_only_to_who_may_see_them(company):
    await short_of(FAN, 3)
    await replenishment.propose()
    await bundled()
    supervisor = actor("administrator")
    [with_prices] = await replenishment.proposals(limit=5, seen_by=supervisor)
    plain = replenishment.shown_to(with_prices, actor("warehouse_keeper"))
    assert b"cny" not in __import__("msgspec").json.encode(plain)


async def test_a_battery_nobody_offers_at_all_says_so(company):
    await short_of(BATTERY, 1)
    await db.execute("DELETE FROM offer WHERE part = (SELECT id FROM part WHERE part_number = $1)", BATTERY)
    await replenishment.propose()
    [proposal] = await opened(part_number=BATTERY)
    assert (proposal.vendor, proposal.offers, proposal.quantity) == (None, [], 1)


async def test_only_the_vendor_filter_and_depot_filter_choose(company):
    await short_of(FAN, 3)
    await short_of(PSU, 2, "SH")
    await replenishment.propose()
    assert {each.depot for each in await opened()} == {"GZ", "SH"}
    assert [each.depot for each in await opened(depot="SH")] == ["SH"]
    assert [each.part_number for each in await opened(part_number=FAN)] == [FAN]
