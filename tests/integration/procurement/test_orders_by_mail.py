"""Orders by mail, over real SMTP: the PDF attached, tried again when nobody is there, and a person records the reply."""

from datetime import timedelta

import pypdfium2
import pytest
from msgspec import structs
from pgqueuer.domain.errors import RetryRequested

from api.worker import Work, on_place_order, on_tell_change
from inventory.ground import clock, db, jobs
from inventory.procurement import changes, desk_by_hand, orders
from inventory.procurement.changes import ChangedLine
from tests.conftest import settings_for
from tests.robots import MailBox, mail_server
from tests.services import free_port
from tests.world import BUYER, DRIVE, SETUP, offers_too


async def approved() -> orders.OrderView:
    await db.execute("UPDATE vendor SET channel = 'mail', endpoint = 'orders@disti.example' WHERE channel = 'http'")
    order = await orders.draft_order("DISTI", "GZ", [orders.NewLine(part_number=DRIVE, quantity=2)], by=BUYER)
    return await orders.approve_order(order.id, by=SETUP)


def working(box: MailBox | None) -> Work:
    settings = settings_for("")
    return Work(structs.replace(settings, mail=box.settings() if box else None))


def text_of(pdf: bytes) -> str:
    return "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))


async def test_an_order_goes_by_mail_with_its_paper(company):
    await offers_too("DISTI", DRIVE, framework_number="FA-2026-017")
    async with mail_server() as box:
        order = await approved()
        await on_place_order(jobs.PlaceOrder(order.id), working(box))

    (mail,) = box.mails
    (paper,) = mail.iter_attachments()
    assert (mail["To"], str(order.id) in mail["Message-ID"]) == ("orders@disti.example", True)
    assert paper.get_filename() == f"{order.number}.pdf"
    said = text_of(paper.get_payload(decode=True))
    assert all(words in said for words in (order.number, DRIVE, "980.00", "1,960.00", "FA-2026-017"))
    after = await orders.order_view(order.id)
    assert after.state == "placed"
    assert await db.fetch_value("SELECT count(*) FROM step WHERE kind = 'chase_answer' AND done_at IS NULL") == 1


async def test_the_reply_is_recorded_by_a_person_word_for_word(company):
    async with mail_server() as box:
        order = await approved()
        await on_place_order(jobs.PlaceOrder(order.id), working(box))
    due = clock.now() + timedelta(days=5)
    after = await desk_by_hand.record(order.id, "acknowledged", by=BUYER, said="in stock, five days", promised_at=due)

    assert (after.state, after.promised_at) == ("acknowledged", due)
    assert (await orders.messages(order.id))[-1].summary == f"{BUYER.name}: in stock, five days"


async def test_a_mail_server_that_is_busy_is_tried_again_and_one_that_knows_no_such_address_is_believed(company):
    async with mail_server() as box:
        order = await approved()
        box.refusals = ["450 mailbox busy", "550 no such user"]
        with pytest.raises(RetryRequested):
            await on_place_order(jobs.PlaceOrder(order.id), working(box))
        await on_place_order(jobs.PlaceOrder(order.id), working(box))

    after = await orders.order_view(order.id)
    assert after.state == "refused"
    assert "no such user" in after.problem


@pytest.mark.parametrize("there", [False, True])
async def test_without_a_mail_server_the_order_waits(company, there):
    order = await approved()
    work = working(None)
    if there:
        nobody = MailBox()
        nobody.port = free_port()
        work = working(nobody)
    with pytest.raises(RetryRequested):
        await on_place_order(jobs.PlaceOrder(order.id), work)

    assert (await orders.order_view(order.id)).state == "approved"


async def test_a_change_goes_by_mail_and_waits_for_the_reply(company):
    async with mail_server() as box:
        order = await approved()
        await on_place_order(jobs.PlaceOrder(order.id), working(box))
        change = await changes.change_order(
            order.id, [ChangedLine(part_number=DRIVE, quantity=1)], by=BUYER, reason="less"
        )
        await on_tell_change(jobs.TellChange(change.id), working(box))

    (paper,) = box.mails[1].iter_attachments()
    assert "v2" in box.mails[1]["Subject"]
    assert "less" in text_of(paper.get_payload(decode=True))
    assert (await changes.change_view(change.id)).state == "asked"
    await desk_by_hand.record(order.id, "change_confirmed", by=BUYER, said="fine", version=2)
    assert (await orders.order_view(order.id)).lines[0].quantity == 1
