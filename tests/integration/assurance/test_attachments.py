"""Attachments: files of documents, seen by whoever sees the document, withdrawn but never lost."""

from uuid import UUID, uuid4

import pytest

from inventory.ground import db
from inventory.procurement import receiving
from inventory.stock import receipts, transfers
from inventory.stock.counting import sheets
from inventory.stock.receipts import Incoming
from tests.integration.procurement.test_orders import placed
from tests.integration.stock.test_provisional import take
from tests.integration.stock.test_shipments import sent
from tests.world import DRIVE, FAN, KEEPER, SUPERVISOR

PDF = b"%PDF-1.7\n1 0 obj"
JPEG = b"\xff\xd8\xff\xe0 a photo"


@pytest.fixture
async def transfer(company) -> str:
    """A transfer from Guangzhou to Shanghai."""
    items = [transfers.TransferItem(part_number=FAN, quantity=1)]
    return str((await transfers.draft_transfer("GZ", "SH", items, by=KEEPER)).id)


async def attach(api, subject: str, content: bytes = PDF, **more: str):
    fields = {"subject_kind": "transfer", "subject": subject, "role": "warehouse_keeper", "depot": "GZ", **more}
    return await api.upload("/attachments", content, **{"name": "签收单.pdf", **fields})


async def test_a_signed_form_is_attached_listed_and_downloaded_as_it_was(api, transfer):
    made = await attach(api, transfer, kind="signed_form", remark="signed at the gate")
    listed = (await api.get(f"/attachments?subject_kind=transfer&subject={transfer}", role="auditor")).json()
    found = await api.get(f"/attachments/{made.json()['id']}/content", role="warehouse_keeper", depot="SH")

    assert made.status_code == 201, made.text
    assert (made.json()["name"], made.json()["media_type"]) == ("签收单.pdf", "application/pdf")
    assert [(item["kind"], item["remark"]) for item in listed["items"]] == [("signed_form", "signed at the gate")]
    assert found.content == PDF
    assert found.headers["Content-Type"] == "application/pdf"
    assert found.headers["Content-Disposition"].startswith("attachment; ")
    assert found.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_ladder_of_attaching(api, transfer):
    assert (await api.call("POST", "/attachments", {}, role=None)).status_code == 401
    assert (await attach(api, transfer, role="auditor", depot="GZ")).json()["code"] == "not_granted"
    assert (await attach(api, transfer, depot="ZJ")).json()["code"] == "unknown"
    assert (await attach(api, str(uuid4()))).status_code == 404
    assert (await attach(api, transfer, subject_kind="letter")).status_code == 422
    assert (await attach(api, transfer, kind="poem")).status_code == 422
    assert (await attach(api, transfer, b"")).json()["code"] == "file_empty"
    assert (await attach(api, transfer)).status_code == 201


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("photo.jpg", b"MZ\x90\x00 a program"),
        ("form.pdf", b"<html><script>alert(1)</script>\x00"),
        ("drawing.svg", b"\x1f\x8b packed"),
        ("book.xlsx", b"PK\x03\x04xl/workbook"),
    ],
)
async def test_what_merely_claims_to_be_a_document_is_refused_in_both_languages(api, transfer, name, content):
    english = await attach(api, transfer, content, name=name)
    chinese = await attach(api, transfer, content, name=name, language="zh")

    assert (english.status_code, english.json()["code"]) == (422, "file_form_refused")
    assert name in english.json()["detail"]
    assert "不属于" in chinese.json()["detail"]


async def test_a_page_that_calls_itself_text_is_served_as_text(api, transfer):
    made = await attach(api, transfer, b"<script>alert(1)</script>", name="../../page.html")
    found = await api.get(f"/attachments/{made.json()['id']}/content", role="auditor")

    assert made.json()["name"] == "page.html"
    assert found.headers["Content-Type"].startswith("text/plain")


