"""Comparing what was counted with what the ledger says lay there at that instant.

Stock need not stand still: what lay in a bin at an instant is what lies there now, without what movements that occurred
after it changed. A unit was where the last movement that had occurred by then took it.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.ground import db
from inventory.places.places import ADJUSTMENT
from inventory.stock.moves import Spot

Found = Literal["unknown", "lost_before", "other_bin", "conflict"]


class Seen(Struct, frozen=True, kw_only=True):
    """A unit that a line must answer for: where the ledger had it when the count began and ended, and has it now."""

    unit: UUID
    serial: str
    tag: str | None
    part_number: str
    there_at_begin: bool
    there_at_end: bool
    moved_since: bool
    place: str
    bin: str | None
    condition: str
    owner: str
    pool: str


class Strange(Struct, frozen=True, kw_only=True):
    """A serial found where the ledger has it not: what that is, and where the ledger has it."""

    serial: str
    kind: Found
    unit: UUID | None = None
    part_number: str | None = None
    place: str | None = None
    bin: str | None = None
    condition: str | None = None


class Difference(Struct, frozen=True, kw_only=True):
    """How a counted line differs from the ledger; `pieces` is how many are over (or, negative, short)."""

    expected: int
    counted: int
    missing: list[str] = []
    strange: list[Strange] = []

    @property
    def pieces(self) -> int:
        """Over or short, in pieces; for units, those found less those missing."""
        return self.counted - self.expected

    @property
    def differing(self) -> int:
        """How many pieces are not as the ledger says."""
        return len(self.missing) + len(self.strange) or abs(self.pieces)

    @property
    def at_stake(self) -> int:
        """How many pieces are over or short, one not set off against the other; what only changed bins is neither."""
        strange = sum(found.kind != "other_bin" for found in self.strange)
        return len(self.missing) + strange if self.missing or self.strange else abs(self.pieces)

    @property
    def corrected(self) -> int:
        """What posting changes in the store: not what lies in another bin of it, nor what is known elsewhere."""
        if not self.missing and not self.strange:
            return self.pieces
        return sum(found.kind in ("unknown", "lost_before") for found in self.strange) - len(self.missing)

    @property
    def mark(self) -> str:
        """A fingerprint: a reason given for one difference is none for another."""
        told = f"{self.pieces:+d} {sorted(self.missing)} {sorted((s.serial, s.kind) for s in self.strange)}"
        return sha256(told.encode()).hexdigest()


class Line(Struct, frozen=True, kw_only=True):
    """A line of a count with its latest observation, compared."""

    id: UUID
    bin_id: int | None
    bin: str | None
    part: int
    part_number: str
    name_zh: str
    name_en: str
    serialised: bool
    unit_cost_cny: Decimal
    condition: str
    owner: int
    owner_code: str
    pool: int
    pool_code: str
    place: int
    depot: str
    listed: bool
    reason: str
    reason_for: str | None
    reasoned_by: str | None
    began_at: datetime | None
    counted_at: datetime | None
    counted_by: str | None
    quantity: int | None
    serials: list[str]
    pieces_then: int
    superseded_by: str | None
    difference: Difference | None = None

    @property
    def spot(self) -> Spot:
        """Where in the books the line stands."""
        return Spot(self.place, self.condition, self.owner, self.pool)

    @property
    def differs(self) -> bool:
        """Whether something is to be explained and posted."""
        return self.difference is not None and self.difference.differing > 0

    @property
    def explained(self) -> bool:
        """Whether a reason was given for just this difference."""
        return self.difference is not None and bool(self.reason) and self.reason_for == self.difference.mark

    @property
    def value_cny(self) -> Decimal:
        """What the differing pieces are worth."""
        return self.unit_cost_cny * (self.difference.at_stake if self.difference else 0)


def compare_pieces(expected: int, counted: int) -> Difference:
    """Pieces without serials.

    >>> compare_pieces(8, 7).pieces
    -1
    """
    return Difference(expected=expected, counted=counted)


def compare_units(scanned: Sequence[str], known: Sequence[Seen], line: Line) -> Difference:
    """Units by serial or tag.

    Missing is what was there all the while and was not scanned; strange is what was scanned and was not there at any
    time of it. What has moved since is settled: a later movement knows better.
    """
    seen = {name: unit for unit in known for name in (unit.tag, unit.serial) if name is not None}
    # a serial may be carried by pieces of two makers: the one of this line's part is meant
    seen |= {unit.serial: unit for unit in known if unit.part_number == line.part_number}
    names = list(dict.fromkeys(seen[name].serial if name in seen else name for name in scanned))
    missing = [
        unit.serial
        for unit in known
        if unit.there_at_begin and unit.there_at_end and not unit.moved_since and unit.serial not in names
    ]
    strange = [found for name in names if (found := _strange(name, seen.get(name), line)) is not None]
    agreed = sum(name in seen and (seen[name].there_at_begin or seen[name].there_at_end) for name in names)
    return Difference(
        expected=agreed + len(missing), counted=agreed + len(strange), missing=sorted(missing), strange=strange
    )


def _strange(name: str, unit: Seen | None, line: Line) -> Strange | None:
    """What is strange about a scanned serial; None where the ledger had it here, or has moved it since."""
    if unit is None:
        return Strange(serial=name, kind="unknown")
    if unit.there_at_begin or unit.there_at_end or unit.moved_since:
        return None
    kind: Found = "conflict"
    if unit.part_number == line.part_number and unit.place == ADJUSTMENT:
        kind = "lost_before"
    elif unit.part_number == line.part_number and unit.place == line.depot and unit.bin != line.bin:
        kind = "other_bin"
    return Strange(
        serial=name,
        kind=kind,
        unit=unit.unit,
        part_number=unit.part_number,
        place=unit.place,
        bin=unit.bin,
        condition=unit.condition,
    )


def without_relocated(lines: Sequence[Line]) -> list[Line]:
    """Lines whose missing units were found in another bin of the same count: those only changed places."""
    relocated = {
        (line.part, found.serial)
        for line in lines
        if line.difference is not None
        for found in line.difference.strange
        if found.kind == "other_bin"
    }
    return [_forgiven(line, {serial for part, serial in relocated if part == line.part}) for line in lines]


def _forgiven(line: Line, relocated: set[str]) -> Line:
    if line.difference is None or not relocated.intersection(line.difference.missing):
        return line
    missing = [serial for serial in line.difference.missing if serial not in relocated]
    gone = len(line.difference.missing) - len(missing)
    return msgspec.structs.replace(
        line,
        difference=msgspec.structs.replace(line.difference, missing=missing, expected=line.difference.expected - gone),
    )


_LATEST = """SELECT DISTINCT ON (line) line, began_at, counted_at, counted_by, quantity, serials
             FROM count_scan WHERE sheet = $1 ORDER BY line, counted_at DESC, recorded_at DESC, id DESC"""

_LINES = f"""
WITH latest AS MATERIALIZED ({_LATEST})
SELECT line.id, line.bin AS bin_id, bin.code AS bin, line.part, part.part_number, part.name_zh, part.name_en,
       part.serialised, part.unit_cost_cny, line.condition, line.owner, party.code AS owner_code, line.pool,
       pool.code AS pool_code, sheet.place, place.code AS depot, line.listed, line.reason, line.reason_for,
       line.reasoned_by, latest.began_at, latest.counted_at, latest.counted_by, latest.quantity,
       coalesce(latest.serials, '[]') AS serials, here.quantity - since.change AS pieces_then, later.superseded_by
