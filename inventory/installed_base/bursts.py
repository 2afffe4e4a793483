"""What the radar found, in words in both languages: the strongest window, what holds more than its share, and to whom."""

from collections.abc import Mapping, Sequence
from typing import Any

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.places.reach import reached

Concentrations = Sequence[Mapping[str, Any]]
"""What holds more of a series' failures than its share, as the radar keeps it."""

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

OF_EVERYBODY = ("part", "model", "firmware")
"""Dimensions whose values are in the catalogue: told to whoever may know of the series at all."""

TOLD = 3
"""How many concentrations a sentence names."""


def in_words(windows: Sequence[Mapping[str, Any]], concentrations: Concentrations, language: str) -> str:
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


def worded(windows: Sequence[Mapping[str, Any]], concentrations: Concentrations) -> dict[str, Any]:
    """What was found with its words in both languages, as views and evidence have it."""
    said = {f"told_{language}": in_words(windows, concentrations, language) for language in ("en", "zh")}
    return {"concentrations": list(concentrations), **said}


async def told_to(reader: Actor, found: Sequence[Concentrations]) -> list[list[Mapping[str, Any]]]:
    """What of each list may be told: to who is bound to stores, no site out of reach, no batch that others took in.

    Suppliers are told to who is bound only with the right to see vendors.
    """
    if reader.depots is None:
        return [list(each) for each in found]
    keys = sorted({(each["dimension"], each["value"]) for told in found for each in told})
    rows = await db.fetch(
        f"""SELECT dimension, value FROM unnest($1::text[], $2::text[]) AS told(dimension, value)
            WHERE CASE dimension
                WHEN 'site' THEN {reached("told.value::int", "$3")}
                WHEN 'batch' THEN EXISTS (
                    SELECT FROM receipt JOIN place ON place.id = receipt.place
                    WHERE receipt.id = split_part(told.value, ':', 1)::uuid AND place.code = ANY($3))
                WHEN 'supplier' THEN $4
                ELSE dimension = ANY($5) END""",
        [dimension for dimension, _ in keys],
        [value for _, value in keys],
        reader.depot_scope,
        reader.may("vendors.read"),
        list(OF_EVERYBODY),
    )
    shown = {(row["dimension"], row["value"]) for row in rows}
    return [[each for each in told if (each["dimension"], each["value"]) in shown] for told in found]


def rounded(expected: float) -> str:
    """An expected number to two figures that count.

    >>> rounded(3.14159), rounded(0.0634), rounded(128.4), rounded(0.0)
    ('3.1', '0.063', '128', '0')
    """
    return f"{expected:.2g}" if expected < 10 else f"{expected:.0f}"
