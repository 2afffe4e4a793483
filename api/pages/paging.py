"""Paging: cutting what a list's question found into pages."""

from collections.abc import Callable, Sequence

from api.answers import encode_cursor

LENGTH = 30
"""How many items a page of a list shows; a question is asked for one more, which tells that there is a next page."""


def cut[T](found: Sequence[T], cursor_of: Callable[[T], object]) -> tuple[list[T], str | None]:
    """One page of what was found, and the cursor of the next."""
    shown = list(found[:LENGTH])
    return shown, encode_cursor(cursor_of(shown[-1])) if len(found) > LENGTH else None
