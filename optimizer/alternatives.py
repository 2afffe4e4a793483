"""The base stocks that sizing chooses from, with what each costs, delivers and takes.

Under backorders, and under emergency supply without lateral, a group is a part in a depot and
its alternatives are S = floor, floor + 1, ... With lateral supply a group is a part in a cluster
of depots and its alternatives are all base stocks whose sum stays within a size. After them stand
alternatives *beyond*, which cannot be chosen: each stands for a set of larger stocks, costs and
takes what the smallest of them does and delivers the best that any of them could. Whatever
proves that these are not wanted proves that nothing was lost by leaving the larger stocks out.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from optimizer.demand import YEAR_DAYS, Cluster, Demand, class_targets
from optimizer.errors import OptimizerError
from optimizer.evaluation import (
    TOLERANCE,
    channel_cny,
    channel_hours,
    channel_shares,
    class_hours,
    demand_share,
    mean_hours,
    on_time,
    shipping_cny,
    tolerance,
)
from optimizer.lateral import STATES_MAX
from optimizer.multiple_choice import Bools, Problem
from optimizer.network import Network
from optimizer.poisson import Floats, Ints, erlang_loss


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """Groups of one cluster with equally many alternatives.

    `cluster` holds only the bucket's lines, which are `lines` of the demand's cluster number
    `origin`. `stocks` are the alternatives' base stocks above the floor, shape (alternatives,
    members), and `growing` tells which of them stand for that stock or any larger one: those
    lie beyond. In the problem the bucket's alternatives stand from place `first`, line by line.
    """

    cluster: Cluster
    origin: int
    lines: Ints
    stocks: Ints
    growing: Bools
    first: int

    @property
    def places(self) -> Ints:
        """The place of every alternative in the problem, shape (lines, alternatives)."""
        size = len(self.lines) * len(self.stocks)
        return self.first + np.arange(size).reshape(len(self.lines), -1)


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """A network as a choice of base stocks: the problem, and what its alternatives mean."""

    demand: Demand
    buckets: tuple[Bucket, ...]
    problem: Problem

    def levels(self, choice: Ints) -> Ints:
        """The base stock of every row under a choice of one alternative per group."""
        levels = self.demand.floor.copy()
        group = 0
        for bucket in self.buckets:
            chosen = choice[group : group + len(bucket.lines)] - bucket.first
            levels[bucket.cluster.rows] += bucket.stocks[chosen % len(bucket.stocks)]
            group += len(bucket.lines)
        return levels

    def choice(self, levels: Ints) -> Ints:
        """The alternatives that are given base stocks, which must lie within the sizes."""
        above = levels - self.demand.floor
        chosen: list[Ints] = []
        for bucket in self.buckets:
            known = bucket.stocks[~bucket.growing.any(axis=1)].tolist()
            ordinal = {tuple(stock): index for index, stock in enumerate(known)}
            held = above[bucket.cluster.rows].tolist()
            chosen.append(bucket.places[:, 0] + [ordinal[*stock,] for stock in held])
        return np.concatenate(chosen)


def initial_sizes(demand: Demand) -> list[Ints]:
    """For every cluster and line, up to which sum of base stocks above the floors to look.

    A depot alone: mu + 6 sqrt(mu) + 6 with its load mu. Depots together start lower, since
    their alternatives multiply, and grow where that proves too low.
    """
    sizes: list[Ints] = []
    for cluster in demand.clusters:
        rows = cluster.rows
        load = np.sum(demand.daily_rate[rows] * demand.lead_time_days[rows], axis=1)
        spread = 6.0 if rows.shape[1] == 1 else 4.0
        variance = load + load**2 / demand.rate_shape[rows[:, 0]]
        wanted = np.ceil(load + spread * (np.sqrt(variance) + 1.0)) - demand.floor[rows].sum(axis=1)
        asked = demand.daily_rate[rows].any(axis=1)
        sizes.append(_rounded(np.where(asked, np.maximum(wanted, 1), 0).astype(np.int64)))
    return sizes


def _rounded(sizes: Ints) -> Ints:
    """The next larger sizes with three leading binary digits, so that few sizes differ.

    >>> _rounded(np.array([0, 6, 9, 37])).tolist()
    [0, 6, 10, 40]

    """
    unit = 2 ** np.maximum(np.frexp(sizes)[1].astype(np.int64) - 3, 0)
    return -(-sizes // unit) * unit


def grown(choices: Choices, sizes: list[Ints], groups: Ints) -> list[Ints]:
    """The sizes, a quarter larger for the given groups."""
    larger = [size.copy() for size in sizes]
    group = 0
    for bucket in choices.buckets:
        lines = bucket.lines[np.isin(np.arange(group, group + len(bucket.lines)), groups)]
        larger[bucket.origin][lines] = _rounded(larger[bucket.origin][lines] * 5 // 4 + 1)
        group += len(bucket.lines)
    return larger


def build(demand: Demand, sizes: list[Ints], known: Choices | None = None) -> Choices:
    """All alternatives up to the given sizes.

    Of lines whose size is the same as in choices known from before nothing is computed again.

    Raises:
        OptimizerError: lateral supply of more stock than is computed exactly.
    """
    limit_of = limits(demand.network, demand.class_rate)
    column = {row: index for index, row in enumerate(limit_of)}
    buckets = _buckets(demand, sizes)
    tables = [_tables_with(demand, bucket, column, known) for bucket in buckets]
    limit = np.array([*limit_of.values()])
    problem = Problem(
        rows=tuple(limit_of),
        cost=np.concatenate([cost for cost, _ in tables]),
        use=sparse.csr_array(sparse.vstack([use for _, use in tables])),
        limit=limit,
        slack=slack(limit),
        first=np.concatenate([bucket.places[:, 0] for bucket in buckets]),
        choosable=np.concatenate([_choosable(bucket) for bucket in buckets]),
        block=np.repeat([b.cluster.depots[0] for b in buckets], [len(b.lines) for b in buckets]),
    )
    return Choices(demand, tuple(buckets), problem)


def limits(network: Network, class_rate: Floats) -> dict[str, float]:
    """The limit of every row by its name, given each class's whole demand; promises are negated."""
    limits: dict[str, float | None] = {}
    for sla, rate, target in zip(network.sla_classes, class_rate, class_targets(network, class_rate), strict=True):
        if rate > 0:
            limits[f"service:{sla.id}"] = None if target is None else -target
            limits[f"mean_time:{sla.id}"] = sla.mean_time_target_hours
    for depot in network.depots:
        limits[f"capacity:{depot.id}"] = depot.capacity_units
        limits[f"budget:{depot.id}"] = depot.budget_cny
    limits["total_budget"] = network.limits.total_budget_cny
    return {row: limit for row, limit in limits.items() if limit is not None}


