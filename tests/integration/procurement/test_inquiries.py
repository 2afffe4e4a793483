"""Inquiries: three vendors are asked, their sheets come back in every shape, and one decision is kept with its reason."""

from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from uuid import UUID

import pytest
import xlsxwriter
from msgspec import structs
from python_calamine import CalamineWorkbook

from api.exchange import quote_workbooks
from api.exchange.quote_workbooks import MacrosRefused
from api.exchange.reading import WorkbookUnreadable
from inventory.assurance import finding
from inventory.ground import audit, clock, db, files
from inventory.ground.errors import NotGranted, NotYourDepot, ReasonMissing, Unknown, WrongState
from inventory.places import register as places
from inventory.procurement import comparing, inquiries, orders, register, vendors
from inventory.procurement.inquiries import (
    AnswerTimePast,
    FewVendors,
    NewInquiry,
    NoRateYet,
    NotAsked,
    NothingQuoted,
    NotQuoted,
    Pick,
    QuoteTermsBroken,
)
from inventory.procurement.orders import FourEyes, NewLine, PartOrderedTwice
from inventory.procurement.quote_sheets import Asked, QuotedLine, QuoteRead, WrongInquiry, WrongVendor, read
from tests.workbooks import bomb
from tests.world import BUYER, DRIVE, FAN, KEEPER, PSU, SETUP, actor, offers_too

ASKED = [
    Asked(position=1, part_number=DRIVE, quantity=4),
    Asked(position=2, part_number=FAN, quantity=10),
    Asked(position=3, part_number=PSU, quantity=2),
]


async def three_vendors() -> None:
    await places.enter_parties(
        [places.NewParty(code="THIRD", name_zh="第三家", name_en="Third", is_vendor=True)], by=SETUP
    )
    await places.enter_places(
        [places.NewPlace(code="V-THIRD", kind="vendor", name_zh="第三家", name_en="Third", party="THIRD")], by=SETUP
    )
    await register.enter_vendors(
        [register.NewVendor(party="THIRD", place="V-THIRD", kind="distributor", channel="by_hand")], by=SETUP
    )


def new(*lines: tuple[str, int], vendors: tuple[str, ...] = ("DISTI", "DELL", "THIRD"), **more: object) -> NewInquiry:
    wanted = [NewLine(part_number=part, quantity=count) for part, count in lines or ((DRIVE, 4), (FAN, 10), (PSU, 2))]
    given = {"ship_to": "GZ", "answer_by": clock.now() + timedelta(days=3), **more}
    return NewInquiry(lines=wanted, vendors=vendors, **given)


def quoted(part: str, price: str, **more: object) -> QuotedLine:
    return QuotedLine(part_number=part, unit_price=Decimal(price), **({"lead_time_days": 5} | more))


async def answered(inquiry: UUID, vendor: str, *lines: QuotedLine, days: int = 30) -> None:
    await inquiries.take_quote(inquiry, vendor, lines, by=BUYER, valid_to=clock.today() + timedelta(days=days))


def understood(*rows: list[object], **more: object) -> QuoteRead:
    """What is read of some rows of text."""
    cells = [
        (number, [None if cell is None else str(cell) for cell in row]) for number, row in enumerate(rows, start=1)
    ]
    given = {"number": "RFQ-1", "vendor": "DISTI", "asked": ASKED, "today": clock.today(), **more}
    return read(cells, **given)


def codes(found: QuoteRead, *, wrong: bool) -> list[str]:
    return sorted({finding.code for finding in found.findings if finding.wrong == wrong})


SOON = "2031-12-31"
HEAD = ["料号", "含税单价（元）", "货期", "有效期至"]


