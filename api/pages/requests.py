"""Part requests: asking for parts, handing them out, accounting for them."""

from typing import Annotated, get_args
from uuid import UUID, uuid4

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.attachments import attached
from api.pages.forms import Long, Reason, Several, Short, moment, part_lines, quantity, rows, words
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from api.pages.shipments import Sending
from api.shared import quotation_path
from inventory.assurance.meter import coverage, previewing
from inventory.catalogue import fitting
from inventory.emergency import maker_support
from inventory.ground import clock
from inventory.ground.actor import Actor
from inventory.installed_base import devices, severities
from inventory.places import places
from inventory.requests import (
    approvals,
    buying,
    changing,
    debriefing,
    failure_analysis,
    fault_reports,
    kits,
    requests,
    scope,
    shipping,
    telling,
)
from inventory.returns import debts, loaners, rmas, swaps
from inventory.stock import shipments

SOURCE = "page"
"""Requests made here name us as their source; the form carries its own reference, so that sending twice asks once."""


class NewRequest(Struct, kw_only=True):
    """What the form asks, for a fault or planned work; a line's part and quantity stand at the same place of their lists."""

    reference: Annotated[str, Meta(min_length=1, max_length=200)]
    device_serial: Annotated[str, Meta(min_length=1, max_length=200)]
    part_number: Several
    quantity: Several
    severity: Short = ""
    planned_at: Short = ""
    symptom: Short = ""
    ticket: Short = ""
    note: Annotated[str, Meta(max_length=2000)] = ""


class Changing(Struct, kw_only=True):
    """What is to be different; without a need-by time the contract's clock holds. Planned work has only its date."""

    severity: Short = ""
    planned_at: Short = ""
    engineer: Short = ""
    need_by: Short = ""


class Binding(Struct, kw_only=True):
    """The ticket a request belongs to."""

    ticket: Annotated[str, Meta(min_length=1, max_length=200)]


class Following(Struct, kw_only=True):
    """The parts the work goes on with, and why it does."""

    part_number: Several
    quantity: Several
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


def wanted(part_numbers: Several, quantities: Several, symptom: str = "") -> list[requests.NewRequestLine]:
    """The lines that name a part; where none does, the kit against the symptom."""
    named = [
        requests.NewRequestLine(part_number=part, quantity=count, symptom=symptom.strip() or None)
        for part, count in part_lines(part_numbers, quantities)
    ]
    return named or [requests.NewRequestLine(symptom=symptom.strip() or None)]


class HandingOver(Struct, kw_only=True):
    """Who took the fault analysis report."""

    received_by: Annotated[str, Meta(min_length=1, max_length=200)]
    remark: Annotated[str, Meta(max_length=2000)] = ""


class Buying(Struct, kw_only=True):
    """Which part the request waits for, and the vendor who sends it."""

    part_number: Short
    vendor: Short


class Shipping(Sending, kw_only=True):
    """Which units leave (what was picked, else the oldest ones), and how."""

    serials: Long = ""


class Debriefing(Struct, kw_only=True):
    """What became of each line, in order."""

    part_number: Several
    outcome: Several
    quantity: Several = ""
    serial_in: Several = ""
    serial_out: Several = ""
    failure_code: Several = ""
    remark: Several = ""

    def reports(self) -> list[debriefing.Debrief]:
        """The lines that say what became of them."""
        told = rows(
            self.part_number,
            self.outcome,
            self.quantity,
            self.serial_in,
            self.serial_out,
            self.failure_code,
            self.remark,
        )
        return [
            debriefing.Debrief(
                part_number=part,
                outcome=outcome,
                quantity=quantity(count) if count.strip() else None,
                serial_in=serial_in.strip() or None,
                serial_out=serial_out.strip() or None,
                failure_code=code.strip() or None,
                remark=remark.strip(),
            )
            for part, outcome, count, serial_in, serial_out, code, remark in told
            if outcome in get_args(requests.Outcome)
        ]


@get("/requests", guards=[requires("requests.read")])
async def list_requests(
    request: PageRequest,
    in_state: Annotated[requests.State | None, QueryParameter(name="state")] = None,
    depot: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """List part requests, newest first."""
    found = await requests.requests(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, UUID),
        state=in_state,
        depot=depot or None,
    )
    shown, following = cut(found, lambda found: found.id)
    stores = await places.stores(limit=200, seen_by=request.user)
    return Page(
        "requests/list.html",
        requests=shown,
        cursor=following,
        state=in_state,
        depot=depot,
        stores=stores,
        first=not cursor,
    )


@get("/requests/new", guards=[requires("parts.request")])
async def new_request(
    request: PageRequest,  # noqa: ARG001  the guard reads it
    device: FromQuery[str] = "",
    planned: FromQuery[bool] = False,  # noqa: FBT002
) -> Page:
    """Ask for parts, for a fault or for planned work; begins with the device."""
    return Page(
        "requests/new.html",
        reference=uuid4().hex,
        device=device,
        planned=planned,
        severities=await severities.of_the_house(),
    )


