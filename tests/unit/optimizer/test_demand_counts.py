"""Counts of demands whose rate is uncertain: against their mixtures, worked out by other rules."""

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy import linalg, special, stats

from optimizer import pricing
from optimizer.demand_counts import at_least, factors, fewer_than
from optimizer.poisson import erlang_loss, expected_backorders, mean_wait_days, on_time_share

SHAPES = [0.02, 0.3, 1.0, 7.5, 400.0, 1e6]


def gauss_laguerre(shape, nodes=400):
    """Values and weights of Gamma(shape, rate shape): the generalised Gauss-Laguerre rule (Golub & Welsch 1969)."""
    k = np.arange(nodes)
    value, vector = linalg.eigh_tridiagonal(2.0 * k + shape, np.sqrt(k[1:] * (k[1:] + shape - 1.0)))
    return value / shape, vector[0] ** 2


def counted(mean, shape, *, size_biased, levels):
    """P(X = s) and P(X < s + 1) for s = 0, 1, ... by the recursion of the compiled pass, and where it starts."""
    state = np.zeros(1, pricing._STATE)
    pricing._begin(state[0], mean, shape, float(size_biased))
    share, start = np.zeros(levels), state["start"][0]
    for level in range(levels):
        pricing._advance(state[0], level)
        share[level] = state["below"][0]
    return np.diff(share, prepend=0.0), share, start


@pytest.mark.parametrize("size_biased", [False, True])
@pytest.mark.parametrize("shape", [*SHAPES, np.inf])
@pytest.mark.parametrize("mean", [0.0, 0.04, 3.0, 40.0])
def test_the_recursion_gives_the_probabilities_of_the_counts(mean, shape, size_biased):
    probability, share, _ = counted(mean, shape, size_biased=size_biased, levels=61)

    count = np.arange(61)
    number = shape + size_biased
    expected = (
        stats.poisson.pmf(count, mean) if np.isinf(shape) else stats.nbinom.pmf(count, number, shape / (shape + mean))
    )
    assert probability == pytest.approx(expected, abs=1e-9 if shape == 1e6 else 1e-13)
    assert share == pytest.approx(fewer_than(count + 1, mean, shape, size_biased=size_biased), abs=1e-12)


@pytest.mark.parametrize(("shape", "levels"), [(np.inf, 60_000), (200.0, 100_000)])
def test_the_recursion_holds_where_the_first_probability_is_too_small_for_a_number(shape, levels):
    _, share, start = counted(30_000.0, shape, size_biased=True, levels=levels)

    assert start > 0
    assert fewer_than(1, 30_000.0, shape, size_biased=True) < 1e-100
    assert share[-1] == pytest.approx(1.0, abs=1e-9)
    assert share == pytest.approx(fewer_than(np.arange(levels) + 1, 30_000.0, shape, size_biased=True), abs=1e-9)


