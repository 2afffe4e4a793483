"""What if: a network under changed assumptions, and two plans side by side.

The changes are a file of their own, so that the network they are made to stays what it was.
"""

import math
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from optimizer import network as network_file
from optimizer.errors import InvalidInput
from optimizer.evaluation import evaluate
from optimizer.files import Amount, Count, Fraction, Name, decode, member, require_known, require_unique
from optimizer.network import Customer, Depot, Network, Policy, Replenishment
from optimizer.plan import Plan

Factor = Annotated[float, msgspec.Meta(ge=0, le=1000)]
"""How many times as much."""


class LeadTimeFactor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Resupply takes `factor` times as long, of one part or all, to one depot or all."""

    factor: Factor
    part: Name | None = None
    depot: Name | None = None


class DeviceFactor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`factor` times as many devices, of one model or all, at one customer or all; rounded to whole devices."""

    factor: Factor
    model: Name | None = None
    customer: Name | None = None


class DeviceCount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many devices of a model at a customer, after the factors; new ones may come this way."""

    customer: Name
    model: Name
    device_count: Count


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changed assumptions; what is not named stays. A limit of null is lifted.

    A closed depot's customers go to the next nearest one. Where that one has no lead time for a part, the closed
    depot's is taken, with its least stock.
    """

    targets: dict[Name, Fraction] = {}
    budgets: dict[Name, Amount | None] = {}
    total_budget_cny: Amount | UnsetType | None = UNSET
    capacities: dict[Name, Count | None] = {}
    lead_time_factors: tuple[LeadTimeFactor, ...] = ()
    device_factors: tuple[DeviceFactor, ...] = ()
    device_counts: tuple[DeviceCount, ...] = ()
    closed_depots: tuple[Name, ...] = ()
    policy: Policy | UnsetType = UNSET


def read_changes(content: bytes) -> Changes:
    """Read a file of changes.

    Raises:
        InvalidInput: it is malformed; `path` says where.

    >>> read_changes(b'{"lead_time_factors": [{"factor": -1}]}')
    Traceback (most recent call last):
    optimizer.errors.InvalidInput: $.lead_time_factors[0].factor: Expected `float` >= 0.0

    """
    return decode(content, Changes)


def changed(network: Network, changes: Changes) -> Network:
    """The network under changed assumptions, checked anew.

    Raises:
        InvalidInput: nothing is changed, a name is not in the network, or what comes out contradicts itself; `path`
            is its place among the changes, or `$` for what only shows in the network as a whole.

    """
    if changes == Changes():
        raise InvalidInput("$", "nothing is changed")
    _check_names(network, changes)
    made = network
    for change in (_with_targets, _with_limits, _with_lead_times, _with_devices, _without_depots):
        made = change(made, changes)
    if not isinstance(changes.policy, UnsetType):
        made = msgspec.structs.replace(made, policy=changes.policy)
    try:
        return network_file.read(msgspec.json.encode(made))
    except InvalidInput as wrong:
        raise InvalidInput("$", f"the changed network does not hold together: {wrong}") from None


def _check_names(network: Network, changes: Changes) -> None:
    classes, depots = {sla.id for sla in network.sla_classes}, {depot.id for depot in network.depots}
    parts, customers = {part.id for part in network.parts}, {customer.id for customer in network.customers}
    models = {line.model for line in network.bom} | {row.model for row in network.installed_base}
    for table, names in (("targets", classes), ("budgets", depots), ("capacities", depots)):
        for name in getattr(changes, table):
            require_known(name, names, member(f"$.{table}", name))
    for table, named in (
        ("lead_time_factors", {"part": parts, "depot": depots}),
        ("device_factors", {"model": models, "customer": customers}),
        ("device_counts", {"model": models, "customer": customers}),
    ):
        for i, row in enumerate(getattr(changes, table)):
            for field, names in named.items():
                if (name := getattr(row, field)) is not None:
                    require_known(name, names, f"$.{table}[{i}].{field}")
    for i, depot in enumerate(changes.closed_depots):
        require_known(depot, depots, f"$.closed_depots[{i}]")
    require_unique(((depot,) for depot in changes.closed_depots), lambda i: f"$.closed_depots[{i}]")


