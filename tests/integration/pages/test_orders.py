"""Purchase orders and transfers on pages: approved, given up, received, sent."""

from inventory.ground import db
from inventory.procurement import orders
from inventory.stock import levels, transfers
from tests.integration.procurement.test_orders import drafted, placed
from tests.world import ADMIN, BUYER, DRIVE, FAN, KEEPER, PSU, offers_too


async def on_hand(part: str, depot: str = "GZ") -> int:
    return (await levels.level(part, depot, "common", seen_by=ADMIN)).on_hand


async def test_a_draft_is_approved_and_goes_its_way(visitor):
    order = await drafted((DRIVE, 4))
    buyer = await visitor("buyer")

    page = (await buyer.get(f"/orders/{order.id}")).text
    approved = await buyer.post(f"/orders/{order.id}/approve")

    assert 'data-opens="approve"' in page
    assert approved.headers["location"] == f"/orders/{order.id}"
    assert (await orders.order_view(order.id)).state == "approved"


async def test_an_order_is_drafted_by_hand_with_what_is_offered_before_ones_eyes(visitor):
    await db.execute("UPDATE vendor SET minimum_order_cny = 5000, small_order_fee_cny = 90")
    await offers_too("DISTI", DRIVE, framework_number="FA-2026-017")
    buyer, keeper = await visitor("buyer"), await visitor("warehouse_keeper")
    form = (await buyer.get("/orders/new?vendor=DISTI&part=PSU-750")).text
    offers = f"/orders/new/offers?vendor=DISTI&part_number={DRIVE}&quantity=4&part_number=NONE&quantity=1"
    shown = (await buyer.get(offers)).text
    whole = (await buyer.get(offers.removesuffix("&part_number=NONE&quantity=1"), language="en")).text
    said = {"vendor": "DISTI", "ship_to": "GZ", "pool": "common", "part_number": [DRIVE, ""], "quantity": ["4", "1"]}
    refused = await buyer.post("/orders/new", said | {"quantity": ["99", "1"]})
    drafted = await buyer.post("/orders/new", said | {"expedited": "yes"})
    page = (await buyer.get(drafted.headers["location"])).text

    assert all(words in form for words in ('value="DISTI" selected', 'value="PSU-750"'))
    assert all(words in shown for words in ("没有 NONE 的此类有效报价", "FA-2026-017", "¥980.00"))
    assert all(words in whole for words in ("¥4,010.00", "asks a fee of ¥90"))
    assert (refused.status_code, "按 1 的整数倍" in refused.text) == (422, True)
    assert all(words in page for words in ("草稿", "加急", "FA-2026-017"))
    for address in ("/orders", "/orders?vendor=DISTI", "/vendors/DISTI", f"/parts/{DRIVE}"):
        assert 'href="/orders/new' in (await buyer.get(address)).text, address
    assert (await keeper.get("/orders/new")).status_code == 403
    for junk in (
        "quantity=x&part_number=1",
        "part_number=FAN-2U&quantity=9999999999",
        "vendor=NOBODY&part_number=FAN-2U&quantity=1",
    ):
        assert (await buyer.get(f"/orders/new/offers?{junk}")).status_code == 200


async def test_orders_are_listed_by_vendor(visitor, api):
    disti, dell = await drafted((DRIVE, 4)), await drafted((PSU, 2), vendor="DELL")
    buyer = await visitor("buyer")
    page = (await buyer.get("/orders?vendor=DELL")).text
    listed = (await api.get("/purchase-orders?vendor=DELL", role="buyer")).json()

    assert (dell.number in page, disti.number in page) == (True, False)
    assert [order["number"] for order in listed["items"]] == [dell.number]


async def test_a_draft_is_given_up_with_its_reason(visitor):
    order = await drafted((DRIVE, 4))
    buyer = await visitor("buyer")

    await buyer.post(f"/orders/{order.id}/cancel", {"reason": "bought elsewhere"})

    assert "bought elsewhere" in (await buyer.get(f"/orders/{order.id}")).text


