import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from optimizer.cover import (
    ClassDemand,
    Inbound,
    Row,
    average_failure_line,
    class_services,
    critical_point,
    hold_point,
    on_time_share,
    on_time_shares,
    row_shares,
    rows_to_blame,
)
from optimizer.errors import OptimizerError

RATES = st.floats(0.001, 3.0)
WINDOWS = st.floats(0.5, 60.0)
INBOUND = st.lists(st.builds(Inbound, qty=st.integers(1, 4), eta_days=st.floats(0.0, 80.0)), max_size=4)


def share_by_quadrature(available, rate, days, inbound=()):
    def found(t):
        units = available + sum(each.qty for each in inbound if each.eta_days <= t)
        return stats.poisson.cdf(units - 1, rate * t)

    marks = sorted({0.0, days, *(each.eta_days for each in inbound if each.eta_days < days)})
    pieces = [integrate.quad(found, a, b, limit=200)[0] for a, b in itertools.pairwise(marks)]
    return math.fsum(pieces) / days


def fan(units, *, name="FAN", served=0.1, total=None, planned=0.9, service_class="2h"):
    demand = ClassDemand(service_class, served, served if total is None else total)
    return Row(name, units, 0.1, 10.0, planned, (demand,))


@pytest.mark.parametrize("available", [-2, 0, 1, 4])
@pytest.mark.parametrize(("rate", "days"), [(0.03, 14.0), (0.5, 9.0), (2.0, 30.0)])
@pytest.mark.parametrize(
    "inbound",
    [
        (),
        (Inbound(1, 3.0),),
        (Inbound(2, 5.0), Inbound(1, 0.0), Inbound(3, 5.0), Inbound(9, 99.0)),
    ],
)
def test_the_share_equals_its_integral(available, rate, days, inbound):
    assert on_time_share(available, rate, days, inbound) == pytest.approx(
        share_by_quadrature(available, rate, days, inbound), abs=1e-7
    )


@given(available=st.integers(0, 30), rate=RATES, days=WINDOWS)
def test_without_inbound_the_share_is_one_less_expected_backorders(available, rate, days):
    mean = rate * days
    counts = np.arange(0, int(mean + 12 * math.sqrt(mean) + 40))
    backorders = np.sum(np.maximum(counts - available, 0) * stats.poisson.pmf(counts, mean))
    assert on_time_share(available, rate, days) == pytest.approx((mean - backorders) / mean, abs=1e-9)


def test_the_share_is_what_a_simulation_of_the_window_serves():
    random = np.random.default_rng(5)
    inbound = (Inbound(2, 4.0), Inbound(1, 7.5))
    served = total = 0
    for _ in range(20_000):
        times = np.sort(random.uniform(0, 10, random.poisson(3.0)))
        stock = 1 + 2 * (times >= 4.0) + (times >= 7.5)
        served += np.sum(np.arange(len(times)) < stock)
        total += len(times)
    assert on_time_share(1, 0.3, 10.0, inbound) == pytest.approx(served / total, abs=0.006)


@given(available=st.integers(-5, 20), rate=RATES, days=WINDOWS, inbound=INBOUND)
def test_a_share_lies_in_zero_to_one_and_never_falls_with_stock(available, rate, days, inbound):
    less = on_time_share(available, rate, days, inbound)
    more = on_time_share(available + 1, rate, days, inbound)
    assert 0.0 <= less <= more + 1e-12
    assert more <= 1.0


@given(available=st.integers(-3, 12), rate=RATES, days=WINDOWS, inbound=INBOUND)
def test_a_delivery_or_a_lower_rate_never_harms(available, rate, days, inbound):
    share = on_time_share(available, rate, days, inbound)
    assert on_time_share(available, rate, days, [*inbound, Inbound(1, days / 2)]) >= share - 1e-9
    assert on_time_share(available, rate / 2, days, inbound) >= share - 1e-9


def test_without_demand_only_those_who_wait_are_late():
    assert on_time_share(0, 0.0, 10.0) == 1.0
    assert on_time_share(-1, 0.0, 10.0) == 0.0
    assert on_time_share(-1, 0.0, 10.0, [Inbound(1, 4.0)]) == pytest.approx(0.6)


@given(
    st.lists(st.tuples(st.integers(-3, 9), st.one_of(st.just(0.0), RATES), WINDOWS, INBOUND), max_size=8),
)
def test_many_rows_at_once_are_the_rows_one_by_one(rows):
    deliveries = [(i, each) for i, row in enumerate(rows) for each in row[3]]
    shares = on_time_shares(
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        inbound_row=[i for i, _ in deliveries],
        inbound_qty=[each.qty for _, each in deliveries],
        inbound_eta_days=[each.eta_days for _, each in deliveries],
    )
    assert shares == pytest.approx([on_time_share(*row) for row in rows], abs=1e-12)


