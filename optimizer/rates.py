"""How often a part fails, when history is short: Gamma-Poisson rates.

Failures of a part are Poisson over its device-years of exposure; the rate itself is Gamma over
the parts of one kind. A part with much history is judged by its own record, a part with little
leans on its kind. Rates are failures per device-year, exposures are device-years, a year is
365 days.
"""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import special

from optimizer.demand_counts import fewer_than
from optimizer.errors import OptimizerError

FEWEST_PARTS = 5
"""Below this many parts with exposure the spread between parts cannot be told from noise."""

POOLED_SHAPE = 0.5
"""Jeffreys' half failure: the shape of a prior whose spread could not be fitted."""


class Prior(msgspec.Struct, frozen=True):
    """What is known about a kind of part before looking at one part's own record.

    The rate of a part of this kind is Gamma(`shape`, rate `exposure`), `exposure` in
    device-years. `method` says where it comes from: fitted over the parts, pooled because there
    were too few parts or failures to fit a spread, or assumed without any record.
    """

    shape: float
    exposure: float
    method: Literal["fitted", "pooled", "assumed"]
    parts: int = 0
    failures: int = 0
    device_years: float = 0.0

    @property
    def mean(self) -> float:
        """Expected failures per device-year."""
        return self.shape / self.exposure


class Rate(msgspec.Struct, frozen=True):
    """One part's failure rate per device-year: Gamma(`shape`, rate `exposure`), with its evidence.

    `lower` and `upper` bound the rate with probability `level`, the rest shared equally.
    """

    mean: float
    shape: float
    exposure: float
    lower: float
    upper: float
    level: float
    prior_shape: float
    prior_exposure: float
    failures: int
    device_years: float


def posterior(
    prior_shape: float,
    prior_exposure: float,
    failures: int,
    device_years: float,
    *,
    level: float = 0.9,
) -> Rate:
    """Return a part's failure rate after its own record.

    λ ~ Gamma(α, β) and n | λ ~ Poisson(λT) give λ | n ~ Gamma(α + n, β + T), mean
    (α + n)/(β + T): β device-years with α failures stand in for what the kind teaches.

    Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6.

    >>> rate = posterior(2.0, 100.0, failures=4, device_years=50.0)
    >>> rate.mean, rate.shape, rate.exposure
    (0.04, 6.0, 150.0)
    >>> round(rate.lower, 4), round(rate.upper, 4)
    (0.0174, 0.0701)

    Raises:
        OptimizerError: a prior that is not above zero, a negative record, a level outside (0, 1).

    """
    _check_positive(prior_shape=prior_shape, prior_exposure=prior_exposure)
    _check_record(failures, device_years)
    if not 0 < level < 1:
        raise OptimizerError(f"level must lie between 0 and 1, not {level}")
    shape, exposure = prior_shape + failures, prior_exposure + device_years
    tail = (1 - level) / 2
    return Rate(
        mean=shape / exposure,
        shape=shape,
        exposure=exposure,
        lower=float(special.gammaincinv(shape, tail)) / exposure,
        upper=float(special.gammainccinv(shape, tail)) / exposure,
        level=level,
        prior_shape=prior_shape,
        prior_exposure=prior_exposure,
        failures=failures,
        device_years=device_years,
    )


def assumed_prior(rate_per_device_year: float) -> Prior:
    """Return a vague prior around a rate nobody has measured, such as a data sheet's.

    Its shape is one half, so the first few failures of the part's own record outweigh it.

    >>> assumed_prior(0.05)
    Prior(shape=0.5, exposure=10.0, method='assumed', parts=0, failures=0, device_years=0.0)
    """
    _check_positive(rate_per_device_year=rate_per_device_year)
    return Prior(POOLED_SHAPE, POOLED_SHAPE / rate_per_device_year, "assumed")