@get("/requests/new/device", guards=[requires("parts.request")])
async def show_device(
    request: PageRequest,
    device_serial: Annotated[str, QueryParameter(max_length=200)],
    planned: FromQuery[bool] = False,  # noqa: FBT002
) -> Page:
    """Show what a device is, what was promised for it, and which parts it carries."""
    device = await devices.find(device_serial.strip(), seen_by=request.user)
    known = list(reversed(device.severities))
    meter = await coverage.device_cover(device.serial, seen_by=request.user) if request.user.depots is None else None
    promises = [(each, devices.entitlement_of(device, each.code, clock.now())) for each in known]
    return Page(
        "requests/device.html",
        device=device,
        planned=planned,
        promises=promises,
        chosen=known[0].code,
        symptoms=await kits.symptoms(),
        parts=await fitting.parts_of_model(device.model_code),
        meter=meter,
    )


@get("/requests/new/kit", guards=[requires("parts.request")])
async def show_kit(
    model: Annotated[str, QueryParameter(max_length=200)], symptom: Annotated[str, QueryParameter(max_length=200)] = ""
) -> Page:
    """Show what is worth taking along against a symptom."""
    return Page("requests/kit.html", kit=await kits.kit(symptom, model) if symptom else [])


@post("/requests/new", guards=[requires("parts.request")], status_code=303)
async def open_request(request: PageRequest, data: URLEncodedBody[NewRequest]) -> Redirect:
    """Open a request; the next page shows what is promised."""
    view = await requests.open_request(
        requests.NewRequest(
            source=SOURCE,
            reference=data.reference,
            device_serial=data.device_serial.strip(),
            severity=data.severity or None,
            planned_at=moment(data.planned_at),
            lines=wanted(data.part_number, data.quantity, data.symptom),
            ticket=data.ticket.strip() or None,
            engineer=request.user.name if "engineer" in request.user.roles else None,
            note=data.note.strip(),
        ),
        by=request.user,
    )
    return Redirect(f"/requests/{view.id}", status_code=303)


@get("/requests/{request_id:uuid}", guards=[requires("requests.read")])
async def show_request(request: PageRequest, request_id: FromPath[UUID]) -> Page:
    """Show a request with its promises and the ladder of what else could be done."""
    view = await requests.request_view(request_id, seen_by=request.user)
    view = await previewing.with_breaks(view, seen_by=request.user)
    by_serial = await fitting.kept_by_serial([line.part_number for line in view.lines])
    held = [line.promise.reservation for line in view.lines if line.state == "reserved" and line.promise.reservation]
    return Page(
        "requests/detail.html",
        view=view,
        said=telling.sentence(view),
        by_serial=by_serial,
        own=scope.concerns(view.opened_by, view.engineer, request.user),
        sent=await shipments.shipments(limit=20, seen_by=request.user, document=view.number),
        bought=await buying.bought_for(view.number),
        worth=await approvals.value_of(view.id, seen_by=request.user) if view.approvals else None,
        decides=_decides(view, request.user),
        link=_link(request, view),
        cost=await previewing.cover_lost_by_holding(held, seen_by=request.user),
        severities=await severities.severities(view.contract, seen_by=request.user),
        owed=await debts.debts(limit=50, seen_by=request.user, state=None, document=view.number)
        if request.user.may("returns.read")
        else [],
        files=await attached(request, "part_request", view.id),
        codes=await failure_analysis.codes_in_use()
        if request.user.may("parts.request") and any(line.state in ("shipped", "arrived") for line in view.lines)
        else [],
        report=await fault_reports.state_of(view),
        sent_back=await rmas.rmas(limit=50, seen_by=request.user, request=view.number)
        if request.user.may("rmas.read")
        else [],
        support=await maker_support.support(view.id, seen_by=request.user)
        if request.user.may("emergency.read")
        else None,
        swaps=await swaps.swaps(limit=5, seen_by=request.user, request=view.id),
        loans=await loaners.loans(limit=5, seen_by=request.user, request=view.id),
    )


def _decides(view: requests.RequestView, reader: Actor) -> bool:
    """Whether the reader may say yes or no to what waits for an approval."""
    return (
        view.state == "awaiting_approval"
        and reader.may(approvals.RIGHT)
        and reader.name not in (view.opened_by, view.engineer, view.approvals[0].asked_by)
    )


def _link(request: PageRequest, view: requests.RequestView) -> str | None:
    """The address that the customer's contact answers a quotation at."""
    if view.state != "quoted" or view.quotations[0].state != "open":
        return None
    path = quotation_path(view.quotations[0].id, request.app.state["settings"].secret)
    return f"{request.url.scheme}://{request.url.netloc}{path}"


