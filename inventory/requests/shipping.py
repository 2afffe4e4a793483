"""Shipping what part requests hold."""

from collections.abc import Sequence
from uuid import UUID

from inventory.ground import clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import WrongState
from inventory.requests.lines import lock_head, lock_lines, settle
from inventory.requests.requests import RequestView, request_view
from inventory.stock import reservations


@db.atomic
async def ship(request: UUID, *, by: Actor, serials: Sequence[str] = ()) -> RequestView:
    """Hand out what a request holds: it leaves the store for the site.

    Raises:
        Unknown: no such request.
        WrongState: nothing of it is held.
        NotYourDepot: a part lies in a store the actor does not serve.

    """
    by.require("stock.issue")
    head = await lock_head(request)
    lines = [line for line in await lock_lines(request) if line.state == "reserved" and line.reservation]
    if not lines:
        raise WrongState(
            what="Part request", what_zh="备件申请", key=head["number"], state=head["state"], needed="reserved"
        )
    for line in lines:
        if line.reservation is None or line.depot is None:
            continue
        by.require_depot(line.depot)
        mine = await _serials_of(line.supplied_part or line.part, serials)
        posted = await reservations.hand_out(
            line.reservation,
            by=by,
            to=head["site"],
            serials=mine,
            document_kind="part_request",
            document=head["number"],
        )
        await db.execute(
            "UPDATE request_line SET state = 'shipped', shipped_at = $2, serial_in = $3 WHERE id = $1",
            line.id,
            clock.now(),
            ", ".join(posted.serials) or None,
        )
    await settle(request)
    await steps.finish("part_request", str(request), "ship_parts", by=by)
    view = await request_view(request)
    await events.emit("part_request.shipped", "part_request", view.number, view, contract=view.contract)
    return view


async def _serials_of(part: int, serials: Sequence[str]) -> list[str]:
    rows = await db.fetch("SELECT serial FROM unit WHERE part = $1 AND serial = ANY($2)", part, list(serials))
    return [row["serial"] for row in rows]
