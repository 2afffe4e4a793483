"""What a stock delivers: the small example, the policies' rules, and the limits."""

import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy import integrate, stats

from optimizer.assurance import needed_share
from optimizer.demand import gather
from optimizer.demand_counts import fewer_than
from optimizer.errors import InvalidInput
from optimizer.evaluation import evaluate, misses
from optimizer.network import read

EXAMPLE = Path(__file__).parents[2] / "examples" / "network-small.json"
PLANNED = {"PSU-750": {"GZ": 6, "SH": 5}, "MB-R740": {"GZ": 1, "SH": 1}}


def network(**changes):
    return read(json.dumps(json.loads(EXAMPLE.read_bytes()) | changes).encode())


def one_part(customers, policy, *, objective="annual_cost", hours=4.0):
    """One part, one failure every 20 days per 100 devices, two depots with lead time 20 days."""
    document = {
        "depots": [{"id": "GZ"}, {"id": "SH"}],
        "parts": [{"id": "P", "unit_cost_cny": 1000, "holding_rate_per_year": 0.2}],
        "replenishment": [{"part": "P", "depot": d, "lead_time_days": 20} for d in ("GZ", "SH")],
        "sla_classes": [{"id": "c", "time_to_site_hours": hours, "target_fraction": 0.5}],
        "customers": [
            {"id": name, "sla_class": "c", "travel_hours": travel} for name, (travel, _) in customers.items()
        ],
        "installed_base": [
            {"customer": name, "model": "M", "device_count": devices} for name, (_, devices) in customers.items()
        ],
        "bom": [{"model": "M", "part": "P", "per_device": 1, "annual_failure_rate": 0.1825}],
        "policy": policy,
        "objective": objective,
    }
    return read(json.dumps(document).encode())


EMERGENCY = {"stockout": "emergency", "emergency_hours": 12, "emergency_cost_cny": 500}


def test_the_small_example_delivers_what_is_published():
    found = evaluate(network(), PLANNED)

    assert found.cost_cny == 48_800
    assert found.service == pytest.approx({"2h": 0.93054, "8h": 0.92490}, abs=5e-6)
    assert found.units == {"GZ": 7, "SH": 6}
    assert found.value_cny == {"GZ": 25_300, "SH": 23_500}
    assert misses(network(), found) == {}


def test_annual_cost_counts_holding():
    assert evaluate(network(objective="annual_cost"), PLANNED).cost_cny == pytest.approx(48_800 * 0.22)


def test_mean_time_is_travel_plus_waiting_by_littles_law():
    only = one_part({"A": ({"GZ": 3}, 100)}, {"stockout": "backorder"}, objective="investment")

    found = evaluate(only, {"P": {"GZ": 1}})

    assert found.mean_hours["c"] == pytest.approx(3 + 24 * math.exp(-1) / 0.05)


def test_a_customer_is_served_from_the_nearest_depot_the_first_listed_of_several():
    both = {"A": ({"SH": 2, "GZ": 2}, 100)}
    policy = {"stockout": "backorder"}

    assert evaluate(one_part(both, policy), {"P": {"GZ": 20}}).service["c"] == pytest.approx(1.0)
    with pytest.raises(InvalidInput, match=r"\$\.stock\.P\.SH"):
        evaluate(one_part(both, policy), {"P": {"SH": 20}})


def test_what_finds_no_stock_is_lost_to_the_emergency_channel():
    only = one_part({"A": ({"GZ": 3}, 100)}, EMERGENCY)

    found = evaluate(only, {"P": {"GZ": 2}})

    assert found.service["c"] == pytest.approx(0.8)  # Erlang: load 1, two units, loss 1/5
    assert found.mean_hours["c"] == pytest.approx(0.8 * 3 + 0.2 * 12)
    assert found.cost_cny == pytest.approx(2 * 200 + 365 * 0.05 * 0.2 * 500)


def test_an_emergency_within_the_promised_time_is_on_time_even_from_afar():
    far = one_part({"A": ({"GZ": 30}, 100)}, EMERGENCY, hours=12)

    assert evaluate(far, {"P": {"GZ": 0}}).service["c"] == 1.0
    assert evaluate(far, {"P": {"GZ": 2}}).service["c"] == pytest.approx(0.2)


