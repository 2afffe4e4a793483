"""The checker: what is right passes, and everything spoiled is found."""

import json
from pathlib import Path

import msgspec
import pytest

from optimizer.certificate import check, standing
from optimizer.errors import InvalidInput
from optimizer.network import read
from optimizer.plan import read_plan, write_plan
from optimizer.sizing import size

EXAMPLE = Path(__file__).parents[2] / "examples" / "network-small.json"
NETWORK = read(EXAMPLE.read_bytes())
PLAN = size(NETWORK)


def spoiled(**changes):
    return check(msgspec.structs.replace(PLAN, **changes), NETWORK)


def infeasible_network():
    document = json.loads(EXAMPLE.read_bytes())
    document["depots"][1]["capacity_units"] = 3
    return read(json.dumps(document).encode())


def test_a_plan_is_verified():
    assert check(PLAN, NETWORK) == []


def test_a_plan_is_verified_after_a_round_through_its_file():
    assert check(read_plan(write_plan(PLAN)), NETWORK) == []


@pytest.mark.parametrize("part", ["PSU-750", "MB-R740"])
@pytest.mark.parametrize("depot", ["GZ", "SH"])
@pytest.mark.parametrize("change", [-1, 1])
def test_one_unit_more_or_less_anywhere_is_found(part, depot, change):
    stock = {name: dict(depots) for name, depots in PLAN.stock.items()}
    stock[part][depot] += change

    assert spoiled(stock=stock)


def test_a_row_left_out_is_found():
    assert spoiled(stock={"PSU-750": PLAN.stock["PSU-750"]}) == [
        "stock: MB-R740 at GZ is missing",
        "stock: MB-R740 at SH is missing",
    ]


def test_stock_that_serves_nobody_is_found():
    assert spoiled(stock=PLAN.stock | {"FAN": {"GZ": 1}}) == ["stock: FAN at GZ serves nobody"]


def test_a_missed_target_is_found_even_if_the_figures_are_honest():
    document = json.loads(EXAMPLE.read_bytes())
    document["sla_classes"][0]["target_fraction"] = 0.92
    cheaper = size(read(json.dumps(document).encode()))

    assert any(fault.startswith("service:2h is missed by") for fault in check(cheaper, NETWORK))


@pytest.mark.parametrize("figure", ["cost_cny", "lower_bound_cny", "lagrangian_bound_cny"])
@pytest.mark.parametrize("factor", [0.99, 1 - 1e-7, 1 + 1e-7, 1.01])
def test_a_wrong_figure_is_found(figure, factor):
    assert spoiled(**{figure: getattr(PLAN, figure) * factor})


def test_a_wrong_service_is_found():
    assert spoiled(service=PLAN.service | {"2h": PLAN.service["2h"] + 1e-6})
    assert spoiled(service={"2h": PLAN.service["2h"]})
    assert spoiled(service=PLAN.service | {"4h": 1.0})


def test_a_wrong_gap_is_found():
    assert spoiled(gap=1e-4) == ["gap: 0.0001, but it is 0.0"]


@pytest.mark.parametrize("factor", [0.0, 0.999999, 1.000001, 2.0])
def test_a_wrong_multiplier_is_found(factor):
    multipliers = PLAN.multipliers | {"service:2h": PLAN.multipliers["service:2h"] * factor}

    assert any(fault.startswith("lagrangian") for fault in spoiled(multipliers=multipliers))


def test_a_multiplier_of_nothing_is_found():
    assert spoiled(multipliers=PLAN.multipliers | {"service:4h": 1.0})


def test_a_plan_that_claims_more_than_its_multipliers_prove_is_found():
    assert any(fault.startswith("lower_bound") for fault in spoiled(proof="lagrangian"))


def test_a_plan_that_is_not_the_cheapest_is_found_by_searching():
    stock = {"PSU-750": {"GZ": 7, "SH": 5}, "MB-R740": {"GZ": 1, "SH": 1}}
    dearer = spoiled(stock=stock, cost_cny=50_600, lower_bound_cny=50_600)

    assert "lower_bound_cny: 50600, but there is a plan for 48800.00" in dearer


def test_a_bound_that_a_search_left_open_is_verified():
    lower = 48_000.0
    gap = (48_800 - lower) / 48_800

    assert spoiled(status="feasible", lower_bound_cny=lower, gap=gap) == []
    assert spoiled(status="optimal", lower_bound_cny=lower, gap=gap) != []


