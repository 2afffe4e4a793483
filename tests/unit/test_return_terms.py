"""Return terms: Chinese holidays and make-up days, daylight-saving time elsewhere, and calendars that differ."""

from datetime import UTC, datetime, time

import pytest

from inventory.installed_base.clocks import WorkingHours
from inventory.returns.terms import Term, due

CN = WorkingHours(
    time_zone="Asia/Shanghai", working_days=[1, 2, 3, 4, 5], opens_at=time(9), closes_at=time(18), holidays="CN"
)
BERLIN = WorkingHours(time_zone="Europe/Berlin", working_days=[1, 2, 3, 4, 5], opens_at=time(8), closes_at=time(17))
GULF = WorkingHours(time_zone="Asia/Dubai", working_days=[7, 1, 2, 3, 4], opens_at=time(8), closes_at=time(16))


@pytest.mark.parametrize(
    ("calendar", "begins", "counts", "amount", "ends"),
    [
        # Spring Festival 2026 is off from the 15th to the 23rd; the Saturdays before and after are made up
        (CN, "2026-02-13 17:00+08:00", "business_days", 1, "2026-02-14 18:00+08:00"),
        (CN, "2026-02-13 17:00+08:00", "business_days", 2, "2026-02-24 18:00+08:00"),
        (CN, "2026-02-13 17:00+08:00", "business_days", 6, "2026-02-28 18:00+08:00"),
        # the same days without China's holidays
        (BERLIN, "2026-02-13 10:00+01:00", "business_days", 2, "2026-02-17 17:00+01:00"),
        # the day of an instant is the one at the vendor's: late in Berlin it is the next day in China
        (CN, "2026-11-19 18:30+01:00", "business_days", 1, "2026-11-23 18:00+08:00"),
        (BERLIN, "2026-11-20 06:30+08:00", "business_days", 1, "2026-11-20 17:00+01:00"),
        # clocks go back on 25 October 2026 and forward on 29 March 2026: business ends by the clock on the wall
        (BERLIN, "2026-10-23 10:00+02:00", "calendar_days", 5, "2026-10-28 17:00+01:00"),
        (BERLIN, "2026-03-27 10:00+01:00", "business_days", 1, "2026-03-30 17:00+02:00"),
        # hours run as they are, whatever the clock on the wall does
        (BERLIN, "2026-10-24 12:00+02:00", "hours", 24, "2026-10-25 11:00+01:00"),
        # a week that begins on Sunday
        (GULF, "2026-11-19 10:00+04:00", "business_days", 1, "2026-11-22 16:00+04:00"),
        # calendar days count through holidays
        (CN, "2026-09-28 10:00+08:00", "calendar_days", 10, "2026-10-08 18:00+08:00"),
    ],
)
def test_a_term_ends_with_business_on_its_last_day_where_the_piece_goes(calendar, begins, counts, amount, ends):
    found = due(datetime.fromisoformat(begins), Term(amount=amount, counts=counts, calendar=calendar))

    assert found.due_at == datetime.fromisoformat(ends)
    assert found.charged_from == found.due_at
    assert not found.provisional


def test_a_last_day_that_is_off_makes_way_where_the_terms_say_so():
    begins = datetime.fromisoformat("2026-09-21 10:00+08:00")  # ten days later is National Day, off until the 7th

    as_it_is = due(begins, Term(amount=10, counts="calendar_days", calendar=CN))
    moved = due(begins, Term(amount=10, counts="calendar_days", calendar=CN, off_day_moves=True))

    assert as_it_is.due_at == datetime.fromisoformat("2026-10-01 18:00+08:00")
    assert moved.due_at == datetime.fromisoformat("2026-10-08 18:00+08:00")


def test_nothing_is_charged_before_the_grace_is_over_and_grace_counts_as_the_term_does():
    begins = datetime.fromisoformat("2026-04-28 10:00+08:00")  # Labour Day is off from 1 to 5 May, 9 May is made up

    found = due(begins, Term(amount=2, counts="business_days", calendar=CN, grace=4))

    assert found.due_at == datetime.fromisoformat("2026-04-30 18:00+08:00")
    assert found.charged_from == datetime.fromisoformat("2026-05-09 18:00+08:00")


def test_a_term_into_a_year_not_yet_announced_is_provisional():
    begins = datetime(2031, 12, 20, tzinfo=UTC)

    assert due(begins, Term(amount=5, counts="business_days", calendar=CN)).provisional
    assert not due(begins, Term(amount=5, counts="calendar_days", calendar=CN)).provisional
