"""Forms: what each paper is called, which columns it has, and who signs it. Pure: Structs in, a PDF out."""

from base64 import b64encode
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, structs

from api.languages import Language
from api.pages.formats import minute
from api.papers import barcodes, printing

Form = Literal[
    "issue_note",
    "goods_receipt_note",
    "transfer_note",
    "delivery_note",
    "count_sheet",
    "loan_note",
    "loan_return_note",
    "gate_pass",
    "duty_sheet",
    "quotation",
    "case_report",
    "fault_report",
    "purchase_order",
    "quote_comparison",
    "part_passport",
    "media_retention",
    "rma_note",
    "quality_claim",
    "collection_note",
    "erasure_certificate",
]
Column = Literal[
    "part",
    "serial",
    "quantity",
    "condition",
    "pool",
    "bin",
    "counted",
    "found",
    "recounted",
    "note",
    "post",
    "name",
    "phone",
    "hours",
    "price",
    "amount",
    "delivery",
    "repair",
    "when",
    "what",
]
Words = tuple[str, str]
"""Chinese, then English."""


class Shape(Struct, frozen=True, kw_only=True):
    """How a form looks: its name, its columns, its signers."""

    name: Words
    columns: tuple[Column, ...]
    signers: tuple[Words, ...]


COLUMNS: dict[Column, Words] = {
    "part": ("备件编号 / 名称", "Part"),
    "serial": ("序列号 / 批次", "Serial / lot"),
    "quantity": ("数量", "Qty"),
    "condition": ("状态", "Condition"),
    "pool": ("库存归属", "Pool"),
    "bin": ("库位", "Bin"),
    "counted": ("实盘数量", "Counted"),
    "found": ("实盘序列号", "Serials found"),
    "recounted": ("复盘数量", "Recounted"),
    "note": ("备注", "Note"),
    "post": ("岗位 / 备件库", "Duty"),
    "name": ("值班人", "Name"),
    "phone": ("联系电话", "Phone"),
    "hours": ("值班时间", "Hours"),
    "price": ("含税单价", "Unit price"),
    "amount": ("金额", "Amount"),
    "delivery": ("供货 / 预计送达", "Availability"),
    "repair": ("或：返修", "Or: repair"),
    "when": ("时间", "When"),
    "what": ("事项", "What"),
}

KEEPER, APPROVER = ("库管员", "Keeper"), ("批准", "Approved by")

