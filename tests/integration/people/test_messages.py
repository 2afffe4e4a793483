"""Messages: told once, on the page and by every channel; sent by real servers on loopback, tried again, or seen to fail."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from api.channels import sending
from api.channels.sending import try_to_send
from inventory.assurance import escalation
from inventory.ground import clock, db
from inventory.ground.errors import NotGranted, WrongState
from inventory.people import messages
from inventory.people.messages import BeingSent
from inventory.people.persons import actor_of
from tests.conftest import settings_for
from tests.faults.test_worker_killed import until
from tests.integration.assurance.test_escalation import begin
from tests.integration.people.test_duty import on_duty
from tests.robots import mail_server, robot
from tests.services import working
from tests.world import ADMIN, MANAGER

DINGTALK_SECRET = "SEC0123456789"


async def late(**reached: str) -> None:
    """A keeper who is told of a late duty, reached by mail unless it says otherwise."""
    await on_duty("li", "warehouse_keeper", depot="GZ")
    reached = reached or {"email": "li@beijian.example"}
    await db.execute(
        "UPDATE person SET email = $1, chat = $2, phone = $3 WHERE username = 'li'",
        reached.get("email"),
        reached.get("chat"),
        reached.get("phone"),
    )
    await begin()
    await escalation.escalate_late()


async def outgoing() -> messages.Outgoing:
    (message,) = await messages.outgoing(limit=5, seen_by=ADMIN)
    return message


async def send(company: str, *, attempt: int = 0, **settings: object) -> timedelta | None:
    """What the worker does with the message."""
    configured = msgspec.structs.replace(settings_for(company), **settings)
    return await try_to_send(await messages.take((await outgoing()).id), configured, attempt=attempt)


async def test_a_mail_really_arrives_with_its_link(company):
    await late()
    async with mail_server() as box:
        assert await send(company, mail=box.settings(), public_url="https://parts.example") is None
        assert await send(company, mail=box.settings()) is None  # a job that runs twice

    (mail,) = box.mails
    message = await outgoing()
    assert (mail["To"], mail["From"], mail["Subject"]) == (
        "li@beijian.example", "duty@beijian.example", "待办逾期：领料出库",
    )  # fmt: skip
    assert mail["Message-ID"] == f"<{message.id}@beijian.example>"
    text = mail.get_content()
    assert "广州备件库" in text
    assert f"https://parts.example/k/{message.id.hex}." in text
    assert (message.state, message.attempts) == ("sent", 1)


async def test_the_mail_server_is_told_who_we_are(company):
    await late()
    async with mail_server("pass word") as box:
        waits = await send(company, mail=box.settings(username="duty", password="wrong"))
        assert (waits, box.mails) == (sending.wait_after(0), [])
        assert "wrong" not in (await outgoing()).failure
        await send(company, mail=box.settings(username="duty", password="pass word"))

    assert len(box.mails) == 1
    assert (await outgoing()).state == "sent"


async def test_a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not(company):
    await late()
    async with mail_server() as box:
        box.refusals = ["451 later", "550 no such mailbox"]
        assert await send(company, mail=box.settings()) == sending.wait_after(0)
        assert ((await outgoing()).state, (await outgoing()).failure) == ("waiting", "451 later")
        assert await send(company, attempt=1, mail=box.settings()) is None

    assert ((await outgoing()).state, box.mails) == ("failed", [])
    assert "550" in (await outgoing()).failure


async def test_a_server_that_is_never_there_fails_in_the_end_and_can_be_tried_again(company):
    await late()
    async with mail_server() as box:
        gone = box.settings()
    for attempt in range(sending.TRIES):
        waits = await send(company, attempt=attempt, mail=gone)
    assert (waits, (await outgoing()).state) == (None, "failed")

    with pytest.raises(NotGranted):
        await messages.send_again((await outgoing()).id, by=MANAGER)
    await messages.send_again((await outgoing()).id, by=ADMIN)
    with pytest.raises(WrongState):
        await messages.send_again((await outgoing()).id, by=ADMIN)
    async with mail_server() as box:
        await send(company, mail=box.settings())
    assert len(box.mails) == 1


async def test_a_message_in_one_workers_hands_is_sent_by_no_other_until_that_one_is_given_up(company):
    await late()
    message, now = (await outgoing()).id, clock.now()
    with clock.at(now):
        assert (await messages.take(message)).id == message
    with clock.at(now + timedelta(seconds=90)):
        assert await messages.take(message) == BeingSent(timedelta(seconds=30))
    with clock.at(now + messages.CLAIMED_FOR):
        assert (await messages.take(message)).id == message
        await messages.record_sent(message)
        assert await messages.take(message) is None


async def test_without_a_channel_a_message_stays_on_the_page(company):
    await late(email="li@beijian.example")
    await send(company)
    (reader,) = await db.fetch("SELECT id FROM person WHERE username = 'li'")
    li = await actor_of(reader["id"])

    assert (await outgoing()).state == "off"
    assert await messages.unread(li) == 1
    (message,) = await messages.my_messages(limit=5, seen_by=li)
    assert message.facts["subject"] == "R-1"
    assert await messages.mark_read(by=li) == 1
    assert (await messages.unread(li), await messages.my_messages(limit=5, seen_by=li, unread_only=True)) == (0, [])


async def test_dingtalk_takes_what_is_signed_with_its_secret(company):
    await late(chat="dingtalk", phone="13800000001")
    async with robot(DINGTALK_SECRET) as group:
        await send(company, dingtalk_robot=group.url, dingtalk_secret="SEC-another")
        assert ((await outgoing()).state, group.taken) == ("failed", [])
        assert (await outgoing()).failure == "310000 sign not match"
        await messages.send_again((await outgoing()).id, by=ADMIN)
        await send(company, dingtalk_robot=group.url, dingtalk_secret=DINGTALK_SECRET)

    (taken,) = group.taken
    assert taken["msgtype"] == "markdown"
    assert taken["at"]["atMobiles"] == ["13800000001"]
    assert "@13800000001" in taken["markdown"]["text"]
    assert "待办逾期" in taken["markdown"]["title"]
    assert (await outgoing()).state == "sent"


async def test_wecom_takes_its_markdown_and_a_busy_robot_is_asked_again(company):
    await late(chat="wecom")
    async with robot() as group:
        group.answers = [{"errcode": 45009, "errmsg": "api freq out of limit"}]
        assert await send(company, wecom_robot=group.url) == sending.wait_after(0)
        assert await send(company, wecom_robot=group.url, attempt=1) is None

    (taken,) = group.taken
    assert taken["msgtype"] == "markdown"
    assert "领料出库" in taken["markdown"]["content"]
    assert "/k/" in taken["markdown"]["content"]


async def test_a_robot_in_our_own_network_is_not_called_and_its_secret_is_not_told(company):
    await late(chat="wecom")
    async with robot() as group:
        await send(company, wecom_robot=group.url, allow_private_vendors=False)

    failed = await outgoing()
    assert (failed.state, group.taken) == ("failed", [])
    assert "127.0.0.1" in failed.failure
    assert "the-groups" not in failed.failure


async def test_a_worker_sends_what_waits(own_company, tmp_path: Path, monkeypatch):
    async with mail_server() as box:
        monkeypatch.setenv("BEIJIAN_SMTP", f"smtp+plain://127.0.0.1:{box.port}")
        monkeypatch.setenv("BEIJIAN_MAIL_FROM", "duty@beijian.example")
        await late()
        with working(own_company, tmp_path):

            async def arrived() -> bool:
                return bool(box.mails) and (await outgoing()).state == "sent"

            await until(arrived)

    assert len(box.mails) == 1
