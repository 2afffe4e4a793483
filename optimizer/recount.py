"""The network computed a second time, by other formulas, to verify plans with.

Shares nothing with `demand`, `demand_counts`, `assurance`, `evaluation`, `poisson`, `lateral` and
`alternatives`: demand is added up device by device, waiting follows from incomplete gamma
functions, or from the counts' probabilities one by one where rates are uncertain or several
pieces are ordered at a time, losses from Erlang's quotient and Legendre's rule, what a measured
target needs from the number of calls and the binomial distribution, lateral supply from a chain
over the units on hand.
"""

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy import sparse, special

from optimizer.multiple_choice import Problem
from optimizer.network import Lane, Network, Replenishment, SlaClass, primary_depot

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TOLERANCE = 1e-9
"""How far a target or limit may be missed and still count as kept."""

YEAR_DAYS = 365.0

_HELPING = 3
"""Depots whose chain is computed as one."""

_NUMBERS_AT_ONCE = 2_000_000

_FEW = 100
"""Units up to which a sum is taken for all rows at once, not row by row."""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """The network as rows (part, depot), the calls that reach them, and the limits.

    Rows are those with demand, with a floor, or with a lane to help where the part is in demand;
    `row` numbers them. Of a row: lead time, floor, value of a unit, price of a unit of base
    stock under the objective, own daily rate, shape of its distribution (infinite where it is
    known), pieces ordered at a time. Of a call, the demand of one class from one travel time: its
    row, class, travel time, daily rate, and weight in the service of its class. `limits` are
    upper limits by their names in plan files; "at least" is negated.
    """

    network: Network
    row: dict[tuple[str, str], int]
    lead_time: Floats
    floor: Ints
    unit_cost: Floats
    price: Floats
    rate: Floats
    shape: Floats
    lot: Ints
    call_row: Ints
    call_class: Ints
    call_travel: Floats
    call_rate: Floats
    call_weight: Floats
    class_rate: Floats
    limits: dict[str, float]

    def average(self, levels: Ints) -> Floats:
        """The mean stock position: the base stock S, or midway between it and S + Q - 1."""
        return levels + 0.5 * (self.lot - 1)

    @property
    def call_limit(self) -> Floats:
        """Promised time to site of every call."""
        hours = np.array([sla.time_to_site_hours for sla in self.network.sla_classes])
        return hours[self.call_class]


def recount(network: Network) -> Facts:
    """Read a network."""
    calls = _calls(network)
    row, entries = _rows(network, {(part, depot) for part, depot, _, _ in calls})
    parts = {part.id: part for part in network.parts}
    classes = {sla.id: index for index, sla in enumerate(network.sla_classes)}
    call_row = np.array([row[p, d] for p, d, _, _ in calls], dtype=np.int64)
    call_class = np.array([classes[sla] for _, _, sla, _ in calls], dtype=np.int64)
    call_rate = np.array([*calls.values()], dtype=np.float64)
    unit_cost = np.array([parts[e.part].unit_cost_cny for e in entries], dtype=np.float64)
    yearly = np.array([parts[e.part].holding_rate_per_year for e in entries], dtype=np.float64)
    class_rate = np.bincount(call_class, call_rate, len(classes))
    valued = call_rate * np.array([parts[p].criticality for p, _, _, _ in calls], dtype=np.float64)
    return Facts(
        network=network,
        row=row,
        lead_time=np.array([e.lead_time_days for e in entries], dtype=np.float64),
        floor=np.array([e.min_stock for e in entries], dtype=np.int64),
        unit_cost=unit_cost,
        price=unit_cost if network.objective == "investment" else yearly * unit_cost,
        rate=np.bincount(call_row, call_rate, len(row)),
        shape=np.array([parts[e.part].rate_shape or np.inf for e in entries], dtype=np.float64),
        lot=np.array([e.order_quantity for e in entries], dtype=np.int64),
        call_row=call_row,
        call_class=call_class,
        call_travel=np.array([travel for *_, travel in calls], dtype=np.float64),
        call_rate=call_rate,
        call_weight=valued / np.bincount(call_class, valued, len(classes))[call_class],
        class_rate=class_rate,
        limits=_limits(network, class_rate),
    )


