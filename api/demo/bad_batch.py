"""A bad batch for the demo's radar: pieces that one receipt brought fail one after the other in the last few days."""

from datetime import timedelta

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.installed_base import failures

PIECES = 4
"""How many pieces of the batch fail: every one that is fitted, up to so many."""


async def let_fail(*, by: Actor) -> None:
    """Let what the best spread recent receipt of an order brought fail where it was fitted."""
    rows = await db.fetch(
        """WITH fitted AS (
               SELECT unit.receipt, unit.part, device.serial AS device, part.part_number, fitted_part.position
               FROM fitted_part
               JOIN unit ON unit.part = fitted_part.part AND unit.serial = fitted_part.serial
               JOIN receipt ON receipt.id = unit.receipt
               JOIN purchase_order ON purchase_order.number = receipt.document
               JOIN device ON device.id = fitted_part.device AND device.retired_on IS NULL
               JOIN part ON part.id = fitted_part.part
               WHERE fitted_part.removed_at IS NULL AND fitted_part.position IS NOT NULL
                 AND fitted_part.fitted_at < $1
           ), worst AS (
               SELECT receipt, part FROM fitted GROUP BY receipt, part
               ORDER BY count(*) DESC, receipt, part LIMIT 1
           )
           SELECT device, part_number, position FROM fitted JOIN worst USING (receipt, part)
           ORDER BY device, position LIMIT $2""",
        clock.now() - timedelta(days=8),
        PIECES,
    )
    await failures.record_failures(
        [
            failures.NewFailure(
                device=row["device"],
                part_number=row["part_number"],
                position=row["position"],
                occurred_at=clock.now() - timedelta(hours=30 * number + 5),
                code="SMART",
            )
            for number, row in enumerate(rows)
        ],
        by=by,
    )
