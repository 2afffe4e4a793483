"""Whole-unit swaps, loaners and erased data over HTTP."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct, convert

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.instants import Instant
from api.problems import refusals
from api.routes.shipping import Stroke
from api.routes.stock import Code, Reason, Text
from inventory.ground.bounds import Bounded, Within
from inventory.requests import swapping
from inventory.returns import erasing, loaners, lost_loans, swap_policy, swaps
from inventory.stock import shipments

Filter = Annotated[str | None, QueryParameter(max_length=200)]


class NewSwap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reported failure whose contract promises a swap; reported now where no time is given."""

    device_serial: Code
    severity: Code
    reported_at: Instant | None = None


class SwapDecision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To swap, or not to; not to swap needs a reason."""

    decision: swaps.Decision
    reason: Text = ""


class NewSwapPolicy(swap_policy.SwapPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The policy to put in force, and why."""

    remark: Text = ""

    def policy(self) -> swap_policy.SwapPolicy:
        """The policy without the remark."""
        return convert(self, swap_policy.SwapPolicy, from_attributes=True)


class NewLoan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Equipment of equal function to lend; a unit that is free where none is named."""

    device_serial: Code
    depot: Code
    contact: Code
    part_number: Code | None = None
    serial: Code | None = None
    contact_phone: Code | None = None
    due_at: Instant | None = None
    request: UUID | None = None
    condition_out: Text = ""
    reason: Text = ""


class Signing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who takes the loaner at the customer; `strokes` is the signature, points in a field of 1000 × 400."""

    name: Code
    strokes: Annotated[list[Stroke], Meta(min_length=1, max_length=shipments.STROKES)]


