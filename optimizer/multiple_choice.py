"""Choose one alternative per group, at least cost, within a few limits that all groups share.

Sizing is such a problem: a group is a part in a depot (or in depots that help each other), its
alternatives are base stocks, and the limits are promises, capacities and budgets. All limits are
upper limits: a promise "at least" is written with both sides negated.
"""

import functools
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from optimizer.poisson import Floats, Ints

Bools = npt.NDArray[np.bool_]

_ROUNDING = 1e-12


class Extent(NamedTuple):
    """The least and the most that choices can use of each row, shapes (rows,), and cost at most."""

    least: Floats
    most: Floats
    ceiling: float


@dataclass(frozen=True, eq=False)
class Problem:
    """Groups of alternatives and the limits they share.

    Alternatives of a group are neighbours; `first` holds the place of each group's first one.
    Choosing alternative a costs `cost[a]` and uses `use[a, r]` of the limit of row r; `slack` is
    how far a limit may be exceeded and still count as kept. An alternative that is not
    `choosable` only bounds a group's further alternatives from below. `block` names the depot
    or cluster of a group: relaxations are refined block by block. `settled` is a cost that no
    choice changes.
    """

    rows: tuple[str, ...]
    cost: Floats
    use: sparse.csr_array
    limit: Floats
    slack: Floats
    first: Ints
    choosable: Bools
    block: Ints
    settled: float = 0.0

    @functools.cached_property
    def group(self) -> Ints:
        """The group of every alternative."""
        sizes = np.diff(np.append(self.first, len(self.cost)))
        return np.repeat(np.arange(len(self.first)), sizes)

    @functools.cached_property
    def blocks(self) -> Ints:
        """The blocks that groups belong to, each once."""
        return np.unique(self.block)

    @functools.cached_property
    def _membership(self) -> sparse.csr_array:
        block = np.searchsorted(self.blocks, self.block)
        return sparse.csr_array((np.ones(len(block)), (block, np.arange(len(block)))))

    @functools.cached_property
    def ceiling(self) -> float:
        """No choice costs more."""
        return self.settled + float(np.maximum.reduceat(self.cost, self.first).sum())

    def extent(self) -> "Extent":
        """How far choices can go."""
        least, most = np.zeros((2, len(self.rows)))
        for row in range(len(self.rows)):
            use = self.use[:, [row]].toarray()[:, 0]
            least[row] = np.minimum.reduceat(use, self.first).sum()
            most[row] = np.maximum.reduceat(use, self.first).sum()
        return Extent(least, most, self.ceiling)

    def total_cost(self, choice: Ints) -> float:
        """Cost of choosing these alternatives, one per group."""
        return self.settled + float(self.cost[choice].sum())

    def excess(self, choice: Ints) -> Floats:
        """By how much a choice exceeds each limit; negative where it stays below."""
        return np.asarray(self.use[choice].sum(axis=0), dtype=np.float64) - self.limit

    def relax(self, multipliers: Floats) -> "Relaxation":
        """The relaxation at some multipliers; see `relax`."""
        return relax(self, multipliers)

    def is_plan(self, found: "Relaxation") -> bool:
        """Whether what a relaxation chooses keeps every limit."""
        return self.keeps_limits(found.choice)

    def by_block(self, choice: Ints) -> tuple[Floats, Floats]:
        """Cost, shape (blocks,), and use, shape (blocks, rows), of a choice."""
        return self._membership @ self.cost[choice], (self._membership @ self.use[choice]).toarray()

    def only(self, kept: Bools) -> "Problem":
        """The problem with some of its alternatives, at least one of every group."""
        sizes = np.add.reduceat(kept, self.first, dtype=np.int64)
        return replace(
            self,
            cost=self.cost[kept],
            use=self.use[kept],
            choosable=self.choosable[kept],
            first=np.concatenate([[0], np.cumsum(sizes)[:-1]]),
        )

    def keeps_limits(self, choice: Ints) -> bool:
        """Whether a choice is a plan: choosable, and within every limit."""
        allowed = bool(self.choosable[choice].all())
        return allowed and bool((self.excess(choice) <= self.slack).all())


@dataclass(frozen=True, eq=False)
class Relaxation:
    """The problem without limits, exceeding them being priced by multipliers instead.

    `value` is a lower bound on the cost of every choice within the limits. `choice` is the
    cheapest alternative of every group at these prices, and `regret` what any other alternative
    costs more, also at these prices: a choice with alternative a costs at least value + regret[a].
    `cost` is what the choice costs, `block_cost` and `block_use` what it costs and uses, block by block.
    """

    multipliers: Floats
    value: float
    choice: Ints
    regret: Floats
    cost: float
    block_cost: Floats
    block_use: Floats


def relax(problem: Problem, multipliers: Floats) -> Relaxation:
    """Lagrangian relaxation: sum over groups of min (cost + u use), minus u limit, for u >= 0.

    Source: Everett (1963); Geoffrion (1974).

    >>> use = sparse.csr_array([[0.0], [-3.0]])
    >>> one = np.zeros(1)
    >>> problem = Problem(("service",), np.array([0.0, 6.0]), use, one - 2, one, one.astype(int),
    ...                   np.ones(2, dtype=bool), one.astype(int))
    >>> relax(problem, np.array([1.0])).value, relax(problem, np.array([2.0])).value
    (2.0, 4.0)

    """
    priced = problem.cost + problem.use @ multipliers
    least = np.minimum.reduceat(priced, problem.first)
    regret = priced - least[problem.group]
    cheapest = np.flatnonzero(regret == 0.0)
    choice = cheapest[np.flatnonzero(np.diff(problem.group[cheapest], prepend=-1))]
    value = problem.settled + float(least.sum() - multipliers @ problem.limit)
    return Relaxation(multipliers, value, choice, regret, problem.total_cost(choice), *problem.by_block(choice))


def beyond_in_question(problem: Problem, found: Relaxation, allowance: float) -> Ints:
    """Alternatives that cannot be chosen, but whose regret is no more than an allowance.

    Those that some choosable alternative of their group equals or betters, in cost and within
    rounding in every use, are not needed by anybody.
    """
    near = np.flatnonzero(~problem.choosable & (found.regret <= allowance))
    ends: list[int] = np.append(problem.first, len(problem.cost)).tolist()
    in_question: list[int] = []
    for alternative in near.tolist():
        group = int(problem.group[alternative])
        others = np.arange(ends[group], ends[group + 1])
        others = others[problem.choosable[others]]
        use = problem.use[np.append(others, alternative)].toarray()
        as_cheap = problem.cost[others] <= problem.cost[alternative]
        if not (as_cheap & (use[:-1] <= use[-1] + _ROUNDING).all(axis=1)).any():
            in_question.append(alternative)
    return np.array(in_question, dtype=np.int64)
