"""Batches: where their pieces are, and blocking those on shelves, all of them or none."""

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import db, events
from inventory.ground.errors import InventoryError, NotGranted, NotYourDepot, ReasonMissing, Unknown
from inventory.procurement import release
from inventory.stock import batches, reservations, transfers
from inventory.stock.batches import BatchPromised, NothingOnShelf
from inventory.stock.pieces import Pieces
from tests.integration.emergency.test_radar import delivered
from tests.integration.requests.test_debriefing import issued
from tests.world import AUDITOR, DRIVE, ENGINEER, FAN, KEEPER, PSU, SH_KEEPER, SUPERVISOR, actor


async def conditions_of(part: str) -> dict[tuple[str, str], int]:
    rows = await db.fetch(
        """SELECT place.code, condition, sum(on_hand)::int AS pieces FROM level JOIN part ON part.id = level.part
           JOIN place ON place.id = level.place WHERE part_number = $1 AND on_hand > 0 GROUP BY 1, 2""",
        part,
    )
    return {(row["code"], row["condition"]): row["pieces"] for row in rows}


async def sent_to_shanghai(part: str, quantity: int, serials: tuple[str, ...] = ()) -> None:
    item = transfers.TransferItem(part_number=part, quantity=quantity)
    draft = await transfers.draft("GZ", "SH", [item], by=KEEPER)
    await transfers.ship(draft.id, by=KEEPER, serials=serials)
    await transfers.take_in(draft.id, by=SH_KEEPER)


async def test_a_batch_is_blocked_in_every_store_by_lines_of_the_ledger(own_company):
    receipt = await delivered(DRIVE, 6)
    await sent_to_shanghai(DRIVE, 2, ("N-0", "N-1"))
    found = await batches.quarantine(receipt, DRIVE, by=SUPERVISOR, reason="nine of them died")

    assert await conditions_of(DRIVE) == {("GZ", "good"): 5, ("GZ", "quarantine"): 4, ("SH", "quarantine"): 2}
    assert sorted(view.serial for view in found) == [f"N-{n}" for n in range(6)]
    assert {view.finding for view in found} == {f"{receipt}: nine of them died"}
    assert [(each.place, each.condition, each.quantity) for each in await whereabouts(receipt, DRIVE)] == [
        ("GZ", "quarantine", 4),
        ("SH", "quarantine", 2),
    ]
    assert await violations() == []


async def whereabouts(receipt: str, part: str) -> list[batches.BatchPlace]:
    return await batches.whereabouts(receipt, part, seen_by=AUDITOR)


async def test_of_parts_without_serials_only_the_batchs_own_pieces_are_blocked(own_company):
    receipt = await delivered(FAN, 8)
    await batches.quarantine(receipt, FAN, by=SUPERVISOR, reason="bearings")

    assert await conditions_of(FAN) == {("GZ", "good"): 10, ("GZ", "quarantine"): 8, ("SH", "good"): 4}
    assert await violations() == []


async def test_a_blocked_batch_is_freed_by_a_passed_inspection(own_company):
    receipt = await delivered(DRIVE, 2)
    await batches.quarantine(receipt, DRIVE, by=SUPERVISOR, reason="looked bad")
    await release.release(
        Pieces("GZ", DRIVE, serials=["N-0", "N-1"]), "quarantine", by=SUPERVISOR, finding="all of them run"
    )

    assert await conditions_of(DRIVE) == {("GZ", "good"): 7}
    assert await violations() == []


def said(refusal: InventoryError) -> tuple[str, str]:
    return refusal.sentence("en"), refusal.sentence("zh")


async def test_nothing_is_blocked_where_some_are_promised(company):
    receipt = await delivered(FAN, 8)
    await reservations.hold(FAN, "GZ", 15, by=KEEPER)

    with pytest.raises(BatchPromised) as refusal:
        await batches.quarantine(receipt, FAN, by=SUPERVISOR, reason="bearings")
    english, chinese = said(refusal.value)
    assert "5 at GZ are promised or picked; only 3 can be blocked" in english
    assert "有 5 件已预留或已拣出，仅 3 件可隔离" in chinese
    assert await conditions_of(FAN) == {("GZ", "good"): 18, ("SH", "good"): 4}


