"""Stock over HTTP: levels, units, movements, reservations, receipts, transfers, adjustments."""

from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct, structs

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page, told
from api.instants import Instant
from api.problems import refusals
from inventory.ground import clock
from inventory.procurement import receiving
from inventory.requests import holding
from inventory.stock import (
    levels,
    lots,
    movements,
    promises,
    receipts,
    reservations,
    reserving,
    shipments,
    tags,
    time_travel,
    transfers,
    units,
)
from inventory.stock.pools import COMMON

Code = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
Quantity = Annotated[int, Meta(ge=1, le=1_000_000)]
Text = Annotated[str, Meta(max_length=2000)]

Line = Literal["critical_point", "average_failure_line", "reorder_point", "base_stock"]


class NewReservation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stock to hold; from `starts_at` on, if one is given, and free until then."""

    part_number: Code
    depot: Code
    quantity: Quantity
    pool: Code = COMMON
    reference: Code | None = None
    priority: Annotated[int, Meta(ge=0, le=100)] = 0
    priority_class: Code | None = None
    starts_at: Instant | None = None
    expires_at: Instant | None = None


class Posting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a reservation is handed out; everything that was held, oldest units first, unless it says otherwise."""

    quantity: Quantity | None = None
    serials: Annotated[list[Code], Meta(max_length=1000)] = []
    to: Code = "ISSUED"
    occurred_at: Instant | None = None
    keep_rest: bool = False


class ReceiptLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part that came in."""

    part_number: Code
    quantity: Quantity
    serials: Annotated[list[Code], Meta(max_length=1000)] = []
    condition: Literal["good", "defective", "quarantine", "unknown"] = "good"
    reason: Text = ""


class NewReceipt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Goods that came in for a purchase order."""

    purchase_order: Code
    lines: Annotated[list[ReceiptLine], Meta(min_length=1, max_length=200)]
    remark: Text = ""


class NewAdjustment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A correction of the books; negative when pieces are missing."""

    depot: Code
    part_number: Code
    quantity: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]
    pool: Code = COMMON
    condition: Literal["good", "defective", "quarantine", "unknown"] = "good"
    serials: Annotated[list[Code], Meta(max_length=1000)] = []


class TransferItem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part to send: of ours, or of the vendor or customer that `owner` names; it stays theirs."""

    part_number: Code
    quantity: Quantity
    pool: Code = COMMON
    owner: Code | None = None


class NewTransfer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stock to send to another store; the fastest way, unless it names one."""

    from_depot: Code
    to_depot: Code
    mode: shipments.Mode | None = None
    lines: Annotated[list[TransferItem], Meta(min_length=1, max_length=200)]


class PackedPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a part lies in a package."""

    part_number: Code
    quantity: Quantity
    serials: Annotated[list[Code], Meta(max_length=1000)] = []


class NewPackage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A package; without contents, the first one holds everything."""

    weight_kg: Annotated[float, Meta(gt=0, le=2000)] | None = None
    contents: Annotated[list[PackedPart], Meta(max_length=200)] = []


class Dispatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How something leaves; what is not known yet may be missing."""

    mode: shipments.Mode | None = None
    carrier: Code | None = None
    courier_phone: Code | None = None
    waybill: Code | None = None
    packages: Annotated[list[NewPackage], Meta(max_length=50)] = []


class Shipping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a transfer leaves."""

    waybill: Code | None = None
    serials: Annotated[list[Code], Meta(max_length=1000)] = []
    how: Dispatch | None = None


class TakingIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a transfer arrived; everything, unless counts are given."""

    received: dict[Code, Annotated[int, Meta(ge=0, le=1_000_000)]] | None = None
    reason: Text = ""


