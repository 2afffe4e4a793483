"""Why a base stock is what it is: the small example by hand, and one unit more or less as a plan of its own."""

import json
from pathlib import Path

import pytest

from optimizer.errors import OptimizerError
from optimizer.evaluation import evaluate, misses
from optimizer.explanation import explain
from optimizer.network import read
from optimizer.sizing import size

EXAMPLE = Path(__file__).parents[2] / "examples" / "network-small.json"


def network(**changes):
    return read(json.dumps(json.loads(EXAMPLE.read_bytes()) | changes).encode())


def rows_of(plan):
    return [(part, depot) for part, held in plan.stock.items() for depot in held]


def test_the_devices_behind_a_row_add_up_to_its_rate():
    net = network()
    plan = size(net)
    for part, depot in rows_of(plan):
        found = explain(net, plan, part, depot)

        assert sum(model.rate_per_day for model in found.installed) == pytest.approx(found.rate_per_day)
        assert found.expected_demand == pytest.approx(found.rate_per_day * found.lead_time_days)
        assert all(
            model.rate_per_day == pytest.approx(model.pieces * model.annual_failure_rate / 365)
            for model in found.installed
        )


def test_one_more_and_one_less_are_the_plan_evaluated_anew():
    net = network()
    plan = size(net)
    before = evaluate(net, plan.stock)
    for part, depot in rows_of(plan):
        found = explain(net, plan, part, depot)
        for change in (found.one_more, found.one_less):
            stock = {**plan.stock, part: {**plan.stock[part], depot: change.base_stock}}
            after = evaluate(net, stock)
            assert change.cost_cny == pytest.approx(after.cost_cny - before.cost_cny)
            for name, service in after.service.items():
                assert change.service.get(name, 0.0) == pytest.approx(service - before.service[name], abs=1e-12)
            assert change.breaks == misses(net, after)
            assert change.holds == (not misses(net, after))


def test_no_unit_of_a_cheapest_plan_can_be_spared():
    net = network()
    plan = size(net)
    assert plan.status == "optimal"
    for part, depot in rows_of(plan):
        assert not explain(net, plan, part, depot).one_less.holds


def test_the_row_that_binds_is_the_class_that_pays_for_the_last_unit():
    net = network()
    plan = size(net)
    found = explain(net, plan, "MB-R740", "GZ")

    assert found.binding in plan.multipliers
    first, *others = found.one_less.worths
    assert found.binding == first.row
    assert all(first.worth_cny >= other.worth_cny for other in others)
    assert first.worth_cny == pytest.approx(first.multiplier * first.eases)


def test_a_full_depot_charges_rent_for_the_next_unit():
    document = json.loads(EXAMPLE.read_bytes())
    depots = [depot | {"capacity_units": 7 if depot["id"] == "GZ" else None} for depot in document["depots"]]
    net = network(depots=depots)
    plan = size(net)
    found = explain(net, plan, "PSU-750", "GZ").one_more

    assert not found.holds
    assert found.breaks["capacity:GZ"] == 1
    priced = {worth.row: worth for worth in found.worths}
    if plan.multipliers["capacity:GZ"]:
        assert priced["capacity:GZ"].eases == -1


def test_a_unit_that_a_floor_asks_for_is_priced_by_nobody():
    document = json.loads(EXAMPLE.read_bytes())
    replenishment = [
        row | {"min_stock": 9 if (row["part"], row["depot"]) == ("PSU-750", "GZ") else 0}
        for row in document["replenishment"]
    ]
    net = network(replenishment=replenishment)
    found = explain(net, size(net), "PSU-750", "GZ")

    assert (found.base_stock, found.floor, found.binding) == (9, 9, None)
    assert found.one_less.breaks["floor"] == 1


def test_what_is_not_planned_is_not_explained():
    net = network()
    with pytest.raises(OptimizerError):
        explain(net, size(net), "NOPE", "GZ")


def test_lateral_supply_moves_the_service_of_both_depots():
    policy = {
        "stockout": "emergency",
        "lateral": True,
        "emergency_hours": 12,
        "emergency_cost_cny": 500,
        "lateral_lanes": [
            {"from": "SH", "to": "GZ", "hours": 1, "cost_cny": 100},
            {"from": "GZ", "to": "SH", "hours": 1, "cost_cny": 100},
        ],
    }
    net = network(policy=policy)
    plan = size(net)
    found = explain(net, plan, "PSU-750", "GZ")
    after = evaluate(net, {**plan.stock, "PSU-750": {**plan.stock["PSU-750"], "GZ": found.base_stock + 1}})
    before = evaluate(net, plan.stock)
    assert found.one_more.cost_cny == pytest.approx(after.cost_cny - before.cost_cny)
    assert {name: before.service[name] + change for name, change in found.one_more.service.items()} == pytest.approx(
        {name: after.service[name] for name in found.one_more.service}
    )
