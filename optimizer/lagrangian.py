"""The best lower bound that multipliers can prove: a concave maximum, by cutting planes.

Every relaxation at multipliers u gives, block by block, a line that the bound stays below: the
cost and use of its choice. A tiny linear program finds the highest point below all lines within
a box around the best multipliers so far; the box grows while its edge is reached and shrinks
when the lines promised too much. This is the dual of Dantzig-Wolfe decomposition.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pulp

from optimizer.multiple_choice import Extent
from optimizer.poisson import Floats
from optimizer.solver import highs

GAP = 1e-10
"""The search ends when no multipliers can raise the bound by more than this share of it."""

PASSES_MAX = 300
"""Relaxations at most; a few dozen are usual."""


class Priced(Protocol):
    """Choices at some multipliers: a lower bound, and what they cost and use, block by block."""

    @property
    def multipliers(self) -> Floats:
        """The prices of the limits, shape (rows,)."""
        ...

    @property
    def value(self) -> float:
        """A lower bound on the cost of every plan."""
        ...

    @property
    def cost(self) -> float:
        """What the choices cost."""
        ...

    @property
    def block_cost(self) -> Floats:
        """What they cost, shape (blocks,)."""
        ...

    @property
    def block_use(self) -> Floats:
        """What they use of every limit, shape (blocks, rows)."""
        ...


class Choosing[R: Priced](Protocol):
    """Groups that choose for themselves once limits are priced, however they are kept."""

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of the limits."""
        ...

    @property
    def limit(self) -> Floats:
        """The limits, all upper ones."""
        ...

    @property
    def slack(self) -> Floats:
        """How far each may be exceeded and still count as kept."""
        ...

    @property
    def settled(self) -> float:
        """A cost that no choice changes."""
        ...

    def extent(self) -> Extent:
        """How far choices can go."""
        ...

    def relax(self, multipliers: Floats) -> R:
        """Price the limits and let every group choose."""
        ...

    def is_plan(self, found: R) -> bool:
        """Whether the choices keep every limit."""
        ...


@dataclass(frozen=True, slots=True)
class Dual[R: Priced]:
    """Where the search for multipliers ended.

    `proven_infeasible` says that the bound exceeds what any choice costs, also when limits are
    exceeded by their slack: no choice keeps all limits, and the multipliers prove it. `plan` is
    the cheapest choice within all limits that was met on the way.
    """

    best: R
    proven_infeasible: bool
    plan: R | None


def maximise[R: Priced](
    problem: Choosing[R],
    start: Floats | None = None,
    *,
    radius: float = 1.0,
    within: tuple[Floats, Floats] | None = None,
    known: Iterable[Priced] = (),
    gap: float = GAP,
    stop: Callable[[], bool] = lambda: False,
) -> Dual[R]:
    """Maximise the Lagrangian bound over multipliers >= 0, from a starting point.

    Args:
        problem: the groups.
        start: multipliers to begin at; zeros if none.
        radius: how far from them to look at first, as a share of all there is.
        within: the least and the greatest multipliers to look at, if not all.
        known: what is known at other multipliers.
        gap: the search ends when the bound can rise by no more than this share of it.
        stop: asked before every pass; wherever the search ends, its bound is proven.

    Source: Kelley (1960); Marsten, Hogan & Blankenship (1975), the box step.
    """
    extent = problem.extent()
    best = problem.relax(np.zeros(len(problem.rows)) if start is None else start)
    master = _Master(problem, extent, len(best.block_cost), within)
    plan = best if problem.is_plan(best) else None
    for each in (best, *known):
        master.cut(each)
    passes = 1
    while passes < PASSES_MAX and len(problem.rows) and not stop():
        answer = master.highest(best.multipliers, radius)
        if answer is None:
            break
        trial, promised = answer
        if promised - best.value <= gap * max(best.value, 0.01 * master.money):
            if radius >= 1.0:
                break
            radius = 1.0  # nothing more within a small box: a last look further off
            continue
        found = problem.relax(trial)
        passes += 1
        master.cut(found)
        if problem.is_plan(found) and (plan is None or found.cost < plan.cost):
            plan = found
        if found.value - trial @ problem.slack > extent.ceiling:
            return Dual(found, proven_infeasible=True, plan=None)
        radius = _next_radius(radius, best.value, found.value, promised)
        if found.value > best.value:
            best = found
    return Dual(best, proven_infeasible=False, plan=plan)


def _next_radius(radius: float, before: float, after: float, promised: float) -> float:
    """Twice the box where the lines told the truth, half where they were far off."""
    kept = (after - before) / max(promised - before, 1e-300)
    if kept > 0.5:
        return radius * 2.0
    return max(radius / 2.0, 1e-9) if kept < 0.0 else max(radius, 1e-9)


class _Master:
    """The linear program over multipliers, in units in which everything is about one.

    Costs are measured in `money` and the use of row r in `measure[r]`, the ranges over which
    they can vary: a multiplier of one trades the whole of one against the whole of the other.
    """

    def __init__(
        self, problem: Choosing[Any], extent: Extent, blocks: int, within: tuple[Floats, Floats] | None
    ) -> None:
        spread = extent.most - extent.least
        self.settled = problem.settled
        self.money = float(extent.ceiling - problem.settled) or 1.0
        # a row that varies by rounding only must not be blown up to the size of the others
        variation = 1e-9 * np.maximum(np.abs(problem.limit), np.abs(extent.most))
        self.measure = np.where(spread > variation, spread, 1.0)
        self.binding = extent.most > problem.limit
        self.within = within or (np.zeros(len(spread)), np.full(len(spread), np.inf))
        self.program = pulp.LpProblem("multipliers", pulp.LpMaximize)
        self.least = [self.program.add_variable(f"least{i}") for i in range(blocks)]
        self.price = [self.program.add_variable(f"price{i}", 0) for i in range(len(spread))]
        limits = (problem.limit / self.measure).tolist()
        terms = [(least, 1.0) for least in self.least]
        terms += [(price, -limit) for price, limit in zip(self.price, limits, strict=True)]
        self.program.setObjective(pulp.lpSum_vars_coefs(terms))

    def cut(self, found: Priced) -> None:
        """Add the lines of a relaxation: no block can cost less than its choice, priced."""
        cost, use = found.block_cost / self.money, found.block_use / self.measure
        for block, least in enumerate(self.least):
            slopes = zip(self.price, (-use[block]).tolist(), strict=True)
            line = pulp.lpSum_vars_coefs([(least, 1.0), *slopes])
            self.program.addConstraint(line <= float(cost[block]))

    def highest(self, center: Floats, radius: float) -> tuple[Floats, float] | None:
        """The multipliers within the box that promise the most, and what they promise.

        None if the solver fails, as it may where lines are nearly parallel.
        """
        scale = self.money / self.measure
        least, most = (edge / scale for edge in self.within)
        lowest = np.where(self.binding, np.maximum(center / scale - radius, least), least)
        highest = np.where(self.binding, np.minimum(center / scale + radius, most), least)
        for index, price in enumerate(self.price):
            price.lowBound, price.upBound = float(lowest[index]), float(highest[index])
        stats = self.program.solve(highs(primal_feasibility_tolerance=1e-10, dual_feasibility_tolerance=1e-10))
        if stats.status != pulp.LpSolveStatus.Optimal or stats.objective is None:
            return None
        found = np.array([max(price.varValue or 0.0, 0.0) for price in self.price])
        return found * scale, self.settled + stats.objective * self.money
