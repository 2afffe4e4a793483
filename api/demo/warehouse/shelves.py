"""Bins: every store has them, and every evening what came in before that day is put away."""

from datetime import timedelta
from itertools import groupby

from api.demo.lived import Life
from api.demo.past import LIVED_DAYS
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.places import bins
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Spot

CODES = [f"{aisle}-{rack:02d}-{level}" for aisle in "ABC" for rack in range(1, 5) for level in (1, 2)]
"""The bins of a store: aisle, rack, level."""

STAYS_AT_THE_DOCK = timedelta(days=1)


async def enter_bins(*, by: Actor) -> None:
    """Give every store its bins."""
    stores = await db.fetch("SELECT code FROM place WHERE kind IN ('depot', 'onsite_store') ORDER BY code")
    await bins.enter_bins([bins.NewBin(place=row["code"], code=code) for row in stores for code in CODES], by=by)


def plan(life: Life) -> None:
    """Put away every evening, first of all what is there when the last weeks begin."""
    for days in range(LIVED_DAYS, 0, -1):
        life.plan(life.on(days, "17:40"), lambda: _put_away(life))


async def _put_away(life: Life) -> None:
    """Put what came before the last day into bins, a part always into the same one, in one posting per store."""
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
           SELECT there.*, shelf.id AS bin, place.code FROM there
           JOIN place ON place.id = there.place
           JOIN shelf ON shelf.place = there.place AND shelf.number = (there.part * 7) % $2
           WHERE received_at < $1 ORDER BY place.code, there.part, there.unit, there.lot""",
        clock.now() - STAYS_AT_THE_DOCK,
        len(CODES),
    )
    for store, pieces in groupby(rows, key=lambda row: row["code"]):
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
                for row in pieces
                for spot in [Spot(row["place"], row["condition"], row["owner"], row["pool"])]
            ],
            by=life.keeper(store),
        )
