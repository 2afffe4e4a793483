"""What if: changes do what they say, refuse what means nothing, and two plans stand side by side."""

import json
from pathlib import Path

import pytest

from optimizer.errors import InvalidInput
from optimizer.evaluation import evaluate
from optimizer.network import read
from optimizer.sizing import size
from optimizer.whatif import Changes, changed, compare, read_changes

EXAMPLE = Path(__file__).parents[2] / "examples" / "network-small.json"


def network(**changes):
    return read(json.dumps(json.loads(EXAMPLE.read_bytes()) | changes).encode())


def under(**changes):
    return changed(network(), read_changes(json.dumps(changes).encode()))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({}, "$"),
        ({"targets": {"2x": 0.9}}, '$.targets["2x"]'),
        ({"targets": {"nope": 0.9}}, "$.targets.nope"),
        ({"budgets": {"BJ": 1}}, "$.budgets.BJ"),
        ({"capacities": {"BJ": 1}}, "$.capacities.BJ"),
        ({"lead_time_factors": [{"factor": 2, "part": "NOPE"}]}, "$.lead_time_factors[0].part"),
        ({"lead_time_factors": [{"factor": 2}, {"factor": 2, "depot": "BJ"}]}, "$.lead_time_factors[1].depot"),
        ({"device_factors": [{"factor": 2, "model": "NOPE"}]}, "$.device_factors[0].model"),
        ({"device_counts": [{"customer": "NOPE", "model": "R740", "device_count": 1}]}, "$.device_counts[0].customer"),
        ({"closed_depots": ["GZ", "BJ"]}, "$.closed_depots[1]"),
        ({"closed_depots": ["GZ", "GZ"]}, "$.closed_depots[1]"),
        ({"closed_depots": ["GZ", "SH"]}, "$.closed_depots[0]"),
        ({"policy": {"stockout": "emergency"}}, "$"),
    ],
)  # fmt: skip
def test_changes_that_mean_nothing_are_refused_with_their_path(changes, path):
    with pytest.raises(InvalidInput) as refusal:
        under(**changes)
    assert refusal.value.path == path


@pytest.mark.parametrize(
    "content", [b"[]", b'{"target": {}}', b'{"targets": {"2h": 1.5}}', b'{"device_factors": [{}]}', b"{"]
)
def test_what_is_no_file_of_changes_is_refused(content):
    with pytest.raises(InvalidInput):
        read_changes(content)


def test_only_what_is_named_changes():
    before, after = network(), under(targets={"2h": 0.95}, capacities={"GZ": 40}, total_budget_cny=90_000)

    assert {sla.id: sla.target_fraction for sla in after.sla_classes}["2h"] == 0.95
    assert (after.sla_classes[1], after.parts, after.bom) == (before.sla_classes[1], before.parts, before.bom)
    assert after.depots[0].capacity_units == 40
    assert after.limits.total_budget_cny == 90_000


def test_a_limit_of_null_is_lifted():
    document = {"limits": {"total_budget_cny": 1.0}}
    lifted = changed(network(**document), read_changes(b'{"total_budget_cny": null, "capacities": {"SH": null}}'))

    assert lifted.limits.total_budget_cny is None
    assert all(depot.capacity_units is None for depot in lifted.depots if depot.id == "SH")


def test_factors_multiply_and_reach_only_whom_they_name():
    after = under(
        lead_time_factors=[{"factor": 2}, {"factor": 1.5, "part": "PSU-750", "depot": "GZ"}],
        device_factors=[{"factor": 1.5}],
    )
    before = network()
    days = {(row.part, row.depot): row.lead_time_days for row in before.replenishment}

    for row in after.replenishment:
        factor = 3 if (row.part, row.depot) == ("PSU-750", "GZ") else 2
        assert row.lead_time_days == pytest.approx(days[row.part, row.depot] * factor)
    for old, new in zip(before.installed_base, after.installed_base, strict=True):
        assert new.device_count == round(old.device_count * 1.5)


def test_counts_replace_devices_and_may_bring_new_ones():
    (first, *_) = network().installed_base
    after = under(device_counts=[{"customer": first.customer, "model": first.model, "device_count": 7}])

    assert [
        row.device_count for row in after.installed_base if (row.customer, row.model) == (first.customer, first.model)
    ] == [7]


def test_a_closed_depots_customers_are_served_by_the_next():
    document = json.loads(EXAMPLE.read_bytes())
    for customer in document["customers"]:
        customer["travel_hours"] = {"GZ": 1.0, "SH": 1.5} | customer["travel_hours"]
    document["replenishment"] = [
        row for row in document["replenishment"] if (row["part"], row["depot"]) != ("MB-R740", "SH")
    ]
    document["customers"] = [c | {"travel_hours": {"GZ": 1.0, "SH": 1.5}} for c in document["customers"]]
    for depot in document["depots"]:
        depot["capacity_units"] = None
    net = read(json.dumps(document).encode())
    after = changed(net, Changes(closed_depots=("GZ",)))
    plan = size(after)

    assert [depot.id for depot in after.depots] == ["SH"]
    assert plan.status == "optimal"
    assert all(set(held) == {"SH"} for held in plan.stock.values())
    closed = {row.part: row.lead_time_days for row in net.replenishment if row.depot == "GZ"}
    assert {r.part: r.lead_time_days for r in after.replenishment}["MB-R740"] == closed["MB-R740"]


def test_two_plans_stand_side_by_side():
    before, after = network(), under(targets={"2h": 0.97})
    plan, other = size(before), size(after)
    found = compare(before, plan, after, other)

    assert (found.cost_before_cny, found.cost_after_cny) == (48_800, other.cost_cny)
    assert found.cost_after_cny > found.cost_before_cny
    (raised, same) = found.classes
    assert (raised.target_before, raised.target_after) == (0.93, 0.97)
    assert raised.service_after >= 0.97 > raised.service_before
    assert same.target_before == same.target_after
    assert sum(row.cost_cny for row in found.rows) == found.cost_after_cny - found.cost_before_cny
    assert all(row.before != row.after for row in found.rows)
    assert found.service_of_before == evaluate(after, plan.stock).service


def test_what_cannot_hold_says_why():
    before, after = network(), under(total_budget_cny=1000)
    found = compare(before, size(before), after, size(after))

    assert (found.status_after, found.cost_after_cny, found.rows) == ("infeasible", None, ())
    assert found.reasons


def test_a_plan_with_stock_in_a_closed_depot_has_no_service_left_to_tell():
    document = json.loads(EXAMPLE.read_bytes())
    document["customers"] = [c | {"travel_hours": {"GZ": 1.0, "SH": 1.5}} for c in document["customers"]]
    for depot in document["depots"]:
        depot["capacity_units"] = None
    net = read(json.dumps(document).encode())
    after = changed(net, Changes(closed_depots=("GZ",)))

    assert compare(net, size(net), after, size(after)).service_of_before is None
