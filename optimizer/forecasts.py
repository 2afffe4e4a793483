"""How many pieces of a part will be asked for, when only its past demand is known.

A consumable has no installed base that fails: its demand is a series of pieces per period, with
many zeros. Four ways to judge it: Croston's, its correction by Syntetos and Boylan (SBA), that of
Teunter, Syntetos and Babai (TSB), which give a mean and no more, and a Gamma-Poisson forecast that
forgets, which gives a distribution. `python -m bench forecasts` compares them on real series by
the quantiles they give; planning uses the last.

Rates are pieces per period; a period is whatever the series counts, a month as a rule.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import special

from optimizer.errors import OptimizerError
from optimizer.rates import Prior

HALF_LIFE = 4.0
"""Periods after which a piece of history counts half; chosen on `bench/data`, see docs/reference/bench.md."""


class Forecast(msgspec.Struct, frozen=True):
    """A rate of demand per period: Gamma(`shape`, rate `exposure`), `exposure` in periods."""

    shape: float
    exposure: float

    @property
    def mean(self) -> float:
        """Expected pieces per period."""
        return self.shape / self.exposure

    def quantile(self, level: float, periods: float) -> int:
        """Return the least number of pieces that demand over `periods` stays within with probability `level`.

        Given its rate demand is Poisson, so over h periods it is NB(α, β/(β + h)).

        >>> Forecast(2.0, 4.0).quantile(0.95, 3.0)
        5

        Raises:
            OptimizerError: a level outside (0, 1), or no time to come.

        """
        if not 0 < level < 1:
            raise OptimizerError(f"level must lie between 0 and 1, not {level}")
        if not (math.isfinite(periods) and periods > 0):
            raise OptimizerError(f"periods must be above zero, not {periods}")
        p = self.exposure / (self.exposure + periods)
        pieces, step = -1, 1
        while special.betainc(self.shape, pieces + step + 1.0, p) < level:
            pieces, step = pieces + step, step * 2
        while step > 1:
            step //= 2
            if special.betainc(self.shape, pieces + step + 1.0, p) < level:
                pieces += step
        return pieces + 1


def croston(demand: Sequence[float], *, alpha: float = 0.1) -> float:
    """Return Croston's rate: smoothed size of a demand over the smoothed time between demands.

    At each period with demand y, q periods after the one before,

        z ← z + α (y − z),   x ← x + α (q − x),   rate = z / x;

    both start at their first values, the first interval being counted from the start of the series.
    A series without demand has rate 0.

    Source: Croston, Operational Research Quarterly 23 (1972) 289-303.

    >>> croston([0, 2, 0, 0, 4, 1], alpha=0.5)
    1.1428571428571428

    Raises:
        OptimizerError: an empty series, negative demand, α outside (0, 1].

    """
    _check(demand, alpha)
    size = interval = 0.0
    last = -1
    for period, pieces in enumerate(demand):
        if pieces > 0:
            gap = period - last
            size = pieces if last < 0 else size + alpha * (pieces - size)
            interval = gap if last < 0 else interval + alpha * (gap - interval)
            last = period
    return size / interval if last >= 0 else 0.0


def sba(demand: Sequence[float], *, alpha: float = 0.1) -> float:
    """Return Croston's rate without its bias: times 1 − α/2.

    Source: Syntetos & Boylan, International Journal of Forecasting 21 (2005) 303-314.

    >>> sba([0, 2, 0, 0, 4, 1], alpha=0.5)
    0.8571428571428571

    Raises:
        OptimizerError: an empty series, negative demand, α outside (0, 1].

    """
    return (1 - alpha / 2) * croston(demand, alpha=alpha)


def tsb(demand: Sequence[float], *, alpha: float = 0.1, beta: float = 0.1) -> float:
    """Return the rate of Teunter, Syntetos and Babai: chance of a demand times its size.

    The chance is smoothed in every period, so that a part nobody asks for any more fades:

        p ← p + β (1 − p), z ← z + α (y − z)   with demand y;   p ← p − β p   without;   rate = p z.

    p starts with the first period, z with the first demand.

    Source: Teunter, Syntetos & Babai, European Journal of Operational Research 214 (2011) 606-615.

    >>> tsb([0, 2, 0, 0, 4, 1], alpha=0.5, beta=0.5)
    1.5625

    Raises:
        OptimizerError: an empty series, negative demand, α or β outside (0, 1].

    """
    _check(demand, alpha)
    _check(demand, beta)
    chance = float(demand[0] > 0)
    size = 0.0
    for period, pieces in enumerate(demand):
        if period:
            chance += beta * ((pieces > 0) - chance)
        if pieces > 0:
            size = pieces if size == 0 else size + alpha * (pieces - size)
    return chance * size


def remembered(demand: Sequence[float], *, half_life: float = HALF_LIFE) -> tuple[float, float]:
    """Return the pieces and the periods of a series, each period counting half as much as one `half_life` later.

    >>> remembered([4, 0, 1], half_life=1.0)
    (2.0, 1.75)

    Raises:
        OptimizerError: an empty series, negative demand, a half-life that is not above zero.

    """
    _check(demand, 1.0)
    if not half_life > 0:
        raise OptimizerError(f"half_life must be above zero, not {half_life}")
    ages = np.arange(len(demand) - 1, -1, -1, dtype=np.float64)
    weights = 0.5 ** (ages / half_life)
    return float(weights @ np.asarray(demand, dtype=np.float64)), float(weights.sum())


def gamma_poisson(prior: Prior, demand: Sequence[float], *, half_life: float = HALF_LIFE) -> Forecast:
    """Return what is believed of a part's rate after its series, the past being forgotten by and by.

    With wₜ = ½^(age / half-life) and the prior Gamma(α, β) over the parts of its kind, the rate is
    Gamma(α + Σ wₜ yₜ, β + Σ wₜ): the steady Poisson model, whose level may drift.

    Source: Smith, Journal of the Royal Statistical Society B 41 (1979) 375-387; Harvey & Fernandes,
    Journal of Business & Economic Statistics 7 (1989) 407-417.

    >>> gamma_poisson(Prior(0.5, 1.0, "assumed"), [4, 0, 1], half_life=1.0)
    Forecast(shape=2.5, exposure=2.75)

    Raises:
        OptimizerError: an empty series, negative demand, a half-life that is not above zero.

    """
    pieces, periods = remembered(demand, half_life=half_life)
    return Forecast(prior.shape + pieces, prior.exposure + periods)


def pinball_loss(asked: npt.ArrayLike, quantile: npt.ArrayLike, level: float) -> npt.NDArray[np.float64]:
    """Return what a forecast quantile costs: `level` per piece too few, 1 − `level` per piece too many.

    Its expectation is least at the true quantile. Source: Koenker & Bassett, Econometrica 46 (1978) 33-50.

    >>> pinball_loss([5, 1], [3, 3], 0.9).round(3).tolist()
    [1.8, 0.2]
    """
    short = np.asarray(asked, dtype=np.float64) - np.asarray(quantile, dtype=np.float64)
    return np.maximum(level * short, (level - 1) * short)


def _check(demand: Sequence[float], factor: float) -> None:
    if not len(demand):
        raise OptimizerError("a series without any period tells nothing")
    if not all(math.isfinite(pieces) and pieces >= 0 for pieces in demand):
        raise OptimizerError("demand cannot be negative")
    if not 0 < factor <= 1:
        raise OptimizerError(f"a smoothing factor must lie between 0 and 1, not {factor}")
