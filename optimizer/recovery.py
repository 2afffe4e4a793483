"""How a stock recovers: what is expected of it day by day, while demand goes on at its present rate and deliveries come.

What is short is waited for, so the stock counts below zero: available = good - reserved - backorders. Rates are per day,
times in days from now.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import special

from optimizer.cover import Inbound
from optimizer.errors import OptimizerError

type Floats = npt.NDArray[np.float64]
type Ints = npt.NDArray[np.int64]

BAND = 0.8
"""The chance that the stock lies between `least` and `most` of a day, or more: demand comes in whole pieces."""

LONGEST_DAYS = 366


class StockDay(msgspec.Struct, frozen=True):
    """The stock at the end of so many days: what is expected, the band around it, and the chance that it is at the point."""

    day: int
    arrived: int
    expected: float
    least: int
    most: int
    holds: float


def outlook(
    available: int, rate_per_day: float, point: int, inbound: Sequence[Inbound], *, days: int
) -> tuple[StockDay, ...]:
    """Return the stock of today and each of the coming days.

        S(t) = x + I(t) - N(t),    N(t) ~ Poisson(m t),

    x = `available` (negative: customers already wait), m = `rate_per_day`, I(t) the units of `inbound` in by t. Expected is
    x + I(t) - m t; `least` and `most` take away the quantiles 1 - (1 - BAND)/2 and (1 - BAND)/2 of N(t); `holds` is
    P(N(t) ≤ x + I(t) - `point`).

    >>> first, *_, last = outlook(1, 0.5, 2, [Inbound(qty=4, eta_days=1.5)], days=2)
    >>> (first.expected, first.holds), (last.expected, last.least, last.most, round(last.holds, 4))
    ((1.0, 0.0), (4.0, 3, 5, 0.981))

    Raises:
        OptimizerError: a rate that is negative or not finite, or more days than `LONGEST_DAYS`.

    """
    if not math.isfinite(rate_per_day) or rate_per_day < 0:
        raise OptimizerError(f"a rate of {rate_per_day} a day")
    if not 0 <= days <= LONGEST_DAYS:
        raise OptimizerError(f"an outlook of {days} days")
    at = np.arange(days + 1)
    mean: Floats = rate_per_day * at.astype(np.float64)
    arrived = np.zeros(days + 1, dtype=np.int64)
    for each in inbound:
        arrived[at >= each.eta_days] += each.qty
    met = available + arrived
    few, many = _band(mean)
    least, most = met - many, met - few
    holds = _at_most(met - point, mean)
    return tuple(
        StockDay(
            day=int(day),
            arrived=int(arrived[day]),
            expected=float(met[day] - rate_per_day * day),
            least=int(least[day]),
            most=int(most[day]),
            holds=float(holds[day]),
        )
        for day in at
    )


def restored_in(available: int, rate_per_day: float, point: int, inbound: Sequence[Inbound]) -> float | None:
    """Return in how many days the stock is first at the point more likely than not; None where it never is.

    The smallest t with P(N(t) ≤ x + I(t) - `point`) ≥ 1/2, in the words of `outlook`. Between two arrivals that chance only
    falls, so t is 0 or an arrival's.

    >>> restored_in(1, 0.5, 2, [Inbound(qty=1, eta_days=1.0), Inbound(qty=4, eta_days=3.0)])
    1.0
    >>> restored_in(2, 0.5, 2, []), restored_in(0, 0.5, 2, [Inbound(qty=2, eta_days=2.0)])
    (0.0, None)
    """
    if available >= point:
        return 0.0
    met = available
    for each in sorted(inbound, key=lambda one: one.eta_days):
        met += each.qty
        if _at_most(np.array(met - point), np.array(rate_per_day * each.eta_days)) >= 0.5:
            return each.eta_days
    return None


def falls_below_in(available: int, rate_per_day: float, point: int, inbound: Sequence[Inbound]) -> float | None:
    """Return in how many days the stock is first below a point more likely than not; None where it never is.

    The smallest t ≥ 0 with P(N(t) ≤ x + I(t) - `point`) < 1/2, in the words of `outlook`. Between two arrivals that chance
    only falls; with k = x + I(t) - `point` pieces to spare it is one half at t = G(k + 1) / m, G(k + 1) the median of the
    (k + 1)th failure's time at rate 1, which is Gamma distributed.

    >>> round(falls_below_in(5, 0.5, 3, []), 2), falls_below_in(2, 0.5, 3, []), falls_below_in(5, 0.0, 3, [])
    (5.35, 0.0, None)
    >>> round(falls_below_in(5, 0.5, 3, [Inbound(qty=4, eta_days=2.0)]), 2)
    13.34

    Raises:
        OptimizerError: a rate that is negative or not finite.

    """
    if not math.isfinite(rate_per_day) or rate_per_day < 0:
        raise OptimizerError(f"a rate of {rate_per_day} a day")
    if available < point:
        return 0.0
    if rate_per_day == 0:
        return None
    met = available
    falls = 0.0
    for each in [*sorted(inbound, key=lambda one: one.eta_days), None]:
        falls = float(special.gammaincinv(met - point + 1, 0.5)) / rate_per_day
        if each is None or falls < each.eta_days:
            break
        met += each.qty
    return falls


def expected_band(rate_per_day: float, days: int) -> tuple[tuple[int, int], ...]:
    """Return how many failures are few and many after 1, 2, …, `days` days at a rate: the quantiles of `BAND`.

    >>> expected_band(0.5, 3)
    ((0, 1), (0, 2), (0, 3))
    """
    few, many = _band(rate_per_day * np.arange(1.0, days + 1.0))
    return tuple(zip(few.tolist(), many.tolist(), strict=True))


def _band(mean: Floats) -> tuple[Ints, Ints]:
    """The quantiles of `BAND` of Poisson demands."""
    tail = (1 - BAND) / 2
    return _quantile(tail, mean), _quantile(1 - tail, mean)


def _quantile(share: float, mean: Floats) -> Ints:
    """The smallest n with P(N ≤ n) ≥ share, N ~ Poisson(mean).

    >>> _quantile(0.9, np.array([0.0, 0.5, 2.0, 40.0])).tolist()
    [0, 1, 4, 48]
    """
    above: Ints = np.where(mean > 0, np.ceil(special.pdtrik(share, np.maximum(mean, 1e-300))), 0).astype(np.int64)
    below: Ints = np.maximum(above - 1, 0)
    return np.where(_at_most(below, mean) >= share, below, above)


def _at_most(pieces: Ints, mean: Floats) -> Floats:
    """P(N ≤ pieces), N ~ Poisson(mean), nothing below zero."""
    return np.where(pieces < 0, 0.0, special.pdtr(np.maximum(pieces, 0), mean))
