"""The duty roster (值班): a week at a glance, shifts entered, changed, swapped and withdrawn, and how people are reached."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires, signed_in
from api.answers import Cursor, decode_cursor
from api.pages import week as weeks
from api.pages.formats import ZONE
from api.pages.forms import NotATime, Reason, Short, day_of, moment
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.ground import clock
from inventory.ground.errors import Unknown
from inventory.people import contacts, duty, posts
from inventory.people.roles import DUTIES
from inventory.places import places

MOST_SHIFTS = 2000
MOST_DAYS = 92
"""How many days in a row a shift is entered for at once."""


class Entering(Struct, kw_only=True):
    """A duty on every day from the first to the last; hours that end before they begin end on the next day."""

    username: Short
    role: Short
    depot: Short = ""
    first: Short
    last: Short = ""
    begins: Short = "08:00"
    ends: Short = "08:00"


class Changing(Struct, kw_only=True):
    """Who has a shift, when it is, and why that changed."""

    username: Short
    starts_at: Short
    ends_at: Short
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class Swapping(Struct, kw_only=True):
    """With which other shift, and why."""

    other: UUID
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class Staffing(Struct, kw_only=True):
    """A role at a store, or at all of them."""

    role: Short
    depot: Short = ""


class Reaching(Struct, kw_only=True):
    """How somebody is reached."""

    phone: Short = ""
    email: Short = ""
    chat: Literal["", "wecom", "dingtalk"] = ""


def today() -> date:
    """The day it is where the depots are."""
    return clock.now().astimezone(ZONE).date()


@get("/roster", guards=[requires("roster.read")])
async def show_roster(
    request: PageRequest,
    monday: Annotated[date | None, QueryParameter(name="week")] = None,
    depot: FromQuery[str | None] = None,
    role: FromQuery[str | None] = None,
) -> Page:
    """Show a week, this one where none is named."""
    first = weeks.monday_of(monday or today())
    since, until = weeks.hours_of(first)
    must = await posts.posts(limit=500, seen_by=request.user)
    shifts = await duty.shifts(
        limit=MOST_SHIFTS, seen_by=request.user, since=since, until=until, depot=depot or None, role=role or None
    )
    now = clock.now()
    empty = await posts.empty_shifts(max(since, now), until, seen_by=request.user) if now < until else []
    wanted = [p for p in must if (not depot or p.depot == depot) and (not role or p.role == role)]
    return Page(
        "roster/week.html",
        rows=weeks.week(first, wanted, shifts, empty),
        days=[first + timedelta(days=n) for n in range(7)],
        today=today(),
        monday=first,
        before=first - timedelta(days=7),
        following=first + timedelta(days=7),
        depot=depot,
        role=role,
        stores=await places.stores(limit=200, seen_by=request.user),
        on_duty=await duty.on_duty(limit=200, depot=depot or None, role=role or None),
        soon=await posts.empty_shifts(now, now + posts.WATCHED, seen_by=request.user),
        posts=must,
        people=await _people(request),
        duties=DUTIES,
    )


async def _people(request: PageRequest) -> list[contacts.Contact]:
    """Whom to choose from, for those who keep the roster."""
    return await contacts.contacts(limit=1000, seen_by=request.user) if request.user.may("roster.manage") else []


@post("/roster", guards=[requires("roster.manage")], status_code=303)
async def enter(request: PageRequest, data: URLEncodedBody[Entering]) -> Redirect:
    """Enter somebody's duty for a row of days."""
    first = day_of(data.first)
    last = day_of(data.last) if data.last.strip() else first
    begins, ends = _hour(data.begins), _hour(data.ends)
    if not first <= last <= first + timedelta(days=MOST_DAYS):
        raise duty.ShiftTimesWrong(days=MOST_DAYS)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    await duty.enter_shifts(
        [
            duty.NewShift(
                username=data.username.strip(),
                role=data.role,
                depot=data.depot or None,
                starts_at=datetime.combine(day, begins, ZONE),
                ends_at=datetime.combine(day + timedelta(days=int(ends <= begins)), ends, ZONE),
            )
            for day in days
        ],
        by=request.user,
    )
    return Redirect(f"/roster?week={first.isoformat()}", status_code=303)


def _hour(text: str) -> time:
    try:
        return time.fromisoformat(text.strip())
    except ValueError:
        raise NotATime(value=text) from None


def _instant(text: str) -> datetime:
    found = moment(text)
    if found is None:
        raise NotATime(value=text)
    return found


