"""The compiled planner of single parts: at given prices for the lanes, the best plan of each part, and its bound.

Of a part only few things matter. A shelf has `on_hand` units to give, to itself or over *ways* (the
part's use of a lane, at a price once and so much per unit), and asks for `useful` units; what it is
not given is bought, G(q) being the least that buying q units or more for it costs. As whatever is
moved leaves at once, that is a transportation problem with fixed charges: a part's plan costs

    sum over ways used of (price + unit cost x units) + sum over shelves of G(useful - given).

Were a unit on shelf j worth v_j to whoever takes it, every shelf could choose its sources alone, and

    sum over shelves of its best choice at these worths - sum of v_j x on_hand

bounds every plan from below (Lagrange). The worths are improved by subgradient steps. Where shelves
are asked for more than they have even so, what is left on them is kept count of while one shelf
after the other chooses (a dynamic program), so that the bound meets the plan in the end.

Compiled by numba. Sources: Geoffrion, Mathematical Programming Study 2 (1974) 82-114; Righini &
Salani, Networks 51 (2008) 155-170, for counting only what conflicts.
"""

import math
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Record = Any
"""One record of a table below; its fields are read as attributes, which only compiled code can."""

Records = npt.NDArray[np.void]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int16]
Flags = npt.NDArray[np.bool_]

_APART, _TOGETHER, _ALONE = 0, 1, 2
"""How a shelf's units are counted: not at all, with those of all other such shelves, by themselves."""

SHELF = np.dtype([("on_hand", np.int64), ("useful", np.int64), ("first_cost", np.int64), ("first_way", np.int64)])
"""A part in a depot: units there, the most that can be of use to it, where G(0) stands (G(1) to G(useful)
follow), the first way that leads to it; a closing record tells where the last one's ways end."""

WAY = np.dtype([("origin", np.int64), ("lane", np.int64), ("unit_cost", np.float64)])
"""A part on a lane, among those that lead to a shelf: the shelf it comes from, the lane, CNY per unit."""

OFFER = np.dtype(
    [("least", np.int64), ("most", np.int64), ("lot", np.int64), ("lot_cost", np.float64), ("fee", np.float64)]
)
"""A purchase for one shelf: lots at least and at most, units and CNY of a lot, CNY once."""

FAR = 1e13
"""CNY that no unit is worth."""

EXACT = 1e-7
"""CNY that a plan may be above its bound and count as the best."""

compiled = numba.njit(cache=True, nogil=True)


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
    which: Ints,
    first_shelf: Ints,
    shelves: Records,
    ways: Records,
    costs: Floats,
    prices: Floats,
    patience: int,
    room: int,
    bounds: Floats,
    values: Floats,
    units: Ints,
) -> None:
    """Plan some parts, each alone, the part i on the shelves from `first_shelf[i]` on.

    `values` become what their plans cost at the prices, infinite where none was found, `bounds` what
    any plan costs at least, infinite where there is none, `units` what each way carries. `patience`
    is how many steps the worths take before a shelf more is counted, `room` how many choices may be
    kept: where that is too little, the bound stays below the plan.
    """
    for i in range(len(which)):
        first, end = first_shelf[which[i]], first_shelf[which[i] + 1]
        bounds[which[i]], values[which[i]] = _plan(shelves[first : end + 1], ways, costs, prices, patience, room, units)


@compiled
def _plan(
    shelves: Records, ways: Records, costs: Floats, prices: Floats, patience: int, room: int, units: Ints
) -> tuple[float, float]:
    """Plan one part whose shelves are given with the next one: the bound, and what the plan costs."""
    count = len(shelves) - 1
    units[int(shelves[0].first_way) : int(shelves[count].first_way)] = 0
    alive = _usable(shelves, ways, costs, prices)
    worth, best_worth, counted = np.zeros(count), np.zeros(count), np.zeros(count, np.int64)
    left, best = np.zeros(count, np.int64), np.array([-math.inf, math.inf])
    found = _try(shelves, ways, costs, prices, alive, worth, counted, room, 1, units, left, best, best_worth)
    # first one worth for all, at which they ask for what there is
    level, lower, upper = 0.0, 0.0, math.inf
    while not _settled(found, best) and left.min() < 0 and level < FAR and upper - lower > 1.0:
        if left.sum() < 0:
            lower = level
        else:
            upper = level
        level = max(64.0, 2.0 * lower) if math.isinf(upper) else (lower + upper) / 2.0
        worth[:] = level
        found = _try(shelves, ways, costs, prices, alive, worth, counted, room, 1, units, left, best, best_worth)
    worth[:] = best_worth
    step, last_step = 0, patience
    while not _settled(found, best):
        order = 1 if step % 2 == 0 else -1
        found = _try(shelves, ways, costs, prices, alive, worth, counted, room, order, units, left, best, best_worth)
        step += 1
        if step < last_step and math.isfinite(best[1]):
            _improve(left, counted, best[1] - found, worth)
        elif counted.max() == _APART:
            counted[:] = _TOGETHER
            worth[:] = 0.0
            last_step = step + patience
        else:
            most = _to_be_counted(left, worth, counted)
            if most < 0:
                break
            worth[:] = best_worth
            counted[most] = _ALONE
            worth[counted == _ALONE] = 0.0
            last_step = step + patience // 4
    return best[0], best[1]


