"""The optimizer's input from the database: the network as it stands, each pool a store of its own."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from inventory.ground import db
from inventory.ground.errors import Refused
from inventory.planning.consumption import Consumed, foreseen, handed_out
from inventory.planning.learning import AGES, Factors, MissedView, by_kind, factors_of, missed_of, newest
from inventory.planning.repairing import repaired, resupplied
from inventory.procurement.closures import closures_of_vendors
from inventory.stock.pools import COMMON
from inventory.stock.serving import SERVING
from optimizer import network as optimizer_network
from optimizer.closures import by_order_day, quickest
from optimizer.factors import AGE_BANDS, factor_of
from optimizer.network import Network
from optimizer.swaps import swaps_a_year, units_for

SWAPPED = "swap/"
"""How the stand-in models begin that ask for whole units: then comes the service class, then the model."""

QUARTER_DAYS = 90
"""How far a plan looks ahead at least: what begins or ends later is for the plans to come."""


class NoLeadTime(Refused):
    """{count} parts with demand have no valid offer, so nobody knows how long they take: {parts}."""

    zh = "{count} 个有需求的备件没有有效报价，无法得知到货周期：{parts}。"
    help_en = "Enter an offer for each of them, then make the plan again."
    help_zh = "请为这些备件录入报价后重新编制计划。"


class Spot(Struct, frozen=True, kw_only=True):
    """What a store of the network is in the database."""

    place: int
    pool: int


class Gathered(Struct, frozen=True, kw_only=True):
    """The network and how its names read in the database."""

    network: Network
    spots: dict[str, Spot]
    parts: dict[str, int]


def store_name(depot: str, pool: str) -> str:
    """A store of the network: the depot, or the depot with the contract whose stock it keeps.

    >>> store_name("GZ", "common"), store_name("ZJ", "C-TELCO")
    ('GZ', 'ZJ/C-TELCO')
    """
    return depot if pool == COMMON else f"{depot}/{pool}"


class Installed(Struct, frozen=True, kw_only=True):
    """Devices of a model, or of what stands in for one, at a site under a contract.

    `factors` are by part how many times as often they fail as the list says, where that is not once.
    """

    customer: str
    model: str
    devices: int
    factors: dict[str, float] = {}


class Line(Struct, frozen=True, kw_only=True):
    """A part in a model, or in what stands in for one."""

    model: str
    part: str
    per_device: float
    annual_rate: float
    critical: bool
    swaps_for: str | None = None
    """The service class whose late repairs ask for it, where it is a whole unit."""


class Fleet(Struct, frozen=True, kw_only=True):
    """Devices of a model at a site under a contract, there for so many days; `factors` as of `Installed`.

    `swapped` says that the contract promises a whole unit where a repair takes too long.
    """

    customer: str
    service_class: str
    model: str
    days: int
    devices: int
    factors: dict[str, float]
    swapped: bool


async def gather(on: date) -> Gathered:
    """The network of a day: stores, parts in use, classes, sites, devices, parts lists with their failure rates.

    A device counts for the days within the plan's horizon on which it is installed and under a contract that has
    begun and not ended, or whose contract lets it be served beyond its end; it fails as devices of its age on that
    day, its environment and its firmware do. Consumables come in as a stand-in model per store, which every device
    served from there carries, and whole units for devices that cannot be repaired in time as one per model and class.

    Raises:
        NoLeadTime: a part with demand has no valid offer.

    """
    serving = await db.fetch(_SERVING)
    offers = await db.fetch(_OFFERS, on)
    bom = await db.fetch(_BOM, on)
    swap_units = {row["model"]: row for row in await db.fetch(_SWAP_UNITS)}
    horizon = horizon_days(_quoted(offers, {row["part"] for row in [*bom, *swap_units.values()]}))
    lead_times = resupplied(await _lead_times(offers, on, horizon), await repaired(on))
    learning = await newest()
    fleet = _fleet(await db.fetch(_INSTALLED, on, horizon, AGES), bom, by_kind(await factors_of(learning)))
    installed, lines = _for_their_days(fleet, bom, horizon)
    missed = {row.service_class: row for row in await missed_of(learning)}
    swapping, swaps = _swapped(fleet, bom, swap_units, missed, horizon)
    stores = {store_name(row["depot"], row["pool"]): Spot(place=row["place"], pool=row["pool_id"]) for row in serving}
    consumed = foreseen(await handed_out(on))
    store_of = {_customer(row): store_name(row["depot"], row["pool"]) for row in serving}
    consuming, consumables = _stand_ins(consumed, installed, store_of, stores)
    installed, lines = installed + consuming + swapping, lines + consumables + swaps
    missing = sorted({line.part for line in lines if line.part not in lead_times and line.annual_rate > 0})
    if missing:
        raise NoLeadTime(count=len(missing), parts=", ".join(missing[:10]))
    classes = [dict(row) for row in await db.fetch(_CLASSES)]
    targets = {row["id"]: row["target_fraction"] for row in classes}
    whole_units = _whole_units(swapping, swaps, store_of, lead_times, targets, missed)
    document: dict[str, Any] = {
        "depots": [{"id": name} for name in sorted(stores)],
        "parts": _parts(await db.fetch(_PARTS, sorted({line.part for line in lines}), on), consumed, swaps, missed),
        "replenishment": [
            {"part": part, "depot": store, "lead_time_days": lead_times[part], "min_stock": max(int(critical), whole)}
            for (part, store), critical in sorted(_demand_pairs(store_of, installed, lines).items())
            for whole in [whole_units.get((part, store), 0)]
        ],
        "sla_classes": classes,
        "customers": _customers(serving, await db.fetch(_TRAVEL)),
        "installed_base": [
            {"customer": row.customer, "model": row.model, "device_count": row.devices, "factors": row.factors}
            for row in installed
        ],
        "bom": [
            {
                "model": line.model,
                "part": line.part,
                "per_device": line.per_device,
                "annual_failure_rate": line.annual_rate,
            }
            for line in lines
        ],
        "policy": {"stockout": "backorder", "lateral": False},
        "objective": "investment",
    }
    return Gathered(
        network=optimizer_network.read(msgspec.json.encode(document)),
        spots=stores,
        parts={row["part"]: row["part_id"] for row in [*bom, *swap_units.values()]}
        | {row.handed.part: row.handed.part_id for row in consumed},
    )


async def located(network: Network) -> Gathered:
    """A network that was kept, and what its names are in the database."""
    stores = {depot.id for depot in network.depots}
    codes = [code for store in stores for code in (store, store.partition("/")[0])]
    spots = await db.fetch(
        """SELECT place.code AS depot, place.id AS place, pool.code AS pool, pool.id AS pool_id
           FROM place CROSS JOIN pool WHERE place.code = ANY($1)""",
        codes,
    )
    parts = await db.fetch(
        "SELECT part_number, id FROM part WHERE part_number = ANY($1)", [part.id for part in network.parts]
    )
    return Gathered(
        network=network,
        spots={
            name: Spot(place=row["place"], pool=row["pool_id"])
            for row in spots
            if (name := store_name(row["depot"], row["pool"])) in stores
        },
        parts={row["part_number"]: row["id"] for row in parts},
    )


def _parts(
    rows: Sequence[db.Row], consumed: Sequence[Consumed], swaps: Sequence[Line], missed: Mapping[str, MissedView]
) -> list[dict[str, Any]]:
    """Parts with the shape of what is believed of their rates; of several beliefs that which knows it least."""
    shapes = {row["id"]: row["rate_shape"] for row in rows if row["rate_shape"] is not None}
    known = [(row.handed.part, row.forecast.shape) for row in consumed]
    for part, shape in known + [(line.part, missed[line.swaps_for or ""].rate_shape) for line in swaps]:
        shapes[part] = min(shapes.get(part, math.inf), shape)
    return [{**row, "rate_shape": shapes.get(row["id"])} for row in rows]


def horizon_days(lead_times: Iterable[float]) -> int:
    """The days a plan looks ahead: a quarter, or the longest resupply where that is longer.

    >>> horizon_days([7.0, 30.0]), horizon_days([7.0, 120.5])
    (90, 121)
    """
    return max(QUARTER_DAYS, *(math.ceil(days) for days in lead_times), 0)


def _quoted(offers: Sequence[db.Row], parts: set[str]) -> list[float]:
    """How long the quickest offer of each of the parts takes as quoted."""
    quoted: dict[str, float] = {}
    for row in offers:
        if row["part_number"] in parts:
            quoted[row["part_number"]] = min(quoted.get(row["part_number"], math.inf), row["lead_time_days"])
    return list(quoted.values())


async def _lead_times(offers: Sequence[db.Row], on: date, horizon: int) -> dict[str, float]:
    """How long each part takes at the worst within the horizon, each day's order going to whoever then delivers first."""
    closures = await closures_of_vendors(on)
    by_days: dict[tuple[int, float], npt.NDArray[np.float64]] = {}
    ways: dict[str, list[npt.NDArray[np.float64]]] = defaultdict(list)
    for row in offers:
        way = (row["vendor"], row["lead_time_days"])
        if way not in by_days:
            by_days[way] = by_order_day(row["lead_time_days"], closures.get(row["vendor"], ()), on, horizon)
        ways[row["part_number"]].append(by_days[way])
    return {part: quickest(days).worst for part, days in ways.items()}


