"""Plan 2 rehearsed: what it would have done, without any stock, case or order being touched."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from msgspec import UNSET, structs

from api import solving
from inventory.assurance.invariants import violations
from inventory.emergency import rehearsals
from inventory.emergency.rehearsals import ImaginedBurst, Rehearsal
from inventory.ground import clock, db, jobs, progress
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown, WrongState
from inventory.ground.progress import JobView
from inventory.stock import receipts
from tests.integration.emergency.test_cases import drain, fail, judge, live_cases, planned
from tests.world import AUDITOR, BUYER, DRIVE, ENGINEER, FAN, SETUP, actor

BURST = ImaginedBurst(part_number=DRIVE, depot="GZ", failures=30, days=10)
MINE = actor("auditor", depots={"GZ"})
ELSEWHERE = actor("auditor", depots={"SH"})


async def everything() -> list[object]:
    """All that a rehearsal must leave as it was."""
    return [
        await db.fetch_value(f"SELECT coalesce(jsonb_agg(to_jsonb(each) ORDER BY each::text), '[]')::text FROM {table} AS each")
        for table in ("level", "movement", "reservation", "emergency_case", "case_entry", "near_miss", "assessment",
                      "purchase_order", "transfer", "expected_delivery", "event", "pgqueuer", "step")
    ]  # fmt: skip


async def rehearsed(job: JobView, asker: Actor) -> Rehearsal:
    """What came of a rehearsal, once the worker has played it."""
    await solving.run(solving.rehearse, jobs.Rehearse(job.id))
    done = await progress.job_view(job.id)
    assert done.state == "done", done.message
    return await rehearsals.rehearsal(job.id, seen_by=asker)


async def imagined(burst: ImaginedBurst, asker: Actor) -> Rehearsal:
    return await rehearsed(await rehearsals.ask_burst(burst, by=asker), asker)


async def past(since: datetime, until: datetime, asker: Actor) -> Rehearsal:
    return await rehearsed(await rehearsals.ask_past(since, until, by=asker), asker)


async def test_a_made_up_burst_tells_when_a_case_would_open_and_what_it_would_buy(company):
    await planned()
    job = await rehearsals.ask_burst(BURST, by=AUDITOR)
    before = await everything()

    found = await rehearsed(job, AUDITOR)

    (first, *_) = found.cases
    assert (first.part_number, first.depot, first.cause) == (DRIVE, "GZ", "burst_and_level")
    assert first.crossed_critical_point
    assert first.broken == ["2h"]
    assert 0 < first.day < 10
    assert all(measure.source == "DISTI" and measure.kind == "purchase" for measure in first.measures)
    assert first.cost_cny == sum(measure.cost_cny for measure in first.measures) > Decimal(980)
    assert all(measure.arrives_at >= first.opened_at + timedelta(hours=24) for measure in first.measures)
    assert found.failures == 30
    assert found.without_stock < found.without_stock_otherwise
    assert await everything() == before
    assert await violations() == []


async def test_a_quiet_burst_opens_nothing(company):
    await planned()
    found = await imagined(ImaginedBurst(part_number=FAN, depot="GZ", factor=1.0, days=30), AUDITOR)

    assert (found.cases, found.without_stock, found.without_stock_otherwise) == ([], 0, 0)


async def test_other_stores_would_help_with_what_they_can_spare(company):
    await planned()
    await receipts.adjust(
        "SH",
        DRIVE,
        30,
        by=SETUP,
        provenance="maker_direct",
        reason="plenty",
        serials=[f"SH-{n}" for n in range(30)],
    )
    # the plan stocks the part in one store only; here the other one has it too
    await db.execute(
        """INSERT INTO plan_row (plan, part, place, pool, base_stock, rate_per_day, resupply_days, planned_share)
           SELECT plan, part, (SELECT id FROM place WHERE code = 'SH'), plan_row.pool, 1, 0.0001, resupply_days, 0.9
           FROM plan_row JOIN part ON part.id = plan_row.part JOIN place ON place.id = plan_row.place
           WHERE part_number = $1 AND place.code = 'GZ'""",
        DRIVE,
    )
    found = await imagined(BURST, AUDITOR)

    moved = [measure for case in found.cases for measure in case.measures if measure.kind == "transfer"]
    assert {measure.source for measure in moved} == {"SH"}
    assert 0 < sum(measure.quantity for measure in moved) <= 30


async def test_a_period_in_which_a_case_really_opened_says_so(company):
    await planned()
    since = clock.now()
    await fail(DRIVE, 14, hours=1)
    await drain(DRIVE)
    await judge(DRIVE)
    (case,) = await live_cases()
    job = await rehearsals.ask_past(since - timedelta(hours=2), clock.now(), by=AUDITOR)
    before = await everything()

    found = await rehearsed(job, AUDITOR)

    assert [(real.number, real.part_number, real.depot, real.rehearsed) for real in found.real_cases] == [
        (case.number, DRIVE, "GZ", True)
    ]
    assert [each.really for each in found.cases if (each.part_number, each.depot) == (DRIVE, "GZ")] == [[case.number]]
    assert found.failures == 14
    assert await everything() == before


async def test_a_quiet_period_has_nothing_to_tell(company):
    await planned()
    found = await past(clock.now() - timedelta(days=30), clock.now(), AUDITOR)

    assert (found.failures, found.without_stock, found.real_cases) == (0, 0, [])


async def test_prices_are_for_those_who_may_see_them(company):
    await planned()
    found = await imagined(BURST, ENGINEER)

    assert found.cost_cny is UNSET
    assert {case.cost_cny for case in found.cases} == {UNSET}
    assert {measure.cost_cny for case in found.cases for measure in case.measures} == {UNSET}


async def test_vendors_are_named_to_those_who_may_see_orders(company):
    await planned()
    engineers, buyers = await imagined(BURST, ENGINEER), await imagined(BURST, BUYER)

    def bought_of(found: Rehearsal) -> set:
        return {each.source for case in found.cases for each in case.measures if each.kind == "purchase"}

    assert bought_of(engineers) == {UNSET}
    assert bought_of(buyers) >= {"DISTI"}


@pytest.mark.parametrize("role", ["project_manager", "ticket_system"])
async def test_whoever_is_bound_to_contracts_rehearses_nothing(company, role):
    await planned()
    bound = actor(role, contracts={"C-TELCO"})

    with pytest.raises(rehearsals.PlaysEveryContract):
        await rehearsals.ask_burst(BURST, by=bound)
    with pytest.raises(rehearsals.PlaysEveryContract):
        await rehearsals.ask_past(clock.now() - timedelta(hours=2), clock.now(), by=bound)


async def test_a_reader_rehearses_the_own_stores_only(company):
    await planned()
    now = clock.now()
    await fail(DRIVE, 14, hours=1)

    with pytest.raises(Unknown):
        await rehearsals.ask_burst(BURST, by=ELSEWHERE)
    elsewhere = await past(now - timedelta(hours=2), clock.now(), ELSEWHERE)
    mine = await past(now - timedelta(hours=2), clock.now(), MINE)

    assert (elsewhere.failures, elsewhere.cases, elsewhere.without_stock_otherwise) == (0, [], 0)
    assert mine.failures == 14


async def test_what_cannot_be_rehearsed_is_refused(company):
    now = clock.now()
    burst = ImaginedBurst(part_number=DRIVE, depot="GZ", failures=3)
    with pytest.raises(rehearsals.NothingPlanned):
        await rehearsals.ask_burst(burst, by=AUDITOR)
    await planned()

    with pytest.raises(rehearsals.RowNotPlanned):
        await rehearsals.ask_burst(ImaginedBurst(part_number=DRIVE, depot="SH", failures=3), by=AUDITOR)
    for failures, factor in ((None, None), (3, 2.0)):
        with pytest.raises(rehearsals.HowManyFailures):
            await rehearsals.ask_burst(
                ImaginedBurst(part_number=DRIVE, depot="GZ", failures=failures, factor=factor), by=AUDITOR
            )
    for since, until in (
        (now, now - timedelta(days=1)),
        (now, now + timedelta(days=1)),
        (now - timedelta(days=rehearsals.PERIOD_DAYS_MAX + 1), now),
    ):
        with pytest.raises(rehearsals.NotAPeriod):
            await rehearsals.ask_past(since, until, by=AUDITOR)
    assert await db.fetch_value("SELECT count(*) FROM job WHERE kind = 'rehearse'") == 0


async def test_a_burst_of_more_failures_than_are_played_is_refused_at_once(company):
    await planned()
    with pytest.raises(rehearsals.TooManyFailures):
        await rehearsals.ask_burst(ImaginedBurst(part_number=DRIVE, depot="GZ", factor=1e9, days=90), by=AUDITOR)


async def test_a_rehearsal_is_told_to_whoever_asked_and_within_their_present_scope(company):
    await planned()
    job = await rehearsals.ask_burst(BURST, by=AUDITOR)
    with pytest.raises(WrongState):
        await rehearsals.rehearsal(job.id, seen_by=AUDITOR)
    whole = await rehearsed(job, AUDITOR)

    priceless = await rehearsals.rehearsal(job.id, seen_by=structs.replace(ENGINEER, name=AUDITOR.name))
    elsewhere = await rehearsals.rehearsal(job.id, seen_by=structs.replace(AUDITOR, depots=frozenset({"SH"})))

    assert whole.failures == 30
    assert (priceless.failures, priceless.cost_cny) == (30, UNSET)
    assert (elsewhere.failures, elsewhere.without_stock_otherwise, elsewhere.cases) == (0, 0, [])
    with pytest.raises(Unknown):
        await rehearsals.rehearsal(job.id, seen_by=structs.replace(AUDITOR, name="somebody else"))


async def test_whoever_asked_may_stop_a_rehearsal_and_nobody_else(company):
    await planned()
    job = await rehearsals.ask_burst(BURST, by=AUDITOR)
    with pytest.raises(Unknown):
        await rehearsals.stop(job.id, by=structs.replace(AUDITOR, name="somebody else"))
    await rehearsals.stop(job.id, by=AUDITOR)
    await solving.run(solving.rehearse, jobs.Rehearse(job.id))

    assert (await progress.job_view(job.id)).state == "cancelled"
    with pytest.raises(WrongState):
        await rehearsals.rehearsal(job.id, seen_by=AUDITOR)


async def test_a_plan_that_changed_meanwhile_fails_the_rehearsal_with_the_reason(company):
    await planned()
    job = await rehearsals.ask_burst(BURST, by=AUDITOR)
    await db.execute("UPDATE plan SET state = 'superseded' WHERE state = 'approved'")
    await solving.run(solving.rehearse, jobs.Rehearse(job.id))
    done = await progress.job_view(job.id)

    assert done.state == "failed"
    assert "No plan is approved" in done.message
