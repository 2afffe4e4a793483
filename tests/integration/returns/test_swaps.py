"""Whole-unit swaps: watched from the report, held in time, decided by a person, and told of in the device's record."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import clock, db, steps
from inventory.ground.errors import ReasonMissing, Unknown, WrongState
from inventory.installed_base import devices, fitted
from inventory.installed_base.clocks import is_working_day
from inventory.places import register as places
from inventory.planning import learning
from inventory.requests import changing, debriefing, requests, shipping, swapping
from inventory.requests.debriefing import Debrief
from inventory.returns import counter, debts, erasing, swaps
from inventory.returns.swaps import NoSwapPromised, SwapOpen
from inventory.stock import paper_policy, receipts, reservations, taking_over, units
from tests.integration.planning.test_learning import SWAP, enter_swap_unit, promise_swaps
from tests.world import DISPATCHER, ENGINEER, FAN, KEEPER, MANAGER, PSU, SETUP, SUPERVISOR, actor


def morning(day: date) -> datetime:
    """Ten in Beijing, on the first working day from a day on: repaired within 4 hours, swapped within 8."""
    while not is_working_day(day, paper_policy.OFFICE)[0]:
        day += timedelta(days=1)
    return datetime.combine(day, time(2), UTC)


MORNING = morning(clock.today() + timedelta(days=1))


async def promised(*serials: str, depot: str = "GZ") -> None:
    """The bank's contract promises swaps, and whole units lie in a store."""
    await enter_swap_unit()
    await promise_swaps("C-BANK")
    await stock(*serials, depot=depot)


async def stock(*serials: str, depot: str = "GZ") -> None:
    if serials:
        await receipts.adjust(
            depot,
            SWAP,
            len(serials),
            by=SETUP,
            provenance="maker_direct",
            reason="spare machines",
            serials=list(serials),
        )


async def fault(device: str = "BANK-001", part: str = FAN) -> requests.RequestView:
    return await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference=f"INC-{device}",
            ticket="INC-1",
            device_serial=device,
            severity="general",
            engineer=ENGINEER.name,
            lines=[requests.NewRequestLine(part_number=part)],
        ),
        by=DISPATCHER,
    )


async def the_swap(**query: object) -> swaps.SwapView:
    (found,) = await swaps.swaps(limit=2, seen_by=SETUP, **query)
    return await swaps.swap_view(found.id)


async def held() -> tuple[int, int]:
    """Whole units that are free in Guangzhou, and held there."""
    row = await db.fetch_one(
        """SELECT sum(free)::int AS free, sum(reserved)::int AS reserved FROM level
           JOIN part ON part.id = level.part JOIN place ON place.id = level.place
           WHERE part_number = $1 AND place.code = 'GZ' AND condition = 'good'""",
        SWAP,
    )
    return (row["free"] or 0, row["reserved"] or 0)


async def duties(number: str) -> list[str]:
    return await steps.open_kinds("swap", number)


async def test_a_unit_is_held_in_time_before_it_must_leave_and_freed_by_the_repair(company):
    await promised("SW-1")
    with clock.at(MORNING):
        asked = await fault()
        watched = await the_swap()
    # the swap is complete 8 h after the report: 1.2 h of way and half an hour of fitting before; the repair limit is sooner
    assert (watched.state, watched.start_by, watched.complete_by) == (
        "watching",
        MORNING + timedelta(hours=4),
        MORNING + timedelta(hours=8),
    )
    assert (watched.leave_by, watched.reserve_at) == (MORNING + timedelta(hours=4), MORNING + timedelta(hours=2))
    assert (watched.request_number, watched.depot, watched.assumed, await held()) == (asked.number, "GZ", True, (1, 0))
    with clock.at(MORNING + timedelta(hours=2)):
        await swaps.look_at_due(by=SETUP)
        due = await the_swap()
        assert (due.state, await held(), await duties(due.number)) == ("reserved", (0, 1), ["decide_swap"])
    with clock.at(MORNING + timedelta(hours=3)):
        await shipping.ship(asked.id, by=KEEPER)
        await debriefing.debrief(asked.id, [Debrief(part_number=FAN, outcome="used")], by=ENGINEER)
    done = await the_swap()

    assert (done.state, done.ended_because, await held(), await duties(done.number)) == (
        "released",
        "repaired",
        (1, 0),
        [],
    )
    assert await violations() == []


