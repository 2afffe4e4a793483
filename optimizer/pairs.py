"""Pairs of depots that help each other: their chains for all base stocks at once, compiled.

A *pair* is one part in two depots; a depot alone is a pair whose second depot holds nothing and
is asked for nothing. What its demands are supplied by follows from three probabilities of the
chain of `lateral`: that the first depot is empty, that the second is, that both are. A *table*
holds them for all base stocks with a sum up to a size: below a depot's base stock its demands go
the same way whatever that base stock is, so the chains of all of them are folded together, level
by level. No step subtracts: Grassmann, Taksar & Heyman (1985).
"""

import math

import numpy as np
import numpy.typing as npt

from optimizer.poisson import Floats, Ints
from optimizer.pricing import SETTLED, Record, Records, added, compiled, in_time, unit_price

PAIR = np.dtype(
    [
        ("rate", np.float64, 2),
        ("lead", np.float64, 2),
        ("price", np.float64),
        ("unit_cost", np.float64),
        ("floor", np.int64, 2),
        ("asks", np.int8, 2),
        ("alone", np.int8),
        ("depot", np.int64, 2),
        ("hours", np.float64, 2),
        ("shipping_cny", np.float64, 2),
        ("first", np.int64),
        ("cluster", np.int64),
    ]
)
"""A pair: each depot's demands a day, lead time in days, floor, whether it asks the other, and what
hours and (under the objective, CNY) each shipment from there takes; what a unit costs under the
objective, and in CNY; its first stream; the number of its cluster."""

FLOW = np.dtype(
    [("weight", np.float64), ("share", np.float64), ("travel", np.float64), ("sla", np.int64), ("member", np.int64)]
)
"""A stream of a pair: its weight in its class's service, its share of its class's demand, travel time
in hours, class, and which of the two depots it reaches."""

AWAY = np.dtype([("hours", np.float64), ("shipping_cny", np.float64)])
"""The emergency channel: its hours to site, and what a shipment costs under the objective."""


@compiled
def table_size(pair: Record, size: int) -> int:
    """How many base stocks a table holds."""
    return size + 1 if pair.alone else (size + 1) * (size + 2) // 2


