"""The two lines of a part in a store and pool: where they come from, and setting the critical point by hand."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

from litestar import get, post
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.pages.forms import Short
from api.pages.rendering import Page, PageRequest
from inventory.emergency import assessments, declaring
from inventory.stock.pools import COMMON

Why = Annotated[str, Meta(min_length=1, max_length=200)]


class Setting(Struct, kw_only=True):
    """A critical point set by hand, for some days."""

    point: Annotated[int, Meta(ge=0, le=1_000_000)]
    days: Annotated[int, Meta(ge=1, le=366)]
    reason: Why
    pool: Short = COMMON


class Lifting(Struct, kw_only=True):
    """A critical point that is to be reckoned again."""

    reason: Why
    pool: Short = COMMON


def address(part_number: str, depot: str, pool: str) -> str:
    """Where the lines of a part in a store and pool are shown."""
    own = f"/parts/{quote(part_number, safe='')}/lines/{quote(depot, safe='')}"
    return own if pool == COMMON else f"{own}?pool={quote(pool, safe='')}"


@get("/parts/{part_number:str}/lines/{depot:str}", guards=[requires("emergency.read")])
async def show_lines(
    request: PageRequest, part_number: FromPath[str], depot: FromPath[str], pool: FromQuery[str] = COMMON
) -> Page:
    """Show both lines with the inputs they were reckoned from."""
    row = await assessments.assessment_view(part_number, depot, pool=pool or COMMON, seen_by=request.user)
    actor = request.user
    own = actor.sees_depot(depot) and (actor.contracts is None or row.pool != COMMON)
    return Page("parts/lines.html", row=row, own=own and actor.may("emergency.declare"))


@post("/parts/{part_number:str}/lines/{depot:str}", guards=[requires("emergency.declare")], status_code=303)
async def set_point(
    request: PageRequest, part_number: FromPath[str], depot: FromPath[str], data: URLEncodedBody[Setting]
) -> Redirect:
    """Set the critical point by hand, for some days."""
    await declaring.set_critical_point(
        part_number,
        depot,
        data.point,
        pool=data.pool,
        reason=data.reason,
        lasts=timedelta(days=data.days),
        by=request.user,
    )
    return Redirect(address(part_number, depot, data.pool), status_code=303)


@post("/parts/{part_number:str}/lines/{depot:str}/lift", guards=[requires("emergency.declare")], status_code=303)
async def lift_point(
    request: PageRequest, part_number: FromPath[str], depot: FromPath[str], data: URLEncodedBody[Lifting]
) -> Redirect:
    """Have the critical point reckoned again."""
    await declaring.lift_critical_point(part_number, depot, pool=data.pool, reason=data.reason, by=request.user)
    return Redirect(address(part_number, depot, data.pool), status_code=303)


handlers = [show_lines, set_point, lift_point]
