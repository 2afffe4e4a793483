"""Choosing another plan of a case's front than the recommended one: drafted instead of it, once it still holds."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from inventory.emergency import cases, proposing
from inventory.emergency.cases import CaseSummary
from inventory.ground import db
from inventory.ground.actor import Actor, service
from inventory.ground.errors import Refused, Unknown
from inventory.stock.refusals import InsufficientStock
from optimizer.errors import OptimizerError
from optimizer.situation import Action, Move, Purchase, Situation, evaluate

DRAFTER = service("emergency")
"""Who drafts what was chosen, as what is proposed: choosing is the approver's, drafting orders need not be."""


class PlanNoLongerHolds(Refused):
    """Plan {plan} of case {number} no longer does what it did: {why}."""

    zh = "应急方案 {number} 的第 {plan} 个备选措施已不再可行：{why_zh}。"
    help_en = "Stock, offers or the need changed since it was worked out: have measures proposed anew, or choose another plan."
    help_zh = "自生成以来库存、报价或需求已变化：请重新生成措施，或选择其他措施。"


@db.atomic
async def choose_plan(case: UUID, plan: int, *, proposed_at: datetime, by: Actor) -> CaseSummary:
    """Have another plan of the front (counted from 1, the cheapest first) drafted instead of the one that is.

    The plan is held against the facts as they are now; it still waits for approval. `proposed_at` is when the proposal was
    made that the actor looked at.

    Raises:
        Unknown: no such case, or no such plan on its front.
        NotYourDepot: it is about a store that the actor does not serve.
        WrongState: it waits for no approval.
        ProposedAnew: its plans are others by now.
        PlanNoLongerHolds: stock, offers or the need changed, and the plan does not meet the need any more.
        BeyondDelegation, OutsideDelegation, DraftedForOneself: the actor stands in for an approver, and may not choose it.

    """
    by.require(cases.APPROVING)
    view = await cases.waiting(case, by=by)
    if view.proposed_at != proposed_at:
        raise cases.ProposedAnew(number=view.number)
    proposal = await db.fetch_value("SELECT proposal FROM emergency_case WHERE id = $1", case)
    front: Sequence[Mapping[str, Any]] = proposal["answer"]["front"]
    if not 1 <= plan <= len(front):
        raise Unknown(what="plan", what_zh="备选措施", key=f"{view.number} / {plan}")
    measures = _actions(front[plan - 1]["plan"])
    fresh = await proposing.prepare(case, by=DRAFTER, state="proposed")
    if fresh is None:
        raise AssertionError("a case that waits for approval has choices")
    _check(view.number, plan, fresh.situation, measures)
    try:
        async with db.savepoint():
            total = await proposing.draft(fresh, measures, DRAFTER)
    except InsufficientStock as short:
        raise _no_longer(view.number, plan, "a store gave its stock away", "调出库的库存已被占用") from short
    _, by = await cases.approving(case, by=by, amount_cny=total)
    await cases.record_choice(
        case,
        {
            **proposal,
            "measures": msgspec.to_builtins(measures),
            "total_cny": str(total),
            "situation": msgspec.to_builtins(fresh.situation),
            "options": msgspec.to_builtins(fresh.options),
            "moves": msgspec.to_builtins(fresh.moves),
            "chosen": plan,
            "chosen_by": by.name,
        },
        by=by,
    )
    return await cases.case_summary(case)


def _actions(plan: Sequence[Mapping[str, Any]]) -> tuple[Action, ...]:
    """The measures of a plan as they were kept."""
    return tuple(msgspec.convert(each, Purchase if "buy" in each else Move) for each in plan)


def _check(number: str, plan: int, situation: Situation, measures: Sequence[Action]) -> None:
    """Refuse a plan that breaks a rule as things stand, or leaves the need unmet."""
    try:
        missing = evaluate(situation, measures).missing
    except OptimizerError as broken:
        raise _no_longer(number, plan, str(broken), "报价、线路或库存已变化") from broken
    if missing:
        units = sum(each.units for each in missing)
        raise _no_longer(number, plan, f"{units} pieces would be missing", f"仍缺 {units} 件")


def _no_longer(number: str, plan: int, why: str, why_zh: str) -> PlanNoLongerHolds:
    return PlanNoLongerHolds(number=number, plan=plan, why=why, why_zh=why_zh)
