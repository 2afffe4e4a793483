"""Bins: what is put away lies where the ledger says, and what is not there does not move."""

import pytest

from inventory.assurance.invariants import violations
from inventory.ground.errors import NotYourDepot, Unknown
from inventory.places import bins
from inventory.places.bins import BinCodeTaken, NewBin
from inventory.stock import lots, placing, receipts, reservations, units
from inventory.stock.pieces import Pieces
from inventory.stock.receipts import Incoming
from inventory.stock.refusals import LotNotHere, SerialsMissing, UnitNotHere
from tests.world import AUDITOR, DRIVE, FAN, KEEPER, SETUP, actor


@pytest.fixture
async def shelves(company):
    await bins.enter_bins([NewBin(place="GZ", code=code) for code in ("A-01", "A-02")], by=SETUP)


async def lying(depot: str = "GZ") -> dict[tuple[str | None, str], int]:
    return {(c.bin, c.part_number): c.quantity for c in await placing.contents(depot, limit=200, seen_by=AUDITOR)}


async def test_pieces_move_from_the_dock_to_a_bin_and_on_to_another(shelves):
    before = await lying()
    await placing.put_away(Pieces("GZ", FAN, quantity=7), "A-01", by=KEEPER)
    await placing.put_away(Pieces("GZ", FAN, quantity=3, bin="A-01"), "A-02", by=KEEPER)

    after = await lying()
    assert (before[None, FAN], after[None, FAN], after["A-01", FAN], after["A-02", FAN]) == (10, 3, 4, 3)
    assert await violations() == []


async def test_a_unit_is_put_away_by_its_serial_and_remembers_the_way(shelves):
    content = await placing.put_away(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "A-01", by=KEEPER)
    unit = await units.unit("ZL2-0001", seen_by=AUDITOR)

    assert [line.serials for line in content] == [["ZL2-0001"]]
    assert unit.bin == "A-01"
    assert [step.kind for step in await units.life(unit.id)] == ["adjustment", "put_away"]


async def test_what_is_already_there_is_not_moved_again(shelves):
    await placing.put_away(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "A-01", by=KEEPER)
    await placing.put_away(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "A-01", by=KEEPER)

    assert len(await units.life((await units.unit("ZL2-0001", seen_by=AUDITOR)).id)) == 2


async def test_the_oldest_lots_leave_first_wherever_they_lie(shelves):
    line = Incoming(part_number=FAN, quantity=5, lot="B-2", provenance="authorised_channel")
    await receipts.receive("GZ", [line], by=KEEPER, origin="V-DISTI")
    await placing.put_away(Pieces("GZ", FAN, quantity=5, lot="B-2"), "A-01", by=KEEPER)
    held = await reservations.hold(FAN, "GZ", 12, by=KEEPER)
    await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ")

    (left,) = await lots.lot_stocks(limit=10, seen_by=AUDITOR, part_number=FAN, depot="GZ")
    assert (left.lot, left.bin, left.quantity, left.provenance) == ("B-2", "A-01", 3, "authorised_channel")
    assert await violations() == []


async def test_more_than_lies_in_a_bin_does_not_move(shelves):
    await placing.put_away(Pieces("GZ", FAN, quantity=2), "A-01", by=KEEPER)
    for quantity, origin in ((3, "A-01"), (9, None)):
        with pytest.raises(LotNotHere):
            await placing.put_away(Pieces("GZ", FAN, quantity=quantity, bin=origin), "A-02", by=KEEPER)


async def test_what_is_not_in_the_store_is_not_put_away(shelves):
    for part, more, refusal in (
        (DRIVE, {"serials": ["NOBODY"]}, UnitNotHere),
        (DRIVE, {"quantity": 1}, SerialsMissing),
        (FAN, {"quantity": 1, "bin": "Z-99"}, Unknown),
    ):
        with pytest.raises(refusal):
            await placing.put_away(Pieces("GZ", part, **more), "A-01", by=KEEPER)
    with pytest.raises(Unknown):
        await placing.put_away(Pieces("GZ", FAN, quantity=1), "Z-99", by=KEEPER)


async def test_a_keeper_of_another_depot_puts_nothing_away_here(shelves):
    elsewhere = actor("warehouse_keeper", depots={"SH"})
    with pytest.raises(NotYourDepot):
        await placing.put_away(Pieces("GZ", FAN, quantity=1), "A-01", by=elsewhere)
    with pytest.raises(NotYourDepot):
        await bins.enter_bins([NewBin(place="GZ", code="B-01")], by=elsewhere)
    assert await placing.contents("GZ", limit=10, seen_by=elsewhere) == []


async def test_a_bin_code_is_there_once_in_a_store(own_company):
    await bins.enter_bins([NewBin(place="GZ", code="A-01")], by=SETUP)
    with pytest.raises(BinCodeTaken):
        await bins.enter_bins([NewBin(place="GZ", code="A-01")], by=SETUP)


async def test_a_bad_batch_is_found_wherever_its_pieces_lie(api):
    for depot in ("GZ", "SH"):
        line = Incoming(part_number=FAN, quantity=2, lot="B-7", provenance="authorised_channel")
        await receipts.receive(depot, [line], by=SETUP, origin="V-DISTI")

    everywhere = (await api.get("/lots?lot=B-7", role="auditor")).json()["items"]
    own = (await api.get("/lots?lot=B-7", role="warehouse_keeper", depot="SH")).json()["items"]
    assert [(line["depot"], line["quantity"]) for line in everywhere] == [("GZ", 2), ("SH", 2)]
    assert [line["depot"] for line in own] == ["SH"]


async def test_what_is_empty_is_forgotten_and_the_books_stay_right(shelves):
    await placing.put_away(Pieces("GZ", FAN, quantity=10), "A-01", by=KEEPER)
    forgotten = await lots.forget_empty()

    assert forgotten == 1
    assert (await lying())["A-01", FAN] == 10
    assert await violations() == []
