"""Sizing: the published example, verdicts and their reasons, and how plans move with the input."""

import json
import math
import random
from pathlib import Path

import pytest

from optimizer.certificate import check
from optimizer.evaluation import evaluate, misses
from optimizer.network import read
from optimizer.sizing import size

EXAMPLE = Path(__file__).parents[2] / "examples" / "network-small.json"


def example():
    return json.loads(EXAMPLE.read_bytes())


def planned(document, **arguments):
    """The plan of a network document, verified."""
    network = read(json.dumps(document).encode())
    plan = size(network, **arguments)
    assert check(plan, network) == []
    return plan


def country(parts, depots, classes, seed=1):
    """A network as they are: many slow, dear parts, a few fast ones, four hours to two days."""
    draw = random.Random(seed)  # noqa: S311 - no secret is drawn
    hours, targets = [4, 8, 24, 48][:classes], [0.93, 0.95, 0.9, 0.97][:classes]
    homes = [(d, c) for d in range(depots) for c in range(classes)]
    models = max(parts // 15, 1)
    return {
        "depots": [{"id": f"D{d}"} for d in range(depots)],
        "parts": [
            {
                "id": f"P{p}",
                "unit_cost_cny": round(draw.lognormvariate(7.2, 1.0), 2),
                "holding_rate_per_year": 0.22,
            }
            for p in range(parts)
        ],
        "replenishment": [
            {"part": f"P{p}", "depot": f"D{d}", "lead_time_days": draw.randint(7, 45)}
            for p in range(parts)
            for d in range(depots)
        ],
        "sla_classes": [
            {"id": f"{h}h", "time_to_site_hours": h, "target_fraction": t} for h, t in zip(hours, targets, strict=True)
        ],
        "customers": [
            {
                "id": f"C{d}-{c}",
                "sla_class": f"{hours[c]}h",
                "travel_hours": {f"D{k}": round(draw.uniform(0.5, 3.8), 1) if k == d else 30 for k in range(depots)},
            }
            for d, c in homes
        ],
        "installed_base": [
            {"customer": f"C{d}-{c}", "model": f"M{m}", "device_count": draw.randint(20, 400)}
            for d, c in homes
            for m in range(models)
            if draw.random() < 0.6
        ],
        "bom": [
            {
                "model": f"M{p % models}",
                "part": f"P{p}",
                "per_device": draw.randint(1, 4),
                "annual_failure_rate": round(draw.lognormvariate(-4.5, 0.9), 5),
            }
            for p in range(parts)
        ],
        "policy": {"stockout": "backorder"},
        "objective": "investment",
    }


def with_emergency(document, **fields):
    policy = {"stockout": "emergency", "emergency_hours": 12, "emergency_cost_cny": 800}
    return document | {"policy": policy | fields}


def test_the_small_example_costs_what_is_published():
    plan = planned(example())

    assert plan.status == "optimal"
    assert plan.proof == "search"
    assert plan.cost_cny == plan.lower_bound_cny == 48_800
    assert plan.lagrangian_bound_cny == pytest.approx(45_931.86, abs=0.005)
    assert plan.gap == 0
    assert plan.stock == {"PSU-750": {"GZ": 6, "SH": 5}, "MB-R740": {"GZ": 1, "SH": 1}}
    assert plan.service == pytest.approx({"2h": 0.93054, "8h": 0.92490}, abs=5e-6)
    assert plan.multipliers.keys() == {"service:2h", "service:8h", "capacity:SH"}


def test_a_plan_keeps_its_targets_by_the_exact_formulas():
    network = read(EXAMPLE.read_bytes())

    assert misses(network, evaluate(network, size(network).stock)) == {}


@pytest.mark.parametrize(
    "document",
    [
        country(300, 3, 4, seed=8),
        with_emergency(country(150, 2, 3, seed=2)),
        country(1_000, 2, 3, seed=4),
    ],
    ids=["300 parts in 3 depots", "150 parts with emergency", "1,000 parts in 2 depots"],
)
def test_networks_of_real_size_are_solved_to_a_hundred_thousandth(document):
    plan = planned(document)

    assert plan.status in {"optimal", "feasible"}
    assert plan.gap <= 1e-5


def test_a_hundred_parts_are_proven_optimal():
    plan = planned(country(100, 2, 3, seed=4))

    assert plan.status == "optimal"
    assert plan.cost_cny == plan.lower_bound_cny


def test_lateral_supply_among_many_parts_is_proven():
    lanes = [{"from": a, "to": b, "hours": 3, "cost_cny": 120} for a, b in [("D0", "D1"), ("D1", "D0")]]
    document = with_emergency(country(30, 2, 3, seed=5), lateral=True, lateral_lanes=lanes)

    plan = planned(document)

    assert plan.status == "optimal"
    assert {depot for depots in plan.stock.values() for depot in depots} == {"D0", "D1"}


def test_lateral_supply_costs_no_more_than_going_without():
    lanes = [{"from": a, "to": b, "hours": 0.1, "cost_cny": 0} for a, b in [("D0", "D1"), ("D1", "D0")]]
    document = country(20, 2, 2, seed=6)
    alone = planned(with_emergency(document))
    together = planned(with_emergency(document, lateral=True, lateral_lanes=lanes))

    assert together.cost_cny < alone.cost_cny


def test_nothing_is_stocked_where_nobody_asks():
    document = example() | {"parts": [], "replenishment": [], "bom": []}
    plan = planned(document)

    assert (plan.status, plan.cost_cny, plan.gap, plan.stock) == ("optimal", 0, 0, {})
    assert plan.service == {"2h": 1.0, "8h": 1.0}


def test_a_part_that_costs_nothing_is_stocked_until_it_always_suffices():
    document = example()
    document["parts"][0]["unit_cost_cny"] = 0
    document["sla_classes"][0]["target_fraction"] = 0.8
    document["sla_classes"][1]["target_fraction"] = 0.78

    plan = planned(document)

    assert plan.status == "optimal"
    assert plan.cost_cny == 14_500


def test_a_floor_is_held_whatever_the_targets_ask():
    document = example()
    document["replenishment"][3]["min_stock"] = 3
    document["replenishment"].append({"part": "SPARE", "depot": "GZ", "lead_time_days": 90, "min_stock": 2})
    document["parts"].append({"id": "SPARE", "unit_cost_cny": 100, "holding_rate_per_year": 0.2})

    plan = planned(document)

    assert plan.stock["MB-R740"]["SH"] >= 3
    assert plan.stock["SPARE"] == {"GZ": 2}


def test_floors_are_held_even_where_nobody_asks():
    document = example()
    document["installed_base"] = []
    document["replenishment"][0]["min_stock"] = 2

    plan = planned(document)

    assert plan.status == "optimal"
    assert plan.stock == {"PSU-750": {"GZ": 2}}


def test_a_target_of_one_is_met_within_rounding():
    document = example()
    document["depots"][1]["capacity_units"] = None
    document["sla_classes"][0]["target_fraction"] = 1.0

    plan = planned(document)

    assert plan.status == "optimal"
    assert plan.service["2h"] >= 1 - 1e-9


def test_hundreds_of_units_are_sized_as_surely_as_one():
    document = example()
    document["installed_base"][0]["device_count"] = 100_000

    plan = planned(document)

    assert plan.status == "optimal"
    assert plan.stock["PSU-750"]["GZ"] > 300


def test_a_mean_time_target_is_kept_by_the_cheapest_stock():
    document = example()
    for sla in document["sla_classes"]:
        del sla["target_fraction"]
        sla["mean_time_target_hours"] = 24
    network = read(json.dumps(document).encode())

    plan = size(network)
    found = evaluate(network, plan.stock)

    assert plan.status == "optimal"
    assert max(found.mean_hours.values()) <= 24 + 1e-9
    assert check(plan, network) == []


def test_more_room_never_costs_more():
    costs = []
    for capacity in [3, 4, 5, 6, 9, None]:
        document = example()
        document["depots"][1]["capacity_units"] = capacity
        costs.append(planned(document).cost_cny or float("inf"))

    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1]


