"""Drills (演练): who reported what failed on a row's stock, and asked for what was taken from it.

Whoever drills reports failures under the source `drill`, as a ticket system reports others. A case that such a failure
opens is marked as a drill, and so is one of another store whose stock a drill's requests took: its offers are those of
vendors that take part in drills, no store gives anything away for it, and whoever is told of it is told that it is one. A
failure that no drill reported, or a request of no drill that takes of the stock, makes it real at once.
"""

from datetime import datetime

from inventory.emergency.facts import Key
from inventory.ground import clock, db
from inventory.installed_base.failures import REMEMBERED
from inventory.stock.serving import reached_from, serving_of

SOURCE = "drill"
"""The source under which failures of a drill are reported."""

_ASKED_FOR = f"""
FROM (
    SELECT coalesce(part_request.source, failure.source), failure.recorded_at
    FROM failure
    JOIN device ON device.id = failure.device
    JOIN ({serving_of(reached_from("$2"))}) AS serving ON serving.site = device.site
         AND serving.contract = device.contract AND serving.place = $2 AND serving.pool = $3
    LEFT JOIN part_request ON part_request.id = failure.request
    WHERE failure.part = $1 AND failure.withdrawn_at IS NULL AND failure.recorded_at > $4
    UNION ALL
    SELECT part_request.source, line.reserved_at
    FROM request_line AS line JOIN part_request ON part_request.id = line.request
    WHERE coalesce(line.supplied_part, line.part) = $1 AND line.source_place = $2 AND line.pool = $3
      AND line.reserved_at > $4 AND line.state <> 'cancelled'
) AS asked(source, at)
"""


async def is_drilled(key: Key) -> bool:
    """Whether a drill was the last to report a failure that fell on a row's stock, or to take of it."""
    source = await db.fetch_value(
        f"SELECT source {_ASKED_FOR} ORDER BY at DESC LIMIT 1", *key, clock.now() - REMEMBERED
    )
    return source == SOURCE


async def has_really_failed(key: Key, since: datetime) -> bool:
    """Whether something failed on a row's stock since a moment, or was taken of it, that no drill reported or asked for."""
    return await db.fetch_value(
        f"SELECT EXISTS (SELECT {_ASKED_FOR} WHERE source IS DISTINCT FROM $5)", *key, since, SOURCE
    )
