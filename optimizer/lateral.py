"""Depots that help each other out: the exact Markov chain over their outstanding orders.

A demand takes a unit from its own depot; if that is empty, from the first of the other depots,
in a given order, that has one; if none has, from the emergency channel. The depot that ships
orders one unit again, which arrives after an exponential lead time. The state is the number of
units on order at every depot, between 0 and its base stock, and the chain is solved exactly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.errors import OptimizerError
from optimizer.poisson import Floats, Ints

MEMBERS_MAX = 3
"""Depots that one chain may join."""

STATES_MAX = 2_000
"""States that one chain may have, the product of all base stocks + 1."""

_BATCH_NUMBERS = 2_000_000
"""Numbers held at once while many chains of one shape are solved together (16 MB)."""

Sources = tuple[tuple[int, ...], ...]
"""For every depot the depots asked for its demands, in order, itself first."""


def supply_shares(daily_rate: Floats, lead_time_days: Floats, sources: Sources, base_stock: Sequence[int]) -> Floats:
    """Who supplies the demands of each depot, for many parts that hold the same base stocks.

    Solves pi Q = 0, sum pi = 1 for the chain's generator Q, and adds up pi over the states in
    which a source is the first of its row in `sources` that has a unit (Poisson arrivals see
    time averages). Parts with equal rates and lead times, up to the unit of time, are solved
    once.

    Args:
        daily_rate: own demands a day, shape (parts, depots), zero or more.
        lead_time_days: mean lead times, shape (parts, depots), above zero.
        sources: the order of asking, a row per depot.
        base_stock: S of every depot.

    Returns:
        Shares of shape (parts, depots, depots + 1): of part p, demands of depot q are supplied
        by depot s with share [p, q, s] and by the emergency channel with share [p, q, -1]. Rows
        add up to 1 within 1e-12.

    Raises:
        OptimizerError: the chain would have more than `STATES_MAX` states.

    Source: Alfredsson & Verrijdt (1999); Kranenburg & van Houtum (2009) approximate it.

    One depot alone is Erlang's loss system:

    >>> supply_shares(np.array([[0.1]]), np.array([[20.0]]), ((0,),), (2,)).round(6)
    array([[[0.6, 0.4]]])

    Two equal depots that help each other, one unit each, load 1 each:

    >>> load = np.array([[1.0, 1.0]])
    >>> supply_shares(load, np.ones((1, 2)), ((0, 1), (1, 0)), (1, 1))[0, 0].round(6)
    array([0.4, 0.2, 0.4])

    """
    states = int(np.prod(np.asarray(base_stock) + 1))
    if states > STATES_MAX:
        raise OptimizerError(
            f"lateral supply with base stocks {tuple(base_stock)} needs {states} states, "
            f"more than the {STATES_MAX} that are solved exactly",
            states=states,
        )
    unit = lead_time_days[:, :1]
    loads = np.hstack([daily_rate * unit, unit / lead_time_days])
    distinct, place = _distinct(loads)
    structure = _Structure.of(sources, base_stock)
    batch = max(_BATCH_NUMBERS // structure.moves[0].size, 1)
    shares = [
        np.tensordot(_stationary(distinct[first : first + batch], structure), structure.suppliers, 1)
        for first in range(0, len(distinct), batch)
    ]
    return np.concatenate(shares)[place] if shares else np.zeros((0, *structure.suppliers.shape[1:]))


def _distinct(loads: Floats) -> tuple[Floats, Ints]:
    """The rows that differ, and the place of every row among them.

    Rows are told apart by one number each, which sorts ten times as fast as rows do; where two
    rows share a number without being equal, by themselves.

    >>> _distinct(np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0]]))[1].tolist()
    [1, 0, 1]

    """
    key = loads @ np.sqrt(np.arange(2.0, 2.0 + loads.shape[1]))
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    if np.array_equal(loads[first][place], loads):
        return loads[first], place
    distinct, place = np.unique(loads, axis=0, return_inverse=True)
    return distinct, place.ravel()


@dataclass(frozen=True, slots=True, eq=False)
class _Structure:
    """What of a chain does not depend on rates.

    States are ordered by *level*, the units on order at the depot with the largest base stock,
    and numbered by `place` in the order of all depots. A move changes the level by one at most:
    `moves` has shape (2 x depots, levels, 3, width, width), for a demand at each depot, then for
    the arrival of one order at each depot per unit of its service rate: the rates that it alone
    would give, from a state of a level to one of the level below, the same, the level above,
    with what leaves a state subtracted on the diagonal. `suppliers` has shape (states, depots,
    depots + 1): 1 where in this state the demand of the depot is supplied by that source.
    """

    moves: Floats
    suppliers: Floats

    @classmethod
    def of(cls, sources: Sources, base_stock: Sequence[int]) -> "_Structure":
        depots = len(base_stock)
        level_depot = int(np.argmax(base_stock))
        order = [level_depot, *(d for d in range(depots) if d != level_depot)]
        shape = [base_stock[depot] + 1 for depot in order]
        on_order = np.empty((depots, math.prod(shape)), dtype=np.int64)
        on_order[order] = np.indices(shape).reshape(depots, -1)
        stride = np.empty(depots, dtype=np.int64)
        stride[order] = [math.prod(shape[place + 1 :]) for place in range(depots)]
        states, width = np.arange(on_order.shape[1]), int(stride[level_depot])
        moves = np.zeros((2 * depots, shape[0], 3, width, width))
        suppliers = np.zeros((len(states), depots, depots + 1))
        for depot in range(depots):
            source = _first_with_stock(on_order, base_stock, sources[depot])
            suppliers[states, depot, source] = 1.0
            ordered = states + np.append(stride, 0)[source]
            _add_move(moves[depot], states, ordered, np.ones(len(states)))
            arrived = np.where(on_order[depot] > 0, states - stride[depot], states)
            _add_move(moves[depots + depot], states, arrived, on_order[depot].astype(np.float64))
        return cls(moves, suppliers)


def _first_with_stock(on_order: Ints, base_stock: Sequence[int], sources: Sequence[int]) -> Ints:
    """The first source with a unit on hand in every state; -1, the last place, is emergency."""
    first = np.full(on_order.shape[1], -1)
    for source in reversed(sources):
        first[on_order[source] < base_stock[source]] = source
    return first


def _add_move(moves: Floats, origin: Ints, target: Ints, rate: Floats) -> None:
    """Add moves between states: into the target, out of the origin."""
    width = moves.shape[-1]
    level, inside = np.divmod(origin, width)
    to_level, to_inside = np.divmod(target, width)
    same = np.ones_like(level)
    np.add.at(moves, (level, same + to_level - level, inside, to_inside), rate)
    np.add.at(moves, (level, same, inside, inside), -rate)


def _stationary(rates: Floats, structure: _Structure) -> Floats:
    """Stationary distributions, shape (parts, states), of the chains sum of rate x move.

    Linear level reduction: from the top level down, what happens above a level is folded into
    it; then pi_0 U_0 = 0, and pi_k+1 = pi_k R_k upwards. Gaver, Jacobs & Latouche (1984).
    """
    moves = structure.moves
    levels, width = moves.shape[1], moves.shape[-1]
    blocks = (rates @ moves.reshape(len(moves), -1)).reshape(-1, levels, 3, width, width)
    inner = blocks[:, -1, 1]
    ratios: list[Floats] = []
    for level in range(levels - 2, -1, -1):
        up, down = blocks[:, level, 2], blocks[:, level + 1, 0]
        ratio = np.linalg.solve(-inner.swapaxes(1, 2), up.swapaxes(1, 2)).swapaxes(1, 2)
        inner = blocks[:, level, 1] + ratio @ down
        ratios.append(ratio)
    equations = inner.swapaxes(1, 2).copy()
    equations[:, -1, :] = 1.0
    right = np.zeros((width, 1))
    right[-1] = 1.0
    weights = [np.linalg.solve(equations, right).swapaxes(1, 2)]
    for ratio in reversed(ratios):
        weights.append(weights[-1] @ ratio)
    stationary = np.concatenate(weights, axis=1).reshape(len(rates), -1)
    return stationary / stationary.sum(axis=1, keepdims=True)
