"""Suspected counterfeits: the list, one with its pieces, raising it and judging it."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.attachments import attached
from api.pages.forms import Short
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.procurement import counterfeits

Said = Annotated[str, Meta(max_length=2000)]


class Suspecting(Struct, kw_only=True):
    """A unit or lot, and why it may be counterfeit."""

    code: Short
    part_number: Short
    scope: counterfeits.Scope = "receipt"
    reason: Said = ""


class Judging(Struct, kw_only=True):
    """What the second person found."""

    counterfeit: Literal["yes", "no"]
    remark: Said = ""


@get("/suspected-counterfeits", guards=[requires("documents.read")])
async def list_suspicions(
    request: PageRequest,
    in_state: Annotated[counterfeits.State | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
) -> Page:
    """List them, newest first."""
    found = await counterfeits.suspicions(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
    )
    shown, following = cut(found, lambda each: each.id)
    return Page("counterfeits/list.html", suspicions=shown, in_state=in_state, cursor=following, first=not cursor)


@get("/suspected-counterfeits/{suspicion_id:uuid}", guards=[requires("documents.read")])
async def show_suspicion(request: PageRequest, suspicion_id: FromPath[UUID]) -> Page:
    """Show one with its pieces."""
    found = await counterfeits.suspicion(suspicion_id, seen_by=request.user)
    return Page(
        "counterfeits/detail.html",
        told=found.suspicion,
        pieces=found.pieces,
        files=await attached(request, "suspected_counterfeit", suspicion_id),
    )


@post("/suspected-counterfeits", guards=[requires("stock.judge")], status_code=303)
async def suspect(request: PageRequest, data: URLEncodedBody[Suspecting]) -> Redirect:
    """Block a unit or lot with its sisters."""
    made = await counterfeits.suspect(
        data.code.strip(), data.part_number.strip(), by=request.user, reason=data.reason, scope=data.scope
    )
    return Redirect(f"/suspected-counterfeits/{made.suspicion.id}", status_code=303)


@post("/suspected-counterfeits/{suspicion_id:uuid}/decide", guards=[requires("stock.inspect")], status_code=303)
async def decide(request: PageRequest, suspicion_id: FromPath[UUID], data: URLEncodedBody[Judging]) -> Redirect:
    """Judge, as the second person."""
    await counterfeits.decide(suspicion_id, by=request.user, counterfeit=data.counterfeit == "yes", remark=data.remark)
    return Redirect(f"/suspected-counterfeits/{suspicion_id}", status_code=303)


handlers = [list_suspicions, show_suspicion, suspect, decide]
