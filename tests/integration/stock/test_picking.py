"""Picking: what the list proposes, what a scan takes, and that exactly this leaves."""

import asyncio
from uuid import uuid4

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import db, steps
from inventory.ground.errors import NotGranted, NotYourDepot, ReasonMissing, Unknown, WrongState
from inventory.places import bins
from inventory.places.bins import NewBin
from inventory.requests import requests, shipping, waves
from inventory.requests.requests import NewRequest, NewRequestLine
from inventory.stock import codes, pick_lists, picking, placing, reservations, tags, transfers, units
from inventory.stock.counting import sheets
from inventory.stock.picking import (
    AlreadyBeingPicked,
    NotGoodStock,
    NotHeldHere,
    NothingLeftToPick,
    OtherPool,
    PickedDifferently,
    PickedElsewhere,
    PickNotComplete,
    WrongPart,
    WrongStore,
)
from inventory.stock.pieces import Pieces
from inventory.stock.refusals import LotNotHere, MoreThanReserved, SerialsMissing
from inventory.stock.transfers import TransferItem
from tests.integration.stock.test_reservations import level
from tests.world import AUDITOR, DISPATCHER, DRIVE, FAN, KEEPER, PSU, SETUP, SH_KEEPER


@pytest.fixture
async def shelves(company):
    await bins.enter_bins([NewBin(place="GZ", code=code) for code in ("A-10", "A-9")], by=SETUP)
    await placing.put_away(Pieces("GZ", DRIVE, serials=["ZL2-0000", "ZL2-0001"]), "A-10", by=KEEPER)
    await placing.put_away(Pieces("GZ", FAN, quantity=6), "A-9", by=KEEPER)


async def asked(*lines: tuple[str, int], device: str = "BANK-001") -> requests.RequestView:
    new = NewRequest(
        source="glpi",
        reference=uuid4().hex,
        device_serial=device,
        severity="severe",
        lines=[NewRequestLine(part_number=part, quantity=quantity) for part, quantity in lines],
    )
    return await requests.open_request(new, by=DISPATCHER)


async def picking_of(*lines: tuple[str, int]) -> tuple[requests.RequestView, pick_lists.PickListView]:
    request = await asked(*lines)
    return request, await waves.begin_picking("GZ", [request.number], by=KEEPER)


async def test_a_list_leads_along_the_bins_and_proposes_the_oldest(shelves):
    _, made = await picking_of((DRIVE, 1), (FAN, 7))

    assert [(line.bin, line.part_number, line.quantity, line.serial) for line in made.lines] == [
        (None, FAN, 4, None),
        ("A-9", FAN, 3, None),
        ("A-10", DRIVE, 1, "ZL2-0000"),
    ]
    assert made.state == "open"


async def test_what_was_picked_is_what_leaves(shelves):
    request, made = await picking_of((DRIVE, 1), (FAN, 5))
    await picking.scan(made.id, "ZL2-0003", by=KEEPER)  # another good unit than proposed
    half = await picking.scan(made.id, FAN, by=KEEPER, quantity=2, bin_code="A-9")
    done = await picking.scan(made.id, FAN, by=KEEPER, quantity=3)
    shipped = await shipping.ship(request.id, by=KEEPER)

    drive = next(line for line in done.lines if line.part_number == DRIVE)
    assert (half.state, done.state) == ("open", "picked")
    assert (drive.serial, drive.suggested_serial, drive.picked_by) == ("ZL2-0003", "ZL2-0000", KEEPER.name)
    assert next(line for line in shipped.lines if line.part_number == DRIVE).serial_in == "ZL2-0003"
    assert (await pick_lists.pick_list_view(made.id)).state == "shipped"
    fans = {c.bin: c.quantity for c in await placing.contents("GZ", limit=50, seen_by=AUDITOR) if c.part_number == FAN}
    assert fans == {None: 1, "A-9": 4}
    assert await violations() == []


