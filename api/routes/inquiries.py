"""Inquiries over HTTP: asking vendors for quotes, taking their sheets, comparing and choosing."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, JSONBody, MultipartBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.exchange import quote_workbooks
from api.exchange.writing import saved_as
from api.papers import inquiries as papers
from api.problems import refusals
from api.routes.attachments import most_bytes
from api.routes.papers import PAPER, PDF, as_pdf, printed
from api.routes.stock import Code, Instant
from inventory.ground import clock, files
from inventory.ground.actor import Actor
from inventory.ground.bounds import Bounded, Within
from inventory.ground.errors import FieldProblem, Invalid
from inventory.places import names
from inventory.procurement import comparing, inquiries
from inventory.procurement.orders import NewLine
from inventory.procurement.prices import Currency, InvoiceKind
from inventory.procurement.quote_sheets import USUAL_TAX_PERCENT, QuotedLine, QuoteRead, SheetFinding

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHEETS = {files.EXCEL: "Excel (.xlsx)", files.CSV: "CSV", files.PLAIN: "CSV"}
DRAFTS = [requires("orders.draft")]
COSTS = [requires("costs.read")]
Why = Annotated[str, Meta(min_length=1, max_length=2000)]
Words = Annotated[str, Meta(max_length=2000)]


class SheetWrong(Invalid):
    """The sheet cannot be taken: {count} of its cells are not clear. Nothing of it was kept."""

    zh = "该报价表不能接收：有 {count} 处不明确。未保存任何内容。"
    help_en = "Correct the cells named here, or ask the vendor; then upload it again."
    help_zh = "请更正所列单元格或与供应商确认后重新上传。"


class SheetEmpty(Invalid):
    """No price was found on the sheet."""

    zh = "报价表中没有单价。"
    help_en = "Check that the prices stand under a heading that says so, on the first sheet of the file."
    help_zh = "请检查单价是否填写在文件第一张表的“单价”列下。"


class AskedPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part and how many."""

    part_number: Code
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]


class NewInquiry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to ask whom; fewer than three vendors need a reason."""

    ship_to: Code
    lines: Annotated[list[AskedPart], Meta(min_length=1, max_length=inquiries.MOST_LINES)]
    vendors: Annotated[list[Code], Meta(min_length=1, max_length=inquiries.MOST_VENDORS)]
    answer_by: Instant
    pool: Code = "common"
    few_reason: Words = ""
    remark: Words = ""


class QuotedPart(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vendor's price for a part, in its currency, with or without tax as it says; 13 % where nothing is said."""

    part_number: Code
    unit_price: Annotated[Decimal, Within(0, 100_000_000)]
    lead_time_days: Annotated[float, Meta(ge=0, le=3650)]
    currency: Currency = "CNY"
    invoice_kind: InvoiceKind = "special"
    tax_percent: Annotated[Decimal | None, Within(0, 100)] = None
    includes_tax: bool = True
    minimum_quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    lot_size: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    remark: Words = ""


