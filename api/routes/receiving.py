"""Goods coming in over HTTP: notices, deliveries, receipts, bins, what is lost on the road."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page, told
from api.instants import Instant
from api.problems import refusals
from api.routes.stock import Code, Quantity, Reason, Text
from inventory.places import bins
from inventory.procurement import announcing, deliveries
from inventory.stock import losses, notices, placing, receipts, transfers
from inventory.stock.pieces import Pieces
from inventory.stock.pools import COMMON

Serials = Annotated[list[Code], Meta(max_length=1000)]
Said = Annotated[str, Meta(min_length=1, max_length=2000)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Condition = Literal["good", "defective", "quarantine", "frozen", "in_test", "unknown"]


class NoticeLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part that is on its way."""

    part_number: Code
    quantity: Quantity
    serials: Serials = []


class NewNotice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is on its way: for a purchase order, or by hand to a depot from a place outside."""

    due_at: Instant
    lines: Annotated[list[NoticeLine], Meta(min_length=1, max_length=200)]
    purchase_order: Code | None = None
    depot: Code | None = None
    origin: Code | None = None
    pool: Code = COMMON
    carrier: Code | None = None
    waybill: Code | None = None
    remark: Text = ""


class ScanLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces of one part as they lie on the dock."""

    part_number: Code
    quantity: Count = 0
    serials: Serials = []
    condition: Literal["good", "defective", "quarantine", "unknown"] = "good"
    damaged: bool = False
    lot: Code | None = None
    reason: Text = ""