async def test_of_a_reservation_posted_in_part_the_rest_is_picked(shelves):
    held = await reservations.reserve(FAN, "GZ", 3, by=KEEPER)
    await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", quantity=1, keep_rest=True)
    (waiting,) = await waves.to_pick(limit=5, seen_by=KEEPER, depot="GZ")
    made = await waves.begin_picking("GZ", [str(held.id)], by=KEEPER)

    assert (waiting.pieces, sum(line.quantity for line in made.lines)) == (2, 2)
    assert await violations() == []
    done = await picking.scan(made.id, FAN, by=KEEPER, quantity=2)
    assert done.state == "picked"
    assert (await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ")).posted_quantity == 3
    assert await violations() == []


async def test_what_the_list_does_not_ask_for_is_refused(shelves):
    _, made = await picking_of((DRIVE, 1))
    await db.execute("UPDATE unit SET place = (SELECT id FROM place WHERE code = 'SH') WHERE serial = 'ZL2-0001'")
    await db.execute("UPDATE unit SET condition = 'quarantine' WHERE serial = 'ZL2-0002'")
    await db.execute("UPDATE unit SET pool = (SELECT id FROM pool WHERE code = 'C-TELCO') WHERE serial = 'ZL2-0004'")

    for code, refusal in (
        (PSU, WrongPart),
        ("ZL2-0001", WrongStore),
        ("ZL2-0002", NotGoodStock),
        ("ZL2-0004", OtherPool),
        (DRIVE, SerialsMissing),
        ("NOBODY", Unknown),
    ):
        with pytest.raises(refusal):
            await picking.scan(made.id, code, by=KEEPER)
    await picking.scan(made.id, "ZL2-0000", by=KEEPER)
    for code, refusal in (("ZL2-0003", NothingLeftToPick), ("ZL2-0000", PickedElsewhere)):
        with pytest.raises(refusal):
            await picking.scan(made.id, code, by=KEEPER)


async def test_a_unit_in_a_box_is_nobody_elses(shelves):
    first, made = await picking_of((DRIVE, 1))
    await picking.scan(made.id, "ZL2-0000", by=KEEPER)
    _, other = await picking_of((DRIVE, 1))
    third = await asked((DRIVE, 1), device="BANK-002")

    assert [line.serial for line in other.lines] == ["ZL2-0001"]
    for refused in (
        picking.scan(other.id, "ZL2-0000", by=KEEPER),
        shipping.ship(third.id, by=KEEPER, serials=["ZL2-0000"]),
    ):
        with pytest.raises(PickedElsewhere):
            await refused
    # the quick way takes the oldest that nobody has in his box
    assert (await shipping.ship(third.id, by=KEEPER)).lines[0].serial_in == "ZL2-0001"
    assert (await shipping.ship(first.id, by=KEEPER)).lines[0].serial_in == "ZL2-0000"
    assert (await picking.scan(other.id, "ZL2-0002", by=KEEPER)).lines[0].suggested_serial == "ZL2-0001"
    assert await violations() == []


async def test_a_proposal_that_another_took_is_replaced(shelves):
    _, first = await picking_of((DRIVE, 1))
    _, second = await picking_of((DRIVE, 1))
    await picking.scan(second.id, "ZL2-0000", by=KEEPER)

    assert [line.serial for line in (await pick_lists.pick_list_view(first.id)).lines] == ["ZL2-0001"]


async def test_pieces_in_a_box_are_nobody_elses(shelves):
    held = await reservations.hold(FAN, "GZ", 4, by=KEEPER)
    made = await waves.begin_picking("GZ", [str(held.id)], by=KEEPER)
    await picking.scan(made.id, FAN, by=KEEPER, bin_code="A-9", quantity=4)
    other = await reservations.hold(FAN, "GZ", 5, by=KEEPER)
    await reservations.post_reservation(other.id, by=KEEPER, to="BANK-GZ")

    with pytest.raises(LotNotHere):
        await placing.put_away(Pieces("GZ", FAN, quantity=3, bin="A-9"), None, by=KEEPER)
    posted = await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ")
    assert posted.posted_quantity == 4
    assert await violations() == []


async def test_any_label_confirms_what_was_taken(shelves):
    _, made = await picking_of((DRIVE, 3), (PSU, 2))
    tagged = await tags.assign("ZL2-0003", by=KEEPER)
    for label in (
        tagged.tag or "",
        codes.unit_code(DRIVE, "ZL2-0001", None),
        f"SN:ZL2-0004;PN:{DRIVE}",
        "SN:CN-77;PN:0YT39Y",  # a maker's serial on a part that we only count
    ):
        made = await picking.scan(made.id, label, by=KEEPER)

    picked = sorted(
        (line.part_number, line.serial or "", line.quantity) for line in made.lines if line.state == "picked"
    )
    assert picked == [(PSU, "", 2), *((DRIVE, f"ZL2-000{number}", 1) for number in (1, 3, 4))]


async def test_what_is_not_found_is_proposed_elsewhere_and_recounted(shelves):
    _, made = await picking_of((DRIVE, 1), (FAN, 2))
    drive = next(line for line in made.lines if line.part_number == DRIVE)
    after = await picking.not_found(drive.id, by=KEEPER, reason="bin empty")

    found = [(line.serial, line.state) for line in after.lines if line.part_number == DRIVE]
    assert sorted(found) == [("ZL2-0000", "dropped"), ("ZL2-0001", "open")]
    (sheet,) = await sheets.counts(limit=2, seen_by=AUDITOR)
    assert (sheet.kind, sheet.scope["part"], sheet.remark) == ("recount", DRIVE, f"{made.number}: bin empty")
    assert ("count_stock", sheet.number) in {
        (s.kind, s.subject) for s in await steps.open_steps(limit=50, seen_by=AUDITOR)
    }


async def test_what_is_nowhere_stays_short_until_it_turns_up(shelves):
    request, made = await picking_of((DRIVE, 5))
    for serial in ("ZL2-0000", "ZL2-0001", "ZL2-0002", "ZL2-0003"):
        await picking.scan(made.id, serial, by=KEEPER)
    missing = next(line for line in (await pick_lists.pick_list_view(made.id)).lines if line.state == "open")
    short = await picking.not_found(missing.id, by=KEEPER, reason="not in its bin")

    assert short.state == "short"
    with pytest.raises(PickNotComplete) as refusal:
        await shipping.ship(request.id, by=KEEPER)
    assert (refusal.value.facts["open"], refusal.value.facts["short"]) == (0, 1)
    await picking.scan(made.id, "ZL2-0004", by=KEEPER)  # there it is after all
    assert (await shipping.ship(request.id, by=KEEPER)).state == "shipped"


async def test_what_waits_comes_page_by_page_the_undated_last_and_by_its_filters(shelves):
    for part in (FAN, DRIVE):
        await asked((part, 1))
    for _ in range(2):
        await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=1)], by=KEEPER)
    await reservations.reserve(FAN, "GZ", 1, by=KEEPER, reference="R-1")
    whole = await waves.to_pick(limit=99, seen_by=KEEPER)

    walked: list[waves.ToPick] = []
    after = None
    while found := await waves.to_pick(limit=1, seen_by=KEEPER, after=after):
        walked += found
        after = waves.place_of(found[-1])

    assert walked == whole
    assert len(whole) == 5
    dated = [each.due_at is not None for each in whole]
    assert dated == sorted(dated, reverse=True)
    assert False in dated
    only = await waves.to_pick(limit=9, seen_by=KEEPER, kind="transfer")
    assert [each.document for each in only] == [e.document for e in whole if e.document_kind == "transfer"]
    assert await waves.to_pick(limit=9, seen_by=KEEPER, severity="general") == [
        e for e in whole if e.severity == "general"
    ]
    last = max(each.due_at for each in whole if each.due_at)
    assert await waves.to_pick(limit=9, seen_by=KEEPER, due_until=last) == [
        e for e in whole if e.due_at and e.due_at < last
    ]


