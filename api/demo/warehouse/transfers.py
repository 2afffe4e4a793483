"""Transfers between the stores: taken in, on the road, overdue, come in part, lost in part, and a vendor's own piece."""

from datetime import timedelta

from api.demo.lived import Life, Story
from api.demo.warehouse.spare import spare
from inventory.ground import clock
from inventory.places import places
from inventory.stock import losses, receipts, transfers
from inventory.stock.shipments import Dispatch
from inventory.stock.transfers import TransferItem, TransferView


def plan(life: Life) -> None:
    """Send some, in the past and at this moment; not all of it arrives."""
    life.tell(life.on(26, "16:00"), _smooth(life, "SH", "GZ"))
    life.tell(life.on(20, "15:40"), _lost_in_part(life, "SH", "SY"))
    life.plan(life.on(6, "17:10"), lambda: _never_arrived(life, "GZ", "SH"))
    life.tell(life.ago(hours=52), _come_in_part(life, "GZ", "SY"))
    life.tell(life.ago(hours=6), _smooth(life, "SH", "GZ"))
    life.tell(life.on(9, "14:20"), _a_vendors_own(life, "GZ", "SH", "NANHUI"))
    life.plan(life.ago(minutes=50), lambda: _being_made_ready(life, "SH", "SY"))


async def _drafted(life: Life, origin: str, target: str, parts: int = 1, pieces: int = 1) -> TransferView:
    items = [TransferItem(part_number=part, quantity=pieces) for part in await spare(origin, parts, pieces=pieces)]
    return await transfers.draft_transfer(origin, target, items, by=life.keeper(origin))


async def _being_made_ready(life: Life, origin: str, target: str) -> None:
    await _drafted(life, origin, target)


async def _sent(life: Life, origin: str, target: str, parts: int = 1, pieces: int = 1) -> TransferView:
    drafted = await _drafted(life, origin, target, parts, pieces)
    how = Dispatch(mode="courier", carrier="顺丰", waybill=f"SF16{drafted.number[-6:]}07")
    return await transfers.ship(drafted.id, by=life.keeper(origin), how=how)


async def _smooth(life: Life, origin: str, target: str) -> Story:
    sent = await _sent(life, origin, target, parts=2)
    yield (sent.due_at or clock.now()) - clock.now() - timedelta(hours=3)
    await transfers.take_in(sent.id, by=life.keeper(target))


async def _a_vendors_own(life: Life, origin: str, target: str, vendor: str) -> Story:
    """A vendor keeps two pieces with us, which stay his; one of them is wanted elsewhere, and is on the road."""
    keeper, (part,) = life.keeper(origin), await spare(origin, 1, serialised=True)
    await receipts.receive(
        origin,
        [receipts.Incoming(part_number=part, quantity=2, serials=life.serials.next(part, 2))],
        by=keeper,
        origin=f"V-{vendor}",
        owner=await places.find_party(vendor),
        remark="寄售件，所有权归供应商 / on consignment: they stay the vendor's",
    )
    yield life.ago(hours=4) - clock.now()
    items = [TransferItem(part_number=part, quantity=1, owner=vendor)]
    drafted = await transfers.draft_transfer(origin, target, items, by=keeper)
    how = Dispatch(mode="courier", carrier="顺丰", waybill=f"SF16{drafted.number[-6:]}09")
    await transfers.ship(drafted.id, by=keeper, how=how)


async def _never_arrived(life: Life, origin: str, target: str) -> None:
    """Nobody has taken it in, and nobody has said why: the target's keepers are asked."""
    sent = await _sent(life, origin, target)
    with clock.at((sent.due_at or clock.now()) + timedelta(hours=1)):
        await losses.note_overdue()


async def _come_in_part(life: Life, origin: str, target: str) -> Story:
    """One package of two came; the carrier looks for the other one."""
    sent = await _sent(life, origin, target, parts=2)
    yield timedelta(hours=40)
    (first, *_) = sent.lines
    await transfers.take_in(
        sent.id,
        by=life.keeper(target),
        received={first.part_number: first.quantity},
        reason="两箱到一箱，承运商查找中 / one of two packages came, the carrier is looking",
    )


async def _lost_in_part(life: Life, origin: str, target: str) -> Story:
    sent = await _sent(life, origin, target, pieces=2)
    yield timedelta(hours=29)
    (line,) = sent.lines
    await transfers.take_in(
        sent.id,
        by=life.keeper(target),
        received={line.part_number: 1},
        reason="外箱破损，缺一件 / the box was torn, one piece is missing",
    )
    yield timedelta(days=3)
    await losses.declare_lost(
        sent.id,
        by=life.crew["quality-supervisor-1"],
        reason="承运商确认遗失，已索赔 / the carrier admits the loss and will pay",
    )
