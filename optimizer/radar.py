"""A radar of many burst tests: how hard each one is tested so that all together seldom cry wolf.

Every series (a part, a model, a firmware level, a receipt batch, a site, a supplier, a stock)
runs the Poisson CUSUM of `optimizer.burst`. What is held is the expected number of false alarms
a year over all of them together: expected numbers add up whatever the series have in common,
and the number is the work that people have with them. A false-discovery rate would promise a
share of the alarms instead; it needs p-values of all series at one common moment, and series
that share their failures, as these do, break the independence that its sharp form rests on
(Gandy & Lau, Sequential Analysis 32 (2013) 270-291).
"""

import functools
import math
from collections.abc import Mapping

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import special

from optimizer.burst import STEPS, YEAR_DAYS, radar_threshold, reference, run_lengths
from optimizer.errors import OptimizerError

KNOWN_AT_BEST = 50.0
"""No rate counts as better known than a Gamma of this shape (a spread of 14 %): sites, seasons and use differ
by more than the failures on record tell of."""

SURE = 0.01
"""How improbable a concentration must be, over all that were looked at together, to be told."""

_MULTIPLES = (0.6, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)
"""Multiples of the tested rate for which the rate of false alarms is solved."""


class Design(msgspec.Struct, frozen=True):
    """How a series is tested: against `allowance` times its long-run rate, with an alarm at `threshold`."""

    allowance: float
    threshold: float


def design(rate_per_day: float, shape: float, series: int, false_alarms_per_year: float, ratio: float) -> Design:
    """Return how to test one series of a radar, whose long-run rate is known as a Gamma.

    The rate is θ·`rate_per_day` failures a day with θ ~ Gamma(`shape`), mean 1; an infinite
    shape is a known rate, and none counts as better known than `KNOWN_AT_BEST`. Each of the
    `series` may give an equal share of `false_alarms_per_year`, in expectation over θ:

        E[ A(θ) ] ≤ a / N,    A(θ) = false alarms a year at the true rate θ·λ.

    A test at the mean rate breaks that promise wherever θ happens to be above 1. So the
    statistic is tested against c·λ, c ≥ 1 the allowance: the smallest with which the
    expectation holds. A(θ) comes from the exact average run length at θ/c times the tested rate;
    an alarm takes two failures at least, so beyond the largest multiple solved A(θ) ≤ θλ/2.

    With much history c nears 1; a rate nobody has measured (shape ½) takes several times as
    many failures to be called a burst, as it must.

    >>> for shape in (200.0, 10.0, 0.5):
    ...     found = design(0.01, shape, series=300, false_alarms_per_year=4.0, ratio=3.0)
    ...     print(round(found.allowance, 2), found.threshold)
    1.06 4.86
    1.24 4.96
    5.28 6.31

    Raises:
        OptimizerError: a rate, a shape, a number of series or of false alarms not above zero; a ratio
            not above 1.

    """
    if not (rate_per_day > 0 and shape > 0 and series > 0 and false_alarms_per_year > 0):
        raise OptimizerError("the rate, its shape, the number of series and of false alarms must be above zero")
    # Rounded to the safe side, so that thousands of series share a few searches.
    known = min(shape, KNOWN_AT_BEST)
    rough = 10.0 ** (math.floor(10 * math.log10(known)) / 10)
    events = rate_per_day * YEAR_DAYS * series / false_alarms_per_year
    allowance = _allowance(ratio, rough, 10.0 ** (math.ceil(10 * math.log10(events)) / 10))
    return Design(allowance, radar_threshold(allowance * rate_per_day, series, false_alarms_per_year, ratio))


def pooled_shape(means: npt.ArrayLike, shapes: npt.ArrayLike) -> float:
    """Return the shape of a Gamma with the mean and variance of a sum of independent ones.

    With means mᵢ and shapes αᵢ it is (Σ mᵢ)² / Σ mᵢ²/αᵢ: a series over many parts is known
    better than each of them.

    >>> pooled_shape([1.0, 1.0], [2.0, 2.0])
    4.0
    """
    m, alpha = np.asarray(means, dtype=np.float64), np.asarray(shapes, dtype=np.float64)
    return float(m.sum() ** 2 / np.sum(m**2 / alpha))


