"""Assembling: from a document in the books to the paper that goes with it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal
from uuid import UUID

from msgspec import to_builtins

from api.pages.formats import minute, money
from api.pages.labels import LABELS
from api.papers.forms import Fact, Form, Line, Paper, Words
from inventory.catalogue import parts
from inventory.ground import clock
from inventory.ground.actor import Actor
from inventory.places import names, places
from inventory.places.names import PlaceName
from inventory.requests import requests
from inventory.requests.quotations import QuotationLine, QuotationView
from inventory.requests.requests import RequestView
from inventory.returns import debts, erasing, loaners
from inventory.returns.removed import NotLeftThere
from inventory.stock import handovers, moved, receipts, transfers
from inventory.stock.counting import sheets
from inventory.stock.handovers import Handover
from inventory.stock.moved import MovedLine
from inventory.stock.refusals import NothingMoved

TransferForm = Literal["transfer_note", "issue_note", "gate_pass", "goods_receipt_note"]
RequestForm = Literal["issue_note", "delivery_note", "gate_pass"]
ReceiptForm = Literal["goods_receipt_note"]
CountForm = Literal["count_sheet"]
HandoverForm = Literal["loan_note", "loan_return_note"]

NOT_IN_FORCE: dict[str, Words] = {
    "proposed": ("待审批", "Awaiting approval"),
    "draft": ("未发出", "Not shipped"),
    "cancelled": ("已取消", "Cancelled"),
}
"""What is written across the note of a transfer that is not under way."""


NOT_TAKEN: dict[str, Words] = {
    "given": ("待确认", "Not yet accepted"),
    "declined": ("已拒收", "Declined"),
}
"""What is written across the note of a handover that nobody took."""


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
    facts += _whose(view.lines)
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


def form_of(handover: Handover, kinds: Mapping[str, str]) -> HandoverForm:
    """Which paper a handover goes with: into somebody's hands it is lent to them, out of them into a store it returns."""
    return "loan_note" if kinds.get(handover.to_place) == "engineer_stock" else "loan_return_note"


async def of_handover(handover: UUID, form: HandoverForm, *, by: Actor) -> Paper:
    """A handover's paper: what an engineer borrows and keeps, or brings back.

    Raises:
        Unknown: no such handover in the reader's scope.
        NothingMoved: it leads the other way.

    """
    view = await handovers.handover_view(handover, seen_by=by)
    called = await names.names_of([view.from_place, view.to_place])
    if form != form_of(view, await places.kinds_of([view.from_place, view.to_place])):
        raise NothingMoved(number=view.number)
    facts = [
        Fact(("借用自" if form == "loan_note" else "归还人", "From"), place(view.from_place, called)),
        Fact(("借用人" if form == "loan_note" else "归还至", "To"), place(view.to_place, called)),
        Fact(("移交时间", "Handed over"), minute(view.given_at)),
        Fact(("移交人", "Handed over by"), view.given_by),
        *([Fact(("归还期限", "Return by"), minute(view.return_by))] if view.return_by else []),
        Fact(("确认时间", "Accepted"), minute(view.answered_at) if view.answered_at else "–"),
        Fact(("确认人", "Accepted by"), view.answered_by or "–"),
    ]
    lines = _lines(await moved.moved(view.number, "hand_over", seen_by=None))
    mark = NOT_TAKEN.get(view.state)
    return await _paper(form, view.number, facts, lines, by, remarks=view.remark, mark=mark)


