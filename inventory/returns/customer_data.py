"""Customers' data on what comes back: a unit that holds some is no good stock before it is erased and verified."""

from datetime import timedelta
from uuid import UUID

from inventory.ground import clock, db, steps
from inventory.ground.actor import Actor

ERASE_WITHIN = timedelta(days=2)
"""How soon what came back with data on it should be erased."""


async def is_on(unit: UUID) -> bool:
    """Whether a customer's data may be on a unit."""
    return bool(await db.fetch_value("SELECT holds_data FROM unit WHERE id = $1", unit))


async def came_back(unit: UUID, *, depot: str) -> None:
    """Note that a unit came back with data on it, and have somebody erase it; for a verb that took it in, not as good."""
    serial = await db.fetch_value("UPDATE unit SET holds_data = true WHERE id = $1 RETURNING serial", unit)
    await steps.begin(
        "erase_data",
        "unit",
        serial,
        owner_role="warehouse_keeper",
        depot=depot,
        due_at=clock.now() + ERASE_WITHIN,
    )


async def is_gone(unit: UUID, *, by: Actor) -> None:
    """Note that nothing of a customer's is on a unit any more, for a verb that made sure of it."""
    serial = await db.fetch_value("UPDATE unit SET holds_data = false WHERE id = $1 RETURNING serial", unit)
    await steps.finish("unit", serial, "erase_data", by=by)
