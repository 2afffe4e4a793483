"""A typed client of the API, for ticket systems and scripts.

    async with Client("https://parts.example.com", "bj_…") as parts:
        answer = await parts.open_request(source="glpi", reference="INC-20871/1", device_serial="2M2-771905",
                                          severity="severe", lines=[{"part_number": "ST12000NM0008", "quantity": 1}])
        print(answer.lines[0].promise.arrives_at)

Every write carries an Idempotency-Key and is repeated safely when the connection breaks; what the service refuses is
raised as `ServiceRefused` with its problem document.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import msgspec

from api.problems import Problem
from inventory.emergency import force_majeure, maker_support
from inventory.emergency.cases import CaseSummary, CaseView
from inventory.emergency.rebuilding import Rebuilding
from inventory.emergency.rehearsals import Rehearsal
from inventory.emergency.related import Event
from inventory.ground.events import EventView
from inventory.ground.progress import JobView
from inventory.installed_base.devices import Entitlement
from inventory.installed_base.failures import FailureView
from inventory.planning.asking import Frontier, PlanComparison
from inventory.planning.plans import PlanSummary
from inventory.procurement.orders import OrderView
from inventory.requests.availability import Availability
from inventory.requests.fault_reports import ReportState
from inventory.requests.quotations import QuotationSummary
from inventory.requests.requests import RequestView
from inventory.requests.telling import Sentence
from inventory.requests.tickets import Reconciliation, TicketView
from inventory.returns.collecting import CollectionView
from inventory.returns.debts import DebtView
from inventory.returns.loaners import LoanSummary, LoanView
from inventory.returns.repairs import RepairView
from inventory.returns.rmas import RmaView
from inventory.returns.swaps import Decision, SwapSummary, SwapView
from inventory.stock.levels import LevelView
from inventory.stock.receipts import ReceiptView
from inventory.stock.transfers import TransferView
from optimizer.whatif import Changes

T = TypeVar("T")

TRIES = 4
"""How often a call is made when the connection breaks or the service is busy."""


def _segment(name: str) -> str:
    """A name as a piece of an address, whatever stands in it.

    >>> _segment("INC 7/1")
    'INC%207%2F1'
    """
    return quote(name, safe="")


class ServiceRefused(Exception):
    """The service refused; `problem` says why and what would help."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.code}: {problem.detail} {problem.help}".strip())
        self.problem = problem


