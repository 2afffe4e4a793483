"""Questions put to a plan: what other targets would cost, what if; and plans of the night. The worker does them."""

from uuid import uuid4

import asyncpg
import msgspec
import pytest

from api import solving
from inventory.ground import clock, db, jobs, progress
from inventory.ground.errors import NotGranted, Unknown, WrongState
from inventory.installed_base import register as installed_base
from inventory.planning import asking, explaining, plans
from inventory.planning.network import gather
from optimizer.certificate import check
from optimizer.whatif import Changes, DeviceFactor, LeadTimeFactor
from tests.integration.planning.test_plans import made
from tests.world import DISPATCHER, DRIVE, MANAGER, PLANNER, SETUP, actor


async def in_force() -> plans.PlanSummary:
    plan = await made()
    return await plans.approve_plan(plan.id, by=MANAGER)


async def worked(act, kind, job, *arguments):
    """What the worker does with the job."""
    await solving.run(act, kind(job.id, *arguments))
    return await progress.job_view(job.id)


async def what_if(changes, **more):
    job = await asking.ask_what_if(changes, by=PLANNER, **more)
    start = more.get("plan") or await db.fetch_value("SELECT id FROM plan WHERE state = 'approved'")
    return await worked(solving.ask_what_if, jobs.AskWhatIf, job, start, msgspec.to_builtins(changes))


async def test_a_plan_is_made_by_the_worker_and_keeps_all_it_takes_to_verify_it(company):
    job = await plans.ask_for_plan(by=PLANNER)
    done = await worked(solving.make_plan, jobs.MakePlan, job)
    (plan,) = await plans.plans(limit=2)

    assert (done.state, done.progress, done.result["number"]) == ("done", 100, plan.number)
    assert plan.made_by == PLANNER.name
    assert len(plan.optimizer) == 12
    kept = await asking.kept(plan.id)
    assert check(kept.answer, kept.network) == []


async def test_the_next_plan_starts_from_the_newest_multipliers(company):
    assert await asking.newest_multipliers() is None
    await made()
    newest = await made()
    await what_if(Changes(targets={"2h": 0.97}), plan=newest.id)  # a question is no plan to start from

    assert await asking.newest_multipliers() == (await plans.plan_detail(newest.id, seen_by=PLANNER)).multipliers


async def test_a_job_tells_its_step_and_its_gap_and_never_goes_back(company):
    job = await plans.ask_for_plan(by=PLANNER)
    await progress.note_progress(job.id, 30, "core", {"gap": 0.02})
    await progress.note_progress(job.id, 20, "alternatives", {"gap": 0.01})
    view = await progress.job_view(job.id)

    assert (view.progress, view.message, view.result) == (30, "alternatives", {"gap": 0.01})


async def test_a_job_that_is_asked_to_stop_makes_no_plan(company):
    job = await plans.ask_for_plan(by=PLANNER)
    await progress.note_progress(job.id, 5, "gathering the network")
    await progress.cancel_job(job.id, by=PLANNER)

    assert not await progress.is_wanted(job.id)
    done = await worked(solving.make_plan, jobs.MakePlan, job)
    assert (done.state, done.message) == ("cancelled", "stopped as asked")
    assert await plans.plans(limit=2) == []


async def test_a_job_that_cannot_be_done_says_why(company):
    await db.execute("UPDATE offer SET valid_to = '2024-06-30'")
    job = await plans.ask_for_plan(by=PLANNER)
    done = await worked(solving.make_plan, jobs.MakePlan, job)

    assert done.state == "failed"
    assert "no valid offer" in done.message


async def test_a_what_if_stands_beside_the_plan_in_force(company):
    plan = await in_force()
    done = await what_if(Changes(targets={"2h": 0.97}, device_factors=(DeviceFactor(1.5),)))
    found = await asking.comparison(done.result["plan"], seen_by=PLANNER)
    side = found.comparison

    assert (found.based_on.id, found.plan.state) == (plan.id, "what_if")
    assert found.changes.targets == {"2h": 0.97}
    assert side.cost_after_cny > side.cost_before_cny == float(plan.cost_cny)
    assert side.classes[0].service_after >= 0.97
    assert side.service_of_before["2h"] < 0.97
    rows = {
        (row.part_number, row.depot): row.base_stock
        for row in (await plans.plan_detail(found.plan.id, seen_by=PLANNER)).rows
    }
    raised = next(row for row in side.rows if (row.part, row.depot) == (DRIVE, "GZ"))
    assert rows[DRIVE, "GZ"] == raised.after > raised.before


async def test_a_what_if_never_holds(company):
    await in_force()
    done = await what_if(Changes(lead_time_factors=(LeadTimeFactor(2.0),)))

    with pytest.raises(WrongState):
        await plans.approve_plan(done.result["plan"], by=MANAGER)
    with pytest.raises(asyncpg.CheckViolationError, match="never_holds"):
        await db.execute(
            "UPDATE plan SET state = 'approved', approved_at = now(), approved_by = 'x' WHERE id = $1",
            done.result["plan"],
        )


