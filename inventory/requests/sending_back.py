"""Sending back for a request (D65): what came out for it goes to as many vendors as it takes, and the request knows of each."""

from collections.abc import Sequence
from uuid import UUID

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.requests.lines import lock_head
from inventory.returns import rmas
from inventory.returns.rmas import NewLine, RmaView


@db.atomic
async def draft(
    depot: str,
    lines: Sequence[NewLine],
    *,
    by: Actor,
    remark: str = "",
    claim: UUID | None = None,
    request: UUID | None = None,
) -> list[RmaView]:
    """Draft the return of pieces for the part request they belong to; unsaid, for the one their debts tell.

    Raises:
        Unknown: no such request in the actor's scope; or as `rmas.draft`, with all that refuses.

    """
    number = None if request is None else (await lock_head(request, by=by))["number"]
    return await rmas.draft(depot, lines, by=by, remark=remark, claim=claim, request=number)
