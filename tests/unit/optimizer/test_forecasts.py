import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.errors import OptimizerError
from optimizer.forecasts import Forecast, croston, gamma_poisson, pinball_loss, remembered, sba, tsb
from optimizer.rates import Prior

SERIES = {
    "21031994": [0] * 3 + [2] + [0] * 10 + [1] + [0] * 36,
    "21032207": [0] * 36 + [2, 0, 0, 1] + [0] * 11,
    "21035027": [0] * 27 + [1, 1, 2, 2, 3, 4, 0, 2, 0, 1, 0, 0, 1, 1, 1, 2] + [0] * 8,
}
"""Three parts of bench/data/part_demand_monthly.csv."""

PUBLISHED = {
    "21031994": (0.4042553191489362, 0.3840425531914894, 0.005623629506667149, 0.00011981412495324084),
    "21032207": (0.05654761904761905, 0.05372023809523809, 0.10308991892152594, 0.044159135750553614),
    "21035027": (0.15353345646714098, 0.14585678364378393, 0.3886018716823228, 0.1946074023713002),
}
"""CrostonClassic(), CrostonSBA(), TSB(0.1, 0.1) and TSB(0.3, 0.2) of statsforecast 2.1.1 on them."""


@pytest.mark.parametrize("part", SERIES)
def test_the_published_package_gives_the_same_forecasts(part):
    demand = SERIES[part]
    ours = (croston(demand), sba(demand), tsb(demand), tsb(demand, alpha=0.3, beta=0.2))
    assert ours == pytest.approx(PUBLISHED[part], rel=1e-12)


def test_a_part_nobody_asked_for_has_croston_rate_nought_but_may_yet_be_asked_for():
    assert croston([0] * 24) == sba([0] * 24) == tsb([0] * 24) == 0
    assert gamma_poisson(Prior(0.5, 4.0, "assumed"), [0] * 24).mean > 0


def test_demand_that_stopped_fades_from_tsb_and_gamma_poisson_but_not_from_croston():
    lively, ended = [2] * 12, [2] * 12 + [0] * 36
    prior = Prior(0.5, 4.0, "assumed")
    assert croston(ended) == croston(lively)
    assert tsb(ended) < tsb(lively) / 10
    assert gamma_poisson(prior, ended).mean < gamma_poisson(prior, lively).mean / 4


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=60),
    st.floats(0.2, 20.0),
    st.floats(0.2, 20.0),
)
def test_nothing_forgotten_is_the_plain_posterior(demand, shape, exposure):
    forecast = gamma_poisson(Prior(shape, exposure, "assumed"), demand, half_life=1e12)
    assert forecast.shape == pytest.approx(shape + sum(demand))
    assert forecast.exposure == pytest.approx(exposure + len(demand))


@given(st.floats(0.3, 30.0), st.floats(0.3, 30.0), st.sampled_from([0.5, 0.9, 0.99]), st.floats(0.2, 12.0))
def test_a_quantile_is_the_least_stock_that_suffices(shape, exposure, level, periods):
    pieces = Forecast(shape, exposure).quantile(level, periods)
    p = exposure / (exposure + periods)
    weight, within = p**shape, 0.0
    for n in range(pieces):  # the distribution added up term by term, without an incomplete beta function
        within += weight
        weight *= (shape + n) / (n + 1) * (1 - p)
    assert within < level + 1e-9
    assert within + weight >= level - 1e-9


def test_quantiles_of_drawn_demand_hold_as_often_as_they_say():
    random = np.random.default_rng(7)
    rates = random.gamma(1.5, 1 / 3.0, 4000)
    held = []
    for rate in rates:
        past, asked = random.poisson(rate, 10), random.poisson(rate * 3)
        forecast = gamma_poisson(Prior(1.5, 3.0, "assumed"), past.tolist(), half_life=1e12)
        held.append(asked <= forecast.quantile(0.9, 3.0))
    assert 0.9 - 0.015 <= np.mean(held) < 0.97


def test_pinball_loss_is_least_at_the_true_quantile():
    asked = np.random.default_rng(3).poisson(2.0, 20_000)  # its 90 % quantile is 4
    losses = [pinball_loss(asked, stock, 0.9).mean() for stock in range(9)]
    assert int(np.argmin(losses)) == 4


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: croston([]),
        lambda: tsb([1, -1]),
        lambda: sba([1, 2], alpha=0.0),
        lambda: tsb([1], beta=1.5),
        lambda: croston([float("nan")]),
        lambda: remembered([1], half_life=0.0),
        lambda: Forecast(1.0, 1.0).quantile(1.0, 3.0),
        lambda: Forecast(1.0, 1.0).quantile(0.9, 0.0),
    ],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(OptimizerError):
        wrong()
