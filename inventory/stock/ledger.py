"""Posting to the ledger: the one statement through which stock moves.

A move goes from a spot to a spot. A spot is a place with condition, owner and pool; where the place is a store,
the level there changes with it. The statement locks the levels it touches in one order (that of their key: part,
place, condition, owner, pool, as every other verb does; and the level before its units and lots), lets none of them break
its bounds, writes the movements, moves the units, and tells which lines were crossed.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from inventory.catalogue.substitutes import in_several
from inventory.ground import clock, db, jobs
from inventory.ground.actor import Actor
from inventory.places.tables import STORE_KINDS
from inventory.stock import cover, lots
from inventory.stock.moves import GOOD, Move, Spot
from inventory.stock.refusals import (
    HappenedBeforeItCame,
    InsufficientStock,
    LotNotHere,
    StockFrozen,
    UnitMoved,
    UnitNotHere,
)


class LevelChange(Struct, frozen=True, kw_only=True):
    """A level after a statement changed it, and by how much; `in_several` as in `cover.standing`."""

    id: int
    part: int
    place: int
    pool: int
    condition: str
    on_hand: int
    reserved: int
    backordered: int
    reorder_point: int | None
    critical_point: int | None
    average_failure_line: int | None
    freed: int
    in_several: bool

    @property
    def free(self) -> int:
        """What may still be promised."""
        return self.on_hand - self.reserved

    def crosses_a_line(self) -> bool:
        """Whether the change took the available stock over the critical point or the average-failure line.

        Stock counts as below the critical point when it is smaller, and as at the average-failure line when it is
        not greater (planning: D76, D78).
        """
        before, after = self._before_and_after()
        crosses_critical = self.critical_point is not None and (
            (before < self.critical_point) != (after < self.critical_point)
        )
        crosses_average = self.average_failure_line is not None and (
            (before <= self.average_failure_line) != (after <= self.average_failure_line)
        )
        return crosses_critical or crosses_average

    def falls_to_reorder(self) -> bool:
        """Whether the change took the available stock down to the reorder point, or over a line that makes it urgent."""
        before, after = self._before_and_after()
        falls = self.reorder_point is not None and after <= self.reorder_point < before
        return falls or (after < before and self.crosses_a_line())

    def _before_and_after(self) -> tuple[int, int]:
        """The available stock (free − backordered) before the change, and after it."""
        after = self.free - self.backordered
        return after - self.freed, after

    def changes_cover(self) -> bool:
        """Whether the change may matter to what the promise meter says of the devices served from here."""
        before = cover.standing(self.free - self.freed, self.critical_point, in_several=self.in_several)
        return before != cover.standing(self.free, self.critical_point, in_several=self.in_several)


LEVEL_COLUMNS = f"""level.id, level.part, level.place, level.owner, level.pool, level.condition,
    level.on_hand, level.reserved, level.backordered, level.reorder_point, level.critical_point,
    level.average_failure_line,
    {in_several("level.part")} AS in_several"""

_STORES = ", ".join(f"'{kind}'" for kind in STORE_KINDS)

POST = f"""
WITH move AS (
    SELECT * FROM unnest(
        $1::text[], $2::int[], $3::int[], $4::uuid[],
        $5::int[], $6::text[], $7::int[], $8::int[],
        $9::int[], $10::text[], $11::int[], $12::int[],
        $13::int[], $14::uuid[], $15::text[], $16::text[], $17::text[], $18::timestamptz[], $19::uuid[],
        $20::uuid[], $21::int[], $22::int[], $23::uuid[]
    ) AS m(kind, part, quantity, unit,
           from_place, from_condition, from_owner, from_pool,
           to_place, to_condition, to_owner, to_pool,
           released, reservation, document_kind, document, reason, occurred_at, reverses,
           lot, from_bin, to_bin, receipt)
),
change AS (
    SELECT side.part, side.place, side.condition, side.owner, side.pool,
           sum(side.on_hand)::int AS on_hand, sum(side.reserved)::int AS reserved,
           -- what lies in a frozen store is corrected and scrapped, but does not leave it
           bool_or(place.frozen_at IS NOT NULL AND side.goes_to <> side.place
                   AND (SELECT kind FROM place WHERE id = side.goes_to) NOT IN ('adjustment', 'scrap')) AS frozen
    FROM (
        SELECT part, from_place AS place, from_condition AS condition, from_owner AS owner, from_pool AS pool,
               -quantity AS on_hand, -released AS reserved, to_place AS goes_to
        FROM move
        UNION ALL
        SELECT part, to_place, to_condition, to_owner, to_pool, quantity, 0, to_place FROM move
    ) AS side
    JOIN place ON place.id = side.place AND place.kind IN ({_STORES})
    GROUP BY 1, 2, 3, 4, 5
),
locked AS MATERIALIZED (
    SELECT level.id, change.on_hand, change.reserved, change.part, change.place, change.condition, change.owner,
           change.pool, change.frozen
    FROM level JOIN change USING (part, place, condition, owner, pool)
    ORDER BY level.part, level.place, level.condition, level.owner, level.pool
    FOR NO KEY UPDATE OF level
),
down AS (
    UPDATE level SET on_hand = level.on_hand + locked.on_hand, reserved = level.reserved + locked.reserved
    FROM locked
    WHERE level.id = locked.id AND (locked.on_hand < 0 OR locked.reserved < 0) AND NOT locked.frozen
      AND level.reserved + locked.reserved >= 0
      AND level.on_hand + locked.on_hand >= level.reserved + locked.reserved
    RETURNING {LEVEL_COLUMNS}
),
up AS (
    INSERT INTO level (part, place, condition, owner, pool, on_hand)
    SELECT part, place, condition, owner, pool, on_hand FROM change
    -- reading `locked` makes this side wait until every lock is held, in order
    WHERE on_hand >= 0 AND reserved >= 0 AND NOT frozen AND (SELECT count(*) FROM locked) >= 0
    ORDER BY part, place, condition, owner, pool
    ON CONFLICT ON CONSTRAINT level_identity DO UPDATE SET on_hand = level.on_hand + excluded.on_hand
    RETURNING {LEVEL_COLUMNS}
),
written AS (
    INSERT INTO movement (recorded_at, occurred_at, kind, part, quantity, unit, lot,
                          from_place, from_condition, from_owner, from_pool, from_bin,
                          to_place, to_condition, to_owner, to_pool, to_bin,
                          reservation, document_kind, document, reason, actor, reverses, receipt)
    SELECT $24, coalesce(occurred_at, $24), kind, part, quantity, unit, lot,
           from_place, from_condition, from_owner, from_pool, from_bin,
           to_place, to_condition, to_owner, to_pool, to_bin,
           reservation, document_kind, document, reason, $25, reverses, receipt
    FROM move
    RETURNING id
),
moved AS (
    UPDATE unit SET place = move.to_place, condition = move.to_condition, owner = move.to_owner, pool = move.to_pool,
                    bin = move.to_bin,
                    -- custody follows the piece: to the engineer or key-holder it comes to, the giver's while on the road
                    custodian = CASE
                        WHEN move.to_place = (SELECT id FROM place WHERE code = 'TRANSIT') THEN unit.custodian
                        ELSE coalesce((SELECT id FROM person WHERE stock_place = move.to_place),
                                      (SELECT key_holder FROM store_keeping WHERE place = move.to_place)) END
    FROM move
    WHERE unit.id = move.unit AND unit.part = move.part
      AND unit.place = move.from_place AND unit.condition = move.from_condition
      AND unit.owner = move.from_owner AND unit.pool = move.from_pool AND unit.bin IS NOT DISTINCT FROM move.from_bin
    RETURNING unit.id
),
lot_change AS (
    SELECT side.lot, side.part, side.place, side.condition, side.owner, side.pool, side.bin,
           sum(side.quantity)::int AS quantity
    FROM (
        SELECT lot, part, from_place AS place, from_condition AS condition, from_owner AS owner, from_pool AS pool,
               from_bin AS bin, -quantity AS quantity
        FROM move WHERE lot IS NOT NULL
        UNION ALL
        SELECT lot, part, to_place, to_condition, to_owner, to_pool, to_bin, quantity FROM move WHERE lot IS NOT NULL
    ) AS side
    JOIN place ON place.id = side.place AND place.kind IN ({_STORES})
    GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(side.quantity) <> 0
),
lots_down AS (
    UPDATE lot_stock SET quantity = lot_stock.quantity + lot_change.quantity
    FROM lot_change
    -- lots are touched only once their levels are locked
    WHERE (SELECT count(*) FROM locked) >= 0
      AND lot_stock.lot = lot_change.lot AND lot_stock.place = lot_change.place
      AND lot_stock.condition = lot_change.condition AND lot_stock.owner = lot_change.owner
      AND lot_stock.pool = lot_change.pool AND lot_stock.bin IS NOT DISTINCT FROM lot_change.bin
      AND lot_change.quantity < 0 AND lot_stock.quantity + lot_change.quantity >= 0
    RETURNING lot_stock.id
),
lots_up AS (
    INSERT INTO lot_stock (lot, part, place, condition, owner, pool, bin, quantity)
    SELECT lot, part, place, condition, owner, pool, bin, quantity FROM lot_change
    WHERE quantity > 0 AND (SELECT count(*) FROM locked) >= 0
    ORDER BY lot, place, condition, owner, pool, bin
    ON CONFLICT ON CONSTRAINT lot_stock_identity DO UPDATE SET quantity = lot_stock.quantity + excluded.quantity
    RETURNING id
)
SELECT (SELECT count(*) FROM moved)::int AS units_moved,
       ((SELECT count(*) FROM lot_change) - (SELECT count(*) FROM lots_down) - (SELECT count(*) FROM lots_up))::int
       AS lots_missing,
       change.part AS wanted_part, change.place AS wanted_place,
       change.condition AS wanted_condition, change.owner AS wanted_owner, change.pool AS wanted_pool,
       -change.on_hand AS wanted, change.frozen,
       result.id, result.part, result.place, result.pool, result.condition, result.on_hand, result.reserved,
       result.backordered, result.reorder_point, result.critical_point, result.average_failure_line, result.in_several,
       change.on_hand - change.reserved AS freed
