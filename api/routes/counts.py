"""Counting over HTTP: sheets, what was scanned, what differs, and posting it."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct, convert

from api.access import requires, requires_any
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.instants import Instant
from api.problems import refusals
from api.routes.stock import Code, Reason, Text
from inventory.stock.counting import abc, accuracy, closing, policy, scans, sheets
from inventory.stock.moves import GOOD
from inventory.stock.pools import COMMON

Counted = Annotated[int, Meta(ge=0, le=1_000_000)]
Condition = Literal["good", "defective", "quarantine", "frozen", "in_test", "scrapped", "unknown"]


class NewCount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sheet to draw up; a recount names a part, a bin, or both, a surprise sample its seed if whoever inspects gives one."""

    depot: Code
    kind: sheets.Kind
    part_number: Code | None = None
    bin: Code | None = None
    bins_to_draw: Annotated[int, Meta(ge=1, le=500)] = 10
    seed: Code | None = None
    remark: Text = ""


class NewScan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was counted of a part in a bin: pieces, or the serials where it is kept by serial.

    `id` is the device's own, so that what is sent twice is recorded once.
    """

    id: Code
    part_number: Code
    counted_at: Instant
    bin: Code | None = None
    quantity: Counted | None = None
    serials: Annotated[list[Code], Meta(max_length=2000)] | None = None
    began_at: Instant | None = None
    condition: Condition = GOOD
    owner: Code | None = None
    pool: Code = COMMON


class NewCountPolicy(policy.CountPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy to put in force, and why."""

    remark: Text = ""

    def policy(self) -> policy.CountPolicy:
        """The policy alone."""
        return convert(self, policy.CountPolicy, from_attributes=True)


class ScanBatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an offline device counted, all or none."""

    items: Annotated[list[NewScan], Meta(min_length=1, max_length=500)]


class Recorded(Struct, frozen=True):
    """The lines that scans were recorded on, in their order, compared with the ledger as it was then."""

    lines: list[closing.LineView]


def _domain(scan: NewScan) -> scans.NewScan:
    return scans.NewScan(
        id=scan.id,
        part_number=scan.part_number,
        counted_at=scan.counted_at,
        bin=scan.bin,
        quantity=scan.quantity,
        serials=scan.serials,
        began_at=scan.began_at,
        condition=scan.condition,
        owner=scan.owner,
        pool=scan.pool,
    )


async def _record(request: ApiRequest, count: str, found: list[NewScan]) -> Recorded:
    sheet = await sheets.id_of(count)
    lines = await scans.record(sheet, [_domain(scan) for scan in found], by=request.user)
    told = {line.id: line for line in await closing.lines(sheet, seen_by=request.user)}
    return Recorded([told[line] for line in lines])


class CountController(Controller):
    """Counting without stopping: the ledger is asked what lay there when somebody looked."""

    path = "/counts"
    tags = ("counts",)

    @get(operation_id="ListCounts", guards=[requires("stock.read")], responses=refusals(404))
    async def list_counts(
        self,
        request: ApiRequest,
        depot: FromQuery[str | None] = None,
        kind: FromQuery[sheets.Kind | None] = None,
        in_state: Annotated[sheets.State | None, QueryParameter(name="state")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[sheets.CountView]]:
        """List counts, newest first."""
        found = await sheets.counts(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            depot=depot,
            kind=kind,
        )
        return page(request, found, limit, lambda sheet: sheet.id)

    @post(
        operation_id="DrawUpCount",
        guards=[requires_any("stock.count", "counts.surprise")],
        responses=refusals(404, 409),
    )
    async def draw_up(
        self, request: ApiRequest, data: JSONBody[NewCount], idempotency_key: Key = None
    ) -> Response[sheets.CountView]:
        """Draw up a sheet; needs an Idempotency-Key."""
        return await once(
            request,
            idempotency_key,
            lambda: sheets.draw_up(
                data.depot,
                data.kind,
                by=request.user,
                part_number=data.part_number,
                bin_code=data.bin,
                bins_to_draw=data.bins_to_draw,
                seed=data.seed,
                remark=data.remark,
            ),
            status=201,
            required=True,
        )

    @get("/due", operation_id="ListPartsDueToCount", guards=[requires("stock.read")], responses=refusals(404))
    async def due(self, request: ApiRequest, depot: FromQuery[str], limit: Limit = 50) -> list[abc.DuePart]:
        """List the parts of a store that are due to be counted, by ABC class."""
        return await abc.due(depot, limit=limit, seen_by=request.user)

    @get("/accuracy", operation_id="GetCountAccuracy", guards=[requires("stock.read")], responses=refusals(404))
    async def accuracy(
        self, request: ApiRequest, depot: FromQuery[str | None] = None, limit: Limit = 50
    ) -> list[accuracy.Accuracy]:
        """Show the share of counted lines without difference, by store and month."""
        return await accuracy.accuracy(limit=limit, seen_by=request.user, depot=depot)

    @get("/policy", operation_id="GetCountPolicy", guards=[requires("stock.read")], responses=refusals())
    async def get_policy(self) -> policy.CountPolicyVersion:
        """Show how often what is counted, and from which value on two people are needed."""
        return await policy.in_force()

    @post("/policy", operation_id="SetCountPolicy", guards=[requires("stock.adjust")], responses=refusals(409))
    async def set_policy(
        self, request: ApiRequest, data: JSONBody[NewCountPolicy], idempotency_key: Key = None
    ) -> Response[policy.CountPolicyVersion]:
        """Let another policy hold from now on."""
        return await once(
            request,
            idempotency_key,
            lambda: policy.put_in_force(data.policy(), by=request.user, remark=data.remark),
            status=201,
        )

    @get("/{count_id:uuid}", operation_id="GetCount", guards=[requires("stock.read")], responses=refusals(404))
    async def get_count(self, request: ApiRequest, count_id: FromPath[UUID]) -> sheets.CountView:
        """Show one count."""
        return await sheets.count(count_id, seen_by=request.user)

    @get(
        "/{count_id:uuid}/lines",
        operation_id="ListCountLines",
        guards=[requires("stock.read")],
        responses=refusals(404),
    )
    async def list_lines(
        self, request: ApiRequest, count_id: FromPath[UUID], cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[closing.LineView]]:
        """List what is to be counted; what the books say is told only once a line is counted."""
        found, after = await closing.lines(count_id, seen_by=request.user), decode_cursor(cursor, UUID)
        places = [line.id for line in found]
        start = places.index(after) + 1 if after in places else 0
        return page(request, found[start : start + limit + 1], limit, lambda line: line.id)

    @get(
        "/{count_id:uuid}/differences",
        operation_id="ListCountDifferences",
        guards=[requires("stock.read")],
        responses=refusals(404),
    )
    async def list_differences(self, request: ApiRequest, count_id: FromPath[UUID]) -> list[closing.LineView]:
        """List the lines that differ, each with the last movements of its part there."""
        return await closing.differences(count_id, seen_by=request.user)

    @post(
        "/{count:str}/scans",
        operation_id="RecordScan",
        guards=[requires("stock.count")],
        responses=refusals(404, 409),
    )
    async def record(
        self, request: ApiRequest, count: FromPath[str], data: JSONBody[NewScan], idempotency_key: Key = None
    ) -> Response[Recorded]:
        """Record what was counted of a part in a bin, under the count's id or the number on its sheet.

        A later count of the same line holds in its place.
        """
        return await once(request, idempotency_key, lambda: _record(request, count, [data]), status=201)

    @post(
        "/{count:str}/scans/bulk",
        operation_id="RecordScans",
        guards=[requires("stock.count")],
        responses=refusals(404, 409),
    )
    async def record_many(
        self, request: ApiRequest, count: FromPath[str], data: JSONBody[ScanBatch], idempotency_key: Key = None
    ) -> Response[Recorded]:
        """Record what an offline device counted, all or none, under the count's id or the number on its sheet."""
        return await once(request, idempotency_key, lambda: _record(request, count, data.items), status=201)

    @post(
        "/{count_id:uuid}/lines/{line_id:uuid}/explain",
        operation_id="ExplainDifference",
        status_code=200,
        guards=[requires("stock.count")],
        responses=refusals(404, 409),
    )
    async def explain(
        self,
        request: ApiRequest,
        count_id: FromPath[UUID],
        line_id: FromPath[UUID],
        data: JSONBody[Reason],
        idempotency_key: Key = None,
    ) -> Response[closing.LineView]:
        """Say why a line differs; the reason holds for the difference as it stands."""
        return await once(
            request, idempotency_key, lambda: closing.explain(count_id, line_id, by=request.user, reason=data.reason)
        )

    @post(
        "/{count_id:uuid}/finish",
        operation_id="FinishCount",
        status_code=200,
        guards=[requires("stock.count")],
        responses=refusals(404, 409),
    )
    async def finish(
        self, request: ApiRequest, count_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[sheets.CountView]:
        """Say that everything is counted; a count without differences is posted at once."""
        return await once(request, idempotency_key, lambda: closing.finish(count_id, by=request.user))

    @post(
        "/{count_id:uuid}/post",
        operation_id="PostCount",
        status_code=200,
        guards=[requires("stock.count")],
        responses=refusals(404, 409),
    )
    async def post_count(
        self, request: ApiRequest, count_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[closing.Posted]:
        """Mend the books by what was counted, and close the sheet."""
        return await once(request, idempotency_key, lambda: closing.post_count(count_id, by=request.user))

    @post(
        "/{count_id:uuid}/cancel",
        operation_id="CancelCount",
        status_code=200,
        guards=[requires("stock.count")],
        responses=refusals(404, 409),
    )
    async def cancel(
        self, request: ApiRequest, count_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[sheets.CountView]:
        """Call a count off; nothing is posted."""
        return await once(
            request, idempotency_key, lambda: sheets.cancel(count_id, by=request.user, reason=data.reason)
        )
