"""Languages: which one a reader gets."""

import re
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


_KINDS = {
    "int": "整数",
    "float": "数字",
    "str": "文本",
    "bool": "true 或 false",
    "array": "列表",
    "object": "对象",
    "null": "空值",
    "datetime": "日期时间",
    "date": "日期",
    "uuid": "UUID",
    "decimal": "小数",
}

_COMPLAINTS = [
    (r"Expected `(.+?)` of length (>=|<=) (\d+)", "应为长度 {1} {2} 的{0}"),
    (r"Expected `(.+?)` matching regex (.+)", "应为符合 {1} 的{0}"),
    (r"Expected `(.+?)` (>=|<=|>|<) (.+)", "应为 {1} {2} 的{0}"),
    (r"Expected `(.+?)`, got `(.+?)`", "应为{0}，收到的是{1}"),
    (r"Expected `decimal` from (.+?) to (.+?) in field `(.+?)`", "{2} 应为 {0} 至 {1} 之间的小数"),
    (r"Object missing required field `(.+?)`", "缺少必填字段 {0}"),
    (r"Object contains unknown field `(.+?)`", "没有名为 {0} 的字段"),
    (r"Expected a time between the years (\d+) and (\d+)", "应为 {0} 至 {1} 年之间的时间"),
    (r"Expected a file", "应为文件"),
    (r"Invalid enum value (.+)", "不是允许的取值：{0}"),
    (r"Invalid (?:RFC3339 encoded )?(datetime|date|UUID|decimal)(?: string)?", "不是有效的{0}"),
]
"""What the decoder complains of, and how that is said in Chinese."""


def in_language(complaint: str, language: Language) -> str:
    """A complaint of the decoder about a field, in a language; one that nobody translated stays as it is.

    >>> in_language("Expected `int` >= 1", "zh"), in_language("Expected `str | null`, got `int`", "zh")
    ('应为 >= 1 的整数', '应为文本或空值，收到的是整数')
    >>> in_language("Expected `int` >= 1", "en")
    'Expected `int` >= 1'
    """
    if language == "zh":
        for pattern, sentence in _COMPLAINTS:
            found = re.fullmatch(pattern, complaint)
            if found is not None:
                return sentence.format(*(_kinds(word) for word in found.groups()))
    return complaint


def _kinds(words: str) -> str:
    return "或".join(_KINDS.get(word.lower(), word) for word in words.split(" | "))
