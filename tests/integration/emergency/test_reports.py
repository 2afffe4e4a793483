"""A case's report for a customer: theirs, and nothing of others, of vendors or of prices."""

from datetime import timedelta

import msgspec
import pypdfium2
import pytest

from api.papers import case_reports, forms
from inventory.emergency import assessments, cases, declaring, reports
from inventory.emergency.declaring import NotSetByHand
from inventory.ground import clock, db
from inventory.ground.errors import NotGranted, NotYourDepot, Unknown
from tests.integration.emergency.test_cases import a_case, fail, judge, planned, propose
from tests.world import AUDITOR, BUYER, DRIVE, FAN, KEEPER, MANAGER, SH_KEEPER, actor

HIDDEN = ("DISTI", "Test Distributor", "测试分销", "CNY", "¥", "Test Telco", "TELCO")


async def ended() -> cases.CaseSummary:
    await fail(DRIVE, 4)
    case = await a_case()
    await propose(case)
    await db.execute("UPDATE emergency_case SET lessons = 'watch the batch' WHERE id = $1", case.id)
    await db.execute(
        """UPDATE emergency_case SET evidence = jsonb_set(evidence, '{served}', evidence -> 'served' || jsonb_build_array(
               jsonb_build_object('contract', 'C-TELCO', 'name_zh', '测试移动', 'name_en', 'Test Telco', 'devices', 3)))"""
    )
    return case


def text(pdf: bytes) -> str:
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))


async def test_a_report_tells_a_customer_what_is_theirs(company):
    case = await ended()
    report = await reports.case_report(case.id, "C-BANK", seen_by=MANAGER)
    other = await reports.case_report(case.id, "C-TELCO", seen_by=MANAGER)

    assert (report.devices, report.failures, report.lessons) == (160, 4, "watch the batch")
    assert (other.devices, other.failures) == (3, 0)
    assert [measure.kind for measure in report.measures] == ["buy"]
    assert [turn.kind for turn in report.turns] == ["opened", "approved"]
    for hidden in HIDDEN:
        assert hidden not in msgspec.json.encode(report).decode()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_its_paper_speaks_one_language_and_names_nobody_else(company, language):
    case = await ended()
    report = await reports.case_report(case.id, "C-BANK", seen_by=MANAGER)
    paper = await case_reports.of_case(report, language, by=MANAGER)
    said = text(forms.pdf(paper))

    own, foreign = ("应急方案报告", "Emergency report") if language == "zh" else ("Emergency report", "应急方案报告")
    assert own in said
    assert foreign not in said
    assert ("测试银行" in said) == (language == "zh")
    assert case.number in said
    assert "watch the batch" in said
    for hidden in HIDDEN:
        assert hidden not in said


async def test_who_may_have_a_report(company):
    case = await ended()

    assert (
        await reports.case_report(case.id, "C-BANK", seen_by=actor("ticket_system", contracts={"C-BANK"}))
    ).devices == 160
    for reader, contract in (
        (SH_KEEPER, "C-BANK"),
        (MANAGER, "C-NONE"),
        (actor("ticket_system", contracts={"C-BANK"}), "C-TELCO"),
    ):
        with pytest.raises(Unknown):
            await reports.case_report(case.id, contract, seen_by=reader)
    with pytest.raises(NotGranted):
        await reports.case_report(case.id, "C-BANK", seen_by=actor("inspector"))


async def test_lines_are_told_with_what_they_came_from(company):
    await planned()
    view = await assessments.assessment_view(DRIVE, "GZ", pool="common", seen_by=AUDITOR)

    assert view.expected_over_resupply == pytest.approx(view.rate_per_day * view.resupply_days)
    assert view.average_failure_line >= view.expected_over_resupply - 1
    assert [each.code for each in view.classes if each.code == view.binding_class] or view.because == "nothing"
    assert all(0 <= each.floor <= each.target for each in view.classes)
    assert view.hand_set is None
    for reader in (SH_KEEPER, actor("auditor", depots={"SH"})):
        with pytest.raises(Unknown):
            await assessments.assessment_view(DRIVE, "GZ", pool="common", seen_by=reader)
    rows = await assessments.assessment_views(limit=500, seen_by=actor("ticket_system", contracts={"C-BANK"}))
    assert {row.pool for row in rows} <= {"common", "C-BANK"}


async def test_a_point_set_by_hand_names_who_set_it_until_it_is_lifted(company):
    await planned()
    await declaring.set_critical_point(
        FAN, "GZ", 9, pool="common", reason="holiday", lasts=timedelta(days=3), by=MANAGER
    )
    await judge(FAN)
    during = await assessments.assessment_view(FAN, "GZ", pool="common", seen_by=AUDITOR)
    with pytest.raises(NotYourDepot):
        await declaring.lift_critical_point(FAN, "GZ", pool="common", reason="x", by=actor("buyer", depots={"SH"}))
    with pytest.raises(NotGranted):
        await declaring.lift_critical_point(FAN, "GZ", pool="common", reason="x", by=KEEPER)
    await declaring.lift_critical_point(FAN, "GZ", pool="common", reason="over", by=BUYER)
    await judge(FAN)
    after = await assessments.assessment_view(FAN, "GZ", pool="common", seen_by=AUDITOR)

    assert during.hand_set is not None
    assert (during.because, during.critical_point) == ("hand_set", 9)
    assert (during.hand_set.set_by, during.hand_set.reason) == (MANAGER.name, "holiday")
    assert during.hand_set.expires_at > clock.now()
    assert (after.because == "hand_set", after.hand_set) == (False, None)
    assert after.critical_point != 9
    with pytest.raises(NotSetByHand):
        await declaring.lift_critical_point(FAN, "GZ", pool="common", reason="again", by=BUYER)
    actions = [
        row["action"]
        for row in await db.fetch("SELECT action FROM audit_entry WHERE action LIKE 'critical%' ORDER BY 1")
    ]
    assert actions == ["critical_point.lifted", "critical_point.set"]
