"""What a document moved, part by part and piece by piece, as papers list it."""

from typing import Literal

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor


class Piece(Struct, frozen=True):
    """A unit with our tag, where it has one."""

    serial: str
    tag: str | None


class MovedLine(Struct, frozen=True, kw_only=True):
    """What was moved of one part, from a place to a place."""

    part_number: str
    name_zh: str
    name_en: str
    quantity: int
    condition: str
    from_place: str
    to_place: str
    pieces: list[Piece]


async def moved(
    document: str, kind: str, *, seen_by: Actor | None, end: Literal["from", "to"] = "from", limit: int = 1000
) -> list[MovedLine]:
    """What a document moved by one kind of movement, where that end is in the reader's stores.

    Without a reader all of it: for those who have read the document itself in its own scope.
    """
    return await db.read(
        MovedLine,
        """SELECT part.part_number, part.name_zh, part.name_en, sum(movement.quantity)::int AS quantity,
                  movement.to_condition AS condition, origin.code AS from_place, target.code AS to_place,
                  coalesce(jsonb_agg(jsonb_build_object('serial', unit.serial, 'tag', unit.tag) ORDER BY unit.serial)
                           FILTER (WHERE unit.id IS NOT NULL), '[]') AS pieces
           FROM movement
           JOIN part ON part.id = movement.part
           JOIN place AS origin ON origin.id = movement.from_place
           JOIN place AS target ON target.id = movement.to_place
           LEFT JOIN unit ON unit.id = movement.unit
           WHERE movement.document = $1 AND movement.kind = $2
             AND ($3::text[] IS NULL OR CASE $4::text WHEN 'from' THEN origin.code ELSE target.code END = ANY($3))
           GROUP BY part.id, movement.to_condition, origin.code, target.code
           ORDER BY part.part_number, movement.to_condition, origin.code, target.code LIMIT $5""",
        document,
        kind,
        seen_by.depot_scope if seen_by else None,
        end,
        limit,
    )
