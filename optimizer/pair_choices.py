"""Stock choices of depots alone or in pairs that help each other, in any number.

Every pair keeps a table of its chain (`pairs`), which grows where prices ask for more than it
holds: a relaxation is exact over all base stocks, however large. Any executor may fill the tables;
pricing them takes milliseconds and stays in this thread.
"""

import functools
from concurrent.futures import Executor

import numpy as np
from scipy import sparse

from optimizer.alternatives import limits, slack
from optimizer.core import Core, problem_near
from optimizer.demand import YEAR_DAYS, Cluster, Demand
from optimizer.errors import OptimizerError
from optimizer.evaluation import demand_share
from optimizer.lines import SERVICE, TIME, TOTAL, UNITS, Priced, about, prices_at
from optimizer.multiple_choice import Extent
from optimizer.pairs import AWAY, FLOW, PAIR, fill_tables, near_pairs, price_pairs, table_sizes
from optimizer.poisson import Floats, Ints
from optimizer.pricing import Records

SIZE_MAX = 160
"""Units of a part above the floors of two depots that their chain is looked at with."""

_SPREAD = 4.0
"""Standard deviations above the mean that tables reach at first; they grow where that proves too low."""

_PIECES_MAX, _PIECE_PAIRS = 64, 1_000
_REACHES = (1e-4, 1e-3, 1e-2, 1e-1, 0.5)
"""Distances within which stocks are looked for in turn until there are enough."""


