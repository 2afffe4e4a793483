"""How age, environment and firmware change how often parts fail: multiplicative Poisson factors, shrunk to 1.

Failures of part i in devices of levels (a, e, f) are Poisson with mean

    T_iaef · λ_i · x_a · y_e · z_f,      λ_i ~ Gamma(α_i, β_i),   x_a, y_e, z_f ~ Gamma(k, k),

T in device-years. The mode over the logarithms of all rates and factors solves the marginal totals

    λ_i = (α_i + n_i) / (β_i + Σ T·x·y·z),      x_a = (k + n_a) / (k + Σ T·λ·y·z),      and so for y and z.

Solving them in turn converges, but slowly where the record is long, since a common scale can move between rates and
factors; so the rates are put in and the factors found by Newton's method. What is climbed is strictly concave: there is
one solution, whatever the order of the cells. Thin evidence leaves a factor near 1; a level that is not known has the
factor 1. At the end the factors of each kind of level are divided by their mean over the failures that
were expected, so that a rate keeps its meaning: that of the average device.

Source: Bailey, Proceedings of the CAS 50 (1963) 4-11, and Mack, ASTIN Bulletin 21 (1991) 93-109 (marginal totals);
Ohlsson & Johansson, Non-Life Insurance Pricing with Generalized Linear Models (2010), chapter 4 (credibility).
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from scipy import linalg, sparse, special

from optimizer.errors import OptimizerError
from optimizer.poisson import Floats

CREDIBILITY = 10.0
"""k: with as many expected failures a level's own record weighs as much as the belief that it makes no difference."""

AGE_BANDS = (("0-1", 0.0, 1.0), ("1-3", 1.0, 3.0), ("3-5", 3.0, 5.0), ("5+", 5.0, math.inf))
"""Ages of devices in years since they were installed, from and below."""

ENVIRONMENTS = ("data_centre", "server_room", "office", "industrial", "outdoor")
"""Where devices stand."""

PRECISION = 1e-10
"""How little a step may change the logarithm of any factor when the solution is found."""

STEPS = 100


class Cell(msgspec.Struct, frozen=True):
    """Devices alike: failures of a part over device-years, and their level of each dimension that is known."""

    part: str
    levels: Mapping[str, str]
    device_years: float
    failures: int


class Level(msgspec.Struct, frozen=True):
    """A level's factor with its evidence: `expected` failures if the level made no difference, and those there were.

    The factor lies between `lower` and `upper` with nine chances in ten, the other factors and the rates taken as found.
    """

    dimension: str
    level: str
    device_years: float
    failures: int
    expected: float
    factor: float
    lower: float
    upper: float


def age_band(years: float) -> str:
    """The band of a device's age in years; one not yet installed is new.

    >>> age_band(-0.2), age_band(0.99), age_band(1), age_band(12)
    ('0-1', '0-1', '1-3', '5+')
    """
    return next(name for name, _, below in AGE_BANDS if years < below)


def factor_of(factors: Mapping[tuple[str, str], float], levels: Mapping[str, str | None]) -> float:
    """How many times as often a device of these levels fails: the product of the factors; 1 for what is not known.

    >>> factor_of({("age", "5+"): 1.5, ("environment", "outdoor"): 2.0}, {"age": "5+", "environment": None})
    1.5
    """
    return math.prod(factors.get((dimension, level), 1.0) for dimension, level in levels.items() if level is not None)


