"""What stock is judged by: the rates believed today, over the devices in service, with what is on its way."""

from datetime import date, timedelta

import pytest

from inventory.catalogue import parts
from inventory.emergency.facts import gather
from inventory.ground import clock
from inventory.planning import plans
from optimizer.factors import age_band
from tests.integration.emergency.test_cases import planned
from tests.integration.planning.test_learning import dusty_fans, factor
from tests.integration.planning.test_plans import made
from tests.integration.stock.test_levels import ids
from tests.statements import counted
from tests.world import BATTERY, DRIVE, FAN, MANAGER, PLANNER, PSU


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
