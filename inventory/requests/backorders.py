"""Backorders: giving stock that became free to the requests that wait for it; and what loses its stock, waits again."""

from uuid import UUID

import msgspec

from inventory.ground import clock, db, events, jobs
from inventory.ground.actor import Actor
from inventory.installed_base import devices
from inventory.requests import sources
from inventory.requests.lines import settle
from inventory.requests.requests import request_view, soonest
from inventory.requests.sourcing import choose
from inventory.stock import reservations
from inventory.stock.lines import count_waiting
from inventory.stock.refusals import InsufficientStock
from inventory.stock.serving import serving_row


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


@db.atomic
async def lost_reservation(reservation: UUID, *, by: Actor) -> bool:
    """A line lost its stock to a higher purpose: find it another source, or have it wait; whether there was such a line.

    Its promise changes with an event.
    """
    row = await db.fetch_one(
        """SELECT line.id, line.request, line.part, line.quantity, line.pool, part.part_number, part_request.severity,
                  part_request.need_by, part_request.engineer, device.serial,
                  part_request.source || ':' || part_request.reference_number AS reference
           FROM request_line AS line
           JOIN part ON part.id = line.part
           JOIN part_request ON part_request.id = line.request
           JOIN device ON device.id = part_request.device
           WHERE line.reservation = $1 AND line.state = 'reserved' FOR NO KEY UPDATE OF part_request, line""",
        reservation,
    )
    if row is None:
        return False
    device = await devices.find(row["serial"], seen_by=by)
    offered = await sources.gather([row["part"]], device, engineer=row["engineer"])
    choice = choose(
        row["quantity"],
        offered.stock.get(row["part"], []),
        offered.purchases.get(row["part"], []),
        now=clock.now(),
        need_by=row["need_by"],
        severe=row["severity"] == "severe",
    )
    source, held = choice.source, None
    if source is not None:
        try:
            async with db.savepoint():
                held = await reservations.hold(
                    source.part_number,
                    source.depot,
                    row["quantity"],
                    by=by,
                    pool=source.pool_code,
                    reference=row["reference"],
                    priority_class=row["severity"],
                )
        except InsufficientStock:
            held = None  # somebody was faster: the line waits
    primary = await serving_row(device.site, device.contract)
    waits_at = primary.place if primary else None
    await db.execute(
        """UPDATE request_line SET state = $2, reservation = $3, firm = $4, source_place = $5, supplied_part = $6,
                  promised_at = $7, reasons = $8, ladder = $9
           WHERE id = $1""",
        row["id"],
        "reserved" if held else "backordered",
        held.id if held else None,
        held is not None,
        source.place if held and source else waits_at,
        source.part if held and source else None,
        choice.arrives_at if held else soonest(choice.ladder),
        ["taken_over", *choice.reasons] if held else ["taken_over", "waits_for_stock"],
        msgspec.to_builtins(choice.ladder),
    )
    if held is None and waits_at is not None:
        await count_waiting(row["part"], waits_at, row["pool"], row["quantity"])
        await jobs.enqueue(jobs.Assess(row["part"], waits_at, row["pool"]))
    await settle(row["request"])
    view = await request_view(row["request"])
    await events.emit("part_request.promise_changed", "part_request", view.number, view, contract=view.contract)
    return True
