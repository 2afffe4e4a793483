"""Lanes that join more depots than one chain holds: the nearest help each other, and the plan says so."""

import json
import random

import pytest

from optimizer.certificate import check
from optimizer.demand import gather
from optimizer.network import read
from optimizer.simulate_network import simulate
from optimizer.sizing import size


def document(depots, seed, parts=1):
    """Every depot has a lane to every other one, all of different lengths."""
    draw = random.Random(seed)  # noqa: S311  a network to test with
    ids = [f"D{d}" for d in range(depots)]
    return {
        "depots": [{"id": d} for d in ids],
        "parts": [
            {"id": f"P{n}", "unit_cost_cny": draw.choice([400, 900, 1800]), "holding_rate_per_year": 0.2}
            for n in range(parts)
        ],
        "replenishment": [
            {"part": f"P{n}", "depot": d, "lead_time_days": draw.choice([7, 14, 30])} for n in range(parts) for d in ids
        ],
        "sla_classes": [
            {"id": "4h", "time_to_site_hours": 4, "target_fraction": 0.6},
            {"id": "9h", "time_to_site_hours": 9, "target_fraction": 0.85},
        ],
        "customers": [
            {"id": f"C{d}{sla}", "sla_class": sla, "travel_hours": {d: 2}} for d in ids for sla in ("4h", "9h")
        ],
        "installed_base": [
            {"customer": f"C{d}{sla}", "model": "M", "device_count": draw.choice([20, 40, 60])}
            for d in ids
            for sla in ("4h", "9h")
        ],
        "bom": [
            {"model": "M", "part": f"P{n}", "per_device": 1, "annual_failure_rate": draw.uniform(0.02, 0.08)}
            for n in range(parts)
        ],
        "policy": {
            "stockout": "emergency",
            "emergency_hours": 20,
            "emergency_cost_cny": 900,
            "lateral": True,
            "lateral_lanes": [
                {"from": a, "to": b, "hours": round(draw.uniform(1, 8), 3), "cost_cny": 100}
                for a in ids
                for b in ids
                if a != b
            ],
        },
        "objective": draw.choice(["investment", "annual_cost"]),
    }


def nearest(lanes):
    """Of all ways through the lanes, the shortest first: who ends up together, at most three."""
    together = {}
    for lane in sorted(lanes, key=lambda lane: lane["hours"]):
        a, b = (together.get(lane[end], frozenset({lane[end]})) for end in ("from", "to"))
        for depot in a | b if len(a | b) <= 3 else ():
            together[depot] = a | b
    return together


def planned(given):
    network = read(json.dumps(given).encode())
    plan = size(network)
    assert check(plan, network) == []
    return plan


@pytest.mark.parametrize("depots", [4, 5, 6])
@pytest.mark.parametrize("seed", range(4))
def test_the_plan_is_the_cheapest_where_only_the_nearest_help(depots, seed):
    given = document(depots, seed)
    together = nearest(given["policy"]["lateral_lanes"])
    inside = [lane for lane in given["policy"]["lateral_lanes"] if lane["to"] in together.get(lane["from"], ())]
    within = given | {"policy": given["policy"] | {"lateral_lanes": inside}}

    plan, same = planned(given), planned(within)

    assert plan.status == same.status == "optimal"
    assert plan.cost_cny == pytest.approx(same.cost_cny)
    (reason,) = plan.reasons
    assert same.reasons == ()
    for cluster in set(together.values()):
        assert " + ".join(sorted(cluster)) in reason


def test_the_order_of_depots_means_nothing_even_between_equal_lanes():
    given = document(5, 3)
    for lane in given["policy"]["lateral_lanes"]:
        lane["hours"] = 3
        lane["cost_cny"] = 100
    turned = given | {"depots": given["depots"][::-1]}

    sets = [
        {frozenset(network.depots[d].id for d in cluster.depots) for cluster in gather(network).clusters}
        for network in (read(json.dumps(each).encode()) for each in (given, turned))
    ]

    assert sets[0] == sets[1] == {frozenset({"D0", "D1", "D2"}), frozenset({"D3", "D4"})}


@pytest.mark.parametrize(("depots", "seed"), [(4, 1), (5, 2), (6, 3)])
def test_clusters_that_keep_to_themselves_deliver_what_the_plan_promises(depots, seed):
    given = document(depots, seed, parts=2)
    network = read(json.dumps(given).encode())
    plan = size(network, time_limit_s=20)

    played = simulate(plan, network, years=8_000, seed=17, lead_time="exponential")

    for result in played.classes.values():
        assert abs(result.simulated - result.promised) <= 1.5 * result.half_width
