"""Emergency plan 2 over HTTP: cases, near misses, bursts, the policy."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from litestar import Controller, Response, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.problems import refusals
from api.routes.platform import Done
from api.routes.stock import Code, Reason, Text
from inventory.emergency import assessments, cases, choosing, declaring, near_misses, policy, recovering, related
from inventory.ground import clock
from inventory.stock.pools import COMMON

Money = Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,2})?$")]
"""An amount of yuan as a decimal string, zero or more."""


class Declaration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An emergency that a person declares."""

    part_number: Code
    depot: Code
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]
    pool: Code = COMMON


class Closing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a case ends."""

    note: Annotated[str, Meta(min_length=1, max_length=10_000)]
    lessons: Text = ""


class HandSetPoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A critical point set by hand, for a while."""

    part_number: Code
    depot: Code
    point: Annotated[int, Meta(ge=0, le=1_000_000)]
    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    days: Annotated[int, Meta(ge=1, le=366)]
    pool: Code = COMMON


class LiftedPoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A critical point set by hand that is to be reckoned again."""

    part_number: Code
    depot: Code
    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    pool: Code = COMMON


class Approval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The measures that are approved: `proposed_at` is the case's, as it was looked at; without it, whatever is proposed."""

    proposed_at: Annotated[datetime, Meta(tz=True)] | None = None


class ChosenPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan of a proposal's front, counted from 1; `proposed_at` is the case's, as it was looked at."""

    plan: Annotated[int, Meta(ge=1, le=1000)]
    proposed_at: Annotated[datetime, Meta(tz=True)]


class NewPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version of the activation policy to put in force."""

    activation: Literal["level", "burst_and_level"] = "level"
    burst_ratio: Annotated[float, Meta(gt=1, le=100)] = 3.0
    false_alarms_per_year: Annotated[float, Meta(gt=0, le=1000)] = 4.0
    standing_authority_cny: Money = "50000"
    restore_within_hours: Annotated[float, Meta(gt=0, le=8760)] = 72.0
    shortage_cost_cny_per_unit_hour: Money = "15"
    remark: Text = ""