FROM (SELECT 1) AS always
LEFT JOIN change ON true
LEFT JOIN (SELECT * FROM down UNION ALL SELECT * FROM up) AS result USING (part, place, condition, owner, pool)
"""


def _columns(moves: Sequence[Move]) -> list[list[object]]:
    """The moves as the statement's columns, in its order."""
    return [
        [m.kind for m in moves],
        [m.part for m in moves],
        [m.quantity for m in moves],
        [m.unit for m in moves],
        [m.origin.place for m in moves],
        [m.origin.condition for m in moves],
        [m.origin.owner for m in moves],
        [m.origin.pool for m in moves],
        [m.target.place for m in moves],
        [m.target.condition for m in moves],
        [m.target.owner for m in moves],
        [m.target.pool for m in moves],
        [m.released for m in moves],
        [m.reservation for m in moves],
        [m.document_kind for m in moves],
        [m.document for m in moves],
        [m.reason for m in moves],
        [m.occurred_at for m in moves],
        [m.reverses for m in moves],
        [m.lot for m in moves],
        [m.from_bin for m in moves],
        [m.to_bin for m in moves],
        [m.receipt for m in moves],
    ]


@db.atomic
async def post(moves: Sequence[Move], *, by: Actor) -> list[LevelChange]:
    """Write moves to the ledger, all or none, in one round trip.

    Raises:
        InsufficientStock: a level holds less free stock than would leave it.
        StockFrozen: it would leave a store that is frozen.
        UnitNotHere: a unit is not where the move says it comes from.
        LotNotHere: a lot has fewer pieces where the move says they come from.
        HappenedBeforeItCame: a move is to have occurred before its pieces were there.

    """
    moves = await lots.settle(moves)
    await _require_there_then([move for move in moves if move.occurred_at is not None])
    rows = await db.fetch(POST, *_columns(moves), clock.now(), by.name)
    for row in rows:
        if row["wanted_part"] is not None and row["id"] is None:
            spot = Spot(row["wanted_place"], row["wanted_condition"], row["wanted_owner"], row["wanted_pool"])
            raise await shortage(row["wanted_part"], spot, row["wanted"], frozen=row["frozen"])
    with_units = [move for move in moves if move.unit is not None]
    if rows[0]["units_moved"] != len(with_units):
        raise await _misplaced(with_units)
    if rows[0]["lots_missing"]:
        raise LotNotHere
    changes = msgspec.convert([dict(row) for row in rows if row["id"] is not None], list[LevelChange])
    await announce(changes)
    return changes


