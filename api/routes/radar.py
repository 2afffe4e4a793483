"""The burst radar over HTTP: series and alarms, blocking a batch, claiming it at its vendor."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.papers import claims as papers
from api.problems import refusals
from api.routes.papers import PAPER, PDF, as_pdf, printed
from api.routes.stock import Code
from inventory.emergency import claiming, radar_views
from inventory.emergency.series import Dimension
from inventory.procurement import claims
from inventory.stock import batches, conditions

Said = Annotated[str, Meta(min_length=1, max_length=2000)]


class Batch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of a part with one receipt, and why something is done about it."""

    receipt: Code
    part_number: Code
    reason: Said


class Sent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The number that the vendor gave a claim, if it did."""

    vendor_number: Annotated[str, Meta(max_length=200)] = ""


class Answered(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the vendor said to a claim, and its number of it."""

    answer: Said
    vendor_number: Annotated[str, Meta(max_length=200)] = ""


class Outcome(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a claim ended."""

    outcome: Said


class RadarController(Controller):
    """Failures far above what is expected, by part, model, firmware, batch, site and supplier."""

    tags = ("radar",)

    @get("/radar", operation_id="ListRadar", guards=[requires("emergency.read")], responses=refusals())
    async def list_series(
        self,
        request: ApiRequest,
        dimension: FromQuery[Dimension | None] = None,
        *,
        all_of_them: Annotated[bool, QueryParameter(name="all")] = False,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[radar_views.SeriesView]]:
        """List series in alarm and rising, the strongest first; `all` adds those in which something failed within a year."""
        found = await radar_views.series_views(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, radar_views.SeriesKey),
            dimension=dimension,
            all_of_them=all_of_them,
        )
        return page(request, found, limit, radar_views.key_of)

    @get(
        "/radar/{series_id:uuid}",
        operation_id="GetRadarSeries",
        guards=[requires("emergency.read")],
        responses=refusals(404),
    )
    async def get_series(self, request: ApiRequest, series_id: FromPath[UUID]) -> radar_views.SeriesView:
        """Show one series."""
        return await radar_views.series_view(series_id, seen_by=request.user)

    @get("/radar-status", operation_id="GetRadarStatus", guards=[requires("emergency.read")], responses=refusals())
    async def get_status(self, request: ApiRequest) -> radar_views.RadarHead | None:
        """Show how many series are watched, and how many false alarms a year that gives at most."""
        return await radar_views.head(seen_by=request.user)

    @get("/radar-alarms", operation_id="ListRadarAlarms", guards=[requires("emergency.read")], responses=refusals())
    async def list_alarms(
        self,
        request: ApiRequest,
        in_state: Annotated[radar_views.AlarmState | None, QueryParameter(name="state")] = None,
        dimension: FromQuery[Dimension | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[radar_views.AlarmView]]:
        """List alarms, latest noticed first, with those that are over or were withdrawn."""
        found = await radar_views.alarms(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            dimension=dimension,
        )
        return page(request, found, limit, lambda alarm: alarm.id)

    @get("/batches", operation_id="ListBatchPieces", guards=[requires("stock.read")], responses=refusals(404))
    async def list_pieces(
        self, request: ApiRequest, receipt: FromQuery[str], part: FromQuery[str]
    ) -> list[batches.BatchPlace]:
        """List where the pieces of a part lie that came with one receipt."""
        return await batches.whereabouts(receipt, part, seen_by=request.user)

    @post(
        "/batch-quarantines",
        operation_id="QuarantineBatch",
        guards=[requires("stock.judge")],
        responses=refusals(403, 404, 409, 422),
    )
    async def quarantine(
        self, request: ApiRequest, data: JSONBody[Batch], idempotency_key: Key = None
    ) -> Response[list[conditions.InspectionView]]:
        """Block every good piece of a batch that lies on a shelf, all of them or none."""
        return await once(
            request,
            idempotency_key,
            lambda: batches.quarantine(data.receipt, data.part_number, by=request.user, reason=data.reason),
            status=201,
        )


class ClaimController(Controller):
    """Quality claims at vendors."""

    path = "/quality-claims"
    tags = ("radar",)

    @get(operation_id="ListQualityClaims", guards=[requires("claims.read")], responses=refusals())
    async def list_claims(
        self,
        request: ApiRequest,
        in_state: Annotated[claims.State | None, QueryParameter(name="state")] = None,
        vendor: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[claims.ClaimView]]:
        """List claims, newest first."""
        found = await claims.claims(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            vendor=vendor,
        )
        return page(request, found, limit, lambda claim: claim.id)

    @get("/{claim_id:uuid}", operation_id="GetQualityClaim", guards=[requires("claims.read")], responses=refusals(404))
    async def get_claim(self, request: ApiRequest, claim_id: FromPath[UUID]) -> claims.ClaimView:
        """Show one claim with its evidence."""
        return await claims.claim_view(claim_id, seen_by=request.user)

    @post(operation_id="OpenQualityClaim", guards=[requires("claims.open")], responses=refusals(404, 409, 422))
    async def open_claim(
        self, request: ApiRequest, data: JSONBody[Batch], idempotency_key: Key = None
    ) -> Response[claims.ClaimView]:
        """Claim a part of a receipt at the vendor that delivered it; the evidence is frozen."""
        return await once(
            request,
            idempotency_key,
            lambda: claiming.claim(data.receipt, data.part_number, by=request.user, reason=data.reason),
            status=201,
        )

    @post(
        "/{claim_id:uuid}/send",
        operation_id="SendQualityClaim",
        status_code=200,
        guards=[requires("claims.settle")],
        responses=refusals(404, 409),
    )
    async def send(
        self, request: ApiRequest, claim_id: FromPath[UUID], data: JSONBody[Sent], idempotency_key: Key = None
    ) -> Response[claims.ClaimView]:
        """Note that a claim was put to its vendor."""
        return await once(
            request, idempotency_key, lambda: claims.send(claim_id, by=request.user, vendor_number=data.vendor_number)
        )

    @post(
        "/{claim_id:uuid}/answer",
        operation_id="AnswerQualityClaim",
        status_code=200,
        guards=[requires("claims.settle")],
        responses=refusals(404, 409, 422),
    )
    async def answer(
        self, request: ApiRequest, claim_id: FromPath[UUID], data: JSONBody[Answered], idempotency_key: Key = None
    ) -> Response[claims.ClaimView]:
        """Write down what the vendor answered."""
        return await once(
            request,
            idempotency_key,
            lambda: claims.answer(claim_id, data.answer, by=request.user, vendor_number=data.vendor_number),
        )

    @post(
        "/{claim_id:uuid}/close",
        operation_id="CloseQualityClaim",
        status_code=200,
        guards=[requires("claims.settle")],
        responses=refusals(404, 409, 422),
    )
    async def close(
        self, request: ApiRequest, claim_id: FromPath[UUID], data: JSONBody[Outcome], idempotency_key: Key = None
    ) -> Response[claims.ClaimView]:
        """Close a claim, saying how it ended."""
        return await once(request, idempotency_key, lambda: claims.close(claim_id, data.outcome, by=request.user))

    @get(
        "/{claim_id:uuid}/papers/quality_claim",
        operation_id="PrintQualityClaim",
        guards=[requires("claims.read")],
        responses=printed(404),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_claim(self, request: ApiRequest, claim_id: FromPath[UUID]) -> Response[bytes]:
        """Print the letter that puts a claim to its vendor."""
        return await as_pdf(await papers.claim_letter(claim_id, seen_by=request.user))
