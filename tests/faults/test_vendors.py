"""Vendors as they are: every order ends placed exactly once, or clearly failed with a buyer told."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from pgqueuer.domain.errors import RetryRequested

from api.vendors import by_hand, http
from api.vendors.guard import pinned
from api.vendors.outcome import VendorRefused, VendorUnreachable
from api.vendors.signing import WebhookVerificationError, headers_for, secret_for, verify
from api.worker import VENDOR_TRIES, Work, on_place_order
from inventory.ground import db, jobs
from inventory.procurement import orders
from inventory.procurement.orders import NewLine
from tests.conftest import settings_for
from tests.vendors import answer, vendor
from tests.world import BUYER, DRIVE, SETUP

ACCEPTED = answer(202, {"vendor_reference": "D-77", "promised_at": None})


async def approved(url: str) -> UUID:
    await db.execute("UPDATE vendor SET endpoint = $1 WHERE channel = 'http'", url)
    order = await orders.draft_order("DISTI", "GZ", [NewLine(part_number=DRIVE, quantity=2)], by=BUYER)
    await orders.approve_order(order.id, by=SETUP)
    return order.id


async def place(order: UUID, dsn: str, attempt: int = 0) -> orders.OrderView:
    work = Work(settings_for(dsn))
    work.attempt = attempt
    await on_place_order(jobs.PlaceOrder(order), work)
    return await orders.order_view(order)


async def test_an_order_reaches_its_vendor_signed_and_with_its_key(company):
    async with vendor(ACCEPTED) as shop:
        order = await place(await approved(shop.url), company)

    ((headers, body),) = shop.calls
    verify(secret_for("0" * 64, "DISTI", 1), headers, body)
    sent = msgspec.json.decode(body)
    assert (order.state, order.vendor_reference) == ("placed", "D-77")
    assert headers["idempotency-key"] == str(order.id)
    assert sent["lines"] == [{"part_number": DRIVE, "quantity": 2, "unit_price_cny": "980.00"}]
    assert [message.direction for message in await orders.messages(order.id)] == ["sent", "received"]


async def test_a_time_promised_at_once_counts_at_once(company):
    promised = datetime.now(UTC) + timedelta(days=3)
    async with vendor(answer(201, {"vendor_reference": "D-1", "promised_at": promised.isoformat()})) as shop:
        order = await place(await approved(shop.url), company)

    assert (order.state, order.promised_at) == ("acknowledged", promised)


async def test_a_vendor_that_says_no_is_believed_and_a_buyer_told(company):
    async with vendor(answer(409, {"reason": "out of stock"})) as shop:
        order = await place(await approved(shop.url), company)

    assert (order.state, order.problem) == ("refused", "out of stock")
    assert await db.fetch_value("SELECT count(*) FROM step WHERE kind = 'order_refused' AND done_at IS NULL") == 1


@pytest.mark.parametrize(
    "broken",
    [
        answer(500, {"oops": True}),
        answer(503, {}),
        answer(429, {}),
        answer(302, {}, "Location: http://127.0.0.1:1/"),
        answer(202, b"<html>thank you</html>"),
        answer(202, {"something": "else"}),
        answer(202, b"x" * 100_000),
        answer(409, b"no"),
        None,
    ],
    ids=["500", "503", "429", "redirect", "html", "other shape", "huge", "no reason", "reset"],
)
async def test_whatever_is_no_clear_answer_is_asked_again_with_the_same_key(company, broken):
    async with vendor(broken, ACCEPTED) as shop:
        order = await approved(shop.url)
        with pytest.raises(RetryRequested):
            await place(order, company)
        placed = await place(order, company, attempt=1)

    assert placed.state == "placed"
    assert len({headers["idempotency-key"] for headers, _ in shop.calls}) == 1
    assert [message.direction for message in await orders.messages(order)] == ["failed", "sent", "received"]


async def test_a_vendor_that_never_answers_is_given_up_and_a_buyer_told(company):
    order = await approved("http://127.0.0.1:9")
    given_up = await place(order, company, attempt=VENDOR_TRIES - 1)

    assert given_up.state == "refused"
    assert "unreachable" in given_up.problem


async def test_a_placed_order_is_not_sent_again(company):
    async with vendor(ACCEPTED) as shop:
        order = await approved(shop.url)
        await place(order, company)
        await place(order, company)

    assert len(shop.calls) == 1


async def test_an_order_by_hand_is_the_buyers_to_pass_on(company):
    order = await orders.draft_order("DELL", "GZ", [NewLine(part_number="PSU-750", quantity=2)], by=BUYER)
    await orders.approve_order(order.id, by=SETUP)
    to_place = await orders.order_to_place(order.id)

    assert (await by_hand.place(to_place, settings_for(company))).vendor_reference is None
    assert (await place(order.id, company)).state == "placed"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/x", "https://127.0.0.1/x", "https://10.0.0.8/x", "https://[::1]/x", "https://169.254.169.254/x",
     "ftp://example.com/x", "https://user:pw@example.com/x", "file:///etc/passwd"],
)  # fmt: skip
async def test_no_address_of_our_own_network_is_called(url):
    with pytest.raises(VendorRefused):
        await pinned(url, allow_private=False)


async def test_a_host_that_does_not_resolve_is_unreachable():
    with pytest.raises(VendorUnreachable):
        await pinned("https://no-such-host.invalid/x", allow_private=False)


async def test_the_order_goes_to_the_address_that_was_checked(company):
    async with vendor(ACCEPTED) as shop:
        named = shop.url.replace("127.0.0.1", "localhost")
        order = await place(await approved(named), company)

    assert order.state == "placed"
    assert shop.calls[0][0]["host"].startswith("localhost:")


async def test_news_from_a_vendor_must_be_signed_by_it(api):
    async with vendor(ACCEPTED) as shop:
        order = await place(await approved(shop.url), "")
    promised = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    news = {"order_number": order.number, "status": "acknowledged", "promised_at": promised.isoformat()}

    async def tell(secret: str, at: datetime | None = None) -> int:
        body = msgspec.json.encode(news)
        headers = {"Content-Type": "application/json", **headers_for(secret, "m-1", body, at)}
        return (await api.client.post("/api/v1/vendor-callbacks/DISTI", content=body, headers=headers)).status_code

    ours = secret_for("0" * 64, "DISTI", 1)
    assert await tell(secret_for("0" * 64, "DELL", 1)) == 401
    assert await tell(ours, datetime.now(UTC) - timedelta(hours=1)) == 401
    assert (await orders.order_view(order.id)).state == "placed"
    assert [await tell(ours), await tell(ours)] == [200, 200]
    assert (await orders.order_view(order.id)).promised_at == promised


async def test_a_vendor_has_no_say_in_anothers_order(api):
    order = await orders.draft_order("DELL", "GZ", [NewLine(part_number="PSU-750", quantity=2)], by=BUYER)
    body = msgspec.json.encode({"order_number": order.number, "status": "refused"})
    headers = {"Content-Type": "application/json", **headers_for(secret_for("0" * 64, "DISTI", 1), "m-1", body)}

    answered = await api.client.post("/api/v1/vendor-callbacks/DISTI", content=body, headers=headers)

    assert answered.status_code == 404
    assert (await orders.order_view(order.id)).state == "draft"


def test_a_changed_message_does_not_verify():
    secret = secret_for("0" * 64, "DISTI", 1)
    headers = headers_for(secret, "m-1", b'{"quantity": 1}')

    with pytest.raises(WebhookVerificationError):
        verify(secret, headers, b'{"quantity": 9}')
    assert http.LARGEST_ANSWER < 100_000
