"""Picking's pages: what waits, list by list and page by page."""

import re

from api.pages import picks
from inventory.stock import pick_lists, transfers
from inventory.stock.transfers import TransferItem
from tests.world import AUDITOR, FAN, KEEPER


async def drafted(count: int) -> list[str]:
    items = [TransferItem(part_number=FAN, quantity=1)]
    return [(await transfers.draft_transfer("GZ", "SH", items, by=KEEPER)).number for _ in range(count)]


async def test_what_waits_is_paged_filtered_exported_and_picked_from_its_row(visitor, monkeypatch):
    monkeypatch.setattr("api.pages.paging.LENGTH", 2)
    monkeypatch.setattr(picks, "LENGTH", 2)
    numbers = await drafted(3)
    keeper = await visitor("warehouse_keeper", depot="GZ")

    first = (await keeper.get("/picks/waiting?kind=transfer&depot=GZ")).text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    second = (await keeper.get(following[1].replace("&amp;", "&"))).text

    assert [number in first for number in numbers] == [True, True, False]
    assert [number in second for number in numbers] == [False, False, True]
    assert "/api/v1/pick-lists/waiting.csv?kind=transfer&amp;depot=GZ" in first
    assert numbers[0] not in (await keeper.get("/picks/waiting?kind=reservation")).text
    begun = await keeper.post("/picks", {"depot": "GZ", "document": numbers[1]})
    (made,) = await pick_lists.pick_lists(limit=2, seen_by=AUDITOR)
    assert begun.headers["location"] == f"/picks/{made.id}"
    assert numbers[1] not in (await keeper.get("/picks/waiting")).text


async def test_the_export_of_what_waits_knows_its_days_as_instants(visitor):
    keeper = await visitor("warehouse_keeper", depot="GZ")

    page = (await keeper.get("/picks/waiting?to=2099-12-31")).text

    assert "/api/v1/pick-lists/waiting.csv?to=2099-12-31T16%3A00%3A00%2B00%3A00" in page