async def test_a_what_if_that_cannot_hold_says_so(company):
    await in_force()
    done = await what_if(Changes(total_budget_cny=1.0))
    found = await asking.comparison(done.result["plan"], seen_by=PLANNER)

    assert (found.plan.status, found.comparison.cost_after_cny, found.comparison.rows) == ("infeasible", None, ())
    assert found.comparison.reasons


async def test_a_what_if_needs_a_plan_to_start_from_and_something_to_change(company):
    with pytest.raises(asking.NoPlanHolds):
        await asking.ask_what_if(Changes(targets={"2h": 0.9}), by=PLANNER)
    plan = await made()
    with pytest.raises(asking.ChangesMeanNothing):
        await asking.ask_what_if(Changes(), by=PLANNER, plan=plan.id)
    with pytest.raises(asking.ChangesMeanNothing) as refusal:
        await asking.ask_what_if(Changes(targets={"9h": 0.9}), by=PLANNER, plan=plan.id)
    assert refusal.value.fields[0].pointer == "/changes/targets/9h"
    assert refusal.value.sentence("zh") == '假设无法成立（$.targets["9h"]）：没有此编号：9h。'
    with pytest.raises(asking.ChangesMeanNothing) as dotted:
        await asking.ask_what_if(Changes(targets={"2.5 h/gold": 0.9}), by=PLANNER, plan=plan.id)
    assert dotted.value.fields[0].pointer == "/changes/targets/2.5 h~1gold"
    with pytest.raises(NotGranted):
        await asking.ask_what_if(Changes(targets={"2h": 0.9}), by=DISPATCHER, plan=plan.id)
    assert await db.fetch_value("SELECT count(*) FROM job") == 0


async def test_what_is_no_what_if_is_not_compared(company):
    plan = await made()
    with pytest.raises(Unknown):
        await asking.comparison(plan.id, seen_by=PLANNER)


async def test_the_frontier_is_kept_with_its_plan(company):
    plan = await made()
    assert (await asking.frontier_of(plan.id, seen_by=PLANNER)).points == []

    job = await asking.ask_for_frontier(plan.id, by=PLANNER)
    done = await worked(solving.draw_frontier, jobs.DrawFrontier, job, plan.id)
    frontier = await asking.frontier_of(plan.id, seen_by=PLANNER)
    costs = [point.cost_cny for point in frontier.points]

    assert done.state == "done"
    assert costs == sorted(costs)
    middle = next(point for point in frontier.points if point.shift == 0)
    assert middle.cost_cny == float(plan.cost_cny)
    assert frontier.drawn_at is not None


async def test_the_plan_of_the_night_is_made_when_something_changed(company):
    assert await plans.ask_for_changed_plan(clock.today()) is not None  # there is none yet
    await made(by=plans.NIGHTLY)
    assert await plans.ask_for_changed_plan(clock.today()) is None
    await what_if(Changes(targets={"2h": 0.9}), plan=(await plans.plans(limit=1))[0].id)
    assert await plans.ask_for_changed_plan(clock.today()) is None  # a question changes nothing

    await installed_base.enter_devices(
        [
            installed_base.NewDevice(
                serial=f"BANK-NEW-{number}",
                model="R740",
                site="BANK-GZ",
                contract="C-BANK",
                installed_on=clock.today(),
            )
            for number in range(200)
        ],
        by=SETUP,
    )
    job = await plans.ask_for_changed_plan(clock.today())
    assert job is not None
    assert job.requested_by == "service:planning"


async def test_no_plan_is_made_at_night_where_the_answer_could_not_be_another(company):
    plan = await in_force()
    before = (await asking.kept(plan.id)).network
    await db.execute("UPDATE failure_rate SET annual_rate = annual_rate * 1.0001")

    assert (await gather(clock.today())).network != before
    assert await plans.ask_for_changed_plan(clock.today()) is None
    await made()  # newer, and not decided on
    await db.execute("UPDATE failure_rate SET annual_rate = annual_rate * 3")
    assert await plans.ask_for_changed_plan(clock.today()) is not None


async def test_a_plan_is_made_at_night_where_less_stock_would_do(company):
    await in_force()
    await db.execute("UPDATE service_class SET target_fraction = 0.5")

    assert await plans.ask_for_changed_plan(clock.today()) is not None


async def test_a_night_that_nobody_decided_on_gives_way_to_the_next(company):
    by_hand, first, second = await made(), await made(by=plans.NIGHTLY), await made(by=plans.NIGHTLY)
    states = {plan.number: (plan.state, plan.remark) for plan in await plans.plans(limit=9)}
    waiting = await db.fetch("SELECT subject FROM step WHERE kind = 'approve_plan' AND done_at IS NULL")

    assert states[by_hand.number][0] == states[second.number][0] == "proposed"
    assert states[first.number] == ("rejected", f"→ {second.number}")
    assert {row["subject"] for row in waiting} == {by_hand.number, second.number}


