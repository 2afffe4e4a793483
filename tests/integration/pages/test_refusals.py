"""What pages say when something is refused: beside the form that asked, or as a page of its own."""

import pytest
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct, structs

from api.exchange.headings import CHINESE
from inventory.ground import db
from inventory.procurement import orders
from inventory.requests import requests
from tests.conftest import the_application
from tests.integration.procurement.test_orders import drafted
from tests.integration.requests.test_requests import new
from tests.world import BUYER, DISPATCHER, DRIVE, SETUP


async def test_a_refused_action_is_told_beside_its_form_with_what_helps(visitor):
    order = await drafted((DRIVE, 4))
    await orders.cancel_order(order.id, by=BUYER, reason="no")
    buyer = await visitor("buyer")

    chinese = await buyer.post(f"/orders/{order.id}/approve")
    english = await buyer.post(f"/orders/{order.id}/approve", language="en")

    assert chinese.status_code == english.status_code == 409
    assert chinese.headers["HX-Retarget"] == "find .refusal-slot"
    assert chinese.headers["HX-Reselect"] == ".refusal"
    assert chinese.headers["HX-Replace-Url"] == "false"
    assert f"采购订单 {order.number} 当前状态为“已取消”，此操作要求状态为“草稿”" in chinese.text
    assert f"Purchase order {order.number} is cancelled; this needs it to be draft" in english.text
    assert "<html" not in chinese.text


async def test_without_scripts_a_refused_action_has_a_page(visitor):
    order = await drafted((DRIVE, 40))

    answer = await (await visitor("planner")).post(f"/orders/{order.id}/approve", live=False, language="en")

    assert answer.status_code == 403
    assert "approve purchase orders" in answer.text
    assert "<html" in answer.text


async def test_whoever_drafted_a_dear_order_is_told_to_ask_another(visitor):
    order = await drafted((DRIVE, 40))
    buyer = await visitor("buyer")
    await db.execute("UPDATE purchase_order SET created_by = $2 WHERE id = $1", order.id, "buyer-1")

    answer = await buyer.post(f"/orders/{order.id}/approve")

    assert answer.status_code == 403
    assert "须由起草人 buyer-1 以外的人审批" in answer.text
    assert "请由其他采购员或值班审批人审批" in answer.text


async def test_a_field_that_is_wrong_is_named(visitor):
    manager, form = await visitor("project_manager"), {"part_number": DRIVE, "depot": "GZ"}

    chinese, english = [await manager.post("/emergencies/new", form, language=language) for language in ("zh", "en")]
    too_long = await manager.post("/emergencies/new", {**form, "reason": "x" * 9999})

    assert (chinese.status_code, english.status_code, too_long.status_code) == (422, 422, 422)
    assert "请填写“原因说明”。" in chinese.text
    assert "Fill in “Reason”." in english.text
    assert "“原因说明”：应为长度" in too_long.text


@pytest.mark.parametrize(
    ("path", "zh", "en"),
    [
        ("/nothing-here", "找不到该页面", "There is nothing at this address"),
        ("/parts/PSU-751", "没有备件“PSU-751”。", "There is no part “PSU-751”."),
        ("/orders/00000000-0000-0000-0000-000000000000", "找不到采购订单", "There is no purchase order"),
    ],
)
async def test_what_is_not_there_has_a_friendly_page(visitor, path, zh, en):
    buyer = await visitor("buyer")

    chinese, english = await buyer.get(path), await buyer.get(path, language="en")

    assert chinese.status_code == english.status_code == 404
    assert zh in chinese.text
    assert en in english.text


async def test_an_address_that_cannot_be_read_has_a_page_too(visitor):
    engineer = await visitor("engineer")

    assert (await engineer.get("/requests?cursor=nonsense")).status_code == 400
    assert (await engineer.get("/requests?state=nonsense")).status_code == 422
    assert (
        await engineer.client.put("/stock", headers={"X-CSRFToken": engineer.client.cookies["beijian_csrf"]})
    ).status_code == 405


async def test_systems_are_still_answered_in_their_own_form(visitor):
    answer = await (await visitor()).get("/api/v1/nothing-here", language="en")

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_a_watched_page_whose_session_is_over_goes_to_sign_in(visitor):
    answer = await (await visitor()).get(
        "/stock", **{"HX-Request": "true", "HX-Target": "live", "HX-Current-URL": "http://test/stock?depot=GZ"}
    )

    assert answer.headers["HX-Redirect"] == "/sign-in?next=/stock%3Fdepot%3DGZ"


async def test_a_watched_page_stays_while_its_subject_cannot_be_read(visitor):
    answer = await (await visitor("engineer")).get("/orders", **{"HX-Request": "true", "HX-Target": "live"})

    assert (answer.status_code, answer.headers["HX-Reswap"]) == (403, "none")


async def test_a_crash_is_a_page_without_its_inside(visitor, monkeypatch):
    async def fail(**_: object) -> None:
        raise RuntimeError("the inside")

    monkeypatch.setattr("api.pages.overview.board", fail)

    answer = await (await visitor("engineer")).get("/", language="en")

    assert answer.status_code == 500
    assert "The service failed; nothing was changed" in answer.text
    assert "the inside" not in answer.text
    assert SETUP.name not in answer.text


async def test_a_paper_that_is_refused_in_a_tab_is_a_page(visitor):
    asked = await requests.open_request(new(), by=DISPATCHER)
    keeper = await visitor("warehouse_keeper", depot="GZ")
    address = f"/api/v1/part-requests/{asked.id}/papers/issue_note"

    refused = await keeper.get(address)
    for_systems = await keeper.client.get(address, headers={"Accept": "application/json"})

    assert (refused.status_code, refused.headers["content-type"].partition(";")[0]) == (409, "text/html")
    assert for_systems.headers["content-type"].partition(";")[0] == "application/problem+json"
    assert "/papers/" not in (await keeper.get(f"/requests/{asked.id}")).text


def test_every_field_of_every_form_has_its_chinese_name():
    forms = [
        body.annotation
        for route in the_application().routes
        for handler in getattr(route, "route_handlers", [])
        if isinstance(handler, HTTPRouteHandler) and handler.opt.get("page")
        if (body := handler.parsed_fn_signature.parameters.get("data")) is not None
    ]
    fields = {
        field.encode_name
        for form in forms
        if isinstance(form, type) and issubclass(form, Struct)
        for field in structs.fields(form)
    }

    assert len(fields) > 50
    assert sorted(fields - CHINESE.keys()) == []
