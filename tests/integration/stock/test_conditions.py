"""Conditions: only the steps there are, nothing bad free without a passed result, nothing scrapped by one person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.assurance.invariants import violations
from inventory.ground import db, steps
from inventory.ground.errors import NotGranted, NotYourDepot, ReasonMissing, Unknown, WrongState
from inventory.places import bins, places
from inventory.places.bins import NewBin
from inventory.procurement import release
from inventory.procurement.provenance import ProvenanceTooLow
from inventory.stock import conditions, handing_in, keeping, placing, receipts, reservations, units
from inventory.stock.conditions import STEPS, NoSuchStep, ResultMissing, ScrapProposedTwice, SecondPerson
from inventory.stock.handing_in import UNIDENTIFIED, AlreadyIdentified
from inventory.stock.keeping import Scanned
from inventory.stock.pieces import Pieces
from inventory.stock.receipts import Incoming
from inventory.stock.refusals import (
    InsufficientStock,
    LotNotHere,
    NotHandedOutTo,
    QuantityNotPositive,
    SerialsMissing,
    UnitNotHere,
)
from tests.integration.stock.test_reservations import level
from tests.world import DRIVE, FAN, KEEPER, PSU, SETUP, SH_KEEPER, SUPERVISOR

ALL = ("good", "defective", "quarantine", "frozen", "in_test", "scrapped", "unknown")


@given(st.lists(st.sampled_from(ALL), min_size=1, max_size=12))
def test_whatever_the_way_what_was_in_doubt_becomes_free_only_by_a_passed_result(way):
    """Follow any way through the table: doubt, once there, is taken away by a result only."""
    at, doubted = "good", False
    for to in way:
        if (at, to) not in STEPS:
            with pytest.raises(NoSuchStep):
                conditions.needs(at, to)
            continue
        passed = STEPS[at, to] in ("passed_test", "passed_inspection")
        if to == "good" and doubted:
            assert passed
        doubted = (doubted and not passed) or to in ("defective", "unknown", "quarantine", "in_test")
        at = to


def test_scrap_ends_every_way_and_takes_two():
    assert [way for way in STEPS if way[0] == "scrapped"] == []
    assert {needs for (_, to), needs in STEPS.items() if to == "scrapped"} == {"second_person"}


async def test_a_doubted_unit_is_tested_and_only_then_free_again(company):
    await conditions.judge(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "good", "defective", by=KEEPER, reason="clicks")
    assert (await level(DRIVE, "GZ")).free == 4
    for becomes, refusal in (("good", NoSuchStep), ("frozen", NoSuchStep)):
        with pytest.raises(refusal):
            await conditions.judge(
                Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "defective", becomes, by=KEEPER, reason="r"
            )
    await conditions.judge(
        Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "defective", "in_test", by=KEEPER, reason="bench 2"
    )
    with pytest.raises(ResultMissing):
        await conditions.judge(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "in_test", "good", by=KEEPER, reason="fine")
    with pytest.raises(NotGranted):
        await release.release(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "in_test", by=KEEPER, finding="fine")
    with pytest.raises(ReasonMissing):
        await release.release(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "in_test", by=SUPERVISOR, finding=" ")

    (passed,) = await release.release(
        Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "in_test", by=SUPERVISOR, finding="SMART clean, 4 h surface scan"
    )
    assert (passed.kind, passed.result, passed.serial) == ("test", "passed", "ZL2-0001")
    assert (await level(DRIVE, "GZ")).free == 5
    found = await conditions.inspections(limit=9, seen_by=SUPERVISOR, serial="ZL2-0001")
    assert [each.to_condition for each in found] == ["good", "in_test", "defective"]
    assert await violations() == []


async def test_a_frozen_piece_thaws_and_a_promised_one_does_not_freeze(company):
    await conditions.judge(Pieces("GZ", FAN, quantity=10), "good", "frozen", by=KEEPER, reason="recall?")
    assert (await level(FAN, "GZ")).free == 0
    await conditions.judge(Pieces("GZ", FAN, quantity=10), "frozen", "good", by=KEEPER, reason="no recall")
    await reservations.hold(FAN, "GZ", 8, by=KEEPER)
    with pytest.raises(InsufficientStock):
        await conditions.judge(Pieces("GZ", FAN, quantity=3), "good", "frozen", by=KEEPER, reason="r")
    assert (await level(FAN, "GZ")).free == 2


async def test_incoming_inspection_frees_what_is_proven_and_ends_its_duty(company):
    lines = [
        Incoming(
            part_number=DRIVE, quantity=2, serials=["Q-1", "Q-2"], condition="quarantine", provenance="maker_direct"
        ),
        Incoming(part_number=PSU, quantity=2, condition="quarantine", provenance="broker"),
    ]
    receipt = await receipts.receive("GZ", lines, by=KEEPER, origin="V-DISTI")

    async def due() -> list[str]:
        open_now = await steps.open_steps(limit=50, seen_by=KEEPER)
        return [step.subject for step in open_now if step.kind == "inspect_receipt"]

    assert await due() == [receipt.number]
    await release.release(
        Pieces("GZ", DRIVE, serials=["Q-1", "Q-2"]), "quarantine", by=SUPERVISOR, finding="seals whole"
    )
    with pytest.raises(ProvenanceTooLow):
        await release.release(Pieces("GZ", PSU, quantity=2), "quarantine", by=SUPERVISOR, finding="looks good")
    assert await due() == [receipt.number]
    await conditions.judge(
        Pieces("GZ", PSU, quantity=2), "quarantine", "defective", by=KEEPER, reason="counterfeit label"
    )

    assert (await due(), (await level(DRIVE, "GZ")).free) == ([], 7)
    assert await violations() == []


async def test_scrap_takes_a_second_person(own_company):
    await conditions.judge(
        Pieces("GZ", DRIVE, serials=["ZL2-0001", "ZL2-0002"]), "good", "defective", by=KEEPER, reason="dead"
    )
    first, second = await conditions.propose_scrap(
        Pieces("GZ", DRIVE, serials=["ZL2-0001", "ZL2-0002"]), by=KEEPER, reason="beyond repair"
    )
    with pytest.raises(ScrapProposedTwice):
        await conditions.propose_scrap(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), by=KEEPER, reason="again")
    with pytest.raises(SecondPerson):
        await conditions.decide_scrap(first.number, by=KEEPER, approve=True)
    with pytest.raises(Unknown):
        await conditions.decide_scrap(first.number, by=SH_KEEPER, approve=True)
    done = await conditions.decide_scrap(first.number, by=SUPERVISOR, approve=True)
    kept = await conditions.decide_scrap(second.number, by=SUPERVISOR, approve=False, remark="try once more")
    with pytest.raises(WrongState):
        await conditions.decide_scrap(first.number, by=SUPERVISOR, approve=False)

    assert (done.state, kept.state) == ("approved", "refused")
    gone, here = await units.unit("ZL2-0001", seen_by=SETUP), await units.unit("ZL2-0002", seen_by=SETUP)
    assert ((gone.place, gone.condition), (here.place, here.condition)) == (("SCRAP", "scrapped"), ("GZ", "defective"))
    assert await violations() == []


async def test_counted_pieces_are_scrapped_from_wherever_they_lie(company):
    await conditions.judge(Pieces("GZ", FAN, quantity=3), "good", "defective", by=KEEPER, reason="rattle")
    (proposal,) = await conditions.propose_scrap(Pieces("GZ", FAN, quantity=2), by=KEEPER, reason="rattle")
    await conditions.decide_scrap(proposal.number, by=SUPERVISOR, approve=True)

    (left,) = await conditions.awaiting(limit=9, seen_by=KEEPER, condition="defective")
    assert (left.part_number, left.quantity, await violations()) == (FAN, 1, [])


async def test_who_may_not_judge_and_what_is_not_there(company):
    for by, refusal in ((SH_KEEPER, NotYourDepot), (SETUP, UnitNotHere)):
        with pytest.raises(refusal):
            await conditions.judge(Pieces("GZ", DRIVE, serials=["NOPE"]), "good", "defective", by=by, reason="r")
    with pytest.raises(SerialsMissing):
        await conditions.judge(Pieces("GZ", DRIVE, quantity=1), "good", "defective", by=KEEPER, reason="r")
    with pytest.raises(QuantityNotPositive):
        await conditions.judge(Pieces("GZ", FAN), "good", "defective", by=KEEPER, reason="r")
    with pytest.raises(LotNotHere):
        await conditions.judge(Pieces("GZ", FAN, quantity=99), "good", "defective", by=KEEPER, reason="r")
    with pytest.raises(ReasonMissing):
        await conditions.judge(Pieces("GZ", FAN, quantity=1), "good", "defective", by=KEEPER, reason="")


async def test_what_was_found_is_never_changed(own_company):
    await conditions.judge(Pieces("GZ", FAN, quantity=1), "good", "defective", by=KEEPER, reason="r")
    for statement in ("UPDATE inspection SET result = 'passed'", "DELETE FROM inspection", "DELETE FROM receipt_line"):
        if "receipt_line" in statement:
            await receipts.receive("GZ", [Incoming(part_number=FAN, quantity=1)], by=KEEPER, origin="V-DISTI")
        with pytest.raises(db.DatabaseError, match=r"append-only|permission denied"):
            await db.execute(statement)


async def test_an_unknown_part_handed_in_at_night_is_taken_and_blocked(company):
    unit = await handing_in.hand_in("GZ", "grey box, blue handle", by=KEEPER, note="left at the gate 02:40")

    assert (unit.part_number, unit.condition, unit.place) == (UNIDENTIFIED, "unknown", "GZ")
    assert unit.tag == unit.serial
    assert [s.subject for s in await steps.open_steps(limit=50, seen_by=KEEPER) if s.kind == "judge_part"] == [unit.tag]
    assert await violations() == []


async def test_nothing_at_all_said_is_too_little(company):
    with pytest.raises(ReasonMissing):
        await handing_in.hand_in("GZ", " ", by=KEEPER)
    with pytest.raises(NotYourDepot):
        await handing_in.hand_in("GZ", "a box", by=SH_KEEPER)


async def test_our_own_unit_comes_back_as_itself_and_a_double_by_our_tag(company):
    held = await reservations.hold(DRIVE, "GZ", 1, by=KEEPER)
    await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", serials=["ZL2-0003"])
    back = await handing_in.hand_in("GZ", DRIVE, by=KEEPER, serial="ZL2-0003")
    double = await handing_in.hand_in("GZ", DRIVE, by=KEEPER, serial="ZL2-0004")
    new = await handing_in.hand_in("GZ", DRIVE, by=KEEPER, serial="NEVER-SEEN")

    assert (back.serial, back.condition, back.place) == ("ZL2-0003", "unknown", "GZ")
    assert [step.kind for step in await units.life(back.id, seen_by=KEEPER)] == ["adjustment", "issue", "handed_in"]
    assert (double.serial, double.claimed_serial) == (double.tag, "ZL2-0004")
    assert (new.serial, new.part_number, new.claimed_serial) == ("NEVER-SEEN", DRIVE, None)
    assert await violations() == []


async def test_what_is_identified_keeps_its_history(company):
    unknown = await handing_in.hand_in("GZ", "a drive?", by=KEEPER, serial="S-77")
    known = await handing_in.identify(unknown.tag, DRIVE, by=KEEPER, reason="label under the dust")

    assert (known.id, known.part_number, known.serial, known.condition) == (unknown.id, DRIVE, "S-77", "unknown")
    assert [step.kind for step in await units.life(known.id, seen_by=KEEPER)] == [
        "handed_in",
        "identification",
        "identification",
    ]
    with pytest.raises(AlreadyIdentified):
        await handing_in.identify(unknown.tag, DRIVE, by=KEEPER)
    assert await violations() == []


async def test_what_is_identified_as_counted_or_as_ours_becomes_that(company):
    counted = await handing_in.hand_in("GZ", "fan", by=KEEPER)
    await handing_in.identify(counted.tag, FAN, by=KEEPER)
    with pytest.raises(AlreadyIdentified):
        await handing_in.identify(counted.tag, DRIVE, by=SETUP)
    held = await reservations.hold(DRIVE, "GZ", 1, by=KEEPER)
    await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", serials=["ZL2-0000"])
    ours = await handing_in.hand_in("GZ", "drive, no label", by=KEEPER)
    became = await handing_in.identify(ours.tag, DRIVE, by=KEEPER, serial="ZL2-0000")
    twin = await handing_in.hand_in("GZ", "another", by=KEEPER)
    doubted = await handing_in.identify(twin.tag, DRIVE, by=KEEPER, serial="ZL2-0001")

    pieces = {(p.part_number, p.piece) for p in await conditions.awaiting(limit=9, seen_by=KEEPER, condition="unknown")}
    assert pieces == {(FAN, counted.tag), (DRIVE, "ZL2-0000"), (DRIVE, twin.tag)}
    assert (became.tag, doubted.claimed_serial) == (ours.tag, "ZL2-0001")
    assert await violations() == []


async def test_a_bin_that_the_store_does_not_have_names_no_pieces(company):
    with pytest.raises(Unknown):
        await conditions.judge(Pieces("GZ", FAN, quantity=1, bin="Z-99"), "good", "frozen", by=KEEPER, reason="recall")

    assert (await level(FAN, "GZ")).free == 10


async def test_what_a_customer_owns_is_kept_judged_and_given_back_and_never_free(company):
    await bins.enter_bins([NewBin(place="GZ", code="A-01")], by=SETUP)
    handed = await handing_in.hand_in("GZ", DRIVE, by=KEEPER, serial="BANKS-OWN", owner="BANK")
    theirs = Pieces("GZ", DRIVE, serials=["BANKS-OWN"])

    assert (handed.owner, handed.condition) == ("BANK", "unknown")
    assert ("BANKS-OWN", "BANK") in {(p.piece, p.owner) for p in await conditions.awaiting(limit=9, seen_by=KEEPER)}
    await placing.put_away(theirs, "A-01", by=KEEPER, condition="unknown")
    await conditions.judge(theirs, "unknown", "in_test", by=KEEPER, reason="on the bench")
    await release.found_to_be(theirs, "in_test", "good", by=SUPERVISOR, finding="passed")
    assert ((await level(DRIVE, "GZ")).on_hand, (await level(DRIVE, "GZ")).free) == (5, 5)
    with pytest.raises(InsufficientStock):
        await reservations.reserve(DRIVE, "GZ", 6, by=KEEPER)
    issued = await keeping.issue_by_scan("GZ", [Scanned(code="BANKS-OWN")], by=KEEPER, to="BANK-GZ")
    assert (issued.lines[0].serials, (await units.unit("BANKS-OWN", seen_by=SETUP)).owner) == (["BANKS-OWN"], "BANK")
    assert await violations() == []


async def test_what_a_vendor_owns_is_scrapped_or_goes_back_to_it_alone(company):
    own = await places.find_party("DISTI")
    await receipts.receive(
        "GZ",
        [Incoming(part_number=DRIVE, quantity=2, serials=["X-1", "X-2"], condition="defective")],
        by=KEEPER,
        origin="V-DISTI",
        owner=own,
    )
    for to in ("BANK-GZ", "V-DELL", "ISSUED"):
        with pytest.raises(NotHandedOutTo):
            await keeping.issue_by_scan("GZ", [Scanned(code="X-1")], by=KEEPER, to=to)
    await keeping.issue_by_scan("GZ", [Scanned(code="X-1")], by=KEEPER, to="V-DISTI")
    back = await units.unit("X-1", seen_by=SETUP)
    (proposal,) = await conditions.propose_scrap(Pieces("GZ", DRIVE, serials=["X-2"]), by=KEEPER, reason="agreed")
    await conditions.decide_scrap(proposal.number, by=SUPERVISOR, approve=True)

    assert (back.place, back.condition, back.owner) == ("V-DISTI", "defective", "DISTI")
    assert (await units.unit("X-2", seen_by=SETUP)).place == "SCRAP"
    with pytest.raises(UnitNotHere):  # a defective one of ours is not handed out, to whomever
        await conditions.propose_scrap(Pieces("GZ", DRIVE, serials=["X-1"]), by=KEEPER, reason="again")
    assert await violations() == []
