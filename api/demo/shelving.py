"""The demo company's shelves: every store has bins, what it holds lies in them, and the dock has something to do."""

from datetime import timedelta

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.places import bins
from inventory.procurement import announcing, orders
from inventory.stock import conditions, handing_in
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Spot
from inventory.stock.notices import NewNoticeLine
from inventory.stock.pieces import Pieces

CODES = [f"{aisle}-{rack:02d}-{level}" for aisle in "ABC" for rack in range(1, 5) for level in (1, 2)]
"""The bins of a store: aisle, rack, level."""

LAST_DELIVERIES = timedelta(days=2)
"""What came in since is still at the dock."""


async def enter_bins(*, by: Actor) -> None:
    """Give every store its bins."""
    stores = await db.fetch("SELECT code FROM place WHERE kind IN ('depot', 'onsite_store') ORDER BY code")
    await bins.enter_bins([bins.NewBin(place=row["code"], code=code) for row in stores for code in CODES], by=by)


async def put_away(*, by: Actor) -> None:
    """Put what came before the last days into bins, a part always into the same one, in one posting."""
    rows = await db.fetch(
        """WITH shelf AS (
               SELECT bin.id, bin.place, row_number() OVER (PARTITION BY bin.place ORDER BY bin.code) - 1 AS number FROM bin
           ), there AS (
               SELECT id AS unit, NULL::uuid AS lot, part, 1 AS quantity, place, condition, owner, pool, received_at
               FROM unit WHERE bin IS NULL
               UNION ALL
               SELECT NULL, lot, lot_stock.part, quantity, place, condition, owner, pool, received_at
               FROM lot_stock JOIN lot ON lot.id = lot_stock.lot WHERE bin IS NULL AND quantity > 0
           )
           SELECT there.*, shelf.id AS bin FROM there
           JOIN shelf ON shelf.place = there.place AND shelf.number = (there.part * 7) % $2
           WHERE received_at < $1""",
        clock.now() - LAST_DELIVERIES,
        len(CODES),
    )
    spots = [Spot(row["place"], row["condition"], row["owner"], row["pool"]) for row in rows]
    await post(
        [
            Move(
                kind="put_away",
                part=row["part"],
                quantity=row["quantity"],
                unit=row["unit"],
                lot=row["lot"],
                origin=spot,
                target=spot,
                to_bin=row["bin"],
            )
            for row, spot in zip(rows, spots, strict=True)
        ],
        by=by,
    )


async def fill_the_dock(*, by: Actor) -> None:
    """Leave something of every kind for the keepers: an announced delivery, a part nobody knows, one under suspicion."""
    await handing_in.hand_in(
        "GZ", "灰色电源模块，标签已磨损 / grey power module, label worn", by=by, note="夜间送达前台"
    )
    waiting = [
        order
        for order in await orders.orders(limit=50, seen_by=by)
        if order.state in orders.OPEN_FOR_RECEIPT and not any(line.received_quantity for line in order.lines)
    ]
    for order in waiting[:3]:
        await announcing.announce_order(
            order.number,
            [NewNoticeLine(part_number=line.part_number, quantity=line.quantity) for line in order.lines],
            by=by,
            due_at=order.promised_at or clock.now() + timedelta(days=1),
            carrier="顺丰",
            waybill=f"SF{order.number[-6:]}",
        )
    suspect = await db.fetch_one(
        """SELECT unit.serial, part.part_number FROM unit
           JOIN place ON place.id = unit.place AND place.code = 'GZ'
           JOIN pool ON pool.id = unit.pool AND pool.code = 'common'
           JOIN part ON part.id = unit.part
           JOIN level ON level.part = unit.part AND level.place = unit.place AND level.pool = unit.pool
                AND level.condition = 'good' AND level.critical_point IS NULL AND level.free > 3
           WHERE unit.condition = 'good' ORDER BY unit.serial LIMIT 1"""
    )
    if suspect is not None:
        await conditions.judge(
            Pieces("GZ", suspect["part_number"], serials=[suspect["serial"]]),
            "good",
            "quarantine",
            by=by,
            reason="标签印刷模糊，待检验 / label badly printed, to be inspected",
        )
