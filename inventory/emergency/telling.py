"""What the radar found, in words: the strongest window and what holds more than its share, in both languages. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

FROM_EN = {
    "part": "of part",
    "model": "in model",
    "firmware": "on firmware",
    "batch": "from receipt",
    "site": "at site",
    "supplier": "from supplier",
}
FROM_ZH = {
    "part": "属于备件",
    "model": "发生在机型",
    "firmware": "发生在微代码版本",
    "batch": "来自入库批次",
    "site": "发生在机房",
    "supplier": "来自供应商",
}
"""How a failure belongs to a value of each dimension."""

TOLD = 3
"""How many concentrations a sentence names."""


def in_words(windows: Sequence[Mapping[str, Any]], concentrations: Sequence[Mapping[str, Any]], language: str) -> str:
    """Say what a series found, shortly.

    >>> windows = [{"days": 1.0, "failures": 2, "expected": 0.4, "p_value": 0.06},
    ...            {"days": 7.0, "failures": 12, "expected": 3.1, "p_value": 0.0001}]
    >>> found = [{"dimension": "batch", "name": "R-118", "failures": 9, "of": 12, "expected": 0.63}]
    >>> in_words(windows, found, "en")
    '12 in 7 days, expected 3.1; 9 of 12 from receipt R-118 (expected 0.63)'
    >>> in_words(windows, found, "zh")
    '7 天内 12 次，预期 3.1 次；12 次中 9 次来自入库批次 R-118（按占比预期 0.63 次）'
    """
    window = min(windows, key=lambda each: each["p_value"])
    days, failures, expected = round(window["days"]), window["failures"], rounded(window["expected"])
    if language == "zh":
        said = [f"{days} 天内 {failures} 次，预期 {expected} 次"]
        said += [
            f"{each['of']} 次中 {each['failures']} 次{FROM_ZH[each['dimension']]} {each['name']}"
            f"（按占比预期 {rounded(each['expected'])} 次）"
            for each in concentrations[:TOLD]
        ]
        return "；".join(said)
    said = [f"{failures} in {days} {'day' if days == 1 else 'days'}, expected {expected}"]
    said += [
        f"{each['failures']} of {each['of']} {FROM_EN[each['dimension']]} {each['name']}"
        f" (expected {rounded(each['expected'])})"
        for each in concentrations[:TOLD]
    ]
    return "; ".join(said)


def rounded(expected: float) -> str:
    """An expected number to two figures that count.

    >>> rounded(3.14159), rounded(0.0634), rounded(128.4), rounded(0.0)
    ('3.1', '0.063', '128', '0')
    """
    return f"{expected:.2g}" if expected < 10 else f"{expected:.0f}"
