"""Stores in somebody's keeping over HTTP: key-holders, engineers' stocks, handovers, pools, issue by scan, recounts."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires, requires_any
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page, told
from api.instants import Instant
from api.problems import refusals
from api.routes.stock import Code, Quantity, Reason, Text
from inventory.stock import handovers, keeping, pool_crossings
from inventory.stock.counting import sheets
from inventory.stock.pools import COMMON

Serials = Annotated[list[Code], Meta(max_length=1000)]


class Appointment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who holds a store's key, and every how many days it is counted again."""

    key_holder: Code | None = None
    recount_days: Annotated[int, Meta(ge=1, le=366)] | None = None


class NewEngineerStock(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engineer who gets a stock of their own."""

    engineer: Code
    recount_days: Annotated[int, Meta(ge=1, le=366)] | None = 30


class ScannedPiece(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A serial, our tag, or the number of a part without serials; the part tells two makers' same serial apart."""

    code: Code
    quantity: Quantity = 1
    part_number: Code | None = None


class SelfIssue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What leaves a store, where to and what for; the pool of an on-site store is its customer's own."""

    scanned: Annotated[list[ScannedPiece], Meta(min_length=1, max_length=200)]
    to: Code = "ISSUED"
    reference: Code | None = None
    pool: Code | None = None


class Recount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which stock is to be counted again."""

    depot: Code
    part_number: Code
    pool: Code = COMMON


class HandoverItem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part to hand over; the oldest units where no serials are given."""

    part_number: Code
    quantity: Quantity = 1
    serials: Serials = []
    pool: Code = COMMON


class NewHandover(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From a depot to an engineer, from one engineer to another, or back; what is lent is to be back by `return_by`."""

    from_place: Code
    to_place: Code
    lines: Annotated[list[HandoverItem], Meta(min_length=1, max_length=200)]
    remark: Text = ""
    return_by: Instant | None = None


class NewCrossing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Good stock asked for out of another pool."""

    depot: Code
    part_number: Code
    quantity: Quantity
    from_pool: Code
    to_pool: Code
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]
    serials: Serials = []


class Agreement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What there is to say about it."""

    reason: Text = ""


class KeepingController(Controller):
    """Key-holders, engineers' stocks, and handing out by whoever serves a store."""

    tags = ("keeping",)

    @get("/keepings", operation_id="ListKeepings", guards=[requires("documents.read")], responses=refusals())
    async def list_keepings(
        self,
        request: ApiRequest,
        kind: FromQuery[Literal["depot", "onsite_store", "engineer_stock"] | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[keeping.Keeping]]:
        """List on-site stores and engineers' stocks with their key-holders and recount duties."""
        found = await keeping.keepings(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, str) or "", kind=kind
        )
        return page(request, found, limit, lambda each: each.depot)

    @post(
        "/keepings/{depot:str}",
        operation_id="AppointKeyHolder",
        status_code=200,
        guards=[requires("keepings.manage")],
        responses=refusals(404, 409),
    )
    async def appoint(
        self, request: ApiRequest, depot: FromPath[str], data: JSONBody[Appointment], idempotency_key: Key = None
    ) -> Response[keeping.Keeping]:
        """Name who holds a store's key, and how often it is counted again."""
        return await once(
            request,
            idempotency_key,
            lambda: keeping.appoint(depot, data.key_holder, by=request.user, recount_days=data.recount_days),
        )

    @post(
        "/engineer-stocks",
        operation_id="SetUpEngineerStock",
        guards=[requires("keepings.manage")],
        responses=refusals(404, 409),
    )
    async def set_up_stock(
        self, request: ApiRequest, data: JSONBody[NewEngineerStock], idempotency_key: Key = None
    ) -> Response[keeping.Keeping]:
        """Give an engineer a stock of their own."""
        return await once(
            request,
            idempotency_key,
            lambda: keeping.set_up_stock(data.engineer, by=request.user, recount_days=data.recount_days),
            status=201,
        )

    @post(
        "/depots/{depot:str}/issue",
        operation_id="IssueByScan",
        guards=[requires_any("stock.issue", "handovers.make")],
        responses=refusals(404, 409),
    )
    async def issue(
        self, request: ApiRequest, depot: FromPath[str], data: JSONBody[SelfIssue], idempotency_key: Key = None
    ) -> Response[keeping.Issued]:
        """Hand out what was scanned; needs an Idempotency-Key. For keepers, key-holders and a store's own engineers."""
        scanned = told(data.scanned, list[keeping.Scanned])
        return await once(
            request,
            idempotency_key,
            lambda: keeping.issue_by_scan(
                depot, scanned, by=request.user, to=data.to, reference=data.reference, pool=data.pool
            ),
            status=201,
            required=True,
        )

    @post("/recounts", operation_id="AskRecount", guards=[requires("recounts.ask")], responses=refusals(404))
    async def ask_recount(
        self, request: ApiRequest, data: JSONBody[Recount], idempotency_key: Key = None
    ) -> Response[sheets.CountView]:
        """Have one part of a store counted again; the sheet that asks for it."""
        return await once(
            request,
            idempotency_key,
            lambda: sheets.ask_recount(data.depot, data.part_number, by=request.user, pool=data.pool),
            status=201,
        )


class HandoverController(Controller):
    """Parts from hand to hand, in transit until accepted."""

    path = "/handovers"
    tags = ("keeping",)

    @get(operation_id="ListHandovers", guards=[requires("documents.read")], responses=refusals(404))
    async def list_handovers(
        self,
        request: ApiRequest,
        depot: FromQuery[str | None] = None,
        in_state: Annotated[handovers.State | None, QueryParameter(name="state")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[handovers.Handover]]:
        """List handovers, newest first."""
        found = await handovers.handovers(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state, depot=depot
        )
        return page(request, found, limit, lambda each: each.id)

    @get(
        "/{handover_id:uuid}", operation_id="GetHandover", guards=[requires("documents.read")], responses=refusals(404)
    )
    async def get_handover(self, request: ApiRequest, handover_id: FromPath[UUID]) -> handovers.Handover:
        """Show one handover."""
        return await handovers.handover_view(handover_id, seen_by=request.user)

    @post(operation_id="HandOver", guards=[requires("handovers.make")], responses=refusals(404, 409))
    async def give(
        self, request: ApiRequest, data: JSONBody[NewHandover], idempotency_key: Key = None
    ) -> Response[handovers.Handover]:
        """Hand parts over; needs an Idempotency-Key."""
        items = told(data.lines, list[handovers.Item])
        return await once(
            request,
            idempotency_key,
            lambda: handovers.give(
                data.from_place, data.to_place, items, by=request.user, remark=data.remark, return_by=data.return_by
            ),
            status=201,
            required=True,
        )

    @post(
        "/{handover_id:uuid}/accept",
        operation_id="AcceptHandover",
        status_code=200,
        guards=[requires("handovers.make")],
        responses=refusals(404, 409),
    )
    async def accept(
        self, request: ApiRequest, handover_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[handovers.Handover]:
        """Take what was given into one's hands."""
        return await once(request, idempotency_key, lambda: handovers.accept(handover_id, by=request.user))

    @post(
        "/{handover_id:uuid}/decline",
        operation_id="DeclineHandover",
        status_code=200,
        guards=[requires("handovers.make")],
        responses=refusals(404, 409),
    )
    async def decline(
        self, request: ApiRequest, handover_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[handovers.Handover]:
        """Do not take it, or take back what was given: it returns to where it came from."""
        return await once(
            request, idempotency_key, lambda: handovers.decline(handover_id, by=request.user, reason=data.reason)
        )


class PoolCrossingController(Controller):
    """Stock of one pool given to another, by two people."""

    path = "/pool-crossings"
    tags = ("pools",)

    @get(operation_id="ListPoolCrossings", guards=[requires("documents.read")], responses=refusals(404))
    async def list_crossings(
        self,
        request: ApiRequest,
        depot: FromQuery[str | None] = None,
        in_state: Annotated[pool_crossings.State | None, QueryParameter(name="state")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[pool_crossings.Crossing]]:
        """List crossings, newest first."""
        found = await pool_crossings.crossings(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state, depot=depot
        )
        return page(request, found, limit, lambda each: each.id)

    @get(
        "/{crossing_id:uuid}",
        operation_id="GetPoolCrossing",
        guards=[requires("documents.read")],
        responses=refusals(404),
    )
    async def get_crossing(self, request: ApiRequest, crossing_id: FromPath[UUID]) -> pool_crossings.Crossing:
        """Show one crossing."""
        return await pool_crossings.crossing_view(crossing_id, seen_by=request.user)

    @post(operation_id="AskPoolCrossing", guards=[requires("pools.ask")], responses=refusals(404, 409))
    async def ask(
        self, request: ApiRequest, data: JSONBody[NewCrossing], idempotency_key: Key = None
    ) -> Response[pool_crossings.Crossing]:
        """Ask for stock of another pool, with a reason."""
        return await once(
            request,
            idempotency_key,
            lambda: pool_crossings.ask_crossing(
                data.depot,
                data.part_number,
                data.quantity,
                by=request.user,
                from_pool=data.from_pool,
                to_pool=data.to_pool,
                reason=data.reason,
                serials=data.serials,
            ),
            status=201,
        )

    @post(
        "/{crossing_id:uuid}/approve",
        operation_id="ApprovePoolCrossing",
        status_code=200,
        guards=[requires("pools.cross")],
        responses=refusals(404, 409),
    )
    async def approve(
        self, request: ApiRequest, crossing_id: FromPath[UUID], data: JSONBody[Agreement], idempotency_key: Key = None
    ) -> Response[pool_crossings.Crossing]:
        """Agree: the pieces change their pool where they lie."""
        return await once(
            request, idempotency_key, lambda: pool_crossings.cross(crossing_id, by=request.user, reason=data.reason)
        )

    @post(
        "/{crossing_id:uuid}/refuse",
        operation_id="RefusePoolCrossing",
        status_code=200,
        guards=[requires("pools.cross")],
        responses=refusals(404, 409),
    )
    async def refuse(
        self, request: ApiRequest, crossing_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[pool_crossings.Crossing]:
        """Do not agree; question and answer stay on the record."""
        return await once(
            request, idempotency_key, lambda: pool_crossings.refuse(crossing_id, by=request.user, reason=data.reason)
        )
