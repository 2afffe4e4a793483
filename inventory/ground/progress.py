"""Long work somebody waits for: how far it is, what came of it, and asking it to stop."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown, WrongState


class JobView(Struct, frozen=True, kw_only=True):
    """Long work: how far it is and what came of it; while it runs, `result` is what is known so far."""

    id: UUID
    kind: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: int
    message: str
    result: Any
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None


@db.atomic
async def begin_job(kind: str, *, by: Actor, stopping_right: str, payload: dict[str, Any] | None = None) -> JobView:
    """Open the record of long work; whoever has `stopping_right` may stop it."""
    job = await db.fetch_value(
        """INSERT INTO job (kind, state, requested_by, requested_at, stopping_right, payload)
           VALUES ($1, 'queued', $2, $3, $4, $5) RETURNING id""",
        kind,
        by.name,
        clock.now(),
        stopping_right,
        payload or {},
    )
    return await job_view(job)


async def job_view(job: UUID) -> JobView:
    """One piece of long work.

    Raises:
        Unknown: no such job.

    """
    found = await db.read_one(
        JobView,
        """SELECT id, kind, state, progress, message, result, requested_by, requested_at, finished_at FROM job
           WHERE id = $1""",
        job,
    )
    if found is None:
        raise Unknown(what="job", what_zh="任务", key=str(job))
    return found


@db.atomic
async def note_progress(job: UUID, progress: int, message: str, known: dict[str, Any] | None = None) -> bool:
    """Write how far a job is, never less far than before, and what is known of its result; whether it is still wanted."""
    row = await db.fetch_one(
        """UPDATE job SET state = 'running', progress = greatest(progress, $2), message = $3, result = $4
           WHERE id = $1 AND state IN ('queued', 'running') RETURNING cancel_requested""",
        job,
        progress,
        message,
        known or {},
    )
    return row is not None and not row["cancel_requested"]


async def is_wanted(job: UUID) -> bool:
    """Whether a job is under way and nobody asked it to stop."""
    return bool(
        await db.fetch_value(
            "SELECT state IN ('queued', 'running') AND NOT cancel_requested FROM job WHERE id = $1", job
        )
    )


@db.atomic
async def finish_job(
    job: UUID, state: Literal["done", "failed", "cancelled"], message: str, result: Any = None
) -> None:
    """Close a job with what came of it."""
    await db.execute(
        """UPDATE job SET state = $2::text, message = $3, result = $4, finished_at = $5,
                  progress = CASE WHEN $2::text = 'done' THEN 100 ELSE progress END
           WHERE id = $1 AND finished_at IS NULL""",
        job,
        state,
        message,
        result or {},
        clock.now(),
    )


@db.atomic
async def cancel_job(job: UUID, *, by: Actor) -> JobView:
    """Ask a job to stop; one that has not begun stops at once.

    Raises:
        Unknown: no such job.
        NotGranted: the actor may not do what the job does.
        WrongState: it is over.

    """
    view = await job_view(job)
    by.require(await db.fetch_value("SELECT stopping_right FROM job WHERE id = $1", job))
    moved = await db.execute(
        """UPDATE job SET cancel_requested = true,
                  state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END,
                  finished_at = CASE WHEN state = 'queued' THEN $2::timestamptz END
           WHERE id = $1 AND state IN ('queued', 'running')""",
        job,
        clock.now(),
    )
    if not moved:
        raise WrongState(what="Job", what_zh="任务", key=str(job), state=view.state, needed="queued / running")
    return await job_view(job)
