"""A plan played out event by event, to see whether the network delivers what formulas promise.

Every failure is drawn and takes a unit from the shelf, waits for one, or goes to another depot
or the emergency channel by the network's rules (`shelves`). Demands and lead times are drawn per
part from the seed alone, so that two plans meet the same failures. A part whose rate is uncertain
has a rate of its own in every history, the same in all depots.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from scipy import special

from optimizer.errors import InvalidInput, OptimizerError
from optimizer.network import Network
from optimizer.plan import Plan
from optimizer.recount import Facts, Floats, Ints, recount
from optimizer.shelves import EMERGENCY, ROUNDING_HOURS, Shelves, ways
from optimizer.shelves_compiled import serve

REPLICATIONS = 100
"""Histories played at least, each on its own: their results are independent."""

LIVES = 2_000
"""Histories where a rate is uncertain, which only differs from one to the next."""

FAILURES_MAX = 200_000_000
"""Failures played at most, some twenty seconds of them; what would take more is refused."""

_WARM_UP_LEAD_TIMES = 10.0
_AT_ONCE = 1_000_000
_PILOT_YEARS = 100.0
_SPARE = 1.4

LeadTime = Literal["fixed", "exponential", "measured"]

Observed = Mapping[tuple[str, str], Sequence[float]]
"""Lead times in days that were observed, by part and depot."""

Progress = Callable[[float], None]
"""Told which share of the failures has been played."""


class Burst(msgspec.Struct, frozen=True):
    """A part that fails `factor` times as often as the network says, for some days."""

    part: str
    factor: float
    days: float


class ClassResult(msgspec.Struct, frozen=True):
    """One class: what was asked for, what the plan promises, and what happened.

    `simulated` is the share of `calls` that were on time, weighted by the parts' criticality, 95 %
    of the time within `half_width` of the true share, `mean_hours` their mean time to site; all
    are null where nobody called.
    """

    target: float | None
    promised: float
    simulated: float | None
    half_width: float | None
    mean_hours: float | None
    calls: int


class Difference(msgspec.Struct, frozen=True):
    """How much more of a class's calls a plan serves on time than another, which meets the same failures."""

    other: float | None
    difference: float | None
    half_width: float | None


