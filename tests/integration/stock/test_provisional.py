"""Issue first, record after: nothing taken is refused, everything taken is accounted for."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from inventory.assurance.invariants import violations
from inventory.catalogue import register as catalogue
from inventory.ground import clock, db, steps
from inventory.ground.errors import NotGranted, NotYourDepot, ReasonMissing, Unknown, WrongState
from inventory.requests import debriefing, papering, requests
from inventory.requests.debriefing import Debrief
from inventory.requests.papering import (
    HeldByTransfer,
    NoLineForIt,
    NotThatReservation,
    PaperMissing,
    PartUnnamed,
    Resolution,
)
from inventory.stock import codes, pick_lists, picking, provisional, receipts, reservations, tags, transfers, units
from inventory.stock.provisional import ClientIdReused, NewProvisionalIssue, SecondPersonNeeded, StillOnTheRoad
from inventory.stock.refusals import CodeMissing, HappenedLater, HappenedTooLongAgo
from inventory.stock.transfers import TransferItem
from tests.integration.stock.test_picking import asked, picking_of
from tests.integration.stock.test_reservations import level
from tests.world import AUDITOR, DISPATCHER, DRIVE, FAN, KEEPER, PSU, SETUP, SH_KEEPER, SUPERVISOR, actor

ENGINEER = actor("engineer", depots={"GZ", "ZJ"})


async def take(code: str, quantity: int = 1, *, by=ENGINEER, depot: str = "GZ", client_id: str | None = None, **more):
    new = NewProvisionalIssue(
        client_id=client_id or uuid4().hex, depot=depot, code=code, quantity=quantity, reason="at night", **more
    )
    return await provisional.take(new, by=by)


async def test_what_was_taken_leaves_the_store_at_once(company):
    at = clock.now() - timedelta(hours=3)
    drive = await take("ZL2-0003", taken_at=at)
    fans = await take(FAN, 3)

    assert (drive.state, drive.part_number, drive.taken_by, drive.taken_at) == ("open", DRIVE, ENGINEER.name, at)
    assert fans.state == "open"
    assert ((await level(DRIVE, "GZ")).on_hand, (await level(FAN, "GZ")).free) == (4, 7)
    assert (await units.unit("ZL2-0003", seen_by=SETUP)).place == "UNPAPERED"
    duties = {(s.kind, s.subject): s.owner for s in await steps.open_steps(limit=50, seen_by=AUDITOR)}
    assert duties["bind_paper", drive.number] == ENGINEER.name
    assert await violations() == []


async def test_a_label_is_understood_when_it_comes_from_the_phone(company):
    tagged = await tags.assign("ZL2-0003", by=KEEPER)
    by_tag = await take(tagged.tag or "")
    by_label = await take(f"SN:ZL2-0004;PN:{DRIVE}")
    fans = await take(codes.part_code(FAN), 2)

    assert [(issue.state, issue.serial, issue.part_number) for issue in (by_tag, by_label, fans)] == [
        ("open", "ZL2-0003", DRIVE),
        ("open", "ZL2-0004", DRIVE),
        ("open", None, FAN),
    ]
    assert by_label.code == f"SN:ZL2-0004;PN:{DRIVE}"  # as it was scanned


async def test_the_same_piece_sent_twice_is_recorded_once(company):
    first = await take("ZL2-0003", client_id="phone-1")
    again = await take("ZL2-0003", client_id="phone-1")

    assert (again.id, again.state) == (first.id, "open")
    with pytest.raises(ClientIdReused):
        await take("ZL2-0004", client_id="phone-1")


async def test_where_all_stock_is_reserved_the_record_says_whose_it_took(company):
    urgent = await asked((PSU, 5))
    routine = await reservations.hold(PSU, "GZ", 1, by=KEEPER, reference="routine", priority=1)
    issue = await take(PSU)

    assert (issue.state, issue.conflict) == ("conflict", "all_reserved")
    assert issue.facts["reservation"] == str(routine.id)
    resolved = await papering.resolve(issue.id, Resolution(), by=KEEPER)
    assert resolved.state == "open"
    assert (await reservations.reservation_view(routine.id)).state == "voided"
    assert (await requests.request_view(urgent.id)).state == "reserved"
    assert await violations() == []


async def test_a_request_whose_piece_was_taken_waits_again(company):
    urgent = await asked((PSU, 6))
    issue = await take(PSU, 2)
    await papering.resolve(issue.id, Resolution(), by=KEEPER)
    view = await requests.request_view(urgent.id)

    assert (view.state, view.lines[0].promise.firm) == ("backordered", False)
    assert (await level(PSU, "GZ")).backordered == 6
    assert await violations() == []


async def test_a_transfer_does_not_ship_short_for_it(company):
    draft = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=PSU, quantity=6)], by=KEEPER)
    issue = await take(PSU)
    other = await reservations.hold(FAN, "GZ", 1, by=KEEPER)

    with pytest.raises(HeldByTransfer) as refusal:
        await papering.resolve(issue.id, Resolution(), by=KEEPER)
    assert refusal.value.facts["number"] == draft.number
    with pytest.raises(NotThatReservation):
        await papering.resolve(issue.id, Resolution(reservation=other.id), by=KEEPER)


async def test_the_paper_of_the_request_that_held_it_resolves_everything(company):
    asking = await asked((PSU, 6))
    issue = await take(PSU, 6)
    papered = await papering.paper(issue.id, by=KEEPER, request=asking.number)

    assert (issue.conflict, papered.state, papered.document) == ("all_reserved", "papered", asking.number)
    assert (await requests.request_view(asking.id)).state == "shipped"
    assert ((await level(PSU, "GZ")).on_hand, (await level(PSU, "GZ")).reserved) == (0, 0)
    assert await violations() == []


async def test_the_paper_ships_the_line_and_frees_what_it_held(company):
    issue = await take("ZL2-0003")
    asking = await asked((DRIVE, 1), (FAN, 1))
    await papering.paper(issue.id, by=ENGINEER, request=asking.number)
    view = await requests.request_view(asking.id)
    drive = next(line for line in view.lines if line.part_number == DRIVE)

    assert (drive.state, drive.serial_in) == ("shipped", "ZL2-0003")
    assert (await level(DRIVE, "GZ")).reserved == 0
    assert (await units.unit("ZL2-0003", seen_by=SETUP)).place == "BANK-GZ"
    back = await debriefing.debrief(asking.id, [Debrief(part_number=DRIVE, outcome="returned_good")], by=DISPATCHER)
    assert next(line for line in back.lines if line.part_number == DRIVE).state == "reconciled"
    assert (await units.unit("ZL2-0003", seen_by=SETUP)).place == "GZ"
    assert await violations() == []


async def test_the_paper_may_be_a_device_with_its_ticket(company):
    issue = await take(FAN, 2)
    papered = await papering.paper(issue.id, by=ENGINEER, device="BANK-001", ticket="INC-7")

    assert (papered.state, papered.document_kind, papered.document) == ("papered", "ticket", "INC-7")
    assert await violations() == []


async def test_a_request_that_does_not_wait_for_it_is_no_paper(company):
    issue = await take("ZL2-0003")
    asking = await asked((FAN, 1))

    with pytest.raises(NoLineForIt):
        await papering.paper(issue.id, by=KEEPER, request=asking.number)
    with pytest.raises(PaperMissing):
        await papering.paper(issue.id, by=KEEPER)
    with pytest.raises(Unknown):
        await papering.paper(issue.id, by=KEEPER, request="PR-00-000000")


async def test_a_unit_the_ledger_does_not_know_is_entered_once_it_is_named(company):
    issue = await take("NEVER-SEEN")

    assert (issue.state, issue.conflict) == ("conflict", "unit_unknown")
    with pytest.raises(PartUnnamed):
        await papering.resolve(issue.id, Resolution(reason="label read"), by=SUPERVISOR)
    named = await papering.resolve(issue.id, Resolution(part_number=DRIVE, reason="label read"), by=SUPERVISOR)
    assert (named.state, named.serial) == ("open", "NEVER-SEEN")
    back = await provisional.bring_back(issue.id, by=ENGINEER)
    assert back.state == "brought_back"
    assert (await level(DRIVE, "GZ")).on_hand == 5
    assert (await units.unit("NEVER-SEEN", seen_by=SETUP)).condition == "unknown"
    assert await violations() == []


async def test_a_unit_the_ledger_has_elsewhere_leaves_from_there(company):
    await receipts.adjust("SH", DRIVE, 1, by=SETUP, reason="found", serials=["SH-1"])
    issue = await take("SH-1")

    assert (issue.conflict, issue.facts["place"]) == ("unit_elsewhere", "SH")
    assert (await level(DRIVE, "SH")).on_hand == 1
    with pytest.raises(NotYourDepot):
        await papering.resolve(issue.id, Resolution(reason="it lay in GZ"), by=KEEPER)
    assert [each.id for each in await provisional.provisional_issues(limit=5, seen_by=SH_KEEPER)] == [issue.id]
    duties = {step.subject: step.depot for step in await steps.open_steps(limit=50, seen_by=AUDITOR)}
    assert duties[issue.number] == "SH"
    await papering.resolve(issue.id, Resolution(reason="it lay in GZ"), by=SH_KEEPER)
    assert (await level(DRIVE, "SH")).on_hand == 0
    assert (await units.unit("SH-1", seen_by=SETUP)).place == "UNPAPERED"
    assert await violations() == []


async def test_one_piece_recorded_by_two_people_can_only_be_dismissed(company):
    first = await take("ZL2-0003")
    second = await take("ZL2-0003", by=KEEPER)

    assert (second.conflict, second.facts["record"]) == ("unit_elsewhere", first.number)
    with pytest.raises(WrongState):
        await papering.resolve(second.id, Resolution(), by=KEEPER)
    with pytest.raises(ReasonMissing):
        await papering.resolve(second.id, Resolution(dismiss=True), by=KEEPER)
    assert (await papering.resolve(second.id, Resolution(dismiss=True, reason="same"), by=KEEPER)).state == "dismissed"
    assert await violations() == []


async def test_a_unit_from_a_pickers_box_is_a_conflict_and_picked_anew(company):
    asking, made = await picking_of((DRIVE, 1))
    await picking.scan(made.id, "ZL2-0000", by=KEEPER)
    issue = await take("ZL2-0000")

    assert (issue.conflict, issue.facts["pick_list"]) == ("picked", made.number)
    await papering.resolve(issue.id, Resolution(), by=KEEPER)
    assert (await pick_lists.pick_list_view(made.id)).state == "open"
    await picking.scan(made.id, "ZL2-0001", by=KEEPER)
    assert (await requests.request_view(asking.id)).state == "reserved"
    assert await violations() == []


async def test_pieces_the_ledger_lacks_are_entered_when_resolved(company):
    issue = await take(PSU, 9)

    assert (issue.conflict, issue.facts["on_hand"]) == ("too_few", 6)
    for how, who, refusal in (
        (Resolution(reason="counted"), KEEPER, NotGranted),
        (Resolution(), SUPERVISOR, ReasonMissing),
    ):
        with pytest.raises(refusal):
            await papering.resolve(issue.id, how, by=who)
    await papering.resolve(issue.id, Resolution(reason="counted"), by=SUPERVISOR)
    assert (await level(PSU, "GZ")).on_hand == 0
    await provisional.bring_back(issue.id, by=ENGINEER)
    assert await conditions(PSU) == {"good": 6, "unknown": 3}
    assert await violations() == []


async def conditions(part: str) -> dict[str, int]:
    rows = await db.fetch(
        """SELECT condition, on_hand FROM level JOIN place ON place.id = level.place AND place.code = 'GZ'
           JOIN part ON part.id = level.part AND part_number = $1 WHERE on_hand > 0""",
        part,
    )
    return {row["condition"]: row["on_hand"] for row in rows}


async def test_whoever_took_or_recorded_it_does_not_enter_the_surplus(company):
    both = actor("quality_supervisor", depots={"GZ"})
    issue = await take(PSU, 9, by=SETUP, taken_by=both.name)

    with pytest.raises(SecondPersonNeeded):
        await papering.resolve(issue.id, Resolution(reason="counted"), by=both)
    assert await conditions(PSU) == {"good": 6}


async def test_what_the_ledger_had_in_no_store_is_to_be_judged(company):
    gone = await reservations.hold(DRIVE, "GZ", 1, by=SETUP)
    await reservations.post_reservation(gone.id, by=KEEPER, to="BANK-GZ", serials=["ZL2-0003"])
    issue = await take("ZL2-0003")
    await papering.resolve(issue.id, Resolution(reason="it came back"), by=KEEPER)
    await provisional.bring_back(issue.id, by=ENGINEER)

    assert await conditions(DRIVE) == {"good": 4, "unknown": 1}
    assert await violations() == []


async def test_what_is_on_the_road_is_taken_in_first(company):
    draft = await transfers.draft_transfer("SH", "GZ", [TransferItem(part_number=FAN, quantity=1)], by=SETUP)
    await receipts.adjust("SH", DRIVE, 1, by=SETUP, reason="found", serials=["SH-1"])
    sent = await transfers.draft_transfer("SH", "GZ", [TransferItem(part_number=DRIVE, quantity=1)], by=SETUP)
    await transfers.ship(sent.id, by=SETUP)
    issue = await take("SH-1")

    with pytest.raises(StillOnTheRoad) as refusal:
        await papering.resolve(issue.id, Resolution(reason="it lay on the dock"), by=KEEPER)
    assert (refusal.value.facts["document"], draft.state) == (sent.number, "draft")


async def test_of_two_makers_same_serial_the_part_tells_which_was_taken(company):
    await two_makers_one_serial()
    issue = await take("SAME")

    assert (issue.conflict, {piece["part_number"] for piece in issue.facts["pieces"]}) == (
        "unit_unknown",
        {DRIVE, "CTRL-1"},
    )
    named = await papering.resolve(issue.id, Resolution(part_number=DRIVE, reason="read the label"), by=KEEPER)
    assert (named.part_number, named.serial) == (DRIVE, "SAME")
    await provisional.bring_back(issue.id, by=ENGINEER)
    assert await conditions(DRIVE) == {"good": 6}
    assert await violations() == []


async def two_makers_one_serial() -> None:
    await catalogue.enter_parts(
        [
            catalogue.NewPart(
                part_number="CTRL-1",
                name_zh="控制器",
                name_en="Controller",
                kind="controller",
                unit_cost_cny=Decimal(900),
                holding_rate_per_year=0.22,
                maker="DELL",
            )
        ],
        by=SETUP,
    )
    for part in (DRIVE, "CTRL-1"):
        await receipts.adjust("GZ", part, 1, by=SETUP, reason="found", serials=["SAME"])


async def test_a_piece_taken_before_the_books_had_it_leaves_as_of_now(company):
    taken_at = clock.now() - timedelta(days=2)
    issue = await take("ZL2-0003", taken_at=taken_at)

    assert (issue.state, issue.taken_at) == ("open", taken_at)
    assert await violations() == []


async def test_the_same_piece_sent_eight_times_at_once_is_one_record(own_company):
    answers = await asyncio.gather(*(take("ZL2-0003", client_id="phone-1") for _ in range(8)))

    assert {(answer.number, answer.state) for answer in answers} == {(answers[0].number, "open")}
    assert await violations() == []


async def test_defective_stock_taken_by_mistake_is_a_conflict(company):
    await receipts.adjust("GZ", DRIVE, 1, by=SETUP, reason="found", serials=["BAD-1"], condition="defective")
    issue = await take("BAD-1")

    assert (issue.conflict, issue.facts["condition"]) == ("not_good", "defective")
    await papering.resolve(issue.id, Resolution(), by=KEEPER)
    await provisional.bring_back(issue.id, by=ENGINEER)
    assert await conditions(DRIVE) == {"good": 5, "defective": 1}
    assert await violations() == []


async def test_defective_stock_papered_does_not_come_back_good(company):
    await receipts.adjust("GZ", DRIVE, 1, by=SETUP, reason="found", serials=["BAD-1"], condition="defective")
    issue = await take("BAD-1")
    await papering.resolve(issue.id, Resolution(), by=KEEPER)
    asking = await asked((DRIVE, 1))
    await papering.paper(issue.id, by=ENGINEER, request=asking.number)
    await debriefing.debrief(asking.id, [Debrief(part_number=DRIVE, outcome="returned_good")], by=DISPATCHER)

    assert await conditions(DRIVE) == {"good": 5, "defective": 1}
    assert await violations() == []


async def test_a_loss_needs_a_second_person(company):
    issue = await take("ZL2-0003")
    with pytest.raises(ReasonMissing):
        await provisional.report_lost(issue.id, by=ENGINEER, reason=" ")
    await provisional.report_lost(issue.id, by=ENGINEER, reason="fell into the river")

    for who, refusal in ((KEEPER, NotGranted), (actor("administrator", depots={"SH"}), NotYourDepot)):
        with pytest.raises(refusal):
            await provisional.confirm_lost(issue.id, by=who)
    await db.execute("UPDATE provisional_issue SET loss_reported_by = $1", SUPERVISOR.name)
    with pytest.raises(SecondPersonNeeded):
        await provisional.confirm_lost(issue.id, by=SUPERVISOR)
    await db.execute("UPDATE provisional_issue SET loss_reported_by = $1", ENGINEER.name)
    assert (await provisional.confirm_lost(issue.id, by=SUPERVISOR)).state == "lost"
    assert await violations() == []


async def test_an_engineer_helps_himself_at_an_on_site_store_he_serves(company):
    issue = await take(PSU, depot="ZJ")

    assert (issue.state, issue.pool) == ("open", "C-TELCO")
    with pytest.raises(NotYourDepot):
        await take(PSU, depot="SH")


async def test_what_cannot_be_is_refused(company):
    issue = await take("ZL2-0003")
    await provisional.bring_back(issue.id, by=ENGINEER)

    for act, refusal in (
        (take("ZL2-0001", by=AUDITOR), NotGranted),
        (take("ZL2-0001", depot="NOWHERE", by=SETUP), Unknown),
        (take("ZL2-0001", taken_at=clock.now() + timedelta(hours=1)), HappenedLater),
        (take("ZL2-0001", taken_at=clock.now() - timedelta(days=40)), HappenedTooLongAgo),
        (take("ZL2-0001", taken_at=datetime(1, 1, 1, tzinfo=UTC)), HappenedTooLongAgo),
        (take("  "), CodeMissing),
        (provisional.bring_back(issue.id, by=ENGINEER), WrongState),
        (provisional.bring_back(uuid4(), by=ENGINEER), Unknown),
        (papering.resolve(issue.id, Resolution(), by=KEEPER), WrongState),
        (provisional.provisional_issue_view(issue.id, seen_by=SH_KEEPER), Unknown),
    ):
        with pytest.raises(refusal):
            await act
    assert await provisional.provisional_issues(limit=5, seen_by=SH_KEEPER) == []