def _fleet(devices: Sequence[db.Row], bom: Sequence[db.Row], factors: Factors) -> list[Fleet]:
    """Devices that are alike but for their age, environment and firmware, with the mean of the factors these make."""
    kinds: dict[str, dict[str, str]] = defaultdict(dict)
    for row in bom:
        kinds[row["model"]][row["part"]] = row["kind"]
    alike: dict[tuple[str, str, int], list[db.Row]] = defaultdict(list)
    for row in devices:
        alike[_customer(row), row["model"], row["days"]].append(row)
    fleet: list[Fleet] = []
    for (customer, model, days), rows in alike.items():
        count = sum(row["devices"] for row in rows)
        times = {
            kind: round(sum(row["devices"] * _factor(factors.get(kind, {}), row) for row in rows) / count, 6)
            for kind in set(kinds[model].values())
        }
        fleet.append(
            Fleet(
                customer=customer,
                service_class=rows[0]["service_class"],
                model=model,
                days=days,
                devices=count,
                factors={part: times[kind] for part, kind in kinds[model].items() if times[kind] != 1},
                swapped=rows[0]["swapped"],
            )
        )
    return fleet


def _factor(factors: Mapping[tuple[str, str], float], row: db.Row) -> float:
    return factor_of(
        factors,
        {"age": AGE_BANDS[row["age"]][0], "environment": row["environment"], "firmware": row["firmware"]},
    )


