"""Reservations: who holds what, until when, and who takes it over."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Long, Reason, Short, moment, quantity, words
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.assurance.meter import previewing
from inventory.places import places
from inventory.requests import holding
from inventory.stock import pools, priorities, promises, reservations, taking_over


class Holding(Struct, kw_only=True):
    """What is held where and for what; from a moment on, where one is given."""

    part_number: Short
    depot: Short
    quantity: Short
    pool: Short = pools.COMMON
    reference: Short = ""
    priority_class: Short = ""
    starts_at: Short = ""
    expires_at: Short = ""


class HandingOut(Struct, kw_only=True):
    """What of it leaves, and where to."""

    quantity: Short
    to: Short = "ISSUED"
    serials: Long = ""
    keep_rest: Short = ""


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


@get("/reservations/new", guards=[requires("reservations.make")])
async def new_reservation(request: PageRequest, part: FromQuery[str] = "", depot: FromQuery[str] = "") -> Page:
    """Ask what is to be held, and for what."""
    return Page(
        "reservations/new.html",
        part=part[:200],
        depot=depot,
        stores=await places.stores(limit=200, seen_by=request.user),
        pools=await pools.pool_codes(limit=200),
        classes=await priorities.priority_classes(),
    )


@post("/reservations/new", guards=[requires("reservations.make")], status_code=303)
async def reserve(request: PageRequest, data: URLEncodedBody[Holding]) -> Redirect:
    """Hold stock, or promise it from a moment to come."""
    wanted = (data.part_number.strip(), data.depot, quantity(data.quantity))
    starts_at = moment(data.starts_at)
    named = {
        "by": request.user,
        "pool": data.pool,
        "reference": data.reference.strip() or None,
        "priority_class": data.priority_class or None,
        "expires_at": moment(data.expires_at),
    }
    held = await (
        reservations.reserve(*wanted, **named)
        if starts_at is None
        else promises.promise(*wanted, starts_at=starts_at, **named)
    )
    return Redirect(f"/reservations/{held.id}", status_code=303)


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


@post("/reservations/{reservation_id:uuid}/post", guards=[requires("stock.issue")], status_code=303)
async def hand_out(request: PageRequest, reservation_id: FromPath[UUID], data: URLEncodedBody[HandingOut]) -> Redirect:
    """Hand out what is held, all or a part."""
    await holding.post_reservation(
        reservation_id,
        by=request.user,
        to=data.to.strip() or "ISSUED",
        quantity=quantity(data.quantity),
        serials=words(data.serials),
        keep_rest=data.keep_rest == "yes",
    )
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


handlers = [list_reservations, new_reservation, reserve, show_reservation, hand_out, extend, void, take_over]
