"""Questions about stock: levels against their lines, and what is free for a request."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.parts import PartRef
from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.places import places
from inventory.places.places import PlaceRef
from inventory.places.tables import STORE_KINDS
from inventory.stock import disclosure, pools
from inventory.stock.moves import GOOD, Spot


class LevelView(Struct, frozen=True, kw_only=True):
    """A part in a store and pool: what is there, what is promised, what is coming, and its lines.

    `promised` is what soft reservations will hold, the first of them from `promised_from` on; it is still free.
    """

    part_number: str
    name_zh: str
    name_en: str
    depot: str
    pool: str
    on_hand: int
    reserved: int
    free: int
    backordered: int
    in_transit: int
    on_order: int
    promised: int
    promised_from: datetime | None
    base_stock: int | None
    reorder_point: int | None
    critical_point: int | None
    average_failure_line: int | None


class Address(Struct, frozen=True):
    """Where our stock of a part lies: the part, the store, ourselves as the owner, and the pool."""

    part: PartRef
    place: PlaceRef
    owner: int
    pool: int

    def spot(self, condition: str = GOOD) -> Spot:
        """The spot there for stock in a condition."""
        return Spot(self.place.id, condition, self.owner, self.pool)


class OfferedStock(Struct, frozen=True, kw_only=True):
    """Free stock of a part in one store and pool, or none."""

    part: int
    part_number: str
    place: int
    depot: str
    kind: str
    pool: int
    pool_code: str
    free: int
    base_stock: int | None
    critical_point: int | None
    out_of_service: bool


_COLUMNS = """
    part.part_number, part.name_zh, part.name_en, place.code AS depot, pool.code AS pool,
    coalesce(level.on_hand, 0) AS on_hand, coalesce(level.reserved, 0) AS reserved, coalesce(level.free, 0) AS free,
    coalesce(level.backordered, 0) AS backordered,
    coalesce(inbound.in_transit, 0)::int AS in_transit, coalesce(inbound.on_order, 0)::int AS on_order,
    coalesce(later.promised, 0)::int AS promised, later.promised_from,
    level.base_stock, level.reorder_point, level.critical_point, level.average_failure_line
