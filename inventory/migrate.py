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


APPEND_ONLY = (
    *(
        "movement",
        "audit_entry",
        "case_entry",
        "force_majeure_entry",
        "maker_case_entry",
        "event",
        "stored_file",
        "reversal",
        "count_scan",
        "receipt_line",
    ),
    *("inspection", "ledger_seal", "escalation", "escalation_policy", "paper_policy", "count_policy"),
    *(
        "request_policy",
        "return_policy",
        "replenishment_policy",
        "quotation_line",
        "learning",
        "failure_factor",
        "missed_limit",
    ),
    *("order_message", "purchase_policy", "suspect_piece", "exchange_rate", "value_step"),
    *("invoice_line", "invoice_answer"),
    *("inquiry_line", "inquiry_vendor", "vendor_quote", "vendor_quote_line", "inquiry_choice"),
    *("swap_policy", "loan_extension", "fault_report_handover"),
)
"""What the service may add to and read, and nothing else; triggers say the same to everybody."""


async def migrate(dsn: str, *, service: str | None = None, ledger_from: date | None = None) -> None:
    """Run what migrations are missing, then make sure the ledger has its months.

    `service` is the role of the API and the worker, where that is not the role that owns the tables: it is given what it
    needs to work, which does not include changing a table, switching off a trigger, or rewriting what is append-only.

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
            if service is not None:
                await _grant(service)
        finally:
            await guard.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def make_role(dsn: str, name: str, password: str | None) -> None:
    """Make the service's role where there is none yet; one that is there keeps its password."""
    async with db.connected(dsn, pool_size=1, application="beijian migrate"):
        if await db.fetch_value("SELECT true FROM pg_roles WHERE rolname = $1", name):
            return
        words = "CREATE ROLE %I LOGIN" + (" PASSWORD %L" if password else "")
        values = [name, password] if password else [name]
        places = ", ".join(f"${place}::text" for place in range(2, len(values) + 2))
        await db.execute(await db.fetch_value(f"SELECT format($1, {places})", words, *values))


async def _grant(service: str) -> None:
    """Give the service's role its rights, on what the migrations made."""
    role = await db.fetch_value("SELECT quote_ident($1)", service)
    months = await db.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'movement'::regclass"
    )
    for statement in (
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE, MAINTAIN ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        f"REVOKE UPDATE, DELETE ON {', '.join(APPEND_ONLY)} FROM {role}",
        # the ledger is written to as a whole, never month by month
        *(f"REVOKE ALL ON {month['name']} FROM {role}" for month in months),
    ):
        await db.execute(statement)
