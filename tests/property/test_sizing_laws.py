"""What must hold of the cheapest plan whatever the network: more room never costs, names and units mean nothing."""

import itertools
import json

import pytest

from optimizer.network import read
from optimizer.sizing import size
from tests.property.test_sizing_brute_force import SIZES, random_network

ROUNDING = 1e-6


def cost(document):
    """Least cost, infinite where there is no plan."""
    plan = size(read(json.dumps(document).encode()))
    assert plan.status in {"optimal", "infeasible"}
    return float("inf") if plan.cost_cny is None else plan.cost_cny


def changed(document, change):
    copy = json.loads(json.dumps(document))
    change(copy)
    return copy


def networks():
    return pytest.mark.parametrize(
        "document",
        [random_network(1_000 + 29 * seed, policy) for policy in SIZES for seed in range(5)],
        ids=[f"{policy} {seed}" for policy in SIZES for seed in range(5)],
    )


def with_budget(amount):
    def change(document):
        document["limits"]["total_budget_cny"] = amount
        document["depots"][0]["budget_cny"] = amount / 2

    return change


@networks()
def test_a_larger_budget_never_raises_the_cost(document):
    costs = [cost(changed(document, with_budget(amount))) for amount in (2_000.0, 9_000.0, 40_000.0)]

    assert costs == sorted(costs, reverse=True) or max(costs) - min(costs) < ROUNDING


@networks()
def test_more_room_never_raises_the_cost(document):
    def with_room(units):
        def change(document):
            for depot in document["depots"]:
                depot["capacity_units"] = units

        return change

    costs = [cost(changed(document, with_room(units))) for units in (2, 5, 20)]

    assert all(more <= less + ROUNDING for less, more in itertools.pairwise(costs))


@networks()
def test_a_looser_promise_never_costs_more(document):
    def loosened(document):
        for sla in document["sla_classes"]:
            if "target_fraction" in sla:
                sla["target_fraction"] = round(0.8 * sla["target_fraction"], 3)
            if "mean_time_target_hours" in sla:
                sla["mean_time_target_hours"] *= 1.2
            if "assurance" in sla:
                sla["assurance"] *= 0.9

    assert cost(changed(document, loosened)) <= cost(document) + ROUNDING


@networks()
def test_the_order_of_a_file_means_nothing(document):
    def reordered(document):
        for table in ("depots", "parts", "replenishment", "sla_classes", "customers", "installed_base", "bom"):
            document[table].reverse()

    # which of two equally far depots is asked first does depend on the order
    for index, lane in enumerate(document["policy"].get("lateral_lanes", [])):
        lane["hours"] += index / 100

    assert cost(changed(document, reordered)) == pytest.approx(cost(document), abs=ROUNDING)


@networks()
def test_the_unit_of_money_means_nothing(document):
    factor = 3.25

    def dearer(document):
        for part in document["parts"]:
            part["unit_cost_cny"] *= factor
        for depot in document["depots"]:
            if depot["budget_cny"] is not None:
                depot["budget_cny"] *= factor
        if document["limits"]["total_budget_cny"] is not None:
            document["limits"]["total_budget_cny"] *= factor
        if "emergency_cost_cny" in document["policy"]:
            document["policy"]["emergency_cost_cny"] *= factor
        for lane in document["policy"].get("lateral_lanes", []):
            lane["cost_cny"] *= factor

    assert cost(changed(document, dearer)) == pytest.approx(factor * cost(document), rel=1e-9, abs=ROUNDING)
