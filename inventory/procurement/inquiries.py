"""Inquiries (询价): several vendors are asked for the same parts, each answer is kept, and what is best is chosen.

Three quotes are compared (三家比价); fewer vendors are asked only with a reason. Everything is kept: who was asked, every
answer with the sheet that it came in, what was chosen and why.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.grades import Provenance
from inventory.ground import audit, clock, db, files
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.people.delegations import acting
from inventory.places import places
from inventory.procurement import orders
from inventory.procurement.prices import InvoiceKind
from inventory.procurement.provenance import grade_on
from inventory.procurement.quote_sheets import Asked, QuotedLine, QuoteRead, SheetFinding
from inventory.stock import disclosure, pools

LEAST_VENDORS = 3
"""Fewer vendors are asked only with a reason."""

MOST_LINES, MOST_VENDORS = 200, 20
MOST_PIECES = 1_000_000

State = Literal["open", "decided", "cancelled"]


class FewVendors(Refused):
    """{count} vendors are asked; {least} are, unless a reason says why not."""

    zh = "仅向 {count} 家供应商询价；应不少于 {least} 家，否则须说明原因。"
    help_en = "Ask more vendors, or say why there are no more: a sole source, for example."
    help_zh = "请增加供应商，或说明原因，例如独家供应。"


class TooManyAsked(Invalid):
    """An inquiry is of at most {lines} parts to at most {vendors} vendors."""

    zh = "一张询价单最多包含 {lines} 种备件、{vendors} 家供应商。"
    help_en = "Open several inquiries."
    help_zh = "请分成多张询价单。"


class AnswerTimePast(Invalid):
    """The time by which vendors are to answer has passed already."""

    zh = "要求供应商答复的时间已过。"
    help_en = "Choose a later one."
    help_zh = "请选择更晚的时间。"


class NotAsked(Refused):
    """{vendor} was not asked by inquiry {number}, or not for {part_number}."""

    zh = "询价单 {number} 未向 {vendor} 询价，或未询价 {part_number}。"
    help_en = "See who was asked for what; open another inquiry for the rest."
    help_zh = "请查看询价对象与备件；其余请另行询价。"


class NothingQuoted(Invalid):
    """A quote holds at least one price and is valid from today on at least."""

    zh = "报价至少包含一个单价，且有效期不早于今天。"
    help_en = "Enter the vendor's prices and until when they are valid."
    help_zh = "请填写供应商的单价与有效期。"


class NoRateYet(Refused):
    """No exchange rate of {currency} is in force today."""

    zh = "{currency} 今日没有有效汇率。"
    help_en = "Enter the rate; then the quote can be compared."
    help_zh = "请录入汇率后再比价。"


class NotQuoted(Refused):
    """{vendor} quotes no price for {part_number} that is valid today."""

    zh = "{vendor} 对 {part_number} 没有今日有效的报价。"
    help_en = "Choose a vendor that quotes it, or ask for a new quote."
    help_zh = "请选择有报价的供应商，或重新询价。"


class QuoteTermsBroken(Invalid):
    """{part_number}: {quantity} chosen; {vendor} sends {minimum} or more, in lots of {lot}."""

    zh = "{part_number}：选择 {quantity}，{vendor} 起订 {minimum}，按 {lot} 的整数倍。"
    help_en = "Take a multiple of {lot} from {minimum} on."
    help_zh = "请按 {lot} 的倍数、不少于 {minimum} 选择。"


class NewInquiry(Struct, frozen=True, kw_only=True):
    """What to ask whom, for which store; `answer_by` is when answers are due."""

    ship_to: str
    lines: Sequence[orders.NewLine]
    vendors: Sequence[str]
    answer_by: datetime
    pool: str = pools.COMMON
    few_reason: str = ""
    remark: str = ""


class InquirySummary(Struct, frozen=True, kw_only=True):
    """An inquiry in short."""

    id: UUID
    number: str
    state: State
    ship_to: str
    pool: str
    answer_by: datetime
    opened_at: datetime
    opened_by: str
    decided_at: datetime | None
    decided_by: str | None
    decided_for: str | None
    reason: str
    few_reason: str
    remark: str
    parts: int
    asked: int
    answered: int


class InquiryPart(Struct, frozen=True, kw_only=True):
    """A part that is asked for."""

    position: int
    part_number: str
    name_zh: str
    name_en: str
    quantity: int


class QuoteView(Struct, frozen=True, kw_only=True):
    """A vendor's price for a part, as it counts today: what is payable with tax and what it costs us, CNY a piece.

    `valid` says whether it still may be chosen; what has expired stays on record, and is not compared.
    """

    vendor: str
    part_number: str
    currency: str
    invoice_kind: InvoiceKind
    tax_percent: Decimal
    includes_tax: bool
    unit_price: Decimal
    unit_price_cny: Decimal
    unit_cost_cny: Decimal
    minimum_quantity: int
    lot_size: int
    fits: int
    lead_time_days: float
    valid_to: date
    valid: bool
    grade: Provenance
    remark: str


class AskedVendor(Struct, frozen=True, kw_only=True):
    """A vendor that was asked, its standing terms for an order, and its latest answer, if any."""

    vendor: str
    vendor_zh: str
    vendor_en: str
    minimum_order_cny: Decimal
    small_order_fee_cny: Decimal | None
    freight_cny: Decimal
    version: int | None
    came_at: datetime | None
    came_by: str | None
    valid_to: date | None
    file: UUID | None
    findings: list[SheetFinding]


class Chosen(Struct, frozen=True, kw_only=True):
    """What a part went to."""

    part_number: str
    vendor: str
    quantity: int
    cheapest: bool


class InquiryView(Struct, frozen=True, kw_only=True):
    """A whole inquiry."""

    inquiry: InquirySummary
    parts: list[InquiryPart]
    vendors: list[AskedVendor]
    quotes: list[QuoteView]
    chosen: list[Chosen]


class Pick(Struct, frozen=True, kw_only=True):
    """A part, the vendor that gets it, and how many."""

    part_number: str
    vendor: str
    quantity: int


class Decision(Struct, frozen=True, kw_only=True):
    """How an inquiry was decided, and the numbers of the order drafts that were made of it.

    `without_expedited` are vendors' parts whose expedited, exchange or repair terms ended, as the chosen quote is in another
    currency or taxed otherwise: they are to be asked for anew.
    """

    inquiry: InquirySummary
    orders: list[str]
    without_expedited: list[str]


@db.atomic
async def open_inquiry(new: NewInquiry, *, by: Actor) -> InquirySummary:
    """Ask vendors for parts.

    Raises:
        Unknown: no such store, pool, part or vendor.
        NotYourDepot: the actor does not serve the store.
        FewVendors: fewer than three are asked, without a reason.
        TooManyAsked: more than one sheet holds.
        AnswerTimePast: answers would be due already.
        PartOrderedTwice: a part is asked for twice.

    """
    by.require("orders.draft")
    by.require("costs.read")
    by.require_depot(new.ship_to)
    place, pool = await places.find_store(new.ship_to), await pools.find(new.pool)
    vendors = sorted(set(new.vendors))
    if not 0 < len(new.lines) <= MOST_LINES or not 0 < len(vendors) <= MOST_VENDORS:
        raise TooManyAsked(lines=MOST_LINES, vendors=MOST_VENDORS)
    if len(vendors) < LEAST_VENDORS and not new.few_reason.strip():
        raise FewVendors(count=len(vendors), least=LEAST_VENDORS)
    if new.answer_by <= clock.now():
        raise AnswerTimePast
    asked = await parts.find_each([line.part_number for line in new.lines])
    if len({part.id for part in asked}) < len(asked):
        raise orders.PartOrderedTwice
    known = await _vendors(vendors)
    number = await next_number("RFQ")
    inquiry = await db.fetch_value(
        """INSERT INTO inquiry (number, ship_to, pool, state, answer_by, few_reason, remark, opened_at, opened_by)
           VALUES ($1, $2, $3, 'open', $4, $5, $6, $7, $8) RETURNING id""",
        number,
        place.id,
        pool,
        new.answer_by,
        new.few_reason.strip(),
        new.remark.strip(),
        clock.now(),
        by.name,
    )
    await db.execute(
        """INSERT INTO inquiry_line (inquiry, position, part, quantity)
           SELECT $1, position, part, quantity
           FROM unnest($2::int[], $3::int[]) WITH ORDINALITY AS asked(part, quantity, position)""",
        inquiry,
        [part.id for part in asked],
        [line.quantity for line in new.lines],
    )
    await db.execute(
        "INSERT INTO inquiry_vendor (inquiry, vendor) SELECT $1, vendor FROM unnest($2::int[]) AS vendor",
        inquiry,
        [known[code] for code in vendors],
    )
    change = {"vendors": vendors, "parts": [part.part_number for part in asked]}
    await audit.record("inquiry.opened", "inquiry", number, by=by, reason=new.few_reason.strip(), change=change)
    return await summary(inquiry)


async def _vendors(codes: Sequence[str]) -> dict[str, int]:
    rows = await db.fetch(
        "SELECT code, vendor.id FROM vendor JOIN party ON party.id = vendor.party WHERE active AND code = ANY($1)",
        list(codes),
    )
    found = {row["code"]: row["id"] for row in rows}
    missing = sorted(set(codes) - found.keys())
    if missing:
        raise Unknown(what="vendor", what_zh="供应商", key=missing[0])
    return found


@db.atomic
async def cancel_inquiry(inquiry: UUID, *, by: Actor, reason: str) -> InquirySummary:
    """Give an inquiry up, with the reason.

    Raises:
        Unknown: no such inquiry in the actor's stores.
        WrongState: it was decided or cancelled.
        ReasonMissing: no reason was given.

    """
    by.require("orders.draft")
    if not reason.strip():
        raise ReasonMissing
    view = await locked(inquiry, seen_by=by)
    await _end(inquiry, "cancelled", reason, by)
    await audit.record("inquiry.cancelled", "inquiry", view.number, by=by, reason=reason.strip())
    return await summary(inquiry)


async def locked(inquiry: UUID, *, seen_by: Actor | None = None) -> InquirySummary:
    """An inquiry that is still open, locked, of a store that the reader serves.

    Raises:
        Unknown: no such inquiry in the reader's stores.
        WrongState: it was decided or cancelled.

    """
    await db.execute("SELECT FROM inquiry WHERE id = $1 FOR NO KEY UPDATE", inquiry)
    view = await summary(inquiry, seen_by=seen_by)
    if view.state != "open":
        raise WrongState(what="Inquiry", what_zh="询价单", key=view.number, state=view.state, needed="open")
    return view


async def _end(inquiry: UUID, state: Literal["decided", "cancelled"], reason: str, by: Actor) -> None:
    await db.execute(
        """UPDATE inquiry SET state = $2, decided_at = $3, decided_by = $4, decided_for = $5, reason = $6
           WHERE id = $1""",
        inquiry,
        state,
        clock.now(),
        by.name,
        by.acts_for,
        reason.strip(),
    )


@db.atomic
async def take_quote(
    inquiry: UUID,
    vendor: str,
    lines: Sequence[QuotedLine],
    *,
    by: Actor,
    valid_to: date,
    file: UUID | None = None,
    findings: Sequence[SheetFinding] = (),
    remark: str = "",
) -> InquirySummary:
    """Keep a vendor's answer; an earlier one stays on record, and the latest counts.

    Raises:
        Unknown: no such inquiry in the actor's stores.
        WrongState: it was decided or cancelled.
        NotAsked: the vendor was not asked, or not for a part.
        NothingQuoted: there is no price, or it is not valid any more.
        NoRateYet: a currency has no rate today.
        NoTaxWithoutInvoice: a price without a 发票 has a tax rate.

    """
    by.require("orders.draft")
    by.require("costs.read")
    view = await locked(inquiry, seen_by=by)
    return await keep_quote(view, vendor, lines, by=by, valid_to=valid_to, file=file, findings=findings, remark=remark)


async def keep_quote(
    view: InquirySummary,
    vendor: str,
    lines: Sequence[QuotedLine],
    *,
    by: Actor,
    valid_to: date,
    file: UUID | None = None,
    findings: Sequence[SheetFinding] = (),
    remark: str = "",
) -> InquirySummary:
    """Keep a vendor's answer to an inquiry that another verb has locked, having checked the actor's rights.

    Raises:
        NotAsked, NothingQuoted, PartOrderedTwice, NoRateYet, NoTaxWithoutInvoice: as `take_quote`.

    """
    inquiry = view.id
    if not lines or valid_to < clock.today():
        raise NothingQuoted
    if len({line.part_number for line in lines}) < len(lines):
        raise orders.PartOrderedTwice
    asked = await db.fetch_value(
        """SELECT vendor.id FROM inquiry_vendor JOIN vendor ON vendor.id = inquiry_vendor.vendor
           JOIN party ON party.id = vendor.party WHERE inquiry = $1 AND party.code = $2""",
        inquiry,
        vendor,
    )
    known = await db.fetch(
        "SELECT inquiry_line.id, part_number FROM inquiry_line JOIN part ON part.id = part WHERE inquiry = $1", inquiry
    )
    of_part: Mapping[str, UUID] = {row["part_number"]: row["id"] for row in known}
    strange = next((line.part_number for line in lines if line.part_number not in of_part), None)
    if asked is None or strange is not None:
        raise NotAsked(vendor=vendor, number=view.number, part_number=strange or "–")
    unrated = await db.fetch_value(
        "SELECT currency FROM unnest($1::text[]) AS currency WHERE cny_per_100(currency, $2) IS NULL LIMIT 1",
        [line.currency for line in lines],
        clock.today(),
    )
    if unrated is not None:
        raise NoRateYet(currency=unrated)
    quote = await db.fetch_value(
        """INSERT INTO vendor_quote (inquiry, vendor, version, valid_to, stored_file, came_at, came_by, remark, findings)
           SELECT $1, $2, 1 + count(*), $3, $4, $5, $6, $7, $8 FROM vendor_quote WHERE inquiry = $1 AND vendor = $2
           RETURNING id""",
        inquiry,
        asked,
        valid_to,
        file,
        clock.now(),
        by.name,
        remark.strip(),
        list(findings),
    )
    await db.execute_many(
        """INSERT INTO vendor_quote_line (quote, line, currency, invoice_kind, tax_percent, includes_tax, unit_price,
                                          minimum_quantity, lot_size, lead_time_days, remark)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        [
            (
                *(quote, of_part[line.part_number], line.currency, line.invoice_kind, line.tax_percent),
                *(line.includes_tax, line.unit_price, line.minimum_quantity, line.lot_size, line.lead_time_days),
                line.remark,
            )
            for line in lines
        ],
    )
    await audit.record("inquiry.quoted", "inquiry", view.number, by=by, change={"vendor": vendor, "parts": len(lines)})
    return await summary(inquiry)