class PairChoices:
    """A network's parts, in depots alone or in pairs, as a choice of base stocks within limits.

    Args:
        demand: of a network with emergency supply whose clusters have two depots at most.
        executor: fills tables piece by piece; this thread if there is none.
    """

    def __init__(self, demand: Demand, executor: Executor | None = None) -> None:
        self.demand, self.executor = demand, executor
        named = limits(demand.network, demand.class_rate)
        self.rows = tuple(named)
        self._about = about(demand.network, self.rows)
        self.limit = np.array([*named.values()])
        self.slack = slack([*named.values()])
        self.settled = 0.0
        self.pairs, self.flows, self.row = _pairs_of(demand)
        load = self._load
        wanted = np.ceil(load + _SPREAD * (np.sqrt(load) + 1.0)).astype(np.int64)
        self._sizes = np.maximum(wanted - self.pairs["floor"][:-1].sum(axis=1), 1)
        self._sizes[load == 0.0] = 0
        self._refuse()
        self._starts, self._tables = self._filled(np.arange(len(self._sizes)))

    @property
    def count(self) -> int:
        """The number of pairs."""
        return len(self._sizes)

    def extent(self) -> Extent:
        """How far sensible stocks go: with more than these, all demands are served from the shelf anyway."""
        demand, policy = self.demand, self.demand.network.policy
        load = np.bincount(self.row[self.row >= 0], np.repeat(self._load, np.sum(self.row >= 0, axis=1)))
        top = np.maximum(demand.floor, np.ceil(load + 10.0 * np.sqrt(load) + 40.0))
        hours = float(np.max(demand.stream_travel_hours, initial=0.0) + np.max(self.pairs["hours"], initial=0.0))
        shipping = max(float(np.max(self.pairs["shipping_cny"], initial=0.0)), float(self._away["shipping_cny"][0]))
        ceiling = float(demand.stock_price_cny @ top) + YEAR_DAYS * float(demand.daily_rate.sum()) * shipping
        least, most = np.zeros((2, len(self.rows)))
        for index, (kind, place) in enumerate(self._about):
            if kind == SERVICE:
                least[index] = -1.0
            elif kind == TIME:
                most[index] = max(hours, policy.emergency_hours or 0.0)
            else:
                unit = np.ones_like(load) if kind == UNITS else demand.unit_cost_cny
                here = unit if kind == TOTAL else unit * (demand.depot == place)
                least[index], most[index] = here @ demand.floor, here @ top
        return Extent(least, most, ceiling)

    def relax(self, multipliers: Floats) -> Priced:
        """Price the limits and let every pair choose; see `multiple_choice.relax`.

        Raises:
            OptimizerError: a pair asks for more stock than its chain is looked at with.

        """
        return self._priced(multipliers)[0]

    def is_plan(self, found: Priced) -> bool:
        """Whether the chosen stocks keep every limit."""
        return bool((found.block_use.sum(axis=0) - self.limit <= self.slack).all())

    def levels(self, multipliers: Floats) -> Ints:
        """The stocks that the pairs choose at some multipliers, shape (pairs, 2)."""
        return self._priced(multipliers)[1]

    def by_row(self, levels: Ints) -> Ints:
        """The base stock of every row of the demand, from those of the pairs."""
        rows = np.zeros(len(self.demand.part), dtype=np.int64)
        rows[self.row[self.row >= 0]] = levels[self.row >= 0]
        return rows

    def near(self, found: Priced, allowance: float, count: int) -> Core:
        """The stocks that would be chosen at slightly other prices, as a problem of their own.

        Of those with a regret up to the allowance the nearest, `count` of them or more.
        """
        prices = prices_at(self.demand.network, self._about, found.multipliers)
        given = (self.pairs, self.flows, self._sizes, self._starts, self._tables, *prices, self._away[0], allowance)
        number, reach = 0, 0.0
        for reach in _REACHES:
            number = near_pairs(*given, reach, *_room(0, len(prices[0])))
            if number >= count:
                break
        near, shipping, service, hours = _room(number + 1, len(prices[0]))  # one to spare, see `near_pairs`
        near_pairs(*given, reach, near, shipping, service, hours)
        return self._core(found, near[:number], shipping[:number], service[:number], hours[:number])

    def _core(self, found: Priced, near: Ints, shipping: Floats, service: Floats, hours: Floats) -> Core:
        pair, levels, best = near[:, 0], near[:, 1:3], near[:, 3] > 0
        pairs = self.pairs[pair]
        totals = np.zeros((len(near), 2 + 2 * len(self.demand.network.depots)))
        totals[:, 0], totals[:, 1] = pairs["price"] * levels.sum(axis=1), shipping
        for member in range(2):
            at = np.arange(len(near)), 2 + 2 * pairs["depot"][:, member]
            np.add.at(totals, at, levels[:, member])
            np.add.at(totals, (at[0], at[1] + 1), pairs["unit_cost"] * levels[:, member])
        cost, use = totals[:, 0] + totals[:, 1], sparse.csr_array(self._use(service, hours, totals))
        problem = problem_near(self, found, pair, best, pairs["cluster"], cost, use)
        return Core(problem, pair, levels)

    def _priced(self, multipliers: Floats) -> tuple[Priced, Ints]:
        """What the pairs choose, their tables having grown as far as these prices ask."""
        prices, blocks = prices_at(self.demand.network, self._about, multipliers), len(self.demand.clusters)
        levels, wants = np.zeros((self.count, 2), dtype=np.int64), np.zeros(self.count, dtype=np.bool_)
        while True:
            service, hours = np.zeros((2, blocks, len(prices[0])))
            totals = np.zeros((blocks, 2 + 2 * len(prices[1])))
            given = (self.pairs, self.flows, self._sizes, self._starts, self._tables, *prices, self._away[0])
            value = price_pairs(*given, levels, wants, service, hours, totals)
            if not wants.any():
                break
            self._grow(np.flatnonzero(wants))
        bound = value - float(multipliers @ self.limit)
        return Priced(multipliers, bound, totals[:, 0] + totals[:, 1], self._use(service, hours, totals)), levels

    def _grow(self, pairs: Ints) -> None:
        """Make the tables of some pairs a quarter larger."""
        self._sizes[pairs] = np.minimum(self._sizes[pairs] * 5 // 4 + 1, np.maximum(SIZE_MAX, self._sizes[pairs] + 1))
        self._refuse()
        starts, tables = self._filled(pairs)
        room = table_sizes(self.pairs, self._sizes)
        kept = np.ones(self.count, dtype=np.bool_)
        kept[pairs] = False
        before, self._starts = self._starts, np.concatenate([[0], np.cumsum(room)[:-1]])
        grown = np.empty((int(room.sum()), 3))
        _copied(self._tables, before[kept], grown, self._starts[kept], room[kept])
        _copied(tables, starts, grown, self._starts[pairs], room[pairs])
        self._tables = grown

    def _filled(self, pairs: Ints) -> tuple[Ints, Floats]:
        """The tables of some pairs, and where each begins, computed piece by piece."""
        records, sizes = self.pairs[pairs], self._sizes[pairs]
        step = max(_PIECE_PAIRS, -(-len(pairs) // _PIECES_MAX))
        pieces = [(records[at : at + step], sizes[at : at + step]) for at in range(0, len(pairs), step)]
        if self.executor is None:
            filled = [_tables(*piece) for piece in pieces]
        else:
            filled = [future.result() for future in [self.executor.submit(_tables, *piece) for piece in pieces]]
        starts = np.concatenate([[0], np.cumsum(table_sizes(records, sizes))[:-1]])
        return starts.astype(np.int64), np.concatenate(filled) if filled else np.zeros((0, 3))

    def _refuse(self) -> None:
        """Refuse what the chains of pairs would take too long for.

        Raises:
            OptimizerError: see `relax`.

        """
        tall = np.flatnonzero((self._sizes > SIZE_MAX) & (self.pairs["alone"][:-1] == 0))
        if not len(tall):
            return
        of = self.demand.part[self.row[tall[0], 0]]
        part = self.demand.network.parts[of].id
        depots = ", ".join(self.demand.network.depots[d].id for d in self.pairs["depot"][tall[0]].tolist())
        raise OptimizerError(
            f"part {part}: the depots {depots} together would have to look at base stocks above {SIZE_MAX}, "
            "up to which lateral supply is computed exactly",
            part=part,
        )

    @functools.cached_property
    def _load(self) -> Floats:
        return np.sum(self.pairs["rate"] * self.pairs["lead"], axis=1)[:-1]

    @functools.cached_property
    def _away(self) -> Records:
        network = self.demand.network
        away = np.zeros(1, AWAY)
        away["hours"] = network.policy.emergency_hours or 0.0
        if network.objective == "annual_cost":
            away["shipping_cny"] = network.policy.emergency_cost_cny or 0.0
        return away

    def _use(self, service: Floats, hours: Floats, totals: Floats) -> Floats:
        """Use of every limit, from what `pairs.price_pairs` adds up."""
        use = np.zeros((len(totals), len(self.rows)))
        for index, (kind, place) in enumerate(self._about):
            if kind == SERVICE:
                use[:, index] = -service[:, place]
            elif kind == TIME:
                use[:, index] = hours[:, place]
            elif kind == TOTAL:
                use[:, index] = totals[:, 3::2].sum(axis=1)
            else:
                use[:, index] = totals[:, (2 if kind == UNITS else 3) + 2 * place]
        return use


def _room(count: int, classes: int) -> tuple[Ints, Floats, Floats, Floats]:
    return (
        np.zeros((count, 4), dtype=np.int64),
        np.zeros(count),
        np.zeros((count, classes)),
        np.zeros((count, classes)),
    )


def _tables(pairs: Records, sizes: Ints) -> Floats:
    room = table_sizes(pairs, sizes)
    tables = np.empty((int(room.sum()), 3))
    fill_tables(pairs, sizes, np.concatenate([[0], np.cumsum(room)[:-1]]).astype(np.int64), tables)
    return tables


def _copied(origin: Floats, begins: Ints, target: Floats, to: Ints, room: Ints) -> None:
    """Copy tables from some places to others."""
    step = np.arange(int(room.sum())) - np.repeat(np.cumsum(room) - room, room)
    target[np.repeat(to, room) + step] = origin[np.repeat(begins, room) + step]


def _pairs_of(demand: Demand) -> tuple[Records, Records, Ints]:
    """All pairs with a closing record, their streams, and each pair's rows (-1 for the missing one)."""
    records: list[Records] = []
    rows: list[Ints] = []
    pair_of, member_of = np.zeros((2, len(demand.stream_row)), dtype=np.int64)
    begin = 0
    for number, cluster in enumerate(demand.clusters):
        records.append(_records(demand, cluster, number))
        own = np.full((len(cluster.rows), 2), -1)
        own[:, : cluster.rows.shape[1]] = cluster.rows
        rows.append(own)
        pair_of[cluster.streams], member_of[cluster.streams] = begin + cluster.stream_line, cluster.stream_member
        begin += len(own)
    order = np.argsort(pair_of, kind="stable")
    flows = np.zeros(len(order), FLOW)
    flows["weight"], flows["share"] = demand.stream_weight[order], demand_share(demand)[order]
    flows["travel"], flows["sla"] = demand.stream_travel_hours[order], demand.stream_class[order]
    flows["member"] = member_of[order]
    pairs = np.concatenate([*records, np.zeros(1, PAIR)])
    pairs["first"] = np.searchsorted(pair_of[order], np.arange(len(pairs)))
    return pairs, flows, np.concatenate(rows)


def _records(demand: Demand, cluster: Cluster, number: int) -> Records:
    members = len(cluster.depots)
    pairs = np.zeros(len(cluster.rows), PAIR)
    pairs["lead"], pairs["cluster"], pairs["alone"] = 1.0, number, members == 1
    first = cluster.rows[:, 0]
    pairs["price"], pairs["unit_cost"] = demand.stock_price_cny[first], demand.unit_cost_cny[first]
    yearly = demand.network.objective == "annual_cost"
    for member, depot in enumerate(cluster.depots):
        row = cluster.rows[:, member]
        pairs["rate"][:, member], pairs["lead"][:, member] = demand.daily_rate[row], demand.lead_time_days[row]
        pairs["floor"][:, member], pairs["depot"][:, member] = demand.floor[row], depot
        pairs["asks"][:, member] = len(cluster.sources[member]) > 1
        if members > 1:
            pairs["hours"][:, member] = cluster.lane_hours[member, 1 - member]
            pairs["shipping_cny"][:, member] = cluster.lane_cost_cny[member, 1 - member] if yearly else 0.0
    return pairs
