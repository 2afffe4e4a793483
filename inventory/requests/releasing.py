"""Releasing: a request passes its gate, and what was held for it becomes its promise."""

from uuid import UUID

from inventory.ground import clock, db, events
from inventory.ground.actor import Actor
from inventory.requests import changing
from inventory.requests.gates import GATED
from inventory.requests.lines import lock_lines, settle
from inventory.requests.requests import RequestView, begin_shipping, request_view
from inventory.stock import reservations


async def let_through(request: UUID, *, by: Actor) -> RequestView:
    """Make what is held firm, find sources for the rest, and count arrivals from now on; its caller locked the request.

    What is promised for planned work stays promised for its day. A line that holds nothing any more, or never did, is promised
    like any other: from elsewhere, or as soon as can be.
    """
    await lock_lines(request)
    now = clock.now()
    held = await db.fetch(
        """UPDATE request_line AS line SET state = 'reserved', firm = true, reserved_at = $3,
                  promised_at = greatest(promised_at + ($3 - line.reserved_at), planned_at),
                  first_promised_at = greatest(promised_at + ($3 - line.reserved_at), planned_at)
           FROM reservation, part_request
           WHERE request = $1 AND line.state = ANY($2) AND reservation.id = line.reservation
             AND reservation.state = 'pending' AND part_request.id = line.request
           RETURNING reservation.id""",
        request,
        list(GATED),
        now,
    )
    await reservations.keep_until([row["id"] for row in held], None)
    await db.execute(
        """UPDATE request_line SET state = 'planned' FROM reservation
           WHERE request = $1 AND request_line.state = ANY($2) AND reservation.id = request_line.reservation
             AND reservation.state = 'soft'""",
        request,
        list(GATED),
    )
    await db.execute(
        """UPDATE request_line SET state = 'backordered', reservation = NULL, expected = NULL, source_place = NULL
           WHERE request = $1 AND state = ANY($2)""",
        request,
        list(GATED),
    )
    await settle(request)
    view = await changing.reclock(request, await request_view(request), by=by)
    await begin_shipping(view)
    await events.emit(
        f"part_request.{view.state}", "part_request", view.number, view, contract=view.contract, depot=view.site
    )
    return view