def _calls(network: Network) -> dict[tuple[str, str, str, float], float]:
    """Daily rate by part, depot, class and travel time."""
    customers = {customer.id: customer for customer in network.customers}
    lists: dict[str, list[tuple[str, float]]] = {}
    for line in network.bom:
        failures = line.per_device * line.annual_failure_rate
        lists.setdefault(line.model, []).append((line.part, failures))
    calls: dict[tuple[str, str, str, float], float] = {}
    for installed in network.installed_base:
        customer = customers[installed.customer]
        depot = primary_depot(customer, network.depots)
        for part, failures in lists.get(installed.model, []):
            rate = installed.device_count * failures * installed.factors.get(part, 1.0) / YEAR_DAYS
            if depot is not None and rate > 0:
                call = (part, depot, customer.sla_class, customer.travel_hours[depot])
                calls[call] = calls.get(call, 0.0) + rate
    return calls


def _rows(network: Network, demanded: set[tuple[str, str]]) -> tuple[dict[tuple[str, str], int], list[Replenishment]]:
    helped = {record.id: {record.id} for record in network.depots}
    for lane in network.policy.lateral_lanes or () if network.policy.lateral else ():
        helped[lane.source].add(lane.to)
    entries = [
        entry
        for entry in network.replenishment
        if entry.min_stock or any((entry.part, to) in demanded for to in helped[entry.depot])
    ]
    return {(entry.part, entry.depot): i for i, entry in enumerate(entries)}, entries


def _limits(network: Network, class_rate: Floats) -> dict[str, float]:
    limits: dict[str, float | None] = {"total_budget": network.limits.total_budget_cny}
    for depot in network.depots:
        limits[f"capacity:{depot.id}"] = depot.capacity_units
        limits[f"budget:{depot.id}"] = depot.budget_cny
    for sla, rate in zip(network.sla_classes, class_rate, strict=True):
        if rate > 0:
            least = sla.target_fraction
            limits[f"service:{sla.id}"] = None if least is None else -_needed(sla, least, float(rate))
            limits[f"mean_time:{sla.id}"] = sla.mean_time_target_hours
    return {row: limit for row, limit in limits.items() if limit is not None}


