"""Telling: where a request stands and what is expected next, in a sentence to paste into the ticket (D88). Pure."""

from datetime import datetime

from msgspec import Struct

from inventory.ground import clock
from inventory.requests.ahead import Ahead
from inventory.requests.requests import RequestLineView, RequestView


class Sentence(Struct, frozen=True, kw_only=True):
    """One sentence in each language."""

    zh: str
    en: str


_STANDS: dict[str, tuple[str, str]] = {
    "planned": ("已计划", "is planned"),
    "quoted": ("已报价", "is quoted"),
    "awaiting_approval": ("待审批", "awaits an approval"),
    "backordered": ("待货", "waits for stock"),
    "reserved": ("已预留", "is held"),
    "picked": ("已拣齐", "is picked"),
    "shipped": ("已出库", "is on its way"),
    "arrived": ("已送达", "has arrived"),
    "reconciled": ("已核销", "is accounted for"),
    "cancelled": ("已取消", "is cancelled"),
}
"""How a line stands."""

_PROMISED = ("awaiting_approval", "backordered", "reserved", "picked", "shipped")
"""States in which an arrival is still to come that is, or may be, late."""

_NEXT: dict[str, tuple[str, str]] = {
    "planned": ("按计划预留", "it is reserved when its day comes"),
    "backordered": ("到货后预留并出库", "it is reserved and sent when stock comes"),
    "reserved": ("出库", "it is handed out"),
    "picked": ("出库", "it is handed out"),
    "shipped": ("送达签收", "it arrives and is signed for"),
    "arrived": ("更换并反馈用件", "it is fitted and debriefed"),
}
"""What is expected next of a request in a state."""


def at(instant: datetime) -> str:
    """An instant as people on the phone say it, where the house works.

    >>> from datetime import UTC
    >>> at(datetime(2026, 11, 20, 19, 2, tzinfo=UTC))
    '11-21 03:02'
    """
    return f"{instant.astimezone(clock.ZONE):%m-%d %H:%M}"


def sentence(view: RequestView) -> Sentence:
    """The present state of a request and its next expected event."""
    lines = [line for line in view.lines if line.state != "cancelled"] or view.lines
    following = _gate(view) or _NEXT.get(view.state)
    late = [line for line in lines if line.state in _PROMISED]
    until_zh = f"要求 {at(view.need_by)} 前送达" if view.need_by else "计时暂停" if view.paused else "未约定时限"
    until_en = f"needed by {at(view.need_by)}" if view.need_by else "the clock stands" if view.paused else "no limit"
    if view.planned_at:
        until_zh, until_en = f"计划 {at(view.planned_at)} 开工", f"the work begins {at(view.planned_at)}"
    called_zh = f"（{view.severity_zh}）" if view.severity_zh else "（计划性任务）"
    called_en = f" ({view.severity_en or 'planned work'})"
    on_time = all(line.promise.on_time for line in late)
    standing_zh = "" if not late or view.need_by is None else "，按时" if on_time else "，将晚于要求"
    standing_en = "" if not late or view.need_by is None else ", on time" if on_time else ", late"
    head_zh, head_en = f"备件申请 {view.number}{called_zh}：", f"Part request {view.number}{called_en}: "
    return Sentence(
        zh=head_zh + "；".join(_line_zh(line) for line in lines) + f"；{until_zh}{standing_zh}。"
        + (f"下一步：{following[0]}。" if following else ""),
        en=head_en + "; ".join(_line_en(line) for line in lines) + f"; {until_en}{standing_en}."
        + (f" Next: {following[1]}." if following else ""),
    )  # fmt: skip


def _gate(view: RequestView) -> tuple[str, str] | None:
    """What a request behind a gate waits for: whose answer, and until when."""
    if view.state == "quoted" and view.quotations:
        quotation = view.quotations[0]
        if quotation.state != "open":
            return (
                f"报价单 {quotation.title} 已过期，待重新报价",
                f"quotation {quotation.title} has expired and is made anew",
            )
        until = at(quotation.valid_until)
        return (
            f"待客户于 {until} 前答复报价单 {quotation.title}",
            f"the customer answers quotation {quotation.title} by {until}",
        )
    if view.state == "awaiting_approval" and view.approvals:
        due = at(view.approvals[0].due_at)
        if view.planned_at:
            return f"待 {due} 前审批", f"it is approved by {due}"
        return f"待 {due} 前审批，合同计时继续", f"it is approved by {due}, while the contract's clock runs on"
    return None


def _line_zh(line: RequestLineView) -> str:
    promise, words = line.promise, _STANDS[line.state][0]
    source = f"（{promise.depot}）" if promise.depot and line.state != "backordered" else ""
    serials = f"，序列号 {line.serial_in}" if line.serial_in else ""
    expected = (
        f"，预计 {at(promise.arrives_at)} 送达{'' if promise.firm else '（未定）'}"
        if _awaited(line) and promise.arrives_at
        else ""
    )
    short = _short(line)
    missing = f"，缺 {short.missing} 件，须于 {at(short.replenish_by)} 前到库" if short else ""
    return f"{line.quantity} 件 {line.name_zh} {line.part_number} {words}{source}{serials}{expected}{missing}"


def _line_en(line: RequestLineView) -> str:
    promise, words = line.promise, _STANDS[line.state][1]
    source = f" ({promise.depot})" if promise.depot and line.state != "backordered" else ""
    serials = f", serial {line.serial_in}" if line.serial_in else ""
    expected = (
        f", expected {at(promise.arrives_at)}{'' if promise.firm else ' (not firm)'}"
        if _awaited(line) and promise.arrives_at
        else ""
    )
    short = _short(line)
    missing = f", {short.missing} missing, needed in the store by {at(short.replenish_by)}" if short else ""
    return f"{line.quantity} × {line.name_en} {line.part_number} {words}{source}{serials}{expected}{missing}"


def _short(line: RequestLineView) -> Ahead | None:
    return line.ahead if line.ahead and line.ahead.missing else None


def _awaited(line: RequestLineView) -> bool:
    return line.state == "planned" or line.state in _PROMISED
