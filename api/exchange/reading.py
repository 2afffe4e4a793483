"""Reading tables as people send them: CSV in whatever encoding and with whatever separator, and Excel.

A CSV is read as a stream. Excel is unpacked by a process of its own with little memory and time: a file made to burst
whoever opens it bursts that process, and is refused.
"""

import csv
import io
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import override

from python_calamine import CalamineError, CalamineWorkbook

from api.processes import compute_alone
from inventory.ground import files
from inventory.ground.errors import Invalid
from inventory.imports.imports import Line, Reading

SEPARATORS = (",", ";", "\t", "，", "；")

CHUNK = 1 << 16

BLANKS = " \t\r\n\u00a0\u3000\ufeff\u200b"

TRUSTED_MARKS = ("'=", "'+", "'-", "'@")
"""How spreadsheets, and our own exports, mark a text that begins like a formula."""


class EncodingUnknown(Invalid):
    """The text is neither UTF-8 nor GB18030 (GBK)."""

    zh = "文本既不是 UTF-8 也不是 GB18030（GBK）编码。"
    help_en = "Save the table as “CSV UTF-8”, or as an Excel workbook (.xlsx)."
    help_zh = "请另存为“CSV UTF-8”，或另存为 Excel 工作簿（.xlsx）。"


class TableUnreadable(Invalid):
    """The table cannot be read from line {line} on."""

    zh = "从第 {line} 行起无法读取该表格。"
    help_en = "Look for a quotation mark that is opened and never closed, or for binary data."
    help_zh = "请检查该处是否有未闭合的引号，或含有二进制内容。"


class WorkbookUnreadable(Invalid):
    """The Excel workbook cannot be read."""

    zh = "无法读取该 Excel 工作簿。"
    help_en = "Save it once more as .xlsx, without a password, or as CSV UTF-8; it may also be too large."
    help_zh = "请重新另存为不带密码的 .xlsx，或另存为 CSV UTF-8；文件也可能过大。"


def cell(text: str) -> str | None:
    r"""A cell as it is meant: trimmed, freed of what marks it as text; None where it is empty.

    >>> cell(" PSU-750\u3000"), cell('="00123"'), cell("'-48V"), cell("  "), cell("=1+1")
    ('PSU-750', '00123', '-48V', None, '=1+1')
    """
    bare = text.strip(BLANKS)
    if bare.startswith('="') and bare.endswith('"') and len(bare) > 2:
        bare = bare[2:-1].strip(BLANKS)
    elif bare.startswith(TRUSTED_MARKS):
        bare = bare[1:]
    return bare or None


def encoding_of(content: bytes) -> str:
    r"""The encoding of a text, by its mark or by what it can be decoded as.

    >>> encoding_of("备件".encode()), encoding_of("备件".encode("gb18030")), encoding_of("备件".encode("utf-16"))
    ('utf-8-sig', 'gb18030', 'utf-16')

    Raises:
        EncodingUnknown: it is none we know.

    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for encoding in ("utf-8-sig", "gb18030"):
        text = io.TextIOWrapper(io.BytesIO(content), encoding, errors="strict")
        try:
            while text.read(CHUNK):
                pass
        except UnicodeError:
            continue
        return encoding
    raise EncodingUnknown


def separator_of(head: str) -> str:
    r"""What parts the cells: whatever parts the first line into the most.

    >>> separator_of("料号;数量\nA;1"), separator_of("part_number,\"a;b;c\",quantity")
    (';', ',')
    """

    def cells(separator: str) -> int:
        return len(next(csv.reader(io.StringIO(head), delimiter=separator), []))

    return max(SEPARATORS, key=cells)


class CsvTable(Reading):
    """A table in CSV."""

    def __init__(self, content: bytes) -> None:
        self._size = len(content)
        self._bytes = io.BytesIO(content)
        self._encoding = encoding_of(content)

    @override
    def share(self) -> float:
        return self._bytes.tell() / max(self._size, 1)

    @override
    def lines(self) -> Iterator[Line]:
        text = io.TextIOWrapper(self._bytes, self._encoding, errors="strict", newline="")
        try:
            head = text.readline(CHUNK)
            text.seek(0)
            rows = csv.reader(text, delimiter=separator_of(head))
            number = 1
            for row in rows:
                cells = [cell(text) for text in row]
                if any(cells) and not (number == 1 and (cells[0] or "").startswith("sep=")):
                    if any("\0" in words for words in cells if words):
                        raise TableUnreadable(line=number)
                    yield Line(number, cells)
                number = rows.line_num + 1
        except (csv.Error, UnicodeError) as error:
            raise TableUnreadable(line=rows.line_num + 1 if "rows" in locals() else 1) from error


class UnpackedWorkbook(Reading):
    """An Excel sheet that was unpacked to a file: one record a row, its number first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0.0

    @override
    def share(self) -> float:
        return self._read

    @override
    def lines(self) -> Iterator[Line]:
        size = max(self._path.stat().st_size, 1)
        with self._path.open(encoding="utf-8", newline="") as text:
            for row in csv.reader(text):
                self._read = min(text.buffer.tell() / size, 1.0)
                cells = [cell(text) for text in row[1:]]
                if any(cells):
                    yield Line(int(row[0]), cells)


def unpack(content: bytes, into: str) -> None:
    """Write the first sheet of a workbook that holds anything as text; runs in a process of its own."""
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
    sheets = (workbook.get_sheet_by_index(place) for place in range(len(workbook.sheet_names)))
    sheet = next((sheet for sheet in sheets if sheet.height), None)
    with Path(into).open("w", encoding="utf-8", newline="") as file:
        if sheet is not None:
            writer = csv.writer(file)
            for number, row in enumerate(sheet.iter_rows(), 1):  # rows before the first one with anything in it count
                if any(value != "" for value in row):
                    writer.writerow([number, *(written(value) for value in row)])


def written(value: object) -> str:
    """A value of a workbook as people would have typed it.

    >>> written(12.0), written(0.22), written(True), written(datetime(2026, 1, 2)), written("x")
    ('12', '0.22', 'yes', '2026-01-02 00:00:00', 'x')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime | date):
        return str(value)
    return str(value)


@asynccontextmanager
async def opened(media_type: str, content: bytes) -> AsyncIterator[Callable[[], Reading]]:
    """What opens a table, any number of times, while the block runs.

    Raises:
        EncodingUnknown, WorkbookUnreadable: it cannot be read.

    """
    if media_type != files.EXCEL:
        yield lambda: CsvTable(content)
        return
    with tempfile.TemporaryDirectory(prefix="beijian-import-") as folder:
        path = Path(folder) / "sheet.csv"
        try:
            await compute_alone(unpack, content, str(path))
        except (BrokenProcessPool, CalamineError, MemoryError, OSError, ValueError) as failure:
            raise WorkbookUnreadable from failure
        yield lambda: UnpackedWorkbook(path)
