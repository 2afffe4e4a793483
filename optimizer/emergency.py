"""Emergency plan 2: what to buy and what to move so that every need is met, at least cost.

Plans are found by mixed-integer programming (PuLP on HiGHS, in process) and refereed by
`situation.evaluate`, which shares nothing with the model. Parts meet only on lanes whose fixed
cost they share, and under a budget; what does not meet is solved apart, and many parts that
meet are solved one by one at prices for their lanes.

Costs less than half a fen apart are equal. Among plans of equal cost the answer is the one whose
last needed arrival is earliest, then the one with fewest actions, then fewest units, then the one
whose actions stand first by name (least sum of their places in the list of all actions that could
be of use, purchases by option and depot before moves by lane and part). In situations of some
dozen actions and more the last of these lies below what the solver can tell apart; as the model
is built in the order of names, the order of the file's lists does not matter even then.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import Literal

import msgspec
import pulp

from optimizer.errors import OptimizerError
from optimizer.situation import (
    Action,
    Lane,
    Missing,
    Move,
    Need,
    Outcome,
    Purchase,
    Situation,
    VendorOption,
    evaluate,
)
from optimizer.solver import highs

MANY_PARTS = 12
"""A group of more parts than this is first solved part by part at lane prices."""

TOO_MANY_PARTS = 100
"""A group of more parts than this is solved at lane prices only."""

ROUNDING = 1e-6
"""How far a sum of money may be off, in CNY, for being computed in floating point."""

FEN = 100.0
"""The solver counts in fen: its tolerances are absolute, and ties are told apart below one."""

HALF_A_FEN = 0.005
"""Amounts of money closer than this, in CNY, are equal."""


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

    `status` speaks of `plan`: "optimal", "feasible" (time ran out before it was proven),
    "infeasible" or "timed_out" (time ran out before one was found). No plan costs less than
    `lower_bound_cny`, as far as the solver is to be believed; None where that is not known.
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

    Four fifths of `time_limit_s` may go into the cheapest plan, half of what is then left into
    the front, the remainder into the weighted optimum. An answer that was cut short says so in
    its status and its reasons, and is then not bound to be the same twice.

    Raises:
        OptimizerError: the solver failed, or its plan did not stand up to the referee.

    """
    clock = _Clock(time_limit_s)
    search = _Search(situation)
    cheapest = search.best(_Goal("cost"), clock.share(0.8))
    if cheapest is None or search.above_budget(cheapest.bound):
        return _infeasible(search, cheapest, clock)
    remarks: list[str] = []
    front: list[Point] = []
    if cheapest.plan is None or search.above_budget(search.outcome(cheapest.plan).cost_cny):
        remarks.append("time ran out before a plan was found that meets every need")
    else:
        front = search.front(cheapest.plan, clock.share(0.5), remarks)
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


def _infeasible(search: "_Search", cheapest: "_Found | None", clock: "_Clock") -> Answer:
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


class _Clock:
    """What is left of a time limit."""

    def __init__(self, seconds: float) -> None:
        self._end = perf_counter() + seconds

    def left(self) -> float:
        """Return the seconds left, at least zero."""
        return max(0.0, self._end - perf_counter())

    def share(self, part: float) -> "_Clock":
        """Return a clock for a part of what is left."""
        return _Clock(part * self.left())


class _Goal(msgspec.Struct, frozen=True):
    """What is sought, and what a plan is worth for it (less is better).

    "cost": least cost with every need met by its deadline, and by `by_hours`; "shortage": fewest
    units missing at the deadlines, then least cost; "weighted": cost plus priced shortage.
    """

    kind: Literal["cost", "shortage", "weighted"]
    by_hours: float = math.inf

    def idle(self, outcome: Outcome) -> bool:
        """Whether a part on its own, for which nothing is done, has nothing to gain."""
        if self.kind == "weighted":
            return outcome.shortage_unit_hours == 0
        late = outcome.last_needed_arrival_hours is None
        late = late or (outcome.last_needed_arrival_hours or 0.0) > self.by_hours
        return not outcome.missing and not (self.kind == "cost" and late)

    def value(self, situation: Situation, outcome: Outcome) -> float:
        """Return what the outcome costs, shortage included where it is priced."""
        priced = situation.shortage_cost_cny_per_unit_hour * outcome.shortage_unit_hours
        return outcome.cost_cny + (priced if self.kind == "weighted" else 0.0)


