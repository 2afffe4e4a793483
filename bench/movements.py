"""Reserving, receiving, transferring, asking for parts and where they are: over HTTP, against pgbench running the very SQL
that the service sends for it.
"""

import asyncio
import logging
import re
import statistics
import subprocess
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx

from api.app import create_app
from bench.caller import ID, KEY, Operation, Request, operations_a_second
from bench.company import PARTS, STORES, Running, beside, key, large, running
from bench.recording import Part, noting, pgbench_script
from bench.tables import Figures
from inventory.ground import db
from inventory.stock import receipts
from tests.conftest import settings_for
from tests.world import FAN, SETUP

SECONDS = 3
CLIENTS = 32
ROUNDS = 5
SPREAD = 10_000
"""How many parts the operations are spread over."""

RECORDED = 9_973
"""The part of which the SQL is taken; its id is no other number in it."""


class Row(NamedTuple):
    """A row of the table."""

    name: str
    target: str
    every: int = 1


ROWS = {
    "h1-hot": Row("H1 reserve, hot", "≥ 1.5"),
    "h1-spread": Row("H1 reserve, spread", "≥ 0.30"),
    # before anything is received: then each part lies in one lot, as in what pgbench does
    "h2-transfer": Row("H2 transfer", "≥ 0.30"),
    "h2-receive": Row("H2 receive", "≥ 0.30"),
    # the parts that have substitutes
    "h3": Row("H3 availability", "≥ 0.35", every=4),
    "request": Row("part request", "≥ 0.25", every=4),
}


def run(rows: Collection[str] = tuple(ROWS)) -> Figures:
    """Measure."""
    figures = Figures(
        "Movements",
        f"{PARTS:,} parts in {STORES} stores, one piece an operation. H1 reserves it; hot: everybody one part in one store, "
        f"spread: {SPREAD:,} parts. H2 takes it in; or transfers it from store to store: drafted, shipped, taken in, by three "
        "requests. H3 says where a part and its three substitutes are free, in every store, and when they could be at a site. "
        "A part request is the whole of it: entitlement, sources, ladder, reservation, promise, failure, duty, jobs. "
        f"{CLIENTS} clients, with sign-in, rights, validation, an Idempotency-Key for every request, documents and "
        "jobs. The reference is pgbench running all the SQL that the service sends for one such operation, over the same "
        f"parts on the same database, at its best of 1, 8 and {CLIENTS} clients; both in turn, medians of {ROUNDS} rounds of "
        f"{SECONDS} s.",
        ("operation", "ours, operations/s", "pgbench, transactions/s", "ratio", "target"),
    )
    with running(fill=large, worker=False) as service:
        operations = asyncio.run(_operations(service))
        scripts = asyncio.run(_scripts(service, {name: operations[name] for name in rows}))
        for name in rows:
            ours, theirs = _measure(service, operations[name], scripts[name])
            figures.rows.append(
                (ROWS[name].name, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}", ROWS[name].target)
            )
    return figures


def _measure(service: Running, operations: Sequence[Operation], script: str) -> tuple[float, float]:
    best = max((1, 8, CLIENTS), key=lambda clients: _pgbench(service, script, clients=clients))
    rounds = [
        (
            operations_a_second(service.port, operations, clients=CLIENTS, seconds=SECONDS),
            _pgbench(service, script, clients=best),
        )
        for _ in range(ROUNDS)
    ]
    return statistics.median(ours for ours, _ in rounds), statistics.median(theirs for _, theirs in rounds)


async def _operations(service: Running) -> dict[str, list[Operation]]:
    async with beside(service):
        await receipts.adjust("GZ", FAN, 10_000_000, by=SETUP, reason="bench")
        dispatcher, supervisor, keeper = [
            await key(role) for role in ("dispatcher", "quality_supervisor", "warehouse_keeper")
        ]
    spread = [f"SPREAD-{number}" for number in range(1, SPREAD + 1)]
    return {
        "h1-hot": [[_reservation(FAN, dispatcher)]],
        "h1-spread": [[_reservation(part, dispatcher)] for part in spread],
        "h2-transfer": [_transfer(part, keeper) for part in spread],
        "h2-receive": [[_receipt(part, supervisor)] for part in spread],
        "h3": [[_availability(part, dispatcher)] for part in spread[:: ROWS["h3"].every]],
        "request": [[_part_request(part, dispatcher)] for part in spread[:: ROWS["request"].every]],
    }


def _reservation(part: str, secret: str) -> Request:
    return "POST", "/api/v1/reservations", secret, {"part_number": part, "depot": "GZ", "quantity": 1}


def _availability(part: str, secret: str) -> Request:
    return "GET", f"/api/v1/parts/{part}/availability?site=BANK-GZ&quantity=1", secret, None


def _part_request(part: str, secret: str) -> Request:
    line = {"part_number": part, "quantity": 1}
    body = {"source": "bench", "reference": KEY, "device_serial": "BANK-001", "severity": "general", "lines": [line]}
    return "POST", "/api/v1/part-requests", secret, body


def _receipt(part: str, secret: str) -> Request:
    body = {"part_number": part, "depot": "GZ", "quantity": 1, "reason": "bench"}
    return "POST", "/api/v1/adjustments", secret, body


def _transfer(part: str, secret: str) -> Operation:
    body = {"from_depot": "GZ", "to_depot": "SH", "lines": [{"part_number": part, "quantity": 1}]}
    return [
        ("POST", "/api/v1/transfers", secret, body),
        ("POST", f"/api/v1/transfers/{ID}/ship", secret, {}),
        ("POST", f"/api/v1/transfers/{ID}/receive", secret, {}),
    ]


async def _scripts(service: Running, operations: Mapping[str, Sequence[Operation]]) -> dict[str, str]:
    """What the service sends for one operation of each kind."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    async with noting(service.dsn) as sent:
        known = await db.fetch_value("SELECT id FROM part WHERE part_number = $1", f"SPREAD-{RECORDED}")
        application = create_app(settings_for(service.dsn), own_pool=False)
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://bench", timeout=60) as client:
            return {
                name: await pgbench_script(
                    client,
                    of_a_kind[((RECORDED - 1) // ROWS[name].every) % len(of_a_kind)],
                    sent,
                    Part("SPREAD-", RECORDED, known, SPREAD, ROWS[name].every),
                )
                for name, of_a_kind in operations.items()
            }


def _pgbench(service: Running, script: str, *, clients: int) -> float:
    """How often a second pgbench runs a script."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(
            [
                str(service.postgres.programs / "pgbench"),
                *("-n", "-M", "prepared", "-T", str(SECONDS), "-c", str(clients), "-j", str(min(clients, 2))),
                *("-f", file.name, service.dsn),
            ],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path("/"),
        )
    return float(re.search(r"tps = ([\d.]+)", done.stdout)[1])
