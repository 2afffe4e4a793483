"""Counts over HTTP: each act climbs the same ladder, and no answer tells the books' quantity before it is counted."""

import re
from datetime import timedelta

import pypdfium2 as pdfium
import pytest

from inventory.ground import clock
from inventory.places import bins
from inventory.places.bins import NewBin
from inventory.stock import placing
from inventory.stock.counting import closing
from inventory.stock.pieces import Pieces
from tests.world import AUDITOR, DRIVE, FAN, KEEPER, SETUP

GZ = {"role": "warehouse_keeper", "depot": "GZ"}


@pytest.fixture
async def shelves(company):
    await bins.enter_bins([NewBin(place="GZ", code="A-01")], by=SETUP)
    await placing.put_away(Pieces("GZ", FAN, quantity=10), "A-01", by=KEEPER)
    await placing.put_away(Pieces("GZ", DRIVE, serials=["ZL2-0001", "ZL2-0002"]), "A-01", by=KEEPER)


@pytest.fixture
async def sheet(api, shelves) -> str:
    answer = await api.post("/counts", {"depot": "GZ", "kind": "recount", "bin": "A-01"}, **GZ)
    assert answer.status_code == 201, answer.text
    return f"/counts/{answer.json()['id']}"


def scan(quantity=9, **more):
    told = {"id": "s-1", "part_number": FAN, "bin": "A-01", "quantity": quantity, "counted_at": clock.now().isoformat()}
    return told | more


async def counted(api, sheet, quantity=9):
    serials = scan(None, id="s-2", part_number=DRIVE, serials=["ZL2-0001", "ZL2-0002"])
    return await api.post(f"{sheet}/scans/bulk", {"items": [scan(quantity), serials]}, **GZ)


async def test_drawing_up_a_count(api, shelves):
    body = {"depot": "GZ", "kind": "full"}

    assert (await api.post("/counts", body, role=None)).status_code == 401
    assert (await api.post("/counts", body, role="engineer")).status_code == 403
    elsewhere = await api.post("/counts", body, role="warehouse_keeper", depot="SH")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "not_your_depot")
    assert (await api.post("/counts", {**body, "kind": "guess"}, **GZ)).status_code == 422
    assert (await api.post("/counts", body, **GZ, idempotency_key=None)).status_code == 400
    done = await api.post("/counts", body, **GZ)
    assert (done.status_code, done.json()["state"], done.json()["lines_counted"]) == (201, "counting", 0)
    again = await api.post("/counts", body, **GZ)
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_count")


async def test_recording_a_scan(api, sheet):
    address = f"{sheet}/scans"

    assert (await api.post(address, scan(), role=None)).status_code == 401
    assert (await api.post(address, scan(), role="auditor")).status_code == 403
    assert (await api.post(address, scan(), role="warehouse_keeper", depot="SH")).status_code == 404
    assert (await api.post(address, scan(-1), **GZ)).status_code == 422
    early = await api.post(address, scan(counted_at=(clock.now() - timedelta(days=1)).isoformat()), **GZ)
    assert (early.status_code, early.json()["code"]) == (422, "counted_out_of_time")
    assert (await api.post(address, scan(bin="Z-99"), **GZ)).status_code == 404
    done = await api.post(address, scan(), **GZ)
    (line,) = done.json()["lines"]
    assert (done.status_code, line["counted"], line["expected"], line["difference"]) == (201, 9, None, None)
    assert "value_cny" not in line


@pytest.mark.parametrize("way", ["scans", "scans/bulk"])
async def test_a_scan_goes_by_the_number_on_the_sheet_as_well(api, sheet, way):
    number = (await api.get(sheet, **GZ)).json()["number"]
    body = scan() if way == "scans" else {"items": [scan()]}

    elsewhere = await api.post(f"/counts/{number}/{way}", body, role="warehouse_keeper", depot="SH")
    nowhere = await api.post(f"/counts/CT-26-999999/{way}", body, **GZ)
    done = await api.post(f"/counts/{number.lower()}/{way}", body, **GZ)

    assert [(a.status_code, a.json()["code"]) for a in (elsewhere, nowhere)] == [(404, "unknown"), (404, "unknown")]
    assert (done.status_code, done.json()["lines"][0]["counted"]) == (201, 9)


