"""How long a delivery takes when the vendor closes: Spring Festival, National Day, stocktaking.

A vendor's lead time runs while it is open. Days are counted from the first order day, at its
start; a closure holds from the start of its first day to the end of its last.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import date

import msgspec
import numpy as np
import numpy.typing as npt

from optimizer.errors import OptimizerError


class Closure(msgspec.Struct, frozen=True, order=True):
    """Days on which a vendor neither takes, makes nor sends anything, both named."""

    first_on: date
    last_on: date


class LeadTime(msgspec.Struct, frozen=True):
    """Days from order to receipt over the days one may order on: their mean, and the longest."""

    mean: float
    worst: float


def days_taken(lead_time_days: float, ordered_on: date, closures: Iterable[Closure]) -> float:
    """Return the days that an order of a day really takes.

    The lead time L counts open days only: with closures [a, b) after the order at t, the delivery
    comes at the least u with u − t − (closed time in [t, u)) = L, and an order placed while closed
    begins when the vendor opens. Closures may overlap.

    >>> festival = Closure(date(2027, 2, 5), date(2027, 2, 14))
    >>> [days_taken(7.0, date(2027, 2, day), [festival]) for day in (1, 5, 14, 15)]
    [17.0, 17.0, 8.0, 7.0]
    >>> days_taken(7.0, date(2027, 1, 29), [festival])  # comes as the doors close
    7.0

    Raises:
        OptimizerError: a lead time that is negative, a closure that ends before it starts.

    """
    if not (math.isfinite(lead_time_days) and lead_time_days >= 0):
        raise OptimizerError(f"lead_time_days must be zero or more, not {lead_time_days}")
    open_days, now = lead_time_days, 0
    for closure in sorted(closures):
        start, end = (closure.first_on - ordered_on).days, (closure.last_on - ordered_on).days + 1
        if end <= start:
            raise OptimizerError(f"a closure ends before it starts: {closure.first_on} to {closure.last_on}")
        if end <= now:
            continue
        if start > now:
            if start - now >= open_days:
                break
            open_days -= start - now
        now = end
    return now + open_days


def by_order_day(
    lead_time_days: float, closures: Sequence[Closure], first_on: date, horizon_days: int
) -> npt.NDArray[np.float64]:
    """Return the days that an order takes, for every day of a horizon.

    Raises:
        OptimizerError: no horizon, or what `days_taken` refuses.

    """
    if horizon_days < 1:
        raise OptimizerError(f"horizon_days must be one or more, not {horizon_days}")
    first = first_on.toordinal()
    return np.array(
        [days_taken(lead_time_days, date.fromordinal(first + day), closures) for day in range(horizon_days)]
    )


def quickest(offers: Sequence[npt.NDArray[np.float64]]) -> LeadTime:
    """Return the lead time over a horizon where each day's order goes to whoever delivers first.

    `offers` has one `by_order_day` for each way of buying. A plan that sets one base stock for its
    whole horizon takes the worst: its promise is judged by the month, and with the mean it would be
    broken in the very month in which nobody delivers.

    Source: Song & Zipkin, Management Science 42 (1996) 1409-1419, whose base stock follows the state
    of the supply; the worst is theirs while the closure is ahead.

    >>> shut = by_order_day(7.0, [Closure(date(2027, 2, 5), date(2027, 2, 14))], date(2027, 1, 20), 40)
    >>> quickest([shut])
    LeadTime(mean=9.875, worst=17.0)
    >>> quickest([shut, by_order_day(12.0, [], date(2027, 1, 20), 40)]).worst
    12.0

    Raises:
        OptimizerError: no offer.

    """
    if not offers:
        raise OptimizerError("no offer: nobody delivers")
    days = np.minimum.reduce(list(offers))
    return LeadTime(float(days.mean()), float(days.max()))
