"""Formulas of one part in one depot: base stock S, one-for-one replenishment, Poisson demand.

Rates are per day and times in days. The *load* is the expected number of units on order, daily
rate x lead time. All formulas are vectorised: arguments broadcast, the answer has their common
shape. The symbol X stands for a Poisson variable with the named mean.
"""

import numpy as np
import numpy.typing as npt
from scipy import special

from optimizer.errors import OptimizerError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_STEPS_MANY = 200
"""Steps of a recursion beyond which it runs compiled."""


def on_time_share(
    base_stock: npt.ArrayLike,
    daily_rate: npt.ArrayLike,
    lead_time_days: npt.ArrayLike,
    window_days: npt.ArrayLike,
) -> Floats:
    """Share of demands that wait at most `window_days` when demand waits its turn (backorders).

    P(W <= w) = P(X <= S - 1), X with mean m(L - w), for 0 <= w < L; 1 for w >= L, since every
    unit ordered arrives by then; 0 for w < 0, since the travel alone is too long. At w = 0 it is
    the fill rate: P(X <= S - 1), not P(X <= S), because the demand itself takes a unit.

    Args:
        base_stock: S, whole units.
        daily_rate: m, demands a day at the depot, of all customers together.
        lead_time_days: L, fixed.
        window_days: w, the time left for waiting after travel; may be negative.

    Returns:
        Shares between 0 and 1.

    Raises:
        OptimizerError: a stock, rate or lead time is negative or not a number.

    Source: Feeney & Sherbrooke (1966) for the fill rate; the window: Berg & Posner (1990).

    >>> on_time_share(2, 0.05, 20, [-1, 0, 10, 20]).round(6)
    array([0.      , 0.735759, 0.909796, 1.      ])

    """
    stock, rate, lead, window = _checked(base_stock, daily_rate, lead_time_days, window_days=window_days)
    expected = rate * np.maximum(lead - np.maximum(window, 0.0), 0.0)
    share = np.where(stock >= 1, special.pdtr(np.maximum(stock - 1, 0), expected), 0.0)
    return np.where(window < 0, 0.0, np.where(window >= lead, 1.0, share))


def expected_backorders(base_stock: npt.ArrayLike, load: npt.ArrayLike) -> Floats:
    """Mean number of demands waiting for a unit.

    EBO(S) = E[(X - S)+] = a P(X = S) + (a - S) P(X > S), X with mean a.

    Args:
        base_stock: S, whole units.
        load: a, mean number of units on order.

    Returns:
        Units, never negative.

    Raises:
        OptimizerError: a stock or load is negative or not a number.

    Source: Feeney & Sherbrooke (1966); Sherbrooke, Optimal Inventory Modeling of Systems (2004).

    >>> expected_backorders([0, 1, 2], 1.0).round(6)
    array([1.      , 0.367879, 0.103638])

    """
    stock, mean = _checked(base_stock, load)
    # P(X = S) and P(X > S) nearly cancel in the far tail: rounding must not turn it negative
    backorders = mean * _at_least(stock, mean) - stock * _at_least(stock + 1, mean)
    return np.maximum(backorders, 0.0)


def mean_wait_days(base_stock: npt.ArrayLike, daily_rate: npt.ArrayLike, lead_time_days: npt.ArrayLike) -> Floats:
    """Mean time a demand waits for a unit, over all demands, also those that wait not at all.

    W = EBO(S) / m with load mL. Where there is no demand: its limit, L for S = 0, else 0.

    Args:
        base_stock: S, whole units.
        daily_rate: m, demands a day.
        lead_time_days: L, fixed.

    Returns:
        Days.

    Raises:
        OptimizerError: an argument is negative or not a number.

    Source: Little (1961).

    >>> mean_wait_days([0, 1, 2, 1], [0.05, 0.05, 0.05, 0], 20).round(6)
    array([20.      ,  7.357589,  2.072766,  0.      ])

    """
    stock, rate, lead = _checked(base_stock, daily_rate, lead_time_days)
    without_demand = np.where(stock >= 1, 0.0, lead)
    backorders = expected_backorders(stock, rate * lead)
    return np.divide(backorders, rate, out=without_demand, where=rate > 0)


def erlang_loss(base_stock: npt.ArrayLike, load: npt.ArrayLike) -> Floats:
    """Share of demands that find no unit and are served elsewhere (emergency channel).

    B(0) = 1, B(s) = a B(s - 1) / (s + a B(s - 1)): Erlang's loss formula; it holds for every
    distribution of the lead time with the same mean.

    Args:
        base_stock: S, whole units.
        load: a, daily rate x mean lead time.

    Returns:
        Shares between 0 and 1.

    Raises:
        OptimizerError: a stock or load is negative or not a number.

    Source: Erlang (1917); the recursion is stable, see Jagerman (1974).

    >>> erlang_loss([0, 1, 2, 3], 2.0).round(6)
    array([1.      , 0.666667, 0.4     , 0.210526])

    """
    stock, mean = _checked(base_stock, load)
    most = int(stock.max(initial=0))
    if most > _STEPS_MANY:  # loading compiled code takes a second: only who has so many steps to go pays for it
        from optimizer.erlang import loss_of_many  # noqa: PLC0415

        return loss_of_many(stock, mean)
    loss = np.ones(stock.shape)
    for servers in range(1, most + 1):
        filled = mean * loss
        loss = np.where(stock >= servers, filled / (servers + filled), loss)
    return loss


def _at_least(units: Floats, mean: Floats) -> Floats:
    """P(X >= units)."""
    return np.where(units >= 1, special.pdtrc(np.maximum(units - 1, 0), mean), 1.0)


def _checked(*amounts: npt.ArrayLike, window_days: npt.ArrayLike | None = None) -> list[Floats]:
    """Arguments as float arrays of one shape; only a window may be negative."""
    given = [np.asarray(amount, dtype=np.float64) for amount in amounts]
    for amount in given:
        if not np.all((amount >= 0) & np.isfinite(amount)):
            raise OptimizerError("stock, rates, loads and times must be zero or more, and finite")
    if window_days is not None:
        given.append(np.asarray(window_days, dtype=np.float64))
    return [*np.broadcast_arrays(*given)]
