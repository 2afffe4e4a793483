"""Whole-unit swaps: the board with its countdowns, one swap with its two deadlines, and the decision in one tap."""

from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Reason, Short, moment
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.installed_base import severities
from inventory.places import places
from inventory.requests import swapping
from inventory.returns import swaps


class Opening(Struct, kw_only=True):
    """A reported failure to watch."""

    device_serial: Annotated[str, Meta(min_length=1, max_length=200)]
    severity: Annotated[str, Meta(min_length=1, max_length=200)]
    reported_at: Short = ""


class Deciding(Struct, kw_only=True):
    """To swap, or not to."""

    decision: swaps.Decision
    reason: Annotated[str, Meta(max_length=2000)] = ""


class Moment(NamedTuple):
    """A moment of a swap's time line: when, what, and whether it is a deadline that was kept, is missed, or still runs."""

    at: datetime
    what: str
    kept: bool | None = None
    deadline: bool = False


def moments(view: swaps.SwapView) -> list[Moment]:
    """The time line of a swap, in order: what happened and what has to happen by when."""
    told: list[tuple[datetime | None, str, bool | None, bool]] = [
        (view.reported_at, "reported", None, False),
        (view.reserve_at, "reserve_at", None, True),
        (view.leave_by, "leave_by", None, True),
        (view.start_by, "start_by", view.start_kept, True),
        (view.complete_by, "complete_by", view.complete_kept, True),
        (view.decided_at, "decided", None, False),
        (view.left_at, "left", None, False),
        (view.installed_at, "installed", None, False),
        (view.repaired_at, "repaired", None, False),
        (view.ended_at, "ended", None, False),
    ]
    found = [Moment(at, what, kept, deadline) for at, what, kept, deadline in told if at is not None]
    return sorted(found, key=lambda each: (each.at, each.deadline))


@get("/swaps", guards=[requires("requests.read")])
async def list_swaps(request: PageRequest, depot: FromQuery[str] = "", cursor: Cursor = None) -> Page:
    """Show the live swaps by the moment at which their unit must leave, and those that are over."""
    actor = request.user
    found = await swaps.swaps(limit=LENGTH + 1, seen_by=actor, after=decode_cursor(cursor, UUID), depot=depot or None)
    shown, following = cut(found, lambda each: each.id)
    return Page(
        "swaps/list.html",
        live=await swaps.swaps(limit=LENGTH, seen_by=actor, live_only=True, depot=depot or None),
        over=[each for each in shown if each.state in ("closed", "released")],
        cursor=following,
        first=not cursor,
        depot=depot,
        stores=await places.stores(limit=200, seen_by=actor),
        severities=await severities.of_the_house(),
    )


@get("/swaps/{swap_id:uuid}", guards=[requires("requests.read")])
async def show_swap(request: PageRequest, swap_id: FromPath[UUID]) -> Page:
    """Show one swap, and what deciding now would mean."""
    view = await swaps.swap_view(swap_id, seen_by=request.user)
    return Page(
        "swaps/detail.html",
        view=view,
        moments=moments(view),
        outlook=await swaps.outlook(swap_id, seen_by=request.user),
    )


@post("/swaps/open", guards=[requires("swaps.decide")], status_code=303)
async def open_swap(request: PageRequest, data: URLEncodedBody[Opening]) -> Redirect:
    """Watch a reported failure."""
    view = await swaps.open_swap(
        data.device_serial.strip(), data.severity, by=request.user, reported_at=moment(data.reported_at)
    )
    return Redirect(f"/swaps/{view.id}", status_code=303)


@post("/swaps/{swap_id:uuid}/decide", guards=[requires("swaps.decide")], status_code=303)
async def decide(request: PageRequest, swap_id: FromPath[UUID], data: URLEncodedBody[Deciding]) -> Redirect:
    """Decide."""
    act = swapping.swap if data.decision == "swap" else swaps.decide_against
    await act(swap_id, by=request.user, reason=data.reason)
    return Redirect(f"/swaps/{swap_id}", status_code=303)


@post("/swaps/{swap_id:uuid}/close", guards=[requires("swaps.decide")], status_code=303)
async def close(request: PageRequest, swap_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Close what the customer keeps."""
    await swaps.close(swap_id, by=request.user, reason=data.reason)
    return Redirect(f"/swaps/{swap_id}", status_code=303)


handlers = [list_swaps, show_swap, open_swap, decide, close]
