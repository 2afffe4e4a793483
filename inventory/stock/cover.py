"""What a change of stock means for the promise meter and for swaps: which changes have to be looked at, and which do not."""

from collections.abc import Collection, Mapping

from inventory.catalogue.substitutes import stood_in_for
from inventory.ground import db
from inventory.ground.jobs import FindSwapUnits, JudgeCover
from inventory.stock.issuable import BELOW_CHANNEL


def standing(free: int, critical_point: int | None, *, in_several: bool = False) -> tuple[int, int]:
    """What counts of a level's free stock: none, the last piece or more; and below, at or above the critical point.

    Where `in_several` pieces of the part may stand in for one of another, any piece may be the one that counts.

    >>> standing(9, 4) == standing(5, 4), standing(4, 4) == standing(5, 4), standing(1, None) == standing(2, None)
    (True, False, False)
    >>> standing(9, 4, in_several=True) == standing(8, 4, in_several=True)
    False
    """
    point = critical_point or 0
    return (free, point) if in_several else (min(free, 2), (free > point) - (free < point))


async def to_judge(
    spots: Mapping[tuple[int, int, int], bool], *, freed: Collection[int] = ()
) -> list[JudgeCover | FindSwapUnits]:
    """The jobs for some parts, places and pools: of parts that a device depends on, or that stand in for such a part.

    Of the parts of which pieces were `freed`, those that replace whole devices are told too: a swap may lack one.

    What is told with True has changed its `standing`. What has not matters all the same where not every piece may be
    given to everybody: of stock that stands as before, as many may have become good enough for a contract, or too few.
    """
    if not spots:
        return []
    rows = await db.fetch(
        f"""SELECT part, place, pool
            FROM unnest($1::int[], $2::int[], $3::int[], $4::bool[]) AS asked(part, place, pool, stands_otherwise)
            WHERE EXISTS (SELECT FROM model_part
                          WHERE critical AND model_part.part IN ({stood_in_for("ARRAY[asked.part]")}))
              AND (stands_otherwise
                   OR EXISTS (SELECT FROM unit WHERE unit.part = asked.part AND unit.place = asked.place
                              AND condition = 'good' AND unit.{BELOW_CHANNEL})
                   OR EXISTS (SELECT FROM lot JOIN lot_stock ON lot_stock.lot = lot.id AND quantity > 0
                              WHERE lot.part = asked.part AND lot.{BELOW_CHANNEL} AND lot_stock.place = asked.place)
                   OR EXISTS (SELECT FROM contract WHERE minimum_provenance = 'maker_direct')
                      AND (EXISTS (SELECT FROM unit WHERE unit.part = asked.part AND unit.place = asked.place
                                   AND condition = 'good' AND provenance <> 'maker_direct')
                           OR EXISTS (SELECT FROM lot JOIN lot_stock ON lot_stock.lot = lot.id AND quantity > 0
                                      WHERE lot.part = asked.part AND lot_stock.place = asked.place
                                        AND provenance <> 'maker_direct')))
            UNION ALL
            SELECT DISTINCT part, NULL::int, NULL::int FROM swap_unit WHERE in_force AND part = ANY($5)""",
        *zip(*spots, strict=True),
        list(spots.values()),
        list(freed),
    )
    return [
        FindSwapUnits(row["part"]) if row["place"] is None else JudgeCover(row["part"], row["place"], row["pool"])
        for row in rows
    ]
