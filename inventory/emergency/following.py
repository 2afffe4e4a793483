"""Following a case: what happened to its stock since before it opened."""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from inventory.emergency import cases
from inventory.emergency.cases import CaseView
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.installed_base.failure_counts import DayCount
from inventory.stock import levels
from inventory.stock.history import LevelHistory, available_over_time
from inventory.stock.levels import LevelView
from inventory.stock.serving import reached_from, serving_of


async def failures_since(
    case: UUID, since: datetime, *, zone: str, seen_by: Actor, contract: str | None = None
) -> list[DayCount]:
    """Failures that fell on a case's stock, day by day, quiet days included; until the case ended, or now.

    To whoever is bound to contracts, those of their own machines; of one `contract` alone where it is named.
    """
    return await db.read(
        DayCount,
        f"""WITH watched AS (
                SELECT part, place, pool, least(coalesce(closed_at, $3), $3) AS until FROM emergency_case WHERE id = $1
            ), failed AS (
                SELECT (failure.occurred_at AT TIME ZONE $4)::date AS day, count(*)::int AS failures
                FROM watched
                JOIN failure ON failure.part = watched.part AND failure.withdrawn_at IS NULL
                     AND failure.occurred_at BETWEEN $2 AND watched.until
                JOIN device ON device.id = failure.device
                JOIN ({serving_of(reached_from("(SELECT place FROM watched)"))}) AS serving
                     ON serving.site = device.site AND serving.contract = device.contract
                     AND serving.place = watched.place AND serving.pool = watched.pool
                JOIN contract ON contract.id = device.contract AND ($5::text[] IS NULL OR contract.code = ANY($5))
                     AND ($6::text IS NULL OR contract.code = $6)
                GROUP BY 1
            )
            SELECT day::date AS day, coalesce(failures, 0) AS failures
            FROM watched
            CROSS JOIN generate_series(($2::timestamptz AT TIME ZONE $4)::date, (watched.until AT TIME ZONE $4)::date,
                                       interval '1 day') AS day
            LEFT JOIN failed USING (day) ORDER BY day""",
        case,
        since,
        clock.now(),
        zone,
        seen_by.contract_scope,
        contract,
    )


class Followed(Struct, frozen=True, kw_only=True):
    """A case as it is watched: the case, its stock now and from `since` to `until`, and its failures day by day."""

    view: CaseView
    level: LevelView | None
    history: LevelHistory | None
    failures: list[DayCount]
    since: datetime
    until: datetime


DAYS_BEFORE = timedelta(days=14)
"""How long before a case opened its failures are counted, and at most its stock is told."""

LEAST_BEFORE = timedelta(minutes=10)
"""How long before a case opened its stock is told at least."""

AFTER = timedelta(days=1)
"""How long after a case ended its stock is still told."""


async def follow(case: UUID, *, seen_by: Actor, zone: str) -> Followed:
    """One case with everything that tells how it goes.

    Raises:
        Unknown: no such case in the reader's stores.

    """
    view = await cases.case_view(case, seen_by=seen_by)
    row, now = view.case, clock.now()
    until = now if row.closed_at is None else min(now, row.closed_at + AFTER)
    # a young case is watched by the minute, an old one by the day
    since = row.opened_at - min(max(2 * (until - row.opened_at), LEAST_BEFORE), DAYS_BEFORE)
    found = await levels.levels(limit=1, seen_by=seen_by, part_number=row.part_number, depot=row.depot, pool=row.pool)
    told = await available_over_time(row.part_number, since, seen_by=seen_by, depot=row.depot, pool=row.pool)
    return Followed(
        view=view,
        level=found[0] if found else None,
        history=told[0] if told else None,
        failures=await failures_since(case, row.opened_at - DAYS_BEFORE, zone=zone, seen_by=seen_by),
        since=since,
        until=until,
    )
