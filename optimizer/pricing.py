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
        ("first", np.int64),
        ("depot", np.int32),
        ("floor", np.int32),
    ]
)
"""A line: what a unit costs under the objective, and in CNY; demands a day; lead time in days; the
shape of its rate's Gamma distribution, infinite where the rate is known; its first stream (the last
one stands before the next line's first; a closing record tells where the streams end); its depot;
its floor."""

STREAM = np.dtype([("weight", np.float64), ("travel", np.float64), ("sla", np.int32)])
"""A stream of a line: its share of its class's demand, travel time in hours, its class."""

CLASS = np.dtype([("hours", np.float64), ("service", np.float64), ("time", np.float64)])
"""A class: its time to site in hours, what its whole service is worth, what an hour of its mean
time costs."""

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
        ("share", np.float64),
        ("kept", np.float64),
        ("pay", np.float64),
        ("first_chance", np.float64),
        ("start", np.int64),
    ]
)
"""A recursion P(X = s + 1) = P(X = s) (mean + slope s) / (s + 1) from `start` on, -1 where there is
nothing to decide; P(X = s) is `chance`, P(X < s) is `share`, `kept` that of the best stock so far, and
a whole share is worth `pay`."""

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

_SETTLED = 1e-15
"""Share of all there is to gain that is mere rounding: nothing more is to be had."""

_compiled = numba.njit(cache=True, nogil=True)


@_compiled
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
    state.share = 0.0
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


@_compiled
def _advance(state: Record, level: int) -> None:
    """From P(X < level) to P(X < level + 1)."""
    if level < state.start:
        return
    if level == state.start and level > 0:
        state.chance = state.first_chance
    state.share = min(state.share + state.chance, 1.0)
    state.chance *= (state.mean + state.slope * level) / (level + 1)


@_compiled
def _in_time(hours: float, promised: float) -> float:
    return 1.0 if hours <= promised + _CLOSE_HOURS else 0.0


@_compiled
def _open(line: Record, streams: Records, classes: Records, terms: Record, walk: Records) -> tuple[float, float, float]:
    """Begin a line's walk at s = 0: what its tail costs, all there is to gain, and what is gained anyway."""
    tail_pay = terms.shipping_cny * line.rate
    most, anyway = 0.0, 0.0
    for j in range(len(streams)):
        stream: Record = streams[j]
        sla: Record = classes[stream.sla]
        state: Record = walk[j]
        pay, late_pay = sla.service * stream.weight, sla.time * stream.weight
        state.start, state.pay, state.share = -1, 0.0, 0.0
        anyway -= late_pay * stream.travel
        if terms.lost:
            own, other = _in_time(stream.travel, sla.hours), _in_time(terms.hours, sla.hours)
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
            _begin(state, line.rate * (line.lead - window), line.shape, 1.0)
    if terms.timed and not terms.lost:
        _begin(walk[len(streams)], line.rate * line.lead, line.shape, 0.0)
    return tail_pay, most, anyway


@_compiled
def _step(line: Record, streams: int, terms: Record, walk: Records, level: int, tail: float) -> float:
    """From what a stock of `level` delivers to what one more does; answers the tail."""
    if terms.lost:
        filled = line.rate * line.lead * tail
        return filled / (level + 1 + filled)
    for j in range(streams):
        if walk[j].start >= 0:
            _advance(walk[j], level)
    if not terms.timed or line.rate == 0.0:
        return 0.0
    _advance(walk[streams], level)
    return max(tail - (1.0 - walk[streams].share) / line.rate, 0.0)


@_compiled
def _gained(walk: Records, streams: int) -> float:
    gained = 0.0
    for j in range(streams):
        gained += walk[j].pay * walk[j].share
    return gained


@_compiled
def _each(line: Record, depots: Records) -> float:
    depot: Record = depots[line.depot]
    return line.price + depot.unit + depot.money * line.unit_cost


@_compiled
def _best(
    line: Record, streams: Records, classes: Records, depots: Records, terms: Record, walk: Records
) -> tuple[int, float, float]:
    """The best stock of a line, what it costs at the prices, and its tail; the walk shows what it delivers."""
    count, each = len(streams), _each(line, depots)
    tail_pay, most, anyway = _open(line, streams, classes, terms, walk)
    tail = 1.0 if terms.lost else line.lead
    level = 0
    while level < line.floor:
        tail = _step(line, count, terms, walk, level, tail)
        level += 1
    best, best_level, best_tail = math.inf, level, tail
    while True:
        gained = _gained(walk, count)
        value = each * level - gained + tail_pay * tail
        if value < best:
            best, best_level, best_tail = value, level, tail
            for j in range(count):
                walk[j].kept = walk[j].share
        left = most - gained + max(tail_pay, 0.0) * tail
        if each * (level + 1) - most + min(tail_pay, 0.0) * tail >= best or left <= _SETTLED * (most + abs(tail_pay)):
            for j in range(count):
                walk[j].share = walk[j].kept
            return best_level, best - anyway, best_tail
        tail = _step(line, count, terms, walk, level, tail)
        level += 1


