"""The invariants: what must hold of the books at every instant, as a list of queries.

Each query returns one row per thing that differs: what it is, what the ledger says, and what the books say.
"""

from typing import NamedTuple

from msgspec import Struct

from inventory.ground import db


class Invariant(NamedTuple):
    """A fact that must hold, and the query that finds where it does not."""

    name: str
    promise: str
    query: str


class Violation(Struct, frozen=True):
    """Something in the books that differs."""

    invariant: str
    what: str
    expected: str
    found: str


_SUBJECT = """part.part_number || ' @ ' || place.code || ' / ' || level.condition || ' / ' || pool.code"""

_NAMED = """JOIN part ON part.id = level.part JOIN place ON place.id = level.place JOIN pool ON pool.id = level.pool"""

INVARIANTS = [
    Invariant(
        "levels_are_the_ledgers_sum",
        "what is on hand is the sum of the movements in and out",
        f"""WITH ledger AS (
                SELECT part, place, condition, owner, pool, sum(quantity) AS on_hand
                FROM (SELECT part, to_place AS place, to_condition AS condition, to_owner AS owner, to_pool AS pool,
                             quantity FROM movement
                      UNION ALL
                      SELECT part, from_place, from_condition, from_owner, from_pool, -quantity FROM movement) AS side
                GROUP BY 1, 2, 3, 4, 5
            )
            SELECT {_SUBJECT} AS what, coalesce(ledger.on_hand, 0)::text AS expected, level.on_hand::text AS found
            FROM level LEFT JOIN ledger USING (part, place, condition, owner, pool) {_NAMED}
            WHERE level.on_hand <> coalesce(ledger.on_hand, 0)
            UNION ALL
            SELECT part.part_number || ' @ ' || place.code || ' / ' || ledger.condition, ledger.on_hand::text, 'no level'
            FROM ledger JOIN part ON part.id = ledger.part JOIN place ON place.id = ledger.place
            LEFT JOIN level USING (part, place, condition, owner, pool)
            WHERE level.id IS NULL AND ledger.on_hand <> 0 AND place.kind IN ('depot', 'onsite_store', 'engineer_stock')""",
    ),
    Invariant(
        "reserved_is_the_sum_of_reservations",
        "what is reserved is the sum of the pending reservations",
        f"""SELECT {_SUBJECT} AS what, coalesce(pending.quantity, 0)::text AS expected, level.reserved::text AS found
            FROM level
            LEFT JOIN (SELECT level AS id, sum(quantity - posted_quantity) AS quantity FROM reservation
                       WHERE state = 'pending' GROUP BY 1) AS pending USING (id) {_NAMED}
            WHERE level.reserved <> coalesce(pending.quantity, 0)""",
    ),
    Invariant(
        "units_are_where_the_levels_say",
        "a serialised part has as many units at a spot as the level says",
        f"""WITH counted AS (
                SELECT part, place, condition, owner, pool, count(*) AS units FROM unit GROUP BY 1, 2, 3, 4, 5
            )
            SELECT {_SUBJECT} AS what, coalesce(counted.units, 0)::text AS expected, level.on_hand::text AS found
            FROM level LEFT JOIN counted USING (part, place, condition, owner, pool) {_NAMED}
            WHERE part.serialised AND level.on_hand <> coalesce(counted.units, 0)""",
    ),
    Invariant(
        "lots_add_up_to_their_levels",
        "the pieces of a part without serials add up, over lots and bins, to what its level says",
        f"""SELECT {_SUBJECT} AS what, level.on_hand::text AS expected, coalesce(lots.quantity, 0)::text AS found
            FROM level
            LEFT JOIN (SELECT part, place, condition, owner, pool, sum(quantity) AS quantity FROM lot_stock
                       GROUP BY 1, 2, 3, 4, 5) AS lots USING (part, place, condition, owner, pool) {_NAMED}
            WHERE NOT part.serialised AND level.on_hand <> coalesce(lots.quantity, 0)""",
    ),
    Invariant(
        "lots_are_the_ledgers_sum",
        "what lies of a lot in a bin is the sum of the movements in and out of it",
        """WITH ledger AS (
               SELECT lot, place, condition, owner, pool, bin, sum(quantity) AS quantity
               FROM (SELECT lot, to_place AS place, to_condition AS condition, to_owner AS owner, to_pool AS pool,
                            to_bin AS bin, quantity FROM movement WHERE lot IS NOT NULL
                     UNION ALL
                     SELECT lot, from_place, from_condition, from_owner, from_pool, from_bin, -quantity
                     FROM movement WHERE lot IS NOT NULL) AS side
               JOIN place ON place.id = side.place AND place.kind IN ('depot', 'onsite_store', 'engineer_stock')
               GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(quantity) <> 0
           ), there AS (SELECT lot, place, condition, owner, pool, bin, quantity FROM lot_stock WHERE quantity <> 0)
           SELECT lot.number || ' @ ' || place.code || coalesce(' / ' || bin.code, '') AS what,
                  coalesce(ledger.quantity, 0)::text AS expected, coalesce(there.quantity, 0)::text AS found
           FROM ledger
           FULL JOIN there ON there.lot = ledger.lot AND there.place = ledger.place
                AND there.condition = ledger.condition AND there.owner = ledger.owner AND there.pool = ledger.pool
                AND coalesce(there.bin, 0) = coalesce(ledger.bin, 0)
           JOIN lot ON lot.id = coalesce(ledger.lot, there.lot)
           JOIN place ON place.id = coalesce(ledger.place, there.place)
           LEFT JOIN bin ON bin.id = coalesce(ledger.bin, there.bin)
           WHERE ledger.quantity IS DISTINCT FROM there.quantity""",
    ),
    Invariant(
        "units_are_where_their_movements_left_them",
        "a unit is where its last movement took it",
        """SELECT unit.serial AS what, concat_ws(' / ', target.code, last.to_condition, last.to_bin) AS expected,
                  concat_ws(' / ', place.code, unit.condition, unit.bin) AS found
           FROM unit
           JOIN place ON place.id = unit.place
           JOIN LATERAL (SELECT to_place, to_condition, to_owner, to_pool, to_bin FROM movement
                         WHERE movement.unit = unit.id ORDER BY recorded_at DESC, id DESC LIMIT 1) AS last ON true
           JOIN place AS target ON target.id = last.to_place
           WHERE (last.to_place, last.to_condition, last.to_owner, last.to_pool, last.to_bin)
                 IS DISTINCT FROM (unit.place, unit.condition, unit.owner, unit.pool, unit.bin)""",
    ),
    Invariant(
        "posted_reservations_moved_what_they_posted",
        "a posted reservation has movements for exactly what it posted",
        """SELECT reservation.id::text AS what, reservation.posted_quantity::text AS expected,
                  coalesce(sum(movement.quantity), 0)::text AS found
           FROM reservation LEFT JOIN movement ON movement.reservation = reservation.id
           GROUP BY reservation.id HAVING reservation.posted_quantity <> coalesce(sum(movement.quantity), 0)""",
    ),
    Invariant(
        "nothing_on_the_road_is_forgotten",
        "what a transfer shipped and did not deliver is in transit",
        """SELECT part.part_number AS what, coalesce(sent.quantity, 0)::text AS expected,
                  coalesce(road.quantity, 0)::text AS found
           FROM part
           LEFT JOIN (SELECT part, sum(shipped_quantity - received_quantity) AS quantity
                      FROM transfer_line GROUP BY part) AS sent ON sent.part = part.id
           LEFT JOIN (SELECT movement.part, sum(CASE WHEN target.kind = 'transit' THEN quantity ELSE -quantity END)
                             AS quantity
                      FROM movement
                      JOIN place AS origin ON origin.id = movement.from_place
                      JOIN place AS target ON target.id = movement.to_place
                      WHERE movement.document_kind = 'transfer' AND (origin.kind = 'transit') <> (target.kind = 'transit')
                      GROUP BY movement.part) AS road ON road.part = part.id
           WHERE coalesce(sent.quantity, 0) <> coalesce(road.quantity, 0)""",
    ),
    Invariant(
        "nothing_handed_over_is_forgotten",
        "what was handed over and not yet accepted or declined is in transit, and nothing else of it",
        """SELECT handover.number AS what, CASE handover.state WHEN 'given' THEN 'on the way' ELSE '0' END AS expected,
                  coalesce(road.quantity, 0)::text AS found
           FROM handover
           LEFT JOIN (SELECT document,
                             sum(CASE WHEN target.code = 'TRANSIT' THEN quantity ELSE -quantity END) AS quantity
                      FROM movement JOIN place AS target ON target.id = movement.to_place
                      WHERE document_kind = 'handover' GROUP BY document) AS road ON road.document = handover.number
           WHERE (handover.state = 'given') <> (coalesce(road.quantity, 0) > 0)""",
    ),
    Invariant(
        "every_movement_has_its_month",
        "the ledger's partitions are all there",
        """SELECT 'movement' AS what, 'a partition for ' || to_char(now(), 'YYYY-MM') AS expected, 'none' AS found
           WHERE to_regclass('movement_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')) IS NULL""",
    ),
]
"""Every invariant; the list grows with each feature."""


async def violations(*, limit_each: int = 20) -> list[Violation]:
    """Everything in the books that differs; empty when they are right."""
    found: list[Violation] = []
    for invariant in INVARIANTS:
        rows = await db.fetch(
            f"SELECT what, expected, found FROM ({invariant.query}) AS differing LIMIT $1", limit_each
        )
        found += [Violation(invariant.name, row["what"], row["expected"], row["found"]) for row in rows]
    return found
