"""One day in a warehouse, from the first delivery to the last scan, at the pages and with a scanner that types.

A wrong serial comes, a transfer and a request go, stock moves while it is counted, and the network fails at night: when the
day ends, the ledger agrees with what happened.
"""

import os
from datetime import timedelta
from decimal import Decimal

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import clock
from inventory.places import bins
from inventory.places.bins import NewBin
from inventory.procurement import announcing
from inventory.stock import codes, levels, placing, provisional, receipts, shipments, tags, transfers, units
from inventory.stock.counting import policy, sheets
from inventory.stock.notices import NewNoticeLine
from inventory.stock.pieces import Pieces
from inventory.stock.transfers import TransferItem
from tests.browser.conftest import Person
from tests.browser.test_night import kept
from tests.integration.procurement.test_deliveries import VENDOR
from tests.integration.procurement.test_orders import placed
from tests.world import AUDITOR, DRIVE, FAN, KEEPER, PSU, SETUP, SUPERVISOR

WIDTHS = ("phone", "desktop") if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else ("phone",)
"""The wide screen comes by night: its pages are the same, and every piece of the day has a test of its own."""

DRIVES = [f"ZL2-{number:04d}" for number in range(5)]


async def the_evening_before() -> tuple[str, str]:
    """Everything lies in its bin, a delivery is announced, a transfer is drafted; the numbers of the two."""
    await bins.enter_bins([NewBin(place="GZ", code=code) for code in ("A-01", "A-02", "A-03")], by=SETUP)
    await placing.put_away(Pieces("GZ", FAN, quantity=10), "A-01", by=KEEPER)
    await placing.put_away(Pieces("GZ", DRIVE, serials=DRIVES), "A-02", by=KEEPER)
    await policy.put_in_force(policy.CountPolicy(four_eyes_above_cny=Decimal(500)), by=SUPERVISOR)
    order = await placed((DRIVE, 2), (FAN, 3))
    notice = await announcing.announce_order(
        order.number,
        [
            NewNoticeLine(part_number=DRIVE, quantity=2, serials=["A-1", "A-2"]),
            NewNoticeLine(part_number=FAN, quantity=3),
        ],
        by=VENDOR,
        due_at=clock.now() + timedelta(hours=3),
        waybill="SF-77",
    )
    items = [TransferItem(part_number=DRIVE, quantity=1), TransferItem(part_number=FAN, quantity=2)]
    return notice.number, (await transfers.draft_transfer("GZ", "SH", items, by=KEEPER)).number


async def goes_to(person: Person, address: str) -> None:
    """Choose from the menu, wherever it stands."""
    page = person.page
    if page.url == "about:blank":  # the day begins at the overview
        await person.open("/")
    if page.url.endswith("/scan"):  # kept by the phone as it is: its name leads back to everything else
        await page.click(".plain-brand")
        await page.wait_for_url(f"{person.url}/")
    if await page.locator(".menu").is_visible():
        await page.click(f".menu a[href='{address}']")
    elif await page.locator(f".bar a[href='{address}']").count():
        await page.click(f".bar a[href='{address}']")
    else:
        await page.click(".bar button")
        await page.click(f"#everything a[href='{address}']")
    await page.wait_for_url(f"**{address}")
    await person.fits()


async def scans(person: Person, *texts: str) -> None:
    """Scan one label after the other, as fast as a scanner types."""
    for text in texts:
        await person.page.keyboard.type(text)
        await person.page.keyboard.press("Enter")


async def a_delivery_comes(keeper: Person, notice: str) -> None:
    """One drive is not the one that was announced: it is taken in all the same, apart, and with its reason."""
    page = keeper.page
    await goes_to(keeper, "/receiving")
    await page.click(f"text={notice}")
    await keeper.until("document.activeElement.id === 'scan'")

    await scans(keeper, "A-1", f"SN:A-9;PN:{DRIVE}", *[codes.part_code(FAN)] * 3)

    await keeper.until("document.querySelector('[name=count]').value === '3'")
    await keeper.sees("序列号不符")
    await keeper.fits()
    keeper.refusals_expected = True
    await page.click("text=确认入库")
    await keeper.sees("未说明原因")
    await page.fill("[name=why]", "供应商贴错标签")
    await page.click("text=确认入库")
    await page.wait_for_url("**/receipts/GR-*")
    await keeper.sees("供应商贴错标签")
    await keeper.fits()
    (receipt, *_) = await receipts.receipts(limit=1, seen_by=AUDITOR)
    assert {(line.part_number, line.difference, line.condition, line.quantity) for line in receipt.lines} == {
        (DRIVE, None, "good", 1),
        (DRIVE, "wrong_serial", "quarantine", 1),
        (FAN, None, "good", 3),
    }


