"""Opening stock: any number of units and quantities entering the ledger set by set, out of a table of checked rows.

The rows stand in a temporary table of the open transaction with what they refer to already found: `line, part_id, maker_id,
place_id, pool_id, owner_id, bin_id, state` (the condition)`, pieces, serial, lot, tag, provenance, firmware, unit_id`. Each
row enters by one movement from the adjustment account, as a unit or as pieces of a lot (the document's own where none is
named); what names no source is unproven. `raise_levels` then adds to every level and lot what came in, last of all, so that
levels are locked as briefly as can be.
"""

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.places.places import ADJUSTMENT
from inventory.stock.ledger import LEVEL_COLUMNS, LevelChange, announce

_MOVEMENTS = """
    INSERT INTO movement (recorded_at, occurred_at, kind, part, quantity, unit, lot,
                          from_place, from_condition, from_owner, from_pool,
                          to_place, to_condition, to_owner, to_pool, to_bin, document_kind, document, reason, actor)
    SELECT $3::timestamptz, $3::timestamptz, 'opening', part_id, pieces, CASE WHEN serial IS NOT NULL THEN unit_id END,
           CASE WHEN serial IS NULL THEN lot.id END,
           (SELECT id FROM place WHERE code = $4), state, owner_id, pool_id,
           place_id, state, owner_id, pool_id, bin_id, 'import', $5, $6, $7
    FROM {ready} AS r
    LEFT JOIN lot ON r.serial IS NULL AND lot.part = r.part_id AND lot.number = coalesce(r.lot, $5)
    WHERE line BETWEEN $1 AND $2
"""

_LOTS = """
    INSERT INTO lot (part, number, provenance, source, received_at)
    SELECT DISTINCT part_id, coalesce(lot, $3), coalesce(provenance, 'unproven'), 'import', $4::timestamptz
    FROM {ready} WHERE line BETWEEN $1 AND $2 AND serial IS NULL
    ON CONFLICT ON CONSTRAINT lot_number_is_unique_per_part DO NOTHING
"""

_LOT_STOCKS = """
    INSERT INTO lot_stock (lot, part, place, condition, owner, pool, bin, quantity)
    SELECT lot.id, part_id, place_id, state, owner_id, pool_id, bin_id, sum(pieces)
    FROM {ready} AS r JOIN lot ON lot.part = r.part_id AND lot.number = coalesce(r.lot, $3)
    WHERE line BETWEEN $1 AND $2 AND r.serial IS NULL
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    ORDER BY 1, 3, 4, 5, 6, 7
    ON CONFLICT ON CONSTRAINT lot_stock_identity DO UPDATE SET quantity = lot_stock.quantity + excluded.quantity
"""

_UNITS = """
    INSERT INTO unit (id, part, serial, maker, tag, condition, owner, pool, place, bin, provenance, source, firmware,
                      received_at)
    SELECT unit_id, part_id, serial, maker_id, tag, state, owner_id, pool_id, place_id, bin_id,
           coalesce(provenance, 'unproven'), $3, firmware, $4
    FROM {ready} WHERE line BETWEEN $1 AND $2 AND serial IS NOT NULL
"""


@db.atomic
async def enter_units(ready: str, first: int, last: int, *, document: str, reason: str, by: Actor) -> None:
    """Enter the units of some lines, each by its movement; the levels follow by `raise_levels`.

    Raises:
        SerialRepeated, TagRepeated: somebody entered the same unit meanwhile.

    """
    by.require("stock.adjust")
    await db.execute(_UNITS.format(ready=ready), first, last, document, clock.now())
    await db.execute(_MOVEMENTS.format(ready=ready), first, last, clock.now(), ADJUSTMENT, document, reason, by.name)


@db.atomic
async def enter_stock(ready: str, first: int, last: int, *, document: str, reason: str, by: Actor) -> None:
    """Enter quantities of some lines, and pieces where a line has a serial; the levels follow by `raise_levels`.

    Raises:
        SerialRepeated: somebody entered the same unit meanwhile.

    """
    await db.execute(_LOTS.format(ready=ready), first, last, document, clock.now())
    await enter_units(ready, first, last, document=document, reason=reason, by=by)


@db.atomic
async def raise_levels(
    ready: str,
    first: int,
    last: int,
    *,
    document: str,
    reason: str,  # noqa: ARG001  every step of an import is called alike
    by: Actor,
) -> list[LevelChange]:
    """Add what some lines brought in to its levels and lots, locked in one order, and announce what that crosses."""
    by.require("stock.adjust")
    changes = await db.read(
        LevelChange,
        f"""WITH change AS (
                SELECT part_id AS part, place_id AS place, state AS condition, owner_id AS owner, pool_id AS pool,
                       sum(pieces)::int AS on_hand
                FROM {ready} WHERE line BETWEEN $1 AND $2 GROUP BY 1, 2, 3, 4, 5
            ), locked AS MATERIALIZED (
                SELECT level.id FROM level JOIN change USING (part, place, condition, owner, pool)
                ORDER BY level.part, level.place, level.condition, level.owner, level.pool FOR NO KEY UPDATE OF level
            ), up AS (
                INSERT INTO level (part, place, condition, owner, pool, on_hand)
                SELECT part, place, condition, owner, pool, on_hand FROM change
                -- reading `locked` makes this wait until every lock is held, in order
                WHERE (SELECT count(*) FROM locked) >= 0
                ORDER BY part, place, condition, owner, pool
                ON CONFLICT ON CONSTRAINT level_identity DO UPDATE SET on_hand = level.on_hand + excluded.on_hand
                RETURNING {LEVEL_COLUMNS}
            )
            SELECT up.*, change.on_hand AS freed FROM up JOIN change USING (part, place, condition, owner, pool)""",
        first,
        last,
    )
    await db.execute(_LOT_STOCKS.format(ready=ready), first, last, document)
    await announce(changes)
    return changes
