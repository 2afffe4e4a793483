"""Stock beyond what the plan uses, and the last purchase before a part can be bought no more."""

import math
from collections import defaultdict
from collections.abc import Sequence

import msgspec
from scipy import special

from optimizer.demand_counts import fewer_than
from optimizer.errors import OptimizerError
from optimizer.poisson import expected_backorders

LIKELY = 0.5
"""A piece that is used within the horizon with at least this probability is no surplus yet."""


class Position(msgspec.Struct, frozen=True):
    """A part in a depot: what is free there, less what waits, and on its way, against the base stock of the plan.

    `free` of it lies on the shelf; `rate_per_day` is the demand that the plan expects there.
    """

    part: str
    depot: str
    base_stock: int
    position: int
    free: int
    rate_per_day: float
    unit_cost_cny: float


class Surplus(msgspec.Struct, frozen=True):
    """Pieces beyond a base stock, and what to do with each of them; the three add up to `excess`.

    `used_up` will be used within the horizon: order no more until they are. `moves` go to depots that lack the part.
    `returned` are for nobody: back to the vendor, or sold. `idle_value_cny` is what the last two cost to keep idle.
    """

    part: str
    depot: str
    excess: int
    used_up: int
    moves: dict[str, int]
    returned: int
    idle_value_cny: float


def surplus(positions: Sequence[Position], horizon_days: float) -> list[Surplus]:
    """Every depot that has more of a part than it needs, with what to do about it; the most idle value first.

    The k-th piece beyond the base stock is used within H days with probability P(N >= k), N ~ Poisson(m H), if nothing
    is ordered before; it is surplus where that is below `LIKELY`. Only what lies free on the shelf is moved or returned.

    Raises:
        OptimizerError: the horizon is negative.

    >>> here = Position("FAN", "SH", 2, 9, 9, 0.01, 250)
    >>> lacking = Position("FAN", "GZ", 4, 2, 2, 0.02, 250)
    >>> [found] = surplus([here, lacking], 365)
    >>> found.excess, found.used_up, found.moves, found.returned, found.idle_value_cny
    (7, 3, {'GZ': 2}, 2, 1000)

    """
    if horizon_days < 0:
        raise OptimizerError("the horizon must be zero days or more")
    lacks = {(p.part, p.depot): p.base_stock - p.position for p in positions if p.position < p.base_stock}
    takers: dict[str, list[str]] = defaultdict(list)
    for part, depot in sorted(lacks, key=lambda key: (-lacks[key], key)):
        takers[part].append(depot)
    found: list[Surplus] = []
    for at in sorted(positions, key=lambda p: (p.part, p.rate_per_day, p.depot)):  # where it is used least, first
        excess = at.position - at.base_stock
        if excess <= 0:
            continue
        idle = min(excess - likely_used(at.rate_per_day * horizon_days, excess), at.free)
        moves: dict[str, int] = {}
        left = idle
        for depot in takers[at.part]:
            taken = min(left, lacks[at.part, depot])
            if taken:
                moves[depot] = taken
                lacks[at.part, depot] -= taken
                left -= taken
        found.append(Surplus(at.part, at.depot, excess, excess - idle, moves, left, idle * at.unit_cost_cny))
    return sorted(found, key=lambda one: (-one.idle_value_cny, one.part, one.depot))


def likely_used(mean: float, most: int) -> int:
    """How many of `most` pieces are used with at least the probability `LIKELY`, of a Poisson demand with this mean.

    >>> likely_used(3.65, 7), likely_used(0.5, 7), likely_used(100, 7)
    (3, 0, 7)

    """
    pieces = 0
    while pieces < most and special.pdtrc(pieces, mean) >= LIKELY:  # P(N >= pieces + 1)
        pieces += 1
    return pieces


class LastTimeBuy(msgspec.Struct, frozen=True):
    """How many to buy while the part can still be had, and what is to be expected then.

    `critical_ratio` is the probability of covering all demand that is worth paying for, `covered` the one that `quantity`
    reaches. `expected_short` and `expected_left` are pieces at the end; `expected_cost_cny` prices both.
    """

    quantity: int
    critical_ratio: float
    covered: float
    expected_demand: float
    expected_short: float
    expected_left: float
    expected_cost_cny: float


def last_time_buy(
    mean: float, shape: float | None, *, stock: int, underage_cny: float, overage_cny: float
) -> LastTimeBuy:
    """The newsvendor's quantity for all demand that is still to come.

    Q* = min {Q >= 0 : P(D <= stock + Q) >= c_u / (c_u + c_o)}. D is negative binomial with this mean and shape, which is
    Poisson demand whose rate is only believed: with a rate Gamma(a, b) and T piece-years to come, the mean is aT/b and the
    shape a. Without a shape the rate counts as known, and D is Poisson.

    Args:
        mean: expected demand over the rest of the installed base's life, pieces.
        shape: of the rate's Gamma distribution; None where the rate is known.
        stock: pieces there and on their way.
        underage_cny: what a missing piece costs in the end, beyond buying one now.
        overage_cny: what a piece costs that is never used: price and keeping, less what it can be sold for.

    Raises:
        OptimizerError: a number is negative, or not one of the costs is above zero.

    Source: Arrow, Harris & Marschak (1951); Teunter & Fortuin (1999) for the last buy.

    >>> found = last_time_buy(10, 4, stock=2, underage_cny=9000, overage_cny=1000)
    >>> found.quantity, round(found.critical_ratio, 2), round(found.covered, 3)
    (16, 0.9, 0.911)
    >>> last_time_buy(10, None, stock=2, underage_cny=9000, overage_cny=1000).quantity
    12

    """
    if min(mean, stock, underage_cny, overage_cny) < 0 or (shape is not None and shape <= 0):
        raise OptimizerError("demand, stock and costs must be zero or more, the shape above zero")
    if underage_cny + overage_cny <= 0:
        raise OptimizerError("either a missing piece or one too many must cost something")
    ratio = underage_cny / (underage_cny + overage_cny)
    if ratio >= 1.0:
        raise OptimizerError("a piece too many costs nothing: no quantity is enough")
    believed = math.inf if shape is None else shape
    held = max(_quantile(ratio, mean, believed), stock)
    short = float(expected_backorders(held, mean, believed))
    left = held - mean + short
    return LastTimeBuy(
        quantity=held - stock,
        critical_ratio=ratio,
        covered=_at_most(held, mean, believed),
        expected_demand=mean,
        expected_short=short,
        expected_left=left,
        expected_cost_cny=underage_cny * short + overage_cny * left,
    )


def _at_most(pieces: int, mean: float, shape: float) -> float:
    return float(fewer_than(pieces + 1, mean, shape, size_biased=False))


def _quantile(probability: float, mean: float, shape: float) -> int:
    """The smallest number of pieces that covers the demand with a probability below one."""
    low, high = -1, 1
    while _at_most(high, mean, shape) < probability:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _at_most(middle, mean, shape) < probability:
            low = middle
        else:
            high = middle
    return max(high, 0)
