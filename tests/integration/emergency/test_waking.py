"""An open case wakes who may approve; nobody there, it is handed up at once; a burst alarm asks somebody to look."""

from datetime import timedelta
from decimal import Decimal

from inventory.assurance import escalation
from inventory.emergency import cases, radar
from inventory.emergency.policy import NewPolicy, put_in_force
from inventory.ground import clock, db, events, steps
from tests.integration.assurance.test_escalation import climb_for, on_duty, person
from tests.integration.emergency.test_cases import a_case, propose
from tests.integration.emergency.test_radar import bank, fail
from tests.world import FAN, MANAGER, PSU, SETUP, SUPERVISOR, actor


async def told(kind: str, of: str = "decide_case") -> list[str]:
    """Who was told of a kind on their page, in order: of a duty of one kind, where it was handed up."""
    rows = await db.fetch(
        """SELECT username FROM message JOIN person ON person.id = message.person
           WHERE channel = 'page' AND kind = $1
             AND (kind <> 'step_escalated' OR facts->>'kind' = $2)
           ORDER BY message.created_at, message.id""",
        kind,
        of,
    )
    return [row["username"] for row in rows]


async def the_step(kind: str) -> steps.StepView:
    return next(step for step in await steps.open_steps(limit=100, seen_by=SETUP) if step.kind == kind)


async def waiting() -> cases.CaseSummary:
    await put_in_force(NewPolicy(standing_authority_cny=Decimal(0)), by=MANAGER)
    case = await a_case()
    await propose(case)
    return await cases.case_summary(case.id)


async def test_who_is_on_duty_and_may_approve_is_woken_once(company):
    await on_duty("zhou", "project_manager", hours=500)
    await on_duty("wang", "buyer", hours=500)
    await on_duty("li", "warehouse_keeper", depot="GZ", hours=500)
    case = await waiting()

    assert sorted(await told("case_waits")) == ["wang", "zhou"]
    facts = await db.fetch_value("SELECT facts FROM message WHERE kind = 'case_waits' LIMIT 1")
    assert (facts["number"], facts["depot"]) == (case.number, "GZ")
    assert await escalation.escalate_late() == 0


async def test_nobody_answers_and_it_is_handed_up(company):
    await on_duty("zhou", "project_manager", hours=500)
    await person("wang", "buyer")
    await person("qian", "quality_supervisor")
    await waiting()
    await climb_for(timedelta(hours=2))

    assert await told("step_escalated") == ["zhou", "wang", "qian"]


async def test_where_nobody_is_on_duty_it_is_handed_up_at_once(company):
    await person("zhou", "project_manager")
    await waiting()

    assert await told("case_waits") == []
    assert await escalation.escalate_late() == 1
    with clock.at(clock.now() + timedelta(minutes=6)):
        await escalation.escalate_late()
    assert await told("step_escalated") == ["zhou"]


async def test_further_measures_ask_again_after_the_first_were_approved(company):
    await on_duty("zhou", "project_manager", hours=500)
    case = await waiting()
    await cases.approve(case.id, by=MANAGER)
    assert [step.kind for step in await steps.open_steps(limit=100, seen_by=SETUP) if step.subject == case.number] == []
    await db.execute("UPDATE purchase_order SET state = 'refused' WHERE case_number = $1", case.number)
    await db.execute("UPDATE offer SET valid_from = valid_from - 1")
    await cases.propose_again(case.id, "measures_not_enough", by=SETUP)
    await propose(await cases.case_summary(case.id))

    assert (await the_step("decide_case")).subject == case.number
    assert await told("case_waits") == ["zhou", "zhou"]


async def test_what_standing_authority_buys_wakes_nobody(company):
    await on_duty("zhou", "project_manager", hours=500)
    case = await a_case()
    await propose(case)

    assert (await cases.case_summary(case.id)).state == "acting"
    assert await told("case_waits") == []


async def looking() -> list[steps.StepView]:
    return [step for step in await steps.open_steps(limit=100, seen_by=SETUP) if step.kind == "look_into_burst"]


async def test_a_burst_asks_somebody_to_look_once_however_many_alarms_it_raises(company):
    await fail(FAN, bank(12))
    await radar.look_at_all()
    raised = {row["number"] for row in await db.fetch("SELECT number FROM radar_alarm WHERE state = 'raised'")}
    (step,) = await looking()

    assert len(raised) > 1
    assert step.subject in raised
    assert step.owner_role == "quality_supervisor"
    await radar.look_at_all()
    assert await looking() == [step]
    await escalation.acknowledge(step.id, by=SUPERVISOR)
    await fail(FAN, bank(2))
    await radar.look_at_all()
    assert await looking() == []  # it goes on, and somebody is at it


async def test_another_burst_asks_anew_and_a_duty_ends_with_the_last_alarm_of_its_burst(company):
    await fail(FAN, bank(12))
    await radar.look_at_all()
    (first,) = await looking()
    await fail(PSU, [f"TELCO-{n:03d}" for n in range(12)])
    await radar.look_at_all()

    assert len(await looking()) == 2
    await db.execute(
        "UPDATE failure SET withdrawn_at = $1 WHERE part = (SELECT id FROM part WHERE part_number = $2)",
        clock.now(),
        FAN,
    )
    await radar.look_at_all()
    (left,) = await looking()
    assert left.subject != first.subject
    with clock.at(clock.now() + timedelta(days=300)):
        await radar.look_at_all()
        assert await looking() == []


async def test_who_takes_a_burst_alarm_on_has_done_that_duty(company):
    await fail(FAN, bank(12))
    await radar.look_at_all()
    step = await the_step("look_into_burst")
    taken = await escalation.acknowledge(step.id, by=SUPERVISOR)
    await radar.look_at_all()

    assert taken.acknowledged_by == SUPERVISOR.name
    assert step.subject not in {each.subject for each in await steps.open_steps(limit=100, seen_by=SETUP)}


async def test_nobody_looks_in_time_and_the_alarm_is_handed_up(company):
    await person("qian", "quality_supervisor")
    await on_duty("zhou", "project_manager", hours=500)
    await fail(FAN, bank(12))
    await radar.look_at_all()
    await climb_for(timedelta(hours=4), every=timedelta(minutes=30))

    assert set(await told("step_escalated", "look_into_burst")) == {"qian", "zhou"}


async def test_events_of_a_cases_duty_reach_no_ticket_system_of_other_contracts(own_company):
    case = await waiting()
    await climb_for(timedelta(hours=1))

    async def kinds(reader):
        found = await events.since(0, limit=2000, seen_by=reader)
        return {event.kind for event in found if event.subject == case.number}

    assert "step.escalated" in await kinds(SETUP)
    assert await kinds(actor("ticket_system", contracts={"C-TELCO"})) == set()
