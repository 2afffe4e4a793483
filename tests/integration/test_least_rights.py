"""The service's role works with the tables, and can change none of them, nor what is append-only."""

from importlib import import_module

import asyncpg
import pytest

from api.embedded import SERVICE
from inventory.ground import clock, db
from inventory.migrate import APPEND_ONLY, make_role, migrate
from inventory.stock.months import ensure_ledger_months
from tests.conftest import run_as_superuser

FORBIDDEN = [
    "ALTER TABLE movement DISABLE TRIGGER append_only",
    "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "UPDATE movement SET reason = 'forged'",
    "DELETE FROM audit_entry",
    "UPDATE ledger_seal SET rows = 0",
    "TRUNCATE movement",
    "DROP TABLE ledger_seal",
    "CREATE TABLE mine (id integer)",
    "ALTER FUNCTION refuse_change() RENAME TO allow_change",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_service_cannot_tamper(shared_database, statement):
    connection = await asyncpg.connect(shared_database)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


async def test_the_service_cannot_write_into_a_month_of_the_ledger_by_itself(shared_database):
    connection = await asyncpg.connect(shared_database)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(f"DELETE FROM movement_{clock.now():%Y_%m}")
    await connection.close()


async def test_the_service_makes_the_ledgers_months_by_the_owners_function(company):
    made = await ensure_ledger_months(clock.now().date().replace(year=clock.now().year - 3))

    assert made > 20
    owners = await db.fetch("SELECT DISTINCT tableowner FROM pg_tables WHERE tablename LIKE 'movement_2%'")
    assert [row["tableowner"] for row in owners] == ["beijian"]


def test_what_triggers_guard_is_what_the_service_may_only_add_to():
    guards = import_module("inventory.migrations.inventory_2026_11_22t00_00_00_000000")

    assert set(APPEND_ONLY) == set(guards.GUARDED)


async def test_a_role_is_made_once_and_migrating_again_grants_again(postgres):
    await run_as_superuser(postgres, "CREATE DATABASE fresh OWNER beijian")
    await run_as_superuser(postgres, "ALTER ROLE beijian CREATEROLE")
    dsn, pool, config = postgres.dsn("fresh"), db.engine.pool, db.engine.config
    db.engine.pool = None
    try:
        for _ in range(2):
            await make_role(dsn, 'odd "name', "pass'word")
            await migrate(dsn, service='odd "name')
    finally:
        db.engine.pool, db.engine.config = pool, config
    connection = await asyncpg.connect(dsn)
    rights = await connection.fetchrow(
        """SELECT has_table_privilege($1, 'movement', 'INSERT') AS adds, has_table_privilege($1, 'movement', 'UPDATE') AS edits,
                  has_table_privilege($1, 'level', 'UPDATE') AS counts""",
        'odd "name',
    )
    await connection.close()
    await run_as_superuser(postgres, "DROP DATABASE fresh WITH (FORCE)")
    await run_as_superuser(postgres, 'DROP ROLE "odd ""name"')
    await run_as_superuser(postgres, "ALTER ROLE beijian NOCREATEROLE")

    assert tuple(rights) == (True, False, True)
    assert SERVICE == "beijian_service"
