"""Another plan of a case's front is drafted instead of the recommended one, as long as it still holds."""

from decimal import Decimal
from itertools import pairwise

import pytest

from inventory.emergency import cases, choosing, proposing, recovering
from inventory.emergency.cases import ProposedAnew
from inventory.emergency.choosing import PlanNoLongerHolds
from inventory.emergency.policy import NewPolicy, put_in_force
from inventory.ground import db
from inventory.ground.errors import NotGranted, NotYourDepot, Unknown, WrongState
from inventory.stock import receipts
from optimizer.emergency import choose
from tests.integration.emergency.test_cases import drain, judge, live_cases, planned, propose
from tests.waiting import blocked
from tests.world import AUDITOR, BUYER, DRIVE, ENGINEER, KEEPER, MANAGER, SETUP, actor


async def with_a_front() -> cases.CaseSummary:
    """A case that waits for approval, with a dearer plan that is sooner than the recommended one."""
    await put_in_force(NewPolicy(standing_authority_cny=Decimal(0), restore_within_hours=400), by=MANAGER)
    await planned()
    await receipts.adjust("SH", DRIVE, 9, by=SETUP, reason="plenty", serials=[f"SH-{n}" for n in range(9)])
    # moving is sooner than buying, and dearer than it
    await db.execute("UPDATE lane SET fixed_cost_cny = 90000")
    await drain(DRIVE)
    await judge(DRIVE)
    (case,) = await live_cases()
    await propose(case)
    return await cases.case_summary(case.id)


async def proposal(case: cases.CaseSummary) -> dict:
    return (await cases.case_view(case.id, seen_by=BUYER)).proposal


async def test_another_plan_is_drafted_instead_and_waits_for_approval(company):
    case = await with_a_front()
    before = await proposal(case)
    front = before["answer"]["front"]
    assert len(front) > 1
    after = await choosing.choose_plan(case.id, len(front), proposed_at=case.proposed_at, by=MANAGER)

    view = await cases.case_view(case.id, seen_by=BUYER)
    assert (after.state, view.proposal["chosen"], view.proposal["chosen_by"]) == ("proposed", len(front), MANAGER.name)
    assert view.proposal["measures"] == front[-1]["plan"] != before["measures"]
    # plans are compared by what they cost us; what is drafted is payable with the 13 % that we deduct
    assert Decimal(view.proposal["total_cny"]) == pytest.approx(Decimal(str(front[-1]["cost_cny"])) * Decimal("1.13"))
    drafted = [order for order in view.orders if order.state == "draft"]
    moving = [transfer for transfer in view.transfers if transfer.state == "proposed"]
    assert len(drafted) + len(moving) == len({tuple(each.items()) for each in front[-1]["plan"]})
    assert view.log[-1].kind == "plan_chosen"
    kept = await db.fetch_one("SELECT actor, change FROM audit_entry WHERE action = 'case.plan_chosen'")
    assert kept is not None
    assert (kept["actor"], kept["change"]["plan"]) == (MANAGER.name, len(front))
    assert (await cases.approve(case.id, by=MANAGER)).state == "acting"


async def test_a_plan_that_no_longer_holds_is_refused_and_the_drafts_stay(own_company):
    case = await with_a_front()
    front = (await proposal(case))["answer"]["front"]
    before = await cases.case_view(case.id, seen_by=BUYER)
    await db.execute("UPDATE vendor SET active = false")

    with pytest.raises(PlanNoLongerHolds) as refused:
        await choosing.choose_plan(case.id, len(front), proposed_at=case.proposed_at, by=BUYER)

    assert refused.value.zh
    after = await cases.case_view(case.id, seen_by=BUYER)
    assert [order.state for order in after.orders] == [order.state for order in before.orders]
    assert after.proposal == before.proposal


