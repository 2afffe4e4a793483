"""Emergency plan 3 over HTTP: stores and sites that force majeure put out of service."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.problems import refusals
from api.routes.stock import Code, Text
from inventory.emergency import force_majeure, rebuilding

Long = Annotated[str, Meta(min_length=1, max_length=10_000)]


class ForceMajeureDeclaration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A store or a customer's site that is out of service by force majeure."""

    place: Code
    cause: force_majeure.Cause
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class Measure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was done or decided."""

    text: Annotated[str, Meta(min_length=1, max_length=2000)]


class Redirection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A purchase order or transfer that is under way, by its number, and the store it is to go to."""

    document: Code
    to: Code


class ForceMajeureEnd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it ends; a store that does not return stays out of service, so that what is left there can be moved away."""

    note: Long
    lessons: Text = ""
    returns: bool = True


class ForceMajeureController(Controller):
    """Plan 3 from the declaration to the way back."""

    tags = ("emergency",)

    @get(
        "/force-majeure",
        operation_id="ListForceMajeure",
        guards=[requires("emergency.read")],
        responses=refusals(404),
    )
    async def list_force_majeure(
        self,
        request: ApiRequest,
        *,
        live: FromQuery[bool] = False,
        place: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[force_majeure.Summary]]:
        """List plans 3, newest first; `live` keeps those that are not over."""
        found = await force_majeure.summaries(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, UUID),
            live_only=live,
            place=place,
        )
        return page(request, found, limit, lambda each: each.id)

    @get(
        "/force-majeure/{force_majeure_id:uuid}",
        operation_id="GetForceMajeure",
        guards=[requires("emergency.read")],
        responses=refusals(404),
    )
    async def get_force_majeure(self, request: ApiRequest, force_majeure_id: FromPath[UUID]) -> force_majeure.View:
        """Show one plan 3 with its evidence, what is still coming, and what is not counted yet."""
        return await force_majeure.view(force_majeure_id, seen_by=request.user)

    @post(
        "/force-majeure",
        operation_id="DeclareForceMajeure",
        guards=[requires("emergency.declare")],
        responses=refusals(404, 409),
    )
    async def declare(
        self, request: ApiRequest, data: JSONBody[ForceMajeureDeclaration], idempotency_key: Key = None
    ) -> Response[force_majeure.Summary]:
        """Declare a store or a site out of service: a store is frozen, and its cover moves elsewhere at once."""
        return await once(
            request,
            idempotency_key,
            lambda: force_majeure.declare(data.place, data.cause, reason=data.reason, by=request.user),
            status=201,
        )

    @post(
        "/force-majeure/{force_majeure_id:uuid}/measures",
        operation_id="NoteForceMajeureMeasure",
        status_code=200,
        guards=[requires("emergency.declare")],
        responses=refusals(404, 409),
    )
    async def note_measure(
        self,
        request: ApiRequest,
        force_majeure_id: FromPath[UUID],
        data: JSONBody[Measure],
        idempotency_key: Key = None,
    ) -> Response[force_majeure.Summary]:
        """Write down what was done or decided."""
        return await once(
            request,
            idempotency_key,
            lambda: force_majeure.note_measure(force_majeure_id, data.text, by=request.user),
        )

    @post(
        "/force-majeure/{force_majeure_id:uuid}/redirections",
        operation_id="RedirectDelivery",
        status_code=200,
        guards=[requires("emergency.declare")],
        responses=refusals(404, 409),
    )
    async def redirect(
        self,
        request: ApiRequest,
        force_majeure_id: FromPath[UUID],
        data: JSONBody[Redirection],
        idempotency_key: Key = None,
    ) -> Response[force_majeure.Summary]:
        """Send what is under way to the store elsewhere, or back once it has returned: vendors are asked, transfers turn."""
        return await once(
            request,
            idempotency_key,
            lambda: force_majeure.redirect(force_majeure_id, data.document, data.to, by=request.user),
        )

    @post(
        "/force-majeure/{force_majeure_id:uuid}/close",
        operation_id="CloseForceMajeure",
        status_code=200,
        guards=[requires("emergency.close")],
        responses=refusals(404, 409),
    )
    async def close(
        self,
        request: ApiRequest,
        force_majeure_id: FromPath[UUID],
        data: JSONBody[ForceMajeureEnd],
        idempotency_key: Key = None,
    ) -> Response[force_majeure.Summary]:
        """End it: a store has to be counted again first."""
        return await once(
            request,
            idempotency_key,
            lambda: force_majeure.close(
                force_majeure_id, note=data.note, lessons=data.lessons, returns=data.returns, by=request.user
            ),
        )

    @get(
        "/sites/{code:str}/rebuilding",
        operation_id="GetRebuilding",
        guards=[requires("emergency.read")],
        responses=refusals(404),
    )
    async def get_rebuilding(self, request: ApiRequest, code: FromPath[str]) -> list[rebuilding.Rebuilding]:
        """Show which whole units and parts could rebuild a site, by when they could be there."""
        return await rebuilding.rebuilding(code, seen_by=request.user)
