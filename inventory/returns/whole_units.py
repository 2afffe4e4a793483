"""Whole units of equal function: where they lie free, how they reach a site, and which one is best for a swap or a loan."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from inventory.ground import clock, db
from inventory.installed_base.contracts import forbids
from inventory.installed_base.devices import CoveredDevice
from inventory.returns.swap_clocks import Deadlines, leave_by
from inventory.stock import pools, promises
from inventory.stock.serving import WAYS, serving_row


class WholeUnit(Struct, frozen=True, kw_only=True):
    """Free units of a part of equal function in a store, with the way they would take to the site (`hours`, picking apart)."""

    part: int
    part_number: str
    name_zh: str
    name_en: str
    place: int
    depot: str
    pool: int
    pool_code: str
    free: int
    hours: float
    cost_cny: float
    at_home: bool


class Elsewhere(Struct, frozen=True, kw_only=True):
    """A unit that does not answer yet, and why not: what would have to be done for it to."""

    part_number: str
    depot: str
    pool: str
    condition: str
    quantity: int
    no_way: bool


class Express(Struct, frozen=True, kw_only=True):
    """A vendor that sells one quickly; hours to the store, and in all for one piece."""

    part_number: str
    vendor: str
    hours: float
    price_cny: float


class Help(Struct, frozen=True, kw_only=True):
    """What would help where no unit is to be had: units that lie elsewhere, vendors, a loaner that the contract promises."""

    equivalents: list[str]
    elsewhere: list[Elsewhere]
    express: list[Express]
    loaner_promised: bool


_UNITS = f"""
SELECT part.id AS part, part.part_number, part.name_zh, part.name_en, place.id AS place, place.code AS depot,
       pool.id AS pool, pool.code AS pool_code, level.free, way.hours, way.cost_cny, false AS at_home
FROM swap_unit
JOIN part ON part.id = swap_unit.part AND part.active AND part.serialised
JOIN level ON level.part = part.id AND level.condition = 'good' AND level.free > 0
JOIN party ON party.id = level.owner AND party.is_ourselves
JOIN pool ON pool.id = level.pool AND pool.id = $4
JOIN place ON place.id = level.place AND place.kind <> 'engineer_stock' AND place.out_of_service_at IS NULL
JOIN LATERAL (
    SELECT hours, (fixed_cost + unit_cost)::float8 AS cost_cny FROM ({WAYS}) AS ways
    WHERE ways.site = $2 AND ways.place = level.place AND (ways.lithium OR NOT part.lithium)
    ORDER BY hours, 2 LIMIT 1
) AS way ON true
WHERE swap_unit.model = $1 AND swap_unit.in_force AND issuable(level.id, $5) > 0
  AND NOT {forbids("$3::int", "part.id")}