async def test_nothing_tells_the_books_before_the_counting_is_finished(api, sheet):
    before = (await api.get(f"{sheet}/lines", **GZ)).json()["items"]
    assert [(line["part_number"], line["expected"], line["difference"], line["missing"]) for line in before] == [
        (FAN, None, None, []),
        (DRIVE, None, None, []),
    ]
    assert (await api.get(f"{sheet}/differences", **GZ)).json() == []

    await counted(api, sheet)
    assert (await api.get(f"{sheet}/differences", **GZ)).json() == []
    assert {line["expected"] for line in (await api.get(f"{sheet}/lines", **GZ)).json()["items"]} == {None}
    await api.post(f"{sheet}/finish", **GZ)
    (differing,) = (await api.get(f"{sheet}/differences", **GZ)).json()
    assert (differing["expected"], differing["movements"][0]["kind"]) == (10, "put_away")


async def test_an_offline_device_sends_everything_twice(api, sheet):
    first, second = await counted(api, sheet), await counted(api, sheet)
    assert (first.status_code, second.status_code) == (201, 422)  # another instant under the same id

    same = scan(7, id="s-3")
    answers = [await api.post(f"{sheet}/scans", same, **GZ) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


async def test_finishing_explaining_and_posting(api, sheet):
    early = await api.post(f"{sheet}/finish", **GZ)
    assert (early.status_code, early.json()["code"]) == (409, "count_incomplete")
    (line, _) = (await counted(api, sheet)).json()["lines"]
    assert (await api.post(f"{sheet}/finish", role="engineer")).status_code == 403
    assert (await api.post(f"{sheet}/finish", **GZ)).json()["state"] == "counted"
    refused = await api.post(f"{sheet}/post", **GZ)
    assert (refused.status_code, refused.json()["code"]) == (409, "differences_unexplained")
    explain = f"{sheet}/lines/{line['id']}/explain"
    assert (await api.post(explain, {"reason": ""}, **GZ)).status_code == 422
    assert (await api.post(explain, {"reason": "broken"}, role="engineer")).status_code == 403
    assert (await api.post(explain, {"reason": "broken"}, **GZ)).json()["explained"] is True
    assert (await api.post(f"{sheet}/post", role="warehouse_keeper", depot="SH")).status_code == 403
    posted = await api.post(f"{sheet}/post", **GZ)
    assert (posted.status_code, posted.json()["pieces_removed"]) == (200, 1)
    assert (await api.post(f"{sheet}/post", **GZ)).json()["code"] == "count_closed"


@pytest.mark.parametrize("limit", ["-1", "NaN", "1e40", "much"])
@pytest.mark.parametrize(("language", "words"), [("en", "The input is not valid"), ("zh", "输入无效")])
async def test_a_limit_that_is_no_amount_is_named_in_both_languages(api, limit, language, words):
    answer = await api.post("/counts/policy", {"four_eyes_above_cny": limit}, role="administrator", language=language)

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"]) == (422, "/four_eyes_above_cny")
    assert words in answer.json()["detail"]


async def test_a_dear_difference_waits_for_a_second_person(api, sheet):
    low = {"four_eyes_above_cny": "100"}
    assert (await api.post("/counts/policy", low, **GZ)).status_code == 403
    for wrong in ({"a_share": 2}, {**low, "a_share": 0.9, "b_share": 0.8}):
        assert (await api.post("/counts/policy", wrong, role="administrator")).status_code == 422
    await api.post("/counts/policy", low, role="administrator")
    (line, _) = (await counted(api, sheet)).json()["lines"]
    await api.post(f"{sheet}/finish", **GZ)
    await api.post(f"{sheet}/lines/{line['id']}/explain", {"reason": "broken"}, **GZ)

    refused = await api.post(f"{sheet}/post", **GZ)
    assert (refused.status_code, refused.json()["code"]) == (403, "count_four_eyes")
    assert (await api.post(f"{sheet}/post", role="quality_supervisor")).status_code == 200


async def test_calling_a_count_off(api, sheet):
    assert (await api.post(f"{sheet}/cancel", {"reason": "drill"}, role="auditor")).status_code == 403
    assert (await api.post(f"{sheet}/cancel", {}, **GZ)).status_code == 422
    assert (await api.post(f"{sheet}/cancel", {"reason": "drill"}, **GZ)).json()["state"] == "cancelled"
    again = await api.post(f"{sheet}/cancel", {"reason": "drill"}, **GZ)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


async def test_counts_are_read_within_ones_depots(api, sheet):
    assert len((await api.get("/counts", **GZ)).json()["items"]) == 1
    assert (await api.get("/counts", role="warehouse_keeper", depot="SH")).json()["items"] == []
    for path in (sheet, f"{sheet}/lines", f"{sheet}/differences"):
        assert (await api.get(path, role="warehouse_keeper", depot="SH")).status_code == 404
    assert (await api.get("/counts/due?depot=GZ", role="warehouse_keeper", depot="SH")).status_code == 404


async def test_lines_are_paged(api, sheet):
    first = (await api.get(f"{sheet}/lines?limit=1", **GZ)).json()
    second = (await api.get(f"{sheet}/lines?limit=1&cursor={first['next_cursor']}", **GZ)).json()

    assert [first["items"][0]["part_number"], second["items"][0]["part_number"]] == [FAN, DRIVE]
    assert second["next_cursor"] is None


async def test_what_is_due_and_how_right_the_books_were(api, sheet):
    due = (await api.get("/counts/due?depot=GZ", role="buyer")).json()
    assert {part["abc_class"] for part in due} == {"C"}
    assert due[0]["consumption_cny"] == "0.00"
    await counted(api, sheet, 10)
    await api.post(f"{sheet}/finish", **GZ)

    (row,) = (await api.get("/counts/accuracy", role="inspector")).json()
    assert (row["depot"], row["lines"], row["share"]) == ("GZ", 2, 1.0)
    assert (await api.get("/counts/policy", role="inspector")).json()["policy"]["a_days"] == 30


async def test_the_value_of_a_difference_is_for_those_who_may_see_costs(api, sheet):
    await counted(api, sheet)
    await api.post(f"{sheet}/finish", **GZ)
    (priced,) = (await api.get(f"{sheet}/differences", role="buyer")).json()

    assert priced["value_cny"] == "260.00"
    assert len(await closing.lines(sheet_id(sheet), seen_by=AUDITOR)) == 2


def sheet_id(address: str) -> str:
    return address.rpartition("/")[2]


async def test_the_sheet_is_printed_blind(api, sheet):
    printed = await api.get(f"{sheet}/papers/count_sheet", **GZ)
    assert (printed.status_code, printed.content[:5]) == (200, b"%PDF-")
    document = pdfium.PdfDocument(printed.content)
    text = document[0].get_textpage().get_text_range()
    # The row alone: the hours the sheet is drawn up and printed at may well read 10 too.
    row = re.search(r"1 A-01.*?(?=2 A-01)", text, re.DOTALL)
    assert row is not None
    assert (FAN in row[0], "10" in re.findall(r"\b\d+\b", row[0])) == (True, False)
    assert (await api.get(f"{sheet}/papers/count_sheet", role="warehouse_keeper", depot="SH")).status_code == 404
    assert (await api.get(f"{sheet}/papers/count_sheet", role="vendor")).status_code == 403
