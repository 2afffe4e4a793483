"""From a network to what its depots are asked for, as arrays.

A *row* is one part in one depot: a base stock to choose. A *stream* is the demand of one class
that reaches a row from one travel time. A *cluster* is a set of depots that supply each other,
with all the parts they share; without lateral supply every depot is its own cluster. Where lanes
join more depots than are computed exactly, the nearest ones make a cluster.
"""

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from optimizer.assurance import needed_share
from optimizer.errors import InvalidInput
from optimizer.lateral import MEMBERS_MAX
from optimizer.network import BomLine, Lane, Network, SlaClass, primary_depot
from optimizer.poisson import Floats, Ints

YEAR_DAYS = 365.0
"""Failure rates are per year, lead times in days."""

Factors = tuple[tuple[str, float], ...]
"""Parts of which some devices fail more or less often than their model's list says, and how many times as often."""

Stock = Mapping[str, Mapping[str, int]]
"""Base stocks as {part: {depot: S}}; what is not listed is zero."""


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Depots that supply each other, and the parts they stock together.

    `rows` has a line per part and a column per member; `sources[q]` are the members asked for a
    demand of member q, itself first, then by lane time; `lane_hours` and `lane_cost_cny` are
    indexed by member asked for and member that ships. The streams of the cluster are
    `streams`, each with its line in `rows` (`stream_line`) and the member it reaches first.
    """

    depots: tuple[int, ...]
    sources: tuple[tuple[int, ...], ...]
    lane_hours: Floats
    lane_cost_cny: Floats
    rows: Ints
    streams: Ints
    stream_line: Ints
    stream_member: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """All rows, ordered by part and depot, all streams, and the clusters that hold them.

    Of a row: `part` and `depot` (positions in the network's lists), `daily_rate`,
    `lead_time_days`, `floor` (least base stock), `unit_cost_cny`, `stock_price_cny`, what a
    unit of base stock costs under the network's objective, `rate_shape` (infinite where the rate
    is known) and `order_quantity`. Of a stream: its row, its class (a position in `sla_classes`),
    its daily rate, its travel time, and its weight in the service of its class: the part of the
    class's demand, weighted by criticality, that it brings. Of a class: `class_rate`, its whole
    daily rate, `class_weight`, the same weighted by criticality, and `class_target`, the share on
    time that it needs, None where nothing is asked.
    Rows without demand stand for floors and for depots that can only help others.
    """

    network: Network
    part: Ints
    depot: Ints
    daily_rate: Floats
    lead_time_days: Floats
    floor: Ints
    unit_cost_cny: Floats
    stock_price_cny: Floats
    rate_shape: Floats
    order_quantity: Ints
    stream_row: Ints
    stream_class: Ints
    stream_rate: Floats
    stream_travel_hours: Floats
    stream_weight: Floats
    class_rate: Floats
    class_weight: Floats
    class_target: tuple[float | None, ...]
    clusters: tuple[Cluster, ...]

    @property
    def known_to_lines(self) -> bool:
        """Whether the compiled pass over lines (`optimizer.pricing`) computes what this demand asks for.

        It knows uncertain rates under backorders only.
        """
        return self.network.policy.stockout == "backorder" or not np.isfinite(self.rate_shape).any()

    @property
    def reckoned(self) -> tuple[str, ...]:
        """Where lanes join more depots than are computed exactly: which of them are taken to help each other."""
        lanes = self.network.policy.lateral_lanes or () if self.network.policy.lateral else ()
        ids = [record.id for record in self.network.depots]
        ways = {(ids.index(lane.to), ids.index(lane.source)): lane for lane in lanes}
        starts = np.flatnonzero(np.diff(self.part, prepend=-1)).tolist()
        stocked = {tuple(each.tolist()) for each in np.split(self.depot, starts[1:])} if ways else set()
        wholes = {whole for depots in stocked for whole in _joined(depots, ways) if len(whole) > MEMBERS_MAX}
        return tuple(
            f"lateral lanes join {', '.join(ids[depot] for depot in whole)}: the plan counts on the nearest helping each "
            f"other, {'; '.join(' + '.join(ids[depot] for depot in part) for part in _nearest(whole, ways))}, "
            "and on nobody else being asked"
            for whole in sorted(wholes)
        )

    @property
    def in_pairs(self) -> bool:
        """Whether depots help each other, and no more than two together."""
        return self.network.policy.lateral and all(len(cluster.depots) <= 2 for cluster in self.clusters)

    @property
    def mean_surplus(self) -> Floats:
        """What the stock position of every row exceeds its base stock by, on average: (Q - 1) / 2."""
        return (self.order_quantity - 1) / 2.0

    @property
    def stream_window_days(self) -> Floats:
        """How long a demand of each stream can wait for a unit; negative where travel takes too long."""
        hours = np.array([record.time_to_site_hours for record in self.network.sla_classes])
        return (hours[self.stream_class] - self.stream_travel_hours) / 24.0

    def stock_of(self, levels: Ints) -> dict[str, dict[str, int]]:
        """Base stocks per row as {part: {depot: S}}."""
        parts, depots = ([record.id for record in table] for table in (self.network.parts, self.network.depots))
        stock: dict[str, dict[str, int]] = {}
        for part, depot, level in zip(self.part.tolist(), self.depot.tolist(), levels.tolist(), strict=True):
            stock.setdefault(parts[part], {})[depots[depot]] = level
        return stock

    def levels(self, stock: Stock) -> Ints:
        """Base stocks per row from {part: {depot: S}}.

        Raises:
            InvalidInput: a stock where there is nobody to serve, or a negative one; `path` is
                its place in a plan file.

        """
        parts, depots = self.network.parts, self.network.depots
        rows = {
            (parts[part].id, depots[depot].id): row
            for row, (part, depot) in enumerate(zip(self.part, self.depot, strict=True))
        }
        levels = np.zeros(len(rows), dtype=np.int64)
        for part, held in stock.items():
            for depot, units in held.items():
                path = f"$.stock.{part}.{depot}"
                if units < 0:
                    raise InvalidInput(path, "a base stock must be zero or more")
                if (part, depot) in rows:
                    levels[rows[part, depot]] = units
                elif units > 0:
                    raise InvalidInput(path, "there is no demand to serve from there")
        return levels


def gather(network: Network) -> Demand:
    """The rows, streams and clusters of a network.

    Demand of part i at customer c is Poisson with rate device_count x per_device x
    annual_failure_rate x factor / 365 a day, summed over the models installed there; it reaches the
    customer's primary depot first.
    """
    depot_count = len(network.depots)
    part, depot, sla, travel, rate = _streams(network)
    key = part * depot_count + depot
    row_key, lead_time, floor, quantity = _rows(network, key)
    stream_row = np.searchsorted(row_key, key)
    row_rate = np.bincount(stream_row, weights=rate, minlength=len(row_key))
    row_part, row_depot = np.divmod(row_key, max(depot_count, 1))
    unit_cost = _column(network.parts, "unit_cost_cny", np.float64)[row_part]
    holding_rate = _column(network.parts, "holding_rate_per_year", np.float64)[row_part]
    shape = np.array([np.inf if record.rate_shape is None else record.rate_shape for record in network.parts])
    weighted = rate * _column(network.parts, "criticality", np.float64)[part]
    class_rate, class_weight = (
        np.bincount(sla, weights=of, minlength=len(network.sla_classes)) for of in (rate, weighted)
    )
    return Demand(
        network=network,
        part=row_part,
        depot=row_depot,
        daily_rate=row_rate,
        lead_time_days=lead_time,
        floor=floor,
        unit_cost_cny=unit_cost,
        stock_price_cny=unit_cost if network.objective == "investment" else holding_rate * unit_cost,
        rate_shape=shape[row_part],
        order_quantity=quantity,
        stream_row=stream_row,
        stream_class=sla,
        stream_rate=rate,
        stream_travel_hours=travel,
        stream_weight=weighted / class_weight[sla],
        class_rate=class_rate,
        class_weight=class_weight,
        class_target=class_targets(network, class_rate),
        clusters=tuple(_clusters(network, row_part, row_depot, stream_row)),
    )


def class_targets(network: Network, class_rate: Floats) -> tuple[float | None, ...]:
    """The share on time that every class needs in the long run, given its whole daily rate."""
    return tuple(map(_needed, network.sla_classes, class_rate.tolist()))


def _needed(sla: SlaClass, daily_rate: float) -> float | None:
    if sla.target_fraction is None or sla.measuring_days is None or sla.assurance is None or daily_rate == 0:
        return sla.target_fraction
    return needed_share(sla.target_fraction, daily_rate * sla.measuring_days, sla.assurance)


def _streams(network: Network) -> tuple[Ints, Ints, Ints, Floats, Floats]:
    """Part, depot, class, travel time and daily rate of every stream.

    One product of two sparse matrices: failures a day of each part in each model, times devices
    of each model at each site, where customers of one depot, class and travel time are one site.
    Devices with factors of their own are a model of their own.
    """
    model = {name: i for i, name in enumerate({line.model: None for line in network.bom})}
    part = {record.id: i for i, record in enumerate(network.parts)}
    sites, site_of = _sites(network)
    installed = [row for row in network.installed_base if row.model in model]
    own: dict[tuple[str, Factors], int] = {}
    column = [
        own.setdefault((row.model, tuple(row.factors.items())), len(model) + len(own))
        if row.factors
        else model[row.model]
        for row in installed
    ]
    listed = ((part[b.part], model[b.model], b.per_device * b.annual_failure_rate) for b in network.bom)
    failures = _matrix(chain(listed, _own_failures(network, own, part)), (len(part), len(model) + len(own)))
    devices = _matrix(
        ((place, site_of[row.customer], row.device_count) for place, row in zip(column, installed, strict=True)),
        (len(model) + len(own), len(sites)),
    )
    product = sparse.coo_array(failures @ devices)
    rate = np.asarray(product.data, dtype=np.float64) / YEAR_DAYS
    asked = rate > 0
    site = product.col[asked]
    depots, classes, hours = (np.array(column) for column in zip(*sites, strict=True))
    return (
        product.row[asked].astype(np.int64),
        depots[site],
        classes[site],
        hours[site],
        rate[asked],
    )


def _own_failures(
    network: Network, own: Mapping[tuple[str, Factors], int], part: Mapping[str, int]
) -> Iterable[tuple[int, int, float]]:
    """Part, column and failures a year of every line of the models with factors of their own."""
    names = {name for name, _ in own}
    lists: dict[str, list[BomLine]] = {}
    for line in network.bom if own else ():
        if line.model in names:
            lists.setdefault(line.model, []).append(line)
    for (name, factors), column in own.items():
        times = dict(factors)
        for line in lists[name]:
            yield part[line.part], column, line.per_device * line.annual_failure_rate * times.get(line.part, 1.0)


def _sites(network: Network) -> tuple[list[tuple[int, int, float]], dict[str, int]]:
    """Distinct (depot, class, travel time), and the place of every customer among them.

    Customers nobody reaches have no demand, which `network.read` made sure of; they share the
    first site, which stands for nowhere.
    """
    depot = {record.id: i for i, record in enumerate(network.depots)}
    sla = {record.id: i for i, record in enumerate(network.sla_classes)}
    places: dict[tuple[int, int, float], int] = {(-1, -1, 0.0): 0}
    site_of: dict[str, int] = {}
    for customer in network.customers:
        nearest = primary_depot(customer, network.depots)
        if nearest is None:
            site_of[customer.id] = 0
            continue
        place = (depot[nearest], sla[customer.sla_class], customer.travel_hours[nearest])
        site_of[customer.id] = places.setdefault(place, len(places))
    return list(places), site_of


def _matrix(entries: Iterable[tuple[int, int, float]], shape: tuple[int, int]) -> sparse.csr_array:
    """A sparse matrix in which entries of one place add up."""
    table = np.fromiter(entries, dtype=[("row", np.int64), ("column", np.int64), ("value", np.float64)])
    return sparse.csr_array((table["value"], (table["row"], table["column"])), shape=shape)


def _rows(network: Network, asked: Ints) -> tuple[Ints, Floats, Ints, Ints]:
    """Key (part x depots + depot), lead time, floor and order quantity of every row, by ascending key."""
    part = {record.id: i for i, record in enumerate(network.parts)}
    depot = {record.id: i for i, record in enumerate(network.depots)}
    table = network.replenishment
    keys = _column(table, "part", np.int64, part) * len(depot) + _column(table, "depot", np.int64, depot)
    floors, quantities = _column(table, "min_stock", np.int64), _column(table, "order_quantity", np.int64)
    lead_times = _column(table, "lead_time_days", np.float64)
    entry = np.full(len(part) * len(depot), -1)
    entry[keys] = np.arange(len(table))
    wanted = np.zeros(len(entry), dtype=np.bool_)
    wanted[asked] = wanted[keys[floors > 0]] = True
    if network.policy.lateral:
        wanted[_helpers(network, asked)] = True
        wanted &= entry >= 0
    rows = np.flatnonzero(wanted)
    place = entry[rows]
    return rows, lead_times[place], floors[place], quantities[place]


def _column[T: np.generic](
    table: Sequence[object], field: str, kind: type[T], place: Mapping[str, int] | None = None
) -> npt.NDArray[T]:
    """A field of every record of a table, or the place of the name that stands there."""
    values: Iterable[Any] = map(operator.attrgetter(field), table)
    return np.fromiter(values if place is None else map(place.__getitem__, values), dtype=kind, count=len(table))


def _helpers(network: Network, asked: Ints) -> Ints:
    """Keys of parts at depots that have a lane to a depot with demand for the part."""
    depots = [record.id for record in network.depots]
    helps = np.zeros((len(depots), len(depots)), dtype=np.int64)
    for lane in network.policy.lateral_lanes or ():
        helps[depots.index(lane.to), depots.index(lane.source)] = 1
    demanded = np.zeros((len(network.parts), len(depots)), dtype=np.int64)
    demanded.flat[asked] = 1
    return np.flatnonzero(demanded @ helps)


def _clusters(network: Network, part: Ints, depot: Ints, stream_row: Ints) -> list[Cluster]:
    """The clusters of the network, by their depots; every row belongs to exactly one."""
    lanes = network.policy.lateral_lanes or () if network.policy.lateral else ()
    if not lanes:
        order = np.argsort(depot, kind="stable")
        alone = np.split(order, np.flatnonzero(np.diff(depot[order])) + 1)
        return [_cluster((int(depot[rows[0]]),), rows[:, np.newaxis], {}, stream_row) for rows in alone if len(rows)]
    index = {record.id: i for i, record in enumerate(network.depots)}
    ways = {(index[lane.to], index[lane.source]): lane for lane in lanes}
    starts = np.flatnonzero(np.diff(part, prepend=-1)).tolist()
    ends = (np.flatnonzero(np.diff(part, append=-1)) + 1).tolist()
    joined: dict[tuple[int, ...], tuple[tuple[int, ...], ...]] = {}
    lines: dict[tuple[int, ...], list[list[int]]] = {}
    for first, last in zip(starts, ends, strict=True):
        stocked = tuple(depot[first:last].tolist())
        if stocked not in joined:
            joined[stocked] = _components(stocked, ways)
        place = dict(zip(stocked, range(first, last), strict=True))
        for members in joined[stocked]:
            lines.setdefault(members, []).append([place[member] for member in members])
    return [_cluster(members, np.array(lines[members], dtype=np.int64), ways, stream_row) for members in sorted(lines)]


def _components(depots: tuple[int, ...], ways: dict[tuple[int, int], Lane]) -> tuple[tuple[int, ...], ...]:
    """Depots joined by lanes, directly or through others.

    Of more than are computed exactly those stay together that the shortest lanes join; see `_nearest`.

    >>> _components((0, 1, 2), {(2, 0): Lane("SH", "GZ", 26, 0)})
    ((0, 2), (1,))

    """
    clusters = [part for whole in _joined(depots, ways) for part in _nearest(whole, ways)]
    return tuple(sorted(clusters))


def _joined(depots: tuple[int, ...], ways: dict[tuple[int, int], Lane]) -> tuple[tuple[int, ...], ...]:
    """Depots joined by lanes, however many."""
    links = [(a, b) for a, b in ways if a in depots and b in depots]
    component = {depot: frozenset({depot}) for depot in depots}
    for a, b in links:
        union = component[a] | component[b]
        component.update(dict.fromkeys(union, union))
    return tuple(sorted({tuple(sorted(members)) for members in component.values()}))


def _nearest(depots: tuple[int, ...], ways: dict[tuple[int, int], Lane]) -> tuple[tuple[int, ...], ...]:
    """Depots in clusters of at most `MEMBERS_MAX`: lanes join them, the shortest first, as long as there is room.

    Of equally long lanes the one between the names that come first in the alphabet.

    >>> lanes = {(b, a): Lane(f"D{a}", f"D{b}", hours, 0) for a, b, hours in [(0, 1, 2), (1, 2, 3), (2, 3, 1)]}
    >>> _nearest((0, 1, 2, 3), lanes)
    ((0, 1), (2, 3))

    """
    if len(depots) <= MEMBERS_MAX:
        return (depots,)
    inside = [(pair, lane) for pair, lane in ways.items() if set(pair) <= set(depots)]
    inside.sort(key=lambda item: (item[1].hours, sorted((item[1].source, item[1].to))))
    cluster = {depot: frozenset({depot}) for depot in depots}
    for (to, source), _ in inside:
        union = cluster[to] | cluster[source]
        if len(union) <= MEMBERS_MAX:
            cluster.update(dict.fromkeys(union, union))
    return tuple(sorted({tuple(sorted(members)) for members in cluster.values()}))


def _cluster(
    depots: tuple[int, ...],
    rows: Ints,
    ways: dict[tuple[int, int], Lane],
    stream_row: Ints,
) -> Cluster:
    size = len(depots)
    hours, cost = np.zeros((size, size)), np.zeros((size, size))
    sources: list[tuple[int, ...]] = []
    for asked, to in enumerate(depots):
        lanes = {s: ways[to, depot] for s, depot in enumerate(depots) if (to, depot) in ways}
        for source, lane in lanes.items():
            hours[asked, source], cost[asked, source] = lane.hours, lane.cost_cny
        sources.append((asked, *sorted(lanes, key=lambda source, w=lanes: w[source].hours)))
    place = np.full(max(rows.max(), stream_row.max(initial=0)) + 1, -1)
    place[rows.ravel()] = np.arange(rows.size)
    place = place[stream_row]
    streams = np.flatnonzero(place >= 0)
    line, member = np.divmod(place[streams], size)
    return Cluster(depots, tuple(sources), hours, cost, rows, streams, line, member)