ORDER BY way.hours, place.code, part.part_number LIMIT 50
"""


async def free_for(device: CoveredDevice, *, at: datetime, beside: Collection[UUID] = ()) -> list[WholeUnit]:
    """Units of equal function that may replace a device from an instant on, without breaking what was promised before.

    The reservations `beside` are taken for let go of. Five statements, however many units.
    """
    pool = await pools.pool_of_contract(device.contract)
    home = await serving_row(device.site, device.contract)
    found = await db.read(
        WholeUnit, _UNITS, device.model, device.site, device.contract, pool, device.minimum_provenance
    )
    ahead = await promises.prospects([(each.part, each.place, each.pool) for each in found])
    spare = [ahead[each.part, each.place, each.pool].spare_from(at, beside=beside) for each in found]
    return [
        structs.replace(each, free=min(each.free, left), at_home=home is not None and home.place == each.place)
        for each, left in zip(found, spare, strict=True)
        if left > 0
    ]


def best(units: Sequence[WholeUnit], due: Deadlines, fitting_hours: float, ready_at: datetime) -> WholeUnit | None:
    """The unit to take: one in time before one that is late, the serving store's, then the cheapest way; else the soonest.

    >>> from datetime import UTC, timedelta
    >>> noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    >>> due = Deadlines(start_by=None, complete_by=noon + timedelta(hours=6), runs_from="report", assumed=False)
    >>> def unit(depot, hours, cost):
    ...     return WholeUnit(part=1, part_number="S", name_zh="", name_en="", place=1, depot=depot, pool=1,
    ...                      pool_code="common", free=1, hours=hours, cost_cny=cost, at_home=depot == "GZ")
    >>> [best(there, due, 1, noon).depot for there in (
    ...     [unit("GZ", 4, 50), unit("SZ", 1, 10)], [unit("GZ", 9, 0), unit("SZ", 5, 10), unit("SH", 2, 90)],
    ...     [unit("GZ", 9, 0), unit("SH", 7, 90)])]
    ['GZ', 'SZ', 'SH']
    """

    def worth(unit: WholeUnit) -> tuple[object, ...]:
        if ready_at > leave_by(due, unit.hours, fitting_hours):
            return (True, unit.hours, unit.depot)
        return (False, not unit.at_home, unit.cost_cny, unit.hours, unit.depot)

    return min(units, key=worth, default=None)


async def equivalents(model: int) -> list[str]:
    """The part numbers of units of equal function to devices of a model."""
    rows = await db.fetch(
        """SELECT part.part_number FROM swap_unit JOIN part ON part.id = swap_unit.part AND part.active AND part.serialised
           WHERE swap_unit.model = $1 AND in_force ORDER BY part.part_number LIMIT 50""",
        model,
    )
    return [row["part_number"] for row in rows]


async def replaces_devices(part: int) -> bool:
    """Whether a part is a whole unit, which keeps a customer's data once it ran."""
    return await db.fetch_value("SELECT EXISTS (SELECT FROM swap_unit WHERE part = $1)", part)


async def what_would_help(device: CoveredDevice, *, depots: Sequence[str] | None, costs: bool) -> Help:
    """What would bring a unit where none is free: three statements. Other stores are told as far as `depots` go."""
    known = await equivalents(device.model)
    elsewhere = await db.read(
        Elsewhere,
        """SELECT part.part_number, place.code AS depot, pool.code AS pool, level.condition, level.on_hand AS quantity,
                  NOT EXISTS (SELECT FROM coverage WHERE store = place.id AND site = $2) AS no_way
           FROM level
           JOIN part ON part.id = level.part
           JOIN party ON party.id = level.owner AND party.is_ourselves
           JOIN pool ON pool.id = level.pool AND (pool.contract IS NULL OR pool.contract = $4)
           JOIN place ON place.id = level.place
           WHERE part.part_number = ANY($1) AND level.on_hand > 0
             AND level.condition IN ('good', 'in_test', 'frozen', 'quarantine')
             AND ($3::text[] IS NULL OR place.code = ANY($3))
           ORDER BY no_way, level.condition <> 'good', place.code LIMIT 20""",
        known,
        device.site,
        depots,
        device.contract,
    )
    express = (
        await db.read(
            Express,
            """SELECT part.part_number, party.code AS vendor, offer.expedited_hours AS hours,
                  (coalesce(offer.expedited_price_cny, offer.unit_price_cny) + coalesce(offer.expedited_fee_cny, 0))::float8
                      AS price_cny
           FROM offers_on($2::date) AS offer
           JOIN part ON part.id = offer.part AND part.part_number = ANY($1)
           JOIN vendor ON vendor.id = offer.vendor AND vendor.active
           JOIN party ON party.id = vendor.party
           WHERE offer.expedited_hours IS NOT NULL ORDER BY hours, party.code LIMIT 5""",
            known,
            clock.today(),
        )
        if costs
        else []
    )
    return Help(equivalents=known, elsewhere=elsewhere, express=express, loaner_promised=device.lends_equal_function)
