"""Bringing in units from CSV against plain COPY and INSERT of the same rows, and the memory it takes."""

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from api.embedded import EmbeddedPostgres
from api.exchange import reading
from api.worker import Work, on_run_import
from bench.tables import Figures
from inventory.assurance.invariants import violations
from inventory.ground import clock, db, files, jobs
from inventory.imports import imports
from inventory.migrate import migrate
from tests import world
from tests.conftest import settings_for
from tests.world import ADMIN, DRIVE

ROWS = 100_000


def run() -> Figures:
    """Measure."""
    figures = Figures(
        "Imports",
        f"{ROWS:,} units with serial, tag, depot, condition, provenance and firmware from one CSV, each entering the "
        "ledger by a movement; one run each. The reference is what the same rows cost at least: COPY of the parsed file, then "
        "plain INSERTs of units, movements and levels, with nothing checked. Memory is what the worker took at its highest "
        "above what it took before.",
        ("what", "seconds", "ratio to plain", "peak memory above idle", "goal"),
    )
    told = subprocess.run([sys.executable, "-m", "bench.imports"], capture_output=True, text=True, check=True)
    plain, checked, brought_in, memory = (float(word) for word in told.stdout.split()[-4:])
    figures.rows += [
        ("plain COPY and INSERT", f"{plain:.1f}", "1.0", "–", ""),
        ("check, with the report", f"{checked:.1f}", f"{checked / plain:.2f}", "–", ""),
        (
            "bring in, checked once more",
            f"{brought_in:.1f}",
            f"{brought_in / plain:.2f}",
            f"{memory:.0f} MB",
            "≤ 2, ≤ 300 MB",
        ),
    ]
    return figures


def table() -> bytes:
    """The file."""
    lines = ["part_number,serial,depot,condition,provenance,tag,firmware"]
    lines += [
        f"{DRIVE},B{n:08},{'GZ' if n % 2 else 'SH'},{'good' if n % 7 else 'defective'},authorised_channel,T{n:08},SN0{n % 9}"
        for n in range(ROWS)
    ]
    return "\r\n".join(lines).encode()


async def measure_ours(dsn: str) -> tuple[float, float, float]:
    """Seconds to check, seconds to bring in, megabytes."""
    await world.build()
    before = _peak()
    run = await imports.upload("units", "units.csv", table(), by=ADMIN, most_bytes=100_000_000)
    checked = await _worked(run, dsn)
    await imports.confirm(run.id, by=ADMIN)
    brought_in = await _worked(run, dsn)
    assert (await imports.import_view(run.id, seen_by=ADMIN)).state == "imported"
    assert await violations() == []
    return checked, brought_in, _peak() - before


async def _worked(run: imports.ImportView, dsn: str) -> float:
    began = time.perf_counter()
    await on_run_import(jobs.RunImport(run.id), Work(settings_for(dsn)))
    return time.perf_counter() - began


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def _plainly(content: bytes) -> float:
    """The same rows with nothing checked, in one transaction."""
    began = time.perf_counter()
    async with reading.opened(files.CSV, content) as open_table, db.engine.transaction():
        await db.execute("SET LOCAL statement_timeout = 0")
        await db.execute(
            """CREATE TEMP TABLE plain (part text, serial text, depot text, condition text, provenance text, tag text,
               firmware text, unit uuid DEFAULT uuidv7()) ON COMMIT DROP"""
        )
        lines = open_table().lines()
        next(lines)
        columns = ("part", "serial", "depot", "condition", "provenance", "tag", "firmware")
        await db.copy("plain", columns, [line.cells for line in lines])
        await db.execute(
            """INSERT INTO unit (id, part, serial, maker, tag, condition, owner, pool, place, provenance, source, firmware,
                                 received_at)
               SELECT unit, part.id, serial, part.maker, tag, condition, party.id, pool.id, place.id, provenance, '', firmware,
                      $1
               FROM plain JOIN part ON part_number = plain.part JOIN place ON place.code = depot
               JOIN party ON is_ourselves JOIN pool ON pool.code = 'common'""",
            clock.now(),
        )
        await db.execute(
            """INSERT INTO movement (recorded_at, occurred_at, kind, part, quantity, unit, from_place, from_condition,
                                     from_owner, from_pool, to_place, to_condition, to_owner, to_pool, actor)
               SELECT $1, $1, 'opening', part, 1, id, (SELECT id FROM place WHERE code = 'ADJUSTMENT'), condition, owner, pool,
                      place, condition, owner, pool, 'bench' FROM unit WHERE serial LIKE 'B%'""",
            clock.now(),
        )
        await db.execute(
            """INSERT INTO level (part, place, condition, owner, pool, on_hand)
               SELECT part, place, condition, owner, pool, count(*) FROM unit WHERE serial LIKE 'B%' GROUP BY 1, 2, 3, 4, 5
               ON CONFLICT ON CONSTRAINT level_identity DO UPDATE SET on_hand = level.on_hand + excluded.on_hand"""
        )
    return time.perf_counter() - began


async def measure_plain(_: str) -> float:
    """Seconds for the same rows with nothing checked."""
    await world.build()
    return await _plainly(table())


def _reachable(name: str) -> Path:
    """A folder that the server's own user can reach."""
    folder = Path(name)
    folder.chmod(0o755)
    return folder


async def on_a_database_of_its_own[T](measure: Callable[[str], Awaitable[T]]) -> T:
    """What is measured on a new, durable database."""
    with tempfile.TemporaryDirectory(prefix="beijian-bench-") as name, EmbeddedPostgres(_reachable(name)) as postgres:
        await migrate(postgres.dsn())
        async with db.connected(postgres.dsn()):
            return await measure(postgres.dsn())


async def main() -> None:
    """Measure both ways and print the figures."""
    checked, brought_in, memory = await on_a_database_of_its_own(measure_ours)
    plain = await on_a_database_of_its_own(measure_plain)
    print(plain, checked, brought_in, memory)


if __name__ == "__main__":
    asyncio.run(main())
