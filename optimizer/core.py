"""Good plans from the core: the few alternatives that cost little more than the cheapest.

At good multipliers nearly every group takes its cheapest alternative, or one of a few that cost
nearly as little. Those stay free in an integer program, the others are left out. Its answer is
only a plan, checked in double precision; what it says about bounds is never used.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pulp
from scipy import sparse

from optimizer.lagrangian import Choosing, Priced, maximise
from optimizer.multiple_choice import Bools, Problem, Relaxation
from optimizer.plan import OPTIMAL_GAP
from optimizer.poisson import Floats, Ints
from optimizer.solver import highs
from optimizer.watch import Watch

GAP = 1e-6
"""Share of the cost that the solver may leave; the bound it goes by is not trusted anyway."""

CORE_SIZES = (300, 600, 1_200, 3_000, 30_000)
"""How many alternatives are left free, in turn, until the plan is good enough."""

_RADIUS = 1e-3
"""How far from good multipliers the best ones of a core are looked for first."""

_LUMP = 1e-6
"""A change that costs more than this share of everything is a lump."""

_UNDECIDED = 1e-6
"""Share of its cost by which a change may miss being chosen and count as undecided."""

SECONDS_LARGE = 5.0
"""How long a core of a large problem may take."""

TIGHTENINGS_MAX = 5
"""How often rows that the solver's tolerance broke are tightened and the core is solved again."""


@dataclass(frozen=True, slots=True, eq=False)
class Core:
    """The alternatives in question as a problem, and what they mean.

    `line` and `level` say what an alternative is. The other lines are settled: the problem's
    limits are what they leave.
    """

    problem: Problem
    line: Ints
    level: Ints


def problem_near[R: Priced](
    choices: Choosing[R], found: R, group: Ints, best: Bools, block: Ints, cost: Floats, use: sparse.csr_array
) -> Problem:
    """Some alternatives of some groups as a problem of their own, all else that was found being settled.

    Args:
        choices: all groups.
        found: what they choose.
        group: of every alternative, neighbours being of one group, shape (alternatives,); so are the next three.
        best: whether it is the one found; one is, in every group.
        block: where the group belongs.
        cost: what it costs.
        use: of every limit, shape (alternatives, rows).
    """
    first = np.flatnonzero(np.diff(group, prepend=-1))
    return Problem(
        rows=choices.rows,
        cost=cost,
        use=use,
        limit=choices.limit - (found.block_use.sum(axis=0) - np.asarray(use[best].sum(axis=0))),
        slack=choices.slack,
        first=first,
        choosable=np.ones(len(group), dtype=np.bool_),
        block=block[first],
        settled=found.cost - float(cost[best].sum()),
    )


