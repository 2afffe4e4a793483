"""Stock against the plan: what stores lack and can spare, and moving it by one click, once."""

import pytest

from api import solving
from inventory.ground import clock, db, jobs, progress
from inventory.ground.errors import NotGranted, NotYourDepot, Unknown, WrongState
from inventory.planning import balancing, plans
from inventory.planning.asking import NotYourNetwork
from inventory.stock import receipts, transfers
from inventory.stock.refusals import InsufficientStock
from tests.integration.planning.test_plans import made
from tests.integration.stock.test_reservations import level
from tests.world import BATTERY, DISPATCHER, FAN, KEEPER, MANAGER, PLANNER, PSU, SETUP, actor


async def in_force() -> plans.PlanSummary:
    """A plan in force under which Guangzhou has far too few power supplies, and Shanghai, without demand, has five."""
    plan = await made()
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="lost")
    await plans.approve_plan(plan.id, by=MANAGER)
    return plan


async def proposed(plan: plans.PlanSummary) -> balancing.Proposal:
    job = await balancing.ask_to_rebalance(plan.id, by=PLANNER)
    await solving.run(solving.rebalance, jobs.Rebalance(job.id, plan.id))
    assert (await progress.job_view(job.id)).state == "done"
    return await balancing.proposal(job.id, seen_by=PLANNER)


async def test_what_is_lacking_and_spare_is_read_off_shelf_ways_and_plan(company):
    plan = await in_force()
    found = await balancing.balance(plan.id, clock.today())
    at = {(holding.part, holding.depot): holding for holding in found.holdings}
    planned = {
        (row.part_number, row.depot): row.base_stock for row in (await plans.plan_detail(plan.id, seen_by=PLANNER)).rows
    }

    assert at[PSU, "GZ"].lacks == planned[PSU, "GZ"]
    assert at[PSU, "SH"].spares == 5
    assert at[PSU, "GZ"].unit_price_cny == 1106.1947  # 1,250 without the tax that is deducted
    assert (PSU, "ZJ") not in at  # a contract's own stock
    ways = {(lane.origin, lane.target): lane.refuses for lane in found.lanes}
    assert BATTERY in ways["GZ", "SH"]
    assert ways["GZ", "ZJ"] == frozenset()


async def test_what_is_on_its_way_is_not_lacking(company):
    plan = await in_force()
    before = (await proposed(plan)).rebalancing
    await transfers.draft_transfer(
        "SH", "GZ", [transfers.TransferItem(part_number=PSU, quantity=5)], by=actor("warehouse_keeper")
    )
    sent = (await transfers.transfers(limit=1, seen_by=SETUP))[0]
    await transfers.ship(sent.id, by=actor("warehouse_keeper"))
    after = (await proposed(plan)).rebalancing

    assert [(move.part, move.origin) for move in before.moves if move.part == PSU] == [(PSU, "SH")]
    assert [move for move in after.moves if move.part == PSU] == []
    assert [buy for buy in after.purchases if (buy.part, buy.depot) == (PSU, "GZ")] == []


async def test_a_proposal_becomes_draft_transfers_once(company):
    proposal = await proposed(await in_force())
    free = (await level(PSU, "SH")).free
    drafts = await balancing.draft_transfers(proposal.job, by=PLANNER)
    moved = {line.part_number: line.quantity for draft in drafts for line in draft.lines}

    assert [(draft.from_depot, draft.to_depot, draft.state) for draft in drafts] == [("SH", "GZ", "draft")]
    assert moved == {move.part: move.quantity for move in proposal.rebalancing.moves}
    assert (await level(PSU, "SH")).free == free - moved[PSU]
    assert (await balancing.proposal(proposal.job, seen_by=PLANNER)).transfers == [draft.number for draft in drafts]
    assert (await proposed(await plans.plan_summary(proposal.plan))).rebalancing.moves == ()  # they count as coming
    with pytest.raises(WrongState):
        await balancing.draft_transfers(proposal.job, by=PLANNER)


async def test_stock_that_is_gone_since_is_not_drafted_and_may_be_tried_again(own_company):
    proposal = await proposed(await in_force())
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="lost too")

    with pytest.raises(InsufficientStock):
        await balancing.draft_transfers(proposal.job, by=PLANNER)
    assert await transfers.transfers(limit=1, seen_by=SETUP) == []
    assert (await balancing.proposal(proposal.job, seen_by=PLANNER)).transfers == []
    assert not await db.fetch_value("SELECT payload ? 'transfers' FROM job WHERE id = $1", proposal.job)


async def test_a_proposal_is_for_whoever_sees_every_store_it_moves_between(company):
    proposal = await proposed(await in_force())

    with pytest.raises(NotYourNetwork):
        await balancing.proposal(proposal.job, seen_by=actor("planner", depots={"GZ"}))


async def test_only_a_plan_in_force_is_moved_to_and_only_by_planners(company):
    plan = await made()
    with pytest.raises(WrongState):
        await balancing.ask_to_rebalance(plan.id, by=PLANNER)
    proposal = await proposed(await in_force())
    for somebody in (DISPATCHER, KEEPER):
        with pytest.raises(NotGranted):
            await balancing.draft_transfers(proposal.job, by=somebody)
    with pytest.raises(NotYourDepot):
        await balancing.draft_transfers(proposal.job, by=actor("planner", depots={"GZ"}))
    with pytest.raises(Unknown):
        await balancing.proposal(plan.id, seen_by=PLANNER)


async def test_rebalancing_over_http(api):
    plan = await in_force()
    asked = await api.post(f"/plans/{plan.id}/rebalancing", role="planner")
    job = asked.json()["id"]
    early = await api.get(f"/rebalancings/{job}", role="planner")
    await solving.run(solving.rebalance, jobs.Rebalance(job, plan.id))
    found = await api.get(f"/rebalancings/{job}", role="planner")
    drafted = await api.post(f"/rebalancings/{job}/draft-transfers", role="planner")
    again = await api.post(f"/rebalancings/{job}/draft-transfers", role="planner")

    assert (asked.status_code, early.status_code) == (202, 404)
    assert {move["part"] for move in found.json()["rebalancing"]["moves"]} >= {PSU}
    assert (drafted.status_code, again.status_code) == (201, 409)
    assert FAN not in {move["part"] for move in found.json()["rebalancing"]["moves"]}