def test_a_sheet_is_read_however_its_vendor_moved_it():
    found = understood(
        ["某某公司报价单", None, None],
        ["有效期至", "MOQ", "我方备注", "货 期*", "税率", "不含税单价（元）", "料号", "询价行"],
        ["2031年12月31日", "2", "hot", "2周", "13%", "¥1,234.50", None, "RFQ-1/DISTI/1"],
        [None, None, None, None, None, None, None, None],
        [SOON, None, None, "现货", "0.13", "260元", FAN.lower(), None],
        [SOON, None, None, None, None, None, PSU, None],
        [None, None, None, None, None, "1494.5", "合计", None],
    )

    assert [(line.part_number, line.unit_price, line.includes_tax, line.lead_time_days) for line in found.lines] == [
        (DRIVE, Decimal("1234.50"), False, 14), (FAN, Decimal(260), False, 0),
    ]  # fmt: skip
    assert (found.lines[0].minimum_quantity, found.lines[1].tax_percent) == (2, Decimal(13))
    assert (str(found.valid_to), found.fits) == (SOON, True)
    assert codes(found, wrong=False) == ["column_not_read", "not_quoted", "row_not_read", "taken_as"]
    assert all("：" in each.sentence("zh") for each in found.findings)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ([DRIVE, "#REF!", "5", SOON], "formula_error"),
        ([DRIVE, "about 900", "5", SOON], "not_a_price"),
        ([DRIVE, "1,23.50", "5", SOON], "not_a_price"),
        ([DRIVE, "-5", "5", SOON], "not_a_price"),
        ([DRIVE, "1.005", "5", SOON], "not_a_price"),
        ([DRIVE, "$900", "5", SOON], "currency_unclear"),
        ([DRIVE, "900", "soon", SOON], "not_a_number"),
        ([DRIVE, "900", "", SOON], "no_lead_time"),
        ([DRIVE, "900", "5", "next spring"], "not_a_date"),
        ([DRIVE, "900", "5", "2001-01-01"], "in_the_past"),
        ([DRIVE, "900", "5", ""], "no_valid_to"),
        (["UNKNOWN-1", "900", "5", SOON], "row_not_read"),
    ],
)
def test_what_is_not_clear_is_never_guessed(row, code):
    assert code in codes(understood(HEAD, row), wrong=True)


def test_the_sheet_of_another_inquiry_or_vendor_is_refused_and_twice_is_once_too_often():
    head = ["行号", *HEAD]
    with pytest.raises(WrongInquiry):
        understood(head, ["RFQ-2/DISTI/1", DRIVE, "900", "5", SOON])
    with pytest.raises(WrongVendor):
        understood(head, ["RFQ-1/DELL/1", DRIVE, "900", "5", SOON])
    assert codes(understood(head, ["RFQ-1/DISTI/1", FAN, "900", "5", SOON]), wrong=True) == ["other_part"]
    twice = understood(HEAD, [DRIVE, "900", "5", SOON], [DRIVE, "901", "5", SOON])
    assert codes(twice, wrong=True) == ["line_twice"]
    assert codes(understood(HEAD, [DRIVE, "1", "5", SOON], [FAN, "2", "5", "2031-11-30"]), wrong=True) == [
        "several_validities"
    ]
    assert codes(understood([*HEAD, "单价"], [DRIVE, "1", "5", SOON, "2"]), wrong=True) == ["column_twice"]
    assert codes(understood(["hello"], [DRIVE]), wrong=True) == ["no_headings"]


async def test_our_own_sheet_comes_back_as_it_was_filled_in(company):
    await three_vendors()
    opened = await inquiries.open_inquiry(new(), by=BUYER)
    view = await inquiries.inquiry_view(opened.id, seen_by=BUYER)
    content = quote_workbooks.workbook(opened, "DISTI", view.parts, ("我方", "Ours"))
    sheet = CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_index(0).to_python()
    assert sheet[4][:4] == [f"{opened.number}/DISTI/1", DRIVE, "12TB 硬盘 12 TB drive", 4.0]

    filled = BytesIO()
    book = xlsxwriter.Workbook(filled)
    page = book.add_worksheet()
    for at, row in enumerate(sheet):
        for column, value in enumerate(row):
            page.write(at, column, value)
    for at, price in ((4, 900), (5, 250.5)):
        page.write(at, 5, price)
        page.write(at, 7, 0.13)
        page.write(at, 11, 7)
        page.write(at, 12, SOON)
    book.close()
    _, asked = await inquiries.asked_of(opened.id, "DISTI", seen_by=BUYER)
    given = {"number": opened.number, "vendor": "DISTI", "asked": asked, "today": clock.today()}
    found = await quote_workbooks.read_back(files.EXCEL, filled.getvalue(), **given)
    assert codes(found, wrong=True) == []
    await inquiries.take_sheet(
        opened.id, "DISTI", found, by=BUYER, name="q.xlsx", content=filled.getvalue(), most_bytes=10**6,
        forms={files.EXCEL: "Excel"},
    )  # fmt: skip
    (vendor,) = [each for each in (await inquiries.inquiry_view(opened.id, seen_by=BUYER)).vendors if each.version]
    assert (vendor.vendor, vendor.version, vendor.file is not None) == ("DISTI", 1, True)
    assert {finding.code for finding in vendor.findings} == {"not_quoted", "taken_as"}
    with pytest.raises(MacrosRefused):
        await quote_workbooks.read_back(files.EXCEL, content + b"vbaProject.bin", **given)
    with pytest.raises(WorkbookUnreadable):
        await quote_workbooks.read_back(files.EXCEL, bomb(), **given)