_CAME_LATER = f"""
WITH asked AS (
    SELECT unit, lot, place, condition, owner, pool, bin, min(at) AS at, sum(quantity) AS quantity
    FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::int[], $6::int[], $7::int[], $8::timestamptz[],
                $9::int[]) AS m(unit, lot, place, condition, owner, pool, bin, at, quantity)
    JOIN place ON place.id = m.place AND place.kind IN ({_STORES})
    GROUP BY 1, 2, 3, 4, 5, 6, 7
), change AS (
    SELECT asked.*, movement.occurred_at,
           movement.quantity * (
               ((to_place, to_condition, to_owner, to_pool) = (asked.place, asked.condition, asked.owner, asked.pool)
                AND to_bin IS NOT DISTINCT FROM asked.bin)::int
               - ((from_place, from_condition, from_owner, from_pool)
                  = (asked.place, asked.condition, asked.owner, asked.pool)
                  AND from_bin IS NOT DISTINCT FROM asked.bin)::int) AS came
    FROM asked JOIN movement ON movement.lot = asked.lot AND occurred_at > asked.at
         AND recorded_at > asked.at - interval '5 minutes'
), since AS (
    SELECT *, sum(came) OVER (PARTITION BY lot, place, condition, owner, pool, bin ORDER BY occurred_at DESC) AS later
    FROM change
)
SELECT at FROM asked WHERE EXISTS (
    SELECT FROM movement WHERE movement.unit = asked.unit AND occurred_at > asked.at
      AND recorded_at > asked.at - interval '5 minutes')
UNION ALL
SELECT since.at FROM since
JOIN lot_stock ON lot_stock.lot = since.lot AND lot_stock.place = since.place
     AND lot_stock.condition = since.condition AND lot_stock.owner = since.owner AND lot_stock.pool = since.pool
     AND lot_stock.bin IS NOT DISTINCT FROM since.bin
WHERE lot_stock.quantity - since.later < since.quantity
LIMIT 1
"""


