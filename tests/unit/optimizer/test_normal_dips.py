import itertools

import numpy as np
import pytest

from optimizer.cover import ClassDemand, Inbound, on_time_share, on_time_shares
from optimizer.errors import OptimizerError
from optimizer.simulation import StockedRow, _dip, _life, normal_dips


def row(name="FAN", stock=3, rate=0.08, days=20.0, *, service_class="2h", served=None, total=None):
    demand = ClassDemand(service_class, rate if served is None else served, rate if total is None else total)
    return StockedRow(name, stock, rate, days, (demand,))


def network(seed=0, rows=60):
    draw = np.random.default_rng(seed)
    return [
        row(
            f"R{i}",
            int(draw.integers(1, 4)),
            float(draw.uniform(0.01, 0.08)),
            14.0,
            service_class=draw.choice(["2h", "8h"]).item(),
        )
        for i in range(rows)
    ]


def falls_below(level, service):
    return sum(after < level <= before for before, after in itertools.pairwise(service))


def services(rows, years, seed, name):
    """A class's service after each event, walked event by event with the scalar formulas."""
    events, shares, weight = [], [], 0.0
    for i, (each, own_seed) in enumerate(zip(rows, np.random.SeedSequence(seed).spawn(len(rows)), strict=True)):
        times, values = _life(each, years * 365.0, np.random.default_rng(own_seed))
        serves = sum(d.total_rate for d in each.demands if d.service_class == name)
        weight += serves
        shares.append(serves * values[0])
        events += [(time, i, serves * value) for time, value in zip(times[1:], values[1:], strict=True)]
    found = [sum(shares) / weight]
    for _, i, value in sorted(events):
        shares[i] = value
        found.append(sum(shares) / weight)
    return found


def test_a_rows_life_is_one_for_one_replenishment_with_backorders():
    """Replayed with a list of orders: what is demanded comes back a resupply time later."""
    stocked = row(stock=2, rate=0.15, days=12.0)
    times, shares = _life(stocked, 400.0, np.random.default_rng(3))
    random = np.random.default_rng(3)
    demands = np.sort(random.uniform(-12.0, 400.0, random.poisson(0.15 * 412.0)))
    for time, share in zip(times, shares, strict=True):
        out = [d + 12.0 for d in demands if d <= time < d + 12.0]
        coming = [Inbound(1, due - time) for due in out]
        assert share == pytest.approx(on_time_share(2 - len(out), 0.15, 12.0, coming), abs=1e-9)
    assert (2 - np.array([sum(d <= t < d + 12.0 for d in demands) for t in times])).min() < 0


def test_a_row_starts_in_its_steady_state():
    """As many orders out as are demanded in a resupply time, due at any moment of it."""
    random = np.random.default_rng(6)
    starts = [_life(row(rate=0.2, days=15.0), 1.0, random)[1][0] for _ in range(3000)]
    steady = []
    for out in random.poisson(3.0, 3000).tolist():
        coming = [Inbound(1, due) for due in random.uniform(0.0, 15.0, out)]
        steady.append(on_time_share(3 - out, 0.2, 15.0, coming))
    assert np.mean(starts) == pytest.approx(np.mean(steady), abs=0.03)


def test_the_dip_is_the_highest_level_not_fallen_below_more_often():
    draw = np.random.default_rng(4)
    for falls in (0.5, 1.0, 3.0, 10.0):
        service = [0.8, *(0.8 + np.cumsum(draw.choice([-0.01, -0.02, 0.01, 0.02], 300))).tolist()]
        steps = np.diff(service)
        level = _dip(service[0], [(np.arange(1.0, 301.0), steps)], 1.0, falls)
        service = np.concatenate([[service[0]], service[0] + np.cumsum(steps)])
        levels = sorted(set(service.tolist()))
        assert all(falls_below(each, service) <= falls for each in [*levels, level] if each <= level)
        higher = [each for each in levels if each > level]
        assert not higher or falls_below(higher[0], service) > falls


def test_the_answer_is_that_of_walking_the_events_one_by_one():
    rows = network(rows=12)
    dips = normal_dips(rows, ["2h", "8h"], years=6.0, seed=5)
    for name, level in dips.items():
        service = services(rows, 6.0, 5, name)
        assert falls_below(level - 1e-9, service) <= 6
        assert falls_below(min(s for s in service if s > level + 1e-9), service) > 6


