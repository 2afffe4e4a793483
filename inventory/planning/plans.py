"""Plans as data: asked for, made by the optimizer, approved, and then the lines that stock is held against."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.ground import audit, clock, db, jobs, steps
from inventory.ground.actor import Actor, service
from inventory.ground.errors import Forbidden, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.ground.progress import JobView, begin_job
from inventory.people.delegations import acting
from inventory.planning import rates
from inventory.planning.answers import Answered
from inventory.planning.network import Gathered, gather
from inventory.stock.disclosure import serves
from inventory.stock.lines import Lines, set_lines
from optimizer.certificate import standing
from optimizer.cover import average_failure_line
from optimizer.network import Network
from optimizer.plan import Plan
from optimizer.whatif import Changes

State = Literal["proposed", "approved", "superseded", "rejected", "what_if"]

APPROVING = "plans.approve"

NIGHTLY = service("planning")
"""Who makes the plan of the night; its new one takes the place of its last, where nobody decided on that."""


WORTH_PLANNING = 0.005
"""The share of its cost that a plan must seem to waste before the night makes another one."""


class PlannerMayNotApprove(Forbidden):
    """A plan is approved by somebody other than {maker}, who made it."""

    zh = "计划须由编制人 {maker} 以外的人审批。"
    help_en = "Ask a project manager."
    help_zh = "请由项目经理审批。"


class PlanSummary(Struct, frozen=True, kw_only=True):
    """A plan as lists show it.

    `optimizer` names the formulas that made it; `based_on` is the plan whose network it changed, for a what-if.
    """

    id: UUID
    number: str
    state: State
    made_at: datetime
    made_by: str
    status: str
    proof: str | None
    cost_cny: Decimal | None
    lower_bound_cny: Decimal | None
    gap: float | None
    approved_at: datetime | None
    approved_by: str | None
    approved_for: str | None
    remark: str
    optimizer: str
    based_on: UUID | None


class PlannedClass(Struct, frozen=True, kw_only=True):
    """What a plan promises for a service class."""

    code: str
    time_to_site_hours: float
    target_fraction: float
    planned_service: float
    normal_dip: float


class PlannedRow(Struct, frozen=True, kw_only=True):
    """Why a base stock is what it is: installed pieces × rate × resupply time, and the share it gives."""

    part_number: str
    depot: str
    pool: str
    base_stock: int
    rate_per_day: float
    resupply_days: float
    expected_demand: float
    planned_share: float


class WhatIf(Struct, frozen=True, kw_only=True):
    """Changed assumptions, and the plan whose network they change."""

    plan: UUID
    changes: Changes


class PlanDetail(Struct, frozen=True, kw_only=True):
    """A plan with its classes and its rows; `reasons` and `multipliers` are empty to whoever is bound to contracts."""

    plan: PlanSummary
    reasons: list[str]
    multipliers: dict[str, float]
    classes: list[PlannedClass]
    rows: list[PlannedRow]


@db.atomic
async def ask_for_plan(*, by: Actor) -> JobView:
    """Have a plan made; the answer is the job to watch."""
    by.require("plans.make")
    job = await begin_job("make_plan", by=by, stopping_right="plans.make")
    await jobs.enqueue(jobs.MakePlan(job.id))
    return job


async def ask_for_changed_plan(on: date) -> JobView | None:
    """Have the plan of the night made, if the answer could be another one than before.

    It could not where the stock of the plan in force, or of the newest one, keeps every target and limit of today's network
    and costs hardly more than must be (`WORTH_PLANNING`).

    Raises:
        NoLeadTime: as `network.gather`.

    """
    await rates.assume(on, by=NIGHTLY)
    network = (await gather(on)).network
    rows = await db.fetch(
        """SELECT network, answer FROM plan
           WHERE state = 'approved' OR id = (SELECT id FROM plan WHERE state <> 'what_if' ORDER BY id DESC LIMIT 1)"""
    )
    for row in rows:
        if msgspec.convert(row["network"], Network) == network:
            return None
        if await asyncio.to_thread(_still_good, msgspec.convert(row["answer"], Plan), network):
            return None
    return await ask_for_plan(by=NIGHTLY)


def _still_good(answer: Plan, network: Network) -> bool:
    """Whether a plan's stock does for another network.

    Where only a search proved what the plan costs, the multipliers alone never will: how far they fell short on the plan's
    own day is no reason to plan anew.
    """
    if answer.status not in ("optimal", "feasible") or answer.cost_cny is None:
        return False
    at = standing(answer, network)
    proven, bound = answer.lower_bound_cny or 0.0, answer.lagrangian_bound_cny or 0.0
    searched = max(proven - bound, 0.0) / answer.cost_cny if answer.cost_cny else 0.0
    return at.keeps and at.cost_cny - at.lower_bound_cny <= (WORTH_PLANNING + searched) * at.cost_cny


@db.atomic
async def record_plan(gathered: Gathered, answered: Answered, *, by: Actor) -> PlanSummary:
    """Keep what the optimizer answered, with the network it was asked about, for somebody else to decide on."""
    plan = await keep(gathered, answered, by=by)
    await steps.begin(
        "approve_plan", "plan", plan.number, owner_role="project_manager", due_at=clock.now() + timedelta(days=1)
    )
    if by.name == NIGHTLY.name:
        for row in await db.fetch(
            """UPDATE plan SET state = 'rejected', remark = $3 WHERE state = 'proposed' AND made_by = $1 AND id <> $2
               RETURNING number""",
            by.name,
            plan.id,
            f"→ {plan.number}",
        ):
            await steps.finish("plan", row["number"], by=by)
    return plan


@db.atomic
async def keep(gathered: Gathered, answered: Answered, *, by: Actor, what_if: WhatIf | None = None) -> PlanSummary:
    """Keep a plan with its rows and classes: a proposal, or the answer to a what-if, which never holds."""
    plan = answered.plan
    number = await next_number("PL" if what_if is None else "WI")
    plan_id = await db.fetch_value(
        """INSERT INTO plan (number, state, made_at, made_by, status, proof, cost_cny, lower_bound_cny, gap, network,
                             answer, optimizer, based_on, changes)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id""",
        number,
        "proposed" if what_if is None else "what_if",
        clock.now(),
        by.name,
        plan.status,
        plan.proof,
        _money(plan.cost_cny),
        _money(plan.lower_bound_cny),
        plan.gap,
        msgspec.to_builtins(gathered.network),
        msgspec.to_builtins(plan),
        answered.optimizer,
        None if what_if is None else what_if.plan,
        None if what_if is None else msgspec.to_builtins(what_if.changes),
    )
    await db.execute(
        """WITH entered AS (
               INSERT INTO plan_row (plan, part, place, pool, base_stock, rate_per_day, resupply_days, planned_share)
               SELECT $1, part, place, pool, base_stock, rate_per_day, resupply_days, planned_share
               FROM jsonb_to_recordset($2) AS new(part integer, place integer, pool integer, base_stock integer,
                    rate_per_day float8, resupply_days float8, planned_share float8)
               RETURNING id, part, place, pool
           )
           INSERT INTO plan_row_class (plan_row, service_class, total_rate_per_day, served_rate_per_day)
           SELECT entered.id, service_class.id, demand.total_rate, demand.served_rate
           FROM jsonb_to_recordset($2) AS new(part integer, place integer, pool integer, demands jsonb)
           JOIN entered USING (part, place, pool)
           CROSS JOIN jsonb_to_recordset(new.demands)
                AS demand(service_class text, total_rate float8, served_rate float8)
           JOIN service_class ON service_class.code = demand.service_class""",
        plan_id,
        _rows(gathered, answered),
    )
    await db.execute(
        """INSERT INTO plan_class (plan, service_class, target_fraction, planned_service, normal_dip,
                                   on_time_rate_per_day, total_rate_per_day)
           SELECT $1, service_class.id, new.target_fraction, planned_service, normal_dip, on_time_rate, total_rate
           FROM jsonb_to_recordset($2) AS new(service_class text, target_fraction float8, planned_service float8,
                normal_dip float8, on_time_rate float8, total_rate float8)
           JOIN service_class ON service_class.code = new.service_class""",
        plan_id,
        msgspec.to_builtins(answered.classes),
    )
    return await plan_summary(plan_id)


def _money(amount: float | None) -> Decimal | None:
    return None if amount is None else Decimal(str(round(amount, 2)))


def _rows(gathered: Gathered, answered: Answered) -> list[dict[str, Any]]:
    """The plan's rows with the ids of the database."""
    return [
        {
            "part": gathered.parts[row.part],
            "place": gathered.spots[row.store].place,
            "pool": gathered.spots[row.store].pool,
            "base_stock": row.base_stock,
            "rate_per_day": row.rate_per_day,
            "resupply_days": row.resupply_days,
            "planned_share": row.planned_share,
            "demands": msgspec.to_builtins(row.demands),
        }
        for row in answered.rows
    ]


