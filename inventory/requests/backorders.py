"""Backorders: giving stock that became free to the requests that wait for it; what loses its stock, waits again.

Whoever waits is told something new as soon as there is something new to tell: a delivery on its way, a later one, or stock
that another store can spare by now.
"""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db, events
from inventory.ground.actor import Actor
from inventory.ground.errors import InventoryError
from inventory.installed_base import devices
from inventory.installed_base.contracts import forbids
from inventory.requests import changing, sources
from inventory.requests.gates import GATED
from inventory.requests.lines import settle
from inventory.requests.requests import NOT_LEFT, begin_shipping, request_view, tell_of_shortage
from inventory.requests.sourcing import PICK_HOURS, Wanted, choose
from inventory.stock import priorities, reservations
from inventory.stock.issuable import SourceTooLow
from inventory.stock.lines import count_waiting
from inventory.stock.refusals import InsufficientStock
from inventory.stock.serving import WAYS


@db.atomic
async def fill_backorders(part: int, place: int, pool: int, *, by: Actor, limit: int = 100) -> int:
    """Give free stock of a level to those who wait for it, by rank, deadline and age; how many lines got theirs.

    Whose contract forbids the part by now gets none of it; substitutes and other stores are found by `renew_promises`.
    """
    waiting = await db.fetch(
        f"""SELECT line.id, line.request, line.quantity, part.part_number, place.code AS depot, pool.code AS pool,
                  part_request.priority_class, part_request.source || ':' || part_request.reference_number AS reference,
                  contract.minimum_provenance AS least
           FROM request_line AS line
           JOIN part_request ON part_request.id = line.request
           JOIN device ON device.id = part_request.device
           JOIN contract ON contract.id = device.contract
           JOIN part ON part.id = line.part
           JOIN place ON place.id = line.source_place
           JOIN pool ON pool.id = line.pool
           LEFT JOIN priority_class ON priority_class.code = part_request.priority_class
           WHERE line.state = 'backordered' AND line.part = $1 AND line.source_place = $2 AND line.pool = $3
             AND NOT {forbids("device.contract", "line.part")}
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
                    least=line["least"],
                )
        except (InsufficientStock, SourceTooLow):
            continue  # a smaller line behind it may still fit, or one whose contract asks less
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
        await begin_shipping(view)
        await tell_of_shortage(view, by=by)
        await events.emit(
            "part_request.reserved", "part_request", view.number, view, contract=view.contract, depot=view.site
        )
    return filled


@db.atomic
async def lost_reservation(reservation: UUID, *, by: Actor) -> bool:
    """A line lost its stock to a higher purpose, or it was blocked: find it another source, or have it wait.

    Whether there was such a line.

    Its promise changes with an event.
    """
    row = await db.fetch_one(
        """SELECT line.id, line.request, reservation.state AS ended FROM request_line AS line
           JOIN part_request ON part_request.id = line.request
           JOIN reservation ON reservation.id = line.reservation
           WHERE line.reservation = $1 AND line.state = ANY($2) FOR NO KEY UPDATE OF part_request, line""",
        reservation,
        ["reserved", "picked", *GATED],
    )
    if row is None:
        return False
    because = "taken_over" if row["ended"] == "taken_over" else "piece_blocked"
    await changing.promise_anew(row["request"], [row["id"]], by=by, because=[because])
    return True


class SourcedElsewhere(Struct, frozen=True, kw_only=True):
    """The numbers of the requests that were promised anew, and why others could not be."""

    requests: list[str]
    refusals: list[InventoryError]


async def source_elsewhere(place: int, *, by: Actor, because: str) -> SourcedElsewhere:
    """Find another source for whatever requests hold or wait for at a store that gives nothing away.

    Each request in a transaction of its own, and a refusal of one keeps no other from its source; what was sourced elsewhere
    before is not touched again.
    """
    held = await db.fetch(
        """SELECT DISTINCT request FROM request_line WHERE source_place = $1 AND state = ANY($2) ORDER BY request""",
        place,
        list(NOT_LEFT),
    )
    moved: list[str] = []
    refusals: list[InventoryError] = []
    for row in held:
        try:
            number = await _source_elsewhere(row["request"], place, by=by, because=because)
        except InventoryError as refusal:
            refusals.append(refusal)
        else:
            moved += [] if number is None else [number]
    return SourcedElsewhere(requests=moved, refusals=refusals)


@db.atomic
async def _source_elsewhere(request: UUID, place: int, *, by: Actor, because: str) -> str | None:
    await db.execute("SELECT id FROM part_request WHERE id = $1 FOR NO KEY UPDATE", request)
    lines = await db.fetch(
        "SELECT id FROM request_line WHERE request = $1 AND source_place = $2 AND state = ANY($3) ORDER BY part, id",
        request,
        place,
        list(NOT_LEFT),
    )
    if not lines:
        return None
    view = await changing.promise_anew(request, [line["id"] for line in lines], by=by, because=[because])
    return view.number


AS_GOOD_AS = timedelta(minutes=1)
"""Promises that differ by less are the same."""


class _Waiting(Struct, frozen=True, kw_only=True):
    """A line that waits, with what it was told; `stale` where that does not hold any more."""

    id: UUID
    request: UUID
    part: int
    quantity: int
    firm: bool
    promised_at: datetime | None
    stale: bool
    serial: str
    engineer: str | None
    priority_class: str
    need_by: datetime | None


_STALE = f"""(line.firm AND line.promised_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM expected_delivery
    JOIN ({WAYS}) AS way ON way.site = device.site AND way.place = line.source_place
    WHERE expected_delivery.id = line.expected AND closed_at IS NULL AND due_at > $2
      AND abs(extract(epoch FROM due_at - line.promised_at) / 3600 + {PICK_HOURS} + way.hours)
          <= {AS_GOOD_AS / timedelta(hours=1)}))"""
"""Whether a firm promise of a line names a delivery that is late at `$2`, comes at another time, or not at all."""


async def renew_promises(
    *, by: Actor, part: int | None = None, place: int | None = None, pool: int | None = None, batch: int = 500
) -> int:
    """Promise anew to those who wait, of a level or anywhere, where that changes what they were told; how many lines.

    The most urgent ones first. What was promised firmly is only left for something earlier, or where it does not hold.
    Three statements for each `batch` of lines for which there is nothing new.
    """
    renewed, now = 0, clock.now()
    after: db.Row | None = None
    while True:
        waiting = await db.fetch(
            f"""SELECT line.id, line.part, {_TURN} FROM request_line AS line
               JOIN part_request ON part_request.id = line.request
               LEFT JOIN priority_class ON priority_class.code = part_request.priority_class
               WHERE line.state = 'backordered' AND ($1::int IS NULL OR line.part = $1)
                 AND ($2::int IS NULL OR line.source_place = $2) AND ($3::int IS NULL OR line.pool = $3)
                 AND ($4::int IS NULL OR ({_TURN_OF}) > ($4, $5::timestamptz, $6::timestamptz, $7::uuid))
               ORDER BY {_TURN_OF} LIMIT $8""",
            part,
            place,
            pool,
            *((after["rank"], after["need_by"], after["opened_at"], after["id"]) if after else (None,) * 4),
            batch,
        )
        if waiting:
            usable = await sources.usable(list({row["part"] for row in waiting}), None)
            hopeful = await db.fetch(
                _HOPEFUL, [row["id"] for row in waiting], now, [w for w, _ in usable], [part for _, part in usable]
            )
            renewed += sum([await _renew(row["id"], by=by) for row in hopeful])
        if len(waiting) < batch:
            return renewed
        after = waiting[-1]


_TURN_OF = (
    """-coalesce(priority_class.rank, 0), coalesce(part_request.need_by, 'infinity'), part_request.opened_at, line.id"""
)
"""Whose turn comes first: the higher rank, the earlier deadline, who asked first."""

_TURN = """-coalesce(priority_class.rank, 0) AS rank, coalesce(part_request.need_by, 'infinity') AS need_by,
           part_request.opened_at"""

_HOPEFUL = f"""
WITH usable AS (SELECT * FROM unnest($3::int[], $4::int[]) AS usable(wanted, part))
SELECT line.id
FROM unnest($1::uuid[]) WITH ORDINALITY AS asked(line, turn)
JOIN request_line AS line ON line.id = asked.line
JOIN part_request ON part_request.id = line.request
JOIN device ON device.id = part_request.device
JOIN contract ON contract.id = device.contract
LEFT JOIN priority_class ON priority_class.code = part_request.priority_class
LEFT JOIN place AS waits ON waits.id = line.source_place
WHERE {_STALE} OR waits.id IS NULL OR waits.out_of_service_at IS NOT NULL
   OR EXISTS (SELECT FROM usable JOIN level ON level.part = usable.part JOIN place ON place.id = level.place
              WHERE usable.wanted = line.part AND level.pool = line.pool AND level.condition = 'good'
                AND place.out_of_service_at IS NULL
                AND level.free > CASE WHEN priority_class.may_empty_depots OR level.place = line.source_place THEN 0
                                      ELSE coalesce(level.critical_point, 0) END
                AND CASE WHEN level.free > 0 THEN issuable(level.id, contract.minimum_provenance) > 0 END)
   OR EXISTS (SELECT FROM expected_delivery AS expected
              WHERE expected.part = line.part AND expected.place = line.source_place AND expected.pool = line.pool
                AND confirmed AND closed_at IS NULL AND due_at > $2
                AND expected.quantity - received_quantity > (
                    SELECT coalesce(sum(claim.quantity * claim.pieces_each), 0) FROM request_line AS claim
                    WHERE claim.expected = expected.id AND claim.state = 'backordered'))