def slack(limit: Iterable[float]) -> Floats:
    """How far each limit may be exceeded and still count as kept: a little less than its tolerance.

    A plan that just keeps a limit must also keep it when it is evaluated again, where the same
    numbers are added up in another order.
    """
    return 0.999 * np.array([tolerance(value) for value in limit])


def _buckets(demand: Demand, sizes: list[Ints]) -> list[Bucket]:
    buckets: list[Bucket] = []
    first = 0
    for origin, (cluster, size) in enumerate(zip(demand.clusters, sizes, strict=True)):
        for steps in np.unique(size).tolist():
            lines = np.flatnonzero(size == steps)
            _refuse_what_is_not_exact(demand, cluster, lines, steps)
            stocks, growing = _stocks(len(cluster.depots), steps)
            restricted = _restricted(cluster, lines)
            buckets.append(Bucket(restricted, origin, lines, stocks, growing, first))
            first += len(lines) * len(stocks)
    return buckets


def _refuse_what_is_not_exact(demand: Demand, cluster: Cluster, lines: Ints, size: int) -> None:
    members = len(cluster.depots)
    part = demand.network.parts[demand.part[cluster.rows[lines[0], 0]]].id
    depots = ", ".join(demand.network.depots[depot].id for depot in cluster.depots)
    if members > 1 and (size / members + 1) ** members > STATES_MAX:
        raise OptimizerError(
            f"part {part}: a base stock of {size} in the depots {depots} together needs more "
            f"than the {STATES_MAX} states of which lateral supply is computed exactly",
            part=part,
        )


