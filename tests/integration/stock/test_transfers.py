"""Transfers: held, shipped, in transit, taken in; what is missing stays on the road with its reason."""

from datetime import timedelta
from decimal import Decimal

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import db
from inventory.ground.errors import NotYourDepot, ReasonMissing, Unknown, WrongState
from inventory.places import places as places_of
from inventory.places import register as places
from inventory.procurement import deliveries
from inventory.procurement.deliveries import Scan
from inventory.requests import waves
from inventory.stock import losses, lots, picking, receipts, transfers, units
from inventory.stock.receipts import Incoming
from inventory.stock.refusals import InsufficientStock, SameStore, UnitNotHere
from inventory.stock.shipments import Dispatch
from inventory.stock.transfers import NoLane, OwnersMixed, ReceivedDiffers, TransferItem
from tests.integration.stock.test_reservations import level
from tests.world import BATTERY, DRIVE, FAN, KEEPER, PSU, SETUP, SH_KEEPER

ITEMS = [TransferItem(part_number=FAN, quantity=4), TransferItem(part_number=DRIVE, quantity=2)]


async def test_a_draft_holds_its_stock(company):
    draft = await transfers.draft_transfer("GZ", "SH", ITEMS, by=KEEPER)

    assert (draft.state, draft.mode) == ("draft", "courier")
    assert (await level(FAN, "GZ")).free == 6


async def test_a_shipped_transfer_is_in_transit_and_expected(company):
    draft = await transfers.draft_transfer("GZ", "SH", ITEMS, by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER, waybill="SF100", serials=["ZL2-0004", "ZL2-0001"])

    assert (await level(FAN, "GZ")).on_hand == 6
    assert (await level(FAN, "SH")).in_transit == 4
    assert (await units.unit("ZL2-0004", seen_by=SETUP)).place == "TRANSIT"
    assert await violations() == []


async def test_nothing_leaves_in_place_of_a_serial_that_is_not_there(company):
    draft = await transfers.draft_transfer("GZ", "SH", ITEMS, by=KEEPER)

    with pytest.raises(UnitNotHere):
        await transfers.ship(draft.id, by=KEEPER, serials=["ZL2-9998", "ZL2-9999"])


async def test_each_lot_arrives_in_the_pool_it_left(own_company):
    for pool, lot in (("common", "B-COMMON"), ("C-TELCO", "B-TELCO")):
        await receipts.receive(
            "GZ", [Incoming(part_number=BATTERY, quantity=3, lot=lot)], by=SETUP, origin="V-DISTI", pool=pool
        )
    await receipts.adjust("GZ", BATTERY, -3, by=SETUP, reason="only the new lots")
    pools = ("common", "C-TELCO")
    items = [TransferItem(part_number=BATTERY, quantity=3, pool=pool) for pool in pools]
    draft = await transfers.draft_transfer("GZ", "ZJ", items, by=SETUP)
    await transfers.ship(draft.id, by=SETUP)
    await transfers.take_in(draft.id, by=SETUP)

    there = await lots.lot_stocks(limit=10, seen_by=SETUP, depot="ZJ", part_number=BATTERY)
    assert [(line.lot, line.pool, line.quantity) for line in there] == [
        ("B-COMMON", "common", 3),
        ("B-TELCO", "C-TELCO", 3),
    ]
    assert await violations() == []


async def test_a_transfer_that_goes_another_way_is_due_by_that_ways_hours(company):
    carried = places.NewLane(
        from_place="GZ",
        to_place="SH",
        mode="hand_carried",
        hours=7,
        fixed_cost_cny=Decimal(1900),
        unit_cost_cny=Decimal(0),
        carries_lithium=False,
    )
    await places.enter_lanes([carried], by=SETUP)
    drafts = [await transfers.draft_transfer("GZ", "SH", [each], by=KEEPER) for each in ITEMS]

    as_drafted = await transfers.ship(drafts[0].id, by=KEEPER)
    by_courier = await transfers.ship(drafts[1].id, by=KEEPER, how=Dispatch(mode="courier"))

    took = [(view.mode, view.due_at - view.shipped_at) for view in (as_drafted, by_courier)]
    assert took == [("hand_carried", timedelta(hours=7)), ("courier", timedelta(hours=24))]


async def test_a_transfer_arrives_whole(company):
    draft = await transfers.draft_transfer("GZ", "SH", ITEMS, by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER)
    received = await transfers.take_in(draft.id, by=SH_KEEPER)

    assert received.state == "received"
    assert ((await level(FAN, "SH")).on_hand, (await level(FAN, "SH")).in_transit) == (8, 0)
    assert (await level(DRIVE, "SH")).on_hand == 2
    assert await violations() == []


