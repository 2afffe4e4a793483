"""A drill's case runs the whole way, buys only from who takes part, and becomes real as soon as something really fails."""

from datetime import timedelta
from decimal import Decimal

import pytest

from api.channels.wording import worded
from inventory.emergency import cases, declaring, drills, proposing
from inventory.emergency.cases import NoDrill
from inventory.emergency.policy import NewPolicy, put_in_force
from inventory.ground import clock, db, jobs
from inventory.ground.errors import NotGranted, NotYourDepot
from inventory.installed_base import failures
from inventory.requests import requests
from inventory.stock import levels, receipts
from optimizer.emergency import choose
from tests.integration.assurance.test_escalation import on_duty
from tests.integration.emergency.test_cases import EMERGENCY, drain, judge, live_cases, planned, propose
from tests.integration.stock.test_levels import ids
from tests.world import AUDITOR, BUYER, DISPATCHER, DRIVE, MANAGER, PSU, SETUP, actor


async def fail(count: int, source: str | None, *, first: int = 0) -> None:
    await failures.record_failures(
        [
            failures.NewFailure(
                device=f"BANK-{n:03d}",
                part_number=DRIVE,
                occurred_at=clock.now() - timedelta(minutes=count + first - n),
                position="bay 2",
                source=source,
                reference=None if source is None else f"{source}-{n}",
            )
            for n in range(first, first + count)
        ],
        by=DISPATCHER,
    )


async def drilling(*, with_vendor: str | None = "DISTI") -> cases.CaseSummary:
    """A burst that a drill reports empties Guangzhou's shelf, while Shanghai has plenty."""
    if with_vendor:
        await db.execute(
            "UPDATE vendor SET takes_drills = true FROM party WHERE party.id = vendor.party AND code = $1", with_vendor
        )
    await planned()
    await receipts.adjust(
        "SH",
        DRIVE,
        9,
        by=SETUP,
        provenance="maker_direct",
        reason="plenty",
        serials=[f"SH-{n}" for n in range(9)],
    )
    await fail(12, "drill")
    await drain(DRIVE)
    await judge(DRIVE)
    (case,) = await live_cases()
    return case


async def sources_of(case: cases.CaseSummary) -> tuple[set[str], list[str]]:
    """Which vendors and stores were looked at."""
    proposal = (await cases.case_view(case.id, seen_by=BUYER)).proposal
    vendors = {option["vendor"] for option in proposal["options"].values()}
    return vendors, [need["depot"] for need in proposal["situation"]["needs"]]


async def test_what_a_drill_reports_opens_a_case_that_is_marked_as_one(company):
    case = await drilling()
    entry = (await cases.case_view(case.id, seen_by=AUDITOR)).log[0]

    assert (case.drill, case.cause, entry.facts["drill"]) == (True, "burst_and_level", True)


async def test_requests_of_a_drill_report_its_failures(company):
    await planned()
    assert not await drills.is_drilled(await ids(DRIVE, "GZ"))
    for source in ("drill", "glpi"):
        asked = clock.now()
        line = requests.NewRequestLine(part_number=DRIVE, quantity=1, position=source)
        await requests.open_request(
            requests.NewRequest(
                source=source, reference=f"{source}-1", device_serial="BANK-001", severity="general", lines=[line]
            ),
            by=DISPATCHER,
        )
        drilled = await drills.is_drilled(await ids(DRIVE, "GZ"))
        real = await drills.has_really_failed(await ids(DRIVE, "GZ"), asked)
        assert (drilled, real) == (source == "drill", source != "drill")


async def test_what_a_drills_requests_take_from_other_stores_opens_drills_there(company):
    await planned()
    await drain(PSU)
    key = await ids(PSU, "SH")
    asked_at = clock.now()

    async def ask(source: str) -> None:
        line = requests.NewRequestLine(part_number=PSU, quantity=1)
        asked = await requests.open_request(
            requests.NewRequest(
                source=source, reference=f"{source}-9", device_serial="BANK-009", severity="general", lines=[line]
            ),
            by=DISPATCHER,
        )
        assert asked.lines[0].promise.depot == "SH"

    assert not await drills.is_drilled(key)
    await ask("drill")
    assert (await drills.is_drilled(key), await drills.has_really_failed(key, asked_at)) == (True, False)
    later = timedelta(days=1)
    await declaring.set_critical_point(PSU, "SH", 5, pool="common", reason="a fair", lasts=later, by=MANAGER)
    await judge(PSU, "SH")
    assert {case.depot: case.drill for case in await live_cases()}["SH"] is True
    await declaring.lift_critical_point(PSU, "SH", pool="common", reason="over", by=MANAGER)
    await judge(PSU, "SH")
    await ask("glpi")
    await judge(PSU, "SH")
    assert {case.depot: case.drill for case in await live_cases()}["SH"] is False


