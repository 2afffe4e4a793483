"""A vendor's own orders over HTTP: what it was sent, and what it says of them."""

import asyncio
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.instants import Instant
from api.papers import labels, purchase_orders
from api.problems import refusals
from api.routes.callbacks import PromisedPart
from api.routes.papers import PAPER, PDF, as_pdf, pdf_response, printed
from inventory.procurement import desk
from inventory.procurement.answers import Answer, PromisedLine
from inventory.stock import notices

OnlyToDo = Annotated[bool, QueryParameter(description="Only those that wait for your word")]


class Promise(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the goods arrive: all at once, or part by part."""

    promised_at: Instant | None = None
    lines: Annotated[list[PromisedPart], Meta(max_length=200)] = []
    vendor_reference: Annotated[str, Meta(max_length=200)] | None = None


class Refusal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why nothing is delivered."""

    reason: Annotated[str, Meta(min_length=1, max_length=1000)]


class ChangeAnswer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether a change is agreed to."""

    version: Annotated[int, Meta(ge=1, le=100_000)]
    confirmed: bool
    reason: Annotated[str, Meta(max_length=1000)] = ""
    promised_at: Instant | None = None


class VendorOrderController(Controller):
    """A vendor's own orders."""

    path = "/vendor-orders"
    tags = ("vendor's own orders",)

    @get(operation_id="ListVendorOrders", guards=[requires("orders.answer")], responses=refusals())
    async def list_orders(
        self,
        request: ApiRequest,
        *,
        in_state: Annotated[desk.DeskState | None, QueryParameter(name="state")] = None,
        to_do: OnlyToDo = False,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[desk.DeskOrder]]:
        """List the orders your firm was sent, newest first; `to_do` those that wait for your word."""
        found = await desk.desk_orders(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state, to_do=to_do
        )
        return page(request, found, limit, lambda order: order.id)

    @get("/{number:str}", operation_id="GetVendorOrder", guards=[requires("orders.answer")], responses=refusals(404))
    async def get_order(self, request: ApiRequest, number: FromPath[str]) -> desk.DeskOrder:
        """Show one of your orders."""
        return await desk.desk_order(number, seen_by=request.user)

    @post(
        "/{number:str}/promise",
        operation_id="PromiseOrder",
        guards=[requires("orders.answer")],
        status_code=200,
        responses=refusals(404, 409),
    )
    async def promise(
        self, request: ApiRequest, number: FromPath[str], data: JSONBody[Promise], idempotency_key: Key = None
    ) -> Response[desk.DeskOrder]:
        """Say when the goods arrive, or that they arrive at another time."""
        said = Answer(
            status="acknowledged",
            promised_at=data.promised_at,
            lines=[PromisedLine(part_number=line.part_number, promised_at=line.promised_at) for line in data.lines],
            vendor_reference=data.vendor_reference,
        )
        return await once(request, idempotency_key, lambda: desk.answer(number, said, by=request.user))

    @post(
        "/{number:str}/refuse",
        operation_id="RefuseOrder",
        guards=[requires("orders.answer")],
        status_code=200,
        responses=refusals(404, 409),
    )
    async def refuse(
        self, request: ApiRequest, number: FromPath[str], data: JSONBody[Refusal], idempotency_key: Key = None
    ) -> Response[desk.DeskOrder]:
        """Say that nothing is delivered, and why."""
        said = Answer(status="refused", reason=data.reason)
        return await once(request, idempotency_key, lambda: desk.answer(number, said, by=request.user))

    @post(
        "/{number:str}/answer-change",
        operation_id="AnswerOrderChange",
        guards=[requires("orders.answer")],
        status_code=200,
        responses=refusals(404, 409),
    )
    async def answer_change(
        self, request: ApiRequest, number: FromPath[str], data: JSONBody[ChangeAnswer], idempotency_key: Key = None
    ) -> Response[desk.DeskOrder]:
        """Agree to what is to change of an order, or decline it."""
        said = Answer(
            status="change_confirmed" if data.confirmed else "change_declined",
            version=data.version,
            reason=data.reason,
            promised_at=data.promised_at,
        )
        return await once(request, idempotency_key, lambda: desk.answer(number, said, by=request.user))

    @get(
        "/{number:str}/papers/purchase_order",
        operation_id="PrintVendorOrder",
        guards=[requires("orders.answer")],
        responses=printed(404),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_order(self, request: ApiRequest, number: FromPath[str]) -> Response[bytes]:
        """Print one of your orders."""
        order = await desk.desk_order(number, seen_by=request.user)
        return await as_pdf(await purchase_orders.of_desk_order(order, printed_by=request.user.name))

    @get(
        "/{number:str}/notices/{notice:str}/papers/delivery_note",
        operation_id="PrintVendorDeliveryNote",
        guards=[requires("orders.answer")],
        responses=printed(404),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_delivery_note(
        self, request: ApiRequest, number: FromPath[str], notice: FromPath[str]
    ) -> Response[bytes]:
        """Print the delivery note of what you announced, to go into the box."""
        view = await self._notice(request, number, notice)
        return await as_pdf(await purchase_orders.of_notice(view, printed_by=request.user.name))

    @get(
        "/{number:str}/notices/{notice:str}/labels",
        operation_id="PrintVendorLabels",
        guards=[requires("orders.answer")],
        responses=printed(404),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_labels(
        self, request: ApiRequest, number: FromPath[str], notice: FromPath[str], size: FromQuery[labels.Size] = "a4_3x8"
    ) -> Response[bytes]:
        """Print a label for each piece that you announced by its serial."""
        sheet = purchase_orders.labels_of(await self._notice(request, number, notice), size)
        return pdf_response(await asyncio.to_thread(labels.pdf, sheet), f"labels-{sheet.labels[0].title}.pdf")

    @staticmethod
    async def _notice(request: ApiRequest, number: str, notice: str) -> notices.NoticeView:
        """A notice of one of the vendor's orders.

        Raises:
            Unknown: there is none.

        """
        order = await desk.desk_order(number, seen_by=request.user)
        return await desk.notice_of(order, notice)
