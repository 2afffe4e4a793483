"""Questions put to a plan's own network: what it would cost at other targets, and what if something were otherwise."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.ground import clock, db, jobs
from inventory.ground.actor import Actor
from inventory.ground.errors import FieldProblem, Forbidden, Invalid, Refused, Unknown
from inventory.ground.progress import JobView, begin_job
from inventory.planning import plans
from inventory.planning.answers import Answered
from inventory.planning.network import located
from inventory.planning.sentences import chinese
from optimizer.errors import InvalidInput
from optimizer.files import pointer
from optimizer.frontier import Point
from optimizer.network import Network
from optimizer.plan import Plan
from optimizer.whatif import Changes, Comparison, changed, compare


class NoPlanHolds(Refused):
    """No plan is in force, so there is nothing to compare with."""

    zh = "当前没有生效的计划，无从比较。"
    help_en = "Approve a plan, or name the plan to start from."
    help_zh = "请先审批计划，或指定作为起点的计划。"


class NotYourNetwork(Forbidden):
    """This names every store, contract and price of a plan: only whoever sees them all may have it."""

    zh = "其中包含计划的全部备件库、合同与价格，仅供有权查看全部内容的人员查看。"
    help_en = "Ask somebody who sees prices, and all stores and contracts; the plan's page shows what you may see."
    help_zh = "请联系可查看价格及全部备件库与合同的人员；计划页面显示您有权查看的内容。"


class ChangesMeanNothing(Invalid):
    """These assumptions cannot be made at {path}: {problem}."""

    zh = "假设无法成立（{path}）：{problem_zh}。"
    help_en = "Name stores, classes, parts and models as the plan's network file does."
    help_zh = "请按计划网络文件中的名称填写备件库、服务级别、备件与机型。"


class Frontier(Struct, frozen=True, kw_only=True):
    """What a plan's network costs at other targets; no points until somebody asked."""

    drawn_at: datetime | None
    points: list[Point]


class Kept(Struct, frozen=True, kw_only=True):
    """A plan as everything asked of it needs it: the network it was made for, and what the optimizer answered.

    A what-if names the plan that it is `based_on`, and its `changes`.
    """

    number: str
    cost_cny: Decimal | None
    network: Network
    answer: Plan
    based_on: UUID | None
    changes: Changes | None


class PlanComparison(Struct, frozen=True, kw_only=True):
    """A what-if beside the plan whose network it changed."""

    plan: plans.PlanSummary
    based_on: plans.PlanSummary
    changes: Changes
    comparison: Comparison


async def kept(plan: UUID) -> Kept:
    """A plan with the network it was made for and the optimizer's answer.

    Raises:
        Unknown: no such plan.

    """
    found = await db.read_one(
        Kept, "SELECT number, cost_cny, network, answer, based_on, changes FROM plan WHERE id = $1", plan
    )
    if found is None:
        raise Unknown(what="plan", what_zh="计划", key=str(plan))
    return found


def sees_all(actor: Actor) -> bool:
    """Whether a plan's files hide nothing from the actor: costs, stores and contracts."""
    return actor.may("costs.read") and actor.depots is None and actor.contracts is None


async def files_of(plan: UUID, *, seen_by: Actor) -> Kept:
    """A plan's network and answer, as the files they are: whole, or not at all.

    Raises:
        NotYourNetwork: the reader does not see all that is in them.
        Unknown: no such plan.

    """
    if not sees_all(seen_by):
        raise NotYourNetwork
    return await kept(plan)


async def newest_multipliers() -> dict[str, float] | None:
    """The multipliers of the newest plan that was found, for the next to start from; None before the first."""
    return await db.fetch_value(
        """SELECT answer->'multipliers' FROM plan WHERE state <> 'what_if' AND status IN ('optimal', 'feasible')
           ORDER BY id DESC LIMIT 1"""
    )


# ---- What other targets would cost.


