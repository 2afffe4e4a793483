"""Conditions over HTTP: what pieces were found to be, what is scrapped, and what somebody hands in."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page, told
from api.problems import refusals
from api.routes.receiving import Condition, NamedPieces, Said
from api.routes.stock import Code, Quantity, Text
from inventory.catalogue import parts
from inventory.catalogue.grades import Provenance
from inventory.procurement import papers, vendors
from inventory.returns import counter, repairs
from inventory.stock import conditions, units
from inventory.stock.pieces import Pieces


class NewInspection(NamedPieces, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What pieces in one condition were found to be; to become good they passed an inspection or test."""

    was: Condition
    becomes: Condition
    finding: Said
    bin: Code | None = None


class NewProof(NamedPieces, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where pieces in one condition come from, and which of the attached papers say so."""

    was: Condition
    provenance: Provenance
    reason: Said


class NewScrapping(NamedPieces, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Defective pieces to scrap, once a second person agrees."""

    reason: Said


class Deciding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether pieces are scrapped."""

    approve: bool
    remark: Text = ""


class Inspecting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether deliveries go to quarantine until they are inspected."""

    inspect: bool


class HandIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part somebody brought: `what` is a scanned code, a part number or words, `owner` whose it is where it is not ours.

    `debt` names the piece owed back that it is brought for; `as_found` takes in what does not match any: blocked, to be
    judged, and what is owed stays owed. `quantity` is for pieces without serials that are owed.
    """

    depot: Code
    what: Annotated[str, Meta(max_length=500)] = ""
    serial: Code | None = None
    note: Text = ""
    owner: Code | None = None
    quantity: Quantity = 1
    debt: UUID | None = None
    as_found: bool = False


class Identity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an unidentified piece turned out to be."""

    part_number: Code
    serial: Code | None = None
    reason: Text = ""


class ConditionController(Controller):
    """What pieces were found to be."""

    tags = ("conditions",)

    @get(
        "/blocked-stock", operation_id="ListBlockedStock", guards=[requires("documents.read")], responses=refusals(404)
    )
    async def list_blocked(
        self,
        request: ApiRequest,
        depot: FromQuery[str | None] = None,
        condition: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[conditions.Awaiting]]:
        """List pieces that are not good stock, by store, part and piece."""
        found = await conditions.awaiting(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, conditions.AwaitingKey),
            depot=depot,
            condition=condition,
        )
        return page(request, found, limit, conditions.key_of)

    @post(
        "/proofs",
        operation_id="ProveSource",
        guards=[requires("stock.inspect")],
        responses=refusals(404, 409),
    )
    async def prove(
        self, request: ApiRequest, data: JSONBody[NewProof], idempotency_key: Key = None
    ) -> Response[papers.Proof]:
        """Say where pieces come from, by the papers attached to them, their receipt or order."""
        which = told(data, Pieces)
        return await once(
            request,
            idempotency_key,
            lambda: papers.prove(which, data.was, data.provenance, by=request.user, reason=data.reason),
            status=201,
        )

    @get("/inspections", operation_id="ListInspections", guards=[requires("documents.read")], responses=refusals(404))
    async def list_inspections(
        self,
        request: ApiRequest,
        depot: FromQuery[str | None] = None,
        part: FromQuery[str | None] = None,
        serial: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[conditions.InspectionView]]:
        """List what was found, newest first."""
        found = await conditions.inspections(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            depot=depot,
            part_number=part,
            serial=serial,
        )
        return page(request, found, limit, lambda inspection: inspection.id)

    @post("/inspections", operation_id="Inspect", guards=[requires("stock.judge")], responses=refusals(404, 409))
    async def inspect(
        self, request: ApiRequest, data: JSONBody[NewInspection], idempotency_key: Key = None
    ) -> Response[list[conditions.InspectionView]]:
        """Record what pieces were found to be, and change their condition. Needs an Idempotency-Key."""
        return await once(
            request,
            idempotency_key,
            lambda: repairs.found_to_be(
                told(data, Pieces), data.was, data.becomes, by=request.user, finding=data.finding
            ),
            status=201,
            required=True,
        )

    @get("/scrappings", operation_id="ListScrappings", guards=[requires("documents.read")], responses=refusals(404))
    async def list_scrappings(
        self,
        request: ApiRequest,
        in_state: Annotated[Literal["proposed", "approved", "refused"] | None, QueryParameter(name="state")] = None,
        depot: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[conditions.ScrappingView]]:
        """List proposals to scrap, newest first."""
        found = await conditions.scrappings(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            depot=depot,
        )
        return page(request, found, limit, lambda proposal: proposal.id)

    @post("/scrappings", operation_id="ProposeScrap", guards=[requires("stock.judge")], responses=refusals(404, 409))
    async def propose(
        self, request: ApiRequest, data: JSONBody[NewScrapping], idempotency_key: Key = None
    ) -> Response[list[conditions.ScrappingView]]:
        """Propose to scrap defective pieces. Needs an Idempotency-Key."""
        return await once(
            request,
            idempotency_key,
            lambda: repairs.propose_scrap(told(data, Pieces), by=request.user, reason=data.reason),
            status=201,
            required=True,
        )

    @post(
        "/scrappings/{number:str}/decide",
        operation_id="DecideScrap",
        status_code=200,
        guards=[requires("stock.judge")],
        responses=refusals(404, 409),
    )
    async def decide(
        self, request: ApiRequest, number: FromPath[str], data: JSONBody[Deciding], idempotency_key: Key = None
    ) -> Response[conditions.ScrappingView]:
        """Decide a proposal to scrap, as the second person."""
        return await once(
            request,
            idempotency_key,
            lambda: conditions.decide_scrap(number, by=request.user, approve=data.approve, remark=data.remark),
        )

    @post("/hand-ins", operation_id="HandIn", guards=[requires("stock.receive")], responses=refusals(404, 409))
    async def hand_in(
        self, request: ApiRequest, data: JSONBody[HandIn], idempotency_key: Key = None
    ) -> Response[counter.TakenIn]:
        """Take in what somebody brings: it settles what is owed, or waits to be judged. Needs an Idempotency-Key.

        Where a piece of that part is owed here but another one, the refusal names the serial that is expected.
        """
        return await once(
            request,
            idempotency_key,
            lambda: counter.take_in(
                data.depot,
                data.what,
                by=request.user,
                serial=data.serial,
                quantity=data.quantity,
                note=data.note,
                owner=data.owner,
                debt=data.debt,
                as_found=data.as_found,
            ),
            status=201,
            required=True,
        )

    @post(
        "/hand-ins/{tag:str}/identify",
        operation_id="Identify",
        status_code=200,
        guards=[requires("stock.judge")],
        responses=refusals(404, 409),
    )
    async def identify(
        self, request: ApiRequest, tag: FromPath[str], data: JSONBody[Identity], idempotency_key: Key = None
    ) -> Response[units.UnitView]:
        """Say what an unidentified piece is."""
        return await once(
            request,
            idempotency_key,
            lambda: counter.identify(tag, data.part_number, by=request.user, serial=data.serial, reason=data.reason),
        )

    @post(
        "/parts/{part_number:str}/inspect-on-receipt",
        operation_id="InspectPartOnReceipt",
        status_code=200,
        guards=[requires("stock.inspect")],
        responses=refusals(404),
    )
    async def inspect_part(
        self, request: ApiRequest, part_number: FromPath[str], data: JSONBody[Inspecting], idempotency_key: Key = None
    ) -> Response[parts.PartView]:
        """Say whether every delivery of a part is inspected before it is good stock."""
        return await once(
            request,
            idempotency_key,
            lambda: parts.inspect_on_receipt(part_number, by=request.user, inspect=data.inspect),
        )

    @post(
        "/vendors/{code:str}/inspect-on-receipt",
        operation_id="InspectVendorOnReceipt",
        status_code=200,
        guards=[requires("stock.inspect")],
        responses=refusals(404),
    )
    async def inspect_vendor(
        self, request: ApiRequest, code: FromPath[str], data: JSONBody[Inspecting], idempotency_key: Key = None
    ) -> Response[Inspecting]:
        """Say whether every delivery of a vendor is inspected before it is good stock."""

        async def act() -> Inspecting:
            await vendors.inspect_on_receipt(code, by=request.user, inspect=data.inspect)
            return data

        return await once(request, idempotency_key, act)
