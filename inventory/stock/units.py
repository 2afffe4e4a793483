"""Units: serialised pieces, where they are and where they have been."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.stock import codes, disclosure
from inventory.stock.moves import GOOD, Spot
from inventory.stock.refusals import (
    NotEnoughUnits,
    PickedElsewhere,
    SerialAmbiguous,
    SerialRepeated,
    SerialsMissing,
    UnitNotHere,
)


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
    custodian: str | None = None


class UnitMovement(Struct, frozen=True, kw_only=True):
    """One step of a unit's life."""

    id: UUID
    occurred_at: datetime
    recorded_at: datetime
    kind: str
    from_place: str
    from_bin: str | None
    from_condition: str
    to_place: str
    to_bin: str | None
    to_condition: str
    document_kind: str | None
    document: str | None
    reason: str
    actor: str
    reverses: UUID | None
    reversed_by_movement: UUID | None


async def choose(
    part: int, origin: Spot, quantity: int, serials: Sequence[str], *, will_do: Sequence[str] | None = None
) -> list[Picked]:
    """The units that leave a spot: those scanned, or the oldest ones; locked until the transaction ends.

    Where only some source grades `will_do`, the least trusted of those leave first.

    Raises:
        SerialsMissing: serials were given, but not as many as pieces leave.
        UnitNotHere: a serial is not at that spot.
        PickedElsewhere: a serial lies in somebody's box already.

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
             AND CASE WHEN $6::text[] IS NOT NULL THEN serial = ANY($6)
                      -- nobody takes blindly what another has in his box
                      ELSE NOT EXISTS (SELECT FROM pick WHERE pick.unit = unit.id AND pick.state = 'picked')
                           AND NOT EXISTS (SELECT FROM provisional_issue
                                           WHERE provisional_issue.unit = unit.id AND settled_at IS NULL) END
             AND ($8::text[] IS NULL OR provenance = ANY($8))
           ORDER BY CASE WHEN $8::text[] IS NULL THEN 0 ELSE -grade_rank(provenance) END, received_at, id
           LIMIT $7 FOR NO KEY UPDATE""",
        part,
        origin.place,
        origin.condition,
        origin.owner,
        origin.pool,
        list(serials) or None,
        quantity,
        will_do,
    )
    if len(found) < quantity:
        missing = sorted(set(serials) - {unit.serial for unit in found})
        depot = await db.fetch_value("SELECT code FROM place WHERE id = $1", origin.place)
        if not missing:
            raise NotEnoughUnits(depot=depot, condition=origin.condition, wanted=quantity, found=len(found))
        raise UnitNotHere(serial=missing[0], depot=depot, condition=origin.condition)
    if serials:
        await refuse_picked([unit.id for unit in found])
    return found


async def refuse_picked(chosen: Sequence[UUID]) -> None:
    """Refuse to take out of somebody's box what was picked.

    Raises:
        PickedElsewhere: one of them was.

    """
    picked = await db.fetch_one(
        """SELECT unit.serial, pick_list.number
           FROM pick JOIN pick_list ON pick_list.id = pick.pick_list JOIN unit ON unit.id = pick.unit
           WHERE pick.unit = ANY($1) AND pick.state = 'picked' LIMIT 1""",
        list(chosen),
    )
    if picked is not None:
        raise PickedElsewhere(**dict(picked))


