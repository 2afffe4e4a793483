"""Planned work: parts are promised for its date, held when that comes, and shortages are told while there is time."""

from datetime import UTC, datetime, timedelta

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import clock, db, steps
from inventory.ground.errors import InventoryError
from inventory.places import register
from inventory.procurement import orders
from inventory.requests import backorders, changing, debriefing, planned, requests, shipping, taking_over, telling
from inventory.requests.ahead import READY
from inventory.requests.availability import availability
from inventory.requests.changing import Change, NotPlanned, PlannedWork
from inventory.requests.holding import HeldForRequest, void_reservation
from inventory.requests.requests import NewRequest, NewRequestLine, PlannedInPast, SeverityMissing
from inventory.stock import promises, receipts, reservations, transfers
from inventory.stock.levels import levels
from tests.statements import counted
from tests.world import AUDITOR, BUYER, DISPATCHER, DRIVE, FAN, KEEPER, MANAGER, PSU, SETUP, SH_KEEPER

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
DATE = NOW + timedelta(days=10)
HELD = DATE - timedelta(hours=1.2 + 0.25) - READY
"""From when on parts from Guangzhou are held for the bank's date: travel and picking, and a day before."""


@pytest.fixture
def at_noon(company):
    with clock.at(NOW):
        yield


def inspection(
    quantity: int = 2, part: str = PSU, *, reference: str = "PM-1", at: datetime = DATE, **more
) -> NewRequest:
    return NewRequest(
        source="glpi",
        reference=reference,
        device_serial="BANK-001",
        planned_at=at,
        lines=[NewRequestLine(part_number=part, quantity=quantity)],
        **more,
    )


def fault(quantity: int = 1, part: str = PSU, *, reference: str = "INC-1", severity: str = "severe") -> NewRequest:
    lines = [NewRequestLine(part_number=part, quantity=quantity)]
    return NewRequest(source="glpi", reference=reference, device_serial="BANK-001", severity=severity, lines=lines)


async def of(part: str, depot: str):
    (found,) = await levels(limit=1, seen_by=AUDITOR, part_number=part, depot=depot)
    return found


def told(view) -> list[tuple]:
    return [
        (line.quantity, line.state, line.promise.depot, line.promise.firm, line.ahead.missing if line.ahead else None)
        for line in view.lines
    ]


async def forbid(part: str) -> None:
    await db.execute(
        """INSERT INTO forbidden_part (contract, part, reason, in_force) SELECT contract.id, part.id, 'recalled', true
           FROM contract, part WHERE contract.code = 'C-BANK' AND part_number = $1""",
        part,
    )


async def kinds() -> list[str]:
    return [row["kind"] for row in await db.fetch("SELECT kind FROM event")]


async def waiting_steps() -> list[tuple[str, str, datetime]]:
    found = await steps.open_steps(limit=50, seen_by=AUDITOR)
    return [(each.kind, each.subject, each.due_at) for each in found if each.subject_kind == "part_request"]


async def test_planned_work_is_promised_for_its_date_and_holds_nothing_before(at_noon):
    view = await requests.open_request(inspection(), by=DISPATCHER)

    assert (view.state, view.planned_at, view.need_by, view.severity) == ("planned", DATE, DATE, None)
    assert view.priority_class == "planned"
    assert told(view) == [(2, "planned", "GZ", False, 0)]
    (line,) = view.lines
    assert (line.promise.arrives_at, line.promise.on_time, line.promise.reasons) == (DATE, True, ["promised_ahead"])
    assert (line.ahead.held_from, line.ahead.replenish_by) == (HELD, HELD + READY)
    level = await of(PSU, "GZ")
    assert (level.free, level.promised, level.promised_from) == (6, 2, HELD)
    (free, *_) = (await availability(PSU, site="BANK-GZ", need_by=None, quantity=1)).stock
    assert (free.free, free.promised_ahead, free.promised_from) == (6, 2, HELD)
    assert await waiting_steps() == []
    assert await db.fetch_value("SELECT count(*) FROM failure") == 0  # nothing failed
    assert "计划" in telling.sentence(view).zh
    assert await violations() == []


