"""Goods going out over HTTP: pick lists and shipments."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page, told
from api.instants import Instant
from api.problems import refusals
from api.routes.stock import Code, Dispatch, Quantity, Reason
from inventory.requests import shipping, waves
from inventory.stock import pick_lists, picking, shipments

Stroke = Annotated[list[tuple[float, float]], Meta(max_length=shipments.POINTS)]


class NewPickList(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to pick in one walk: numbers of part requests and transfers, or ids of reservations."""

    depot: Code
    documents: Annotated[list[Code], Meta(min_length=1, max_length=50)]


class Scan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was taken: a serial or tag, or a part number with its count; `bin` where it was another one than proposed."""

    code: Code
    quantity: Quantity | None = None
    bin: Code | None = None


class HandingOver(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who took the goods, where and when; `strokes` is the signature, points in a field of 1000 × 400."""

    to: Code
    where: Code | None = None
    strokes: Annotated[list[Stroke], Meta(max_length=shipments.STROKES)] = []
    occurred_at: Instant | None = None


class PickListController(Controller):
    """Fetching from the bins what is to leave."""

    path = "/pick-lists"
    tags = ("pick lists",)

    @get(operation_id="ListPickLists", guards=[requires("documents.read")], responses=refusals(404))
    async def list_pick_lists(
        self,
        request: ApiRequest,
        depot: FromQuery[str | None] = None,
        in_state: Annotated[pick_lists.ListState | None, QueryParameter(name="state")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[pick_lists.PickListSummary]]:
        """List pick lists, newest first."""
        found = await pick_lists.pick_lists(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), depot=depot, state=in_state
        )
        return page(request, found, limit, lambda found: found.id)

    @get("/waiting", operation_id="ListToPick", guards=[requires("documents.read")], responses=refusals(404))
    async def list_waiting(
        self,
        request: ApiRequest,
        depot: FromQuery[str | None] = None,
        kind: FromQuery[waves.DocumentKind | None] = None,
        severity: Annotated[str | None, QueryParameter(max_length=40)] = None,
        due_until: Annotated[Instant | None, QueryParameter(name="to")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[waves.ToPick]]:
        """List what is to be picked and nobody picks yet, the most urgent first; `to` is about when it is due."""
        found = await waves.to_pick(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, waves.Place),
            depot=depot,
            kind=kind,
            severity=severity,
            due_until=due_until,
        )
        return page(request, found, limit, waves.place_of)

    @get("/{list_id:uuid}", operation_id="GetPickList", guards=[requires("documents.read")], responses=refusals(404))
    async def get_pick_list(self, request: ApiRequest, list_id: FromPath[UUID]) -> pick_lists.PickListView:
        """Show one pick list, its lines in the order of the bins."""
        return await pick_lists.pick_list_view(list_id, seen_by=request.user)

    @post(operation_id="BeginPicking", guards=[requires("stock.issue")], responses=refusals(404, 409))
    async def begin(
        self, request: ApiRequest, data: JSONBody[NewPickList], idempotency_key: Key = None
    ) -> Response[pick_lists.PickListView]:
        """Begin a pick list over one or several documents of a store."""
        return await once(
            request,
            idempotency_key,
            lambda: waves.begin_picking(data.depot, data.documents, by=request.user),
            status=201,
        )

    @post(
        "/{list_id:uuid}/scans",
        operation_id="ScanPick",
        status_code=200,
        guards=[requires("stock.issue")],
        responses=refusals(404, 409),
    )
    async def scan(
        self, request: ApiRequest, list_id: FromPath[UUID], data: JSONBody[Scan], idempotency_key: Key = None
    ) -> Response[pick_lists.PickListView]:
        """Confirm what was taken; another good piece of the same part and pool will do."""
        return await once(
            request,
            idempotency_key,
            lambda: picking.scan(list_id, data.code, by=request.user, quantity=data.quantity, bin_code=data.bin),
        )

    @post(
        "/{list_id:uuid}/cancel",
        operation_id="CancelPickList",
        status_code=200,
        guards=[requires("stock.issue")],
        responses=refusals(404, 409),
    )
    async def cancel(
        self, request: ApiRequest, list_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[pick_lists.PickListView]:
        """Give up a pick list; what was picked goes back to its bin, the reservations stay."""
        return await once(
            request, idempotency_key, lambda: picking.cancel(list_id, by=request.user, reason=data.reason)
        )

    @post(
        "/picks/{pick_id:uuid}/not-found",
        operation_id="PickNotFound",
        status_code=200,
        guards=[requires("stock.issue")],
        responses=refusals(404, 409),
    )
    async def not_found(
        self, request: ApiRequest, pick_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[pick_lists.PickListView]:
        """Say that what was proposed is not there: another piece is proposed, and a recount asked for."""
        return await once(
            request, idempotency_key, lambda: picking.not_found(pick_id, by=request.user, reason=data.reason)
        )

    @post(
        "/picks/{pick_id:uuid}/unpick",
        operation_id="Unpick",
        status_code=200,
        guards=[requires("stock.issue")],
        responses=refusals(404, 409),
    )
    async def unpick(
        self, request: ApiRequest, pick_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[pick_lists.PickListView]:
        """Put a picked piece back; it is to be picked again."""
        return await once(request, idempotency_key, lambda: picking.unpick(pick_id, by=request.user))


class ShipmentController(Controller):
    """Goods on their way, until somebody signs for them."""

    path = "/shipments"
    tags = ("shipments",)

    @get(operation_id="ListShipments", guards=[requires("requests.read")], responses=refusals(404))
    async def list_shipments(
        self,
        request: ApiRequest,
        in_state: Annotated[shipments.ShipmentState | None, QueryParameter(name="state")] = None,
        depot: FromQuery[str | None] = None,
        document: FromQuery[str | None] = None,
        waybill: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[shipments.ShipmentSummary]]:
        """List shipments, newest first."""
        found = await shipments.shipments(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            depot=depot,
            document=document,
            waybill=waybill,
        )
        return page(request, found, limit, lambda found: found.id)

    @get("/{shipment_id:uuid}", operation_id="GetShipment", guards=[requires("requests.read")], responses=refusals(404))
    async def get_shipment(self, request: ApiRequest, shipment_id: FromPath[UUID]) -> shipments.ShipmentView:
        """Show one shipment with its packages and everything that happened to it."""
        return await shipments.shipment_view(shipment_id, seen_by=request.user)

    @get(
        "/{shipment_id:uuid}/signature",
        operation_id="GetSignature",
        guards=[requires("requests.read")],
        responses=refusals(404),
        media_type="image/svg+xml",
    )
    async def get_signature(self, request: ApiRequest, shipment_id: FromPath[UUID]) -> bytes:
        """Show the signature of whoever took the goods, as an SVG drawing."""
        return await shipments.signature(shipment_id, seen_by=request.user)

    @post(
        "/{shipment_id:uuid}/hand-over",
        operation_id="HandOverShipment",
        status_code=200,
        guards=[requires("shipments.deliver")],
        responses=refusals(404, 409),
    )
    async def hand_over(
        self, request: ApiRequest, shipment_id: FromPath[UUID], data: JSONBody[HandingOver], idempotency_key: Key = None
    ) -> Response[shipments.ShipmentView]:
        """Note who took the goods, with the signature."""
        return await once(
            request,
            idempotency_key,
            lambda: shipments.hand_over(
                shipment_id,
                data.to,
                by=request.user,
                where=data.where,
                strokes=data.strokes,
                occurred_at=data.occurred_at,
            ),
        )

    @post(
        "/{shipment_id:uuid}/fail",
        operation_id="FailShipment",
        status_code=200,
        guards=[requires("shipments.deliver")],
        responses=refusals(404, 409),
    )
    async def fail(
        self, request: ApiRequest, shipment_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[shipments.ShipmentView]:
        """Note that a delivery failed, and why."""
        return await once(
            request, idempotency_key, lambda: shipments.fail(shipment_id, by=request.user, reason=data.reason)
        )

    @post(
        "/{shipment_id:uuid}/send-again",
        operation_id="SendShipmentAgain",
        status_code=200,
        guards=[requires("shipments.deliver")],
        responses=refusals(404, 409),
    )
    async def send_again(
        self, request: ApiRequest, shipment_id: FromPath[UUID], data: JSONBody[Dispatch], idempotency_key: Key = None
    ) -> Response[shipments.ShipmentView]:
        """Try a failed delivery once more."""
        return await once(
            request,
            idempotency_key,
            lambda: shipments.send_again(shipment_id, by=request.user, how=told(data, shipments.Dispatch)),
        )

    @post(
        "/{shipment_id:uuid}/bring-back",
        operation_id="BringShipmentBack",
        status_code=200,
        guards=[requires("stock.issue")],
        responses=refusals(404, 409),
    )
    async def bring_back(
        self, request: ApiRequest, shipment_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[shipments.ShipmentView]:
        """Take an undelivered shipment in again; its goods are held for their document once more."""
        return await once(
            request, idempotency_key, lambda: shipping.bring_back(shipment_id, by=request.user, reason=data.reason)
        )
