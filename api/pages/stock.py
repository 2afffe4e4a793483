"""Stock: every level against its lines."""

from litestar import get
from litestar.params import FromQuery

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from api.routes.stock import Line
from inventory.places import places
from inventory.stock import levels


@get("/stock", guards=[requires("stock.read")])
async def list_levels(
    request: PageRequest,
    depot: FromQuery[str | None] = None,
    below: FromQuery[Line | None] = None,
    cursor: Cursor = None,
) -> Page:
    """Show good stock per part, store and pool."""
    found = await levels.levels(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, tuple[str, str, str]),
        depot=depot or None,
        below=below,
    )
    shown, following = cut(found, lambda level: (level.part_number, level.depot, level.pool))
    stores = await places.stores(limit=200, seen_by=request.user)
    return Page(
        "stock/list.html", levels=shown, cursor=following, stores=stores, depot=depot, below=below, first=not cursor
    )


handlers = [list_levels]
