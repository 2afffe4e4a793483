"""Emergency cases on pages: declared, shown with their evidence, approved, closed, stood down."""

from decimal import Decimal
from html import unescape

from inventory.emergency import cases
from inventory.emergency.policy import NewPolicy, put_in_force
from inventory.ground import clock, db
from inventory.procurement import orders, receiving
from inventory.stock import receipts
from inventory.stock.receipts import Incoming
from tests.integration.emergency.test_cases import a_case, drain, fail, judge, live_cases, planned, propose
from tests.integration.emergency.test_hindrances import propose as chosen_as_the_worker_does
from tests.integration.emergency.test_measures import NEWER, a_fan_case, enter_substitute, offer
from tests.world import AUDITOR, BUYER, DRIVE, FAN, KEEPER, MANAGER, SETUP

DECLARED = {"part_number": DRIVE, "depot": "GZ", "pool": "common", "reason": "a flooded depot"}


async def test_an_emergency_is_declared_once(visitor):
    await planned()
    buyer = await visitor("buyer")

    opened = await buyer.post("/emergencies/new", DECLARED)
    again = await buyer.post("/emergencies/new", DECLARED)
    page = (await buyer.get(opened.headers["location"])).text

    assert opened.status_code == 303
    assert again.status_code == 409
    assert "请在已打开的应急方案中处理" in again.text
    assert "a flooded depot" in page


async def test_a_case_tells_its_evidence_in_words(visitor):
    await planned()
    await fail(DRIVE, 12)
    await drain(DRIVE)
    await judge(DRIVE)
    (case,) = await live_cases()
    manager = await visitor("project_manager")

    chinese = (await manager.get(f"/emergencies/{case.id}")).text
    english = (await manager.get(f"/emergencies/{case.id}", language="en")).text

    assert "低于服务质量临界点" in chinese
    assert "突发大范围设备故障" in chinese
    assert "Class 2h falls to" in english
    assert "failures within" in english
    assert "Test Bank" in english
    assert 'data-chart="stock"' in english


async def test_what_is_proposed_is_shown_and_approved(visitor):
    await put_in_force(NewPolicy(standing_authority_cny=Decimal(100)), by=MANAGER)
    case = await a_case()
    manager = await visitor("project_manager")
    early = await manager.post(f"/emergencies/{case.id}/approve")
    await propose(case)

    page = (await manager.get(f"/emergencies/{case.id}")).text
    engineers = (await (await visitor("engineer")).get(f"/emergencies/{case.id}")).text
    approved = await manager.post(f"/emergencies/{case.id}/approve")
    after = (await manager.get(f"/emergencies/{case.id}")).text

    assert early.status_code == 409
    assert "当前状态为“已启动”，此操作要求状态为“待审批”" in early.text
    assert "测试分销" in page
    assert "加急" in page
    assert 'data-opens="approve"' in page
    assert 'data-opens="approve"' not in engineers
    assert approved.status_code == 303
    assert "执行中" in after


async def test_what_stands_in_the_way_is_shown_with_what_would_help(visitor):
    case = await a_fan_case()
    await offer(FAN, vendor="DELL")
    await receipts.adjust("SH", FAN, 5, by=SETUP, reason="some")
    await chosen_as_the_worker_does(case)
    view = await cases.case_view(case.id, seen_by=BUYER)
    buyer = await visitor("buyer")
    chinese = unescape((await buyer.get(f"/emergencies/{case.id}")).text)
    english = unescape((await buyer.get(f"/emergencies/{case.id}", language="en")).text)

    assert {each["code"] for each in view.proposal["hindrances"]} >= {"vendors_not_genuine_enough", "too_few"}
    for each in view.proposal["hindrances"]:
        assert each["zh"] in chinese
        assert each["help_zh"] in chinese
        assert each["en"] in english
        assert each["help_en"] in english
    assert "供应商来源等级不足" in chinese
    assert "vendors not genuine enough" in english


async def test_what_would_come_too_late_costs_those_something_who_may_see_it(visitor):
    case = await a_fan_case()
    await db.execute("UPDATE offer SET valid_to = NULL, expedited_hours = 100 WHERE valid_to = valid_from")
    await chosen_as_the_worker_does(case)
    buyers = (await (await visitor("buyer")).get(f"/emergencies/{case.id}", language="en")).text

    assert "hours at the soonest" in buyers
    assert "It would cost" in buyers