async def shared_out(serials: Sequence[str], reservations: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Which of the serials or tags that were scanned leave for which reservation: each for one that holds stock where it lies.

    Raises:
        SerialAmbiguous: it is the serial of units of several parts that are to leave.
        UnitNotHere: none of them holds stock where a serial lies, and nothing leaves unscanned in its place.

    """
    rows = await db.fetch(
        """SELECT reservation.id, reservation.quantity - reservation.posted_quantity AS quantity, place.code AS depot,
                  part.part_number,
                  (SELECT coalesce(jsonb_object_agg(unit.serial, unit.tag), '{}') FROM unit
                   WHERE (unit.part, unit.place, unit.condition, unit.owner, unit.pool)
                         = (level.part, level.place, level.condition, level.owner, level.pool)
                     AND (serial = ANY($2) OR tag = ANY($2))) AS there
           FROM reservation
           JOIN level ON level.id = reservation.level
           JOIN part ON part.id = level.part
           JOIN place ON place.id = level.place
           WHERE reservation.id = ANY($1) ORDER BY array_position($1, reservation.id)""",
        list(reservations),
        list(serials),
    )
    shared: dict[UUID, list[str]] = {row["id"]: [] for row in rows}
    for code in dict.fromkeys(serials):
        meant = [(row, serial) for row in rows for serial, tag in row["there"].items() if code in (serial, tag)]
        if not meant:
            raise UnitNotHere(serial=code, depot=" / ".join(sorted({row["depot"] for row in rows})), condition=GOOD)
        carrying = {
            row["part_number"]: (row["part_number"], row["there"][serial], row["depot"]) for row, serial in meant
        }
        if len(carrying) > 1:
            raise ambiguous(code, carrying.values())
        room = (row for row, _ in meant if len(shared[row["id"]]) < row["quantity"])
        shared[next(room, meant[-1][0])["id"]].append(meant[0][1])
    return shared


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
        SerialRepeated: a unit with such a serial is in the ledger.

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
           JOIN part ON part.id = new.part ORDER BY new.row
           -- one that was taken in by mistake and reversed lies where it came from, and may come again
           ON CONFLICT ON CONSTRAINT unit_serial_is_unique_per_maker DO UPDATE
               SET condition = excluded.condition, owner = excluded.owner, pool = excluded.pool,
                   provenance = excluded.provenance, source = excluded.source, receipt = excluded.receipt
               WHERE unit.part = excluded.part AND unit.place = excluded.place
                 AND EXISTS (SELECT FROM movement WHERE movement.unit = unit.id AND movement.reverses IS NOT NULL)
           RETURNING id""",
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
    if len(rows) < len(new):
        raise SerialRepeated
    return [row["id"] for row in rows]


async def carried(serials: Sequence[tuple[int, str]], *, coming_from: int | None = None) -> dict[int, frozenset[str]]:
    """Which of these serials some unit carries already, per part; a maker gives a serial once, whatever the part.

    One whose receipt was reversed lies where it came from, and may come again from there.
    """
    rows = await db.fetch(
        """SELECT DISTINCT asked.part, asked.serial
           FROM unnest($1::int[], $2::text[]) AS asked(part, serial)
           JOIN part ON part.id = asked.part
           JOIN unit ON unit.serial = asked.serial AND unit.maker IS NOT DISTINCT FROM part.maker
           WHERE unit.place IS DISTINCT FROM $3 OR unit.part <> asked.part
              OR NOT EXISTS (SELECT FROM movement WHERE movement.unit = unit.id AND movement.reverses IS NOT NULL)""",
        [part for part, _ in serials],
        [serial for _, serial in serials],
        coming_from,
    )
    found: dict[int, set[str]] = {}
    for row in rows:
        found.setdefault(row["part"], set()).add(row["serial"])
    return {part: frozenset(carried) for part, carried in found.items()}


async def enter_removed(part: int, serial: str, at: Spot, document: str) -> tuple[UUID, Spot]:
    """Enter a part that came out of a customer's device, where it came out; or find it, if it was ours before.

    Where the books have it is told beside its id; a move then says where it went.

    Raises:
        SerialRepeated: a unit with this serial is somewhere else.

    """
    row = await db.fetch_one(
        """INSERT INTO unit (part, serial, maker, condition, owner, pool, place, provenance, source, received_at)
           SELECT part.id, $2, part.maker, $3, $4, $5, $6, 'recovered', $7, $8 FROM part WHERE part.id = $1
           ON CONFLICT ON CONSTRAINT unit_serial_is_unique_per_maker DO UPDATE SET serial = excluded.serial
               WHERE unit.part = excluded.part
                 AND unit.place IN (SELECT id FROM place WHERE kind = 'site')
           RETURNING id, place, condition, owner, pool""",
        part,
        serial,
        at.condition,
        at.owner,
        at.pool,
        at.place,
        document,
        clock.now(),
    )
    if row is None:
        raise SerialRepeated
    return row["id"], Spot(row["place"], row["condition"], row["owner"], row["pool"])


_VIEW = """SELECT unit.id, part.part_number, unit.serial, unit.claimed_serial, unit.tag, unit.condition,
                  owner.code AS owner,
                  pool.code AS pool, place.code AS place, bin.code AS bin, unit.provenance, unit.firmware,
                  unit.received_at, person.username AS custodian
           FROM unit
           JOIN part ON part.id = unit.part
           JOIN party AS owner ON owner.id = unit.owner
           JOIN pool ON pool.id = unit.pool
           JOIN place ON place.id = unit.place
           LEFT JOIN bin ON bin.id = unit.bin
           LEFT JOIN person ON person.id = unit.custodian"""

_IN_SCOPE = f"""($1::text[] IS NULL OR place.code = ANY($1)) AND {disclosure.serves("pool", "$2")}
              AND {disclosure.site_is_told("place", "$2")}"""

_HANDED_OUT = f"""EXISTS (
    SELECT FROM movement JOIN place AS store ON store.id IN (movement.from_place, movement.to_place)
    WHERE movement.unit = unit.id AND store.code = ANY($1)) AND {disclosure.serves("pool", "$2")}"""


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
              AND ($3::uuid IS NULL OR unit.id < $3) AND ($4::text IS NULL OR part.part_number = $4)
              AND ($5::text IS NULL OR place.code = $5) AND ($6::text IS NULL OR unit.condition = $6)
            ORDER BY unit.id DESC LIMIT $7""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        after,
        part_number,
        depot,
        condition,
        limit,
    )


