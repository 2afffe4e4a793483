"""The promise meter's pages: from the board down to a device, and what a taking costs where it is confirmed."""

from datetime import timedelta

import pytest

from inventory.assurance.meter import cells
from inventory.catalogue import register as catalogue
from inventory.ground import clock, jobs
from inventory.requests.requests import open_request
from inventory.stock import promises, receipts, reservations, transfers
from inventory.stock.transfers import TransferItem
from tests.integration.assurance.test_meter import served_from_shanghai
from tests.integration.requests.test_requests import new
from tests.meter import settle
from tests.world import BATTERY, DISPATCHER, PSU, SETUP


@pytest.fixture(autouse=True)
async def meter(company: str) -> None:
    await settle()


async def test_the_board_leads_down_to_the_device_and_says_why(visitor):
    await reservations.reserve(PSU, "GZ", 6, by=SETUP)
    await settle()
    reader = await visitor("dispatcher")
    board = (await reader.get("/coverage")).text
    contract = (await reader.get("/contracts/C-BANK/coverage")).text
    site = (await reader.get("/sites/BANK-GZ/coverage")).text
    listed = (await reader.get("/coverage/devices?contract=C-BANK&state=no")).text
    device = (await reader.get("/devices/BANK-007/coverage")).text

    assert "/contracts/C-BANK/coverage" in board
    assert board.index("C-BANK") < board.index("C-TELCO")
    assert "/sites/BANK-GZ/coverage" in contract
    assert "/contracts/C-BANK/coverage" in site
    assert "/devices/BANK-000/coverage" in listed
    for page in (board, contract, site, device):
        assert "无法保障" in page
        assert "均无法按时送达" in page
        assert "从上海备件库调拨 1 件" in page
        assert "加急采购" in page


async def test_the_board_says_the_same_in_english(visitor):
    reader = await visitor("dispatcher")
    page = (await reader.get("/coverage", language="en")).text

    assert "Promise meter" in page
    assert "Every promise that is judged can be kept." in page


async def test_a_contract_wears_its_badge(visitor):
    reader = await visitor("project_manager")

    for path in ("/statements", "/contracts/C-BANK/statement"):
        page = (await reader.get(path)).text
        assert 'href="/contracts/C-BANK/coverage"' in page
        assert "可保障" in page


async def test_a_draft_transfer_says_what_it_costs_before_it_ships(visitor):
    transfer = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=PSU, quantity=6)], by=SETUP)
    cheap = await transfers.draft_transfer("SH", "GZ", [TransferItem(part_number=PSU, quantity=1)], by=SETUP)
    reader = await visitor("warehouse_keeper", depot="GZ")
    page = (await reader.get(f"/transfers/{transfer.id}")).text

    assert "160 台设备失去保障" in page
    assert "C-BANK" in page
    assert "失去保障" not in (await reader.get(f"/transfers/{cheap.id}")).text


async def test_a_reservation_says_what_it_costs_held_or_promised(visitor):
    promised = await promises.promise(
        PSU, "GZ", 6, by=SETUP, starts_at=clock.now() + timedelta(days=1), priority_class="planned"
    )
    reader = await visitor("dispatcher")
    before = (await reader.get(f"/reservations/{promised.id}")).text
    held = await reservations.reserve(PSU, "GZ", 6, by=SETUP)
    after = (await reader.get(f"/reservations/{held.id}")).text

    assert "若锁定这些备件：" in before
    assert "锁定这些备件后：" in after
    assert "160 台设备失去保障" in before
    assert "160 台设备失去保障" in after


async def test_handing_out_a_request_says_what_it_costs(visitor):
    await reservations.reserve(PSU, "GZ", 5, by=SETUP)
    view = await open_request(new(), by=DISPATCHER)
    reader = await visitor("warehouse_keeper")
    page = (await reader.get(f"/requests/{view.id}")).text

    assert view.state == "reserved"
    assert "160 台设备失去保障" in page


@pytest.mark.parametrize(("language", "words"), [("zh", "1 台设备失去保障"), ("en", "1 devices lose cover")])
async def test_a_requests_ladder_says_what_a_choice_breaks_at_the_giving_depot(visitor, language, words):
    await served_from_shanghai()
    await receipts.adjust("SH", PSU, -4, by=SETUP, provenance="maker_direct", reason="gone")
    await settle()
    view = await open_request(new(), by=DISPATCHER)
    reader = await visitor("dispatcher")
    page = (await reader.get(f"/requests/{view.id}", language=language)).text
    answer = (await reader.get(f"/api/v1/part-requests/{view.id}")).json()

    assert f"C-BANK: {words}" in page
    giving = next(step for step in answer["lines"][0]["ladder"] if step["depot"] == "SH")
    assert giving["breaks"] == [{"contract": "C-BANK", "devices": 1}]


async def test_the_request_form_shows_how_the_device_stands(visitor):
    reader = await visitor("dispatcher")
    page = (await reader.get("/requests/new/device?device_serial=BANK-007")).text

    assert "/devices/BANK-007/coverage" in page
    assert "可保障" in page


async def test_a_list_turns_its_pages_and_keeps_its_filters(visitor):
    lines = [catalogue.NewModelPart(model="R740", part=BATTERY, per_device=1, critical=True)]
    await catalogue.enter_model_parts(lines, by=SETUP)
    await cells.refresh(jobs.RefreshCover())
    reader = await visitor("auditor")
    devices = (await reader.get("/coverage/devices?contract=C-BANK")).text

    assert "cursor=" in devices
    assert BATTERY in (await reader.get("/coverage/parts?state=no")).text
    assert PSU not in (await reader.get("/coverage/parts?state=no")).text


async def test_what_the_maker_said_of_a_warranty_is_recorded_at_the_device(visitor):
    engineer = await visitor("engineer")
    before = (await engineer.get("/devices/BANK-007/coverage", language="en")).text
    asked = {
        "result": "in_warranty",
        "asked": "support.example.com",
        "warranty_until": "2027-05-01",
        "remark": "case 7",
    }
    missing = await engineer.post("/devices/BANK-007/warranty-lookups", {**asked, "warranty_until": ""}, language="en")
    wrong = await engineer.post(
        "/devices/BANK-007/warranty-lookups", {**asked, "warranty_until": "soon"}, language="en"
    )
    await engineer.post("/devices/BANK-007/warranty-lookups", asked)
    after = (await engineer.get("/devices/BANK-007/coverage", language="en")).text
    form = (await engineer.get("/requests/new/device?device_serial=BANK-007", language="en")).text
    reader = (await (await visitor("auditor")).get("/devices/BANK-007/coverage", language="en")).text

    assert "Warranty not looked up" in before
    assert (missing.status_code, wrong.status_code) == (422, 422)
    assert "support.example.com" in after
    assert "2027-05-01" in after
    assert "Documents and photos" in after  # the screenshot of the latest look-up
    assert 'href="/devices/BANK-007/coverage"' in form
    assert "Record what the maker said" not in reader
