"""Counting while work goes on: only what truly differs remains, and it is posted once, with a reason."""

from datetime import timedelta
from decimal import Decimal
from itertools import count as count_up

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import clock, db, steps
from inventory.ground.errors import InventoryError, NotGranted, NotYourDepot, ReasonMissing, WrongState
from inventory.places import bins
from inventory.places.bins import NewBin
from inventory.stock import keeping, levels, lots, movements, placing, receipts, reservations, units
from inventory.stock.counting import abc, accuracy, closing, policy, scans, sheets
from inventory.stock.counting.drawing import draw
from inventory.stock.counting.refusals import (
    CountClosed,
    CountedOutOfTime,
    CountFinished,
    CountFourEyes,
    CountIncomplete,
    DifferencesUnexplained,
    MissingIsReserved,
    NothingDrawn,
    NothingToCount,
    QuantityNotCounted,
    ScanIdReused,
    SeedNotYours,
    SerialsNotCounted,
)
from inventory.stock.counting.scans import NewScan
from inventory.stock.pieces import Pieces
from inventory.stock.receipts import Incoming
from tests.world import (
    AUDITOR,
    BATTERY,
    DISPATCHER,
    DRIVE,
    ENGINEER,
    FAN,
    KEEPER,
    PSU,
    SETUP,
    SH_KEEPER,
    SUPERVISOR,
    actor,
)

DRIVES = [f"ZL2-{n:04d}" for n in range(5)]

_ids = count_up()


@pytest.fixture
async def shelves(company):
    """Ten fans in A-01, the drives in A-02, the rest not put away; and some hours later, so that counts have a past."""
    await bins.enter_bins([NewBin(place="GZ", code=code) for code in ("A-01", "A-02", "A-03")], by=SETUP)
    await placing.put_away(Pieces("GZ", FAN, quantity=10), "A-01", by=KEEPER)
    await placing.put_away(Pieces("GZ", DRIVE, serials=DRIVES), "A-02", by=KEEPER)
    with clock.at(clock.now() + timedelta(hours=3)):
        yield


def minutes_ago(minutes: float):
    return clock.now() - timedelta(minutes=minutes)


async def drawn_up(kind="recount", *, ago=60, by=KEEPER, **more):
    with clock.at(minutes_ago(ago)):
        return await sheets.draw_up("GZ", kind, by=by, **more)


def scan(part, quantity=None, serials=None, *, bin_code=None, ago=30.0, **more):
    return NewScan(
        id=f"scan-{next(_ids)}",
        part_number=part,
        quantity=quantity,
        serials=serials,
        bin=bin_code,
        counted_at=minutes_ago(ago),
        **more,
    )


async def counted(sheet, *observations):
    return await scans.record(sheet.id, observations, by=KEEPER)


async def settled(sheet, *, by=KEEPER, reason="counted twice"):
    """The sheet finished, every difference explained, and posted."""
    await closing.finish(sheet.id, by=KEEPER)
    for line in await closing.differences(sheet.id, seen_by=AUDITOR):
        await closing.explain(sheet.id, line.id, by=by, reason=reason)
    return await closing.post_count(sheet.id, by=by)


async def on_hand(part, depot="GZ"):
    return (await levels.level(part, depot, "common", seen_by=AUDITOR)).on_hand


async def test_a_sheet_tells_what_to_count_and_never_how_many(shelves):
    sheet = await drawn_up("full")
    lines = await closing.lines(sheet.id, seen_by=AUDITOR)

    assert [(line.bin, line.part_number) for line in lines] == [
        (None, BATTERY),
        (None, PSU),
        ("A-01", FAN),
        ("A-02", DRIVE),
    ]
    assert {(line.expected, line.difference, line.counted) for line in lines} == {(None, None, None)}
    assert not hasattr((await sheets.printed(sheet.id, seen_by=AUDITOR)).rows[0], "quantity")


async def test_a_count_that_agrees_is_posted_at_once_and_moves_nothing(shelves):
    sheet = await drawn_up(part_number=FAN)
    await counted(sheet, scan(FAN, 10, bin_code="A-01"))
    before = len(await movements.movements(limit=100, seen_by=AUDITOR))
    done = await closing.finish(sheet.id, by=KEEPER)

    assert (done.state, done.closed_by) == ("posted", KEEPER.name)
    assert len(await movements.movements(limit=100, seen_by=AUDITOR)) == before


