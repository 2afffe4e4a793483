"""Reasons: what is said of a cell, in English and Chinese; words in braces are facts of the column or of the row."""

REASONS: dict[str, tuple[str, str]] = {
    "missing": ("is needed and empty", "必填，不能为空"),
    "too_long": ("is longer than {longest} characters", "超过 {longest} 个字符"),
    "unprintable": ("holds characters that cannot be printed", "含有不可打印字符"),
    "only_dots": ("is “.” or “..”, which no address can name", "不能是“.”或“..”，网址无法表示"),
    "formula": ("is a formula; a value is needed", "是公式，应填写具体值"),
    "not_whole": ("is not a whole number", "不是整数"),
    "not_amount": ("is not an amount with at most two decimals", "不是金额（最多两位小数）"),
    "not_number": ("is not a number", "不是数字"),
    "not_day": ("is not a date such as 2026-01-31", "不是有效日期，例如 2026-01-31"),
    "not_flag": ("is neither yes nor no", "应填“是”或“否”"),
    "not_text": ("is not a text", "应为文本"),
    "not_clock": ("is not a time of day such as 09:00", "不是有效时刻，例如 09:00"),
    "not_weekdays": ("is not a list of weekdays such as 1,2,3,4,5 (1 is Monday)", "应为星期列表，例如 1,2,3,4,5（1 为星期一）"),
    "no_such": ("names something that is not there", "引用了不存在的内容"),
    "not_a_field": ("is not a field of this, or cannot be set now", "不是可填写的字段"),
    "not_choice": ("is none of: {choices}", "不在允许的取值内：{choices}"),
    "not_address": ("is not an address such as https://vendor.example/orders", "不是有效地址，例如 https://vendor.example/orders"),
    "too_small": ("is less than {least}", "小于 {least}"),
    "too_large": ("is more than {most}", "大于 {most}"),
    "repeated": ("stands already in line {line}", "与第 {line} 行重复"),
    "unknown_part": ("is not in the parts catalogue", "备件目录中没有该编号"),
    "unknown_maker": ("is no maker we know", "没有该原厂"),
    "unknown_depot": ("is not one of our stores", "没有该备件库"),
    "unknown_pool": ("is neither common nor a pool we know", "没有该库存归属"),
    "lot_of_serials": ("is only for parts that are not kept by serial", "仅用于不按序列号管理的备件"),
    "lot_of_two_grades": (
        "differs from other pieces of this lot; give what came from elsewhere a lot of its own",
        "与同一批次其他件的来源不同；请为不同来源的备件另设批次",
    ),
    "unknown_bin": ("is not a bin location of this store", "该备件库没有此库位"),
    "unknown_owner": ("is no company we know", "没有该单位"),
    "unknown_model": ("is no device model we know", "没有该机型"),
    "unknown_site": ("is no site we know", "没有该站点"),
    "unknown_contract": ("is no contract we know", "没有该合同"),
    "unknown_vendor": ("is no vendor we know", "没有该供应商"),
    "not_your_depot": ("is a store you do not serve", "不在您负责的备件库范围内"),
    "is_alias": ("is another number of a part that is there", "是已有备件的别名编号"),
    "is_ourselves": ("is our own company", "是我方自身"),
    "place_taken": ("would need a place code that is in use", "对应的地点编码已被占用"),
    "kept_differently": (
        "differs from how the part is kept; that does not change by an import",
        "与现有管理方式不同，不能通过导入更改",
    ),
    "serial_missing": ("is needed: the part is kept by serial", "该备件按序列号管理，必须填写序列号"),
    "not_by_serial": ("is given, but the part is not kept by serial", "该备件不按序列号管理，不应填写序列号"),
    "one_per_serial": ("must be 1 where there is a serial", "填写序列号时数量须为 1"),
    "serial_there": ("is in the ledger already", "该序列号已在台账中"),
    "tag_there": ("is the tag of another unit", "该条码已被另一单件使用"),
    "registration_there": ("is the number of another device", "该登记号已属于另一设备"),
    "already_stocked": ("is opening stock, but {there} are there already; correct them by an adjustment",
                        "期初库存仅用于空库存，现有 {there} 件；请改用库存调整"),
    "below_minimum": ("is below the minimum quantity {minimum}", "小于最小订购量 {minimum}"),
    "ends_before": ("is before the first day {start}", "早于生效日期 {start}"),
    "expedited_incomplete": ("goes together with the other two expedited columns", "加急三列须同时填写或同时留空"),
    "exchange_without_hours": ("needs the exchange hours beside it", "须同时填写先行换件时间"),
    "not_positive": ("must be more than 0", "须大于 0"),
    "taxed_without_invoice": ("must be 0 where no invoice comes with the goods", "无发票时税率须为 0"),
    "no_rows": ("there is no row in the file", "文件中没有数据行"),
    "no_heading": ("the first row holds none of the headings of this table", "首行没有本表的任何列名"),
    "unknown_column": ("is not a column of this table", "不是本表的列"),
    "column_missing": ("this column is needed and missing", "缺少必需的列"),
    "column_repeated": ("this column stands twice", "该列重复出现"),
    "too_many_cells": ("the line has more cells than there are headings", "该行单元格多于列名"),
    "too_many_lines": ("the file has more than {most_lines} lines", "文件超过 {most_lines} 行"),
    "imported_before": ("this file was brought in before, by {number}", "该文件已由 {number} 导入"),
    "changes": ("changes; it was “{before}”", "将变更，原为“{before}”"),
    "fills": ("is filled in; it was empty", "将填写，原为空"),
    "refused": ("{en}", "{zh}"),
}  # fmt: skip


class _Facts(dict[str, object]):
    """Facts for a sentence; one that was not given reads as a dash."""

    def __missing__(self, key: str) -> str:
        return "–"


def sentence(code: str, language: str, facts: dict[str, object]) -> str:
    """What is said of a cell.

    >>> sentence("repeated", "en", {"line": 7}), sentence("repeated", "zh", {"line": 7})
    ('stands already in line 7', '与第 7 行重复')
    """
    return REASONS[code][language == "zh"].format_map(_Facts(facts))
