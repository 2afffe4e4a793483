"""The inquiries that a vendor was asked by: what is wanted, and a form for its prices."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Several, Short, day_of, number, rows, whole
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.procurement import inquiries, inquiry_desk
from inventory.procurement.prices import Currency, InvoiceKind
from inventory.procurement.quote_sheets import USUAL_TAX_PERCENT, QuotedLine

ADDRESS = "/vendor-inquiries"
ANSWERS = [requires("inquiries.answer")]
MOST_PRICE, MOST_DAYS = 100_000_000, 3650


class Prices(Struct, kw_only=True):
    """A vendor's prices, line by line; a part without one is not quoted."""

    part_number: Several
    unit_price: Several
    lead_time_days: Several
    minimum_quantity: Several
    lot_size: Several
    currency: Currency
    invoice_kind: InvoiceKind
    valid_to: Short
    tax_percent: Short = ""
    without_tax: Short = ""
    remark: Annotated[str, Meta(max_length=2000)] = ""

    def lines(self) -> list[QuotedLine]:
        """What is quoted.

        Raises:
            NotANumber, LinesIncomplete: a field is not what it should be.

        """
        usual = "0" if self.invoice_kind == "none" else str(USUAL_TAX_PERCENT)
        tax = number(self.tax_percent.strip() or usual, least=0, most=100)
        return [
            QuotedLine(
                part_number=part,
                currency=self.currency,
                unit_price=number(price, least=0, most=MOST_PRICE),
                includes_tax=not self.without_tax,
                tax_percent=tax,
                invoice_kind=self.invoice_kind,
                minimum_quantity=whole(least, least=1, most=inquiries.MOST_PIECES),
                lot_size=whole(lot, least=1, most=inquiries.MOST_PIECES),
                lead_time_days=float(number(days, least=0, most=MOST_DAYS)),
            )
            for part, price, days, least, lot in rows(
                self.part_number, self.unit_price, self.lead_time_days, self.minimum_quantity, self.lot_size
            )
            if price.strip()
        ]


@get(ADDRESS, guards=ANSWERS)
async def list_inquiries(
    request: PageRequest,
    in_state: Annotated[inquiry_desk.AskState | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
) -> Page:
    """List what the vendor was asked to quote, newest first."""
    found = await inquiry_desk.asked_inquiries(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
    )
    shown, following = cut(found, lambda inquiry: inquiry.id)
    return Page("vendor-inquiries/list.html", inquiries=shown, cursor=following, state=in_state, first=not cursor)


@get(f"{ADDRESS}/{{number:str}}", guards=ANSWERS)
async def show_inquiry(request: PageRequest, number: FromPath[str]) -> Page:
    """Show one of them, with the form."""
    return Page(
        "vendor-inquiries/detail.html",
        inquiry=await inquiry_desk.asked_inquiry(number, seen_by=request.user),
        usual_tax=USUAL_TAX_PERCENT,
    )


@post(f"{ADDRESS}/{{number:str}}/quote", guards=ANSWERS, status_code=303)
async def tell_prices(request: PageRequest, number: FromPath[str], data: URLEncodedBody[Prices]) -> Redirect:
    """Tell prices."""
    await inquiry_desk.quote(number, data.lines(), by=request.user, valid_to=day_of(data.valid_to), remark=data.remark)
    return Redirect(f"{ADDRESS}/{quote(number, safe='')}", status_code=303)


handlers = [list_inquiries, show_inquiry, tell_prices]
