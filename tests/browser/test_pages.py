"""The pages in a real browser: by keyboard, on a phone, live, in two languages, and without scripts."""

import asyncio
from decimal import Decimal

from inventory.emergency import cases
from inventory.emergency.policy import NewPolicy, put_in_force
from inventory.ground import db
from inventory.procurement import orders
from inventory.requests import requests
from tests.conftest import PASSWORD
from tests.integration.emergency.test_cases import drain, judge, planned, propose
from tests.world import AUDITOR, BUYER, DISPATCHER, DRIVE, FAN, MANAGER, PSU, SETUP


async def asked_for(part: str = DRIVE, *, engineer: str | None = None) -> str:
    """A request, perhaps for an engineer; the address of its page."""
    request = requests.NewRequest(
        source="glpi",
        reference=f"INC-{part}",
        device_serial="BANK-007",
        severity="severe",
        lines=[requests.NewRequestLine(part_number=part, quantity=1)],
        engineer=engineer,
    )
    return f"/requests/{(await requests.open_request(request, by=DISPATCHER)).id}"


async def test_signing_in_by_keyboard_leads_to_the_stock(people):
    await planned()
    await drain(FAN)
    engineer = await people("engineer")
    keyboard = engineer.page.keyboard
    await engineer.page.context.clear_cookies()

    await engineer.open("/stock?below=base_stock")
    await keyboard.type(engineer.username)
    await keyboard.press("Tab")
    await keyboard.type(PASSWORD)
    await keyboard.press("Enter")
    await engineer.page.wait_for_url("**/stock?below=base_stock")
    await engineer.page.click("a[href='/']:visible >> nth=0")

    await engineer.sees("风险最高的库存")
    row = engineer.page.locator("tr", has_text=FAN).first
    assert "低于服务质量临界点" in await row.inner_text()
    assert "可用 0" in (await row.locator("svg[role=img]").get_attribute("aria-label") or "")
    await keyboard.press("/")
    assert await engineer.page.evaluate("document.activeElement.name") == "q"


async def test_two_sign_in_pages_that_open_at_once_both_work(people):
    engineer = await people("engineer")
    context = engineer.page.context
    other = await context.new_page()
    await context.clear_cookies()
    await engineer.open("/sign-in")
    await context.clear_cookies()
    await other.goto(f"{engineer.url}/sign-in")

    await engineer.page.fill("#username", engineer.username)
    await engineer.page.fill("#password", PASSWORD)
    await engineer.page.click("main [type=submit]")

    await engineer.sees("风险最高的库存")
    assert engineer.page.url == f"{engineer.url}/"


async def test_an_engineer_asks_on_a_phone_and_sees_the_promise(people):
    engineer = await people("engineer", phone=True)
    page = engineer.page
    await engineer.open("/")
    await page.click(".bar a[href='/requests']")
    await page.click("text=申领备件")

    await page.fill("#device_serial", "BANK-7")
    await engineer.sees("没有设备“BANK-7”。")
    await page.fill("#device_serial", "BANK-007")
    await engineer.sees("R740 · BANK · BANK-GZ")
    await page.fill("[name=part_number]", PSU)
    await page.click("text=再加一种备件")
    await page.locator("[name=part_number]").nth(1).fill(FAN)
    await page.click("text=提交并查看承诺")

    await engineer.sees("送达现场")
    await engineer.sees("能按时送达的最低成本来源")
    assert "/requests/new" not in page.url
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    assert await page.evaluate("scrollY") == 0


async def test_a_refusal_stands_beside_its_form_in_both_languages(people):
    address = await asked_for()
    keeper = await people("warehouse_keeper", depot="SH")
    keeper.refusals_expected = True
    await keeper.open(address)

    await keeper.does("ship")
    await keeper.sees("可以查看 GZ，但不负责该备件库。")
    await keeper.sees("请联系 GZ 的库管员")
    await keeper.page.click("dialog[open] .btn-close")
    await keeper.page.click("text=EN")
    await keeper.does("ship", serials="ZL2-0001")
    await keeper.sees("may see GZ but does not serve it.")

    assert keeper.page.url.endswith(address)
    assert await keeper.page.input_value("dialog[open] [name=serials]") == "ZL2-0001"
    assert await keeper.page.locator("html").get_attribute("lang") == "en"


async def test_a_part_goes_out_and_is_accounted_for_before_everybodys_eyes(people):
    engineer, keeper = await people("engineer", phone=True), await people("warehouse_keeper", depot="GZ")
    address = await asked_for(engineer=engineer.username)
    await engineer.open(address)
    await keeper.open(address)

    await keeper.does("ship", serials="ZL2-0003")
    await keeper.sees_state("已出库")
    await engineer.sees("ZL2-0003")  # her page asks again by itself
    await engineer.page.reload()
    await engineer.does("debrief", serial_out="OLD-1")

    await engineer.sees_state("已核销")
    await engineer.sees("OLD-1")
    assert await engineer.page.locator("dialog[open]").count() == 0


