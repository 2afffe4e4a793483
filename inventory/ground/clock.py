"""The only source of time."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
"""Where the house works: its depots, its offices and the days of its papers."""

_set_to: ContextVar[datetime | None] = ContextVar("clock_set_to", default=None)


def now() -> datetime:
    """The present instant, in UTC."""
    return _set_to.get() or datetime.now(UTC)


def today() -> date:
    """The day it is where the house works, by which offers, letters, contracts and substitutes are valid or not.

    >>> with at(datetime(2026, 2, 16, 17, tzinfo=UTC)):
    ...     today().isoformat()
    '2026-02-17'
    """
    return now().astimezone(ZONE).date()


@contextmanager
def at(instant: datetime) -> Generator[None]:
    """Let everything inside happen at `instant`: for telling a past, never for changing one.

    >>> with at(datetime(2026, 2, 17, tzinfo=UTC)):
    ...     now().isoformat()
    '2026-02-17T00:00:00+00:00'
    """
    token = _set_to.set(instant)
    try:
        yield
    finally:
        _set_to.reset(token)
