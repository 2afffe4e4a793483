"""Reversals: a mistake is undone once, by another movement, within the rules."""

from datetime import timedelta

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import clock, db
from inventory.ground.errors import NotGranted, NotYourDepot, ReasonMissing, Unknown
from inventory.places import bins
from inventory.places.bins import NewBin
from inventory.procurement import deliveries, orders, receiving, taking_back
from inventory.procurement.deliveries import Scan
from inventory.requests import requests, shipping
from inventory.stock import (
    keeping,
    levels,
    lots,
    movements,
    notices,
    placing,
    receipts,
    reservations,
    reversals,
    transfers,
    units,
)
from inventory.stock.keeping import Scanned
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Spot
from inventory.stock.notices import NewNoticeLine
from inventory.stock.pieces import Pieces
from inventory.stock.receipts import Incoming
from inventory.stock.refusals import InsufficientStock
from inventory.stock.reversals import AlreadyReversed, MovedOn, UndoneThroughDocument
from inventory.stock.transfers import TransferItem
from tests.integration.procurement.test_orders import placed
from tests.world import AUDITOR, BUYER, DISPATCHER, DRIVE, ENGINEER, FAN, KEEPER, SETUP, SH_KEEPER, SUPERVISOR


@pytest.fixture
async def shelves(company):
    await bins.enter_bins([NewBin(place="GZ", code=code) for code in ("A-01", "A-02")], by=SETUP)


async def latest(**more):
    return (await movements.movements(limit=1, seen_by=AUDITOR, **more))[0]


async def undone(by=SUPERVISOR, reason="typed wrongly", **which):
    return await reversals.reverse((await latest(**which)).id, by=by, reason=reason)


async def on_hand(part=FAN, depot="GZ"):
    return (await levels.level(part, depot, "common", seen_by=AUDITOR)).on_hand


async def lying(part=FAN):
    found = await lots.lot_stocks(limit=50, seen_by=AUDITOR, part_number=part, depot="GZ")
    return sorted((line.lot, line.bin, line.condition, line.quantity) for line in found)


async def test_an_adjustment_is_undone_to_the_lot_and_the_bin(shelves):
    await placing.put_away(Pieces("GZ", FAN, quantity=10), "A-01", by=KEEPER)
    before = await lying()
    await receipts.adjust("GZ", FAN, -4, by=SUPERVISOR, reason="count")
    done = await undone(part_number=FAN)

    assert await lying() == before
    back = await latest(part_number=FAN)
    assert (back.kind, back.reverses, back.reason, back.id) == (
        "reversal",
        done.movement,
        "typed wrongly",
        done.reversed_by_movement,
    )
    assert await violations() == []


async def test_a_put_away_is_undone_by_a_keeper(shelves):
    await placing.put_away(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "A-01", by=KEEPER)
    await undone(by=KEEPER, serial="ZL2-0001")

    assert (await units.unit("ZL2-0001", seen_by=AUDITOR)).bin is None
    assert await violations() == []


async def test_an_issue_without_a_document_comes_back(shelves):
    await placing.put_away(Pieces("GZ", FAN, quantity=10), "A-02", by=KEEPER)
    held = await reservations.hold(FAN, "GZ", 3, by=KEEPER)
    await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ")
    await undone(by=KEEPER, part_number=FAN)

    assert await on_hand() == 10
    assert [line[1:] for line in await lying()] == [("A-02", "good", 10)]
    assert await violations() == []


async def test_a_receipt_is_undone_and_its_serials_may_come_again(company):
    line = Incoming(part_number=DRIVE, quantity=1, serials=["NEW-1"])
    await receipts.receive("GZ", [line], by=KEEPER, origin="V-DISTI")
    await undone(by=KEEPER, serial="NEW-1")
    assert (await units.unit("NEW-1", seen_by=AUDITOR)).place == "V-DISTI"

    again = Incoming(part_number=DRIVE, quantity=1, serials=["NEW-1"], condition="quarantine")
    await receipts.receive("GZ", [again], by=KEEPER, origin="V-DISTI")
    assert (await units.unit("NEW-1", seen_by=AUDITOR)).condition == "quarantine"
    assert await violations() == []


