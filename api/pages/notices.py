"""Advance shipping notices: what senders say is on its way, what of it came, and announcing it oneself."""

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import quote
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.formats import ZONE
from api.pages.forms import NotATime, Reason, Several, Short, moment, quantity, rows, words
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.ground import clock
from inventory.places import names, places
from inventory.places.places import StoreView
from inventory.procurement import announcing
from inventory.stock import notices, receipts

ADDRESS = "/advance-shipping-notices"


class NewNotice(Struct, kw_only=True):
    """What is on its way: for a purchase order, or by hand to a depot from a place outside.

    A line's part, quantity and serials stand at the same place of their lists; without a quantity its serials count.
    """

    part_number: Several
    quantity: Several
    serials: Several
    due_at: Short
    purchase_order: Short = ""
    depot: Short = ""
    origin: Short = ""
    carrier: Short = ""
    waybill: Short = ""
    remark: Annotated[str, Meta(max_length=2000)] = ""

    def lines(self) -> list[notices.NewNoticeLine]:
        """The lines that announce something."""
        found: list[notices.NewNoticeLine] = []
        for part, count, serials in rows(self.part_number, self.quantity, self.serials):
            named = words(serials)
            pieces = quantity(count or str(len(named)), least=0)
            if part.strip() and (pieces or count.strip() != "0"):
                found.append(notices.NewNoticeLine(part_number=part.strip(), quantity=pieces, serials=named))
        return found


@get(ADDRESS, guards=[requires("notices.read")])
async def list_notices(
    request: PageRequest,
    in_state: Annotated[notices.State | None, QueryParameter(name="state")] = None,
    kind: FromQuery[notices.Kind | Literal[""]] = "",
    depot: FromQuery[str] = "",
    since: Annotated[str | None, QueryParameter(name="from", max_length=40)] = None,
    until: Annotated[str | None, QueryParameter(name="to", max_length=40)] = None,
    cursor: Cursor = None,
) -> Page:
    """List notices, newest first."""
    due = {"from": moment(since), "to": moment(until, whole_day=True)}
    found = await notices.notices(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, UUID),
        state=in_state,
        kind=kind or None,
        depot=depot or None,
        due_since=due["from"],
        due_until=due["to"],
    )
    shown, following = cut(found, lambda notice: notice.id)
    return Page(
        "notices/list.html",
        notices=shown,
        cursor=following,
        first=not cursor,
        stores=await _stores(request),
        asked={"state": in_state, "kind": kind, "depot": depot, "from": since, "to": until},
        instants={name: at.isoformat() if at else None for name, at in due.items()},
    )


async def _stores(request: PageRequest) -> list[StoreView]:
    """The stores the reader may ask for; a vendor knows only those it sends to."""
    return await places.stores(limit=200, seen_by=request.user) if request.user.may("places.read") else []


@get(f"{ADDRESS}/new", guards=[requires("notices.announce")])
async def new_notice(request: PageRequest, order: Annotated[str, QueryParameter(max_length=200)] = "") -> Page:
    """Announce a delivery: for an order its lines stand there already."""
    tomorrow = (clock.now() + timedelta(days=1)).astimezone(ZONE)
    by_hand = request.user.vendor is None
    return Page(
        "notices/new.html",
        order=order,
        orders=await announcing.orders_to_announce(limit=200, seen_by=request.user),
        by_hand=by_hand,
        lines=await announcing.to_announce(order, seen_by=request.user) if order else [],
        stores=await _stores(request),
        senders=await names.sender_names(limit=500) if by_hand else [],
        due_at=f"{tomorrow:%Y-%m-%d}T18:00",
    )


@post(f"{ADDRESS}/new", guards=[requires("notices.announce")], status_code=303)
async def announce(request: PageRequest, data: URLEncodedBody[NewNotice]) -> Redirect:
    """Announce what is on its way."""
    due_at = moment(data.due_at)
    if due_at is None:
        raise NotATime(value=data.due_at)
    way = {"carrier": data.carrier.strip() or None, "waybill": data.waybill.strip() or None}
    if data.purchase_order:
        made = await announcing.announce_order(
            data.purchase_order, data.lines(), by=request.user, due_at=due_at, remark=data.remark.strip(), **way
        )
    else:
        made = await announcing.announce_by_hand(
            data.depot or None,
            data.lines(),
            by=request.user,
            origin=data.origin.strip() or None,
            due_at=due_at,
            remark=data.remark.strip(),
            **way,
        )
    return Redirect(_of(made.number), status_code=303)


def _of(number: str) -> str:
    return f"{ADDRESS}/{quote(number, safe='')}"


@get(f"{ADDRESS}/{{number:str}}", guards=[requires("notices.read")])
async def show_notice(request: PageRequest, number: FromPath[str]) -> Page:
    """Show one notice: what is expected, what came, and how it differed."""
    notice = await notices.notice_view(number, seen_by=request.user)
    came = (
        await receipts.receipts(limit=100, seen_by=request.user, notice=number)
        if request.user.may("stock.read")
        else None
    )
    return Page("notices/detail.html", notice=notice, receipts=came)


@post(f"{ADDRESS}/{{number:str}}/close", guards=[requires("notices.announce")], status_code=303)
async def close(request: PageRequest, number: FromPath[str], data: URLEncodedBody[Reason]) -> Redirect:
    """Expect no more of it."""
    await notices.close_short(number, by=request.user, reason=data.reason)
    return Redirect(_of(number), status_code=303)


@post(f"{ADDRESS}/{{number:str}}/cancel", guards=[requires("notices.announce")], status_code=303)
async def cancel(request: PageRequest, number: FromPath[str], data: URLEncodedBody[Reason]) -> Redirect:
    """Withdraw it."""
    await announcing.withdraw(number, by=request.user, reason=data.reason)
    return Redirect(_of(number), status_code=303)


handlers = [list_notices, new_notice, announce, show_notice, close, cancel]
