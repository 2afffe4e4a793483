"""The ledger: every movement, every unit, and the stock as it stood at any past instant."""

from typing import Annotated, Literal
from urllib.parse import quote
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires, requires_any
from api.answers import Cursor, decode_cursor
from api.instants import Instant
from api.pages.attachments import attached
from api.pages.forms import Reason, Short, moment
from api.pages.labels import LABELS
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from api.routes.stock import key_of_stock
from api.shared import passport_of
from inventory.assurance.shared_links import LinkOver
from inventory.catalogue.grades import Provenance
from inventory.ground import clock
from inventory.places import places
from inventory.procurement import papers, passports, taking_back
from inventory.returns import debts
from inventory.stock import movements, time_travel, units
from inventory.stock.pieces import Pieces

Field = Annotated[str | None, QueryParameter(max_length=200)]


def _said(text: str | None) -> str | None:
    return (text or "").strip() or None


@get("/movements", guards=[requires("stock.read")])
async def list_movements(
    request: PageRequest,
    part: Field = None,
    depot: Field = None,
    document: Field = None,
    kind: Field = None,
    actor: Field = None,
    serial: Field = None,
    since: Annotated[str | None, QueryParameter(name="from", max_length=40)] = None,
    until: Annotated[str | None, QueryParameter(name="to", max_length=40)] = None,
    cursor: Cursor = None,
) -> Page:
    """Show the ledger, latest first."""
    span = {"from": moment(since), "to": moment(until, whole_day=True)}
    found = await movements.movements(
        limit=LENGTH + 1,
        seen_by=request.user,
        before=decode_cursor(cursor, tuple[Instant, UUID]),
        part_number=_said(part),
        depot=_said(depot),
        document=_said(document),
        kind=_said(kind),
        actor=_said(actor),
        serial=_said(serial),
        since=span["from"],
        until=span["to"],
    )
    shown, following = cut(found, lambda line: (line.occurred_at, line.id))
    return Page(
        "ledger/list.html",
        movements=shown,
        reversible={line.id for line in shown if taking_back.may_be_reversed(line, by=request.user)},
        cursor=following,
        first=not cursor,
        stores=await places.stores(limit=200, seen_by=request.user),
        kinds=LABELS["movement_kind"],
        instants={name: at.isoformat() if at else None for name, at in span.items()},
        asked={
            "part": part,
            "depot": depot,
            "document": document,
            "kind": kind,
            "actor": actor,
            "serial": serial,
            "from": since,
            "to": until,
        },
    )


@get("/movements/{movement_id:uuid}", guards=[requires("stock.read")])
async def show_movement(request: PageRequest, movement_id: FromPath[UUID]) -> Page:
    """Show one movement."""
    line = await movements.movement(movement_id, seen_by=request.user)
    return Page("ledger/detail.html", move=line, reversible=taking_back.may_be_reversed(line, by=request.user))


