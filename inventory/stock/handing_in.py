"""Handing in: a part brought to the store without papers is never refused; who it is, is said later."""

from uuid import UUID

from inventory.catalogue import parts
from inventory.catalogue.parts import PartRef, UnknownPart
from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import ReasonMissing, Refused
from inventory.places import places
from inventory.stock import lots, pools, tags, units
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Spot
from inventory.stock.pools import COMMON
from inventory.stock.receipts import INSPECT_WITHIN
from inventory.stock.units import UnitView

UNIDENTIFIED = "UNIDENTIFIED"
"""The part under which is kept what is not in the catalogue, or not known yet; by our tag."""


class AlreadyIdentified(Refused):
    """{tag} is {part_number} already."""

    zh = "{tag} 已识别为 {part_number}。"
    help_en = "Only what was handed in unidentified is identified; correct anything else by an adjustment."
    help_zh = "只有未识别备件可以识别；其他更正请做库存调整。"


@db.atomic
async def hand_in(
    depot: str,
    what: str,
    *,
    by: Actor,
    serial: str | None = None,
    note: str = "",
    pool: str = COMMON,
    owner: str | None = None,
) -> UnitView:
    """Take in a part that somebody brought: by a part number, or by words; it gets our tag and waits to be judged.

    What is not in the catalogue, or not kept by serial, goes under UNIDENTIFIED by its tag. One of our units that was
    out is that unit again; a serial that another unit carries is kept as what the label claims. What belongs to a
    customer or a vendor (`owner`) never becomes free stock of ours.

    Raises:
        Unknown: no such store, pool or owner.
        NotYourDepot: the actor does not serve the store.
        ReasonMissing: nothing at all was said of it.

    """
    by.require("stock.receive")
    by.require_depot(depot)
    return await bring_in(depot, what, by=by, serial=serial, note=note, pool=pool, owner=owner)


async def bring_in(
    depot: str,
    what: str,
    *,
    by: Actor,
    serial: str | None = None,
    note: str = "",
    pool: str = COMMON,
    owner: str | None = None,
) -> UnitView:
    """Take in what somebody brought, for a verb that has checked the actor's rights.

    Raises:
        Unknown, ReasonMissing: as `hand_in`.

    """
    if not what.strip() and not note.strip() and not serial:
        raise ReasonMissing
    place, part = await places.find_store(depot), await _part(what)
    told = " · ".join(word for word in (what.strip(), note.strip()) if word)
    (tag,) = await tags.new_tags(1)
    whose = await places.ourselves() if owner is None else await places.find_party(owner)
    pool_id = await pools.find(pool)
    known = await _ours_outside(part, serial) if serial else None
    if known is not None:
        unit, origin = known["id"], Spot(known["place"], known["condition"], known["owner"], known["pool"])
        await db.execute("UPDATE unit SET tag = coalesce(tag, $2), source = $3 WHERE id = $1", unit, tag, told)
    else:
        outside = await places.find(places.ISSUED)
        origin = Spot(outside.id, "unknown", whose, pool_id)
        doubled = serial is not None and part.part_number == UNIDENTIFIED
        twice = bool(serial) and serial in (await units.carried([(part.id, serial or "")])).get(part.id, frozenset())
        named = None if doubled or twice else serial
        (unit,) = await units.enter_all(
            [
                units.NewUnit(
                    part=part.id,
                    serial=named or tag,
                    claimed_serial=serial if named is None else None,
                    tag=tag,
                    condition="unknown",
                    owner=whose,
                    pool=pool_id,
                    place=outside.id,
                    provenance="recovered",
                )
            ],
            source=told,
        )
    await post(
        [
            Move(
                kind="handed_in",
                part=part.id,
                quantity=1,
                unit=unit,
                origin=origin,
                target=Spot(place.id, "unknown", origin.owner, origin.pool),
                document_kind="handing_in",
                document=tag,
                reason=told,
            )
        ],
        by=by,
    )
    await steps.begin(
        "judge_part",
        "unit",
        tag,
        owner_role="warehouse_keeper",
        depot=depot,
        due_at=clock.now() + INSPECT_WITHIN,
    )
    return await units.unit_by_id(unit)


async def _part(what: str) -> PartRef:
    """The part somebody named, where it is kept by serial; else the reserved one."""
    try:
        part = await parts.find(what.strip())
    except UnknownPart:
        return await parts.find(UNIDENTIFIED)
    return part if part.serialised else await parts.find(UNIDENTIFIED)


