"""A vendor's desk, over HTTP and on its pages: its own orders and nothing else, answered in either language."""

from datetime import timedelta

import pypdfium2
import pytest
import zxingcpp

from inventory.ground import clock, db
from inventory.ground.errors import NotGranted, Unknown
from inventory.procurement import answers, changes, desk, orders
from inventory.procurement.changes import ChangedLine
from inventory.procurement.desk import NoVendor
from inventory.stock import codes
from tests.integration.pages.conftest import visitor, visitors  # noqa: F401  fixtures
from tests.integration.procurement.test_orders import drafted, placed
from tests.integration.procurement.test_receiving_routes import answered
from tests.world import BUYER, DRIVE, FAN, PSU, SETUP, actor

OURS = {"role": "vendor", "vendor": "DISTI"}
OTHER = {"role": "vendor", "vendor": "DELL"}


async def sent(*lines: tuple[str, int]) -> orders.OrderView:
    """An order that its vendor has and has not answered."""
    order = await drafted(*lines)
    await orders.approve_on_authority(order.id, by=SETUP)
    return await orders.record_placed(order.id, by=SETUP)


def soon(days: int = 3) -> str:
    return (clock.now().replace(microsecond=0) + timedelta(days=days)).isoformat()


async def test_a_vendor_sees_what_it_was_sent_and_nothing_of_ours(api):
    order = await sent((FAN, 3))
    await drafted((FAN, 1))
    await drafted((PSU, 2), vendor="DELL")

    (seen,) = (await api.get("/vendor-orders", **OURS)).json()["items"]
    assert (seen["number"], seen["state"], seen["lines"][0]["unit_price_cny"]) == (order.number, "placed", "250.00")
    for secret in (
        "pool",
        "case_number",
        "request_number",
        "created_by",
        "approved_by",
        "at_risk",
        "late_since",
        "kind",
    ):
        assert secret not in seen
    assert (await api.get("/vendor-orders?to_do=true", **OURS)).json()["items"][0]["number"] == order.number
    assert (await api.get("/vendor-orders?state=closed", **OURS)).json()["items"] == []
    assert (await api.get("/vendor-orders", **OTHER)).json()["items"] == []
    tables = [(await api.get("/vendor-orders.csv", **who)).text for who in (OURS, OTHER)]
    assert [order.number in table for table in tables] == [True, False]


async def test_another_vendors_orders_are_not_found_whatever_is_tried(api):
    order = await sent((FAN, 3))
    path = f"/vendor-orders/{order.number}"

    for answer in (
        await api.get(path, **OTHER),
        await api.post(f"{path}/promise", {"promised_at": soon()}, **OTHER),
        await api.post(f"{path}/refuse", {"reason": "no"}, **OTHER),
        await api.post(f"{path}/answer-change", {"version": 2, "confirmed": True}, **OTHER),
        await api.get(f"{path}/papers/purchase_order", **OTHER),
        await api.get("/vendor-orders/PO-99-999999", **OURS),
        await api.get(f"{path}/notices/ASN-1/labels", **OURS),
    ):
        assert answered(answer) == (404, "unknown")
    assert (await orders.order_view(order.id)).state == "placed"


async def test_whoever_answers_for_no_vendor_sees_no_order_and_a_vendor_sees_nothing_of_the_house(api):
    order = await sent((FAN, 3))

    assert (await api.get("/vendor-orders", role="buyer")).status_code == 403
    assert (await api.get("/vendor-orders", role=None)).status_code == 401
    for path in (
        "/purchase-orders",
        f"/purchase-orders/{order.id}",
        "/stock",
        "/offers",
        "/vendors",
        "/depots/GZ/stock",
    ):
        assert (await api.get(path, **OURS)).status_code in (403, 404), path
    with pytest.raises(NotGranted):
        await desk.desk_orders(limit=1, seen_by=BUYER)
    assert await desk.desk_orders(limit=5, seen_by=actor("vendor")) == []
    with pytest.raises(NoVendor):
        await desk.answer(order.number, answers.Answer(status="refused"), by=actor("vendor"))


