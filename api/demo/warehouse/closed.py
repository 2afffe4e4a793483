"""A small store in force majeure: water came in, and what lies there is frozen while the next stores serve its sites."""

from datetime import timedelta

from api.demo.lived import Life, Story
from api.demo.warehouse.spare import spare
from inventory.emergency import force_majeure
from inventory.stock import transfers
from inventory.stock.shipments import Dispatch
from inventory.stock.transfers import TransferItem, TransferView

STORE, FED_FROM = "FS", "GZ"


def plan(life: Life) -> None:
    """Fill the store, and close it while something is on its way there and something else is to leave it."""
    life.tell(life.on(16, "09:30"), _used(life))


async def _sent_there(life: Life, parts: int, pieces: int) -> TransferView:
    items = [TransferItem(part_number=part, quantity=pieces) for part in await spare(FED_FROM, parts, pieces=pieces)]
    drafted = await transfers.draft_transfer(FED_FROM, STORE, items, by=life.keeper(FED_FROM))
    how = Dispatch(mode="own_car", carrier=f"{FED_FROM} 值班车")
    return await transfers.ship(drafted.id, by=life.keeper(FED_FROM), how=how)


async def _used(life: Life) -> Story:
    filled = await _sent_there(life, parts=3, pieces=2)
    yield timedelta(hours=2)
    await transfers.take_in(filled.id, by=life.keeper(STORE))
    yield timedelta(days=13)
    back = [TransferItem(part_number=filled.lines[0].part_number, quantity=1)]
    await transfers.draft_transfer(STORE, FED_FROM, back, by=life.keeper(STORE))
    yield timedelta(hours=20)
    await _sent_there(life, parts=1, pieces=1)
    yield timedelta(hours=1)
    lost = await force_majeure.declare(
        STORE, "water_leak", reason="库房进水 / water in the store room", by=life.crew["project-manager-1"]
    )
    yield timedelta(minutes=9)
    await force_majeure.note_measure(
        lost.id,
        f"通知发货方改送 {FED_FROM}；抽水后复盘 / senders deliver to {FED_FROM}; count again once it is dry",
        by=life.crew["project-manager-1"],
    )
