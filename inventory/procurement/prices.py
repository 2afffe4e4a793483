"""What a price is: what is payable for it, and what it costs us. The only place that says so, with its twins in SQL.

An offer is quoted in a currency, with or without tax, and comes with a kind of 发票. What an order amounts to, and what limits
look at, is *payable*: with tax, in CNY. What offers are compared by is the *cost*: without the tax that a special 发票 lets us
deduct, in CNY. The database functions `payable_cny`, `cost_cny` and `offers_on` say the same (tested equal); every statement
that prices or compares offers reads `offers_on(day)`.
"""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from inventory.ground import db
from inventory.ground.errors import Invalid, Refused

InvoiceKind = Literal["special", "general", "none"]
"""增值税专用发票, whose tax we deduct; 增值税普通发票, whose tax we do not; no 发票 at all, as from abroad."""

Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]

CNY = "CNY"
PAR = Decimal(100)
"""CNY for 100 CNY: rates are quoted per 100 units, as on the boards of Chinese banks."""

FEN = Decimal("0.01")
COST_UNIT = Decimal("0.0001")
"""Costs of a piece have four decimals: without tax even a price in whole yuan has no whole fen."""


class NoTaxWithoutInvoice(Invalid, constraint="offer_without_invoice_has_no_tax"):
    """A price without a 发票 has no tax rate: it is what is paid."""

    zh = "无发票的价格没有税率，价格即为实付金额。"
    help_en = "Give 0 as the tax rate, or the kind of 发票 that comes with the goods."
    help_zh = "请将税率填为 0，或填写随货发票的种类。"


class RateNotPositive(Invalid, constraint="exchange_rate_is_positive"):
    """100 units of a currency are worth more than nothing."""

    zh = "每百外币折合人民币须大于 0。"
    help_en = "Give the rate as banks' boards quote it: CNY per 100 units."
    help_zh = "请按银行外汇牌价填写每 100 外币折合的人民币金额。"


class RateMissing(Refused):
    """{vendor} offers {part_number} in {currency}, for which no exchange rate is in force on {day}."""

    zh = "{vendor} 以 {currency} 报价 {part_number}，{day} 没有有效汇率。"
    help_en = "Enter the rate of {currency}; until then the offer is not taken."
    help_zh = "请录入 {currency} 的汇率；在此之前不采用该报价。"


class Quoted(Struct, frozen=True, kw_only=True):
    """How a price is to be read: its 发票, its tax rate in percent, whether that is included, and its currency's rate."""

    invoice_kind: InvoiceKind = "special"
    tax_percent: Decimal = Decimal(13)
    includes_tax: bool = True
    cny_per_100: Decimal = PAR


def with_tax(price: Decimal, quoted: Quoted) -> Decimal:
    """What is payable for a price, with tax, in its own currency, to its cent.

    p  if the price includes tax, else  p (1 + t/100); half a cent is rounded up.

    >>> with_tax(Decimal("100"), Quoted(includes_tax=False)), with_tax(Decimal("113"), Quoted())
    (Decimal('113.00'), Decimal('113.00'))
    """
    share = 1 if quoted.includes_tax else (100 + quoted.tax_percent) / 100
    return (price * share).quantize(FEN, ROUND_HALF_UP)


def payable_cny(price: Decimal, quoted: Quoted) -> Decimal:
    """What is payable for a price, with tax, in CNY to the fen: what an order amounts to, and what limits look at.

    `with_tax`, times CNY per 100 units, by 100.

    >>> payable_cny(Decimal("113"), Quoted())
    Decimal('113.00')
    >>> payable_cny(Decimal("20"), Quoted(invoice_kind="none", tax_percent=Decimal(0), cny_per_100=Decimal("708.50")))
    Decimal('141.70')
    """
    return (with_tax(price, quoted) * quoted.cny_per_100 / 100).quantize(FEN, ROUND_HALF_UP)


def cost_cny(price: Decimal, quoted: Quoted) -> Decimal:
    """What a price costs us, in CNY with four decimals: what offers are compared by.

    p r/100 (1 + t/100) / (1 + t/100 if deductible): the first factor only where the price is without tax, the second only
    with a special 发票, whose tax is deducted from what we owe ourselves.

    Source: 增值税法 (in force from 2026-01-01), on input tax that is deductible by a special 发票.

    >>> cost_cny(Decimal("113"), Quoted())  # 13 % of it come back
    Decimal('100.0000')
    >>> cost_cny(Decimal("105"), Quoted(invoice_kind="general", tax_percent=Decimal(3)))  # nothing does
    Decimal('105.0000')
    >>> cost_cny(Decimal("100"), Quoted(invoice_kind="general", tax_percent=Decimal(3), includes_tax=False))
    Decimal('103.0000')
    """
    full = 100 + quoted.tax_percent
    added = 100 if quoted.includes_tax else full
    deducted = full if quoted.invoice_kind == "special" else 100
    return (price * quoted.cny_per_100 * added / (100 * deducted)).quantize(COST_UNIT, ROUND_HALF_UP)


async def unrated(part: int, on: date) -> list[tuple[str, str]]:
    """Who offers a part on a day in a currency that has no rate: vendor and currency."""
    rows = await db.fetch(
        """SELECT party.code, offer.currency FROM offer
           JOIN vendor ON vendor.id = offer.vendor AND vendor.active
           JOIN party ON party.id = vendor.party
           WHERE offer.part = $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to >= $2)
             AND cny_per_100(offer.currency, $2) IS NULL
           ORDER BY party.code LIMIT 20""",
        part,
        on,
    )
    return [(row["code"], row["currency"]) for row in rows]
