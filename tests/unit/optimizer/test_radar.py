"""The radar's statement: at most so many false alarms a year over all series, also where rates are not well known."""

import numpy as np
import pytest
from scipy import stats

from optimizer.burst import alarms, reference, scan
from optimizer.errors import OptimizerError
from optimizer.radar import KNOWN_AT_BEST, concentrations, design, pooled_shape

RATIO = 3.0


def false_alarms(rates, designs, years, random):
    """How many alarms simulated series give whose true rates a year are `rates`; an alarm starts its series anew."""
    found = 0
    for rate, (told, tested) in zip(rates, designs, strict=True):
        fall = reference(RATIO) * tested.allowance * told
        statistic, last = 0.0, 0.0
        for time in np.cumsum(random.exponential(1 / rate, int(rate * years + 6 * (rate * years) ** 0.5 + 10))):
            if time > years:
                break
            statistic = max(0.0, statistic - fall * (time - last)) + 1
            last = time
            if statistic >= tested.threshold:
                found, statistic = found + 1, 0.0
    return found


@pytest.mark.parametrize("shape", [0.5, 4.0, KNOWN_AT_BEST])
def test_all_series_together_alarm_falsely_no_more_often_than_stated(shape):
    """400 series from one failure in ten years to one a week; the true rates are drawn from what is believed of them."""
    random = np.random.default_rng(11)
    told = np.tile(10.0 ** np.linspace(-1, 1.7, 20), 20)
    designs = [(rate, design(rate / 365, shape, len(told), 40.0, RATIO)) for rate in told]
    years = 8.0
    true = told * random.gamma(shape, 1 / shape, len(told))
    found = false_alarms(np.maximum(true, 1e-9), designs, years, random)

    # 320 are allowed; the spread of so many drawn rates and counts is far below a seventh of that
    assert found <= 1.15 * 40 * years
    assert found >= 0.1 * 40 * years


def test_a_rate_taken_for_granted_breaks_the_statement():
    """What the allowance is for: the same series tested at the mean of a vague rate."""
    random = np.random.default_rng(5)
    told = np.full(300, 6.0)
    true = told * random.gamma(2.0, 0.5, len(told))
    careless = [(rate, design(rate / 365, 1e9, len(told), 30.0, RATIO)) for rate in told]
    careful = [(rate, design(rate / 365, 2.0, len(told), 30.0, RATIO)) for rate in told]

    assert false_alarms(true, careless, 8.0, np.random.default_rng(6)) > 1.5 * 30 * 8
    assert false_alarms(true, careful, 8.0, np.random.default_rng(6)) < 1.15 * 30 * 8


@pytest.mark.parametrize("rate", [0.1, 3.0, 200.0])
def test_the_less_is_known_of_a_rate_the_more_it_takes(rate):
    allowances = [design(rate / 365, shape, 500, 4.0, RATIO).allowance for shape in (0.5, 2.0, 10.0, 50.0)]

    assert allowances == sorted(allowances, reverse=True)
    assert allowances[-1] < 1.2
    assert design(rate / 365, float("inf"), 500, 4.0, RATIO) == design(rate / 365, KNOWN_AT_BEST, 500, 4.0, RATIO)


def test_a_single_failure_is_no_alarm_however_rare():
    assert design(1e-7, 10.0, 100_000, 4.0, RATIO).threshold > 1.0


def test_a_pooled_rate_is_known_better_than_its_parts():
    means, shapes = [3.0, 1.0, 0.5], [2.0, 5.0, 0.5]
    variance = sum(m**2 / a for m, a in zip(means, shapes, strict=True))

    assert pooled_shape(means, shapes) == pytest.approx(sum(means) ** 2 / variance)
    assert pooled_shape([2.0] * 50, [1.0] * 50) == pytest.approx(50.0)


