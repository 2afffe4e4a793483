"""Quotations and approvals on pages: by staff, by the customer's contact through a link, and by an approver at night."""

import re
from datetime import timedelta

import pytest

from api.shared import acknowledging_path, quotation_path
from inventory.ground import clock
from inventory.requests import policy, quoting, requests
from tests.integration.requests.test_approvals import held_back, limit
from tests.integration.requests.test_planned import inspection
from tests.integration.requests.test_quotations import quoted
from tests.world import DISPATCHER, PSU

SAID = {"said_by": "陈主任", "reason": "采购单 PO-88"}


async def state(view: requests.RequestView) -> str:
    return (await requests.request_view(view.id)).state


async def test_a_quotation_is_shown_with_its_prices_and_accepted_for_the_customer(visitor):
    view = await quoted((PSU, 2))
    dispatcher = await visitor("dispatcher")
    address, quotation = f"/requests/{view.id}", view.quotations[0].id

    chinese, english = (await dispatcher.get(address)).text, (await dispatcher.get(address, language="en")).text

    assert all(words in chinese for words in ("待客户答复", "¥1,562.50", "¥3,805.00", "合同不含备件", "计时暂停"))
    assert all(words in english for words in ("in stock, held", "Total with tax", "The customer accepts", "quoted"))
    assert "已报价" in (await dispatcher.get("/requests?state=quoted")).text
    refused = await dispatcher.post(f"/quotations/{quotation}/accept", {**SAID, "reason": " "})
    assert (refused.status_code, await state(view)) == (422, "quoted")
    answer = await dispatcher.post(f"/quotations/{quotation}/accept", SAID)
    assert (answer.status_code, answer.headers["location"], await state(view)) == (303, address, "reserved")
    after = (await dispatcher.get(address)).text
    assert all(words in after for words in ("已接受", "陈主任", "采购单 PO-88"))
    assert "客户拒绝" not in after


async def test_a_quotation_is_made_anew_and_rejected_for_the_customer(visitor):
    view = await quoted()
    dispatcher = await visitor("dispatcher")

    assert (await dispatcher.post(f"/requests/{view.id}/quote-again", {"reason": "price rise"})).status_code == 303
    again = await requests.request_view(view.id)
    page = (await dispatcher.get(f"/requests/{view.id}")).text
    assert all(words in page for words in (f"{again.quotations[0].number}/2", "已被新版取代"))
    await dispatcher.post(f"/quotations/{again.quotations[0].id}/reject", {**SAID, "reason": "太贵"})
    assert await state(view) == "cancelled"
    late = await dispatcher.post(f"/quotations/{again.quotations[0].id}/accept", SAID, language="en")
    assert (late.status_code, "cannot be answered any more: it is rejected" in late.text) == (409, True)


async def test_the_customers_contact_answers_by_the_link_alone_and_looking_answers_nothing(visitor):
    view = await quoted()
    page = (await (await visitor("dispatcher")).get(f"/requests/{view.id}")).text
    address = re.search(r'value="http://test(/q/[^"]+)"', page)
    assert address is not None
    contact = await visitor()

    shown = await contact.get(address[1])
    assert (shown.status_code, "¥1,562.50" in shown.text, "陈主任" in shown.text) == (200, True, False)
    assert "接受报价" in shown.text
    paper = await contact.get(f"{address[1]}/paper")
    assert (paper.status_code, paper.content[:5]) == (200, b"%PDF-")
    assert await state(view) == "quoted"
    answer = await contact.post(f"{address[1]}/accept", {"said_by": "陈主任"}, live=False)
    assert (answer.status_code, "已接受" in answer.text, await state(view)) == (200, True, "reserved")
    assert "接受报价</button>" not in (await contact.get(address[1])).text
    quotation = (await requests.request_view(view.id)).quotations[0]
    assert (quotation.said_by, quotation.answered_by) == ("陈主任", quoting.BY_LINK.name)


async def test_the_customers_contact_rejects_by_the_link(visitor, application):
    view = await quoted()
    path = quotation_path(view.quotations[0].id, application.state["settings"].secret)

    answer = await (await visitor()).post(f"{path}/reject", {"said_by": "陈主任", "reason": "太贵"}, live=False)

    assert (answer.status_code, await state(view)) == (200, "cancelled")
    assert "已不能答复" in answer.text


async def test_a_link_of_another_purpose_or_of_long_ago_opens_nothing(visitor, application):
    view = await quoted()
    secret, quotation = application.state["settings"].secret, view.quotations[0]
    path = quotation_path(quotation.id, secret)
    contact = await visitor()

    other = acknowledging_path(quotation.id, secret).replace("/k/", "/q/")
    for wrong in (other, f"{path}x", path.replace(quotation.id.hex, view.id.hex)):
        assert (await contact.get(wrong)).status_code == 404
        assert (await contact.post(f"{wrong}/accept", SAID, live=False)).status_code == 404
    with clock.at(quotation.valid_until + timedelta(days=31)):
        assert (await contact.get(path)).status_code == 404
    with clock.at(quotation.valid_until + timedelta(days=1)):
        shown = await contact.get(path)
        assert (shown.status_code, "接受报价</button>" in shown.text) == (200, False)
        assert (await contact.post(f"{path}/accept", SAID, live=False)).status_code == 409
    assert await state(view) == "quoted"


