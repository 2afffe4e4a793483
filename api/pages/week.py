"""A week of the roster as a table: a row for each duty, a column for each day. Pure."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from msgspec import Struct

from api.pages.formats import ZONE
from inventory.people.duty import ShiftView
from inventory.people.posts import EmptyShift, Post


class Day(Struct, frozen=True, kw_only=True):
    """What a duty's day shows: the shifts that begin in it (or lead into the week), and the hours nobody has."""

    day: date
    shifts: list[ShiftView]
    empty: list[EmptyShift]


class Row(Struct, frozen=True, kw_only=True):
    """A duty: a role, at a store or for all of them; `post` where somebody must hold it at every hour."""

    role: str
    depot: str | None
    post: bool
    days: list[Day]


def monday_of(day: date) -> date:
    """The Monday of a day's week.

    >>> monday_of(date(2026, 11, 22)).isoformat(), monday_of(date(2026, 11, 23)).isoformat()
    ('2026-11-16', '2026-11-23')
    """
    return day - timedelta(days=day.weekday())


def hours_of(first: date, days: int = 7) -> tuple[datetime, datetime]:
    """When some days begin and end, in the depots' own zone."""
    begins = datetime.combine(first, time(0), ZONE)
    return begins, datetime.combine(first + timedelta(days=days), time(0), ZONE)


def week(monday: date, posts: Sequence[Post], shifts: Sequence[ShiftView], empty: Sequence[EmptyShift]) -> list[Row]:
    """The rows of a week, those of all stores first."""
    must = {(post.role, post.depot) for post in posts}
    duties = must | {(shift.role, shift.depot) for shift in shifts}
    return [
        Row(
            role=role,
            depot=depot,
            post=(role, depot) in must,
            days=[
                _day(
                    monday + timedelta(days=n),
                    n == 0,
                    [shift for shift in shifts if (shift.role, shift.depot) == (role, depot)],
                    [each for each in empty if (each.role, each.depot) == (role, depot)],
                )
                for n in range(7)
            ],
        )
        for role, depot in sorted(duties, key=lambda duty: (duty[1] or "", duty[0]))
    ]


def _day(day: date, first: bool, shifts: Sequence[ShiftView], empty: Sequence[EmptyShift]) -> Day:  # noqa: FBT001
    begins, ends = hours_of(day, 1)
    return Day(
        day=day,
        shifts=[s for s in shifts if s.starts_at < ends and (begins <= s.starts_at or (first and s.ends_at > begins))],
        empty=[
            EmptyShift(
                role=each.role,
                depot=each.depot,
                starts_at=max(each.starts_at, begins),
                ends_at=min(each.ends_at, ends),
            )
            for each in empty
            if each.starts_at < ends and each.ends_at > begins
        ],
    )
