"""Duty sheets: for each contract before each holiday, complete or told of what is missing."""

from datetime import UTC, date, datetime, timedelta

import pypdfium2
import pytest

from api.papers import duty_sheets as papers
from api.papers import forms
from inventory.assurance import duty_sheets, escalation
from inventory.ground import clock, db, steps
from inventory.ground.errors import NotGranted, Unknown
from inventory.people import contacts, duty, posts
from inventory.people.duty import NewShift
from inventory.stock import keeping
from tests.integration.people.test_duty import person
from tests.world import AUDITOR, DISPATCHER, KEEPER, MANAGER, SETUP, SH_KEEPER, actor

NATIONAL_DAY = date(2026, 10, 1)
BEFORE = datetime(2026, 9, 28, 2, tzinfo=UTC)
"""A Monday between two holidays, at 10:00 in Shanghai."""


@pytest.fixture
def week_before():
    with clock.at(BEFORE):
        yield


async def staffed() -> None:
    """Everybody a sheet of the bank's contract needs, over all of the holiday."""
    since, until = duty_sheets.hours_of(duty_sheets._holiday(NATIONAL_DAY))
    middle = since + timedelta(days=3)
    for username, role, depot, begins, ends in (
        ("zhao", "engineer", None, since, until),
        ("li", "warehouse_keeper", "GZ", since, middle),
        ("he", "warehouse_keeper", "GZ", middle, until),
        ("wu", "warehouse_keeper", "SH", since, until),
        ("qin", "buyer", None, since, until),
        ("chen", "dispatcher", None, since, until),
        ("zhou", "project_manager", None, since, until),
    ):
        await person(username, role, depot=depot, phone=f"138{sum(map(ord, username)):08d}")
        days = (ends - begins).days
        await duty.enter_shifts(
            [
                NewShift(
                    username=username,
                    role=role,
                    depot=depot,
                    starts_at=begins + timedelta(days=n),
                    ends_at=begins + timedelta(days=n + 1),
                )
                for n in range(days)
            ],
            by=SETUP,
        )
    await keeping.appoint("GZ", "li", by=SETUP)
    await contacts.verify_phone("li", by=DISPATCHER)


async def test_a_sheet_names_everybody_who_serves_the_contract_with_their_phones(company, week_before):
    await staffed()
    sheet = await duty_sheets.duty_sheet("C-BANK", seen_by=MANAGER, holiday=NATIONAL_DAY)

    assert (sheet.holiday.ends_on, sheet.holiday.provisional, sheet.stores) == (date(2026, 10, 7), False, ["GZ"])
    assert [(line.role, line.depot, line.username) for line in sheet.lines] == [
        ("engineer", None, "zhao"),
        ("warehouse_keeper", "GZ", "li"),
        ("warehouse_keeper", "GZ", "he"),
        ("buyer", None, "qin"),
        ("dispatcher", None, "chen"),
        ("project_manager", None, "zhou"),
    ]
    assert all(line.phone for line in sheet.lines)
    keeper = sheet.lines[1]
    assert (keeper.ends_at - keeper.starts_at, keeper.phone_verified_at) == (timedelta(days=3), BEFORE)
    assert [(key.depot, key.name_en) for key in sheet.key_holders] == [("GZ", "Li")]
    assert sheet.empty == []


async def test_the_paper_says_the_same_in_both_languages(company, week_before):
    await staffed()
    sheet = await duty_sheets.duty_sheet("C-BANK", seen_by=MANAGER, holiday=NATIONAL_DAY)
    document = pypdfium2.PdfDocument(forms.pdf(await papers.of_sheet(sheet, by=MANAGER)))
    text = "".join(page.get_textpage().get_text_range() for page in document)

    for words in (
        "节假日值班表",
        "Holiday duty sheet",
        "国庆节",
        "测试银行维保",
        "Zhao",
        "库管员",
        "钥匙保管人",
    ):
        assert words in text, words
    for line in sheet.lines:
        assert line.phone in text
    assert "未核实" in text
    assert "无人值班" not in text


