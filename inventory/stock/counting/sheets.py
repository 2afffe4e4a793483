"""Count sheets: which bins and parts are counted, drawn up, listed, called off. A sheet never tells what the books say."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.places import bins, places
from inventory.stock import pools
from inventory.stock.counting import abc, policy
from inventory.stock.counting.drawing import draw
from inventory.stock.counting.refusals import CountTooLarge, NothingDrawn, NothingNamed, NothingToCount, SeedNotYours
from inventory.stock.moves import GOOD
from inventory.stock.pools import COMMON

Kind = Literal["cycle", "surprise", "full", "recount"]
State = Literal["counting", "counted", "posted", "cancelled"]

MOST_LINES = 5000

MOST_DRAWS = 50
"""How often the service draws anew before it says that nothing lies in the bins."""

COUNT_STEP, POST_STEP = "count_stock", "post_count"

ASKED_WITHIN = timedelta(hours=1)
"""How long the store's keeper has to count what somebody who stands beside him asks for."""


class CountView(Struct, frozen=True, kw_only=True):
    """A count as lists show it."""

    id: UUID
    number: str
    depot: str
    kind: Kind
    state: State
    seed: str | None
    scope: dict[str, Any]
    created_at: datetime
    created_by: str
    due_at: datetime
    counted_at: datetime | None
    counted_by: str | None
    closed_at: datetime | None
    closed_by: str | None
    remark: str
    lines: int
    lines_counted: int


class BinToCount(Struct, frozen=True, kw_only=True):
    """A bin of a sheet (none: what was not put away), and how far its counting is."""

    bin: str | None
    lines: int
    lines_counted: int


class SheetRow(Struct, frozen=True, kw_only=True):
    """A line as the printed sheet shows it: what to look for and where, with room for what is found."""

    bin: str | None
    part_number: str
    name_zh: str
    name_en: str
    serialised: bool
    condition: str
    owner: str
    is_ours: bool
    pool: str


class PrintedCount(Struct, frozen=True, kw_only=True):
    """Everything the paper (盘点表) shows, blind as the screen: no quantity of the books is in it."""

    number: str
    kind: Kind
    depot: str
    depot_zh: str
    depot_en: str
    seed: str | None
    created_at: datetime
    created_by: str
    due_at: datetime
    rows: list[SheetRow]


@db.atomic
async def draw_up(
    depot: str,
    kind: Kind,
    *,
    by: Actor,
    part_number: str | None = None,
    bin_code: str | None = None,
    bins_to_draw: int = 10,
    seed: str | None = None,
    remark: str = "",
) -> CountView:
    """Draw up a sheet: the parts due (cycle), bins drawn by lot (surprise), everything (full), one part or bin (recount).

    What an open sheet asks for already is left out.

    A keeper does not choose where the lot falls: the service draws the seed, unless somebody who inspects gives one.

    Raises:
        Unknown: no such store, part or bin.
        NotYourDepot: the actor does not serve the store.
        SeedNotYours: the actor may not give the seed of a surprise count.
        NothingNamed: a recount names neither part nor bin.
        NothingToCount, NothingDrawn: nothing is left to count, or nothing where the lot fell.
        CountTooLarge: it would have more lines than a sheet holds.

    """
    inspects = kind == "surprise" and by.may("counts.surprise")
    if not inspects:
        by.require("stock.count")
    by.require_depot(depot)
    if seed and not inspects:
        raise SeedNotYours(name=by.name)
    store = await places.find_store(depot)
    if kind == "cycle":
        due = await abc.due(depot, limit=(await policy.in_force()).policy.parts_per_sheet, seen_by=by)
        scope = {"parts": [[each.part_number, each.abc_class] for each in due]}
        wanted_parts = await _part_ids([each.part_number for each in due])
        return await _enter_found(store.id, depot, kind, await _lying(store.id, wanted_parts, None), scope, by, remark)
    if kind == "surprise":
        return await _draw_by_lot(store.id, depot, bins_to_draw, seed, by=by, remark=remark)
    if kind == "recount":
        return await _recount(store.id, depot, part_number, bin_code, by=by, remark=remark)
    return await _enter_found(store.id, depot, kind, await _lying(store.id, None, None), {}, by, remark)