async def test_when_its_day_comes_it_is_held_and_goes_the_way_of_every_request(at_noon):
    view = await requests.open_request(inspection(), by=DISPATCHER)
    with clock.at(HELD - timedelta(minutes=1)):
        assert await planned.begin_due(by=SETUP) == 0
    with clock.at(HELD + timedelta(minutes=1)):
        assert await planned.begin_due(by=SETUP) == 1
        assert await planned.begin_due(by=SETUP) == 0
        held = await requests.request_view(view.id)
        assert told(held) == [(2, "reserved", "GZ", True, None)]
        assert held.lines[0].promise.arrives_at == DATE
        assert (await of(PSU, "GZ")).reserved == 2
        assert await waiting_steps() == [("ship_parts", view.number, HELD + READY)]
        sent = await shipping.ship(view.id, by=KEEPER)
        done = await debriefing.debrief(
            sent.id, [debriefing.Debrief(part_number=PSU, outcome="returned_good")], by=DISPATCHER
        )
    assert (sent.state, done.state) == ("shipped", "reconciled")
    assert await violations() == []


async def test_the_clockwork_of_soft_reservations_leaves_its_line_to_be_followed(at_noon):
    view = await requests.open_request(inspection(), by=DISPATCHER)
    with clock.at(HELD + timedelta(minutes=1)):
        await promises.begin_due(by=SETUP)  # a worker that was faster
        assert await planned.begin_due(by=SETUP) == 1
    assert told(await requests.request_view(view.id)) == [(2, "reserved", "GZ", True, None)]


async def test_work_that_begins_soon_is_held_at_once(at_noon):
    view = await requests.open_request(inspection(at=NOW + timedelta(hours=20)), by=DISPATCHER)

    assert told(view) == [(2, "reserved", "GZ", True, None)]
    assert view.lines[0].promise.on_time
    assert [kind for kind, *_ in await waiting_steps()] == ["ship_parts"]


async def test_nothing_is_promised_twice_and_what_is_missing_is_said_at_once(at_noon):
    first = await requests.open_request(inspection(6), by=DISPATCHER)
    earlier = inspection(4, reference="PM-2", at=DATE - timedelta(days=2))
    second = await requests.open_request(earlier, by=DISPATCHER)  # from Shanghai: Guangzhou's are promised
    third = await requests.open_request(inspection(3, reference="PM-3"), by=DISPATCHER)

    assert told(first) == [(6, "planned", "GZ", False, 0)]
    assert told(second) == [(4, "planned", "SH", False, 0)]
    assert told(third) == [(1, "planned", "SH", False, 0), (2, "planned", "GZ", False, 2)]
    short = third.lines[1]
    assert short.promise.reasons == ["short_on_the_day"]
    assert short.ahead.replenish_by == HELD + READY
    assert short.ahead.deliveries == []
    assert await waiting_steps() == [("find_stock", third.number, HELD + READY)]
    assert (await kinds()).count("part_request.short") == 1
    assert "2" in telling.sentence(third).zh
    assert (await of(PSU, "GZ")).promised == 8


async def test_a_delivery_that_is_sure_covers_and_one_that_is_not_is_named(at_noon):
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="all gone")
    await receipts.adjust("SH", PSU, -3, by=SETUP, reason="all gone")
    sent = await transfers.draft_transfer(
        "SH", "GZ", [transfers.TransferItem(part_number=PSU, quantity=2)], by=SH_KEEPER
    )
    await transfers.ship(sent.id, by=SH_KEEPER)
    order = await orders.draft_order("DISTI", "GZ", [orders.NewLine(part_number=PSU, quantity=5)], by=BUYER)
    await orders.approve_order(order.id, by=SETUP)
    await orders.record_placed(order.id, by=SETUP)  # the vendor has it, and promised no time yet
    view = await requests.open_request(inspection(3), by=DISPATCHER)

    covered, short = view.lines
    assert told(view) == [(2, "planned", "GZ", False, 0), (1, "planned", "GZ", False, 1)]
    assert covered.promise.reasons == ["promised_ahead", "counts_on_delivery"]
    assert [(each.number, each.quantity) for each in covered.ahead.deliveries] == [(sent.number, 2)]
    assert [(each.number, each.confirmed) for each in short.ahead.deliveries] == [(order.number, False)]


