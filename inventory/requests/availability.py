"""Availability: where a part and what may be used for it are free, and when they could be at a site."""

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.substitutes import MOST_REACHED, Fit, Link, chains, linked, reached
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.installed_base import devices
from inventory.installed_base.contracts import forbids
from inventory.places import places
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

    For a `device` only what may go into it counts: by its model and firmware, its contract, that one's pool and
    the source grade it asks for; its site is meant where none is named.

    One statement for the part and two for the device, however many substitutes.

    Raises:
        UnknownPart: no such part; the facts name the nearest numbers.
        Unknown: no such site.
        UnknownDevice: no such device in the reader's scope.

    """
    meant = await devices.find(device, seen_by=seen_by) if device else None
    found = await db.read_one(
        _Found,
        _FREE,
        part_number,
        clock.today(),
        MOST_REACHED,
        site,
        meant.site if meant else None,
        meant.contract if meant else None,
        await pools.pool_of_contract(meant.contract) if meant else None,
        meant.minimum_provenance if meant else None,
    )
    if found is None:  # an alias was given, or nothing there is
        part = await parts.find(part_number)
        return await availability(
            part.part_number, site=site, need_by=need_by, quantity=quantity, device=device, seen_by=seen_by
        )
    if site is not None and found.site is None:
        await places.find(site)
    known = msgspec.json.decode(found.links, type=list[Link])
    usable = chains(known, found.part, Fit(meant.model, meant.firmware) if meant else None)
    now = clock.now()
    stock: list[AvailableStock] = []
    for row in msgspec.json.decode(found.stock, type=list[_Row]):
        chain = usable.get(row.part)
        if chain is None or row.free < 1 or (meant is not None and chain.unmet):
            continue
        arrives = None if row.travel_hours is None else now + timedelta(hours=PICK_HOURS + row.travel_hours)
        stock.append(
            AvailableStock(
                part_number=row.part_number,
                substitute=row.part != found.part,
                depot=row.depot,
                pool=row.pool,
                free=row.free,
                enough=row.free // chain.pieces >= quantity,
                arrives_at=arrives,
                on_time=None if need_by is None or arrives is None else arrives <= need_by,
                chain=list(chain.path),
                pieces_each=chain.pieces,
                conditions=list(chain.unmet),
                promised_ahead=row.promised or 0,
                promised_from=row.promised_from,
            )
        )
    free = sum(line.free for line in stock if not line.substitute)
    return Availability(part_number=part_number, quantity=quantity, free_in_network=free, stock=stock)


class _Found(Struct, frozen=True, kw_only=True):
    """What one statement says of a part; the lists as PostgreSQL wrote them, to be read once."""

    part: int
    site: int | None
    links: str
    stock: str


class _Row(Struct, frozen=True, kw_only=True):
    part: int
    part_number: str
    depot: str
    pool: str
    free: int
    travel_hours: float | None
    promised: int | None
    promised_from: datetime | None


_FREE = f"""
WITH RECURSIVE asked AS (
    SELECT part.id, CASE WHEN $4::text IS NULL THEN $5::int ELSE (SELECT id FROM place WHERE code = $4) END AS site
    FROM part WHERE part_number = $1
),
{reached("SELECT id FROM asked", "$2", "$3")}
SELECT asked.id AS part, asked.site,
       (SELECT coalesce(json_agg(link), '[]') FROM ({linked("$2")}) AS link)::text AS links,
       (SELECT coalesce(json_agg(found), '[]') FROM (
            SELECT part.id AS part, part.part_number, place.code AS depot, pool.code AS pool,
                   CASE WHEN $8::text IS NULL THEN level.free ELSE issuable(level.id, $8) END AS free,
                   coverage.travel_hours, later.promised, later.promised_from
            FROM near
            JOIN part ON part.id = near.part
            JOIN level ON level.part = part.id AND level.condition = 'good' AND level.free > 0
            JOIN party ON party.id = level.owner AND party.is_ourselves
            JOIN place ON place.id = level.place AND place.out_of_service_at IS NULL
            JOIN pool ON pool.id = level.pool
            LEFT JOIN coverage ON coverage.store = place.id AND coverage.site = asked.site
            LEFT JOIN LATERAL (
                SELECT sum(quantity)::int AS promised, min(starts_at) AS promised_from FROM reservation
                WHERE reservation.level = level.id AND reservation.state = 'soft'
            ) AS later ON true
            WHERE ($7::int IS NULL OR level.pool = $7)
              AND NOT {forbids("$6::int", "part.id")}
            ORDER BY part.id <> asked.id, coverage.travel_hours NULLS LAST, level.free DESC, place.code LIMIT 1000
       ) AS found)::text AS stock
FROM asked
"""
