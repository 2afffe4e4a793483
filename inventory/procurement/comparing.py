"""Comparing quotes: who is cheapest for each part, for all of them alone, and together. Pure; it may take seconds."""

from decimal import Decimal

from msgspec import Struct

from inventory.procurement.inquiries import AskedVendor, InquiryView, QuoteView
from inventory.procurement.prices import FEN
from optimizer.order_bundles import Bundling, Need, Option, Price, Terms, bundle

SECONDS = 3.0
"""How long the cheapest split is looked for at most; what is found by then is told as it is."""


class SplitLine(Struct, frozen=True, kw_only=True):
    """So many pieces of a part, from a vendor."""

    part_number: str
    vendor: str
    quantity: int


class Together(Struct, frozen=True, kw_only=True):
    """Orders that bring what is asked, with freight and fees: payable and what they cost us, CNY; what nobody sends."""

    lines: list[SplitLine]
    vendors: list[str]
    payable_cny: Decimal
    cost_cny: Decimal
    missing: list[str]
    proven: bool


class Comparison(Struct, frozen=True, kw_only=True):
    """The cheapest vendors of each part, each vendor alone, the cheapest that sends everything, and the cheapest split."""

    cheapest: dict[str, list[str]]
    alone: dict[str, Together]
    single: str | None
    split: Together


def compare(view: InquiryView) -> Comparison:
    """Compare the latest answers to an inquiry by what they cost us; those that have expired do not count."""
    quotes = [quote for quote in view.quotes if quote.valid]
    cheapest: dict[str, list[str]] = {}
    for part in view.parts:
        of_part = [quote for quote in quotes if quote.part_number == part.part_number]
        least = min((quote.unit_cost_cny for quote in of_part), default=None)
        cheapest[part.part_number] = [quote.vendor for quote in of_part if quote.unit_cost_cny == least]
    alone = {
        vendor.vendor: _together(view, [quote for quote in quotes if quote.vendor == vendor.vendor])
        for vendor in view.vendors
        if vendor.version is not None
    }
    whole = [code for code, told in alone.items() if not told.missing]
    return Comparison(
        cheapest=cheapest,
        alone=alone,
        single=min(whole, key=lambda code: (alone[code].cost_cny, code), default=None),
        split=_together(view, quotes),
    )


def _together(view: InquiryView, quotes: list[QuoteView]) -> Together:
    needs = [
        Need(
            part.part_number,
            part.quantity,
            tuple(_option(quote) for quote in quotes if quote.part_number == part.part_number),
        )
        for part in view.parts
    ]
    found = bundle(needs, [_terms(vendor) for vendor in view.vendors], time_limit_s=SECONDS)
    return _told(found)


def _option(quote: QuoteView) -> Option:
    share = float(quote.unit_cost_cny / quote.unit_price_cny) if quote.unit_price_cny else 1.0
    return Option(
        vendor=quote.vendor,
        prices=(Price(1, float(quote.unit_price_cny)),),
        minimum=quote.minimum_quantity,
        lot=quote.lot_size,
        cost_share=min(share, 1.0),
    )


def _terms(vendor: AskedVendor) -> Terms:
    fee = vendor.small_order_fee_cny
    return Terms(
        vendor.vendor, float(vendor.minimum_order_cny), None if fee is None else float(fee), float(vendor.freight_cny)
    )


def _told(found: Bundling) -> Together:
    return Together(
        lines=[SplitLine(part_number=line.key, vendor=line.vendor, quantity=line.quantity) for line in found.lines],
        vendors=sorted({line.vendor for line in found.lines}),
        payable_cny=_fen(sum(order.payable_cny for order in found.orders)),
        cost_cny=_fen(sum(order.cost_cny for order in found.orders)),
        missing=sorted(found.unserved),
        proven=found.proven,
    )


def _fen(amount: float) -> Decimal:
    return Decimal(str(amount)).quantize(FEN)
