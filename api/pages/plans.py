"""Stocking plans: asked for, made, judged and approved."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import UNSET, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages import charts
from api.pages.formats import ZONE
from api.pages.forms import Reason, Several, Short, moment, number, rows
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest, gettext_of
from inventory.ground import clock, progress
from inventory.planning import asking, balancing, excess, explaining, learning, plans
from inventory.planning.network import store_name
from inventory.stock.pools import COMMON
from optimizer.whatif import Changes, DeviceFactor, LeadTimeFactor

ROWS = 100
"""How many rows of a plan a page shows."""


class WhatIfForm(Struct, kw_only=True):
    """What might be otherwise: targets in per cent, a limit, factors, a store that is closed."""

    service_class: Several = ""
    target: Several = ""
    total_budget_cny: Short = ""
    lead_time_factor: Short = ""
    device_factor: Short = ""
    closed_depot: Short = ""

    def changes(self, targets: dict[str, float]) -> Changes:
        """The changes against a plan whose classes have these targets; what was left as it is changes nothing."""
        asked = {
            name: number(share, least=0, most=100) / 100
            for name, share in rows(self.service_class, self.target)
            if name
        }
        return Changes(
            targets={
                name: float(share) for name, share in asked.items() if abs(float(share) - targets.get(name, -1)) > 1e-9
            },
            total_budget_cny=float(number(self.total_budget_cny, least=0, most=10**12))
            if self.total_budget_cny.strip()
            else UNSET,
            lead_time_factors=tuple(LeadTimeFactor(factor) for factor in _factors(self.lead_time_factor)),
            device_factors=tuple(DeviceFactor(factor) for factor in _factors(self.device_factor)),
            closed_depots=(self.closed_depot,) if self.closed_depot else (),
        )


def _factors(text: str) -> list[float]:
    """A factor somebody typed, where it is one that changes something."""
    factor = float(number(text, least=0, most=1000)) if text.strip() else 1.0
    return [] if factor == 1.0 else [factor]


@get("/plans", guards=[requires("plans.read")])
async def list_plans(request: PageRequest, cursor: Cursor = None) -> Page:  # noqa: ARG001  the guard reads it
    """List plans, newest first."""
    shown, following = cut(await plans.plans(limit=LENGTH + 1, after=decode_cursor(cursor, UUID)), lambda plan: plan.id)
    return Page("plans/list.html", plans=shown, cursor=following, first=not cursor)


@get("/plans/rates", guards=[requires("plans.read")])
async def show_rates(request: PageRequest) -> Page:  # noqa: ARG001  the guard reads it
    """Show what our own history taught: factors of age, environment and firmware, and repairs that came too late."""
    newest = await learning.newest()
    return Page("plans/rates.html", learned=None if newest is None else await learning.learning_detail(newest))


@post("/plans/rates", guards=[requires("plans.make")], status_code=303)
async def learn_rates(request: PageRequest) -> Redirect:
    """Learn anew from all that was recorded until today."""
    await learning.learn_anew(clock.today(), by=request.user)
    return Redirect("/plans/rates", status_code=303)


@post("/plans", guards=[requires("plans.make")], status_code=303)
async def ask_for_plan(request: PageRequest) -> Redirect:
    """Have a plan made; the next page watches it."""
    job = await plans.ask_for_plan(by=request.user)
    return Redirect(f"/plans/jobs/{job.id}", status_code=303)


@get("/plans/jobs/{job_id:uuid}", guards=[requires("plans.read")])
async def show_job(request: PageRequest, job_id: FromPath[UUID]) -> Page:
    """Show how far a plan is."""
    job = await progress.job_view(job_id)
    told = job.kind == balancing.KIND and job.state == "done" and asking.sees_all(request.user)
    moves = await balancing.proposal(job_id, seen_by=request.user) if told else None
    return Page("plans/job.html", job=job, proposal=moves)


@post("/plans/jobs/{job_id:uuid}/cancel", guards=[requires("plans.make")], status_code=303)
async def cancel_job(request: PageRequest, job_id: FromPath[UUID]) -> Redirect:
    """Ask a plan's making to stop."""
    await progress.cancel_job(job_id, by=request.user)
    return Redirect(f"/plans/jobs/{job_id}", status_code=303)