async def test_a_fault_may_take_what_is_free_and_the_planned_work_hears_of_it_and_is_sourced_anew(at_noon):
    view = await requests.open_request(inspection(6), by=DISPATCHER)
    assert await planned.look_ahead(by=SETUP) == 0
    await requests.open_request(fault(5), by=DISPATCHER)
    assert await planned.look_ahead(by=SETUP) == 1
    moved = await requests.request_view(view.id)

    # one is left in Guangzhou; Shanghai gives the rest: it comes in time for the date
    assert sorted(told(moved)) == [(1, "planned", "GZ", False, 0), (5, "planned", "SH", False, 0)]
    assert await planned.look_ahead(by=SETUP) == 0

    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="all gone")
    assert await planned.look_ahead(by=SETUP) == 1
    short = await requests.request_view(view.id)
    assert sum(line.ahead.missing for line in short.lines) == 5
    assert await planned.look_ahead(by=SETUP) == 0  # told once
    assert [kind for kind, number, _ in await waiting_steps() if number == view.number] == ["find_stock"]

    await receipts.adjust("GZ", PSU, 9, by=SETUP, reason="found")
    assert await planned.look_ahead(by=SETUP) == 1
    mended = await requests.request_view(view.id)
    assert sum(line.ahead.missing for line in mended.lines) == 0
    assert [kind for kind, number, _ in await waiting_steps() if number == view.number] == []
    assert await planned.look_ahead(by=SETUP) == 0
    assert await violations() == []


async def test_what_is_held_for_planned_work_may_be_taken_over_and_is_sourced_anew(at_noon):
    view = await requests.open_request(inspection(6), by=DISPATCHER)
    with clock.at(HELD + timedelta(minutes=1)):
        await planned.begin_due(by=SETUP)
        await receipts.adjust("SH", PSU, -5, by=SETUP, reason="all gone")
        urgent = await requests.open_request(fault(2), by=DISPATCHER)
        assert urgent.state == "backordered"
        (line,) = (await requests.request_view(view.id)).lines
        await taking_over.take_over_for_request(
            line.promise.reservation, urgent.id, by=MANAGER, reason="the bank stands"
        )
        await backorders.lost_reservation(line.promise.reservation, by=SETUP)
        lost = await requests.request_view(view.id)

        assert told(await requests.request_view(urgent.id)) == [(2, "reserved", "GZ", True, None)]
        assert told(lost) == [(4, "reserved", "GZ", True, None), (2, "backordered", "GZ", False, 2)]
        assert lost.lines[1].promise.reasons == ["taken_over", "short_on_the_day"]
        assert lost.lines[1].ahead.replenish_by == HELD + READY
        assert ("find_stock", view.number, HELD + READY) in await waiting_steps()

        part, place, pool = await db.fetch_one(
            "SELECT part, source_place, pool FROM request_line WHERE ahead IS NOT NULL"
        )
        await receipts.adjust("GZ", PSU, 2, by=SETUP, reason="found")
        await backorders.fill_backorders(part, place, pool, by=SETUP)
        assert told(await requests.request_view(view.id))[1] == (2, "reserved", "GZ", True, None)
        assert "find_stock" not in [kind for kind, *_ in await waiting_steps()]
    assert await violations() == []