async def unit(serial: str, *, seen_by: Actor, part_number: str | None = None) -> UnitView:
    """One unit by our tag or by its serial; two makers may give the same serial, and the part tells them apart.

    Of one that left the reader's stores it is told how it was when it last left them.

    Raises:
        Unknown: no such unit in the reader's scope, and none ever was.
        SerialAmbiguous: several carry it.

    """
    found = await db.read(
        UnitView,
        f"""{_VIEW} WHERE {_IN_SCOPE} AND (unit.serial = $3 OR unit.tag = $3)
            AND ($4::text IS NULL OR part.part_number = $4) ORDER BY unit.id LIMIT 20""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        serial,
        part_number,
    )
    if found:
        return the_one(serial, found)
    gone: list[UnitView] = []
    if seen_by.depot_scope is not None:
        gone = await db.read(
            UnitView,
            f"""{_VIEW} WHERE {_HANDED_OUT} AND (unit.serial = $3 OR unit.tag = $3)
                AND ($4::text IS NULL OR part.part_number = $4) ORDER BY unit.id LIMIT 20""",
            seen_by.depot_scope,
            seen_by.contract_scope,
            serial,
            part_number,
        )
    if not gone:
        raise Unknown(what="unit", what_zh="单件", key=serial)
    left = the_one(serial, gone)
    last = (await life(left.id, seen_by=seen_by, limit=10_000))[-1]
    return msgspec.structs.replace(
        left, place=last.to_place, bin=last.to_bin, condition=last.to_condition, custodian=None
    )


def the_one(code: str, found: Sequence[UnitView]) -> UnitView:
    """The unit a code means among those that carry it: a tag is unique, a serial only for its maker.

    Raises:
        SerialAmbiguous: it is the serial of several.

    """
    tagged = [unit for unit in found if unit.tag == code]
    if len(found) > 1 and not tagged:
        raise ambiguous(code, [(unit.part_number, unit.tag, unit.place) for unit in found])
    return (tagged or found)[0]


def ambiguous(code: str, carrying: Collection[tuple[str, str | None, str]]) -> SerialAmbiguous:
    """The refusal to guess which of several units a serial means, with what tells them apart: part, our tag and place."""
    return SerialAmbiguous(
        serial=code,
        count=len(carrying),
        choices="; ".join(f"{part} · {tag or '–'} · {place}" for part, tag, place in carrying),
        pieces=[{"part_number": part, "tag": tag, "place": place} for part, tag, place in carrying],
    )


async def named(serials: Sequence[str], *, seen_by: Actor) -> list[UnitView]:
    """Units by their serials or our tags, in the order asked for.

    Raises:
        Unknown: a unit is not in the reader's scope.
        SerialAmbiguous: several carry a serial.

    """
    found = await db.read(
        UnitView,
        f"{_VIEW} WHERE {_IN_SCOPE} AND (unit.serial = ANY($3) OR unit.tag = ANY($3)) ORDER BY unit.id DESC",
        seen_by.depot_scope,
        seen_by.contract_scope,
        list(serials),
    )
    of: dict[str, list[UnitView]] = {}
    for unit in found:
        for name in {unit.tag or unit.serial, unit.serial}:
            of.setdefault(name, []).append(unit)
    missing = next((serial for serial in serials if serial not in of), None)
    if missing is not None:
        raise Unknown(what="unit", what_zh="单件", key=missing)
    return [the_one(serial, of[serial]) for serial in serials]


async def unit_by_id(unit_id: UUID, *, seen_by: Actor | None = None) -> UnitView:
    """One unit by its id; without a reader, for the verb that just moved it.

    Raises:
        Unknown: no such unit in the reader's scope.

    """
    scope = (seen_by.depot_scope, seen_by.contract_scope) if seen_by else (None, None)
    view = await db.read_one(UnitView, f"{_VIEW} WHERE {_IN_SCOPE} AND unit.id = $3", *scope, unit_id)
    if view is None:
        raise Unknown(what="unit", what_zh="单件", key=str(unit_id))
    return view


async def serial_of(tag: str) -> str | None:
    """The serial that one of our tags stands for, wherever the unit is: on the road it belongs to no store."""
    return await db.fetch_value("SELECT serial FROM unit WHERE tag = $1", tag)


async def unit_in(scanned: str, depot: str, *, seen_by: Actor) -> UnitView | None:
    """The unit of a store whose serial, tag or label was scanned; None where there is none.

    Raises:
        SerialAmbiguous: several carry the serial, and neither their tags nor the part on the label tell them apart.

    """
    named = codes.names(scanned)
    found = await db.read(
        UnitView,
        f"""{_VIEW} WHERE {_IN_SCOPE} AND place.code = $4 AND (unit.serial = ANY($3) OR unit.tag = ANY($3))
            ORDER BY unit.id LIMIT 20""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        named,
        depot,
    )
    meant = (
        [unit for unit in found if unit.tag in named] or [unit for unit in found if unit.part_number in named] or found
    )
    return the_one(scanned, meant) if meant else None


