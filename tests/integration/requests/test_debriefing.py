"""Debriefing: every issued piece is accounted for; what it says moves stock, devices, failures and tickets."""

from datetime import date

import pytest

from inventory.assurance.invariants import violations
from inventory.catalogue import register as catalogue
from inventory.ground import db
from inventory.ground.errors import Unknown, WrongState
from inventory.installed_base import fitted
from inventory.requests import debriefing, requests, shipping, telling, tickets
from inventory.requests.debriefing import Debrief, LossUnexplained, MoreThanIssued, OwnLoss, WhichPiece
from inventory.stock import levels, reservations, units
from tests.world import ADMIN, DISPATCHER, DRIVE, ENGINEER, FAN, KEEPER, PSU, SETUP, SUPERVISOR, actor


async def issued(part: str, quantity: int, *serials: str) -> requests.RequestView:
    """Pieces that left for BANK-001 under ticket INC-1."""
    view = await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference="INC-1/1",
            ticket="INC-1",
            device_serial="BANK-001",
            severity="general",
            engineer=ENGINEER.name,
            lines=[requests.NewRequestLine(part_number=part, quantity=quantity, position="slot 4")],
        ),
        by=DISPATCHER,
    )
    return await shipping.ship(view.id, by=KEEPER, serials=serials)


async def on_hand(part: str, condition: str = "good") -> int:
    return await db.fetch_value(
        """SELECT coalesce(sum(on_hand), 0)::int FROM level JOIN part ON part.id = level.part
           JOIN place ON place.id = level.place WHERE part_number = $1 AND place.code = 'GZ' AND condition = $2""",
        part,
        condition,
    )


async def test_pieces_of_a_line_have_fates_of_their_own(company):
    view = await issued(FAN, 4)
    first = await debriefing.debrief(view.id, [Debrief(part_number=FAN, outcome="used", quantity=3)], by=ENGINEER)
    done = await debriefing.debrief(view.id, [Debrief(part_number=FAN, outcome="returned_good")], by=ENGINEER)

    assert (first.state, [each.quantity for each in first.lines[0].debriefs]) == ("shipped", [3])
    assert (done.state, done.lines[0].outcome) == ("reconciled", "mixed")
    assert (await on_hand(FAN), await on_hand(FAN, "defective")) == (7, 0)
    assert await violations() == []


async def test_more_than_was_issued_is_not_accounted_for(company):
    view = await issued(FAN, 2)

    with pytest.raises(MoreThanIssued) as refusal:
        await debriefing.debrief(view.id, [Debrief(part_number=FAN, outcome="used", quantity=3)], by=ENGINEER)
    assert refusal.value.facts["left"] == 2


async def test_a_piece_is_accounted_for_once(company):
    view = await issued(DRIVE, 2, "ZL2-0001", "ZL2-0003")
    await debriefing.debrief(
        view.id, [Debrief(part_number=DRIVE, outcome="used", serial_in="ZL2-0001", serial_out="OLD-1")], by=ENGINEER
    )
    with pytest.raises(WhichPiece) as refusal:
        await debriefing.debrief(
            view.id, [Debrief(part_number=DRIVE, outcome="returned_good", serial_in="ZL2-0001")], by=ENGINEER
        )
    assert refusal.value.facts["serials"] == "ZL2-0003"
    assert await violations() == []


async def test_one_of_several_serials_is_named(company):
    view = await issued(DRIVE, 2, "ZL2-0001", "ZL2-0003")
    with pytest.raises(WhichPiece):
        await debriefing.debrief(
            view.id, [Debrief(part_number=DRIVE, outcome="returned_good", quantity=1)], by=ENGINEER
        )
    with pytest.raises(WrongState):
        await debriefing.debrief(
            view.id, [Debrief(part_number=DRIVE, outcome="returned_good", serial_in="ZL2-0002")], by=ENGINEER
        )
    done = await debriefing.debrief(
        view.id,
        [
            Debrief(part_number=DRIVE, outcome="returned_good", serial_in="ZL2-0003"),
            Debrief(part_number=DRIVE, outcome="used", serial_out="OLD-1", failure_code="SMART"),
        ],
        by=ENGINEER,
    )

    assert [(each.serial_in, each.outcome, each.removed) for each in done.lines[0].debriefs] == [
        ("ZL2-0003", "returned_good", None),
        ("ZL2-0001", "used", "owed"),
    ]
    assert (await units.unit("ZL2-0003", seen_by=SETUP)).place == "GZ"
    assert await db.fetch_value("SELECT count(*) FROM failure WHERE code = 'SMART'") == 1


async def test_the_device_knows_what_sits_in_it(company):
    view = await issued(DRIVE, 1, "ZL2-0001")
    await debriefing.debrief(view.id, [Debrief(part_number=DRIVE, outcome="used", serial_out="OLD-1")], by=ENGINEER)
    (inside,) = await fitted.fitted("REG-001", seen_by=ENGINEER)

    assert (inside.part_number, inside.position, inside.serial, inside.document) == (
        DRIVE,
        "slot 4",
        "ZL2-0001",
        view.number,
    )
    assert inside.removed_at is None


async def test_what_did_not_help_is_tested_and_its_failure_taken_back(company):
    view = await issued(FAN, 1)
    await debriefing.debrief(view.id, [Debrief(part_number=FAN, outcome="no_fault_found")], by=ENGINEER)

    assert (await on_hand(FAN), await on_hand(FAN, "in_test")) == (9, 1)
    assert await db.fetch_value("SELECT count(*) FROM failure WHERE withdrawn_reason = 'no fault found'") == 1
    assert await violations() == []


