"""Deliveries: announced, taken in scan by scan, every difference booked as what it is."""

from datetime import timedelta

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import clock, db, steps
from inventory.ground.errors import NotYourDepot, ReasonMissing, Unknown, WrongState
from inventory.people.roles import rights_of
from inventory.procurement import announcing, deliveries, orders
from inventory.procurement.announcing import MoreThanOrdered
from inventory.procurement.deliveries import OwnerIsKnown, Scan
from inventory.stock import expected, losses, notices, receipts, transfers, units
from inventory.stock.notices import (
    DueInPast,
    NewNoticeLine,
    NotFromOutside,
    NothingAnnounced,
    NoticeFollowsItsTransfer,
    SerialsTooMany,
)
from inventory.stock.refusals import DifferenceUnexplained, SerialsMissing, UnitNotHere
from inventory.stock.transfers import NothingCame, NotOnTransfer, TransferItem
from tests.integration.procurement.test_orders import placed
from tests.integration.stock.test_reservations import level
from tests.world import AUDITOR, DRIVE, FAN, KEEPER, PSU, SETUP, SH_KEEPER, SUPERVISOR, actor

VENDOR = actor("vendor", vendor="DISTI")
DELL = actor("vendor", vendor="DELL")


def soon(hours: float = 24):
    return clock.now() + timedelta(hours=hours)


def told(lines) -> dict[tuple[str, str | None], tuple[int, int, str]]:
    return {(line.part_number, line.difference): (line.quantity, line.missing, line.condition) for line in lines}


async def announced(*serials: str, quantity: int = 3):
    order = await placed((DRIVE, quantity), (FAN, 4))
    lines = [
        NewNoticeLine(part_number=DRIVE, quantity=quantity, serials=serials),
        NewNoticeLine(part_number=FAN, quantity=4),
    ]
    return order, await announcing.announce_order(order.number, lines, by=VENDOR, due_at=soon(), waybill="SF-1")


async def shipped(*items: tuple[str, int]):
    draft = await transfers.draft_transfer(
        "GZ", "SH", [TransferItem(part_number=part, quantity=count) for part, count in items], by=KEEPER
    )
    return await transfers.ship(draft.id, by=KEEPER, waybill="SF-9")


async def test_an_orders_delivery_follows_what_its_vendor_announces(company):
    order, notice = await announced("A-1", "A-2", "A-3")
    due = {line.id: await expected.inbound(*await ids(order, line.part_number)) for line in order.lines}

    assert (notice.state, notice.document, notice.origin) == ("expected", order.number, "V-DISTI")
    assert {(each.due_at, each.confirmed) for found in due.values() for each in found} == {(notice.due_at, True)}
    assert await violations() == []


async def ids(order, part_number: str) -> tuple[int, int, int]:
    row = await db.fetch_one(
        """SELECT part.id, ship_to, pool FROM purchase_order, part
           WHERE purchase_order.id = $1 AND part_number = $2""",
        order.id,
        part_number,
    )
    return row[0], row[1], row[2]


async def test_a_vendor_announces_for_its_own_orders_only(company):
    order = await placed((DRIVE, 2))
    with pytest.raises(Unknown):
        await announcing.announce_order(
            order.number, [NewNoticeLine(part_number=DRIVE, quantity=1)], by=DELL, due_at=soon()
        )
    await announcing.announce_order(
        order.number, [NewNoticeLine(part_number=DRIVE, quantity=1)], by=VENDOR, due_at=soon()
    )

    assert [n.document for n in await notices.notices(limit=9, seen_by=VENDOR)] == [order.number]
    assert await notices.notices(limit=9, seen_by=DELL) == []


async def test_no_more_is_announced_than_was_ordered(company):
    order, _ = await announced("A-1")
    with pytest.raises(MoreThanOrdered):
        await announcing.announce_order(
            order.number, [NewNoticeLine(part_number=DRIVE, quantity=1)], by=VENDOR, due_at=soon()
        )


@pytest.mark.parametrize(
    ("lines", "refusal"),
    [
        ([], NothingAnnounced),
        ([NewNoticeLine(part_number=DRIVE, quantity=1, serials=["A", "B"])], SerialsTooMany),
        ([NewNoticeLine(part_number=DRIVE, quantity=2, serials=["A", "A"])], SerialsTooMany),
        ([NewNoticeLine(part_number="NOPE", quantity=1)], Unknown),
    ],
)
async def test_a_notice_that_cannot_be_is_refused(company, lines, refusal):
    with pytest.raises(refusal):
        await notices.announce("GZ", lines, by=KEEPER, origin="V-DELL", due_at=soon())