def fit_prior(records: Sequence[tuple[int, float]]) -> Prior:
    """Return the Gamma prior of a kind of part from its parts' (failures, device-years).

    Maximises the marginal likelihood, in which the failures of part i over Tᵢ device-years are
    negative binomial,

        P(nᵢ) = Γ(α+nᵢ)/(Γ(α) nᵢ!) · (β/(β+Tᵢ))^α · (Tᵢ/(β+Tᵢ))^nᵢ,

    times the coefficient of variation 1/√α: without that factor a handful of parts that happen
    to look alike would be taken for identical (α → ∞); with many parts it does not matter.

    With fewer than five parts on record, or failures in fewer than two of them, a spread cannot
    be fitted: the prior is then pooled, Gamma(½, mean (F + ½)/T) over all F failures in all T
    device-years, which stays above zero when nothing has failed yet.

    Source: Carlin & Louis, Bayesian Methods for Data Analysis, 3rd ed., chapter 5 (empirical
    Bayes, Gamma-Poisson); Chung et al., Psychometrika 78 (2013) 685-709 (the factor).

    >>> fit_prior([(0, 10.0), (0, 30.0)])
    Prior(shape=0.5, exposure=40.0, method='pooled', parts=2, failures=0, device_years=40.0)
    >>> prior = fit_prior([(1, 100.0), (9, 120.0), (0, 80.0), (3, 110.0), (2, 90.0), (14, 100.0)])
    >>> prior.method, round(prior.mean, 4), round(prior.shape, 2)
    ('fitted', 0.0462, 0.79)

    Raises:
        OptimizerError: a negative record, failures without exposure, or no exposure at all.

    """
    for failures, device_years in records:
        _check_record(failures, device_years)
    seen = [(failures, device_years) for failures, device_years in records if device_years > 0]
    total_failures = sum(failures for failures, _ in seen)
    total_years = math.fsum(device_years for _, device_years in seen)
    if total_years <= 0:
        raise OptimizerError("no device-years on record: nothing to fit")
    pooled_mean = (total_failures + POOLED_SHAPE) / total_years
    shape, mean, method = POOLED_SHAPE, pooled_mean, "pooled"
    failing = sum(failures > 0 for failures, _ in seen)
    if len(seen) >= FEWEST_PARTS and failing >= 2:
        shape, mean = _fit_shape_and_mean(seen, pooled_mean)
        method = "fitted"
    return Prior(shape, shape / mean, method, len(seen), total_failures, total_years)


def predictive_cdf(
    units: npt.ArrayLike,
    shape: npt.ArrayLike,
    exposure: npt.ArrayLike,
    device_years: npt.ArrayLike,
    *,
    size_biased: bool = True,
) -> npt.NDArray[np.float64]:
    """Return P(at most `units` failures over `device_years` to come), the rate itself uncertain.

    With λ ~ Gamma(α, β) and E device-years ahead, X ~ NB(α, p), p = β/(β + E), and

        P(X ≤ x) = I_p(α, x + 1)   (regularised incomplete beta function).

    For a promise over many parts, each weighted by its demand, the share of demand that is on
    time is E[λ·P(X ≤ x | λ)]/E[λ]. Weighting a Gamma(α, β) by λ gives Gamma(α+1, β), so the
    size-biased NB(α+1, p) takes the Poisson's place; taking rates as known, or leaving the
    weight out, promises more than is delivered: parts believed rare while they are not cause
    the misses.

    `units`, `shape` (α), `exposure` (β, device-years) and `device_years` (E) broadcast against
    each other; negative units give 0. For stock S the share on time is at `units` = S − 1.

    Source: Johnson, Kemp & Kotz, Univariate Discrete Distributions, 3rd ed., section 5.6;
    Patil & Rao, Biometrics 34 (1978) 179-189 (size-biased sampling).

    >>> float(predictive_cdf(1, shape=1.0, exposure=3.0, device_years=1.0, size_biased=False))
    0.9375
    >>> round(float(predictive_cdf(1, shape=1.0, exposure=3.0, device_years=1.0)), 6)
    0.84375
    """
    x, alpha, beta, ahead = (np.asarray(of, dtype=np.float64) for of in (units, shape, exposure, device_years))
    return fewer_than(x + 1.0, alpha / beta * ahead, alpha, size_biased=size_biased)


def _fit_shape_and_mean(seen: list[tuple[int, float]], start: float) -> tuple[float, float]:
    """Return the shape and the mean that maximise the marginal likelihood times 1/√shape."""
    # A dozen megabytes in every process, so loaded only where something is fitted.
    from scipy import optimize  # noqa: PLC0415

    failures = np.array([n for n, _ in seen], dtype=np.float64)
    years = np.array([t for _, t in seen], dtype=np.float64)

    def loss(logs: npt.NDArray[np.float64]) -> float:
        shape, mean = float(np.exp(logs[0])), float(np.exp(logs[1]))
        beta = shape / mean
        likelihood = np.sum(
            special.gammaln(shape + failures)
            - special.gammaln(shape)
            - shape * np.log1p(years / beta)
            - failures * np.log(beta + years)
        )
        return -(float(likelihood) - 0.5 * math.log(shape))

    bounds = [(math.log(0.02), math.log(1e4)), (math.log(start) - 5, math.log(start) + 5)]
    best = optimize.minimize(loss, [0.0, math.log(start)], method="L-BFGS-B", bounds=bounds)
    return float(np.exp(best.x[0])), float(np.exp(best.x[1]))


def _check_positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not (math.isfinite(number) and number > 0):
            raise OptimizerError(f"{name} must be above zero, not {number}")


def _check_record(failures: int, device_years: float) -> None:
    if failures < 0:
        raise OptimizerError(f"failures cannot be negative: {failures}")
    if not (math.isfinite(device_years) and device_years >= 0):
        raise OptimizerError(f"device_years must be zero or more, not {device_years}")
    if failures and not device_years:
        raise OptimizerError(f"{failures} failures without any device-years")
