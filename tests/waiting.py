"""Waiting for what another does: until it stands before a lock that this test holds."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

from inventory.ground import db


async def blocked[T](act: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Let somebody else act, in a transaction of his own, as far as the first lock that is held before him."""
    task = asyncio.create_task(act, context=Context())
    async with db.apart():
        while not task.done() and not await db.fetch_value(
            "SELECT true FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' LIMIT 1"
        ):
            pass  # the question itself lets the other go on
    return task
