"""Escalation: every late duty goes up rung by rung, once each, until somebody takes it on or it is done."""

import asyncio
from datetime import datetime, timedelta

import pytest

from api.shared import acknowledging_path, message_of, path_of, token_of
from inventory.assurance import escalation
from inventory.assurance.escalation import ChainWrong, NotYourStep, Rung
from inventory.ground import clock, db, events, steps
from inventory.ground.errors import NotGranted, Unknown
from inventory.ground.steps import StepView
from inventory.people import messages
from inventory.people.persons import actor_of
from inventory.stock import keeping, provisional
from tests.conftest import SECRET
from tests.integration.people.test_duty import on_duty, person
from tests.world import ADMIN, AUDITOR, BUYER, ENGINEER, KEEPER, MANAGER, SETUP, SH_KEEPER, SUPERVISOR

FULL_CHAIN = ("li", "key", "chen", "zhou", "qian", "admin")


async def everybody() -> None:
    """Somebody on every rung of the built-in chain; the last two are off duty."""
    await on_duty("li", "warehouse_keeper", depot="GZ", hours=500)
    await on_duty("chen", "dispatcher", hours=500)
    await on_duty("zhou", "project_manager", hours=500)
    for username, role in (("key", "warehouse_keeper"), ("qian", "quality_supervisor"), ("admin", "administrator")):
        await person(username, role)
    await keeping.appoint("GZ", "key", by=SETUP)


async def begin(subject: str = "R-1", **more: object) -> None:
    how = {"owner_role": "warehouse_keeper", "depot": "GZ", "due_at": clock.now(), **more}
    await steps.begin("ship_parts", "part_request", subject, **how)


async def the_step(subject: str = "R-1") -> StepView:
    return next(s for s in await steps.open_steps(limit=100, seen_by=SETUP) if s.subject == subject)


async def told() -> list[str]:
    """Who was told on their page, in order."""
    rows = await db.fetch(
        """SELECT username FROM message JOIN person ON person.id = message.person
           WHERE channel = 'page' AND kind = 'step_escalated' ORDER BY message.created_at, message.id"""
    )
    return [row["username"] for row in rows]


async def climb_for(length: timedelta, *, every: timedelta = timedelta(minutes=5)) -> datetime:
    """Let time pass as the worker sees it."""
    at, end = clock.now(), clock.now() + length
    while at <= end:
        with clock.at(at):
            await escalation.escalate_late()
        at += every
    return at


async def test_a_late_duty_climbs_the_whole_chain_once_per_rung(company):
    await everybody()
    await begin()
    await climb_for(timedelta(hours=12))
    step = await the_step()

    assert await told() == list(FULL_CHAIN)
    assert (step.rung, step.told) == (6, sorted(FULL_CHAIN))
    rungs = await escalation.escalations(step.id, seen_by=SETUP)
    assert [(rung.rung, rung.told) for rung in rungs] == [(n, [who]) for n, who in enumerate(FULL_CHAIN, start=1)]
    minutes = [(rung.escalated_at - rungs[0].escalated_at).total_seconds() / 60 for rung in rungs]
    assert minutes == pytest.approx([0, 15, 30, 60, 120, 180], abs=1)


async def test_nothing_climbs_before_its_time(company):
    await everybody()
    await begin(due_at=clock.now() + timedelta(minutes=1))
    assert await escalation.escalate_late() == 0
    with clock.at(clock.now() + timedelta(minutes=2)):
        assert await escalation.escalate_late() == 1
        assert await escalation.escalate_late() == 0
    assert await told() == ["li"]


async def test_taking_a_duty_on_stops_it(company):
    await everybody()
    await begin()
    await escalation.escalate_late()
    step = await the_step()
    taken = await escalation.acknowledge(step.id, by=KEEPER)
    again = await escalation.acknowledge(step.id, by=MANAGER)
    await climb_for(timedelta(hours=12))

    assert (taken.acknowledged_by, again.acknowledged_by) == (KEEPER.name, KEEPER.name)
    assert await told() == ["li"]
    kinds = [e["kind"] for e in await db.fetch("SELECT kind FROM event WHERE subject = 'R-1' ORDER BY sequence")]
    assert kinds == ["step.escalated", "step.acknowledged"]


async def test_a_duty_that_is_done_climbs_no_further(company):
    await everybody()
    await begin()
    await escalation.escalate_late()
    await steps.finish("part_request", "R-1", by=KEEPER)
    await climb_for(timedelta(hours=12))

    assert await told() == ["li"]


