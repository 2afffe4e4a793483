"""Sheets for vendors: an inquiry as an Excel workbook to fill in, and what comes back of it."""

import asyncio
import io
from collections.abc import Sequence
from datetime import date

import xlsxwriter

from api.exchange.reading import opened
from inventory.ground.errors import Invalid
from inventory.procurement.inquiries import InquiryPart, InquirySummary
from inventory.procurement.quote_sheets import HEADINGS, Asked, Field, QuoteRead, read, row_name

LONGEST = 5000
"""How many lines of a vendor's table are read."""

OURS: tuple[Field, ...] = ("row", "part_number", "name", "quantity")
WIDTHS = {"row": 26, "part_number": 22, "name": 30, "remark": 30}


class MacrosRefused(Invalid):
    """The workbook holds macros, which are not opened here."""

    zh = "该工作簿含有宏，不予打开。"
    help_en = "Save it as .xlsx without macros, and upload that."
    help_zh = "请另存为不含宏的 .xlsx 后再上传。"


def workbook(inquiry: InquirySummary, vendor: str, parts: Sequence[InquiryPart], company: tuple[str, str]) -> bytes:
    """A vendor's sheet: our columns are filled in, its own are checked while it fills them in."""
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": inquiry.number, "created": inquiry.opened_at.replace(tzinfo=None)})
    sheet = book.add_worksheet("报价 Quote")
    bold = book.add_format({"bold": True, "bg_color": "#e8eef7", "text_wrap": True, "border": 1})
    title = book.add_format({"bold": True, "font_size": 14})
    grey = book.add_format({"bg_color": "#f1f3f5", "border": 1})
    day = book.add_format({"num_format": "yyyy-mm-dd", "border": 1})
    sheet.write_string(0, 0, f"询价单 Inquiry {inquiry.number} · {company[0]} {company[1]}", title)
    sheet.write_string(
        1,
        0,
        f"请于 {inquiry.answer_by:%Y-%m-%d} 前填写并发回 · Please fill in and send back by {inquiry.answer_by:%Y-%m-%d} (UTC)",
    )
    last = 3 + len(parts)
    for column, (field, (english, chinese)) in enumerate(HEADINGS.items()):
        sheet.write_string(3, column, f"{chinese}\n{english}", bold)
        sheet.set_column(column, column, WIDTHS.get(field, 13))
    for at, part in enumerate(parts, start=4):
        filled = (row_name(inquiry.number, vendor, part.position), part.part_number, f"{part.name_zh} {part.name_en}")
        for column, words in enumerate(filled):
            sheet.write_string(at, column, words, grey)
        sheet.write_number(at, len(filled), part.quantity, grey)
    columns = {field: column for column, field in enumerate(HEADINGS)}

    def check(field: Field, rule: dict[str, object]) -> None:
        sheet.data_validation(4, columns[field], last, columns[field], {**rule, "ignore_blank": True})

    check("currency", {"validate": "list", "source": ["CNY", "USD", "EUR", "HKD", "JPY"]})
    check("unit_price", {"validate": "decimal", "criteria": ">", "value": 0})
    check("includes_tax", {"validate": "list", "source": ["是", "否", "yes", "no"]})
    check("tax_percent", {"validate": "decimal", "criteria": "between", "minimum": 0, "maximum": 100})
    check("invoice_kind", {"validate": "list", "source": ["专票", "普票", "无", "special", "general", "none"]})
    for field in ("minimum_quantity", "lot_size"):
        check(field, {"validate": "integer", "criteria": ">", "value": 0})
    check("lead_time_days", {"validate": "decimal", "criteria": "between", "minimum": 0, "maximum": 3650})
    sheet.set_column(columns["valid_to"], columns["valid_to"], 13, day)
    sheet.freeze_panes(4, 2)
    book.close()
    return made.getvalue()


async def read_back(
    media_type: str, content: bytes, *, number: str, vendor: str, asked: Sequence[Asked], today: date
) -> QuoteRead:
    """What a vendor's file says, whatever became of our sheet on the way.

    Raises:
        MacrosRefused: it holds macros.
        EncodingUnknown, WorkbookUnreadable, TableUnreadable: it cannot be read.
        WrongInquiry, WrongVendor: it is the sheet of another one.

    """
    if b"vbaProject" in content:
        raise MacrosRefused
    async with opened(media_type, content) as table:

        def rows() -> QuoteRead:
            lines = ((line.number, line.cells) for _, line in zip(range(LONGEST), table().lines(), strict=False))
            return read(lines, number=number, vendor=vendor, asked=asked, today=today)

        return await asyncio.to_thread(rows)
