"""Attachments over HTTP: files that belong to documents."""

import hashlib
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, FromQuery, JSONBody, MultipartBody
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.exchange.writing import saved_as
from api.problems import refusals
from api.routes.stock import Reason
from inventory.assurance import attachments
from inventory.assurance.attachments import SubjectKind
from inventory.ground.files import AttachmentKind, AttachmentView, Content


class NewAttachment(Struct, frozen=True, kw_only=True):
    """A file to attach, as a form sends it."""

    subject_kind: SubjectKind
    subject: UUID
    file: UploadFile
    kind: AttachmentKind = "other"
    remark: Annotated[str, Meta(max_length=2000)] = ""


def most_bytes(request: ApiRequest) -> int:
    """The largest file that is taken."""
    return request.app.state["settings"].most_upload_bytes


def as_file(found: Content) -> Response[bytes]:
    """An attached file as a download, which never changes."""
    headers = {**saved_as(found.name), "Cache-Control": "private, max-age=31536000, immutable"}
    return Response(found.content, media_type=found.media_type, headers=headers)


class AttachmentController(Controller):
    """Signed forms, photos, papers."""

    path = "/attachments"
    tags = ("attachments",)

    @get(operation_id="ListAttachments", guards=[requires("attachments.read")], responses=refusals(404))
    async def list_attachments(
        self,
        request: ApiRequest,
        subject_kind: FromQuery[SubjectKind],
        subject: FromQuery[UUID],
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[AttachmentView]]:
        """List what is attached to a document, oldest first; withdrawn ones too."""
        found = await attachments.attachments(
            subject_kind, subject, limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID)
        )
        return page(request, found, limit, lambda attachment: attachment.id)

    @post(operation_id="Attach", guards=[requires("attachments.add")], responses=refusals(404, 413))
    async def attach(
        self, request: ApiRequest, data: MultipartBody[NewAttachment], idempotency_key: Key = None
    ) -> Response[AttachmentView]:
        """Attach a file to a document: PDF, JPEG, PNG, WebP, plain text or CSV, by what it is and not by its name."""
        content = await data.file.read()
        fields = f"{data.subject_kind}/{data.subject}/{data.kind}/{data.file.filename}/{data.remark}/"
        return await once(
            request,
            idempotency_key,
            lambda: attachments.attach(
                data.subject_kind,
                data.subject,
                data.file.filename,
                content,
                by=request.user,
                most_bytes=most_bytes(request),
                kind=data.kind,
                remark=data.remark,
            ),
            status=201,
            said=fields.encode() + hashlib.sha256(content).digest(),
        )

    @get(
        "/{attachment_id:uuid}/content",
        operation_id="GetAttachmentContent",
        guards=[requires("attachments.read")],
        responses=refusals(404),
        media_type="application/octet-stream",
    )
    async def get_content(self, request: ApiRequest, attachment_id: FromPath[UUID]) -> Response[bytes]:
        """Download an attached file."""
        return as_file(await attachments.content(attachment_id, seen_by=request.user))

    @post(
        "/{attachment_id:uuid}/withdraw",
        operation_id="WithdrawAttachment",
        status_code=200,
        guards=[requires("attachments.add")],
        responses=refusals(404, 409),
    )
    async def withdraw(
        self, request: ApiRequest, attachment_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[AttachmentView]:
        """Take an attachment back; it stays on record, with the reason."""
        return await once(
            request,
            idempotency_key,
            lambda: attachments.withdraw(attachment_id, by=request.user, reason=data.reason),
        )