FROM count_line AS line
JOIN count_sheet AS sheet ON sheet.id = line.sheet
JOIN place ON place.id = sheet.place
JOIN part ON part.id = line.part
JOIN party ON party.id = line.owner
JOIN pool ON pool.id = line.pool
LEFT JOIN bin ON bin.id = line.bin
LEFT JOIN latest ON latest.line = line.id
LEFT JOIN LATERAL (
    SELECT coalesce(sum(quantity), 0)::int AS quantity FROM lot_stock
    WHERE lot_stock.part = line.part AND lot_stock.place = sheet.place AND lot_stock.condition = line.condition
      AND lot_stock.owner = line.owner AND lot_stock.pool = line.pool AND lot_stock.bin IS NOT DISTINCT FROM line.bin
) AS here ON true
LEFT JOIN LATERAL (
    SELECT coalesce(sum(
               CASE WHEN (to_place, to_condition, to_owner, to_pool) = (sheet.place, line.condition, line.owner, line.pool)
                         AND to_bin IS NOT DISTINCT FROM line.bin THEN quantity ELSE 0 END
               - CASE WHEN (from_place, from_condition, from_owner, from_pool)
                           = (sheet.place, line.condition, line.owner, line.pool)
                           AND from_bin IS NOT DISTINCT FROM line.bin THEN quantity ELSE 0 END), 0)::int AS change
    FROM movement
    WHERE movement.part = line.part AND lot IS NOT NULL AND occurred_at > latest.counted_at
      AND movement.recorded_at > latest.counted_at - interval '5 minutes'
) AS since ON true
LEFT JOIN LATERAL (
    SELECT other_sheet.number AS superseded_by
    FROM count_line AS other
    JOIN count_sheet AS other_sheet ON other_sheet.id = other.sheet AND other_sheet.state = 'posted'
         AND other_sheet.id <> sheet.id AND other_sheet.place = sheet.place
    JOIN count_scan ON count_scan.line = other.id AND count_scan.counted_at > latest.counted_at
    WHERE other.part = line.part AND other.bin IS NOT DISTINCT FROM line.bin
      AND (other.condition, other.owner, other.pool) = (line.condition, line.owner, line.pool)
    ORDER BY count_scan.counted_at DESC LIMIT 1
) AS later ON true
WHERE line.sheet = $1
ORDER BY bin.code NULLS FIRST, part.part_number, line.condition, party.code, pool.code
"""

_UNITS = f"""
WITH latest AS MATERIALIZED (
    SELECT latest.*, count_line.part, count_line.bin, count_line.condition, count_line.owner, count_line.pool,
           count_sheet.place
    FROM ({_LATEST}) AS latest
    JOIN count_line ON count_line.id = latest.line
    JOIN count_sheet ON count_sheet.id = count_line.sheet
    JOIN part ON part.id = count_line.part AND part.serialised
),
concerned AS (
    SELECT latest.line, unit.id AS unit FROM latest
    JOIN unit ON unit.part = latest.part AND unit.place = latest.place AND unit.condition = latest.condition
         AND unit.bin IS NOT DISTINCT FROM latest.bin
    UNION
    SELECT latest.line, movement.unit FROM latest
    JOIN movement ON movement.part = latest.part AND movement.from_place = latest.place AND movement.unit IS NOT NULL
         AND movement.occurred_at > latest.began_at AND movement.recorded_at > latest.began_at - interval '5 minutes'
    UNION
    SELECT latest.line, unit.id FROM latest
    CROSS JOIN jsonb_array_elements_text(latest.serials) AS name
    JOIN unit ON unit.serial = name OR unit.tag = name
)
SELECT concerned.line, unit.id AS unit, unit.serial, unit.tag, part.part_number, place.code AS place, bin.code AS bin,
       unit.condition, party.code AS owner, pool.code AS pool,
       coalesce(at_begin.spot = ARRAY[latest.place::text, latest.condition, latest.owner::text, latest.pool::text,
                                      coalesce(latest.bin, 0)::text] AND unit.part = latest.part, false) AS there_at_begin,
       coalesce(at_end.spot = ARRAY[latest.place::text, latest.condition, latest.owner::text, latest.pool::text,
                                    coalesce(latest.bin, 0)::text] AND unit.part = latest.part, false) AS there_at_end,
       EXISTS (SELECT FROM movement WHERE movement.unit = unit.id AND occurred_at > latest.counted_at) AS moved_since
