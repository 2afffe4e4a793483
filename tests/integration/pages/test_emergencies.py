"""Emergency cases on pages: declared, shown with their evidence, approved, closed, stood down."""

from decimal import Decimal
from html import unescape
from uuid import UUID

from api import solving
from inventory.emergency import cases, declaring
from inventory.emergency.policy import NewPolicy, put_in_force
from inventory.ground import clock, db, jobs
from inventory.procurement import orders, receiving
from inventory.stock import receipts
from inventory.stock.receipts import Incoming
from tests.integration.emergency.test_cases import a_case, drain, fail, judge, live_cases, planned, propose
from tests.integration.emergency.test_choosing import with_a_front
from tests.integration.emergency.test_drills import drilling
from tests.integration.emergency.test_hindrances import propose as chosen_as_the_worker_does
from tests.integration.emergency.test_measures import NEWER, a_fan_case, enter_substitute, offer
from tests.integration.emergency.test_telling import lean_on_it_too
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
    early = await manager.post(f"/emergencies/{case.id}/approve", {"proposed_at": case.opened_at.isoformat()})
    await propose(case)
    proposed = await cases.case_summary(case.id)
    assert proposed.proposed_at is not None

    page = (await manager.get(f"/emergencies/{case.id}")).text
    engineers = (await (await visitor("engineer")).get(f"/emergencies/{case.id}")).text
    other = await manager.post(f"/emergencies/{case.id}/approve", {"proposed_at": case.opened_at.isoformat()})
    looked_at = {"proposed_at": proposed.proposed_at.isoformat()}
    approved = await manager.post(f"/emergencies/{case.id}/approve", looked_at)
    after = (await manager.get(f"/emergencies/{case.id}")).text

    assert early.status_code == 409
    assert "当前状态为“已启动”，此操作要求状态为“待审批”" in early.text
    assert "测试分销" in page
    assert "加急" in page
    assert f'form="approve-form" name="proposed_at" value="{looked_at["proposed_at"]}"' in page
    assert 'id="approve-form"' in page
    assert (other.status_code, "请查看最新的措施后重新决定" in other.text) == (409, True)
    assert 'data-opens="approve"' in page
    assert 'data-opens="approve"' not in engineers
    assert approved.status_code == 303
    assert "执行中" in after


async def test_what_stands_in_the_way_is_shown_with_what_would_help(visitor):
    case = await a_fan_case()
    await offer(FAN, vendor="DELL")
    await receipts.adjust("SH", FAN, 5, by=SETUP, provenance="maker_direct", reason="some")
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
    await receipts.adjust("GZ", NEWER, 4, by=SETUP, provenance="maker_direct", reason="some")
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
    await receipts.adjust("GZ", FAN, 200, by=SETUP, provenance="maker_direct", reason="plenty")
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
    engineer = await visitor("engineer")
    burst = {"part": DRIVE, "depot": "GZ", "failures": "30", "days": "10"}
    today = clock.today().isoformat()

    async def rehearsed(by, form: str, fields: dict[str, str]) -> str:
        asked = await by.post(f"/emergencies/rehearsal/{form}", fields)
        address = asked.headers["location"]
        await solving.run(solving.rehearse, jobs.Rehearse(UUID(address.rsplit("/", 1)[1])))
        return address

    empty = await buyer.get("/emergencies/rehearsal")
    asked = (await buyer.post("/emergencies/rehearsal/burst", burst)).headers["location"]
    waiting = (await buyer.get(asked)).text
    stopped = await buyer.post(f"{asked}/cancel")
    after = (await buyer.get(asked)).text
    address = await rehearsed(buyer, "burst", burst)
    chinese = (await buyer.get(address)).text
    english = (await buyer.get(address, language="en")).text
    others = await engineer.get(address)
    engineers = (await engineer.get(await rehearsed(engineer, "burst", burst), language="en")).text
    past = (await buyer.get(await rehearsed(buyer, "past", {"since": today, "until": today}), language="en")).text
    wrong = await buyer.post("/emergencies/rehearsal/burst", burst | {"failures": "many"}, language="en")

    assert empty.status_code == 200
    assert "应急方案二推演" in empty.text
    assert f'action="{asked}/cancel"' in waiting
    assert stopped.status_code == 303
    assert "已取消" in after
    assert "无件可用的故障（无方案二）" in chinese
    assert "Cost of its measures" in english
    assert "Failures without stock" in engineers
    assert "Cost of its measures" not in engineers
    assert others.status_code == 404
    assert case.number in past
    assert f"{today} 00:00 – {today}" in past
    assert wrong.status_code == 422
    assert "many" in wrong.text


