"""Service clocks: the calendar at the report selects the limit, which then runs without a stop."""

from datetime import UTC, datetime, time, timedelta

import pytest

from inventory.installed_base.clocks import Limits, WorkingHours, clock_of, hours_at

CN = WorkingHours(
    time_zone="Asia/Shanghai", working_days=[1, 2, 3, 4, 5], opens_at=time(9), closes_at=time(18), holidays="CN"
)
BERLIN = WorkingHours(time_zone="Europe/Berlin", working_days=[1, 2, 3, 4, 5], opens_at=time(8), closes_at=time(17))
BANK = [
    Limits(severity="general", hours="working", arrive_hours=3, repair_hours=4, answer_minutes=15),
    Limits(severity="general", hours="non_working", arrive_hours=5, repair_hours=7),
]


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-11-20 09:00", "working"),
        ("2026-11-20 17:59", "working"),
        ("2026-11-20 18:00", "non_working"),
        ("2026-11-20 08:59", "non_working"),
        ("2026-11-21 11:00", "non_working"),  # a Saturday
        ("2026-02-17 11:00", "non_working"),  # Spring Festival, a Tuesday
        ("2026-02-14 11:00", "working"),  # a make-up Saturday
    ],
)
def test_chinese_holidays_and_make_up_days_decide(local, expected):
    instant = datetime.fromisoformat(f"{local}+08:00")

    assert hours_at(instant, CN) == (expected, False)


def test_a_year_not_yet_announced_is_provisional():
    assert hours_at(datetime(2032, 5, 3, 3, tzinfo=UTC), CN) == ("working", True)


def test_daylight_saving_time_moves_the_hours():
    summer, winter = datetime(2026, 7, 1, 6, 30, tzinfo=UTC), datetime(2026, 12, 1, 6, 30, tzinfo=UTC)

    assert (hours_at(summer, BERLIN)[0], hours_at(winter, BERLIN)[0]) == ("working", "non_working")


def test_the_limit_runs_on_through_the_night():
    reported = datetime.fromisoformat("2026-11-20T17:30:00+08:00")
    held = clock_of(reported, "general", CN, BANK)

    assert held.arrive_by - reported == timedelta(hours=3)
    assert held.repair_by - reported == timedelta(hours=4)
    assert held.answer_by - reported == timedelta(minutes=15)


def test_what_was_not_promised_has_no_instant():
    held = clock_of(datetime.fromisoformat("2026-11-20T20:00:00+08:00"), "general", CN, BANK)

    assert (held.answer_by, held.swap_complete_by) == (None, None)
    assert clock_of(datetime(2026, 11, 20, tzinfo=UTC), "severe", CN, BANK).arrive_by is None
