"""Sizing where two depots help each other: time, memory and certified gap, beside the naive model of the same chains."""

import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pulp

from bench.sizing import NAIVE_SECONDS, network_document
from bench.tables import Figures
from optimizer import network as network_file
from optimizer.alternatives import build, initial_sizes
from optimizer.certificate import check
from optimizer.demand import gather
from optimizer.network import Network
from optimizer.plan import Plan
from optimizer.sizing import size

SIZES = (300, 3_000, 20_000, 100_000)
NAIVE_PARTS_MAX = 3_000
FEWER = 10


def run() -> Figures:
    """Measure."""
    figures = Figures(
        "Sizing, lateral supply",
        "The random networks of Sizing in two depots that help each other, with a tenth of the devices: slow parts, a "
        "quarter of a piece on order at a time in the median and twenty at the most. Every stock of both depots is weighed "
        "by the exact chain, in tables that grow until no larger stock can pay. Each in a process of its own, with two "
        "threads, from the parsed file to the plan; one run after one that compiles. CPU is that of all threads. The naive "
        "model has one binary per part and pair of stocks on the same HiGHS, to a gap of 1e-6 or "
        f"{NAIVE_SECONDS} s, its tables of chains not counted; where it costs "
        "less than ours it misses a promise by the solver's tolerance. Checked by the independent checker. Goal for "
        "100,000 parts: 10 s and a gap of 1e-6.",
        (
            "parts × depots",
            "status",
            "certified gap",
            "seconds",
            "CPU seconds",
            "MB",
            "naive seconds",
            "naive / ours",
            "naive cost / ours",
            "checked",
            "seconds to check",
        ),
    )
    for parts in SIZES:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            plan, cpu = process.submit(_size, parts).result()
        network = _network(parts)
        naive, naive_seconds = _naive(network) if parts <= NAIVE_PARTS_MAX else (None, 0.0)
        began = time.perf_counter()
        faults = check(plan, network)
        figures.rows.append(
            (
                f"{parts:,} × 2",
                f"{plan.status} ({plan.proof})",
                f"{plan.gap:.1e}",
                f"{plan.seconds:.2f}",
                f"{cpu:.2f}",
                f"{plan.peak_memory_mb:.0f}",
                f"{naive_seconds:.1f}" if naive else "–",
                f"{naive_seconds / plan.seconds:.1f}" if naive else "–",
                f"{naive / plan.cost_cny:.6f}" if naive else "–",
                "NO" if faults else "yes",
                f"{time.perf_counter() - began:.1f}",
            )
        )
    return figures


def _network(parts: int) -> Network:
    document = network_document(parts, 2)
    for row in document["installed_base"]:
        row["device_count"] //= FEWER
    lanes = [{"from": f"D{a}", "to": f"D{b}", "hours": 5, "cost_cny": 120} for a, b in ((0, 1), (1, 0))]
    document["policy"] = {
        "stockout": "emergency",
        "lateral": True,
        "lateral_lanes": lanes,
        "emergency_hours": 12,
        "emergency_cost_cny": 900,
    }
    return network_file.read(json.dumps(document).encode())


def _size(parts: int) -> tuple[Plan, float]:
    network = _network(parts)
    with ThreadPoolExecutor(2) as threads:
        size(_network(min(parts, 3_000)), executor=threads)
        began = time.process_time()
        plan = size(network, time_limit_s=300, executor=threads)
    return plan, time.process_time() - began


def _naive(network: Network) -> tuple[float | None, float]:
    """One binary per part and pair of stocks; its cost and its seconds."""
    demand = gather(network)
    problem = build(demand, initial_sizes(demand)).problem
    began = time.perf_counter()
    program = pulp.LpProblem("naive", pulp.LpMinimize)
    take = [program.add_variable(f"x{at}", cat="Binary") for at in range(len(problem.cost))]
    for at in np.flatnonzero(~problem.choosable).tolist():
        take[at].upBound = 0
    program.setObjective(pulp.lpSum_vars_coefs(zip(take, problem.cost.tolist(), strict=True)))
    ends = np.append(problem.first[1:], len(take)).tolist()
    for first, end in zip(problem.first.tolist(), ends, strict=True):
        program.addConstraint(pulp.lpSum_vars(take[first:end]) == 1)
    use = problem.use.toarray()
    for row in range(len(problem.rows)):
        terms = pulp.lpSum_vars_coefs(zip(take, use[:, row].tolist(), strict=True))
        program.addConstraint(terms <= float(problem.limit[row]))
    stats = program.solve(pulp.HiGHS(msg=False, timeLimit=NAIVE_SECONDS, gapRel=1e-6, threads=1))
    return (stats.objective if stats.has_solution else None), time.perf_counter() - began
