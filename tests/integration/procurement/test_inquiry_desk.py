"""Inquiries on a vendor's own desk: what it is asked and its own prices, and nothing of the others."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from inventory.ground import clock, db
from inventory.ground.errors import Unknown, WrongState
from inventory.procurement import inquiries, inquiry_desk
from inventory.procurement.desk import NoVendor
from inventory.procurement.inquiries import NothingQuoted, Pick
from inventory.procurement.inquiry_desk import AnswersOver
from inventory.procurement.quote_sheets import QuotedLine
from tests.integration.pages.conftest import visitor, visitors  # noqa: F401  fixtures
from tests.integration.procurement.test_inquiries import new, three_vendors
from tests.world import BUYER, DRIVE, FAN, PSU, actor

DISTI, DELL = actor("vendor", vendor="DISTI"), actor("vendor", vendor="DELL")
OURS = {"role": "vendor", "vendor": "DISTI"}


def priced(part: str, price: str, **more: object) -> QuotedLine:
    return QuotedLine(part_number=part, unit_price=Decimal(price), lead_time_days=5, **more)


def valid_to(days: int = 30) -> date:
    return clock.today() + timedelta(days=days)


async def test_a_vendor_quotes_sees_its_own_prices_and_what_it_was_given(company):
    await three_vendors()
    opened = await inquiries.open_inquiry(new((DRIVE, 4), (FAN, 10)), by=BUYER)
    (asked,) = await inquiry_desk.asked_inquiries(limit=5, seen_by=DISTI)
    await inquiry_desk.quote(opened.number, [priced(DRIVE, "1000")], by=DISTI, valid_to=valid_to())
    again = await inquiry_desk.quote(
        opened.number, [priced(DRIVE, "900"), priced(FAN, "20")], by=DISTI, valid_to=valid_to(), remark="stock in GZ"
    )
    await inquiry_desk.quote(opened.number, [priced(FAN, "10")], by=DELL, valid_to=valid_to())
    mine = await inquiry_desk.asked_inquiry(opened.number, seen_by=DISTI)
    others = await inquiry_desk.asked_inquiry(opened.number, seen_by=DELL)
    view = await inquiries.inquiry_view(opened.id, seen_by=BUYER)
    await inquiries.choose(
        opened.id,
        [Pick(part_number=DRIVE, vendor="DISTI", quantity=4), Pick(part_number=FAN, vendor="DELL", quantity=10)],
        by=BUYER,
    )
    decided = await inquiry_desk.asked_inquiry(opened.number, seen_by=DISTI)
    nothing = await inquiry_desk.asked_inquiry(opened.number, seen_by=actor("vendor", vendor="THIRD"))

    assert (asked.state, asked.answerable, [line.price for line in asked.lines]) == ("to_answer", True, [None, None])
    assert (again.version, again.remark, mine) == (2, "stock in GZ", again)
    assert [line.price and str(line.price.unit_price) for line in mine.lines] == ["900.00", "20.00"]
    assert [line.price and str(line.price.unit_price) for line in others.lines] == [None, "10.00"]
    assert {(quote.vendor, quote.part_number) for quote in view.quotes} == {
        ("DISTI", DRIVE),
        ("DISTI", FAN),
        ("DELL", FAN),
    }
    assert (decided.state, decided.answerable, [line.given_quantity for line in decided.lines]) == (
        "given",
        False,
        [4, 0],
    )
    assert (nothing.state, [line.given_quantity for line in nothing.lines]) == ("not_given", [0, 0])
    with pytest.raises(WrongState):
        await inquiry_desk.quote(opened.number, [priced(FAN, "9")], by=DELL, valid_to=valid_to())


async def test_who_was_not_asked_came_late_or_says_nothing_is_refused_and_nothing_is_kept(company):
    await three_vendors()
    opened = await inquiries.open_inquiry(new((FAN, 10), vendors=("DELL", "THIRD"), few_reason="two only"), by=BUYER)
    line = priced(FAN, "10")

    with pytest.raises(Unknown):
        await inquiry_desk.quote(opened.number, [line], by=DISTI, valid_to=valid_to())
    with pytest.raises(NoVendor):
        await inquiry_desk.quote(opened.number, [line], by=actor("vendor"), valid_to=valid_to())
    with pytest.raises(inquiries.NotAsked):
        await inquiry_desk.quote(opened.number, [priced(PSU, "10")], by=DELL, valid_to=valid_to())
    with pytest.raises(NothingQuoted):
        await inquiry_desk.quote(opened.number, [line], by=DELL, valid_to=valid_to(-1))
    with clock.at(clock.now() + timedelta(days=4)), pytest.raises(AnswersOver):
        await inquiry_desk.quote(opened.number, [line], by=DELL, valid_to=valid_to(60))
    with clock.at(clock.now() + timedelta(days=4)):
        (late,) = await inquiry_desk.asked_inquiries(limit=5, seen_by=DELL, state="unanswered")
    assert late.answerable is False
    assert await inquiry_desk.asked_inquiries(limit=5, seen_by=DISTI) == []
    assert await inquiry_desk.asked_inquiries(limit=5, seen_by=actor("vendor")) == []
    assert await db.fetch_value("SELECT count(*) FROM vendor_quote") == 0


async def test_over_http_only_its_own_and_nothing_of_ours(api):
    await three_vendors()
    opened = await inquiries.open_inquiry(new((FAN, 10), few_reason="", remark="secret plans"), by=BUYER)
    path = f"/vendor-inquiries/{opened.number}"
    body = {
        "valid_to": valid_to().isoformat(),
        "lines": [{"part_number": FAN, "unit_price": "12", "lead_time_days": 3}],
    }

    told = await api.post(f"{path}/quote", body, idempotency_key="q", **OURS)
    again = await api.post(f"{path}/quote", body, idempotency_key="q", **OURS)
    seen = await api.get(path, **OURS)

    assert (told.status_code, told.json()["version"], again.json()) == (200, 1, told.json())
    assert "secret plans" not in seen.text
    assert "DELL" not in seen.text
    assert seen.json()["lines"][0]["price"]["unit_price"] == "12.00"
    assert opened.number in (await api.get("/vendor-inquiries.csv", **OURS)).text
    assert (await api.get(path, role="buyer")).status_code == 403
    assert (await api.get(f"/inquiries/{opened.id}", **OURS)).status_code == 403
    for wrong in ({}, {**body, "lines": []}, {**body, "valid_to": "soon"}, {**body, "surprise": 1}):
        assert (await api.post(f"{path}/quote", wrong, **OURS)).status_code == 422
    assert (await api.post("/vendor-inquiries/RFQ-99-000001/quote", body, **OURS)).json()["code"] == "unknown"


async def test_on_its_page_a_vendor_leaves_out_what_it_does_not_have(visitor):  # noqa: F811  a fixture
    await three_vendors()
    opened = await inquiries.open_inquiry(new((DRIVE, 4), (FAN, 10)), by=BUYER)
    reader = await visitor("vendor", vendor="DISTI")
    path = f"/vendor-inquiries/{opened.number}"
    form = {
        "part_number": [DRIVE, FAN],
        "unit_price": ["", "11.5"],
        "lead_time_days": ["7", "2.5"],
        "minimum_quantity": ["1", "5"],
        "lot_size": ["1", "5"],
        "currency": "CNY",
        "invoice_kind": "general",
        "tax_percent": "3",
        "valid_to": valid_to().isoformat(),
    }

    assert opened.number in (await reader.get("/vendor-inquiries?state=to_answer")).text
    assert "待报价" in (await reader.get(path)).text
    sent = await reader.post(f"{path}/quote", form, live=False)
    refused = await reader.post(f"{path}/quote", {**form, "unit_price": ["", "many"]})

    assert (sent.status_code, refused.status_code) == (303, 422)
    (quote,) = (await inquiries.inquiry_view(opened.id, seen_by=BUYER)).quotes
    assert (quote.part_number, str(quote.unit_price), quote.minimum_quantity, quote.lot_size) == (FAN, "11.50", 5, 5)
    assert (quote.invoice_kind, str(quote.tax_percent), quote.lead_time_days) == ("general", "3.00", 2.5)
    assert "已报价" in (await reader.get(path)).text
