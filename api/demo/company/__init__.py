"""粤申维保 (Yueshen Maintenance): who and what the demo company is. Fictional, but for the drives' failure rates."""

from datetime import date

from api.demo.company import customers, depots, parts, vendors
from inventory.ground.actor import Actor


async def enter(start: date, today: date, endpoint: str, *, by: Actor) -> None:
    """Enter the whole company, as it was two years ago, with the offers and letters of today."""
    await depots.enter(by=by)
    await parts.enter(start, by=by)
    await customers.enter(start, by=by)
    await vendors.enter(start, today, endpoint, by=by)
