"""Price history: what was offered and ordered, and how a draft's price compares with the last one paid."""

from datetime import timedelta
from decimal import Decimal

import pytest

from inventory.ground import clock
from inventory.ground.errors import NotGranted
from inventory.procurement import price_history, register
from tests.integration.procurement.test_orders import drafted, placed
from tests.world import BUYER, DRIVE, KEEPER, SETUP, actor


async def test_offers_and_orders_are_told_with_what_changed_and_a_draft_is_held_against_the_last(company):
    first = await placed((DRIVE, 2))
    offer = register.NewOffer(
        vendor="DISTI", part=DRIVE, unit_price=Decimal(1078), minimum_quantity=1, lot_size=1, maximum_quantity=50,
        order_fee=Decimal(0), lead_time_days=5, valid_from=clock.today(),
    )  # fmt: skip
    await register.enter_offers([offer], by=SETUP)
    with clock.at(clock.now() + timedelta(days=1)):
        second = await placed((DRIVE, 3))
        draft = await drafted((DRIVE, 1))

    told = await price_history.prices(DRIVE, limit=50, seen_by=BUYER, vendor="DISTI")
    ordered = [each for each in told if each.kind == "ordered"]
    assert [(each.document, each.quantity) for each in ordered] == [(second.number, 3), (first.number, 2)]
    assert [each.change for each in ordered] == [pytest.approx(0.1), None]
    latest_offer = next(each for each in told if each.kind == "offered")
    assert (latest_offer.on, latest_offer.change) == (clock.today(), pytest.approx(0.1))
    page = await price_history.prices(DRIVE, limit=2, seen_by=BUYER, vendor="DISTI")
    rest = await price_history.prices(DRIVE, limit=50, seen_by=BUYER, vendor="DISTI", after=(page[-1].on, page[-1].id))
    assert [each.id for each in [*page, *rest]] == [each.id for each in told]

    wanted = {DRIVE: Decimal("1293.60")}
    last = (await price_history.last_paid(wanted, seen_by=BUYER, but=draft.id))[DRIVE]
    assert (last.number, last.unit_price_cny, last.above) == (second.number, 1078, pytest.approx(0.2))
    assert (await price_history.last_paid(wanted, seen_by=BUYER, but=second.id))[DRIVE].number == first.number
    assert await price_history.last_paid(wanted, seen_by=KEEPER) == {}
    assert await price_history.last_paid(wanted, seen_by=actor("buyer", depots={"SH"})) == {}  # orders to other stores
    with pytest.raises(NotGranted):
        await price_history.prices(DRIVE, limit=5, seen_by=KEEPER)