async def test_what_is_decided_late_says_what_it_misses_and_leaves_as_any_part_does(company):
    await promised("SW-1")
    with clock.at(MORNING):
        asked = await fault()
    with clock.at(MORNING + timedelta(hours=7)):
        await swaps.look_at_due(by=SETUP)
        decided = await swapping.swap((await the_swap()).id, by=MANAGER, reason="the part is not here")
        sent = await requests.request_view(decided.swap_request)
        assert [(each.deadline, each.late_minutes) for each in decided.misses] == [("start", 195), ("complete", 57)]
        assert (sent.lines[0].part_number, sent.lines[0].state, [each.because for each in sent.linked]) == (
            SWAP,
            "reserved",
            ["swap"],
        )
        await shipping.ship(sent.id, by=KEEPER)
        assert (await the_swap(live_only=True)).state == "left"
    with clock.at(MORNING + timedelta(hours=9)):
        await debriefing.debrief(
            sent.id, [Debrief(part_number=SWAP, outcome="used", serial_out="BANK-001")], by=ENGINEER
        )
    fitted_in = await the_swap()
    old = await devices.device("BANK-001", seen_by=SETUP)
    new = await devices.device("SW-1", seen_by=SETUP)

    assert (fitted_in.state, fitted_in.start_kept, fitted_in.complete_kept) == ("installed", False, False)
    assert (old.successor, old.retired_on is not None, new.contract, new.retired_on) == ("SW-1", True, "C-BANK", None)
    # nothing of it counts as a failure of the whole unit, and the request of the repair is no business of the swap's
    assert (
        await db.fetch_value("SELECT count(*) FROM failure JOIN part ON part.id = part WHERE part_number = $1", SWAP)
        == 0
    )
    assert (await requests.request_view(asked.id)).state == "reserved"
    assert await violations() == []


async def test_the_old_device_is_no_good_stock_before_two_people_saw_its_data_gone(company):
    await promised("SW-1")
    await fault(part=PSU)
    with clock.at(clock.now() + timedelta(minutes=1)):
        decided = await swapping.swap((await the_swap()).id, by=MANAGER)
    await shipping.ship(decided.swap_request, by=KEEPER)
    await debriefing.debrief(
        decided.swap_request, [Debrief(part_number=SWAP, outcome="used", serial_out="BANK-001")], by=ENGINEER
    )
    out = await units.unit("BANK-001", seen_by=SETUP)
    assert (out.condition, await erasing.holding_data(limit=9, seen_by=SETUP)) == ("defective", [])
    await counter.take_in("GZ", "BANK-001", by=KEEPER)
    back = await units.unit("BANK-001", seen_by=KEEPER)
    assert (back.place, back.condition, (await the_swap()).old_data) == ("GZ", "defective", "to_erase")
    erased = await erasing.erase("BANK-001", "crypto_erase", "vendor tool", by=KEEPER)
    with pytest.raises(erasing.OwnErasure):
        await erasing.verify(erased.id, by=KEEPER, passed=True, finding="read back")
    await erasing.verify(erased.id, by=SUPERVISOR, passed=True, finding="read back: zeros")

    assert ((await the_swap()).state, (await the_swap()).old_data) == ("closed", "erased")
    assert await erasing.holding_data(limit=9, seen_by=SETUP) == []


async def test_what_was_fitted_goes_along_with_the_swap(company):
    await promised("SW-1")
    first = await fault()
    await shipping.ship(first.id, by=KEEPER)
    await debriefing.debrief(first.id, [Debrief(part_number=FAN, outcome="used")], by=ENGINEER)
    opened = await swaps.open_swap("BANK-001", "general", by=DISPATCHER)
    decided = await swapping.swap(opened.id, by=DISPATCHER)
    await shipping.ship(decided.swap_request, by=KEEPER)
    await debriefing.debrief(decided.swap_request, [Debrief(part_number=SWAP, outcome="used")], by=DISPATCHER)
    (inside,) = await fitted.fitted("SW-1", seen_by=SETUP)
    (was,) = await fitted.fitted("BANK-001", seen_by=SETUP)

    assert (inside.part_number, inside.removed_at) == (FAN, None)
    assert (was.removed_by, was.removed_at is not None) == (opened.number, True)
    # the old device is owed: nobody said that it came back, and the customer may keep it
    assert [debt.part_number for debt in await debts.debts(limit=9, seen_by=SETUP, device="BANK-001")] == [FAN, SWAP]
    closed = await swaps.close(opened.id, by=DISPATCHER, reason="kept for its disks")
    assert (closed.state, closed.old_data) == ("closed", "kept_by_customer")
    owed = await debts.debts(limit=9, seen_by=SETUP, device="BANK-001", state=None)
    assert [debt.state for debt in owed] == ["open", "kept_by_customer"]  # the fan is still to be brought back


