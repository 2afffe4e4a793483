"""In-hand parts on a phone, and a statement shared with whoever holds its link, in a real browser."""

from inventory.ground import db
from inventory.stock import handovers, keeping, reservations
from inventory.stock.handovers import Item
from tests.world import DISPATCHER, DRIVE, FAN, KEEPER, PSU, SETUP


async def test_an_engineer_accepts_and_uses_a_part_on_a_phone(people):
    engineer = await people("engineer", phone=True)
    await keeping.set_up_stock(engineer.username, by=DISPATCHER)
    await handovers.give("GZ", engineer.username, [Item(part_number=DRIVE, serials=["ZL2-0002"])], by=KEEPER)

    await engineer.open("/my-parts")
    await engineer.sees("待您接收")
    await engineer.page.click("text=接收 >> nth=-1")
    await engineer.page.locator(".in-hand a.badge", has_text="ZL2-0002").wait_for()
    assert await engineer.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await engineer.does("issue", codes="ZL2-0002", to="BANK-GZ", reference="INC-7")
    await engineer.sees("您手中没有备件。")

    assert await db.fetch_value(
        "SELECT place.code FROM unit JOIN place ON place.id = place WHERE serial = 'ZL2-0002'"
    ) == ("BANK-GZ")


async def test_a_refused_take_over_is_told_in_its_dialog(people):
    held = await reservations.reserve(FAN, "GZ", 2, by=KEEPER, priority_class="planned")
    dispatcher = await people("dispatcher")
    dispatcher.refusals_expected = True

    await dispatcher.open(f"/reservations/{held.id}")
    await reservations.void_reservation(held.id, by=KEEPER)
    await dispatcher.does("take-over", reference="EC-1", reason="the network is down")

    await dispatcher.page.locator("dialog[open] .refusal, dialog[open] [role=alert]").first.wait_for()
    assert await reservations.reservations(limit=5, seen_by=SETUP, state="taken_over") == []


async def test_a_shared_statement_is_read_without_signing_in_and_prints(people, browser):
    manager = await people("project_manager")
    await manager.open("/contracts/C-TELCO/statement")
    await manager.does("share", remark="检查员")
    link = await manager.page.locator(".shared-link input").input_value()
    context = await browser.new_context(locale="zh-CN", viewport={"width": 390, "height": 844})
    page = await context.new_page()

    await page.goto(link)

    assert PSU in await page.locator("table").last.inner_text()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.emulate_media(media="print")
    assert not await page.locator("[data-prints]").is_visible()
    await context.close()
