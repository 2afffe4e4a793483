"""Open duties (待办): the board, one of them, taking it on, also by the link of a message, and how late ones escalate."""

from datetime import datetime
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from api.routes.steps import open_steps
from api.shared import message_of
from inventory.assurance import escalation
from inventory.assurance.escalation import Linked
from inventory.ground import steps
from inventory.ground.errors import Unknown
from inventory.places import places


@get("/steps", guards=[requires("steps.read")])
async def list_steps(
    request: PageRequest,
    which: FromQuery[steps.Which | None] = None,
    depot: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """List open duties, the most urgent first."""
    found = await open_steps(
        request,
        limit=LENGTH + 1,
        which=which,
        depot=depot or None,
        after=decode_cursor(cursor, tuple[datetime, UUID]),
    )
    shown, following = cut(found, lambda step: (step.due_at, step.id))
    return Page(
        "steps/list.html",
        steps=shown,
        cursor=following,
        which=which,
        depot=depot,
        stores=await places.stores(limit=200, seen_by=request.user),
        first=not cursor,
    )


@get("/steps/{step_id:uuid}", guards=[requires("steps.read")])
async def show_step(request: PageRequest, step_id: FromPath[UUID]) -> Page:
    """Show a duty, and how far it was handed up."""
    return Page(
        "steps/detail.html",
        step=await steps.step_view(step_id, seen_by=request.user),
        rungs=await escalation.escalations(step_id, seen_by=request.user),
    )


@post("/steps/{step_id:uuid}/acknowledge", guards=[requires("steps.acknowledge")], status_code=303)
async def acknowledge(request: PageRequest, step_id: FromPath[UUID]) -> Redirect:
    """Take it on."""
    await escalation.acknowledge(step_id, by=request.user)
    return Redirect(f"/steps/{step_id}", status_code=303)


@get("/steps/policy", guards=[requires("steps.read")])
async def show_policy() -> Page:
    """Show who hears of a late duty, and after how long."""
    return Page("steps/policy.html", policy=await escalation.policy_now())


@get("/k/{signed:str}")
async def open_link(request: PageRequest, signed: FromPath[str]) -> Page:
    """Show the duty that a message told of. Nothing is taken on yet: mail programs open links before their readers do."""
    return _linked(await escalation.linked(_message(request, signed)), signed)


@post("/k/{signed:str}", status_code=200)
async def take_on(request: PageRequest, signed: FromPath[str]) -> Page:
    """Take it on, as whoever the message was sent to."""
    return _linked(await escalation.acknowledge_by_link(_message(request, signed)), signed)


def _message(request: PageRequest, signed: str) -> UUID:
    found = message_of(signed, request.app.state["settings"].secret)
    if found is None:
        raise Unknown(what="link", what_zh="链接", key="…")
    return found


def _linked(found: Linked, signed: str) -> Page:
    return Page("steps/linked.html", linked=found, step=found.step, signed=signed)


handlers = [list_steps, show_policy, show_step, acknowledge, open_link, take_on]
