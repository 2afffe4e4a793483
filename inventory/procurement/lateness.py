"""Late orders: which are overdue or were promised for later, and the buyer's duty about each, with what it puts at risk."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct, convert

from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.procurement import orders
from inventory.procurement.orders import AtRisk

SOON = timedelta(days=7)
"""A stock that falls below its line within this time makes a late order urgent."""


class LateLine(Struct, frozen=True, kw_only=True):
    """A line of which something is still to come: the level it was to fill, and when it is due."""

    order: UUID
    number: str
    depot: str
    part: int
    place: int
    pool: int
    part_number: str
    due_at: datetime
    first_promised_at: datetime | None
    late_for: datetime | None

    @property
    def key(self) -> tuple[int, int, int]:
        """Part, place and pool."""
        return self.part, self.place, self.pool


async def late_lines(*, limit: int, order: UUID | None = None) -> list[LateLine]:
    """The lines of one order that are still to come, or all that are overdue, the longest first."""
    return await db.read(
        LateLine,
        """SELECT purchase_order.id AS order, purchase_order.number, place.code AS depot, delivery.part, delivery.place,
                  delivery.pool, part.part_number, delivery.due_at, first_promised_at, late_for
           FROM expected_delivery AS delivery
           JOIN purchase_order_line AS line ON line.id = delivery.source
           JOIN purchase_order ON purchase_order.id = line.purchase_order
           JOIN part ON part.id = line.part
           JOIN place ON place.id = purchase_order.ship_to
           WHERE delivery.closed_at IS NULL AND delivery.source_kind = 'purchase_order_line'
             AND purchase_order.state = ANY($1) AND ($2::uuid IS NULL OR purchase_order.id = $2)
             AND ($2::uuid IS NOT NULL OR delivery.due_at < $3)
           ORDER BY delivery.due_at, delivery.id LIMIT $4""",
        list(orders.OPEN_FOR_RECEIPT),
        order,
        clock.now(),
        limit,
    )


async def risks(numbers: Sequence[str]) -> dict[str, list[AtRisk]]:
    """What the lateness of some orders puts at risk, by their numbers, soonest first."""
    rows = await db.fetch("SELECT number, at_risk FROM purchase_order WHERE number = ANY($1)", list(numbers))
    return {row["number"]: convert(row["at_risk"], list[AtRisk]) for row in rows}


def is_late(lines: Sequence[LateLine], now: datetime) -> bool:
    """Whether something of an order is overdue, or was promised for later than at first.

    >>> from datetime import UTC
    >>> from uuid import UUID
    >>> line = LateLine(order=UUID(int=1), number="PO-1", depot="GZ", part=1, place=1, pool=1, part_number="FAN",
    ...                 due_at=datetime(2027, 3, 9, tzinfo=UTC), first_promised_at=datetime(2027, 3, 5, tzinfo=UTC),
    ...                 late_for=None)
    >>> is_late([line], datetime(2027, 3, 1, tzinfo=UTC)), is_late([], datetime(2027, 3, 1, tzinfo=UTC))
    (True, False)
    """
    return any(
        line.due_at < now or (line.first_promised_at is not None and line.due_at > line.first_promised_at)
        for line in lines
    )


@db.atomic
async def record(order: UUID, lines: Sequence[LateLine], at_risk: Sequence[AtRisk], *, by: Actor) -> bool:
    """Write down that an order is late and what that puts at risk, or that it is not any more; whether it is.

    A buyer has a duty about it, and another one as soon as it is due at another time: whoever took the first one on knew
    nothing of that.
    """
    await db.execute("SELECT FROM purchase_order WHERE id = $1 FOR NO KEY UPDATE", order)
    view = await orders.order_view(order)
    now = clock.now()
    late = view.state in orders.OPEN_FOR_RECEIPT and is_late(lines, now)
    due = min((line.due_at for line in lines), default=None)
    before = await db.fetch_value("SELECT late_for FROM purchase_order WHERE id = $1", order)
    await db.execute(
        """UPDATE purchase_order SET late_since = CASE WHEN $2 THEN coalesce(late_since, $3::timestamptz) END,
                  late_for = CASE WHEN $2 THEN $4::timestamptz END, at_risk = $5
           WHERE id = $1""",
        order,
        late,
        now,
        due,
        sorted(at_risk, key=lambda risk: risk.falls_at) if late else [],
    )
    if not late or due != before:
        await steps.finish("purchase_order", view.number, "late_order", by=by)
    if late and due != before:
        soon = any(risk.falls_at < now + SOON for risk in at_risk)
        await steps.begin(
            "late_order",
            "purchase_order",
            view.number,
            owner_role="buyer",
            depot=view.ship_to,
            due_at=now + timedelta(hours=1 if soon else 8),
        )
        told = {"number": view.number, "due_at": due, "vendor": view.vendor, "at_risk": list(at_risk)}
        await events.emit("purchase_order.late", "purchase_order", view.number, told, depot=view.ship_to)
        await audit.record("order.late", "purchase_order", view.number, by=by, change=told)
    return late
