"""Many parts as the compiled planner reads them, and what it plans as actions."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from optimizer.emergency_model import Goal, in_order
from optimizer.emergency_parts import Part
from optimizer.part_planner import OFFER, buying_costs, plan_parts
from optimizer.part_sources import SHELF, WAY, Flags, Floats, Ints
from optimizer.situation import Action, Move, Need, Purchase, VendorOption

LARGEST = 300
"""A part of which a depot asks for more units than this is none for the compiled planner."""


_HANDFULS = 16
"""Into how many handfuls the parts are split for the cores to take."""


def fits(parts: Sequence[Part], goal: Goal) -> bool:
    """Whether the compiled planner can plan these parts to this goal."""
    return goal.kind != "weighted" and all(need.hold_point <= LARGEST for p in parts for need in p.situation.needs)


class Crowd:
    """The tables of many parts, for a goal.

    Attributes:
        lanes: their names, in order.
        fixed: each lane's fixed cost, CNY.
        lane: the lane of each way.
        part: the part of each way, as its place.

    """

    def __init__(self, parts: Sequence[Part], goal: Goal) -> None:
        self.parts = parts
        self._goal = goal
        lanes = {lane.name: lane for part in parts for lane in part.situation.lanes}
        self.lanes = sorted(lanes)
        self.fixed = np.array([lanes[name].fixed_cost_cny for name in self.lanes])
        into: dict[str, list[tuple[int, str, float, float]]] = {}
        for place, name in enumerate(self.lanes):
            lane = lanes[name]
            into.setdefault(lane.destination, []).append((place, lane.origin, lane.hours, lane.unit_cost_cny))
        firsts, shelves, ways, offers, first_offers = [0], list[tuple[int, ...]](), [], [], [0]
        cells = 0
        for part in parts:
            needs = part.situation.needs
            here = {need.depot: j for j, need in enumerate(needs)}
            asked = sum(need.hold_point for need in needs)
            for need in needs:
                useful = self._useful(need)
                shelves.append((min(need.on_hand, asked), useful, cells, len(ways)))
                cells += useful + 1
                if useful:
                    offers += [
                        (o.lots[0], o.lots[-1], o.lot, o.lot * o.unit_price_cny, o.order_fee_cny)
                        for o in self._offers(part, need)
                    ]
                    until = self._until(need)
                    ways += [
                        (here[origin], place, unit_cost)
                        for place, origin, hours, unit_cost in into.get(need.depot, ())
                        if hours <= until and origin in here and needs[here[origin]].on_hand
                    ]
                first_offers.append(len(offers))
            firsts.append(len(shelves))
        shelves.append((0, 0, cells, len(ways)))
        self._first_shelf = np.array(firsts)
        self._shelves = np.array(shelves, SHELF)
        self._ways = np.array(ways, WAY)
        self._costs = np.zeros(cells)
        self.lane: Ints = self._ways["lane"]
        self.part: Ints = np.repeat(np.arange(len(parts)), np.diff(self._shelves["first_way"][self._first_shelf]))
        self.penalty = self._most_to_pay() if goal.kind == "shortage" else math.inf
        table = np.array(offers, OFFER)
        ends = [*self._shelves["first_cost"][1:]]
        for j, end in enumerate(ends):
            first = self._shelves["first_cost"][j]
            buying_costs(table[first_offers[j] : first_offers[j + 1]], self.penalty, self._costs[first:end])

    def plan(self, prices: Floats) -> tuple[Floats, Floats, Ints]:
        """Plan each part alone at prices for the ways, on all cores: bounds, values and what each way carries."""
        bounds, values = np.zeros(len(self.parts)), np.zeros(len(self.parts))
        units = np.zeros(len(self._ways), np.int64)

        def plan_some(begin: int, stop: int) -> None:
            plan_parts(
                begin,
                stop,
                self._first_shelf,
                self._shelves,
                self._ways,
                self._costs,
                prices,
                bounds,
                values,
                units,
            )

        cuts = np.linspace(0, len(self.parts), _HANDFULS + 1, dtype=int).tolist()
        with ThreadPoolExecutor() as threads:
            list(threads.map(plan_some, cuts[:-1], cuts[1:]))
        return bounds, values, units

    def over(self, is_open: Flags) -> Floats:
        """The prices at which only open lanes are used, and cost nothing."""
        return np.where(is_open[self.lane], 0.0, math.inf)

    def actions(self, units: Ints) -> tuple[Action, ...]:
        """The plan in which the ways carry these units, and what is then lacking is bought."""
        moved: list[Action] = []
        bought: list[Action] = []
        for i, part in enumerate(self.parts):
            first, end = self._first_shelf[i], self._first_shelf[i + 1]
            needs = part.situation.needs
            sent, received = [0] * len(needs), [0] * len(needs)
            for j in range(end - first):
                start, stop = self._shelves["first_way"][first + j], self._shelves["first_way"][first + j + 1]
                for w in np.flatnonzero(units[start:stop]) + start:
                    way = self._ways[w]
                    sent[way["origin"]] += int(units[w])
                    received[j] += int(units[w])
                    moved.append(Move(self.lanes[way["lane"]], part.name, int(units[w])))
            for j, need in enumerate(needs):
                short = self._useful(need) - max(0, need.on_hand - sent[j]) - received[j]
                if short > 0:
                    bought += _cheapest(self._offers(part, need), need, short, self.penalty)
        return in_order([bought, moved])

    def _until(self, need: Need) -> float:
        return min(self._goal.by_hours, need.needed_by_hours)

    def _useful(self, need: Need) -> int:
        sure = sum(each.qty for each in need.inbound if each.eta_hours <= self._until(need))
        return max(0, need.hold_point - sure)

    def _offers(self, part: Part, need: Need) -> list[VendorOption]:
        return [
            option
            for option in part.situation.vendor_options
            if option.lead_hours <= self._until(need) and option.lots and need.depot in option.depots
        ]

    def _most_to_pay(self) -> float:
        """More than any plan of one part can sensibly cost: what a missing unit counts for."""
        most = float(self.fixed.sum())
        for part in self.parts:
            asked = sum(need.hold_point for need in part.situation.needs)
            dear = max((lane.unit_cost_cny for lane in part.situation.lanes), default=0.0) * asked
            for option in part.situation.vendor_options:
                if option.lots:
                    units = max(option.lots[0] * option.lot, asked + option.lot)
                    dear += len(option.depots) * (option.order_fee_cny + units * option.unit_price_cny)
            most = max(most, float(self.fixed.sum()) + dear)
        return 2.0 * most + 1.0


def _cheapest(options: Sequence[VendorOption], need: Need, short: int, penalty: float) -> tuple[Purchase, ...]:
    """The purchases that bring a need `short` units or more at least cost: `buying_costs`, with what is bought."""
    best: list[tuple[float, tuple[Purchase, ...]]] = [(0.0, ())]
    best += [(q * penalty, ()) for q in range(1, short + 1)]
    for option in options:
        for q in range(short, 0, -1):
            enough = min(option.lots[-1], max(option.lots[0], -(-q // option.lot)))
            for lots in range(option.lots[0], enough + 1):
                units = lots * option.lot
                cost, before = best[max(0, q - units)]
                cost += option.order_fee_cny + lots * (option.lot * option.unit_price_cny)
                if cost < best[q][0]:
                    best[q] = (cost, (*before, Purchase(option.option, need.part, need.depot, units)))
    return best[short][1]