def core_of(problem: Problem, found: Relaxation, allowance: float, count: int) -> Ints:
    """The alternatives that a plan costing at most `allowance` above the bound can contain.

    Of these about `count`, without the relaxation's own choice: half with the least regret, small
    changes that meet a limit exactly, and half with the least regret for what they change, since
    what the relaxation misses by more is made up for at the least cost by them.
    """
    wanted = problem.choosable & (found.regret <= allowance)
    wanted[found.choice] = False
    free = np.flatnonzero(wanted)
    if len(free) <= count:
        return free
    regret = found.regret[free]
    change = np.abs(problem.cost[free] - problem.cost[found.choice[problem.group[free]]])
    halves = (
        np.argpartition(order, count // 2)[: count // 2] for order in (regret, regret / np.maximum(change, 1e-300))
    )
    return free[np.union1d(*halves)]


def best_in_core(
    problem: Problem, found: Relaxation, free: Ints, *, good_enough: float, time_limit_s: float
) -> Ints | None:
    """A cheap choice within all limits that differs from the relaxation's only by `free`.

    The solver stops at a cost of `good_enough`. None where it finds no choice in time.
    """
    change = _Change.of(problem, found, free)
    tightened = np.zeros(len(problem.rows))
    end = time.perf_counter() + time_limit_s
    for _ in range(TIGHTENINGS_MAX):
        left_s = max(end - time.perf_counter(), 0.1)
        choice = change.solve(tightened, good_enough, left_s)
        if choice is None or problem.keeps_limits(choice):
            return choice
        missed = np.maximum(problem.excess(choice) - problem.slack, 0.0)
        tightened += 2.0 * missed
    return None


def without_lumps(problem: Problem, start: Floats, stop: Callable[[], bool]) -> tuple[Problem, Relaxation, Ints]:
    """The problem without its lumps, its relaxation at the best multipliers then, and what is left of it.

    Below its mode a demand's distribution is convex: a dear part that fails often is worth
    holding in plenty or not at all, and where the best multipliers leave it undecided, one part
    exceeds or leaves more of a limit than all the small changes in question can make up for. It is
    decided for the larger stock, which the others make up for at nearly the same prices.
    """
    left = np.arange(len(problem.cost))
    while True:
        found = maximise(problem, start, radius=_RADIUS, stop=stop).best
        change = np.abs(problem.cost - problem.cost[found.choice][problem.group])
        lumps = (change > _LUMP * found.value) & (found.regret <= _UNDECIDED * change)
        if not lumps.any() or stop():
            return problem, found, left
        group = np.unique(problem.group[lumps])
        lumps[found.choice[group]] = True
        dearest = np.maximum.reduceat(np.where(lumps, problem.cost, -np.inf), problem.first)
        kept = ~lumps | (problem.cost == dearest[problem.group])
        problem, start, left = problem.only(kept), found.multipliers, left[kept]


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """The integer program: which free alternative, if any, replaces the choice of its group."""

    problem: Problem
    base: Ints
    free: Ints
    group: Ints
    cost: Floats
    use: Floats

    @classmethod
    def of(cls, problem: Problem, found: Relaxation, free: Ints) -> "_Change":
        """What taking each free alternative changes in cost and use."""
        group = problem.group[free]
        replaced = found.choice[group]
        use = sparse.csr_array(problem.use[free] - problem.use[replaced]).toarray()
        cost = problem.cost[free] - problem.cost[replaced]
        return cls(problem, found.choice, free, group, cost, use)

    def solve(self, tightened: Floats, good_enough: float, time_limit_s: float) -> Ints | None:
        """The choice after the best changes, with limits tightened by some amounts."""
        program, take = self._program(tightened)
        stats = program.solve(
            highs(
                timeLimit=time_limit_s,
                gapRel=GAP,
                objective_target=good_enough,
                mip_feasibility_tolerance=1e-9,
                primal_feasibility_tolerance=1e-9,
            )
        )
        if not stats.has_solution:
            return None
        choice = self.base.copy()
        taken = [i for i, variable in enumerate(take) if (variable.varValue or 0.0) > 0.5]
        choice[self.group[taken]] = self.free[taken]
        return choice

    def _program(self, tightened: Floats) -> tuple[pulp.LpProblem, list[pulp.LpVariable]]:
        program = pulp.LpProblem("core", pulp.LpMinimize)
        take = [program.add_variable(f"take{i}", cat="Binary") for i in range(len(self.free))]
        total = pulp.lpSum_vars_coefs(zip(take, self.cost.tolist(), strict=True))
        program.setObjective(total + self.problem.total_cost(self.base))
        starts = np.flatnonzero(np.diff(self.group, prepend=-1)).tolist()
        for first, last in itertools.pairwise([*starts, len(take)]):
            if last - first > 1:
                program.addConstraint(pulp.lpSum_vars(take[first:last]) <= 1)
        room = -self.problem.excess(self.base) - tightened
        scale = np.maximum(np.abs(self.use).max(axis=0, initial=0.0), 1e-12)
        for row in range(len(room)):
            changing = np.flatnonzero(self.use[:, row])
            factors = (self.use[changing, row] / scale[row]).tolist()
            terms = zip([take[i] for i in changing], factors, strict=True)
            program.addConstraint(pulp.lpSum_vars_coefs(terms) <= float(room[row] / scale[row]))
        return program, take


def plan_from_core(
    problem: Problem, bound: Relaxation, plan: Ints | None, watch: Watch, *, good_enough: float, seconds: float
) -> Ints | None:
    """The best plan that cores of growing size yield, from a first one if any.

    Nothing cheaper than `good_enough` is looked for, nor should a core take longer than some
    seconds.
    """
    plan = _most(problem) if plan is None else plan
    for core_size in CORE_SIZES:
        cost = np.inf if plan is None else problem.total_cost(plan)
        if cost <= good_enough or watch.out() or (core_size == CORE_SIZES[-1] and plan is not None):
            break
        watch.tell("core", gap_of(problem, bound, plan))
        found = best_in_core(
            problem,
            bound,
            core_of(problem, bound, cost - bound.value, core_size),
            good_enough=(bound.value + max(bound.value, good_enough)) / 2.0,
            time_limit_s=min(watch.left_s / 3.0, seconds),
        )
        if found is not None and problem.total_cost(found) < cost:
            plan = found
    return plan


def _most(problem: Problem) -> Ints | None:
    """The plan to hold the most of everything, if the limits allow that."""
    choosable = np.where(problem.choosable, np.arange(len(problem.cost)), -1)
    choice = np.maximum.reduceat(choosable, problem.first)
    return choice if problem.keeps_limits(choice) else None


def gap_of(problem: Problem, bound: Relaxation, plan: Ints | None) -> float:
    """How far a plan lies above a bound, as a share of its cost; 1 where there is none."""
    if plan is None:
        return 1.0
    cost = problem.total_cost(plan)
    return (cost - min(bound.value, cost)) / cost if cost else 0.0


def plan_near(problem: Problem, bound: Priced, watch: Watch) -> Ints | None:
    """A plan from what lies near a bound's multipliers: first without lumps, then, if that costs too much, with them."""
    good_enough = bound.value * (1.0 + OPTIMAL_GAP / 2.0)
    smooth, relaxed, left = without_lumps(problem, bound.multipliers, watch.out)
    found = plan_from_core(smooth, relaxed, None, watch, good_enough=good_enough, seconds=SECONDS_LARGE)
    plan = None if found is None else left[found]
    if plan is not None and not too_dear(problem.total_cost(plan), bound):
        return plan
    again = problem.relax(relaxed.multipliers)
    around = again if plan is None else replace(again, choice=plan)
    return plan_from_core(problem, around, plan, watch, good_enough=good_enough, seconds=SECONDS_LARGE)


def too_dear(cost: float, bound: Priced) -> bool:
    """Whether a plan of such a cost is not yet proven good enough."""
    return cost == np.inf or cost - bound.value > OPTIMAL_GAP * cost
