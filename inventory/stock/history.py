"""How stock went: what could be promised from a level, instant by instant, told from the ledger."""

from datetime import datetime

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.stock import disclosure


class Reached(Struct, frozen=True):
    """What a level had available from an instant on."""

    at: datetime
    available: int


class LevelHistory(Struct, frozen=True, kw_only=True):
    """A level's available stock since an instant, oldest first; it ends as the level stands now."""

    depot: str
    pool: str
    points: list[Reached]


async def available_over_time(
    part_number: str,
    since: datetime,
    *,
    seen_by: Actor,
    depot: str | None = None,
    pool: str | None = None,
    limit: int = 5000,
) -> list[LevelHistory]:
    """Good stock of ours that was not reserved, per store and pool; at most `limit` changes, the latest ones.

    It is reckoned backwards from the level as it stands: a reservation takes stock when it is made, so posting it
    later changes nothing any more, and what it releases comes back when it is resolved.
    """
    return await db.read(
        LevelHistory,
        f"""WITH held AS (
               SELECT level.id, level.place, level.pool, place.code AS depot, pool.code AS pool_code, level.part,
                      level.owner, level.free
               FROM level
               JOIN part ON part.id = level.part AND part.part_number = $1
               JOIN place ON place.id = level.place
               JOIN pool ON pool.id = level.pool
               JOIN party ON party.id = level.owner AND party.is_ourselves
               WHERE level.condition = 'good' AND ($3::text[] IS NULL OR place.code = ANY($3))
                 AND ($4::text IS NULL OR place.code = $4) AND ($5::text IS NULL OR pool.code = $5)
                 AND {disclosure.serves("pool", "$7")}
           ), change AS (
               SELECT held.id, movement.occurred_at AS at, movement.quantity AS freed
               FROM held JOIN movement ON movement.part = held.part AND movement.to_place = held.place
                    AND movement.to_pool = held.pool AND movement.to_owner = held.owner
               WHERE movement.to_condition = 'good' AND movement.occurred_at > $2
               UNION ALL
               SELECT held.id, movement.occurred_at, -movement.quantity
               FROM held JOIN movement ON movement.part = held.part AND movement.from_place = held.place
                    AND movement.from_pool = held.pool AND movement.from_owner = held.owner
               WHERE movement.from_condition = 'good' AND movement.reservation IS NULL AND movement.occurred_at > $2
               UNION ALL
               SELECT held.id, held_at, -quantity FROM held JOIN reservation ON reservation.level = held.id
               WHERE held_at > $2
               UNION ALL
               SELECT held.id, resolved_at, quantity - posted_quantity
               FROM held JOIN reservation ON reservation.level = held.id
               WHERE resolved_at > $2 AND held_at IS NOT NULL AND quantity > posted_quantity
           ), latest AS (
               SELECT id, at, sum(freed)::int AS freed FROM change GROUP BY id, at ORDER BY at DESC LIMIT $6
           ), told AS (
               SELECT latest.id, at, freed,
                      held.free - coalesce(sum(freed) OVER later, 0) AS available
               FROM latest JOIN held ON held.id = latest.id
               WINDOW later AS (PARTITION BY latest.id ORDER BY at DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
           )
           SELECT depot, pool_code AS pool,
                  jsonb_build_array(jsonb_build_object('at', $2::timestamptz, 'available', coalesce(
                      (SELECT available - freed FROM told WHERE told.id = held.id ORDER BY at LIMIT 1), held.free)))
                  || coalesce((SELECT jsonb_agg(jsonb_build_object('at', at, 'available', available) ORDER BY at)
                               FROM told WHERE told.id = held.id), '[]') AS points
           FROM held ORDER BY depot, pool_code""",
        part_number,
        since,
        seen_by.depot_scope,
        depot,
        pool,
        limit,
        seen_by.contract_scope,
    )
