"""What plans deliver whose failure rates were estimated from one year of failures."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import pdtr

from bench.tables import Figures
from optimizer.rates import fit_prior, posterior, predictive_cdf

COMPANIES = 60
PARTS = 300
FLEETS = ((20, 2000), (5, 500))
"""The fewest and the most pieces of a part in use, in companies of two sizes."""

TARGET = 0.95
MOST = 80
"""No part of these companies is worth more pieces than this."""

Floats = npt.NDArray[np.float64]


@dataclass
class Company:
    """Parts in one depot: their true rates a piece-year, pieces in use, resupply in years, cost, and last year's failures."""

    rates: Floats
    pieces: Floats
    resupply: Floats
    costs: Floats
    failures: npt.NDArray[np.int64]


@dataclass
class Believed:
    """What is believed of a company's demand: failures a year, and the on-time share of each part at each stock."""

    demand: Floats
    shares: Floats


def run() -> Figures:
    """Measure."""
    figures = Figures(
        "Promised and delivered, with rates from one year",
        f"{COMPANIES} companies of each size, {PARTS} parts each; pieces in use per part as stated, resupply takes 7 to 30 "
        "days, and true rates are drawn log-normal around 1.1% a year, which nobody tells the estimators. One year of failures "
        f"is drawn, rates are estimated from it, the cheapest stock that promises {TARGET:.0%} on time is bought, and judged "
        "by the true rates. Spread is the standard deviation between companies; cost is that of the stock, against knowing the "
        "true rates. Goal: delivered within half a point of what is promised.",
        ("pieces in use", "rates believed", "promised", "delivered", "spread", "cost"),
    )
    random = np.random.default_rng(20_261_122)
    for fewest, most in FLEETS:
        companies = [company(random, fewest, most) for _ in range(COMPANIES)]
        ideal = sum(bought(true(each), each.costs) @ each.costs for each in companies)
        for name, believe in BELIEFS.items():
            promised, delivered, cost = [], [], 0.0
            for each in companies:
                belief = believe(each)
                stock = bought(belief, each.costs)
                promised.append(service(belief, stock))
                delivered.append(service(true(each), stock))
                cost += stock @ each.costs
            figures.rows.append(
                (
                    f"{fewest} to {most:,}",
                    name,
                    f"{np.mean(promised):.1%}",
                    f"{np.mean(delivered):.1%}",
                    f"{np.std(delivered):.1%}",
                    f"{cost / ideal:.2f}",
                )
            )
    return figures


def company(random: np.random.Generator, fewest: int, most: int) -> Company:
    """A company, and its last year."""
    rates = np.exp(random.normal(-4.5, 1.0, PARTS))
    pieces = np.exp(random.uniform(np.log(fewest), np.log(most), PARTS))
    return Company(
        rates=rates,
        pieces=pieces,
        resupply=random.uniform(7, 30, PARTS) / 365,
        costs=np.exp(random.normal(7.0, 1.2, PARTS)),
        failures=random.poisson(rates * pieces),
    )


def bought(belief: Believed, costs: Floats) -> npt.NDArray[np.int64]:
    """The stock that promises the target: for one multiplier each part's cheapest, the multiplier as low as will do."""
    low, high = 0.0, 1e9
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if service(belief, _priced(belief, costs, middle)) >= TARGET else (middle, high)
    return _priced(belief, costs, high)


def _priced(belief: Believed, costs: Floats, multiplier: float) -> npt.NDArray[np.int64]:
    worth = costs[:, None] * np.arange(MOST + 1) - multiplier * belief.demand[:, None] * belief.shares
    return worth.argmin(axis=1)


def service(belief: Believed, stock: npt.NDArray[np.int64]) -> float:
    """The share of demand that is on time."""
    return float(belief.demand @ belief.shares[np.arange(len(stock)), stock] / belief.demand.sum())


def known(each: Company, rates: Floats) -> Believed:
    """Rates that are taken to be right: demand is Poisson."""
    load = rates * each.pieces * each.resupply
    shares = pdtr(np.maximum(np.arange(MOST + 1) - 1.0, 0.0), load[:, None])
    shares[:, 0] = 0.0
    return Believed(rates * each.pieces, shares)


def true(each: Company) -> Believed:
    """What nobody knows."""
    return known(each, each.rates)


def counted(each: Company) -> Believed:
    """Failures by piece-years, and no more."""
    return known(each, each.failures / each.pieces)


def shrunk(each: Company) -> Believed:
    """The mean of the Gamma-Poisson posterior, taken to be right."""
    shapes, exposures = _posteriors(each)
    return known(each, shapes / exposures)


def uncertain(each: Company) -> Believed:
    """The Gamma-Poisson posterior as it is: demand is negative binomial, weighted by its rate."""
    shapes, exposures = _posteriors(each)
    stock = np.arange(MOST + 1) - 1
    ahead = each.pieces * each.resupply
    shares = predictive_cdf(stock, shapes[:, None], exposures[:, None], ahead[:, None])
    return Believed(shapes / exposures * each.pieces, shares)


def _posteriors(each: Company) -> tuple[Floats, Floats]:
    record = list(zip(each.failures.tolist(), each.pieces.tolist(), strict=True))
    prior = fit_prior(record)
    rates = [posterior(prior.shape, prior.exposure, failures, years) for failures, years in record]
    return np.array([rate.shape for rate in rates]), np.array([rate.exposure for rate in rates])


BELIEFS = {
    "true rates": true,
    "failures / piece-years": counted,
    "Gamma–Poisson mean": shrunk,
    "Gamma–Poisson, uncertain": uncertain,
}
