"""Simulation: what plans promise beside what happens when they are played, for each policy."""

import json
import time

from bench.sizing import network_document
from bench.tables import Figures
from optimizer import network as network_file
from optimizer.evaluation import evaluate
from optimizer.simulate_network import simulate, years_for
from optimizer.sizing import size

PARTS, DEPOTS = 300, 2
HALF_WIDTH = 0.0005
SEED = 7


def run() -> Figures:
    """Measure."""
    figures = Figures(
        "Simulation",
        f"{PARTS} parts in {DEPOTS} depots, three classes of promise; every plan is played event by event, without the "
        f"formulas, until each class is known to ±{HALF_WIDTH} (95 %). Lateral supply is played with the exponential "
        "lead times that its promise counts on. The difference, simulated less promised, is that of the class where it is "
        "largest; goal: below 0.001. The lowest class is told against its target in standard errors, of which one in "
        "forty is below −2 by chance alone. The exact slack is the least by which the plan, evaluated again, exceeds a "
        "target; it must not be negative. Seconds are those of simulating on one core.",
        (
            "policy",
            "calls",
            "largest difference",
            "half width",
            "lowest against target",
            "least exact slack",
            "years",
            "seconds",
        ),
    )
    for policy in ("backorder", "emergency", "lateral"):
        network = network_file.read(json.dumps(_document(policy)).encode())
        plan = size(network, time_limit_s=120)
        lead_time = "exponential" if policy == "lateral" else "fixed"
        simulate(plan, network, years=0.01, seed=SEED)  # the compiled code is loaded
        began = time.perf_counter()
        years = years_for(plan, network, HALF_WIDTH, seed=SEED, lead_time=lead_time)
        found = simulate(plan, network, years=years, seed=SEED, lead_time=lead_time)
        seconds = time.perf_counter() - began
        delivered = evaluate(network, plan.stock).service
        classes = found.classes.values()
        figures.rows.append(
            (
                policy,
                f"{sum(each.calls for each in classes):,}",
                f"{max((each.simulated - each.promised for each in classes), key=abs):+.5f}",
                f"{max(each.half_width for each in classes):.5f}",
                f"{min((c.simulated - c.target) * 1.96 / c.half_width for c in classes):+.1f}",
                f"{min(delivered[sla.id] - sla.target_fraction for sla in network.sla_classes):.1e}",
                f"{found.years:,.0f}",
                f"{seconds:.1f}",
            )
        )
    return figures


def _document(policy: str) -> dict:
    document = network_document(PARTS, DEPOTS)
    if policy == "backorder":
        return document
    document["policy"] = {"stockout": "emergency", "lateral": False, "emergency_hours": 12, "emergency_cost_cny": 900}
    if policy == "lateral":
        lanes = [{"from": f"D{a}", "to": f"D{b}", "hours": 5, "cost_cny": 120} for a, b in ((0, 1), (1, 0))]
        document["policy"] |= {"lateral": True, "lateral_lanes": lanes}
    return document
