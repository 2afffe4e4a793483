"""A small store out of service: water came in, and what lies there, comes there and was to leave it waits."""

from datetime import timedelta

from api.demo.lived import Life, Story
from api.demo.warehouse.spare import spare
from inventory.places import register
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
    await register.take_out_of_service(
        STORE,
        by=life.crew["project-manager-1"],
        reason="库房进水，暂停使用 / water in the store room, closed for now",
    )
