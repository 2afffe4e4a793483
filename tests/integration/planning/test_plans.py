"""Plans: from the installed base and its rates to lines on the levels, decided by a second person."""

from datetime import timedelta

import msgspec
import pytest

from inventory.ground import clock, db, progress
from inventory.ground.errors import NotGranted, WrongState
from inventory.installed_base import failures
from inventory.planning import network, plans, rates
from inventory.planning.answering import answer
from inventory.planning.answers import Answered
from inventory.planning.plans import PlannerMayNotApprove
from tests.integration.stock.test_reservations import level
from tests.world import DISPATCHER, DRIVE, FAN, MANAGER, PLANNER, PSU, SETUP, actor


async def made(by=PLANNER) -> plans.PlanSummary:
    gathered = await network.gather(clock.now().date())
    answered = msgspec.json.decode(answer(msgspec.json.encode(gathered.network)), type=Answered)
    return await plans.record_plan(gathered, answered, by=by)


async def test_the_network_is_what_the_database_knows(company):
    gathered = await network.gather(clock.now().date())
    net = gathered.network

    assert [depot.id for depot in net.depots] == ["GZ", "ZJ/C-TELCO"]
    assert {(row.customer, row.device_count) for row in net.installed_base} == {
        ("BANK-GZ/C-BANK", 160),
        ("TELCO-ZJ/C-TELCO", 40),
    }
    assert {row.part: row.annual_failure_rate for row in net.bom} == {DRIVE: 0.02, PSU: 0.035, FAN: 0.01}
    assert {(row.part, row.min_stock) for row in net.replenishment if row.depot == "GZ"} == {
        (DRIVE, 0),
        (FAN, 0),
        (PSU, 1),
    }


async def test_a_dedicated_customer_is_served_by_its_own_stock_only(company):
    gathered = await network.gather(clock.now().date())
    customers = {customer.id: customer.travel_hours for customer in gathered.network.customers}

    assert customers == {"BANK-GZ/C-BANK": {"GZ": 1.2}, "TELCO-ZJ/C-TELCO": {"ZJ/C-TELCO": 0.2}}


async def test_a_part_without_any_offer_has_no_lead_time(company):
    await db.execute(
        "UPDATE offer SET valid_to = '2024-06-30' FROM part WHERE part.id = offer.part AND part_number = $1", FAN
    )

    with pytest.raises(network.NoLeadTime) as refusal:
        await network.gather(clock.now().date())
    assert refusal.value.facts["parts"] == FAN


async def test_a_plan_is_optimal_proven_and_explains_itself(company):
    plan = await made()
    detail = await plans.plan_detail(plan.id)

    assert (plan.status, plan.state) == ("optimal", "proposed")
    assert plan.lower_bound_cny <= plan.cost_cny
    assert {planned.code for planned in detail.classes} == {"2h"}
    assert all(planned.planned_service >= planned.target_fraction - 1e-9 for planned in detail.classes)
    row = next(row for row in detail.rows if (row.part_number, row.depot) == (DRIVE, "GZ"))
    assert row.expected_demand == pytest.approx(160 * 8 * 0.02 / 365 * 7)


async def test_an_approved_plan_becomes_the_levels_lines(company):
    plan = await made()
    approved = await plans.approve_plan(plan.id, by=MANAGER)
    detail = await plans.plan_detail(plan.id)

    planned = next(row for row in detail.rows if (row.part_number, row.depot) == (PSU, "GZ"))
    stock = await level(PSU, "GZ")
    assert approved.state == "approved"
    assert stock.base_stock == planned.base_stock >= 1
    assert stock.average_failure_line == int(planned.expected_demand)


async def test_whoever_made_a_plan_does_not_approve_it(company):
    both = actor("project_manager")
    plan = await made(by=msgspec.structs.replace(PLANNER, name=both.name))

    with pytest.raises(PlannerMayNotApprove):
        await plans.approve_plan(plan.id, by=both)


async def test_a_newer_plan_supersedes_the_older_one(company):
    older, newer = await made(), await made()
    await plans.approve_plan(older.id, by=MANAGER)
    await plans.approve_plan(newer.id, by=MANAGER)

    assert (await plans.plan_summary(older.id)).state == "superseded"
    assert await db.fetch_value("SELECT count(*) FROM plan WHERE state = 'approved'") == 1


async def test_a_rejected_plan_holds_nowhere(company):
    plan = await made()
    await plans.reject_plan(plan.id, by=MANAGER, reason="the bank's new site is missing")

    with pytest.raises(WrongState):
        await plans.approve_plan(plan.id, by=MANAGER)
    assert (await level(PSU, "GZ")).base_stock is None


async def test_a_planner_does_not_approve(company):
    plan = await made()

    with pytest.raises(NotGranted):
        await plans.approve_plan(plan.id, by=PLANNER)


async def test_a_job_is_watched_and_cancelled(company):
    job = await plans.ask_for_plan(by=PLANNER)
    assert job.state == "queued"

    assert await progress.note_progress(job.id, 40, "sizing")
    assert (await progress.cancel_job(job.id, by=PLANNER)).state == "running"
    assert not await progress.note_progress(job.id, 60, "sizing")
    await progress.finish_job(job.id, "cancelled", "as asked")
    with pytest.raises(WrongState):
        await progress.cancel_job(job.id, by=PLANNER)


async def test_rates_are_learned_from_what_really_failed(company):
    until = clock.now().date()
    since = until - timedelta(days=365)
    await failures.record_failures(
        [
            failures.NewFailure(
                device=f"BANK-{n:03d}",
                part_number=DRIVE,
                occurred_at=clock.now() - timedelta(days=2 + n),
                position="bay 1",
            )
            for n in range(60)
        ],
        by=DISPATCHER,
    )

    assert await rates.learn(since, until, by=SETUP) == 3
    row = await db.fetch_one(
        """SELECT annual_rate, source, failures, device_years FROM failure_rate JOIN part ON part.id = failure_rate.part
           WHERE part_number = $1 ORDER BY valid_from DESC LIMIT 1""",
        DRIVE,
    )
    # 60 failures in 200 devices × 8 drives × a year, with a prior of 20 in 1,000
    assert (row["source"], row["failures"]) == ("history", 60)
    assert row["device_years"] == pytest.approx(1600, rel=0.01)
    assert row["annual_rate"] == pytest.approx((20 + 60) / (1000 + 1600), rel=0.01)
