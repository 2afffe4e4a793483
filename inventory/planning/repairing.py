"""What repairs do to resupply: a part that mostly comes back repaired is back sooner, or later, than a new one is bought."""

from collections.abc import Iterable, Mapping
from datetime import date

from msgspec import Struct

from inventory.ground import db

LEAST_EVIDENCE = 5
"""Fewer repairs in a year tell nothing of how long the next one takes."""


class Repaired(Struct, frozen=True, kw_only=True):
    """Of a part's failures within a year, the share that came back repaired, and the mean days that took."""

    part_number: str
    share: float
    mean_days: float


async def repaired(on: date) -> list[Repaired]:
    """What repairs of our own units, on any bench, gave back in the year before a day, where there were enough of them."""
    return await db.read(
        Repaired,
        """SELECT part.part_number, least(1.0, done.repairs / greatest(coalesce(failed.failures, 0), done.repairs)::float8)
                  AS share, done.mean_days
           FROM (SELECT part, count(*) AS repairs,
                        avg(extract(epoch FROM passed_at - started_at) / 86400)::float8 AS mean_days
                 FROM repair_order JOIN party ON party.id = repair_order.owner AND party.is_ourselves
                 WHERE repair_order.state = 'passed' AND passed_at > $1::date - 365 AND passed_at < $1::date + 1
                 GROUP BY part HAVING count(*) >= $2) AS done
           JOIN part ON part.id = done.part
           LEFT JOIN (SELECT part, count(*) AS failures FROM failure
                      WHERE withdrawn_at IS NULL AND occurred_at > $1::date - 365 AND occurred_at < $1::date + 1
                      GROUP BY part) AS failed ON failed.part = done.part
           ORDER BY part.part_number""",
        on,
        LEAST_EVIDENCE,
    )


def resupplied(lead_times: Mapping[str, float], came_back: Iterable[Repaired]) -> dict[str, float]:
    """How long a part takes to be resupplied, days, where some of it comes back repaired and the rest is bought.

    T = share × mean repair time + (1 − share) × lead time. By Palm's theorem the pieces in resupply depend on the mean
    alone, so that two ways of resupply count by their weighted mean. Source: Sherbrooke, *Optimal Inventory Modeling of
    Systems* (2004), 2.4 and 3.2. A part that nobody sells keeps having no lead time.

    >>> resupplied({"PSU": 10.0, "FAN": 7.0}, [Repaired(part_number="PSU", share=0.6, mean_days=20.0)])
    {'PSU': 16.0, 'FAN': 7.0}
    """
    known = {each.part_number: each for each in came_back}
    return {
        part: days if (each := known.get(part)) is None else each.share * each.mean_days + (1 - each.share) * days
        for part, days in lead_times.items()
    }
