"""Vendors' closures lengthen what a plan reckons with; a vendor that is open steps in."""

from datetime import date, timedelta

import pytest

from inventory.ground import db
from inventory.installed_base.holidays import next_holidays
from inventory.planning import network
from inventory.procurement import closures
from inventory.procurement import register as procurement
from tests.world import DRIVE, FAN, PSU, SETUP

BEFORE_FESTIVAL = date(2026, 1, 20)
FESTIVAL = (date(2026, 2, 10), date(2026, 2, 25))


async def close(vendor: str, first_on: date, last_on: date) -> None:
    await procurement.enter_closures(
        [procurement.NewClosure(vendor=vendor, first_on=first_on, last_on=last_on)], by=SETUP
    )


async def lead_times(on: date) -> dict[str, float]:
    gathered = await network.gather(on)
    return {row.part: row.lead_time_days for row in gathered.network.replenishment}


async def test_a_plan_reckons_with_the_longest_a_closure_makes_it(company):
    assert await lead_times(BEFORE_FESTIVAL) == {DRIVE: 7, FAN: 7, PSU: 10}
    await close("DISTI", *FESTIVAL)

    # sixteen days longer where only the distributor sells; the power supply is then had from its maker in fourteen
    assert await lead_times(BEFORE_FESTIVAL) == {DRIVE: 7 + 16, FAN: 7 + 16, PSU: 14}


async def test_a_closure_that_is_over_called_off_or_beyond_the_horizon_changes_nothing(company):
    before = await network.gather(BEFORE_FESTIVAL)
    await close("DISTI", BEFORE_FESTIVAL - timedelta(days=9), BEFORE_FESTIVAL - timedelta(days=1))
    await close("DISTI", BEFORE_FESTIVAL + timedelta(days=100), BEFORE_FESTIVAL + timedelta(days=120))

    await close("DISTI", *FESTIVAL)
    await db.execute("UPDATE vendor_closure SET in_force = false WHERE first_on = $1", FESTIVAL[0])

    assert (await network.gather(BEFORE_FESTIVAL)).network == before.network


async def test_a_vendor_that_keeps_public_holidays_is_closed_on_them(company):
    await db.execute(
        "UPDATE vendor SET holidays = 'CN' FROM party WHERE party.id = vendor.party AND party.code = 'DISTI'"
    )
    festival = next(holiday for holiday in next_holidays(BEFORE_FESTIVAL) if holiday.name_en == "Spring Festival")
    days = (festival.ends_on - festival.starts_on).days + 1

    [vendor] = (await closures.closures_of_vendors(BEFORE_FESTIVAL)).values()
    assert (festival.starts_on, festival.ends_on) in {(closure.first_on, closure.last_on) for closure in vendor}
    assert (await lead_times(BEFORE_FESTIVAL))[DRIVE] == pytest.approx(7 + days)
