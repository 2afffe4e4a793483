"""Outgoing events: what other systems may want to know, in order, kept to be read again."""

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


async def emit(
    kind: str,
    subject_kind: str,
    subject: str,
    payload: object,
    *,
    depot: str | None = None,
    contract: str | None = None,
) -> None:
    """Write one event in the open transaction; `depot` and `contract` say who may read it."""
    await db.execute(
        """INSERT INTO event (kind, subject_kind, subject, place_code, contract_code, occurred_at, payload)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        kind,
        subject_kind,
        subject,
        depot,
        contract,
        clock.now(),
        payload,
    )


async def since(sequence: int, *, limit: int, seen_by: Actor) -> list[EventView]:
    """Events after `sequence`, oldest first, that the reader's scope includes."""
    return await db.read(
        EventView,
        """SELECT sequence, kind, subject_kind, subject, occurred_at, payload FROM event
           WHERE sequence > $1
             -- a smaller sequence may still be on its way: wait for every writer that began before
             AND written_in < pg_snapshot_xmin(pg_current_snapshot())
             AND ($2::text[] IS NULL OR place_code IS NULL OR place_code = ANY($2))
             AND ($3::text[] IS NULL OR contract_code IS NULL OR contract_code = ANY($3))
           ORDER BY sequence LIMIT $4""",
        sequence,
        seen_by.depot_scope,
        seen_by.contract_scope,
        limit,
    )
