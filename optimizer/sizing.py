"""How much of every part to hold where: the cheapest base stocks that keep every promise.

The steps: alternatives and what they deliver (`alternatives`), multipliers that prove a lower
bound (`lagrangian`), a plan from the alternatives that come into question (`core`), a search
that proves it the cheapest where the problem is small enough (`branch_and_bound`), or why there
is none (`infeasibility`). A plan is evaluated again by the exact formulas before it is answered.
"""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from optimizer.alternatives import Choices, build, grown, initial_sizes
from optimizer.branch_and_bound import PRECISION, Outcome, search
from optimizer.core import best_in_core, core_of
from optimizer.demand import Demand, gather
from optimizer.errors import OptimizerError
from optimizer.evaluation import evaluate_demand, misses, money_step
from optimizer.infeasibility import reasons
from optimizer.lagrangian import maximise
from optimizer.multiple_choice import Problem, Relaxation, beyond_in_question, relax
from optimizer.network import Network
from optimizer.plan import Plan
from optimizer.poisson import Ints

OPTIMAL_GAP = 1e-6
"""A plan is optimal where its cost lies within this share above the proven bound."""

SMALL_GROUPS = 400
"""Problems with up to this many groups are searched as far as time allows."""

SEARCHED_GROUPS = 4_000
"""Larger ones up to this are searched for a while; beyond, the multipliers prove enough."""

_NODES_SMALL, _NODES_LARGE = 500_000, 10_000
_CORE_SIZES = (300, 3_000, 30_000)
_CORE_SECONDS_SEARCHED, _CORE_SECONDS_LARGE = 2.0, 5.0
_GROWTHS_MAX = 12

Progress = Callable[[str, float], None]
"""Told at the start of every step: the step's name, and the gap proven so far."""


def size(network: Network, *, time_limit_s: float = 60.0, progress: Progress | None = None) -> Plan:
    """The cheapest plan for a network, with its proof.

    Args:
        network: a checked network.
        time_limit_s: when to stop with the best plan so far, in seconds.
        progress: told what is going on.

    Returns:
        A plan of any status (see `optimizer.plan`); its targets are kept within 1e-9.

    Raises:
        OptimizerError: lateral supply joins more depots, or needs more stock, than is computed
            exactly.

    """
    watch = _Watch(time_limit_s, progress or (lambda _step, _gap: None))
    demand = gather(network)
    if not len(demand.part):
        return _without_stock(demand, watch)
    solved = _solve(demand, watch)
    if solved.choice is None:
        return _no_plan(solved, watch)
    return _plan(solved, solved.choice, watch)


class _Watch:
    """The time limit, and whom to tell how far it went."""

    def __init__(self, time_limit_s: float, progress: Progress) -> None:
        self.start = time.perf_counter()
        self.end = self.start + time_limit_s
        self.tell = progress

    @property
    def left_s(self) -> float:
        return max(self.end - time.perf_counter(), 0.0)

    def out(self) -> bool:
        return self.left_s == 0.0

    @property
    def cost(self) -> dict[str, float]:
        """What the answer took: seconds and memory."""
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "seconds": time.perf_counter() - self.start,
            "peak_memory_mb": peak_kib / 1024.0,
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    """Where solving ended.

    `choice` is the plan. No plan costs less than `least`, what a search proved on top of the
    relaxation; `complete` says that it proved the plan, or that there is none.
    """

    choices: Choices
    bound: Relaxation
    choice: Ints | None
    least: float
    complete: bool
    by_multipliers: bool = False


def _solve(demand: Demand, watch: _Watch) -> _Solved:
    """Solve with ever more alternatives, until what lies beyond them is wanted no more.

    The bound holds for all base stocks, since the relaxation counts the alternatives beyond. It
    is as high as more alternatives could make it once the relaxation does not choose these, and
    a plan is proven among all base stocks once the search does not ask for them either.
    """
    sizes, start = initial_sizes(demand), None
    for _ in range(_GROWTHS_MAX):
        watch.tell("alternatives", 1.0)
        choices = build(demand, sizes)
        problem = choices.problem
        watch.tell("bound", 1.0)
        dual = maximise(problem, start, stop=watch.out)
        if dual.proven_infeasible:
            return _Solved(choices, dual.best, None, np.inf, complete=True, by_multipliers=True)
        bound = dual.best
        beyond = beyond_in_question(problem, bound, 0.0)
        if len(beyond) and watch.out():  # no time to grow: free of charge nobody wants more
            bound, beyond = relax(problem, np.zeros(len(problem.rows))), beyond[:0]
        if not len(beyond):
            choice = _from_core(problem, bound, dual.plan, watch)
            if len(problem.first) > SEARCHED_GROUPS:
                return _Solved(choices, bound, choice, bound.value, complete=False)
            found = _searched(choices, bound, choice, watch)
            beyond = found.beyond
            if not len(beyond):
                return _Solved(choices, bound, found.plan, found.bound, found.complete)
        sizes, start = grown(choices, sizes, problem.group[beyond]), bound.multipliers
    raise OptimizerError("some parts are worth stocking almost without end: their stock costs next to nothing")