def _for_their_days(fleet: Sequence[Fleet], bom: Sequence[db.Row], horizon: int) -> tuple[list[Installed], list[Line]]:
    """Devices and parts lists; devices there for a part of the horizon are a model of their own, which fails as much less."""
    spans = {(row.model, row.days): _spanned(row.model, row.days, horizon) for row in fleet}
    installed = [
        Installed(customer=row.customer, model=spans[row.model, row.days], devices=row.devices, factors=row.factors)
        for row in fleet
    ]
    lists = _lists(bom)
    return installed, [
        Line(
            model=name,
            part=row["part"],
            per_device=row["per_device"],
            annual_rate=row["annual_rate"] * days / horizon,
            critical=row["critical"],
        )
        for (model, days), name in sorted(spans.items())
        for row in lists[model]
    ]


def _lists(bom: Sequence[db.Row]) -> dict[str, list[db.Row]]:
    lists: dict[str, list[db.Row]] = defaultdict(list)
    for row in bom:
        lists[row["model"]].append(row)
    return lists


def _swapped(
    fleet: Sequence[Fleet],
    bom: Sequence[db.Row],
    swap_units: Mapping[str, db.Row],
    missed: Mapping[str, MissedView],
    horizon: int,
) -> tuple[list[Installed], list[Line]]:
    """Whole units as parts of stand-in models, one for each model and class whose late repairs ask for them (D33, D50).

    A stand-in's rate is that of average devices there all the time; days and factors of the devices are a factor to it.
    """
    lists = _lists(bom)
    lines: dict[str, Line] = {}
    installed: list[Installed] = []
    for row in fleet:
        unit, chance = swap_units.get(row.model), missed[row.service_class].chance
        parts = [(line["part"], line["per_device"], line["annual_rate"]) for line in lists[row.model]]
        usual = swaps_a_year(chance, ((pieces, rate, 1.0) for _, pieces, rate in parts))
        if unit is None or not row.swapped or usual == 0:
            continue
        here = swaps_a_year(chance, ((pieces, rate, row.factors.get(part, 1.0)) for part, pieces, rate in parts))
        name, times = f"{SWAPPED}{row.service_class}/{row.model}", round(here / usual * row.days / horizon, 6)
        lines[name] = Line(
            model=name,
            part=unit["part"],
            per_device=1,
            annual_rate=usual,
            critical=False,
            swaps_for=row.service_class,
        )
        factors = {} if times == 1 else {unit["part"]: times}
        installed.append(Installed(customer=row.customer, model=name, devices=row.devices, factors=factors))
    return installed, list(lines.values())


