"""RMAs over HTTP: returns to vendors, advance exchanges, vendors' return terms, and a vendor's own desk."""

import asyncio
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct, structs

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.instants import Instant
from api.papers import labels
from api.papers import rmas as papers
from api.problems import refusals
from api.routes.attachments import as_file
from api.routes.papers import PAPER, PDF, as_pdf, pdf_response, printed
from api.routes.stock import Code, Text
from inventory.assurance import attachments
from inventory.ground.bounds import Bounded, Within
from inventory.procurement.prices import Currency
from inventory.requests import exchanging, sending_back
from inventory.returns import answering, coming_in, exchanges, rma_desk, rmas, vendor_terms
from inventory.returns.terms import Charge
from inventory.stock.pools import COMMON

Serial = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
Money = Annotated[Decimal | None, Within(0, 1_000_000_000)]
Position = Annotated[int, Meta(ge=1, le=1000)]
OpenOnly = Annotated[bool, QueryParameter(description="Only those that are not closed or cancelled")]


class NewRmaLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A piece to send to a vendor: by serial or our tag, or so many of a lot; and what is asked for it."""

    vendor: Code
    part_number: Code
    asked: rmas.Asked
    serial: Serial | None = None
    lot: Code | None = None
    quantity: Annotated[int, Meta(ge=1, le=100_000)] = 1
    complaint: Text = ""
    failure_code: Code | None = None
    dead_on_arrival: bool = False


class NewRma(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces of a store to send back, to one vendor or many; `claim` is the quality claim they belong to.

    `request` is the part request they came out for; unsaid, the one that their debts tell.
    """

    depot: Code
    lines: Annotated[list[NewRmaLine], Meta(min_length=1, max_length=200)]
    remark: Text = ""
    claim: UUID | None = None
    request: UUID | None = None


class NewExchange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A good piece to be sent first: under the warranty of a device, or for the vendor's fee. `serial` is the old piece's."""

    vendor: Code
    depot: Code
    part_number: Code
    pool: Code = COMMON
    device: Code | None = None
    serial: Serial | None = None
    complaint: Text = ""
    failure_code: Code | None = None


class RequestExchange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request waits for, to be sent first by a vendor; `serial_out` is the old piece's, where it was read."""

    part_number: Code
    vendor: Code
    serial_out: Serial | None = None
    complaint: Text = ""


class Authorisation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The vendor's number for a return, and when what comes for it should be here."""

    vendor_number: Code
    promised_at: Instant | None = None
    remark: Text = ""


