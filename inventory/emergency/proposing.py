"""Proposing measures for a case: drafted, kept with the whole answer, and acted on at once where authority stands."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

import msgspec

from inventory.emergency import cases
from inventory.emergency.choices import Choices, choices
from inventory.ground import db, jobs
from inventory.ground.actor import Actor, service
from inventory.procurement import orders
from inventory.stock import transfers
from inventory.stock.refusals import InsufficientStock
from optimizer.emergency import Answer
from optimizer.situation import Action, Lane, Purchase

ATTEMPTS = 5
"""How often measures are chosen anew because stock moved while they were being chosen."""

STANDING_AUTHORITY = service("standing authority")


@db.atomic
async def prepare(case: UUID, *, by: Actor) -> Choices | None:
    """What a case has to choose from, once the drafts of an earlier proposal are given up; None where it waits for none."""
    number = await db.fetch_value("SELECT number FROM emergency_case WHERE id = $1", case)
    found = await choices(case)
    if found is None:
        return None
    given_up = 0
    for draft in await db.fetch("SELECT id FROM purchase_order WHERE case_number = $1 AND state = 'draft'", number):
        await orders.give_up(draft["id"], by=by, reason="重新生成方案 / proposed anew")
    for draft in await db.fetch("SELECT id FROM transfer WHERE case_number = $1 AND state = 'proposed'", number):
        await transfers.give_up(draft["id"], by=by)
        given_up += 1
    return await choices(case) if given_up else found


@db.atomic
async def record(chosen: Choices, answer: Answer, *, by: Actor, attempt: int = 1) -> None:
    """Draft what was chosen, keep the proposal, and act at once where standing authority reaches.

    Where less stock is left than when the answer was asked for, it is asked for again.
    """
    fresh = await choices(chosen.case)
    if fresh is None:
        return
    if fresh.available < chosen.available and attempt < ATTEMPTS:
        await jobs.enqueue(jobs.Propose(chosen.case, attempt + 1))
        return
    measures = answer.plan or (answer.least_shortage.plan if answer.least_shortage else ())
    try:
        async with db.savepoint():
            total = await draft(chosen, measures, by)
    except InsufficientStock:  # a donor gave its stock away meanwhile
        await jobs.enqueue(jobs.Propose(chosen.case, attempt + 1))
        return
    proposal = {
        "status": answer.status,
        "measures": msgspec.to_builtins(measures),
        "still_missing": max(0, chosen.missing - sum(measure.qty for measure in measures)),
        "total_cny": str(total),
        "answer": msgspec.to_builtins(answer),
        "situation": msgspec.to_builtins(chosen.situation),
        "options": msgspec.to_builtins(chosen.options),
    }
    basis = await cases.record_proposal(chosen.case, proposal, total_cny=total, by=by)
    if basis == "standing_authority":
        await cases.approve(chosen.case, by=STANDING_AUTHORITY, basis=basis)


async def draft(chosen: Choices, measures: Sequence[Action], by: Actor) -> Decimal:
    """Draft one order per vendor, way and store, and one transfer per lane; what they cost together."""
    bought: dict[tuple[str, bool, str], list[orders.NewLine]] = defaultdict(list)
    moved: dict[str, list[transfers.TransferItem]] = defaultdict(list)
    for measure in measures:
        if isinstance(measure, Purchase):
            offered = chosen.options[measure.buy]
            line = orders.NewLine(part_number=measure.part, quantity=measure.qty)
            bought[offered.vendor, offered.expedited, chosen.depots[measure.depot]].append(line)
        else:
            item = transfers.TransferItem(part_number=measure.part, quantity=measure.qty, pool=chosen.pool)
            moved[measure.move].append(item)
    total = Decimal(0)
    for (vendor, expedited, depot), lines in sorted(bought.items()):
        order = await orders.draft_order(
            vendor,
            depot,
            lines,
            by=by,
            pool=chosen.pool,
            kind="emergency",
            expedited=expedited,
            case_number=chosen.number,
        )
        total += order.total_cny if isinstance(order.total_cny, Decimal) else Decimal(0)
    lanes = {lane.name: lane for lane in chosen.situation.lanes}
    for name, items in sorted(moved.items()):
        lane = lanes[name]
        await transfers.draft(
            chosen.depots[lane.origin],
            chosen.depots[lane.destination],
            items,
            by=by,
            case_number=chosen.number,
            mode=chosen.modes[name],
        )
        total += _freight(lane, items)
    return total


def _freight(lane: Lane, items: Sequence[transfers.TransferItem]) -> Decimal:
    """What sending some pieces over a lane costs."""
    pieces = sum(item.quantity for item in items)
    return Decimal(str(lane.fixed_cost_cny)) + Decimal(str(lane.unit_cost_cny)) * pieces