async def _require_there_then(moves: Sequence[Move]) -> None:
    """Refuse what would have left before it came, by the books: no past stock becomes negative.

    A unit's other movements all lie before; of a lot, at every instant since, as many pieces lay in that bin as leave.
    """
    if not moves:
        return
    at = await db.fetch_value(
        _CAME_LATER,
        [move.unit for move in moves],
        [move.lot for move in moves],
        [move.origin.place for move in moves],
        [move.origin.condition for move in moves],
        [move.origin.owner for move in moves],
        [move.origin.pool for move in moves],
        [move.from_bin for move in moves],
        [move.occurred_at for move in moves],
        [move.quantity for move in moves],
    )
    if at is not None:
        raise HappenedBeforeItCame(at=at.isoformat())


async def announce(changes: Sequence[LevelChange]) -> None:
    """Enqueue what a change of levels calls for: an assessment at a crossed line, stock for those who wait, cover."""
    good = [change for change in changes if change.condition == GOOD]
    covering: dict[tuple[int, int, int], bool] = {}
    for c in good:
        if c.freed or c.changes_cover():
            spot = (c.part, c.place, c.pool)
            covering[spot] = covering.get(spot, False) or c.changes_cover()
    await jobs.enqueue(
        *(jobs.Assess(c.part, c.place, c.pool) for c in good if c.crosses_a_line()),
        *(jobs.Replenish(c.part, c.place, c.pool) for c in good if c.falls_to_reorder()),
        *(jobs.FillBackorders(c.part, c.place, c.pool) for c in good if c.freed > 0 and c.backordered > 0),
        *await cover.to_judge(covering, freed={c.part for c in good if c.freed > 0}),
    )


