"""The inquiries that a vendor was asked by, over HTTP: what is wanted, and what it quotes."""

from datetime import date
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.problems import refusals
from api.routes.inquiries import QuotedPart, Words, quoted
from inventory.procurement import inquiries, inquiry_desk

ANSWERS = [requires("inquiries.answer")]


class OwnQuote(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Your prices, and until when they are valid; a part that is not named is not quoted."""

    valid_to: date
    lines: Annotated[list[QuotedPart], Meta(min_length=1, max_length=inquiries.MOST_LINES)]
    remark: Words = ""


class VendorInquiryController(Controller):
    """The inquiries that a vendor was asked by."""

    path = "/vendor-inquiries"
    tags = ("vendor's own orders",)

    @get(operation_id="ListVendorInquiries", guards=ANSWERS, responses=refusals())
    async def list_inquiries(
        self,
        request: ApiRequest,
        *,
        in_state: Annotated[inquiry_desk.AskState | None, QueryParameter(name="state")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[inquiry_desk.AskedInquiry]]:
        """List what your firm was asked to quote, newest first."""
        found = await inquiry_desk.asked_inquiries(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
        )
        return page(request, found, limit, lambda inquiry: inquiry.id)

    @get("/{number:str}", operation_id="GetVendorInquiry", guards=ANSWERS, responses=refusals(404))
    async def get_inquiry(self, request: ApiRequest, number: FromPath[str]) -> inquiry_desk.AskedInquiry:
        """Show one of them."""
        return await inquiry_desk.asked_inquiry(number, seen_by=request.user)

    @post(
        "/{number:str}/quote",
        operation_id="QuoteInquiry",
        guards=ANSWERS,
        status_code=200,
        responses=refusals(404, 409),
    )
    async def quote(
        self, request: ApiRequest, number: FromPath[str], data: JSONBody[OwnQuote], idempotency_key: Key = None
    ) -> Response[inquiry_desk.AskedInquiry]:
        """Tell your prices; told anew, the latest count."""
        lines = [quoted(line) for line in data.lines]
        return await once(
            request,
            idempotency_key,
            lambda: inquiry_desk.quote(number, lines, by=request.user, valid_to=data.valid_to, remark=data.remark),
        )
