"""Master data over HTTP: every kind of it by one family of routes, described by `/master-data` itself."""

from typing import Annotated, Any

from litestar import Controller, Response, get, patch, post
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter

from api.access import reads_master_data, requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.problems import Unparsable, refusals
from inventory.master_data import records

Version = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        max_length=100,
        description="The ETag of what you read, or the `version` an edit answered; `*` overwrites whatever is there",
    ),
]


def _tagged(found: records.Record) -> Response[records.Record]:
    return Response(found, headers={"ETag": f'"{found.version}"'})


def _version(given: str | None) -> str | None:
    """The version an edit is based on; None where it does not matter.

    Raises:
        Unparsable: none is given.

    """
    if not given:
        raise Unparsable(
            "if_match_missing",
            "This edit needs an If-Match header with the ETag of what you read.",
            "此修改需要 If-Match 请求头，取值为读取时的 ETag。",
        )
    return None if given.strip() == "*" else given.strip().removeprefix("W/").strip('"')


class MasterDataController(Controller):
    """What a company enters about itself: places, customers, contracts, devices, parts, vendors."""

    path = "/master-data"
    tags = ("master data",)

    @get(operation_id="ListMasterDataKinds", guards=[reads_master_data], responses=refusals())
    async def list_kinds(self, request: ApiRequest) -> list[records.KindView]:
        """List the kinds with their fields: names in both languages, form, choices, and what they refer to."""
        return records.kinds(seen_by=request.user)

    @get("/{kind:str}", operation_id="ListMasterData", guards=[reads_master_data], responses=refusals(404))
    async def list_records(
        self,
        request: ApiRequest,
        kind: FromPath[str],
        search: Annotated[str | None, QueryParameter(max_length=100)] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[records.Record]]:
        """List the rows of a kind; `search` matches any of their texts."""
        found = await records.records(
            records.kind_of(kind),
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, tuple[str, int]),
            search=search,
        )
        ids = {row.key: own for own, row in found}
        return page(request, [row for _, row in found], limit, lambda row: (row.title, ids[row.key]))

    @get("/{kind:str}/{key:str}", operation_id="GetMasterData", guards=[reads_master_data], responses=refusals(404))
    async def get_record(
        self, request: ApiRequest, kind: FromPath[str], key: FromPath[str]
    ) -> Response[records.Record]:
        """Show one row; its ETag is what an edit names in If-Match."""
        return _tagged(await records.record(records.kind_of(kind), key, seen_by=request.user))

    @post(
        "/{kind:str}",
        operation_id="EnterMasterData",
        guards=[requires("parts.manage")],
        responses=refusals(404, 409),
    )
    async def enter(
        self, request: ApiRequest, kind: FromPath[str], data: JSONBody[dict[str, Any]], idempotency_key: Key = None
    ) -> Response[records.Record]:
        """Enter a row; the body holds its fields by name."""
        return await once(
            request, idempotency_key, lambda: records.enter(records.kind_of(kind), data, by=request.user), status=201
        )

    @patch(
        "/{kind:str}/{key:str}",
        operation_id="ChangeMasterData",
        guards=[requires("parts.manage")],
        responses=refusals(404, 409, 412),
    )
    async def change(
        self,
        request: ApiRequest,
        kind: FromPath[str],
        key: FromPath[str],
        data: JSONBody[dict[str, Any]],
        if_match: Version = None,
        idempotency_key: Key = None,
    ) -> Response[records.Record]:
        """Set some fields of a row, the others stay; needs If-Match."""
        version = _version(if_match)
        return await once(
            request,
            idempotency_key,
            lambda: records.change(records.kind_of(kind), key, data, by=request.user, version=version),
        )
