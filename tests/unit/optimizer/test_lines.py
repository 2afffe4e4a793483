"""The compiled pass over lines against the tables of alternatives, and against whoever computes it."""

import json
import random
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import msgspec
import numpy as np
import pytest

from optimizer import sizing
from optimizer.alternatives import build, initial_sizes
from optimizer.certificate import check
from optimizer.demand import gather
from optimizer.line_sizing import size_lines
from optimizer.lines import InMemory, LineChoices, OnDisk, lines_of
from optimizer.multiple_choice import relax
from optimizer.network import Limits, read
from optimizer.sizing import size

POLICIES = {
    "backorder": {"stockout": "backorder", "lateral": False},
    "emergency in time": {
        "stockout": "emergency",
        "lateral": False,
        "emergency_hours": 3.0,
        "emergency_cost_cny": 900.0,
    },
    "emergency too late": {
        "stockout": "emergency",
        "lateral": False,
        "emergency_hours": 30.0,
        "emergency_cost_cny": 90.0,
    },
}


def network(policy, parts, seed=1, *, objective="investment", limits=True, targets=(0.93, 0.9)):
    """A random network of two depots, two classes and four customers; loads from nothing to some hundred."""
    rng = random.Random(seed)  # noqa: S311  a network to test with
    depots = [
        {"id": "GZ", "capacity_units": 60 * parts if limits else None},
        {"id": "SH", "budget_cny": 80_000.0 * parts if limits else None},
    ]
    classes = [
        {"id": "2h", "time_to_site_hours": 2.0, "target_fraction": targets[0]},
        {"id": "8h", "time_to_site_hours": 8.0, "target_fraction": targets[1], "mean_time_target_hours": 9.0},
    ]
    travel = {"A": (1.5, 20.0), "B": (20.0, 1.0), "C": (4.0, 26.0), "D": (26.0, 7.5)}
    document = {
        "depots": depots,
        "parts": [
            {"id": f"P{n}", "unit_cost_cny": round(rng.lognormvariate(7, 1.2), 2), "holding_rate_per_year": 0.2}
            for n in range(parts)
        ],
        "replenishment": [
            {
                "part": f"P{n}",
                "depot": depot["id"],
                "lead_time_days": rng.choice([0.1, 3, 14, 30]),
                "min_stock": rng.choice([0, 0, 0, 2]),
            }
            for n in range(parts)
            for depot in depots
        ],
        "sla_classes": classes,
        "customers": [
            {
                "id": name,
                "sla_class": "2h" if name in "AB" else "8h",
                "travel_hours": {"GZ": hours[0], "SH": hours[1]},
            }
            for name, hours in travel.items()
        ],
        "installed_base": [{"customer": name, "model": "M", "device_count": rng.randint(5, 60)} for name in travel],
        "bom": [
            {
                "model": "M",
                "part": f"P{n}",
                "per_device": rng.randint(1, 4),
                "annual_failure_rate": rng.lognormvariate(-3, 1) if n % 29 else 12.0,
            }
            for n in range(parts)
        ],
        "policy": POLICIES[policy],
        "limits": {"total_budget_cny": 150_000.0 * parts} if limits else {},
        "objective": objective,
    }
    return read(json.dumps(document).encode())


def line_choices(asked, **options):
    demand = gather(asked)
    return LineChoices(asked, demand.class_rate, lines_of(demand), class_weight=demand.class_weight, **options)


def with_shapes(asked, *shapes):
    """The network with uncertain rates, in turn."""
    parts = enumerate(asked.parts)
    uncertain = (msgspec.structs.replace(part, rate_shape=shapes[n % len(shapes)]) for n, part in parts)
    return msgspec.structs.replace(asked, parts=tuple(uncertain))


def with_lots_and_criticality(asked, *lots):
    """The network with order quantities in turn, and every third part more critical than others."""
    rows, parts = enumerate(asked.replenishment), enumerate(asked.parts)
    return msgspec.structs.replace(
        asked,
        replenishment=tuple(msgspec.structs.replace(row, order_quantity=lots[n % len(lots)]) for n, row in rows),
        parts=tuple(msgspec.structs.replace(part, criticality=1.0 if n % 3 else 2.5) for n, part in parts),
    )