def _from_core(problem: Problem, bound: Relaxation, plan: Ints | None, watch: _Watch) -> Ints | None:
    """The best plan that cores of growing size yield within a few seconds, from a first one if any.

    What a search will look at afterwards need not be perfect here.
    """
    searched = len(problem.first) <= SEARCHED_GROUPS
    enough, seconds = (PRECISION, _CORE_SECONDS_SEARCHED) if searched else (OPTIMAL_GAP, _CORE_SECONDS_LARGE)
    plan = _most(problem) if plan is None else plan
    for core_size in _CORE_SIZES:
        gap = _gap(problem, bound, plan)
        if gap <= enough or watch.out() or (core_size == _CORE_SIZES[-1] and plan is not None):
            break
        watch.tell("core", gap)
        allowance = np.inf if plan is None else problem.total_cost(plan) - bound.value
        free = core_of(problem, bound, allowance, core_size)
        found = best_in_core(
            problem,
            bound,
            free,
            good_enough=bound.value * (1.0 + enough / 2.0),
            time_limit_s=min(watch.left_s / 3.0, seconds),
        )
        if found is not None and (plan is None or _cheaper(problem, found, plan)):
            plan = found
    return plan


def _most(problem: Problem) -> Ints | None:
    """The plan to hold the most of everything, if the limits allow that."""
    choosable = np.where(problem.choosable, np.arange(len(problem.cost)), -1)
    choice = np.maximum.reduceat(choosable, problem.first)
    return choice if problem.keeps_limits(choice) else None


def _cheaper(problem: Problem, one: Ints, other: Ints) -> bool:
    return problem.total_cost(one) < problem.total_cost(other)


def _gap(problem: Problem, bound: Relaxation, plan: Ints | None) -> float:
    if plan is None:
        return 1.0
    cost = problem.total_cost(plan)
    return (cost - min(bound.value, cost)) / cost if cost else 0.0


def _searched(choices: Choices, bound: Relaxation, plan: Ints | None, watch: _Watch) -> Outcome:
    """A search for a cheaper plan, as far as the size of the problem and the time allow."""
    problem = choices.problem
    watch.tell("search", _gap(problem, bound, plan))
    return search(
        problem,
        bound,
        plan,
        step=money_step(choices.demand.network),
        nodes_max=_NODES_SMALL if len(problem.first) <= SMALL_GROUPS else _NODES_LARGE,
        stop=watch.out,
    )


def _plan(solved: _Solved, choice: Ints, watch: _Watch) -> Plan:
    """The answer for a choice: evaluated again, with status and proof."""
    demand, bound = solved.choices.demand, solved.bound
    stock = demand.stock_of(solved.choices.levels(choice))
    evaluation = evaluate_demand(demand, stock)
    missed = misses(demand.network, evaluation)
    if missed:
        raise OptimizerError(f"the plan breaks its own limits: {missed}", missed=missed)
    cost = evaluation.cost_cny
    proven = min(bound.value, cost)
    lower = cost if solved.complete else max(proven, min(solved.least, cost))
    by_search = lower - proven > PRECISION * cost
    lower = lower if by_search else proven
    gap = (cost - lower) / cost if cost else 0.0
    open_end = "timed_out" if watch.out() else "feasible"
    return Plan(
        status="optimal" if gap <= OPTIMAL_GAP else open_end,
        proof="search" if by_search else "lagrangian",
        cost_cny=cost,
        lower_bound_cny=lower,
        lagrangian_bound_cny=bound.value,
        gap=gap,
        stock=stock,
        service=evaluation.service,
        multipliers=_multipliers(solved),
        reasons=(),
        **watch.cost,
    )


def _no_plan(solved: _Solved, watch: _Watch) -> Plan:
    """The answer where there is no plan, or none was found in time."""
    problem = solved.choices.problem
    if solved.complete:
        watch.tell("reasons", 1.0)
        why = reasons(solved.choices.demand.network, problem, watch.out)
    else:
        why = ("no plan was found, and none was proven impossible",)
    return Plan(
        status="infeasible" if solved.complete else "timed_out",
        proof="lagrangian" if solved.by_multipliers else "search",
        cost_cny=None,
        lower_bound_cny=None,
        lagrangian_bound_cny=None,
        gap=None,
        stock={},
        service={},
        multipliers=_multipliers(solved),
        reasons=why,
        **watch.cost,
    )


def _multipliers(solved: _Solved) -> dict[str, float]:
    return dict(zip(solved.choices.problem.rows, solved.bound.multipliers.tolist(), strict=True))


def _without_stock(demand: Demand, watch: _Watch) -> Plan:
    """Nothing is asked for, so nothing is held."""
    service = evaluate_demand(demand, {}).service
    return Plan("optimal", "lagrangian", 0, 0, 0, 0, {}, service, {}, (), **watch.cost)
