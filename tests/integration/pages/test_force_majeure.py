"""The pages of plans 3 and 1."""

from inventory.emergency import force_majeure, maker_support
from inventory.ground import clock
from inventory.requests import requests
from tests.integration.requests.test_promising import new
from tests.world import AUDITOR, DISPATCHER, MANAGER, PSU

DECLARED = {"place": "GZ", "cause": "fire", "reason": "smoke in the store room"}


async def test_a_store_is_declared_worked_on_and_says_what_is_to_be_counted(visitor):
    manager = await visitor("project_manager")
    await requests.open_request(new(), by=DISPATCHER)

    form = (await manager.get("/force-majeure/new")).text
    made = await manager.post("/force-majeure/new", DECLARED, live=False)
    again = await manager.post("/force-majeure/new", DECLARED)
    (plan,) = await force_majeure.summaries(limit=2, seen_by=AUDITOR)
    page = f"/force-majeure/{plan.id}"
    await manager.post(f"{page}/measures", {"text": "fire brigade is there"}, live=False)
    chinese, english = (await manager.get(page)).text, (await manager.get(page, language="en")).text
    early = await manager.post(f"{page}/close", {"note": "out", "lessons": "", "returns": "yes"})

    assert "广州备件库" in form
    assert (made.status_code, again.status_code, early.status_code) == (303, 409, 409)
    assert "该库库存已冻结" in chinese
    assert "fire brigade is there" in chinese
    assert "Served meanwhile by" in english
    assert "too far for its promise" in english
    assert plan.number in (await manager.get("/force-majeure")).text


async def test_a_maker_is_called_in_from_the_request(visitor):
    manager = await visitor("project_manager")
    request = await requests.open_request(new(PSU), by=DISPATCHER)
    page = f"/requests/{request.id}"
    call = {"maker": "DELL", "through": "", "contact": "hotline", "contact_verified_on": f"{clock.today()}"}

    early = await manager.post(f"{page}/maker-cases", call)
    await manager.post(f"{page}/expert-attempts", {"expert": "赵工", "tried": "更换转接卡无效"}, live=False)
    (attempt,) = (await maker_support.support(request.id, seen_by=AUDITOR)).attempts
    await manager.post(f"{page}/expert-attempts/{attempt.id}/report", {}, live=False)
    opened = await manager.post(f"{page}/maker-cases", call, live=False)
    case = opened.headers["location"]
    await manager.post(f"{case}/progress", {"kind": "accepted", "reference": "SR-77"}, live=False)
    shown, listed, there = [(await manager.get(each)).text for each in (case, "/maker-cases", page)]

    assert (early.status_code, opened.status_code) == (409, 303)
    assert "更换转接卡无效" in shown
    assert all("SR-77" in text for text in (shown, listed, there))
    found = await manager.get(f"/find?q={(await maker_support.summaries(limit=1, seen_by=MANAGER))[0].number}")
    assert found.headers["location"] == case
