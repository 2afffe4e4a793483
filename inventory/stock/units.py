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


class NewUnit(Struct, frozen=True, kw_only=True):
    """A unit to enter where it comes from; one that goes by our tag says what its own label claims."""

    part: int
    serial: str
    condition: str
    owner: int
    pool: int
    place: int
    provenance: str
    claimed_serial: str | None = None
    tag: str | None = None


class UnitView(Struct, frozen=True, kw_only=True):
    """A unit as lists show it."""

    id: UUID
    part_number: str
    serial: str
    claimed_serial: str | None
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
        """SELECT id, serial, bin FROM unit
           WHERE part = $1 AND place = $2 AND condition = $3 AND owner = $4 AND pool = $5
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


async def enter_all(new: Sequence[NewUnit], *, receipt: UUID | None = None, source: str = "") -> list[UUID]:
    """Enter new units, in one statement; their ids in the order given.

    Raises:
        SerialRepeated: a unit with such a serial is in the ledger (by its constraint, when the transaction ends).

    """
    if not new:
        return []
    rows = await db.fetch(
        """INSERT INTO unit (part, serial, claimed_serial, tag, maker, condition, owner, pool, place, provenance, source,
                             receipt, received_at)
           SELECT part.id, new.serial, new.claimed_serial, new.tag, part.maker, new.condition, new.owner, new.pool,
                  new.place, new.provenance, $10, $11, $12
           FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[], $8::int[],
                       $9::text[]) WITH ORDINALITY
               AS new(part, serial, claimed_serial, tag, condition, owner, pool, place, provenance, row)
           JOIN part ON part.id = new.part ORDER BY new.row RETURNING id""",
        [unit.part for unit in new],
        [unit.serial for unit in new],
        [unit.claimed_serial for unit in new],
        [unit.tag for unit in new],
        [unit.condition for unit in new],
        [unit.owner for unit in new],
        [unit.pool for unit in new],
        [unit.place for unit in new],
        [unit.provenance for unit in new],
        source,
        receipt,
        clock.now(),
    )
    return [row["id"] for row in rows]


async def new_tags(count: int) -> list[str]:
    """Tags of ours (备件条码) that no unit carries yet: `BJ`, seven digits and a check digit."""
    rows = await db.fetch("SELECT nextval('unit_tag_number') AS number FROM generate_series(1, $1::int)", count)
    return [tag_of(row["number"]) for row in rows]


def tag_of(number: int) -> str:
    """The tag with a number; its last digit (ISO 7064, MOD 11-10) finds mistypings.

    >>> tag_of(1), tag_of(9_999_999)
    ('BJ00000015', 'BJ99999997')
    """
    digits, product = f"{number:07d}", 10
    for digit in digits:
        product = (((int(digit) + product) % 10 or 10) * 2) % 11
    return f"BJ{digits}{(11 - product) % 10}"


async def carried(serials: Sequence[tuple[int, str]]) -> dict[int, frozenset[str]]:
    """Which of these serials some unit carries already, per part; a maker gives a serial once, whatever the part."""
    rows = await db.fetch(
        """SELECT DISTINCT asked.part, asked.serial
           FROM unnest($1::int[], $2::text[]) AS asked(part, serial)
           JOIN part ON part.id = asked.part
           JOIN unit ON unit.serial = asked.serial AND unit.maker IS NOT DISTINCT FROM part.maker""",
        [part for part, _ in serials],
        [serial for _, serial in serials],
    )
    found: dict[int, set[str]] = {}
    for row in rows:
        found.setdefault(row["part"], set()).add(row["serial"])
    return {part: frozenset(carried) for part, carried in found.items()}


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


_VIEW = """SELECT unit.id, part.part_number, unit.serial, unit.claimed_serial, unit.tag, unit.condition,
                  owner.code AS owner,
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


async def unit_by_id(unit_id: UUID) -> UnitView:
    """One unit by its id, for the verb that just moved it."""
    view = await db.read_one(UnitView, f"{_VIEW} WHERE unit.id = $1", unit_id)
    if view is None:
        raise Unknown(what="unit", what_zh="单件", key=str(unit_id))
    return view


async def unit_in(name: str, depot: str, *, seen_by: Actor) -> UnitView | None:
    """The unit of a store that carries a serial or tag; None where none does."""
    return await db.read_one(
        UnitView,
        f"""{_VIEW} WHERE {_IN_SCOPE} AND place.code = $3 AND (unit.serial = $2 OR unit.tag = $2)
            ORDER BY unit.tag = $2 DESC LIMIT 1""",
        seen_by.depot_scope,
        name,
        depot,
    )


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