class Client:
    """A connection to the service under one API key."""

    def __init__(self, base_url: str, key: str, *, language: str = "en", timeout_s: float = 30.0) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{base_url}/api/v1",
            headers={"Authorization": f"Bearer {key}", "Accept-Language": language},
            timeout=timeout_s,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def _call(self, into: type[T], method: str, path: str, body: Any = None, **query: Any) -> T:
        headers = {} if method == "GET" else {"Idempotency-Key": uuid4().hex}
        content = None if method == "GET" else msgspec.json.encode(body if body is not None else {})
        parameters = {name: value for name, value in query.items() if value is not None}
        for attempt in range(1, TRIES + 1):
            try:
                answer = await self._http.request(
                    method,
                    path,
                    content=content,
                    params=parameters,
                    headers={"Content-Type": "application/json", **headers},
                )
            except httpx.TransportError:
                if attempt == TRIES:
                    raise
            else:
                if answer.is_success:
                    return msgspec.json.decode(answer.content, type=into)
                if answer.status_code not in (429, 503) or attempt == TRIES:
                    raise ServiceRefused(msgspec.json.decode(answer.content, type=Problem))
            await asyncio.sleep(0.2 * 2**attempt)
        raise AssertionError("unreachable")

    async def _pages(self, into: type[T], path: str, **query: Any) -> AsyncGenerator[T]:
        cursor: str | None = None
        while True:
            page = await self._call(dict[str, Any], "GET", path, cursor=cursor, **query)
            for item in page["items"]:
                yield msgspec.convert(item, into, strict=False)
            cursor = page["next_cursor"]
            if cursor is None:
                return

    async def entitlement(self, device_serial: str, *, severity: str = "general") -> Entitlement:
        """What the contract of a device promises now."""
        return await self._call(
            Entitlement, "GET", f"/devices/{_segment(device_serial)}/entitlement", severity=severity
        )

    async def open_request(
        self, *, source: str, reference: str, device_serial: str, severity: str, lines: Sequence[Any], **more: Any
    ) -> RequestView:
        """Ask for parts against a fault."""
        body = {"source": source, "reference": reference, "device_serial": device_serial, "severity": severity}
        return await self._call(RequestView, "POST", "/part-requests", {**body, "lines": lines, **more})

    async def plan_request(
        self,
        *,
        source: str,
        reference: str,
        device_serial: str,
        planned_at: datetime,
        lines: Sequence[Any],
        **more: Any,
    ) -> RequestView:
        """Ask ahead for the parts of an inspection or other planned work."""
        body = {"source": source, "reference": reference, "device_serial": device_serial, "planned_at": planned_at}
        return await self._call(RequestView, "POST", "/part-requests", {**body, "lines": lines, **more})

    async def move_request(self, request: UUID, planned_at: datetime) -> RequestView:
        """Move planned work to another date; its promise moves with it."""
        return await self._call(RequestView, "PATCH", f"/part-requests/{request}", {"planned_at": planned_at})

    async def availability(self, part_number: str, **query: Any) -> Availability:
        """Where a part and what may stand in for it are free: at a `site`, for a `device`, by `need_by`, in a `quantity`."""
        return await self._call(Availability, "GET", f"/parts/{_segment(part_number)}/availability", **query)

    async def request(self, request: UUID) -> RequestView:
        """One request with its promises."""
        return await self._call(RequestView, "GET", f"/part-requests/{request}")

    async def change_request(self, request: UUID, **changes: Any) -> RequestView:
        """Change severity, need-by time, engineer or note; clock and promise follow."""
        return await self._call(RequestView, "PATCH", f"/part-requests/{request}", changes)

    async def bind_ticket(self, request: UUID, ticket: str) -> RequestView:
        """Tie a request made in haste to its ticket."""
        return await self._call(RequestView, "POST", f"/part-requests/{request}/bind-ticket", {"ticket": ticket})

    async def pause_request(self, request: UUID, reason: str) -> RequestView:
        """Stop the clock: the fault cannot be reproduced."""
        return await self._call(RequestView, "POST", f"/part-requests/{request}/pause", {"reason": reason})

    async def resume_request(self, request: UUID) -> RequestView:
        """Let the clock run on."""
        return await self._call(RequestView, "POST", f"/part-requests/{request}/resume")

    async def reopen_request(self, request: UUID, lines: Sequence[Any], *, reason: str) -> RequestView:
        """Go on after the customer's rejection: a linked request under the first clock."""
        body = {"lines": lines, "reason": reason}
        return await self._call(RequestView, "POST", f"/part-requests/{request}/reopen", body)

    async def new_cause(self, request: UUID, lines: Sequence[Any], *, reason: str) -> RequestView:
        """End the request, and begin another one with a clock of its own."""
        body = {"lines": lines, "reason": reason}
        return await self._call(RequestView, "POST", f"/part-requests/{request}/new-cause", body)

    async def cancel_request(self, request: UUID, *, reason: str) -> RequestView:
        """Withdraw a request whose parts have not left."""
        return await self._call(RequestView, "POST", f"/part-requests/{request}/cancel", {"reason": reason})

    async def buy_for_request(self, request: UUID, *, part_number: str, vendor: str) -> OrderView:
        """Have a vendor send what a request waits for; a buyer on duty approves the order."""
        body = {"part_number": part_number, "vendor": vendor}
        return await self._call(OrderView, "POST", f"/part-requests/{request}/buy", body)

    async def debrief(self, request: UUID, lines: Sequence[Any]) -> RequestView:
        """Account for the parts: used, given back, dead on arrival, or lost."""
        return await self._call(RequestView, "POST", f"/part-requests/{request}/debrief", {"lines": lines})

    async def fault_report(self, request: UUID) -> ReportState:
        """Whether a request's fault analysis report is due, until when, and who has it."""
        return await self._call(ReportState, "GET", f"/part-requests/{request}/fault-report")

    async def hand_over_fault_report(self, request: UUID, received_by: str, *, remark: str = "") -> ReportState:
        """Write down that the customer has the fault analysis report."""
        body = {"received_by": received_by, "remark": remark}
        return await self._call(ReportState, "POST", f"/part-requests/{request}/fault-report/hand-over", body)

    async def note(self, request: UUID) -> Sentence:
        """Where a request stands and what is expected next, in a sentence to paste."""
        return await self._call(Sentence, "GET", f"/part-requests/{request}/note")

    async def ticket(self, source: str, ticket: str) -> TicketView:
        """Everything about a ticket, with the parts for its fault report."""
        return await self._call(TicketView, "GET", f"/tickets/{_segment(source)}/{_segment(ticket)}")

    async def reconciliation(self, source: str, ticket: str) -> Reconciliation:
        """Whether a ticket's parts are all accounted for."""
        return await self._call(Reconciliation, "GET", f"/tickets/{_segment(source)}/{_segment(ticket)}/reconciliation")

    async def request_reconciliation(self, request: UUID) -> Reconciliation:
        """Whether one request's parts are all accounted for, and which old parts are owed still."""
        return await self._call(Reconciliation, "GET", f"/part-requests/{request}/reconciliation")

    def returns(self, **query: Any) -> AsyncGenerator[DebtView]:
        """What is owed back, what is due first first (`document` names a request's number)."""
        return self._pages(DebtView, "/returns", **query)

    async def keep_medium(self, debt: UUID, *, signed_by: str) -> DebtView:
        """Leave a medium with the customer, who signed for it, where the contract lets it."""
        return await self._call(DebtView, "POST", f"/returns/{debt}/keep", {"signed_by": signed_by})

    async def tell_return_lost(self, debt: UUID, *, reason: str) -> DebtView:
        """Say that what is owed is lost; a second person confirms it."""
        return await self._call(DebtView, "POST", f"/returns/{debt}/tell-lost", {"reason": reason})

    async def events(self, after: int = 0) -> AsyncGenerator[EventView]:
        """The event stream from a sequence on, to its present end."""
        while True:
            found = await self._call(list[EventView], "GET", "/events", after=after, limit=200)
            for event in found:
                yield event
            if not found:
                return
            after = found[-1].sequence

    def quotations(self, **query: Any) -> AsyncGenerator[QuotationSummary]:
        """Quotations, every version, the latest first; of one `state`, or all."""
        return self._pages(QuotationSummary, "/quotations", **query)

    async def accept_quotation(self, quotation: UUID, *, said_by: str, reason: str) -> RequestView:
        """Accept a quotation for its customer."""
        body = {"said_by": said_by, "reason": reason}
        return await self._call(RequestView, "POST", f"/quotations/{quotation}/accept", body)

    async def accept_repair(
        self, quotation: UUID, part_number: str, serial: str, *, said_by: str, reason: str
    ) -> CollectionView:
        """Accept the repair of the customer's own unit instead of its replacement; the unit is fetched."""
        body = {"part_number": part_number, "serial": serial, "said_by": said_by, "reason": reason}
        return await self._call(CollectionView, "POST", f"/quotations/{quotation}/accept-repair", body)

    async def exchange_part(self, request: UUID, part_number: str, vendor: str, **old: Any) -> RmaView:
        """Have a vendor send what a request waits for in advance of the old piece; `serial_out` and `complaint` tell of it."""
        body = {"part_number": part_number, "vendor": vendor, **old}
        return await self._call(RmaView, "POST", f"/part-requests/{request}/exchange", body)

    def rmas(self, **query: Any) -> AsyncGenerator[RmaView]:
        """Returns to vendors, newest first."""
        return self._pages(RmaView, "/rmas", **query)

    def repairs(self, **query: Any) -> AsyncGenerator[RepairView]:
        """Repairs on our bench and at vendors, newest first."""
        return self._pages(RepairView, "/repairs", **query)

    async def plan_collection(self, **collection: Any) -> CollectionView:
        """Have a customer's own unit fetched: `device`, `depot`, `part_number` and `serial`."""
        return await self._call(CollectionView, "POST", "/collections", collection)

    def collections(self, **query: Any) -> AsyncGenerator[CollectionView]:
        """Customers' own units that are to be fetched, are with us, or were brought back; newest first."""
        return self._pages(CollectionView, "/collections", **query)

    async def reject_quotation(self, quotation: UUID, *, said_by: str, reason: str) -> RequestView:
        """Reject a quotation for its customer; its request is closed."""
        body = {"said_by": said_by, "reason": reason}
        return await self._call(RequestView, "POST", f"/quotations/{quotation}/reject", body)

    async def quote_again(self, request: UUID, *, reason: str) -> RequestView:
        """Have a request quoted anew, at today's prices."""
        return await self._call(RequestView, "POST", f"/part-requests/{request}/quote-again", {"reason": reason})

    async def quotation_link(self, quotation: UUID) -> str:
        """The path where the customer's contact reads and answers a quotation."""
        return (await self._call(dict[str, str], "GET", f"/quotations/{quotation}/link"))["path"]

    async def approve_request(self, request: UUID, *, remark: str = "") -> RequestView:
        """Approve a request that a rule holds back; by a person's key."""
        return await self._call(RequestView, "POST", f"/part-requests/{request}/approve", {"remark": remark})

    async def refuse_request(self, request: UUID, *, reason: str) -> RequestView:
        """Refuse a request that a rule holds back; by a person's key."""
        return await self._call(RequestView, "POST", f"/part-requests/{request}/refuse", {"reason": reason})

    async def ship_request(self, request: UUID, serials: Sequence[str] = ()) -> RequestView:
        """Hand out what a request holds."""
        return await self._call(RequestView, "POST", f"/part-requests/{request}/ship", {"serials": serials})

    async def record_failure(self, **failure: Any) -> FailureView:
        """Record a failure event."""
        return await self._call(FailureView, "POST", "/failures", failure)

    def levels(self, **query: Any) -> AsyncGenerator[LevelView]:
        """Good stock against its lines."""
        return self._pages(LevelView, "/levels", **query)

    def cases(self, **query: Any) -> AsyncGenerator[CaseSummary]:
        """Emergency cases, newest first."""
        return self._pages(CaseSummary, "/emergency-cases", **query)

    async def case(self, case: UUID) -> CaseView:
        """One emergency case."""
        return await self._call(CaseView, "GET", f"/emergency-cases/{case}")

    async def approve_case(self, case: UUID, *, proposed_at: datetime | None = None) -> CaseSummary:
        """Approve what a case proposes; with `proposed_at`, the case's as it was looked at, only that."""
        return await self._call(CaseSummary, "POST", f"/emergency-cases/{case}/approve", {"proposed_at": proposed_at})

    async def choose_plan(self, case: UUID, plan: int, *, proposed_at: datetime) -> CaseSummary:
        """Have another plan of a case's front drafted, counted from 1; `proposed_at` is the case's, as it was looked at."""
        body = {"plan": plan, "proposed_at": proposed_at}
        return await self._call(CaseSummary, "POST", f"/emergency-cases/{case}/choose-plan", body)

    async def emergency_events(self) -> list[Event]:
        """Open cases that are one event."""
        return await self._call(list[Event], "GET", "/emergency-events")

    async def make_case_real(self, case: UUID, *, reason: str) -> CaseSummary:
        """Let a drill's case be a real one."""
        return await self._call(CaseSummary, "POST", f"/emergency-cases/{case}/make-real", {"reason": reason})

    async def close_case(self, case: UUID, *, note: str, lessons: str = "") -> CaseSummary:
        """Close a case whose cover is restored."""
        return await self._call(
            CaseSummary, "POST", f"/emergency-cases/{case}/close", {"note": note, "lessons": lessons}
        )

    async def support(self, request: UUID) -> maker_support.Support:
        """What was tried for a request, which makers can be called in, and which were."""
        return await self._call(maker_support.Support, "GET", f"/part-requests/{request}/maker-support")

    async def record_attempt(
        self, request: UUID, *, expert: str, tried: str, attempted_at: datetime | None = None
    ) -> maker_support.Attempt:
        """What an expert of ours tried; a maker is called in only after that."""
        body = {"expert": expert, "tried": tried, "attempted_at": attempted_at}
        return await self._call(maker_support.Attempt, "POST", f"/part-requests/{request}/expert-attempts", body)

    async def report_attempt(self, attempt: UUID, *, to: str | None = None) -> maker_support.Attempt:
        """An attempt was reported to the project manager; the one on duty where nobody is named."""
        return await self._call(maker_support.Attempt, "POST", f"/expert-attempts/{attempt}/report", {"to": to})

    async def call_maker(self, request: UUID, **call: Any) -> maker_support.Summary:
        """Open plan 1: call a maker in, with `maker`, `contact` and `contact_verified_on`."""
        return await self._call(maker_support.Summary, "POST", f"/part-requests/{request}/maker-cases", call)

    def maker_cases(self, **query: Any) -> AsyncGenerator[maker_support.Summary]:
        """Plans 1, newest first."""
        return self._pages(maker_support.Summary, "/maker-cases", **query)

    async def maker_case(self, case: UUID) -> maker_support.View:
        """One plan 1 with our attempt and the maker's progress."""
        return await self._call(maker_support.View, "GET", f"/maker-cases/{case}")

    async def note_maker_progress(
        self, case: UUID, kind: maker_support.Progress, **progress: Any
    ) -> maker_support.Summary:
        """How a maker's support goes on; one that takes the case gives its `reference`, one that comes `onsite_at`."""
        return await self._call(
            maker_support.Summary, "POST", f"/maker-cases/{case}/progress", {"kind": kind, **progress}
        )

    async def close_maker_case(self, case: UUID, *, note: str, lessons: str = "") -> maker_support.Summary:
        """Close a plan 1 that is solved."""
        body = {"note": note, "lessons": lessons}
        return await self._call(maker_support.Summary, "POST", f"/maker-cases/{case}/close", body)

    async def call_maker_off(self, case: UUID, *, reason: str) -> maker_support.Summary:
        """Call a maker off."""
        return await self._call(maker_support.Summary, "POST", f"/maker-cases/{case}/withdraw", {"reason": reason})

    def swaps(self, **query: Any) -> AsyncGenerator[SwapSummary]:
        """Whole-unit swaps, newest first; of one `part_request`, `device`, `depot` or `state`."""
        return self._pages(SwapSummary, "/swaps", **query)

    async def swap(self, swap: UUID) -> SwapView:
        """One swap with its two deadlines."""
        return await self._call(SwapView, "GET", f"/swaps/{swap}")

    async def decide_swap(self, swap: UUID, decision: Decision, *, reason: str = "") -> SwapView:
        """Swap the device, or do not; not to swap needs a reason."""
        return await self._call(SwapView, "POST", f"/swaps/{swap}/decide", {"decision": decision, "reason": reason})

    def loans(self, **query: Any) -> AsyncGenerator[LoanSummary]:
        """Equipment of equal function at customers, newest first; of one `part_request`, `device`, `depot` or `state`."""
        return self._pages(LoanSummary, "/loans", **query)

    async def loan(self, loan: UUID) -> LoanView:
        """One loan."""
        return await self._call(LoanView, "GET", f"/loans/{loan}")

    async def declare_force_majeure(
        self, place: str, cause: force_majeure.Cause, *, reason: str
    ) -> force_majeure.Summary:
        """Open plan 3: a store or a customer's site is out of service, and a store's cover moves elsewhere at once."""
        body = {"place": place, "cause": cause, "reason": reason}
        return await self._call(force_majeure.Summary, "POST", "/force-majeure", body)

    def force_majeure_cases(self, **query: Any) -> AsyncGenerator[force_majeure.Summary]:
        """Plans 3, newest first."""
        return self._pages(force_majeure.Summary, "/force-majeure", **query)

    async def force_majeure_case(self, case: UUID) -> force_majeure.View:
        """One plan 3 with its evidence and what is still coming."""
        return await self._call(force_majeure.View, "GET", f"/force-majeure/{case}")

    async def note_measure(self, case: UUID, text: str) -> force_majeure.Summary:
        """What was done or decided about a plan 3."""
        return await self._call(force_majeure.Summary, "POST", f"/force-majeure/{case}/measures", {"text": text})

    async def redirect_delivery(self, case: UUID, document: str, *, to: str) -> force_majeure.Summary:
        """Send an order or a transfer that is under way to another store, or back."""
        body = {"document": document, "to": to}
        return await self._call(force_majeure.Summary, "POST", f"/force-majeure/{case}/redirections", body)

    async def close_force_majeure(
        self, case: UUID, *, note: str, lessons: str = "", returns: bool = True
    ) -> force_majeure.Summary:
        """End a plan 3; a store that returns has been counted again."""
        body = {"note": note, "lessons": lessons, "returns": returns}
        return await self._call(force_majeure.Summary, "POST", f"/force-majeure/{case}/close", body)

    async def rebuilding(self, site: str) -> list[Rebuilding]:
        """Which whole units and parts could rebuild a site, by when they could be there."""
        return await self._call(list[Rebuilding], "GET", f"/sites/{_segment(site)}/rebuilding")

    async def rehearse_past(self, since: datetime, until: datetime) -> JobView:
        """Have a past period played against today's plan."""
        return await self._call(JobView, "POST", "/emergency-rehearsals/past", {"since": since, "until": until})

    async def rehearse_burst(self, part_number: str, depot: str, **burst: Any) -> JobView:
        """Have a made-up burst played: so many `failures`, or `factor` times the usual rate, over `days`."""
        body = {"part_number": part_number, "depot": depot, **burst}
        return await self._call(JobView, "POST", "/emergency-rehearsals/burst", body)

    async def rehearsal(self, job: UUID) -> Rehearsal:
        """What plan 2 would have done; of a rehearsal that is done."""
        return await self._call(Rehearsal, "GET", f"/emergency-rehearsals/{job}")

    async def stop_rehearsal(self, job: UUID) -> JobView:
        """Ask one's own rehearsal to stop."""
        return await self._call(JobView, "POST", f"/emergency-rehearsals/{job}/cancel")

    async def receive(self, purchase_order: str, lines: Sequence[Any]) -> ReceiptView:
        """Take goods in against an order."""
        return await self._call(ReceiptView, "POST", "/receipts", {"purchase_order": purchase_order, "lines": lines})

    async def ship_transfer(self, transfer: UUID) -> TransferView:
        """Hand a transfer to the carrier."""
        return await self._call(TransferView, "POST", f"/transfers/{transfer}/ship")

    async def take_in_transfer(self, transfer: UUID) -> TransferView:
        """Take a transfer in."""
        return await self._call(TransferView, "POST", f"/transfers/{transfer}/receive")

    def plans(self) -> AsyncGenerator[PlanSummary]:
        """Stocking plans and what-ifs, newest first."""
        return self._pages(PlanSummary, "/plans")

    async def job(self, job: UUID) -> JobView:
        """How far a job is and what came of it; a plan's `result` names the plan."""
        return await self._call(JobView, "GET", f"/jobs/{job}")

    async def ask_what_if(self, changes: Changes, *, plan: UUID | None = None) -> JobView:
        """Have a plan's network sized under changed assumptions: of the plan in force, if none is named."""
        return await self._call(JobView, "POST", "/what-if", {"changes": changes, "plan": plan})

    async def comparison(self, what_if: UUID) -> PlanComparison:
        """A what-if beside the plan whose network it changed."""
        return await self._call(PlanComparison, "GET", f"/plans/{what_if}/comparison")

    async def draw_frontier(self, plan: UUID) -> JobView:
        """Have a plan's network sized at other targets."""
        return await self._call(JobView, "POST", f"/plans/{plan}/frontier")

    async def frontier(self, plan: UUID) -> Frontier:
        """What a plan's network costs at other targets; no points until somebody asked."""
        return await self._call(Frontier, "GET", f"/plans/{plan}/frontier")

    def orders(self, **query: Any) -> AsyncGenerator[OrderView]:
        """Purchase orders, newest first."""
        return self._pages(OrderView, "/purchase-orders", **query)

    def devices(self, **query: Any) -> AsyncGenerator[dict[str, Any]]:
        """Covered devices."""
        return self._pages(dict[str, Any], "/devices", **query)