def _whole_units(
    swapping: Sequence[Installed],
    swaps: Sequence[Line],
    store_of: Mapping[str, str],
    lead_times: Mapping[str, float],
    targets: Mapping[str, float],
    missed: Mapping[str, MissedView],
) -> dict[tuple[str, str], int]:
    """The whole units that each store keeps at least: so many that they by themselves keep the targets of their classes."""
    lines = {line.model: line for line in swaps}
    demand: dict[tuple[str, str], float] = defaultdict(float)
    asking: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in swapping:
        line = lines[row.model]
        pair = (line.part, store_of[row.customer])
        yearly = row.devices * line.annual_rate * row.factors.get(line.part, 1.0)
        demand[pair] += yearly / 365 * lead_times[line.part]
        asking[pair].add(line.swaps_for or "")
    return {
        pair: units_for(
            max(targets[name] for name in names), demand[pair], min(missed[name].rate_shape for name in names)
        )
        for pair, names in asking.items()
    }


def _spanned(model: str, days: int, horizon: int) -> str:
    """The name of a model whose devices are there for so many days of the horizon."""
    return model if days == horizon else f"{model}/{days} of {horizon} days"


def _stand_ins(
    consumed: Sequence[Consumed], installed: Sequence[Installed], store_of: dict[str, str], stores: dict[str, Spot]
) -> tuple[list[Installed], list[Line]]:
    """What a store hands out of consumables as parts of a model that every device it serves carries once.

    So each class answers for its share of them by its devices. What a store that serves no devices hands out is in no plan.
    """
    served: dict[str, Counter[str]] = defaultdict(Counter)
    for row in installed:
        served[store_of[row.customer]][row.customer] += row.devices
    store_at = {spot: name for name, spot in stores.items() if served[name].total()}
    lines: list[Line] = []
    for row in consumed:
        store = store_at.get(Spot(place=row.handed.place, pool=row.handed.pool))
        if store is not None:
            lines.append(
                Line(
                    model=f"consumables/{store}",
                    part=row.handed.part,
                    per_device=1,
                    annual_rate=row.annual_rate / served[store].total(),
                    critical=False,
                )
            )
    consuming = {line.model for line in lines}
    return [
        Installed(customer=customer, model=model, devices=devices)
        for store in sorted(served)
        if (model := f"consumables/{store}") in consuming
        for customer, devices in served[store].items()
    ], lines


def _customer(row: db.Row) -> str:
    return f"{row['site']}/{row['contract']}"


def _customers(serving: list[db.Row], travel: list[db.Row]) -> list[dict[str, Any]]:
    """Each site under each contract, with its own stock's travel time; common stock is reached from every depot."""
    by_site: dict[str, dict[str, float]] = {}
    for row in travel:
        by_site.setdefault(row["site"], {})[row["depot"]] = row["travel_hours"]
    common = {row["depot"] for row in serving if row["pool"] == COMMON}
    customers: list[dict[str, Any]] = []
    for row in serving:
        if row["pool"] == COMMON:
            reach = {depot: hours for depot, hours in by_site.get(row["site"], {}).items() if depot in common}
        else:
            reach = {store_name(row["depot"], row["pool"]): row["travel_hours"]}
        customers.append({"id": _customer(row), "sla_class": row["service_class"], "travel_hours": reach})
    return customers


def _demand_pairs(
    store_of: dict[str, str], installed: Sequence[Installed], lines: Sequence[Line]
) -> dict[tuple[str, str], bool]:
    """Every part and store with demand, and whether the part is critical for a model there (D41)."""
    parts_of: dict[str, list[Line]] = {}
    for line in lines:
        parts_of.setdefault(line.model, []).append(line)
    pairs: dict[tuple[str, str], bool] = {}
    for row in installed:
        for line in parts_of.get(row.model, []):
            pair = (line.part, store_of[row.customer])
            pairs[pair] = pairs.get(pair, False) or line.critical
    return pairs


