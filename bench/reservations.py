"""Reservations over HTTP against pgbench running the very same statement on the same database."""

import asyncio
import re
import subprocess
import tempfile
from pathlib import Path

from bench.caller import Request, calls_a_second
from bench.company import Running, beside, key, running
from bench.tables import Figures
from inventory.ground import db
from inventory.stock import receipts
from inventory.stock.reservations import RESERVE
from tests.world import FAN, SETUP

SECONDS = 5
CLIENTS = 32
ROUNDS = 3
PARTS = 2000
"""How many parts the spread measurement asks for."""


def run() -> Figures:
    """Measure."""
    figures = Figures(
        "Reservations",
        f"One piece a call. H1 hot: everybody asks for one part at one depot; H1 spread: {PARTS:,} parts. "
        f"{CLIENTS} clients, best of {ROUNDS} rounds of {SECONDS} s, with sign-in, rights, validation and the reservation's "
        "record; the reference is pgbench running the same statement on the same database.",
        ("operation", "ours, requests/s", "pgbench, transactions/s", "ratio", "target"),
    )
    with running(worker=False) as service:
        secret = asyncio.run(_prepare(service))
        for name, target in (("H1 hot", "≥ 1.5 (with coalescing, not yet built)"), ("H1 spread", "≥ 0.30")):
            spread = name == "H1 spread"
            ours = max(_ours(service, secret, spread=spread) for _ in range(ROUNDS))
            theirs = max(_pgbench(service, spread=spread, clients=clients) for clients in (1, 8, CLIENTS))
            figures.rows.append((name, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}", target))
    return figures


async def _prepare(service: Running) -> str:
    async with beside(service):
        await receipts.adjust("GZ", FAN, 900_000, by=SETUP, reason="bench")
        await db.execute(
            """INSERT INTO part (part_number, name_zh, name_en, kind, serialised, lithium, unit_cost_cny,
                                 holding_rate_per_year, cost_source, active)
               SELECT 'SPREAD-' || n, '', '', 'fan', false, false, 1, 0.2, '', true FROM generate_series(1, $1::int) AS n""",
            PARTS,
        )
        await db.execute(
            """INSERT INTO level (part, place, condition, owner, pool, on_hand, reserved, backordered)
               SELECT part.id, place.id, 'good', party.id, pool.id, 1000000, 0, 0 FROM part, place, party, pool
               WHERE part_number LIKE 'SPREAD-%' AND place.code = 'GZ' AND is_ourselves AND pool.code = 'common'"""
        )
        await db.execute("ANALYZE")
        return await key("dispatcher")


def _ours(service: Running, secret: str, *, spread: bool) -> float:
    parts = [f"SPREAD-{number * 97 % PARTS + 1}" for number in range(PARTS)] if spread else [FAN]
    requests: list[Request] = [
        ("POST", "/api/v1/reservations", secret, {"part_number": part, "depot": "GZ", "quantity": 1}) for part in parts
    ]
    return calls_a_second(int(service.url.rpartition(":")[2]), requests, clients=CLIENTS, seconds=SECONDS)


def _pgbench(service: Running, *, spread: bool, clients: int) -> float:
    """The reservation's own statement, its parameters written into it."""
    values = {
        "$1": "'SPREAD-' || :part" if spread else f"'{FAN}'",
        "$2": "'GZ'",
        "$3": "'common'",
        "$4": "1",
        "$5": "0",
        "$6": "NULL",
        "$7": "now()",
        "$8": "'pgbench'",
        "$9": "NULL",
        "$10": "NULL",
    }
    statement = re.sub(r"\$\d+", lambda match: values[match[0]], RESERVE)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(f"\\set part random(1, {PARTS})\n{' '.join(statement.split())};\n")
        script.flush()
        done = subprocess.run(
            [
                str(service.postgres.programs / "pgbench"),
                *("-n", "-M", "prepared", "-T", str(SECONDS), "-c", str(clients), "-j", "2", "-f", script.name),
                service.dsn,
            ],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path("/"),
        )
    return float(re.search(r"tps = ([\d.]+)", done.stdout)[1])