@post("/requests/{request_id:uuid}/change", guards=[requires("parts.request")], status_code=303)
async def change(request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[Changing]) -> Redirect:
    """Change severity, engineer, need-by time or date; clock and promise follow."""
    engineer, planned_at = data.engineer.strip() or None, moment(data.planned_at)
    told = (
        changing.Change(severity=data.severity, engineer=engineer, need_by=moment(data.need_by))
        if planned_at is None
        else changing.Change(planned_at=planned_at, engineer=engineer)
    )
    await changing.change(request_id, told, by=request.user)
    return Redirect(f"/requests/{request_id}", status_code=303)


@post("/requests/{request_id:uuid}/pause", guards=[requires("parts.request")], status_code=303)
async def pause(request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Stop the clock."""
    await changing.pause(request_id, by=request.user, reason=data.reason)
    return Redirect(f"/requests/{request_id}", status_code=303)


@post("/requests/{request_id:uuid}/resume", guards=[requires("parts.request")], status_code=303)
async def resume(request: PageRequest, request_id: FromPath[UUID]) -> Redirect:
    """Let the clock run on."""
    await changing.resume(request_id, by=request.user)
    return Redirect(f"/requests/{request_id}", status_code=303)


@post("/requests/{request_id:uuid}/bind-ticket", guards=[requires("parts.request")], status_code=303)
async def bind_ticket(request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[Binding]) -> Redirect:
    """Tie a request to its ticket."""
    await changing.bind_ticket(request_id, data.ticket.strip(), by=request.user)
    return Redirect(f"/requests/{request_id}", status_code=303)


@post("/requests/{request_id:uuid}/reopen", guards=[requires("parts.request")], status_code=303)
async def reopen(request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[Following]) -> Redirect:
    """Go on after the customer's rejection."""
    lines = wanted(data.part_number, data.quantity)
    view = await changing.reopen(request_id, lines, by=request.user, reason=data.reason)
    return Redirect(f"/requests/{view.id}", status_code=303)


@post("/requests/{request_id:uuid}/new-cause", guards=[requires("parts.request")], status_code=303)
async def new_cause(request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[Following]) -> Redirect:
    """End the request and begin another one with its own clock."""
    lines = wanted(data.part_number, data.quantity)
    view = await changing.new_cause(request_id, lines, by=request.user, reason=data.reason)
    return Redirect(f"/requests/{view.id}", status_code=303)


@post("/requests/{request_id:uuid}/buy", guards=[requires("parts.request")], status_code=303)
async def buy(request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[Buying]) -> Redirect:
    """Have a vendor send what the request waits for."""
    await buying.buy(request_id, data.part_number, data.vendor, by=request.user)
    return Redirect(f"/requests/{request_id}", status_code=303)


@post("/requests/{request_id:uuid}/ship", guards=[requires("stock.issue")], status_code=303)
async def ship(request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[Shipping]) -> Redirect:
    """Hand out what a request holds."""
    await shipping.ship(request_id, by=request.user, serials=words(data.serials), how=data.told())
    return Redirect(f"/requests/{request_id}", status_code=303)


@post("/requests/{request_id:uuid}/debrief", guards=[requires("parts.request")], status_code=303)
async def debrief(request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[Debriefing]) -> Redirect:
    """Account for the parts."""
    await debriefing.debrief(request_id, data.reports(), by=request.user)
    return Redirect(f"/requests/{request_id}", status_code=303)


@post("/requests/{request_id:uuid}/debriefs/{report:uuid}/confirm", guards=[requires("stock.adjust")], status_code=303)
async def confirm_loss(request: PageRequest, request_id: FromPath[UUID], report: FromPath[UUID]) -> Redirect:
    """Confirm a loss, as a second person."""
    await debriefing.confirm_loss(request_id, report, by=request.user)
    return Redirect(f"/requests/{request_id}", status_code=303)


@post("/requests/{request_id:uuid}/hand-over-report", guards=[requires("parts.request")], status_code=303)
async def hand_over_report(
    request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[HandingOver]
) -> Redirect:
    """Write down that the customer has the fault analysis report."""
    await fault_reports.hand_over(request_id, data.received_by, by=request.user, remark=data.remark)
    return Redirect(f"/requests/{request_id}", status_code=303)


@post("/requests/{request_id:uuid}/cancel", guards=[requires("parts.request")], status_code=303)
async def cancel(request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Withdraw a request whose parts have not left."""
    await requests.cancel(request_id, by=request.user, reason=data.reason)
    return Redirect(f"/requests/{request_id}", status_code=303)


handlers = [
    list_requests,
    new_request,
    show_device,
    show_kit,
    open_request,
    show_request,
    change,
    pause,
    resume,
    bind_ticket,
    reopen,
    new_cause,
    buy,
    ship,
    debrief,
    confirm_loss,
    hand_over_report,
    cancel,
]
