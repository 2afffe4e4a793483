import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from optimizer.burst import (
    average_run_length,
    radar_threshold,
    reference,
    scan,
    threshold,
)
from optimizer.errors import OptimizerError


def run_lengths(ratio, limit, *, speed, runs, seed):
    """Lengths, in failures expected at the long-run rate, of simulated runs until the alarm."""
    random = np.random.default_rng(seed)
    fall = reference(ratio)
    statistic, length = np.zeros(runs), np.zeros(runs)
    going = np.arange(runs)
    while len(going):
        quiet = random.exponential(1 / speed, len(going))
        length[going] += quiet
        statistic[going] = np.maximum(0.0, statistic[going] - fall * quiet) + 1
        going = going[statistic[going] < limit]
    return length


@pytest.mark.parametrize(
    ("mu", "head_start", "printed"),
    [(1.88, 0, "37.2"), (1.88, 3, "29.19"), (3.2, 0, "5.49"), (3.2, 3, "3.33")],
)
def test_run_lengths_are_those_lucas_printed(mu, head_start, printed):
    digits = len(printed.partition(".")[2])
    assert f"{average_run_length(mu, 2, 6, head_start):.{digits}f}" == printed


def test_a_fractional_reference_runs_on_a_finer_grid():
    random = np.random.default_rng(3)
    k, h = Fraction(3, 2), Fraction(19, 4)
    lengths = []
    for _ in range(4000):
        c, periods = 0.0, 0
        while c < h:
            c = max(0.0, c + random.poisson(1.2) - float(k))
            periods += 1
        lengths.append(periods)
    expected = average_run_length(1.2, k, h)
    assert np.mean(lengths) == pytest.approx(expected, abs=4 * np.std(lengths) / math.sqrt(4000))


def test_a_finer_grid_gives_the_same_run_length():
    coarse = average_run_length(1.0, Fraction(3, 2), 5)
    fine = average_run_length(1.0, Fraction(3, 2), 5, head_start=Fraction(1, 1000))
    assert fine == pytest.approx(coarse, rel=1e-9)


def test_the_reference_lies_between_the_two_rates():
    for ratio in (1.1, 2.0, 3.0, 10.0):
        assert 1.0 < reference(ratio) < ratio


@pytest.mark.parametrize(("ratio", "events"), [(2.0, 50.0), (3.0, 200.0), (5.0, 400.0)])
def test_false_alarms_come_no_more_often_than_stated_and_hardly_less(ratio, events):
    lengths = run_lengths(ratio, threshold(ratio, events), speed=1.0, runs=6000, seed=7)
    error = lengths.std() / math.sqrt(len(lengths))
    assert lengths.mean() > events - 3 * error
    assert lengths.mean() < 1.06 * events + 3 * error


def test_a_burst_is_found_far_sooner_than_a_false_alarm_comes():
    limit = threshold(3.0, 1000.0)
    assert run_lengths(3.0, limit, speed=3.0, runs=2000, seed=1).mean() < 6.0


@given(st.floats(1.2, 8.0), st.floats(0.1, 500.0))
def test_a_rarer_false_alarm_needs_a_higher_threshold(ratio, events):
    assert 1.0 < threshold(ratio, events) <= threshold(ratio, 3 * events)


def test_a_series_gets_its_equal_share_of_the_radars_false_alarms():
    series, per_year, ratio = 40, 6.0, 3.0
    total = 0.0
    for rate in (0.02, 0.1, 0.5):
        limit = radar_threshold(rate, series, per_year, ratio)
        lengths = run_lengths(ratio, limit, speed=1.0, runs=3000, seed=11)
        days = lengths.mean() / rate
        share = 365.0 / days
        assert share < 1.05 * per_year / series
        total += share
    assert total > 0.7 * 3 * per_year / series


def test_the_rarest_series_still_needs_two_failures():
    assert radar_threshold(1e-6, series=1000, false_alarms_per_year=4.0, ratio=3.0) > 1.0


def test_a_quiet_series_has_no_run():
    burst = scan([], 0.1, now=100.0, ratio=3.0, threshold=4.0)
    assert (burst.statistic, burst.peak, burst.in_alarm, burst.began_at) == (0.0, 0.0, False, None)
    assert burst.present_rate_per_day == 0.1
    assert [(w.failures, w.p_value) for w in burst.windows] == [(0, 1.0)] * 3


def test_the_statistic_falls_steadily_and_rises_by_one():
    fall = 0.1 * reference(3.0)
    burst = scan([10.0, 12.0], 0.1, now=13.0, ratio=3.0, threshold=4.0)
    assert burst.statistic == pytest.approx(2 - 3 * fall)
    assert burst.peak == pytest.approx(2 - 2 * fall)
    assert (burst.began_at, burst.run_failures) == (10.0, 2)
    assert burst.run_expected == pytest.approx(0.3)


