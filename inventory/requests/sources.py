"""Gathering what a request could be answered with: free stock and how it travels, deliveries on their way, vendors."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from inventory.catalogue.grades import is_at_least
from inventory.catalogue.substitutes import Chain, Fit, chains, links
from inventory.ground import clock, db
from inventory.installed_base.contracts import forbids
from inventory.installed_base.devices import CoveredDevice
from inventory.requests.sourcing import PICK_HOURS, Outside, Rung, Source
from inventory.stock import pools
from inventory.stock.issuable import BELOW_CHANNEL
from inventory.stock.serving import WAYS, ServingRow, serving_row


class Offered(Struct, frozen=True):
    """What could answer each wanted part (by its id): stock by every way it can travel, and what can be asked for."""

    stock: dict[int, list[Source]]
    outside: dict[int, list[Outside]]
    serving: ServingRow | None
    pool: int


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
    forbidden: bool
    took: list[float]
    inbound: UUID | None
    ready_at: datetime | None


async def gather(
    parts: Sequence[int], device: CoveredDevice, *, engineer: str | None, day: datetime | None = None
) -> Offered:
    """Everything that could answer a request for some parts at a device's site; six statements, however many parts.

    Substitutes are those that are valid on the `day` of planned work, or now.
    """
    pool = await pools.pool_of_contract(device.contract)
    serving = await serving_row(device.site, device.contract)
    found = await usable(parts, Fit(device.model, device.firmware), day=day)
    rows = await db.read(
        _Row,
        _FROM_MAKERS if device.minimum_provenance == "maker_direct" else _STOCK,
        [wanted for wanted, _ in found],
        [part for _, part in found],
        pool,
        device.site,
        clock.now(),
        device.contract,
        serving.place if serving else None,
        device.minimum_provenance,
    )
    stock: dict[int, list[Source]] = {}
    for row in rows:
        rung = _rung(row, serving)
        if row.kind == "engineer_stock" and (engineer is None or engineer not in (row.depot, row.keeper)):
            continue  # another engineer's pocket is no depot
        chain = found[row.wanted, row.part]
        at_home = serving is not None and row.place == serving.place
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
                pieces_each=chain.pieces,
                chain=chain.path,
                took=tuple(row.took),
                keeps=0 if at_home or row.kind == "engineer_stock" else row.critical_point or 0,
                inbound=row.inbound,
                ready_at=row.ready_at,
                hindrances=_hindrances(row, chain),
            )
        )
    outside = await _vendors(parts, device, serving.travel_hours if serving else 0.0)
    swaps = await _swaps(device)
    return Offered(stock, {part: [*outside.get(part, []), *swaps] for part in parts}, serving, pool)


def _rung(row: _Row, serving: ServingRow | None) -> Rung:
    if row.part != row.wanted:
        return "substitute"
    if row.kind == "engineer_stock":
        return "engineer_stock"
    return "depot" if serving is not None and row.place == serving.place else "other_depot"


def _hindrances(row: _Row, chain: Chain) -> tuple[str, ...]:
    """Why stock that is there may not be used for a device."""
    told = ["forbidden_by_contract"] if row.forbidden else []
    told += ["out_of_service"] if row.out_of_service else []
    return (*told, *chain.unmet)


async def usable(parts: Sequence[int], fit: Fit | None, *, day: datetime | None = None) -> dict[tuple[int, int], Chain]:
    """For each wanted part and each part that may be used for it, itself included, the chain from one to the other."""
    known = await links(parts, day=None if day is None else day.astimezone(clock.ZONE).date())
    return {(wanted, part): chain for wanted in parts for part, chain in chains(known, wanted, fit).items()}


_ANSWERING = f"""
WITH usable AS (SELECT DISTINCT * FROM unnest($1::int[], $2::int[]) AS usable(wanted, part)),
lower AS MATERIALIZED (  -- where pieces lie whose source may be worth less than the contract asks
%s
),
way AS (SELECT * FROM ({WAYS}) AS ways WHERE site = $4),
there AS (
    SELECT level.part, level.place,
           CASE WHEN (level.part, level.place) IN (SELECT part, place FROM lower)
                THEN least(level.free, issuable(level.id, $8::text)) ELSE level.free END AS free,
           level.critical_point, NULL::uuid AS inbound, NULL::timestamptz AS ready_at
    FROM level
    JOIN party ON party.id = level.owner AND party.is_ourselves
    WHERE level.part IN (SELECT part FROM usable) AND level.pool = $3 AND level.condition = 'good'
    UNION ALL  -- what is on its way to the serving store for certain, and promised to nobody yet
    SELECT part, place, quantity - received_quantity - claimed, NULL, id, due_at
    FROM expected_delivery
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(line.quantity * line.pieces_each), 0)::int AS claimed FROM request_line AS line
        WHERE line.expected = expected_delivery.id AND line.state = 'backordered'
    ) AS promised
    WHERE part IN (SELECT part FROM usable) AND place = $7 AND pool = $3 AND confirmed AND closed_at IS NULL
      AND due_at > $5 AND quantity - received_quantity > claimed
),
trip AS MATERIALIZED (  -- how long the last shipments from each store to the site were on their way
    SELECT from_place, array_agg(hours) AS took FROM (
        SELECT from_place,
               coalesce(extract(epoch FROM handed_over_at - shipped_at)::float8 / 3600, 'infinity'::float8) AS hours,
               row_number() OVER (PARTITION BY from_place ORDER BY shipped_at DESC) AS latest
        FROM shipment
        WHERE to_place = $4 AND from_place IN (SELECT place FROM there) AND state IN ('handed_over', 'lost')
    ) AS last WHERE latest <= 50 GROUP BY from_place
)
SELECT usable.wanted, part.id AS part, part.part_number, place.id AS place, place.code AS depot, place.kind,
       (SELECT username FROM person WHERE person.stock_place = place.id) AS keeper,
       pool.id AS pool, pool.code AS pool_code, there.free, there.critical_point,
       place.out_of_service_at IS NOT NULL AS out_of_service,
       CASE WHEN place.kind = 'engineer_stock' THEN 0 ELSE way.hours END AS travel_hours,
       coalesce(way.fixed_cost + way.unit_cost, 0) AS cost_cny,
       {forbids("$6", "part.id")} AS forbidden,
       coalesce(trip.took, '{{}}') AS took, there.inbound, there.ready_at
