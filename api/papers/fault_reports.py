"""A fault analysis report on paper, for the customer of its request, in Chinese or English."""

from collections.abc import Sequence

from api.languages import Language
from api.pages.formats import minute
from api.pages.labels import label
from api.papers.forms import Fact, Line, Paper, Picture, Words
from inventory.ground import clock
from inventory.ground.actor import Actor
from inventory.places import names
from inventory.places.names import PlaceName
from inventory.requests.fault_reports import FaultReport, Finding, Photo, Picked, ReportedPiece

NOT_OVER: Words = ("处理中", "Under way")
"""What is written across the report of a fault that is not resolved."""


async def of_request(report: FaultReport, pictures: Sequence[Picked], language: Language, *, by: Actor) -> Paper:
    """A report as a paper: what failed, what went in and came out, what was found of it, and the photos."""
    company = await names.our_name()
    view = report.request
    site = (await names.names_of([view.site])).get(view.site)
    said = _Said(language)
    fault = [
        _fact("客户", "Customer", said.name(view.customer_zh, view.customer_en)),
        _fact("合同", "Contract", view.contract),
        _fact("设备", "Device", f"{view.device_serial} ({view.model})"),
        _fact("机房", "Site", said.place(site, view.site)),
        _fact("工单", "Ticket", view.ticket or "–"),
        _fact("故障级别", "Severity", said.name(view.severity_zh or "–", view.severity_en or "–")),
        _fact("故障申告", "Fault reported", minute(view.fault_reported_at)),
        _fact("核销时间", "Parts accounted for", minute(view.closed_at) if view.closed_at else "–"),
        _fact("故障现象", "Symptom", view.symptom or "–"),
        _fact("提交期限", "Report due", minute(report.state.due_at) if report.state.due_at else "–"),
    ]
    lines = [Line(cells={"when": [minute(each.told_at)], "what": said.piece(each)}) for each in report.pieces]
    lines += [Line(cells={"when": [minute(each.at)], "what": said.finding(each)}) for each in report.findings]
    if not report.findings:
        nothing = said.name(
            "尚无检验、返修或维修结论。", "No finding yet: not inspected, returned to a vendor or repaired."
        )
        lines.append(Line(cells={"when": ["–"], "what": [nothing]}))
    lines += [
        Line(
            cells={
                "when": [minute(each.occurred_at)],
                "what": [
                    said.name(
                        f"重复故障：{each.part_number}，上次发生于 {minute(each.repeat_of_at)}"
                        f"（{each.repeat_of_number or '–'}）",
                        f"Repeat failure: {each.part_number}, before on {minute(each.repeat_of_at)} "
                        f"({each.repeat_of_number or '–'})",
                    )
                ],
            }
        )
        for each in view.repeat_of
    ]
    lines += [
        Line(cells={"when": [minute(each.attached_at)], "what": [said.photo(place, each)]})
        for place, each in enumerate(report.photos, start=1)
    ]
    numbers = {each.id: place for place, each in enumerate(report.photos, start=1)}
    return Paper(
        form="fault_report",
        company=(company.name_zh, company.name_en),
        number=view.number,
        facts=fault,
        lines=lines,
        mark=None if report.state.wanted else NOT_OVER,
        printed_at=clock.now(),
        printed_by=by.name,
        language=language,
        pictures=[
            Picture(
                media_type=each.media_type,
                content=each.content,
                caption=f"{said.name('照片', 'Photo')} {numbers[each.id]} · {each.name}",
            )
            for each in pictures
        ],
    )


def _fact(zh: str, en: str, value: str) -> Fact:
    return Fact((zh, en), value)


class _Said:
    """What the report says in its language."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self.zh = language == "zh"

    def name(self, zh: str, en: str) -> str:
        return zh if self.zh else en

    def place(self, found: PlaceName | None, code: str) -> str:
        return f"{self.name(found.name_zh, found.name_en)} ({code})" if found else code

    def _told(self, zh: str, en: str, value: str | None) -> list[str]:
        return [f"{zh}：{value}" if self.zh else f"{en}: {value}"] if value else []

    def _from(self, serial: str | None, grades: list[str]) -> str | None:
        if serial is None or not grades:
            return serial
        origin = ", ".join(label("provenance", each, self.language) for each in grades)
        return f"{serial}（来源：{origin}）" if self.zh else f"{serial} (source: {origin})"

    def piece(self, told: ReportedPiece) -> list[str]:
        part = f"{told.quantity} × {self.name(told.name_zh, told.name_en)} ({told.part_number})"
        return [
            f"{part} · {label('outcome', told.outcome, self.language)}",
            *self._told("装入序列号", "Serial in", self._from(told.serial_in, told.provenance_in)),
            *self._told("拆下序列号", "Serial out", self._from(told.serial_out, told.provenance_out)),
            *self._told("故障代码", "Failure code", told.failure_code),
            *self._told("现场说明", "Engineer's words", told.remark),
        ]

    def finding(self, found: Finding) -> list[str]:
        by, kind = {
            "inspection": (self.name("检验", "Inspection"), "inspection_result"),
            "rma": (self.name("厂家返修", "Vendor's finding"), "rma_answer"),
            "repair": (self.name("维修", "Repair"), "resolution"),
        }[found.found_by]
        if found.result is None:
            result = self.name("尚无结论", "nothing found yet")
        elif found.result == "beyond_repair":
            result = label("repair_state", found.result, self.language)
        else:
            result = label(kind, found.result, self.language)
        faultless = label("resolution", "no_fault_found", self.language)
        if found.no_fault_found and result != faultless:
            result = f"{result} · {faultless}"
        piece = " ".join(word for word in (found.part_number, found.serial) if word)
        return [
            f"{by} {found.number} · {piece} · {result}",
            *self._told("故障代码", "Failure code", found.failure_code),
            *self._told("诊断", "Diagnosis", found.diagnosis),
            *self._told("结论", "Finding", found.words),
        ]

    def photo(self, place: int, photo: Photo) -> str:
        told = f"{self.name('照片', 'Photo')} {place} · {photo.name} · {photo.size_bytes / 1024:.0f} kB"
        return f"{told} · {photo.remark}" if photo.remark else told