async def test_what_came_as_announced_is_taken_in_without_a_word(company):
    order, notice = await announced("A-1", "A-2", "A-3")
    scans = [Scan(part_number=DRIVE, serials=["A-1", "A-2", "A-3"]), Scan(part_number=FAN, quantity=4)]
    receipt = await deliveries.receive(notice.number, scans, by=KEEPER)

    assert told(receipt.lines) == {(DRIVE, None): (3, 0, "good"), (FAN, None): (4, 0, "good")}
    assert (await notices.notice_view(notice.number)).state == "received"
    assert (await orders.order_view(order.id)).state == "received"
    assert (await level(DRIVE, "GZ")).free == 8
    assert await violations() == []


async def test_a_check_books_nothing_and_tells_what_would_be(company):
    _, notice = await announced("A-1", "A-2", "A-3")
    scans = [Scan(part_number=DRIVE, serials=["A-1", "X-9"]), Scan(part_number=PSU, quantity=1)]
    found = await deliveries.check(notice.number, scans, seen_by=KEEPER, short=[FAN])

    assert told(found) == {
        (DRIVE, None): (1, 0, "good"),
        (DRIVE, "wrong_serial"): (1, 0, "quarantine"),
        (PSU, "wrong_part"): (1, 0, "quarantine"),
        (DRIVE, "partial"): (0, 1, "good"),
        (FAN, "short"): (0, 4, "good"),
    }
    assert (await level(DRIVE, "GZ")).on_hand == 5
    assert await receipts.receipts(limit=5, seen_by=KEEPER) == []


async def test_every_difference_needs_its_reason_and_is_booked_as_what_it_is(own_company):
    order, notice = await announced("A-1", "A-2", "A-3")
    scans = [
        Scan(part_number=DRIVE, serials=["A-1", "ZL2-0001"], reason="label read twice"),
        Scan(part_number=DRIVE, serials=["A-2"], damaged=True, reason="box crushed"),
        Scan(part_number=FAN, quantity=6, reason="two more in the box"),
    ]
    with pytest.raises(DifferenceUnexplained) as refusal:
        await deliveries.receive(notice.number, scans, by=KEEPER)
    assert [line["difference"] for line in refusal.value.facts["lines"]] == ["partial"]
    assert await violations() == []

    receipt = await deliveries.receive(notice.number, scans, by=KEEPER, reason="the rest comes tomorrow")
    assert told(receipt.lines) == {
        (DRIVE, None): (1, 0, "good"),
        (DRIVE, "duplicate_serial"): (1, 0, "quarantine"),
        (DRIVE, "damaged"): (1, 0, "defective"),
        (FAN, None): (4, 0, "good"),
        (FAN, "over"): (2, 0, "quarantine"),
        (DRIVE, "partial"): (0, 1, "good"),
    }
    (doubled,) = [line for line in receipt.lines if line.difference == "duplicate_serial"]
    twin = await units.unit(doubled.tags[0], seen_by=KEEPER)
    assert (twin.claimed_serial, twin.condition, doubled.serials) == ("ZL2-0001", "quarantine", ["ZL2-0001"])
    assert (await orders.order_view(order.id)).state == "partly_received"
    assert [step.kind for step in await steps.open_steps(limit=20, seen_by=SUPERVISOR)].count("inspect_receipt") == 1
    assert await violations() == []


async def test_what_will_not_come_closes_its_order_short(company):
    order = await placed((DRIVE, 2), (FAN, 4))
    await deliveries.receive(
        order.number, [Scan(part_number=DRIVE, serials=["B-1", "B-2"])], by=KEEPER, short=[FAN], reason="end of life"
    )
    view = await orders.order_view(order.id)

    assert (view.state, [line.short_quantity for line in view.lines]) == ("received", [4, 0])
    assert (await level(FAN, "GZ")).on_order == 0
    assert await violations() == []


async def test_an_order_without_a_proven_source_goes_to_quarantine(company):
    order = await placed((PSU, 2))
    receipt = await deliveries.receive(order.number, [Scan(part_number=PSU, quantity=2)], by=KEEPER)

    assert told(receipt.lines) == {(PSU, None): (2, 0, "quarantine")}


