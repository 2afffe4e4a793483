"""Ordering over HTTP: one signed JSON message, safe to repeat.

    POST {endpoint}/orders
    Idempotency-Key: the order's id, the same at every attempt
    webhook-id, webhook-timestamp, webhook-signature: Standard Webhooks over the body

    {"order_number", "ship_to": {"code", "name"}, "expedited", "currency": "CNY",
     "lines": [{"part_number", "quantity", "unit_price_cny"}], "callback_url"}

    200, 201, 202  {"vendor_reference", "promised_at" (or null)}     the vendor has it
    4xx            {"reason"}                                        the vendor says no
    anything else                                                    ask again later

Afterwards the vendor tells of promises, delays, refusals and shipments at `callback_url`, signed with the same secret.
"""

from datetime import datetime

import httpx
import msgspec
from msgspec import Struct

from api.settings import Settings
from api.vendors.guard import pinned
from api.vendors.outcome import Placed, VendorRefused, VendorUnreachable
from api.vendors.signing import headers_for, secret_for
from inventory.procurement.orders import OrderToPlace

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
LARGEST_ANSWER = 64_000
"""Bytes of an answer that are read; a longer one is no answer."""


class Accepted(Struct, frozen=True):
    """What a vendor answers when it has the order."""

    vendor_reference: str
    promised_at: datetime | None = None


class Declined(Struct, frozen=True):
    """What a vendor answers when it will not deliver."""

    reason: str


async def place(order: OrderToPlace, settings: Settings) -> Placed:
    """Send an order to its vendor.

    Raises:
        VendorRefused: it said no, or its address may not be called.
        VendorUnreachable: no connection, a timeout, a server error, or an answer that cannot be read.

    """
    body = msgspec.json.encode(
        {
            "order_number": order.number,
            "ship_to": {"code": order.ship_to, "name": order.ship_to_zh},
            "expedited": order.expedited,
            "currency": "CNY",
            "lines": order.lines,
            "callback_url": f"{settings.base_url}/api/v1/vendor-callbacks/{order.vendor}",
        }
    )
    secret = secret_for(settings.secret, order.vendor, order.secret_version)
    url, host, tls = await pinned(f"{order.endpoint}/orders", allow_private=settings.allow_private_vendors)
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": str(order.id),
        **host,
        **headers_for(secret, str(order.id), body),
    }
    status, answer = await _send(url, body, headers, tls)
    if status in (200, 201, 202):
        accepted = _read(answer, Accepted)
        return Placed(
            sent=body.decode(),
            answered=answer.decode(errors="replace"),
            status=status,
            vendor_reference=accepted.vendor_reference[:200],
            promised_at=accepted.promised_at,
        )
    if 400 <= status < 500 and status not in (408, 425, 429):
        raise VendorRefused(_read(answer, Declined).reason[:1000])
    raise VendorUnreachable(f"the vendor answered {status}")


async def _send(url: str, body: bytes, headers: dict[str, str], tls: dict[str, str]) -> tuple[int, bytes]:
    try:
        async with (
            httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", url, content=body, headers=headers, extensions=tls) as response,
        ):
            answer = b""
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) > LARGEST_ANSWER:
                    raise VendorUnreachable("the vendor's answer is too long to be one")
            return response.status_code, answer
    except httpx.HTTPError as error:
        raise VendorUnreachable(f"{type(error).__name__}: {error}") from error


def _read[T](answer: bytes, into: type[T]) -> T:
    try:
        return msgspec.json.decode(answer, type=into)
    except msgspec.MsgspecError as error:
        raise VendorUnreachable(f"the vendor's answer cannot be read: {error}") from error
