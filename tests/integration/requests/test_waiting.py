"""Those who wait: told anew when there is something new to tell, and what is bought for them."""

from datetime import timedelta

import pytest
from msgspec import UNSET

from inventory.assurance.invariants import violations
from inventory.ground import clock, db
from inventory.ground.actor import service
from inventory.procurement import orders
from inventory.requests import backorders, buying, requests
from inventory.requests.buying import BoughtAlready, NothingWaits
from inventory.requests.scope import NotYourRequest
from inventory.stock import receipts, transfers
from tests.integration.requests.test_promising import new, told
from tests.statements import counted
from tests.world import BUYER, DISPATCHER, ENGINEER, PSU, SETUP, SH_KEEPER

ALLOCATION = service("allocation")


async def waits(**more: object) -> requests.RequestView:
    """A request that found nothing anywhere."""
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="gone")
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")
    view = await requests.open_request(new(**more), by=DISPATCHER)
    assert told(view) == [(view.lines[0].quantity, "backordered", "GZ", None, False)]
    return view


async def changes() -> int:
    return await db.fetch_value("SELECT count(*) FROM event WHERE kind = 'part_request.promise_changed'")


async def bought(request: requests.RequestView) -> orders.OrderView:
    """An order for a request that its vendor has taken, for the day after tomorrow."""
    order = await buying.buy(request.id, PSU, "DISTI", by=DISPATCHER)
    await orders.approve_order(order.id, by=BUYER)
    await orders.record_placed(order.id, by=ALLOCATION, vendor_reference="V-1")
    return await orders.record_acknowledged(order.id, by=ALLOCATION, promised_at=clock.now() + timedelta(days=2))


async def test_what_a_vendor_confirms_is_a_firm_promise_to_whoever_waits(company):
    waiting = await waits()
    order = await bought(waiting)

    assert await backorders.renew_promises(by=ALLOCATION) == 1
    promised = await requests.request_view(waiting.id)
    assert told(promised) == [(1, "backordered", "GZ", PSU, True)]
    assert promised.lines[0].promise.arrives_at > order.promised_at
    assert await changes() == 1
    assert await backorders.renew_promises(by=ALLOCATION) == 0  # there is nothing new to tell
    assert await changes() == 1
    assert await violations() == []


async def test_a_later_delivery_makes_a_later_promise_and_none_makes_none(company):
    waiting = await waits()
    order = await bought(waiting)
    await backorders.renew_promises(by=ALLOCATION)
    later = order.promised_at + timedelta(days=3)
    await orders.record_acknowledged(order.id, by=ALLOCATION, promised_at=later)

    assert await backorders.renew_promises(by=ALLOCATION) == 1
    promise = (await requests.request_view(waiting.id)).lines[0].promise
    assert (promise.firm, promise.arrives_at > later) == (True, True)
    assert promise.reasons[0] == "delivery_changed"

    with clock.at(later + timedelta(hours=1)):  # the day has come, the goods have not
        assert await backorders.renew_promises(by=ALLOCATION) == 1
        assert told(await requests.request_view(waiting.id)) == [(1, "backordered", "GZ", None, False)]
        assert await violations() == []


async def test_stock_that_another_store_can_spare_by_now_goes_to_the_most_urgent(company):
    calm = await waits()
    severe = await requests.open_request(new(reference="INC-2/1", severity="severe"), by=DISPATCHER)
    await receipts.receive(
        "SH",
        [receipts.Incoming(part_number=PSU, quantity=1, provenance="authorised_channel")],
        by=SH_KEEPER,
        origin="V-DISTI",
    )
    assert await backorders.renew_promises(by=ALLOCATION) == 1
    assert told(await requests.request_view(severe.id)) == [(1, "reserved", "SH", PSU, True)]
    assert told(await requests.request_view(calm.id)) == [(1, "backordered", "GZ", None, False)]
    assert await violations() == []


async def test_a_firm_promise_is_left_for_an_earlier_one_only(company):
    waiting = await waits()
    await bought(waiting)
    await backorders.renew_promises(by=ALLOCATION)
    await receipts.receive(
        "SH",
        [receipts.Incoming(part_number=PSU, quantity=3, provenance="authorised_channel")],
        by=SH_KEEPER,
        origin="V-DISTI",
    )
    sent = await transfers.draft_transfer(
        "SH", "GZ", [transfers.TransferItem(part_number=PSU, quantity=3)], by=SH_KEEPER
    )
    await transfers.ship(sent.id, by=SH_KEEPER)

    assert await backorders.renew_promises(by=ALLOCATION) == 1
    promise = (await requests.request_view(waiting.id)).lines[0].promise
    assert (promise.firm, promise.arrives_at < clock.now() + timedelta(days=2)) == (True, True)


