"""Fixing: what would mend weak cover, and when it would be at the serving store."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.requests.sourcing import PICK_HOURS

FixKind = Literal["awaited", "transfer", "purchase"]


class Fix(Struct, frozen=True, kw_only=True):
    """One way to mend it: what is on its way already, a transfer from another depot, or an expedited purchase.

    `arrives_at` is the arrival at the store that serves the site; `reference` is the order's or transfer's number, or
    the vendor for those who may know vendors.
    """

    kind: FixKind
    arrives_at: datetime
    depot: str | None = None
    reference: str | None = None
    quantity: int | None = None
    confirmed: bool = True


Wanted = tuple[str, str, str]
"""A part number, the store that serves, and the pool that answers."""


async def fixes(wanted: Collection[Wanted], *, seen_by: Actor) -> dict[Wanted, list[Fix]]:
    """What would mend the cover of some parts, soonest first; three statements, however many."""
    if not wanted:
        return {}
    columns = [list(column) for column in zip(*sorted(wanted), strict=True)]
    found: dict[Wanted, list[Fix]] = {}
    for rows in (
        await db.fetch(_AWAITED, *columns, seen_by.depot_scope, seen_by.may("orders.read")),
        await db.fetch(_TRANSFERS, *columns, clock.now(), PICK_HOURS),
        await db.fetch(_PURCHASES, *columns, clock.now(), clock.now().date(), seen_by.may("vendors.read")),
    ):
        for row in rows:
            key = (row["part_number"], row["serving"], row["pool"])
            found.setdefault(key, []).append(
                Fix(
                    kind=row["kind"],
                    arrives_at=row["arrives_at"],
                    depot=row["depot"],
                    reference=row["reference"],
                    quantity=row["quantity"],
                    confirmed=row["confirmed"],
                )
            )
    return {key: sorted(each, key=lambda fix: fix.arrives_at) for key, each in found.items()}


_WANTED = """
WITH wanted AS (
    SELECT part.id AS part, part.part_number, part.lithium, store.id AS place, store.code AS serving,
           pool.id AS pool_id, pool.code AS pool
    FROM unnest($1::text[], $2::text[], $3::text[]) AS asked(part_number, depot, pool)
    JOIN part ON part.part_number = asked.part_number
    JOIN place AS store ON store.code = asked.depot
    JOIN pool ON pool.code = asked.pool
)
"""

_AWAITED = f"""{_WANTED}
SELECT part_number, serving, wanted.pool, 'awaited' AS kind, expected.due_at AS arrives_at, NULL AS depot,
       CASE WHEN transfer.id IS NOT NULL OR $5::boolean THEN coalesce(transfer.number, purchase_order.number) END
       AS reference,
       (expected.quantity - expected.received_quantity)::int AS quantity, expected.confirmed
FROM wanted
JOIN expected_delivery AS expected ON expected.part = wanted.part AND expected.place = wanted.place
     AND expected.pool = wanted.pool_id AND expected.closed_at IS NULL AND expected.quantity > expected.received_quantity
LEFT JOIN transfer_line ON transfer_line.id = expected.source
LEFT JOIN transfer ON transfer.id = transfer_line.transfer
LEFT JOIN purchase_order_line ON purchase_order_line.id = expected.source
LEFT JOIN purchase_order ON purchase_order.id = purchase_order_line.purchase_order
WHERE $4::text[] IS NULL OR serving = ANY($4)
ORDER BY expected.due_at LIMIT 1000
"""

_TRANSFERS = f"""{_WANTED}
SELECT DISTINCT ON (wanted.part_number, serving, wanted.pool) wanted.part_number, serving, wanted.pool,
       'transfer' AS kind, $4::timestamptz + make_interval(secs => 3600 * ($5::float8 + lane.hours)) AS arrives_at,
       giving.code AS depot, NULL AS reference, 1 AS quantity, true AS confirmed
FROM wanted
JOIN level ON level.part = wanted.part AND level.pool = wanted.pool_id AND level.condition = 'good'
     AND level.place <> wanted.place AND level.free > 0
     -- a depot gives what it does not need itself
     AND level.free - 1 >= coalesce(level.critical_point, 0)
JOIN party ON party.id = level.owner AND party.is_ourselves
JOIN place AS giving ON giving.id = level.place AND giving.kind <> 'engineer_stock' AND giving.out_of_service_at IS NULL
JOIN lane ON lane.from_place = level.place AND lane.to_place = wanted.place
     AND (lane.carries_lithium OR NOT wanted.lithium)
ORDER BY wanted.part_number, serving, wanted.pool, lane.hours, giving.code
"""

_PURCHASES = f"""{_WANTED}
SELECT DISTINCT ON (part_number, serving, wanted.pool) part_number, serving, wanted.pool, 'purchase' AS kind,
       $4::timestamptz + make_interval(secs => 3600 * coalesce(expedited_hours, lead_time_days * 24)) AS arrives_at,
       NULL AS depot, CASE WHEN $6::boolean THEN party.code END AS reference, minimum_quantity AS quantity,
       true AS confirmed
FROM wanted
JOIN offers_on($5::date) AS offer ON offer.part = wanted.part
JOIN vendor ON vendor.id = offer.vendor AND vendor.active
JOIN party ON party.id = vendor.party
ORDER BY part_number, serving, wanted.pool, coalesce(expedited_hours, lead_time_days * 24), party.code
"""
