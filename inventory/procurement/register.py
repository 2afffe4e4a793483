"""Entering vendors, authorisation letters and offers."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.entering import enter


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
    """An offer to enter; the three expedited terms go together. An exchange sends the good part before the bad one."""

    vendor: str
    part: str
    unit_price_cny: Decimal
    minimum_quantity: int
    lot_size: int
    maximum_quantity: int
    order_fee_cny: Decimal
    lead_time_days: float
    valid_from: date
    valid_to: date | None = None
    expedited_hours: float | None = None
    expedited_price_cny: Decimal | None = None
    expedited_fee_cny: Decimal | None = None
    exchange_hours: float | None = None
    exchange_fee_cny: Decimal | None = None
    repair_price_cny: Decimal | None = None
    repair_days: float | None = None


class NewPriceBreak(Struct, frozen=True, kw_only=True):
    """A step of an offer's price: from so many pieces on; the offer by its id."""

    offer: str
    from_quantity: int
    unit_price_cny: Decimal


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
        """INSERT INTO offer (vendor, part, unit_price_cny, minimum_quantity, lot_size, maximum_quantity,
                              order_fee_cny, lead_time_days, expedited_hours, expedited_price_cny, expedited_fee_cny,
                              exchange_hours, exchange_fee_cny, repair_price_cny, repair_days, valid_from, valid_to)
           SELECT vendor.id, part.id, unit_price_cny, minimum_quantity, lot_size, maximum_quantity, order_fee_cny,
                  lead_time_days, expedited_hours, expedited_price_cny, expedited_fee_cny, exchange_hours,
                  exchange_fee_cny, repair_price_cny, repair_days, valid_from, valid_to
           FROM jsonb_to_recordset($1) AS new(vendor text, part text, unit_price_cny numeric,
                minimum_quantity integer, lot_size integer, maximum_quantity integer, order_fee_cny numeric,
                lead_time_days float8, expedited_hours float8, expedited_price_cny numeric,
                expedited_fee_cny numeric, exchange_hours float8, exchange_fee_cny numeric, repair_price_cny numeric,
                repair_days float8, valid_from date, valid_to date)
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
        """INSERT INTO price_break (offer, from_quantity, unit_price_cny)
           SELECT offer.id, from_quantity, new.unit_price_cny
           FROM jsonb_to_recordset($1) AS new(offer text, from_quantity integer, unit_price_cny numeric)
           JOIN offer ON offer.id::text = new.offer
           RETURNING offer::text || ' / ' || from_quantity""",
        steps,
        lambda step: f"{step.offer} / {step.from_quantity}",
        what="price break",
        what_zh="阶梯价",
        by=by,
        right="parts.manage",
    )
