"""The compiled side of many parts that share lanes: known plans of each part, priced or held against the open lanes.

A *pattern* is a plan of one part: what it costs apart from its lanes, and the ways it uses. With a
few patterns for every part, choosing among them takes microseconds: at prices for the ways, or
where only some lanes are open.
"""

import math
from typing import NamedTuple

import numpy as np

from optimizer.part_sources import Flags, Floats, Ints, Record, Records, Table, compiled, ranking

PATTERN = np.dtype([("own_cost", np.float64), ("first_use", np.int64), ("next", np.int64)])
"""A plan of a part: what it costs without its lanes, the first of its ways (the next pattern's first one stands
after its last; a closing record tells where the last one's end), the part's next pattern or -1."""

_BETTER = 1e-6
"""CNY by which a set of lanes must be better to be taken."""


@compiled
def choose(heads: Ints, patterns: Records, uses: Ints, prices: Floats, used: Floats) -> float:
    """The sum of the parts' cheapest patterns at the prices of the ways; `used` becomes 1 where a way is used."""
    used[:] = 0.0
    total = 0.0
    for i in range(len(heads)):
        best, chosen, p = math.inf, -1, int(heads[i])
        while p >= 0:
            pattern: Record = patterns[p]
            value = pattern.own_cost
            for k in range(pattern.first_use, patterns[p + 1].first_use):
                value += prices[uses[k]]
            if value < best:
                best, chosen = value, p
            p = int(pattern.next)
        total += best
        if chosen >= 0:
            for k in range(patterns[chosen].first_use, patterns[chosen + 1].first_use):
                used[uses[k]] = 1.0
    return total


@compiled
def share_out(prices: Floats, by_lane: Ints, first_of_lane: Ints, fixed: Floats) -> None:
    """Bring the prices to the nearest ones that are not negative and add up to each lane's fixed cost.

    Source: Michelot, Journal of Optimization Theory and Applications 50 (1986) 195-200.
    """
    for lane in range(len(fixed)):
        start, stop = first_of_lane[lane], first_of_lane[lane + 1]
        less, counted = -math.inf, stop - start + 1
        while True:
            total, above = 0.0, 0
            for i in range(start, stop):
                if prices[by_lane[i]] > less:
                    total += prices[by_lane[i]]
                    above += 1
            if above == 0 or above >= counted:
                break
            counted, less = above, (total - fixed[lane]) / above
        for i in range(start, stop):
            prices[by_lane[i]] = max(0.0, prices[by_lane[i]] - less)


@compiled
def raise_prices(
    heads: Ints,
    patterns: Records,
    uses: Ints,
    by_lane: Ints,
    first_of_lane: Ints,
    fixed: Floats,
    worth: float,
    steps: int,
    prices: Floats,
    mean: Floats,
) -> float:
    """Step along the subgradient to the prices at which the patterns cost most: what they cost then.

    `prices` become those, `mean` how much each way was used lately; `worth` is what a plan costs.
    """
    now, used = prices.copy(), np.zeros(len(prices))
    best, stride, stalled = -math.inf, 1.0, 0
    for _ in range(steps):
        value = choose(heads, patterns, uses, now, used)
        mean += 0.03 * (used - mean)
        stalled += 1
        if value > best + _BETTER:
            best, stalled = value, 0
            prices[:] = now
        elif stalled == 10:
            stride, stalled = 0.7 * stride, 0
            now[:] = prices
            value = choose(heads, patterns, uses, now, used)
        length = 0.0
        for lane in range(len(fixed)):
            start, stop = first_of_lane[lane], first_of_lane[lane + 1]
            users = 0.0
            for i in range(start, stop):
                users += used[by_lane[i]]
            length += users - users * users / max(1, stop - start)
        if length <= 0.0 or math.isinf(value):
            break
        now += stride * (max(worth, 1.001 * value) - value) / length * used
        share_out(now, by_lane, first_of_lane, fixed)
    return best


class Lanes(NamedTuple):
    """What is looked at where lanes are opened and closed.

    The patterns, each one's part, their lanes, each part's patterns from the cheapest on, each lane's patterns by part, and
    what each lane costs.
    """

    patterns: Table
    part: Ints
    lanes: Ints
    of_part: Ints
    first_of_part: Ints
    of_lane: Ints
    first_of_lane: Ints
    fixed: Floats


@compiled
def search_lanes(heads: Ints, patterns: Table, lanes: Ints, fixed: Floats, is_open: Flags, kicks: Ints) -> float:
    """Open and close lanes, one or one for another, while that makes the patterns cheaper: what they cost then.

    From the best set found, each row of `kicks` then turns some lanes over, and the search begins again from there.
    """
    pool = _laid_out(heads, patterns, lanes, fixed)
    closed, chosen = np.zeros(len(patterns), np.int64), np.zeros(len(heads), np.int64)
    best = _descend(pool, is_open, closed, chosen)
    trial = is_open.copy()
    for kick in range(len(kicks)):
        trial[:] = is_open
        for lane in kicks[kick]:
            trial[lane] = not trial[lane]
        cost = _descend(pool, trial, closed, chosen)
        if cost < best - _BETTER:
            best = cost
            is_open[:] = trial
    return best


