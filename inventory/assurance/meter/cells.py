"""The meter's cells: judged anew where something they rest on changed, and only there.

Jobs call these verbs. Refreshing is done by one transaction at a time: each of them then writes what it read last, and
whatever was committed after it read has a job of its own behind it.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from inventory.assurance.meter.gathering import NEEDED, Facts, Key, facts
from inventory.assurance.meter.judging import Judgement, State, worst
from inventory.catalogue.substitutes import stood_in_for
from inventory.ground import clock, db, events, jobs
from inventory.stock.serving import ANSWERS, WAYS


class Cell(Struct, frozen=True, kw_only=True):
    """A cell as it is kept."""

    site: int
    contract: int
    part: int
    serving: int | None
    working: Judgement
    non_working: Judgement

    @property
    def state(self) -> State:
        """The worse of both hours: a promise is kept only if it is kept at night too."""
        return worst([self.working.state, self.non_working.state])


def cell_of(known: Facts) -> Cell:
    """What the facts of a cell come to."""
    return Cell(
        site=known.site,
        contract=known.contract,
        part=known.part,
        serving=known.serving,
        working=known.judged("working"),
        non_working=known.judged("non_working"),
    )


LEVELS = f"""
SELECT DISTINCT cover_cell.site, cover_cell.contract, cover_cell.part
FROM unnest($1::int[], $2::int[], $3::int[]) AS moved(part, place, pool)
JOIN pool ON pool.id = moved.pool
JOIN contract ON {ANSWERS}
JOIN LATERAL ({stood_in_for("ARRAY[moved.part]")}) AS needs ON true
JOIN LATERAL (SELECT DISTINCT site FROM ({WAYS}) AS ways WHERE place = moved.place) AS reached ON true
JOIN cover_cell ON cover_cell.part = needs.part AND cover_cell.site = reached.site
     AND cover_cell.contract = contract.id