def _with_targets(network: Network, changes: Changes) -> Network:
    classes = (
        msgspec.structs.replace(sla, target_fraction=changes.targets.get(sla.id, sla.target_fraction))
        for sla in network.sla_classes
    )
    return msgspec.structs.replace(network, sla_classes=tuple(classes))


def _with_limits(network: Network, changes: Changes) -> Network:
    depots = (
        msgspec.structs.replace(
            depot,
            budget_cny=changes.budgets.get(depot.id, depot.budget_cny),
            capacity_units=changes.capacities.get(depot.id, depot.capacity_units),
        )
        for depot in network.depots
    )
    limits = network.limits
    if not isinstance(changes.total_budget_cny, UnsetType):
        limits = msgspec.structs.replace(limits, total_budget_cny=changes.total_budget_cny)
    return msgspec.structs.replace(network, depots=tuple(depots), limits=limits)


def _with_lead_times(network: Network, changes: Changes) -> Network:
    def days(row: Replenishment) -> float:
        factors = (
            c.factor for c in changes.lead_time_factors if c.part in (None, row.part) and c.depot in (None, row.depot)
        )
        return row.lead_time_days * math.prod(factors)

    rows = (msgspec.structs.replace(row, lead_time_days=days(row)) for row in network.replenishment)
    return msgspec.structs.replace(network, replenishment=tuple(rows))


def _with_devices(network: Network, changes: Changes) -> Network:
    counts = {(row.customer, row.model): row.device_count for row in changes.device_counts}
    rows: list[network_file.Installed] = []
    counted: dict[tuple[str, str], list[network_file.Installed]] = {}
    for row in network.installed_base:
        if (row.customer, row.model) in counts:
            counted.setdefault((row.customer, row.model), []).append(row)
            continue
        factors = (
            c.factor
            for c in changes.device_factors
            if c.model in (None, row.model) and c.customer in (None, row.customer)
        )
        rows.append(msgspec.structs.replace(row, device_count=round(row.device_count * math.prod(factors))))
    rows += [
        network_file.Installed(*place, count, network_file.mean_factors(counted.get(place, [])))
        for place, count in counts.items()
    ]
    return msgspec.structs.replace(network, installed_base=tuple(rows))


def _without_depots(network: Network, changes: Changes) -> Network:
    """The network after depots are closed: the customers' next nearest depots take over, with their parts."""
    closed = set(changes.closed_depots)
    if not closed:
        return network
    left = tuple(depot for depot in network.depots if depot.id not in closed)
    customers = tuple(
        msgspec.structs.replace(c, travel_hours={d: h for d, h in c.travel_hours.items() if d not in closed})
        for c in network.customers
    )
    _check_reached(network, customers, changes)
    lanes = network.policy.lateral_lanes
    kept = None if lanes is None else tuple(lane for lane in lanes if not {lane.source, lane.to} & closed)
    return msgspec.structs.replace(
        network,
        depots=left,
        customers=customers,
        replenishment=_taken_over(network, customers, left, closed),
        policy=msgspec.structs.replace(network.policy, lateral_lanes=kept),
    )


def _check_reached(network: Network, customers: tuple[Customer, ...], changes: Changes) -> None:
    asking = {row.customer for row in network.installed_base if row.device_count}
    for before, after in zip(network.customers, customers, strict=True):
        if before.travel_hours and not after.travel_hours and after.id in asking:
            index = next(i for i, depot in enumerate(changes.closed_depots) if depot in before.travel_hours)
            raise InvalidInput(f"$.closed_depots[{index}]", f"no other depot reaches {after.id}")


