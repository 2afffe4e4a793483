"""Checking a staged file in SQL, set by set: every statement looks at all rows at once and writes down what it finds."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.imports.columns import plain
from inventory.imports.kinds import Check, Key, Kind


class Finding(Struct, frozen=True, kw_only=True):
    """Something that is wrong with the file as a whole, or with its headings."""

    line: int
    code: str
    column: str | None = None
    value: str = ""
    facts: dict[str, object] = {}


class Counts(Struct, frozen=True, kw_only=True):
    """What a file would do."""

    rows: int
    wrong_rows: int
    new_rows: int
    changed_rows: int


def matched(kind: Kind, header: Sequence[str]) -> tuple[list[str | None], list[Finding]]:
    """Which column each heading means, and what is wrong with the headings.

    A heading that nobody knows, stands twice or is missing is a finding; an empty heading over an empty column is none.
    """
    by_heading = {heading: column.name for column in kind.columns for heading in column.headings()}
    meant = [by_heading.get(plain(words)) for words in header]
    if not any(meant):
        return [], [Finding(line=1, code="no_heading", value=", ".join(header)[:200])]
    findings: list[Finding] = []
    for place, (words, name) in enumerate(zip(header, meant, strict=True)):
        if name is None and words:
            findings.append(Finding(line=1, code="unknown_column", value=words))
        if name is not None and name in meant[:place]:
            findings.append(Finding(line=1, code="column_repeated", column=name, value=words))
    findings += [
        Finding(line=1, code="column_missing", column=column.name)
        for column in kind.columns
        if column.required and column.name not in meant
    ]
    return meant, findings


async def write_findings(data_import: UUID, findings: Sequence[Finding]) -> None:
    """Write down what is wrong with the file as a whole."""
    await db.execute_many(
        "INSERT INTO import_finding (data_import, line, column_name, value, code, facts) VALUES ($1, $2, $3, $4, $5, $6)",
        [(data_import, f.line, f.column, f.value[:200], f.code, f.facts) for f in findings],
    )


async def make_staging(kind: Kind) -> None:
    """Make the temporary table that takes the file's cells; it goes with the transaction."""
    columns = ", ".join(f"{column.name} text" for column in kind.columns)
    await db.execute(f"CREATE TEMP TABLE {kind.staged} (line integer NOT NULL, {columns}) ON COMMIT DROP")


async def check_cells(kind: Kind, data_import: UUID) -> None:
    """Find every cell that cannot be read."""
    cells = ", ".join(f"('{c.name}', staged.{c.name}, {c.fault})" for c in kind.columns)
    await db.execute(
        f"""INSERT INTO import_finding (data_import, line, column_name, value, code)
            SELECT $1, staged.line, cell.name, coalesce(left(cell.value, 200), ''), cell.fault
            FROM {kind.staged} AS staged CROSS JOIN LATERAL (VALUES {cells}) AS cell(name, value, fault)
            WHERE cell.fault IS NOT NULL""",
        data_import,
    )


async def read_rows(kind: Kind) -> None:
    """Read every row, with what it refers to, into the temporary table of the rows that may be written."""
    cells = ", ".join(f"{column.value} AS {column.name}" for column in kind.columns)
    old = "".join(f", {was} AS was_{name}" for name, was in kind.changes.items())
    changed = " OR ".join(
        f"(typed.{name} IS NOT NULL AND typed.{name} IS DISTINCT FROM {was})" for name, was in kind.changes.items()
    )
    await db.execute(
        f"""CREATE TEMP TABLE {kind.ready} ON COMMIT DROP AS
            SELECT typed.*, {kind.found}{old}, {changed or "false"} AS changed
            FROM (SELECT staged.line, {cells} FROM {kind.staged} AS staged) AS typed
            {kind.joins}"""
    )
    await db.execute(f"CREATE INDEX ON {kind.ready} (line)")
    await db.execute(f"ANALYZE {kind.ready}")


async def check_rows(kind: Kind, data_import: UUID, *, seen_by: Actor) -> None:
    """Find every row that refers to nothing, repeats another, or breaks a rule of its kind."""
    for check in kind.checks:
        await _check(kind, data_import, check, seen_by)
    for key in kind.keys:
        await _repetitions(kind, data_import, key)


async def _check(kind: Kind, data_import: UUID, check: Check, seen_by: Actor) -> None:
    await db.execute(
        f"""WITH scope AS (SELECT $2::text[] AS depots, $3::text[] AS contracts)
            INSERT INTO import_finding (data_import, line, column_name, value, code, facts)
            SELECT $1, r.line, '{check.column}', coalesce(left(r.{check.column}::text, 200), ''), '{check.code}', {check.facts}
            FROM {kind.ready} AS r CROSS JOIN scope
            WHERE {check.when}
              -- one reason for a cell is enough, and what it is itself comes before what it refers to
              AND NOT EXISTS (SELECT FROM import_finding AS told WHERE told.data_import = $1 AND told.line = r.line
                              AND told.column_name = '{check.column}' AND told.wrong)""",
        data_import,
        seen_by.depot_scope,
        seen_by.contract_scope,
    )


async def _repetitions(kind: Kind, data_import: UUID, key: Key) -> None:
    present = " AND ".join(f"{part} IS NOT NULL" for part in key.parts[-1:])
    await db.execute(
        f"""INSERT INTO import_finding (data_import, line, column_name, value, code, facts)
            SELECT $1, line, '{key.column}', left(value, 200), 'repeated', jsonb_build_object('line', first)
            FROM (SELECT r.line, r.{key.column}::text AS value, min(r.line) OVER (PARTITION BY {", ".join(key.parts)}) AS first
                  FROM {kind.ready} AS r WHERE {present} AND {key.where}) AS row
            WHERE line > first""",
        data_import,
    )


async def tell_changes(kind: Kind, data_import: UUID) -> None:
    """Write down what would change of the rows that are there already."""
    for name in kind.changes:
        await db.execute(
            f"""INSERT INTO import_finding (data_import, line, column_name, value, code, facts, wrong)
                SELECT $1, line, '{name}', left({name}::text, 200),
                       CASE WHEN coalesce(was_{name}::text, '') = '' THEN 'fills' ELSE 'changes' END,
                       jsonb_build_object('before', coalesce(left(was_{name}::text, 200), '')), false
                FROM {kind.ready}
                WHERE existing IS NOT NULL AND {name} IS NOT NULL AND {name} IS DISTINCT FROM was_{name}""",
            data_import,
        )


async def counts(kind: Kind, data_import: UUID) -> Counts:
    """How many rows there are, and what they would do."""
    existing = "existing IS NOT NULL" if kind.changes else "false"
    found = await db.read_one(
        Counts,
        f"""SELECT count(*) AS rows, count(*) FILTER (WHERE NOT {existing}) AS new_rows,
                   count(*) FILTER (WHERE {existing} AND changed) AS changed_rows,
                   (SELECT count(DISTINCT line) FROM import_finding WHERE data_import = $1 AND wrong) AS wrong_rows
            FROM {kind.ready}""",
        data_import,
    )
    return found or Counts(rows=0, wrong_rows=0, new_rows=0, changed_rows=0)
