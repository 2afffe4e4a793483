"""Vendors, offers and purchase orders over HTTP."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page, told
from api.problems import refusals
from api.routes.stock import Code, Quantity, Reason
from inventory.procurement import orders, vendors
from inventory.stock.pools import COMMON


class NewOrderLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part to order."""

    part_number: Code
    quantity: Quantity


class NewOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order to draft, at the vendor's offered prices."""

    vendor: Code
    ship_to: Code
    lines: Annotated[list[NewOrderLine], Meta(min_length=1, max_length=200)]
    pool: Code = COMMON
    expedited: bool = False


class OrderDetail(Struct, frozen=True, kw_only=True):
    """An order with what went to its vendor and came back."""

    order: orders.OrderView
    messages: list[orders.OrderMessage]


class VendorController(Controller):
    """Whom we order from."""

    tags = ("vendors",)

    @get("/vendors", operation_id="ListVendors", guards=[requires("vendors.read")], responses=refusals())
    async def list_vendors(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[vendors.VendorView]]:
        """List vendors with their authorisation letters."""
        found = await vendors.vendors(limit=limit + 1, after=decode_cursor(cursor, str) or "")
        return page(request, found, limit, lambda vendor: vendor.code)

    @get("/offers", operation_id="ListOffers", guards=[requires("costs.read")], responses=refusals(404))
    async def list_offers(
        self,
        request: ApiRequest,
        part: FromQuery[str | None] = None,
        vendor: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[vendors.OfferView]]:
        """List valid offers."""
        found = await vendors.offers(
            limit=limit + 1, after=decode_cursor(cursor, int) or 0, part_number=part, vendor=vendor
        )
        return page(request, found, limit, lambda offer: offer.id)


class OrderController(Controller):
    """Purchase orders."""

    path = "/purchase-orders"
    tags = ("purchase orders",)

    @get(operation_id="ListOrders", guards=[requires("orders.read")], responses=refusals(404))
    async def list_orders(
        self,
        request: ApiRequest,
        in_state: Annotated[orders.State | None, QueryParameter(name="state")] = None,
        depot: FromQuery[str | None] = None,
        case: FromQuery[str | None] = None,
        for_request: Annotated[str | None, QueryParameter(name="request")] = None,
        part: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[orders.OrderView]]:
        """List orders, newest first."""
        found = await orders.orders(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            depot=depot,
            case_number=case,
            request_number=for_request,
            part_number=part,
        )
        return page(request, found, limit, lambda order: order.id)

    @get("/{order_id:uuid}", operation_id="GetOrder", guards=[requires("orders.read")], responses=refusals(404))
    async def get_order(self, request: ApiRequest, order_id: FromPath[UUID]) -> OrderDetail:
        """Show one order with its messages."""
        view = await orders.order_view(order_id, seen_by=request.user)
        return OrderDetail(order=view, messages=await orders.messages(order_id))

    @post(operation_id="DraftOrder", guards=[requires("orders.draft")], responses=refusals(404, 409))
    async def draft(
        self, request: ApiRequest, data: JSONBody[NewOrder], idempotency_key: Key = None
    ) -> Response[orders.OrderView]:
        """Draft an order; needs an Idempotency-Key."""
        lines = told(data.lines, list[orders.NewLine])
        return await once(
            request,
            idempotency_key,
            lambda: orders.draft_order(
                data.vendor, data.ship_to, lines, by=request.user, pool=data.pool, expedited=data.expedited
            ),
            status=201,
            required=True,
        )

    @post(
        "/{order_id:uuid}/approve",
        operation_id="ApproveOrder",
        status_code=200,
        guards=[requires("orders.approve")],
        responses=refusals(404, 409),
    )
    async def approve(
        self, request: ApiRequest, order_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[orders.OrderView]:
        """Approve a draft; it then goes to its vendor."""
        return await once(request, idempotency_key, lambda: orders.approve_order(order_id, by=request.user))

    @post(
        "/{order_id:uuid}/cancel",
        operation_id="CancelOrder",
        status_code=200,
        guards=[requires("orders.draft")],
        responses=refusals(404, 409),
    )
    async def cancel(
        self, request: ApiRequest, order_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[orders.OrderView]:
        """Give up a draft."""
        return await once(
            request, idempotency_key, lambda: orders.cancel_order(order_id, by=request.user, reason=data.reason)
        )
