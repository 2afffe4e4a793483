"""Printing: data and a template become a PDF or a picture. Blocking: call it in a thread.

Templates are Typst files in this folder; data travel as JSON in `sys.inputs`, so nothing in them is ever markup.
"""

from datetime import datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import msgspec
import typst

HERE = Path(__file__).parent
FONTS = HERE / "fonts"

Template = Literal["form.typ", "labels.typ"]

Unprintable = typst.TypstError
"""What the data hold cannot be printed."""

_one_at_a_time = Lock()


@cache
def _compiler(template: Template) -> typst.Compiler:
    """A compiler that has read the fonts; it sees this folder and nothing else."""
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])
    return typst.Compiler(HERE / template, root=HERE, font_paths=fonts)


def pdf(template: Template, data: Any, *, at: datetime) -> bytes:
    """A PDF; the same data at the same instant are the same bytes."""
    with _one_at_a_time:
        made = _compiler(template).compile(format="pdf", sys_inputs=_inputs(data), timestamp=int(at.timestamp()))
    return _one(made)


def picture(template: Template, data: Any, *, dots_per_inch: float = 96) -> bytes:
    """The first page as a PNG."""
    with _one_at_a_time:
        made = _compiler(template).compile(format="png", sys_inputs=_inputs(data), ppi=dots_per_inch)
    return _one(made)


def _inputs(data: Any) -> dict[str, str]:
    return {"data": msgspec.json.encode(data).decode()}


def _one(made: bytes | list[bytes] | None) -> bytes:
    first = made[0] if isinstance(made, list) else made
    if first is None:
        raise RuntimeError("Typst returned no document")
    return first