@db.atomic
async def take_sheet(
    inquiry: UUID,
    vendor: str,
    found: QuoteRead,
    *,
    by: Actor,
    name: str,
    content: bytes,
    most_bytes: int,
    forms: dict[str, str],
) -> InquirySummary:
    """Keep a vendor's answer with the file that it was read from, and how that was read.

    Raises:
        Unknown, WrongState, NotAsked, NothingQuoted, NoRateYet, NoTaxWithoutInvoice: as `take_quote`.
        FileEmpty, FileTooLarge, FileFormRefused: the file is not taken.

    """
    if found.valid_to is None:
        raise NothingQuoted
    stored = await files.store(name, content, by=by, most_bytes=most_bytes, forms=forms)
    return await take_quote(
        inquiry, vendor, found.lines, by=by, valid_to=found.valid_to, file=stored.id, findings=found.findings
    )


@db.atomic
async def choose(inquiry: UUID, picks: Sequence[Pick], *, by: Actor, reason: str = "", order: bool = False) -> Decision:
    """Decide: what was chosen becomes offers, valid from today on, and where wanted an order draft for each vendor.

    A part that is not picked is not bought. Where another quote costs less a piece, a reason is needed.

    Raises:
        Unknown: no such inquiry in the actor's stores.
        WrongState: it was decided or cancelled.
        NotQuoted: a vendor quotes no such part, or not today.
        QuoteTermsBroken: fewer pieces than the vendor sends, or no whole lots.
        ReasonMissing: another quote costs less.
        FourEyes, NoPerson: whoever opened it may not decide on so much.
        BeyondDelegation, OutsideDelegation, DraftedForOneself: the actor stands in for an approver, and may not decide this.
        OrderTooSmall: a vendor takes no order of so little.

    """
    by.require(orders.APPROVING)
    by.require("costs.read")
    head = await locked(inquiry, seen_by=by)
    by.require_depot(head.ship_to)
    quotes = await _quotes(inquiry)
    known = {(quote["part_number"], quote["vendor"]): quote for quote in quotes}
    if not picks or len({pick.part_number for pick in picks}) < len(picks):
        raise orders.PartOrderedTwice
    rows: list[tuple[object, ...]] = []
    total, dearer = Decimal(0), False
    for pick in picks:
        quote = known.get((pick.part_number, pick.vendor))
        if quote is None or not quote["valid"]:
            raise NotQuoted(vendor=pick.vendor, part_number=pick.part_number)
        if pick.quantity < quote["minimum_quantity"] or pick.quantity % quote["lot_size"]:
            raise QuoteTermsBroken(
                part_number=pick.part_number,
                quantity=pick.quantity,
                vendor=pick.vendor,
                minimum=quote["minimum_quantity"],
                lot=quote["lot_size"],
            )
        least = min(
            other["unit_cost_cny"] for other in quotes if other["part_number"] == pick.part_number and other["valid"]
        )
        cheapest = quote["unit_cost_cny"] == least
        dearer = dearer or not cheapest
        total += quote["unit_price_cny"] * pick.quantity
        rows.append((quote["line"], quote["quote_line"], pick.quantity, cheapest))
    if dearer and not reason.strip():
        raise ReasonMissing
    by = acting(orders.APPROVING, by=by, amount_cny=total, depot=head.ship_to, drafted_by=[head.opened_by])
    await orders.require_second(total, head.opened_by, by=by)
    await db.execute_many(
        "INSERT INTO inquiry_choice (line, quote_line, quantity, cheapest) VALUES ($1, $2, $3, $4)", rows
    )
    lost = await _offer([row[1] for row in rows])
    await _end(inquiry, "decided", reason, by)
    change: dict[str, object] = {
        "total_cny": str(total),
        "picks": [[pick.part_number, pick.vendor, pick.quantity] for pick in picks],
    }
    change["without_expedited"] = lost
    await audit.record("inquiry.decided", "inquiry", head.number, by=by, reason=reason.strip(), change=change)
    drafts: list[str] = []
    for vendor in sorted({pick.vendor for pick in picks}) if order else ():
        lines = [orders.NewLine(part_number=p.part_number, quantity=p.quantity) for p in picks if p.vendor == vendor]
        drafts.append((await orders.draft(vendor, head.ship_to, lines, by=by, pool=head.pool)).number)
    return Decision(inquiry=await summary(inquiry), orders=drafts, without_expedited=lost)


