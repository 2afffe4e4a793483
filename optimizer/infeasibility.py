"""Why a network has no plan: which targets and limits cannot hold together, and by how much.

Asked in this order, the first answers being the plainest: what no stock could reach; what the
floors alone exceed; what each target can reach within the limits of stock; which targets cannot
be held at the same time. A target is kept by *using little* of its row: see `optimizer.
multiple_choice`, where "at least" is written with both sides negated.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from optimizer.branch_and_bound import search
from optimizer.lagrangian import maximise
from optimizer.multiple_choice import Problem
from optimizer.network import Network

_NODES_MAX = 300
"""Nodes spent on one figure; a figure that would take more stays a bound, which is as true."""


def reasons(network: Network, problem: Problem, stop: Callable[[], bool]) -> tuple[str, ...]:
    """Sentences that name the rows which cannot hold together.

    A figure "at most" is proven: the best that whole units allow where that is found quickly,
    otherwise a bound on it.
    """
    promised = [r for r, name in enumerate(problem.rows) if name.startswith(("service", "mean"))]
    stock_limits = [r for r in range(len(problem.rows)) if r not in promised]
    lowest = problem.extent().least
    broken = lowest > problem.limit + problem.slack
    words = _Words(network, problem)
    if broken[promised].any():
        return tuple(words.out_of_reach(r, lowest[r]) for r in promised if broken[r])
    if broken[stock_limits].any():
        return tuple(words.floors(r, lowest[r]) for r in stock_limits if broken[r])
    alone = [_reach(problem, row, stock_limits, stop) for row in promised]
    too_much = [reach for reach in alone if reach.missed]
    return tuple(map(words.within, too_much)) or (words.within(_first_conflict(problem, promised, stock_limits, stop)),)


@dataclass(frozen=True, slots=True)
class _Reach:
    """How little of a row can be used while some rows are kept, and which of those prevent less.

    Infinite where the rows cannot even be kept themselves.
    """

    row: int
    least: float
    blocking: list[int]
    missed: bool


def _first_conflict(problem: Problem, promised: list[int], stock_limits: list[int], stop: Callable[[], bool]) -> _Reach:
    """The first promise that does not go together with those before it."""
    held = list(stock_limits)
    for row in promised:
        reach = _reach(problem, row, held, stop)
        if reach.missed:
            return reach
        held.append(row)
    return _Reach(promised[-1], math.inf, held[:-1], missed=True)


def _reach(problem: Problem, row: int, kept: list[int], stop: Callable[[], bool]) -> _Reach:
    use = problem.use[:, [row]].toarray()[:, 0]
    least = np.minimum.reduceat(use, problem.first)
    rows = np.array(kept, dtype=np.int64)
    narrowed = replace(
        problem,
        rows=tuple(problem.rows[r] for r in kept),
        cost=use - least[problem.group],
        use=problem.use[:, rows],
        limit=problem.limit[rows],
        slack=problem.slack[rows],
    )
    dual = maximise(narrowed, stop=stop)
    if dual.proven_infeasible:
        return _Reach(row, math.inf, kept, missed=True)
    outcome = search(narrowed, dual.best, dual.plan.choice if dual.plan else None, nodes_max=_NODES_MAX, stop=stop)
    above = max(dual.best.value, 0.0)
    if outcome.complete:
        above = math.inf if outcome.plan is None else narrowed.total_cost(outcome.plan)
    total = float(least.sum()) + above
    blocking = [r for r, price in zip(kept, dual.best.multipliers, strict=True) if price > 0]
    missed = total > problem.limit[row] + problem.slack[row]
    return _Reach(row, total, blocking or kept, missed)


class _Words:
    """Rows and figures in words."""

    def __init__(self, network: Network, problem: Problem) -> None:
        self.network = network
        self.rows = problem.rows
        self.limit = problem.limit
        self.classes = {sla.id: sla for sla in network.sla_classes}

    def out_of_reach(self, row: int, least: float) -> str:
        """A promise that travel alone breaks."""
        kind, _, sla = self.rows[row].partition(":")
        emergency = self.network.policy.emergency_hours
        other = "" if emergency is None else f" and emergency supply {emergency:g} h"
        because = f": travel{other} takes longer than {self.classes[sla].time_to_site_hours:g} h for the rest"
        tail = " however much is stocked" + (because if kind == "service" else "")
        return self._falls_short(row, least) + tail

    def floors(self, row: int, least: float) -> str:
        """A limit of stock that the floors exceed."""
        unit = "units" if self.rows[row].startswith("capacity") else "CNY"
        lots = any(entry.order_quantity > 1 for entry in self.network.replenishment)
        what = "floors (min_stock) and order quantities" if lots else "floors (min_stock)"
        return f"the {what} alone take {least:g} {unit}, more than {self._limit(row)}"

    def within(self, reach: _Reach) -> str:
        """A promise that limits of stock, or other promises, do not leave room for."""
        stock = [self._limit(r) for r in reach.blocking if not self._is_promise(r)]
        held = [self._promise(r) for r in reach.blocking if self._is_promise(r)]
        within = f" within {', '.join(stock)}" if stock else ""
        together = f" while {' and '.join(held)}" if held else ""
        if math.isinf(reach.least):
            return f"no whole base stocks keep {self._promise(reach.row)}{within}{together}"
        return self._falls_short(reach.row, reach.least) + within + together

    def _is_promise(self, row: int) -> bool:
        return self.rows[row].startswith(("service", "mean_time"))

    def _falls_short(self, row: int, least: float) -> str:
        kind, _, sla = self.rows[row].partition(":")
        if kind == "service":
            target = -float(self.limit[row])
            return f"class {sla} reaches at most {_apart(-least, target)} of {target:g} on time{self._measured(sla)}"
        target = float(self.limit[row])
        return f"class {sla} takes at least {_apart(least, target)} h on average, not {target:g} h"

    def _promise(self, row: int) -> str:
        kind, _, sla = self.rows[row].partition(":")
        if kind == "service":
            return f"class {sla} is held at {-self.limit[row]:g}{self._measured(sla)}"
        return f"class {sla} is held at {self.limit[row]:g} h on average"

    def _measured(self, name: str) -> str:
        """What a needed share serves, where the target is that of a measuring period."""
        sla = self.classes[name]
        if sla.measuring_days is None:
            return ""
        return f" (to measure {sla.target_fraction:g} in {sla.measuring_days:g} days with assurance {sla.assurance:g})"

    def _limit(self, row: int) -> str:
        kind, _, depot = self.rows[row].partition(":")
        if kind == "capacity":
            return f"the capacity of {depot} ({self.limit[row]:.0f} units)"
        if kind == "budget":
            return f"the budget of {depot} ({self.limit[row]:,.2f} CNY)"
        return f"the total budget ({self.limit[row]:,.2f} CNY)"


def _apart(figure: float, target: float) -> str:
    """The figure, rounded towards the target with as many digits as it takes to stay apart.

    Rounded that way "at most" and "at least" stay true.

    >>> _apart(0.8714, 0.93), _apart(0.9299999, 0.93), _apart(3.2, 2.5)
    ('0.872', '0.9299999', '3.200')

    """
    towards = math.ceil if figure < target else math.floor
    for digits in range(3, 12):
        rounded = towards(figure * 10**digits) / 10**digits
        if (rounded < target) == (figure < target) and rounded != target:
            return f"{rounded:.{digits}f}"
    return repr(figure)