async def test_a_notice_by_hand_is_expected_and_received(company):
    line = NewNoticeLine(part_number=DRIVE, quantity=2, serials=["H-1"])
    notice = await notices.announce("GZ", [line], by=KEEPER, origin="V-DELL", due_at=soon())
    assert (await level(DRIVE, "GZ")).on_order == 2

    await deliveries.receive(
        notice.number, [Scan(part_number=DRIVE, serials=["H-1"])], by=KEEPER, short=[DRIVE], reason="only one was sent"
    )
    assert (await notices.notice_view(notice.number)).state == "closed"
    assert (await level(DRIVE, "GZ")).on_order == 0
    assert await violations() == []


async def test_a_notice_is_withdrawn_with_a_reason_and_only_while_nothing_came(company):
    line = NewNoticeLine(part_number=FAN, quantity=2)
    notice = await notices.announce("GZ", [line], by=KEEPER, origin="V-DELL", due_at=soon())
    with pytest.raises(ReasonMissing):
        await notices.cancel(notice.number, by=KEEPER, reason=" ")
    with pytest.raises(Unknown):
        await notices.cancel(notice.number, by=SH_KEEPER, reason="not ours")
    await notices.cancel(notice.number, by=KEEPER, reason="sent elsewhere")

    assert (await level(FAN, "GZ")).on_order == 0
    with pytest.raises(WrongState):
        await notices.close_short(notice.number, by=KEEPER, reason="again")
    with pytest.raises(WrongState):
        await deliveries.receive(notice.number, [Scan(part_number=FAN, quantity=2)], by=KEEPER)


async def test_a_scan_says_enough(company):
    order = await placed((DRIVE, 2))
    with pytest.raises(SerialsMissing):
        await deliveries.receive(order.number, [Scan(part_number=DRIVE, quantity=1)], by=KEEPER)
    with pytest.raises(Unknown):
        await deliveries.receive("PO-00-000000", [], by=KEEPER)


async def test_what_is_to_arrive_stands_soonest_first_and_only_at_ones_own_store(company):
    _, notice = await announced("A-1")
    transfer = await shipped((FAN, 1))
    here = await deliveries.deliveries(limit=9, seen_by=KEEPER)
    there = await deliveries.deliveries(limit=9, seen_by=SH_KEEPER)

    assert [(d.kind, d.number, d.pieces) for d in here] == [("advance_notice", notice.number, 7)]
    assert [(d.kind, d.number, d.pieces) for d in there] == [("transfer", transfer.number, 1)]
    first, *_ = await deliveries.deliveries(limit=1, seen_by=AUDITOR)
    rest = await deliveries.deliveries(limit=9, seen_by=AUDITOR, after=(first.due_at, first.number))
    assert first.number not in {d.number for d in rest}


async def test_a_shipped_transfer_is_announced_with_its_serials_and_ends_with_it(company):
    transfer = await shipped((DRIVE, 2))
    (notice,) = await notices.notices(limit=9, seen_by=SH_KEEPER)
    serials = notice.lines[0].serials
    assert (notice.kind, notice.document, len(serials)) == ("transfer", transfer.number, 2)
    with pytest.raises(NoticeFollowsItsTransfer):
        await notices.close_short(notice.number, by=actor("buyer"), reason="no")

    await deliveries.receive(notice.number, [Scan(part_number=DRIVE, serials=serials)], by=SH_KEEPER)
    assert (await notices.notice_view(notice.number)).state == "received"
    assert (await transfers.transfer_view(transfer.id)).state == "received"
    assert await violations() == []


