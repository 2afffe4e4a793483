"""Proposing measures for a case: drafted, kept with the whole answer, and acted on at once where authority stands."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

from inventory.emergency import cases, stand_ins
from inventory.emergency.choices import Choices, Offered, choices
from inventory.emergency.hindrances import Hindrance, TooFew, TooLate, listed, told
from inventory.ground import db, jobs
from inventory.ground.actor import Actor, service
from inventory.procurement import orders
from inventory.stock import transfers
from inventory.stock.refusals import InsufficientStock
from optimizer.emergency import Answer, Point
from optimizer.situation import Action, Lane, Move, Purchase

ATTEMPTS = 5
"""How often measures are chosen anew because stock moved while they were being chosen."""

STANDING_AUTHORITY = service("standing authority")


@db.atomic
async def prepare(case: UUID, *, by: Actor, state: Literal["open", "proposed"] = "open") -> Choices | None:
    """What a case has to choose from, once the drafts of an earlier proposal are given up; None where it is not in `state`.

    Open, it waits for a proposal; one that is proposed is only prepared for whoever chooses another plan of it.
    """
    number = await db.fetch_value(
        "SELECT number FROM emergency_case WHERE id = $1 AND state = $2 FOR NO KEY UPDATE", case, state
    )
    if number is None:
        return None
    found = await choices(case)
    if found is None:
        return None
    given_up = 0
    for draft in await db.fetch("SELECT id FROM purchase_order WHERE case_number = $1 AND state = 'draft'", number):
        await orders.give_up(draft["id"], by=by, reason="重新生成方案 / proposed anew")
    for draft in await db.fetch("SELECT id FROM transfer WHERE case_number = $1 AND state = 'proposed'", number):
        await transfers.give_up(draft["id"], by=by)
        given_up += 1
    await stand_ins.give_up(case, agreed=False)
    return await choices(case) if given_up else found


@db.atomic
async def record(chosen: Choices, answer: Answer, *, by: Actor, attempt: int = 1, late: Point | None = None) -> None:
    """Draft what was chosen, keep the proposal, and act at once where standing authority reaches.

    The proposal says what stands in the way of more; `late` is the soonest plan where none is in time. Where less stock is
    left than when the answer was asked for, it is asked for again. Nothing is drafted where measures were proposed since:
    the case would have both.
    """
    still = await db.fetch_value(
        """SELECT state = 'open' AND proposed_at IS NOT DISTINCT FROM $2 FROM emergency_case
           WHERE id = $1 FOR NO KEY UPDATE""",
        chosen.case,
        chosen.proposed_at,
    )
    fresh = await choices(chosen.case) if still else None
    if fresh is None:
        return
    measures = answer.plan or (answer.least_shortage.plan if answer.least_shortage else ())
    gone = fresh.available < chosen.available or not _still_spared(fresh, measures) or fresh.drill != chosen.drill
    if gone and attempt < ATTEMPTS:
        await jobs.enqueue(jobs.Propose(chosen.case, attempt + 1))
        return
    try:
        async with db.savepoint():
            total = await draft(chosen, measures, by)
    except InsufficientStock:  # a donor gave its stock away meanwhile
        await jobs.enqueue(jobs.Propose(chosen.case, attempt + 1))
        return
    still_missing = max(0, chosen.missing - sum(measure.qty for measure in measures))
    hindrances = _in_the_way(chosen, still_missing, late)
    proposal = {
        "status": answer.status,
        "measures": msgspec.to_builtins(measures),
        "still_missing": still_missing,
        "total_cny": str(total),
        "answer": msgspec.to_builtins(answer),
        "situation": msgspec.to_builtins(chosen.situation),
        "options": msgspec.to_builtins(chosen.options),
        "moves": msgspec.to_builtins(chosen.moves),
        "substitutes": msgspec.to_builtins(chosen.substitutes),
        "swap_units": msgspec.to_builtins(chosen.swap_units),
        "hindrances": msgspec.to_builtins(hindrances),
    }
    basis = await cases.record_proposal(chosen.case, proposal, total_cny=total, by=by)
    if basis == "standing_authority":
        await cases.approve(chosen.case, by=STANDING_AUTHORITY, basis=basis)


def _in_the_way(chosen: Choices, still_missing: int, late: Point | None) -> list[Hindrance]:
    """What keeps a case from having all it asks for; where nothing is missing, only what fell through before."""
    if not still_missing:
        return [each for each in chosen.hindrances if each.code in ("vendor_refused", "vendor_silent")]
    missing = chosen.missing
    if late is None:
        return [*chosen.hindrances, told(TooFew(found=_most(chosen), missing=missing))]
    ways = [
        f"{measure.buy if isinstance(measure, Purchase) else measure.move} × {measure.qty}" for measure in late.plan
    ]
    too_late = TooLate(
        in_time=missing - still_missing,
        missing=missing,
        hours=round(chosen.situation.needs[0].needed_by_hours, 1),
        soonest_hours=round(late.last_needed_arrival_hours, 1),
        ways=listed(ways),
        cost_cny=late.cost_cny,
    )
    return [*chosen.hindrances, told(too_late)]


def _most(chosen: Choices) -> int:
    """How many pieces everything together could bring the case, were time no matter."""
    spared = {need.depot: need.on_hand - need.hold_point for need in chosen.situation.needs}
    return sum(spared[lane.origin] for lane in chosen.situation.lanes) + sum(
        option.lots[-1] * option.lot for option in chosen.situation.vendor_options if option.lots
    )


def _still_spared(fresh: Choices, measures: Sequence[Action]) -> bool:
    """Whether what is to be set aside in the case's own store is still there to be: nothing holds it until then."""
    spared = {need.depot: need.on_hand - need.hold_point for need in fresh.situation.needs}
    lanes = {lane.name: lane for lane in fresh.situation.lanes}
    return all(
        measure.move in lanes and measure.qty <= spared[lanes[measure.move].origin]
        for measure in measures
        if isinstance(measure, Move) and (measure.move not in fresh.moves or fresh.moves[measure.move].mode is None)
    )


