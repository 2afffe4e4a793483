"""Purchase orders: drafted by hand, then from draft to receipt, with what the vendor said."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import UNSET, Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.attachments import attached
from api.pages.forms import (
    NotAQuantity,
    NotATime,
    Reason,
    Several,
    Short,
    moment,
    number,
    part_lines,
    quantity,
    rows,
    whole,
    words,
)
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.catalogue import fitting
from inventory.ground import steps
from inventory.places import places
from inventory.procurement import changes, desk_by_hand, orders, price_history, receiving, reliability, vendors
from inventory.stock import pools, receipts

MOST_VENDORS = 500
"""How many vendors a choice lists."""

Named = Annotated[str, QueryParameter(max_length=200)]


class Drafting(Struct, kw_only=True):
    """What to order from whom."""

    vendor: Short
    ship_to: Short
    part_number: Several
    quantity: Several
    pool: Short = "common"
    expedited: Short = ""


class Receiving(Struct, kw_only=True):
    """What came in, line by line: serials where the part is kept by serial, else how many."""

    part_number: Several
    serials: Several
    quantity: Several
    reason: str = ""

    def incoming(self) -> list[receipts.Incoming]:
        """The lines of which something came."""
        lines = rows(self.part_number, self.serials, self.quantity)
        return [
            receipts.Incoming(
                part_number=part,
                quantity=len(words(serials)) or quantity(count),
                serials=words(serials),
                reason=self.reason.strip(),
            )
            for part, serials, count in lines
            if words(serials) or count.strip() not in ("", "0")
        ]


class Change(Struct, kw_only=True):
    """What is to change of an order; a part's fields stand at the same place of their lists, and are empty where they stay."""

    part_number: Several
    quantity: Several
    unit_price: Several
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]
    wanted_at: Short = ""
    cancel: Short = ""

    def lines(self) -> list[changes.ChangedLine]:
        """The lines of which something is to be different."""
        return [
            changes.ChangedLine(
                part_number=part,
                quantity=quantity(count, least=0) if count.strip() else None,
                unit_price=number(price, least=0, most=int(changes.MOST_CNY)) if price.strip() else None,
            )
            for part, count, price in rows(self.part_number, self.quantity, self.unit_price)
            if count.strip() or price.strip()
        ]


class VendorsWord(Struct, kw_only=True):
    """What a vendor told a person."""

    status: desk_by_hand.Told
    said: Annotated[str, Meta(min_length=1, max_length=2000)]
    promised_at: Short = ""
    vendor_reference: Short = ""
    version: Short = ""


class Closing(Struct, kw_only=True):
    """Why the rest will not come, where something is missing."""

    reason: Annotated[str, Meta(max_length=2000)] = ""


@get("/orders", guards=[requires("orders.read")])
async def list_orders(
    request: PageRequest,
    in_state: Annotated[orders.State | None, QueryParameter(name="state")] = None,
    part: FromQuery[str | None] = None,
    vendor: Named = "",
    late: Annotated[str, QueryParameter(max_length=9)] = "",
    cursor: Cursor = None,
) -> Page:
    """List orders, newest first."""
    found = await orders.orders(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, UUID),
        state=in_state,
        part_number=part or None,
        late=bool(late),
        vendor=vendor or None,
    )
    shown, following = cut(found, lambda order: order.id)
    return Page(
        "orders/list.html",
        orders=shown,
        cursor=following,
        state=in_state,
        part=part,
        late=bool(late),
        vendor=vendor,
        vendors=await vendors.vendors(limit=MOST_VENDORS) if request.user.may("vendors.read") else [],
        first=not cursor,
    )


@get("/orders/new", guards=[requires("orders.draft")])
async def new_order(request: PageRequest, vendor: Named = "", part: Named = "") -> Page:
    """Show the form that drafts one."""
    return Page(
        "orders/new.html",
        vendor=vendor,
        part=part,
        vendors=[each for each in await vendors.vendors(limit=MOST_VENDORS) if each.active],
        stores=[each for each in await places.stores(limit=200, seen_by=request.user) if each.kind != "engineer_stock"],
        pools=await pools.pool_codes(limit=200),
    )


@get("/orders/new/offers", guards=[requires("orders.draft")])
async def show_offers(
    request: PageRequest,
    vendor: Named = "",
    expedited: Annotated[str, QueryParameter(max_length=9)] = "",
    part_number: Annotated[list[str] | None, QueryParameter(max_items=200)] = None,
    quantity: Annotated[list[str] | None, QueryParameter(max_items=200)] = None,
) -> Page:
    """Show what is offered for the parts of a draft, and what it would come to, while the form is being filled in."""
    lines: dict[str, orders.NewLine] = {}
    for part, count in zip(part_number or [], quantity or [], strict=False):
        try:
            for named, pieces in part_lines(part, count):
                lines.setdefault(named, orders.NewLine(part_number=named, quantity=pieces))
        except NotAQuantity:
            continue
    found = (
        await orders.offers_for(
            list(lines.values()), seen_by=request.user, vendor=vendor or None, expedited=bool(expedited)
        )
        if lines and request.user.may("costs.read")
        else []
    )
    offered = {offer.part_number for offer in found}
    whole_order = bool(vendor) and bool(lines) and offered == lines.keys()
    return Page(
        "orders/offers.html",
        lines=list(lines.values()),
        offers=found,
        missing=[part for part in lines if part not in offered],
        vendor=vendor,
        expedited=bool(expedited),
        measured=await reliability.reliability(
            sorted({offer.vendor for offer in found}), seen_by=request.user, parts=sorted(offered)
        ),
        reckoned=await orders.reckoned(vendor, found, expedited=bool(expedited)) if whole_order else None,
    )


