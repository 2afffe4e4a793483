"""Entering vendors, authorisation letters, offers and exchange rates."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import Struct, to_builtins

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.entering import enter
from inventory.procurement.prices import CNY, Currency, InvoiceKind


class NewVendor(Struct, frozen=True, kw_only=True):
    """A vendor to enter; its party and place are there already."""

    party: str
    place: str
    kind: Literal["maker", "distributor", "repairer", "broker"]
    channel: Literal["http", "cxml", "mail", "by_hand"]
    endpoint: str | None = None
    return_terms: str = ""
    holidays: Literal["CN"] | None = None
    takes_drills: bool = False


class NewClosure(Struct, frozen=True, kw_only=True):
    """Days, both named, on which a vendor is closed."""

    vendor: str
    first_on: date
    last_on: date
    remark: str = ""


class NewAuthorisation(Struct, frozen=True, kw_only=True):
    """A maker's letter to enter: for all its parts, or for those of some kinds or with some numbers."""

    vendor: str
    maker: str
    letter_number: str
    valid_from: date
    valid_to: date
    part_kinds: Sequence[str] = ()
    part_numbers: Sequence[str] = ()


class NewOffer(Struct, frozen=True, kw_only=True):
    """An offer to enter; the three expedited terms go together. An exchange sends the good part before the bad one.

    All prices and fees are in its currency, with or without tax as it says. Without a fee a part is exchanged under warranty
    alone. `framework_number` names the framework contract (框架协议) under which the prices were agreed.
    """

    vendor: str
    part: str
    unit_price: Decimal
    minimum_quantity: int
    lot_size: int
    maximum_quantity: int
    order_fee: Decimal
    lead_time_days: float
    valid_from: date
    currency: Currency = CNY
    invoice_kind: InvoiceKind = "special"
    tax_percent: Decimal = Decimal(13)
    includes_tax: bool = True
    valid_to: date | None = None
    expedited_hours: float | None = None
    expedited_price: Decimal | None = None
    expedited_fee: Decimal | None = None
    exchange_hours: float | None = None
    exchange_fee: Decimal | None = None
    repair_price: Decimal | None = None
    repair_days: float | None = None
    framework_number: str | None = None


class NewPriceBreak(Struct, frozen=True, kw_only=True):
    """A step of an offer's price: from so many pieces on; the offer by its id."""

    offer: str
    from_quantity: int
    unit_price: Decimal


class NewRate(Struct, frozen=True, kw_only=True):
    """What 100 units of a currency are in CNY, from a day on."""

    currency: Currency
    valid_from: date
    cny_per_100: Decimal
    source: str = ""


@db.atomic
async def enter_vendors(vendors: Sequence[NewVendor], *, by: Actor) -> None:
    """Enter vendors.

    Raises:
        UnknownReference: no such party or place.

    """
    await enter(
        """INSERT INTO vendor (party, place, kind, channel, endpoint, return_terms, holidays, takes_drills)
           SELECT party.id, place.id, new.kind, channel, endpoint, return_terms, holidays, takes_drills
           FROM jsonb_to_recordset($1) AS new(party text, place text, kind text, channel text, endpoint text,
                return_terms text, holidays text, takes_drills boolean)
           JOIN party ON party.code = new.party AND party.is_vendor
           JOIN place ON place.code = new.place AND place.kind = 'vendor'
           RETURNING (SELECT code FROM party WHERE party.id = vendor.party)""",
        vendors,
        lambda vendor: vendor.party,
        what="vendor",
        what_zh="供应商",
        by=by,
        right="parts.manage",
    )


@db.atomic
async def enter_closures(closures: Sequence[NewClosure], *, by: Actor) -> None:
    """Enter when vendors are closed.

    Raises:
        UnknownReference: no such vendor.

    """
    await enter(
        """INSERT INTO vendor_closure (vendor, first_on, last_on, remark)
           SELECT vendor.id, first_on, last_on, remark
           FROM jsonb_to_recordset($1) AS new(vendor text, first_on date, last_on date, remark text)
           JOIN party ON party.code = new.vendor
           JOIN vendor ON vendor.party = party.id
           RETURNING (SELECT code FROM party JOIN vendor ON vendor.party = party.id WHERE vendor.id = vendor_closure.vendor)
                     || ' / ' || first_on""",
        closures,
        lambda closure: f"{closure.vendor} / {closure.first_on}",
        what="closure",
        what_zh="停业安排",
        by=by,
        right="parts.manage",
    )


