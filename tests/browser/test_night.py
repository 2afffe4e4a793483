"""Work with a phone in hand: picking and signing, and a night without a network."""

from inventory.ground import db
from inventory.places import bins
from inventory.places.bins import NewBin
from inventory.stock import placing, provisional, shipments, units
from inventory.stock.counting import closing, sheets
from tests.browser.test_pages import asked_for
from tests.world import AUDITOR, DRIVE, FAN, KEEPER, SETUP


async def kept(person) -> None:
    """Wait until the phone has kept the page."""
    await person.page.wait_for_selector("html[data-kept]")
    await person.until("navigator.serviceWorker.controller !== null")
    await person.page.wait_for_selector("option[value=GZ]", state="attached")


async def scans(person, code: str) -> None:
    await person.page.fill("#take-code", code)
    await person.page.click("form:not([hidden]) [type=submit]")
    await person.until("document.querySelector('#take-code').value === ''")


async def taken() -> dict[str, str]:
    found = await provisional.provisional_issues(limit=50, seen_by=AUDITOR)
    return {issue.code: issue.state for issue in found}


async def test_a_keeper_picks_by_scan_and_the_engineer_signs_on_the_screen(people):
    address = await asked_for(DRIVE)
    keeper = await people("warehouse_keeper", depot="GZ", phone=True)
    await keeper.open("/picks")
    await keeper.page.click("text=拣选所选单据")
    await keeper.page.fill("#code", "ZL2-0003")
    await keeper.page.keyboard.press("Enter")
    await keeper.sees_state("已拣齐")
    assert await keeper.page.evaluate("document.documentElement.scrollWidth") == 390
    await keeper.page.click("button:has-text('装箱发运')")
    await keeper.page.select_option("dialog[open] [name=mode]", "same_city_courier")
    await keeper.page.fill("dialog[open] [name=waybill]", "SS-7")
    await keeper.page.click("dialog[open] [type=submit]")
    await keeper.sees_state("已出库")

    engineer = await people("engineer", phone=True)
    await engineer.open("/shipments")
    await engineer.page.click("td.title a")
    await engineer.page.click("[data-opens=hand-over]")
    await engineer.page.fill("dialog[open] [name=to]", "王工")
    pad = await engineer.page.locator("canvas").bounding_box()
    mouse = engineer.page.mouse
    await mouse.move(pad["x"] + 20, pad["y"] + 20)
    await mouse.down()
    await mouse.move(pad["x"] + 120, pad["y"] + 60, steps=4)
    await mouse.up()
    await engineer.page.click("dialog[open] [type=submit]")
    await engineer.sees_state("已签收")

    await engineer.page.locator(".signature img").wait_for()
    await engineer.until("document.querySelector('.signature img').naturalWidth > 0")
    (found,) = await shipments.shipments(limit=2, seen_by=AUDITOR)
    assert (found.mode, found.waybill, found.handed_to) == ("same_city_courier", "SS-7", "王工")
    await engineer.open(address)
    await engineer.sees("ZL2-0003")


async def test_what_was_scanned_without_a_network_is_sent_once_there_is_one(people):
    engineer = await people("engineer", depot="GZ", phone=True)
    engineer.offline_expected = True
    page = engineer.page
    await engineer.open("/scan")
    await kept(engineer)
    await page.context.set_offline(True)
    for code in ("ZL2-0001", FAN, "NEVER-SEEN"):
        await scans(engineer, code)
    await engineer.sees("3 条待发送")
    await page.reload()  # the phone keeps the page and what was scanned

    await engineer.sees("3 条待发送")
    assert await taken() == {}
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    await page.context.set_offline(False)
    await engineer.sees("没有待发送的记录")
    assert await taken() == {"ZL2-0001": "open", FAN: "open", "NEVER-SEEN": "conflict"}
    assert await page.locator(".queued.done").count() == 2
    conflict = page.locator(".queued.conflict")
    assert "台账中没有这个编号" in await conflict.inner_text()
    await page.reload()
    await conflict.wait_for()  # it stays until somebody has seen it
    await conflict.get_by_text("已知悉").click()
    await conflict.wait_for(state="detached")


