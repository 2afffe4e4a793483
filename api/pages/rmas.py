"""RMAs on pages: lists, one of them with what may be done, drafting one, vendors' return terms, and a vendor's own."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.attachments import attached
from api.pages.forms import Reason, Several, Short, moment, number, quantity, rows, whole
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.assurance import attachments
from inventory.places import places
from inventory.procurement import claims, vendors
from inventory.requests import exchanging, requests, sending_back
from inventory.returns import answering, coming_in, exchanges, rma_desk, rmas, vendor_terms
from inventory.returns.coming_in import Arrived
from inventory.returns.terms import Charge

Said = Annotated[str, Meta(max_length=2000)]
MOST = 1_000_000_000
CHOICES = 500
"""How many vendors and stores a choice offers."""


class Draft(Struct, kw_only=True):
    """Pieces of a store to send back, a line each."""

    depot: Short
    vendor: Several
    part_number: Several
    serial: Several
    lot: Several
    quantity: Several
    asked: Several
    failure_code: Several
    complaint: Several
    dead_on_arrival: Several
    remark: Said = ""
    claim: UUID | None = None
    request: Short = ""

    def lines(self) -> list[rmas.NewLine]:
        """The lines that name a part: a piece by its serial, or so many of a lot.

        Raises:
            NotAQuantity, LinesIncomplete: a field is not what it should be.

        """
        return [
            rmas.NewLine(
                vendor=vendor.strip(),
                part_number=part.strip(),
                serial=serial.strip() or None,
                lot=lot.strip() or None,
                quantity=quantity(count),
                asked=_asked(asked),
                failure_code=code.strip() or None,
                complaint=complaint,
                dead_on_arrival=bool(dead),
            )
            for vendor, part, serial, lot, count, asked, code, complaint, dead in rows(
                self.vendor,
                self.part_number,
                self.serial,
                self.lot,
                self.quantity,
                self.asked,
                self.failure_code,
                self.complaint,
                self.dead_on_arrival,
            )
            if part.strip()
        ]


def _asked(text: str) -> rmas.Asked:
    return "repair" if text == "repair" else "credit" if text == "credit" else "exchange"


class ExchangeForm(Struct, kw_only=True):
    """A good piece to be sent first."""

    vendor: Short
    depot: Short
    part_number: Short
    device: Short = ""
    serial: Short = ""
    complaint: Said = ""


class Evidence(Struct, kw_only=True):
    """A file of a piece."""

    attachment: UUID


class RequestExchange(Struct, kw_only=True):
    """What a request waits for, by a vendor's exchange."""

    part_number: Short
    vendor: Short


class Authorisation(Struct, kw_only=True):
    """The vendor's number, and when what comes should be here."""

    vendor_number: Short
    promised_at: Short = ""


class Sending(Struct, kw_only=True):
    """By whom the pieces travel; or that the vendor sent its own."""

    carrier: Short = ""
    waybill: Short = ""
    serial: Short = ""
    promised_at: Short = ""


class OldPiece(Struct, kw_only=True):
    """The old piece."""

    serial: Short


class Answered(Struct, kw_only=True):
    """What became of a piece."""

    answer: rmas.AnswerKind
    finding: Said = ""
    no_fault_found: Short = ""
    replacement_serial: Short = ""
    credit_number: Short = ""
    credit_amount: Short = ""
    credit_currency: Short = ""
    cost_cny: Short = ""

    def said(self) -> answering.Answer:
        """As the domain takes it; a credit's fields count with a credit alone."""
        credited = self.answer == "credited"
        return answering.Answer(
            answer=self.answer,
            finding=self.finding,
            no_fault_found=bool(self.no_fault_found),
            replacement_serial=self.replacement_serial.strip() or None,
            credit_number=(self.credit_number.strip() or None) if credited else None,
            credit_amount=_money(self.credit_amount) if credited else None,
            credit_currency=(self.credit_currency.strip() or None) if credited else None,
            cost_cny=_money(self.cost_cny),
        )


class ChargeForm(Struct, kw_only=True):
    """What the vendor charges; by its terms, where no amount is given."""

    reason: Said = ""
    cny: Short = ""


class Arrival(Struct, kw_only=True):
    """A piece on the dock."""

    serial: Short = ""
    position: Short = ""
    part_number: Short = ""
    damaged: Short = ""
    reason: Said = ""


