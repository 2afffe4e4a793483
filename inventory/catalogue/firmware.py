"""Firmware levels (微代码版本): compared as people read them, numbers as numbers. Pure."""

import re


def is_at_least(level: str | None, needed: str) -> bool:
    """Whether a firmware level is as new as what is needed; an unknown one is not.

    >>> is_at_least("SN10", "SN9"), is_at_least("2.19.1", "2.19"), is_at_least("SN04", "SN05"), is_at_least(None, "1")
    (True, True, False, False)
    """
    return level is not None and _read(level) >= _read(needed)


def _read(level: str) -> list[tuple[int, int, str]]:
    """A level as words and numbers in turn; a number stands before a word.

    >>> _read("SN05b")
    [(1, 0, 'sn'), (0, 5, ''), (1, 0, 'b')]
    """
    found = re.findall(r"\d+|[^\W\d_]+", level.casefold())
    return [(0, int(word), "") if word.isdecimal() else (1, 0, word) for word in found]
