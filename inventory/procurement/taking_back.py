"""Taking back what was booked by mistake, orders and notices included: what is reversed was not received."""

from uuid import UUID

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.procurement import orders
from inventory.stock import expected, notices, reversals
from inventory.stock.differences import UNWANTED
from inventory.stock.movements import MovementView
from inventory.stock.reversals import Posted

ORDER, NOTICE = "purchase_order", "advance_notice"

RIGHTS = ("stock.adjust", *sorted(set(reversals.RIGHT_OF.values())))
"""Whoever has one of these may undo something."""


@db.atomic
async def reverse_movement(movement: UUID, *, by: Actor, reason: str) -> reversals.ReversalView:
    """Reverse a movement; where it is the receipt of an order or a notice, that waits for the pieces again.

    Raises:
        As `stock.reversals.reverse`.

    """
    undone = await reversals.posted(movement, seen_by=by)
    if undone.kind != "receipt" or undone.document_kind not in (ORDER, NOTICE) or undone.document is None:
        return await reversals.reverse_of(undone, reversals.OF_ITS_OWN, by=by, reason=reason)
    extra = await _not_counted(undone)
    view = await reversals.reverse_of(undone, {undone.document_kind}, by=by, reason=reason)
    counted = undone.quantity - extra
    if not counted:
        return view
    if undone.document_kind == ORDER:
        order = await orders.order_id(undone.document)
        line = await orders.record_unreceived(order, undone.part, counted, by=by, reason=reason)
    else:
        line = await notices.line_of(undone.document, undone.part)
    await notices.count_out(line, counted, undone.serial)
    await expected.count_out(line, counted)
    return view


async def _not_counted(undone: Posted) -> int:
    """How many of the pieces that a receipt brought in were taken for nothing that was expected.

    What nobody asked for is not counted against its order or notice: of such a piece, as many as lie beyond the count.
    """
    row = await db.fetch_one(
        """SELECT (SELECT sum(quantity) FROM movement AS came
                   WHERE came.document = movement.document AND came.kind = 'receipt' AND came.part = movement.part
                     AND NOT EXISTS (SELECT FROM reversal WHERE reversal.movement = came.id))::int AS came,
                  CASE movement.document_kind
                      WHEN 'purchase_order' THEN
                          (SELECT sum(received_quantity) FROM purchase_order_line AS line
                           JOIN purchase_order ON purchase_order.id = line.purchase_order
                           WHERE purchase_order.number = movement.document AND line.part = movement.part)
                      ELSE (SELECT sum(received_quantity) FROM advance_notice_line AS line
                            JOIN advance_notice ON advance_notice.id = line.notice
                            WHERE advance_notice.number = movement.document AND line.part = movement.part)
                  END::int AS counted,
                  EXISTS (SELECT FROM receipt_line AS line
                          WHERE line.receipt = movement.receipt AND line.part = movement.part
                            AND line.condition = movement.to_condition AND line.reason = movement.reason
                            AND line.difference = ANY($2)
                            AND (unit.id IS NULL OR line.serials ? unit.serial OR line.tags ? unit.tag)) AS unwanted
           FROM movement LEFT JOIN unit ON unit.id = movement.unit WHERE movement.id = $1""",
        undone.id,
        list(UNWANTED),
    )
    if row is None or row["counted"] is None:  # a part that nobody ordered
        return undone.quantity
    return min(undone.quantity, row["came"] - row["counted"]) if row["unwanted"] else 0


def may_be_reversed(line: MovementView, *, by: Actor) -> bool:
    """Whether somebody may try to undo a movement; whether its pieces have gone on, the ledger tells when it is tried."""
    documents = reversals.OF_ITS_OWN | ({ORDER, NOTICE} if line.kind == "receipt" else set())
    return (
        line.reverses is None
        and line.reversed_by_movement is None
        and line.document_kind in documents
        and by.may(reversals.RIGHT_OF.get(line.kind, "stock.adjust"))
    )
