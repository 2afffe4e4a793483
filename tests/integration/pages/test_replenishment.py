"""Replenishment on pages: why so many, ordered several at once, declined with a reason."""

from inventory.ground import db
from inventory.procurement import orders, replenishment
from tests.integration.procurement.test_replenishment import bundled, opened, short_of
from tests.world import BUYER, DRIVE, FAN


async def two_proposals() -> list[replenishment.ProposalView]:
    await short_of(FAN, 3)
    await short_of(DRIVE, 2, average=100)
    await replenishment.propose()
    await bundled()
    return await opened()


async def test_a_buyer_reads_why_and_orders_several_at_once(visitor):
    found = await two_proposals()
    buyer = await visitor("buyer")
    listed = (await buyer.get("/replenishment")).text
    english = (await buyer.get(f"/replenishment/{found[0].id}", language="en")).text
    answer = await buyer.post(
        "/replenishment", {"answer": "accept", "proposal": [str(each.id) for each in found], "reason": "", "until": ""}
    )

    assert all(each.number in listed for each in found)
    assert "起草订单" in listed
    assert "拒绝" in listed
    assert "The position, piece by piece" in english
    assert "proven: no choice of vendors" in english
    [order] = await orders.orders(limit=5, seen_by=BUYER, state="draft")
    assert answer.headers["location"] == f"/orders/{order.id}"
    assert {line.part_number for line in order.lines} == {DRIVE, FAN}


async def test_a_quantity_is_changed_on_the_way_to_the_draft(visitor):
    found = await two_proposals()
    buyer = await visitor("buyer")
    fan = next(each for each in found if each.part_number == FAN)
    await buyer.post("/replenishment", {"answer": "accept", "proposal": str(fan.id), "quantity": "7"})
    [order] = await orders.orders(limit=5, seen_by=BUYER, state="draft")
    assert [line.quantity for line in order.lines] == [7]
    await db.execute("UPDATE purchase_order SET state = 'cancelled'")


async def test_a_proposal_is_declined_with_a_reason_and_not_without(visitor):
    [urgent, *_] = await two_proposals()
    buyer = await visitor("buyer")
    silent = await buyer.post("/replenishment", {"answer": "decline", "proposal": str(urgent.id), "reason": " "})
    nothing = await buyer.post("/replenishment", {"answer": "accept"}, language="en")
    said = await buyer.post(
        "/replenishment", {"answer": "decline", "proposal": str(urgent.id), "reason": "机型退役", "until": "2099-01-01"}
    )
    assert "拒绝补货建议须注明理由" in silent.text
    assert "No proposal is chosen" in nothing.text
    assert said.status_code == 303
    assert "机型退役" in (await buyer.get(f"/replenishment/{urgent.id}")).text


async def test_what_waits_for_company_says_until_when(visitor):
    await db.execute("UPDATE vendor SET minimum_order_cny = 5000")
    await short_of(FAN, 3)
    await replenishment.propose()
    await bundled()
    [proposal] = await opened()
    planner = await visitor("planner")
    assert "等待合单" in (await planner.get("/replenishment")).text
    assert "least order value together" in (await planner.get(f"/replenishment/{proposal.id}", language="en")).text


async def test_the_rules_of_replenishment_are_set_by_who_may(visitor):
    manager, buyer = await visitor("project_manager"), await visitor("buyer")
    form = {"daily_hour": "8", "bundling_days": "3", "answer_hours": "24", "urgent_hours": "2", "draft_urgent": "yes"}
    refused = await buyer.post("/policies/replenishment", form)
    await manager.post("/policies/replenishment", form)
    assert refused.status_code == 403
    page = (await manager.get("/policies", language="en")).text
    assert "daily from" not in page
    assert "at once" in page