@_compiled
def _deliver(
    line: Record,
    streams: Records,
    classes: Records,
    terms: Record,
    walk: Records,
    tail: float,
    service: Floats,
    hours: Floats,
) -> float:
    """Add what a line's present stock delivers to its classes; answers the shipping cost."""
    for j in range(len(streams)):
        stream: Record = streams[j]
        sla: Record = classes[stream.sla]
        if terms.lost:
            own, other = _in_time(stream.travel, sla.hours), _in_time(terms.hours, sla.hours)
            service[stream.sla] += stream.weight * (own + (other - own) * tail)
            hours[stream.sla] += stream.weight * (stream.travel + (terms.hours - stream.travel) * tail)
        else:
            service[stream.sla] += stream.weight * walk[j].share
            hours[stream.sla] += stream.weight * (stream.travel + 24.0 * tail)
    return terms.shipping_cny * line.rate * tail


@_compiled
def _most_streams(lines: Records) -> int:
    most = 0
    for i in range(len(lines) - 1):
        most = max(most, lines[i + 1].first - lines[i].first)
    return most


@_compiled
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
    walk = np.zeros(_most_streams(lines) + 1, dtype=_STATE)
    origin = lines[0].first
    total, lost = 0.0, 0.0
    for i in range(len(lines) - 1):
        line, depot = lines[i], lines[i].depot
        own = streams[line.first - origin : lines[i + 1].first - origin]
        level, value, tail = _best(line, own, classes, depots, terms, walk)
        levels[i] = level
        term = value - lost  # Kahan's sum: the bound is a certificate
        raised = total + term
        lost = (raised - total) - term
        total = raised
        totals[depot, 1] += _deliver(line, own, classes, terms, walk, tail, service[depot], hours[depot])
        totals[depot, 0] += line.price * level
        totals[depot, 2] += level
        totals[depot, 3] += line.unit_cost * level
    return total


@_compiled
def bin_of(distance: float, bins: int) -> int:
    """The bin that a distance falls into.

    >>> bin_of(0.5e-12, 8), bin_of(1.1e-12, 8), bin_of(2e-12, 8), bin_of(1.0, 8)
    (0, 1, 5, 7)
    """
    if distance < NEAREST:
        return 0
    return min(int(BINS_PER_DOUBLING * math.log2(distance / NEAREST)) + 1, bins - 1)


@_compiled
def look_near(
    lines: Records,
    streams: Records,
    classes: Records,
    depots: Records,
    terms: Record,
    allowance: float,
    reach: float,
    bins: Ints,
    near: Floats,
    service: Floats,
    hours: Floats,
) -> int:
    """Find stocks that other prices would soon choose; answers how many found room.

    The regret of a stock is what it costs more than the best of its line. Its distance is its
    regret as a share of what the stock between the two costs: by so much the prices have to
    change before it is chosen.

    Args:
        lines: as for `price_lines`; so are `streams`, `classes`, `depots` and `terms`.
        streams: see there.
        classes: see there.
        depots: see there.
        terms: see there.
        allowance: the largest regret.
        reach: the largest distance, below 1.
        bins: the distances of all such stocks are counted here.
        near: filled with line, stock, cost of shipping, and whether it is the best of its line, for
            each of them and for the best of its line, as far as there is room: shape (room, 4).
        service: filled with what they deliver, shape (room, classes), from zeros.
        hours: likewise.
    """
    walk = np.zeros(_most_streams(lines) + 1, dtype=_STATE)
    origin = lines[0].first
    room, found = len(near), 0
    for i in range(len(lines) - 1):
        line = lines[i]
        own = streams[line.first - origin : lines[i + 1].first - origin]
        best_level, best, _ = _best(line, own, classes, depots, terms, walk)
        count, each = len(own), _each(line, depots)
        tail_pay, most, anyway = _open(line, own, classes, terms, walk)
        tail = 1.0 if terms.lost else line.lead
        before, level = found, 0
        while True:
            gained = _gained(walk, count)
            regret = max(each * level - gained + tail_pay * tail - anyway - best, 0.0)
            between = each * abs(level - best_level)
            is_best = level == best_level
            is_near = level >= line.floor and regret <= min(allowance, reach * between) and not is_best
            if is_near:
                bins[bin_of(regret / max(between, 1e-300), len(bins))] += 1
            if (is_near or is_best) and found < room:
                near[found, 0], near[found, 1], near[found, 3] = i, level, is_best
                near[found, 2] = _deliver(line, own, classes, terms, walk, tail, service[found], hours[found])
                found += 1
            left = most - gained + max(tail_pay, 0.0) * tail
            least = each * (level + 1) - most + min(tail_pay, 0.0) * tail - anyway - best
            enough = min(allowance, reach * each * (level + 1 - best_level))
            if level >= best_level and (least > enough or left <= _SETTLED * (most + abs(tail_pay))):
                break
            tail = _step(line, count, terms, walk, level, tail)
            level += 1
        if found == before + 1:  # the best alone leaves nothing to choose
            found = before
            service[found], hours[found] = 0.0, 0.0
    return found