async def _offer(quote_lines: Sequence[object]) -> list[str]:
    """Chosen quotes are the vendors' offers from today on; one that begins today already takes their terms.

    Expedited, exchange and repair terms of the offer in force go over to the new one where currency, 发票 and tax are the same;
    the number of its framework contract does only where the price is the same too, since another one is not that contract's.
    The others end with their offer: those vendors and parts are answered.
    """
    rows = await db.fetch(
        """WITH chosen AS (
               SELECT quoted.*, vendor_quote.vendor, vendor_quote.valid_to, inquiry_line.part,
                      (now.currency, now.invoice_kind, now.tax_percent, now.includes_tax)
                      = (quoted.currency, quoted.invoice_kind, quoted.tax_percent, quoted.includes_tax) AS alike,
                      now.expedited_hours, now.expedited_price, now.expedited_fee, now.exchange_hours, now.exchange_fee,
                      now.repair_price, now.repair_days, now.framework_number, now.unit_price AS agreed_price
               FROM vendor_quote_line AS quoted
               JOIN vendor_quote ON vendor_quote.id = quoted.quote
               JOIN inquiry_line ON inquiry_line.id = quoted.line
               LEFT JOIN offers_on($2) AS held ON held.vendor = vendor_quote.vendor AND held.part = inquiry_line.part
               LEFT JOIN offer AS now ON now.id = held.id
               WHERE quoted.id = ANY($1)
           ), written AS (
               INSERT INTO offer (vendor, part, currency, invoice_kind, tax_percent, includes_tax, unit_price,
                                  minimum_quantity, lot_size, maximum_quantity, order_fee, lead_time_days, valid_from,
                                  valid_to, expedited_hours, expedited_price, expedited_fee, exchange_hours, exchange_fee,
                                  repair_price, repair_days, framework_number)
               SELECT vendor, part, currency, invoice_kind, tax_percent, includes_tax, unit_price, minimum_quantity, lot_size,
                      greatest($3, minimum_quantity), 0, lead_time_days, $2, valid_to,
                      CASE WHEN alike THEN expedited_hours END, CASE WHEN alike THEN expedited_price END,
                      CASE WHEN alike THEN expedited_fee END, CASE WHEN alike THEN exchange_hours END,
                      CASE WHEN alike THEN exchange_fee END, CASE WHEN alike THEN repair_price END,
                      CASE WHEN alike THEN repair_days END,
                      CASE WHEN alike AND agreed_price = unit_price THEN framework_number END
               FROM chosen
               ON CONFLICT ON CONSTRAINT offer_is_unique DO UPDATE
               SET currency = excluded.currency, invoice_kind = excluded.invoice_kind, tax_percent = excluded.tax_percent,
                   includes_tax = excluded.includes_tax, unit_price = excluded.unit_price,
                   minimum_quantity = excluded.minimum_quantity, lot_size = excluded.lot_size,
                   maximum_quantity = excluded.maximum_quantity, lead_time_days = excluded.lead_time_days,
                   valid_to = excluded.valid_to, expedited_hours = excluded.expedited_hours,
                   expedited_price = excluded.expedited_price, expedited_fee = excluded.expedited_fee,
                   exchange_hours = excluded.exchange_hours, exchange_fee = excluded.exchange_fee,
                   repair_price = excluded.repair_price, repair_days = excluded.repair_days,
                   framework_number = excluded.framework_number
           )
           SELECT party.code || ' / ' || part_number AS lost
           FROM chosen
           JOIN vendor ON vendor.id = chosen.vendor
           JOIN party ON party.id = vendor.party
           JOIN part ON part.id = chosen.part
           WHERE alike IS NOT TRUE AND num_nonnulls(expedited_hours, exchange_hours, repair_price) > 0
           ORDER BY 1""",
        list(quote_lines),
        clock.today(),
        MOST_PIECES,
    )
    return [row["lost"] for row in rows]


