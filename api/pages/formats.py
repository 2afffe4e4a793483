"""How times, amounts and shares read. Pure; times are shown in Shanghai's zone, which is the depots' own."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from api.languages import Language

ZONE_NAME = "Asia/Shanghai"
ZONE = ZoneInfo(ZONE_NAME)

_UNITS = (
    (timedelta(days=1), ("d", "天")),
    (timedelta(hours=1), ("h", "小时")),
    (timedelta(minutes=1), ("min", "分钟")),
)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def instant_of(value: datetime | str) -> datetime:
    """An instant, also one from a frozen document.

    >>> instant_of("2026-11-21T04:00:00Z").isoformat()
    '2026-11-21T04:00:00+00:00'
    """
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def clock_time(value: datetime | str, now: datetime, language: Language) -> str:
    """An instant as people write it: without the day when it is today, without the year when it is this one.

    >>> now = datetime.fromisoformat("2026-11-21T04:00Z")
    >>> clock_time(datetime.fromisoformat("2026-11-21T06:05Z"), now, "en")
    '14:05'
    >>> clock_time(datetime.fromisoformat("2026-11-20T06:05Z"), now, "zh")
    '11月20日 14:05'
    >>> clock_time(datetime.fromisoformat("2025-11-20T06:05Z"), now, "en")
    '20 Nov 2025'
    """
    local, today = instant_of(value).astimezone(ZONE), now.astimezone(ZONE).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    return calendar_day(local.date(), language, today) + (f" {local:%H:%M}" if local.year == today.year else "")


def calendar_day(day: date | str, language: Language, today: date | None = None) -> str:
    """A day as people write it; without the year when it is this one.

    >>> calendar_day(date(2026, 11, 20), "zh"), calendar_day(date(2026, 11, 20), "en", date(2026, 1, 1))
    ('2026年11月20日', '20 Nov')
    """
    day = date.fromisoformat(day) if isinstance(day, str) else day
    same_year = today is not None and today.year == day.year
    if language == "zh":
        return f"{'' if same_year else f'{day.year}年'}{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]}{'' if same_year else f' {day.year}'}"


def days(first: date | str, last: date | str, language: Language, today: date) -> str:
    """From day to day; the years stand there unless both are this one.

    >>> days("2026-10-01", "2026-10-07", "zh", date(2026, 1, 1)), days("2025-12-31", "2026-01-02", "en", date(2026, 1, 1))
    ('10月1日 – 10月7日', '31 Dec 2025 – 2 Jan 2026')
    """
    known = today if str(first)[:4] == str(last)[:4] else None
    return f"{calendar_day(first, language, known)} – {calendar_day(last, language, known)}"


_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def weekday(day: date, language: Language) -> str:
    """The day of the week.

    >>> weekday(date(2026, 11, 22), "zh"), weekday(date(2026, 11, 23), "en")
    ('周日', 'Mon')
    """
    return f"周{'一二三四五六日'[day.weekday()]}" if language == "zh" else _WEEKDAYS[day.weekday()]


def from_to(begins: datetime, ends: datetime) -> str:
    """Hours of a day, with how many days later they end.

    >>> from_to(datetime.fromisoformat("2026-11-22T00:00Z"), datetime.fromisoformat("2026-11-23T00:00Z"))
    '08:00–08:00 +1'
    >>> from_to(datetime.fromisoformat("2026-11-22T00:00Z"), datetime.fromisoformat("2026-11-22T16:00Z"))
    '08:00–24:00'
    """
    first, last = begins.astimezone(ZONE), ends.astimezone(ZONE)
    days = (last.date() - first.date()).days
    if days and (last.hour, last.minute) == (0, 0):
        return f"{first:%H:%M}–24:00" + (f" +{days - 1}" if days > 1 else "")
    return f"{first:%H:%M}–{last:%H:%M}" + (f" +{days}" if days else "")


def minute(value: datetime) -> str:
    """An instant to the minute, with its whole date: for papers, and wherever days far off stand beside each other.

    >>> minute(datetime.fromisoformat("2026-11-21T06:05Z"))
    '2026-11-21 14:05'
    """
    return f"{value.astimezone(ZONE):%Y-%m-%d %H:%M}"


def local_minute(value: datetime) -> str:
    """An instant as a form's field holds it.

    >>> local_minute(datetime.fromisoformat("2026-11-21T06:05Z"))
    '2026-11-21T14:05'
    """
    return f"{value.astimezone(ZONE):%Y-%m-%dT%H:%M}"


def exact_time(value: datetime | str) -> str:
    """An instant to the second with its zone, for whoever points at it.

    >>> exact_time(datetime.fromisoformat("2026-11-21T06:05Z"))
    '2026-11-21 14:05:00 +08:00 Asia/Shanghai'
    """
    return f"{instant_of(value).astimezone(ZONE):%Y-%m-%d %H:%M:%S %:z} {ZONE_NAME}"


def span(length: timedelta, language: Language) -> str:
    """A length of time, to its largest unit, and the next one while that is small.

    >>> span(timedelta(minutes=20), "zh"), span(timedelta(hours=2, minutes=30), "en"), span(timedelta(days=9), "en")
    ('20 分钟', '2 h 30 min', '9 d')
    """
    left = abs(length)
    for place, (unit, names) in enumerate(_UNITS):
        count = left // unit
        if count == 0:
            continue
        words = f"{count} {names[language == 'zh']}"
        if count < 3 and place + 1 < len(_UNITS):
            finer, finer_names = _UNITS[place + 1]
            rest = (left - count * unit) // finer
            words += f" {rest} {finer_names[language == 'zh']}" if rest else ""
        return words
    return "不到 1 分钟" if language == "zh" else "less than 1 min"


def hours(length: float, language: Language) -> str:
    """So many hours as a length of time.

    >>> hours(36, "zh"), hours(0.25, "en")
    ('1 天 12 小时', '15 min')
    """
    return span(timedelta(hours=length), language)


def relative(value: datetime | str, now: datetime, language: Language) -> str:
    """How far an instant lies ahead or back.

    >>> now = datetime.fromisoformat("2026-11-21T04:00Z")
    >>> relative(now + timedelta(minutes=20), now, "zh"), relative(now - timedelta(hours=5), now, "en")
    ('20 分钟后', '5 h ago')
    """
    length = instant_of(value) - now
    words = span(length, language)
    if language == "zh":
        return f"{words}{'后' if length > timedelta(0) else '前'}"
    return f"in {words}" if length > timedelta(0) else f"{words} ago"


def money(amount: Decimal | float | str, *, fen: bool = False, currency: str = "CNY") -> str:
    """An amount of money, of yuan unless it says otherwise, with thousands separators; to the fen only where that matters.

    >>> money(Decimal("48800.00")), money(1225.5), money("20", fen=True), money("20", currency="USD")
    ('¥48,800', '¥1,225.50', '¥20.00', 'USD 20')
    """
    sign = "¥" if currency == "CNY" else f"{currency} "
    exact = Decimal(str(amount))
    whole = exact == exact.to_integral_value() and not fen
    return f"{sign}{exact:,.0f}" if whole else f"{sign}{exact:,.2f}"


def share(value: float, digits: int = 1) -> str:
    """A share in per cent; one that is not quite whole is not rounded up to it.

    >>> share(0.9301), share(0.99996), share(1.0)
    ('93.0 %', '99.9 %', '100 %')
    """
    if value >= 1:
        return "100 %"
    below_whole = 100 - 10.0**-digits
    return f"{min(value * 100, below_whole):.{digits}f} %"


def number(value: float, digits: int = 2) -> str:
    """A number with thousands separators and no more digits than it needs.

    >>> number(1234567), number(0.20210), number(5.0)
    ('1,234,567', '0.2', '5')
    """
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def gap(value: float) -> str:
    """How far a plan may be from the best one.

    >>> gap(0), gap(2e-7), gap(0.0123)
    ('0', '< 0.0001 %', '1.23 %')
    """
    if value <= 0:
        return "0"
    return "< 0.0001 %" if value < 1e-6 else f"{number(value * 100, 4)} %"


def signed(value: int) -> str:
    """A change with its sign.

    >>> signed(3), signed(-1)
    ('+3', '−1')
    """
    return f"+{value}" if value > 0 else f"−{-value}" if value < 0 else "0"


def size(count: int) -> str:
    """The size of a file.

    >>> size(840), size(12_600), size(3_270_000)
    ('840 B', '13 kB', '3.3 MB')
    """
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1e6:.1f} MB"
