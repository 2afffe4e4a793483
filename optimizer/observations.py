"""What was observed, as tables with a heading (CSV): failures with their instants, and lead times."""

import csv
import io
import math
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from optimizer.errors import InvalidInput


class Failure(msgspec.Struct, frozen=True):
    """A failure of the past: when, of which part, which depot it asked first, and what was promised."""

    occurred_at: datetime
    part: str
    depot: str
    sla_class: str
    travel_hours: float


def read_failures(content: bytes) -> list[Failure]:
    """Failures, one a line: occurred_at (ISO 8601; UTC where no zone is given), part, depot, sla_class, travel_hours.

    Raises:
        InvalidInput: a column is missing or a value wrong; `path` is its line.

    """
    return [
        Failure(_instant(line, row), row["part"], row["depot"], row["sla_class"], _amount(line, row, "travel_hours"))
        for line, row in _lines(content, ("occurred_at", "part", "depot", "sla_class", "travel_hours"))
    ]


def read_lead_times(content: bytes) -> dict[tuple[str, str], list[float]]:
    r"""Lead times in days by part and depot, one a line: part, depot, lead_time_days.

    >>> read_lead_times(b"part,depot,lead_time_days\nPSU,GZ,12\nPSU,GZ,31.5\n")
    {('PSU', 'GZ'): [12.0, 31.5]}

    Raises:
        InvalidInput: a column is missing or a value wrong; `path` is its line.

    """
    found: dict[tuple[str, str], list[float]] = {}
    for line, row in _lines(content, ("part", "depot", "lead_time_days")):
        found.setdefault((row["part"], row["depot"]), []).append(_amount(line, row, "lead_time_days"))
    return found


def _lines(content: bytes, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        table = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        missing = [column for column in columns if column not in (table.fieldnames or ())]
        if missing:
            raise InvalidInput("line 1", f"there is no column {', '.join(missing)}")
        for row in table:
            if None in row or None in row.values():
                raise InvalidInput(f"line {table.line_num}", "has not as many fields as the first line")
            yield f"line {table.line_num}", row
    except UnicodeDecodeError:
        raise InvalidInput("line 1", "is not UTF-8") from None
    except csv.Error as error:
        raise InvalidInput("line 1", f"is no table: {error}") from None


def _instant(line: str, row: dict[str, str]) -> datetime:
    try:
        when = datetime.fromisoformat(row["occurred_at"])
    except ValueError:
        raise InvalidInput(line, f"occurred_at is no instant: {row['occurred_at']!r}") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _amount(line: str, row: dict[str, str], column: str) -> float:
    try:
        amount = float(row[column])
    except ValueError:
        amount = math.nan
    if not 0 <= amount <= 1e12:
        raise InvalidInput(line, f"{column} must be a number, zero or more: {row[column]!r}")
    return amount
