"""The network file: what is read, and what is refused with which path."""

import copy
import json
from pathlib import Path

import pytest

from optimizer.certificate import check
from optimizer.errors import InvalidInput
from optimizer.explanation import explain
from optimizer.network import Installed, mean_factors, read
from optimizer.sizing import size

EXAMPLE = Path(__file__).parents[2] / "examples" / "network-small.json"
MISSING = object()


def example():
    return json.loads(EXAMPLE.read_bytes())


def changed(path, value):
    """The small example with one place changed, removed (MISSING) or, beyond a list, appended."""
    document = example()
    *way, last = path
    place = document
    for key in way:
        place = place[key]
    if value is MISSING:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(copy.deepcopy(value))
    else:
        place[last] = copy.deepcopy(value)
    return json.dumps(document).encode()


def with_policy(**fields):
    return changed(["policy"], {"stockout": "emergency", "lateral": False} | fields)


EMERGENCY = {"emergency_hours": 6, "emergency_cost_cny": 800}
LATERAL = EMERGENCY | {"lateral": True}
MEASURED = {
    "id": "2h",
    "time_to_site_hours": 2,
    "target_fraction": 0.93,
    "measuring_days": 30,
    "assurance": 0.9,
}
LANE = {"from": "GZ", "to": "SH", "hours": 26, "cost_cny": 300}

