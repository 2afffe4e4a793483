"""Availability: where a part and its substitutes are free, and when they could be at a site."""

from datetime import datetime, timedelta

from msgspec import Struct

from inventory.catalogue import parts
from inventory.ground import clock, db
from inventory.places import places
from inventory.requests.sourcing import PICK_HOURS


class AvailableStock(Struct, frozen=True, kw_only=True):
    """Free stock in one store and pool."""

    part_number: str
    substitute: bool
    depot: str
    pool: str
    free: int
    enough: bool
    arrives_at: datetime | None
    on_time: bool | None


class Availability(Struct, frozen=True, kw_only=True):
    """Where a part is free, best first."""

    part_number: str
    quantity: int
    free_in_network: int
    stock: list[AvailableStock]


async def availability(part_number: str, *, site: str | None, need_by: datetime | None, quantity: int) -> Availability:
    """Free stock of a part and its substitutes in every store; counts are network-wide.

    Raises:
        UnknownPart: no such part; the facts name the nearest numbers.
        Unknown: no such site.

    """
    part = await parts.find(part_number)
    target = await places.find(site) if site else None
    now = clock.now()
    rows = await db.fetch(
        """SELECT part.part_number, part.id <> $1 AS substitute, place.code AS depot, pool.code AS pool, level.free,
                  coverage.travel_hours
           FROM part
           JOIN level ON level.part = part.id AND level.condition = 'good' AND level.free > 0
           JOIN party ON party.id = level.owner AND party.is_ourselves
           JOIN place ON place.id = level.place AND place.out_of_service_at IS NULL
           JOIN pool ON pool.id = level.pool
           LEFT JOIN coverage ON coverage.store = place.id AND coverage.site = $2
           WHERE part.id = $1 OR part.id IN (
               SELECT substitute FROM substitution
               WHERE substitution.part = $1 AND valid_from <= $3 AND (valid_to IS NULL OR valid_to >= $3))
           ORDER BY substitute, coverage.travel_hours NULLS LAST, level.free DESC, place.code LIMIT 400""",
        part.id,
        target.id if target else None,
        clock.today(),
    )
    stock: list[AvailableStock] = []
    for row in rows:
        travel = row["travel_hours"]
        arrives = None if travel is None else now + timedelta(hours=PICK_HOURS + travel)
        on_time = None if need_by is None or arrives is None else arrives <= need_by
        stock.append(
            AvailableStock(
                part_number=row["part_number"],
                substitute=row["substitute"],
                depot=row["depot"],
                pool=row["pool"],
                free=row["free"],
                enough=row["free"] >= quantity,
                arrives_at=arrives,
                on_time=on_time,
            )
        )
    free = sum(line.free for line in stock if not line.substitute)
    return Availability(part_number=part.part_number, quantity=quantity, free_in_network=free, stock=stock)