async def test_what_moves_while_it_is_counted_makes_no_difference(shelves):
    sheet = await drawn_up("full")
    await counted(
        sheet,
        scan(FAN, 10, bin_code="A-01", ago=30),
        scan(PSU, 6, ago=30),
        scan(BATTERY, 3, ago=30),
        scan(DRIVE, serials=DRIVES, bin_code="A-02", ago=30),
    )
    with clock.at(minutes_ago(20)):  # issues, receipts and put-aways go on behind the counter's back
        held = await reservations.hold(FAN, "GZ", 4, by=KEEPER)
        await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ")
        await receipts.receive("GZ", [Incoming(part_number=FAN, quantity=5)], by=KEEPER, origin="V-DISTI")
        await placing.put_away(Pieces("GZ", PSU, quantity=2), "A-03", by=KEEPER)
        drive = await reservations.hold(DRIVE, "GZ", 1, by=KEEPER)
        await reservations.post_reservation(drive.id, by=KEEPER, to="BANK-GZ")
    assert await closing.differences(sheet.id, seen_by=AUDITOR) == []

    done = await closing.finish(sheet.id, by=KEEPER)
    assert done.state == "posted"
    assert (await on_hand(FAN), await on_hand(PSU), await on_hand(DRIVE)) == (11, 6, 4)


async def test_an_issue_recorded_late_explains_what_was_short(shelves):
    sheet = await drawn_up(part_number=FAN)
    await counted(sheet, scan(FAN, 8, bin_code="A-01", ago=30))
    await closing.finish(sheet.id, by=KEEPER)
    (short,) = await closing.differences(sheet.id, seen_by=AUDITOR)
    assert short.difference == -2

    held = await reservations.hold(FAN, "GZ", 2, by=KEEPER)
    await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", occurred_at=minutes_ago(45))
    assert await closing.differences(sheet.id, seen_by=AUDITOR) == []


async def test_a_shortage_leaves_its_bin_and_a_surplus_makes_a_lot_of_the_count(shelves):
    sheet = await drawn_up("full")
    await counted(
        sheet,
        scan(FAN, 7, bin_code="A-01"),
        scan(PSU, 8),
        scan(BATTERY, 3),
        scan(DRIVE, serials=DRIVES, bin_code="A-02"),
        scan(FAN, 1, bin_code="A-03"),  # not on the sheet
    )
    result = await settled(sheet)

    assert (await on_hand(FAN), await on_hand(PSU)) == (8, 8)
    assert (result.lines, result.lines_agreeing, result.pieces_added, result.pieces_removed) == (5, 2, 3, 3)
    found = await lots.lot_stocks(limit=20, seen_by=AUDITOR, depot="GZ", number=sheet.number)
    assert [(lot.part_number, lot.bin, lot.quantity) for lot in found] == [(FAN, "A-03", 1), (PSU, None, 2)]
    moves = await movements.movements(limit=20, seen_by=AUDITOR, document=sheet.number)
    assert {(move.kind, move.reason, move.occurred_at < minutes_ago(20)) for move in moves} == {
        ("adjustment", "counted twice", True)
    }
    assert await violations() == []


