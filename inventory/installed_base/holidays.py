"""China's public holidays as periods off work, for duty sheets. Pure.

The yearly announcement says which days are off and which weekends are worked; where it is not out yet, the days that the
law names stand in, marked provisional.
"""

from datetime import date, timedelta
from functools import cache

import chinese_calendar
from lunardate import LunarDate
from msgspec import Struct

_LOOK_AHEAD = timedelta(days=400)

_NAMES = {
    "New Year's Day": "元旦",
    "Spring Festival": "春节",
    "Tomb-sweeping Day": "清明",
    "Labour Day": "劳动节",
    "Dragon Boat Festival": "端午",
    "Mid-autumn Festival": "中秋",
    "National Day": "国庆节",
}
"""Holidays as the announcement's library calls them, with their Chinese names."""


class Holiday(Struct, frozen=True, kw_only=True):
    """Days off in a row, with both days named; `provisional` while that year's announcement is not out."""

    name_zh: str
    name_en: str
    starts_on: date
    ends_on: date
    provisional: bool


def _lunar(year: int, month: int, day: int) -> date:
    """A day of the lunar calendar."""
    return LunarDate(year, month, day).to_solar_date()  # pyright: ignore[reportAttributeAccessIssue]  newer than its stubs


@cache
def _by_law(year: int) -> dict[date, str]:
    """The days that the State Council's rules of 2024 give off in every year, by name."""
    new_year = _lunar(year, 1, 1)
    days = [
        (date(year, 1, 1), 1, "New Year's Day"),
        (new_year - timedelta(days=1), 4, "Spring Festival"),
        (chinese_calendar.get_solar_terms(date(year, 4, 1), date(year, 4, 10))[0][0], 1, "Tomb-sweeping Day"),
        (date(year, 5, 1), 2, "Labour Day"),
        (_lunar(year, 5, 5), 1, "Dragon Boat Festival"),
        (_lunar(year, 8, 15), 1, "Mid-autumn Festival"),
        (date(year, 10, 1), 3, "National Day"),
    ]
    return {first + timedelta(days=n): name for first, length, name in days for n in range(length)}


def _off(day: date) -> tuple[bool, str | None, bool]:
    """Whether a day is off, its holiday's name, and whether that is provisional."""
    try:
        off, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        named = _by_law(day.year).get(day)
        return named is not None or day.isoweekday() > 5, named, True
    return off, name if off else None, False


def next_holidays(today: date, count: int = 4) -> list[Holiday]:
    """The next holidays that have not ended, the nearest first.

    >>> [(h.name_en, h.starts_on.isoformat(), h.ends_on.isoformat()) for h in next_holidays(date(2026, 2, 10), 1)]
    [('Spring Festival', '2026-02-15', '2026-02-23')]
    >>> far = next_holidays(date(2031, 9, 20), 2)  # not announced: what the law says, with the weekends beside it
    >>> [(h.name_zh, h.starts_on.isoformat(), h.provisional) for h in far]
    [('国庆节', '2031-10-01', True), ('元旦', '2032-01-01', True)]
    """
    found: list[Holiday] = []
    run: list[tuple[date, str | None, bool]] = []
    day, last = today, today + _LOOK_AHEAD
    while _off(day - timedelta(days=1))[0]:
        day -= timedelta(days=1)  # a holiday that is under way began before today
    while day <= last and len(found) < count:
        off, name, provisional = _off(day)
        if off:
            run.append((day, name, provisional))
        else:
            found += _holiday(run)
            run = []
        day += timedelta(days=1)
    return found


def _holiday(run: list[tuple[date, str | None, bool]]) -> list[Holiday]:
    """Days off in a row as a holiday; a weekend is none."""
    named = next((name for _, name, _ in run if name), None)
    if named is None:
        return []
    return [
        Holiday(
            name_zh=_NAMES.get(named, named),
            name_en=named,
            starts_on=run[0][0],
            ends_on=run[-1][0],
            provisional=any(provisional for *_, provisional in run),
        )
    ]
