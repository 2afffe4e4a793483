"""Imports: a table is uploaded, checked whole, and on demand brought in whole, in one transaction, or not at all."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.ground import audit, clock, db, files, jobs, progress
from inventory.ground.actor import Actor
from inventory.ground.errors import InventoryError, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.imports import checking
from inventory.imports.checking import Counts, Finding
from inventory.imports.devices import DEVICES
from inventory.imports.kinds import Kind, KindName, Piece
from inventory.imports.offers import OFFERS
from inventory.imports.parts import PARTS
from inventory.imports.rates import RATES
from inventory.imports.reasons import sentence
from inventory.imports.stock import STOCK
from inventory.imports.units import UNITS
from inventory.imports.vendors import VENDORS

KINDS: dict[KindName, Kind] = {kind.name: kind for kind in (PARTS, STOCK, UNITS, DEVICES, VENDORS, OFFERS, RATES)}
"""Everything that can be imported."""

TABLES = {files.PLAIN: "CSV", files.CSV: "CSV", files.EXCEL: "Excel (.xlsx)"}
"""The forms a table may come in."""

State = Literal["checking", "refused", "ready", "importing", "imported", "failed", "cancelled"]

MOST_LINES = 500_000

BATCH = 5_000
"""How many lines are read, and how many written, between two looks at whether the job is still wanted."""

READ_SHARE, CHECKED_SHARE = 40, 55
"""How far the job is, in percent, when the file is read and when it is checked."""


class Line(Struct, frozen=True):
    """A line of a table: its number in the file and its cells, NULL where they are empty."""

    number: int
    cells: Sequence[str | None]


class Reading(Protocol):
    """An opened table: its lines, the headings first, and how much of it was read."""

    def lines(self) -> Iterator[Line]:
        """The lines that are not empty."""
        ...

    def share(self) -> float:
        """How much was read, from 0 to 1."""
        ...


class ImportView(Struct, frozen=True, kw_only=True):
    """An import: what was found in its file and what became of it."""

    id: UUID
    number: str
    kind: KindName
    state: State
    file_name: str
    job: UUID | None
    rows: int
    wrong_rows: int
    new_rows: int
    changed_rows: int
    requested_at: datetime
    requested_by: str
    checked_at: datetime | None
    imported_at: datetime | None


class FindingView(Struct, frozen=True, kw_only=True):
    """A mistake in a cell, or (where not `wrong`) what would change by it."""

    id: int
    line: int
    column: str | None
    value: str
    code: str
    facts: dict[str, Any]
    wrong: bool

    def reason(self, kind: KindName, language: str) -> str:
        """What is said of it."""
        column = KINDS[kind].column(self.column)
        known = {
            "longest": 2000 if column and column.shape == "note" else 200,
            "least": column.least if column else None,
            "most": column.most if column else None,
            "most_lines": MOST_LINES,
            "choices": ("、" if language == "zh" else ", ").join(
                names[language == "zh"] for names in (column.choices if column else {}).values()
            ),
        }
        return sentence(self.code, language, {**known, **self.facts})

    def heading(self, kind: KindName, language: str) -> str:
        """What stands over its column."""
        column = KINDS[kind].column(self.column)
        return column.heading(language) if column else ""


class Upload(Struct, frozen=True, kw_only=True):
    """A file to be read for an import that is under way."""

    id: UUID
    job: UUID
    file_name: str
    media_type: str
    content: bytes


class _Stopped(Exception):
    """Somebody asked the job to stop."""


@db.atomic
async def upload(kind: KindName, name: str, content: bytes, *, by: Actor, most_bytes: int) -> ImportView:
    """Take a table and have it checked; nothing is brought in before somebody confirms it.

    Raises:
        NotGranted: the actor may not bring in such tables.
        FileEmpty, FileTooLarge, FileFormRefused: the file is not taken.

    """
    by.require(KINDS[kind].right)
    stored = await files.store(name, content, by=by, most_bytes=most_bytes, forms=TABLES)
    job = await progress.begin_job("check_import", by=by, stopping_right=KINDS[kind].right)
    data_import = await db.fetch_value(
        """INSERT INTO data_import (number, kind, state, stored_file, file_name, job, requested_as, requested_at, requested_by)
           VALUES ($1, $2, 'checking', $3, $4, $5, $6, $7, $8) RETURNING id""",
        await next_number("IM"),
        kind,
        stored.id,
        files.clean_name(name),
        job.id,
        msgspec.to_builtins(by),
        clock.now(),
        by.name,
    )
    await jobs.enqueue(jobs.RunImport(data_import))
    return await import_view(data_import, seen_by=by)


@db.atomic
async def confirm(data_import: UUID, *, by: Actor) -> ImportView:
    """Have a checked table brought in; it is checked once more, with the rights of whoever confirms.

    Raises:
        Unknown: no such import of the actor's.
        WrongState: it is not ready.

    """
    view = await import_view(data_import, seen_by=by)
    job = await progress.begin_job("run_import", by=by, stopping_right=KINDS[view.kind].right)
    moved = await db.execute(
        """UPDATE data_import SET state = 'importing', job = $2, requested_as = $3 WHERE id = $1 AND state = 'ready'""",
        data_import,
        job.id,
        msgspec.to_builtins(by),
    )
    if not moved:
        raise WrongState(what="Import", what_zh="导入", key=view.number, state=view.state, needed="ready")
    await jobs.enqueue(jobs.RunImport(data_import))
    return await import_view(data_import, seen_by=by)


async def upload_to_read(data_import: UUID) -> Upload | None:
    """The file of an import that waits to be checked or brought in; None where nothing is left to do."""
    return await db.read_one(
        Upload,
        """SELECT data_import.id, job, file_name, media_type, content FROM data_import
           JOIN stored_file ON stored_file.id = data_import.stored_file
           WHERE data_import.id = $1 AND state IN ('checking', 'importing')""",
        data_import,
    )


async def run(data_import: UUID, open_table: Callable[[], Reading]) -> None:
    """Check an import's file, and bring it in where that was confirmed; what came of it is written down.

    A file with a mistake in it changes nothing but the list of its mistakes.
    """
    row = await db.fetch_one("SELECT job, number FROM data_import WHERE id = $1", data_import)
    if row is None:
        return
    try:
        done = await _check_and_write(data_import, open_table)
    except _Stopped:
        await _end(data_import, row["job"], "cancelled")
    except InventoryError as refusal:
        await fail(data_import, refusal)
    else:
        await progress.finish_job(row["job"], "done", "", {"import": str(data_import), "state": done})


@db.atomic
async def fail(data_import: UUID, refusal: InventoryError) -> None:
    """Write down why a file could not be read or brought in."""
    told = Finding(line=0, code="refused", facts={"en": refusal.sentence("en"), "zh": refusal.sentence("zh")})
    await db.execute("DELETE FROM import_finding WHERE data_import = $1", data_import)
    await checking.write_findings(data_import, [told])
    job = await db.fetch_value("SELECT job FROM data_import WHERE id = $1", data_import)
    await _end(data_import, job, "failed", refusal.code)


@db.atomic
async def _end(data_import: UUID, job: UUID, state: Literal["failed", "cancelled"], message: str = "") -> None:
    await db.execute(
        "UPDATE data_import SET state = $2 WHERE id = $1 AND state IN ('checking', 'importing')", data_import, state
    )
    await progress.finish_job(job, state, message)


@db.atomic
async def _check_and_write(data_import: UUID, open_table: Callable[[], Reading]) -> State:
    """Check and write in one transaction, and say how it ended."""
    await db.execute("SELECT set_config(name, '0', true) FROM unnest($1::text[]) AS name", _PATIENCE)
    row = await db.fetch_one(
        """SELECT kind, state, job, number, file_name, requested_as FROM data_import
           WHERE id = $1 AND state IN ('checking', 'importing') FOR NO KEY UPDATE""",
        data_import,
    )
    if row is None:
        raise _Stopped
    kind, by = KINDS[row["kind"]], msgspec.convert(row["requested_as"], Actor)
    if row["state"] == "importing":
        # two imports of a kind wait for each other, so that the second one's check sees what the first one wrote
        await db.execute("SELECT pg_advisory_xact_lock(hashtext('data_import'), hashtext($1))", kind.name)
    counts = await _check(data_import, row["job"], kind, open_table(), by)
    state: State = "refused" if counts.wrong_rows else "ready"
    if state == "ready" and row["state"] == "importing":
        await _write(kind, row["job"], Piece(first=0, last=0, number=row["number"], file_name=row["file_name"], by=by))
        await audit.record(
            "import.done", "data_import", row["number"], by=by,
            change={"kind": kind.name, "new": counts.new_rows, "changed": counts.changed_rows},
        )  # fmt: skip
        state = "imported"
    await db.execute(
        """UPDATE data_import SET state = $2::text, rows = $3, wrong_rows = $4, new_rows = $5, changed_rows = $6,
                  checked_at = $7, imported_at = CASE WHEN $2::text = 'imported' THEN $7::timestamptz END
           WHERE id = $1""",
        data_import,
        state,
        counts.rows,
        counts.wrong_rows,
        counts.new_rows,
        counts.changed_rows,
        clock.now(),
    )
    return state


_PATIENCE = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
"""Limits that a long piece of work is free of; it holds no lock that others wait for before its last steps."""


async def _check(data_import: UUID, job: UUID, kind: Kind, table: Reading, by: Actor) -> Counts:
    """Read the file into its staging table and find what is wrong with it."""
    await db.execute("DELETE FROM import_finding WHERE data_import = $1", data_import)
    await checking.make_staging(kind)
    findings = await _read(data_import, job, kind, table)
    await checking.write_findings(data_import, findings)
    if any(finding.line <= 1 for finding in findings):
        await checking.read_rows(kind)
        return await checking.counts(kind, data_import)
    await _go_on(job, READ_SHARE, "checking the rows")
    await db.execute(f"ANALYZE {kind.staged}")
    await checking.check_cells(kind, data_import)
    await checking.read_rows(kind)
    await checking.check_rows(kind, data_import, seen_by=by)
    await checking.tell_changes(kind, data_import)
    await _go_on(job, CHECKED_SHARE, "checking the rows")
    return await checking.counts(kind, data_import)


async def _read(data_import: UUID, job: UUID, kind: Kind, table: Reading) -> list[Finding]:
    """Copy the file's lines to the staging table; what is wrong with the file as a whole."""
    await _go_on(job, 1, "reading the file")
    lines = table.lines()
    header = next(lines, None)
    if header is None:
        return [Finding(line=1, code="no_rows")]
    meant, findings = checking.matched(kind, [cell or "" for cell in header.cells])
    findings += await _imported_before(data_import, kind)
    if findings:
        return findings
    names = [name for name in meant if name]
    places = [place for place, name in enumerate(meant) if name]
    batch: list[tuple[object, ...]] = []
    count = 0
    for line in lines:
        cells = line.cells
        if any(cells[len(meant) :]):
            findings.append(Finding(line=line.number, code="too_many_cells"))
        batch.append((line.number, *(cells[place] if place < len(cells) else None for place in places)))
        if len(batch) == BATCH:
            await db.copy(kind.staged, ["line", *names], batch)
            count += len(batch)
            batch.clear()
            await _go_on(job, int(1 + (READ_SHARE - 2) * table.share()), "reading the file")
            if count >= MOST_LINES:
                return [Finding(line=1, code="too_many_lines")]
    await db.copy(kind.staged, ["line", *names], batch)
    return findings if count or batch else [Finding(line=1, code="no_rows")]


