"""Shipments: packed, sent by a way that may carry it, signed for, or brought back and held again."""

import hashlib
from datetime import timedelta
from uuid import uuid4

import pytest

from inventory.assurance import finding
from inventory.assurance.invariants import violations
from inventory.ground import clock, db
from inventory.ground.errors import NotGranted, NotYourDepot, ReasonMissing, Unknown, WrongState
from inventory.requests import debriefing, shipping, waves
from inventory.requests.debriefing import Debrief
from inventory.stock import losses, notices, picking, provisional, reservations, shipments, transfers, units
from inventory.stock.refusals import HappenedLater
from inventory.stock.shipments import (
    Dispatch,
    HandedOverBeforeShipped,
    LithiumMayNotFly,
    NewPackage,
    PackagesDiffer,
    PackedPart,
    RecipientMissing,
    SignatureUnreadable,
)
from inventory.stock.transfers import PartOfItIsLost, TransferItem
from tests.integration.stock.test_picking import asked, picking_of
from tests.integration.stock.test_reservations import level
from tests.world import AUDITOR, BATTERY, DISPATCHER, DRIVE, FAN, KEEPER, SH_KEEPER, SUPERVISOR, actor

ENGINEER = actor("engineer")
STROKES = [[(10, 10), (200, 90)], [(220, 50)]]


async def sent(*lines: tuple[str, int], how: Dispatch | None = None) -> shipments.ShipmentView:
    request = await asked(*lines)
    await shipping.ship(request.id, by=KEEPER, how=how)
    (found,) = await shipments.shipments(limit=2, seen_by=KEEPER, document=request.number)
    return await shipments.shipment_view(found.id)


async def test_what_leaves_is_a_shipment_with_its_packages(company):
    packages = [
        NewPackage(weight_kg=1.5, contents=[PackedPart(part_number=FAN, quantity=2)]),
        NewPackage(weight_kg=0.8, contents=[PackedPart(part_number=DRIVE, quantity=1)]),
    ]
    how = Dispatch(mode="same_city_courier", carrier="闪送", courier_phone="139", waybill="SS-1", packages=packages)
    view = await sent((FAN, 2), (DRIVE, 1), how=how)

    assert (view.from_depot, view.to_place, view.mode, view.waybill, view.state) == (
        *("GZ", "BANK-GZ", "same_city_courier", "SS-1", "shipped"),
    )
    assert [(p.position, p.weight_kg) for p in view.packages] == [(1, 1.5), (2, 0.8)]
    assert view.promised_at is not None
    assert [entry.action for entry in view.entries] == ["shipment.shipped"]


async def test_packages_hold_exactly_what_leaves(own_company):
    request = await asked((FAN, 2))
    wrong = Dispatch(packages=[NewPackage(contents=[PackedPart(part_number=FAN, quantity=3)])])

    with pytest.raises(PackagesDiffer):
        await shipping.ship(request.id, by=KEEPER, how=wrong)
    assert (await level(FAN, "GZ")).on_hand == 10


async def test_lithium_does_not_fly_and_the_refusal_says_what_would_do(own_company):
    request = await asked((BATTERY, 1))

    with pytest.raises(LithiumMayNotFly) as refusal:
        await shipping.ship(request.id, by=KEEPER, how=Dispatch(mode="courier"))
    assert "same-city courier, own car, hand-carried" in refusal.value.advice("en")
    assert "同城快递" in refusal.value.advice("zh")
    assert (await level(BATTERY, "GZ")).on_hand == 3
    assert (await shipping.ship(request.id, by=KEEPER, how=Dispatch(mode="own_car"))).state == "shipped"


async def test_a_lane_has_the_say_about_lithium(company):
    draft = await transfers.draft_transfer("GZ", "ZJ", [TransferItem(part_number=BATTERY, quantity=1)], by=KEEPER)
    shipped = await transfers.ship(draft.id, by=KEEPER, how=Dispatch(mode="courier", waybill="SF-1"))

    assert (shipped.mode, shipped.waybill) == ("courier", "SF-1")


