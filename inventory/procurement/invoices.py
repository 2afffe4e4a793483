"""Vendors' invoices (发票): entered as they were issued, once each, with money that adds up; red letters take back."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.bounds import Bounded, Within
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.procurement import matching, vendors
from inventory.procurement.matching import SEEN, MatchedLine
from inventory.procurement.prices import CNY, FEN, Currency, InvoiceKind

State = Literal["matched", "waits", "differs", "withdrawn"]

MOST = 100_000_000

Amount = Annotated[Decimal, Within(-MOST, MOST)]


class InvoiceEnteredTwice(Refused, constraint="invoice_number_is_entered_once"):
    """This number of this vendor is entered already."""

    zh = "该供应商的此发票号码已录入。"
    help_en = "Look for it among the invoices; one entered by mistake is withdrawn first."
    help_zh = "请在发票列表中查找；误录的发票应先撤销。"


class InvoiceNumberWrong(Invalid):
    """“{number}” with code “{code}” is no number of a 发票."""

    zh = "发票号码“{number}”、代码“{code}”不符合规则。"
    help_en = "A digital 发票 has 20 digits and no code; a paper one 8 digits and a code of 10 or 12."
    help_zh = "数电发票号码为 20 位、无代码；纸质发票号码为 8 位，代码为 10 或 12 位。"


class DoesNotAddUp(Invalid):
    """{where}: {what} is {given}; it should be {expected}."""

    zh = "{where_zh}：{what_zh}为 {given}，应为 {expected}。"
    help_en = "Copy the amounts as they are printed; amount and tax make the total, and the lines make the sums."
    help_zh = "请按票面填写：金额加税额等于价税合计，各行之和等于合计（每行允许一分之差）。"


class InvoiceFromFuture(Invalid):
    """An invoice of {issued_on} cannot have been issued yet."""

    zh = "开票日期 {issued_on} 尚未到来。"
    help_en = "Give the day that is printed on it."
    help_zh = "请填写票面的开票日期。"


class LineInvoicedTwice(Invalid):
    """{what} of order {order} stands on this invoice twice."""

    zh = "订单 {order} 的 {what} 在该发票中重复出现。"
    help_en = "Put all pieces of a part, and all fees of an order, on one line."
    help_zh = "同一备件或同一订单的费用请合并为一行。"


class WrongSign(Invalid):
    """An invoice has positive quantities and amounts; one that takes back (红字) has none above zero."""

    zh = "蓝字发票的数量与金额须为正；红字发票的数量与金额不得为正。"
    help_en = "For a red letter, name the invoice it reverses, and give its quantities and amounts with a minus."
    help_zh = "红字发票请指明被冲红的发票，数量与金额填写负数。"


class MoreThanInvoiced(Refused):
    """{what} of order {order}: only {quantity} pieces and {total} are left to be taken back."""

    zh = "订单 {order} 的 {what}：可冲红余额为 {quantity} 件、{total}。"
    help_en = "A red letter takes back no more than the invoice asks for, less earlier red letters."
    help_zh = "红字发票不能超过原发票扣除已冲红部分后的余额。"


class Reversed(Refused):
    """Invoice {number} is reversed by a red letter."""

    zh = "发票 {number} 已有红字发票。"
    help_en = "Withdraw the red letter first, if that was entered by mistake."
    help_zh = "如红字发票系误录，请先撤销红字发票。"


class NewInvoiceLine(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line: a part of an order, or (without a part) the order's fees, of which the quantity is 1 (0 in a red letter).

    Amounts in the invoice's currency: without tax, the tax, and both together.
    """

    order: Annotated[str, Meta(min_length=1, max_length=200)]
    part_number: Annotated[str, Meta(max_length=200)] | None = None
    quantity: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
    amount: Amount
    tax_percent: Annotated[Decimal, Within(0, 100)]
    tax: Amount
    total: Amount