@compiled
def _laid_out(heads: Ints, patterns: Table, lanes: Ints, fixed: Floats) -> Lanes:
    count = len(patterns) - 1
    part, of_part, first_of_part = (
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros(len(heads) + 1, np.int64),
    )
    at = 0
    for i in range(len(heads)):
        p = int(heads[i])
        while p >= 0:
            part[p], of_part[at] = i, p
            at += 1
            p = int(patterns[p].next)
        own = of_part[first_of_part[i] : at].copy()
        costs = np.empty(len(own))
        for n in range(len(own)):
            costs[n] = patterns[own[n]].own_cost
        ranked = ranking(costs)
        for n in range(len(own)):
            of_part[first_of_part[i] + n] = own[ranked[n]]
        first_of_part[i + 1] = at
    many = np.zeros(len(fixed) + 1, np.int64)
    for k in range(len(lanes)):
        many[lanes[k] + 1] += 1
    first_of_lane = np.cumsum(many)
    of_lane, filled = np.zeros(len(lanes), np.int64), first_of_lane.copy()
    for n in range(count):
        p = of_part[n]
        for k in range(patterns[p].first_use, patterns[p + 1].first_use):
            of_lane[filled[lanes[k]]] = p
            filled[lanes[k]] += 1
    return Lanes(patterns, part, lanes, of_part, first_of_part, of_lane, first_of_lane, fixed)


@compiled
def _descend(pool: Lanes, is_open: Flags, closed: Ints, chosen: Ints) -> float:
    """Open and close lanes while that helps: the cost, infinite where a part has no pattern over the open lanes."""
    cost = _choose_all(pool, is_open, closed, chosen)
    better = True
    while better:
        better = False
        for lane in range(len(pool.fixed)):
            change = _closing(pool, lane, chosen, closed) if is_open[lane] else _opening(pool, lane, chosen, closed)
            if change < -_BETTER:
                _turn(pool, lane, is_open, closed, chosen)
                cost, better = cost + change, True
        if better:
            continue
        for lane in range(len(pool.fixed)):
            change = _closing(pool, lane, chosen, closed) if is_open[lane] else math.inf
            if math.isinf(change):
                continue
            _turn(pool, lane, is_open, closed, chosen)
            for other in range(len(pool.fixed)):
                if not is_open[other] and other != lane:
                    both = change + _opening(pool, other, chosen, closed)
                    if both < -_BETTER:
                        _turn(pool, other, is_open, closed, chosen)
                        cost, better = cost + both, True
                        break
            else:
                _turn(pool, lane, is_open, closed, chosen)
    return cost


@compiled
def _choose_all(pool: Lanes, is_open: Flags, closed: Ints, chosen: Ints) -> float:
    """Let each part choose its cheapest pattern over the open lanes: what they and the lanes cost."""
    total = 0.0
    for lane in range(len(is_open)):
        if is_open[lane]:
            total += pool.fixed[lane]
    for p in range(len(pool.part)):
        closed[p] = 0
        for k in range(pool.patterns[p].first_use, pool.patterns[p + 1].first_use):
            if not is_open[pool.lanes[k]]:
                closed[p] += 1
    for i in range(len(chosen)):
        chosen[i] = _next_best(pool, i, -1, closed)
        total += pool.patterns[chosen[i]].own_cost if chosen[i] >= 0 else math.inf
    return total


@compiled
def _next_best(pool: Lanes, part: int, without: int, closed: Ints) -> int:
    """The cheapest pattern of a part over open lanes other than one; -1 if there is none."""
    for n in range(pool.first_of_part[part], pool.first_of_part[part + 1]):
        p = pool.of_part[n]
        fits = closed[p] == 0
        for k in range(pool.patterns[p].first_use, pool.patterns[p + 1].first_use):
            fits = fits and pool.lanes[k] != without
        if fits:
            return int(p)
    return -1


@compiled
def _closing(pool: Lanes, lane: int, chosen: Ints, closed: Ints) -> float:
    """What is saved by closing an open lane, less than nothing, or paid."""
    change = -float(pool.fixed[lane])
    for n in range(pool.first_of_lane[lane], pool.first_of_lane[lane + 1]):
        p = pool.of_lane[n]
        if chosen[pool.part[p]] == p:
            other = _next_best(pool, int(pool.part[p]), lane, closed)
            if other < 0:
                return math.inf
            change += pool.patterns[other].own_cost - pool.patterns[p].own_cost
    return change


@compiled
def _opening(pool: Lanes, lane: int, chosen: Ints, closed: Ints) -> float:
    """What is saved by opening a closed lane, less than nothing, or paid."""
    change, part = float(pool.fixed[lane]), -1
    for n in range(pool.first_of_lane[lane], pool.first_of_lane[lane + 1]):
        p = pool.of_lane[n]
        # a lane's patterns stand by part, the cheapest first
        if closed[p] == 1 and pool.part[p] != part:
            part, now = int(pool.part[p]), chosen[pool.part[p]]
            if now < 0:
                return -math.inf
            change += min(0.0, pool.patterns[p].own_cost - pool.patterns[now].own_cost)
    return change


@compiled
def _turn(pool: Lanes, lane: int, is_open: Flags, closed: Ints, chosen: Ints) -> None:
    """Open a closed lane or close an open one, and let the parts it matters to choose again."""
    is_open[lane] = not is_open[lane]
    for n in range(pool.first_of_lane[lane], pool.first_of_lane[lane + 1]):
        closed[pool.of_lane[n]] += -1 if is_open[lane] else 1
    for n in range(pool.first_of_lane[lane], pool.first_of_lane[lane + 1]):
        p = pool.of_lane[n]
        i = int(pool.part[p])
        if not is_open[lane] and chosen[i] == p:
            chosen[i] = _next_best(pool, i, -1, closed)
        elif closed[p] == 0 and (chosen[i] < 0 or pool.patterns[p].own_cost < pool.patterns[chosen[i]].own_cost):
            chosen[i] = p