async def _recount(
    store: int, depot: str, part_number: str | None, bin_code: str | None, *, by: Actor, remark: str
) -> CountView:
    """A sheet of one part, one bin, or one part in one bin."""
    if part_number is None and bin_code is None:
        raise NothingNamed
    part = None if part_number is None else await parts.find(part_number)
    in_bins = None if bin_code is None else [await bins.find(store, bin_code)]
    rows = await _to_recount(store, None if part is None else part.id, in_bins)
    scope = {"part": part.part_number if part else None, "bin": bin_code}
    return await _enter_found(store, depot, "recount", rows, scope, by, remark)


async def _enter_found(
    store: int, depot: str, kind: Kind, rows: Sequence[tuple[Any, ...]], scope: dict[str, Any], by: Actor, remark: str
) -> CountView:
    """A sheet of what was found to be counted.

    Raises:
        NothingToCount, CountTooLarge: that is nothing, or more than a sheet holds.

    """
    if not rows:
        raise NothingToCount(depot=depot)
    if len(rows) > MOST_LINES:
        raise CountTooLarge(most=MOST_LINES, lines=len(rows))
    return await _enter(store, depot, kind, rows, scope, by=by, seed=None, remark=remark)


async def _draw_by_lot(store: int, depot: str, count: int, seed: str | None, *, by: Actor, remark: str) -> CountView:
    """A surprise sheet; the service draws again while the lot falls on empty bins only."""
    codes = {row["code"]: row["id"] for row in await _bins_of(store)}
    for drawn_seed in [seed] if seed else [secrets.token_hex(4) for _ in range(MOST_DRAWS)]:
        drawn = draw(drawn_seed, list(codes), count)
        rows = await _lying(store, None, [codes[code] for code in drawn])
        if len(rows) > MOST_LINES:
            raise CountTooLarge(most=MOST_LINES, lines=len(rows))
        if rows:
            scope = {"bins": drawn, "of": sorted(codes), "seed_given_by": by.name if seed else None}
            return await _enter(store, depot, "surprise", rows, scope, by=by, seed=drawn_seed, remark=remark)
    raise NothingDrawn(depot=depot)


@db.atomic
async def ask_recount(depot: str, part_number: str, *, by: Actor, pool: str = COMMON) -> CountView:
    """Have a part of a store counted again on the spot: a sheet for its keeper, or the open one that asks for it already.

    Raises:
        Unknown: no such store, part or pool.
        NotYourDepot: the actor's scope does not include the store.
        NotYourPool: the actor stands for contracts whose calls that pool does not answer.

    """
    by.require("recounts.ask")
    by.require_depot(depot)
    await pools.require_of_contracts(pool, by=by)
    return await recount(depot, part_number, by=by, pool=pool, due_at=clock.now() + ASKED_WITHIN)


@db.atomic
async def recount(
    depot: str,
    part_number: str,
    *,
    by: Actor,
    due_at: datetime,
    pool: str | None = None,
    bin_code: str | None = None,
    remark: str = "",
) -> CountView:
    """Have a part counted again on behalf of another verb that has checked the actor's rights; of every pool, or of one.

    Raises:
        Unknown: no such store, part, pool or bin.

    """
    store, part = await places.find_store(depot), await parts.find(part_number)
    in_bins = None if bin_code is None else [await bins.find(store.id, bin_code)]
    rows = await _to_recount(store.id, part.id, in_bins, pool)
    if not rows and (asking := await _asking(store.id, part.id, pool)):
        return await count(asking)
    scope = {"part": part.part_number, "bin": bin_code}
    return await _enter(store.id, depot, "recount", rows, scope, by=by, seed=None, remark=remark, due_at=due_at)


