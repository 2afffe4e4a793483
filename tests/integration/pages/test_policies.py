"""The policies' page: what holds, changed in its forms, with who changed it when."""

import pytest

from inventory.returns import policy as return_policy
from inventory.stock import paper_policy
from inventory.stock.counting import policy as count_policy

PAPERS = {"within_hours": "48", "on_working_days": "yes", "resume_hour": "9"}
COUNTS = {
    "a_share": "82.5",
    "b_share": "96",
    "a_days": "20",
    "b_days": "80",
    "c_days": "300",
    "parts_per_sheet": "20",
    "hours_to_count": "12",
    "four_eyes_above_cny": "3000.50",
}


async def test_the_deadline_of_papers_is_changed_on_its_page_and_the_change_is_told(visitor):
    supervisor = await visitor("quality_supervisor")
    assert "内置" in (await supervisor.get("/policies")).text

    answer = await supervisor.post("/policies/papers", {**PAPERS, "remark": "long holidays"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/policies")
    assert (await paper_policy.in_force()).policy == paper_policy.PaperPolicy(
        within_hours=48, on_working_days=True, resume_hour=9
    )
    page = (await supervisor.get("/policies", language="en")).text
    assert all(words in page for words in ("2 d", "long holidays", "the next one at 9 o'clock")), page
    await supervisor.post("/policies/papers", {**PAPERS, "on_working_days": ""})
    assert not (await paper_policy.in_force()).policy.on_working_days


async def test_bringing_back_is_changed_there_with_terms_of_single_stores(visitor):
    manager = await visitor("project_manager")
    form = {"amount": "3", "counts": "business_days", "warn_hours": "12", "repeat_days": "60", "quiet_days": "90"}
    refused = await manager.post("/policies/returns", {**form, "depots": "GZ 2 moons"})
    assert (await manager.post("/policies/returns", {**form, "depots": "GZ 48 hours\n\n"})).status_code == 303

    assert "moons" in refused.text
    held = (await return_policy.in_force()).policy
    assert (held.amount, held.term("GZ").amount, held.term("SH").counts) == (3, 48, "business_days")
    page = (await manager.get("/policies", language="en")).text
    assert "48 hours" in page


async def test_counting_is_changed_there_as_well(visitor):
    supervisor = await visitor("quality_supervisor")

    assert (await supervisor.post("/policies/counts", {**COUNTS, "remark": "year's end"})).status_code == 303
    assert (await supervisor.post("/policies/counts", COUNTS)).status_code == 303

    held = (await count_policy.in_force()).policy
    assert (held.a_share, held.b_share, held.c_days, str(held.four_eyes_above_cny)) == (0.825, 0.96, 300, "3000.50")
    page = (await supervisor.get("/policies")).text
    assert all(words in page for words in ("¥3,000", "year&#39;s end")), page
    assert [each.remark for each in await count_policy.versions(limit=5)] == ["", "year's end"]


@pytest.mark.parametrize(
    ("form", "change", "words"),
    [
        ("papers", {"within_hours": "0"}, "“0”不是 1 至 720 之间的数字"),
        ("papers", {"resume_hour": "noon"}, "“noon”不是 0 至 23 之间的数字"),
        ("counts", {"a_share": "-3"}, "“-3”不是"),
        ("counts", {"b_share": "50"}, "B 类累计占比不得低于 A 类"),
        ("counts", {"four_eyes_above_cny": "NaN"}, "“NaN”不是"),
    ],
)
async def test_a_policy_that_cannot_be_is_told_in_its_form(visitor, form, change, words):
    supervisor = await visitor("quality_supervisor")

    answer = await supervisor.post(f"/policies/{form}", {**(PAPERS if form == "papers" else COUNTS), **change})

    assert (answer.status_code, words in answer.text) == (422, True), answer.text


async def test_whoever_takes_parts_may_read_the_rule_but_not_change_it(visitor):
    page = (await (await visitor("engineer")).get("/policies")).text

    assert "补单期限" in page
    assert 'action="/policies/papers"' not in page
