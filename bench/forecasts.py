"""Forecasts of consumables, back-tested on real monthly series: what their quantiles cost and how often they hold."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import special

from bench.tables import Figures
from optimizer.forecasts import HALF_LIFE, croston, pinball_loss, remembered, sba, tsb
from optimizer.rates import fit_prior

SERIES = Path(__file__).parent / "data" / "part_demand_monthly.csv"
LEVELS = (0.5, 0.75, 0.9, 0.95, 0.99)
LEAST_HISTORY = 12
AHEAD = 3

Quantiles = Callable[[float], npt.NDArray[np.float64]]
Method = Callable[[list[list[int]]], Quantiles]


def run() -> Figures:
    """Measure."""
    figures = Figures(
        "Forecasts of consumables",
        f"Real monthly demand of spare parts ([data](../../bench/data/README.md)): {AHEAD} months' demand foreseen from every "
        f"{AHEAD}rd month on, for each part with {LEAST_HISTORY} months of history or more. Pinball loss, the lower the "
        "better, is what a quantile costs in pieces: its level per piece too few, the rest per piece too many; in brackets how "
        "often demand stayed within it. Demand is in whole pieces, so a good quantile holds a little more often than its level "
        "says, the median of a part that mostly rests far more often. Croston's, SBA's and TSB's rates are taken as Poisson. "
        "The half-life of the Gamma–Poisson was chosen on every other series; the figures are of the remaining ones.",
        ("forecast", "loss, all levels", *(f"{level:.0%}" for level in LEVELS)),
    )
    series = _series()[1::2]
    for name, method in METHODS.items():
        loss, held = backtest(method, series)
        figures.rows.append(
            (name, f"{loss.sum():.3f}", *(f"{x:.3f} ({y:.1%})" for x, y in zip(loss, held, strict=True)))
        )
    return figures


def backtest(method: Method, series: list[list[int | None]]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean pinball loss and coverage of a method, by level, over all parts and rolling origins."""
    losses: list[npt.NDArray[np.float64]] = []
    held: list[npt.NDArray[np.bool]] = []
    for origin in range(LEAST_HISTORY, len(series[0]) - AHEAD + 1, AHEAD):
        known = [([n for n in row[:origin] if n is not None], row[origin : origin + AHEAD]) for row in series]
        cases = [(past, future) for past, future in known if len(past) >= LEAST_HISTORY and None not in future]
        asked = np.array([sum(n or 0 for n in future) for _, future in cases], dtype=np.float64)
        quantiles = method([past for past, _ in cases])
        found = [quantiles(level) for level in LEVELS]
        losses.append(np.array([pinball_loss(asked, q, level) for q, level in zip(found, LEVELS, strict=True)]))
        held.append(np.array([asked <= q for q in found]))
    return np.hstack(losses).mean(axis=1), np.hstack(held).mean(axis=1)


def _series() -> list[list[int | None]]:
    with SERIES.open() as file:
        return [[int(n) if n else None for n in row[1:]] for row in list(csv.reader(file))[1:]]


def _poisson(rate: Callable[[list[int]], float]) -> Method:
    def method(pasts: list[list[int]]) -> Quantiles:
        means = np.array([rate(past) * AHEAD for past in pasts])
        return lambda level: _ceiled(special.pdtrik(level, np.maximum(means, 1e-9)))

    return method


def _gamma_poisson(half_life: float) -> Method:
    def method(pasts: list[list[int]]) -> Quantiles:
        seen = [remembered(past, half_life=half_life) for past in pasts]
        prior = fit_prior([(round(pieces), months) for pieces, months in seen])
        shape = np.array([prior.shape + pieces for pieces, _ in seen])
        exposure = np.array([prior.exposure + months for _, months in seen])
        return lambda level: _ceiled(special.nbdtrik(level, shape, exposure / (exposure + AHEAD)))

    return method


def _ceiled(pieces: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The next whole number of pieces; where none already suffices, scipy gives nothing or less."""
    return np.maximum(np.ceil(np.nan_to_num(pieces, nan=0.0) - 1e-9), 0.0)


METHODS: dict[str, Method] = {
    "mean of all months": _poisson(lambda past: float(np.mean(past))),
    "mean of 12 months": _poisson(lambda past: float(np.mean(past[-12:]))),
    "Croston, α 0.1": _poisson(croston),
    "SBA, α 0.1": _poisson(sba),
    "TSB, α β 0.1": _poisson(tsb),
    "TSB, α β 0.2": _poisson(lambda past: tsb(past, alpha=0.2, beta=0.2)),
    "TSB, α β 0.3": _poisson(lambda past: tsb(past, alpha=0.3, beta=0.3)),
    "Gamma–Poisson, nothing forgotten": _gamma_poisson(1e9),
    "Gamma–Poisson, half-life 12 months": _gamma_poisson(12.0),
    "Gamma–Poisson, half-life 6 months": _gamma_poisson(6.0),
    "Gamma–Poisson, half-life 4 months": _gamma_poisson(HALF_LIFE),
}
