"""Good plans from the core: the few alternatives that cost little more than the cheapest.

At good multipliers nearly every group takes its cheapest alternative, or one of a few that cost
nearly as little. Those stay free in an integer program, the others are left out. Its answer is
only a plan, checked in double precision; what it says about bounds is never used.
"""

import time
from dataclasses import dataclass

import numpy as np
import pulp
from scipy import sparse

from optimizer.multiple_choice import Problem, Relaxation
from optimizer.poisson import Floats, Ints
from optimizer.solver import highs

GAP = 1e-6
"""Share of the cost that the solver may leave; the bound it goes by is not trusted anyway."""

TIGHTENINGS_MAX = 5
"""How often rows that the solver's tolerance broke are tightened and the core is solved again."""


def core_of(problem: Problem, found: Relaxation, allowance: float, count: int) -> Ints:
    """The alternatives that a plan costing at most `allowance` above the bound can contain.

    Of these the `count` with the least regret, without the relaxation's own choice.
    """
    wanted = problem.choosable & (found.regret <= allowance)
    wanted[found.choice] = False
    free = np.flatnonzero(wanted)
    if len(free) <= count:
        return free
    return np.sort(free[np.argpartition(found.regret[free], count)[:count]])


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
        program = pulp.LpProblem("core", pulp.LpMinimize)
        take = [program.add_variable(f"take{i}", cat="Binary") for i in range(len(self.free))]
        total = pulp.lpSum_vars_coefs(zip(take, self.cost.tolist(), strict=True))
        program.setObjective(total + self.problem.total_cost(self.base))
        starts = np.flatnonzero(np.diff(self.group, prepend=-1))
        for members in np.split(np.arange(len(take)), starts[1:]):
            if len(members) > 1:
                program.addConstraint(pulp.lpSum_vars(take[i] for i in members) <= 1)
        room = -self.problem.excess(self.base) - tightened
        scale = np.maximum(np.abs(self.use).max(axis=0, initial=0.0), 1e-12)
        for row in range(len(room)):
            terms = zip(take, (self.use[:, row] / scale[row]).tolist(), strict=True)
            program.addConstraint(pulp.lpSum_vars_coefs(terms) <= float(room[row] / scale[row]))
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