async def test_goods_come_in_by_serial_and_by_count(visitor):
    order = await placed((DRIVE, 2), (FAN, 3))
    keeper = await visitor("warehouse_keeper", depot="GZ")
    form = {"part_number": [DRIVE, FAN], "serials": ["N-1\nN-2", ""], "quantity": ["", "2"], "reason": ""}

    page = (await keeper.get(f"/orders/{order.id}")).text
    partly = await keeper.post(f"/orders/{order.id}/receive", form)
    rest = await keeper.post(f"/orders/{order.id}/receive", {"part_number": FAN, "serials": "", "quantity": "1"})

    assert "预计 2 件；每行一个序列号" in page
    assert (partly.status_code, rest.status_code) == (303, 303), partly.text
    assert (await orders.order_view(order.id)).state == "received"
    assert (await on_hand(DRIVE), await on_hand(FAN)) == (7, 13)


async def test_a_serial_that_is_known_already_is_refused(own_visitor):
    order = await placed((DRIVE, 1))
    keeper = await own_visitor("warehouse_keeper", depot="GZ")

    answer = await keeper.post(
        f"/orders/{order.id}/receive", {"part_number": DRIVE, "serials": "ZL2-0001", "quantity": "", "reason": ""}
    )

    assert answer.status_code == 409
    assert "该序列号的单件已在台账中" in answer.text


async def test_the_vendors_words_are_shown_as_they_came(visitor):
    order = await placed((DRIVE, 1))
    await orders.note_message(order.id, "received", "<b>out of stock</b>", status=409)

    page = (await (await visitor("buyer")).get(f"/orders/{order.id}")).text

    assert "&lt;b&gt;out of stock&lt;/b&gt;" in page
    assert "HTTP 409" in page


async def test_the_list_keeps_to_a_state_and_a_part(visitor):
    first, second = await drafted((DRIVE, 1)), await placed((FAN, 1))
    buyer = await visitor("buyer")

    drafts = (await buyer.get("/orders?state=draft")).text
    fans = (await buyer.get(f"/orders?part={FAN}")).text

    assert first.number in drafts
    assert second.number not in drafts
    assert second.number in fans
    assert first.number not in fans


async def test_a_long_list_goes_on(visitor):
    for _ in range(32):
        await drafted((FAN, 1))
    buyer = await visitor("buyer")

    first = (await buyer.get("/orders?state=draft")).text
    following = first.split('rel="next" href="', 1)[1].split('"', 1)[0].replace("&amp;", "&")
    second = (await buyer.get(following)).text

    assert first.count('class="code" href="/orders/') == 30
    assert second.count('class="code" href="/orders/') == 2
    assert 'href="/orders?state=draft"' in second


async def drafted_transfer() -> str:
    items = [transfers.TransferItem(part_number=FAN, quantity=2)]
    return f"/transfers/{(await transfers.draft_transfer('GZ', 'SH', items, by=KEEPER)).id}"


async def test_a_transfer_is_sent_and_taken_in(own_visitor):
    sender, receiver = (
        await own_visitor("warehouse_keeper", depot="GZ"),
        await own_visitor("warehouse_keeper", depot="SH"),
    )
    address = await drafted_transfer()

    offered = (await receiver.get(address)).text
    await sender.post(f"{address}/ship", {"waybill": "SF-1", "serials": ""})
    differs = await receiver.post(f"{address}/receive", {"part_number": FAN, "quantity": "1", "reason": ""})
    taken = await receiver.post(f"{address}/receive", {"part_number": FAN, "quantity": "1", "reason": "one crushed"})

    assert 'data-opens="ship"' not in offered
    assert differs.status_code == 409
    assert "差异需要说明原因" in differs.text
    assert taken.status_code == 303
    assert await on_hand(FAN, "SH") == 5


async def test_a_transfer_is_called_off(visitor):
    sender = await visitor("warehouse_keeper", depot="GZ")
    address = await drafted_transfer()

    await sender.post(f"{address}/cancel", {"reason": "not needed"})
    again = await sender.post(f"{address}/cancel", {"reason": "not needed"})

    assert again.status_code == 409
    assert (await levels.level(FAN, "GZ", "common", seen_by=BUYER)).free == 10
