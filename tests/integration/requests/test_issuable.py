"""The provenance gate at issue: a contract is promised, and given, only what is proven enough for it."""

import random

import pytest

from inventory.assurance.invariants import violations
from inventory.catalogue.grades import GRADES, Provenance, is_at_least
from inventory.ground import db
from inventory.requests import availability, backorders, requests, shipping, waves
from inventory.stock import picking, receipts, reservations, reserving
from inventory.stock.issuable import SourceTooLow
from inventory.stock.refusals import InsufficientStock
from tests.integration.requests.test_requests import new
from tests.integration.stock.test_reservations import level
from tests.world import DISPATCHER, DRIVE, FAN, KEEPER, PSU, SETUP


async def grade(provenance: Provenance, *serials: str) -> None:
    await db.execute("UPDATE unit SET provenance = $1 WHERE serial = ANY($2)", provenance, list(serials))


async def ask(reference: str, quantity: int = 1, part: str = DRIVE) -> requests.RequestView:
    return await requests.open_request(new((part, quantity), reference=reference), by=DISPATCHER)


async def test_only_what_a_contract_may_be_given_is_promised_to_it(company):
    await grade("recovered", "ZL2-0000", "ZL2-0001", "ZL2-0002")
    await grade("broker", "ZL2-0003")

    first, second = await ask("A"), await ask("B")

    assert [line.state for line in first.lines] == ["reserved"]
    assert (second.lines[0].state, second.lines[0].promise.firm) == ("backordered", False)
    assert (await level(DRIVE, "GZ")).free == 4
    assert await violations() == []


async def test_availability_for_a_device_counts_what_its_contract_may_be_given(company):
    await grade("pulled", "ZL2-0000", "ZL2-0001")

    for_all = await availability.availability(DRIVE, site=None, need_by=None, quantity=1)
    for_one = await availability.availability(DRIVE, site=None, need_by=None, quantity=1, device="BANK-001")

    assert (for_all.free_in_network, for_one.free_in_network) == (5, 3)


async def test_a_lower_unit_is_not_shipped_and_the_refusal_names_what_would_do(company):
    await grade("broker", "ZL2-0000")
    request = await ask("A")

    with pytest.raises(SourceTooLow) as refusal:
        await shipping.ship(request.id, by=KEEPER, serials=["ZL2-0000"])

    facts = refusal.value.facts
    assert (facts["what"], facts["grade"], facts["needed"]) == ("ZL2-0000", "broker", "authorised_channel")
    assert [unit["what"] for unit in facts["here"]] == ["ZL2-0001", "ZL2-0002", "ZL2-0003", "ZL2-0004"]
    assert "ZL2-0001" in refusal.value.sentence("en")
    assert "贸易商" in refusal.value.sentence("zh")
    assert (await level(DRIVE, "GZ")).reserved == 1
    shipped = await shipping.ship(request.id, by=KEEPER, serials=["ZL2-0003"])
    assert shipped.state == "shipped"


async def test_what_leaves_without_a_serial_named_is_good_enough(company):
    await grade("broker", "ZL2-0000", "ZL2-0001", "ZL2-0002")
    request = await ask("A")

    await shipping.ship(request.id, by=KEEPER)

    left = await db.fetch_value("SELECT serial FROM unit JOIN place ON place.id = unit.place WHERE place.kind = 'site'")
    assert left == "ZL2-0003"


async def test_whoever_asks_less_is_given_the_lower_ones(company):
    await db.execute("UPDATE contract SET minimum_provenance = 'pulled' WHERE code = 'C-BANK'")
    await grade("pulled", "ZL2-0004")
    await grade("unproven", "ZL2-0000")
    request = await ask("A")

    pick_list = await waves.begin_picking("GZ", [request.number], by=KEEPER)

    assert [line.serial for line in pick_list.lines] == ["ZL2-0004"]


async def test_a_lower_unit_is_not_picked_either(company):
    await grade("pulled", "ZL2-0000")
    request = await ask("A")
    pick_list = await waves.begin_picking("GZ", [request.number], by=KEEPER)
    assert [line.serial for line in pick_list.lines] == ["ZL2-0001"]

    with pytest.raises(SourceTooLow):
        await picking.scan(pick_list.id, "ZL2-0000", by=KEEPER)

    await picking.scan(pick_list.id, "ZL2-0002", by=KEEPER)
    assert (await shipping.ship(request.id, by=KEEPER)).state == "shipped"


