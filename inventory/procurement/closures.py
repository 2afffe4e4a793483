"""When vendors are closed: what was entered for them, and the public holidays they keep."""

from collections import defaultdict
from datetime import date

from inventory.ground import db
from inventory.installed_base.holidays import next_holidays
from optimizer.closures import Closure

HOLIDAYS_AHEAD = 12
"""Holidays that are looked up: more than a year's seven, two of which may fall together."""


async def closures_of_vendors(today: date) -> dict[int, list[Closure]]:
    """The closures of each vendor that are not over, by its id: within a year, as far as holidays are concerned."""
    closures: dict[int, list[Closure]] = defaultdict(list)
    for row in await db.fetch(
        "SELECT vendor, first_on, last_on FROM vendor_closure WHERE in_force AND last_on >= $1", today
    ):
        closures[row["vendor"]].append(Closure(row["first_on"], row["last_on"]))
    keeping = await db.fetch("SELECT id FROM vendor WHERE holidays = 'CN'")
    if keeping:
        off = [Closure(holiday.starts_on, holiday.ends_on) for holiday in next_holidays(today, HOLIDAYS_AHEAD)]
        for row in keeping:
            closures[row["id"]] += off
    return closures
