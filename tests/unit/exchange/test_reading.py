"""Reading tables: every encoding and separator people send, Excel, and what was made to do harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.exchange.reading import CsvTable, EncodingUnknown, TableUnreadable, WorkbookUnreadable, cell, opened
from api.exchange.writing import MARK, guarded, lines
from inventory.ground.files import EXCEL, form_of
from tests import workbooks

TEXT = "料号,数量,备注\r\nPSU-750,3,“好”\r\n\r\nFAN-2U,4,\r\n"


def read(content: bytes) -> list[tuple[int, list[str | None]]]:
    return [(line.number, list(line.cells)) for line in CsvTable(content).lines()]


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("gb18030"),
        TEXT.encode("gbk"),
        TEXT.encode("utf-16"),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode("gb18030"),
        TEXT.replace("\r\n", "\n").encode(),
        ("sep=;\r\n" + TEXT.replace(",", ";")).encode(),
    ],
)
def test_every_usual_encoding_and_separator_is_understood(content):
    found = read(content)
    first = found[0][0]

    assert [cells for _, cells in found] == [["料号", "数量", "备注"], ["PSU-750", "3", "“好”"], ["FAN-2U", "4", None]]
    assert [number - first for number, _ in found] == [0, 1, 3]


def test_lines_are_numbered_as_an_editor_numbers_them():
    assert [number for number, _ in read(b'a,b\n"two\nlines",1\n\nx,2\n')] == [1, 2, 5]


def test_a_cell_is_freed_of_what_marks_it_as_text():
    assert read(b'a,b\n="00123",\'-48V\n')[1][1] == ["00123", "-48V"]


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"a,b\n\xff\xff\xff,1\n", EncodingUnknown),
        (b'a,b\n"' + b"x" * 200_000, TableUnreadable),
        ("a,b\n1\0,2\n".encode("utf-16"), TableUnreadable),
    ],
)
def test_what_cannot_be_read_is_refused(content, refusal):
    with pytest.raises(refusal):
        read(content)


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=2, max_size=5), max_size=5))
def test_what_we_write_we_read_again(rows):
    table = [["a", "b"], *rows]
    written = (MARK + lines([[guarded(text) for text in row] for row in table])).encode()
    kept = [[cell(text) for text in row] for row in table]

    # a mark of ours on a text that bore one already is the one case in which a text comes back without it
    assert [cells for _, cells in read(written)] == [row for row in kept if any(row)]


@given(st.binary())
def test_no_content_breaks_the_reader(content):
    try:
        found = read(content)
    except (EncodingUnknown, TableUnreadable):
        return
    assert all(any(cells) for _, cells in found)


async def test_excel_is_read_as_people_see_it():
    sheet = workbooks.row(2, workbooks.cell("B2", "料号"), workbooks.cell("C2", "数量")) + workbooks.row(
        4, workbooks.cell("B4", "PSU-750"), workbooks.cell("C4", 3.0)
    )
    content = workbooks.workbook(sheet)

    assert form_of(content) == EXCEL
    async with opened(EXCEL, content) as open_table:
        assert [(line.number, list(line.cells)) for line in open_table().lines()] == [
            (2, ["料号", "数量"]),
            (4, ["PSU-750", "3"]),
        ]


@pytest.mark.parametrize(
    "content",
    [workbooks.bomb(), workbooks.workbook(b"<no xml"), b"PK\x03\x04xl/workbook", workbooks.workbook("")[:-40]],
)
async def test_a_workbook_made_to_do_harm_harms_only_the_process_that_opens_it(content):
    with pytest.raises(WorkbookUnreadable):
        async with opened(EXCEL, content):
            pass
