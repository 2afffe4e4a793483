"""Shelves of one part in all its depots, played demand by demand, first come first served.

Nothing of the formulas enters: a demand takes a unit from its own shelf, or from the first of the
depots it may ask that has one; or it waits, or goes to the emergency channel. Whoever ships
orders as many units again as its lot says, once so many are gone; what arrives serves who has
waited longest.

Written so that numba can compile it (`shelves_compiled`): a simulation plays millions of demands.
"""

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from optimizer.network import Network
from optimizer.recount import Floats, Ints, helping

ROUNDING_HOURS = 1e-9
"""How far a time may exceed a promise and count as within it."""

EMERGENCY = -1
"""The source of what no shelf served."""


@dataclass(frozen=True, slots=True, eq=False)
class Shelves:
    """A part's shelves, numbered, as they are before the first demand.

    Of each: `on_hand`, the base stock; `lot`, how many units it orders at a time; `ways`, the
    shelves asked in order, itself first, then -1; `way_hours`, what shipping from there adds. Its
    lead times in days are `lead_times[first_lead_time[i]: first_lead_time[i + 1]]`: one alone is
    that of every order, or the mean where they are `exponential`; of several, as observed, any.
    """

    on_hand: Ints
    ways: Ints
    way_hours: Floats
    lead_times: Floats
    first_lead_time: Ints
    lot: Ints
    exponential: bool
    waits: bool

    def serve(
        self,
        day: Floats,
        shelf: Ints,
        luck: Floats,
        begins: Ints,
        phase: Floats,
        *,
        play: Callable[..., None] | None = None,
    ) -> tuple[Floats, Ints]:
        """Play demands.

        Args:
            day: when each is made, in order.
            shelf: which one it reaches first.
            luck: a number from 0 up to 1 that settles how long what it orders takes.
            begins: where among the demands each history begins.
            phase: how far each shelf's next order is filled at the beginning of each history, from
                0 up to 1, shape (histories, shelves); else all histories begin alike.
            play: the compiled rules, where there is much to play.

        Returns:
            Hours that each demand waits for a unit and for its way from another depot; and which
            shelf it came from, `EMERGENCY` if none. Of that the hours are zero.

        """
        hours, source = np.zeros(len(day)), np.full(len(day), EMERGENCY)
        (play or serve)(
            day,
            shelf,
            luck,
            np.append(begins, len(day)),
            self.on_hand,
            self.ways,
            self.way_hours,
            self.lead_times,
            self.first_lead_time,
            self.lot,
            np.floor(phase * self.lot).astype(np.int64),
            self.exponential,
            self.waits,
            hours,
            source,
        )
        return hours, source


def ways(network: Network, depots: list[str]) -> tuple[Ints, Floats]:
    """The shelves asked for a demand at each of a part's depots, and the hours that each adds.

    Where lanes join more depots than plans are computed for, only the nearest help each other, as plans count on.
    """
    lanes = network.policy.lateral_lanes or () if network.policy.lateral else ()
    place = {depot: index for index, depot in enumerate(depots)}
    groups = helping(depots, {(lane.to, lane.source): lane for lane in lanes})
    group = {depot: number for number, group in enumerate(groups) for depot in group}
    order = np.full((len(depots), len(depots)), EMERGENCY)
    hours = np.zeros((len(depots), len(depots)))
    for own, depot in enumerate(depots):
        to_here = sorted((lane for lane in lanes if lane.to == depot), key=lambda lane: lane.hours)
        asked = [
            (own, 0.0),
            *((place[lane.source], lane.hours) for lane in to_here if group.get(lane.source) == group[depot]),
        ]
        for index, (shelf, added) in enumerate(asked):
            order[own, index], hours[own, index] = shelf, added
    return order, hours


def serve(
    day: Floats,
    shelf: Ints,
    luck: Floats,
    begins: Ints,
    stocked: Ints,
    ways: Ints,
    way_hours: Floats,
    lead_times: Floats,
    first_lead_time: Ints,
    lot: Ints,
    first_taken: Ints,
    exponential: bool,  # noqa: FBT001 - compiled code takes its arguments by place
    waits: bool,  # noqa: FBT001
    hours: Floats,
    source: Ints,
) -> None:
    """Play histories by the rules of the shelves; fills in `hours` and `source`."""
    shelves = len(stocked)
    following = np.full(len(day), -1)
    for history in range(len(begins) - 1):
        taken = first_taken[history].copy()
        on_hand = stocked + lot - 1 - taken
        longest, last = np.full(shelves, -1), np.full(shelves, -1)
        arrivals = [(0.0, 0) for _ in range(0)]
        for number in range(begins[history], begins[history + 1]):
            own = shelf[number]
            while arrivals and arrivals[0][0] <= day[number]:
                _receive(heapq.heappop(arrivals), day, on_hand, longest, following, hours)
            way = _way(ways[own], on_hand)
            if way >= 0:
                source[number], hours[number] = ways[own, way], way_hours[own, way]
                on_hand[source[number]] -= 1
            else:
                if not waits:
                    continue
                source[number] = own
                _queue(number, own, longest, last, following)
            giving = source[number]
            taken[giving] += 1
            if taken[giving] == lot[giving]:
                known = lead_times[first_lead_time[giving] : first_lead_time[giving + 1]]
                lead = known[int(luck[number] * len(known))]
                if exponential:
                    lead = -lead * math.log1p(-luck[number])
                _order(arrivals, day[number] + lead, giving, taken)
        while arrivals:
            _receive(heapq.heappop(arrivals), day, on_hand, longest, following, hours)
        _give_up(longest, following, hours)


def _queue(number: int, shelf: int, longest: Ints, last: Ints, following: Ints) -> None:
    """Have a demand wait behind all others at a shelf."""
    if longest[shelf] < 0:
        longest[shelf] = number
    else:
        following[last[shelf]] = number
    last[shelf] = number


def _order(arrivals: list[tuple[float, int]], when: float, shelf: int, taken: Ints) -> None:
    """Have all that was taken from a shelf arrive there at once."""
    for _ in range(taken[shelf]):
        heapq.heappush(arrivals, (when, shelf))
    taken[shelf] = 0


def _give_up(longest: Ints, following: Ints, hours: Floats) -> None:
    """Whoever waits for an order that the end came before waits for ever."""
    for shelf in range(len(longest)):
        while longest[shelf] >= 0:
            hours[longest[shelf]] = math.inf
            longest[shelf] = following[longest[shelf]]


def _way(ways: Ints, on_hand: Ints) -> int:
    """The first way to a shelf that has a unit; -1 if none has."""
    for way in range(len(ways)):
        if ways[way] >= 0 and on_hand[ways[way]] > 0:
            return way
    return -1


def _receive(
    arrival: tuple[float, int], day: Floats, on_hand: Ints, longest: Ints, following: Ints, hours: Floats
) -> None:
    """Put what has arrived on the shelf, or into the hands of who waited longest."""
    when, shelf = arrival
    number = longest[shelf]
    if number < 0:
        on_hand[shelf] += 1
    else:
        hours[number] = 24.0 * (when - day[number])
        longest[shelf] = following[number]


RULES = (_queue, _order, _give_up, _way, _receive)
"""What `serve` calls, for whoever compiles it."""