@post("/movements/{movement_id:uuid}/reverse", guards=[requires_any(*taking_back.RIGHTS)], status_code=303)
async def reverse(request: PageRequest, movement_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Undo a movement by another."""
    await taking_back.reverse_movement(movement_id, by=request.user, reason=data.reason)
    return Redirect(f"/movements/{movement_id}", status_code=303)


@get("/units", guards=[requires("stock.read")])
async def list_units(
    request: PageRequest, part: Field = None, depot: Field = None, condition: Field = None, cursor: Cursor = None
) -> Page:
    """Show the serialised pieces."""
    found = await units.units(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, UUID),
        part_number=_said(part),
        depot=_said(depot),
        condition=_said(condition),
    )
    shown, following = cut(found, lambda unit: unit.id)
    return Page(
        "ledger/units.html",
        units=shown,
        cursor=following,
        first=not cursor,
        stores=await places.stores(limit=200, seen_by=request.user),
        asked={"part": part, "depot": depot, "condition": condition},
    )


@get("/p/{signed:str}")
async def open_passport(request: PageRequest, signed: FromPath[str]) -> Page:
    """Show a unit's passport to whoever holds its link."""
    unit = passport_of(signed, request.app.state["settings"].secret)
    if unit is None:
        raise LinkOver
    return Page("ledger/passport.html", passport=await passports.linked(unit))


@get("/units/{serial:str}", guards=[requires("stock.read")])
async def show_unit(request: PageRequest, serial: FromPath[str], part: Field = None) -> Page:
    """Show one piece with everything that happened to it; the part tells two makers' same serial apart."""
    unit = await units.unit(serial, seen_by=request.user, part_number=_said(part))
    owed: list[debts.DebtView] = []
    if request.user.may("returns.read"):
        owed = await debts.debts(limit=20, seen_by=request.user, state=None, units=[unit.id])
    files = await attached(request, "unit", unit.id)
    if files is not None:  # what was photographed as it came out of a device is evidence about the piece
        for debt in owed:
            files += await attached(request, "return_debt", debt.id) or []
    return Page(
        "ledger/unit.html",
        unit=unit,
        movements=await units.life(unit.id, seen_by=request.user),
        owed=owed,
        files=files,
    )


class Proving(Struct, kw_only=True):
    """Where a unit comes from, and what says so."""

    part_number: Short
    depot: Short
    pool: Short
    was: Short
    provenance: Provenance
    reason: Annotated[str, Meta(max_length=2000)] = ""


@post("/units/{serial:str}/proof", guards=[requires("stock.inspect")], status_code=303)
async def prove(request: PageRequest, serial: FromPath[str], data: URLEncodedBody[Proving]) -> Redirect:
    """Say where a unit comes from, by the papers that are attached."""
    which = Pieces(data.depot, data.part_number, serials=[serial], pool=data.pool)
    await papers.prove(which, data.was, data.provenance, by=request.user, reason=data.reason)
    return Redirect(f"/units/{quote(serial, safe='')}?part={quote(data.part_number, safe='')}", status_code=303)


@get("/stock/as-of", guards=[requires("stock.read")])
async def show_past(
    request: PageRequest,
    at: Field = None,
    known: Field = None,
    against: Field = None,
    part: Field = None,
    depot: Field = None,
    what: FromQuery[Literal["stock", "bins", "units"]] = "stock",
    cursor: Cursor = None,
) -> Page:
    """Show the stock, its value, or every unit's place at a past instant; or what changed up to another one."""
    then, known_at, later = moment(at) or clock.now(), moment(known), moment(against)
    who, which = request.user, {"part_number": _said(part), "depot": _said(depot)}
    total = await time_travel.total_as_of(then, seen_by=who, known_at=known_at, **which)
    context = {
        "then": then,
        "known_at": known_at,
        "later": later,
        "what": what,
        "total": total,
        "total_later": await time_travel.total_as_of(later, seen_by=who, **which) if later else None,
        "stores": await places.stores(limit=200, seen_by=who),
        "asked": {"at": at, "known": known, "against": against, "part": part, "depot": depot, "what": what},
        "first": not cursor,
    }
    if later is not None:
        changes = await time_travel.changes_between(
            min(then, later),
            max(then, later),
            limit=LENGTH + 1,
            seen_by=who,
            after=decode_cursor(cursor, tuple[str, str, str, str, str]),
            **which,
        )
        rows, following = cut(changes, lambda c: (c.part_number, c.depot, c.condition, c.owner, c.pool))
    elif what == "units":
        found = await time_travel.units_as_of(
            then, limit=LENGTH + 1, seen_by=who, known_at=known_at, after=decode_cursor(cursor, UUID), **which
        )
        rows, following = cut(found, lambda unit: unit.id)
    else:
        stock = await time_travel.stock_as_of(
            then,
            limit=LENGTH + 1,
            seen_by=who,
            known_at=known_at,
            bins=what == "bins",
            after=decode_cursor(cursor, time_travel.StockKey),
            **which,
        )
        rows, following = cut(stock, key_of_stock)
    return Page("ledger/past.html", rows=rows, cursor=following, **context)


handlers = [list_movements, show_movement, reverse, list_units, open_passport, show_unit, prove, show_past]
