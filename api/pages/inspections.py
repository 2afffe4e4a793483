"""Inspections: what was found of pieces, and which parts and vendors are inspected whenever they come."""

from typing import Literal
from uuid import UUID

from litestar import get, post
from litestar.params import FromQuery, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Short
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.catalogue import parts
from inventory.places import places
from inventory.procurement import vendors
from inventory.stock import conditions


class Inspecting(Struct, kw_only=True):
    """A part, or a vendor, and whether its deliveries are inspected."""

    what: Literal["part", "vendor"]
    key: Short
    inspect: Literal["yes", "no"]


@get("/inspections", guards=[requires("documents.read")])
async def list_inspections(
    request: PageRequest, depot: FromQuery[str | None] = None, part: FromQuery[str | None] = None, cursor: Cursor = None
) -> Page:
    """List what was found, newest first."""
    found = await conditions.inspections(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, UUID),
        depot=depot or None,
        part_number=(part or "").strip() or None,
    )
    shown, following = cut(found, lambda each: each.id)
    return Page(
        "inspections/list.html",
        inspections=shown,
        cursor=following,
        first=not cursor,
        stores=await places.stores(limit=200, seen_by=request.user),
        depot=depot,
        part=part,
    )


@get("/inspections/on-receipt", guards=[requires("stock.read")])
async def show_on_receipt(request: PageRequest) -> Page:
    """Show which parts and vendors are inspected on receipt."""
    sellers = await vendors.vendors(limit=500) if request.user.may("vendors.read") else []
    return Page(
        "inspections/on-receipt.html",
        parts=await parts.inspected_on_receipt(limit=500, seen_by=request.user),
        vendors=[each for each in sellers if each.inspect_on_receipt],
        others=[each for each in sellers if not each.inspect_on_receipt],
    )


@post("/inspections/on-receipt", guards=[requires("stock.inspect")], status_code=303)
async def set_on_receipt(request: PageRequest, data: URLEncodedBody[Inspecting]) -> Redirect:
    """Inspect a part's, or a vendor's, deliveries from now on, or no longer."""
    verb = parts.inspect_on_receipt if data.what == "part" else vendors.inspect_on_receipt
    await verb(data.key.strip(), by=request.user, inspect=data.inspect == "yes")
    return Redirect("/inspections/on-receipt", status_code=303)


handlers = [list_inspections, show_on_receipt, set_on_receipt]
