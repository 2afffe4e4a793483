"""Reservations: who holds what, until when, and who takes it over."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Reason, Short, moment, quantity
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.assurance.meter import previewing
from inventory.places import places
from inventory.requests import holding
from inventory.stock import priorities, reservations, taking_over


class Extension(Struct, kw_only=True):
    """Until when; empty for no end."""

    expires_at: Short = ""


class TakingOver(Reason, kw_only=True):
    """For what, how urgent, how many and why."""

    reference: Short
    priority_class: Short
    quantity: Short


@get("/reservations", guards=[requires("documents.read")])
async def list_reservations(
    request: PageRequest,
    in_state: Annotated[reservations.State | None, QueryParameter(name="state")] = None,
    depot: FromQuery[str | None] = None,
    part: FromQuery[str | None] = None,
    holder: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """List reservations, newest first."""
    found = await reservations.reservations(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, UUID),
        state=in_state,
        depot=depot or None,
        part_number=part or None,
        holder=holder or None,
    )
    shown, following = cut(found, lambda held: held.id)
    stores = await places.stores(limit=200, seen_by=request.user)
    return Page(
        "reservations/list.html",
        reservations=shown,
        cursor=following,
        first=not cursor,
        state=in_state,
        stores=stores,
        depot=depot,
        part=part,
        holder=holder,
    )


@get("/reservations/{reservation_id:uuid}", guards=[requires("documents.read")])
async def show_reservation(request: PageRequest, reservation_id: FromPath[UUID]) -> Page:
    """Show one reservation."""
    held = await reservations.reservation_view(reservation_id, seen_by=request.user)
    classes = [each for each in await priorities.priority_classes() if each.rank > held.priority]
    cost = None
    if held.state == "pending":
        cost = await previewing.cover_lost_by_holding([reservation_id], seen_by=request.user)
    elif held.state == "soft":
        taking = previewing.Taking(
            part_number=held.part_number, depot=held.depot, pool=held.pool, quantity=held.quantity
        )
        cost = await previewing.cover_lost_by([taking], seen_by=request.user)
    return Page("reservations/detail.html", held=held, classes=classes, cost=cost)


@post("/reservations/{reservation_id:uuid}/extend", guards=[requires("reservations.make")], status_code=303)
async def extend(request: PageRequest, reservation_id: FromPath[UUID], data: URLEncodedBody[Extension]) -> Redirect:
    """Let it last until another time."""
    await holding.extend(reservation_id, moment(data.expires_at), by=request.user)
    return Redirect(f"/reservations/{reservation_id}", status_code=303)


@post("/reservations/{reservation_id:uuid}/void", guards=[requires("reservations.make")], status_code=303)
async def void(request: PageRequest, reservation_id: FromPath[UUID]) -> Redirect:
    """Let go of it."""
    await holding.void_reservation(reservation_id, by=request.user)
    return Redirect(f"/reservations/{reservation_id}", status_code=303)


@post("/reservations/{reservation_id:uuid}/take-over", guards=[requires("reservations.take_over")], status_code=303)
async def take_over(request: PageRequest, reservation_id: FromPath[UUID], data: URLEncodedBody[TakingOver]) -> Redirect:
    """Give its stock to a more urgent purpose; the new reservation is shown."""
    held = await taking_over.take_over(
        reservation_id,
        by=request.user,
        reference=data.reference.strip(),
        priority_class=data.priority_class,
        reason=data.reason,
        quantity=quantity(data.quantity),
    )
    return Redirect(f"/reservations/{held.id}", status_code=303)


handlers = [list_reservations, show_reservation, extend, void, take_over]
