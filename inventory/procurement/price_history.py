"""Price history: what a part was offered, ordered and invoiced for, over time, and the latest price that we paid.

A foreign price counts at the rate of its offer's first day, or of its order's approval; where there is none, at today's.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor

LOOKED_AHEAD = timedelta(days=366)
"""Offers that begin later are not told yet."""

PriceKey = tuple[date, str]
"""What a price is found again by: its day and id."""

MOST_POINTS = 500
"""How many prices a chart shows, the latest ones."""


class PricePoint(Struct, frozen=True, kw_only=True):
    """A price of a part, payable with tax in CNY, and what it costs us: offered from a day on, ordered or invoiced on a day.

    `change` is how far it is from the same vendor's price of the same kind before, as a share of that; None for its first.
    `quantity` is what was ordered or invoiced, or the least that the offer is for; `document` the order's or 发票's number.
    What was taken back by a red 发票 or withdrawn is no price. `framework_number`: the framework contract it comes from.
    """

    id: str
    on: date
    kind: Literal["offered", "ordered", "invoiced"]
    part_number: str
    vendor: str
    vendor_zh: str
    vendor_en: str
    unit_price_cny: Decimal
    unit_cost_cny: Decimal
    quantity: int
    expedited: bool
    valid_to: date | None
    document: str | None
    framework_number: str | None
    change: float | None


class LastPaid(Struct, frozen=True, kw_only=True):
    """The latest price of a part on an order that went to a vendor; `above` is how far the price asked about lies over it."""

    part_number: str
    unit_price_cny: Decimal
    vendor: str
    vendor_zh: str
    vendor_en: str
    order: UUID
    number: str
    placed_at: datetime
    above: float | None


_POINTS = f"""
SELECT 'o' || lpad(offer.id::text, 12, '0') AS id, valid_from AS "on", 'offered' AS kind, offer.vendor, offer.part,
       payable_cny(unit_price, tax_percent, includes_tax, rate) AS unit_price_cny,
       cost_cny(unit_price, invoice_kind, tax_percent, includes_tax, rate) AS unit_cost_cny,
       minimum_quantity AS quantity, false AS expedited, valid_to, NULL::text AS document,
       framework_number
FROM offer
JOIN part AS wanted ON wanted.id = offer.part AND wanted.part_number = $1
CROSS JOIN LATERAL (SELECT coalesce(cny_per_100(currency, valid_from), cny_per_100(currency, $8)) AS rate) AS rated
WHERE valid_from <= $5 AND rate IS NOT NULL
UNION ALL
SELECT 'p' || line.id::text, (placed_at AT TIME ZONE '{clock.ZONE.key}')::date, 'ordered', purchase_order.vendor, line.part,
       line.unit_price_cny, cost_cny(line.unit_price, invoice_kind, tax_percent, true, cny_per_100), line.quantity,
       expedited, NULL, number, line.framework_number
FROM purchase_order_line AS line
JOIN purchase_order ON purchase_order.id = line.purchase_order AND placed_at IS NOT NULL AND line.quantity > 0
JOIN place ON place.id = ship_to AND ($3::text[] IS NULL OR place.code = ANY($3))
JOIN part AS wanted ON wanted.id = line.part AND wanted.part_number = $1
UNION ALL
SELECT 'v' || asked.id::text, issued_on, 'invoiced', purchase_order.vendor, line.part,
       payable_cny(asked.total / asked.quantity, 0, true, cny_per_100),
       cost_cny(asked.total / asked.quantity, invoice.kind, asked.tax_percent, true, cny_per_100), asked.quantity, expedited,
       NULL, invoice_number, line.framework_number