class NewInvoice(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An invoice as it is printed; one that `reverses` another (红字) has negative amounts."""

    vendor: Annotated[str, Meta(min_length=1, max_length=200)]
    invoice_number: Annotated[str, Meta(min_length=1, max_length=40)]
    invoice_code: Annotated[str, Meta(max_length=20)] | None = None
    kind: InvoiceKind
    currency: Currency = CNY
    issued_on: date
    amount: Amount
    tax: Amount
    total: Amount
    lines: Annotated[list[NewInvoiceLine], Meta(min_length=1, max_length=200)]
    reverses: UUID | None = None
    remark: Annotated[str, Meta(max_length=2000)] = ""


class InvoiceView(Struct, frozen=True, kw_only=True):
    """An invoice as lists show it; amounts in its currency, without tax, the tax, and both together."""

    id: UUID
    number: str
    vendor: str
    vendor_zh: str
    vendor_en: str
    invoice_number: str
    invoice_code: str | None
    kind: InvoiceKind
    currency: str
    issued_on: date
    amount: Decimal
    tax: Decimal
    total: Decimal
    state: State
    reverses: UUID | None
    remark: str
    entered_at: datetime
    entered_by: str
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    withdrawn_because: str


class InvoiceDetail(Struct, frozen=True, kw_only=True):
    """An invoice with its lines, and the red letters that took back of it."""

    invoice: InvoiceView
    lines: list[MatchedLine]
    red_letters: list[InvoiceView]


@db.atomic
async def enter(new: NewInvoice, *, by: Actor) -> InvoiceDetail:
    """Enter an invoice, and match it with what was ordered and came.

    Raises:
        Unknown: no such vendor; no such order of that vendor with that part that was sent; no such invoice to reverse.
        NotYourDepot: an order goes to a store that the actor does not serve.
        InvoiceNumberWrong, InvoiceFromFuture, DoesNotAddUp, LineInvoicedTwice, WrongSign: it cannot be so printed.
        MoreThanInvoiced: it takes back more than there is.
        InvoiceEnteredTwice: this number of this vendor is there.

    """
    by.require("invoices.enter")
    by.require("costs.read")
    number, code = new.invoice_number.strip(), (new.invoice_code or "").strip() or None
    _require_number(new.kind, number, code)
    if new.issued_on > clock.today():
        raise InvoiceFromFuture(issued_on=new.issued_on)
    _require_sums(new)
    vendor = await vendors.vendor_id(new.vendor)
    lines = await _ordered(vendor, new.lines, by)
    for place, told in zip(lines, new.lines, strict=True):
        if lines.count(place) > 1:
            raise LineInvoicedTwice(order=told.order, what=told.part_number or "fees 费用")
    reversed_lines = await _reversed(new, vendor, lines, by) if new.reverses is not None else [None] * len(lines)
    own = await next_number("IV")
    invoice = await db.fetch_value(
        """INSERT INTO invoice (number, vendor, invoice_number, invoice_code, kind, currency, issued_on, amount, tax, total,
                                reverses, state, remark, entered_at, entered_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'matched', $12, $13, $14)
           ON CONFLICT (vendor, coalesce(invoice_code, ''), invoice_number) WHERE state <> 'withdrawn' DO NOTHING
           RETURNING id""",
        own,
        vendor,
        number,
        code,
        new.kind,
        new.currency,
        new.issued_on,
        new.amount,
        new.tax,
        new.total,
        new.reverses,
        new.remark.strip(),
        clock.now(),
        by.name,
    )
    if invoice is None:
        raise InvoiceEnteredTwice
    await db.execute_many(
        """INSERT INTO invoice_line (invoice, purchase_order, order_line, quantity, amount, tax_percent, tax, total, reverses)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        [
            (invoice, order, line, told.quantity, told.amount, told.tax_percent, told.tax, told.total, taken)
            for (order, line), told, taken in zip(lines, new.lines, reversed_lines, strict=True)
        ],
    )
    await audit.record(
        "invoice.entered", "invoice", own, by=by, change={"invoice_number": number, "total": str(new.total)}
    )
    await matching.judge(sorted({order for order, _ in lines}), by=by)
    return await invoice_detail(invoice, seen_by=by)