async def _to_recount(
    store: int, part: int | None, in_bins: list[int] | None, pool: str | None = None
) -> list[tuple[Any, ...]]:
    """What is to be counted again: what nobody is about to count, and what was counted but is not posted yet.

    Of a part it is also the nothing that the books say is there; nothing at all where an open sheet asks for the part
    (of the pool, where one is named).
    """
    of_pool = None if pool is None else await pools.find(pool)
    rows = await _lying(store, None if part is None else [part], in_bins, of_pool, once_counted=True)
    if rows or part is None or await _asking(store, part, pool):
        return rows
    return [await _nothing_of(part, pool or COMMON)]


async def _asking(store: int, part: int, pool: str | None) -> UUID | None:
    """The newest sheet of a store that asks for a part, of a pool where one is named, and is being counted."""
    return await db.fetch_value(
        """SELECT count_sheet.id FROM count_sheet
           JOIN count_line ON count_line.sheet = count_sheet.id AND count_line.listed AND count_line.part = $2
           JOIN pool ON pool.id = count_line.pool AND ($3::text IS NULL OR pool.code = $3)
           WHERE count_sheet.place = $1 AND count_sheet.state = 'counting'
           ORDER BY count_sheet.id DESC LIMIT 1""",
        store,
        part,
        pool,
    )


async def _bins_of(store: int) -> list[db.Row]:
    return await db.fetch("SELECT id, code FROM bin WHERE place = $1 ORDER BY code", store)


async def _part_ids(numbers: Sequence[str]) -> list[int]:
    rows = await db.fetch("SELECT id FROM part WHERE part_number = ANY($1)", list(numbers))
    return [row["id"] for row in rows]


async def _lying(
    store: int,
    of_parts: list[int] | None,
    in_bins: list[int] | None,
    of_pool: int | None = None,
    *,
    once_counted: bool = False,
) -> list[tuple[Any, ...]]:
    """What lies in a store by the books, as lines without quantities; not what an open sheet asks for.

    With `once_counted` also what an open sheet has counted already: a recount is to take its place.
    """
    rows = await db.fetch(
        """SELECT there.bin, there.part, there.condition, there.owner, there.pool
           FROM (SELECT bin, part, condition, owner, pool FROM unit WHERE place = $1
                 UNION
                 SELECT bin, part, condition, owner, pool FROM lot_stock WHERE place = $1 AND quantity > 0) AS there
           WHERE ($2::int[] IS NULL OR there.part = ANY($2)) AND ($3::int[] IS NULL OR there.bin = ANY($3))
             AND ($4::int IS NULL OR there.pool = $4)
             AND NOT EXISTS (
                 SELECT FROM count_sheet JOIN count_line ON count_line.sheet = count_sheet.id AND count_line.listed
                 WHERE count_sheet.place = $1 AND (count_sheet.state = 'counting' OR count_sheet.state = 'counted' AND NOT $6)
                   AND count_line.part = there.part AND count_line.bin IS NOT DISTINCT FROM there.bin)
           LIMIT $5""",
        store,
        of_parts,
        in_bins,
        of_pool,
        MOST_LINES + 1,
        once_counted,
    )
    return [tuple(row) for row in rows]


async def _nothing_of(part: int, pool: str) -> tuple[Any, ...]:
    """The line of a part of which the books say that nothing is there."""
    return None, part, GOOD, await places.ourselves(), await pools.find(pool)


