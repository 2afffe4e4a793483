"""Pairs of depots that help each other: the compiled pass against the chain itself and against tables of everything."""

import json
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import pytest

from optimizer import certificate, pair_choices, sizing
from optimizer.alternatives import build, grown, initial_sizes
from optimizer.certificate import check
from optimizer.demand import gather
from optimizer.errors import OptimizerError
from optimizer.evaluation import evaluate_demand
from optimizer.lateral import supply_shares
from optimizer.multiple_choice import beyond_in_question, relax
from optimizer.network import Limits, read
from optimizer.pair_choices import PairChoices
from optimizer.pairs import PAIR, _place, fill_table, table_sizes
from optimizer.sizing import size
from optimizer.watch import Watch

BOTH = (("D0", "D1"), ("D1", "D0"))


def network(parts=12, lanes=BOTH, seed=3, *, objective="investment", limits=False, load=1.0, price=None):
    """Parts in two depots, every fourth of them in one alone, for two classes; loads from little to some."""
    draw = np.random.default_rng(seed)
    depots = [{"id": "D0"}, {"id": "D1"}]
    classes = [
        {"id": "4h", "time_to_site_hours": 4, "target_fraction": 0.9},
        {"id": "9h", "time_to_site_hours": 9, "target_fraction": 0.93, "mean_time_target_hours": 4.5},
    ]
    if limits:
        depots[0]["capacity_units"], depots[1]["budget_cny"] = 3 * parts, 9_000.0 * parts
    else:
        classes[1].pop("mean_time_target_hours")
    rates = (load * np.exp(draw.normal(-2.5, 1, parts))).tolist()
    alone = {n for n in range(parts) if n % 4 == 3}
    document = {
        "depots": depots,
        "parts": [
            {
                "id": f"P{n}",
                "unit_cost_cny": price if price is not None else round(float(np.exp(draw.normal(6, 1))), 2),
                "holding_rate_per_year": 0.2,
                "criticality": 3 if n % 5 == 0 else 1,
            }
            for n in range(parts)
        ],
        "replenishment": [
            {"part": f"P{n}", "depot": d, "lead_time_days": 9 + 7 * n % 20, "min_stock": int(n % 6 == 1)}
            for n in range(parts)
            for d in (("D0",) if n in alone else ("D0", "D1"))
        ],
        "sla_classes": classes,
        "customers": [
            {"id": f"C{d}{sla}", "sla_class": sla, "travel_hours": {d: travel}}
            for d in ("D0", "D1")
            for sla, travel in (("4h", 2), ("9h", 3))
        ],
        "installed_base": [
            {"customer": f"C{d}{sla}", "model": m, "device_count": count}
            for d, sla, count in (("D0", "4h", 90), ("D0", "9h", 70), ("D1", "4h", 50), ("D1", "9h", 110))
            for m in ("M", "N")
            if (d, m) != ("D1", "N")
        ],
        "bom": [
            {"model": "N" if n in alone else "M", "part": f"P{n}", "per_device": 1, "annual_failure_rate": rate}
            for n, rate in enumerate(rates)
        ],
        "policy": {
            "stockout": "emergency",
            "emergency_hours": 11,
            "emergency_cost_cny": 900,
            "lateral": True,
            "lateral_lanes": [{"from": a, "to": b, "hours": 3, "cost_cny": 60} for a, b in lanes],
        },
        "objective": objective,
    }
    return read(json.dumps(document).encode())


@pytest.mark.parametrize("seed", range(40))
def test_a_table_holds_what_the_chain_says_for_every_stock(seed):
    draw = np.random.default_rng(seed)
    pair = np.zeros(1, PAIR)
    pair["rate"], pair["lead"] = draw.choice([0, 1, 1, 1], 2) * np.exp(draw.normal(-2, 1, 2)), draw.uniform(5, 40, 2)
    pair["asks"], pair["floor"] = draw.integers(0, 2, 2), draw.integers(0, 3, 2) * (seed % 2)
    size, asks = int(draw.integers(0, 9)), pair["asks"][0].astype(bool)
    table = np.full((int(table_sizes(pair, np.array([size]))[0]), 3), np.nan)

    fill_table(pair[0], size, table)

    sources = ((0, 1) if asks[0] else (0,), (1, 0) if asks[1] else (1,))
    for two in range(size + 1):
        for one in range(size - two + 1):
            stock = tuple((pair["floor"][0] + [one, two]).tolist())
            shares = supply_shares(pair["rate"], pair["lead"], sources, stock)[0]
            found = table[_place(size, one, two)]
            for member in np.flatnonzero(pair["rate"][0] > 0):
                assert found[member] == pytest.approx(1 - shares[member, member], abs=1e-13)
                assert not asks[member] or found[2] == pytest.approx(shares[member, 2], abs=1e-13)


GIVEN = {
    "both ask": {},
    "one asks": {"lanes": BOTH[:1]},
    "nobody asks": {"lanes": ()},
    "limits": {"limits": True},
    "yearly": {"objective": "annual_cost", "limits": True},
    "faster": {"load": 2.0, "limits": True},
}


def tabled(demand, prices, sizes=None, known=None):
    """The relaxation over all stocks by tables of all alternatives, grown as long as these prices ask, with their sizes."""
    sizes = initial_sizes(demand) if sizes is None else sizes
    while True:
        known = build(demand, sizes, known)
        found = relax(known.problem, np.array([prices[row] for row in known.problem.rows]))
        beyond = beyond_in_question(known.problem, found, 0.0)
        if not len(beyond):
            return known, found, sizes
        sizes = grown(known, sizes, known.problem.group[beyond])