async def test_an_hour_nobody_has_stands_on_the_sheet_and_escalates(company, week_before):
    await staffed()
    await posts.enter_post("warehouse_keeper", "GZ", by=SETUP)
    shifts = await duty.shifts(limit=50, seen_by=SETUP, username="he")
    await duty.withdraw_shift(shifts[0].id, by=DISPATCHER, reason="he is ill")
    sheet = await duty_sheets.duty_sheet("C-BANK", seen_by=MANAGER, holiday=NATIONAL_DAY)
    await duty_sheets.watch()
    await duty_sheets.watch()

    assert [(gap.starts_at, gap.ends_at) for gap in sheet.empty] == [(shifts[0].starts_at, shifts[0].ends_at)]
    found = [s for s in await steps.open_steps(limit=50, seen_by=SETUP) if s.kind == "fill_holiday_shift"]
    assert [s.subject for s in found] == ["warehouse_keeper@GZ/2026-10-01"]
    await person("boss", "quality_supervisor")
    await escalation.escalate_late()
    rungs = await escalation.escalations(found[0].id, seen_by=SETUP)
    assert rungs[-1].told == ["boss"]  # dispatcher and project manager have no shift today
    await duty.enter_shifts(
        [
            NewShift(
                username="li",
                role="warehouse_keeper",
                depot="GZ",
                starts_at=shifts[0].starts_at,
                ends_at=shifts[0].ends_at,
            )
        ],
        by=SETUP,
    )
    await duty_sheets.watch()
    assert [s for s in await steps.open_steps(limit=50, seen_by=SETUP) if s.kind == "fill_holiday_shift"] == []


async def test_sheets_are_asked_for_once_before_each_holiday_and_checked(company, week_before):
    async def asked() -> list[str]:
        mine = [s for s in await steps.open_steps(limit=50, seen_by=SETUP) if s.kind == "check_duty_sheet"]
        return sorted(s.subject for s in mine if s.subject.endswith("10-01"))

    with clock.at(datetime(2026, 9, 23, tzinfo=UTC)):
        await duty_sheets.watch()
    assert await asked() == []  # more than a week ahead
    await duty_sheets.watch()
    assert await asked() == ["C-BANK/2026-10-01", "C-TELCO/2026-10-01"]
    checked = await duty_sheets.check_sheet("C-BANK", by=MANAGER, holiday=NATIONAL_DAY)
    assert (checked.checked_by, await asked()) == (MANAGER.name, ["C-TELCO/2026-10-01"])
    await duty_sheets.watch()
    assert await asked() == ["C-TELCO/2026-10-01"]
    again = await duty_sheets.check_sheet("C-BANK", by=DISPATCHER, holiday=NATIONAL_DAY)
    assert again.checked_by == MANAGER.name
    listed = await duty_sheets.duty_sheets(limit=5, seen_by=AUDITOR, holiday=NATIONAL_DAY)
    assert [(s.contract, s.checked_by) for s in listed] == [("C-BANK", MANAGER.name), ("C-TELCO", None)]


async def test_a_year_that_is_not_announced_is_provisional(company):
    with clock.at(datetime(2035, 1, 20, tzinfo=UTC)):
        coming = duty_sheets.holidays()
        sheet = await duty_sheets.duty_sheet("C-BANK", seen_by=MANAGER)

    assert [(h.name_en, h.provisional) for h in coming[:2]] == [("Spring Festival", True), ("Tomb-sweeping Day", True)]
    assert coming[0].starts_on == date(2035, 2, 7)
    assert sheet.holiday == coming[0]


async def test_a_sheet_is_seen_as_far_as_contracts_and_stores_go(company, week_before):
    await staffed()
    telco = actor("dispatcher", contracts={"C-TELCO"})

    with pytest.raises(Unknown):
        await duty_sheets.duty_sheet("C-BANK", seen_by=telco)
    with pytest.raises(Unknown):
        await duty_sheets.duty_sheet("C-BANK", seen_by=MANAGER, holiday=date(2026, 10, 2))
    with pytest.raises(NotGranted):
        await duty_sheets.check_sheet("C-BANK", by=KEEPER)
    elsewhere = await duty_sheets.duty_sheet("C-BANK", seen_by=SH_KEEPER, holiday=NATIONAL_DAY)
    assert (elsewhere.stores, {line.depot for line in elsewhere.lines}, elsewhere.key_holders) == ([], {None}, [])
    assert await db.fetch_value("SELECT count(*) FROM duty_sheet") == 0
