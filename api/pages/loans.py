"""Loaners: what is lent to which customer until when, its return with a checklist, and customers' data erased."""

from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.attachments import attached
from api.pages.forms import Long, NotATime, Short, moment, number
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from api.pages.shipments import HandingOver
from inventory.places import places
from inventory.requests import requests
from inventory.returns import erasing, loaners, lost_loans

Needed = Annotated[str, Meta(min_length=1, max_length=200)]
Words = Annotated[str, Meta(max_length=2000)]

MOST_CNY = 100_000_000


class Lending(Struct, kw_only=True):
    """For which device, from which store, and whom to reach."""

    device_serial: Needed
    depot: Needed
    contact: Needed
    contact_phone: Short = ""
    part_number: Short = ""
    serial: Short = ""
    due_at: Short = ""
    request: Short = ""
    condition_out: Words = ""
    reason: Words = ""


class Extending(Struct, kw_only=True):
    """Until when, and why."""

    due_at: Needed
    reason: Needed


class Returning(Struct, kw_only=True):
    """What was checked; a box that is not ticked is not as it was lent."""

    depot: Needed
    powers_on: Short = ""
    undamaged: Short = ""
    complete: Short = ""
    serial_matches: Short = ""
    found_serial: Short = ""
    damage: Words = ""
    charge_cny: Short = ""
    data_kept_by_customer: Short = ""

    def told(self) -> loaners.Return:
        """The same, as the domain says it."""
        charge = self.charge_cny.strip()
        return loaners.Return(
            depot=self.depot,
            checks=loaners.Checks(
                powers_on=bool(self.powers_on),
                undamaged=bool(self.undamaged),
                complete=bool(self.complete),
                serial_matches=bool(self.serial_matches),
            ),
            found_serial=self.found_serial.strip() or None,
            damage=self.damage,
            charge_cny=number(charge, least=0, most=MOST_CNY) if charge else None,
            data_kept_by_customer=bool(self.data_kept_by_customer),
        )


class Lost(Struct, kw_only=True):
    """How it was lost, and what the customer is charged."""

    reason: Needed
    charge_cny: Short = ""


class Erasing(Struct, kw_only=True):
    """What was erased, how and with what."""

    serial: Needed
    part_number: Short = ""
    method: erasing.Method
    tool: Needed
    remark: Words = ""


class Verifying(Struct, kw_only=True):
    """What the second person found."""

    passed: Short = ""
    finding: Long


@get("/loans", guards=[requires("requests.read")])
async def list_loans(
    request: PageRequest,
    in_state: Annotated[loaners.State | None, QueryParameter(name="state")] = None,
    depot: FromQuery[str] = "",
    cursor: Cursor = None,
) -> Page:
    """List loans, newest first."""
    found = await loaners.loans(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, UUID),
        state=in_state,
        depot=depot or None,
    )
    shown, following = cut(found, lambda each: each.id)
    return Page(
        "loans/list.html",
        loans=shown,
        cursor=following,
        first=not cursor,
        state=in_state,
        depot=depot,
        stores=await places.stores(limit=200, seen_by=request.user),
    )


@get("/loans/new", guards=[requires("loans.make")])
async def new_loan(request: PageRequest, device: FromQuery[str] = "", part_request: FromQuery[str] = "") -> Page:
    """Lend equipment of equal function."""
    return Page(
        "loans/new.html",
        device=device,
        part_request=part_request,
        stores=await places.stores(limit=200, seen_by=request.user),
    )


@post("/loans/new", guards=[requires("loans.make")], status_code=303)
async def lend(request: PageRequest, data: URLEncodedBody[Lending]) -> Redirect:
    """Lend it."""
    number_of_request = data.request.strip()
    loan = await loaners.lend(
        loaners.NewLoan(
            device_serial=data.device_serial.strip(),
            depot=data.depot,
            contact=data.contact,
            contact_phone=data.contact_phone.strip() or None,
            part_number=data.part_number.strip() or None,
            serial=data.serial.strip() or None,
            due_at=moment(data.due_at),
            request=await requests.id_of(number_of_request) if number_of_request else None,
            condition_out=data.condition_out,
            reason=data.reason,
        ),
        by=request.user,
    )
    return Redirect(f"/loans/{loan.id}", status_code=303)


@get("/loans/{loan_id:uuid}", guards=[requires("requests.read")])
async def show_loan(request: PageRequest, loan_id: FromPath[UUID]) -> Page:
    """Show one loan, from its note to the erased data."""
    view = await loaners.loan_view(loan_id, seen_by=request.user)
    reads = request.user.may("documents.read")
    return Page(
        "loans/detail.html",
        view=view,
        erasures=await erasing.erasures(limit=5, seen_by=request.user, document=view.number) if reads else [],
        stores=await places.stores(limit=200, seen_by=request.user),
        files=await attached(request, "loan", loan_id),
    )


