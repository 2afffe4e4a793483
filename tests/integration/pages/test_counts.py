"""The counting pages: blind until a line is counted, bin by bin, and closed for good."""

import re
from uuid import UUID

import pytest

from inventory.ground import clock
from inventory.places import bins
from inventory.places.bins import NewBin
from inventory.stock import levels, movements, placing, receipts
from inventory.stock.counting import closing, sheets
from inventory.stock.pieces import Pieces
from tests.world import AUDITOR, DRIVE, FAN, KEEPER, SETUP, SUPERVISOR

SERIALS = [f"ZL2-{n:04d}" for n in range(5)]


@pytest.fixture
async def shelves(company):
    await bins.enter_bins([NewBin(place="GZ", code=code) for code in ("A-01", "A-02")], by=SETUP)
    await placing.put_away(Pieces("GZ", FAN, quantity=10), "A-01", by=KEEPER)
    await placing.put_away(Pieces("GZ", DRIVE, serials=SERIALS), "A-02", by=KEEPER)


def observed(bin_code: str, part: str, **found: str) -> dict[str, str]:
    """A bin's form with one line."""
    line = {"part_number": part, "condition": "good", "owner": "OWN", "pool": "common"}
    by_serial = {"by_serial": "1" if part == DRIVE else "", "quantity": "", "serials": ""}
    return {
        "scan_id": f"s-{bin_code}",
        "began_at": clock.now().isoformat(),
        "bin": bin_code,
        **line,
        **by_serial,
        **found,
    }


async def drawn_up(keeper, **asked) -> str:
    answer = await keeper.post("/counts", {"depot": "GZ", "kind": "recount", **asked})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def test_a_count_from_the_sheet_to_the_mended_books(visitor, shelves):
    keeper = await visitor("warehouse_keeper", depot="GZ")
    address = await drawn_up(keeper, part_number=FAN)
    blind = (await keeper.get(f"{address}/bin?bin=A-01", language="en")).text
    assert "in the books" not in blind
    recorded = await keeper.post(f"{address}/bin", observed("A-01", FAN, quantity="8"))
    assert recorded.headers["location"] == address

    shown = (await keeper.get(address, language="en")).text
    assert "8 counted, 10 in the books" in shown
    assert "put-away" in shown
    await keeper.post(f"{address}/finish")
    (line,) = await closing.differences(UUID(address.rpartition("/")[2]), seen_by=AUDITOR)
    await keeper.post(f"{address}/lines/{line.id}/explain", {"reason": "碎裂报废"})
    await keeper.post(f"{address}/post")

    assert "已过账" in (await keeper.get(address)).text
    assert (await levels.level(FAN, "GZ", "common", seen_by=AUDITOR)).on_hand == 8


async def test_recording_leads_to_the_next_bin_that_is_not_counted(visitor, shelves):
    keeper = await visitor("warehouse_keeper", depot="GZ")
    sheet = await sheets.draw_up("GZ", "surprise", by=KEEPER, bins_to_draw=2, seed="x")
    address = f"/counts/{sheet.id}"

    first = await keeper.post(f"{address}/bin", observed("A-01", FAN, quantity="10"))
    assert first.headers["location"] == f"{address}/bin?bin=A-02"
    second = await keeper.post(f"{address}/bin", observed("A-02", DRIVE, serials="\n".join(SERIALS)))
    assert second.headers["location"] == address
    assert "2 / 2" in (await keeper.get("/counts")).text


async def test_none_is_said_and_not_guessed(visitor, shelves):
    keeper = await visitor("warehouse_keeper", depot="GZ")
    address = await drawn_up(keeper, part_number=DRIVE)
    await keeper.post(f"{address}/bin", observed("A-02", DRIVE))
    assert "0 / 1" in (await keeper.get(address)).text

    await keeper.post(f"{address}/bin", {**observed("A-02", DRIVE), "none": "0"})
    assert "1 / 1" in (await keeper.get(address)).text


async def test_what_lies_besides_is_entered_with_its_bin(visitor, shelves):
    keeper = await visitor("warehouse_keeper", depot="GZ")
    address = await drawn_up(keeper, part_number=FAN)
    await keeper.post(
        f"{address}/bin", {**observed("A-01", FAN, quantity="10"), "more_part": "0YT39Y", "more_quantity": "3"}
    )

    lines = await closing.lines(UUID(address.rpartition("/")[2]), seen_by=AUDITOR)
    assert [(line.part_number, line.listed, line.difference) for line in lines] == [
        (FAN, True, 0),
        ("PSU-750", False, 3),
    ]


@pytest.mark.parametrize(("found", "words"), [("many", "不是有效数量"), ("-1", "不是有效数量")])
async def test_what_is_no_count_is_refused_beside_its_form(visitor, shelves, found, words):
    keeper = await visitor("warehouse_keeper", depot="GZ")
    address = await drawn_up(keeper, part_number=FAN)
    refused = await keeper.post(f"{address}/bin", observed("A-01", FAN, quantity=found))

    assert refused.status_code == 422
    assert words in refused.text


async def test_a_count_is_found_by_its_number_and_called_off(visitor, shelves):
    keeper = await visitor("warehouse_keeper", depot="GZ")
    address = await drawn_up(keeper, bin="A-01")
    sheet = await sheets.count(UUID(address.rpartition("/")[2]))

    assert (await keeper.get(f"/find?q={sheet.number}")).headers["location"] == address
    await keeper.post(f"{address}/cancel", {"reason": "演练"})
    assert "已取消" in (await keeper.get(address)).text
    refused = await keeper.post(f"{address}/finish")
    assert (refused.status_code, sheet.number in refused.text) == (409, True)


async def test_what_is_due_is_shown_for_a_store(visitor, shelves):
    page = (await (await visitor("warehouse_keeper", depot="GZ")).get("/counts?depot=GZ", language="en")).text

    assert "Due to be counted" in page
    assert "never" in page


async def test_a_movement_is_reversed_from_the_ledger(visitor, shelves):
    await receipts.adjust("GZ", FAN, 5, by=SUPERVISOR, reason="typed")
    supervisor, keeper = await visitor("quality_supervisor"), await visitor("warehouse_keeper", depot="GZ")
    move = (await movements.movements(limit=1, seen_by=AUDITOR))[0]
    address = f"/movements/{move.id}"
    assert address in re.findall(r'class="btn btn-sm" href="([^"]+)"', (await supervisor.get("/movements")).text)
    assert address not in re.findall(r'class="btn btn-sm" href="([^"]+)"', (await keeper.get("/movements")).text)
    await supervisor.post(f"{address}/reverse", {"reason": "录错"})

    assert (await levels.level(FAN, "GZ", "common", seen_by=AUDITOR)).on_hand == 10
    assert "已冲销" in (await supervisor.get(address)).text
    again = await supervisor.post(f"{address}/reverse", {"reason": "录错"})
    assert (again.status_code, "该流水此前已被冲销" in again.text) == (409, True)


async def test_a_units_life_names_its_bins(visitor, shelves):
    page = (await (await visitor("engineer")).get("/units/ZL2-0001")).text

    assert "上架" in page
    assert "A-02" in page


async def test_a_time_that_is_none_is_refused(visitor, shelves):
    answer = await (await visitor("auditor")).get("/stock/as-of?at=yesterday")

    assert answer.status_code == 422
    assert "不是有效的日期或时间" in answer.text


async def test_past_values_are_for_those_who_may_see_costs(visitor, shelves):
    assert "¥" in (await (await visitor("auditor")).get("/stock/as-of")).text
    assert "¥" not in (await (await visitor("engineer")).get("/stock/as-of")).text
