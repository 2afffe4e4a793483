"""What a shelf of a part can take units from, and what so many of them cost it: compiled.

Of a part only few things matter. A shelf has `on_hand` units to give, to itself or over *ways* (the
part's use of a lane, at a price once and so much per unit), and asks for `useful` units; what it is
not given is bought, G(q) being the least that buying q units or more for it costs.
"""

import math
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Record = Any
"""One record of a table below; its fields are read as attributes, which only compiled code can."""

Records = npt.NDArray[np.void]

Table = Any
"""Records whose fields are read where they stand, as attributes, which only compiled code can."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SHELF = np.dtype([("on_hand", np.int64), ("useful", np.int64), ("first_cost", np.int64), ("first_way", np.int64)])
"""A part in a depot: units there, the most that can be of use to it, where G(0) stands (G(1) to G(useful)
follow), the first way that leads to it; a closing record tells where the last one's ways end."""

WAY = np.dtype([("origin", np.int64), ("lane", np.int64), ("unit_cost", np.float64)])
"""A part on a lane, among those that lead to a shelf: the shelf it comes from, the lane, CNY per unit."""

SOURCE = np.dtype(
    [("origin", np.int64), ("way", np.int64), ("most", np.int64), ("price", np.float64), ("each", np.float64)]
)
"""What one shelf can take from: the shelf it comes from, over which of the part's ways (-1: its own units), units at
most, CNY once and per unit."""

EXACT = 1e-7
"""CNY that a plan may be above its bound and count as the best."""

compiled = numba.njit(cache=True, nogil=True)


class Part(NamedTuple):
    """What one part is planned on.

    Its shelves and the record that closes them, its ways, their prices and which of them can be of use, the place of the
    first of them among all parts' ways, and all parts' buying costs.
    """

    shelves: Records
    ways: Records
    prices: Floats
    usable: Flags
    first_way: int
    costs: Floats


@compiled
def sources_of(part: Part, k: int, worth: Floats, available: Ints, sources: Records) -> int:
    """Write down what shelf k can take from where a unit of each shelf is worth so much: how many sources there are."""
    shelf: Record = part.shelves[k]
    sources[0].origin, sources[0].way = k, -1
    sources[0].most = min(int(available[k]), int(shelf.useful))
    sources[0].price, sources[0].each = 0.0, worth[k]
    many = 1
    for w in range(int(shelf.first_way) - part.first_way, int(part.shelves[k + 1].first_way) - part.first_way):
        if part.usable[w]:
            way: Record = part.ways[w]
            sources[many].origin, sources[many].way = way.origin, w
            sources[many].most = min(int(available[way.origin]), int(shelf.useful))
            sources[many].price, sources[many].each = part.prices[w], way.unit_cost + worth[way.origin]
            many += 1
    return many


@compiled
def receiving(sources: Records, many: int, useful: int, table: Floats) -> None:
    """Set table[s, q] to the least that q units cost, taken from the first s sources."""
    table[0, : useful + 1] = math.inf
    table[0, 0] = 0.0
    for s in range(many):
        source: Record = sources[s]
        for q in range(useful + 1):
            best = table[s, q]
            for x in range(1, min(int(source.most), q) + 1):
                best = min(best, table[s, q - x] + source.price + source.each * x)
            table[s + 1, q] = best


@compiled
def take(sources: Records, many: int, table: Floats, q: int, units: Ints) -> int:
    """Let the ways carry what q units are taken from at least cost: how many are its own."""
    own = 0
    for s in range(many - 1, -1, -1):
        source: Record = sources[s]
        taken, best = 0, table[s, q]
        for x in range(1, min(int(source.most), q) + 1):
            cost = table[s, q - x] + source.price + source.each * x
            if cost < best:
                taken, best = x, cost
        q -= taken
        if source.way >= 0:
            units[source.way] = taken
        else:
            own = taken
    return own


@compiled
def ranking(keys: Floats) -> Ints:
    """The places of the keys, the least first."""
    return np.argsort(keys)