class Arrival(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of a delivery; `short` names parts of which the rest will not come.

    `why_missing` says of a part why not all of it came; `reason` explains every difference without a reason of its own.
    `owner` is the party that goes on owning it, where that is not we.
    """

    scans: Annotated[list[ScanLine], Meta(max_length=500)] = []
    short: Annotated[list[Code], Meta(max_length=200)] = []
    why_missing: dict[Code, Text] = {}
    reason: Text = ""
    remark: Text = ""
    owner: Code | None = None


class NewBin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bin of a store."""

    depot: Code
    code: Code


class NamedPieces(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces of a part in a store: by their serials, or so many (of one lot), the oldest first.

    Units are whose they are; of other parts ours are meant unless another owner is named.
    """

    depot: Code
    part_number: Code
    quantity: Count = 0
    serials: Serials = []
    lot: Code | None = None
    pool: Code = COMMON
    owner: Code | None = None


class PutAway(NamedPieces, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces to put into a bin; without `to_bin`, back to where goods come in."""

    to_bin: Code | None
    from_bin: Code | None = None
    condition: Condition = "good"

    @property
    def bin(self) -> str | None:
        """Where they lie now."""
        return self.from_bin


class Loss(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a transfer is lost, or found again: so many of a part, or all of it."""

    reason: Said
    quantities: dict[Code, Count] | None = None
    serials: Serials = []


class NoticeController(Controller):
    """Advance shipping notices."""

    path = "/advance-shipping-notices"
    tags = ("advance shipping notices",)

    @get(operation_id="ListNotices", guards=[requires("notices.read")], responses=refusals(404))
    async def list_notices(
        self,
        request: ApiRequest,
        in_state: Annotated[notices.State | None, QueryParameter(name="state")] = None,
        kind: FromQuery[notices.Kind | None] = None,
        due_since: Annotated[Instant | None, QueryParameter(name="from")] = None,
        due_until: Annotated[Instant | None, QueryParameter(name="to")] = None,
        depot: FromQuery[str | None] = None,
        document: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[notices.NoticeView]]:
        """List notices, newest first; `from` and `to` are about when they are due."""
        found = await notices.notices(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            depot=depot,
            kind=kind,
            document=document,
            due_since=due_since,
            due_until=due_until,
        )
        return page(request, found, limit, lambda notice: notice.id)

    @get("/{number:str}", operation_id="GetNotice", guards=[requires("notices.read")], responses=refusals(404))
    async def get_notice(self, request: ApiRequest, number: FromPath[str]) -> notices.NoticeView:
        """Show one notice."""
        return await notices.notice_view(number, seen_by=request.user)

    @post(operation_id="AnnounceDelivery", guards=[requires("notices.announce")], responses=refusals(404, 409))
    async def announce(
        self, request: ApiRequest, data: JSONBody[NewNotice], idempotency_key: Key = None
    ) -> Response[notices.NoticeView]:
        """Announce what is on its way; a vendor for its own orders only. Needs an Idempotency-Key."""
        lines = told(data.lines, list[notices.NewNoticeLine])

        async def act() -> notices.NoticeView:
            if data.purchase_order is not None:
                return await announcing.announce_order(
                    data.purchase_order,
                    lines,
                    by=request.user,
                    due_at=data.due_at,
                    carrier=data.carrier,
                    waybill=data.waybill,
                    remark=data.remark,
                )
            return await announcing.announce_by_hand(
                data.depot,
                lines,
                by=request.user,
                origin=data.origin,
                due_at=data.due_at,
                pool=data.pool,
                carrier=data.carrier,
                waybill=data.waybill,
                remark=data.remark,
            )

        return await once(request, idempotency_key, act, status=201, required=True)

    @post(
        "/{number:str}/close",
        operation_id="CloseNoticeShort",
        status_code=200,
        guards=[requires("notices.announce")],
        responses=refusals(404, 409),
    )
    async def close(
        self, request: ApiRequest, number: FromPath[str], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[notices.NoticeView]:
        """Expect no more of a notice."""
        return await once(
            request, idempotency_key, lambda: notices.close_short(number, by=request.user, reason=data.reason)
        )

    @post(
        "/{number:str}/cancel",
        operation_id="CancelNotice",
        status_code=200,
        guards=[requires("notices.announce")],
        responses=refusals(404, 409),
    )
    async def cancel(
        self, request: ApiRequest, number: FromPath[str], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[notices.NoticeView]:
        """Withdraw a notice of which nothing came."""
        return await once(
            request, idempotency_key, lambda: announcing.withdraw(number, by=request.user, reason=data.reason)
        )


class DeliveryController(Controller):
    """Whatever is to arrive, by order, transfer or notice."""

    path = "/deliveries"
    tags = ("deliveries",)

    @get(operation_id="ListDeliveries", guards=[requires("documents.read")], responses=refusals(404))
    async def list_deliveries(
        self, request: ApiRequest, depot: FromQuery[str | None] = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[deliveries.DeliverySummary]]:
        """List what is to arrive, the soonest first."""
        found = await deliveries.deliveries(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, tuple[Instant, str]), depot=depot
        )
        return page(request, found, limit, lambda delivery: (delivery.due_at, delivery.number))

    @get("/{number:str}", operation_id="GetDelivery", guards=[requires("documents.read")], responses=refusals(404))
    async def get_delivery(self, request: ApiRequest, number: FromPath[str]) -> deliveries.Delivery:
        """Show what of one delivery is still to come."""
        return await deliveries.delivery(number, seen_by=request.user)

    @post(
        "/{number:str}/check",
        operation_id="CheckDelivery",
        status_code=200,
        guards=[requires("stock.receive")],
        responses=refusals(404, 409),
    )
    async def check(
        self, request: ApiRequest, number: FromPath[str], data: JSONBody[Arrival], idempotency_key: Key = None
    ) -> Response[list[deliveries.FindingView]]:
        """Say what a list of scans would give, without booking it."""
        return await once(
            request,
            idempotency_key,
            lambda: deliveries.check(
                number,
                told(data.scans, list[deliveries.Scan]),
                seen_by=request.user,
                short=data.short,
                reason=data.reason,
                why_missing=data.why_missing,
            ),
        )

    @post(
        "/{number:str}/receive",
        operation_id="ReceiveDelivery",
        guards=[requires("stock.receive")],
        responses=refusals(404, 409),
    )
    async def receive(
        self, request: ApiRequest, number: FromPath[str], data: JSONBody[Arrival], idempotency_key: Key = None
    ) -> Response[receipts.ReceiptView]:
        """Take in what came, with a reason for each difference; needs an Idempotency-Key."""
        return await once(
            request,
            idempotency_key,
            lambda: deliveries.receive(
                number,
                told(data.scans, list[deliveries.Scan]),
                by=request.user,
                short=data.short,
                reason=data.reason,
                why_missing=data.why_missing,
                remark=data.remark,
                owner=data.owner,
            ),
            status=201,
            required=True,
        )


class ReceiptListController(Controller):
    """What was taken in."""

    path = "/receipts"
    tags = ("receipts",)

    @get(operation_id="ListReceipts", guards=[requires("documents.read")], responses=refusals(404))
    async def list_receipts(
        self,
        request: ApiRequest,
        depot: FromQuery[str | None] = None,
        document: FromQuery[str | None] = None,
        notice: FromQuery[str | None] = None,
        differing: Annotated[Literal["yes", "true"] | None, QueryParameter()] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[receipts.ReceiptView]]:
        """List receipts, newest first; `differing` keeps those where something was not as expected.

        With `notice`, those that brought what an advance shipping notice announced.
        """
        found = await receipts.receipts(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            depot=depot,
            document=document,
            notice=notice,
            differing=differing is not None,
        )
        return page(request, found, limit, lambda receipt: receipt.id)

    @get("/{number:str}", operation_id="GetReceipt", guards=[requires("documents.read")], responses=refusals(404))
    async def get_receipt(self, request: ApiRequest, number: FromPath[str]) -> receipts.ReceiptView:
        """Show one receipt."""
        return await receipts.receipt_view(number, seen_by=request.user)


class BinController(Controller):
    """Bins, and what lies in them."""

    tags = ("bins",)

    @get("/bins", operation_id="ListBins", guards=[requires("stock.read")], responses=refusals(404))
    async def list_bins(
        self, request: ApiRequest, depot: FromQuery[str | None] = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[bins.BinView]]:
        """List bins by store and code."""
        found = await bins.bins(
            limit=limit + 1, seen_by=request.user, depot=depot, after=decode_cursor(cursor, tuple[str, str])
        )
        return page(request, found, limit, lambda shelf: (shelf.depot, shelf.code))

    @post("/bins", operation_id="EnterBin", guards=[requires("bins.manage")], responses=refusals(404, 409))
    async def enter(
        self, request: ApiRequest, data: JSONBody[NewBin], idempotency_key: Key = None
    ) -> Response[bins.BinView]:
        """Enter a bin."""

        async def act() -> bins.BinView:
            await bins.enter_bins([bins.NewBin(place=data.depot, code=data.code)], by=request.user)
            return bins.BinView(depot=data.depot, code=data.code, pieces=0)

        return await once(request, idempotency_key, act, status=201)

    @get(
        "/bins/{depot:str}/{code:str}",
        operation_id="GetBinContent",
        guards=[requires("stock.read")],
        responses=refusals(404),
    )
    async def get_content(
        self, request: ApiRequest, depot: FromPath[str], code: FromPath[str]
    ) -> list[placing.BinContent]:
        """Show what lies in one bin."""
        return await placing.bin_content(depot, code, seen_by=request.user)

    @post("/put-aways", operation_id="PutAway", guards=[requires("stock.receive")], responses=refusals(404, 409))
    async def put_away(
        self, request: ApiRequest, data: JSONBody[PutAway], idempotency_key: Key = None
    ) -> Response[list[placing.BinContent]]:
        """Put pieces into a bin; answers what lies in it then. Needs an Idempotency-Key."""
        return await once(
            request,
            idempotency_key,
            lambda: placing.put_away(told(data, Pieces), data.to_bin, by=request.user, condition=data.condition),
            status=201,
            required=True,
        )


class LossController(Controller):
    """What transfers lose on the road, and what is found again."""

    path = "/transfers"
    tags = ("transfers",)

    @post(
        "/{transfer_id:uuid}/lost",
        operation_id="DeclareLost",
        status_code=200,
        guards=[requires("stock.adjust")],
        responses=refusals(404, 409),
    )
    async def lost(
        self, request: ApiRequest, transfer_id: FromPath[UUID], data: JSONBody[Loss], idempotency_key: Key = None
    ) -> Response[transfers.TransferView]:
        """Declare that what is still on the road is lost. Needs an Idempotency-Key."""
        return await once(
            request,
            idempotency_key,
            lambda: losses.declare_lost(
                transfer_id, by=request.user, reason=data.reason, lost=data.quantities, serials=data.serials
            ),
            required=True,
        )

    @post(
        "/{transfer_id:uuid}/found",
        operation_id="FindAgain",
        status_code=200,
        guards=[requires("stock.adjust")],
        responses=refusals(404, 409),
    )
    async def found(
        self, request: ApiRequest, transfer_id: FromPath[UUID], data: JSONBody[Loss], idempotency_key: Key = None
    ) -> Response[transfers.TransferView]:
        """Take a declared loss back: it is on the road again. Needs an Idempotency-Key."""
        return await once(
            request,
            idempotency_key,
            lambda: losses.find_again(
                transfer_id, by=request.user, reason=data.reason, found=data.quantities, serials=data.serials
            ),
            required=True,
        )
