"""An order's whole life in a real browser: proposed, approved by a second person, confirmed and announced by its vendor."""

from datetime import timedelta
from decimal import Decimal

from inventory.ground import clock
from inventory.procurement import orders, replenishment
from inventory.procurement.policy import PurchasePolicy, put_in_force
from inventory.stock import levels
from tests.integration.procurement.test_replenishment import bundled, short_of
from tests.world import AUDITOR, DRIVE, FAN, MANAGER, SETUP, offers_too


async def test_what_a_store_lacks_is_ordered_confirmed_announced_and_taken_in(people):
    await put_in_force(PurchasePolicy(four_eyes_above_cny=Decimal(1)), by=MANAGER)
    await short_of(DRIVE, 2, average=100)
    before = (await levels.level(DRIVE, "GZ", "common", seen_by=AUDITOR)).on_hand
    await replenishment.propose()
    await bundled()
    buyer, second = await people("buyer"), await people("buyer", language="en-GB", phone=True)

    await buyer.open("/replenishment")
    await buyer.page.click("a.code[href^='/replenishment/']")
    await buyer.sees("库存位置构成")
    await buyer.does("accept")
    await buyer.page.wait_for_url("**/orders/*")
    buyer.refusals_expected = True
    await buyer.does("approve")
    await buyer.sees("以外的人审批")
    await second.open(buyer.page.url.removeprefix(buyer.url))
    await second.fits()
    await second.does("approve")
    await second.sees_state("approved")

    (order,) = await orders.orders(limit=2, seen_by=AUDITOR)
    assert (order.created_by, order.approved_by) == (buyer.username, second.username)
    await orders.record_placed(order.id, by=SETUP)
    vendor = await people("vendor", vendor=order.vendor, phone=True)
    await vendor.open("/vendor-orders")
    await vendor.page.click(f"a[href='/vendor-orders/{order.number}']")
    soon = f"{(clock.now() + timedelta(days=2)).astimezone(clock.ZONE):%Y-%m-%dT%H:%M}"
    await vendor.page.click("[data-opens=promise]")
    await vendor.page.fill("dialog[open] [name=promised_at]", soon)
    await vendor.page.click("dialog[open] [type=submit]")
    await vendor.sees_state("供应商已确认")
    await vendor.fits()
    await vendor.page.click(f"a[href^='/advance-shipping-notices/new?order={order.number}']")
    await vendor.page.fill("[name=serials]", "EX-1\nEX-2")
    await vendor.page.fill("[name=due_at]", soon)
    await vendor.fits()
    await vendor.page.click("main [type=submit] >> nth=-1")
    await vendor.page.wait_for_url("**/advance-shipping-notices/ASN-*")

    keeper = await people("warehouse_keeper", depot="GZ", phone=True)
    await keeper.open(f"/receiving/{vendor.page.url.rsplit('/', 1)[-1]}")
    for place, serial in enumerate(("EX-1", "EX-2")):
        await keeper.page.keyboard.type(serial)
        await keeper.page.keyboard.press("Enter")
        await keeper.page.locator(".scanned > li").nth(place).wait_for()
    await keeper.page.click("text=确认入库")
    await keeper.page.wait_for_url("**/receipts/GR-*")

    await buyer.open(f"/orders/{order.id}")
    await buyer.sees_state("已入库")
    await vendor.open(f"/vendor-orders/{order.number}")
    await vendor.sees_state("已入库")
    assert (await levels.level(DRIVE, "GZ", "common", seen_by=AUDITOR)).on_hand == before + 2


async def test_an_order_is_drafted_by_hand_with_the_offers_in_view(people):
    await offers_too("DISTI", FAN, framework_number="FA-2026-017", minimum_quantity=5, lot_size=5)
    buyer = await people("buyer", phone=True)
    page = buyer.page

    await buyer.open("/vendors/DISTI")
    await page.click("a[href='/orders/new?vendor=DISTI']")
    await page.fill("[name=part_number]", FAN)
    await page.fill("[name=quantity]", "4")
    await page.locator("[name=quantity] >> nth=0").blur()
    await buyer.sees("4 件不符合报价")
    await buyer.sees("FA-2026-017")
    await buyer.fits()
    buyer.refusals_expected = True
    await page.select_option("[name=ship_to]", "GZ")
    await page.click("main [type=submit] >> nth=-1")
    await buyer.sees("按 5 的整数倍")
    await page.fill("[name=quantity]", "10")
    await page.locator("[name=quantity] >> nth=0").blur()
    await buyer.sees("¥2,500.00")
    await page.click("main [type=submit] >> nth=-1")
    await buyer.sees_state("草稿")
    await buyer.sees("FA-2026-017")
    await buyer.fits()
    (order,) = await orders.orders(limit=2, seen_by=AUDITOR)
    assert (order.created_by, order.total_cny, order.lines[0].framework_number) == (buyer.username, 2500, "FA-2026-017")