async def it_is_put_away(keeper: Person) -> None:
    page = keeper.page
    await page.click("#page >> text=上架")
    await keeper.until("document.activeElement.id === 'piece'")
    await scans(keeper, "A-1")
    await keeper.until("document.activeElement.id === 'bin'")
    await scans(keeper, codes.bin_code("SH", "A-03"))  # a label from another store is refused
    await keeper.page.locator(".alert-danger").wait_for()
    await scans(keeper, codes.bin_code("GZ", "A-03"))
    await keeper.sees("A-1 → A-03")
    await page.locator("tr", has_text=FAN).locator("[name=bin]").fill(codes.bin_code("GZ", "A-03"))
    await page.keyboard.press("Enter")
    await keeper.sees(f"{FAN} → A-03")
    await keeper.fits()
    lying = await placing.bin_content("GZ", "A-03", seen_by=AUDITOR)
    assert {(piece.part_number, piece.quantity) for piece in lying} == {(DRIVE, 1), (FAN, 3)}


async def a_part_is_asked_for(engineer: Person) -> str:
    page = engineer.page
    await goes_to(engineer, "/requests")
    await page.click("text=申领备件")
    await page.fill("#device_serial", "BANK-007")
    await page.fill("[name=part_number]", DRIVE)
    await page.click("text=提交并查看承诺")
    await engineer.sees("送达现场")
    await engineer.fits()
    return await page.locator("h1").inner_text()


async def both_are_picked_in_one_walk(keeper: Person, request: str, transfer: str) -> None:
    """Other pieces than were proposed, by serial, by our tag and by the part's label; a wrong one goes back."""
    page = keeper.page
    tag = (await tags.assign("ZL2-0002", by=KEEPER)).tag or ""
    await goes_to(keeper, "/picks")
    for number in (request, transfer):
        await page.locator(".task", has_text=number).locator("[type=checkbox]").check()
    await page.click("text=拣选所选单据")
    await keeper.until("document.activeElement.id === 'code'")

    await scans(keeper, codes.part_code(PSU))
    await keeper.sees("请放回原处")
    await scans(keeper, codes.unit_code(DRIVE, "ZL2-0003", None), tag, codes.part_code(FAN))  # nobody waits in between

    await keeper.sees_state("已拣齐")
    await keeper.fits()


async def both_are_packed_and_leave(keeper: Person, request: str, transfer: str) -> None:
    page = keeper.page
    for number, mode, waybill in ((request, "same_city_courier", "SS-7"), (transfer, "courier", "SF-9")):
        await page.click(f"[data-opens='ship-{number}']")
        await page.select_option("dialog[open] [name=mode]", mode)
        await page.focus("dialog[open] [name=waybill]")
        await scans(keeper, waybill)  # the scanner's Enter sends nothing yet
        await page.fill("dialog[open] [name=weight_kg]", "1.4")
        await keeper.fits()
        await page.click("dialog[open] [type=submit]")
        await page.locator(f"[data-opens='ship-{number}']").wait_for(state="detached")
    await keeper.sees_state("已出库")