async def test_a_page_tells_where_lines_come_from_and_sets_the_point(visitor):
    await planned()
    buyer, keeper = await visitor("buyer"), await visitor("warehouse_keeper", depot="GZ")
    here = f"/parts/{FAN}/lines/GZ"

    plain = (await keeper.get(here)).text
    listed = (await keeper.get("/stock")).text
    early = await buyer.post(f"{here}/lift", {"reason": "none was set", "pool": "common"})
    wrong = await buyer.post(here, {"point": "-1", "days": "3", "reason": "x", "pool": "common"})
    not_theirs = await keeper.post(here, {"point": "9", "days": "3", "reason": "x", "pool": "common"})
    done = await buyer.post(here, {"point": "9", "days": "3", "reason": "holiday cover", "pool": "common"})
    await judge(FAN)
    during = (await buyer.get(here, language="en")).text
    lifted = await buyer.post(f"{here}/lift", {"reason": "holiday over", "pool": "common"})
    await judge(FAN)
    after = (await buyer.get(here, language="en")).text

    assert "平均故障水平线" in plain
    assert "长期故障率" in plain
    assert 'data-opens="set-point"' not in plain
    assert here in listed
    assert (early.status_code, wrong.status_code, not_theirs.status_code) == (409, 422, 403)
    assert (done.status_code, lifted.status_code) == (303, 303)
    assert "Critical point set by hand: 9" in during
    assert "holiday cover" in during
    assert "holiday cover" not in after
    assert (await (await visitor("warehouse_keeper", depot="SH")).get(here)).status_code == 404


async def test_another_plan_of_the_front_is_chosen_on_the_page(visitor):
    case = await with_a_front()
    front = (await cases.case_view(case.id, seen_by=BUYER)).proposal["answer"]["front"]
    manager, keeper = await visitor("project_manager"), await visitor("warehouse_keeper", depot="GZ")

    page = (await manager.get(f"/emergencies/{case.id}", language="en")).text
    keepers = (await keeper.get(f"/emergencies/{case.id}", language="en")).text
    body = {"plan": len(front), "proposed_at": case.proposed_at.isoformat()}
    stale = await manager.post(
        f"/emergencies/{case.id}/choose-plan", {**body, "proposed_at": case.opened_at.isoformat()}
    )
    chosen = await manager.post(f"/emergencies/{case.id}/choose-plan", body)
    after = (await manager.get(f"/emergencies/{case.id}", language="en")).text

    assert "Plans to choose from" in page
    assert "recommended" in page
    assert f'data-opens="choose-{len(front)}"' in page
    assert "Projected recovery" in page
    assert "Plans to choose from" not in keepers
    assert "¥" not in keepers
    assert (stale.status_code, chosen.status_code) == (409, 303)
    assert "Another plan chosen" in after
    assert f"plan {len(front)} of {len(front)}" in after


async def test_who_may_see_no_orders_sees_a_case_without_vendors(visitor):
    case = await with_a_front()

    page = (await (await visitor("engineer")).get(f"/emergencies/{case.id}")).text

    assert "测试分销" not in page
    assert "¥" not in page
    assert "有订单查看权限者可见明细" in page


async def test_cases_of_one_cause_are_shown_as_one_event(visitor):
    manager = await visitor("project_manager")
    found = [
        await declaring.declare(DRIVE, depot, pool="common", reason="a bad batch", by=MANAGER) for depot in ("GZ", "SH")
    ]

    listed = (await manager.get("/emergencies", language="en")).text
    page = (await manager.get(f"/emergencies/{found[0].id}", language="en")).text
    keepers = (await (await visitor("warehouse_keeper", depot="SH")).get("/emergencies", language="en")).text

    assert "One event of 2 cases" in listed
    assert "One event of 2 cases" in page
    assert found[1].number in page
    assert "One event of" not in keepers


async def test_a_customers_report_is_printed_from_the_case(visitor):
    case = await a_case()
    manager = await visitor("project_manager")
    paper = f"/api/v1/emergency-cases/{case.id}/papers/case_report?contract=C-BANK&language="

    page = (await manager.get(f"/emergencies/{case.id}")).text
    printed = [await manager.get(f"{paper}{language}") for language in ("zh", "en")]
    elsewhere = await (await visitor("warehouse_keeper", depot="SH")).get(f"{paper}zh")

    assert "papers/case_report?contract=C-BANK&amp;language=zh" in page.replace("&language", "&amp;language")
    assert [(each.status_code, each.content[:5]) for each in printed] == [(200, b"%PDF-")] * 2
    assert elsewhere.status_code == 404
    assert (await manager.get(paper.replace("C-BANK", "C-NONE") + "zh")).status_code == 404
    assert (await manager.get(f"{paper}fr")).status_code == 422


async def test_pages_of_a_case_and_of_its_lines_show_what_may_be_told(visitor):
    case = await a_case()
    await lean_on_it_too()
    banker = await visitor("project_manager", contract="C-BANK")
    page = (await banker.get(f"/emergencies/{case.id}", language="en")).text
    lines = await banker.get(f"/parts/{DRIVE}/lines/GZ", language="en")

    assert "How often machines of other customers fail is not told." in page
    assert lines.status_code == (await banker.get("/emergencies")).status_code == 200
    assert (await banker.get(f"/parts/{DRIVE}")).status_code == 200
    assert "Set the critical point by hand" not in lines.text  # it is the common pool


async def test_a_drill_says_that_it_is_one_and_is_made_real(visitor, company):
    case = await drilling()
    manager, auditor = await visitor("project_manager"), await visitor("auditor")
    shown = await manager.get(f"/emergencies/{case.id}")
    listed = await manager.get("/emergencies")
    others = await auditor.get(f"/emergencies/{case.id}")
    await manager.post(f"/emergencies/{case.id}/make-real", {"reason": "真的坏了"})

    assert "本方案为演练" in shown.text
    assert "转为实战" in shown.text
    assert "演练</span>" in listed.text
    assert ("本方案为演练" in others.text, "make-real" in others.text) == (True, False)
    assert "本方案为演练" not in (await manager.get(f"/emergencies/{case.id}")).text