FROM usable
JOIN part ON part.id = usable.part
JOIN there ON there.part = part.id
JOIN place ON place.id = there.place
JOIN pool ON pool.id = $3
LEFT JOIN trip ON trip.from_place = place.id
LEFT JOIN way ON way.place = place.id AND (way.lithium OR NOT part.lithium)
WHERE there.inbound IS NULL OR usable.wanted = usable.part
ORDER BY usable.wanted, place.code, way.hours
LIMIT 20000
"""

_STOCK = (
    _ANSWERING
    % f"""
    SELECT part, place FROM unit WHERE part IN (SELECT part FROM usable) AND condition = 'good' AND {BELOW_CHANNEL}
    UNION
    SELECT lot.part, lot_stock.place FROM lot JOIN lot_stock ON lot_stock.lot = lot.id AND lot_stock.quantity > 0
    WHERE lot.part IN (SELECT part FROM usable) AND {BELOW_CHANNEL}"""
)
"""As far as every piece comes from a maker or an authorised channel, two looks into indexes that are all but empty."""

_FROM_MAKERS = (
    _ANSWERING
    % """
    SELECT level.part, level.place FROM level WHERE level.part IN (SELECT part FROM usable) AND condition = 'good'"""
)


async def _vendors(parts: Sequence[int], device: CoveredDevice, travel_hours: float) -> dict[int, list[Outside]]:
    """What each vendor could send today over the serving store: a part in exchange, and its fastest sale.

    A maker with whom return terms are agreed exchanges under its own warranty also what it names no time for: then it is
    taken to come no sooner than an ordinary order would, and the rung says so.
    """
    rows = await db.fetch(
        """SELECT offer.part, party.code AS vendor, coalesce(earlier.took, '{}') AS took,
                  coalesce(expedited_hours, lead_time_days * 24) AS hours,
                  coalesce(expedited_cost_cny, offer.unit_cost_cny)::float8 AS cost, exchange_hours,
                  exchange_cost_cny::float8 AS exchange_fee,
                  party.id = (SELECT maker FROM device_model WHERE device_model.id = $3) AS makes_it,
                  lead_time_days * 24 AS usual_hours, part.serialised,
                  EXISTS (SELECT FROM return_terms WHERE return_terms.vendor = vendor.id
                          AND (return_terms.maker IS NULL OR return_terms.maker = part.maker)) AS agreed
           FROM offers_on($2::date) AS offer
           JOIN vendor ON vendor.id = offer.vendor AND vendor.active
           JOIN party ON party.id = vendor.party
           JOIN part ON part.id = offer.part
           CROSS JOIN LATERAL (
               SELECT array_agg(hours) AS took FROM (
                   SELECT extract(epoch FROM received_at - placed_at)::float8 / 3600 AS hours FROM purchase_order
                   WHERE purchase_order.vendor = vendor.id AND purchase_order.expedited = (expedited_hours IS NOT NULL)
                     AND received_at IS NOT NULL AND placed_at IS NOT NULL
                   ORDER BY received_at DESC LIMIT 50
               ) AS last
           ) AS earlier
           WHERE offer.part = ANY($1)
           ORDER BY offer.part, hours, cost LIMIT 500""",
        list(parts),
        clock.today(),
        device.model,
    )
    in_warranty = device.warranty_until is not None and clock.today() <= device.warranty_until
    outside: dict[int, list[Outside]] = {}
    for row in rows:
        options = outside.setdefault(row["part"], [])
        options.append(
            Outside(
                rung="emergency",
                vendor=row["vendor"],
                hours=row["hours"] + travel_hours,
                cost_cny=row["cost"],
                took=tuple(hours + travel_hours for hours in row["took"]),
            )
        )
        by_warranty = in_warranty and row["makes_it"]
        timed = row["exchange_hours"] is not None
        if timed or (by_warranty and row["agreed"] and row["serialised"]):
            too_low = () if is_at_least("vendor_exchange", device.minimum_provenance) else ("source_too_low",)
            options.append(
                Outside(
                    rung="vendor_exchange",
                    vendor=row["vendor"],
                    hours=(row["exchange_hours"] if timed else row["usual_hours"]) + travel_hours,
                    cost_cny=0.0 if by_warranty else row["exchange_fee"] or 0.0,
                    hindrances=(
                        *too_low,
                        *(() if row["agreed"] else ("no_return_terms",)),
                        *(() if by_warranty or row["exchange_fee"] is not None else ("only_in_warranty",)),
                    ),
                    told=() if timed else ("in_makers_warranty", "time_by_lead_time"),
                )
            )
    return outside


async def _swaps(device: CoveredDevice) -> list[Outside]:
    """Whole units of equal function that could be there, where the contract promises one."""
    promised = any(limit.swap_complete_hours is not None for limit in device.limits)
    rows = await db.fetch(
        """SELECT place.code AS depot, part.part_number, level.free, coverage.travel_hours AS hours
           FROM swap_unit
           JOIN part ON part.id = swap_unit.part
           JOIN level ON level.part = part.id AND level.condition = 'good' AND level.free > 0
           JOIN party ON party.id = level.owner AND party.is_ourselves
           JOIN pool ON pool.id = level.pool AND (pool.contract IS NULL OR pool.contract = $3)
           JOIN place ON place.id = level.place AND place.out_of_service_at IS NULL
           JOIN coverage ON coverage.store = place.id AND coverage.site = $2
           WHERE swap_unit.model = $1 AND in_force ORDER BY hours, place.code LIMIT 10""",
        device.model,
        device.site,
        device.contract,
    )
    return [
        Outside(
            rung="swap",
            depot=row["depot"],
            part_number=row["part_number"],
            hours=PICK_HOURS + row["hours"],
            cost_cny=0.0,
            hindrances=() if promised else ("no_swap_promised",),
        )
        for row in rows
    ]


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
