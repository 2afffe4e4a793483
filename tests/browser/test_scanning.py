"""Scanning in a real browser: a wedge that types, a camera that sees a label we printed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from api.papers import labels
from inventory.catalogue.parts import PartName
from inventory.stock import tags, transfers, units
from inventory.stock.transfers import TransferItem
from tests.browser.conftest import QUIET, chromium
from tests.browser.test_pages import asked_for
from tests.integration.procurement.test_orders import placed
from tests.world import DRIVE, FAN, KEEPER, PSU, SETUP

WIDE, HIGH = 640, 480


async def a_draft() -> transfers.TransferView:
    return await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=DRIVE, quantity=2)], by=KEEPER)


async def scan(page: Page, text: str) -> None:
    """What a keyboard-wedge scanner does: type quickly, then press Enter."""
    await page.keyboard.type(text)
    await page.keyboard.press("Enter")


async def told(page: Page, words: str) -> None:
    await page.locator("dialog[open] .scan-told", has_text=words).first.wait_for()


async def test_a_wedge_fills_the_serials_of_a_transfer(people):
    tagged = await tags.assign("ZL2-0003", by=KEEPER)
    draft = await a_draft()
    keeper = await people("warehouse_keeper", depot="GZ")
    keeper.refusals_expected = True
    page = keeper.page
    await keeper.open(f"/transfers/{draft.id}")
    await page.click("[data-opens=ship]")
    await page.focus("#serials")

    await scan(page, "ZL2-0001")
    await scan(page, tagged.tag)  # our tag stands for its serial
    await told(page, "ZL2-0003 · 已扫描 2 个")
    await scan(page, "ZL2-0001")
    await told(page, "ZL2-0001 已扫描过")
    await scan(page, PSU)
    await told(page, "这是备件编号")

    assert await page.input_value("#serials") == "ZL2-0001\nZL2-0003\n"
    assert await page.locator("dialog[open]#ship").count() == 1  # Enter sent nothing
    await page.click("dialog[open] [type=submit]")
    await keeper.sees_state("在途")
    assert [(await units.unit(serial, seen_by=SETUP)).place for serial in ("ZL2-0001", "ZL2-0003")] == ["TRANSIT"] * 2


async def test_a_makers_label_gives_its_serial_and_warns_of_another_part(people):
    order = await placed((DRIVE, 2), (FAN, 1))
    keeper = await people("warehouse_keeper", depot="GZ", language="en-GB")
    page = keeper.page
    await keeper.open(f"/orders/{order.id}")
    await page.click("[data-opens=receive]")
    field = page.locator("dialog[open] textarea")
    await field.focus()

    # a wedge sends the separators as control keys
    for key in ("[)>", "Control+^", "06", "Control+]", f"1P{DRIVE}", "Control+]", "SNEW-77", "Control+^", "Control+d"):
        await (page.keyboard.press(key) if key.startswith("Control") else page.keyboard.type(key))
    await page.keyboard.press("Enter")
    await told(page, "NEW-77 · 1 scanned")
    await scan(page, "SN:NEW-78;PN:0YT39Y")
    await told(page, "careful: it is a PSU-750")

    assert await field.input_value() == "NEW-77\nNEW-78\n"
    assert await page.locator(".scan-wrong").count() == 1


async def test_the_search_takes_what_a_scanner_sends(people):
    tagged = await tags.assign("ZL2-0003", by=KEEPER)
    keeper = await people("warehouse_keeper", depot="GZ")

    await keeper.open("/")
    await keeper.page.focus("[name=q]")
    await scan(keeper.page, tagged.tag)

    await keeper.page.wait_for_url(f"**/units/{tagged.tag}")
    assert await keeper.page.locator("h1").inner_text() == "ZL2-0003"


async def test_a_unit_gets_a_tag_and_its_label(people):
    keeper = await people("warehouse_keeper", depot="GZ", phone=True)
    page = keeper.page
    await keeper.open("/units/ZL2-0002")

    await keeper.does("tag")
    await page.locator("#page .code", has_text="BJ0000").wait_for()
    await page.click("text=打印标签")
    await page.select_option("#size", "50x30")
    await page.click("main [type=submit]")
    await page.locator("img.preview").wait_for()

    tag = (await units.unit("ZL2-0002", seen_by=KEEPER)).tag
    assert await page.input_value("#codes") == tag
    assert await page.evaluate("document.querySelector('img.preview').naturalWidth") > 300
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    async with page.context.expect_page() as opened:
        await page.click("text=打印 1 张标签")
    assert "/api/v1/labels?kind=unit" in (await opened.value).url


def film(label: labels.Label, path: Path) -> None:
    """A film of one picture: the label held before the camera (YUV4MPEG2, grey)."""
    pdf = labels.pdf(labels.Sheet(size="60x40", labels=[label], printed_at=datetime(2026, 1, 1, tzinfo=UTC)))
    page = pypdfium2.PdfDocument(pdf)[0]
    grey = page.render(scale=540 / page.get_width()).to_numpy()[:, :, 0]
    picture = np.full((HIGH, WIDE), 255, np.uint8)
    top, left = (HIGH - grey.shape[0]) // 2, (WIDE - grey.shape[1]) // 2
    picture[top : top + grey.shape[0], left : left + grey.shape[1]] = grey
    colours = np.full(WIDE * HIGH // 2, 128, np.uint8)
    frame = b"FRAME\n" + picture.tobytes() + colours.tobytes()
    path.write_bytes(f"YUV4MPEG2 W{WIDE} H{HIGH} F10:1 Ip A1:1 C420jpeg\n".encode() + frame * 3)


@pytest.fixture
async def filmed(browser: Browser, tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser whose camera sees the label of ZL2-0003."""
    tag = await tags.assign("ZL2-0003", by=KEEPER)
    part = PartName(part_number=DRIVE, name_zh="12TB 硬盘", name_en="12 TB drive", serialised=True)
    film(labels.of_unit(tag, part), tmp_path / "label.y4m")
    arguments = (
        *QUIET,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={tmp_path / 'label.y4m'}",
    )
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium(), args=list(arguments))
        yield started
        await started.close()