class TermsForm(Struct, kw_only=True):
    """What a vendor agreed to."""

    vendor: Short
    days: Short
    counts: vendor_terms.CountsDays
    calendar: Short
    runs_from: vendor_terms.RunsFrom
    charge: Charge
    maker: Short = ""
    grace: Short = "0"
    off_day_moves: Short = ""
    charge_percent: Short = ""
    charge_cny: Short = ""
    doa_days: Short = ""
    words: Said = ""

    def told(self) -> vendor_terms.NewTerms:
        """As the domain takes it."""
        return vendor_terms.NewTerms(
            vendor=self.vendor,
            days=whole(self.days, least=1, most=400),
            counts=self.counts,
            calendar=self.calendar.strip(),
            runs_from=self.runs_from,
            charge=self.charge,
            maker=self.maker.strip() or None,
            grace=whole(self.grace or "0", least=0, most=400),
            off_day_moves=bool(self.off_day_moves),
            charge_percent=number(self.charge_percent, least=0, most=100) if self.charge_percent.strip() else None,
            charge_cny=_money(self.charge_cny),
            doa_days=whole(self.doa_days, least=1, most=400) if self.doa_days.strip() else None,
            words=self.words,
        )


def _money(text: str) -> Decimal | None:
    return number(text, least=0, most=MOST) if text.strip() else None


def _to(rma: UUID) -> Redirect:
    return Redirect(f"/rmas/{rma}", status_code=303)