_SUMMARY = f"""
SELECT inquiry.id, inquiry.number, inquiry.state, place.code AS ship_to, pool.code AS pool, answer_by, opened_at, opened_by,
       decided_at, decided_by, decided_for, reason, few_reason, inquiry.remark,
       (SELECT count(*) FROM inquiry_line WHERE inquiry = inquiry.id)::int AS parts,
       (SELECT count(*) FROM inquiry_vendor WHERE inquiry = inquiry.id)::int AS asked,
       (SELECT count(DISTINCT vendor) FROM vendor_quote WHERE inquiry = inquiry.id)::int AS answered
FROM inquiry
JOIN place ON place.id = inquiry.ship_to
JOIN pool ON pool.id = inquiry.pool
WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND {disclosure.serves("pool", "$2")}
"""


async def summary(inquiry: UUID, *, seen_by: Actor | None = None) -> InquirySummary:
    """An inquiry in short.

    Raises:
        Unknown: no such inquiry in the reader's stores.

    """
    scope = (seen_by.depot_scope, seen_by.contract_scope) if seen_by else (None, None)
    found = await db.read_one(InquirySummary, f"{_SUMMARY} AND inquiry.id = $3", *scope, inquiry)
    if found is None:
        raise Unknown(what="inquiry", what_zh="询价单", key=str(inquiry))
    return found


