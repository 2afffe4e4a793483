"""Substitutes: which part may stand in for which, in one direction, while it is valid."""

from datetime import date

from msgspec import Struct

from inventory.ground import clock, db


class SubstituteView(Struct, frozen=True, kw_only=True):
    """A part that may stand in for another; `replaces` tells which way it goes."""

    part_number: str
    name_zh: str
    name_en: str
    replaces: bool
    valid_to: date | None
    remark: str


async def substitutes(part_number: str, *, limit: int = 50) -> list[SubstituteView]:
    """Parts that may be used for this one, then (`replaces`) parts this one may be used for; those valid today."""
    return await db.read(
        SubstituteView,
        """SELECT other.part_number, other.name_zh, other.name_en, substitution.substitute = part.id AS replaces,
                  valid_to, remark
           FROM part
           JOIN substitution ON part.id IN (substitution.part, substitution.substitute)
                AND valid_from <= $2 AND (valid_to IS NULL OR valid_to >= $2)
           JOIN part AS other ON other.id IN (substitution.part, substitution.substitute) AND other.id <> part.id
           WHERE part.part_number = $1 ORDER BY replaces, other.part_number LIMIT $3""",
        part_number,
        clock.today(),
        limit,
    )