def test_a_run_that_fell_to_zero_is_forgotten():
    burst = scan([10.0, 12.0, 60.0], 0.1, now=60.0, ratio=3.0, threshold=4.0)
    assert (burst.began_at, burst.run_failures, burst.peak) == (60.0, 1, 1.0)
    over = scan([10.0, 12.0], 0.1, now=60.0, ratio=3.0, threshold=1.5)
    assert (over.in_alarm, over.statistic, over.alarmed_at) == (False, 0.0, None)


def test_an_alarm_lasts_until_the_run_is_over():
    times = [10.0, 10.1, 10.2, 10.3]
    at_once = scan(times, 0.1, now=10.3, ratio=3.0, threshold=3.5)
    later = scan(times, 0.1, now=20.0, ratio=3.0, threshold=3.5)
    over = scan(times, 0.1, now=40.0, ratio=3.0, threshold=3.5)
    assert (at_once.in_alarm, at_once.alarmed_at) == (True, 10.3)
    assert later.in_alarm
    assert later.statistic < later.threshold <= later.peak
    assert not over.in_alarm


def test_the_present_rate_is_raised_in_alarm_only_and_eases_with_quiet():
    times = [10.0, 10.5, 11.0, 11.5]
    calm = scan(times, 0.1, now=11.5, ratio=3.0, threshold=9.0)
    alarm = scan(times, 0.1, now=11.5, ratio=3.0, threshold=3.5)
    eased = scan(times, 0.1, now=20.0, ratio=3.0, threshold=3.5)
    assert calm.present_rate_per_day == 0.1
    assert alarm.present_rate_per_day == pytest.approx((1 + 3) / (10 + 1.5))
    assert 0.1 < eased.present_rate_per_day < alarm.present_rate_per_day


def test_the_present_rate_of_a_true_burst_is_about_right():
    random = np.random.default_rng(8)
    found = []
    for _ in range(400):
        times = np.cumsum(random.exponential(1 / 0.9, 60))
        burst = scan(times.tolist(), 0.3, now=float(times[-1]), ratio=3.0, threshold=5.0)
        found.append(burst.present_rate_per_day)
    assert np.mean(found) == pytest.approx(0.9, rel=0.15)


def test_a_late_or_corrected_record_is_another_list():
    known = [1.0, 20.0, 21.0]
    late = sorted([*known, 20.5, 20.7])
    assert not scan(known, 0.1, now=21.0, ratio=3.0, threshold=3.5).in_alarm
    assert scan(late, 0.1, now=21.0, ratio=3.0, threshold=3.5).in_alarm
    assert not scan(known, 0.1, now=21.0, ratio=3.0, threshold=3.5).in_alarm


def test_failures_at_the_same_moment_each_count():
    burst = scan([5.0] * 4, 0.1, now=5.0, ratio=3.0, threshold=4.0)
    assert (burst.statistic, burst.in_alarm, burst.alarmed_at) == (4.0, True, 5.0)


def test_the_evidence_is_told_in_windows_that_end_now():
    times = [0.0, 70.0, 93.0, 93.5, 95.0, 99.0, 99.0, 100.0]
    burst = scan(times, 0.1, now=100.0, ratio=3.0, threshold=4.0)
    assert [(w.days, w.failures) for w in burst.windows] == [(1.0, 1), (7.0, 5), (30.0, 6)]
    for window in burst.windows:
        assert window.expected == pytest.approx(0.1 * window.days)
        assert window.p_value == pytest.approx(stats.poisson.sf(window.failures - 1, window.expected))


@given(st.lists(st.floats(0.0, 300.0), max_size=40), st.floats(0.01, 1.0), st.floats(1.1, 6.0))
def test_another_failure_never_lowers_the_statistic(times, rate, limit):
    times = sorted(times)
    before = scan(times, rate, now=300.0, ratio=3.0, threshold=limit)
    after = scan(sorted([*times, 150.0]), rate, now=300.0, ratio=3.0, threshold=limit)
    assert after.statistic >= before.statistic - 1e-9
    assert before.statistic <= before.peak
    assert before.present_rate_per_day >= rate
    assert before.in_alarm == (before.peak >= limit)


@pytest.mark.parametrize(
    "call",
    [
        lambda: scan([2.0, 1.0], 0.1, 5.0, 3.0, 4.0),
        lambda: scan([1.0, 6.0], 0.1, 5.0, 3.0, 4.0),
        lambda: scan([float("nan")], 0.1, 5.0, 3.0, 4.0),
        lambda: scan([], 0.0, 5.0, 3.0, 4.0),
        lambda: scan([], 0.1, 5.0, 1.0, 4.0),
        lambda: scan([], 0.1, 5.0, 3.0, 0.0),
        lambda: scan([], 0.1, float("inf"), 3.0, 4.0),
        lambda: average_run_length(0.0, 2, 6),
        lambda: average_run_length(1.0, 2, 6, 6),
        lambda: average_run_length(1.0, 0, 6),
        lambda: threshold(3.0, 0.0),
        lambda: threshold(1.0, 10.0),
        lambda: radar_threshold(0.1, 0, 4.0, 3.0),
        lambda: radar_threshold(0.0, 10, 4.0, 3.0),
    ],
)
def test_impossible_series_are_refused(call):
    with pytest.raises(OptimizerError):
        call()