async def test_units_are_missing_unknown_misplaced_or_elsewhere(shelves):
    await db.execute("UPDATE unit SET tag = 'T-3' WHERE serial = 'ZL2-0003'")
    with clock.at(minutes_ago(90)):
        await receipts.adjust("SH", DRIVE, 1, by=SETUP, reason="opening", serials=["ZL2-SH"])
        await placing.put_away(Pieces("GZ", DRIVE, serials=["ZL2-0004"]), "A-03", by=KEEPER)
    sheet = await drawn_up(part_number=DRIVE)
    await counted(
        sheet,
        scan(DRIVE, serials=["ZL2-0000", "ZL2-0001", "T-3", "ZL2-0004", "NEW-1", "ZL2-SH"], bin_code="A-02", ago=0.01),
        scan(DRIVE, serials=[], bin_code="A-03", ago=0.01),
    )
    await closing.finish(sheet.id, by=KEEPER)
    (line,) = await closing.differences(sheet.id, seen_by=AUDITOR)
    assert line.missing == ["ZL2-0002"]
    assert {(s.serial, s.kind, s.place, s.bin) for s in line.strange} == {
        ("NEW-1", "unknown", None, None),
        ("ZL2-0004", "other_bin", "GZ", "A-03"),
        ("ZL2-SH", "conflict", "SH", None),
    }
    result = await settled(sheet)

    assert (result.pieces_added, result.pieces_removed, result.units_relocated) == (1, 1, 1)
    where = {
        serial: (unit.place, unit.bin)
        for serial in ("ZL2-0002", "ZL2-0004", "NEW-1", "ZL2-SH")
        for unit in [await units.unit(serial, seen_by=AUDITOR)]
    }
    assert where == {
        "ZL2-0002": ("ADJUSTMENT", None),
        "ZL2-0004": ("GZ", "A-02"),
        "NEW-1": ("GZ", "A-02"),
        "ZL2-SH": ("SH", None),
    }
    assert await violations() == []


async def test_a_unit_written_off_before_is_found_again(shelves):
    first = await drawn_up(part_number=DRIVE)
    await counted(first, scan(DRIVE, serials=DRIVES[1:], bin_code="A-02", ago=50))
    await settled(first)
    second = await drawn_up(part_number=DRIVE, ago=40)
    await counted(second, scan(DRIVE, serials=DRIVES, bin_code="A-02", ago=30))
    await closing.finish(second.id, by=KEEPER)
    (line,) = await closing.differences(second.id, seen_by=AUDITOR)
    assert [found.kind for found in line.strange] == ["lost_before"]
    await settled(second)

    unit = await units.unit(DRIVES[0], seen_by=AUDITOR)
    assert (unit.place, unit.bin) == ("GZ", "A-02")
    assert await violations() == []


async def test_the_latest_count_of_a_line_holds_whoever_made_it(shelves):
    sheet = await drawn_up(part_number=FAN)
    await scans.record(sheet.id, [scan(FAN, 9, bin_code="A-01", ago=20)], by=KEEPER)
    await scans.record(sheet.id, [scan(FAN, 10, bin_code="A-01", ago=10)], by=SUPERVISOR)
    await scans.record(sheet.id, [scan(FAN, 3, bin_code="A-01", ago=25)], by=KEEPER)  # an offline device comes late

    (line,) = await closing.lines(sheet.id, seen_by=AUDITOR)
    assert (line.counted, line.counted_by, line.differs) == (10, SUPERVISOR.name, False)


async def test_the_same_scan_sent_twice_is_recorded_once(shelves):
    sheet = await drawn_up(part_number=FAN)
    once = scan(FAN, 9, bin_code="A-01")
    first, second = await counted(sheet, once), await counted(sheet, once)

    assert first == second
    assert await db.fetch_value("SELECT count(*) FROM count_scan WHERE sheet = $1", sheet.id) == 1
    with pytest.raises(ScanIdReused):
        await counted(sheet, NewScan(id=once.id, part_number=FAN, quantity=8, bin="A-01", counted_at=once.counted_at))


async def test_two_counts_of_one_shelf_mend_it_once(shelves):
    earlier = await drawn_up(part_number=FAN, ago=60)
    later = await drawn_up(bin_code="A-02", ago=60)
    await counted(earlier, scan(FAN, 8, bin_code="A-01", ago=40))
    await counted(later, scan(FAN, 8, bin_code="A-01", ago=30), scan(DRIVE, serials=DRIVES, bin_code="A-02", ago=30))
    await settled(later)
    (line,) = await closing.lines(earlier.id, seen_by=AUDITOR)
    assert (line.superseded_by, line.differs) == (later.number, False)

    assert (await closing.finish(earlier.id, by=KEEPER)).state == "posted"
    assert await on_hand(FAN) == 8


