"""Soft reservations: stock promised for a moment to come, held when that moment is there."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct, structs

from inventory.catalogue import parts
from inventory.catalogue.grades import Provenance
from inventory.ground import clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.places import places
from inventory.stock import pools, priorities
from inventory.stock.ledger import LEVEL_COLUMNS, LevelChange, announce
from inventory.stock.pools import COMMON
from inventory.stock.refusals import QuantityNotPositive, StartInPast
from inventory.stock.reservations import Reservation, release_each, reservation_view


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
    least: Provenance | None = None,
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
    ahead = Ahead(part=part.id, place=place.id, pool=pool_id, quantity=quantity, starts_at=starts_at)
    (reservation,) = await promise_each(
        [ahead],
        by=by,
        reference=reference,
        priority=rank,
        priority_class=priority_class,
        expires_at=expires_at,
        least=least,
    )
    return await reservation_view(reservation)


class Ahead(Struct, frozen=True, kw_only=True):
    """Good stock of ours, wanted from a moment on."""

    part: int
    place: int
    pool: int
    quantity: int
    starts_at: datetime


@db.atomic
async def promise_each(
    wanted: Sequence[Ahead],
    *,
    by: Actor,
    reference: str | None,
    priority_class: str | None,
    priority: int = 0,
    expires_at: datetime | None = None,
    least: Provenance | None = None,
) -> list[UUID]:
    """Promise on behalf of another verb that has checked the actor's rights and the class; one statement, however many."""
    if not wanted:
        return []
    rows = await db.fetch(
        """WITH asked AS (
               SELECT * FROM unnest($1::int[], $2::int[], $3::int[], $4::int[], $5::timestamptz[])
               WITH ORDINALITY AS a(part, place, pool, quantity, starts_at, n)
           ), made AS (
               INSERT INTO level (part, place, condition, owner, pool)
               SELECT DISTINCT part, place, 'good', party.id, pool FROM asked JOIN party ON party.is_ourselves
               ORDER BY 1, 2, 3, 4, 5
               ON CONFLICT ON CONSTRAINT level_identity DO UPDATE SET part = excluded.part RETURNING id, part, place, pool
           ), noted AS (
               SELECT uuidv7() AS id, made.id AS level, asked.* FROM asked JOIN made USING (part, place, pool)
           ), written AS (
               INSERT INTO reservation (id, level, quantity, state, priority, priority_class, reference_number,
                                        reserved_at, reserved_by, starts_at, expires_at, least_provenance)
               SELECT id, level, quantity, 'soft',
                      coalesce((SELECT rank FROM priority_class WHERE code = $7), $6), $7, $8, $9, $10, starts_at, $11, $12
               FROM noted
           )
           SELECT id FROM noted ORDER BY n""",
        [each.part for each in wanted],
        [each.place for each in wanted],
        [each.pool for each in wanted],
        [each.quantity for each in wanted],
        [each.starts_at for each in wanted],
        priority,
        priority_class,
        reference,
        clock.now(),
        by.name,
        expires_at,
        least,
    )
    return [row["id"] for row in rows]


@db.atomic
async def join(promised: Sequence[UUID], *, by: Actor) -> UUID:
    """Have the earliest of some soft reservations stand for all, for a verb that checked that level and start are the same."""
    kept, *others = sorted(promised)
    await db.execute(
        """UPDATE reservation SET quantity = (SELECT sum(quantity) FROM reservation WHERE id = ANY($2) AND state = 'soft')
           WHERE id = $1""",
        kept,
        [kept, *others],
    )
    await release_each(others, by=by)
    return kept


async def begin_due(*, by: Actor, beside: Collection[UUID] = (), batch: int = 500) -> int:
    """Hold what was promised for now, the highest rank first; how many got their stock.

    Each is a transaction of its own, so that one that is short holds up nobody. Those `beside` begin with what they are for.
    """
    now, begun = clock.now(), 0
    after: tuple[object, ...] = (None, None, None)
    while True:
        due = await db.fetch(
            """SELECT id, priority, starts_at FROM reservation
               WHERE state = 'soft' AND starts_at <= $1 AND (expires_at IS NULL OR expires_at > $1) AND id <> ALL($2)
                 AND ($3::int IS NULL OR (-priority, starts_at, id) > (-$3::int, $4::timestamptz, $5::uuid))
               ORDER BY -priority, starts_at, id LIMIT $6""",
            now,
            list(beside),
            *after,
            batch,
        )
        begun += sum([await begin(row["id"], by=by) for row in due])
        if len(due) < batch:
            return begun
        after = (due[-1]["priority"], due[-1]["starts_at"], due[-1]["id"])


@db.atomic
async def begin(reservation: UUID, *, by: Actor) -> bool:
    """Hold what a soft reservation promised; where stock is short, its owner is told once, and it is tried again."""
    if await try_to_begin(reservation, by=by):
        return True
    await _tell_of_shortage(reservation)
    return False