async def test_what_is_not_there_when_the_day_comes_is_looked_for_elsewhere(at_noon):
    view = await requests.open_request(inspection(6), by=DISPATCHER)
    with clock.at(HELD + timedelta(minutes=1)):
        await receipts.adjust("GZ", PSU, -4, by=SETUP, reason="stolen")
        assert await planned.begin_due(by=SETUP) == 0
        held = await requests.request_view(view.id)

    assert [(line.state, line.promise.depot, line.quantity) for line in held.lines] == [
        ("reserved", "GZ", 2),
        ("reserved", "SH", 4),
    ]
    assert held.lines[0].promise.reasons[0] == "not_there_on_the_day"


async def test_its_date_can_be_moved_and_the_promise_moves_with_it(at_noon):
    view = await requests.open_request(inspection(), by=DISPATCHER)
    sooner = NOW + timedelta(hours=10)
    held = await changing.change(view.id, Change(planned_at=sooner), by=DISPATCHER)
    assert (held.planned_at, held.need_by, told(held)) == (sooner, sooner, [(2, "reserved", "GZ", True, None)])
    assert (await of(PSU, "GZ")).reserved == 2

    later = await changing.change(view.id, Change(planned_at=DATE + timedelta(days=1)), by=DISPATCHER)
    assert told(later) == [(2, "planned", "GZ", False, 0)]
    assert later.lines[0].ahead.held_from == HELD + timedelta(days=1)
    level = await of(PSU, "GZ")
    assert (level.reserved, level.promised) == (0, 2)
    assert await violations() == []


async def test_a_note_or_another_engineer_leaves_the_promise_as_it_is(at_noon):
    view = await requests.open_request(inspection(), by=DISPATCHER)
    noted = await changing.change(view.id, Change(note="bring the ladder", engineer="E-1"), by=DISPATCHER)

    assert (noted.note, noted.engineer) == ("bring the ladder", "E-1")
    assert noted.lines[0].promise.reservation == view.lines[0].promise.reservation


async def test_the_list_shows_the_date_and_whether_something_is_missing(at_noon):
    await requests.open_request(inspection(), by=DISPATCHER)
    await requests.open_request(inspection(30, reference="PM-2"), by=DISPATCHER)
    listed = await requests.requests(limit=9, seen_by=DISPATCHER, state="planned")

    assert [(each.planned_at, each.on_time, each.severity) for each in listed] == [
        (DATE, False, None),
        (DATE, True, None),
    ]


async def test_cancelling_takes_the_promise_back(at_noon):
    view = await requests.open_request(inspection(9), by=DISPATCHER)
    cancelled = await requests.cancel(view.id, by=DISPATCHER, reason="the customer has no window")

    assert {line.state for line in cancelled.lines} == {"cancelled"}
    assert (await of(PSU, "GZ")).promised == 0
    assert await waiting_steps() == []


async def test_what_is_promised_to_planned_work_is_let_go_through_it_only(at_noon):
    view = await requests.open_request(inspection(), by=DISPATCHER)

    with pytest.raises(HeldForRequest):
        await void_reservation(view.lines[0].promise.reservation, by=DISPATCHER)
    assert (await reservations.reservation_view(view.lines[0].promise.reservation)).state == "soft"


async def check_refused(refusal: type[InventoryError], verb) -> None:
    before = await db.fetch_value("SELECT count(*) FROM part_request")
    with pytest.raises(refusal):
        await verb
    assert await db.fetch_value("SELECT count(*) FROM part_request") == before


