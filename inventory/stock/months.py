"""The ledger's months: it is kept in one part per month, made ahead of time."""

from datetime import date, timedelta

from inventory.ground import clock, db

MONTHS_AHEAD = timedelta(days=92)


async def ensure_ledger_months(ledger_from: date | None = None) -> int:
    """Make the ledger's monthly partitions from a day (default: today) to three months ahead; how many."""
    today = clock.now().date()
    return await db.fetch_value(
        "SELECT ensure_ledger_months($1, $2)", ledger_from or today - timedelta(days=31), today + MONTHS_AHEAD
    )