async def the_request_is_signed_for(engineer: Person, request: str) -> None:
    page = engineer.page
    await goes_to(engineer, "/shipments")
    await page.locator("tr", has_text=request).locator("td.title a").click()
    await page.click("[data-opens=hand-over]")
    await page.fill("dialog[open] [name=to]", "王工")
    pad = await page.locator("canvas").bounding_box()
    assert pad is not None
    await page.mouse.move(pad["x"] + 20, pad["y"] + 20)
    await page.mouse.down()
    await page.mouse.move(pad["x"] + 120, pad["y"] + 60, steps=4)
    await page.mouse.up()
    await page.click("dialog[open] [type=submit]")
    await engineer.sees_state("已签收")
    await engineer.until("document.querySelector('.signature img')?.naturalWidth > 0")
    await engineer.fits()
    (sent,) = await shipments.shipments(limit=2, seen_by=AUDITOR, document=request)
    assert (sent.mode, sent.waybill, sent.handed_to) == ("same_city_courier", "SS-7", "王工")


async def the_transfer_is_taken_in(other: Person, transfer: str) -> None:
    page = other.page
    await goes_to(other, "/receiving")
    await page.click(f"text={transfer}")
    await other.until("document.activeElement.id === 'scan'")
    tag = (await units.unit("ZL2-0002", seen_by=AUDITOR)).tag or ""
    await scans(other, tag, codes.part_code(FAN), codes.part_code(FAN))
    await other.until("document.querySelector('[name=count]').value === '2'")
    await page.click("text=确认入库")
    await page.wait_for_url("**/receipts/GR-*")
    await other.fits()


async def the_bins_are_counted_while_work_goes_on(keeper: Person, engineer: Person) -> str:
    """A drive is truly missing; another one and a fan are taken while the keeper counts, and are no difference."""
    page = keeper.page
    await goes_to(keeper, "/counts")
    await page.click("[data-opens=new]")
    await page.select_option("dialog[open] [name=kind]", "surprise")
    await page.fill("dialog[open] [name=bins_to_draw]", "3")
    await page.click("dialog[open] [type=submit]")
    await keeper.sees_state("盘点中")
    number = await page.locator("h1").inner_text()
    await page.click(".bin-tile >> text=A-01")
    await page.wait_for_url("**/bin?bin=A-01")
    await scans(keeper, codes.part_code(FAN), FAN)
    await keeper.until("document.querySelector('[data-quantity]').value === '2'")
    await page.fill("[data-quantity]", "8")
    await keeper.fits()
    await page.click("text=登记并前往下一库位")
    await page.wait_for_url("**/bin?bin=A-02")

    await goes_to(engineer, "/scan")
    await kept(engineer)
    await scans(engineer, "ZL2-0000", codes.part_code(FAN))
    await engineer.until("document.querySelectorAll('.queued.done').length === 2")

    await keeper.until("document.activeElement.id === 'scan'")
    await scans(keeper, "ZL2-0001")
    await page.click("text=登记并前往下一库位")
    await page.wait_for_url("**/bin?bin=A-03")
    await scans(keeper, "A-1", *[codes.part_code(FAN)] * 3)
    await page.click("text=登记并前往下一库位")

    await page.wait_for_url(lambda url: "/bin" not in url)
    await keeper.does("finish")
    await keeper.sees_state("待过账")
    await keeper.sees("差异待第二人复核")  # worth so much that whoever counted is told nothing yet, and does not post
    assert await page.locator(".difference").count() == 0
    await keeper.fits()
    return number


async def a_second_person_posts_the_count(supervisor: Person, number: str) -> None:
    page = supervisor.page
    await goes_to(supervisor, "/counts")
    await page.click(f"text={number}")
    await page.locator(".difference").wait_for()
    assert await page.locator(".difference").count() == 1
    assert "ZL2-0004" in await page.locator(".difference").inner_text()
    await page.fill("[name=reason][aria-label]", "货架与周边均未找到")
    await page.click("text=提交原因")
    await supervisor.sees("货架与周边均未找到")
    await supervisor.does("post")
    await supervisor.sees_state("已过账")
    await supervisor.fits()
    (sheet,) = await sheets.counts(limit=2, seen_by=AUDITOR)
    assert (sheet.closed_by, sheet.lines, sheet.lines_counted) == (supervisor.username, 4, 4)