async def test_what_is_dead_on_arrival_is_asked_for_again_under_the_same_clock(company):
    view = await issued(FAN, 2)
    done = await debriefing.debrief(
        view.id,
        [
            Debrief(part_number=FAN, outcome="dead_on_arrival", quantity=1),
            Debrief(part_number=FAN, outcome="used"),
        ],
        by=ENGINEER,
    )
    (linked,) = done.linked
    again = await requests.request_view(linked.id)

    assert (linked.because, linked.earlier) == ("dead_on_arrival", False)
    assert (again.need_by, again.fault_reported_at) == (view.need_by, view.fault_reported_at)
    assert [(line.part_number, line.quantity, line.state) for line in again.lines] == [(FAN, 1, "reserved")]


async def test_a_device_whose_new_part_is_dead_on_arrival_failed_once(company):
    view = await issued(FAN, 2)
    done = await debriefing.debrief(
        view.id,
        [Debrief(part_number=FAN, outcome="dead_on_arrival", quantity=1), Debrief(part_number=FAN, outcome="used")],
        by=ENGINEER,
    )
    (linked,) = done.linked
    recorded = [row["request"] for row in await db.fetch("SELECT request FROM failure ORDER BY request")]
    again = await shipping.ship(linked.id, by=KEEPER)
    await debriefing.debrief(again.id, [Debrief(part_number=FAN, outcome="no_fault_found")], by=ENGINEER)

    assert recorded == sorted([view.id, linked.id])
    withdrawn = await db.fetch("SELECT request FROM failure WHERE withdrawn_at IS NOT NULL")
    assert [row["request"] for row in withdrawn] == [linked.id]


async def test_what_came_instead_and_is_dead_is_asked_for_as_what_was_asked_for(company):
    await catalogue.enter_substitutions(
        [catalogue.NewSubstitution(part=FAN, substitute=PSU, valid_from=date(2024, 1, 1))], by=SETUP
    )
    free = await on_hand(FAN)
    await reservations.hold(FAN, "GZ", free, by=KEEPER)
    view = await issued(FAN, 1)
    supplied = view.lines[0].promise.part_number
    done = await debriefing.debrief(view.id, [Debrief(part_number=PSU, outcome="dead_on_arrival")], by=ENGINEER)
    (linked,) = done.linked
    again = await requests.request_view(linked.id)

    assert supplied == PSU
    assert [line.part_number for line in again.lines] == [FAN]
    assert await db.fetch_value("SELECT count(*) FROM failure") == 1


async def test_a_loss_waits_for_a_second_person(company):
    view = await issued(FAN, 1)
    with pytest.raises(LossUnexplained):
        await debriefing.debrief(view.id, [Debrief(part_number=FAN, outcome="lost")], by=ENGINEER)
    told = await debriefing.debrief(
        view.id, [Debrief(part_number=FAN, outcome="lost", remark="left in the taxi")], by=ENGINEER
    )
    report = told.lines[0].debriefs[0].id
    both = actor("quality_supervisor")
    assert told.state != "reconciled"
    await db.execute("UPDATE debrief SET told_by = $1", both.name)
    with pytest.raises(OwnLoss):
        await debriefing.confirm_loss(view.id, report, by=both)
    done = await debriefing.confirm_loss(view.id, report, by=ADMIN)

    assert (done.state, done.lines[0].outcome) == ("reconciled", "lost")
    assert await on_hand(FAN) == 9
    assert await violations() == []
    with pytest.raises(WrongState):
        await debriefing.confirm_loss(view.id, report, by=ADMIN)
    with pytest.raises(Unknown):
        await debriefing.confirm_loss(view.id, view.id, by=SUPERVISOR)


async def test_a_ticket_closes_once_its_parts_are_reconciled(company):
    view = await issued(FAN, 2)
    before = await tickets.reconciliation("glpi", "INC-1", seen_by=DISPATCHER)
    await debriefing.debrief(
        view.id,
        [Debrief(part_number=FAN, outcome="used", quantity=1), Debrief(part_number=FAN, outcome="returned_good")],
        by=ENGINEER,
    )
    after = await tickets.ticket_view("glpi", "INC-1", seen_by=DISPATCHER)

    assert (before.reconciled, before.issued, before.open, before.waiting) == (False, 2, 2, [view.number])
    closing = after.reconciliation
    assert (closing.reconciled, closing.issued, closing.installed, closing.returned_good) == (True, 2, 1, 1)
    assert [(part.part_number, part.outcome) for part in after.parts] == [(FAN, "used"), (FAN, "returned_good")]
    assert (await tickets.reconciliation("glpi", "NONE", seen_by=DISPATCHER)).reconciled
    with pytest.raises(Unknown):
        await tickets.ticket_view("glpi", "INC-1", seen_by=actor("dispatcher", contracts={"C-TELCO"}))


async def test_a_request_tells_in_a_sentence_where_it_stands(company):
    view = await issued(FAN, 1)
    said = telling.sentence(view)

    assert said.zh.startswith(f"备件申请 {view.number}（一般故障）：1 件 2U 风扇 {FAN} 已出库（GZ），预计 ")
    assert "按时" in said.zh
    assert "下一步：送达签收。" in said.zh
    assert said.en.endswith("on time. Next: it arrives and is signed for.")


async def test_levels_agree_after_all_of_it(company):
    view = await issued(FAN, 3)
    await debriefing.debrief(
        view.id,
        [
            Debrief(part_number=FAN, outcome="used", quantity=1),
            Debrief(part_number=FAN, outcome="returned_defective", quantity=1),
            Debrief(part_number=FAN, outcome="no_fault_found", quantity=1),
        ],
        by=ENGINEER,
    )

    assert (await levels.level(FAN, "GZ", "common", seen_by=ADMIN)).on_hand == 7
    assert (await on_hand(FAN, "defective"), await on_hand(FAN, "in_test")) == (1, 1)
    assert await violations() == []
