"""Quotations and approvals: answering for a customer, the customer's own page by its link, and deciding on a request."""

from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Reason
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from api.papers import assembling
from api.routes.papers import as_pdf
from api.shared import quotation_of
from inventory.assurance.shared_links import LinkOver
from inventory.requests import approvals, approving, quotations, quoting, requests

BY_LINK = "由客户通过链接答复 / answered by the link"
"""How an answer came that was given on the quotation's own page, where nothing else is told."""


class Answer(Struct, kw_only=True):
    """Who said it, and how."""

    said_by: Annotated[str, Meta(min_length=1, max_length=200)]
    reason: Annotated[str, Meta(max_length=2000)] = ""


class RepairAnswer(Answer, kw_only=True):
    """The same of a repair: of which part, and the serial of the customer's own unit."""

    part_number: Annotated[str, Meta(min_length=1, max_length=200)]
    serial: Annotated[str, Meta(max_length=200)] = ""


class Remark(Struct, kw_only=True):
    """What there is to say about it."""

    remark: Annotated[str, Meta(max_length=2000)] = ""


@get("/quotations", guards=[requires("requests.read")])
async def list_quotations(
    request: PageRequest,
    in_state: Annotated[quotations.QuotationState | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
) -> Page:
    """List quotations, every version, the latest first."""
    found = await quotations.quotations(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
    )
    shown, following = cut(found, lambda found: found.id)
    return Page("requests/quotations.html", quotations=shown, cursor=following, state=in_state, first=not cursor)


@post("/quotations/{quotation_id:uuid}/accept", guards=[requires("parts.request")], status_code=303)
async def accept(request: PageRequest, quotation_id: FromPath[UUID], data: URLEncodedBody[Answer]) -> Redirect:
    """Accept for the customer."""
    view = await quoting.accept(quotation_id, by=request.user, said_by=data.said_by, reason=data.reason)
    return Redirect(f"/requests/{view.id}", status_code=303)


@post("/quotations/{quotation_id:uuid}/accept-repair", guards=[requires("parts.request")], status_code=303)
async def accept_repair(
    request: PageRequest, quotation_id: FromPath[UUID], data: URLEncodedBody[RepairAnswer]
) -> Redirect:
    """Accept the repair of the customer's own unit; it is to be fetched."""
    planned = await quoting.accept_repair(
        quotation_id,
        data.part_number,
        data.serial.strip(),
        by=request.user,
        said_by=data.said_by,
        reason=data.reason,
    )
    return Redirect(f"/collections/{planned.id}", status_code=303)


@post("/quotations/{quotation_id:uuid}/reject", guards=[requires("parts.request")], status_code=303)
async def reject(request: PageRequest, quotation_id: FromPath[UUID], data: URLEncodedBody[Answer]) -> Redirect:
    """Reject for the customer."""
    view = await quoting.reject(quotation_id, by=request.user, said_by=data.said_by, reason=data.reason)
    return Redirect(f"/requests/{view.id}", status_code=303)


@post("/requests/{request_id:uuid}/quote-again", guards=[requires("parts.request")], status_code=303)
async def quote_again(request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Send the next version."""
    await quoting.quote_again(request_id, by=request.user, reason=data.reason)
    return Redirect(f"/requests/{request_id}", status_code=303)


@get("/requests/{request_id:uuid}/approval", guards=[requires("requests.approve")])
async def show_approval(request: PageRequest, request_id: FromPath[UUID]) -> Page | Redirect:
    """Show what is to be approved, with one button for yes; a request that nobody need decide on shows itself."""
    view = await requests.request_view(request_id, seen_by=request.user)
    if view.state != "awaiting_approval":
        return Redirect(f"/requests/{request_id}", status_code=303)
    worth = await approvals.value_of(request_id, seen_by=request.user)
    return Page("requests/approve.html", view=view, approval=view.approvals[0], worth=worth)


@post("/requests/{request_id:uuid}/approve", guards=[requires("requests.approve")], status_code=303)
async def approve(request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[Remark]) -> Redirect:
    """Say yes."""
    await approving.approve(request_id, by=request.user, remark=data.remark)
    return Redirect(f"/requests/{request_id}", status_code=303)


@post("/requests/{request_id:uuid}/refuse", guards=[requires("requests.approve")], status_code=303)
async def refuse(request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Say no, and why."""
    await approving.refuse(request_id, by=request.user, reason=data.reason)
    return Redirect(f"/requests/{request_id}", status_code=303)


@get("/q/{signed:str}")
async def open_link(request: PageRequest, signed: FromPath[str]) -> Page:
    """Show a quotation to whoever holds its link. Nothing is answered by looking."""
    return await _linked(_quotation(request, signed), signed)


@get("/q/{signed:str}/paper")
async def print_linked(request: PageRequest, signed: FromPath[str]) -> Response[bytes]:
    """Print the quotation of a link."""
    view, quotation = await quoting.linked(_quotation(request, signed))
    return await as_pdf(await assembling.of_quotation(view, quotation, printed_by=quotation.made_by))


@post("/q/{signed:str}/accept", status_code=200)
async def accept_linked(request: PageRequest, signed: FromPath[str], data: URLEncodedBody[Answer]) -> Page:
    """Accept, as whoever holds the link says they are."""
    quotation = _quotation(request, signed)
    await quoting.accept(quotation, by=quoting.BY_LINK, said_by=data.said_by, reason=data.reason.strip() or BY_LINK)
    return await _linked(quotation, signed)


@post("/q/{signed:str}/reject", status_code=200)
async def reject_linked(request: PageRequest, signed: FromPath[str], data: URLEncodedBody[Answer]) -> Page:
    """Reject, as whoever holds the link says they are."""
    quotation = _quotation(request, signed)
    await quoting.reject(quotation, by=quoting.BY_LINK, said_by=data.said_by, reason=data.reason.strip() or BY_LINK)
    return await _linked(quotation, signed)


def _quotation(request: PageRequest, signed: str) -> UUID:
    found = quotation_of(signed, request.app.state["settings"].secret)
    if found is None:
        raise LinkOver
    return found


async def _linked(quotation: UUID, signed: str) -> Page:
    view, found = await quoting.linked(quotation)
    return Page("requests/linked_quotation.html", view=view, quotation=found, signed=signed)


handlers = [
    list_quotations,
    accept,
    accept_repair,
    reject,
    quote_again,
    show_approval,
    approve,
    refuse,
    open_link,
    print_linked,
    accept_linked,
    reject_linked,
]
