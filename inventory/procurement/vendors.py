"""Vendors, their letters and their offers."""

from datetime import date
from decimal import Decimal

from msgspec import Struct, structs

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.procurement import policy
from inventory.procurement.prices import InvoiceKind
from inventory.procurement.reliability import LeadTime, reliability


class LetterView(Struct, frozen=True, kw_only=True):
    """An authorisation letter."""

    maker: str
    letter_number: str
    valid_from: date
    valid_to: date


class VendorView(Struct, frozen=True, kw_only=True):
    """A vendor with its letters."""

    id: int
    code: str
    name_zh: str
    name_en: str
    kind: str
    channel: str
    return_terms: str
    inspect_on_receipt: bool
    active: bool
    authorisations: list[LetterView]


class OfferView(Struct, frozen=True, kw_only=True):
    """An offer in force, its prices as they are quoted, in its currency.

    `unit_price_cny` is payable with tax, `unit_cost_cny` is what it costs us without the tax that is deducted, both of one
    piece in CNY; they are missing where no rate of its currency is in force. `rate_is_old` where that has not been entered for
    longer than the policy says. `framework_number` is the framework contract (框架协议) under which its prices are agreed;
    `exchange_hours` without an `exchange_fee` are of an exchange under warranty alone. `measured` and `expedited_measured` are
    how long orders of the part took, or all the vendor's where too few were of it.
    """

    id: int
    vendor: str
    part_number: str
    currency: str
    invoice_kind: InvoiceKind
    tax_percent: Decimal
    includes_tax: bool
    unit_price: Decimal
    minimum_quantity: int
    lot_size: int
    maximum_quantity: int
    order_fee: Decimal
    lead_time_days: float
    expedited_hours: float | None
    expedited_price: Decimal | None
    expedited_fee: Decimal | None
    exchange_hours: float | None
    exchange_fee: Decimal | None
    framework_number: str | None
    valid_to: date | None
    cny_per_100: Decimal | None
    rate_is_old: bool
    unit_price_cny: Decimal | None
    unit_cost_cny: Decimal | None
    measured: LeadTime | None = None
    expedited_measured: LeadTime | None = None


async def vendor(code: str) -> VendorView:
    """One vendor.

    Raises:
        Unknown: no such vendor.

    """
    found = await vendors(limit=1, code=code)
    if not found:
        raise Unknown(what="vendor", what_zh="供应商", key=code)
    return found[0]


async def vendor_id(code: str) -> int:
    """The id of a vendor.

    Raises:
        Unknown: no such vendor.

    """
    found = await db.fetch_value(
        "SELECT vendor.id FROM vendor JOIN party ON party.id = vendor.party WHERE party.code = $1", code
    )
    if found is None:
        raise Unknown(what="vendor", what_zh="供应商", key=code)
    return found


async def vendors(*, limit: int, after: str = "", code: str | None = None) -> list[VendorView]:
    """Vendors, by code."""
    return await db.read(
        VendorView,
        """SELECT vendor.id, party.code, party.name_zh, party.name_en, vendor.kind, channel, return_terms,
                  inspect_on_receipt, active,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('maker', maker.code, 'letter_number', letter_number,
                              'valid_from', valid_from, 'valid_to', valid_to) ORDER BY valid_to), '[]')
                   FROM authorisation JOIN party AS maker ON maker.id = authorisation.maker
                   WHERE authorisation.vendor = vendor.id) AS authorisations
           FROM vendor JOIN party ON party.id = vendor.party
           WHERE party.code > $1 AND ($3::text IS NULL OR party.code = $3) ORDER BY party.code LIMIT $2""",
        after,
        limit,
        code,
    )


async def offers(
    *, limit: int, seen_by: Actor, after: int = 0, part_number: str | None = None, vendor: str | None = None
) -> list[OfferView]:
    """Offers in force, which no newer one of the same vendor and part goes before, in the order they were entered.

    They tell how long orders for the reader's stores took.
    """
    found = await db.read(
        OfferView,
        """SELECT offer.id, party.code AS vendor, part.part_number, currency, invoice_kind, tax_percent, includes_tax,
                  unit_price, minimum_quantity, lot_size, maximum_quantity, order_fee, lead_time_days, expedited_hours,
                  expedited_price, expedited_fee, exchange_hours, exchange_fee, framework_number, valid_to, rate AS cny_per_100,
                  currency <> 'CNY' AND rate IS NOT NULL AND NOT EXISTS (
                      SELECT FROM exchange_rate
                      WHERE exchange_rate.currency = offer.currency AND exchange_rate.valid_from BETWEEN $2 - $6::int AND $2
                  ) AS rate_is_old,
                  payable_cny(unit_price, tax_percent, includes_tax, rate) AS unit_price_cny,
                  cost_cny(unit_price, invoice_kind, tax_percent, includes_tax, rate) AS unit_cost_cny
           FROM offer
           CROSS JOIN LATERAL (SELECT cny_per_100(currency, $2) AS rate) AS today
           JOIN vendor ON vendor.id = offer.vendor AND vendor.active
           JOIN party ON party.id = vendor.party
           JOIN part ON part.id = offer.part
           WHERE offer.id > $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to >= $2)
             AND NOT EXISTS (SELECT FROM offer AS newer
                             WHERE newer.vendor = offer.vendor AND newer.part = offer.part
                               AND newer.valid_from > offer.valid_from AND newer.valid_from <= $2
                               AND (newer.valid_to IS NULL OR newer.valid_to >= $2))
             AND ($3::text IS NULL OR part.part_number = $3) AND ($4::text IS NULL OR party.code = $4)
           ORDER BY offer.id LIMIT $5""",
        after,
        clock.today(),
        part_number,
        vendor,
        limit,
        (await policy.in_force()).policy.rate_days,
    )
    records = await reliability(
        sorted({offer.vendor for offer in found}),
        seen_by=seen_by,
        parts=sorted({offer.part_number for offer in found}),
    )
    return [
        structs.replace(
            offer,
            measured=records[offer.vendor].lead_time(offer.part_number, expedited=False),
            expedited_measured=records[offer.vendor].lead_time(offer.part_number, expedited=True),
        )
        for offer in found
    ]


async def secret_version(code: str) -> int:
    """Which version of its signing secret a vendor uses.

    Raises:
        Unknown: no such vendor.

    """
    version = await db.fetch_value(
        "SELECT secret_version FROM vendor JOIN party ON party.id = vendor.party WHERE party.code = $1", code
    )
    if version is None:
        raise Unknown(what="vendor", what_zh="供应商", key=code)
    return version


@db.atomic
async def inspect_on_receipt(code: str, *, by: Actor, inspect: bool) -> None:
    """Say whether every delivery of a vendor goes to quarantine until it is inspected.

    Raises:
        Unknown: no such vendor.

    """
    by.require("stock.inspect")
    changed = await db.execute(
        """UPDATE vendor SET inspect_on_receipt = $2 FROM party
           WHERE party.id = vendor.party AND party.code = $1""",
        code,
        inspect,
    )
    if not changed:
        raise Unknown(what="vendor", what_zh="供应商", key=code)
    await audit.record("vendor.inspect_on_receipt", "vendor", code, by=by, change={"inspect": inspect})
