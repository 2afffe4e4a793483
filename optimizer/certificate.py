"""Verify a plan file against its network, without trusting how the plan was made.

Demand, service, cost and the tables of alternatives are computed a second time (`recount`), the
bound is recomputed from the stored multipliers in double precision, and where a plan rests on a
search, the search is repeated. Of lateral supply the tables are sizing's own, the evaluation of
the plan is not.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from optimizer.alternatives import build, grown, initial_sizes
from optimizer.branch_and_bound import NODES_MAX, PRECISION, search
from optimizer.demand import Demand, gather
from optimizer.evaluation import money_step
from optimizer.multiple_choice import Problem, beyond_in_question, relax
from optimizer.network import Network
from optimizer.plan import OPTIMAL_GAP, Plan
from optimizer.poisson import Floats, Ints
from optimizer.recount import TOLERANCE, Delivery, Facts, delivery, recount, slack, table, used

_GROWTHS_MAX = 12

_TABLED_ROWS = 4_000
"""Rows of depots that help each other up to which all their alternatives are tabled."""

_STOCK_MAX = 200_000
"""Units above the floor that no plan needs: twenty times the most that may be on order on average."""


def check(plan: Plan, network: Network) -> list[str]:
    """What is wrong with a plan; nothing if it is verified.

    A plan must keep every target and limit, its cost and services must be right, its multipliers
    must prove the bound it states, and its status must follow. An infeasible network's
    multipliers must prove that no stock at all keeps its targets and limits; where the proof is
    a search, it is repeated.

    Raises:
        OptimizerError: lateral supply needs more stock than is computed exactly.

    """
    facts = recount(network)
    unknown = [row for row in plan.multipliers if row not in facts.limits]
    if unknown:
        return [f"multipliers: the network has no target or limit {', '.join(unknown)}"]
    if plan.status == "infeasible":
        return list(_wrong_impossibility(plan, facts))
    if plan.status == "timed_out" and plan.cost_cny is None:
        return []
    faults = list(_wrong_stock(plan, facts))
    return faults or [*_wrong_figures(plan, facts), *_wrong_proof(plan, facts)]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a plan's stock is worth in a network other than its own.

    `keeps` says whether it has all the stock that is asked for, none for nobody, and keeps every target and limit there;
    then no plan costs less than `lower_bound_cny`.
    """

    keeps: bool
    cost_cny: float
    lower_bound_cny: float


def standing(plan: Plan, network: Network) -> Standing:
    """How a plan stands in another network: its stock evaluated there, and the bound that its multipliers prove there.

    The Lagrangian value at any multipliers bounds the cost of every plan from below, so those of the plan will do; the
    more alike the networks, the closer it is.

    Raises:
        OptimizerError: as `check`.

    """
    facts = recount(network)
    levels = _levels(plan, facts)
    found = delivery(facts, levels)
    cost = _cost(facts, levels, found)
    if any(_wrong_stock(plan, facts)) or any(_missed(facts, levels, found)):
        return Standing(keeps=False, cost_cny=cost, lower_bound_cny=0.0)
    _, bound = _bounded(plan, facts)
    return Standing(keeps=True, cost_cny=cost, lower_bound_cny=min(bound, cost))


def _cost(facts: Facts, levels: Ints, found: Delivery) -> float:
    yearly = facts.network.objective == "annual_cost"
    return math.fsum(facts.price * facts.average(levels)) + (math.fsum(found.shipping) if yearly else 0.0)


def _missed(facts: Facts, levels: Ints, found: Delivery) -> Iterator[str]:
    total = used(facts, levels, found).sum(axis=0)
    for (row, limit), use in zip(facts.limits.items(), total, strict=True):
        if use - limit > slack(limit):
            yield f"{row} is missed by {use - limit:.3g}"


def _wrong_stock(plan: Plan, facts: Facts) -> Iterator[str]:
    """Stock that is missing, or where none can be, or below a floor."""
    for (part, depot), row in facts.row.items():
        held = plan.stock.get(part, {}).get(depot)
        if held is None and (facts.rate[row] > 0 or facts.floor[row] > 0):
            yield f"stock: {part} at {depot} is missing"
        elif (held or 0) < facts.floor[row]:
            yield f"stock: {part} at {depot} is {held}, below its floor of {facts.floor[row]}"
        elif (held or 0) > facts.floor[row] + _STOCK_MAX:
            yield f"stock: {part} at {depot} is {held}, more than is ever worth looking at"
    for part, depots in plan.stock.items():
        for depot, held in depots.items():
            if held and (part, depot) not in facts.row:
                yield f"stock: {part} at {depot} serves nobody"


