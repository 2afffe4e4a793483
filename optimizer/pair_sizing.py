"""Sizing of very many parts in depots alone or in pairs: the bound from compiled passes, the plan from their core."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from optimizer.core import CORE_SIZES, plan_near, too_dear
from optimizer.demand import Demand
from optimizer.lagrangian import maximise
from optimizer.lines import Priced
from optimizer.pair_choices import PairChoices
from optimizer.poisson import Ints
from optimizer.watch import Watch

_DUAL_GAP = 5e-8
"""Where so many pairs choose, the bound is as good as OPTIMAL_GAP needs long before it is perfect."""

_REGRET_FIRST = 1e-2
"""Share of the bound that alternatives may cost more while there is no plan to go by."""

_RADIUS_STARTED = 1e-3
"""How far from multipliers that are nearly right the better ones are looked for first."""


@dataclass(frozen=True, slots=True, eq=False)
class SizedPairs:
    """The base stock of every row of the demand, and what bounds their cost from below.

    Without levels no plan was found; `proven_infeasible` says that the multipliers prove there is none.
    """

    levels: Ints | None
    rows: tuple[str, ...]
    bound: Priced
    proven_infeasible: bool


def size_pairs_until(
    watch: Watch, demand: Demand, start: Mapping[str, float] | None = None, executor: Executor | None = None
) -> SizedPairs:
    """The cheapest base stocks of any number of parts in clusters of at most two depots.

    Raises:
        OptimizerError: two depots need more stock of a part than is computed exactly.

    """
    watch.tell("alternatives", 1.0)
    choices = PairChoices(demand, executor)
    watch.tell("bound", 1.0)
    prices = np.array([(start or {}).get(row, 0.0) for row in choices.rows])
    radius = _RADIUS_STARTED if prices.any() else 1.0
    dual = maximise(choices, prices, radius=radius, gap=_DUAL_GAP, stop=watch.out)
    bound = dual.best
    if dual.proven_infeasible:
        return SizedPairs(None, choices.rows, bound, proven_infeasible=True)
    cost = np.inf if dual.plan is None else dual.plan.cost
    levels = None if dual.plan is None else choices.levels(dual.plan.multipliers)
    if too_dear(cost, bound) and not watch.out():
        watch.tell("core", (cost - bound.value) / cost if dual.plan else 1.0)
        near = choices.near(bound, cost - bound.value if dual.plan else _REGRET_FIRST * bound.value, CORE_SIZES[-1])
        found = plan_near(near.problem, bound, watch)
        if found is not None and near.problem.total_cost(found) < cost:
            levels = choices.levels(bound.multipliers)
            levels[near.line[found]] = near.level[found]
    return SizedPairs(None if levels is None else choices.by_row(levels), choices.rows, bound, proven_infeasible=False)
