"""What a vendor told a person of an order: by telephone, by mail or on paper."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.procurement import answers, changes, orders
from inventory.procurement.answers import Answer, PromisedLine
from inventory.procurement.orders import OrderView

Told = Literal["acknowledged", "delayed", "refused", "shipped", "change_confirmed", "change_declined"]


@db.atomic
async def record(
    order: UUID,
    status: Told,
    *,
    by: Actor,
    said: str,
    promised_at: datetime | None = None,
    lines: Mapping[str, datetime] | None = None,
    vendor_reference: str | None = None,
    version: int | None = None,
) -> OrderView:
    """Record a vendor's word as a buyer heard or read it; `said` is kept word for word, with who recorded it.

    Raises:
        Unknown: no such order, or it was never sent.
        NotYourDepot: it goes to a store that the actor does not serve.
        WrongState, PromisedOutOfTime, …: as `answers.take`.

    """
    by.require("orders.draft")
    view = await orders.order_view(order)
    by.require_depot(view.ship_to)
    if status in ("change_confirmed", "change_declined"):
        for change in await changes.changes(order, limit=1):
            await changes.note_told(change.id)
    answer = Answer(
        status=status,
        promised_at=promised_at,
        lines=[PromisedLine(part_number=part, promised_at=at) for part, at in (lines or {}).items()],
        vendor_reference=vendor_reference,
        reason=said.strip()[:1000],
        version=version,
    )
    return await answers.take(view.vendor, view.number, answer, by=by, said=f"{by.name}: {said.strip()}")
