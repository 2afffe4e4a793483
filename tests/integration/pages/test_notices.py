"""Advance shipping notices on their pages: announced by hand or for an order, followed, closed short, withdrawn."""

import pytest

from inventory.procurement import deliveries
from inventory.procurement.deliveries import Scan
from inventory.stock import notices, transfers
from inventory.stock.notices import NewNoticeLine
from inventory.stock.transfers import TransferItem
from tests.integration.pages.test_receiving import announced
from tests.integration.procurement.test_deliveries import soon
from tests.integration.procurement.test_orders import placed
from tests.world import AUDITOR, DRIVE, FAN, KEEPER

NEW = "/advance-shipping-notices/new"
BY_HAND = {
    "origin": "V-DELL",
    "depot": "GZ",
    "due_at": "2099-01-02T18:00",
    "waybill": "SF-7",
    "part_number": [DRIVE, FAN, ""],
    "quantity": ["", "4", "1"],
    "serials": ["H-1\nH-2, H-3", "", ""],
}


def number_of(answer) -> str:
    return answer.headers["location"].rpartition("/")[2]


async def test_a_delivery_is_announced_by_hand_with_its_serials_pasted(visitor):
    keeper = await visitor("warehouse_keeper", depot="GZ")
    assert "V-DELL" in (await keeper.get(NEW)).text

    answer = await keeper.post(NEW, BY_HAND)

    assert answer.status_code == 303, answer.text
    notice = await notices.notice_view(number_of(answer))
    assert (notice.kind, notice.origin, notice.depot, notice.waybill) == ("by_hand", "V-DELL", "GZ", "SF-7")
    assert [(line.part_number, line.quantity, line.serials) for line in notice.lines] == [
        (FAN, 4, []),
        (DRIVE, 3, ["H-1", "H-2", "H-3"]),
    ]
    page = (await keeper.get(f"/advance-shipping-notices/{notice.number}")).text
    assert "H-3" in page
    assert f'href="/receiving/{notice.number}"' in page


async def test_an_orders_notice_begins_with_what_is_not_on_its_way(visitor):
    order = await placed((DRIVE, 2), (FAN, 3))
    keeper = await visitor("warehouse_keeper", depot="GZ")
    page = (await keeper.get(f"{NEW}?order={order.number}")).text
    assert f'name="part_number" value="{FAN}"' in page
    assert 'value="3"' in page

    form = {"purchase_order": order.number, "due_at": "2099-01-02T18:00", "part_number": [DRIVE, FAN]}
    answer = await keeper.post(NEW, {**form, "quantity": ["2", "0"], "serials": ["A-1\nA-2", ""]})

    assert (await notices.notice_view(number_of(answer))).document == order.number
    rest = (await keeper.get(f"{NEW}?order={order.number}")).text
    assert f'name="part_number" value="{DRIVE}"' not in rest
    await keeper.post(NEW, {**form, "part_number": FAN, "quantity": "3", "serials": ""})
    assert "该订单已全部到货或已登记在途" in (await keeper.get(f"{NEW}?order={order.number}")).text
    assert order.number not in (await keeper.get(NEW)).text


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"due_at": ""}, 422, "不是有效的日期或时间"),
        ({"part_number": "", "quantity": "1", "serials": ""}, 422, "预到货通知至少要有一行备件"),
        ({"quantity": ["2", "4", "1"]}, 422, "通知数量 2，却列出 3 个序列号"),
        ({"quantity": ["3", "many", "1"]}, 422, "“many”不是有效数量"),
        ({"quantity": ["3"]}, 422, "表单各行不完整"),
        ({"origin": "SH"}, 422, "手工预报到货"),
        ({"origin": ""}, 422, "预到货通知须注明"),
        ({"depot": "SH"}, 403, "不负责该备件库"),
    ],
)
async def test_a_notice_that_cannot_be_is_told_in_its_form(visitor, change, status, words):
    keeper = await visitor("warehouse_keeper", depot="GZ")

    answer = await keeper.post(NEW, {**BY_HAND, **change})

    assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert await notices.notices(limit=5, seen_by=AUDITOR) == []


async def test_the_page_follows_what_came_and_how_it_differed(visitor):
    number = await announced()
    page = f"/advance-shipping-notices/{number}"
    await deliveries.receive(
        number,
        [Scan(part_number=DRIVE, serials=["A-1", "X-9"], reason="box opened on the way")],
        by=KEEPER,
        reason="the rest comes later",
    )
    keeper = await visitor("warehouse_keeper", depot="GZ")

    told = (await keeper.get(page)).text

    assert 'class="serial came" href="/units/A-1"' in told
    assert '<span class="serial">A-2</span>' in told
    assert "box opened on the way" in told
    assert "部分入库" in told
    closed = await keeper.post(f"{page}/close", {"reason": "the vendor sends no more"})
    assert (closed.status_code, (await notices.notice_view(number)).state) == (303, "closed")
    assert "the vendor sends no more" in (await keeper.get(page)).text
    again = await keeper.post(f"{page}/cancel", {"reason": "r"})
    assert (again.status_code, "预计到货" in again.text) == (409, True)