@db.atomic
async def approve_plan(plan: UUID, *, by: Actor) -> PlanSummary:
    """Let a plan hold: its base stocks and average-failure lines become the levels' lines.

    Every row is then judged anew, which sets its critical point.

    Raises:
        Unknown: no such plan.
        WrongState: it was decided before, or is infeasible.
        PlannerMayNotApprove: whoever made a plan does not approve it.
        BeyondDelegation, OutsideDelegation, DraftedForOneself: the actor stands in for an approver, and may not approve this.

    """
    by.require(APPROVING)
    view = await plan_summary(plan)
    by.require_eyes()
    by = acting(APPROVING, by=by, amount_cny=view.cost_cny, drafted_by=[view.made_by])
    if view.made_by == by.name:
        raise PlannerMayNotApprove(maker=view.made_by)
    if view.state != "proposed" or view.status not in ("optimal", "feasible"):
        raise WrongState(
            what="Plan",
            what_zh="计划",
            key=view.number,
            state=f"{view.state} / {view.status}",
            needed="proposed / optimal, feasible",
        )
    await db.execute("UPDATE plan SET state = 'superseded' WHERE state = 'approved'")
    moved = await db.execute(
        """UPDATE plan SET state = 'approved', approved_at = $2, approved_by = $3, approved_for = $4
           WHERE id = $1 AND state = 'proposed'""",
        plan,
        clock.now(),
        by.name,
        by.acts_for,
    )
    if not moved:
        raise WrongState(what="Plan", what_zh="计划", key=view.number, state="–", needed="proposed")
    rows = await db.fetch(
        "SELECT part, place, pool, base_stock, rate_per_day, resupply_days FROM plan_row WHERE plan = $1", plan
    )
    await set_lines(
        [
            Lines(
                part=row["part"],
                place=row["place"],
                pool=row["pool"],
                base_stock=row["base_stock"],
                reorder_point=max(row["base_stock"] - 1, 0),
                average_failure_line=average_failure_line(row["rate_per_day"], row["resupply_days"]).line,
                rate_per_day=row["rate_per_day"],
                resupply_days=row["resupply_days"],
            )
            for row in rows
        ]
    )
    await audit.record("plan.approved", "plan", view.number, by=by)
    await steps.finish("plan", view.number, by=by)
    await jobs.enqueue(jobs.AssessAll())
    return await plan_summary(plan)