def test_a_changing_rate_is_the_same_as_a_changing_clock():
    """Failures at times of a changing rate say what they say at a steady one once time is counted in failures expected."""
    earlier = [(10.0, 0.2), (40.0, 1.0)]
    times = np.array([5.0, 12.0, 30.0, 41.0, 42.0, 43.0])
    clock = np.interp([*times, 60.0], [0.0, 10.0, 40.0, 60.0], [0.0, 2.0, 32.0, 42.0])
    changing = scan(times.tolist(), 0.5, 60.0, RATIO, 2.0, earlier=earlier)
    steady = scan(clock[:-1].tolist(), 1.0, float(clock[-1]), RATIO, 2.0)

    assert changing.statistic == pytest.approx(steady.statistic)
    assert changing.run_expected == pytest.approx(steady.run_expected)
    assert changing.windows[2].expected == pytest.approx(10 * 1.0 + 20 * 0.5)
    found = alarms(times.tolist(), 0.5, 60.0, RATIO, 2.0, earlier=earlier)
    assert [alarm.failures for alarm in found] == [
        alarm.failures for alarm in alarms(clock[:-1].tolist(), 1.0, 42.0, RATIO, 2.0)
    ]


def test_alarms_and_scan_tell_the_same_story():
    random = np.random.default_rng(3)
    for _ in range(200):
        times = np.sort(random.uniform(0, 100, random.integers(1, 30))).tolist()
        burst = scan(times, 0.05, 100.0, RATIO, 2.5, allowance=1.4)
        found = alarms(times, 0.05, 100.0, RATIO, 2.5, allowance=1.4)
        assert burst.in_alarm == bool(found and found[-1].ended_at is None)
        if burst.in_alarm:
            assert (found[-1].began_at, found[-1].alarmed_at) == (burst.began_at, burst.alarmed_at)
            assert found[-1].failures == burst.run_failures
        assert all(alarm.began_at <= alarm.alarmed_at <= (alarm.ended_at or 100.0) for alarm in found)


def test_the_chance_of_a_concentration_is_the_binomials():
    shares = {("batch", "R-118"): 0.1, ("site", "A"): 0.5, ("site", "B"): 0.5, ("part", "P"): 1.0}
    (found,) = concentrations(
        {("batch", "R-118"): 9, ("site", "A"): 6, ("site", "B"): 6, ("part", "P"): 12}, shares, 12
    )

    assert (found.dimension, found.value, found.failures, found.of) == ("batch", "R-118", 9, 12)
    assert found.expected == pytest.approx(1.2)
    # three values were looked at; the part has the whole series
    assert found.p_value == pytest.approx(3 * stats.binom.sf(8, 12, 0.1))


def test_looking_at_many_values_takes_more_to_convince():
    few = concentrations({("site", "A"): 4}, {("site", "A"): 0.06}, 10)
    many = {("site", str(n)): 0.001 for n in range(400)}

    assert [each.value for each in few] == ["A"]
    assert concentrations({("site", "A"): 4}, {("site", "A"): 0.06, **many}, 10) == []


def test_chance_alone_is_hardly_ever_told():
    random = np.random.default_rng(9)
    values = [("batch", str(n)) for n in range(20)]
    share = dict.fromkeys(values, 0.05)
    told = sum(
        bool(concentrations(dict(zip(values, random.multinomial(15, [0.05] * 20), strict=True)), share, 15))
        for _ in range(2000)
    )
    assert told <= 40  # at most one in a hundred is stated


@pytest.mark.parametrize(
    "call",
    [
        lambda: design(0.0, 1.0, 1, 1.0, RATIO),
        lambda: design(1.0, 0.0, 1, 1.0, RATIO),
        lambda: design(1.0, 1.0, 0, 1.0, RATIO),
        lambda: design(1.0, 1.0, 1, 0.0, RATIO),
        lambda: design(1.0, 1.0, 1, 1.0, 1.0),
        lambda: concentrations({("a", "b"): 3}, {("a", "b"): 0.1}, 2),
        lambda: scan([], 1.0, 5.0, RATIO, 2.0, allowance=0.0),
        lambda: scan([], 1.0, 5.0, RATIO, 2.0, earlier=[(3.0, 1.0), (2.0, 1.0)]),
        lambda: scan([], 1.0, 5.0, RATIO, 2.0, earlier=[(3.0, -1.0)]),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(OptimizerError):
        call()
