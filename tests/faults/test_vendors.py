"""Vendors as they are: every order ends placed exactly once, or clearly failed with a buyer told."""

import asyncio
import gzip
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec import structs
from pgqueuer.domain.errors import RetryRequested

from api.vendors import by_hand, calling
from api.vendors.guard import pinned
from api.vendors.outcome import VendorRefused, VendorUnreachable
from api.vendors.placing import PATIENCE, URGENT_PATIENCE
from api.vendors.signing import WebhookVerificationError, headers_for, secret_for, verify
from api.worker import Work, on_ask_vendor, on_place_order, on_tell_change
from inventory.ground import clock, db, jobs
from inventory.procurement import changes, circuits, orders
from inventory.procurement.changes import ChangedLine
from inventory.procurement.orders import NewLine
from tests.calls import Api
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
    await on_place_order(jobs.PlaceOrder(order), working(dsn, attempt))
    return await orders.order_view(order)


def working(dsn: str, attempt: int = 0) -> Work:
    work = Work(structs.replace(settings_for(dsn), vendor_seconds=5.0))
    work.attempt = attempt
    return work


async def duties(order: orders.OrderView) -> list[str]:
    rows = await db.fetch("SELECT kind FROM step WHERE subject = $1 AND done_at IS NULL ORDER BY kind", order.number)
    return [row["kind"] for row in rows]


async def tell(api: Api, news: dict[str, Any], message: str = "m-1") -> int:
    """A vendor calls us back; the status of our answer."""
    body = msgspec.json.encode(news)
    headers = {"Content-Type": "application/json", **headers_for(secret_for("0" * 64, "DISTI", 1), message, body)}
    return (await api.client.post("/api/v1/vendor-callbacks/DISTI", content=body, headers=headers)).status_code


async def test_an_order_reaches_its_vendor_signed_and_with_its_key(company):
    async with vendor(ACCEPTED) as shop:
        order = await place(await approved(shop.url), company)

    ((headers, body),) = shop.calls
    verify(secret_for("0" * 64, "DISTI", 1), headers, body)
    sent = msgspec.json.decode(body)
    assert (order.state, order.vendor_reference) == ("placed", "D-77")
    assert headers["idempotency-key"] == str(order.id)
    priced = {"unit_price_cny": "980.00", "currency": "CNY", "unit_price": "980.00", "framework_number": None}
    assert sent["lines"] == [{"part_number": DRIVE, "quantity": 2} | priced]
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


@pytest.mark.parametrize("urgent", [False, True])
async def test_a_vendor_that_cannot_be_reached_is_given_up_when_the_order_cannot_wait_and_a_buyer_told(company, urgent):
    order = await approved("http://127.0.0.1:9")
    if urgent:
        await db.execute("UPDATE purchase_order SET kind = 'emergency' WHERE id = $1", order)
    with pytest.raises(RetryRequested):
        await place(order, company)
    with clock.at(datetime.now(UTC) + (URGENT_PATIENCE if urgent else PATIENCE)):
        given_up = await place(order, company, attempt=9)

    assert given_up.state == "refused"
    assert "never reached it" in given_up.problem
    assert await duties(given_up) == ["order_refused"]
    assert await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'order_fell_through'") == 1


async def test_who_gave_an_order_up_hears_that_the_vendor_may_have_it(company):
    async with vendor(None) as shop:
        order = await approved(shop.url)
        with pytest.raises(RetryRequested):
            await place(order, company)
        with clock.at(datetime.now(UTC) + PATIENCE):
            given_up = await place(order, company)

    assert given_up.state == "refused"
    assert "may have the order all the same" in given_up.problem


async def test_a_word_that_comes_after_an_order_was_given_up_is_a_persons_to_decide(api):
    async with vendor(None) as shop:
        order = await approved(shop.url)
        with clock.at(datetime.now(UTC) - PATIENCE), pytest.raises(RetryRequested):
            await place(order, "")
        given_up = await place(order, "")
    promised = (datetime.now(UTC) + timedelta(days=2)).isoformat()

    told = await tell(api, {"order_number": given_up.number, "status": "acknowledged", "promised_at": promised})

    assert told == 200
    assert (await orders.order_view(order)).state == "refused"
    assert await duties(given_up) == ["late_word", "order_refused"]


