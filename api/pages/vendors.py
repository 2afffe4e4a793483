"""Vendors: whom we buy from, what they promised against what they did, whom to call there, and by which letters they sell."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from litestar import get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, MultipartBody, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Short, words
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from api.routes.attachments import most_bytes
from inventory.ground import clock
from inventory.procurement import closures, letters, orders, reliability, vendor_contacts, vendors

SHOWN = 100
LATEST_ORDERS = 10


class NewContact(Struct, kw_only=True):
    """Somebody at a vendor."""

    name: Short
    role: vendor_contacts.Role
    phone: Short = ""
    email: Short = ""
    around_the_clock: Short = ""
    hours: Short = ""


class Cover(Struct, kw_only=True):
    """Which kinds and numbers of parts a letter covers, with blanks between them."""

    part_kinds: Annotated[str, Meta(max_length=2000)] = ""
    part_numbers: Annotated[str, Meta(max_length=20_000)] = ""


class NewLetterFile(Struct, kw_only=True):
    """A letter's document."""

    file: UploadFile


@get("/vendors", guards=[requires("vendors.read")])
async def list_vendors(request: PageRequest, cursor: Cursor = None) -> Page:
    """List vendors by code, with their measured reliability and what is to be done about them."""
    found = await vendors.vendors(limit=LENGTH + 1, after=decode_cursor(cursor, str) or "")
    shown, following = cut(found, lambda vendor: vendor.code)
    stale = await vendor_contacts.contacts(limit=SHOWN, stale_only=True)
    ending = await letters.letters(limit=SHOWN, ends_soon=True)
    return Page(
        "vendors/list.html",
        vendors=shown,
        measured=await reliability.reliability([vendor.code for vendor in shown], seen_by=request.user),
        stale={each.vendor for each in stale if each.around_the_clock or each.role == "emergency"},
        ending={each.vendor for each in ending},
        cursor=following,
        first=not cursor,
    )


@get("/vendors/{code:str}", guards=[requires("vendors.read")])
async def show_vendor(request: PageRequest, code: FromPath[str]) -> Page:
    """Show one vendor with everything that is known of it."""
    vendor = await vendors.vendor(code)
    mine = request.user
    return Page(
        "vendors/detail.html",
        vendor=vendor,
        measured=(await reliability.reliability([code], seen_by=mine))[code],
        contacts=await vendor_contacts.contacts(limit=SHOWN, vendor=code),
        letters=await letters.letters(limit=SHOWN, vendor=code),
        offers=await vendors.offers(limit=SHOWN, seen_by=mine, vendor=code) if mine.may("costs.read") else None,
        closed=(await closures.closures_of_vendors(clock.today())).get(vendor.id, []),
        orders=await orders.orders(limit=LATEST_ORDERS, seen_by=mine, vendor=code) if mine.may("orders.read") else None,
    )


@post("/vendors/{code:str}/contacts", guards=[requires("vendors.manage")], status_code=303)
async def enter_contact(request: PageRequest, code: FromPath[str], data: URLEncodedBody[NewContact]) -> Redirect:
    """Enter a contact."""
    new = vendor_contacts.NewVendorContact(
        name=data.name.strip() or code,
        role=data.role,
        phone=data.phone.strip() or None,
        email=data.email.strip() or None,
        around_the_clock=data.around_the_clock == "yes",
        hours=data.hours.strip(),
    )
    await vendor_contacts.enter(code, new, by=request.user)
    return _back_to(code)


@post("/vendor-contacts/{contact_id:uuid}/verify", guards=[requires("vendors.manage")], status_code=303)
async def verify_contact(request: PageRequest, contact_id: FromPath[UUID]) -> Redirect:
    """Say that a contact was reached today."""
    view = await vendor_contacts.verify(contact_id, by=request.user)
    return _back_to(view.vendor)


@post("/vendor-contacts/{contact_id:uuid}/withdraw", guards=[requires("vendors.manage")], status_code=303)
async def withdraw_contact(request: PageRequest, contact_id: FromPath[UUID]) -> Redirect:
    """Take a contact off the list."""
    return _back_to(await vendor_contacts.withdraw(contact_id, by=request.user))


@post("/letters/{letter:int}/file", guards=[requires("vendors.manage")], status_code=303)
async def keep_file(request: PageRequest, letter: FromPath[int], data: MultipartBody[NewLetterFile]) -> Redirect:
    """Keep a letter's document."""
    content = await data.file.read()
    view = await letters.keep_file(letter, data.file.filename, content, by=request.user, most_bytes=most_bytes(request))
    return _back_to(view.vendor)


@post("/letters/{letter:int}/cover", guards=[requires("vendors.manage")], status_code=303)
async def set_cover(request: PageRequest, letter: FromPath[int], data: URLEncodedBody[Cover]) -> Redirect:
    """Say which parts a letter covers."""
    view = await letters.set_cover(
        letter, by=request.user, part_kinds=words(data.part_kinds), part_numbers=words(data.part_numbers)
    )
    return _back_to(view.vendor)


def _back_to(code: str) -> Redirect:
    return Redirect(f"/vendors/{quote(code, safe='')}", status_code=303)


handlers = [list_vendors, show_vendor, enter_contact, verify_contact, withdraw_contact, set_cover]
uploads = [keep_file]
