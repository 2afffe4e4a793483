"""Proof by search that no plan is cheaper than the one at hand.

A node forbids some alternatives. Its bound is a Lagrangian relaxation over those left, computed
in double precision at multipliers that a linear program suggests: the program may be wrong by
its tolerances, the bound is not. Alternatives whose regret lifts the bound above the plan at
hand are forbidden for the whole branch; a group between two alternatives is split there.
"""

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pulp

from optimizer.multiple_choice import Problem, Relaxation, beyond_in_question
from optimizer.poisson import Floats, Ints
from optimizer.solver import highs

NODES_MAX = 500_000
"""Nodes opened at most; a millisecond each, more or less."""

PRECISION = 1e-9
"""A cheaper plan is only looked for if cheaper by this share of the cost."""

_START = np.zeros(1, dtype=np.int64)
_SUPPORT = 1e-7
_ROUNDINGS_MAX = 256
_CORE_LARGE = 1_000

_PENALTY = 1e5
"""Price of exceeding a limit in the linear programs, per range of all costs and uses."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a search proved.

    No choice within the limits costs less than `bound`. If `complete`, none is worth finding
    besides `plan`, and none keeps the limits where that is None. `beyond` are alternatives that
    cannot be chosen and that it would have had to choose to go on: their groups need further
    alternatives before anything is proven.
    """

    plan: Ints | None
    complete: bool
    bound: float
    beyond: Ints
    nodes: int


