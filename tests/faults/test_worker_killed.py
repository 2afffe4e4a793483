"""A worker that is killed between the movement and the case: after its restart the case opens, once."""

import asyncio
import signal
from pathlib import Path

from inventory.emergency import cases
from inventory.ground import db
from inventory.stock import reservations
from tests.integration.emergency.test_cases import live_cases, planned
from tests.integration.stock.test_reservations import level
from tests.services import end, start, working
from tests.world import AUDITOR, DRIVE, KEEPER


async def until(condition, seconds: float = 45) -> None:
    """Wait for something that another process does."""
    for _ in range(int(seconds * 10)):
        if await condition():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it did not happen")


async def picked() -> bool:
    return bool(await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE status = 'picked'"))


async def test_a_case_opens_once_though_the_worker_was_killed_with_the_job_in_its_hands(own_company, tmp_path: Path):
    await planned()
    await db.execute("DELETE FROM pgqueuer")
    # the row of the class's plan is locked, so that the worker stands still in the middle of its assessment
    held, release = asyncio.Event(), asyncio.Event()

    @db.atomic
    async def hold_the_assessment() -> None:
        await db.execute("LOCK TABLE assessment IN ACCESS EXCLUSIVE MODE")
        held.set()
        await release.wait()

    victim = start("work", dsn=own_company, state=tmp_path)
    try:
        blocker = asyncio.create_task(hold_the_assessment())
        await held.wait()
        await reservations.hold(DRIVE, "GZ", (await level(DRIVE, "GZ")).free, by=KEEPER)
        await until(picked)
        end(victim, signal.SIGKILL)
        release.set()
        await blocker
        assert await live_cases() == []
    finally:
        end(victim, signal.SIGKILL)

    with working(own_company, tmp_path):

        async def opened() -> bool:
            return bool(await live_cases())

        await until(opened)
        (case,) = await live_cases()

        async def proposed() -> bool:
            return (await cases.case_summary(case.id)).state != "open"

        await until(proposed)

    kinds = [entry.kind for entry in (await cases.case_view(case.id, seen_by=AUDITOR)).log]
    assert kinds.count("opened") == 1
    assert await db.fetch_value("SELECT count(*) FROM emergency_case") == 1


async def test_two_workers_open_one_case(own_company, tmp_path: Path):
    await planned()
    with working(own_company, tmp_path), working(own_company, tmp_path):
        for _ in range((await level(DRIVE, "GZ")).free):
            await reservations.reserve(DRIVE, "GZ", 1, by=KEEPER)

        async def quiet() -> bool:
            # the order is asked for again and again: its vendor does not answer
            waiting = await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint <> 'place_order'")
            return bool(await live_cases()) and waiting == 0

        await until(quiet)

    assert await db.fetch_value("SELECT count(*) FROM emergency_case") == 1
    assert await db.fetch_value("SELECT count(*) FROM purchase_order WHERE state <> 'cancelled'") == 1