async def test_no_unit_to_be_had_is_said_at_once_with_what_would_help(company):
    await promised()
    await places.enter_coverage([places.NewCoverage(store="ZJ", site="BANK-GZ", travel_hours=1)], by=SETUP)
    with clock.at(MORNING):
        await fault()
        short = await the_swap()
        outlook = await swaps.outlook(short.id, seen_by=SETUP)
        assert (short.state, short.depot, await duties(short.number)) == ("watching", None, ["find_swap_unit"])
        assert outlook is not None
        assert outlook.help is not None
        assert (outlook.help.equivalents, outlook.help.elsewhere) == ([SWAP], [])
    with clock.at(MORNING + timedelta(minutes=30)):
        assert (await swaps.look_at_due(by=SETUP), await swaps.look_for_units(by=SETUP)) == (0, 0)
        await db.execute("DELETE FROM pgqueuer")
        await stock("SW-9")
        assert [row["entrypoint"] for row in await db.fetch("SELECT entrypoint FROM pgqueuer")] == ["find_swap_units"]
        part = await db.fetch_value("SELECT id FROM part WHERE part_number = $1", SWAP)
        assert await swaps.look_for_units(by=SETUP, part=part) == 1
        found = await the_swap()

    assert (found.depot, found.short_since, await duties(found.number)) == ("GZ", None, [])
    kinds = [
        row["kind"]
        for row in await db.fetch("SELECT kind FROM event WHERE subject = $1 ORDER BY sequence", found.number)
    ]
    assert kinds == ["swap.opened", "swap.short"]


async def test_what_lacks_a_unit_is_asked_about_once_when_its_time_has_come(company):
    await promised()
    with clock.at(MORNING):
        await fault()
    with clock.at(MORNING + timedelta(hours=2, minutes=1)):
        assert [await swaps.look_at_due(by=SETUP) for _ in range(2)] == [1, 0]
        assert await duties((await the_swap()).number) == ["decide_swap", "find_swap_unit"]


async def test_a_fault_that_is_rated_higher_is_watched_from_then_on_by_the_clock_of_its_report(company):
    await promised("SW-1")
    await db.execute("UPDATE service_term SET swap_complete_hours = NULL WHERE severity = 'general'")
    higher, lower = changing.Change(severity="severe"), changing.Change(severity="general")
    with clock.at(MORNING):
        asked = await fault()
        assert await swaps.swaps(limit=9, seen_by=SETUP) == []
    with clock.at(MORNING + timedelta(hours=1)):
        await changing.pause(asked.id, by=DISPATCHER, reason="cannot be reproduced")
        await changing.change(asked.id, higher, by=DISPATCHER)
        assert ((await the_swap()).state, (await the_swap()).complete_by) == ("watching", None)
    with clock.at(MORNING + timedelta(hours=3)):
        await changing.resume(asked.id, by=DISPATCHER)
        gained = await the_swap()
        assert (gained.severity, gained.reported_at, gained.complete_by) == (
            "severe",
            MORNING,
            MORNING + timedelta(hours=10),
        )
        await changing.change(asked.id, lower, by=DISPATCHER)
        lost = await swaps.swap_view(gained.id)
        assert (lost.state, lost.ended_because, await held()) == ("released", "not_promised", (1, 0))
        await changing.change(asked.id, higher, by=DISPATCHER)
        anew = await the_swap(live_only=True)
        await swapping.swap(anew.id, by=MANAGER)
        sent = await swaps.swap_view(anew.id)
        await changing.change(asked.id, lower, by=DISPATCHER)
        goes_on = await swaps.swap_view(anew.id)
        assert (goes_on.state, goes_on.unpromised_at is not None) == ("decided", True)
        assert sent.swap_request is not None
        await changing.change(sent.swap_request, higher, by=DISPATCHER)  # the unit's own request is no second fault
        await changing.change(asked.id, higher, by=DISPATCHER)
        assert (await swaps.swap_view(anew.id)).unpromised_at is None
    assert len(await swaps.swaps(limit=9, seen_by=SETUP)) == 2


async def test_what_was_decided_against_is_not_watched_again_for_the_same_request(company):
    await promised("SW-1")
    asked = await fault()
    await swaps.decide_against((await the_swap()).id, by=DISPATCHER, reason="a fan is all it needs")
    await changing.change(asked.id, changing.Change(severity="severe"), by=DISPATCHER)

    assert [each.ended_because for each in await swaps.swaps(limit=9, seen_by=SETUP)] == ["no_swap"]


async def test_a_unit_that_a_firm_promise_holds_is_not_taken(company):
    await promised("SW-1")
    await reservations.reserve(SWAP, "GZ", 1, by=SETUP, reference="for another site")
    await fault()

    assert ((await the_swap()).depot, await held()) == (None, (0, 1))