@compiled
def _settled(found: float, best: Floats) -> bool:
    """Whether there is no plan, no room, or nothing between the bound and the plan."""
    return math.isnan(found) or math.isinf(found) or best[1] <= best[0] + EXACT * max(1.0, abs(best[0]))


@compiled
def _try(
    shelves: Records,
    ways: Records,
    costs: Floats,
    prices: Floats,
    alive: Flags,
    worth: Floats,
    counted: Ints,
    room: int,
    order: int,
    units: Ints,
    left: Ints,
    best: Floats,
    best_worth: Floats,
) -> float:
    """Let every shelf choose at the worths, keep the bound and the plan if they are better: what was found.

    `left` becomes what each shelf then has left, `best` the bound and the plan's cost.
    """
    start = int(shelves[0].first_way)
    trial, given = np.zeros(len(alive), np.int64), np.zeros(len(left), np.int64)
    found = _choose_all(shelves, ways, costs, prices, alive, worth, counted, room, trial, given)
    if math.isnan(found):
        return found
    if found > best[0]:
        best[0] = found
        best_worth[:] = worth
    if math.isinf(found):
        return found
    for j in range(len(left)):
        left[j] = shelves[j].on_hand - given[j]
    for w in range(len(alive)):
        left[ways[start + w].origin] -= trial[w]
    if left.min() < 0:
        _mend(shelves, ways, costs, prices, alive, worth, order, trial, given, left.copy())
    cost = _cost(shelves, ways, costs, prices, trial, given)
    if cost < best[1]:
        best[1] = cost
        units[start : start + len(alive)] = trial
    return found


@compiled
def _to_be_counted(left: Ints, worth: Floats, counted: Ints) -> int:
    """The shelf asked for most beyond what it has, or of which most is worth something and left; -1 if none."""
    most = -1
    for j in range(len(left)):
        if counted[j] != _ALONE and left[j] < 0 and (most < 0 or left[j] < left[most]):
            most = j
    if most < 0:
        for j in range(len(left)):
            lost = worth[j] * left[j]
            if counted[j] != _ALONE and lost > 0 and (most < 0 or lost > worth[most] * left[most]):
                most = j
    return most


@compiled
def _improve(left: Ints, counted: Ints, gap: float, worth: Floats) -> None:
    """Move the worths along the subgradient by Polyak's step."""
    length = 0.0
    for j in range(len(worth)):
        if counted[j] != _ALONE and not (left[j] >= 0 and worth[j] <= 0.0):
            length += left[j] * left[j]
    if length > 0.0:
        for j in range(len(worth)):
            if counted[j] != _ALONE:
                worth[j] = max(0.0, worth[j] - left[j] * gap / length)


@compiled
def _usable(shelves: Records, ways: Records, costs: Floats, prices: Floats) -> Flags:
    """Which ways can be of use to a part at the prices."""
    start = int(shelves[0].first_way)
    alive = np.zeros(int(shelves[len(shelves) - 1].first_way) - start, np.bool_)
    for k in range(len(shelves) - 1):
        for w in range(shelves[k].first_way, shelves[k + 1].first_way):
            alive[w - start] = _may_pay(ways[w], prices[w], shelves[ways[w].origin], shelves[k], costs)
    return alive


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
def _cost(shelves: Records, ways: Records, costs: Floats, prices: Floats, units: Ints, given: Ints) -> float:
    """What a plan costs: what is moved, what a shelf gives itself, the rest bought."""
    total, start = 0.0, shelves[0].first_way
    for k in range(len(shelves) - 1):
        short = shelves[k].useful - given[k]
        for w in range(shelves[k].first_way, shelves[k + 1].first_way):
            if units[w - start] > 0:
                total += prices[w] + ways[w].unit_cost * units[w - start]
                short -= units[w - start]
        total += costs[shelves[k].first_cost + max(0, short)]
    return float(total)


