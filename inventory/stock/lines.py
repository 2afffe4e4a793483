"""The lines stock is held against: base stock, reorder point, critical point, average-failure line."""

from collections.abc import Sequence

from msgspec import Struct

from inventory.catalogue.substitutes import in_several
from inventory.ground import db, jobs
from inventory.stock import cover


class Lines(Struct, frozen=True, kw_only=True):
    """The lines of one part in one store and pool, in pieces; None leaves a line as it is.

    `rate_per_day` and `resupply_days` are what the plan reckoned with that they come from.
    """

    part: int
    place: int
    pool: int
    base_stock: int | None = None
    reorder_point: int | None = None
    critical_point: int | None = None
    average_failure_line: int | None = None
    rate_per_day: float | None = None
    resupply_days: float | None = None


@db.atomic
async def set_lines(lines: Sequence[Lines]) -> None:
    """Write lines to their levels, making a level where none is yet; in level order, one round trip."""
    moved = await db.fetch(
        f"""INSERT INTO level (part, place, condition, owner, pool,
                              base_stock, reorder_point, critical_point, average_failure_line, rate_per_day,
                              resupply_days)
           SELECT line.part, line.place, 'good', party.id, line.pool,
                  line.base_stock, line.reorder_point, line.critical_point, line.average_failure_line,
                  line.rate_per_day, line.resupply_days
           FROM unnest($1::int[], $2::int[], $3::int[], $4::int[], $5::int[], $6::int[], $7::int[], $8::float8[],
                       $9::float8[])
                AS line(part, place, pool, base_stock, reorder_point, critical_point, average_failure_line, rate_per_day,
                        resupply_days)
           JOIN party ON party.is_ourselves
           ORDER BY line.part, line.place, line.pool
           ON CONFLICT ON CONSTRAINT level_identity DO UPDATE SET
               base_stock = coalesce(excluded.base_stock, level.base_stock),
               reorder_point = coalesce(excluded.reorder_point, level.reorder_point),
               critical_point = coalesce(excluded.critical_point, level.critical_point),
               average_failure_line = coalesce(excluded.average_failure_line, level.average_failure_line),
               rate_per_day = coalesce(excluded.rate_per_day, level.rate_per_day),
               resupply_days = coalesce(excluded.resupply_days, level.resupply_days)
           WHERE (level.base_stock, level.reorder_point, level.critical_point, level.average_failure_line,
                  level.rate_per_day, level.resupply_days)
               IS DISTINCT FROM (
                   coalesce(excluded.base_stock, level.base_stock),
                   coalesce(excluded.reorder_point, level.reorder_point),
                   coalesce(excluded.critical_point, level.critical_point),
                   coalesce(excluded.average_failure_line, level.average_failure_line),
                   coalesce(excluded.rate_per_day, level.rate_per_day),
                   coalesce(excluded.resupply_days, level.resupply_days))
           RETURNING new.part, new.place, new.pool, new.free, old.critical_point AS before, new.critical_point AS after,
                     (old.base_stock, old.reorder_point) IS DISTINCT FROM (new.base_stock, new.reorder_point) AS restocked,
                     {in_several("new.part")} AS in_several""",
        [line.part for line in lines],
        [line.place for line in lines],
        [line.pool for line in lines],
        [line.base_stock for line in lines],
        [line.reorder_point for line in lines],
        [line.critical_point for line in lines],
        [line.average_failure_line for line in lines],
        [line.rate_per_day for line in lines],
        [line.resupply_days for line in lines],
    )
    await jobs.enqueue(
        *await cover.to_judge(
            {
                (row["part"], row["place"], row["pool"]): True
                for row in moved
                if cover.standing(row["free"], row["before"], in_several=row["in_several"])
                != cover.standing(row["free"], row["after"], in_several=row["in_several"])
            }
        )
    )
    restocked = [(row["part"], row["place"], row["pool"]) for row in moved if row["restocked"]]
    if restocked:
        await jobs.enqueue(jobs.ReplenishAll() if len(restocked) > 1 else jobs.Replenish(*restocked[0]))


async def lock(spots: Sequence[tuple[int, int, int, int]]) -> None:
    """Lock good stock at some parts, places, owners and pools in the levels' order, before a verb touches several."""
    await db.execute(
        """SELECT level.id FROM level
           WHERE condition = 'good'
             AND (part, place, owner, pool) IN (SELECT * FROM unnest($1::int[], $2::int[], $3::int[], $4::int[]))
           ORDER BY part, place, condition, owner, pool FOR NO KEY UPDATE""",
        [part for part, _, _, _ in spots],
        [place for _, place, _, _ in spots],
        [owner for _, _, owner, _ in spots],
        [pool for _, _, _, pool in spots],
    )


async def count_waiting(part: int, place: int, pool: int, change: int) -> None:
    """Count pieces that wait for stock at a level: `change` more, or fewer when negative."""
    await count_each_waiting([((part, place, pool), change)])


@db.atomic
async def count_each_waiting(changes: Sequence[tuple[tuple[int, int, int], int]]) -> None:
    """Count pieces that wait for stock at some levels (part, place, pool), all in one statement."""
    sums: dict[tuple[int, int, int], int] = {}
    for spot, change in changes:
        sums[spot] = sums.get(spot, 0) + change
    if not sums:
        return
    rows = await db.fetch(
        """INSERT INTO level (part, place, condition, owner, pool, backordered)
           SELECT waiting.part, waiting.place, 'good', party.id, waiting.pool, greatest(waiting.change, 0)
           FROM unnest($1::int[], $2::int[], $3::int[], $4::int[]) AS waiting(part, place, pool, change)
           JOIN party ON party.is_ourselves
           ORDER BY 1, 2, 3, 4, 5
           ON CONFLICT ON CONSTRAINT level_identity DO UPDATE SET backordered = level.backordered + (
               SELECT change FROM unnest($1::int[], $2::int[], $3::int[], $4::int[]) AS waiting(part, place, pool, change)
               WHERE (waiting.part, waiting.place, waiting.pool) = (level.part, level.place, level.pool))
           RETURNING part, place, pool, free""",
        [part for part, _, _ in sums],
        [place for _, place, _ in sums],
        [pool for _, _, pool in sums],
        list(sums.values()),
    )
    free = {(row["part"], row["place"], row["pool"]): row["free"] for row in rows}
    # stock came between the choice and the waiting
    await jobs.enqueue(*(jobs.FillBackorders(*spot) for spot, change in sums.items() if change > 0 and free[spot] > 0))
