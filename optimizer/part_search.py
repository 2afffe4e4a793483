"""The last step to the best plan of a part, compiled: all choices of its shelves that can still be part of it, combined.

With every unit worth something to whoever takes it, each shelf chooses alone, and the sum bounds every plan from below
(see `part_planner`). What another choice costs more than the best one is its *regret*. A plan that is better than the
one known can only hold choices whose regrets together stay below the gap between bound and plan, which are few. They
are combined shelf by shelf. Of all ways to come to the same rest of units only the cheapest is kept (a *label*), and
only while the least that the shelves to come regret, if they take no more units than are left altogether, keeps it
below the known plan.

Sources: Held & Karp, Journal of SIAM 10 (1962) 196-210, for one label per state; Christofides, Mingozzi & Toth,
Networks 11 (1981) 145-164, for states relaxed to a bound.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from optimizer.part_sources import (
    EXACT,
    SOURCE,
    Flags,
    Floats,
    Ints,
    Part,
    Records,
    Table,
    compiled,
    ranking,
    receiving,
    sources_of,
)

CHOICE = np.dtype([("regret", np.float64), ("units", np.int64), ("step", np.int64)])
"""What one shelf may take: its regret, units altogether, what that takes off the packed rest of units."""

LABEL = np.dtype(
    [
        ("rest", np.int64), ("cost", np.float64), ("least", np.float64), ("left", np.int64), ("before", np.int64),
        ("choice", np.int64),
    ]
)  # fmt: skip
"""Some shelves have chosen: the units that are left, packed, and altogether; what it costs, and at least in the end; the
label before it and the choice that led here."""

MOST_CHOICES = 20_000
"""Choices of all shelves of a part beyond which none are combined."""

MOST_BITS = 62
"""Bits into which what is left on the shelves is packed; parts that need more are not searched."""

Taken = npt.NDArray[np.int16]


class Choices(NamedTuple):
    """What each shelf may take, `taken` of each shelf, the shelf k's choices from `firsts[k]` on, and how they are combined.

    The shelves choose in an `order`; those from the d-th on may take at most `future[d, j]` of shelf j. What is left of it
    stands at its `place` in a label's packed rest, so many bits wide, below its `guard` bit.
    """

    choices: Table
    taken: Taken
    firsts: Ints
    order: Ints
    future: Ints
    place: Ints
    width: Ints
    guard: int
    worth: Floats


@compiled
def search(part: Part, worth: Floats, bound: float, room: int, best: Floats, units: Ints) -> None:
    """Raise best[0], what every plan costs at least, and lower best[1], what the plan in `units` costs, till they meet.

    `bound` is what the shelves' own choices at the worths come to. At most `room` labels are kept after each shelf: the
    bound stays below the plan where that was too few.
    """
    count = len(part.shelves) - 1
    choices, taken = np.empty(MOST_CHOICES, CHOICE), np.zeros((MOST_CHOICES, count), np.int16)
    firsts = np.zeros(count + 1, np.int64)
    for k in range(count):
        first, end = int(firsts[k]), _near_choices(part, k, worth, best[1] - bound, choices, taken, int(firsts[k]))
        if end < 0:
            return
        _sort(choices, taken, first, end)
        firsts[k + 1] = end
    order, future = _in_turn(part, taken, firsts)
    held, place, width = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, np.int64)
    for j in range(count):
        held[j] = min(int(part.shelves[j].on_hand), future[0, j])
        bound += worth[j] * (part.shelves[j].on_hand - held[j])
    if not _packed(held, place, width):
        return
    guard = 0
    for j in range(count):
        guard |= int(np.int64(1) << (place[j] + width[j]))
        for r in range(firsts[count]):
            choices[r].step = (choices[r].step if j > 0 else 0) + (np.int64(taken[r, j]) << place[j])
    _combine(
        part, Choices(choices, taken, firsts, order, future, place, width, guard, worth), held, bound, room, best, units
    )


@compiled
def _sort(choices: Table, taken: Taken, first: int, end: int) -> None:
    """Put some choices in order, those with the least regret first."""
    regrets, before, took = np.empty(end - first), choices[first:end].copy(), taken[first:end].copy()
    for i in range(end - first):
        regrets[i] = before[i].regret
    ranked = ranking(regrets)
    for i in range(end - first):
        choices[first + i] = before[ranked[i]]
        taken[first + i] = took[ranked[i]]


@compiled
def _near_choices(part: Part, k: int, worth: Floats, within: float, choices: Table, taken: Taken, first: int) -> int:
    """Write down, from `first` on, what shelf k may take with a regret of at most `within`: where they end, -1 if full."""
    count, useful = len(part.shelves) - 1, int(part.shelves[k].useful)
    sources = np.empty(int(part.shelves[k + 1].first_way - part.shelves[k].first_way) + 1, SOURCE)
    on_hand = np.empty(count, np.int64)
    for j in range(count):
        on_hand[j] = part.shelves[j].on_hand
    many = sources_of(part, k, worth, on_hand, sources)
    table, buying = np.empty((many + 1, useful + 1)), np.empty(useful + 1)
    receiving(sources, many, useful, table)
    for q in range(useful + 1):
        buying[q] = part.costs[part.shelves[k].first_cost + useful - q]
    least, end = math.inf, first
    for q in range(useful + 1):
        least = min(least, table[many, q] + buying[q])
    for q in range(useful + 1):
        if end >= 0 and table[many, q] + buying[q] - least <= within:
            end = _ways_to_receive(q, buying[q] - least, within, sources, many, table, choices, taken, end)
    return end


@compiled
def _ways_to_receive(
    q: int,
    cost: float,
    within: float,
    sources: Records,
    many: int,
    table: Floats,
    choices: Table,
    taken: Taken,
    end: int,
) -> int:
    """Write down all ways to receive q units that come to at most `within`: where they end, -1 if full.

    Depth first from the last source to the first: rest[s] units are still to come from the first s of them.
    """
    x, rest, costs = np.zeros(many, np.int64), np.zeros(many + 1, np.int64), np.zeros(many + 1)
    rest[many], costs[many] = q, cost
    s, x[many - 1] = many - 1, -1
    while s < many:
        x[s] += 1
        if x[s] > min(int(sources[s].most), rest[s + 1]):
            s += 1
            continue
        rest[s] = rest[s + 1] - x[s]
        costs[s] = costs[s + 1] + (sources[s].price + sources[s].each * x[s] if x[s] > 0 else 0.0)
        if math.isinf(table[s, rest[s]]) or not costs[s] + table[s, rest[s]] <= within:
            continue
        if s > 0:
            s -= 1
            x[s] = -1
            continue
        if end == len(choices):
            return -1
        choices[end].regret, choices[end].units = max(0.0, costs[0]), q
        taken[end] = 0
        for i in range(many):
            taken[end, sources[i].origin] = x[i]
        end += 1
    return end


@compiled
def _in_turn(part: Part, taken: Taken, firsts: Ints) -> tuple[Ints, Ints]:
    """In which order the shelves choose, and the most that those from the d-th on may still take of each shelf.

    Next is always the shelf after which fewest shelves are to be kept count of, weighed by what they hold.
    """
    count = len(part.shelves) - 1
    most, takers = _most_taken(taken, firsts)
    order, chose, counted = np.empty(count, np.int64), np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    for d in range(count):
        following, least = -1, math.inf
        for k in range(count):
            more = math.inf if chose[k] else _counted_more(part, most[k], takers, counted)
            if more < least:
                following, least = k, more
        order[d], chose[following] = following, True
        for j in range(count):
            if most[following, j] > 0:
                counted[j] = True
                takers[j] -= 1
    future = np.zeros((count + 1, count), np.int64)
    for d in range(count - 1, -1, -1):
        for j in range(count):
            future[d, j] = future[d + 1, j] + most[order[d], j]
    return order, future


@compiled
def _most_taken(taken: Taken, firsts: Ints) -> tuple[Ints, Ints]:
    """The most that each shelf takes of each, and how many take of each."""
    count = len(firsts) - 1
    most, takers = np.zeros((count, count), np.int64), np.zeros(count, np.int64)
    for k in range(count):
        for r in range(firsts[k], firsts[k + 1]):
            for j in range(count):
                most[k, j] = max(most[k, j], np.int64(taken[r, j]))
        for j in range(count):
            takers[j] += 1 if most[k, j] > 0 else 0
    return most, takers


@compiled
def _counted_more(part: Part, takes: Ints, takers: Ints, counted: Flags) -> float:
    """How much more is to be kept count of once a shelf chose: what it is the first to take of, less what it is the last."""
    more = 0.0
    for j in range(len(takes)):
        if takes[j] > 0:
            weight = math.log(part.shelves[j].on_hand + 1.0)
            more += (0.0 if counted[j] else weight) - (weight if takers[j] == 1 else 0.0)
    return more


@compiled
def _packed(held: Ints, place: Ints, width: Ints) -> bool:
    """Give each shelf's units a place in one number, with a bit above each that stays clear; whether there is room."""
    bits = 0
    for j in range(len(held)):
        place[j], width[j] = bits, 0
        while held[j] >> width[j]:
            width[j] += 1
        bits += width[j] + 1
    return bits <= MOST_BITS


