"""The emergency plans without purchases, from declaration to closing note: a maker called in, a store that is flooded."""

from datetime import timedelta

from inventory.emergency import force_majeure, maker_support
from inventory.ground import clock
from inventory.requests import requests
from tests.browser.conftest import People, Person
from tests.integration.emergency.test_force_majeure import ALLOCATION, count_all
from tests.integration.requests.test_requests import new
from tests.world import AUDITOR, DISPATCHER, PSU


async def at_the_request(manager: Person, engineer: Person, address: str) -> None:
    """Our own expert tries first and reports; only then may the maker be called in."""
    await manager.open(address)
    assert not await manager.page.locator("[data-opens=call-maker]").count()
    await engineer.open(address)
    await engineer.does("expert-attempt", expert="赵工", tried="更换转接卡后仍不加电")
    await engineer.sees("更换转接卡后仍不加电")
    await engineer.page.click("text=上报当值项目经理")
    await engineer.sees("已上报")
    await engineer.fits()
    await manager.open(address)
    await manager.page.click("[data-opens=call-maker]")
    await manager.page.select_option("dialog[open] [name=maker]", "DELL")
    await manager.page.fill("dialog[open] [name=contact]", "原厂热线")
    await manager.page.fill("dialog[open] [name=contact_phone]", "+86 400 000 0000")
    await manager.page.fill("dialog[open] [name=contact_verified_on]", clock.today().isoformat())
    await manager.page.click("dialog[open] [type=submit]")


async def test_a_maker_is_called_in_followed_and_let_go(people: People):
    request = await requests.open_request(new(), by=DISPATCHER)
    engineer = await people("engineer", phone=True)
    manager = await people("project_manager", phone=True)
    await at_the_request(manager, engineer, f"/requests/{request.id}")

    await manager.sees_state("待原厂受理")
    await manager.fits()
    page = manager.page
    address = page.url.removeprefix(manager.url)
    manager.refusals_expected = True
    await manager.does("progress", reference="")
    await manager.sees("原厂受理时须填写其案例编号")
    await page.fill("dialog[open] [name=reference]", "SR-7788")
    await page.click("dialog[open] [type=submit]")
    await manager.sees_state("原厂处理中")
    await manager.sees("SR-7788")
    await engineer.open(address)
    await engineer.page.click("[data-opens=progress]")
    await engineer.page.select_option("dialog[open] [name=kind]", "solved")
    await engineer.page.fill("dialog[open] [name=remark]", "原厂更换主板")
    await engineer.page.click("dialog[open] [type=submit]")
    await engineer.sees_state("已解决")
    await engineer.fits()
    await manager.sees_state("已解决")  # the page renews itself
    await manager.does("close", note="原厂到场更换主板", lessons="备一块主板")
    await manager.sees_state("已关闭")
    await manager.sees("备一块主板")
    await manager.fits()
    (case,) = await maker_support.summaries(limit=9, seen_by=AUDITOR)
    assert (case.state, case.reference, case.contact) == ("closed", "SR-7788", "原厂热线")


async def test_a_flooded_store_is_frozen_worked_around_and_brought_back(people: People):
    request = await requests.open_request(new(), by=DISPATCHER)
    manager = await people("project_manager", phone=True)
    page = manager.page
    await manager.open("/force-majeure")
    await page.click("a[href='/force-majeure/new']")
    await page.select_option("#place", "GZ")
    await page.select_option("[name=cause]", "water_leak")
    await page.fill("[name=reason]", "屋顶漏水")
    await manager.fits()
    await page.click("main button[type=submit]")
    await manager.sees_state("停用中")
    await manager.sees("测试银行广州机房")
    await manager.fits()
    (plan,) = await force_majeure.summaries(limit=9, seen_by=AUDITOR)
    await force_majeure.source_elsewhere(plan.id, by=ALLOCATION)

    await manager.does("measure", text="备件移至二楼，通知客户")
    await manager.sees("备件移至二楼，通知客户")
    await manager.sees(request.number)
    assert (await requests.request_view(request.id, seen_by=AUDITOR)).lines[0].promise.depot == "SH"
    await manager.open(f"/parts/{PSU}")
    await manager.fits()
    await manager.open(f"/force-majeure/{plan.id}")
    manager.refusals_expected = True
    await manager.does("close", note="水已退去")
    await manager.sees("尚未完成复盘")
    await count_all()
    with clock.at(clock.now() + timedelta(hours=4)):
        await manager.open(f"/force-majeure/{plan.id}")
        await manager.does("close", note="水已退去，全部复盘", lessons="库房移至二楼")
        await manager.sees_state("已结束")
    await manager.sees("库房移至二楼")
    await manager.fits()