async def inquiries(
    *, limit: int, seen_by: Actor, after: UUID | None = None, state: State | None = None
) -> list[InquirySummary]:
    """Inquiries for the reader's stores, newest first."""
    seen_by.require("costs.read")
    return await db.read(
        InquirySummary,
        f"""{_SUMMARY} AND ($3::uuid IS NULL OR inquiry.id < $3) AND ($4::text IS NULL OR inquiry.state = $4)
            ORDER BY inquiry.id DESC LIMIT $5""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        after,
        state,
        limit,
    )


async def inquiry_view(inquiry: UUID, *, seen_by: Actor) -> InquiryView:
    """A whole inquiry, with what every vendor's latest answer comes to today; as many statements whatever its size.

    Raises:
        NotGranted: the reader may not see prices.
        Unknown: no such inquiry in the reader's stores.

    """
    seen_by.require("costs.read")
    return InquiryView(
        inquiry=await summary(inquiry, seen_by=seen_by),
        parts=await db.read(
            InquiryPart,
            """SELECT position, part_number, name_zh, name_en, quantity FROM inquiry_line
               JOIN part ON part.id = part WHERE inquiry = $1 ORDER BY position""",
            inquiry,
        ),
        vendors=await db.read(
            AskedVendor,
            """SELECT party.code AS vendor, name_zh AS vendor_zh, name_en AS vendor_en, minimum_order_cny,
                      small_order_fee_cny, freight_cny, version, came_at, came_by, valid_to, stored_file AS file,
                      coalesce(findings, '[]') AS findings
               FROM inquiry_vendor AS asked
               JOIN vendor ON vendor.id = asked.vendor
               JOIN party ON party.id = vendor.party
               LEFT JOIN LATERAL (SELECT * FROM vendor_quote
                                  WHERE vendor_quote.inquiry = asked.inquiry AND vendor_quote.vendor = asked.vendor
                                  ORDER BY version DESC LIMIT 1) AS latest ON true
               WHERE asked.inquiry = $1 ORDER BY party.code""",
            inquiry,
        ),
        quotes=[_quote(row) for row in await _quotes(inquiry)],
        chosen=await db.read(
            Chosen,
            """SELECT part_number, party.code AS vendor, choice.quantity, cheapest
               FROM inquiry_choice AS choice
               JOIN inquiry_line ON inquiry_line.id = choice.line AND inquiry_line.inquiry = $1
               JOIN part ON part.id = inquiry_line.part
               JOIN vendor_quote_line ON vendor_quote_line.id = choice.quote_line
               JOIN vendor_quote ON vendor_quote.id = vendor_quote_line.quote
               JOIN vendor ON vendor.id = vendor_quote.vendor
               JOIN party ON party.id = vendor.party
               ORDER BY position""",
            inquiry,
        ),
    )


async def _quotes(inquiry: UUID) -> list[db.Row]:
    """The lines of the latest answers, priced at today's rates, or those of the day of the decision."""
    return await db.fetch(
        f"""SELECT quoted.id AS quote_line, quoted.line, party.code AS vendor, part_number, quoted.currency, invoice_kind,
                  tax_percent, includes_tax, unit_price,
                  payable_cny(unit_price, tax_percent, includes_tax, rate) AS unit_price_cny,
                  cost_cny(unit_price, invoice_kind, tax_percent, includes_tax, rate) AS unit_cost_cny,
                  minimum_quantity, lot_size, lead_time_days, valid_to, valid_to >= day AS valid, quoted.remark,
                  {grade_on("$2")} AS grade,
                  (ceil(greatest(asked.quantity, minimum_quantity)::numeric / lot_size) * lot_size)::int AS fits
           FROM inquiry
           JOIN vendor_quote ON vendor_quote.inquiry = inquiry.id
           JOIN vendor_quote_line AS quoted ON quoted.quote = vendor_quote.id
           JOIN inquiry_line AS asked ON asked.id = quoted.line
           JOIN part ON part.id = asked.part
           JOIN vendor ON vendor.id = vendor_quote.vendor
           JOIN party ON party.id = vendor.party
           CROSS JOIN LATERAL (SELECT coalesce((decided_at AT TIME ZONE '{clock.ZONE.key}')::date, $2) AS day) AS judged
           CROSS JOIN LATERAL (SELECT cny_per_100(quoted.currency, day) AS rate) AS rated
           WHERE inquiry.id = $1 AND rate IS NOT NULL
             AND NOT EXISTS (SELECT FROM vendor_quote AS later WHERE later.inquiry = inquiry.id
                             AND later.vendor = vendor_quote.vendor AND later.version > vendor_quote.version)
           ORDER BY asked.position, unit_cost_cny, party.code""",
        inquiry,
        clock.today(),
    )


def _quote(row: db.Row) -> QuoteView:
    return QuoteView(**{name: row[name] for name in QuoteView.__struct_fields__})


async def asked_of(inquiry: UUID, vendor: str, *, seen_by: Actor) -> tuple[InquirySummary, list[Asked]]:
    """What a vendor is asked for, for its sheet.

    Raises:
        Unknown: no such inquiry in the reader's stores.
        NotAsked: the vendor is not asked.

    """
    view = await inquiry_view(inquiry, seen_by=seen_by)
    if vendor not in {each.vendor for each in view.vendors}:
        raise NotAsked(vendor=vendor, number=view.inquiry.number, part_number="–")
    return view.inquiry, [
        Asked(position=part.position, part_number=part.part_number, quantity=part.quantity) for part in view.parts
    ]
