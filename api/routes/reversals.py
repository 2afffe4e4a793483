"""Reversals over HTTP: a movement booked by mistake is undone by another."""

from uuid import UUID

from litestar import Controller, Response, post
from litestar.params import FromPath, JSONBody

from api.access import requires_any
from api.answers import ApiRequest, Key, once
from api.problems import refusals
from api.routes.stock import Reason
from inventory.procurement import taking_back
from inventory.stock import reversals


class ReversalController(Controller):
    """What was booked by mistake."""

    tags = ("stock",)

    @post(
        "/movements/{movement_id:uuid}/reverse",
        operation_id="ReverseMovement",
        guards=[requires_any(*taking_back.RIGHTS)],
        responses=refusals(404, 409),
    )
    async def reverse(
        self, request: ApiRequest, movement_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[reversals.ReversalView]:
        """Undo a movement by another one, with a reason, once; needs the right to do what is undone."""
        return await once(
            request,
            idempotency_key,
            lambda: taking_back.reverse_movement(movement_id, by=request.user, reason=data.reason),
            status=201,
            required=True,
        )
