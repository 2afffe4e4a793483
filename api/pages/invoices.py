"""Vendors' invoices: entering them from an order, what differs on them and who answers it, and what is open besides."""

from decimal import Decimal, InvalidOperation
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.attachments import attached
from api.pages.forms import NotANumber, Reason, Several, Short, rows
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.ground.errors import Invalid
from inventory.procurement import invoices, matching, orders, vendors
from inventory.procurement.invoices import MOST, NewInvoice, NewInvoiceLine
from inventory.procurement.prices import FEN

SHOWN = 200


class InvoiceIncomplete(Invalid):
    """The invoice is not filled in: {why}."""

    zh = "发票填写不完整：{why}。"
    help_en = "Give its number, its kind, its day and its amounts as they are printed."
    help_zh = "请按票面填写号码、种类、日期与金额。"


def _amount(text: str) -> Decimal:
    """An amount somebody typed, also a negative one.

    >>> _amount(" -1,000.50 ")
    Decimal('-1000.50')

    Raises:
        NotANumber: it is none, or out of bounds.

    """
    try:
        value = Decimal(text.replace(",", "").replace("，", "").strip())
        if value.is_finite() and abs(value) <= MOST and value == value.quantize(FEN):
            return value
    except InvalidOperation:
        pass
    raise NotANumber(value=text, least=-MOST, most=MOST)


def _suggested(line: orders.OrderLineView) -> dict[str, object]:
    """A line of an order as its invoice would ask for it."""
    pieces = line.received_quantity or line.quantity
    total = (line.unit_price if isinstance(line.unit_price, Decimal) else Decimal(0)) * pieces
    amount = (total * 100 / (100 + line.tax_percent)).quantize(FEN)
    return {
        "part_number": line.part_number,
        "name_zh": line.name_zh,
        "name_en": line.name_en,
        "quantity": pieces,
        "amount": amount,
        "tax_percent": line.tax_percent,
        "tax": total - amount,
        "total": total,
    }


class InvoiceForm(Struct, kw_only=True):
    """An invoice as it is printed; the fields of a line stand at the same place of their lists, no quantity leaves it out."""

    vendor: Short
    order: Several
    part_number: Several
    quantity: Several
    line_amount: Several
    tax_percent: Several
    line_tax: Several
    line_total: Several
    invoice_number: Short
    kind: Short
    currency: Short
    issued_on: Short
    amount: Short
    tax: Short
    total: Short
    invoice_code: Short = ""
    reverses: Short = ""
    remark: Annotated[str, Meta(max_length=2000)] = ""

    def invoice(self) -> NewInvoice:
        """The invoice that the form says.

        Raises:
            InvoiceIncomplete: something is missing, or of another form.
            NotANumber, LinesIncomplete: an amount is none, or lines lack fields.

        """
        lines = [
            {
                "order": order,
                "part_number": part or None,
                "quantity": int(_amount(count)),
                "amount": _amount(amount),
                "tax_percent": _amount(percent),
                "tax": _amount(tax),
                "total": _amount(total),
            }
            for order, part, count, amount, percent, tax, total in rows(
                self.order,
                self.part_number,
                self.quantity,
                self.line_amount,
                self.tax_percent,
                self.line_tax,
                self.line_total,
            )
            if count.strip() not in ("", "0") or (self.reverses and total.strip() not in ("", "0"))
        ]
        told = {
            "vendor": self.vendor,
            "invoice_number": self.invoice_number.strip(),
            "invoice_code": self.invoice_code.strip() or None,
            "kind": self.kind,
            "currency": self.currency,
            "issued_on": self.issued_on,
            "amount": _amount(self.amount),
            "tax": _amount(self.tax),
            "total": _amount(self.total),
            "reverses": self.reverses or None,
            "remark": self.remark,
        }
        try:
            made = [msgspec.convert(line, NewInvoiceLine) for line in lines]
            return msgspec.convert(told | {"lines": made}, NewInvoice)
        except (msgspec.ValidationError, ValueError) as error:
            raise InvoiceIncomplete(why=str(error)) from None


class Answering(Struct, kw_only=True):
    """What is said to a difference of a line."""

    line: UUID
    difference: matching.DifferenceKind
    answer: matching.Answer
    reason: Annotated[str, Meta(max_length=2000)] = ""


@get("/invoices", guards=[requires("costs.read")])
async def list_invoices(
    request: PageRequest,
    in_state: Annotated[invoices.State | None, QueryParameter(name="state")] = None,
    vendor: FromQuery[str | None] = None,
    order: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """List invoices, newest first."""
    found = await invoices.invoices(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, UUID),
        state=in_state,
        vendor=vendor or None,
        order=order or None,
    )
    shown, following = cut(found, lambda each: each.id)
    return Page(
        "invoices/list.html",
        invoices=shown,
        cursor=following,
        first=not cursor,
        state=in_state,
        vendor=vendor,
        order=order,
        vendors=await vendors.vendors(limit=SHOWN),
    )


