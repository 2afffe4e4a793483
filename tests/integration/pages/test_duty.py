"""The pages of duty: the roster's week, shifts, contacts, sheets, the board of duties, messages, and a message's link."""

import re
from datetime import timedelta
from decimal import Decimal

from api.pages.formats import ZONE
from api.shared import acknowledging_path
from inventory.assurance import escalation
from inventory.emergency.policy import NewPolicy, put_in_force
from inventory.ground import clock, db, steps
from inventory.people import contacts, delegations, duty, messages, posts
from tests.conftest import SECRET
from tests.integration.assurance.test_escalation import begin
from tests.integration.emergency.test_cases import a_case, propose
from tests.integration.people.test_duty import on_duty, person
from tests.world import ADMIN, MANAGER, SETUP

DAY = "2031-03-05"  # a Wednesday


async def entered(**more: object) -> duty.ShiftView:
    (shift,) = await duty.shifts(limit=5, seen_by=SETUP, **more)
    return shift


async def test_a_duty_is_entered_for_a_row_of_days_and_seen_in_its_week(visitor):
    dispatcher = await visitor("dispatcher")
    await person("li", "warehouse_keeper", depot="GZ")
    form = {"username": "li", "role": "warehouse_keeper", "depot": "GZ", "first": DAY, "last": "2031-03-06",
            "begins": "20:00", "ends": "08:00"}  # fmt: skip

    sent = await dispatcher.post("/roster", form)
    week = (await dispatcher.get(f"/roster?week={DAY}")).text

    assert (sent.status_code, sent.headers["location"]) == (303, f"/roster?week={DAY}")
    assert len(re.findall(r'<a class="shift"', week)) == 2
    assert "20:00–08:00 +1" in week
    shifts = await duty.shifts(limit=5, seen_by=SETUP)
    assert [s.starts_at.isoformat() for s in shifts] == ["2031-03-05T12:00:00+00:00", "2031-03-06T12:00:00+00:00"]


async def test_what_cannot_be_read_is_told_in_the_form(visitor):
    dispatcher = await visitor("dispatcher")
    await person("li", "warehouse_keeper", depot="GZ")
    good = {"username": "li", "role": "warehouse_keeper", "depot": "GZ", "first": DAY}

    for wrong in ({"first": "tomorrow"}, {"last": "2031-03-01"}, {"begins": "8 o'clock"}, {"username": "nobody"}):
        answer = await dispatcher.post("/roster", {**good, **wrong})
        assert answer.status_code in (404, 422), wrong
        assert "alert" in answer.text
    assert await duty.shifts(limit=5, seen_by=SETUP) == []


async def test_an_empty_post_is_red_in_the_week(visitor):
    dispatcher = await visitor("dispatcher")
    await on_duty("li", "warehouse_keeper", depot="GZ", hours=4)

    await dispatcher.post("/roster/posts", {"role": "warehouse_keeper", "depot": "GZ"})
    next_week = (clock.now() + timedelta(days=7)).date()
    assert "Nobody is on duty within the next 24 hours" in (await dispatcher.get("/roster", language="en")).text
    assert 'class="shift nobody"' in (await dispatcher.get(f"/roster?week={next_week}", language="en")).text
    await dispatcher.post("/roster/posts/withdraw", {"role": "warehouse_keeper", "depot": "GZ"})
    assert await posts.posts(limit=5, seen_by=SETUP) == []


