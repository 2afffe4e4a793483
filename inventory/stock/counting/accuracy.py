"""Accuracy: how often the books were right where somebody looked."""

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor


class Accuracy(Struct, frozen=True, kw_only=True):
    """The posted counts of a store in a month (of counting, UTC): lines, and those without difference."""

    depot: str
    month: str
    lines: int
    lines_agreeing: int
    share: float
    pieces_over: int
    pieces_short: int


async def accuracy(*, limit: int, seen_by: Actor, depot: str | None = None) -> list[Accuracy]:
    """The accuracy of the books by store and month, the latest month first."""
    return await db.read(
        Accuracy,
        """SELECT place.code AS depot, to_char(count_sheet.counted_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month,
                  count(*)::int AS lines, count(*) FILTER (WHERE differing = 0)::int AS lines_agreeing,
                  count(*) FILTER (WHERE differing = 0) / count(*)::float8 AS share,
                  coalesce(sum(greatest(counted - expected, 0)), 0)::int AS pieces_over,
                  coalesce(sum(greatest(expected - counted, 0)), 0)::int AS pieces_short
           FROM count_line
           JOIN count_sheet ON count_sheet.id = count_line.sheet AND count_sheet.state = 'posted'
           JOIN place ON place.id = count_sheet.place
           WHERE differing IS NOT NULL AND ($1::text[] IS NULL OR place.code = ANY($1))
             AND ($2::text IS NULL OR place.code = $2)
           GROUP BY place.code, month ORDER BY month DESC, place.code LIMIT $3""",
        seen_by.depot_scope,
        depot,
        limit,
    )