async def test_a_slow_vendor_is_not_waited_for_and_asked_again(company):
    async with vendor(answer(202, {}), waits=True) as shop:
        order = await approved(shop.url)
        work = working(company)
        work.settings = structs.replace(work.settings, vendor_seconds=0.3)
        with pytest.raises(RetryRequested):
            await on_place_order(jobs.PlaceOrder(order), work)

    assert "no answer within 0.3 s" in (await orders.messages(order))[0].summary


async def test_a_vendor_that_dribbles_its_answer_is_as_slow_as_one_that_gives_none(company):
    """Each byte comes well within the time; the answer does not."""
    whole = answer(202, {"vendor_reference": "D-1"})

    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            for byte in whole:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(dribble, "127.0.0.1", 0)
    async with server:
        order = await approved(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        work = working(company)
        work.settings = structs.replace(work.settings, vendor_seconds=0.4)
        with pytest.raises(RetryRequested):
            await on_place_order(jobs.PlaceOrder(order), work)

    assert (await orders.order_view(order)).state == "approved"


async def test_a_small_answer_cannot_become_a_huge_one(company):
    bomb = gzip.compress(b"x" * 20_000_000)
    async with vendor(answer(202, bomb, "Content-Encoding: gzip"), ACCEPTED) as shop:
        order = await approved(shop.url)
        with pytest.raises(RetryRequested):
            await place(order, company)
        placed = await place(order, company, attempt=1)

    assert placed.state == "placed"
    assert shop.calls[0][0]["accept-encoding"] == "identity"


async def test_a_vendor_that_asks_for_patience_is_given_it(company):
    async with vendor(answer(503, {}, "Retry-After: 120")) as shop:
        with pytest.raises(RetryRequested) as again:
            await place(await approved(shop.url), company)

    assert again.value.delay == timedelta(seconds=120)


async def test_a_vendor_that_calls_back_before_it_answers_has_the_order_once(api):
    """The vendor's promise is in before our call has come back; its answer then changes nothing of that."""
    promised = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)

    async def promises_first(_: dict[str, str], body: bytes) -> bytes:
        number = msgspec.json.decode(body)["order_number"]
        news = {"order_number": number, "status": "acknowledged", "promised_at": promised.isoformat()}
        assert await tell(api, news) == 200
        return ACCEPTED

    async with vendor(promises_first) as shop:
        order = await place(await approved(shop.url), "")

    assert (order.state, order.promised_at, order.vendor_reference) == ("acknowledged", promised, "D-77")
    assert await db.fetch_value("SELECT count(*) FROM expected_delivery WHERE closed_at IS NULL") == 1
    assert await duties(order) == []


async def test_a_vendor_that_refuses_before_it_answers_is_believed(api):
    async def refuses_first(_: dict[str, str], body: bytes) -> bytes:
        number = msgspec.json.decode(body)["order_number"]
        assert await tell(api, {"order_number": number, "status": "refused", "reason": "no stock"}) == 200
        return ACCEPTED

    async with vendor(refuses_first) as shop:
        order = await place(await approved(shop.url), "")

    assert (order.state, order.problem) == ("refused", "no stock")
    assert await duties(order) == ["order_refused"]


async def test_an_acknowledgement_that_comes_twice_counts_once(api):
    async with vendor(ACCEPTED) as shop:
        order = await place(await approved(shop.url), "")
    promised = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    news = {"order_number": order.number, "status": "acknowledged", "promised_at": promised}

    assert [await tell(api, news, "m-1"), await tell(api, news, "m-1"), await tell(api, news, "m-2")] == [200] * 3
    assert await db.fetch_value("SELECT count(*) FROM event WHERE kind = 'purchase_order.acknowledged'") == 1
    assert [message.direction for message in await orders.messages(order.id)].count(
        "received"
    ) == 3  # one with the placing


