"""Outgoing events: what other systems may want to know, in order, kept to be read again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor


class EventView(Struct, frozen=True):
    """One event as other systems read it."""

    sequence: int
    kind: str
    subject_kind: str
    subject: str
    occurred_at: datetime
    payload: Any


class NewEvent(Struct, frozen=True, kw_only=True):
    """Something to tell; `depot` and `contract` say who may read it.

    What names neither is for everybody; what is `closed` is for readers of everything, and of those who are bound to
    stores or contracts only for whom it names theirs. `depot` may also be a site: the stores that reach it read it.
    """

    kind: str
    subject_kind: str
    subject: str
    payload: Any
    depot: str | None = None
    contract: str | None = None
    closed: bool = False


async def emit(
    kind: str,
    subject_kind: str,
    subject: str,
    payload: object,
    *,
    depot: str | None = None,
    contract: str | None = None,
    closed: bool = False,
) -> None:
    """Write one event in the open transaction; `depot`, `contract` and `closed` say who may read it (`NewEvent`)."""
    await emit_many(
        [
            NewEvent(
                kind=kind,
                subject_kind=subject_kind,
                subject=subject,
                payload=payload,
                depot=depot,
                contract=contract,
                closed=closed,
            )
        ]
    )


async def emit_many(told: Sequence[NewEvent]) -> None:
    """Write events in the open transaction, in order, in one statement."""
    await db.execute(
        """INSERT INTO event (kind, subject_kind, subject, place_code, contract_code, closed, occurred_at, payload)
           SELECT value ->> 'kind', value ->> 'subject_kind', value ->> 'subject', value ->> 'depot',
                  value ->> 'contract', (value -> 'closed')::boolean, $2, value -> 'payload'
           FROM jsonb_array_elements($1) WITH ORDINALITY AS told(value, number) ORDER BY number""",
        told,
        clock.now(),
    )


async def since(sequence: int, *, limit: int, seen_by: Actor) -> list[EventView]:
    """Events after `sequence`, oldest first, that the reader's scope includes."""
    return await db.read(
        EventView,
        """SELECT sequence, kind, subject_kind, subject, occurred_at, payload FROM event
           WHERE sequence > $1
             -- a smaller sequence may still be on its way: wait for every writer that began before
             AND written_in < pg_snapshot_xmin(pg_current_snapshot())
             AND ($2::text[] IS NULL OR (place_code IS NULL AND NOT closed) OR place_code = ANY($2)
                  OR place_code IN (SELECT site.code FROM coverage
                                    JOIN place AS near ON near.id = coverage.store
                                    JOIN place AS site ON site.id = coverage.site
                                    WHERE near.code = ANY($2)))
             AND ($3::text[] IS NULL OR (contract_code IS NULL AND NOT closed) OR contract_code = ANY($3))
           ORDER BY sequence LIMIT $4""",
        sequence,
        seen_by.depot_scope,
        seen_by.contract_scope,
        limit,
    )