async def _enter(
    store: int,
    depot: str,
    kind: Kind,
    rows: Sequence[tuple[Any, ...]],
    scope: dict[str, Any],
    *,
    by: Actor,
    seed: str | None,
    remark: str,
    due_at: datetime | None = None,
) -> CountView:
    now = clock.now()
    due_at = due_at or now + timedelta(hours=(await policy.in_force()).policy.hours_to_count)
    number = await next_number("CT")
    sheet = await db.fetch_value(
        """INSERT INTO count_sheet (number, place, kind, state, seed, scope, created_at, created_by, due_at, remark)
           VALUES ($1, $2, $3, 'counting', $4, $5, $6, $7, $8, $9) RETURNING id""",
        number,
        store,
        kind,
        seed,
        scope,
        now,
        by.name,
        due_at,
        remark,
    )
    await db.execute(
        """INSERT INTO count_line (sheet, bin, part, condition, owner, pool)
           SELECT $1, * FROM unnest($2::int[], $3::int[], $4::text[], $5::int[], $6::int[])""",
        sheet,
        *([row[column] for row in rows] for column in range(5)),
    )
    await steps.begin(COUNT_STEP, "count", number, owner_role="warehouse_keeper", depot=depot, due_at=due_at)
    view = await count(sheet)
    await events.emit("count.drawn_up", "count", number, view, depot=depot)
    return view


@db.atomic
async def draw_up_due(*, by: Actor) -> list[str]:
    """Draw up a cycle count for every depot that has parts due and no cycle count open; the numbers of the sheets."""
    depots = await db.fetch(
        """SELECT code FROM place
           WHERE kind = 'depot' AND out_of_service_at IS NULL AND NOT EXISTS (
               SELECT FROM count_sheet
               WHERE count_sheet.place = place.id AND kind = 'cycle' AND state IN ('counting', 'counted'))
           ORDER BY code"""
    )
    made: list[str] = []
    for depot in depots:
        try:
            async with db.savepoint():
                made.append((await draw_up(depot["code"], "cycle", by=by)).number)
        except NothingToCount:
            continue
    return made


@db.atomic
async def cancel(sheet: UUID, *, by: Actor, reason: str) -> CountView:
    """Call a count off; what was scanned is kept, nothing is posted.

    Raises:
        Unknown: no such count.
        WrongState: it is closed.
        ReasonMissing: no reason was given.

    """
    by.require("stock.count")
    if not reason.strip():
        raise ReasonMissing
    view = await count(sheet)
    by.require_depot(view.depot)
    await close(sheet, ("counting", "counted"), "cancelled", by=by)
    await steps.finish("count", view.number, by=by)
    await audit.record("count.cancelled", "count", view.number, by=by, reason=reason)
    return await count(sheet)


async def close(sheet: UUID, states: Sequence[str], becomes: State, *, by: Actor) -> None:
    """Move a sheet's state to a last one; losing the race is the refusal."""
    moved = await db.execute(
        "UPDATE count_sheet SET state = $3, closed_at = $4, closed_by = $5 WHERE id = $1 AND state = ANY($2)",
        sheet,
        list(states),
        becomes,
        clock.now(),
        by.name,
    )
    if not moved:
        raise await not_in(sheet, *states)


async def not_in(sheet: UUID, *states: str) -> Refused | Unknown:
    """The refusal for a sheet that is in none of the states that an act needs."""
    found = await db.fetch_one("SELECT number, state FROM count_sheet WHERE id = $1", sheet)
    if found is None:
        return Unknown(what="count", what_zh="盘点单", key=str(sheet))
    return WrongState(
        what="Count", what_zh="盘点单", key=found["number"], state=found["state"], needed=" / ".join(states)
    )


_VIEW = """SELECT count_sheet.id, number, place.code AS depot, count_sheet.kind, state, seed, scope, created_at,
                  created_by, due_at, counted_at, counted_by, closed_at, closed_by, remark,
                  (SELECT count(*) FROM count_line WHERE count_line.sheet = count_sheet.id)::int AS lines,
                  (SELECT count(DISTINCT line) FROM count_scan WHERE count_scan.sheet = count_sheet.id)::int
                  AS lines_counted
           FROM count_sheet JOIN place ON place.id = count_sheet.place"""