class _Found(msgspec.Struct, frozen=True):
    """A plan, None if time ran out before there was one; nothing is worth less than `bound`."""

    plan: tuple[Action, ...] | None
    proven: bool
    bound: float = -math.inf


class _Part(msgspec.Struct, frozen=True):
    """One part with all that can be done for it, in order of names."""

    name: str
    situation: Situation
    idle: Outcome


class _Search:
    """The plans of a situation."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self._parts = _parts(situation)
        self._proven: dict[tuple[str, ...], tuple[_Found, float]] = {}

    def outcome(self, plan: Sequence[Action]) -> Outcome:
        return evaluate(self.situation, plan)

    def above_budget(self, cost_cny: float) -> bool:
        budget = self.situation.budget_cny
        return budget is not None and cost_cny > budget + ROUNDING

    def best(self, goal: _Goal, clock: _Clock) -> _Found | None:
        """Return the best plan without regard to the budget, None if there is none."""
        found: list[_Found] = []
        groups = sorted(_groups(self._active(goal)), key=len)
        for i, group in enumerate(groups, start=1):
            time = clock if i == len(groups) else clock.share(0.5)
            best = self._best_of_group(group, goal, time)
            if best is None:
                return None
            found.append(best)
        plans = [each.plan for each in found if each.plan is not None]
        return _Found(
            _in_order(plans) if len(plans) == len(found) else None,
            proven=all(each.proven for each in found),
            bound=sum(each.bound for each in found),
        )

    def front(self, cheapest: tuple[Action, ...], clock: _Clock, remarks: list[str]) -> list[Point]:
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
            found = self.best(_Goal("cost", earlier[-1]), clock.share(0.5)) if earlier else None
            if found is None or self.above_budget(found.bound):
                break
            complete = complete and found.proven
            if found.plan is None or self.above_budget(self.outcome(found.plan).cost_cny):
                break
            plan = found.plan
        if not complete:
            remarks.append("time ran out: the front may lack points, and the faster ones may not be the cheapest")
        return points

    def weighted(self, known: Sequence[tuple[Action, ...]], clock: _Clock, remarks: list[str]) -> Weighted:
        """Return the plan of least cost plus priced shortage."""
        goal = _Goal("weighted")
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

    def least_shortage(self, clock: _Clock, remarks: list[str]) -> LeastShortage:
        """Return the plan with the fewest units missing at the deadlines, then least cost."""
        found = self._affordable(_Goal("shortage"), clock)
        if not found.proven:
            remarks.append("time ran out: the least shortage is the best found, not proven")
        plan = found.plan if found.plan is not None else ()
        outcome = self.outcome(plan)
        units = sum(each.units for each in outcome.missing)
        return LeastShortage(units, outcome.cost_cny, plan, outcome.missing)

    def _affordable(self, goal: _Goal, clock: _Clock) -> _Found:
        """Return the best plan within the budget, for a goal that every plan serves."""
        found = self.best(goal, clock if self.situation.budget_cny is None else clock.share(0.5))
        if found is None:
            raise OptimizerError("the solver says that even doing nothing is impossible")
        if self.situation.budget_cny is None:
            return found
        if found.plan is not None and not self.above_budget(self.outcome(found.plan).cost_cny):
            return found
        whole = _joined([part.situation for part in self._active(goal)])
        solved = _solve(whole, goal, clock, self.situation.budget_cny)
        if solved is None:
            raise OptimizerError("the solver says that even doing nothing breaks the budget")
        return solved

    def _best_of_group(self, group: Sequence[_Part], goal: _Goal, clock: _Clock) -> _Found | None:
        """Return the best plan of parts that share lanes, remembered while it is fast enough."""
        key = (goal.kind, *(part.name for part in group))
        if key in self._proven:
            known, last = self._proven[key]
            if last <= goal.by_hours:
                return known
        if not clock.left():
            return _Found(None, proven=False)
        whole = _joined([part.situation for part in group])
        found = _solve_group(group, whole, goal, clock)
        if found is not None and found.proven and found.plan is not None:
            last = evaluate(whole, found.plan).last_needed_arrival_hours
            self._proven[key] = (found, math.inf if last is None else last)
        return found

    def _active(self, goal: _Goal) -> list[_Part]:
        return [part for part in self._parts if not goal.idle(part.idle)]

    def _value(self, goal: _Goal, plan: Sequence[Action]) -> float:
        return goal.value(self.situation, self.outcome(plan))


def _parts(situation: Situation) -> list[_Part]:
    """Cut a situation into its parts, leaving out what can never be of use."""
    needs: dict[str, list[Need]] = {}
    for need in sorted(situation.needs, key=lambda n: (n.part, n.depot)):
        needs.setdefault(need.part, []).append(need)
    options: dict[str, list[VendorOption]] = {}
    for option in sorted(situation.vendor_options, key=lambda o: o.option):
        options.setdefault(option.part, []).append(option)
    lanes = sorted(situation.lanes, key=lambda lane: lane.name)
    parts: list[_Part] = []
    for name, of_part in needs.items():
        depots = {need.depot for need in of_part}
        stocked = {need.depot for need in of_part if need.on_hand > 0}
        wanting = {need.depot for need in of_part if need.hold_point > 0}
        own = msgspec.structs.replace(
            situation,
            needs=tuple(of_part),
            vendor_options=tuple(
                msgspec.structs.replace(each, depots=tuple(sorted(depots & set(each.depots))))
                for each in options.get(name, [])
            ),
            lanes=tuple(lane for lane in lanes if lane.origin in stocked and lane.destination in wanting),
        )
        parts.append(_Part(name, own, evaluate(own, ())))
    return parts


def _joined(situations: Sequence[Situation]) -> Situation:
    """Put parts together again."""
    lanes = {lane.name: lane for each in situations for lane in each.lanes}
    return msgspec.structs.replace(
        situations[0],
        needs=tuple(need for each in situations for need in each.needs),
        vendor_options=tuple(option for each in situations for option in each.vendor_options),
        lanes=tuple(lanes[name] for name in sorted(lanes)),
    )


def _groups(parts: Sequence[_Part]) -> list[list[_Part]]:
    """Group parts that share a lane with a fixed cost, directly or through others."""
    leader = list(range(len(parts)))

    def find(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    first_user: dict[str, int] = {}
    for i, part in enumerate(parts):
        for lane in part.situation.lanes:
            if lane.fixed_cost_cny > 0:
                leader[find(i)] = find(first_user.setdefault(lane.name, i))
    groups: dict[int, list[_Part]] = {}
    for i, part in enumerate(parts):
        groups.setdefault(find(i), []).append(part)
    return list(groups.values())


def _event_hours(situation: Situation) -> set[float]:
    """Return the hours at which anything may arrive."""
    hours = {0.0}
    hours.update(each.eta_hours for need in situation.needs for each in need.inbound)
    hours.update(option.lead_hours for option in situation.vendor_options)
    hours.update(lane.hours for lane in situation.lanes)
    return hours


def _in_order(plans: Iterable[Sequence[Action]]) -> tuple[Action, ...]:
    """Return all actions, purchases first, each kind by name."""
    return tuple(sorted((action for plan in plans for action in plan), key=_name))


def _name(action: Action) -> tuple[str, ...]:
    if isinstance(action, Purchase):
        return ("buy", action.buy, action.depot)
    return ("move", action.move, action.part)


def _solve_group(group: Sequence[_Part], whole: Situation, goal: _Goal, clock: _Clock) -> _Found | None:
    """Return the best plan of a group: small ones jointly, great ones part by part first."""
    if len(group) <= MANY_PARTS:
        return _solve(whole, goal, clock)
    found = _solve_by_part(group, goal, clock)
    if found is None:
        return None
    value = math.inf
    if found.plan is not None:
        value = goal.value(whole, evaluate(whole, found.plan))
        if value <= found.bound + HALF_A_FEN:
            return _Found(found.plan, proven=True, bound=value)
    if len(group) > TOO_MANY_PARTS:
        return found
    joint = _solve(whole, goal, clock)
    if joint is None or joint.proven:
        return joint
    better = joint.plan is not None and goal.value(whole, evaluate(whole, joint.plan)) < value
    return _Found(joint.plan if better else found.plan, proven=False, bound=max(found.bound, joint.bound))


def _solve(whole: Situation, goal: _Goal, clock: _Clock, budget_cny: float | None = None) -> _Found | None:
    """Solve one model for everything, with ties broken, None if no plan reaches the goal."""
    model = _Model(whole, goal)
    if model.hopeless:
        return None
    if budget_cny is not None:
        model.keep(model.cost(), budget_cny + ROUNDING)
    if goal.kind == "shortage":
        fewest = model.minimise(model.short, clock)
        if not fewest.proven:
            return _Found(model.plan() if fewest.found else None, proven=False)
        model.keep(model.short, fewest.value + 0.5)
    solved = model.minimise(model.worth(), clock, model.constant)
    if solved.infeasible:
        return None
    if not solved.found:
        return _Found(None, proven=False, bound=solved.bound - model.trifle)
    plan = model.plan()
    value = goal.value(whole, evaluate(whole, plan))
    slack = HALF_A_FEN + 1e-9 * value
    # A plan that is not proven may do better than its model, which pays for lanes it leaves idle.
    if value > solved.value + slack or (solved.proven and value < solved.value - slack):
        raise OptimizerError(f"the solver's plan costs {value}, not {solved.value} as it says")
    bound = value if solved.proven else solved.bound - model.trifle
    return _Found(plan, proven=solved.proven, bound=bound)


type _Terms = list[tuple[pulp.LpVariable, float]]
"""A linear expression: variables with their coefficients."""


class _Solved(msgspec.Struct, frozen=True):
    """How a solve ended. `value` is the objective, `bound` what it is at least."""

    found: bool
    proven: bool
    infeasible: bool = False
    value: float = math.inf
    bound: float = -math.inf


class _Buy(msgspec.Struct, frozen=True):
    """A possible purchase: `lots` of the option, any at all if `used`."""

    option: VendorOption
    depot: str
    lots: pulp.LpVariable
    used: pulp.LpVariable


class _Carry(msgspec.Struct, frozen=True):
    """A possible move of one part: `units` ≤ `most`·`used`, which is what `row` says."""

    lane: Lane
    part: str
    units: pulp.LpVariable
    used: pulp.LpVariable
    most: int
    row: pulp.LpConstraint


class _Flow(msgspec.Struct, frozen=True):
    """What may happen to one need: (hour, variable, units each) that come, variables that go."""

    need: Need
    until: float
    arrivals: list[tuple[float, pulp.LpVariable, int]]
    leaving: list[pulp.LpVariable]

    @property
    def useful(self) -> int:
        """The most units that can be of use here, were the shelf shipped out."""
        sure = sum(each.qty for each in self.need.inbound if each.eta_hours <= self.until)
        return max(0, self.need.hold_point - sure)


class _Model:
    """The mixed-integer program of a situation.

    For an option at a depot, lots n and whether any are bought y ∈ {0, 1}: lo·y ≤ n ≤ hi·y.
    For a part on a lane, units x, and for the lane, whether it runs z ∈ {0, 1}: x ≤ U·z.
    What leaves a need is at most its shelf, and what is there at hour t is

        stock(t) = on hand - Σ x out + Σ inbound by t + Σ lot·n arrived by t + Σ x in by t.

    Cost: Σ price·lot·n + Σ fee·y + Σ unit cost·x + Σ fixed cost·z. Needs, by goal: stock at the
    deadline ≥ hold point; or short by no more than a variable that is minimised first; or, in
    every stretch between arrivals up to the horizon, short by no more than a variable that
    costs its price times the hours. Amounts that could never help (U, hi) are left out, which
    keeps the relaxation tight. `relaxed` drops integrality.
    """

    def __init__(
        self,
        situation: Situation,
        goal: _Goal,
        *,
        trifle: float = HALF_A_FEN,
        relaxed: bool = False,
    ) -> None:
        self._situation = situation
        self._goal = goal
        self._relaxed = relaxed
        self.trifle = trifle
        self._program = pulp.LpProblem("emergency")
        self._count = 0
        self._own_cost: _Terms = []
        self._buys: list[_Buy] = []
        self._carries: list[_Carry] = []
        self._lanes: dict[str, pulp.LpVariable] = {}
        self.short: _Terms = []
        self.constant = 0.0
        self.hopeless = False
        flows = {(need.part, need.depot): self._flow(need) for need in situation.needs}
        for option in situation.vendor_options:
            for depot in option.depots:
                self._offer(option, flows[option.part, depot])
        parts = sorted({need.part for need in situation.needs})
        self._counts_moves = 1 < len(parts) <= MANY_PARTS and not relaxed
        for lane in situation.lanes:
            for part in parts:
                if (part, lane.origin) in flows and (part, lane.destination) in flows:
                    self._way(lane, flows[part, lane.origin], flows[part, lane.destination])
        for flow in flows.values():
            self._shelf(flow)
            self._require(flow)

    def cost(self, lane_costs: Mapping[str, float] | None = None) -> _Terms:
        """Return the money spent, with other fixed costs of the lanes if given."""
        costs = lane_costs
        if costs is None:
            costs = {lane.name: lane.fixed_cost_cny for lane in self._situation.lanes}
        return self._own_cost + [(runs, costs[name]) for name, runs in self._lanes.items()]

    def worth(self, lane_costs: Mapping[str, float] | None = None) -> _Terms:
        """Return what the goal minimises: the cost, priced shortage, and the trifles of ties."""
        priced = self.short if self._goal.kind == "weighted" else []
        return self.cost(lane_costs) + priced + self._trifles()

    def _trifles(self) -> _Terms:
        """Return what decides between equal plans; all together less than `trifle` CNY.

        Every action weighs more than all units, every unit more than all places by name.
        """
        units = [(buy.lots, float(buy.option.lot)) for buy in self._buys]
        units += [(carry.units, 1.0) for carry in self._carries]
        actions = [(("buy", buy.option.option, buy.depot), buy.used) for buy in self._buys]
        actions += [(("move", c.lane.name, c.part), c.used) for c in self._carries]
        actions.sort(key=lambda each: each[0])
        action = self.trifle / (len(actions) + 2)
        unit = action / (2 + sum(variable.upBound * each for variable, each in units))
        place = unit / (1 + len(actions)) ** 2
        terms = [(used, action + place * i) for i, (_, used) in enumerate(actions)]
        return terms + [(variable, each * unit) for variable, each in units]

    def keep(self, terms: _Terms, at_most: float) -> None:
        """Allow only solutions in which the terms come to no more."""
        self._add(terms, at_most=at_most)

    def minimise(self, terms: _Terms, clock: _Clock, constant: float = 0.0) -> _Solved:
        """Minimise the terms plus a constant within the time left."""
        if clock.left() <= 0:
            return _Solved(found=False, proven=False)
        self._program.setObjective(FEN * (pulp.lpSum_vars_coefs(terms) + constant))
        solver = highs(
            timeLimit=clock.left(),
            gapRel=0.0,
            gapAbs=0.0,
            mip_heuristic_run_feasibility_jump=False,
        )
        stats = self._program.solve(solver)
        status = pulp.LpSolveStatus(stats.status)
        if status == pulp.LpSolveStatus.Infeasible:
            return _Solved(found=False, proven=False, infeasible=True)
        if status not in {pulp.LpSolveStatus.Optimal, pulp.LpSolveStatus.TimeLimit}:
            raise OptimizerError(f"the solver stopped: {stats.status_str}")
        proven = status == pulp.LpSolveStatus.Optimal
        value = math.inf if stats.objective is None else stats.objective / FEN
        bound = -math.inf if stats.best_bound is None else stats.best_bound / FEN
        return _Solved(stats.has_solution, proven, value=value, bound=value if proven else bound)

    def plan(self) -> tuple[Action, ...]:
        """Return the plan of the last solution."""
        bought = [
            Purchase(buy.option.option, buy.option.part, buy.depot, lots * buy.option.lot)
            for buy in self._buys
            if (lots := _whole(buy.lots))
        ]
        moved = [Move(carry.lane.name, carry.part, units) for carry in self._carries if (units := _whole(carry.units))]
        return _in_order([bought, moved])

    def runs(self) -> dict[str, float]:
        """Return how much of each lane runs in the last solution."""
        return {name: variable.varValue or 0.0 for name, variable in self._lanes.items()}

    def lane_prices(self) -> dict[tuple[str, str], float]:
        """Return what each lane's running is worth to each part, by (part, lane), if relaxed."""
        return {(carry.part, carry.lane.name): max(0.0, -(carry.row.pi or 0.0) * carry.most) for carry in self._carries}

    def _flow(self, need: Need) -> _Flow:
        if self._goal.kind == "weighted":
            return _Flow(need, 0.0, [], [])
        return _Flow(need, min(self._goal.by_hours, need.needed_by_hours), [], [])

    def _in_time(self, hours: float, flow: _Flow) -> bool:
        if self._goal.kind == "weighted":
            return hours < self._situation.horizon_hours
        return hours <= flow.until

    def _offer(self, option: VendorOption, flow: _Flow) -> None:
        if not (flow.useful and option.lots and self._in_time(option.lead_hours, flow)):
            return
        least = option.lots[0]
        most = min(option.lots[-1], max(least, -(-flow.useful // option.lot)))
        lots, used = self._variable(most), self._variable(1)
        self._add([(used, least), (lots, -1)], at_most=0)
        self._add([(lots, 1), (used, -most)], at_most=0)
        self._own_cost += [(lots, option.unit_price_cny * option.lot), (used, option.order_fee_cny)]
        flow.arrivals.append((option.lead_hours, lots, option.lot))
        self._buys.append(_Buy(option, flow.need.depot, lots, used))

    def _way(self, lane: Lane, origin: _Flow, destination: _Flow) -> None:
        most = min(origin.need.on_hand, destination.useful)
        if not (most and self._in_time(lane.hours, destination)):
            return
        if lane.name not in self._lanes:
            self._lanes[lane.name] = self._variable(1)
        runs, units = self._lanes[lane.name], self._variable(most)
        used = runs
        # Only for the sake of ties is a part's move told apart from the lane's running.
        if self._counts_moves:
            used = self._variable(1)
            self._add([(used, 1), (runs, -1)], at_most=0)
        row = self._add([(units, 1), (used, -most)], at_most=0)
        self._own_cost.append((units, lane.unit_cost_cny))
        origin.leaving.append(units)
        destination.arrivals.append((lane.hours, units, 1))
        self._carries.append(_Carry(lane, origin.need.part, units, used, most, row))

    def _shelf(self, flow: _Flow) -> None:
        if flow.leaving:
            self._add([(units, 1) for units in flow.leaving], at_most=flow.need.on_hand)

    def _require(self, flow: _Flow) -> None:
        """Hold the need's hold point in the way of the goal."""
        need = flow.need
        if self._goal.kind == "weighted":
            events = {0.0, *(each.eta_hours for each in need.inbound)}
            events |= {hour for hour, _, _ in flow.arrivals}
            starts = sorted(hour for hour in events if hour < self._situation.horizon_hours)
            for start, end in zip(starts, [*starts[1:], self._situation.horizon_hours], strict=True):
                price = self._situation.shortage_cost_cny_per_unit_hour * (end - start)
                self._hold(flow, start, price)
        else:
            self._hold(flow, flow.until, 1.0 if self._goal.kind == "shortage" else None)

    def _hold(self, flow: _Flow, hour: float, price: float | None) -> None:
        """Require stock(hour) ≥ hold point, or let it be short at a price per unit."""
        need = flow.need
        sure = sum(each.qty for each in need.inbound if each.eta_hours <= hour)
        lacking = need.hold_point - need.on_hand - sure
        terms: _Terms = [(lots, -units) for start, lots, units in flow.arrivals if start <= hour]
        terms += [(units, 1) for units in flow.leaving]
        if not terms:
            self.hopeless = self.hopeless or (price is None and lacking > 0)
            if self._goal.kind == "weighted":
                self.constant += max(0, lacking) * (price or 0.0)
            return
        if price is not None:
            missing = self._variable(need.hold_point, whole=False)
            self.short.append((missing, price))
            terms.append((missing, -1))
        self._add(terms, at_most=-lacking)

    def _variable(self, most: float, *, whole: bool = True) -> pulp.LpVariable:
        self._count += 1
        kind = "Integer" if whole and not self._relaxed else "Continuous"
        return self._program.add_variable(f"v{self._count}", 0, most, kind)

    def _add(self, terms: _Terms, *, at_most: float) -> pulp.LpConstraint:
        return self._program.addConstraint(pulp.lpSum_vars_coefs(terms) <= at_most)


def _whole(variable: pulp.LpVariable) -> int:
    return round(variable.varValue or 0.0)


class _Alone:
    """One part of a group, planned alone at given costs of its lanes."""

    def __init__(self, part: _Part, goal: _Goal, trifle: float, clock: _Clock) -> None:
        self.part = part
        self.plan: tuple[Action, ...] = ()
        self.lanes: frozenset[str] = frozenset()
        self.own_value = math.inf
        self._model = _Model(part.situation, goal, trifle=trifle)
        self._costs: dict[str, float] | None = None
        if goal.kind == "shortage":
            fewest = self._model.minimise(self._model.short, clock)
            if fewest.proven:
                self._model.keep(self._model.short, fewest.value + 0.5)

    def replan(self, lane_costs: Mapping[str, float], clock: _Clock) -> _Solved:
        """Take the best plan at these costs; keep the present one if none is proven in time."""
        model = self._model
        if model.hopeless:
            return _Solved(found=False, proven=False, infeasible=True)
        solved = model.minimise(model.worth(lane_costs), clock, model.constant)
        if solved.proven or (solved.found and self.own_value == math.inf):
            self.plan = model.plan()
            self.lanes = frozenset(each.move for each in self.plan if isinstance(each, Move))
            self.own_value = solved.value - math.fsum(lane_costs[lane] for lane in self.lanes)
        return solved

    def replan_if_changed(self, lane_costs: dict[str, float], clock: _Clock) -> None:
        """Plan anew unless the costs are those of last time."""
        if lane_costs != self._costs and self.replan(lane_costs, clock).proven:
            self._costs = lane_costs


def _solve_by_part(parts: Sequence[_Part], goal: _Goal, clock: _Clock) -> _Found | None:
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
            return _Found(None, proven=False)
        alone.append(_Alone(part, goal, trifle, clock))
        solved = alone[-1].replan(prices[part.name], clock)
        if solved.infeasible:
            return None
        if not solved.found:
            return _Found(None, proven=False)
        bound += solved.bound - trifle
    _take_turns(alone, runs, clock)
    return _Found(_in_order(each.plan for each in alone), proven=False, bound=bound)


def _take_turns(alone: Sequence[_Alone], runs: Mapping[str, float], clock: _Clock) -> None:
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
    parts: Sequence[_Part], goal: _Goal, clock: _Clock
) -> tuple[dict[str, dict[str, float]], dict[str, float]] | None:
    """Return each lane's price for each part, and how much of the lane runs when relaxed.

    A lane's prices, by part and lane, add up to its fixed cost: by the duals of the relaxed
    model, or evenly if there is no time for it. None if the goal is out of reach.
    """
    fixed = {lane.name: lane.fixed_cost_cny for p in parts for lane in p.situation.lanes}
    weight = {p.name: {lane.name: 1.0 for lane in p.situation.lanes} for p in parts}
    runs = dict.fromkeys(fixed, 0.0)
    if goal.kind != "shortage":
        model = _Model(_joined([part.situation for part in parts]), goal, relaxed=True)
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
