"""Many parts that share their trucks, planned one by one at prices for the lanes."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from optimizer.emergency_model import HALF_A_FEN, Clock, Goal, Model, Solved, in_order
from optimizer.emergency_parts import Found, Part, joined
from optimizer.situation import Action, Move


class _Alone:
    """One part of a group, planned alone at given costs of its lanes."""

    def __init__(self, part: Part, goal: Goal, trifle: float, clock: Clock) -> None:
        self.part = part
        self.plan: tuple[Action, ...] = ()
        self.lanes: frozenset[str] = frozenset()
        self.own_value = math.inf
        self._model = Model(part.situation, goal, trifle=trifle)
        self._costs: dict[str, float] | None = None
        if goal.kind == "shortage":
            fewest = self._model.minimise(self._model.short, clock)
            if fewest.proven:
                self._model.keep(self._model.short, fewest.value + 0.5)

    def replan(self, lane_costs: Mapping[str, float], clock: Clock) -> Solved:
        """Take the best plan at these costs; keep the present one if none is proven in time."""
        model = self._model
        if model.hopeless:
            return Solved(found=False, proven=False, infeasible=True)
        solved = model.minimise(model.worth(lane_costs), clock, model.constant)
        if solved.proven or (solved.found and self.own_value == math.inf):
            self.plan = model.plan()
            self.lanes = frozenset(each.move for each in self.plan if isinstance(each, Move))
            self.own_value = solved.value - math.fsum(lane_costs[lane] for lane in self.lanes)
        return solved

    def replan_if_changed(self, lane_costs: dict[str, float], clock: Clock) -> None:
        """Plan anew unless the costs are those of last time."""
        if lane_costs != self._costs and self.replan(lane_costs, clock).proven:
            self._costs = lane_costs


def solve_by_part(parts: Sequence[Part], goal: Goal, clock: Clock) -> Found | None:
    """Plan a great group part by part, None if a part cannot reach the goal.

    A lane's fixed cost F is split over the parts that may use it, Σ u = F. Every part plans
    alone, paying u for a lane. As no plan of the group can be worth less than the sum of these
    best parts (each lane it runs costs F = Σ u), the sum is a lower bound (Lagrange; the split
    comes from the relaxed model's duals). The plans taken together are a plan of the group,
    which is then improved in turns.

    Source: Geoffrion, Mathematical Programming Study 2 (1974) 82-114.
    """
    split = _lane_prices(parts, goal, clock)
    if split is None:
        return None
    prices, runs = split
    trifle = HALF_A_FEN / len(parts)
    alone: list[_Alone] = []
    bound = 0.0
    for part in parts:
        if not clock.left():
            return Found(None, proven=False)
        alone.append(_Alone(part, goal, trifle, clock))
        solved = alone[-1].replan(prices[part.name], clock)
        if solved.infeasible:
            return None
        if not solved.found:
            return Found(None, proven=False)
        bound += solved.bound - trifle
    _take_turns(alone, runs, clock)
    return Found(in_order(each.plan for each in alone), proven=False, bound=bound)


def _take_turns(alone: Sequence[_Alone], runs: Mapping[str, float], clock: Clock) -> None:
    """Let each part plan anew in turn until nothing improves or time is out.

    Lanes that others run cost a part nothing, the rest their full price; so no turn makes the
    group's plan dearer. In the first round only those before it count as others, and a lane is
    cheaper the more of it runs in the relaxed model, since others will join.
    """
    fixed = {lane.name: lane.fixed_cost_cny for a in alone for lane in a.part.situation.lanes}
    users: Counter[str] = Counter()
    for each in alone:
        lanes = [lane.name for lane in each.part.situation.lanes]
        each.replan({name: 0.0 if users[name] else fixed[name] * (1 - runs[name]) for name in lanes}, clock)
        users.update(each.lanes)
    worth = math.inf
    while clock.left():
        now = math.fsum(a.own_value for a in alone) + math.fsum(fixed[name] for name in +users)
        if now > worth - HALF_A_FEN:
            return
        worth = now
        for each in alone:
            users.subtract(each.lanes)
            lanes = [lane.name for lane in each.part.situation.lanes]
            each.replan_if_changed({name: 0.0 if users[name] else fixed[name] for name in lanes}, clock)
            users.update(each.lanes)


def _lane_prices(
    parts: Sequence[Part], goal: Goal, clock: Clock
) -> tuple[dict[str, dict[str, float]], dict[str, float]] | None:
    """Return each lane's price for each part, and how much of the lane runs when relaxed.

    A lane's prices, by part and lane, add up to its fixed cost: by the duals of the relaxed
    model, or evenly if there is no time for it. None if the goal is out of reach.
    """
    fixed = {lane.name: lane.fixed_cost_cny for p in parts for lane in p.situation.lanes}
    weight = {p.name: {lane.name: 1.0 for lane in p.situation.lanes} for p in parts}
    runs = dict.fromkeys(fixed, 0.0)
    if goal.kind != "shortage":
        model = Model(joined([part.situation for part in parts]), goal, relaxed=True)
        solved = model.minimise(model.worth(), clock.share(0.5), model.constant)
        if model.hopeless or solved.infeasible:
            return None
        if solved.proven:
            runs |= model.runs()
            weight = {part: dict.fromkeys(of_part, 0.0) for part, of_part in weight.items()}
            for (part, lane), price in model.lane_prices().items():
                weight[part][lane] = price
    total: Counter[str] = Counter()
    for of_part in weight.values():
        total.update(of_part)
    prices = {
        part: {lane: fixed[lane] * each / max(total[lane], 1e-9) for lane, each in of_part.items()}
        for part, of_part in weight.items()
    }
    return prices, runs
