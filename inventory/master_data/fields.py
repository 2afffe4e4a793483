"""Fields of master data: what a column of a table is, with how it is shown, set, and what may be chosen for it."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from inventory.ground.errors import FieldProblem
from inventory.imports.columns import FORMS, KEYS, LONGEST, NO, YES, Column
from inventory.imports.reasons import sentence

FieldShape = Literal["text", "note", "whole", "amount", "number", "day", "flag", "choice", "clock", "weekdays"]

SQL_TYPES: dict[str, str] = {
    "text": "text",
    "note": "text",
    "whole": "integer",
    "amount": "numeric",
    "number": "float8",
    "day": "date",
    "flag": "boolean",
    "choice": "text",
    "clock": "time",
    "weekdays": "integer[]",
}


class Wrong(Exception):
    """A value that a field cannot have; `code` is one of the reasons imports give too."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Field(Column, frozen=True, kw_only=True):
    """A column of master data.

    `sql` shows it; `column` is what a change sets, in the kind's own table or in the one that `elsewhere` names.
    """

    shape: FieldShape = "text"  # pyright: ignore[reportIncompatibleVariableOverride]  more shapes than files have
    sql: str = ""
    column: str = ""
    finds: str = ""
    """The SQL that finds the id a code stands for, `{}` being the code."""
    refers: str = ""
    """The kind of master data whose keys it names, to choose from."""
    elsewhere: tuple[str, str] | None = None
    """Another table it stands in, and the SQL of the row's id there, `{}` being the id of the kind's own row."""
    fixed: bool = False
    """Given once, when the row is entered: documents or labels may already name it."""
    later: bool = False
    """Only changed, never given when the row is entered."""
    right: str | None = None
    """Who may see and set it, where not everybody may who sees the row."""
    shown: Mapping[str, tuple[str, str]] = {}
    """What values are called, in English and Chinese, that a row may have but nobody gives it here."""
    given: Any = None
    """What a form proposes."""

    def read(self, value: object) -> Any:
        """What somebody typed, or a JSON document says, as the value it stands for; None where it says nothing.

        Raises:
            Wrong: it is missing, or of another form.

        """
        if value is None or (isinstance(value, str) and not value.strip()):
            if self.shape == "flag":
                return False
            if self.required:
                raise Wrong("missing")
            return "" if self.shape == "note" else None
        meant = _READERS[self.shape](self, value)
        if self.least is not None and meant < self.least:
            raise Wrong("too_small")
        if self.most is not None and meant > self.most:
            raise Wrong("too_large")
        return meant

    def problem(self, code: str) -> FieldProblem:
        """What is wrong with the field, in both languages."""
        facts: dict[str, object] = {
            "longest": LONGEST.get(self.shape, LONGEST["text"]),
            "least": self.least,
            "most": self.most,
            "choices": ", ".join(self.choices),
        }
        return FieldProblem(f"/{self.name}", code, sentence(code, "en", facts), sentence(code, "zh", facts))


def same(column: Column, /, **more: Any) -> Field:
    """A column of an import as a field: the same name, words, form and limits."""
    told = {name: getattr(column, name) for name in Column.__struct_fields__}
    return Field(**{**told, **more})


def _text(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise Wrong("not_text")
    text = value.strip()
    if len(text) > LONGEST.get(field.shape, LONGEST["text"]):
        raise Wrong("too_long")
    if field.name in KEYS and text in (".", ".."):
        raise Wrong("only_dots")
    if not (text.isprintable() or (field.shape == "note" and "\0" not in text)):
        raise Wrong("unprintable")
    return text


def _digits(field: Field, value: object) -> str:
    """A number as text, without what people put around it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise Wrong(f"not_{field.shape}")
    text = re.sub("[,，¥￥ ]", "", str(value))
    if not re.fullmatch(FORMS[field.shape], text):
        raise Wrong(f"not_{field.shape}")
    return text


def _whole(field: Field, value: object) -> int:
    return int(Decimal(_digits(field, value)))


def _number(field: Field, value: object) -> float:
    return float(_digits(field, value))


def _amount(field: Field, value: object) -> Decimal:
    try:
        return Decimal(_digits(field, value)).quantize(Decimal("0.01"))
    except InvalidOperation:
        raise Wrong("not_amount") from None


def _day(_: Field, value: object) -> date:
    try:
        return (
            value
            if isinstance(value, date) and not isinstance(value, datetime)
            else date.fromisoformat(str(value).strip())
        )
    except ValueError:
        raise Wrong("not_day") from None


def _flag(_: Field, value: object) -> bool:
    word = str(value).strip().lower()
    if word not in YES + NO:
        raise Wrong("not_flag")
    return word in YES


def _choice(field: Field, value: object) -> str:
    word = str(value).strip()
    if word not in field.choices:
        raise Wrong("not_choice")
    return word


def _clock(_: Field, value: object) -> time:
    text = str(value).strip()
    if not re.fullmatch(r"[0-2][0-9]:[0-5][0-9](:[0-5][0-9])?", text) or int(text[:2]) > 23:
        raise Wrong("not_clock")
    return time.fromisoformat(text)


def _weekdays(_: Field, value: object) -> list[int]:
    written = (
        [str(each) for each in value] if isinstance(value, list | tuple) else str(value).replace("，", ",").split(",")
    )
    days = {day.strip() for day in written}
    if not days <= set("1234567"):
        raise Wrong("not_weekdays")
    return sorted(int(day) for day in days)


_READERS: Mapping[str, Any] = {
    "text": _text,
    "note": _text,
    "whole": _whole,
    "amount": _amount,
    "number": _number,
    "day": _day,
    "flag": _flag,
    "choice": _choice,
    "clock": _clock,
    "weekdays": _weekdays,
}
