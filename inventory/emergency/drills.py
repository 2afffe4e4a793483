"""Drills (演练): who reported what failed on a row's stock.

Whoever drills reports failures under the source `drill`, as a ticket system reports others. A case that such a failure
opens is marked as a drill: its offers are those of vendors that take part in drills, no store gives anything away for it,
and whoever is told of it is told that it is one. A failure that no drill reported makes it real at once.
"""

from datetime import datetime

from inventory.emergency.facts import Key
from inventory.ground import clock, db
from inventory.installed_base.failures import REMEMBERED
from inventory.stock.serving import reached_from, serving_of

SOURCE = "drill"
"""The source under which failures of a drill are reported."""

_REPORTED_BY = "coalesce(part_request.source, failure.source)"

_FELL_ON = f"""
FROM failure
JOIN device ON device.id = failure.device
JOIN ({serving_of(reached_from("$2"))}) AS serving ON serving.site = device.site AND serving.contract = device.contract
     AND serving.place = $2 AND serving.pool = $3
LEFT JOIN part_request ON part_request.id = failure.request
WHERE failure.part = $1 AND failure.withdrawn_at IS NULL AND failure.recorded_at > $4
"""


async def is_drilled(key: Key) -> bool:
    """Whether the last failure that fell on a row's stock was reported by a drill."""
    source = await db.fetch_value(
        f"SELECT {_REPORTED_BY} {_FELL_ON} ORDER BY failure.recorded_at DESC, failure.id DESC LIMIT 1",
        *key,
        clock.now() - REMEMBERED,
    )
    return source == SOURCE


async def has_really_failed(key: Key, since: datetime) -> bool:
    """Whether something failed on a row's stock since a moment that no drill reported."""
    return await db.fetch_value(
        f"SELECT EXISTS (SELECT {_FELL_ON} AND {_REPORTED_BY} IS DISTINCT FROM $5)", *key, since, SOURCE
    )
