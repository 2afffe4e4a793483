"""Reliability: what a vendor promised against what it did, counted from our orders within a period.

On time is an order that was received in full no later than it was promised. Delays are those of all received orders with a
promise, early ones negative. Lead times are those of all received orders, from placing to the last receipt, in calendar days;
normal and expedited ones apart. Medians and percentiles are PostgreSQL's `percentile_cont`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor

MEASURED_OVER = timedelta(days=365)
LEAST_ORDERS = 5
"""From how many orders on a part's own lead times are told."""


class LeadTime(Struct, frozen=True, kw_only=True):
    """How many days received orders took from placing to the last receipt: of a part, or of all a vendor's, one way.

    Between `p10_days` and `p90_days` lie eight of ten.
    """

    expedited: bool
    part_number: str | None
    orders: int
    median_days: float
    p10_days: float
    p90_days: float


class Reliability(Struct, frozen=True, kw_only=True):
    """A vendor's record since a day: counts stand beside every share, none where nothing was counted.

    Delays are in days; `ordered`, `short`, `wrong` and `dead_on_arrival` count pieces. `lead_times` are the vendor's as a
    whole, normal first, then those of the parts that were asked for by `part_number`.
    """

    vendor: str
    since: datetime
    orders: int
    judged: int
    on_time: int
    on_time_share: float | None
    delay_median_days: float | None
    delay_p90_days: float | None
    ordered: int
    short: int
    received: int
    wrong: int
    dead_on_arrival: int
    lead_times: list[LeadTime]

    def lead_time(self, part_number: str, *, expedited: bool) -> LeadTime | None:
        """How long a part takes: its own record, or the vendor's where that is too thin; None without any."""
        of_way = {each.part_number: each for each in self.lead_times if each.expedited == expedited}
        return of_way.get(part_number, of_way.get(None))


async def reliability(vendors: Sequence[str], *, seen_by: Actor, parts: Sequence[str] = ()) -> dict[str, Reliability]:
    """The records of some vendors, by code; from the orders for the reader's stores; one statement, however many.

    Of the `parts` that are named lead times are told too, where there are `LEAST_ORDERS` or more.
    """
    since = clock.now() - MEASURED_OVER
    found = await db.read(Reliability, _MEASURED, list(vendors), since, seen_by.depot_scope, list(parts), LEAST_ORDERS)
    return {each.vendor: each for each in found}


_MEASURED = """
WITH ours AS (
    SELECT purchase_order.id, purchase_order.number, vendor.id AS vendor, party.code,
           promised_at, received_at, extract(epoch FROM received_at - promised_at)::float8 / 86400 AS delay,
           expedited, extract(epoch FROM received_at - placed_at)::float8 / 86400 AS took
    FROM purchase_order
    JOIN vendor ON vendor.id = purchase_order.vendor
    JOIN party ON party.id = vendor.party
    JOIN place ON place.id = purchase_order.ship_to
    WHERE party.code = ANY($1) AND placed_at >= $2 AND ($3::text[] IS NULL OR place.code = ANY($3))
),
timely AS (
    SELECT vendor, count(*)::int AS orders, count(delay)::int AS judged, count(*) FILTER (WHERE delay <= 0)::int AS on_time,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY delay) AS median,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY delay) AS p90
    FROM ours GROUP BY vendor
),
spread AS (
    SELECT vendor, expedited, NULL::text AS part_number, count(*)::int AS orders,
           percentile_cont(ARRAY[0.1, 0.5, 0.9]) WITHIN GROUP (ORDER BY took) AS days
    FROM ours WHERE took IS NOT NULL GROUP BY vendor, expedited
    UNION ALL
    SELECT ours.vendor, expedited, part_number, count(*)::int,
           percentile_cont(ARRAY[0.1, 0.5, 0.9]) WITHIN GROUP (ORDER BY took)
    FROM ours
    JOIN purchase_order_line AS line ON line.purchase_order = ours.id AND line.received_quantity > 0
    JOIN part ON part.id = line.part AND part_number = ANY($4)
    WHERE took IS NOT NULL GROUP BY ours.vendor, expedited, part_number HAVING count(*) >= $5
),
pieces AS (
    SELECT ours.vendor, sum(quantity)::int AS ordered, sum(short_quantity)::int AS short,
           sum(received_quantity)::int AS received
    FROM ours JOIN purchase_order_line AS line ON line.purchase_order = ours.id GROUP BY ours.vendor
),
brought AS (
    SELECT ours.vendor, receipt.id FROM ours
    LEFT JOIN advance_notice ON advance_notice.document = ours.number
    JOIN receipt ON receipt.document = ours.number OR receipt.notice = advance_notice.id
),
wrong AS (
    SELECT vendor, sum(quantity)::int AS pieces FROM (
        SELECT DISTINCT brought.vendor, line.id, line.quantity FROM brought
        JOIN receipt_line AS line ON line.receipt = brought.id AND line.difference IN ('wrong_part', 'wrong_serial')
    ) AS line GROUP BY vendor
),
dead AS (
    SELECT brought.vendor, count(DISTINCT unit.id)::int AS pieces FROM brought
    JOIN unit ON unit.receipt = brought.id
    JOIN debrief ON debrief.serial_in = unit.serial AND debrief.outcome = 'dead_on_arrival'
    JOIN request_line AS line ON line.id = debrief.line AND coalesce(line.supplied_part, line.part) = unit.part
    GROUP BY brought.vendor
)
SELECT party.code AS vendor, $2::timestamptz AS since, coalesce(orders, 0) AS orders, coalesce(judged, 0) AS judged,
       coalesce(on_time, 0) AS on_time, on_time::float8 / nullif(judged, 0) AS on_time_share,
       median AS delay_median_days, p90 AS delay_p90_days, coalesce(ordered, 0) AS ordered, coalesce(short, 0) AS short,
       coalesce(received, 0) AS received, coalesce(wrong.pieces, 0) AS wrong, coalesce(dead.pieces, 0) AS dead_on_arrival,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('expedited', expedited, 'part_number', part_number,
                   'orders', spread.orders, 'p10_days', days[1], 'median_days', days[2], 'p90_days', days[3])
                   ORDER BY part_number NULLS FIRST, expedited), '[]')
        FROM spread WHERE spread.vendor = vendor.id) AS lead_times
FROM vendor
JOIN party ON party.id = vendor.party AND party.code = ANY($1)
LEFT JOIN timely ON timely.vendor = vendor.id
LEFT JOIN pieces ON pieces.vendor = vendor.id
LEFT JOIN wrong ON wrong.vendor = vendor.id
LEFT JOIN dead ON dead.vendor = vendor.id
"""
