"""Scanning: what a scanned text is in our books."""

from typing import Literal

from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.parts import PartName
from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.places import bins
from inventory.places.bins import BinView
from inventory.stock import codes, units
from inventory.stock.codes import Scanned
from inventory.stock.units import UnitView

Kind = Literal["unit", "part", "bin", "document", "unknown"]


class Identified(Struct, frozen=True, kw_only=True):
    """A scanned text with what it is here.

    `serial` and `part_number` are what belongs into a field for them: of the unit or part found, else what the label
    says; None where it says nothing of the kind. `other_part` is the number on the label where our books have the unit
    under another part.
    """

    kind: Kind
    scanned: Scanned
    serial: str | None = None
    part_number: str | None = None
    other_part: str | None = None
    unit: UnitView | None = None
    part: PartName | None = None
    bin: BinView | None = None
    document: str | None = None


async def identify(text: str, *, seen_by: Actor) -> Identified:
    """What a scanned text is, in the reader's scope: a unit by serial or tag, a part by number or alias, a bin, a document.

    A plain text is a unit before it is a part; a lone maker's bar code loses its data identifier only where the books
    know what is left.
    """
    scanned = codes.read(text)
    if scanned.kind == "document":
        return Identified(kind="document", scanned=scanned, document=scanned.text)
    if scanned.kind == "bin":
        return await _bin(scanned, seen_by)
    found = await _unit_or_part(scanned, seen_by)
    if found.kind == "unknown" and scanned.kind == "text":
        lone = codes.without_identifier(scanned.text)
        behind = await _unit_or_part(lone, seen_by) if lone else found
        if behind.kind != "unknown":
            return behind
    return found


async def _bin(scanned: Scanned, seen_by: Actor) -> Identified:
    found = await bins.bins(limit=1, seen_by=seen_by, depot=scanned.depot, codes=[scanned.bin or ""])
    return Identified(kind="bin" if found else "unknown", scanned=scanned, bin=found[0] if found else None)


async def _unit_or_part(scanned: Scanned, seen_by: Actor) -> Identified:
    plain = scanned.text if scanned.kind == "text" else None
    numbers = [number for number in (scanned.part_number, plain) if number]
    named = await parts.names(numbers)
    part = next((named[number] for number in numbers if number in named), None)
    unit = await _unit(scanned, plain, part, seen_by)
    if unit is not None:
        said = part.part_number if part else scanned.part_number
        known = (await parts.names([unit.part_number]))[unit.part_number]
        return Identified(
            kind="unit",
            scanned=scanned,
            serial=unit.serial,
            part_number=unit.part_number,
            other_part=said if plain is None and said not in (None, unit.part_number) else None,
            unit=unit,
            part=known,
        )
    return Identified(
        kind="part" if part and not scanned.serial else "unknown",
        scanned=scanned,
        serial=scanned.serial,
        part_number=part.part_number if part else scanned.part_number,
        part=part,
    )


async def _unit(scanned: Scanned, plain: str | None, part: PartName | None, seen_by: Actor) -> UnitView | None:
    """The unit a code names; where makers share a serial, the one of the part on the label, else none."""
    names = [name for name in (scanned.tag, scanned.serial, plain, scanned.text if scanned.tag else None) if name]
    if not names:
        return None
    rows = await db.fetch(
        """SELECT unit.id, unit.tag, part.part_number
           FROM unit JOIN part ON part.id = unit.part JOIN place ON place.id = unit.place
           WHERE (unit.tag = ANY($1) OR unit.serial = ANY($1)) AND ($2::text[] IS NULL OR place.code = ANY($2))
           ORDER BY unit.tag = ANY($1) DESC, unit.id LIMIT 10""",
        names,
        seen_by.depot_scope,
    )
    tagged = [row for row in rows if row["tag"] in names]
    fitting = tagged or [row for row in rows if part is None or row["part_number"] == part.part_number] or list(rows)
    if len(fitting) != 1:
        return None
    return await units.unit_by_id(fitting[0]["id"], seen_by=seen_by)