@pytest.mark.parametrize("given", GIVEN)
def test_pairs_are_priced_as_tables_of_all_alternatives_are(given):
    demand = gather(network(**GIVEN[given]))
    choices, tables, sizes = PairChoices(demand), None, None
    for height in (0.0, 0.3, 1.0, 30.0):
        draw = np.random.default_rng(7)
        prices = {row: draw.uniform(0, 1) * height * 20_000 for row in choices.rows}
        prices |= {row: 0.4 * height for row in prices if row.startswith("budget")}
        prices |= {row: 100 * height for row in prices if row.startswith("capacity")}

        tables, expected, sizes = tabled(demand, prices, sizes, tables)
        found = choices.relax(np.array([*prices.values()]))

        assert found.value == pytest.approx(expected.value, rel=1e-12, abs=1e-6), height
        levels = choices.by_row(choices.levels(found.multipliers))
        delivered = evaluate_demand(demand, levels)
        used = dict(zip(choices.rows, found.block_use.sum(axis=0), strict=True))
        assert found.cost == pytest.approx(delivered.cost_cny), height
        assert used["service:4h"] == pytest.approx(-delivered.service["4h"]), height
        if "mean_time:9h" in used:
            assert used["mean_time:9h"] == pytest.approx(delivered.mean_hours["9h"]), height
            assert used["capacity:D0"] == delivered.units["D0"], height
            assert used["budget:D1"] == pytest.approx(delivered.value_cny["D1"]), height


def test_where_tables_begin_changes_nothing(monkeypatch):
    demand = gather(network(limits=True))
    prices = np.full(len(PairChoices(demand).rows), 3_000.0)
    expected = PairChoices(demand).relax(prices).value
    monkeypatch.setattr(pair_choices, "_SPREAD", 0.0)

    assert PairChoices(demand).relax(prices).value == pytest.approx(expected, rel=1e-14)


def test_threads_fill_the_same_tables(monkeypatch):
    monkeypatch.setattr(pair_choices, "_PIECE_PAIRS", 2)
    demand = gather(network())
    prices = np.full(2, 3_000.0)
    with ThreadPoolExecutor(2) as threads:
        assert PairChoices(demand, threads).relax(prices).value == PairChoices(demand).relax(prices).value


def test_what_is_near_is_what_it_says():
    demand = gather(network(parts=60, limits=True))
    choices = PairChoices(demand)
    worth = {"service": 40_000.0, "mean_time": 50.0}
    found = choices.relax(np.array([worth.get(row.partition(":")[0], 0.0) for row in choices.rows]))
    near = choices.near(found, 1e9, 40)
    draw = np.random.default_rng(4)
    first = near.problem.first
    assert len(first) >= 5

    for _ in range(10):
        picked = draw.integers(first, np.append(first[1:], len(near.problem.cost)))
        levels = choices.levels(found.multipliers)
        levels[near.line[picked]] = near.level[picked]
        delivered = evaluate_demand(demand, choices.by_row(levels))
        used = dict(zip(choices.rows, near.problem.excess(picked) + choices.limit, strict=True))
        assert near.problem.total_cost(picked) == pytest.approx(delivered.cost_cny)
        assert used["service:9h"] == pytest.approx(-delivered.service["9h"])
        assert used["mean_time:9h"] == pytest.approx(delivered.mean_hours["9h"])


@pytest.mark.parametrize("given", [{"parts": 300}, {"parts": 300, "objective": "annual_cost", "limits": True}])
def test_many_pairs_are_sized_like_few_and_verified(given, monkeypatch):
    of = network(**given)
    monkeypatch.setattr(sizing, "SEARCHED_GROUPS", 10)
    monkeypatch.setattr(certificate, "_TABLED_ROWS", 10)
    plan = size(of)
    choices, _, _ = tabled(gather(of), plan.multipliers)

    assert plan.status in {"optimal", "feasible"}
    assert plan.gap < 1e-4  # few parts leave more than many do
    assert relax(choices.problem, np.array([*plan.multipliers.values()])).value == pytest.approx(
        plan.lagrangian_bound_cny, rel=1e-11
    )
    assert check(plan, of) == []


def test_more_pairs_than_can_keep_a_promise_are_told_so(monkeypatch):
    monkeypatch.setattr(sizing, "SEARCHED_GROUPS", 10)
    of = network(parts=30)
    plan = size(msgspec.structs.replace(of, limits=Limits(total_budget_cny=2_000.0)))

    assert plan.status == "infeasible"
    assert plan.reasons


def test_stock_that_never_ends_is_refused_before_it_is_computed():
    demand = gather(network(load=200.0))

    with pytest.raises(OptimizerError, match="above 160"):
        PairChoices(demand)


def test_stock_that_costs_nothing_is_held_until_it_always_suffices():
    demand = gather(network(parts=4, price=0.0))
    choices = PairChoices(demand)

    found = choices.relax(np.full(len(choices.rows), 1e6))

    assert found.block_use.sum(axis=0) == pytest.approx(-1.0, abs=1e-12)


def test_when_time_is_out_the_bound_so_far_stands():
    from optimizer.pair_sizing import size_pairs_until  # noqa: PLC0415 - what is compiled loads when it is needed

    of = network()
    found = size_pairs_until(Watch(0.0, None), gather(of))

    assert found.bound.value <= size(of).cost_cny
