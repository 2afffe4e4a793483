"""Normal life of a stocked network, to learn how far its services dip without anything wrong.

A class's projected service moves with every failure and every delivery. A trigger that is not to
cry wolf must lie below the dips of normal life; how deep those are is found here, by simulating
the stock as planned, with the same on-time shares that live stock is judged by.
"""

import math
from collections.abc import Collection, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from optimizer.cover import ClassDemand, on_time_shares
from optimizer.errors import OptimizerError

YEAR_DAYS = 365.0

LOOKS = 12
"""How often in a resupply time a row is looked at while its orders come closer. Looked at only when something happens to it,
a row would be taken to be as bad as on the day it ran empty, until its delivery; live stock is looked at every few minutes."""

Floats = npt.NDArray[np.float64]


class StockedRow(msgspec.Struct, frozen=True):
    """One part in one store as planned: every demand orders one unit, which takes `resupply_days`.

    Demand is Poisson at `rate_per_day`; what finds no stock waits for the next unit.
    """

    row: str
    base_stock: int
    rate_per_day: float
    resupply_days: float
    demands: tuple[ClassDemand, ...]


def normal_dips(
    rows: Sequence[StockedRow],
    classes: Collection[str],
    *,
    years: float,
    seed: int,
    per_year: float = 1.0,
) -> dict[str, float]:
    """Return, for each class, the service below which it falls at most `per_year` times a year.

    Every row lives through `years` of Poisson demand with one-for-one replenishment, starting in
    its steady state. At each of its events (a demand, a delivery), and `LOOKS` times in a resupply
    time while something is on order, its on-time share is taken anew from what is on the shelf and
    on order, and with it the service s = Σ λ_served·f / Σ λ_total of its classes, as live stock is
    judged; in between a row keeps its last share, and as orders only come closer meanwhile, s is
    never too high, and hardly too low. A fall below c is a
    step of s from c or more to less than c; falls soon after one another count each. The value
    returned is the highest c such that neither c nor any lower level is fallen below more often
    than `per_year` times a year on average.

    The trigger of a class is the lower of this and its target, which the caller knows. A class
    that falls more seldom than that at any level gets the highest service it had; a class
    without demand is always met, 1. The same seed gives the same answer, and a row has the
    same life whatever rows follow it.

    >>> row = StockedRow("FAN", 3, 0.05, 20.0, (ClassDemand("2h", 0.05, 0.05),))
    >>> dips = normal_dips([row], ["2h"], years=200.0, seed=1)
    >>> round(dips["2h"], 3)
    0.266

    Raises:
        OptimizerError: years, or the number of dips a year, not above zero; as `on_time_shares`.

    """
    if not (math.isfinite(years) and years > 0 and per_year > 0):
        raise OptimizerError("years and dips a year must be above zero")
    wanted = set(classes)
    total = dict.fromkeys(wanted, 0.0)
    changes: dict[str, list[tuple[Floats, Floats]]] = {name: [] for name in wanted}
    start = dict.fromkeys(wanted, 0.0)
    seeds = np.random.SeedSequence(seed).spawn(len(rows))
    for row, row_seed in zip(rows, seeds, strict=True):
        demands = [each for each in row.demands if each.service_class in wanted]
        if not demands:
            continue
        times, shares = _life(row, years * YEAR_DAYS, np.random.default_rng(row_seed))
        for demand in demands:
            name = demand.service_class
            total[name] += demand.total_rate
            start[name] += demand.served_rate * shares[0]
            changes[name].append((times[1:], demand.served_rate * np.diff(shares)))
    return {
        name: _dip(start[name] / total[name], changes[name], total[name], per_year * years) if total[name] > 0 else 1.0
        for name in sorted(wanted)
    }


def _life(row: StockedRow, days: float, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the times a row is looked at from 0 on, its events among them, and its on-time share just after each.

    Demands from one resupply time before the start make the state at 0 a steady one: what is on
    order then is what was demanded within the last resupply time. The first event is the start.
    """
    lead = row.resupply_days
    count = random.poisson(row.rate_per_day * (lead + days))
    demand = np.sort(random.uniform(-lead, days, count))
    delivery = demand + lead
    times = np.unique(np.concatenate([[0.0], demand[demand > 0], delivery[delivery <= days]]))
    times = np.sort(np.concatenate([times, _looks(times, demand, delivery, lead)]))
    # At each look, the orders still out are those demanded within the last resupply time.
    demanded = np.searchsorted(demand, times, side="right")
    delivered = np.searchsorted(delivery, times, side="right")
    out = demanded - delivered
    event = np.repeat(np.arange(len(times)), out)
    order = delivered[event] + np.arange(len(event)) - np.repeat(np.cumsum(out) - out, out)
    shares = on_time_shares(
        row.base_stock - out,
        row.rate_per_day,
        lead,
        inbound_row=event,
        inbound_qty=np.ones(len(event)),
        inbound_eta_days=np.maximum(delivery[order] - times[event], 0.0),
    )
    return times, shares


def _looks(events: Floats, demand: Floats, delivery: Floats, lead: float) -> Floats:
    """Return the times between a row's events, a `LOOKS`-th of the resupply time apart, while something is on order."""
    waiting = np.searchsorted(demand, events, side="right") > np.searchsorted(delivery, events, side="right")
    gaps = np.diff(events)
    count = np.where(waiting[:-1], np.ceil(gaps / (lead / LOOKS)) - 1, 0).astype(np.intp)
    following = np.arange(1, count.sum() + 1) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(events[:-1], count) + following * (lead / LOOKS)


def _dip(start: float, changes: list[tuple[Floats, Floats]], total: float, falls: float) -> float:
    """Return the highest level such that no level up to it is fallen below more than `falls` times."""
    times = np.concatenate([each for each, _ in changes])
    steps = np.concatenate([each for _, each in changes])[np.argsort(times, kind="stable")]
    service = np.concatenate([[start], start + np.cumsum(steps) / total])
    before, after = service[:-1], service[1:]
    down = after < before
    # A level c is fallen below by the steps with after < c ≤ before. Going up from the bottom,
    # the count rises just above each `after` and drops just above each `before`.
    levels = np.concatenate([after[down], before[down]])
    rise = np.concatenate([np.ones(down.sum()), -np.ones(down.sum())])
    order = np.lexsort((rise, levels))
    too_often = np.cumsum(rise[order]) > falls
    if not too_often.any():
        return float(service.max())
    return float(levels[order][np.argmax(too_often)])
