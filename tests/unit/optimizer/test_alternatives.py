"""The alternatives of sizing: none is forgotten, and what stands for the rest is never too modest."""

import itertools
import json

import numpy as np
import pytest

from optimizer.alternatives import _stocks, build, initial_sizes
from optimizer.demand import gather
from optimizer.evaluation import evaluate_demand
from optimizer.multiple_choice import relax
from optimizer.network import read

LANES = [
    {"from": a, "to": b, "hours": hours, "cost_cny": 60}
    for (a, b), hours in zip(itertools.permutations(["D0", "D1", "D2"], 2), [2, 9, 1, 30, 5, 3], strict=True)
]


def network(stockout="backorder", lanes=(), shape=None, quantity=1):
    """Two parts, three depots, two classes; loads between 0.2 and 1.1."""
    policy = {"stockout": stockout, "emergency_hours": 11, "emergency_cost_cny": 500}
    if lanes:
        policy |= {"lateral": True, "lateral_lanes": list(lanes)}
    document = {
        "depots": [{"id": f"D{d}"} for d in range(3)],
        "parts": [
            {"id": "A", "unit_cost_cny": 900, "holding_rate_per_year": 0.2, "criticality": 4, "rate_shape": shape},
            {"id": "B", "unit_cost_cny": 120, "holding_rate_per_year": 0.2},
        ],
        "replenishment": [
            {"part": p, "depot": f"D{d}", "lead_time_days": 10 + 12 * d, "min_stock": int(d == 2)}
            | {"order_quantity": quantity if d else 1}
            for p in "AB"
            for d in range(3)
        ],
        "sla_classes": [
            {"id": "4h", "time_to_site_hours": 4, "target_fraction": 0.9},
            {"id": "12h", "time_to_site_hours": 12, "mean_time_target_hours": 9},
        ],
        "customers": [
            {"id": f"C{d}{sla}", "sla_class": sla, "travel_hours": {f"D{d}": travel}}
            for d in range(3)
            for sla, travel in (("4h", 1 + d), ("12h", 3))
        ],
        "installed_base": [
            {"customer": f"C{d}{sla}", "model": "M", "device_count": 60 + 40 * d}
            for d in range(3)
            for sla in ("4h", "12h")
        ],
        "bom": [
            {"model": "M", "part": "A", "per_device": 1, "annual_failure_rate": 0.05},
            {"model": "M", "part": "B", "per_device": 1, "annual_failure_rate": 0.02},
        ],
        "policy": policy,
        "objective": "annual_cost",
    }
    return read(json.dumps(document).encode())


@pytest.mark.parametrize("members", [1, 2, 3])
@pytest.mark.parametrize("size", [0, 1, 2, 5])
def test_every_stock_is_an_alternative_or_lies_beyond_one(members, size):
    stocks, growing = _stocks(members, size)

    for stock in itertools.product(range(2 * size + 4), repeat=members):
        covers = ((stocks == stock) | (growing & (stocks < stock))).all(axis=1)
        listed = covers & ~growing.any(axis=1)
        assert listed.sum() == (sum(stock) <= size)
        assert covers.any()


@pytest.mark.parametrize(
    "given",
    [
        network(),
        network(shape=0.6, quantity=3),
        network("emergency"),
        network("emergency", shape=0.6),
        network("emergency", LANES),
        network("emergency", LANES[:4]),
    ],
    ids=["waiting", "waiting, uncertain", "emergency", "emergency, uncertain", "lateral", "lateral with lanes missing"],
)
def test_what_stands_for_larger_stocks_promises_at_least_what_they_deliver(given):
    demand = gather(given)
    choices = build(demand, [np.full_like(size, 2) for size in initial_sizes(demand)])
    larger = build(demand, [np.full_like(size, 7) for size in initial_sizes(demand)])
    checked = 0

    for few, many in zip(choices.buckets, larger.buckets, strict=True):
        assert (few.cluster.rows == many.cluster.rows).all()
        for stock, growing in zip(few.stocks, few.growing, strict=True):
            within = ((many.stocks == stock) | (growing & (many.stocks > stock))).all(axis=1)
            for index in np.flatnonzero(within & ~many.growing.any(axis=1)):
                for beyond, known in zip(few.places, many.places, strict=True):
                    at = beyond[(few.stocks == stock).all(axis=1) & (few.growing == growing).all(axis=1)][0]
                    optimistic, exact = choices.problem, larger.problem
                    assert optimistic.cost[at] <= exact.cost[known[index]] + 1e-9
                    use = exact.use[[known[index]]].toarray()
                    assert (optimistic.use[[at]].toarray() <= use + 1e-12).all()
                    checked += 1
    assert checked >= 48


@pytest.mark.parametrize(
    "given",
    [network("emergency", LANES), network("emergency", shape=1.4), network(shape=0.6, quantity=3)],
    ids=["lateral", "emergency, uncertain", "waiting, uncertain"],
)
def test_alternatives_deliver_what_the_evaluation_says(given):
    demand = gather(given)
    choices = build(demand, initial_sizes(demand))
    problem = choices.problem
    draw = np.random.default_rng(5)
    ends = np.append(problem.first[1:], len(problem.cost))

    for _ in range(20):
        choice = draw.integers(problem.first, ends)
        while not problem.choosable[choice].all():
            choice = draw.integers(problem.first, ends)
        levels = choices.levels(choice)
        found = evaluate_demand(demand, levels)
        used = dict(zip(problem.rows, problem.excess(choice) + problem.limit, strict=True))
        assert problem.total_cost(choice) == pytest.approx(found.cost_cny)
        assert used["service:4h"] == pytest.approx(-found.service["4h"])
        assert used["mean_time:12h"] == pytest.approx(found.mean_hours["12h"])
        assert (choices.choice(levels) == choice).all()


def test_what_is_known_of_smaller_sizes_serves_for_larger_ones():
    demand = gather(network("emergency", LANES))
    sizes = initial_sizes(demand)
    larger = [np.where(np.arange(len(size)) % 2, size + 3, size) for size in sizes]
    anew, grown = build(demand, larger).problem, build(demand, larger, build(demand, sizes)).problem

    np.testing.assert_array_equal(grown.cost, anew.cost)
    np.testing.assert_array_equal(grown.use.toarray(), anew.use.toarray())


def test_the_bound_does_not_depend_on_where_alternatives_end():
    demand = gather(network("emergency", LANES))
    few, many = (build(demand, [size + more for size in initial_sizes(demand)]).problem for more in (0, 3))
    prices = np.array([2_000.0 if row.startswith("service") else 4.0 for row in few.rows])

    assert relax(few, prices).value == pytest.approx(relax(many, prices).value, abs=1e-9)
    assert few.choosable[relax(few, prices).choice].all()
