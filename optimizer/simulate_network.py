"""A plan played out event by event, to see whether the network delivers what formulas promise.

Every failure is drawn and takes a unit from the shelf, waits for one, or goes to another depot
or the emergency channel by the network's rules. Nothing of the formulas enters. Demands and lead
times are drawn per part from the seed alone, so that two plans meet the same failures. A part
whose rate is uncertain lives many lives, each with a rate of its own, the same in all depots.
"""

import heapq
import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from scipy import special

from optimizer.network import Network
from optimizer.plan import Plan
from optimizer.recount import Facts, Floats, Ints, recount

BATCHES = 30
"""Stretches of time whose results count as independent."""

LIVES = 20
"""Lives of a part of uncertain rate in each of these stretches."""

_WARM_UP_LEAD_TIMES = 10.0
_ROUNDING_HOURS = 1e-9

LeadTime = Literal["fixed", "exponential"]


class ClassResult(msgspec.Struct, frozen=True):
    """One class: what the plan promises, and what happened.

    `simulated` is the share of `calls` that were on time, weighted by the parts' criticality, 95 %
    of the time within `half_width` of the true share; all three are null where nobody called.
    """

    promised: float
    simulated: float | None
    half_width: float | None
    calls: int


class Simulation(msgspec.Struct, frozen=True):
    """A simulation and what it was given."""

    years: float
    seed: int
    lead_time: LeadTime
    classes: dict[str, ClassResult]


def simulate(plan: Plan, network: Network, *, years: float, seed: int, lead_time: LeadTime = "fixed") -> Simulation:
    """Play a plan for some years.

    Args:
        plan: the base stocks, and the services it promises.
        network: the network it was made for.
        years: simulated time, after a warm-up of ten times the longest lead time (of every life).
        seed: of all random numbers.
        lead_time: every lead time as long as given, or exponential with that mean.

    Returns:
        The share on time of each class with its 95 % confidence half width, from the means of
        30 stretches of time (ratio estimator, Student's t; Law, Simulation Modeling and
        Analysis, 2015).

    """
    facts = recount(network)
    warm_up = _WARM_UP_LEAD_TIMES * float(facts.lead_time.max(initial=0.0))
    horizon = _Horizon(warm_up, warm_up + 365.0 * years)
    calls, on_time = np.zeros((2, len(network.sla_classes), BATCHES))
    count = np.zeros(len(network.sla_classes), dtype=np.int64)
    asked = _calls_by_part(facts)
    weight = {part.id: part.criticality for part in network.parts}
    for number, (part, rows) in enumerate(_rows_by_part(facts).items()):
        random = np.random.default_rng([seed, number])
        demands = _draw(facts, asked[part], horizon, random, lead_time)
        held = {depot: plan.stock.get(part, {}).get(depot, 0) for depot in rows}
        hours = _Shop(facts, rows, held).serve(demands)
        in_time = hours <= facts.call_limit[demands.call] + _ROUNDING_HOURS
        counted = np.flatnonzero(demands.batch >= 0)
        cell = facts.call_class[demands.call[counted]], demands.batch[counted]
        np.add.at(calls, cell, weight[part])
        np.add.at(on_time, cell, weight[part] * in_time[counted])
        np.add.at(count, cell[0], 1)
    classes = {
        sla.id: _result(plan.service.get(sla.id, 1.0), calls[index], on_time[index], int(count[index]))
        for index, sla in enumerate(network.sla_classes)
    }
    return Simulation(years, seed, lead_time, classes)


def _rows_by_part(facts: Facts) -> dict[str, dict[str, int]]:
    rows: dict[str, dict[str, int]] = {part.id: {} for part in facts.network.parts}
    for (part, depot), row in facts.row.items():
        rows[part][depot] = row
    return rows


def _calls_by_part(facts: Facts) -> dict[str, Ints]:
    names = [part for part, _ in facts.row]
    calls: dict[str, list[int]] = {part.id: [] for part in facts.network.parts}
    for call, row in enumerate(facts.call_row.tolist()):
        calls[names[row]].append(call)
    return {part: np.array(numbers, dtype=np.int64) for part, numbers in calls.items()}


@dataclass(frozen=True, slots=True)
class _Horizon:
    """From when on results are counted, and until when; in days."""

    start: float
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class _Demands:
    """Demands of one part in order of time: day, which call, which stretch (-1: not counted), lead time factor."""

    day: Floats
    call: Ints
    batch: Ints
    lead_time_factor: Floats


