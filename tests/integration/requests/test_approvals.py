"""Approvals: a request that a rule holds back waits, with its stock, for somebody else's yes (D92)."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from inventory.assurance import escalation
from inventory.assurance.invariants import violations
from inventory.ground import clock, db
from inventory.ground.actor import NoPerson
from inventory.ground.errors import NotGranted, ReasonMissing, Unknown, WrongState
from inventory.ground.steps import open_steps
from inventory.people import duty, persons
from inventory.requests import (
    approvals,
    approving,
    backorders,
    changing,
    debriefing,
    policy,
    quoting,
    requests,
    shipping,
    telling,
)
from inventory.requests.approving import ApproverAsked
from inventory.requests.requests import RequestView
from inventory.requests.waves import to_pick
from inventory.stock import receipts
from tests.integration.requests.test_quotations import SAID, charge
from tests.integration.requests.test_requests import new
from tests.integration.stock.test_reservations import level
from tests.world import BUYER, DISPATCHER, FAN, KEEPER, MANAGER, PSU, SETUP, SUPERVISOR, actor


async def limit(above: int | None = 2000, **more: object) -> None:
    amount = None if above is None else Decimal(above)
    await policy.put_in_force(replace(policy.BUILT_IN, approve_above_cny=amount, **more), by=MANAGER)


async def held_back(*lines: tuple[str, int], **more: object) -> RequestView:
    """A request that is worth more than the limit."""
    await limit()
    return await requests.open_request(new(*(lines or ((PSU, 2),)), **more), by=DISPATCHER)


async def enter(username: str, role: str) -> None:
    somebody = persons.NewPerson(username=username, name_zh=username, name_en=username, password="")
    await persons.add_person(somebody, by=SETUP, password_hash="nobody signs in with this")
    await persons.grant_role(username, role, by=SETUP)


async def test_what_is_worth_more_than_the_limit_waits_with_its_stock(company):
    view = await held_back()

    (asked,) = view.approvals
    assert (view.state, asked.state, asked.reasons) == ("awaiting_approval", "asked", ["value"])
    assert asked.due_at - asked.asked_at == timedelta(minutes=30)
    assert (view.lines[0].promise.firm, (await level(PSU, "GZ")).reserved) == (False, 2)
    assert view.need_by is not None  # the contract's clock runs on
    assert not view.paused
    assert "前审批，合同计时继续" in telling.sentence(view).zh
    assert await to_pick(depot="GZ", limit=50, seen_by=KEEPER) == []
    assert await approvals.value_of(view.id, seen_by=SUPERVISOR) == Decimal(2500)
    assert await approvals.value_of(view.id, seen_by=DISPATCHER) is None
    assert await violations() == []


async def test_what_is_worth_the_limit_or_less_waits_for_nobody(company):
    await limit(2500)

    assert (await requests.open_request(new((PSU, 2)), by=DISPATCHER)).state == "reserved"


async def test_a_yes_makes_the_promise_firm_and_counts_its_arrival_from_then(company):
    view = await held_back()
    was = view.lines[0].promise
    later = clock.now() + timedelta(minutes=20)

    with clock.at(later):
        after = await approving.approve(view.id, by=MANAGER, remark="spare for the bank")

    (line,) = after.lines
    assert (after.state, line.promise.firm, line.promise.reservation) == ("reserved", True, was.reservation)
    assert line.promise.arrives_at - was.arrives_at == later - view.lines[0].reserved_at
    assert after.need_by == view.need_by
    assert (after.approvals[0].state, after.approvals[0].decided_by) == ("approved", MANAGER.name)
    kinds = {step.kind for step in await open_steps(limit=50, seen_by=MANAGER) if step.subject == view.number}
    assert kinds == {"ship_parts"}
    assert await violations() == []


async def test_a_yes_to_what_was_not_there_has_it_wait_by_name(company):
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="gone")
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")
    view = await held_back()
    spot = await db.fetch_one(
        """SELECT level.part, place, pool FROM level JOIN part ON part.id = level.part JOIN place ON place.id = level.place
           WHERE part_number = $1 AND place.code = 'GZ'""",
        PSU,
    )
    await receipts.adjust("GZ", PSU, 1, by=SETUP, reason="found")
    assert await backorders.fill_backorders(*spot, by=SETUP) == 0  # nobody waits for stock behind a gate

    after = await approving.approve(view.id, by=MANAGER)

    assert sorted((line.quantity, line.state) for line in after.lines) == [(1, "backordered"), (1, "reserved")]
    assert await violations() == []


async def test_a_no_frees_the_stock_and_its_reason_is_read_by_who_asked(company):
    await enter("asker", "dispatcher")
    by = replace(DISPATCHER, name="asker")
    await limit()
    view = await requests.open_request(new((PSU, 2)), by=by)

    after = await approving.refuse(view.id, by=SUPERVISOR, reason="order it for next week instead")

    assert (after.state, after.approvals[0].state) == ("cancelled", "refused")
    assert after.approvals[0].decision_reason == "order it for next week instead"
    assert (await level(PSU, "GZ")).reserved == 0
    told = await db.fetch("SELECT kind, facts FROM message JOIN person ON person.id = person WHERE username = 'asker'")
    assert [(row["kind"], row["facts"]["reason"]) for row in told] == [
        ("approval_decided", "order it for next week instead")
    ]
    assert await violations() == []


async def test_whoever_asked_for_the_parts_does_not_approve_them(company):
    await limit()
    own = await requests.open_request(new((PSU, 2)), by=MANAGER)
    theirs = await requests.open_request(new((PSU, 2), reference="INC-2/1", engineer=MANAGER.name), by=DISPATCHER)

    for view in (own, theirs):
        with pytest.raises(ApproverAsked):
            await approving.approve(view.id, by=MANAGER)
        assert (await requests.request_view(view.id)).state == "awaiting_approval"


async def test_only_a_person_with_the_right_and_the_scope_decides_and_once(company):
    view = await held_back()
    key = replace(MANAGER, kind="api_key", name="key:x")

    with pytest.raises(NotGranted):
        await approving.approve(view.id, by=BUYER)
    with pytest.raises(NoPerson):
        await approving.approve(view.id, by=key)
    with pytest.raises(Unknown):
        await approving.approve(view.id, by=actor("project_manager", contracts={"C-TELCO"}))
    with pytest.raises(ReasonMissing):
        await approving.refuse(view.id, by=MANAGER, reason=" ")
    await approving.approve(view.id, by=MANAGER)
    with pytest.raises(WrongState):
        await approving.refuse(view.id, by=MANAGER, reason="too late")


async def test_of_two_who_decide_at_once_one_does(own_company):
    view = await held_back()

    answers = await asyncio.gather(
        approving.approve(view.id, by=MANAGER),
        approving.refuse(view.id, by=SUPERVISOR, reason="no"),
        return_exceptions=True,
    )

    assert sorted(isinstance(answer, WrongState) for answer in answers) == [False, True]
    assert await violations() == []


async def test_whoever_is_on_duty_is_told_at_once_and_the_duty_climbs_when_it_is_late(company):
    for username, role in (("pm-day", "project_manager"), ("pm-off", "project_manager"), ("qs", "quality_supervisor")):
        await enter(username, role)
    now = clock.now()
    await duty.enter_shifts(
        [
            duty.NewShift(
                username="pm-day",
                role="project_manager",
                starts_at=now - timedelta(hours=1),
                ends_at=now + timedelta(hours=8),
            )
        ],
        by=SETUP,
    )

    view = await held_back()

    async def told() -> list[str]:
        rows = await db.fetch(
            """SELECT DISTINCT username FROM message JOIN person ON person.id = person
               WHERE kind IN ('approval_asked', 'step_escalated') ORDER BY 1"""
        )
        return [row["username"] for row in rows]

    assert await told() == ["pm-day"]
    with clock.at(view.approvals[0].due_at + timedelta(minutes=1)):
        await escalation.escalate_late()
    with clock.at(view.approvals[0].due_at + timedelta(minutes=10)):
        await escalation.escalate_late()
    assert await told() == ["pm-day", "qs"]


async def test_where_nobody_is_on_duty_all_who_may_decide_are_told_but_not_who_asked(company):
    for username in ("pm-1", "pm-2"):
        await enter(username, "project_manager")
    await limit()

    await requests.open_request(new((PSU, 2)), by=replace(MANAGER, name="pm-1"))

    rows = await db.fetch("SELECT DISTINCT username FROM message JOIN person ON person.id = person")
    assert [row["username"] for row in rows] == ["pm-2"]


async def test_out_of_contract_parts_are_approved_after_their_customer_accepted_and_only_where_the_rule_says_so(
    company,
):
    await charge(None, ends_on=clock.today() - timedelta(days=1), served_after_end=True)
    view = await requests.open_request(new(), by=DISPATCHER)
    waiting = await quoting.accept(view.quotations[0].id, by=DISPATCHER, **SAID)

    assert (waiting.state, waiting.approvals[0].reasons) == ("awaiting_approval", ["out_of_contract"])
    assert waiting.lines[0].promise.reservation == view.lines[0].promise.reservation
    with clock.at(view.quotations[0].valid_until + timedelta(hours=1)):
        assert await quoting.expire_due(by=SETUP) == 0
        assert await violations() == []
        after = await approving.approve(view.id, by=MANAGER)
    assert (after.state, after.lines[0].promise.firm) == ("reserved", True)

    await limit(None, approve_out_of_contract=False)
    view = await requests.open_request(new(reference="INC-2/1"), by=DISPATCHER)
    assert (await quoting.accept(view.quotations[0].id, by=DISPATCHER, **SAID)).state == "reserved"


async def test_what_its_customer_pays_for_needs_no_approval_for_its_value(company):
    await charge()
    await limit(1)
    view = await requests.open_request(new(), by=DISPATCHER)

    assert (await quoting.accept(view.quotations[0].id, by=DISPATCHER, **SAID)).state == "reserved"


async def test_a_request_that_is_cancelled_waits_for_nobody(company):
    view = await held_back()

    after = await requests.cancel(view.id, by=DISPATCHER, reason="solved")

    assert (after.state, after.approvals[0].state) == ("cancelled", "withdrawn")
    assert [step for step in await open_steps(limit=50, seen_by=MANAGER) if step.subject == view.number] == []


async def test_policies_are_kept_by_version_and_set_by_those_who_may(company):
    await limit(5000)
    await limit(None, margin_percent=Decimal("12.5"))

    assert [each.policy.approve_above_cny for each in await policy.versions(limit=5)] == [None, Decimal("5000.00")]
    assert (await policy.in_force()).policy.margin_percent == Decimal("12.5")
    with pytest.raises(NotGranted):
        await policy.put_in_force(policy.BUILT_IN, by=DISPATCHER)
    with pytest.raises(ValueError, match="margin_percent"):
        replace(policy.BUILT_IN, margin_percent=Decimal(-1))


async def test_whoever_it_is_for_neither_steps_aside_to_approve_it_nor_brings_it_back_dearer(company):
    view = await held_back(engineer=MANAGER.name)
    with pytest.raises(WrongState):
        await changing.change(view.id, changing.Change(engineer=None), by=MANAGER)
    with pytest.raises(ApproverAsked):
        await approving.approve(view.id, by=MANAGER)

    cheap = await requests.open_request(new((FAN, 1), reference="INC-9/1"), by=DISPATCHER)
    await shipping.ship(cheap.id, by=KEEPER)
    used = debriefing.Debrief(part_number=FAN, quantity=1, outcome="used")
    await debriefing.debrief(cheap.id, [used], by=DISPATCHER)
    again = await changing.reopen(cheap.id, new((FAN, 1)).lines, by=DISPATCHER, reason="fails again")
    await requests.cancel(again.id, by=DISPATCHER, reason="not that")
    dearer = await changing.reopen(cheap.id, new((PSU, 2)).lines, by=DISPATCHER, reason="fails again")

    assert (again.state, dearer.state) == ("reserved", "awaiting_approval")
