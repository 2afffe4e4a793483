"""Holding: resolving a reservation by hand, unless a part request counts on it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Refused
from inventory.requests.gates import GATED
from inventory.stock import reservations
from inventory.stock.reservations import Reservation


class HeldForRequest(Refused):
    """Reservation {id} holds what part request {request} was promised; it is resolved through that."""

    zh = "预留 {id} 属于备件申请 {request}，须通过该申请处理。"
    help_en = "Ship or cancel the request, or take the stock over for a more urgent purpose."
    help_zh = "请办理该申请的发货或取消，或由更高优先级的用途占用。"


async def _refuse_where_a_request_waits(reservation: UUID, right: str, *, by: Actor) -> None:
    """Refuse, to somebody who might else resolve it, what a part request was promised."""
    by.require(right)
    by.require_depot((await reservations.reservation_view(reservation)).depot)
    request = await db.fetch_value(
        """SELECT part_request.number FROM request_line JOIN part_request ON part_request.id = request_line.request
           WHERE request_line.reservation = $1 AND request_line.state = ANY($2)""",
        reservation,
        ["planned", "reserved", "picked", *GATED],
    )
    if request is not None:
        raise HeldForRequest(id=str(reservation), request=request)


@db.atomic
async def post_reservation(
    reservation: UUID,
    *,
    by: Actor,
    to: str,
    quantity: int | None = None,
    serials: Sequence[str] = (),
    occurred_at: datetime | None = None,
    keep_rest: bool = False,
) -> Reservation:
    """Hand out what was reserved.

    Raises:
        HeldForRequest: it leaves by its part request.
        As `stock.reservations.post_reservation`.

    """
    await _refuse_where_a_request_waits(reservation, "stock.issue", by=by)
    return await reservations.post_reservation(
        reservation,
        by=by,
        to=to,
        quantity=quantity,
        serials=serials,
        occurred_at=occurred_at,
        keep_rest=keep_rest,
    )


@db.atomic
async def void_reservation(reservation: UUID, *, by: Actor) -> Reservation:
    """Let go of what was reserved.

    Raises:
        HeldForRequest: it ends with its part request.
        As `stock.reservations.void_reservation`.

    """
    await _refuse_where_a_request_waits(reservation, "reservations.make", by=by)
    return await reservations.void_reservation(reservation, by=by)


@db.atomic
async def extend(reservation: UUID, expires_at: datetime | None, *, by: Actor) -> Reservation:
    """Let a reservation last until another time.

    Raises:
        HeldForRequest: it lasts as long as its part request waits.
        As `stock.reservations.extend`.

    """
    await _refuse_where_a_request_waits(reservation, "reservations.make", by=by)
    return await reservations.extend(reservation, expires_at, by=by)