SHAPES: dict[Form, Shape] = {
    "issue_note": Shape(
        name=("出库单", "Issue note"),
        columns=("part", "serial", "quantity", "condition", "bin"),
        signers=(("制单", "Prepared by"), KEEPER, ("领用人", "Received by"), APPROVER),
    ),
    "goods_receipt_note": Shape(
        name=("入库单", "Goods receipt note"),
        columns=("part", "serial", "quantity", "condition", "bin", "note"),
        signers=(("送货人", "Delivered by"), ("验收人", "Inspected by"), KEEPER, APPROVER),
    ),
    "transfer_note": Shape(
        name=("调拨单", "Transfer note"),
        columns=("part", "serial", "quantity", "condition", "bin"),
        signers=(("调出库管员", "Sending keeper"), ("承运人", "Carrier"), ("调入库管员", "Receiving keeper"), APPROVER),
    ),
    "delivery_note": Shape(
        name=("送货单", "Delivery note"),
        columns=("part", "serial", "quantity", "note"),
        signers=(("发货人", "Sent by"), ("承运人", "Carrier"), ("收货人（签章）", "Received by (sign and stamp)")),
    ),
    "count_sheet": Shape(
        name=("盘点表", "Count sheet"),
        columns=("bin", "part", "condition", "pool", "counted", "found", "recounted", "note"),
        signers=(("盘点人", "Counted by"), ("复盘人", "Recounted by"), ("监盘人", "Witness")),
    ),
    "loan_note": Shape(
        name=("借用单", "Loan note"),
        columns=("part", "serial", "quantity", "condition", "note"),
        signers=(("借用人", "Borrower"), KEEPER, APPROVER),
    ),
    "loan_return_note": Shape(
        name=("归还单", "Loan return note"),
        columns=("part", "serial", "quantity", "condition", "note"),
        signers=(("归还人", "Returned by"), ("检验人", "Inspected by"), KEEPER),
    ),
    "erasure_certificate": Shape(
        name=("数据清除证明", "Data erasure certificate"),
        columns=("part", "serial", "quantity", "what"),
        signers=(("清除人", "Erased by"), ("核验人", "Verified by"), ("客户（签章）", "Customer (sign and stamp)")),
    ),
    "gate_pass": Shape(
        name=("出门条", "Gate pass"),
        columns=("part", "serial", "quantity", "note"),
        signers=(KEEPER, ("携出人", "Carried by"), APPROVER, ("门卫", "Guard")),
    ),
    "duty_sheet": Shape(
        name=("节假日值班表", "Holiday duty sheet"),
        columns=("post", "name", "phone", "hours"),
        signers=(("编制", "Prepared by"), ("核对", "Checked by"), APPROVER),
    ),
    "quotation": Shape(
        name=("保外维修报价单", "Quotation"),
        columns=("part", "quantity", "price", "amount", "delivery", "repair"),
        signers=(("报价人", "Quoted by"), ("客户确认（签章）", "Accepted by (sign and stamp)")),
    ),
    "purchase_order": Shape(
        name=("采购订单", "Purchase order"),
        columns=("part", "quantity", "price", "amount"),
        signers=(
            ("采购方（签章）", "Ordered by (sign and stamp)"),
            ("供应商确认（签章）", "Confirmed by (sign and stamp)"),
        ),
    ),
    "quote_comparison": Shape(
        name=("三家比价记录", "Comparison of quotes"),
        columns=("part", "quantity", "price", "delivery", "what"),
        signers=(("采购", "Buyer"), APPROVER),
    ),
    "case_report": Shape(
        name=("应急方案报告", "Emergency report"),
        columns=("when", "what"),
        signers=(("编制", "Prepared by"), APPROVER, ("客户确认（签章）", "Received by (sign and stamp)")),
    ),
    "fault_report": Shape(
        name=("故障分析报告", "Fault analysis report"),
        columns=("when", "what"),
        signers=(("编制", "Prepared by"), APPROVER, ("客户确认（签章）", "Received by (sign and stamp)")),
    ),
    "media_retention": Shape(
        name=("介质保留确认单", "Media kept"),
        columns=("part", "serial", "quantity", "condition", "note"),
        signers=(("工程师", "Engineer"), ("客户确认（签章）", "Customer (sign and stamp)")),
    ),
    "rma_note": Shape(
        name=("返修单", "RMA note"),
        columns=("part", "serial", "quantity", "condition", "what", "note"),
        signers=(KEEPER, ("承运人", "Carrier"), ("厂家签收（签章）", "Received by vendor (sign and stamp)")),
    ),
    "quality_claim": Shape(
        name=("索赔函", "Claim letter"),
        columns=("part", "quantity", "condition", "note"),
        signers=(("采购", "Procurement"), ("厂家确认（签章）", "Seen by vendor (sign and stamp)")),
    ),
    "collection_note": Shape(
        name=("收取单", "Collection note"),
        columns=("part", "serial", "quantity", "condition", "note"),
        signers=(
            ("客户交出", "Handed over by customer"),
            ("收取人", "Collected by"),
            ("送还人", "Brought back by"),
            ("客户签收", "Received back by customer"),
        ),
    ),
    "part_passport": Shape(
        name=("备件来源护照", "Part passport"),
        columns=("when", "what"),
        signers=(("签发", "Issued by"), ("客户签收（签章）", "Received by (sign and stamp)")),
    ),
}


class Fact(Struct, frozen=True):
    """Something said once on a paper, above its lines."""

    name: Words
    value: str


class Line(Struct, frozen=True, kw_only=True):
    """One line; `pieces` are serials with our tags, or lots. A count sheet shows neither pieces nor quantity: it is blind.

    A line that is not about a part says its `cells` itself.
    """

    part_number: str = ""
    name_zh: str = ""
    name_en: str = ""
    quantity: int | None = None
    pieces: list[str] = []
    condition: Words = ("", "")
    pool: str = ""
    bin: str = ""
    note: str = ""
    cells: dict[Column, list[str]] = {}