_SERVING = f"""
SELECT site.code AS site, contract.code AS contract, place.code AS depot, place.id AS place, pool.code AS pool,
       pool.id AS pool_id, serving.travel_hours, service_class.code AS service_class
FROM ({SERVING}) AS serving
JOIN place AS site ON site.id = serving.site
JOIN contract ON contract.id = serving.contract
JOIN service_class ON service_class.id = contract.service_class
JOIN place ON place.id = serving.place
JOIN pool ON pool.id = serving.pool
ORDER BY site.code, contract.code
"""

_INSTALLED = f"""
SELECT site, contract, model, days, environment, firmware, age, service_class, swapped, count(*)::int AS devices
FROM (
    SELECT site.code AS site, contract.code AS contract, device_model.code AS model,
           least($1::date + $2::int, device.retired_on,
                 CASE WHEN NOT contract.served_after_end THEN contract.ends_on + 1 END)
           - greatest($1::date, device.installed_on, contract.starts_on) AS days,
           coalesce(device.environment, site.environment) AS environment,
           device_model.code || ' ' || device.firmware AS firmware,
           width_bucket(($1::date - device.installed_on) / 365.0::float8, $3::float8[]) AS age,
           service_class.code AS service_class,
           EXISTS (SELECT FROM service_term
                   WHERE service_term.contract = contract.id AND swap_complete_hours IS NOT NULL) AS swapped
    FROM device
    JOIN ({SERVING}) AS serving ON serving.site = device.site AND serving.contract = device.contract
    JOIN place AS site ON site.id = device.site
    JOIN contract ON contract.id = device.contract
    JOIN service_class ON service_class.id = contract.service_class
    JOIN device_model ON device_model.id = device.model
    WHERE device.retired_on IS NULL OR device.retired_on > $1
) AS spanned
WHERE days > 0
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 ORDER BY 1, 2, 3, 4, 7, 5, 6
"""

_BOM = """
SELECT device_model.code AS model, part.part_number AS part, part.id AS part_id, part.kind, per_device::float8 AS per_device,
       critical, coalesce(rate.annual_rate, 0) AS annual_rate
FROM model_part
JOIN device_model ON device_model.id = model_part.model
JOIN part ON part.id = model_part.part
LEFT JOIN LATERAL (
    SELECT annual_rate FROM failure_rate
    WHERE failure_rate.part = part.id AND valid_from <= $1 ORDER BY valid_from DESC, id DESC LIMIT 1
) AS rate ON true
WHERE EXISTS (SELECT FROM device WHERE device.model = device_model.id AND (retired_on IS NULL OR retired_on > $1))
ORDER BY device_model.code, part.part_number
"""

_SWAP_UNITS = """
SELECT DISTINCT ON (device_model.code) device_model.code AS model, part.part_number AS part, part.id AS part_id
FROM swap_unit
JOIN device_model ON device_model.id = swap_unit.model
JOIN part ON part.id = swap_unit.part AND part.active
WHERE in_force ORDER BY device_model.code, part.unit_cost_cny, part.part_number
"""

_PARTS = """
SELECT part_number AS id, unit_cost_cny::float8 AS unit_cost_cny, holding_rate_per_year, rate.shape AS rate_shape
FROM part
LEFT JOIN LATERAL (
    SELECT shape FROM failure_rate
    WHERE failure_rate.part = part.id AND valid_from <= $2 ORDER BY valid_from DESC, id DESC LIMIT 1
) AS rate ON true
WHERE part_number = ANY($1) ORDER BY part_number
"""

_CLASSES = """
SELECT code AS id, time_to_site_hours, target_fraction FROM service_class
WHERE EXISTS (SELECT FROM contract JOIN device ON device.contract = contract.id
              WHERE contract.service_class = service_class.id AND device.retired_on IS NULL)
ORDER BY time_to_site_hours, code
"""

_TRAVEL = """
SELECT site.code AS site, store.code AS depot, travel_hours
FROM coverage
JOIN place AS site ON site.id = coverage.site
JOIN place AS store ON store.id = coverage.store AND store.kind = 'depot' AND store.out_of_service_at IS NULL
"""

_OFFERS = """
SELECT part.part_number, offer.vendor, min(lead_time_days) AS lead_time_days
FROM offer
JOIN vendor ON vendor.id = offer.vendor AND vendor.active AND vendor.kind <> 'broker'
JOIN part ON part.id = offer.part
WHERE valid_from <= $1 AND (valid_to IS NULL OR valid_to >= $1)
GROUP BY part.part_number, offer.vendor
"""