async def test_planned_work_has_a_date_and_a_fault_a_severity(at_noon):
    await check_refused(SeverityMissing, requests.open_request(inspection(severity="general"), by=DISPATCHER))
    neither = NewRequest(source="x", reference="y", device_serial="BANK-001", lines=[NewRequestLine(part_number=FAN)])
    await check_refused(SeverityMissing, requests.open_request(neither, by=DISPATCHER))
    await check_refused(PlannedInPast, requests.open_request(inspection(at=NOW - timedelta(hours=1)), by=DISPATCHER))
    view = await requests.open_request(inspection(), by=DISPATCHER)
    broken = await requests.open_request(fault(), by=DISPATCHER)
    await check_refused(PlannedWork, changing.pause(view.id, by=DISPATCHER, reason="x"))
    await check_refused(PlannedWork, changing.resume(view.id, by=DISPATCHER))
    await check_refused(PlannedWork, changing.reopen(view.id, [], by=DISPATCHER, reason="x"))
    await check_refused(PlannedWork, changing.new_cause(view.id, [], by=DISPATCHER, reason="x"))
    await check_refused(PlannedWork, changing.change(view.id, Change(severity="severe"), by=DISPATCHER))
    await check_refused(
        PlannedInPast, changing.change(view.id, Change(planned_at=NOW - timedelta(days=1)), by=DISPATCHER)
    )
    await check_refused(NotPlanned, changing.change(broken.id, Change(planned_at=DATE), by=DISPATCHER))


async def test_the_same_call_again_is_the_same_planned_request(at_noon):
    first = await requests.open_request(inspection(), by=DISPATCHER)

    assert (await requests.open_request(inspection(), by=DISPATCHER)).id == first.id
    assert (await of(PSU, "GZ")).promised == 2


async def test_a_part_that_proves_dead_while_the_work_is_done_is_asked_for_again(company):
    view = await requests.open_request(inspection(at=clock.now() + timedelta(hours=3)), by=DISPATCHER)
    sent = await shipping.ship(view.id, by=KEEPER)
    await db.execute("UPDATE part_request SET planned_at = planned_at - interval '4 hours'")
    dead = debriefing.Debrief(part_number=PSU, quantity=1, outcome="dead_on_arrival")
    done = await debriefing.debrief(sent.id, [dead], by=DISPATCHER)

    assert (await requests.request_view(done.linked[0].id)).state == "reserved"


async def test_moving_planned_work_moves_the_keepers_duty(company):
    view = await requests.open_request(inspection(at=clock.now() + timedelta(days=30)), by=DISPATCHER)
    soon = clock.now() + timedelta(hours=5)
    await changing.change(view.id, changing.Change(planned_at=soon), by=DISPATCHER)
    assert await db.fetch_value(_OPEN_DUTIES, view.number) == 1
    await changing.change(view.id, changing.Change(planned_at=soon + timedelta(days=30)), by=DISPATCHER)
    assert await db.fetch_value(_OPEN_DUTIES, view.number) == 0


_OPEN_DUTIES = "SELECT count(*) FROM step WHERE kind = 'ship_parts' AND subject = $1 AND done_at IS NULL"


async def test_a_dead_part_of_planned_work_is_asked_for_again(at_noon):
    view = await requests.open_request(inspection(at=NOW + timedelta(hours=20)), by=DISPATCHER)
    sent = await shipping.ship(view.id, by=KEEPER)
    dead = debriefing.Debrief(part_number=PSU, quantity=1, outcome="dead_on_arrival")
    done = await debriefing.debrief(sent.id, [dead], by=DISPATCHER)

    again = await requests.request_view(done.linked[0].id)
    assert (again.planned_at, again.severity, again.state) == (view.planned_at, None, "reserved")


async def test_a_store_that_goes_out_of_service_is_counted_on_by_nobody_before_the_day_either(at_noon):
    view = await requests.open_request(inspection(2), by=DISPATCHER)
    await register.take_out_of_service("GZ", by=MANAGER, reason="flooded")
    assert await planned.look_ahead(by=SETUP) == 1
    moved = await requests.request_view(view.id)
    assert told(moved) == [(2, "planned", "SH", False, 0)]
    assert (await of(PSU, "GZ")).promised == 0
    assert await planned.look_ahead(by=SETUP) == 0

    await register.take_out_of_service("SH", by=MANAGER, reason="as well")
    assert await planned.look_ahead(by=SETUP) == 1
    lost = await requests.request_view(view.id)
    assert [(line.state, line.promise.depot, line.ahead.missing) for line in lost.lines] == [("backordered", None, 2)]
    assert [kind for kind, *_ in await waiting_steps()] == ["find_stock"]
    assert await planned.look_ahead(by=SETUP) == 0

    await register.return_to_service("GZ", by=MANAGER, reason="dry again")
    assert await backorders.renew_promises(by=SETUP) == 1
    assert told(await requests.request_view(view.id)) == [(2, "planned", "GZ", False, 0)]
    assert await waiting_steps() == []
    assert await violations() == []


