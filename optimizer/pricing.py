"""The compiled pass over lines: at given prices, the best base stock of every line.

A *line* is one part in one depot that no other depot helps. At prices of stock, lateness and
waiting every line chooses for itself the stock S with the least

    each x S - sum of pay x share on time(S) + pay x tail(S)

where the tail is the mean wait under backorders and Erlang's loss under emergency supply. What a
stock delivers follows from S - 1 by a recursion, so that nothing is kept but the line's own
figures. The walk over S ends where serving every demand at once could not pay for one more unit:
no stock is left out, however large.

Compiled by numba: numpy would need every alternative of every line in memory at once, and twenty
times as long. The formulas are those of `poisson`; the tables are records, which compiled code
reads without bookkeeping.
"""

import math
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from optimizer.poisson import Floats, Ints

Record = Any
"""One record of a table below; its fields are read as attributes, which only compiled code can."""

Records = npt.NDArray[np.void]
Counts = npt.NDArray[np.int32]

LINE = np.dtype(
    [
        ("price", np.float64),
        ("unit_cost", np.float64),
        ("rate", np.float64),
        ("lead", np.float64),
        ("shape", np.float64),
        ("critical", np.float64),
        ("first", np.int64),
        ("depot", np.int32),
        ("floor", np.int32),
        ("lot", np.int32),
    ]
)
"""A line: what a unit costs under the objective, and in CNY; demands a day; lead time in days; the
shape of its rate's Gamma distribution, infinite where the rate is known; its criticality; its first
stream (the last one stands before the next line's first; a closing record tells where the streams
end); its depot; its floor; how many are ordered at a time."""

STREAM = np.dtype([("weight", np.float64), ("travel", np.float64), ("sla", np.int32)])
"""A stream of a line: its share of its class's demand, travel time in hours, its class."""

CLASS = np.dtype([("hours", np.float64), ("share", np.float64), ("service", np.float64), ("time", np.float64)])
"""A class: its time to site in hours; what share of its service a demand of criticality 1 is for
each share of its demand; what its whole service is worth; what an hour of its mean time costs."""

DEPOT = np.dtype([("unit", np.float64), ("money", np.float64)])
"""A depot: what a unit there, and a CNY of stock there, cost besides their price."""

TERMS = np.dtype([("lost", np.int8), ("timed", np.int8), ("hours", np.float64), ("shipping_cny", np.float64)])
"""Whether a demand that finds nothing is lost to the emergency channel, whether mean times count,
the channel's hours, and what its shipments cost a year and demand a day under the objective."""

_STATE = np.dtype(
    [
        ("mean", np.float64),
        ("slope", np.float64),
        ("chance", np.float64),
        ("below", np.float64),
        ("share", np.float64),
        ("kept", np.float64),
        ("pay", np.float64),
        ("first_chance", np.float64),
        ("start", np.int64),
    ]
)
"""A recursion P(X = s + 1) = P(X = s) (mean + slope s) / (s + 1) from `start` on, -1 where there is
nothing to decide; P(X = s) is `chance`, P(X < s) is `below`. Its mean over the positions s, ..., s + Q - 1
that a stock ordered in lots of Q is found in is `share`, `kept` that of the best stock so far, and a
whole share is worth `pay`."""

NEAR = np.dtype([("line", np.int64), ("level", np.int32), ("best", np.int8), ("tail", np.float64), ("first", np.int64)])
"""A stock of a line: whether it is the line's best at the prices, its tail, its first gain."""

GAIN = np.dtype([("sla", np.int32), ("share", np.float64), ("hours", np.float64)])
"""What a stock adds to the share on time and to the mean hours of a class."""

BINS_PER_DOUBLING = 4
"""How finely distances are counted: a bin ends 19 % above the one before."""

NEAREST = 1e-12
"""Distances below this fall into the first bin."""

