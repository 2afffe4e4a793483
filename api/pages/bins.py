"""Bins: where in a store things lie, and putting them there with a phone in the hand."""

from typing import Annotated
from urllib.parse import quote

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Long, Short, quantity, words
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.places import bins, places
from inventory.stock import placing, units
from inventory.stock.pieces import Pieces

Code = Annotated[str, Meta(min_length=1, max_length=200)]


class Putting(Struct, kw_only=True):
    """A piece and the bin it goes into; `piece` is a serial, a tag or a part number."""

    depot: Short
    bin: Code
    piece: Short = ""
    serials: Long = ""
    part_number: Short = ""
    quantity: Short = ""
    condition: Short = "good"
    pool: Short = "common"
    from_bin: Short = ""


class NewBins(Struct, kw_only=True):
    """Bins to enter: their codes, one a line."""

    depot: Short
    codes: Long


@get("/bins", guards=[requires("stock.read")])
async def list_bins(request: PageRequest, depot: FromQuery[str | None] = None, cursor: Cursor = None) -> Page:
    """List bins by store and code."""
    found = await bins.bins(
        limit=LENGTH + 1, seen_by=request.user, depot=depot or None, after=decode_cursor(cursor, tuple[str, str])
    )
    shown, following = cut(found, lambda shelf: (shelf.depot, shelf.code))
    stores = await places.stores(limit=200, seen_by=request.user)
    return Page("bins/list.html", bins=shown, cursor=following, stores=stores, depot=depot, first=not cursor)


@post("/bins", guards=[requires("bins.manage")], status_code=303)
async def enter_bins(request: PageRequest, data: URLEncodedBody[NewBins]) -> Redirect:
    """Enter bins of a store."""
    await bins.enter_bins([bins.NewBin(place=data.depot, code=code) for code in words(data.codes)], by=request.user)
    return Redirect(f"/bins?depot={quote(data.depot)}", status_code=303)


@get("/bins/{depot:str}/{code:str}", guards=[requires("stock.read")])
async def show_bin(request: PageRequest, depot: FromPath[str], code: FromPath[str]) -> Page:
    """Show what lies in one bin."""
    content = await placing.bin_content(depot, code, seen_by=request.user)
    return Page("bins/content.html", depot=depot, code=code, content=content)


@get("/put-away", guards=[requires("stock.receive")])
async def show_unplaced(
    request: PageRequest,
    depot: FromQuery[str | None] = None,
    done: Annotated[str | None, QueryParameter(max_length=400)] = None,
) -> Page:
    """Show what of a store lies in no bin yet, with the bin where more of it lies."""
    stores = await places.stores(limit=200, seen_by=request.user)
    here = depot or next((store.code for store in stores), "")
    unplaced = await placing.contents(here, limit=200, seen_by=request.user, unplaced=True)
    usual = await placing.usual_bins(here, [line.part_number for line in unplaced], seen_by=request.user)
    return Page("bins/put-away.html", depot=here, stores=stores, unplaced=unplaced, usual=usual, done=done)


@post("/put-away", guards=[requires("stock.receive")], status_code=303)
async def put_away(request: PageRequest, data: URLEncodedBody[Putting]) -> Redirect:
    """Put a piece, or all of a row, into a bin."""
    part, serials, condition, pool, shelf = (
        data.part_number,
        words(data.serials),
        data.condition,
        data.pool,
        data.from_bin or None,
    )
    if data.piece.strip():
        found = await units.unit_in(data.piece.strip(), data.depot, seen_by=request.user)
        if found is not None:
            part, serials, condition, pool = found.part_number, [found.serial], found.condition, found.pool
        else:
            part = data.piece.strip()
    await placing.put_away(
        Pieces(
            data.depot,
            part,
            quantity=0 if serials else quantity(data.quantity or "1"),
            serials=serials,
            bin=shelf,
            pool=pool,
        ),
        data.bin.strip(),
        by=request.user,
        condition=condition,
    )
    told = quote(f"{data.piece.strip() or part} → {data.bin.strip()}")
    return Redirect(f"/put-away?depot={quote(data.depot)}&done={told}", status_code=303)


handlers = [list_bins, enter_bins, show_bin, show_unplaced, put_away]
