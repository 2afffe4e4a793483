"""A computation that is watched: it tells how far it is, ends when nobody wants it, and never takes the watcher along."""

import os
import signal
from concurrent.futures.process import BrokenProcessPool

import pytest

from api.processes import NoLongerWanted, Told, compute_watched
from optimizer.errors import InvalidInput


def tells_and_answers(first: int, tell) -> int:
    tell("bound", 0.5, 0.1)
    tell("core", 0.001, 0.3)
    return first + 1


def never_ends(tell) -> None:
    tell(str(os.getpid()), 1.0, 0.0)
    while True:
        pass


def never_tells(_tell) -> None:
    while True:
        pass


def refuses(_tell) -> None:
    raise InvalidInput("$.depots", "no such id")


def dies(_tell) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def test_news_come_through_and_then_the_answer():
    heard = []

    async def watch(news: Told | None) -> bool:
        heard.append(news)
        return True

    assert await compute_watched(tells_and_answers, 41, watch=watch) == 42
    assert [news for news in heard if news] == [Told("bound", 0.5, 0.1), Told("core", 0.001, 0.3)]


async def test_what_nobody_wants_is_ended_though_it_never_would():
    pids = []

    async def watch(news: Told | None) -> bool:
        if news is not None:
            pids.append(int(news.step))
        return not pids

    with pytest.raises(NoLongerWanted):
        await compute_watched(never_ends, watch=watch)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


async def test_it_is_asked_after_though_it_says_nothing():
    asked = []

    async def watch(news: Told | None) -> bool:
        asked.append(news)
        return False

    with pytest.raises(NoLongerWanted):
        await compute_watched(never_tells, watch=watch)
    assert asked == [None]


async def unwatched(_news: Told | None) -> bool:
    return True


async def test_a_refusal_of_the_mathematics_comes_back_as_one():
    with pytest.raises(Exception, match=r"\$\.depots: no such id") as refusal:
        await compute_watched(refuses, watch=unwatched)
    assert type(refusal.value).__name__ == "OptimizerError"


async def test_a_killed_computation_is_told_of():
    with pytest.raises(BrokenProcessPool):
        await compute_watched(dies, watch=unwatched)