@pytest.mark.parametrize(
    "asked",
    [
        network(policy, parts=60, objective=objective)
        for policy in POLICIES
        for objective in ("investment", "annual_cost")
    ]
    + [
        with_shapes(network("backorder", parts=60), None, 4.0, 0.6),
        with_lots_and_criticality(network("backorder", parts=60), 1, 5, 2, 40),
        with_lots_and_criticality(with_shapes(network("backorder", parts=60), None, 4.0, 0.6), 3, 1),
        with_lots_and_criticality(network("emergency in time", parts=60), 1),
    ],
    ids=[f"{policy}, {objective}" for policy in POLICIES for objective in ("stock", "yearly")]
    + ["uncertain rates", "lots", "lots of uncertain rates", "critical parts under emergency"],
)
def test_a_pass_prices_lines_as_the_tables_do(asked):
    demand = gather(asked)
    choices = line_choices(asked)
    problem = build(demand, [size + 20 for size in initial_sizes(demand)]).problem
    assert choices.rows == problem.rows
    np.testing.assert_array_equal(choices.limit, problem.limit)
    rng = np.random.default_rng(2)
    for _ in range(20):
        multipliers = rng.exponential(1.0, len(problem.rows)) * rng.choice([0, 1], len(problem.rows))
        scale = [3e6 if row.startswith("service") else 2e5 if "time" in row else 0.5 for row in problem.rows]
        multipliers *= np.array(scale)
        found, tabled = choices.relax(multipliers), relax(problem, multipliers)
        # costs that differ by rounding may choose otherwise; what they add up to does not differ
        assert found.value == pytest.approx(tabled.value, rel=1e-11, abs=1e-6)
        if len(np.flatnonzero(tabled.regret < 1e-6)) == len(problem.first):
            np.testing.assert_allclose(found.block_use, tabled.block_use, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(found.block_cost, tabled.block_cost, rtol=1e-9)


@pytest.mark.parametrize("policy", POLICIES)
def test_lines_are_sized_between_the_bounds_that_tables_prove(policy):
    asked = network(policy, parts=40, targets=(0.85, 0.8), limits=False)
    tabled = size(asked, time_limit_s=5)
    found = size_lines(line_choices(asked))
    assert found.levels is not None
    assert tabled.lower_bound_cny <= found.cost * (1 + 1e-9)
    assert found.bound.value <= tabled.cost_cny * (1 + 1e-9)
    assert found.cost <= tabled.cost_cny * 1.001


@pytest.mark.parametrize("policy", [*POLICIES, "lots"])
def test_a_large_network_is_sized_by_lines_and_verified(policy):
    asked = network("backorder" if policy == "lots" else policy, parts=2_100, limits=False, targets=(0.85, 0.8))
    if policy == "lots":
        asked = with_lots_and_criticality(asked, 1, 4, 10)
    plan = size(asked)
    assert plan.proof == "lagrangian"
    assert plan.gap <= 1e-5
    assert check(plan, asked) == []
    again = size(asked, start=plan.multipliers)
    assert again.gap <= 1e-5


def test_a_large_network_that_asks_for_nothing_is_given_its_floors():
    asked = network("backorder", parts=2_100, limits=False, targets=(0.0, 0.0))
    easy = [msgspec.structs.replace(sla, mean_time_target_hours=None) for sla in asked.sla_classes]
    asked = msgspec.structs.replace(asked, sla_classes=tuple(easy))
    plan = size(asked)
    assert (plan.status, plan.gap) == ("optimal", 0.0)
    assert sum(sum(held.values()) for held in plan.stock.values()) == sum(row.min_stock for row in asked.replenishment)
    floorless = tuple(msgspec.structs.replace(row, min_stock=0) for row in asked.replenishment)
    plan = size(msgspec.structs.replace(asked, replenishment=floorless))
    assert (plan.status, plan.cost_cny) == ("optimal", 0.0)


def test_a_large_network_that_cannot_hold_is_explained():
    asked = network("backorder", parts=2_100, limits=False, targets=(0.85, 0.8))
    plan = size(msgspec.structs.replace(asked, limits=Limits(1000.0)))
    assert plan.status == "infeasible"
    assert any("budget" in reason for reason in plan.reasons)


@pytest.fixture(params=["threads", "processes", "dask"])
def executor(request):
    if request.param == "threads":
        with ThreadPoolExecutor(2) as threads:
            yield threads
    elif request.param == "processes":
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
            yield processes
    else:
        distributed = pytest.importorskip("distributed")
        with (
            distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client.get_executor()


def test_whoever_computes_the_answer_has_the_same_bits(executor, tmp_path):
    asked = network("backorder", parts=9_000, limits=False)
    demand = gather(asked)
    lines = lines_of(demand)
    third = lines.count // 3
    pieces = [lines.piece(first, last) for first, last in ((0, third), (third, 2 * third), (2 * third, lines.count))]
    stored = OnDisk.write(tmp_path, iter(pieces), lines.count, len(lines.streams))
    alone = size_lines(LineChoices(asked, demand.class_rate, lines))
    apart = size_lines(LineChoices(asked, demand.class_rate, stored, executor))
    assert apart.cost == alone.cost
    assert apart.bound.value == alone.bound.value
    np.testing.assert_array_equal(apart.levels, alone.levels)


def test_a_source_gives_back_its_lines():
    lines = lines_of(gather(network("backorder", parts=10)))
    piece = lines.piece(3, 7)
    held = InMemory(*piece)
    assert held.count == 4
    np.testing.assert_array_equal(held.piece(0, 4).streams, piece.streams)


@pytest.mark.parametrize(
    ("table", "field", "value", "policy", "known"),
    [
        ("parts", "rate_shape", 2.0, "backorder", True),
        ("parts", "rate_shape", 2.0, "emergency in time", False),
        ("parts", "criticality", 2.0, "backorder", True),
        ("replenishment", "order_quantity", 3, "backorder", True),
    ],
)
def test_what_the_pass_does_not_know_is_left_to_the_tables(table, field, value, policy, known, monkeypatch):
    asked = network(policy, parts=6, limits=False)
    first, *rest = getattr(asked, table)
    asked = msgspec.structs.replace(asked, **{table: (msgspec.structs.replace(first, **{field: value}), *rest)})
    monkeypatch.setattr(sizing, "SEARCHED_GROUPS", 5)  # as if it were too large for a search

    plan = size(asked)

    assert gather(asked).known_to_lines is known
    assert check(plan, asked) == []


@pytest.mark.parametrize("policy", POLICIES)
def test_what_lies_near_some_multipliers_stands_for_all_lines_nearby(policy):
    choices = line_choices(network(policy, parts=300, targets=(0.85, 0.8)))
    best = size_lines(choices).bound.multipliers
    found, near = choices.around(best, 500)
    assert near is not None
    assert 0 < len(near.line) < 2_000
    whole = choices.relax(best)
    assert found.value == whole.value
    np.testing.assert_array_equal(found.block_use, whole.block_use)
    rng = np.random.default_rng(3)
    for _ in range(10):
        nearby = best * (1.0 + near.reach / 2.0 * rng.uniform(-1.0, 1.0, len(best)))
        there, all_of_them = near.problem.relax(nearby), choices.relax(nearby)
        assert there.value == pytest.approx(all_of_them.value, rel=1e-11)
        far = best * rng.uniform(0.2, 5.0, len(best))
        assert near.problem.relax(far).value >= choices.relax(far).value * (1 - 1e-11)


def test_what_cannot_hold_is_proven_from_multipliers_of_a_plan_too():
    asked = network("backorder", parts=300, limits=False, targets=(0.95, 0.93))
    prices = dict(
        zip(line_choices(asked).rows, size_lines(line_choices(asked)).bound.multipliers.tolist(), strict=True)
    )
    depots = tuple(msgspec.structs.replace(depot, capacity_units=200) for depot in asked.depots)
    choices = line_choices(msgspec.structs.replace(asked, depots=depots))
    found = size_lines(choices, start=prices)
    assert found.levels is None
    assert found.bound.value > choices.extent().ceiling


@pytest.mark.parametrize("shape", [None, 20.0])
def test_parts_that_cost_nothing_are_held_until_nothing_more_is_gained(shape):
    asked = with_shapes(network("backorder", parts=30, limits=False), shape)
    parts = tuple(msgspec.structs.replace(part, unit_cost_cny=0.0) for part in asked.parts)
    bom = tuple(msgspec.structs.replace(line, annual_failure_rate=300.0 + 7 * n) for n, line in enumerate(asked.bom))
    free = msgspec.structs.replace(asked, parts=parts, bom=bom)
    found = line_choices(free).relax(np.ones(len(line_choices(free).rows)))
    assert found.cost == 0.0
    assert found.value <= 0.0


def test_rates_of_which_little_is_known_may_need_far_more_than_their_mean():
    asked = with_shapes(network("backorder", parts=3, limits=False, targets=(0.999, 0.999)), 0.5)
    found = size_lines(line_choices(asked))
    assert found.levels is not None
    assert size(asked).cost_cny == pytest.approx(found.cost, rel=0.05)
