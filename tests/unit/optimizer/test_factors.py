"""Factors for age, environment and firmware: against a closed form, the likelihood itself, and simulated truth."""

import math
import random

import numpy as np
import pytest
from scipy import optimize, stats

from api.demo.company.parts import drive_records
from optimizer.errors import OptimizerError
from optimizer.factors import AGE_BANDS, Cell, age_band, effective_years, factor_of, fit_factors
from optimizer.rates import fit_prior

AGES = {"0-1": 1.8, "1-3": 0.7, "3-5": 0.9, "5+": 1.9}
PLACES = {"data_centre": 0.8, "office": 1.0, "outdoor": 2.2}
FIRMWARE = {"R740 2.8": 1.0, "R740 2.9": 1.0, "R740 3.0": 1.4}
RATES = {f"FAN-{n}": rate for n, rate in enumerate((0.01, 0.02, 0.05))}
PRIORS = dict.fromkeys(RATES, (1.0, 1.0 / 0.02))


def record(seed, years, *, factors=(AGES, PLACES, FIRMWARE)):
    """A fleet of unequal cells and what failed in it."""
    draw = np.random.default_rng(seed)
    ages, places, firmware = factors
    cells = []
    for part, rate in RATES.items():
        for age, x in ages.items():
            for place, y in places.items():
                for level, z in firmware.items():
                    exposure = years * draw.uniform(0.2, 2.0)
                    levels = {"age": age, "environment": place, "firmware": level}
                    cells.append(Cell(part, levels, exposure, int(draw.poisson(exposure * rate * x * y * z))))
    return cells


def normalised(true, dimension, cells):
    """The true factors as the estimator states them: their mean over the failures that are due is 1."""
    due = dict.fromkeys(true, 0.0)
    for cell in cells:
        others = {"age": AGES, "environment": PLACES, "firmware": FIRMWARE}
        product = math.prod(of[cell.levels[name]] for name, of in others.items() if name != dimension)
        due[cell.levels[dimension]] += cell.device_years * RATES[cell.part] * product
    mean = sum(due[level] * true[level] for level in true) / sum(due.values())
    return {level: factor / mean for level, factor in true.items()}


def by_level(found):
    return {(level.dimension, level.level): level for level in found}


def test_one_factor_of_a_known_rate_has_a_closed_form():
    # λ known: x = (k + n)/(k + T·λ), over the mean of both levels
    cells = [Cell("FAN", {"age": "0-1"}, 1000.0, 35), Cell("FAN", {"age": "5+"}, 500.0, 4)]
    found = by_level(fit_factors(cells, {"FAN": (0.02e15, 1e15)}, credibility=10.0))
    young, old = (10 + 35) / (10 + 20), (10 + 4) / (10 + 10)
    mean = (20 * young + 10 * old) / 30

    assert found["age", "0-1"].factor == pytest.approx(young / mean, rel=1e-9)
    assert found["age", "5+"].factor == pytest.approx(old / mean, rel=1e-9)
    gamma = stats.gamma(10 + 35, scale=1 / (10 + 20) / mean)
    assert (found["age", "0-1"].lower, found["age", "0-1"].upper) == pytest.approx(gamma.interval(0.9), rel=1e-9)
    assert found["age", "0-1"].expected == pytest.approx(20 * mean)


