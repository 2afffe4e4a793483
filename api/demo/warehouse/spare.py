"""What a store can do without: the warehouses' stories take only that, so that none of them makes an emergency."""

from api.demo.company.depots import CRITICAL_PARTS
from api.demo.lived import NotToday
from inventory.ground import db

_WATCHED = [number for number, *_ in CRITICAL_PARTS]


async def spare(
    depot: str, count: int, *, pieces: int = 1, serialised: bool | None = None, part: str | None = None
) -> list[str]:
    """The parts of which a store has most, where another one stays when so many pieces go.

    Only the part named, where one is. No lithium, which may not fly, none of the parts whose critical points are watched
    by hand, and no whole units, which go into no device.

    Raises:
        NotToday: there are fewer.

    """
    rows = await db.fetch(
        """SELECT part.part_number FROM level
           JOIN part ON part.id = level.part JOIN place ON place.id = level.place
           JOIN pool ON pool.id = level.pool AND pool.contract IS NULL
           JOIN party ON party.id = level.owner AND party.is_ourselves
           WHERE place.code = $1 AND level.condition = 'good' AND level.free > $2 AND NOT part.lithium
             AND part.part_number <> ALL($3)
             AND NOT EXISTS (SELECT FROM swap_unit WHERE swap_unit.part = part.id)
             AND ($4::boolean IS NULL OR part.serialised = $4)
             AND ($6::text IS NULL OR part.part_number = $6)
           ORDER BY level.free DESC, md5(part.part_number) LIMIT $5""",
        depot,
        pieces,
        _WATCHED,
        serialised,
        count,
        part,
    )
    if len(rows) < count:
        raise NotToday
    return [row["part_number"] for row in rows]


async def only_one(depot: str) -> str:
    """A part kept by serial of which a store has just one.

    Raises:
        NotToday: there is none.

    """
    part = await db.fetch_value(
        """SELECT part.part_number FROM level
           JOIN part ON part.id = level.part AND part.serialised AND NOT part.lithium
           JOIN place ON place.id = level.place
           JOIN pool ON pool.id = level.pool AND pool.contract IS NULL
           JOIN party ON party.id = level.owner AND party.is_ourselves
           WHERE place.code = $1 AND level.condition = 'good' AND level.on_hand = 1 AND level.free = 1
             AND part.part_number <> ALL($2) AND NOT EXISTS (SELECT FROM swap_unit WHERE swap_unit.part = part.id)
           ORDER BY part.unit_cost_cny, part.part_number LIMIT 1""",
        depot,
        _WATCHED,
    )
    if part is None:
        raise NotToday
    return part
