"""Planned work through its days: parts are held when their day comes, and whoever planned is told when they will be short."""

from datetime import timedelta
from uuid import UUID

from inventory.ground import clock, db, events
from inventory.ground.actor import Actor
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
        """SELECT part_request.number, planned_at, reservation.id AS reservation, reservation.state, line.source_place,
                  coalesce((line.ahead ->> 'missing')::int, 0) AS missing
           FROM request_line AS line
           JOIN part_request ON part_request.id = line.request
           JOIN reservation ON reservation.id = line.reservation
           WHERE line.id = $1 AND line.request = $2 AND line.state = ANY($3) FOR NO KEY UPDATE OF part_request, line""",
        line,
        request,
        AHEAD,
    )
    if row is None:
        return False
    # a promise of what was missing keeps its place in the queue and names no source
    begun = not row["missing"] and (row["state"] == "pending" or await promises.try_to_begin(row["reservation"], by=by))
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
    await events.emit(f"part_request.{happened}", "part_request", view.number, view, contract=view.contract)
    return True


async def look_ahead(*, by: Actor, limit: int = 1000) -> int:
    """Find sources anew for planned work that has come to be short, or no longer need be; how many requests changed.

    A fault may take what was free until the day, and a delivery may be late: who planned is told while there is time.
    Two statements where nothing changed.
    """
    lines = await db.fetch(
        """SELECT line.id, line.request, reservation.id AS reservation, reservation.starts_at,
                  EXISTS (SELECT FROM forbidden_part
                          WHERE contract = device.contract AND forbidden_part.part = level.part AND in_force) AS forbidden,
                  coalesce((line.ahead ->> 'missing')::int, 0) AS missing, level.part, level.place, level.pool
           FROM request_line AS line
           JOIN reservation ON reservation.id = line.reservation AND reservation.state = 'soft'
           JOIN level ON level.id = reservation.level
           JOIN part_request ON part_request.id = line.request
           JOIN device ON device.id = part_request.device
           WHERE line.state = ANY($2) AND starts_at > $1 ORDER BY reservation.id LIMIT $3""",
        clock.now(),
        AHEAD,
        limit,
    )
    if not lines:
        return 0
    prospects = await promises.prospects([(row["part"], row["place"], row["pool"]) for row in lines])
    missing = {key: count for each in prospects.values() for key, count in each.missing().items()}
    changed: dict[UUID, list[UUID]] = {}
    for row in lines:
        prospect = prospects[row["part"], row["place"], row["pool"]]
        lost = not row["missing"] and missing.get(row["reservation"], 0) > 0
        mended = (
            row["missing"]
            and not row["forbidden"]
            and prospect.spare_from(row["starts_at"], beside=row["reservation"]) > 0
        )
        if lost or mended:
            changed.setdefault(row["request"], []).append(row["id"])
    for request, ids in changed.items():
        await changing.promise_anew(request, ids, by=by, because=[])
    return len(changed)