async def test_what_did_not_arrive_needs_a_reason_and_stays_on_the_road(company):
    draft = await transfers.draft_transfer("GZ", "SH", ITEMS, by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER)

    with pytest.raises(ReceivedDiffers):
        await transfers.take_in(draft.id, by=SH_KEEPER, received={FAN: 3, DRIVE: 2})


async def test_a_short_transfer_is_taken_in_with_its_reason(own_company):
    draft = await transfers.draft_transfer("GZ", "SH", ITEMS, by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER)
    await transfers.take_in(draft.id, by=SH_KEEPER, received={FAN: 3, DRIVE: 1}, reason="box torn open")

    assert (await level(FAN, "SH")).on_hand == 7
    assert (await level(DRIVE, "SH")).on_hand == 1
    assert await violations() == []


async def test_a_cancelled_draft_frees_its_stock(company):
    draft = await transfers.draft_transfer("GZ", "SH", ITEMS, by=KEEPER)
    await transfers.cancel(draft.id, by=KEEPER, reason="not needed any more")

    assert (await level(FAN, "GZ")).free == 10
    with pytest.raises(WrongState):
        await transfers.ship(draft.id, by=KEEPER)


async def test_a_transfer_is_shipped_once(company):
    draft = await transfers.draft_transfer("GZ", "SH", ITEMS, by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER)

    with pytest.raises(WrongState) as refusal:
        await transfers.ship(draft.id, by=KEEPER)
    assert refusal.value.facts["state"] == "shipped"


async def test_only_the_keepers_of_its_two_ends_handle_a_transfer(company):
    draft = await transfers.draft_transfer("GZ", "SH", ITEMS, by=KEEPER)

    with pytest.raises(NotYourDepot):
        await transfers.ship(draft.id, by=SH_KEEPER)


async def test_only_the_target_takes_a_transfer_in(company):
    draft = await transfers.draft_transfer("GZ", "SH", ITEMS, by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER)

    with pytest.raises(NotYourDepot):
        await transfers.take_in(draft.id, by=KEEPER)


async def test_lithium_does_not_go_by_a_lane_that_may_not_carry_it(company):
    with pytest.raises(NoLane):
        await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=BATTERY, quantity=1)], by=KEEPER)


async def test_lithium_goes_by_road(company):
    draft = await transfers.draft_transfer("GZ", "ZJ", [TransferItem(part_number=BATTERY, quantity=1)], by=KEEPER)

    assert draft.state == "draft"


async def test_no_lane_is_no_way(company):
    with pytest.raises(NoLane):
        await transfers.draft("ZJ", "SH", [TransferItem(part_number=PSU, quantity=1, pool="C-TELCO")], by=SETUP)


async def test_a_transfer_leads_to_another_store(company):
    with pytest.raises(SameStore):
        await transfers.draft_transfer("GZ", "GZ", ITEMS, by=KEEPER)


async def test_no_more_is_sent_than_is_free(company):
    with pytest.raises(InsufficientStock):
        await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=11)], by=KEEPER)


async def test_an_unknown_store_is_not_found(company):
    with pytest.raises(Unknown):
        await transfers.draft_transfer("GZ", "NOWHERE", ITEMS, by=KEEPER)


async def test_giving_up_needs_a_reason(company):
    draft = await transfers.draft_transfer("GZ", "SH", ITEMS, by=KEEPER)

    with pytest.raises(ReasonMissing):
        await transfers.cancel(draft.id, by=KEEPER, reason="")


async def _vendors_stock_at(depot: str) -> None:
    """Five fans and a drive that the distributor keeps in a store of ours."""
    lines = [
        Incoming(part_number=FAN, quantity=5, lot="CONSIGNED"),
        Incoming(part_number=DRIVE, quantity=1, serials=["V-1"]),
    ]
    await receipts.receive(depot, lines, by=SETUP, origin="V-DISTI", owner=await places_of.find_party("DISTI"))


OTHERS = [
    TransferItem(part_number=FAN, quantity=3, owner="DISTI"),
    TransferItem(part_number=DRIVE, quantity=1, owner="DISTI"),
]


async def _owned(depot: str) -> dict[tuple[str, str, str], int]:
    """What of others' stock the books have in a store: part, owner and condition with the pieces."""
    rows = await db.fetch(
        """SELECT part_number, party.code, condition, on_hand FROM level JOIN part ON part.id = level.part
           JOIN place ON place.id = level.place JOIN party ON party.id = level.owner
           WHERE place.code = $1 AND NOT party.is_ourselves AND on_hand > 0""",
        depot,
    )
    return {(row["part_number"], row["code"], row["condition"]): row["on_hand"] for row in rows}


