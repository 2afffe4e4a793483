"""Money: what stock is worth as of any day, and what parts were offered and ordered for."""

from datetime import datetime

from litestar import get
from litestar.params import FromQuery

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages import charts
from api.pages.forms import moment
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest, gettext_of, language_of
from api.routes.money import key_of_value
from inventory.catalogue import parts
from inventory.ground import clock
from inventory.places import places
from inventory.procurement import price_history, stock_value
from inventory.stock.time_travel import StockKey


def _end_of(day: str) -> datetime | None:
    """The end of a day, or now on the day it is."""
    asked = moment(day, whole_day=True)
    today = clock.now()
    begun = moment(day)
    return None if asked is None or (begun is not None and begun <= today < asked) else asked


@get("/stock-values", guards=[requires("costs.read")])
async def list_values(
    request: PageRequest,
    day: FromQuery[str] = "",
    part: FromQuery[str | None] = None,
    depot: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """Show what lies in the stores and what it is worth, and the books' totals to readers of all stores."""
    as_of = _end_of(day)
    found = await stock_value.stock_values(
        limit=LENGTH + 1,
        seen_by=request.user,
        as_of=as_of,
        part_number=part or None,
        depot=depot or None,
        after=decode_cursor(cursor, StockKey),
    )
    shown, following = cut(found, key_of_value)
    whole = request.user.depots is None
    return Page(
        "money/stock.html",
        lines=shown,
        cursor=following,
        first=not cursor,
        books=await stock_value.book_values(limit=200, seen_by=request.user, as_of=as_of) if whole else [],
        steps=await stock_value.value_steps(limit=20, seen_by=request.user, part_number=part)
        if whole and part and not cursor
        else [],
        units=await stock_value.unit_values(
            limit=LENGTH, seen_by=request.user, as_of=as_of, part_number=part, depot=depot or None
        )
        if part and not cursor
        else [],
        stores=await places.stores(limit=200, seen_by=request.user),
        day=day,
        as_of=as_of,
        part=part,
        depot=depot,
    )


@get("/prices", guards=[requires("costs.read")])
async def show_prices(
    request: PageRequest, part: FromQuery[str] = "", vendor: FromQuery[str | None] = None, cursor: Cursor = None
) -> Page:
    """Show the prices of a part over time."""
    number = part.strip()
    if not number:
        return Page("money/prices.html", part=None, prices=[], chart=None, cursor=None, first=True, vendor=None)
    asked = await parts.find(number)
    found = (await parts.names([asked.part_number]))[asked.part_number]
    told = await price_history.prices(
        found.part_number,
        limit=LENGTH + 1,
        seen_by=request.user,
        vendor=vendor or None,
        after=decode_cursor(cursor, price_history.PriceKey),
    )
    shown, following = cut(told, lambda each: (each.on, each.id))
    return Page(
        "money/prices.html",
        part=found,
        prices=shown,
        cursor=following,
        first=not cursor,
        vendor=vendor,
        chart=charts.prices_over_time(
            await price_history.of_part(found.part_number, seen_by=request.user),
            language_of(request),
            gettext_of(request),
        ),
    )


handlers = [list_values, show_prices]