async def test_a_document_one_may_not_see_hides_its_files(api, transfer):
    made = (await attach(api, transfer)).json()["id"]

    for path in (f"/attachments?subject_kind=transfer&subject={transfer}", f"/attachments/{made}/content"):
        hidden = await api.get(path, role="warehouse_keeper", depot="ZJ")
        assert (hidden.status_code, hidden.json()["code"]) == (404, "unknown")
    taken_back = await api.post(f"/attachments/{made}/withdraw", {"reason": "x"}, role="warehouse_keeper", depot="ZJ")
    assert taken_back.status_code == 404


async def test_a_file_is_withdrawn_with_a_reason_and_stays_on_record(api, transfer):
    made = (await attach(api, transfer)).json()["id"]
    path = f"/attachments/{made}/withdraw"
    invalid = await api.post(path, {"reason": ""}, role="warehouse_keeper", depot="GZ")
    blank = await api.post(path, {"reason": " "}, role="warehouse_keeper", depot="GZ")
    assert (blank.status_code, blank.json()["code"]) == (422, "reason_missing")
    done = await api.post(path, {"reason": "wrong form"}, role="warehouse_keeper", depot="GZ")
    again = await api.post(path, {"reason": "wrong form"}, role="warehouse_keeper", depot="GZ")

    assert (invalid.status_code, done.status_code, again.status_code) == (422, 200, 409)
    assert done.json()["withdrawn_reason"] == "wrong form"
    listed = (await api.get(f"/attachments?subject_kind=transfer&subject={transfer}", role="auditor")).json()["items"]
    assert [item["id"] for item in listed] == [made]


async def test_the_same_content_is_kept_once_and_a_repeated_call_attaches_once(api, transfer):
    await attach(api, transfer, key="k-1")
    replayed = await attach(api, transfer, key="k-1")
    await attach(api, transfer, name="again.pdf")
    other = await attach(api, transfer, JPEG, key="k-1")

    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await db.fetch_value("SELECT count(*) FROM stored_file") == 1
    assert await db.fetch_value("SELECT count(*) FROM attachment") == 2


@pytest.mark.parametrize(
    "statement", ["DELETE FROM attachment", "DELETE FROM stored_file", "UPDATE stored_file SET name = ''"]
)
async def test_what_was_attached_cannot_be_taken_from_the_books(api, transfer, statement):
    await attach(api, transfer)

    with pytest.raises(db.DatabaseError, match=r"append-only|permission denied"):
        async with db.savepoint():
            await db.execute(statement)


async def test_more_than_the_limit_is_refused_before_it_is_read(api, transfer):
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 1_000_000

    headers = {
        "Authorization": f"Bearer {await api.key('warehouse_keeper', depot='GZ')}",
        "Content-Type": "multipart/form-data; boundary=b",
    }
    announced = await api.client.post(
        "/api/v1/attachments", content=b"--b", headers={**headers, "Content-Length": "1000000000"}
    )

    assert (announced.status_code, announced.json()["code"]) == (413, "too_large")
    assert sent == 0


async def test_what_arises_in_a_warehouse_carries_its_photos(api, company, own_papers):
    for kind, subject in own_papers.items():
        made = await attach(api, str(subject), JPEG, subject_kind=kind, kind="photo")
        listed = (await api.get(f"/attachments?subject_kind={kind}&subject={subject}", role="auditor")).json()["items"]
        elsewhere = await attach(api, str(subject), JPEG, subject_kind=kind, depot="ZJ")

        assert made.status_code == 201, (kind, made.text)
        assert [item["kind"] for item in listed] == ["photo"], kind
        assert elsewhere.status_code == 404, kind


@pytest.fixture
async def own_papers(company) -> dict[str, UUID]:
    """A receipt, a shipment, a count and a record without paper of Guangzhou; their ids."""
    shipment = await sent((FAN, 1))
    order = await placed((DRIVE, 1))
    await receiving.receive_order(order.number, [Incoming(part_number=DRIVE, quantity=1, serials=["N-1"])], by=KEEPER)
    (receipt, *_) = await receipts.receipts(limit=1, seen_by=KEEPER)
    taken = await take("ZL2-0004")
    sheet = await sheets.draw_up("GZ", "full", by=SUPERVISOR)
    return {"receipt": receipt.id, "shipment": shipment.id, "count": sheet.id, "provisional_issue": taken.id}
