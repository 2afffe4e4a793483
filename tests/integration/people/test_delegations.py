"""Delegates: who approves for whom, until when, up to what; and never what either of them drafted."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

import inventory
from inventory.assurance import escalation
from inventory.emergency import cases
from inventory.emergency.policy import NewPolicy, put_in_force
from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import NotGranted, ReasonMissing, Unknown
from inventory.people import delegations, duty, persons
from inventory.people.delegations import (
    BeyondDelegation,
    DelegatedInCircle,
    DelegatedTwice,
    DelegateMayNotSee,
    DelegationOver,
    DelegationTimesWrong,
    DraftedForOneself,
    NoApproval,
    NotYoursToLeave,
    OneselfForDelegate,
    OutsideDelegation,
)
from inventory.people.roles import APPROVALS
from inventory.procurement import orders
from inventory.procurement.orders import NewLine
from inventory.stock import pool_crossings
from tests.integration.emergency.test_cases import a_case, propose
from tests.integration.people.test_duty import on_duty, person
from tests.integration.stock.test_pool_crossings import ASK, ask, come_from_the_makers
from tests.world import ADMIN, BUYER, DRIVE, FAN, KEEPER, SETUP

WEEK = timedelta(days=7)


async def who(username: str) -> Actor:
    """Somebody as they are signed in now."""
    row = await db.fetch_value("SELECT id FROM person WHERE username = $1", username)
    actor = await persons.actor_of(row)
    assert actor is not None
    return actor


async def leave(
    right: str = "orders.approve", to: str = "wu", *, of: str = "he", **more: object
) -> delegations.DelegationView:
    given = {"ends_at": clock.now() + WEEK, "reason": "on leave", **more}
    (view,) = await delegations.delegate([right], to, by=await who(of), **given)
    return view


async def a_draft(quantity: int = 4, *, by: Actor = BUYER, to: str = "GZ") -> orders.OrderView:
    return await orders.draft_order("DISTI", to, [NewLine(part_number=DRIVE, quantity=quantity)], by=by)


async def test_a_delegate_approves_orders_for_the_approver_within_what_was_left(company):
    await person("he", "buyer", depot="GZ")
    await person("wu", "planner")
    draft, large = await a_draft(), await a_draft(8)
    with pytest.raises(NotGranted):
        await orders.approve_order(draft.id, by=await who("wu"))

    left = await leave(up_to_cny=Decimal(draft.total_cny))
    wu = await who("wu")
    approved = await orders.approve_order(draft.id, by=wu)

    assert (approved.state, approved.approved_by, approved.approved_for) == ("approved", "wu", "he")
    (entry,) = await audit.entries(limit=5, subject=draft.number, action="order.approved")
    assert (entry.actor, entry.acts_for) == ("wu", "he")
    mine = await steps.open_steps(limit=50, seen_by=wu, which="mine")
    assert [step.subject for step in mine] == [large.number]
    with pytest.raises(BeyondDelegation):
        await orders.approve_order(large.id, by=wu)
    with pytest.raises(OutsideDelegation):
        await orders.approve_order((await a_draft(to="SH")).id, by=wu)
    for drafter in (wu, await who("he")):
        with pytest.raises(DraftedForOneself):
            await orders.approve_order((await a_draft(by=drafter)).id, by=wu)
    later = await a_draft()
    with clock.at(left.ends_at), pytest.raises(NotGranted):
        await orders.approve_order(later.id, by=await who("wu"))
    await db.execute("DELETE FROM role_grant USING person WHERE person.id = person AND username = 'he'")
    with pytest.raises(NotGranted):  # the approver may not any more, so nobody may for them
        await orders.approve_order(later.id, by=await who("wu"))


async def test_what_ends_early_ends_at_once_and_stays_on_record(company):
    await person("he", "buyer")
    await person("wu", "planner")
    await person("li", "planner")
    left = await leave()
    with pytest.raises(NotGranted):
        await delegations.withdraw(left.id, by=await who("li"), reason="not mine")
    with pytest.raises(ReasonMissing):
        await delegations.withdraw(left.id, by=await who("wu"), reason=" ")

    ended = await delegations.withdraw(left.id, by=await who("wu"), reason="ill myself")

    assert (ended.state, ended.withdrawn_by) == ("withdrawn", "wu")
    assert not (await who("wu")).may("orders.approve")
    with pytest.raises(DelegationOver):
        await delegations.withdraw(left.id, by=await who("he"), reason="again")
    await leave(to="li")  # the time is free again
    seen = await delegations.delegations(limit=5, seen_by=KEEPER, current=True)
    assert [(each.delegate, each.up_to_cny) for each in seen] == [("li", None)]


async def test_what_cannot_be_left_is_refused(own_company):
    await person("he", "buyer")
    await person("wu", "planner")
    await person("fan", "warehouse_keeper", depot="GZ")
    now = clock.now()
    await leave(starts_at=now + WEEK, ends_at=now + 2 * WEEK)

    for refusal, wrong in (
        (NoApproval, {"right": "people.manage"}),
        (NotYoursToLeave, {"right": "plans.approve"}),
        (OneselfForDelegate, {"to": "he"}),
        (DelegateMayNotSee, {"to": "fan"}),
        (Unknown, {"to": "nobody"}),
        (ReasonMissing, {"reason": " "}),
        (DelegationTimesWrong, {"starts_at": now - timedelta(days=1)}),
        (DelegationTimesWrong, {"ends_at": now}),
        (DelegationTimesWrong, {"ends_at": now + timedelta(days=800)}),
        (DelegatedTwice, {"ends_at": now + 1.5 * WEEK}),
    ):
        with pytest.raises(refusal):
            await leave(**wrong)
    with clock.at(now + 1.5 * WEEK), pytest.raises(NotYoursToLeave):  # what was left to somebody goes no further
        await leave(of="wu", to="he")
    with pytest.raises(NotGranted):
        await delegations.delegate(
            ["orders.approve"], "wu", by=await who("wu"), ends_at=now + WEEK, reason="he is ill", of="he"
        )
    with pytest.raises(OneselfForDelegate):
        await delegations.delegate(
            ["orders.approve"], "wu", by=structs.replace(ADMIN, name="wu"), ends_at=now + WEEK, reason="ill", of="he"
        )
    (entered,) = await delegations.delegate(
        ["orders.approve"], "wu", by=ADMIN, ends_at=now + WEEK, reason="he is ill", of="he"
    )
    assert (entered.delegator, entered.entered_by) == ("he", ADMIN.name)


async def test_delegates_do_not_stand_in_for_each_other_in_a_circle(company):
    for username in ("one", "two", "three"):
        await person(username, "buyer")
    await leave(of="one", to="two")
    await leave(of="two", to="three")

    with pytest.raises(DelegatedInCircle):
        await leave(of="three", to="one")
    await leave(of="three", to="one", starts_at=clock.now() + WEEK, ends_at=clock.now() + 2 * WEEK)


async def test_pool_crossings_and_emergency_measures_go_the_same_way_and_reach_the_delegate(company):
    await on_duty("he", "project_manager", hours=500)
    await person("wu", "planner")
    await come_from_the_makers()
    crossing, own = await ask(FAN, 1), await pool_crossings.ask_crossing("GZ", FAN, 2, by=await who("he"), **ASK)
    await leave("pools.cross")
    await leave("emergency.approve")

    await put_in_force(NewPolicy(standing_authority_cny=Decimal(0), remark="people decide"), by=SETUP)
    case = await a_case()
    await propose(case)
    woken = await db.fetch("SELECT username FROM message JOIN person ON person.id = person WHERE kind = 'case_waits'")
    assert {row["username"] for row in woken} == {"he", "wu"}
    reached = await duty.on_duty_with("emergency.approve", depot="GZ", limit=50)
    assert [shift.username for shift in reached] == ["he", "wu"]
    await cases.approve(case.id, by=await who("wu"))
    view = await cases.case_view(case.id, seen_by=SETUP)
    assert (view.approved_by, view.approved_for) == ("wu", "he")

    with clock.at(clock.now() + timedelta(days=1)):
        await escalation.escalate_late()
    told = await db.fetch_value(
        "SELECT told FROM escalation JOIN step ON step.id = step WHERE subject = $1", own.number
    )
    assert set(told) == {"he", "wu"}
    with pytest.raises(DraftedForOneself):
        await pool_crossings.refuse(own.id, by=await who("wu"), reason="no need")
    crossed = await pool_crossings.cross(crossing.id, by=await who("wu"))
    assert (crossed.state, crossed.decided_by, crossed.decided_for) == ("crossed", "wu", "he")


def test_every_approval_goes_through_acting():
    """A right to approve is used by name in one place alone; whoever asks for it, asks for whom, too."""
    asked = {
        path.name: text
        for path in Path(inventory.__file__).parent.rglob("*.py")
        if (text := path.read_text(encoding="utf-8")) and any(f'"{right}"' in text for right in APPROVALS)
    }

    assert asked.keys() == {
        "roles.py", "delegations.py", "orders.py", "plans.py", "cases.py", "hindrances.py", "approvals.py", "pool_crossings.py",
    }  # fmt: skip
    assert [name for name, text in asked.items() if any(f'require("{right}")' in text for right in APPROVALS)] == []
