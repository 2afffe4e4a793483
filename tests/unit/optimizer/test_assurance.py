"""What a share measured by the period needs on average, against plain sums over all that can happen."""

import math

import pytest

from optimizer.assurance import needed_share
from optimizer.errors import OptimizerError
from optimizer.network import SlaClass
from optimizer.recount import _needed


def kept(share, calls, numerator, denominator):
    """P(a period is kept), summed over every number of calls on time and late, judged in whole numbers."""
    on_time = [poisson(k, calls * share) for k in range(120)]
    late = [poisson(k, calls * (1 - share)) for k in range(120)]
    return math.fsum(
        on_time[i] * late[j]
        for i in range(120)
        for j in range(120)
        if i + j == 0 or i * denominator >= numerator * (i + j)
    )


def poisson(count, mean):
    return math.exp(-mean) * mean**count / math.factorial(count)


@pytest.mark.parametrize("target", [(1, 2), (9, 10), (93, 100), (995, 1000)])
@pytest.mark.parametrize("calls", [0.4, 3.0, 11.0, 30.0])
@pytest.mark.parametrize("assurance", [0.5, 0.9, 0.99])
def test_the_share_is_enough_and_nothing_less_is(target, calls, assurance):
    share = needed_share(target[0] / target[1], calls, assurance)

    assert kept(share, calls, *target) >= assurance - 1e-12
    assert share == 0.0 or kept(share - 1e-9, calls, *target) < assurance


def test_nine_of_ten_are_ninety_per_cent():
    """In floating point 0.9 / (1 - 0.9) is a little more than 9."""
    share = needed_share(0.9, 12.0, 0.9)

    assert kept(share, 12.0, 9, 10) == pytest.approx(0.9, abs=1e-11)
    assert kept(share, 12.0, 9 * 10**12 + 1, 10**13) < 0.9 - 1e-3


@pytest.mark.parametrize(("target", "calls", "assurance"), [(0.93, 40.0, 0.9), (1.0, 2.0, 0.95), (0.999, 900.0, 0.99)])
def test_a_second_way_of_counting_gives_the_same(target, calls, assurance):
    sla = SlaClass("2h", 2.0, target, measuring_days=30.0, assurance=assurance)

    assert _needed(sla, target, calls / 30) == pytest.approx(needed_share(target, calls, assurance), abs=2e-12)


def test_of_a_target_of_all_calls_none_may_be_late():
    assert needed_share(1.0, 4.0, 0.9) == pytest.approx(1 + math.log(0.9) / 4)
    assert math.exp(-4.0 * (1 - needed_share(1.0, 4.0, 0.9))) == pytest.approx(0.9)
    assert needed_share(1.0, 0.05, 0.9) == 0.0  # nobody calls in 95 % of the periods


def test_nothing_is_needed_for_a_target_of_nothing():
    assert needed_share(0.0, 10.0, 0.95) == 0.0


def test_more_calls_need_less_above_the_target_and_more_assurance_needs_more():
    by_calls = [needed_share(0.9, calls, 0.95) for calls in (20, 100, 1_000, 20_000)]
    by_assurance = [needed_share(0.9, 30, assurance) for assurance in (0.5, 0.8, 0.95, 0.999)]

    assert by_calls == sorted(by_calls, reverse=True)
    assert by_calls[-1] == pytest.approx(0.9, abs=0.005)
    assert by_calls[-1] > 0.9
    assert by_assurance == sorted(by_assurance)
    assert by_assurance[-1] < 1.0


@pytest.mark.parametrize("given", [(-0.1, 5.0, 0.9), (0.9, 0.0, 0.9), (0.9, math.inf, 0.9), (0.9, 5.0, 1.0)])
def test_what_cannot_be_is_refused(given):
    with pytest.raises(OptimizerError):
        needed_share(*given)
