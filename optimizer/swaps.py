"""Whole units kept for devices that cannot be repaired in time: how many repairs miss their limit, and what that asks for.

A repair misses its limit with chance q; failures of a device's parts are Poisson, and those whose repair misses are a
thinning of them, hence Poisson too, at q times the rate (Kingman, Poisson Processes, 1993, section 5.1). So a swap unit
is demanded q × Σ pieces × rate × factor times a year by each device whose contract promises the swap.
"""

import math
from collections.abc import Iterable

import msgspec
from scipy import special

from optimizer.demand_counts import fewer_than
from optimizer.errors import OptimizerError

ASSUMED_CHANCE = 0.05
"""Taken of repairs nobody has a record of: one in twenty misses its limit."""

ASSUMED_REPAIRS = 10.0
"""How many repairs the assumption weighs as much as, beside those on record."""


MOST_CERTAIN = 0.999
"""No whole units are kept beyond this share of their demands, whatever was promised."""


class MissedLimit(msgspec.Struct, frozen=True):
    """The chance that a repair misses its limit: Beta(`a`, `b`), of which `late` of `repairs` are on record.

    It lies between `lower` and `upper` with nine chances in ten; without a record it is assumed.
    """

    repairs: int
    late: int
    chance: float
    lower: float
    upper: float
    a: float
    b: float

    @property
    def assumed(self) -> bool:
        """Whether nothing but the assumption is known."""
        return self.repairs == 0

    @property
    def rate_shape(self) -> float:
        """The shape of a Gamma that is spread as much about its mean: 1/CV² = a(a + b + 1)/b.

        >>> round(missed_limit(repairs=0, late=0).rate_shape, 3)
        0.579
        """
        return self.a * (self.a + self.b + 1) / self.b


def missed_limit(*, repairs: int, late: int) -> MissedLimit:
    """Return the chance that a repair misses its limit, after `late` of `repairs` did.

    q ~ Beta(a₀, b₀) of mean 5 % and the weight of ten repairs; q | record ~ Beta(a₀ + late, b₀ + repairs − late).

    Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.4.

    >>> missed_limit(repairs=0, late=0).chance, missed_limit(repairs=90, late=9).chance
    (0.05, 0.095)

    Raises:
        OptimizerError: more late than there were, or a negative number.

    """
    if not 0 <= late <= repairs:
        raise OptimizerError(f"{late} of {repairs} repairs cannot be late")
    a = ASSUMED_CHANCE * ASSUMED_REPAIRS + late
    b = (1 - ASSUMED_CHANCE) * ASSUMED_REPAIRS + repairs - late
    lower, upper = (float(special.betaincinv(a, b, p)) for p in (0.05, 0.95))
    return MissedLimit(repairs, late, a / (a + b), lower, upper, a, b)


def swaps_a_year(chance: float, failing: Iterable[tuple[float, float, float]]) -> float:
    """Return the swap units a year that one device asks for.

    Args:
        chance: that a repair misses its limit.
        failing: of each part of the device its pieces, its failures a year, and how many times as often it fails there.

    >>> round(swaps_a_year(0.05, [(8, 0.02, 1.0), (2, 0.035, 2.0)]), 4)
    0.015
    """
    return chance * math.fsum(pieces * rate * factor for pieces, rate, factor in failing)


def units_for(share: float, expected_demand: float, rate_shape: float) -> int:
    """Return the fewest whole units that serve a share of their own demands from the shelf.

    Of all the failures of a class those that ask for a whole unit are so few that a plan would leave them unserved, and keep
    the class's target all the same; but each of them is a promise whose last resort it is. Of stock S a share
    P(X ≤ S − 1) of the demands is served, X the demands over the resupply time, their rate Gamma with `rate_shape` and
    each possible rate weighed by the demands that it brings.

    Source: Sherbrooke, Optimal Inventory Modeling of Systems, 2nd ed., section 2.5 (fill rate); Patil & Rao, Biometrics
    34 (1978) 179-189 (size-biased sampling).

    >>> units_for(0.9, 0.5, math.inf), units_for(0.0, 0.5, math.inf), units_for(0.9, 0.5, 1.0)
    (2, 0, 4)
    """
    share, units = min(share, MOST_CERTAIN), 0
    while float(fewer_than(units, expected_demand, rate_shape, size_biased=True)) < share:
        units += 1
    return units
