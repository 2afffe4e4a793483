"""Announcing: what a vendor says it has sent for an order; the order's deliveries follow it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct, convert

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Refused, WrongState
from inventory.procurement import orders
from inventory.procurement.receiving import NotOnOrder
from inventory.stock import expected, notices
from inventory.stock.notices import NewNoticeLine, NoticeView
from inventory.stock.pools import COMMON


class MoreThanOrdered(Refused):
    """{part_number}: {announced} would be announced, {open} of order {number} are not on their way yet."""

    zh = "{part_number}：通知 {announced} 件，订单 {number} 尚未发运的只有 {open} 件。"
    help_en = "See the order and the notices for it; cancel a wrong one."
    help_zh = "请核对订单及其已有的预到货通知；有误的可取消。"


@db.atomic
async def announce_order(
    number: str,
    lines: Sequence[NewNoticeLine],
    *,
    by: Actor,
    due_at: datetime,
    carrier: str | None = None,
    waybill: str | None = None,
    remark: str = "",
) -> NoticeView:
    """Announce what is on its way for an order, with its serials where they are known.

    Once all that an order's line has still to bring is announced, it is expected when the last of it is due.

    Raises:
        Unknown: no such order in the actor's scope, or no such part.
        WrongState: the order is not with its vendor.
        NotOnOrder: a part was not ordered.
        MoreThanOrdered: more would be on its way than was ordered.
        DueInPast: it should have been here already.
        NothingAnnounced, SerialsTooMany, PartTwice: as `stock.notices.announce`.

    """
    by.require("notices.announce")
    notices.require_to_come(due_at)
    order = await orders.order_view(await orders.order_id(number, seen_by=by))
    by.require_depot(order.ship_to)
    if order.state not in orders.OPEN_FOR_RECEIPT:
        raise WrongState(
            what="Purchase order",
            what_zh="采购订单",
            key=number,
            state=order.state,
            needed=" / ".join(orders.OPEN_FOR_RECEIPT),
        )
    head = await db.fetch_one(
        """SELECT purchase_order.id, ship_to, pool, vendor.place AS origin
           FROM purchase_order JOIN vendor ON vendor.id = purchase_order.vendor
           WHERE purchase_order.id = $1 FOR NO KEY UPDATE OF purchase_order""",
        order.id,
    )
    if head is None:
        raise AssertionError("an order that was read is there")
    open_lines = {row["part_number"]: row for row in await _not_on_the_way(order.id)}
    checked: list[notices.Line] = []
    for line in lines:
        plain = await notices.checked_line(line)
        row = next((row for row in open_lines.values() if row["part"] == plain.part), None)
        if row is None:
            raise NotOnOrder(part_number=line.part_number, number=number)
        if line.quantity > row["open"]:
            raise MoreThanOrdered(
                part_number=row["part_number"], announced=line.quantity, open=max(row["open"], 0), number=number
            )
        checked.append(notices.Line(part=plain.part, quantity=plain.quantity, serials=plain.serials, source=row["id"]))
    made = await notices.enter(
        "purchase_order",
        number,
        order.id,
        checked,
        place=head["ship_to"],
        origin=head["origin"],
        pool=head["pool"],
        due_at=due_at,
        carrier=carrier,
        waybill=waybill,
        remark=remark,
        by=by,
    )
    await _follow(order.id)
    await orders.record_shipped(order.id, by=by)
    return await notices.notice_view(made)


@db.atomic
async def announce_once(
    number: str,
    lines: Sequence[NewNoticeLine],
    *,
    by: Actor,
    due_at: datetime,
    carrier: str | None,
    waybill: str | None,
    said: str,
    message_id: str | None,
) -> NoticeView | None:
    """Announce what a vendor's message says is on its way, and keep the message; None where it was taken before.

    Raises:
        WrongState, NotOnOrder, MoreThanOrdered, …: as `announce_order`.

    """
    order = await orders.order_id(number)
    if not await orders.note_message(order, "received", said, message_id=message_id):
        return None
    return await announce_order(number, lines, by=by, due_at=due_at, carrier=carrier, waybill=waybill)


@db.atomic
async def withdraw(number: str, *, by: Actor, reason: str) -> NoticeView:
    """Withdraw a notice of which nothing came; an order of which nothing else is on its way is not shipped any more.

    Raises:
        Unknown, WrongState, ReasonMissing, NoticeFollowsItsTransfer: as `stock.notices.cancel`.

    """
    gone = await notices.cancel(number, by=by, reason=reason)
    order = await db.fetch_value("SELECT source FROM advance_notice WHERE id = $1 AND kind = 'purchase_order'", gone.id)
    if order is not None and not await db.fetch_value(
        "SELECT count(*) FROM advance_notice WHERE source = $1 AND state <> 'cancelled'", order
    ):
        await orders.record_not_shipped(order)
    return gone


class OrderToAnnounce(Struct, frozen=True, kw_only=True):
    """An order of which something is not on its way yet."""

    number: str
    vendor_zh: str
    vendor_en: str
    ship_to: str


async def orders_to_announce(*, limit: int, seen_by: Actor) -> list[OrderToAnnounce]:
    """The orders with their vendors of which something is neither here nor announced, in the reader's scope, newest first."""
    return await db.read(
        OrderToAnnounce,
        f"""SELECT purchase_order.number, party.name_zh AS vendor_zh, party.name_en AS vendor_en, place.code AS ship_to
            FROM purchase_order
            JOIN place ON place.id = purchase_order.ship_to
            JOIN vendor ON vendor.id = purchase_order.vendor
            JOIN party ON party.id = vendor.party
            WHERE purchase_order.state = ANY($1) AND ($2::text[] IS NULL OR place.code = ANY($2))
              AND ($3::text IS NULL OR party.code = $3)
              AND EXISTS (SELECT FROM ({_NOT_ON_THE_WAY} WHERE line.purchase_order = purchase_order.id
                                       GROUP BY line.id, part.id) AS line WHERE open > 0)
            ORDER BY purchase_order.id DESC LIMIT $4""",
        list(orders.OPEN_FOR_RECEIPT),
        seen_by.depot_scope,
        seen_by.vendor,
        limit,
    )