def _taken_over(
    network: Network, customers: tuple[Customer, ...], left: tuple[Depot, ...], closed: set[str]
) -> tuple[Replenishment, ...]:
    """The lead times that stay, and those of the closed depots where the takers had none."""
    rows = {(row.part, row.depot): row for row in network.replenishment if row.depot not in closed}
    for before, after in zip(network.customers, customers, strict=True):
        gone = network_file.primary_depot(before, network.depots)
        taker = network_file.primary_depot(after, left)
        if gone not in closed or taker is None:
            continue
        for row in network.replenishment:
            if row.depot == gone:
                rows.setdefault((row.part, taker), msgspec.structs.replace(row, depot=taker))
    return tuple(rows.values())


# ---- Two plans side by side.


class ClassDifference(msgspec.Struct, frozen=True):
    """A class under both plans; null where only one of the networks has the class or a target for it."""

    service_class: str
    target_before: float | None
    target_after: float | None
    service_before: float | None
    service_after: float | None


class RowDifference(msgspec.Struct, frozen=True):
    """A part in a depot that the plans hold differently; `cost_cny` is what the difference costs to buy."""

    part: str
    depot: str
    before: int
    after: int
    cost_cny: float


class Comparison(msgspec.Struct, frozen=True):
    """Two plans side by side: what they cost, promise and hold. Rows that differ come dearest first.

    `service_of_before` is what the plan before would give under the changed assumptions if nobody acted; null where
    it holds stock in a place that is no more.
    """

    status_before: str
    status_after: str
    cost_before_cny: float | None
    cost_after_cny: float | None
    lower_bound_before_cny: float | None
    lower_bound_after_cny: float | None
    units_before: int
    units_after: int
    classes: tuple[ClassDifference, ...]
    service_of_before: dict[str, float] | None
    rows: tuple[RowDifference, ...]
    reasons: tuple[str, ...]


def compare(network: Network, plan: Plan, other_network: Network, other: Plan) -> Comparison:
    """A plan and the one under changed assumptions, side by side."""
    return Comparison(
        status_before=plan.status,
        status_after=other.status,
        cost_before_cny=plan.cost_cny,
        cost_after_cny=other.cost_cny,
        lower_bound_before_cny=plan.lower_bound_cny,
        lower_bound_after_cny=other.lower_bound_cny,
        units_before=sum(sum(held.values()) for held in plan.stock.values()),
        units_after=sum(sum(held.values()) for held in other.stock.values()),
        classes=tuple(_classes(network, plan, other_network, other)),
        service_of_before=_unchanged(plan, other_network),
        rows=tuple(_rows(network, plan, other)) if other.stock else (),
        reasons=other.reasons,
    )


def _classes(network: Network, plan: Plan, other_network: Network, other: Plan) -> Iterable[ClassDifference]:
    before = {sla.id: sla.target_fraction for sla in network.sla_classes}
    after = {sla.id: sla.target_fraction for sla in other_network.sla_classes}
    for name in [*before, *(name for name in after if name not in before)]:
        yield ClassDifference(name, before.get(name), after.get(name), plan.service.get(name), other.service.get(name))


def _unchanged(plan: Plan, other_network: Network) -> dict[str, float] | None:
    """The service of a plan's stock under other assumptions."""
    try:
        return evaluate(other_network, plan.stock).service
    except InvalidInput:
        return None


def _rows(network: Network, plan: Plan, other: Plan) -> list[RowDifference]:
    price = {part.id: part.unit_cost_cny for part in network.parts}
    found = [
        RowDifference(part, depot, before, after, (after - before) * price[part])
        for part in sorted({*plan.stock, *other.stock})
        for depot in sorted({*plan.stock.get(part, {}), *other.stock.get(part, {})})
        if (before := plan.stock.get(part, {}).get(depot, 0)) != (after := other.stock.get(part, {}).get(depot, 0))
    ]
    return sorted(found, key=lambda row: (-abs(row.cost_cny), row.part, row.depot))
