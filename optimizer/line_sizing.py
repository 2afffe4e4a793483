"""Sizing of more lines than tables could hold: the bound from compiled passes, the plan from their core."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from optimizer.core import CORE_SIZES, plan_near, too_dear
from optimizer.lagrangian import Dual, maximise
from optimizer.lines import SAMPLE_LINES, LineChoices, Near, Priced
from optimizer.multiple_choice import Extent
from optimizer.poisson import Floats
from optimizer.pricing import Counts
from optimizer.watch import Progress, Watch

_DUAL_GAP = 2e-7
"""Where so many lines choose, the bound is as good as OPTIMAL_GAP needs long before it is perfect."""

_ROUGH_GAP = 1e-4
"""How well multipliers are found by cutting planes, from where the lines around them tell the way."""

_RADIUS_STARTED = 1e-3
"""How far from multipliers that are nearly right the better ones are looked for first."""

_LOOKS_MAX = 10
"""How often to look around; six times is usual, and where there is no plan multipliers rise without end."""

_TRUST_LEAST = 1e-3
"""How little of what is near may be trusted before cutting planes take over."""

_LINES_PER_NEAR = 50
"""The more lines, the more of them lie around multipliers."""


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
    dual, near = _highest(choices, prices, watch)
    bound = dual.best
    if dual.proven_infeasible:
        return SizedLines(None, np.inf, bound)
    cost = np.inf if dual.plan is None else dual.plan.cost
    if near is not None and too_dear(cost, bound) and not watch.out():
        watch.tell("core", (cost - bound.value) / cost if dual.plan else 1.0)
        found = plan_near(near.problem, bound, watch)
        if found is not None and near.problem.total_cost(found) < cost:
            levels = choices.levels(bound.multipliers)
            levels[near.line[found]] = near.level[found]
            return SizedLines(levels, near.problem.total_cost(found), bound)
    levels = None if dual.plan is None else choices.levels(dual.plan.multipliers)
    return SizedLines(levels, cost, bound)


def _highest(choices: LineChoices, prices: Floats, watch: Watch) -> tuple[Dual[Priced], Near | None]:
    """The best bound, and what the lines would choose near its multipliers, if anything.

    Near some multipliers a few lines have something to choose. The best multipliers for these,
    which cost little to find, are nearly the best for all, and their bound is never too low, so
    that it also tells when to stop. Where this leads nowhere, cutting planes go on.
    """
    count = max(CORE_SIZES[-1], choices.source.count // _LINES_PER_NEAR)
    plan = None
    if not prices.any():
        dual = maximise(choices, prices, gap=_ROUGH_GAP, stop=watch.out)
        plan = dual.plan
        if dual.proven_infeasible or (plan is not None and not too_dear(plan.cost, dual.best)):
            return dual, None
        prices = dual.best.multipliers
    best, near = choices.around(prices, count)
    known, trust = [best], 1.0
    while near is not None and trust > _TRUST_LEAST and len(known) <= _LOOKS_MAX and not watch.out():
        around = _Nearby(choices, near)
        nearby = maximise(
            around,
            best.multipliers,
            radius=_RADIUS_STARTED,
            within=_box(choices.rows, best.multipliers, trust * near.reach),
            known=around.known(known),
            gap=_DUAL_GAP / 10.0,
            stop=watch.out,
        ).best
        if nearby.value - best.value <= _DUAL_GAP * best.value:
            return Dual(best, proven_infeasible=False, plan=plan), near
        found, core = choices.around(nearby.multipliers, count)
        known.append(found)
        kept = (found.value - best.value) / (nearby.value - best.value)
        trust = min(2.0 * trust, 1.0) if kept > 0.75 else trust / 2.0 if kept < 0.25 else trust
        if found.value > best.value:
            best, near = found, core
    dual = maximise(choices, best.multipliers, radius=_RADIUS_STARTED, gap=_DUAL_GAP, stop=watch.out)
    plan = dual.plan or plan
    return replace(dual, plan=plan), None if dual.proven_infeasible else choices.around(dual.best.multipliers, count)[1]


@dataclass(frozen=True, slots=True, eq=False)
class _Nearby:
    """What the lines choose near some multipliers: elsewhere they would choose something better still."""

    choices: LineChoices
    near: Near

    @property
    def rows(self) -> tuple[str, ...]:
        return self.choices.rows

    @property
    def limit(self) -> Floats:
        return self.choices.limit

    @property
    def slack(self) -> Floats:
        return self.choices.slack

    @property
    def settled(self) -> float:
        return float(self.near.block_cost.sum())

    def extent(self) -> Extent:
        extent, settled = self.near.problem.extent(), self.near.block_use.sum(axis=0)
        return Extent(extent.least + settled, extent.most + settled, extent.ceiling)

    def relax(self, multipliers: Floats) -> Priced:
        found = self.near.problem.relax(multipliers)
        cost, use = np.zeros(len(self.near.block_cost)), self.near.block_use.copy()
        cost[self.near.problem.blocks] += found.block_cost
        use[self.near.problem.blocks] += found.block_use
        return Priced(multipliers, found.value, cost, use)

    def is_plan(self, found: Priced) -> bool:
        return self.choices.is_plan(found)

    def known(self, elsewhere: Iterable[Priced]) -> list[Priced]:
        """What all lines choose at other multipliers, without what is settled here."""
        return [replace(found, block_cost=found.block_cost - self.near.block_cost) for found in elsewhere]


def _box(rows: tuple[str, ...], multipliers: Floats, share: float) -> tuple[Floats, Floats]:
    """The multipliers that differ by a share of the largest of their kind; any, where all of these are zero."""
    kind = np.array([row.partition(":")[0] for row in rows])
    largest = np.array([multipliers[kind == each].max() for each in kind])
    width = np.where(largest > 0.0, share * largest, np.inf)
    return np.maximum(multipliers - width, 0.0), multipliers + width


def _start(choices: LineChoices, watch: Watch) -> Floats:
    """Multipliers that are nearly right: those of a sample, found from a sample of the sample."""
    if choices.source.count <= 2 * SAMPLE_LINES:
        return np.zeros(len(choices.rows))
    sample = choices.sample
    return _highest(sample, _start(sample, watch), watch)[0].best.multipliers
