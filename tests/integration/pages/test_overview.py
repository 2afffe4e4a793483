"""The overview, finding, and the questions behind the pages."""

from datetime import timedelta

import pytest

from inventory.assurance import board, dossiers, finding
from inventory.catalogue import fitting
from inventory.emergency.following import follow
from inventory.ground import clock, db
from inventory.installed_base.failure_counts import failures_per_month
from inventory.places.names import known_names
from inventory.stock import reservations
from inventory.stock.history import available_over_time
from inventory.stock.risk import at_risk
from tests.integration.emergency.test_cases import a_case, drain, fail, planned
from tests.integration.procurement.test_orders import placed
from tests.world import ADMIN, AUDITOR, DISPATCHER, DRIVE, FAN, KEEPER, MANAGER, PSU, SH_KEEPER, actor


async def test_the_overview_shows_what_needs_an_eye(visitor):
    case = await a_case()
    manager = await visitor("project_manager")

    chinese, english = await manager.get("/"), await manager.get("/", language="en")

    assert "<title>(1) 概览" in chinese.text
    assert case.number in chinese.text
    assert "低于服务质量临界点" in chinese.text
    assert "Stock most at risk" in english.text
    assert "decide on the emergency case" in english.text
    assert 'hx-trigger="every 3s, refresh"' in english.text


async def test_the_numbers_count_in_the_readers_scope(company):
    await planned()
    await drain(DRIVE)
    await placed((FAN, 2))

    everything = await board.numbers(seen_by=AUDITOR)
    elsewhere = await board.numbers(seen_by=SH_KEEPER)

    assert (everything.orders_on_the_way, everything.levels_under_average_line) == (1, 1)
    assert everything.next_delivery_at is not None
    assert (elsewhere.orders_on_the_way, elsewhere.levels_under_average_line) == (0, 0)


async def test_the_board_asks_as_often_for_much_as_for_little(company, monkeypatch):
    asked: list[str] = []
    fetch = db.fetch

    async def counted(sql: str, *args: object) -> list[db.Row]:
        asked.append(sql)
        return await fetch(sql, *args)

    monkeypatch.setattr(db, "fetch", counted)
    await board.board(seen_by=AUDITOR)
    with_little = len(asked)
    monkeypatch.undo()
    await a_case()
    monkeypatch.setattr(db, "fetch", counted)
    asked.clear()
    await board.board(seen_by=AUDITOR)

    assert len(asked) == with_little


async def test_a_vendor_sees_nothing_of_the_house(company):
    await a_case()
    shown = await board.board(seen_by=actor("vendor", vendor="DISTI"))

    assert (shown.cases, shown.at_risk, shown.duties, shown.on_duty, shown.classes) == ([], [], [], [], [])


async def test_the_lowest_against_its_lines_stands_first(company):
    await planned()
    await drain(FAN)
    await drain(PSU, leave=1)

    first, *others = await at_risk(limit=10, seen_by=ADMIN)

    assert (first.part_number, first.depot, first.available) == (FAN, "GZ", 0)
    assert first.standing in ("below_critical_point", "under_average_line")
    assert PSU in {level.part_number for level in others}
    assert await at_risk(limit=10, seen_by=SH_KEEPER) == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (PSU, "part"),
        ("0YT39Y", "part"),
        ("ZL2-0002", "unit"),
        ("{case}", "emergency_case"),
        ("{order}", "purchase_order"),
    ],
)
async def test_anything_is_found_by_its_number(company, number, kind):
    case, order = await a_case(), await placed((FAN, 1))

    found = await finding.find(number.format(case=case.number, order=order.number), seen_by=AUDITOR)

    assert found is not None
    assert found.kind == kind


async def test_what_one_may_not_read_is_not_found(company):
    case, order = await a_case(), await placed((FAN, 1))

    assert await finding.find(case.number, seen_by=SH_KEEPER) is None
    assert await finding.find(order.number, seen_by=DISPATCHER) is None
    assert await finding.find("ZL2-0002", seen_by=actor("vendor", vendor="DISTI")) is None


async def test_what_is_no_number_is_looked_for_among_the_parts(visitor):
    answer = await (await visitor("engineer")).get("/find?q=风扇")

    assert answer.headers["location"] == "/parts?search=%E9%A3%8E%E6%89%87"


async def test_available_stock_is_told_backwards_from_the_level(company):
    since = clock.now()
    with clock.at(since + timedelta(minutes=1)):
        held = await reservations.hold(FAN, "GZ", 4, by=KEEPER)
    with clock.at(since + timedelta(minutes=2)):
        await reservations.hand_out(held.id, by=KEEPER, to="ISSUED", quantity=3)
    with clock.at(since + timedelta(minutes=3)):
        await reservations.hold(FAN, "GZ", 2, by=KEEPER)

    (told,) = await available_over_time(FAN, since, seen_by=KEEPER)

    assert [point.available for point in told.points] == [10, 6, 7, 5]
    assert told.points[0].at == since
    assert {level.depot for level in await available_over_time(FAN, since, seen_by=ADMIN)} == {"GZ", "SH"}


async def test_failures_are_counted_by_month_and_by_day_of_a_case(company):
    case = await a_case()
    await fail(DRIVE, 3, hours=1)

    months = await failures_per_month(DRIVE, seen_by=AUDITOR, months=6)
    followed = await follow(case.id, seen_by=MANAGER, zone="Asia/Shanghai")

    assert (len(months), sum(month.failures for month in months)) == (6, 3)
    assert len(followed.failures) == 15
    assert sum(day.failures for day in followed.failures) == 3
    assert followed.history is not None
    assert followed.history.points[-1].available == 0


async def test_a_dossier_holds_what_its_reader_may_see(company):
    await planned()
    everything = await dossiers.part_dossier("0YT39Y", seen_by=AUDITOR)
    little = await dossiers.part_dossier(PSU, seen_by=actor("vendor", vendor="DISTI"))

    assert everything.part.part_number == PSU
    assert {level.depot for level in everything.levels} == {"GZ", "SH", "ZJ"}
    assert everything.assessments
    assert (little.levels, little.units, little.movements, little.failures) == ([], [], [], [])


async def test_names_and_fitting_parts_are_known(company):
    assert (await known_names())["GZ"].name_zh == "广州备件库"
    assert [part.part_number for part in await fitting.parts_of_model("R740")] == [PSU, FAN, DRIVE]
    assert await fitting.kept_by_serial([PSU, DRIVE]) == {DRIVE}
    assert "psu" in await fitting.kinds()
