from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.closures import Closure, by_order_day, days_taken, quickest
from optimizer.errors import OptimizerError

START = date(2027, 1, 1)

CLOSURES = st.lists(
    st.tuples(st.integers(-20, 60), st.integers(0, 20)).map(
        lambda drawn: Closure(START + timedelta(drawn[0]), START + timedelta(drawn[0] + drawn[1]))
    ),
    max_size=4,
)


def day_by_day(lead: int, ordered: int, closures: list[Closure]) -> int:
    """Wait until the vendor was open for so many days."""
    day = ordered
    while lead > 0 or (any(c.first_on <= START + timedelta(day) <= c.last_on for c in closures) and day == ordered):
        if not any(c.first_on <= START + timedelta(day) <= c.last_on for c in closures):
            lead -= 1
        day += 1
    return day - ordered


@given(st.integers(1, 40), st.integers(0, 60), CLOSURES)
def test_it_takes_the_open_days_that_the_lead_time_has(lead, ordered, closures):
    assert days_taken(lead, START + timedelta(ordered), closures) == day_by_day(lead, ordered, closures)


@given(st.floats(0, 60), CLOSURES)
def test_closures_never_make_a_delivery_faster_and_later_orders_never_arrive_earlier(lead, closures):
    taken = by_order_day(lead, closures, START, 60)
    assert (taken >= lead).all()
    arrivals = [day + days for day, days in enumerate(taken)]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(arrivals))


@given(st.floats(0, 60))
def test_nothing_changes_without_closures(lead):
    figure = quickest([by_order_day(lead, [], START, 30)])
    assert figure.mean == pytest.approx(lead)
    assert figure.worst == lead


def test_a_closure_that_is_over_or_far_ahead_does_no_harm():
    closures = [Closure(date(2026, 12, 1), date(2026, 12, 31)), Closure(date(2027, 3, 1), date(2027, 3, 20))]
    assert (by_order_day(7.0, closures, START, 50) == 7.0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: days_taken(-1.0, START, []),
        lambda: days_taken(float("inf"), START, []),
        lambda: days_taken(1.0, START, [Closure(START, START - timedelta(1))]),
        lambda: by_order_day(1.0, [], START, 0),
        lambda: quickest([]),
    ],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(OptimizerError):
        wrong()
