"""Plans: from the installed base and its rates to lines on the levels, decided by a second person."""

from datetime import timedelta

import msgspec
import pytest

from inventory.ground import clock, db, progress
from inventory.ground.errors import NotGranted, WrongState
from inventory.installed_base import failures
from inventory.planning import learning, network, plans, rates
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
    detail = await plans.plan_detail(plan.id, seen_by=PLANNER)

    assert (plan.status, plan.state) == ("optimal", "proposed")
    assert plan.lower_bound_cny <= plan.cost_cny
    assert {planned.code for planned in detail.classes} == {"2h"}
    assert all(planned.planned_service >= planned.target_fraction - 1e-9 for planned in detail.classes)
    row = next(row for row in detail.rows if (row.part_number, row.depot) == (DRIVE, "GZ"))
    assert row.expected_demand == pytest.approx(160 * 8 * 0.02 / 365 * 7)


async def test_an_approved_plan_becomes_the_levels_lines(company):
    plan = await made()
    approved = await plans.approve_plan(plan.id, by=MANAGER)
    detail = await plans.plan_detail(plan.id, seen_by=PLANNER)

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


async def test_a_rate_that_is_hardly_known_asks_for_more_stock(company):
    gathered = await network.gather(clock.now().date())
    assert {part.id: part.rate_shape for part in gathered.network.parts} == {DRIVE: 20, FAN: 10, PSU: 35}
    sure = (await plans.plan_detail((await made()).id, seen_by=PLANNER)).plan.cost_cny
    await db.execute("UPDATE failure_rate SET shape = 0.5, exposure_device_years = 0.5 / annual_rate")
    unsure = await plans.plan_detail((await made()).id, seen_by=PLANNER)

    assert unsure.plan.cost_cny > sure
    assert all(planned.planned_service >= planned.target_fraction - 1e-9 for planned in unsure.classes)
    demanded = sum(row.rate_per_day for row in unsure.rows)
    shares = sum(row.rate_per_day * row.planned_share for row in unsure.rows) / demanded
    assert shares <= unsure.classes[0].planned_service + 1e-9  # which has the hours left after travel besides


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

    assert (await learning.learn(since, until, by=SETUP)).parts == 3
    row = await db.fetch_one(
        """SELECT annual_rate, source, failures, device_years FROM failure_rate JOIN part ON part.id = failure_rate.part
           WHERE part_number = $1 ORDER BY valid_from DESC LIMIT 1""",
        DRIVE,
    )
    # 60 failures in 200 devices × 8 drives × a year, with a prior of 20 in 1,000
    assert (row["source"], row["failures"]) == ("history", 60)
    assert row["device_years"] == pytest.approx(1600, rel=0.01)
    assert row["annual_rate"] == pytest.approx((20 + 60) / (1000 + 1600), rel=0.01)


def rates_by_part(net) -> dict[tuple[str, str], float]:
    """Failures a year that each customer and part asks for."""
    per_model: dict[str, dict[str, float]] = {}
    for line in net.bom:
        per_model.setdefault(line.model, {})[line.part] = line.per_device * line.annual_failure_rate
    asked: dict[tuple[str, str], float] = {}
    for row in net.installed_base:
        for part, rate in per_model[row.model].items():
            asked[row.customer, part] = asked.get((row.customer, part), 0.0) + rate * row.device_count
    return asked


async def test_nothing_changes_where_nothing_starts_or_ends_within_the_horizon(company):
    today = clock.now().date()
    before = (await network.gather(today)).network
    await db.execute("UPDATE contract SET starts_on = $1, ends_on = $2", today, today + timedelta(days=90))
    await db.execute("UPDATE device SET installed_on = $1, retired_on = $2 WHERE serial = 'BANK-000'", today, None)

    assert (await network.gather(today)).network == before


@pytest.mark.parametrize(
    ("changed", "days"),
    [
        ("UPDATE contract SET ends_on = $1::date + 29 WHERE code = 'C-BANK'", 30),
        ("UPDATE contract SET starts_on = $1::date + 60 WHERE code = 'C-BANK'", 30),
        ("UPDATE contract SET starts_on = $1::date + 30, ends_on = $1::date + 59 WHERE code = 'C-BANK'", 30),
        (
            "UPDATE device SET installed_on = $1::date + 45 FROM contract WHERE contract.id = contract AND code = 'C-BANK'",
            45,
        ),
        ("UPDATE contract SET ends_on = $1::date + 29, served_after_end = true WHERE code = 'C-BANK'", 90),
        ("UPDATE contract SET ends_on = $1::date - 1 WHERE code = 'C-BANK'", 0),
        ("UPDATE contract SET starts_on = $1::date + 90 WHERE code = 'C-BANK'", 0),
    ],
)
async def test_a_device_counts_for_its_days_within_the_horizon(company, changed, days):
    today = clock.now().date()
    before = rates_by_part((await network.gather(today)).network)
    await db.execute(changed, today)
    after = rates_by_part((await network.gather(today)).network)

    assert after.get(("BANK-GZ/C-BANK", DRIVE), 0.0) == pytest.approx(before["BANK-GZ/C-BANK", DRIVE] * days / 90)
    assert after["TELCO-ZJ/C-TELCO", DRIVE] == before["TELCO-ZJ/C-TELCO", DRIVE]


