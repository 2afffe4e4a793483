import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from optimizer.errors import OptimizerError
from optimizer.rates import assumed_prior, fit_prior, posterior, predictive_cdf


def simulated_records(shape, mean, parts, seed):
    random = np.random.default_rng(seed)
    rates = random.gamma(shape, mean / shape, parts)
    years = random.uniform(20.0, 400.0, parts)
    return rates, list(zip(random.poisson(rates * years).tolist(), years.tolist(), strict=True))


def test_a_part_without_record_has_the_rate_of_its_kind():
    rate = posterior(2.0, 40.0, failures=0, device_years=0.0)
    assert rate.mean == pytest.approx(0.05)
    assert (rate.shape, rate.exposure) == (2.0, 40.0)


def test_a_long_record_outweighs_the_kind():
    assert posterior(2.0, 40.0, failures=900, device_years=30_000.0).mean == pytest.approx(0.03, rel=0.01)


def test_the_interval_holds_the_stated_probability():
    rate = posterior(1.5, 30.0, failures=3, device_years=60.0, level=0.8)
    gamma = stats.gamma(rate.shape, scale=1 / rate.exposure)
    assert gamma.cdf(rate.upper) - gamma.cdf(rate.lower) == pytest.approx(0.8)
    assert gamma.cdf(rate.lower) == pytest.approx(0.1)


@given(failures=st.integers(0, 50), years=st.floats(0.1, 1000.0))
def test_a_rate_lies_between_the_kinds_and_the_parts_own(failures, years):
    rate = posterior(2.0, 40.0, failures, years)
    low, high = sorted((0.05, failures / years))
    assert low - 1e-12 <= rate.mean <= high + 1e-12
    assert rate.lower < rate.mean < rate.upper


@pytest.mark.parametrize(("shape", "mean"), [(0.5, 0.05), (2.0, 0.05), (5.0, 0.02)])
def test_the_prior_of_many_parts_is_found_again(shape, mean):
    _, records = simulated_records(shape, mean, parts=2000, seed=4)
    prior = fit_prior(records)
    assert prior.method == "fitted"
    assert prior.mean == pytest.approx(mean, rel=0.1)
    assert prior.shape == pytest.approx(shape, rel=0.15)


def test_few_parts_that_look_alike_are_not_taken_for_identical():
    prior = fit_prior([(2, 100.0)] * 6)
    assert prior.method == "fitted"
    assert prior.shape < 20
    assert prior.mean == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize(
    "records",
    [
        [(3, 50.0), (1, 40.0)],
        [(0, 50.0)] * 30,
        [(4, 50.0)] + [(0, 50.0)] * 30,
        [(1, 10.0)] * 4 + [(0, 0.0)] * 10,
    ],
)
def test_where_a_spread_cannot_be_fitted_the_record_is_pooled(records):
    prior = fit_prior(records)
    assert prior.method == "pooled"
    failures, years = sum(n for n, _ in records), sum(t for _, t in records)
    assert prior.mean == pytest.approx((failures + 0.5) / years)
    assert prior.mean > 0


def test_an_assumed_rate_is_marked_and_soon_outweighed():
    prior = assumed_prior(0.2)
    assert prior.method == "assumed"
    rate = posterior(prior.shape, prior.exposure, failures=2, device_years=100.0)
    assert rate.mean == pytest.approx(2.5 / 102.5)


def test_fitted_rates_are_nearer_the_truth_than_counts():
    rates, records = simulated_records(0.8, 0.05, parts=400, seed=9)
    prior = fit_prior(records)
    fitted = [posterior(prior.shape, prior.exposure, n, t).mean for n, t in records]
    counted = [n / t for n, t in records]
    assert np.mean((fitted - rates) ** 2) < 0.9 * np.mean((counted - rates) ** 2)


