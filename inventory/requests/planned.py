"""Planned work through its days: parts are held when their day comes, and whoever planned is told when they will be short."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.ground import clock, db, events
from inventory.ground.actor import Actor
from inventory.installed_base.contracts import forbids
from inventory.requests import changing, sources
from inventory.requests.gates import GATED, gate_of
from inventory.requests.lines import settle
from inventory.requests.requests import begin_shipping, request_view, tell_of_shortage
from inventory.stock import promises, reservations

AHEAD = ["planned", *GATED]
"""States of lines that may be promised ahead."""


async def begin_due(*, by: Actor, limit: int = 500) -> int:
    """Hold the parts of planned work whose day has come, the highest rank first; how many lines got theirs.

    Each is a transaction of its own. What is not there is looked for everywhere else, as for any other request. What still
    waits for an answer or an approval is held as well, and stays behind its gate.
    """
    due = await db.fetch(
        """SELECT line.id, line.request FROM request_line AS line JOIN reservation ON reservation.id = line.reservation
           WHERE (line.state = 'planned' AND reservation.state = 'pending'
                  OR line.state = ANY($2) AND reservation.state = 'soft' AND starts_at <= $1)
           ORDER BY priority DESC, starts_at, line.id LIMIT $3""",
        clock.now(),
        AHEAD,
        limit,
    )
    return sum([await _begin(row["request"], row["id"], by=by) for row in due])


@db.atomic
async def _begin(request: UUID, line: UUID, *, by: Actor) -> bool:
    row = await db.fetch_one(
        f"""SELECT part_request.number, planned_at, reservation.id AS reservation, reservation.state, line.source_place,
                  coalesce((line.ahead ->> 'missing')::int, 0) > 0 OR place.out_of_service_at IS NOT NULL
                      OR {forbids("device.contract", "level.part")} AS not_there
           FROM request_line AS line
           JOIN part_request ON part_request.id = line.request
           JOIN device ON device.id = part_request.device
           JOIN reservation ON reservation.id = line.reservation
           JOIN level ON level.id = reservation.level
           JOIN place ON place.id = level.place
           WHERE line.id = $1 AND line.request = $2 AND line.state = ANY($3) FOR NO KEY UPDATE OF part_request, line""",
        line,
        request,
        AHEAD,
    )
    if row is None:
        return False
    # a promise of what was missing keeps its place in the queue and names no source
    begun = not row["not_there"] and (
        row["state"] == "pending" or await promises.try_to_begin(row["reservation"], by=by)
    )
    if not begun:
        await changing.promise_anew(request, [line], by=by, because=["not_there_on_the_day"])
        return False
    travel = timedelta(hours=await sources.hours_to_site(row["source_place"], request))
    now, gate = clock.now(), await gate_of(request)
    if gate is not None:
        await reservations.keep_until([row["reservation"]], gate.until)
    await db.execute(
        """UPDATE request_line SET state = coalesce($4::text, 'reserved'), firm = $4::text IS NULL, reserved_at = $2,
                  promised_at = $3::timestamptz, ahead = NULL,
                  first_promised_at = coalesce(first_promised_at, CASE WHEN $4::text IS NULL THEN $3::timestamptz END),
                  supplied_part = coalesce(supplied_part, part), reasons = '["held_for_the_day"]'
           WHERE id = $1""",
        line,
        now,
        # behind a gate: were it passed now
        max(row["planned_at"], now + travel) if gate is None else now + travel,
        gate and gate.state,
    )
    await settle(request)
    view = await request_view(request)
    await begin_shipping(view)
    await tell_of_shortage(view, by=by)
    happened = "reserved" if gate is None else "promise_changed"
    await events.emit(
        f"part_request.{happened}", "part_request", view.number, view, contract=view.contract, depot=view.site
    )
    return True


async def followed(*, limit: int = 10_000) -> list[UUID]:
    """Soft reservations that begin with their lines, by `begin_due`, and are due within the hour."""
    rows = await db.fetch(
        """SELECT reservation.id FROM request_line AS line JOIN reservation ON reservation.id = line.reservation
           WHERE line.state = ANY($1) AND reservation.state = 'soft' AND starts_at <= $2 ORDER BY starts_at LIMIT $3""",
        AHEAD,
        clock.now() + timedelta(hours=1),
        limit,
    )
    return [row["id"] for row in rows]


class _Line(Struct, frozen=True, kw_only=True):
    """A line that is promised ahead from a level; its part may come to be forbidden, its store be out of service."""

    request: UUID
    reservation: UUID
    starts_at: datetime
    missing: int
    forbidden: bool
    out_of_service: bool


async def look_ahead(*, by: Actor, batch: int = 200) -> int:
    """Find sources anew for planned work that has come to be short, or no longer need be; how many times it changed.

    A fault may take what was free until the day, a delivery may be late, a store go out of service, a contract forbid a part:
    who planned is told while there is time. Level by level that promises more than it has, or misses something: three
    statements for each `batch` of them, and one where there is none.
    """
    changed, after = 0, 0
    while True:
        levels = await db.fetch(_DOUBTFUL, clock.now(), AHEAD, after, batch)
        if levels:
            changed += await _look_at(levels, by)
        if len(levels) < batch:
            return changed
        after = levels[-1]["id"]


async def _look_at(levels: Sequence[db.Row], by: Actor) -> int:
    spots = {(row["part"], row["place"], row["pool"]): row["id"] for row in levels}
    prospects = {spots[spot]: each for spot, each in (await promises.prospects(list(spots))).items()}
    rows = await db.fetch(_LINES, [row["id"] for row in levels], AHEAD, clock.now())
    lines: dict[int, list[_Line]] = {}
    for row in rows:
        lines.setdefault(row["level"], []).append(msgspec.convert(row["line"], _Line))
    changed = 0
    for level, ahead in lines.items():
        # what is missing has its place in the queue, behind what is promised
        queue = sorted(line.reservation for line in ahead if line.missing)
        will_miss = prospects[level].missing(last=queue)
        lost: dict[UUID, list[UUID]] = {}
        for line in ahead:
            if line.missing and not line.out_of_service:
                behind = [each for each in queue if each > line.reservation]
                spare = prospects[level].spare_from(line.starts_at, beside=[line.reservation, *behind])
                if spare and not line.forbidden:
                    changed += await _source_anew(line.request, [line.reservation], by=by, before=behind)
            elif line.out_of_service or line.forbidden or will_miss.get(line.reservation, 0):
                lost.setdefault(line.request, []).append(line.reservation)
        for request, promised in lost.items():
            changed += await _source_anew(request, promised, by=by)
    return changed


@db.atomic
async def _source_anew(request: UUID, promised: Sequence[UUID], *, by: Actor, before: Collection[UUID] = ()) -> bool:
    """Promise lines anew that were looked at and still have these reservations; whether there were any."""
    lines = await db.fetch(
        """SELECT line.id FROM request_line AS line JOIN part_request ON part_request.id = line.request
           WHERE line.request = $1 AND line.reservation = ANY($2) AND line.state = ANY($3)
           ORDER BY line.part, line.id FOR NO KEY UPDATE OF part_request, line""",
        request,
        list(promised),
        AHEAD,
    )
    if lines:
        await changing.promise_anew(request, [line["id"] for line in lines], by=by, before=before)
    return bool(lines)


_DOUBTFUL = f"""
SELECT level.id, level.part, level.place, level.pool
FROM level
JOIN place ON place.id = level.place
JOIN (
    SELECT level, sum(quantity) AS quantity FROM reservation WHERE state = 'soft' AND level > $3 GROUP BY level
) AS promised ON promised.level = level.id
WHERE level.id > $3 AND EXISTS (
    SELECT FROM reservation
    JOIN request_line AS line ON line.reservation = reservation.id AND line.state = ANY($2)
    JOIN part_request ON part_request.id = line.request
    JOIN device ON device.id = part_request.device
    WHERE reservation.level = level.id AND reservation.state = 'soft' AND reservation.starts_at > $1
      AND (promised.quantity > level.free - level.backordered OR place.out_of_service_at IS NOT NULL
           OR (line.ahead ->> 'missing')::int > 0
           OR {forbids("device.contract", "level.part")})
)
ORDER BY level.id LIMIT $4
"""

_LINES = f"""
SELECT reservation.level, jsonb_build_object(
           'request', line.request, 'reservation', reservation.id, 'starts_at', starts_at,
           'missing', coalesce((line.ahead ->> 'missing')::int, 0), 'out_of_service', place.out_of_service_at IS NOT NULL,
           'forbidden', {forbids("device.contract", "level.part")}) AS line
FROM reservation
JOIN request_line AS line ON line.reservation = reservation.id AND line.state = ANY($2)
JOIN level ON level.id = reservation.level
JOIN place ON place.id = level.place
JOIN part_request ON part_request.id = line.request
JOIN device ON device.id = part_request.device
WHERE reservation.level = ANY($1) AND reservation.state = 'soft' AND starts_at > $3 ORDER BY reservation.id
"""