REFUSED = [
    # not a network file at all
    ("no content", b"", "$"),
    ("no JSON", b"depots: []", "$"),
    ("cut short", EXAMPLE.read_bytes()[:500], "$"),
    ("not UTF-8", b'{"depots": "\xff"}', "$.depots"),
    ("a list", b"[]", "$"),
    ("infinity", EXAMPLE.read_bytes().replace(b"1.2", b"Infinity", 1), "$"),
    ("nested too deep", b'{"depots": ' + b"[" * 5000, "$.depots[0]"),
    # fields
    ("an unknown field", changed(["colour"], "red"), "$"),
    ("an unknown field of a part", changed(["parts", 1, "weight_kg"], 3), "$.parts[1]"),
    ("an unknown field of a depot", changed(["depots", 0, "city"], "GZ"), "$.depots[0]"),
    ("an unknown field of the policy", changed(["policy", "x"], 1), "$.policy"),
    ("no parts", changed(["parts"], MISSING), "$"),
    ("no cost", changed(["parts", 0, "unit_cost_cny"], MISSING), "$.parts[0]"),
    ("no lead time", changed(["replenishment", 2, "lead_time_days"], MISSING), "$.replenishment[2]"),
    ("a number as text", changed(["parts", 0, "unit_cost_cny"], "1800"), "$.parts[0].unit_cost_cny"),
    ("no number", changed(["bom", 1, "per_device"], None), "$.bom[1].per_device"),
    ("an unknown stockout", changed(["policy", "stockout"], "pray"), "$.policy.stockout"),
    ("an unknown objective", changed(["objective"], "profit"), "$.objective"),
    ("an empty id", changed(["depots", 0, "id"], ""), "$.depots[0].id"),
    # numbers
    ("a negative cost", changed(["parts", 1, "unit_cost_cny"], -1), "$.parts[1].unit_cost_cny"),
    (
        "a negative holding rate",
        changed(["parts", 0, "holding_rate_per_year"], -0.1),
        "$.parts[0].holding_rate_per_year",
    ),
    (
        "a negative lead time",
        changed(["replenishment", 0, "lead_time_days"], -3),
        "$.replenishment[0].lead_time_days",
    ),
    ("a negative capacity", changed(["depots", 1, "capacity_units"], -9), "$.depots[1].capacity_units"),
    ("half a unit of capacity", changed(["depots", 1, "capacity_units"], 8.5), "$.depots[1].capacity_units"),
    ("a negative budget", changed(["depots", 0, "budget_cny"], -1), "$.depots[0].budget_cny"),
    (
        "a negative total budget",
        changed(["limits", "total_budget_cny"], -1),
        "$.limits.total_budget_cny",
    ),
    ("a negative floor", changed(["replenishment", 0, "min_stock"], -1), "$.replenishment[0].min_stock"),
    ("half a device", changed(["installed_base", 0, "device_count"], 1.5), "$.installed_base[0].device_count"),
    (
        "a negative failure rate",
        changed(["bom", 0, "annual_failure_rate"], -0.01),
        "$.bom[0].annual_failure_rate",
    ),
    ("a target above one", changed(["sla_classes", 0, "target_fraction"], 1.01), "$.sla_classes[0].target_fraction"),
    (
        "a negative mean time",
        changed(["sla_classes", 1, "mean_time_target_hours"], -2),
        "$.sla_classes[1].mean_time_target_hours",
    ),
    (
        "a number beyond all bounds",
        EXAMPLE.read_bytes().replace(b"14500", b"1e400", 1),
        "$.parts[1].unit_cost_cny",
    ),
    ("a negative travel time", changed(["customers", 2, "travel_hours", "SH"], -1), "$.customers[2].travel_hours.SH"),
    ("travel time as text", changed(["customers", 0, "travel_hours", "GZ"], "1.2"), "$.customers[0].travel_hours.GZ"),
    (
        "travel time beyond all bounds",
        EXAMPLE.read_bytes().replace(b'"SH": 26', b'"SH": 1e999', 1),
        "$.customers[1].travel_hours.SH",
    ),
    ("travel times as a list", changed(["customers", 0, "travel_hours"], [1.2]), "$.customers[0].travel_hours"),
    (
        "travel from a depot without name",
        changed(["customers", 0, "travel_hours", ""], 1),
        "$.customers[0].travel_hours",
    ),
    ("no criticality", changed(["parts", 0, "criticality"], 0), "$.parts[0].criticality"),
    ("a criticality without end", changed(["parts", 0, "criticality"], 1e7), "$.parts[0].criticality"),
    ("a rate of no shape", changed(["parts", 1, "rate_shape"], 0), "$.parts[1].rate_shape"),
    ("a negative shape", changed(["parts", 1, "rate_shape"], -2), "$.parts[1].rate_shape"),
    ("orders of nothing", changed(["replenishment", 1, "order_quantity"], 0), "$.replenishment[1].order_quantity"),
    ("orders of half", changed(["replenishment", 1, "order_quantity"], 1.5), "$.replenishment[1].order_quantity"),
    (
        "orders without end",
        changed(["replenishment", 1, "order_quantity"], 10_001),
        "$.replenishment[1].order_quantity",
    ),
    (
        "a period of no days",
        changed(["sla_classes", 0], MEASURED | {"measuring_days": 0}),
        "$.sla_classes[0].measuring_days",
    ),
    ("a certain assurance", changed(["sla_classes", 0], MEASURED | {"assurance": 1}), "$.sla_classes[0].assurance"),
    ("no assurance at all", changed(["sla_classes", 0], MEASURED | {"assurance": 0}), "$.sla_classes[0].assurance"),
    # ids that lead nowhere
    ("a lead time of no part", changed(["replenishment", 1, "part"], "X"), "$.replenishment[1].part"),
    ("a lead time at no depot", changed(["replenishment", 3, "depot"], "BJ"), "$.replenishment[3].depot"),
    ("a customer of no class", changed(["customers", 1, "sla_class"], "4h"), "$.customers[1].sla_class"),
    (
        "a negative factor",
        changed(["installed_base", 1, "factors"], {"MB-R740": -1}),
        '$.installed_base[1].factors["MB-R740"]',
    ),
    (
        "a huge factor",
        changed(["installed_base", 1, "factors"], {"MB-R740": 1e7}),
        '$.installed_base[1].factors["MB-R740"]',
    ),
    (
        "a factor as text",
        changed(["installed_base", 0, "factors"], {"MB-R740": "2"}),
        '$.installed_base[0].factors["MB-R740"]',
    ),
    ("factors as a list", changed(["installed_base", 0, "factors"], [2]), "$.installed_base[0].factors"),
    ("a factor of no part", changed(["installed_base", 2, "factors"], {"FAN": 2}), "$.installed_base[2].factors.FAN"),
    ("a factor of an empty part", changed(["installed_base", 2, "factors"], {"": 2}), "$.installed_base[2].factors"),
    (
        "a factor of a part that the model has not",
        json.dumps(
            example()
            | {
                "bom": example()["bom"]
                + [{"model": "S12", "part": "PSU-750", "per_device": 1, "annual_failure_rate": 0.1}],
                "installed_base": [{"customer": "C1", "model": "S12", "device_count": 2, "factors": {"MB-R740": 2}}],
            }
        ).encode(),
        '$.installed_base[0].factors["MB-R740"]',
    ),
    (
        "a factor twice",
        EXAMPLE.read_bytes().replace(
            b'"device_count": 160', b'"device_count": 160, "factors": {"MB-R740": 1, "MB-R740": 2}'
        ),
        '$.installed_base[0].factors["MB-R740"]',
    ),
    ("travel from no depot", changed(["customers", 1, "travel_hours", "BJ"], 3), "$.customers[1].travel_hours.BJ"),
    (
        "travel from no depot, with a name that is no word",
        changed(["customers", 1, "travel_hours", "B J"], 3),
        '$.customers[1].travel_hours["B J"]',
    ),
    ("devices of no customer", changed(["installed_base", 2, "customer"], "C9"), "$.installed_base[2].customer"),
    ("devices of no model", changed(["installed_base", 1, "model"], "R750"), "$.installed_base[1].model"),
    ("a model with no such part", changed(["bom", 1, "part"], "X"), "$.bom[1].part"),
    (
        "a lane from nowhere",
        with_policy(**LATERAL, lateral_lanes=[LANE | {"from": "BJ"}]),
        "$.policy.lateral_lanes[0].from",
    ),
    ("a lane to nowhere", with_policy(**LATERAL, lateral_lanes=[LANE | {"to": "BJ"}]), "$.policy.lateral_lanes[0].to"),
    # said twice
    ("a depot twice", changed(["depots", 1, "id"], "GZ"), "$.depots[1].id"),
    ("a part twice", changed(["parts", 1, "id"], "PSU-750"), "$.parts[1].id"),
    ("a class twice", changed(["sla_classes", 1, "id"], "2h"), "$.sla_classes[1].id"),
    ("a customer twice", changed(["customers", 2, "id"], "C1"), "$.customers[2].id"),
    ("a lead time twice", changed(["replenishment", 1, "depot"], "GZ"), "$.replenishment[1]"),
    ("a part of a model twice", changed(["bom", 1, "part"], "PSU-750"), "$.bom[1]"),
    (
        "a travel time twice",
        EXAMPLE.read_bytes().replace(b'"GZ": 5.0', b'"GZ": 5.0, "GZ": 4.0', 1),
        "$.customers[1].travel_hours.GZ",
    ),
    ("a lane twice", with_policy(**LATERAL, lateral_lanes=[LANE, LANE]), "$.policy.lateral_lanes[1]"),
    # what contradicts itself
    ("a class that promises nothing", changed(["sla_classes", 0, "target_fraction"], None), "$.sla_classes[0]"),
    (
        "a period without assurance",
        changed(["sla_classes", 0, "measuring_days"], 30),
        "$.sla_classes[0].measuring_days",
    ),
    ("an assurance without period", changed(["sla_classes", 1, "assurance"], 0.9), "$.sla_classes[1].assurance"),
    (
        "a period of a class without share",
        changed(["sla_classes", 0], MEASURED | {"target_fraction": None, "mean_time_target_hours": 9}),
        "$.sla_classes[0].measuring_days",
    ),
    (
        "larger orders with emergency",
        json.dumps(
            json.loads(with_policy(**EMERGENCY))
            | {"replenishment": [r | {"order_quantity": 2} for r in example()["replenishment"]]}
        ).encode(),
        "$.replenishment[0].order_quantity",
    ),
    (
        "an uncertain rate with lateral",
        json.dumps(
            json.loads(with_policy(**LATERAL, lateral_lanes=[LANE]))
            | {"parts": [example()["parts"][0], example()["parts"][1] | {"rate_shape": 2.5}]}
        ).encode(),
        "$.parts[1].rate_shape",
    ),
    ("demand without lead time", changed(["replenishment", 1], MISSING), "$.replenishment"),
    ("demand that nobody reaches", changed(["customers", 1, "travel_hours"], {}), "$.customers[1].travel_hours"),
    ("lateral without emergency", changed(["policy", "lateral"], True), "$.policy.lateral"),
    ("emergency without hours", with_policy(emergency_cost_cny=800), "$.policy.emergency_hours"),
    ("emergency without cost", with_policy(emergency_hours=6), "$.policy.emergency_cost_cny"),
    ("lateral without lanes", with_policy(**LATERAL), "$.policy.lateral_lanes"),
    ("a lane to itself", with_policy(**LATERAL, lateral_lanes=[LANE | {"to": "GZ"}]), "$.policy.lateral_lanes[0].to"),
    (
        "lateral with no lead time at all",
        json.dumps(
            json.loads(with_policy(**LATERAL, lateral_lanes=[LANE]))
            | {"replenishment": [r | {"lead_time_days": 0} for r in example()["replenishment"]]}
        ).encode(),
        "$.replenishment[0].lead_time_days",
    ),
]