@get("/roster/shifts/{shift_id:uuid}", guards=[requires("roster.read")])
async def show_shift(request: PageRequest, shift_id: FromPath[UUID]) -> Page:
    """Show a shift with what can be done about it."""
    view = await duty.shift_view(shift_id)
    if view.depot is not None and not request.user.sees_depot(view.depot):
        raise Unknown(what="shift", what_zh="班次", key=str(shift_id))
    open_still = view.withdrawn_at is None and view.ends_at > clock.now()
    manages = open_still and request.user.may("roster.manage")
    others = await duty.shifts(limit=200, seen_by=request.user, since=clock.now(), role=view.role) if manages else []
    return Page(
        "roster/shift.html",
        view=view,
        manages=manages,
        others=[shift for shift in others if shift.username != view.username],
        people=await _people(request),
    )


@post("/roster/shifts/{shift_id:uuid}/change", guards=[requires("roster.manage")], status_code=303)
async def change(request: PageRequest, shift_id: FromPath[UUID], data: URLEncodedBody[Changing]) -> Redirect:
    """Give it to somebody else, or other times."""
    await duty.change_shift(
        shift_id,
        by=request.user,
        reason=data.reason,
        username=data.username.strip(),
        starts_at=_instant(data.starts_at),
        ends_at=_instant(data.ends_at),
    )
    return Redirect(f"/roster/shifts/{shift_id}", status_code=303)


@post("/roster/shifts/{shift_id:uuid}/withdraw", guards=[requires("roster.manage")], status_code=303)
async def withdraw(request: PageRequest, shift_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Take it off the roster."""
    await duty.withdraw_shift(shift_id, by=request.user, reason=data.reason)
    return Redirect(f"/roster/shifts/{shift_id}", status_code=303)


@post("/roster/shifts/{shift_id:uuid}/swap", guards=[requires("roster.manage")], status_code=303)
async def swap(request: PageRequest, shift_id: FromPath[UUID], data: URLEncodedBody[Swapping]) -> Redirect:
    """Have two people take each other's shift."""
    await duty.swap_shifts(shift_id, data.other, by=request.user, reason=data.reason)
    return Redirect(f"/roster/shifts/{shift_id}", status_code=303)


@post("/roster/posts", guards=[requires("roster.manage")], status_code=303)
async def enter_post(request: PageRequest, data: URLEncodedBody[Staffing]) -> Redirect:
    """Say that somebody must hold a role at every hour."""
    await posts.enter_post(data.role, data.depot or None, by=request.user)
    return Redirect("/roster", status_code=303)


@post("/roster/posts/withdraw", guards=[requires("roster.manage")], status_code=303)
async def withdraw_post(request: PageRequest, data: URLEncodedBody[Staffing]) -> Redirect:
    """Say that a role need not be held at every hour any more."""
    await posts.withdraw_post(data.role, data.depot or None, by=request.user)
    return Redirect("/roster", status_code=303)


@get("/contacts", guards=[requires("roster.read")])
async def list_contacts(
    request: PageRequest, stale: FromQuery[Literal["yes"] | None] = None, cursor: Cursor = None
) -> Page:
    """List how our own people are reached."""
    found = await contacts.contacts(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, str) or "",
        stale_only=stale == "yes",
    )
    shown, following = cut(found, lambda each: each.username)
    return Page("roster/contacts.html", contacts=shown, cursor=following, first=not cursor, stale=stale)


@post("/contacts/{username:str}", guards=[signed_in], status_code=303)
async def change_contact(request: PageRequest, username: FromPath[str], data: URLEncodedBody[Reaching]) -> Redirect:
    """Change how somebody is reached."""
    await contacts.change_contact(
        username,
        by=request.user,
        phone=data.phone.strip() or None,
        email=data.email.strip() or None,
        chat=data.chat or None,
    )
    return Redirect("/contacts", status_code=303)


@post("/contacts/{username:str}/verify", guards=[signed_in], status_code=303)
async def verify(request: PageRequest, username: FromPath[str]) -> Redirect:
    """Say that somebody was reached under their phone."""
    await contacts.verify_phone(username, by=request.user)
    return Redirect("/contacts", status_code=303)


handlers = [
    show_roster,
    enter,
    show_shift,
    change,
    withdraw,
    swap,
    enter_post,
    withdraw_post,
    list_contacts,
    change_contact,
    verify,
]