def test_more_money_never_costs_more():
    costs = []
    for budget in [18_000, 22_000, 26_000, 60_000, None]:
        document = example()
        document["depots"][1]["budget_cny"] = budget
        costs.append(planned(document).cost_cny or float("inf"))

    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1]


def test_a_looser_target_never_costs_more():
    costs = []
    for target in [0.99, 0.97, 0.93, 0.8, 0.5, 0.2, 0.0]:
        document = example()
        document["sla_classes"][0]["target_fraction"] = target
        document["depots"][1]["capacity_units"] = None
        costs.append(planned(document).cost_cny)

    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1]


def test_the_order_of_parts_and_customers_changes_no_cost():
    document = country(25, 2, 3, seed=7)
    forward = planned(document)
    for table in ("parts", "replenishment", "customers", "installed_base", "bom", "depots"):
        document[table].reverse()

    assert planned(document).cost_cny == pytest.approx(forward.cost_cny)


def test_ten_times_the_prices_cost_ten_times_as_much():
    document = country(25, 2, 3, seed=8)
    once = planned(document)
    for part in document["parts"]:
        part["unit_cost_cny"] = round(10 * part["unit_cost_cny"], 2)

    assert planned(document).cost_cny == pytest.approx(10 * once.cost_cny)


def test_equal_parts_do_not_drown_the_search():
    document = country(60, 2, 2, seed=9)
    for part in document["parts"]:
        part["unit_cost_cny"] = 1_000.0
    for row in document["replenishment"]:
        row["lead_time_days"] = 20
    for line in document["bom"]:
        line |= {"per_device": 1, "annual_failure_rate": 0.01}

    plan = planned(document)

    assert plan.status == "optimal"


def test_a_target_beyond_travel_is_refused_with_what_can_be_reached():
    document = example()
    document["customers"][0]["travel_hours"]["GZ"] = 2.5

    plan = planned(document)

    assert plan.status == "infeasible"
    (reason,) = plan.reasons
    assert reason.startswith("class 2h reaches at most 0.568 of 0.93 on time however much")
    assert reason.endswith("travel takes longer than 2 h for the rest")


