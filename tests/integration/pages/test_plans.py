"""Stocking plans on pages: asked for, watched, judged, decided."""

import re
from datetime import timedelta
from uuid import UUID

import msgspec

from api import solving
from inventory.ground import clock, db, jobs, progress
from inventory.installed_base import failures
from tests.integration.planning.test_balancing import in_force
from tests.integration.planning.test_learning import SWAP, dusty_fans, enter_swap_unit, promise_swaps
from tests.integration.planning.test_plans import made
from tests.world import DISPATCHER, DRIVE, FAN, PLANNER, PSU


async def test_a_plan_is_asked_for_and_watched(visitor):
    planner = await visitor("planner")

    asked = await planner.post("/plans")
    job = asked.headers["location"].rsplit("/", 1)[1]
    waiting = (await planner.get(asked.headers["location"])).text
    await progress.note_progress(job, 20, "bound", {"gap": 0.0123})
    working = (await planner.get(asked.headers["location"])).text
    plan = await made()
    await progress.finish_job(job, "done", "", {"plan": str(plan.id), "number": plan.number, "status": plan.status})
    done = (await planner.get(asked.headers["location"])).text

    assert "排队中" in waiting
    assert "证明成本下界" in working
    assert "间隙 1.23 %" in working
    assert f'href="/plans/{plan.id}"' in done


async def test_a_plan_that_is_being_made_is_stopped(visitor):
    planner = await visitor("planner")
    address = (await planner.post("/plans")).headers["location"]

    await planner.post(f"{address}/cancel")
    again = await planner.post(f"{address}/cancel")

    assert "已取消" in (await planner.get(address)).text
    assert again.status_code == 409


async def test_a_plan_tells_the_reasons_of_its_numbers(visitor):
    plan = await made()
    planner = await visitor("planner")

    page = (await planner.get(f"/plans/{plan.id}", language="en")).text
    one_part = (await planner.get(f"/plans/{plan.id}?part=psu", language="en")).text

    assert "Expected demand = failures a day × resupply time" in page
    assert "2h" in page
    assert DRIVE in page
    assert PSU in one_part
    assert DRIVE not in one_part


async def test_a_plans_files_are_offered_to_whoever_may_have_them(visitor):
    plan = await made()
    everything = await (await visitor("planner")).get(f"/plans/{plan.id}", language="en")
    of_one_store = await (await visitor("planner", depot="GZ")).get(f"/plans/{plan.id}", language="en")

    for file in ("network", "answer"):
        assert f"/api/v1/plans/{plan.id}/{file}" in everything.text
        assert f"/api/v1/plans/{plan.id}/{file}" not in of_one_store.text


async def test_last_year_is_played_against_a_plan(visitor):
    plan = await made()
    when = clock.now() - timedelta(days=9)
    await failures.record_failures(
        [  # at one instant, more than any plan holds for one site
            failures.NewFailure(device=f"BANK-{n:03d}", part_number=PSU, occurred_at=when, position="1")
            for n in range(30)
        ],
        by=DISPATCHER,
    )
    planner = await visitor("planner")

    link = (await planner.get(f"/plans/{plan.id}")).text
    english = (await planner.get(f"/plans/{plan.id}/replay", language="en")).text
    chinese = (await planner.get(f"/plans/{plan.id}/replay")).text

    assert f'href="/plans/{plan.id}/replay"' in link
    assert "What would have been late" in english
    assert "BANK-GZ" in english
    assert "本会迟到的故障" in chinese


async def test_a_plan_is_approved_by_somebody_else(visitor):
    plan = await made(by=PLANNER)
    manager = await visitor("project_manager")

    approved = await manager.post(f"/plans/{plan.id}/approve")
    again = await manager.post(f"/plans/{plan.id}/approve")

    assert approved.status_code == 303
    assert again.status_code == 409
    assert "生效中" in (await manager.get("/plans")).text


async def test_a_plan_is_rejected_with_its_reason(visitor):
    plan = await made()
    manager = await visitor("project_manager")

    await manager.post(f"/plans/{plan.id}/reject", {"reason": "too dear"})

    assert "too dear" in (await manager.get(f"/plans/{plan.id}")).text


async def test_a_base_stock_leads_to_its_reasons(visitor):
    plan = await made()
    planner = await visitor("planner")

    page = (await planner.get(f"/plans/{plan.id}")).text
    english = (await planner.get(f"/plans/{plan.id}/rows/{DRIVE}?depot=GZ", language="en")).text
    chinese = (await planner.get(f"/plans/{plan.id}/rows/{DRIVE}?depot=GZ")).text

    assert f"/plans/{plan.id}/rows/{DRIVE}?depot=GZ&amp;pool=common" in page
    assert "1,280" in english  # 160 devices × 8 drives
    assert "assumed" in english
    assert "多备一件与少备一件" in chinese
    assert "按时率 <strong>2h</strong>" in chinese


async def test_a_row_the_plan_does_not_have_is_not_found(visitor):
    plan = await made()
    planner = await visitor("planner")

    assert (await planner.get(f"/plans/{plan.id}/rows/{DRIVE}?depot=SH")).status_code == 404
    assert (await planner.get(f"/plans/{plan.id}/rows/NOPE?depot=GZ")).status_code == 404