def _wrong_figures(plan: Plan, facts: Facts) -> Iterator[str]:
    """Cost, services and what they have to keep."""
    levels = _levels(plan, facts)
    found = delivery(facts, levels)
    cost = _cost(facts, levels, found)
    if _differ(plan.cost_cny, cost):
        yield f"cost_cny: {plan.cost_cny}, but this stock costs {cost}"
    share = np.bincount(facts.call_class, facts.call_weight * found.on_time, len(facts.class_rate))
    for sla, value, rate in zip(facts.network.sla_classes, share, facts.class_rate, strict=True):
        service = float(value) if rate > 0 else 1.0
        if _differ(plan.service.get(sla.id), service):
            yield f"service: {sla.id} is {plan.service.get(sla.id)}, but this stock gives {service}"
    if len(plan.service) > len(facts.class_rate):
        yield "service: there are more classes than in the network"
    yield from _missed(facts, levels, found)


def _wrong_proof(plan: Plan, facts: Facts) -> Iterator[str]:
    """The bounds, the gap, and the status that follows from them."""
    cost = plan.cost_cny or 0.0
    grid, bound = _bounded(plan, facts)
    if _differ(plan.lagrangian_bound_cny, bound):
        yield f"lagrangian_bound_cny: {plan.lagrangian_bound_cny}, but {bound} is proven"
    lower = min(bound, cost)
    if plan.proof == "lagrangian" and _differ(plan.lower_bound_cny, lower):
        yield f"lower_bound_cny: {plan.lower_bound_cny}, but {lower} is proven"
    if plan.proof == "search":
        lower = plan.lower_bound_cny or 0.0
        yield from _wrong_search(plan, facts, grid)
    gap = (cost - lower) / cost if cost else 0.0
    if _differ(plan.gap, gap):
        yield f"gap: {plan.gap}, but it is {gap}"
    if plan.status == "optimal" and gap > OPTIMAL_GAP:
        yield f"status: optimal, but the gap is {gap}"


def _wrong_search(plan: Plan, facts: Facts, grid: "_Grid | None") -> Iterator[str]:
    """A bound that a search proved: the search must find nothing below it."""
    cost, lower = plan.cost_cny or 0.0, plan.lower_bound_cny or 0.0
    if lower - cost > TOLERANCE * cost:
        yield f"lower_bound_cny: {lower} is more than the plan costs"
    if grid is None:
        return
    outcome = _search(plan, facts, grid, lower * (1.0 - PRECISION))
    if outcome.cheaper_by > PRECISION * cost:
        yield f"lower_bound_cny: {lower}, but there is a plan for {cost - outcome.cheaper_by:.2f}"
    elif not outcome.complete:
        yield f"proof: the search did not end within {NODES_MAX} nodes"


def _wrong_impossibility(plan: Plan, facts: Facts) -> Iterator[str]:
    """An infeasible network: even free stock does not pay for its targets and limits."""
    if plan.cost_cny is not None or plan.stock:
        yield "status: infeasible, but there is a stock"
    if not plan.reasons:
        yield "reasons: none are given"
    grid, bound = _bounded(plan, facts, free=plan.proof == "lagrangian")
    if plan.proof == "lagrangian":
        if bound <= 0.0:
            yield f"multipliers: they do not prove that there is no plan ({bound} <= 0)"
        return
    if grid is None:
        yield "status: infeasible, but nothing is asked for"
        return
    outcome = _search(plan, facts, grid, math.inf)
    if outcome.found:
        yield "status: infeasible, but there is a plan"
    elif not outcome.complete:
        yield f"proof: the search did not end within {NODES_MAX} nodes"


def _bounded(plan: Plan, facts: Facts, *, free: bool = False) -> "tuple[_Grid | None, float]":
    """The Lagrangian bound at the plan's multipliers, and the alternatives it takes.

    `free` asks for the bound with stock that costs nothing and limits exceeded by their slack.
    """
    if not facts.row:
        return None, 0.0
    if plan.proof == "lagrangian" and not free and len(facts.row) > _TABLED_ROWS and facts.network.policy.lateral:
        demand = gather(facts.network)
        if demand.in_pairs:
            return None, _bound_of_pairs(plan, demand)
    grid = _grid(plan, facts)
    while True:
        problem = grid.problem
        prices = _prices(plan, problem)
        found = relax(replace(problem, cost=0.0 * problem.cost) if free else problem, prices)
        bound = found.value - (float(prices @ problem.slack) if free else 0.0)
        beyond = beyond_in_question(problem, found, 0.0)
        if not len(beyond) or (free and bound > 0.0) or grid.growths == _GROWTHS_MAX:
            return grid, bound
        grid = grid.larger(problem.group[beyond])