FROM invoice_line AS asked
JOIN invoice ON invoice.id = asked.invoice AND invoice.state <> 'withdrawn' AND asked.reverses IS NULL
JOIN purchase_order_line AS line ON line.id = asked.order_line
JOIN purchase_order ON purchase_order.id = line.purchase_order
JOIN place ON place.id = ship_to AND ($3::text[] IS NULL OR place.code = ANY($3))
JOIN part AS wanted ON wanted.id = line.part AND wanted.part_number = $1
WHERE NOT EXISTS (SELECT FROM invoice_line AS red JOIN invoice AS back ON back.id = red.invoice
                  WHERE red.reverses = asked.id AND back.state <> 'withdrawn')
"""


async def prices(
    part_number: str,
    *,
    limit: int,
    seen_by: Actor,
    vendor: str | None = None,
    after: PriceKey | None = None,
) -> list[PricePoint]:
    """What a part was offered, ordered and invoiced for, the latest first; orders to the reader's stores alone.

    Raises:
        NotGranted: the reader may not see prices.

    """
    seen_by.require("costs.read")
    on, point = after or (None, None)
    return await db.read(
        PricePoint,
        f"""WITH point AS ({_POINTS}), told AS (
                SELECT *, lag(unit_price_cny) OVER (PARTITION BY kind, vendor, part, expedited ORDER BY "on", id) AS before
                FROM point
            )
            SELECT told.id, "on", told.kind, part.part_number, party.code AS vendor, party.name_zh AS vendor_zh,
                   party.name_en AS vendor_en, unit_price_cny, told.unit_cost_cny, quantity, expedited, valid_to, document,
                   framework_number,
                   (unit_price_cny / nullif(before, 0) - 1)::float8 AS change
            FROM told
            JOIN part ON part.id = told.part
            JOIN vendor ON vendor.id = told.vendor
            JOIN party ON party.id = vendor.party AND ($2::text IS NULL OR party.code = $2)
            WHERE $4::date IS NULL OR ("on", told.id) < ($4, $6)
            ORDER BY "on" DESC, told.id DESC LIMIT $7""",
        part_number,
        vendor,
        seen_by.depot_scope,
        on,
        clock.today() + LOOKED_AHEAD,
        point,
        limit,
        clock.today(),
    )


async def last_paid(wanted: Mapping[str, Decimal], *, seen_by: Actor, but: UUID | None = None) -> dict[str, LastPaid]:
    """The latest price paid for each of some parts, with how far the one that is wanted now lies above it; one statement.

    `but` is an order that does not count: the one that is looked at. Nobody who may not see prices is told anything.
    """
    if not seen_by.may("costs.read"):
        return {}
    found = await db.read(
        LastPaid,
        """SELECT part.part_number, paid.unit_price_cny, party.code AS vendor, party.name_zh AS vendor_zh,
                  party.name_en AS vendor_en, paid.id AS order, paid.number, paid.placed_at,
                  (price / nullif(paid.unit_price_cny, 0) - 1)::float8 AS above
           FROM unnest($1::text[], $2::numeric[]) AS wanted(part_number, price)
           JOIN part ON part.part_number = wanted.part_number
           CROSS JOIN LATERAL (
               SELECT purchase_order.id, number, vendor, placed_at, line.unit_price_cny
               FROM purchase_order_line AS line
               JOIN purchase_order ON purchase_order.id = line.purchase_order
               JOIN place ON place.id = ship_to
               WHERE line.part = part.id AND placed_at IS NOT NULL AND line.quantity > 0 AND purchase_order.id <> $3
                 AND ($4::text[] IS NULL OR place.code = ANY($4))
               ORDER BY placed_at DESC LIMIT 1
           ) AS paid
           JOIN vendor ON vendor.id = paid.vendor
           JOIN party ON party.id = vendor.party""",
        list(wanted),
        list(wanted.values()),
        but or UUID(int=0),
        seen_by.depot_scope,
    )
    return {each.part_number: each for each in found}


async def of_part(part_number: str, *, seen_by: Actor) -> Sequence[PricePoint]:
    """A part's latest prices, the oldest first, for a chart."""
    return (await prices(part_number, limit=MOST_POINTS, seen_by=seen_by))[::-1]
