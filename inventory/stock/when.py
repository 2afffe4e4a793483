"""When it happened: how far from now a movement of stock may have occurred."""

from datetime import datetime, timedelta

from inventory.ground import clock
from inventory.stock.refusals import HappenedLater, HappenedTooLongAgo

OLDEST = timedelta(days=31)
"""How far back something may be booked; what is older is corrected by a count."""

FAST_CLOCK = timedelta(minutes=5)
"""How far a phone's clock may run ahead of ours."""


def happened(at: datetime | None) -> datetime | None:
    """When something occurred, as it may be booked: at most now, whatever a fast clock says; None means now.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 4, 12, tzinfo=UTC)
    >>> with clock.at(noon):
    ...     happened(noon + timedelta(minutes=2)) == noon, happened(noon - timedelta(hours=3)) == noon - timedelta(hours=3)
    (True, True)

    Raises:
        HappenedLater: it would lie in the future.
        HappenedTooLongAgo: it lies more than `OLDEST` back.

    """
    if at is None:
        return None
    now = clock.now()
    if at > now + FAST_CLOCK:
        raise HappenedLater(at=at.isoformat())
    if at < now - OLDEST:
        raise HappenedTooLongAgo(at=at.isoformat(), days=OLDEST.days)
    return min(at, now)