async def test_a_transfer_arrives_in_pieces_damaged_and_with_a_wrong_one(own_company):
    transfer = await shipped((DRIVE, 2), (FAN, 3))
    travelling = (await notices.notices(limit=1, seen_by=SH_KEEPER))[0].lines
    sent = next(line.serials for line in travelling if line.part_number == DRIVE)
    stayed = next(s for s in (f"ZL2-{n:04d}" for n in range(5)) if s not in sent)
    scans = [
        Scan(part_number=DRIVE, serials=[sent[0]], damaged=True, condition="quarantine"),
        Scan(part_number=DRIVE, serials=[stayed]),
        Scan(part_number=FAN, quantity=2),
        Scan(part_number=FAN, quantity=1, damaged=True),
        Scan(part_number=PSU, quantity=1),
    ]
    with pytest.raises(NotYourDepot):
        await deliveries.receive(transfer.number, scans, by=KEEPER, reason="r")
    receipt = await deliveries.receive(transfer.number, scans, by=SH_KEEPER, reason="mixed up in Guangzhou")

    assert told(receipt.lines) == {
        (DRIVE, "damaged"): (1, 0, "quarantine"),
        (DRIVE, "wrong_serial"): (1, 0, "quarantine"),
        (FAN, None): (2, 0, "good"),
        (FAN, "damaged"): (1, 0, "defective"),
        (PSU, "wrong_part"): (1, 0, "quarantine"),
        (DRIVE, "partial"): (0, 1, "good"),
    }
    wrong = await units.unit(stayed, seen_by=SETUP)
    assert (wrong.place, wrong.condition, wrong.tag) == ("SH", "quarantine", None)
    assert ((await transfers.transfer_view(transfer.id)).state, (await level(DRIVE, "GZ")).on_hand) == (
        "partly_received",
        2,
    )
    assert await violations() == []

    await deliveries.receive(transfer.number, [Scan(part_number=DRIVE, serials=[sent[1]])], by=SH_KEEPER)
    assert (await transfers.transfer_view(transfer.id)).state == "received"
    assert await violations() == []


async def test_what_is_lost_on_the_road_leaves_it_and_comes_back_when_found(own_company):
    transfer = await shipped((DRIVE, 2), (FAN, 3))
    await transfers.take_in(transfer.id, by=SH_KEEPER, received={FAN: 1, DRIVE: 1}, reason="half the boxes")
    assert (await level(FAN, "SH")).in_transit == 2

    with pytest.raises(ReasonMissing):
        await losses.declare_lost(transfer.id, by=SUPERVISOR, reason="")
    with pytest.raises(losses.NotOnTheRoad):
        await losses.declare_lost(transfer.id, by=SUPERVISOR, reason="r", lost={FAN: 3})
    lost = await losses.declare_lost(transfer.id, by=SUPERVISOR, reason="the carrier gave up looking")
    assert (lost.state, [line.lost_quantity for line in lost.lines]) == ("closed", [2, 1])
    assert ((await level(FAN, "SH")).in_transit, await violations()) == (0, [])

    with pytest.raises(losses.NothingLost):
        await losses.find_again(transfer.id, by=SUPERVISOR, reason="r", found={FAN: 3})
    found = await losses.find_again(transfer.id, by=SUPERVISOR, reason="at the customs", found={DRIVE: 1})
    assert (found.state, await violations()) == ("partly_received", [])
    done = await transfers.take_in(transfer.id, by=SH_KEEPER)
    assert (done.state, [line.received_quantity for line in done.lines]) == ("closed", [1, 2])
    assert await violations() == []


async def test_serials_are_lost_and_found_by_themselves(own_company):
    transfer = await transfers.draft_transfer(
        "GZ",
        "SH",
        [TransferItem(part_number=FAN, quantity=2), *[TransferItem(part_number=DRIVE, quantity=1)] * 2],
        by=KEEPER,
    )
    await transfers.ship(transfer.id, by=KEEPER, serials=["ZL2-0001", "ZL2-0002"])
    for unknown in ({"serials": ["ZL2-0003"]}, {"serials": ["ZL2-0001", "NOPE"]}):
        with pytest.raises(UnitNotHere):
            await losses.declare_lost(transfer.id, by=SUPERVISOR, reason="r", **unknown)
    with pytest.raises(NotOnTransfer):
        await losses.declare_lost(transfer.id, by=SUPERVISOR, reason="r", lost={PSU: 1})
    lost = await losses.declare_lost(transfer.id, by=SUPERVISOR, reason="box torn", serials=["ZL2-0002"])

    assert {line.part_number: (line.quantity, line.lost_quantity) for line in lost.lines} == {
        FAN: (2, 0),
        DRIVE: (2, 1),
    }
    with pytest.raises(NotOnTransfer):
        await transfers.take_in(transfer.id, by=SH_KEEPER, received={PSU: 1}, reason="r")
    found = await losses.find_again(transfer.id, by=SUPERVISOR, reason="under the seat", serials=["ZL2-0002"])
    assert not any(line.lost_quantity for line in found.lines)
    await transfers.take_in(transfer.id, by=SH_KEEPER)
    assert (await units.unit("ZL2-0002", seen_by=SH_KEEPER)).place == "SH"
    assert await violations() == []


