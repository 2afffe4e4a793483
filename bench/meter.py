"""The promise meter after one movement: 10,000 devices behind one depot, judged anew by the job the movement left."""

import asyncio
import tempfile
import time
from datetime import date
from pathlib import Path

from api.embedded import EmbeddedPostgres
from bench.tables import Figures, percentile
from inventory.assurance.meter import cells, coverage, previewing
from inventory.catalogue import register as catalogue
from inventory.ground import db, jobs
from inventory.installed_base import register as installed_base
from inventory.migrate import migrate
from inventory.places import register as places
from inventory.stock import reservations
from tests import world
from tests.meter import settle
from tests.world import BATTERY, DRIVE, FAN, PSU, SETUP

DEVICES = 10_000
SITES = 100
TIMES = 50


def run() -> Figures:
    """Measure."""
    figures = Figures(
        "Promise meter: after one movement",
        f"{DEVICES:,} devices behind one depot, at {SITES} sites under one contract, each depending on four parts; {TIMES} "
        "times each. Judging is the job that a reservation of the last pieces, or their release, leaves behind: from its "
        "start to its commit, with the events of what was lost and restored. From scratch is what it saves.",
        ("what", "cells", "p50 ms", "slowest ms", "goal"),
    )
    with tempfile.TemporaryDirectory(prefix="beijian-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "pg") as postgres:
            asyncio.run(_measure(postgres.dsn(), figures))
    return figures


async def _measure(dsn: str, figures: Figures) -> None:
    await migrate(dsn)
    async with db.connected(dsn):
        await world.build()
        await _many()
        await settle()
        await db.execute("ANALYZE")
        cells_of_part = await db.fetch_value(
            "SELECT count(*) FROM cover_cell JOIN part ON part.id = part WHERE part_number = $1", PSU
        )
        rows = {
            "one movement": (await _movements(), cells_of_part, "≤ 50"),
            "preview of a taking": (await _previews(), cells_of_part, ""),
            "the board, every device counted": (await _boards(), await _count(), ""),
            "from scratch": (await _from_scratch(), await _count(), ""),
        }
        figures.rows += [
            (what, f"{count:,}", f"{percentile(took, 0.5) * 1000:.1f}", f"{max(took) * 1000:.1f}", goal)
            for what, (took, count, goal) in rows.items()
        ]


async def _many() -> None:
    await catalogue.enter_model_parts(
        [
            catalogue.NewModelPart(model="R740", part=part, per_device=1, critical=True)
            for part in (DRIVE, FAN, PSU, BATTERY)
        ],
        by=SETUP,
    )
    await places.enter_places(
        [
            places.NewPlace(code=f"SITE-{n:03d}", kind="site", name_zh=f"站点{n}", name_en=f"Site {n}", party="BANK")
            for n in range(SITES)
        ],
        by=SETUP,
    )
    await places.enter_coverage(
        [
            places.NewCoverage(store=store, site=f"SITE-{n:03d}", travel_hours=hours)
            for n in range(SITES)
            for store, hours in (("GZ", 1.2), ("SH", 25.0))
        ],
        by=SETUP,
    )
    await installed_base.enter_devices(
        [
            installed_base.NewDevice(
                serial=f"METER-{n:05d}",
                model="R740",
                site=f"SITE-{n % SITES:03d}",
                contract="C-BANK",
                installed_on=date(2024, 1, 1),
            )
            for n in range(DEVICES)
        ],
        by=SETUP,
    )


async def _count() -> int:
    return await db.fetch_value("SELECT count(*) FROM cover_cell")


async def _timed(job) -> float:
    began = time.perf_counter()
    await job()
    return time.perf_counter() - began


async def _movements() -> list[float]:
    took: list[float] = []
    for _ in range(TIMES // 2):
        held = await reservations.reserve(PSU, "GZ", 6, by=SETUP)
        took.append(await _timed(settle))
        assert await db.fetch_value("SELECT count(*) FROM cover_cell WHERE working ->> 'state' = 'no'") > SITES
        await reservations.void_reservation(held.id, by=SETUP)
        took.append(await _timed(settle))
    return took


async def _previews() -> list[float]:
    taking = previewing.Taking(part_number=PSU, depot="GZ", pool="common", quantity=6)
    return [await _timed(lambda: previewing.cover_lost_by([taking], seen_by=SETUP)) for _ in range(TIMES)]


async def _boards() -> list[float]:
    return [await _timed(lambda: coverage.board(seen_by=SETUP)) for _ in range(TIMES)]


async def _from_scratch() -> list[float]:
    return [await _timed(lambda: cells.refresh(jobs.RefreshCover())) for _ in range(TIMES // 5)]