class Simulation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A simulation and what it was given; `against` is there where another plan was played too."""

    years: float
    replications: int
    seed: int
    lead_time: LeadTime
    classes: dict[str, ClassResult]
    against: dict[str, Difference] = {}


def simulate(
    plan: Plan,
    network: Network,
    *,
    years: float,
    seed: int,
    lead_time: LeadTime = "fixed",
    observed: Observed | None = None,
    bursts: Sequence[Burst] = (),
    against: Plan | None = None,
    progress: Progress = lambda _share: None,
) -> Simulation:
    """Play a plan for some years.

    The years are split into a hundred histories (more where rates are uncertain), each after a warm-up of its own. With bursts
    every history is as long as the longest of them, and begins with all of them at once: what
    is answered is what the plan delivers meanwhile.

    Args:
        plan: the base stocks, and the services it promises.
        network: the network it was made for.
        years: simulated time, warm-ups besides.
        seed: of all random numbers.
        lead_time: every lead time as given, or exponential with that mean, or any of those observed.
        observed: these; a part and depot without any keeps the lead time given.
        bursts: parts that fail more often.
        against: another plan for the same network.
        progress: told how far it is.

    Returns:
        The share on time of each class with its 95 % confidence half width (ratio estimator over
        independent histories, Student's t; Law, Simulation Modeling and Analysis, 2015).

    Raises:
        InvalidInput: a plan stocks what the network does not know, or a burst is of no known part.
        OptimizerError: there is no stock to play, or more failures than can be played.

    """
    facts = recount(network)
    played = [plan] if against is None else [plan, against]
    for each in played:
        _check(each, facts)
    factor = _factors(bursts, network)
    fewest = LIVES if np.isfinite(facts.shape).any() else REPLICATIONS
    length = max((burst.days for burst in bursts), default=365.0 * years / fewest)
    replications = max(fewest, round(365.0 * years / length)) if bursts else fewest
    parts = _parts(facts, lead_time, observed or {}, length)
    total = sum(part.failures(factor.get(part.name, (1.0, 0.0))) for part in parts) * replications
    if total > FAILURES_MAX:
        raise OptimizerError(
            f"{total:,.0f} failures would have to be played, at most {FAILURES_MAX:,} are: ask for fewer years"
        )
    tally = _Tally.none(len(played), len(network.sla_classes), replications)
    done = 0.0
    for number, part in enumerate(parts):
        burst = factor.get(part.name, (1.0, 0.0))
        size = max(int(_AT_ONCE / max(part.failures(burst), 1.0)), 1)
        for first in range(0, replications, size):
            many = min(size, replications - first)
            demands = _draw(part, burst, many, np.random.default_rng([seed, number, first]))
            for index, each in enumerate(played):
                _play(facts, part, each, demands, tally, index, first)
            done += many * part.failures(burst)
            progress(done / total if total else 1.0)
    classes = {
        sla.id: _result(sla.target_fraction, plan.service.get(sla.id, 1.0), tally, index)
        for index, sla in enumerate(network.sla_classes)
    }
    compared = {sla.id: _difference(tally, index) for index, sla in enumerate(network.sla_classes)}
    return Simulation(years, replications, seed, lead_time, classes, {} if against is None else compared)


def years_for(plan: Plan, network: Network, half_width: float, **how: object) -> float:
    """Years to simulate so that no class's half width exceeds one given, as far as can be played.

    A short simulation tells the spread; half widths shrink with the root of time.
    """
    facts = recount(network)
    yearly = 365.0 * float(facts.rate.sum())
    most = 0.5 * FAILURES_MAX / yearly if yearly else _PILOT_YEARS
    pilot = min(_PILOT_YEARS, most)
    found = simulate(plan, network, years=pilot, **how)  # pyright: ignore[reportArgumentType]
    widest = max((result.half_width or 0.0 for result in found.classes.values()), default=0.0)
    return min(pilot * max(_SPARE * (widest / half_width) ** 2, 1.0), most)


def _check(plan: Plan, facts: Facts) -> None:
    if plan.cost_cny is None:
        raise OptimizerError("there is no stock to play: the plan file holds no plan")
    for part, depots in plan.stock.items():
        for depot, held in depots.items():
            if held and (part, depot) not in facts.row:
                raise InvalidInput(f"$.stock.{part}.{depot}", "the network has no demand to serve from there")


def _factors(bursts: Sequence[Burst], network: Network) -> dict[str, tuple[float, float]]:
    """Factor and days of every burst by part."""
    known = {part.id for part in network.parts}
    for burst in bursts:
        if burst.part not in known:
            raise InvalidInput("burst", f"no such part: {burst.part}")
        if not (0 <= burst.factor <= 1e6 and 0 < burst.days <= 1e6):
            raise InvalidInput("burst", "the factor must lie between 0 and a million, and so must the days, above 0")
    return {burst.part: (burst.factor, burst.days) for burst in bursts}


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A part's calls and shelves, and how long its histories are; in days."""

    name: str
    depots: list[str]
    calls: Ints
    shelf: Ints
    rate: Floats
    lead_times: Floats
    first_lead_time: Ints
    lot: Ints
    shape: float
    weight: float
    exponential: bool
    warm_up: float
    length: float

    def failures(self, burst: tuple[float, float]) -> float:
        """Expected in one history."""
        factor, days = burst
        return float(self.rate.sum()) * (self.warm_up + self.length + (factor - 1.0) * min(days, self.length))


def _parts(facts: Facts, lead_time: LeadTime, observed: Observed, length: float) -> list[_Part]:
    """Every part that has rows, in the order of the network."""
    depots: dict[str, list[str]] = {part.id: [] for part in facts.network.parts}
    for part, depot in facts.row:
        depots[part].append(depot)
    names = [*facts.row]
    calls: dict[str, list[int]] = {}
    for call, row in enumerate(facts.call_row.tolist()):
        calls.setdefault(names[row][0], []).append(call)
    weight = {part.id: part.criticality for part in facts.network.parts}
    parts: list[_Part] = []
    for name, held in depots.items():
        if name not in calls:
            continue
        asked = np.array(calls[name], dtype=np.int64)
        place = {facts.row[name, depot]: index for index, depot in enumerate(held)}
        known = [observed.get((name, depot)) if lead_time == "measured" else None for depot in held]
        times = [each or [float(facts.lead_time[facts.row[name, d]])] for each, d in zip(known, held, strict=True)]
        # what is on order under backorders is what was demanded within the longest lead time, no more
        settled = facts.network.policy.stockout == "backorder" and lead_time != "exponential"
        parts.append(
            _Part(
                name,
                held,
                asked,
                np.array([place[row] for row in facts.call_row[asked].tolist()], dtype=np.int64),
                facts.call_rate[asked],
                np.concatenate([np.array(each, dtype=np.float64) for each in times]),
                np.cumsum([0, *map(len, times)]),
                np.array([facts.lot[row] for row in place], dtype=np.int64),
                float(facts.shape[next(iter(place))]),
                weight[name],
                lead_time == "exponential",
                max(map(max, times)) * (1.0 if settled else _WARM_UP_LEAD_TIMES),
                length,
            )
        )
    return parts


@dataclass(frozen=True, slots=True, eq=False)
class _Demands:
    """Demands of one part: day in its history, which of the part's calls, luck, where histories begin.

    `phase`, shape (histories, depots), is how far each shelf's next order is filled at the beginning.
    """

    day: Floats
    call: Ints
    luck: Floats
    begins: Ints
    history: Ints
    phase: Floats


def _draw(part: _Part, burst: tuple[float, float], histories: int, random: np.random.Generator) -> _Demands:
    rate = part.rate.sum()
    factor, days = burst[0], min(burst[1], part.length)
    spans = ((0.0, part.warm_up, 1.0), (part.warm_up, days, factor), (part.warm_up + days, part.length - days, 1.0))
    day, history = [], []
    theta = random.gamma(part.shape, 1.0 / part.shape, histories) if math.isfinite(part.shape) else np.ones(histories)
    for start, span, times in spans:
        counts = random.poisson(rate * times * span * theta)
        history.append(np.repeat(np.arange(histories), counts))
        day.append(start + span * random.random(counts.sum()))
    when, lived = np.concatenate(day), np.concatenate(history)
    order = np.lexsort((when, lived))
    which = np.searchsorted(np.cumsum(part.rate) / rate, random.random(len(order)), side="right")
    return _Demands(
        when[order],
        np.minimum(which, len(part.rate) - 1),
        random.random(len(order)),
        np.searchsorted(lived[order], np.arange(histories)),
        lived[order],
        random.random((histories, len(part.depots))),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Tally:
    """Calls, those on time (both weighted), their hours and number of every plan, shapes (plans, classes, histories)."""

    calls: Floats
    on_time: Floats
    hours: Floats
    number: Floats

    @classmethod
    def none(cls, plans: int, classes: int, histories: int) -> "_Tally":
        return cls(*np.zeros((4, plans, classes, histories)))


def _play(facts: Facts, part: _Part, plan: Plan, demands: _Demands, tally: _Tally, index: int, first: int) -> None:
    """Serve demands from the plan's stock and count what happened."""
    policy, held = facts.network.policy, plan.stock.get(part.name, {})
    shelves = Shelves(
        np.array([held.get(depot, 0) for depot in part.depots], dtype=np.int64),
        *ways(facts.network, part.depots),
        part.lead_times,
        part.first_lead_time,
        part.lot,
        part.exponential,
        policy.stockout == "backorder",
    )
    hours, source = shelves.serve(
        demands.day, part.shelf[demands.call], demands.luck, demands.begins, demands.phase, play=serve
    )
    call = part.calls[demands.call]
    hours = np.where(source == EMERGENCY, policy.emergency_hours or 0.0, hours + facts.call_travel[call])
    counted = demands.day >= part.warm_up
    call, hours = call[counted], hours[counted]
    in_time = hours <= facts.call_limit[call] + ROUNDING_HOURS
    many, classes = tally.calls.shape[2], tally.calls.shape[1]
    cell = facts.call_class[call] * many + first + demands.history[counted]
    counted_as = (
        (tally.calls, part.weight * np.ones(len(cell))),
        (tally.on_time, part.weight * in_time),
        (tally.hours, hours),
        (tally.number, np.ones(len(cell))),
    )
    for table, values in counted_as:
        table[index] += np.bincount(cell, values, classes * many).reshape(classes, many)


def _result(target: float | None, promised: float, tally: _Tally, index: int) -> ClassResult:
    calls, on_time = tally.calls[0, index], tally.on_time[0, index]
    share, half_width = _ratio(on_time, calls)
    total = tally.number[0, index].sum()
    hours = float(tally.hours[0, index].sum() / total) if total else None
    return ClassResult(target, promised, share, half_width, hours, int(total))


def _difference(tally: _Tally, index: int) -> Difference:
    """The same histories under both plans, so that the spread is that of their differences."""
    calls, (on_time, other) = tally.calls[0, index], tally.on_time[[0, -1], index]
    return Difference(_ratio(other, calls)[0], *_ratio(on_time - other, calls))


def _ratio(some: Floats, every: Floats) -> tuple[float | None, float | None]:
    """The ratio of two sums over histories, and its 95 % confidence half width."""
    total, many = float(every.sum()), len(every)
    if total == 0:
        return None, None
    share = float(some.sum()) / total
    spread = float(np.sum((some - share * every) ** 2)) * many / (many - 1)
    return share, float(special.stdtrit(many - 1, 0.975)) * math.sqrt(spread) / total