def test_the_solution_is_the_mode_of_the_posterior():
    cells = record(3, 30.0)
    found = by_level(fit_factors(cells, PRIORS))
    levels = [("age", a) for a in AGES] + [("environment", p) for p in PLACES] + [("firmware", f) for f in FIRMWARE]
    parts = list(RATES)

    def loss(logs):
        rates, factors = (
            dict(zip(parts, logs[: len(parts)], strict=True)),
            dict(zip(levels, logs[len(parts) :], strict=True)),
        )
        total = sum(PRIORS[p][0] * r - PRIORS[p][1] * math.exp(r) for p, r in rates.items())
        total += sum(10 * (x - math.exp(x)) for x in factors.values())
        for cell in cells:
            log = rates[cell.part] + sum(factors[pair] for pair in cell.levels.items())
            total += cell.failures * log - cell.device_years * math.exp(log)
        return -total

    best = optimize.minimize(loss, np.zeros(len(parts) + len(levels)), method="BFGS", options={"gtol": 1e-6})
    mode = dict(zip(levels, np.exp(best.x[len(parts) :]), strict=True))
    for one, other in ((("age", "0-1"), ("age", "5+")), (("environment", "office"), ("environment", "outdoor"))):
        assert found[one].factor / found[other].factor == pytest.approx(mode[one] / mode[other], rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_a_long_record_finds_the_truth_again(seed):
    cells = record(seed, 4000.0)
    found = by_level(fit_factors(cells, PRIORS))
    for dimension, true in (("age", AGES), ("environment", PLACES), ("firmware", FIRMWARE)):
        for level, factor in normalised(true, dimension, cells).items():
            assert found[dimension, level].factor == pytest.approx(factor, rel=0.06)


def test_nine_intervals_in_ten_hold_the_truth():
    hits, tried = 0, 0
    for seed in range(60):
        cells = record(100 + seed, 40.0)
        found = by_level(fit_factors(cells, PRIORS))
        for level, factor in normalised(PLACES, "environment", cells).items():
            hits += found["environment", level].lower <= factor <= found["environment", level].upper
            tried += 1
    # conditional on the other factors and shrunk to 1, so not exactly 0.9; 180 trials have a standard error of 0.022
    assert 0.82 <= hits / tried <= 1.0


def test_without_any_difference_the_factors_stay_near_one():
    same = tuple(dict.fromkeys(of, 1.0) for of in (AGES, PLACES, FIRMWARE))
    assert all(0.7 < level.factor < 1.4 for level in fit_factors(record(9, 10.0, factors=same), PRIORS))


def test_thin_evidence_hardly_moves_a_factor():
    cells = [Cell("FAN", {"environment": "office"}, 1000.0, 20), Cell("FAN", {"environment": "outdoor"}, 5.0, 1)]
    outdoor = by_level(fit_factors(cells, {"FAN": (20.0, 1000.0)}))["environment", "outdoor"]

    assert outdoor.failures / outdoor.expected > 9
    assert 1.0 < outdoor.factor < 1.15


def test_the_order_of_the_cells_and_their_cutting_do_not_matter():
    cells = record(4, 30.0)
    shuffled = [Cell(c.part, c.levels, c.device_years / 2, 0) for c in cells]
    shuffled += [Cell(c.part, c.levels, c.device_years / 2, c.failures) for c in cells]
    random.Random(1).shuffle(shuffled)  # noqa: S311 - no secret is drawn
    for one, other in zip(fit_factors(cells, PRIORS), fit_factors(shuffled, PRIORS), strict=True):
        assert (one.dimension, one.level, one.failures) == (other.dimension, other.level, other.failures)
        assert one.factor == pytest.approx(other.factor, rel=1e-9)


def test_rates_keep_their_meaning():
    cells = record(5, 50.0)
    found = fit_factors(cells, PRIORS)
    for dimension in ("age", "environment", "firmware"):
        of = [level for level in found if level.dimension == dimension]
        assert sum(x.expected * x.factor for x in of) == pytest.approx(sum(x.expected for x in of))
    factors = {(x.dimension, x.level): x.factor for x in found}
    years = effective_years(cells, factors)
    for part, rate in RATES.items():
        failures = sum(cell.failures for cell in cells if cell.part == part)
        exposed = sum(cell.device_years for cell in cells if cell.part == part)
        # what failed over what the years are worth is near what failed over the years
        assert failures / years[part] == pytest.approx(failures / exposed, rel=0.2)
        assert rate > 0


def test_what_is_not_known_makes_no_difference():
    cells = [Cell("FAN", {}, 1000.0, 90), Cell("FAN", {"environment": "office"}, 1000.0, 20)]
    found = fit_factors(cells, {"FAN": (20.0, 1000.0)})

    assert [level.level for level in found] == ["office"]
    assert found[0].factor == pytest.approx(1.0)
    assert factor_of({("environment", "office"): 3.0}, {"environment": None, "age": "5+"}) == 1.0
    assert fit_factors([], {}) == []
    assert fit_factors([Cell("FAN", {"age": "0-1"}, 0.0, 0)], {"FAN": (1.0, 1.0)}) == []


def test_every_age_has_one_band():
    assert [age_band(low) for _, low, _ in AGE_BANDS] == [name for name, _, _ in AGE_BANDS]
    assert [below for _, _, below in AGE_BANDS[:-1]] == [low for _, low, _ in AGE_BANDS[1:]]


@pytest.mark.parametrize(
    ("cells", "priors", "credibility"),
    [
        ([Cell("FAN", {}, -1.0, 0)], {"FAN": (1.0, 1.0)}, 10.0),
        ([Cell("FAN", {}, 1.0, -1)], {"FAN": (1.0, 1.0)}, 10.0),
        ([Cell("FAN", {}, math.nan, 1)], {"FAN": (1.0, 1.0)}, 10.0),
        ([Cell("FAN", {}, 0.0, 1)], {"FAN": (1.0, 1.0)}, 10.0),
        ([Cell("FAN", {}, 1.0, 1)], {}, 10.0),
        ([Cell("FAN", {}, 1.0, 1)], {"FAN": (0.0, 1.0)}, 10.0),
        ([Cell("FAN", {}, 1.0, 1)], {"FAN": (1.0, math.inf)}, 10.0),
        ([], {}, 0.0),
    ],
)
def test_a_record_that_cannot_be_is_refused(cells, priors, credibility):
    with pytest.raises(OptimizerError):
        fit_factors(cells, priors, credibility=credibility)


def test_real_drives_differ_by_how_long_they_were_in_service():
    """81 real drive models by their mean days on record, which has no age of any one drive: models differ here, not ages."""
    records = [(r.failed, r.drive_days / 365, r.drive_days / 365 / r.drives) for r in drive_records().values()]
    prior = fit_prior([(failed, years) for failed, years, _ in records])
    cells = [Cell("drive", {"age": age_band(each)}, years, failed) for failed, years, each in records]
    found = {level.level: level for level in fit_factors(cells, {"drive": (prior.shape, prior.exposure)})}

    assert {band: round(level.factor, 2) for band, level in found.items()} == {
        "0-1": 0.76,
        "1-3": 1.24,
        "3-5": 0.75,
        "5+": 1.17,
    }
    assert sum(level.failures for level in found.values()) == 21_512
    crude = {band: level.failures / level.device_years for band, level in found.items()}
    for band, level in found.items():
        assert level.lower < level.factor < level.upper
        # with thousands of failures nothing is left of the belief that there is no difference
        assert level.factor / found["5+"].factor == pytest.approx(crude[band] / crude["5+"], rel=0.01)