async def on_the_road(*items: tuple[str, int]) -> tuple[transfers.TransferView, shipments.ShipmentSummary]:
    wanted = [TransferItem(part_number=part, quantity=count) for part, count in items]
    draft = await transfers.draft_transfer("GZ", "SH", wanted, by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER)
    (found,) = await shipments.shipments(limit=2, seen_by=KEEPER, document=draft.number)
    return draft, found


@pytest.mark.parametrize("failed", [False, True])
async def test_a_transfer_that_is_lost_whole_takes_its_shipment_with_it_and_brings_it_back(company, failed):
    draft, shipment = await on_the_road((FAN, 2), (DRIVE, 1))
    if failed:
        await shipments.fail(shipment.id, by=KEEPER, reason="nobody there")
    await losses.declare_lost(draft.id, by=SUPERVISOR, reason="the van burnt out")

    lost = await shipments.shipment_view(shipment.id)
    assert (lost.state, lost.entries[-1].action, lost.entries[-1].reason, lost.entries[-1].actor) == (
        *("lost", "shipment.lost", "the van burnt out", SUPERVISOR.name),
    )
    assert await violations() == []
    with pytest.raises(WrongState):
        await shipments.hand_over(shipment.id, "李工", by=SH_KEEPER)
    await losses.find_again(draft.id, by=SUPERVISOR, reason="another van", found={FAN: 1})
    assert (await shipments.shipment_view(shipment.id)).state == "shipped"
    assert await violations() == []
    await losses.find_again(draft.id, by=SUPERVISOR, reason="all of it")
    await transfers.take_in(draft.id, by=SH_KEEPER)
    done = await shipments.shipment_view(shipment.id)
    assert (done.state, done.handed_to) == ("handed_over", SH_KEEPER.name)
    assert await violations() == []


async def test_a_shipment_of_which_something_arrived_or_still_travels_is_not_lost(company):
    draft, shipment = await on_the_road((FAN, 3))
    await losses.declare_lost(draft.id, by=SUPERVISOR, reason="one fell off", lost={FAN: 1})
    assert (await shipments.shipment_view(shipment.id)).state == "shipped"
    await transfers.take_in(draft.id, by=SH_KEEPER, received={FAN: 1}, reason="one is missing")
    await losses.declare_lost(draft.id, by=SUPERVISOR, reason="the last one too")

    assert (await transfers.transfer_view(draft.id)).state == "closed"
    assert (await shipments.shipment_view(shipment.id)).state == "handed_over"
    assert await violations() == []


async def test_the_quick_way_writes_a_shipment_too(company):
    draft = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=2)], by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER, waybill="SF-9")
    (found,) = await shipments.shipments(limit=2, seen_by=SH_KEEPER, waybill="SF-9")
    await transfers.take_in(draft.id, by=SH_KEEPER)

    assert (found.document, found.mode, found.parts) == (draft.number, "courier", f"2 × {FAN}")
    after = await shipments.shipment_view(found.id)
    assert (after.state, after.handed_to) == ("handed_over", SH_KEEPER.name)


async def test_somebody_signs_and_the_drawing_is_kept_with_its_hash(company):
    view = await sent((FAN, 1))
    done = await shipments.hand_over(view.id, " 王工 ", by=ENGINEER, where="机房前台", strokes=STROKES)
    drawing = await shipments.signature(view.id, seen_by=KEEPER)

    assert (done.state, done.handed_to, done.handed_over_where) == ("handed_over", "王工", "机房前台")
    assert done.signature_sha256 == hashlib.sha256(drawing).hexdigest()
    assert drawing.startswith(b"<svg")
    assert [entry.action for entry in done.entries] == ["shipment.shipped", "shipment.handed_over"]
    with pytest.raises(WrongState):
        await shipments.hand_over(view.id, "李工", by=ENGINEER)


