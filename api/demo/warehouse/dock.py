"""The dock: deliveries announced before they come, one that differs from its papers, a part that somebody left."""

from datetime import timedelta

from api.demo.company.parts import PART_BY_NUMBER
from api.demo.lived import Life, Story
from inventory.ground import clock
from inventory.procurement import announcing, deliveries, orders, release
from inventory.procurement.orders import OrderView
from inventory.stock import handing_in
from inventory.stock.notices import NewNoticeLine
from inventory.stock.pieces import Pieces
from inventory.stock.pools import COMMON

ANNOUNCED_NOW = 3


def plan(life: Life) -> None:
    """Announce some deliveries, let one differ, and leave something of every kind for the keepers."""
    for days in (12, 2):
        life.plan(life.on(days, "10:20"), lambda: _announced_with_serials(life))
    life.plan(life.ago(hours=9), lambda: _left_at_the_desk(life))
    life.plan(life.ago(hours=2.5), lambda: _announced(life))


async def _waiting(life: Life) -> list[OrderView]:
    """Orders of which nothing came yet, the next to come first."""
    found = await orders.orders(limit=100, seen_by=life.crew["buyer-1"])
    return sorted(
        (
            order
            for order in found
            if order.state in orders.OPEN_FOR_RECEIPT
            and order.promised_at is not None
            and order.promised_at > clock.now()
            and not any(line.received_quantity for line in order.lines)
        ),
        key=lambda order: (order.promised_at or clock.now(), order.number),
    )


async def _announced_with_serials(life: Life) -> None:
    """The vendor names the serials of the next delivery with serials; one of them is another one when it arrives."""
    order = next(
        (
            order
            for order in await _waiting(life)
            if order.number not in life.receivers
            and order.pool == COMMON
            and all(PART_BY_NUMBER[line.part_number].serialised for line in order.lines)
        ),
        None,
    )
    if order is None:
        return
    named = {line.part_number: life.serials.next(line.part_number, line.quantity) for line in order.lines}
    notice = await announcing.announce_order(
        order.number,
        [NewNoticeLine(part_number=part, quantity=len(serials), serials=serials) for part, serials in named.items()],
        by=life.crew["buyer-1"],
        due_at=order.promised_at or clock.now(),
        carrier="顺丰",
        waybill=f"SF15{order.number[-6:]}88",
    )

    async def receive(_: OrderView) -> None:
        life.tell(clock.now(), _differs(life, order.ship_to, notice.number, named))

    life.receivers[order.number] = receive


async def _differs(life: Life, depot: str, notice: str, named: dict[str, list[str]]) -> Story:
    (part, *_) = named
    wrong = life.serials.next(part)[0]
    came = named | {part: [wrong, *named[part][1:]]}
    await deliveries.receive(
        notice,
        [deliveries.Scan(part_number=number, serials=serials) for number, serials in came.items()],
        by=life.keeper(depot),
        reason="实物序列号与送货单不符 / not the serial on the delivery note",
    )
    yield timedelta(hours=18)
    await release.release(
        Pieces(depot, part, serials=[wrong]),
        "quarantine",
        by=life.crew["quality-supervisor-1"],
        finding="供应商更正送货单，实物合格 / the vendor corrected its note, the part is genuine",
    )


async def _left_at_the_desk(life: Life) -> None:
    await handing_in.hand_in(
        "GZ",
        "灰色电源模块，标签已磨损 / grey power module, label worn",
        by=life.keeper("GZ"),
        note="夜间送达前台 / left at the front desk at night",
    )


async def _announced(life: Life) -> None:
    waiting = [order for order in await _waiting(life) if order.number not in life.receivers]
    for order in waiting[:ANNOUNCED_NOW]:
        await announcing.announce_order(
            order.number,
            [NewNoticeLine(part_number=line.part_number, quantity=line.quantity) for line in order.lines],
            by=life.crew["buyer-1"],
            due_at=order.promised_at or clock.now() + timedelta(days=1),
            carrier="顺丰",
            waybill=f"SF{order.number[-6:]}",
        )