async def test_questions_are_asked_over_http(api):
    plan = await made()
    frontier = await api.post(f"/plans/{plan.id}/frontier", role="planner")
    asked = await api.post("/what-if", {"plan": str(plan.id), "changes": {"targets": {"2h": 0.95}}}, role="planner")
    wrong = await api.post("/what-if", {"plan": str(plan.id), "changes": {"targets": {"2h": 1.5}}}, role="planner")
    unknown = await api.post("/what-if", {"plan": str(plan.id), "changes": {"closed_depots": ["BJ"]}}, role="planner")
    nothing = await api.post("/what-if", {"plan": str(plan.id), "changes": {}}, role="planner")
    without = await api.post("/what-if", {"changes": {"targets": {"2h": 0.95}}}, role="planner")

    assert (frontier.status_code, frontier.json()["kind"]) == (202, "draw_frontier")
    assert (asked.status_code, asked.json()["kind"]) == (202, "ask_what_if")
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/changes/targets")
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/changes/closed_depots/0")
    assert (nothing.status_code, nothing.json()["code"]) == (422, "changes_mean_nothing")
    assert (without.status_code, without.json()["code"]) == (409, "no_plan_holds")
    for path in ("frontier", "network", "answer"):
        assert (await api.get(f"/plans/{plan.id}/{path}", role="planner")).status_code == 200
    assert (await api.get(f"/plans/{plan.id}/comparison", role="planner")).status_code == 404


@pytest.mark.parametrize("file", ["network", "answer"])
async def test_a_plans_files_are_for_whoever_sees_all_that_is_in_them(api, company, file):
    plan = await made()
    whole = await api.call("GET", f"/plans/{plan.id}/{file}", role="planner")
    of_one_store = await api.call("GET", f"/plans/{plan.id}/{file}", role="planner", depot="GZ")
    chinese = await api.call("GET", f"/plans/{plan.id}/{file}", role="planner", depot="GZ", language="zh")

    assert whole.status_code == 200
    assert (of_one_store.status_code, of_one_store.json()["code"]) == (403, "not_your_network")
    assert "every store, contract and price" in of_one_store.json()["detail"]
    assert "全部备件库、合同与价格" in chinese.json()["detail"]


async def test_whoever_is_bound_to_a_store_sees_its_rows_of_a_plan_and_no_comparison_of_all(api, company):
    await in_force()
    done = await what_if(Changes(targets={"2h": 0.97}))
    plan = done.result["plan"]
    whole = await api.call("GET", f"/plans/{plan}", role="planner")
    of_one_store = await api.call("GET", f"/plans/{plan}", role="planner", depot="GZ")
    compared = await api.call("GET", f"/plans/{plan}/comparison", role="planner", depot="GZ")

    assert {row["depot"] for row in whole.json()["rows"]} > {"GZ"}
    assert {row["depot"] for row in of_one_store.json()["rows"]} == {"GZ"}
    assert (compared.status_code, compared.json()["code"]) == (403, "not_your_network")


async def test_whoever_is_bound_to_contracts_sees_of_a_plan_what_serves_these(company):
    plan = await in_force()
    bank, telco = [actor("planner", contracts={code}) for code in ("C-BANK", "C-TELCO")]

    async def shown(reader) -> set[str]:
        rows = (await plans.plan_detail(plan.id, seen_by=reader)).rows
        assert list(await plans.targets(limit=500, seen_by=reader)) == rows
        return {row.pool for row in rows}

    assert await shown(PLANNER) == await shown(telco) == {"common", "C-TELCO"}
    assert await shown(bank) == {"common"}
    row = next(row for row in (await plans.plan_detail(plan.id, seen_by=telco)).rows if row.pool == "C-TELCO")
    assert await explaining.row_explanation(plan.id, row.part_number, row.depot, pool=row.pool, seen_by=telco)
    with pytest.raises(Unknown):
        await explaining.row_explanation(plan.id, row.part_number, row.depot, pool=row.pool, seen_by=bank)

    await db.execute("""UPDATE plan SET answer = answer || '{"reasons": ["no offer"]}'""")
    of_all, of_theirs = [await plans.plan_detail(plan.id, seen_by=reader) for reader in (PLANNER, bank)]
    assert of_all.reasons
    assert of_all.multipliers
    assert (of_theirs.reasons, of_theirs.multipliers) == ([], {})
    with pytest.raises(asking.NotYourNetwork):
        await asking.frontier_of(plan.id, seen_by=bank)
    assert (await asking.frontier_of(plan.id, seen_by=PLANNER)).points == []


async def test_a_plans_files_need_the_right_to_see_costs_and_every_contract(company):
    plan = await made()
    blind = msgspec.structs.replace(PLANNER, rights=PLANNER.rights - {"costs.read"})
    for reader in (blind, actor("planner", depots={"GZ"}), actor("planner", contracts={"C-BANK"})):
        with pytest.raises(asking.NotYourNetwork):
            await asking.files_of(plan.id, seen_by=reader)
    with pytest.raises(Unknown):
        await asking.files_of(uuid4(), seen_by=PLANNER)

    assert (await asking.files_of(plan.id, seen_by=PLANNER)).number == plan.number
