"""Returns over HTTP: who sees and settles what, the counter with its refusals, the paper, repeats, rates and tickets."""

from datetime import timedelta

from httpx import Response

from inventory.ground import clock, db
from inventory.installed_base import failures
from inventory.requests import changing, debriefing, failure_analysis, repeats, requests, shipping, tickets
from inventory.returns import counter
from tests.integration.returns.test_removed import owed, used
from tests.world import BUYER, DISPATCHER, DRIVE, ENGINEER, FAN, KEEPER, SETUP, actor

GZ, SH = {"role": "warehouse_keeper", "depot": "GZ"}, {"role": "warehouse_keeper", "depot": "SH"}


def answered(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def test_what_is_owed_is_listed_taken_in_and_refused_in_both_languages(api):
    view = await used(DRIVE, serial_out="OLD-1")
    debt = await owed(view)
    (listed,) = (await api.get("/returns?depot=GZ&when=later", **GZ)).json()["items"] or (
        await api.get("/returns", **GZ)
    ).json()["items"]
    assert (listed["number"], listed["expected_serial"], "money_cny" in listed) == (debt.number, "OLD-1", False)
    assert (await api.get("/returns", **SH)).json()["items"] == []
    assert answered(await api.get(f"/returns/{debt.id}", **SH)) == (404, "unknown")
    assert (await api.get("/returns", role="inspector")).status_code == 403
    sums = (await api.get("/return-sums", role="buyer")).json()
    assert {"what": "depot", "name": "GZ", "pieces": 1}.items() <= next(s for s in sums if s["what"] == "depot").items()

    wrong = {"depot": "GZ", "what": DRIVE, "serial": "OTHER-9"}
    refused = await api.post("/hand-ins", wrong, **GZ)
    assert answered(refused) == (409, "other_serial_expected")
    assert f"OLD-1 ({view.number}, device BANK-001)" in refused.json()["detail"]
    noted = await api.post("/hand-ins", {**wrong, "debt": str(debt.id), "as_found": True}, **GZ)
    finding = noted.json()["wrong"]["wrong"][0]["id"]
    assert (await api.post(f"/wrong-returns/{finding}/correct-record", {"reason": "x"}, **GZ)).status_code == 403
    upheld = await api.post(f"/wrong-returns/{finding}/uphold-record", {"reason": "another job's"}, role="dispatcher")
    assert upheld.json()["state"] == "open"
    done = await api.post("/hand-ins", {"depot": "GZ", "what": "OLD-1"}, **GZ)
    assert [each["state"] for each in done.json()["settled"]] == ["returned"]
    assert answered(await api.post(f"/returns/{debt.id}/tell-lost", {"reason": "gone"}, role="dispatcher")) == (
        409,
        "wrong_state",
    )


async def test_dates_move_with_a_reason_and_terms_by_policy(api):
    debt = await owed(await used(DRIVE, serial_out="OLD-1"))
    later = (clock.now() + timedelta(days=9)).isoformat()
    due = f"/returns/{debt.id}/due"
    assert (await api.post(due, {"due_at": later, "reason": "x"}, **GZ)).status_code == 403
    assert (await api.post(due, {"due_at": "soon", "reason": "x"}, role="dispatcher")).status_code == 422
    past = (clock.now() - timedelta(days=9)).isoformat()
    assert answered(await api.post(due, {"due_at": past, "reason": "x"}, role="dispatcher")) == (422, "due_before_now")
    moved = await api.post(due, {"due_at": later, "reason": "the train is late"}, role="dispatcher")
    assert moved.json()["due_at"][:10] == later[:10]

    policy = {"amount": 2, "counts": "business_days", "depots": {"GZ": {"amount": 6, "counts": "hours"}}}
    assert (await api.post("/return-policy", policy, role="dispatcher")).status_code == 403
    assert (await api.post("/return-policy", {**policy, "counts": "moons"}, role="project_manager")).status_code == 422
    unknown = {**policy, "depots": {"MARS": {"amount": 6, "counts": "hours"}}}
    assert answered(await api.post("/return-policy", unknown, role="project_manager")) == (404, "unknown")
    assert (await api.post("/return-policy", policy, role="project_manager")).status_code == 201
    assert (await api.get("/return-policy/versions", role="engineer")).json()["items"][0]["policy"]["amount"] == 2


async def test_the_customer_signs_a_paper_for_what_stays(api):
    await db.execute("UPDATE contract SET customer_keeps_disks = true WHERE code = 'C-BANK'")
    drive, fan = await owed(await used(DRIVE, serial_out="OLD-1")), await owed(await used(FAN))
    paper = await api.get(f"/returns/{drive.id}/papers/media_retention", **GZ)
    assert paper.content.startswith(b"%PDF")
    assert answered(await api.get(f"/returns/{fan.id}/papers/media_retention", **GZ)) == (409, "not_left_there")
    kept = await api.post(f"/returns/{drive.id}/keep", {"signed_by": "Wang"}, role="dispatcher")
    assert (kept.json()["state"], kept.json()["signed_by"]) == ("kept_by_customer", "Wang")


async def test_a_ticket_is_told_which_old_parts_are_owed(company):
    view = await used(FAN, 3)
    before = await tickets.of_request(view.id, seen_by=DISPATCHER)
    await counter.take_in("GZ", FAN, by=KEEPER, quantity=2)
    after = await tickets.reconciliation("glpi", view.ticket or "", seen_by=DISPATCHER)

    assert (before.reconciled, before.installed, before.removed, before.owed) == (True, 3, 3, 3)
    assert (after.brought_back, after.owed, len(after.owed_numbers)) == (2, 1, 1)


async def test_the_same_position_failing_again_is_a_repeat_until_the_window_is_over(company):
    first = await used(FAN)
    second = await used(FAN)
    other = await used(FAN, device="BANK-002")
    (repeat,) = second.repeat_of

    assert (repeat.repeat_of_number, repeat.same) == (first.number, "position")
    assert (first.repeat_of, other.repeat_of) == ([], [])
    (told,) = await repeats.of_device("BANK-001", seen_by=ENGINEER)
    assert told.number == second.number
    await db.execute("UPDATE failure SET occurred_at = occurred_at - interval '91 days' WHERE request = $1", first.id)
    assert (await requests.request_view(second.id)).repeat_of == []
    await db.execute("UPDATE failure SET occurred_at = occurred_at + interval '2 days' WHERE request = $1", first.id)
    assert len((await requests.request_view(second.id)).repeat_of) == 1
    await failures.withdraw_for_request(first.id, await _part(FAN), 1, reason="no fault found")
    assert (await requests.request_view(second.id)).repeat_of == []


async def _part(number: str) -> int:
    return await db.fetch_value("SELECT id FROM part WHERE part_number = $1", number)


async def test_what_is_not_seen_again_for_three_months_is_closed(company):
    view = await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference="QUIET",
            device_serial="BANK-003",
            severity="general",
            lines=[requests.NewRequestLine(part_number=FAN)],
        ),
        by=DISPATCHER,
    )
    await changing.pause(view.id, by=DISPATCHER, reason="cannot be reproduced")
    with clock.at(clock.now() + timedelta(days=89)):
        assert await changing.close_quiet(by=SETUP) == 0
    with clock.at(clock.now() + timedelta(days=91)):
        assert await changing.close_quiet(by=SETUP) == 1
    done = await requests.request_view(view.id)
    assert done.state == "cancelled"


