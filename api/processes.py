"""Processes that never outlive whoever started them."""

import ctypes
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor

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
