"""Expected deliveries: what is to arrive, which a receipt will match."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db, jobs

SourceKind = Literal["purchase_order_line", "transfer_line", "notice_line", "return"]


class Expected(Struct, frozen=True, kw_only=True):
    """One delivery still to come."""

    id: UUID
    part: int
    place: int
    pool: int
    quantity: int
    received_quantity: int
    due_at: datetime
    confirmed: bool


async def expect(
    part: int,
    place: int,
    pool: int,
    quantity: int,
    *,
    due_at: datetime,
    source_kind: SourceKind,
    source: UUID,
    confirmed: bool,
) -> None:
    """Note that stock is to arrive; a confirmed one counts as cover, so the level is judged anew."""
    await db.execute(
        """INSERT INTO expected_delivery (part, place, pool, quantity, due_at, confirmed, source_kind, source)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        part,
        place,
        pool,
        quantity,
        due_at,
        confirmed,
        source_kind,
        source,
    )
    await _reassess(part, place, pool)


async def confirm(source: UUID, due_at: datetime) -> None:
    """Take a vendor's or carrier's word for when it arrives."""
    row = await db.fetch_one(
        """UPDATE expected_delivery SET due_at = $2, confirmed = true
           WHERE source = $1 AND closed_at IS NULL RETURNING part, place, pool""",
        source,
        due_at,
    )
    if row is not None:
        await _reassess(row["part"], row["place"], row["pool"])


async def change(source: UUID, quantity: int) -> None:
    """Expect another quantity in all, of which what came stays counted; nothing left of it is expected no more."""
    row = await db.fetch_one(
        """UPDATE expected_delivery
           SET quantity = greatest($2, 1), closed_at = CASE WHEN received_quantity >= $2 THEN $3::timestamptz END
           WHERE id = (SELECT id FROM expected_delivery WHERE source = $1 ORDER BY id DESC LIMIT 1)
           RETURNING part, place, pool""",
        source,
        quantity,
        clock.now(),
    )
    if row is not None:
        await _reassess(row["part"], row["place"], row["pool"])


async def move(source: UUID, place: int, *, later_by: timedelta = timedelta(0)) -> None:
    """Expect what is still to come of it at another store, so much later."""
    row = await db.fetch_one(
        """UPDATE expected_delivery SET place = $2, due_at = due_at + $3
           WHERE source = $1 AND closed_at IS NULL RETURNING part, old.place AS before, pool""",
        source,
        place,
        later_by,
    )
    if row is not None:
        for store in (row["before"], place):
            await _reassess(row["part"], store, row["pool"])


async def close(source: UUID) -> None:
    """Expect no more of it: cancelled, refused, or lost."""
    row = await db.fetch_one(
        """UPDATE expected_delivery SET closed_at = $2
           WHERE source = $1 AND closed_at IS NULL RETURNING part, place, pool""",
        source,
        clock.now(),
    )
    if row is not None:
        await _reassess(row["part"], row["place"], row["pool"])


async def count_in(source: UUID, quantity: int) -> int:
    """Count what arrived against what was expected; how much of it was still expected before.

    What is inbound has changed, so the level is judged anew, whether or not the stock crosses a line.
    """
    row = await db.fetch_one(
        """WITH before AS (
               SELECT id, part, place, pool, quantity - received_quantity AS outstanding FROM expected_delivery
               WHERE source = $1 AND closed_at IS NULL FOR NO KEY UPDATE
           ), counted AS (
               UPDATE expected_delivery SET received_quantity = received_quantity + $2,
                      closed_at = CASE WHEN received_quantity + $2 >= quantity THEN $3::timestamptz END
               FROM before WHERE expected_delivery.id = before.id
           )
           SELECT part, place, pool, greatest(outstanding, 0) AS outstanding FROM before""",
        source,
        quantity,
        clock.now(),
    )
    if row is None:
        return 0
    await _reassess(row["part"], row["place"], row["pool"])
    return row["outstanding"]


async def count_out(source: UUID, quantity: int) -> None:
    """Expect again what was counted in by mistake."""
    row = await db.fetch_one(
        """UPDATE expected_delivery
           SET received_quantity = greatest(received_quantity - $2, 0),
               closed_at = CASE WHEN received_quantity - $2 >= quantity THEN closed_at END
           WHERE id = (SELECT id FROM expected_delivery WHERE source = $1 ORDER BY id DESC LIMIT 1)
           RETURNING part, place, pool""",
        source,
        quantity,
    )
    if row is not None:
        await _reassess(row["part"], row["place"], row["pool"])


async def _reassess(part: int, place: int, pool: int) -> None:
    """Judge the level anew where lines are held against it, propose anew what it lacks, and promise anew to who waits."""
    level = await db.fetch_one(
        """SELECT bool_or(critical_point IS NOT NULL) AS judged, bool_or(backordered > 0) AS waited_for,
                  bool_or(base_stock IS NOT NULL) AS stocked
           FROM level
           WHERE part = $1 AND place = $2 AND pool = $3 AND condition = 'good'""",
        part,
        place,
        pool,
    )
    if level is None:
        return
    if level["judged"]:
        await jobs.enqueue(jobs.Assess(part, place, pool))
    if level["stocked"]:
        await jobs.enqueue(jobs.Replenish(part, place, pool))
    if level["waited_for"]:
        await jobs.enqueue(jobs.RenewPromises(part, place, pool))


async def inbound(part: int, place: int, pool: int) -> list[Expected]:
    """What is still to arrive at one level, soonest first."""
    return await db.read(
        Expected,
        """SELECT id, part, place, pool, quantity, received_quantity, due_at, confirmed FROM expected_delivery
           WHERE part = $1 AND place = $2 AND pool = $3 AND closed_at IS NULL ORDER BY due_at, id LIMIT 200""",
        part,
        place,
        pool,
    )
