"""The pages where stock is moved by hand: new transfers, new reservations, corrections of the books."""

import re
from datetime import timedelta

from inventory.ground import clock, db
from inventory.places import places
from inventory.stock import levels, receipts
from tests.world import DRIVE, FAN, SETUP


async def on_hand(part: str, depot: str) -> int:
    return (await levels.level(part, depot, "common", seen_by=SETUP)).on_hand


async def test_a_transfer_is_drafted_by_one_of_the_ways_there_are(visitor):
    keeper = await visitor("warehouse_keeper", depot="GZ")

    form = (await keeper.get("/transfers/new")).text
    ways = (await keeper.get("/transfers/new/lanes?from_depot=GZ&to_depot=SH")).text
    none = (await keeper.get("/transfers/new/lanes?from_depot=SH&to_depot=ZJ")).text
    lines = {"part_number": [FAN, "", DRIVE], "quantity": ["2", "1", "1"]}
    drafted = await keeper.post(
        "/transfers/new", {"from_depot": "GZ", "to_depot": "SH", "mode": "courier", **lines}, live=False
    )

    assert '<option value="SH"' in form
    for field in ("from_depot", "to_depot"):
        assert re.search(rf'<label class="form-label required" for="{field}">', form)
        assert re.search(rf'<select [^>]*name="{field}" required>', form)
    assert ("快递" in ways, "¥300" in ways) == (True, True)
    assert "没有" in none
    assert drafted.status_code == 303
    page = (await keeper.get(drafted.headers["location"])).text
    assert FAN in page
    assert DRIVE in page


async def test_what_a_vendor_owns_is_sent_on_and_stays_his(visitor):
    line = receipts.Incoming(part_number=FAN, quantity=2)
    await receipts.receive("GZ", [line], by=SETUP, origin="V-DISTI", owner=await places.find_party("DISTI"))
    keeper = await visitor("warehouse_keeper", depot="GZ")

    form = (await keeper.get("/transfers/new")).text
    wanted = {"from_depot": "GZ", "to_depot": "SH", "part_number": FAN, "quantity": "2", "owner": "DISTI"}
    drafted = await keeper.post("/transfers/new", wanted, live=False)
    page = (await keeper.get(drafted.headers["location"])).text

    assert '<option value="DISTI"' in form
    assert '<option value="OWN"' not in form
    assert "所有者 DISTI" in page


async def test_a_transfer_that_cannot_be_is_refused_in_words(own_visitor):
    keeper = await own_visitor("warehouse_keeper", depot="GZ")
    good = {"from_depot": "GZ", "to_depot": "SH", "part_number": FAN, "quantity": "1"}

    for change in (
        {"quantity": "lots"},
        {"quantity": "999"},
        {"part_number": "NOPE"},
        {"to_depot": "GZ"},
        {"to_depot": "NOWHERE"},
        {"mode": "own_car"},
        {"part_number": [FAN, FAN], "quantity": "1"},
        {"part_number": ""},
        {"from_depot": "SH"},
        {"owner": "DISTI"},
        {"owner": "NOBODY"},
    ):
        answer = await keeper.post("/transfers/new", good | change)
        assert answer.status_code in (403, 404, 409, 422), (change, answer.status_code)
    assert await db.fetch_value("SELECT count(*) FROM transfer") == 0


async def test_a_reservation_is_made_and_handed_out_on_its_pages(visitor):
    keeper = await visitor("warehouse_keeper", depot="GZ")
    form = {"part_number": FAN, "depot": "GZ", "quantity": "3", "reference": "INC-9", "priority_class": "planned"}

    made = await keeper.post("/reservations/new", form, live=False)
    path = made.headers["location"]
    shown = (await keeper.get(path)).text
    out = await keeper.post(f"{path}/post", {"quantity": "2", "to": "BANK-GZ", "keep_rest": "yes"}, live=False)

    assert (made.status_code, out.status_code) == (303, 303)
    assert "INC-9" in shown
    assert await on_hand(FAN, "GZ") == 8
    assert await db.fetch_value("SELECT state || ' ' || posted_quantity FROM reservation") == "pending 2"


async def test_what_a_request_was_promised_is_not_handed_out_behind_its_back(own_visitor):
    dispatcher, keeper = await own_visitor("dispatcher"), await own_visitor("warehouse_keeper", depot="GZ")
    asked = {
        "reference": "INC-7",
        "device_serial": "BANK-001",
        "part_number": FAN,
        "quantity": "1",
        "severity": "severe",
    }
    opened = await dispatcher.post("/requests/new", asked, live=False)
    held = await db.fetch_value("SELECT id FROM reservation")

    refused = await keeper.post(f"/reservations/{held}/post", {"quantity": "1"})

    assert opened.status_code == 303
    assert refused.status_code == 409
    assert await on_hand(FAN, "GZ") == 10


async def test_a_reservation_may_begin_later_and_nonsense_is_refused(own_visitor):
    keeper = await own_visitor("warehouse_keeper", depot="GZ")
    form = {"part_number": FAN, "depot": "GZ", "quantity": "3"}
    tomorrow = (clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")

    promised = await keeper.post("/reservations/new", form | {"starts_at": tomorrow}, live=False)
    refused = [
        (await keeper.post("/reservations/new", form | change)).status_code
        for change in ({"quantity": "0"}, {"starts_at": "2001-01-01"}, {"expires_at": "x"}, {"priority_class": "x"})
    ]

    assert promised.status_code == 303
    assert refused == [422, 422, 422, 404]
    assert await db.fetch_value("SELECT string_agg(state, ' ') FROM reservation") == "soft"


async def test_the_books_are_corrected_with_a_reason(visitor):
    supervisor = await visitor("quality_supervisor")
    form = {"depot": "GZ", "part_number": FAN, "direction": "missing", "quantity": "2", "reason": "dropped"}
    serials = {"part_number": DRIVE, "direction": "found", "quantity": "", "serials": "NEW-1\nNEW-2"}

    lost = await supervisor.post("/adjustments/new", form, live=False)
    found = await supervisor.post("/adjustments/new", form | serials, live=False)

    assert (lost.status_code, found.status_code) == (303, 303)
    assert (await on_hand(FAN, "GZ"), await on_hand(DRIVE, "GZ")) == (8, 7)
    assert "NEW-1" in (await supervisor.get(found.headers["location"])).text


async def test_a_correction_that_cannot_be_leaves_the_books_alone(own_visitor):
    supervisor = await own_visitor("quality_supervisor")
    form = {"depot": "GZ", "part_number": FAN, "direction": "missing", "quantity": "2", "reason": "dropped"}

    for change in (
        {"quantity": "99"},
        {"quantity": "-1"},
        {"quantity": ""},
        {"reason": " "},
        {"direction": "sideways"},
        {"condition": "shiny"},
        {"pool": "NOPE"},
        {"part_number": DRIVE},
    ):
        answer = await supervisor.post("/adjustments/new", form | change)
        assert answer.status_code in (403, 404, 409, 422), (change, answer.status_code)
    assert await on_hand(FAN, "GZ") == 10
