"""Duty, steps and messages over HTTP."""

from datetime import timedelta

from inventory.assurance import escalation
from inventory.ground import clock, db
from tests.integration.assurance.test_escalation import begin
from tests.integration.people.test_duty import on_duty, person


def shift(username: str, *, depot: str | None = "GZ", begins: int = 1, hours: int = 8) -> dict[str, object]:
    starts_at = clock.now().replace(microsecond=0) + timedelta(hours=begins)
    return {
        "username": username, "role": "warehouse_keeper", "depot": depot, "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=hours)).isoformat(),
    }  # fmt: skip


async def test_shifts_are_entered_changed_swapped_withdrawn_and_listed(api):
    await person("li", "warehouse_keeper", depot="GZ")
    await person("he", "warehouse_keeper", depot="GZ")
    entered = await api.post("/duty-shifts", {"shifts": [shift("li"), shift("he", begins=20)]}, role="dispatcher")
    one, other = entered.json()["ids"]

    swapped = await api.post(f"/duty-shifts/{one}/swap", {"other": other, "reason": "by agreement"}, role="dispatcher")
    changed = await api.post(f"/duty-shifts/{one}/change", {"username": "li", "reason": "back"}, role="dispatcher")
    gone = await api.post(f"/duty-shifts/{other}/withdraw", {"reason": "not needed"}, role="dispatcher")
    listed = (await api.get("/duty-shifts?depot=GZ", role="warehouse_keeper", depot="GZ")).json()["items"]

    assert [s["username"] for s in swapped.json()] == ["he", "li"]
    assert (changed.json()["username"], gone.json()["withdrawn_at"] is not None) == ("li", True)
    assert [s["id"] for s in listed] == [one]
    assert (await api.get("/duty-shifts", role="warehouse_keeper", depot="SH")).json()["items"] == []
    hidden = await api.get("/duty-shifts?depot=GZ", role="warehouse_keeper", depot="SH")
    assert (hidden.status_code, hidden.json()["code"]) == (404, "unknown_filter")


async def test_bad_shifts_are_refused_and_nothing_is_entered(api):
    await person("li", "warehouse_keeper", depot="GZ")
    for body, status, code in (
        ({"shifts": []}, 422, "validation"),
        ({"shifts": [shift("li", hours=-1)]}, 422, "shift_times_wrong"),
        ({"shifts": [shift("li", depot="SH")]}, 409, "role_not_held"),
        ({"shifts": [shift("nobody")]}, 404, "unknown"),
        ({"shifts": [{**shift("li"), "starts_at": "2031-03-05T08:00:00"}]}, 422, "validation"),
    ):
        answer = await api.post("/duty-shifts", body, role="dispatcher")
        assert answer.status_code == status, answer.text
        assert code == "validation" or answer.json()["code"] == code
    outside = await api.post("/duty-shifts", {"shifts": [shift("li")]}, role="dispatcher", depot="SH")
    assert (outside.status_code, outside.json()["code"]) == (403, "not_your_depot")
    assert (await api.get("/duty-shifts", role="auditor")).json()["items"] == []


async def test_a_ticket_system_asks_who_is_on_duty_now(api):
    await on_duty("li", "warehouse_keeper", depot="GZ")
    await api.post("/contacts/li/verify", {"phone": "13800000001"}, role="dispatcher")
    (found,) = (await api.get("/on-duty?depot=GZ&role=warehouse_keeper", role="ticket_system")).json()

    assert (found["username"], found["phone"]) == ("li", "13800000001")
    assert found["phone_verified_at"]


async def test_posts_and_the_hours_nobody_holds_them(api):
    await api.post("/duty-posts", {"role": "warehouse_keeper", "depot": "GZ"}, role="dispatcher")
    (gap,) = (await api.get("/empty-shifts", role="auditor")).json()
    too_long = await api.get("/empty-shifts?since=2027-01-01T00:00:00Z&until=2028-01-01T00:00:00Z", role="auditor")

    assert (gap["role"], gap["depot"]) == ("warehouse_keeper", "GZ")
    assert (too_long.status_code, too_long.json()["code"]) == (422, "window_too_long")
    assert (await api.get("/duty-posts", role="auditor")).json() == [{"role": "warehouse_keeper", "depot": "GZ"}]
    await api.post("/duty-posts/withdraw", {"role": "warehouse_keeper", "depot": "GZ"}, role="dispatcher")
    again = await api.post("/duty-posts/withdraw", {"role": "warehouse_keeper", "depot": "GZ"}, role="dispatcher")
    assert again.status_code == 404


async def test_contacts_are_not_for_a_key_that_keeps_no_roster(api):
    await person("li", "warehouse_keeper", depot="GZ")
    for path, body in (("/contacts/li", {"phone": "13800000001"}), ("/contacts/li/verify", {"phone": "13800000001"})):
        answer = await api.post(path, body, role="warehouse_keeper", depot="GZ")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_granted")
    bad = await api.post("/contacts/li", {"email": "x\ny@example.com"}, role="dispatcher")
    assert (bad.status_code, bad.json()["code"]) == (422, "not_an_address")