_CLOSE_HOURS = 1e-9
"""How far a time may exceed a promise and count as within it: `evaluation.TOLERANCE`."""

_LOG_TINY = -600.0
"""Where P(X = 0) is too small for a recursion to start from it, as a logarithm."""

_FAR = 12.0
"""Standard deviations below the mean at which it starts then; what lies below is under 1e-30."""

SETTLED = 1e-15
"""Share of all there is to gain that is mere rounding: nothing more is to be had."""

_VALUES_KEPT = 256
"""Lines that look at more stocks than this are walked along again to see whether any are near."""

compiled = numba.njit(cache=True, nogil=True)


@compiled
def added(total: float, lost: float, value: float) -> tuple[float, float]:
    """A sum and what rounding took from it, after one more value: Kahan's, since bounds are certificates.

    >>> total, lost = added(1e16, 0.0, 1.0)
    >>> added(total, lost, 1.0)
    (1.0000000000000002e+16, 0.0)
    """
    term = value - lost
    raised = total + term
    return raised, (raised - total) - term


@compiled
def in_time(hours: float, promised: float) -> float:
    """Whether a time counts as within a promise: 1 if it does, else 0."""
    return 1.0 if hours <= promised + _CLOSE_HOURS else 0.0


@compiled
def unit_price(line: Record, depot: Record) -> float:
    """What one more unit of a line's part in a depot costs at the prices."""
    return line.price + depot.unit + depot.money * line.unit_cost


@compiled
def _begin(state: Record, mean: float, shape: float, extra: float) -> None:
    """Set a recursion to s = 0: Poisson, or negative binomial with `shape` + `extra`.

    With a rate known up to a factor that is Gamma(shape, shape), X is negative binomial with
    p = shape / (shape + mean); the share of demands asks for shape + 1 (see `demand_counts`).

    Source: Panjer (1981).
    """
    if math.isinf(shape):
        state.mean, state.slope = mean, 0.0
        log_none, spread = -mean, math.sqrt(mean)
    else:
        odds = mean / shape
        state.slope = mean / (shape + mean)
        state.mean = (shape + extra) * state.slope
        log_none = -(shape + extra) * math.log1p(odds)
        spread = math.sqrt((shape + extra) * odds * (1.0 + odds))
    state.below = 0.0
    state.start = 0
    if log_none > _LOG_TINY:
        state.chance = math.exp(log_none)
        return
    start = int(max(mean - _FAR * spread, mean / 1000.0)) + 1
    log_chance = log_none - math.lgamma(start + 1.0)
    if math.isinf(shape):
        log_chance += start * math.log(mean)
    else:
        log_chance += math.lgamma(start + shape + extra) - math.lgamma(shape + extra) + start * math.log(state.slope)
    state.start, state.chance, state.first_chance = start, 0.0, math.exp(log_chance)


@compiled
def _advance(state: Record, level: int) -> None:
    """From P(X < level) to P(X < level + 1)."""
    if level < state.start:
        return
    if level == state.start and level > 0:
        state.chance = state.first_chance
    state.below = min(state.below + state.chance, 1.0)
    state.chance *= (state.mean + state.slope * level) / (level + 1)


@compiled
def _start(line: Record, state: Record, ahead: Record, mean: float, extra: float, tail: float) -> float:
    """Set a recursion and its share to s = 0; answers the mean tail over the positions, from that of the lowest."""
    _begin(state, mean, line.shape, extra)
    state.share = 0.0
    if line.lot == 1:
        return tail
    _begin(ahead, mean, line.shape, extra)
    sum_below, sum_tail = 0.0, 0.0
    for position in range(line.lot):
        sum_below += ahead.below
        sum_tail += tail
        _advance(ahead, position)
        tail = max(tail - (1.0 - ahead.below) / line.rate, 0.0)
    state.share = sum_below / line.lot
    return sum_tail / line.lot


