"""Running the promise meter's waiting jobs, as a worker would."""

import msgspec

from inventory.assurance.meter import cells
from inventory.ground import db, jobs


async def settle() -> list[str]:
    """Run what the meter still has to judge, in order; which jobs they were."""
    rows = await db.fetch(
        "DELETE FROM pgqueuer WHERE entrypoint IN ('judge_cover', 'refresh_cover') RETURNING id, entrypoint, payload"
    )
    waiting = sorted(rows, key=lambda row: row["id"])
    for row in waiting:
        if row["entrypoint"] == "judge_cover":
            job = msgspec.json.decode(row["payload"], type=jobs.JudgeCover)
            await cells.judge_level(job.part, job.place, job.pool)
        else:
            await cells.refresh(msgspec.json.decode(row["payload"], type=jobs.RefreshCover))
    return [row["entrypoint"] for row in waiting]