"""
"""The cells that some levels (their parts, places and pools) can matter to."""


SCOPE = f"""(
    cardinality(scope.parts || scope.sites || scope.contracts || scope.places) = 0
    OR cell.part IN ({stood_in_for("scope.parts")})
    OR cell.site = ANY(scope.sites) OR cell.contract = ANY(scope.contracts)
    OR cell.site IN (SELECT site FROM ({WAYS}) AS ways WHERE place = ANY(scope.places))
)"""
"""Whether a change (`scope`) of parts, sites, contracts or stores can matter to a `cell`; always where it names none."""


_SCOPE = "(SELECT $1::int[] AS parts, $2::int[] AS sites, $3::int[] AS contracts, $4::int[] AS places) AS scope"
"""A change as a row."""


@db.atomic
async def judge_level(part: int, place: int, pool: int) -> int:
    """Judge what one level covers, after its free stock changed; how many cells changed."""
    await _alone()
    return await _write(await facts(LEVELS, [part], [place], [pool]))


@db.atomic
async def refresh(change: jobs.RefreshCover) -> int:
    """Find anew which cells there are in the scope of a change, and judge them; how many changed."""
    await _alone()
    scope = (change.parts, change.sites, change.contracts, change.places)
    gone = await db.execute(
        f"""DELETE FROM cover_cell AS cell USING {_SCOPE} WHERE {SCOPE} AND NOT EXISTS (
                SELECT FROM device JOIN model_part ON model_part.model = device.model AND model_part.critical
                WHERE device.site = cell.site AND device.contract = cell.contract AND model_part.part = cell.part
                  AND device.retired_on IS NULL)""",
        *scope,
    )
    needed = f"SELECT cell.* FROM ({NEEDED}) AS cell, {_SCOPE} WHERE {SCOPE}"
    return gone + await _write(await facts(needed, *scope))


@db.atomic
async def refresh_substitutes() -> int:
    """Judge what substitutes cover whose validity began or ended about today; how many cells changed."""
    rows = await db.fetch(
        """SELECT DISTINCT part FROM substitution
           WHERE valid_from BETWEEN $1::date - 2 AND $1 OR valid_to BETWEEN $1::date - 3 AND $1 ORDER BY part""",
        clock.today(),
    )
    return await refresh(jobs.RefreshCover(parts=[row["part"] for row in rows])) if rows else 0


async def _alone() -> None:
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('cover_cell'))")


class _Changed(Struct, frozen=True, kw_only=True):
    contract: str
    site: str
    part_number: str
    serving: str | None
    before: list[State]
    after: list[State]


async def _write(known: Sequence[Facts]) -> int:
    """Keep what some facts come to; tell of what was lost and restored."""
    changed = await db.read(
        _Changed,
        """WITH written AS (
               INSERT INTO cover_cell (site, contract, part, serving, working, non_working)
               SELECT site, contract, part, serving, working, non_working
               FROM jsonb_to_recordset($1) AS judged(site int, contract int, part int, serving int,
                    working jsonb, non_working jsonb)
               ON CONFLICT (part, site, contract) DO UPDATE
               SET serving = excluded.serving, working = excluded.working, non_working = excluded.non_working
               WHERE (cover_cell.serving, cover_cell.working, cover_cell.non_working)
                     IS DISTINCT FROM (excluded.serving, excluded.working, excluded.non_working)
               RETURNING new.site, new.contract, new.part, new.serving,
                   array_remove(ARRAY[old.working ->> 'state', old.non_working ->> 'state'], NULL) AS before,
                   ARRAY[new.working ->> 'state', new.non_working ->> 'state'] AS after
           )
           SELECT contract.code AS contract, site.code AS site, part.part_number, store.code AS serving, before, after
           FROM written
           JOIN contract ON contract.id = written.contract
           JOIN place AS site ON site.id = written.site
           JOIN part ON part.id = written.part
           LEFT JOIN place AS store ON store.id = written.serving
           ORDER BY contract.code, site.code, part.part_number""",
        [cell_of(each) for each in known],
    )
    await _tell(changed)
    return len(changed)


async def _tell(changed: Sequence[_Changed]) -> None:
    """One event per contract and site that lost cover, and one per such that has it back, naming the parts."""
    told: dict[tuple[str, str, str, str | None], list[str]] = {}
    for cell in changed:
        if not cell.before:
            continue  # a new cell had nothing to lose
        was_lost, is_lost = worst(cell.before) == "no", worst(cell.after) == "no"
        if was_lost != is_lost:
            kind = "cover.lost" if is_lost else "cover.restored"
            told.setdefault((kind, cell.contract, cell.site, cell.serving), []).append(cell.part_number)
    if told:
        await events.emit_many(
            [
                events.NewEvent(
                    kind=kind,
                    subject_kind="contract",
                    subject=contract,
                    payload={"contract": contract, "site": site, "depot": serving, "parts": parts},
                    depot=serving,
                    contract=contract,
                )
                for (kind, contract, site, serving), parts in told.items()
            ]
        )


class Difference(Struct, frozen=True):
    """A cell that does not say what is, and no job is about to judge."""

    what: str
    expected: str
    found: str


@db.atomic
async def differing(*, limit: int) -> list[Difference]:
    """Cells that differ from what judging everything from scratch comes to, but for those a job is still to judge.

    Nobody else writes cells meanwhile; so a change is either in what is read here, or its job is seen to be waiting.
    """
    await _alone()
    right = {each.key: cell_of(each) for each in await facts(NEEDED)}
    kept = {
        (cell.site, cell.contract, cell.part): cell
        for cell in await db.read(Cell, "SELECT site, contract, part, serving, working, non_working FROM cover_cell")
    }
    wrong = {key for key in right.keys() | kept.keys() if right.get(key) != kept.get(key)}
    for job in await _waiting() if wrong else ():
        wrong -= await _touched(job)
    shown = sorted(wrong)[:limit]
    rows = await db.fetch(
        """SELECT contract.code || ' @ ' || place.code || ' / ' || part.part_number AS what
           FROM unnest($1::int[], $2::int[], $3::int[]) WITH ORDINALITY AS cell(site, contract, part, number)
           JOIN contract ON contract.id = cell.contract JOIN place ON place.id = cell.site
           JOIN part ON part.id = cell.part ORDER BY number""",
        *([key[column] for key in shown] for column in range(3)),
    )
    return [
        Difference(row["what"], _told(right.get(key)), _told(kept.get(key)))
        for row, key in zip(rows, shown, strict=True)
    ]


def _told(cell: Cell | None) -> str:
    return "no cell" if cell is None else msgspec.json.encode((cell.serving, cell.working, cell.non_working)).decode()


async def _waiting() -> list[jobs.JudgeCover | jobs.RefreshCover]:
    """The meter's jobs that are still to run."""
    kinds = {jobs.name_of(kind): kind for kind in (jobs.JudgeCover, jobs.RefreshCover)}
    rows = await db.fetch(
        "SELECT DISTINCT entrypoint, payload FROM pgqueuer WHERE entrypoint = ANY($1) AND status IN ('queued', 'picked')",
        list(kinds),
    )
    return [msgspec.json.decode(row["payload"], type=kinds[row["entrypoint"]]) for row in rows]


async def _touched(job: jobs.JudgeCover | jobs.RefreshCover) -> set[Key]:
    """The cells that a job will judge."""
    if isinstance(job, jobs.JudgeCover):
        rows = await db.fetch(LEVELS, [job.part], [job.place], [job.pool])
    else:
        rows = await db.fetch(
            f"""SELECT cell.* FROM ({NEEDED} UNION SELECT site, contract, part FROM cover_cell) AS cell, {_SCOPE}
                WHERE {SCOPE}""",
            job.parts,
            job.sites,
            job.contracts,
            job.places,
        )
    return {(row["site"], row["contract"], row["part"]) for row in rows}
