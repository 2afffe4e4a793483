"""Papers and labels: whatever stands in the books is printed as it is, and what is printed is read back."""

from collections import Counter
from datetime import UTC, datetime

import pypdfium2
import pytest
import zxingcpp

from api.papers import barcodes, forms, labels
from api.papers.forms import Fact, Line, Paper
from inventory.catalogue.parts import PartName
from inventory.places.bins import BinView
from inventory.places.names import PlaceName
from inventory.stock import codes

AT = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)
PRINTED = [zxingcpp.BarcodeFormat.QRCodeModel2, zxingcpp.BarcodeFormat.Code128]
HOSTILE = '#panic() $x^2$ \\ "q" *b* _i_ <tag> @ref // c /* d */ `r` #{1+1} [x] ~ -- ...'


def paper(form: forms.Form = "issue_note", lines: list[Line] | None = None, **more: object) -> Paper:
    return Paper(
        form=form,
        company=("华讯维保", "Huaxun Maintenance"),
        number="TR-26-000123",
        facts=[Fact(("调出库", "From"), "广州备件库 Guangzhou (GZ)")],
        lines=lines
        if lines is not None
        else [
            Line(part_number="PSU-750", name_zh="电源", quantity=3, cells={"post": ["PSU-750"], "what": ["PSU-750"]})
        ],
        printed_at=AT,
        printed_by="keeper-1",
        **more,
    )


def pages(pdf: bytes) -> list[str]:
    """The text of every page."""
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]


def scanned(pdf: bytes, *, dots_per_inch: int = 300) -> Counter[str]:
    """What a scanner finds on every page."""
    return Counter(
        code.text
        for page in pypdfium2.PdfDocument(pdf)
        for code in zxingcpp.read_barcodes(page.render(scale=dots_per_inch / 72).to_numpy(), formats=PRINTED)
    )


@pytest.mark.parametrize("form", forms.SHAPES)
def test_every_form_says_what_it_is_in_both_languages_and_can_be_scanned(form):
    pdf = forms.pdf(paper(form))
    (text,) = pages(pdf)
    shape = forms.SHAPES[form]

    for words in (shape.name, *shape.signers, *(forms.COLUMNS[c] for c in shape.columns if c != "bin")):
        assert words[0] in text
        assert words[1] in text
    for words in ("华讯维保", "Huaxun Maintenance", "TR-26-000123", "PSU-750", "2026-11-22 12:30", "keeper-1"):
        assert words in text
    assert "第 1 页 / 共 1 页" in text
    assert scanned(pdf) == {"TR-26-000123": 2}


def test_a_count_sheet_is_blind():
    lines = [Line(part_number="PSU-750", quantity=7777, pieces=["SECRET-1"], bin="A-01")]
    (text,) = pages(forms.pdf(paper("count_sheet", lines)))

    assert "A-01" in text
    assert "7777" not in text
    assert "SECRET" not in text
    assert forms.SHAPES["count_sheet"].columns.count("quantity") == 0


@pytest.mark.parametrize("form", ["transfer_note", "count_sheet"])
def test_nothing_in_the_books_is_ever_markup(form):
    line = Line(part_number=HOSTILE, name_zh=HOSTILE, name_en=HOSTILE * 2, pieces=[HOSTILE], note=HOSTILE, bin=HOSTILE)
    made = paper(form, [line], remarks=HOSTILE, mark=("#", "$"))
    text = pages(forms.pdf(made))[0].replace("\r\n", " ").replace("\u200b", "")

    assert "#panic() $x^2$ \\" in text
    assert "#{1+1}" in text


def test_many_lines_go_over_pages_that_repeat_the_head_and_count_themselves():
    lines = [Line(part_number=f"P-{n:04d}", name_zh="备件" * 30, quantity=1, pieces=["S" * 60] * 3) for n in range(150)]
    told = pages(forms.pdf(paper("transfer_note", lines)))

    assert len(told) > 5
    for number, text in enumerate(told, start=1):
        assert f"Page {number} of {len(told)}" in text
        if "P-0" in text:
            assert "备件编号 / 名称" in text
    assert sum(text.count(f"P-{n:04d}") for n in range(150) for text in told) == 150
    assert "150" in told[-1]


def test_the_same_paper_is_the_same_bytes():
    assert forms.pdf(paper()) == forms.pdf(paper())


def test_a_paper_that_is_not_in_force_says_so_across_the_page():
    assert "未发出" in pages(forms.pdf(paper(mark=("未发出", "Not shipped"))))[0]


DRIVE = PartName(part_number="ST12000NM0008", name_zh="12TB 硬盘", name_en="12 TB drive", serialised=True)
LABELS = [
    labels.of_part(DRIVE),
    labels.of_bin(BinView(depot="GZ", code="A-01-02", pieces=0), PlaceName("GZ", "广州备件库", "Guangzhou")),
    labels.Label(code=codes.tag_of(123), title=codes.tag_of(123), lines=["S/N ZL2-0001", "P/N ST12000NM0008"]),
    labels.Label(code=codes.unit_code("硬盘/12", "ZL2 0001", None), title=HOSTILE, lines=[HOSTILE, "名" * 80, "x"]),
]


@pytest.mark.parametrize("size", labels.SIZES)
def test_every_label_of_every_size_is_read_back(size):
    sheet = labels.Sheet(size=size, labels=LABELS * 12, printed_at=AT, start=3)
    pdf = labels.pdf(sheet)
    found = scanned(pdf)
    document = pypdfium2.PdfDocument(pdf)
    stock = labels.SIZES[size]

    expected = -(-(len(sheet.labels) + 2) // stock.on_a_sheet) if stock.on_a_sheet > 1 else len(sheet.labels)
    assert len(document) == expected
    for label in LABELS:
        linear = barcodes.code_128(label.code) is not None
        assert found[label.code] == 12 * (2 if linear else 1), label
        assert codes.read(label.code).kind in ("part", "bin", "unit")
    assert found.keys() == {label.code for label in LABELS}


def test_a_used_sheet_goes_on_where_it_was_left():
    def first_row(start: int) -> str:
        pdf = labels.pdf(labels.Sheet(size="a4_3x8", labels=[LABELS[0]], printed_at=AT, start=start))
        page = pypdfium2.PdfDocument(pdf)[0]
        return page.get_textpage().get_text_bounded(left=0, bottom=842 - 105, right=595, top=842)

    assert "ST12000NM0008" in first_row(3)
    assert "ST12000NM0008" not in first_row(4)


def test_what_code_128_cannot_carry_is_left_to_the_qr_code():
    assert barcodes.code_128("备件") is None
    assert barcodes.code_128("X" * 40) is None
    assert barcodes.code_128("BJB/GZ/A-01-02") is not None
