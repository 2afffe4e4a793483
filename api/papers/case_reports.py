"""An emergency case on paper, for the customer of one contract, in Chinese or English."""

from api.languages import Language
from api.pages.formats import minute
from api.pages.labels import label
from api.papers.forms import Fact, Line, Paper, Words
from inventory.emergency.reports import CaseReport, Measure
from inventory.ground import clock
from inventory.ground.actor import Actor
from inventory.places import names
from inventory.places.names import PlaceName

NOT_OVER: Words = ("处理中", "Under way")
"""What is written across the report of a case that goes on."""


async def of_case(report: CaseReport, language: Language, *, by: Actor) -> Paper:
    """A case's report as a paper: what happened, when, what was done, when cover was back, what was learned."""
    company = await names.our_name()
    store = (await names.names_of([report.depot])).get(report.depot)
    said = _Said(language)
    held = [name for name in ("in_burst", "crossed_critical_point", "under_average_line") if getattr(report, name)]
    facts = [
        _fact("客户", "Customer", said.name(report.customer_zh, report.customer_en)),
        _fact("合同", "Contract", f"{said.name(report.contract_zh, report.contract_en)} ({report.contract})"),
        _fact("备件", "Part", f"{said.name(report.name_zh, report.name_en)} ({report.part_number})"),
        _fact("服务备件库", "Store that serves you", said.place(store, report.depot)),
        _fact("启动时间", "Began", minute(report.opened_at)),
        _fact("保障恢复", "Cover restored", minute(report.cover_restored_at) if report.cover_restored_at else "–"),
        _fact("贵方相关设备", "Your devices with the part", str(report.devices)),
        _fact("贵方故障次数", "Your failures of it", str(report.failures)),
        _fact("启动时可用库存", "Stock available then", str(report.available_then)),
        _fact("服务质量临界点", "Critical point of the service", str(report.critical_point_then)),
        _fact("状态", "State", label("case_state", report.state, language)),
        _fact(
            "触发条件", "Conditions that held", said.joined([label("case_condition", each, language) for each in held])
        ),
    ]
    turns = [(turn.at, label("case_entry", turn.kind, language)) for turn in report.turns]
    turns += [(measure.decided_at, said.measure(measure)) for measure in report.measures]
    lines = [Line(cells={"when": [minute(at)], "what": [what]}) for at, what in sorted(turns)]
    return Paper(
        form="case_report",
        company=(company.name_zh, company.name_en),
        number=report.number,
        facts=facts,
        lines=lines,
        remarks=said.learned(report.lessons),
        mark=None if report.closed_at else NOT_OVER,
        printed_at=clock.now(),
        printed_by=by.name,
        language=language,
    )


def _fact(zh: str, en: str, value: str) -> Fact:
    return Fact((zh, en), value)


class _Said:
    """What the report says in its language."""

    def __init__(self, language: Language) -> None:
        self.zh = language == "zh"

    def name(self, zh: str, en: str) -> str:
        return zh if self.zh else en

    def place(self, found: PlaceName | None, code: str) -> str:
        return f"{self.name(found.name_zh, found.name_en)} ({code})" if found else code

    def joined(self, words: list[str]) -> str:
        return ("；" if self.zh else "; ").join(words) or "–"

    def learned(self, lessons: str) -> str:
        return f"{'经验教训：' if self.zh else 'What was learned: '}{lessons}" if lessons else ""

    def measure(self, measure: Measure) -> str:
        """A measure: what was decided, and when it came or is to come."""
        count = measure.quantity
        if self.zh:
            what = f"增购 {count} 件" if measure.kind == "buy" else f"从其他备件库调拨 {count} 件"
            when = f"已于 {minute(measure.arrived_at)} 到库" if measure.arrived_at else self._due(measure)
            return f"{what}；{when}"
        what = f"{count} pieces bought" if measure.kind == "buy" else f"{count} pieces moved from another store"
        when = f"arrived {minute(measure.arrived_at)}" if measure.arrived_at else self._due(measure)
        return f"{what}; {when}"

    def _due(self, measure: Measure) -> str:
        if measure.due_at is None:
            return "到库时间待确认" if self.zh else "arrival not confirmed yet"
        return f"预计 {minute(measure.due_at)} 到库" if self.zh else f"due {minute(measure.due_at)}"
