"""Stock value: booked after the ledger, by moving average and by unit, as of any day."""

from datetime import timedelta
from decimal import Decimal

import pytest

from inventory.ground import clock, db
from inventory.ground.errors import NotGranted
from inventory.places import places
from inventory.procurement import receiving, stock_value
from inventory.procurement.stock_value import BooksOfAllStores
from inventory.stock import pool_crossings, receipts, reversals, transfers
from inventory.stock.time_travel import InTheFuture
from inventory.stock.transfers import TransferItem
from tests.integration.procurement.test_orders import incoming, placed
from tests.integration.stock.test_pool_crossings import ASK, come_from_the_makers
from tests.world import BUYER, DRIVE, FAN, KEEPER, MANAGER, PSU, SETUP, SUPERVISOR, actor


async def books(part: str, pool: str = "common") -> tuple[int, Decimal, Decimal]:
    """What the last step says is there: pieces, and their value by both methods."""
    steps = await stock_value.value_steps(limit=1, seen_by=BUYER, part_number=part, pool=pool)
    return (
        (steps[0].quantity_after, steps[0].value_after_cny, steps[0].own_value_after_cny)
        if steps
        else (0, Decimal(0), Decimal(0))
    )


async def values(part: str, **asked: object) -> dict[tuple[str, str, str], stock_value.StockValue]:
    found = await stock_value.stock_values(limit=50, seen_by=BUYER, part_number=part, **asked)
    return {(each.depot, each.pool, each.owner): each for each in found}


async def inside() -> list[tuple[int, int, int]]:
    """Our pieces by part and pool as the ledger's own sums tell them."""
    rows = await db.fetch(
        """SELECT part, pool, sum(on_hand)::int AS pieces FROM level JOIN party ON party.id = owner AND is_ourselves
           WHERE condition NOT IN ('defective', 'unknown', 'scrapped')
           GROUP BY part, pool HAVING sum(on_hand) > 0 ORDER BY part, pool"""
    )
    return [tuple(row) for row in rows]


async def test_opening_stock_and_priced_receipts_make_a_moving_average(company):
    await stock_value.book()
    pieces, opening, _ = await books(FAN)
    assert opening == 260 * pieces  # the catalogue's cost, where nobody paid a price
    before = clock.now()

    order = await placed((DRIVE, 4))
    had, worth, own = await books(DRIVE)
    price = Decimal(1100)  # 13 % on top come back by the special 发票
    await db.execute("UPDATE purchase_order_line SET unit_price = 1243, tax_percent = 13, invoice_kind = 'special'")
    await receiving.receive_order(order.number, [incoming(DRIVE, 4)], by=KEEPER)
    assert await stock_value.book() == 4
    assert await stock_value.book() == 0  # once

    assert await books(DRIVE) == (had + 4, worth + 4 * price, own + 4 * price)
    (step,) = await stock_value.value_steps(limit=1, seen_by=BUYER, part_number=DRIVE)
    assert (step.basis, step.document, step.value_cny) == ("order", order.number, price)
    line = (await values(DRIVE))["GZ", "common", "OWN"]
    assert line.average_cny == ((worth + 4 * price) / (had + 4)).quantize(Decimal("0.0001"))
    assert line.value_cny == pytest.approx(line.average_cny * line.on_hand, abs=Decimal("0.1"))
    (then,) = [
        each for each in await stock_value.book_values(limit=5, seen_by=BUYER, as_of=before) if each.pool == "common"
    ]
    (now,) = [each for each in await stock_value.book_values(limit=5, seen_by=BUYER) if each.pool == "common"]
    assert (now.pieces - then.pieces, now.value_cny - then.value_cny) == (4, 4 * price)
    assert (await values(DRIVE, as_of=before))["GZ", "common", "OWN"].average_cny == Decimal(980)
    units = await stock_value.unit_values(limit=50, seen_by=BUYER, part_number=DRIVE, depot="GZ")
    assert [each.own_value_cny for each in units[:5]] == [price] * 4 + [Decimal(980)]


