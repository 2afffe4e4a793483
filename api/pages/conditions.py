"""Conditions: stock that is not free, and what somebody finds it to be."""

from typing import Annotated
from urllib.parse import quote

from litestar import get, post
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Short, quantity
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.catalogue import parts
from inventory.places import places
from inventory.returns import counter, repairs
from inventory.stock import conditions
from inventory.stock.handing_in import UNIDENTIFIED
from inventory.stock.pieces import Pieces

Said = Annotated[str, Meta(max_length=2000)]


class Judging(Struct, kw_only=True):
    """What a piece, or pieces of a lot, were found to be."""

    depot: Short
    part_number: Short
    was: conditions.Condition
    piece: Short
    becomes: conditions.Condition
    finding: Said = ""
    quantity: Short = "1"
    pool: Short = "common"


class Naming(Struct, kw_only=True):
    """What an unidentified piece is."""

    part_number: Short
    serial: Short = ""
    reason: Said = ""


class Deciding(Struct, kw_only=True):
    """Whether a piece is scrapped."""

    approve: Short
    remark: Said = ""


@get("/conditions", guards=[requires("documents.read")])
async def list_blocked(
    request: PageRequest,
    depot: FromQuery[str | None] = None,
    condition: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """List pieces that are not good stock, and the proposals to scrap that wait for a second person."""
    found = await conditions.awaiting(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, conditions.AwaitingKey),
        depot=depot or None,
        condition=condition or None,
    )
    shown, following = cut(found, conditions.key_of)
    return Page(
        "conditions/list.html",
        pieces=shown,
        cursor=following,
        stores=await places.stores(limit=200, seen_by=request.user),
        scrappings=await conditions.scrappings(limit=20, seen_by=request.user, state="proposed", depot=depot or None),
        depot=depot,
        condition=condition,
        first=not cursor,
    )


@get("/conditions/judge", guards=[requires("stock.judge")])
async def show_piece(
    request: PageRequest,
    depot: FromQuery[str],
    part: FromQuery[str],
    condition: FromQuery[str],
    piece: FromQuery[str],
    pool: FromQuery[str] = "common",
    count: FromQuery[int] = 1,
) -> Page:
    """Show a piece with the steps it may take, and what was found of it before."""
    known = await parts.part(part, seen_by=request.user)
    return Page(
        "conditions/judge.html",
        depot=depot,
        part=known,
        condition=condition,
        piece=piece,
        pool=pool,
        count=count,
        unidentified=known.part_number == UNIDENTIFIED,
        becomes=[to for origin, to in conditions.STEPS if origin == condition],
        found=await conditions.inspections(
            limit=20,
            seen_by=request.user,
            depot=depot,
            part_number=known.part_number,
            serial=piece if known.serialised else None,
        ),
    )


@post("/conditions/judge", guards=[requires("stock.judge")], status_code=303)
async def judge(request: PageRequest, data: URLEncodedBody[Judging]) -> Redirect:
    """Record what was found; scrap is only proposed, and good takes a passed result."""
    part = await parts.find(data.part_number)
    count = 0 if part.serialised else quantity(data.quantity)
    serials, lot = ([data.piece], None) if part.serialised else ([], data.piece)
    which = Pieces(data.depot, part.part_number, quantity=count, serials=serials, lot=lot, pool=data.pool)
    if data.becomes == "scrapped":
        await repairs.propose_scrap(which, by=request.user, reason=data.finding)
    else:
        await repairs.found_to_be(which, data.was, data.becomes, by=request.user, finding=data.finding)
    return Redirect(f"/conditions?depot={quote(data.depot)}", status_code=303)


@post("/conditions/{tag:str}/identify", guards=[requires("stock.judge")], status_code=303)
async def identify(request: PageRequest, tag: FromPath[str], data: URLEncodedBody[Naming]) -> Redirect:
    """Say what an unidentified piece is."""
    unit = await counter.identify(
        tag, data.part_number, by=request.user, serial=data.serial.strip() or None, reason=data.reason.strip()
    )
    return Redirect(f"/units/{quote(unit.serial, safe='')}", status_code=303)


@post("/scrappings/{number:str}/decide", guards=[requires("stock.judge")], status_code=303)
async def decide(request: PageRequest, number: FromPath[str], data: URLEncodedBody[Deciding]) -> Redirect:
    """Decide a proposal to scrap, as the second person."""
    await conditions.decide_scrap(number, by=request.user, approve=data.approve == "yes", remark=data.remark)
    return Redirect("/conditions", status_code=303)


handlers = [list_blocked, show_piece, judge, identify, decide]