ORDER BY asked.turn
"""
"""Lines for which something may be new: stock that could be spared, a delivery that nobody counts on, or a promise to check."""


@db.atomic
async def _renew(line: UUID, *, by: Actor) -> bool:
    """Promise a waiting line anew if that changes what it was told; whether it did."""
    waiting = await db.read_one(
        _Waiting,
        f"""SELECT line.id, line.request, line.part, line.quantity, line.firm, line.promised_at, {_STALE} AS stale,
                  device.serial, part_request.engineer,
                  part_request.priority_class, part_request.need_by
           FROM request_line AS line
           JOIN part_request ON part_request.id = line.request
           JOIN device ON device.id = part_request.device
           WHERE line.id = $1 AND line.state = 'backordered' FOR NO KEY UPDATE OF part_request, line""",
        line,
        clock.now(),
    )
    if waiting is None or not (waiting.stale or await _found_better(waiting)):
        return False
    because = ["delivery_changed"] if waiting.stale else []
    await changing.promise_anew(waiting.request, [line], by=by, because=because)
    return True


async def _found_better(waiting: _Waiting) -> bool:
    """Whether all its pieces could be promised now, or sooner than they are."""
    device = await devices.find(waiting.serial, seen_by=None)
    offered = await sources.gather([waiting.part], device, engineer=waiting.engineer)
    may_empty = await priorities.may_empty_depots(waiting.priority_class)
    wanted = Wanted(quantity=waiting.quantity, sources=offered.stock.get(waiting.part, []))
    (choice,) = choose([wanted], now=clock.now(), need_by=waiting.need_by, may_empty=may_empty)
    if choice.missing:
        return False
    comes = max(taken.arrives_at for taken in choice.taken)
    return not waiting.firm or waiting.promised_at is None or comes < waiting.promised_at - AS_GOOD_AS
