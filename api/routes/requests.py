"""Part requests over HTTP: the call a ticket system makes."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page, told
from api.instants import Instant
from api.problems import refusals
from api.routes.stock import Code, Dispatch, Quantity, Reason, Text
from inventory.assurance.meter import previewing
from inventory.procurement import orders
from inventory.requests import buying, changing, debriefing, fault_reports, requests, shipping, telling, tickets
from inventory.stock import shipments


class NewLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part that is needed, or a symptom whose kit is; `position` is where in the device it failed."""

    part_number: Code | None = None
    quantity: Quantity = 1
    symptom: Code | None = None
    position: Code | None = None


class NewRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part request; `source` and `reference` are your own name for it, `ticket` may have many requests.

    For a fault it has a `severity`; for an inspection or other planned work `planned_at`, when that begins.
    """

    source: Annotated[str, Meta(min_length=1, max_length=60)]
    reference: Annotated[str, Meta(min_length=1, max_length=139)]
    device_serial: Code
    lines: Annotated[list[NewLine], Meta(min_length=1, max_length=50)]
    severity: Code | None = None
    planned_at: Instant | None = None
    ticket: Code | None = None
    fault_reported_at: Instant | None = None
    need_by: Instant | None = None
    engineer: Code | None = None
    note: Text = ""


class Change(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different; a `need_by` of null goes back to the contract's clock, `planned_at` moves planned work."""

    severity: Code | UnsetType = UNSET
    planned_at: Instant | UnsetType = UNSET
    need_by: Instant | UnsetType | None = UNSET
    engineer: Code | UnsetType | None = UNSET
    note: Text | UnsetType = UNSET


