"""Sudden bursts of failures: a Poisson CUSUM that runs from failure to failure.

The test asks whether a part, a batch or a site now fails `ratio` times as often as it should.
Its statistic falls steadily while nothing fails and rises by one with every failure; a burst is
declared when it reaches a threshold that is set by how seldom a false alarm may come. Times are
in days, rates in failures a day.
"""

import bisect
import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import sparse, special
from scipy.sparse import linalg

from optimizer.errors import OptimizerError

STEPS = 100
"""Steps of the grid per unit of the statistic, when a threshold is computed."""

WINDOWS_DAYS = (1.0, 7.0, 30.0)
"""The windows in which a burst is told to people: "12 in 7 days, expected 3.1"."""

PRIOR_FAILURES = 1.0
"""Weight of the long-run rate in the present rate of a burst, in failures."""

YEAR_DAYS = 365.0


class Window(msgspec.Struct, frozen=True):
    """Failures in the last `days` against the `expected` number.

    `p_value` is the chance of that many or more at the long-run rate. It is evidence for
    people to read; the alarm is the statistic's, which is not fooled by looking every day.
    """

    days: float
    failures: int
    expected: float
    p_value: float


class Burst(msgspec.Struct, frozen=True):
    """What the test says of one series of failures at the moment `now`.

    A run is the time since the statistic last left zero, `began_at`, which is where the change
    most likely happened; it is over when the statistic is back at zero, that is when the run's
    failures no longer outnumber the reference rate. `peak` is the run's highest statistic, and
    the series is `in_alarm` from the moment it reached the threshold, `alarmed_at`, until the
    run is over. Without a run all of them are zero or None.

    `times_days` are the failures it was told of. `present_rate_per_day` is the long-run rate,
    raised only in alarm.
    """

    times_days: tuple[float, ...]
    now: float
    rate_per_day: float
    ratio: float
    threshold: float
    statistic: float
    peak: float
    in_alarm: bool
    alarmed_at: float | None
    began_at: float | None
    run_failures: int
    run_expected: float
    present_rate_per_day: float
    windows: tuple[Window, ...]


def reference(ratio: float) -> float:
    """Return how far the statistic falls per failure expected at the long-run rate.

    Testing λ₁ = r·λ₀ against λ₀, one failure adds ln r to the log-likelihood ratio and a day
    takes off (r - 1)·λ₀. In units of one failure, a day takes off

        κ = (λ₁ - λ₀)/ln(λ₁/λ₀) = λ₀·(r - 1)/ln r,

    which lies between λ₀ and λ₁: the statistic drifts down in normal life and up in a burst.

    Source: Lucas, Technometrics 27 (1985) 129-144, equation for the reference value.

    >>> round(reference(2.0), 6), round(reference(3.0), 6)
    (1.442695, 1.820478)

    Raises:
        OptimizerError: a ratio that is not above 1.

    """
    if not (math.isfinite(ratio) and ratio > 1):
        raise OptimizerError(f"ratio must be above 1, not {ratio}")
    return (ratio - 1) / math.log(ratio)


def average_run_length(mu: float, k: Fraction | int, h: Fraction | int, head_start: Fraction | int = 0) -> float:
    """Return how many periods a per-period Poisson CUSUM runs, on average, before it alarms.

        C ← max(0, C + X - k),    X ~ Poisson(mu),    alarm at C ≥ h,    C = head_start at first.

    With k, h and the head start multiples of 1/q, the statistic moves on the q·h values below h,
    and the run lengths L solve the finite system (I - P)·L = 1 exactly, P the chance to move
    from one value to another without alarm.

    Source: Brook & Evans, Biometrika 59 (1972) 539-549; the values are Lucas's (1985), table 2.

    >>> round(average_run_length(1.88, 2, 6), 1), round(average_run_length(1.88, 2, 6, 3), 2)
    (37.2, 29.19)
    >>> round(average_run_length(3.2, 2, 6), 2), round(average_run_length(3.2, 2, 6, 3), 2)
    (5.49, 3.33)

    Raises:
        OptimizerError: a mean that is not above zero, k or h not above zero, a head start outside
            [0, h).

    """
    k, h, head_start = Fraction(k), Fraction(h), Fraction(head_start)
    if not (math.isfinite(mu) and mu > 0 and k > 0 and h > 0 and 0 <= head_start < h):
        raise OptimizerError(f"no such chart: mu={mu}, k={k}, h={h}, head_start={head_start}")
    q = math.lcm(k.denominator, h.denominator, head_start.denominator)
    lengths = _run_lengths(mu, fall=int(k * q), states=int(h * q), rise=q)
    return float(lengths[int(head_start * q)])


