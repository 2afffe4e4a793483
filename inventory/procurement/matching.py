"""The three-way match: what a vendor invoices against what was ordered and what came, line by line.

What differs is found anew whenever an invoice, a receipt or an answer changes the facts; what somebody said to a difference is
kept, and an accepted one holds for as long as the difference is no larger than it was then.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct, convert, structs

from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, ReasonMissing, Refused, Unknown
from inventory.procurement import orders, policy
from inventory.procurement.policy import PurchasePolicy
from inventory.procurement.prices import FEN

DifferenceKind = Literal["kind", "currency", "tax_rate", "price", "over_invoiced", "fees", "not_received"]
"""The kind of 发票, its currency, its tax rate or its price are not as ordered; more pieces than were ordered; more fees than
were agreed; pieces that have not come yet, which needs no answer while they may."""

Answer = Literal["accepted", "asked", "claimed"]
"""Taken as it is; the vendor is asked for a red letter or another invoice; claimed back."""

ANSWERED_WITHIN = timedelta(days=3)
"""How soon somebody answers the differences of an invoice."""

CORRECTED_WITHIN = timedelta(days=10)
"""How soon a vendor that was asked should have corrected its invoice; then it is asked again."""


class NoSuchDifference(Refused):
    """This line of invoice {number} does not differ in that any more."""

    zh = "发票 {number} 的该行已不存在此项差异。"
    help_en = "See the invoice as it is now; a red letter or a receipt may have settled it."
    help_zh = "请刷新发票；差异可能已由红字发票或到货消除。"


class AcceptedByYourself(Forbidden):
    """A difference of invoice {number} is accepted by somebody other than {entered_by}, who entered it."""

    zh = "发票 {number} 的差异须由录入人 {entered_by} 以外的人接受。"
    help_en = "Ask a colleague who may answer differences, or ask the vendor for a correction."
    help_zh = "请由另一位有权处理差异的同事接受，或要求供应商更正。"


class Difference(Struct, frozen=True, kw_only=True):
    """What differs on a line, by how much (CNY, pieces or points of tax), and what was said to it last.

    `open` while it needs an answer: nobody accepted so much of it.
    """

    kind: DifferenceKind
    size: Decimal
    open: bool = True
    answer: Answer | None = None
    reason: str = ""
    answered_at: str | None = None
    answered_by: str | None = None


class LineFacts(Struct, frozen=True, kw_only=True):
    """A line of an invoice, less what red letters took back of it, with what was ordered and came.

    `before` are pieces that earlier invoices ask for. For an order's fees `part_number` is missing and `unit_price` is what
    all of them come to, in CNY.
    """

    kind: str
    currency: str
    tax_percent: Decimal
    quantity: int
    total: Decimal
    before: int
    part_number: str | None
    ordered_kind: str
    ordered_currency: str
    ordered_tax_percent: Decimal
    unit_price: Decimal
    cny_per_100: Decimal
    ordered: int
    received: int
    open_for_receipt: bool


def differences(line: LineFacts, rules: PurchasePolicy) -> list[Difference]:
    """How a line differs from what was agreed and what came; nothing that red letters took back whole does.

    A total may differ from quantity × price by `match_tolerance_percent` of it or `match_tolerance_cny`, whichever is more.

    >>> fan = LineFacts(kind="special", currency="CNY", tax_percent=Decimal(13), quantity=4, total=Decimal("1004"), before=0,
    ...     part_number="FAN", ordered_kind="special", ordered_currency="CNY", ordered_tax_percent=Decimal(13),
    ...     unit_price=Decimal(250), cny_per_100=Decimal(100), ordered=4, received=3, open_for_receipt=True)
    >>> [(each.kind, str(each.size)) for each in differences(fan, policy.BUILT_IN)]
    [('price', '4.00'), ('not_received', '1')]
    """
    if line.quantity <= 0 and line.total <= 0:
        return []
    found: list[Difference] = []
    if line.kind != line.ordered_kind:
        found.append(Difference(kind="kind", size=Decimal(1)))
    if line.currency != line.ordered_currency:
        return [*found, Difference(kind="currency", size=Decimal(1))]
    if line.tax_percent != line.ordered_tax_percent and line.part_number is not None:
        found.append(Difference(kind="tax_rate", size=line.tax_percent - line.ordered_tax_percent))
    agreed = line.unit_price * (line.quantity if line.part_number is not None else 1)
    off = ((line.total - agreed) * line.cny_per_100 / 100).quantize(FEN)
    allowed = max(
        agreed * line.cny_per_100 / 100 * Decimal(str(rules.match_tolerance_percent)) / 100,
        Decimal(rules.match_tolerance_cny),
    )
    if line.part_number is None:
        return [*found, Difference(kind="fees", size=off)] if off > allowed else found
    if abs(off) > allowed:
        found.append(Difference(kind="price", size=off))
    upto = line.before + line.quantity
    most = max(line.ordered, line.received) if line.open_for_receipt else line.received
    over = max(min(upto - most, line.quantity), 0)
    if over:
        found.append(Difference(kind="over_invoiced", size=Decimal(over)))
    early = min(upto - line.received, line.quantity) - over
    if early > 0:
        found.append(Difference(kind="not_received", size=Decimal(early)))
    return found


class MatchedLine(Struct, frozen=True, kw_only=True):
    """A line of an invoice with what it is matched with, and how it differs; amounts in the invoice's currency.

    `net_quantity` and `net_total` are less what red letters took back; `unit_price` is what is payable by the order.
    """

    id: UUID
    order: UUID
    order_number: str
    depot: str
    part_number: str | None
    name_zh: str
    name_en: str
    quantity: int
    amount: Decimal
    tax_percent: Decimal
    tax: Decimal
    total: Decimal
    net_quantity: int
    net_total: Decimal
    ordered_kind: str
    ordered_tax_percent: Decimal
    ordered_currency: str
    unit_price: Decimal
    ordered: int
    received: int
    differences: list[Difference] = []


_LINES = """
WITH net AS (
    SELECT line.*, invoice.kind, invoice.currency, invoice.state,
           CASE WHEN line.reverses IS NULL THEN line.quantity + coalesce(red.quantity, 0) ELSE 0 END AS net_quantity,
           CASE WHEN line.reverses IS NULL THEN line.total + coalesce(red.total, 0) ELSE 0 END AS net_total
    FROM invoice_line AS line
    JOIN invoice ON invoice.id = line.invoice
    LEFT JOIN LATERAL (
        SELECT sum(taken.quantity)::int AS quantity, sum(taken.total) AS total
        FROM invoice_line AS taken JOIN invoice AS by ON by.id = taken.invoice AND by.state <> 'withdrawn'
        WHERE taken.reverses = line.id
    ) AS red ON true
    WHERE line.purchase_order IN (SELECT purchase_order FROM invoice_line WHERE invoice = ANY($1))
), counted AS (
    SELECT net.*, coalesce(sum(CASE WHEN state <> 'withdrawn' THEN net_quantity ELSE 0 END) OVER (
               PARTITION BY purchase_order, order_line ORDER BY net.id
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::int AS before
    FROM net
)
SELECT counted.id, counted.invoice, counted.purchase_order AS order, purchase_order.number AS order_number,
       place.code AS depot, part.part_number, coalesce(part.name_zh, '费用') AS name_zh,
       coalesce(part.name_en, 'Fees') AS name_en, counted.quantity, counted.amount, counted.tax_percent, counted.tax,
       counted.total, net_quantity, net_total, before, counted.kind, counted.currency, counted.state,
       coalesce(ordered.invoice_kind, counted.kind) AS ordered_kind,
       coalesce(ordered.tax_percent, counted.tax_percent) AS ordered_tax_percent,
       coalesce(ordered.currency, 'CNY') AS ordered_currency,
       coalesce(ordered.unit_price, purchase_order.total_cny - (
           SELECT sum(each.quantity * each.unit_price_cny) FROM purchase_order_line AS each
           WHERE each.purchase_order = purchase_order.id)) AS unit_price,
       coalesce(ordered.cny_per_100, 100) AS cny_per_100,
       coalesce(ordered.quantity - ordered.short_quantity, 1) AS ordered, coalesce(ordered.received_quantity, 1) AS received,
       purchase_order.state NOT IN ('received', 'closed', 'refused', 'cancelled') AS open_for_receipt
FROM counted
JOIN purchase_order ON purchase_order.id = counted.purchase_order
JOIN place ON place.id = purchase_order.ship_to
LEFT JOIN purchase_order_line AS ordered ON ordered.id = counted.order_line
LEFT JOIN part ON part.id = ordered.part
WHERE counted.invoice = ANY($1)
ORDER BY counted.id
"""


class _Line(MatchedLine, frozen=True, kw_only=True):
    """A line as it is read, with what differences are told from."""

    invoice: UUID
    before: int
    kind: str
    currency: str
    state: str
    cny_per_100: Decimal
    open_for_receipt: bool


async def lines_of(invoices: Sequence[UUID]) -> dict[UUID, list[MatchedLine]]:
    """The lines of some invoices with how each differs; three statements, however many."""
    rules = (await policy.in_force()).policy
    lines = await db.read(_Line, _LINES, list(invoices))
    said = {
        (row["line"], row["difference"]): row
        for row in await db.fetch(
            """SELECT DISTINCT ON (line, difference) line, difference, size, answer, reason, answered_at, answered_by
               FROM invoice_answer WHERE line = ANY($1) ORDER BY line, difference, id DESC""",
            [line.id for line in lines],
        )
    }
    found: dict[UUID, list[MatchedLine]] = defaultdict(list)
    for line in lines:
        facts = LineFacts(
            kind=line.kind,
            currency=line.currency,
            tax_percent=line.tax_percent,
            quantity=line.net_quantity,
            total=line.net_total,
            before=line.before,
            part_number=line.part_number,
            ordered_kind=line.ordered_kind,
            ordered_currency=line.ordered_currency,
            ordered_tax_percent=line.ordered_tax_percent,
            unit_price=line.unit_price,
            cny_per_100=line.cny_per_100,
            ordered=line.ordered,
            received=line.received,
            open_for_receipt=line.open_for_receipt,
        )
        differing = [] if line.state == "withdrawn" else differences(facts, rules)
        told = [_answered(each, said.get((line.id, each.kind))) for each in differing]
        shown = convert(line, MatchedLine, from_attributes=True)
        found[line.invoice].append(structs.replace(shown, differences=told))
    return found


def _answered(difference: Difference, row: db.Row | None) -> Difference:
    """A difference with what was said to it last; one that grew since it was accepted is open again."""
    if row is None:
        return Difference(kind=difference.kind, size=difference.size, open=difference.kind != "not_received")
    return Difference(
        kind=difference.kind,
        size=difference.size,
        open=row["answer"] != "accepted" or abs(difference.size) > abs(row["size"]),
        answer=row["answer"],
        reason=row["reason"],
        answered_at=row["answered_at"].isoformat(),
        answered_by=row["answered_by"],
    )


@db.atomic
async def judge(of_orders: Sequence[UUID], *, by: Actor) -> None:
    """Match anew the invoices of some orders, and tell the orders whether all that came is invoiced as agreed.

    An order that is received and matched closes; a differing invoice is a buyer's duty until it differs no more.
    """
    rows = await db.fetch(
        """SELECT DISTINCT invoice.id, invoice.number, invoice.state FROM invoice
           JOIN invoice_line ON invoice_line.invoice = invoice.id
           WHERE invoice_line.purchase_order = ANY($1) AND invoice.state <> 'withdrawn' ORDER BY invoice.id""",
        list(of_orders),
    )
    lines = await lines_of([row["id"] for row in rows])
    open_in: set[UUID] = set()
    for row in rows:
        own = lines[row["id"]]
        open_in |= {line.order for line in own if any(each.open for each in line.differences)}
        state = (
            "differs"
            if any(each.open for line in own for each in line.differences)
            else "waits"
            if any(each.kind == "not_received" for line in own for each in line.differences)
            else "matched"
        )
        if state != row["state"]:
            await db.execute("UPDATE invoice SET state = $2 WHERE id = $1", row["id"], state)
        told = [each for line in own for each in line.differences if each.open]
        if not told:
            await steps.finish("invoice", row["number"], by=by)
        elif all(each.answer in ("asked", "claimed") for each in told):
            await steps.finish("invoice", row["number"], "answer_invoice", by=by)
        else:
            await steps.begin(
                "answer_invoice",
                "invoice",
                row["number"],
                owner_role="buyer",
                due_at=clock.now() + ANSWERED_WITHIN,
                depot=own[0].depot,
            )
    for order in sorted(of_orders):
        whole = await db.fetch_value(
            f"""SELECT state IN ('received', 'closed') AND NOT EXISTS (
                    SELECT FROM purchase_order_line AS line
                    WHERE line.purchase_order = purchase_order.id AND line.unit_price > 0
                      AND line.received_quantity > ({INVOICED}))
                FROM purchase_order WHERE id = $1""",
            order,
        )
        if whole is not None:
            await orders.record_matched(order, by=by, matched=whole and order not in open_in)


INVOICED = """SELECT coalesce(sum(asked.quantity), 0) FROM invoice_line AS asked
              JOIN invoice ON invoice.id = asked.invoice AND invoice.state <> 'withdrawn'
              WHERE asked.order_line = line.id"""
"""How many pieces of an order's `line` are invoiced, less what red letters took back."""


@db.atomic
async def answer(line: UUID, difference: DifferenceKind, said: Answer, *, by: Actor, reason: str) -> UUID:
    """Answer a difference of an invoice's line: accept it as the second person, ask the vendor, or claim; the invoice's id.

    Raises:
        Unknown: no such line in the actor's stores.
        ReasonMissing: no reason was given.
        NoSuchDifference: the line does not differ in that.
        AcceptedByYourself: the actor entered the invoice, and would accept it.
        NoPerson: a system's key would accept it.

    """
    by.require("invoices.match")
    by.require("costs.read")
    row = await db.fetch_one(
        f"""SELECT invoice.id, invoice.number, invoice.entered_by FROM invoice_line AS line
            JOIN invoice ON invoice.id = line.invoice
            WHERE line.id = $2 AND {SEEN} FOR NO KEY UPDATE OF invoice""",
        by.depot_scope,
        line,
    )
    if row is None:
        raise Unknown(what="invoice line", what_zh="发票行", key=str(line))
    if not reason.strip():
        raise ReasonMissing
    own = next(each for each in (await lines_of([row["id"]]))[row["id"]] if each.id == line)
    differing = next((each for each in own.differences if each.kind == difference), None)
    if differing is None:
        raise NoSuchDifference(number=row["number"])
    if said == "accepted":
        by.require_eyes()
        if row["entered_by"] == by.name:
            raise AcceptedByYourself(number=row["number"], entered_by=row["entered_by"])
    await db.execute(
        """INSERT INTO invoice_answer (line, difference, size, answer, reason, answered_at, answered_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        line,
        difference,
        differing.size,
        said,
        reason.strip(),
        clock.now(),
        by.name,
    )
    change = {"order": own.order_number, "part_number": own.part_number, "difference": difference}
    await audit.record(f"invoice.{said}", "invoice", row["number"], by=by, change=change, reason=reason.strip())
    if said != "accepted":
        await steps.begin(
            "correct_invoice",
            "invoice",
            row["number"],
            owner_role="buyer",
            due_at=clock.now() + CORRECTED_WITHIN,
            depot=own.depot,
        )
    await judge([own.order], by=by)
    return row["id"]


SEEN = """($1::text[] IS NULL OR NOT EXISTS (
    SELECT FROM invoice_line AS elsewhere
    JOIN purchase_order AS theirs ON theirs.id = elsewhere.purchase_order
    JOIN place AS there ON there.id = theirs.ship_to
    WHERE elsewhere.invoice = invoice.id AND there.code <> ALL($1)))"""
"""An `invoice` is seen whole: by whoever sees the stores of all its orders."""