def table_sizes(pairs: Records, sizes: Ints) -> Ints:
    """How many base stocks the tables of many pairs hold; a closing record of the pairs is left out."""
    return np.where(pairs["alone"][: len(sizes)] > 0, sizes + 1, (sizes + 1) * (sizes + 2) // 2)


@compiled
def _place(size: int, first: int, second: int) -> int:
    """Where a pair of base stocks above the floors stands in a table."""
    return second * (size + 1) - second * (second - 1) // 2 + first


@compiled
def _fold(rates: Floats, sums: Floats, state: int, last: int) -> None:
    """Leave a state out of a chain: what passes through it goes on at once to the states after it.

    `sums` are what a visit to a state stands for, shape (states, sums).
    """
    out = 0.0
    for to in range(state + 1, last):
        out += rates[state, to]
    for origin in range(state + 1, last):
        part = rates[origin, state] / out
        if part > 0.0:
            for to in range(state + 1, last):
                rates[origin, to] += part * rates[state, to]
            for index in range(sums.shape[1]):
                sums[origin, index] += part * sums[state, index]


@compiled
def _local(rates: Floats, held: int, rate: float, lead: float) -> None:
    """Moves of the second depot among the states of one level."""
    for state in range(held):
        rates[state, state + 1] += rate
        rates[state + 1, state] += (state + 1) / lead


@compiled
def _column(
    rate: Floats, lead: Floats, asks: npt.NDArray[np.int8], second: int, most: int, answer: Floats, work: Floats
) -> None:
    """The three probabilities for one base stock of the second depot, and 0, ..., `most` of the first.

    A level is the number of units that the first depot has on order; its states are those of the
    second. `answer` has shape (most + 1, 3). Of the sums that are folded the first counts all
    states, the second those in which the second depot is empty, the third those of the top level.
    """
    width = second + 1
    rates = work[: 2 * width, : 2 * width]
    sums, top_sums, top = np.zeros((2 * width, 2)), np.zeros((width, 3)), np.zeros((width, width))
    rates[:, :] = 0.0
    sums[:width, 0], sums[second, 1] = 1.0, 1.0
    for level in range(most + 1):
        top[:, :] = rates[:width, :width]
        extra = rate[0] if asks[0] else 0.0
        _local(top, second, rate[1] + extra, lead[1])
        top_sums[:, :2], top_sums[:, 2] = sums[:width], 1.0
        for state in range(width - 1):
            _fold(top, top_sums, state, width)
        every = top_sums[second, 0]
        answer[level, 0], answer[level, 1] = top_sums[second, 2] / every, top_sums[second, 1] / every
        answer[level, 2] = 1.0 / every
        if level == most:
            break
        _local(rates, second, rate[1], lead[1])
        for state in range(width):
            rates[state, width + state] = rate[0]
            rates[width + state, state] = (level + 1) / lead[0]
        if asks[1]:
            rates[second, width + second] += rate[1]
        sums[width:, 0], sums[width:, 1] = 1.0, 0.0
        sums[width + second, 1] = 1.0
        for state in range(width):
            _fold(rates, sums, state, width + state + 1)
        rates[:width, :width] = rates[width:, width:]
        sums[:width] = sums[width:]
        rates[width:, :] = 0.0
        rates[:, width:] = 0.0


@compiled
def fill_table(pair: Record, size: int, table: Floats) -> None:
    """Fill a table, shape (base stocks, 3): the chances that the first depot is empty, the second, both.

    >>> pair = np.zeros(1, PAIR)
    >>> pair["rate"], pair["lead"], pair["asks"] = 1.0, 1.0, True
    >>> table = np.zeros((6, 3))
    >>> fill_table(pair[0], 2, table)
    >>> table[_place(2, 1, 1)].round(6)
    array([0.6, 0.6, 0.4])
    """
    rate, lead, asks = np.empty(2), np.empty(2), np.empty(2, np.int8)
    highest = size + max(pair.floor[0], pair.floor[1])
    work = np.empty((2 * highest + 2, 2 * highest + 2))
    answer = np.empty((highest + 1, 3))
    for turned in range(1 if pair.alone else 2):
        one, two = turned, 1 - turned
        for member in range(2):
            of = member if turned == 0 else 1 - member
            asked = pair.rate[of] > 0.0 or (pair.asks[1 - of] and pair.rate[1 - of] > 0.0)
            # of whom nobody asks anything nothing depends: any rate will do
            rate[member] = pair.rate[of] if asked else 1.0 / pair.lead[of]
            lead[member], asks[member] = pair.lead[of], pair.asks[of] and pair.rate[of] > 0.0
        for step in range(1 if pair.alone else size + 1):
            held, most = pair.floor[two] + step, pair.floor[one] + size - step
            # of a pair the depot with less is the second one here
            least = held + turned
            if not pair.alone and most < least:
                continue
            _column(rate, lead, asks, held, most, answer, work)
            for level in range(pair.floor[one] if pair.alone else max(pair.floor[one], least), most + 1):
                other = level - pair.floor[one]
                at = _place(size, other, step) if turned == 0 else _place(size, step, other)
                table[at, one], table[at, two], table[at, 2] = answer[level, 0], answer[level, 1], answer[level, 2]


@compiled
def fill_tables(pairs: Records, sizes: Ints, starts: Ints, tables: Floats) -> None:
    """Fill the tables of many pairs, each from its place in `starts` on."""
    for i in range(len(sizes)):
        fill_table(pairs[i], sizes[i], tables[starts[i] : starts[i] + table_size(pairs[i], sizes[i])])


@compiled
def _paid(flow: Record, sla: Record, hours: float) -> float:
    return sla.time * flow.share * hours - sla.service * flow.weight * in_time(hours, sla.hours)


@compiled
def _coefficients(pair: Record, flows: Records, classes: Records, away: Record, answer: Floats) -> None:
    """What service from the shelf costs at the prices, and how much more an empty shelf: one, the other, both."""
    answer[:] = 0.0
    for member in range(2):
        emergency = 2 if pair.asks[member] else member
        demand = 365.0 * pair.rate[member]
        if pair.asks[member]:
            answer[1 + member] += demand * pair.shipping_cny[member]
            answer[1 + emergency] -= demand * pair.shipping_cny[member]
        answer[1 + emergency] += demand * away.shipping_cny
    for j in range(len(flows)):
        flow: Record = flows[j]
        sla: Record = classes[flow.sla]
        own, other = _paid(flow, sla, flow.travel), _paid(flow, sla, away.hours)
        answer[0] += own
        if pair.asks[flow.member]:
            helped = _paid(flow, sla, flow.travel + pair.hours[flow.member])
            answer[1 + flow.member] += helped - own
            answer[3] += other - helped
        else:
            answer[1 + flow.member] += other - own


@compiled
def _least(one: float, two: float, both: float, chance: float) -> float:
    """The least that the probabilities can cost, the second being no smaller than a chance.

    The third is no larger than the first or the second, and none exceeds one: the ends of that decide.
    """
    least = math.inf
    for at in (chance, 1.0):
        least = min(least, two * at + min(0.0, one, one + both * at, (one + both) * at))
    return least


@compiled
def _least_beyond(pair: Record, size: int, pay: Floats, each: Floats) -> float:
    """No base stocks with a sum above the size cost less.

    Of one depot's stock, whatever the other holds, at least Erlang's share of its own demands finds
    none; both depots are tried as that one, and the better bound counts.
    """
    if pair.alone:
        return each[0] * (size + 1) + _least(pay[1], pay[2], pay[3], 0.0)
    highest = -math.inf
    for fixed in range(2):
        one, two = pay[2 - fixed], pay[1 + fixed]
        load, lost = pair.rate[fixed] * pair.lead[fixed], 1.0
        for held in range(pair.floor[fixed]):
            lost = load * lost / (held + 1 + load * lost)
        least = each[fixed] * (size + 1) + _least(one, two, pay[3], 0.0)
        for step in range(size + 1):
            least = min(
                least, each[fixed] * step + each[1 - fixed] * (size + 1 - step) + _least(one, two, pay[3], lost)
            )
            lost = load * lost / (pair.floor[fixed] + step + 1 + load * lost)
        highest = max(highest, least)
    return highest


@compiled
def _best(pair: Record, size: int, table: Floats, pay: Floats, each: Floats) -> tuple[int, int, float, bool]:
    """The best base stocks above the floors within a size, what they cost, and whether larger ones may cost less."""
    best, first, second = math.inf, 0, 0
    at = 0
    for two in range(1 if pair.alone else size + 1):
        base = each[1] * two
        for one in range(size - two + 1):
            value = base + each[0] * one + pay[1] * table[at, 0] + pay[2] * table[at, 1] + pay[3] * table[at, 2]
            if value < best:
                best, first, second = value, one, two
            at += 1
    ideal = _least(pay[1], pay[2], pay[3], 0.0)
    cheapest = each[0] if pair.alone else min(each[0], each[1])
    gain = best - ideal - each[0] * first - each[1] * second
    rounding = SETTLED * (abs(pay[0]) + abs(pay[1]) + abs(pay[2]) + abs(pay[3]))
    more = gain > rounding and cheapest * (size + 1) + ideal < best and _least_beyond(pair, size, pay, each) < best
    return first, second, best, more


@compiled
def _deliver(
    pair: Record,
    flows: Records,
    classes: Records,
    away: Record,
    chance: Floats,
    service: Floats,
    hours: Floats,
) -> float:
    """Add what a pair's stock delivers to its classes; answers the shipping cost."""
    shipping = 0.0
    for member in range(2):
        lateral = chance[member] - chance[2] if pair.asks[member] else 0.0
        lost = chance[2] if pair.asks[member] else chance[member]
        shipping += 365.0 * pair.rate[member] * (lateral * pair.shipping_cny[member] + lost * away.shipping_cny)
    for j in range(len(flows)):
        flow: Record = flows[j]
        sla: Record = classes[flow.sla]
        own = 1.0 - chance[flow.member]
        lateral = chance[flow.member] - chance[2] if pair.asks[flow.member] else 0.0
        lost = chance[2] if pair.asks[flow.member] else chance[flow.member]
        near = flow.travel + pair.hours[flow.member]
        service[flow.sla] += flow.weight * (
            own * in_time(flow.travel, sla.hours)
            + lateral * in_time(near, sla.hours)
            + lost * in_time(away.hours, sla.hours)
        )
        hours[flow.sla] += flow.share * (own * flow.travel + lateral * near + lost * away.hours)
    return shipping


@compiled
def price_pairs(
    pairs: Records,
    flows: Records,
    sizes: Ints,
    starts: Ints,
    tables: Floats,
    classes: Records,
    depots: Records,
    away: Record,
    levels: Ints,
    wants: npt.NDArray[np.bool_],
    service: Floats,
    hours: Floats,
    totals: Floats,
) -> float:
    """Choose the best base stocks of every pair; answers what they cost at the prices.

    Args:
        pairs: `PAIR` records, and a closing one.
        flows: `FLOW` records.
        sizes: of every pair's table.
        starts: where it begins in `tables`.
        tables: see `fill_table`.
        classes: `pricing.CLASS` records.
        depots: `pricing.DEPOT` records.
        away: an `AWAY` record.
        levels: filled with the chosen base stocks, shape (pairs, 2).
        wants: set where larger stocks than those of the table may cost less.
        service: their parts of the class means are added here, shape (clusters, classes).
        hours: likewise.
        totals: their cost under the objective and the cost of shipping, then by depot units and value
            at cost, are added here, shape (clusters, 2 + 2 x depots).
    """
    pay, each = np.empty(4), np.empty(2)
    total, lost = 0.0, 0.0
    for i in range(len(sizes)):
        pair = pairs[i]
        own = flows[pair.first : pairs[i + 1].first]
        _coefficients(pair, own, classes, away, pay)
        each[0], each[1] = unit_price(pair, depots[pair.depot[0]]), unit_price(pair, depots[pair.depot[1]])
        end = starts[i] + table_size(pair, sizes[i])
        table = tables[starts[i] : end]
        first, second, value, wants[i] = _best(pair, sizes[i], table, pay, each)
        levels[i, 0], levels[i, 1] = pair.floor[0] + first, pair.floor[1] + second
        value += pay[0] + each[0] * pair.floor[0] + each[1] * pair.floor[1]
        total, lost = added(total, lost, value)
        chance, block = table[_place(sizes[i], first, second)], pair.cluster
        totals[block, 1] += _deliver(pair, own, classes, away, chance, service[block], hours[block])
        for member in range(2):
            held = levels[i, member]
            totals[block, 0] += pair.price * held
            totals[block, 2 + 2 * pair.depot[member]] += held
            totals[block, 3 + 2 * pair.depot[member]] += pair.unit_cost * held
    return total


@compiled
def near_pairs(
    pairs: Records,
    flows: Records,
    sizes: Ints,
    starts: Ints,
    tables: Floats,
    classes: Records,
    depots: Records,
    away: Record,
    allowance: float,
    reach: float,
    near: Ints,
    shipping: Floats,
    service: Floats,
    hours: Floats,
) -> int:
    """Find stocks that other prices would soon choose; answers how many there are.

    The regret of a stock is what it costs more than the best of its pair, its distance the regret
    as a share of what the units between the two cost.

    Args:
        pairs: as for `price_pairs`; so are `flows`, `sizes`, `starts`, `tables`, `classes`, `depots` and `away`.
        flows: see there.
        sizes: see there.
        starts: see there.
        tables: see there.
        classes: see there.
        depots: see there.
        away: see there.
        allowance: the largest regret.
        reach: the largest distance.
        near: filled with pair, both stocks, and whether it is the best of its pair, shape (room, 4);
            the best of a pair is listed if another one is. All are counted, as many filled as fit.
        shipping: filled with their shipping cost, shape (room,).
        service: filled with what they deliver, shape (room, classes), from zeros.
        hours: likewise.
    """
    pay, each = np.empty(4), np.empty(2)
    found = 0
    for i in range(len(sizes)):
        pair = pairs[i]
        own = flows[pair.first : pairs[i + 1].first]
        _coefficients(pair, own, classes, away, pay)
        each[0], each[1] = unit_price(pair, depots[pair.depot[0]]), unit_price(pair, depots[pair.depot[1]])
        table = tables[starts[i] : starts[i] + table_size(pair, sizes[i])]
        first, second, best, _ = _best(pair, sizes[i], table, pay, each)
        before, at = found, 0
        for two in range(1 if pair.alone else sizes[i] + 1):
            for one in range(sizes[i] - two + 1):
                value = each[0] * one + each[1] * two
                value += pay[1] * table[at, 0] + pay[2] * table[at, 1] + pay[3] * table[at, 2]
                regret = max(value - best, 0.0)
                between = each[0] * abs(one - first) + each[1] * abs(two - second)
                is_best = one == first and two == second
                is_near = regret <= min(allowance, reach * between) and not is_best
                if is_best or is_near:
                    if found < len(near):
                        near[found, 0], near[found, 3] = i, is_best
                        near[found, 1], near[found, 2] = pair.floor[0] + one, pair.floor[1] + two
                        shipping[found] = _deliver(pair, own, classes, away, table[at], service[found], hours[found])
                    found += 1
                at += 1
        if found == before + 1:  # nothing to decide
            found = before
            if before < len(near):
                service[before], hours[before] = 0.0, 0.0
    return found