def test_depots_that_help_each_other_share_as_their_chain_says():
    lanes = [
        {"from": "GZ", "to": "SH", "hours": 1, "cost_cny": 90},
        {"from": "SH", "to": "GZ", "hours": 8, "cost_cny": 50},
    ]
    policy = EMERGENCY | {"lateral": True, "lateral_lanes": lanes}
    two = one_part({"A": ({"GZ": 3}, 100), "B": ({"SH": 3}, 100)}, policy)

    found = evaluate(two, {"P": {"GZ": 1, "SH": 1}})

    # two equal loads of 1 on one unit each: own 2/5, the other's 1/5, emergency 2/5
    assert found.service["c"] == pytest.approx((0.4 + 0.4 + 0.2) / 2)
    assert found.mean_hours["c"] == pytest.approx(0.4 * 3 + 0.2 * (4 + 11) / 2 + 0.4 * 12)
    shipped = 0.2 * 90 + 0.2 * 50 + 0.8 * 500
    assert found.cost_cny == pytest.approx(2 * 200 + 365 * 0.05 * shipped)


def test_a_depot_without_demand_may_help():
    lanes = [{"from": "SH", "to": "GZ", "hours": 1, "cost_cny": 0}]
    policy = EMERGENCY | {"lateral": True, "lateral_lanes": lanes}
    only = one_part({"A": ({"GZ": 3}, 100)}, policy)

    assert evaluate(only, {"P": {"GZ": 0, "SH": 2}}).service["c"] == pytest.approx(0.8)


def test_a_class_that_nobody_calls_counts_as_met():
    idle = one_part({"A": ({"GZ": 3}, 0)}, {"stockout": "backorder"})

    assert evaluate(idle, {}).service == {"c": 1.0}
    assert misses(idle, evaluate(idle, {})) == {}


def test_every_broken_target_and_limit_is_named_with_what_is_missing():
    document = json.loads(EXAMPLE.read_bytes())
    document["depots"][0]["budget_cny"] = 20_000
    document["depots"][1]["capacity_units"] = 5
    document["limits"]["total_budget_cny"] = 48_000
    document["sla_classes"][1]["target_fraction"] = 0.95
    document["sla_classes"][0]["mean_time_target_hours"] = 20
    tight = read(json.dumps(document).encode())

    missed = misses(tight, evaluate(tight, PLANNED))

    assert missed == pytest.approx(
        {
            "budget:GZ": 5_300,
            "capacity:SH": 1,
            "total_budget": 800,
            "service:8h": 0.95 - 0.9249025,
            "mean_time:2h": 7.4677203,
        },
        abs=1e-6,
    )


def test_a_target_may_be_missed_by_rounding_and_by_no_more():
    service = evaluate(network(), PLANNED).service["2h"]
    document = json.loads(EXAMPLE.read_bytes())

    for above, kept in [(0.9e-9, True), (1.1e-9, False)]:
        document["sla_classes"][0]["target_fraction"] = service + above
        strict = read(json.dumps(document).encode())
        assert (misses(strict, evaluate(strict, PLANNED)) == {}) is kept


def changed_example(parts=(), replenishment=(), sla_classes=()):
    """The small example with further fields of some records, in order."""
    document = json.loads(EXAMPLE.read_bytes())
    for records, fields in (("parts", parts), ("replenishment", replenishment), ("sla_classes", sla_classes)):
        document[records] = [
            record | (fields[index] if index < len(fields) else {}) for index, record in enumerate(document[records])
        ]
    return read(json.dumps(document).encode())


def test_criticality_weighs_the_service_and_not_the_mean_time():
    weighted = evaluate(changed_example(parts=[{"criticality": 3}]), PLANNED)
    alike = evaluate(changed_example(parts=[{"criticality": 3}, {"criticality": 3}]), PLANNED)
    plain = evaluate(network(), PLANNED)
    # the shares on time of the two parts alone; of the demand PSU-750 is 0.07 / 0.09
    psu = evaluate(changed_example(parts=[{"criticality": 1e6}, {"criticality": 1e-6}]), PLANNED).service["2h"]
    board = evaluate(changed_example(parts=[{"criticality": 1e-6}, {"criticality": 1e6}]), PLANNED).service["2h"]

    assert plain.service["2h"] == pytest.approx((0.07 * psu + 0.02 * board) / 0.09)
    assert weighted.service["2h"] == pytest.approx((3 * 0.07 * psu + 0.02 * board) / (3 * 0.07 + 0.02))
    assert alike.service == pytest.approx(plain.service)
    assert weighted.mean_hours == pytest.approx(plain.mean_hours)


def test_an_uncertain_rate_is_shared_by_all_and_weighted_by_its_demands():
    """Backorders of one part at one depot: the mean over its rate of what each rate delivers, by quadrature."""
    policy = {"stockout": "backorder"}
    known = one_part({"A": ({"GZ": 3}, 100)}, policy, objective="investment")
    uncertain = with_fields(known, rate_shape=2.0)

    found = evaluate(uncertain, {"P": {"GZ": 2}})

    def weighted(theta):
        return theta * stats.gamma.pdf(theta, 2.0, scale=0.5) * stats.poisson.cdf(1, theta * 0.05 * (20 - 1 / 24))

    assert found.service["c"] == pytest.approx(integrate.quad(weighted, 0, np.inf)[0], abs=1e-9)
    assert found.service["c"] < evaluate(known, {"P": {"GZ": 2}}).service["c"]
    assert found.cost_cny == evaluate(known, {"P": {"GZ": 2}}).cost_cny


