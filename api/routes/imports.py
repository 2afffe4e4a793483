"""Imports over HTTP: a table is uploaded and checked, and brought in when somebody says so."""

import hashlib
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, FromQuery, MultipartBody
from msgspec import Struct

from api.access import requires_any
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.exchange.exports import language_of
from api.exchange.templates import template
from api.exchange.writing import MEDIA_TYPE, saved_as
from api.problems import refusals
from api.routes.attachments import most_bytes
from inventory.imports import imports
from inventory.imports.imports import KINDS, FindingView, ImportView
from inventory.imports.kinds import KindName

RIGHTS = sorted({kind.right for kind in KINDS.values()})
"""What one may import with; each kind asks for one of them."""


class NewImport(Struct, frozen=True, kw_only=True):
    """A table to import, as a form sends it."""

    kind: KindName
    file: UploadFile


class FindingAnswer(Struct, frozen=True, kw_only=True):
    """What was found in a cell, in the caller's language; where it is not `wrong`, the row would change something."""

    line: int
    column: str
    value: str
    reason: str
    code: str
    wrong: bool
    facts: dict[str, Any]


def told(finding: FindingView, kind: KindName, language: str) -> FindingAnswer:
    """A finding in a language."""
    return FindingAnswer(
        line=finding.line,
        column=finding.heading(kind, language),
        value=finding.value,
        reason=finding.reason(kind, language),
        code=finding.code,
        wrong=finding.wrong,
        facts=finding.facts,
    )


class ImportController(Controller):
    """Tables of parts, stock, units, devices, vendors and offers."""

    tags = ("imports",)

    @get("/imports", operation_id="ListImports", guards=[requires_any(*RIGHTS)], responses=refusals())
    async def list_imports(
        self, request: ApiRequest, kind: FromQuery[KindName | None] = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[ImportView]]:
        """List imports, newest first."""
        found = await imports.imports(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), kind=kind
        )
        return page(request, found, limit, lambda found: found.id)

    @post(
        "/imports",
        operation_id="UploadImport",
        status_code=202,
        guards=[requires_any(*RIGHTS)],
        responses=refusals(413),
    )
    async def upload(
        self, request: ApiRequest, data: MultipartBody[NewImport], idempotency_key: Key = None
    ) -> Response[ImportView]:
        """Upload a table (CSV or Excel) and have it checked; watch the job that is answered."""
        content = await data.file.read()
        return await once(
            request,
            idempotency_key,
            lambda: imports.upload(
                data.kind, data.file.filename, content, by=request.user, most_bytes=most_bytes(request)
            ),
            status=202,
            said=f"{data.kind}/{data.file.filename}/".encode() + hashlib.sha256(content).digest(),
        )

    @get(
        "/imports/{import_id:uuid}",
        operation_id="GetImport",
        guards=[requires_any(*RIGHTS)],
        responses=refusals(404),
    )
    async def get_import(self, request: ApiRequest, import_id: FromPath[UUID]) -> ImportView:
        """Show one import."""
        return await imports.import_view(import_id, seen_by=request.user)

    @get(
        "/imports/{import_id:uuid}/findings",
        operation_id="ListImportFindings",
        guards=[requires_any(*RIGHTS)],
        responses=refusals(404),
    )
    async def list_findings(
        self,
        request: ApiRequest,
        import_id: FromPath[UUID],
        wrong: FromQuery[bool | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[FindingAnswer]]:
        """List every mistake in the file, and every change it would make, line by line."""
        kind = (await imports.import_view(import_id, seen_by=request.user)).kind
        found = await imports.findings(
            import_id,
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, tuple[int, int]),
            wrong=wrong,
        )
        place = (found[min(limit, len(found)) - 1].line, found[min(limit, len(found)) - 1].id) if found else None
        answers = [told(finding, kind, language_of(request)) for finding in found]
        return page(request, answers, limit, lambda _: place)

    @post(
        "/imports/{import_id:uuid}/confirm",
        operation_id="ConfirmImport",
        status_code=202,
        guards=[requires_any(*RIGHTS)],
        responses=refusals(404, 409),
    )
    async def confirm(
        self, request: ApiRequest, import_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[ImportView]:
        """Bring in a table that was checked and has no mistake in it: whole, in one transaction."""
        return await once(request, idempotency_key, lambda: imports.confirm(import_id, by=request.user), status=202)

    @get(
        "/import-templates/{kind:str}",
        operation_id="GetImportTemplate",
        guards=[requires_any(*RIGHTS)],
        responses=refusals(404),
        media_type=MEDIA_TYPE,
    )
    async def get_template(self, request: ApiRequest, kind: FromPath[str]) -> Response[bytes]:
        """Download an empty table of a kind, with its headings and one example row."""
        name, content = template(kind, language_of(request))
        return Response(content, media_type=MEDIA_TYPE, headers=saved_as(name))