async def test_a_unit_that_is_taken_over_is_looked_for_elsewhere_at_once(company):
    await promised("SW-1")
    await stock("SW-2", depot="SH")
    await places.enter_coverage([places.NewCoverage(store="SH", site="TELCO-ZJ", travel_hours=2)], by=SETUP)
    with clock.at(MORNING):
        await fault()
    with clock.at(MORNING + timedelta(hours=3)):
        await swaps.look_at_due(by=SETUP)
        holds = await the_swap()
        await taking_over.take_over(
            holds.reservation, by=SETUP, reference="EC", priority_class="emergency", reason="more urgent"
        )
        await swaps.lost_reservation(holds.reservation, by=SETUP)
        now = await the_swap()

    # Shanghai is 25 hours away: late, and the best there is
    assert (holds.depot, now.depot, now.state) == ("GZ", "SH", "reserved")


async def test_a_clock_that_stands_holds_no_unit_and_moves_both_deadlines(company):
    await promised("SW-1")
    with clock.at(MORNING):
        asked = await fault()
    with clock.at(MORNING + timedelta(hours=3)):
        await swaps.look_at_due(by=SETUP)
        await changing.pause(asked.id, by=DISPATCHER, reason="cannot be reproduced")
        stands = await the_swap()
        assert (stands.state, stands.leave_by, stands.complete_by, await held()) == ("watching", None, None, (1, 0))
    with clock.at(MORNING + timedelta(hours=5)):
        await changing.resume(asked.id, by=DISPATCHER)
        runs = await the_swap()

    assert (runs.start_by, runs.complete_by) == (MORNING + timedelta(hours=6), MORNING + timedelta(hours=10))
    assert (runs.state, await held()) == ("reserved", (0, 1))


@pytest.mark.parametrize(("agreed", "complete_after"), [("report", 8), ("repair_limit", 12), ("decision", 12)], ids=str)
async def test_the_contract_says_from_when_the_swap_limit_runs(company, agreed, complete_after):
    await promised("SW-1")
    await db.execute("UPDATE contract SET swap_runs_from = $1 WHERE code = 'C-BANK'", agreed)
    with clock.at(MORNING):
        await fault()
        watched = await the_swap()
        assert (watched.runs_from, watched.assumed) == (agreed, False)
        assert watched.complete_by == MORNING + timedelta(hours=complete_after)
    with clock.at(MORNING + timedelta(hours=1)):
        decided = await swapping.swap(watched.id, by=MANAGER)

    assert decided.complete_by == MORNING + timedelta(hours=9 if agreed == "decision" else complete_after)
    assert decided.misses == []


async def test_a_limit_from_the_decision_stands_still_with_the_clock_also_where_that_stopped_before(company):
    await promised("SW-1")
    await db.execute("UPDATE contract SET swap_runs_from = 'decision' WHERE code = 'C-BANK'")
    with clock.at(MORNING):
        asked = await fault()
    with clock.at(MORNING + timedelta(hours=1)):
        await changing.pause(asked.id, by=DISPATCHER, reason="cannot be reproduced")
    with clock.at(MORNING + timedelta(hours=2)):
        assert (await swapping.swap((await the_swap()).id, by=MANAGER)).complete_by is None
    with clock.at(MORNING + timedelta(hours=3)):
        await changing.resume(asked.id, by=DISPATCHER)

    assert (await the_swap(live_only=True)).complete_by == MORNING + timedelta(hours=2 + 8 + 1)


async def test_a_limit_from_the_decision_needs_no_repair_limit_and_its_terms_are_read_anew(company):
    await promised("SW-1", "SW-2")
    await db.execute("UPDATE service_term SET repair_hours = NULL")
    with clock.at(MORNING):
        asked = await fault()
        assert ((await the_swap()).runs_from, (await the_swap()).assumed) == ("report", True)
        await db.execute("UPDATE contract SET swap_runs_from = 'decision' WHERE code = 'C-BANK'")
        await changing.change(asked.id, changing.Change(note="the contract was read again"), by=DISPATCHER)
        now = await the_swap()
        assert (now.runs_from, now.assumed, now.complete_by) == ("decision", False, MORNING + timedelta(hours=8))
    with clock.at(MORNING + timedelta(hours=1)):
        decided = await swapping.swap(now.id, by=MANAGER)

    assert (decided.runs_from, decided.assumed, decided.complete_by) == (
        "decision",
        False,
        MORNING + timedelta(hours=9),
    )


