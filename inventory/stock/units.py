"""Units: serialised pieces, where they are and where they have been."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.stock.moves import Spot
from inventory.stock.refusals import SerialRepeated, SerialsMissing, UnitNotHere


class Picked(Struct, frozen=True):
    """A unit chosen to leave."""

    id: UUID
    serial: str
    bin: int | None


class UnitView(Struct, frozen=True, kw_only=True):
    """A unit as lists show it."""

    id: UUID
    part_number: str
    serial: str
    tag: str | None
    condition: str
    owner: str
    pool: str
    place: str
    bin: str | None
    provenance: str
    firmware: str | None
    received_at: datetime


class UnitMovement(Struct, frozen=True, kw_only=True):
    """One step of a unit's life."""

    occurred_at: datetime
    recorded_at: datetime
    kind: str
    from_place: str
    from_condition: str
    to_place: str
    to_condition: str
    document: str | None
    reason: str
    actor: str


async def choose(part: int, origin: Spot, quantity: int, serials: Sequence[str]) -> list[Picked]:
    """The units that leave a spot: those scanned, or the oldest ones; locked until the transaction ends.

    Raises:
        SerialsMissing: serials were given, but not as many as pieces leave.
        UnitNotHere: a serial is not at that spot.

    """
    if serials and len(set(serials)) != quantity:
        raise SerialsMissing(part_number=None, wanted=quantity, given=len(set(serials)))
    found = await db.read(
        Picked,
        """WITH spot AS MATERIALIZED (  -- the level is locked before its units, as by whatever moves them
               SELECT FROM level WHERE part = $1 AND place = $2 AND condition = $3 AND owner = $4 AND pool = $5
               FOR NO KEY UPDATE
           )
           SELECT id, serial, bin FROM unit
           WHERE (SELECT count(*) FROM spot) >= 0
             AND part = $1 AND place = $2 AND condition = $3 AND owner = $4 AND pool = $5
             AND ($6::text[] IS NULL OR serial = ANY($6))
           ORDER BY received_at, id LIMIT $7 FOR NO KEY UPDATE""",
        part,
        origin.place,
        origin.condition,
        origin.owner,
        origin.pool,
        list(serials) or None,
        quantity,
    )
    if len(found) < quantity:
        missing = sorted(set(serials) - {unit.serial for unit in found})
        depot = await db.fetch_value("SELECT code FROM place WHERE id = $1", origin.place)
        raise UnitNotHere(serial=missing[0] if missing else "–", depot=depot, condition=origin.condition)
    return found


async def enter_new(part: int, serial: str, at: Spot, provenance: str, source: str) -> UUID:
    """Enter a new unit where it comes from; a move then brings it in.

    Raises:
        SerialRepeated: a unit with this serial is in the ledger (by its constraint, when the transaction ends).

    """
    return await db.fetch_value(
        """INSERT INTO unit (part, serial, maker, condition, owner, pool, place, provenance, source, received_at)
           SELECT part.id, $2, part.maker, $3, $4, $5, $6, $7, $8, $9 FROM part WHERE part.id = $1 RETURNING id""",
        part,
        serial,
        at.condition,
        at.owner,
        at.pool,
        at.place,
        provenance,
        source,
        clock.now(),
    )


async def enter_removed(part: int, serial: str, at: Spot, document: str) -> UUID:
    """Enter a part that came out of a customer's device, where it came out; or find it, if it was ours before.

    Raises:
        SerialRepeated: a unit with this serial is somewhere else.

    """
    unit = await db.fetch_value(
        """INSERT INTO unit (part, serial, maker, condition, owner, pool, place, provenance, source, received_at)
           SELECT part.id, $2, part.maker, $3, $4, $5, $6, 'recovered', $7, $8 FROM part WHERE part.id = $1
           ON CONFLICT ON CONSTRAINT unit_serial_is_unique_per_maker DO UPDATE
               SET condition = excluded.condition, owner = excluded.owner, pool = excluded.pool, place = excluded.place
               WHERE unit.part = excluded.part
                 AND unit.place IN (SELECT id FROM place WHERE kind = 'site')
           RETURNING id""",
        part,
        serial,
        at.condition,
        at.owner,
        at.pool,
        at.place,
        document,
        clock.now(),
    )
    if unit is None:
        raise SerialRepeated
    return unit