class TicketToBind(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ticket a request made in haste belongs to."""

    ticket: Code


class FollowUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the work goes on, and the parts it takes."""

    reason: Code
    lines: Annotated[list[NewLine], Meta(min_length=1, max_length=50)]


class Buying(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part the request waits for, and the vendor who sends it."""

    part_number: Code
    vendor: Code


class Shipping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which units leave (what was picked, else the oldest ones), and how."""

    serials: Annotated[list[Code], Meta(max_length=1000)] = []
    how: Dispatch | None = None


class DebriefLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of pieces of a part (all that are left, or `quantity`, or the one with `serial_in`), and of the old one."""

    part_number: Code
    outcome: requests.Outcome
    quantity: Quantity | None = None
    serial_in: Code | None = None
    serial_out: Code | None = None
    failure_code: Code | None = None
    remark: Text = ""


class Debrief(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of the parts of a request."""

    lines: Annotated[list[DebriefLine], Meta(min_length=1, max_length=50)]


class ReportHandedOver(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who took the fault analysis report at the customer."""

    received_by: Code
    remark: Text = ""


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
        """Show one part request with its promises, and what each choice of its ladders would break."""
        view = await requests.request_view(request_id, seen_by=request.user)
        return await previewing.with_breaks(view, seen_by=request.user)

    @post(operation_id="OpenRequest", guards=[requires("parts.request")], responses=refusals(404, 409))
    async def open(
        self, request: ApiRequest, data: JSONBody[NewRequest], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """Ask for parts; answered at once with what is held, or with the ladder of what else can be done."""
        new = told(data, requests.NewRequest)
        return await once(request, idempotency_key, lambda: requests.open_request(new, by=request.user), status=201)

    @patch(
        "/{request_id:uuid}",
        operation_id="ChangeRequest",
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def change(
        self, request: ApiRequest, request_id: FromPath[UUID], data: JSONBody[Change], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """Change severity, need-by time, engineer, note, or planned work's date; clock and promise follow."""
        wanted = changing.Change(
            severity=data.severity,
            planned_at=data.planned_at,
            need_by=data.need_by,
            engineer=data.engineer,
            note=data.note,
        )
        return await once(request, idempotency_key, lambda: changing.change(request_id, wanted, by=request.user))

    @post(
        "/{request_id:uuid}/bind-ticket",
        operation_id="BindTicket",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def bind_ticket(
        self, request: ApiRequest, request_id: FromPath[UUID], data: JSONBody[TicketToBind], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """Tie a request made in haste to its ticket."""
        return await once(
            request, idempotency_key, lambda: changing.bind_ticket(request_id, data.ticket, by=request.user)
        )

    @post(
        "/{request_id:uuid}/pause",
        operation_id="PauseRequest",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def pause(
        self, request: ApiRequest, request_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """Stop the clock: the fault cannot be reproduced."""
        return await once(
            request, idempotency_key, lambda: changing.pause(request_id, by=request.user, reason=data.reason)
        )

    @post(
        "/{request_id:uuid}/resume",
        operation_id="ResumeRequest",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def resume(
        self, request: ApiRequest, request_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """Let the clock run on."""
        return await once(request, idempotency_key, lambda: changing.resume(request_id, by=request.user))

    @post(
        "/{request_id:uuid}/reopen",
        operation_id="ReopenRequest",
        status_code=201,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def reopen(
        self, request: ApiRequest, request_id: FromPath[UUID], data: JSONBody[FollowUp], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """Go on after the customer's rejection: a linked request under the first clock."""
        return await once(
            request,
            idempotency_key,
            lambda: changing.reopen(
                request_id, told(data.lines, list[requests.NewRequestLine]), by=request.user, reason=data.reason
            ),
            status=201,
        )

    @post(
        "/{request_id:uuid}/new-cause",
        operation_id="NewCause",
        status_code=201,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def new_cause(
        self, request: ApiRequest, request_id: FromPath[UUID], data: JSONBody[FollowUp], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """End the request, and begin another one with a clock of its own: the fault has a new cause."""
        return await once(
            request,
            idempotency_key,
            lambda: changing.new_cause(
                request_id, told(data.lines, list[requests.NewRequestLine]), by=request.user, reason=data.reason
            ),
            status=201,
        )

    @post(
        "/{request_id:uuid}/buy",
        operation_id="BuyForRequest",
        status_code=201,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def buy(
        self, request: ApiRequest, request_id: FromPath[UUID], data: JSONBody[Buying], idempotency_key: Key = None
    ) -> Response[orders.OrderView]:
        """Have a vendor send what the request waits for, as fast as it can; a buyer on duty approves the order."""
        return await once(
            request,
            idempotency_key,
            lambda: buying.buy(request_id, data.part_number, data.vendor, by=request.user),
            status=201,
        )

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
        """Account for the parts: used, given back, dead on arrival, or lost."""
        reports = told(data.lines, list[debriefing.Debrief])
        return await once(request, idempotency_key, lambda: debriefing.debrief(request_id, reports, by=request.user))

    @post(
        "/{request_id:uuid}/debriefs/{report:uuid}/confirm-loss",
        operation_id="ConfirmLoss",
        status_code=200,
        guards=[requires("stock.adjust")],
        responses=refusals(404, 409),
    )
    async def confirm_loss(
        self, request: ApiRequest, request_id: FromPath[UUID], report: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """Confirm that pieces are lost, as a second person."""
        return await once(
            request, idempotency_key, lambda: debriefing.confirm_loss(request_id, report, by=request.user)
        )

    @get(
        "/{request_id:uuid}/fault-report",
        operation_id="GetFaultReport",
        guards=[requires("requests.read")],
        responses=refusals(404),
    )
    async def get_report(self, request: ApiRequest, request_id: FromPath[UUID]) -> fault_reports.ReportState:
        """Say whether the fault analysis report is due, until when, and who has it; the report itself is a paper."""
        return await fault_reports.state_of(await requests.request_view(request_id, seen_by=request.user))

    @post(
        "/{request_id:uuid}/fault-report/hand-over",
        operation_id="HandOverFaultReport",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def hand_over_report(
        self,
        request: ApiRequest,
        request_id: FromPath[UUID],
        data: JSONBody[ReportHandedOver],
        idempotency_key: Key = None,
    ) -> Response[fault_reports.ReportState]:
        """Write down that the customer has the fault analysis report; again when more was found."""
        return await once(
            request,
            idempotency_key,
            lambda: fault_reports.hand_over(request_id, data.received_by, by=request.user, remark=data.remark),
        )

    @get(
        "/{request_id:uuid}/note",
        operation_id="GetRequestNote",
        guards=[requires("requests.read")],
        responses=refusals(404),
    )
    async def get_note(self, request: ApiRequest, request_id: FromPath[UUID]) -> telling.Sentence:
        """Say in one sentence where the request stands and what is expected next."""
        return telling.sentence(await requests.request_view(request_id, seen_by=request.user))

    @get(
        "/{request_id:uuid}/reconciliation",
        operation_id="GetRequestReconciliation",
        guards=[requires("requests.read")],
        responses=refusals(404),
    )
    async def get_reconciliation(self, request: ApiRequest, request_id: FromPath[UUID]) -> tickets.Reconciliation:
        """Say whether the request's parts are all accounted for, and which old parts are owed still."""
        return await tickets.of_request(request_id, seen_by=request.user)

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
