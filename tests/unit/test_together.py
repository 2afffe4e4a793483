"""Doing together what many ask for at once: who comes meanwhile waits for the next go, and everybody gets his own answer."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from inventory.ground.together import Together

whose: ContextVar[str] = ContextVar("whose", default="nobody's")


class Counter:
    """Serves by doubling, one go at a time, and only when it is let."""

    def __init__(self, *, most: int = 100) -> None:
        self.goes: list[list[int]] = []
        self.contexts: list[str] = []
        self.begun, self.begun_twice, self.let = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.together = Together(self.serve, most=most)

    async def serve(self, asks: Sequence[int]) -> list[int]:
        self.goes.append(list(asks))
        self.contexts.append(whose.get())
        (self.begun_twice if self.begun.is_set() else self.begun).set()
        await self.let.wait()
        if 13 in asks:
            raise ValueError("thirteen")
        return [ask * 2 for ask in asks]

    async def while_one_is_served(self, *asks: int, lane: str | None = None) -> list[asyncio.Task[int]]:
        """Let one be served, and some ask meanwhile."""
        first = asyncio.create_task(self.together.ask(0, lane))
        await self.begun.wait()
        rest = [asyncio.create_task(self.together.ask(ask, lane)) for ask in asks]
        await asyncio.sleep(0)  # each has asked
        return [first, *rest]


async def test_who_comes_alone_is_served_at_once():
    counter = Counter()
    counter.let.set()

    assert await counter.together.ask(4) == 8
    assert await counter.together.ask(5) == 10
    assert counter.goes == [[4], [5]]


async def test_those_who_come_while_another_is_served_go_together_and_each_gets_his_own_answer():
    counter = Counter()
    tasks = await counter.while_one_is_served(1, 2, 3)

    counter.let.set()

    assert await asyncio.gather(*tasks) == [0, 2, 4, 6]
    assert counter.goes == [[0], [1, 2, 3]]  # what is served was asked before the go began, never after


async def test_a_go_has_its_bounds():
    counter = Counter(most=2)
    tasks = await counter.while_one_is_served(1, 2, 3)

    counter.let.set()

    assert await asyncio.gather(*tasks) == [0, 2, 4, 6]
    assert counter.goes == [[0], [1, 2], [3]]


async def test_a_failure_is_told_to_those_in_its_go_only():
    counter = Counter(most=2)
    tasks = await counter.while_one_is_served(1, 13, 3)

    counter.let.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert (answers[0], answers[3]) == (0, 6)
    assert [str(answer) for answer in answers[1:3]] == ["thirteen", "thirteen"]
    assert await counter.together.ask(5) == 10


async def test_who_is_called_off_while_waiting_is_not_served():
    counter = Counter()
    tasks = await counter.while_one_is_served(1, 2)

    tasks[1].cancel()
    counter.let.set()

    assert [await tasks[0], await tasks[2]] == [0, 4]
    assert counter.goes == [[0], [2]]


async def test_who_is_called_off_while_being_served_harms_nobody():
    counter = Counter()
    tasks = await counter.while_one_is_served(1)

    tasks[0].cancel()
    await asyncio.wait([tasks[0]])
    counter.let.set()

    assert tasks[0].cancelled()
    assert await tasks[1] == 2


async def test_lanes_do_not_wait_for_each_other():
    counter = Counter()
    await counter.while_one_is_served(lane="slow")

    other = asyncio.create_task(counter.together.ask(7, "other"))
    await counter.begun_twice.wait()
    counter.let.set()

    assert await other == 14
    assert counter.goes == [[0], [7]]


async def test_what_is_done_for_all_belongs_to_nobodys_request():
    counter = Counter()
    counter.let.set()
    token = whose.set("mine")

    await counter.together.ask(1)
    whose.reset(token)

    assert counter.contexts == ["nobody's"]


async def test_an_answer_short_is_an_error_and_not_somebody_elses():
    async def serve(asks: Sequence[int]) -> list[int]:
        return list(asks)[1:]

    with pytest.raises(ValueError, match="shorter"):
        await Together(serve).ask(1)