@pytest.mark.parametrize(
    ("observation", "refusal"),
    [
        (lambda: scan(FAN, 1, bin_code="A-01", ago=-10), CountedOutOfTime),
        (lambda: scan(FAN, 1, bin_code="A-01", ago=90), CountedOutOfTime),
        (lambda: scan(FAN, 1, bin_code="A-01", ago=30, began_at=minutes_ago(10)), CountedOutOfTime),
        (lambda: scan(FAN, serials=["X"], bin_code="A-01"), QuantityNotCounted),
        (lambda: scan(FAN, bin_code="A-01"), QuantityNotCounted),
        (lambda: scan(DRIVE, 5, bin_code="A-02"), SerialsNotCounted),
    ],
)
async def test_what_cannot_have_been_counted_is_refused(shelves, observation, refusal):
    sheet = await drawn_up("full")
    with pytest.raises(refusal):
        await counted(sheet, observation())


async def test_a_scan_older_than_a_week_is_refused(shelves):
    sheet = await drawn_up(part_number=FAN)
    with clock.at(clock.now() + timedelta(days=8)), pytest.raises(CountedOutOfTime):
        await counted(sheet, scan(FAN, 10, bin_code="A-01", ago=60 * 24 * 8 - 30))


async def test_a_count_is_finished_when_every_line_is_counted_and_posted_when_all_is_explained(shelves):
    sheet = await drawn_up("full")
    await counted(sheet, scan(FAN, 9, bin_code="A-01"))
    with pytest.raises(CountIncomplete) as incomplete:
        await closing.finish(sheet.id, by=KEEPER)
    assert incomplete.value.facts["missing"] == 3
    await counted(sheet, scan(PSU, 6), scan(BATTERY, 3), scan(DRIVE, serials=DRIVES, bin_code="A-02"))
    assert (await closing.finish(sheet.id, by=KEEPER)).state == "counted"
    with pytest.raises(DifferencesUnexplained):
        await closing.post_count(sheet.id, by=KEEPER)
    (line,) = await closing.differences(sheet.id, seen_by=AUDITOR)
    with pytest.raises(ReasonMissing):
        await closing.explain(sheet.id, line.id, by=KEEPER, reason="  ")
    assert (await closing.explain(sheet.id, line.id, by=KEEPER, reason="broken, thrown away")).explained

    held = await reservations.hold(FAN, "GZ", 2, by=KEEPER)  # the reason was for another difference
    await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", occurred_at=minutes_ago(45))
    with pytest.raises(DifferencesUnexplained):
        await closing.post_count(sheet.id, by=KEEPER)
    assert await on_hand(FAN) == 8


async def test_each_difference_shows_its_last_movements(shelves):
    held = await reservations.hold(FAN, "GZ", 1, by=KEEPER)
    await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", document_kind="part_request", document="PR-7")
    sheet = await drawn_up(part_number=FAN, ago=1)
    await counted(sheet, scan(FAN, 5, bin_code="A-01", ago=0.01))
    await closing.finish(sheet.id, by=KEEPER)
    (line,) = await closing.differences(sheet.id, seen_by=AUDITOR)

    assert [(move.kind, move.document, move.actor) for move in line.movements][:2] == [
        ("issue", "PR-7", KEEPER.name),
        ("put_away", None, KEEPER.name),
    ]


async def test_a_full_count_answers_the_duty_to_recount_the_store(shelves):
    async def asked() -> list[str]:
        return [s.subject for s in await steps.open_steps(limit=50, seen_by=AUDITOR) if s.kind == "recount"]

    await keeping.appoint("GZ", None, by=DISPATCHER, recount_days=30)
    await keeping.open_recounts()
    one_part = await drawn_up(part_number=FAN)
    await counted(one_part, scan(FAN, 10, bin_code="A-01"))
    await closing.finish(one_part.id, by=KEEPER)
    assert await asked() == ["GZ"]

    everything = await drawn_up("full")
    for line in await closing.lines(everything.id, seen_by=AUDITOR):
        serials = DRIVES if line.part_number == DRIVE else None
        there = None if serials else await on_hand(line.part_number)
        await counted(everything, scan(line.part_number, there, serials, bin_code=line.bin))
    await closing.finish(everything.id, by=KEEPER)

    assert await asked() == []


