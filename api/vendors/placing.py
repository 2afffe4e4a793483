"""Placing: an approved order goes to its vendor, once, however often the vendor has to be asked.

Every attempt carries the same idempotency key. A vendor that cannot be asked is asked again with growing patience, for as
long as the order can wait; a vendor that fails again and again is left alone for a while (`procurement.circuits`). What is
given up at last is refused, a buyer is told, and the words say whether the vendor may have the order all the same.
"""

from datetime import datetime, timedelta
from uuid import UUID

from api.settings import Settings
from api.vendors import ADAPTERS
from api.vendors.outcome import Answered, VendorKnowsNothing, VendorRefused, VendorUnreachable
from inventory.ground import clock
from inventory.ground.actor import service
from inventory.ground.errors import InventoryError
from inventory.procurement import answers, changes, circuits, orders
from inventory.procurement.orders import OrderToPlace

PATIENCE, URGENT_PATIENCE = timedelta(hours=4), timedelta(minutes=5)
"""How long a vendor is asked again for an order: an urgent one is needed elsewhere soon if not here."""

_LONGEST_WAIT = timedelta(minutes=15)
_LONGEST_URGENT_WAIT = timedelta(seconds=30)

BY = service("procurement")


def wait_after(attempt: int, *, urgent: bool) -> timedelta:
    """How long to wait after an attempt, counted from 0: ever longer.

    >>> [wait_after(n, urgent=False).total_seconds() for n in (0, 1, 2, 5, 40)]
    [1.0, 2.0, 4.0, 32.0, 900.0]
    >>> wait_after(40, urgent=True).total_seconds()
    30.0
    """
    return min(timedelta(seconds=2 ** min(attempt, 12)), _LONGEST_URGENT_WAIT if urgent else _LONGEST_WAIT)


def out_of_patience(order: OrderToPlace, since: datetime, wait: timedelta) -> bool:
    """Whether an order that was first tried at `since` cannot wait that long any more."""
    return clock.now() + wait > since + (URGENT_PATIENCE if order.urgent else PATIENCE)


async def try_to_place(order_id: UUID, settings: Settings, *, attempt: int) -> timedelta | None:
    """Send an order where that is still to be done; how long to wait where it is to be tried again."""
    order = await orders.order_to_place(order_id)
    since = await orders.begin_sending(order_id)
    if order is None or since is None:
        return None
    rest = await circuits.ask(order.vendor)
    if rest is not None:
        return await _wait(order, since, rest, "its service is left to recover")
    try:
        placed = await ADAPTERS[order.channel].place(order, settings)
    except VendorRefused as refusal:
        await circuits.note_answer(order.vendor)
        await orders.note_message(order_id, "received", str(refusal))
        await _refuse(order_id, str(refusal))
        return None
    except VendorUnreachable as failure:
        await circuits.note_failure(order.vendor, str(failure))
        await orders.note_message(order_id, "failed", _marked(failure))
        wait = max(wait_after(attempt, urgent=order.urgent), failure.wait or timedelta(0))
        return await _wait(order, since, wait, str(failure))
    await circuits.note_answer(order.vendor)
    await orders.note_message(order_id, "sent", placed.sent)
    if placed.answered:
        await orders.note_message(order_id, "received", placed.answered, status=placed.status)
    await orders.record_placed(
        order_id, by=BY, vendor_reference=placed.vendor_reference, promised_at=_sensible(placed.promised_at)
    )
    return None


def _sensible(promised_at: datetime | None) -> datetime | None:
    """A time promised at once, unless nothing can arrive then: then it is not promised yet, and a buyer asks."""
    now = clock.now()
    return (
        promised_at if promised_at is not None and now - answers.GRACE <= promised_at <= now + answers.LATEST else None
    )


REACHED = "(sent)"
"""What a failure is marked with after which the vendor may have the order."""


def _marked(failure: VendorUnreachable) -> str:
    return f"{REACHED} {failure}" if failure.sent else str(failure)


async def _wait(order: OrderToPlace, since: datetime, wait: timedelta, why: str) -> timedelta | None:
    """How long to wait, or None once the order was given up."""
    if not out_of_patience(order, since, wait):
        return wait
    may_have_it = any(
        message.direction == "failed" and message.summary.startswith(REACHED)
        for message in await orders.messages(order.id)
    )
    doubt = (
        "; it may have the order all the same: ask it before ordering elsewhere / 供应商可能已收到，改向他处采购前请先确认"
        if may_have_it
        else "; the order never reached it / 订单未送达"
    )
    await _refuse(order.id, f"vendor unreachable / 无法联系供应商: {why}{doubt}")
    return None


async def _refuse(order: UUID, reason: str) -> None:
    """Record that nothing comes of an order, unless its vendor's word came in meanwhile: that word stands."""
    view = await orders.order_view(order)
    if view.state == "approved":
        await orders.record_refused(order, by=BY, reason=reason[:1000])


async def try_to_tell_change(change_id: UUID, settings: Settings, *, attempt: int) -> timedelta | None:
    """Tell a vendor of a change that waits for its answer; how long to wait where it is to be tried again.

    There is no end to trying: the change stays open, and a buyer's duty with it, until it is answered.
    """
    to_tell = await changes.change_to_tell(change_id)
    order = None if to_tell is None else await orders.order_to_place(to_tell.order, orders.OPEN_FOR_RECEIPT)
    if to_tell is None or order is None:
        return None
    rest = await circuits.ask(order.vendor)
    if rest is not None:
        return rest
    await changes.note_told(change_id)
    try:
        told = await ADAPTERS[order.channel].change(order, to_tell.change, settings)
    except VendorRefused as refusal:
        await circuits.note_answer(order.vendor)
        no = answers.Answer(status="change_declined", version=to_tell.change.version, reason=str(refusal))
        await answers.take(order.vendor, order.number, no, by=BY, said=str(refusal))
        return None
    except VendorUnreachable as failure:
        await circuits.note_failure(order.vendor, str(failure))
        await orders.note_message(order.id, "failed", str(failure))
        return max(wait_after(attempt, urgent=False), failure.wait or timedelta(0))
    await circuits.note_answer(order.vendor)
    await orders.note_message(order.id, "sent", told.sent)
    await _take(order, told)
    return None


async def ask(order_id: UUID, settings: Settings) -> None:
    """Ask a silent vendor what became of an order; one that answers no questions is not asked again and again."""
    order = await orders.order_to_place(order_id, ("placed",))
    asks = ADAPTERS[order.channel].ask if order is not None else None
    if order is None or asks is None or await circuits.ask(order.vendor) is not None:
        return
    try:
        told = await asks(order, settings)
    except VendorKnowsNothing:
        await circuits.note_answer(order.vendor)
        await answers.note_unknown(order_id, by=BY)
    except VendorRefused:
        await circuits.note_answer(order.vendor)
    except VendorUnreachable as failure:
        await circuits.note_failure(order.vendor, str(failure))
    else:
        await circuits.note_answer(order.vendor)
        await _take(order, told)


async def _take(order: OrderToPlace, told: Answered) -> None:
    """Take the vendor's word where it gave one; a word that makes no sense here is kept for a person to read."""
    if told.answer is None:
        if told.said:
            await orders.note_message(order.id, "received", told.said, status=told.status)
        return
    try:
        await answers.take(order.vendor, order.number, told.answer, by=BY, said=told.said)
    except InventoryError as refusal:
        await orders.note_message(order.id, "failed", f"{refusal.sentence('en')}\n{told.said}")
