"""What a customer's inspector, and a keeper whose piece has left, are told of stock and the ledger."""

from datetime import timedelta

import pytest

from inventory.assurance import finding
from inventory.ground import clock
from inventory.ground.errors import Unknown
from inventory.requests import debriefing, requests, shipping
from inventory.stock import levels, lots, movements, placing, receipts, time_travel, units
from inventory.stock.counting import sheets
from inventory.stock.pools import NotYourPool
from inventory.stock.receipts import Incoming
from tests.integration.requests.test_requests import new
from tests.world import AUDITOR, DISPATCHER, DRIVE, FAN, KEEPER, PSU, actor

TELCO = actor("inspector", contracts={"C-TELCO"})
BANK = actor("inspector", contracts={"C-BANK"})


async def test_an_inspector_sees_common_stock_and_its_own_pool_only(company):
    own = {(level.depot, level.pool) for level in await levels.levels(limit=50, seen_by=TELCO)}
    others = {(level.depot, level.pool) for level in await levels.levels(limit=50, seen_by=BANK)}

    assert own == {("GZ", "common"), ("SH", "common"), ("ZJ", "C-TELCO")}
    assert others == {("GZ", "common"), ("SH", "common")}
    assert {line.pool for line in await lots.lot_stocks(limit=50, seen_by=BANK)} == {"common"}
    assert await placing.contents("ZJ", limit=50, seen_by=BANK) == []
    assert {line.pool for line in await time_travel.stock_as_of(clock.now(), limit=50, seen_by=BANK)} == {"common"}
    whole = await time_travel.total_as_of(clock.now(), seen_by=TELCO)
    assert (await time_travel.total_as_of(clock.now(), seen_by=BANK)).pieces == whole.pieces - 2
    with pytest.raises(Unknown):
        await levels.level(PSU, "ZJ", "C-TELCO", seen_by=BANK)


async def test_an_inspector_has_only_stock_of_its_own_contracts_counted_again(company):
    for inspector, pool in ((BANK, "C-TELCO"), (BANK, "no such pool"), (TELCO, "common")):
        with pytest.raises(NotYourPool) as refused:
            await sheets.ask_recount("ZJ", PSU, by=inspector, pool=pool)
        assert refused.value.facts["own"] == ("common" if inspector is BANK else "C-TELCO")
    telco = await sheets.ask_recount("ZJ", PSU, by=TELCO, pool="C-TELCO")
    bank = await sheets.ask_recount("ZJ", PSU, by=BANK)

    assert telco.number != bank.number  # nobody is handed the sheet of another's stock
    assert (await sheets.ask_recount("ZJ", PSU, by=TELCO, pool="C-TELCO")).number == telco.number
    assert (await sheets.ask_recount("ZJ", PSU, by=actor("inspector"), pool="C-TELCO")).number == telco.number


async def test_an_inspector_is_not_told_of_another_customers_parts(company):
    await receipts.receive("GZ", [Incoming(part_number=FAN, quantity=1)], by=KEEPER, origin="V-DISTI", document="PO-77")
    asked = await requests.open_request(new((DRIVE, 1)), by=DISPATCHER)
    shipped = await shipping.ship(asked.id, by=KEEPER)
    serial = shipped.lines[0].serial_in

    told = {line.kind: line for line in await movements.movements(limit=50, seen_by=TELCO)}
    own = {line.kind: line for line in await movements.movements(limit=50, seen_by=BANK)}

    assert (told["issue"].to_place, told["issue"].document, told["issue"].serial) == ("site", None, serial)
    assert (told["receipt"].from_place, told["receipt"].document) == ("vendor", None)
    assert told["adjustment"].reason == "opening stock"
    assert (own["issue"].to_place, own["issue"].document) == ("BANK-GZ", asked.number)
    assert await movements.movements(limit=5, seen_by=TELCO, document=asked.number) == []
    assert len(await movements.movements(limit=5, seen_by=BANK, document=asked.number)) == 1
    with pytest.raises(Unknown):
        await units.unit(serial, seen_by=TELCO)
    assert (await units.unit(serial, seen_by=BANK)).place == "BANK-GZ"
    assert serial not in {unit.serial for unit in await units.units(limit=50, seen_by=TELCO)}
    assert serial not in {unit.serial for unit in await time_travel.units_as_of(clock.now(), limit=50, seen_by=TELCO)}


async def test_the_house_keeps_its_papers_from_inspectors(company, api):
    for path in ("/reservations", "/receipts", "/deliveries", "/transfers", "/blocked-stock", "/pool-crossings"):
        assert (await api.get(path, role="inspector")).status_code == 403, path
        assert (await api.get(path, role="auditor")).status_code == 200, path
    receipt = await receipts.receive("GZ", [Incoming(part_number=FAN, quantity=1)], by=KEEPER, origin="V-DISTI")
    assert await finding.find(receipt.number, seen_by=TELCO) is None
    assert (await api.get(f"/receipts/{receipt.number}/papers/goods_receipt_note", role="inspector")).status_code == 403


async def test_a_keeper_still_knows_what_was_handed_out_up_to_its_leaving(company):
    asked = await requests.open_request(new((DRIVE, 1)), by=DISPATCHER)
    serial = (await shipping.ship(asked.id, by=KEEPER)).lines[0].serial_in
    unit = await units.unit(serial, seen_by=AUDITOR)
    stranger = actor("warehouse_keeper", depots={"SH"})

    seen = await units.unit(serial, seen_by=KEEPER)
    assert (seen.place, seen.id) == ("BANK-GZ", unit.id)
    assert [step.kind for step in await units.life(unit.id, seen_by=KEEPER)] == ["adjustment", "issue"]
    with pytest.raises(Unknown):
        await units.unit(serial, seen_by=stranger)

    at = (await units.life(unit.id, seen_by=AUDITOR))[-1].occurred_at + timedelta(hours=1)
    with clock.at(at):
        await debriefing.debrief(
            asked.id, [debriefing.Debrief(part_number=DRIVE, outcome="returned_good")], by=DISPATCHER
        )
    assert (await units.unit(serial, seen_by=KEEPER)).place == "GZ"
    assert len(await units.life(unit.id, seen_by=KEEPER)) == 3