async def id_of(named: str) -> UUID:
    """The id of the count with a number, as its printed sheet carries it; an id stands for itself.

    Raises:
        Unknown: no such count.

    """
    try:
        return UUID(named)
    except ValueError:
        sheet = await db.fetch_value("SELECT id FROM count_sheet WHERE number = $1", named.strip().upper())
    if sheet is None:
        raise Unknown(what="count", what_zh="盘点单", key=named)
    return sheet


async def count(sheet: UUID, *, seen_by: Actor | None = None) -> CountView:
    """One count.

    Raises:
        Unknown: no such count in the reader's scope.

    """
    view = await db.read_one(
        CountView,
        f"{_VIEW} WHERE count_sheet.id = $1 AND ($2::text[] IS NULL OR place.code = ANY($2))",
        sheet,
        seen_by.depot_scope if seen_by else None,
    )
    if view is None:
        raise Unknown(what="count", what_zh="盘点单", key=str(sheet))
    return view


async def counts(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: str | None = None,
    depot: str | None = None,
    kind: str | None = None,
) -> list[CountView]:
    """Counts in the reader's stores, newest first."""
    return await db.read(
        CountView,
        f"""{_VIEW}
            WHERE ($1::uuid IS NULL OR count_sheet.id < $1) AND ($2::text IS NULL OR state = $2)
              AND ($3::text IS NULL OR place.code = $3) AND ($4::text IS NULL OR count_sheet.kind = $4)
              AND ($5::text[] IS NULL OR place.code = ANY($5))
            ORDER BY count_sheet.id DESC LIMIT $6""",
        after,
        state,
        depot,
        kind,
        seen_by.depot_scope,
        limit,
    )


async def bins_to_count(sheet: UUID) -> list[BinToCount]:
    """The bins of a sheet in the order they are walked, with those drawn by lot in which nothing should lie."""
    return await db.read(
        BinToCount,
        """SELECT code AS bin, sum(lines)::int AS lines, sum(lines_counted)::int AS lines_counted
           FROM (SELECT bin.code, count(*) AS lines,
                        count(*) FILTER (WHERE EXISTS (SELECT FROM count_scan WHERE count_scan.line = count_line.id))
                        AS lines_counted
                 FROM count_line LEFT JOIN bin ON bin.id = count_line.bin
                 WHERE count_line.sheet = $1 GROUP BY bin.code
                 UNION ALL
                 SELECT drawn.code, 0, 0
                 FROM count_sheet CROSS JOIN jsonb_array_elements_text(count_sheet.scope -> 'bins') AS drawn(code)
                 WHERE count_sheet.id = $1) AS each_bin
           GROUP BY code ORDER BY code NULLS FIRST""",
        sheet,
    )


async def printed(sheet: UUID, *, seen_by: Actor) -> PrintedCount:
    """A sheet for paper.

    Raises:
        Unknown: no such count in the reader's scope.

    """
    view = await count(sheet, seen_by=seen_by)
    store = await places.store(view.depot, seen_by=seen_by)
    rows = await db.read(
        SheetRow,
        """SELECT bin.code AS bin, part.part_number, part.name_zh, part.name_en, part.serialised, line.condition,
                  party.code AS owner, party.is_ourselves AS is_ours, pool.code AS pool
           FROM count_line AS line
           JOIN part ON part.id = line.part
           JOIN party ON party.id = line.owner
           JOIN pool ON pool.id = line.pool
           LEFT JOIN bin ON bin.id = line.bin
           WHERE line.sheet = $1 AND line.listed
           ORDER BY bin.code NULLS FIRST, part.part_number, line.condition, party.code, pool.code LIMIT $2""",
        sheet,
        MOST_LINES,
    )
    return PrintedCount(
        number=view.number,
        kind=view.kind,
        depot=view.depot,
        depot_zh=store.name_zh,
        depot_en=store.name_en,
        seed=view.seed,
        created_at=view.created_at,
        created_by=view.created_by,
        due_at=view.due_at,
        rows=rows,
    )
