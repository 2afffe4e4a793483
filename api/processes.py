"""Processes that never outlive whoever started them."""

import asyncio
import ctypes
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

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
