"""Surplus and last purchases: every piece has its use, and the newsvendor's quantity is the cheapest of all."""

import pytest
from scipy import stats

from optimizer.errors import OptimizerError
from optimizer.surplus import Position, last_time_buy, likely_used, surplus


def at(depot, base, position, rate=0.0, free=None, part="FAN"):
    return Position(part, depot, base, position, position if free is None else free, rate, 100)


def test_every_piece_beyond_the_plan_is_used_up_moved_or_returned():
    found = surplus([at("SH", 1, 10, 0.005), at("GZ", 3, 1), at("BJ", 2, 1)], 365)

    (one,) = found
    assert (one.excess, one.used_up) == (9, 2)
    assert one.moves == {"GZ": 2, "BJ": 1}
    assert one.returned == 9 - 2 - 3
    assert one.idle_value_cny == 700


def test_what_is_used_within_the_horizon_stays():
    (fast,) = surplus([at("SH", 1, 4, 1.0)], 365)
    (slow,) = surplus([at("SH", 1, 4, 0.0001)], 365)

    assert (fast.used_up, fast.returned) == (3, 0)
    assert (slow.used_up, slow.returned) == (0, 3)


def test_only_what_lies_free_on_the_shelf_is_moved():
    (one,) = surplus([at("SH", 0, 5, free=2), at("GZ", 4, 0)], 365)

    assert (one.moves, one.returned, one.used_up) == ({"GZ": 2}, 0, 3)


def test_no_lack_is_met_twice_and_the_slowest_store_gives_first():
    found = surplus([at("SH", 0, 2, 0.0001), at("BJ", 0, 2, 0.0), at("GZ", 3, 0)], 365)
    moves = {one.depot: one.moves for one in found}

    assert moves == {"BJ": {"GZ": 2}, "SH": {"GZ": 1}}


def test_a_plan_that_is_just_kept_has_no_surplus():
    assert surplus([at("SH", 3, 3), at("GZ", 3, 1)], 365) == []


@pytest.mark.parametrize("mean", [0.01, 0.69, 0.7, 3.0, 40.0])
def test_likely_used_is_the_poisson_median(mean):
    assert likely_used(mean, 1000) == max(k for k in range(1001) if k == 0 or stats.poisson.sf(k - 1, mean) >= 0.5)


@pytest.mark.parametrize("shape", [None, 0.5, 4.0, 60.0])
@pytest.mark.parametrize(("under", "over"), [(9000, 1000), (500, 1000), (100_000, 50)])
@pytest.mark.parametrize("stock", [0, 7, 60])
def test_no_quantity_costs_less_than_the_newsvendors(shape, under, over, stock):
    mean = 12.0
    law = stats.poisson(mean) if shape is None else stats.nbinom(shape, shape / (shape + mean))

    def cost(quantity):
        held = stock + quantity
        short = mean - held + sum((held - k) * law.pmf(k) for k in range(held))
        return under * short + over * (held - mean + short)

    found = last_time_buy(mean, shape, stock=stock, underage_cny=under, overage_cny=over)

    assert found.expected_cost_cny == pytest.approx(cost(found.quantity), rel=1e-6)
    assert found.expected_cost_cny <= min(cost(q) for q in range(found.quantity + 30)) + 1e-6 * found.expected_cost_cny
    assert found.covered == pytest.approx(law.cdf(stock + found.quantity))
    if found.quantity:
        assert found.covered >= found.critical_ratio > law.cdf(stock + found.quantity - 1)


def test_a_believed_rate_asks_for_more_than_a_known_one():
    known = last_time_buy(20, None, stock=0, underage_cny=9, overage_cny=1).quantity
    believed = last_time_buy(20, 2.0, stock=0, underage_cny=9, overage_cny=1).quantity
    nearly_known = last_time_buy(20, 1e6, stock=0, underage_cny=9, overage_cny=1).quantity

    assert believed > known == nearly_known


def test_without_demand_or_need_nothing_is_bought():
    assert last_time_buy(0, None, stock=0, underage_cny=9, overage_cny=1).quantity == 0
    assert last_time_buy(5, 1.0, stock=500, underage_cny=9, overage_cny=1).quantity == 0
    assert last_time_buy(5, 1.0, stock=0, underage_cny=0, overage_cny=1).quantity == 0


@pytest.mark.parametrize(
    ("mean", "shape", "stock", "under", "over"), [(-1, None, 0, 1, 1), (1, 0.0, 0, 1, 1), (1, 1, 0, 0, 0), (1, 1, 0, 1, 0)]
)  # fmt: skip
def test_what_has_no_answer_is_refused(mean, shape, stock, under, over):
    with pytest.raises(OptimizerError):
        last_time_buy(mean, shape, stock=stock, underage_cny=under, overage_cny=over)