async def test_who_does_not_serve_every_store_of_a_batch_blocks_nothing(company):
    receipt = await delivered(DRIVE, 4)
    await sent_to_shanghai(DRIVE, 1, ("N-3",))

    with pytest.raises(NotYourDepot) as refusal:
        await batches.quarantine(receipt, DRIVE, by=KEEPER, reason="bad")
    english, chinese = said(refusal.value)
    assert "does not serve it" in english
    assert "不负责该备件库" in chinese
    assert ("GZ", "quarantine") not in await conditions_of(DRIVE)


async def test_a_batch_that_left_the_shelves_is_refused_in_both_languages(company):
    receipt = await delivered(DRIVE, 2)
    await batches.quarantine(receipt, DRIVE, by=KEEPER, reason="bad")

    with pytest.raises(NothingOnShelf) as refusal:
        await batches.quarantine(receipt, DRIVE, by=KEEPER, reason="bad")
    english, chinese = said(refusal.value)
    assert f"from receipt {receipt} lies on a shelf" in english
    assert "在架上已无好件" in chinese


async def test_blocking_takes_the_right_a_reason_and_a_receipt(company):
    receipt = await delivered(DRIVE, 2)
    with pytest.raises(NotGranted):
        await batches.quarantine(receipt, DRIVE, by=ENGINEER, reason="bad")
    with pytest.raises(ReasonMissing):
        await batches.quarantine(receipt, DRIVE, by=KEEPER, reason="  ")
    with pytest.raises(Unknown):
        await batches.quarantine("GR-0", DRIVE, by=KEEPER, reason="bad")
    assert await conditions_of(DRIVE) == {("GZ", "good"): 7}


async def test_where_a_batch_lies_is_told_of_the_readers_stores(company):
    receipt = await delivered(DRIVE, 4)
    await sent_to_shanghai(DRIVE, 1, ("N-3",))

    assert [each.place for each in await batches.whereabouts(receipt, DRIVE, seen_by=SH_KEEPER)] == ["SH"]


async def test_a_customers_reader_is_told_no_other_customers_site(company):
    receipt = await delivered(DRIVE, 4)
    await issued(DRIVE, 1, "N-3")

    async def places(contract: str) -> list[str]:
        reader = actor("project_manager", contracts={contract})
        return [each.place for each in await batches.whereabouts(receipt, DRIVE, seen_by=reader)]

    assert [each.place for each in await whereabouts(receipt, DRIVE)] == ["BANK-GZ", "GZ"]
    assert await places("C-BANK") == ["BANK-GZ", "GZ"]
    assert await places("C-TELCO") == ["GZ"]


async def test_a_customers_reader_is_told_no_other_customers_pool(company):
    receipt = await delivered(PSU, 4, vendor="DELL", pool="C-TELCO")

    async def pools(contract: str) -> list[str]:
        reader = actor("project_manager", contracts={contract})
        return [each.pool for each in await batches.whereabouts(receipt, PSU, seen_by=reader)]

    assert await pools("C-TELCO") == ["C-TELCO"]
    assert await pools("C-BANK") == []


async def test_events_of_a_blocked_batch_go_to_its_stores(own_company):
    receipt = await delivered(DRIVE, 4)
    await sent_to_shanghai(DRIVE, 1, ("N-3",))
    await batches.quarantine(receipt, DRIVE, by=SUPERVISOR, reason="bad")

    async def depots(reader) -> list[str]:
        found = await events.since(0, limit=1000, seen_by=reader)
        return [event.payload["depot"] for event in found if event.kind == "batch.quarantined"]

    assert await depots(AUDITOR) == ["GZ", "SH"]
    assert await depots(actor("dispatcher", depots={"SH"})) == ["SH"]
    assert await depots(actor("dispatcher", contracts={"C-BANK"})) == []
