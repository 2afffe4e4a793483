"""How much of every part to hold where: the cheapest base stocks that keep every promise.

The steps: alternatives and what they deliver (`alternatives`, or `lines` where there are too many
to table), multipliers that prove a lower bound (`lagrangian`), a plan from the alternatives that
come into question (`core`), a search that proves it the cheapest where the problem is small
enough (`branch_and_bound`), or why there is none (`infeasibility`). A plan is evaluated again by
the exact formulas before it is answered.
"""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from optimizer.alternatives import Choices, build, grown, initial_sizes
from optimizer.branch_and_bound import PRECISION, Outcome, search
from optimizer.core import SECONDS_LARGE, gap_of, plan_from_core
from optimizer.demand import Demand, gather
from optimizer.errors import OptimizerError
from optimizer.evaluation import evaluate_demand, misses, money_step
from optimizer.infeasibility import reasons
from optimizer.lagrangian import maximise
from optimizer.multiple_choice import Relaxation, beyond_in_question, relax
from optimizer.network import Network
from optimizer.plan import OPTIMAL_GAP, Plan
from optimizer.poisson import Floats, Ints
from optimizer.watch import Progress, Watch

SMALL_GROUPS = 400
"""Problems with up to this many groups are searched as far as time allows."""

SEARCHED_GROUPS = 4_000
"""Larger ones up to this are searched for a while; beyond, the multipliers prove enough."""

TABLED_UNITS = 1_000_000
"""Units on order on average, over all rows, up to which every base stock fits a table."""

_NODES_SMALL, _NODES_LARGE = 500_000, 10_000
_CORE_SECONDS_SEARCHED = 2.0
_GROWTHS_MAX = 12


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
        OptimizerError: lateral supply of more stock than is computed exactly.

    """
    watch = Watch(time_limit_s, progress)
    demand = gather(network)
    if not len(demand.part):
        return _without_stock(demand, watch)
    large = len(demand.part) > SEARCHED_GROUPS or demand.daily_rate @ demand.lead_time_days > TABLED_UNITS
    alone = all(len(cluster.depots) == 1 for cluster in demand.clusters)
    if large and alone and demand.known_to_lines:
        # loading compiled code takes a second and 60 MB: only networks that need it pay for it
        from optimizer.line_sizing import size_lines_until  # noqa: PLC0415
        from optimizer.lines import LineChoices, lines_of  # noqa: PLC0415

        lines = lines_of(demand)
        choices = LineChoices(network, demand.class_rate, lines, executor, class_weight=demand.class_weight)
        found = size_lines_until(watch, choices, start)
        if found.levels is not None:
            levels = found.levels.astype(np.int64)
            return _plan(demand, levels, found.bound.value, _named(choices.rows, found.bound.multipliers), watch)
    if large and demand.in_pairs:
        from optimizer.pair_sizing import size_pairs_until  # noqa: PLC0415

        paired = size_pairs_until(watch, demand, start, executor)
        if paired.levels is not None:
            multipliers = _named(paired.rows, paired.bound.multipliers)
            return _plan(demand, paired.levels, paired.bound.value, multipliers, watch)
    solved = _solve(demand, watch, start)
    if solved.choice is None:
        return _no_plan(solved, watch)
    levels = solved.choices.levels(solved.choice)
    return _plan(demand, levels, solved.bound.value, _multipliers(solved), watch, _searched_bound(solved))


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


def _solve(demand: Demand, watch: Watch, start: Mapping[str, float] | None) -> _Solved:
    """Solve with ever more alternatives, until what lies beyond them is wanted no more.

    The bound holds for all base stocks, since the relaxation counts the alternatives beyond. It
    is as high as more alternatives could make it once the relaxation does not choose these, and
    a plan is proven among all base stocks once the search does not ask for them either.
    """
    sizes, prices, choices = initial_sizes(demand), None, None
    for _ in range(_GROWTHS_MAX):
        watch.tell("alternatives", 1.0)
        choices = build(demand, sizes, choices)
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
            enough, seconds = (PRECISION, _CORE_SECONDS_SEARCHED) if searched else (OPTIMAL_GAP, SECONDS_LARGE)
            plan = dual.plan.choice if dual.plan else None
            choice = plan_from_core(
                problem, bound, plan, watch, good_enough=bound.value * (1.0 + enough), seconds=seconds
            )
            if not searched:
                return _Solved(choices, bound, choice, bound.value, complete=False)
            found = _searched(choices, bound, choice, watch)
            beyond = found.beyond
            if not len(beyond):
                return _Solved(choices, bound, found.plan, found.bound, found.complete)
        sizes, prices = grown(choices, sizes, problem.group[beyond]), bound.multipliers
    raise OptimizerError("some parts are worth stocking almost without end: their stock costs next to nothing")


def _searched(choices: Choices, bound: Relaxation, plan: Ints | None, watch: Watch) -> Outcome:
    """A search for a cheaper plan, as far as the size of the problem and the time allow."""
    problem = choices.problem
    watch.tell("search", gap_of(problem, bound, plan))
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
    watch: Watch,
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
        reasons=demand.reckoned,
        **watch.cost,
    )


def _searched_bound(solved: _Solved) -> float:
    """What a search proved no plan to cost less than; everything else, if it went to its end."""
    return np.inf if solved.complete else solved.least


def _no_plan(solved: _Solved, watch: Watch) -> Plan:
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
        reasons=why + solved.choices.demand.reckoned,
        **watch.cost,
    )


def _multipliers(solved: _Solved) -> dict[str, float]:
    return _named(solved.choices.problem.rows, solved.bound.multipliers)


def _named(rows: tuple[str, ...], multipliers: Floats) -> dict[str, float]:
    return dict(zip(rows, multipliers.tolist(), strict=True))


def _without_stock(demand: Demand, watch: Watch) -> Plan:
    """Nothing is asked for, so nothing is held."""
    service = evaluate_demand(demand, demand.floor).service
    return Plan("optimal", "lagrangian", 0, 0, 0, 0, {}, service, {}, (), **watch.cost)
