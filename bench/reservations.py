"""Reserving and receiving over HTTP against pgbench running the very same statements on the same database."""

import asyncio
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.caller import Request, calls_a_second
from bench.company import Running, beside, key, running
from bench.tables import Figures
from inventory.ground import db
from inventory.stock import receipts
from inventory.stock.ledger import POST
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
        "Movements",
        f"One piece a call. H1 reserves; hot: everybody asks for one part at one depot, spread: {PARTS:,} parts. H2 receive "
        f"takes one piece in, spread over the parts. {CLIENTS} clients, best of {ROUNDS} rounds of {SECONDS} s, with sign-in, "
        "rights, validation, an Idempotency-Key for every call and the act's records; the reference is pgbench running the "
        "very statement that acts, on the same database, at its best of 1, 8 and 32 clients.",
        ("operation", "ours, requests/s", "pgbench, transactions/s", "ratio", "target"),
    )
    with running(worker=False) as service:
        prepared = asyncio.run(_prepare(service))
        for name, target in (("H1 hot", "≥ 1.5"), ("H1 spread", "≥ 0.30"), ("H2 receive", "≥ 0.30")):
            script, requests = prepared[name]
            port = int(service.url.rpartition(":")[2])
            ours = max(calls_a_second(port, requests, clients=CLIENTS, seconds=SECONDS) for _ in range(ROUNDS))
            theirs = max(_pgbench(service, script, clients=clients) for clients in (1, 8, CLIENTS))
            figures.rows.append((name, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}", target))
    return figures


async def _prepare(service: Running) -> dict[str, tuple[str, list[Request]]]:
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
        await db.execute(
            """INSERT INTO lot (part, number, provenance, source, received_at)
               SELECT id, 'BENCH', 'unproven', '', now() FROM part WHERE part_number LIKE 'SPREAD-%'"""
        )
        await db.execute("ANALYZE")
        spread = [f"SPREAD-{number * 97 % PARTS + 1}" for number in range(PARTS)]
        dispatcher, supervisor = await key("dispatcher"), await key("quality_supervisor")
        return {
            "H1 hot": (_reserving(f"'{FAN}'"), [_reservation(FAN, dispatcher)]),
            "H1 spread": (_reserving("'SPREAD-' || :part"), [_reservation(part, dispatcher) for part in spread]),
            "H2 receive": (await _receiving(), [_receipt(part, supervisor) for part in spread]),
        }


def _reservation(part: str, secret: str) -> Request:
    return "POST", "/api/v1/reservations", secret, {"part_number": part, "depot": "GZ", "quantity": 1}


def _receipt(part: str, secret: str) -> Request:
    body = {"part_number": part, "depot": "GZ", "quantity": 1, "reason": "bench"}
    return "POST", "/api/v1/adjustments", secret, body


def _reserving(part: str) -> str:
    """The reservation's own statement, its parameters written into it."""
    values = (part, "'GZ'", "'common'", "1", "0", "NULL", "now()", "'pgbench'", "NULL", "NULL")
    return _written(RESERVE, values)


async def _receiving() -> str:
    """The posting of one move, its parameters written into it."""
    at = await db.fetch_one(
        """SELECT (SELECT id FROM place WHERE code = 'ADJUSTMENT') AS outside, (SELECT id FROM place WHERE code = 'GZ') AS gz,
                  (SELECT id FROM party WHERE is_ourselves) AS owner, (SELECT id FROM pool WHERE code = 'common') AS pool"""
    )
    assert at is not None
    part = "(SELECT id FROM part WHERE part_number = 'SPREAD-' || :part)"
    lot = f"(SELECT id FROM lot WHERE number = 'BENCH' AND part = {part})"
    origin, target = (at["outside"], "'good'", at["owner"], at["pool"]), (at["gz"], "'good'", at["owner"], at["pool"])
    one = ("'adjustment'", part, 1, "NULL", *origin, *target, 0, "NULL", "NULL", "NULL", "'bench'", "NULL", "NULL")
    arrays = [f"ARRAY[{value}]" for value in (*one, lot, "NULL", "NULL", "NULL")]
    return _written(POST, (*arrays, "now()", "'pgbench'"))


def _written(statement: str, values: Sequence[str]) -> str:
    plain = re.sub(r"--.*", "", statement)
    return re.sub(r"\$(\d+)", lambda match: values[int(match[1]) - 1], plain)


def _pgbench(service: Running, statement: str, *, clients: int) -> float:
    """How often a second pgbench runs a statement."""
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