async def test_an_order_waits_again_for_what_was_taken_in_by_mistake(company):
    order = await placed((FAN, 3))
    await receiving.receive_order(order.number, [Incoming(part_number=FAN, quantity=3)], by=KEEPER)
    assert (await orders.order_view(order.id)).state == "received"
    move = await latest(part_number=FAN)
    with pytest.raises(UndoneThroughDocument):
        await reversals.reverse(move.id, by=KEEPER, reason="another parcel")
    await taking_back.reverse_movement(move.id, by=KEEPER, reason="another parcel")

    after = await orders.order_view(order.id)
    assert (after.state in orders.OPEN_FOR_RECEIPT, after.lines[0].received_quantity, after.received_at) == (
        True,
        0,
        None,
    )
    assert (await levels.level(FAN, "GZ", "common", seen_by=BUYER)).on_order == 3
    await receiving.receive_order(order.number, [Incoming(part_number=FAN, quantity=3)], by=KEEPER)
    assert (await orders.order_view(order.id)).state == "received"
    assert await violations() == []


async def test_what_came_over_an_order_is_undone_in_any_order(company):
    order = await placed((DRIVE, 1))
    for serials in (("NEW-0", "NEW-1"), ("NEW-2",)):
        await _taken_in(order.number if serials != ("NEW-2",) else await _reopened(order), serials)
    received = []
    for serial in ("NEW-2", "NEW-1", "NEW-0"):
        move = await latest(serial=serial)
        await taking_back.reverse_movement(move.id, by=KEEPER, reason="another parcel")
        received.append((await orders.order_view(order.id)).lines[0].received_quantity)

    assert received == [1, 1, 0]
    assert (await orders.order_view(order.id)).state in orders.OPEN_FOR_RECEIPT
    assert await violations() == []


async def _taken_in(number: str, serials: tuple[str, ...]) -> None:
    await deliveries.receive(
        number, [Scan(part_number=DRIVE, serials=serials)], by=KEEPER, reason="they sent more than was ordered"
    )


async def _reopened(order) -> str:
    """The order waits for one more, so that another delivery of it may come."""
    await db.execute("UPDATE purchase_order SET state = 'partly_received', closed_at = NULL WHERE id = $1", order.id)
    return order.number


async def test_what_nobody_ordered_is_undone_too(company):
    order = await placed((DRIVE, 1))
    came = [Scan(part_number=DRIVE, serials=["NEW-0"]), Scan(part_number=FAN, quantity=2, reason="not ordered")]
    await deliveries.receive(order.number, came, by=KEEPER, reason="mixed up")
    await taking_back.reverse_movement((await latest(part_number=FAN)).id, by=KEEPER, reason="sent back")

    assert (await orders.order_view(order.id)).lines[0].received_quantity == 1
    assert await violations() == []


async def test_what_a_notice_brought_is_undone_and_awaited_again(company):
    notice = await notices.announce(
        "GZ",
        [NewNoticeLine(part_number=DRIVE, quantity=2, serials=["NEW-0", "NEW-1"])],
        by=KEEPER,
        origin="V-DISTI",
        due_at=clock.now() + timedelta(hours=1),
    )
    await deliveries.receive(
        notice.number, [Scan(part_number=DRIVE, serials=["NEW-0", "NEW-1"])], by=KEEPER, remark="all of it"
    )
    move = await latest(serial="NEW-1")
    assert taking_back.may_be_reversed(move, by=KEEPER)
    await taking_back.reverse_movement(move.id, by=KEEPER, reason="another parcel")
    after = await notices.notice_view(notice.number)

    assert (after.state, after.lines[0].received_quantity, after.lines[0].received_serials) == (
        "partly_received",
        1,
        ["NEW-0"],
    )
    await deliveries.receive(notice.number, [Scan(part_number=DRIVE, serials=["NEW-1"])], by=KEEPER)
    assert (await notices.notice_view(notice.number)).state == "received"
    assert await violations() == []


async def test_what_somebody_handed_himself_is_undone(company):
    await keeping.issue_by_scan("GZ", [Scanned(code="ZL2-0001"), Scanned(code=FAN, quantity=2)], by=KEEPER, to="ISSUED")
    for which in ({"serial": "ZL2-0001"}, {"part_number": FAN}):
        move = await latest(**which)
        assert taking_back.may_be_reversed(move, by=KEEPER)
        await undone(by=KEEPER, **which)

    assert (await on_hand(), await on_hand(DRIVE)) == (10, 5)
    assert await violations() == []


async def test_a_change_of_condition_is_undone(company):
    row = await db.fetch_one("SELECT * FROM unit WHERE serial = 'ZL2-0001'")
    here = Spot(row["place"], row["condition"], row["owner"], row["pool"])
    frozen = Spot(row["place"], "frozen", row["owner"], row["pool"])
    move = Move(kind="freeze", part=row["part"], quantity=1, unit=row["id"], origin=here, target=frozen)
    await post([move], by=SETUP)
    await undone(serial="ZL2-0001")

    assert (await units.unit("ZL2-0001", seen_by=AUDITOR)).condition == "good"


