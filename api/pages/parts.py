"""Parts: the catalogue, and everything about one part."""

from typing import Annotated
from urllib.parse import quote

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages import charts
from api.pages.forms import Short
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest, gettext_of
from inventory.assurance.dossiers import part_dossier
from inventory.catalogue import fitting, parts
from inventory.stock import tags

DAYS_A_MONTH = 365 / 12

Search = Annotated[str | None, QueryParameter(max_length=100)]


class Tagging(Struct, kw_only=True):
    """The tag on the label in hand; empty, a new one is made."""

    tag: Short = ""


@get("/parts", guards=[requires("parts.read")])
async def list_parts(
    request: PageRequest, search: Search = None, kind: FromQuery[str | None] = None, cursor: Cursor = None
) -> Page:
    """Look for parts by number, name in either language, or alias."""
    after = decode_cursor(cursor, str) or ""
    found = await parts.parts(
        limit=LENGTH + 1, seen_by=request.user, after=after, search=(search or "").strip() or None, kind=kind or None
    )
    shown, following = cut(found, lambda part: part.part_number)
    kinds = await fitting.kinds()
    return Page(
        "parts/list.html", parts=shown, cursor=following, search=search, kind=kind, kinds=kinds, first=not cursor
    )


@get("/parts/{part_number:str}", guards=[requires("parts.read")])
async def show_part(request: PageRequest, part_number: FromPath[str]) -> Page:
    """Show a part in every store, against its lines, with where they come from."""
    told, _ = await part_dossier(part_number, seen_by=request.user), gettext_of(request)
    rates = [row.rate_per_day for row in told.assessments]
    expected = None if None in rates else sum(rate for rate in rates if rate is not None) * DAYS_A_MONTH
    return Page(
        "parts/detail.html",
        told=told,
        level_charts=charts.levels_over_time(told.histories, told.levels, told.since, told.until, _),
        failure_chart=charts.failures_by_month(told.failures, expected, _),
    )


@post("/units/{serial:str}/tag", guards=[requires("stock.receive")], status_code=303)
async def tag_unit(
    request: PageRequest, serial: FromPath[str], data: URLEncodedBody[Tagging], part: FromQuery[str] = ""
) -> Redirect:
    """Give a piece our tag; the part tells two makers' same serial apart."""
    unit = await tags.assign(serial, data.tag.strip() or None, by=request.user, part_number=part or None)
    return Redirect(f"/units/{quote(unit.tag or serial, safe='')}", status_code=303)


handlers = [list_parts, show_part, tag_unit]
