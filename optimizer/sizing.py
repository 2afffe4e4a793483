"""How much of every part to hold where: the cheapest base stocks that keep every promise.

The steps: alternatives and what they deliver (`alternatives`, or `lines` where there are too many
to table), multipliers that prove a lower bound (`lagrangian`), a plan from the alternatives that
come into question (`core`), a search that proves it the cheapest where the problem is small
enough (`branch_and_bound`), or why there is none (`infeasibility`). A plan is evaluated again by
the exact formulas before it is answered.
"""

import resource
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
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
from optimizer.lines import LineChoices, Priced, lines_of
from optimizer.multiple_choice import Problem, Relaxation, beyond_in_question, relax
from optimizer.network import Network
from optimizer.plan import Plan
from optimizer.poisson import Floats, Ints
from optimizer.pricing import Counts

OPTIMAL_GAP = 1e-6
"""A plan is optimal where its cost lies within this share above the proven bound."""

SMALL_GROUPS = 400
"""Problems with up to this many groups are searched as far as time allows."""

SEARCHED_GROUPS = 4_000
"""Larger ones up to this are searched for a while; beyond, the multipliers prove enough."""

TABLED_UNITS = 1_000_000
"""Units on order on average, over all rows, up to which every base stock fits a table."""

_NODES_SMALL, _NODES_LARGE = 500_000, 10_000
_CORE_SIZES = (300, 600, 1_200, 3_000, 30_000)
_CORE_SECONDS_SEARCHED, _CORE_SECONDS_LARGE = 2.0, 5.0
_GROWTHS_MAX = 12

_DUAL_GAP_LINES = 1e-8
"""Where so many lines choose, the bound is as good as OPTIMAL_GAP needs long before it is perfect."""

_RADIUS_STARTED = 1e-3
"""How far from multipliers that are nearly right the better ones are looked for first."""

_REGRET_FIRST = 1e-2
"""Share of the bound that alternatives may cost more while there is no plan to go by."""

Progress = Callable[[str, float], None]
"""Told at the start of every step: the step's name, and the gap proven so far."""


