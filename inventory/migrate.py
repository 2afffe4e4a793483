"""Bringing the database up to date: migrations, one process at a time, and the ledger's months."""

from contextlib import redirect_stdout
from datetime import date
from io import StringIO

from piccolo.apps.migrations.commands.forwards import run_forwards

from inventory.ground import db
from inventory.stock.months import ensure_ledger_months

LOCK = 4_206_112_601
"""The advisory lock that two starters race for; the second finds nothing left to do."""


class MigrationError(RuntimeError):
    """A migration failed; the message carries what it printed."""


async def migrate(dsn: str, *, ledger_from: date | None = None) -> None:
    """Run what migrations are missing, then make sure the ledger has its months.

    Raises:
        MigrationError: a migration failed; it left nothing behind, since each runs in one transaction.

    """
    async with db.connected(dsn, pool_size=3, application="beijian migrate"), db.held_connection() as guard:
        await guard.execute("SET lock_timeout = 0; SET statement_timeout = 0")
        await guard.execute("SELECT pg_advisory_lock($1)", LOCK)
        try:
            printed = StringIO()
            with redirect_stdout(printed):
                try:
                    await run_forwards("all")
                except SystemExit as stop:
                    if stop.code:
                        raise MigrationError(printed.getvalue()) from None
            await ensure_ledger_months(ledger_from)
        finally:
            await guard.execute("SELECT pg_advisory_unlock($1)", LOCK)
