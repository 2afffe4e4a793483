"""Suspected counterfeits over HTTP: blocked with their sisters, judged by a second person."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.problems import refusals
from api.routes.receiving import Said
from api.routes.stock import Code
from inventory.procurement import counterfeits


class NewSuspicion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A unit (serial or tag) or lot that may be counterfeit, and how far its sisters reach."""

    code: Code
    part_number: Code
    reason: Said
    scope: counterfeits.Scope = "receipt"


class Judged(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether they are counterfeit, and what was found."""

    counterfeit: bool
    remark: Said


class SuspicionController(Controller):
    """Suspected counterfeits."""

    path = "/suspected-counterfeits"
    tags = ("conditions",)

    @get(operation_id="ListSuspicions", guards=[requires("documents.read")], responses=refusals())
    async def list_suspicions(
        self,
        request: ApiRequest,
        in_state: Annotated[counterfeits.State | None, QueryParameter(name="state")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[counterfeits.SuspicionView]]:
        """List suspected counterfeits that concern your stores, newest first."""
        found = await counterfeits.suspicions(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
        )
        return page(request, found, limit, lambda each: each.id)

    @get(
        "/{suspicion_id:uuid}",
        operation_id="GetSuspicion",
        guards=[requires("documents.read")],
        responses=refusals(404),
    )
    async def get_suspicion(self, request: ApiRequest, suspicion_id: FromPath[UUID]) -> counterfeits.SuspicionDetail:
        """Show one, with its pieces at your stores."""
        return await counterfeits.suspicion(suspicion_id, seen_by=request.user)

    @post(operation_id="SuspectCounterfeit", guards=[requires("stock.judge")], responses=refusals(404, 409))
    async def suspect(
        self, request: ApiRequest, data: JSONBody[NewSuspicion], idempotency_key: Key = None
    ) -> Response[counterfeits.SuspicionDetail]:
        """Block a unit or lot with all its sisters. Needs an Idempotency-Key."""
        return await once(
            request,
            idempotency_key,
            lambda: counterfeits.suspect(
                data.code, data.part_number, by=request.user, reason=data.reason, scope=data.scope
            ),
            status=201,
            required=True,
        )

    @post(
        "/{suspicion_id:uuid}/decide",
        operation_id="JudgeCounterfeit",
        guards=[requires("stock.inspect")],
        responses=refusals(404, 409),
        status_code=200,
    )
    async def decide(
        self, request: ApiRequest, suspicion_id: FromPath[UUID], data: JSONBody[Judged], idempotency_key: Key = None
    ) -> Response[counterfeits.SuspicionDetail]:
        """Judge, as the second person: confirmed, they are defective for good; else they pass their inspection."""
        return await once(
            request,
            idempotency_key,
            lambda: counterfeits.decide(
                suspicion_id, by=request.user, counterfeit=data.counterfeit, remark=data.remark
            ),
        )
