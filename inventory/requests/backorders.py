"""Backorders: giving stock that became free to the requests that wait for it."""

from inventory.ground import clock, db, events
from inventory.ground.actor import Actor
from inventory.requests import sources
from inventory.requests.lines import settle
from inventory.requests.requests import request_view
from inventory.stock import reservations
from inventory.stock.lines import count_waiting
from inventory.stock.refusals import InsufficientStock


@db.atomic
async def fill_backorders(part: int, place: int, pool: int, *, by: Actor, limit: int = 100) -> int:
    """Give free stock of a level to those who wait for it, by rank and then by age; how many lines got theirs."""
    waiting = await db.fetch(
        """SELECT line.id, line.request, line.quantity, part.part_number, place.code AS depot, pool.code AS pool,
                  part_request.severity, part_request.source || ':' || part_request.reference_number AS reference
           FROM request_line AS line
           JOIN part_request ON part_request.id = line.request
           JOIN part ON part.id = line.part
           JOIN place ON place.id = line.source_place
           JOIN pool ON pool.id = line.pool
           LEFT JOIN priority_class ON priority_class.code = part_request.severity
           WHERE line.state = 'backordered' AND line.part = $1 AND line.source_place = $2 AND line.pool = $3
           ORDER BY priority_class.rank DESC NULLS LAST, part_request.opened_at, line.id
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
                    priority_class=line["severity"],
                )
        except InsufficientStock:
            continue  # a smaller line behind it may still fit
        await count_waiting(part, place, pool, -line["quantity"])
        await db.execute(
            """UPDATE request_line SET state = 'reserved', reservation = $2, firm = true, supplied_part = part,
                      reasons = '["stock_arrived"]',
                      promised_at = $3::timestamptz + make_interval(secs => 3600 * $4::float8)
               WHERE id = $1""",
            line["id"],
            held.id,
            clock.now(),
            await sources.hours_to_site(place, line["request"]),
        )
        await settle(line["request"])
        filled += 1
        view = await request_view(line["request"])
        await events.emit("part_request.reserved", "part_request", view.number, view, contract=view.contract)
    return filled
