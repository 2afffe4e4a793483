"""Receipts: what came in, and from where."""

from uuid import UUID

from litestar import get
from litestar.params import FromPath, FromQuery

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.places import names, places
from inventory.stock import receipts


@get("/receipts", guards=[requires("stock.read")])
async def list_receipts(request: PageRequest, depot: FromQuery[str | None] = None, cursor: Cursor = None) -> Page:
    """List receipts, newest first."""
    found = await receipts.receipts(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), depot=depot or None
    )
    shown, following = cut(found, lambda receipt: receipt.id)
    return Page(
        "receipts/list.html",
        receipts=shown,
        called=await names.names_of([receipt.origin for receipt in shown if receipt.origin]),
        stores=await places.stores(limit=200, seen_by=request.user),
        depot=depot,
        cursor=following,
        first=not cursor,
    )


@get("/receipts/{number:str}", guards=[requires("stock.read")])
async def show_receipt(request: PageRequest, number: FromPath[str]) -> Page:
    """Show one receipt."""
    receipt = await receipts.receipt_view(number, seen_by=request.user)
    called = await names.names_of([receipt.origin] if receipt.origin else [])
    return Page("receipts/detail.html", receipt=receipt, called=called)


handlers = [list_receipts, show_receipt]
