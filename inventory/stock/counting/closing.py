"""Closing a count: what differs, why, and the movements that mend the books."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import ReasonMissing, Unknown, WrongState
from inventory.places import places
from inventory.stock import lots, pools, units
from inventory.stock.counting import policy, sheets
from inventory.stock.counting.comparing import Difference, Line, Strange, compared
from inventory.stock.counting.refusals import (
    CountClosed,
    CountFourEyes,
    CountIncomplete,
    DifferencesUnexplained,
    MissingIsReserved,
)
from inventory.stock.ledger import post
from inventory.stock.moves import GOOD, Move, Spot
from inventory.stock.trails import Trail, trails

OPEN = ("counting", "counted")


class LineView(Struct, frozen=True, kw_only=True):
    """A line of a count for its readers: what the books say is told only once the line is counted."""

    id: UUID
    bin: str | None
    part_number: str
    name_zh: str
    name_en: str
    serialised: bool
    condition: str
    owner: str
    pool: str
    listed: bool
    counted_at: datetime | None
    counted_by: str | None
    counted: int | None
    serials: list[str]
    superseded_by: str | None
    expected: int | None = None
    difference: int | None = None
    differs: bool = False
    missing: list[str] = []
    strange: list[Strange] = []
    reason: str = ""
    reasoned_by: str | None = None
    explained: bool = False
    value_cny: Decimal | UnsetType = UNSET
    movements: list[Trail] = []


class Posted(Struct, frozen=True, kw_only=True):
    """A posted count: how many lines agreed, and what was corrected."""

    number: str
    lines: int
    lines_agreeing: int
    pieces_added: int
    pieces_removed: int
    units_relocated: int


async def lines(sheet: UUID, *, seen_by: Actor, bin_code: str | None = None, only_bin: bool = False) -> list[LineView]:
    """A count's lines (of one bin where `only_bin`); at most as many as a sheet holds.

    Raises:
        Unknown: no such count in the reader's scope.

    """
    view = await sheets.count(sheet, seen_by=seen_by)
    found = [line for line in await _lines(sheet, view.state, seen_by) if not only_bin or line.bin == bin_code]
    return [_view(line, seen_by) for line in found]


async def differences(sheet: UUID, *, seen_by: Actor) -> list[LineView]:
    """The lines that differ, each with the last movements of its part in that store.

    Raises:
        Unknown: no such count in the reader's scope.

    """
    view = await sheets.count(sheet, seen_by=seen_by)
    differing = [line for line in await _lines(sheet, view.state, seen_by) if line.differs]
    of_house = seen_by.contract_scope is None  # what led to a difference is not told to customers
    behind = await trails([(line.part, line.place) for line in differing], seen_by=seen_by) if of_house else {}
    return [
        msgspec.structs.replace(_view(line, seen_by), movements=behind.get((line.part, line.place), []))
        for line in differing
    ]


async def _lines(sheet: UUID, state: str, seen_by: Actor) -> list[Line]:
    """The lines as somebody may see them: compared only for who may know the books; of a posted count as it was posted."""
    found = await compared(sheet)
    if seen_by.contract_scope is not None:
        serving = await pools.serving(seen_by.contract_scope)
        found = [line for line in found if line.pool_code in serving]
    if state != "posted":
        return found if await _books_are_told(sheet, state, found, seen_by) else [_blind(line) for line in found]
    rows = await db.fetch("SELECT id, outcome FROM count_line WHERE sheet = $1", sheet)
    kept = {row["id"]: row["outcome"] for row in rows}
    return [
        msgspec.structs.replace(
            line, difference=msgspec.convert(kept[line.id], Difference) if kept.get(line.id) else None
        )
        for line in found
    ]


def _blind(line: Line) -> Line:
    """A line without what the books say."""
    return msgspec.structs.replace(line, difference=None)


async def _books_are_told(sheet: UUID, state: str, found: Sequence[Line], seen_by: Actor) -> bool:
    """Whether somebody may see how a count compares.

    Nobody before the counting is finished: who knows what the books say finds it. Whoever counted, where a second person
    has to decide, not before that person has begun to look into it.
    """
    if state not in OPEN:
        return True
    if state == "counting":
        return False
    counters = {
        row["counted_by"] for row in await db.fetch("SELECT counted_by FROM count_scan WHERE sheet = $1", sheet)
    }
    if seen_by.name not in counters or _value(found) <= (await policy.in_force()).policy.four_eyes_above_cny:
        return True
    return any(line.reasoned_by is not None and line.reasoned_by not in counters for line in found)


def _view(line: Line, seen_by: Actor) -> LineView:
    found = line.difference
    return LineView(
        id=line.id,
        bin=line.bin,
        part_number=line.part_number,
        name_zh=line.name_zh,
        name_en=line.name_en,
        serialised=line.serialised,
        condition=line.condition,
        owner=line.owner_code,
        pool=line.pool_code,
        listed=line.listed,
        counted_at=line.counted_at,
        counted_by=line.counted_by,
        counted=line.quantity,
        serials=line.serials,
        superseded_by=line.superseded_by,
        expected=found.expected if found else None,
        difference=found.pieces if found else None,
        differs=line.differs,
        missing=found.missing if found else [],
        strange=found.strange if found else [],
        reason=line.reason,
        reasoned_by=line.reasoned_by,
        explained=line.explained,
        value_cny=line.value_cny if found and seen_by.may("costs.read") else UNSET,
    )


@db.atomic
async def explain(sheet: UUID, line: UUID, *, by: Actor, reason: str) -> LineView:
    """Say why a line differs; the reason holds for the difference as it stands now.

    Raises:
        Unknown: no such count or line.
        CountClosed: the count is posted or cancelled.
        ReasonMissing: nothing was said.

    """
    by.require("stock.count")
    view = await _open_for(sheet, by)
    if not reason.strip():
        raise ReasonMissing
    found = next((each for each in await compared(sheet) if each.id == line), None)
    if found is None:
        raise Unknown(what="count line", what_zh="盘点行", key=str(line))
    await db.execute(
        "UPDATE count_line SET reason = $2, reason_for = $3, reasoned_by = $4 WHERE id = $1",
        line,
        reason.strip(),
        found.difference.mark if found.difference else None,
        by.name,
    )
    await audit.record("count.explained", "count", view.number, by=by, change={"line": str(line)}, reason=reason)
    return next(each for each in await lines(sheet, seen_by=by) if each.id == line)


async def _open_for(sheet: UUID, by: Actor) -> sheets.CountView:
    """A sheet that somebody may work on, locked until the transaction ends."""
    await db.execute("SELECT FROM count_sheet WHERE id = $1 FOR NO KEY UPDATE", sheet)
    view = await sheets.count(sheet)
    by.require_depot(view.depot)
    if view.state not in OPEN:
        raise CountClosed(number=view.number)
    return view


@db.atomic
async def finish(sheet: UUID, *, by: Actor) -> sheets.CountView:
    """Say that the counting is done: without differences the count is posted at once, else they are to be explained.

    Raises:
        Unknown: no such count.
        CountClosed: it is posted or cancelled.
        CountIncomplete: lines of the sheet are not counted.

    """
    by.require("stock.count")
    view = await _open_for(sheet, by)
    found = await compared(sheet)
    _require_complete(view.number, found)
    now, holds = clock.now(), (await policy.in_force()).policy
    await db.execute(
        "UPDATE count_sheet SET state = 'counted', counted_at = $2, counted_by = $3 WHERE id = $1", sheet, now, by.name
    )
    await steps.finish("count", view.number, sheets.COUNT_STEP, by=by)
    if not any(line.differs for line in found):
        await post_count(sheet, by=by)
        return await sheets.count(sheet)
    second = _value(found) > holds.four_eyes_above_cny
    await steps.begin(
        sheets.POST_STEP,
        "count",
        view.number,
        owner_role="quality_supervisor" if second else "warehouse_keeper",
        depot=view.depot,
        due_at=max(view.due_at, now),
    )
    done = await sheets.count(sheet)
    await events.emit("count.counted", "count", view.number, done, depot=view.depot)
    return done


def _require_complete(number: str, found: Sequence[Line]) -> None:
    uncounted = [line for line in found if line.counted_at is None]
    if uncounted:
        raise CountIncomplete(
            number=number,
            missing=len(uncounted),
            lines=len(found),
            uncounted=[{"bin": line.bin, "part_number": line.part_number} for line in uncounted[:50]],
        )


def _value(found: Sequence[Line]) -> Decimal:
    return sum((line.value_cny for line in found if line.differs), Decimal(0))


@db.atomic
async def post_count(sheet: UUID, *, by: Actor) -> Posted:
    """Mend the books by what was counted, as of when it was counted, and close the sheet.

    Short pieces leave their bin, the oldest lots first, and missing units theirs; surplus pieces make a lot named by the
    count, unknown units are entered; a unit found in another bin of the store is put there. A unit that the ledger has
    elsewhere stays as it is: the sheet keeps the conflict.

    Raises:
        Unknown: no such count.
        CountClosed: it is posted or cancelled.
        WrongState: the counting is not finished.
        CountIncomplete, DifferencesUnexplained: it is not ready.
        CountFourEyes: the differences are worth so much that somebody else must post them.
        MissingIsReserved: what is missing was promised to somebody.

    """
    by.require("stock.count")
    view = await _open_for(sheet, by)
    found = await compared(sheet)
    _require_complete(view.number, found)
    if view.state != "counted":
        raise WrongState(what="Count", what_zh="盘点单", key=view.number, state=view.state, needed="counted")
    differing = [line for line in found if line.differs]
    unexplained = [line for line in differing if not line.explained]
    if unexplained:
        raise DifferencesUnexplained(
            number=view.number,
            missing=len(unexplained),
            lines=[
                {"line": str(each.id), "bin": each.bin, "part_number": each.part_number} for each in unexplained[:50]
            ],
        )
    await _require_second_person(sheet, found, by)
    await _require_unreserved(differing)
    moves = [move for line in differing for move in await _corrections(view.number, line)]
    if moves:
        await post(moves, by=by)
    await _keep_outcome(found)
    await sheets.close(sheet, OPEN, "posted", by=by)
    await steps.finish("count", view.number, by=by)
    if view.kind == "full":
        await steps.finish("place", view.depot, "recount", by=by)
    result = _posted(view.number, found)
    await audit.record("count.posted", "count", view.number, by=by, change=result)
    await events.emit("count.posted", "count", view.number, result, depot=view.depot)
    return result


async def _require_second_person(sheet: UUID, found: Sequence[Line], by: Actor) -> None:
    """Above the limit whoever counted does not post, and whoever posts may correct stock."""
    limit = (await policy.in_force()).policy.four_eyes_above_cny
    if _value(found) <= limit:
        return
    by.require_eyes()
    counted = await db.fetch_value("SELECT true FROM count_scan WHERE sheet = $1 AND counted_by = $2", sheet, by.name)
    if counted or not by.may("stock.adjust"):
        raise CountFourEyes(limit=limit)


async def _require_unreserved(differing: Sequence[Line]) -> None:
    """Refuse to take away what is promised to somebody, and name whom."""
    short = [line for line in differing if line.condition == GOOD and line.difference and line.difference.corrected < 0]
    taken: dict[tuple[int, Spot], list[Line]] = {}
    for line in short:
        taken.setdefault((line.part, line.spot), []).append(line)
    for (part, spot), of_level in taken.items():
        missing = -sum(line.difference.corrected for line in of_level if line.difference)
        row = await db.fetch_one(
            """SELECT level.free, (SELECT coalesce(jsonb_agg(jsonb_build_object(
                          'id', reservation.id, 'reference', reference_number, 'quantity', quantity,
                          'reserved_by', reserved_by) ORDER BY reserved_at), '[]')
                      FROM reservation WHERE reservation.level = level.id AND state = 'pending') AS reservations
               FROM level
               WHERE part = $1 AND place = $2 AND condition = $3 AND owner = $4 AND pool = $5 FOR NO KEY UPDATE""",
            part,
            spot.place,
            spot.condition,
            spot.owner,
            spot.pool,
        )
        if row is not None and row["free"] < missing:
            raise MissingIsReserved(
                part_number=of_level[0].part_number,
                depot=of_level[0].depot,
                missing=missing,
                free=row["free"],
                reservations=", ".join(f"{r['reference'] or r['id']} × {r['quantity']}" for r in row["reservations"]),
                held=row["reservations"],
            )


async def _corrections(number: str, line: Line) -> list[Move]:
    """The movements that make the books say what was found on a line."""
    difference = line.difference
    if difference is None:
        return []
    outside = await places.find(places.ADJUSTMENT)
    lost = Spot(outside.id, line.condition, line.owner, line.pool)

    def move(kind: str, origin: Spot, target: Spot, **pieces: object) -> Move:
        told = {"quantity": 1, "reason": line.reason, "occurred_at": line.counted_at} | pieces
        return Move(
            kind=kind,
            part=line.part,
            origin=origin,
            target=target,
            document_kind="count",
            document=number,
            **told,  # pyright: ignore[reportArgumentType]  the names above are Move's own
        )

    if line.serialised:
        gone = [
            move("adjustment", line.spot, lost, unit=unit.id, from_bin=unit.bin)
            for unit in await units.choose(line.part, line.spot, len(difference.missing), difference.missing)
            if difference.missing
        ]
        come = [
            move("adjustment", start, line.spot, unit=unit, to_bin=line.bin_id)
            for unit, start in await _brought_in(line, lost, number)
        ]
        elsewhere = [found.unit for found in difference.strange if found.kind == "other_bin"]
        rows = await db.fetch(
            "SELECT id, place, condition, owner, pool, bin FROM unit WHERE id = ANY($1) FOR NO KEY UPDATE", elsewhere
        )
        relocated = [
            move("put_away", here, here, unit=row["id"], from_bin=row["bin"], to_bin=line.bin_id)
            for row in rows
            for here in [Spot(row["place"], row["condition"], row["owner"], row["pool"])]
        ]
        return gone + come + relocated
    if difference.pieces > 0:
        grade = await lots.grade_of_found(line.part, line.spot)
        lot = await lots.enter(line.part, number, provenance=grade, source=number)
        return [move("adjustment", lost, line.spot, quantity=difference.pieces, lot=lot, to_bin=line.bin_id)]
    taken = await lots.take(line.part, line.spot, -difference.pieces, bins=[line.bin_id])
    return [
        move("adjustment", line.spot, lost, quantity=each.quantity, lot=each.lot, from_bin=each.bin) for each in taken
    ]


async def _brought_in(line: Line, lost: Spot, number: str) -> list[tuple[UUID, Spot]]:
    """Units found that were in no store: entered now, or written off before; each with where it comes from."""
    found: list[tuple[UUID, Spot]] = []
    for strange in line.difference.strange if line.difference else []:
        if strange.kind == "unknown":
            found.append((await units.enter_new(line.part, strange.serial, lost, "unproven", number), lost))
        elif strange.kind == "lost_before":
            row = await db.fetch_one(
                "SELECT place, condition, owner, pool FROM unit WHERE id = $1 FOR NO KEY UPDATE", strange.unit
            )
            if row is not None and strange.unit is not None:
                found.append((strange.unit, Spot(row["place"], row["condition"], row["owner"], row["pool"])))
    return found


async def _keep_outcome(found: Sequence[Line]) -> None:
    """Write to each line what came of it."""
    counted = [(line, line.difference) for line in found if line.difference is not None]
    await db.execute(
        """UPDATE count_line SET expected = kept.expected, counted = kept.counted, differing = kept.differing,
                  posted = kept.posted, outcome = kept.outcome
           FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::int[], $6::jsonb[])
                AS kept(id, expected, counted, differing, posted, outcome)
           WHERE count_line.id = kept.id""",
        [line.id for line, _ in counted],
        [difference.expected for _, difference in counted],
        [difference.counted for _, difference in counted],
        [difference.differing for _, difference in counted],
        [difference.corrected for _, difference in counted],
        [msgspec.json.encode(difference).decode() for _, difference in counted],
    )


def _posted(number: str, found: Sequence[Line]) -> Posted:
    differing = [line.difference for line in found if line.difference is not None and line.differs]
    gained = sum(
        sum(s.kind in ("unknown", "lost_before") for s in d.strange) or max(d.pieces if not d.strange else 0, 0)
        for d in differing
    )
    return Posted(
        number=number,
        lines=len(found),
        lines_agreeing=len(found) - len(differing),
        pieces_added=gained,
        pieces_removed=gained - sum(d.corrected for d in differing),
        units_relocated=sum(s.kind == "other_bin" for d in differing for s in d.strange),
    )
