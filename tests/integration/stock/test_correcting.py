"""Correcting the books alone: up to a limit a day, and no project's stock out of nothing."""

import pytest

from inventory.stock import levels, receipts
from inventory.stock.correcting import AdjustmentFourEyes, PoolNotKept
from tests.world import ADMIN, AUDITOR, FAN, PSU, SETUP, SUPERVISOR


async def test_what_is_worth_too_much_is_not_corrected_by_one_person(company, api):
    body = {"depot": "GZ", "part_number": FAN, "quantity": 1_000_000, "reason": "found"}
    for role in ("quality_supervisor", "administrator"):
        refused = await api.post("/adjustments", body, role=role)
        assert (refused.status_code, refused.json()["code"]) == (403, "adjustment_four_eyes")
    assert (await api.post("/adjustments", body | {"quantity": 3}, role="administrator")).status_code == 201
    assert (await levels.level(FAN, "GZ", "common", seen_by=AUDITOR)).on_hand == 13


async def test_many_small_corrections_count_together_and_each_person_for_themselves(company):
    for _ in range(4):
        await receipts.adjust("GZ", PSU, 1, by=SUPERVISOR, reason="found")  # 4 × 1250 of 5000
    for quantity in (1, -1):
        with pytest.raises(AdjustmentFourEyes):
            await receipts.adjust("GZ", PSU, quantity, by=SUPERVISOR, reason="found")
    await receipts.adjust("GZ", PSU, -1, by=ADMIN, reason="missing")


async def test_no_projects_stock_is_found_where_none_was_kept(company):
    with pytest.raises(PoolNotKept):
        await receipts.adjust("SH", FAN, 1, by=SUPERVISOR, reason="found", pool="C-TELCO")
    await receipts.adjust("ZJ", FAN, 1, by=SUPERVISOR, reason="found", pool="C-TELCO")
    await receipts.adjust("SH", FAN, 1, by=SETUP, reason="opening stock", pool="C-TELCO")
