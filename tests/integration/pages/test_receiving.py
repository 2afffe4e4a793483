"""The dock's pages: scanning in, putting away, judging, handing in, losing and finding."""

import pytest

from inventory.ground import db
from inventory.places import bins
from inventory.places.bins import NewBin
from inventory.procurement import announcing
from inventory.stock import conditions, placing, receipts, shipments, transfers, units
from inventory.stock.notices import NewNoticeLine
from inventory.stock.pieces import Pieces
from inventory.stock.transfers import TransferItem
from tests.integration.procurement.test_deliveries import VENDOR, soon
from tests.integration.procurement.test_orders import placed
from tests.world import AUDITOR, DRIVE, FAN, KEEPER, PSU, SETUP


async def announced() -> str:
    order = await placed((DRIVE, 2), (FAN, 3))
    lines = [
        NewNoticeLine(part_number=DRIVE, quantity=2, serials=["A-1", "A-2"]),
        NewNoticeLine(part_number=FAN, quantity=3),
    ]
    return (await announcing.announce_order(order.number, lines, by=VENDOR, due_at=soon())).number


async def test_the_dock_ticks_flags_and_books(visitor):
    number = await announced()
    keeper = await visitor("warehouse_keeper", depot="GZ")
    assert number in (await keeper.get("/receiving")).text
    assert "A-2" in (await keeper.get(f"/receiving/{number}")).text

    carried: dict[str, object] = {"counted": [FAN], "count": ["0"], "broken": ["0"], "piece": []}
    for scan in ("A-1", "A-2", "ZL2-0001"):
        page = await keeper.post(f"/receiving/{number}/scan", {**carried, "scan": scan})
        assert page.status_code == 200, page.text
        carried["piece"] = [*carried["piece"], f"{DRIVE}|{scan}"]
        assert f'value="{DRIVE}|{scan}"' in page.text
    assert "序列号重复" in page.text
    page = await keeper.post(f"/receiving/{number}/scan", {**carried, "scan": FAN})
    assert 'name="count" min="0" max="100000" value="1"' in page.text

    book = {**carried, "count": ["3"], "why_of": [f"{DRIVE}|duplicate_serial"], "why": [""]}
    refused = await keeper.post(f"/receiving/{number}/book", book)
    assert (refused.status_code, "未说明原因" in refused.text) == (422, True)
    done = await keeper.post(f"/receiving/{number}/book", {**book, "why": ["relabelled?"]})
    (receipt,) = await receipts.receipts(limit=2, seen_by=AUDITOR)
    assert (done.status_code, done.headers["HX-Redirect"]) == (204, f"/receipts/{receipt.number}")
    assert "relabelled?" in (await keeper.get(f"/receipts/{receipt.number}")).text
    assert receipt.number in (await keeper.get("/receipts?differing=yes")).text


async def test_what_goes_on_belonging_to_a_vendor_is_booked_as_his(visitor):
    order = await placed((FAN, 2))
    keeper = await visitor("warehouse_keeper", depot="GZ")
    form = {"counted": [FAN], "count": ["2"], "broken": ["0"], "owner": "DELL"}

    fresh = await keeper.get(f"/receiving/{order.number}")
    carried = await keeper.post(f"/receiving/{order.number}/scan", {**form, "scan": ""})
    unknown = await keeper.post(f"/receiving/{order.number}/book", {**form, "owner": "NOBODY"})
    booked = await keeper.post(f"/receiving/{order.number}/book", form)

    assert '<option value="DELL" >' in fresh.text
    assert '<option value="DELL" selected>' in carried.text
    assert (unknown.status_code, booked.status_code) == (404, 204)
    rows = await db.fetch(
        """SELECT party.code, on_hand FROM level JOIN part ON part.id = level.part JOIN party ON party.id = level.owner
           JOIN place ON place.id = level.place WHERE part_number = $1 AND place.code = 'GZ' ORDER BY party.code""",
        FAN,
    )
    assert {row["code"]: row["on_hand"] for row in rows} == {"DELL": 2, "OWN": 10}
    (receipt,) = await receipts.receipts(limit=2, seen_by=AUDITOR)
    listed, shown = await keeper.get("/receipts"), await keeper.get(f"/receipts/{receipt.number}")
    english = await keeper.get(f"/receipts/{receipt.number}", language="en")
    assert [(line.owner, line.ours) for line in receipt.lines] == [("DELL", False)]
    assert ("所有者 DELL" in listed.text, "所有者 DELL" in shown.text) == (True, True)
    assert "belongs to DELL" in english.text


