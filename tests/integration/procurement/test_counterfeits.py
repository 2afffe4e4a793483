"""Suspected counterfeits: blocked with all sisters in one act, told where they are out, judged by a second person."""

import pytest
from msgspec import structs

from inventory.assurance import finding
from inventory.assurance.invariants import violations
from inventory.ground import db, steps
from inventory.ground.errors import NotGranted, ReasonMissing, Unknown, WrongState
from inventory.procurement import counterfeits, receiving
from inventory.procurement.counterfeits import CameByNoReceipt, JudgedByYourself, SuspectedAlready
from inventory.requests import backorders, requests, shipping
from inventory.stock import receipts, reservations, transfers
from inventory.stock.receipts import Incoming
from tests.integration.procurement.test_orders import placed
from tests.integration.requests.test_requests import new
from tests.integration.stock.test_reservations import level
from tests.world import AUDITOR, DISPATCHER, DRIVE, FAN, KEEPER, SETUP, SH_KEEPER, SUPERVISOR

SECOND = structs.replace(SUPERVISOR, name="another-supervisor")


async def brought(*serials: str) -> receipts.ReceiptView:
    order = await placed((DRIVE, len(serials)))
    line = Incoming(part_number=DRIVE, quantity=len(serials), serials=serials)
    return await receiving.receive_order(order.number, [line], by=KEEPER)


async def conditions_of(*serials: str) -> list[str]:
    rows = await db.fetch("SELECT condition FROM unit WHERE serial = ANY($1) ORDER BY serial", list(serials))
    return [row["condition"] for row in rows]


async def test_one_word_blocks_all_that_came_with_it_and_nothing_else(company):
    await brought("A-1", "A-2", "A-3")
    await brought("B-1")

    told = await counterfeits.suspect("A-2", DRIVE, by=KEEPER, reason="seal is a copy")

    assert (told.suspicion.state, told.suspicion.blocked, told.suspicion.out) == ("blocked", 3, 0)
    assert told.suspicion.vendor == "DISTI"
    assert await conditions_of("A-1", "A-2", "A-3", "B-1") == ["quarantine"] * 3 + ["good"]
    assert await steps.open_step("suspicion", told.suspicion.number, "judge_counterfeit") is not None
    with pytest.raises(SuspectedAlready):
        await counterfeits.suspect("A-1", DRIVE, by=KEEPER, reason="again")
    found = await finding.find(told.suspicion.number, seen_by=KEEPER)
    assert found == finding.Found("suspicion", str(told.suspicion.id))
    assert await finding.find(told.suspicion.number, seen_by=SH_KEEPER) is None
    assert await violations() == []


async def test_the_wider_scope_reaches_all_that_the_vendor_brought_of_the_part(company):
    await brought("A-1")
    await brought("B-1")

    told = await counterfeits.suspect("B-1", DRIVE, by=KEEPER, reason="seal is a copy", scope="vendor")

    assert told.suspicion.blocked == 2
    assert await conditions_of("A-1", "B-1", "ZL2-0001") == ["quarantine", "quarantine", "good"]


async def test_what_was_promised_is_blocked_too_and_who_was_to_have_it_is_served_anew(company):
    await receipts.adjust("GZ", DRIVE, -5, by=SETUP, reason="gone", serials=[f"ZL2-{n:04d}" for n in range(5)])
    await brought("A-1", "A-2")
    request = await requests.open_request(new((DRIVE, 1)), by=DISPATCHER)
    held = await db.fetch_value("SELECT reservation FROM request_line WHERE request = $1", request.id)

    told = await counterfeits.suspect("A-1", DRIVE, by=KEEPER, reason="seal is a copy")

    assert (told.suspicion.blocked, (await level(DRIVE, "GZ")).reserved) == (2, 0)
    assert await backorders.lost_reservation(held, by=SETUP)
    line = (await requests.request_view(request.id)).lines[0]
    assert (line.state, line.promise.reasons[0]) == ("backordered", "piece_blocked")
    assert await violations() == []


