"""Papers and labels over HTTP: who may print what, when there is something to print, and that it says what was booked."""

import pypdfium2
import pytest
import zxingcpp

from api.papers import assembling
from inventory.places import bins, places
from inventory.requests import requests, shipping
from inventory.stock import codes, handovers, receipts, tags, transfers
from inventory.stock.handovers import Item
from inventory.stock.receipts import Incoming
from inventory.stock.transfers import TransferItem
from tests.integration.stock.test_keeping import engineer
from tests.world import DISPATCHER, DRIVE, FAN, KEEPER, PSU, SETUP, SH_KEEPER

PRINTED = [zxingcpp.BarcodeFormat.QRCodeModel2, zxingcpp.BarcodeFormat.Code128]


def text_of(pdf: bytes) -> str:
    return "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))


def codes_on(pdf: bytes) -> set[str]:
    return {
        code.text
        for page in pypdfium2.PdfDocument(pdf)
        for code in zxingcpp.read_barcodes(page.render(scale=300 / 72).to_numpy(), formats=PRINTED)
    }


async def a_transfer(*, received: bool = False) -> transfers.TransferView:
    items = [TransferItem(part_number=FAN, quantity=4), TransferItem(part_number=DRIVE, quantity=1)]
    draft = await transfers.draft_transfer("GZ", "SH", items, by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER, waybill="SF-100", serials=["ZL2-0003"])
    if received:
        await transfers.take_in(draft.id, by=SH_KEEPER)
    return draft


@pytest.mark.parametrize("form", ["transfer_note", "issue_note", "gate_pass"])
async def test_a_shipped_transfer_has_its_papers_at_the_origin(api, form):
    tagged = await tags.assign("ZL2-0003", by=KEEPER)
    sent = await a_transfer()
    answer = await api.get(f"/transfers/{sent.id}/papers/{form}", role="warehouse_keeper", depot="GZ")
    text = text_of(answer.content)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert f'inline; filename="{sent.number}-{form}.pdf"' == answer.headers["content-disposition"]
    for words in (sent.number, "我方", "广州备件库 Guangzhou (GZ)", "上海备件库", "SF-100", FAN, "2U 风扇", "ZL2-0003"):
        assert words in text, words
    assert tagged.tag in text
    assert codes_on(answer.content) == {sent.number}


async def test_the_target_prints_the_goods_receipt_note_once_the_goods_are_in(api):
    on_the_road, arrived = await a_transfer(), await a_transfer_of_fans()

    early = await api.get(f"/transfers/{on_the_road.id}/papers/goods_receipt_note", role="warehouse_keeper", depot="SH")
    done = await api.get(f"/transfers/{arrived.id}/papers/goods_receipt_note", role="warehouse_keeper", depot="SH")

    assert (early.status_code, early.json()["code"]) == (409, "nothing_moved")
    assert done.status_code == 200
    assert "入库单" in text_of(done.content)


async def a_transfer_of_fans() -> transfers.TransferView:
    draft = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=2)], by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER)
    return await transfers.take_in(draft.id, by=SH_KEEPER)


async def test_the_note_of_others_stock_says_whose_it_is(company):
    line = Incoming(part_number=FAN, quantity=2)
    await receipts.receive("GZ", [line], by=SETUP, origin="V-DISTI", owner=await places.find_party("DISTI"))
    items = [TransferItem(part_number=FAN, quantity=2, owner="DISTI")]
    draft = await transfers.draft_transfer("GZ", "SH", items, by=KEEPER)

    paper = await assembling.of_transfer(draft.id, "transfer_note", by=KEEPER)

    assert ("所有者", "DISTI") in {(fact.name[0], fact.value) for fact in paper.facts}


async def test_a_transfers_paper_climbs_its_ladder(api):
    draft = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=4)], by=KEEPER)
    note, issue = (f"/transfers/{draft.id}/papers/{form}" for form in ("transfer_note", "issue_note"))

    assert (await api.get(note, role=None)).status_code == 401
    assert (await api.get(note, role="vendor", vendor="DISTI")).status_code == 403
    assert (await api.get(note, role="warehouse_keeper", depot="ZJ")).status_code == 404
    assert (await api.get(issue, role="warehouse_keeper", depot="SH")).json()["code"] == "not_your_depot"
    assert (await api.get(f"/transfers/{draft.id}/papers/invoice", role="auditor")).status_code == 422
    assert (await api.get(issue, role="warehouse_keeper", depot="GZ")).json()["code"] == "nothing_moved"
    done = await api.get(note, role="warehouse_keeper", depot="SH")
    assert done.status_code == 200
    assert "未发出" in text_of(done.content)


