"""The compiled planner of single parts: at given prices for the lanes, the best plan of each part, and its bound.

As whatever is moved leaves at once, a part is a transportation problem with fixed charges (see
`part_sources` for shelves, ways and buying costs G): its plan costs

    sum over ways used of (price + unit cost x units) + sum over shelves of G(useful - given).

Were a unit on shelf j worth v_j to whoever takes it, every shelf could choose its sources alone, and

    sum over shelves of its best choice at these worths - sum of v_j x on_hand

bounds every plan from below (Lagrange); more so where the shelves may take no more than there is
altogether (a dynamic program over the units left). The worths are improved by subgradient steps. What
then lies between bound and plan is searched (`part_search`).

Compiled by numba. Sources: Geoffrion, Mathematical Programming Study 2 (1974) 82-114; Christofides,
Mingozzi & Toth, Networks 11 (1981) 145-164.
"""

import math

import numpy as np

from optimizer.part_search import search
from optimizer.part_sources import (
    EXACT,
    SOURCE,
    Flags,
    Floats,
    Ints,
    Part,
    Record,
    Records,
    Table,
    compiled,
    receiving,
    sources_of,
    take,
)

OFFER = np.dtype(
    [("least", np.int64), ("most", np.int64), ("lot", np.int64), ("lot_cost", np.float64), ("fee", np.float64)]
)
"""A purchase for one shelf: lots at least and at most, units and CNY of a lot, CNY once."""

FAR = 1e13
"""CNY that no unit is worth."""

STEPS = 14
"""Steps of the worths before what is left open is searched."""

GLANCE, SEARCH = 400, 4_000
"""Labels after each shelf of a first search, mostly for a good plan, and of the last one."""


