"""The audit trail: who changed what that is not stock."""

from typing import Any

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.context import request_id


async def record(
    action: str, subject_kind: str, subject: str, *, by: Actor, change: Any = None, reason: str = ""
) -> None:
    """Write one audit entry in the open transaction."""
    await db.execute(
        """INSERT INTO audit_entry (recorded_at, actor, action, subject_kind, subject, change, reason, request_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        clock.now(), by.name, action, subject_kind, subject, change or {}, reason, request_id.get(),
    )
