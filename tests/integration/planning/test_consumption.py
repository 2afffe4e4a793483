"""Consumables: what the stores hand out of parts that no device's list names becomes demand of the plan."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from inventory.catalogue import register as catalogue
from inventory.ground import clock, db
from inventory.planning import consumption, network, plans
from inventory.planning.answering import answer
from inventory.planning.answers import Answered
from inventory.procurement import register as procurement
from inventory.stock import keeping, movements, receipts, reversals
from inventory.stock.keeping import Scanned
from inventory.stock.months import ensure_ledger_months
from tests.world import AUDITOR, DRIVE, FAN, KEEPER, MANAGER, PLANNER, SETUP

TIE = "TIE-100"


def ago(days: int) -> datetime:
    return clock.now() - timedelta(days=days)


async def hand_out(quantity: int, days_ago: int, part: str = TIE, to: str = "BANK-GZ") -> None:
    with clock.at(ago(days_ago)):
        await keeping.issue_by_scan("GZ", [Scanned(code=part, quantity=quantity)], by=KEEPER, to=to)


async def stocked(part: str = TIE, *, offered: bool = True, days_ago: int = 200) -> None:
    """A part that no parts list names, in stock at Guangzhou for so many days."""
    await catalogue.enter_parts(
        [
            catalogue.NewPart(
                part_number=part,
                name_zh="扎带",
                name_en="Cable tie",
                kind="cable",
                unit_cost_cny=Decimal(3),
                holding_rate_per_year=0.2,
                serialised=False,
            )
        ],
        by=SETUP,
    )
    if offered:
        await procurement.enter_offers(
            [
                procurement.NewOffer(
                    vendor="DISTI",
                    part=part,
                    unit_price=Decimal(3),
                    minimum_quantity=1,
                    lot_size=1,
                    maximum_quantity=1000,
                    order_fee=Decimal(0),
                    lead_time_days=14.0,
                    valid_from=date(2024, 1, 1),
                )
            ],
            by=SETUP,
        )
    await ensure_ledger_months(ago(days_ago).date())
    with clock.at(ago(days_ago)):
        await receipts.adjust("GZ", part, 500, by=SETUP, reason="opening stock")


async def test_what_is_handed_out_counts_by_month_since_the_store_had_the_part(company):
    await stocked(days_ago=200)
    for quantity, days in ((5, 5), (2, 20), (4, 100)):
        await hand_out(quantity, days)

    [row] = await consumption.handed_out(clock.now().date())
    assert (row.part, sum(row.pieces), len(row.pieces)) == (TIE, 11, 7)
    assert (row.pieces[-1], row.pieces[-4]) == (7, 4)


async def test_parts_of_devices_transfers_and_what_was_reversed_consume_nothing(company):
    await stocked()
    await hand_out(1, 10, part=FAN)
    await hand_out(6, 10)
    last = (await movements.movements(limit=1, seen_by=AUDITOR, part_number=TIE))[0]
    await reversals.reverse(last.id, by=SETUP, reason="scanned twice")

    assert await consumption.handed_out(clock.now().date()) == []


async def test_a_part_that_stands_in_for_one_in_a_device_is_no_consumable(company):
    await stocked()
    await hand_out(6, 10)
    await catalogue.enter_substitutions(
        [catalogue.NewSubstitution(part=FAN, substitute=TIE, valid_from=date(2024, 1, 1))], by=SETUP
    )

    assert await consumption.handed_out(clock.now().date()) == []


async def test_consumables_are_planned_where_they_are_handed_out(company):
    without = (await network.gather(clock.now().date())).network
    await stocked()
    for month in range(6):
        await hand_out(4, 10 + 30 * month)
    gathered = await network.gather(clock.now().date())

    added = [line for line in gathered.network.bom if line not in without.bom]
    assert [(line.model, line.part) for line in added] == [("consumables/GZ", TIE)]
    assert {
        (row.customer, row.device_count) for row in gathered.network.installed_base if row.model == added[0].model
    } == {("BANK-GZ/C-BANK", 160)}
    assert 4 * 12 * 0.8 < added[0].annual_failure_rate * 160 < 4 * 12 * 1.2  # four a month, a prior beside them

    shape = next(part.rate_shape for part in gathered.network.parts if part.id == TIE)
    assert shape == pytest.approx(
        consumption.foreseen(await consumption.handed_out(clock.now().date()))[0].forecast.shape
    )

    answered = msgspec.json.decode(answer(msgspec.json.encode(gathered.network)), type=Answered)
    plan = await plans.record_plan(gathered, answered, by=PLANNER)
    await plans.approve_plan(plan.id, by=MANAGER)
    row = next(row for row in (await plans.plan_detail(plan.id, seen_by=PLANNER)).rows if row.part_number == TIE)
    assert (row.depot, row.resupply_days) == ("GZ", 14.0)
    assert row.base_stock > row.expected_demand > 1


async def test_a_store_that_serves_no_devices_plans_no_consumables(company):
    await stocked()
    with clock.at(ago(30)):
        await receipts.adjust("SH", TIE, 50, by=SETUP, reason="opening stock")
    with clock.at(ago(20)):
        await keeping.issue_by_scan("SH", [Scanned(code=TIE, quantity=5)], by=SETUP, to="BANK-GZ")

    gathered = await network.gather(clock.now().date())
    assert TIE not in {part.id for part in gathered.network.parts}


async def test_a_consumable_without_an_offer_has_no_lead_time(company):
    await stocked(offered=False)
    await hand_out(5, 10)

    with pytest.raises(network.NoLeadTime) as refusal:
        await network.gather(clock.now().date())
    assert refusal.value.facts["parts"] == TIE
    await db.execute("UPDATE part SET active = false WHERE part_number = $1", TIE)
    assert DRIVE in {part.id for part in (await network.gather(clock.now().date())).network.parts}