async def test_what_a_vendor_owns_stays_his_all_the_way(company):
    await _vendors_stock_at("GZ")
    draft = await transfers.draft_transfer("GZ", "SH", OTHERS, by=KEEPER)
    assert {(line.part_number, line.owner, line.ours) for line in draft.lines} == {
        (FAN, "DISTI", False),
        (DRIVE, "DISTI", False),
    }
    assert (await level(FAN, "GZ")).free == 10  # none of ours is held for it

    await transfers.ship(draft.id, by=KEEPER)
    assert (await units.unit("V-1", seen_by=SETUP)).owner == "DISTI"
    assert (await level(FAN, "SH")).in_transit == 0  # what is not ours is no cover
    assert await violations() == []

    await transfers.take_in(draft.id, by=SH_KEEPER, received={FAN: 2, DRIVE: 1}, reason="one is missing")
    assert await _owned("SH") == {(FAN, "DISTI", "good"): 2, (DRIVE, "DISTI", "good"): 1}
    await losses.declare_lost(draft.id, by=SETUP, reason="gone")
    await losses.find_again(draft.id, by=SETUP, reason="in the van")
    await transfers.take_in(draft.id, by=SH_KEEPER)

    assert await _owned("SH") == {(FAN, "DISTI", "good"): 3, (DRIVE, "DISTI", "good"): 1}
    assert await _owned("GZ") == {(FAN, "DISTI", "good"): 2}
    assert (await level(FAN, "SH")).on_hand == 4
    assert await violations() == []


async def test_scanned_in_it_stays_his_and_what_was_brought_back_too(company):
    await _vendors_stock_at("GZ")
    draft = await transfers.draft_transfer("GZ", "SH", OTHERS, by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER)
    back = await transfers.bring_back(draft.number, by=SETUP, reason="nobody there")
    assert (back.state, (await _owned("GZ"))[FAN, "DISTI", "good"]) == ("draft", 5)
    await transfers.ship(draft.id, by=KEEPER)

    scans = [Scan(part_number=FAN, quantity=3), Scan(part_number=DRIVE, serials=["V-1"], damaged=True)]
    receipt = await deliveries.receive(draft.number, scans, by=SH_KEEPER, reason="dropped")

    assert await _owned("SH") == {(FAN, "DISTI", "good"): 3, (DRIVE, "DISTI", "defective"): 1}
    assert {line.owner for line in receipt.lines} == {"DISTI"}
    assert await violations() == []


async def test_a_piece_sent_by_mistake_arrives_as_whose_it_was(company):
    await _vendors_stock_at("GZ")
    draft = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=DRIVE, quantity=1)], by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER, serials=["ZL2-0001"])
    scans = [Scan(part_number=DRIVE, serials=["ZL2-0001", "ZL2-0002", "V-1"])]
    receipt = await deliveries.receive(draft.number, scans, by=SH_KEEPER, reason="in the wrong box")

    assert [(line.owner, line.ours, line.serials) for line in receipt.lines] == [
        ("OWN", True, ["ZL2-0001"]),
        ("OWN", True, ["ZL2-0002"]),
        ("DISTI", False, ["V-1"]),
    ]
    assert await _owned("SH") == {(DRIVE, "DISTI", "quarantine"): 1}
    assert await violations() == []


async def test_no_more_of_an_owners_stock_is_sent_than_he_has(company):
    await _vendors_stock_at("GZ")

    with pytest.raises(InsufficientStock) as refused:
        await transfers.draft_transfer(
            "GZ", "SH", [TransferItem(part_number=FAN, quantity=6, owner="DISTI")], by=KEEPER
        )
    assert refused.value.facts["free"] == 5
    with pytest.raises(Unknown):
        await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=1, owner="?")], by=KEEPER)


async def test_one_part_of_several_owners_goes_by_several_transfers(company):
    await _vendors_stock_at("GZ")
    mixed = [TransferItem(part_number=FAN, quantity=1), TransferItem(part_number=FAN, quantity=1, owner="DISTI")]

    with pytest.raises(OwnersMixed):
        await transfers.draft_transfer("GZ", "SH", mixed, by=KEEPER)


async def test_an_owners_stock_is_picked_for_its_transfer(company):
    await _vendors_stock_at("GZ")
    draft = await transfers.draft_transfer("GZ", "SH", OTHERS[1:], by=KEEPER)

    walk = await waves.begin_picking("GZ", [draft.number], by=KEEPER)
    assert [line.serial for line in walk.lines] == ["V-1"]
    await picking.scan(walk.id, "V-1", by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER)

    assert (await units.unit("V-1", seen_by=SETUP)).place == "TRANSIT"
    assert await violations() == []