async def test_whoever_asked_hears_that_it_is_picked_and_that_it_arrived(company):
    request, made = await picking_of((DRIVE, 1))
    await picking.scan(made.id, "ZL2-0001", by=KEEPER)
    await shipping.tell_of_picking(request.number)
    await shipping.ship(request.id, by=KEEPER)
    (found,) = await shipments.shipments(limit=2, seen_by=KEEPER, document=request.number)
    await shipments.hand_over(found.id, "王工", by=ENGINEER)
    await shipping.tell_of_arrival(found.id)
    told = await db.fetch("SELECT kind FROM event WHERE subject = $1 ORDER BY sequence", request.number)

    assert [row["kind"] for row in told] == [
        f"part_request.{what}" for what in ("reserved", "picked", "shipped", "arrived")
    ]


@pytest.mark.parametrize("strokes", [[[]], [[(0, 1001)]], [[(0, 0)] * 6001], [[(-1, 0), (5, 5)]], [[(1, 1)]] * 301])
async def test_what_is_no_signature_is_refused(company, strokes):
    view = await sent((FAN, 1))

    with pytest.raises(SignatureUnreadable):
        await shipments.hand_over(view.id, "王工", by=ENGINEER, strokes=strokes)


async def test_a_failed_delivery_is_tried_again_another_way(company):
    view = await sent((BATTERY, 1), how=Dispatch(mode="own_car"))
    failed = await shipments.fail(view.id, by=ENGINEER, reason="机房无人")

    assert failed.state == "failed"
    with pytest.raises(LithiumMayNotFly):
        await shipments.send_again(view.id, by=KEEPER, how=Dispatch(mode="courier"))
    again = await shipments.send_again(view.id, by=KEEPER, how=Dispatch(mode="hand_carried"))
    assert (again.state, again.mode) == ("shipped", "hand_carried")
    with pytest.raises(WrongState):
        await shipments.send_again(view.id, by=KEEPER)


async def test_what_could_not_be_delivered_is_held_again_for_its_request(company):
    request = await asked((DRIVE, 1), (FAN, 2))
    await shipping.ship(request.id, by=KEEPER, serials=["ZL2-0002"])
    (found,) = await shipments.shipments(limit=2, seen_by=KEEPER, document=request.number)
    await shipments.fail(found.id, by=KEEPER, reason="refused at the gate")
    back = await shipping.bring_back(found.id, by=KEEPER, reason="refused at the gate")

    assert back.state == "returned"
    assert (await units.unit("ZL2-0002", seen_by=AUDITOR)).place == "GZ"
    assert ((await level(FAN, "GZ")).on_hand, (await level(FAN, "GZ")).reserved) == (10, 2)
    again = await shipping.ship(request.id, by=KEEPER)
    assert again.state == "shipped"
    assert await violations() == []


async def test_what_could_not_be_delivered_is_held_again_for_its_transfer(company):
    items = [TransferItem(part_number=FAN, quantity=2), TransferItem(part_number=DRIVE, quantity=1)]
    draft = await transfers.draft_transfer("GZ", "SH", items, by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER)
    (found,) = await shipments.shipments(limit=2, seen_by=KEEPER, document=draft.number)
    await shipping.bring_back(found.id, by=KEEPER, reason="road closed")

    assert (await transfers.transfer_view(draft.id)).state == "draft"
    assert ((await level(FAN, "GZ")).reserved, (await level(FAN, "SH")).in_transit) == (2, 0)
    (withdrawn,) = await notices.notices(limit=2, seen_by=SH_KEEPER)
    assert (withdrawn.state, withdrawn.reason) == ("cancelled", "road closed")
    await transfers.ship(draft.id, by=KEEPER, serials=["ZL2-0003"])
    assert (await transfers.take_in(draft.id, by=SH_KEEPER)).state == "received"
    again, _ = await notices.notices(limit=3, seen_by=SH_KEEPER)
    assert (again.state, [line.serials for line in again.lines if line.serials]) == ("received", [["ZL2-0003"]])
    assert await violations() == []


