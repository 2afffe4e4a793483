"""Backorders: giving stock that became free to the requests that wait for it; and what loses its stock, waits again."""

from datetime import timedelta
from uuid import UUID

from inventory.ground import clock, db, events
from inventory.ground.actor import Actor
from inventory.requests import changing, sources
from inventory.requests.lines import settle
from inventory.requests.requests import request_view, tell_of_shortage
from inventory.stock import reservations
from inventory.stock.lines import count_waiting
from inventory.stock.refusals import InsufficientStock


@db.atomic
async def fill_backorders(part: int, place: int, pool: int, *, by: Actor, limit: int = 100) -> int:
    """Give free stock of a level to those who wait for it, by rank, deadline and age; how many lines got theirs."""
    waiting = await db.fetch(
        """SELECT line.id, line.request, line.quantity, part.part_number, place.code AS depot, pool.code AS pool,
                  part_request.priority_class, part_request.source || ':' || part_request.reference_number AS reference
           FROM request_line AS line
           JOIN part_request ON part_request.id = line.request
           JOIN part ON part.id = line.part
           JOIN place ON place.id = line.source_place
           JOIN pool ON pool.id = line.pool
           LEFT JOIN priority_class ON priority_class.code = part_request.priority_class
           WHERE line.state = 'backordered' AND line.part = $1 AND line.source_place = $2 AND line.pool = $3
           ORDER BY priority_class.rank DESC NULLS LAST, line.expected IS NULL, part_request.need_by NULLS LAST,
                    part_request.opened_at, line.id
           -- a request is locked before its lines, as by whoever ships or cancels it
           LIMIT $4 FOR NO KEY UPDATE OF part_request, line""",
        part,
        place,
        pool,
        limit,
    )
    filled = 0
    for line in waiting:
        try:
            async with db.savepoint():
                held = await reservations.hold(
                    line["part_number"],
                    line["depot"],
                    line["quantity"],
                    by=by,
                    pool=line["pool"],
                    reference=line["reference"],
                    priority_class=line["priority_class"],
                )
        except InsufficientStock:
            continue  # a smaller line behind it may still fit
        await count_waiting(part, place, pool, -line["quantity"])
        await db.execute(
            """UPDATE request_line SET state = 'reserved', reservation = $2, expected = NULL, firm = true, supplied_part = part,
                      ahead = NULL, pieces_each = 1, reasons = '["stock_arrived"]', reserved_at = $3, promised_at = $4,
                      first_promised_at = coalesce(first_promised_at, $4)
               WHERE id = $1""",
            line["id"],
            held.id,
            clock.now(),
            clock.now() + timedelta(hours=await sources.hours_to_site(place, line["request"])),
        )
        await settle(line["request"])
        filled += 1
        view = await request_view(line["request"])
        await tell_of_shortage(view, by=by)
        await events.emit("part_request.reserved", "part_request", view.number, view, contract=view.contract)
    return filled


@db.atomic
async def lost_reservation(reservation: UUID, *, by: Actor) -> bool:
    """A line lost its stock to a higher purpose: find it another source, or have it wait; whether there was such a line.

    Its promise changes with an event.
    """
    row = await db.fetch_one(
        """SELECT line.id, line.request FROM request_line AS line
           JOIN part_request ON part_request.id = line.request
           WHERE line.reservation = $1 AND line.state IN ('reserved', 'picked') FOR NO KEY UPDATE OF part_request, line""",
        reservation,
    )
    if row is None:
        return False
    await changing.promise_anew(row["request"], [row["id"]], by=by, because=["taken_over"])
    return True
