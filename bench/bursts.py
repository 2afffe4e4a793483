"""From the movement or failure that causes it to the open case, over the public API with a worker beside it."""

import asyncio
import time
from datetime import timedelta
from uuid import uuid4

import httpx

from bench.company import Running, beside, key, running
from bench.tables import Figures, percentile
from inventory.emergency import cases, declaring
from inventory.emergency.policy import NewPolicy, put_in_force
from inventory.ground import db
from inventory.stock import receipts
from tests.world import DRIVE, FAN, PSU, SETUP

BURSTS = 200
LOAD_CLIENTS = 8
PATIENCE_SECONDS = 20


def run() -> Figures:
    """Measure."""
    figures = Figures(
        "Emergency: from cause to open case",
        f"{BURSTS} times each: the last reservation that takes the stock under its critical point (or the failure that "
        "completes a burst) is sent over HTTP; the clock runs from before the call until the case is committed. "
        f"Under load {LOAD_CLIENTS} clients reserve and release other parts without pause.",
        ("cause", "load", "p50 ms", "p99 ms", "slowest ms", "goal"),
    )
    with running() as service:
        for cause, measure in (("a reservation", _by_movement), ("a failure", _by_failure)):
            for load in (False, True):
                took = asyncio.run(_measure(service, measure, load=load))
                figures.rows.append(
                    (
                        cause,
                        f"{LOAD_CLIENTS} clients" if load else "none",
                        f"{percentile(took, 0.5) * 1000:.0f}",
                        f"{percentile(took, 0.99) * 1000:.0f}",
                        f"{max(took) * 1000:.0f}",
                        "p99 below 500",
                    )
                )
    return figures


async def _measure(service: Running, measure, *, load: bool) -> list[float]:
    async with beside(service), httpx.AsyncClient(base_url=f"{service.url}/api/v1", timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {await key('dispatcher')}"
        stop = asyncio.Event()
        clients = [asyncio.create_task(_load(client, stop)) for _ in range(LOAD_CLIENTS if load else 0)]
        try:
            return await measure(client)
        finally:
            stop.set()
            await asyncio.gather(*clients)


async def _load(client: httpx.AsyncClient, stop: asyncio.Event) -> None:
    while not stop.is_set():
        held = await client.post("/reservations", json={"part_number": PSU, "depot": "SH", "quantity": 1})
        if held.status_code == 201:
            await client.post(f"/reservations/{held.json()['id']}/void")


async def _case_of(part: str) -> bool:
    return await db.fetch_value(
        """SELECT EXISTS (SELECT FROM emergency_case JOIN part ON part.id = emergency_case.part
                          WHERE part_number = $1 AND state NOT IN ('closed', 'stood_down'))""",
        part,
    )


async def _until_open(part: str, since: float) -> float:
    while not await _case_of(part):
        if time.perf_counter() - since > PATIENCE_SECONDS:
            raise AssertionError(f"no case opened for {part}")
        await asyncio.sleep(0.002)
    return time.perf_counter() - since


async def _end_case(part: str) -> None:
    """Stand the case down, once whatever it set off has come to rest."""
    while await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE status IN ('queued', 'picked')"):
        await asyncio.sleep(0.005)
    case = await db.fetch_value(
        """SELECT emergency_case.id FROM emergency_case JOIN part ON part.id = emergency_case.part
           WHERE part_number = $1 AND state NOT IN ('closed', 'stood_down')""",
        part,
    )
    await cases.stand_down(case, by=SETUP, reason="measured")


async def _by_movement(client: httpx.AsyncClient) -> list[float]:
    await put_in_force(NewPolicy(activation="level", standing_authority_cny=0), by=SETUP)
    await declaring.set_critical_point(FAN, "GZ", 5, pool="common", reason="bench", lasts=timedelta(days=9), by=SETUP)
    held = await client.post("/reservations", json={"part_number": FAN, "depot": "GZ", "quantity": 5})
    await asyncio.sleep(1)
    took: list[float] = []
    for _ in range(BURSTS):
        began = time.perf_counter()
        last = await client.post("/reservations", json={"part_number": FAN, "depot": "GZ", "quantity": 1})
        took.append(await _until_open(FAN, began))
        await client.post(f"/reservations/{last.json()['id']}/void")
        await _end_case(FAN)
    await client.post(f"/reservations/{held.json()['id']}/void")
    return took


async def _by_failure(client: httpx.AsyncClient) -> list[float]:
    """The stock is under its line already; under `burst_and_level` the failure that completes the burst opens it."""
    await put_in_force(NewPolicy(activation="burst_and_level", standing_authority_cny=0), by=SETUP)
    await declaring.set_critical_point(DRIVE, "GZ", 9, pool="common", reason="bench", lasts=timedelta(days=9), by=SETUP)
    await receipts.adjust("SH", FAN, 1, by=SETUP, reason="so that there is something to do")
    await asyncio.sleep(1)
    took: list[float] = []
    for burst in range(BURSTS):
        for number in range(3):
            began = time.perf_counter()
            await client.post(
                "/failures",
                json={
                    "device": f"BANK-{(burst * 3 + number) % 160:03d}",
                    "part_number": DRIVE,
                    "position": f"bay {uuid4().hex[:6]}",
                    "occurred_at": await db.fetch_value(
                        "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
                    ),
                },
            )
            if number < 2:
                while await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'judge_failure'"):
                    await asyncio.sleep(0.005)
            if await _case_of(DRIVE):
                break
        took.append(await _until_open(DRIVE, began))
        await db.execute(
            "UPDATE failure SET withdrawn_at = now(), withdrawn_reason = 'measured' WHERE withdrawn_at IS NULL"
        )
        await _end_case(DRIVE)
    return took
