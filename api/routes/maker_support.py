"""Emergency plan 1 over HTTP: our expert's attempts, and makers called in for part requests."""

from datetime import date
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.instants import Instant
from api.problems import refusals
from api.routes.stock import Code, Reason, Text
from inventory.emergency import maker_support

Short = Annotated[str, Meta(min_length=1, max_length=200)]
Long = Annotated[str, Meta(min_length=1, max_length=10_000)]


class NewAttempt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an expert of ours tried; `attempted_at` is now where it is not given."""

    expert: Short
    tried: Annotated[str, Meta(min_length=1, max_length=2000)]
    attempted_at: Instant | None = None


class Report(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which project manager it was reported to; the one on duty where nobody is named."""

    to: Short | None = None


class MakerCall(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The maker to call in, through one of its authorised vendors or by itself, and whom to reach there how."""

    maker: Code
    contact: Short
    contact_verified_on: date
    contact_phone: Short | None = None
    through: Code | None = None
    note: Text = ""


class MakerProgress(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happened, and when (now where not given): a maker that takes the case gives its `reference`."""

    kind: maker_support.Progress
    at: Instant | None = None
    remark: Text = ""
    reference: Short | None = None
    onsite_at: Instant | None = None


class MakerCaseEnd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it was solved, and what was learned."""

    note: Long
    lessons: Text = ""


class MakerSupportController(Controller):
    """Plan 1 from our own attempt to the closing note."""

    tags = ("emergency",)

    @get(
        "/part-requests/{request_id:uuid}/maker-support",
        operation_id="GetMakerSupport",
        guards=[requires("emergency.read")],
        responses=refusals(404),
    )
    async def get_support(self, request: ApiRequest, request_id: FromPath[UUID]) -> maker_support.Support:
        """Show what was tried for a request, which makers can be called in, and which were."""
        return await maker_support.support(request_id, seen_by=request.user)

    @post(
        "/part-requests/{request_id:uuid}/expert-attempts",
        operation_id="RecordExpertAttempt",
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def record_attempt(
        self, request: ApiRequest, request_id: FromPath[UUID], data: JSONBody[NewAttempt], idempotency_key: Key = None
    ) -> Response[maker_support.Attempt]:
        """Record what an expert of ours tried."""
        return await once(
            request,
            idempotency_key,
            lambda: maker_support.record_attempt(
                request_id, expert=data.expert, tried=data.tried, attempted_at=data.attempted_at, by=request.user
            ),
            status=201,
        )

    @post(
        "/expert-attempts/{attempt_id:uuid}/report",
        operation_id="ReportExpertAttempt",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def report_attempt(
        self, request: ApiRequest, attempt_id: FromPath[UUID], data: JSONBody[Report], idempotency_key: Key = None
    ) -> Response[maker_support.Attempt]:
        """Say that an attempt was reported to the project manager."""
        return await once(
            request, idempotency_key, lambda: maker_support.report_attempt(attempt_id, to=data.to, by=request.user)
        )

    @post(
        "/part-requests/{request_id:uuid}/maker-cases",
        operation_id="OpenMakerCase",
        guards=[requires("emergency.declare")],
        responses=refusals(404, 409),
    )
    async def open_case(
        self, request: ApiRequest, request_id: FromPath[UUID], data: JSONBody[MakerCall], idempotency_key: Key = None
    ) -> Response[maker_support.Summary]:
        """Call a maker in for a request; our own attempt and its report have to come first."""
        new = maker_support.NewMakerCase(
            maker=data.maker,
            contact=data.contact,
            contact_verified_on=data.contact_verified_on,
            contact_phone=data.contact_phone,
            through=data.through,
            note=data.note,
        )
        return await once(
            request, idempotency_key, lambda: maker_support.open_case(request_id, new, by=request.user), status=201
        )

    @get("/maker-cases", operation_id="ListMakerCases", guards=[requires("emergency.read")], responses=refusals())
    async def list_cases(
        self, request: ApiRequest, *, live: FromQuery[bool] = False, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[maker_support.Summary]]:
        """List plans 1, newest first; `live` keeps those that are not over."""
        found = await maker_support.summaries(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), live_only=live
        )
        return page(request, found, limit, lambda each: each.id)

    @get(
        "/maker-cases/{maker_case_id:uuid}",
        operation_id="GetMakerCase",
        guards=[requires("emergency.read")],
        responses=refusals(404),
    )
    async def get_case(self, request: ApiRequest, maker_case_id: FromPath[UUID]) -> maker_support.View:
        """Show one plan 1 with our attempt and the maker's progress."""
        return await maker_support.view(maker_case_id, seen_by=request.user)

    @post(
        "/maker-cases/{maker_case_id:uuid}/progress",
        operation_id="NoteMakerProgress",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def note_progress(
        self,
        request: ApiRequest,
        maker_case_id: FromPath[UUID],
        data: JSONBody[MakerProgress],
        idempotency_key: Key = None,
    ) -> Response[maker_support.Summary]:
        """Write down how a maker's support goes on."""
        return await once(
            request,
            idempotency_key,
            lambda: maker_support.note_progress(
                maker_case_id,
                data.kind,
                at=data.at,
                remark=data.remark,
                reference=data.reference,
                onsite_at=data.onsite_at,
                by=request.user,
            ),
        )

    @post(
        "/maker-cases/{maker_case_id:uuid}/close",
        operation_id="CloseMakerCase",
        status_code=200,
        guards=[requires("emergency.close")],
        responses=refusals(404, 409),
    )
    async def close(
        self,
        request: ApiRequest,
        maker_case_id: FromPath[UUID],
        data: JSONBody[MakerCaseEnd],
        idempotency_key: Key = None,
    ) -> Response[maker_support.Summary]:
        """Close a plan 1 that is solved."""
        return await once(
            request,
            idempotency_key,
            lambda: maker_support.close(maker_case_id, note=data.note, lessons=data.lessons, by=request.user),
        )

    @post(
        "/maker-cases/{maker_case_id:uuid}/withdraw",
        operation_id="WithdrawMakerCase",
        status_code=200,
        guards=[requires("emergency.declare")],
        responses=refusals(404, 409),
    )
    async def withdraw(
        self, request: ApiRequest, maker_case_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[maker_support.Summary]:
        """Call a maker off."""
        return await once(
            request, idempotency_key, lambda: maker_support.withdraw(maker_case_id, reason=data.reason, by=request.user)
        )
