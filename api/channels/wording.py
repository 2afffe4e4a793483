"""Wording: a message's facts in its reader's language, for their page, for mail and for chat. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from api.languages import Language
from api.pages import formats, labels
from inventory.places.names import PlaceName

Names = Mapping[str, PlaceName]


class Worded(Struct, frozen=True):
    """A message in words."""

    title: str
    lines: list[str]


def worded(kind: str, facts: Any, language: Language, places: Names) -> Worded:
    """What a message says."""
    return _SAID[kind](facts, language, places)


def _late(facts: Any, language: Language, places: Names) -> Worded:
    duty = labels.label("step", facts["kind"], language)
    about = labels.label("document", facts["subject_kind"], language)
    subject = f"{about} {facts['subject']}"
    if facts["subject_kind"] == "duty_post":
        subject = f"{about} {labels.label('role', facts['subject'].partition('@')[0], language)}"
    whose = facts["owner"] or labels.label("role", facts["owner_role"], language)
    due, store = _time(facts["due_at"]), _store(facts["depot"], language, places)
    risks = [_at_risk(risk, store, language) for risk in facts.get("at_risk", [])]
    if language == "zh":
        return Worded(
            f"待办逾期：{duty}",
            [
                *risks,
                f"事项：{subject}",
                f"备件库：{store}",
                f"责任人：{whose}",
                f"到期时间：{due}",
                f"升级：第 {facts['rung']} 级",
            ],
        )
    return Worded(
        f"Late: {duty}",
        [
            *risks,
            f"About: {subject}",
            f"Store: {store}",
            f"Whose: {whose}",
            f"Due: {due}",
            f"Escalation: rung {facts['rung']}",
        ],
    )


def _at_risk(risk: Any, store: str, language: Language) -> str:
    """What a late order does to a stock."""
    line, day = labels.label("stock_line", risk["line"], language), _time(risk["falls_at"])
    if language == "zh":
        return f"{day} 起保障有风险：{store} 的 {risk['part_number']} 将低于{line}（{risk['point']}）"
    return f"Cover at risk from {day}: {risk['part_number']} at {store} falls below {line} ({risk['point']})"


def _changed(facts: Any, language: Language, places: Names) -> Worded:
    role = labels.label("role", facts["role"], language)
    store = _store(facts["depot"], language, places)
    when = f"{_time(facts['starts_at'])} – {_time(facts['ends_at'])}"
    change = labels.label("duty_change", facts["change"], language)
    if language == "zh":
        return Worded(
            f"值班{change}：{role}",
            [f"备件库：{store}", f"时间：{when}", f"值班人：{facts['username']}", f"原因：{facts['reason']}"],
        )
    return Worded(
        f"Shift {change}: {role}",
        [f"Store: {store}", f"When: {when}", f"On duty: {facts['username']}", f"Why: {facts['reason']}"],
    )


def _approval(facts: Any, language: Language, _: Names) -> Worded:
    why = [labels.label("approval_rule", rule, language) for rule in facts["reasons"]]
    planned_at = facts["planned_at"]
    if language == "zh":
        return Worded(
            f"请审批：备件申请 {facts['number']}",
            [
                f"备件：{facts['parts']}",
                f"客户与设备：{facts['customer_zh']} {facts['device']}（{facts['severity_zh'] or '计划性任务'}）",
                *([f"计划开工：{_time(planned_at)}"] if planned_at else []),
                f"原因：{'、'.join(why)}",
                f"金额：{formats.money(facts['value_cny'])}",
                f"申请人：{facts['asked_by']}",
                f"请于 {_time(facts['due_at'])} 前审批{'' if planned_at else '；合同计时继续'}",
            ],
        )
    return Worded(
        f"To approve: part request {facts['number']}",
        [
            f"Parts: {facts['parts']}",
            f"Customer and device: {facts['customer_en']} {facts['device']} ({facts['severity_en'] or 'planned work'})",
            *([f"The work begins: {_time(planned_at)}"] if planned_at else []),
            f"Why: {', '.join(why)}",
            f"Worth: {formats.money(facts['value_cny'])}",
            f"Asked by: {facts['asked_by']}",
            f"Decide by {_time(facts['due_at'])}{'' if planned_at else "; the contract's clock runs on"}",
        ],
    )


def _case_waits(facts: Any, language: Language, places: Names) -> Worded:
    store = _store(facts["depot"], language, places)
    name = facts["name_zh"] if language == "zh" else facts["name_en"]
    drill = facts.get("drill", False)
    if language == "zh":
        return Worded(
            f"{'【演练】' if drill else ''}请审批：应急方案 {facts['number']}",
            [
                f"备件：{name}（{facts['part_number']}）",
                f"备件库：{store}",
                f"故障突发：{'是' if facts['in_burst'] else '否'}",
                f"措施：{facts['measures']} 项，仍缺 {facts['still_missing']} 件",
                f"请于 {_time(facts['due_at'])} 前处理",
            ],
        )
    return Worded(
        f"{'[Drill] ' if drill else ''}To approve: emergency case {facts['number']}",
        [
            f"Part: {name} ({facts['part_number']})",
            f"Store: {store}",
            f"Failure burst: {'yes' if facts['in_burst'] else 'no'}",
            f"Measures: {facts['measures']}, still missing {facts['still_missing']}",
            f"Decide by {_time(facts['due_at'])}",
        ],
    )


def _decided(facts: Any, language: Language, _: Names) -> Worded:
    decision = labels.label("approval_state", facts["decision"], language)
    if language == "zh":
        return Worded(
            f"备件申请 {facts['number']} {decision}",
            [f"审批人：{facts['decided_by']}", f"意见：{facts['reason'] or '–'}"],
        )
    return Worded(
        f"Part request {facts['number']} {decision}",
        [f"By: {facts['decided_by']}", f"Reason: {facts['reason'] or '–'}"],
    )


def _answered(facts: Any, language: Language, _: Names) -> Worded:
    answer = labels.label("quotation_state", facts["answer"], language)
    if language == "zh":
        return Worded(
            f"报价单 {facts['quotation']} {answer}",
            [f"备件申请：{facts['number']}", f"答复人：{facts['said_by'] or '–'}"],
        )
    return Worded(
        f"Quotation {facts['quotation']} {answer}",
        [f"Part request: {facts['number']}", f"Said by: {facts['said_by'] or '–'}"],
    )


def _delegation(facts: Any, language: Language, _: Names) -> Worded:
    right = labels.label("right", facts["right"], language)
    when = f"{_time(facts['starts_at'])} – {_time(facts['ends_at'])}"
    up_to = facts["up_to_cny"] and formats.money(facts["up_to_cny"])
    given = facts["change"] == "given"
    if language == "zh":
        return Worded(
            f"{'委托审批' if given else '委托已撤销'}：{right}",
            [
                f"审批人：{facts['delegator']}，代理人：{facts['delegate']}",
                f"时间：{when}",
                f"金额上限：{up_to or '不另设'}",
                f"原因：{facts['reason']}",
            ],
        )
    return Worded(
        f"{'Left to a delegate' if given else 'Delegation withdrawn'}: {right}",
        [
            f"Approver: {facts['delegator']}, delegate: {facts['delegate']}",
            f"When: {when}",
            f"Up to: {up_to or 'as far as the approver may'}",
            f"Why: {facts['reason']}",
        ],
    )


def _wrong_return(facts: Any, language: Language, places: Names) -> Worded:
    store = _store(facts["depot"], language, places)
    if language == "zh":
        return Worded(
            f"返还件序列号不符：{facts['number']}",
            [
                f"备件：{facts['part_number']}",
                f"应返还：{facts['expected'] or '–'}，实际收到：{facts['found']}",
                f"备件申请：{facts['document']}，设备：{facts['device'] or '–'}",
                f"备件库：{store}；该待返记录仍未结，请返还正确的旧件或说明情况",
            ],
        )
    return Worded(
        f"Another serial came back: {facts['number']}",
        [
            f"Part: {facts['part_number']}",
            f"Owed: {facts['expected'] or '–'}; brought in: {facts['found']}",
            f"Part request: {facts['document']}, device: {facts['device'] or '–'}",
            f"Store: {store}; it stays owed: bring the right piece, or say what happened",
        ],
    )


def _time(at: str) -> str:
    return formats.minute(datetime.fromisoformat(at))


def _store(code: str | None, language: Language, places: Names) -> str:
    if code is None:
        return "全部" if language == "zh" else "all"
    place = places.get(code)
    return code if place is None else place.name_zh if language == "zh" else place.name_en


_SAID = {
    "step_escalated": _late,
    "duty_changed": _changed,
    "delegation": _delegation,
    "approval_asked": _approval,
    "case_waits": _case_waits,
    "approval_decided": _decided,
    "quotation_answered": _answered,
    "wrong_return": _wrong_return,
}
"""What tells each kind of message."""
