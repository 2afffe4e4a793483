"""Languages: which one a reader gets."""

from typing import Literal

Language = Literal["zh", "en"]

COOKIE = "language"
"""The page's language switch writes it."""


def preferred(accept_language: str | None, *, default: Language) -> Language:
    """The better of Chinese and English by an Accept-Language header (RFC 9110, section 12.5.4).

    >>> preferred("en-GB,en;q=0.9,zh;q=0.5", default="zh")
    'en'
    >>> preferred("fr, zh-CN;q=0.4, en;q=0.3", default="en")
    'zh'
    >>> preferred("fr", default="zh")
    'zh'
    """
    best: tuple[float, Language] | None = None
    for item in (accept_language or "").split(","):
        tag, _, parameters = item.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language not in ("zh", "en"):
            continue
        quality = _quality(parameters)
        if quality > 0 and (best is None or quality > best[0]):
            best = (quality, "zh" if language == "zh" else "en")
    return best[1] if best else default


def _quality(parameters: str) -> float:
    """The weight of a language; a malformed one counts as none."""
    name, _, value = parameters.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