async def test_receipts_of_one_notice_do_not_stand_under_another_of_the_same_order(api, visitor):
    order = await placed((DRIVE, 2))
    keeper = await visitor("warehouse_keeper", depot="GZ")
    form = {"purchase_order": order.number, "due_at": "2099-01-02T18:00", "part_number": DRIVE, "quantity": "1"}
    numbers = [number_of(await keeper.post(NEW, {**form, "serials": serial})) for serial in ("A-1", "A-2")]
    receipt = await deliveries.receive(numbers[0], [Scan(part_number=DRIVE, serials=["A-1"])], by=KEEPER)

    found = [(await api.get(f"/receipts?notice={number}", role="auditor")).json()["items"] for number in numbers]

    assert [[each["number"] for each in items] for items in found] == [[receipt.number], []]
    assert found[0][0]["notice"] == numbers[0]


async def test_a_mistaken_notice_is_withdrawn_and_a_transfers_is_not(visitor):
    keeper = await visitor("warehouse_keeper", depot="GZ")
    number = number_of(await keeper.post(NEW, BY_HAND))
    assert (
        await keeper.post(f"/advance-shipping-notices/{number}/cancel", {"reason": "typed twice"})
    ).status_code == 303
    assert (await notices.notice_view(number)).state == "cancelled"

    draft = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=1)], by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER)
    (notice,) = await notices.notices(limit=2, seen_by=AUDITOR, kind="transfer")
    other = await visitor("warehouse_keeper", depot="SH")
    page = (await other.get(f"/advance-shipping-notices/{notice.number}")).text
    assert "调拨入库或登记丢失后结束" in page
    assert "/close" not in page
    refused = await other.post(f"/advance-shipping-notices/{notice.number}/close", {"reason": "r"})
    assert (refused.status_code, "随调拨单结束" in refused.text) == (409, True)


async def test_the_list_is_filtered_by_store_state_source_and_day(visitor, api):
    made = await notices.announce(
        "GZ", [NewNoticeLine(part_number=FAN, quantity=1)], by=KEEPER, origin="V-DELL", due_at=soon(48)
    )
    number = await announced()
    auditor = await visitor("auditor")

    async def listed(query: str) -> tuple[bool, bool]:
        page = (await auditor.get(f"/advance-shipping-notices?{query}")).text
        return made.number in page, number in page

    assert await listed("") == (True, True)
    assert await listed("kind=by_hand") == (True, False)
    assert await listed("kind=purchase_order&state=expected&depot=GZ") == (False, True)
    assert await listed("depot=SH") == (False, False)
    assert await listed("from=2099-01-01") == (False, False)
    assert await listed("to=2000-01-01") == (False, False)
    assert await listed("from=2020-01-01&to=2099-12-31") == (True, True)
    page = (await auditor.get("/advance-shipping-notices?from=2099-01-01")).text
    assert "/api/v1/advance-shipping-notices.csv?from=2098-12-31T16%3A00%3A00%2B00%3A00" in page
    exported = await api.get(
        "/advance-shipping-notices.csv?kind=by_hand&from=2098-12-31T16:00:00%2B00:00", role="auditor"
    )
    assert (exported.status_code, made.number in exported.text) == (200, False)


async def test_a_vendor_sees_and_announces_only_for_its_own_orders(visitor):
    order = await placed((DRIVE, 1))
    number = await announced()
    own, other = await visitor("vendor", vendor="DISTI"), await visitor("vendor", vendor="DELL")

    assert number in (await own.get("/advance-shipping-notices")).text
    assert number not in (await other.get("/advance-shipping-notices")).text
    assert (await other.get(f"/advance-shipping-notices/{number}")).status_code == 404
    assert (await own.get(f"/find?q={number}")).headers["location"] == f"/advance-shipping-notices/{number}"
    assert "/advance-shipping-notices" not in (await other.get(f"/find?q={number}")).headers["location"]
    page = (await own.get(NEW)).text
    assert order.number in page
    assert 'name="origin"' not in page
    assert order.number not in (await other.get(NEW)).text
    assert (await own.post(NEW, BY_HAND)).status_code == 403
    form = {
        "purchase_order": order.number,
        "due_at": "2099-01-02",
        "part_number": DRIVE,
        "quantity": "1",
        "serials": "",
    }
    assert (await other.post(NEW, form)).status_code == 404
    assert (await own.post(NEW, form)).status_code == 303