async def test_a_transfer_comes_back_whole_or_not_at_all(own_company):
    draft = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=3)], by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER)
    (found,) = await shipments.shipments(limit=2, seen_by=KEEPER, document=draft.number)
    await losses.declare_lost(draft.id, by=SUPERVISOR, reason="a box fell off", lost={FAN: 1})

    with pytest.raises(PartOfItIsLost):
        await shipping.bring_back(found.id, by=KEEPER, reason="road closed")
    assert (await shipments.shipment_view(found.id)).state == "shipped"
    await losses.find_again(draft.id, by=SUPERVISOR, reason="it was in the van")
    await transfers.take_in(draft.id, by=SH_KEEPER, received={FAN: 1}, reason="two boxes follow")
    assert (await shipments.shipment_view(found.id)).state == "handed_over"
    with pytest.raises(WrongState):
        await shipping.bring_back(found.id, by=KEEPER, reason="road closed")
    assert await violations() == []


async def test_parts_accounted_for_have_arrived(company):
    view = await sent((FAN, 1))
    request = view.document
    (summary,) = await shipments.shipments(limit=2, seen_by=KEEPER, document=request)
    found = (await requests_of(request))[0]
    await debriefing.debrief(found, [Debrief(part_number=FAN, outcome="used")], by=DISPATCHER)

    assert (await shipments.shipment_view(summary.id)).handed_to == DISPATCHER.name
    with pytest.raises(WrongState):
        await shipping.bring_back(summary.id, by=KEEPER, reason="too late")


async def requests_of(number: str):
    return [row["id"] for row in await db.fetch("SELECT id FROM part_request WHERE number = $1", number)]


async def test_who_serves_neither_end_handles_no_shipment(company):
    view = await sent((FAN, 1))
    other = actor("warehouse_keeper", depots={"ZJ"})

    for act, refusal in (
        (shipments.hand_over(view.id, "王工", by=other), NotYourDepot),
        (shipments.hand_over(view.id, "王工", by=AUDITOR), NotGranted),
        (shipments.hand_over(view.id, "  ", by=KEEPER), RecipientMissing),
        (
            shipments.hand_over(view.id, "王工", by=KEEPER, occurred_at=clock.now() - timedelta(days=1)),
            HandedOverBeforeShipped,
        ),
        (shipments.hand_over(view.id, "王工", by=KEEPER, occurred_at=clock.now() + timedelta(days=1)), HappenedLater),
        (shipments.hand_over(uuid4(), "王工", by=KEEPER), Unknown),
        (shipments.fail(view.id, by=KEEPER, reason=" "), ReasonMissing),
        (shipping.bring_back(view.id, by=SH_KEEPER, reason="mine"), NotYourDepot),
        (shipments.shipment_view(view.id, seen_by=other), Unknown),
        (shipments.signature(view.id, seen_by=KEEPER), Unknown),
    ):
        with pytest.raises(refusal):
            await act
    assert await shipments.shipments(limit=5, seen_by=other) == []


async def test_a_single_reservation_is_handed_out_as_picked(company):
    held = await reservations.hold(DRIVE, "GZ", 1, by=KEEPER)
    made = await waves.begin_picking("GZ", [str(held.id)], by=KEEPER)
    await picking.scan(made.id, "ZL2-0004", by=KEEPER)

    assert (await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ")).serials == ["ZL2-0004"]


async def test_whatever_went_out_is_found_by_its_number(company):
    view = await sent((FAN, 1), how=Dispatch(mode="own_car", waybill="WB-77"))
    _, made = await picking_of((DRIVE, 1))
    new = provisional.NewProvisionalIssue(client_id="1", depot="GZ", code=FAN)
    issue = await provisional.take(new, by=KEEPER)

    for number, kind in (
        (view.number, "shipment"),
        ("WB-77", "shipment"),
        (made.number, "pick_list"),
        (issue.number, "provisional_issue"),
    ):
        found = await finding.find(number, seen_by=KEEPER)
        assert (found and found.kind) == kind
        assert await finding.find(number, seen_by=actor("warehouse_keeper", depots={"ZJ"})) is None
