"""Return terms: until when a piece that is owed must be back, and what is charged when it is not. Everything here is pure.

Both clocks run by it: the engineer's, who brings a removed part back to the store, and the vendor's, who sent a good part
first and is owed the bad one.
"""

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from inventory.installed_base.clocks import WorkingHours, is_working_day

Counts = Literal["hours", "calendar_days", "business_days"]
Charge = Literal["list_price", "share", "fixed", "nothing"]


class Term(Struct, frozen=True, kw_only=True):
    """How long somebody has: so many hours, calendar days or business days, by the calendar of the place it goes back to.

    The day on which it begins does not count, and the last day ends when business does there. `grace` is in the same unit;
    nothing is charged before it is over. A last calendar day that is off counts as it is, or, with `off_day_moves`, makes
    way for the next day that is worked.
    """

    amount: int
    counts: Counts
    calendar: WorkingHours
    grace: int = 0
    off_day_moves: bool = False


class Due(Struct, frozen=True, kw_only=True):
    """Until when; from when on it is charged; `provisional` where a year's holidays are not published yet."""

    due_at: datetime
    charged_from: datetime
    provisional: bool


def due(begins_at: datetime, term: Term) -> Due:
    """When a term that begins at an instant is over, in that instant's zone.

    Source for days: Civil Code of the People's Republic of China, articles 201 (the first day does not count) and 203 (the
    last day ends with the business hours; where it is off, the next working day takes its place).

    >>> from datetime import UTC, time
    >>> cn = WorkingHours(time_zone="Asia/Shanghai", working_days=[1, 2, 3, 4, 5], opens_at=time(9),
    ...                   closes_at=time(18), holidays="CN")
    >>> five = Term(amount=5, counts="business_days", calendar=cn, grace=2)
    >>> found = due(datetime(2026, 2, 11, 2, 0, tzinfo=UTC), five)  # a Wednesday; the 14th is made up, then Spring Festival
    >>> found.due_at.isoformat(), found.charged_from.isoformat()
    ('2026-02-25T10:00:00+00:00', '2026-02-27T10:00:00+00:00')
    >>> due(datetime(2026, 2, 11, 2, 0, tzinfo=UTC), Term(amount=10, counts="calendar_days", calendar=cn)).due_at.isoformat()
    '2026-02-21T10:00:00+00:00'
    >>> due(datetime(2026, 2, 11, 2, 0, tzinfo=UTC), Term(amount=48, counts="hours", calendar=cn)).due_at.isoformat()
    '2026-02-13T02:00:00+00:00'
    """
    due_at, provisional = _after(begins_at, term.amount, term)
    charged_from, later = _after(begins_at, term.amount + term.grace, term)
    return Due(due_at=due_at, charged_from=charged_from, provisional=provisional or later)


def _after(begins_at: datetime, amount: int, term: Term) -> tuple[datetime, bool]:
    """The instant so much later by a term's way of counting, and whether that is provisional."""
    if term.counts == "hours":
        return begins_at + timedelta(hours=amount), False
    calendar = term.calendar
    began = begins_at.astimezone(ZoneInfo(calendar.time_zone)).date()
    if term.counts == "business_days":
        last, provisional = _working_day_after(began, amount, calendar)
    elif term.off_day_moves:
        last, provisional = _working_day_after(began + timedelta(days=amount - 1), 1, calendar)
    else:
        last, provisional = began + timedelta(days=amount), False
    return _close_of(last, calendar).astimezone(begins_at.tzinfo), provisional


def _working_day_after(day: date, count: int, calendar: WorkingHours) -> tuple[date, bool]:
    """The `count`-th working day after a day; a calendar has at least one working weekday."""
    provisional = False
    while count > 0:
        day += timedelta(days=1)
        worked, guessed = is_working_day(day, calendar)
        provisional = provisional or guessed
        count -= worked
    return day, provisional


def _close_of(day: date, calendar: WorkingHours) -> datetime:
    """When business ends on a day, by the clock of that place."""
    return datetime.combine(day, calendar.closes_at, ZoneInfo(calendar.time_zone))


def at_risk(charge: Charge, list_price: Decimal | None, *, percent: Decimal | None, fixed: Decimal | None) -> Decimal:
    """What a piece costs us when it is not back in time, in CNY: its list price, a share of that in percent, or a sum.

    A list price that nobody quoted is nothing that can be reckoned with; it counts as nothing, and the terms' words tell.

    >>> at_risk("share", Decimal("1999.99"), percent=Decimal(30), fixed=None)
    Decimal('600.00')
    >>> at_risk("fixed", Decimal("1999.99"), percent=None, fixed=Decimal("450.00"))
    Decimal('450.00')
    """
    match charge:
        case "list_price":
            return list_price or Decimal(0)
        case "share":
            share = (list_price or Decimal(0)) * (percent or Decimal(0)) / 100
            return share.quantize(Decimal("0.01"), ROUND_HALF_UP)
        case "fixed":
            return fixed or Decimal(0)
        case "nothing":
            return Decimal(0)