class Sending(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By whom the pieces travel."""

    carrier: Code | None = None
    waybill: Code | None = None


class SentFirst(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That the vendor sent the good piece of an advance exchange."""

    serial: Serial | None = None
    waybill: Code | None = None
    shipped_at: Instant | None = None
    promised_at: Instant | None = None


class DeskSending(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That you sent the good piece, now."""

    serial: Serial | None = None
    waybill: Code | None = None
    promised_at: Instant | None = None


class OldPiece(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The old piece that came in, by serial or our tag."""

    serial: Serial


class AtVendor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Since when the vendor has the pieces; now, where nothing is said."""

    at: Instant | None = None


class LineAnswer(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of a piece at the vendor; a credit has its note, an amount and a currency."""

    answer: rmas.AnswerKind
    finding: Text = ""
    no_fault_found: bool = False
    replacement_serial: Serial | None = None
    credit_number: Code | None = None
    credit_amount: Money = None
    credit_currency: Currency | None = None
    cost_cny: Money = None

    def said(self) -> answering.Answer:
        """As the domain takes it."""
        return answering.Answer(**structs.asdict(self))


class Charged(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That the vendor charges for a piece that did not come back: by its terms, or so much."""

    reason: Annotated[str, Meta(min_length=1, max_length=2000)]
    cny: Money = None


class ArrivedPiece(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A piece on the dock: its serial; `position` and `reason` where it is not the one that was told.

    `part_number` where it is another part: it waits in quarantine, and needs a `reason`.
    """

    serial: Serial | None = None
    position: Position | None = None
    part_number: Code | None = None
    damaged: bool = False
    reason: Text = ""


class Arrivals(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came for an RMA."""

    pieces: Annotated[list[ArrivedPiece], Meta(min_length=1, max_length=200)]


class RmaReason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a return is given up."""

    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class UnusedBack(RmaReason, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the good piece was not needed, and by which waybill it travels."""

    waybill: Code | None = None


class NewReturnTerms(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a vendor agreed to of returns, for all its parts or those of one `maker`."""

    vendor: Code
    days: Annotated[int, Meta(ge=1, le=400)]
    counts: vendor_terms.CountsDays
    calendar: Code
    runs_from: vendor_terms.RunsFrom
    charge: Charge
    maker: Code | None = None
    grace: Annotated[int, Meta(ge=0, le=400)] = 0
    off_day_moves: bool = False
    charge_percent: Annotated[Decimal | None, Within(0, 100)] = None
    charge_cny: Money = None
    doa_days: Annotated[int, Meta(ge=1, le=400)] | None = None
    words: Text = ""


class RmaController(Controller):
    """Returns to vendors."""

    path = "/rmas"
    tags = ("returns to vendors",)

    @get(operation_id="ListRmas", guards=[requires("rmas.read")], responses=refusals())
    async def list_rmas(
        self,
        request: ApiRequest,
        *,
        in_state: Annotated[rmas.State | None, QueryParameter(name="state")] = None,
        vendor: FromQuery[str | None] = None,
        depot: FromQuery[str | None] = None,
        number: FromQuery[str | None] = None,
        part_request: Annotated[str | None, QueryParameter(name="request", max_length=200)] = None,
        under_way: OpenOnly = False,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[rmas.RmaView]]:
        """List RMAs, newest first; `number` is ours, a bundle's or the vendor's; `request` a part request's."""
        found = await rmas.rmas(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            vendor=vendor,
            depot=depot,
            number=number,
            under_way=under_way,
            request=part_request,
        )
        return page(request, found, limit, lambda rma: rma.id)

    @get("/{rma_id:uuid}", operation_id="GetRma", guards=[requires("rmas.read")], responses=refusals(404))
    async def get_rma(self, request: ApiRequest, rma_id: FromPath[UUID]) -> rmas.RmaView:
        """Show one RMA with its lines."""
        return await rmas.rma_view(rma_id, seen_by=request.user)

    @post(operation_id="DraftRmas", guards=[requires("rmas.ask")], responses=refusals(403, 404, 409, 422))
    async def draft(
        self, request: ApiRequest, data: JSONBody[NewRma], idempotency_key: Key = None
    ) -> Response[list[rmas.RmaView]]:
        """Draft the return of pieces of a store: one RMA for each vendor, told together by their bundle."""
        lines = [rmas.NewLine(**structs.asdict(line)) for line in data.lines]
        return await once(
            request,
            idempotency_key,
            lambda: sending_back.draft(
                data.depot, lines, by=request.user, remark=data.remark, claim=data.claim, request=data.request
            ),
            status=201,
        )

    @post(
        "/exchanges",
        operation_id="OpenAdvanceExchange",
        guards=[requires("rmas.ask")],
        responses=refusals(403, 404, 409, 422),
    )
    async def open_exchange(
        self, request: ApiRequest, data: JSONBody[NewExchange], idempotency_key: Key = None
    ) -> Response[rmas.RmaView]:
        """Ask a vendor for the good piece first; the old one is owed by its terms."""
        return await once(
            request,
            idempotency_key,
            lambda: exchanges.open_exchange(**structs.asdict(data), by=request.user),
            status=201,
        )

    @post(
        "/{rma_id:uuid}/request",
        operation_id="RequestRma",
        status_code=200,
        guards=[requires("rmas.ask")],
        responses=refusals(403, 404, 409),
    )
    async def request_rma(
        self, request: ApiRequest, rma_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[rmas.RmaView]:
        """Put an RMA to its vendor."""
        return await once(request, idempotency_key, lambda: rmas.request(rma_id, by=request.user))

    @post(
        "/{rma_id:uuid}/authorise",
        operation_id="AuthoriseRma",
        status_code=200,
        guards=[requires("rmas.settle")],
        responses=refusals(403, 404, 409, 422),
    )
    async def authorise(
        self, request: ApiRequest, rma_id: FromPath[UUID], data: JSONBody[Authorisation], idempotency_key: Key = None
    ) -> Response[rmas.RmaView]:
        """Keep the vendor's number: the pieces may be sent."""
        return await once(
            request,
            idempotency_key,
            lambda: rmas.authorise(
                rma_id, data.vendor_number, by=request.user, promised_at=data.promised_at, remark=data.remark
            ),
        )

    @post(
        "/{rma_id:uuid}/vendor-shipped",
        operation_id="NoteVendorShipped",
        status_code=200,
        guards=[requires("rmas.settle")],
        responses=refusals(403, 404, 409, 422),
    )
    async def vendor_shipped(
        self, request: ApiRequest, rma_id: FromPath[UUID], data: JSONBody[SentFirst], idempotency_key: Key = None
    ) -> Response[rmas.RmaView]:
        """Note that the vendor sent the good piece of an advance exchange."""
        return await once(
            request,
            idempotency_key,
            lambda: exchanges.vendor_shipped(rma_id, **structs.asdict(data), by=request.user),
        )

    @post(
        "/{rma_id:uuid}/lines/{position:int}/attach",
        operation_id="AttachOldPiece",
        status_code=200,
        guards=[requires("rmas.ask")],
        responses=refusals(403, 404, 409),
    )
    async def attach(
        self,
        request: ApiRequest,
        rma_id: FromPath[UUID],
        position: FromPath[int],
        data: JSONBody[OldPiece],
        idempotency_key: Key = None,
    ) -> Response[rmas.RmaView]:
        """Put the old piece that came in on its line."""
        return await once(
            request, idempotency_key, lambda: exchanges.attach(rma_id, position, data.serial, by=request.user)
        )

    @post(
        "/{rma_id:uuid}/ship",
        operation_id="ShipRma",
        status_code=200,
        guards=[requires("rmas.ask")],
        responses=refusals(403, 404, 409),
    )
    async def ship(
        self, request: ApiRequest, rma_id: FromPath[UUID], data: JSONBody[Sending], idempotency_key: Key = None
    ) -> Response[rmas.RmaView]:
        """Send the pieces off: by the ledger they are at the vendor."""
        return await once(
            request,
            idempotency_key,
            lambda: rmas.ship(rma_id, by=request.user, carrier=data.carrier, waybill=data.waybill),
        )

    @post(
        "/{rma_id:uuid}/at-vendor",
        operation_id="NoteRmaAtVendor",
        status_code=200,
        guards=[requires("rmas.settle")],
        responses=refusals(403, 404, 409),
    )
    async def at_vendor(
        self, request: ApiRequest, rma_id: FromPath[UUID], data: JSONBody[AtVendor], idempotency_key: Key = None
    ) -> Response[rmas.RmaView]:
        """Note that the vendor has the pieces; of an advance exchange the debt is settled."""
        return await once(request, idempotency_key, lambda: answering.arrive(rma_id, by=request.user, at=data.at))

    @post(
        "/{rma_id:uuid}/lines/{position:int}/answer",
        operation_id="AnswerRmaLine",
        status_code=200,
        guards=[requires("rmas.settle")],
        responses=refusals(403, 404, 409, 422),
    )
    async def answer(
        self,
        request: ApiRequest,
        rma_id: FromPath[UUID],
        position: FromPath[int],
        data: JSONBody[LineAnswer],
        idempotency_key: Key = None,
    ) -> Response[rmas.RmaView]:
        """Keep what the vendor did with a piece; stock moves by it."""
        return await once(
            request, idempotency_key, lambda: answering.answer(rma_id, position, data.said(), by=request.user)
        )

    @post(
        "/{rma_id:uuid}/lines/{position:int}/agree-to-scrap",
        operation_id="AgreeToScrapAtVendor",
        status_code=200,
        guards=[requires("stock.judge")],
        responses=refusals(403, 404, 409),
    )
    async def agree_to_scrap(
        self, request: ApiRequest, rma_id: FromPath[UUID], position: FromPath[int], idempotency_key: Key = None
    ) -> Response[rmas.RmaView]:
        """Agree, as the second person, that a piece was scrapped at the vendor."""
        return await once(request, idempotency_key, lambda: answering.agree_to_scrap(rma_id, position, by=request.user))

    @post(
        "/{rma_id:uuid}/lines/{position:int}/charge",
        operation_id="ChargeRmaLine",
        status_code=200,
        guards=[requires("rmas.settle")],
        responses=refusals(403, 404, 409, 422),
    )
    async def charge(
        self,
        request: ApiRequest,
        rma_id: FromPath[UUID],
        position: FromPath[int],
        data: JSONBody[Charged],
        idempotency_key: Key = None,
    ) -> Response[rmas.RmaView]:
        """Keep what the vendor charges for an old piece that did not come back."""
        return await once(
            request,
            idempotency_key,
            lambda: answering.charge(rma_id, position, by=request.user, reason=data.reason, cny=data.cny),
        )

    @post(
        "/{rma_id:uuid}/receive",
        operation_id="ReceiveRma",
        status_code=200,
        guards=[requires("stock.receive")],
        responses=refusals(403, 404, 409, 422),
    )
    async def receive(
        self, request: ApiRequest, rma_id: FromPath[UUID], data: JSONBody[Arrivals], idempotency_key: Key = None
    ) -> Response[rmas.RmaView]:
        """Take in what came for an RMA, against the serials that are expected."""
        pieces = [coming_in.Arrived(**structs.asdict(piece)) for piece in data.pieces]
        return await once(request, idempotency_key, lambda: coming_in.receive(rma_id, pieces, by=request.user))

    @post(
        "/{rma_id:uuid}/send-unused-back",
        operation_id="SendUnusedBack",
        status_code=200,
        guards=[requires("rmas.ask")],
        responses=refusals(403, 404, 409, 422),
    )
    async def send_unused_back(
        self, request: ApiRequest, rma_id: FromPath[UUID], data: JSONBody[UnusedBack], idempotency_key: Key = None
    ) -> Response[rmas.RmaView]:
        """Send the good piece of an advance exchange back, which was not needed; nothing is owed any more."""
        return await once(
            request,
            idempotency_key,
            lambda: exchanges.send_unused_back(rma_id, by=request.user, reason=data.reason, waybill=data.waybill),
        )

    @post(
        "/{rma_id:uuid}/cancel",
        operation_id="CancelRma",
        status_code=200,
        guards=[requires("rmas.ask")],
        responses=refusals(403, 404, 409, 422),
    )
    async def cancel(
        self, request: ApiRequest, rma_id: FromPath[UUID], data: JSONBody[RmaReason], idempotency_key: Key = None
    ) -> Response[rmas.RmaView]:
        """Give up a return that has not left."""
        return await once(request, idempotency_key, lambda: rmas.cancel(rma_id, by=request.user, reason=data.reason))

    @get(
        "/{rma_id:uuid}/papers/rma_note",
        operation_id="PrintRmaNote",
        guards=[requires("rmas.read")],
        responses=printed(404),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_note(self, request: ApiRequest, rma_id: FromPath[UUID]) -> Response[bytes]:
        """Print the note that travels with the pieces."""
        return await as_pdf(await papers.rma_note(rma_id, seen_by=request.user))

    @get(
        "/{rma_id:uuid}/labels",
        operation_id="PrintRmaLabel",
        guards=[requires("rmas.read")],
        responses=printed(404),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_label(
        self, request: ApiRequest, rma_id: FromPath[UUID], size: FromQuery[labels.Size] = "100x50"
    ) -> Response[bytes]:
        """Print the label for the box, with our number to be scanned and the vendor's to be read."""
        sheet = await papers.rma_label(rma_id, size, seen_by=request.user)
        return pdf_response(await asyncio.to_thread(labels.pdf, sheet), f"label-{sheet.labels[0].title}.pdf")


class ReturnTermsController(Controller):
    """Vendors' return terms."""

    path = "/return-terms"
    tags = ("returns to vendors",)

    @get(operation_id="ListReturnTerms", guards=[requires("rmas.read")], responses=refusals())
    async def list_terms(
        self, request: ApiRequest, vendor: FromQuery[str | None] = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[vendor_terms.TermsView]]:
        """List vendors' return terms."""
        found = await vendor_terms.terms(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, int) or 0, vendor=vendor
        )
        return page(request, found, limit, lambda terms: terms.id)

    @post(operation_id="SetReturnTerms", guards=[requires("rmas.settle")], responses=refusals(404, 422))
    async def set_terms(
        self, request: ApiRequest, data: JSONBody[NewReturnTerms], idempotency_key: Key = None
    ) -> Response[vendor_terms.TermsView]:
        """Keep what a vendor agreed to; what is owed already keeps the terms it began with."""
        return await once(
            request,
            idempotency_key,
            lambda: vendor_terms.set_terms(vendor_terms.NewTerms(**structs.asdict(data)), by=request.user),
            status=201,
        )


class RequestExchangeController(Controller):
    """Exchanges for part requests."""

    path = "/part-requests"
    tags = ("part requests",)

    @post(
        "/{request_id:uuid}/exchange",
        operation_id="ExchangeForRequest",
        guards=[requires("parts.request")],
        responses=refusals(403, 404, 409, 422),
    )
    async def exchange(
        self,
        request: ApiRequest,
        request_id: FromPath[UUID],
        data: JSONBody[RequestExchange],
        idempotency_key: Key = None,
    ) -> Response[rmas.RmaView]:
        """Have a vendor send what a request waits for in advance of the old piece."""
        return await once(
            request,
            idempotency_key,
            lambda: exchanging.exchange(
                request_id,
                data.part_number,
                data.vendor,
                by=request.user,
                serial_out=data.serial_out,
                complaint=data.complaint,
            ),
            status=201,
        )


class VendorRmaController(Controller):
    """A vendor's own RMAs."""

    path = "/vendor-rmas"
    tags = ("vendor's own returns",)

    @get(operation_id="ListVendorRmas", guards=[requires("rmas.answer")], responses=refusals())
    async def list_rmas(
        self,
        request: ApiRequest,
        *,
        in_state: Annotated[rmas.State | None, QueryParameter(name="state")] = None,
        under_way: OpenOnly = False,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[rma_desk.DeskRma]]:
        """List the returns put to your firm, newest first."""
        found = await rma_desk.desk_rmas(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            under_way=under_way,
        )
        return page(request, found, limit, lambda rma: rma.id)

    @get("/{rma_id:uuid}", operation_id="GetVendorRma", guards=[requires("rmas.answer")], responses=refusals(404))
    async def get_rma(self, request: ApiRequest, rma_id: FromPath[UUID]) -> rma_desk.DeskRma:
        """Show one of the returns put to your firm."""
        return await rma_desk.desk_rma(rma_id, seen_by=request.user)

    @get(
        "/{rma_id:uuid}/attachments",
        operation_id="ListVendorRmaAttachments",
        guards=[requires("rmas.answer")],
        responses=refusals(404),
    )
    async def list_attachments(self, request: ApiRequest, rma_id: FromPath[UUID]) -> list[attachments.Evidence]:
        """List the evidence that goes with a return: photos, logs, test results."""
        return await attachments.shown_to_vendor(rma_id, seen_by=request.user)

    @get(
        "/{rma_id:uuid}/attachments/{attachment_id:uuid}/content",
        operation_id="GetVendorRmaAttachment",
        guards=[requires("rmas.answer")],
        responses=refusals(404),
        media_type="application/octet-stream",
    )
    async def get_attachment(
        self, request: ApiRequest, rma_id: FromPath[UUID], attachment_id: FromPath[UUID]
    ) -> Response[bytes]:
        """Download a file of that evidence."""
        return as_file(await attachments.content_for_vendor(rma_id, attachment_id, seen_by=request.user))

    @post(
        "/{rma_id:uuid}/authorise",
        operation_id="AuthoriseVendorRma",
        status_code=200,
        guards=[requires("rmas.answer")],
        responses=refusals(403, 404, 409, 422),
    )
    async def authorise(
        self, request: ApiRequest, rma_id: FromPath[UUID], data: JSONBody[Authorisation], idempotency_key: Key = None
    ) -> Response[rma_desk.DeskRma]:
        """Give a return your own number: its pieces may be sent to you."""
        return await once(
            request,
            idempotency_key,
            lambda: rma_desk.authorise(
                rma_id, data.vendor_number, by=request.user, promised_at=data.promised_at, remark=data.remark
            ),
        )

    @post(
        "/{rma_id:uuid}/send-first",
        operation_id="SendExchangeFirst",
        status_code=200,
        guards=[requires("rmas.answer")],
        responses=refusals(403, 404, 409, 422),
    )
    async def send_first(
        self, request: ApiRequest, rma_id: FromPath[UUID], data: JSONBody[DeskSending], idempotency_key: Key = None
    ) -> Response[rma_desk.DeskRma]:
        """Say that you sent the good piece of an advance exchange."""
        return await once(
            request, idempotency_key, lambda: rma_desk.send_first(rma_id, **structs.asdict(data), by=request.user)
        )

    @post(
        "/{rma_id:uuid}/acknowledge",
        operation_id="AcknowledgeVendorRma",
        status_code=200,
        guards=[requires("rmas.answer")],
        responses=refusals(403, 404, 409),
    )
    async def acknowledge(
        self, request: ApiRequest, rma_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[rma_desk.DeskRma]:
        """Say that the pieces arrived."""
        return await once(request, idempotency_key, lambda: rma_desk.acknowledge(rma_id, by=request.user))

    @post(
        "/{rma_id:uuid}/lines/{position:int}/answer",
        operation_id="AnswerVendorRmaLine",
        status_code=200,
        guards=[requires("rmas.answer")],
        responses=refusals(403, 404, 409, 422),
    )
    async def answer(
        self,
        request: ApiRequest,
        rma_id: FromPath[UUID],
        position: FromPath[int],
        data: JSONBody[LineAnswer],
        idempotency_key: Key = None,
    ) -> Response[rma_desk.DeskRma]:
        """Say what became of a piece."""
        return await once(
            request, idempotency_key, lambda: rma_desk.answer(rma_id, position, data.said(), by=request.user)
        )
