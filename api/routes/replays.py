"""The past against a plan over HTTP."""

import asyncio
from uuid import UUID

from litestar import Controller, get
from litestar.params import FromPath

from api.access import requires
from api.answers import ApiRequest
from api.problems import refusals
from inventory.planning import replay


class ReplayController(Controller):
    """What a plan's stock would have done for the failures that happened."""

    tags = ("plans",)

    @get(
        "/plans/{plan_id:uuid}/replay",
        operation_id="ReplayPlan",
        guards=[requires("plans.read")],
        responses=refusals(404, 409),
    )
    async def replay_plan(self, request: ApiRequest, plan_id: FromPath[UUID]) -> replay.Replayed:
        """Play the failures of the last 365 days against a plan, from full shelves on, first come first served."""
        return await asyncio.to_thread(replay.replayed, await replay.past(plan_id, seen_by=request.user))