def _require_number(kind: InvoiceKind, number: str, code: str | None) -> None:
    """Refuse what is no number of a 发票; one from abroad has any.

    >>> _require_number("special", "25442000000123456789", None)
    >>> _require_number("general", "12345678", "044002300111")
    """
    digital = re.fullmatch("[0-9]{20}", number) and code is None
    paper = re.fullmatch("[0-9]{8}", number) and re.fullmatch("[0-9]{10}|[0-9]{12}", code or "")
    foreign = kind == "none" and number.isprintable() and number and code is None
    if not (digital or paper or foreign):
        raise InvoiceNumberWrong(number=number, code=code or "")


def _require_sums(new: NewInvoice) -> None:
    """Refuse money that does not add up, to a fen for each line, and amounts of the wrong sign."""
    red = new.reverses is not None
    for place, line in enumerate(new.lines, 1):
        amounts = (line.amount, line.tax, line.total)
        if any(each > 0 for each in amounts) if red else any(each < 0 for each in amounts):
            raise WrongSign
        if (line.quantity > 0 or not (line.quantity or line.total)) if red else line.quantity < 1:
            raise WrongSign
        if line.part_number is None and abs(line.quantity) > 1:
            raise WrongSign
        where = (f"Line {place}", f"第 {place} 行")
        _require_equal(line.total, line.amount + line.tax, Decimal(0), "total", "价税合计", where)
        _require_equal(line.tax, (line.amount * line.tax_percent / 100).quantize(FEN), FEN, "tax", "税额", where)
    whole = ("The invoice", "合计")
    _require_equal(new.total, new.amount + new.tax, Decimal(0), "total", "价税合计", whole)
    slack = FEN * len(new.lines)
    _require_equal(new.amount, sum((each.amount for each in new.lines), Decimal(0)), slack, "amount", "金额", whole)
    _require_equal(new.tax, sum((each.tax for each in new.lines), Decimal(0)), slack, "tax", "税额", whole)
    _require_equal(new.total, sum((each.total for each in new.lines), Decimal(0)), slack, "total", "价税合计", whole)


def _require_equal(
    given: Decimal, expected: Decimal, slack: Decimal, what: str, what_zh: str, where: tuple[str, str]
) -> None:
    if abs(given - expected) > slack or given != given.quantize(FEN):
        raise DoesNotAddUp(
            given=given, expected=expected, what=what, what_zh=what_zh, where=where[0], where_zh=where[1]
        )


async def _ordered(vendor: int, lines: Sequence[NewInvoiceLine], by: Actor) -> list[tuple[UUID, UUID | None]]:
    """The orders, and the lines of them, that the lines of an invoice are for; the orders are locked.

    Raises:
        Unknown: the vendor has no such order, or not with that part.
        NotYourDepot: it goes to a store that the actor does not serve.

    """
    rows = await db.fetch(
        """SELECT told.place, purchase_order.id, depot.code AS depot, line.id AS line
           FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS told(number, part_number, place)
           JOIN purchase_order ON purchase_order.number = told.number
           JOIN place AS depot ON depot.id = purchase_order.ship_to
           LEFT JOIN part ON part.part_number = told.part_number
           LEFT JOIN purchase_order_line AS line ON line.purchase_order = purchase_order.id AND line.part = part.id
           WHERE purchase_order.vendor = $1 AND tried_at IS NOT NULL AND ($4::text[] IS NULL OR depot.code = ANY($4))
           ORDER BY purchase_order.id FOR NO KEY UPDATE OF purchase_order""",
        vendor,
        [line.order for line in lines],
        [line.part_number for line in lines],
        by.depot_scope,
    )
    found = {row["place"]: row for row in rows}
    ordered: list[tuple[UUID, UUID | None]] = []
    for place, line in enumerate(lines, 1):
        row = found.get(place)
        if row is None or (line.part_number is not None and row["line"] is None):
            key = line.order if row is None else f"{line.order} / {line.part_number}"
            raise Unknown(what="purchase order of this vendor", what_zh="该供应商的采购订单", key=key)
        by.require_depot(row["depot"])
        ordered.append((row["id"], row["line"]))
    return ordered


