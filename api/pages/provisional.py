"""Without paper: what was taken first, and bringing its paper, bringing it back, or resolving a conflict."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires, requires_any
from api.answers import Cursor, decode_cursor
from api.pages.attachments import attached
from api.pages.forms import Reason, Short
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.places import places
from inventory.requests import papering
from inventory.stock import provisional

Note = Annotated[str, Meta(max_length=2000)]


class Paper(Struct, kw_only=True):
    """What it was taken for."""

    request: Short = ""
    device: Short = ""
    ticket: Short = ""


class Resolving(Struct, kw_only=True):
    """How a conflict is resolved."""

    part_number: Short = ""
    reason: Note = ""


class Remark(Struct, kw_only=True):
    """What there is to say."""

    remark: Note = ""


@get("/provisional-issues", guards=[requires("requests.read")])
async def list_issues(
    request: PageRequest,
    in_state: Annotated[provisional.State | None, QueryParameter(name="state")] = None,
    depot: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """List what was taken without paper, newest first."""
    found = await provisional.provisional_issues(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, UUID),
        state=in_state,
        depot=depot or None,
    )
    shown, following = cut(found, lambda found: found.id)
    return Page(
        "provisional/list.html",
        issues=shown,
        cursor=following,
        state=in_state,
        depot=depot,
        stores=await places.stores(limit=200, seen_by=request.user),
        first=not cursor,
    )


@get("/provisional-issues/{issue_id:uuid}", guards=[requires("requests.read")])
async def show_issue(request: PageRequest, issue_id: FromPath[UUID]) -> Page:
    """Show one record with what can be done about it."""
    return Page(
        "provisional/detail.html",
        view=await provisional.provisional_issue_view(issue_id, seen_by=request.user),
        files=await attached(request, "provisional_issue", issue_id),
    )


@post("/provisional-issues/{issue_id:uuid}/paper", guards=[requires("parts.request")], status_code=303)
async def paper(request: PageRequest, issue_id: FromPath[UUID], data: URLEncodedBody[Paper]) -> Redirect:
    """Bring its paper."""
    await papering.paper(
        issue_id,
        by=request.user,
        request=data.request.strip() or None,
        device=data.device.strip() or None,
        ticket=data.ticket.strip() or None,
    )
    return _back_to(issue_id)


@post(
    "/provisional-issues/{issue_id:uuid}/resolve", guards=[requires_any("stock.issue", "stock.adjust")], status_code=303
)
async def resolve(request: PageRequest, issue_id: FromPath[UUID], data: URLEncodedBody[Resolving]) -> Redirect:
    """Let the ledger follow."""
    how = papering.Resolution(part_number=data.part_number.strip() or None, reason=data.reason)
    await papering.resolve(issue_id, how, by=request.user)
    return _back_to(issue_id)


@post(
    "/provisional-issues/{issue_id:uuid}/dismiss", guards=[requires_any("stock.issue", "stock.adjust")], status_code=303
)
async def dismiss(request: PageRequest, issue_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Say that nothing was taken."""
    await papering.resolve(issue_id, papering.Resolution(dismiss=True, reason=data.reason), by=request.user)
    return _back_to(issue_id)


@post("/provisional-issues/{issue_id:uuid}/bring-back", guards=[requires("stock.take")], status_code=303)
async def bring_back(request: PageRequest, issue_id: FromPath[UUID], data: URLEncodedBody[Remark]) -> Redirect:
    """Return it to its store."""
    await provisional.bring_back(issue_id, by=request.user, remark=data.remark)
    return _back_to(issue_id)


@post("/provisional-issues/{issue_id:uuid}/report-lost", guards=[requires("stock.take")], status_code=303)
async def report_lost(request: PageRequest, issue_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Say that it is lost."""
    await provisional.report_lost(issue_id, by=request.user, reason=data.reason)
    return _back_to(issue_id)


@post("/provisional-issues/{issue_id:uuid}/confirm-lost", guards=[requires("stock.adjust")], status_code=303)
async def confirm_lost(request: PageRequest, issue_id: FromPath[UUID], data: URLEncodedBody[Remark]) -> Redirect:
    """Write it off, as a second person."""
    await provisional.confirm_lost(issue_id, by=request.user, remark=data.remark)
    return _back_to(issue_id)


def _back_to(issue: UUID) -> Redirect:
    return Redirect(f"/provisional-issues/{issue}", status_code=303)


handlers = [list_issues, show_issue, paper, resolve, dismiss, bring_back, report_lost, confirm_lost]