def _bound_of_pairs(plan: Plan, demand: Demand) -> float:
    """The Lagrangian bound of more pairs of depots than tables of all alternatives would hold."""
    # loading compiled code takes a second and 60 MB: only networks that need it pay for it
    from optimizer.pair_choices import PairChoices  # noqa: PLC0415

    choices = PairChoices(demand)
    return choices.relax(np.array([plan.multipliers.get(row, 0.0) for row in choices.rows])).value


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Whether a repeated search ended, whether there is a plan, and how much less it costs."""

    complete: bool
    found: bool
    cheaper_by: float


def _search(plan: Plan, facts: Facts, grid: "_Grid", worth: float) -> _Outcome:
    """Search for a plan that costs less than `worth`, or for any if this is none."""
    step = money_step(facts.network)
    while True:
        problem = grid.problem
        choice = None if plan.cost_cny is None else grid.choice(plan)
        outcome = search(problem, relax(problem, _prices(plan, problem)), choice, worth=worth, step=step)
        if not len(outcome.beyond) or grid.growths == _GROWTHS_MAX:
            break
        grid = grid.larger(problem.group[outcome.beyond])
    if choice is None or outcome.plan is None:
        return _Outcome(outcome.complete, outcome.plan is not None, 0.0)
    saved = problem.total_cost(choice) - problem.total_cost(outcome.plan)
    return _Outcome(outcome.complete, found=True, cheaper_by=saved)


def _prices(plan: Plan, problem: Problem) -> Floats:
    return np.array([plan.multipliers.get(row, 0.0) for row in problem.rows])


class _OwnGrid:
    """Alternatives of depots alone, computed a second time."""

    def __init__(self, facts: Facts, sizes: Ints, growths: int = 0) -> None:
        self.facts = facts
        self.sizes = sizes
        self.growths = growths
        self.problem = table(facts, sizes)

    def choice(self, plan: Plan) -> Ints:
        """The alternatives that are the plan's stock."""
        return self.problem.first + _levels(plan, self.facts) - self.facts.floor

    def larger(self, groups: Ints) -> "_OwnGrid":
        """With more alternatives for some groups."""
        sizes = self.sizes.copy()
        sizes[groups] += sizes[groups] // 2 + 1
        return _OwnGrid(self.facts, sizes, self.growths + 1)


class _LateralGrid:
    """Alternatives of depots that help each other, as sizing computes them."""

    def __init__(self, demand: Demand, sizes: list[Ints], growths: int = 0) -> None:
        self.sizes = sizes
        self.growths = growths
        self.choices = build(demand, sizes)
        self.problem = self.choices.problem

    def choice(self, plan: Plan) -> Ints:
        """The alternatives that are the plan's stock."""
        return self.choices.choice(self.choices.demand.levels(plan.stock))

    def larger(self, groups: Ints) -> "_LateralGrid":
        """With more alternatives for some groups."""
        sizes = grown(self.choices, self.sizes, groups)
        return _LateralGrid(self.choices.demand, sizes, self.growths + 1)


_Grid = _OwnGrid | _LateralGrid


def _grid(plan: Plan, facts: Facts) -> _Grid:
    """Alternatives that include the plan's stock."""
    levels = _levels(plan, facts)
    if not facts.network.policy.lateral:
        load = facts.rate * facts.lead_time
        wanted = np.ceil(load + 6.0 * np.sqrt(load + load**2 / facts.shape) + 6.0).astype(np.int64)
        return _OwnGrid(facts, np.maximum(wanted, levels) - facts.floor)
    demand = gather(facts.network)
    held = demand.levels(plan.stock) - demand.floor
    sizes = [
        np.maximum(size, held[cluster.rows].sum(axis=1))
        for size, cluster in zip(initial_sizes(demand), demand.clusters, strict=True)
    ]
    return _LateralGrid(demand, sizes)


def _levels(plan: Plan, facts: Facts) -> Ints:
    """The plan's base stock of every row, its floor where none is given."""
    return np.array(
        [
            max(plan.stock.get(part, {}).get(depot, 0), int(facts.floor[row]))
            for (part, depot), row in facts.row.items()
        ],
        dtype=np.int64,
    )


def _differ(one: float | None, other: float) -> bool:
    return one is None or not math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