async def test_a_dear_difference_needs_somebody_who_did_not_count(shelves):
    await policy.put_in_force(policy.CountPolicy(four_eyes_above_cny=Decimal(500)), by=SUPERVISOR)
    sheet = await drawn_up(part_number=FAN)
    await counted(sheet, scan(FAN, 8, bin_code="A-01"))  # 2 × 260
    await closing.finish(sheet.id, by=KEEPER)
    (line,) = await closing.differences(sheet.id, seen_by=AUDITOR)
    await closing.explain(sheet.id, line.id, by=KEEPER, reason="gone")
    with pytest.raises(CountFourEyes):
        await closing.post_count(sheet.id, by=KEEPER)
    open_steps = [s for s in await steps.open_steps(limit=50, seen_by=AUDITOR) if s.subject == sheet.number]
    assert [(step.kind, step.owner_role) for step in open_steps] == [("post_count", "quality_supervisor")]

    await closing.post_count(sheet.id, by=SUPERVISOR)
    assert await on_hand(FAN) == 8
    assert [s for s in await steps.open_steps(limit=50, seen_by=AUDITOR) if s.subject == sheet.number] == []


async def test_who_counted_may_not_post_what_is_dear_even_with_the_right_to(shelves):
    await policy.put_in_force(policy.CountPolicy(four_eyes_above_cny=Decimal(0)), by=SUPERVISOR)
    sheet = await drawn_up(part_number=FAN)
    await scans.record(sheet.id, [scan(FAN, 9, bin_code="A-01")], by=SUPERVISOR)
    await closing.finish(sheet.id, by=KEEPER)
    (line,) = await closing.differences(sheet.id, seen_by=AUDITOR)
    await closing.explain(sheet.id, line.id, by=SUPERVISOR, reason="gone")
    with pytest.raises(CountFourEyes):
        await closing.post_count(sheet.id, by=SUPERVISOR)


async def test_what_is_missing_but_promised_is_refused_with_the_names_of_who_waits(shelves):
    await reservations.hold(FAN, "GZ", 9, by=KEEPER, reference="INC-9")
    sheet = await drawn_up(part_number=FAN)
    await counted(sheet, scan(FAN, 8, bin_code="A-01"))
    with pytest.raises(MissingIsReserved) as refusal:
        await settled(sheet)

    assert "INC-9 × 9" in refusal.value.sentence("zh")
    assert (refusal.value.facts["missing"], refusal.value.facts["free"]) == (2, 1)
    assert await on_hand(FAN) == 10


async def test_a_closed_count_never_changes(shelves):
    sheet = await drawn_up(part_number=FAN)
    await counted(sheet, scan(FAN, 9, bin_code="A-01"))
    await settled(sheet)
    (line,) = await closing.lines(sheet.id, seen_by=AUDITOR)
    assert (line.expected, line.counted, line.difference, line.explained) == (10, 9, -1, True)

    for act in (
        lambda: counted(sheet, scan(FAN, 9, bin_code="A-01")),
        lambda: closing.finish(sheet.id, by=KEEPER),
        lambda: closing.explain(sheet.id, line.id, by=KEEPER, reason="more"),
        lambda: closing.post_count(sheet.id, by=KEEPER),
    ):
        with pytest.raises(CountClosed):
            await act()
    with pytest.raises(WrongState):
        await sheets.cancel(sheet.id, by=KEEPER, reason="late")
    for statement in (
        "UPDATE count_sheet SET remark = 'x'",
        "UPDATE count_line SET reason = 'x'",
        "DELETE FROM count_line",
        "UPDATE count_scan SET quantity = 1",
    ):
        with pytest.raises(db.DatabaseError):
            async with db.savepoint():
                await db.execute(statement)


async def test_a_count_is_called_off_with_a_reason(shelves):
    sheet = await drawn_up("full")
    with pytest.raises(ReasonMissing):
        await sheets.cancel(sheet.id, by=KEEPER, reason=" ")

    assert (await sheets.cancel(sheet.id, by=KEEPER, reason="drill")).state == "cancelled"


