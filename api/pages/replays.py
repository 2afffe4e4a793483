"""The past against a plan: which of last year's failures its stock would have served in time."""

import asyncio
from uuid import UUID

from litestar import get
from litestar.params import FromPath

from api.access import requires
from api.pages.rendering import Page, PageRequest
from inventory.planning import replay


@get("/plans/{plan_id:uuid}/replay", guards=[requires("plans.read")])
async def show_replay(request: PageRequest, plan_id: FromPath[UUID]) -> Page:
    """Show a plan against last year's failures."""
    found = await asyncio.to_thread(replay.replayed, await replay.past(plan_id, seen_by=request.user))
    return Page("plans/replay.html", found=found)


handlers = [show_replay]
