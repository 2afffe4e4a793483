"""A vendor over HTTP: its record, whom to call there, and the makers' letters it holds."""

import hashlib
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, FromQuery, JSONBody, MultipartBody
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page, told
from api.exchange.writing import saved_as
from api.problems import refusals
from api.routes.attachments import most_bytes
from api.routes.stock import Code
from inventory.procurement import letters, reliability, vendor_contacts, vendors

Line = Annotated[str, Meta(max_length=200)]


class NewContact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody at a vendor: what for, and whether around the clock (7×24) or at some hours."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    role: vendor_contacts.Role
    phone: Line | None = None
    email: Line | None = None
    around_the_clock: bool = False
    hours: Line = ""


class Reached(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Under which number, where it is another one."""

    phone: Line | None = None


class NewLetterFile(Struct, frozen=True, kw_only=True):
    """A letter's document, as a form sends it."""

    file: UploadFile


class VendorFileController(Controller):
    """What is known of a vendor besides its offers and orders."""

    tags = ("vendors",)

    @get(
        "/vendor-reliability",
        operation_id="ListVendorReliability",
        guards=[requires("vendors.read")],
        responses=refusals(),
    )
    async def list_reliability(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[reliability.Reliability]]:
        """List vendors with what they promised against what they did, from the last year's orders for your stores."""
        found = await vendors.vendors(limit=limit + 1, after=decode_cursor(cursor, str) or "")
        measured = await reliability.reliability([each.code for each in found], seen_by=request.user)
        return page(request, [measured[each.code] for each in found], limit, lambda each: each.vendor)

    @get(
        "/vendor-contacts",
        operation_id="ListVendorContacts",
        guards=[requires("vendors.read")],
        responses=refusals(404),
    )
    async def list_contacts(
        self,
        request: ApiRequest,
        vendor: FromQuery[str | None] = None,
        *,
        stale: FromQuery[bool] = False,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[vendor_contacts.VendorContactView]]:
        """List vendors' contacts; `stale` those alone that nobody made sure of for long."""
        found = await vendor_contacts.contacts(
            limit=limit + 1, after=decode_cursor(cursor, UUID), vendor=vendor, stale_only=stale
        )
        return page(request, found, limit, lambda each: each.id)

    @post(
        "/vendors/{code:str}/contacts",
        operation_id="EnterVendorContact",
        guards=[requires("vendors.manage")],
        responses=refusals(404),
    )
    async def enter_contact(
        self, request: ApiRequest, code: FromPath[str], data: JSONBody[NewContact], idempotency_key: Key = None
    ) -> Response[vendor_contacts.VendorContactView]:
        """Enter a contact. Needs an Idempotency-Key."""
        new = told(data, vendor_contacts.NewVendorContact)
        return await once(
            request,
            idempotency_key,
            lambda: vendor_contacts.enter(code, new, by=request.user),
            status=201,
            required=True,
        )

    @post(
        "/vendor-contacts/{contact_id:uuid}/verify",
        operation_id="VerifyVendorContact",
        guards=[requires("vendors.manage")],
        responses=refusals(404),
        status_code=200,
    )
    async def verify_contact(
        self, request: ApiRequest, contact_id: FromPath[UUID], data: JSONBody[Reached], idempotency_key: Key = None
    ) -> Response[vendor_contacts.VendorContactView]:
        """Say that a contact was reached."""
        return await once(
            request,
            idempotency_key,
            lambda: vendor_contacts.verify(contact_id, by=request.user, phone=data.phone),
        )

    @get("/authorisations", operation_id="ListLetters", guards=[requires("vendors.read")], responses=refusals(404))
    async def list_letters(
        self,
        request: ApiRequest,
        vendor: FromQuery[str | None] = None,
        *,
        ends_soon: FromQuery[bool] = False,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[letters.LetterView]]:
        """List makers' letters; `ends_soon` those alone that end before long and that no other follows."""
        found = await letters.letters(
            limit=limit + 1, after=decode_cursor(cursor, int) or 0, vendor=vendor, ends_soon=ends_soon
        )
        return page(request, found, limit, lambda each: each.id)


class Cover(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which kinds and numbers of parts a letter covers; none of either is all parts of its maker."""

    part_kinds: Annotated[list[Code], Meta(max_length=100)] = []
    part_numbers: Annotated[list[Code], Meta(max_length=1000)] = []


class LetterFileController(Controller):
    """The documents of letters."""

    path = "/authorisations"
    tags = ("vendors",)

    @post(
        "/{letter:int}/file",
        operation_id="KeepLetterFile",
        guards=[requires("vendors.manage")],
        responses=refusals(404, 413),
    )
    async def keep_file(
        self,
        request: ApiRequest,
        letter: FromPath[int],
        data: MultipartBody[NewLetterFile],
        idempotency_key: Key = None,
    ) -> Response[letters.LetterView]:
        """Keep a letter's document: PDF or picture."""
        content = await data.file.read()
        return await once(
            request,
            idempotency_key,
            lambda: letters.keep_file(
                letter, data.file.filename, content, by=request.user, most_bytes=most_bytes(request)
            ),
            status=201,
            said=f"{letter}/{data.file.filename}/".encode() + hashlib.sha256(content).digest(),
        )

    @post(
        "/{letter:int}/cover",
        operation_id="SetLetterCover",
        guards=[requires("vendors.manage")],
        responses=refusals(404),
        status_code=200,
    )
    async def set_cover(
        self, request: ApiRequest, letter: FromPath[int], data: JSONBody[Cover], idempotency_key: Key = None
    ) -> Response[letters.LetterView]:
        """Say which parts a letter covers; it counts for what comes from then on."""
        return await once(
            request,
            idempotency_key,
            lambda: letters.set_cover(
                letter, by=request.user, part_kinds=data.part_kinds, part_numbers=data.part_numbers
            ),
        )

    @get(
        "/{letter:int}/file",
        operation_id="GetLetterFile",
        guards=[requires("vendors.read")],
        responses=refusals(404),
        media_type="application/octet-stream",
    )
    async def get_file(self, request: ApiRequest, letter: FromPath[int]) -> Response[bytes]:
        """Download a letter's document."""
        found = await letters.file_of(letter, seen_by=request.user)
        headers = {**saved_as(found.name), "Cache-Control": "private, no-store"}
        return Response(found.content, media_type=found.media_type, headers=headers)
