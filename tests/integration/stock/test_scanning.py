"""Scanning: what a code is in the books, in the reader's scope, and how a piece comes by its tag."""

import pytest

from inventory.assurance import finding
from inventory.ground import db
from inventory.ground.errors import NotGranted, Unknown
from inventory.places import bins
from inventory.places.bins import NewBin
from inventory.stock import codes, receipts, scanning, tags, units
from inventory.stock.moves import Spot
from inventory.stock.refusals import TagIsASerial, TagNotPrintable, TagRepeated
from tests.world import AUDITOR, DRIVE, FAN, KEEPER, PSU, SETUP, SH_KEEPER

LABEL = "[)>\x1e06\x1d1P{part}\x1dS{serial}\x1e\x04"


async def test_a_piece_is_known_by_serial_tag_and_label(company):
    tagged = await tags.assign("ZL2-0001", by=KEEPER)

    for text in (
        "ZL2-0001",
        tagged.tag,
        tagged.tag.lower(),
        codes.unit_code(DRIVE, "ZL2-0001", None),
        LABEL.format(part=DRIVE, serial="ZL2-0001"),
        "SZL2-0001",
    ):
        found = await scanning.identify(text, seen_by=KEEPER)
        assert (found.kind, found.serial, found.part_number, found.other_part) == ("unit", "ZL2-0001", DRIVE, None)


async def test_a_part_is_known_by_number_alias_and_our_label(company):
    for text in (PSU, "0YT39Y", codes.part_code(PSU), "1P0YT39Y", "PN:0YT39Y"):
        found = await scanning.identify(text, seen_by=KEEPER)
        assert (found.kind, found.part_number, found.serial) == ("part", PSU, None)


async def test_a_new_piece_of_a_makers_label_gives_its_serial_and_our_number_of_the_part(company):
    found = await scanning.identify(LABEL.format(part="0YT39Y", serial="CN-77"), seen_by=KEEPER)

    assert (found.kind, found.serial, found.part_number, found.part.name_en) == (
        "unknown",
        "CN-77",
        PSU,
        "750 W power supply",
    )


async def test_a_label_that_names_another_part_than_the_books_says_so(company):
    found = await scanning.identify(LABEL.format(part=PSU, serial="ZL2-0001"), seen_by=KEEPER)

    assert (found.kind, found.part_number, found.other_part) == ("unit", DRIVE, PSU)


async def test_two_makers_with_one_serial_are_told_apart_by_the_part_or_not_at_all(company):
    await receipts.receive(
        "GZ", [receipts.Incoming(part_number=DRIVE, quantity=1, serials=["TWIN-1"])], by=KEEPER, origin="V-DISTI"
    )
    twin = await db.fetch_value("SELECT id FROM part WHERE part_number = $1", PSU)  # another maker's
    row = await db.fetch_one("SELECT place, condition, owner, pool FROM unit WHERE serial = 'TWIN-1'")
    rival = await units.enter_new(twin, "TWIN-1", Spot(**dict(row)), "unproven", "a second maker")
    plain = await scanning.identify("TWIN-1", seen_by=SETUP)
    labelled = await scanning.identify(LABEL.format(part=DRIVE, serial="TWIN-1"), seen_by=SETUP)

    assert plain.kind == "unknown"
    assert labelled.unit.id != rival
    assert labelled.part_number == DRIVE


async def test_a_bin_is_known_in_its_store(company):
    await bins.enter_bins([NewBin(place="GZ", code=code) for code in ("A-01-02", "A-01-03")], by=KEEPER)
    code = codes.bin_code("GZ", "A-01-02")

    assert (await scanning.identify(code, seen_by=KEEPER)).bin == bins.BinView(depot="GZ", code="A-01-02", pieces=0)
    assert (await scanning.identify(code, seen_by=SH_KEEPER)).kind == "unknown"


async def test_what_lies_elsewhere_is_not_known_here(company):
    assert (await scanning.identify("ZL2-0001", seen_by=SH_KEEPER)).kind == "unknown"


@pytest.mark.parametrize("text", ["", "\x00", "NOPE", "S", "BJ00000001", "'; DROP TABLE unit; --"])
async def test_what_nobody_knows_stays_unknown(company, text):
    assert (await scanning.identify(text, seen_by=SETUP)).kind == "unknown"