@compiled
def _choose_all(
    shelves: Records,
    ways: Records,
    costs: Floats,
    prices: Floats,
    alive: Flags,
    worth: Floats,
    counted: Ints,
    room: int,
    units: Ints,
    given: Ints,
) -> float:
    """Let every shelf choose its sources: what comes of it at the worths, not a number if it takes too much room."""
    count, start = len(shelves) - 1, shelves[0].first_way
    total, rows = 0.0, 0
    together = np.empty(count, np.int64)
    available = np.empty(count, np.int64)
    for j in range(count):
        available[j] = shelves[j].on_hand
        if counted[j] != _ALONE:
            total -= worth[j] * shelves[j].on_hand
    units[:] = 0
    for k in range(count):
        touches = counted[k] != _APART
        for w in range(shelves[k].first_way, shelves[k + 1].first_way):
            touches = touches or (alive[w - start] and counted[ways[w].origin] != _APART)
        if touches:
            together[rows] = k
            rows += 1
        else:
            total += _choose(k, shelves, ways, costs, prices, alive, worth, available, units, given)
    if rows > 0:
        total += _choose_in_turn(
            together[:rows], shelves, ways, costs, prices, alive, worth, counted, room, units, given
        )
    return total


@compiled
def _mend(
    shelves: Records,
    ways: Records,
    costs: Floats,
    prices: Floats,
    alive: Flags,
    worth: Floats,
    order: int,
    units: Ints,
    given: Ints,
    left: Ints,
) -> None:
    """Let those who take of shelves that are asked for too much choose again, one by one, from what others leave."""
    count, start = len(shelves) - 1, shelves[0].first_way
    available = np.empty(count, np.int64)
    for i in range(count):
        k = i if order > 0 else count - 1 - i
        first, stop = shelves[k].first_way, shelves[k + 1].first_way
        too_much = given[k] > 0 and left[k] < 0
        available[:] = left
        available[k] += given[k]
        for w in range(first, stop):
            too_much = too_much or (units[w - start] > 0 and left[ways[w].origin] < 0)
            available[ways[w].origin] += units[w - start]
        if too_much:
            for j in range(count):
                available[j] = max(0, available[j])
            left[k] += given[k]
            for w in range(first, stop):
                left[ways[w].origin] += units[w - start]
            _choose(k, shelves, ways, costs, prices, alive, worth, available, units, given)
            left[k] -= given[k]
            for w in range(first, stop):
                left[ways[w].origin] -= units[w - start]


@compiled
def _choose(
    k: int,
    shelves: Records,
    ways: Records,
    costs: Floats,
    prices: Floats,
    alive: Flags,
    worth: Floats,
    available: Ints,
    units: Ints,
    given: Ints,
) -> float:
    """The best sources of one shelf at the worths, and what they cost."""
    shelf: Record = shelves[k]
    useful, start = int(shelf.useful), int(shelves[0].first_way)
    stop = int(shelves[k + 1].first_way)
    given[k] = 0
    if useful == 0:
        return 0.0
    table = np.full(useful + 1, math.inf)
    chosen = np.zeros((stop - shelf.first_way + 1, useful + 1), np.int16)
    table[0] = 0.0
    _pay(table, chosen[0], 1, useful, min(available[k], useful), 0.0, worth[k])
    for w in range(shelf.first_way, stop):
        if alive[w - start]:
            most = min(int(available[int(ways[w].origin)]), useful)
            each = ways[w].unit_cost + worth[ways[w].origin]
            _pay(table, chosen[w - shelf.first_way + 1], 1, useful, most, prices[w], each)
    best, q = math.inf, 0
    for received in range(useful + 1):
        value = table[received] + costs[shelf.first_cost + useful - received]
        if value < best:
            best, q = value, received
    for w in range(stop - 1, shelf.first_way - 1, -1):
        x = chosen[w - shelf.first_way + 1, q]
        units[w - start] = x
        q -= x
    given[k] = q
    return best


@compiled
def _choose_in_turn(
    rows: Ints,
    shelves: Records,
    ways: Records,
    costs: Floats,
    prices: Floats,
    alive: Flags,
    worth: Floats,
    counted: Ints,
    room: int,
    units: Ints,
    given: Ints,
) -> float:
    """Let some shelves choose one after the other, keeping count of what is left on the counted ones."""
    count = len(shelves) - 1
    stride, size = np.zeros(count, np.int64), np.zeros(count, np.int64)
    states = _lay_out(shelves, counted, stride, size)
    kept, longest = 0, 0
    for i in range(len(rows)):
        k = int(rows[i])
        useful, many = int(shelves[k].useful), int(shelves[k + 1].first_way - shelves[k].first_way)
        longest = max(longest, useful)
        kept += states * (1 + (useful + 1) * (1 + many))
        if kept > room:
            return math.nan
    chosen = np.zeros(kept, np.int16)
    table = np.full((longest + 1) * states, math.inf)
    table[states - 1] = 0.0
    at = 0
    for i in range(len(rows)):
        k = int(rows[i])
        at = _choose_next(
            k, shelves, ways, costs, prices, alive, worth, counted, stride, size, states, table, chosen, at
        )
    st = 0
    for other in range(states):
        if table[other] < table[st]:
            st = other
    if math.isfinite(table[st]):
        _trace(rows, shelves, ways, stride, states, chosen, at, st, units, given)
    return float(table[st])


