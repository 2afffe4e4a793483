"""Pick lists as they are shown: along the bins, and how far each is."""

import re
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown

ListState = Literal["open", "short", "picked", "shipped", "cancelled"]


class PickView(Struct, frozen=True, kw_only=True):
    """One line of a pick list: what to take from where, or what was taken."""

    id: UUID
    part_number: str
    name_zh: str
    name_en: str
    serialised: bool
    quantity: int
    state: Literal["open", "picked", "short", "shipped", "dropped"]
    pool: str
    bin: str | None
    serial: str | None
    tag: str | None
    lot: str | None
    suggested_serial: str | None
    document_kind: str | None
    document: str | None
    picked_at: datetime | None
    picked_by: str | None
    reason: str


class PickListView(Struct, frozen=True, kw_only=True):
    """A pick list with its lines, in the order of the bins."""

    id: UUID
    number: str
    depot: str
    state: ListState
    started_at: datetime
    started_by: str
    lines: list[PickView]


class PickListSummary(Struct, frozen=True, kw_only=True):
    """A pick list as lists show it."""

    id: UUID
    number: str
    depot: str
    state: ListState
    started_at: datetime
    started_by: str
    documents: list[str]
    pieces: int
    picked: int


def natural(code: str | None) -> list[tuple[int, str]]:
    """The order in which somebody walks along bins: numbers in codes count as numbers; what lies in no bin comes first.

    >>> sorted(["A-10", "A-9", "B-1", "A-10-2", None], key=natural)
    [None, 'A-9', 'A-10', 'A-10-2', 'B-1']
    """
    found = re.findall(r"\d+|\D+", code or "")
    return [(int(piece), "") if piece.isascii() and piece.isdigit() else (-1, piece) for piece in found]


STATE = """CASE WHEN bool_or(pick.state = 'open') THEN 'open'
                WHEN bool_or(pick.state = 'short') THEN 'short'
                WHEN bool_or(pick.state = 'picked') THEN 'picked'
                WHEN bool_or(pick.state = 'shipped') THEN 'shipped'
                ELSE 'cancelled' END"""
"""How far a pick list is, from its lines."""


async def pick_list_view(pick_list: UUID, *, seen_by: Actor | None = None) -> PickListView:
    """One pick list.

    Raises:
        Unknown: no such list in the reader's stores.

    """
    row = await db.fetch_one(
        f"""SELECT pick_list.id, pick_list.number, place.code AS depot, started_at, started_by,
                   (SELECT {STATE} FROM pick WHERE pick_list = pick_list.id) AS state
            FROM pick_list JOIN place ON place.id = pick_list.place
            WHERE pick_list.id = $1 AND ($2::text[] IS NULL OR place.code = ANY($2))""",
        pick_list,
        seen_by.depot_scope if seen_by else None,
    )
    if row is None:
        raise Unknown(what="pick list", what_zh="拣货单", key=str(pick_list))
    lines = await db.read(
        PickView,
        """SELECT pick.id, part.part_number, part.name_zh, part.name_en, part.serialised, pick.quantity, pick.state,
                  pool.code AS pool, bin.code AS bin, unit.serial, unit.tag, lot.number AS lot,
                  suggested.serial AS suggested_serial, pick.document_kind, pick.document_number AS document,
                  pick.picked_at, pick.picked_by, pick.reason
           FROM pick
           JOIN reservation ON reservation.id = pick.reservation
           JOIN level ON level.id = reservation.level
           JOIN part ON part.id = level.part
           JOIN pool ON pool.id = level.pool
           LEFT JOIN bin ON bin.id = pick.bin
           LEFT JOIN unit ON unit.id = pick.unit
           LEFT JOIN unit AS suggested ON suggested.id = pick.suggested_unit
           LEFT JOIN lot ON lot.id = pick.lot
           WHERE pick.pick_list = $1 ORDER BY pick.id""",
        pick_list,
    )
    return PickListView(**dict(row), lines=sorted(lines, key=lambda line: natural(line.bin)))


async def pick_lists(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    depot: str | None = None,
    state: ListState | None = None,
) -> list[PickListSummary]:
    """Pick lists of the reader's stores, newest first."""
    return await db.read(
        PickListSummary,
        f"""SELECT pick_list.id, pick_list.number, place.code AS depot, far.state, started_at, started_by,
                   far.documents, far.pieces, far.picked
            FROM pick_list
            JOIN place ON place.id = pick_list.place
            JOIN LATERAL (
                SELECT {STATE} AS state,
                       coalesce(array_agg(DISTINCT document_number) FILTER (WHERE document_number IS NOT NULL), '{{}}')
                           AS documents,
                       coalesce(sum(quantity) FILTER (WHERE pick.state <> 'dropped'), 0)::int AS pieces,
                       coalesce(sum(quantity) FILTER (WHERE pick.state IN ('picked', 'shipped')), 0)::int AS picked
                FROM pick WHERE pick.pick_list = pick_list.id
            ) AS far ON true
            WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND ($2::uuid IS NULL OR pick_list.id < $2)
              AND ($3::text IS NULL OR place.code = $3) AND ($4::text IS NULL OR far.state = $4)
            ORDER BY pick_list.id DESC LIMIT $5""",
        seen_by.depot_scope,
        after,
        depot,
        state,
        limit,
    )
