"""Availability: where a part and what may be used for it are free, and when they could be at a site."""

from datetime import datetime, timedelta

from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.substitutes import Fit
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.installed_base import devices
from inventory.places import places
from inventory.requests import sources
from inventory.requests.sourcing import PICK_HOURS
from inventory.stock import pools


class AvailableStock(Struct, frozen=True, kw_only=True):
    """Free stock in one store and pool.

    A substitute says by which `chain` it may be used, how many pieces of it stand in for one (`pieces_each`), and under
    which `conditions` (a model, a firmware) where no device was named. `promised_ahead` is how many pieces planned work is
    promised from here later on; until then they are free.
    """

    part_number: str
    substitute: bool
    depot: str
    pool: str
    free: int
    enough: bool
    arrives_at: datetime | None
    on_time: bool | None
    chain: list[str] = []
    pieces_each: int = 1
    conditions: list[str] = []
    promised_ahead: int = 0
    promised_from: datetime | None = None


class Availability(Struct, frozen=True, kw_only=True):
    """Where a part is free, best first."""

    part_number: str
    quantity: int
    free_in_network: int
    stock: list[AvailableStock]


async def availability(
    part_number: str,
    *,
    site: str | None,
    need_by: datetime | None,
    quantity: int,
    device: str | None = None,
    seen_by: Actor | None = None,
) -> Availability:
    """Free stock of a part and its substitutes in every store; counts are network-wide.

    For a `device` only what may go into it counts: by its model and firmware, its contract and that one's pool; its site is
    meant where none is named. Six statements at most, however many substitutes.

    Raises:
        UnknownPart: no such part; the facts name the nearest numbers.
        Unknown: no such site.
        UnknownDevice: no such device in the reader's scope.

    """
    part = await parts.find(part_number)
    target = (await places.find(site)).id if site else None
    meant = await devices.find(device, seen_by=seen_by) if device else None
    found = await sources.usable([part.id], Fit(meant.model, meant.firmware) if meant else None)
    now = clock.now()
    rows = await db.fetch(
        """SELECT part.id AS part, part.part_number, place.code AS depot, pool.code AS pool, level.free,
                  coverage.travel_hours, later.promised, later.promised_from
           FROM part
           JOIN level ON level.part = part.id AND level.condition = 'good' AND level.free > 0
           JOIN party ON party.id = level.owner AND party.is_ourselves
           JOIN place ON place.id = level.place AND place.out_of_service_at IS NULL
           JOIN pool ON pool.id = level.pool
           LEFT JOIN coverage ON coverage.store = place.id AND coverage.site = $3
           LEFT JOIN LATERAL (
               SELECT sum(quantity)::int AS promised, min(starts_at) AS promised_from FROM reservation
               WHERE reservation.level = level.id AND reservation.state = 'soft'
           ) AS later ON true
           WHERE part.id = ANY($1)
             AND ($5::int IS NULL OR level.pool = $5)
             AND NOT EXISTS (SELECT FROM forbidden_part WHERE contract = $4 AND forbidden_part.part = part.id)
           ORDER BY part.id <> $2, array_position($1, part.id), coverage.travel_hours NULLS LAST, level.free DESC, place.code
           LIMIT 400""",
        [usable for (_, usable), chain in found.items() if meant is None or not chain.unmet],
        part.id,
        target or (meant.site if meant else None),
        meant.contract if meant else None,
        await pools.pool_of_contract(meant.contract) if meant else None,
    )
    stock: list[AvailableStock] = []
    for row in rows:
        chain = found[part.id, row["part"]]
        travel = row["travel_hours"]
        arrives = None if travel is None else now + timedelta(hours=PICK_HOURS + travel)
        on_time = None if need_by is None or arrives is None else arrives <= need_by
        stock.append(
            AvailableStock(
                part_number=row["part_number"],
                substitute=row["part"] != part.id,
                depot=row["depot"],
                pool=row["pool"],
                free=row["free"],
                enough=row["free"] // chain.pieces >= quantity,
                arrives_at=arrives,
                on_time=on_time,
                chain=list(chain.path),
                pieces_each=chain.pieces,
                conditions=list(chain.unmet),
                promised_ahead=row["promised"] or 0,
                promised_from=row["promised_from"],
            )
        )
    free = sum(line.free for line in stock if not line.substitute)
    return Availability(part_number=part.part_number, quantity=quantity, free_in_network=free, stock=stock)