async def test_where_nobody_is_on_duty_it_goes_on_to_the_next_rung_at_once(company):
    await on_duty("wu", "warehouse_keeper", depot="SH", hours=500)
    await on_duty("zhou", "project_manager", hours=500)
    await begin()
    await escalation.escalate_late()
    rungs = await escalation.escalations((await the_step()).id, seen_by=SETUP)

    assert [(rung.who, rung.told) for rung in rungs] == [
        ("owner", []), ("key_holder", []), ("dispatcher", []), ("project_manager", ["zhou"]),
    ]  # fmt: skip
    assert await told() == ["zhou"]


async def test_where_nobody_is_anywhere_the_whole_chain_is_on_record_and_it_ends(company):
    await begin()
    await climb_for(timedelta(hours=2))

    assert (await the_step()).rung == 6
    assert await db.fetch_value("SELECT count(*) FROM escalation") == 6
    assert await told() == []


async def test_whoever_was_told_below_is_not_told_again_above(company):
    await on_duty("li", "warehouse_keeper", depot="GZ", hours=500)
    await keeping.appoint("GZ", "li", by=SETUP)
    await on_duty("chen", "dispatcher", hours=500)
    await begin()
    await climb_for(timedelta(minutes=16))

    assert await told() == ["li", "chen"]


async def test_a_duty_that_names_its_owner_tells_them_wherever_they_are(company):
    await person("zhao", "engineer")
    await begin(owner="zhao", owner_role="engineer")
    await escalation.escalate_late()

    assert await told() == ["zhao"]


async def test_two_workers_at_once_tell_nobody_twice(own_company):
    await everybody()
    for n in range(30):
        await begin(f"R-{n}")
    handed = await asyncio.gather(*[escalation.escalate_late(limit=20) for _ in range(6)])

    assert sum(handed) == 30
    assert await told() == ["li"] * 30
    assert await db.fetch_value("SELECT count(*) FROM escalation") == 30
    assert await db.fetch_value("SELECT count(*) FROM event WHERE kind = 'step.escalated'") == 30


