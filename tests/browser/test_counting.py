"""Counting in a real browser: a scanner on a phone, bin after bin, until the books are mended."""

import pytest

from inventory.places import bins
from inventory.places.bins import NewBin
from inventory.stock import levels, placing
from inventory.stock.counting import sheets
from inventory.stock.pieces import Pieces
from tests.world import AUDITOR, DRIVE, FAN, KEEPER, PSU, SETUP


@pytest.fixture
async def sheet(own_company):
    await bins.enter_bins([NewBin(place="GZ", code=code) for code in ("A-01", "A-02")], by=SETUP)
    await placing.put_away(Pieces("GZ", FAN, quantity=10), "A-01", by=KEEPER)
    await placing.put_away(Pieces("GZ", PSU, quantity=6), "A-01", by=KEEPER)
    await placing.put_away(Pieces("GZ", DRIVE, serials=[f"ZL2-{n:04d}" for n in range(5)]), "A-02", by=KEEPER)
    return await sheets.draw_up("GZ", "surprise", by=KEEPER, seed="browser", bins_to_draw=2)


async def test_a_keeper_counts_with_a_scanner_and_posts(sheet, people):
    keeper = await people("warehouse_keeper", depot="GZ", phone=True)
    page = keeper.page

    async def scans(*codes: str) -> None:
        for code in codes:
            await page.fill("#scan", code)
            await page.keyboard.press("Enter")

    await keeper.open(f"/counts/{sheet.id}/bin?bin=A-01")
    await scans(FAN, FAN.lower(), FAN)
    assert await page.input_value("#quantity-0") == "3"
    await page.fill("#quantity-0", "9")
    await scans(*[PSU] * 6)
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    await page.click("text=登记并前往下一库位")
    await page.wait_for_url("**/bin?bin=A-02")
    await scans("ZL2-0000", "ZL2-0001", "ZL2-0001", "ZL2-0002", "ZL2-0003", "ZL2-0004")
    assert await page.locator(".tally").inner_text() == "5"
    await page.click("text=登记并前往下一库位")

    await keeper.sees("盘点 9，账面 10")
    await keeper.does("finish")
    await keeper.sees_state("待过账")
    await page.fill("[name=reason][aria-label]", "碎裂报废")
    await page.click("text=提交原因")
    await keeper.sees("碎裂报废")
    await keeper.does("post")
    await keeper.sees_state("已过账")
    assert (await levels.level(FAN, "GZ", "common", seen_by=AUDITOR)).on_hand == 9


async def test_a_code_that_no_line_has_is_said_and_entered_below(sheet, people):
    keeper = await people("warehouse_keeper", depot="GZ", phone=True)
    await keeper.open(f"/counts/{sheet.id}/bin?bin=A-01")
    await keeper.page.fill("#scan", "SOMETHING-ELSE")
    await keeper.page.keyboard.press("Enter")

    await keeper.sees("不在盘点单内")
    assert await keeper.page.locator("#more_part").is_visible()


async def test_the_ledger_and_the_past_fit_a_phone(sheet, people):
    keeper = await people("warehouse_keeper", depot="GZ", phone=True, color_scheme="dark")
    for path in (
        *("/counts", f"/counts/{sheet.id}", f"/counts/{sheet.id}/bin?bin=A-02", "/movements", "/units"),
        *("/units/ZL2-0001", "/stock/as-of", "/stock/as-of?what=units", "/stock/as-of?what=bins"),
    ):
        await keeper.open(path)
        assert await keeper.page.evaluate("document.documentElement.scrollWidth") == 390, path