def with_fields(network, **fields):
    """The network with further fields of its only part."""
    (part,) = network.parts
    return msgspec.structs.replace(network, parts=(msgspec.structs.replace(part, **fields),))


def test_an_uncertain_rate_loses_more_to_the_emergency_channel_and_is_charged_for_it():
    known = one_part({"A": ({"GZ": 3}, 100)}, EMERGENCY)
    found = evaluate(with_fields(known, rate_shape=1.0), {"P": {"GZ": 1}})

    def lost(theta):
        return theta * math.exp(-theta) * theta / (1 + theta)

    share = integrate.quad(lost, 0, np.inf)[0]
    assert found.service["c"] == pytest.approx(1 - share, abs=1e-9)
    assert found.cost_cny == pytest.approx(200 + 365 * 0.05 * share * 500)


def test_larger_orders_take_room_for_all_of_them_and_money_for_half():
    larger = changed_example(replenishment=[{"order_quantity": 5}, {"order_quantity": 2}])

    found, plain = evaluate(larger, PLANNED), evaluate(network(), PLANNED)

    assert found.units == {"GZ": plain.units["GZ"] + 4, "SH": plain.units["SH"] + 1}
    assert found.value_cny == pytest.approx(
        {"GZ": plain.value_cny["GZ"] + 2 * 1800, "SH": plain.value_cny["SH"] + 0.5 * 1800}
    )
    assert found.cost_cny == pytest.approx(48_800 + 2.5 * 1800)


def test_larger_orders_are_the_mean_over_their_positions():
    larger = changed_example(replenishment=[{"order_quantity": 3}])
    each = [evaluate(network(), {"PSU-750": {"GZ": 4 + j, "SH": 5}, "MB-R740": {"GZ": 1, "SH": 1}}) for j in range(3)]

    found = evaluate(larger, {"PSU-750": {"GZ": 4, "SH": 5}, "MB-R740": {"GZ": 1, "SH": 1}})

    for sla in ("2h", "8h"):
        assert found.service[sla] == pytest.approx(np.mean([e.service[sla] for e in each]))
        assert found.mean_hours[sla] == pytest.approx(np.mean([e.mean_hours[sla] for e in each]))


def test_a_promise_measured_by_the_period_needs_more_on_average():
    measured = changed_example(sla_classes=[{"measuring_days": 365, "assurance": 0.9}])
    calls = (160 + 210) * (2 * 0.035 + 0.02)  # of the 2h class in a year

    found = evaluate(measured, PLANNED)

    assert found.needed == {"2h": pytest.approx(needed_share(0.93, calls, 0.9)), "8h": 0.9}
    assert misses(measured, found) == {"service:2h": pytest.approx(found.needed["2h"] - 0.93054, abs=5e-6)}
    assert found.service == evaluate(network(), PLANNED).service


@pytest.mark.parametrize("shape", [None, 0.7])
def test_the_counts_of_the_streams_add_up_to_what_is_delivered(shape):
    """A share is the mean, over the stock positions, of the chance that fewer were asked for."""
    of = changed_example(parts=[{"rate_shape": shape, "criticality": 2}], replenishment=[{"order_quantity": 4}])
    demand = gather(of)
    levels = demand.levels(PLANNED)
    shares = []
    for row, window in zip(demand.stream_row.tolist(), demand.stream_window_days.tolist(), strict=True):
        lead = demand.lead_time_days[row]
        mean = demand.daily_rate[row] * max(lead - max(window, 0.0), 0.0)
        positions = levels[row] + np.arange(demand.order_quantity[row])
        share = np.mean(fewer_than(positions, mean, demand.rate_shape[row], size_biased=True))
        shares.append(0.0 if window < 0 else 1.0 if window >= lead else share)

    service = np.bincount(demand.stream_class, demand.stream_weight * shares)

    assert dict(zip(["2h", "8h"], service, strict=True)) == pytest.approx(evaluate(of, PLANNED).service)


@pytest.mark.parametrize(
    ("stock", "path"),
    [
        ({"PSU-750": {"GZ": -1}}, "$.stock.PSU-750.GZ"),
        ({"PSU-750": {"BJ": 1}}, "$.stock.PSU-750.BJ"),
        ({"FAN": {"GZ": 1}}, "$.stock.FAN.GZ"),
    ],
)
def test_a_stock_that_cannot_be_is_refused(stock, path):
    with pytest.raises(InvalidInput) as refusal:
        evaluate(network(), stock)

    assert refusal.value.path == path
