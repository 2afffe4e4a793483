"""Gathering what a request could be answered with: free stock and the ways it travels, substitutes, purchases."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db
from inventory.installed_base.devices import CoveredDevice
from inventory.requests.sourcing import PICK_HOURS, Purchase, Rung, Source
from inventory.stock import pools
from inventory.stock.serving import WAYS, serving_row


class Offered(Struct, frozen=True):
    """What could answer each wanted part (by its id): stock by every way it can travel, and purchases."""

    stock: dict[int, list[Source]]
    purchases: dict[int, list[Purchase]]


class _Row(Struct, frozen=True, kw_only=True):
    wanted: int
    part: int
    part_number: str
    place: int
    depot: str
    kind: str
    keeper: str | None
    pool: int
    pool_code: str
    free: int
    critical_point: int | None
    out_of_service: bool
    travel_hours: float | None
    cost_cny: float


async def gather(parts: Sequence[int], device: CoveredDevice, *, engineer: str | None) -> Offered:
    """Everything that could answer a request for some parts at a device's site; three statements, however many parts."""
    pool = await pools.pool_of_contract(device.contract)
    primary = await serving_row(device.site, device.contract)
    rows = await db.read(_Row, _STOCK, list(parts), pool, device.site, clock.now().date())
    stock: dict[int, list[Source]] = {}
    for row in rows:
        rung = _rung(row, primary.place if primary else None)
        if rung == "engineer_stock" and engineer not in (row.depot, row.keeper):
            continue  # another engineer's pocket is no depot
        stock.setdefault(row.wanted, []).append(
            Source(
                rung=rung,
                part=row.part,
                part_number=row.part_number,
                place=row.place,
                depot=row.depot,
                pool=row.pool,
                pool_code=row.pool_code,
                free=row.free,
                travel_hours=row.travel_hours,
                transport_cost_cny=row.cost_cny,
                critical_point=row.critical_point,
                out_of_service=row.out_of_service,
            )
        )
    return Offered(stock, await _purchases(parts, primary.travel_hours if primary else 0.0))


def _rung(row: _Row, primary: int | None) -> Rung:
    if row.part != row.wanted:
        return "substitute"
    if row.kind == "engineer_stock":
        return "engineer_stock"
    return "depot" if row.place == primary else "other_depot"


_STOCK = f"""
WITH wanted AS (
    SELECT part AS wanted, part FROM unnest($1::int[]) AS part
    UNION
    SELECT part, substitute FROM substitution
    WHERE part = ANY($1) AND valid_from <= $4 AND (valid_to IS NULL OR valid_to >= $4)
),
way AS (SELECT * FROM ({WAYS}) AS ways WHERE site = $3)
SELECT wanted.wanted, part.id AS part, part.part_number, place.id AS place, place.code AS depot, place.kind,
       (SELECT username FROM person WHERE person.stock_place = place.id) AS keeper,
       pool.id AS pool, pool.code AS pool_code, level.free, level.critical_point,
       place.out_of_service_at IS NOT NULL AS out_of_service,
       CASE WHEN place.kind = 'engineer_stock' THEN 0 ELSE way.hours END AS travel_hours,
       coalesce(way.fixed_cost + way.unit_cost, 0) AS cost_cny
FROM wanted
JOIN part ON part.id = wanted.part
JOIN level ON level.part = part.id AND level.pool = $2 AND level.condition = 'good'
JOIN party ON party.id = level.owner AND party.is_ourselves
JOIN place ON place.id = level.place
JOIN pool ON pool.id = level.pool
LEFT JOIN way ON way.place = place.id AND (way.lithium OR NOT part.lithium)
ORDER BY wanted.wanted, place.code, way.hours
LIMIT 2000
"""


async def _purchases(parts: Sequence[int], travel_hours: float) -> dict[int, list[Purchase]]:
    """The fastest offer of each vendor today, delivered to the serving store and on to the site."""
    rows = await db.fetch(
        """SELECT offer.part, party.code AS vendor, coalesce(expedited_hours, lead_time_days * 24) AS hours,
                  coalesce(expedited_price_cny, unit_price_cny)::float8 AS cost
           FROM offer
           JOIN vendor ON vendor.id = offer.vendor AND vendor.active
           JOIN party ON party.id = vendor.party
           WHERE offer.part = ANY($1) AND valid_from <= $2 AND (valid_to IS NULL OR valid_to >= $2)
           ORDER BY offer.part, hours, cost LIMIT 500""",
        list(parts),
        clock.now().date(),
    )
    purchases: dict[int, list[Purchase]] = {}
    for row in rows:
        offer = Purchase(vendor=row["vendor"], hours=row["hours"] + travel_hours, cost_cny=row["cost"])
        purchases.setdefault(row["part"], []).append(offer)
    return purchases


async def hours_to_site(place: int, request: UUID) -> float:
    """From a store to a request's site, picking included."""
    travel = await db.fetch_value(
        """SELECT coverage.travel_hours FROM part_request
           JOIN device ON device.id = part_request.device
           JOIN coverage ON coverage.site = device.site AND coverage.store = $1
           WHERE part_request.id = $2""",
        place,
        request,
    )
    return PICK_HOURS + (travel or 0.0)
