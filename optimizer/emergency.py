"""Emergency plan 2: what to buy and what to move so that every need is met, at least cost.

Plans are found by mixed-integer programming (PuLP on HiGHS, in process) and refereed by
`situation.evaluate`, which shares nothing with the model. Parts meet only on lanes whose fixed
cost they share, and under a budget; what does not meet is solved apart, and many parts that
meet are planned one by one, at prices for their lanes and over sets of open lanes, in compiled code
(`lane_prices`). That also gives a plan where time runs out before a program does.

Costs less than half a fen apart are equal. Among plans of equal cost the answer is the one whose
last needed arrival is earliest, then the one with fewest actions, then fewest units, then the one
whose actions stand first by name (least sum of their places in the list of all actions that could
be of use, purchases by option and depot before moves by lane and part). In situations of some
dozen actions and more the last of these lies below what the solver can tell apart; as the model
is built in the order of names, the order of the file's lists does not matter even then.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from optimizer.emergency_model import HALF_A_FEN, ROUNDING, Clock, Goal, Model, in_order
from optimizer.emergency_parts import Found, Part, cut, group_by_lanes, joined
from optimizer.errors import OptimizerError
from optimizer.situation import Action, Missing, Move, Outcome, Situation, evaluate

MANY_PARTS = 12
"""A group of more parts than this is first solved part by part at lane prices."""

TOO_MANY_PARTS = 100
"""A group of more parts than this is solved at lane prices only."""


class Point(msgspec.Struct, frozen=True):
    """A plan that no other beats in both cost and last needed arrival."""

    cost_cny: float
    last_needed_arrival_hours: float
    plan: tuple[Action, ...]


class Weighted(msgspec.Struct, frozen=True):
    """The plan of least cost plus priced shortage, deadlines aside."""

    total_cny: float
    cost_cny: float
    shortage_unit_hours: float
    plan: tuple[Action, ...]


class LeastShortage(msgspec.Struct, frozen=True):
    """The plan that leaves the fewest units missing at the deadlines; of such, the cheapest."""

    units: int
    cost_cny: float
    plan: tuple[Action, ...]
    missing: tuple[Missing, ...]


class Answer(msgspec.Struct, frozen=True):
    """What to do.

    `status` speaks of `plan`: "optimal", "feasible" (not proven), "infeasible" or "timed_out" (time
    ran out before one was found, or before one within the budget was found or ruled out). No plan
    costs less than `lower_bound_cny`, as far as the solver is to be believed; None where that is not
    known.
    `front` runs from the cheapest plan to the fastest. `least_shortage` is there when the
    situation is infeasible. `reasons` say what is missing and what would help, and which parts
    of the answer were cut short.
    """

    status: Literal["optimal", "feasible", "infeasible", "timed_out"]
    cost_cny: float | None
    plan: tuple[Action, ...]
    front: tuple[Point, ...]
    weighted: Weighted
    least_shortage: LeastShortage | None
    lower_bound_cny: float | None
    reasons: tuple[str, ...]


def choose(situation: Situation, *, time_limit_s: float = 30.0) -> Answer:
    """Return the cheapest plan that meets every need, and what else could be chosen.

    Half of `time_limit_s` may go into the cheapest plan, seven tenths of what is then left into
    the front, the remainder into the weighted optimum. An answer that was cut short says so in
    its status and its reasons, and is then not bound to be the same twice.

    Raises:
        OptimizerError: the solver failed, or its plan did not stand up to the referee.

    """
    clock = Clock(time_limit_s)
    search = _Search(situation)
    cheapest = search.best(Goal("cost"), clock.share(0.5))
    if cheapest is None or search.above_budget(cheapest.bound):
        return _infeasible(search, cheapest, clock)
    remarks: list[str] = []
    front: list[Point] = []
    if cheapest.plan is None:
        remarks.append("time ran out before a plan was found that meets every need")
    elif search.above_budget(cost := search.outcome(cheapest.plan).cost_cny):
        remarks.append(
            f"whether a plan within the budget meets every need is not known: the best one found costs {cost:,.2f} CNY, "
            f"{cost - (situation.budget_cny or 0.0):,.2f} above it, and none is proven to cost more than "
            f"{max(0.0, cheapest.bound):,.2f}"
        )
    else:
        front = search.front(cheapest.plan, clock.share(0.7), remarks)
    weighted = search.weighted([point.plan for point in front], clock, remarks)
    bound = front[0].cost_cny if front and cheapest.proven else cheapest.bound
    return Answer(
        status=("optimal" if cheapest.proven else "feasible") if front else "timed_out",
        cost_cny=front[0].cost_cny if front else None,
        plan=front[0].plan if front else (),
        front=tuple(front),
        weighted=weighted,
        least_shortage=None,
        lower_bound_cny=bound if math.isfinite(bound) else None,
        reasons=tuple(remarks),
    )


def _infeasible(search: "_Search", cheapest: "Found | None", clock: "Clock") -> Answer:
    """Return the answer when no plan meets every need, or none within the budget."""
    reasons: list[str] = []
    if cheapest is not None:
        budget = search.situation.budget_cny or 0.0
        reasons.append(
            f"every plan that meets every need costs {cheapest.bound:,.2f} CNY or more, "
            f"{cheapest.bound - budget:,.2f} above the budget of {budget:,.2f}"
        )
    remarks: list[str] = []
    least = search.least_shortage(clock.share(0.5), remarks)
    reasons += [_missing(search.situation, each, for_want_of_money=cheapest is not None) for each in least.missing]
    weighted = search.weighted([least.plan], clock, remarks)
    return Answer(
        status="infeasible",
        cost_cny=None,
        plan=(),
        front=(),
        weighted=weighted,
        least_shortage=least,
        lower_bound_cny=None,
        reasons=(*reasons, *remarks),
    )


def _missing(situation: Situation, missing: Missing, *, for_want_of_money: bool) -> str:
    """Say what a need lacks in the plan of least shortage, and what would help."""
    part, depot = missing.part, missing.depot
    need = next(n for n in situation.needs if (n.part, n.depot) == (part, depot))
    holders = {n.depot for n in situation.needs if n.part == part and n.on_hand > 0}
    sources = [
        (option.lead_hours, f"option {option.option}")
        for option in situation.vendor_options
        if option.part == part and depot in option.depots and option.lots
    ] + [
        (lane.hours, f"lane {lane.name}")
        for lane in situation.lanes
        if lane.destination == depot and lane.origin in holders
    ]
    late = sorted(source for source in sources if source[0] > need.needed_by_hours)
    in_time = sorted(name for hours, name in sources if hours <= need.needed_by_hours)
    if for_want_of_money:
        cure = "a greater budget would cover it"
    elif late:
        cure = f"{late[0][1]} could bring some by hour {late[0][0]:g}"
    elif in_time:
        cure = f"it takes more than {' and '.join(in_time)} can bring"
    else:
        cure = "nobody offers it there, and no lane leads there from a depot that has any"
    return f"{part} at {depot} lacks {missing.units} at hour {need.needed_by_hours:g}: {cure}"


class _Search:
    """The plans of a situation."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self._parts = cut(situation)
        self._proven: dict[tuple[str, ...], tuple[Found, float]] = {}
        self._prices: dict[tuple[str, ...], Mapping[tuple[str, str], float]] = {}
        self._outcomes: dict[tuple[Action, ...], Outcome] = {}

    def outcome(self, plan: tuple[Action, ...]) -> Outcome:
        if plan not in self._outcomes:
            self._outcomes[plan] = evaluate(self.situation, plan)
        return self._outcomes[plan]

    def above_budget(self, cost_cny: float) -> bool:
        budget = self.situation.budget_cny
        return budget is not None and cost_cny > budget + ROUNDING

    def best(self, goal: Goal, clock: Clock) -> Found | None:
        """Return the best plan without regard to the budget, None if there is none."""
        found: list[Found] = []
        groups = sorted(group_by_lanes(self._active(goal)), key=len)
        for i, group in enumerate(groups, start=1):
            time = clock if i == len(groups) else clock.share(0.5)
            best = self._best_of_group(group, goal, time)
            if best is None:
                return None
            found.append(best)
        plans = [each.plan for each in found if each.plan is not None]
        return Found(
            in_order(plans) if len(plans) == len(found) else None,
            proven=all(each.proven for each in found),
            bound=sum(each.bound for each in found),
        )

    def front(self, cheapest: tuple[Action, ...], clock: Clock, remarks: list[str]) -> list[Point]:
        """Return the front that starts at the cheapest plan, each next point faster."""
        hours = sorted(_event_hours(self.situation))
        points: list[Point] = []
        plan, complete = cheapest, True
        while True:
            outcome = self.outcome(plan)
            last = outcome.last_needed_arrival_hours
            if outcome.missing or last is None:
                raise OptimizerError(f"the solver's plan misses {outcome.missing}")
            while points and outcome.cost_cny <= points[-1].cost_cny + HALF_A_FEN:
                points.pop()
            points.append(Point(outcome.cost_cny, last, plan))
            earlier = [hour for hour in hours if hour < last]
            if earlier and not clock.left():
                complete = False
                break
            found = self.best(Goal("cost", earlier[-1]), clock.share(0.3)) if earlier else None
            if found is None or self.above_budget(found.bound):
                break
            complete = complete and found.proven
            if found.plan is None or self.above_budget(self.outcome(found.plan).cost_cny):
                break
            plan = found.plan
        if not complete:
            remarks.append("time ran out: the front may lack points, and the faster ones may not be the cheapest")
        return points

    def weighted(self, known: Sequence[tuple[Action, ...]], clock: Clock, remarks: list[str]) -> Weighted:
        """Return the plan of least cost plus priced shortage."""
        goal = Goal("weighted")
        found = self._affordable(goal, clock)
        plans = [plan for plan in (found.plan, (), *known) if plan is not None]
        if not found.proven:
            remarks.append("time ran out: the weighted plan is the best found, not proven")
        best = plans[0] if found.proven else min(plans, key=lambda p: self._value(goal, p))
        outcome = self.outcome(best)
        return Weighted(
            total_cny=goal.value(self.situation, outcome),
            cost_cny=outcome.cost_cny,
            shortage_unit_hours=outcome.shortage_unit_hours,
            plan=best,
        )

    def least_shortage(self, clock: Clock, remarks: list[str]) -> LeastShortage:
        """Return the plan with the fewest units missing at the deadlines, then least cost."""
        found = self._affordable(Goal("shortage"), clock)
        if not found.proven:
            remarks.append("time ran out: the least shortage is the best found, not proven")
        plan = found.plan if found.plan is not None else ()
        outcome = self.outcome(plan)
        units = sum(each.units for each in outcome.missing)
        return LeastShortage(units, outcome.cost_cny, plan, outcome.missing)

    def _affordable(self, goal: Goal, clock: Clock) -> Found:
        """Return the best plan within the budget, for a goal that every plan serves."""
        found = self.best(goal, clock if self.situation.budget_cny is None else clock.share(0.5))
        if found is None:
            raise OptimizerError("the solver says that even doing nothing is impossible")
        if self.situation.budget_cny is None:
            return found
        if found.plan is not None and not self.above_budget(self.outcome(found.plan).cost_cny):
            return found
        if len(self._active(goal)) > TOO_MANY_PARTS:
            return Found(self._part_of(found.plan or (), goal), proven=False)
        whole = joined([part.situation for part in self._active(goal)])
        solved = _solve(whole, goal, clock, self.situation.budget_cny)
        if solved is None:
            raise OptimizerError("the solver says that even doing nothing breaks the budget")
        return solved

    def _best_of_group(self, group: Sequence[Part], goal: Goal, clock: Clock) -> Found | None:
        """Return the best plan of parts that share lanes, remembered while it is fast enough."""
        key = (goal.kind, *(part.name for part in group))
        if key in self._proven:
            known, last = self._proven[key]
            if last <= goal.by_hours:
                return known
        found = self._solve_group(key, group, goal, clock)
        if found is not None and found.proven and found.plan is not None:
            last = evaluate(joined([part.situation for part in group]), found.plan).last_needed_arrival_hours
            self._proven[key] = (found, math.inf if last is None else last)
        return found

    def _part_of(self, plan: Sequence[Action], goal: Goal) -> tuple[Action, ...]:
        """Return what the budget allows of a plan: parts whole, those first that gain most for their money."""
        fixed = {lane.name: lane.fixed_cost_cny for lane in self.situation.lanes}
        gains: list[tuple[float, str, float, tuple[Action, ...], set[str]]] = []
        for part in self._active(goal):
            actions = tuple(action for action in plan if action.part == part.name)
            outcome = evaluate(part.situation, actions)
            lanes = {action.move for action in actions if isinstance(action, Move)}
            own_cost = outcome.cost_cny - math.fsum(fixed[lane] for lane in lanes)
            gain = sum(each.units for each in part.idle.missing) - sum(each.units for each in outcome.missing)
            if gain > 0:
                gains.append((outcome.cost_cny / gain, part.name, own_cost, actions, lanes))
        kept: list[tuple[Action, ...]] = []
        running, left = set[str](), self.situation.budget_cny or 0.0
        for _, _, own_cost, actions, lanes in sorted(gains, key=lambda each: each[:2]):
            cost = own_cost + math.fsum(fixed[lane] for lane in lanes - running)
            if cost <= left:
                left -= cost
                running |= lanes
                kept.append(actions)
        return in_order(kept)

    def _solve_group(self, key: tuple[str, ...], group: Sequence[Part], goal: Goal, clock: Clock) -> Found | None:
        """Return the best plan of a group: small ones by one program, great ones part by part first.

        Where time runs out before a program finds a plan, the parts' own plans are one all the same.
        """
        whole = joined([part.situation for part in group])
        joint = Found(None, proven=False)
        if len(group) <= MANY_PARTS and clock.left():
            joint = _solve(whole, goal, clock)
            if joint is None or joint.plan is not None:
                return joint
        apart = self._solve_by_part(key, group, goal, clock.share(0.6))
        if apart is None or apart.proven or not MANY_PARTS < len(group) <= TOO_MANY_PARTS:
            return _better(whole, goal, apart, joint)
        return _better(whole, goal, apart, _solve(whole, goal, clock))

    def _solve_by_part(self, key: tuple[str, ...], group: Sequence[Part], goal: Goal, clock: Clock) -> Found | None:
        """Return the plan that the parts of a group make at lane prices; those of last time are where they start."""
        # Compiled, so loaded only where there are parts enough, or too little time for anything else.
        from optimizer.crowd import fits  # noqa: PLC0415
        from optimizer.lane_prices import solve_by_part  # noqa: PLC0415

        if not fits(group, goal):
            return Found(None, proven=False)
        found, self._prices[key] = solve_by_part(group, goal, clock, self._prices.get(key, {}))
        return found

    def _active(self, goal: Goal) -> list[Part]:
        return [part for part in self._parts if not goal.idle(part.idle)]

    def _value(self, goal: Goal, plan: tuple[Action, ...]) -> float:
        return goal.value(self.situation, self.outcome(plan))


