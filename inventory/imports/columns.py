"""Columns of the tables that can be imported: their headings, their form, and the SQL that judges and reads a cell.

A cell arrives as text, trimmed, and NULL where it is empty. `fault` is the SQL that names what is wrong with it (NULL where
nothing is), `value` the SQL that reads it (NULL where it cannot be read). Both are made of our own constants only.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Shape = Literal["text", "note", "whole", "amount", "number", "day", "flag", "choice"]

KEYS = ("code", "part_number", "serial")
"""What addresses name a row by; none of these may be one of the names that an address loses (`OnlyDots`)."""

LONGEST = {"text": 200, "note": 2000}

YES = ("yes", "y", "true", "1", "是", "√")
NO = ("no", "n", "false", "0", "否", "×")

SQL_TYPES: dict[Shape, str] = {
    "text": "text",
    "note": "text",
    "whole": "integer",
    "amount": "numeric",
    "number": "float8",
    "day": "date",
    "flag": "boolean",
    "choice": "text",
}

FORMS = {
    "whole": r"^-?[0-9]{1,9}(\.0+)?$",
    "amount": r"^-?[0-9]{1,12}(\.[0-9]{1,2}0*)?$",
    "number": r"^-?[0-9]{1,9}(\.[0-9]{1,15})?$",
    "day": r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}$",
}


class Column(Struct, frozen=True, kw_only=True):
    """A column: its name in files and in the API, its headings, its form, and an example."""

    name: str
    en: str
    zh: str
    shape: Shape = "text"
    required: bool = False
    choices: Mapping[str, tuple[str, str]] = {}
    least: int | None = None
    most: int | None = None
    example: str = ""
    also: tuple[str, ...] = ()
    """Other headings that mean it."""
    hint: tuple[str, str] = ("", "")
    """What else there is to know, in English and Chinese."""

    def heading(self, language: str) -> str:
        """What stands over the column."""
        return self.zh if language == "zh" else self.en

    def headings(self) -> set[str]:
        """Everything that may stand over it, as `plain` makes it comparable."""
        return {plain(words) for words in (self.name, self.en, self.zh, *self.also)}

    @property
    def _cleaned(self) -> str:
        """The cell without what people put around numbers and days."""
        cell = f"staged.{self.name}"
        if self.shape in ("whole", "amount", "number"):
            return f"translate({cell}, ',，¥￥ ', '')"
        if self.shape == "day":
            # 2026年1月2日, 2026/1/2 and what Excel makes of a day, 2026-01-02 00:00:00
            return f"regexp_replace(regexp_replace({cell}, '(日|[ T]00:00(:00)?)$', ''), '[年月/.]', '-', 'g')"
        if self.shape in ("flag", "choice"):
            return f"lower({cell})"
        return cell

    @property
    def _known(self) -> str:
        """A word of a fixed list as the value it stands for."""
        words = (
            dict.fromkeys(YES, "true") | dict.fromkeys(NO, "false")
            if self.shape == "flag"
            else {word.lower(): _quoted(value) for value, names in self.choices.items() for word in (value, *names)}
        )
        cases = " ".join(f"WHEN {_quoted(word)} THEN {value}" for word, value in words.items())
        return f"CASE {self._cleaned} {cases} END"

    @property
    def value(self) -> str:
        """The SQL that reads a cell of `staged`."""
        if self.shape in ("text", "note"):
            return self._cleaned
        if self.shape in ("flag", "choice"):
            return self._known
        fits = f"{self._cleaned} ~ '{FORMS[self.shape]}'"
        if self.shape == "day":
            fits += f" AND pg_input_is_valid({self._cleaned}, 'date')"
        cast = "numeric::integer" if self.shape == "whole" else SQL_TYPES[self.shape]
        return f"CASE WHEN {fits} THEN ({self._cleaned})::{cast} END"

    @property
    def fault(self) -> str:
        """The SQL that names what is wrong with a cell of `staged`; NULL where nothing is."""
        cell = f"staged.{self.name}"
        cases = [f"WHEN {cell} IS NULL THEN {"'missing'" if self.required else 'NULL'}"]
        cases.append(f"WHEN length({cell}) > {LONGEST.get(self.shape, LONGEST['text'])} THEN 'too_long'")
        if self.shape != "note":
            cases.append(f"WHEN {cell} ~ '[[:cntrl:]]' THEN 'unprintable'")
        cases.append(f"WHEN {cell} ~ '^[=@]' THEN 'formula'")
        if self.name in KEYS:
            cases.append(f"WHEN {cell} IN ('.', '..') THEN 'only_dots'")
        if self.shape not in ("text", "note"):
            cases.append(f"WHEN ({self.value}) IS NULL THEN 'not_{self.shape}'")
        if self.least is not None:
            cases.append(f"WHEN ({self.value}) < {self.least} THEN 'too_small'")
        if self.most is not None:
            cases.append(f"WHEN ({self.value}) > {self.most} THEN 'too_large'")
        return f"CASE {' '.join(cases)} END"


def plain(heading: str) -> str:
    """A heading as it is compared: without case, blanks, marks for required fields, or the unit behind it.

    >>> plain(" Part Number* "), plain("数量（件）"), plain("part_number")
    ('partnumber', '数量', 'partnumber')
    """
    bare = heading.strip().lower().replace("（", "(").partition("(")[0]
    return "".join(letter for letter in bare if letter not in " _*-:：\u3000\ufeff\t")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
