"""Imports: uploading a table, reading what is wrong with it, and bringing it in."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, FromQuery, MultipartBody, QueryParameter
from litestar.response import Redirect
from msgspec import Struct

from api.access import requires_any
from api.answers import Cursor, decode_cursor
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest, language_of
from api.routes.attachments import most_bytes
from api.routes.imports import RIGHTS, told
from inventory.ground import progress
from inventory.imports import imports
from inventory.imports.imports import KINDS
from inventory.imports.kinds import KindName

GUARDS = [requires_any(*RIGHTS)]


class NewImport(Struct, kw_only=True):
    """A table from the page's form."""

    kind: KindName
    file: UploadFile


@get("/imports", guards=GUARDS)
async def list_imports(request: PageRequest, kind: FromQuery[KindName | None] = None, cursor: Cursor = None) -> Page:
    """List imports, newest first, with the form that begins one."""
    found = await imports.imports(limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID))
    shown, following = cut(found, lambda found: found.id)
    mine = [kind for kind in KINDS.values() if request.user.may(kind.right)]
    return Page(
        "imports/list.html", imports=shown, cursor=following, first=not cursor, kinds=mine, chosen=kind,
        most_mb=request.app.state["settings"].most_upload_mb,
    )  # fmt: skip


@post("/imports", guards=GUARDS, status_code=303)
async def upload(request: PageRequest, data: MultipartBody[NewImport]) -> Redirect:
    """Take a table and have it checked; the next page watches it."""
    content = await data.file.read()
    begun = await imports.upload(
        data.kind, data.file.filename, content, by=request.user, most_bytes=most_bytes(request)
    )
    return Redirect(f"/imports/{begun.id}", status_code=303)


@get("/imports/{import_id:uuid}", guards=GUARDS)
async def show_import(
    request: PageRequest,
    import_id: FromPath[UUID],
    show: Annotated[Literal["mistakes", "changes"], QueryParameter()] = "mistakes",
    cursor: Cursor = None,
) -> Page:
    """Show how far an import is, what is wrong with its file, and what it would change."""
    view = await imports.import_view(import_id, seen_by=request.user)
    job = await progress.job_view(view.job) if view.job else None
    mistakes = show == "mistakes" and not (view.changed_rows and not view.wrong_rows and view.state != "failed")
    found = await imports.findings(
        import_id,
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, tuple[int, int]),
        wrong=mistakes,
    )
    shown, following = cut(found, lambda finding: (finding.line, finding.id))
    return Page(
        "imports/detail.html",
        run=view,
        job=job,
        kind=KINDS[view.kind],
        mistakes=mistakes,
        findings=[told(finding, view.kind, language_of(request)) for finding in shown],
        cursor=following,
        first=not cursor,
    )


@post("/imports/{import_id:uuid}/confirm", guards=GUARDS, status_code=303)
async def confirm(request: PageRequest, import_id: FromPath[UUID]) -> Redirect:
    """Bring in what was checked."""
    await imports.confirm(import_id, by=request.user)
    return Redirect(f"/imports/{import_id}", status_code=303)


@post("/imports/{import_id:uuid}/cancel", guards=GUARDS, status_code=303)
async def cancel(request: PageRequest, import_id: FromPath[UUID]) -> Redirect:
    """Ask an import to stop."""
    view = await imports.import_view(import_id, seen_by=request.user)
    if view.job:
        await progress.cancel_job(view.job, by=request.user)
    return Redirect(f"/imports/{import_id}", status_code=303)


handlers = [list_imports, show_import, confirm, cancel]
uploads = [upload]