async def _ours_outside(part: PartRef, serial: str) -> db.Row | None:
    """A unit of ours with that serial that is out at a site, lost, or scrapped: the one that came back."""
    return await db.fetch_one(
        """SELECT unit.id, unit.part, unit.serial, unit.place, unit.condition, unit.owner, unit.pool, unit.tag
           FROM unit JOIN place ON place.id = unit.place AND place.kind IN ('site', 'adjustment', 'scrap')
           WHERE unit.part = $1 AND unit.serial = $2 FOR NO KEY UPDATE OF unit""",
        part.id,
        serial,
    )


@db.atomic
async def identify(tag: str, part_number: str, *, by: Actor, serial: str | None = None, reason: str = "") -> UnitView:
    """Say what an unidentified piece is: it leaves as unidentified and comes in as what it is, and its history stays.

    A serial that one of our units outside carries makes it that unit; one that a unit elsewhere carries stays a claim.
    Pieces of a part without serials become a lot under the tag.

    Raises:
        Unknown: no such unit in the actor's scope, or no such part.
        AlreadyIdentified: it is known what it is.
        NotYourDepot: the actor does not serve the store it is in.

    """
    by.require("stock.judge")
    view = await units.unit(tag, seen_by=by)
    by.require_depot(view.place)
    # what became a lot, or one of our own units, left its record behind on the adjustment account
    if view.part_number != UNIDENTIFIED or view.place == places.ADJUSTMENT:
        raise AlreadyIdentified(tag=tag, part_number=view.part_number)
    part = await parts.find(part_number)
    if part.part_number == UNIDENTIFIED:
        raise AlreadyIdentified(tag=tag, part_number=part.part_number)
    told = reason.strip() or f"identified as {part.part_number}"
    row = await db.fetch_one(
        "SELECT id, part, place, condition, owner, pool, bin FROM unit WHERE id = $1 FOR NO KEY UPDATE", view.id
    )
    if row is None:
        raise AssertionError("a unit that was read is there")
    outside = await places.find(places.ADJUSTMENT)
    here = Spot(row["place"], row["condition"], row["owner"], row["pool"])
    away = Spot(outside.id, row["condition"], row["owner"], row["pool"])
    named = serial or view.claimed_serial
    known = await _ours_outside(part, named) if named and part.serialised else None

    def move(moved: int, unit: UUID | None, lot: UUID | None, origin: Spot, target: Spot, *, into: bool) -> Move:
        return Move(
            kind="identification",
            part=moved,
            quantity=1,
            unit=unit,
            lot=lot,
            from_bin=None if into else row["bin"],
            to_bin=row["bin"] if into else None,
            origin=origin,
            target=target,
            document_kind="handing_in",
            document=view.tag or tag,
            reason=told,
        )

    await post([move(row["part"], view.id, None, here, away, into=False)], by=by)
    if not part.serialised:
        lot = await lots.enter(part.id, view.tag or tag, provenance=view.provenance, source=told)
        await post([move(part.id, None, lot, away, here, into=True)], by=by)
        result = view.id
    elif known is not None:
        await db.execute("UPDATE unit SET tag = NULL WHERE id = $1", view.id)
        await db.execute("UPDATE unit SET tag = coalesce(tag, $2) WHERE id = $1", known["id"], view.tag)
        origin = Spot(known["place"], known["condition"], known["owner"], known["pool"])
        target = Spot(here.place, here.condition, known["owner"], known["pool"])
        await post([move(part.id, known["id"], None, origin, target, into=True)], by=by)
        result = known["id"]
    else:
        twice = named is not None and named in (await units.carried([(part.id, named)])).get(part.id, frozenset())
        await db.execute(
            """UPDATE unit SET part = $2, maker = (SELECT maker FROM part WHERE id = $2),
                      serial = coalesce($3, serial), claimed_serial = $4 WHERE id = $1""",
            view.id,
            part.id,
            None if twice else named,
            named if twice else None,
        )
        await post([move(part.id, view.id, None, away, here, into=True)], by=by)
        result = view.id
    await audit.record(
        "unit.identified",
        "unit",
        view.tag or tag,
        by=by,
        change={"part": part.part_number, "serial": named},
        reason=told,
    )
    return await units.unit_by_id(result)
