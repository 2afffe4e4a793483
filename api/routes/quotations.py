"""Quotations and approvals over HTTP: what a request waits for before it is promised, and the policy behind both."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct, convert

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.problems import refusals
from api.routes.stock import Code, Reason, Text
from api.shared import quotation_path
from inventory.requests import approving, policy, quotations, quoting, requests
from inventory.returns.collecting import CollectionView


class QuotationAnswer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who of the customer's people said it, and how: an order number, a mail, a call."""

    said_by: Annotated[str, Meta(min_length=1, max_length=200)]
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class RepairAnswer(QuotationAnswer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same of a repair: of which part, and the serial of the customer's own unit."""

    part_number: Code
    serial: Code


class Approval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What there is to say about it."""

    remark: Text = ""


class QuotationLink(Struct, frozen=True):
    """Where the customer's contact reads and answers a quotation, without an account."""

    path: str


class NewRequestPolicy(policy.RequestPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy to put in force, and why."""

    remark: Text = ""

    def policy(self) -> policy.RequestPolicy:
        """The policy alone."""
        return convert(self, policy.RequestPolicy, from_attributes=True)


class QuotationController(Controller):
    """What a contract does not cover, and what it costs."""

    tags = ("quotations",)

    @get("/quotations", operation_id="ListQuotations", guards=[requires("requests.read")], responses=refusals())
    async def list_quotations(
        self,
        request: ApiRequest,
        in_state: Annotated[quotations.QuotationState | None, QueryParameter(name="state")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[quotations.QuotationSummary]]:
        """List quotations, every version, the latest first."""
        found = await quotations.quotations(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
        )
        return page(request, found, limit, lambda found: found.id)

    @get(
        "/quotations/{quotation_id:uuid}",
        operation_id="GetQuotation",
        guards=[requires("requests.read")],
        responses=refusals(404),
    )
    async def get_quotation(self, request: ApiRequest, quotation_id: FromPath[UUID]) -> quotations.QuotationView:
        """Show one version of a quotation, and how it was answered."""
        return (await quoting.quotation_of(quotation_id, seen_by=request.user))[1]

    @get(
        "/quotations/{quotation_id:uuid}/link",
        operation_id="GetQuotationLink",
        guards=[requires("parts.request")],
        responses=refusals(404),
    )
    async def get_link(self, request: ApiRequest, quotation_id: FromPath[UUID]) -> QuotationLink:
        """Show the signed address to send to the customer's contact, who answers there."""
        found = await quoting.to_pass_on(quotation_id, by=request.user)
        return QuotationLink(quotation_path(found.id, request.app.state["settings"].secret))

    @post(
        "/quotations/{quotation_id:uuid}/accept",
        operation_id="AcceptQuotation",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def accept(
        self,
        request: ApiRequest,
        quotation_id: FromPath[UUID],
        data: JSONBody[QuotationAnswer],
        idempotency_key: Key = None,
    ) -> Response[requests.RequestView]:
        """Accept a quotation for its customer: what is held becomes firm, or waits for an approval where a rule asks."""
        return await once(
            request,
            idempotency_key,
            lambda: quoting.accept(quotation_id, by=request.user, said_by=data.said_by, reason=data.reason),
        )

    @post(
        "/quotations/{quotation_id:uuid}/accept-repair",
        operation_id="AcceptQuotedRepair",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409, 422),
    )
    async def accept_repair(
        self,
        request: ApiRequest,
        quotation_id: FromPath[UUID],
        data: JSONBody[RepairAnswer],
        idempotency_key: Key = None,
    ) -> Response[CollectionView]:
        """Accept the repair of the customer's own unit instead of its replacement: the unit is fetched."""
        return await once(
            request,
            idempotency_key,
            lambda: quoting.accept_repair(
                quotation_id,
                data.part_number,
                data.serial,
                by=request.user,
                said_by=data.said_by,
                reason=data.reason,
            ),
        )

    @post(
        "/quotations/{quotation_id:uuid}/reject",
        operation_id="RejectQuotation",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def reject(
        self,
        request: ApiRequest,
        quotation_id: FromPath[UUID],
        data: JSONBody[QuotationAnswer],
        idempotency_key: Key = None,
    ) -> Response[requests.RequestView]:
        """Reject a quotation for its customer: what is held becomes free, and the request is closed."""
        return await once(
            request,
            idempotency_key,
            lambda: quoting.reject(quotation_id, by=request.user, said_by=data.said_by, reason=data.reason),
        )

    @post(
        "/part-requests/{request_id:uuid}/quote-again",
        operation_id="QuoteAgain",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def quote_again(
        self, request: ApiRequest, request_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """Send the next version of a quotation, at today's prices and with what is there now."""
        return await once(
            request, idempotency_key, lambda: quoting.quote_again(request_id, by=request.user, reason=data.reason)
        )


class ApprovalController(Controller):
    """What a rule holds back until somebody approves it."""

    tags = ("approvals",)

    @post(
        "/part-requests/{request_id:uuid}/approve",
        operation_id="ApproveRequest",
        status_code=200,
        guards=[requires("requests.approve")],
        responses=refusals(404, 409),
    )
    async def approve(
        self, request: ApiRequest, request_id: FromPath[UUID], data: JSONBody[Approval], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """Approve a request that a rule holds back, as a person other than who asked: it goes on with its promise."""
        return await once(
            request, idempotency_key, lambda: approving.approve(request_id, by=request.user, remark=data.remark)
        )

    @post(
        "/part-requests/{request_id:uuid}/refuse",
        operation_id="RefuseRequest",
        status_code=200,
        guards=[requires("requests.approve")],
        responses=refusals(404, 409),
    )
    async def refuse(
        self, request: ApiRequest, request_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[requests.RequestView]:
        """Refuse a request that a rule holds back, with the reason: what is held becomes free."""
        return await once(
            request, idempotency_key, lambda: approving.refuse(request_id, by=request.user, reason=data.reason)
        )

    @get("/request-policy", operation_id="GetRequestPolicy", guards=[requires("costs.read")], responses=refusals())
    async def get_policy(self) -> policy.RequestPolicyVersion:
        """Show what paid parts cost, and which requests need an approval."""
        return await policy.in_force()

    @post(
        "/request-policy",
        operation_id="SetRequestPolicy",
        guards=[requires("requests.set_policy")],
        responses=refusals(),
    )
    async def set_policy(
        self, request: ApiRequest, data: JSONBody[NewRequestPolicy], idempotency_key: Key = None
    ) -> Response[policy.RequestPolicyVersion]:
        """Let another policy hold from now on; quotations and approvals keep the version they were made by."""
        return await once(
            request,
            idempotency_key,
            lambda: policy.put_in_force(data.policy(), by=request.user, remark=data.remark),
            status=201,
        )

    @get(
        "/request-policy/versions",
        operation_id="ListRequestPolicies",
        guards=[requires("costs.read")],
        responses=refusals(),
    )
    async def list_policies(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[policy.RequestPolicyVersion]]:
        """List the policies that were ever set, the one that holds first."""
        found = await policy.versions(limit=limit + 1, after=decode_cursor(cursor, int))
        return page(request, found, limit, lambda each: each.version)
