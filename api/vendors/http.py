"""Ordering over HTTP: one signed JSON message, safe to repeat.

    POST {endpoint}/orders
    Idempotency-Key: the order's id, the same at every attempt
    webhook-id, webhook-timestamp, webhook-signature: Standard Webhooks over the body

    {"order_number", "ship_to": {"code", "name"}, "expedited", "currency": "CNY", "wanted_at" (or null),
     "lines": [{"part_number", "quantity", "unit_price_cny", "currency", "unit_price"}], "callback_url"}

    200, 201, 202  {"vendor_reference", "promised_at" (or null)}     the vendor has it
    4xx            {"reason"}                                        the vendor says no
    anything else                                                    ask again later

    POST {endpoint}/orders/{order_number}/changes    the same way, with "version", "cancels", "lines", "wanted_at",
                                                     "ship_to" (a store's code, or null), "reason"
    200, 202       {"confirmed": true | false | null, "reason", "promised_at"}        null: it answers later

    POST {endpoint}/orders/{order_number}/status     the same way, {"order_number"}: what became of it?
    200            {"status", "promised_at", "vendor_reference", "reason"}
    404            it has no such order

Otherwise the vendor tells of promises, delays, refusals and shipments at `callback_url`, signed with the same secret.
"""

from datetime import datetime
from typing import Literal
from urllib.parse import quote

import msgspec
from msgspec import Struct

from api.settings import Settings
from api.vendors.calling import Reply, call
from api.vendors.outcome import Answered, Placed, VendorKnowsNothing, VendorRefused, VendorUnreachable
from api.vendors.signing import headers_for, secret_for
from inventory.procurement.answers import Answer
from inventory.procurement.changes import ChangeView
from inventory.procurement.orders import LineToPlace, OrderToPlace, PricedLine


class Accepted(Struct, frozen=True):
    """What a vendor answers when it has the order."""

    vendor_reference: str
    promised_at: datetime | None = None


class Declined(Struct, frozen=True):
    """What a vendor answers when it will not deliver."""

    reason: str


class ChangeAnswer(Struct, frozen=True):
    """What a vendor answers to a change; without `confirmed` it answers later."""

    confirmed: bool | None = None
    reason: str = ""
    promised_at: datetime | None = None


class Became(Struct, frozen=True):
    """What a vendor says became of an order."""

    status: Literal["received", "acknowledged", "delayed", "refused", "shipped"]
    promised_at: datetime | None = None
    vendor_reference: str | None = None
    reason: str = ""


async def place(order: OrderToPlace, settings: Settings) -> Placed:
    """Send an order to its vendor.

    Raises:
        VendorRefused: it said no, or its address may not be called.
        VendorUnreachable: as `calling.call`, or an answer that cannot be read.

    """
    body = msgspec.json.encode(
        {
            "order_number": order.number,
            "ship_to": {"code": order.ship_to, "name": order.ship_to_zh},
            "expedited": order.expedited,
            "currency": "CNY",
            "wanted_at": order.wanted_at,
            "lines": [_told(line) for line in order.lines],
            "callback_url": f"{settings.base_url}/api/v1/vendor-callbacks/{order.vendor}",
        }
    )
    reply = await _call(order, "", str(order.id), body, settings)
    accepted = _read(_taken(reply).body, Accepted)
    return Placed(
        sent=body.decode(),
        answered=reply.body.decode(errors="replace"),
        status=reply.status,
        vendor_reference=accepted.vendor_reference[:200],
        promised_at=_zoned(accepted.promised_at),
    )


def _told(line: LineToPlace | PricedLine) -> dict[str, object]:
    return {
        "part_number": line.part_number,
        "quantity": line.quantity,
        "unit_price_cny": line.unit_price_cny,
        "currency": line.currency,
        "unit_price": line.unit_price,
        "framework_number": line.framework_number,
    }


async def change(order: OrderToPlace, change: ChangeView, settings: Settings) -> Answered:
    """Tell a vendor what is to change of an order it has.

    Raises:
        VendorRefused: it said no, or its address may not be called.
        VendorUnreachable: as `calling.call`, or an answer that cannot be read.

    """
    body = msgspec.json.encode(
        {
            "order_number": order.number,
            "version": change.version,
            "cancels": change.cancels,
            "lines": [_told(line) for line in change.after.lines],
            "wanted_at": change.after.wanted_at,
            "ship_to": change.after.ship_to,
            "reason": change.reason,
        }
    )
    key = str(change.id)
    reply = await _call(order, f"/{quote(order.number, safe='')}/changes", key, body, settings)
    answer = _read(_taken(reply).body, ChangeAnswer)
    said = None
    if answer.confirmed is not None:
        said = Answer(
            status="change_confirmed" if answer.confirmed else "change_declined",
            version=change.version,
            reason=answer.reason[:1000],
            promised_at=_zoned(answer.promised_at),
        )
    return Answered(sent=body.decode(), said=reply.body.decode(errors="replace"), status=reply.status, answer=said)


async def ask(order: OrderToPlace, settings: Settings) -> Answered:
    """Ask a vendor what became of an order.

    Raises:
        VendorKnowsNothing: it has no such order.
        VendorRefused: its address may not be called, or it answers no such questions.
        VendorUnreachable: as `calling.call`, or an answer that cannot be read.

    """
    body = msgspec.json.encode({"order_number": order.number})
    reply = await _call(order, f"/{quote(order.number, safe='')}/status", str(order.id), body, settings)
    if reply.status == 404:
        raise VendorKnowsNothing
    if reply.status != 200:
        raise VendorRefused(f"the vendor answered {reply.status}")
    became = _read(reply.body, Became)
    return Answered(
        said=reply.body.decode(errors="replace"),
        status=200,
        answer=Answer(
            status=became.status,
            promised_at=_zoned(became.promised_at),
            vendor_reference=became.vendor_reference and became.vendor_reference[:200],
            reason=became.reason[:1000],
        ),
    )


async def _call(order: OrderToPlace, path: str, key: str, body: bytes, settings: Settings) -> Reply:
    secret = secret_for(settings.secret, order.vendor, order.secret_version)
    headers = {"Content-Type": "application/json", "Idempotency-Key": key, **headers_for(secret, key, body)}
    return await call("POST", f"{order.endpoint}/orders{path}", settings, headers=headers, body=body)


def _taken(reply: Reply) -> Reply:
    """An answer that says yes.

    Raises:
        VendorRefused: it says no, and why.
        VendorUnreachable: it says neither.

    """
    if reply.status in (200, 201, 202):
        return reply
    if reply.status >= 400:
        raise VendorRefused(_read(reply.body, Declined).reason[:1000])
    raise VendorUnreachable(f"the vendor answered {reply.status}", sent=True)


def _read[T](answer: bytes, into: type[T]) -> T:
    try:
        return msgspec.json.decode(answer, type=into)
    except msgspec.MsgspecError as error:
        raise VendorUnreachable(f"the vendor's answer cannot be read: {error}", sent=True) from error


def _zoned(at: datetime | None) -> datetime | None:
    """A time a vendor named.

    Raises:
        VendorUnreachable: it does not say in which zone.

    """
    if at is not None and at.tzinfo is None:
        raise VendorUnreachable("the vendor's answer names a time without its zone", sent=True)
    return at