async def test_lines_that_are_picked_leave_while_others_wait(shelves):
    request, made = await picking_of((DRIVE, 1), (FAN, 2))
    await picking.scan(made.id, "ZL2-0000", by=KEEPER)
    fans = next(line for line in made.lines if line.part_number == FAN)
    await picking.scan(made.id, FAN, by=KEEPER, quantity=1)
    view = await shipping.ship(request.id, by=KEEPER)

    assert {line.part_number: line.state for line in view.lines} == {DRIVE: "shipped", FAN: "reserved"}
    assert fans.quantity == 2


async def test_a_picked_piece_can_be_put_back(shelves):
    request, made = await picking_of((DRIVE, 1))
    picked = await picking.scan(made.id, "ZL2-0002", by=KEEPER)
    back = await picking.unpick(picked.lines[0].id, by=KEEPER)

    assert (back.state, back.lines[0].state) == ("open", "open")
    with pytest.raises(WrongState):
        await picking.unpick(back.lines[0].id, by=KEEPER)
    # nobody has taken anything: the quick way stays open
    assert (await shipping.ship(request.id, by=KEEPER, serials=["ZL2-0004"])).lines[0].serial_in == "ZL2-0004"
    assert (await pick_lists.pick_list_view(made.id)).state == "cancelled"


