"""The dock in a real browser: a phone, a scanner that types, and pages that fit."""

import asyncio

from playwright.async_api import Route

from inventory.places import bins
from inventory.stock import handing_in, receipts
from tests.integration.pages.test_receiving import announced
from tests.world import AUDITOR, FAN, KEEPER, SETUP


async def test_a_delivery_is_scanned_in_and_put_away_on_a_phone(people):
    number = await announced()
    await bins.enter_bins([bins.NewBin(place="GZ", code="A-01-1")], by=SETUP)
    keeper = await people("warehouse_keeper", depot="GZ", phone=True)
    page = keeper.page
    await keeper.open(f"/receiving/{number}")

    for place, scan in enumerate(("A-1", "A-2", "ZL2-0001")):  # a scanner types, ends with Enter, and goes on
        await page.keyboard.type(scan)
        await page.keyboard.press("Enter")
        await page.locator(".scanned > li").nth(place).wait_for()
        assert await page.evaluate("document.activeElement.id") == "scan"
    await keeper.sees("序列号重复")
    await page.fill("[name=count]", "3")
    keeper.refusals_expected = True
    await page.click("text=确认入库")
    await keeper.sees("未说明原因")
    await page.fill("[name=why]", "标签贴错")
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    await page.click("text=确认入库")
    await page.wait_for_url("**/receipts/GR-*")
    await keeper.sees("标签贴错")

    await page.click("#page >> text=上架")
    await page.fill("#piece", "A-1")
    await page.fill("#bin", "A-01-1")
    await page.keyboard.press("Enter")
    await keeper.sees("A-1 → A-01-1")
    (receipt,) = await receipts.receipts(limit=2, seen_by=AUDITOR)
    assert {line.difference for line in receipt.lines} == {None, "duplicate_serial"}


async def test_a_scanner_faster_than_the_service_loses_nothing_and_counts_nothing_twice(people):
    """The answers come while the next code is half typed, and Enter is pressed once too often."""
    number = await announced()
    keeper = await people("warehouse_keeper", depot="GZ")
    page, held = keeper.page, asyncio.Queue[Route]()
    await keeper.open(f"/receiving/{number}")
    await keeper.until("document.activeElement.id === 'scan'")
    await page.route("**/scan", held.put)

    async def scanned(text: str) -> None:
        await page.keyboard.type(text)
        await page.keyboard.press("Enter")

    await scanned("A-1")
    first = await held.get()
    await page.keyboard.press("Enter")
    await scanned("A-2")
    await page.keyboard.type(FAN[:3])
    await first.continue_()
    await (await held.get()).continue_()  # the second goes by itself, and its answer comes before another key
    await page.locator(".scanned > li").nth(1).wait_for()
    await scanned(FAN[3:])
    await (await held.get()).continue_()

    await keeper.until("document.querySelector('[name=count]').value === '1'")
    assert await page.locator(".scanned > li .code").all_inner_texts() == ["A-2", "A-1"]


async def test_the_docks_pages_fit_a_phone(people):
    number = await announced()
    await bins.enter_bins([bins.NewBin(place="GZ", code="A-01-1")], by=SETUP)
    unit = await handing_in.hand_in("GZ", "灰色电源模块，标签已磨损", by=KEEPER, note="夜间送达前台")
    receipt = await receipts.receive(
        "GZ", [receipts.Incoming(part_number=FAN, quantity=2)], by=KEEPER, origin="V-DISTI"
    )
    keeper = await people("warehouse_keeper", depot="GZ", phone=True)

    for path in (
        *("/receiving", f"/receiving/{number}", "/receipts", f"/receipts/{receipt.number}"),
        *("/bins", "/bins/GZ/A-01-1", "/put-away", "/conditions"),
        f"/conditions/judge?depot=GZ&part=UNIDENTIFIED&condition=unknown&piece={unit.tag}",
    ):
        await keeper.open(path)
        assert await keeper.page.evaluate("document.documentElement.scrollWidth") == 390, path
