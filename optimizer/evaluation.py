"""What a given stock delivers, by the exact formulas.

`evaluate` answers for a whole network; sizing uses the same three functions, `on_time`,
`mean_hours` and `shipping_cny`, cluster by cluster, for the stocks it weighs.
"""

import math
from fractions import Fraction

import msgspec
import numpy as np

from optimizer.demand import YEAR_DAYS, Cluster, Demand, Stock, gather
from optimizer.lateral import supply_shares
from optimizer.network import Network
from optimizer.poisson import Floats, Ints, erlang_loss, mean_wait_days, on_time_share

TOLERANCE = 1e-9
"""How far a target or limit may be missed and still count as met: rounding, no more."""

_STEP_MIN = Fraction(1, 10_000)
"""Steps of money smaller than this help nobody."""


class Evaluation(msgspec.Struct, frozen=True):
    """What a stock delivers and what it takes.

    `service` is each class's share of demands on time (1 without demand), `mean_hours` its mean
    time to site (0 without demand). `cost_cny` follows the network's objective: CNY, or CNY a
    year. `units` are what each depot must have room for, `value_cny` what its stock is worth on
    average, units on order included. `needed` is the share that each class with a target needs in
    the long run, the target itself where it is not measured by the period.
    """

    service: dict[str, float]
    mean_hours: dict[str, float]
    cost_cny: float
    units: dict[str, int]
    value_cny: dict[str, float]
    needed: dict[str, float]


def evaluate(network: Network, stock: Stock) -> Evaluation:
    """Service, mean time, cost and use of limits of a stock.

    Raises:
        InvalidInput: the stock names a part or depot that cannot be stocked, or a negative
            number; `path` is its place in the plan file.
        OptimizerError: lateral supply among base stocks that are too large to solve exactly.

    """
    demand = gather(network)
    return evaluate_demand(demand, demand.levels(stock))


def evaluate_demand(demand: Demand, levels: Ints) -> Evaluation:
    """Like `evaluate`, where the demand has been gathered before, for the base stock of every row."""
    network = demand.network
    share, hours = np.zeros(len(demand.stream_row)), np.zeros(len(demand.stream_row))
    shipping = 0.0
    for cluster in demand.clusters:
        held = levels[cluster.rows]
        shares = channel_shares(demand, cluster, held)
        share[cluster.streams] = on_time(demand, cluster, held, shares)
        hours[cluster.streams] = mean_hours(demand, cluster, held, shares)
        shipping += math.fsum(shipping_cny(demand, cluster, shares))
    classes = [record.id for record in network.sla_classes]
    average = levels + demand.mean_surplus
    value, most = demand.unit_cost_cny * average, levels + demand.order_quantity - 1
    depots = [demand.depot == index for index in range(len(network.depots))]
    cost = math.fsum(demand.stock_price_cny * average)
    return Evaluation(
        service=dict(zip(classes, _class_sums(demand, demand.stream_weight * share, idle=1.0), strict=True)),
        mean_hours=dict(zip(classes, _class_sums(demand, demand_share(demand) * hours, idle=0.0), strict=True)),
        cost_cny=cost + (shipping if network.objective == "annual_cost" else 0.0),
        units={d.id: int(most[at].sum()) for d, at in zip(network.depots, depots, strict=True)},
        value_cny={d.id: math.fsum(value[at]) for d, at in zip(network.depots, depots, strict=True)},
        needed={name: target for name, target in zip(classes, demand.class_target, strict=True) if target is not None},
    )


def misses(network: Network, evaluation: Evaluation) -> dict[str, float]:
    """Targets and limits that an evaluation breaks, and by how much, keyed like multipliers.

    A target may be missed by `TOLERANCE`; of money as much as rounding of its sum needs.

    >>> from optimizer.network import Limits, Policy
    >>> policy = Policy(stockout="backorder")
    >>> network = Network((), (), (), (), (), (), (), policy, "investment", Limits(100.0))
    >>> misses(network, Evaluation({}, {}, 150.0, {}, {"GZ": 90.0, "SH": 60.0}, {}))
    {'total_budget': 50.0}

    """
    total = math.fsum(evaluation.value_cny.values())
    compared: list[tuple[str, float, float | None]] = [("total_budget", total, network.limits.total_budget_cny)]
    for depot in network.depots:
        compared += [
            (f"capacity:{depot.id}", evaluation.units[depot.id], depot.capacity_units),
            (f"budget:{depot.id}", evaluation.value_cny[depot.id], depot.budget_cny),
        ]
    for sla in network.sla_classes:
        hours, target = evaluation.mean_hours[sla.id], evaluation.needed.get(sla.id)
        below = None if target is None else -target
        compared += [
            (f"service:{sla.id}", -evaluation.service[sla.id], below),
            (f"mean_time:{sla.id}", hours, sla.mean_time_target_hours),
        ]
    return {row: used - limit for row, used, limit in compared if limit is not None and used - limit > tolerance(limit)}


def tolerance(limit: float) -> float:
    """How far above a limit a computed use may lie; 1e-9, more only above a million CNY.

    >>> tolerance(0.93), tolerance(5e9)
    (1e-09, 5e-06)

    """
    return max(TOLERANCE, 1e-15 * abs(limit))


