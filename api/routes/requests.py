"""Part requests over HTTP: the call a ticket system makes."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page, told
from api.instants import Instant
from api.problems import refusals
from api.routes.stock import Code, Dispatch, Quantity, Reason, Text
from inventory.requests import debriefing, requests, shipping
from inventory.stock import shipments


class NewLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part that is needed; `position` is where in the device it failed."""

    part_number: Code
    quantity: Quantity = 1
    position: Code | None = None


class NewRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part request; `source` and `reference` are your own name for it, `ticket` may have many requests."""

    source: Annotated[str, Meta(min_length=1, max_length=60)]
    reference: Annotated[str, Meta(min_length=1, max_length=139)]
    device_serial: Code
    severity: requests.Severity
    lines: Annotated[list[NewLine], Meta(min_length=1, max_length=50)]
    ticket: Code | None = None
    fault_reported_at: Instant | None = None
    need_by: Instant | None = None
    engineer: Code | None = None
    note: Text = ""


class Shipping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which units leave (what was picked, else the oldest ones), and how."""

    serials: Annotated[list[Code], Meta(max_length=1000)] = []
    how: Dispatch | None = None


class DebriefLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of a part, and the serial of the one that came out."""

    part_number: Code
    outcome: requests.Outcome
    serial_out: Code | None = None


class Debrief(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of the parts of a request."""

    lines: Annotated[list[DebriefLine], Meta(min_length=1, max_length=50)]


class RequestController(Controller):
    """Part requests."""

    path = "/part-requests"
    tags = ("part requests",)

    @get(operation_id="ListRequests", guards=[requires("requests.read")], responses=refusals(404))
    async def list_requests(
        self,
        request: ApiRequest,
        in_state: Annotated[requests.State | None, QueryParameter(name="state")] = None,
        ticket: FromQuery[str | None] = None,
        device: FromQuery[str | None] = None,
        depot: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[requests.RequestSummary]]:
        """List part requests, newest first."""
        found = await requests.requests(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            ticket=ticket,
            device=device,
            depot=depot,
        )
        return page(request, found, limit, lambda found: found.id)

    @get("/{request_id:uuid}", operation_id="GetRequest", guards=[requires("requests.read")], responses=refusals(404))
    async def get_request(self, request: ApiRequest, request_id: FromPath[UUID]) -> requests.RequestView:
        """Show one part request with its promises."""
        return await requests.request_view(request_id, seen_by=request.user)

    @post(operation_id="OpenRequest", guards=[requires("parts.request")], responses=refusals(404, 409))
    async def open(
        self, request: ApiRequest, data: JSONBody[NewRequest], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """Ask for parts; answered at once with what is held, or with the ladder of what else can be done."""
        new = told(data, requests.NewRequest)
        return await once(request, idempotency_key, lambda: requests.open_request(new, by=request.user), status=201)

    @post(
        "/{request_id:uuid}/ship",
        operation_id="ShipRequest",
        status_code=200,
        guards=[requires("stock.issue")],
        responses=refusals(404, 409),
    )
    async def ship(
        self, request: ApiRequest, request_id: FromPath[UUID], data: JSONBody[Shipping], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """Hand out what a request holds."""
        return await once(
            request,
            idempotency_key,
            lambda: shipping.ship(
                request_id, by=request.user, serials=data.serials, how=told(data.how, shipments.Dispatch | None)
            ),
        )

    @post(
        "/{request_id:uuid}/debrief",
        operation_id="DebriefRequest",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def debrief(
        self, request: ApiRequest, request_id: FromPath[UUID], data: JSONBody[Debrief], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """Account for the parts: used, returned good, or dead on arrival."""
        reports = told(data.lines, list[debriefing.Debrief])
        return await once(request, idempotency_key, lambda: debriefing.debrief(request_id, reports, by=request.user))

    @post(
        "/{request_id:uuid}/cancel",
        operation_id="CancelRequest",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def cancel(
        self, request: ApiRequest, request_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """Withdraw a request whose parts have not left."""
        return await once(
            request, idempotency_key, lambda: requests.cancel(request_id, by=request.user, reason=data.reason)
        )
