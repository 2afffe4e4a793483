"""Delegates over HTTP: who stands in for which approver, until when and up to what amount."""

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from api.access import requires, signed_in
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.problems import refusals
from api.routes.stock import Code, Instant
from inventory.ground.bounds import Bounded, Within
from inventory.people import delegations

Why = Annotated[str, Meta(min_length=1, max_length=2000)]
Approval = Literal["orders.approve", "emergency.approve", "requests.approve", "plans.approve", "pools.cross"]


class NewDelegation(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Approvals to leave to somebody, by their rights; from now on where no start is given, `of` oneself where nobody is."""

    rights: Annotated[list[Approval], Meta(min_length=1, max_length=20)]
    delegate: Code
    starts_at: Instant | None = None
    ends_at: Instant
    up_to_cny: Annotated[Decimal | None, Within(0, 1_000_000_000)] = None
    reason: Why
    of: Code | None = None


class DelegationEnd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it ends before its time."""

    reason: Why


class DelegationController(Controller):
    """Delegates of approvers."""

    tags = ("duty",)

    @get("/delegations", operation_id="ListDelegations", guards=[requires("roster.read")], responses=refusals())
    async def list_delegations(
        self,
        request: ApiRequest,
        *,
        current: FromQuery[bool] = False,
        username: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[delegations.DelegationView]]:
        """List who stands in for whom, newest first; `current` leaves out what has ended."""
        found = await delegations.delegations(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            current=current,
            username=username,
        )
        return page(request, found, limit, lambda each: each.id)

    @post("/delegations", operation_id="Delegate", guards=[signed_in], responses=refusals(404, 409))
    async def delegate(
        self, request: ApiRequest, data: JSONBody[NewDelegation], idempotency_key: Key = None
    ) -> Response[list[delegations.DelegationView]]:
        """Leave approvals to somebody for some time; an administrator does so for an approver who cannot."""
        return await once(
            request,
            idempotency_key,
            lambda: delegations.delegate(
                data.rights,
                data.delegate,
                by=request.user,
                starts_at=data.starts_at,
                ends_at=data.ends_at,
                up_to_cny=data.up_to_cny,
                reason=data.reason,
                of=data.of,
            ),
            status=201,
        )

    @post(
        "/delegations/{delegation_id:uuid}/withdraw",
        operation_id="WithdrawDelegation",
        status_code=200,
        guards=[signed_in],
        responses=refusals(404, 409),
    )
    async def withdraw(
        self,
        request: ApiRequest,
        delegation_id: FromPath[UUID],
        data: JSONBody[DelegationEnd],
        idempotency_key: Key = None,
    ) -> Response[delegations.DelegationView]:
        """End it before its time."""
        return await once(
            request, idempotency_key, lambda: delegations.withdraw(delegation_id, by=request.user, reason=data.reason)
        )
