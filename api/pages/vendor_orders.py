"""A vendor's own orders: what it was sent, when it delivers, what it ships; in its language, on its phone."""

from datetime import datetime
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import NotATime, Several, Short, moment, rows, whole
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.procurement import desk
from inventory.procurement.answers import Answer, PromisedLine

ADDRESS = "/vendor-orders"


class Promise(Struct, kw_only=True):
    """When each part arrives, and the vendor's own number of the order."""

    part_number: Several
    promised_at: Several
    vendor_reference: Short = ""

    def answer(self) -> Answer:
        """The vendor's word; a part without a time stays as it is.

        Raises:
            NotATime: a time is none.

        """
        told = [
            PromisedLine(part_number=part, promised_at=_time(at))
            for part, at in rows(self.part_number, self.promised_at)
            if at.strip()
        ]
        return Answer(status="acknowledged", lines=told, vendor_reference=self.vendor_reference.strip() or None)


def _time(text: str) -> datetime:
    at = moment(text)
    if at is None:
        raise NotATime(value=text)
    return at


class Refusal(Struct, kw_only=True):
    """Why nothing is delivered."""

    reason: Annotated[str, Meta(min_length=1, max_length=1000)]


class ChangeAnswer(Struct, kw_only=True):
    """Whether a change is agreed to."""

    version: Annotated[str, Meta(max_length=9)]
    agrees: Annotated[str, Meta(max_length=9)]
    reason: Annotated[str, Meta(max_length=1000)] = ""


@get(ADDRESS, guards=[requires("orders.answer")])
async def list_orders(
    request: PageRequest,
    in_state: Annotated[desk.DeskState | None, QueryParameter(name="state")] = None,
    to_do: Annotated[str, QueryParameter(max_length=9)] = "",
    cursor: Cursor = None,
) -> Page:
    """List the vendor's orders, newest first."""
    found = await desk.desk_orders(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state, to_do=bool(to_do)
    )
    shown, following = cut(found, lambda order: order.id)
    return Page(
        "vendor-orders/list.html", orders=shown, cursor=following, state=in_state, to_do=bool(to_do), first=not cursor
    )


@get(f"{ADDRESS}/{{number:str}}", guards=[requires("orders.answer")])
async def show_order(request: PageRequest, number: FromPath[str]) -> Page:
    """Show one of the vendor's orders."""
    return Page("vendor-orders/detail.html", order=await desk.desk_order(number, seen_by=request.user))


@post(f"{ADDRESS}/{{number:str}}/promise", guards=[requires("orders.answer")], status_code=303)
async def promise(request: PageRequest, number: FromPath[str], data: URLEncodedBody[Promise]) -> Redirect:
    """Say when the goods arrive."""
    await desk.answer(number, data.answer(), by=request.user)
    return _back(number)


@post(f"{ADDRESS}/{{number:str}}/refuse", guards=[requires("orders.answer")], status_code=303)
async def refuse(request: PageRequest, number: FromPath[str], data: URLEncodedBody[Refusal]) -> Redirect:
    """Say that nothing is delivered."""
    await desk.answer(number, Answer(status="refused", reason=data.reason.strip()), by=request.user)
    return _back(number)


@post(f"{ADDRESS}/{{number:str}}/answer-change", guards=[requires("orders.answer")], status_code=303)
async def answer_change(request: PageRequest, number: FromPath[str], data: URLEncodedBody[ChangeAnswer]) -> Redirect:
    """Agree to a change, or decline it."""
    said = Answer(
        status="change_confirmed" if data.agrees == "yes" else "change_declined",
        version=whole(data.version, least=1, most=100_000),
        reason=data.reason.strip(),
    )
    await desk.answer(number, said, by=request.user)
    return _back(number)


def _back(number: str) -> Redirect:
    return Redirect(f"{ADDRESS}/{quote(number, safe='')}", status_code=303)


handlers = [list_orders, show_order, promise, refuse, answer_change]
