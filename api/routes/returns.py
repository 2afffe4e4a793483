"""Returns over HTTP: what is owed back and by when, how it ends, and why parts fail."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct, convert

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.instants import Instant
from api.problems import refusals
from api.routes.stock import Code, Reason, Text
from inventory.requests import failure_analysis
from inventory.returns import counter, debts, policy, removed

Days = Annotated[int, QueryParameter(ge=1, le=failure_analysis.LONGEST_DAYS)]


class Signed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who signed at the customer's that they keep the medium."""

    signed_by: Code
    remark: Text = ""


class NewDue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Until when, and why then."""

    due_at: Instant
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class NewReturnPolicy(policy.ReturnPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy to put in force, and why."""

    remark: Text = ""

    def policy(self) -> policy.ReturnPolicy:
        """The policy alone."""
        return convert(self, policy.ReturnPolicy, from_attributes=True)


class ReturnController(Controller):
    """What is owed back: by engineers to depots, by us to vendors."""

    tags = ("returns",)

    @get("/returns", operation_id="ListReturns", guards=[requires("returns.read")], responses=refusals(404))
    async def list_returns(
        self,
        request: ApiRequest,
        in_state: Annotated[debts.State | None, QueryParameter(name="state")] = "open",
        when: FromQuery[debts.When | None] = None,
        debtor: FromQuery[str | None] = None,
        depot: FromQuery[str | None] = None,
        vendor: FromQuery[str | None] = None,
        device: FromQuery[str | None] = None,
        document: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[debts.DebtView]]:
        """List what is owed back, what is due first first; `state` is open unless asked otherwise."""
        found = await debts.debts(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, tuple[datetime, UUID]),
            state=in_state,
            when=when,
            debtor=debtor,
            depot=depot,
            vendor=vendor,
            device=device,
            document=document,
        )
        return page(request, found, limit, lambda debt: (debt.due_at, debt.id))

    @get("/return-sums", operation_id="GetReturnSums", guards=[requires("returns.read")], responses=refusals())
    async def get_sums(self, request: ApiRequest) -> list[debts.Share]:
        """Count what is owed back by day, engineer, depot and vendor, with the money at risk."""
        return await debts.shares(seen_by=request.user)

    @get(
        "/returns/{debt_id:uuid}", operation_id="GetReturn", guards=[requires("returns.read")], responses=refusals(404)
    )
    async def get_return(self, request: ApiRequest, debt_id: FromPath[UUID]) -> debts.DebtView:
        """Show one piece that is owed back, with the vendor's clock beside the engineer's."""
        return await debts.debt_view(debt_id, seen_by=request.user)

    @post(
        "/returns/{debt_id:uuid}/keep",
        operation_id="KeepMedium",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def keep(
        self, request: ApiRequest, debt_id: FromPath[UUID], data: JSONBody[Signed], idempotency_key: Key = None
    ) -> Response[debts.DebtView]:
        """Leave a medium with the customer, who signed for it, where the contract lets it."""
        return await once(
            request,
            idempotency_key,
            lambda: removed.keep(debt_id, data.signed_by, by=request.user, remark=data.remark),
        )

    @post(
        "/returns/{debt_id:uuid}/tell-lost",
        operation_id="TellReturnLost",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def tell_lost(
        self, request: ApiRequest, debt_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[debts.DebtView]:
        """Say that what you owe is lost; a second person confirms it."""
        return await once(
            request, idempotency_key, lambda: removed.tell_lost(debt_id, by=request.user, reason=data.reason)
        )

    @post(
        "/returns/{debt_id:uuid}/confirm-lost",
        operation_id="ConfirmReturnLost",
        status_code=200,
        guards=[requires("stock.adjust")],
        responses=refusals(404, 409),
    )
    async def confirm_lost(
        self, request: ApiRequest, debt_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[debts.DebtView]:
        """Write off what was told lost, as a second person."""
        return await once(request, idempotency_key, lambda: removed.confirm_lost(debt_id, by=request.user))

    @post(
        "/returns/{debt_id:uuid}/due",
        operation_id="MoveReturnDue",
        status_code=200,
        guards=[requires("returns.settle")],
        responses=refusals(404, 409),
    )
    async def move_due(
        self, request: ApiRequest, debt_id: FromPath[UUID], data: JSONBody[NewDue], idempotency_key: Key = None
    ) -> Response[debts.DebtView]:
        """Give an engineer another time to bring a part back, with a reason; a vendor's clock is not ours to move."""
        return await once(
            request,
            idempotency_key,
            lambda: removed.give_until(debt_id, data.due_at, by=request.user, reason=data.reason),
        )

    @post(
        "/wrong-returns/{wrong_id:uuid}/correct-record",
        operation_id="CorrectRecord",
        status_code=200,
        guards=[requires("returns.settle")],
        responses=refusals(404, 409),
    )
    async def correct_record(
        self, request: ApiRequest, wrong_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[debts.DebtView]:
        """Say, as a second person, that the device's record was wrong: what came in is what was in it."""
        return await once(
            request, idempotency_key, lambda: counter.correct_record(wrong_id, by=request.user, reason=data.reason)
        )

    @post(
        "/wrong-returns/{wrong_id:uuid}/uphold-record",
        operation_id="UpholdRecord",
        status_code=200,
        guards=[requires("returns.settle")],
        responses=refusals(404, 409),
    )
    async def uphold_record(
        self, request: ApiRequest, wrong_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[debts.DebtView]:
        """Say that the device's record is right, and what came in is something else: the right piece stays owed."""
        return await once(
            request, idempotency_key, lambda: counter.uphold_record(wrong_id, by=request.user, reason=data.reason)
        )

    @get("/return-policy", operation_id="GetReturnPolicy", guards=[requires("returns.read")], responses=refusals())
    async def get_policy(self) -> policy.ReturnPolicyVersion:
        """Show by when removed parts are brought back, and what counts as a repeat failure."""
        return await policy.in_force()

    @post(
        "/return-policy",
        operation_id="SetReturnPolicy",
        guards=[requires("returns.set_policy")],
        responses=refusals(404),
    )
    async def set_policy(
        self, request: ApiRequest, data: JSONBody[NewReturnPolicy], idempotency_key: Key = None
    ) -> Response[policy.ReturnPolicyVersion]:
        """Let another policy hold for what is removed from now on."""
        return await once(
            request,
            idempotency_key,
            lambda: policy.put_in_force(data.policy(), by=request.user, remark=data.remark),
            status=201,
        )

    @get(
        "/return-policy/versions",
        operation_id="ListReturnPolicies",
        guards=[requires("returns.read")],
        responses=refusals(),
    )
    async def list_policies(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[policy.ReturnPolicyVersion]]:
        """List the policies that were ever set, the one that holds first."""
        found = await policy.versions(limit=limit + 1, after=decode_cursor(cursor, int))
        return page(request, found, limit, lambda each: each.version)


class FailureAnalysisController(Controller):
    """Why parts fail, and how often nothing is wrong with them."""

    tags = ("returns",)

    @get(
        "/failure-analysis",
        operation_id="ListFailureAnalysis",
        guards=[requires("returns.read")],
        responses=refusals(404),
    )
    async def list_analysis(
        self,
        request: ApiRequest,
        by: FromQuery[failure_analysis.Dimension] = "part",
        days: Days = 365,
        part: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[failure_analysis.Analysed]]:
        """List what was found of pieces, by vendor, batch, model, part or failure code, with rates and their intervals."""
        found = await failure_analysis.analysis(
            by,
            limit=limit + 1,
            seen_by=request.user,
            days=days,
            after=decode_cursor(cursor, str) or "",
            part_number=part,
        )
        return page(request, found, limit, lambda each: each.name)