@db.atomic
async def ask_for_frontier(plan: UUID, *, by: Actor) -> JobView:
    """Have a plan's frontier drawn; the answer is the job to watch.

    Raises:
        Unknown: no such plan.

    """
    by.require("plans.make")
    await plans.plan_summary(plan)
    job = await begin_job("draw_frontier", by=by, stopping_right="plans.make")
    await jobs.enqueue(jobs.DrawFrontier(job.id, plan))
    return job


@db.atomic
async def record_frontier(plan: UUID, points: Sequence[Point]) -> None:
    """Keep what other targets would cost, in place of what was kept before."""
    await db.execute(
        "UPDATE plan SET frontier = $2 WHERE id = $1",
        plan,
        msgspec.to_builtins(Frontier(drawn_at=clock.now(), points=list(points))),
    )


async def frontier_of(plan: UUID, *, seen_by: Actor) -> Frontier:
    """What a plan's network costs at other targets.

    Raises:
        NotYourNetwork: the reader is bound to contracts.
        Unknown: no such plan.

    """
    if seen_by.contracts is not None:
        raise NotYourNetwork
    row = await db.fetch_one("SELECT frontier FROM plan WHERE id = $1", plan)
    if row is None:
        raise Unknown(what="plan", what_zh="计划", key=str(plan))
    drawn = row["frontier"]
    return Frontier(drawn_at=None, points=[]) if drawn is None else msgspec.convert(drawn, Frontier)


# ---- What if.


@db.atomic
async def ask_what_if(changes: Changes, *, by: Actor, plan: UUID | None = None) -> JobView:
    """Have the network of a plan (the one in force, if none is named) sized under changed assumptions.

    Raises:
        Unknown: no such plan.
        NoPlanHolds: none is named, and none is in force.
        ChangesMeanNothing: they change nothing, or name what the network does not have.

    """
    by.require("plans.make")
    start = plan or await db.fetch_value("SELECT id FROM plan WHERE state = 'approved'")
    if start is None:
        raise NoPlanHolds
    network = (await kept(start)).network
    try:
        await asyncio.to_thread(changed, network, changes)
    except InvalidInput as wrong:
        raise _refusal(wrong) from None
    job = await begin_job("ask_what_if", by=by, stopping_right="plans.make")
    await jobs.enqueue(jobs.AskWhatIf(job.id, start, msgspec.to_builtins(changes)))
    return job


def _refusal(wrong: InvalidInput) -> ChangesMeanNothing:
    """Where the changes go wrong, as our refusal."""
    zh = chinese(wrong.problem)
    field = FieldProblem("/changes" + pointer(wrong.path), "invalid", wrong.problem, zh)
    return ChangesMeanNothing(path=wrong.path, problem=wrong.problem, problem_zh=zh, fields=(field,))


async def record_what_if(
    plan: UUID, changes: Changes, network: Network, answered: Answered, *, by: Actor
) -> plans.PlanSummary:
    """Keep the answer to a what-if."""
    what_if = plans.WhatIf(plan=plan, changes=changes)
    return await plans.keep(await located(network), answered, by=by, what_if=what_if)


async def comparison(plan: UUID, *, seen_by: Actor) -> PlanComparison:
    """A what-if beside the plan whose network it changed; compared in a thread.

    Raises:
        NotYourNetwork: the reader does not see all that is compared.
        Unknown: no such plan, or it is no what-if.

    """
    what_if = await files_of(plan, seen_by=seen_by)
    if what_if.based_on is None or what_if.changes is None:
        raise Unknown(what="what-if", what_zh="假设分析", key=str(plan))
    before = await kept(what_if.based_on)
    found = await asyncio.to_thread(compare, before.network, before.answer, what_if.network, what_if.answer)
    return PlanComparison(
        plan=await plans.plan_summary(plan),
        based_on=await plans.plan_summary(what_if.based_on),
        changes=what_if.changes,
        comparison=found,
    )
