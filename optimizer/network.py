"""The network file: depots, parts, customers and promises that a plan is computed for.

`read` refuses everything that does not mean exactly one thing, and names the place by its JSON
path. What it returns can be computed with as it stands.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

import msgspec

from optimizer.errors import InvalidInput
from optimizer.files import Amount, Count, Fraction, Name, Positive, decode, member, require_known, require_unique

RateShape = Annotated[float, msgspec.Meta(ge=0.01, le=1e6)]
"""Shape of a Gamma distribution: from knowing next to nothing of a rate to knowing it."""

Weight = Annotated[float, msgspec.Meta(ge=1e-6, le=1e6)]
"""How much one counts beside another."""

Lot = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
"""Pieces ordered at a time."""

Assurance = Annotated[float, msgspec.Meta(gt=0, lt=1)]
"""A probability; nothing that chance decides is certain."""

Factor = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
"""How many times as often something happens."""

LOAD_MAX = 10_000
"""Pieces of a part on order on average, at one depot, up to which every base stock is looked at."""

Floor = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
"""Pieces always kept."""


class Depot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stocking place; a limit that is null does not bind."""

    id: Name
    name: str = ""
    capacity_units: Count | None = None
    budget_cny: Amount | None = None


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part number: what a unit costs, and what keeping it costs per year and CNY of value.

    `criticality` weighs the part's demands in the services of the classes. Where `rate_shape` is
    given the failure rate is not known: it is the expected one times a factor that all depots
    share, Gamma distributed with this shape and mean 1.
    """

    id: Name
    unit_cost_cny: Amount
    holding_rate_per_year: Amount
    criticality: Weight = 1.0
    rate_shape: RateShape | None = None


class Replenishment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a depot is resupplied with a part.

    `min_stock` is the least base stock to hold there whatever the targets ask: the floor of a
    critical part. `order_quantity` pieces Q are ordered at a time, whenever stock on hand and on
    order, less what waits, falls below the base stock S: it then moves between S and S + Q - 1.
    """

    part: Name
    depot: Name
    lead_time_days: Amount
    min_stock: Floor = 0
    order_quantity: Lot = 1


class SlaClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A promise: the time to site, the share of demands that must keep it, the mean time.

    With `measuring_days` and `assurance` the share is that of the calls of one such period, which
    must reach the target with this probability.
    """

    id: Name
    time_to_site_hours: Amount
    target_fraction: Fraction | None = None
    mean_time_target_hours: Amount | None = None
    measuring_days: Positive | None = None
    assurance: Assurance | None = None


class Customer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A site under a class, with the travel time from every depot that can serve it."""

    id: Name
    sla_class: Name
    travel_hours: dict[Name, Amount]


class Installed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Devices of a model at a customer; rows of the same customer and model add up.

    Of a part in `factors` they fail so many times as often as the model's list says, for their age or where they stand.
    """

    customer: Name
    model: Name
    device_count: Count
    factors: dict[Name, Factor] = {}


class BomLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part in a model: pieces per device, and failures a year of one piece."""

    model: Name
    part: Name
    per_device: Amount
    annual_failure_rate: Amount