async def _reversed(
    new: NewInvoice, vendor: int, lines: Sequence[tuple[UUID, UUID | None]], by: Actor
) -> list[UUID | None]:
    """The lines that a red letter takes back, each of which has so much left.

    Raises:
        Unknown: no such invoice of the vendor, or not with such a line.
        MoreThanInvoiced: it takes back more than there is.

    """
    found = await db.fetch(
        f"""SELECT invoice.number, invoice.currency, line.id, line.purchase_order, line.order_line,
                   line.quantity + coalesce(sum(red.quantity), 0)::int AS quantity,
                   line.total + coalesce(sum(red.total), 0) AS total
            FROM invoice
            JOIN invoice_line AS line ON line.invoice = invoice.id
            LEFT JOIN (invoice_line AS red JOIN invoice AS by ON by.id = red.invoice AND by.state <> 'withdrawn')
                 ON red.reverses = line.id
            WHERE invoice.id = $2 AND invoice.vendor = $3 AND invoice.currency = $4 AND invoice.reverses IS NULL
              AND invoice.state <> 'withdrawn' AND {SEEN}
            GROUP BY invoice.id, line.id""",
        by.depot_scope,
        new.reverses,
        vendor,
        new.currency,
    )
    left = {(row["purchase_order"], row["order_line"]): row for row in found}
    taken: list[UUID | None] = []
    for place, told in zip(lines, new.lines, strict=True):
        row = left.get(place)
        if row is None:
            raise Unknown(what="invoice to reverse", what_zh="被冲红的发票行", key=f"{new.reverses} / {told.order}")
        if -told.quantity > row["quantity"] or -told.total > row["total"]:
            what = told.part_number or "fees 费用"
            raise MoreThanInvoiced(order=told.order, what=what, quantity=row["quantity"], total=row["total"])
        taken.append(row["id"])
    return taken


@db.atomic
async def withdraw(invoice: UUID, *, by: Actor, reason: str) -> InvoiceDetail:
    """Take back an invoice that was entered by mistake; it stays on record, and its number may be entered again.

    Raises:
        Unknown: no such invoice in the actor's stores.
        ReasonMissing: no reason was given.
        Reversed: a red letter takes back of it.
        WrongState: it was withdrawn before.

    """
    by.require("invoices.enter")
    view = await invoice_view(invoice, seen_by=by)
    if not reason.strip():
        raise ReasonMissing
    if await db.fetch_value("SELECT number FROM invoice WHERE reverses = $1 AND state <> 'withdrawn' LIMIT 1", invoice):
        raise Reversed(number=view.number)
    moved = await db.execute(
        """UPDATE invoice SET state = 'withdrawn', withdrawn_at = $2, withdrawn_by = $3, withdrawn_because = $4
           WHERE id = $1 AND state <> 'withdrawn'""",
        invoice,
        clock.now(),
        by.name,
        reason.strip(),
    )
    if not moved:
        raise WrongState(
            what="Invoice", what_zh="发票", key=view.number, state="withdrawn", needed="matched / waits / differs"
        )
    await steps.finish("invoice", view.number, by=by)
    await audit.record("invoice.withdrawn", "invoice", view.number, by=by, reason=reason.strip())
    touched = await db.fetch("SELECT DISTINCT purchase_order FROM invoice_line WHERE invoice = $1", invoice)
    await matching.judge([row["purchase_order"] for row in touched], by=by)
    return await invoice_detail(invoice, seen_by=by)


_VIEW = f"""SELECT invoice.id, invoice.number, party.code AS vendor, party.name_zh AS vendor_zh, party.name_en AS vendor_en,
                   invoice_number, invoice_code, invoice.kind, invoice.currency, issued_on, amount, tax, total, state, reverses,
                   remark, entered_at, entered_by, withdrawn_at, withdrawn_by, withdrawn_because
            FROM invoice
            JOIN vendor ON vendor.id = invoice.vendor
            JOIN party ON party.id = vendor.party
            WHERE {SEEN}"""


async def invoice_view(invoice: UUID, *, seen_by: Actor) -> InvoiceView:
    """One invoice.

    Raises:
        Unknown: no such invoice in the reader's stores.

    """
    seen_by.require("costs.read")
    view = await db.read_one(InvoiceView, f"{_VIEW} AND invoice.id = $2", seen_by.depot_scope, invoice)
    if view is None:
        raise Unknown(what="invoice", what_zh="发票", key=str(invoice))
    return view


