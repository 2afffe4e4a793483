"""What stock is judged by: the rates believed today, over the devices in service, with what is on its way."""

from datetime import date, timedelta

import pytest

from inventory.catalogue import parts
from inventory.emergency import cases
from inventory.emergency.facts import gather
from inventory.ground import clock, db
from inventory.planning import plans
from inventory.procurement import orders, papers
from inventory.procurement.orders import NewLine
from inventory.stock import units
from inventory.stock.pieces import Pieces
from optimizer.factors import age_band
from tests.integration.emergency.test_cases import judge, live_cases, planned
from tests.integration.planning.test_learning import dusty_fans, factor
from tests.integration.planning.test_plans import made
from tests.integration.stock.test_levels import ids
from tests.statements import counted
from tests.world import AUDITOR, BATTERY, BUYER, DRIVE, FAN, MANAGER, PLANNER, PSU, SETUP


async def rate(part: str, depot: str, pool: str = "common") -> float:
    (row,) = (await gather([await ids(part, depot, pool)])).rows
    return row.rate_per_day


async def test_without_a_plan_a_row_expects_what_its_devices_make_of_the_rate(company):
    found = await dusty_fans()
    age = factor(found, "fan", "age", age_band((clock.today() - date(2024, 1, 1)).days / 365)).factor
    dusty = factor(found, "fan", "environment", "industrial").factor
    (row,) = (await gather([await ids(FAN, "ZJ", "C-TELCO")])).rows
    believed = (await parts.part(FAN, seen_by=PLANNER)).annual_failure_rate

    assert dusty > 1.5
    assert not row.planned
    assert row.rate_per_day == pytest.approx(40 * 6 * believed * dusty * age / 365)


async def test_a_planned_row_follows_what_is_learned_after_the_plan(company):
    plan = await made()
    await plans.approve_plan(plan.id, by=MANAGER)
    before = await rate(FAN, "ZJ", "C-TELCO"), await rate(DRIVE, "GZ")
    with clock.at(clock.now() + timedelta(days=2)):
        unlearned = await rate(FAN, "ZJ", "C-TELCO")
        await dusty_fans()
        after = await rate(FAN, "ZJ", "C-TELCO"), await rate(DRIVE, "GZ")
        again = await made()
        await plans.approve_plan(again.id, by=MANAGER)
        planned_anew = await rate(FAN, "ZJ", "C-TELCO"), await rate(DRIVE, "GZ")

    assert unlearned == pytest.approx(before[0])
    assert after[0] > 1.5 * before[0]
    assert after[1] < before[1]  # no drive failed
    assert after == pytest.approx(planned_anew, rel=1e-5)


async def test_many_rows_without_a_plan_are_gathered_by_as_many_statements_as_one(company):
    await planned()
    async with counted() as one:
        await gather([await ids(BATTERY, "GZ")])
    async with counted() as many:
        await gather([await ids(part, depot) for part in (BATTERY, PSU, FAN, DRIVE) for depot in ("GZ", "SH")])

    assert len(many) - 8 == len(one) - 1  # the ids are looked up by one statement each


async def test_what_may_not_be_issued_is_no_stock_and_no_delivery(company):
    await planned()
    key = await ids(PSU, "GZ")
    (before,) = (await gather([key])).rows
    async with counted() as one:
        await gather([key])
    order = await orders.draft_order("DELL", "GZ", [NewLine(part_number=PSU, quantity=2)], by=BUYER)
    await orders.approve_on_authority(order.id, by=SETUP)
    await orders.record_placed(order.id, by=SETUP, promised_at=clock.now() + timedelta(days=3))
    (genuine,) = (await gather([key])).rows
    await db.execute("UPDATE vendor SET kind = 'broker' FROM party WHERE party.id = vendor.party AND code = 'DELL'")
    await papers.prove(Pieces("GZ", PSU, quantity=1), "good", "broker", by=SETUP, reason="the letter is false")
    async with counted() as looked_at:
        (after,) = (await gather([key])).rows

    assert (before.unissuable, genuine.unissuable, [each.quantity for each in genuine.arriving]) == (0, 0, [2])
    assert (after.least, after.arriving) == ("authorised_channel", [])
    assert after.unissuable > 0
    assert after.available == before.available - after.unissuable
    assert after.on_shelf == before.on_shelf
    assert len(looked_at) == len(one)
    await db.execute("UPDATE contract SET minimum_provenance = 'broker'")
    (asks_less,) = (await gather([key])).rows
    assert (asks_less.unissuable, asks_less.available, len(asks_less.arriving)) == (0, before.available, 1)


async def test_stock_that_turns_out_not_to_be_genuine_opens_a_case(company):
    await planned()
    drives = [unit.serial for unit in await units.units(limit=50, seen_by=AUDITOR, depot="GZ", part_number=DRIVE)]
    await papers.prove(Pieces("GZ", DRIVE, serials=drives), "good", "broker", by=SETUP, reason="the letter is false")
    await judge(DRIVE)

    (case,) = await live_cases()
    stock = (await cases.case_view(case.id, seen_by=AUDITOR)).evidence["stock"]
    assert stock["available"] == stock["on_hand"] - stock["reserved"] - stock["unissuable"]
