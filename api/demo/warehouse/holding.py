"""Who keeps what: key-holders, parts in engineers' hands and passed on between them, promises, pools."""

from datetime import timedelta
from uuid import UUID

from api.demo.lived import Life, NotToday, Story
from api.demo.warehouse.spare import spare
from inventory.ground import clock
from inventory.stock import handovers, keeping, pool_crossings, promises, reservations, taking_over, transfers
from inventory.stock.handovers import InHand, Item
from inventory.stock.transfers import TransferItem

KEY_HOLDERS = {"ZJ": "warehouse-keeper-zj-1", "GY": "warehouse-keeper-gy-1"}

WITH_STOCK = ("engineer-1", "engineer-2", "engineer-3", "engineer-4")


def plan(life: Life) -> None:
    """Name who keeps what, let parts go from hand to hand, and leave something for others to decide."""
    life.plan(life.on(40, "09:00"), lambda: _appoint(life))
    for days, engineer in ((22, "engineer-1"), (21, "engineer-2"), (20, "engineer-3")):
        life.tell(life.on(days, "09:15"), _given(life, engineer))
    life.plan(life.on(19, "15:30"), lambda: _used(life, "engineer-2"))
    life.tell(life.on(14, "10:05"), _handed_back(life, "engineer-3"))
    life.tell(life.on(9, "14:20"), _declined(life, "engineer-4"))
    life.tell(life.on(3, "09:00"), _given(life, "engineer-2"))
    life.plan(life.ago(hours=8), lambda: _passed_on(life, "engineer-2", "engineer-4"))
    life.tell(life.on(16, "11:00"), _crossed(life))
    life.tell(life.on(7, "16:00"), _kept_apart(life))
    life.plan(life.ago(hours=5), lambda: _asked_to_cross(life))
    life.plan(life.ago(hours=30), lambda: _promised(life))
    life.tell(life.ago(hours=26), _taken_over(life))


async def _appoint(life: Life) -> None:
    dispatcher = life.crew["dispatcher-1"]
    for store, holder in KEY_HOLDERS.items():
        await keeping.appoint(store, holder, by=dispatcher, recount_days=30)
    for engineer in WITH_STOCK:
        await keeping.set_up_stock(engineer, by=dispatcher)


async def _hand(life: Life, engineer: str, remark: str) -> UUID:
    (part,) = await spare("GZ", 1)
    given = await handovers.give("GZ", engineer, [Item(part_number=part)], by=life.keeper("GZ"), remark=remark)
    return given.id


async def _held(life: Life, engineer: str) -> InHand:
    """Something good that an engineer has in hand, and nobody waits for.

    Raises:
        NotToday: nothing.

    """
    for held in await handovers.in_hand(of=life.crew[engineer], limit=50):
        # what came out of a machine is on its way to the counter
        if held.condition == "good" and held.quantity > held.reserved:
            return held
    raise NotToday


async def _given(life: Life, engineer: str) -> Story:
    given = await _hand(life, engineer, "随车常备件 / carried in the car")
    yield timedelta(hours=1)
    await handovers.accept(given, by=life.crew[engineer])


async def _used(life: Life, engineer: str) -> None:
    """A part in hand goes straight into a machine."""
    held = await _held(life, engineer)
    await keeping.issue_by_scan(
        engineer,
        [keeping.Scanned(code=held.serials[0] if held.serials else held.part_number)],
        by=life.crew[engineer],
        to="YUEWAN-FS",
        reference="INC-20877",
    )


async def _handed_back(life: Life, engineer: str) -> Story:
    held = await _held(life, engineer)
    item = Item(part_number=held.part_number, serials=held.serials)
    back = await handovers.give(engineer, "GZ", [item], by=life.crew[engineer], remark="未用上 / not needed")
    yield timedelta(hours=3)
    await handovers.accept(back.id, by=life.keeper("GZ", 2))


async def _declined(life: Life, engineer: str) -> Story:
    given = await _hand(life, engineer, "")
    yield timedelta(minutes=50)
    await handovers.decline(given, by=life.crew[engineer], reason="型号不对，退回 / not the model I asked for")


async def _passed_on(life: Life, giver: str, taker: str) -> None:
    """From one engineer to the next, who has still to accept."""
    held = await _held(life, giver)
    item = Item(part_number=held.part_number, serials=held.serials[:1])
    await handovers.give(giver, taker, [item], by=life.crew[giver], remark="交接班 / end of my shift")


async def _crossed(life: Life) -> Story:
    """A contract's own stock runs low: a common part is given to it, and driven to its store."""
    (part,) = await spare("GZ", 1, serialised=True)
    keeper = life.keeper("GZ")
    asked = await pool_crossings.ask_crossing(
        "GZ",
        part,
        1,
        by=keeper,
        from_pool="common",
        to_pool="C-LINGHAI",
        reason="湛江专用备件不足，补充一件 / Zhanjiang's own stock runs low",
    )
    yield timedelta(hours=2)
    await pool_crossings.cross(asked.id, by=life.crew["project-manager-1"], reason="同意 / agreed")
    yield timedelta(hours=1)
    sent = await transfers.draft_transfer(
        "GZ", "ZJ", [TransferItem(part_number=part, quantity=1, pool="C-LINGHAI")], by=keeper
    )
    await transfers.ship(sent.id, by=keeper)
    yield timedelta(hours=6)
    await transfers.take_in(sent.id, by=life.keeper("ZJ"))


async def _kept_apart(life: Life) -> Story:
    """What one contract asks for, the others cannot always spare."""
    (part,) = await spare("GZ", 1, serialised=True)
    asked = await pool_crossings.ask_crossing(
        "GZ",
        part,
        1,
        by=life.crew["dispatcher-2"],
        from_pool="common",
        to_pool="C-QIANLING",
        reason="客户要求多备一件 / the customer wants one more",
    )
    yield timedelta(hours=4)
    await pool_crossings.refuse(
        asked.id, by=life.crew["project-manager-2"], reason="现有数量已满足合同约定 / the contract's number is there"
    )


async def _asked_to_cross(life: Life) -> None:
    (part,) = await spare("GZ", 1, serialised=True)
    await pool_crossings.ask_crossing(
        "GZ",
        part,
        1,
        by=life.keeper("GZ"),
        from_pool="common",
        to_pool="C-LINGHAI",
        reason="专用备件不足，补充一件 / the contract's own stock runs low",
    )


async def _promised(life: Life) -> None:
    (part,) = await spare("GZ", 1)
    await promises.promise(
        part,
        "GZ",
        1,
        by=life.crew["dispatcher-1"],
        starts_at=clock.now() + timedelta(days=4),
        priority_class="planned",
        reference="巡检 / inspection tour",
    )


async def _taken_over(life: Life) -> Story:
    """What was put by for an inspection goes to a customer whose system is down; another piece is put by instead."""
    (part,) = await spare("GZ", 1)
    dispatcher = life.crew["dispatcher-1"]
    tour = "巡检 广州 / tour of Guangzhou"
    held = await reservations.reserve(part, "GZ", 1, by=dispatcher, priority_class="planned", reference=tour)
    yield timedelta(hours=3)
    await taking_over.take_over(
        held.id,
        by=life.crew["dispatcher-2"],
        reference="glpi:INC-20931/1",
        priority_class="severe",
        reason="客户业务中断 / the customer's service is down",
    )
    yield timedelta(hours=1)
    await reservations.reserve(part, "GZ", 1, by=dispatcher, priority_class="planned", reference=tour)