async def test_devices_that_retire_one_by_one_count_until_then(company):
    today = clock.now().date()
    before = rates_by_part((await network.gather(today)).network)
    await db.execute(
        """UPDATE device SET retired_on = $1::date + CASE serial WHEN 'BANK-000' THEN 30 ELSE 60 END
           WHERE serial IN ('BANK-000', 'BANK-001')""",
        today,
    )
    gathered = await network.gather(today)

    assert {
        row.model: row.device_count for row in gathered.network.installed_base if row.customer == "BANK-GZ/C-BANK"
    } == {
        "R740": 158,
        "R740/30 of 90 days": 1,
        "R740/60 of 90 days": 1,
    }
    after = rates_by_part(gathered.network)
    assert after["BANK-GZ/C-BANK", DRIVE] == pytest.approx(before["BANK-GZ/C-BANK", DRIVE] * 159 / 160)


async def test_the_horizon_reaches_as_far_as_the_longest_resupply(company):
    today = clock.now().date()
    await db.execute(
        "UPDATE offer SET lead_time_days = 120 FROM part WHERE part.id = offer.part AND part_number = $1", FAN
    )
    await db.execute("UPDATE contract SET ends_on = $1::date + 59 WHERE code = 'C-BANK'", today)

    assert "R740/60 of 120 days" in {row.model for row in (await network.gather(today)).network.installed_base}


async def test_a_rate_holds_from_its_day_on(company):
    today = clock.today()
    await db.execute(
        """INSERT INTO failure_rate (part, valid_from, annual_rate, shape, exposure_device_years, failures, device_years,
                                     source, evidence)
           SELECT id, $2::date + 30, 0.4, 4, 10, 0, 0, 'assumed', 'from next month on' FROM part WHERE part_number = $1""",
        FAN,
        today,
    )

    async def of_fans(days: int) -> tuple[float, float | None]:
        found = (await network.gather(today + timedelta(days=days))).network
        (rate,) = {line.annual_failure_rate for line in found.bom if line.part == FAN}
        return rate, next(part.rate_shape for part in found.parts if part.id == FAN)

    assert (await of_fans(29))[0] == 0.01
    assert await of_fans(30) == (0.4, 4.0)


async def test_a_rate_that_holds_later_is_no_rate_yet(company):
    today = clock.today()
    await db.execute(
        "UPDATE failure_rate SET valid_from = $2::date + 30 FROM part WHERE part.id = part AND part_number = $1",
        PSU,
        today,
    )

    assert await rates.assume(today, by=SETUP) == 1
    assert {line.annual_failure_rate for line in (await network.gather(today)).network.bom if line.part == PSU} != {
        0.035
    }


async def test_a_part_without_any_rate_is_planned_with_that_of_its_kind_marked_as_assumed(company):
    today = clock.now().date()
    await db.execute("DELETE FROM failure_rate USING part WHERE part.id = part AND part_number IN ($1, $2)", PSU, FAN)
    await db.execute("UPDATE part SET kind = 'drive' WHERE part_number = $1", FAN)

    assert await rates.assume(today, by=SETUP) == 2
    assert await rates.assume(today, by=SETUP) == 0
    entered = await db.fetch(
        """SELECT part_number, annual_rate, source, evidence FROM failure_rate JOIN part ON part.id = failure_rate.part
           WHERE part_number IN ($1, $2) ORDER BY part_number""",
        FAN,
        PSU,
    )
    assert [tuple(row.values()) for row in entered] == [
        (FAN, 0.02, "assumed", "no record of its own; parts of its kind (drive) with a rate: 1, whose mean this is"),
        (PSU, 0.02, "assumed", "no record of its own; parts of any kind with a rate: 1, whose mean this is"),
    ]
    assert {line.annual_failure_rate for line in (await network.gather(today)).network.bom} == {0.02}
