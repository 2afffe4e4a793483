"""Companies to measure on, each in a durable database of its own, with services around it."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.embedded import EmbeddedPostgres
from inventory.ground import db
from inventory.migrate import migrate
from inventory.people import keys
from inventory.places import register as places
from tests import world
from tests.services import end, free_port, start, wait_until_ready

PARTS, STORES = 50_000, 20
"""The large company: a level for every part in every store."""


@dataclass
class Running:
    """A running service."""

    url: str
    dsn: str
    postgres: EmbeddedPostgres

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])


@contextmanager
def running(*, fill: Callable[[], Awaitable[None]] = world.build, worker: bool = True) -> Generator[Running]:
    """A company (the tests' small one, if nothing else is said) served by a real server, with a worker if wanted."""
    with tempfile.TemporaryDirectory(prefix="beijian-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "pg") as postgres:
            dsn = postgres.dsn()
            asyncio.run(_fill(dsn, fill))
            port = free_port()
            programs = [start("serve", dsn=dsn, state=folder, port=port)]
            if worker:
                programs.append(start("work", dsn=dsn, state=folder))
            try:
                wait_until_ready(f"http://127.0.0.1:{port}", programs[0])
                yield Running(f"http://127.0.0.1:{port}", dsn, postgres)
            finally:
                for program in programs:
                    end(program)


async def _fill(dsn: str, fill: Callable[[], Awaitable[None]]) -> None:
    await migrate(dsn)
    async with db.connected(dsn):
        await fill()


async def large() -> None:
    """Besides the small company: `PARTS` parts named SPREAD-n, in `STORES` stores; the first of every four has the other
    three as substitutes.

    Every thousandth level is under its critical point. What leaves GZ leaves from lots.
    """
    await world.build()
    await places.enter_places(
        [
            places.NewPlace(code=f"D{n:02}", kind="depot", name_zh=f"备件库 {n}", name_en=f"Depot {n}")
            for n in range(1, STORES - 1)
        ],
        by=world.SETUP,
    )
    await _enter_parts()


@db.atomic
async def _enter_parts() -> None:
    await db.execute("SET LOCAL statement_timeout = 0")
    await db.execute(
        """INSERT INTO part (part_number, name_zh, name_en, kind, serialised, lithium, unit_cost_cny,
                             holding_rate_per_year, cost_source, active)
           SELECT 'SPREAD-' || n, '批量备件', 'part of many', 'fan', false, false, 1, 0.2, '', true
           FROM generate_series(1, $1::int) AS n""",
        PARTS,
    )
    await db.execute(
        """INSERT INTO level (part, place, condition, owner, pool, on_hand, base_stock, reorder_point, critical_point)
           SELECT part.id, place.id, 'good', party.id, pool.id,
                  CASE WHEN place.code = 'GZ' THEN 1000000 WHEN (part.id + place.id) % 1000 = 0 THEN 1 ELSE 10 END, 8, 5, 2
           FROM part, place, party, pool
           WHERE part_number LIKE 'SPREAD-%' AND place.kind = 'depot' AND is_ourselves AND pool.code = 'common'"""
    )
    await db.execute(
        """INSERT INTO lot (part, number, provenance, source, received_at)
           SELECT id, 'BENCH', 'unproven', '', now() FROM part WHERE part_number LIKE 'SPREAD-%'"""
    )
    await db.execute(
        """INSERT INTO lot_stock (lot, part, place, condition, owner, pool, quantity)
           SELECT lot.id, level.part, place, condition, owner, pool, on_hand
           FROM level
           JOIN lot ON lot.part = level.part AND lot.number = 'BENCH'
           JOIN place ON place.id = level.place AND place.code = 'GZ'"""
    )
    await db.execute(
        """INSERT INTO substitution (part, substitute, valid_from, kind)
           SELECT part.id, other.id, '2024-01-01', 'substitute'
           FROM part JOIN part AS other ON other.id BETWEEN part.id + 1 AND part.id + 3
           WHERE part.part_number LIKE 'SPREAD-%' AND other.part_number LIKE 'SPREAD-%'
             AND split_part(part.part_number, '-', 2)::int % 4 = 1"""
    )
    await db.execute("ANALYZE")


@asynccontextmanager
async def beside(service: Running) -> AsyncGenerator[None]:
    """The database beside the service."""
    async with db.connected(service.dsn, pool_size=4):
        yield


async def key(role: str) -> str:
    """A key of a role."""
    return (await keys.make_key(keys.NewKey(name=f"bench {role}", role=role), by=world.SETUP)).secret or ""
