"""Doing together what many ask for at once.

Whoever asks while others are being served waits for them, and the next go serves all who wait, with one statement or
transaction. Nobody waits for company: who comes alone is served at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from typing import Any

from inventory.ground import db


class Together[Ask, Answer]:
    """One kind of thing to ask for; `serve` answers every ask, in their order.

    A go begins after everybody in it has asked, so that what it reads is never older than the question. Those who wait in
    one lane wait for nobody in another. In a transaction one is served by oneself, as part of it.
    """

    def __init__(self, serve: Callable[[Sequence[Ask]], Awaitable[Sequence[Answer]]], *, most: int = 100) -> None:
        self._serve = serve
        self._most = most
        self._lanes: dict[Hashable, list[tuple[Ask, asyncio.Future[Answer]]]] = {}
        self._goes = set[asyncio.Task[None]]()

    async def ask(self, ask: Ask, lane: Hashable = None) -> Answer:
        """Ask, along with whoever does so at the same time.

        Raises:
            Exception: what `serve` raises; it fails for everybody who was in the same go.

        """
        if db.in_transaction():
            return (await self._serve([ask]))[0]
        answer = asyncio.get_running_loop().create_future()
        if lane in self._lanes:
            self._lanes[lane].append((ask, answer))
        else:
            self._lanes[lane] = [(ask, answer)]
            # in a context of its own: what is done for all belongs to nobody's request
            goes = asyncio.create_task(self._go_on(lane), context=Context())
            self._goes.add(goes)
            goes.add_done_callback(self._goes.discard)
        return await answer

    async def _go_on(self, lane: Hashable) -> None:
        """Serve a lane until nobody waits in it."""
        try:
            while waiting := self._lanes[lane]:
                now, self._lanes[lane] = waiting[: self._most], waiting[self._most :]
                await self._go(now)
        finally:
            _call_off(self._lanes.pop(lane))

    async def _go(self, waiting: Sequence[tuple[Ask, asyncio.Future[Answer]]]) -> None:
        # who was called off meanwhile asks for nothing any more
        now = [(ask, answer) for ask, answer in waiting if not answer.done()]
        try:
            served = await self._serve([ask for ask, _ in now]) if now else []
            for (_, answer), given in zip(now, served, strict=True):
                if not answer.done():
                    answer.set_result(given)
        except Exception as error:  # noqa: BLE001  told to whom it concerns
            for _, answer in now:
                if not answer.done():
                    answer.set_exception(error)
        finally:
            _call_off(now)


def _call_off(waiting: Sequence[tuple[object, asyncio.Future[Any]]]) -> None:
    """Let nobody wait for what will not come: the service is ending."""
    for _, answer in waiting:
        answer.cancel()