async def test_what_is_out_or_on_the_road_is_somebodys_duty(company):
    await brought("A-1", "A-2", "A-3")
    request = await requests.open_request(new((DRIVE, 1)), by=DISPATCHER)
    await shipping.ship(request.id, by=KEEPER, serials=["A-1"])
    item = transfers.TransferItem(part_number=DRIVE, quantity=1)
    moving = await transfers.draft_transfer("GZ", "SH", [item], by=KEEPER)
    await transfers.ship(moving.id, by=KEEPER, serials=["A-2"])

    told = await counterfeits.suspect("A-3", DRIVE, by=KEEPER, reason="seal is a copy")

    assert (told.suspicion.blocked, told.suspicion.out) == (1, 2)
    assert await steps.open_step("suspicion", told.suspicion.number, "find_counterfeit") is not None


async def test_lots_are_blocked_like_units(company):
    order = await placed((FAN, 4))
    await db.execute(
        "UPDATE part SET maker = (SELECT id FROM party WHERE code = 'SEAGATE') WHERE part_number = $1", FAN
    )
    line = Incoming(part_number=FAN, quantity=4, lot="L-1")
    await receiving.receive_order(order.number, [line], by=KEEPER)
    await reservations.reserve(FAN, "GZ", 13, by=KEEPER)

    told = await counterfeits.suspect("L-1", FAN, by=KEEPER, reason="wrong colour")

    assert told.suspicion.blocked == 4
    assert await violations() == []
    judged = await counterfeits.decide(told.suspicion.id, by=SECOND, counterfeit=True, remark="no maker's mark")
    assert judged.suspicion.state == "confirmed"
    bad = await db.fetch_value("SELECT on_hand FROM level WHERE condition = 'defective' AND on_hand > 0")
    assert bad == 4


async def test_a_second_person_releases_or_confirms(company):
    await brought("A-1")
    await brought("B-1")
    first = await counterfeits.suspect("A-1", DRIVE, by=SUPERVISOR, reason="seal is a copy")
    other = await counterfeits.suspect("B-1", DRIVE, by=SUPERVISOR, reason="seal is a copy")

    with pytest.raises(JudgedByYourself):
        await counterfeits.decide(first.suspicion.id, by=SUPERVISOR, counterfeit=False, remark="fine")
    with pytest.raises(ReasonMissing):
        await counterfeits.decide(first.suspicion.id, by=SECOND, counterfeit=False, remark=" ")
    released = await counterfeits.decide(first.suspicion.id, by=SECOND, counterfeit=False, remark="maker says genuine")
    await counterfeits.decide(other.suspicion.id, by=SECOND, counterfeit=True, remark="maker says copied")
    with pytest.raises(WrongState):
        await counterfeits.decide(first.suspicion.id, by=SECOND, counterfeit=True, remark="once more")

    assert released.suspicion.state == "released"
    assert await conditions_of("A-1", "B-1") == ["good", "defective"]
    assert await db.fetch_value("SELECT provenance FROM unit WHERE serial = 'B-1'") == "unproven"
    assert await violations() == []


async def test_who_may_not_and_what_is_not_there(company):
    await brought("A-1")
    with pytest.raises(NotGranted):
        await counterfeits.suspect("A-1", DRIVE, by=AUDITOR, reason="r")
    with pytest.raises(Unknown):
        await counterfeits.suspect("A-1", DRIVE, by=SH_KEEPER, reason="r")
    with pytest.raises(ReasonMissing):
        await counterfeits.suspect("A-1", DRIVE, by=KEEPER, reason=" ")
    with pytest.raises(CameByNoReceipt):
        await counterfeits.suspect("ZL2-0001", DRIVE, by=KEEPER, reason="r")
    told = await counterfeits.suspect("A-1", DRIVE, by=KEEPER, reason="r")
    with pytest.raises(Unknown):
        await counterfeits.suspicion(told.suspicion.id, seen_by=SH_KEEPER)
    assert await counterfeits.suspicions(limit=5, seen_by=SH_KEEPER) == []