@given(
    target=st.floats(0.05, 1.0),
    rate=st.one_of(st.just(0.0), RATES),
    days=WINDOWS,
    inbound=INBOUND,
)
def test_the_hold_point_is_the_smallest_stock_that_keeps_the_target(target, rate, days, inbound):
    x = hold_point(target, rate, days, inbound)
    assert on_time_share(x, rate, days, inbound) >= target - 1e-9
    assert on_time_share(x - 1, rate, days, inbound) < target - 1e-9


@given(low=st.floats(0.05, 0.99), high=st.floats(0.05, 0.99), rate=RATES, days=WINDOWS)
def test_a_higher_target_never_lowers_the_hold_point(low, high, rate, days):
    low, high = sorted((low, high))
    assert hold_point(low, rate, days) <= hold_point(high, rate, days)


@given(rate=RATES, days=WINDOWS, target=st.floats(0.1, 0.999))
def test_a_burst_never_lowers_the_hold_point(rate, days, target):
    assert hold_point(target, rate, days) <= hold_point(target, 3 * rate, days)


def test_a_class_is_served_by_the_demand_weighted_share_of_its_rows():
    rows = [fan(3, served=0.3), fan(1, name="PSU", served=0.1)]
    share = row_shares(rows)
    service = class_services(rows)["2h"]
    assert service.service == pytest.approx((0.3 * share[0] + 0.1 * share[1]) / 0.4)
    assert service.total_rate == pytest.approx(0.4)


def test_demand_too_far_to_reach_is_late_whatever_the_stock():
    assert class_services([fan(100, served=0.3, total=0.4)])["2h"].service == pytest.approx(0.75)


def test_a_class_without_demand_is_met():
    assert class_services([fan(0, served=0.0)])["2h"].service == 1.0


SERVED = st.lists(
    st.tuples(st.integers(-2, 8), st.floats(0.01, 0.5), st.floats(0.0, 1.0)),
    min_size=1,
    max_size=6,
)


@given(SERVED, st.floats(0.05, 0.99))
def test_the_critical_point_is_the_smallest_stock_that_holds_the_class(rows_drawn, floor):
    rows = [
        Row(f"R{i}", x, rate, 12.0, planned, (ClassDemand("2h", rate, rate),))
        for i, (x, rate, planned) in enumerate(rows_drawn)
    ]

    def service_with(units):
        changed = Row("R0", units, rows[0].rate_per_day, 12.0, rows[0].planned_share, rows[0].demands)
        return class_services([changed, *rows[1:]])["2h"].service

    found = critical_point(rows[0], class_services(rows), {"2h": floor})
    if found.because == "class":
        assert service_with(found.point) >= floor - 2e-9
        assert service_with(found.point - 1) < floor
    elif found.because == "nothing":
        assert found.point is None
        planned_empty = rows[0].planned_share <= 1e-9 and service_with(10**6) < floor
        assert planned_empty or service_with(-100) >= floor - 2e-9
    else:
        assert service_with(10**6) < floor
        assert found.point == hold_point(rows[0].planned_share, rows[0].rate_per_day, 12.0)


@given(SERVED, st.floats(0.05, 0.95))
def test_a_lower_floor_never_raises_a_critical_point_that_a_class_sets(rows_drawn, floor):
    rows = [
        Row(f"R{i}", x, rate, 12.0, planned, (ClassDemand("2h", rate, rate),))
        for i, (x, rate, planned) in enumerate(rows_drawn)
    ]
    services = class_services(rows)
    high = critical_point(rows[0], services, {"2h": floor})
    low = critical_point(rows[0], services, {"2h": floor / 2})
    if high.because == "class" and low.because == "class":
        assert low.point <= high.point


def test_where_others_are_to_blame_a_row_answers_for_its_own_plan_only():
    rows = [fan(3, name="FAN", planned=0.6), fan(-5, name="PSU")]
    found = critical_point(rows[0], class_services(rows), {"2h": 0.9})
    assert (found.because, found.binding_class) == ("planned", "2h")
    assert found.point == hold_point(0.6, 0.1, 10.0) == 1


def test_a_row_planned_empty_never_alarms_for_others():
    rows = [fan(0, name="FAN", planned=0.0), fan(-5, name="PSU")]
    found = critical_point(rows[0], class_services(rows), {"2h": 0.9})
    assert (found.because, found.point) == ("nothing", None)


def test_the_strictest_of_a_rows_classes_sets_its_critical_point():
    demands = (ClassDemand("2h", 0.05, 0.05), ClassDemand("8h", 0.05, 0.05))
    row = Row("FAN", 4, 0.1, 10.0, 0.9, demands)
    services = class_services([row])
    found = critical_point(row, services, {"2h": 0.97, "8h": 0.5})
    assert found.binding_class == "2h"
    assert found.point == critical_point(row, services, {"2h": 0.97}).point
    assert found.point > critical_point(row, services, {"8h": 0.5}).point