def test_a_capacity_too_small_is_named_with_what_fits():
    document = example()
    document["depots"][1]["capacity_units"] = 3

    plan = planned(document)

    assert plan.status == "infeasible"
    assert plan.cost_cny is None
    assert plan.stock == {}
    (reason,) = plan.reasons
    assert reason.startswith("class 2h reaches at most 0.")
    assert reason.endswith("of 0.93 on time within the capacity of SH (3 units)")


def test_a_budget_too_small_is_named_with_what_it_buys():
    document = example()
    document["limits"]["total_budget_cny"] = 30_000

    assert all(reason.endswith("within the total budget (30,000.00 CNY)") for reason in planned(document).reasons)


def test_targets_that_only_together_are_too_much_are_named_together():
    document = example()
    document["limits"]["total_budget_cny"] = 48_799

    plan = planned(document)

    assert plan.status == "infeasible"
    assert plan.proof == "search"
    (reason,) = plan.reasons
    assert "the total budget (48,799.00 CNY)" in reason


def test_floors_that_do_not_fit_are_named():
    document = example()
    document["replenishment"][1]["min_stock"] = 10

    assert planned(document).reasons == (
        "the floors (min_stock) alone take 10 units, more than the capacity of SH (9 units)",
    )


def test_the_least_that_larger_orders_bring_is_named_where_it_does_not_fit():
    document = example()
    document["replenishment"][1]["order_quantity"] = 11

    assert planned(document).reasons == (
        "the floors (min_stock) and order quantities alone take 10 units, more than the capacity of SH (9 units)",
    )


def test_a_measured_target_out_of_reach_is_named_with_what_it_needs():
    document = example()
    document["sla_classes"][0] |= {"measuring_days": 365, "assurance": 0.9}
    document["customers"][0]["travel_hours"]["GZ"] = 2.5

    (reason,) = planned(document).reasons

    assert reason.startswith("class 2h reaches at most 0.568 of 0.9")
    assert " on time (to measure 0.93 in 365 days with assurance 0.9) however much is stocked" in reason


def test_a_measured_target_of_all_calls_asks_for_what_chance_allows():
    document = example()
    document["sla_classes"][0] |= {"target_fraction": 1.0, "measuring_days": 30, "assurance": 0.9}
    calls = (160 + 210) * (2 * 0.035 + 0.02) * 30 / 365
    document["depots"][1]["capacity_units"] = None

    plan = planned(document)

    assert plan.status == "optimal"
    assert plan.service["2h"] >= 1 + math.log(0.9) / calls - 1e-9


def test_less_certain_rates_and_more_assurance_cost_more():
    costs = []
    for shape in (None, 20.0, 2.0, 0.5):
        document = example()
        document["depots"][1]["capacity_units"] = None
        for part in document["parts"]:
            part["rate_shape"] = shape
        costs.append(planned(document).cost_cny)
    for assurance in (0.8, 0.99):
        document = example()
        document["depots"][1]["capacity_units"] = None
        document["sla_classes"][0] |= {"measuring_days": 365, "assurance": assurance}
        costs.append(planned(document).cost_cny)

    assert costs[:4] == sorted(costs[:4])
    assert costs[0] < costs[3]
    assert costs[0] <= costs[4] <= costs[5]
    assert costs[0] < costs[5]


def test_a_critical_part_is_held_for_its_weight():
    document = example()
    document["depots"][1]["capacity_units"] = None
    document["parts"][1]["criticality"] = 50

    plan = planned(document)

    assert sum(plan.stock["MB-R740"].values()) > 2
    assert plan.cost_cny > 48_800


def test_a_mean_time_below_travel_is_refused():
    document = example()
    document["sla_classes"][1]["mean_time_target_hours"] = 4

    assert planned(document).reasons == ("class 8h takes at least 5.000 h on average, not 4 h however much is stocked",)


def test_without_time_the_answer_says_so_and_still_keeps_its_targets():
    network = read(json.dumps(country(200, 2, 3, seed=10)).encode())

    plan = size(network, time_limit_s=0.0)

    assert plan.status == "timed_out"
    assert misses(network, evaluate(network, plan.stock)) == {}
    assert check(plan, network) == []


def test_progress_is_told_step_by_step():
    told = []

    size(read(EXAMPLE.read_bytes()), progress=lambda step, gap: told.append((step, gap)))

    steps = [step for step, _ in told]
    assert steps[:2] == ["alternatives", "bound"]
    assert "search" in steps
    assert all(0 <= gap <= 1 for _, gap in told)


def test_two_pairs_of_depots_help_each_other_apart():
    lanes = [
        {"from": a, "to": b, "hours": 3, "cost_cny": 1}
        for a, b in [("D0", "D1"), ("D1", "D0"), ("D2", "D3"), ("D3", "D2")]
    ]
    document = with_emergency(country(3, 4, 1), lateral=True, lateral_lanes=lanes)

    assert planned(document).status == "optimal"
