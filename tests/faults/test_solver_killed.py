"""A solver process that is killed takes one attempt with it, not the worker."""

import os
from concurrent.futures.process import BrokenProcessPool

import pytest

from api.worker import Work, in_process
from tests.conftest import settings_for


async def test_a_killed_solver_is_replaced():
    work = Work(settings_for("postgresql://unused"))
    first = await in_process(work, os.getpid)

    with pytest.raises(BrokenProcessPool):
        await in_process(work, os.kill, first, 9)

    assert await in_process(work, os.getpid) != first
    work.processes.shutdown()
