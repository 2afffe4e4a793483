"""How many demands come in a time, where the rate itself may be uncertain.

Demands come as in a Poisson process. Its rate is known, or it is the expected rate times a factor
theta ~ Gamma(alpha, rate alpha), mean 1: alpha is the `rate_shape`, infinite for a known rate.
Then counts are Poisson, or negative binomial NB(alpha), P(k) = C(alpha + k - 1, k) p^alpha q^k,
q = mean / (alpha + mean), p = 1 - q.

A share of *demands* weighs every rate by the demands that it brings. Weighting Gamma(alpha) by
its value gives Gamma(alpha + 1), so that NB(alpha + 1) with the same q takes the place of
NB(alpha): what `size_biased` means here, as in `optimizer.rates`.

Sources: Johnson, Kemp & Kotz, Univariate Discrete Distributions, 3rd ed., section 5.6; Patil &
Rao (1978).
"""

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

FACTORS = 256
"""Values of theta that stand for all, see `factors`."""

_TAIL = 1e-15


def fewer_than(count: npt.ArrayLike, mean: npt.ArrayLike, rate_shape: npt.ArrayLike, *, size_biased: bool) -> Floats:
    """P(X < count).

    Negative binomial: 1 - I_q(count, r), the regularised incomplete beta function.

    >>> fewer_than([0, 2, 2], 1.0, [np.inf, np.inf, 1.0], size_biased=False)
    array([0.        , 0.73575888, 0.75      ])

    """
    units, expected, alpha = np.broadcast_arrays(np.asarray(count, dtype=np.float64), *_both(mean, rate_shape))
    some = np.maximum(units, 1.0)
    found = special.pdtr(some - 1.0, expected)
    uncertain = np.isfinite(alpha)
    if uncertain.any():
        q, number = _beta(expected, alpha, size_biased=size_biased)
        found = np.where(uncertain, special.betaincc(some, number, q), found)
    return np.where(units >= 1, found, 0.0)


def at_least(count: npt.ArrayLike, mean: npt.ArrayLike, rate_shape: npt.ArrayLike, *, size_biased: bool) -> Floats:
    """P(X >= count), with all digits where that is small.

    >>> at_least([0, 2, 40], 1.0, [np.inf, 1.0, 1.0], size_biased=False)
    array([1.00000000e+00, 2.50000000e-01, 9.09494702e-13])

    """
    units, expected, alpha = np.broadcast_arrays(np.asarray(count, dtype=np.float64), *_both(mean, rate_shape))
    some = np.maximum(units, 1.0)
    found = special.pdtrc(some - 1.0, expected)
    uncertain = np.isfinite(alpha)
    if uncertain.any():
        q, number = _beta(expected, alpha, size_biased=size_biased)
        found = np.where(uncertain, special.betainc(some, number, q), found)
    return np.where(units >= 1, found, 1.0)


def factors(rate_shape: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Values of theta and their weights, by which means over the demands are sums.

    A mean over demands is E[theta f(theta)] = E f(theta'), theta' ~ Gamma(alpha + 1, rate alpha).
    The integral is a trapezoidal sum over t, theta' = exp(t - exp(-t)), between the points beyond
    which lie 1e-15 of the distribution. It converges faster than any power of the step for every
    alpha, where a Gauss-Laguerre rule needs more nodes the larger the load is beside alpha. Of
    Erlang's loss the error stays below 1e-11 for loads up to 60 and alpha from 0.1, below 1e-8
    for loads up to 200 and alpha from 0.02 (tested against rules of many more nodes).

    Args:
        rate_shape: alpha, finite, above zero; shape (n,).

    Returns:
        Values and weights, both of shape (n, FACTORS); weights add up to 1.

    Source: Takahasi & Mori (1974), the double exponential formula.

    >>> theta, weight = factors([0.5, 4.0])
    >>> np.sum(weight * theta, axis=1).round(9), np.sum(weight * theta**2, axis=1).round(9)
    (array([3.  , 1.25]), array([15.   ,  1.875]))

    """
    alpha = np.asarray(rate_shape, dtype=np.float64)[:, np.newaxis]
    ends = np.hstack([special.gammaincinv(alpha + 1.0, _TAIL), special.gammainccinv(alpha + 1.0, _TAIL)]) / alpha
    low, high = (np.log(ends) + special.lambertw(1.0 / ends).real).T
    t = np.linspace(low, high, FACTORS, axis=1)
    logarithm = t - np.exp(-t)
    weight = np.exp(alpha * (logarithm - np.expm1(logarithm)) + logarithm) * (1.0 + np.exp(-t))
    return np.exp(logarithm), weight / weight.sum(axis=1, keepdims=True)


def _both(mean: npt.ArrayLike, rate_shape: npt.ArrayLike) -> list[Floats]:
    one, other = np.asarray(mean, dtype=np.float64), np.asarray(rate_shape, dtype=np.float64)
    return [*np.broadcast_arrays(one, other)]


def _beta(mean: Floats, alpha: Floats, *, size_biased: bool) -> tuple[Floats, Floats]:
    """The q and r of the negative binomial; something harmless where the rate is known."""
    shape = np.where(np.isfinite(alpha), alpha, 1.0)
    return mean / (shape + mean), shape + 1.0 if size_biased else shape
