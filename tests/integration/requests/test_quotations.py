"""Quotations: what a contract does not cover is quoted, held softly, and promised when its customer says yes (D24, D25)."""

from datetime import timedelta
from decimal import Decimal

import asyncpg
import pytest

from inventory.assurance.invariants import violations
from inventory.ground import clock, db
from inventory.ground.errors import ReasonMissing, Unknown, WrongState
from inventory.ground.steps import open_steps
from inventory.requests import backorders, changing, quoting, requests, shipping, telling
from inventory.requests.holding import HeldForRequest, void_reservation
from inventory.requests.quoting import NobodySaidSo, QuotationOver
from inventory.requests.requests import NewRequestLine, NotCovered, RequestView
from inventory.requests.scope import NotYourRequest
from inventory.requests.waves import to_pick
from inventory.stock import receipts, reservations, taking_over
from inventory.stock.refusals import InsufficientStock, NotLowerPriority
from tests.integration.requests.test_requests import new
from tests.integration.stock.test_reservations import level
from tests.world import DISPATCHER, ENGINEER, KEEPER, MANAGER, PSU, SETUP, actor

SAID = {"said_by": "陈主任", "reason": "采购单 PO-88"}


async def charge(when: str | None = "always", **columns: object) -> None:
    await db.execute("UPDATE contract SET parts_charged = $1 WHERE code = 'C-BANK'", when)
    for name, value in columns.items():
        await db.execute(f"UPDATE contract SET {name} = $1 WHERE code = 'C-BANK'", value)


async def quoted(*lines: tuple[str, int], **more: object) -> RequestView:
    """A request of a customer that pays for parts."""
    await charge()
    return await requests.open_request(new(*lines, **more), by=DISPATCHER)


async def test_what_a_contract_does_not_cover_is_quoted_and_its_stock_held_meanwhile(company):
    view = await quoted((PSU, 2))

    (quotation,) = view.quotations
    (line,) = quotation.lines
    assert (view.state, view.charged, view.lines[0].state) == ("quoted", "parts_charged", "quoted")
    assert (line.unit_price_cny, line.amount_cny, line.availability) == (
        Decimal("1562.50"),
        Decimal("3125.00"),
        "in_stock",
    )
    assert quotation.total_cny == line.amount_cny + quotation.labour_cny + quotation.freight_cny == Decimal(3805)
    assert (quotation.state, quotation.version) == ("open", 1)
    assert line.arrives_at == view.lines[0].promise.arrives_at
    assert not view.lines[0].promise.firm
    held = await reservations.reservation_view(view.lines[0].promise.reservation)
    assert (held.state, held.quantity, held.expires_at) == ("pending", 2, quotation.valid_until)
    assert (await level(PSU, "GZ")).reserved == 2
    said = telling.sentence(view)
    assert f"前答复报价单 {quotation.number}/1" in said.zh
    assert f"the customer answers quotation {quotation.number}/1 by" in said.en
    assert await violations() == []


@pytest.mark.parametrize(
    ("warranty", "state"), [(-1, "quoted"), (None, "quoted"), (1, "reserved")], ids=["over", "unknown", "running"]
)
async def test_where_the_contract_says_so_parts_are_paid_for_out_of_warranty(company, warranty, state):
    await charge("out_of_warranty")
    until = None if warranty is None else clock.today() + timedelta(days=warranty)
    await db.execute("UPDATE device SET warranty_until = $1 WHERE serial = 'BANK-001'", until)

    view = await requests.open_request(new(), by=DISPATCHER)

    assert view.state == state
    assert len(view.quotations) == (state == "quoted")


async def test_a_contract_that_ended_is_served_for_money_where_it_says_so_and_else_not_at_all(company):
    await charge(None, ends_on=clock.today() - timedelta(days=1))
    with pytest.raises(NotCovered):
        await requests.open_request(new(), by=DISPATCHER)
    await charge(None, served_after_end=True)

    view = await requests.open_request(new(), by=DISPATCHER)

    assert (view.state, view.charged, view.need_by) == ("quoted", "out_of_contract", None)
    await db.execute("UPDATE device SET retired_on = $1 WHERE serial = 'BANK-002'", clock.today())
    with pytest.raises(NotCovered):
        await requests.open_request(new(reference="INC-2/1", device="BANK-002"), by=DISPATCHER)


async def test_a_contracts_own_margin_and_labour_go_before_the_houses_and_a_repair_is_told(company):
    await charge("always", margin_percent=Decimal(10), labour_cny=Decimal(0))
    await db.execute(
        "UPDATE offer SET repair_price = 300, repair_days = 12 FROM part WHERE part.id = part AND part_number = $1",
        PSU,
    )

    view = await requests.open_request(new(), by=DISPATCHER)

    (line,) = view.quotations[0].lines
    assert (line.unit_price_cny, line.repair_price_cny, line.repair_days) == (Decimal(1375), Decimal(330), 12)
    assert view.quotations[0].labour_cny == 0