@pytest.mark.parametrize("shape", [0.5, 1.0, 7.5, 400.0])
@pytest.mark.parametrize("mean", [0.3, 2.0, 6.0])
def test_shares_of_counts_are_means_over_the_rates(mean, shape):
    theta, weight = gauss_laguerre(shape)

    for count in (0, 1, 4, 11):
        fewer = special.pdtr(count - 1, theta * mean) if count else np.zeros_like(theta)
        assert fewer_than(count, mean, shape, size_biased=False) == pytest.approx(weight @ fewer, abs=1e-12)
        assert fewer_than(count, mean, shape, size_biased=True) == pytest.approx((weight * theta) @ fewer, abs=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_fewer_and_at_least_make_one(shape):
    count = np.arange(30)
    for biased in (False, True):
        both = fewer_than(count, 2.5, shape, size_biased=biased) + at_least(count, 2.5, shape, size_biased=biased)
        assert both == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("load", [0.05, 1.0, 8.0])
@pytest.mark.parametrize("shape", [0.3, 1.0, 7.5, 400.0])
def test_expected_backorders_of_an_uncertain_rate_are_the_mean_of_what_exceeds_the_stock(shape, load):
    count = np.arange(6_000)
    probability = stats.nbinom.pmf(count, shape, shape / (shape + load))

    for stock in (0, 1, 3, 12):
        expected = np.sum(np.maximum(count - stock, 0) * probability)
        closed = load * (1 + stock / shape) * probability[stock] + (load - stock) * probability[stock + 1 :].sum()
        assert closed == pytest.approx(expected, abs=1e-10)
        assert expected_backorders(stock, load, shape) == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("shape", [0.5, 3.0, 50.0])
def test_the_formulas_of_an_uncertain_rate_are_means_over_the_demands_that_each_rate_brings(shape):
    theta, weight = gauss_laguerre(shape)
    demands = weight * theta

    for stock, quantity in [(0, 1), (2, 1), (1, 4)]:
        share = on_time_share(stock, 0.1 * theta, 20.0, 3.0, order_quantity=quantity)
        wait = mean_wait_days(stock, 0.1 * theta, 20.0, order_quantity=quantity)
        lost = erlang_loss(stock, 2.0 * theta)
        assert on_time_share(stock, 0.1, 20.0, 3.0, shape, quantity) == pytest.approx(demands @ share, abs=1e-12)
        assert mean_wait_days(stock, 0.1, 20.0, shape, quantity) == pytest.approx(demands @ wait, rel=1e-11)
        assert erlang_loss(stock, 2.0, shape) == pytest.approx(demands @ lost, abs=1e-9)


def finely(stock, load, shape):
    """Erlang's loss over Gamma(shape + 1, rate shape), by Gauss-Legendre in 200 pieces of the logarithm."""
    low, high = special.gammaincinv(shape + 1, 1e-15), special.gammainccinv(shape + 1, 1e-15)
    ends = np.linspace(np.log(low / shape), np.log(high / shape), 201)
    point, part = leggauss(32)
    half = np.diff(ends)[:, np.newaxis] / 2
    logarithm = (ends[:-1, np.newaxis] + half * (point + 1)).ravel()
    weight = np.exp(shape * (logarithm - np.expm1(logarithm)) + logarithm) * (half * part).ravel()
    return weight @ erlang_loss(stock, load * np.exp(logarithm)) / weight.sum()


@pytest.mark.parametrize(
    ("shapes", "loads", "error"), [([0.1, 0.5, 2.0, 30.0, 1e4], [0.1, 4.0, 60.0], 1e-11), ([0.02, 0.5], [200.0], 1e-8)]
)
def test_losses_of_uncertain_rates_keep_the_error_that_is_stated(shapes, loads, error):
    for shape in shapes:
        for load in loads:
            for stock in sorted({1, int(load) + 1, int(load + 6 * np.sqrt(load)), int(3 * load)}):
                assert erlang_loss(stock, load, shape) == pytest.approx(finely(stock, load, shape), abs=error)


def test_a_nearly_known_rate_is_nearly_known():
    stock, load = np.arange(12), 4.0
    assert on_time_share(stock, 0.2, 20, 0, 1e6) == pytest.approx(on_time_share(stock, 0.2, 20, 0), abs=1e-5)
    assert expected_backorders(stock, load, 1e6) == pytest.approx(expected_backorders(stock, load), abs=1e-4)
    assert erlang_loss(stock, load, 1e6) == pytest.approx(erlang_loss(stock, load), abs=1e-5)


def test_the_less_is_known_of_a_rate_the_fewer_demands_are_on_time():
    shares = on_time_share(4, 0.1, 20, 0, [0.5, 1.0, 5.0, 50.0, np.inf])

    assert (np.diff(shares) > 0).all()


def test_weights_of_factors_add_up_to_one_and_their_mean_is_that_of_the_demands():
    shapes = np.array(SHAPES)
    theta, weight = factors(shapes)

    assert weight.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert np.sum(weight * theta, axis=1) == pytest.approx((shapes + 1) / shapes, rel=1e-11)
