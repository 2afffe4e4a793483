"""Why a plan says what it says: from the stored plan, whatever became of devices and rates since."""

import pytest

from inventory.ground import db
from inventory.ground.errors import Unknown
from inventory.planning import explaining
from tests.integration.planning.test_plans import made
from tests.world import DRIVE, MANAGER, PLANNER, PSU, actor


async def test_a_row_is_explained_by_its_devices_its_price_and_its_neighbours(company):
    plan = await made()
    row = await explaining.row_explanation(plan.id, DRIVE, "GZ", seen_by=PLANNER)
    why = row.explanation

    (model,) = why.installed
    assert (model.model, model.device_count, model.pieces) == ("R740", 160, 1280)
    assert why.expected_demand == pytest.approx(1280 * 0.02 / 365 * 7)
    assert (row.rate_source, row.number) == ("assumed", plan.number)
    assert why.one_more.cost_cny == 980
    assert why.binding == "service:2h"
    assert why.one_less.service["2h"] < 0 < why.one_more.service["2h"]


async def test_an_explanation_speaks_of_the_plan_and_not_of_today(company):
    plan = await made()
    before = await explaining.row_explanation(plan.id, PSU, "GZ", seen_by=PLANNER)
    await db.execute("UPDATE device SET retired_on = '2026-01-01' WHERE serial < 'BANK-100'")
    await db.execute("UPDATE part SET unit_cost_cny = 1 WHERE part_number = $1", PSU)
    after = await explaining.row_explanation(plan.id, PSU, "GZ", seen_by=MANAGER)

    assert after == before


async def test_dedicated_stock_is_a_store_of_its_own(company):
    plan = await made()
    row = await explaining.row_explanation(plan.id, DRIVE, "ZJ", pool="C-TELCO", seen_by=PLANNER)

    assert row.explanation.depot == "ZJ/C-TELCO"
    assert row.explanation.installed[0].device_count == 40
    with pytest.raises(Unknown):
        await explaining.row_explanation(plan.id, DRIVE, "ZJ", seen_by=PLANNER)


async def test_stores_out_of_ones_scope_are_not_explained(company):
    plan = await made()

    with pytest.raises(Unknown):
        await explaining.row_explanation(plan.id, DRIVE, "GZ", seen_by=actor("planner", depots={"SH"}))


async def test_a_row_is_explained_over_http(api):
    plan = await made()
    answer = await api.get(f"/plans/{plan.id}/rows/{DRIVE}?depot=GZ", role="planner")
    missing = await api.get(f"/plans/{plan.id}/rows/{DRIVE}?depot=SH", role="planner")
    unasked = await api.get(f"/plans/{plan.id}/rows/{DRIVE}", role="planner")

    assert answer.json()["explanation"]["installed"][0]["pieces"] == 1280
    assert answer.json()["explanation"]["one_more"]["breaks"] == {}
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown")
    assert unasked.status_code == 422
