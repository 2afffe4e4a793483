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
    "time": "时刻",
    ">=": "不小于",
    "<=": "不大于",
    ">": "大于",
    "<": "小于",
}

_COMPLAINTS = [
    (r"Expected `(.+?)` of length (>=|<=) (\d+)", "应为长度{1} {2} 的{0}"),
    (r"Expected `(.+?)` of length (\d+) to (\d+)(?:, got \d+)?", "应为长度 {1} 至 {2} 的{0}"),
    (r"Expected `(.+?)` of (?:at least )?length (\d+)(?:, got \d+)?", "应为长度 {1} 的{0}"),
    (r"Expected `(.+?)` matching regex (.+)", "应为符合 {1} 的{0}"),
    (r"Expected `(.+?)` (>=|<=|>|<) (.+)", "应为{1} {2} 的{0}"),
    (r"Expected `(.+?)` with a timezone component", "应为带时区的{0}"),
    (r"Expected `(.+?)`, got `(.+?)`", "应为{0}，收到的是{1}"),
    (r"Expected `decimal` from (.+?) to (.+?) in field `(.+?)`", "{2} 应为 {0} 至 {1} 之间的小数"),
    (r"Object missing required field `(.+?)`", "缺少必填字段 {0}"),
    (r"Object contains unknown field `(.+?)`", "没有名为 {0} 的字段"),
    (r"Expected a time between the years (\d+) and (\d+)", "应为 {0} 至 {1} 年之间的时间"),
    (r"Expected a file", "应为文件"),
    (r"Expected `(.+?)`", "应为{0}"),
    (r"Invalid (?:enum )?value (.+)", "不是允许的取值：{0}"),
    (r"Invalid (?:RFC3339 encoded )?(datetime|date|time|UUID|decimal)(?: string)?", "不是有效的{0}"),
    (r"(?:Number|Integer value|Duration|Timestamp) (?:is )?out of range.*", "数值超出允许范围"),
    (r"Missing required \w+ parameter '(.+?)'", "缺少必填参数 {0}"),
    (r"The body is missing", "缺少请求正文"),
    (r"Input data was truncated", "内容不完整，在末尾中断"),
    (r"JSON is malformed: .+ \(byte (\d+)\)", "JSON 格式有误，问题在第 {0} 字节处"),
    (r"(?:Invalid|Unexpected eof in) multipart/form-data|multipart boundary missing .+", "表单上传内容格式有误"),
    (r"Invalid content-length: (.+)", "Content-Length 无效：{0}"),
]
"""What the decoder complains of, and how that is said in Chinese."""


def in_language(complaint: str, language: Language) -> str:
    """A complaint of the decoder about a field, in a language; one that nobody translated stays as it is.

    >>> in_language("Expected `int` >= 1", "zh"), in_language("Expected `str | null`, got `int`", "zh")
    ('应为不小于 1 的整数', '应为文本或空值，收到的是整数')
    >>> in_language("JSON is malformed: invalid character (byte 4)", "zh")
    'JSON 格式有误，问题在第 4 字节处'
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
