"""Pool crossings: stock asked for out of another pool, and the decision of a second person."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Long, Reason, Short, quantity, words
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.places import places
from inventory.stock import pool_crossings, pools


class Asking(Reason, kw_only=True):
    """What is asked for, and why."""

    depot: Short
    part_number: Short
    quantity: Short
    from_pool: Short
    to_pool: Short
    serials: Long = ""


class Agreement(Struct, kw_only=True):
    """What there is to say about it."""

    reason: Short = ""


@get("/pool-crossings", guards=[requires("documents.read")])
async def list_crossings(
    request: PageRequest,
    in_state: Annotated[pool_crossings.State | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
) -> Page:
    """List crossings, newest first."""
    found = await pool_crossings.crossings(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
    )
    shown, following = cut(found, lambda each: each.id)
    return Page(
        "pool-crossings/list.html",
        crossings=shown,
        cursor=following,
        first=not cursor,
        state=in_state,
        stores=await places.stores(limit=200, seen_by=request.user),
        pools=await pools.pool_codes(limit=500),
    )


@post("/pool-crossings", guards=[requires("pools.ask")], status_code=303)
async def ask(request: PageRequest, data: URLEncodedBody[Asking]) -> Redirect:
    """Ask for stock of another pool."""
    made = await pool_crossings.ask_crossing(
        data.depot,
        data.part_number.strip(),
        quantity(data.quantity),
        by=request.user,
        from_pool=data.from_pool,
        to_pool=data.to_pool,
        reason=data.reason,
        serials=words(data.serials),
    )
    return Redirect(f"/pool-crossings/{made.id}", status_code=303)


@get("/pool-crossings/{crossing_id:uuid}", guards=[requires("documents.read")])
async def show_crossing(request: PageRequest, crossing_id: FromPath[UUID]) -> Page:
    """Show one crossing."""
    found = await pool_crossings.crossing_view(crossing_id, seen_by=request.user)
    return Page("pool-crossings/detail.html", crossing=found)


@post("/pool-crossings/{crossing_id:uuid}/approve", guards=[requires("pools.cross")], status_code=303)
async def approve(request: PageRequest, crossing_id: FromPath[UUID], data: URLEncodedBody[Agreement]) -> Redirect:
    """Agree to it."""
    await pool_crossings.cross(crossing_id, by=request.user, reason=data.reason)
    return Redirect(f"/pool-crossings/{crossing_id}", status_code=303)


@post("/pool-crossings/{crossing_id:uuid}/refuse", guards=[requires("pools.cross")], status_code=303)
async def refuse(request: PageRequest, crossing_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Do not agree to it."""
    await pool_crossings.refuse(crossing_id, by=request.user, reason=data.reason)
    return Redirect(f"/pool-crossings/{crossing_id}", status_code=303)


handlers = [list_crossings, ask, show_crossing, approve, refuse]
