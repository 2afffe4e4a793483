"""Writing tables as CSV that Excel opens: UTF-8 with its mark, and no cell that Excel would run as a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec
from msgspec import UNSET

from api.languages import Language

MEDIA_TYPE = "text/csv"

MARK = "\ufeff"
"""Without it Excel reads Chinese in UTF-8 as something else."""

YES_NO = {"en": ("no", "yes"), "zh": ("否", "是")}


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula.

    >>> guarded("=1+1"), guarded("-48V"), guarded("@home"), guarded("PSU-750")
    ("'=1+1", "'-48V", "'@home", 'PSU-750')
    """
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def words(value: Any, language: Language) -> str:
    """A value as a cell; what has parts of its own is written as JSON.

    >>> words(True, "zh"), words(Decimal("-12.50"), "en"), words(["0YT39Y", "X"], "en"), words(None, "en")
    ('是', '-12.50', '0YT39Y; X', '')
    >>> words(datetime(2026, 1, 2, tzinfo=UTC), "en"), words([{"part": "A", "quantity": 2}], "en")
    ('2026-01-02T00:00:00Z', '[{"part":"A","quantity":2}]')
    """
    if value is None or value is UNSET:
        return ""
    if isinstance(value, bool):
        return YES_NO[language][value]
    if isinstance(value, int | float | Decimal | UUID):  # no text, and so no formula: -12.50 stays a number
        return str(value)
    return guarded(_text(value))


def _text(value: Any) -> str:
    """A value that is no number as text."""
    match value:
        case str():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case [*items] if all(isinstance(item, str) for item in items):
            return "; ".join(items)
        case _:
            return msgspec.json.encode(value).decode() if value else ""


def lines(rows: Iterable[Sequence[str]]) -> str:
    r"""Rows as lines of CSV.

    >>> lines([["PSU-750", "750W, 电源"]])
    'PSU-750,"750W, 电源"\r\n'
    """
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def saved_as(name: str) -> dict[str, str]:
    """The headers by which a browser saves an answer under a name, and takes it for nothing but what it is."""
    plain = "".join(letter if (letter.isascii() and letter.isalnum()) or letter in "-_." else "_" for letter in name)
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
    }
