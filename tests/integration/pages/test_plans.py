"""Stocking plans on pages: asked for, watched, judged, decided."""

from datetime import timedelta

from inventory.ground import clock, progress
from inventory.installed_base import failures
from tests.integration.planning.test_plans import made
from tests.world import DISPATCHER, DRIVE, PLANNER, PSU


async def test_a_plan_is_asked_for_and_watched(visitor):
    planner = await visitor("planner")

    asked = await planner.post("/plans")
    job = asked.headers["location"].rsplit("/", 1)[1]
    waiting = (await planner.get(asked.headers["location"])).text
    await progress.note_progress(job, 20, "sizing")
    working = (await planner.get(asked.headers["location"])).text
    plan = await made()
    await progress.finish_job(job, "done", "", {"plan": str(plan.id), "number": plan.number, "status": plan.status})
    done = (await planner.get(asked.headers["location"])).text

    assert "排队中" in waiting
    assert "计算目标库存" in working
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