"""

_TO_COME = """
LEFT JOIN LATERAL (
    SELECT sum(quantity - received_quantity) FILTER (WHERE source_kind = 'transfer_line') AS in_transit,
           sum(quantity - received_quantity) FILTER (WHERE source_kind <> 'transfer_line') AS on_order
    FROM expected_delivery
    WHERE expected_delivery.part = level.part AND expected_delivery.place = level.place
      AND expected_delivery.pool = level.pool AND closed_at IS NULL
) AS inbound ON true
LEFT JOIN LATERAL (
    SELECT sum(quantity) AS promised, min(starts_at) AS promised_from FROM reservation
    WHERE reservation.level = level.id AND reservation.state = 'soft'
) AS later ON true
"""

_LEVEL = f"""
SELECT {_COLUMNS}
FROM level
JOIN part ON part.id = level.part
JOIN place ON place.id = level.place
JOIN pool ON pool.id = level.pool
JOIN party ON party.id = level.owner AND party.is_ourselves
{_TO_COME}
WHERE level.condition = 'good' AND ($1::text[] IS NULL OR place.code = ANY($1))
"""


async def levels(
    *,
    limit: int,
    seen_by: Actor,
    after: tuple[str, str, str] | None = None,
    part_number: str | None = None,
    depot: str | None = None,
    pool: str | None = None,
    below: str | None = None,
) -> list[LevelView]:
    """Good stock of ours in the reader's stores that serves the reader's contracts, by part, store and pool.

    `below` keeps only levels whose available stock (free − backordered) is under `critical_point`,
    `reorder_point` or `base_stock`, or at or under `average_failure_line`.
    """
    after_part, after_depot, after_pool = after or (None, None, None)
    return await db.read(
        LevelView,
        f"""{_LEVEL}
            AND ($2::text IS NULL OR part.part_number = $2) AND ($3::text IS NULL OR place.code = $3)
            AND ($4::text IS NULL OR pool.code = $4)
            AND CASE $5::text
                WHEN 'critical_point' THEN level.free - level.backordered < level.critical_point
                WHEN 'reorder_point' THEN level.free - level.backordered < level.reorder_point
                WHEN 'base_stock' THEN level.free - level.backordered < level.base_stock
                WHEN 'average_failure_line' THEN level.free - level.backordered <= level.average_failure_line
                ELSE true END
            AND ($6::text IS NULL OR (part.part_number, place.code, pool.code) > ($6, $7, $8))
            AND {disclosure.serves("pool", "$10")}
            ORDER BY part.part_number, place.code, pool.code LIMIT $9""",
        seen_by.depot_scope,
        part_number,
        depot,
        pool,
        below,
        after_part,
        after_depot,
        after_pool,
        limit,
        seen_by.contract_scope,
    )


async def level(part_number: str, depot: str, pool: str, *, seen_by: Actor) -> LevelView:
    """One level.

    Raises:
        Unknown: nothing of that part was ever there, or the reader may not see it.

    """
    found = await db.read_one(
        LevelView,
        f"""{_LEVEL} AND part.part_number = $2 AND place.code = $3 AND pool.code = $4
            AND {disclosure.serves("pool", "$5")}""",
        seen_by.depot_scope,
        part_number,
        depot,
        pool,
        seen_by.contract_scope,
    )
    if found is None:
        raise Unknown(what="level", what_zh="库存", key=f"{part_number} @ {depot} / {pool}")
    return found


async def level_at(part: int, place: int, pool: int) -> LevelView:
    """The good stock at an address of ours, which may be none."""
    [there] = await db.read(
        LevelView,
        f"""SELECT {_COLUMNS}
            FROM part
            JOIN place ON place.id = $2
            JOIN pool ON pool.id = $3
            JOIN party ON party.is_ourselves
            LEFT JOIN level ON level.part = part.id AND level.place = place.id AND level.condition = 'good'
                 AND level.owner = party.id AND level.pool = pool.id
            {_TO_COME}
            WHERE part.id = $1""",
        part,
        place,
        pool,
    )
    return there


async def address(part_number: str, depot: str, pool: str) -> Address:
    """Where our stock of a part lies in a store; one round trip where all the names are right.

    Raises:
        UnknownPart: no such part; the facts name the nearest numbers.
        Unknown: no such store or pool.

    """
    row = await db.fetch_one(
        """SELECT part.id, part.part_number, part.kind, part.serialised, part.lithium,
                  place.id AS place, place.code, place.kind AS place_kind, party.id AS owner, pool.id AS pool
           FROM part, place, pool, party
           WHERE part.part_number = $1 AND place.code = $2 AND place.kind = ANY($3) AND pool.code = $4
             AND party.is_ourselves""",
        part_number,
        depot,
        list(STORE_KINDS),
        pool,
    )
    if row is None:  # an alias of the part, or a name that the refusal is about
        return Address(
            await parts.find(part_number),
            await places.find_store(depot),
            await places.ourselves(),
            await pools.find(pool),
        )
    return Address(
        PartRef(row["id"], row["part_number"], row["kind"], row["serialised"], row["lithium"]),
        PlaceRef(row["place"], row["code"], row["place_kind"]),
        row["owner"],
        row["pool"],
    )


async def offers(parts: Sequence[int], pools: Sequence[int], *, limit: int = 2000) -> list[OfferedStock]:
    """Where good stock of some parts lies, network-wide, for sourcing a request."""
    return await db.read(
        OfferedStock,
        """SELECT level.part, part.part_number, level.place, place.code AS depot, place.kind, level.pool,
                  pool.code AS pool_code, level.free, level.base_stock, level.critical_point,
                  place.out_of_service_at IS NOT NULL AS out_of_service
           FROM level
           JOIN part ON part.id = level.part
           JOIN place ON place.id = level.place
           JOIN pool ON pool.id = level.pool
           JOIN party ON party.id = level.owner AND party.is_ourselves
           WHERE level.part = ANY($1) AND level.pool = ANY($2) AND level.condition = 'good'
           ORDER BY level.id LIMIT $3""",
        list(parts),
        list(pools),
        limit,
    )
