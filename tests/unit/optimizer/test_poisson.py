"""The formulas against sums, recursions and published values."""

import math

import numpy as np
import pytest

from optimizer.errors import OptimizerError
from optimizer.poisson import erlang_loss, expected_backorders, mean_wait_days, on_time_share


def pmf(count, mean):
    return math.exp(-mean) * mean**count / math.factorial(count)


@pytest.mark.parametrize("mean", [0.01, 0.5, 3.0, 20.0])
@pytest.mark.parametrize("stock", [0, 1, 2, 7, 30])
def test_the_share_on_time_at_once_is_the_chance_of_fewer_orders_than_stock(stock, mean):
    expected = math.fsum(pmf(k, mean) for k in range(stock))

    assert on_time_share(stock, mean / 20, 20, 0) == pytest.approx(expected, abs=1e-12)


def test_the_share_on_time_rises_with_the_window_until_the_lead_time_is_over():
    shares = on_time_share(1, 0.1, 30, np.linspace(0, 31, 32))

    assert (np.diff(shares) >= 0).all()
    assert shares[29] == pytest.approx(math.exp(-0.1))
    assert shares[30] == shares[31] == 1.0


def test_nobody_is_on_time_where_travel_alone_takes_too_long():
    assert on_time_share(100, 0.1, 30, -1e-9) == 0.0


def test_without_stock_only_those_are_on_time_who_can_wait_for_the_next_delivery():
    assert on_time_share(0, 0.1, 30, [0, 29.9, 30]).tolist() == [0.0, 0.0, 1.0]


def test_a_part_resupplied_at_once_is_always_on_time():
    assert on_time_share(0, 5.0, 0, 0) == 1.0


@pytest.mark.parametrize("load", [0.05, 1.0, 8.0])
@pytest.mark.parametrize("stock", [0, 1, 4, 12])
def test_expected_backorders_are_the_mean_of_what_exceeds_the_stock(stock, load):
    expected = math.fsum((k - stock) * pmf(k, load) for k in range(stock, 150))

    assert expected_backorders(stock, load) == pytest.approx(expected, abs=1e-12)


def test_expected_backorders_stay_positive_far_out_in_the_tail():
    backorders = expected_backorders(np.arange(0, 60), 1.0)

    assert (backorders >= 0).all()
    assert (np.diff(backorders) <= 0).all()


def test_the_mean_wait_is_backorders_over_demand():
    assert mean_wait_days(2, 0.05, 20) == pytest.approx(float(expected_backorders(2, 1.0)) / 0.05)


def test_without_stock_every_demand_waits_the_whole_lead_time():
    assert mean_wait_days(0, [0.05, 0.0], 20).tolist() == [20.0, 20.0]


@pytest.mark.parametrize("load", [0.02, 1.0, 10.0, 45.0])
@pytest.mark.parametrize("stock", [0, 1, 5, 20])
def test_erlang_loss_is_the_truncated_poisson_at_its_end(stock, load):
    weights = [load**k / math.factorial(k) for k in range(stock + 1)]

    assert erlang_loss(stock, load) == pytest.approx(weights[-1] / math.fsum(weights), rel=1e-12)


def test_erlang_loss_agrees_with_a_published_table():
    """Offered load for 1 % blocking: 1.361 Erlang on 5 lines, 4.461 on 10, 12.031 on 20."""
    assert erlang_loss([5, 10, 20], [1.361, 4.461, 12.031]) == pytest.approx(0.01, abs=1e-5)


def test_a_part_that_nobody_asks_for_is_never_short():
    assert erlang_loss([0, 1], 0.0).tolist() == [1.0, 0.0]
    assert expected_backorders(0, 0.0) == 0.0


@pytest.mark.parametrize("arguments", [(-1, 0.1, 20, 0), (1, -0.1, 20, 0), (1, 0.1, math.nan, 0)])
def test_figures_that_cannot_be_are_refused(arguments):
    with pytest.raises(OptimizerError):
        on_time_share(*arguments)