@compiled
def _least_to_come(choices: Table, firsts: Ints, order: Ints, held: Ints) -> Floats:
    """The least that the shelves from the d-th on regret if they take no more units than are held altogether."""
    count, most = len(order), int(held.sum())
    least = np.zeros((count + 1, most + 1))
    for d in range(count - 1, -1, -1):
        for left in range(most + 1):
            best = math.inf
            for r in range(firsts[order[d]], firsts[order[d] + 1]):
                if choices[r].units <= left:
                    best = min(best, choices[r].regret + least[d + 1, left - choices[r].units])
            least[d, left] = best
    return least


@compiled
def _combine(part: Part, of: Choices, held: Ints, bound: float, room: int, best: Floats, units: Ints) -> None:
    """Let the shelves choose in turn from every label."""
    count = len(of.order)
    rest, left = 0, 0
    for j in range(count):
        rest += int(held[j] << of.place[j])
        left += int(held[j])
    to_come = _least_to_come(of.choices, of.firsts, of.order, held)
    labels, slots = np.empty(1 + 2 * count * room, LABEL), np.empty(8 * room, np.int64)
    labels[0].rest, labels[0].left, labels[0].cost = rest, left, bound
    labels[0].least, labels[0].before, labels[0].choice = bound + to_come[0, left], -1, -1
    best[0] = max(best[0], min(best[1], labels[0].least))
    bounds, dropped = np.array([0, 1]), math.inf
    for d in range(count):
        first, end = bounds
        slots[:] = -1
        fresh, lost = _let_choose(of, d, to_come[d + 1], labels, first, end, end + 2 * room, slots, best[1] - EXACT)
        dropped = min(dropped, lost)
        if fresh - end > room:
            dropped = min(dropped, _thin_out(labels, end, fresh, room))
            fresh = end + room
        bounds[0], bounds[1] = end, fresh
    if bounds[1] > bounds[0]:
        last = bounds[0]
        for p in range(bounds[0], bounds[1]):
            last = p if labels[p].cost < labels[last].cost else last
        best[1] = labels[last].cost
        _trace(part, labels, of.taken, of.order, last, units)
    best[0] = max(best[0], min(best[1], dropped))


