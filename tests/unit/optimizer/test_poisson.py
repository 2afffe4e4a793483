"""The formulas against sums, recursions and published values."""

import math

import numpy as np
import pytest
from scipy import stats

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


@pytest.mark.parametrize(
    ("blocking", "loads"),
    [
        (0.001, {1: 0.001, 5: 0.762, 10: 3.092, 20: 9.411}),
        (0.01, {1: 0.0101, 2: 0.153, 5: 1.361, 10: 4.461, 15: 8.108, 20: 12.031, 30: 20.337, 50: 37.901, 100: 84.064}),
        (0.02, {10: 5.084, 20: 13.182, 30: 21.932, 50: 40.255}),
        (0.05, {2: 0.381, 10: 6.216, 20: 15.249}),
    ],
)
def test_erlang_loss_agrees_with_the_published_table(blocking, loads):
    """Offered loads in Erlang on so many lines; half a unit of the last digit either way must hold the blocking."""
    for lines, load in loads.items():
        half = 0.00005 if load < 0.1 else 0.0005
        half *= 1.02
        assert erlang_loss(lines, load - half) <= blocking <= erlang_loss(lines, load + half)


@pytest.mark.parametrize(
    ("pipeline", "printed"),
    [
        (1.0, [1.000, 0.368, 0.104, 0.023, 0.004]),
        (4.0, [4.000, 3.018, 2.110, 1.348, 0.782, 0.410, 0.195, 0.085, 0.034]),
    ],
)
def test_expected_backorders_agree_with_the_example_that_metric_is_taught_by(pipeline, printed):
    """Pipelines of 1 and 4 units; Sherbrooke (2004), chapter 2."""
    found = expected_backorders(np.arange(len(printed)), pipeline)

    assert found == pytest.approx(printed, abs=0.0006)


def test_shares_on_time_agree_with_the_published_table_of_the_poisson_distribution():
    """P(X <= 0) at mean 1: .3679; P(X <= 2) at 1: .9197; P(X <= 4) at 5: .4405; P(X <= 9) at 10: .4579."""
    found = on_time_share([1, 3, 5, 10], np.array([1, 1, 5, 10]) / 20, 20, 0)

    assert found.round(4).tolist() == [0.3679, 0.9197, 0.4405, 0.4579]


@pytest.mark.parametrize("shape", [1.5, np.inf])
@pytest.mark.parametrize(("reorder", "quantity"), [(-1, 3), (0, 5), (2, 4), (6, 12)])
def test_the_share_on_time_of_larger_orders_follows_from_backorders_at_both_ends(reorder, quantity, shape):
    """Fill = 1 - (E(R) - E(R + Q)) / Q, E(r) = E[(X - r)+]; Hadley & Whitin (1963), Zipkin (2000)."""
    count = np.arange(3_000)
    load = 3.0
    # a demand sees the size-biased count, whose mean is larger
    probability = (
        stats.poisson.pmf(count, load)
        if np.isinf(shape)
        else stats.nbinom.pmf(count, shape + 1, shape / (shape + load))
    )
    at_reorder, at_top = (np.sum(np.maximum(count - r, 0) * probability) for r in (reorder, reorder + quantity))

    found = on_time_share(reorder + 1, load / 20, 20, 0, shape, quantity)

    assert found == pytest.approx(1 - (at_reorder - at_top) / quantity, abs=1e-11)


@pytest.mark.parametrize("shape", [0.7, 20.0, np.inf])
@pytest.mark.parametrize(
    ("stock", "quantity", "load"), [(0, 2, 0.1), (3, 40, 5.0), (180, 3, 200.0), (30, 5_000, 400.0)]
)
def test_orders_of_any_size_are_the_mean_over_all_positions(stock, quantity, load, shape):
    positions = np.arange(stock, stock + quantity)

    share = on_time_share(stock, load / 20, 20, 0, shape, quantity)
    wait = mean_wait_days(stock, load / 20, 20, shape, quantity)

    assert share == pytest.approx(np.mean(on_time_share(positions, load / 20, 20, 0, shape)), abs=1e-11)
    assert wait == pytest.approx(np.mean(mean_wait_days(positions, load / 20, 20, shape)), abs=1e-10)


def test_larger_orders_are_the_mean_over_the_positions_row_by_row():
    stock, quantity = np.array([[0, 1], [3, 2]]), np.array([3, 1])
    share = on_time_share(stock, 0.1, 20, 2, order_quantity=quantity)
    wait = mean_wait_days(stock, 0.1, 20, order_quantity=quantity)

    for value, of in [(share, lambda s: on_time_share(s, 0.1, 20, 2)), (wait, lambda s: mean_wait_days(s, 0.1, 20))]:
        assert value[:, 0] == pytest.approx(np.mean([of(stock[:, 0] + j) for j in range(3)], axis=0))
        assert value[:, 1] == pytest.approx(of(stock[:, 1]))


def test_a_part_that_nobody_asks_for_is_never_short():
    assert erlang_loss([0, 1], 0.0).tolist() == [1.0, 0.0]
    assert expected_backorders(0, 0.0) == 0.0


@pytest.mark.parametrize(
    "arguments",
    [(-1, 0.1, 20, 0), (1, -0.1, 20, 0), (1, 0.1, math.nan, 0), (1, 0.1, 20, 0, 0.0), (1, 0.1, 20, 0, 1.0, 0)],
)
def test_figures_that_cannot_be_are_refused(arguments):
    with pytest.raises(OptimizerError):
        on_time_share(*arguments)