async def test_a_shift_is_changed_swapped_and_withdrawn_on_its_page(visitor):
    dispatcher = await visitor("dispatcher")
    await on_duty("li", "warehouse_keeper", depot="GZ")
    await on_duty("he", "warehouse_keeper", depot="GZ")
    mine, other = await entered(username="li"), await entered(username="he")
    page = f"/roster/shifts/{mine.id}"
    until = (mine.ends_at + timedelta(hours=8, minutes=30)).strftime("%Y-%m-%dT%H:%M")

    await dispatcher.post(f"{page}/swap", {"other": str(other.id), "reason": "by agreement"})
    assert (await duty.shift_view(mine.id)).username == "he"
    starts = (mine.starts_at + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M")
    changing = {"username": "he", "starts_at": starts, "ends_at": until, "reason": "half an hour more"}
    await dispatcher.post(f"{page}/change", changing)
    assert (await duty.shift_view(mine.id)).ends_at > mine.ends_at
    assert "half an hour more" in (await dispatcher.get(page)).text
    await dispatcher.post(f"{page}/withdraw", {"reason": "not needed"})
    gone = (await dispatcher.get(page)).text
    assert "not needed" in gone
    assert 'id="withdraw"' not in gone
    assert (await (await visitor("warehouse_keeper", depot="SH")).get(page)).status_code == 404


async def test_contacts_are_verified_and_changed(visitor):
    dispatcher = await visitor("dispatcher")
    await person("li", "warehouse_keeper", depot="GZ", phone="13800000001")

    await dispatcher.post("/contacts/li/verify")
    assert not (await contacts.contact("li", seen_by=SETUP)).stale
    await dispatcher.post("/contacts/li", {"phone": "13900000002", "email": "li@beijian.example", "chat": "dingtalk"})
    now = await contacts.contact("li", seen_by=SETUP)
    assert (now.phone, now.email, now.chat, now.stale) == ("13900000002", "li@beijian.example", "dingtalk", True)
    refused = await dispatcher.post("/contacts/li", {"phone": "soon"})
    assert (refused.status_code, "soon" in refused.text) == (422, True)


async def test_a_sheet_is_checked_on_its_page(visitor):
    manager = await visitor("project_manager")
    page = (await manager.get("/contracts/C-BANK/duty-sheet", language="en")).text
    assert "not yet" in page

    sent = await manager.post("/contracts/C-BANK/duty-sheet/check")
    checked = (await manager.get(sent.headers["location"], language="en")).text
    assert "Everybody can be reached" not in checked
    assert (await manager.get("/duty-sheets", language="en")).text.count("not yet") == 1  # the other contract's


async def test_a_duty_is_taken_on_from_the_board(visitor):
    keeper = await visitor("warehouse_keeper", depot="GZ")
    await on_duty("li", "warehouse_keeper", depot="GZ")
    await begin()
    await escalation.escalate_late()
    step = next(s for s in await steps.open_steps(limit=50, seen_by=SETUP) if s.subject == "R-1")

    assert f"/steps/{step.id}/acknowledge" in (await keeper.get("/steps?which=late")).text
    sent = await keeper.post(f"/steps/{step.id}/acknowledge")
    page = (await keeper.get(sent.headers["location"], language="en")).text
    assert "taken on" in page
    assert "owner" in page
    assert f"/steps/{step.id}/acknowledge" not in (await keeper.get("/steps")).text


async def test_the_link_of_a_message_needs_no_account_and_asks_once(visitor):
    anybody = await visitor()
    await on_duty("li", "warehouse_keeper", depot="GZ")
    await begin()
    await escalation.escalate_late()
    message = await db.fetch_value("SELECT id FROM message ORDER BY id DESC LIMIT 1")
    link = acknowledging_path(message, SECRET)

    opened = await anybody.get(link, language="en")
    assert (opened.status_code, "I take it" in opened.text) == (200, True)
    step = next(s for s in await steps.open_steps(limit=50, seen_by=SETUP) if s.subject == "R-1")
    assert step.acknowledged_at is None  # opening it is not taking it on
    taken = await anybody.post(link, language="en", live=False)
    assert (taken.status_code, "Taken on by li" in taken.text) == (200, True)
    for forged in (link[:-2] + "xx", "/k/x.y", link.replace("/k/", "/s/")):
        assert (await anybody.get(forged)).status_code == 404


async def test_messages_are_counted_read_and_only_ones_own(visitor):
    li = await visitor("warehouse_keeper", depot="GZ")
    he = await visitor("warehouse_keeper", depot="GZ")
    username = await db.fetch_value("SELECT username FROM person ORDER BY id LIMIT 1 OFFSET 0")
    await messages.tell([username], "duty_changed", {
        "change": "changed", "role": "warehouse_keeper", "depot": "GZ", "username": "he", "reason": "ill",
        "starts_at": clock.now().isoformat(), "ends_at": clock.now().isoformat(),
    }, occasion="test")  # fmt: skip

    page = (await li.get("/messages")).text
    assert "值班调整：库管员" in page
    assert "我的消息，1 条未读" in page
    assert "值班调整" not in (await he.get("/messages")).text
    await li.post("/messages/read")
    assert "条未读" not in (await li.get("/messages")).text


async def test_administrators_see_what_failed_and_send_it_again(visitor):
    admin = await visitor("administrator")
    await on_duty("li", "warehouse_keeper", depot="GZ")
    await db.execute("UPDATE person SET email = 'li@beijian.example' WHERE username = 'li'")
    await begin()
    await escalation.escalate_late()
    (message,) = await messages.outgoing(limit=5, seen_by=ADMIN)
    await messages.record_failed(message.id, "550 no such mailbox", last=True)

    assert "550 no such mailbox" in (await admin.get("/messages/outgoing?state=failed")).text
    await admin.post(f"/messages/{message.id}/send-again")
    (message,) = await messages.outgoing(limit=5, seen_by=ADMIN)
    assert message.state == "waiting"


async def test_a_case_that_waits_for_approval_names_whom_to_call(visitor):
    reader = await visitor("auditor")
    await put_in_force(NewPolicy(standing_authority_cny=Decimal(0)), by=MANAGER)
    case = await a_case()
    await propose(case)
    await on_duty("zhou", "project_manager")
    await on_duty("li", "warehouse_keeper", depot="GZ")
    await contacts.verify_phone("zhou", by=SETUP, phone="13800000009")

    page = (await reader.get(f"/emergencies/{case.id}", language="en")).text
    assert "On duty and may approve: Zhou (project manager)" in page
    assert "tel:13800000009" in page


async def test_a_handover_and_a_crossing_are_shown_by_their_number(visitor):
    for kind, subject in (("accept_handover", "HO-26-000007"), ("decide_crossing", "PC-26-000009")):
        document = "handover" if kind == "accept_handover" else "pool_crossing"
        await steps.begin(kind, document, subject, owner_role="warehouse_keeper", depot="GZ", due_at=clock.now())
    page = (await (await visitor("dispatcher")).get("/steps")).text

    assert "HO-26-000007" in page
    assert 'href="/find?q=PC-26-000009"' in page


async def test_an_approver_leaves_approvals_to_somebody_on_the_page(visitor):
    await person("wu", "planner")
    buyer = await visitor("buyer")
    today = clock.now().astimezone(ZONE).date().isoformat()
    form = {
        "right": "orders.approve",
        "delegate": "wu",
        "first": today,
        "last": today,
        "up_to_cny": "50000",
        "reason": "公出",
    }

    assert (await buyer.post("/delegations", form | {"last": "soon"})).status_code == 422
    assert (await buyer.post("/delegations", form)).headers["location"] == "/delegations"
    page = (await buyer.get("/delegations")).text
    assert all(words in page for words in ("审批采购订单", "生效中", "¥50,000", "公出"))
    (given,) = await delegations.delegations(limit=5, seen_by=SETUP)
    await buyer.post(f"/delegations/{given.id}/withdraw", {"reason": "回来了"})
    assert "已撤销" in (await buyer.get("/delegations?ended=yes")).text