FROM concerned
JOIN latest ON latest.line = concerned.line
JOIN unit ON unit.id = concerned.unit
JOIN part ON part.id = unit.part
JOIN place ON place.id = unit.place
JOIN party ON party.id = unit.owner
JOIN pool ON pool.id = unit.pool
LEFT JOIN bin ON bin.id = unit.bin
LEFT JOIN LATERAL (
    SELECT ARRAY[to_place::text, to_condition, to_owner::text, to_pool::text, coalesce(to_bin, 0)::text] AS spot
    FROM movement WHERE movement.unit = unit.id AND occurred_at <= latest.began_at
    ORDER BY recorded_at DESC, id DESC LIMIT 1
) AS at_begin ON true
LEFT JOIN LATERAL (
    SELECT ARRAY[to_place::text, to_condition, to_owner::text, to_pool::text, coalesce(to_bin, 0)::text] AS spot
    FROM movement WHERE movement.unit = unit.id AND occurred_at <= latest.counted_at
    ORDER BY recorded_at DESC, id DESC LIMIT 1
) AS at_end ON true
ORDER BY unit.serial
"""


async def compared(sheet: UUID) -> list[Line]:
    """A sheet's lines, each counted one compared with the ledger as it was then; two statements, however many lines."""
    lines = await db.read(Line, _LINES, sheet)
    known: dict[UUID, list[Seen]] = {}
    if any(line.serialised and line.counted_at is not None for line in lines):
        for row in await db.fetch(_UNITS, sheet):
            fields = dict(row)
            known.setdefault(fields.pop("line"), []).append(Seen(**fields))
    return without_relocated([_compared(line, known.get(line.id, [])) for line in lines])


def _compared(line: Line, known: Sequence[Seen]) -> Line:
    if line.counted_at is None or line.quantity is None or line.superseded_by is not None:
        return line
    difference = (
        compare_units(line.serials, known, line) if line.serialised else compare_pieces(line.pieces_then, line.quantity)
    )
    return msgspec.structs.replace(line, difference=difference)