async def draft(chosen: Choices, measures: Sequence[Action], by: Actor) -> Decimal:
    """Draft one order per vendor and way, and one transfer per store and way; what they cost together.

    What stands in for the part is kept with the case, what of it lies in its own store already too.
    """
    bought: dict[tuple[str, bool], list[orders.NewLine]] = defaultdict(list)
    total = Decimal(0)
    instead: dict[str, int] = {}
    set_aside: dict[str, int] = {}
    sent: dict[tuple[str, str], list[transfers.TransferItem]] = defaultdict(list)
    lanes = {lane.name: lane for lane in chosen.situation.lanes}
    for measure in measures:
        way = chosen.options[measure.buy] if isinstance(measure, Purchase) else chosen.moves[measure.move]
        pieces = measure.qty * way.pieces
        if way.part_number != measure.part:
            instead[way.part_number] = way.pieces
        if isinstance(way, Offered):
            line = orders.NewLine(part_number=way.part_number, quantity=pieces)
            bought[way.vendor, way.expedited].append(line)
        elif way.mode is None:
            set_aside[way.part_number] = pieces
        elif isinstance(measure, Move):
            total += _freight(lanes[measure.move], measure.qty, alone=not sent[way.depot, way.mode])
            item = transfers.TransferItem(part_number=way.part_number, quantity=pieces, pool=chosen.pool)
            sent[way.depot, way.mode].append(item)
    for (depot, mode), items in sorted(sent.items()):
        await transfers.draft(depot, chosen.depot, items, by=by, case_number=chosen.number, mode=mode)
    for (vendor, expedited), lines in sorted(bought.items(), key=lambda each: each[0]):
        order = await orders.draft_order(
            vendor,
            chosen.depot,
            lines,
            by=by,
            pool=chosen.pool,
            kind="emergency",
            expedited=expedited,
            case_number=chosen.number,
        )
        total += order.total_cny if isinstance(order.total_cny, Decimal) else Decimal(0)
    if instead:
        ids = {each.part_number: each.part for each in chosen.substitutes}
        await stand_ins.propose(
            chosen.case,
            {ids[number]: each for number, each in instead.items()},
            {ids[number]: each for number, each in set_aside.items()},
        )
    return total


def _freight(lane: Lane, pieces: int, *, alone: bool) -> Decimal:
    """What sending some pieces over a lane costs, alone or along with what goes that way already."""
    fixed = Decimal(str(lane.fixed_cost_cny)) if alone else Decimal(0)
    return fixed + Decimal(str(lane.unit_cost_cny)) * pieces