def _restricted(cluster: Cluster, lines: Ints) -> Cluster:
    """The cluster with some of its lines only."""
    place = np.full(len(cluster.rows), -1)
    place[lines] = np.arange(len(lines))
    kept = place[cluster.stream_line] >= 0
    return replace(
        cluster,
        rows=cluster.rows[lines],
        streams=cluster.streams[kept],
        stream_line=place[cluster.stream_line[kept]],
        stream_member=cluster.stream_member[kept],
    )


def _stocks(members: int, size: int) -> tuple[Ints, Bools]:
    """Base stocks with sums up to `size`, then what lies beyond; and which of them may grow.

    Of a larger stock look at a member that holds most. Either the sum without it stays within
    the size: then it holds at least what is missing to size + 1, and what any other holds. Or
    the sum is larger even without it: then, of three, the one with least may be fixed while the
    others hold at least what that leaves, or all hold at least half of size + 1.

    >>> stocks, growing = _stocks(1, 2)
    >>> stocks.tolist(), growing.tolist()
    ([[0], [1], [2], [3]], [[False], [False], [False], [True]])
    >>> _stocks(2, 1)[0].tolist()
    [[0, 0], [0, 1], [1, 0], [2, 0], [1, 1], [0, 2], [1, 1], [2, 2]]

    """
    stocks = sorted(_within(members, size), key=sum)
    growing = [[False] * members for _ in stocks]
    for member in range(members):
        for others in _within(members - 1, size):
            most = max(size + 1 - sum(others), *others, 0)
            stocks.append((*others[:member], most, *others[member:]))
            growing.append([m == member for m in range(members)])
    if members == 3:
        for least, held in itertools.product(range(3), range(size // 2 + 1)):
            stocks.append(tuple(held if m == least else size + 1 - held for m in range(3)))
            growing.append([m != least for m in range(3)])
    if members > 1:
        stocks.append((-(-(size + 1) // (members - 1)),) * members)
        growing.append([True] * members)
    return np.array(stocks, dtype=np.int64), np.array(growing, dtype=np.bool_)


def _within(members: int, size: int) -> list[tuple[int, ...]]:
    return [s for s in itertools.product(range(size + 1), repeat=members) if sum(s) <= size]


def _choosable(bucket: Bucket) -> Bools:
    return np.tile(~bucket.growing.any(axis=1), len(bucket.lines))


def _tables(demand: Demand, bucket: Bucket, column: dict[str, int]) -> tuple[Floats, sparse.csr_array]:
    """Cost, shape (places,), and use, shape (places, rows), of a bucket's alternatives."""
    network, cluster = demand.network, bucket.cluster
    levels = demand.floor[cluster.rows][:, np.newaxis, :] + bucket.stocks
    average = levels + demand.mean_surplus[cluster.rows][:, np.newaxis, :]
    most = levels + demand.order_quantity[cluster.rows][:, np.newaxis, :] - 1
    held = average.sum(axis=2)
    unit_value = demand.unit_cost_cny[cluster.rows[:, :1]]
    used: dict[str, Floats] = {"total_budget": unit_value * held}
    for member, depot in enumerate(cluster.depots):
        used[f"capacity:{network.depots[depot].id}"] = most[:, :, member].astype(np.float64)
        used[f"budget:{network.depots[depot].id}"] = unit_value * average[:, :, member]
    delivered = _delivered(demand, bucket, levels)
    for index, sla in enumerate(np.unique(demand.stream_class[cluster.streams])):
        used[f"service:{network.sla_classes[sla].id}"] = -delivered.on_time[:, :, index]
        used[f"mean_time:{network.sla_classes[sla].id}"] = delivered.hours[:, :, index]
    cost = demand.stock_price_cny[cluster.rows[:, :1]] * held
    if network.objective == "annual_cost":
        cost += delivered.shipping_cny
    limited = {row: table.ravel() for row, table in used.items() if row in column}
    return cost.ravel(), _matrix(limited, column, cost.size)


def _tables_with(
    demand: Demand, bucket: Bucket, column: dict[str, int], known: Choices | None
) -> tuple[Floats, sparse.csr_array]:
    """The tables of a bucket, taken from known ones as far as they reach."""
    same = (
        [b for b in known.buckets if b.origin == bucket.origin and len(b.stocks) == len(bucket.stocks)] if known else []
    )
    if known is None or not same:
        return _tables(demand, bucket, column)
    before = same[0]
    old = np.isin(bucket.lines, before.lines)
    places = before.places[np.searchsorted(before.lines, bucket.lines[old])].ravel()
    cost, use = known.problem.cost[places], known.problem.use[places]
    if old.all():
        return cost, use
    lines = bucket.lines[~old]
    fresh = replace(bucket, cluster=_restricted(demand.clusters[bucket.origin], lines), lines=lines)
    more_cost, more_use = _tables(demand, fresh, column)
    order = np.argsort(np.concatenate([bucket.lines[old], lines]))
    rows = (order[:, np.newaxis] * len(bucket.stocks) + np.arange(len(bucket.stocks))).ravel()
    return np.concatenate([cost, more_cost])[rows], sparse.csr_array(sparse.vstack([use, more_use]))[rows]


def _matrix(used: dict[str, Floats], column: dict[str, int], places: int) -> sparse.csr_array:
    """The tables as columns; all places fill the same columns, so the index is known."""
    data = np.stack([np.zeros(places), *used.values()], axis=1)[:, 1:]
    indices = np.tile(np.array([column[row] for row in used], dtype=np.int64), places)
    starts = len(used) * np.arange(places + 1)
    return sparse.csr_array((data.ravel(), indices, starts), shape=(places, len(column)))


@dataclass(frozen=True, slots=True, eq=False)
class _Delivered:
    """What alternatives deliver, as parts of the class means they count in.

    `on_time` and `hours` have shape (lines, alternatives, classes of the cluster): a row's share
    of its class's demand x its share on time, or its mean time. `shipping_cny` is per year.
    """

    on_time: Floats
    hours: Floats
    shipping_cny: Floats


def _delivered(demand: Demand, bucket: Bucket, levels: Ints) -> _Delivered:
    cluster = bucket.cluster
    service = _class_sum(demand, cluster, demand.stream_weight)
    mean = _class_sum(demand, cluster, demand_share(demand))
    classes = len(np.unique(demand.stream_class[cluster.streams]))
    share, hours = np.zeros((2, *levels.shape[:2], classes))
    shipping = np.zeros(levels.shape[:2])
    timed = any(sla.mean_time_target_hours is not None for sla in demand.network.sla_classes)
    for index, growing in enumerate(bucket.growing):
        held = levels[:, index, :]
        on_time_of, hours_of, shipping[:, index] = _streams(demand, cluster, held, growing, timed=timed)
        share[:, index], hours[:, index] = service(on_time_of), mean(hours_of)
    return _Delivered(share, hours, shipping)


def _streams(
    demand: Demand, cluster: Cluster, levels: Ints, growing: Bools, *, timed: bool
) -> tuple[Floats, Floats, Floats]:
    """Share on time and mean time (if asked for) of each stream, shipping cost of each line."""
    if growing.any():
        return _best(demand, cluster, levels, growing)
    shares = channel_shares(demand, cluster, levels)
    share = on_time(demand, cluster, levels, shares)
    hours = mean_hours(demand, cluster, levels, shares) if timed else np.zeros_like(share)
    return share, hours, shipping_cny(demand, cluster, shares)


def _class_sum(demand: Demand, cluster: Cluster, weights: Floats) -> Callable[[Floats], Floats]:
    """From values of the cluster's streams to their lines' parts of the classes' weighted sums."""
    streams = cluster.streams
    classes, place = np.unique(demand.stream_class[streams], return_inverse=True)
    weight = weights[streams]
    shape = (len(cluster.rows), len(classes))
    cell = cluster.stream_line * len(classes) + place

    def summed(values: Floats) -> Floats:
        total = np.bincount(cell, weights=weight * values, minlength=shape[0] * shape[1])
        return total.reshape(shape)

    return summed


def _best(demand: Demand, cluster: Cluster, levels: Ints, growing: Bools) -> tuple[Floats, Floats, Floats]:
    """The best that any stock delivers which is `levels`, or larger in the `growing` members.

    Answers like `_streams`. Under backorders nobody waits any more. Otherwise orders come to a
    depot at a rate between its own demand's and the whole cluster's, so that the share of its
    own demands that it sends elsewhere lies between two of Erlang's losses. These demands may
    then all be served by whichever other channel is best for them.
    """
    line, member = cluster.stream_line, cluster.stream_member
    limit = class_hours(demand)[demand.stream_class[cluster.streams]]
    if demand.network.policy.stockout == "backorder":
        travel = demand.stream_travel_hours[cluster.streams]
        return (travel <= limit).astype(np.float64), travel, np.zeros(len(levels))
    rate, lead = demand.daily_rate[cluster.rows], demand.lead_time_days[cluster.rows]
    shape = demand.rate_shape[cluster.rows]
    fewest = np.where(growing, 0.0, erlang_loss(levels, rate * lead, shape))
    most = erlang_loss(levels, rate.sum(axis=1, keepdims=True) * lead, shape)
    low, high = fewest[line, member], most[line, member]
    elsewhere = _elsewhere(cluster, levels, growing)
    other = elsewhere[line, member]
    hours = channel_hours(demand, cluster)
    reached = (hours <= limit[:, np.newaxis] + TOLERANCE).astype(np.float64)
    own = np.arange(len(line)), member
    share = _ends(reached[own], np.where(other, reached, 0.0).max(axis=1), low, high)
    least_hours = _ends(hours[own], np.where(other, hours, np.inf).min(axis=1), low, high)
    cheapest = np.where(elsewhere, channel_cny(demand, cluster), np.inf).min(axis=2)
    shipping = YEAR_DAYS * np.sum(rate * fewest * cheapest, axis=1)
    return share.max(axis=0), least_hours.min(axis=0), shipping


def _elsewhere(cluster: Cluster, levels: Ints, growing: Bools) -> Bools:
    """Which channels may serve a member's demands instead of itself.

    Shape (lines, members, members + 1): other members that it asks and that hold any stock, and
    always the emergency channel.
    """
    members = len(cluster.depots)
    asked = np.zeros((members, members + 1), dtype=np.bool_)
    for member, sources in enumerate(cluster.sources):
        asked[member, list(sources[1:])] = True
    asked[:, members] = True
    stocked = np.hstack([(levels > 0) | growing, np.ones((len(levels), 1), dtype=np.bool_)])
    return asked & stocked[:, np.newaxis, :]


def _ends(own: Floats, other: Floats, low: Floats, high: Floats) -> Floats:
    """Own and other mixed with the lowest and the highest share of the other."""
    return np.stack([own + share * (other - own) for share in (low, high)])
