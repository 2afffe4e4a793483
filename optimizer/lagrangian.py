"""The best lower bound that multipliers can prove: a concave maximum, by cutting planes.

Every relaxation at multipliers u gives, block by block, a line that the bound stays below: the
cost and use of its choice. A tiny linear program finds the highest point below all lines within
a box around the best multipliers so far; the box grows while its edge is reached and shrinks
when the lines promised too much. This is the dual of Dantzig-Wolfe decomposition.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pulp
from scipy import sparse

from optimizer.multiple_choice import Problem, Relaxation, relax
from optimizer.poisson import Floats, Ints
from optimizer.solver import highs

GAP = 1e-10
"""The search ends when no multipliers can raise the bound by more than this share of it."""

PASSES_MAX = 300
"""Relaxations at most; a few dozen are usual."""


@dataclass(frozen=True, slots=True)
class Dual:
    """Where the search for multipliers ended.

    `proven_infeasible` says that the bound exceeds what any choice costs, also when limits are
    exceeded by their slack: no choice keeps all limits, and the multipliers prove it. `plan` is
    the cheapest choice within all limits that was met on the way.
    """

    best: Relaxation
    proven_infeasible: bool
    plan: Ints | None
    passes: int


def maximise(
    problem: Problem,
    start: Floats | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> Dual:
    """Maximise the Lagrangian bound over multipliers >= 0, from a starting point.

    `stop` is asked before every pass. Wherever the search ends, its bound is proven.

    Source: Kelley (1960); Marsten, Hogan & Blankenship (1975), the box step.
    """
    master = _Master(problem)
    best = relax(problem, np.zeros(len(problem.rows)) if start is None else start)
    plan = _cheaper(problem, None, best.choice)
    master.cut(best)
    radius = 1.0
    passes = 1
    while passes < PASSES_MAX and len(problem.rows) and not stop():
        answer = master.highest(best.multipliers, radius)
        if answer is None:
            break
        trial, promised = answer
        if promised - best.value <= GAP * max(best.value, 0.01 * master.money):
            if radius >= 1.0:
                break
            radius = 1.0  # nothing more within a small box: a last look further off
            continue
        found = relax(problem, trial)
        passes += 1
        master.cut(found)
        plan = _cheaper(problem, plan, found.choice)
        if found.value - trial @ problem.slack > problem.ceiling:
            return Dual(found, proven_infeasible=True, plan=None, passes=passes)
        radius = _next_radius(radius, best.value, found.value, promised)
        if found.value > best.value:
            best = found
    return Dual(best, proven_infeasible=False, plan=plan, passes=passes)


def _next_radius(radius: float, before: float, after: float, promised: float) -> float:
    """Twice the box where the lines told the truth, half where they were far off."""
    kept = (after - before) / max(promised - before, 1e-300)
    if kept > 0.5:
        return radius * 2.0
    return max(radius / 2.0, 1e-9) if kept < 0.0 else max(radius, 1e-9)


def _cheaper(problem: Problem, plan: Ints | None, choice: Ints) -> Ints | None:
    if not problem.keeps_limits(choice):
        return plan
    if plan is None or problem.total_cost(choice) < problem.total_cost(plan):
        return choice
    return plan


class _Master:
    """The linear program over multipliers, in units in which everything is about one.

    Costs are measured in `money` and the use of row r in `measure[r]`, the ranges over which
    they can vary: a multiplier of one trades the whole of one against the whole of the other.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        least, most = problem.ranges
        spread = most - least
        self.money = float(problem.ceiling) or 1.0
        # a row that varies by rounding only must not be blown up to the size of the others
        self.measure = np.where(spread > 1e-9 * np.maximum(np.abs(problem.limit), np.abs(most)), spread, 1.0)
        self.binding = most > problem.limit
        self.depots, self.block = np.unique(problem.block, return_inverse=True)
        self.program = pulp.LpProblem("multipliers", pulp.LpMaximize)
        self.least = [self.program.add_variable(f"least{i}") for i in range(len(self.depots))]
        self.price = [self.program.add_variable(f"price{i}", 0) for i in range(len(spread))]
        limits = (problem.limit / self.measure).tolist()
        terms = [(least, 1.0) for least in self.least]
        terms += [(price, -limit) for price, limit in zip(self.price, limits, strict=True)]
        self.program.setObjective(pulp.lpSum_vars_coefs(terms))

    def cut(self, found: Relaxation) -> None:
        """Add the lines of a relaxation: no block can cost less than its choice, priced."""
        count = len(self.depots)
        cost = np.bincount(self.block, self.problem.cost[found.choice], count) / self.money
        membership = sparse.csr_array((np.ones(len(self.block)), (self.block, np.arange(len(self.block)))))
        use = (membership @ self.problem.use[found.choice]).toarray() / self.measure
        for block, least in enumerate(self.least):
            slopes = zip(self.price, (-use[block]).tolist(), strict=True)
            line = pulp.lpSum_vars_coefs([(least, 1.0), *slopes])
            self.program.addConstraint(line <= float(cost[block]))

    def highest(self, center: Floats, radius: float) -> tuple[Floats, float] | None:
        """The multipliers within the box that promise the most, and what they promise.

        None if the solver fails, as it may where lines are nearly parallel.
        """
        scale = self.money / self.measure
        lowest = np.where(self.binding, np.maximum(center / scale - radius, 0.0), 0.0)
        highest = np.where(self.binding, center / scale + radius, 0.0)
        for index, price in enumerate(self.price):
            price.lowBound, price.upBound = float(lowest[index]), float(highest[index])
        stats = self.program.solve(highs(primal_feasibility_tolerance=1e-10, dual_feasibility_tolerance=1e-10))
        if stats.status != pulp.LpSolveStatus.Optimal or stats.objective is None:
            return None
        found = np.array([max(price.varValue or 0.0, 0.0) for price in self.price])
        return found * scale, stats.objective * self.money