async def test_what_is_quoted_is_neither_picked_nor_handed_out_nor_let_go_of_by_hand(company):
    view = await quoted()

    assert await to_pick(depot="GZ", limit=50, seen_by=KEEPER) == []
    with pytest.raises(WrongState):
        await shipping.ship(view.id, by=KEEPER)
    with pytest.raises(HeldForRequest):
        await void_reservation(view.lines[0].promise.reservation, by=KEEPER)
    kinds = {step.kind for step in await open_steps(limit=50, seen_by=MANAGER) if step.subject == view.number}
    assert kinds == {"answer_quotation"}


async def test_no_purpose_of_lower_rank_has_what_is_quoted(company):
    await receipts.adjust("GZ", PSU, -5, by=SETUP, reason="gone")
    view = await quoted(severity="severe")
    held = view.lines[0].promise.reservation

    with pytest.raises(InsufficientStock):
        await reservations.reserve(PSU, "GZ", 1, by=KEEPER)
    with pytest.raises(NotLowerPriority):
        await taking_over.take_over(held, by=DISPATCHER, reference="x", priority_class="general", reason="mine")


async def test_what_a_higher_purpose_takes_is_found_elsewhere_and_stays_quoted(company):
    await receipts.adjust("GZ", PSU, -5, by=SETUP, reason="gone")
    view = await quoted()
    lost = view.lines[0].promise.reservation
    await taking_over.take_over(lost, by=DISPATCHER, reference="x", priority_class="emergency", reason="worse")

    await backorders.lost_reservation(lost, by=SETUP)

    after = await requests.request_view(view.id)
    assert (after.state, after.lines[0].promise.depot, after.lines[0].promise.firm) == ("quoted", "SH", False)
    held = await reservations.reservation_view(after.lines[0].promise.reservation)
    assert held.expires_at == view.quotations[0].valid_until


async def test_accepting_firms_what_is_held_and_the_promise_counts_from_then(company):
    view = await quoted()
    assert (view.paused, view.need_by) == (True, None)
    was = view.lines[0].promise
    later = clock.now() + timedelta(hours=5)

    with clock.at(later):
        after = await quoting.accept(view.quotations[0].id, by=DISPATCHER, **SAID)

    (line,) = after.lines
    assert (after.state, line.state, line.promise.firm) == ("reserved", "reserved", True)
    assert line.promise.reservation == was.reservation
    assert line.promise.arrives_at - was.arrives_at == later - view.lines[0].reserved_at
    held = await reservations.reservation_view(was.reservation)
    assert (held.state, held.expires_at) == ("pending", None)
    # the clock stood while the customer decided
    stood = later - view.pauses[0].paused_at
    assert after.need_by - view.fault_reported_at - stood in (timedelta(hours=3), timedelta(hours=5))
    (quotation,) = after.quotations
    assert (quotation.state, quotation.said_by, quotation.answer_reason) == ("accepted", "陈主任", "采购单 PO-88")
    kinds = {step.kind for step in await open_steps(limit=50, seen_by=MANAGER) if step.subject == view.number}
    assert kinds == {"ship_parts"}
    assert await violations() == []


async def test_what_was_not_there_when_it_was_accepted_waits_by_name(company):
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="gone")
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")
    view = await quoted()
    assert (view.quotations[0].lines[0].availability, (await level(PSU, "GZ")).backordered) == ("to_order", 0)

    after = await quoting.accept(view.quotations[0].id, by=DISPATCHER, **SAID)

    assert (after.state, after.lines[0].promise.reasons) == ("backordered", ["waits_for_stock"])
    assert (await level(PSU, "GZ")).backordered == 1
    assert await violations() == []


async def test_rejecting_frees_the_stock_and_closes_the_request_with_the_reason(company):
    view = await quoted()

    after = await quoting.reject(view.quotations[0].id, by=DISPATCHER, said_by="陈主任", reason="太贵")

    assert (after.state, after.quotations[0].state, after.quotations[0].answer_reason) == (
        "cancelled",
        "rejected",
        "太贵",
    )
    assert (await level(PSU, "GZ")).reserved == 0
    assert await violations() == []


async def test_a_quotation_that_nobody_answers_expires_with_its_stock_and_can_be_made_anew(company):
    view = await quoted()
    first = view.quotations[0]
    with clock.at(first.valid_until + timedelta(minutes=1)):
        with pytest.raises(QuotationOver):
            await quoting.accept(first.id, by=DISPATCHER, **SAID)
        assert await quoting.expire_due(by=SETUP) == 1
        assert await quoting.expire_due(by=SETUP) == 0
        expired = await requests.request_view(view.id)
        assert (expired.state, expired.quotations[0].state) == ("quoted", "expired")
        assert expired.lines[0].promise.reservation is None
        assert "已过期，待重新报价" in telling.sentence(expired).zh
        assert (await level(PSU, "GZ")).reserved == 0
        assert await violations() == []

        again = await quoting.quote_again(view.id, by=DISPATCHER, reason="the customer asks for it once more")
        second, before = again.quotations
        assert (second.number, second.version, second.state, before.state) == (first.number, 2, "open", "expired")
        assert (await level(PSU, "GZ")).reserved == 1
        assert (await quoting.accept(second.id, by=DISPATCHER, **SAID)).state == "reserved"


