"""A company to measure on: the tests' small one, in a durable database of its own, with services around it."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.embedded import EmbeddedPostgres
from inventory.ground import db
from inventory.migrate import migrate
from inventory.people import keys
from tests import world
from tests.services import end, free_port, start, wait_until_ready


@dataclass
class Running:
    """A running service."""

    url: str
    dsn: str
    postgres: EmbeddedPostgres


@contextmanager
def running(*, worker: bool = True) -> Generator[Running]:
    """The small company served by a real server, with a worker if wanted."""
    with tempfile.TemporaryDirectory(prefix="beijian-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "pg") as postgres:
            dsn = postgres.dsn()
            asyncio.run(_fill(dsn))
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


async def _fill(dsn: str) -> None:
    await migrate(dsn)
    async with db.connected(dsn):
        await world.build()


@asynccontextmanager
async def beside(service: Running) -> AsyncGenerator[None]:
    """The database beside the service."""
    async with db.connected(service.dsn, pool_size=4):
        yield


async def key(role: str) -> str:
    """A key of a role."""
    return (await keys.make_key(keys.NewKey(name=f"bench {role}", role=role), by=world.SETUP)).secret or ""