async def test_nobody_is_asked_whose_a_transfer_is(visitor):
    draft = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=2)], by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER)
    keeper = await visitor("warehouse_keeper", depot="SH")

    assert 'name="owner"' not in (await keeper.get(f"/receiving/{draft.number}")).text


async def test_a_serial_that_could_be_of_several_parts_asks_which(visitor):
    order = await placed((DRIVE, 1), (PSU, 2))
    keeper = await visitor("warehouse_keeper", depot="GZ")
    fan = await keeper.post(f"/receiving/{order.number}/scan", {"scan": FAN})
    assert "错件" in fan.text
    first = await keeper.post(f"/receiving/{order.number}/scan", {"scan": "X-1"})
    assert f'value="{DRIVE}|X-1"' in first.text
    removed = await keeper.post(
        f"/receiving/{order.number}/scan", {"piece": [f"{DRIVE}|X-1"], "taken_off": f"{DRIVE}|X-1"}
    )
    assert f'value="{DRIVE}|X-1"' not in removed.text


async def test_what_is_missing_is_booked_with_what_was_said_of_it(visitor):
    number = await announced()
    keeper = await visitor("warehouse_keeper", depot="GZ")
    form = {
        "piece": f"{DRIVE}|A-1",
        "counted": FAN,
        "count": "2",
        "broken": "1",
        "short": FAN,
        "why_of": [f"{DRIVE}|partial", f"{FAN}|short", f"{FAN}|damaged"],
        "why": ["tomorrow", "out of production", "crushed"],
    }
    assert (await keeper.post(f"/receiving/{number}/book", form, live=False)).status_code == 303
    (receipt,) = await receipts.receipts(limit=2, seen_by=AUDITOR)

    assert {(line.difference, line.reason) for line in receipt.lines} == {
        (None, ""),
        ("damaged", "crushed"),
        ("partial", "tomorrow"),
        ("short", "out of production"),
    }


async def test_putting_away_scan_by_scan_and_row_by_row(visitor):
    await bins.enter_bins([NewBin(place="GZ", code="A-01-1")], by=SETUP)
    keeper = await visitor("warehouse_keeper", depot="GZ")
    entered = await keeper.post("/bins", {"depot": "GZ", "codes": "A-02-1\nA-02-2"})
    assert entered.status_code == 303
    one = await keeper.post("/put-away", {"depot": "GZ", "piece": "ZL2-0001", "bin": "A-01-1"})
    row = {"depot": "GZ", "part_number": FAN, "quantity": "10", "bin": "A-02-1"}
    many = await keeper.post("/put-away", row)
    again = await keeper.post("/put-away", {"depot": "GZ", "piece": PSU, "quantity": "2", "bin": "A-02-2"})
    nowhere = await keeper.post("/put-away", {"depot": "GZ", "piece": PSU, "bin": "Z-9"})

    assert [answer.status_code for answer in (one, many, again, nowhere)] == [303, 303, 303, 404]
    lying = {(c.bin, c.part_number): c.quantity for c in await placing.contents("GZ", limit=99, seen_by=AUDITOR)}
    assert (lying["A-01-1", DRIVE], lying["A-02-1", FAN], lying["A-02-2", PSU]) == (1, 10, 2)
    page = (await keeper.get("/put-away?depot=GZ")).text
    assert 'value="A-01-1"' in page  # four drives wait, and one lies there already
    assert "ZL2-0001" in (await keeper.get("/bins/GZ/A-01-1")).text
    assert (await keeper.get("/bins/GZ/NOPE")).status_code == 404


