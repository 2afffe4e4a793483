"""A copy of the ledger's seals that somebody kept outside, read back from its export."""

import csv
import io

from api.exchange.headings import heading
from inventory.ground.errors import Invalid


class NoCopyOfSeals(Invalid):
    """This is no copy of the seals: it lacks the column “{column}”, or a number in it."""

    zh = "这不是封存记录的导出文件：缺少“{column}”列，或其中的编号。"
    help_en = "Export it from the page of the seals, or from /api/v1/ledger-seals.csv."
    help_zh = "请从封存页面或 /api/v1/ledger-seals.csv 导出。"


def read_copy(text: str) -> dict[tuple[str, int], str]:
    r"""Each seal's chained hash by stream and number; the export may be English or Chinese.

    Raises:
        NoCopyOfSeals: a column is missing, or a number is none.

    >>> read_copy("ID,Stream,Number,Chain\n7,movement,3,00ff\n")
    {('movement', 3): '00ff'}
    """
    rows = csv.DictReader(io.StringIO(text))
    named = {heading(column, language): column for column in ("stream", "number", "chain") for language in ("en", "zh")}
    kept: dict[tuple[str, int], str] = {}
    for row in rows:
        told = {named[title]: value for title, value in row.items() if title in named}
        for column in ("stream", "number", "chain"):
            if not told.get(column) or (column == "number" and not told[column].isdigit()):
                raise NoCopyOfSeals(column=column)
        kept[told["stream"], int(told["number"])] = told["chain"]
    return kept
