"""Reservations: held, then posted, voided or expired, once."""

import asyncio
from datetime import timedelta

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import clock, db
from inventory.ground.errors import NotGranted, NotYourDepot, Unknown
from inventory.stock import keeping, levels, receipts, reservations, transfers
from inventory.stock.keeping import Scanned
from inventory.stock.refusals import (
    HappenedBeforeItCame,
    HappenedLater,
    HappenedTooLongAgo,
    HeldForTransfer,
    InsufficientStock,
    MoreThanReserved,
    NotHandedOutTo,
    QuantityNotPositive,
    ReservationResolved,
    UnitNotHere,
)
from inventory.stock.transfers import TransferItem
from tests.world import AUDITOR, DISPATCHER, DRIVE, FAN, KEEPER, PSU, SETUP, SH_KEEPER


async def level(part_number: str, depot: str, pool: str = "common") -> levels.LevelView:
    return (await levels.levels(limit=1, seen_by=SETUP, part_number=part_number, depot=depot, pool=pool))[0]


async def test_a_reservation_takes_stock_out_of_what_is_free(company):
    held = await reservations.reserve(FAN, "GZ", 3, by=KEEPER, reference="INC-1")

    stock = await level(FAN, "GZ")
    assert (held.state, held.quantity, held.depot) == ("pending", 3, "GZ")
    assert (stock.on_hand, stock.reserved, stock.free) == (10, 3, 7)


async def test_an_alias_number_reserves_the_part_it_means(company):
    held = await reservations.reserve("0YT39Y", "GZ", 1, by=KEEPER)

    assert held.part_number == PSU


async def test_a_shortage_says_what_is_free_here_and_elsewhere(company):
    with pytest.raises(InsufficientStock) as refusal:
        await reservations.reserve(FAN, "GZ", 11, by=KEEPER)

    assert refusal.value.facts["free"] == 10
    assert refusal.value.facts["elsewhere"] == [{"depot": "SH", "pool": "common", "free": 4}]
    assert (await level(FAN, "GZ")).reserved == 0


async def test_an_unknown_part_is_answered_with_the_nearest_numbers(company):
    with pytest.raises(Unknown) as refusal:
        await reservations.reserve("ST12000NM0009", "GZ", 1, by=KEEPER)

    assert DRIVE in str(refusal.value.facts["near"])


async def test_an_unknown_depot_is_not_found(company):
    with pytest.raises(Unknown):
        await reservations.reserve(FAN, "XX", 1, by=DISPATCHER)


@pytest.mark.parametrize("quantity", [0, -1])
async def test_a_quantity_below_one_is_refused(company, quantity):
    with pytest.raises(QuantityNotPositive):
        await reservations.reserve(FAN, "GZ", quantity, by=KEEPER)


async def test_a_keeper_does_not_reserve_in_a_depot_of_others(company):
    with pytest.raises(NotYourDepot):
        await reservations.reserve(FAN, "SH", 1, by=KEEPER)


async def test_an_auditor_reserves_nothing(company):
    with pytest.raises(NotGranted):
        await reservations.reserve(FAN, "GZ", 1, by=AUDITOR)


async def test_posting_moves_the_stock_and_releases_the_rest(company):
    held = await reservations.reserve(FAN, "GZ", 3, by=KEEPER)

    posted = await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", quantity=2)

    stock = await level(FAN, "GZ")
    assert (posted.state, posted.posted_quantity) == ("posted", 2)
    assert (stock.on_hand, stock.reserved) == (8, 0)


async def test_posting_a_serialised_part_names_the_units_oldest_first(company):
    held = await reservations.reserve(DRIVE, "GZ", 2, by=KEEPER)

    posted = await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ")

    places = await db.fetch(
        "SELECT place.code FROM unit JOIN place ON place.id = unit.place WHERE serial = ANY($1)", posted.serials
    )
    assert len(posted.serials) == 2
    assert {row["code"] for row in places} == {"BANK-GZ"}


async def test_posting_takes_the_units_that_were_scanned(company):
    held = await reservations.reserve(DRIVE, "GZ", 1, by=KEEPER)

    posted = await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", serials=["ZL2-0003"])

    assert posted.serials == ["ZL2-0003"]


async def test_a_unit_that_is_not_there_cannot_be_scanned_out(company):
    held = await reservations.reserve(DRIVE, "GZ", 1, by=KEEPER)

    with pytest.raises(UnitNotHere) as refusal:
        await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", serials=["NOPE"])

    assert refusal.value.facts["serial"] == "NOPE"


async def test_more_than_reserved_is_not_posted(company):
    held = await reservations.reserve(FAN, "GZ", 1, by=KEEPER)

    with pytest.raises(MoreThanReserved):
        await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", quantity=2)


async def test_a_keeper_does_not_post_what_another_depot_holds(company):
    held = await reservations.reserve(FAN, "GZ", 1, by=KEEPER)

    with pytest.raises(NotYourDepot):
        await reservations.post_reservation(held.id, by=SH_KEEPER, to="BANK-GZ")


async def test_a_voided_reservation_frees_its_stock(company):
    held = await reservations.reserve(FAN, "GZ", 3, by=KEEPER)

    voided = await reservations.void_reservation(held.id, by=KEEPER)

    assert voided.state == "voided"
    assert (await level(FAN, "GZ")).free == 10


