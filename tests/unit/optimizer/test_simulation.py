"""Networks played out against what their plans promise."""

import json
from pathlib import Path

import msgspec
import pytest

from optimizer.network import read
from optimizer.simulate_network import simulate
from optimizer.sizing import size

EXAMPLE = Path(__file__).parents[2] / "examples" / "network-small.json"


def document(**policy):
    given = json.loads(EXAMPLE.read_bytes())
    return given | {"policy": policy} if policy else given


def networks():
    emergency = {"stockout": "emergency", "emergency_hours": 7, "emergency_cost_cny": 900}
    lanes = [
        {"from": "GZ", "to": "SH", "hours": 0.9, "cost_cny": 90},
        {"from": "SH", "to": "GZ", "hours": 4, "cost_cny": 90},
    ]
    return {
        "backorder": (document(), "fixed"),
        "emergency": (document(**emergency), "fixed"),
        "lateral": (document(**emergency, lateral=True, lateral_lanes=lanes), "exponential"),
    }


@pytest.mark.parametrize("policy", ["backorder", "emergency", "lateral"])
def test_a_plan_delivers_what_it_promises(policy):
    given, lead_time = networks()[policy]
    network = read(json.dumps(given).encode())
    plan = size(network)

    found = simulate(plan, network, years=4_000, seed=11, lead_time=lead_time)

    for sla, result in found.classes.items():
        assert result.promised == plan.service[sla]
        assert result.half_width < 0.005
        # 95 % intervals of a fixed seed: one and a half of them is three standard errors
        assert abs(result.simulated - result.promised) <= 1.5 * result.half_width + 1e-12


@pytest.mark.parametrize("policy", ["backorder", "emergency"])
def test_uncertain_rates_larger_orders_and_weights_are_played_as_they_are_computed(policy):
    given, lead_time = networks()[policy]
    given = json.loads(json.dumps(given))
    given["parts"][0] |= {"criticality": 2.0, "rate_shape": 3.0}
    given["parts"][1] |= {"rate_shape": 1.0}
    given["depots"][1]["capacity_units"] = None
    if policy == "backorder":
        for row, quantity in zip(given["replenishment"], (4, 1, 1, 3), strict=True):
            row["order_quantity"] = quantity
    network = read(json.dumps(given).encode())
    plan = size(network)

    found = simulate(plan, network, years=3_000, seed=5, lead_time=lead_time)

    for sla, result in found.classes.items():
        assert result.promised == plan.service[sla]
        assert result.half_width < 0.025
        assert abs(result.simulated - result.promised) <= 1.5 * result.half_width
    assert found.classes["2h"].calls > 50_000


def test_erlangs_loss_does_not_mind_how_lead_times_vary():
    network = read(json.dumps(networks()["emergency"][0]).encode())
    plan = size(network)

    for lead_time in ("fixed", "exponential"):
        result = simulate(plan, network, years=4_000, seed=12, lead_time=lead_time).classes["2h"]
        assert abs(result.simulated - result.promised) <= 1.5 * result.half_width


def test_a_spoiled_plan_is_seen_to_deliver_less():
    network = read(EXAMPLE.read_bytes())
    plan = size(network)
    less = msgspec.structs.replace(plan, stock=plan.stock | {"MB-R740": {"GZ": 0, "SH": 0}})

    result = simulate(less, network, years=2_000, seed=13).classes["2h"]

    assert result.simulated < result.promised - 10 * result.half_width


def test_the_same_seed_gives_the_same_failures_whatever_is_stocked():
    network = read(EXAMPLE.read_bytes())
    plan = size(network)
    more = msgspec.structs.replace(plan, stock=plan.stock | {"MB-R740": {"GZ": 9, "SH": 9}})

    planned, richer, again, other = (
        simulate(p, network, years=300, seed=seed).classes["2h"]
        for p, seed in [(plan, 1), (more, 1), (plan, 1), (plan, 2)]
    )

    assert planned == again
    assert planned.calls == richer.calls
    assert planned.simulated < richer.simulated
    assert planned.calls != other.calls


def test_a_class_that_nobody_calls_has_no_share():
    idle = json.loads(EXAMPLE.read_bytes())
    idle["installed_base"][1]["device_count"] = 0
    network = read(json.dumps(idle).encode())

    result = simulate(size(network), network, years=10, seed=1).classes["8h"]

    assert (result.simulated, result.half_width, result.calls) == (None, None, 0)
