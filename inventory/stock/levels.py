"""Questions about stock: levels against their lines, and what is free for a request."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.stock import disclosure


class LevelView(Struct, frozen=True, kw_only=True):
    """A part in a store and pool: what is there, what is promised, what is coming, and its lines.

    `promised` is what soft reservations will hold, the first of them from `promised_from` on; it is still free.
    """

    part_number: str
    name_zh: str
    name_en: str
    depot: str
    pool: str
    on_hand: int
    reserved: int
    free: int
    backordered: int
    in_transit: int
    on_order: int
    promised: int
    promised_from: datetime | None
    base_stock: int | None
    reorder_point: int | None
    critical_point: int | None
    average_failure_line: int | None


class OfferedStock(Struct, frozen=True, kw_only=True):
    """Free stock of a part in one store and pool, or none."""

    part: int
    part_number: str
    place: int
    depot: str
    kind: str
    pool: int
    pool_code: str
    free: int
    base_stock: int | None
    critical_point: int | None
    out_of_service: bool


_LEVEL = """
SELECT part.part_number, part.name_zh, part.name_en, place.code AS depot, pool.code AS pool,
       level.on_hand, level.reserved, level.free, level.backordered,
       coalesce(inbound.in_transit, 0)::int AS in_transit, coalesce(inbound.on_order, 0)::int AS on_order,
       coalesce(later.promised, 0)::int AS promised, later.promised_from,
       level.base_stock, level.reorder_point, level.critical_point, level.average_failure_line
FROM level
JOIN part ON part.id = level.part
JOIN place ON place.id = level.place
JOIN pool ON pool.id = level.pool
JOIN party ON party.id = level.owner AND party.is_ourselves
LEFT JOIN LATERAL (
    SELECT sum(quantity - received_quantity) FILTER (WHERE source_kind = 'transfer_line') AS in_transit,
           sum(quantity - received_quantity) FILTER (WHERE source_kind <> 'transfer_line') AS on_order
    FROM expected_delivery
    WHERE expected_delivery.part = level.part AND expected_delivery.place = level.place
      AND expected_delivery.pool = level.pool AND closed_at IS NULL
) AS inbound ON true
LEFT JOIN LATERAL (
    SELECT sum(quantity) AS promised, min(starts_at) AS promised_from FROM reservation
    WHERE reservation.level = level.id AND reservation.state = 'soft'
) AS later ON true
WHERE level.condition = 'good' AND ($1::text[] IS NULL OR place.code = ANY($1))
"""


async def levels(
    *,
    limit: int,
    seen_by: Actor,
    after: tuple[str, str, str] | None = None,
    part_number: str | None = None,
    depot: str | None = None,
    pool: str | None = None,
    below: str | None = None,
) -> list[LevelView]:
    """Good stock of ours in the reader's stores that serves the reader's contracts, by part, store and pool.

    `below` keeps only levels whose available stock (free − backordered) is under `critical_point`,
    `reorder_point` or `base_stock`, or at or under `average_failure_line`.
    """
    after_part, after_depot, after_pool = after or (None, None, None)
    return await db.read(
        LevelView,
        f"""{_LEVEL}
            AND ($2::text IS NULL OR part.part_number = $2) AND ($3::text IS NULL OR place.code = $3)
            AND ($4::text IS NULL OR pool.code = $4)
            AND CASE $5::text
                WHEN 'critical_point' THEN level.free - level.backordered < level.critical_point
                WHEN 'reorder_point' THEN level.free - level.backordered < level.reorder_point
                WHEN 'base_stock' THEN level.free - level.backordered < level.base_stock
                WHEN 'average_failure_line' THEN level.free - level.backordered <= level.average_failure_line
                ELSE true END
            AND ($6::text IS NULL OR (part.part_number, place.code, pool.code) > ($6, $7, $8))
            AND {disclosure.serves("pool", "$10")}
            ORDER BY part.part_number, place.code, pool.code LIMIT $9""",
        seen_by.depot_scope,
        part_number,
        depot,
        pool,
        below,
        after_part,
        after_depot,
        after_pool,
        limit,
        seen_by.contract_scope,
    )


async def level(part_number: str, depot: str, pool: str, *, seen_by: Actor) -> LevelView:
    """One level.

    Raises:
        Unknown: nothing of that part was ever there, or the reader may not see it.

    """
    found = await levels(limit=1, seen_by=seen_by, part_number=part_number, depot=depot, pool=pool)
    if not found:
        raise Unknown(what="level", what_zh="库存", key=f"{part_number} @ {depot} / {pool}")
    return found[0]


async def offers(parts: Sequence[int], pools: Sequence[int], *, limit: int = 2000) -> list[OfferedStock]:
    """Where good stock of some parts lies, network-wide, for sourcing a request."""
    return await db.read(
        OfferedStock,
        """SELECT level.part, part.part_number, level.place, place.code AS depot, place.kind, level.pool,
                  pool.code AS pool_code, level.free, level.base_stock, level.critical_point,
                  place.out_of_service_at IS NOT NULL AS out_of_service
           FROM level
           JOIN part ON part.id = level.part
           JOIN place ON place.id = level.place
           JOIN pool ON pool.id = level.pool
           JOIN party ON party.id = level.owner AND party.is_ourselves
           WHERE level.part = ANY($1) AND level.pool = ANY($2) AND level.condition = 'good'
           ORDER BY level.id LIMIT $3""",
        list(parts),
        list(pools),
        limit,
    )