async def test_who_may_choose_and_when(own_company):
    case = await with_a_front()
    assert case.proposed_at is not None
    with pytest.raises(NotGranted):
        await choosing.choose_plan(case.id, 1, proposed_at=case.proposed_at, by=KEEPER)
    with pytest.raises(NotYourDepot):
        await choosing.choose_plan(case.id, 1, proposed_at=case.proposed_at, by=actor("buyer", depots={"SH"}))
    with pytest.raises(Unknown):
        await choosing.choose_plan(case.id, 1, proposed_at=case.proposed_at, by=actor("buyer", contracts={"C-TELCO"}))
    with pytest.raises(Unknown):
        await choosing.choose_plan(case.id, 99, proposed_at=case.proposed_at, by=BUYER)
    with pytest.raises(ProposedAnew):
        await choosing.choose_plan(case.id, 1, proposed_at=case.opened_at, by=BUYER)
    await cases.approve(case.id, by=MANAGER)
    with pytest.raises(WrongState):
        await choosing.choose_plan(case.id, 1, proposed_at=case.proposed_at, by=BUYER)


async def test_only_what_was_looked_at_is_approved(own_company):
    case = await with_a_front()
    front = (await proposal(case))["answer"]["front"]
    chosen = await choosing.choose_plan(case.id, len(front), proposed_at=case.proposed_at, by=BUYER)
    with pytest.raises(ProposedAnew):
        await cases.approve(case.id, proposed_at=case.proposed_at, by=MANAGER)
    approved = await cases.approve(case.id, proposed_at=chosen.proposed_at, by=MANAGER)

    assert approved.state == "acting"
    assert "draft" not in {order.state for order in (await cases.case_view(case.id, seen_by=BUYER)).orders}


async def test_an_approval_waits_for_the_choice_before_it(own_company):
    case = await with_a_front()
    front = (await proposal(case))["answer"]["front"]
    async with db.engine.transaction():
        await choosing.choose_plan(case.id, len(front), proposed_at=case.proposed_at, by=BUYER)
        approving = await blocked(cases.approve(case.id, by=MANAGER))
    await approving

    view = await cases.case_view(case.id, seen_by=BUYER)
    assert view.case.state == "acting"
    assert {order.state for order in view.orders} <= {"approved", "cancelled"}
    assert {transfer.state for transfer in view.transfers} <= {"draft", "cancelled"}


async def test_a_late_proposal_does_not_undo_a_choice(own_company):
    case = await with_a_front()
    await cases.propose_again(case.id, "need_has_grown", by=SETUP)
    first, late = [await proposing.prepare(case.id, by=SETUP) for _ in range(2)]
    await proposing.record(first, choose(first.situation), by=SETUP)
    again = await cases.case_summary(case.id)
    front = (await proposal(case))["answer"]["front"]
    chosen = await choosing.choose_plan(case.id, len(front), proposed_at=again.proposed_at, by=MANAGER)
    before = await cases.case_view(case.id, seen_by=BUYER)
    await proposing.record(late, choose(late.situation), by=SETUP)

    assert chosen.state == "proposed"
    assert await cases.case_view(case.id, seen_by=BUYER) == before


async def test_recovery_is_told_from_what_is_confirmed_and_from_the_measures(company):
    case = await with_a_front()
    told = await recovering.recovery(case.id, seen_by=AUDITOR)

    assert told is not None
    assert told.available < told.critical_point
    assert {each.standing for each in told.arrivals} == {"proposed"}
    assert all(each.measure for each in told.arrivals)
    assert told.confirmed.restored_at is None
    assert told.with_measures.restored_at in {each.due_at for each in told.arrivals}
    days = told.with_measures.days
    assert days[0].expected == told.available
    assert all(day.least - 1 <= day.expected <= day.most + 1 for day in days)
    for before, after in pairwise(told.confirmed.days):
        assert after.expected == pytest.approx(before.expected - told.rate_per_day)

    await cases.approve(case.id, by=MANAGER)
    approved = await recovering.recovery(case.id, seen_by=AUDITOR)
    assert approved is not None
    assert {each.standing for each in approved.arrivals} == {"under_way"}
    await cases.stand_down(case.id, by=MANAGER, reason="none")
    assert await recovering.recovery(case.id, seen_by=AUDITOR) is None


async def test_recovery_of_other_stores_cases_is_not_found(company):
    case = await with_a_front()

    with pytest.raises(Unknown):
        await recovering.recovery(case.id, seen_by=actor("auditor", depots={"SH"}))
    assert await recovering.recovery(case.id, seen_by=ENGINEER) is not None