async def parts_are_taken_without_a_network(engineer: Person) -> None:
    """The network fails: what is scanned is kept, sent when it is back, and what the ledger cannot follow is told."""
    page = engineer.page
    engineer.offline_expected = True
    await page.context.set_offline(True)
    await scans(engineer, "ZL2-0001", codes.part_code(FAN), "NEVER-SEEN", "ZL2-0003")
    await engineer.sees("4 条待发送")
    await page.reload()
    await engineer.sees("4 条待发送")
    await page.context.set_offline(False)

    await engineer.sees("没有待发送的记录")
    assert await page.locator(".queued.done").count() == 4  # two of the day, two of the night
    assert await page.locator(".queued.conflict").count() == 2
    await page.reload()
    await page.locator(".queued.conflict").nth(1).wait_for()
    await engineer.fits()


async def the_conflicts_are_resolved(keeper: Person, supervisor: Person) -> None:
    """A piece that the books never had is surplus: only who may correct stock lets it in."""
    page = supervisor.page
    await goes_to(supervisor, "/provisional-issues")
    await page.locator("tr", has_text="NEVER-SEEN").locator("td.title a").click()
    await supervisor.does("resolve", part_number=DRIVE, reason="标签清晰，入库时漏登")
    await supervisor.sees_state("待补单")
    await supervisor.fits()
    page = keeper.page
    await goes_to(keeper, "/provisional-issues")
    await page.locator("tr", has_text="冲突").locator("td.title a").click()
    await keeper.does("dismiss", reason="看错标签，未取件")
    await keeper.sees_state("已撤销")


async def the_paper_is_brought(engineer: Person) -> None:
    page = engineer.page
    await goes_to(engineer, "/provisional-issues")
    await page.locator("tr", has_text="ZL2-0000").locator("td.title a").click()
    await engineer.does("paper", device="BANK-010", ticket="INC-9")
    await engineer.sees_state("已补单")
    await engineer.fits()


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_day_in_the_warehouse(people, width):
    phone = width == "phone"
    notice, transfer = await the_evening_before()
    keeper = await people("warehouse_keeper", depot="GZ", phone=phone)
    engineer = await people("engineer", depot="GZ", phone=phone)

    await a_delivery_comes(keeper, notice)
    await it_is_put_away(keeper)
    request = await a_part_is_asked_for(engineer)
    await both_are_picked_in_one_walk(keeper, request, transfer)
    await both_are_packed_and_leave(keeper, request, transfer)
    await the_request_is_signed_for(engineer, request)
    await the_transfer_is_taken_in(await people("warehouse_keeper", depot="SH", phone=phone), transfer)
    count = await the_bins_are_counted_while_work_goes_on(keeper, engineer)
    supervisor = await people("quality_supervisor", phone=phone)
    await a_second_person_posts_the_count(supervisor, count)
    await parts_are_taken_without_a_network(engineer)
    await the_conflicts_are_resolved(keeper, supervisor)
    await the_paper_is_brought(engineer)

    there = {
        (part, depot): (await levels.level(part, depot, "common", seen_by=AUDITOR)).on_hand
        for part in (DRIVE, FAN)
        for depot in ("GZ", "SH")
    }
    # drives: five and one came; one to a customer, one to Shanghai, one lost, two taken. Fans: ten and three; two, two
    assert there == {(DRIVE, "GZ"): 1, (DRIVE, "SH"): 1, (FAN, "GZ"): 9, (FAN, "SH"): 6}
    now = {
        serial: (await units.unit(serial, seen_by=AUDITOR)).place for serial in (*DRIVES, "A-1", "A-9", "NEVER-SEEN")
    }
    assert now == {
        "ZL2-0000": "BANK-GZ",
        "ZL2-0001": "UNPAPERED",
        "ZL2-0002": "SH",
        "ZL2-0003": "BANK-GZ",
        "ZL2-0004": "ADJUSTMENT",
        "A-1": "GZ",
        "A-9": "GZ",
        "NEVER-SEEN": "UNPAPERED",
    }
    taken = await provisional.provisional_issues(limit=50, seen_by=AUDITOR)
    assert sorted((issue.code, issue.state) for issue in taken) == [
        (codes.part_code(FAN), "open"),
        (codes.part_code(FAN), "open"),
        ("NEVER-SEEN", "open"),
        ("ZL2-0000", "papered"),
        ("ZL2-0001", "open"),
        ("ZL2-0003", "dismissed"),
    ]
    assert await violations() == []