async def test_a_reservation_is_resolved_only_once(company):
    held = await reservations.reserve(FAN, "GZ", 1, by=KEEPER)
    await reservations.void_reservation(held.id, by=KEEPER)

    with pytest.raises(ReservationResolved):
        await reservations.void_reservation(held.id, by=KEEPER)
    with pytest.raises(ReservationResolved):
        await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ")


async def test_a_reservation_past_its_time_expires_and_frees_its_stock(company):
    held = await reservations.reserve(FAN, "GZ", 3, by=KEEPER, expires_at=clock.now() + timedelta(minutes=1))

    with clock.at(clock.now() + timedelta(minutes=2)):
        with pytest.raises(ReservationResolved):
            await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ")
        assert await reservations.expire_due(by=SETUP) == 1

    assert (await level(FAN, "GZ")).free == 10


async def test_a_thousand_rivals_for_a_hundred_pieces_get_exactly_a_hundred(own_company):
    await db.execute("UPDATE level SET on_hand = 100 FROM part WHERE part.id = level.part AND part_number = $1", FAN)

    async def one() -> bool:
        try:
            await reservations.reserve(FAN, "GZ", 1, by=KEEPER)
        except InsufficientStock:
            return False
        return True

    granted = await asyncio.gather(*(one() for _ in range(1000)))

    stock = await level(FAN, "GZ")
    assert granted.count(True) == 100
    assert (stock.reserved, stock.free) == (100, 0)


async def test_the_books_are_right_after_reserving_posting_and_voiding(company):
    first = await reservations.reserve(DRIVE, "GZ", 2, by=KEEPER)
    second = await reservations.reserve(FAN, "GZ", 4, by=KEEPER)
    await reservations.post_reservation(first.id, by=KEEPER, to="BANK-GZ", quantity=1)
    await reservations.void_reservation(second.id, by=KEEPER)

    assert await violations() == []


@pytest.mark.parametrize(
    ("to", "instead"),
    [
        ("SH", "transfer"),
        ("GZ", "transfer"),
        ("ZJ", "transfer"),
        ("SCRAP", "scrap"),
        ("ADJUSTMENT", "adjust"),
        ("TRANSIT", "transfer"),
        ("UNPAPERED", "issued first"),
        ("V-DISTI", "vendor owns"),
    ],
)
async def test_stock_is_handed_out_to_customers_only(company, to, instead):
    held = await reservations.reserve(FAN, "GZ", 1, by=KEEPER)

    with pytest.raises(NotHandedOutTo, match=instead):
        await reservations.post_reservation(held.id, by=KEEPER, to=to)
    with pytest.raises(NotHandedOutTo, match=instead):
        await keeping.issue_by_scan("GZ", [Scanned(code=FAN)], by=KEEPER, to=to)
    assert ((await level(FAN, "GZ")).on_hand, (await level(FAN, "GZ")).reserved) == (10, 1)
    assert (await reservations.post_reservation(held.id, by=KEEPER, to="ISSUED")).state == "posted"


async def test_what_a_transfer_is_to_carry_is_resolved_through_it(company):
    draft = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=2)], by=KEEPER)
    (held,) = await reservations.reservations(limit=5, seen_by=SETUP, holder=draft.number)

    for act in (
        reservations.void_reservation(held.id, by=KEEPER),
        reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ"),
        reservations.extend(held.id, clock.now() + timedelta(minutes=1), by=KEEPER),
    ):
        with pytest.raises(HeldForTransfer) as refusal:
            await act
        assert refusal.value.facts["transfer"] == draft.number
    assert (await transfers.ship(draft.id, by=KEEPER)).state == "shipped"


async def test_nothing_is_handed_out_before_it_came_nor_after_now(company):
    """The opening stock came when the test began."""
    for part, serials in ((FAN, ()), (DRIVE, ("ZL2-0001",))):
        held = await reservations.reserve(part, "GZ", 1, by=KEEPER)
        now = clock.now()
        for at, refusal in (
            (now - timedelta(days=3), HappenedBeforeItCame),
            (now - timedelta(days=40), HappenedTooLongAgo),
            (now + timedelta(hours=1), HappenedLater),
        ):
            with pytest.raises(refusal):
                await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", serials=serials, occurred_at=at)
        with clock.at(now + timedelta(hours=2)):
            left = now + timedelta(hours=1)
            await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", serials=serials, occurred_at=left)
    with clock.at(clock.now() + timedelta(hours=2)):
        assert await violations() == []


async def test_what_left_meanwhile_was_not_there_to_leave(company):
    start = clock.now()
    with clock.at(start + timedelta(hours=2)):
        first = await reservations.reserve(FAN, "GZ", 10, by=KEEPER)
        await reservations.post_reservation(first.id, by=KEEPER, to="BANK-GZ")
    with clock.at(start + timedelta(hours=3)):
        await receipts.adjust("GZ", FAN, 4, by=SETUP, reason="found")
        second = await reservations.reserve(FAN, "GZ", 4, by=KEEPER)
        early = start + timedelta(hours=2, minutes=30)
        with pytest.raises(HappenedBeforeItCame):
            await reservations.post_reservation(second.id, by=KEEPER, to="BANK-GZ", occurred_at=early)
        assert (await reservations.post_reservation(second.id, by=KEEPER, to="BANK-GZ")).state == "posted"
