"""Delegates of approvers (授权代理): who stands in for whom, entered and withdrawn."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires, signed_in
from api.answers import Cursor, decode_cursor
from api.pages.forms import NotATime, Reason, Several, Short, moment, number, several
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.ground import clock
from inventory.people import contacts, delegations
from inventory.people.roles import APPROVALS

HIGHEST = 1_000_000_000


class Delegating(Struct, kw_only=True):
    """Which approvals somebody leaves to whom, from the first day to the last."""

    right: Several
    delegate: Short
    first: Short = ""
    last: Short
    up_to_cny: Short = ""
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]
    of: Short = ""


@get("/delegations", guards=[requires("roster.read")])
async def list_delegations(
    request: PageRequest, ended: FromQuery[Literal["yes"] | None] = None, cursor: Cursor = None
) -> Page:
    """List who stands in for whom."""
    found = await delegations.delegations(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), current=ended is None
    )
    shown, following = cut(found, lambda each: each.id)
    own = [right for right in APPROVALS if right in request.user.rights]
    for_others = request.user.may("people.manage")
    return Page(
        "roster/delegations.html",
        delegations=shown,
        cursor=following,
        first=not cursor,
        ended=ended,
        rights=list(APPROVALS) if for_others else own,
        for_others=for_others,
        people=await contacts.contacts(limit=1000, seen_by=request.user) if own or for_others else [],
        today=clock.now(),
    )


@post("/delegations", guards=[signed_in], status_code=303)
async def delegate(request: PageRequest, data: URLEncodedBody[Delegating]) -> Redirect:
    """Leave approvals to somebody, whole days; today begins now."""
    starts_at, ends_at = moment(data.first), moment(data.last, whole_day=True)
    if ends_at is None:
        raise NotATime(value=data.last)
    begun_today = starts_at is not None and starts_at <= clock.now() < (moment(data.first, whole_day=True) or starts_at)
    await delegations.delegate(
        several(data.right),
        data.delegate.strip(),
        by=request.user,
        starts_at=None if begun_today else starts_at,
        ends_at=ends_at,
        up_to_cny=number(data.up_to_cny, least=0, most=HIGHEST) if data.up_to_cny.strip() else None,
        reason=data.reason,
        of=data.of.strip() or None,
    )
    return Redirect("/delegations", status_code=303)


@post("/delegations/{delegation_id:uuid}/withdraw", guards=[signed_in], status_code=303)
async def withdraw(request: PageRequest, delegation_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """End it before its time."""
    await delegations.withdraw(delegation_id, by=request.user, reason=data.reason)
    return Redirect("/delegations", status_code=303)


handlers = [list_delegations, delegate, withdraw]
