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

BUCKETS = 20
"""Values per factor of ten that the asked run length is rounded up to, where many series share thresholds."""


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
    allowance: float
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


class Alarm(msgspec.Struct, frozen=True):
    """A run that reached the threshold; `ended_at` is when the statistic was back at zero, None while it is not.

    `failures` of the run came in all, `expected` from its beginning to its end.
    """

    began_at: float
    alarmed_at: float
    ended_at: float | None
    failures: int
    expected: float


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
    lengths = run_lengths(mu, fall=int(k * q), states=int(h * q), rise=q)
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
        lengths = run_lengths(step, fall=1, states=states, rise=STEPS)
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
    # Rounded up, so that thousands of series share a few solves.
    return threshold(ratio, 10.0 ** (math.ceil(BUCKETS * math.log10(events)) / BUCKETS))


def scan(
    times_days: Sequence[float],
    rate_per_day: float,
    now: float,
    ratio: float,
    threshold: float,
    *,
    allowance: float = 1.0,
    earlier: Sequence[tuple[float, float]] = (),
) -> Burst:
    """Return what a sorted list of failure times says at `now`.

    The list is bounded by the caller (a year, say); the statistic starts at zero before it. It
    is a pure function of the list: when a record comes late or is corrected, it is called
    again with the list as it should have been.

    `rate_per_day` is the long-run rate now. Where it was another one, `earlier` tells: pairs
    (until, rate), in order of their days, each rate holding until its day and after the one
    before. A day then takes off what was expected of that day: machines that came or went are
    no burst. `allowance` is how many times the long-run rate the statistic is tested against,
    above 1 where that rate is not well known (see `optimizer.radar.design`); what is expected
    is told, and the present rate found, at the long-run rate itself.

    The present rate in an alarm is that since the most likely moment of change: see
    `present_rate`.

    >>> burst = scan([1.0, 20.0, 20.5, 21.0, 21.2, 22.0], 0.1, now=22.0, ratio=3.0, threshold=3.5)
    >>> burst.in_alarm, burst.alarmed_at, burst.began_at, burst.run_failures
    (True, 21.2, 20.0, 5)
    >>> round(burst.statistic, 3), round(burst.present_rate_per_day, 3)
    (4.636, 0.417)
    >>> [(w.days, w.failures, round(w.expected, 1)) for w in burst.windows]
    [(1.0, 2, 0.1), (7.0, 5, 0.7), (30.0, 6, 3.0)]
    >>> grown = scan([1.0, 2.0, 3.0], 0.5, now=12.0, ratio=3.0, threshold=9.0, earlier=[(10.0, 0.1)])
    >>> [round(w.expected, 2) for w in grown.windows]
    [0.5, 1.5, 3.8]

    Raises:
        OptimizerError: times out of order or after `now`; a rate, an allowance or a threshold not
            above zero; a ratio not above 1.

    """
    return read(times_days, rate_per_day, now, ratio, threshold, allowance=allowance, earlier=earlier)[0]


def read(
    times_days: Sequence[float],
    rate_per_day: float,
    now: float,
    ratio: float,
    threshold: float,
    *,
    allowance: float = 1.0,
    earlier: Sequence[tuple[float, float]] = (),
) -> tuple[Burst, list[Alarm]]:
    """Return what `scan` and `alarms` do, in one walk over the failures.

    >>> times, test = [1.0, 1.1, 1.2, 90.0], (0.1, 90.0, 3.0, 2.9)
    >>> read(times, *test) == (scan(times, *test), alarms(times, *test))
    True

    Raises:
        OptimizerError: as `scan`.

    """
    _check_series(times_days, rate_per_day, now, threshold, allowance, earlier)
    expected = _Expected(rate_per_day, earlier)
    runs = _runs(times_days, expected, now, reference(ratio) * allowance, threshold)
    run = runs[-1] if runs and not runs[-1].over else _Run()
    in_alarm = run.alarmed_at is not None
    raised = _raised(times_days[-run.failures :], expected, now) if in_alarm else 1.0
    found = Burst(
        times_days=tuple(times_days),
        now=now,
        rate_per_day=rate_per_day,
        ratio=ratio,
        allowance=allowance,
        threshold=threshold,
        statistic=run.statistic,
        peak=run.peak,
        in_alarm=in_alarm,
        alarmed_at=run.alarmed_at,
        began_at=run.began_at,
        run_failures=run.failures,
        run_expected=0.0 if run.began_at is None else expected.between(run.began_at, now),
        present_rate_per_day=raised * rate_per_day,
        windows=tuple(_window(times_days, expected, now, each) for each in WINDOWS_DAYS),
    )
    return found, [
        Alarm(
            began_at=run.began_at,
            alarmed_at=run.alarmed_at,
            ended_at=run.ended_at,
            failures=run.failures,
            expected=expected.between(run.began_at, now if run.ended_at is None else run.ended_at),
        )
        for run in runs
        if run.began_at is not None and run.alarmed_at is not None
    ]


