"""Vendors' quotes as they come back in a table: found wherever it stands, and nothing guessed without saying so. Pure.

Our sheet names each row `number/vendor/position`. A vendor may move and rename columns, add rows above, between and below,
and write numbers as text; what is read differently from how it stands there, or not read at all, becomes a finding.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from msgspec import Struct, field

from inventory.ground.errors import Invalid
from inventory.procurement.prices import InvoiceKind

Field = Literal[
    "row", "part_number", "quantity", "currency", "unit_price", "includes_tax", "tax_percent", "invoice_kind",
    "minimum_quantity", "lot_size", "lead_time_days", "valid_to", "remark", "name",
]  # fmt: skip

HEADINGS: dict[Field, tuple[str, str]] = {
    "row": ("Row", "行号"),
    "part_number": ("Part number", "备件编号"),
    "name": ("Name", "名称"),
    "quantity": ("Quantity", "询价数量"),
    "currency": ("Currency", "币种"),
    "unit_price": ("Unit price", "单价"),
    "includes_tax": ("Includes tax", "是否含税"),
    "tax_percent": ("Tax rate %", "税率%"),
    "invoice_kind": ("Invoice", "发票种类"),
    "minimum_quantity": ("Minimum quantity", "最小订购量"),
    "lot_size": ("Lot size", "订购批量"),
    "lead_time_days": ("Lead time days", "交期（天）"),
    "valid_to": ("Valid to", "报价有效期"),
    "remark": ("Remark", "备注"),
}
"""The columns of our sheet, in their order, in English and Chinese."""

ALIASES: dict[Field, tuple[str, ...]] = {
    "row": ("row", "行号", "rowid", "询价行", "id"),
    "part_number": (
        "partnumber",
        "备件编号",
        "料号",
        "pn",
        "p/n",
        "part",
        "partno",
        "物料编码",
        "型号",
        "产品型号",
        "备件号",
    ),
    "name": ("name", "名称", "品名", "description", "描述", "产品名称"),
    "quantity": ("quantity", "询价数量", "数量", "qty", "需求数量"),
    "currency": ("currency", "币种", "货币"),
    "unit_price": (
        "unitprice",
        "单价",
        "price",
        "报价",
        "含税单价",
        "不含税单价",
        "unitpricewithtax",
        "unitpricewithouttax",
    ),
    "includes_tax": ("includestax", "是否含税", "含税", "taxincluded"),
    "tax_percent": ("taxrate", "税率", "taxrate%", "税率%", "增值税率", "vat"),
    "invoice_kind": ("invoice", "发票种类", "发票类型", "发票", "票种"),
    "minimum_quantity": ("minimumquantity", "最小订购量", "起订量", "moq", "最小起订量"),
    "lot_size": ("lotsize", "订购批量", "包装数", "批量", "lot"),
    "lead_time_days": ("leadtimedays", "交期", "leadtime", "供货周期", "货期", "交货期"),
    "valid_to": ("validto", "报价有效期", "有效期", "有效期至", "validuntil", "validity"),
    "remark": ("remark", "备注", "说明", "note", "remarks", "comment"),
}
"""By which headings a column is known, without blanks, brackets and marks."""

TAX_BY_HEADING = {"含税单价": True, "unitpricewithtax": True, "不含税单价": False, "unitpricewithouttax": False}

HEADING_WITHIN = 40
"""In how many lines the headings are looked for."""

TOTALS = ("合计", "总计", "小计", "total", "subtotal", "sum")

USUAL_TAX_PERCENT = Decimal(13)
"""The rate on goods where a quote names none."""

Code = Literal[
    "no_headings", "column_twice", "column_missing", "column_not_read", "row_not_read", "line_twice", "other_part",
    "other_quantity", "not_quoted", "formula_error", "not_a_price", "not_a_number", "not_a_date", "not_a_word",
    "no_lead_time", "no_valid_to", "several_validities", "taken_as", "currency_unclear", "in_the_past",
]  # fmt: skip


SAID: dict[Code, tuple[str, str]] = {
    "no_headings": (
        "no row of headings with a unit price and a part number was found",
        "未找到含“单价”与“备件编号”的标题行",
    ),
    "column_twice": ("this heading stands there twice", "该列标题重复"),
    "column_missing": ("this column is missing", "缺少该列"),
    "column_not_read": ("this column is not read; the file is kept", "该列不读取，文件原样保存"),
    "row_not_read": ("this row is about no part that was asked for", "该行不是所询备件"),
    "line_twice": ("this part is quoted twice", "该备件重复报价"),
    "other_part": ("another part than the one of this row", "备件编号与该行不符"),
    "other_quantity": (
        "another quantity than was asked; the price is taken for what was asked",
        "数量与询价不同，按询价数量比价",
    ),
    "not_quoted": ("not quoted", "未报价"),
    "formula_error": ("a formula that failed", "公式出错"),
    "not_a_price": ("not a price of at most two decimals", "不是有效单价（最多两位小数）"),
    "not_a_number": ("not a number that fits here", "不是有效数字"),
    "not_a_date": ("not a date", "不是有效日期"),
    "not_a_word": ("not one of the words for it", "不是可识别的内容"),
    "no_lead_time": ("the lead time is missing", "缺少交期"),
    "no_valid_to": ("nothing says until when the prices are valid", "缺少报价有效期"),
    "several_validities": ("the prices are valid until different days", "各行有效期不一致"),
    "taken_as": ("taken so", "按此读取"),
    "currency_unclear": ("the currency is not clear", "币种不明确"),
    "in_the_past": ("this day is over", "该日期已过"),
}
"""What each finding says, in English and Chinese."""


class WrongInquiry(Invalid):
    """This sheet answers inquiry {found}, not {number}."""

    zh = "该报价表对应询价单 {found}，而不是 {number}。"
    help_en = "Upload it at its own inquiry, or have the vendor fill in the sheet of this one."
    help_zh = "请在对应的询价单上传，或请供应商填写本询价单的报价表。"


class WrongVendor(Invalid):
    """This sheet was made for {found}, not for {vendor}."""

    zh = "该报价表是发给 {found} 的，而不是 {vendor}。"
    help_en = "Choose the vendor that it was made for."
    help_zh = "请选择该报价表对应的供应商。"


class Asked(Struct, frozen=True, kw_only=True):
    """A part that is asked for, by its place on the sheet."""

    position: int
    part_number: str
    quantity: int


class QuotedLine(Struct, frozen=True, kw_only=True):
    """What a vendor asks for a part: a price in its currency, read as `prices.Quoted` says, and its terms."""

    part_number: str
    unit_price: Decimal
    lead_time_days: float
    currency: str = "CNY"
    invoice_kind: InvoiceKind = "special"
    tax_percent: Decimal = field(default_factory=lambda: USUAL_TAX_PERCENT)
    includes_tax: bool = True
    minimum_quantity: int = 1
    lot_size: int = 1
    remark: str = ""


class SheetFinding(Struct, frozen=True, kw_only=True):
    """Something about a cell: `wrong` keeps the sheet from being taken, else it says how the cell was read."""

    line: int
    column: str
    value: str
    code: Code
    wrong: bool

    def sentence(self, language: str) -> str:
        """What is said of it, in `zh` or `en`."""
        where = (f"第 {self.line} 行" if language == "zh" else f"line {self.line}") if self.line else ""
        told = " · ".join(part for part in (where, self.column, self.value) if part)
        words = SAID[self.code][language == "zh"]
        return f"{told}：{words}" if language == "zh" else f"{told}: {words}"


class QuoteRead(Struct, frozen=True, kw_only=True):
    """What was read of a sheet."""

    lines: list[QuotedLine]
    valid_to: date | None
    findings: list[SheetFinding]

    @property
    def fits(self) -> bool:
        """Whether it may be taken as it is."""
        return bool(self.lines) and not any(finding.wrong for finding in self.findings)


def row_name(number: str, vendor: str, position: int) -> str:
    """How our sheet names a row.

    >>> row_name("RFQ-26-000001", "DISTI", 3)
    'RFQ-26-000001/DISTI/3'
    """
    return f"{number}/{vendor}/{position}"


def plain(heading: str) -> str:
    """A heading without what people change about it.

    >>> plain("交期（天）"), plain("Unit price *"), plain("单 价(元)：")
    ('交期', 'unitprice', '单价')
    """
    narrow = unicodedata.normalize("NFKC", heading).lower()
    return re.sub(r"\(.*?\)|[\s*:_\-]", "", narrow)


_FIELDS: dict[str, Field] = {alias: field for field, aliases in ALIASES.items() for alias in aliases}


def _field_of(heading: str) -> Field | None:
    r"""What a heading stands for; one in two languages, one under the other, by either.

    >>> _field_of("单价\nUnit price"), _field_of("MOQ"), _field_of("colour")
    ('unit_price', 'minimum_quantity', None)
    """
    return next((_FIELDS[each] for each in map(plain, (heading, *heading.split("\n"))) if each in _FIELDS), None)


def read(
    rows: Iterable[tuple[int, Sequence[str | None]]], *, number: str, vendor: str, asked: Sequence[Asked], today: date
) -> QuoteRead:
    """Read a vendor's table: lines with their numbers in the file, cells as text.

    Raises:
        WrongInquiry, WrongVendor: it is the sheet of another one.

    """
    return _Reader(number, vendor, asked, today).read(rows)


class _Reader:
    def __init__(self, number: str, vendor: str, asked: Sequence[Asked], today: date) -> None:
        self.number, self.vendor, self.today = number, vendor, today
        self.by_position = {each.position: each for each in asked}
        self.by_part = {each.part_number.upper(): each for each in asked}
        self.columns: dict[Field, int] = {}
        self.names: list[str] = []
        self.tax_said: bool | None = None
        self.findings: list[SheetFinding] = []
        self.lines: dict[int, QuotedLine] = {}
        self.validities: set[date] = set()

    def read(self, rows: Iterable[tuple[int, Sequence[str | None]]]) -> QuoteRead:
        for seen, (line, cells) in enumerate(rows):
            if self.columns:
                self._row(line, cells)
            elif seen < HEADING_WITHIN:
                self._find_headings(line, cells)
        if not self.columns:
            self._find(0, "", "", "no_headings")
        if len(self.validities) > 1:
            told = ", ".join(day.isoformat() for day in sorted(self.validities))
            self._find(0, HEADINGS["valid_to"][1], told, "several_validities")
        elif self.lines and not self.validities:
            self._find(0, HEADINGS["valid_to"][1], "", "no_valid_to")
        valid_to = min(self.validities, default=None)
        return QuoteRead(lines=[self.lines[at] for at in sorted(self.lines)], valid_to=valid_to, findings=self.findings)

    def _find(self, line: int, column: str, value: str, code: Code, *, wrong: bool = True) -> None:
        self.findings.append(SheetFinding(line=line, column=column, value=value[:200], code=code, wrong=wrong))

    def _find_headings(self, line: int, cells: Sequence[str | None]) -> None:
        known: list[Field | None] = [_field_of(cell or "") for cell in cells]
        if "unit_price" not in known or not {"row", "part_number"} & set(known):
            return
        self.names = [cell or "" for cell in cells]
        for at, found in enumerate(known):
            if found is None:
                if cells[at]:
                    self._find(line, str(cells[at]), "", "column_not_read", wrong=False)
            elif found in self.columns:
                self._find(line, str(cells[at]), "", "column_twice")
            else:
                self.columns[found] = at
        said = self.names[self.columns["unit_price"]].split("\n")
        self.tax_said = next((TAX_BY_HEADING[each] for each in map(plain, said) if each in TAX_BY_HEADING), None)
        for needed in ("lead_time_days", "valid_to"):
            if needed not in self.columns:
                self._find(line, HEADINGS[needed][1], "", "column_missing")

    def _cell(self, cells: Sequence[str | None], field: Field) -> str:
        at = self.columns.get(field)
        return "" if at is None or at >= len(cells) else unicodedata.normalize("NFKC", cells[at] or "").strip()

    def _heading(self, field: Field) -> str:
        at = self.columns.get(field)
        return HEADINGS[field][1] if at is None else self.names[at]

    def _row(self, line: int, cells: Sequence[str | None]) -> None:
        wanted = self._wanted(line, cells)
        if wanted is None:
            return
        price = self._cell(cells, "unit_price")
        if not price:
            self._find(line, self._heading("unit_price"), wanted.part_number, "not_quoted", wrong=False)
            return
        if wanted.position in self.lines:
            self._find(line, self._heading("part_number"), wanted.part_number, "line_twice")
            return
        before = sum(finding.wrong for finding in self.findings)
        amount, currency = self._price(line, price, self._cell(cells, "currency"))
        lead = self._lead_time(line, self._cell(cells, "lead_time_days"))
        self._validity(line, self._cell(cells, "valid_to"))
        kind = self._invoice(line, self._cell(cells, "invoice_kind"))
        includes = self._includes_tax(line, self._cell(cells, "includes_tax"))
        tax = self._tax(line, self._cell(cells, "tax_percent"), kind)
        least = self._count(line, "minimum_quantity", self._cell(cells, "minimum_quantity"))
        lot = self._count(line, "lot_size", self._cell(cells, "lot_size"))
        if sum(finding.wrong for finding in self.findings) == before and amount is not None and lead is not None:
            self.lines[wanted.position] = QuotedLine(
                part_number=wanted.part_number,
                unit_price=amount,
                lead_time_days=lead,
                currency=currency,
                invoice_kind=kind,
                tax_percent=tax,
                includes_tax=includes,
                minimum_quantity=least,
                lot_size=lot,
                remark=self._cell(cells, "remark")[:2000],
            )

    def _wanted(self, line: int, cells: Sequence[str | None]) -> Asked | None:
        """The part that a row is about; None where it is about none of them, and says so."""
        row, part = self._cell(cells, "row"), self._cell(cells, "part_number")
        found = self.by_part.get(part.upper())
        if row.count("/") >= 2:
            number, _, rest = row.partition("/")
            vendor, _, position = rest.rpartition("/")
            if number != self.number:
                raise WrongInquiry(found=number, number=self.number)
            if vendor != self.vendor:
                raise WrongVendor(found=vendor, vendor=self.vendor)
            named = self.by_position.get(int(position)) if position.isdecimal() and len(position) < 6 else None
            if named is not None and part and found != named:
                self._find(line, self._heading("part_number"), part, "other_part")
                return None
            found = named
        if found is None:
            words = " ".join(cell for cell in cells if cell)
            if any(plain(cell or "").startswith(TOTALS) for cell in cells):
                self._find(line, "", words, "row_not_read", wrong=False)
            elif words:
                self._find(
                    line,
                    self._heading("part_number"),
                    words,
                    "row_not_read",
                    wrong=bool(self._cell(cells, "unit_price")),
                )
            return None
        quantity = self._cell(cells, "quantity")
        if quantity and _number(quantity) != found.quantity:
            self._find(line, self._heading("quantity"), quantity, "other_quantity", wrong=False)
        return found

    def _price(self, line: int, words: str, currency: str) -> tuple[Decimal | None, str]:
        told = currency.upper() or "CNY"
        told = {
            "RMB": "CNY",
            "人民币": "CNY",
            "元": "CNY",
            "美元": "USD",
            "欧元": "EUR",
            "港币": "HKD",
            "日元": "JPY",
        }.get(told, told)
        if words.startswith("#"):
            self._find(line, self._heading("unit_price"), words, "formula_error")
            return None, told
        if not re.fullmatch("[A-Z]{3}", told):
            self._find(line, self._heading("currency"), currency, "currency_unclear")
            return None, told
        match = re.fullmatch(r"(RMB|CNY|USD|EUR|HKD|US\$|[¥$€])?\s*(.*?)\s*(元|RMB|CNY|USD|EUR)?", words, re.IGNORECASE)
        marks = {mark.upper() for mark in (match.group(1), match.group(3)) if mark} if match else set()
        meant = {"¥": "CNY", "元": "CNY", "RMB": "CNY", "US$": "USD", "$": "USD", "€": "EUR"}
        if any(meant.get(mark, mark) != told for mark in marks):
            self._find(line, self._heading("unit_price"), words, "currency_unclear")
            return None, told
        amount = _number(match.group(2)) if match else None
        if amount is None or not 0 < amount < 10**10 or amount != round(amount, 2):
            self._find(line, self._heading("unit_price"), words, "not_a_price")
            return None, told
        return Decimal(amount), told

    def _lead_time(self, line: int, words: str) -> float | None:
        if not words:
            self._find(line, self._heading("lead_time_days"), "", "no_lead_time")
            return None
        if words in ("现货", "in stock", "stock", "有货"):
            self._find(line, self._heading("lead_time_days"), f"{words} → 0", "taken_as", wrong=False)
            return 0.0
        match = re.fullmatch(r"([\d.,]+)\s*(天|日|日历天|days?|d|周|weeks?|w)?", words, re.IGNORECASE)
        days = _number(match.group(1)) if match else None
        if match is None or days is None:
            self._find(line, self._heading("lead_time_days"), words, "not_a_number")
            return None
        if (match.group(2) or "").lower() in ("周", "week", "weeks", "w"):
            self._find(line, self._heading("lead_time_days"), f"{words} → {days * 7}", "taken_as", wrong=False)
            days *= 7
        if days > 3650:
            self._find(line, self._heading("lead_time_days"), words, "not_a_number")
            return None
        return float(days)

    def _validity(self, line: int, words: str) -> None:
        if not words:
            return
        found = _day(words)
        if found is None:
            self._find(line, self._heading("valid_to"), words, "not_a_date")
        elif found < self.today:
            self._find(line, self._heading("valid_to"), words, "in_the_past")
        else:
            if words.isdecimal() and len(words) < 8:
                self._find(line, self._heading("valid_to"), f"{words} → {found.isoformat()}", "taken_as", wrong=False)
            self.validities.add(found)

    def _invoice(self, line: int, words: str) -> InvoiceKind:
        known: Mapping[str, InvoiceKind] = {
            "": "special", "special": "special", "专票": "special", "增值税专用发票": "special", "专用发票": "special",
            "general": "general", "普票": "general", "增值税普通发票": "general", "普通发票": "general",
            "none": "none", "无": "none", "无票": "none", "不开票": "none",
        }  # fmt: skip
        if words.lower() not in known:
            self._find(line, self._heading("invoice_kind"), words, "not_a_word")
        return known.get(words.lower(), "special")

    def _includes_tax(self, line: int, words: str) -> bool:
        with_it, without = ("是", "yes", "y", "含税", "含"), ("否", "no", "n", "不含税", "不含")
        if not words:
            return True if self.tax_said is None else self.tax_said
        includes = words.lower() in with_it
        if (not includes and words.lower() not in without) or self.tax_said not in (None, includes):
            self._find(line, self._heading("includes_tax"), words, "not_a_word")
        return includes

    def _tax(self, line: int, words: str, kind: InvoiceKind) -> Decimal:
        if not words:
            return Decimal(0) if kind == "none" else USUAL_TAX_PERCENT
        rate = _number(words.removesuffix("%"))
        if rate is not None and 0 < rate < 1 and not words.endswith("%"):  # a cell that shows 13% holds 0.13
            self._find(line, self._heading("tax_percent"), f"{words} → {rate * 100} %", "taken_as", wrong=False)
            rate *= 100
        if rate is None or not 0 <= rate <= 100 or (kind == "none" and rate != 0):
            self._find(line, self._heading("tax_percent"), words, "not_a_number")
            return Decimal(0)
        return round(rate, 2)

    def _count(self, line: int, field: Field, words: str) -> int:
        if not words:
            return 1
        count = _number(words)
        if count is None or count != int(count) or not 1 <= count <= 1_000_000:
            self._find(line, self._heading(field), words, "not_a_number")
            return 1
        return int(count)


def _number(words: str) -> Decimal | None:
    """A number as people write it; None where it is none.

    >>> _number("1,234.50"), _number("12"), _number("1,2,3"), _number("12.5.1"), _number("1e9")
    (Decimal('1234.50'), Decimal('12'), None, None, None)
    """
    if not re.fullmatch(r"\d{1,12}(\.\d{1,6})?|\d{1,3}(,\d{3})+(\.\d{1,6})?", words):
        return None
    return Decimal(words.replace(",", ""))


def _day(words: str) -> date | None:
    """A day as people write it, or as Excel counts it from the last day of 1899.

    >>> [str(_day(words)) for words in ("2026-12-31 00:00:00", "2026/1/5", "2026年12月31日", "46387", "soon", "5/6/26")]
    ['2026-12-31', '2026-01-05', '2026-12-31', '2026-12-31', 'None', 'None']
    """
    match = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?( 00:00:00)?", words) or re.fullmatch(
        r"(20\d\d)(\d\d)(\d\d)", words
    )
    if match:
        try:
            return date(int(match.group(1)), int(match.group(2)), int(match.group(3)))
        except ValueError:
            return None
    if re.fullmatch(r"[45]\d{4}", words):
        return date(1899, 12, 30) + timedelta(days=int(words))
    return None
