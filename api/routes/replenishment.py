"""Replenishment over HTTP: what is proposed to be reordered, a buyer's answers, and the policy behind it."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct, convert

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.instants import Instant
from api.problems import refusals
from api.routes.stock import Quantity, Text
from inventory.procurement import replenishment, replenishment_answers, replenishment_policy
from inventory.procurement.replenishment_answers import MOST_AT_ONCE, Accepted

Why = Annotated[str, Meta(min_length=1, max_length=2000)]


class AcceptedProposal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A proposal to order, and how many pieces where it is to be another number than proposed."""

    proposal: UUID
    quantity: Quantity | None = None


class Accepting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Proposals to make order drafts of."""

    proposals: Annotated[list[AcceptedProposal], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class Declining(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Proposals to say no to, why, and until when."""

    proposals: Annotated[list[UUID], Meta(min_length=1, max_length=MOST_AT_ONCE)]
    reason: Why
    until: Instant | None = None


class Declined(Struct, frozen=True):
    """The numbers of the proposals that were declined; the others were needed no more."""

    declined: list[str]


class NewReplenishmentPolicy(
    replenishment_policy.ReplenishmentPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A policy to put in force, and why."""

    remark: Text = ""

    def policy(self) -> replenishment_policy.ReplenishmentPolicy:
        """The policy alone."""
        return convert(self, replenishment_policy.ReplenishmentPolicy, from_attributes=True)


class ReplenishmentController(Controller):
    """What stores lack, and what to order for it."""

    tags = ("replenishment",)

    @get(
        "/replenishment-proposals",
        operation_id="ListReplenishmentProposals",
        guards=[requires("replenishment.read")],
        responses=refusals(404),
    )
    async def list_proposals(
        self,
        request: ApiRequest,
        in_state: Annotated[replenishment.State | None, QueryParameter(name="state")] = None,
        depot: FromQuery[str | None] = None,
        vendor: FromQuery[str | None] = None,
        part: FromQuery[str | None] = None,
        urgent: FromQuery[bool | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[replenishment.ProposalView]]:
        """List proposals with their explanation, the urgent ones first."""
        found = await replenishment.proposals(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, tuple[bool, UUID]),
            state=in_state,
            depot=depot,
            vendor=vendor,
            part_number=part,
            urgent=urgent,
        )
        return page(request, found, limit, lambda each: [each.urgent, each.id])

    @get(
        "/replenishment-proposals/{proposal_id:uuid}",
        operation_id="GetReplenishmentProposal",
        guards=[requires("replenishment.read")],
        responses=refusals(404),
    )
    async def get_proposal(self, request: ApiRequest, proposal_id: FromPath[UUID]) -> replenishment.ProposalView:
        """Show one proposal with its explanation."""
        return await replenishment.proposal_view(proposal_id, seen_by=request.user)

    @post(
        "/replenishment-proposals/accept",
        operation_id="AcceptReplenishmentProposals",
        status_code=200,
        guards=[requires("orders.draft")],
        responses=refusals(404, 409),
    )
    async def accept(
        self, request: ApiRequest, data: JSONBody[Accepting], idempotency_key: Key = None
    ) -> Response[Accepted]:
        """Make order drafts of proposals, one for each vendor, store and pool; needs an Idempotency-Key."""
        quantities = {each.proposal: each.quantity for each in data.proposals if each.quantity is not None}
        return await once(
            request,
            idempotency_key,
            lambda: replenishment_answers.accept(
                [each.proposal for each in data.proposals], by=request.user, quantities=quantities
            ),
            required=True,
        )

    @post(
        "/replenishment-proposals/decline",
        operation_id="DeclineReplenishmentProposals",
        status_code=200,
        guards=[requires("orders.draft")],
        responses=refusals(404, 409),
    )
    async def decline(
        self, request: ApiRequest, data: JSONBody[Declining], idempotency_key: Key = None
    ) -> Response[Declined]:
        """Say no to proposals, with the reason: the same is not proposed again while nothing changes."""

        async def act() -> Declined:
            return Declined(
                await replenishment_answers.decline(
                    data.proposals, by=request.user, reason=data.reason, until=data.until
                )
            )

        return await once(request, idempotency_key, act)

    @get(
        "/replenishment-policy",
        operation_id="GetReplenishmentPolicy",
        guards=[requires("replenishment.read")],
        responses=refusals(),
    )
    async def get_policy(self) -> replenishment_policy.ReplenishmentPolicyVersion:
        """Show what is drafted without a person, and when."""
        return await replenishment_policy.in_force()

    @post(
        "/replenishment-policy",
        operation_id="SetReplenishmentPolicy",
        guards=[requires("replenishment.set_policy")],
        responses=refusals(),
    )
    async def set_policy(
        self, request: ApiRequest, data: JSONBody[NewReplenishmentPolicy], idempotency_key: Key = None
    ) -> Response[replenishment_policy.ReplenishmentPolicyVersion]:
        """Let another policy hold from now on."""
        return await once(
            request,
            idempotency_key,
            lambda: replenishment_policy.put_in_force(data.policy(), by=request.user, remark=data.remark),
            status=201,
        )

    @get(
        "/replenishment-policy/versions",
        operation_id="ListReplenishmentPolicies",
        guards=[requires("replenishment.read")],
        responses=refusals(),
    )
    async def list_policies(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[replenishment_policy.ReplenishmentPolicyVersion]]:
        """List the policies that were ever set, the one that holds first."""
        found = await replenishment_policy.versions(limit=limit + 1, after=decode_cursor(cursor, int))
        return page(request, found, limit, lambda each: each.version)
