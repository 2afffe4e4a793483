"""Open duties over HTTP: the board, taking one on, and how late ones escalate."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.problems import refusals
from api.routes.stock import Code, Text
from inventory.assurance import escalation
from inventory.ground import steps
from inventory.stock import keeping


class NewRung(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who hears of a late duty: `owner`, `key_holder` or a role; after how many minutes of silence on the rung below."""

    who: Code
    after_minutes: int
    off_duty: bool = False


class NewEscalationPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Chains by kind of step; `default` is for all others."""

    chains: Annotated[dict[Code, list[NewRung]], Meta(min_length=1, max_length=100)]
    remark: Text = ""


class StepController(Controller):
    """Every open duty, and the way up for late ones."""

    tags = ("steps",)

    @get("/steps", operation_id="ListSteps", guards=[requires("steps.read")], responses=refusals(404))
    async def list_steps(
        self,
        request: ApiRequest,
        which: FromQuery[steps.Which | None] = None,
        depot: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[steps.StepView]]:
        """List open duties, the most urgent first: all of them, mine, my store's, or late ones."""
        found = await open_steps(
            request, limit=limit + 1, which=which, depot=depot, after=decode_cursor(cursor, tuple[datetime, UUID])
        )
        return page(request, found, limit, lambda step: (step.due_at, step.id))

    @get(
        "/steps/{step_id:uuid}/escalations",
        operation_id="ShowEscalations",
        guards=[requires("steps.read")],
        responses=refusals(404),
    )
    async def show_escalations(self, request: ApiRequest, step_id: FromPath[UUID]) -> list[escalation.RungView]:
        """Show how far a duty was handed up, to whom and when."""
        return await escalation.escalations(step_id, seen_by=request.user)

    @post(
        "/steps/{step_id:uuid}/acknowledge",
        operation_id="AcknowledgeStep",
        status_code=200,
        guards=[requires("steps.acknowledge")],
        responses=refusals(404),
    )
    async def acknowledge(
        self, request: ApiRequest, step_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[steps.StepView]:
        """Take a duty on: it climbs no further."""
        return await once(request, idempotency_key, lambda: escalation.acknowledge(step_id, by=request.user))

    @get(
        "/escalation-policy", operation_id="GetEscalationPolicy", guards=[requires("steps.read")], responses=refusals()
    )
    async def get_policy(self) -> escalation.Policy:
        """Show how late duties escalate."""
        return await escalation.policy_now()

    @post(
        "/escalation-policy",
        operation_id="SetEscalationPolicy",
        guards=[requires("escalation.manage")],
        responses=refusals(),
    )
    async def set_policy(
        self, request: ApiRequest, data: JSONBody[NewEscalationPolicy], idempotency_key: Key = None
    ) -> Response[escalation.Policy]:
        """Put a new version in force; the ones before stay on record."""
        chains = {
            kind: [
                escalation.Rung(who=rung.who, after_minutes=rung.after_minutes, off_duty=rung.off_duty)
                for rung in chain
            ]
            for kind, chain in data.chains.items()
        }
        return await once(
            request,
            idempotency_key,
            lambda: escalation.put_in_force(chains, by=request.user, remark=data.remark),
            status=201,
        )


async def open_steps(
    request: ApiRequest,
    *,
    limit: int,
    which: steps.Which | None,
    depot: str | None,
    after: tuple[datetime, UUID] | None,
) -> list[steps.StepView]:
    """Open duties; which stores are the reader's, the keeping of stores knows."""
    mine = await keeping.kept_by(request.user, limit=200) if which == "my_store" else []
    return await steps.open_steps(
        limit=limit,
        seen_by=request.user,
        after=after,
        which=which,
        depot=depot,
        stores=[store.depot for store in mine],
    )