async def test_what_is_handed_in_and_put_away_without_a_network_is_booked_later(people):
    await bins.enter_bins([NewBin(place="GZ", code="A-01")], by=SETUP)
    keeper = await people("warehouse_keeper", depot="GZ", phone=True)
    keeper.offline_expected = True
    page = keeper.page
    await keeper.open("/scan")
    await kept(keeper)
    await page.context.set_offline(True)
    await page.click("[data-kind-tab=hand_in]")
    await page.fill("#hand_in-serial", "FOUND-1")
    await page.fill("#hand_in-what", DRIVE)
    await page.click("form:not([hidden]) [type=submit]")
    await keeper.sees("1 条待发送")
    await page.click("[data-kind-tab=put_away]")
    await page.fill("#put_away-part_number", FAN)
    await page.fill("#put_away-to_bin", "A-01")
    await page.fill("#put_away-quantity", "4")
    await page.click("form:not([hidden]) [type=submit]")
    await keeper.sees("2 条待发送")
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    await page.context.set_offline(False)

    await keeper.sees("没有待发送的记录")
    handed = await units.unit("FOUND-1", seen_by=AUDITOR)
    assert (handed.place, handed.part_number) == ("GZ", DRIVE)
    assert handed.tag in await page.locator(".queued.done").last.inner_text()
    lying = await placing.bin_content("GZ", "A-01", seen_by=AUDITOR)
    assert [(piece.part_number, piece.quantity) for piece in lying] == [(FAN, 4)]


async def test_a_count_without_a_network_goes_by_the_number_on_its_sheet(people):
    sheet = await sheets.draw_up("GZ", "recount", part_number=FAN, by=KEEPER)
    keeper = await people("warehouse_keeper", depot="GZ", phone=True)
    keeper.refusals_expected = keeper.offline_expected = True
    page = keeper.page
    await keeper.open("/scan")
    await kept(keeper)
    await page.context.set_offline(True)
    await page.click("[data-kind-tab=count]")
    await page.fill("#count-count", sheet.number.lower())
    await page.fill("#count-part_number", FAN)
    await page.click("form:not([hidden]) [type=submit]")
    await keeper.sees("1 条待发送")
    await page.fill("#count-part_number", FAN)
    await page.fill("#count-quantity", "9")
    assert await page.input_value("#count-count") == sheet.number.lower()  # it stays for the next line
    await page.click("form:not([hidden]) [type=submit]")
    await keeper.sees("2 条待发送")
    await page.context.set_offline(False)

    await page.locator(".queued.refused", has_text="数量").wait_for()  # the first said no quantity
    await page.locator(".queued.done").wait_for()
    (line,) = await closing.lines(sheet.id, seen_by=AUDITOR)
    assert (line.counted, line.counted_by) == (9, keeper.username)


async def test_two_tabs_and_a_second_send_record_once(people):
    engineer = await people("engineer", depot="GZ", phone=True)
    engineer.offline_expected = True
    page = engineer.page
    await engineer.open("/scan")
    await kept(engineer)
    second = await page.context.new_page()
    await second.goto(f"{engineer.url}/scan")
    await second.wait_for_selector("html[data-kept]")
    await page.context.set_offline(True)
    await scans(engineer, "ZL2-0002")
    await second.get_by_text("1 条待发送").wait_for()
    await page.context.set_offline(False)
    await engineer.sees("没有待发送的记录")
    # as if the answer had been lost on its way: the phone does not know that the service has recorded it
    await page.evaluate(
        """new Promise((done) => {
             const opening = indexedDB.open("beijian-scan");
             opening.onsuccess = () => {
               const store = opening.result.transaction("act", "readwrite").objectStore("act"), all = store.getAll();
               all.onsuccess = () => store.put({...all.result[0], state: "waiting"});
               store.transaction.oncomplete = done;
             };
           })"""
    )
    await page.reload()
    await engineer.sees("没有待发送的记录")

    assert await db.fetch_value("SELECT count(*) FROM provisional_issue") == 1
    assert (await units.unit("ZL2-0002", seen_by=AUDITOR)).place == "UNPAPERED"


async def test_a_refusal_is_told_in_words_and_kept_until_it_was_seen(people):
    engineer = await people("engineer", depot="GZ", phone=True)
    engineer.refusals_expected = engineer.offline_expected = True
    page = engineer.page
    await engineer.open("/scan")
    await kept(engineer)
    await page.context.set_offline(True)
    await scans(engineer, "ZL2-0001")
    await db.execute("DELETE FROM role_grant")
    await page.context.set_offline(False)

    refused = page.locator(".queued.refused")
    await refused.wait_for()
    assert "权限" in await refused.inner_text()
    await page.reload()
    await refused.wait_for()
    assert await taken() == {}


async def test_whoever_is_signed_out_keeps_what_he_scanned(people):
    engineer = await people("engineer", depot="GZ", phone=True)
    page = engineer.page
    await engineer.open("/scan")
    await kept(engineer)
    await page.context.clear_cookies()
    await scans(engineer, "ZL2-0001")
    await engineer.sees("未登录：记录保存在本机")
    await engineer.sees("1 条待发送")

    await page.click("#scan-sign-in")
    await page.fill("#username", engineer.username)
    await page.fill("#password", "a-long-enough-word")
    await page.click("main [type=submit]")
    await page.wait_for_url("**/scan")
    await engineer.sees("没有待发送的记录")
    assert await taken() == {"ZL2-0001": "open"}
