"""Part passports: where one unit comes from and what became of it, in words that its customer may read.

No costs, no reasons, no people, and no other customer: whatever is not one of our stores is told by what it is.
"""

from datetime import date, datetime
from typing import Literal, cast
from uuid import UUID

from msgspec import Struct

from inventory.catalogue.grades import Provenance
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.procurement.letters import covers
from inventory.stock import units

Turn = Literal[
    "received",
    "entered",
    "inspection_passed",
    "inspection_failed",
    "moved",
    "with_engineer",
    "sent",
    "came_back",
    "scrapped",
    "lost",
    "found",
]

_TURNS: dict[str, Turn] = {
    "receipt": "received",
    "opening": "entered",
    "adjustment": "entered",
    "transfer_in": "moved",
    "hand_over_in": "with_engineer",
    "issue": "sent",
    "provisional_issue": "sent",
    "return_from_site": "came_back",
    "defective_return": "came_back",
    "brought_back": "came_back",
    "handed_in": "came_back",
    "scrap": "scrapped",
    "loss": "lost",
    "found": "found",
}
"""What a movement is to whoever reads a passport; those not named here are our own affairs."""


class PassportTurn(Struct, frozen=True, kw_only=True):
    """Something that happened to the unit; the store where it did, where that is a depot of ours."""

    at: datetime
    turn: Turn
    store_zh: str | None = None
    store_en: str | None = None


class Letter(Struct, frozen=True, kw_only=True):
    """The maker's letter that covered the part on the day it came in."""

    number: str
    valid_from: date
    valid_to: date


class Passport(Struct, frozen=True, kw_only=True):
    """A unit's passport; `blocked` while it is not good: a confirmed counterfeit, a defective or an uninspected piece."""

    unit: UUID
    part_number: str
    name_zh: str
    name_en: str
    maker_zh: str | None
    maker_en: str | None
    serial: str
    tag: str | None
    provenance: Provenance
    vendor_zh: str | None
    vendor_en: str | None
    letter: Letter | None
    receipt: str | None
    received_at: datetime
    condition: str
    blocked: bool
    turns: list[PassportTurn]
    told_at: datetime


class _Head(Struct, frozen=True, kw_only=True):
    unit: UUID
    part_number: str
    name_zh: str
    name_en: str
    maker_zh: str | None
    maker_en: str | None
    serial: str
    tag: str | None
    provenance: Provenance
    vendor_zh: str | None
    vendor_en: str | None
    receipt: str | None
    received_at: datetime
    condition: str
    letter: Letter | None


async def passport(serial: str, *, seen_by: Actor, part_number: str | None = None) -> Passport:
    """The passport of a unit, by its serial or tag.

    Raises:
        Unknown: no such unit in the reader's scope.
        SerialAmbiguous: several carry the serial.

    """
    return await linked((await units.unit(serial, seen_by=seen_by, part_number=part_number)).id)


async def linked(unit: UUID) -> Passport:
    """The passport of a unit, for whoever holds a link that we signed.

    Raises:
        Unknown: no such unit.

    """
    head = await db.read_one(_Head, _HEAD, unit, clock.ZONE.key)
    if head is None:
        raise Unknown(what="unit", what_zh="单件", key=str(unit))
    turns = [
        PassportTurn(
            at=row["at"],
            turn=cast("Turn", _TURNS.get(row["kind"]) or row["kind"]),
            store_zh=row["zh"],
            store_en=row["en"],
        )
        for row in await db.fetch(_LIFE, unit, list(_TURNS))
    ]
    return Passport(
        **{name: getattr(head, name) for name in head.__struct_fields__},
        blocked=head.condition != "good",
        turns=turns,
        told_at=clock.now(),
    )


_HEAD = f"""
SELECT unit.id AS unit, part.part_number, part.name_zh, part.name_en, maker.name_zh AS maker_zh,
       maker.name_en AS maker_en, unit.serial, unit.tag, unit.provenance, vendor.name_zh AS vendor_zh,
       vendor.name_en AS vendor_en, receipt.number AS receipt,
       coalesce(receipt.received_at, unit.received_at) AS received_at, unit.condition,
       CASE WHEN unit.provenance = 'authorised_channel' THEN (
           SELECT jsonb_build_object('number', letter_number, 'valid_from', valid_from, 'valid_to', valid_to)
           FROM authorisation JOIN vendor AS sells ON sells.id = authorisation.vendor
           WHERE sells.party = vendor.id AND {covers("(receipt.received_at AT TIME ZONE $2)::date")}
           ORDER BY valid_to DESC, authorisation.id LIMIT 1) END AS letter
FROM unit
JOIN part ON part.id = unit.part
LEFT JOIN party AS maker ON maker.id = part.maker
LEFT JOIN receipt ON receipt.id = unit.receipt
LEFT JOIN LATERAL (
    SELECT place.party FROM movement JOIN place ON place.id = movement.from_place AND place.kind = 'vendor'
    WHERE movement.unit = unit.id AND movement.kind = 'receipt' AND movement.receipt = unit.receipt
    ORDER BY movement.recorded_at LIMIT 1
) AS came ON true
LEFT JOIN party AS vendor ON vendor.id = came.party
WHERE unit.id = $1
"""

_LIFE = """
SELECT occurred_at AS at, movement.kind, target.name_zh AS zh, target.name_en AS en
FROM movement
LEFT JOIN place AS target ON target.id = to_place AND target.kind = 'depot'
JOIN place AS goes_to ON goes_to.id = to_place
WHERE unit = $1 AND movement.kind = ANY($2) AND reverses IS NULL
  AND NOT EXISTS (SELECT FROM reversal WHERE reversal.movement = movement.id)
  -- what leaves for another store of ours is told when it arrives
  AND (movement.kind NOT IN ('issue', 'provisional_issue') OR goes_to.kind = 'site')
UNION ALL
SELECT inspected_at, CASE result WHEN 'passed' THEN 'inspection_passed' ELSE 'inspection_failed' END, place.name_zh,
       place.name_en
FROM inspection LEFT JOIN place ON place.id = inspection.place AND place.kind = 'depot'
WHERE unit = $1 AND result IN ('passed', 'failed')
ORDER BY 1
LIMIT 1000
"""