async def test_new_tags_differ_and_hold_their_check(company):
    first, second = await tags.assign("ZL2-0001", by=KEEPER), await tags.assign("ZL2-0002", by=KEEPER)

    assert first.tag != second.tag
    assert codes.is_our_tag(first.tag)
    assert codes.is_our_tag(second.tag)
    assert (await units.unit(first.tag, seen_by=KEEPER)).serial == "ZL2-0001"


async def test_a_tag_is_one_pieces_and_an_earlier_one_ends(company):
    await tags.assign("ZL2-0001", "A-17", by=KEEPER)

    with pytest.raises(TagRepeated):
        await tags.assign("ZL2-0002", "A-17", by=KEEPER)
    await tags.assign("ZL2-0001", "A-18", by=KEEPER)
    assert (await tags.assign("ZL2-0002", "A-17", by=KEEPER)).tag == "A-17"


async def test_a_tag_that_is_another_pieces_serial_is_refused(company):
    with pytest.raises(TagIsASerial):
        await tags.assign("ZL2-0001", "ZL2-0002", by=KEEPER)


@pytest.mark.parametrize("tag", ["", "A", "A 17", "备件-17", "A\x0017", "x" * 41])
async def test_a_tag_must_be_printable(company, tag):
    with pytest.raises(TagNotPrintable):
        await tags.assign("ZL2-0001", tag, by=KEEPER)


async def test_only_those_who_receive_there_tag(company):
    with pytest.raises(NotGranted):
        await tags.assign("ZL2-0001", by=AUDITOR)
    with pytest.raises(Unknown):
        await tags.assign("ZL2-0001", by=SH_KEEPER)


async def test_the_scan_route_answers_with_what_it_is(api):
    unit = (await api.get("/scan", params={"text": "ZL2-0001"}, role="warehouse_keeper", depot="GZ")).json()
    fan = (await api.get("/scan", params={"text": codes.part_code(FAN)}, role="engineer")).json()
    nothing = await api.get("/scan", role="engineer")
    missing = await api.get("/scan", params={"text": "TR-26-999999"}, role="engineer", language="zh")

    assert (unit["found"]["kind"], unit["found"]["part_number"]) == ("unit", DRIVE)
    assert (fan["found"]["kind"], fan["found"]["part"]["name_zh"]) == ("part", "2U 风扇")
    assert nothing.status_code == 422
    assert (missing.status_code, missing.json()["detail"]) == (404, "找不到单据“TR-26-999999”。")


async def test_the_tag_route_climbs_its_ladder(api):
    address = "/units/ZL2-0001/tag"
    body = {"tag": "A-17"}

    assert (await api.post(address, body, role=None)).status_code == 401
    assert (await api.post(address, body, role="engineer")).status_code == 403
    assert (await api.post(address, body, role="warehouse_keeper", depot="SH")).status_code == 404
    assert (await api.post(address, {"tag": 17}, role="warehouse_keeper", depot="GZ")).status_code == 422
    refused = await api.post(address, {"tag": "ZL2-0002"}, role="warehouse_keeper", depot="GZ")
    assert (refused.status_code, refused.json()["code"]) == (409, "tag_is_a_serial")
    done = await api.post(address, body, role="warehouse_keeper", depot="GZ", idempotency_key="k-1")
    again = await api.post(address, body, role="warehouse_keeper", depot="GZ", idempotency_key="k-1")
    assert (done.status_code, done.json()["tag"]) == (200, "A-17")
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_the_search_finds_what_a_scanner_sent(api):
    receipt = await receipts.receive(
        "GZ", [receipts.Incoming(part_number=FAN, quantity=1)], by=KEEPER, origin="V-DISTI"
    )
    assert await finding.find(codes.part_code(FAN), seen_by=KEEPER) == finding.Found("part", FAN)
    assert await finding.find(receipt.number.lower(), seen_by=KEEPER) == finding.Found("receipt", receipt.number)
    assert await finding.find(LABEL.format(part=DRIVE, serial="ZL2-0001"), seen_by=KEEPER) == finding.Found(
        "unit", "ZL2-0001"
    )
    assert await finding.find(receipt.number, seen_by=SH_KEEPER) is None
