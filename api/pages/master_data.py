"""Master data: lists and forms of everything a company enters about itself, made from its description."""

from typing import Annotated, Any
from urllib.parse import quote

from litestar import get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery, QueryParameter
from litestar.response import Redirect

from api.access import reads_master_data, requires
from api.answers import Cursor, decode_cursor, encode_cursor
from api.pages.paging import LENGTH
from api.pages.rendering import Page, PageRequest
from inventory.master_data import records
from inventory.master_data.fields import Field
from inventory.master_data.kinds import Kind

Said = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.URL_ENCODED)]

GROUPS = ("places", "customers", "catalogue", "vendors")


def _address(kind: Kind, key: str) -> str:
    return f"/master-data/{kind.name}/rows/{quote(key, safe='')}"


def _said(data: dict[str, Any], fields: list[Field]) -> dict[str, object]:
    """What a form says of its fields; a box that is not ticked is not sent."""
    return {field.name: data.get(field.name, "") for field in fields}


def _listed(kind: Kind, request: PageRequest) -> list[Field]:
    """The fields that a list has room for."""
    return [field for field in kind.seen(request.user) if field.shape != "note"][:7]


@get("/master-data", guards=[reads_master_data])
async def list_kinds(request: PageRequest) -> Page:
    """Show which kinds there are."""
    seen = [kind for kind in records.KINDS.values() if request.user.may(kind.read)]
    return Page("master-data/kinds.html", kinds=seen, groups=GROUPS)


@get("/master-data/{kind:str}", guards=[reads_master_data])
async def list_records(
    request: PageRequest,
    kind: FromPath[str],
    search: Annotated[str | None, QueryParameter(max_length=100)] = None,
    cursor: Cursor = None,
) -> Page:
    """List the rows of a kind."""
    known = records.kind_of(kind)
    found = await records.records(
        known,
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, tuple[str, int]),
        search=(search or "").strip() or None,
    )
    shown = found[:LENGTH]
    following = encode_cursor((shown[-1][1].title, shown[-1][0])) if len(found) > LENGTH else None
    return Page(
        "master-data/list.html",
        kind=known,
        fields=_listed(known, request),
        records=[row for _, row in shown],
        cursor=following,
        search=search,
        first=not cursor,
    )


@get("/master-data/{kind:str}/new", guards=[requires("parts.manage")])
async def new_record(
    request: PageRequest, kind: FromPath[str], of: FromQuery[str] = "", key: FromQuery[str] = ""
) -> Page:
    """Ask for a new row; `of` and `key` fill in what it belongs to."""
    known = records.kind_of(kind)
    request.user.require(known.read)
    return Page(
        "master-data/record.html",
        kind=known,
        record=None,
        fields=[field for field in known.seen(request.user) if not field.later],
        values={of: key},
        choices=await records.choices(known, seen_by=request.user),
        others=[],
        changes=[],
    )


@post("/master-data/{kind:str}/new", guards=[requires("parts.manage")], status_code=303)
async def enter(request: PageRequest, kind: FromPath[str], data: Said) -> Redirect:
    """Enter a row."""
    known = records.kind_of(kind)
    fields = [field for field in known.seen(request.user) if not field.later]
    entered = await records.enter(known, _said(data, fields), by=request.user)
    return Redirect(_address(known, entered.key), status_code=303)


@get("/master-data/{kind:str}/rows/{key:str}", guards=[reads_master_data])
async def show_record(request: PageRequest, kind: FromPath[str], key: FromPath[str]) -> Page:
    """Show a row, with the form that changes it, what belongs to it, and what became of it."""
    known = records.kind_of(kind)
    found = await records.record(known, key, seen_by=request.user)
    others: list[tuple[Kind, str, list[records.Record]]] = []
    for other in records.KINDS.values():
        for name, whose in other.belongs.items():
            if whose == known.name and request.user.may(other.read):
                rows = await records.records(other, limit=20, seen_by=request.user, where=(name, found.key))
                others.append((other, name, [row for _, row in rows]))
    changes = request.user.may("parts.manage")
    return Page(
        "master-data/record.html",
        kind=known,
        record=found,
        fields=known.seen(request.user),
        values=found.values,
        choices=await records.choices(known, seen_by=request.user) if changes else {},
        others=others,
        changes=await records.changes(known, found.title, seen_by=request.user),
    )


@post("/master-data/{kind:str}/rows/{key:str}", guards=[requires("parts.manage")], status_code=303)
async def change(request: PageRequest, kind: FromPath[str], key: FromPath[str], data: Said) -> Redirect:
    """Change a row, if it still is what the form showed."""
    known = records.kind_of(kind)
    fields = [field for field in known.seen(request.user) if not field.fixed and field.column]
    version = str(data.get("version", ""))
    changed = await records.change(known, key, _said(data, fields), by=request.user, version=version)
    return Redirect(_address(known, changed.key), status_code=303)


handlers = [list_kinds, list_records, new_record, enter, show_record, change]
