"""Inquiries (询价): asking several vendors, taking their sheets, comparing their quotes and choosing."""

import asyncio
from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, MultipartBody, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import NotATime, Reason, Several, Short, moment, part_lines, quantity, rows, several
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from api.routes.attachments import most_bytes
from api.routes.inquiries import SHEETS, read_sheet, require_clear
from inventory.places import places
from inventory.procurement import comparing, inquiries, reliability, vendors
from inventory.procurement.orders import NewLine
from inventory.stock import pools

MOST_LISTED = 500
Note = Annotated[str, Meta(max_length=2000)]


class Asking(Struct, kw_only=True):
    """What to ask whom."""

    ship_to: Short
    part_number: Several
    quantity: Several
    answer_by: Short
    vendor: Several = ""
    pool: Short = "common"
    few_reason: Note = ""
    remark: Note = ""


class Sheet(Struct, kw_only=True):
    """A vendor's file."""

    vendor: Short
    file: UploadFile


class Choice(Struct, kw_only=True):
    """Which vendor each part goes to; one without a vendor is not bought."""

    part_number: Several
    vendor: Several
    quantity: Several
    reason: Note = ""
    order: Short = ""


@get("/inquiries", guards=[requires("costs.read")])
async def list_inquiries(
    request: PageRequest,
    in_state: Annotated[inquiries.State | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
) -> Page:
    """List inquiries, newest first."""
    found = await inquiries.inquiries(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
    )
    shown, following = cut(found, lambda each: each.id)
    return Page("inquiries/list.html", inquiries=shown, cursor=following, first=not cursor, state=in_state)


@get("/inquiries/new", guards=[requires("orders.draft")])
async def new_inquiry(request: PageRequest, part: Annotated[str, QueryParameter(max_length=200)] = "") -> Page:
    """Show the form that opens one."""
    return Page(
        "inquiries/new.html",
        stores=[each for each in await places.stores(limit=200, seen_by=request.user) if each.kind != "engineer_stock"],
        pools=await pools.pool_codes(limit=200),
        vendors=await vendors.vendors(limit=MOST_LISTED),
        least=inquiries.LEAST_VENDORS,
        part=part,
    )


@post("/inquiries", guards=[requires("orders.draft")], status_code=303)
async def open_inquiry(request: PageRequest, data: URLEncodedBody[Asking]) -> Redirect:
    """Open an inquiry."""
    answer_by = moment(data.answer_by, whole_day=True)
    if answer_by is None:
        raise NotATime(value=data.answer_by)
    wanted = part_lines(data.part_number, data.quantity)
    opened = await inquiries.open_inquiry(
        inquiries.NewInquiry(
            ship_to=data.ship_to,
            lines=[NewLine(part_number=part, quantity=count) for part, count in wanted],
            vendors=[code for code in several(data.vendor) if code],
            answer_by=answer_by,
            pool=data.pool,
            few_reason=data.few_reason,
            remark=data.remark,
        ),
        by=request.user,
    )
    return Redirect(f"/inquiries/{opened.id}", status_code=303)


@get("/inquiries/{inquiry_id:uuid}", guards=[requires("costs.read")])
async def show_inquiry(request: PageRequest, inquiry_id: FromPath[UUID]) -> Page:
    """Show the comparison: parts by vendors."""
    view = await inquiries.inquiry_view(inquiry_id, seen_by=request.user)
    comparison = await asyncio.to_thread(comparing.compare, view)
    return Page(
        "inquiries/detail.html",
        view=view,
        inquiry=view.inquiry,
        comparison=comparison,
        quotes={(quote.part_number, quote.vendor): quote for quote in view.quotes},
        split={line.part_number: line for line in comparison.split.lines},
        chosen={each.part_number: each for each in view.chosen},
        called={vendor.vendor: vendor for vendor in view.vendors},
        measured=await reliability.reliability([each.vendor for each in view.vendors], seen_by=request.user),
    )


@post("/inquiries/{inquiry_id:uuid}/sheets", guards=[requires("orders.draft")], status_code=303)
async def take_sheet(request: PageRequest, inquiry_id: FromPath[UUID], data: MultipartBody[Sheet]) -> Redirect:
    """Take a vendor's file where nothing about it is unclear."""
    content, most, name = await data.file.read(), most_bytes(request), data.file.filename
    found = await read_sheet(inquiry_id, data.vendor, name, content, most=most, by=request.user)
    require_clear(found)
    await inquiries.take_sheet(
        inquiry_id, data.vendor, found, by=request.user, name=name, content=content, most_bytes=most, forms=SHEETS
    )
    return Redirect(f"/inquiries/{inquiry_id}", status_code=303)


@post("/inquiries/{inquiry_id:uuid}/choose", guards=[requires("orders.approve")], status_code=303)
async def choose(request: PageRequest, inquiry_id: FromPath[UUID], data: URLEncodedBody[Choice]) -> Redirect:
    """Decide."""
    picks = [
        inquiries.Pick(part_number=part, vendor=vendor, quantity=quantity(count))
        for part, vendor, count in rows(data.part_number, data.vendor, data.quantity)
        if vendor
    ]
    await inquiries.choose(inquiry_id, picks, by=request.user, reason=data.reason, order=bool(data.order))
    return Redirect(f"/inquiries/{inquiry_id}", status_code=303)


@post("/inquiries/{inquiry_id:uuid}/cancel", guards=[requires("orders.draft")], status_code=303)
async def cancel(request: PageRequest, inquiry_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Give it up."""
    await inquiries.cancel_inquiry(inquiry_id, by=request.user, reason=data.reason)
    return Redirect(f"/inquiries/{inquiry_id}", status_code=303)


handlers = [list_inquiries, new_inquiry, open_inquiry, show_inquiry, choose, cancel]
uploads = [take_sheet]
