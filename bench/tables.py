"""Figures and how they are written down."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Figures:
    """What one benchmark measured."""

    title: str
    about: str
    columns: Sequence[str]
    rows: list[Sequence[object]] = field(default_factory=list)


def table(figures: Figures) -> str:
    """The figures as a Markdown table."""
    lines = ["| " + " | ".join(figures.columns) + " |", "|" + "---|" * len(figures.columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in figures.rows]
    return "\n".join(lines)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that a share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
