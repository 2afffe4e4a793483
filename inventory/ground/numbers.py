"""Document numbers: short, spoken over the phone, never used twice."""

from inventory.ground import clock, db


async def next_number(prefix: str) -> str:
    """The next number of a kind of document: PO-26-000123."""
    count = await db.fetch_value("SELECT nextval('document_number')")
    return f"{prefix}-{clock.now():%y}-{count:06d}"
