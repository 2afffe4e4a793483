"""Taking over for a part request that waits: what a lower purpose holds becomes its firm promise."""

from datetime import timedelta
from uuid import UUID

from inventory.ground import clock, db, events
from inventory.ground.actor import Actor
from inventory.ground.errors import Refused
from inventory.requests import sources
from inventory.requests.lines import settle
from inventory.requests.requests import begin_shipping, request_view, tell_of_shortage
from inventory.stock import taking_over
from inventory.stock.lines import count_waiting
from inventory.stock.reservations import Reservation


class NobodyWaitsForThis(Refused):
    """No line of that request waits for what this reservation holds."""

    zh = "该申请没有待货行需要此预留所占用的备件。"
    help_en = "Take over a reservation of the same part, store and pool, with enough pieces."
    help_zh = "请选择同一备件、同一备件库、同一库存归属且数量足够的预留。"


@db.atomic
async def take_over_for_request(reservation: UUID, request: UUID, *, by: Actor, reason: str) -> Reservation:
    """Take a reservation of lower rank over for a line that waits for the same part at the same store and pool.

    Raises:
        Unknown: no such reservation or request.
        NobodyWaitsForThis: no line of the request waits for what it holds.
        NotLowerPriority, HeldForTransfer, ReservationResolved, ReasonMissing, SourceTooLow: as for
            `taking_over.take_over`.

    """
    await request_view(request, seen_by=by)
    line = await db.fetch_one(
        """SELECT line.id, line.part, line.source_place, line.pool, line.quantity, part_request.priority_class,
                  part_request.source || ':' || part_request.reference_number AS reference,
                  contract.minimum_provenance AS least
           FROM request_line AS line
           JOIN part_request ON part_request.id = line.request
           JOIN device ON device.id = part_request.device
           JOIN contract ON contract.id = device.contract
           JOIN level ON level.part = line.part AND level.place = line.source_place AND level.pool = line.pool
           JOIN reservation ON reservation.level = level.id AND reservation.id = $1
           WHERE line.request = $2 AND line.state = 'backordered'
             AND line.quantity <= reservation.quantity - reservation.posted_quantity
           ORDER BY line.position LIMIT 1 FOR NO KEY UPDATE OF part_request, line""",
        reservation,
        request,
    )
    if line is None:
        raise NobodyWaitsForThis
    held = await taking_over.take_over(
        reservation,
        by=by,
        reference=line["reference"],
        priority_class=line["priority_class"],
        reason=reason,
        quantity=line["quantity"],
        least=line["least"],
    )
    await count_waiting(line["part"], line["source_place"], line["pool"], -line["quantity"])
    hours = await sources.hours_to_site(line["source_place"], request)
    await db.execute(
        """UPDATE request_line SET state = 'reserved', reservation = $2, expected = NULL, firm = true, supplied_part = part,
                  pieces_each = 1, ahead = NULL,
                  reasons = '["took_over"]', promised_at = $3, reserved_at = $4,
                  first_promised_at = coalesce(first_promised_at, $3)
           WHERE id = $1""",
        line["id"],
        held.id,
        clock.now() + timedelta(hours=hours),
        clock.now(),
    )
    await settle(request)
    view = await request_view(request)
    await begin_shipping(view)
    await tell_of_shortage(view, by=by)
    await events.emit(
        "part_request.reserved", "part_request", view.number, view, contract=view.contract, depot=view.site
    )
    return held