async def test_a_message_that_is_played_again_does_not_undo_a_later_one(api):
    async with vendor(ACCEPTED) as shop:
        order = await place(await approved(shop.url), "")
    soon, later = (datetime.now(UTC).replace(microsecond=0) + timedelta(days=days) for days in (2, 5))

    for message, at in (("m-1", soon), ("m-2", later), ("m-1", soon)):
        news = {"order_number": order.number, "status": "acknowledged", "promised_at": at.isoformat()}
        assert await tell(api, news, message) == 200

    assert (await orders.order_view(order.id)).promised_at == later


@pytest.mark.parametrize("promised", ["1999-01-01T00:00:00Z", "9999-01-01T00:00:00Z"])
async def test_a_time_at_which_nothing_can_arrive_is_not_taken(api, promised):
    async with vendor(ACCEPTED) as shop:
        order = await place(await approved(shop.url), "")
    news = {"order_number": order.number, "status": "acknowledged", "promised_at": promised}

    assert await tell(api, news) == 422
    assert (await orders.order_view(order.id)).state == "placed"


async def test_a_service_that_fails_again_and_again_is_left_alone_and_a_buyer_told(company):
    async with vendor(answer(500, {})) as shop:
        order = await approved(shop.url)
        for attempt in range(circuits.OPENS_AFTER + 3):
            with pytest.raises(RetryRequested):
                await place(order, company, attempt)

    assert len(shop.calls) == circuits.OPENS_AFTER
    ((circuit,), told) = (
        await circuits.circuits(limit=9),
        await db.fetch("SELECT subject FROM step WHERE kind = 'vendor_down'"),
    )
    assert (circuit.vendor, circuit.failures, [row["subject"] for row in told]) == (
        "DISTI",
        circuits.OPENS_AFTER,
        ["DISTI"],
    )


async def test_after_its_rest_one_call_probes_a_service_and_its_answer_closes_the_circuit(company):
    async with vendor(*[answer(500, {})] * circuits.OPENS_AFTER, ACCEPTED) as shop:
        order = await approved(shop.url)
        for attempt in range(circuits.OPENS_AFTER):
            with pytest.raises(RetryRequested):
                await place(order, company, attempt)
        with clock.at(datetime.now(UTC) + circuits.rest_after(circuits.OPENS_AFTER)):
            assert await circuits.ask("DISTI") is None
            assert await circuits.ask("DISTI") == circuits.PROBED_FOR  # somebody probes it already
        with clock.at(datetime.now(UTC) + timedelta(minutes=3)):
            placed = await place(order, company, circuits.OPENS_AFTER)

    assert placed.state == "placed"
    assert await circuits.circuits(limit=9) == []
    assert await db.fetch_value("SELECT count(*) FROM step WHERE kind = 'vendor_down' AND done_at IS NULL") == 0


async def test_a_vendor_that_says_no_is_there(company):
    """Refusing is an answer: it opens no circuit, and closes one."""
    async with vendor(answer(500, {}), answer(409, {"reason": "out of stock"})) as shop:
        order = await approved(shop.url)
        with pytest.raises(RetryRequested):
            await place(order, company)
        await place(order, company)

    assert await circuits.circuits(limit=9) == []


async def test_a_silent_vendor_is_asked_what_became_of_an_order(company):
    promised = datetime.now(UTC).replace(microsecond=0) + timedelta(days=4)
    became = answer(200, {"status": "acknowledged", "promised_at": promised.isoformat(), "vendor_reference": "D-77"})
    async with vendor(ACCEPTED, became) as shop:
        order = await place(await approved(shop.url), company)
        await on_ask_vendor(jobs.AskVendor(order.id), working(company))

    headers, body = shop.calls[1]
    assert shop.lines[1].startswith(f"POST /orders/{order.number}/status ")
    verify(secret_for("0" * 64, "DISTI", 1), headers, body)
    assert ((await orders.order_view(order.id)).state, (await orders.order_view(order.id)).promised_at) == (
        "acknowledged",
        promised,
    )