async def test_the_cheapest_split_counts_freight_and_tax_and_a_dearer_choice_needs_a_reason(company):
    await three_vendors()
    await db.execute("UPDATE vendor SET freight_cny = 500 WHERE party = (SELECT id FROM party WHERE code = 'THIRD')")
    opened = await inquiries.open_inquiry(new(), by=BUYER)
    await answered(opened.id, "DISTI", quoted(DRIVE, "1130"), quoted(FAN, "226"))
    await answered(
        opened.id, "DELL", quoted(DRIVE, "1017"), quoted(FAN, "300"), quoted(PSU, "1300", minimum_quantity=4)
    )
    await answered(opened.id, "THIRD", quoted(FAN, "203", invoice_kind="general", tax_percent=Decimal(3)))
    await answered(opened.id, "DISTI", quoted(DRIVE, "1130"), quoted(FAN, "226", lot_size=2))
    view = await inquiries.inquiry_view(opened.id, seen_by=BUYER)
    told = comparing.compare(view)

    assert {(q.vendor, q.part_number): q.unit_cost_cny for q in view.quotes}["DISTI", FAN] == Decimal(200)
    assert told.cheapest == {
        DRIVE: ["DELL"],
        FAN: ["DISTI"],
        PSU: ["DELL"],
    }  # 203 with no tax to deduct is dearer than 226
    assert (told.single, told.alone["DISTI"].missing) == ("DELL", [PSU])
    assert {line.part_number: (line.vendor, line.quantity) for line in told.split.lines} == {
        FAN: ("DISTI", 10), PSU: ("DELL", 4), DRIVE: ("DELL", 4),
    }  # fmt: skip
    assert told.split.cost_cny == Decimal("10202.65") or told.split.cost_cny < told.alone["DELL"].cost_cny
    dear = [Pick(part_number=DRIVE, vendor="DISTI", quantity=4), Pick(part_number=FAN, vendor="DISTI", quantity=10)]
    for refusal, wrong, more in (
        (NotGranted, dear, {"by": KEEPER}),
        (ReasonMissing, dear, {}),
        (NotQuoted, [Pick(part_number=PSU, vendor="DISTI", quantity=2)], {}),
        (QuoteTermsBroken, [Pick(part_number=PSU, vendor="DELL", quantity=2)], {}),
        (QuoteTermsBroken, [Pick(part_number=FAN, vendor="DISTI", quantity=9)], {}),
        (PartOrderedTwice, [dear[0], dear[0]], {}),
        (Unknown, dear, {"by": actor("buyer", depots={"SH"})}),
    ):
        with pytest.raises(refusal):
            await inquiries.choose(opened.id, wrong, **({"by": BUYER} | more))
    decided = await inquiries.choose(opened.id, dear, by=BUYER, reason="one delivery", order=True)

    (draft,) = decided.orders
    (order,) = await orders.orders(limit=5, seen_by=BUYER, state="draft")
    assert (order.number, order.vendor) == (draft, "DISTI")
    assert {line.part_number: line.unit_price_cny for line in order.lines} == {DRIVE: 1130, FAN: 226}
    view = await inquiries.inquiry_view(opened.id, seen_by=BUYER)
    assert [(c.part_number, c.vendor, c.cheapest) for c in view.chosen] == [
        (DRIVE, "DISTI", False),
        (FAN, "DISTI", True),
    ]
    assert (view.inquiry.state, view.inquiry.reason) == ("decided", "one delivery")
    assert decided.without_expedited == []
    offered = await db.fetch_one(
        """SELECT unit_price, valid_from, valid_to, expedited_hours FROM offer JOIN part ON part.id = offer.part
           WHERE part_number = $1 AND valid_from = $2""",
        DRIVE, clock.today(),
    )  # fmt: skip
    assert tuple(offered or ()) == (1130, clock.today(), clock.today() + timedelta(days=30), 24)
    (entry,) = await audit.entries(limit=2, subject=opened.number, action="inquiry.decided")
    assert entry.reason == "one delivery"
    with pytest.raises(WrongState):
        await inquiries.choose(opened.id, dear, by=BUYER, reason="again")


async def test_a_framework_contract_ends_with_another_price_and_goes_on_with_its_own(company):
    await three_vendors()
    await offers_too("DISTI", DRIVE, framework_number="FA-1")
    await offers_too("DISTI", FAN, framework_number="FA-1")
    opened = await inquiries.open_inquiry(new((DRIVE, 4), (FAN, 10)), by=BUYER)
    await answered(opened.id, "DISTI", quoted(DRIVE, "980"), quoted(FAN, "249"))
    picks = [Pick(part_number=part, vendor="DISTI", quantity=count) for part, count in ((DRIVE, 4), (FAN, 10))]
    await inquiries.choose(opened.id, picks, by=BUYER, order=True)

    (order,) = await orders.orders(limit=2, seen_by=BUYER, state="draft")
    assert {line.part_number: line.framework_number for line in order.lines} == {DRIVE: "FA-1", FAN: None}
    offered = await vendors.offers(limit=9, seen_by=BUYER, vendor="DISTI")
    assert {offer.part_number: offer.framework_number for offer in offered} == {DRIVE: "FA-1", FAN: None, PSU: None}


