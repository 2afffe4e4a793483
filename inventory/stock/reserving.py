"""Reserving for many at once: those who ask while others are being served go together, in one transaction.

Everybody keeps his own reservation, answer and Idempotency-Key, and one refusal is nobody else's: who cannot be served
like this (too little is free, the number is an alias, the key was used before) is told nothing here and asks alone, by
`reservations.reserve`, which says why. Correctness is the statement's, so any number of processes may do this.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from functools import partial

import msgspec
from msgspec import Struct

from inventory.catalogue.grades import Provenance
from inventory.ground import clock, db, idempotency
from inventory.ground.actor import Actor
from inventory.ground.errors import Busy, InventoryError
from inventory.ground.idempotency import Answer, Asked
from inventory.ground.together import Together
from inventory.stock.ledger import LEVEL_COLUMNS, LevelChange, announce
from inventory.stock.pools import COMMON
from inventory.stock.reservations import Reservation


class Wanted(Struct, frozen=True, kw_only=True):
    """What somebody wants to reserve, as `reservations.reserve` takes it; worth `least` at the least, where that is asked."""

    part_number: str
    depot: str
    quantity: int
    by: Actor
    pool: str = COMMON
    reference: str | None = None
    priority: int = 0
    priority_class: str | None = None
    expires_at: datetime | None = None
    least: Provenance | None = None

    @property
    def level(self) -> tuple[str, str, str]:
        """What it is taken from."""
        return self.part_number, self.depot, self.pool

    def allowed(self) -> bool:
        """Whether nothing but the stock can be in its way."""
        return (
            self.by.may("reservations.make")
            and self.by.sees_depot(self.depot)
            and self.quantity > 0
            and (self.expires_at is None or self.expires_at > clock.now())
        )


class Ask(Struct, frozen=True):
    """What is wanted, whose key it goes by, and how its reservation is told."""

    wanted: Wanted
    asked: Asked | None
    told: Callable[[Reservation], Answer]


class Later(Enum):
    """Why somebody was not served."""

    LEVEL_LOCKED = 1
    ALONE = 2


async def reserve(wanted: Wanted, asked: Asked | None, told: Callable[[Reservation], Answer]) -> Answer | None:
    """Reserve along with whoever asks at the same time, once per key; None for who has to ask alone.

    Raises:
        Busy: the level stayed locked for too long.

    """
    if db.in_transaction() or not wanted.allowed():
        return None
    ask = Ask(wanted, asked, told)
    served = await _at_once.ask(ask)
    if served is Later.LEVEL_LOCKED:  # nobody but who wants the same level waits for it
        served = await _in_line.ask(ask, lane=wanted.level)
    return served if isinstance(served, Answer) else None


async def hold_each(wanted: Sequence[Wanted]) -> list[Reservation | None]:
    """Hold what can be held on behalf of another verb that has checked the actor's rights; None where too little is free.

    One statement, however many; who comes first is served first. Parts go by their own number, not by an alias.
    """
    if not wanted:
        return []
    return [each if isinstance(each, Reservation) else None for each in await _hold_each(wanted, IN_LINE)]


async def serve(asks: Sequence[Ask], *, statement: str) -> Sequence[Answer | Later]:
    """Reserve for all that can be served, in one transaction; `AT_ONCE` leaves locked levels out, `IN_LINE` waits for them.

    Raises:
        Busy: a level stayed locked for too long.

    """

    async def act(fresh: Sequence[Ask]) -> list[Answer | Later]:
        held = await _hold_each([ask.wanted for ask in fresh], statement)
        return [
            ask.told(each) if isinstance(each, Reservation) else each for ask, each in zip(fresh, held, strict=True)
        ]

    try:
        return await idempotency.each_once([(ask.asked, ask) for ask in asks], act, used=Later.ALONE)
    except Busy:
        raise
    except (InventoryError, db.DatabaseError, ValueError, OverflowError):  # one of them asks for what cannot be
        return [Later.ALONE] * len(asks)


_HOLD_EACH = f"""
WITH asked AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::int[], $6::text[], $7::text[], $8::text[],
                         $9::timestamptz[], $11::text[])
    WITH ORDINALITY AS a(part_number, depot, pool, quantity, priority, priority_class, reference, reserved_by,
                         expires_at, least, n)
),
wanted AS MATERIALIZED (
    SELECT asked.*, coalesce(priority_class.rank, asked.priority) AS rank, level.id AS level
    FROM asked
    JOIN part ON part.part_number = asked.part_number
    JOIN place ON place.code = asked.depot AND place.frozen_at IS NULL
    JOIN pool ON pool.code = asked.pool
    JOIN party ON party.is_ourselves
    JOIN level ON level.part = part.id AND level.place = place.id AND level.pool = pool.id AND level.owner = party.id
         AND level.condition = 'good'
    LEFT JOIN priority_class ON priority_class.code = asked.priority_class
    WHERE asked.priority_class IS NULL OR priority_class.id IS NOT NULL
),
locked AS MATERIALIZED (
    SELECT id, on_hand - reserved AS free FROM level WHERE id IN (SELECT level FROM wanted)
    ORDER BY part, place, condition, owner, pool FOR NO KEY UPDATE %s
),
granted AS MATERIALIZED (
    SELECT uuidv7() AS id, so_far.* FROM (
        SELECT wanted.*, locked.free, sum(quantity) OVER (PARTITION BY level ORDER BY n) AS taken
        FROM wanted JOIN locked ON locked.id = wanted.level
    ) AS so_far
    -- read only where a purpose asks for it, once the levels are locked
    WHERE taken <= CASE WHEN least IS NULL THEN free ELSE issuable(level, least) END
),
held AS (
    UPDATE level SET reserved = level.reserved + sum.quantity
    FROM (SELECT level, sum(quantity)::int AS quantity FROM granted GROUP BY level) AS sum
    WHERE level.id = sum.level
    RETURNING {LEVEL_COLUMNS}, -sum.quantity AS freed
),
noted AS (
    INSERT INTO reservation (id, level, quantity, state, priority, priority_class, reference_number,
                             least_provenance, reserved_at, held_at, reserved_by, expires_at)
    SELECT id, level, quantity, 'pending', rank, priority_class, reference, least, $10, $10, reserved_by, expires_at
    FROM granted
)
SELECT wanted.n, wanted.rank, granted.id AS reservation, locked.id IS NULL AS locked, held.*
FROM wanted
LEFT JOIN locked ON locked.id = wanted.level
LEFT JOIN granted ON granted.n = wanted.n
LEFT JOIN held ON held.id = granted.level
"""

AT_ONCE, IN_LINE = _HOLD_EACH % "SKIP LOCKED", _HOLD_EACH % ""


async def _hold_each(wanted: Sequence[Wanted], statement: str) -> list[Reservation | Later]:
    """Hold what the levels have, in the order of asking."""
    now = clock.now()
    rows = await db.fetch(
        statement,
        [each.part_number for each in wanted],
        [each.depot for each in wanted],
        [each.pool for each in wanted],
        [each.quantity for each in wanted],
        [each.priority for each in wanted],
        [each.priority_class for each in wanted],
        [each.reference for each in wanted],
        [each.by.name for each in wanted],
        [each.expires_at for each in wanted],
        now,
        [each.least for each in wanted],
    )
    held: list[Reservation | Later] = [Later.ALONE] * len(wanted)
    changes: dict[int, LevelChange] = {}
    for row in rows:
        place = row["n"] - 1
        if row["locked"]:
            held[place] = Later.LEVEL_LOCKED
        if row["reservation"] is not None:
            held[place] = _as_reservation(wanted[place], row, now)
            changes[row["id"]] = msgspec.convert(dict(row), LevelChange)
    await announce(list(changes.values()))
    return held


def _as_reservation(wanted: Wanted, row: db.Row, now: datetime) -> Reservation:
    return Reservation(
        id=row["reservation"],
        part_number=wanted.part_number,
        depot=wanted.depot,
        pool=wanted.pool,
        quantity=wanted.quantity,
        posted_quantity=0,
        state="pending",
        priority=row["rank"],
        priority_class=wanted.priority_class,
        reference=wanted.reference,
        reserved_at=now,
        reserved_by=wanted.by.name,
        starts_at=None,
        short_since=None,
        expires_at=wanted.expires_at,
        taken_over_by=None,
    )


_at_once = Together(partial(serve, statement=AT_ONCE))
_in_line = Together(partial(serve, statement=IN_LINE))