@get("/rmas", guards=[requires("rmas.read")])
async def list_rmas(
    request: PageRequest,
    in_state: Annotated[rmas.State | None, QueryParameter(name="state")] = None,
    vendor: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """List RMAs, newest first."""
    found = await rmas.rmas(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state, vendor=vendor or None
    )
    shown, following = cut(found, lambda rma: rma.id)
    return Page("rmas/list.html", rmas=shown, in_state=in_state, cursor=following, first=not cursor)


@get("/rmas/new", guards=[requires("rmas.ask")])
async def new_rma(
    request: PageRequest,
    depot: FromQuery[str] = "",
    part: FromQuery[str] = "",
    serial: FromQuery[str] = "",
    claim: FromQuery[UUID | None] = None,
    part_request: FromQuery[str] = "",
) -> Page:
    """Show the form of a new RMA; with a claim, the pieces of its batch that are held back."""
    found = None if claim is None else await claims.claim_view(claim, seen_by=request.user)
    pieces = [(part, serial)]
    if found is not None:
        sisters = await rmas.sisters(found, seen_by=request.user)
        depot = sisters[0].depot if sisters else found.depot
        pieces = [(found.part_number, each.serial) for each in sisters if each.depot == depot]
    return Page(
        "rmas/new.html",
        stores=await places.stores(limit=CHOICES, seen_by=request.user),
        vendors=await vendors.vendors(limit=CHOICES),
        depot=depot,
        pieces=pieces or [("", "")],
        claim=found,
        part_request=part_request,
    )


@post("/rmas", guards=[requires("rmas.ask")], status_code=303)
async def draft(request: PageRequest, data: URLEncodedBody[Draft]) -> Redirect:
    """Draft one RMA for each vendor."""
    number_of_request = data.request.strip()
    made = await sending_back.draft(
        data.depot,
        data.lines(),
        by=request.user,
        remark=data.remark,
        claim=data.claim,
        request=await requests.id_of(number_of_request) if number_of_request else None,
    )
    return _to(made[0].id) if len(made) == 1 else Redirect("/rmas", status_code=303)


@post("/rmas/exchanges", guards=[requires("rmas.ask")], status_code=303)
async def open_exchange(request: PageRequest, data: URLEncodedBody[ExchangeForm]) -> Redirect:
    """Ask a vendor for the good piece first."""
    opened = await exchanges.open_exchange(
        data.vendor,
        data.depot,
        data.part_number.strip(),
        by=request.user,
        device=data.device.strip() or None,
        serial=data.serial.strip() or None,
        complaint=data.complaint,
    )
    return _to(opened.id)


@post("/requests/{request_id:uuid}/exchange", guards=[requires("parts.request")], status_code=303)
async def exchange(request: PageRequest, request_id: FromPath[UUID], data: URLEncodedBody[RequestExchange]) -> Redirect:
    """Have a vendor send what a request waits for in advance."""
    await exchanging.exchange(request_id, data.part_number, data.vendor, by=request.user)
    return Redirect(f"/requests/{request_id}", status_code=303)


@get("/rmas/{rma_id:uuid}", guards=[requires("rmas.read")])
async def show_rma(request: PageRequest, rma_id: FromPath[UUID]) -> Page:
    """Show one RMA with its lines and what may be done."""
    view = await rmas.rma_view(rma_id, seen_by=request.user)
    may_see = all(request.user.may(right) for right in ("attachments.read", "stock.read", "returns.read"))
    return Page(
        "rmas/detail.html",
        rma=view,
        debts=await rmas.debts_of(view, seen_by=request.user),
        files=await attached(request, "rma", rma_id),
        of_pieces=await attachments.of_pieces(rma_id, seen_by=request.user) if may_see else [],
    )


@post("/rmas/{rma_id:uuid}/evidence", guards=[requires("rmas.ask"), requires("attachments.add")], status_code=303)
async def give_evidence(request: PageRequest, rma_id: FromPath[UUID], data: URLEncodedBody[Evidence]) -> Redirect:
    """Let the vendor see a file of one of its pieces."""
    await attachments.give_to_vendor(rma_id, data.attachment, by=request.user)
    return _to(rma_id)


@post("/rmas/{rma_id:uuid}/request", guards=[requires("rmas.ask")], status_code=303)
async def request_rma(request: PageRequest, rma_id: FromPath[UUID]) -> Redirect:
    """Put an RMA to its vendor."""
    await rmas.request(rma_id, by=request.user)
    return _to(rma_id)


@post("/rmas/{rma_id:uuid}/authorise", guards=[requires("rmas.settle")], status_code=303)
async def authorise(request: PageRequest, rma_id: FromPath[UUID], data: URLEncodedBody[Authorisation]) -> Redirect:
    """Keep the vendor's number."""
    await rmas.authorise(rma_id, data.vendor_number, by=request.user, promised_at=moment(data.promised_at))
    return _to(rma_id)


@post("/rmas/{rma_id:uuid}/vendor-shipped", guards=[requires("rmas.settle")], status_code=303)
async def vendor_shipped(request: PageRequest, rma_id: FromPath[UUID], data: URLEncodedBody[Sending]) -> Redirect:
    """Note that the vendor sent the good piece."""
    await exchanges.vendor_shipped(
        rma_id,
        by=request.user,
        serial=data.serial.strip() or None,
        waybill=data.waybill.strip() or None,
        promised_at=moment(data.promised_at),
    )
    return _to(rma_id)


@post("/rmas/{rma_id:uuid}/lines/{position:int}/attach", guards=[requires("rmas.ask")], status_code=303)
async def attach(
    request: PageRequest, rma_id: FromPath[UUID], position: FromPath[int], data: URLEncodedBody[OldPiece]
) -> Redirect:
    """Put the old piece on its line."""
    await exchanges.attach(rma_id, position, data.serial.strip(), by=request.user)
    return _to(rma_id)


@post("/rmas/{rma_id:uuid}/ship", guards=[requires("rmas.ask")], status_code=303)
async def ship(request: PageRequest, rma_id: FromPath[UUID], data: URLEncodedBody[Sending]) -> Redirect:
    """Send the pieces off."""
    await rmas.ship(rma_id, by=request.user, carrier=data.carrier.strip() or None, waybill=data.waybill.strip() or None)
    return _to(rma_id)


@post("/rmas/{rma_id:uuid}/at-vendor", guards=[requires("rmas.settle")], status_code=303)
async def at_vendor(request: PageRequest, rma_id: FromPath[UUID]) -> Redirect:
    """Note that the vendor has the pieces."""
    await answering.arrive(rma_id, by=request.user)
    return _to(rma_id)


@post("/rmas/{rma_id:uuid}/lines/{position:int}/answer", guards=[requires("rmas.settle")], status_code=303)
async def answer(
    request: PageRequest, rma_id: FromPath[UUID], position: FromPath[int], data: URLEncodedBody[Answered]
) -> Redirect:
    """Keep what the vendor did with a piece."""
    await answering.answer(rma_id, position, data.said(), by=request.user)
    return _to(rma_id)


@post("/rmas/{rma_id:uuid}/lines/{position:int}/agree-to-scrap", guards=[requires("stock.judge")], status_code=303)
async def agree_to_scrap(request: PageRequest, rma_id: FromPath[UUID], position: FromPath[int]) -> Redirect:
    """Agree, as the second person, to scrapping at the vendor."""
    await answering.agree_to_scrap(rma_id, position, by=request.user)
    return _to(rma_id)


@post("/rmas/{rma_id:uuid}/lines/{position:int}/charge", guards=[requires("rmas.settle")], status_code=303)
async def charge(
    request: PageRequest, rma_id: FromPath[UUID], position: FromPath[int], data: URLEncodedBody[ChargeForm]
) -> Redirect:
    """Keep what the vendor charges for an old piece that did not come back."""
    await answering.charge(rma_id, position, by=request.user, reason=data.reason, cny=_money(data.cny))
    return _to(rma_id)


@post("/rmas/{rma_id:uuid}/receive", guards=[requires("stock.receive")], status_code=303)
async def receive(request: PageRequest, rma_id: FromPath[UUID], data: URLEncodedBody[Arrival]) -> Redirect:
    """Take in a piece that came."""
    piece = Arrived(
        serial=data.serial.strip() or None,
        position=whole(data.position, least=1, most=1000) if data.position.strip() else None,
        part_number=data.part_number.strip() or None,
        damaged=bool(data.damaged),
        reason=data.reason,
    )
    await coming_in.receive(rma_id, [piece], by=request.user)
    return _to(rma_id)


@post("/rmas/{rma_id:uuid}/send-unused-back", guards=[requires("rmas.ask")], status_code=303)
async def send_unused_back(request: PageRequest, rma_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Send the good piece back that was not needed."""
    await exchanges.send_unused_back(rma_id, by=request.user, reason=data.reason)
    return _to(rma_id)


@post("/rmas/{rma_id:uuid}/cancel", guards=[requires("rmas.ask")], status_code=303)
async def cancel(request: PageRequest, rma_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Give up a return that has not left."""
    await rmas.cancel(rma_id, by=request.user, reason=data.reason)
    return _to(rma_id)


@get("/return-terms", guards=[requires("rmas.read")])
async def list_terms(request: PageRequest) -> Page:
    """List vendors' return terms, with the form to set them."""
    return Page(
        "rmas/terms.html",
        terms=await vendor_terms.terms(limit=CHOICES, seen_by=request.user),
        vendors=await vendors.vendors(limit=CHOICES),
        calendars=await vendor_terms.calendars(limit=CHOICES),
    )


@post("/return-terms", guards=[requires("rmas.settle")], status_code=303)
async def set_terms(request: PageRequest, data: URLEncodedBody[TermsForm]) -> Redirect:
    """Keep what a vendor agreed to."""
    await vendor_terms.set_terms(data.told(), by=request.user)
    return Redirect("/return-terms", status_code=303)


DESK = "/vendor-rmas"


@get(DESK, guards=[requires("rmas.answer")])
async def list_desk(
    request: PageRequest,
    in_state: Annotated[rmas.State | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
) -> Page:
    """List the returns put to the reader's firm."""
    found = await rma_desk.desk_rmas(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
    )
    shown, following = cut(found, lambda rma: rma.id)
    return Page("vendor-rmas/list.html", rmas=shown, in_state=in_state, cursor=following, first=not cursor)


@get(f"{DESK}/{{rma_id:uuid}}", guards=[requires("rmas.answer")])
async def show_desk(request: PageRequest, rma_id: FromPath[UUID]) -> Page:
    """Show one of the returns put to the reader's firm."""
    return Page(
        "vendor-rmas/detail.html",
        rma=await rma_desk.desk_rma(rma_id, seen_by=request.user),
        files=await attachments.shown_to_vendor(rma_id, seen_by=request.user),
    )


def _to_desk(rma: UUID) -> Redirect:
    return Redirect(f"{DESK}/{rma}", status_code=303)


@post(f"{DESK}/{{rma_id:uuid}}/authorise", guards=[requires("rmas.answer")], status_code=303)
async def desk_authorise(request: PageRequest, rma_id: FromPath[UUID], data: URLEncodedBody[Authorisation]) -> Redirect:
    """Give a return the vendor's own number."""
    await rma_desk.authorise(rma_id, data.vendor_number, by=request.user, promised_at=moment(data.promised_at))
    return _to_desk(rma_id)


@post(f"{DESK}/{{rma_id:uuid}}/send-first", guards=[requires("rmas.answer")], status_code=303)
async def desk_send_first(request: PageRequest, rma_id: FromPath[UUID], data: URLEncodedBody[Sending]) -> Redirect:
    """Say that the good piece was sent."""
    await rma_desk.send_first(
        rma_id,
        by=request.user,
        serial=data.serial.strip() or None,
        waybill=data.waybill.strip() or None,
        promised_at=moment(data.promised_at),
    )
    return _to_desk(rma_id)


@post(f"{DESK}/{{rma_id:uuid}}/acknowledge", guards=[requires("rmas.answer")], status_code=303)
async def desk_acknowledge(request: PageRequest, rma_id: FromPath[UUID]) -> Redirect:
    """Say that the pieces arrived."""
    await rma_desk.acknowledge(rma_id, by=request.user)
    return _to_desk(rma_id)


@post(f"{DESK}/{{rma_id:uuid}}/lines/{{position:int}}/answer", guards=[requires("rmas.answer")], status_code=303)
async def desk_answer(
    request: PageRequest, rma_id: FromPath[UUID], position: FromPath[int], data: URLEncodedBody[Answered]
) -> Redirect:
    """Say what became of a piece."""
    await rma_desk.answer(rma_id, position, data.said(), by=request.user)
    return _to_desk(rma_id)


handlers = [
    list_rmas,
    new_rma,
    draft,
    open_exchange,
    exchange,
    show_rma,
    give_evidence,
    request_rma,
    authorise,
    vendor_shipped,
    attach,
    ship,
    at_vendor,
    answer,
    agree_to_scrap,
    charge,
    receive,
    send_unused_back,
    cancel,
    list_terms,
    set_terms,
    list_desk,
    show_desk,
    desk_authorise,
    desk_send_first,
    desk_acknowledge,
    desk_answer,
]
