"""Vendors, offers and purchase orders over HTTP."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page, told
from api.instants import Instant
from api.problems import refusals
from api.routes.callbacks import PromisedPart
from api.routes.stock import Code, Quantity, Reason
from inventory.ground import steps
from inventory.ground.bounds import Bounded, Within
from inventory.procurement import changes, circuits, desk_by_hand, orders, policy, vendors
from inventory.procurement.changes import ChangeView
from inventory.stock.pools import COMMON

OnlyLate = Annotated[bool, QueryParameter(description="Only those that are late")]


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
    """An order with what went to its vendor and came back, its versions for those who may see prices, and its duties."""

    order: orders.OrderView
    messages: list[orders.OrderMessage]
    changes: list[ChangeView] = []
    duties: list[str] = []


class ChangedLine(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different of a part; what is left out stays."""

    part_number: Code
    quantity: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    unit_price: Annotated[Decimal | None, Within(0, 100_000_000)] = None


class NewChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to ask a vendor to change of an order, and why."""

    reason: Annotated[str, Meta(min_length=1, max_length=2000)]
    lines: Annotated[list[ChangedLine], Meta(max_length=200)] = []
    wanted_at: Instant | None = None
    cancel: bool = False


class VendorsWord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a vendor told a person: by telephone, by mail, on paper."""

    status: desk_by_hand.Told
    said: Annotated[str, Meta(min_length=1, max_length=2000)]
    promised_at: Instant | None = None
    lines: Annotated[list[PromisedPart], Meta(max_length=200)] = []
    vendor_reference: Annotated[str, Meta(max_length=200)] | None = None
    version: Annotated[int, Meta(ge=1, le=100_000)] | None = None