def search(
    problem: Problem,
    found: Relaxation,
    plan: Ints | None,
    *,
    worth: float = math.inf,
    step: float = 0.0,
    nodes_max: int = NODES_MAX,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Look for a choice within the limits that is cheaper than `plan`.

    Args:
        problem: the groups.
        found: a relaxation at good multipliers.
        plan: a choice within the limits, or None.
        worth: what a choice must cost less than to be looked for; also less than `plan`.
        step: an amount of money that costs differ by multiples of; 0 if there is none.
        nodes_max: where to give up.
        stop: asked before every node; a search that is stopped keeps the bound it has.

    """
    goal = _Goal(problem, plan, worth, step)
    limit = problem.limit + goal.slack
    root_bound = found.value - float(found.multipliers @ goal.slack)
    wanted = problem.choosable.copy()
    wanted[beyond_in_question(problem, found, goal.worth - root_bound)] = True
    root = _Tree(goal, limit, np.flatnonzero(wanted & (root_bound + found.regret < goal.worth)))
    queue = [(root_bound, 0, root, np.arange(len(root.core)))]
    numbers = itertools.count(1)
    nodes = 0
    while queue and queue[0][0] < goal.worth and not len(goal.beyond):
        if nodes >= nodes_max or stop():
            return Outcome(goal.plan, complete=False, bound=queue[0][0], beyond=goal.beyond, nodes=nodes)
        nodes += 1
        _, _, tree, node = heapq.heappop(queue)
        for bound, branch in tree.branches(node):
            heapq.heappush(queue, (bound, next(numbers), *tree.narrowed(branch)))
    complete = not len(goal.beyond)
    bound = goal.worth if complete else root_bound
    return Outcome(goal.plan, complete=complete, bound=bound, beyond=goal.beyond, nodes=nodes)


class _Goal:
    """The best plan so far, what a plan must cost less than, and what was missing for one."""

    def __init__(self, problem: Problem, plan: Ints | None, worth: float, step: float) -> None:
        self.problem = problem
        self.step = step
        self.beyond = np.zeros(0, dtype=np.int64)
        # rounding of a sum must not rule out what lies within the slack
        self.slack = 1.001 * problem.slack
        self.plan = plan
        self.worth = worth
        self._raise_worth()

    def consider(self, choice: Ints) -> None:
        """Take a choice for the plan if it is one and is worth it."""
        problem = self.problem
        if (problem.excess(choice) > problem.slack).any() or problem.total_cost(choice) >= self.worth:
            return
        beyond = choice[~problem.choosable[choice]]
        if len(beyond):
            self.beyond = beyond
        else:
            self.plan = choice
            self._raise_worth()

    def _raise_worth(self) -> None:
        if self.plan is None:
            enough = self.problem.ceiling * (1.0 + PRECISION) + 1.0
        else:
            cost = self.problem.total_cost(self.plan)
            enough = cost - max(self.step * (1.0 - 1e-6), PRECISION * cost)
        self.worth = min(self.worth, enough)


class _Tree:
    """Some possible alternatives, and the nodes that allow parts of them.

    Groups with one possible alternative are `decided`; the alternatives of the others are the
    core, in which a node is numbered: the array of what it allows, at least one of every group.
    """

    def __init__(self, goal: _Goal, limit: Floats, possible: Ints) -> None:
        problem = goal.problem
        self.goal = goal
        self.full_limit = limit
        _, sizes = _groups(problem.group[possible])
        is_open = np.repeat(sizes, sizes) > 1
        self.decided, self.core = possible[~is_open], possible[is_open]
        self.cost, self.group = problem.cost[self.core], problem.group[self.core]
        self.use = problem.use[self.core].toarray()
        self.decided_cost = problem.settled + float(problem.cost[self.decided].sum())
        self.limit = limit - np.asarray(problem.use[self.decided].sum(axis=0), dtype=np.float64)
        self.program = _LinearProgram(self.cost, self.use, self.limit, self.group)

    def narrowed(self, node: Ints) -> tuple["_Tree", Ints]:
        """A node in a tree of its own, if it allows less than half of a large core."""
        if len(self.core) < _CORE_LARGE or len(node) > len(self.core) / 2:
            return self, node
        possible = np.sort(np.concatenate([self.decided, self.core[node]]))
        tree = _Tree(self.goal, self.full_limit, possible)
        return tree, np.arange(len(tree.core))

    def branches(self, allowed: Ints) -> list[tuple[float, Ints]]:
        """Bounds and alternatives of the nodes that a node splits into; none if it is closed."""
        if not len(self.core):
            self._consider(self.core)
            return []
        node = self._possible(allowed)
        if node is None:
            return []
        multipliers, weight = self.program.solve(node)
        bound, regret = self._bound(node, multipliers)
        if bound >= self.goal.worth:
            return []
        self._consider(node[regret == 0.0])
        self._consider(self._rounded(node, weight))
        kept = bound + regret < self.goal.worth
        parts = self._split(node[kept], weight[kept])
        return [(bound, part) for part in parts]

    def _possible(self, node: Ints) -> Ints | None:
        """What no limit rules out by itself; None where some limit rules out everything."""
        starts, sizes = _groups(self.group[node])
        use = self.use[node]
        least = np.minimum.reduceat(use, starts)
        room = self.limit - least.sum(axis=0)
        if (room < 0).any():
            return None
        return node[(use - np.repeat(least, sizes, axis=0) <= room).all(axis=1)]

    def _bound(self, node: Ints, multipliers: Floats) -> tuple[float, Floats]:
        """The Lagrangian bound of a node, and the regret of its alternatives."""
        starts, sizes = _groups(self.group[node])
        priced = self.cost[node] + self.use[node] @ multipliers
        least = np.minimum.reduceat(priced, starts)
        value = self.decided_cost + float(least.sum() - multipliers @ self.limit)
        return value, priced - np.repeat(least, sizes)

    def _consider(self, node: Ints) -> None:
        """Offer a choice that looks like a plan, if it decides every group."""
        first, _ = _groups(self.group[node])
        chosen = node[first]
        complete = len(chosen) + len(self.decided) == len(self.goal.problem.first)
        cheap = self.decided_cost + self.cost[chosen].sum() < self.goal.worth
        if complete and cheap and (self.use[chosen].sum(axis=0) <= self.limit).all():
            self.goal.consider(np.sort(np.concatenate([self.decided, self.core[chosen]])))

    def _rounded(self, node: Ints, weight: Floats) -> Ints:
        """The cheapest way within the limits to decide what the linear program leaves undecided.

        Groups that the program gives to one alternative stay with it.
        """
        support = node[weight > _SUPPORT]
        starts, sizes = _groups(self.group[support])
        if (sizes == 1).all():
            return support
        settled = support[starts[sizes == 1]]
        undecided = [support[first : first + size] for first, size in zip(starts, sizes, strict=True) if size > 1]
        ways = itertools.islice(itertools.product(*undecided), _ROUNDINGS_MAX)
        tried = np.array([*ways], dtype=np.int64).reshape(-1, len(undecided))
        room = self.limit - self.use[settled].sum(axis=0)
        fits = tried[(self.use[tried].sum(axis=1) <= room).all(axis=1)]
        if not len(fits):
            return settled
        best = fits[np.argmin(self.cost[fits].sum(axis=1))]
        return np.sort(np.concatenate([settled, best]))

    def _split(self, node: Ints, weight: Floats) -> tuple[Ints, ...]:
        """Two nodes that part the group which the linear program leaves most undecided.

        That is the one with the largest product of both parts' weights and the difference of
        their mean costs. Nothing is left to split if every group has one alternative.
        """
        starts, sizes = _groups(self.group[node])
        if (sizes == 1).all():
            return ()
        position = np.arange(len(node)) - np.repeat(starts, sizes)
        total = np.maximum(np.add.reduceat(weight, starts), 1e-12)
        mean = np.add.reduceat(weight * position, starts) / total
        last_below = np.clip(np.floor(mean + 1e-9), 0, np.maximum(sizes - 2, 0))
        below = position <= np.repeat(last_below, sizes)
        share = np.add.reduceat(weight * below, starts) / total
        cost = np.add.reduceat(weight * self.cost[node], starts) / total
        cost_below = np.add.reduceat(weight * below * self.cost[node], starts) / total
        # share x (1 - share) x difference of means, without dividing by either
        undecided = np.abs(cost_below - share * cost)
        chosen = np.argmax(np.where(sizes > 1, undecided, -1.0))
        others = np.repeat(np.arange(len(starts)) != chosen, sizes)
        return node[others | below], node[others | ~below]


class _LinearProgram:
    """The linear relaxation of all nodes, solved again from where the last one ended.

    Exceeding a limit is possible, at a price, so that there always is an answer. Costs and uses
    are scaled to about one. PuLP would build the model anew for every node; it is built once and
    then only its bounds change, in the solver.
    """

    def __init__(self, cost: Floats, use: Floats, limit: Floats, group: Ints) -> None:
        self.columns, self.rows = use.shape
        self.money = float(np.max(cost, initial=0.0)) or 1.0
        self.measure = np.maximum(np.abs(use).max(axis=0, initial=0.0), 1e-12)
        program = pulp.LpProblem("nodes", pulp.LpMinimize)
        take = [program.add_variable(f"take{i}", 0, 1) for i in range(self.columns)]
        exceed = [program.add_variable(f"exceed{i}", 0) for i in range(self.rows)]
        terms = [*zip(take, (cost / self.money).tolist(), strict=True)]
        terms += [(variable, _PENALTY) for variable in exceed]
        program.setObjective(pulp.lpSum_vars_coefs(terms))
        for row in range(self.rows):
            scaled = (use[:, row] / self.measure[row]).tolist()
            terms = [*zip(take, scaled, strict=True), (exceed[row], -1.0)]
            room = float(limit[row] / self.measure[row])
            program.addConstraint(pulp.lpSum_vars_coefs(terms) <= room)
        for first, size in zip(*(part.tolist() for part in _groups(group)), strict=True):
            program.addConstraint(pulp.lpSum_vars(take[first : first + size]) == 1)
        solver = highs(mip=False)
        solver.createAndConfigureSolver(program)
        solver.buildSolverModel(program)
        self.model: Any = program.solverModel

    def solve(self, node: Ints) -> tuple[Floats, Floats]:
        """Multipliers for a node, and the weights of its alternatives.

        Neither needs to be right: the bound and the plans are computed from them anew.
        """
        allowed = np.zeros(self.columns)
        allowed[node] = 1.0
        every = np.arange(self.columns, dtype=np.int32)
        self.model.changeColsBounds(self.columns, every, np.zeros(self.columns), allowed)
        self.model.run()
        if self.model.modelStatusToString(self.model.getModelStatus()) != "Optimal":
            return np.zeros(self.rows), np.ones(len(node))
        solution = self.model.getSolution()
        price = np.maximum(-np.array(solution.row_dual[: self.rows]), 0.0)
        weight = np.maximum(np.array(solution.col_value), 0.0)
        return price * self.money / self.measure, weight[node]


def _groups(group: Ints) -> tuple[Ints, Ints]:
    """Where each run of equal numbers starts, and its length.

    >>> _groups(np.array([4, 4, 7]))
    (array([0, 2]), array([2, 1]))

    """
    ends = np.flatnonzero(group[1:] != group[:-1]) + 1
    starts = np.concatenate([_START[: len(group)], ends])
    return starts, np.concatenate([ends, [len(group)]])[: len(starts)] - starts