async def test_pieces_without_serials_leave_from_lots_that_are_good_enough(company):
    await db.execute(
        "UPDATE lot SET provenance = 'broker' FROM part WHERE part.id = lot.part AND part_number = $1", FAN
    )
    await receipts.receive(
        "GZ",
        [receipts.Incoming(part_number=FAN, quantity=2, lot="NEW", provenance="authorised_channel")],
        by=KEEPER,
        origin="V-DISTI",
    )

    first, second = await ask("A", 2, FAN), await ask("B", 1, FAN)
    assert (first.lines[0].state, second.lines[0].state) == ("reserved", "backordered")

    await shipping.ship(first.id, by=KEEPER)
    left = await db.fetch("SELECT lot.number FROM movement JOIN lot ON lot.id = movement.lot WHERE kind = 'issue'")
    assert [row["number"] for row in left] == ["NEW"]
    assert await violations() == []


async def test_stock_that_comes_goes_to_whoever_may_be_given_it(company):
    await db.execute("UPDATE contract SET minimum_provenance = 'maker_direct' WHERE code = 'C-BANK'")
    request = await ask("A", 1, PSU)
    assert request.lines[0].state == "backordered"
    at = await db.fetch_one("SELECT part, source_place, pool FROM request_line WHERE request = $1", request.id)
    assert at is not None

    assert await backorders.fill_backorders(at["part"], at["source_place"], at["pool"], by=SETUP) == 0
    assert await backorders.renew_promises(by=SETUP) == 0
    await receipts.adjust("GZ", PSU, 1, by=SETUP, reason="from the maker", provenance="maker_direct")

    assert await backorders.fill_backorders(at["part"], at["source_place"], at["pool"], by=SETUP) == 1
    assert await violations() == []


async def test_what_is_handed_out_at_a_customers_site_is_what_the_contracts_there_ask(company):
    await grade("broker", "ZL2-0000")
    held = await reservations.reserve(DRIVE, "GZ", 1, by=KEEPER)

    with pytest.raises(SourceTooLow):
        await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", serials=["ZL2-0000"])

    await reservations.post_reservation(held.id, by=KEEPER, to="ISSUED", serials=["ZL2-0000"])


async def test_the_same_lot_number_from_another_source_is_another_lot(company):
    async def brought(provenance: str) -> str | None:
        line = receipts.Incoming(part_number=FAN, quantity=1, lot="B-9", provenance=provenance, condition="quarantine")
        return (await receipts.receive("GZ", [line], by=KEEPER, origin="V-DISTI")).lines[0].lot

    assert await brought("authorised_channel") == "B-9"
    assert await brought("broker") == "B-9·broker"
    assert await brought("broker") == "B-9·broker"
    assert await brought("authorised_channel") == "B-9"


async def test_a_purpose_that_asks_for_more_than_there_is_is_told_so(company):
    with pytest.raises(SourceTooLow):
        await reservations.reserve(DRIVE, "GZ", 1, by=KEEPER, least="maker_direct")
    with pytest.raises(InsufficientStock):
        await reservations.reserve(DRIVE, "GZ", 6, by=KEEPER, least="maker_direct")
    held = await reserving.hold_each(
        [
            reserving.Wanted(part_number=DRIVE, depot="GZ", quantity=1, by=KEEPER, least=least)
            for least in ("maker_direct", "authorised_channel", None)
        ]
    )
    assert [each is not None for each in held] == [False, True, True]


def matched(pieces: list[Provenance], asked: list[Provenance]) -> bool:
    """Whether every purpose can have a piece of its own, by trying them all."""
    if not asked:
        return True
    return any(
        is_at_least(piece, asked[0]) and matched(pieces[:at] + pieces[at + 1 :], asked[1:])
        for at, piece in enumerate(pieces)
    )


async def test_what_is_issuable_is_what_can_be_matched_by_brute_force(company):
    luck = random.Random(7)  # noqa: S311  repeatable, guards nothing
    spot = await db.fetch_one(
        """SELECT level.id, level.part FROM level JOIN part ON part.id = level.part
           WHERE part_number = $1 AND condition = 'good' AND on_hand = 5""",
        DRIVE,
    )
    assert spot is not None
    serials = [row["serial"] for row in await db.fetch("SELECT serial FROM unit WHERE part = $1", spot["part"])]
    for _ in range(60):
        pieces = [luck.choice(GRADES) for _ in serials]
        for serial, provenance in zip(serials, pieces, strict=True):
            await grade(provenance, serial)
        held: list[Provenance] = []
        await db.execute("DELETE FROM reservation WHERE level = $1", spot["id"])
        await db.execute("UPDATE level SET reserved = 0 WHERE id = $1", spot["id"])
        for _ in range(luck.randrange(4)):
            least = luck.choice([*GRADES[:6], None])
            if matched(pieces, [*held, least or "unproven"]):
                held.append(least or "unproven")
                await reservations.hold(DRIVE, "GZ", 1, by=KEEPER, least=least)
        asked = luck.choice(GRADES[:6])

        found = await db.fetch_value("SELECT issuable($1, $2)", spot["id"], asked)

        most = max(n for n in range(6) if n == 0 or matched(pieces, [*held, *[asked] * n]))
        assert found == most, (pieces, held, asked)