def _draw(
    facts: Facts,
    asked: Ints,
    horizon: _Horizon,
    random: np.random.Generator,
    lead_time: LeadTime,
) -> _Demands:
    shape = float(facts.shape[facts.call_row[asked[0]]]) if len(asked) else np.inf
    if np.isfinite(shape):
        day, call, batch = _lives(facts, asked, horizon, random, shape)
    else:
        counts = random.poisson(facts.call_rate[asked] * horizon.end)
        day, call = random.uniform(0.0, horizon.end, counts.sum()), np.repeat(asked, counts)
        batch = np.floor((day - horizon.start) * BATCHES / (horizon.end - horizon.start)).astype(np.int64)
    order = np.argsort(day)
    factor = random.exponential(1.0, len(day)) if lead_time == "exponential" else np.ones(len(day))
    return _Demands(day[order], call[order], np.maximum(batch[order], -1), factor)


def _lives(
    facts: Facts, asked: Ints, horizon: _Horizon, random: np.random.Generator, shape: float
) -> tuple[Floats, Ints, Ints]:
    """Demands of a part life after life: day, call and stretch. What comes in a life's warm-up does not count."""
    lives = BATCHES * LIVES
    length = horizon.start + (horizon.end - horizon.start) / lives
    theta = random.gamma(shape, 1.0 / shape, lives)
    counts = random.poisson(np.outer(theta, facts.call_rate[asked]) * length)
    life = np.repeat(np.arange(lives), counts.sum(axis=1))
    inside = random.uniform(0.0, length, len(life))
    call = np.repeat(np.tile(asked, lives), counts.ravel())
    return life * length + inside, call, np.where(inside < horizon.start, -1, life // LIVES)


class _Shop:
    """Shelves of one part in all its depots (rows), units taken and on order, demands that wait."""

    def __init__(self, facts: Facts, rows: dict[str, int], held: dict[str, int]) -> None:
        self.facts = facts
        self.lot = {row: int(facts.lot[row]) for row in rows.values()}
        self.on_hand = {row: held[depot] + self.lot[row] - 1 for depot, row in rows.items()}
        self.taken = dict.fromkeys(rows.values(), 0)
        self.arrivals: list[tuple[float, int]] = []
        self.waiting: dict[int, deque[int]] = {row: deque() for row in rows.values()}
        self.ways = {row: _ways(facts.network, depot, rows) for depot, row in rows.items()}

    def serve(self, demands: _Demands) -> Floats:
        """Hours until each demand has a unit on site."""
        policy, lead_time = self.facts.network.policy, self.facts.lead_time.tolist()
        hours = self.facts.call_travel[demands.call]
        rows = self.facts.call_row[demands.call].tolist()
        factors = demands.lead_time_factor.tolist()
        for number, (day, row) in enumerate(zip(demands.day.tolist(), rows, strict=True)):
            self._receive(day, demands.day, hours)
            stocked = (way for way in self.ways[row] if self.on_hand[way[0]])
            source, lane_hours = next(stocked, (row, 0.0))
            if self.on_hand[source]:
                self.on_hand[source] -= 1
                hours[number] += lane_hours
            elif policy.stockout == "backorder":
                self.waiting[row].append(number)
            else:
                hours[number] = policy.emergency_hours
                continue
            self.taken[source] += 1
            if self.taken[source] == self.lot[source]:
                arrival = day + lead_time[source] * factors[number], source
                for _ in range(self.taken[source]):
                    heapq.heappush(self.arrivals, arrival)
                self.taken[source] = 0
        self._receive(np.inf, demands.day, hours)
        for waiting in self.waiting.values():  # for an order that the end came before
            hours[list(waiting)] = np.inf
        return hours

    def _receive(self, now: float, asked_on: Floats, hours: Floats) -> None:
        """Put what has arrived on the shelf, or into the hands of who waited longest."""
        while self.arrivals and self.arrivals[0][0] <= now:
            day, row = heapq.heappop(self.arrivals)
            if self.waiting[row]:
                number = self.waiting[row].popleft()
                hours[number] += 24.0 * (day - asked_on[number])
            else:
                self.on_hand[row] += 1


def _ways(network: Network, depot: str, rows: dict[str, int]) -> list[tuple[int, float]]:
    """The rows asked for a demand at a depot, in order, and the hours that each adds to travel."""
    lanes = network.policy.lateral_lanes or () if network.policy.lateral else ()
    to_here = sorted((lane for lane in lanes if lane.to == depot), key=lambda lane: lane.hours)
    others = [(rows[lane.source], lane.hours) for lane in to_here if lane.source in rows]
    return [(rows[depot], 0.0), *others]


def _result(promised: float, calls: Floats, on_time: Floats, count: int) -> ClassResult:
    """Share on time by the ratio estimator over batches."""
    total = float(calls.sum())
    if total == 0:
        return ClassResult(promised, None, None, 0)
    share = float(on_time.sum()) / total
    spread = float(np.sum((on_time - share * calls) ** 2)) * BATCHES / (BATCHES - 1)
    half_width = float(special.stdtrit(BATCHES - 1, 0.975)) * math.sqrt(spread) / total
    return ClassResult(promised, share, half_width, count)
