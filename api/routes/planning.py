"""Plans and jobs over HTTP."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Struct

from api.access import requires, requires_any, signed_in
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.problems import refusals
from api.routes.stock import Reason
from inventory.ground import clock, progress
from inventory.planning import asking, balancing, excess, explaining, learning, plans
from inventory.stock import transfers
from inventory.stock.pools import COMMON
from optimizer.plan import Plan
from optimizer.whatif import Changes

Horizon = Annotated[
    int, QueryParameter(ge=0, le=3650, description="Days within which a piece that is used is no surplus")
]
Money = Annotated[str, QueryParameter(pattern=r"^[0-9]{1,9}(\.[0-9]{1,2})?$", description="CNY, as a decimal string")]


class WhatIf(Struct, forbid_unknown_fields=True):
    """Assumptions to change, and the plan to change them in: the one in force, if none is named."""

    changes: Changes
    plan: UUID | None = None


class Learn(Struct, forbid_unknown_fields=True):
    """From which day on to learn: as the last time, or since the records began, if none is named."""

    since: date | None = None


class PlanController(Controller):
    """Stocking plans: asked for, made, approved."""

    tags = ("plans",)

    @get("/plans", operation_id="ListPlans", guards=[requires("plans.read")], responses=refusals())
    async def list_plans(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[plans.PlanSummary]]:
        """List plans, newest first."""
        found = await plans.plans(limit=limit + 1, after=decode_cursor(cursor, UUID))
        return page(request, found, limit, lambda plan: plan.id)

    @get("/plans/{plan_id:uuid}", operation_id="GetPlan", guards=[requires("plans.read")], responses=refusals(404))
    async def get_plan(self, request: ApiRequest, plan_id: FromPath[UUID]) -> plans.PlanDetail:
        """Show one plan with the reasons of its numbers."""
        return await plans.plan_detail(plan_id, seen_by=request.user)

    @get(
        "/plans/{plan_id:uuid}/rows/{part_number:str}",
        operation_id="ExplainPlanRow",
        guards=[requires("plans.read")],
        responses=refusals(404),
    )
    async def explain_row(
        self,
        request: ApiRequest,
        plan_id: FromPath[UUID],
        part_number: FromPath[str],
        depot: FromQuery[str],
        pool: FromQuery[str] = COMMON,
    ) -> explaining.RowExplanation:
        """Say why the plan holds as much of a part in a store: devices behind it, what prices it, one more, one less."""
        return await explaining.row_explanation(plan_id, part_number, depot, pool=pool, seen_by=request.user)

    @post("/plans", operation_id="AskForPlan", status_code=202, guards=[requires("plans.make")], responses=refusals())
    async def ask(self, request: ApiRequest, idempotency_key: Key = None) -> Response[progress.JobView]:
        """Have a plan made; watch the job that is answered."""
        return await once(request, idempotency_key, lambda: plans.ask_for_plan(by=request.user), status=202)

    @get(
        "/plans/{plan_id:uuid}/network",
        operation_id="GetPlanNetwork",
        guards=[requires("plans.read")],
        responses=refusals(403, 404),
    )
    async def get_network(self, request: ApiRequest, plan_id: FromPath[UUID]) -> dict[str, Any]:
        """Give the network a plan was made for, as the file that `beijian plan` reads, to whoever sees all of it."""
        return msgspec.to_builtins((await asking.files_of(plan_id, seen_by=request.user)).network)

    @get(
        "/plans/{plan_id:uuid}/answer",
        operation_id="GetPlanAnswer",
        guards=[requires("plans.read")],
        responses=refusals(403, 404),
    )
    async def get_answer(self, request: ApiRequest, plan_id: FromPath[UUID]) -> Plan:
        """Give the plan with its bounds and multipliers, as the file that `beijian plan --check` verifies.

        As the network, it is for whoever sees all of it.
        """
        return (await asking.files_of(plan_id, seen_by=request.user)).answer

    @get(
        "/plans/{plan_id:uuid}/frontier",
        operation_id="GetFrontier",
        guards=[requires("plans.read")],
        responses=refusals(403, 404),
    )
    async def get_frontier(self, request: ApiRequest, plan_id: FromPath[UUID]) -> asking.Frontier:
        """Show what the plan's network costs at other targets, as far as somebody asked."""
        return await asking.frontier_of(plan_id, seen_by=request.user)

    @post(
        "/plans/{plan_id:uuid}/frontier",
        operation_id="DrawFrontier",
        status_code=202,
        guards=[requires("plans.make")],
        responses=refusals(404),
    )
    async def draw_frontier(
        self, request: ApiRequest, plan_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[progress.JobView]:
        """Have the plan's network sized at other targets; watch the job that is answered."""
        return await once(
            request, idempotency_key, lambda: asking.ask_for_frontier(plan_id, by=request.user), status=202
        )

    @post(
        "/plans/{plan_id:uuid}/rebalancing",
        operation_id="AskToRebalance",
        status_code=202,
        guards=[requires("plans.make")],
        responses=refusals(404, 409),
    )
    async def rebalance(
        self, request: ApiRequest, plan_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[progress.JobView]:
        """Have it worked out what to move between stores and what to buy to reach the plan; watch the job answered."""
        return await once(
            request, idempotency_key, lambda: balancing.ask_to_rebalance(plan_id, by=request.user), status=202
        )

    @get(
        "/rebalancings/{job_id:uuid}",
        operation_id="GetRebalancing",
        guards=[requires("plans.read")],
        responses=refusals(403, 404),
    )
    async def get_rebalancing(self, request: ApiRequest, job_id: FromPath[UUID]) -> balancing.Proposal:
        """Show what to move between stores and what to buy, as a job found it, to whoever sees all stores."""
        return await balancing.proposal(job_id, seen_by=request.user)

    @post(
        "/rebalancings/{job_id:uuid}/draft-transfers",
        operation_id="DraftRebalancing",
        status_code=201,
        guards=[requires("plans.make")],
        responses=refusals(403, 404, 409),
    )
    async def draft_rebalancing(
        self, request: ApiRequest, job_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[list[transfers.TransferView]]:
        """Turn a proposal into draft transfers, one for each lane; their stock is held from now on."""
        return await once(
            request, idempotency_key, lambda: balancing.draft_transfers(job_id, by=request.user), status=201
        )

    @get(
        "/plans/{plan_id:uuid}/surplus",
        operation_id="ListSurplus",
        guards=[requires("plans.read")],
        responses=refusals(404),
    )
    async def list_surplus(
        self, request: ApiRequest, plan_id: FromPath[UUID], horizon_days: Horizon = excess.HORIZON_DAYS
    ) -> list[excess.SurplusView]:
        """List where there is more than the plan uses within a horizon, with what to do; the 200 dearest."""
        return await excess.surplus(plan_id, limit=200, seen_by=request.user, horizon_days=horizon_days)

    @get(
        "/last-time-buys/{part_number:str}",
        operation_id="ReckonLastTimeBuy",
        guards=[requires("plans.make")],
        responses=refusals(404),
    )
    async def last_time_buy(
        self, part_number: FromPath[str], until: FromQuery[date], shortage_cny: Money, salvage_cny: Money = "0"
    ) -> excess.LastPurchase:
        """Say how many of a part to buy while it can still be had, for the devices served until a day."""
        return await excess.last_purchase(
            part_number, until=until, shortage_cny=Decimal(shortage_cny), salvage_cny=Decimal(salvage_cny)
        )

    @post(
        "/what-if",
        operation_id="AskWhatIf",
        status_code=202,
        guards=[requires("plans.make")],
        responses=refusals(404, 409),
    )
    async def ask_what_if(
        self, request: ApiRequest, data: JSONBody[WhatIf], idempotency_key: Key = None
    ) -> Response[progress.JobView]:
        """Have a plan's network sized under changed assumptions; the plan this makes can never be approved."""
        return await once(
            request,
            idempotency_key,
            lambda: asking.ask_what_if(data.changes, by=request.user, plan=data.plan),
            status=202,
        )

    @get(
        "/plans/{plan_id:uuid}/comparison",
        operation_id="CompareWhatIf",
        guards=[requires("plans.read")],
        responses=refusals(403, 404),
    )
    async def compare(self, request: ApiRequest, plan_id: FromPath[UUID]) -> asking.PlanComparison:
        """Show a what-if beside the plan whose network it changed: what each costs and holds.

        It is for whoever sees all stores.
        """
        return await asking.comparison(plan_id, seen_by=request.user)

    @post(
        "/plans/{plan_id:uuid}/approve",
        operation_id="ApprovePlan",
        status_code=200,
        guards=[requires("plans.approve")],
        responses=refusals(404, 409),
    )
    async def approve(
        self, request: ApiRequest, plan_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[plans.PlanSummary]:
        """Let a plan hold: its base stocks become the levels' lines."""
        return await once(request, idempotency_key, lambda: plans.approve_plan(plan_id, by=request.user))

    @post(
        "/plans/{plan_id:uuid}/reject",
        operation_id="RejectPlan",
        status_code=200,
        guards=[requires("plans.approve")],
        responses=refusals(404, 409),
    )
    async def reject(
        self, request: ApiRequest, plan_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[plans.PlanSummary]:
        """Turn a proposed plan down."""
        return await once(
            request, idempotency_key, lambda: plans.reject_plan(plan_id, by=request.user, reason=data.reason)
        )

    @get("/rate-learnings", operation_id="ListRateLearnings", guards=[requires("plans.read")], responses=refusals())
    async def list_learnings(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[learning.LearningSummary]]:
        """List when failure rates were learned from our own history, newest first; the newest holds."""
        found = await learning.learnings(limit=limit + 1, after=decode_cursor(cursor, UUID))
        return page(request, found, limit, lambda each: each.id)

    @get(
        "/rate-learnings/{learning_id:uuid}",
        operation_id="GetRateLearning",
        guards=[requires("plans.read")],
        responses=refusals(404),
    )
    async def get_learning(self, learning_id: FromPath[UUID]) -> learning.Learning:
        """Show what was learned: factors of age, environment and firmware, and repairs that missed their limit."""
        return await learning.learning_detail(learning_id)

    @post(
        "/rate-learnings",
        operation_id="LearnRates",
        status_code=201,
        guards=[requires("plans.make")],
        responses=refusals(),
    )
    async def learn(
        self, request: ApiRequest, data: JSONBody[Learn], idempotency_key: Key = None
    ) -> Response[learning.LearningSummary]:
        """Learn failure rates from all that was recorded until today; the next plan rests on them."""
        return await once(
            request,
            idempotency_key,
            lambda: learning.learn_anew(clock.today(), since=data.since, by=request.user),
            status=201,
        )

    @get("/targets", operation_id="ListTargets", guards=[requires("plans.read")], responses=refusals())
    async def list_targets(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[plans.PlannedRow]]:
        """List what the approved plan says of every part, store and pool."""
        found = await plans.targets(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, tuple[str, str, str])
        )
        return page(request, found, limit, lambda row: (row.part_number, row.depot, row.pool))

    @get("/jobs/{job_id:uuid}", operation_id="GetJob", guards=[signed_in], responses=refusals(404))
    async def get_job(self, job_id: FromPath[UUID]) -> progress.JobView:
        """Show how far a job is and what came of it."""
        return await progress.job_view(job_id)

    @post(
        "/jobs/{job_id:uuid}/cancel",
        operation_id="CancelJob",
        status_code=200,
        guards=[requires_any("plans.make", "parts.manage", "stock.adjust")],
        responses=refusals(404, 409),
    )
    async def cancel_job(
        self, request: ApiRequest, job_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[progress.JobView]:
        """Ask a job to stop."""
        return await once(request, idempotency_key, lambda: progress.cancel_job(job_id, by=request.user))
