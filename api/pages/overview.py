"""The overview: how things stand now."""

from litestar import get

from api.access import signed_in
from api.pages.rendering import Page, PageRequest
from inventory.assurance.board import board


@get("/", guards=[signed_in])
async def show_overview(request: PageRequest) -> Page:
    """Show the board."""
    return Page("overview.html", board=await board(seen_by=request.user))


handlers = [show_overview]