@pytest.mark.parametrize(
    "body",
    [
        {"promised_at": "tomorrow"},
        {"promised_at": "2026-01-01T00:00:00Z"},
        {"promised_at": 7},
        {"lines": [{"part_number": "NOPE", "promised_at": "2027-01-01T00:00:00Z"}]},
        {"lines": "x"},
        {"unknown": 1},
        [],
    ],
)
async def test_a_promise_that_makes_no_sense_is_refused(api, body):
    order = await sent((FAN, 3))
    answer = await api.post(f"/vendor-orders/{order.number}/promise", body, **OURS)

    assert answer.status_code in (400, 404, 422)
    assert (await orders.order_view(order.id)).state == "placed"


async def test_dates_are_confirmed_line_by_line(api):
    order = await sent((FAN, 3), (DRIVE, 2))
    first, last = soon(3), soon(9)
    lines = [{"part_number": FAN, "promised_at": first}, {"part_number": DRIVE, "promised_at": last}]
    body = {"lines": lines, "vendor_reference": "NH-7"}
    answer = (await api.post(f"/vendor-orders/{order.number}/promise", body, idempotency_key="k", **OURS)).json()
    again = (await api.post(f"/vendor-orders/{order.number}/promise", body, idempotency_key="k", **OURS)).json()

    assert (answer["state"], answer["vendor_reference"], again) == ("acknowledged", "NH-7", answer)
    due = await db.fetch(
        """SELECT part_number, due_at, confirmed FROM expected_delivery JOIN part ON part.id = expected_delivery.part"""
    )
    assert {row["part_number"]: (row["due_at"].isoformat(), row["confirmed"]) for row in due} == {
        FAN: (first, True),
        DRIVE: (last, True),
    }
    assert (await orders.order_view(order.id)).promised_at.isoformat() == last


async def test_a_vendor_refuses_and_a_buyer_is_told(api):
    order = await sent((FAN, 3))

    assert answered(await api.post(f"/vendor-orders/{order.number}/refuse", {"reason": ""}, **OURS))[0] in (400, 422)
    answer = await api.post(f"/vendor-orders/{order.number}/refuse", {"reason": "end of life"}, **OURS)
    assert (answer.json()["state"], answer.json()["reason"]) == ("refused", "end of life")
    assert await db.fetch_value("SELECT count(*) FROM step WHERE kind = 'order_refused' AND done_at IS NULL") == 1
    again = await api.post(f"/vendor-orders/{order.number}/promise", {"promised_at": soon()}, **OURS)
    assert again.status_code == 200
    assert (await orders.order_view(order.id)).state == "refused"  # a person decides about the late word


async def test_a_vendor_answers_a_change(api):
    order = await placed((FAN, 10))
    await changes.change_order(order.id, [ChangedLine(part_number=FAN, quantity=6)], by=BUYER, reason="fewer")

    seen = (await api.get(f"/vendor-orders/{order.number}", **OURS)).json()
    assert (seen["change"]["version"], seen["change"]["after"]["lines"][0]["quantity"]) == (2, 6)
    body = {"version": 2, "confirmed": True}
    after = (await api.post(f"/vendor-orders/{order.number}/answer-change", body, **OURS)).json()
    assert (after["version"], after["lines"][0]["quantity"], after["change"]) == (2, 6, None)


async def test_a_vendor_announces_and_prints_its_papers_and_labels(api):
    order = await placed((DRIVE, 2))
    notice = {
        "purchase_order": order.number,
        "due_at": soon(),
        "lines": [{"part_number": DRIVE, "quantity": 2, "serials": ["NEW-1", "NEW-2"]}],
    }
    number = (await api.post("/advance-shipping-notices", notice, **OURS)).json()["number"]
    path = f"/vendor-orders/{order.number}"
    seen = (await api.get(path, **OURS)).json()

    assert (seen["state"], seen["lines"][0]["announced_quantity"], seen["notices"][0]["number"]) == (
        "shipped",
        2,
        number,
    )
    said = [
        text_of((await api.get(address, **OURS)).content)
        for address in (f"{path}/papers/purchase_order", f"{path}/notices/{number}/papers/delivery_note")
    ]
    assert order.number in said[0]
    assert "1,960.00" in said[0]
    assert "NEW-1" in said[1]
    labels = await api.get(f"{path}/notices/{number}/labels", **OURS)
    page = pypdfium2.PdfDocument(labels.content)[0].render(scale=300 / 72).to_numpy()
    assert codes.unit_code(DRIVE, "NEW-1", None) in {code.text for code in zxingcpp.read_barcodes(page)}
    assert (await api.get(f"{path}/notices/{number}/labels", **OTHER)).status_code == 404


