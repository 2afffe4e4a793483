"""Networks played out against what their plans promise."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from optimizer.errors import InvalidInput, OptimizerError
from optimizer.evaluation import evaluate
from optimizer.network import read
from optimizer.shelves import EMERGENCY, Shelves
from optimizer.simulate_network import Burst, simulate, years_for
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


@pytest.mark.parametrize("policy", ["backorder", "emergency", "lateral"])
def test_no_plan_falls_short_of_what_was_asked(policy):
    given, _ = networks()[policy]
    network = read(json.dumps(given).encode())

    delivered = evaluate(network, size(network).stock).service

    for sla in network.sla_classes:
        assert delivered[sla.id] >= sla.target_fraction - 1e-9


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


def test_two_plans_meet_the_same_failures_so_that_their_difference_is_known_better():
    network = read(EXAMPLE.read_bytes())
    plan = size(network)
    less = msgspec.structs.replace(plan, stock=plan.stock | {"PSU-750": {"GZ": 5, "SH": 5}})

    found = simulate(plan, network, years=1_000, seed=3, against=less)
    alone = simulate(less, network, years=1_000, seed=3)

    promised = evaluate(network, plan.stock).service["2h"] - evaluate(network, less.stock).service["2h"]
    result = found.against["2h"]
    assert result.other == alone.classes["2h"].simulated
    assert result.difference == pytest.approx(found.classes["2h"].simulated - result.other)
    assert abs(result.difference - promised) <= 1.5 * result.half_width
    assert result.half_width < 0.6 * found.classes["2h"].half_width
    assert alone.against == {}


def test_a_simulation_is_as_long_as_its_precision_takes():
    network = read(EXAMPLE.read_bytes())
    plan = size(network)

    years = years_for(plan, network, 0.002, seed=4)
    found = simulate(plan, network, years=years, seed=4)

    assert max(result.half_width for result in found.classes.values()) <= 0.002


def test_lead_times_that_were_observed_are_drawn_from():
    given = document()
    network = read(json.dumps(given).encode())
    plan = size(network)
    same = {(row.part, row.depot): [row.lead_time_days] for row in network.replenishment}
    twice = {key: [2 * days] for key, (days,) in same.items()}
    either = {key: [0.0, *days] for key, days in twice.items()}
    for row in given["replenishment"]:
        row["lead_time_days"] *= 2
    promised = evaluate(read(json.dumps(given).encode()), plan.stock).service["2h"]

    fixed = simulate(plan, network, years=1_000, seed=5)
    as_given, longer, mixed = (
        simulate(plan, network, years=1_000, seed=5, lead_time="measured", observed=observed).classes["2h"]
        for observed in (same, twice, either)
    )

    assert as_given == fixed.classes["2h"]
    assert abs(longer.simulated - promised) <= 1.5 * longer.half_width
    assert longer.simulated + longer.half_width < mixed.simulated


def test_a_burst_is_played_for_its_days_alone():
    network = read(EXAMPLE.read_bytes())
    plan = size(network)

    calm = simulate(plan, network, years=200, seed=6, bursts=[Burst("MB-R740", 1.0, 30.0)])
    burst = simulate(plan, network, years=200, seed=6, bursts=[Burst("MB-R740", 10.0, 30.0)])

    assert abs(calm.classes["2h"].simulated - plan.service["2h"]) <= 1.5 * calm.classes["2h"].half_width
    assert burst.classes["2h"].simulated < 0.6
    # 370 boards at 2 % and twice as many supplies at 3.5 % a year, the boards ten times as often
    expected = 200 * 370 * (10 * 0.02 + 2 * 0.035)
    assert abs(burst.classes["2h"].calls - expected) < 4 * expected**0.5


def test_what_cannot_be_played_is_refused():
    network = read(EXAMPLE.read_bytes())
    plan = size(network)
    nowhere = msgspec.structs.replace(plan, stock={"PSU-750": {"BJ": 1}})
    none = msgspec.structs.replace(plan, cost_cny=None, stock={})

    with pytest.raises(InvalidInput, match=r"stock.PSU-750.BJ"):
        simulate(nowhere, network, years=1, seed=1)
    with pytest.raises(OptimizerError, match="no stock"):
        simulate(none, network, years=1, seed=1)
    with pytest.raises(OptimizerError, match="fewer years"):
        simulate(plan, network, years=1e8, seed=1)
    with pytest.raises(InvalidInput, match="no such part"):
        simulate(plan, network, years=1, seed=1, bursts=[Burst("FAN", 2, 2)])


# ---------------------------------------------------------------- shelves, demand by demand


def shelves(on_hand, lead_times, ways=None, *, waits=True, way_hours=None, lots=None):
    alone = np.arange(len(on_hand))[:, np.newaxis]
    order = alone if ways is None else np.array(ways)
    return Shelves(
        np.array(on_hand),
        order,
        np.zeros(order.shape) if way_hours is None else np.array(way_hours, dtype=float),
        np.array(lead_times, dtype=float),
        np.arange(len(lead_times) + 1),
        np.ones(len(on_hand), dtype=np.int64) if lots is None else np.array(lots),
        exponential=False,
        waits=waits,
    )


def served(shop, days, asked=None):
    hours, source = shop.serve(
        np.array(days, dtype=float),
        np.array(asked or [0] * len(days)),
        np.zeros(len(days)),
        np.zeros(1, dtype=np.int64),
        np.zeros((1, len(shop.on_hand))),
    )
    return hours.tolist(), source.tolist()


def test_who_finds_nothing_waits_in_turn():
    # one unit, ten days to replace it: back on days 10, 11, 12 and 25
    hours, _ = served(shelves([1], [10]), [0, 1, 2, 15])

    assert hours == [0, 24 * 9, 24 * 9, 0]


def test_an_arrival_at_the_very_instant_is_there():
    assert served(shelves([1], [10]), [0, 10])[0] == [0, 0]


def test_who_finds_nothing_goes_to_the_emergency_channel_and_orders_nothing():
    hours, source = served(shelves([1], [10], waits=False), [0, 5, 10, 12])

    assert source == [0, EMERGENCY, 0, EMERGENCY]
    assert hours == [0, 0, 0, 0]


def test_other_depots_are_asked_in_order_and_order_again_themselves():
    shop = shelves(
        [0, 1, 1],
        [10, 10, 5],
        [[0, 2, 1], [1, -1, -1], [2, -1, -1]],
        waits=False,
        way_hours=[[0, 3, 8], [0] * 3, [0] * 3],
    )

    hours, source = served(shop, [0, 1, 2, 5, 6, 11], [0, 0, 0, 2, 0, 1])

    assert source == [2, 1, EMERGENCY, 2, EMERGENCY, 1]
    assert hours == [3, 8, 0, 0, 0, 0]


def test_a_lot_is_ordered_when_it_is_full():
    # two on the shelf, three with the lot of two; the order of day 1 comes on day 11, that of day 3 on day 13
    hours, _ = served(shelves([2], [10], lots=[2]), [0, 1, 2, 3, 4, 5, 14])

    assert hours == [0, 0, 0, 24 * 8, 24 * 7, 24 * 8, 0]


def test_who_waits_for_a_lot_that_never_fills_waits_for_ever():
    hours, _ = served(shelves([0], [10], lots=[3]), [0, 1, 2])

    assert hours == [0, 0, 24 * 10]
    assert served(shelves([0], [10], lots=[3]), [0, 1, 2, 3, 4])[0][3:] == [24 * 9, 24 * 8]


def test_histories_know_nothing_of_each_other():
    hours, _ = shelves([1], [10]).serve(
        np.array([0.0, 1.0, 0.0, 1.0]), np.zeros(4, dtype=np.int64), np.zeros(4), np.array([0, 2]), np.zeros((2, 1))
    )

    assert hours.tolist() == [0, 216, 0, 216]


@pytest.mark.parametrize("seed", range(20))
def test_the_nth_demand_gets_the_nth_unit(seed):
    """First come first served, counted: S on hand, then arrivals in their order, whoever ordered them."""
    random = np.random.default_rng(seed)
    stock, count = int(random.integers(0, 4)), 200
    day = np.sort(random.uniform(0, 400, count))
    luck = random.random(count)
    observed = np.array([1.0, 5.0, 30.0])
    shop = Shelves(
        np.array([stock]),
        np.array([[0]]),
        np.zeros((1, 1)),
        observed,
        np.array([0, 3]),
        np.array([1]),
        exponential=False,
        waits=True,
    )

    hours, _ = shop.serve(day, np.zeros(count, dtype=np.int64), luck, np.zeros(1, dtype=np.int64), np.zeros((1, 1)))

    units = np.concatenate([np.zeros(stock), np.sort(day + observed[(3 * luck).astype(int)])])[:count]
    assert hours == pytest.approx(24 * np.maximum(units - day, 0))