async def test_other_serials_cannot_leave_in_place_of_those_picked(shelves):
    request, made = await picking_of((DRIVE, 1))
    await picking.scan(made.id, "ZL2-0002", by=KEEPER)

    with pytest.raises(PickedDifferently):
        await shipping.ship(request.id, by=KEEPER, serials=["ZL2-0003"])


async def test_a_cancelled_list_leaves_the_reservation(shelves):
    request, made = await picking_of((DRIVE, 1))
    await picking.scan(made.id, "ZL2-0000", by=KEEPER)
    cancelled = await picking.cancel(made.id, by=KEEPER, reason="picked tomorrow")

    assert cancelled.state == "cancelled"
    assert (await level(DRIVE, "GZ")).reserved == 1
    with pytest.raises(WrongState):
        await picking.cancel(made.id, by=KEEPER, reason="again")
    again = await waves.begin_picking("GZ", [request.number], by=KEEPER)
    assert [line.serial for line in again.lines] == ["ZL2-0000"]


async def test_a_withdrawn_request_drops_its_lines(shelves):
    request, made = await picking_of((FAN, 2))
    await requests.cancel(request.id, by=DISPATCHER, reason="repaired without")

    assert (await pick_lists.pick_list_view(made.id)).state == "cancelled"


async def test_a_wave_fetches_for_several_documents_and_none_twice(shelves):
    request = await asked((FAN, 1))
    transfer = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=2)], by=KEEPER)
    waiting = await waves.to_pick(limit=10, seen_by=KEEPER)
    made = await waves.begin_picking("GZ", [request.number, transfer.number], by=KEEPER)

    assert [found.document for found in waiting] == [request.number, transfer.number]  # who has a promise goes first
    assert {line.document for line in made.lines} == {request.number, transfer.number}
    assert await waves.to_pick(limit=10, seen_by=KEEPER) == []
    with pytest.raises(AlreadyBeingPicked):
        await waves.begin_picking("GZ", [transfer.number], by=KEEPER)
    await picking.scan(made.id, FAN, by=KEEPER, quantity=3)
    assert (await transfers.ship(transfer.id, by=KEEPER)).lines[0].shipped_quantity == 2
    assert await violations() == []


async def test_no_more_is_picked_than_was_asked_for(shelves):
    _, made = await picking_of((FAN, 2))

    with pytest.raises(MoreThanReserved):
        await picking.scan(made.id, FAN, by=KEEPER, quantity=3)


async def test_only_keepers_of_the_depot_pick_there(shelves):
    request, made = await picking_of((FAN, 1))

    for act, refusal in (
        (picking.scan(made.id, FAN, by=SH_KEEPER), NotYourDepot),
        (picking.scan(made.id, FAN, by=AUDITOR), NotGranted),
        (waves.begin_picking("GZ", [request.number], by=SH_KEEPER), NotYourDepot),
        (waves.begin_picking("GZ", ["PR-00-000000"], by=KEEPER), NotHeldHere),
        (picking.not_found(made.lines[0].id, by=KEEPER, reason=" "), ReasonMissing),
        (picking.not_found(uuid4(), by=KEEPER, reason="gone"), Unknown),
        (picking.cancel(uuid4(), by=KEEPER, reason="gone"), Unknown),
        (pick_lists.pick_list_view(made.id, seen_by=SH_KEEPER), Unknown),
    ):
        with pytest.raises(refusal):
            await act
    assert await pick_lists.pick_lists(limit=5, seen_by=SH_KEEPER) == []
    assert await waves.to_pick(limit=5, seen_by=SH_KEEPER) == []


async def test_two_pickers_cannot_take_one_unit(own_company):
    lists = [(await picking_of((DRIVE, 1)))[1] for _ in range(3)]
    outcomes = await asyncio.gather(
        *(picking.scan(each.id, "ZL2-0004", by=KEEPER) for each in lists), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "PickListView",
        "PickedElsewhere",
        "PickedElsewhere",
    ]
    assert (await units.unit("ZL2-0004", seen_by=AUDITOR)).place == "GZ"
