"""The compiled side of many parts that share lanes: known plans of each part, priced or held against the open lanes.

A *pattern* is a plan of one part: what it costs apart from its lanes, and the ways it uses. With a
few patterns for every part, choosing among them takes microseconds: at prices for the ways, or
where only some lanes are open.
"""

import math

import numpy as np

from optimizer.part_planner import Flags, Floats, Ints, Record, Records, compiled

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


@compiled
def cost_over(heads: Ints, patterns: Records, lanes: Ints, fixed: Floats, is_open: Flags, users: Ints) -> float:
    """What the cheapest patterns over the open lanes cost, with the lanes they use; `users` of each lane."""
    users[:] = 0
    total = 0.0
    for i in range(len(heads)):
        best, chosen, p = math.inf, -1, int(heads[i])
        while p >= 0:
            pattern: Record = patterns[p]
            if pattern.own_cost < best:
                may = True
                for k in range(pattern.first_use, patterns[p + 1].first_use):
                    may = may and is_open[lanes[k]]
                if may:
                    best, chosen = pattern.own_cost, p
            p = int(pattern.next)
        total += best
        if chosen >= 0:
            for k in range(patterns[chosen].first_use, patterns[chosen + 1].first_use):
                users[lanes[k]] += 1
    for lane in range(len(fixed)):
        if users[lane] > 0:
            total += fixed[lane]
    return total


@compiled
def search_lanes(heads: Ints, patterns: Records, lanes: Ints, fixed: Floats, is_open: Flags) -> float:
    """Open and close lanes, one or one for another, while that makes the patterns cheaper: what they cost then."""
    users = np.zeros(len(fixed), np.int64)
    best = cost_over(heads, patterns, lanes, fixed, is_open, users)
    for lane in range(len(fixed)):
        is_open[lane] = users[lane] > 0
    better = True
    while better:
        better = False
        for lane in range(len(fixed)):
            is_open[lane] = not is_open[lane]
            cost = cost_over(heads, patterns, lanes, fixed, is_open, users)
            if cost < best - _BETTER:
                best, better = cost, True
            else:
                is_open[lane] = not is_open[lane]
        if better:
            continue
        for lane in range(len(fixed)):
            for other in range(lane):
                if is_open[lane] != is_open[other]:
                    is_open[lane], is_open[other] = is_open[other], is_open[lane]
                    cost = cost_over(heads, patterns, lanes, fixed, is_open, users)
                    if cost < best - _BETTER:
                        best, better = cost, True
                    else:
                        is_open[lane], is_open[other] = is_open[other], is_open[lane]
    return best