class CaseController(Controller):
    """Emergency cases from evidence to closing note."""

    tags = ("emergency",)

    @get("/emergency-cases", operation_id="ListCases", guards=[requires("emergency.read")], responses=refusals(404))
    async def list_cases(
        self,
        request: ApiRequest,
        in_state: Annotated[cases.State | None, QueryParameter(name="state")] = None,
        *,
        live: FromQuery[bool] = False,
        part: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[cases.CaseSummary]]:
        """List cases, newest first; `live` keeps those that are not over."""
        found = await cases.cases(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            live_only=live,
            part_number=part,
        )
        return page(request, found, limit, lambda case: case.id)

    @get(
        "/emergency-cases/{case_id:uuid}",
        operation_id="GetCase",
        guards=[requires("emergency.read")],
        responses=refusals(404),
    )
    async def get_case(self, request: ApiRequest, case_id: FromPath[UUID]) -> cases.CaseView:
        """Show one case with its evidence, proposal, orders, transfers and log."""
        return await cases.case_view(case_id, seen_by=request.user)

    @get(
        "/emergency-cases/{case_id:uuid}/recovery",
        operation_id="GetRecovery",
        guards=[requires("emergency.read")],
        responses=refusals(404),
    )
    async def get_recovery(self, request: ApiRequest, case_id: FromPath[UUID]) -> recovering.Recovery | None:
        """Show how an open case's stock is expected to recover, day by day; null once the case is over."""
        return await recovering.recovery(case_id, seen_by=request.user)

    @get(
        "/emergency-events",
        operation_id="ListEmergencyEvents",
        guards=[requires("emergency.read")],
        responses=refusals(),
    )
    async def list_events(self, request: ApiRequest) -> list[related.Event]:
        """List the open cases that are one event: of one part, one store within days, or one alarm of the radar."""
        return await related.events(seen_by=request.user)

    @post(
        "/emergency-cases/{case_id:uuid}/choose-plan",
        operation_id="ChoosePlan",
        status_code=200,
        guards=[requires("emergency.approve")],
        responses=refusals(404, 409),
    )
    async def choose_plan(
        self, request: ApiRequest, case_id: FromPath[UUID], data: JSONBody[ChosenPlan], idempotency_key: Key = None
    ) -> Response[cases.CaseSummary]:
        """Have another plan of the front drafted than the recommended one; it still waits for approval."""
        return await once(
            request,
            idempotency_key,
            lambda: choosing.choose_plan(case_id, data.plan, proposed_at=data.proposed_at, by=request.user),
        )

    @post(
        "/emergency-cases",
        operation_id="DeclareCase",
        guards=[requires("emergency.declare")],
        responses=refusals(404, 409),
    )
    async def declare(
        self, request: ApiRequest, data: JSONBody[Declaration], idempotency_key: Key = None
    ) -> Response[cases.CaseSummary]:
        """Declare an emergency, with the reason."""
        return await once(
            request,
            idempotency_key,
            lambda: declaring.declare(
                data.part_number, data.depot, pool=data.pool, reason=data.reason, by=request.user
            ),
            status=201,
        )

    @post(
        "/emergency-cases/{case_id:uuid}/approve",
        operation_id="ApproveCase",
        status_code=200,
        guards=[requires("emergency.approve")],
        responses=refusals(404, 409),
    )
    async def approve(
        self,
        request: ApiRequest,
        case_id: FromPath[UUID],
        data: JSONBody[Approval | None] = None,
        idempotency_key: Key = None,
    ) -> Response[cases.CaseSummary]:
        """Approve what a case proposes; with `proposed_at` only where nothing else was proposed since."""
        proposed_at = data.proposed_at if data else None
        return await once(
            request, idempotency_key, lambda: cases.approve(case_id, by=request.user, proposed_at=proposed_at)
        )

    @post(
        "/emergency-cases/{case_id:uuid}/make-real",
        operation_id="MakeCaseReal",
        status_code=200,
        guards=[requires("emergency.declare")],
        responses=refusals(404, 409),
    )
    async def make_real(
        self, request: ApiRequest, case_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[cases.CaseSummary]:
        """Let a drill's case be a real one: measures are chosen anew, from every vendor and store."""
        return await once(
            request, idempotency_key, lambda: cases.make_real(case_id, by=request.user, reason=data.reason)
        )

    @post(
        "/emergency-cases/{case_id:uuid}/stand-down",
        operation_id="StandDownCase",
        status_code=200,
        guards=[requires("emergency.close")],
        responses=refusals(404, 409),
    )
    async def stand_down(
        self, request: ApiRequest, case_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[cases.CaseSummary]:
        """End a case that turned out not to be one."""
        return await once(
            request, idempotency_key, lambda: cases.stand_down(case_id, by=request.user, reason=data.reason)
        )

    @post(
        "/emergency-cases/{case_id:uuid}/close",
        operation_id="CloseCase",
        status_code=200,
        guards=[requires("emergency.close")],
        responses=refusals(404, 409),
    )
    async def close(
        self, request: ApiRequest, case_id: FromPath[UUID], data: JSONBody[Closing], idempotency_key: Key = None
    ) -> Response[cases.CaseSummary]:
        """Close a case whose cover is restored."""
        return await once(
            request,
            idempotency_key,
            lambda: cases.close(case_id, by=request.user, note=data.note, lessons=data.lessons),
        )

    @get("/near-misses", operation_id="ListNearMisses", guards=[requires("emergency.read")], responses=refusals())
    async def list_near_misses(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[near_misses.NearMissView]]:
        """List what was almost an emergency, latest first."""
        found = await near_misses.near_misses(limit=limit + 1, seen_by=request.user, before=decode_cursor(cursor, UUID))
        return page(request, found, limit, lambda miss: miss.id)

    @get("/bursts", operation_id="ListBursts", guards=[requires("emergency.read")], responses=refusals())
    async def list_bursts(self, request: ApiRequest, limit: Limit = 50) -> list[assessments.AssessmentView]:
        """List rows whose failures run above their average, the strongest first."""
        return await assessments.assessment_views(limit=limit, seen_by=request.user, bursts_only=True)

    @get("/assessments", operation_id="ListAssessments", guards=[requires("emergency.read")], responses=refusals(404))
    async def list_assessments(
        self,
        request: ApiRequest,
        part: FromQuery[str | None] = None,
        depot: FromQuery[str | None] = None,
        pool: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> list[assessments.AssessmentView]:
        """List the latest judgements of stock, with both lines and what they were reckoned from."""
        return await assessments.assessment_views(
            limit=limit, seen_by=request.user, part_number=part, depot=depot, pool=pool
        )

    @get(
        "/assessments/{part_number:str}/{depot:str}",
        operation_id="GetAssessment",
        guards=[requires("emergency.read")],
        responses=refusals(404),
    )
    async def get_assessment(
        self, request: ApiRequest, part_number: FromPath[str], depot: FromPath[str], pool: FromQuery[str] = COMMON
    ) -> assessments.AssessmentView:
        """Show one part's lines in a store and pool, with what they were reckoned from."""
        return await assessments.assessment_view(part_number, depot, pool=pool, seen_by=request.user)

    @post(
        "/critical-points",
        operation_id="SetCriticalPoint",
        guards=[requires("emergency.declare")],
        responses=refusals(404),
    )
    async def set_point(
        self, request: ApiRequest, data: JSONBody[HandSetPoint], idempotency_key: Key = None
    ) -> Response[Done]:
        """Set a critical point by hand, with reason and expiry."""

        async def act() -> Done:
            await declaring.set_critical_point(
                data.part_number,
                data.depot,
                data.point,
                pool=data.pool,
                reason=data.reason,
                lasts=timedelta(days=data.days),
                by=request.user,
            )
            return Done()

        return await once(request, idempotency_key, act, status=201)

    @post(
        "/critical-points/lift",
        operation_id="LiftCriticalPoint",
        status_code=200,
        guards=[requires("emergency.declare")],
        responses=refusals(404, 409),
    )
    async def lift_point(
        self, request: ApiRequest, data: JSONBody[LiftedPoint], idempotency_key: Key = None
    ) -> Response[Done]:
        """Have a critical point that was set by hand reckoned again, with the reason."""

        async def act() -> Done:
            await declaring.lift_critical_point(
                data.part_number, data.depot, pool=data.pool, reason=data.reason, by=request.user
            )
            return Done()

        return await once(request, idempotency_key, act)

    @get("/activation-policy", operation_id="GetPolicy", guards=[requires("emergency.read")], responses=refusals())
    async def get_policy(self) -> policy.Policy:
        """Show the activation policy in force."""
        return await policy.policy_at(clock.now())

    @put("/activation-policy", operation_id="PutPolicy", guards=[requires("emergency.close")], responses=refusals())
    async def put_policy(
        self, request: ApiRequest, data: JSONBody[NewPolicy], idempotency_key: Key = None
    ) -> Response[policy.Policy]:
        """Put a new version of the policy in force; open cases keep theirs."""
        new = policy.NewPolicy(
            activation=data.activation,
            burst_ratio=data.burst_ratio,
            false_alarms_per_year=data.false_alarms_per_year,
            standing_authority_cny=Decimal(data.standing_authority_cny),
            restore_within_hours=data.restore_within_hours,
            shortage_cost_cny_per_unit_hour=Decimal(data.shortage_cost_cny_per_unit_hour),
            remark=data.remark,
        )
        return await once(request, idempotency_key, lambda: policy.put_in_force(new, by=request.user))
