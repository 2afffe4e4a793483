"""Trails: the last movements behind something, for whoever asks how it came to stand as it does."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor

LATEST = 5
"""How many movements are told."""


class Trail(Struct, frozen=True, kw_only=True):
    """One movement behind something."""

    id: UUID
    occurred_at: datetime
    recorded_at: datetime
    kind: str
    quantity: int
    serial: str | None
    lot: str | None
    from_place: str
    from_bin: str | None
    to_place: str
    to_bin: str | None
    document_kind: str | None
    document: str | None
    reason: str
    actor: str


_TRAIL = """SELECT movement.id, movement.occurred_at, movement.recorded_at, movement.kind, movement.quantity, unit.serial,
                   lot.number AS lot, origin.code AS from_place, origin_bin.code AS from_bin,
                   target.code AS to_place, target_bin.code AS to_bin, movement.document_kind, movement.document,
                   movement.reason, movement.actor"""

_NAMED = """JOIN place AS origin ON origin.id = movement.from_place
            JOIN place AS target ON target.id = movement.to_place
            LEFT JOIN bin AS origin_bin ON origin_bin.id = movement.from_bin
            LEFT JOIN bin AS target_bin ON target_bin.id = movement.to_bin
            LEFT JOIN unit ON unit.id = movement.unit
            LEFT JOIN lot ON lot.id = movement.lot"""


async def trails(
    wanted: Sequence[tuple[int, int]], *, seen_by: Actor | None = None
) -> dict[tuple[int, int], list[Trail]]:
    """The last movements of parts in stores (ids), latest first; one statement, however many are wanted."""
    if not wanted:
        return {}
    pairs = sorted(set(wanted))
    rows = await db.fetch(
        f"""{_TRAIL}, wanted.part AS of_part, wanted.place AS of_place
            FROM unnest($1::int[], $2::int[]) AS wanted(part, place)
            JOIN LATERAL (
                SELECT * FROM movement WHERE movement.part = wanted.part
                  AND (from_place = wanted.place OR to_place = wanted.place)
                ORDER BY occurred_at DESC, id DESC LIMIT $3
            ) AS movement ON true
            {_NAMED}
            WHERE $4::text[] IS NULL OR origin.code = ANY($4) OR target.code = ANY($4)
            ORDER BY movement.occurred_at DESC, movement.id DESC""",
        [part for part, _ in pairs],
        [place for _, place in pairs],
        LATEST,
        seen_by.depot_scope if seen_by else None,
    )
    told: dict[tuple[int, int], list[Trail]] = {}
    for row in rows:
        fields = dict(row)
        told.setdefault((fields.pop("of_part"), fields.pop("of_place")), []).append(Trail(**fields))
    return told


async def trail(
    *, part: int | None = None, place: int | None = None, unit: UUID | None = None, lot: UUID | None = None
) -> list[Trail]:
    """The last movements of a unit, a lot, or a part (in a store), latest first; nothing where nothing is named."""
    if unit is None and lot is None and part is None:
        return []
    which = "unit" if unit is not None else "lot" if lot is not None else "part"
    return await db.read(
        Trail,
        f"""{_TRAIL}
            FROM (SELECT * FROM movement
                  WHERE {which} = $1 AND ($2::int IS NULL OR from_place = $2 OR to_place = $2)
                  ORDER BY recorded_at DESC, id DESC LIMIT $3) AS movement
            {_NAMED}
            ORDER BY movement.recorded_at DESC, movement.id DESC""",
        unit or lot or part,
        None if unit is not None else place,
        LATEST,
    )


async def span(since: UUID, until: UUID, *, limit: int) -> list[Trail]:
    """Movements by the order they were written in, from one id up to another."""
    return await db.read(
        Trail,
        f"""{_TRAIL}
            FROM (SELECT * FROM movement WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3) AS movement
            {_NAMED}
            ORDER BY movement.id""",
        since,
        until,
        limit,
    )