async def test_on_its_day_nothing_is_held_in_a_store_out_of_service(at_noon):
    view = await requests.open_request(inspection(2), by=DISPATCHER)
    await register.take_out_of_service("GZ", by=MANAGER, reason="flooded")
    with clock.at(HELD + timedelta(minutes=1)):
        assert await planned.begin_due(by=SETUP) == 0
        assert told(await requests.request_view(view.id)) == [(2, "reserved", "SH", True, None)]
    assert (await of(PSU, "GZ")).reserved == 0


async def test_a_part_that_its_contract_comes_to_forbid_is_not_counted_on_any_more(at_noon):
    view = await requests.open_request(inspection(2), by=DISPATCHER)
    await forbid(PSU)
    assert await planned.look_ahead(by=SETUP) == 1
    assert told(await requests.request_view(view.id)) == [(2, "planned", "GZ", False, 2)]
    assert await planned.look_ahead(by=SETUP) == 0


async def test_one_piece_that_comes_goes_to_whoever_missed_it_first(at_noon):
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="gone")
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")
    first = await requests.open_request(inspection(1), by=DISPATCHER)
    second = await requests.open_request(inspection(1, reference="PM-2"), by=DISPATCHER)
    assert told(first) == told(second) == [(1, "planned", "GZ", False, 1)]
    assert await planned.look_ahead(by=SETUP) == 0

    await receipts.adjust("GZ", PSU, 1, by=SETUP, reason="found")
    assert await planned.look_ahead(by=SETUP) == 1
    assert told(await requests.request_view(first.id)) == [(1, "planned", "GZ", False, 0)]
    assert told(await requests.request_view(second.id)) == [(1, "planned", "GZ", False, 1)]
    assert await planned.look_ahead(by=SETUP) == 0

    await receipts.adjust("GZ", PSU, 1, by=SETUP, reason="found")
    assert await planned.look_ahead(by=SETUP) == 1
    assert told(await requests.request_view(second.id)) == [(1, "planned", "GZ", False, 0)]
    assert await planned.look_ahead(by=SETUP) == 0
    assert await violations() == []


async def test_looking_ahead_walks_through_all_levels_and_asks_as_often_however_many_lines(at_noon):
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")
    for n, part in enumerate((PSU, FAN, DRIVE)):
        await requests.open_request(inspection(1, part, reference=f"PM-{n}"), by=DISPATCHER)
    assert await planned.look_ahead(by=SETUP) == 0
    await register.take_out_of_service("GZ", by=MANAGER, reason="flooded")
    assert await planned.look_ahead(by=SETUP, batch=1) == 3

    async def statements() -> int:
        async with counted() as sent:
            assert await planned.look_ahead(by=SETUP) == 0
        return len(sent)

    few = await statements()
    for n in range(9):
        await requests.open_request(inspection(1, reference=f"PM-{9 + n}"), by=DISPATCHER)
    assert await statements() == few <= 3


async def test_what_is_not_there_on_the_day_is_one_duty_and_not_two(at_noon):
    view = await requests.open_request(inspection(6), by=DISPATCHER)
    with clock.at(HELD + timedelta(minutes=1)):
        await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="stolen")
        await receipts.adjust("SH", PSU, -5, by=SETUP, reason="stolen")
        assert await promises.begin_due(by=SETUP, beside=await planned.followed()) == 0  # a worker that was faster
        await planned.begin_due(by=SETUP)
        found = await steps.open_steps(limit=50, seen_by=AUDITOR)
    assert [(each.kind, each.subject) for each in found if each.kind == "find_stock"] == [("find_stock", view.number)]