@get("/loans/{loan_id:uuid}/signature.svg", guards=[requires("requests.read")])
async def show_signature(request: PageRequest, loan_id: FromPath[UUID]) -> Response[bytes]:
    """The drawing of whoever signed for it."""
    return Response(await loaners.signature(loan_id, seen_by=request.user), media_type="image/svg+xml")


@post("/loans/{loan_id:uuid}/sign", guards=[requires("shipments.deliver")], status_code=303)
async def sign(request: PageRequest, loan_id: FromPath[UUID], data: URLEncodedBody[HandingOver]) -> Redirect:
    """Have it signed for."""
    await loaners.sign(loan_id, data.to, by=request.user, strokes=data.drawn())
    return Redirect(f"/loans/{loan_id}", status_code=303)


@post("/loans/{loan_id:uuid}/extend", guards=[requires("loans.make")], status_code=303)
async def extend(request: PageRequest, loan_id: FromPath[UUID], data: URLEncodedBody[Extending]) -> Redirect:
    """Let it last longer."""
    due_at = moment(data.due_at)
    if due_at is None:
        raise NotATime(value=data.due_at)
    await loaners.extend(loan_id, due_at, by=request.user, reason=data.reason)
    return Redirect(f"/loans/{loan_id}", status_code=303)


@post("/loans/{loan_id:uuid}/return", guards=[requires("loans.make")], status_code=303)
async def take_back(request: PageRequest, loan_id: FromPath[UUID], data: URLEncodedBody[Returning]) -> Redirect:
    """Take it in again."""
    await loaners.take_back(loan_id, data.told(), by=request.user)
    return Redirect(f"/loans/{loan_id}", status_code=303)


@post("/loans/{loan_id:uuid}/lost", guards=[requires("loans.make")], status_code=303)
async def tell_lost(request: PageRequest, loan_id: FromPath[UUID], data: URLEncodedBody[Lost]) -> Redirect:
    """Say that it will not come back."""
    charge = data.charge_cny.strip()
    await lost_loans.tell_lost(
        loan_id,
        by=request.user,
        reason=data.reason,
        charge_cny=number(charge, least=0, most=MOST_CNY) if charge else None,
    )
    return Redirect(f"/loans/{loan_id}", status_code=303)


@post("/loans/{loan_id:uuid}/confirm-lost", guards=[requires("stock.adjust")], status_code=303)
async def confirm_lost(request: PageRequest, loan_id: FromPath[UUID]) -> Redirect:
    """Write it off, as a second person."""
    await lost_loans.confirm_lost(loan_id, by=request.user)
    return Redirect(f"/loans/{loan_id}", status_code=303)


@get("/data-erasures", guards=[requires("documents.read")])
async def list_erasures(request: PageRequest, cursor: Cursor = None) -> Page:
    """Show what holds customers' data, and what was erased."""
    found = await erasing.erasures(limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID))
    shown, following = cut(found, lambda each: each.id)
    return Page(
        "loans/erasures.html",
        holding=await erasing.holding_data(limit=200, seen_by=request.user),
        erasures=shown,
        cursor=following,
        first=not cursor,
    )


@get("/data-erasures/{erasure_id:uuid}", guards=[requires("documents.read")])
async def show_erasure(request: PageRequest, erasure_id: FromPath[UUID]) -> Page:
    """Show one erasure, with its certificate."""
    return Page("loans/erasure.html", view=await erasing.erasure_view(erasure_id, seen_by=request.user))


@post("/data-erasures", guards=[requires("data.erase")], status_code=303)
async def erase(request: PageRequest, data: URLEncodedBody[Erasing]) -> Redirect:
    """Record an erasure."""
    told = await erasing.erase(
        data.serial.strip(),
        data.method,
        data.tool,
        by=request.user,
        remark=data.remark,
        part_number=data.part_number.strip() or None,
    )
    return Redirect(f"/data-erasures/{told.id}", status_code=303)


@post("/data-erasures/{erasure_id:uuid}/verify", guards=[requires("data.erase")], status_code=303)
async def verify(request: PageRequest, erasure_id: FromPath[UUID], data: URLEncodedBody[Verifying]) -> Redirect:
    """Verify it as the second person."""
    await erasing.verify(erasure_id, by=request.user, passed=data.passed == "yes", finding=data.finding)
    return Redirect(f"/data-erasures/{erasure_id}", status_code=303)


handlers = [
    list_loans,
    new_loan,
    lend,
    show_loan,
    show_signature,
    sign,
    extend,
    take_back,
    tell_lost,
    confirm_lost,
    list_erasures,
    show_erasure,
    erase,
    verify,
]