async def of_kept_medium(debt: UUID, *, by: Actor) -> Paper:
    """What a customer signs who keeps a medium: which one, out of which device, and that it is theirs from then on.

    Raises:
        Unknown: no such debt in the reader's scope.
        NotLeftThere: the contract does not let the customer keep it.

    """
    view = await debts.debt_view(debt, seen_by=by)
    if not view.may_be_kept:
        raise NotLeftThere(part_number=view.part_number, number=view.number)
    called = await names.names_of([view.depot])
    facts = [
        Fact(("合同", "Contract"), view.contract or "–"),
        Fact(("设备", "Device"), view.device or "–"),
        Fact(("备件申请", "Part request"), view.document),
        Fact(("拆下时间", "Removed"), minute(view.opened_at)),
        Fact(("工程师", "Engineer"), both(view.debtor_zh or view.debtor or "–", view.debtor_en or "")),
        Fact(("所属备件库", "Owed to"), place(view.depot, called)),
        Fact(("签收人", "Signed by"), view.signed_by or "–"),
    ]
    line = Line(
        part_number=view.part_number,
        name_zh=view.name_zh,
        name_en=view.name_en,
        quantity=view.quantity,
        pieces=[serial] if (serial := view.serial or view.expected_serial) else [],
        condition=words("condition", "defective"),
        note="介质由客户保留 / kept by the customer",
    )
    declaration = (
        "客户确认：依据合同约定，上列介质由客户自行保留，不返还我方；其中数据的保管与销毁由客户负责。 "
        "The customer keeps the medium above under the contract; it is not returned to us, and its data are the customer's "
        "to keep or destroy."
    )
    state = {"open": ("待签署", "To be signed")}.get(view.state)
    return await _paper("media_retention", view.number, facts, [line], by, remarks=declaration, mark=state)


async def of_loan(loan: UUID, form: HandoverForm, *, by: Actor) -> Paper:
    """A loan's paper: what a customer borrows until a repair is done, or gave back.

    Raises:
        Unknown: no such loan in the reader's scope.
        NothingMoved: it is not back yet.

    """
    view = await loaners.loan_view(loan, seen_by=by)
    returned = form == "loan_return_note"
    called = await names.names_of([view.depot, view.site, *([view.returned_to] if view.returned_to else [])])
    facts = [
        Fact(("借用单位", "Borrower"), both(view.customer_zh, view.customer_en)),
        Fact(("联系人", "Contact"), " ".join(filter(None, (view.contact, view.contact_phone)))),
        Fact(("借用自", "From"), place(view.depot, called)),
        Fact(("使用地点", "At"), place(view.site, called)),
        Fact(("代替设备", "Stands in for"), f"{view.device_serial} ({view.model})"),
        Fact(("备件申请", "Part request"), view.request_number or "–"),
        Fact(("借出时间", "Lent"), minute(view.lent_at)),
        Fact(("归还期限", "Due back"), minute(view.due_at)),
        Fact(("签收人", "Signed for by"), view.signed_by or "–"),
        Fact(("签收时间", "Signed"), minute(view.signed_at) if view.signed_at else "–"),
    ]
    if returned:
        if view.returned_at is None or view.checks is None:
            raise NothingMoved(number=view.number)
        facts += [
            Fact(("归还时间", "Returned"), minute(view.returned_at)),
            Fact(("归还至", "Returned to"), place(view.returned_to or "–", called)),
            *(
                Fact(words("loan_check", name), "是 yes" if passed else "否 no")
                for name, passed in to_builtins(view.checks).items()
            ),
            Fact(("客户数据", "Customer's data"), label("data_state", view.data or "to_erase")),
        ]
    line = Line(
        part_number=view.part_number,
        name_zh=view.name_zh,
        name_en=view.name_en,
        quantity=1,
        pieces=[view.serial],
        condition=words("condition", view.condition_back or "good" if returned else "good"),
        note=view.damage if returned else view.condition_out,
    )
    return await _paper(form, view.number, facts, [line], by, remarks=view.reason)


async def of_erasure(erasure: UUID, *, by: Actor) -> Paper:
    """The certificate that a customer's data was erased from a unit, and who verified it.

    Raises:
        Unknown: no such erasure in the reader's scope.
        NothingMoved: nobody verified that the data is gone.

    """
    view = await erasing.erasure_view(erasure, seen_by=by)
    if view.result != "passed" or view.verified_at is None:
        raise NothingMoved(number=view.number)
    called = await names.names_of([view.depot])
    facts = [
        Fact(("清除方式", "Method"), label("erasure_method", view.method)),
        Fact(("清除工具", "Tool"), view.tool),
        Fact(("清除人", "Erased by"), view.erased_by),
        Fact(("清除时间", "Erased"), minute(view.erased_at)),
        Fact(("核验人", "Verified by"), view.verified_by or "–"),
        Fact(("核验时间", "Verified"), minute(view.verified_at)),
        Fact(("核验所见", "Finding"), view.verification),
        Fact(("备件库", "Store"), place(view.depot, called)),
        Fact(("归还单据", "Came back by"), view.document or "–"),
    ]
    line = Line(
        part_number=view.part_number,
        name_zh=view.name_zh,
        name_en=view.name_en,
        quantity=1,
        pieces=[view.serial],
        cells={"what": ["已清除", "erased"]},
    )
    return await _paper("erasure_certificate", view.number, facts, [line], by, remarks=view.remark)


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
        *_whose(record.lines),
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


