"""Returns: what is owed back by day, what I have to bring back, and how each piece ends; why parts fail."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.attachments import attached
from api.pages.forms import NotATime, Reason, Short, moment
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.places import places
from inventory.requests import failure_analysis
from inventory.returns import counter, debts, removed

Field = Annotated[str | None, QueryParameter(max_length=200)]


class Signing(Struct, kw_only=True):
    """Who signed that they keep the medium."""

    signed_by: Short
    remark: Annotated[str, Meta(max_length=2000)] = ""


class Moving(Struct, kw_only=True):
    """Another time to bring a part back, and why."""

    due_at: Short
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class Answering(Struct, kw_only=True):
    """What a wrong serial turned out to be: the record was wrong, or it stands."""

    answer: Short
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


@get("/returns", guards=[requires("returns.read")])
async def show_board(
    request: PageRequest,
    when: FromQuery[debts.When | None] = None,
    debtor: Field = None,
    depot: Field = None,
    vendor: Field = None,
    cursor: Cursor = None,
) -> Page:
    """Show what is owed back, what is due first first, with its sums by day, engineer, depot and vendor."""
    found = await debts.debts(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, tuple[datetime, UUID]),
        when=when,
        debtor=debtor or None,
        depot=depot or None,
        vendor=vendor or None,
    )
    shown, following = cut(found, lambda debt: (debt.due_at, debt.id))
    sums = await debts.shares(seen_by=request.user)
    return Page(
        "returns/board.html",
        debts=shown,
        cursor=following,
        first=not cursor,
        days={share.name: share for share in sums if share.what == "when"},
        sums=sums,
        when=when,
        nobody=debts.NOBODY,
        asked={"debtor": debtor, "depot": depot, "vendor": vendor},
        stores=await places.stores(limit=200, seen_by=request.user),
        owners=await places.owners(limit=500),
    )


@get("/my-returns", guards=[requires("returns.read")])
async def show_mine(request: PageRequest) -> Page:
    """Show what the reader has to bring back, by when and where; made for the phone."""
    mine = await debts.debts(limit=200, seen_by=request.user, debtor=request.user.name)
    return Page("returns/mine.html", debts=mine)


@get("/returns/{debt_id:uuid}", guards=[requires("returns.read")])
async def show_debt(request: PageRequest, debt_id: FromPath[UUID]) -> Page:
    """Show one piece that is owed back, with everything that was said of it."""
    debt = await debts.debt_view(debt_id, seen_by=request.user)
    settles = request.user.may("returns.settle") and request.user.sees_depot(debt.depot)
    ends = request.user.may("parts.request") and (debt.debtor == request.user.name or settles)
    return Page(
        "returns/detail.html",
        debt=debt,
        ends=ends,
        settles=settles,
        stores=await places.stores(limit=200, seen_by=request.user),
        owners=[],
        files=await attached(request, "return_debt", debt.id),
    )


@post("/returns/{debt_id:uuid}/keep", guards=[requires("parts.request")], status_code=303)
async def keep(request: PageRequest, debt_id: FromPath[UUID], data: URLEncodedBody[Signing]) -> Redirect:
    """Leave a medium with the customer, who signed for it."""
    await removed.keep(debt_id, data.signed_by, by=request.user, remark=data.remark)
    return _back(debt_id)


@post("/returns/{debt_id:uuid}/tell-lost", guards=[requires("parts.request")], status_code=303)
async def tell_lost(request: PageRequest, debt_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Say that what is owed is lost."""
    await removed.tell_lost(debt_id, by=request.user, reason=data.reason)
    return _back(debt_id)


@post("/returns/{debt_id:uuid}/confirm-lost", guards=[requires("stock.adjust")], status_code=303)
async def confirm_lost(request: PageRequest, debt_id: FromPath[UUID]) -> Redirect:
    """Write off what was told lost, as a second person."""
    await removed.confirm_lost(debt_id, by=request.user)
    return _back(debt_id)


@post("/returns/{debt_id:uuid}/due", guards=[requires("returns.settle")], status_code=303)
async def move_due(request: PageRequest, debt_id: FromPath[UUID], data: URLEncodedBody[Moving]) -> Redirect:
    """Give an engineer another time."""
    due_at = moment(data.due_at)
    if due_at is None:
        raise NotATime(value=data.due_at)
    await removed.give_until(debt_id, due_at, by=request.user, reason=data.reason)
    return _back(debt_id)


@post("/wrong-returns/{wrong_id:uuid}/answer", guards=[requires("returns.settle")], status_code=303)
async def answer_wrong(request: PageRequest, wrong_id: FromPath[UUID], data: URLEncodedBody[Answering]) -> Redirect:
    """Answer a wrong serial: correct the device's record, or let it stand."""
    act = counter.correct_record if data.answer == "correct" else counter.uphold_record
    view = await act(wrong_id, by=request.user, reason=data.reason)
    return _back(view.id)


def _back(debt: UUID) -> Redirect:
    return Redirect(f"/returns/{debt}", status_code=303)


@get("/failure-analysis", guards=[requires("returns.read")])
async def show_analysis(
    request: PageRequest,
    by: FromQuery[failure_analysis.Dimension] = "part",
    days: Annotated[int, QueryParameter(ge=1, le=failure_analysis.LONGEST_DAYS)] = 365,
    part: Field = None,
    cursor: Cursor = None,
) -> Page:
    """Show what was found of pieces, with rates and their intervals."""
    found = await failure_analysis.analysis(
        by,
        limit=LENGTH + 1,
        seen_by=request.user,
        days=days,
        after=decode_cursor(cursor, str) or "",
        part_number=part or None,
    )
    shown, following = cut(found, lambda each: each.name)
    return Page(
        "returns/analysis.html", rows=shown, cursor=following, first=not cursor, by=by, days=days, part=part or ""
    )


handlers = [
    show_board,
    show_mine,
    show_debt,
    keep,
    tell_lost,
    confirm_lost,
    move_due,
    answer_wrong,
    show_analysis,
]