async def test_whatever_moves_the_books_hold_what_the_stores_hold(company):
    await come_from_the_makers()
    await receipts.adjust("GZ", FAN, 3, by=SETUP, reason="found")
    await receipts.adjust("GZ", FAN, -2, by=SETUP, reason="not there")
    await receipts.adjust("GZ", DRIVE, 1, by=SETUP, reason="dead", condition="defective", serials=["DEAD-1"])
    await receipts.receive("GZ", [incoming(PSU, 2)], by=SETUP, origin="V-DISTI", owner=await places.find_party("DISTI"))
    crossing = await pool_crossings.ask_crossing("GZ", FAN, 2, by=KEEPER, **ASK)
    await pool_crossings.cross(crossing.id, by=MANAGER)
    sent = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=2)], by=KEEPER)
    await stock_value.book()

    assert (await books(FAN, "C-TELCO"))[:2] == (2, Decimal(520))
    held = await db.fetch(
        """SELECT part, pool, quantity_after FROM (SELECT DISTINCT ON (part, pool) * FROM value_step
                                                   ORDER BY part, pool, id DESC) AS last
           WHERE quantity_after > 0 ORDER BY part, pool"""
    )
    assert [tuple(row) for row in held] == await inside()
    sums = await db.fetch(
        """SELECT sum(CASE WHEN comes THEN value_cny ELSE -value_cny END) AS value,
                  sum(CASE WHEN comes THEN own_value_cny ELSE -own_value_cny END) AS own,
                  (array_agg(value_after_cny ORDER BY id DESC))[1] AS value_after,
                  (array_agg(own_value_after_cny ORDER BY id DESC))[1] AS own_after
           FROM value_step GROUP BY part, pool"""
    )
    assert all((row["value"], row["own"]) == (row["value_after"], row["own_after"]) for row in sums)
    theirs = (await values(PSU))["GZ", "common", "DISTI"]
    assert (theirs.value_cny, theirs.how) == (0, "not_ours")
    lines = await stock_value.stock_values(limit=50, seen_by=BUYER, part_number=DRIVE)
    assert [(each.value_cny, each.how) for each in lines if each.condition == "defective"] == [(0, "unfit")]

    was = await books(FAN)
    await transfers.ship(sent.id, by=KEEPER)
    assert await stock_value.book() == 0  # on the road it is still ours
    gone = await db.fetch_value(
        """SELECT movement FROM value_step JOIN part ON part.id = part WHERE part_number = $1 AND NOT comes
           AND basis = 'moving_average' AND movement IN (SELECT id FROM movement WHERE reason = 'not there')""",
        FAN,
    )
    await reversals.reverse(gone, by=SUPERVISOR, reason="they were there after all")
    await stock_value.book()
    (back,) = await stock_value.value_steps(limit=1, seen_by=BUYER, part_number=FAN)
    assert (back.basis, back.value_cny) == ("as_before", Decimal(520))
    assert await books(FAN) == (was[0] + 2, was[1] + 520, was[2] + 520)


async def test_what_is_worth_what_is_told_to_those_who_may_see_costs_of_their_stores(company):
    await stock_value.book()
    with pytest.raises(NotGranted):
        await stock_value.stock_values(limit=5, seen_by=KEEPER)
    bound = actor("buyer", depots={"SH"})
    assert {each.depot for each in await stock_value.stock_values(limit=50, seen_by=bound)} == {"SH"}
    for books_of_all in (stock_value.book_values, stock_value.value_steps):
        with pytest.raises(BooksOfAllStores):
            await books_of_all(limit=5, seen_by=bound)
    with pytest.raises(InTheFuture):
        await stock_value.stock_values(limit=5, seen_by=BUYER, as_of=clock.now() + timedelta(days=1))