@pytest.mark.parametrize("size_biased", [False, True])
@pytest.mark.parametrize(("shape", "exposure", "ahead", "units"), [(0.6, 12.0, 5.0, 0), (2.5, 30.0, 40.0, 4)])
def test_the_predictive_equals_the_mixture_of_poissons(shape, exposure, ahead, units, size_biased):
    def weighted(rate):
        density = stats.gamma.pdf(rate, shape, scale=1 / exposure) * (rate if size_biased else 1.0)
        return density * stats.poisson.cdf(units, rate * ahead)

    mixture, _ = integrate.quad(weighted, 0.0, np.inf)
    norm = shape / exposure if size_biased else 1.0
    cdf = predictive_cdf(units, shape, exposure, ahead, size_biased=size_biased)
    assert float(cdf) == pytest.approx(mixture / norm, abs=1e-6)


def test_stock_sized_by_the_size_biased_predictive_delivers_what_it_promises():
    """Promise and delivery over many parts of uncertain rate, each weighted by its demand."""
    rates, records = simulated_records(0.7, 0.05, parts=20_000, seed=2)
    shape = np.array([0.7 + n for n, _ in records])
    exposure = np.array([14.0 + t for _, t in records])
    ahead, stock = 30.0, 3
    means = shape / exposure
    delivered = np.sum(rates * stats.poisson.cdf(stock - 1, rates * ahead)) / rates.sum()
    promised = np.sum(means * predictive_cdf(stock - 1, shape, exposure, ahead)) / means.sum()
    as_if_known = np.sum(means * stats.poisson.cdf(stock - 1, means * ahead)) / means.sum()
    assert promised == pytest.approx(delivered, abs=0.005)
    assert as_if_known > delivered + 0.005


def test_one_year_of_failures_makes_a_promise_that_is_kept_where_plain_counts_break_it():
    """Twenty companies whose rates are not even Gamma: the least stock per part that promises 95 %, judged by the truth."""
    random = np.random.default_rng(5)
    level, stocks = 0.95, np.arange(60)
    promised, delivered, delivered_by_counts = [], [], []
    for _ in range(20):
        rates = np.exp(random.normal(-4.5, 1.0, 300))
        pieces = np.exp(random.uniform(np.log(20), np.log(2000), 300))
        failures, ahead = random.poisson(rates * pieces), pieces * 20 / 365
        prior = fit_prior(list(zip(failures.tolist(), pieces.tolist(), strict=True)))
        shape, exposure = prior.shape + failures, prior.exposure + pieces
        believed = predictive_cdf(stocks - 1, shape[:, None], exposure[:, None], ahead[:, None])
        counted = stats.poisson.cdf(stocks - 1, (failures / pieces * ahead)[:, None])
        truth = stats.poisson.cdf(stocks - 1, (rates * ahead)[:, None])
        parts = np.arange(300)
        stock, stock_by_counts = (believed >= level).argmax(axis=1), (counted >= level).argmax(axis=1)
        stock_by_counts[failures == 0] = 0
        demand, expected = rates * pieces, shape / exposure * pieces
        promised.append(expected @ believed[parts, stock] / expected.sum())
        delivered.append(demand @ truth[parts, stock] / demand.sum())
        delivered_by_counts.append(demand @ truth[parts, stock_by_counts] / demand.sum())

    assert np.mean(delivered) == pytest.approx(np.mean(promised), abs=0.005)
    assert np.mean(delivered_by_counts) < level < np.mean(delivered)


def test_fewer_than_no_failures_never_happen():
    assert predictive_cdf([-1, 0], 1.0, 1.0, 1.0).tolist() == [0.0, 0.25]


@pytest.mark.parametrize(
    "call",
    [
        lambda: posterior(0.0, 1.0, 0, 1.0),
        lambda: posterior(1.0, float("inf"), 0, 1.0),
        lambda: posterior(1.0, 1.0, -1, 1.0),
        lambda: posterior(1.0, 1.0, 0, -1.0),
        lambda: posterior(1.0, 1.0, 3, 0.0),
        lambda: posterior(1.0, 1.0, 0, 1.0, level=1.0),
        lambda: assumed_prior(0.0),
        lambda: fit_prior([]),
        lambda: fit_prior([(0, 0.0)]),
        lambda: fit_prior([(0, float("nan"))]),
    ],
)
def test_impossible_records_are_refused(call):
    with pytest.raises(OptimizerError):
        call()