def alarms(
    times_days: Sequence[float],
    rate_per_day: float,
    now: float,
    ratio: float,
    threshold: float,
    *,
    allowance: float = 1.0,
    earlier: Sequence[tuple[float, float]] = (),
) -> list[Alarm]:
    """Return every alarm that a sorted list of failure times gave up to `now`, those that are over too.

    A pure function of the list, as `scan` is, and with its arguments: a record that came late
    leads to the alarms it would have led to in time, one that is taken back leaves those that
    would have been without it.

    >>> (alarm,) = alarms([1.0, 1.1, 1.2, 90.0], 0.1, now=90.0, ratio=3.0, threshold=2.9)
    >>> alarm.began_at, alarm.alarmed_at, round(alarm.ended_at, 1), alarm.failures, round(alarm.expected, 2)
    (1.0, 1.2, 17.5, 3, 1.65)

    Raises:
        OptimizerError: as `scan`.

    """
    return read(times_days, rate_per_day, now, ratio, threshold, allowance=allowance, earlier=earlier)[1]


def present_rate(run_days: Sequence[float], rate_per_day: float, now: float) -> float:
    """Return the rate that a run of failures shows at `now`, never below the long-run rate m.

    If the rate changed at the failure that n others followed, with e expected up to now, how
    many times m it now is has the posterior mean

        (1 + n)/(1 + e)

    under a Gamma prior that weighs as much as one expected failure; e = m·T for T days at an
    unchanged m. That failure does not count, since it started the clock. Of all failures of
    the run, the one with the largest n·ln(m′/m) - (m′/m - 1)·e, the log-likelihood ratio
    against no change, is taken for the change: a sudden burst is not diluted by a slow rise
    before it.

    Source: after Hinkley, Biometrika 57 (1970) 1-17.

    >>> round(present_rate([20.0, 20.5, 21.0, 21.2, 22.0], 0.1, now=22.0), 3)
    0.417
    >>> rise = [2.0, 10.0, 18.0, 26.0]
    >>> round(present_rate([*rise, 40.0, 40.1, 40.2, 40.3, 40.4], 0.1, now=40.5), 3)
    0.476
    """
    return rate_per_day * _raised(run_days, _Expected(rate_per_day, ()), now)


def _raised(run_days: Sequence[float], expected: "_Expected", now: float) -> float:
    """How many times the long-run rate a run shows at `now`."""
    since = expected.since_first([*run_days, now])
    left = since[-1] - since[:-1]
    followed = np.arange(len(run_days))[::-1]
    times = (PRIOR_FAILURES + followed) / (PRIOR_FAILURES + left)
    likelihood = followed * np.log(times) - (times - 1) * left
    return max(1.0, float(times[np.argmax(likelihood)]))