@pytest.mark.parametrize(("content", "path"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_bad_file_is_refused_with_the_path_of_what_is_wrong(content, path):
    with pytest.raises(InvalidInput) as refusal:
        read(content)

    assert refusal.value.path == path
    assert refusal.value.problem


def test_the_small_example_is_read_in_full():
    network = read(EXAMPLE.read_bytes())

    assert [depot.capacity_units for depot in network.depots] == [None, 9]
    assert network.parts[1].unit_cost_cny == 14500
    assert network.customers[0].travel_hours == {"GZ": 1.2, "SH": 28}
    assert network.policy.stockout == "backorder"
    assert network.limits.total_budget_cny is None


def test_fields_without_effect_may_be_left_out():
    document = example()
    for depot in document["depots"]:
        del depot["name"]
    del document["depots"][0]["capacity_units"], document["depots"][0]["budget_cny"]
    del document["limits"], document["policy"]["lateral"]

    network = read(json.dumps(document).encode())

    assert network.depots[0].budget_cny is None
    assert not network.policy.lateral
    assert network.replenishment[0].min_stock == 0
    assert network.replenishment[0].order_quantity == 1
    assert (network.parts[0].criticality, network.parts[0].rate_shape) == (1, None)
    assert (network.sla_classes[0].measuring_days, network.sla_classes[0].assurance) == (None, None)


def test_uncertain_rates_larger_orders_weights_and_measured_promises_are_read():
    document = example()
    document["parts"][0] |= {"criticality": 3, "rate_shape": 1.5}
    document["replenishment"][2]["order_quantity"] = 4
    document["sla_classes"][0] = MEASURED

    network = read(json.dumps(document).encode())

    assert (network.parts[0].criticality, network.parts[0].rate_shape) == (3, 1.5)
    assert network.replenishment[2].order_quantity == 4
    assert (network.sla_classes[0].measuring_days, network.sla_classes[0].assurance) == (30, 0.9)


def test_a_network_without_depots_or_parts_is_valid_if_nobody_asks_for_anything():
    document = example() | {"parts": [], "replenishment": [], "bom": []}
    assert read(json.dumps(document).encode()).parts == ()

    document |= {"depots": [], "customers": [], "installed_base": []}
    assert read(json.dumps(document).encode()).depots == ()


def test_a_customer_without_devices_needs_no_travel_times():
    document = example()
    document["customers"][1]["travel_hours"] = {}
    document["installed_base"][1]["device_count"] = 0

    assert read(json.dumps(document).encode()).customers[1].travel_hours == {}


def test_a_part_that_never_fails_needs_no_lead_time():
    document = example()
    document["bom"][1]["annual_failure_rate"] = 0
    document["replenishment"] = document["replenishment"][:2]

    assert len(read(json.dumps(document).encode()).replenishment) == 2


@pytest.mark.parametrize("policy", ["backorder", "emergency"])
def test_a_factor_is_what_another_list_would_say(policy):
    """Devices that fail twice as often are devices of a model whose list says so, for the plan, its checker and its reasons."""
    document = example()
    if policy == "emergency":
        document["policy"] = {"stockout": "emergency", "lateral": False} | EMERGENCY
    plain = copy.deepcopy(document)
    document["installed_base"][0]["factors"] = {"PSU-750": 2.0, "MB-R740": 0.25}
    document["installed_base"][1]["factors"] = {"PSU-750": 0.0}
    for index, times in ((0, {"PSU-750": 2.0, "MB-R740": 0.25}), (1, {"PSU-750": 0.0, "MB-R740": 1.0})):
        plain["installed_base"][index]["model"] = f"R740-{index}"
        plain["bom"] += [
            line | {"model": f"R740-{index}", "annual_failure_rate": line["annual_failure_rate"] * times[line["part"]]}
            for line in document["bom"]
        ]
    factored, listed = (read(json.dumps(each).encode()) for each in (document, plain))
    plan, other = size(factored), size(listed)

    assert plan.stock == other.stock
    assert plan.cost_cny == other.cost_cny
    assert plan.service == pytest.approx(other.service, rel=1e-12)
    assert plan.stock != size(read(EXAMPLE.read_bytes())).stock
    assert check(plan, factored) == []
    assert check(plan, read(json.dumps(example() | {"policy": document["policy"]}).encode())) != []
    why = explain(factored, plan, "PSU-750", "GZ").installed
    assert [(one.device_count, one.factor) for one in why] == [(250, pytest.approx(320 / 250))]
    assert sum(one.rate_per_day for one in why) == pytest.approx(320 * 2 * 0.035 / 365)


def test_devices_that_never_fail_ask_nothing_of_anybody():
    document = example()
    document["installed_base"][2]["factors"] = {"PSU-750": 0, "MB-R740": 0}
    document["customers"][2]["travel_hours"] = {}
    with pytest.raises(InvalidInput):
        read(json.dumps(document).encode())  # somebody runs devices there, whatever they fail

    document["customers"][2]["travel_hours"] = {"SH": 1}
    document["replenishment"] = document["replenishment"][:1] + document["replenishment"][2:3]
    network = read(json.dumps(document).encode())
    assert {depot for held in size(network).stock.values() for depot in held} == {"GZ"}


def test_factors_of_several_rows_are_told_as_their_mean():
    rows = [
        Installed("C", "M", 30, {"FAN": 2.0}),
        Installed("C", "M", 10, {"FAN": 0.0, "PSU": 3.0}),
        Installed("C", "M", 0),
    ]
    assert mean_factors(rows) == {"FAN": 1.5, "PSU": 1.5}
    assert mean_factors([]) == mean_factors(rows[2:]) == {}
