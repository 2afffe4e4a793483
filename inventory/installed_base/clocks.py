"""Service clocks: which limit of a contract holds at an instant, and when it runs out.

The calendar at the instant the fault was reported selects the limit (working or non-working hours); that limit then
runs continuously, but for the time in which the fault could not be reproduced (D15). Everything here is pure.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import chinese_calendar
from msgspec import Struct

Hours = Literal["working", "non_working"]
PartTravels = Literal["with_engineer", "ahead"]
"""How a part comes to the site: the engineer carries it, or it is sent ahead and fitted later."""


SwapRunsFrom = Literal["report", "repair_limit", "decision"]
"""From when on the limit of a whole-unit swap runs, as a contract agreed it."""


class WorkingHours(Struct, frozen=True, kw_only=True):
    """A calendar: ISO weekdays worked, opening and closing time in a zone, and whose public holidays."""

    time_zone: str
    working_days: list[int]
    opens_at: time
    closes_at: time
    holidays: str | None = None


class Limits(Struct, frozen=True, kw_only=True):
    """What a contract promised for a severity in or outside working hours; None was not promised."""

    severity: str
    hours: Hours
    answer_minutes: int | None = None
    arrive_hours: float | None = None
    repair_hours: float | None = None
    swap_complete_hours: float | None = None
    progress_minutes: int | None = None
    report_hours: int | None = None


class Clock(Struct, frozen=True, kw_only=True):
    """The limits that hold for a fault, as instants; `provisional` where next year's holidays are not published."""

    hours: Hours
    provisional: bool
    limits: Limits | None
    answer_by: datetime | None
    arrive_by: datetime | None
    repair_by: datetime | None
    swap_complete_by: datetime | None


def is_working_day(day: date, calendar: WorkingHours) -> tuple[bool, bool]:
    """Whether a day is worked, and whether that is provisional.

    China's public holidays and make-up days come from the yearly announcement; a year not yet announced follows the
    weekdays alone.

    >>> cn = WorkingHours(time_zone="Asia/Shanghai", working_days=[1, 2, 3, 4, 5], opens_at=time(9),
    ...                   closes_at=time(18), holidays="CN")
    >>> is_working_day(date(2026, 2, 17), cn)  # a Tuesday, but Spring Festival
    (False, False)
    >>> is_working_day(date(2026, 2, 14), cn)  # a Saturday, but a make-up day
    (True, False)
    >>> is_working_day(date(2031, 5, 2), cn)  # a Friday of a year not yet announced
    (True, True)
    """
    by_weekday = day.isoweekday() in calendar.working_days
    if calendar.holidays != "CN":
        return by_weekday, False
    try:
        return chinese_calendar.is_workday(day), False
    except NotImplementedError:
        return by_weekday, True


def hours_at(instant: datetime, calendar: WorkingHours) -> tuple[Hours, bool]:
    """Whether an instant falls into working hours, and whether that is provisional."""
    local = instant.astimezone(ZoneInfo(calendar.time_zone))
    worked, provisional = is_working_day(local.date(), calendar)
    inside = worked and calendar.opens_at <= local.time() < calendar.closes_at
    return ("working" if inside else "non_working"), provisional


class Pause(Struct, frozen=True, kw_only=True):
    """A time in which the clock stood, because the fault could not be reproduced; open while it still stands."""

    paused_at: datetime
    resumed_at: datetime | None = None
    reason: str = ""


def stood_still(pauses: Sequence[Pause], now: datetime, *, since: datetime | None = None) -> timedelta:
    """How long a clock has not run, or how long of that lies behind an instant (`since`).

    >>> at = datetime(2026, 11, 20, 12)
    >>> stood_still([Pause(paused_at=at, resumed_at=at + timedelta(hours=3)), Pause(paused_at=at + timedelta(hours=5))],
    ...             now=at + timedelta(hours=6))
    datetime.timedelta(seconds=14400)
    >>> stood_still([Pause(paused_at=at, resumed_at=at + timedelta(hours=3))], at, since=at + timedelta(hours=1))
    datetime.timedelta(seconds=7200)
    """
    begun = [(pause, pause.paused_at if since is None else max(pause.paused_at, since)) for pause in pauses]
    return sum((max((pause.resumed_at or now) - at, timedelta()) for pause, at in begun), timedelta())


def clock_of(
    reported_at: datetime,
    severity: str,
    calendar: WorkingHours,
    limits: Sequence[Limits],
    *,
    stood: timedelta = timedelta(),
) -> Clock:
    """The clock of a fault: the calendar at its report selects the limits, which run but for the time it `stood`.

    >>> from datetime import UTC
    >>> cn = WorkingHours(time_zone="Asia/Shanghai", working_days=[1, 2, 3, 4, 5], opens_at=time(9),
    ...                   closes_at=time(18), holidays="CN")
    >>> bank = [Limits(severity="general", hours="working", arrive_hours=3),
    ...         Limits(severity="general", hours="non_working", arrive_hours=5)]
    >>> night = clock_of(datetime(2026, 11, 20, 19, 2, tzinfo=UTC), "general", cn, bank)
    >>> night.hours, night.arrive_by.isoformat()
    ('non_working', '2026-11-21T00:02:00+00:00')
    """
    hours, provisional = hours_at(reported_at, calendar)
    held = next((limit for limit in limits if limit.severity == severity and limit.hours == hours), None)

    def after(amount: float | None, unit: Literal["hours", "minutes"]) -> datetime | None:
        # in UTC, where an hour is an hour also in the night in which a zone's summer time begins or ends
        begun = reported_at.astimezone(UTC)
        return None if held is None or amount is None else begun + timedelta(**{unit: amount}) + stood

    return Clock(
        hours=hours,
        provisional=provisional,
        limits=held,
        answer_by=after(held and held.answer_minutes, "minutes"),
        arrive_by=after(held and held.arrive_hours, "hours"),
        repair_by=after(held and held.repair_hours, "hours"),
        swap_complete_by=after(held and held.swap_complete_hours, "hours"),
    )


def needed_by(clock: Clock, part_travels: PartTravels, fitting_hours: float) -> datetime | None:
    """The latest instant at which a part is of use: with the engineer at the arrival limit, else in time to be fitted.

    Where the limit that would decide was not promised, the other one does; None where neither was.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    >>> held = Clock(hours="working", provisional=False, limits=None, answer_by=None, swap_complete_by=None,
    ...              arrive_by=noon + timedelta(hours=3), repair_by=noon + timedelta(hours=4))
    >>> [f"{needed_by(held, way, 0.5):%H:%M}" for way in ("with_engineer", "ahead")]
    ['15:00', '15:30']
    """
    fitted = None if clock.repair_by is None else clock.repair_by - timedelta(hours=fitting_hours)
    return _deciding(clock.arrive_by, fitted, part_travels)


def needed_within(limits: Limits, part_travels: PartTravels, fitting_hours: float) -> float | None:
    """How many hours after the report a part is of use at the latest: `needed_by` where no instant is known yet.

    >>> bank = Limits(severity="general", hours="working", arrive_hours=3, repair_hours=4)
    >>> needed_within(bank, "with_engineer", 0.5), needed_within(bank, "ahead", 0.5)
    (3, 3.5)
    """
    fitted = None if limits.repair_hours is None else limits.repair_hours - fitting_hours
    return _deciding(limits.arrive_hours, fitted, part_travels)


def _deciding[T](arrive: T | None, fitted: T | None, part_travels: PartTravels) -> T | None:
    first, second = (arrive, fitted) if part_travels == "with_engineer" else (fitted, arrive)
    return second if first is None else first