async def test_the_frontier_is_asked_for_and_shown(visitor):
    plan = await made()
    planner = await visitor("planner")
    before = (await planner.get(f"/plans/{plan.id}")).text

    asked = await planner.post(f"/plans/{plan.id}/frontier")
    job = UUID(asked.headers["location"].rsplit("/", 1)[1])
    await solving.run(solving.draw_frontier, jobs.DrawFrontier(job, plan.id))
    page = (await planner.get(f"/plans/{plan.id}")).text

    assert "尚未计算其他目标下的成本" in before
    assert 'data-chart="frontier"' in page
    assert "−5 个百分点" in page
    assert "计划目标" in page


async def test_a_what_if_is_asked_by_a_form_and_stands_beside_the_plan(visitor):
    plan = await made()
    planner = await visitor("planner")

    same = await planner.post(
        f"/plans/{plan.id}/what-if", {"service_class": "2h", "target": "93", "device_factor": "1"}, language="en"
    )
    wrong = await planner.post(f"/plans/{plan.id}/what-if", {"lead_time_factor": "twice"})
    form = {"service_class": "2h", "target": "96.5", "lead_time_factor": "1.5", "closed_depot": ""}
    asked = await planner.post(f"/plans/{plan.id}/what-if", form)
    job = UUID(asked.headers["location"].rsplit("/", 1)[1])
    (payload,) = await db.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = 'ask_what_if'")
    await solving.run(solving.ask_what_if, msgspec.json.decode(payload["payload"], type=jobs.AskWhatIf))
    found = (await progress.job_view(job)).result["plan"]
    page = (await planner.get(f"/plans/{found}")).text
    manager = await visitor("project_manager")

    assert (same.status_code, wrong.status_code) == (422, 422)
    assert "nothing is changed" in same.text
    assert "并列比较" in page
    assert f'href="/plans/{plan.id}"' in page
    assert "<strong>96.5 %</strong>" in page
    assert f"/plans/{found}/approve" not in (await manager.get(f"/plans/{found}")).text
    assert (await manager.post(f"/plans/{found}/approve")).status_code == 409


async def test_a_plan_shows_what_its_limits_cost_to_those_who_may_see_costs(visitor):
    plan = await made()
    planner = await visitor("planner")

    assert "约束稍放宽时库存可节省的成本" in (await planner.get(f"/plans/{plan.id}")).text


async def test_what_to_move_is_proposed_and_drafted_with_one_click(visitor):
    plan = await in_force()
    planner = await visitor("planner")

    asked = await planner.post(f"/plans/{plan.id}/rebalancing")
    address = asked.headers["location"]
    await solving.run(solving.rebalance, jobs.Rebalance(UUID(address.rsplit("/", 1)[1]), plan.id))
    proposed = (await planner.get(address)).text
    drafted = await planner.post(f"{address}/draft-transfers")
    after = (await planner.get(address)).text

    assert f'action="/plans/{plan.id}/rebalancing"' in (await planner.get(f"/plans/{plan.id}")).text
    assert f'action="{address}/draft-transfers"' in proposed
    assert drafted.status_code == 303
    assert "已生成草稿" in after
    assert f'action="{address}/draft-transfers"' not in after


async def test_surplus_tells_what_to_do_with_each_piece(visitor):
    plan = await in_force()
    planner = await visitor("planner")

    page = (await planner.get(f"/plans/{plan.id}/surplus", language="en")).text

    assert f'href="/plans/{plan.id}/surplus"' in (await planner.get(f"/plans/{plan.id}")).text
    assert re.search(r"move \d to", page)
    assert "back to the vendor" in page


async def test_a_last_purchase_is_reckoned_on_its_page(visitor):
    planner = await visitor("planner")
    year = clock.today().year + 3

    empty = (await planner.get("/plans/last-time-buy")).text
    found = (await planner.get(f"/plans/last-time-buy?part={PSU}&until={year}-06-30&shortage_cny=9000")).text
    past = await planner.get(f"/plans/last-time-buy?part={PSU}&until=2020-01-01&shortage_cny=9000")
    wordy = await planner.get(f"/plans/last-time-buy?part={PSU}&until={year}-06-30&shortage_cny=much")

    assert "最后一次采购" in empty
    assert "值得保证的概率" in found
    assert "假定" in found
    assert (past.status_code, wordy.status_code) == (422, 422)


async def test_what_was_learned_is_a_page(visitor):
    planner, manager = await visitor("planner"), await visitor("project_manager")
    empty = (await planner.get("/plans/rates", language="en")).text
    await enter_swap_unit()
    await promise_swaps("C-BANK")
    await dusty_fans()
    learnt = await planner.post("/plans/rates")
    page = (await planner.get("/plans/rates", language="en")).text
    chinese = (await manager.get("/plans/rates")).text
    plan = await made()
    row = (await planner.get(f"/plans/{plan.id}/rows/{FAN}?depot=GZ", language="en")).text
    swap = (await planner.get(f"/plans/{plan.id}/rows/{SWAP}?depot=GZ")).text

    assert "Nothing was learned yet." in empty
    assert learnt.status_code == 303
    assert "industrial" in page
    assert "工业现场" in chinese
    assert "重新学习" not in chinese
    assert "Age, environment and firmware" in row
    assert "修复超时则更换整机" in swap
