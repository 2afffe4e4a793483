"""Tags: our own label on a unit (备件条码), unique among all units."""

import re

from msgspec import structs

from inventory.ground import audit, db
from inventory.ground.actor import Actor
from inventory.stock import codes, units
from inventory.stock.refusals import TagIsASerial, TagNotPrintable, TagRepeated
from inventory.stock.units import UnitView


@db.atomic
async def assign(serial: str, tag: str | None = None, *, by: Actor, part_number: str | None = None) -> UnitView:
    """Give a unit a tag, the one on the label in hand or a new one; an earlier tag of the unit ends.

    Raises:
        Unknown: no such unit in the actor's scope.
        SerialAmbiguous: several carry the serial, and no part is named.
        NotYourDepot: the actor does not serve the store it is in.
        TagNotPrintable: the tag is too short or long, or has signs that no label carries.
        TagRepeated: another unit carries it.
        TagIsASerial: it would be mistaken for another unit.

    """
    by.require("stock.receive")
    unit = await units.unit(serial, seen_by=by, part_number=part_number)
    by.require_depot(unit.place)
    wanted = (await new_tags(1))[0] if tag is None else tag.strip()
    if not re.fullmatch(r"[A-Za-z0-9._-]{3,40}", wanted):
        raise TagNotPrintable(tag=wanted)
    rival = await db.fetch_one(
        "SELECT tag, serial FROM unit WHERE id <> $1 AND (tag = $2 OR serial = $2) ORDER BY tag = $2 DESC LIMIT 1",
        unit.id,
        wanted,
    )
    if rival is not None:
        raise TagRepeated if rival["tag"] == wanted else TagIsASerial(tag=wanted)
    if wanted != unit.tag:
        await db.execute("UPDATE unit SET tag = $2 WHERE id = $1", unit.id, wanted)
        await audit.record("unit.tagged", "unit", unit.serial, by=by, change={"from": unit.tag, "to": wanted})
    return structs.replace(unit, tag=wanted)


async def new_tags(count: int) -> list[str]:
    """Tags of ours that no unit carries yet."""
    rows = await db.fetch("SELECT nextval('unit_tag_number') AS number FROM generate_series(1, $1::int)", count)
    return [codes.tag_of(row["number"]) for row in rows]