async def test_an_approver_says_yes_with_one_button(visitor):
    view = await held_back()
    manager = await visitor("project_manager")

    page = await manager.get(f"/requests/{view.id}/approval")

    assert all(words in page.text for words in ("备件金额超过限额", "¥2,500", "审批期间合同计时继续", PSU))
    answer = await manager.post(f"/requests/{view.id}/approve")
    assert (answer.status_code, await state(view)) == (303, "reserved")
    again = await manager.get(f"/requests/{view.id}/approval")
    assert (again.status_code, again.headers["location"]) == (303, f"/requests/{view.id}")


async def test_the_link_of_an_approval_asks_who_is_there_and_leads_back(visitor):
    view = await held_back()

    answer = await (await visitor()).get(f"/requests/{view.id}/approval")

    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sign-in?next=/requests/{view.id}/approval"


async def test_a_no_is_read_with_its_reason_by_who_asked(visitor):
    view = await held_back()
    supervisor, dispatcher = await visitor("quality_supervisor"), await visitor("dispatcher")

    waiting = (await dispatcher.get(f"/requests/{view.id}")).text
    await supervisor.post(f"/requests/{view.id}/refuse", {"reason": "下周再订"})
    after = (await dispatcher.get(f"/requests/{view.id}")).text

    assert ("审批期间合同计时继续" in waiting, "¥2,500" in waiting, "/approval" in waiting) == (True, False, False)
    assert all(words in after for words in ("已驳回", "下周再订", "已取消"))


async def test_who_asked_is_not_shown_the_button_and_is_refused(visitor):
    await held_back()  # the limit holds
    manager = await visitor("project_manager")
    form = {
        "reference": "f00d",
        "device_serial": "BANK-007",
        "severity": "general",
        "part_number": PSU,
        "quantity": "2",
    }
    address = (await manager.post("/requests/new", form)).headers["location"]

    page = (await manager.get(address)).text
    answer = await manager.post(f"{address}/approve", language="en")

    assert ("待审批" in page, f"{address}/approval" in page) == (True, False)
    assert (answer.status_code, "somebody else approves them" in answer.text) == (403, True)


PRICES = {
    "margin_percent": "30",
    "labour_cny": "500",
    "freight_cny": "60.50",
    "valid_hours": "48",
    "decide_within_minutes": "20",
    "approve_above_cny": "",
}


async def test_prices_and_limits_are_set_on_the_policies_page(visitor):
    manager = await visitor("project_manager")

    assert (await manager.post("/policies/requests", {**PRICES, "remark": "2027"})).status_code == 303
    held = (await policy.in_force()).policy
    assert (str(held.margin_percent), held.approve_above_cny, held.approve_out_of_contract) == ("30.00", None, False)
    await manager.post("/policies/requests", {**PRICES, "approve_above_cny": "20000", "approve_out_of_contract": "yes"})
    page = (await manager.get("/policies")).text
    assert all(words in page for words in ("¥20,000", "30 %", "2 天", "2027"))
    assert "30 %" not in (await (await visitor("engineer")).get("/policies")).text
    wrong = await manager.post("/policies/requests", {**PRICES, "valid_hours": "0"})
    assert (wrong.status_code, "“0”不是 1 至 2160 之间的数字" in wrong.text) == (422, True)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_whoever_asks_for_parts_sees_that_they_are_paid_for(visitor, language):
    await quoted()

    page = (
        await (await visitor("engineer")).get("/requests/new/device?device_serial=BANK-003", language=language)
    ).text

    assert ("备件须收费（合同不含备件）" if language == "zh" else "the answer is a quotation") in page


async def test_a_quotation_is_found_by_its_number(visitor):
    view = await quoted()
    dispatcher = await visitor("dispatcher")

    for number in (view.quotations[0].number, view.quotations[0].title):
        assert (await dispatcher.get(f"/find?q={number}")).headers["location"] == f"/requests/{view.id}"


async def test_quotations_are_listed_with_their_customer_and_how_they_were_answered(visitor):
    view = await quoted((PSU, 2))
    dispatcher = await visitor("dispatcher")

    chinese = (await dispatcher.get("/quotations")).text
    english = (await dispatcher.get("/quotations?state=open", language="en")).text
    title = f"{view.quotations[0].number}/1"
    assert all(words in chinese for words in (title, view.number, "测试银行", "¥3,805.00", "待客户答复"))
    assert all(words in english for words in (title, "Test Bank", "Valid until", "Total with tax"))
    assert title not in (await dispatcher.get("/quotations?state=accepted")).text


async def test_planned_work_that_waits_for_its_approval_says_its_date_and_speaks_of_no_clock(visitor):
    await limit()
    plan = inspection(at=clock.now() + timedelta(days=10))
    view = await requests.open_request(plan, by=DISPATCHER)
    manager = await visitor("project_manager")

    page = (await manager.get(f"/requests/{view.id}")).text
    to_decide = (await manager.get(f"/requests/{view.id}/approval", language="en")).text
    assert "待审批" in page
    assert "合同计时" not in page
    assert "Planned for" in to_decide
    assert "clock runs on" not in to_decide
    assert (await manager.post(f"/requests/{view.id}/approve", {})).status_code == 303
    assert await state(view) == "planned"