class ToAnnounce(Struct, frozen=True, kw_only=True):
    """A part of an order of which something is not on its way yet."""

    part_number: str
    name_zh: str
    name_en: str
    serialised: bool
    open: int


async def to_announce(number: str, *, seen_by: Actor) -> list[ToAnnounce]:
    """What of an order nobody has announced yet, part by part.

    Raises:
        Unknown: no such order in the reader's scope.

    """
    order = await orders.order_view(await orders.order_id(number), seen_by=seen_by)
    return convert([dict(row) for row in await _not_on_the_way(order.id) if row["open"] > 0], list[ToAnnounce])


class AddresseeMissing(Invalid):
    """A notice names the purchase order it belongs to, or the depot it goes to and the place it comes from."""

    zh = "预到货通知须注明所属采购订单，或收货备件库与发货地点。"
    help_en = "Give purchase_order, or depot and origin."
    help_zh = "请填写 purchase_order，或 depot 与 origin。"


@db.atomic
async def announce_by_hand(
    depot: str | None,
    lines: Sequence[NewNoticeLine],
    *,
    by: Actor,
    origin: str | None,
    due_at: datetime,
    pool: str = COMMON,
    carrier: str | None = None,
    waybill: str | None = None,
    remark: str = "",
) -> NoticeView:
    """Announce what no order asks for; a vendor announces for its orders only.

    Raises:
        AddresseeMissing: it was not said where it goes or comes from.
        NotGranted: the actor is a vendor.
        NothingAnnounced, SerialsTooMany, PartTwice: as `stock.notices.announce`.

    """
    if by.vendor is not None:
        by.require("stock.receive")
    if depot is None or origin is None:
        raise AddresseeMissing
    return await notices.announce(
        depot,
        lines,
        by=by,
        origin=origin,
        due_at=due_at,
        pool=pool,
        carrier=carrier,
        waybill=waybill,
        remark=remark,
    )


_NOT_ON_THE_WAY = """
    SELECT line.id, line.part, part.part_number, part.name_zh, part.name_en, part.serialised,
           max(notice.due_at) AS last_due_at,
           line.quantity - line.received_quantity - line.short_quantity - coalesce(sum(notice.rest), 0)::int AS open
    FROM purchase_order_line AS line
    JOIN part ON part.id = line.part
    LEFT JOIN (SELECT l.source, quantity - received_quantity AS rest, due_at FROM advance_notice_line AS l
               JOIN advance_notice ON advance_notice.id = l.notice
               WHERE state IN ('expected', 'partly_received')) AS notice
         ON notice.source = line.id AND notice.rest > 0"""


async def _not_on_the_way(order: UUID) -> list[db.Row]:
    """Of every line of an order: what it has still to bring that no open notice announces, and when the last is due."""
    return await db.fetch(
        f"{_NOT_ON_THE_WAY} WHERE line.purchase_order = $1 GROUP BY line.id, part.id ORDER BY part.part_number", order
    )


async def _follow(order: UUID) -> None:
    for row in await _not_on_the_way(order):
        if row["open"] <= 0 and row["last_due_at"] is not None:
            await expected.confirm(row["id"], row["last_due_at"])
