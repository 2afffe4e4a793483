"""Plans and jobs over HTTP."""

from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from api.access import requires, requires_any, signed_in
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.problems import refusals
from api.routes.stock import Reason
from inventory.ground import progress
from inventory.planning import explaining, plans
from inventory.stock.pools import COMMON


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
    async def get_plan(self, plan_id: FromPath[UUID]) -> plans.PlanDetail:
        """Show one plan with the reasons of its numbers."""
        return await plans.plan_detail(plan_id)

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
