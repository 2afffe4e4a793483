"""Emergency plan 1: what our experts tried for part requests, and makers that were called in."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Long, NotATime, Reason, Short, moment
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.emergency import maker_support
from inventory.ground import clock

Needed = Annotated[str, Meta(min_length=1, max_length=200)]
Words = Annotated[str, Meta(max_length=2000)]


class NewAttempt(Struct, kw_only=True):
    """What an expert of ours tried."""

    expert: Needed
    tried: Annotated[str, Meta(min_length=1, max_length=2000)]
    attempted_at: Short = ""


class Report(Struct, kw_only=True):
    """To which project manager; empty for the one on duty."""

    reported_to: Short = ""


class MakerCall(Struct, kw_only=True):
    """Which maker, by whom, and how it is reached."""

    maker: Needed
    through: Short = ""
    contact: Needed
    contact_phone: Short = ""
    contact_verified_on: Needed
    note: Words = ""


class Progress(Struct, kw_only=True):
    """What happened."""

    kind: maker_support.Progress
    at: Short = ""
    remark: Words = ""
    reference: Short = ""
    onsite_at: Short = ""


class Closing(Struct, kw_only=True):
    """How it was solved."""

    note: Long
    lessons: Words = ""


@get("/maker-cases", guards=[requires("emergency.read")])
async def list_cases(request: PageRequest, cursor: Cursor = None) -> Page:
    """List plans 1, the open ones apart."""
    actor = request.user
    found = await maker_support.summaries(limit=LENGTH + 1, seen_by=actor, after=decode_cursor(cursor, UUID))
    shown, following = cut(found, lambda each: each.id)
    return Page(
        "maker_support/list.html",
        open_cases=await maker_support.summaries(limit=LENGTH, seen_by=actor, live_only=True),
        ended=[each for each in shown if each.state not in maker_support.LIVE],
        cursor=following,
        first=not cursor,
    )


@get("/maker-cases/{maker_case_id:uuid}", guards=[requires("emergency.read")])
async def show_case(request: PageRequest, maker_case_id: FromPath[UUID]) -> Page:
    """Show one plan 1 as it goes."""
    return Page("maker_support/detail.html", view=await maker_support.view(maker_case_id, seen_by=request.user))


@post("/requests/{request_id:uuid}/expert-attempts", guards=[requires("parts.request")], status_code=303)
async def record_attempt(
    request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[NewAttempt]
) -> Redirect:
    """Record what an expert of ours tried."""
    await maker_support.record_attempt(
        request_id, expert=data.expert, tried=data.tried, attempted_at=moment(data.attempted_at), by=request.user
    )
    return Redirect(f"/requests/{request_id}", status_code=303)


@post(
    "/requests/{request_id:uuid}/expert-attempts/{attempt_id:uuid}/report",
    guards=[requires("parts.request")],
    status_code=303,
)
async def report_attempt(
    request: PageRequest, request_id: FromPath[UUID], attempt_id: FromPath[UUID], data: URLEncodedBody[Report]
) -> Redirect:
    """Say that it was reported to the project manager."""
    await maker_support.report_attempt(attempt_id, to=data.reported_to.strip() or None, by=request.user)
    return Redirect(f"/requests/{request_id}", status_code=303)


@post("/requests/{request_id:uuid}/maker-cases", guards=[requires("emergency.declare")], status_code=303)
async def open_case(request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[MakerCall]) -> Redirect:
    """Call a maker in."""
    verified = moment(data.contact_verified_on)
    if verified is None:
        raise NotATime(value=data.contact_verified_on)
    opened = await maker_support.open_case(
        request_id,
        maker_support.NewMakerCase(
            maker=data.maker,
            through=data.through.strip() or None,
            contact=data.contact,
            contact_phone=data.contact_phone.strip() or None,
            contact_verified_on=verified.astimezone(clock.ZONE).date(),
            note=data.note,
        ),
        by=request.user,
    )
    return Redirect(f"/maker-cases/{opened.id}", status_code=303)


@post("/maker-cases/{maker_case_id:uuid}/progress", guards=[requires("parts.request")], status_code=303)
async def note_progress(
    request: PageRequest, maker_case_id: FromPath[UUID], data: URLEncodedBody[Progress]
) -> Redirect:
    """Write down what happened."""
    await maker_support.note_progress(
        maker_case_id,
        data.kind,
        at=moment(data.at),
        remark=data.remark,
        reference=data.reference.strip() or None,
        onsite_at=moment(data.onsite_at),
        by=request.user,
    )
    return Redirect(f"/maker-cases/{maker_case_id}", status_code=303)


@post("/maker-cases/{maker_case_id:uuid}/close", guards=[requires("emergency.close")], status_code=303)
async def close(request: PageRequest, maker_case_id: FromPath[UUID], data: URLEncodedBody[Closing]) -> Redirect:
    """Close what is solved."""
    await maker_support.close(maker_case_id, note=data.note, lessons=data.lessons, by=request.user)
    return Redirect(f"/maker-cases/{maker_case_id}", status_code=303)


@post("/maker-cases/{maker_case_id:uuid}/withdraw", guards=[requires("emergency.declare")], status_code=303)
async def withdraw(request: PageRequest, maker_case_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Call the maker off."""
    await maker_support.withdraw(maker_case_id, reason=data.reason, by=request.user)
    return Redirect(f"/maker-cases/{maker_case_id}", status_code=303)


handlers = [list_cases, show_case, record_attempt, report_attempt, open_case, note_progress, close, withdraw]
