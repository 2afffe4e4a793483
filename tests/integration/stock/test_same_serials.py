"""Two makers gave one serial: nothing guesses which piece is meant, and the tags to choose from are told."""

import pytest

from api.papers import choosing
from api.papers.choosing import Choice
from inventory.assurance.invariants import violations
from inventory.ground import db
from inventory.requests import waves
from inventory.stock import losses, picking, tags, transfers, units
from inventory.stock.refusals import SerialAmbiguous
from inventory.stock.transfers import TransferItem
from tests.integration.stock.test_provisional import two_makers_one_serial
from tests.world import DRIVE, KEEPER, SETUP

CONTROLLER = "CTRL-1"
BOTH = [TransferItem(part_number=DRIVE, quantity=1), TransferItem(part_number=CONTROLLER, quantity=1)]


@pytest.fixture
async def tagged(company) -> dict[str, str]:
    """Both pieces tagged: the tags by their parts."""
    await two_makers_one_serial()
    made = [await tags.assign("SAME", by=KEEPER, part_number=part) for part in (DRIVE, CONTROLLER)]
    return {unit.part_number: unit.tag or "" for unit in made}


def told(refusal: pytest.ExceptionInfo[SerialAmbiguous]) -> set[str | None]:
    return {piece["tag"] for piece in refusal.value.facts["pieces"]}


async def test_a_piece_in_a_store_is_named_by_its_tag_or_by_a_label_with_its_part(tagged):
    with pytest.raises(SerialAmbiguous) as refusal:
        await units.unit_in("SAME", "GZ", seen_by=KEEPER)

    assert told(refusal) == set(tagged.values())
    assert all(tag in str(refusal.value) for tag in tagged.values())
    for part, tag in tagged.items():
        for code in (tag, f"BJS/{part}/SAME"):
            found = await units.unit_in(code, "GZ", seen_by=KEEPER)
            assert found is not None
            assert found.part_number == part


async def test_a_piece_without_a_tag_is_tagged_by_its_part(company):
    await two_makers_one_serial()

    with pytest.raises(SerialAmbiguous):
        await tags.assign("SAME", by=KEEPER)
    made = await tags.assign("SAME", by=KEEPER, part_number=CONTROLLER)
    assert (await units.unit(made.tag or "", seen_by=KEEPER)).part_number == CONTROLLER


async def test_no_label_is_printed_for_either_of_them(tagged):
    with pytest.raises(SerialAmbiguous) as refusal:
        await choosing.sheet(Choice(kind="unit", codes=["SAME"]), size="a4_3x8", start=1, copies=1, by=KEEPER)
    assert told(refusal) == set(tagged.values())


async def test_of_two_that_are_to_leave_the_tag_says_which(tagged):
    draft = await transfers.draft_transfer("GZ", "SH", BOTH, by=KEEPER)

    with pytest.raises(SerialAmbiguous) as refusal:
        async with db.savepoint():
            await transfers.ship(draft.id, by=KEEPER, serials=["SAME"])
    assert told(refusal) == set(tagged.values())
    shipped = await transfers.ship(draft.id, by=KEEPER, serials=list(tagged.values()))
    assert shipped.state == "shipped"

    with pytest.raises(SerialAmbiguous):
        async with db.savepoint():
            await losses.declare_lost(draft.id, by=SETUP, reason="gone", serials=["SAME"])
    await losses.declare_lost(draft.id, by=SETUP, reason="gone", serials=[tagged[DRIVE]])
    lost = await transfers.transfer_view(draft.id)
    assert {line.part_number: line.lost_quantity for line in lost.lines} == {DRIVE: 1, CONTROLLER: 0}
    assert await violations() == []


async def test_of_two_that_are_to_be_picked_the_tag_says_which(tagged):
    draft = await transfers.draft_transfer("GZ", "SH", BOTH, by=KEEPER)
    walk = await waves.begin_picking("GZ", [draft.number], by=KEEPER)

    with pytest.raises(SerialAmbiguous) as refusal:
        await picking.scan(walk.id, "SAME", by=KEEPER)
    assert told(refusal) == set(tagged.values())
    await picking.scan(walk.id, f"BJS/{CONTROLLER}/SAME", by=KEEPER)
    picked = await picking.scan(walk.id, tagged[DRIVE], by=KEEPER)

    assert {line.state for line in picked.lines if line.serial == "SAME"} == {"picked"}


async def test_over_http_the_refusal_names_the_tags_in_both_languages(api, tagged):
    keeper = {"role": "warehouse_keeper", "depot": "GZ"}
    refused = await api.get("/units/SAME", language="zh", **keeper)
    by_part = await api.post(f"/units/SAME/tag?part={DRIVE}", {"tag": "OURS-1"}, **keeper)

    assert (refused.status_code, refused.json()["code"]) == (409, "serial_ambiguous")
    assert "有 2 件备件使用编号 SAME" in refused.json()["detail"]
    assert all(tag in refused.json()["detail"] for tag in tagged.values())
    assert (by_part.status_code, by_part.json()["tag"]) == (200, "OURS-1")