async def test_an_overdue_transfer_is_told_of_once_and_its_step_ends_with_it(company):
    transfer = await shipped((FAN, 1))
    assert await losses.note_overdue() == 0
    with clock.at(clock.now() + timedelta(hours=30)):
        assert (await losses.note_overdue(), await losses.note_overdue()) == (1, 0)
        (step,) = [s for s in await steps.open_steps(limit=50, seen_by=SH_KEEPER) if s.kind == "find_transfer"]
        assert (step.subject, step.depot, step.owner_role) == (transfer.number, "SH", "warehouse_keeper")
        await transfers.take_in(transfer.id, by=SH_KEEPER)
        assert [s for s in await steps.open_steps(limit=50, seen_by=SH_KEEPER) if s.kind == "find_transfer"] == []


def test_vendors_may_announce_and_not_receive():
    assert "notices.announce" in rights_of(frozenset({"vendor"}))
    assert "stock.receive" not in rights_of(frozenset({"vendor"}))


@pytest.mark.parametrize("origin", ["GZ", "SH", "ZJ", "SCRAP", "ADJUSTMENT", "TRANSIT", "UNPAPERED"])
async def test_a_notice_by_hand_comes_from_outside(company, origin):
    lines = [NewNoticeLine(part_number=FAN, quantity=1)]
    with pytest.raises(NotFromOutside):
        await notices.announce("GZ", lines, by=KEEPER, origin=origin, due_at=soon())


async def test_what_is_announced_is_still_to_come(company):
    order = await placed((FAN, 2))
    lines = [NewNoticeLine(part_number=FAN, quantity=1)]
    with pytest.raises(DueInPast):
        await notices.announce("GZ", lines, by=KEEPER, origin="V-DISTI", due_at=soon(-1))
    with pytest.raises(DueInPast):
        await announcing.announce_order(order.number, lines, by=VENDOR, due_at=soon(-1))


async def test_one_of_two_serials_is_lost(own_company):
    transfer = await shipped((DRIVE, 2))
    sent = sorted(unit.serial for unit in await units.units(limit=9, seen_by=SETUP, depot="TRANSIT"))
    view = await losses.declare_lost(transfer.id, by=SUPERVISOR, reason="box torn", serials=sent[:1])

    assert (view.state, view.lines[0].lost_quantity) == ("shipped", 1)
    assert await violations() == []


async def test_what_is_not_on_a_transfer_is_neither_received_nor_lost(own_company):
    transfer = await shipped((FAN, 2))
    before = len(await receipts.receipts(limit=50, seen_by=SETUP))
    for act in (
        lambda: transfers.take_in(transfer.id, by=SH_KEEPER, received={"NOPE": 1}, reason="r"),
        lambda: transfers.take_in(transfer.id, by=SH_KEEPER, received={FAN: 2, "NOPE": 1}, reason="r"),
        lambda: losses.declare_lost(transfer.id, by=SUPERVISOR, reason="r", lost={"NOPE": 1}),
        lambda: losses.find_again(transfer.id, by=SUPERVISOR, reason="r", found={"NOPE": 1}),
    ):
        with pytest.raises(NotOnTransfer):
            await act()
    for nothing in ({}, {FAN: 0}):
        with pytest.raises(NothingCame):
            await transfers.take_in(transfer.id, by=SH_KEEPER, received=nothing, reason="r")

    assert len(await receipts.receipts(limit=50, seen_by=SETUP)) == before
    assert (await transfers.transfer_view(transfer.id)).state == "shipped"


async def test_what_a_vendor_goes_on_owning_is_taken_in_as_its_own(company):
    notice = await notices.announce(
        "GZ", [NewNoticeLine(part_number=DRIVE, quantity=1)], by=KEEPER, origin="V-DISTI", due_at=soon()
    )
    scans = [Scan(part_number=DRIVE, serials=["LENT-1"])]
    with pytest.raises(Unknown):
        await deliveries.receive(notice.number, scans, by=KEEPER, owner="NOBODY")
    await deliveries.receive(notice.number, scans, by=KEEPER, owner="DISTI")

    assert (await units.unit("LENT-1", seen_by=KEEPER)).owner == "DISTI"
    assert (await level(DRIVE, "GZ")).on_hand == 5
    transfer = await shipped((FAN, 1))
    with pytest.raises(OwnerIsKnown):
        await deliveries.receive(transfer.number, [Scan(part_number=FAN, quantity=1)], by=SH_KEEPER, owner="DISTI")
    assert await violations() == []