async def shortage(part: int, spot: Spot, wanted: int, *, frozen: bool) -> InsufficientStock:
    """The refusal for a level that is too low or frozen, with what is free of that owner's there and elsewhere."""
    rows = await db.fetch(
        """SELECT part.part_number, place.id AS place_id, place.code AS depot, pool.id AS pool_id, pool.code AS pool,
                  coalesce(level.free, 0) AS free
           FROM part
           CROSS JOIN place
           CROSS JOIN pool
           LEFT JOIN level ON level.part = part.id AND level.place = place.id AND level.pool = pool.id
                AND level.condition = $4 AND level.owner = $5
           WHERE part.id = $1
             AND ((place.id = $2 AND pool.id = $3) OR (level.free > 0 AND place.out_of_service_at IS NULL))
           ORDER BY level.free DESC NULLS LAST LIMIT 20""",
        part,
        spot.place,
        spot.pool,
        spot.condition,
        spot.owner,
    )
    here = next((row for row in rows if (row["place_id"], row["pool_id"]) == (spot.place, spot.pool)), None)
    refusal = StockFrozen if frozen else InsufficientStock
    return refusal(
        part_number=rows[0]["part_number"] if rows else None,
        depot=here["depot"] if here else None,
        pool=here["pool"] if here else None,
        wanted=wanted,
        free=here["free"] if here else 0,
        elsewhere=[
            {"depot": row["depot"], "pool": row["pool"], "free": row["free"]}
            for row in rows
            if row is not here and row["free"] > 0
        ],
    )


async def _misplaced(moves: Sequence[Move]) -> UnitNotHere:
    """The refusal for the first unit that is not where it should be."""
    row = await db.fetch_one(
        """SELECT unit.serial, place.code AS depot, move.condition
           FROM unnest($1::uuid[], $2::int[], $3::text[]) AS move(unit, place, condition)
           JOIN place ON place.id = move.place
           LEFT JOIN unit ON unit.id = move.unit
           -- units already moved by this statement stand at their target, so name one that does not
           WHERE unit.id IS NULL OR NOT EXISTS (
               SELECT FROM unnest($1::uuid[], $4::int[], $5::text[]) AS target(unit, place, condition)
               WHERE target.unit = unit.id AND target.place = unit.place AND target.condition = unit.condition)
           LIMIT 1""",
        [m.unit for m in moves],
        [m.origin.place for m in moves],
        [m.origin.condition for m in moves],
        [m.target.place for m in moves],
        [m.target.condition for m in moves],
    )
    return UnitNotHere(**dict(row)) if row else UnitMoved()


async def free_at(part: int, spot: Spot) -> int:
    """How many pieces of a part at a spot are promised to nobody."""
    return await db.fetch_value(
        """SELECT coalesce(sum(on_hand - reserved), 0)::int FROM level
           WHERE (part, place, condition, owner, pool) = ($1, $2, $3, $4, $5)""",
        part,
        spot.place,
        spot.condition,
        spot.owner,
        spot.pool,
    )