@compiled
def buying_costs(offers: Records, penalty: float, costs: Floats) -> None:
    """Set costs[q] to the least that q units or more cost, a unit not bought at `penalty` CNY."""
    costs[0] = 0.0
    for q in range(1, len(costs)):
        costs[q] = q * penalty
    for k in range(len(offers)):
        offer: Record = offers[k]
        for q in range(len(costs) - 1, 0, -1):
            enough = min(offer.most, max(offer.least, -(-q // offer.lot)))
            for lots in range(offer.least, enough + 1):
                cost = costs[max(0, q - lots * offer.lot)] + offer.fee + lots * offer.lot_cost
                costs[q] = min(costs[q], cost)


@compiled
def plan_parts(
    begin: int,
    stop: int,
    first_shelf: Ints,
    shelves: Table,
    ways: Records,
    costs: Floats,
    prices: Floats,
    bounds: Floats,
    values: Floats,
    units: Ints,
) -> None:
    """Plan the parts from `begin` to before `stop`, each alone, the part i on the shelves from `first_shelf[i]` on.

    `values` become what their plans cost at the prices, infinite where none was found, `bounds` what
    any plan costs at least, infinite where there is none, `units` what each way carries. The bound stays
    below the plan where too much lies between them to be searched.
    """
    for i in range(begin, stop):
        first, end = first_shelf[i], first_shelf[i + 1]
        way, last = int(shelves[first].first_way), int(shelves[end].first_way)
        usable = _usable(shelves[first : end + 1], ways[way:last], costs, prices[way:last])
        part = Part(shelves[first : end + 1], ways[way:last], prices[way:last], usable, way, costs)
        bounds[i], values[i] = _plan(part, units[way:last])


@compiled
def _plan(part: Part, units: Ints) -> tuple[float, float]:
    """Plan one part: the bound, and what the plan costs."""
    units[:] = 0
    count = len(part.shelves) - 1
    worth, best_worth, left = np.zeros(count), np.zeros(count), np.zeros(count, np.int64)
    best = np.array([-math.inf, math.inf])
    # first one worth for all, at which they ask for what there is; a plain 0 as step would have `_try` compiled twice
    level, lower, upper, step = 0.0, 0.0, math.inf, len(worth) - count
    while step <= STEPS:
        found = _try(part, worth, step, units, left, best, best_worth)
        if _settled(found, best):
            return best[0], best[1]
        if step == 0 and _least(left) < 0 and level < FAR and upper - lower > 1.0:
            if left.sum() < 0:
                lower = level
            else:
                upper = level
            level = max(64.0, 2.0 * lower) if math.isinf(upper) else (lower + upper) / 2.0
            worth[:] = level
            continue
        if step == 0:
            worth[:] = best_worth
        else:
            _improve(left, best[1] - found, worth)
        step += 1
    alone = best[0]
    for room in (GLANCE, SEARCH):
        search(part, best_worth, alone, room, best, units)
        if _settled(best[0], best):
            break
        if room == GLANCE:
            alone = _worths_together(part, best, best_worth)
    return best[0], best[1]


@compiled
def _least(numbers: Ints) -> int:
    least = numbers[0]
    for number in numbers:
        least = min(least, number)
    return int(least)


@compiled
def _settled(found: float, best: Floats) -> bool:
    """Whether there is no plan, or nothing between the bound and the plan."""
    return math.isinf(found) or best[1] <= best[0] + EXACT * max(1.0, abs(best[0]))


@compiled
def _try(part: Part, worth: Floats, step: int, units: Ints, left: Ints, best: Floats, best_worth: Floats) -> float:
    """Let every shelf choose at the worths, keep the bound and the plan if they are better: what was found.

    `left` becomes what each shelf then has left, `best` the bound and the plan's cost.
    """
    on_hand = _on_hand(part)
    trial, given = np.zeros(len(units), np.int64), np.zeros(len(left), np.int64)
    found = 0.0
    for k in range(len(left)):
        found -= worth[k] * on_hand[k]
        found += _choose(part, k, worth, on_hand, trial, given)
    if found > best[0]:
        best[0] = found
        best_worth[:] = worth
    if math.isinf(found):
        return found
    _leave(part, on_hand, trial, given, left)
    if _least(left) < 0:
        _mend(part, worth, step, trial, given, left.copy())
    cost = _cost(part, trial, given)
    if cost < best[1]:
        best[1] = cost
        units[:] = trial
    return found


@compiled
def _on_hand(part: Part) -> Ints:
    on_hand = np.empty(len(part.shelves) - 1, np.int64)
    for j in range(len(on_hand)):
        on_hand[j] = part.shelves[j].on_hand
    return on_hand


@compiled
def _leave(part: Part, on_hand: Ints, units: Ints, given: Ints, left: Ints) -> None:
    """Set `left` to what each shelf has left, less than nothing where more is taken than there is."""
    for j in range(len(left)):
        left[j] = on_hand[j] - given[j]
    for w in range(len(units)):
        left[part.ways[w].origin] -= units[w]


@compiled
def _improve(left: Ints, gap: float, worth: Floats) -> None:
    """Move the worths along the subgradient by Polyak's step."""
    length = 0.0
    for j in range(len(worth)):
        if left[j] < 0 or worth[j] > 0.0:
            length += left[j] * left[j]
    if length > 0.0 and math.isfinite(gap):
        for j in range(len(worth)):
            worth[j] = max(0.0, worth[j] - left[j] * gap / length)


@compiled
def _worths_together(part: Part, best: Floats, best_worth: Floats) -> float:
    """Look for the worths at which the shelves, taking no more than there is altogether, bound plans most.

    What each shelf's choice alone comes to at those worths.
    """
    on_hand = _on_hand(part)
    count, widest, most_useful = len(on_hand), 1, 0
    for k in range(count):
        widest = max(widest, int(part.shelves[k + 1].first_way - part.shelves[k].first_way) + 1)
        most_useful = max(most_useful, int(part.shelves[k].useful))
    sources, many = np.empty((count, widest), SOURCE), np.zeros(count, np.int64)
    tables = np.empty((count, widest + 1, most_useful + 1))
    worth, left, trial = np.zeros(count), np.zeros(count, np.int64), np.zeros(len(part.ways), np.int64)
    given, taken = np.zeros(count, np.int64), np.zeros(count, np.int64)
    most, apart = -math.inf, -math.inf
    for _ in range(STEPS):
        shift = 0.0
        for k in range(count):
            shift -= worth[k] * on_hand[k]
        alone = shift
        for k in range(count):
            many[k] = sources_of(part, k, worth, on_hand, sources[k])
            receiving(sources[k], many[k], int(part.shelves[k].useful), tables[k])
            alone += _cheapest(part, k, tables[k, many[k]])[0]
        found = shift + _take_together(part, tables, many, int(on_hand.sum()), taken)
        if found > most:
            most, apart = found, alone
            best_worth[:] = worth
        if math.isinf(found) or best[1] <= found + EXACT:
            break
        trial[:] = 0
        for k in range(count):
            given[k] = take(sources[k], many[k], tables[k], taken[k], trial)
        _leave(part, on_hand, trial, given, left)
        _improve(left, best[1] - found, worth)
    best[0] = max(best[0], min(best[1], most))
    return apart


@compiled
def _take_together(part: Part, tables: Floats, many: Ints, held: int, taken: Ints) -> float:
    """Let the shelves take no more units than so many altogether: what that costs; `taken` becomes how many each takes."""
    count = len(taken)
    cost, chosen = np.zeros(held + 1), np.zeros((count, held + 1), np.int64)
    for k in range(count):
        useful, first = int(part.shelves[k].useful), int(part.shelves[k].first_cost)
        for used in range(held, -1, -1):
            best = math.inf
            for q in range(min(useful, used) + 1):
                value = cost[used - q] + tables[k, many[k], q] + part.costs[first + useful - q]
                if value < best:
                    best, chosen[k, used] = value, q
            cost[used] = best
    used = held
    for k in range(count - 1, -1, -1):
        taken[k] = chosen[k, used]
        used -= taken[k]
    return float(cost[held])


@compiled
def _usable(shelves: Records, ways: Records, costs: Floats, prices: Floats) -> Flags:
    """Which ways of a part can be of use to it at the prices."""
    start, usable = int(shelves[0].first_way), np.zeros(len(ways), np.bool_)
    for k in range(len(shelves) - 1):
        for w in range(shelves[k].first_way - start, shelves[k + 1].first_way - start):
            usable[w] = _may_pay(ways[w], prices[w], shelves[ways[w].origin], shelves[k], costs)
    return usable


@compiled
def _may_pay(way: Record, price: float, origin: Record, destination: Record, costs: Floats) -> bool:
    """Whether a way can ever be cheaper than buying at its end instead."""
    if math.isinf(price):
        return False
    first = destination.first_cost
    if math.isinf(costs[first + destination.useful]):
        return True
    for x in range(1, min(origin.on_hand, destination.useful) + 1):
        for n in range(x, destination.useful + 1):
            if price + way.unit_cost * x < costs[first + n] - costs[first + n - x]:
                return True
    return False


@compiled
def _cost(part: Part, units: Ints, given: Ints) -> float:
    """What a plan costs: what is moved, what a shelf gives itself, the rest bought."""
    total = 0.0
    for k in range(len(given)):
        short = int(part.shelves[k].useful) - given[k]
        for w in range(part.shelves[k].first_way - part.first_way, part.shelves[k + 1].first_way - part.first_way):
            if units[w] > 0:
                total += part.prices[w] + part.ways[w].unit_cost * units[w]
                short -= units[w]
        total += part.costs[part.shelves[k].first_cost + max(0, short)]
    return float(total)


@compiled
def _mend(part: Part, worth: Floats, step: int, units: Ints, given: Ints, left: Ints) -> None:
    """Let those who take of shelves that are asked for too much choose again, one by one, from what others leave."""
    count, available = len(left), np.empty(len(left), np.int64)
    for i in range(count):
        k = i if step % 2 == 0 else count - 1 - i
        first, stop = part.shelves[k].first_way - part.first_way, part.shelves[k + 1].first_way - part.first_way
        too_much = given[k] > 0 and left[k] < 0
        for w in range(first, stop):
            too_much = too_much or (units[w] > 0 and left[part.ways[w].origin] < 0)
        if too_much:
            left[k] += given[k]
            for w in range(first, stop):
                left[part.ways[w].origin] += units[w]
                units[w] = 0
            for j in range(count):
                available[j] = max(0, left[j])
            _choose(part, k, worth, available, units, given)
            left[k] -= given[k]
            for w in range(first, stop):
                left[part.ways[w].origin] -= units[w]


@compiled
def _choose(part: Part, k: int, worth: Floats, available: Ints, units: Ints, given: Ints) -> float:
    """The best sources of one shelf at the worths, and what they cost."""
    given[k] = 0
    if part.shelves[k].useful == 0:
        return 0.0
    sources = np.empty(int(part.shelves[k + 1].first_way - part.shelves[k].first_way) + 1, SOURCE)
    many = sources_of(part, k, worth, available, sources)
    table = np.empty((many + 1, int(part.shelves[k].useful) + 1))
    receiving(sources, many, int(part.shelves[k].useful), table)
    best, q = _cheapest(part, k, table[many])
    given[k] = take(sources, many, table, q, units)
    return best


@compiled
def _cheapest(part: Part, k: int, received: Floats) -> tuple[float, int]:
    """What a shelf costs with what it does not receive bought, and how many units it then receives."""
    shelf: Record = part.shelves[k]
    best, q = math.inf, 0
    for n in range(shelf.useful + 1):
        value = received[n] + part.costs[shelf.first_cost + shelf.useful - n]
        if value < best:
            best, q = value, n
    return best, q