@db.atomic
async def enter_authorisations(letters: Sequence[NewAuthorisation], *, by: Actor) -> None:
    """Enter authorisation letters.

    Raises:
        UnknownReference: no such vendor or maker.

    """
    await enter(
        """INSERT INTO authorisation (vendor, maker, letter_number, valid_from, valid_to, part_kinds, part_numbers)
           SELECT vendor.id, maker.id, letter_number, valid_from, valid_to, coalesce(part_kinds, '[]'),
                  coalesce(part_numbers, '[]')
           FROM jsonb_to_recordset($1) AS new(vendor text, maker text, letter_number text, valid_from date,
                valid_to date, part_kinds jsonb, part_numbers jsonb)
           JOIN party ON party.code = new.vendor
           JOIN vendor ON vendor.party = party.id
           JOIN party AS maker ON maker.code = new.maker AND maker.is_maker
           RETURNING letter_number""",
        letters,
        lambda letter: letter.letter_number,
        what="authorisation",
        what_zh="授权书",
        by=by,
        right="parts.manage",
    )


@db.atomic
async def enter_offers(offers: Sequence[NewOffer], *, by: Actor) -> None:
    """Enter offers.

    Raises:
        UnknownReference: no such vendor or part.

    """
    await enter(
        """INSERT INTO offer (vendor, part, unit_price, minimum_quantity, lot_size, maximum_quantity,
                              order_fee, lead_time_days, expedited_hours, expedited_price, expedited_fee,
                              exchange_hours, exchange_fee, repair_price, repair_days, framework_number, valid_from,
                              valid_to, currency, invoice_kind, tax_percent, includes_tax)
           SELECT vendor.id, part.id, unit_price, minimum_quantity, lot_size, maximum_quantity, order_fee,
                  lead_time_days, expedited_hours, expedited_price, expedited_fee, exchange_hours,
                  exchange_fee, repair_price, repair_days, framework_number, valid_from, valid_to, new.currency,
                  invoice_kind, tax_percent, includes_tax
           FROM jsonb_to_recordset($1) AS new(vendor text, part text, unit_price numeric,
                minimum_quantity integer, lot_size integer, maximum_quantity integer, order_fee numeric,
                lead_time_days float8, expedited_hours float8, expedited_price numeric,
                expedited_fee numeric, exchange_hours float8, exchange_fee numeric, repair_price numeric,
                repair_days float8, framework_number text, valid_from date, valid_to date, currency text, invoice_kind text,
                tax_percent numeric, includes_tax boolean)
           JOIN party ON party.code = new.vendor
           JOIN vendor ON vendor.party = party.id
           JOIN part ON part.part_number = new.part
           RETURNING (SELECT code FROM party JOIN vendor ON vendor.party = party.id WHERE vendor.id = offer.vendor)
                     || ' / ' || (SELECT part_number FROM part WHERE part.id = offer.part) || ' / ' || valid_from""",
        offers,
        lambda offer: f"{offer.vendor} / {offer.part} / {offer.valid_from}",
        what="offer",
        what_zh="报价",
        by=by,
        right="parts.manage",
    )


@db.atomic
async def enter_price_breaks(steps: Sequence[NewPriceBreak], *, by: Actor) -> None:
    """Enter steps of offers' prices.

    Raises:
        UnknownReference: no such offer.

    """
    await enter(
        """INSERT INTO price_break (offer, from_quantity, unit_price)
           SELECT offer.id, from_quantity, new.unit_price
           FROM jsonb_to_recordset($1) AS new(offer text, from_quantity integer, unit_price numeric)
           JOIN offer ON offer.id::text = new.offer
           RETURNING offer::text || ' / ' || from_quantity""",
        steps,
        lambda step: f"{step.offer} / {step.from_quantity}",
        what="price break",
        what_zh="阶梯价",
        by=by,
        right="parts.manage",
    )


@db.atomic
async def enter_rates(rates: Sequence[NewRate], *, by: Actor) -> None:
    """Enter exchange rates; one for a day that has one already holds instead of it, and both are kept."""
    now = clock.now()
    await enter(
        """INSERT INTO exchange_rate (currency, valid_from, cny_per_100, source, entered_at, entered_by)
           SELECT currency, valid_from, cny_per_100, source, entered_at, entered_by
           FROM jsonb_to_recordset($1) AS new(currency text, valid_from date, cny_per_100 numeric, source text,
                entered_at timestamptz, entered_by text)
           RETURNING currency || ' / ' || valid_from""",
        [{**to_builtins(rate), "entered_at": now, "entered_by": by.name} for rate in rates],
        lambda rate: f"{rate['currency']} / {rate['valid_from']}",
        what="exchange rate",
        what_zh="汇率",
        by=by,
        right="rates.enter",
    )