@compiled
def _let_choose(
    of: Choices,
    d: int,
    to_come: Floats,
    labels: Table,
    first: int,
    end: int,
    full: int,
    slots: Ints,
    below: float,
) -> tuple[int, float]:
    """Let the d-th shelf choose from the labels between `first` and `end`: where the new ones end, no further than `full`.

    Only what may come to less than `below` is kept. The second number is the least that what found no room could come to.
    """
    k, fresh, lost = int(of.order[d]), end, math.inf
    for p in range(first, end):
        for r in range(of.firsts[k], of.firsts[k + 1]):
            cost, left = labels[p].cost + of.choices[r].regret, labels[p].left - of.choices[r].units
            if cost >= below:
                break
            rest = (labels[p].rest | of.guard) - of.choices[r].step
            if left < 0 or cost + to_come[left] >= below or rest & of.guard != of.guard:
                continue
            rest, left, cost = _forget(of, d, rest ^ of.guard, left, cost)
            least = cost + to_come[left]
            if least >= below:
                continue
            slot = _slot(slots, labels, rest)
            at = slots[slot]
            if at < 0 and fresh == full:
                lost = min(lost, least)
                continue
            if at < 0:
                slots[slot] = at = fresh
                fresh += 1
            elif cost >= labels[at].cost:
                continue
            labels[at].rest, labels[at].left, labels[at].cost, labels[at].least = rest, left, cost, least
            labels[at].before, labels[at].choice = p, r
    return fresh, lost


@compiled
def _forget(of: Choices, d: int, rest: int, left: int, cost: float) -> tuple[int, int, float]:
    """Leave units that no shelf after the d-th can take where they are: their worth is lost."""
    for j in range(len(of.order)):
        if of.future[d + 1, j] < of.future[d, j]:
            over = ((rest >> of.place[j]) & ((np.int64(1) << of.width[j]) - 1)) - of.future[d + 1, j]
            if over > 0:
                rest -= over << of.place[j]
                left -= over
                cost += over * of.worth[j]
    return rest, left, cost


@compiled
def _slot(slots: Ints, labels: Table, rest: int) -> int:
    """Where a rest of units stands among those of this turn, or would."""
    slot = int((rest * np.int64(0x9E3779B97F4A7C1)) >> 20) % len(slots)
    while slots[slot] >= 0 and labels[slots[slot]].rest != rest:
        slot = (slot + 1) % len(slots)
    return slot


@compiled
def _thin_out(labels: Table, first: int, end: int, room: int) -> float:
    """Keep the labels that promise most, in front: what the best of the others could have come to."""
    least, before = np.empty(end - first), labels[first:end].copy()
    for i in range(end - first):
        least[i] = before[i].least
    ranked = ranking(least)
    for i in range(room):
        labels[first + i] = before[ranked[i]]
    return float(least[ranked[room]])


@compiled
def _trace(part: Part, labels: Table, taken: Taken, order: Ints, last: int, units: Ints) -> None:
    """Let the ways carry what was chosen on the way to a label."""
    for d in range(len(order) - 1, -1, -1):
        k = int(order[d])
        for w in range(part.shelves[k].first_way - part.first_way, part.shelves[k + 1].first_way - part.first_way):
            units[w] = taken[labels[last].choice, part.ways[w].origin]
        last = int(labels[last].before)
