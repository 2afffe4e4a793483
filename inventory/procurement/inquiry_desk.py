"""A vendor's desk for inquiries (询价): what it is asked for, and what it quotes.

A vendor sees what it was asked, its own latest prices and how many pieces it is given; not who else was asked, what others
quote, nor why we ask.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Refused, Unknown
from inventory.procurement import inquiries
from inventory.procurement.desk import NoVendor
from inventory.procurement.prices import InvoiceKind
from inventory.procurement.quote_sheets import QuotedLine

AskState = Literal["to_answer", "answered", "unanswered", "given", "not_given"]
"""A word is waited for; prices are there; the time is over without any; decided, for this vendor or not."""


class AnswersOver(Refused):
    """Answers to inquiry {number} were due by {answer_by}."""

    zh = "询价单 {number} 的答复截止时间为 {answer_by}，已过期。"
    help_en = "Call the buyer, who can still take your prices."
    help_zh = "请联系采购员，由其代为登记报价。"


class AskedPrice(Struct, frozen=True, kw_only=True):
    """What the vendor quotes for a part."""

    currency: str
    invoice_kind: InvoiceKind
    tax_percent: Decimal
    includes_tax: bool
    unit_price: Decimal
    minimum_quantity: int
    lot_size: int
    lead_time_days: float
    remark: str


class AskedLine(Struct, frozen=True, kw_only=True):
    """A part that is asked for, the vendor's price, and how many pieces it was given once that is decided."""

    position: int
    part_number: str
    name_zh: str
    name_en: str
    quantity: int
    price: AskedPrice | None
    given_quantity: int | None


class AskedInquiry(Struct, frozen=True, kw_only=True):
    """An inquiry as a vendor that was asked sees it; `answerable` while it still may quote, or quote anew."""

    id: UUID
    number: str
    state: AskState
    answerable: bool
    ship_to: str
    ship_to_zh: str
    ship_to_en: str
    opened_at: datetime
    answer_by: datetime
    version: int | None
    quoted_at: datetime | None
    valid_to: date | None
    remark: str
    lines: list[AskedLine]


_STATE = """CASE WHEN inquiry.state <> 'open'
                 THEN CASE WHEN EXISTS (
                          SELECT FROM inquiry_choice AS taken
                          JOIN vendor_quote_line AS quoted ON quoted.id = taken.quote_line
                          JOIN vendor_quote AS told ON told.id = quoted.quote
                          WHERE told.inquiry = inquiry.id AND told.vendor = asked.vendor)
                      THEN 'given' ELSE 'not_given' END
                 WHEN latest.id IS NOT NULL THEN 'answered'
                 WHEN answer_by <= $2 THEN 'unanswered' ELSE 'to_answer' END"""

_VIEW = f"""
    SELECT inquiry.id, inquiry.number, {_STATE} AS state, inquiry.state = 'open' AND answer_by > $2 AS answerable,
           place.code AS ship_to, place.name_zh AS ship_to_zh, place.name_en AS ship_to_en, opened_at, answer_by,
           latest.version, latest.came_at AS quoted_at, latest.valid_to, coalesce(latest.remark, '') AS remark,
           (SELECT jsonb_agg(jsonb_build_object(
                       'position', line.position, 'part_number', part.part_number, 'name_zh', part.name_zh,
                       'name_en', part.name_en, 'quantity', line.quantity,
                       'given_quantity', CASE WHEN inquiry.state = 'decided' THEN coalesce(taken.quantity, 0) END,
                       'price', CASE WHEN quoted.id IS NOT NULL THEN jsonb_build_object(
                           'currency', quoted.currency, 'invoice_kind', quoted.invoice_kind,
                           'tax_percent', quoted.tax_percent::text, 'includes_tax', quoted.includes_tax,
                           'unit_price', quoted.unit_price::text, 'minimum_quantity', quoted.minimum_quantity,
                           'lot_size', quoted.lot_size, 'lead_time_days', quoted.lead_time_days,
                           'remark', quoted.remark) END) ORDER BY line.position)
            FROM inquiry_line AS line
            JOIN part ON part.id = line.part
            LEFT JOIN vendor_quote_line AS quoted ON quoted.line = line.id AND quoted.quote = latest.id
            LEFT JOIN inquiry_choice AS taken ON taken.line = line.id AND taken.quote_line = quoted.id
            WHERE line.inquiry = inquiry.id) AS lines
    FROM inquiry_vendor AS asked
    JOIN vendor ON vendor.id = asked.vendor
    JOIN party ON party.id = vendor.party
    JOIN inquiry ON inquiry.id = asked.inquiry
    JOIN place ON place.id = inquiry.ship_to
    LEFT JOIN LATERAL (SELECT * FROM vendor_quote
                       WHERE vendor_quote.inquiry = asked.inquiry AND vendor_quote.vendor = asked.vendor
                       ORDER BY vendor_quote.version DESC LIMIT 1) AS latest ON true
    WHERE party.code = $1"""


async def asked_inquiries(
    *, limit: int, seen_by: Actor, after: UUID | None = None, state: AskState | None = None
) -> list[AskedInquiry]:
    """What the reader's vendor was asked, newest first; whoever has the right and no vendor reads none.

    Raises:
        NotGranted: the reader answers for no vendor.

    """
    seen_by.require("inquiries.answer")
    return await db.read(
        AskedInquiry,
        f"""{_VIEW} AND ($3::uuid IS NULL OR inquiry.id < $3) AND ($4::text IS NULL OR {_STATE} = $4)
            ORDER BY inquiry.id DESC LIMIT $5""",
        seen_by.vendor,
        clock.now(),
        after,
        state,
        limit,
    )


async def asked_inquiry(number: str, *, seen_by: Actor) -> AskedInquiry:
    """One of the inquiries that the reader's vendor was asked by.

    Raises:
        NotGranted: the reader answers for no vendor.
        Unknown: it was asked by no such inquiry.

    """
    seen_by.require("inquiries.answer")
    found = await db.read_one(AskedInquiry, f"{_VIEW} AND inquiry.number = $3", seen_by.vendor, clock.now(), number)
    if found is None:
        raise Unknown(what="inquiry", what_zh="询价单", key=number)
    return found


@db.atomic
async def quote(
    number: str, lines: Sequence[QuotedLine], *, by: Actor, valid_to: date, remark: str = ""
) -> AskedInquiry:
    """The vendor tells its prices; told anew they count instead of the earlier ones, which stay on record.

    Raises:
        NotGranted, NoVendor: the actor answers for no vendor.
        Unknown: it was asked by no such inquiry.
        AnswersOver: the time to answer has passed.
        WrongState, NotAsked, NothingQuoted, PartOrderedTwice, NoRateYet, NoTaxWithoutInvoice: as `inquiries.take_quote`.

    """
    by.require("inquiries.answer")
    if by.vendor is None:
        raise NoVendor(name=by.name)
    asked = await asked_inquiry(number, seen_by=by)
    open_one = await inquiries.locked(asked.id)
    if asked.answer_by <= clock.now():
        raise AnswersOver(number=number, answer_by=asked.answer_by.astimezone(clock.ZONE).strftime("%Y-%m-%d %H:%M"))
    await inquiries.keep_quote(open_one, by.vendor, lines, by=by, valid_to=valid_to, remark=remark)
    return await asked_inquiry(number, seen_by=by)
