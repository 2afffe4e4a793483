"""An engineer's night on a phone: asked by the device's label, dead on arrival, asked again, signed for, fitted, told."""

from pathlib import Path

from inventory.assurance.invariants import violations
from inventory.procurement import orders
from inventory.requests import kits, requests, tickets
from tests.browser.conftest import Person
from tests.browser.test_tables_and_files import JPEG
from tests.world import ADMIN, AUDITOR, PSU


async def it_asks_by_symptom(engineer: Person) -> str:
    """The device's label is scanned; what was promised for it is there before anything is asked."""
    page = engineer.page
    await engineer.open("/")
    await page.click(".bar a[href='/requests']")
    await page.click("text=申领备件")
    await engineer.until("document.activeElement.id === 'device_serial'")
    await page.keyboard.type("BANK-007")
    await page.keyboard.press("Enter")  # the scanner's Enter sends nothing yet
    await engineer.sees("R740 · BANK · BANK-GZ")
    await page.select_option("#symptom", "no_power")
    await page.locator("#kit", has_text=PSU).wait_for()
    await engineer.fits()
    await page.click("text=提交并查看承诺")
    await engineer.sees_state("已预留")
    await engineer.sees("送达现场")
    await engineer.fits()
    return await page.locator("h1").inner_text()


async def it_is_handed_out(keeper: Person, address: str) -> None:
    await keeper.open(address)
    await keeper.does("ship")
    await keeper.sees_state("已出库")


async def it_is_signed_for(engineer: Person) -> None:
    """From the request, which renews itself, to its shipment, and back."""
    page = engineer.page
    request = page.url
    await page.locator("#page a[href^='/shipments/']").click()
    await page.click("[data-opens=hand-over]")
    await page.fill("dialog[open] [name=to]", "王工")
    await page.click("dialog[open] [type=submit]")
    await engineer.sees_state("已签收")
    await engineer.fits()
    await engineer.open(request.removeprefix(engineer.url))


async def told(number: str) -> requests.RequestView:
    found = await requests.requests(limit=9, seen_by=AUDITOR)
    return await requests.request_view(next(each.id for each in found if each.number == number))


async def test_a_night_with_a_dead_part(people, tmp_path: Path):
    await kits.enter_symptoms([kits.SymptomView(code="no_power", name_zh="不加电", name_en="no power")], by=ADMIN)
    await kits.list_in_kit(kits.NewKitLine(symptom="no_power", part=PSU, model="R740"), by=ADMIN)
    engineer = await people("engineer", phone=True)
    keeper = await people("warehouse_keeper", depot="GZ")
    page = engineer.page

    number = await it_asks_by_symptom(engineer)
    first = await told(number)
    await it_is_handed_out(keeper, f"/requests/{first.id}")
    await it_is_signed_for(engineer)

    await engineer.page.click("[data-opens=debrief]")
    await page.select_option("dialog[open] [name=outcome]", "dead_on_arrival")
    await page.click("dialog[open] [type=submit]")
    await engineer.sees_state("已核销")
    await page.locator("[href^='/requests/']", has_text="PR-").last.click()
    await engineer.sees_state("已预留")
    second = await told(await page.locator("h1").inner_text())
    assert (second.fault_reported_at, second.need_by) == (first.fault_reported_at, first.need_by)  # the clock runs on

    await it_is_handed_out(keeper, f"/requests/{second.id}")
    await it_is_signed_for(engineer)
    await page.click("[data-opens=debrief]")
    await page.fill("dialog[open] [name=failure_code]", "no output")
    await page.click("dialog[open] [type=submit]")
    await engineer.sees_state("已核销")
    photo = tmp_path / "旧件.jpg"
    photo.write_bytes(JPEG)
    await page.set_input_files("input[data-sends]", photo)
    await engineer.sees("旧件.jpg")
    await engineer.does("bind-ticket", ticket="INC-7")
    await engineer.sees("INC-7")
    await engineer.fits()

    assert [debrief.outcome for debrief in (await told(number)).lines[0].debriefs] == ["dead_on_arrival"]
    assert (await tickets.reconciliation("page", "INC-7", seen_by=AUDITOR)).reconciled
    assert await violations() == []


async def test_a_part_that_waits_is_bought_on_the_phone(people):
    engineer = await people("engineer", phone=True)
    buyer = await people("buyer")
    page = engineer.page
    await engineer.open("/requests/new?device=BANK-007")
    await engineer.sees("R740 · BANK · BANK-GZ")
    await page.fill("[name=part_number]", PSU)
    await page.fill("[name=quantity]", "13")
    await page.click("text=提交并查看承诺")
    await engineer.sees_state("待货")
    await page.click("text=加急采购 >> nth=0")
    await engineer.sees("为此采购")
    await engineer.fits()

    await buyer.open("/orders?state=draft")
    await buyer.page.click("td.title a")
    await buyer.sees("对应备件申请")
    await buyer.does("approve")
    await buyer.sees_state("已审批")
    (order,) = await orders.orders(limit=2, seen_by=AUDITOR)
    assert (order.state, order.lines[0].part_number) == ("approved", PSU)
