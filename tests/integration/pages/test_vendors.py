"""The pages of vendors, of suspected counterfeits and of a part passport, walked in both languages."""

import pytest

from api.shared import passport_path
from inventory.ground import db
from inventory.procurement import letters, receiving
from inventory.stock.receipts import Incoming
from tests.conftest import settings_for
from tests.integration.procurement.test_orders import placed
from tests.world import BUYER, DRIVE, KEEPER


async def test_a_vendors_page_tells_all_and_keeps_its_contacts(visitor):
    buyer = await visitor("buyer")
    form = {"name": "值班台", "role": "emergency", "phone": "020-8888", "email": "", "around_the_clock": "yes"}

    entered = await buyer.post("/vendors/DISTI/contacts", form)
    chinese = (await buyer.get("/vendors/DISTI")).text
    english = (await buyer.get("/vendors/DISTI", language="en")).text
    listed = (await buyer.get("/vendors", language="en")).text

    assert entered.headers["location"] == "/vendors/DISTI"
    for words in ("实测可靠性", "7×24", "未核实", "SG-1", "全部备件"):
        assert words in chinese
    for words in ("Measured reliability", "not verified", "Authorisation letters", "all its parts"):
        assert words in english
    assert "verify the emergency contact" in listed
    contact = await db.fetch_value("SELECT id FROM vendor_contact")
    await buyer.post(f"/vendor-contacts/{contact}/verify")
    assert "未核实" not in (await buyer.get("/vendors/DISTI")).text
    await buyer.post(f"/vendor-contacts/{contact}/withdraw")
    assert "值班台" not in (await buyer.get("/vendors/DISTI")).text
    assert (await buyer.get("/vendors/NOBODY")).status_code == 404


async def test_a_letters_document_is_replaced(visitor):
    buyer = await visitor("buyer")
    letter = await db.fetch_value("SELECT id FROM authorisation WHERE letter_number = 'SG-1'")
    await buyer.get("/vendors/DISTI")
    for content in (b"%PDF-1.7 first", b"%PDF-1.7 second"):
        said = {"_csrf_token": buyer.client.cookies["beijian_csrf"]}
        kept = await buyer.client.post(f"/letters/{letter}/file", data=said, files={"file": ("SG-1.pdf", content)})
        assert kept.status_code == 303, kept.text

    assert "更换" in (await buyer.get("/vendors/DISTI")).text
    assert (await letters.file_of(letter, seen_by=BUYER)).content == b"%PDF-1.7 second"


@pytest.mark.parametrize(("language", "words"), [("zh", "请至少填写一项"), ("en", "Enter one of them")])
async def test_a_refusal_says_what_would_do(visitor, language: str, words: str):
    buyer = await visitor("buyer")
    answer = await buyer.post("/vendors/DISTI/contacts", {"name": "x", "role": "sales"}, language=language)
    assert words in answer.text


async def test_a_suspicion_is_raised_and_judged_by_another(visitor):
    order = await placed((DRIVE, 2))
    line = Incoming(part_number=DRIVE, quantity=2, serials=["A-1", "A-2"])
    await receiving.receive_order(order.number, [line], by=KEEPER)
    keeper, supervisor = await visitor("warehouse_keeper"), await visitor("quality_supervisor")
    form = {"code": "A-1", "part_number": DRIVE, "scope": "receipt", "reason": "防伪标签不符"}

    raised = (await keeper.post("/suspected-counterfeits", form)).headers["location"]
    page = (await keeper.get(raised)).text
    judged = await supervisor.post(f"{raised}/decide", {"counterfeit": "yes", "remark": "maker says copied"})

    assert "A-2" in page
    assert "已隔离待处置" in page
    assert judged.headers["location"] == raised
    assert "confirmed counterfeit" in (await supervisor.get(raised, language="en")).text
    assert "确认假冒" in (await keeper.get("/suspected-counterfeits?state=confirmed")).text


async def test_whoever_holds_the_paper_reads_the_passport(visitor, company):
    unit = await db.fetch_value("SELECT id FROM unit WHERE serial = 'ZL2-0001'")
    stranger = await visitor()
    path = passport_path(unit, settings_for("postgresql://unused").secret)

    shown = await stranger.get(path, language="en")
    forged = await stranger.get(path[:-2] + "xx")

    assert shown.status_code == 200
    assert "authorised channel" in shown.text
    assert forged.status_code == 404
    assert "来源" in (await stranger.get(path)).text