async def by_camera(seeing: Browser, person) -> tuple[BrowserContext, Page]:
    """The same person before a browser with a camera; complaints go to the same list."""
    context = await seeing.new_context(locale="zh-CN", viewport={"width": 390, "height": 844})
    await context.add_cookies(await person.page.context.cookies())
    page = await context.new_page()
    page.on("console", person._hear)
    page.on("pageerror", lambda error: person.complaints.append(str(error)))
    page.on("request", lambda request: person._watch(request.url))
    return context, page


async def test_a_camera_reads_the_label_we_print(own_company, filmed, people):
    draft = await a_draft()
    keeper = await people("warehouse_keeper", depot="GZ")
    context, page = await by_camera(filmed, keeper)
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    await page.goto(f"{keeper.url}/transfers/{draft.id}")
    await page.click("[data-opens=ship]")
    assert not [url for url in loaded if "zxing" in url]

    await page.click("dialog[open] [data-scan-camera]")
    await page.locator("#scan-dialog .scan-told", has_text="ZL2-0003").wait_for()
    await page.click("#scan-dialog footer [data-closes]")

    assert await page.input_value("#serials") == "ZL2-0003\n"
    assert [url for url in loaded if "zxing" in url]
    assert await page.evaluate("document.querySelector('#scan-dialog video').srcObject") is None
    await context.close()


async def test_a_camera_finds_a_unit_from_the_search(own_company, filmed, people):
    keeper = await people("warehouse_keeper", depot="GZ")
    context, page = await by_camera(filmed, keeper)
    await page.goto(f"{keeper.url}/stock")

    await page.click(".top-search [data-scan-camera]")

    await page.wait_for_url("**/units/BJ*")
    assert await page.locator("h1").inner_text() == "ZL2-0003"
    await context.close()


async def test_a_camera_picks_what_it_sees(own_company, filmed, people):
    await asked_for(DRIVE)
    keeper = await people("warehouse_keeper", depot="GZ")
    context, page = await by_camera(filmed, keeper)
    await page.goto(f"{keeper.url}/picks")
    await page.click("text=拣选所选单据")

    await page.click(".scan-card [data-scan-camera]")

    await page.locator(".head-actions .badge", has_text="已拣齐").wait_for()
    assert await page.locator("dialog[open]").count() == 0
    assert "ZL2-0003" in await page.locator(".pick.picked").inner_text()
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    await context.close()


async def test_a_camera_takes_a_part_without_a_network(own_company, filmed, people):
    engineer = await people("engineer", depot="GZ")
    engineer.offline_expected = True
    context, page = await by_camera(filmed, engineer)
    await page.goto(f"{engineer.url}/scan")
    await page.wait_for_selector("html[data-kept]")
    await page.wait_for_selector("option[value=GZ]", state="attached")
    await page.reload()  # from here on the phone has all it needs
    await page.wait_for_selector("html[data-kept]")
    await context.set_offline(True)

    await page.click("form:not([hidden]) [data-scan-camera] >> nth=0")

    await page.get_by_text("1 条待发送").wait_for()
    assert await page.locator("dialog[open]").count() == 0
    assert (await units.unit("ZL2-0003", seen_by=SETUP)).place == "GZ"
    await context.set_offline(False)
    await page.locator(".queued.done").wait_for()
    assert (await units.unit("ZL2-0003", seen_by=SETUP)).place == "UNPAPERED"
    await context.close()
