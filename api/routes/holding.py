"""Who holds what, over HTTP: extending and taking over reservations, and the classes that decide."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Key, once
from api.problems import refusals
from api.routes.stock import Code, Instant, Quantity
from inventory.requests import taking_over as requests_taking_over
from inventory.stock import priorities, reservations, taking_over

Why = Annotated[str, Meta(min_length=1, max_length=2000)]


class Extension(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a reservation is to last; null lets it last until somebody resolves it."""

    expires_at: Instant | None


class TakingOver(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For what a reservation of lower rank is taken over: a reference of yours, or a part request that waits."""

    reason: Why
    reference: Code | None = None
    priority_class: Code | None = None
    part_request: UUID | None = None
    quantity: Quantity | None = None


class HoldingController(Controller):
    """Reservations against each other."""

    tags = ("reservations",)

    @get(
        "/priority-classes",
        operation_id="ListPriorityClasses",
        guards=[requires("documents.read")],
        responses=refusals(),
    )
    async def list_priority_classes(self) -> list[priorities.PriorityClassView]:
        """List who goes first when stock is short, the most urgent first."""
        return await priorities.priority_classes()

    @post(
        "/reservations/{reservation_id:uuid}/extend",
        operation_id="ExtendReservation",
        status_code=200,
        guards=[requires("reservations.make")],
        responses=refusals(404, 409),
    )
    async def extend(
        self,
        request: ApiRequest,
        reservation_id: FromPath[UUID],
        data: JSONBody[Extension],
        idempotency_key: Key = None,
    ) -> Response[reservations.Reservation]:
        """Let a reservation last until another time."""
        return await once(
            request,
            idempotency_key,
            lambda: reservations.extend(reservation_id, data.expires_at, by=request.user),
        )

    @post(
        "/reservations/{reservation_id:uuid}/take-over",
        operation_id="TakeOverReservation",
        status_code=201,
        guards=[requires("reservations.take_over")],
        responses=refusals(404, 409),
    )
    async def take_over(
        self,
        request: ApiRequest,
        reservation_id: FromPath[UUID],
        data: JSONBody[TakingOver],
        idempotency_key: Key = None,
    ) -> Response[reservations.Reservation]:
        """Give what a lower purpose holds to a higher one; the answer is the new reservation."""

        async def act() -> reservations.Reservation:
            if data.part_request is not None:
                return await requests_taking_over.take_over_for_request(
                    reservation_id, data.part_request, by=request.user, reason=data.reason
                )
            return await taking_over.take_over(
                reservation_id,
                by=request.user,
                reference=data.reference or "",
                priority_class=data.priority_class or "",
                reason=data.reason,
                quantity=data.quantity,
            )

        return await once(request, idempotency_key, act, status=201)