async def test_counting_is_for_those_who_may_and_serve_the_store(shelves):
    sheet = await drawn_up("full")
    for by, refusal in ((SH_KEEPER, NotYourDepot), (ENGINEER, NotGranted)):
        with pytest.raises(refusal):
            await sheets.draw_up("GZ", "full", by=by)
        with pytest.raises(InventoryError):
            await scans.record(sheet.id, [scan(FAN, 1)], by=by)
        with pytest.raises(refusal):
            await closing.finish(sheet.id, by=by)
        with pytest.raises(refusal):
            await closing.post_count(sheet.id, by=by)
    assert await sheets.counts(limit=10, seen_by=SH_KEEPER) == []


async def test_a_surprise_sample_can_be_drawn_again_by_anybody(shelves):
    sheet = await drawn_up("surprise", by=SUPERVISOR, seed="2026-11-22", bins_to_draw=2)

    assert draw(sheet.seed, sheet.scope["of"], 2) == sheet.scope["bins"]
    assert [b.bin for b in await sheets.bins_to_count(sheet.id)] == sheet.scope["bins"]


async def test_what_is_being_counted_is_not_asked_for_twice(shelves):
    await drawn_up("full")
    with pytest.raises(NothingToCount):
        await drawn_up("cycle")
    with pytest.raises(NothingToCount):
        await drawn_up("full")


async def test_what_is_used_most_is_due_first_and_not_again_before_its_time(shelves):
    held = await reservations.hold(PSU, "GZ", 2, by=KEEPER)
    await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ")
    due = await abc.due("GZ", limit=10, seen_by=AUDITOR)
    assert [(part.part_number, part.abc_class) for part in due] == [
        (PSU, "A"),
        (BATTERY, "C"),
        (FAN, "C"),
        (DRIVE, "C"),
    ]

    sheet = await drawn_up(part_number=PSU)
    await counted(sheet, scan(PSU, 6))
    await closing.finish(sheet.id, by=KEEPER)
    assert PSU not in {part.part_number for part in await abc.due("GZ", limit=10, seen_by=AUDITOR)}
    with clock.at(clock.now() + timedelta(days=31)):
        assert (await abc.due("GZ", limit=10, seen_by=AUDITOR))[0].part_number in {PSU, BATTERY}


async def test_every_depot_gets_its_cycle_count_once(shelves):
    made = await sheets.draw_up_due(by=SETUP)
    again = await sheets.draw_up_due(by=SETUP)

    assert (len(made), again) == (2, [])
    assert {sheet.depot for sheet in await sheets.counts(limit=10, seen_by=AUDITOR, kind="cycle")} == {"GZ", "SH"}


async def test_accuracy_is_the_share_of_lines_that_agreed(shelves):
    sheet = await drawn_up("full")
    await counted(
        sheet,
        scan(FAN, 9, bin_code="A-01"),
        scan(PSU, 6),
        scan(BATTERY, 3),
        scan(DRIVE, serials=DRIVES, bin_code="A-02"),
    )
    await settled(sheet)

    (row,) = await accuracy.accuracy(limit=10, seen_by=AUDITOR)
    assert (row.depot, row.lines, row.lines_agreeing, row.share, row.pieces_short) == ("GZ", 4, 3, 0.75, 1)


@pytest.mark.parametrize("lines", [1, 3])
async def test_comparing_takes_the_same_statements_however_many_lines(shelves, lines, monkeypatch):
    sheet = await drawn_up("full")
    observations = [scan(DRIVE, serials=DRIVES, bin_code="A-02"), scan(FAN, 10, bin_code="A-01"), scan(PSU, 6)]
    await counted(sheet, *observations[:lines])
    asked = []
    fetch = db.fetch

    async def listening(sql, *args):
        asked.append(sql)
        return await fetch(sql, *args)

    monkeypatch.setattr(db, "fetch", listening)
    await closing.lines(sheet.id, seen_by=AUDITOR)

    assert len(asked) == 2


async def test_nobody_sees_the_books_before_the_counting_is_finished(shelves):
    sheet = await drawn_up(part_number=FAN)
    await counted(sheet, scan(FAN, 0, bin_code="A-01"))

    for reader in (KEEPER, AUDITOR):
        (line,) = await closing.lines(sheet.id, seen_by=reader)
        assert (line.counted, line.expected, line.difference, line.differs, line.missing) == (0, None, None, False, [])
        assert await closing.differences(sheet.id, seen_by=reader) == []
    with pytest.raises(WrongState):  # and posting tells nothing either
        await closing.post_count(sheet.id, by=KEEPER)
    await closing.finish(sheet.id, by=KEEPER)
    (line,) = await closing.differences(sheet.id, seen_by=KEEPER)
    assert (line.expected, line.difference) == (10, -10)