async def test_a_part_is_handed_in_identified_judged_and_passed_by_those_who_may(visitor):
    keeper, supervisor = await visitor("warehouse_keeper", depot="GZ"), await visitor("quality_supervisor")
    handed = await keeper.post("/hand-ins", {"depot": "GZ", "what": "蓝色手柄硬盘", "serial": "N-1"})
    tag = handed.headers["location"].rpartition("/")[2]
    page = (await keeper.get(f"/conditions/judge?depot=GZ&part=UNIDENTIFIED&condition=unknown&piece={tag}")).text
    assert f"/conditions/{tag}/identify" in page
    assert (await keeper.post(f"/conditions/{tag}/identify", {"part_number": DRIVE})).status_code == 303

    judge = {"depot": "GZ", "part_number": DRIVE, "piece": "N-1"}
    for was, becomes in (("unknown", "in_test"), ("in_test", "defective"), ("defective", "in_test")):
        form = {**judge, "was": was, "becomes": becomes, "finding": "bench"}
        assert (await keeper.post("/conditions/judge", form)).status_code == 303
    good = {**judge, "was": "in_test", "becomes": "good", "finding": "clean"}
    assert (await keeper.post("/conditions/judge", good)).status_code == 403
    assert (await supervisor.post("/conditions/judge", good)).status_code == 303
    assert (await units.unit("N-1", seen_by=AUDITOR)).condition == "good"


async def test_scrap_waits_for_the_second_person(visitor):
    await conditions.judge(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "good", "defective", by=KEEPER, reason="dead")
    keeper, supervisor = await visitor("warehouse_keeper", depot="GZ"), await visitor("quality_supervisor")
    form = {"depot": "GZ", "part_number": DRIVE, "was": "defective", "piece": "ZL2-0001", "becomes": "scrapped"}
    assert (await keeper.post("/conditions/judge", {**form, "finding": "beyond repair"})).status_code == 303
    (proposal,) = await conditions.scrappings(limit=2, seen_by=AUDITOR)
    decide = f"/scrappings/{proposal.number}/decide"

    assert (await keeper.post(decide, {"approve": "yes"})).status_code == 403
    assert decide in (await supervisor.get("/conditions")).text
    assert (await supervisor.post(decide, {"approve": "yes"})).status_code == 303
    assert (await units.unit("ZL2-0001", seen_by=AUDITOR)).condition == "scrapped"


async def test_a_transfer_is_lost_and_found_from_its_page(visitor):
    draft = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=2)], by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER)
    supervisor = await visitor("quality_supervisor")
    assert (await supervisor.post(f"/transfers/{draft.id}/lost", {"reason": "van stolen"})).status_code == 303
    assert "丢失结案" in (await supervisor.get(f"/transfers/{draft.id}")).text
    (shipment,) = await shipments.shipments(limit=2, seen_by=KEEPER, document=draft.number)
    told = (await supervisor.get(f"/shipments/{shipment.id}")).text
    assert all(words in told for words in ("全部未到货", "van stolen", f"/find?q={draft.number}", "登记丢失"))
    assert shipment.number in (await supervisor.get("/shipments?state=lost")).text
    assert (await supervisor.post(f"/transfers/{draft.id}/found", {"reason": "van found"})).status_code == 303
    assert (await transfers.transfer_view(draft.id)).state == "shipped"


@pytest.mark.parametrize("what", ["", "some box"])
async def test_only_nothing_at_all_is_not_taken(visitor, what):
    keeper = await visitor("warehouse_keeper", depot="GZ")
    answer = await keeper.post("/hand-ins", {"depot": "GZ", "what": what})
    assert answer.status_code == (303 if what else 422)
