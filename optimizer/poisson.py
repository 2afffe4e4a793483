"""Formulas of one part in one depot: base stock S, replenishment of what was taken, Poisson demand.

Rates are per day and times in days. The *load* is the expected number of units on order, daily
rate x lead time. All formulas are vectorised: arguments broadcast, the answer has their common
shape. The symbol X stands for the count of demands with the named mean: Poisson, or negative
binomial where the rate is uncertain (`optimizer.demand_counts`).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from optimizer.demand_counts import at_least, factors, fewer_than
from optimizer.errors import OptimizerError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_UNCERTAIN_AT_ONCE = 4_096
"""Rows of uncertain rate that are computed together: a thousand numbers each."""


def on_time_share(
    base_stock: npt.ArrayLike,
    daily_rate: npt.ArrayLike,
    lead_time_days: npt.ArrayLike,
    window_days: npt.ArrayLike,
    rate_shape: npt.ArrayLike = np.inf,
    order_quantity: npt.ArrayLike = 1,
) -> Floats:
    """Share of demands that wait at most `window_days` when demand waits its turn (backorders).

    P(W <= w) = P(X <= S - 1), X with mean m(L - w), for 0 <= w < L; 1 for w >= L, since every
    unit ordered arrives by then; 0 for w < 0, since the travel alone is too long. At w = 0 it is
    the fill rate: P(X <= S - 1), not P(X <= S), because the demand itself takes a unit. X is
    Poisson, or where the rate is uncertain the size-biased negative binomial. Where Q are ordered
    at a time the stock position is uniform on S, ..., S + Q - 1, and the mean over these is
    1 - (E[(X - S + 1)+] - E[(X - S - Q + 1)+]) / Q.

    Args:
        base_stock: S, whole units.
        daily_rate: m, demands a day at the depot, of all customers together.
        lead_time_days: L, fixed.
        window_days: w, the time left for waiting after travel; may be negative.
        rate_shape: alpha of the Gamma distribution of the rate; infinite where it is known.
        order_quantity: Q, whole units; S - 1 is the reorder point.

    Returns:
        Shares between 0 and 1.

    Raises:
        OptimizerError: a stock, rate or lead time is negative or not a number, or nothing is ordered.

    Source: Feeney & Sherbrooke (1966) for the fill rate; the window: Berg & Posner (1990); the
    position: Hadley & Whitin (1963), Axsäter, Inventory Control (2015).

    >>> on_time_share(2, 0.05, 20, [-1, 0, 10, 20]).round(6)
    array([0.      , 0.735759, 0.909796, 1.      ])
    >>> on_time_share(2, 0.05, 20, 0, rate_shape=[0.5, 5.0, 1e6]).round(6)
    array([0.3849  , 0.669796, 0.735759])
    >>> on_time_share([1, 2, 3, 1], 0.05, 20, 0, order_quantity=[1, 1, 1, 3]).round(6)
    array([0.367879, 0.735759, 0.919699, 0.674446])

    """
    _check_demand(rate_shape, order_quantity)
    stock, rate, lead, shape, quantity, window = _checked(
        base_stock, daily_rate, lead_time_days, given=(rate_shape, order_quantity, window_days)
    )
    expected = rate * np.maximum(lead - np.maximum(window, 0.0), 0.0)
    share = fewer_than(stock, expected, shape, size_biased=True)
    if (quantity > 1).any():
        seen = expected * (1.0 + 1.0 / shape), shape + 1.0
        passed = _backorders(stock - 1, *seen) - _backorders(stock + quantity - 1, *seen)
        share = np.where(quantity > 1, np.clip(1.0 - passed / quantity, 0.0, 1.0), share)
    return np.where(window < 0, 0.0, np.where(window >= lead, 1.0, share))


def expected_backorders(base_stock: npt.ArrayLike, load: npt.ArrayLike, rate_shape: npt.ArrayLike = np.inf) -> Floats:
    """Mean number of demands waiting for a unit.

    EBO(S) = E[(X - S)+] = a P(X = S) + (a - S) P(X > S), X Poisson with mean a. With an uncertain
    rate X is NB(alpha) with mean a, q = a / (alpha + a): from (k + 1) P(k + 1) = q (alpha + k) P(k),
    summed over k >= S, follows

        EBO(S) = a (1 + S / alpha) P(X = S) + (a - S) P(X > S).

    Computed as a P'(X >= S) - S P(X > S), X' size-biased, NB(alpha + 1): k P(k) = a P'(k - 1).

    Args:
        base_stock: S, whole units.
        load: a, mean number of units on order.
        rate_shape: alpha of the Gamma distribution of the rate; infinite where it is known.

    Returns:
        Units, never negative.

    Raises:
        OptimizerError: a stock or load is negative or not a number.

    Source: Feeney & Sherbrooke (1966); Sherbrooke, Optimal Inventory Modeling of Systems (2004).

    >>> expected_backorders([0, 1, 2], 1.0).round(6)
    array([1.      , 0.367879, 0.103638])
    >>> count = np.arange(400)
    >>> probability = 0.6 ** 2 * (count + 1) * 0.4 ** count  # NB(2) with mean 4/3
    >>> [round(float(np.sum(np.maximum(count - s, 0) * probability)), 6) for s in (0, 1, 2)]
    [1.333333, 0.693333, 0.341333]
    >>> expected_backorders([0, 1, 2], 4 / 3, rate_shape=2.0).round(6)
    array([1.333333, 0.693333, 0.341333])

    """
    _check_demand(rate_shape)
    stock, mean, shape = _checked(base_stock, load, given=(rate_shape,))
    return _backorders(stock, mean, shape)


def mean_wait_days(
    base_stock: npt.ArrayLike,
    daily_rate: npt.ArrayLike,
    lead_time_days: npt.ArrayLike,
    rate_shape: npt.ArrayLike = np.inf,
    order_quantity: npt.ArrayLike = 1,
) -> Floats:
    """Mean time a demand waits for a unit, over all demands, also those that wait not at all.

    W = EBO(S) / m with load mL, its mean over the positions S, ..., S + Q - 1 where Q are ordered
    at a time. Where there is no demand: its limit, L for a position of 0, else 0.

    Args:
        base_stock: S, whole units.
        daily_rate: m, demands a day.
        lead_time_days: L, fixed.
        rate_shape: alpha of the Gamma distribution of the rate; infinite where it is known.
        order_quantity: Q, whole units; S - 1 is the reorder point.

    Returns:
        Days.

    Raises:
        OptimizerError: an argument is negative or not a number, or nothing is ordered.

    Source: Little (1961); under an uncertain rate theta m the mean over the demands is
    E[theta W] = E[EBO] / m. The position: Hadley & Whitin (1963).

    >>> mean_wait_days([0, 1, 2, 1], [0.05, 0.05, 0.05, 0], 20).round(6)
    array([20.      ,  7.357589,  2.072766,  0.      ])
    >>> mean_wait_days(1, 0.05, 20, rate_shape=[1.0, np.inf], order_quantity=[1, 2]).round(6)
    array([10.      ,  4.715178])

    """
    _check_demand(rate_shape, order_quantity)
    stock, rate, lead, shape, quantity = _checked(
        base_stock, daily_rate, lead_time_days, given=(rate_shape, order_quantity)
    )
    load = rate * lead
    backorders = _backorders(stock, load, shape)
    if (quantity > 1).any():
        summed = _second_order(stock, load, shape) - _second_order(stock + quantity, load, shape)
        backorders = np.where(quantity > 1, np.maximum(summed, 0.0) / quantity, backorders)
    without_demand = np.where(stock >= 1, 0.0, lead / quantity)
    return np.divide(backorders, rate, out=without_demand, where=rate > 0)


def erlang_loss(base_stock: npt.ArrayLike, load: npt.ArrayLike, rate_shape: npt.ArrayLike = np.inf) -> Floats:
    """Share of demands that find no unit and are served elsewhere (emergency channel).

    B(0) = 1, B(s) = a B(s - 1) / (s + a B(s - 1)): Erlang's loss formula; it holds for every
    distribution of the lead time with the same mean. With an uncertain rate the mean over the
    demands, E[theta B(S, theta a)], as a sum whose error `demand_counts.factors` states.

    Args:
        base_stock: S, whole units.
        load: a, daily rate x mean lead time.
        rate_shape: alpha of the Gamma distribution of the rate; infinite where it is known.

    Returns:
        Shares between 0 and 1.

    Raises:
        OptimizerError: a stock or load is negative or not a number.

    Source: Erlang (1917); the recursion is stable, see Jagerman (1974).

    >>> erlang_loss([0, 1, 2, 3], 2.0).round(6)
    array([1.      , 0.666667, 0.4     , 0.210526])
    >>> erlang_loss(1, 2.0, rate_shape=[1.0, 1e6]).round(6)  # the first: 1 - 1/2 + (1/4) e^(1/2) E1(1/2)
    array([0.730728, 0.666667])

    """
    _check_demand(rate_shape)
    stock, mean, shape = _checked(base_stock, load, given=(rate_shape,))
    loss = _loss(stock, mean)
    alone, units, loads, shapes = (each.reshape(-1) for each in (loss, stock, mean, shape))
    uncertain = np.flatnonzero(np.isfinite(shapes))
    for first in range(0, len(uncertain), _UNCERTAIN_AT_ONCE):
        at = uncertain[first : first + _UNCERTAIN_AT_ONCE]
        alphas, place = np.unique(shapes[at], return_inverse=True)
        theta, weight = (of[place] for of in factors(alphas))
        alone[at] = np.sum(weight * _loss(units[at, np.newaxis], theta * loads[at, np.newaxis]), axis=1)
    return alone.reshape(loss.shape)


def _loss(stock: Floats, mean: Floats) -> Floats:
    loss = np.ones(mean.shape)
    for servers in range(1, int(stock.max(initial=0)) + 1):
        filled = mean * loss
        loss = np.where(stock >= servers, filled / (servers + filled), loss)
    return loss


def _backorders(stock: Floats, mean: Floats, shape: Floats) -> Floats:
    """E[(X - S)+] for any whole S."""
    # the two nearly cancel in the far tail: rounding must not turn the difference negative
    beyond = at_least(stock, mean, shape, size_biased=True), at_least(stock + 1, mean, shape, size_biased=False)
    return np.maximum(mean * beyond[0] - stock * beyond[1], 0.0)


def _second_order(stock: Floats, mean: Floats, shape: Floats) -> Floats:
    """E[(X - S)+ (X - S + 1)] / 2, the sum of E[(X - y)+] over all y >= S. Zipkin (2000)."""
    twice = at_least(stock - 1, mean * (1.0 + 1.0 / shape), shape + 1.0, size_biased=True)
    once, none = (at_least(stock + n, mean, shape, size_biased=n == 0) for n in (0, 1))
    squares = mean**2 * (1.0 + 1.0 / shape) * twice - 2.0 * (stock - 1) * mean * once + stock * (stock - 1) * none
    return np.maximum(squares, 0.0) / 2.0


def _checked(*amounts: npt.ArrayLike, given: Sequence[npt.ArrayLike] = ()) -> list[Floats]:
    """Arguments as float arrays of one shape; the amounts must be zero or more, and finite."""
    numbers = [np.asarray(amount, dtype=np.float64) for amount in amounts]
    for number in numbers:
        if not np.all((number >= 0) & np.isfinite(number)):
            raise OptimizerError("stock, rates, loads and times must be zero or more, and finite")
    return [*np.broadcast_arrays(*numbers, *(np.asarray(each, dtype=np.float64) for each in given))]


def _check_demand(rate_shape: npt.ArrayLike, order_quantity: npt.ArrayLike = 1) -> None:
    if not np.all(np.asarray(rate_shape) > 0):
        raise OptimizerError("the shape of a rate's distribution must be above zero")
    if not np.all(np.asarray(order_quantity) >= 1):
        raise OptimizerError("at least one piece must be ordered at a time")