class Lane(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from"}):
    """A way to ship a unit from one depot to the customers of another."""

    source: Name
    to: Name
    hours: Amount
    cost_cny: Amount


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to a demand that finds no unit at its own depot."""

    stockout: Literal["backorder", "emergency"]
    lateral: bool = False
    emergency_hours: Amount | None = None
    emergency_cost_cny: Amount | None = None
    lateral_lanes: tuple[Lane, ...] | None = None


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits over all depots together."""

    total_budget_cny: Amount | None = None


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole network file, checked."""

    depots: tuple[Depot, ...]
    parts: tuple[Part, ...]
    replenishment: tuple[Replenishment, ...]
    sla_classes: tuple[SlaClass, ...]
    customers: tuple[Customer, ...]
    installed_base: tuple[Installed, ...]
    bom: tuple[BomLine, ...]
    policy: Policy
    objective: Literal["investment", "annual_cost"]
    limits: Limits = Limits()


def read(content: bytes) -> Network:
    """Read a network file.

    Raises:
        InvalidInput: the file is malformed or contradicts itself; `path` says where.

    >>> read(b'{"depots": []}')
    Traceback (most recent call last):
    optimizer.errors.InvalidInput: $: Object missing required field `parts`

    """
    _check_tables(content)
    network = decode(content, Network)
    for check in _CHECKS:
        check(network)
    return network


def primary_depot(customer: Customer, depots: Sequence[Depot]) -> str | None:
    """The depot that serves a customer first: the nearest; of several the first of `depots`.

    >>> depots = [Depot(id="GZ"), Depot(id="SH")]
    >>> primary_depot(Customer(id="C", sla_class="2h", travel_hours={"SH": 3, "GZ": 3}), depots)
    'GZ'

    """
    reaching = (depot.id for depot in depots if depot.id in customer.travel_hours)
    return min(reaching, key=lambda depot: customer.travel_hours[depot], default=None)


def mean_factors(rows: Sequence[Installed]) -> dict[str, float]:
    """By part, how many times as often the devices of several rows fail as the list says, on average over the devices.

    >>> mean_factors([Installed("C", "M", 3, {"FAN": 2.0}), Installed("C", "M", 1)])
    {'FAN': 1.75}

    """
    devices = sum(row.device_count for row in rows)
    parts = {part: None for row in rows for part in row.factors}
    if not devices:
        return {}
    return {part: sum(row.device_count * row.factors.get(part, 1.0) for row in rows) / devices for part in parts}


class _Customer(msgspec.Struct):
    travel_hours: msgspec.Raw = msgspec.Raw(b"{}")


class _InstalledRow(msgspec.Struct):
    factors: msgspec.Raw = msgspec.Raw(b"{}")


class _TravelFile(msgspec.Struct):
    customers: list[_Customer] = []


class _FactorFile(msgspec.Struct):
    installed_base: list[_InstalledRow] = []


def _check_tables(content: bytes) -> None:
    """Name the depot of a bad travel time and the part of a bad factor, which the decoder of the whole file cannot.

    The decoder reports `travel_hours[...]` for a bad value, and of two values for one depot it would keep the second
    without a word. What is wrong elsewhere is left to it.
    """
    try:
        tables = [
            (f"$.customers[{index}].travel_hours", row.travel_hours, "depot")
            for index, row in enumerate(msgspec.json.decode(content, type=_TravelFile).customers)
        ]
        if b'"factors"' in content:
            rows = msgspec.json.decode(content, type=_FactorFile).installed_base
            tables += [(f"$.installed_base[{index}].factors", row.factors, "part") for index, row in enumerate(rows)]
        read = [msgspec.json.decode(table, type=dict[str, msgspec.Raw]) for _, table, _ in tables]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    for (path, table, of), values in zip(tables, read, strict=True):
        _check_table(path, table, values, of)


def _check_table(path: str, table: msgspec.Raw, values: Mapping[str, msgspec.Raw], of: str) -> None:
    kind = Amount if of == "depot" else Factor
    listed: list[str] = json.loads(bytes(table), object_pairs_hook=_keys, parse_int=str, parse_float=str)
    require_unique(((name,) for name in listed), lambda i: member(path, listed[i]))
    for name, value in values.items():
        if not name:
            raise InvalidInput(path, f"a {of} id must not be empty")
        try:
            msgspec.json.decode(value, type=kind)
        except msgspec.MsgspecError as error:
            raise InvalidInput(member(path, name), str(error)) from None


def _keys(pairs: list[tuple[str, object]]) -> list[str]:
    return [key for key, _ in pairs]


def _check_ids(network: Network) -> None:
    """No two depots, parts, classes or customers share an id."""
    for table in ("depots", "parts", "sla_classes", "customers"):
        records: Sequence[Depot | Part | SlaClass | Customer] = getattr(network, table)
        require_unique(((record.id,) for record in records), lambda i, t=table: f"$.{t}[{i}].id")


def _check_replenishment(network: Network) -> None:
    """A part has one lead time per depot, and both exist."""
    parts, depots = _ids(network.parts), _ids(network.depots)
    for index, row in enumerate(network.replenishment):
        require_known(row.part, parts, f"$.replenishment[{index}].part")
        require_known(row.depot, depots, f"$.replenishment[{index}].depot")
    require_unique(((row.part, row.depot) for row in network.replenishment), lambda i: f"$.replenishment[{i}]")


def _check_targets(network: Network) -> None:
    """A class promises something."""
    for index, sla in enumerate(network.sla_classes):
        if sla.target_fraction is None and sla.mean_time_target_hours is None:
            raise InvalidInput(
                f"$.sla_classes[{index}]",
                "needs target_fraction or mean_time_target_hours, or both",
            )
        for field in ("measuring_days", "assurance"):
            if getattr(sla, field) is None:
                continue
            path = f"$.sla_classes[{index}]"
            if sla.measuring_days is None or sla.assurance is None:
                raise InvalidInput(f"{path}.{field}", "measuring_days and assurance are given together, or neither")
            if sla.target_fraction is None:
                raise InvalidInput(f"{path}.{field}", "needs target_fraction")


def _check_customers(network: Network) -> None:
    """Customers belong to known classes and are reached from known depots."""
    classes, depots = _ids(network.sla_classes), _ids(network.depots)
    for index, customer in enumerate(network.customers):
        require_known(customer.sla_class, classes, f"$.customers[{index}].sla_class")
        for depot in customer.travel_hours:
            require_known(depot, depots, member(f"$.customers[{index}].travel_hours", depot))


def _check_bom(network: Network) -> None:
    """A part stands once in a model's list; a model that is installed has a list, which its rows' factors are about.

    Where the file lists no parts at all, devices without a list are no mistake.
    """
    parts = _ids(network.parts)
    for index, line in enumerate(network.bom):
        require_known(line.part, parts, f"$.bom[{index}].part")
    require_unique(((line.part, line.model) for line in network.bom), lambda i: f"$.bom[{i}]")
    customers, models = _ids(network.customers), {line.model for line in network.bom}
    factored = any(row.factors for row in network.installed_base)
    listed = {(line.model, line.part) for line in network.bom} if factored else set[tuple[str, str]]()
    for index, installed in enumerate(network.installed_base):
        require_known(installed.customer, customers, f"$.installed_base[{index}].customer")
        if models:
            require_known(installed.model, models, f"$.installed_base[{index}].model")
        for part in installed.factors:
            path = member(f"$.installed_base[{index}].factors", part)
            require_known(part, parts, path)
            if (installed.model, part) not in listed:
                raise InvalidInput(path, f"{installed.model} has no {part}")


def _check_policy(network: Network) -> None:
    """A policy carries all the figures that it needs, and its lanes join different depots."""
    policy = network.policy
    if policy.lateral and policy.stockout != "emergency":
        raise InvalidInput("$.policy.lateral", 'lateral supply needs stockout "emergency"')
    if policy.stockout == "emergency":
        for field in ("emergency_hours", "emergency_cost_cny"):
            if getattr(policy, field) is None:
                raise InvalidInput(f"$.policy.{field}", 'stockout "emergency" needs it')
    if policy.lateral and policy.lateral_lanes is None:
        raise InvalidInput("$.policy.lateral_lanes", "lateral supply needs it")
    _check_lanes(network)


def _check_lanes(network: Network) -> None:
    lanes = network.policy.lateral_lanes or ()
    depots = _ids(network.depots)
    for index, lane in enumerate(lanes):
        path = f"$.policy.lateral_lanes[{index}]"
        require_known(lane.source, depots, f"{path}.from")
        require_known(lane.to, depots, f"{path}.to")
        if lane.source == lane.to:
            raise InvalidInput(f"{path}.to", "a lane must lead to another depot")
    require_unique(((lane.source, lane.to) for lane in lanes), lambda i: f"$.policy.lateral_lanes[{i}]")


def _check_demand(network: Network) -> None:
    """Whoever has demand can be reached, and what is demanded somewhere can be resupplied there."""
    failing: dict[str, dict[str, float]] = {}
    for line in network.bom:
        if line.per_device * line.annual_failure_rate > 0:
            failing.setdefault(line.model, {})[line.part] = line.per_device * line.annual_failure_rate
    customers = {customer.id: index for index, customer in enumerate(network.customers)}
    devices: dict[tuple[str, str], float] = {}
    yearly: dict[tuple[str, str], float] = {}
    for installed in network.installed_base:
        if installed.device_count == 0 or installed.model not in failing:
            continue
        index = customers[installed.customer]
        depot = primary_depot(network.customers[index], network.depots)
        if depot is None:
            path = f"$.customers[{index}].travel_hours"
            raise InvalidInput(path, "the customer has demand, but no depot reaches it")
        if installed.factors:
            times = (
                (part, failures * installed.factors.get(part, 1.0))
                for part, failures in failing[installed.model].items()
            )
            _add(
                yearly, (((part, depot), installed.device_count * failures) for part, failures in times if failures > 0)
            )
        else:
            _add(devices, [((installed.model, depot), installed.device_count)])
    for (model, depot), count in devices.items():
        _add(yearly, (((part, depot), count * failures) for part, failures in failing[model].items()))
    _check_lead_times(network, yearly)


def _add(sums: dict[tuple[str, str], float], more: Iterable[tuple[tuple[str, str], float]]) -> None:
    for key, number in more:
        sums[key] = sums.get(key, 0.0) + number


def _check_lead_times(network: Network, yearly: Mapping[tuple[str, str], float]) -> None:
    listed = {(row.part, row.depot) for row in network.replenishment}
    missing = min((key for key in yearly if key not in listed), default=None)
    if missing:
        path = "$.replenishment"
        raise InvalidInput(path, f"{missing[0]} has demand at {missing[1]}, but no lead time there")
    for index, row in enumerate(network.replenishment):
        load = yearly.get((row.part, row.depot), 0.0) * row.lead_time_days / 365.0
        if load > LOAD_MAX:
            raise InvalidInput(
                f"$.replenishment[{index}].lead_time_days",
                f"of {row.part} at {row.depot} {load:,.0f} pieces would be on order on average; "
                f"at most {LOAD_MAX:,} are computed exactly",
            )


def _check_lateral_lead_times(network: Network) -> None:
    """Lateral supply is computed with random lead times, whose mean cannot be zero."""
    if not network.policy.lateral:
        return
    for index, row in enumerate(network.replenishment):
        if row.lead_time_days == 0:
            path = f"$.replenishment[{index}].lead_time_days"
            raise InvalidInput(path, "must be above zero with lateral supply")


def _check_what_policies_cannot(network: Network) -> None:
    """Emergency supply is computed for orders of one piece, lateral supply for rates that are known."""
    for index, row in enumerate(network.replenishment):
        if row.order_quantity > 1 and network.policy.stockout != "backorder":
            path = f"$.replenishment[{index}].order_quantity"
            raise InvalidInput(path, 'more than one at a time is computed with stockout "backorder" only')
    for index, part in enumerate(network.parts):
        if part.rate_shape is not None and network.policy.lateral:
            path = f"$.parts[{index}].rate_shape"
            raise InvalidInput(path, "an uncertain rate is not computed with lateral supply")


def _ids(records: Iterable[Depot | Part | SlaClass | Customer]) -> set[str]:
    return {record.id for record in records}


_CHECKS = (
    _check_ids,
    _check_replenishment,
    _check_targets,
    _check_customers,
    _check_bom,
    _check_policy,
    _check_demand,
    _check_lateral_lead_times,
    _check_what_policies_cannot,
)
"""In this order: what is named must exist before what follows from it can be asked."""
