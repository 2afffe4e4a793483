"""Rehearsals of emergency plan 2 over HTTP: a past period, or a made-up burst."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct, structs

from api.access import requires
from api.answers import ApiRequest, Key, once
from api.instants import Instant
from api.problems import refusals
from api.routes.stock import Code
from inventory.emergency import rehearsals
from inventory.ground.progress import JobView
from inventory.stock.pools import COMMON


class PastPeriod(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A period that is over, of at most 92 days."""

    since: Instant
    until: Instant


class MadeUpBurst(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A burst of so many `failures`, or of `factor` times the usual rate, evenly over `days` from `from_day` on."""

    part_number: Code
    depot: Code
    pool: Code = COMMON
    failures: Annotated[int, Meta(ge=1, le=rehearsals.FAILURES_MAX)] | None = None
    factor: Annotated[float, Meta(gt=0, le=1000)] | None = None
    from_day: Annotated[int, Meta(ge=0, le=rehearsals.BURST_DAYS_MAX)] = 0
    days: Annotated[int, Meta(ge=1, le=rehearsals.BURST_DAYS_MAX)] = 14


class RehearsalController(Controller):
    """What plan 2 would do, without any stock being touched."""

    tags = ("emergency",)

    @post(
        "/emergency-rehearsals/past",
        operation_id="RehearsePast",
        status_code=202,
        guards=[requires("emergency.read")],
        responses=refusals(403, 409),
    )
    async def past(
        self, request: ApiRequest, data: JSONBody[PastPeriod], idempotency_key: Key = None
    ) -> Response[JobView]:
        """Have the failures of a past period played against today's plan; the answer is the job to watch."""
        return await once(
            request,
            idempotency_key,
            lambda: rehearsals.ask_past(data.since, data.until, by=request.user),
            status=202,
        )

    @post(
        "/emergency-rehearsals/burst",
        operation_id="RehearseBurst",
        status_code=202,
        guards=[requires("emergency.read")],
        responses=refusals(403, 404, 409),
    )
    async def burst(
        self, request: ApiRequest, data: JSONBody[MadeUpBurst], idempotency_key: Key = None
    ) -> Response[JobView]:
        """Have a made-up burst played against the stock as it stands; the answer is the job to watch."""
        burst = rehearsals.ImaginedBurst(**structs.asdict(data))
        return await once(request, idempotency_key, lambda: rehearsals.ask_burst(burst, by=request.user), status=202)

    @get(
        "/emergency-rehearsals/{job_id:uuid}",
        operation_id="GetRehearsal",
        guards=[requires("emergency.read")],
        responses=refusals(403, 404, 409),
    )
    async def outcome(self, request: ApiRequest, job_id: FromPath[UUID]) -> rehearsals.Rehearsal:
        """Show what came of a rehearsal, to whoever asked for it."""
        return await rehearsals.rehearsal(job_id, seen_by=request.user)

    @post(
        "/emergency-rehearsals/{job_id:uuid}/cancel",
        operation_id="CancelRehearsal",
        status_code=200,
        guards=[requires("emergency.read")],
        responses=refusals(403, 404, 409),
    )
    async def cancel(
        self, request: ApiRequest, job_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[JobView]:
        """Ask one's own rehearsal to stop."""
        return await once(request, idempotency_key, lambda: rehearsals.stop(job_id, by=request.user))