def test_another_life_dips_below_about_as_often_as_stated():
    rows = network()
    level = normal_dips(rows, ["2h"], years=200.0, seed=1, per_year=2.0)["2h"]
    again = falls_below(level, services(rows, 60.0, 2, "2h")) / 60.0
    assert again == pytest.approx(2.0, abs=0.8)


def test_live_stock_falls_below_the_level_as_often_as_was_allowed():
    """Every row looked at anew just before and after each demand, as live stock is: not oftener, and not never."""
    rows, years = network(3, 30), 40.0
    level = normal_dips(rows, ["2h"], years=years, seed=4)["2h"]
    served = [each for each in rows if each.demands[0].service_class == "2h"]
    lives = [_demands(each, years * 365.0, number) for number, each in enumerate(served)]
    moments = np.sort(np.concatenate([life[life > 0] for life in lives]))
    weight = sum(each.rate_per_day for each in served)
    before, after = (
        sum(
            each.rate_per_day * _seen(each, life, moments, side) for each, life in zip(served, lives, strict=True)
        ) / weight
        for side in ("left", "right")
    )  # fmt: skip
    a_year = int(((before >= level) & (after < level)).sum()) / years
    assert 0.5 < a_year < 1.2


def _demands(each, days, seed):
    random = np.random.default_rng(seed)
    lead = each.resupply_days
    return np.sort(random.uniform(-lead, days, random.poisson(each.rate_per_day * (lead + days))))


def _seen(each, demand, moments, side):
    """The row's on-time share at each moment, just before or after what happens then."""
    last = np.searchsorted(demand, moments, side=side)
    first = np.searchsorted(demand, moments - each.resupply_days, side="right")
    event = np.repeat(np.arange(len(moments)), last - first)
    order = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)]).astype(int)
    return on_time_shares(
        each.base_stock - (last - first),
        each.rate_per_day,
        each.resupply_days,
        inbound_row=event,
        inbound_qty=np.ones(len(event)),
        inbound_eta_days=demand[order] + each.resupply_days - moments[event],
    )


def test_rarer_dips_lie_deeper():
    rows = network()
    levels = [normal_dips(rows, ["2h"], years=50.0, seed=1, per_year=often)["2h"] for often in (0.2, 1.0, 5.0)]
    assert levels == sorted(levels)
    assert levels[0] < levels[-1]


def test_more_stock_dips_less():
    thin = normal_dips([row(stock=2)], ["2h"], years=100.0, seed=2)["2h"]
    thick = normal_dips([row(stock=5)], ["2h"], years=100.0, seed=2)["2h"]
    assert thin < thick


def test_the_same_seed_gives_the_same_answer_and_others_do_not():
    rows = network()
    first = normal_dips(rows, ["2h", "8h"], years=10.0, seed=1)
    assert normal_dips(rows, {"8h", "2h"}, years=10.0, seed=1) == first
    assert normal_dips(rows, ["2h", "8h"], years=10.0, seed=2) != first


def test_a_class_is_found_the_same_whatever_other_classes_are_asked():
    rows = network()
    both = normal_dips(rows, ["2h", "8h"], years=10.0, seed=1)
    assert normal_dips(rows, ["8h"], years=10.0, seed=1) == {"8h": both["8h"]}


def test_demand_out_of_reach_lowers_every_level():
    near = normal_dips([row()], ["2h"], years=30.0, seed=1)["2h"]
    far = normal_dips([row(served=0.04)], ["2h"], years=30.0, seed=1)["2h"]
    assert far == pytest.approx(near / 2)


def test_a_class_that_hardly_ever_falls_gets_the_highest_service_it_had():
    quiet = normal_dips([row(stock=4, rate=1e-4)], ["2h"], years=5.0, seed=1)["2h"]
    assert quiet == pytest.approx(on_time_share(4, 1e-4, 20.0))


def test_a_class_without_demand_is_always_met():
    assert normal_dips([row(served=0.0, total=0.0)], ["2h", "night"], years=1.0, seed=1) == {"2h": 1.0, "night": 1.0}


@pytest.mark.parametrize(("years", "per_year"), [(0.0, 1.0), (float("nan"), 1.0), (1.0, 0.0)])
def test_impossible_questions_are_refused(years, per_year):
    with pytest.raises(OptimizerError):
        normal_dips([row()], ["2h"], years=years, seed=1, per_year=per_year)