class Extending(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Until when the loan lasts now, and why."""

    due_at: Instant
    reason: Annotated[str, Meta(min_length=1, max_length=200)]


class LoanReturn(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a loaner came back: where to, what was checked, what is damaged, and whether its data stayed with the customer.

    `found_serial` is what came instead, where `checks.serial_matches` is false.
    """

    depot: Code
    checks: loaners.Checks
    found_serial: Code | None = None
    damage: Text = ""
    charge_cny: Annotated[Decimal | None, Within(0, 100_000_000)] = None
    data_kept_by_customer: bool = False


class LoanLost(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a loaner was lost, and what its customer is charged."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    charge_cny: Annotated[Decimal | None, Within(0, 100_000_000)] = None


class NewErasure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer's data that was erased from a unit: how, and with what."""

    serial: Code
    method: erasing.Method
    tool: Code
    part_number: Code | None = None
    remark: Text = ""


class ErasureCheck(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the second person found."""

    passed: bool
    finding: Annotated[str, Meta(min_length=1, max_length=2000)]


class SwapController(Controller):
    """Swaps from the report of a fault to the closed record."""

    path = "/swaps"
    tags = ("swaps and loans",)

    @get(operation_id="ListSwaps", guards=[requires("requests.read")], responses=refusals(404))
    async def list_swaps(
        self,
        request: ApiRequest,
        in_state: Annotated[swaps.State | None, QueryParameter(name="state")] = None,
        depot: Filter = None,
        device: Filter = None,
        part_request: FromQuery[UUID | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[swaps.SwapSummary]]:
        """List swaps, newest first."""
        found = await swaps.swaps(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            depot=depot,
            device=device,
            request=part_request,
        )
        return page(request, found, limit, lambda each: each.id)

    @get("/policy", operation_id="GetSwapPolicy", guards=[requires("requests.read")], responses=refusals())
    async def get_policy(self) -> swap_policy.SwapPolicyVersion:
        """Show when swaps are prepared and loans asked back."""
        return await swap_policy.in_force()

    @post("/policy", operation_id="SetSwapPolicy", guards=[requires("swaps.set_policy")], responses=refusals(409))
    async def set_policy(
        self, request: ApiRequest, data: JSONBody[NewSwapPolicy], idempotency_key: Key = None
    ) -> Response[swap_policy.SwapPolicyVersion]:
        """Let another policy hold from now on; what is reserved already keeps its time."""
        return await once(
            request,
            idempotency_key,
            lambda: swap_policy.put_in_force(data.policy(), by=request.user, remark=data.remark),
            status=201,
        )

    @get("/policy/versions", operation_id="ListSwapPolicies", guards=[requires("requests.read")], responses=refusals())
    async def list_policies(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[swap_policy.SwapPolicyVersion]]:
        """List the policies that were ever set, the one that holds first."""
        found = await swap_policy.versions(limit=limit + 1, after=decode_cursor(cursor, int))
        return page(request, found, limit, lambda each: each.version)

    @get("/{swap_id:uuid}", operation_id="GetSwap", guards=[requires("requests.read")], responses=refusals(404))
    async def get_swap(self, request: ApiRequest, swap_id: FromPath[UUID]) -> swaps.SwapView:
        """Show one swap with its two deadlines."""
        return await swaps.swap_view(swap_id, seen_by=request.user)

    @get(
        "/{swap_id:uuid}/outlook",
        operation_id="GetSwapOutlook",
        guards=[requires("requests.read")],
        responses=refusals(404),
    )
    async def get_outlook(self, request: ApiRequest, swap_id: FromPath[UUID]) -> swaps.Outlook | None:
        """Say what deciding now would miss, and what would help where no unit is to be had; null once it is decided."""
        return await swaps.outlook(swap_id, seen_by=request.user)

    @post(operation_id="OpenSwap", guards=[requires("swaps.decide")], responses=refusals(404, 409))
    async def open_swap(
        self, request: ApiRequest, data: JSONBody[NewSwap], idempotency_key: Key = None
    ) -> Response[swaps.SwapView]:
        """Watch a reported failure for which no parts were asked; part requests are watched by themselves."""
        return await once(
            request,
            idempotency_key,
            lambda: swaps.open_swap(data.device_serial, data.severity, by=request.user, reported_at=data.reported_at),
            status=201,
        )

    @post(
        "/{swap_id:uuid}/decide",
        operation_id="DecideSwap",
        status_code=200,
        guards=[requires("swaps.decide")],
        responses=refusals(404, 409),
    )
    async def decide(
        self, request: ApiRequest, swap_id: FromPath[UUID], data: JSONBody[SwapDecision], idempotency_key: Key = None
    ) -> Response[swaps.SwapView]:
        """Decide: the unit leaves by a part request of its own, or is free again."""
        act = swapping.swap if data.decision == "swap" else swaps.decide_against
        return await once(request, idempotency_key, lambda: act(swap_id, by=request.user, reason=data.reason))

    @post(
        "/{swap_id:uuid}/close",
        operation_id="CloseSwap",
        status_code=200,
        guards=[requires("swaps.decide")],
        responses=refusals(404, 409),
    )
    async def close(
        self, request: ApiRequest, swap_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[swaps.SwapView]:
        """Close a swap whose old device, or its data, the customer keeps."""
        return await once(request, idempotency_key, lambda: swaps.close(swap_id, by=request.user, reason=data.reason))


class LoanController(Controller):
    """Loaners from the loan note to the return."""

    path = "/loans"
    tags = ("swaps and loans",)

    @get(operation_id="ListLoans", guards=[requires("requests.read")], responses=refusals(404))
    async def list_loans(
        self,
        request: ApiRequest,
        in_state: Annotated[loaners.State | None, QueryParameter(name="state")] = None,
        depot: Filter = None,
        device: Filter = None,
        part_request: FromQuery[UUID | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[loaners.LoanSummary]]:
        """List loans, newest first."""
        found = await loaners.loans(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            state=in_state,
            depot=depot,
            device=device,
            request=part_request,
        )
        return page(request, found, limit, lambda each: each.id)

    @get("/{loan_id:uuid}", operation_id="GetLoan", guards=[requires("requests.read")], responses=refusals(404))
    async def get_loan(self, request: ApiRequest, loan_id: FromPath[UUID]) -> loaners.LoanView:
        """Show one loan."""
        return await loaners.loan_view(loan_id, seen_by=request.user)

    @post(operation_id="Lend", guards=[requires("loans.make")], responses=refusals(404, 409))
    async def lend(
        self, request: ApiRequest, data: JSONBody[NewLoan], idempotency_key: Key = None
    ) -> Response[loaners.LoanView]:
        """Lend a unit of equal function for a device; needs an Idempotency-Key."""
        new = convert(data, loaners.NewLoan, from_attributes=True)
        return await once(
            request, idempotency_key, lambda: loaners.lend(new, by=request.user), status=201, required=True
        )

    @post(
        "/{loan_id:uuid}/sign",
        operation_id="SignLoan",
        status_code=200,
        guards=[requires("shipments.deliver")],
        responses=refusals(404, 409),
    )
    async def sign(
        self, request: ApiRequest, loan_id: FromPath[UUID], data: JSONBody[Signing], idempotency_key: Key = None
    ) -> Response[loaners.LoanView]:
        """Keep the signature of whoever takes the loaner at the customer."""
        return await once(
            request,
            idempotency_key,
            lambda: loaners.sign(loan_id, data.name, by=request.user, strokes=data.strokes),
        )

    @post(
        "/{loan_id:uuid}/extend",
        operation_id="ExtendLoan",
        status_code=200,
        guards=[requires("loans.make")],
        responses=refusals(404, 409),
    )
    async def extend(
        self, request: ApiRequest, loan_id: FromPath[UUID], data: JSONBody[Extending], idempotency_key: Key = None
    ) -> Response[loaners.LoanView]:
        """Let a loan last longer, with a reason."""
        return await once(
            request,
            idempotency_key,
            lambda: loaners.extend(loan_id, data.due_at, by=request.user, reason=data.reason),
        )

    @post(
        "/{loan_id:uuid}/return",
        operation_id="ReturnLoan",
        status_code=200,
        guards=[requires("loans.make")],
        responses=refusals(404, 409),
    )
    async def take_back(
        self, request: ApiRequest, loan_id: FromPath[UUID], data: JSONBody[LoanReturn], idempotency_key: Key = None
    ) -> Response[loaners.LoanView]:
        """Take a loaner in again, in test or defective; its data is erased before it is good stock."""
        how = convert(data, loaners.Return, from_attributes=True)
        return await once(request, idempotency_key, lambda: loaners.take_back(loan_id, how, by=request.user))

    @post(
        "/{loan_id:uuid}/lost",
        operation_id="TellLoanLost",
        status_code=200,
        guards=[requires("loans.make")],
        responses=refusals(404, 409),
    )
    async def tell_lost(
        self, request: ApiRequest, loan_id: FromPath[UUID], data: JSONBody[LoanLost], idempotency_key: Key = None
    ) -> Response[loaners.LoanView]:
        """Say that a loaner will not come back, how, and what its customer is charged; a second person confirms it."""
        return await once(
            request,
            idempotency_key,
            lambda: lost_loans.tell_lost(loan_id, by=request.user, reason=data.reason, charge_cny=data.charge_cny),
        )

    @post(
        "/{loan_id:uuid}/confirm-lost",
        operation_id="ConfirmLoanLost",
        status_code=200,
        guards=[requires("stock.adjust")],
        responses=refusals(404, 409),
    )
    async def confirm_lost(
        self, request: ApiRequest, loan_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[loaners.LoanView]:
        """Write a lost loaner off, as a second person."""
        return await once(request, idempotency_key, lambda: lost_loans.confirm_lost(loan_id, by=request.user))


class ErasureController(Controller):
    """Customers' data erased from what came back, and verified by a second person."""

    path = "/data-erasures"
    tags = ("swaps and loans",)

    @get(operation_id="ListErasures", guards=[requires("documents.read")], responses=refusals(404))
    async def list_erasures(
        self,
        request: ApiRequest,
        serial: Filter = None,
        depot: Filter = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[erasing.ErasureView]]:
        """List erasures, newest first."""
        found = await erasing.erasures(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), serial=serial, depot=depot
        )
        return page(request, found, limit, lambda each: each.id)

    @get("/{erasure_id:uuid}", operation_id="GetErasure", guards=[requires("documents.read")], responses=refusals(404))
    async def get_erasure(self, request: ApiRequest, erasure_id: FromPath[UUID]) -> erasing.ErasureView:
        """Show one erasure."""
        return await erasing.erasure_view(erasure_id, seen_by=request.user)

    @post(operation_id="EraseData", guards=[requires("data.erase")], responses=refusals(404, 409))
    async def erase(
        self, request: ApiRequest, data: JSONBody[NewErasure], idempotency_key: Key = None
    ) -> Response[erasing.ErasureView]:
        """Record that a customer's data was erased from a unit."""
        return await once(
            request,
            idempotency_key,
            lambda: erasing.erase(
                data.serial,
                data.method,
                data.tool,
                by=request.user,
                remark=data.remark,
                part_number=data.part_number,
            ),
            status=201,
        )

    @post(
        "/{erasure_id:uuid}/verify",
        operation_id="VerifyErasure",
        status_code=200,
        guards=[requires("data.erase")],
        responses=refusals(404, 409),
    )
    async def verify(
        self, request: ApiRequest, erasure_id: FromPath[UUID], data: JSONBody[ErasureCheck], idempotency_key: Key = None
    ) -> Response[erasing.ErasureView]:
        """Verify as the second person that the data is gone, or that it is not."""
        return await once(
            request,
            idempotency_key,
            lambda: erasing.verify(erasure_id, by=request.user, passed=data.passed, finding=data.finding),
        )