async def test_a_substitute_is_shown_with_why_it_fits(visitor):
    await enter_substitute(pieces=2)
    await offer()
    await receipts.adjust("GZ", NEWER, 4, by=SETUP, reason="some")
    case = await a_fan_case()
    await propose(case)
    buyer = await visitor("buyer")

    english = (await buyer.get(f"/emergencies/{case.id}", language="en")).text
    chinese = (await buyer.get(f"/emergencies/{case.id}")).text

    assert f"{NEWER} replaces {FAN} in every model served (R740; 160 devices)" in english
    assert "2 pieces for each" in english
    assert "set aside" in english
    assert f"{NEWER} 可在全部所服务机型中替代 {FAN}" in chinese
    assert "本库划用" in chinese


async def test_a_restored_case_is_closed_with_its_note(visitor):
    case = await a_case()
    await propose(case)
    (order,) = (await cases.case_view(case.id, seen_by=BUYER)).orders
    await orders.record_placed(order.id, by=SETUP)
    serials = [f"EC-{n}" for n in range(order.lines[0].quantity)]
    await receiving.receive_order(
        order.number, [Incoming(part_number=DRIVE, quantity=len(serials), serials=serials)], by=KEEPER
    )
    await judge(DRIVE)
    supervisor = await visitor("quality_supervisor")

    empty = await supervisor.post(f"/emergencies/{case.id}/close", {"note": " ", "lessons": ""})
    closed = await supervisor.post(f"/emergencies/{case.id}/close", {"note": "all there", "lessons": "watch the batch"})
    page = (await supervisor.get(f"/emergencies/{case.id}")).text

    assert empty.status_code == 422
    assert closed.status_code == 303
    assert all(words in page for words in ("all there", "watch the batch", "已关闭"))


async def test_a_case_that_was_none_is_stood_down(visitor):
    case = await a_case()
    manager = await visitor("project_manager")

    await manager.post(f"/emergencies/{case.id}/stand-down", {"reason": "a counting mistake"})

    assert "a counting mistake" in (await manager.get(f"/emergencies/{case.id}")).text
    assert (await cases.case_summary(case.id, seen_by=AUDITOR)).state == "stood_down"


async def test_the_list_sets_open_cases_apart(visitor):
    case = await a_case()
    manager = await visitor("project_manager")

    during = (await manager.get("/emergencies")).text
    overview = (await manager.get("/")).text
    await cases.stand_down(case.id, by=MANAGER, reason="none")
    after = (await manager.get("/emergencies")).text

    assert during.index(case.number) < during.index("已结束的应急方案")
    assert case.number in overview
    assert after.index("已结束的应急方案") < after.index(case.number)
    assert "所有服务承诺均有保障" in after


async def test_a_burst_without_a_crossing_shows_as_a_near_miss(visitor):
    await planned()
    await receipts.adjust("GZ", FAN, 200, by=SETUP, reason="plenty")
    await fail(FAN, 12)
    await judge(FAN)

    page = (await (await visitor("auditor")).get("/emergencies")).text

    assert "故障突发，库存尚未越线" in page
    assert "突发" in page


async def test_plan_2_is_rehearsed_on_a_page(visitor):
    await planned()
    await fail(DRIVE, 12, hours=1)
    await drain(DRIVE)
    await judge(DRIVE)
    (case,) = await live_cases()
    buyer = await visitor("buyer")
    asked = f"/emergencies/rehearsal?part={DRIVE}&depot=GZ&failures=30&days=10"

    empty = await buyer.get("/emergencies/rehearsal")
    chinese = (await buyer.get(asked)).text
    english = (await buyer.get(asked, language="en")).text
    engineers = (await (await visitor("engineer")).get(asked, language="en")).text
    today = clock.today().isoformat()
    past = (await buyer.get(f"/emergencies/rehearsal?since={today}&until={today}", language="en")).text
    wrong = await buyer.get(f"/emergencies/rehearsal?part={DRIVE}&depot=GZ&failures=many", language="en")

    assert empty.status_code == 200
    assert "应急方案二推演" in chinese
    assert "无件可用的故障（无方案二）" in chinese
    assert "Cost of its measures" in english
    assert "Cost of its measures" not in engineers
    assert case.number in past
    assert wrong.status_code == 422
    assert "many" in wrong.text