@get("/plans/{plan_id:uuid}", guards=[requires("plans.read")])
async def show_plan(
    request: PageRequest,
    plan_id: FromPath[UUID],
    part: Annotated[str, QueryParameter(max_length=200)] = "",
    start: Annotated[int, QueryParameter(ge=0)] = 0,
) -> Page:
    """Show one plan with the reasons of its numbers."""
    detail, whole = await plans.plan_detail(plan_id, seen_by=request.user), asking.sees_all(request.user)
    bound = request.user.contracts is not None
    frontier = None if bound else await asking.frontier_of(plan_id, seen_by=request.user)
    compared = await asking.comparison(plan_id, seen_by=request.user) if whole and detail.plan.based_on else None
    found = [row for row in detail.rows if part.strip().lower() in row.part_number.lower()]
    return Page(
        "plans/detail.html",
        detail=detail,
        compared=compared,
        files=whole,
        frontier=frontier,
        frontier_chart=charts.cost_against_service(frontier.points, gettext_of(request)) if frontier else None,
        stores=sorted({store_name(row.depot, row.pool) for row in detail.rows}),
        rows=found[start : start + ROWS],
        count=len(found),
        start=start,
        step=ROWS,
        part=part,
    )


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


@post("/plans/{plan_id:uuid}/frontier", guards=[requires("plans.make")], status_code=303)
async def draw_frontier(request: PageRequest, plan_id: FromPath[UUID]) -> Redirect:
    """Have a plan's network sized at other targets; the next page watches it."""
    job = await asking.ask_for_frontier(plan_id, by=request.user)
    return Redirect(f"/plans/jobs/{job.id}", status_code=303)


@post("/plans/{plan_id:uuid}/what-if", guards=[requires("plans.make")], status_code=303)
async def ask_what_if(request: PageRequest, plan_id: FromPath[UUID], data: URLEncodedBody[WhatIfForm]) -> Redirect:
    """Have a plan's network sized under changed assumptions; the next page watches it."""
    classes = (await plans.plan_detail(plan_id, seen_by=request.user, limit=1)).classes
    changes = data.changes({each.code: each.target_fraction for each in classes})
    job = await asking.ask_what_if(changes, by=request.user, plan=plan_id)
    return Redirect(f"/plans/jobs/{job.id}", status_code=303)


@get("/plans/{plan_id:uuid}/surplus", guards=[requires("plans.read")])
async def show_surplus(request: PageRequest, plan_id: FromPath[UUID]) -> Page:
    """Show where there is more than the plan uses within a year, and what to do with it."""
    found = await excess.surplus(plan_id, limit=200, seen_by=request.user)
    return Page("plans/surplus.html", plan=await plans.plan_summary(plan_id), rows=found)


@get("/plans/last-time-buy", guards=[requires("plans.make")])
async def show_last_time_buy(
    request: PageRequest,  # noqa: ARG001  the guard reads it
    part: Annotated[str, QueryParameter(max_length=200)] = "",
    until: Annotated[str, QueryParameter(max_length=10)] = "",
    shortage_cny: Annotated[str, QueryParameter(max_length=20)] = "",
    salvage_cny: Annotated[str, QueryParameter(max_length=20)] = "0",
) -> Page:
    """Reckon how many of a part to buy before it can be bought no more."""
    end = moment(until)
    found = None
    if part.strip() and end is not None:
        found = await excess.last_purchase(
            part.strip(),
            until=end.astimezone(ZONE).date(),
            shortage_cny=number(shortage_cny, least=0, most=10**9),
            salvage_cny=number(salvage_cny or "0", least=0, most=10**9),
        )
    return Page(
        "plans/last_time_buy.html", found=found, part=part, until=until, shortage=shortage_cny, salvage=salvage_cny
    )


@post("/plans/{plan_id:uuid}/rebalancing", guards=[requires("plans.make")], status_code=303)
async def rebalance(request: PageRequest, plan_id: FromPath[UUID]) -> Redirect:
    """Have it worked out what to move between stores; the next page watches it."""
    job = await balancing.ask_to_rebalance(plan_id, by=request.user)
    return Redirect(f"/plans/jobs/{job.id}", status_code=303)


@post("/plans/jobs/{job_id:uuid}/draft-transfers", guards=[requires("plans.make")], status_code=303)
async def draft_transfers(request: PageRequest, job_id: FromPath[UUID]) -> Redirect:
    """Turn a proposal into draft transfers."""
    await balancing.draft_transfers(job_id, by=request.user)
    return Redirect(f"/plans/jobs/{job_id}", status_code=303)


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


handlers = [
    list_plans,
    ask_for_plan,
    show_rates,
    learn_rates,
    show_job,
    cancel_job,
    show_plan,
    show_row,
    draw_frontier,
    ask_what_if,
    rebalance,
    draft_transfers,
    show_surplus,
    show_last_time_buy,
    approve,
    reject,
]
