"""Taking back what was booked by mistake, orders included: what is reversed was not received."""

from uuid import UUID

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.procurement import orders
from inventory.stock import expected, reversals
from inventory.stock.movements import MovementView

ORDER = "purchase_order"

RIGHTS = ("stock.adjust", *sorted(set(reversals.RIGHT_OF.values())))
"""Whoever has one of these may undo something."""


@db.atomic
async def reverse_movement(movement: UUID, *, by: Actor, reason: str) -> reversals.ReversalView:
    """Reverse a movement; where it is the receipt of an order, the order waits for the pieces again.

    Raises:
        As `stock.reversals.reverse`.

    """
    undone = await reversals.posted(movement, seen_by=by)
    if undone.kind != "receipt" or undone.document_kind != ORDER or undone.document is None:
        return await reversals.reverse_of(undone, reversals.OF_ITS_OWN, by=by, reason=reason)
    view = await reversals.reverse_of(undone, {ORDER}, by=by, reason=reason)
    line = await orders.record_unreceived(
        await orders.order_id(undone.document), undone.part, undone.quantity, by=by, reason=reason
    )
    await expected.count_out(line, undone.quantity)
    return view


def may_be_reversed(line: MovementView, *, by: Actor) -> bool:
    """Whether somebody may try to undo a movement; whether its pieces have gone on, the ledger tells when it is tried."""
    documents = reversals.OF_ITS_OWN | ({ORDER} if line.kind == "receipt" else set())
    return (
        line.reverses is None
        and line.reversed_by_movement is None
        and line.document_kind in documents
        and by.may(reversals.RIGHT_OF.get(line.kind, "stock.adjust"))
    )
