"""Bundling: open proposals as the optimizer takes them, store by store, and what it finds written back.

Gathering, solving and recording are three steps: nothing is locked while an optimum is sought, and a proposal that changed
meanwhile keeps what it has, to be bundled again.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct

from inventory.catalogue.grades import GRADES
from inventory.ground import clock, db
from inventory.procurement.provenance import grade_on
from inventory.procurement.replenishment import LEAST_GRADE, hold_others
from optimizer.order_bundles import Bundling, Need, Option, Price, Terms


class Together(Struct, frozen=True):
    """A store and pool with its proposals to be bundled; `sized_at` says of each when it was sized, by its id."""

    needs: list[Need]
    terms: list[Terms]
    sized_at: dict[UUID, datetime]


_OPEN = f"""
WITH stores AS (
    SELECT DISTINCT place, pool FROM replenishment_proposal
    WHERE state = 'open' AND (bundled_at IS NULL OR (waits AND waits_until <= $1))
)
SELECT proposal.id, proposal.place, proposal.pool, needed, resized_at, urgent OR waits_until <= $1 AS due, offers.options
FROM replenishment_proposal AS proposal
JOIN stores USING (place, pool)
JOIN part ON part.id = proposal.part
JOIN pool ON pool.id = proposal.pool
LEFT JOIN contract ON contract.id = pool.contract
JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('vendor', code, 'minimum', minimum_quantity, 'lot', lot_size,
                         'maximum', maximum_quantity, 'order_fee_cny', order_fee_cny, 'price', unit_price_cny,
                         'cost_share', cost_cny(1000000, invoice_kind, tax_percent, true, 100) / 1000000,
                         'breaks', (SELECT jsonb_agg(jsonb_build_array(from_quantity,
                                        payable_cny(price_break.unit_price, tax_percent, includes_tax, cny_per_100))
                                                     ORDER BY from_quantity)
                                    FROM price_break WHERE price_break.offer = offered.id)) ORDER BY code) AS options
    FROM (
        SELECT DISTINCT ON (offer.vendor) offer.*, party.code, {grade_on("$2::date")} AS grade
        FROM offers_on($2::date) AS offer
        JOIN vendor ON vendor.id = offer.vendor AND vendor.active
        JOIN party ON party.id = vendor.party
        WHERE offer.part = proposal.part
        ORDER BY offer.vendor, valid_from DESC
    ) AS offered
    WHERE array_position($3::text[], grade) <= array_position($3::text[], coalesce(contract.minimum_provenance, $4))
) AS offers ON options IS NOT NULL
WHERE proposal.state = 'open'
ORDER BY proposal.place, proposal.pool, proposal.id
"""


async def to_bundle() -> list[Together]:
    """The stores with proposals that were made or changed, or have waited long enough, with all that is open there.

    Two statements, however many. A proposal that nobody may send is none of them.
    """
    rows = await db.fetch(_OPEN, clock.now(), clock.today(), list(GRADES), LEAST_GRADE)
    if not rows:
        return []
    terms = {
        row["code"]: Terms(
            row["code"],
            float(row["minimum_order_cny"]),
            None if row["small_order_fee_cny"] is None else float(row["small_order_fee_cny"]),
            float(row["freight_cny"]),
        )
        for row in await db.fetch(
            """SELECT party.code, minimum_order_cny, small_order_fee_cny, freight_cny
               FROM vendor JOIN party ON party.id = vendor.party WHERE active"""
        )
    }
    stores: dict[tuple[int, int], list[db.Row]] = defaultdict(list)
    for row in rows:
        stores[row["place"], row["pool"]].append(row)
    return [
        Together(
            needs=[
                Need(
                    str(row["id"]),
                    row["needed"],
                    tuple(_option(each) for each in row["options"]),
                    may_wait=not row["due"],
                )
                for row in of_store
            ],
            terms=[terms[code] for code in sorted({each["vendor"] for row in of_store for each in row["options"]})],
            sized_at={row["id"]: row["resized_at"] for row in of_store},
        )
        for of_store in stores.values()
    ]


def _option(offer: dict[str, Any]) -> Option:
    first = Price(1, float(offer["price"]))
    breaks = [Price(quantity, float(price)) for quantity, price in offer["breaks"] or ()]
    return Option(
        vendor=offer["vendor"],
        prices=(first, *breaks),
        minimum=offer["minimum"],
        lot=offer["lot"],
        maximum=offer["maximum"],
        order_fee_cny=float(offer["order_fee_cny"]),
        cost_share=float(offer["cost_share"]),
    )


@db.atomic
async def record(solved: Sequence[tuple[Together, Bundling]]) -> int:
    """Write what was found to the proposals that are still as they were; how many those are. Two statements."""
    await hold_others()
    proposals = [each for together, bundling in solved for each in _written(together, bundling)]
    return await db.execute(
        """UPDATE replenishment_proposal AS proposal
           SET bundled_at = $2, waits = found.waits, bundle = found.bundle,
               vendor = coalesce(vendor.id, proposal.vendor), quantity = coalesce(found.quantity, proposal.quantity),
               choice = CASE WHEN found.quantity IS NULL THEN choice ELSE (
                   SELECT jsonb_agg(CASE WHEN offer ->> 'vendor' = found.vendor
                                         THEN offer || jsonb_build_object('quantity', found.quantity,
                                                                          'unit_price_cny', found.unit_price_cny)
                                         ELSE offer END)
                   FROM jsonb_array_elements(choice) AS offer) END
           FROM jsonb_to_recordset($1) AS found(id uuid, sized_at timestamptz, waits boolean, vendor text,
                                                quantity integer, unit_price_cny text, bundle jsonb)
           LEFT JOIN party ON party.code = found.vendor
           LEFT JOIN vendor ON vendor.party = party.id
           WHERE proposal.id = found.id AND proposal.state = 'open' AND proposal.resized_at = found.sized_at""",
        proposals,
        clock.now(),
    )


def _written(together: Together, bundling: Bundling) -> list[dict[str, Any]]:
    """What a solution says of each proposal, as the statement takes it."""
    orders = {order.vendor: order for order in bundling.orders}
    lines = {line.key: line for line in bundling.lines}
    terms = {each.vendor: each for each in together.terms}
    count: dict[str, int] = defaultdict(int)
    for line in bundling.lines:
        count[line.vendor] += 1
    written: list[dict[str, Any]] = []
    for need in together.needs:
        line = lines.get(need.key)
        told: dict[str, Any] = {}
        if line is not None:
            order, asked = orders[line.vendor], terms[line.vendor]
            told = {
                "vendor": line.vendor,
                "lines": count[line.vendor],
                "proven": bundling.proven,
                "reaches_minimum": order.goods_cny >= asked.minimum_order_cny - 0.005,
                "goods_cny": str(_fen(order.goods_cny)),
                "fees_cny": str(_fen(order.payable_cny - order.goods_cny)),
                "minimum_order_cny": str(_fen(asked.minimum_order_cny)),
            }
        written.append(
            {
                "id": need.key,
                "sized_at": together.sized_at[UUID(need.key)].isoformat(),
                "waits": need.key in bundling.waiting,
                "vendor": line and line.vendor,
                "quantity": line and line.quantity,
                "unit_price_cny": line and str(_fen(line.goods_cny / line.quantity)),
                "bundle": told,
            }
        )
    return written


def _fen(amount: float) -> Decimal:
    """An amount that was reckoned in floating point, to the fen."""
    return Decimal(str(round(amount, 2))).quantize(Decimal("0.01"))