async def test_a_sheet_is_read_printed_and_checked(api):
    holiday = (await api.get("/holidays", role="auditor")).json()[0]["starts_on"]
    address = f"/contracts/C-BANK/duty-sheet?holiday={holiday}"
    printed = await api.get(f"/contracts/C-BANK/papers/duty_sheet?holiday={holiday}", role="auditor")
    checked = await api.post(f"/contracts/C-BANK/duty-sheet/check?holiday={holiday}", role="project_manager")

    assert (await api.get(address, role="auditor")).json()["holiday"]["starts_on"] == holiday
    assert (printed.headers["content-type"], printed.content[:5]) == ("application/pdf", b"%PDF-")
    assert checked.json()["checked_by"]
    assert (await api.get("/contracts/NOPE/duty-sheet", role="auditor")).status_code == 404
    assert (await api.get("/contracts/C-BANK/duty-sheet?holiday=2001-01-01", role="auditor")).status_code == 404


async def test_a_duty_is_listed_followed_and_taken_on(api):
    await on_duty("li", "warehouse_keeper", depot="GZ")
    await begin()
    await escalation.escalate_late()
    listed = (await api.get("/steps?which=late", role="warehouse_keeper", depot="GZ")).json()["items"]
    (step,) = [s for s in listed if s["subject"] == "R-1"]
    rungs = (await api.get(f"/steps/{step['id']}/escalations", role="auditor")).json()
    hidden = await api.post(f"/steps/{step['id']}/acknowledge", role="warehouse_keeper", depot="SH")
    not_theirs = await api.post(f"/steps/{step['id']}/acknowledge", role="buyer")
    taken = await api.post(f"/steps/{step['id']}/acknowledge", role="warehouse_keeper", depot="GZ")

    assert (step["told"], [r["told"] for r in rungs]) == (["li"], [["li"]])
    assert (hidden.status_code, not_theirs.json()["code"]) == (404, "not_your_step")
    assert taken.json()["acknowledged_at"]


async def test_a_policy_is_put_in_force_or_refused(api):
    chain = [{"who": "dispatcher", "after_minutes": 5, "off_duty": True}]
    good = await api.post("/escalation-policy", {"chains": {"default": chain}, "remark": "short"})
    bad = await api.post("/escalation-policy", {"chains": {"default": [{"who": "nobody", "after_minutes": 5}]}})

    assert (good.status_code, good.json()["version"]) == (201, 1)
    assert (bad.status_code, bad.json()["code"]) == (422, "chain_wrong")
    assert (await api.get("/escalation-policy", role="auditor")).json()["chains"] == {"default": chain}


async def test_a_system_has_no_messages_and_administrators_see_the_outbox(api):
    await on_duty("li", "warehouse_keeper", depot="GZ")
    await db.execute("UPDATE person SET email = 'li@beijian.example' WHERE username = 'li'")
    await begin()
    await escalation.escalate_late()

    assert (await api.get("/my-messages")).json()["items"] == []
    assert (await api.post("/my-messages/read")).json() == {"count": 0}
    (message,) = (await api.get("/messages?state=waiting")).json()["items"]
    again = await api.post(f"/messages/{message['id']}/send-again")
    assert (message["channel"], again.json()["code"]) == ("mail", "wrong_state")


async def test_delegates_are_named_listed_and_withdrawn(api):
    await person("he", "buyer")
    await person("wu", "planner")
    ends = (clock.now() + timedelta(days=3)).isoformat()
    good = {"rights": ["orders.approve"], "delegate": "wu", "ends_at": ends, "reason": "on leave", "of": "he"}

    for wrong, role, status, code in (
        ({}, None, 401, None),
        ({}, "buyer", 403, "not_granted"),
        ({"rights": ["people.manage"]}, "administrator", 400, None),
        ({"up_to_cny": "-1"}, "administrator", 400, None),
        ({"delegate": "he"}, "administrator", 409, "oneself_for_delegate"),
        ({"of": "wu", "delegate": "he"}, "administrator", 409, "not_yours_to_leave"),
    ):
        refused = await api.post("/delegations", good | wrong, role=role)
        assert refused.status_code in (status, 422 if status == 400 else status), refused.text
        assert code is None or refused.json()["code"] == code
    (given,) = (await api.post("/delegations", good | {"up_to_cny": "50000"}, role="administrator")).json()
    assert (given["delegator"], given["delegate"], given["state"], given["up_to_cny"]) == (
        "he",
        "wu",
        "in_force",
        "50000.00",
    )
    (seen,) = (await api.get("/delegations?current=true", role="engineer")).json()["items"]
    assert (seen["id"], seen["up_to_cny"]) == (given["id"], None)  # the amount is for whom it concerns
    assert (await api.get("/delegations", role="inspector")).status_code == 403
    gone = await api.post(f"/delegations/{given['id']}/withdraw", {"reason": "back again"}, role="administrator")
    assert gone.json()["state"] == "withdrawn"
    assert (await api.get("/delegations?current=true", role="auditor")).json()["items"] == []