class NewQuote(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a vendor told by phone or mail."""

    vendor: Code
    valid_to: date
    lines: Annotated[list[QuotedPart], Meta(min_length=1, max_length=inquiries.MOST_LINES)]
    remark: Words = ""


class Sheet(Struct, frozen=True, kw_only=True):
    """A vendor's file, as a form sends it; with `only_check` nothing is kept."""

    vendor: Code
    file: UploadFile
    only_check: str = ""


class PickedPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part, the vendor that gets it, and how many."""

    part_number: Code
    vendor: Code
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]


class Choosing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is chosen; `reason` where something else costs less, `order` for a draft to each vendor."""

    picks: Annotated[list[PickedPart], Meta(min_length=1, max_length=inquiries.MOST_LINES)]
    reason: Words = ""
    order: bool = False


class Ending(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Why


class SheetRead(Struct, frozen=True, kw_only=True):
    """What a sheet says and how it was read; `taken` says whether that is the vendor's answer now."""

    taken: bool
    vendor: str
    valid_to: date | None
    lines: list[QuotedLine]
    findings: list[SheetFinding]


def quoted(line: QuotedPart) -> QuotedLine:
    """A line as it is kept: with the usual tax rate where none is given."""
    usual = Decimal(0) if line.invoice_kind == "none" else USUAL_TAX_PERCENT
    given = {name: getattr(line, name) for name in line.__struct_fields__}
    return QuotedLine(**given | {"tax_percent": usual if line.tax_percent is None else line.tax_percent})


def problems_of(findings: Sequence[SheetFinding]) -> tuple[FieldProblem, ...]:
    """The wrong cells of a sheet, in words."""
    return tuple(
        FieldProblem(f"/{each.line}/{each.column}", each.code, each.sentence("en"), each.sentence("zh"))
        for each in findings
        if each.wrong
    )


async def read_sheet(inquiry: UUID, vendor: str, name: str, content: bytes, *, most: int, by: Actor) -> QuoteRead:
    """What a vendor's file says to an inquiry; nothing is kept."""
    if len(content) > most:
        raise files.FileTooLarge(size_mb=round(len(content) / 1e6, 1), most_mb=round(most / 1e6, 1))
    media_type = files.media_type_of(files.clean_name(name), content, SHEETS)
    head, asked = await inquiries.asked_of(inquiry, vendor, seen_by=by)
    return await quote_workbooks.read_back(
        media_type, content, number=head.number, vendor=vendor, asked=asked, today=clock.today()
    )


def require_clear(found: QuoteRead) -> None:
    """Refuse a sheet that cannot be taken as it is.

    Raises:
        SheetWrong: some of its cells are not clear.
        SheetEmpty: it holds no price.

    """
    wrong = problems_of(found.findings)
    if wrong:
        raise SheetWrong(count=len(wrong), fields=wrong)
    if not found.lines:
        raise SheetEmpty


class InquiryController(Controller):
    """Inquiries: three quotes compared."""

    tags = ("inquiries",)

    @get("/inquiries", operation_id="ListInquiries", guards=COSTS, responses=refusals())
    async def list_inquiries(
        self,
        request: ApiRequest,
        in_state: Annotated[inquiries.State | None, QueryParameter(name="state")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[inquiries.InquirySummary]]:
        """List inquiries, newest first."""
        found = await inquiries.inquiries(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
        )
        return page(request, found, limit, lambda each: each.id)

    @post("/inquiries", operation_id="OpenInquiry", guards=DRAFTS, responses=refusals(404, 409))
    async def open_inquiry(
        self, request: ApiRequest, data: JSONBody[NewInquiry], idempotency_key: Key = None
    ) -> Response[inquiries.InquirySummary]:
        """Ask vendors for parts."""
        new = inquiries.NewInquiry(
            ship_to=data.ship_to,
            lines=[NewLine(part_number=line.part_number, quantity=line.quantity) for line in data.lines],
            vendors=data.vendors,
            answer_by=data.answer_by,
            pool=data.pool,
            few_reason=data.few_reason,
            remark=data.remark,
        )
        return await once(request, idempotency_key, lambda: inquiries.open_inquiry(new, by=request.user), status=201)

    @get("/inquiries/{inquiry_id:uuid}", operation_id="GetInquiry", guards=COSTS, responses=refusals(404))
    async def get_inquiry(self, request: ApiRequest, inquiry_id: FromPath[UUID]) -> inquiries.InquiryView:
        """Show an inquiry with every vendor's latest answer."""
        return await inquiries.inquiry_view(inquiry_id, seen_by=request.user)

    @get(
        "/inquiries/{inquiry_id:uuid}/comparison",
        operation_id="CompareQuotes",
        guards=COSTS,
        responses=refusals(404),
    )
    async def compare(self, request: ApiRequest, inquiry_id: FromPath[UUID]) -> comparing.Comparison:
        """Compare: the cheapest for each part, each vendor alone, and the cheapest split with freight and fees."""
        view = await inquiries.inquiry_view(inquiry_id, seen_by=request.user)
        return await asyncio.to_thread(comparing.compare, view)

    @get(
        "/inquiries/{inquiry_id:uuid}/quotes",
        operation_id="ListQuotes",
        guards=COSTS,
        responses=refusals(404),
    )
    async def list_quotes(
        self, request: ApiRequest, inquiry_id: FromPath[UUID], cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[inquiries.QuoteView]]:
        """List the latest prices of every vendor for every part, part by part, the cheapest first."""
        start = decode_cursor(cursor, int) or 0
        view = await inquiries.inquiry_view(inquiry_id, seen_by=request.user)
        told = view.quotes[max(start, 0) : max(start, 0) + limit + 1]
        place = max(start, 0) + limit
        return page(request, told, limit, lambda _: place)

    @get(
        "/inquiries/{inquiry_id:uuid}/sheets/{vendor:str}",
        operation_id="GetQuoteSheet",
        guards=DRAFTS,
        responses=refusals(404, 409),
        media_type=XLSX,
    )
    async def get_sheet(
        self, request: ApiRequest, inquiry_id: FromPath[UUID], vendor: FromPath[str]
    ) -> Response[bytes]:
        """Download the sheet that a vendor fills in (Excel)."""
        head, _ = await inquiries.asked_of(inquiry_id, vendor, seen_by=request.user)
        view = await inquiries.inquiry_view(inquiry_id, seen_by=request.user)
        company = await names.our_name()
        content = await asyncio.to_thread(
            quote_workbooks.workbook, head, vendor, view.parts, (company.name_zh, company.name_en)
        )
        return Response(content, media_type=XLSX, headers=saved_as(f"{head.number}-{vendor}.xlsx"))

    @post(
        "/inquiries/{inquiry_id:uuid}/quotes",
        operation_id="TakeQuote",
        guards=DRAFTS,
        responses=refusals(404, 409),
    )
    async def take_quote(
        self, request: ApiRequest, inquiry_id: FromPath[UUID], data: JSONBody[NewQuote], idempotency_key: Key = None
    ) -> Response[inquiries.InquirySummary]:
        """Enter what a vendor told; the latest answer counts, earlier ones stay on record."""
        lines = [quoted(line) for line in data.lines]
        return await once(
            request,
            idempotency_key,
            lambda: inquiries.take_quote(
                inquiry_id, data.vendor, lines, by=request.user, valid_to=data.valid_to, remark=data.remark
            ),
            status=201,
        )

    @post(
        "/inquiries/{inquiry_id:uuid}/choose",
        operation_id="ChooseQuotes",
        status_code=200,
        guards=[requires("orders.approve")],
        responses=refusals(404, 409),
    )
    async def choose(
        self, request: ApiRequest, inquiry_id: FromPath[UUID], data: JSONBody[Choosing], idempotency_key: Key = None
    ) -> Response[inquiries.Decision]:
        """Decide: what is chosen becomes offers, and where wanted order drafts."""
        picks = [
            inquiries.Pick(part_number=pick.part_number, vendor=pick.vendor, quantity=pick.quantity)
            for pick in data.picks
        ]
        return await once(
            request,
            idempotency_key,
            lambda: inquiries.choose(inquiry_id, picks, by=request.user, reason=data.reason, order=data.order),
        )

    @post(
        "/inquiries/{inquiry_id:uuid}/cancel",
        operation_id="CancelInquiry",
        status_code=200,
        guards=DRAFTS,
        responses=refusals(404, 409),
    )
    async def cancel(
        self, request: ApiRequest, inquiry_id: FromPath[UUID], data: JSONBody[Ending], idempotency_key: Key = None
    ) -> Response[inquiries.InquirySummary]:
        """Give an inquiry up."""
        return await once(
            request,
            idempotency_key,
            lambda: inquiries.cancel_inquiry(inquiry_id, by=request.user, reason=data.reason),
        )

    @get(
        "/inquiries/{inquiry_id:uuid}/papers/quote_comparison",
        operation_id="PrintComparison",
        guards=COSTS,
        responses=printed(404),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_comparison(self, request: ApiRequest, inquiry_id: FromPath[UUID]) -> Response[bytes]:
        """Print the comparison, for the file."""
        view = await inquiries.inquiry_view(inquiry_id, seen_by=request.user)
        comparison = await asyncio.to_thread(comparing.compare, view)
        return await as_pdf(await papers.of_inquiry(view, comparison, printed_by=request.user.name))


class QuoteSheetController(Controller):
    """Vendors' sheets as they come back."""

    tags = ("inquiries",)

    @post(
        "/inquiries/{inquiry_id:uuid}/sheets",
        operation_id="TakeQuoteSheet",
        status_code=200,
        guards=DRAFTS,
        responses=refusals(404, 409, 413),
    )
    async def take_sheet(
        self, request: ApiRequest, inquiry_id: FromPath[UUID], data: MultipartBody[Sheet], idempotency_key: Key = None
    ) -> Response[SheetRead]:
        """Take a vendor's file where nothing about it is unclear; with `only_check`, say what it says and keep nothing."""
        content, most = await data.file.read(), most_bytes(request)
        found = await read_sheet(inquiry_id, data.vendor, data.file.filename, content, most=most, by=request.user)
        told = SheetRead(
            taken=not data.only_check,
            vendor=data.vendor,
            valid_to=found.valid_to,
            lines=found.lines,
            findings=found.findings,
        )
        if data.only_check:
            return Response(told)
        require_clear(found)

        async def take() -> SheetRead:
            await inquiries.take_sheet(
                inquiry_id,
                data.vendor,
                found,
                by=request.user,
                name=data.file.filename,
                content=content,
                most_bytes=most,
                forms=SHEETS,
            )
            return told

        return await once(
            request,
            idempotency_key,
            take,
            said=f"{data.vendor}/{data.file.filename}/".encode() + hashlib.sha256(content).digest(),
        )
