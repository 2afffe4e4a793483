"""The ledger's seals: what to note down, so that nobody can rewrite the past unnoticed."""

from litestar import get

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.assurance import seals


@get("/seals", guards=[requires("stock.read")])
async def list_seals(request: PageRequest, cursor: Cursor = None) -> Page:
    """Show the seals, the newest first."""
    found = await seals.seals(limit=LENGTH + 1, seen_by=request.user, before=decode_cursor(cursor, int))
    shown, following = cut(found, lambda seal: seal.id)
    return Page("ledger/seals.html", seals=shown, cursor=following, first=not cursor)


handlers = [list_seals]