@compiled
def _raise(line: Record, state: Record, ahead: Record, level: int) -> None:
    """From the share that a stock of `level` has to that of one more."""
    before = state.below
    _advance(state, level)
    if line.lot == 1:
        state.share = state.below
        return
    state.share = min(state.share + (ahead.below - before) / line.lot, 1.0)
    _advance(ahead, level + line.lot)


@compiled
def _open(
    line: Record, streams: Records, classes: Records, depots: Records, terms: Record, walk: Records
) -> tuple[float, float, float, float]:
    """Begin a line's walk at s = 0: what its tail costs, all there is to gain, what is gained anyway, the tail."""
    tail_pay, tail = terms.shipping_cny * line.rate, 1.0 if terms.lost else line.lead
    depot: Record = depots[line.depot]
    pipeline = line.lot - 1
    most, anyway = 0.0, -pipeline * (depot.unit + (line.price + depot.money * line.unit_cost) / 2.0)
    ahead = walk[len(walk) // 2 :]
    for j in range(len(streams)):
        stream: Record = streams[j]
        sla: Record = classes[stream.sla]
        state: Record = walk[j]
        pay, late_pay = sla.service * _service_weight(line, stream, sla), sla.time * stream.weight
        state.start, state.pay, state.share = -1, 0.0, 0.0
        anyway -= late_pay * stream.travel
        if terms.lost:
            own, other = in_time(stream.travel, sla.hours), in_time(terms.hours, sla.hours)
            anyway += pay * own
            tail_pay += pay * (own - other) + late_pay * (terms.hours - stream.travel)
            continue
        tail_pay += 24.0 * late_pay
        window = (sla.hours - stream.travel) / 24.0
        if window >= line.lead:
            state.share = 1.0
            anyway += pay
        elif window >= 0.0:
            state.pay = pay
            most += pay
            _start(line, state, ahead[j], line.rate * (line.lead - window), 1.0, 0.0)
    if terms.timed and not terms.lost and line.rate > 0.0:
        last = len(streams)
        tail = _start(line, walk[last], ahead[last], line.rate * line.lead, 0.0, tail)
    return tail_pay, most, anyway, tail


@compiled
def _service_weight(line: Record, stream: Record, sla: Record) -> float:
    return stream.weight * line.critical * sla.share


@compiled
def _step(line: Record, streams: int, terms: Record, walk: Records, level: int, tail: float) -> float:
    """From what a stock of `level` delivers to what one more does; answers the tail."""
    if terms.lost:
        filled = line.rate * line.lead * tail
        return filled / (level + 1 + filled)
    ahead = walk[len(walk) // 2 :]
    for j in range(streams):
        if walk[j].start >= 0:
            _raise(line, walk[j], ahead[j], level)
    if not terms.timed or line.rate == 0.0:
        return 0.0
    _raise(line, walk[streams], ahead[streams], level)
    return max(tail - (1.0 - walk[streams].share) / line.rate, 0.0)


@compiled
def _gained(walk: Records, streams: int) -> float:
    gained = 0.0
    for j in range(streams):
        gained += walk[j].pay * walk[j].share
    return gained


@compiled
def _best(
    line: Record,
    streams: Records,
    classes: Records,
    depots: Records,
    terms: Record,
    walk: Records,
    reach: float,
    values: Floats,
) -> tuple[int, float, float, int]:
    """The best stock of a line, what it costs at the prices, its tail, and how many stocks were looked at.

    The walk shows what it delivers. Stocks further off than `reach` from the best one are not all
    looked at; the values of the first ones are kept, as far as there is room.
    """
    count, each = len(streams), unit_price(line, depots[line.depot])
    tail_pay, most, anyway, tail = _open(line, streams, classes, depots, terms, walk)
    level = 0
    while level < line.floor:
        if level < len(values):
            values[level] = math.inf
        tail = _step(line, count, terms, walk, level, tail)
        level += 1
    best, best_level, best_tail = math.inf, level, tail
    load, gained_before, tail_before = line.rate * line.lead, -1.0, -1.0
    while True:
        gained = _gained(walk, count)
        value = each * level - gained + tail_pay * tail - anyway
        if level < len(values):
            values[level] = value
        if value < best:
            best, best_level, best_tail = value, level, tail
            for j in range(count):
                walk[j].kept = walk[j].share
        left = most - gained + max(tail_pay, 0.0) * tail
        least = each * (level + 1) - most + min(tail_pay, 0.0) * tail - anyway - best
        # what costs nothing is wanted until a step changes nothing more: sums may settle a little below one
        settled = level > load and gained == gained_before and tail == tail_before
        settled = settled or left <= SETTLED * (most + abs(tail_pay))
        if settled or least >= reach * each * (level + 1 - best_level):
            for j in range(count):
                walk[j].share = walk[j].kept
            return best_level, best, best_tail, level + 1
        gained_before, tail_before = gained, tail
        tail = _step(line, count, terms, walk, level, tail)
        level += 1


@compiled
def _share_and_hours(
    line: Record, stream: Record, sla: Record, terms: Record, state: Record, tail: float
) -> tuple[float, float]:
    """What a line's present stock adds to the service and the mean hours of a stream's class."""
    if not terms.lost:
        return _service_weight(line, stream, sla) * state.share, stream.weight * (stream.travel + 24.0 * tail)
    own, other = in_time(stream.travel, sla.hours), in_time(terms.hours, sla.hours)
    share, hours = own + (other - own) * tail, stream.travel + (terms.hours - stream.travel) * tail
    return _service_weight(line, stream, sla) * share, stream.weight * hours


@compiled
def _choose(
    line: Record,
    streams: Records,
    classes: Records,
    depots: Records,
    terms: Record,
    walk: Records,
    reach: float,
    values: Floats,
    service: Floats,
    hours: Floats,
    totals: Floats,
) -> tuple[int, float, int]:
    """The best stock of a line, what it costs at the prices, and how many were looked at.

    What it delivers and costs is added up.
    """
    level, value, tail, seen = _best(line, streams, classes, depots, terms, walk, reach, values)
    for j in range(len(streams)):
        sla = streams[j].sla
        share, late = _share_and_hours(line, streams[j], classes[sla], terms, walk[j], tail)
        service[line.depot, sla] += share
        hours[line.depot, sla] += late
    held = level + (line.lot - 1) / 2.0
    totals[line.depot, 0] += line.price * held
    totals[line.depot, 1] += terms.shipping_cny * line.rate * tail
    totals[line.depot, 2] += level + line.lot - 1
    totals[line.depot, 3] += line.unit_cost * held
    return level, value, seen


@compiled
def _most_streams(lines: Records) -> int:
    most = 0
    for i in range(len(lines) - 1):
        most = max(most, lines[i + 1].first - lines[i].first)
    return most


@compiled
def price_lines(
    lines: Records,
    streams: Records,
    classes: Records,
    depots: Records,
    terms: Record,
    levels: Counts,
    service: Floats,
    hours: Floats,
    totals: Floats,
) -> float:
    """Choose the best stock of every line; answers what they cost at the prices.

    Args:
        lines: `LINE` records, and a closing one.
        streams: `STREAM` records; a line's `first` counts from the first line's.
        classes: `CLASS` records.
        depots: `DEPOT` records.
        terms: a `TERMS` record.
        levels: filled with the chosen stocks, shape (lines,).
        service: their parts of the class means are added here, shape (depots, classes).
        hours: likewise.
        totals: their cost under the objective, the cost of shipping, units, and value at cost are
            added here, shape (depots, 4).
    """
    walk = np.zeros(2 * (_most_streams(lines) + 1), dtype=_STATE)
    origin = lines[0].first
    total, lost, unkept = 0.0, 0.0, np.zeros(0)
    for i in range(len(lines) - 1):
        own = streams[lines[i].first - origin : lines[i + 1].first - origin]
        levels[i], value, _ = _choose(lines[i], own, classes, depots, terms, walk, 0.0, unkept, service, hours, totals)
        total, lost = added(total, lost, value)
    return total


@compiled
def bin_of(distance: float, bins: int) -> int:
    """The bin that a distance falls into.

    >>> bin_of(0.5e-12, 8), bin_of(1.1e-12, 8), bin_of(2e-12, 8), bin_of(1.0, 8)
    (0, 1, 5, 7)
    """
    if distance < NEAREST:
        return 0
    return min(int(BINS_PER_DOUBLING * math.log2(distance / NEAREST)) + 1, bins - 1)


@compiled
def look_near(
    lines: Records,
    streams: Records,
    classes: Records,
    depots: Records,
    terms: Record,
    service: Floats,
    hours: Floats,
    totals: Floats,
    reach: float,
    bins: Ints,
    near: Records,
    gains: Records,
) -> tuple[float, int, int]:
    """Price every line, and find stocks that other prices would soon choose.

    Answers what the lines cost at the prices, and how many stocks and gains found room. The regret of a
    stock is what it costs more than the best of its line. Its distance is its regret as a share of
    what the stock between the two costs: by so much the prices have to change before it is chosen.

    Args:
        lines: as for `price_lines`; so are the arguments up to `totals`.
        streams: see there.
        classes: see there.
        depots: see there.
        terms: see there.
        service: see there.
        hours: see there.
        totals: see there.
        reach: the largest distance, below 1.
        bins: the distances of all such stocks are counted here.
        near: filled with `NEAR` records of them and of the best of their lines, as far as there is room.
        gains: filled with their `GAIN` records, as many for a stock as its line has streams.
    """
    walk = np.zeros(2 * (_most_streams(lines) + 1), dtype=_STATE)
    origin = lines[0].first
    total, lost, values = 0.0, 0.0, np.zeros(_VALUES_KEPT)
    found, gained = 0, 0
    for i in range(len(lines) - 1):
        line = lines[i]
        own = streams[line.first - origin : lines[i + 1].first - origin]
        best_level, best, seen = _choose(line, own, classes, depots, terms, walk, reach, values, service, hours, totals)
        total, lost = added(total, lost, best)
        count, each, any_near = len(own), unit_price(line, depots[line.depot]), seen > len(values)
        for level in range(line.floor, min(seen, len(values))):
            is_near = values[level] - best <= reach * each * abs(level - best_level)
            any_near = any_near or (is_near and level != best_level)
        if not any_near:
            continue
        tail_pay, _, anyway, tail = _open(line, own, classes, depots, terms, walk)
        found_before, gained_before, cut = found, gained, False
        for level in range(seen):
            regret = max(each * level - _gained(walk, count) + tail_pay * tail - anyway - best, 0.0)
            between = each * abs(level - best_level)
            is_best = level == best_level
            is_near = level >= line.floor and regret <= reach * between and not is_best
            if is_near:
                bins[bin_of(regret / max(between, 1e-300), len(bins))] += 1
            if is_near or is_best:
                cut = cut or found == len(near) or gained + count > len(gains)
                if not cut:
                    near[found].line, near[found].level, near[found].best = i, level, is_best
                    near[found].tail, near[found].first = tail, gained
                    for j in range(count):
                        gain: Record = gains[gained + j]
                        gain.sla = own[j].sla
                        gain.share, gain.hours = _share_and_hours(
                            line, own[j], classes[own[j].sla], terms, walk[j], tail
                        )
                    found, gained = found + 1, gained + count
            tail = _step(line, count, terms, walk, level, tail)
        if cut or found == found_before + 1:  # the best alone leaves nothing to choose
            found, gained = found_before, gained_before
    return total, found, gained
