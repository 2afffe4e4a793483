"""Open steps: every duty has an owner and a due time (D92)."""

from datetime import datetime

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor


class StepView(Struct, frozen=True):
    """An open duty as the board shows it."""

    kind: str
    subject_kind: str
    subject: str
    owner_role: str
    owner: str | None
    depot: str | None
    opened_at: datetime
    due_at: datetime
    late: bool
    number: str | None = None


async def begin(
    kind: str,
    subject_kind: str,
    subject: str,
    *,
    owner_role: str,
    due_at: datetime,
    owner: str | None = None,
    depot: str | None = None,
) -> None:
    """Open a duty; the same duty about the same thing stays one."""
    await db.execute(
        """INSERT INTO step (kind, subject_kind, subject, owner_role, owner, place_code, opened_at, due_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (kind, subject_kind, subject) WHERE done_at IS NULL DO NOTHING""",
        kind,
        subject_kind,
        subject,
        owner_role,
        owner,
        depot,
        clock.now(),
        due_at,
    )


async def finish(subject_kind: str, subject: str, kind: str | None = None, *, by: Actor) -> None:
    """Close the open duties about a thing: of one kind, or all of them."""
    await db.execute(
        """UPDATE step SET done_at = $4, done_by = $5
           WHERE subject_kind = $1 AND subject = $2 AND ($3::text IS NULL OR kind = $3) AND done_at IS NULL""",
        subject_kind,
        subject,
        kind,
        clock.now(),
        by.name,
    )


async def open_steps(*, limit: int, seen_by: Actor) -> list[StepView]:
    """Open duties in the reader's scope, the most urgent first."""
    return await db.read(
        StepView,
        """SELECT kind, subject_kind, subject, owner_role, owner, place_code AS depot, opened_at, due_at,
                  due_at < $1 AS late
           FROM step
           WHERE done_at IS NULL AND ($2::text[] IS NULL OR place_code IS NULL OR place_code = ANY($2))
           ORDER BY due_at, id LIMIT $3""",
        clock.now(),
        seen_by.depot_scope,
        limit,
    )