def _needed(sla: SlaClass, least: float, daily_rate: float) -> float:
    """The share that calls must have on average, so that a period's share is likely enough.

    Of N calls, Poisson, a binomial number is on time; at least the target's part of them, rounded
    up exactly, must be.
    """
    if sla.measuring_days is None or sla.assurance is None:
        return least
    mean = daily_rate * sla.measuring_days
    calls = np.arange(int(mean + 12.0 * np.sqrt(mean) + 50.0))
    target = Fraction(str(float(least)))
    wanted = np.array([-((-n * target.numerator) // target.denominator) for n in calls.tolist()], dtype=np.float64)
    chance = np.exp(special.xlogy(calls, mean) - mean - special.gammaln(calls + 1.0))
    spare = calls - wanted

    low, high, trial = 0.0, 1.0, 0.0
    while high - low > 1e-13:
        # of n calls, each late with 1 - trial, no more may be late than can be spared
        if float(chance @ special.bdtr(spare, calls, 1.0 - trial)) >= sla.assurance:
            high = trial
        else:
            low = trial
        trial = 0.5 * (low + high)
    return high


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """Share on time and mean time to site of every call; cost a year of each row's shipments."""

    on_time: Floats
    hours: Floats
    shipping: Floats


def delivery(facts: Facts, levels: Ints) -> Delivery:
    """What base stocks deliver, one per row."""
    policy = facts.network.policy
    if policy.lateral:
        return _together(facts, levels)
    if policy.stockout == "emergency":
        own = 1.0 - _lost_to_emergency(facts, levels)[:, np.newaxis]
        return _mixed(facts, own, np.zeros_like(own), np.zeros_like(own))
    return _waiting(facts, levels)


def _waiting(facts: Facts, levels: Ints) -> Delivery:
    """P(X <= S - 1) = Q(S, mean) and EBO(S) = (a - S) P(S, a) + S P(X = S).

    P and Q are the lower and the upper regularised incomplete gamma function. Rows of uncertain
    rate, or with several pieces ordered at a time, are summed up count by count.
    """
    row, load = facts.call_row, facts.rate * facts.lead_time
    held, lead_time = levels[row], facts.lead_time[row]
    window = (facts.call_limit - facts.call_travel) / 24.0
    ahead = facts.rate[row] * np.maximum(lead_time - window, 0.0)
    share = np.where(held > 0, special.gammaincc(np.maximum(held, 1), ahead), 0.0)
    share = np.where(window >= lead_time, 1.0, share) * (window >= 0)
    short = (load - levels) * special.gammainc(np.maximum(levels, 1), load) + levels * _pmf(levels, load)
    short = np.where(levels > 0, np.maximum(short, 0.0), load)
    summed = np.isfinite(facts.shape) | (facts.lot > 1)
    short[summed] = _short(levels[summed], load[summed], facts.shape[summed], facts.lot[summed])
    calls = np.flatnonzero(summed[row] & (window >= 0) & (window < lead_time))
    of = row[calls]
    share[calls] = _served(held[calls], ahead[calls], facts.shape[of], facts.lot[of])
    hours = facts.call_travel + 24.0 * short[row] / facts.rate[row]
    return Delivery(share, hours, np.zeros(len(load)))


def _served(held: Ints, mean: Floats, shape: Floats, lot: Ints) -> Floats:
    """Share of demands that find less than a position's units asked for before them.

    The position is any of held, ..., held + lot - 1, all alike: a count k before them is less
    than max(0, min(lot, held + lot - 1 - k)) of these. A rate is weighted by its demands: of the
    counts k, k + 1 demands weighted by k + 1 see k before them.
    """
    share = np.zeros(len(held))
    for at in _together_in_memory(held + lot):
        count = np.arange(np.max(held[at] + lot[at]))
        chance = _chances(len(count) + 1, mean[at], shape[at])
        weighted = np.isfinite(shape[at]) & (mean[at] > 0)
        chance[weighted, :-1] = (count + 1) * chance[weighted, 1:] / mean[at][weighted, np.newaxis]
        beyond = (held[at] + lot[at] - 1)[:, np.newaxis] - count
        share[at] = np.sum(chance[:, :-1] * np.clip(beyond, 0, lot[at][:, np.newaxis]), axis=1) / lot[at]
    return share


def _short(levels: Ints, load: Floats, shape: Floats, lot: Ints) -> Floats:
    """Mean number of demands that wait: E(X - y)+ over all positions y, as E(X - y) + E(y - X)+."""
    short = np.zeros(len(levels))
    for at in _together_in_memory(levels + lot):
        count = np.arange(np.max(levels[at] + lot[at]))
        beyond = (levels[at] + lot[at] - 1)[:, np.newaxis] - count
        some = np.clip(beyond, 0, lot[at][:, np.newaxis])
        left = np.sum(_chances(len(count), load[at], shape[at]) * (some * beyond - some * (some - 1) / 2.0), axis=1)
        short[at] = load[at] - levels[at] - (lot[at] - 1) / 2.0 + left / lot[at]
    return np.maximum(short, 0.0)


def _together_in_memory(counts: Ints) -> list[Ints]:
    """Rows in groups of which so many counts each are no more than some millions."""
    rows = max(_NUMBERS_AT_ONCE // int(counts.max(initial=1)), 1)
    return np.split(np.arange(len(counts)), range(rows, len(counts), rows)) if len(counts) else []


def _chances(count: int, mean: Floats, shape: Floats) -> Floats:
    """Probabilities of 0, ..., count - 1 demands in every row, from the logarithms of their ratios."""
    before, expected = np.arange(count - 1), mean[:, np.newaxis]
    known = np.isinf(shape)
    alpha = np.where(known, 1.0, shape)
    uncertain = expected / (alpha[:, np.newaxis] + expected) * (alpha[:, np.newaxis] + before)
    with np.errstate(divide="ignore"):
        ratio = np.log(np.where(known[:, np.newaxis], expected, uncertain) / (before + 1.0))
    start = np.where(known, -mean, -alpha * np.log1p(mean / alpha))
    return np.exp(np.cumsum(np.hstack([start[:, np.newaxis], ratio]), axis=1))


def _lost_to_emergency(facts: Facts, levels: Ints) -> Floats:
    """Erlang's loss, its mean over the demands where the rate is uncertain."""
    load = facts.rate * facts.lead_time
    lost = _lost(levels, load)
    for row in np.flatnonzero(np.isfinite(facts.shape)):
        factor, weight = _factors(float(facts.shape[row]))
        lost[row] = weight @ _lost(np.full(len(factor), levels[row]), factor * load[row])
    return lost


@functools.lru_cache(maxsize=1_000)
def _factors(shape: float) -> tuple[Floats, Floats]:
    """Legendre's rule in 100 pieces between the far ends of Gamma(shape + 1, rate shape).

    The logarithm of the factor is cut into pieces that shrink towards its upper end, where
    losses change fastest.
    """
    low, high = special.gammaincinv(shape + 1.0, 1e-15), special.gammainccinv(shape + 1.0, 1e-15)
    ends = np.log(high / shape) + np.log(low / high) * np.linspace(1.0, 0.0, 101) ** 1.5
    point, part = np.polynomial.legendre.leggauss(16)
    half = np.diff(ends)[:, np.newaxis] / 2.0
    logarithm = (ends[:-1, np.newaxis] + half * (point + 1.0)).ravel()
    weight = np.exp(shape * (logarithm - np.expm1(logarithm)) + logarithm) * (half * part).ravel()
    return np.exp(logarithm), weight / weight.sum()


def _lost(levels: Ints, load: Floats) -> Floats:
    """Erlang's loss by its reciprocal: 1/B = sum of S!/(S - k)! / a^k over k = 0 ... S.

    Every term is positive, and the first one is 1: nothing cancels or vanishes, whatever the load.
    """
    few = np.where(levels <= _FEW, levels, 0)
    reciprocal, term = np.ones(len(load)), np.ones(len(load))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # where the load is about zero
        for k in range(int(few.max(initial=0))):
            term = np.where(few > k, term * (few - k) / load, 0.0)
            reciprocal += term
        for row in np.flatnonzero(levels > _FEW):
            reciprocal[row] += np.cumprod(np.arange(levels[row], 0, -1) / load[row]).sum()
    return 1.0 / reciprocal


def _pmf(count: Ints, mean: Floats) -> Floats:
    return np.exp(special.xlogy(count, mean) - mean - special.gammaln(count + 1.0))


def _mixed(facts: Facts, share: Floats, hours: Floats, cost: Floats) -> Delivery:
    """Several ways to serve a row's demand, and the emergency channel for the rest.

    By row and way: its share, its hours before the travel, its cost.
    """
    policy, row = facts.network.policy, facts.call_row
    away, away_cost = policy.emergency_hours or 0.0, policy.emergency_cost_cny or 0.0
    lost = 1.0 - share.sum(axis=1)
    time = facts.call_travel[:, np.newaxis] + hours[row]
    in_time = time <= facts.call_limit[:, np.newaxis] + TOLERANCE
    return Delivery(
        on_time=(share[row] * in_time).sum(axis=1) + (away <= facts.call_limit) * lost[row],
        hours=(share[row] * time).sum(axis=1) + away * lost[row],
        shipping=YEAR_DAYS * facts.rate * ((share * cost).sum(axis=1) + away_cost * lost),
    )


def _together(facts: Facts, levels: Ints) -> Delivery:
    """Depots that help each other, part by part."""
    lanes = {(lane.to, lane.source): lane for lane in facts.network.policy.lateral_lanes or ()}
    depots = [record.id for record in facts.network.depots]
    share, hours, cost = np.zeros((3, len(facts.row), len(depots)))
    for part in {part for part, _ in facts.row}:
        rows = {d: facts.row[part, d] for d in depots if (part, d) in facts.row}
        asked = {
            to: sorted((d for d in rows if (to, d) in lanes), key=lambda d, to=to: lanes[to, d].hours) for to in rows
        }
        supplied: dict[tuple[str, str], float] = {}
        for group in helping(rows, lanes):
            inside = {to: [d for d in asked[to] if d in group] for to in group}
            supplied |= _chain_shares(facts, levels, {depot: rows[depot] for depot in group}, inside)
        for (to, source), part_of in supplied.items():
            place = rows[to], depots.index(source)
            share[place] = part_of
            if to != source:
                lane = lanes[to, source]
                hours[place], cost[place] = lane.hours, lane.cost_cny
    return _mixed(facts, share, hours, cost)


def helping(depots: Iterable[str], lanes: Mapping[tuple[str, str], Lane]) -> list[list[str]]:
    """Depots in groups that supply each other.

    All that lanes join; of more than three, going from the shortest lane to the longest (the names
    decide between equals), only those that make up three at most with what was joined before.
    """
    known = [*depots]
    order = sorted(
        (lane.hours, min(pair), max(pair)) for pair, lane in lanes.items() if pair[0] in known and pair[1] in known
    )
    every = _merged(known, order, len(known))
    return [part for whole in every for part in (_merged(whole, order, _HELPING) if len(whole) > _HELPING else [whole])]


def _merged(depots: list[str], order: list[tuple[float, str, str]], most: int) -> list[list[str]]:
    groups = [[depot] for depot in depots]
    for _, one, other in order:
        touched = [group for group in groups if one in group or other in group]
        if one in depots and other in depots and len(touched) == 2 and sum(map(len, touched)) <= most:
            groups = [group for group in groups if group not in touched] + [touched[0] + touched[1]]
    return groups


def _chain_shares(
    facts: Facts, levels: Ints, rows: Mapping[str, int], asked: Mapping[str, Sequence[str]]
) -> dict[tuple[str, str], float]:
    """Share of each depot's demand (first) that each depot (second) supplies.

    States are the units on order; what is on order arrives, what is demanded is ordered.
    """
    held = {depot: int(levels[row]) for depot, row in rows.items()}
    states = [
        dict(zip(rows, counts, strict=True))
        for counts in itertools.product(*(range(stock + 1) for stock in held.values()))
    ]
    place = {tuple(state.values()): index for index, state in enumerate(states)}
    moves = np.zeros((len(states), len(states)))
    suppliers: list[tuple[int, str, str]] = []
    for index, state in enumerate(states):
        for depot, row in rows.items():
            if state[depot]:
                fewer = place[*(state | {depot: state[depot] - 1}).values(),]
                moves[index, fewer] += state[depot] / facts.lead_time[row]
            source = next((d for d in (depot, *asked[depot]) if state[d] < held[d]), None)
            if source is not None:
                more = place[*(state | {source: state[source] + 1}).values(),]
                moves[index, more] += facts.rate[row]
                suppliers.append((index, depot, source))
    stationary = _stationary(moves)
    shares: dict[tuple[str, str], float] = {}
    for index, depot, source in suppliers:
        shares[depot, source] = shares.get((depot, source), 0.0) + float(stationary[index])
    return shares


def _stationary(moves: Floats) -> Floats:
    """Stationary distribution from rates between states, without a subtraction.

    Every state but the first must lead to some state before it. Grassmann, Taksar & Heyman (1985).
    """
    rates = moves.copy()
    for state in range(len(rates) - 1, 0, -1):
        rates[:state, state] /= rates[state, :state].sum()
        rates[:state, :state] += np.outer(rates[:state, state], rates[state, :state])
    weight = np.ones(len(rates))
    for state in range(1, len(rates)):
        weight[state] = weight[:state] @ rates[:state, state]
    return weight / weight.sum()


# ---- All alternatives of depots alone.


def table(facts: Facts, sizes: Ints) -> Problem:
    """Every row's base stocks as alternatives of a problem, where depots do not help each other.

    Of each row: its floor, and up to `sizes` more; then one that cannot be chosen and stands for
    all larger stocks: it costs what the next one does and delivers the best that any could.
    """
    place = np.concatenate([[0], np.cumsum(sizes + 2)[:-1]])
    total = int(np.sum(sizes + 2))
    cost, use = np.zeros(total), np.zeros((total, len(facts.limits)))
    for size in np.unique(sizes).tolist():
        rows = np.flatnonzero(sizes == size)
        narrowed = _narrowed(facts, rows)
        for step in range(size + 2):
            levels = narrowed.floor + step
            known = step <= size
            found = delivery(narrowed, levels) if known else _best(narrowed, levels)
            at = place[rows] + step
            cost[at] = narrowed.price * narrowed.average(levels)
            if facts.network.objective == "annual_cost":
                cost[at] += found.shipping
            use[at] = used(narrowed, levels, found)
    limit = np.array([*facts.limits.values()])
    choosable = np.ones(total, dtype=np.bool_)
    choosable[place + sizes + 1] = False
    return Problem(
        rows=tuple(facts.limits),
        cost=cost,
        use=sparse.csr_array(use),
        limit=limit,
        slack=np.array([slack(value) for value in limit]),
        first=place,
        choosable=choosable,
        block=np.zeros(len(place), dtype=np.int64),
    )


def slack(limit: float) -> float:
    """How far a computed use may exceed a limit."""
    return max(TOLERANCE, 1e-15 * abs(limit))


def _narrowed(facts: Facts, rows: Ints) -> Facts:
    """The facts of some rows and their calls."""
    index = np.full(len(facts.rate), -1)
    index[rows] = np.arange(len(rows))
    calls = np.flatnonzero(index[facts.call_row] >= 0)
    names = [*facts.row]
    return replace(
        facts,
        row={names[row]: i for i, row in enumerate(rows)},
        lead_time=facts.lead_time[rows],
        floor=facts.floor[rows],
        unit_cost=facts.unit_cost[rows],
        price=facts.price[rows],
        rate=facts.rate[rows],
        shape=facts.shape[rows],
        lot=facts.lot[rows],
        call_row=index[facts.call_row[calls]],
        call_class=facts.call_class[calls],
        call_travel=facts.call_travel[calls],
        call_rate=facts.call_rate[calls],
        call_weight=facts.call_weight[calls],
    )


def _best(facts: Facts, levels: Ints) -> Delivery:
    """The best that `levels` or anything larger delivers; at least nothing is shipped."""
    nothing = np.zeros(len(levels))
    if facts.network.policy.stockout == "backorder":
        in_time = facts.call_travel <= facts.call_limit
        return Delivery(in_time.astype(np.float64), facts.call_travel, nothing)
    everything = np.ones((len(levels), 1))
    some, none = delivery(facts, levels), _mixed(facts, everything, *np.zeros((2, len(levels), 1)))
    return Delivery(np.maximum(some.on_time, none.on_time), np.minimum(some.hours, none.hours), nothing)


def used(facts: Facts, levels: Ints, found: Delivery) -> Floats:
    """Use of every limit by every row, shape (rows, limits)."""
    network = facts.network
    weight = facts.call_rate / facts.class_rate[facts.call_class]
    average = facts.average(levels)
    depots = np.array([depot for _, depot in facts.row])
    use = np.zeros((len(levels), len(facts.limits)))
    for column, name in enumerate(facts.limits):
        kind, _, of = name.partition(":")
        if kind in {"service", "mean_time"}:
            index = [sla.id for sla in network.sla_classes].index(of)
            value = -facts.call_weight * found.on_time if kind == "service" else weight * found.hours
            counted = value * (facts.call_class == index)
            use[:, column] = np.bincount(facts.call_row, counted, len(levels))
        else:
            here = np.ones(len(levels)) if kind == "total_budget" else depots == of
            use[:, column] = here * (levels + facts.lot - 1 if kind == "capacity" else average * facts.unit_cost)
    return use
