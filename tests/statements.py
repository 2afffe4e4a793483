"""Counting what a block sends to the database, as the driver itself tells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inventory.ground import db


@asynccontextmanager
async def counted() -> AsyncIterator[list[str]]:
    """The statements that the block sends over the open transaction's connection."""
    sent: list[str] = []
    async with db.connection() as connection:

        def told(record) -> None:
            sent.append(record.query)

        connection.add_query_logger(told)
        try:
            yield sent
            await asyncio.sleep(0)  # the driver tells on the loop's next turn
        finally:
            connection.remove_query_logger(told)
