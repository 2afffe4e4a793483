"""Purchase orders: from draft to receipt, with what the vendor said."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.attachments import attached
from api.pages.forms import Reason, Several, quantity, rows, words
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.catalogue import fitting
from inventory.procurement import orders, receiving
from inventory.stock import receipts


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


@get("/orders", guards=[requires("orders.read")])
async def list_orders(
    request: PageRequest,
    in_state: Annotated[orders.State | None, QueryParameter(name="state")] = None,
    part: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """List orders, newest first."""
    found = await orders.orders(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, UUID),
        state=in_state,
        part_number=part or None,
    )
    shown, following = cut(found, lambda order: order.id)
    return Page("orders/list.html", orders=shown, cursor=following, state=in_state, part=part, first=not cursor)


@get("/orders/{order_id:uuid}", guards=[requires("orders.read")])
async def show_order(request: PageRequest, order_id: FromPath[UUID]) -> Page:
    """Show one order with its messages."""
    order = await orders.order_view(order_id, seen_by=request.user)
    by_serial = await fitting.kept_by_serial([line.part_number for line in order.lines])
    files = await attached(request, "purchase_order", order_id)
    told = await orders.messages(order_id)
    return Page("orders/detail.html", order=order, messages=told, by_serial=by_serial, files=files)


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


@post("/orders/{order_id:uuid}/receive", guards=[requires("stock.receive")], status_code=303)
async def receive(request: PageRequest, order_id: FromPath[UUID], data: URLEncodedBody[Receiving]) -> Redirect:
    """Take in what came for an order."""
    order = await orders.order_view(order_id, seen_by=request.user)
    await receiving.receive_order(order.number, data.incoming(), by=request.user)
    return Redirect(f"/orders/{order_id}", status_code=303)


handlers = [list_orders, show_order, approve, cancel, receive]