async def _imported_before(data_import: UUID, kind: Kind) -> list[Finding]:
    """Whether the same file was brought in before, where doing so again would do harm."""
    if not kind.once_only:
        return []
    number = await db.fetch_value(
        """SELECT other.number FROM data_import JOIN data_import AS other USING (stored_file, kind)
           WHERE data_import.id = $1 AND other.state = 'imported' LIMIT 1""",
        data_import,
    )
    return [Finding(line=1, code="imported_before", facts={"number": number})] if number else []


async def _write(kind: Kind, job: UUID, whole: Piece) -> None:
    """Write the rows piece by piece, all in the open transaction."""
    last = await db.fetch_value(f"SELECT max(line) FROM {kind.ready}")
    for first in range(0, last + 1, BATCH):
        await _go_on(job, int(CHECKED_SHARE + (95 - CHECKED_SHARE) * first / last), "writing")
        await kind.write(msgspec.structs.replace(whole, first=first, last=first + BATCH - 1))
    await _go_on(job, 95, "writing")
    await kind.close(msgspec.structs.replace(whole, first=0, last=last))


async def _go_on(job: UUID, share: int, message: str) -> None:
    """Say how far the job is, to those who watch it; stop where somebody asked for it."""
    async with db.apart():
        wanted = await progress.note_progress(job, share, message)
    if not wanted:
        raise _Stopped