@pytest.mark.parametrize("form", ["issue_note", "delivery_note", "gate_pass"])
async def test_a_part_requests_papers_list_what_left(api, form):
    asked = await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference="R-1",
            device_serial="BANK-007",
            severity="severe",
            ticket="INC-7",
            lines=[requests.NewRequestLine(part_number=DRIVE, quantity=1)],
        ),
        by=DISPATCHER,
    )
    address = f"/part-requests/{asked.id}/papers/{form}"

    assert (await api.get(address, role=None)).status_code == 401
    assert (await api.get(address, role="inspector")).status_code == 403
    assert (await api.get(address, role="warehouse_keeper", depot="GZ")).json()["code"] == "nothing_moved"
    await shipping.ship(asked.id, by=KEEPER, serials=["ZL2-0002"])
    assert (await api.get(address, role="warehouse_keeper", depot="SH")).json()["code"] == "nothing_moved"
    text = text_of((await api.get(address, role="warehouse_keeper", depot="GZ")).content)
    for words in (asked.number, "测试银行 Test Bank", "测试银行广州机房", "BANK-007", "INC-7", "ZL2-0002"):
        assert words in text, words


async def a_receipt(*serials: str) -> receipts.ReceiptView:
    lines = [
        receipts.Incoming(part_number=DRIVE, quantity=len(serials), serials=serials),
        receipts.Incoming(part_number=FAN, quantity=3, condition="quarantine"),
    ]
    return await receipts.receive(
        "GZ",
        lines,
        by=KEEPER,
        origin="V-DISTI",
        document_kind="purchase_order",
        document="PO-26-000009",
        remark="纸箱破损",
    )


async def test_a_receipt_is_read_again_as_it_was_booked(company):
    first, second = await a_receipt("N-1", "N-2"), await a_receipt("N-3")
    record = await receipts.receipt_view(first.number, seen_by=KEEPER)

    assert [(line.part_number, line.quantity, line.condition, line.serials) for line in record.lines] == [
        (DRIVE, 2, "good", ["N-1", "N-2"]),
        (FAN, 3, "quarantine", []),
    ]
    assert (record.origin, record.document, record.remark) == ("V-DISTI", "PO-26-000009", "纸箱破损")
    listed = await receipts.receipts(limit=1, seen_by=KEEPER)
    assert [receipt.number for receipt in listed] == [second.number]
    assert await receipts.receipts(limit=9, seen_by=SH_KEEPER) == []


async def test_a_receipts_paper_says_whose_the_goods_are(api):
    lines = [receipts.Incoming(part_number=FAN, quantity=2)]
    theirs = await receipts.receive("GZ", lines, by=KEEPER, origin="V-DISTI", owner=await places.find_party("DISTI"))
    ours = await a_receipt("N-9")

    async def printed(number: str) -> str:
        path = f"/receipts/{number}/papers/goods_receipt_note"
        return text_of((await api.get(path, role="warehouse_keeper", depot="GZ")).content)

    assert "所有者 Belongs to DISTI" in (await printed(theirs.number)).replace("\n", " ")
    assert "Belongs to" not in await printed(ours.number)


async def test_a_receipts_routes_climb_their_ladder(api):
    receipt = await a_receipt("N-1")
    address, paper = f"/receipts/{receipt.number}", f"/receipts/{receipt.number}/papers/goods_receipt_note"

    for path in (address, paper):
        assert (await api.get(path, role=None)).status_code == 401
        assert (await api.get(path, role="vendor", vendor="DISTI")).status_code == 403
        assert (await api.get(path, role="warehouse_keeper", depot="SH")).status_code == 404
    assert (await api.get(f"{address}/papers/gate_pass", role="auditor")).status_code == 422
    body = (await api.get(address, role="warehouse_keeper", depot="GZ")).json()
    printed = await api.get(paper, role="warehouse_keeper", depot="GZ")
    assert body["lines"][0]["serials"] == ["N-1"]
    for words in (receipt.number, "测试分销 Test Distributor", "PO-26-000009", "纸箱破损", "N-1", "隔离"):
        assert words in text_of(printed.content), words