async def test_a_movement_is_reversed_once_and_a_reversal_never(company):
    await receipts.adjust("GZ", FAN, 2, by=SUPERVISOR, reason="count")
    move = await latest(part_number=FAN)
    done = await reversals.reverse(move.id, by=SUPERVISOR, reason="typed wrongly")
    for movement in (move.id, done.reversed_by_movement):
        with pytest.raises(AlreadyReversed):
            await reversals.reverse(movement, by=SUPERVISOR, reason="again")
    assert await on_hand() == 10


async def test_what_has_gone_on_is_not_undone_behind_its_back(shelves):
    await receipts.adjust("GZ", FAN, 5, by=SUPERVISOR, reason="found")
    adjusted = await latest(part_number=FAN)
    await placing.put_away(Pieces("GZ", FAN, quantity=15), "A-01", by=KEEPER)
    with pytest.raises(MovedOn) as refusal:
        await reversals.reverse(adjusted.id, by=SUPERVISOR, reason="typed wrongly")
    assert "GZ / A-01 / good" in refusal.value.sentence("zh")

    await placing.put_away(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "A-01", by=KEEPER)
    first = await latest(serial="ZL2-0001")
    await placing.put_away(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "A-02", by=KEEPER)
    with pytest.raises(MovedOn):
        await reversals.reverse(first.id, by=KEEPER, reason="wrong bin")


async def test_what_was_promised_meanwhile_is_not_taken_back(company):
    await receipts.adjust("GZ", FAN, 2, by=SUPERVISOR, reason="found")
    await reservations.hold(FAN, "GZ", 11, by=KEEPER)
    with pytest.raises(InsufficientStock):
        await undone(part_number=FAN)


async def test_what_belongs_to_a_document_is_undone_through_it(company):
    sent = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=1)], by=KEEPER)
    await transfers.ship(sent.id, by=KEEPER)
    with pytest.raises(UndoneThroughDocument) as by_transfer:
        await undone(by=KEEPER, part_number=FAN)
    asked = await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference="R-1",
            device_serial="BANK-007",
            severity="severe",
            lines=[requests.NewRequestLine(part_number=FAN, quantity=1)],
        ),
        by=DISPATCHER,
    )
    await shipping.ship(asked.id, by=KEEPER)
    with pytest.raises(UndoneThroughDocument) as by_request:
        await undone(by=KEEPER, part_number=FAN)

    assert "transfer the other way" in by_transfer.value.advice("en")
    assert "退料" in by_request.value.advice("zh")


async def test_a_reversal_needs_a_reason_the_right_and_the_depot(company):
    await receipts.adjust("GZ", FAN, 2, by=SUPERVISOR, reason="found")
    for by, reason, refusal in (
        (SUPERVISOR, " ", ReasonMissing),
        (KEEPER, "mine", NotGranted),
        (ENGINEER, "mine", NotGranted),
        (SH_KEEPER, "mine", Unknown),
    ):
        move = await latest(part_number=FAN, depot="GZ")
        with pytest.raises(refusal):
            await reversals.reverse(move.id, by=by, reason=reason)


async def test_a_keeper_of_the_other_end_may_see_and_not_undo(company):
    held = await reservations.hold(FAN, "GZ", 1, by=KEEPER)
    await reservations.hand_out(held.id, by=KEEPER, to="SH")
    with pytest.raises(NotYourDepot):
        await undone(by=SH_KEEPER, part_number=FAN, depot="SH")


async def test_reversing_over_http_climbs_its_ladder(api):
    await receipts.adjust("GZ", FAN, 2, by=SUPERVISOR, reason="found")
    address, body = f"/movements/{(await latest(part_number=FAN)).id}/reverse", {"reason": "typed wrongly"}

    assert (await api.post(address, body, role=None)).status_code == 401
    assert (await api.post(address, body, role="vendor")).status_code == 403
    assert (await api.post(address, body, role="warehouse_keeper", depot="SH")).status_code == 404
    assert (await api.post(address, {}, role="quality_supervisor")).status_code == 422
    assert (await api.post(address, body, role="quality_supervisor", idempotency_key=None)).status_code == 400
    done = await api.post(address, body, role="quality_supervisor")
    again = await api.post(address, body, role="quality_supervisor")
    assert (done.status_code, done.json()["reason"]) == (201, "typed wrongly")
    assert (again.status_code, again.json()["code"]) == (409, "already_reversed")
    assert clock.now().isoformat() > done.json()["reversed_at"]