async def test_an_emergency_from_its_declaration_to_its_closing(people):
    await put_in_force(NewPolicy(standing_authority_cny=Decimal(1)), by=MANAGER)
    await planned()
    await drain(DRIVE)
    manager, keeper = await people("project_manager"), await people("warehouse_keeper", depot="GZ")

    await manager.open("/emergencies/new")
    await manager.page.fill("#part_number", DRIVE)
    await manager.page.select_option("#depot", "GZ")
    await manager.page.fill("#reason", "十块硬盘同日故障")
    await manager.page.click("text=确认启动")
    await manager.sees("正在求解应急措施")
    (case,) = await cases.cases(limit=2, seen_by=AUDITOR, live_only=True)

    await propose(case)
    await manager.sees("测试分销")
    await manager.does("approve")
    await manager.sees_state("执行中")
    (order,) = (await cases.case_view(case.id, seen_by=BUYER)).orders
    assert order.state == "approved"

    await orders.record_placed(order.id, by=SETUP, vendor_reference="D-17")
    await keeper.open(f"/orders/{order.id}")
    await keeper.sees("D-17")
    await keeper.does("receive", serials="\n".join(f"EC-{n}" for n in range(order.lines[0].quantity)))
    await keeper.sees_state("已入库")
    await judge(DRIVE)

    await manager.page.click("[data-opens=close]")
    await manager.page.fill("dialog[open] [name=note]", "备件到齐")
    await asyncio.sleep(2.5)  # the page was renewed behind the dialog
    assert await manager.page.input_value("dialog[open] [name=note]") == "备件到齐"
    await manager.page.click("dialog[open] [type=submit]")
    await manager.sees("备件到齐")

    assert (await cases.case_summary(case.id)).state == "closed"
    assert await manager.page.locator("canvas").count() >= 2


async def test_every_page_fits_a_phone_and_draws_its_charts_in_the_dark(people):
    await planned()
    await drain(DRIVE)
    await judge(DRIVE)
    (case,) = await cases.cases(limit=2, seen_by=AUDITOR, live_only=True)
    await propose(case)
    order = (await cases.case_view(case.id, seen_by=BUYER)).orders[0]
    request = await asked_for(PSU)
    plan = await db.fetch_value("SELECT id FROM plan LIMIT 1")
    manager = await people("project_manager", phone=True, language="en-GB", color_scheme="dark")

    for path in (
        *("/", "/stock", "/parts", f"/parts/{DRIVE}", "/units/ZL2-0001", "/requests", "/requests/new", request),
        *("/emergencies", "/emergencies/new", f"/emergencies/{case.id}", "/orders", f"/orders/{order.id}"),
        *("/transfers", "/plans", f"/plans/{plan}", f"/plans/{plan}/rows/{DRIVE}?depot=GZ", f"/plans/{plan}/surplus"),
        *(
            "/steps",
            "/steps/policy",
            "/roster",
            "/contacts",
            "/duty-sheets",
            "/contracts/C-BANK/duty-sheet",
            "/messages",
        ),
    ):
        await manager.open(path)
        assert await manager.page.evaluate("document.documentElement.scrollWidth") == 390, path
        assert await manager.page.locator("html").get_attribute("data-bs-theme") == "dark"
        drawn = manager.page.locator(".chart")
        for place in range(await drawn.count()):
            await drawn.nth(place).locator("canvas").wait_for()
    manager.refusals_expected = True
    await manager.open("/nothing-here")
    await manager.sees("There is nothing at this address")


async def test_a_watched_page_costs_little_and_rests_with_its_tab(people):
    engineer = await people("engineer")
    asked: list[int] = []
    engineer.page.on("response", lambda answer: answer.request.resource_type == "xhr" and asked.append(answer.status))
    await engineer.open("/")
    while len(asked) < 2:
        await engineer.page.wait_for_event("requestfinished")
    await engineer.page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
    await asyncio.sleep(3.5)

    assert asked == [200, 304]


async def test_asking_for_a_part_needs_no_script(people, browser):
    engineer = await people("engineer")
    context = await browser.new_context(java_script_enabled=False, locale="en-GB")
    await context.add_cookies(await engineer.page.context.cookies())
    page = await context.new_page()

    await page.goto(f"{engineer.url}/requests/new")
    await page.fill("#device_serial", "BANK-007")
    await page.fill("[name=part_number]", PSU)
    await page.click("text=Ask, and see the promise")

    await page.get_by_text("firm: the stock is held").wait_for()
    assert "/requests/" in page.url
    await context.close()
