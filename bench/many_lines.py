"""Sizing of very many lines from files on disk: time, memory, certified gap, and what a second worker adds."""

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from bench.tables import Figures
from optimizer.line_sizing import size_lines
from optimizer.lines import LineChoices, OnDisk, Piece
from optimizer.network import Depot, Network, Policy, SlaClass
from optimizer.pricing import LINE, STREAM

DEPOTS = 10
CLASSES = (("2h", 2.0, 0.95), ("4h", 4.0, 0.93), ("8h", 8.0, 0.90))
PARTS_AT_ONCE = 10_000


def run() -> Figures:
    """Measure."""
    figures = Figures(
        "Sizing, very many lines",
        "Parts in ten depots with three classes of promise each, thirty rows in all; the lines lie on disk and are "
        "priced in pieces. Seconds from opening the files to the plan's stocks, in a process of its own whose largest "
        "resident size counts the pages of the files too; one run each. Goal for 1,000,000 parts: 30 s and "
        "2,048 MB on two cores, and 0.85 of a worker's speed by each worker added.",
        ("parts × depots", "workers", "certified gap", "seconds", "speed a worker adds", "MB"),
    )
    for parts in (100_000, 1_000_000):
        with tempfile.TemporaryDirectory(prefix="beijian-bench-") as folder:
            rate = _write(Path(folder), parts)
            alone = None
            for kind, workers in (("threads", 1), ("threads", 2), ("processes", 2)):
                gap, seconds, megabytes = _measure(folder, rate, kind, workers)
                alone = alone or seconds
                added = "–" if workers == 1 else f"{(alone / seconds - 1) / (workers - 1):.2f}"
                figures.rows.append(
                    (
                        f"{parts:,} × {DEPOTS}",
                        f"{workers} {kind}",
                        f"{gap:.1e}",
                        f"{seconds:.1f}",
                        added,
                        f"{megabytes:.0f}",
                    )
                )
    return figures


def _measure(folder: str, rate: list[float], kind: str, workers: int) -> tuple[float, float, float]:
    """Gap, seconds and megabytes, measured by a process that does nothing else."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_size, folder, rate, kind, workers).result()


def _size(folder: str, rate: list[float], kind: str, workers: int) -> tuple[float, float, float]:
    pool = ThreadPoolExecutor if kind == "threads" else ProcessPoolExecutor
    with pool(workers) as executor:
        choices = LineChoices(_skeleton(), np.array(rate), OnDisk(folder), executor)
        size_lines(choices.sample)  # loads what is compiled
        began = time.perf_counter()
        found = size_lines(choices, time_limit_s=600)
        seconds = time.perf_counter() - began
    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (found.cost - found.bound.value) / found.cost, seconds, largest / 1024


def _skeleton() -> Network:
    classes = tuple(
        SlaClass(f"{name}-D{depot}", hours, goal) for depot in range(DEPOTS) for name, hours, goal in CLASSES
    )
    depots = tuple(Depot(f"D{depot}") for depot in range(DEPOTS))
    return Network(depots, (), (), classes, (), (), (), Policy("backorder"), "investment")


def _write(folder: Path, parts: int) -> list[float]:
    """Write random lines; answers each class's whole demand a day."""
    rate = np.zeros((DEPOTS, len(CLASSES)))
    for _, _, daily in _drawn(parts):
        rate += daily.sum(axis=0)
    OnDisk.write(folder, _pieces(parts, rate), parts * DEPOTS, parts * DEPOTS * len(CLASSES))
    return rate.ravel().tolist()


def _drawn(parts: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    random = np.random.default_rng(5)
    devices = random.integers(50, 400, (1, DEPOTS, len(CLASSES)))
    for first in range(0, parts, PARTS_AT_ONCE):
        count = min(PARTS_AT_ONCE, parts - first)
        cost = np.exp(random.normal(7, 1.2, count))
        failures = np.exp(random.normal(-4.5, 1, count)) * random.integers(1, 9, count)
        lead = random.integers(7, 31, (count, DEPOTS)).astype(np.float64)
        yield cost, lead, failures[:, np.newaxis, np.newaxis] * devices / 365


def _pieces(parts: int, rate: np.ndarray) -> Iterator[Piece]:
    classes = np.arange(rate.size, dtype=np.int32)
    for cost, lead, daily in _drawn(parts):
        count = len(cost) * DEPOTS
        lines, streams = np.zeros(count + 1, LINE), np.zeros(daily.size, STREAM)
        lines["price"][:-1] = lines["unit_cost"][:-1] = np.repeat(cost, DEPOTS)
        lines["rate"][:-1], lines["lead"][:-1] = daily.sum(axis=2).ravel(), lead.ravel()
        lines["shape"], lines["critical"], lines["lot"] = np.inf, 1.0, 1
        lines["first"] = np.arange(0, daily.size + 1, len(CLASSES))
        lines["depot"][:-1] = np.tile(np.arange(DEPOTS), len(cost))
        streams["weight"], streams["travel"] = (daily / rate).ravel(), 1.0
        streams["sla"] = np.tile(classes, len(cost))
        yield Piece(lines, streams)