def rich_network(**policy):
    """The small example with everything that a network may say further."""
    document = json.loads(EXAMPLE.read_bytes())
    document["parts"][0] |= {"criticality": 2.5, "rate_shape": 1.5}
    document["parts"][1] |= {"rate_shape": 4}
    document["sla_classes"][1] |= {"measuring_days": 365, "assurance": 0.8}
    document["depots"][1]["capacity_units"] = 30
    if policy:
        return read(json.dumps(document | {"policy": policy, "objective": "annual_cost"}).encode())
    for row, quantity in zip(document["replenishment"], (4, 1, 2, 1), strict=True):
        row["order_quantity"] = quantity
    return read(json.dumps(document).encode())


@pytest.mark.parametrize(
    "network",
    [rich_network(), rich_network(stockout="emergency", emergency_hours=5, emergency_cost_cny=900)],
    ids=["backorder", "emergency"],
)
def test_uncertain_rates_larger_orders_weights_and_measured_promises_are_computed_a_second_time(network):
    plan = size(network)

    assert plan.status == "optimal"
    assert check(plan, network) == []
    for part, depots in plan.stock.items():
        for depot, held in depots.items():
            fewer = plan.stock | {part: depots | {depot: held - 1}}
            assert not held or check(msgspec.structs.replace(plan, stock=fewer), network)


@pytest.mark.parametrize(
    ("table", "field", "value"),
    [
        ("parts", "criticality", 1.0),
        ("parts", "rate_shape", None),
        ("parts", "rate_shape", 1.6),
        ("replenishment", "order_quantity", 5),
    ],
)
def test_a_plan_for_another_reading_of_the_network_is_found(table, field, value):
    network = rich_network()
    first, *rest = getattr(network, table)
    other = msgspec.structs.replace(network, **{table: (msgspec.structs.replace(first, **{field: value}), *rest)})

    assert check(size(other), network)


def test_a_plan_that_keeps_the_target_but_not_what_its_period_needs_is_found():
    network = rich_network()
    classes = tuple(msgspec.structs.replace(c, measuring_days=None, assurance=None) for c in network.sla_classes)
    plain = size(msgspec.structs.replace(network, sla_classes=classes))

    assert any(fault.startswith("service:8h is missed by") for fault in check(plain, network))


def test_an_infeasible_network_is_verified_by_its_multipliers():
    network = infeasible_network()
    plan = size(network)

    assert plan.status == "infeasible"
    assert plan.proof == "lagrangian"
    assert check(plan, network) == []


@pytest.mark.parametrize("proof", ["lagrangian", "search"])
def test_a_feasible_network_called_infeasible_is_found(proof):
    lie = msgspec.structs.replace(size(infeasible_network()), proof=proof)

    assert check(lie, NETWORK)


def test_infeasible_without_proof_or_reason_is_found():
    network = infeasible_network()
    plan = size(network)
    nothing = dict.fromkeys(plan.multipliers, 0.0)

    assert check(msgspec.structs.replace(plan, multipliers=nothing), network)
    assert check(msgspec.structs.replace(plan, reasons=()), network)
    assert check(msgspec.structs.replace(plan, stock=PLAN.stock), network)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"status": "splendid"}, "$.status"),
        ({"cost_cny": -1}, "$.cost_cny"),
        ({"multipliers": {"service:2h": -1}}, "$.multipliers[...]"),
        ({"stock": {"PSU-750": {"GZ": 1.5}}}, "$.stock[...][...]"),
        ({"extra": 1}, "$"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(change, path):
    document = json.loads(write_plan(PLAN)) | change

    with pytest.raises(InvalidInput) as refusal:
        read_plan(json.dumps(document).encode())

    assert refusal.value.path == path


def test_a_plan_stands_in_a_network_that_hardly_differs():
    network = read(EXAMPLE.read_bytes())
    plan = size(network)
    document = json.loads(EXAMPLE.read_bytes())
    rarer = read(json.dumps(document | {"bom": [_scaled(line, 0.9999) for line in document["bom"]]}).encode())
    own, later = standing(plan, network), standing(plan, rarer)

    assert own.keeps
    assert (own.cost_cny, own.lower_bound_cny) == pytest.approx((plan.cost_cny, plan.lagrangian_bound_cny))
    assert later.keeps
    assert later.cost_cny == own.cost_cny
    assert later.lower_bound_cny == pytest.approx(own.lower_bound_cny, rel=1e-3)


@pytest.mark.parametrize("factor", [0.3, 0.6, 1.5])
def test_a_plans_multipliers_bound_the_cost_in_every_other_network(factor):
    document = json.loads(EXAMPLE.read_bytes())
    other = read(json.dumps(document | {"bom": [_scaled(line, factor) for line in document["bom"]]}).encode())
    found = standing(size(read(EXAMPLE.read_bytes())), other)

    assert found.keeps == (factor < 1)
    assert found.lower_bound_cny <= size(other).cost_cny


def _scaled(line, factor):
    return line | {"annual_failure_rate": line["annual_failure_rate"] * factor}
