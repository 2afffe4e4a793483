"""Emergency plan 2: cases from evidence to closing note, near misses, bursts."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages import charts
from api.pages.attachments import attached
from api.pages.formats import ZONE_NAME
from api.pages.forms import Long, Reason, Short
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest, gettext_of
from inventory.emergency import assessments, cases, choosing, declaring, near_misses, recovering, related
from inventory.emergency.following import follow
from inventory.people import duty
from inventory.places import places
from inventory.stock.pools import COMMON

SHOWN = 20
"""How many near misses and bursts stand beside the cases."""


class Declaration(Struct, kw_only=True):
    """An emergency that a person declares."""

    part_number: Annotated[str, Meta(min_length=1, max_length=200)]
    depot: Annotated[str, Meta(min_length=1, max_length=200)]
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]
    pool: Short = COMMON


class Closing(Struct, kw_only=True):
    """How a case ends."""

    note: Long
    lessons: Annotated[str, Meta(max_length=2000)] = ""


class Approval(Struct, kw_only=True):
    """The proposal that was looked at."""

    proposed_at: Annotated[datetime, Meta(tz=True)]


class Choice(Struct, kw_only=True):
    """Which plan of the front is to be drafted, and the proposal that was looked at."""

    plan: Annotated[int, Meta(ge=1, le=1000)]
    proposed_at: Annotated[datetime, Meta(tz=True)]


@get("/emergencies", guards=[requires("emergency.read")])
async def list_cases(request: PageRequest, cursor: Cursor = None) -> Page:
    """List cases, the open ones apart; and what was almost one, or may become one."""
    actor = request.user
    found = await cases.cases(limit=LENGTH + 1, seen_by=actor, after=decode_cursor(cursor, UUID))
    shown, following = cut(found, lambda case: case.id)
    return Page(
        "emergencies/list.html",
        events=await related.events(seen_by=actor),
        open_cases=await cases.cases(limit=LENGTH, seen_by=actor, live_only=True),
        ended=[case for case in shown if case.state not in cases.LIVE],
        near_misses=await near_misses.near_misses(limit=SHOWN, seen_by=actor),
        bursts=await assessments.assessment_views(limit=SHOWN, seen_by=actor, bursts_only=True),
        cursor=following,
        first=not cursor,
    )


@get("/emergencies/new", guards=[requires("emergency.declare")])
async def new_case(request: PageRequest, part: FromQuery[str] = "", depot: FromQuery[str] = "") -> Page:
    """Declare an emergency."""
    stores = await places.stores(limit=200, seen_by=request.user)
    return Page("emergencies/new.html", stores=stores, part=part, depot=depot)


@post("/emergencies/new", guards=[requires("emergency.declare")], status_code=303)
async def declare(request: PageRequest, data: URLEncodedBody[Declaration]) -> Redirect:
    """Open a case by a person's word."""
    case = await declaring.declare(
        data.part_number.strip(), data.depot, pool=data.pool or COMMON, reason=data.reason, by=request.user
    )
    return Redirect(f"/emergencies/{case.id}", status_code=303)


@get("/emergencies/{case_id:uuid}", guards=[requires("emergency.read")])
async def show_case(request: PageRequest, case_id: FromPath[UUID]) -> Page:
    """Show a whole case as it goes."""
    followed, _ = await follow(case_id, seen_by=request.user, zone=ZONE_NAME), gettext_of(request)
    view, actor = followed.view, request.user
    waits = view.case.state == "proposed"
    told = await recovering.recovery(case_id, seen_by=actor)
    front = view.proposal.get("answer", {}).get("front", []) if actor.may("costs.read") else []
    return Page(
        "emergencies/detail.html",
        approvers=await duty.on_duty_with("emergency.approve", depot=view.case.depot, limit=50) if waits else [],
        followed=followed,
        view=view,
        files=await attached(request, "emergency_case", case_id),
        stock_chart=charts.case_over_time(followed, _),
        failure_chart=charts.failures_by_day(followed.failures, view.evidence["rate_per_day"], _),
        sum_chart=charts.failures_against_expected(
            followed.failures, view.evidence["rate_per_day"] if actor.contracts is None else None, _
        ),
        front=front,
        front_chart=charts.cost_against_time(front, _),
        recovery=told,
        recovery_chart=charts.recovery_over_time(told, _) if told else None,
        event=await related.event_of(view.case, seen_by=actor),
    )


@post("/emergencies/{case_id:uuid}/approve", guards=[requires("emergency.approve")], status_code=303)
async def approve(request: PageRequest, case_id: FromPath[UUID], data: URLEncodedBody[Approval]) -> Redirect:
    """Approve what a case proposes."""
    await cases.approve(case_id, by=request.user, proposed_at=data.proposed_at)
    return Redirect(f"/emergencies/{case_id}", status_code=303)


@post("/emergencies/{case_id:uuid}/choose-plan", guards=[requires("emergency.approve")], status_code=303)
async def choose_plan(request: PageRequest, case_id: FromPath[UUID], data: URLEncodedBody[Choice]) -> Redirect:
    """Have another plan of the front drafted than the recommended one."""
    await choosing.choose_plan(case_id, data.plan, proposed_at=data.proposed_at, by=request.user)
    return Redirect(f"/emergencies/{case_id}", status_code=303)


@post("/emergencies/{case_id:uuid}/make-real", guards=[requires("emergency.declare")], status_code=303)
async def make_real(request: PageRequest, case_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Let a drill's case be a real one."""
    await cases.make_real(case_id, by=request.user, reason=data.reason)
    return Redirect(f"/emergencies/{case_id}", status_code=303)


@post("/emergencies/{case_id:uuid}/stand-down", guards=[requires("emergency.close")], status_code=303)
async def stand_down(request: PageRequest, case_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """End a case that turned out not to be one."""
    await cases.stand_down(case_id, by=request.user, reason=data.reason)
    return Redirect(f"/emergencies/{case_id}", status_code=303)


@post("/emergencies/{case_id:uuid}/close", guards=[requires("emergency.close")], status_code=303)
async def close(request: PageRequest, case_id: FromPath[UUID], data: URLEncodedBody[Closing]) -> Redirect:
    """Close a case whose cover is restored."""
    await cases.close(case_id, by=request.user, note=data.note, lessons=data.lessons)
    return Redirect(f"/emergencies/{case_id}", status_code=303)


handlers = [list_cases, new_case, declare, show_case, approve, choose_plan, make_real, stand_down, close]
