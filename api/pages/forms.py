"""Forms: reading what a page's fields say."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from api.instants import within
from api.pages.formats import ZONE
from inventory.ground.errors import Invalid

Several = list[str] | str
"""A field that may stand in a form more than once; once, it comes alone."""

Short = Annotated[str, Meta(max_length=200)]
Long = Annotated[str, Meta(max_length=10_000)]


class NotAQuantity(Invalid):
    """“{value}” is not a quantity."""

    zh = "“{value}”不是有效数量。"
    help_en = "Give a whole number of {least} or more."
    help_zh = "请填写不小于 {least} 的整数。"


class NotANumber(Invalid):
    """“{value}” is no number from {least} to {most}."""

    zh = "“{value}”不是 {least} 至 {most} 之间的数字。"
    help_en = "Write digits, with a point before decimals."
    help_zh = "请填写数字，小数用点号。"


class NotATime(Invalid):
    """“{value}” is no date or time."""

    zh = "“{value}”不是有效的日期或时间。"
    help_en = "Write it as 2026-11-22 or 2026-11-22T09:30."
    help_zh = "请按 2026-11-22 或 2026-11-22T09:30 的格式填写。"


class LinesIncomplete(Invalid):
    """The lines of this form do not fit together; some have fields that others lack."""

    zh = "表单各行不完整，无法对应。"
    help_en = "Load the page again, and fill it in there."
    help_zh = "请重新打开页面填写。"


class Reason(Struct, kw_only=True):
    """Why."""

    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


def several(value: Several) -> list[str]:
    """A repeated field as a list.

    >>> several("one"), several(["one", ""])
    (['one'], ['one', ''])
    """
    return [value] if isinstance(value, str) else value


def rows(*columns: Several) -> list[tuple[str, ...]]:
    """Repeated fields as the lines they stand in.

    >>> rows(["FAN", "PSU"], ["2", "1"])
    [('FAN', '2'), ('PSU', '1')]

    Raises:
        LinesIncomplete: some lines have fields that others lack.

    """
    lists = [several(column) for column in columns]
    if len({len(each) for each in lists}) > 1:
        raise LinesIncomplete
    return list(zip(*lists, strict=True))


def quantity(text: str, *, least: int = 1) -> int:
    """A quantity somebody typed.

    >>> quantity(" 12 ")
    12

    Raises:
        NotAQuantity: it is no whole number, or less than `least`.

    """
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 8) or int(digits) < least:
        raise NotAQuantity(value=text, least=least)
    return int(digits)


def whole(text: str, *, least: int, most: int) -> int:
    """A whole number somebody typed.

    >>> whole(" 24 ", least=1, most=720)
    24

    Raises:
        NotANumber: it is none, or out of bounds.

    """
    if not text.strip().isdigit():
        raise NotANumber(value=text, least=least, most=most)
    return int(number(text, least=least, most=most))


def number(text: str, *, least: int, most: int) -> Decimal:
    """A number somebody typed, with up to four decimals.

    >>> number(" 12.5 ", least=0, most=100)
    Decimal('12.5')

    Raises:
        NotANumber: it is none, or out of bounds.

    """
    written = text.strip()
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,4})?", written) or not least <= Decimal(written) <= most:
        raise NotANumber(value=text, least=least, most=most)
    return Decimal(written)


def part_lines(part_numbers: Several, quantities: Several) -> list[tuple[str, int]]:
    """The lines of a form that name a part, with how many of it.

    >>> part_lines(["FAN-2U ", ""], ["3", "1"])
    [('FAN-2U', 3)]

    Raises:
        NotAQuantity: a line that names a part has none.
        LinesIncomplete: some lines have fields that others lack.

    """
    return [(part.strip(), quantity(count)) for part, count in rows(part_numbers, quantities) if part.strip()]


def moment(text: str | None, *, whole_day: bool = False) -> datetime | None:
    """A date or time somebody chose, in the depots' own zone; `whole_day` means the end of a day without a time.

    >>> moment("2026-11-22T08:30").isoformat(), moment("2026-11-22", whole_day=True).isoformat(), moment(" ")
    ('2026-11-22T00:30:00+00:00', '2026-11-22T16:00:00+00:00', None)

    Raises:
        NotATime: it is neither.

    """
    written = (text or "").strip()
    if not written:
        return None
    try:
        chosen = datetime.fromisoformat(written)
        end = timedelta(days=1) if whole_day and len(written) == len("2026-11-22") else timedelta(0)
        told = (chosen if chosen.tzinfo else chosen.replace(tzinfo=ZONE)).astimezone(UTC) + end
    except (ValueError, OverflowError):
        raise NotATime(value=written) from None
    if not within(told):
        raise NotATime(value=written)
    return told


def day_of(text: str) -> date:
    """A day somebody chose.

    >>> day_of("2026-11-22")
    datetime.date(2026, 11, 22)

    Raises:
        NotATime: it is none.

    """
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise NotATime(value=text) from None


def words(text: str) -> list[str]:
    r"""Serials as somebody scanned or typed them: one a line, or parted by commas or blanks.

    >>> words("ZL2-0001\nZL2-0002, ZL2-0003，ZL2-0004")
    ['ZL2-0001', 'ZL2-0002', 'ZL2-0003', 'ZL2-0004']
    """
    return text.replace(",", " ").replace("，", " ").replace(";", " ").split()


def local(address: str) -> str:
    r"""An address of ours, without its host; the overview where it would lead elsewhere.

    >>> local("/stock?below=base_stock"), local("http://test/parts?q=a")
    ('/stock?below=base_stock', '/parts?q=a')
    >>> local("//elsewhere.example/"), local("/\\elsewhere.example"), local("javascript:alert(1)")
    ('/', '/', '/')
    """
    found = urlsplit(address)
    path = found.path + (f"?{found.query}" if found.query else "")
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside else "/"


def next_page(address: str) -> str:
    """Where to go on after signing in: a path of ours and nothing else.

    >>> next_page("/requests/new"), next_page("https://elsewhere.example/"), next_page("//elsewhere.example")
    ('/requests/new', '/', '/')
    """
    return local(address) if address.startswith("/") and not address.startswith(("//", "/\\")) else "/"
