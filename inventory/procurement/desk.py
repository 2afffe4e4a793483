"""A vendor's desk: its own orders as it sees them, and what it says of them.

A vendor sees what it was sent and nothing else: no drafts, no other vendor, no stock, no reason of ours for ordering.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, Unknown
from inventory.procurement import answers, changes
from inventory.procurement.answers import Answer
from inventory.procurement.changes import Version
from inventory.procurement.prices import InvoiceKind
from inventory.stock import notices
from inventory.stock.notices import NoticeView

DeskState = Literal[
    "placed", "acknowledged", "shipped", "partly_received", "received", "closed", "refused", "cancelled"
]


class NoVendor(Forbidden):
    """{name} answers for no vendor."""

    zh = "{name} 未绑定任何供应商。"
    help_en = "An administrator names the vendor where the role is granted."
    help_zh = "请管理员在授予角色时指定供应商。"


class DeskLine(Struct, frozen=True, kw_only=True):
    """A part of an order: how many were ordered, taken in, and announced but not taken in yet."""

    part_number: str
    name_zh: str
    name_en: str
    serialised: bool
    quantity: int
    received_quantity: int
    short_quantity: int
    announced_quantity: int
    currency: str
    unit_price: Decimal
    invoice_kind: InvoiceKind
    tax_percent: Decimal
    unit_price_cny: Decimal
    framework_number: str | None
    promised_at: datetime | None

    @property
    def open_quantity(self) -> int:
        """How many are neither taken in nor announced."""
        return max(self.quantity - self.received_quantity - self.short_quantity - self.announced_quantity, 0)


class DeskChange(Struct, frozen=True, kw_only=True):
    """What the vendor is asked to change."""

    version: int
    cancels: bool
    before: Version
    after: Version
    reason: str


class DeskNotice(Struct, frozen=True, kw_only=True):
    """What the vendor announced of an order."""

    number: str
    state: str
    due_at: datetime
    waybill: str | None


class DeskOrder(Struct, frozen=True, kw_only=True):
    """An order as its vendor sees it; `change` is what it is asked and has not answered."""

    id: UUID
    number: str
    version: int
    state: DeskState
    expedited: bool
    ship_to: str
    ship_to_zh: str
    ship_to_en: str
    sent_at: datetime
    wanted_at: datetime | None
    acknowledged_at: datetime | None
    promised_at: datetime | None
    vendor_reference: str | None
    reason: str
    total_cny: Decimal
    lines: list[DeskLine]
    change: DeskChange | None
    notices: list[DeskNotice]


_VIEW = """
    SELECT purchase_order.id, purchase_order.number, version,
           CASE state WHEN 'approved' THEN 'placed' ELSE state END AS state,
           expedited, place.code AS ship_to, place.name_zh AS ship_to_zh, place.name_en AS ship_to_en, tried_at AS sent_at,
           wanted_at, acknowledged_at, purchase_order.promised_at, vendor_reference,
           CASE WHEN state IN ('refused', 'cancelled') AND placed_at IS NOT NULL THEN problem ELSE '' END AS reason,
           total_cny,
           (SELECT jsonb_agg(jsonb_build_object(
                       'part_number', part.part_number, 'name_zh', part.name_zh, 'name_en', part.name_en,
                       'serialised', part.serialised, 'quantity', line.quantity,
                       'received_quantity', line.received_quantity, 'short_quantity', line.short_quantity,
                       'announced_quantity', coalesce(announced.rest, 0), 'currency', line.currency,
                       'unit_price', line.unit_price::text, 'invoice_kind', line.invoice_kind,
                       'tax_percent', line.tax_percent::text, 'unit_price_cny', line.unit_price_cny::text,
                       'framework_number', line.framework_number, 'promised_at', arrives_at) ORDER BY part.part_number)
            FROM purchase_order_line AS line
            JOIN part ON part.id = line.part
            LEFT JOIN LATERAL (
                SELECT sum(greatest(l.quantity - l.received_quantity, 0))::int AS rest
                FROM advance_notice_line AS l JOIN advance_notice ON advance_notice.id = l.notice
                WHERE l.source = line.id AND advance_notice.state IN ('expected', 'partly_received')) AS announced ON true
            WHERE line.purchase_order = purchase_order.id) AS lines,
           (SELECT jsonb_build_object('version', asked.version, 'cancels', cancels, 'before', before, 'after', after,
                                      'reason', asked.reason)
            FROM order_change AS asked
            WHERE asked.purchase_order = purchase_order.id AND asked.state = 'asked') AS change,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('number', notice.number, 'state', notice.state, 'due_at', due_at,
                                                         'waybill', waybill) ORDER BY notice.id), '[]')
            FROM advance_notice AS notice
            WHERE notice.source = purchase_order.id AND notice.kind = 'purchase_order') AS notices
    FROM purchase_order
    JOIN vendor ON vendor.id = purchase_order.vendor
    JOIN party ON party.id = vendor.party
    JOIN place ON place.id = purchase_order.ship_to
    WHERE party.code = $1 AND tried_at IS NOT NULL AND NOT (state = 'refused' AND placed_at IS NULL)"""


def vendor_of(actor: Actor) -> str:
    """The vendor somebody answers for.

    Raises:
        NotGranted, NoVendor: they answer for none.

    """
    actor.require("orders.answer")
    if actor.vendor is None:
        raise NoVendor(name=actor.name)
    return actor.vendor


def _reads_for(reader: Actor) -> str | None:
    """Whose orders somebody reads; whoever has the right and no vendor reads none."""
    reader.require("orders.answer")
    return reader.vendor


async def desk_orders(
    *, limit: int, seen_by: Actor, after: UUID | None = None, state: DeskState | None = None, to_do: bool = False
) -> list[DeskOrder]:
    """The vendor's orders, newest first; `to_do` those that wait for its word: no time promised, or a change asked.

    Raises:
        NotGranted: the reader answers for no vendor.

    """
    return await db.read(
        DeskOrder,
        f"""{_VIEW} AND ($2::uuid IS NULL OR purchase_order.id < $2)
            AND ($3::text IS NULL OR CASE state WHEN 'approved' THEN 'placed' ELSE state END = $3)
            AND (NOT $4 OR state IN ('approved', 'placed')
                 OR EXISTS (SELECT FROM order_change AS asked
                            WHERE asked.purchase_order = purchase_order.id AND asked.state = 'asked'))
            ORDER BY purchase_order.id DESC LIMIT $5""",
        _reads_for(seen_by),
        after,
        state,
        to_do,
        limit,
    )


async def desk_order(number: str, *, seen_by: Actor) -> DeskOrder:
    """One of the vendor's orders.

    Raises:
        NotGranted: the reader answers for no vendor.
        Unknown: it was sent no such order.

    """
    found = await db.read_one(DeskOrder, f"{_VIEW} AND purchase_order.number = $2", _reads_for(seen_by), number)
    if found is None:
        raise Unknown(what="purchase order", what_zh="采购订单", key=number)
    return found


async def notice_of(order: DeskOrder, number: str) -> NoticeView:
    """What the vendor announced of one of its orders.

    Raises:
        Unknown: it announced nothing by that number.

    """
    if number not in [notice.number for notice in order.notices]:
        raise Unknown(what="advance shipping notice", what_zh="预到货通知", key=number)
    return await notices.notice_view(number)


@db.atomic
async def answer(number: str, said: Answer, *, by: Actor) -> DeskOrder:
    """The vendor says something of one of its orders.

    Raises:
        NotGranted, NoVendor: as `vendor_of`.
        Unknown, WrongState, PromisedOutOfTime, …: as `answers.take`.

    """
    vendor = vendor_of(by)
    view = await desk_order(number, seen_by=by)
    if said.status in ("change_confirmed", "change_declined"):
        for change in await changes.changes(view.id, limit=1):
            await changes.note_told(change.id)
    words = f"{by.name}: {said.status}" + (f" – {said.reason}" if said.reason else "")
    await answers.take(vendor, number, said, by=by, said=words)
    return await desk_order(number, seen_by=by)
