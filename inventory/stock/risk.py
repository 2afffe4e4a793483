"""Stock at risk: the levels that stand lowest against their lines."""

from typing import Literal

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.stock import disclosure

Standing = Literal["below_critical_point", "under_average_line", "below_base_stock", "covered"]


class LevelAtRisk(Struct, frozen=True, kw_only=True):
    """A level against its lines, and which of them it has fallen to."""

    part_number: str
    name_zh: str
    name_en: str
    depot: str
    pool: str
    available: int
    backordered: int
    inbound: int
    base_stock: int
    critical_point: int
    average_failure_line: int
    standing: Standing


async def at_risk(*, limit: int, seen_by: Actor) -> list[LevelAtRisk]:
    """Levels in the reader's stores that stand below their base stock, the lowest against their lines first."""
    return await db.read(
        LevelAtRisk,
        f"""SELECT part_number, name_zh, name_en, depot, pool, available, backordered, base_stock, critical_point,
                  average_failure_line, standing, coalesce(
                      (SELECT sum(quantity - received_quantity) FROM expected_delivery
                       WHERE expected_delivery.part = lowest.part AND expected_delivery.place = lowest.place
                         AND expected_delivery.pool = lowest.pool_id AND closed_at IS NULL), 0)::int AS inbound
           FROM (
               SELECT level.part, level.place, level.pool AS pool_id, part.part_number, part.name_zh, part.name_en,
                      place.code AS depot, pool.code AS pool, free - backordered AS available, backordered,
                      coalesce(base_stock, 0) AS base_stock, coalesce(critical_point, 0) AS critical_point,
                      coalesce(average_failure_line, 0) AS average_failure_line,
                      CASE WHEN free - backordered < critical_point THEN 'below_critical_point'
                           WHEN free - backordered <= average_failure_line THEN 'under_average_line'
                           WHEN free - backordered < base_stock THEN 'below_base_stock'
                           ELSE 'covered' END AS standing
               FROM level
               JOIN part ON part.id = level.part
               JOIN place ON place.id = level.place
               JOIN pool ON pool.id = level.pool
               JOIN party ON party.id = level.owner AND party.is_ourselves
               WHERE level.condition = 'good' AND ($1::text[] IS NULL OR place.code = ANY($1))
                 AND {disclosure.serves("pool", "$3")}
                 AND (backordered > 0 OR free - backordered < critical_point OR free - backordered < base_stock)
               ORDER BY CASE WHEN free - backordered < critical_point THEN 0
                             WHEN free - backordered <= average_failure_line THEN 1 ELSE 2 END,
                        free - backordered - greatest(critical_point, average_failure_line),
                        (free - backordered) / nullif(base_stock, 0)::float8 NULLS FIRST, base_stock DESC, part_number,
                        place.code, pool.code
               LIMIT $2
           ) AS lowest""",
        seen_by.depot_scope,
        limit,
        seen_by.contract_scope,
    )
