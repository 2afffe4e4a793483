"""Replenishment over HTTP: the ladder from nobody to done, bad input, exports and events."""

from uuid import uuid4

import pytest

from inventory.ground import db
from inventory.procurement import replenishment
from tests.integration.procurement.test_replenishment import opened, short_of
from tests.world import DRIVE, FAN


@pytest.fixture
async def proposal(company: str) -> replenishment.ProposalView:
    await short_of(FAN, 3)
    await replenishment.propose()
    [found] = await opened()
    return found


async def test_proposals_are_listed_with_their_explanation(api, proposal):
    body = (await api.get("/replenishment-proposals?state=open&depot=GZ&vendor=DISTI", role="buyer")).json()
    [item] = body["items"]
    assert (item["number"], item["facts"]["free"], item["amount_cny"]) == (proposal.number, 10, "750.00")
    assert (await api.get("/replenishment-proposals?depot=NOWHERE", role="buyer")).status_code == 404
    assert (await api.get("/replenishment-proposals?state=asleep", role="buyer")).status_code == 422
    assert (await api.get("/replenishment-proposals?urgent=true", role="buyer")).json()["items"] == []


async def test_the_ladder_of_accepting(api, proposal):
    body = {"proposals": [{"proposal": str(proposal.id), "quantity": 5}]}
    path = "/replenishment-proposals/accept"
    assert (await api.post(path, body, role=None)).status_code == 401
    assert (await api.post(path, body, role="project_manager")).status_code == 403
    assert (await api.post(path, body, role="buyer", depot="SH")).status_code in (403, 404)
    assert (await api.post(path, {"proposals": []}, role="buyer")).status_code == 422
    assert (await api.post(path, {"proposals": [{"proposal": str(uuid4())}]}, role="buyer")).status_code == 404
    large = {"proposals": [{"proposal": str(proposal.id), "quantity": 41}]}
    assert (await api.post(path, large, role="buyer")).json()["code"] == "quantity_outside_offer"
    assert (await api.post(path, body, role="buyer", idempotency_key=None)).status_code == 400

    done = await api.post(path, body, role="buyer", idempotency_key="once")
    again = await api.post(path, body, role="buyer", idempotency_key="once")
    assert done.status_code == 200, done.text
    assert [line["quantity"] for line in done.json()["orders"][0]["lines"]] == [5]
    assert again.json() == done.json()
    refused = await api.post(path, body, role="buyer", language="zh")
    assert (refused.status_code, refused.json()["code"]) == (409, "proposal_answered")
    assert "已不再待处理" in refused.text


async def test_declining_needs_a_reason_and_a_day_to_come(api, proposal):
    path = "/replenishment-proposals/decline"
    body = {"proposals": [str(proposal.id)], "reason": "机型退役"}
    assert (await api.post(path, {**body, "reason": ""}, role="buyer")).status_code == 422
    assert (await api.post(path, {**body, "reason": "  "}, role="buyer")).json()["code"] == "no_reason"
    past = await api.post(path, {**body, "until": "2020-01-01T00:00:00Z"}, role="buyer")
    assert past.json()["code"] == "never_answered"
    assert (await api.post(path, {**body, "until": "2099-01-01T08:00:00"}, role="buyer")).status_code == 422
    assert (await api.post(path, {**body, "surprise": 1}, role="buyer")).status_code == 422
    assert (await api.post(path, body, role="buyer")).json() == {"declined": [proposal.number]}


async def test_a_vendor_and_who_may_not_see_costs_learn_nothing_of_prices(api, proposal):
    path = f"/replenishment-proposals/{proposal.id}"
    assert (await api.get(path, role="vendor", vendor="DISTI")).status_code == 403
    assert (await api.get(path, role="buyer", depot="SH")).status_code == 404
    assert "unit_price_cny" in (await api.get(path, role="auditor")).text


async def test_proposals_come_as_csv_too(api, proposal):
    answer = await api.get("/replenishment-proposals.csv?state=open", role="buyer", language="zh")
    assert proposal.number in answer.text
    assert "缺口" in answer.text


async def test_other_systems_hear_of_proposals_and_answers(api, proposal):
    await api.post("/replenishment-proposals/decline", {"proposals": [str(proposal.id)], "reason": "no"}, role="buyer")
    told = await db.fetch(
        "SELECT kind, place_code, closed, payload FROM event WHERE kind LIKE 'replenishment.%' ORDER BY sequence"
    )
    assert [(row["kind"], row["place_code"], row["closed"]) for row in told] == [
        ("replenishment.proposed", "GZ", True),
        ("replenishment.declined", "GZ", True),
    ]
    assert "cny" not in str(told[0]["payload"])


async def test_the_policy_is_set_and_kept_by_version(api, company):
    path = "/replenishment-policy"
    assert (await api.get(path, role="buyer")).json()["version"] is None
    assert (await api.post(path, {"daily_hour": 7}, role="buyer")).status_code == 403
    assert (await api.post(path, {"daily_hour": 24}, role="planner")).status_code == 422
    assert (await api.post(path, {"daily_hour": "soon"}, role="planner")).status_code == 422
    made = await api.post(path, {"daily_hour": 7, "draft_routine": True, "remark": "agreed"}, role="planner")
    assert (made.status_code, made.json()["policy"]["draft_routine"]) == (201, True)
    assert len((await api.get(f"{path}/versions", role="auditor")).json()["items"]) == 1


async def test_a_drive_without_a_line_is_no_proposal(api, company):
    assert (await api.get(f"/replenishment-proposals?part={DRIVE}", role="buyer")).json()["items"] == []
