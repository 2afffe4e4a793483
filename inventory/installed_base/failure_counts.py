"""Counting failures over time: how often a part failed, month by month."""

from datetime import date

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.places.reach import reached


class MonthCount(Struct, frozen=True):
    """How often a part failed in a month; `month` is its first day."""

    month: date
    failures: int


class DayCount(Struct, frozen=True):
    """How many failures fell on a day; of what, and in which time zone, says whoever counts."""

    day: date
    failures: int


async def failures_per_month(part_number: str, *, seen_by: Actor, months: int = 24) -> list[MonthCount]:
    """A part's failures in the reader's contracts and near the reader's stores, oldest month first, quiet months included."""
    return await db.read(
        MonthCount,
        f"""SELECT month::date AS month, count(failed.id)::int AS failures
           FROM generate_series(date_trunc('month', $3::timestamptz) - make_interval(months => $4 - 1),
                                date_trunc('month', $3::timestamptz), interval '1 month') AS month
           LEFT JOIN (
               SELECT failure.id, failure.occurred_at FROM failure
               JOIN part ON part.id = failure.part AND part.part_number = $1
               JOIN device ON device.id = failure.device
               JOIN contract ON contract.id = device.contract
               WHERE failure.withdrawn_at IS NULL AND ($2::text[] IS NULL OR contract.code = ANY($2))
                 AND {reached("device.site", "$5")}
           ) AS failed ON failed.occurred_at >= month AND failed.occurred_at < month + interval '1 month'
           GROUP BY month ORDER BY month""",
        part_number,
        seen_by.contract_scope,
        clock.now(),
        months,
        seen_by.depot_scope,
    )
