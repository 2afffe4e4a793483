"""Quotations and approvals over HTTP: a ticket system's whole way, by raw calls and by the typed client."""

import httpx
import pytest
from msgspec import structs

from api.channels.sending import try_to_send
from api.client import Client, ServiceRefused
from inventory.ground import db
from inventory.people import messages
from inventory.requests import policy, quoting, requests
from tests.conftest import settings_for
from tests.integration.requests.test_approvals import enter, held_back, limit
from tests.integration.requests.test_quotations import charge, quoted
from tests.robots import mail_server
from tests.world import DISPATCHER, PSU

ASKED = {
    "source": "glpi",
    "reference": "INC-9/1",
    "device_serial": "BANK-009",
    "severity": "general",
    "lines": [{"part_number": PSU, "quantity": 2}],
}
SAID = {"said_by": "陈主任", "reason": "PO-88"}


async def test_a_ticket_system_sees_the_quotation_in_its_answer_and_accepts_it(api):
    await charge()
    opened = (await api.call("POST", "/part-requests", ASKED, role="ticket_system")).json()

    (quotation,) = opened["quotations"]
    assert (opened["state"], opened["charged"], opened["lines"][0]["promise"]["firm"]) == (
        "quoted",
        "parts_charged",
        False,
    )
    assert (quotation["total_cny"], quotation["lines"][0]["amount_cny"]) == ("3805.00", "3125.00")
    entitled = await api.call("GET", "/devices/BANK-009/entitlement?severity=general", role="ticket_system")
    assert entitled.json()["charged"] == "parts_charged"
    listed = (await api.call("GET", "/part-requests?state=quoted", role="ticket_system")).json()["items"]
    assert [each["id"] for each in listed] == [opened["id"]]
    unnamed = await api.call("POST", f"/quotations/{quotation['id']}/accept", {"reason": "x"}, role="ticket_system")
    assert unnamed.status_code in (400, 422)
    accepted = await api.call("POST", f"/quotations/{quotation['id']}/accept", SAID, role="ticket_system")
    assert (accepted.status_code, accepted.json()["state"]) == (200, "reserved")
    again = await api.call("POST", f"/quotations/{quotation['id']}/reject", SAID, role="ticket_system", language="zh")
    assert (again.status_code, again.json()["code"]) == (409, "quotation_over")
    assert "已不能答复" in again.json()["detail"]
    events = [
        row["kind"]
        for row in await db.fetch("SELECT kind FROM event WHERE subject_kind = 'part_request' ORDER BY sequence")
    ]
    assert events[0] == "part_request.quoted"
    assert events[-1] == "part_request.reserved"


async def test_a_quotation_is_printed_with_its_version_and_its_link_is_told(api):
    view = await quoted()
    quotation = view.quotations[0]

    paper = await api.call("GET", f"/quotations/{quotation.id}/papers/quotation", role="dispatcher")
    link = await api.call("GET", f"/quotations/{quotation.id}/link", role="dispatcher")

    assert (paper.status_code, paper.content[:5]) == (200, b"%PDF-")
    assert paper.headers["content-disposition"] == f'inline; filename="{quotation.number}-1-quotation.pdf"'
    assert (await api.client.get(link.json()["path"], headers={"Accept": "text/html"})).status_code == 200


async def test_an_approval_is_given_over_http_by_a_person(api):
    view = await held_back()

    refused = await api.call("POST", f"/part-requests/{view.id}/refuse", {"reason": " "}, role="project_manager")
    approved = await api.call("POST", f"/part-requests/{view.id}/approve", {"remark": "yes"}, role="project_manager")
    again = await api.call("POST", f"/part-requests/{view.id}/approve", {}, role="quality_supervisor")

    assert refused.json()["code"] == "reason_missing"
    assert (approved.status_code, approved.json()["state"]) == (200, "reserved")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


async def test_the_policy_is_read_by_whoever_sees_costs_and_set_with_bounds(api):
    built_in = (await api.call("GET", "/request-policy", role="buyer")).json()
    assert (built_in["version"], built_in["policy"]["margin_percent"]) == (None, "25")
    new = {**built_in["policy"], "approve_above_cny": "20000", "remark": "2027"}

    made = await api.call("POST", "/request-policy", new, role="project_manager")
    wrong = await api.call("POST", "/request-policy", {**new, "margin_percent": "-1"}, role="project_manager")

    assert (made.status_code, made.json()["remark"], wrong.status_code) == (201, "2027", 422)
    listed = (await api.call("GET", "/request-policy/versions", role="buyer")).json()["items"]
    assert [each["policy"]["approve_above_cny"] for each in listed] == ["20000.00"]
    assert (await policy.in_force()).version == listed[0]["version"]


