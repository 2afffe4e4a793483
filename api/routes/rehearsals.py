"""Rehearsals of emergency plan 2 over HTTP: a past period, or a made-up burst."""

from typing import Annotated

from litestar import Controller, post
from litestar.params import JSONBody
from msgspec import Meta, Struct, structs

from api.access import requires
from api.answers import ApiRequest
from api.instants import Instant
from api.problems import refusals
from api.routes.stock import Code
from inventory.emergency import rehearsals
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
        status_code=200,
        guards=[requires("emergency.read")],
        responses=refusals(409),
    )
    async def past(self, request: ApiRequest, data: JSONBody[PastPeriod]) -> rehearsals.Rehearsal:
        """Play the failures of a past period against today's plan; nothing is changed, so it needs no idempotency key."""
        return await rehearsals.past(data.since, data.until, seen_by=request.user)

    @post(
        "/emergency-rehearsals/burst",
        operation_id="RehearseBurst",
        status_code=200,
        guards=[requires("emergency.read")],
        responses=refusals(404, 409),
    )
    async def burst(self, request: ApiRequest, data: JSONBody[MadeUpBurst]) -> rehearsals.Rehearsal:
        """Play a made-up burst against the stock as it stands; nothing is changed, so it needs no idempotency key."""
        return await rehearsals.imagined(rehearsals.ImaginedBurst(**structs.asdict(data)), seen_by=request.user)
