"""Sizing beside others at larger sizes: the naive model, and stockpyl where it is installed. Minutes and gigabytes."""

import importlib.util
import json
import time
from concurrent.futures import ThreadPoolExecutor

from bench.sizing import naive_cost, network_document
from bench.tables import Figures
from optimizer import network as network_file
from optimizer.demand import gather
from optimizer.network import Network
from optimizer.sizing import size

SIZES = (10_000, 50_000)
NAIVE_SECONDS = 300
STOCKPYL = 5_000
"""Part-depots a second, stockpyl 1.0.2, November 2026, 2 cores."""

STOCKPYL_PARTS = 2_000


def run() -> Figures:
    """Measure."""
    figures = Figures(
        "Sizing beside others",
        "The random networks of Sizing; the naive model (one binary per part, depot and stock) is given "
        f"{NAIVE_SECONDS} s of the same HiGHS, building it not counted as part of them but in its seconds. Its gap is what "
        "its cost exceeds our proven bound by; it proves none of its own in doubles. stockpyl 1.0.2 (`newsvendor_poisson`, one "
        "part in one depot at a time) knows no promise over many parts: its seconds are those of looking at every part and "
        "depot once. It demands sphinx 4.5 and so cannot be among this project's dependencies; where it is installed "
        "besides, it is measured, otherwise the figure of November 2026 is taken. Run by its name only: "
        "`python -m bench peers`.",
        (
            "parts × depots",
            "ours: seconds",
            "certified gap",
            "naive: seconds",
            "naive / ours",
            "naive gap",
            "stockpyl: seconds",
            "stockpyl / ours",
        ),
    )
    for parts in SIZES:
        network = network_file.read(json.dumps(network_document(parts, 2)).encode())
        with ThreadPoolExecutor(2) as threads:
            size(network, executor=threads)
            plan = size(network, time_limit_s=300, executor=threads)
        rate, how = _stockpyl(network)
        began = time.perf_counter()
        naive = naive_cost(network, NAIVE_SECONDS)
        seconds = time.perf_counter() - began
        figures.rows.append(
            (
                f"{parts:,} × 2",
                f"{plan.seconds:.2f}",
                f"{plan.gap:.1e}",
                f"{seconds:.0f}",
                f"{seconds / plan.seconds:.0f}",
                f"{(naive - plan.lower_bound_cny) / naive:.1e}" if naive else "no plan",
                f"{2 * parts / rate:.1f} ({how})",
                f"{2 * parts / rate / plan.seconds:.0f}",
            )
        )
    return figures


def _stockpyl(network: Network) -> tuple[float, str]:
    """Part-depots a second."""
    if importlib.util.find_spec("stockpyl") is None:
        return STOCKPYL, "taken"
    newsvendor_poisson = importlib.import_module("stockpyl.newsvendor").newsvendor_poisson
    demand = gather(network)
    loads = (demand.daily_rate * demand.lead_time_days)[:STOCKPYL_PARTS].tolist()
    began = time.perf_counter()
    for load in loads:
        newsvendor_poisson(holding_cost=1.0, stockout_cost=19.0, demand_mean=load)
    return len(loads) / (time.perf_counter() - began), "measured"
