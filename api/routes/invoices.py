"""Vendors' invoices over HTTP: entering them, what differs and who answers it, and what is open between goods and invoices."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.problems import refusals
from api.routes.stock import Reason
from inventory.procurement import invoices, matching


class DifferenceAnswer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said to a difference of a line, and why."""

    difference: matching.DifferenceKind
    answer: matching.Answer
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class InvoiceController(Controller):
    """Invoices (发票) of vendors."""

    tags = ("invoices",)

    @get("/invoices", operation_id="ListInvoices", guards=[requires("costs.read")], responses=refusals(404))
    async def list_invoices(
        self,
        request: ApiRequest,
        in_state: Annotated[invoices.State | None, QueryParameter(name="state")] = None,
        vendor: FromQuery[str | None] = None,
        order: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[invoices.InvoiceView]]:
        """List invoices, newest first: those whose orders all go to your stores."""
        found = await invoices.invoices(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            vendor=vendor,
            order=order,
        )
        return page(request, found, limit, lambda each: each.id)

    @post(
        "/invoices",
        operation_id="EnterInvoice",
        guards=[requires("invoices.enter")],
        responses=refusals(404, 409),
    )
    async def enter_invoice(
        self, request: ApiRequest, data: JSONBody[invoices.NewInvoice], idempotency_key: Key = None
    ) -> Response[invoices.InvoiceDetail]:
        """Enter an invoice as it is printed; it is matched at once. Needs an Idempotency-Key."""
        return await once(
            request, idempotency_key, lambda: invoices.enter(data, by=request.user), status=201, required=True
        )

    @get(
        "/invoices/{invoice_id:uuid}",
        operation_id="GetInvoice",
        guards=[requires("costs.read")],
        responses=refusals(404),
    )
    async def get_invoice(self, request: ApiRequest, invoice_id: FromPath[UUID]) -> invoices.InvoiceDetail:
        """Read one invoice with what each line is matched with, and how it differs."""
        return await invoices.invoice_detail(invoice_id, seen_by=request.user)

    @post(
        "/invoices/{invoice_id:uuid}/withdraw",
        operation_id="WithdrawInvoice",
        guards=[requires("invoices.enter")],
        responses=refusals(404, 409),
        status_code=200,
    )
    async def withdraw_invoice(
        self, request: ApiRequest, invoice_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[invoices.InvoiceDetail]:
        """Take back an invoice that was entered by mistake."""
        return await once(
            request, idempotency_key, lambda: invoices.withdraw(invoice_id, by=request.user, reason=data.reason)
        )

    @post(
        "/invoice-lines/{line_id:uuid}/answer",
        operation_id="AnswerInvoiceDifference",
        guards=[requires("invoices.match")],
        responses=refusals(404, 409),
        status_code=200,
    )
    async def answer_difference(
        self,
        request: ApiRequest,
        line_id: FromPath[UUID],
        data: JSONBody[DifferenceAnswer],
        idempotency_key: Key = None,
    ) -> Response[invoices.InvoiceDetail]:
        """Answer a difference: accept it as the second person, ask the vendor for a correction, or claim."""

        async def act() -> invoices.InvoiceDetail:
            invoice = await matching.answer(line_id, data.difference, data.answer, by=request.user, reason=data.reason)
            return await invoices.invoice_detail(invoice, seen_by=request.user)

        return await once(request, idempotency_key, act)

    @get("/accruals", operation_id="ListAccruals", guards=[requires("costs.read")], responses=refusals(404))
    async def list_accruals(
        self,
        request: ApiRequest,
        what: FromQuery[invoices.Accrued] = "not_invoiced",
        vendor: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[invoices.Accrual]]:
        """List what came and is not invoiced (暂估), or is invoiced and has not come, line by line; amounts in CNY."""
        found = await invoices.accruals(
            what, limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), vendor=vendor
        )
        return page(request, found, limit, lambda each: each.id)
