"""Fixtures: a real PostgreSQL for the session, a database of one's own, and the world every test starts from."""

import functools
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, settings
from litestar import Litestar

from api.app import create_app
from api.embedded import SERVICE, EmbeddedPostgres
from api.settings import Settings
from inventory.ground import db
from inventory.migrate import migrate
from inventory.people import persons
from tests import world
from tests.calls import Api

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("nightly", parent=settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


COMPILED = {
    "test_lines", "test_pairs", "test_clusters", "test_simulation", "test_replay", "test_part_planner",
    "test_emergency_brute_force",
}  # fmt: skip
"""Modules that need the compiled passes: one process compiles them, and keeps them for the others."""


LONG = {"test_run"}
"""Modules of one long test each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run all of what has to be compiled first, and begin with what takes long: nobody waits for it then."""
    for item in items:
        if item.path.stem in COMPILED:
            item.add_marker(pytest.mark.xdist_group("compiled"))
    items.sort(key=lambda item: item.path.stem not in COMPILED | LONG)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One embedded server for this test process, in a folder that its own user can reach."""
    with tempfile.TemporaryDirectory(prefix="beijian-test-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder), durable=False) as server:
            yield server


@pytest.fixture(scope="session")
async def template(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated database with the test company in it, to be copied."""
    await run_as_superuser(postgres, "CREATE DATABASE template_company OWNER beijian")
    dsn = postgres.dsn("template_company")
    await migrate(dsn, service=SERVICE)
    async with db.connected(dsn):
        await world.build()
    return "template_company"


@pytest.fixture(scope="session")
async def shared_database(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    """One copy of the company for all tests that roll back."""
    await run_as_superuser(postgres, f"CREATE DATABASE shared TEMPLATE {template} OWNER beijian")
    dsn = postgres.dsn("shared", SERVICE)  # what a test does, the service's own role must be allowed to
    async with db.connected(dsn):
        yield dsn


PASSWORD = "a-long-enough-word"


@pytest.fixture(scope="session")
async def password_hash() -> str:
    """One hash for everybody: computing it takes a while, by design."""
    return await persons.hashed(PASSWORD)


@pytest.fixture
async def company(shared_database: str) -> AsyncIterator[str]:
    """The company inside a transaction that is rolled back: nothing a test does outlives it."""
    async with db.engine.transaction() as transaction:
        yield shared_database
        await transaction.rollback()


@pytest.fixture
async def own_company(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    """A copy of the company of one's own, with a pool, for tests that must commit."""
    name = f"own_{uuid4().hex[:12]}"
    await run_as_superuser(postgres, f"CREATE DATABASE {name} TEMPLATE {template} OWNER beijian")
    dsn = postgres.dsn(name)
    shared_pool, shared_config = db.engine.pool, db.engine.config
    db.engine.pool = None
    async with db.connected(dsn, pool_size=20):
        yield dsn
    db.engine.pool, db.engine.config = shared_pool, shared_config
    await run_as_superuser(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def run_as_superuser(postgres: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(postgres.dsn("postgres", "postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


SECRET = "0" * 64


def settings_for(dsn: str) -> Settings:
    """Settings of an application under test; the pool is the fixture's, so the application opens none."""
    return Settings(database_url=dsn, secret=SECRET, log_format="quiet", allow_private_vendors=True)


@functools.cache
def the_application() -> Litestar:
    """The application, put together once: it speaks to whichever database this process is connected to."""
    return create_app(settings_for("postgresql://unused"), own_pool=False)


@pytest.fixture(scope="session")
def application() -> Litestar:
    """The application over the database of the test."""
    return the_application()


@pytest.fixture
async def api(company: str, application: Litestar) -> AsyncIterator[Api]:
    """A caller of the API inside the test's own transaction."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test") as client:
        yield Api(client)


@pytest.fixture
async def caller(application: Litestar) -> AsyncIterator[Callable[[str], Awaitable[Api]]]:
    """Makes callers of the application over a database of the test's own."""
    clients: list[httpx.AsyncClient] = []

    async def make(dsn: str) -> Api:
        clients.append(
            httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test", timeout=60)
        )
        return Api(clients[-1])

    yield make
    for client in clients:
        await client.aclose()
