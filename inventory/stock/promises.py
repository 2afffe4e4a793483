"""Soft reservations: stock promised for a moment to come, held when that moment is there."""

from datetime import datetime
from uuid import UUID

import msgspec

from inventory.catalogue import parts
from inventory.ground import clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.places import places
from inventory.stock import pools, priorities
from inventory.stock.ledger import LEVEL_COLUMNS, LevelChange, announce
from inventory.stock.pools import COMMON
from inventory.stock.refusals import QuantityNotPositive, StartInPast
from inventory.stock.reservations import Reservation, reservation_view


@db.atomic
async def promise(
    part_number: str,
    depot: str,
    quantity: int,
    *,
    by: Actor,
    starts_at: datetime,
    pool: str = COMMON,
    reference: str | None = None,
    priority: int = 0,
    priority_class: str | None = None,
    expires_at: datetime | None = None,
) -> Reservation:
    """Promise good stock of ours from a moment on; until then it stays free, and there may be none yet.

    Raises:
        StartInPast: the start has passed, or lies behind the expiry.
        Unknown: no such part, store, pool or priority class.
        QuantityNotPositive: fewer than one was asked.
        NotYourDepot: the actor does not serve the store.

    """
    by.require("reservations.make")
    by.require_depot(depot)
    now = clock.now()
    if quantity < 1:
        raise QuantityNotPositive(quantity=quantity)
    if starts_at <= now or (expires_at is not None and expires_at <= starts_at):
        raise StartInPast(starts_at=starts_at.isoformat())
    rank = priority if priority_class is None else await priorities.rank_of(priority_class)
    part, place, pool_id = await parts.find(part_number), await places.find_store(depot), await pools.find(pool)
    reservation = await db.fetch_value(
        """WITH made AS (
               INSERT INTO level (part, place, condition, owner, pool)
               SELECT $1, $2, 'good', party.id, $3 FROM party WHERE party.is_ourselves
               ON CONFLICT ON CONSTRAINT level_identity DO UPDATE SET part = excluded.part RETURNING id
           )
           INSERT INTO reservation (level, quantity, state, priority, priority_class, reference_number,
                                    reserved_at, reserved_by, starts_at, expires_at)
           SELECT id, $4, 'soft', $5, $6, $7, $8, $9, $10, $11 FROM made RETURNING id""",
        part.id,
        place.id,
        pool_id,
        quantity,
        rank,
        priority_class,
        reference,
        now,
        by.name,
        starts_at,
        expires_at,
    )
    return await reservation_view(reservation)


async def begin_due(*, by: Actor, limit: int = 500) -> int:
    """Hold what was promised for now, the highest rank first; how many got their stock.

    Each is a transaction of its own, so that one that is short holds up nobody.
    """
    due = await db.fetch(
        """SELECT id FROM reservation
           WHERE state = 'soft' AND starts_at <= $1 AND (expires_at IS NULL OR expires_at > $1)
           ORDER BY priority DESC, starts_at, id LIMIT $2""",
        clock.now(),
        limit,
    )
    return sum([await begin(row["id"], by=by) for row in due])


@db.atomic
async def begin(reservation: UUID, *, by: Actor) -> bool:
    """Hold what a soft reservation promised; where stock is short, its owner is told once, and it is tried again."""
    row = await db.fetch_one(
        f"""WITH due AS (
                SELECT id, level, quantity FROM reservation
                WHERE id = $1 AND state = 'soft' AND starts_at <= $2 FOR NO KEY UPDATE
            ), held AS (
                UPDATE level SET reserved = level.reserved + due.quantity FROM due
                WHERE level.id = due.level AND level.on_hand - level.reserved >= due.quantity
                RETURNING {LEVEL_COLUMNS}, -due.quantity AS freed
            ), begun AS (
                UPDATE reservation SET state = 'pending', held_at = $2, short_since = NULL FROM held
                WHERE reservation.id = $1 RETURNING reservation.id
            )
            SELECT held.* FROM held, begun""",
        reservation,
        clock.now(),
    )
    if row is None:
        await _tell_of_shortage(reservation)
        return False
    await announce([msgspec.convert(dict(row), LevelChange)])
    await steps.finish("reservation", str(reservation), "find_stock", by=by)
    view = await reservation_view(reservation)
    await events.emit("reservation.begun", "reservation", str(reservation), view, depot=view.depot)
    return True


async def _tell_of_shortage(reservation: UUID) -> None:
    newly = await db.fetch_value(
        """UPDATE reservation SET short_since = $2
           WHERE id = $1 AND state = 'soft' AND starts_at <= $2 AND short_since IS NULL RETURNING true""",
        reservation,
        clock.now(),
    )
    if not newly:
        return
    view = await reservation_view(reservation)
    await events.emit("reservation.short", "reservation", str(reservation), view, depot=view.depot)
    await steps.begin(
        "find_stock",
        "reservation",
        str(reservation),
        owner_role="dispatcher",
        owner=view.reserved_by,
        depot=view.depot,
        due_at=clock.now(),
    )