async def test_a_vendor_that_lost_an_order_it_had_taken_is_a_persons_to_call(company):
    async with vendor(ACCEPTED, answer(404, {})) as shop:
        order = await place(await approved(shop.url), company)
        await on_ask_vendor(jobs.AskVendor(order.id), working(company))

    assert await duties(order) == ["chase_answer", "order_unknown"]
    assert (await orders.order_view(order.id)).state == "placed"


@pytest.mark.parametrize(
    "nonsense", [answer(405, {}), answer(200, b"<html>"), answer(200, {"status": "eaten"}), answer(500, {}), None]
)
async def test_a_vendor_that_answers_no_questions_keeps_its_order(company, nonsense):
    async with vendor(ACCEPTED, nonsense) as shop:
        order = await place(await approved(shop.url), company)
        await on_ask_vendor(jobs.AskVendor(order.id), working(company))

    assert (await orders.order_view(order.id)).state == "placed"


async def test_a_change_reaches_its_vendor_and_holds_from_its_word_on(company):
    async with vendor(ACCEPTED, answer(200, {"confirmed": True})) as shop:
        order = await place(await approved(shop.url), company)
        change = await changes.change_order(
            order.id, [ChangedLine(part_number=DRIVE, quantity=5)], by=BUYER, reason="more"
        )
        assert (await orders.order_view(order.id)).lines[0].quantity == 2
        await on_tell_change(jobs.TellChange(change.id), working(company))

    after = await orders.order_view(order.id)
    sent = msgspec.json.decode(shop.calls[1][1])
    assert shop.lines[1].startswith(f"POST /orders/{order.number}/changes ")
    assert (sent["version"], sent["lines"][0]["quantity"]) == (2, 5)
    assert (after.version, after.lines[0].quantity, after.total_cny) == (2, 5, order.total_cny / 2 * 5)
    assert await db.fetch_value("SELECT quantity FROM expected_delivery WHERE closed_at IS NULL") == 5


async def test_a_change_that_a_vendor_refuses_leaves_the_order_and_a_buyer_is_told(company):
    async with vendor(ACCEPTED, answer(409, {"reason": "packed already"})) as shop:
        order = await place(await approved(shop.url), company)
        change = await changes.change_order(order.id, by=BUYER, reason="not needed", cancel=True)
        await on_tell_change(jobs.TellChange(change.id), working(company))

    assert (await orders.order_view(order.id)).state == "placed"
    assert (await changes.change_view(change.id)).answer == "packed already"
    assert await duties(order) == ["change_declined", "chase_answer"]


async def test_a_change_that_cannot_be_told_is_told_later_with_the_same_key(company):
    async with vendor(ACCEPTED, None, answer(200, {"confirmed": None}), answer(200, {"confirmed": None})) as shop:
        order = await place(await approved(shop.url), company)
        change = await changes.change_order(
            order.id, [ChangedLine(part_number=DRIVE, quantity=1)], by=BUYER, reason="less"
        )
        with pytest.raises(RetryRequested):
            await on_tell_change(jobs.TellChange(change.id), working(company))
        await on_tell_change(jobs.TellChange(change.id), working(company))

    assert shop.calls[1][0]["idempotency-key"] == shop.calls[2][0]["idempotency-key"] == str(change.id)
    assert (await changes.change_view(change.id)).state == "asked"


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

    async def signed(secret: str, at: datetime | None = None) -> int:
        body = msgspec.json.encode(news)
        headers = {"Content-Type": "application/json", **headers_for(secret, "m-1", body, at)}
        return (await api.client.post("/api/v1/vendor-callbacks/DISTI", content=body, headers=headers)).status_code

    ours = secret_for("0" * 64, "DISTI", 1)
    assert await signed(secret_for("0" * 64, "DELL", 1)) == 401
    assert await signed(ours, datetime.now(UTC) - timedelta(hours=1)) == 401
    assert (await orders.order_view(order.id)).state == "placed"
    assert [await signed(ours), await signed(ours)] == [200, 200]
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
    assert calling.LARGEST_ANSWER < 100_000
