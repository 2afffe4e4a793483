"""The two deadlines of a swap: over holidays, make-up days, summer time elsewhere, paused clocks and contracts that differ."""

from datetime import datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.installed_base.clocks import Limits, Pause, WorkingHours, clock_of, stood_still
from inventory.returns.swap_clocks import Deadlines, deadlines, leave_by, missed

CN = WorkingHours(
    time_zone="Asia/Shanghai", working_days=[1, 2, 3, 4, 5], opens_at=time(9), closes_at=time(18), holidays="CN"
)
BERLIN = WorkingHours(time_zone="Europe/Berlin", working_days=[1, 2, 3, 4, 5], opens_at=time(8), closes_at=time(17))
TERMS = [
    Limits(severity="severe", hours="working", repair_hours=4, swap_complete_hours=8),
    Limits(severity="severe", hours="non_working", repair_hours=6, swap_complete_hours=12),
]


def due_of(reported: str, calendar: WorkingHours = CN, *, stood: timedelta = timedelta()) -> Deadlines:
    at = datetime.fromisoformat(reported).replace(tzinfo=ZoneInfo(calendar.time_zone))
    due = deadlines(clock_of(at, "severe", calendar, TERMS, stood=stood), "report")
    assert due is not None
    return due


def told(instant: datetime | None, calendar: WorkingHours = CN) -> str:
    assert instant is not None
    return f"{instant.astimezone(ZoneInfo(calendar.time_zone)):%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("reported", "start_by", "complete_by"),
    [
        ("2026-02-16T10:00", "02-16 16:00", "02-16 22:00"),  # a Monday, but Spring Festival: the limits of days off
        (
            "2026-02-14T10:00",
            "02-14 14:00",
            "02-14 18:00",
        ),  # a Saturday, but a make-up day: the limits of working hours
        ("2026-10-01T17:30", "10-01 23:30", "10-02 05:30"),  # National Day, over midnight
        ("2026-11-23T17:59", "11-23 21:59", "11-24 01:59"),  # a minute before closing: the limit then runs on
        ("2026-11-23T18:00", "11-24 00:00", "11-24 06:00"),
    ],
)
def test_the_calendar_at_the_report_chooses_both_deadlines(reported, start_by, complete_by):
    due = due_of(reported)
    assert (told(due.start_by), told(due.complete_by)) == (start_by, complete_by)


def test_hours_are_hours_when_summer_time_begins_and_ends():
    # 29 March 2026, 01:30 in Berlin: the clock springs from 02:00 to 03:00; six hours later it is 08:30
    spring, autumn = due_of("2026-03-29T01:30", BERLIN), due_of("2026-10-25T01:30", BERLIN)
    assert (told(spring.start_by, BERLIN), told(spring.complete_by, BERLIN)) == ("03-29 08:30", "03-29 14:30")
    assert (told(autumn.start_by, BERLIN), told(autumn.complete_by, BERLIN)) == ("10-25 06:30", "10-25 12:30")


def test_a_clock_that_stood_moves_both_deadlines_by_as_much():
    at = datetime(2026, 11, 23, 3, tzinfo=ZoneInfo("UTC"))
    pauses = [Pause(paused_at=at, resumed_at=at + timedelta(hours=2)), Pause(paused_at=at + timedelta(hours=4))]
    stood = stood_still(pauses, at + timedelta(hours=5))
    before, after = due_of("2026-11-23T10:00"), due_of("2026-11-23T10:00", stood=stood)
    assert before.start_by is not None
    assert (after.start_by, after.complete_by) == (before.start_by + stood, before.complete_by + stood)


def test_contracts_that_agreed_otherwise_have_other_deadlines():
    at = datetime(2026, 11, 23, 2, tzinfo=ZoneInfo("UTC"))
    held = clock_of(at, "severe", CN, TERMS)
    found = {agreed: deadlines(held, agreed) for agreed in (None, "report", "repair_limit", "decision")}
    assert [(due.complete_by - at, due.assumed) for due in found.values() if due] == [
        (timedelta(hours=8), True),
        (timedelta(hours=8), False),
        (timedelta(hours=12), False),
        (timedelta(hours=12), False),
    ]
    soon = deadlines(held, "decision", decided_at=at + timedelta(hours=1), stood_since=timedelta(minutes=30))
    assert soon is not None
    assert soon.complete_by == at + timedelta(hours=9.5)
    no_repair = [Limits(severity="severe", hours="working", swap_complete_hours=8)]
    alone = deadlines(clock_of(at, "severe", CN, no_repair), "repair_limit")
    assert alone is not None
    assert (alone.start_by, alone.complete_by, alone.runs_from, alone.assumed) == (
        None,
        at + timedelta(hours=8),
        "report",
        True,
    )
    assert (
        deadlines(clock_of(at, "severe", CN, [Limits(severity="severe", hours="working", repair_hours=4)]), None)
        is None
    )


hours = st.floats(0, 30)


@given(repair=st.one_of(st.none(), hours), swap=hours, way=hours, fitting=st.floats(0, 4), late=st.integers(1, 600))
def test_what_leaves_by_then_misses_nothing_and_what_leaves_later_misses_something(repair, swap, way, fitting, late):
    at = datetime(2026, 11, 23, tzinfo=ZoneInfo("UTC"))
    due = Deadlines(
        start_by=None if repair is None else at + timedelta(hours=repair),
        complete_by=at + timedelta(hours=swap),
        runs_from="report",
        assumed=True,
    )
    last = leave_by(due, way, fitting)
    assert missed(due, last - timedelta(seconds=1), way, fitting) == []
    found = [missed(due, last + timedelta(minutes=minutes), way, fitting) for minutes in (late, late + 1)]
    assert found[0]
    assert all(
        earlier.late_minutes <= later.late_minutes
        for one, next_ in pairwise(found)
        for earlier, later in zip(one, next_, strict=False)
    )
