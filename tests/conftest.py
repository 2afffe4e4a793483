"""Fixtures: a real PostgreSQL for the session, a database of one's own, and the world every test starts from."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from api.embedded import EmbeddedPostgres
from inventory.ground import db
from inventory.migrate import migrate
from tests import world

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("nightly", parent=settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One embedded server for this test process."""
    folder = Path(os.environ.get("BEIJIAN_TEST_STATE", tmp_path_factory.mktemp("pg")))
    folder.parent.chmod(0o755)
    with EmbeddedPostgres(folder, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
async def template(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated database with the test company in it, to be copied."""
    await _run_as_superuser(postgres, "CREATE DATABASE template_company OWNER beijian")
    dsn = postgres.dsn("template_company")
    await migrate(dsn)
    async with db.connected(dsn):
        await world.build()
    return "template_company"


@pytest.fixture(scope="session")
async def shared_database(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    """One copy of the company for all tests that roll back."""
    await _run_as_superuser(postgres, f"CREATE DATABASE shared TEMPLATE {template} OWNER beijian")
    dsn = postgres.dsn("shared")
    async with db.connected(dsn):
        yield dsn


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
    await _run_as_superuser(postgres, f"CREATE DATABASE {name} TEMPLATE {template} OWNER beijian")
    dsn = postgres.dsn(name)
    shared_pool, shared_config = db.engine.pool, db.engine.config
    db.engine.pool = None
    async with db.connected(dsn, pool_size=20):
        yield dsn
    db.engine.pool, db.engine.config = shared_pool, shared_config
    await _run_as_superuser(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def _run_as_superuser(postgres: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(postgres.dsn("postgres", "postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