@db.atomic
async def try_to_begin(reservation: UUID, *, by: Actor) -> bool:
    """Hold what a soft reservation promised, where there is enough; whether it was."""
    row = await db.fetch_one(
        f"""WITH due AS (
                SELECT id, level, quantity, least_provenance AS least FROM reservation
                WHERE id = $1 AND state = 'soft' AND starts_at <= $2 FOR NO KEY UPDATE
            ), held AS (
                UPDATE level SET reserved = level.reserved + due.quantity FROM due
                WHERE level.id = due.level AND level.on_hand - level.reserved >= due.quantity
                  AND (due.least IS NULL OR issuable(level.id, due.least) >= due.quantity)
                  AND NOT EXISTS (SELECT FROM place WHERE place.id = level.place AND place.frozen_at IS NOT NULL)
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


class Delivery(Struct, frozen=True, kw_only=True):
    """What is on its way to a level, and by which document."""

    number: str | None
    quantity: int
    due_at: datetime
    confirmed: bool


class Promised(Struct, frozen=True, kw_only=True):
    """What is promised from a level later on."""

    reservation: UUID
    quantity: int
    starts_at: datetime


class Prospect(Struct, frozen=True, kw_only=True):
    """A level as it will be: what is free now and waited for by nobody, what is to come, and what is promised."""

    part: int
    place: int
    pool: int
    free: int
    coming: list[Delivery]
    promised: list[Promised]

    def spare_from(self, at: datetime, *, beside: Collection[UUID] = ()) -> int:
        """How many pieces may be promised from an instant on without breaking a promise made already (`beside` some).

        Only confirmed deliveries count. It is the least there will be at that instant or at any later one.
        """
        return self._spare(at, [each for each in self.promised if each.reservation not in beside])

    def missing(self, last: Collection[UUID] = ()) -> dict[UUID, int]:
        """How many pieces each promise will be short of; who was promised first is served first, and some `last` of all."""
        queue = sorted(self.promised, key=lambda promised: (promised.reservation in last, promised.reservation))
        served: list[Promised] = []
        for each in queue:
            had = min(each.quantity, self._spare(each.starts_at, served))
            served.append(structs.replace(each, quantity=had))
        return {each.reservation: each.quantity - had.quantity for each, had in zip(queue, served, strict=True)}

    def _spare(self, at: datetime, promised: Sequence[Promised]) -> int:
        instants = [at, *(each.starts_at for each in promised if each.starts_at > at)]
        return max(
            min(
                self.free
                + sum(each.quantity for each in self.coming if each.confirmed and each.due_at <= instant)
                - sum(each.quantity for each in promised if each.starts_at <= instant)
                for instant in instants
            ),
            0,
        )


async def prospects(
    spots: Sequence[tuple[int, int, int]], *, least: Provenance | None = None
) -> dict[tuple[int, int, int], Prospect]:
    """How some levels (part, place, pool) will be; one statement, however many. Of what is free, what is worth `least`."""
    found = await db.read(
        Prospect,
        """SELECT spot.part, spot.place, spot.pool,
                  coalesce(CASE WHEN $4::text IS NULL THEN level.free ELSE issuable(level.id, $4) END - level.backordered, 0)
                      AS free,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object(
                              'number', coalesce(purchase_order.number, transfer.number),
                              'quantity', expected.quantity - expected.received_quantity, 'due_at', expected.due_at,
                              'confirmed', expected.confirmed) ORDER BY expected.due_at, expected.id), '[]')
                   FROM expected_delivery AS expected
                   LEFT JOIN purchase_order_line ON purchase_order_line.id = expected.source
                   LEFT JOIN purchase_order ON purchase_order.id = purchase_order_line.purchase_order
                   LEFT JOIN transfer_line ON transfer_line.id = expected.source
                   LEFT JOIN transfer ON transfer.id = transfer_line.transfer
                   WHERE expected.part = spot.part AND expected.place = spot.place AND expected.pool = spot.pool
                     AND expected.closed_at IS NULL AND expected.quantity > expected.received_quantity) AS coming,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object(
                              'reservation', reservation.id, 'quantity', reservation.quantity,
                              'starts_at', reservation.starts_at)), '[]')
                   FROM reservation WHERE reservation.level = level.id AND reservation.state = 'soft') AS promised
           FROM (SELECT DISTINCT * FROM unnest($1::int[], $2::int[], $3::int[])) AS spot(part, place, pool)
           JOIN party ON party.is_ourselves
           LEFT JOIN level ON level.part = spot.part AND level.place = spot.place AND level.pool = spot.pool
                AND level.condition = 'good' AND level.owner = party.id""",
        [part for part, _, _ in spots],
        [place for _, place, _ in spots],
        [pool for _, _, pool in spots],
        least,
    )
    return {(each.part, each.place, each.pool): each for each in found}
