"""Picking: what is to be fetched at my store, and fetching it with a phone in hand."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Reason, Several, Short, moment, quantity, several
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from api.pages.shipments import Sending
from inventory.installed_base import severities
from inventory.places import places
from inventory.requests import requests, shipping, waves
from inventory.stock import codes, pick_lists, picking, transfers

Code = Annotated[str, Meta(min_length=1, max_length=200)]


class NewPickList(Struct, kw_only=True):
    """Which documents of a store are fetched in one walk."""

    depot: Code
    document: Several = []


class Scan(Struct, kw_only=True):
    """What was taken."""

    code: Annotated[str, Meta(min_length=1, max_length=codes.LONGEST)]
    quantity: Short = ""
    bin: Short = ""


class SendingPicked(Sending, kw_only=True):
    """Which document of the list leaves, and how."""

    document_kind: Literal["part_request", "transfer"]
    document: Code


@get("/picks", guards=[requires("stock.issue")])
async def list_picks(
    request: PageRequest,
    depot: FromQuery[str | None] = None,
    in_state: Annotated[pick_lists.ListState | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
) -> Page:
    """Show what is to be picked next, the most urgent first, and the lists under way."""
    found = await pick_lists.pick_lists(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, UUID),
        depot=depot or None,
        state=in_state,
    )
    shown, following = cut(found, lambda found: found.id)
    return Page(
        "picks/list.html",
        waiting=await waves.to_pick(limit=LENGTH, seen_by=request.user, depot=depot or None),
        lists=shown,
        cursor=following,
        state=in_state,
        depot=depot,
        stores=await places.stores(limit=200, seen_by=request.user),
        first=not cursor,
    )


@get("/picks/waiting", guards=[requires("stock.issue")])
async def list_waiting(
    request: PageRequest,
    depot: FromQuery[str | None] = None,
    kind: FromQuery[waves.DocumentKind | Literal[""]] = "",
    severity: Annotated[str | None, QueryParameter(max_length=40)] = None,
    until: Annotated[str | None, QueryParameter(name="to", max_length=40)] = None,
    cursor: Cursor = None,
) -> Page:
    """List all that waits to be picked, the most urgent first."""
    due_until = moment(until, whole_day=True)
    found = await waves.to_pick(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, waves.Place),
        depot=depot or None,
        kind=kind or None,
        severity=severity or None,
        due_until=due_until,
    )
    shown, following = cut(found, waves.place_of)
    return Page(
        "picks/waiting.html",
        waiting=shown,
        cursor=following,
        stores=await places.stores(limit=200, seen_by=request.user),
        severities=await severities.called(),
        asked={"depot": depot, "kind": kind, "severity": severity, "to": until},
        instants={"to": due_until.isoformat() if due_until else None},
        first=not cursor,
    )


@post("/picks", guards=[requires("stock.issue")], status_code=303)
async def begin(request: PageRequest, data: URLEncodedBody[NewPickList]) -> Redirect:
    """Begin a list over the documents chosen."""
    view = await waves.begin_picking(data.depot, list(dict.fromkeys(several(data.document))), by=request.user)
    return Redirect(f"/picks/{view.id}", status_code=303)


@get("/picks/{list_id:uuid}", guards=[requires("stock.issue")])
async def show_list(request: PageRequest, list_id: FromPath[UUID]) -> Page:
    """Show one list along the bins."""
    view = await pick_lists.pick_list_view(list_id, seen_by=request.user)
    return Page("picks/detail.html", view=view, documents=_documents(view))


def _documents(view: pick_lists.PickListView) -> list[tuple[str, str, bool]]:
    """The documents of a list that may be sent from here, and whether their pieces are all picked."""
    alive = [line for line in view.lines if line.state in ("open", "picked", "short") and line.document]
    found = dict.fromkeys((str(line.document_kind), str(line.document)) for line in alive)
    return [
        (kind, number, all(line.state == "picked" for line in alive if line.document == number))
        for kind, number in found
    ]


@post("/picks/{list_id:uuid}/scan", guards=[requires("stock.issue")], status_code=303)
async def scan(request: PageRequest, list_id: FromPath[UUID], data: URLEncodedBody[Scan]) -> Redirect:
    """Confirm what was taken."""
    await picking.scan(
        list_id,
        data.code.strip(),
        by=request.user,
        quantity=quantity(data.quantity) if data.quantity.strip() else None,
        bin_code=data.bin.strip() or None,
    )
    return Redirect(f"/picks/{list_id}", status_code=303)


@post("/picks/lines/{pick_id:uuid}/not-found", guards=[requires("stock.issue")], status_code=303)
async def not_found(request: PageRequest, pick_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Say that what was proposed is not there."""
    view = await picking.not_found(pick_id, by=request.user, reason=data.reason)
    return Redirect(f"/picks/{view.id}", status_code=303)


@post("/picks/lines/{pick_id:uuid}/unpick", guards=[requires("stock.issue")], status_code=303)
async def unpick(request: PageRequest, pick_id: FromPath[UUID]) -> Redirect:
    """Put a piece back."""
    view = await picking.unpick(pick_id, by=request.user)
    return Redirect(f"/picks/{view.id}", status_code=303)


@post("/picks/{list_id:uuid}/cancel", guards=[requires("stock.issue")], status_code=303)
async def cancel(request: PageRequest, list_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Give up a list."""
    await picking.cancel(list_id, by=request.user, reason=data.reason)
    return Redirect(f"/picks/{list_id}", status_code=303)


@post("/picks/{list_id:uuid}/ship", guards=[requires("stock.issue")], status_code=303)
async def ship(request: PageRequest, list_id: FromPath[UUID], data: URLEncodedBody[SendingPicked]) -> Redirect:
    """Pack and send one document of the list."""
    if data.document_kind == "part_request":
        await shipping.ship(await requests.id_of(data.document), by=request.user, how=data.told())
    else:
        await transfers.ship(await transfers.id_of(data.document), by=request.user, how=data.told())
    return Redirect(f"/picks/{list_id}", status_code=303)


handlers = [list_picks, list_waiting, begin, show_list, scan, not_found, unpick, cancel, ship]
