"""Purchase orders: drafted at offered prices, approved, placed, promised, received; each state moved once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec import UNSET

from inventory.assurance import finding
from inventory.assurance.invariants import violations
from inventory.ground import clock, db
from inventory.ground.errors import NotGranted, NotYourDepot, Unknown, WrongState
from inventory.procurement import orders, receiving
from inventory.procurement.orders import FourEyes, NewLine, NoOffer, QuantityOutsideOffer
from inventory.procurement.provenance import ProvenanceTooLow
from inventory.procurement.receiving import NotOnOrder
from inventory.stock import units
from inventory.stock.receipts import Incoming
from inventory.stock.refusals import OverReceipt
from tests.integration.stock.test_reservations import level
from tests.world import BUYER, DRIVE, FAN, KEEPER, PSU, SETUP, SH_KEEPER, actor

OTHER_BUYER = actor("buyer")


async def drafted(*lines: tuple[str, int], vendor: str = "DISTI", **more: object) -> orders.OrderView:
    wanted = [NewLine(part_number=part, quantity=quantity) for part, quantity in lines or ((DRIVE, 4),)]
    return await orders.draft_order(vendor, "GZ", wanted, by=BUYER, **more)


async def placed(*lines: tuple[str, int]) -> orders.OrderView:
    order = await drafted(*lines)
    await orders.approve_order(order.id, by=SETUP)
    return await orders.record_placed(
        order.id, by=SETUP, vendor_reference="D-1", promised_at=clock.now() + timedelta(days=7)
    )


def incoming(part: str, quantity: int, **more: object) -> Incoming:
    serials = [f"N-{n}" for n in range(quantity)] if part == DRIVE else ()
    return Incoming(part_number=part, quantity=quantity, serials=serials, **more)


async def test_an_order_is_drafted_at_the_offered_price(company):
    plain = await drafted((DRIVE, 4), (FAN, 10))
    fast = await drafted((DRIVE, 4), expedited=True)

    assert plain.total_cny == Decimal(980) * 4 + Decimal(250) * 10
    assert fast.total_cny == Decimal(980) * 4 * Decimal("1.25") + 300


@pytest.mark.parametrize("expedited", [False, True])
async def test_what_an_order_would_come_to_is_told_before_it_is_drafted(company, expedited):
    await db.execute("UPDATE vendor SET minimum_order_cny = 9000, small_order_fee_cny = 90, freight_cny = 40")
    lines = [NewLine(part_number=part, quantity=quantity) for part, quantity in ((DRIVE, 4), (FAN, 10))]
    offered = await orders.offers_for(lines, seen_by=BUYER, vendor="DISTI", expedited=expedited)
    reckoned = await orders.reckoned("DISTI", offered, expedited=expedited)
    order = await drafted((DRIVE, 4), (FAN, 10), expedited=expedited)
    every = await orders.offers_for([NewLine(part_number=PSU, quantity=3)], seen_by=BUYER)

    assert (reckoned.total_cny, reckoned.small_order_fee_cny) == (order.total_cny, order.small_order_fee_cny)
    assert [(offer.vendor, offer.fits) for offer in every] == [("DISTI", True), ("DELL", False)]
    with pytest.raises(NotGranted):
        await orders.offers_for(lines, seen_by=KEEPER)


async def test_only_who_serves_the_store_orders_for_it(company):
    elsewhere = actor("buyer", depots={"SH"})
    order = await drafted()
    for act in (
        orders.draft_order("DISTI", "GZ", [NewLine(part_number=PSU, quantity=1)], by=elsewhere),
        orders.approve_order(order.id, by=elsewhere),
        orders.cancel_order(order.id, by=elsewhere, reason="not mine"),
    ):
        with pytest.raises(NotYourDepot):
            await act
    assert (await orders.order_view(order.id)).state == "draft"


async def test_a_vendor_without_an_offer_is_not_ordered_from(company):
    with pytest.raises(NoOffer):
        await drafted((DRIVE, 1), vendor="DELL")
    with pytest.raises(NoOffer):
        await drafted((PSU, 2), vendor="DELL", expedited=True)


async def test_an_offer_ends_at_midnight_where_the_house_works(company):
    await db.execute("UPDATE offer SET valid_to = '2026-11-20'")
    with clock.at(datetime(2026, 11, 20, 15, tzinfo=UTC)):
        await drafted()
    with clock.at(datetime(2026, 11, 20, 17, tzinfo=UTC)), pytest.raises(NoOffer):
        await drafted()


async def test_goods_are_expected_by_the_offer_of_today_not_by_one_to_come(company):
    await db.execute(
        """INSERT INTO offer (vendor, part, currency, invoice_kind, tax_percent, includes_tax, unit_price, minimum_quantity,
                              lot_size, maximum_quantity, order_fee, lead_time_days, valid_from)
           SELECT vendor, part, currency, invoice_kind, tax_percent, includes_tax, unit_price, minimum_quantity, lot_size,
                  maximum_quantity, order_fee, 90, $1
           FROM offer WHERE lead_time_days = 7""",
        clock.today() + timedelta(days=30),
    )
    order = await drafted()
    await orders.approve_on_authority(order.id, by=SETUP)
    await orders.record_placed(order.id, by=SETUP)

    due_at = await db.fetch_value("SELECT due_at FROM expected_delivery")
    assert timedelta(days=6) < due_at - clock.now() < timedelta(days=8)


@pytest.mark.parametrize("quantity", [1, 3, 22])
async def test_minimum_lot_and_maximum_of_the_offer_hold(company, quantity):
    with pytest.raises(QuantityOutsideOffer):
        await drafted((PSU, quantity), vendor="DELL")


async def test_an_approved_order_is_sent_and_its_goods_are_expected(company):
    order = await placed()

    assert (order.state, order.vendor_reference) == ("acknowledged", "D-1")
    assert (await level(DRIVE, "GZ")).on_order == 4
    assert await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'place_order'") == 1


async def test_a_dear_order_is_not_approved_by_its_drafter(company):
    order = await drafted((DRIVE, 30))

    with pytest.raises(FourEyes):
        await orders.approve_order(order.id, by=BUYER)
    assert (await orders.order_view(order.id)).state == "draft"


async def test_an_order_is_approved_once(company):
    order = await drafted()
    await orders.approve_order(order.id, by=BUYER)

    with pytest.raises(WrongState) as refusal:
        await orders.approve_order(order.id, by=BUYER)
    assert refusal.value.facts["state"] == "approved"


async def test_a_keeper_neither_drafts_nor_approves(company):
    order = await drafted()

    with pytest.raises(NotGranted):
        await orders.approve_order(order.id, by=KEEPER)
    with pytest.raises(NotGranted):
        await orders.draft_order("DISTI", "GZ", [NewLine(part_number=DRIVE, quantity=1)], by=KEEPER)


async def test_goods_come_in_bit_by_bit_and_close_the_order(own_company):
    order = await placed((FAN, 10))

    await receiving.receive_order(order.number, [incoming(FAN, 4)], by=KEEPER)
    partly = await orders.order_view(order.id)
    await receiving.receive_order(order.number, [incoming(FAN, 6)], by=KEEPER)
    whole = await orders.order_view(order.id)

    assert (partly.state, whole.state) == ("partly_received", "received")
    assert ((await level(FAN, "GZ")).on_hand, (await level(FAN, "GZ")).on_order) == (20, 0)
    with pytest.raises(WrongState):
        await receiving.receive_order(order.number, [incoming(FAN, 1)], by=KEEPER)
    assert await violations() == []


async def test_more_than_ordered_needs_a_reason(own_company):
    order = await placed((FAN, 10))

    with pytest.raises(OverReceipt) as refusal:
        await receiving.receive_order(order.number, [incoming(FAN, 11)], by=KEEPER)
    assert refusal.value.facts["expected"] == 10
    assert (await level(FAN, "GZ")).on_hand == 10
    await receiving.receive_order(order.number, [incoming(FAN, 11, reason="vendor sent one more")], by=KEEPER)
    assert (await level(FAN, "GZ")).on_hand == 21


async def test_received_units_carry_the_provenance_their_vendors_letter_proves(company):
    order = await placed()
    await receiving.receive_order(order.number, [incoming(DRIVE, 4)], by=KEEPER)

    assert (await units.unit("N-0", seen_by=KEEPER)).provenance == "authorised_channel"


async def test_without_a_valid_letter_goods_enter_quarantine_only(company):
    order = await placed((PSU, 2))  # DISTI holds no letter of Dell

    with pytest.raises(ProvenanceTooLow) as refusal:
        await receiving.receive_order(order.number, [incoming(PSU, 2)], by=KEEPER)
    assert refusal.value.facts["grade"] == "unproven"
    await receiving.receive_order(order.number, [incoming(PSU, 2, condition="quarantine")], by=KEEPER)
    assert (await level(PSU, "GZ")).free == 6


async def test_what_was_not_ordered_is_not_received_on_the_order(company):
    order = await placed()

    with pytest.raises(NotOnOrder):
        await receiving.receive_order(order.number, [incoming(FAN, 1)], by=KEEPER)


async def test_goods_are_received_where_they_were_sent(company):
    order = await placed()

    with pytest.raises(NotYourDepot):
        await receiving.receive_order(order.number, [incoming(DRIVE, 4)], by=SH_KEEPER)


async def test_an_order_that_was_not_placed_is_not_received(company):
    order = await drafted()

    with pytest.raises(WrongState):
        await receiving.receive_order(order.number, [incoming(DRIVE, 4)], by=KEEPER)


async def test_a_refused_order_is_expected_no_more_and_a_buyer_is_told(company):
    order = await placed()
    refused = await orders.record_refused(order.id, by=SETUP, reason="out of stock")

    assert (refused.state, refused.problem) == ("refused", "out of stock")
    assert (await level(DRIVE, "GZ")).on_order == 0
    assert (
        await db.fetch_value("SELECT owner_role FROM step WHERE kind = 'order_refused' AND done_at IS NULL") == "buyer"
    )


async def test_a_draft_is_given_up_but_not_what_was_sent(company):
    draft, sent = await drafted(), await placed()

    assert (await orders.cancel_order(draft.id, by=BUYER, reason="not needed")).state == "cancelled"
    with pytest.raises(WrongState):
        await orders.cancel_order(sent.id, by=BUYER, reason="too late")


async def test_prices_are_for_those_who_may_see_them_and_for_the_vendor_itself(company):
    order = await placed()
    vendor = actor("vendor", vendor="DISTI")

    assert (await orders.order_view(order.id, seen_by=KEEPER)).total_cny is UNSET
    assert (await orders.order_view(order.id, seen_by=vendor)).total_cny == order.total_cny


async def test_what_other_systems_read_of_an_order_names_no_price(company):
    await placed()

    told = await db.fetch("SELECT payload FROM event WHERE subject_kind = 'purchase_order'")
    assert told
    assert not [row for row in told if "total_cny" in row["payload"] or "unit_price_cny" in str(row["payload"])]


async def test_a_vendor_sees_its_own_orders_only_and_none_before_it_was_sent(company):
    ours, draft = await placed(), await drafted()
    dell = await drafted((PSU, 2), vendor="DELL")
    seen = await orders.orders(limit=10, seen_by=actor("vendor", vendor="DISTI"))

    assert [order.id for order in seen] == [ours.id]
    for hidden in (draft, dell):
        with pytest.raises(Unknown):
            await orders.order_view(hidden.id, seen_by=actor("vendor", vendor="DISTI"))


async def test_whoever_is_bound_to_a_contract_sees_orders_for_its_stock_and_the_common_one(company):
    common, telcos = await drafted(), await drafted(pool="C-TELCO")
    bank, telco = (actor("project_manager", contracts={code}) for code in ("C-BANK", "C-TELCO"))

    assert [view.id for view in await orders.orders(limit=9, seen_by=bank)] == [common.id]
    assert [view.id for view in await orders.orders(limit=9, seen_by=telco)] == [telcos.id, common.id]
    assert await orders.order_id(telcos.number, seen_by=telco) == telcos.id
    with pytest.raises(Unknown):
        await orders.order_view(telcos.id, seen_by=bank)
    with pytest.raises(Unknown):
        await orders.order_id(telcos.number, seen_by=bank)
    assert await finding.find(telcos.number, seen_by=bank) is None