@post("/orders/new", guards=[requires("orders.draft")], status_code=303)
async def draft(request: PageRequest, data: URLEncodedBody[Drafting]) -> Redirect:
    """Draft an order."""
    wanted = part_lines(data.part_number, data.quantity)
    order = await orders.draft_order(
        data.vendor,
        data.ship_to,
        [orders.NewLine(part_number=part, quantity=count) for part, count in wanted],
        by=request.user,
        pool=data.pool,
        expedited=bool(data.expedited),
    )
    return Redirect(f"/orders/{order.id}", status_code=303)


@get("/orders/{order_id:uuid}", guards=[requires("orders.read")])
async def show_order(request: PageRequest, order_id: FromPath[UUID]) -> Page:
    """Show one order with its messages."""
    order = await orders.order_view(order_id, seen_by=request.user)
    by_serial = await fitting.kept_by_serial([line.part_number for line in order.lines])
    files = await attached(request, "purchase_order", order_id)
    told = await orders.messages(order_id)
    versions = await changes.changes(order_id, limit=50)
    return Page(
        "orders/detail.html",
        order=order,
        messages=told,
        by_serial=by_serial,
        files=files,
        changes=versions,
        open_change=next((change for change in versions if change.answered_at is None), None),
        duties=await steps.open_kinds("purchase_order", order.number),
        to_settle=orders.TO_SETTLE,
        paid=await price_history.last_paid(
            {line.part_number: line.unit_price_cny for line in order.lines if line.unit_price_cny is not UNSET},
            seen_by=request.user,
            but=order_id,
        ),
    )


@post("/orders/{order_id:uuid}/approve", guards=[requires("orders.approve")], status_code=303)
async def approve(request: PageRequest, order_id: FromPath[UUID]) -> Redirect:
    """Approve a draft; it then goes to its vendor."""
    await orders.approve_order(order_id, by=request.user)
    return Redirect(f"/orders/{order_id}", status_code=303)


@post("/orders/{order_id:uuid}/cancel", guards=[requires("orders.draft")], status_code=303)
async def cancel(request: PageRequest, order_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Give up a draft."""
    await orders.cancel_order(order_id, by=request.user, reason=data.reason)
    return Redirect(f"/orders/{order_id}", status_code=303)


@post("/orders/{order_id:uuid}/change", guards=[requires("orders.draft")], status_code=303)
async def change(request: PageRequest, order_id: FromPath[UUID], data: URLEncodedBody[Change]) -> Redirect:
    """Ask the vendor for a change."""
    await changes.change_order(
        order_id,
        [] if data.cancel else data.lines(),
        by=request.user,
        reason=data.reason,
        wanted_at=None if data.cancel else moment(data.wanted_at),
        cancel=bool(data.cancel),
    )
    return Redirect(f"/orders/{order_id}", status_code=303)


@post("/orders/{order_id:uuid}/change/approve", guards=[requires("orders.approve")], status_code=303)
async def approve_change(request: PageRequest, order_id: FromPath[UUID]) -> Redirect:
    """Approve a change that makes an order dearer than one person may decide."""
    await changes.approve_change(order_id, by=request.user)
    return Redirect(f"/orders/{order_id}", status_code=303)


@post("/orders/{order_id:uuid}/change/withdraw", guards=[requires("orders.draft")], status_code=303)
async def withdraw_change(request: PageRequest, order_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Take back a change that the vendor was not told of."""
    await changes.withdraw_change(order_id, by=request.user, reason=data.reason)
    return Redirect(f"/orders/{order_id}", status_code=303)


@post("/orders/{order_id:uuid}/vendors-word", guards=[requires("orders.draft")], status_code=303)
async def vendors_word(request: PageRequest, order_id: FromPath[UUID], data: URLEncodedBody[VendorsWord]) -> Redirect:
    """Record what the vendor said."""
    promised_at = moment(data.promised_at)
    if data.promised_at.strip() and promised_at is None:
        raise NotATime(value=data.promised_at)
    await desk_by_hand.record(
        order_id,
        data.status,
        by=request.user,
        said=data.said,
        promised_at=promised_at,
        vendor_reference=data.vendor_reference.strip() or None,
        version=whole(data.version, least=1, most=100_000) if data.version.strip() else None,
    )
    return Redirect(f"/orders/{order_id}", status_code=303)


@post("/orders/{order_id:uuid}/settle", guards=[requires("orders.draft")], status_code=303)
async def settle(request: PageRequest, order_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Say what was done about it."""
    await orders.settle(order_id, by=request.user, done=data.reason)
    return Redirect(f"/orders/{order_id}", status_code=303)


@post("/orders/{order_id:uuid}/close", guards=[requires("orders.draft")], status_code=303)
async def close(request: PageRequest, order_id: FromPath[UUID], data: URLEncodedBody[Closing]) -> Redirect:
    """Close an order that is done with."""
    await orders.close_order(order_id, by=request.user, reason=data.reason)
    return Redirect(f"/orders/{order_id}", status_code=303)


@post("/orders/{order_id:uuid}/receive", guards=[requires("stock.receive")], status_code=303)
async def receive(request: PageRequest, order_id: FromPath[UUID], data: URLEncodedBody[Receiving]) -> Redirect:
    """Take in what came for an order."""
    order = await orders.order_view(order_id, seen_by=request.user)
    await receiving.receive_order(order.number, data.incoming(), by=request.user)
    return Redirect(f"/orders/{order_id}", status_code=303)


handlers = [
    list_orders,
    new_order,
    show_offers,
    draft,
    show_order,
    approve,
    cancel,
    change,
    approve_change,
    withdraw_change,
    vendors_word,
    settle,
    close,
    receive,
]
