"""What a level will have to give: nothing is promised twice, by brute force over every instant."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from inventory.stock.promises import Delivery, Promised, Prospect

DAY = datetime(2026, 11, 20, tzinfo=UTC)


def at(day: int) -> datetime:
    return DAY + timedelta(days=day)


PROSPECTS = st.builds(
    lambda free, coming, promised: Prospect(
        part=1,
        place=1,
        pool=1,
        free=free,
        coming=[Delivery(number=None, quantity=q, due_at=at(day), confirmed=sure) for q, day, sure in coming],
        promised=[
            Promised(reservation=UUID(int=n), quantity=q, starts_at=at(day)) for n, (q, day) in enumerate(promised)
        ],
    ),
    st.integers(-2, 6),
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 9), st.booleans()), max_size=4),
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 9)), max_size=5),
)


def left(prospect: Prospect, day: int, promised: list[Promised]) -> int:
    """What is there at the end of a day when promises are kept."""
    came = sum(each.quantity for each in prospect.coming if each.confirmed and each.due_at <= at(day))
    return prospect.free + came - sum(each.quantity for each in promised if each.starts_at <= at(day))


@given(PROSPECTS, st.integers(0, 9))
def test_the_most_that_breaks_no_promise_may_be_promised(prospect, day):
    spare = prospect.spare_from(at(day))

    assert spare == max(min(left(prospect, later, prospect.promised) for later in range(day, 10)), 0)


@given(PROSPECTS)
def test_who_was_promised_first_is_served_first_and_nobody_more_than_there_is(prospect):
    missing = prospect.missing()
    served: list[Promised] = []
    for each in prospect.promised:
        had = each.quantity - missing[each.reservation]
        most = max(min(left(prospect, later, served) for later in range((each.starts_at - DAY).days, 10)), 0)
        assert had == min(each.quantity, most)
        served.append(Promised(reservation=each.reservation, quantity=had, starts_at=each.starts_at))


@given(PROSPECTS, st.integers(0, 9), st.integers(1, 5))
def test_what_is_promised_of_the_spare_is_not_missing_and_takes_nothing_from_the_others(prospect, day, wanted):
    quantity = min(wanted, prospect.spare_from(at(day)))
    before = prospect.missing()
    new = Promised(reservation=UUID(int=99), quantity=quantity, starts_at=at(day))
    after = Prospect(
        part=1, place=1, pool=1, free=prospect.free, coming=prospect.coming, promised=[*prospect.promised, new]
    )

    assert after.missing() == before | {new.reservation: 0}