async def life(unit_id: UUID, *, seen_by: Actor, limit: int = 200) -> list[UnitMovement]:
    """A unit's movements, oldest first; of one that is not in the reader's stores, those until it last left them."""
    return await db.read(
        UnitMovement,
        f"""SELECT movement.id, occurred_at, recorded_at, movement.kind,
                  {disclosure.place_told("origin", "$3")} AS from_place, origin_bin.code AS from_bin, from_condition,
                  {disclosure.place_told("target", "$3")} AS to_place, target_bin.code AS to_bin, to_condition, document_kind,
                  {disclosure.told("document", "$3", "NULL")} AS document,
                  {disclosure.told("movement.reason", "$3", "''")} AS reason, actor, reverses, reversal.reversed_by_movement
           FROM movement
           JOIN place AS origin ON origin.id = movement.from_place
           JOIN place AS target ON target.id = movement.to_place
           JOIN pool ON pool.id = movement.to_pool
           LEFT JOIN bin AS origin_bin ON origin_bin.id = movement.from_bin
           LEFT JOIN bin AS target_bin ON target_bin.id = movement.to_bin
           LEFT JOIN reversal ON reversal.movement = movement.id
           WHERE unit = $1 AND ($4::text[] IS NULL
                 OR EXISTS (SELECT FROM unit JOIN place ON place.id = unit.place WHERE unit.id = $1 AND place.code = ANY($4))
                 OR (recorded_at, movement.id) <= (
                     SELECT recorded_at, movement.id FROM movement
                     JOIN place ON place.id IN (from_place, to_place) AND place.code = ANY($4)
                     WHERE unit = $1 ORDER BY recorded_at DESC, movement.id DESC LIMIT 1))
           ORDER BY recorded_at, movement.id LIMIT $2""",
        unit_id,
        limit,
        seen_by.contract_scope,
        seen_by.depot_scope,
    )