async def test_it_is_bought_once_for_those_who_wait_and_a_buyer_approves(company):
    waiting = await waits()
    order = await buying.buy(waiting.id, PSU, "DISTI", by=DISPATCHER)

    assert (order.state, order.request_number, order.ship_to) == ("draft", waiting.number, "GZ")
    assert [each.number for each in await buying.bought_for(waiting.number)] == [order.number]
    assert await db.fetch_value("SELECT due_at FROM step WHERE subject = $1", order.number) <= (
        clock.now() + timedelta(hours=1)
    )
    with pytest.raises(BoughtAlready):
        await buying.buy(waiting.id, PSU, "DISTI", by=DISPATCHER)
    await orders.cancel_order(order.id, by=BUYER, reason="found one")
    again = await buying.buy(waiting.id, PSU, "DISTI", by=DISPATCHER)
    assert again.number != order.number


async def test_nobody_buys_what_is_not_waited_for_or_no_business_of_theirs(company):
    held = await requests.open_request(new(), by=DISPATCHER)
    with pytest.raises(NothingWaits):
        await buying.buy(held.id, PSU, "DISTI", by=DISPATCHER)
    await requests.cancel(held.id, by=DISPATCHER, reason="test")
    waiting = await waits(reference="INC-3/1")
    with pytest.raises(NotYourRequest):
        await buying.buy(waiting.id, PSU, "DISTI", by=ENGINEER)
    with pytest.raises(orders.NoOffer):
        await buying.buy(waiting.id, PSU, "NOBODY", by=DISPATCHER)
    assert await db.fetch_value("SELECT count(*) FROM purchase_order") == 0


async def test_what_comes_in_time_is_not_bought_again_and_prices_stay_with_whoever_may_see_them(company):
    waiting = await waits(quantity=3)
    order = await buying.buy(waiting.id, PSU, "DISTI", by=DISPATCHER)
    assert order.total_cny is UNSET  # a dispatcher sees no costs
    await orders.approve_order(order.id, by=BUYER)
    await orders.record_placed(order.id, by=ALLOCATION, vendor_reference="V-1")
    await orders.record_acknowledged(order.id, by=ALLOCATION, promised_at=clock.now() + timedelta(minutes=20))
    await backorders.renew_promises(by=ALLOCATION)
    assert (await requests.request_view(waiting.id)).lines[0].promise.on_time
    await db.execute("UPDATE purchase_order SET request_number = NULL")
    with pytest.raises(NothingWaits):
        await buying.buy(waiting.id, PSU, "DISTI", by=DISPATCHER)


async def test_all_who_wait_are_looked_at_batch_by_batch_the_most_urgent_first(company):
    calm = [await waits(), *[await requests.open_request(new(reference=f"{n}"), by=DISPATCHER) for n in range(2)]]
    severe = await requests.open_request(new(reference="INC-9/1", severity="severe"), by=DISPATCHER)
    assert await backorders.renew_promises(by=ALLOCATION, batch=1) == 0
    await receipts.receive(
        "SH",
        [receipts.Incoming(part_number=PSU, quantity=2, provenance="authorised_channel")],
        by=SH_KEEPER,
        origin="V-DISTI",
    )

    assert await backorders.renew_promises(by=ALLOCATION, batch=1) == 2
    states = [(await requests.request_view(each.id)).state for each in (severe, *calm)]
    assert states == ["reserved", "reserved", "backordered", "backordered"]
    assert await violations() == []


async def test_where_there_is_nothing_new_as_many_are_asked_about_by_as_few_statements(company):
    waiting = await waits()
    await bought(waiting)
    assert await backorders.renew_promises(by=ALLOCATION) == 1  # one has a firm promise, the others have none

    async def statements() -> int:
        async with counted() as sent:
            assert await backorders.renew_promises(by=ALLOCATION) == 0
        return len(sent)

    await requests.open_request(new(reference="INC-2/1"), by=DISPATCHER)
    await statements()  # the driver looks up types
    few = await statements()
    for n in range(8):
        await requests.open_request(new(reference=f"INC-{n + 3}/1"), by=DISPATCHER)
    assert await statements() == few <= 3