async def of_quotation(view: RequestView, quotation: QuotationView, *, printed_by: str) -> Paper:
    """A version of a quotation, with its answer where there is one; prices in CNY with tax."""
    called = await names.names_of([view.site])
    facts = [
        Fact(("客户", "Customer"), both(view.customer_zh, view.customer_en)),
        Fact(("设备", "Device"), f"{view.device_serial} ({view.model})"),
        Fact(("地点", "Site"), place(view.site, called)),
        Fact(("备件申请", "Part request"), view.number),
        Fact(("工单", "Ticket"), view.ticket or "–"),
        Fact(("收费原因", "Charged because"), label("charged", view.charged or "parts_charged")),
        Fact(("报价时间", "Quoted"), minute(quotation.made_at)),
        Fact(("有效期至", "Valid until"), minute(quotation.valid_until)),
        Fact(("报价合计（含税）", "Total with tax"), money(quotation.total_cny, fen=True)),
    ]
    if quotation.said_by is not None:
        answered = f"{label('quotation_state', quotation.state)}：{quotation.said_by}"
        facts.append(Fact(("客户答复", "Answer"), answered))
    charges = [
        (("人工费", "Labour"), quotation.labour_cny),
        (("运费", "Freight"), quotation.freight_cny),
        (("合计（含税）", "Total with tax"), quotation.total_cny),
    ]
    lines = [_quoted(line) for line in quotation.lines] + [
        Line(cells={"part": ["", *name], "amount": [money(amount, fen=True)]}) for name, amount in charges
    ]
    company = await names.our_name()
    return Paper(
        form="quotation",
        company=(company.name_zh, company.name_en),
        number=quotation.title,
        facts=facts,
        lines=lines,
        remarks=QUOTATION_TERMS,
        mark=None if quotation.state in ("open", "accepted") else words("quotation_state", quotation.state),
        printed_at=clock.now(),
        printed_by=printed_by,
    )


QUOTATION_TERMS = (
    "有效期内为贵方保留所列备件；预计送达以即时确认为准，自确认起重新计算。返修为另一选择，不含在合计内。 "
    "The parts are held while the quotation is valid. Arrivals hold for an acceptance at once, and count from it. "
    "A repair is another way, and not part of the total."
)


def _quoted(line: QuotationLine) -> Line:
    arrives = [minute(line.arrives_at)] if line.arrives_at else []
    days = f"{line.repair_days:g} 天 days" if line.repair_days is not None else ""
    repair = [money(line.repair_price_cny, fen=True), days] if line.repair_price_cny is not None else ["–"]
    number = line.part_number
    if line.supplied_part_number != number:
        number = f"{number} → {line.supplied_part_number}"
    return Line(
        part_number=number,
        name_zh=line.name_zh,
        name_en=line.name_en,
        quantity=line.quantity,
        cells={
            "price": [money(line.unit_price_cny, fen=True)],
            "amount": [money(line.amount_cny, fen=True)],
            "delivery": [label("availability", line.availability), *arrives],
            "repair": repair,
        },
    )


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


def _whose(lines: Sequence[transfers.TransferLineView | receipts.ReceivedLine]) -> list[Fact]:
    """Whose the goods are, where any of them are not ours."""
    if all(line.ours for line in lines):
        return []
    return [Fact(("所有者", "Belongs to"), "、".join(_each(_owner(line) for line in lines)))]


def _owner(line: transfers.TransferLineView | receipts.ReceivedLine) -> str:
    return label("owner", "OWN") if line.ours else line.owner


def _as_received(line: receipts.ReceivedLine) -> str:
    """Whose it is where not ours, how what came differs from what was expected, and why it was taken so."""
    told = [] if line.ours else [f"所有者 Belongs to {line.owner}"]
    if line.difference:
        told.append(label("difference", line.difference))
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