async def invoice_detail(invoice: UUID, *, seen_by: Actor) -> InvoiceDetail:
    """One invoice with its lines and how they differ.

    Raises:
        Unknown: no such invoice in the reader's stores.

    """
    view = await invoice_view(invoice, seen_by=seen_by)
    lines = await matching.lines_of([invoice])
    red = await db.read(
        InvoiceView, f"{_VIEW} AND reverses = $2 ORDER BY invoice.id LIMIT 100", seen_by.depot_scope, invoice
    )
    return InvoiceDetail(invoice=view, lines=lines[invoice], red_letters=red)


async def invoices(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: State | None = None,
    vendor: str | None = None,
    order: str | None = None,
) -> list[InvoiceView]:
    """Invoices, newest first; those of all whose orders the reader sees the stores."""
    seen_by.require("costs.read")
    return await db.read(
        InvoiceView,
        f"""{_VIEW} AND ($2::uuid IS NULL OR invoice.id < $2) AND ($3::text IS NULL OR state = $3)
            AND ($4::text IS NULL OR party.code = $4)
            AND ($5::text IS NULL OR EXISTS (
                SELECT FROM invoice_line JOIN purchase_order ON purchase_order.id = invoice_line.purchase_order
                WHERE invoice_line.invoice = invoice.id AND purchase_order.number = $5))
            ORDER BY invoice.id DESC LIMIT $6""",
        seen_by.depot_scope,
        after,
        state,
        vendor,
        order,
        limit,
    )


class Accrual(Struct, frozen=True, kw_only=True):
    """A line of an order that came and is not invoiced yet (暂估), or is invoiced and has not come.

    `pieces` of it; what they amount to in CNY, without tax and payable with it, at the order's price and rate.
    """

    id: UUID
    order: UUID
    order_number: str
    vendor: str
    vendor_zh: str
    vendor_en: str
    depot: str
    part_number: str
    name_zh: str
    name_en: str
    received: int
    invoiced: int
    pieces: int
    amount_cny: Decimal
    payable_cny: Decimal
    received_at: datetime | None


Accrued = Literal["not_invoiced", "not_received"]


async def accruals(
    what: Accrued, *, limit: int, seen_by: Actor, after: UUID | None = None, vendor: str | None = None
) -> list[Accrual]:
    """What came and is not invoiced, or is invoiced and has not come, of orders that are not closed; oldest first."""
    seen_by.require("costs.read")
    sign = 1 if what == "not_invoiced" else -1
    return await db.read(
        Accrual,
        f"""SELECT line.id, purchase_order.id AS order, purchase_order.number AS order_number, party.code AS vendor,
                   party.name_zh AS vendor_zh, party.name_en AS vendor_en, place.code AS depot, part.part_number,
                   part.name_zh, part.name_en, line.received_quantity AS received, asked.pieces AS invoiced,
                   open.pieces, round(open.pieces * line.unit_price_cny * 100 / (100 + line.tax_percent), 2) AS amount_cny,
                   open.pieces * line.unit_price_cny AS payable_cny, purchase_order.received_at
            FROM purchase_order_line AS line
            JOIN purchase_order ON purchase_order.id = line.purchase_order
                 AND purchase_order.state NOT IN ('draft', 'approved', 'closed', 'refused', 'cancelled')
            JOIN vendor ON vendor.id = purchase_order.vendor
            JOIN party ON party.id = vendor.party
            JOIN place ON place.id = purchase_order.ship_to
            JOIN part ON part.id = line.part
            CROSS JOIN LATERAL (SELECT ({matching.INVOICED})::int AS pieces) AS asked
            CROSS JOIN LATERAL (SELECT (line.received_quantity - asked.pieces) * $2 AS pieces) AS open
            WHERE open.pieces > 0 AND ($1::text[] IS NULL OR place.code = ANY($1))
              AND ($3::uuid IS NULL OR line.id > $3) AND ($4::text IS NULL OR party.code = $4)
            ORDER BY line.id LIMIT $5""",
        seen_by.depot_scope,
        sign,
        after,
        vendor,
        limit,
    )
