"""Proof by search that no plan is cheaper than the one at hand.

A node forbids some alternatives. Its bound is a Lagrangian relaxation over those left, computed
in double precision at multipliers that a linear program suggests: the program may be wrong by
its tolerances, the bound is not. Alternatives whose regret lifts the bound above the plan at
hand are forbidden for the whole branch; a group between two alternatives is split there.
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

from optimizer.multiple_choice import Problem, Relaxation, beyond_in_question
from optimizer.poisson import Floats, Ints

NODES_MAX = 20_000
"""Nodes opened at most."""

PRECISION = 1e-9
"""A cheaper plan is only looked for if cheaper by this share of the cost."""

_PENALTY = 1e5
"""Price of exceeding a limit in the linear programs, per range of all costs and uses."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a search proved.

    If `complete`, no choice costs less than `plan`, and none keeps the limits where that is
    None. `beyond` are alternatives that cannot be chosen and that it would have had to choose to
    go on: their groups need further alternatives before anything is proven.
    """

    plan: Ints | None
    complete: bool
    beyond: Ints
    nodes: int


def search(
    problem: Problem,
    found: Relaxation,
    plan: Ints | None,
    *,
    step: float = 0.0,
    nodes_max: int = NODES_MAX,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Look for a choice within the limits that is cheaper than `plan`.

    Args:
        problem: the groups.
        found: a relaxation at good multipliers.
        plan: a choice within the limits, or None.
        step: an amount of money that every cost is a multiple of; 0 if there is none.
        nodes_max: where to give up.
        stop: asked before every node; a search that is stopped proves nothing.

    """
    tree = _Tree(problem, found, plan, step)
    queue = [(found.value, 0, np.arange(len(tree.core)))]
    numbers = itertools.count(1)
    nodes = 0
    while queue and not len(tree.beyond):
        bound, _, allowed = heapq.heappop(queue)
        if bound >= tree.worth:
            break
        if nodes >= nodes_max or stop():
            return Outcome(tree.plan, complete=False, beyond=tree.beyond, nodes=nodes)
        nodes += 1
        for branch in tree.branches(allowed):
            heapq.heappush(queue, (branch[0], next(numbers), branch[1]))
    return Outcome(tree.plan, complete=not len(tree.beyond), beyond=tree.beyond, nodes=nodes)