def money_step(network: Network) -> float:
    """An amount of which the costs of any two stocks differ by a whole multiple; 0 where there is none.

    >>> from optimizer.network import Part, Policy
    >>> parts = (Part("PSU-750", 1800, 0.22), Part("MB-R740", 14500, 0.22))
    >>> policy = Policy(stockout="backorder")
    >>> money_step(Network((), parts, (), (), (), (), (), policy, "investment"))
    100.0

    """
    yearly = network.objective == "annual_cost"
    if yearly and network.policy.stockout == "emergency":
        return 0.0
    step = Fraction(0)
    prices = {(p.unit_cost_cny, p.holding_rate_per_year if yearly else 1.0) for p in network.parts}
    for unit_cost, rate in prices:
        price = Fraction(repr(unit_cost)) * Fraction(repr(rate))
        step = Fraction(
            math.gcd(step.numerator * price.denominator, price.numerator * step.denominator),
            step.denominator * price.denominator,
        )
        if 0 < step < _STEP_MIN:
            return 0.0
    return float(step)


def channel_shares(demand: Demand, cluster: Cluster, levels: Ints) -> Floats | None:
    """Who supplies the demands of each line of a cluster.

    Args:
        demand: all demand.
        cluster: the depots.
        levels: base stocks, shape (lines, members).

    Returns:
        Shares of shape (lines, members, members + 1), the last place being the emergency
        channel (see `optimizer.lateral.supply_shares`); None under backorders, where every
        demand waits for its own depot.

    """
    if demand.network.policy.stockout == "backorder":
        return None
    rate, lead = demand.daily_rate[cluster.rows], demand.lead_time_days[cluster.rows]
    if len(cluster.depots) == 1:
        lost = erlang_loss(levels, rate * lead, demand.rate_shape[cluster.rows])
        return np.stack([1.0 - lost, lost], axis=2)
    shares = np.zeros((*levels.shape, levels.shape[1] + 1))
    held, place = np.unique(levels, axis=0, return_inverse=True)
    for index, base_stock in enumerate(held.tolist()):
        same = place.ravel() == index
        shares[same] = supply_shares(rate[same], lead[same], cluster.sources, base_stock)
    return shares


def on_time(demand: Demand, cluster: Cluster, levels: Ints, shares: Floats | None) -> Floats:
    """Share of each of the cluster's streams that is on time, shape (streams,)."""
    if shares is None:
        row = demand.stream_row[cluster.streams]
        return on_time_share(
            levels[cluster.stream_line, 0],
            demand.daily_rate[row],
            demand.lead_time_days[row],
            demand.stream_window_days[cluster.streams],
            demand.rate_shape[row],
            demand.order_quantity[row],
        )
    limit = class_hours(demand)[demand.stream_class[cluster.streams]]
    reached = channel_hours(demand, cluster) <= limit[:, np.newaxis] + TOLERANCE
    return np.sum(shares[cluster.stream_line, cluster.stream_member] * reached, axis=1)


def mean_hours(demand: Demand, cluster: Cluster, levels: Ints, shares: Floats | None) -> Floats:
    """Mean time to site of each of the cluster's streams, shape (streams,)."""
    if shares is None:
        row = cluster.rows[:, 0]
        rate, lead = demand.daily_rate[row], demand.lead_time_days[row]
        wait = mean_wait_days(levels[:, 0], rate, lead, demand.rate_shape[row], demand.order_quantity[row])
        return demand.stream_travel_hours[cluster.streams] + 24.0 * wait[cluster.stream_line]
    hours = channel_hours(demand, cluster)
    return np.sum(shares[cluster.stream_line, cluster.stream_member] * hours, axis=1)


def shipping_cny(demand: Demand, cluster: Cluster, shares: Floats | None) -> Floats:
    """Cost a year of the lateral and emergency shipments of each line, shape (lines,)."""
    if shares is None:
        return np.zeros(len(cluster.rows))
    each = np.sum(shares * channel_cny(demand, cluster), axis=2)
    return YEAR_DAYS * np.sum(demand.daily_rate[cluster.rows] * each, axis=1)


def class_hours(demand: Demand) -> Floats:
    """Promised time to site of every class."""
    return np.array([record.time_to_site_hours for record in demand.network.sla_classes])


def channel_cny(demand: Demand, cluster: Cluster) -> Floats:
    """Cost of a shipment to each member's customers by each channel, (members, members + 1)."""
    emergency = np.full((len(cluster.depots), 1), demand.network.policy.emergency_cost_cny or 0.0)
    return np.hstack([cluster.lane_cost_cny, emergency])


def channel_hours(demand: Demand, cluster: Cluster) -> Floats:
    """Time to site of each stream by each channel, shape (streams, members + 1)."""
    travel = demand.stream_travel_hours[cluster.streams]
    by_member = travel[:, np.newaxis] + cluster.lane_hours[cluster.stream_member]
    emergency = np.full((len(travel), 1), demand.network.policy.emergency_hours or 0.0)
    return np.hstack([by_member, emergency])


def demand_share(demand: Demand) -> Floats:
    """The part of its class's demand that every stream is, whatever its criticality."""
    return demand.stream_rate / demand.class_rate[demand.stream_class]


def _class_sums(demand: Demand, values: Floats, *, idle: float) -> list[float]:
    """Sums over the streams of each class; `idle` for a class without demand."""
    total = np.bincount(demand.stream_class, weights=values, minlength=len(demand.class_rate))
    return np.where(demand.class_rate > 0, total, idle).tolist()
