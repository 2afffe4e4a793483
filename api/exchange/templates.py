"""Templates: an empty table per kind, with its headings and one example row that can be imported as it is."""

from api.exchange.writing import MARK, YES_NO, guarded, lines
from api.languages import Language
from inventory.ground.errors import Unknown
from inventory.imports.columns import Column
from inventory.imports.imports import KINDS


def template(kind: str, language: Language) -> tuple[str, bytes]:
    """A template's file name and content.

    Raises:
        Unknown: no such kind of table.

    """
    if kind not in KINDS:
        raise Unknown(what="kind of table", what_zh="表格类型", key=kind)
    found = KINDS[kind]
    rows = [
        [column.heading(language) + ("*" if column.required else "") for column in found.columns],
        [example(column, language) for column in found.columns],
    ]
    name = f"{found.zh}导入模板.csv" if language == "zh" else f"{found.name}-template.csv"
    return name, (MARK + lines(rows)).encode()


def example(column: Column, language: Language) -> str:
    """An example of a column, in the words of the reader."""
    if column.shape == "flag":
        return YES_NO[language][column.example == "yes"] if column.example else ""
    if column.shape == "choice" and column.example:
        return column.choices[column.example][language == "zh"]
    return guarded(column.example)
