"""Repairs over HTTP: units on the bench and at vendors, their lead times, and customers' own units."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct, structs

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.instants import Instant
from api.papers import rmas as papers
from api.problems import refusals
from api.routes.papers import PAPER, PDF, as_pdf, printed
from api.routes.shipping import Stroke
from api.routes.stock import Code, Quantity, Text
from inventory.ground.bounds import Bounded, Within
from inventory.returns import collecting, repairs
from inventory.stock import shipments

Said = Annotated[str, Meta(min_length=1, max_length=2000)]
Money = Annotated[Decimal | None, Within(0, 1_000_000_000)]


class NewRepair(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A unit of a store to repair on our own bench."""

    depot: Code
    part_number: Code
    serial: Code
    complaint: Text = ""
    failure_code: Code | None = None
    technician: Code | None = None


class Start(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who repairs it; whoever begins, where nobody is named."""

    technician: Code | None = None


class PartIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part that goes into the unit on the bench, out of good stock."""

    part_number: Code
    quantity: Quantity = 1
    serials: Annotated[list[Code], Meta(max_length=100)] = []


class Finished(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was found and done, and what it took."""

    resolution_code: repairs.Resolution
    resolution: Said
    diagnosis: Text = ""
    failure_code: Code | None = None
    labour_minutes: Annotated[int, Meta(ge=0, le=100_000)] = 0
    labour_cny: Money = None


class TestFinding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was tested, and what came of it."""

    finding: Said


class RepairReason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Said


class NewCollection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer's unit to fetch to a store."""

    device: Code
    depot: Code
    part_number: Code
    serial: Code
    complaint: Text = ""
    accessories: Text = ""
    due_at: Instant | None = None


class Collected(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who gave the unit at the site; the serial and what came with it, where they differ from what was planned."""

    given_by: Code
    serial: Code | None = None
    accessories: Text | None = None


class BroughtBack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who took the unit over; `strokes` is the signature, points in a field of 1000 × 400."""

    signed_by: Code
    strokes: Annotated[list[Stroke], Meta(max_length=shipments.STROKES)] = []


class RepairController(Controller):
    """Repairs."""

    path = "/repairs"
    tags = ("repairs",)

    @get(operation_id="ListRepairs", guards=[requires("repairs.read")], responses=refusals())
    async def list_repairs(
        self,
        request: ApiRequest,
        in_state: Annotated[repairs.State | None, QueryParameter(name="state")] = None,
        bench: FromQuery[repairs.Bench | None] = None,
        depot: FromQuery[str | None] = None,
        serial: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[repairs.RepairView]]:
        """List repairs on our bench and at vendors, newest first."""
        found = await repairs.repairs(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            bench=bench,
            depot=depot,
            serial=serial,
        )
        return page(request, found, limit, lambda repair: repair.id)

    @get("/lead-times", operation_id="GetRepairLeadTimes", guards=[requires("repairs.read")], responses=refusals())
    async def get_lead_times(self, request: ApiRequest) -> list[repairs.LeadTime]:
        """Tell how long repairs took, by part and bench; the next ones are due by it."""
        return await repairs.lead_times(limit=500, seen_by=request.user)

    @get("/{repair_id:uuid}", operation_id="GetRepair", guards=[requires("repairs.read")], responses=refusals(404))
    async def get_repair(self, request: ApiRequest, repair_id: FromPath[UUID]) -> repairs.RepairView:
        """Show one repair with what it took."""
        return await repairs.repair_view(repair_id, seen_by=request.user)

    @post(operation_id="OpenRepair", guards=[requires("repairs.work")], responses=refusals(403, 404, 409))
    async def open_repair(
        self, request: ApiRequest, data: JSONBody[NewRepair], idempotency_key: Key = None
    ) -> Response[repairs.RepairView]:
        """Open the repair of a unit on our own bench."""
        return await once(
            request,
            idempotency_key,
            lambda: repairs.open_repair(**structs.asdict(data), by=request.user),
            status=201,
        )

    @post(
        "/{repair_id:uuid}/start",
        operation_id="StartRepair",
        status_code=200,
        guards=[requires("repairs.work")],
        responses=refusals(403, 404, 409),
    )
    async def start(
        self, request: ApiRequest, repair_id: FromPath[UUID], data: JSONBody[Start], idempotency_key: Key = None
    ) -> Response[repairs.RepairView]:
        """Begin the work."""
        return await once(
            request, idempotency_key, lambda: repairs.start(repair_id, by=request.user, technician=data.technician)
        )

    @post(
        "/{repair_id:uuid}/parts",
        operation_id="UseRepairPart",
        status_code=200,
        guards=[requires("repairs.work")],
        responses=refusals(403, 404, 409, 422),
    )
    async def use_part(
        self, request: ApiRequest, repair_id: FromPath[UUID], data: JSONBody[PartIn], idempotency_key: Key = None
    ) -> Response[repairs.RepairView]:
        """Take a part out of good stock into the unit."""
        return await once(
            request,
            idempotency_key,
            lambda: repairs.use_part(
                repair_id, data.part_number, by=request.user, quantity=data.quantity, serials=data.serials
            ),
        )

    @post(
        "/{repair_id:uuid}/finish",
        operation_id="FinishRepair",
        status_code=200,
        guards=[requires("repairs.work")],
        responses=refusals(403, 404, 409, 422),
    )
    async def finish(
        self, request: ApiRequest, repair_id: FromPath[UUID], data: JSONBody[Finished], idempotency_key: Key = None
    ) -> Response[repairs.RepairView]:
        """Say what was found and done; the unit is in test."""
        return await once(
            request, idempotency_key, lambda: repairs.finish(repair_id, **structs.asdict(data), by=request.user)
        )

    @post(
        "/{repair_id:uuid}/pass",
        operation_id="PassRepair",
        status_code=200,
        guards=[requires("stock.inspect")],
        responses=refusals(403, 404, 409, 422),
    )
    async def pass_test(
        self, request: ApiRequest, repair_id: FromPath[UUID], data: JSONBody[TestFinding], idempotency_key: Key = None
    ) -> Response[repairs.RepairView]:
        """Find that the unit passed its test; it is good stock of its owner."""
        return await once(request, idempotency_key, lambda: repairs.pass_test(repair_id, data.finding, by=request.user))

    @post(
        "/{repair_id:uuid}/fail",
        operation_id="FailRepair",
        status_code=200,
        guards=[requires("stock.inspect")],
        responses=refusals(403, 404, 409, 422),
    )
    async def fail_test(
        self, request: ApiRequest, repair_id: FromPath[UUID], data: JSONBody[TestFinding], idempotency_key: Key = None
    ) -> Response[repairs.RepairView]:
        """Find that the unit failed its test; it is back on the bench."""
        return await once(request, idempotency_key, lambda: repairs.fail_test(repair_id, data.finding, by=request.user))

    @post(
        "/{repair_id:uuid}/give-up",
        operation_id="GiveUpRepair",
        status_code=200,
        guards=[requires("repairs.work")],
        responses=refusals(403, 404, 409, 422),
    )
    async def give_up(
        self, request: ApiRequest, repair_id: FromPath[UUID], data: JSONBody[RepairReason], idempotency_key: Key = None
    ) -> Response[repairs.RepairView]:
        """Say that the unit is beyond economic repair; ours is proposed for scrap."""
        return await once(
            request, idempotency_key, lambda: repairs.give_up(repair_id, by=request.user, reason=data.reason)
        )

    @post(
        "/{repair_id:uuid}/cancel",
        operation_id="CancelRepair",
        status_code=200,
        guards=[requires("repairs.work")],
        responses=refusals(403, 404, 409, 422),
    )
    async def cancel(
        self, request: ApiRequest, repair_id: FromPath[UUID], data: JSONBody[RepairReason], idempotency_key: Key = None
    ) -> Response[repairs.RepairView]:
        """Close a repair that is not to be done."""
        return await once(
            request, idempotency_key, lambda: repairs.cancel(repair_id, by=request.user, reason=data.reason)
        )


class CollectionController(Controller):
    """Customers' own units while they are with us."""

    path = "/collections"
    tags = ("repairs",)

    @get(operation_id="ListCollections", guards=[requires("repairs.read")], responses=refusals())
    async def list_collections(
        self,
        request: ApiRequest,
        in_state: Annotated[collecting.State | None, QueryParameter(name="state")] = None,
        depot: FromQuery[str | None] = None,
        device: FromQuery[str | None] = None,
        serial: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[collecting.CollectionView]]:
        """List customers' units that are to be fetched, are with us, or were brought back; newest first."""
        found = await collecting.collections(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            depot=depot,
            device=device,
            serial=serial,
        )
        return page(request, found, limit, lambda collection: collection.id)

    @get(
        "/{collection_id:uuid}",
        operation_id="GetCollection",
        guards=[requires("repairs.read")],
        responses=refusals(404),
    )
    async def get_collection(self, request: ApiRequest, collection_id: FromPath[UUID]) -> collecting.CollectionView:
        """Show one collection."""
        return await collecting.collection_view(collection_id, seen_by=request.user)

    @post(operation_id="PlanCollection", guards=[requires("collections.make")], responses=refusals(404, 409, 422))
    async def plan(
        self, request: ApiRequest, data: JSONBody[NewCollection], idempotency_key: Key = None
    ) -> Response[collecting.CollectionView]:
        """Have a customer's unit fetched."""
        return await once(
            request,
            idempotency_key,
            lambda: collecting.plan(collecting.NewCollection(**structs.asdict(data)), by=request.user),
            status=201,
        )

    @post(
        "/{collection_id:uuid}/collect",
        operation_id="CollectUnit",
        status_code=200,
        guards=[requires("collections.make")],
        responses=refusals(403, 404, 409, 422),
    )
    async def collect(
        self, request: ApiRequest, collection_id: FromPath[UUID], data: JSONBody[Collected], idempotency_key: Key = None
    ) -> Response[collecting.CollectionView]:
        """Take a fetched unit in; it stays its customer's."""
        return await once(
            request,
            idempotency_key,
            lambda: collecting.collect(collection_id, **structs.asdict(data), by=request.user),
        )

    @post(
        "/{collection_id:uuid}/bring-back",
        operation_id="BringBackUnit",
        status_code=200,
        guards=[requires("collections.make")],
        responses=refusals(403, 404, 409, 422),
    )
    async def bring_back(
        self,
        request: ApiRequest,
        collection_id: FromPath[UUID],
        data: JSONBody[BroughtBack],
        idempotency_key: Key = None,
    ) -> Response[collecting.CollectionView]:
        """Give a unit back at its site against a signature."""
        return await once(
            request,
            idempotency_key,
            lambda: collecting.bring_back(
                collection_id, by=request.user, signed_by=data.signed_by, strokes=data.strokes
            ),
        )

    @post(
        "/{collection_id:uuid}/cancel",
        operation_id="CancelCollection",
        status_code=200,
        guards=[requires("collections.make")],
        responses=refusals(403, 404, 409, 422),
    )
    async def cancel(
        self,
        request: ApiRequest,
        collection_id: FromPath[UUID],
        data: JSONBody[RepairReason],
        idempotency_key: Key = None,
    ) -> Response[collecting.CollectionView]:
        """Give up a collection that was not made."""
        return await once(
            request, idempotency_key, lambda: collecting.cancel(collection_id, by=request.user, reason=data.reason)
        )

    @get(
        "/{collection_id:uuid}/papers/collection_note",
        operation_id="PrintCollectionNote",
        guards=[requires("repairs.read")],
        responses=printed(404),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_note(self, request: ApiRequest, collection_id: FromPath[UUID]) -> Response[bytes]:
        """Print the collection note, to be signed at the site."""
        return await as_pdf(await papers.collection_note(collection_id, seen_by=request.user))
