"""Processes that never outlive whoever started them."""

import asyncio
import ctypes
import multiprocessing
import os
import resource
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any, NamedTuple, cast

from optimizer.errors import OptimizerError

_SET_PARENT_DEATH_SIGNAL = 1


def end_with_parent(how: signal.Signals = signal.SIGTERM) -> None:
    """In a child: be sent a signal when the thread that started us ends, however it ends.

    The kernel sees to it (`prctl`), so it holds for a parent that is killed too.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_PARENT_DEATH_SIGNAL, how, 0, 0, 0) != 0:
        os._exit(71)


def solver_process() -> ProcessPoolExecutor:
    """A process of its own to compute in, so that solving holds up nobody's event loop."""
    return ProcessPoolExecutor(
        max_workers=1, mp_context=multiprocessing.get_context("spawn"), initializer=_become_solver
    )


def _become_solver() -> None:
    """In a process that computes for another: Ctrl-C is the other's business, and its end is ours."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(signal.SIGKILL)


LOOK_SECONDS = 1.0
"""How often it is asked whether an answer is still wanted, where the computation says nothing."""


class NoLongerWanted(Exception):
    """Nobody waits for the answer any more; the computation was ended."""


class Told(NamedTuple):
    """How far a computation is: its step, the gap proven so far (if it proves one), and its share of the whole, 0 to 1."""

    step: str
    gap: float | None
    share: float


async def compute_watched[T](
    function: Callable[..., T], *arguments: object, watch: Callable[[Told | None], Awaitable[bool]]
) -> T:
    """What a function answers, computed by a process made for it, which tells how far it is and can be ended.

    The function is handed one argument more, to be called with the fields of `Told`. `watch` hears each news, and
    nothing every `LOOK_SECONDS` between them; once it says that the answer is not wanted, the process is killed,
    whatever it is doing.

    Raises:
        NoLongerWanted: `watch` said so.
        OptimizerError: the problem has no answer.
        BrokenProcessPool: the process was killed by somebody else, or ended in an error of its own, which it wrote to
            standard error.

    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell_and_answer, args=(theirs, function, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        while True:
            news = await asyncio.to_thread(_heard, ours)
            if isinstance(news, _Answer):
                return cast("T", news.value)
            if isinstance(news, _Refusal):
                raise OptimizerError(news.words)
            if not await watch(news):
                raise NoLongerWanted
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        ours.close()


class _Answer(NamedTuple):
    value: object


class _Refusal(NamedTuple):
    words: str


def _heard(ours: Any) -> Told | _Answer | _Refusal | None:
    """The next news of a computation; None where there is none for a while."""
    try:
        return ours.recv() if ours.poll(LOOK_SECONDS) else None
    except (EOFError, OSError) as end:
        raise BrokenProcessPool("the computing process ended without an answer") from end


def _tell_and_answer(theirs: Any, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
    """In a process that computes for another: tell how far it is, and in the end the answer or why there is none."""
    _become_solver()

    def tell(step: str, gap: float | None, share: float) -> None:
        theirs.send(Told(step, gap, share))

    try:
        theirs.send(_Answer(function(*arguments, tell)))
    except OptimizerError as refusal:
        theirs.send(_Refusal(str(refusal)))


UNTRUSTED_MEMORY = 2 << 30
UNTRUSTED_SECONDS = 120


async def compute_alone[T](function: Callable[..., T], *arguments: object) -> T:
    """What a function answers, computed by a process that is made for it and bounded in memory and time.

    Raises:
        BrokenProcessPool: it took too much of either.

    """
    with ProcessPoolExecutor(
        max_workers=1, mp_context=multiprocessing.get_context("spawn"), initializer=_become_bounded
    ) as process:
        return await asyncio.get_running_loop().run_in_executor(process, partial(function, *arguments))


def _become_bounded() -> None:
    """In a process that opens what strangers sent: whatever is in it, only this process suffers."""
    _become_solver()
    resource.setrlimit(resource.RLIMIT_AS, (UNTRUSTED_MEMORY, UNTRUSTED_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (UNTRUSTED_SECONDS, UNTRUSTED_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