@compiled
def _lay_out(shelves: Records, counted: Ints, stride: Ints, size: Ints) -> int:
    """Number what may be left on the counted shelves, `size` numbers at each `stride`: how many states that makes."""
    states, asked, held = 1, 0, 0
    for j in range(len(counted)):
        asked += int(shelves[j].useful)
        if counted[j] == _TOGETHER:
            held += int(shelves[j].on_hand)
    for j in range(len(counted)):
        if counted[j] == _TOGETHER:
            stride[j], size[j] = 1, min(asked, held) + 1
            states = min(asked, held) + 1
    for j in range(len(counted)):
        if counted[j] == _ALONE:
            stride[j], size[j] = states, shelves[j].on_hand + 1
            states *= int(shelves[j].on_hand) + 1
    return states


@compiled
def _choose_next(
    k: int,
    shelves: Records,
    ways: Records,
    costs: Floats,
    prices: Floats,
    alive: Flags,
    worth: Floats,
    counted: Ints,
    stride: Ints,
    size: Ints,
    states: int,
    table: Floats,
    chosen: Counts,
    at: int,
) -> int:
    """Let one more shelf choose in every state, its choices kept from `at` on: where the next ones go."""
    start, useful, before = int(shelves[0].first_way), int(shelves[k].useful), int(shelves[k].first_way) - 1
    for w in range(before, shelves[k + 1].first_way):
        own = w == before
        if own or alive[w - start]:
            j = k if own else int(ways[w].origin)
            price = 0.0 if own else prices[w]
            each = worth[j] if own else worth[j] + ways[w].unit_cost
            most = min(int(shelves[j].on_hand), useful)
            if counted[j] != _APART:
                _take(table, chosen[at:], states, useful, most, size[j], stride[j], price, each)
            else:
                _pay(table, chosen[at:], states, useful, most, price, each)
        at += (useful + 1) * states
    fresh = np.full(states, math.inf)
    for q in range(useful + 1):
        rest = costs[shelves[k].first_cost + useful - q]
        for st in range(states):
            value = table[q * states + st] + rest
            if value < fresh[st]:
                fresh[st], chosen[at + st] = value, q
    table[:states] = fresh
    table[states : (useful + 1) * states] = math.inf
    return at + states


@compiled
def _trace(
    rows: Ints,
    shelves: Records,
    ways: Records,
    stride: Ints,
    states: int,
    chosen: Counts,
    at: int,
    st: int,
    units: Ints,
    given: Ints,
) -> None:
    """Read off what was chosen on the way to a state."""
    start = int(shelves[0].first_way)
    for i in range(len(rows) - 1, -1, -1):
        k = int(rows[i])
        at -= states
        q = int(chosen[at + st])
        before = int(shelves[k].first_way) - 1
        for w in range(int(shelves[k + 1].first_way) - 1, before - 1, -1):
            at -= (int(shelves[k].useful) + 1) * states
            x = int(chosen[at + q * states + st])
            q -= x
            if w == before:
                given[k] = x
                st += x * int(stride[k])
            else:
                units[w - start] = x
                st += x * int(stride[int(ways[w].origin)])


@compiled
def _take(
    table: Floats,
    chosen: Counts,
    states: int,
    useful: int,
    most: int,
    size: int,
    stride: int,
    price: float,
    each: float,
) -> None:
    """Let a shelf take x units off a counted one: from q - x received and n + x left to q received and n left."""
    block = size * stride
    for q in range(useful, 0, -1):
        for x in range(1, min(q, most, size - 1) + 1):
            cost = price + each * x
            for first in range(0, states, block):
                to = q * states + first
                since = (q - x) * states + first + x * stride
                for i in range((size - x) * stride):
                    value = table[since + i] + cost
                    if value < table[to + i]:
                        table[to + i], chosen[to + i] = value, x


@compiled
def _pay(table: Floats, chosen: Counts, states: int, useful: int, most: int, price: float, each: float) -> None:
    """Let a shelf take x units off one that is not counted, for what they are worth."""
    for q in range(useful, 0, -1):
        for x in range(1, min(q, most) + 1):
            cost = price + each * x
            for st in range(states):
                value = table[(q - x) * states + st] + cost
                if value < table[q * states + st]:
                    table[q * states + st], chosen[q * states + st] = value, x