@db.atomic
async def reject_plan(plan: UUID, *, by: Actor, reason: str) -> PlanSummary:
    """Turn a proposed plan down.

    Raises:
        Unknown: no such plan.
        WrongState: it was decided before.

    """
    by.require(APPROVING)
    view = await plan_summary(plan)
    by = acting(APPROVING, by=by, amount_cny=view.cost_cny, drafted_by=[view.made_by])
    moved = await db.execute(
        "UPDATE plan SET state = 'rejected', remark = $2 WHERE id = $1 AND state = 'proposed'", plan, reason
    )
    if not moved:
        raise WrongState(what="Plan", what_zh="计划", key=view.number, state=view.state, needed="proposed")
    await audit.record("plan.rejected", "plan", view.number, by=by, reason=reason)
    await steps.finish("plan", view.number, by=by)
    return await plan_summary(plan)


_SUMMARY = """SELECT id, number, state, made_at, made_by, status, proof, cost_cny, lower_bound_cny, gap, approved_at,
                     approved_by, approved_for, remark, optimizer, based_on FROM plan"""


async def plan_summary(plan: UUID) -> PlanSummary:
    """One plan in short.

    Raises:
        Unknown: no such plan.

    """
    found = await db.read_one(PlanSummary, f"{_SUMMARY} WHERE id = $1", plan)
    if found is None:
        raise Unknown(what="plan", what_zh="计划", key=str(plan))
    return found


