"""Emergency plan 3: stores and sites that force majeure put out of service, from the declaration to the way back."""

from typing import Annotated, get_args
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Long, Short
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.emergency import force_majeure, rebuilding


class Declaration(Struct, kw_only=True):
    """What is out of service, and why."""

    place: Annotated[str, Meta(min_length=1, max_length=200)]
    cause: force_majeure.Cause
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class Measure(Struct, kw_only=True):
    """What was done or decided."""

    text: Annotated[str, Meta(min_length=1, max_length=2000)]


class Redirection(Struct, kw_only=True):
    """What is under way, and where it is to go."""

    document: Short
    to: Short


class Ending(Struct, kw_only=True):
    """How it ends; `returns` is `yes` or `no`."""

    note: Long
    lessons: Annotated[str, Meta(max_length=2000)] = ""
    returns: Short = "yes"


@get("/force-majeure", guards=[requires("emergency.read")])
async def list_force_majeure(request: PageRequest, cursor: Cursor = None) -> Page:
    """List plans 3, the open ones apart."""
    actor = request.user
    found = await force_majeure.summaries(limit=LENGTH + 1, seen_by=actor, after=decode_cursor(cursor, UUID))
    shown, following = cut(found, lambda each: each.id)
    return Page(
        "force_majeure/list.html",
        open_plans=await force_majeure.summaries(limit=LENGTH, seen_by=actor, live_only=True),
        ended=[each for each in shown if each.state == "closed"],
        cursor=following,
        first=not cursor,
    )


@get("/force-majeure/new", guards=[requires("emergency.declare")])
async def new_force_majeure(request: PageRequest, place: FromQuery[str] = "") -> Page:
    """Declare a store or a site out of service."""
    return Page(
        "force_majeure/new.html",
        declarable=await force_majeure.declarable(limit=700, seen_by=request.user),
        causes=get_args(force_majeure.Cause),
        place=place,
    )


@post("/force-majeure/new", guards=[requires("emergency.declare")], status_code=303)
async def declare(request: PageRequest, data: URLEncodedBody[Declaration]) -> Redirect:
    """Put it out of service; a store is frozen and its cover moves elsewhere."""
    made = await force_majeure.declare(data.place, data.cause, reason=data.reason, by=request.user)
    return Redirect(f"/force-majeure/{made.id}", status_code=303)


@get("/force-majeure/{force_majeure_id:uuid}", guards=[requires("emergency.read")])
async def show_force_majeure(request: PageRequest, force_majeure_id: FromPath[UUID]) -> Page:
    """Show a whole plan 3; of a site, what could rebuild it."""
    view = await force_majeure.view(force_majeure_id, seen_by=request.user)
    is_store = view.summary.is_store
    return Page(
        "force_majeure/detail.html",
        view=view,
        rebuilds=[] if is_store else await rebuilding.rebuilding(view.summary.place, seen_by=request.user),
    )


@post("/force-majeure/{force_majeure_id:uuid}/measures", guards=[requires("emergency.declare")], status_code=303)
async def note_measure(
    request: PageRequest, force_majeure_id: FromPath[UUID], data: URLEncodedBody[Measure]
) -> Redirect:
    """Write down what was done or decided."""
    await force_majeure.note_measure(force_majeure_id, data.text, by=request.user)
    return Redirect(f"/force-majeure/{force_majeure_id}", status_code=303)


@post("/force-majeure/{force_majeure_id:uuid}/redirections", guards=[requires("emergency.declare")], status_code=303)
async def redirect(
    request: PageRequest, force_majeure_id: FromPath[UUID], data: URLEncodedBody[Redirection]
) -> Redirect:
    """Send what is under way elsewhere, or back."""
    await force_majeure.redirect(force_majeure_id, data.document, data.to, by=request.user)
    return Redirect(f"/force-majeure/{force_majeure_id}", status_code=303)


@post("/force-majeure/{force_majeure_id:uuid}/close", guards=[requires("emergency.close")], status_code=303)
async def close(request: PageRequest, force_majeure_id: FromPath[UUID], data: URLEncodedBody[Ending]) -> Redirect:
    """End it."""
    await force_majeure.close(
        force_majeure_id, note=data.note, lessons=data.lessons, returns=data.returns == "yes", by=request.user
    )
    return Redirect(f"/force-majeure/{force_majeure_id}", status_code=303)


handlers = [list_force_majeure, new_force_majeure, declare, show_force_majeure, note_measure, redirect, close]