class _Expected:
    """How many failures the long-run rate expects between two moments, whether it was always the same or not."""

    def __init__(self, rate_per_day: float, earlier: Sequence[tuple[float, float]]) -> None:
        self._until = np.array([until for until, _ in earlier], dtype=np.float64)
        self._rates = np.array([*(rate for _, rate in earlier), rate_per_day], dtype=np.float64)
        self._at_change = np.concatenate([[0.0], np.cumsum(np.diff(self._until) * self._rates[1:-1])])

    def since_first(self, moments: Sequence[float]) -> npt.NDArray[np.float64]:
        """How many are expected from one and the same moment up to each of some."""
        at = np.asarray(moments, dtype=np.float64)
        if not len(self._until):
            return at * self._rates[0]
        piece = np.searchsorted(self._until, at, side="right")
        change = np.maximum(piece - 1, 0)
        return self._at_change[change] + (at - self._until[change]) * self._rates[piece]

    def between(self, start: float, end: float) -> float:
        """How many are expected from `start` to `end`."""
        since = self.since_first([start, end])
        return float(since[1] - since[0])

    def when(self, start: float, count: float, latest: float) -> float:
        """When, after `start`, so many have been expected; not later than `latest`, by when they have."""
        moments = np.array([start, *self._until[(self._until > start) & (self._until < latest)], latest])
        since = self.since_first(moments.tolist())
        return float(np.interp(since[0] + count, since, moments))


class _Run(msgspec.Struct):
    """The statistic since it last left zero, while a list of failures is walked."""

    statistic: float = 0.0
    peak: float = 0.0
    failures: int = 0
    began_at: float | None = None
    alarmed_at: float | None = None
    over: bool = False
    ended_at: float | None = None
    """Known of alarms only: nobody asks when others ended, and to find it takes longer than all the rest."""


def _runs(times: Sequence[float], expected: _Expected, now: float, fall: float, threshold: float) -> list[_Run]:
    """Walk the failures in order and return every run up to `now`; only the last may be going on."""
    since = expected.since_first([*times, now])
    runs: list[_Run] = []
    for number, time in enumerate(times):
        open_run = runs[-1] if runs and not runs[-1].over else None
        if open_run is None:
            open_run = _Run(began_at=time)
            runs.append(open_run)
        open_run.statistic += 1
        open_run.failures += 1
        open_run.peak = max(open_run.peak, open_run.statistic)
        if open_run.alarmed_at is None and open_run.statistic >= threshold:
            open_run.alarmed_at = time
        fallen = fall * float(since[number + 1] - since[number])
        if open_run.statistic <= fallen:
            open_run.over = True
            if open_run.alarmed_at is not None:
                following = now if number + 1 == len(times) else times[number + 1]
                open_run.ended_at = expected.when(time, open_run.statistic / fall, following)
        open_run.statistic = max(0.0, open_run.statistic - fallen)
    return runs


def _window(times: Sequence[float], expected: _Expected, now: float, days: float) -> Window:
    failures, mean = len(times) - bisect.bisect_right(times, now - days), expected.between(now - days, now)
    # P(N ≥ n) = P(N > n - 1); with no failure at all that is certain.
    p_value = float(special.pdtrc(failures - 1, mean)) if failures else 1.0
    return Window(days, failures, mean, p_value)


def run_lengths(mu: float, *, fall: int, states: int, rise: int) -> npt.NDArray[np.float64]:
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


def _check_series(
    times: Sequence[float],
    rate_per_day: float,
    now: float,
    threshold: float,
    allowance: float,
    earlier: Sequence[tuple[float, float]],
) -> None:
    if not (math.isfinite(rate_per_day) and rate_per_day > 0):
        raise OptimizerError(f"rate_per_day must be above zero, not {rate_per_day}")
    if not (math.isfinite(allowance) and allowance > 0):
        raise OptimizerError(f"allowance must be above zero, not {allowance}")
    if not threshold > 0:
        raise OptimizerError(f"threshold must be above zero, not {threshold}")
    ordered = all(a <= b for a, b in pairwise([*times, now]))
    if not (math.isfinite(now) and ordered and all(map(math.isfinite, times))):
        raise OptimizerError("failure times must be finite, sorted and not after now")
    if not all(math.isfinite(until) and math.isfinite(rate) and rate >= 0 for until, rate in earlier):
        raise OptimizerError("earlier rates and the days they held until must be finite, and no rate below zero")
    if any(a >= b for (a, _), (b, _) in pairwise(earlier)):
        raise OptimizerError("earlier rates must come in order of the days they held until")
