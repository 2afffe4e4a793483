"""From a share that every measured period must reach to the share needed in the long run.

A contract is judged by its calls of a month or a quarter. Of few calls even a good service may
show a bad share, so that the promise needs more than its target on average.
"""

import functools
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy import special

from optimizer.errors import OptimizerError

_STEP_MIN = 1e-13
_SPREAD = 12.0


@functools.lru_cache(maxsize=256)
def needed_share(target: float, calls: float, assurance: float) -> float:
    """The smallest share on time p with P(a period's share >= target) >= assurance.

    Calls of a period are Poisson with mean n; those on time and those late are independent
    Poisson, with means n p and n (1 - p). A period without calls counts as kept, so that

        P(kept) = sum over l >= 0 of P(late = l) P(on time >= l t / (1 - t)),

    which rises with p: found by bisection, to 1e-13. Of target 1 no call may be late: p = 1 +
    ln(assurance) / n. Every target is reached by some p below 1, though perhaps by no stock.
    The needed share is below the target where few calls make a kept period likely by themselves.

    Args:
        target: t, between 0 and 1; its decimals are taken as they are written.
        calls: n, mean number of calls in a period, above zero.
        assurance: a probability, above 0 and below 1.

    Raises:
        OptimizerError: an argument outside its bounds.

    Thirty calls of which 90 % must be on time, in 95 % of the periods; and all of two:

    >>> round(needed_share(0.9, 30.0, 0.95), 6), round(needed_share(1.0, 2.0, 0.95), 6)
    (0.963542, 0.974353)

    One call in twenty years is not late in most months, however bad the service:

    >>> needed_share(0.9, 1 / 240, 0.95)
    0.0

    """
    if not 0.0 <= target <= 1.0 or not 0.0 < calls < np.inf or not 0.0 < assurance < 1.0:
        raise OptimizerError("a target lies between 0 and 1, an assurance between, and calls are above zero")
    needed = _needed_on_time(target, calls)
    if needed is None:
        return max(1.0 + float(np.log(assurance)) / calls, 0.0)
    low, high = 0.0, 1.0
    if _kept(low, calls, needed) >= assurance:
        return low
    while high - low > _STEP_MIN:
        middle = (low + high) / 2.0
        low, high = (low, middle) if _kept(middle, calls, needed) >= assurance else (middle, high)
    return high


def _needed_on_time(target: float, calls: float) -> npt.NDArray[np.float64] | None:
    """How many calls on time each number of late calls needs; None where none may be late.

    Exact: 9 on time are enough for one late at 0.9, which in floating point they are not. Late
    calls are counted as far as there could be any, or could be as many on time as they need.
    """
    exact = Fraction(repr(float(target)))
    if exact == 1:
        return None
    on_time, late = exact.numerator, exact.denominator - exact.numerator
    most = int(calls + _SPREAD * np.sqrt(calls) + 40.0)
    count = most if on_time == 0 else min(most, most * late // on_time + 1)
    return np.array([-(-number * on_time // late) for number in range(count)], dtype=np.float64)


def _kept(share: float, calls: float, needed: npt.NDArray[np.float64]) -> float:
    """P(kept) at a share on time."""
    late = np.arange(len(needed))
    mean = calls * (1.0 - share)
    weight = np.exp(special.xlogy(late, mean) - mean - special.gammaln(late + 1.0))
    enough = np.where(needed >= 1.0, special.pdtrc(np.maximum(needed - 1.0, 0.0), calls * share), 1.0)
    return float(weight @ enough)
