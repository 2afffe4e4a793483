"""Assembling: from a document in the books to the paper that goes with it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal
from uuid import UUID

from api.pages.formats import minute
from api.pages.labels import LABELS
from api.papers.forms import Fact, Form, Line, Paper, Words
from inventory.catalogue import parts
from inventory.ground import clock
from inventory.ground.actor import Actor
from inventory.places import names
from inventory.places.names import PlaceName
from inventory.requests import requests
from inventory.stock import moved, receipts, transfers
from inventory.stock.counting import sheets
from inventory.stock.moved import MovedLine
from inventory.stock.refusals import NothingMoved

TransferForm = Literal["transfer_note", "issue_note", "gate_pass", "goods_receipt_note"]
RequestForm = Literal["issue_note", "delivery_note", "gate_pass"]
ReceiptForm = Literal["goods_receipt_note"]
CountForm = Literal["count_sheet"]

NOT_IN_FORCE: dict[str, Words] = {
    "proposed": ("待审批", "Awaiting approval"),
    "draft": ("未发出", "Not shipped"),
    "cancelled": ("已取消", "Cancelled"),
}
"""What is written across the note of a transfer that is not under way."""


async def of_transfer(transfer: UUID, form: TransferForm, *, by: Actor) -> Paper:
    """A transfer's paper: its note for all; issue note and gate pass at its origin, goods receipt note at its target.

    Raises:
        Unknown: no such transfer in the reader's scope.
        NotYourDepot: the paper belongs to the other end.
        NothingMoved: the goods have not left, or not arrived.

    """
    view = await transfers.transfer_view(transfer, seen_by=by)
    called = await names.names_of([view.from_depot, view.to_depot])
    facts = [
        Fact(("调出库", "From"), place(view.from_depot, called)),
        Fact(("调入库", "To"), place(view.to_depot, called)),
        Fact(("运输方式", "Way"), label("mode", view.mode) if view.mode else "–"),
        Fact(("运单", "Waybill"), view.waybill or "–"),
        Fact(("发出时间", "Shipped"), minute(view.shipped_at) if view.shipped_at else "–"),
        Fact(("预计到达", "Due"), minute(view.due_at) if view.due_at else "–"),
    ]
    if form == "transfer_note" and view.state in NOT_IN_FORCE:
        lines = await _planned(view)
    elif form == "goods_receipt_note":
        by.require_depot(view.to_depot)
        facts.append(Fact(("入库时间", "Received"), minute(view.received_at) if view.received_at else "–"))
        lines = _lines(await moved.moved(view.number, "transfer_in", seen_by=None))
    else:
        if form != "transfer_note":
            by.require_depot(view.from_depot)
        lines = _lines(await moved.moved(view.number, "issue", seen_by=None))
    mark = NOT_IN_FORCE.get(view.state) if form == "transfer_note" else None
    return await _paper(form, view.number, facts, lines, by, mark=mark)


async def of_request(request: UUID, form: RequestForm, *, by: Actor) -> Paper:
    """A part request's paper: what left the reader's stores for the site.

    Raises:
        Unknown: no such request in the reader's scope.
        NothingMoved: nothing has left yet.

    """
    view = await requests.request_view(request, seen_by=by)
    left = await moved.moved(view.number, "issue", seen_by=by)
    called = await names.names_of([view.site, *(line.from_place for line in left)])
    facts = [
        Fact(
            ("出库备件库", "From"), "、".join(place(code, called) for code in _each(line.from_place for line in left))
        ),
        Fact(("客户", "Customer"), both(view.customer_zh, view.customer_en)),
        Fact(("送达地点", "To"), place(view.site, called)),
        Fact(("设备", "Device"), view.device_serial),
        Fact(("工单", "Ticket"), view.ticket or "–"),
        Fact(("工程师", "Engineer"), view.engineer or "–"),
        Fact(("计划日期", "Planned for"), minute(view.planned_at))
        if view.planned_at
        else Fact(("故障级别", "Severity"), both(view.severity_zh or "–", view.severity_en or "–")),
        Fact(("要求送达时间", "Need-by"), minute(view.need_by) if view.need_by else "–"),
    ]
    return await _paper(form, view.number, facts, _lines(left), by, remarks=view.note)


async def of_receipt(number: str, form: ReceiptForm, *, by: Actor) -> Paper:
    """A goods receipt's paper.

    Raises:
        Unknown: no such receipt in the reader's scope.

    """
    record = await receipts.receipt_view(number, seen_by=by)
    called = await names.names_of([record.depot, *([record.origin] if record.origin else [])])
    facts = [
        Fact(("入库备件库", "Store"), place(record.depot, called)),
        Fact(("来源", "From"), place(record.origin, called) if record.origin else "–"),
        Fact(("来源单据", "For document"), record.document or "–"),
        Fact(("入库时间", "Received"), minute(record.received_at)),
        Fact(("经办人", "Taken in by"), record.received_by),
    ]
    lines = [
        Line(
            part_number=line.part_number,
            name_zh=line.name_zh,
            name_en=line.name_en,
            quantity=line.quantity,
            pieces=line.serials,
            condition=words("condition", line.condition),
            note=_as_received(line),
        )
        for line in record.lines
    ]
    return await _paper(form, record.number, facts, lines, by, remarks=record.remark)


async def _planned(view: transfers.TransferView) -> list[Line]:
    """What a transfer is to carry; which pieces, nobody knows before they leave."""
    called = await parts.names([line.part_number for line in view.lines])
    return [
        Line(
            part_number=line.part_number,
            name_zh=called[line.part_number].name_zh,
            name_en=called[line.part_number].name_en,
            quantity=line.quantity,
            condition=words("condition", "good"),
        )
        for line in view.lines
    ]


def _lines(left: Sequence[MovedLine]) -> list[Line]:
    return [
        Line(
            part_number=line.part_number,
            name_zh=line.name_zh,
            name_en=line.name_en,
            quantity=line.quantity,
            pieces=[f"{piece.serial} ({piece.tag})" if piece.tag else piece.serial for piece in line.pieces],
            condition=words("condition", line.condition),
        )
        for line in left
    ]


async def of_count(count: UUID, *, by: Actor) -> Paper:
    """A count's sheet, blind as the screen.

    Raises:
        Unknown: no such count in the reader's scope.

    """
    sheet = await sheets.printed(count, seen_by=by)
    facts = [
        Fact(("备件库", "Store"), f"{both(sheet.depot_zh, sheet.depot_en)} ({sheet.depot})"),
        Fact(("类型", "Kind"), label("count_kind", sheet.kind)),
        Fact(("生成时间", "Drawn up"), minute(sheet.created_at)),
        Fact(("截止时间", "Due"), minute(sheet.due_at)),
        Fact(("随机种子", "Seed"), sheet.seed or "–"),
    ]
    lines = [
        Line(
            part_number=row.part_number,
            name_zh=row.name_zh,
            name_en=row.name_en,
            condition=words("condition", row.condition),
            pool=_pool(row),
            bin=row.bin or "",
        )
        for row in sheet.rows
    ]
    return await _paper("count_sheet", sheet.number, facts, lines, by)


def _pool(row: sheets.SheetRow) -> str:
    """Whose stock a line is, so that no two lines of a sheet read the same; the owner only where it is not us."""
    pool = words("pool", row.pool)[0]
    return pool if row.is_ours else f"{pool} {row.owner}"


def _as_received(line: receipts.ReceivedLine) -> str:
    """How what came differs from what was expected, and why it was taken so."""
    told = [label("difference", line.difference)] if line.difference else []
    if line.missing:
        told.append(f"少 {line.missing} 件 {line.missing} missing")
    if line.reason:
        told.append(line.reason)
    return "；".join(told)


async def _paper(
    form: Form,
    number: str,
    facts: list[Fact],
    lines: list[Line],
    by: Actor,
    *,
    remarks: str = "",
    mark: Words | None = None,
) -> Paper:
    if not lines:
        raise NothingMoved(number=number)
    company = await names.our_name()
    return Paper(
        form=form,
        company=(company.name_zh, company.name_en),
        number=number,
        facts=facts,
        lines=lines,
        remarks=remarks,
        mark=mark,
        printed_at=clock.now(),
        printed_by=by.name,
    )


def _each(codes: Iterable[str]) -> list[str]:
    """Codes, each once, in their order."""
    return list(dict.fromkeys(codes))


def place(code: str, called: Mapping[str, PlaceName]) -> str:
    """A place with its names and code."""
    found = called.get(code)
    return f"{both(found.name_zh, found.name_en)} ({code})" if found else code


def both(zh: str, en: str) -> str:
    """A name in both languages; once where they are the same.

    >>> both("广州备件库", "Guangzhou"), both("DELL", "DELL")
    ('广州备件库 Guangzhou', 'DELL')
    """
    return zh if zh == en else f"{zh} {en}".strip()


def words(kind: str, value: str) -> Words:
    """A value's label, Chinese first."""
    english, chinese = LABELS[kind].get(value, (value, value))
    return chinese, english


def label(kind: str, value: str) -> str:
    """A value's label in both languages."""
    return both(*words(kind, value))
