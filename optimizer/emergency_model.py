"""The mixed-integer program of an emergency, and what it may be asked for.

Costs, arrivals and shortage are written down as `situation.evaluate` reckons them, without sharing
anything with it: the referee judges what this model finds.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import Literal

import msgspec
import pulp

from optimizer.errors import OptimizerError
from optimizer.situation import Action, Lane, Move, Need, Outcome, Purchase, Situation, VendorOption
from optimizer.solver import highs

ROUNDING = 1e-6
"""How far a sum of money may be off, in CNY, for being computed in floating point."""

FEN = 100.0
"""The solver counts in fen: its tolerances are absolute, and ties are told apart below one."""

HALF_A_FEN = 0.005
"""Amounts of money closer than this, in CNY, are equal."""


class Clock:
    """What is left of a time limit."""

    def __init__(self, seconds: float) -> None:
        self._end = perf_counter() + seconds

    def left(self) -> float:
        """Return the seconds left, at least zero."""
        return max(0.0, self._end - perf_counter())

    def share(self, part: float) -> "Clock":
        """Return a clock for a part of what is left."""
        return Clock(part * self.left())


class Goal(msgspec.Struct, frozen=True):
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


def in_order(plans: Iterable[Sequence[Action]]) -> tuple[Action, ...]:
    """Return all actions, purchases first, each kind by name."""
    return tuple(sorted((action for plan in plans for action in plan), key=_name))


def _name(action: Action) -> tuple[str, ...]:
    if isinstance(action, Purchase):
        return ("buy", action.buy, action.depot)
    return ("move", action.move, action.part)


type Terms = list[tuple[pulp.LpVariable, float]]
"""A linear expression: variables with their coefficients."""


class Solved(msgspec.Struct, frozen=True):
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


class Model:
    """The mixed-integer program of a situation.

    For an option at a depot, lots n and whether any are bought y ∈ {0, 1}: lo·y ≤ n ≤ hi·y.
    For a part on a lane, units x, and for the lane, whether it runs z ∈ {0, 1}: x ≤ U·z.
    What leaves a need is at most its shelf, and what is there at hour t is

        stock(t) = on hand - Σ x out + Σ inbound by t + Σ lot·n arrived by t + Σ x in by t.

    Cost: Σ price·lot·n + Σ fee·y + Σ unit cost·x + Σ fixed cost·z. Needs, by goal: stock at the
    deadline ≥ hold point; or short by no more than a variable that is minimised first; or, in
    every stretch between arrivals up to the horizon, short by no more than a variable that
    costs its price times the hours. Amounts that could never help (U, hi) are left out, which
    keeps the relaxation tight. `relaxed` drops integrality;
    `tells_moves` tells a part's move from the running of its lane, which only the breaking of ties needs.
    """

    def __init__(
        self,
        situation: Situation,
        goal: Goal,
        *,
        trifle: float = HALF_A_FEN,
        relaxed: bool = False,
        tells_moves: bool = False,
    ) -> None:
        self._situation = situation
        self._goal = goal
        self._relaxed = relaxed
        self.trifle = trifle
        self._program = pulp.LpProblem("emergency")
        self._count = 0
        self._own_cost: Terms = []
        self._buys: list[_Buy] = []
        self._carries: list[_Carry] = []
        self._lanes: dict[str, pulp.LpVariable] = {}
        self.short: Terms = []
        self.constant = 0.0
        self.hopeless = False
        flows = {(need.part, need.depot): self._flow(need) for need in situation.needs}
        for option in situation.vendor_options:
            for depot in option.depots:
                self._offer(option, flows[option.part, depot])
        parts = sorted({need.part for need in situation.needs})
        self._tells_moves = tells_moves
        for lane in situation.lanes:
            for part in parts:
                if (part, lane.origin) in flows and (part, lane.destination) in flows:
                    self._way(lane, flows[part, lane.origin], flows[part, lane.destination])
        for flow in flows.values():
            self._shelf(flow)
            self._require(flow)

    def cost(self, lane_costs: Mapping[str, float] | None = None) -> Terms:
        """Return the money spent, with other fixed costs of the lanes if given."""
        costs = lane_costs
        if costs is None:
            costs = {lane.name: lane.fixed_cost_cny for lane in self._situation.lanes}
        return self._own_cost + [(runs, costs[name]) for name, runs in self._lanes.items()]

    def worth(self, lane_costs: Mapping[str, float] | None = None) -> Terms:
        """Return what the goal minimises: the cost, priced shortage, and the trifles of ties."""
        priced = self.short if self._goal.kind == "weighted" else []
        return self.cost(lane_costs) + priced + self._trifles()

    def _trifles(self) -> Terms:
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

    def keep(self, terms: Terms, at_most: float) -> None:
        """Allow only solutions in which the terms come to no more."""
        self._add(terms, at_most=at_most)

    def minimise(self, terms: Terms, clock: Clock, constant: float = 0.0) -> Solved:
        """Minimise the terms plus a constant within the time left."""
        if clock.left() <= 0:
            return Solved(found=False, proven=False)
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
            return Solved(found=False, proven=False, infeasible=True)
        if status not in {pulp.LpSolveStatus.Optimal, pulp.LpSolveStatus.TimeLimit}:
            raise OptimizerError(f"the solver stopped: {stats.status_str}")
        proven = status == pulp.LpSolveStatus.Optimal
        value = math.inf if stats.objective is None else stats.objective / FEN
        bound = -math.inf if stats.best_bound is None else stats.best_bound / FEN
        return Solved(stats.has_solution, proven, value=value, bound=value if proven else bound)

    def plan(self) -> tuple[Action, ...]:
        """Return the plan of the last solution."""
        bought = [
            Purchase(buy.option.option, buy.option.part, buy.depot, lots * buy.option.lot)
            for buy in self._buys
            if (lots := _whole(buy.lots))
        ]
        moved = [Move(carry.lane.name, carry.part, units) for carry in self._carries if (units := _whole(carry.units))]
        return in_order([bought, moved])

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
        if self._tells_moves:
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
        terms: Terms = [(lots, -units) for start, lots, units in flow.arrivals if start <= hour]
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

    def _add(self, terms: Terms, *, at_most: float) -> pulp.LpConstraint:
        return self._program.addConstraint(pulp.lpSum_vars_coefs(terms) <= at_most)


def _whole(variable: pulp.LpVariable) -> int:
    return round(variable.varValue or 0.0)