class Closing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the rest will not come, where something is missing."""

    reason: Annotated[str, Meta(max_length=2000)] = ""


class NewPurchasePolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another policy, and why."""

    policy: policy.PurchasePolicy
    remark: Annotated[str, Meta(max_length=2000)] = ""


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

    @get(
        "/vendors/circuits", operation_id="ListVendorCircuits", guards=[requires("vendors.read")], responses=refusals()
    )
    async def list_circuits(self) -> list[circuits.CircuitView]:
        """List the vendors whose services failed when they were last called; an open one is left to recover."""
        return await circuits.circuits(limit=200)

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
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, int) or 0,
            part_number=part,
            vendor=vendor,
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
        *,
        in_state: Annotated[orders.State | None, QueryParameter(name="state")] = None,
        depot: FromQuery[str | None] = None,
        case: FromQuery[str | None] = None,
        late: OnlyLate = False,
        for_request: Annotated[str | None, QueryParameter(name="request")] = None,
        part: FromQuery[str | None] = None,
        vendor: FromQuery[str | None] = None,
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
            late=late,
            vendor=vendor,
        )
        return page(request, found, limit, lambda order: order.id)

    @get("/{order_id:uuid}", operation_id="GetOrder", guards=[requires("orders.read")], responses=refusals(404))
    async def get_order(self, request: ApiRequest, order_id: FromPath[UUID]) -> OrderDetail:
        """Show one order with its messages."""
        view = await orders.order_view(order_id, seen_by=request.user)
        return OrderDetail(
            order=view,
            messages=await orders.messages(order_id),
            changes=await changes.changes(order_id, limit=100) if request.user.may("costs.read") else [],
            duties=await steps.open_kinds("purchase_order", view.number),
        )

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
        """Give up an order that its vendor was not sent."""
        return await once(
            request, idempotency_key, lambda: orders.cancel_order(order_id, by=request.user, reason=data.reason)
        )

    @post(
        "/{order_id:uuid}/changes",
        operation_id="ChangeOrder",
        guards=[requires("orders.draft")],
        responses=refusals(404, 409),
    )
    async def change(
        self, request: ApiRequest, order_id: FromPath[UUID], data: JSONBody[NewChange], idempotency_key: Key = None
    ) -> Response[ChangeView]:
        """Ask the vendor for other quantities, prices or another date, or to cancel all; needs an Idempotency-Key."""
        return await once(
            request,
            idempotency_key,
            lambda: changes.change_order(
                order_id,
                told(data.lines, list[changes.ChangedLine]),
                by=request.user,
                reason=data.reason,
                wanted_at=data.wanted_at,
                cancel=data.cancel,
            ),
            status=201,
            required=True,
        )

    @post(
        "/{order_id:uuid}/changes/approve",
        operation_id="ApproveOrderChange",
        status_code=200,
        guards=[requires("orders.approve")],
        responses=refusals(404, 409),
    )
    async def approve_change(
        self, request: ApiRequest, order_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[ChangeView]:
        """Approve a change that makes an order dearer than one person may decide."""
        return await once(request, idempotency_key, lambda: changes.approve_change(order_id, by=request.user))

    @post(
        "/{order_id:uuid}/changes/withdraw",
        operation_id="WithdrawOrderChange",
        status_code=200,
        guards=[requires("orders.draft")],
        responses=refusals(404, 409),
    )
    async def withdraw_change(
        self, request: ApiRequest, order_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[ChangeView]:
        """Take back a change that the vendor has not been told of."""
        return await once(
            request, idempotency_key, lambda: changes.withdraw_change(order_id, by=request.user, reason=data.reason)
        )

    @post(
        "/{order_id:uuid}/vendors-word",
        operation_id="RecordVendorsWord",
        status_code=200,
        guards=[requires("orders.draft")],
        responses=refusals(404, 409),
    )
    async def vendors_word(
        self, request: ApiRequest, order_id: FromPath[UUID], data: JSONBody[VendorsWord], idempotency_key: Key = None
    ) -> Response[orders.OrderView]:
        """Record what a vendor said of an order by telephone, by mail or on paper."""
        return await once(
            request,
            idempotency_key,
            lambda: desk_by_hand.record(
                order_id,
                data.status,
                by=request.user,
                said=data.said,
                promised_at=data.promised_at,
                lines={line.part_number: line.promised_at for line in data.lines},
                vendor_reference=data.vendor_reference,
                version=data.version,
            ),
        )

    @post(
        "/{order_id:uuid}/settle",
        operation_id="SettleOrderDuties",
        status_code=200,
        guards=[requires("orders.draft")],
        responses=refusals(404, 409),
    )
    async def settle(
        self, request: ApiRequest, order_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[orders.OrderView]:
        """Say what was done about an order that was refused, is late, or was answered too late."""
        return await once(request, idempotency_key, lambda: orders.settle(order_id, by=request.user, done=data.reason))

    @post(
        "/{order_id:uuid}/close",
        operation_id="CloseOrder",
        status_code=200,
        guards=[requires("orders.draft")],
        responses=refusals(404, 409),
    )
    async def close(
        self, request: ApiRequest, order_id: FromPath[UUID], data: JSONBody[Closing], idempotency_key: Key = None
    ) -> Response[orders.OrderView]:
        """Close an order that is done with; where something is missing, say why it will not come."""
        return await once(
            request, idempotency_key, lambda: orders.close_order(order_id, by=request.user, reason=data.reason)
        )


class PurchasePolicyController(Controller):
    """The rules of ordering."""

    path = "/purchase-policy"
    tags = ("purchase orders",)

    @get(operation_id="GetPurchasePolicy", guards=[requires("orders.read")], responses=refusals())
    async def get_policy(self) -> policy.PurchasePolicyVersion:
        """Show the policy in force."""
        return await policy.in_force()

    @post(operation_id="SetPurchasePolicy", guards=[requires("orders.set_policy")], responses=refusals())
    async def set_policy(
        self, request: ApiRequest, data: JSONBody[NewPurchasePolicy], idempotency_key: Key = None
    ) -> Response[policy.PurchasePolicyVersion]:
        """Let another policy hold from now on."""
        return await once(
            request,
            idempotency_key,
            lambda: policy.put_in_force(data.policy, by=request.user, remark=data.remark),
            status=201,
        )