def _event_hours(situation: Situation) -> set[float]:
    """Return the hours at which anything may arrive."""
    hours = {0.0}
    hours.update(each.eta_hours for need in situation.needs for each in need.inbound)
    hours.update(option.lead_hours for option in situation.vendor_options)
    hours.update(lane.hours for lane in situation.lanes)
    return hours


def _better(whole: Situation, goal: Goal, apart: Found | None, joint: Found | None) -> Found | None:
    """Return the better of two plans with the better of their bounds, None if one of them says there is none."""
    if apart is None or joint is None:
        return None
    if joint.proven:
        return joint
    plans = [found.plan for found in (apart, joint) if found.plan is not None]
    values = [goal.value(whole, evaluate(whole, plan)) for plan in plans]
    if goal.kind == "shortage" or not plans:
        return apart if apart.plan is not None else joint
    bound = max(apart.bound, joint.bound)
    value = min(values)
    proven = apart.proven or value <= bound + HALF_A_FEN
    return Found(plans[values.index(value)], proven=proven, bound=value if proven else bound)


def _solve(whole: Situation, goal: Goal, clock: Clock, budget_cny: float | None = None) -> Found | None:
    """Solve one model for everything, with ties broken, None if no plan reaches the goal."""
    parts = {need.part for need in whole.needs}
    model = Model(whole, goal, tells_moves=1 < len(parts) <= MANY_PARTS)
    if model.hopeless:
        return None
    if budget_cny is not None:
        model.keep(model.cost(), budget_cny + ROUNDING)
    if goal.kind == "shortage":
        fewest = model.minimise(model.short, clock)
        if not fewest.proven:
            return Found(model.plan() if fewest.found else None, proven=False)
        model.keep(model.short, fewest.value + 0.5)
    solved = model.minimise(model.worth(), clock, model.constant)
    if solved.infeasible:
        return None
    if not solved.found:
        return Found(None, proven=False, bound=solved.bound - model.trifle)
    plan = model.plan()
    value = goal.value(whole, evaluate(whole, plan))
    slack = HALF_A_FEN + 1e-9 * value
    # A plan that is not proven may do better than its model, which pays for lanes it leaves idle.
    if value > solved.value + slack or (solved.proven and value < solved.value - slack):
        raise OptimizerError(f"the solver's plan costs {value}, not {solved.value} as it says")
    bound = value if solved.proven else solved.bound - model.trifle
    return Found(plan, proven=solved.proven, bound=bound)