_VIEW = """SELECT id, number, kind, state, file_name, job, rows, wrong_rows, new_rows, changed_rows, requested_at,
                  requested_by, checked_at, imported_at FROM data_import
           -- whose scope has bounds sees what they uploaded themselves: a file may name any store
           WHERE kind = ANY($1) AND ($2::text IS NULL OR requested_by = $2)"""


def _scope(seen_by: Actor) -> tuple[list[str], str | None]:
    bounded = seen_by.depots is not None or seen_by.contracts is not None
    return [kind.name for kind in KINDS.values() if seen_by.may(kind.right)], seen_by.name if bounded else None


async def imports(
    *, limit: int, seen_by: Actor, after: UUID | None = None, kind: KindName | None = None
) -> list[ImportView]:
    """Imports of the kinds the reader may bring in, newest first."""
    return await db.read(
        ImportView,
        f"""{_VIEW} AND ($3::uuid IS NULL OR id < $3) AND ($4::text IS NULL OR kind = $4)
            ORDER BY id DESC LIMIT $5""",
        *_scope(seen_by),
        after,
        kind,
        limit,
    )


async def import_view(data_import: UUID, *, seen_by: Actor) -> ImportView:
    """One import.

    Raises:
        Unknown: no such import that the reader may see.

    """
    found = await db.read_one(ImportView, f"{_VIEW} AND id = $3", *_scope(seen_by), data_import)
    if found is None:
        raise Unknown(what="import", what_zh="导入", key=str(data_import))
    return found


async def findings(
    data_import: UUID, *, limit: int, seen_by: Actor, after: tuple[int, int] | None = None, wrong: bool | None = None
) -> list[FindingView]:
    """What was found in an import's file, line by line.

    Raises:
        Unknown: no such import that the reader may see.

    """
    await import_view(data_import, seen_by=seen_by)
    after_line, after_id = after or (None, None)
    return await db.read(
        FindingView,
        """SELECT id, line, column_name AS column, value, code, facts, wrong FROM import_finding
           WHERE data_import = $1 AND ($2::integer IS NULL OR (line, id) > ($2, $3)) AND ($4::boolean IS NULL OR wrong = $4)
           ORDER BY line, id LIMIT $5""",
        data_import,
        after_line,
        after_id,
        wrong,
        limit,
    )
