"""Attachments: the card of files that a document's page carries, and what its buttons do."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from litestar import post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, MultipartBody, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.pages.forms import Reason
from api.pages.rendering import PageRequest
from api.routes.attachments import most_bytes
from inventory.assurance import attachments
from inventory.assurance.attachments import SubjectKind
from inventory.ground.actor import Actor
from inventory.ground.files import AttachmentKind, AttachmentView
from inventory.installed_base import warranties
from inventory.stock import receipts, units

SHOWN = 100

ADDRESSES: dict[str, str] = {
    "transfer": "/transfers",
    "purchase_order": "/orders",
    "invoice": "/invoices",
    "part_request": "/requests",
    "emergency_case": "/emergencies",
    "shipment": "/shipments",
    "count": "/counts",
    "provisional_issue": "/provisional-issues",
    "handover": "/handovers",
    "return_debt": "/returns",
    "rma": "/rmas",
    "quality_claim": "/quality-claims",
    "suspected_counterfeit": "/suspected-counterfeits",
    "repair_order": "/repairs",
    "collection": "/collections",
    "loan": "/loans",
}
"""Where each kind of document has its page, under its id; a receipt's goes by number, a unit's and a look-up's by serial."""


class NewAttachment(Struct, kw_only=True):
    """A file from a page's form."""

    subject_kind: SubjectKind
    subject: UUID
    file: UploadFile
    kind: AttachmentKind = "other"
    remark: Annotated[str, Meta(max_length=2000)] = ""


async def attached(request: PageRequest, subject_kind: SubjectKind, subject: UUID) -> list[AttachmentView] | None:
    """What a document's card shows; None where the reader sees no files."""
    if not request.user.may("attachments.read"):
        return None
    return await attachments.attachments(subject_kind, subject, limit=SHOWN, seen_by=request.user)


async def _back_to(subject_kind: str, subject: UUID, *, by: Actor) -> Redirect:
    if subject_kind == "receipt":
        return Redirect(f"/receipts/{(await receipts.receipt_by_id(subject)).number}", status_code=303)
    if subject_kind == "unit":
        serial = (await units.unit_by_id(subject)).serial
        return Redirect(f"/units/{quote(serial, safe='')}", status_code=303)
    if subject_kind == "warranty_lookup":
        device = (await warranties.lookup_view(subject, seen_by=by)).device
        return Redirect(f"/devices/{quote(device, safe='')}/coverage", status_code=303)
    return Redirect(f"{ADDRESSES[subject_kind]}/{subject}", status_code=303)


@post("/attachments", guards=[requires("attachments.add")], status_code=303)
async def attach(request: PageRequest, data: MultipartBody[NewAttachment]) -> Redirect:
    """Attach a file, and go back to its document."""
    await attachments.attach(
        data.subject_kind,
        data.subject,
        data.file.filename,
        await data.file.read(),
        by=request.user,
        most_bytes=most_bytes(request),
        kind=data.kind,
        remark=data.remark.strip(),
    )
    return await _back_to(data.subject_kind, data.subject, by=request.user)


@post("/attachments/{attachment_id:uuid}/withdraw", guards=[requires("attachments.add")], status_code=303)
async def withdraw(request: PageRequest, attachment_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Take an attachment back."""
    view = await attachments.withdraw(attachment_id, by=request.user, reason=data.reason)
    return await _back_to(view.subject_kind, UUID(view.subject), by=request.user)


handlers = [withdraw]
uploads = [attach]