async def test_what_really_fails_opens_no_drill(company):
    await planned()
    await fail(3, "drill")
    await fail(9, "glpi", first=3)
    await drain(DRIVE)
    await judge(DRIVE)

    (case,) = await live_cases()
    assert not case.drill


async def test_a_drill_buys_from_who_takes_part_and_takes_nothing_from_other_stores(company):
    case = await drilling()
    await propose(case)

    assert (await levels.level(DRIVE, "SH", "common", seen_by=AUDITOR)).free > 0
    assert await sources_of(case) == ({"DISTI"}, ["GZ"])


async def test_where_nobody_takes_part_a_drill_says_what_would_help(company):
    case = await drilling(with_vendor=None)
    await propose(case)

    told = (await cases.case_view(case.id, seen_by=BUYER)).proposal["hindrances"]
    assert "nobody_drills" in {each["code"] for each in told}


async def test_whoever_is_woken_is_told_that_it_is_a_drill(company):
    await on_duty("zhou", "project_manager", hours=500)
    await put_in_force(NewPolicy(standing_authority_cny=Decimal(0)), by=MANAGER)
    case = await drilling()
    await propose(case)
    facts = await db.fetch_value("SELECT facts FROM message WHERE kind = 'case_waits' LIMIT 1")

    assert (await cases.case_summary(case.id)).state == "proposed"
    assert worded("case_waits", facts, "zh", {}).title == f"【演练】请审批：应急方案 {case.number}"
    assert worded("case_waits", facts | {"drill": False}, "zh", {}).title == f"请审批：应急方案 {case.number}"


async def test_a_real_failure_makes_a_drill_real(company):
    case = await drilling()
    await propose(case)
    before = (await cases.case_view(case.id, seen_by=BUYER)).orders
    await judge(DRIVE)
    still = (await cases.case_summary(case.id)).drill
    await fail(1, "glpi", first=50)
    with jobs.collecting() as due:
        await judge(DRIVE)
    now = await cases.case_view(case.id, seen_by=BUYER)

    assert before, "the drill ordered"
    assert (still, now.case.drill, now.case.state) == (True, False, "open")
    assert jobs.Propose(case.id) in due
    assert {order.state for order in now.orders} <= {"draft", "refused"}
    await propose(case)
    vendors, stores = await sources_of(case)
    assert stores == ["GZ", "SH"]
    assert ("DISTI" in vendors) is (before[0].state == "draft")


async def test_a_plan_that_was_chosen_for_the_drill_is_not_drafted_once_it_is_real(company):
    case = await drilling()
    chosen = await proposing.prepare(case.id, by=EMERGENCY)
    assert chosen is not None
    await cases.make_real(case.id, by=MANAGER, reason="they fail indeed")
    with jobs.collecting() as due:
        await proposing.record(chosen, choose(chosen.situation), by=EMERGENCY)

    assert [job for job in due if isinstance(job, jobs.Propose)] == [jobs.Propose(case.id, 2)]
    assert (await cases.case_view(case.id, seen_by=BUYER)).orders == []


async def test_whoever_may_declare_makes_a_drill_real_once(company):
    case = await drilling()

    with pytest.raises(NotGranted):
        await cases.make_real(case.id, by=AUDITOR, reason="mine")
    with pytest.raises(NotYourDepot):
        await cases.make_real(case.id, by=actor("project_manager", depots={"SH"}), reason="not mine")
    real = await cases.make_real(case.id, by=MANAGER, reason="they fail indeed")
    with pytest.raises(NoDrill):
        await cases.make_real(case.id, by=MANAGER, reason="again")
    assert (real.drill, real.state) == (False, "open")


async def test_the_route_asks_for_rights_and_a_reason(api, company):
    case = await drilling()
    address = f"/emergency-cases/{case.id}/make-real"

    assert (await api.post(address, {"reason": "r"}, role=None)).status_code == 401
    assert (await api.post(address, {"reason": "r"}, role="auditor")).status_code == 403
    assert (await api.post(address, {}, role="project_manager")).status_code == 422
    done = await api.post(address, {"reason": "they fail indeed"}, role="project_manager")
    assert (done.status_code, done.json()["drill"]) == (200, False)
    again = await api.post(address, {"reason": "again"}, role="project_manager")
    assert (again.status_code, again.json()["code"]) == (409, "no_drill")
