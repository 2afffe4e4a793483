"""Stock beyond the plan and last purchases: from shelves, ways, contracts and believed rates."""

from datetime import timedelta
from decimal import Decimal

import pytest

from inventory.ground import clock, db
from inventory.ground.errors import Unknown
from inventory.planning import excess, plans
from inventory.stock import receipts
from optimizer.surplus import last_time_buy
from tests.integration.planning.test_balancing import in_force
from tests.integration.planning.test_learning import dusty_fans, factor, stand
from tests.world import BATTERY, FAN, PLANNER, PSU, SETUP, actor


def ahead(years: int):
    return clock.today() + timedelta(days=365 * years)


async def test_surplus_is_moved_where_it_lacks_and_else_given_back(company):
    plan = await in_force()
    planned = {
        (row.part_number, row.depot): row.base_stock for row in (await plans.plan_detail(plan.id, seen_by=PLANNER)).rows
    }
    listed = [one.surplus for one in await excess.surplus(plan.id, limit=99, seen_by=PLANNER)]
    found = {(one.part, one.depot): one for one in listed}

    lacking = planned[PSU, "GZ"]
    assert found[PSU, "SH"].moves == {"GZ": min(5, lacking)}
    assert found[BATTERY, "GZ"].returned == 3  # nobody's devices need it
    fans = found[FAN, "GZ"]
    assert fans.excess == 10 - planned[FAN, "GZ"]
    assert fans.used_up + sum(fans.moves.values()) + fans.returned == fans.excess
    assert (PSU, "ZJ") not in found


async def test_a_longer_horizon_leaves_less_surplus(company):
    plan = await in_force()

    async def idle(days):
        found = await excess.surplus(plan.id, limit=99, seen_by=PLANNER, horizon_days=days)
        return sum(one.surplus.idle_value_cny for one in found)

    assert await idle(3650) <= await idle(365) < await idle(0)


async def test_surplus_shows_the_readers_stores_only(company):
    plan = await in_force()
    found = await excess.surplus(plan.id, limit=99, seen_by=actor("planner", depots={"SH"}))

    assert {one.surplus.depot for one in found} == {"SH"}
    assert len(await excess.surplus(plan.id, limit=1, seen_by=PLANNER)) == 1


async def test_a_last_purchase_covers_the_devices_until_their_end(company):
    found = await excess.last_purchase(PSU, until=ahead(3), shortage_cny=Decimal(9000))
    mean = 200 * 2 * 3 * 0.035

    assert found.pieces == 400
    assert found.piece_years == pytest.approx(1200)
    assert found.answer.expected_demand == pytest.approx(mean)
    assert found.stock == 6 + 5 + 2
    assert found.rate_source == "assumed"
    kept = 1250 * (1 + 0.22 * 3)
    assert found.answer == last_time_buy(
        found.answer.expected_demand, 35.0, stock=13, underage_cny=9000 - 1250, overage_cny=kept
    )


async def test_a_last_purchase_reckons_with_how_old_and_where_the_devices_are(company):
    learned = await dusty_fans()
    await stand("BANK-GZ", "industrial")
    purchase = await excess.last_purchase(FAN, until=ahead(3), shortage_cny=Decimal(9000))
    worth = 3 * 200 * 6 * factor(learned, "fan", "environment", "industrial").factor

    assert purchase.piece_years == pytest.approx(200 * 6 * 3)
    assert worth > 1.5 * purchase.piece_years
    assert purchase.average_years == pytest.approx(worth, rel=0.005)  # no device of another age failed yet
    assert purchase.answer.expected_demand == pytest.approx(purchase.average_years * purchase.annual_rate, rel=0.005)


async def test_a_contract_that_ends_sooner_needs_no_more_than_that(company):
    await db.execute("UPDATE contract SET ends_on = $1 WHERE code = 'C-BANK'", ahead(1))
    found = await excess.last_purchase(PSU, until=ahead(3), shortage_cny=Decimal(9000))

    assert found.piece_years == pytest.approx(160 * 2 * 1 + 40 * 2 * 3)


async def test_more_stock_means_a_smaller_purchase(company):
    before = await excess.last_purchase(PSU, until=ahead(5), shortage_cny=Decimal(9000))
    await receipts.adjust("SH", PSU, 4, by=SETUP, reason="found")
    after = await excess.last_purchase(PSU, until=ahead(5), shortage_cny=Decimal(9000))

    assert after.answer.quantity == before.answer.quantity - 4


async def test_a_last_purchase_that_means_nothing_is_refused(company):
    for until in (clock.today(), ahead(40)):
        with pytest.raises(excess.EndNotAhead):
            await excess.last_purchase(PSU, until=until, shortage_cny=Decimal(9000))
    with pytest.raises(excess.LeftoverCostsNothing):
        await excess.last_purchase(PSU, until=ahead(1), shortage_cny=Decimal(9000), salvage_cny=Decimal(5000))
    with pytest.raises(Unknown):
        await excess.last_purchase("NOPE", until=ahead(1), shortage_cny=Decimal(9000))
    with pytest.raises(Unknown):
        await excess.last_purchase(BATTERY, until=ahead(1), shortage_cny=Decimal(9000))  # no rate is known


async def test_surplus_and_last_purchases_over_http(api):
    plan = await in_force()
    found = await api.get(f"/plans/{plan.id}/surplus", role="planner")
    far = await api.get(f"/plans/{plan.id}/surplus?horizon_days=99999", role="planner")
    bought = await api.get(f"/last-time-buys/{PSU}?until={ahead(3)}&shortage_cny=9000", role="planner")
    words = await api.get(f"/last-time-buys/{PSU}?until={ahead(3)}&shortage_cny=much", role="planner")
    past = await api.get(f"/last-time-buys/{PSU}?until=2020-01-01&shortage_cny=9000", role="planner")

    assert PSU in {one["surplus"]["part"] for one in found.json()}
    assert bought.json()["answer"]["quantity"] > 0
    assert [answer.status_code for answer in (far, words, past)] == [422, 422, 422]
    assert past.json()["code"] == "end_not_ahead"
