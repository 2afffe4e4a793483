"""Scans: what somebody counted, kept as it was said, any number of them at once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.parts import PartRef
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.places import bins, places
from inventory.stock import pools
from inventory.stock.counting.refusals import (
    CountClosed,
    CountedOutOfTime,
    CountFinished,
    QuantityNotCounted,
    ScanIdReused,
    SerialsNotCounted,
)
from inventory.stock.moves import GOOD
from inventory.stock.pools import COMMON

OLDEST = timedelta(days=7)
"""How long an offline device may keep what was counted."""


class NewScan(Struct, frozen=True, kw_only=True):
    """What was counted of a part in a bin (none: what was not put away); serials where it is kept by serial.

    `id` is the device's own: the same scan sent twice is recorded once. Counting took from `began_at` to `counted_at`;
    a unit that came or went meanwhile counts as rightly there and rightly not.
    """

    id: str
    part_number: str
    counted_at: datetime
    bin: str | None = None
    quantity: int | None = None
    serials: Sequence[str] | None = None
    began_at: datetime | None = None
    condition: str = GOOD
    owner: str | None = None
    pool: str = COMMON


@db.atomic
async def record(sheet: UUID, scans: Sequence[NewScan], *, by: Actor) -> list[UUID]:
    """Record what was counted, all or none; the lines it belongs to, in order.

    What is not on the sheet makes a line of its own. A later count of the same line holds in place of the earlier.

    Raises:
        Unknown: no such count, part, bin, pool or owner.
        NotYourDepot: the actor does not serve the store.
        CountClosed: the count is posted or cancelled.
        CountFinished: its counting is finished; who has seen the books cannot count blind any more.
        CountedOutOfTime: counted in the future, before the sheet, or more than seven days ago.
        SerialsNotCounted, QuantityNotCounted: not counted as the part is kept.
        ScanIdReused: the id belongs to another scan.

    """
    by.require("stock.count")
    head = await db.fetch_one(
        """SELECT count_sheet.number, state, created_at, place, place.code AS depot
           FROM count_sheet JOIN place ON place.id = count_sheet.place
           WHERE count_sheet.id = $1 AND ($2::text[] IS NULL OR place.code = ANY($2)) FOR SHARE OF count_sheet""",
        sheet,
        by.depot_scope,
    )
    if head is None:
        raise Unknown(what="count", what_zh="盘点单", key=str(sheet))
    by.require_depot(head["depot"])
    if head["state"] not in ("counting", "counted"):
        raise CountClosed(number=head["number"])
    if head["state"] == "counted" and not await _all_known(sheet, scans):
        raise CountFinished(number=head["number"])
    return [await _record(sheet, head, scan, by=by) for scan in scans]


async def _all_known(sheet: UUID, scans: Sequence[NewScan]) -> bool:
    """Whether these are scans sent once more, which changes nothing."""
    ids = sorted({scan.id for scan in scans})
    known = await db.fetch_value(
        "SELECT count(DISTINCT client_id) FROM count_scan WHERE sheet = $1 AND client_id = ANY($2)", sheet, ids
    )
    return known == len(ids)


async def _record(sheet: UUID, head: db.Row, scan: NewScan, *, by: Actor) -> UUID:
    part = await parts.find(scan.part_number)
    began_at = min(scan.began_at or scan.counted_at, scan.counted_at)
    _check_time(scan.counted_at, head["created_at"])
    quantity, serials = _as_kept(part, scan)
    line = await _line(sheet, head["place"], part, scan)
    written = await db.fetch_value(
        """INSERT INTO count_scan (sheet, line, client_id, began_at, counted_at, recorded_at, counted_by, quantity, serials)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           ON CONFLICT ON CONSTRAINT count_scan_is_recorded_once DO NOTHING RETURNING true""",
        sheet,
        line,
        scan.id,
        max(began_at, head["created_at"]),
        scan.counted_at,
        clock.now(),
        by.name,
        quantity,
        serials,
    )
    if not written:
        same = await db.fetch_value(
            """SELECT line = $3 AND counted_at = $4 AND quantity = $5 AND serials = $6 FROM count_scan
               WHERE sheet = $1 AND client_id = $2""",
            sheet,
            scan.id,
            line,
            scan.counted_at,
            quantity,
            serials,
        )
        if not same:
            raise ScanIdReused(client_id=scan.id)
    return line


def _check_time(counted_at: datetime, sheet_made_at: datetime) -> None:
    now = clock.now()
    earliest = max(sheet_made_at, now - OLDEST)
    if not earliest <= counted_at <= now:
        raise CountedOutOfTime(counted_at=counted_at.isoformat(), earliest=earliest.isoformat())


def _as_kept(part: PartRef, scan: NewScan) -> tuple[int, list[str]]:
    """How many pieces, and which serials, a scan says."""
    if part.serialised:
        if scan.serials is None:
            raise SerialsNotCounted(part_number=part.part_number, quantity=scan.quantity)
        serials = sorted({serial.strip() for serial in scan.serials if serial.strip()})
        return len(serials), serials
    if scan.quantity is None or scan.serials:
        raise QuantityNotCounted(part_number=part.part_number)
    return scan.quantity, []


async def _line(sheet: UUID, place: int, part: PartRef, scan: NewScan) -> UUID:
    """The line a scan belongs to, made where the sheet has none."""
    return await db.fetch_value(
        """WITH made AS (
               INSERT INTO count_line (sheet, bin, part, condition, owner, pool, listed)
               VALUES ($1, $2, $3, $4, $5, $6, false)
               ON CONFLICT ON CONSTRAINT count_line_identity DO NOTHING RETURNING id
           )
           SELECT id FROM made
           UNION ALL
           SELECT id FROM count_line
           WHERE sheet = $1 AND bin IS NOT DISTINCT FROM $2 AND part = $3 AND condition = $4 AND owner = $5 AND pool = $6
           LIMIT 1""",
        sheet,
        None if scan.bin is None else await bins.find(place, scan.bin),
        part.id,
        scan.condition,
        await places.ourselves() if scan.owner is None else await places.find_party(scan.owner),
        await pools.find(scan.pool),
    )