async def test_every_label_that_is_printed_leads_back_to_its_thing(api):
    await bins.enter_bins([bins.NewBin(place="GZ", code=code) for code in ("A-01-01", "A-01-02")], by=KEEPER)
    tagged = await tags.assign("ZL2-0001", by=KEEPER)
    asked = {
        "kind=unit&serial=ZL2-0001&serial=ZL2-0002&size=50x30": {tagged.tag, codes.unit_code(DRIVE, "ZL2-0002", None)},
        f"kind=part&part={PSU}&part=0YT39Y&size=60x40": {codes.part_code(PSU)},
        "kind=bin&depot=GZ&size=a4_4x10&start=7": {codes.bin_code("GZ", "A-01-01"), codes.bin_code("GZ", "A-01-02")},
        "kind=bin&depot=GZ&bin=A-01-02&copies=3": {codes.bin_code("GZ", "A-01-02")},
    }
    for query, printed in asked.items():
        answer = await api.get(f"/labels?{query}", role="warehouse_keeper", depot="GZ")
        assert answer.status_code == 200, answer.text
        assert codes_on(answer.content) == printed
        for text in printed:
            found = (await api.get("/scan", params={"text": text}, role="warehouse_keeper", depot="GZ")).json()["found"]
            assert found["kind"] in query


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("kind=unit", 422, "no_labels"),
        ("kind=bin", 422, "no_labels"),
        ("kind=bin&depot=SH", 422, "no_labels"),
        ("kind=unit&serial=NOPE", 404, "unknown"),
        ("kind=part&part=NOPE", 404, "unknown_part"),
        ("kind=bin&depot=GZ&bin=Z-9", 404, "unknown"),
        (f"kind=part&part={PSU}&size=a4_3x8&start=25", 422, "place_off_sheet"),
        ("kind=part&copies=50" + f"&part={FAN}" * 9, 422, "too_many_labels"),
        ("kind=pallet", 422, "invalid_input"),
        (f"kind=part&part={PSU}&size=a3", 422, "invalid_input"),
        (f"kind=part&part={PSU}&copies=0", 422, "invalid_input"),
    ],
)
async def test_labels_that_cannot_be_printed_are_refused(api, query, status, code):
    answer = await api.get(f"/labels?{query}", role="warehouse_keeper", depot="GZ")

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_code_that_no_scanner_could_read_is_not_printed(api):
    serial = "序" * 200
    line = receipts.Incoming(part_number=DRIVE, quantity=1, serials=[serial])
    await receipts.receive("GZ", [line], by=KEEPER, origin="V-DISTI")
    untagged = await api.get("/labels", params={"kind": "unit", "serial": serial}, role="warehouse_keeper", depot="GZ")
    await tags.assign(serial, by=KEEPER)
    tagged = await api.get("/labels", params={"kind": "unit", "serial": serial}, role="warehouse_keeper", depot="GZ")

    assert (untagged.status_code, untagged.json()["code"]) == (422, "code_too_long")
    assert tagged.status_code == 200


async def test_labels_are_for_those_who_see_the_stock(api):
    assert (await api.get("/labels?kind=unit&serial=ZL2-0001", role=None)).status_code == 401
    assert (await api.get("/labels?kind=unit&serial=ZL2-0001", role="vendor", vendor="DISTI")).status_code == 403
    assert (await api.get("/labels?kind=unit&serial=ZL2-0001", role="warehouse_keeper", depot="SH")).status_code == 404


async def test_what_an_engineer_keeps_for_a_time_has_a_loan_note_and_its_return_another(api):
    li = await engineer("li")
    lent = await handovers.give(
        "GZ", "li", [Item(part_number=DRIVE, serials=["ZL2-0002"])], by=KEEPER, remark="for a week"
    )
    waiting = await assembling.of_handover(lent.id, "loan_note", by=KEEPER)
    await handovers.accept(lent.id, by=li)
    back = await handovers.give("li", "GZ", [Item(part_number=DRIVE, serials=["ZL2-0002"])], by=li)
    await handovers.accept(back.id, by=KEEPER)
    ways = {"role": "warehouse_keeper", "depot": "GZ"}

    note = await api.get(f"/handovers/{lent.id}/papers/loan_note", **ways)
    returned = await api.get(f"/handovers/{back.id}/papers/loan_return_note", **ways)
    other_way = await api.get(f"/handovers/{lent.id}/papers/loan_return_note", **ways)

    assert waiting.mark == ("待确认", "Not yet accepted")
    assert (note.status_code, note.headers["content-type"]) == (200, "application/pdf")
    assert all(words in text_of(note.content) for words in ("借用单", "ZL2-0002", "for a week", lent.number))
    assert all(words in text_of(returned.content) for words in ("归还单", "ZL2-0002", back.number))
    assert lent.number in codes_on(note.content)
    assert (other_way.status_code, other_way.json()["code"]) == (409, "nothing_moved")
    path = f"/handovers/{lent.id}/papers/loan_note"
    assert (await api.get(path, role=None)).status_code == 401
    assert (await api.get(path, role="vendor", vendor="DISTI")).status_code == 403
    assert (await api.get(path, role="warehouse_keeper", depot="SH")).status_code == 404
    assert (await api.get(f"/handovers/{lent.id}/papers/gate_pass", **ways)).status_code in (404, 422)