_VIEW = """SELECT unit.id, part.part_number, unit.serial, unit.tag, unit.condition, owner.code AS owner,
                  pool.code AS pool, place.code AS place, bin.code AS bin, unit.provenance, unit.firmware,
                  unit.received_at
           FROM unit
           JOIN part ON part.id = unit.part
           JOIN party AS owner ON owner.id = unit.owner
           JOIN pool ON pool.id = unit.pool
           JOIN place ON place.id = unit.place
           LEFT JOIN bin ON bin.id = unit.bin"""

_IN_SCOPE = "($1::text[] IS NULL OR place.code = ANY($1))"


async def units(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    part_number: str | None = None,
    depot: str | None = None,
    condition: str | None = None,
) -> list[UnitView]:
    """Units in the reader's depots, newest first."""
    return await db.read(
        UnitView,
        f"""{_VIEW}
            WHERE {_IN_SCOPE}
              AND ($2::uuid IS NULL OR unit.id < $2) AND ($3::text IS NULL OR part.part_number = $3)
              AND ($4::text IS NULL OR place.code = $4) AND ($5::text IS NULL OR unit.condition = $5)
            ORDER BY unit.id DESC LIMIT $6""",
        seen_by.depot_scope,
        after,
        part_number,
        depot,
        condition,
        limit,
    )


async def unit(serial: str, *, seen_by: Actor) -> UnitView:
    """One unit by its serial or by our tag.

    Raises:
        Unknown: no such unit in the reader's scope.

    """
    view = await db.read_one(
        UnitView,
        f"{_VIEW} WHERE {_IN_SCOPE} AND (unit.serial = $2 OR unit.tag = $2) ORDER BY unit.id LIMIT 1",
        seen_by.depot_scope,
        serial,
    )
    if view is None:
        raise Unknown(what="unit", what_zh="单件", key=serial)
    return view


async def unit_with(unit_id: UUID, *, seen_by: Actor) -> UnitView | None:
    """The unit with an id; None where the reader may not see it."""
    return await db.read_one(UnitView, f"{_VIEW} WHERE {_IN_SCOPE} AND unit.id = $2", seen_by.depot_scope, unit_id)


async def named(serials: Sequence[str], *, seen_by: Actor) -> list[UnitView]:
    """Units by their serials or our tags, in the order asked for.

    Raises:
        Unknown: a unit is not in the reader's scope.

    """
    found = await db.read(
        UnitView,
        f"{_VIEW} WHERE {_IN_SCOPE} AND (unit.serial = ANY($2) OR unit.tag = ANY($2)) ORDER BY unit.id DESC",
        seen_by.depot_scope,
        list(serials),
    )
    of = {name: unit for unit in found for name in (unit.tag, unit.serial) if name}
    missing = next((serial for serial in serials if serial not in of), None)
    if missing is not None:
        raise Unknown(what="unit", what_zh="单件", key=missing)
    return [of[serial] for serial in serials]


async def life(unit_id: UUID, *, limit: int = 200) -> list[UnitMovement]:
    """A unit's movements, oldest first."""
    return await db.read(
        UnitMovement,
        """SELECT occurred_at, recorded_at, movement.kind, origin.code AS from_place, from_condition,
                  target.code AS to_place, to_condition, document, reason, actor
           FROM movement
           JOIN place AS origin ON origin.id = movement.from_place
           JOIN place AS target ON target.id = movement.to_place
           WHERE unit = $1 ORDER BY recorded_at, movement.id LIMIT $2""",
        unit_id,
        limit,
    )