@get("/accruals", guards=[requires("costs.read")])
async def list_accruals(
    request: PageRequest,
    what: FromQuery[invoices.Accrued] = "not_invoiced",
    vendor: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """List what came and is not invoiced, or is invoiced and has not come."""
    found = await invoices.accruals(
        what, limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), vendor=vendor or None
    )
    shown, following = cut(found, lambda each: each.id)
    return Page(
        "invoices/accruals.html",
        accruals=shown,
        cursor=following,
        first=not cursor,
        what=what,
        vendor=vendor,
        vendors=await vendors.vendors(limit=SHOWN),
    )


@get("/invoices/new", guards=[requires("invoices.enter")])
async def new_invoice(request: PageRequest, order: FromQuery[str | None] = None) -> Page:
    """Fill in an invoice for an order: what came of it at its prices, to be made as it is printed."""
    if not (order or "").strip():
        return Page("invoices/which.html")
    asked = await orders.order_id((order or "").strip(), seen_by=request.user)
    view = await orders.order_view(asked, seen_by=request.user)
    lines = [{**_suggested(line), "order": view.number} for line in view.lines]
    first = view.lines[0]
    return Page(
        "invoices/new.html",
        order=view,
        red=None,
        vendor=view.vendor,
        vendor_zh=view.vendor_zh,
        vendor_en=view.vendor_en,
        kind=first.invoice_kind,
        currency=first.currency,
        lines=lines,
        back=f"/orders/{asked}",
    )


@get("/invoices/{invoice_id:uuid}/red-letter", guards=[requires("invoices.enter")])
async def new_red_letter(request: PageRequest, invoice_id: FromPath[UUID]) -> Page:
    """Fill in a red letter: all that an invoice still asks for, taken back."""
    detail = await invoices.invoice_detail(invoice_id, seen_by=request.user)
    lines = [
        {
            "order": line.order_number,
            "part_number": line.part_number or "",
            "name_zh": line.name_zh,
            "name_en": line.name_en,
            "quantity": -line.net_quantity,
            "amount": -line.amount if line.net_total == line.total else "",
            "tax_percent": line.tax_percent,
            "tax": -line.tax if line.net_total == line.total else "",
            "total": -line.net_total,
        }
        for line in detail.lines
        if line.net_quantity or line.net_total
    ]
    blue = detail.invoice
    return Page(
        "invoices/new.html",
        order=None,
        red=blue,
        vendor=blue.vendor,
        vendor_zh=blue.vendor_zh,
        vendor_en=blue.vendor_en,
        kind=blue.kind,
        currency=blue.currency,
        lines=lines,
        back=f"/invoices/{invoice_id}",
    )


@get("/invoices/{invoice_id:uuid}", guards=[requires("costs.read")])
async def show_invoice(request: PageRequest, invoice_id: FromPath[UUID]) -> Page:
    """Show one invoice with what each line is matched with."""
    detail = await invoices.invoice_detail(invoice_id, seen_by=request.user)
    blue = detail.invoice.reverses and await invoices.invoice_view(detail.invoice.reverses, seen_by=request.user)
    return Page(
        "invoices/detail.html",
        invoice=detail.invoice,
        lines=detail.lines,
        red_letters=detail.red_letters,
        blue=blue,
        files=await attached(request, "invoice", invoice_id),
    )


@post("/invoices", guards=[requires("invoices.enter")], status_code=303)
async def enter(request: PageRequest, data: URLEncodedBody[InvoiceForm]) -> Redirect:
    """Enter an invoice."""
    detail = await invoices.enter(data.invoice(), by=request.user)
    return Redirect(f"/invoices/{detail.invoice.id}", status_code=303)


@post("/invoices/{invoice_id:uuid}/withdraw", guards=[requires("invoices.enter")], status_code=303)
async def withdraw(request: PageRequest, invoice_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Take back an invoice that was entered by mistake."""
    await invoices.withdraw(invoice_id, by=request.user, reason=data.reason)
    return Redirect(f"/invoices/{invoice_id}", status_code=303)


@post("/invoices/answers", guards=[requires("invoices.match")], status_code=303)
async def answer(request: PageRequest, data: URLEncodedBody[Answering]) -> Redirect:
    """Answer a difference."""
    invoice = await matching.answer(data.line, data.difference, data.answer, by=request.user, reason=data.reason)
    return Redirect(f"/invoices/{invoice}", status_code=303)


handlers = [
    list_invoices,
    list_accruals,
    new_invoice,
    new_red_letter,
    show_invoice,
    enter,
    withdraw,
    answer,
]
