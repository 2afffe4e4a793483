"""The demo company's key-holders, engineers' own stocks, and a few things under way between them."""

from datetime import timedelta

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.stock import handovers, keeping, pool_crossings, promises
from inventory.stock.handovers import Item

KEY_HOLDERS = {"ZJ": "warehouse-keeper-zj-1", "GY": "warehouse-keeper-gy-1"}

WITH_STOCK = ("engineer-1", "engineer-2", "engineer-3", "engineer-4")


async def enter(*, by: Actor) -> None:
    """Name who keeps what, give some engineers parts in hand, and leave something for others to decide."""
    for store, holder in KEY_HOLDERS.items():
        await keeping.appoint(store, holder, by=by, recount_days=30)
    for engineer in WITH_STOCK:
        await keeping.set_up_stock(engineer, by=by)
    plenty = await db.fetch(
        """SELECT part_number FROM level
           JOIN part ON part.id = level.part JOIN place ON place.id = level.place JOIN pool ON pool.id = level.pool
           JOIN party ON party.id = level.owner AND party.is_ourselves
           WHERE place.code = 'GZ' AND pool.code = 'common' AND level.condition = 'good'
           ORDER BY level.free - coalesce(level.critical_point, 0) DESC, part_number LIMIT 3"""
    )
    parts = [row["part_number"] for row in plenty]
    for number, engineer in enumerate(WITH_STOCK):
        given = await handovers.give("GZ", engineer, [Item(part_number=parts[number % len(parts)])], by=by)
        if engineer != WITH_STOCK[-1]:  # the last one has still to accept
            await handovers.accept(given.id, by=by)
    await promises.promise(
        parts[0],
        "GZ",
        1,
        by=by,
        starts_at=clock.now() + timedelta(days=3),
        priority_class="planned",
        reference="巡检 / inspection tour",
    )
    dedicated = await db.fetch_value("SELECT code FROM pool WHERE contract IS NOT NULL ORDER BY code LIMIT 1")
    if dedicated is not None:
        await pool_crossings.ask_crossing(
            "GZ",
            parts[0],
            1,
            by=by,
            from_pool="common",
            to_pool=dedicated,
            reason="专用备件不足，补充一件 / the contract's own stock runs low",
        )
