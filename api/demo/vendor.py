"""The demo vendors: a small HTTP service that takes orders as real vendors do: mostly, late, and sometimes not.

A repeated order is the same order. An hour of a vendor's time passes in `SECONDS_PER_HOUR` seconds, so that a drill can
be watched; the times it promises are true hours.
"""

import asyncio
import hashlib
import signal
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import NotAuthorizedException
from litestar.params import FromPath

from api.demo.company.parts import PART_BY_NUMBER
from api.demo.company.vendors import VENDORS
from api.settings import Settings
from api.vendors.signing import WebhookVerificationError, headers_for, secret_for, verify

SECONDS_PER_HOUR = 1.0
ANSWER_SECONDS = 0.3
ACKNOWLEDGE_SECONDS = 2.0
REFUSES_ONE_IN = 12
DELAYS_ONE_IN = 6


@dataclass
class Desk:
    """A vendor's order desk: what it was sent, by idempotency key."""

    secret: str
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    orders: list[dict[str, Any]] = field(default_factory=list)


def create_vendor_app(service_secret: str, *, quick: bool = False) -> Litestar:
    """The vendors' service; `quick` answers without a vendor's pause (tests)."""
    desks = {vendor.code: Desk(secret_for(service_secret, vendor.code, 1)) for vendor in VENDORS}
    pending: set[asyncio.Task[None]] = set()

    @post("/vendors/{code:str}/orders", status_code=202)
    async def take_order(request: Request[Any, Any, Any], code: FromPath[str]) -> Response[dict[str, Any]]:
        desk = desks.get(code)
        body = await request.body()
        if desk is None:
            return Response({"reason": f"no vendor {code} here"}, status_code=404)
        try:
            verify(desk.secret, dict(request.headers), body)
        except WebhookVerificationError:
            raise NotAuthorizedException("the signature does not fit") from None
        key = request.headers.get("idempotency-key", "")
        if key not in desk.answers:
            await asyncio.sleep(0 if quick else ANSWER_SECONDS)
            order = msgspec.json.decode(body)
            desk.answers[key] = answer_to(code, order)
            desk.orders.append({**order, "idempotency_key": key, "status": desk.answers[key][0]})
            if desk.answers[key][0] == 202:
                task = asyncio.create_task(_acknowledge(code, desk, order, quick=quick))
                pending.add(task)
                task.add_done_callback(pending.discard)
        status, answer = desk.answers[key]
        return Response(answer, status_code=status)

    @get("/vendors/{code:str}/orders")
    async def list_orders(code: FromPath[str]) -> list[dict[str, Any]]:
        return desks[code].orders if code in desks else []

    return Litestar([take_order, list_orders], openapi_config=None)


def _draw(order: dict[str, Any]) -> int:
    """A vendor's mood about an order: always the same for the same order."""
    return int.from_bytes(hashlib.sha256(order["order_number"].encode()).digest()[:4])


def answer_to(code: str, order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """What a vendor says to an order at once: it has it, or it will not deliver."""
    if not order["expedited"] and _draw(order) % REFUSES_ONE_IN == 0:
        return 409, {"reason": "out of stock until further notice / 暂无库存"}
    return 202, {"vendor_reference": f"{code}-{_draw(order) % 900_000 + 100_000}", "promised_at": None}


def promise_of(order: dict[str, Any], now: datetime) -> tuple[datetime, bool]:
    """When the goods will arrive, and whether that is later than offered."""
    hours = max(_offered_hours(line["part_number"], expedited=order["expedited"]) for line in order["lines"])
    late = not order["expedited"] and _draw(order) % DELAYS_ONE_IN == 1
    return now + timedelta(hours=hours * (1.5 if late else 1.0)), late


def _offered_hours(part_number: str, *, expedited: bool) -> float:
    part = PART_BY_NUMBER[part_number]
    return float(part.expedited_hours) if expedited and part.expedited_hours else part.days * 24.0


async def _acknowledge(code: str, desk: Desk, order: dict[str, Any], *, quick: bool) -> None:
    """Tell the buyer when the goods will arrive; try again while nobody listens."""
    await asyncio.sleep(0 if quick else ACKNOWLEDGE_SECONDS)
    promised, late = promise_of(order, datetime.now(UTC))
    news = {
        "order_number": order["order_number"],
        "status": "delayed" if late else "acknowledged",
        "promised_at": promised,
    }
    body = msgspec.json.encode(news)
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        for attempt in range(6):
            headers = headers_for(desk.secret, f"{code}-{order['order_number']}-ack", body)
            try:
                answer = await client.post(
                    order["callback_url"], content=body, headers={**headers, "Content-Type": "application/json"}
                )
                if answer.status_code < 500:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.2 * 2**attempt)


def serve(settings: Settings, port: int) -> None:
    """Serve the demo vendors until told to stop."""
    uvloop.run(_serve(create_vendor_app(settings.secret), port))


async def _serve(app: Litestar, port: int) -> None:
    server = Server(app, address="127.0.0.1", port=port, interface=Interfaces.ASGI, log_enabled=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.stop)
    await server.serve()