def size(
    network: Network,
    *,
    time_limit_s: float = 60.0,
    start: Mapping[str, float] | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Plan:
    """The cheapest plan for a network, with its proof.

    Args:
        network: a checked network.
        time_limit_s: when to stop with the best plan so far, in seconds.
        start: multipliers of a plan for a similar network, which this one will resemble.
        executor: computes pieces of a network that is too large for tables; this thread if none.
        progress: told what is going on.

    Raises:
        OptimizerError: lateral supply among more depots, or of more stock, than is computed
            exactly.

    """
    watch = _Watch(time_limit_s, progress)
    demand = gather(network)
    if not len(demand.part):
        return _without_stock(demand, watch)
    large = len(demand.part) > SEARCHED_GROUPS or demand.daily_rate @ demand.lead_time_days > TABLED_UNITS
    if large and all(len(cluster.depots) == 1 for cluster in demand.clusters):
        choices = LineChoices(network, demand.class_rate, lines_of(demand), executor)
        found = _size_lines(choices, start, watch)
        if found.levels is not None:
            levels = found.levels.astype(np.int64)
            return _plan(demand, levels, found.bound.value, _named(choices.rows, found.bound.multipliers), watch)
    solved = _solve(demand, watch, start)
    if solved.choice is None:
        return _no_plan(solved, watch)
    levels = solved.choices.levels(solved.choice)
    return _plan(demand, levels, solved.bound.value, _multipliers(solved), watch, _searched_bound(solved))


@dataclass(frozen=True, slots=True, eq=False)
class SizedLines:
    """Base stocks of lines, what they cost, and the relaxation whose value bounds it from below.

    Without levels no plan was found; `impossible` says that the multipliers prove there is none.
    """

    levels: Counts | None
    cost: float
    bound: Priced
    impossible: bool


def size_lines(
    choices: LineChoices,
    *,
    time_limit_s: float = 60.0,
    start: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> SizedLines:
    """The cheapest base stocks of any number of lines within their network's limits.

    Where there is nothing to start from, a sample of the lines is sized first: its multipliers
    are nearly right for all of them.

    Args:
        choices: the lines and limits.
        time_limit_s: when to stop with what there is, in seconds.
        start: multipliers to start from.
        progress: told what is going on.
    """
    return _size_lines(choices, start, _Watch(time_limit_s, progress))


def _size_lines(choices: LineChoices, start: Mapping[str, float] | None, watch: "_Watch") -> SizedLines:
    watch.tell("bound", 1.0)
    if start is None:
        sample = maximise(choices.sample, gap=1e-6, stop=watch.out)
        prices = sample.best.multipliers
    else:
        prices = np.array([start.get(row, 0.0) for row in choices.rows])
    dual = maximise(choices, prices, radius=_RADIUS_STARTED, gap=_DUAL_GAP_LINES, stop=watch.out)
    bound = dual.best
    if dual.proven_infeasible:
        return SizedLines(None, np.inf, bound, impossible=True)
    cost = np.inf if dual.plan is None else dual.plan.cost
    gap = (cost - bound.value) / cost if dual.plan else 1.0
    if gap > OPTIMAL_GAP and not watch.out():
        watch.tell("core", gap)
        near = choices.near(bound, cost - bound.value if dual.plan else _REGRET_FIRST * bound.value, _CORE_SIZES[-1])
        # where lines tie, the bound hardly tells which multipliers are best: among the few in question it is soon told
        among = maximise(near.problem, bound.multipliers, radius=_RADIUS_STARTED, stop=watch.out)
        plan = among.plan.choice if among.plan else None
        chosen = _from_core(
            near.problem, among.best, plan, watch, enough=OPTIMAL_GAP / 2.0, seconds=_CORE_SECONDS_LARGE
        )
        if chosen is not None and near.problem.total_cost(chosen) < cost:
            levels = choices.levels(bound.multipliers)
            levels[near.line[chosen]] = near.level[chosen]
            return SizedLines(levels, near.problem.total_cost(chosen), bound, impossible=False)
    levels = None if dual.plan is None else choices.levels(dual.plan.multipliers)
    return SizedLines(levels, cost, bound, impossible=False)


class _Watch:
    """The time limit, and whom to tell how far it went."""

    def __init__(self, time_limit_s: float, progress: Progress | None) -> None:
        self.start = time.perf_counter()
        self.end = self.start + time_limit_s
        self.tell: Progress = progress or (lambda _step, _gap: None)

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


def _solve(demand: Demand, watch: _Watch, start: Mapping[str, float] | None) -> _Solved:
    """Solve with ever more alternatives, until what lies beyond them is wanted no more.

    The bound holds for all base stocks, since the relaxation counts the alternatives beyond. It
    is as high as more alternatives could make it once the relaxation does not choose these, and
    a plan is proven among all base stocks once the search does not ask for them either.
    """
    sizes, prices = initial_sizes(demand), None
    for _ in range(_GROWTHS_MAX):
        watch.tell("alternatives", 1.0)
        choices = build(demand, sizes)
        problem = choices.problem
        watch.tell("bound", 1.0)
        if prices is None and start:
            prices = np.array([start.get(row, 0.0) for row in problem.rows])
        dual = maximise(problem, prices, stop=watch.out)
        if dual.proven_infeasible:
            return _Solved(choices, dual.best, None, np.inf, complete=True, by_multipliers=True)
        bound = dual.best
        beyond = beyond_in_question(problem, bound, 0.0)
        if len(beyond) and watch.out():  # no time to grow: free of charge nobody wants more
            bound, beyond = relax(problem, np.zeros(len(problem.rows))), beyond[:0]
        if not len(beyond):
            # what a search will look at afterwards need not be perfect here
            searched = len(problem.first) <= SEARCHED_GROUPS
            enough, seconds = (PRECISION, _CORE_SECONDS_SEARCHED) if searched else (OPTIMAL_GAP, _CORE_SECONDS_LARGE)
            plan = dual.plan.choice if dual.plan else None
            choice = _from_core(problem, bound, plan, watch, enough=enough, seconds=seconds)
            if not searched:
                return _Solved(choices, bound, choice, bound.value, complete=False)
            found = _searched(choices, bound, choice, watch)
            beyond = found.beyond
            if not len(beyond):
                return _Solved(choices, bound, found.plan, found.bound, found.complete)
        sizes, prices = grown(choices, sizes, problem.group[beyond]), bound.multipliers
    raise OptimizerError("some parts are worth stocking almost without end: their stock costs next to nothing")


def _from_core(
    problem: Problem, bound: Relaxation, plan: Ints | None, watch: _Watch, *, enough: float, seconds: float
) -> Ints | None:
    """The best plan that cores of growing size yield, from a first one if any.

    It need not be closer to the bound than by `enough` of its cost, nor should a core take
    longer than some seconds.
    """
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


def _plan(
    demand: Demand,
    levels: Ints,
    bound: float,
    multipliers: dict[str, float],
    watch: _Watch,
    searched: float | None = None,
) -> Plan:
    """The answer for base stocks: evaluated again, with status and proof.

    `bound` is what the multipliers prove, `searched` what a search proved on top of that.
    """
    stock = demand.stock_of(levels)
    evaluation = evaluate_demand(demand, levels)
    missed = misses(demand.network, evaluation)
    if missed:
        raise OptimizerError(f"the plan breaks its own limits: {missed}", missed=missed)
    cost = evaluation.cost_cny
    proven = min(bound, cost)
    lower = proven if searched is None else max(proven, min(searched, cost))
    by_search = lower - proven > PRECISION * cost
    lower = lower if by_search else proven
    gap = (cost - lower) / cost if cost else 0.0
    open_end = "timed_out" if watch.out() else "feasible"
    return Plan(
        status="optimal" if gap <= OPTIMAL_GAP else open_end,
        proof="search" if by_search else "lagrangian",
        cost_cny=cost,
        lower_bound_cny=lower,
        lagrangian_bound_cny=bound,
        gap=gap,
        stock=stock,
        service=evaluation.service,
        multipliers=multipliers,
        reasons=(),
        **watch.cost,
    )


def _searched_bound(solved: _Solved) -> float:
    """What a search proved no plan to cost less than; everything else, if it went to its end."""
    return np.inf if solved.complete else solved.least


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
    return _named(solved.choices.problem.rows, solved.bound.multipliers)


def _named(rows: tuple[str, ...], multipliers: Floats) -> dict[str, float]:
    return dict(zip(rows, multipliers.tolist(), strict=True))


def _without_stock(demand: Demand, watch: _Watch) -> Plan:
    """Nothing is asked for, so nothing is held."""
    service = evaluate_demand(demand, demand.floor).service
    return Plan("optimal", "lagrangian", 0, 0, 0, 0, {}, service, {}, (), **watch.cost)