async def test_a_counter_sees_a_great_difference_only_once_a_second_person_looks_into_it(shelves):
    sheet = await drawn_up(part_number=DRIVE)
    await counted(sheet, scan(DRIVE, serials=[], bin_code="A-02"))
    await policy.put_in_force(policy.CountPolicy(four_eyes_above_cny=Decimal(100)), by=SUPERVISOR)
    await closing.finish(sheet.id, by=KEEPER)

    assert await closing.differences(sheet.id, seen_by=KEEPER) == []
    (line,) = await closing.differences(sheet.id, seen_by=SUPERVISOR)
    assert line.missing == DRIVES
    await closing.explain(sheet.id, line.id, by=SUPERVISOR, reason="asking the night shift")
    assert len(await closing.differences(sheet.id, seen_by=KEEPER)) == 1


async def test_what_was_finished_is_counted_anew_on_a_sheet_of_its_own(shelves):
    sheet = await drawn_up(part_number=FAN)
    first = scan(FAN, 8, bin_code="A-01")
    await counted(sheet, first)
    await closing.finish(sheet.id, by=KEEPER)

    await counted(sheet, first)  # sent once more, nothing changes
    with pytest.raises(CountFinished):
        await counted(sheet, scan(FAN, 10, bin_code="A-01", ago=5))
    again = await drawn_up(part_number=FAN, ago=20)
    await counted(again, scan(FAN, 10, bin_code="A-01", ago=5))
    assert (await closing.finish(again.id, by=KEEPER)).state == "posted"
    assert await closing.differences(sheet.id, seen_by=KEEPER) == []
    (line,) = await closing.lines(sheet.id, seen_by=KEEPER)
    assert line.superseded_by == again.number


async def test_a_keeper_does_not_choose_where_the_lot_falls(shelves):
    with pytest.raises(SeedNotYours):
        await sheets.draw_up("GZ", "surprise", by=KEEPER, seed="mine")
    drawn = await sheets.draw_up("GZ", "surprise", by=KEEPER, bins_to_draw=1)
    assert drawn.seed
    assert drawn.scope["bins"] == draw(drawn.seed, drawn.scope["of"], 1)
    assert drawn.scope["seed_given_by"] is None
    inspector = actor("inspector", depots={"GZ"}, contracts={"C-BANK"})
    await sheets.cancel(drawn.id, by=KEEPER, reason="the customer gives the seed")
    given = await sheets.draw_up("GZ", "surprise", by=inspector, seed="theirs", bins_to_draw=3)
    assert (given.seed, given.scope["seed_given_by"]) == ("theirs", inspector.name)
    with pytest.raises(NotGranted):
        await sheets.draw_up("GZ", "full", by=inspector)


async def test_a_surprise_sheet_never_has_nothing_on_it(shelves):
    # of the three bins only two hold something: one drawn alone is never the empty one
    for _ in range(8):
        sheet = await sheets.draw_up("GZ", "surprise", by=KEEPER, bins_to_draw=1)
        assert sheet.lines > 0
        await sheets.cancel(sheet.id, by=KEEPER, reason="once more")
    empty = next(str(n) for n in range(99) if draw(str(n), ["A-01", "A-02", "A-03"], 1) == ["A-03"])
    with pytest.raises(NothingDrawn):
        await sheets.draw_up("GZ", "surprise", by=SUPERVISOR, bins_to_draw=1, seed=empty)


async def test_a_customer_sees_no_line_of_anothers_pool(shelves):
    sheet = await sheets.draw_up("ZJ", "full", by=SETUP)

    assert await closing.lines(sheet.id, seen_by=actor("inspector", contracts={"C-BANK"})) == []
    assert len(await closing.lines(sheet.id, seen_by=actor("inspector", contracts={"C-TELCO"}))) == 1