async def test_the_stock_of_a_quotation_may_expire_before_anybody_looks_at_the_quotation(company):
    view = await quoted()
    with clock.at(view.quotations[0].valid_until + timedelta(minutes=1)):
        assert await reservations.expire_due(by=SETUP) == 1
        assert await quoting.expire_due(by=SETUP) == 1
        assert (await level(PSU, "GZ")).reserved == 0
    assert await violations() == []


async def test_a_request_can_be_cancelled_when_its_quotation_is_just_over(company):
    view = await quoted()
    with clock.at(view.quotations[0].valid_until + timedelta(minutes=1)):
        after = await requests.cancel(view.id, by=DISPATCHER, reason="no longer needed")

    assert (after.state, after.quotations[0].state) == ("cancelled", "withdrawn")
    assert (await level(PSU, "GZ")).reserved == 0


async def test_the_next_version_takes_todays_prices_and_the_one_before_holds_no_more(company):
    view = await quoted()
    await db.execute("UPDATE offer SET unit_price = 2000 FROM part WHERE part.id = part AND part_number = $1", PSU)

    again = await quoting.quote_again(view.id, by=DISPATCHER, reason="price rise")

    second, first = again.quotations
    assert (first.state, first.lines[0].unit_price_cny) == ("replaced", Decimal("1562.50"))
    assert (second.version, second.lines[0].unit_price_cny, second.remark) == (2, Decimal(2500), "price rise")
    assert (await level(PSU, "GZ")).reserved == 1
    with pytest.raises(QuotationOver):
        await quoting.accept(first.id, by=DISPATCHER, **SAID)


async def test_a_quotation_is_answered_once_by_whom_it_concerns_and_with_who_said_so(company):
    view = await quoted()
    quotation = view.quotations[0].id

    with pytest.raises(NobodySaidSo):
        await quoting.accept(quotation, by=DISPATCHER, said_by=" ", reason="mail")
    with pytest.raises(ReasonMissing):
        await quoting.reject(quotation, by=DISPATCHER, said_by="陈主任", reason="")
    with pytest.raises(NotYourRequest):
        await quoting.accept(quotation, by=ENGINEER, **SAID)
    with pytest.raises(Unknown):
        await quoting.accept(quotation, by=actor("dispatcher", contracts={"C-TELCO"}), **SAID)
    with pytest.raises(Unknown):
        await quoting.accept(view.id, by=DISPATCHER, **SAID)
    await quoting.accept(quotation, by=quoting.BY_LINK, **SAID)
    with pytest.raises(QuotationOver):
        await quoting.reject(quotation, by=DISPATCHER, **SAID)
    with pytest.raises(WrongState):
        await quoting.quote_again(view.id, by=DISPATCHER, reason="again")


async def test_a_quotation_that_was_sent_is_never_edited(company):
    view = await quoted()
    quotation = view.quotations[0].id

    for statement in (
        "UPDATE quotation SET total_cny = 1 WHERE id = $1",
        "DELETE FROM quotation WHERE id = $1",
        "UPDATE quotation_line SET unit_price_cny = 1 WHERE quotation = $1",
    ):
        with pytest.raises((asyncpg.RestrictViolationError, asyncpg.InsufficientPrivilegeError)):
            async with db.savepoint():
                await db.execute(statement, quotation)
    await quoting.accept(quotation, by=DISPATCHER, **SAID)
    with pytest.raises(asyncpg.RestrictViolationError):
        async with db.savepoint():
            await db.execute("UPDATE quotation SET said_by = 'somebody else' WHERE id = $1", quotation)


async def test_what_replaces_a_part_that_was_dead_on_arrival_is_not_quoted_again(company):
    view = await quoted()
    view = await quoting.accept(view.quotations[0].id, by=DISPATCHER, **SAID)

    following = await changing.follow_up(
        view, [NewRequestLine(part_number=PSU)], by=DISPATCHER, because="dead_on_arrival", reason="dead"
    )

    assert (following.state, following.charged, following.quotations) == ("reserved", None, [])


async def test_a_new_cause_ends_what_was_quoted_and_is_quoted_itself(company):
    view = await quoted()

    following = await changing.new_cause(
        view.id, [NewRequestLine(part_number=PSU)], by=DISPATCHER, reason="it is the board"
    )

    ended = await requests.request_view(view.id)
    assert (ended.state, ended.quotations[0].state, following.state) == ("cancelled", "withdrawn", "quoted")
    assert following.quotations[0].number != view.quotations[0].number
    assert (await level(PSU, "GZ")).reserved == 1


async def test_severity_may_change_while_the_customer_decides(company):
    view = await quoted()

    after = await changing.change(view.id, changing.Change(severity="severe"), by=DISPATCHER)

    assert (after.state, after.lines[0].promise) == ("quoted", view.lines[0].promise)
    assert (await reservations.reservation_view(after.lines[0].promise.reservation)).priority_class == "severe"
