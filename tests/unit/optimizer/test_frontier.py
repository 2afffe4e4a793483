"""What service costs: every point is a plan of its own, and more service never costs less."""

import json
from pathlib import Path

import msgspec
import pytest

from optimizer.frontier import SHIFTS, frontier, moved
from optimizer.network import read
from optimizer.sizing import size

EXAMPLE = Path(__file__).parents[2] / "examples" / "network-small.json"


def network():
    return read(EXAMPLE.read_bytes())


def test_more_service_never_costs_less_and_the_middle_is_the_plan_itself():
    points = frontier(network())
    costs = [point.cost_cny for point in points]

    assert [point.shift for point in points] == list(SHIFTS)
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]
    assert next(point for point in points if point.shift == 0).cost_cny == 48_800


def test_every_point_is_the_cheapest_plan_for_its_targets():
    for point in frontier(network(), (-0.04, 0.02)):
        net = network()
        classes = tuple(msgspec.structs.replace(sla, target_fraction=point.targets[sla.id]) for sla in net.sla_classes)
        plan = size(msgspec.structs.replace(net, sla_classes=classes))
        assert (point.cost_cny, point.service, point.status) == (plan.cost_cny, plan.service, "optimal")


def test_a_target_is_never_moved_to_all_or_below_nothing():
    document = json.loads(EXAMPLE.read_bytes())
    document["sla_classes"][0]["target_fraction"] = 0.98
    net = read(json.dumps(document).encode())

    assert moved(net, 0.03).sla_classes[0].target_fraction == pytest.approx(0.998)
    assert moved(net, -1.0).sla_classes[0].target_fraction == 0
    assert moved(net, 0.0) == net


def test_each_points_sizing_tells_how_far_it_is():
    told = []
    frontier(network(), (-0.01, 0.0), progress=lambda number: lambda step, _gap: told.append((number, step)))

    assert {number for number, _ in told} == {0, 1}
    assert told[0] == (0, "alternatives")
