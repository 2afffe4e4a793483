"""Swap units: the chance that a repair misses its limit, and the demand that makes, against simulation."""

import numpy as np
import pytest
from scipy import stats

from optimizer.errors import OptimizerError
from optimizer.swaps import missed_limit, swaps_a_year, units_for


def test_without_a_record_the_chance_is_assumed_and_says_so():
    found = missed_limit(repairs=0, late=0)
    assert found.assumed
    assert found.chance == pytest.approx(0.05)
    assert (found.lower, found.upper) == pytest.approx(stats.beta(0.5, 9.5).interval(0.9))


def test_the_record_outweighs_the_assumption():
    found = missed_limit(repairs=2000, late=300)
    assert not found.assumed
    assert found.chance == pytest.approx(0.15, rel=0.01)
    assert found.lower < 0.15 < found.upper


def test_the_shape_is_that_of_the_spread():
    found = missed_limit(repairs=40, late=3)
    beta = stats.beta(found.a, found.b)
    assert found.rate_shape == pytest.approx(beta.mean() ** 2 / beta.var())


def test_failures_whose_repair_misses_come_as_often_as_said():
    draw, chance, years, devices = np.random.default_rng(7), 0.12, 40_000, 30
    failing = [(8, 0.02, 1.0), (2, 0.035, 1.6), (6, 0.01, 0.5)]
    missed = sum(
        draw.binomial(draw.poisson(devices * pieces * rate * factor, years), chance) for pieces, rate, factor in failing
    )
    mean = devices * swaps_a_year(chance, failing)

    assert missed.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / years))
    # Poisson: the variance is the mean, and years without a swap come as often as e^-mean
    assert missed.var() == pytest.approx(mean, rel=0.05)
    assert np.mean(missed == 0) == pytest.approx(np.exp(-mean), abs=0.01)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.97])
def test_whole_units_serve_their_share_and_one_less_would_not(share):
    """Base stock against simulated failures that miss, the chance itself drawn: the share of demands that find a unit."""
    draw, expected, shape = np.random.default_rng(11), 0.8, 1.5
    units = units_for(share, expected, shape)
    rates = draw.gamma(shape, expected / shape, 400_000)
    waiting = draw.poisson(rates)

    def served(stock):
        return np.sum(rates * (waiting < stock)) / rates.sum()

    assert served(units) > share - 0.004
    assert served(units - 1) < share + 0.004
    assert units > units_for(share, expected, np.inf) - 1


def test_what_is_promised_always_is_kept_almost_always():
    assert units_for(1.0, 0.5, np.inf) == units_for(0.999, 0.5, np.inf)
    assert units_for(0.9, 0.0, np.inf) == 1


@pytest.mark.parametrize(("repairs", "late"), [(1, 2), (-1, 0), (3, -1)])
def test_a_record_that_cannot_be_is_refused(repairs, late):
    with pytest.raises(OptimizerError):
        missed_limit(repairs=repairs, late=late)