def fit_factors(
    cells: Sequence[Cell], priors: Mapping[str, tuple[float, float]], *, credibility: float = CREDIBILITY
) -> list[Level]:
    """Return the factors of all levels of parts of one kind, by dimension and level.

    Args:
        cells: the record; cells of the same part and levels add up.
        priors: shape and exposure (device-years) of what is believed of each part's rate beforehand.
        credibility: k, above zero.

    Two fans alike but for where they stand: 30 failures where 20 were expected, 10 of 20 elsewhere:

    >>> cells = [Cell("FAN", {"environment": "outdoor"}, 1000.0, 30), Cell("FAN", {"environment": "office"}, 1000.0, 10)]
    >>> [(level.level, round(level.factor, 3)) for level in fit_factors(cells, {"FAN": (20.0, 1000.0)})]
    [('office', 0.667), ('outdoor', 1.333)]

    Raises:
        OptimizerError: a negative record, failures without exposure, a part without a prior, or one that is not above zero.

    """
    _check(cells, priors, credibility)
    seen = [cell for cell in cells if cell.device_years > 0]
    if not seen:
        return []
    parts, levels = (
        sorted({cell.part for cell in seen}),
        sorted({pair for cell in seen for pair in cell.levels.items()}),
    )
    part_of, level_of = ({name: i for i, name in enumerate(names)} for names in (parts, levels))
    record = _Record(
        years=np.array([cell.device_years for cell in seen]),
        failures=np.array([cell.failures for cell in seen], dtype=np.float64),
        part=_matrix([[part_of[cell.part]] for cell in seen], len(parts)),
        level=_matrix([[level_of[pair] for pair in cell.levels.items()] for cell in seen], len(levels)),
        shape=np.array([priors[part][0] for part in parts]),
        exposure=np.array([priors[part][1] for part in parts]),
        credibility=credibility,
    )
    logs = _solved(record)
    due, factors = record.due(logs), np.exp(logs)
    years, failures = record.level.T @ record.years, record.level.T @ record.failures
    expected = (record.level.T @ due) / factors
    found: list[Level] = []
    for i, (dimension, level) in enumerate(levels):
        alike = [j for j, (other, _) in enumerate(levels) if other == dimension]
        mean = float((expected[alike] @ factors[alike]) / expected[alike].sum())
        bounds = special.gammaincinv(credibility + failures[i], (0.05, 0.95)) / (credibility + expected[i]) / mean
        found.append(
            Level(
                dimension=dimension,
                level=level,
                device_years=float(years[i]),
                failures=round(failures[i]),
                expected=float(expected[i]) * mean,
                factor=float(factors[i]) / mean,
                lower=float(bounds[0]),
                upper=float(bounds[1]),
            )
        )
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Record:
    """The record as arrays by cell, with sparse matrices of which part and which levels each cell has."""

    years: Floats
    failures: Floats
    part: sparse.csr_array
    level: sparse.csr_array
    shape: Floats
    exposure: Floats
    credibility: float

    def _worth(self, logs: Floats) -> tuple[Floats, Floats]:
        """Years of average devices that the cells' years are worth; exposure of each part by them and beforehand."""
        worth = self.years * np.exp(self.level @ logs)
        return worth, self.exposure + self.part.T @ worth

    @property
    def _events(self) -> Floats:
        return self.shape + self.part.T @ self.failures

    def due(self, logs: Floats) -> Floats:
        """Failures that are due in every cell, the rates being what these factors make of them."""
        worth, exposure = self._worth(logs)
        return worth * (self.part @ (self._events / exposure))

    def height(self, logs: Floats) -> float:
        """Logarithm of the posterior, but for a constant, the rates put in."""
        _, exposure = self._worth(logs)
        known = float(self.failures @ (self.level @ logs) - self._events @ np.log(exposure))
        return known + self.credibility * float(np.sum(logs - np.exp(logs)))

    def step(self, logs: Floats) -> Floats:
        """Newton's step."""
        due, believed = self.due(logs), self.credibility * np.exp(logs)
        gradient = self.level.T @ (self.failures - due) + self.credibility - believed
        weighed = sparse.diags_array(due) @ self.level
        shared = (self.part.T @ weighed).toarray()
        curve = (
            (self.level.T @ weighed).toarray() + np.diag(believed) - shared.T @ (shared / self._events[:, np.newaxis])
        )
        return linalg.solve(curve, gradient, assume_a="pos")


def _solved(record: _Record) -> Floats:
    """The logarithms of the factors, where the posterior is highest; a step that would not climb is halved."""
    logs = np.zeros_like(record.level.T @ record.years)
    if not len(logs):
        return logs
    height = record.height(logs)
    for _ in range(STEPS):
        step = record.step(logs)
        if np.abs(step).max() <= PRECISION:
            return logs + step
        while (reached := record.height(logs + step)) < height - 1e-9 * abs(height):
            step /= 2
        logs, height = logs + step, reached
    raise OptimizerError(f"the factors did not settle within {STEPS} steps")


def _matrix(places: Sequence[Sequence[int]], columns: int) -> sparse.csr_array:
    """A row for every cell with ones at its places."""
    row = [i for i, each in enumerate(places) for _ in each]
    column = [place for each in places for place in each]
    return sparse.csr_array((np.ones(len(row)), (row, column)), shape=(len(places), columns))


def effective_years(cells: Sequence[Cell], factors: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """By part, the device-years of average devices that its devices' years are worth: Σ years × factor.

    >>> effective_years([Cell("FAN", {"age": "5+"}, 10.0, 1), Cell("FAN", {}, 5.0, 0)], {("age", "5+"): 1.5})
    {'FAN': 20.0}
    """
    years: defaultdict[str, list[float]] = defaultdict(list)
    for cell in cells:
        years[cell.part].append(cell.device_years * factor_of(factors, cell.levels))
    return {part: math.fsum(each) for part, each in years.items()}


def _check(cells: Sequence[Cell], priors: Mapping[str, tuple[float, float]], credibility: float) -> None:
    if not (math.isfinite(credibility) and credibility > 0):
        raise OptimizerError(f"credibility must be above zero, not {credibility}")
    for cell in cells:
        if cell.failures < 0 or not (math.isfinite(cell.device_years) and cell.device_years >= 0):
            raise OptimizerError(
                f"a record cannot be negative: {cell.failures} failures, {cell.device_years} device-years"
            )
        if cell.failures and not cell.device_years:
            raise OptimizerError(f"{cell.failures} failures without any device-years")
        if not all(of > 0 and math.isfinite(of) for of in priors.get(cell.part, (0.0,))):
            raise OptimizerError(f"{cell.part} needs a prior above zero")
