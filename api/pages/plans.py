"""Stocking plans: asked for, made, judged and approved."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Reason
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.ground import progress
from inventory.planning import explaining, plans
from inventory.stock.pools import COMMON

ROWS = 100
"""How many rows of a plan a page shows."""


@get("/plans", guards=[requires("plans.read")])
async def list_plans(request: PageRequest, cursor: Cursor = None) -> Page:  # noqa: ARG001  the guard reads it
    """List plans, newest first."""
    shown, following = cut(await plans.plans(limit=LENGTH + 1, after=decode_cursor(cursor, UUID)), lambda plan: plan.id)
    return Page("plans/list.html", plans=shown, cursor=following, first=not cursor)


@post("/plans", guards=[requires("plans.make")], status_code=303)
async def ask_for_plan(request: PageRequest) -> Redirect:
    """Have a plan made; the next page watches it."""
    job = await plans.ask_for_plan(by=request.user)
    return Redirect(f"/plans/jobs/{job.id}", status_code=303)


@get("/plans/jobs/{job_id:uuid}", guards=[requires("plans.read")])
async def show_job(request: PageRequest, job_id: FromPath[UUID]) -> Page:  # noqa: ARG001  the guard reads it
    """Show how far a plan is."""
    return Page("plans/job.html", job=await progress.job_view(job_id))


@post("/plans/jobs/{job_id:uuid}/cancel", guards=[requires("plans.make")], status_code=303)
async def cancel_job(request: PageRequest, job_id: FromPath[UUID]) -> Redirect:
    """Ask a plan's making to stop."""
    await progress.cancel_job(job_id, by=request.user)
    return Redirect(f"/plans/jobs/{job_id}", status_code=303)


@get("/plans/{plan_id:uuid}", guards=[requires("plans.read")])
async def show_plan(
    request: PageRequest,  # noqa: ARG001  the guard reads it
    plan_id: FromPath[UUID],
    part: Annotated[str, QueryParameter(max_length=200)] = "",
    start: Annotated[int, QueryParameter(ge=0)] = 0,
) -> Page:
    """Show one plan with the reasons of its numbers."""
    detail = await plans.plan_detail(plan_id)
    rows = [row for row in detail.rows if part.strip().lower() in row.part_number.lower()]
    return Page("plans/detail.html", detail=detail, rows=rows[start : start + ROWS], count=len(rows), start=start,
                step=ROWS, part=part)  # fmt: skip


@get("/plans/{plan_id:uuid}/rows/{part_number:str}", guards=[requires("plans.read")])
async def show_row(
    request: PageRequest,
    plan_id: FromPath[UUID],
    part_number: FromPath[str],
    depot: FromQuery[str],
    pool: FromQuery[str] = COMMON,
) -> Page:
    """Show why a plan holds as much of a part in a store."""
    row = await explaining.row_explanation(plan_id, part_number, depot, pool=pool, seen_by=request.user)
    return Page("plans/row.html", row=row, why=row.explanation)


@post("/plans/{plan_id:uuid}/approve", guards=[requires("plans.approve")], status_code=303)
async def approve(request: PageRequest, plan_id: FromPath[UUID]) -> Redirect:
    """Let a plan hold."""
    await plans.approve_plan(plan_id, by=request.user)
    return Redirect(f"/plans/{plan_id}", status_code=303)


@post("/plans/{plan_id:uuid}/reject", guards=[requires("plans.approve")], status_code=303)
async def reject(request: PageRequest, plan_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Turn a proposed plan down."""
    await plans.reject_plan(plan_id, by=request.user, reason=data.reason)
    return Redirect(f"/plans/{plan_id}", status_code=303)


handlers = [list_plans, ask_for_plan, show_job, cancel_job, show_plan, show_row, approve, reject]