async def test_failures_are_counted_with_their_rates(api):
    await used(FAN, 2, failure_code="BEARING")
    for outcome in ("no_fault_found", "dead_on_arrival"):
        await used_otherwise(outcome)
    (fans,) = await failure_analysis.analysis("part", limit=9, seen_by=BUYER)
    assert (fans.pieces, fans.failed, fans.no_fault_found, fans.dead_on_arrival) == (4, 2, 1, 1)
    assert fans.no_fault_found_rate is not None
    assert fans.no_fault_found_rate.low < fans.no_fault_found_rate.share == 0.25 < fans.no_fault_found_rate.high
    assert [(each.code, each.pieces) for each in fans.codes] == [("BEARING", 2)]
    by_code = (await api.get("/failure-analysis?by=code", role="engineer")).json()["items"]
    assert [each["name"] for each in by_code] == ["BEARING"]
    assert (await api.get("/failure-analysis?by=model", role="engineer")).json()["items"][0]["pieces"] == 4
    assert (await api.get("/failure-analysis?by=vendor", role="engineer")).status_code == 403
    assert (await api.get("/failure-analysis?by=colour", role="engineer")).status_code in (400, 422)
    assert await failure_analysis.analysis("part", limit=9, seen_by=actor("dispatcher", contracts={"C-TELCO"})) == []


async def used_otherwise(outcome: str) -> None:
    view = await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference=outcome,
            device_serial="BANK-005",
            severity="general",
            lines=[requests.NewRequestLine(part_number=FAN)],
        ),
        by=DISPATCHER,
    )
    await shipping.ship(view.id, by=SETUP)
    await debriefing.debrief(view.id, [debriefing.Debrief(part_number=FAN, outcome=outcome)], by=DISPATCHER)