async def test_promises_that_are_short_hold_up_no_others_behind_them(at_noon):
    starts = NOW + timedelta(hours=1)
    for quantity, priority in ((50, 9), (60, 9), (1, 0)):
        await promises.promise(PSU, "GZ", quantity, by=KEEPER, starts_at=starts, priority=priority)
    with clock.at(starts):
        assert await promises.begin_due(by=SETUP, batch=1) == 1


async def test_taking_over_for_planned_work_ends_the_duty_to_find_its_stock(at_noon):
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")
    held = await reservations.reserve(PSU, "GZ", 6, by=KEEPER)
    view = await requests.open_request(inspection(2, at=NOW + timedelta(hours=20)), by=DISPATCHER)
    assert [kind for kind, *_ in await waiting_steps()] == ["find_stock"]
    await db.execute("UPDATE reservation SET priority = 0, priority_class = NULL WHERE id = $1", held.id)
    await taking_over.take_over_for_request(held.id, view.id, by=MANAGER, reason="agreed")
    assert [kind for kind, *_ in await waiting_steps()] == ["ship_parts"]


async def test_pieces_that_were_split_are_one_line_again_when_one_store_has_them_all(at_noon):
    await receipts.adjust("GZ", PSU, -4, by=SETUP, reason="gone")
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")
    view = await requests.open_request(inspection(5), by=DISPATCHER)
    assert told(view) == [(2, "planned", "GZ", False, 0), (3, "planned", "GZ", False, 3)]
    await receipts.adjust("GZ", PSU, 1, by=SETUP, reason="found")
    await planned.look_ahead(by=SETUP)
    assert told(await requests.request_view(view.id)) == [
        (3, "planned", "GZ", False, 0),
        (2, "planned", "GZ", False, 2),
    ]
    await receipts.adjust("GZ", PSU, 2, by=SETUP, reason="found")
    await planned.look_ahead(by=SETUP)
    whole = await requests.request_view(view.id)
    assert told(whole) == [(5, "planned", "GZ", False, 0)]
    assert (await of(PSU, "GZ")).promised == 5
    assert await waiting_steps() == []
    with clock.at(HELD + timedelta(minutes=1)):
        assert await planned.begin_due(by=SETUP) == 1
        assert (await of(PSU, "GZ")).reserved == 5
    assert await violations() == []


async def test_nothing_that_the_contract_forbids_by_now_is_given_to_whoever_waits_for_it(at_noon):
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="gone")
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")
    waits = await requests.open_request(fault(1), by=DISPATCHER)
    part, place, pool = await db.fetch_one("SELECT part, source_place, pool FROM request_line")
    await forbid(PSU)
    await receipts.adjust("GZ", PSU, 1, by=SETUP, reason="found")

    assert await backorders.fill_backorders(part, place, pool, by=SETUP) == 0
    await db.execute("UPDATE forbidden_part SET in_force = false")
    assert await backorders.fill_backorders(part, place, pool, by=SETUP) == 1
    assert (await requests.request_view(waits.id)).state == "reserved"


async def test_stock_that_comes_on_the_day_is_somebodys_to_hand_out(at_noon):
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="gone")
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")
    await requests.open_request(inspection(1, at=NOW + timedelta(hours=20)), by=DISPATCHER)
    part, place, pool = await db.fetch_one("SELECT part, source_place, pool FROM request_line")
    await receipts.adjust("GZ", PSU, 1, by=SETUP, reason="found")

    assert await backorders.fill_backorders(part, place, pool, by=SETUP) == 1
    assert [kind for kind, *_ in await waiting_steps()] == ["ship_parts"]
