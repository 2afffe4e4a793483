"""Orders that are under way as the demo begins: a late one with its consequence, a changed one, one by mail, one shipped."""

from datetime import datetime, timedelta
from decimal import Decimal

from api.demo.past import Serials
from inventory.emergency import late_orders
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.procurement import announcing, changes, orders
from inventory.procurement.orders import NewLine, OrderView
from inventory.stock.notices import NewNoticeLine

BUSY, BY_MAIL = "NANHUI", "KUAITONG"
"""The vendor whose desk has something to do, and the one that takes orders by mail."""

_SCARCE = """
    SELECT part.part_number, place.code AS depot, part.serialised FROM level
    JOIN part ON part.id = level.part
    JOIN place ON place.id = level.place AND place.kind = 'depot'
    JOIN pool ON pool.id = level.pool AND pool.code = 'common'
    JOIN party ON party.id = level.owner AND party.is_ourselves
    WHERE level.condition = 'good' AND critical_point IS NOT NULL
      AND EXISTS (SELECT FROM offer JOIN vendor ON vendor.id = offer.vendor JOIN party AS seller ON seller.id = vendor.party
                  WHERE offer.part = level.part AND seller.code = $1)
    ORDER BY critical_point = 0, free - backordered - critical_point, part.part_number, place.code LIMIT 4"""


async def leave_open(end: datetime, serials: Serials, *, by: Actor) -> None:
    """Leave orders open as they stand on an ordinary morning."""
    scarce = await db.fetch(_SCARCE, BUSY)
    late, changed, shipped = (scarce[place % len(scarce)] for place in range(3))
    order = await _ordered(BUSY, late["depot"], late["part_number"], 2, end - timedelta(days=16), by=by)
    await _promised(order, end - timedelta(days=15), end - timedelta(days=4), by=by)
    order = await _ordered(BUSY, changed["depot"], changed["part_number"], 3, end - timedelta(days=2), by=by)
    await _promised(order, end - timedelta(days=2), end + timedelta(days=9), by=by)
    with clock.at(end - timedelta(hours=3)):
        change = await changes.change_order(
            order.id,
            [changes.ChangedLine(part_number=changed["part_number"], quantity=order.lines[0].quantity + 1)],
            by=by,
            reason="故障增多，多备一件 / one more: it fails more often",
            wanted_at=end + timedelta(days=7),
        )
        await changes.note_told(change.id)
    order = await _ordered(BUSY, shipped["depot"], shipped["part_number"], 2, end - timedelta(days=6), by=by)
    await _promised(order, end - timedelta(days=5), end + timedelta(days=2), by=by)
    with clock.at(end - timedelta(hours=20)):
        pieces = order.lines[0].quantity
        named = serials.next(shipped["part_number"], pieces) if shipped["serialised"] else []
        await announcing.announce_order(
            order.number,
            [NewNoticeLine(part_number=shipped["part_number"], quantity=pieces, serials=named)],
            by=by,
            due_at=end + timedelta(days=2),
            carrier="SF",
            waybill="SF1509827364455",
        )
    await _ordered(BUSY, late["depot"], shipped["part_number"], 1, end - timedelta(hours=5), by=by)
    await _by_mail(end, by=by)
    with clock.at(end - timedelta(minutes=1)):
        await late_orders.judge_overdue(by=by)


async def _by_mail(end: datetime, *, by: Actor) -> None:
    """An order that went by mail, and the reply that a buyer recorded."""
    row = (await db.fetch(_SCARCE, BY_MAIL))[0]
    order = await _ordered(BY_MAIL, row["depot"], row["part_number"], 1, end - timedelta(days=1), by=by)
    with clock.at(end - timedelta(hours=20)):
        await orders.note_message(
            order.id, "received", "buyer-1: 邮件回复：有货，五天后到。 By mail: in stock, five days."
        )
        await orders.record_acknowledged(order.id, by=by, promised_at=end + timedelta(days=5))


async def _ordered(vendor: str, depot: str, part_number: str, pieces: int, at: datetime, *, by: Actor) -> OrderView:
    least = await orders.least(vendor, part_number, pieces)
    with clock.at(at):
        line = NewLine(part_number=part_number, quantity=least.quantity)
        order = await orders.draft(vendor, depot, [line], by=by)
        await orders.approve_on_authority(order.id, by=by)
        await orders.begin_sending(order.id)
        sent = (
            f"mail to orders@kuaitong.example: {order.number}.pdf" if vendor == BY_MAIL else f"{order.number}: 1 line"
        )
        await orders.note_message(order.id, "sent", sent)
        total = order.total_cny if isinstance(order.total_cny, Decimal) else Decimal(0)
        return await orders.record_placed(order.id, by=by, vendor_reference=f"{vendor}-{int(total) % 90_000 + 10_000}")


async def _promised(order: OrderView, at: datetime, promised_at: datetime, *, by: Actor) -> None:
    with clock.at(at):
        await orders.note_message(order.id, "received", f"promised for {promised_at:%Y-%m-%d %H:%M}Z", status=200)
        await orders.record_acknowledged(order.id, by=by, promised_at=promised_at)