class Picture(Struct, frozen=True, kw_only=True):
    """A photo that a paper shows, with what stands below it."""

    media_type: str
    content: bytes
    caption: str


class Paper(Struct, frozen=True, kw_only=True):
    """A paper with everything that stands on it; `mark` is written across a paper that is not in force.

    It says everything in both languages, or in `language` alone. Its QR code is its number, or a `link` to open.
    """

    form: Form
    company: Words
    number: str
    facts: list[Fact]
    lines: list[Line]
    printed_at: datetime
    printed_by: str
    remarks: str = ""
    mark: Words | None = None
    language: Language | None = None
    link: str | None = None
    pictures: list[Picture] = []


def pdf(paper: Paper) -> bytes:
    """The paper as a PDF; a photo whose file is broken is left out. Blocking: call it in a thread."""
    try:
        return printing.pdf("form.typ", laid_out(paper), at=paper.printed_at)
    except printing.Unprintable:
        whole = [each for each in paper.pictures if _prints(paper, each)]
        if len(whole) == len(paper.pictures):
            raise
    return pdf(structs.replace(paper, pictures=whole))


def _prints(paper: Paper, picture: Picture) -> bool:
    """Whether a photo can be printed at all: what a file claims to be by its first bytes may still be cut off."""
    alone = structs.replace(paper, lines=[], facts=[], pictures=[picture])
    try:
        printing.pdf("form.typ", laid_out(alone), at=paper.printed_at)
    except printing.Unprintable:
        return False
    return True


def picture(paper: Paper) -> bytes:
    """The paper's first page as a PNG. Blocking."""
    return printing.picture("form.typ", laid_out(paper))


def laid_out(paper: Paper) -> dict[str, Any]:
    """What the template is told: nothing but text, bar codes and the cells in order."""
    shape = SHAPES[paper.form]
    columns = [column for column in shape.columns if column != "bin" or _shows_bins(paper)]

    def said(words: Words) -> Words:
        return words if paper.language is None else (words[paper.language == "en"], "")

    counts = [line.quantity for line in paper.lines if line.quantity is not None]
    return {
        "language": paper.language,
        "company": said(paper.company),
        "name": said(shape.name),
        "number": paper.number,
        "qr": barcodes.qr(paper.link or paper.number),
        "code_128": barcodes.code_128(paper.number),
        "facts": [[said(fact.name), fact.value] for fact in paper.facts],
        "columns": [[column, said(COLUMNS[column])] for column in columns],
        "lines": [[_cell(line, column) for column in columns] for line in paper.lines],
        "total": sum(counts)
        if "quantity" in shape.columns and paper.form not in ("quotation", "purchase_order", "quote_comparison")
        else None,
        "pictures": [[_framed(each), each.caption] for each in paper.pictures],
        "remarks": paper.remarks,
        "signers": [said(signer) for signer in shape.signers],
        "mark": None if paper.mark is None else said(paper.mark),
        "printed_at": minute(paper.printed_at),
        "printed_by": paper.printed_by,
    }


def _framed(picture: Picture) -> str:
    """A photo as an SVG of 4 to 3, whole within it: the template is told nothing but text."""
    data = b64encode(picture.content).decode()
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300"><rect width="400" height="300" fill="#eeeeee"/>'
        f'<image width="400" height="300" href="data:{picture.media_type};base64,{data}"/></svg>'
    )


def _shows_bins(paper: Paper) -> bool:
    """Whether bins are known, or are written down by hand as things are put away or counted."""
    return paper.form in ("goods_receipt_note", "count_sheet") or any(line.bin for line in paper.lines)


def _cell(line: Line, column: Column) -> list[str]:
    """A cell's lines of text; those that are filled in by hand are empty."""
    cells: dict[Column, list[str]] = {
        "part": [line.part_number, line.name_zh, line.name_en],
        "serial": line.pieces,
        "quantity": ["" if line.quantity is None else str(line.quantity)],
        "condition": list(line.condition),
        "pool": [line.pool],
        "bin": [line.bin],
        "note": [line.note],
        **line.cells,
    }
    return cells.get(column, [])