@functools.lru_cache(maxsize=4096)
def threshold(ratio: float, in_control_events: float) -> float:
    """Return the smallest threshold with at most one false alarm per so many expected failures.

    `in_control_events` is the asked average run length at the long-run rate λ₀, counted in
    failures expected at λ₀, not in days; so counted, the test is the same for every λ₀.

    Time is cut into steps in which the statistic falls by 1/100, so that it moves on a finite
    grid and `average_run_length` is exact. Between the steps the true statistic is never more
    than one step above the grid's when failures are moved to the end of their step: falling
    first can only waste fall at zero. The threshold returned lies that one step above the
    grid's, so the true run length is at least the asked one, and little more.

    A threshold is always above 1: a single failure is never a burst, however rare the part.

    >>> threshold(2.0, 100.0), threshold(3.0, 100.0)
    (4.83, 3.84)

    Raises:
        OptimizerError: a ratio that is not above 1, a run length that is not above zero.

    """
    if not (math.isfinite(in_control_events) and in_control_events > 0):
        raise OptimizerError(f"in_control_events must be above zero, not {in_control_events}")
    step = 1 / (STEPS * reference(ratio))

    def seldom(states: int) -> bool:
        lengths = _run_lengths(step, fall=1, states=states, rise=STEPS)
        return bool((lengths[0] - 1) * step >= in_control_events)

    # The chain looks after the fall, the scan before it: one step for that, one for the bound.
    low, high = STEPS - 2, STEPS - 1
    while not seldom(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if seldom(middle) else (middle, high)
    return (high + 2) / STEPS


def radar_threshold(rate_per_day: float, series: int, false_alarms_per_year: float, ratio: float) -> float:
    """Return the threshold for one series of a radar that watches many.

    The radar may give `false_alarms_per_year` over all its `series` together. Every series gets
    an equal share, so series i may alarm falsely once in 365·N/a days, that is once per
    λᵢ·365·N/a expected failures; expected numbers add up whatever the series have in common, so
    the statement holds although parts, models, batches and sites overlap. Rare failures get
    lower thresholds: three at once of a part that fails once in ten years are a burst, three of
    a part that fails daily are not.

    >>> radar_threshold(0.01, series=300, false_alarms_per_year=4.0, ratio=3.0)
    4.75
    >>> radar_threshold(1.0, series=300, false_alarms_per_year=4.0, ratio=3.0)
    8.92

    Raises:
        OptimizerError: a rate, a number of series or of false alarms not above zero; as `threshold`.

    """
    if not (rate_per_day > 0 and series > 0 and false_alarms_per_year > 0):
        raise OptimizerError("the rate, the number of series and of false alarms must be above zero")
    events = rate_per_day * YEAR_DAYS * series / false_alarms_per_year
    # Rounded up to two digits, so that thousands of series share a few solves.
    unit = 10.0 ** (math.floor(math.log10(events)) - 1)
    return threshold(ratio, math.ceil(events / unit) * unit)


def scan(times_days: Sequence[float], rate_per_day: float, now: float, ratio: float, threshold: float) -> Burst:
    """Return what a sorted list of failure times says at `now`.

    The list is bounded by the caller (a year, say); the statistic starts at zero before it. It
    is a pure function of the list: when a record comes late or is corrected, it is called
    again with the list as it should have been.

    The present rate in an alarm is that since the most likely moment of change: see
    `present_rate`.

    >>> burst = scan([1.0, 20.0, 20.5, 21.0, 21.2, 22.0], 0.1, now=22.0, ratio=3.0, threshold=3.5)
    >>> burst.in_alarm, burst.alarmed_at, burst.began_at, burst.run_failures
    (True, 21.2, 20.0, 5)
    >>> round(burst.statistic, 3), round(burst.present_rate_per_day, 3)
    (4.636, 0.417)
    >>> [(w.days, w.failures, round(w.expected, 1)) for w in burst.windows]
    [(1.0, 2, 0.1), (7.0, 5, 0.7), (30.0, 6, 3.0)]

    Raises:
        OptimizerError: times out of order or after `now`; a rate or a threshold not above zero; a
            ratio not above 1.

    """
    _check_series(times_days, rate_per_day, now, threshold)
    fall_per_day = reference(ratio) * rate_per_day
    run = _run(times_days, fall_per_day, now, threshold)
    days = now - run.began_at if run.began_at is not None else 0.0
    in_alarm = run.alarmed_at is not None
    return Burst(
        times_days=tuple(times_days),
        now=now,
        rate_per_day=rate_per_day,
        ratio=ratio,
        threshold=threshold,
        statistic=run.statistic,
        peak=run.peak,
        in_alarm=in_alarm,
        alarmed_at=run.alarmed_at,
        began_at=run.began_at,
        run_failures=run.failures,
        run_expected=rate_per_day * days,
        present_rate_per_day=present_rate(times_days[-run.failures :], rate_per_day, now) if in_alarm else rate_per_day,
        windows=tuple(_window(times_days, rate_per_day, now, each) for each in WINDOWS_DAYS),
    )


def present_rate(run_days: Sequence[float], rate_per_day: float, now: float) -> float:
    """Return the rate that a run of failures shows at `now`, never below the long-run rate m.

    If the rate changed at the failure that n others followed within the T days up to now, its
    posterior mean under a Gamma prior that weighs as much as one expected failure is

        m′ = (1 + n)/(1/m + T).

    That failure does not count, since it started the clock. Of all failures of the run, the one
    with the largest n·ln(m′/m) - (m′ - m)·T, the log-likelihood ratio against no change, is
    taken for the change: a sudden burst is not diluted by a slow rise before it.

    Source: after Hinkley, Biometrika 57 (1970) 1-17.

    >>> round(present_rate([20.0, 20.5, 21.0, 21.2, 22.0], 0.1, now=22.0), 3)
    0.417
    >>> rise = [2.0, 10.0, 18.0, 26.0]
    >>> round(present_rate([*rise, 40.0, 40.1, 40.2, 40.3, 40.4], 0.1, now=40.5), 3)
    0.476
    """
    began = np.asarray(run_days, dtype=np.float64)
    followed = np.arange(len(began))[::-1]
    days = now - began
    rate = (PRIOR_FAILURES + followed) / (PRIOR_FAILURES / rate_per_day + days)
    likelihood = followed * np.log(rate / rate_per_day) - (rate - rate_per_day) * days
    return max(rate_per_day, float(rate[np.argmax(likelihood)]))


class _Run(msgspec.Struct):
    """The statistic since it last left zero, while a list of failures is walked."""

    statistic: float = 0.0
    peak: float = 0.0
    failures: int = 0
    began_at: float | None = None
    alarmed_at: float | None = None


def _run(times: Sequence[float], fall_per_day: float, now: float, threshold: float) -> _Run:
    """Walk the failures in order and return the run that is open at `now`."""
    run, last = _Run(), -math.inf
    for time in times:
        run = _fallen(run, fall_per_day * (time - last))
        run.statistic += 1
        run.failures += 1
        run.peak = max(run.peak, run.statistic)
        if run.began_at is None:
            run.began_at = time
        if run.alarmed_at is None and run.statistic >= threshold:
            run.alarmed_at = time
        last = time
    return _fallen(run, fall_per_day * (now - last))


def _fallen(run: _Run, fall: float) -> _Run:
    """Return the run after a quiet time: lower, or over."""
    if run.statistic <= fall:
        return _Run()
    run.statistic -= fall
    return run


def _window(times: Sequence[float], rate_per_day: float, now: float, days: float) -> Window:
    failures, expected = len(times) - bisect.bisect_right(times, now - days), rate_per_day * days
    # P(N ≥ n) = P(N > n - 1); with no failure at all that is certain.
    p_value = float(special.pdtrc(failures - 1, expected)) if failures else 1.0
    return Window(days, failures, expected, p_value)


def _run_lengths(mu: float, *, fall: int, states: int, rise: int) -> npt.NDArray[np.float64]:
    """Solve for the average run length from each of the states 0 … states - 1.

    Per period the state rises by `rise` for each of Poisson(mu) failures and falls by `fall`,
    never under 0; at `states` or above the run ends.
    """
    start = np.arange(states)
    rows, columns, values = [start], [start], [np.ones(states)]
    for count in range((states + fall - 1) // rise + 1):
        end = np.maximum(start + count * rise - fall, 0)
        stays = end < states
        rows.append(start[stays])
        columns.append(end[stays])
        chance = math.exp(count * math.log(mu) - mu - math.lgamma(count + 1))
        values.append(np.full(int(stays.sum()), -chance))
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    system = sparse.coo_array(entries, shape=(states, states)).tocsc()
    return np.asarray(linalg.spsolve(system, np.ones(states)), dtype=np.float64)


def _check_series(times: Sequence[float], rate_per_day: float, now: float, threshold: float) -> None:
    if not (math.isfinite(rate_per_day) and rate_per_day > 0):
        raise OptimizerError(f"rate_per_day must be above zero, not {rate_per_day}")
    if not threshold > 0:
        raise OptimizerError(f"threshold must be above zero, not {threshold}")
    ordered = all(a <= b for a, b in pairwise([*times, now]))
    if not (math.isfinite(now) and ordered and all(map(math.isfinite, times))):
        raise OptimizerError("failure times must be finite, sorted and not after now")
