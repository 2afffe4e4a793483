"""Receipts and adjustments: goods come in unit by unit, and the books are corrected only with a reason."""

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import db
from inventory.ground.errors import NotGranted, NotYourDepot, ReasonMissing, Unknown
from inventory.stock import receipts, units
from inventory.stock.refusals import (
    InsufficientStock,
    QuantityNotPositive,
    SerialRepeated,
    SerialsMissing,
    UnitNotHere,
)
from tests.integration.stock.test_reservations import level
from tests.world import DISPATCHER, DRIVE, FAN, KEEPER, SETUP, SH_KEEPER


def drives(*serials: str, quantity: int | None = None) -> receipts.Incoming:
    return receipts.Incoming(part_number=DRIVE, quantity=quantity or len(serials), serials=serials)


async def test_a_receipt_brings_units_in_with_their_source(company):
    receipt = await receipts.receive("GZ", [drives("NEW-1", "NEW-2")], by=KEEPER, origin="V-DISTI")

    unit = await units.unit("NEW-1", seen_by=KEEPER)
    assert receipt.lines[0].on_hand == 7
    assert (unit.place, unit.condition) == ("GZ", "good")
    assert [(step.kind, step.from_place, step.to_place) for step in await units.life(unit.id, seen_by=SETUP)] == [
        ("receipt", "V-DISTI", "GZ")
    ]
    assert await violations() == []


async def test_a_quarantined_receipt_is_not_free(company):
    await receipts.receive(
        "GZ", [receipts.Incoming(part_number=FAN, quantity=5, condition="quarantine")], by=KEEPER, origin="V-DISTI"
    )

    assert (await level(FAN, "GZ")).free == 10


async def test_every_serialised_piece_needs_its_serial(company):
    with pytest.raises(SerialsMissing):
        await receipts.receive("GZ", [drives("NEW-1", quantity=2)], by=KEEPER, origin="V-DISTI")


async def test_the_same_serial_twice_on_one_receipt_counts_once(company):
    with pytest.raises(SerialsMissing):
        await receipts.receive("GZ", [drives("NEW-1", "NEW-1")], by=KEEPER, origin="V-DISTI")


async def test_a_serial_that_is_in_the_ledger_is_not_received_again(own_company):
    with pytest.raises(SerialRepeated):
        await receipts.receive("GZ", [drives("NEW-1", "ZL2-0001")], by=KEEPER, origin="V-DISTI")

    assert (await level(DRIVE, "GZ")).on_hand == 5
    assert await violations() == []


async def test_a_quantity_below_one_is_not_received(company):
    with pytest.raises(QuantityNotPositive):
        await receipts.receive("GZ", [receipts.Incoming(part_number=FAN, quantity=0)], by=KEEPER, origin="V-DISTI")


async def test_a_keeper_receives_only_at_his_own_depot(company):
    with pytest.raises(NotYourDepot):
        await receipts.receive("GZ", [drives("NEW-1")], by=SH_KEEPER, origin="V-DISTI")


async def test_a_dispatcher_receives_nothing(company):
    with pytest.raises(NotGranted):
        await receipts.receive("GZ", [drives("NEW-1")], by=DISPATCHER, origin="V-DISTI")


async def test_an_unknown_part_is_not_received(company):
    with pytest.raises(Unknown):
        await receipts.receive("GZ", [receipts.Incoming(part_number="NOPE", quantity=1)], by=KEEPER, origin="V-DISTI")


async def test_an_adjustment_needs_a_reason(company):
    with pytest.raises(ReasonMissing):
        await receipts.adjust("GZ", FAN, 1, by=SETUP, reason=" ")


async def test_no_more_is_adjusted_away_than_is_free(company):
    with pytest.raises(InsufficientStock):
        await receipts.adjust("GZ", FAN, -11, by=SETUP, reason="lost")


async def test_a_lost_unit_leaves_and_is_found_again(company):
    await receipts.adjust("GZ", DRIVE, -1, by=SETUP, reason="not on its shelf", serials=["ZL2-0002"])
    lost = await units.unit("ZL2-0002", seen_by=SETUP)
    await receipts.adjust("GZ", DRIVE, 1, by=SETUP, reason="behind the shelf", serials=["ZL2-0002"])
    found = await units.unit("ZL2-0002", seen_by=SETUP)

    assert (lost.place, found.place) == ("ADJUSTMENT", "GZ")
    assert [step.reason for step in await units.life(found.id, seen_by=SETUP)] == [
        "opening stock",
        "not on its shelf",
        "behind the shelf",
    ]
    assert await violations() == []


async def test_a_unit_that_is_elsewhere_cannot_be_adjusted_away(company):
    with pytest.raises(UnitNotHere):
        await receipts.adjust("SH", DRIVE, -1, by=SETUP, reason="lost", serials=["ZL2-0002"])


async def test_a_serial_that_stands_elsewhere_cannot_be_found(company):
    with pytest.raises(SerialRepeated):
        await receipts.adjust("SH", DRIVE, 1, by=SETUP, reason="found", serials=["ZL2-0002"])


async def test_the_ledger_itself_refuses_to_be_changed(own_company):
    for statement in (
        "UPDATE movement SET quantity = 2",
        "DELETE FROM movement",
        "TRUNCATE movement",
        "DELETE FROM audit_entry",
        "TRUNCATE event",
    ):
        with pytest.raises(db.DatabaseError, match=r"append-only|permission denied"):
            await db.execute(statement)