async def test_a_quote_that_has_expired_is_kept_but_neither_compared_nor_chosen(company):
    await three_vendors()
    opened = await inquiries.open_inquiry(new((DRIVE, 4)), by=BUYER)
    await answered(opened.id, "DELL", quoted(DRIVE, "900"), days=3)
    await answered(opened.id, "DISTI", quoted(DRIVE, "1130"))
    cheap, dear = (Pick(part_number=DRIVE, vendor=vendor, quantity=4) for vendor in ("DELL", "DISTI"))

    with clock.at(clock.now() + timedelta(days=4)):
        view = await inquiries.inquiry_view(opened.id, seen_by=BUYER)
        told = comparing.compare(view)
        with pytest.raises(NotQuoted):
            await inquiries.choose(opened.id, [cheap], by=BUYER)
        decided = await inquiries.choose(opened.id, [dear], by=BUYER)  # the cheapest that holds: no reason is asked

    assert {quote.vendor: quote.valid for quote in view.quotes} == {"DELL": False, "DISTI": True}
    assert (told.cheapest[DRIVE], told.single, told.split.vendors) == (["DISTI"], "DISTI", ["DISTI"])
    assert told.alone["DELL"].missing == [DRIVE]
    with clock.at(clock.now() + timedelta(days=60)):  # what was decided is told as it stood that day
        later = await inquiries.inquiry_view(decided.inquiry.id, seen_by=BUYER)
    assert {quote.vendor: quote.valid for quote in later.quotes} == {"DELL": False, "DISTI": True}


async def test_who_opened_a_large_inquiry_does_not_decide_it(company):
    await three_vendors()
    opened = await inquiries.open_inquiry(new((DRIVE, 400)), by=BUYER)
    await answered(opened.id, "DISTI", quoted(DRIVE, "1130"))
    picks = [Pick(part_number=DRIVE, vendor="DISTI", quantity=400)]
    with pytest.raises(FourEyes):
        await inquiries.choose(opened.id, picks, by=BUYER)
    decided = await inquiries.choose(opened.id, picks, by=structs.replace(BUYER, name="second"))
    assert decided.inquiry.decided_by == "second"


async def test_what_is_no_inquiry_or_no_answer_is_refused(company):
    await three_vendors()
    for refusal, wrong in (
        (FewVendors, {"vendors": ("DISTI", "DELL")}),
        (AnswerTimePast, {"answer_by": clock.now() - timedelta(hours=1)}),
        (Unknown, {"vendors": ("DISTI", "DELL", "NOBODY")}),
    ):
        with pytest.raises(refusal):
            await inquiries.open_inquiry(new(**wrong), by=BUYER)
    with pytest.raises(PartOrderedTwice):
        await inquiries.open_inquiry(new((FAN, 1), (FAN, 2)), by=BUYER)
    with pytest.raises(NotYourDepot):
        await inquiries.open_inquiry(new(), by=actor("buyer", depots={"SH"}))
    opened = await inquiries.open_inquiry(new((FAN, 1), vendors=("DISTI",), few_reason="sole source"), by=BUYER)
    assert (opened.asked, opened.few_reason) == (1, "sole source")
    assert await finding.find(opened.number, seen_by=BUYER) == finding.Found("inquiry", str(opened.id))
    assert await finding.find(opened.number, seen_by=actor("buyer", depots={"SH"})) is None
    for refusal, vendor, lines, days in (
        (NotAsked, "DELL", [quoted(FAN, "1")], 5),
        (NotAsked, "DISTI", [quoted(DRIVE, "1")], 5),
        (NothingQuoted, "DISTI", [], 5),
        (NothingQuoted, "DISTI", [quoted(FAN, "1")], -1),
        (NoRateYet, "DISTI", [quoted(FAN, "1", currency="XAU")], 5),
        (PartOrderedTwice, "DISTI", [quoted(FAN, "1"), quoted(FAN, "2")], 5),
    ):
        with pytest.raises(refusal):
            await answered(opened.id, vendor, *lines, days=days)
    ended = await inquiries.cancel_inquiry(opened.id, by=BUYER, reason="not needed any more")
    assert ended.state == "cancelled"
    assert await inquiries.inquiries(limit=5, seen_by=BUYER, state="open") == []