async def plans(*, limit: int, after: UUID | None = None) -> list[PlanSummary]:
    """Plans, newest first."""
    return await db.read(
        PlanSummary, f"{_SUMMARY} WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2", after, limit
    )


async def plan_detail(plan: UUID, *, seen_by: Actor, limit: int = 5000) -> PlanDetail:
    """One plan with its classes and, of the reader's stores and for their contracts, its rows.

    Raises:
        Unknown: no such plan.

    """
    summary = await plan_summary(plan)
    whole = seen_by.contracts is None  # what prices a plan, and why none can hold, names everybody's stores and classes
    answer = await db.fetch_value("SELECT answer FROM plan WHERE id = $1", plan)
    classes = await db.read(
        PlannedClass,
        """SELECT code, time_to_site_hours, plan_class.target_fraction, planned_service, normal_dip
           FROM plan_class JOIN service_class ON service_class.id = plan_class.service_class
           WHERE plan = $1 ORDER BY time_to_site_hours, code""",
        plan,
    )
    rows = await db.read(
        PlannedRow,
        f"""SELECT part.part_number, place.code AS depot, pool.code AS pool, base_stock, rate_per_day, resupply_days,
                  rate_per_day * resupply_days AS expected_demand, planned_share
           FROM plan_row
           JOIN part ON part.id = plan_row.part
           JOIN place ON place.id = plan_row.place
           JOIN pool ON pool.id = plan_row.pool
           WHERE plan = $1 AND ($2::text[] IS NULL OR place.code = ANY($2)) AND {serves("pool", "$3")}
           ORDER BY part.part_number, place.code, pool.code LIMIT $4""",
        plan,
        seen_by.depot_scope,
        seen_by.contract_scope,
        limit,
    )
    return PlanDetail(
        plan=summary,
        reasons=answer["reasons"] if whole else [],
        multipliers=answer["multipliers"] if whole else {},
        classes=classes,
        rows=rows,
    )


async def targets(*, limit: int, seen_by: Actor, after: tuple[str, str, str] | None = None) -> Sequence[PlannedRow]:
    """The approved plan's rows in the reader's stores and for their contracts."""
    keys = after or (None, None, None)
    return await db.read(
        PlannedRow,
        f"""SELECT part.part_number, place.code AS depot, pool.code AS pool, plan_row.base_stock, rate_per_day,
                  resupply_days, rate_per_day * resupply_days AS expected_demand, planned_share
           FROM plan_row
           JOIN plan ON plan.id = plan_row.plan AND plan.state = 'approved'
           JOIN part ON part.id = plan_row.part
           JOIN place ON place.id = plan_row.place
           JOIN pool ON pool.id = plan_row.pool
           WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND {serves("pool", "$2")}
             AND ($3::text IS NULL OR (part.part_number, place.code, pool.code) > ($3, $4, $5))
           ORDER BY part.part_number, place.code, pool.code LIMIT $6""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        *keys,
        limit,
    )