async def test_a_worker_that_dies_in_the_middle_leaves_nothing_and_the_next_one_tells_once(own_company):
    await everybody()
    await db.execute("UPDATE person SET email = username || '@beijian.example'")
    await begin()

    @db.atomic
    async def die_before_the_end() -> None:
        await escalation.escalate_late()
        assert await told() == ["li"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await die_before_the_end()
    jobs_of_the_dead = await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'send_message'")
    assert (await told(), jobs_of_the_dead, (await the_step()).rung) == ([], 0, 0)

    assert [await escalation.escalate_late(), await escalation.escalate_late()] == [1, 0]
    assert await told() == ["li"]
    assert await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'send_message'") == 1


async def test_the_overdue_paper_of_what_was_taken_at_night_goes_the_same_way(company):
    await person("zhao", "engineer")
    await on_duty("zhou", "project_manager", hours=500)
    new = provisional.NewProvisionalIssue(client_id="p-1", depot="GZ", code="ZL2-0003", taken_by="zhao")
    issue = await provisional.take(new, by=ENGINEER)
    with clock.at(issue.due_at + timedelta(minutes=1)):
        await climb_for(timedelta(hours=5))

    assert await told() == ["zhao", "zhou"]
    seen = await db.fetch_value(
        "SELECT count(*) FROM event WHERE kind = 'step.escalated' AND subject = $1", issue.number
    )
    assert seen == 2


async def test_a_duty_is_taken_on_by_whom_it_concerns_alone(company):
    await everybody()
    await begin()
    step = await the_step()

    for who, refusal in ((BUYER, NotYourStep), (AUDITOR, NotGranted), (SH_KEEPER, Unknown)):
        with pytest.raises(refusal):
            await escalation.acknowledge(step.id, by=who)
    assert (await escalation.acknowledge(step.id, by=SUPERVISOR)).acknowledged_by == SUPERVISOR.name


async def test_mine_my_stores_and_the_late_ones(company):
    await begin("R-1", due_at=clock.now() - timedelta(hours=1))
    await begin("R-2", due_at=clock.now() + timedelta(hours=1), depot="SH")
    await begin("R-3", due_at=clock.now() + timedelta(hours=2), owner=ENGINEER.name, owner_role="engineer", depot=None)

    async def found(which: steps.Which | None, who: object = MANAGER, **more: object) -> list[str]:
        mine = await steps.open_steps(limit=50, seen_by=who, which=which, **more)
        return [step.subject for step in mine if step.subject.startswith("R-")]

    assert await found(None) == ["R-1", "R-2", "R-3"]
    assert await found(None, KEEPER) == ["R-1", "R-3"]
    assert await found("late") == ["R-1"]
    assert await found("mine", KEEPER) == ["R-1"]
    assert await found("mine", ENGINEER) == ["R-3"]
    assert await found("my_store", stores=["SH"]) == ["R-2"]
    first = (await steps.open_steps(limit=1, seen_by=MANAGER, depot="GZ"))[0]
    later = await steps.open_steps(limit=50, seen_by=MANAGER, after=(first.due_at, first.id))
    assert first.id not in {step.id for step in later}


async def the_link() -> tuple[str, int]:
    """The link of the latest message, and whose it is."""
    row = await db.fetch_one("SELECT id, person FROM message ORDER BY id DESC LIMIT 1")
    return acknowledging_path(row["id"], SECRET).removeprefix("/k/"), row["person"]


async def test_the_link_of_a_message_takes_its_duty_on_as_its_reader(company):
    await everybody()
    await begin()
    await escalation.escalate_late()
    signed, reader = await the_link()
    message = message_of(signed, SECRET)
    assert (await escalation.linked(message)).step.acknowledged_at is None

    taken = await escalation.acknowledge_by_link(message)
    again = await escalation.acknowledge_by_link(message)

    assert (taken.username, taken.step.acknowledged_by, again.step.acknowledged_by) == ("li", "li", "li")
    assert (await actor_of(reader)).name == "li"


async def test_a_link_is_for_one_purpose_ends_and_cannot_be_made_up(company):
    await everybody()
    await begin()
    await escalation.escalate_late()
    signed, _ = await the_link()
    token = signed.partition(".")[0]

    assert message_of(signed, "1" * 64) is None
    assert message_of(f"{token}.AAAAAAAAAAAAAAAA", SECRET) is None
    assert token_of(signed, SECRET) is None
    assert message_of(path_of(token, SECRET).removeprefix("/s/"), SECRET) is None
    with clock.at(clock.now() + escalation.LINK_LIVES + timedelta(minutes=1)), pytest.raises(Unknown):
        await escalation.acknowledge_by_link(message_of(signed, SECRET))
    await db.execute("UPDATE person SET active = false WHERE username = 'li'")
    with pytest.raises(Unknown):
        await escalation.acknowledge_by_link(message_of(signed, SECRET))


async def test_a_policy_of_ones_own_is_a_new_version(company):
    await everybody()
    assert (await escalation.policy_now()).version == 0
    chains = {
        "default": [Rung(who="project_manager", after_minutes=30)],
        "recount": [Rung(who="owner", after_minutes=0)],
    }
    set_now = await escalation.put_in_force(chains, by=ADMIN, remark="short")
    await begin()
    await climb_for(timedelta(minutes=29))
    assert await told() == []
    await climb_for(timedelta(hours=2))

    assert (set_now.version, set_now.chain("recount")[0].who, set_now.chain("ship_parts")[0].who) == (
        1, "owner", "project_manager",
    )  # fmt: skip
    assert await told() == ["zhou"]


@pytest.mark.parametrize(
    "chains",
    [
        {},
        {"recount": [Rung(who="owner", after_minutes=0)]},
        {"default": []},
        {"default": [Rung(who="owner", after_minutes=0)] * 11},
        {"default": [Rung(who="emperor", after_minutes=0)]},
        {"default": [Rung(who="owner", after_minutes=-1)]},
        {"default": [Rung(who="owner", after_minutes=60 * 24 * 31)]},
    ],
)
async def test_a_chain_that_cannot_be_climbed_is_refused(company, chains):
    with pytest.raises(ChainWrong):
        await escalation.put_in_force(chains, by=ADMIN)
    with pytest.raises(NotGranted):
        await escalation.put_in_force(chains, by=KEEPER)


async def test_the_stream_tells_of_a_duty_to_those_who_see_its_store(own_company):
    await everybody()
    await begin()
    await escalation.escalate_late()

    assert [e.kind for e in await events.since(0, limit=500, seen_by=KEEPER) if e.subject == "R-1"] == [
        "step.escalated"
    ]
    assert [e for e in await events.since(0, limit=500, seen_by=SH_KEEPER) if e.subject == "R-1"] == []


async def test_a_message_that_cannot_be_sent_lets_the_duty_climb_at_once(company):
    await everybody()
    await db.execute("UPDATE person SET email = 'li@beijian.example', chat = 'wecom' WHERE username = 'li'")
    await begin()
    now = clock.now()
    with clock.at(now):
        await escalation.escalate_late()
    mail, chat = [m.id for m in sorted(await messages.outgoing(limit=5, seen_by=ADMIN), key=lambda m: m.channel)]
    with clock.at(now + timedelta(minutes=1)):
        await messages.record_failed(mail, "550 no such mailbox", last=True)
        assert await escalation.escalate_late() == 0  # the chat may still reach them
        await messages.record_failed(chat, "the robot is gone", last=True)
        assert await escalation.escalate_late() == 1

    assert await told() == ["li", "key"]