@functools.lru_cache(maxsize=4096)
def _allowance(ratio: float, shape: float, events: float) -> float:
    """The smallest multiple of the mean rate, to one in fifty, with at most one false alarm per `events` failures."""

    def holds(allowance: float) -> bool:
        limit = radar_threshold(allowance * events / YEAR_DAYS, 1, 1.0, ratio)
        return _mean_alarms(ratio, limit, shape, allowance) <= 1 / events

    low, high = 0, 8
    while not holds(1.02**high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(1.02**middle) else (middle, high)
    return 1.02**high


def _mean_alarms(ratio: float, limit: float, shape: float, allowance: float) -> float:
    """False alarms per failure expected at the mean rate, on average over the Gamma; never too few."""
    theta, weight = _nodes(shape)
    multiple = theta / allowance
    logs = np.interp(np.log(multiple), np.log(_MULTIPLES), np.log(_alarms_by_multiple(ratio, limit)))
    alarms = np.where(multiple > _MULTIPLES[-1], multiple / 2, np.exp(logs))
    return float(np.sum(weight * alarms)) * allowance


@functools.lru_cache(maxsize=1024)
def _alarms_by_multiple(ratio: float, limit: float) -> npt.NDArray[np.float64]:
    """False alarms per failure expected at the tested rate, where the true one is each of `_MULTIPLES` times that."""
    step = 1 / (STEPS * reference(ratio))
    # the grid's statistic is at most one step above the true one: see `burst.threshold`
    states = round(limit * STEPS) - 2
    lengths = [run_lengths(each * step, fall=1, states=states, rise=STEPS)[0] - 1 for each in _MULTIPLES]
    return 1 / (np.maximum(lengths, 1.0) * step)


@functools.lru_cache(maxsize=256)
def _nodes(shape: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Values of a Gamma of mean 1 and their weights: each slice of it stands at its upper edge, which is never too low."""
    tails = np.concatenate([np.linspace(1.0, 0.1, 91)[1:], np.logspace(-1, -12, 221)[1:]])
    theta = special.gammainccinv(shape, tails) / shape
    weight = -np.diff(np.concatenate([[1.0], tails]))
    return theta, weight


class Concentration(msgspec.Struct, frozen=True):
    """More of a series' failures fall on `value` (of `dimension`) than its share of the exposure explains.

    `failures` of `of`, where `expected` of them were to be expected; `p_value` is the chance of
    as many by luck, corrected for everything that was looked at.
    """

    dimension: str
    value: str
    failures: int
    of: int
    expected: float
    p_value: float


def concentrations(
    failures: Mapping[tuple[str, str], int], shares: Mapping[tuple[str, str], float], of: int
) -> list[Concentration]:
    """Return what holds more of `of` failures than its share of the exposure, the surest first.

    `failures` and `shares` by (dimension, value); a share is the value's part of what is
    expected of the whole series, and a value without a share is not looked at, nor is one
    that has the whole series. Given their number, failures fall on a value of share s as Binomial(of, s): the chance
    of x or more is I_s(x, of - x + 1), exactly. Over all values looked at, in every dimension,
    Holm's step-down keeps the chance of any false word below `SURE`, whatever the values have
    in common. A single failure is no concentration.

    Sources: Przyborowski & Wilenski, Biometrika 31 (1940) 313-323; Holm, Scandinavian Journal
    of Statistics 6 (1979) 65-70.

    >>> found = concentrations(
    ...     {("batch", "R-118"): 9, ("site", "A"): 7}, {("batch", "R-118"): 0.05, ("site", "A"): 0.5}, of=12
    ... )
    >>> [(each.value, each.failures, each.of, round(each.expected, 1)) for each in found]
    [('R-118', 9, 12, 0.6)]

    Raises:
        OptimizerError: more failures than there are.

    """
    if any(not 0 <= count <= of for count in failures.values()):
        raise OptimizerError("more failures fall on a value than there are")
    looked_at = {key: share for key, share in shares.items() if 0 < share < 1}
    chances = sorted(
        (float(special.betainc(count, of - count + 1, share)) if count else 1.0, key)
        for key, share in looked_at.items()
        for count in (failures.get(key, 0),)
    )
    found: list[Concentration] = []
    corrected = 0.0
    for rank, (chance, key) in enumerate(chances):
        corrected = max(corrected, min(1.0, chance * (len(chances) - rank)))
        if corrected > SURE:
            break
        if failures[key] > 1:
            found.append(Concentration(*key, failures[key], of, of * looked_at[key], corrected))
    return found