async def test_the_typed_client_goes_the_whole_way(api, application):
    await charge()
    async with Client("http://test", await api.key("ticket_system")) as parts:
        parts._http._transport = httpx.ASGITransport(application)
        opened = await parts.open_request(**ASKED)
        again = await parts.quote_again(opened.id, reason="the customer lost it")
        assert (await parts.quotation_link(again.quotations[0].id)).startswith("/q/")
        with pytest.raises(ServiceRefused, match="quotation_over"):
            await parts.accept_quotation(opened.quotations[0].id, **SAID)
        accepted = await parts.accept_quotation(again.quotations[0].id, **SAID)
        assert (accepted.state, accepted.lines[0].promise.firm) == ("reserved", True)
        second = await parts.open_request(**{**ASKED, "reference": "INC-9/2"})
        rejected = await parts.reject_quotation(second.quotations[0].id, **SAID)
        assert rejected.state == "cancelled"
        await charge(None)
        await limit(1)
        waiting = await parts.open_request(**{**ASKED, "reference": "INC-9/3"})
        assert waiting.state == "awaiting_approval"
        with pytest.raises(ServiceRefused, match="not_granted"):
            await parts.approve_request(waiting.id)
    async with Client("http://test", await api.key("project_manager")) as approver:
        approver._http._transport = httpx.ASGITransport(application)
        assert (await approver.approve_request(waiting.id, remark="yes")).state == "reserved"


async def test_the_mail_that_asks_for_an_approval_leads_to_its_page_and_says_the_clock_runs_on(company):
    await enter("pm", "project_manager")
    await db.execute("UPDATE person SET email = 'pm@beijian.example' WHERE username = 'pm'")
    view = await held_back()
    waiting = await db.fetch_value("SELECT id FROM message WHERE channel = 'mail'")

    async with mail_server() as box:
        configured = structs.replace(settings_for(company), mail=box.settings(), public_url="https://parts.example")
        await try_to_send(await messages.take(waiting), configured, attempt=0)

    (mail,) = box.mails
    text = mail.get_content()
    assert mail["Subject"] == f"请审批：备件申请 {view.number}"
    assert f"https://parts.example/requests/{view.id}/approval" in text
    assert all(words in text for words in ("¥2,500", "合同计时继续", "备件金额超过限额"))


async def test_what_the_rungs_of_a_ladder_cost_is_told_to_those_who_may_see_costs_alone(api):
    async def costs(role: str) -> set[bool]:
        view = (await api.call("GET", f"/part-requests/{opened['id']}", role=role)).json()
        return {"cost_cny" in step for line in view["lines"] for step in line["ladder"]}

    opened = (await api.call("POST", "/part-requests", ASKED, role="dispatcher")).json()
    assert {"cost_cny" in step for line in opened["lines"] for step in line["ladder"]} == {False}
    assert [await costs(role) for role in ("engineer", "dispatcher", "warehouse_keeper")] == [{False}] * 3
    assert [await costs(role) for role in ("buyer", "project_manager")] == [{True}] * 2
    another = {**ASKED, "reference": "INC-2/1"}
    priced = (await api.call("POST", "/part-requests", another, role="project_manager")).json()
    assert {"cost_cny" in step for line in priced["lines"] for step in line["ladder"]} == {True}
    told = await db.fetch("SELECT payload::text AS payload FROM event WHERE subject_kind = 'part_request'")
    assert len(told) > 1
    assert not [each for each in told if "cost_cny" in each["payload"]]


async def test_quotations_are_listed_by_state_page_by_page_and_to_those_alone_who_see_their_requests(api):
    one = await quoted(reference="INC-1/1")
    two = await quoted(reference="INC-2/1")
    await quoting.quote_again(two.id, by=DISPATCHER, reason="new prices")
    await quoting.accept(one.quotations[0].id, by=DISPATCHER, **SAID)

    async def listed(query: str = "", **role: str) -> list[tuple[str, int, str]]:
        items = (await api.get(f"/quotations{query}", **({"role": "dispatcher"} | role))).json()["items"]
        return [(each["request_number"], each["version"], each["state"]) for each in items]

    assert await listed() == [(two.number, 2, "open"), (two.number, 1, "replaced"), (one.number, 1, "accepted")]
    assert await listed("?state=open") == [(two.number, 2, "open")]
    first = (await api.get("/quotations?limit=2", role="dispatcher")).json()
    assert await listed(f"?limit=2&cursor={first['next_cursor']}") == [(one.number, 1, "accepted")]
    assert first["items"][0]["total_cny"] == str((await requests.request_view(two.id)).quotations[0].total_cny)
    assert await listed(role="warehouse_keeper", depot="ZJ") == []
    assert (await api.get("/quotations?state=lost", role="dispatcher")).status_code == 422