def test_a_class_that_cannot_be_held_does_not_hide_one_that_can():
    demands = (ClassDemand("2h", 0.05, 0.05), ClassDemand("8h", 0.05, 0.05))
    row = Row("FAN", 4, 0.1, 10.0, 0.3, demands)
    other = fan(-9, name="PSU", served=0.1)
    found = critical_point(row, class_services([row, other]), {"2h": 0.95, "8h": 0.95})
    assert (found.because, found.binding_class) == ("class", "8h")


def test_a_class_without_a_floor_is_not_watched():
    row = fan(0)
    found = critical_point(row, class_services([row]), {})
    assert (found.point, found.floors, found.services) == (None, (), ())


def test_a_critical_point_carries_what_it_was_computed_from():
    rows = [fan(3), fan(2, name="PSU")]
    services = class_services(rows)
    found = critical_point(rows[1], services, {"2h": 0.9})
    assert found.row == rows[1]
    assert found.services == (services["2h"],)
    assert found.floors == (("2h", 0.9),)


def test_the_blame_falls_on_the_largest_losses_until_the_class_is_restored():
    rows = [fan(0, name="A", served=0.1), fan(0, name="B", served=0.3), fan(5, name="C", served=0.3)]
    few = rows_to_blame(rows, "2h", floor=0.7)
    assert [each.row for each in few.rows] == ["B"]
    assert few.enough
    all_of_them = rows_to_blame(rows, "2h", floor=0.9)
    assert [each.row for each in all_of_them.rows] == ["B", "A"]
    assert all_of_them.restored_service >= 0.9


def test_nobody_is_to_blame_while_the_class_holds():
    blame = rows_to_blame([fan(5)], "2h", floor=0.9)
    assert blame.rows == ()
    assert blame.enough


def test_the_blame_says_when_the_plan_itself_is_too_thin():
    blame = rows_to_blame([fan(0, planned=0.5)], "2h", floor=0.9)
    assert not blame.enough
    assert blame.restored_service == pytest.approx(0.5)


def test_equal_losses_are_blamed_in_order_of_names():
    blame = rows_to_blame([fan(0, name="B"), fan(0, name="A")], "2h", floor=0.9)
    assert [each.row for each in blame.rows] == ["A", "B"]


@given(SERVED, st.floats(0.05, 0.99))
def test_the_blame_is_minimal_and_restores_what_it_says(rows_drawn, floor):
    rows = [
        Row(f"R{i}", x, rate, 12.0, planned, (ClassDemand("2h", rate, rate),))
        for i, (x, rate, planned) in enumerate(rows_drawn)
    ]
    blame = rows_to_blame(rows, "2h", floor)
    total = sum(row.rate_per_day for row in rows)
    losses = [each.loss for each in blame.rows]
    assert losses == sorted(losses, reverse=True)
    assert blame.restored_service == pytest.approx(blame.service + sum(losses) / total)
    if losses and blame.enough:
        assert blame.service + sum(losses[:-1]) / total < floor


@pytest.mark.parametrize(("rate", "days", "line"), [(0.25, 14.0, 3), (0.1, 30.0, 3), (0.01, 10.0, 0), (0.0, 5.0, 0)])
def test_the_average_failure_line_rounds_down(rate, days, line):
    found = average_failure_line(rate, days)
    assert found.expected == pytest.approx(rate * days)
    assert found.line == line


@given(rate=st.floats(0.0, 5.0), days=WINDOWS, units=st.integers(0, 400))
def test_stock_is_under_the_line_exactly_when_it_is_under_the_average(rate, days, units):
    found = average_failure_line(rate, days)
    assert (units <= found.line) == (units <= found.expected + 1e-9)


@pytest.mark.parametrize(
    "call",
    [
        lambda: on_time_share(1, -0.1, 5.0),
        lambda: on_time_share(1, float("nan"), 5.0),
        lambda: on_time_share(1, 0.1, 0.0),
        lambda: on_time_share(1, 0.1, 5.0, [Inbound(1, -1.0)]),
        lambda: on_time_share(1, 0.1, 5.0, [Inbound(0, 1.0)]),
        lambda: on_time_shares([1], [-0.1], [5.0]),
        lambda: on_time_shares([1], [0.1], [float("inf")]),
        lambda: on_time_shares([1], [0.1], [5.0], inbound_row=[0], inbound_qty=[0], inbound_eta_days=[1.0]),
        lambda: hold_point(0.0, 0.1, 5.0),
        lambda: hold_point(1.1, 0.1, 5.0),
        lambda: average_failure_line(0.1, -1.0),
    ],
)
def test_impossible_rows_are_refused(call):
    with pytest.raises(OptimizerError):
        call()