class Reason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class Tagging(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tag on the label in hand; without one, a new tag is made."""

    tag: Code | None = None


class UnitLife(Struct, frozen=True, kw_only=True):
    """A unit and everything that happened to it."""

    unit: units.UnitView
    movements: list[units.UnitMovement]


def key_of_stock(line: time_travel.StockAsOf) -> time_travel.StockKey:
    """What a line of past stock is found again by, for the cursor."""
    return line.part_number, line.depot, line.condition, line.owner, line.pool, line.bin or ""


class StockController(Controller):
    """What is there, and how it got there."""

    tags = ("stock",)

    @get("/levels", operation_id="ListLevels", guards=[requires("stock.read")], responses=refusals(404))
    async def list_levels(
        self,
        request: ApiRequest,
        part: FromQuery[str | None] = None,
        depot: FromQuery[str | None] = None,
        pool: FromQuery[str | None] = None,
        below: FromQuery[Line | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[levels.LevelView]]:
        """List good stock per part, store and pool against its lines."""
        found = await levels.levels(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, tuple[str, str, str]),
            part_number=part,
            depot=depot,
            pool=pool,
            below=below,
        )
        return page(request, found, limit, lambda level: (level.part_number, level.depot, level.pool))

    @get("/units", operation_id="ListUnits", guards=[requires("stock.read")], responses=refusals(404))
    async def list_units(
        self,
        request: ApiRequest,
        part: FromQuery[str | None] = None,
        depot: FromQuery[str | None] = None,
        condition: FromQuery[str | None] = None,
        as_of: FromQuery[Instant | None] = None,
        known_at: FromQuery[Instant | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[units.UnitView]]:
        """List serialised pieces where they are; with `as_of` where they were then, by what was recorded by `known_at`."""
        asked = {"seen_by": request.user, "part_number": part, "depot": depot, "condition": condition}
        after = decode_cursor(cursor, UUID)
        found = (
            await units.units(limit=limit + 1, after=after, **asked)
            if as_of is None and known_at is None
            else await time_travel.units_as_of(
                as_of or clock.now(), limit=limit + 1, after=after, known_at=known_at, **asked
            )
        )
        return page(request, found, limit, lambda unit: unit.id)

    @get("/units/{serial:str}", operation_id="GetUnit", guards=[requires("stock.read")], responses=refusals(404, 409))
    async def get_unit(
        self, request: ApiRequest, serial: FromPath[str], part: FromQuery[str | None] = None
    ) -> units.UnitView:
        """Show one piece, by serial or tag; `part` tells two makers' same serial apart."""
        return await units.unit(serial, seen_by=request.user, part_number=part)

    @get(
        "/units/{serial:str}/history",
        operation_id="GetUnitHistory",
        guards=[requires("stock.read")],
        responses=refusals(404, 409),
    )
    async def get_unit_history(
        self, request: ApiRequest, serial: FromPath[str], part: FromQuery[str | None] = None
    ) -> UnitLife:
        """Show one piece with everything that happened to it."""
        unit = await units.unit(serial, seen_by=request.user, part_number=part)
        return UnitLife(unit=unit, movements=await units.life(unit.id, seen_by=request.user))

    @get("/lots", operation_id="ListLots", guards=[requires("stock.read")], responses=refusals(404))
    async def list_lots(
        self,
        request: ApiRequest,
        part: FromQuery[str | None] = None,
        depot: FromQuery[str | None] = None,
        lot: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[lots.LotStock]]:
        """List pieces without serials per lot, store and bin; by `lot`, where a bad batch lies."""
        found = await lots.lot_stocks(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, tuple[str, str, int]),
            part_number=part,
            depot=depot,
            number=lot,
        )
        return page(request, found, limit, lambda line: (line.part_number, line.lot, line.id))

    @post(
        "/units/{serial:str}/tag",
        operation_id="TagUnit",
        status_code=200,
        guards=[requires("stock.receive")],
        responses=refusals(404, 409),
    )
    async def tag_unit(
        self,
        request: ApiRequest,
        serial: FromPath[str],
        data: JSONBody[Tagging],
        part: FromQuery[str | None] = None,
        idempotency_key: Key = None,
    ) -> Response[units.UnitView]:
        """Give a piece our tag: the one on the label in hand, or a new one; `part` tells two makers' same serial apart."""
        return await once(
            request, idempotency_key, lambda: tags.assign(serial, data.tag, by=request.user, part_number=part)
        )

    @get("/movements", operation_id="ListMovements", guards=[requires("stock.read")], responses=refusals(404))
    async def list_movements(
        self,
        request: ApiRequest,
        since: Annotated[Instant | None, QueryParameter(name="from")] = None,
        until: Annotated[Instant | None, QueryParameter(name="to")] = None,
        part: FromQuery[str | None] = None,
        depot: FromQuery[str | None] = None,
        document: FromQuery[str | None] = None,
        kind: FromQuery[str | None] = None,
        actor: FromQuery[str | None] = None,
        serial: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[movements.MovementView]]:
        """List the ledger, latest occurrence first."""
        found = await movements.movements(
            limit=limit + 1,
            seen_by=request.user,
            before=decode_cursor(cursor, tuple[Instant, UUID]),
            part_number=part,
            depot=depot,
            since=since,
            until=until,
            document=document,
            kind=kind,
            actor=actor,
            serial=serial,
        )
        return page(request, found, limit, lambda line: (line.occurred_at, line.id))

    @get("/stock", operation_id="GetStockAsOf", guards=[requires("stock.read")], responses=refusals(404))
    async def get_stock(
        self,
        request: ApiRequest,
        as_of: FromQuery[Instant],
        known_at: FromQuery[Instant | None] = None,
        part: FromQuery[str | None] = None,
        depot: FromQuery[str | None] = None,
        detail: Annotated[Literal["bin"] | None, QueryParameter(description="`bin` tells each bin by itself")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[time_travel.StockAsOf]]:
        """Show what the stores held at an instant; `known_at` takes only what was recorded by then."""
        found = await time_travel.stock_as_of(
            as_of,
            limit=limit + 1,
            seen_by=request.user,
            known_at=known_at,
            part_number=part,
            depot=depot,
            bins=detail == "bin",
            after=decode_cursor(cursor, time_travel.StockKey),
        )
        return page(request, found, limit, key_of_stock)

    @post("/adjustments", operation_id="AdjustStock", guards=[requires("stock.adjust")], responses=refusals(404, 409))
    async def adjust(
        self, request: ApiRequest, data: JSONBody[NewAdjustment], idempotency_key: Key = None
    ) -> Response[levels.LevelView]:
        """Correct the books, with a reason; needs an Idempotency-Key."""

        async def act() -> levels.LevelView:
            change = await receipts.adjust(
                data.depot,
                data.part_number,
                data.quantity,
                by=request.user,
                reason=data.reason,
                pool=data.pool,
                condition=data.condition,
                serials=data.serials,
            )
            return await levels.level_at(change.part, change.place, change.pool)

        return await once(request, idempotency_key, act, status=201, required=True)


class ReservationController(Controller):
    """Stock held for one purpose, in two phases."""

    path = "/reservations"
    tags = ("reservations",)

    @get(operation_id="ListReservations", guards=[requires("documents.read")], responses=refusals(404))
    async def list_reservations(
        self,
        request: ApiRequest,
        part: FromQuery[str | None] = None,
        depot: FromQuery[str | None] = None,
        in_state: Annotated[reservations.State | None, QueryParameter(name="state")] = None,
        holder: FromQuery[str | None] = None,
        priority_class: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[reservations.Reservation]]:
        """List reservations, newest first."""
        found = await reservations.reservations(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            part_number=part,
            depot=depot,
            holder=holder,
            priority_class=priority_class,
        )
        return page(request, found, limit, lambda held: held.id)

    @get(
        "/{reservation_id:uuid}",
        operation_id="GetReservation",
        guards=[requires("documents.read")],
        responses=refusals(404),
    )
    async def get_reservation(self, request: ApiRequest, reservation_id: FromPath[UUID]) -> reservations.Reservation:
        """Show one reservation."""
        return await reservations.reservation_view(reservation_id, seen_by=request.user)

    @post(operation_id="Reserve", guards=[requires("reservations.make")], responses=refusals(404, 409))
    async def reserve(
        self, request: ApiRequest, data: JSONBody[NewReservation], idempotency_key: Key = None
    ) -> Response[reservations.Reservation]:
        """Hold stock, or promise it from a moment to come."""
        wanted = reserving.Wanted(
            part_number=data.part_number,
            depot=data.depot,
            quantity=data.quantity,
            by=request.user,
            pool=data.pool,
            reference=data.reference,
            priority=data.priority,
            priority_class=data.priority_class,
            expires_at=data.expires_at,
        )
        named = structs.asdict(wanted)
        if data.starts_at is not None:
            starts_at = data.starts_at
            return await once(
                request, idempotency_key, lambda: promises.promise(starts_at=starts_at, **named), status=201
            )
        return await once(
            request,
            idempotency_key,
            lambda: reservations.reserve(**named),
            status=201,
            along=partial(reserving.reserve, wanted),
        )

    @post(
        "/{reservation_id:uuid}/post",
        operation_id="PostReservation",
        status_code=200,
        guards=[requires("stock.issue")],
        responses=refusals(404, 409),
    )
    async def post_reservation(
        self, request: ApiRequest, reservation_id: FromPath[UUID], data: JSONBody[Posting], idempotency_key: Key = None
    ) -> Response[reservations.Reservation]:
        """Hand out what was held, all or a part; the rest is released, or kept if asked."""
        return await once(
            request,
            idempotency_key,
            lambda: holding.post_reservation(
                reservation_id,
                by=request.user,
                to=data.to,
                quantity=data.quantity,
                serials=data.serials,
                occurred_at=data.occurred_at,
                keep_rest=data.keep_rest,
            ),
        )

    @post(
        "/{reservation_id:uuid}/void",
        operation_id="VoidReservation",
        status_code=200,
        guards=[requires("reservations.make")],
        responses=refusals(404, 409),
    )
    async def void(
        self, request: ApiRequest, reservation_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[reservations.Reservation]:
        """Let go of what was held."""
        return await once(request, idempotency_key, lambda: holding.void_reservation(reservation_id, by=request.user))


class ReceiptController(Controller):
    """Goods coming in."""

    path = "/receipts"
    tags = ("receipts",)

    @post(operation_id="ReceiveGoods", guards=[requires("stock.receive")], responses=refusals(404, 409))
    async def receive(
        self, request: ApiRequest, data: JSONBody[NewReceipt], idempotency_key: Key = None
    ) -> Response[receipts.ReceiptView]:
        """Take goods in against a purchase order; needs an Idempotency-Key."""
        lines = told(data.lines, list[receipts.Incoming])
        return await once(
            request,
            idempotency_key,
            lambda: receiving.receive_order(data.purchase_order, lines, by=request.user, remark=data.remark),
            status=201,
            required=True,
        )


class TransferController(Controller):
    """Stock between stores, in transit until taken in."""

    path = "/transfers"
    tags = ("transfers",)

    @get(operation_id="ListTransfers", guards=[requires("documents.read")], responses=refusals(404))
    async def list_transfers(
        self,
        request: ApiRequest,
        depot: FromQuery[str | None] = None,
        in_state: Annotated[transfers.State | None, QueryParameter(name="state")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[transfers.TransferView]]:
        """List transfers, newest first."""
        found = await transfers.transfers(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state, depot=depot
        )
        return page(request, found, limit, lambda transfer: transfer.id)

    @get(
        "/{transfer_id:uuid}", operation_id="GetTransfer", guards=[requires("documents.read")], responses=refusals(404)
    )
    async def get_transfer(self, request: ApiRequest, transfer_id: FromPath[UUID]) -> transfers.TransferView:
        """Show one transfer."""
        return await transfers.transfer_view(transfer_id, seen_by=request.user)

    @post(operation_id="DraftTransfer", guards=[requires("stock.transfer")], responses=refusals(404, 409))
    async def draft(
        self, request: ApiRequest, data: JSONBody[NewTransfer], idempotency_key: Key = None
    ) -> Response[transfers.TransferView]:
        """Promise stock to another store; needs an Idempotency-Key."""
        items = told(data.lines, list[transfers.TransferItem])
        return await once(
            request,
            idempotency_key,
            lambda: transfers.draft_transfer(data.from_depot, data.to_depot, items, by=request.user, mode=data.mode),
            status=201,
            required=True,
        )

    @post(
        "/{transfer_id:uuid}/ship",
        operation_id="ShipTransfer",
        status_code=200,
        guards=[requires("stock.transfer")],
        responses=refusals(404, 409),
    )
    async def ship(
        self, request: ApiRequest, transfer_id: FromPath[UUID], data: JSONBody[Shipping], idempotency_key: Key = None
    ) -> Response[transfers.TransferView]:
        """Hand a transfer to the carrier."""
        return await once(
            request,
            idempotency_key,
            lambda: transfers.ship(
                transfer_id,
                by=request.user,
                waybill=data.waybill,
                serials=data.serials,
                how=told(data.how, shipments.Dispatch | None),
            ),
        )

    @post(
        "/{transfer_id:uuid}/receive",
        operation_id="ReceiveTransfer",
        status_code=200,
        guards=[requires("stock.transfer")],
        responses=refusals(404, 409),
    )
    async def take_in(
        self, request: ApiRequest, transfer_id: FromPath[UUID], data: JSONBody[TakingIn], idempotency_key: Key = None
    ) -> Response[transfers.TransferView]:
        """Take a transfer in."""
        return await once(
            request,
            idempotency_key,
            lambda: transfers.take_in(transfer_id, by=request.user, received=data.received, reason=data.reason),
        )

    @post(
        "/{transfer_id:uuid}/cancel",
        operation_id="CancelTransfer",
        status_code=200,
        guards=[requires("stock.transfer")],
        responses=refusals(404, 409),
    )
    async def cancel(
        self, request: ApiRequest, transfer_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[transfers.TransferView]:
        """Give up a transfer that has not shipped."""
        return await once(
            request, idempotency_key, lambda: transfers.cancel(transfer_id, by=request.user, reason=data.reason)
        )
