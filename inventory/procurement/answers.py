"""Answers: what a vendor says of an order, by whatever way it comes; one door for all of it.

A callback, an answer that was polled, a cXML message and the vendor's own page all end here. A message that names itself is
taken once; the same word twice changes nothing; a word about an order that was given up is told to a buyer.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Unknown, WrongState
from inventory.procurement import changes, orders
from inventory.procurement.orders import OrderView

Status = Literal["received", "acknowledged", "delayed", "refused", "shipped", "change_confirmed", "change_declined"]

GRACE = timedelta(hours=1)
"""How long ago a promised time may have been: clocks differ."""

LATEST = timedelta(days=3660)


class PromisedOutOfTime(Invalid):
    """{promised_at} is no time at which goods can arrive."""

    zh = "{promised_at} 不是有效的到货时间。"
    help_en = "Promise a time to come, within ten years, with its time zone."
    help_zh = "请填写将来十年内的时间（含时区）。"


class RefusedTooLate(WrongState):
    """Order {key} is {state}: what came already cannot be refused."""

    zh = "订单 {key} 当前为“{state}”，已到货部分不能再拒绝。"
    help_en = "Say that the rest will not come; a buyer closes the order."
    help_zh = "请告知剩余货物不再供货，由采购员关闭订单。"


class PromisedLine(Struct, frozen=True, kw_only=True):
    """When one part of an order arrives; and how many of it are coming, and how many are not, where the vendor says so."""

    part_number: str
    promised_at: datetime | None = None
    coming: int | None = None
    refused: int = 0


class Answer(Struct, frozen=True, kw_only=True):
    """A vendor's word on an order: `received` says no more than that it has it; `version` names a change."""

    status: Status
    promised_at: datetime | None = None
    lines: Sequence[PromisedLine] = ()
    vendor_reference: str | None = None
    reason: str = ""
    version: int | None = None


@db.atomic
async def take(
    vendor: str, number: str, answer: Answer, *, by: Actor, said: str, message_id: str | None = None
) -> OrderView:
    """Take a vendor's word on one of its orders; `said` is kept word for word.

    Raises:
        Unknown: it has no such order, in the same words whether there is one or not; no such part or change.
        PromisedOutOfTime: nothing can arrive then.
        WrongState, RefusedTooLate: the order is past that.
        LessThanCame, NothingToCancel: as `changes.answer_change`.

    """
    order = await of_vendor(vendor, number)
    await db.execute("SELECT FROM purchase_order WHERE id = $1 FOR NO KEY UPDATE", order)
    if not await orders.note_message(order, "received", said, message_id=message_id):
        return await orders.order_view(order)
    for time in (answer.promised_at, *(line.promised_at for line in answer.lines)):
        if time is not None and not clock.now() - GRACE <= time <= clock.now() + LATEST:
            raise PromisedOutOfTime(promised_at=time.isoformat())
    view = await orders.order_view(order)
    if view.state == "refused" and answer.status != "refused":
        return await _too_late(view, answer, by=by)
    if answer.status in ("change_confirmed", "change_declined"):
        await changes.answer_change(
            order,
            by=by,
            confirmed=answer.status == "change_confirmed",
            version=answer.version,
            answer=answer.reason,
            promised_at=answer.promised_at,
        )
    elif answer.status == "refused":
        return await _refused(view, answer, by=by)
    elif answer.status == "received":
        return await orders.record_placed(order, by=by, vendor_reference=answer.vendor_reference)
    else:
        await _confirmed(order, answer, by=by)
    return await orders.order_view(order)


async def _confirmed(order: UUID, answer: Answer, *, by: Actor) -> None:
    """The vendor has it in hand: times and pieces, for all or line by line."""
    if answer.status == "shipped":
        await orders.record_shipped(order, by=by)
    if answer.status != "shipped" or answer.promised_at is not None or answer.lines:
        await orders.record_acknowledged(
            order,
            by=by,
            promised_at=answer.promised_at,
            vendor_reference=answer.vendor_reference,
            lines={line.part_number: line.promised_at for line in answer.lines if line.promised_at is not None},
        )
    counted = [line for line in answer.lines if line.coming is not None]
    if counted:
        await orders.record_confirmed(
            order,
            {line.part_number: line.coming for line in counted if line.coming is not None},
            {line.part_number: line.refused for line in counted if line.refused},
            by=by,
            reason=answer.reason,
        )


async def of_vendor(vendor: str, number: str) -> UUID:
    """The id of an order that a vendor was sent, by its number.

    Raises:
        Unknown: there is none.

    """
    order = await db.fetch_value(
        """SELECT purchase_order.id FROM purchase_order
           JOIN vendor ON vendor.id = purchase_order.vendor
           JOIN party ON party.id = vendor.party
           WHERE number = $1 AND party.code = $2 AND tried_at IS NOT NULL""",
        number,
        vendor,
    )
    if order is None:
        raise Unknown(what="purchase order", what_zh="采购订单", key=number)
    return order


async def _refused(view: OrderView, answer: Answer, *, by: Actor) -> OrderView:
    if view.state == "refused":
        return view
    if view.state not in ("approved", "placed", "acknowledged", "shipped"):
        raise RefusedTooLate(
            what="Purchase order",
            what_zh="采购订单",
            key=view.number,
            state=view.state,
            needed="placed / acknowledged / shipped",
        )
    return await orders.record_refused(view.id, by=by, reason=answer.reason or "refused by the vendor / 供应商拒绝")


async def _too_late(view: OrderView, answer: Answer, *, by: Actor) -> OrderView:
    """The order was given up, and its vendor has it after all: other measures may run already, so a person decides."""
    await steps.begin(
        "late_word",
        "purchase_order",
        view.number,
        owner_role="buyer",
        depot=view.ship_to,
        due_at=clock.now() + timedelta(minutes=30),
    )
    await audit.record(
        "order.late_word", "purchase_order", view.number, by=by, change={"status": answer.status}, reason=answer.reason
    )
    return view


@db.atomic
async def note_unknown(order: UUID, *, by: Actor) -> None:
    """A vendor that was asked knows nothing of an order it had taken: a buyer is told, once."""
    view = await orders.order_view(order)
    if view.state in ("placed", "acknowledged"):
        await steps.begin(
            "order_unknown",
            "purchase_order",
            view.number,
            owner_role="buyer",
            depot=view.ship_to,
            due_at=clock.now() + timedelta(hours=1),
        )
        await audit.record("order.unknown_to_vendor", "purchase_order", view.number, by=by)


ASKED_EVERY = timedelta(minutes=15)
ASKED_AFTER = timedelta(minutes=5)


@db.atomic
async def silent_orders(*, limit: int) -> list[UUID]:
    """Placed orders whose vendor has promised nothing and may be asked; asking is noted, so that one worker does."""
    now = clock.now()
    rows = await db.fetch(
        """UPDATE purchase_order SET asked_at = $1
           WHERE id IN (SELECT purchase_order.id FROM purchase_order JOIN vendor ON vendor.id = purchase_order.vendor
                        WHERE state = 'placed' AND channel = 'http' AND placed_at < $2
                          AND (asked_at IS NULL OR asked_at < $3)
                        ORDER BY asked_at NULLS FIRST, purchase_order.id LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED)
           RETURNING id""",
        now,
        now - ASKED_AFTER,
        now - ASKED_EVERY,
        limit,
    )
    return [row["id"] for row in rows]