class _Tree:
    """The alternatives that a plan worth finding can contain, and the best plan so far.

    Alternatives are numbered within this core. A node is the array of those it allows, in
    ascending order; every group keeps at least one.
    """

    def __init__(self, problem: Problem, found: Relaxation, plan: Ints | None, step: float) -> None:
        self.problem = problem
        self.plan = plan
        self.step = step
        self.beyond = np.zeros(0, dtype=np.int64)
        self.worth = self._worth()
        wanted = problem.choosable.copy()
        wanted[beyond_in_question(problem, found, self.worth - found.value)] = True
        self.core = np.flatnonzero(wanted & (found.value + found.regret < self.worth))
        self.cost, self.group = problem.cost[self.core], problem.group[self.core]
        self.use = problem.use[self.core].toarray()
        # rounding of a sum must not rule out what lies within the slack
        self.limit = problem.limit + 1.001 * problem.slack
        self.money = float(np.max(self.cost, initial=0.0)) or 1.0
        self.measure = np.maximum(np.abs(self.use).max(axis=0, initial=0.0), 1e-12)

    def branches(self, allowed: Ints) -> list[tuple[float, Ints]]:
        """Bounds and alternatives of the nodes that a node splits into; none if it is closed."""
        node = self._possible(allowed)
        if node is None:
            return []
        multipliers, weight = self._linear_program(node)
        bound, regret = self._bound(node, multipliers)
        if bound >= self.worth:
            return []
        self._consider(node[regret == 0.0])
        self._consider(node[weight > 0.5])
        kept = bound + regret < self.worth
        parts = self._split(node[kept], weight[kept])
        return [(bound, part) for part in parts] if parts else []

    def _worth(self) -> float:
        """What a plan may cost to be worth finding."""
        if self.plan is None:
            return self.problem.ceiling * (1.0 + PRECISION) + 1.0
        cost = self.problem.total_cost(self.plan)
        return cost - max(self.step * (1.0 - 1e-6), PRECISION * cost)

    def _possible(self, node: Ints) -> Ints | None:
        """The alternatives that no limit rules out by itself; None where some limit rules out all."""
        starts, sizes = _groups(self.group[node])
        use = self.use[node]
        least = np.minimum.reduceat(use, starts)
        room = self.limit - least.sum(axis=0)
        if (room < 0).any():
            return None
        return node[(use - np.repeat(least, sizes, axis=0) <= room).all(axis=1)]

    def _linear_program(self, node: Ints) -> tuple[Floats, Floats]:
        """Multipliers for a node, and the weights its linear program gives the alternatives.

        Decided groups only take from the limits. Exceeding a limit is possible, at a price, so
        that there is always an answer; the bound does not depend on it being the right one.
        """
        _, sizes = _groups(self.group[node])
        free = np.repeat(sizes, sizes) > 1
        rows, groups = len(self.limit), int((sizes > 1).sum())
        weight = np.ones(len(node))
        if not groups:
            return np.zeros(rows), weight
        open_use = self.use[node[free]] / self.measure
        member = np.repeat(np.arange(groups), sizes[sizes > 1])
        columns = len(member)
        one_each = sparse.csr_array((np.ones(columns), (member, np.arange(columns))), shape=(groups, columns + rows))
        answer = optimize.linprog(
            np.append(self.cost[node[free]] / self.money, np.full(rows, _PENALTY)),
            A_ub=sparse.csr_array(np.hstack([open_use.T, -np.eye(rows)])),
            b_ub=(self.limit - self.use[node[~free]].sum(axis=0)) / self.measure,
            A_eq=one_each,
            b_eq=np.ones(groups),
            method="highs-ds",
        )
        if answer.status != 0:
            return np.zeros(rows), weight
        weight[free] = answer.x[:columns]
        price = np.maximum(-answer.ineqlin.marginals, 0.0) * self.money / self.measure
        return price, weight

    def _bound(self, node: Ints, multipliers: Floats) -> tuple[float, Floats]:
        """The Lagrangian bound of a node, and the regret of its alternatives."""
        starts, sizes = _groups(self.group[node])
        priced = self.cost[node] + self.use[node] @ multipliers
        least = np.minimum.reduceat(priced, starts)
        regret = priced - np.repeat(least, sizes)
        return float(least.sum() - multipliers @ self.limit), regret

    def _consider(self, node: Ints) -> None:
        """Take a choice for the plan if it is one and is worth it."""
        choice = self.core[node[_groups(self.group[node])[0]]]
        if len(choice) < len(self.problem.first) or self.problem.total_cost(choice) >= self.worth:
            return
        if (self.problem.excess(choice) > self.problem.slack).any():
            return
        self.beyond = choice[~self.problem.choosable[choice]]
        if not len(self.beyond):
            self.plan = choice
            self.worth = self._worth()

    def _split(self, node: Ints, weight: Floats) -> tuple[Ints, Ints] | None:
        """Two nodes that part the group which stands most between its alternatives.

        None if every group has one alternative left.
        """
        starts, sizes = _groups(self.group[node])
        if (sizes == 1).all():
            return None
        position = np.arange(len(node)) - np.repeat(starts, sizes)
        total = np.maximum(np.add.reduceat(weight, starts), 1e-12)
        mean = np.add.reduceat(weight * position, starts) / total
        last_below = np.clip(np.floor(mean + 1e-9), 0, np.maximum(sizes - 2, 0))
        below = position <= np.repeat(last_below, sizes)
        share = np.add.reduceat(weight * below, starts) / total
        undecided = np.where(sizes > 1, np.minimum(share, 1.0 - share), -1.0)
        chosen = np.repeat(np.arange(len(starts)) == np.argmax(undecided), sizes)
        return node[~chosen | below], node[~chosen | ~below]


def _groups(group: Ints) -> tuple[Ints, Ints]:
    """Where each run of equal numbers starts, and its length.

    >>> _groups(np.array([4, 4, 7]))
    (array([0, 2]), array([2, 1]))

    """
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    return starts, np.diff(np.append(starts, len(group)))