def text_of(pdf: bytes) -> str:
    return "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))


async def test_for_whose_contract_we_buy_is_not_its_vendors_business(api):
    order = await drafted((PSU, 2), pool="C-TELCO")
    await orders.approve_on_authority(order.id, by=SETUP)
    await orders.record_placed(order.id, by=SETUP)
    notice = {"purchase_order": order.number, "due_at": soon(), "lines": [{"part_number": PSU, "quantity": 1}]}
    made = (await api.post("/advance-shipping-notices", notice, **OURS)).json()

    assert "TELCO" not in (await api.get(f"/advance-shipping-notices/{made['number']}", **OURS)).text
    assert "TELCO" not in (await api.get("/advance-shipping-notices", **OURS)).text
    assert "TELCO" not in (await api.get(f"/vendor-orders/{order.number}", **OURS)).text


@pytest.mark.parametrize(("language", "word"), [("zh", "确认到货时间"), ("en", "Confirm dates")])
async def test_the_page_speaks_the_vendors_language_and_takes_its_word(visitor, language, word):  # noqa: F811
    order = await sent((FAN, 3), (DRIVE, 2))
    desk_of = await visitor("vendor", vendor="DISTI")
    address = f"/vendor-orders/{order.number}"

    assert order.number in (await desk_of.get("/vendor-orders?to_do=yes", language=language)).text
    page = (await desk_of.get(address, language=language)).text
    assert word in page
    form = {
        "part_number": [DRIVE, FAN],
        "promised_at": ["2027-03-01T10:00", "2027-03-05T10:00"],
        "vendor_reference": "N-1",
    }
    done = await desk_of.post(f"{address}/promise", form, language=language)
    assert (done.status_code, done.headers["location"]) == (303, address)
    assert (await orders.order_view(order.id)).state == "acknowledged"
    refused = await desk_of.post(f"{address}/refuse", {"reason": "fire in our store"}, language=language)
    assert refused.status_code == 303
    assert "fire in our store" in (await desk_of.get(address, language=language)).text


async def test_the_page_of_another_vendor_is_not_found_and_a_change_is_answered_there(visitor):  # noqa: F811
    order = await placed((FAN, 10))
    await changes.change_order(order.id, [ChangedLine(part_number=FAN, quantity=6)], by=BUYER, reason="fewer")
    ours, other = await visitor("vendor", vendor="DISTI"), await visitor("vendor", vendor="DELL")
    address = f"/vendor-orders/{order.number}"

    assert (await other.get(address)).status_code == 404
    assert (await other.post(f"{address}/answer-change", {"version": "2", "agrees": "yes"})).status_code == 404
    assert "fewer" in (await ours.get(address)).text
    assert (
        await ours.post(f"{address}/answer-change", {"version": "2", "agrees": "no", "reason": "packed"})
    ).status_code == 303
    assert (await changes.changes(order.id, limit=1))[0].answer == "packed"


async def test_a_buyer_changes_records_and_closes_on_the_page(visitor):  # noqa: F811
    order = await placed((FAN, 10))
    buyer = await visitor("buyer")
    address = f"/orders/{order.id}"

    form = {"part_number": [FAN], "quantity": ["6"], "unit_price": [""], "reason": "fewer", "wanted_at": ""}
    assert (await buyer.post(f"{address}/change", form)).status_code == 303
    assert "fewer" in (await buyer.get(address)).text
    word = {"status": "change_confirmed", "said": "Mr Li by telephone", "version": "2"}
    assert (await buyer.post(f"{address}/vendors-word", word)).status_code == 303
    after = await orders.order_view(order.id)
    assert (after.version, after.lines[0].quantity) == (2, 6)
    assert "Mr Li by telephone" in (await buyer.get(address)).text
    assert (await buyer.post(f"{address}/close", {"reason": ""})).status_code == 409
    assert (await buyer.post(f"{address}/settle", {"reason": "nothing to do"})).status_code == 409


async def test_what_a_person_records_is_only_about_what_was_sent(company):
    order = await drafted((FAN, 1))
    with pytest.raises(Unknown):
        await desk.desk_order(order.number, seen_by=actor("vendor", vendor="DISTI"))
