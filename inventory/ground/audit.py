"""The audit trail: who changed what that is not stock."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.context import request_id


class AuditView(Struct, frozen=True, kw_only=True):
    """One change."""

    id: UUID
    recorded_at: datetime
    actor: str
    acts_for: str | None
    action: str
    subject_kind: str
    subject: str
    change: Any
    reason: str
    request_id: str | None


async def record(
    action: str, subject_kind: str, subject: str, *, by: Actor, change: Any = None, reason: str = ""
) -> None:
    """Write one audit entry in the open transaction."""
    await db.execute(
        """INSERT INTO audit_entry (recorded_at, actor, acts_for, action, subject_kind, subject, change, reason,
                                    request_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        clock.now(),
        by.name,
        by.acts_for,
        action,
        subject_kind,
        subject,
        change or {},
        reason,
        request_id.get(),
    )


async def record_each(action: str, subject_kind: str, subjects: Sequence[str], *, by: Actor, reason: str = "") -> None:
    """Write the same of several subjects, an entry for each, in the open transaction."""
    await db.execute(
        """INSERT INTO audit_entry (recorded_at, actor, acts_for, action, subject_kind, subject, change, reason,
                                    request_id)
           SELECT $1, $2, $3, $4, $5, subject, '{}', $7, $8 FROM unnest($6::text[]) AS subject""",
        clock.now(),
        by.name,
        by.acts_for,
        action,
        subject_kind,
        list(subjects),
        reason,
        request_id.get(),
    )


async def entries(
    *,
    limit: int,
    subject: str | None = None,
    subject_kind: str | None = None,
    actor: str | None = None,
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: UUID | None = None,
) -> list[AuditView]:
    """Changes, latest first; `since` belongs to the span, `until` does not."""
    return await db.read(
        AuditView,
        """SELECT id, recorded_at, actor, acts_for, action, subject_kind, subject, change, reason, request_id
           FROM audit_entry
           WHERE ($1::text IS NULL OR subject = $1) AND ($2::text IS NULL OR subject_kind = $2)
             AND ($3::text IS NULL OR actor = $3) AND ($4::text IS NULL OR action = $4)
             AND ($5::timestamptz IS NULL OR recorded_at >= $5) AND ($6::timestamptz IS NULL OR recorded_at < $6)
             AND ($7::uuid IS NULL OR id < $7) ORDER BY id DESC LIMIT $8""",
        subject,
        subject_kind,
        actor,
        action,
        since,
        until,
        before,
        limit,
    )