async def test_other_units_are_told_as_far_as_the_readers_stores_and_rights_go(company):
    await promised("SW-1")
    await stock("SW-2", depot="SH")
    await fault()
    swap = (await the_swap()).id

    async def told(reader):
        outlook = await swaps.outlook(swap, seen_by=reader)
        assert outlook is not None
        return [(each.depot, each.cost_cny is None) for each in outlook.others]

    assert (await told(MANAGER), await told(DISPATCHER), await told(KEEPER)) == ([("SH", False)], [("SH", True)], [])


@pytest.mark.parametrize(
    ("outcome", "condition"), [("no_fault_found", "in_test"), ("dead_on_arrival", "defective")], ids=str
)
async def test_a_whole_unit_that_ran_at_a_customer_is_erased_before_it_is_good(company, outcome, condition):
    await promised("SW-1")
    await fault(part=PSU)
    decided = await swapping.swap((await the_swap()).id, by=MANAGER)
    await shipping.ship(decided.swap_request, by=KEEPER)
    await debriefing.debrief(decided.swap_request, [Debrief(part_number=SWAP, outcome=outcome)], by=ENGINEER)

    assert [(each.serial, each.condition) for each in await erasing.holding_data(limit=9, seen_by=KEEPER)] == [
        ("SW-1", condition)
    ]
    assert await steps.open_kinds("unit", "SW-1") == ["erase_data"]
    assert await violations() == []


async def test_what_came_back_instead_of_the_recorded_device_holds_the_data(company):
    await promised("SW-1")
    await fault(part=PSU)
    decided = await swapping.swap((await the_swap()).id, by=MANAGER)
    await shipping.ship(decided.swap_request, by=KEEPER)
    await debriefing.debrief(
        decided.swap_request, [Debrief(part_number=SWAP, outcome="used", serial_out="BANK-001")], by=ENGINEER
    )
    (debt,) = await debts.debts(limit=9, seen_by=SETUP)
    wrong = (await counter.take_in("GZ", SWAP, serial="BANK-O01", by=KEEPER, debt=debt.id, as_found=True)).wrong
    assert wrong is not None
    await counter.correct_record(wrong.wrong[-1].id, by=MANAGER, reason="misread")
    holding = await db.fetch("SELECT serial FROM unit WHERE holds_data")

    assert ([row["serial"] for row in holding], (await the_swap()).serial_out) == (["BANK-O01"], "BANK-O01")


async def test_a_swap_ends_with_its_request_and_is_decided_once(company):
    await promised("SW-1")
    asked = await fault()
    with pytest.raises(SwapOpen):
        await swaps.open_swap("BANK-001", "general", by=DISPATCHER)
    with pytest.raises(NoSwapPromised):
        await swaps.open_swap("TELCO-001", "general", by=DISPATCHER)
    with pytest.raises(ReasonMissing):
        await swaps.decide_against((await the_swap()).id, by=DISPATCHER, reason=" ")
    await requests.cancel(asked.id, by=DISPATCHER, reason="it came back by itself")
    over = await the_swap()
    assert (over.state, over.ended_because, await held()) == ("released", "cancelled", (1, 0))
    with pytest.raises(WrongState):
        await swapping.swap(over.id, by=DISPATCHER)


async def test_who_sees_neither_the_contract_nor_the_site_sees_no_swap(company):
    await promised("SW-1")
    await fault()
    found = await the_swap()
    for stranger in (actor("dispatcher", contracts={"C-TELCO"}), actor("warehouse_keeper", depots={"ZJ"})):
        assert await swaps.swaps(limit=9, seen_by=stranger) == []
        with pytest.raises(Unknown):
            await swaps.swap_view(found.id, seen_by=stranger)
    assert [each.id for each in await swaps.swaps(limit=9, seen_by=KEEPER)] == [found.id]


async def test_a_swap_that_was_decided_is_a_repair_that_missed_its_limit(company):
    await promised("SW-1")
    long_ago = morning(clock.today() - timedelta(days=15))
    with clock.at(long_ago):
        asked = await fault()
        decided = await swapping.swap((await the_swap()).id, by=MANAGER)
        for each in (asked.id, decided.swap_request):
            await shipping.ship(each, by=KEEPER)
    await db.execute("UPDATE request_line SET arrived_at = shipped_at, state = 'arrived'")
    learned = await learning.learn((long_ago - timedelta(days=1)).date(), clock.today(), by=SETUP)
    missed = {each.service_class: each for each in await learning.missed_of(learned.id)}

    # its part was there in time; and the request that brought the unit is no repair
    assert (missed["2h"].repairs, missed["2h"].late) == (1, 1)
