"""Sizing of more lines than tables could hold: the bound from compiled passes, the plan from their core."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from optimizer.core import CORE_SIZES, SECONDS_LARGE, plan_from_core, without_lumps
from optimizer.lagrangian import maximise
from optimizer.lines import SAMPLE_LINES, Core, LineChoices, Priced
from optimizer.plan import OPTIMAL_GAP
from optimizer.poisson import Floats, Ints
from optimizer.pricing import Counts
from optimizer.watch import Progress, Watch

_DUAL_GAP = 5e-8
"""Where so many lines choose, the bound is as good as OPTIMAL_GAP needs long before it is perfect."""

_SAMPLE_GAP = 1e-6
"""How well a sample is solved, whose multipliers are off by more than that anyway."""

_RADIUS_STARTED = 1e-3
"""How far from multipliers that are nearly right the better ones are looked for first."""

_LINES_PER_NEAR = 50
"""The more lines, the more of them the last step of the bound leaves undecided."""

_REGRET_FIRST = 1e-2
"""Share of the bound that alternatives may cost more while there is no plan to go by."""


@dataclass(frozen=True, slots=True, eq=False)
class SizedLines:
    """Base stocks of lines, what they cost, and the relaxation whose value bounds it from below.

    Without levels no plan was found.
    """

    levels: Counts | None
    cost: float
    bound: Priced


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
    return size_lines_until(Watch(time_limit_s, progress), choices, start)


def size_lines_until(watch: Watch, choices: LineChoices, start: Mapping[str, float] | None = None) -> SizedLines:
    """Like `size_lines`, within a time limit that runs already."""
    watch.tell("bound", 1.0)
    prices = _start(choices, watch) if start is None else np.array([start.get(row, 0.0) for row in choices.rows])
    dual = maximise(choices, prices, radius=_radius(prices), gap=_DUAL_GAP, stop=watch.out)
    bound = dual.best
    if dual.proven_infeasible:
        return SizedLines(None, np.inf, bound)
    cost = np.inf if dual.plan is None else dual.plan.cost
    if _too_dear(cost, bound) and not watch.out():
        watch.tell("core", (cost - bound.value) / cost if dual.plan else 1.0)
        allowance = cost - bound.value if dual.plan else _REGRET_FIRST * bound.value
        near = choices.near(bound, allowance, max(CORE_SIZES[-1], choices.source.count // _LINES_PER_NEAR))
        found = _from_near(near, bound, watch)
        if found is not None and near.problem.total_cost(found) < cost:
            levels = choices.levels(bound.multipliers)
            levels[near.line[found]] = near.level[found]
            return SizedLines(levels, near.problem.total_cost(found), bound)
    levels = None if dual.plan is None else choices.levels(dual.plan.multipliers)
    return SizedLines(levels, cost, bound)


def _from_near(near: Core, bound: Priced, watch: Watch) -> Ints | None:
    """A plan from the alternatives in question: first without lumps, then, if that costs too much, with them."""
    good_enough = bound.value * (1.0 + OPTIMAL_GAP / 2.0)
    smooth, relaxed, left = without_lumps(near.problem, bound.multipliers, watch.out)
    found = plan_from_core(smooth, relaxed, None, watch, good_enough=good_enough, seconds=SECONDS_LARGE)
    plan = None if found is None else left[found]
    if plan is not None and not _too_dear(near.problem.total_cost(plan), bound):
        return plan
    again = near.problem.relax(relaxed.multipliers)
    around = again if plan is None else replace(again, choice=plan)
    return plan_from_core(near.problem, around, plan, watch, good_enough=good_enough, seconds=SECONDS_LARGE)


def _start(choices: LineChoices, watch: Watch) -> Floats:
    """Multipliers that are nearly right: those of a sample, found from a sample of the sample."""
    if choices.source.count <= 2 * SAMPLE_LINES:
        return np.zeros(len(choices.rows))
    sample = choices.sample
    prices = _start(sample, watch)
    return maximise(sample, prices, radius=_radius(prices), gap=_SAMPLE_GAP, stop=watch.out).best.multipliers


def _radius(prices: Floats) -> float:
    return _RADIUS_STARTED if prices.any() else 1.0


def _too_dear(cost: float, bound: Priced) -> bool:
    return cost == np.inf or cost - bound.value > OPTIMAL_GAP * cost
