"""Change orders: versions kept, the vendor asked, nothing that came undercut; and how an order ends."""

from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec import UNSET

from inventory.assurance.invariants import violations
from inventory.ground import clock, db
from inventory.ground.errors import NotYourDepot, ReasonMissing, Unknown, WrongState
from inventory.procurement import announcing, answers, changes, desk, orders, policy, receiving
from inventory.procurement.answers import Answer
from inventory.procurement.changes import (
    ChangedLine,
    ChangedPartTwice,
    ChangeIsOpen,
    ChangeOutOfBounds,
    LessThanCame,
    NothingChanged,
    NothingToCancel,
    NotOnThisOrder,
    VendorWasTold,
    WantedInPast,
)
from inventory.procurement.orders import FourEyes, NoOffer, NothingToSettle, OrderTooSmall, QuantityOutsideOffer
from inventory.stock.notices import NewNoticeLine
from tests.integration.procurement.test_orders import drafted, incoming, placed
from tests.integration.stock.test_reservations import level
from tests.world import BATTERY, BUYER, DRIVE, FAN, KEEPER, PSU, SETUP, actor, offers_too

MANAGER = actor("project_manager")
DISTI = actor("vendor", vendor="DISTI")


async def answered(order: orders.OrderView, status: str, version: int = 2, **more: object) -> orders.OrderView:
    said = Answer(status=status, version=version, **more)
    return await answers.take("DISTI", order.number, said, by=SETUP, said=status)


async def test_a_draft_is_changed_there_and_then_and_its_versions_are_kept(company):
    order = await drafted((DRIVE, 4), (FAN, 10))
    change = await changes.change_order(
        order.id, [ChangedLine(part_number=FAN, quantity=6, unit_price=Decimal(240))], by=BUYER, reason="fewer"
    )

    after = await orders.order_view(order.id)
    assert (after.state, after.version, after.total_cny) == ("draft", 2, Decimal(980) * 4 + Decimal(240) * 6)
    assert (change.state, change.before.total_cny, change.after.total_cny) == (
        "confirmed",
        order.total_cny,
        after.total_cny,
    )


async def test_a_draft_that_falls_below_the_least_value_takes_the_fee_and_one_above_it_none(company):
    await db.execute("UPDATE vendor SET minimum_order_cny = 2000, small_order_fee_cny = 90, freight_cny = 40")
    order = await drafted((FAN, 10))
    assert (order.total_cny, order.small_order_fee_cny) == (Decimal(2540), 0)

    async def ordering(quantity: int) -> tuple[object, object]:
        line = ChangedLine(part_number=FAN, quantity=quantity)
        await changes.change_order(order.id, [line], by=BUYER, reason="otherwise")
        after = await orders.order_view(order.id)
        return after.total_cny, after.small_order_fee_cny

    assert await ordering(4) == (Decimal(1130), 90)
    assert await ordering(5) == (Decimal(1380), 90)
    assert await ordering(8) == (Decimal(2040), 0)
    await db.execute("UPDATE vendor SET small_order_fee_cny = NULL")
    with pytest.raises(OrderTooSmall):
        await ordering(7)
    hidden = await orders.order_view(order.id, seen_by=KEEPER)
    assert hidden.small_order_fee_cny is UNSET


async def test_a_price_of_a_framework_contract_says_so_until_another_is_agreed(company):
    await offers_too("DISTI", FAN, framework_number="FA-2026-017")
    order = await drafted((FAN, 10), (DRIVE, 1))
    assert [line.framework_number for line in order.lines] == ["FA-2026-017", None]
    for line in (
        ChangedLine(part_number=FAN, quantity=8, unit_price=Decimal(250)),
        ChangedLine(part_number=FAN, unit_price=Decimal(240)),
    ):
        await changes.change_order(order.id, [line], by=BUYER, reason="as told by telephone")
    after = await changes.changes(order.id, limit=9)

    assert [change.after.lines[0].framework_number for change in after] == [None, "FA-2026-017"]
    assert [line.framework_number for line in (await orders.order_view(order.id)).lines] == [None, None]


async def test_a_part_is_added_at_the_offered_price_or_at_the_one_agreed(company):
    order = await drafted((FAN, 10))
    more = [
        ChangedLine(part_number=DRIVE, quantity=2),
        ChangedLine(part_number=PSU, quantity=1, unit_price=Decimal(9)),
    ]
    change = await changes.change_order(order.id, more, by=BUYER, reason="with it")

    after = await orders.order_view(order.id)
    assert {line.part_number: (line.quantity, line.unit_price_cny) for line in after.lines} == {
        FAN: (10, Decimal(250)),
        DRIVE: (2, Decimal(980)),
        PSU: (1, Decimal(9)),
    }
    assert after.total_cny == change.after.total_cny == Decimal(250) * 10 + Decimal(980) * 2 + 9
    assert [line.quantity for line in change.before.lines] == [10, 0, 0]


async def test_a_draft_that_nobody_approved_is_not_told_by_an_old_answer_said_again(company):
    order = await placed((FAN, 10))
    await changes.change_order(order.id, [ChangedLine(part_number=FAN, quantity=6)], by=BUYER, reason="fewer")
    said = Answer(status="change_confirmed", version=2)
    await desk.answer(order.number, said, by=DISTI)
    dear = await changes.change_order(order.id, [ChangedLine(part_number=FAN, quantity=900)], by=BUYER, reason="many")
    await desk.answer(order.number, said, by=DISTI)

    assert (dear.state, (await changes.change_view(dear.id)).told_at) == ("drafted", None)
    assert (await changes.withdraw_change(order.id, by=BUYER, reason="no")).state == "withdrawn"


async def test_a_change_holds_from_the_vendors_word_on(company):
    order = await placed((FAN, 10))
    await changes.change_order(order.id, [ChangedLine(part_number=FAN, quantity=6)], by=BUYER, reason="fewer")

    assert (await orders.order_view(order.id)).lines[0].quantity == 10
    after = await answered(order, "change_confirmed")
    assert (after.version, after.lines[0].quantity, after.total_cny) == (2, 6, Decimal(250) * 6)
    assert (await level(FAN, "GZ")).on_order == 6
    assert await db.fetch_value("SELECT count(*) FROM step WHERE kind = 'answer_change' AND done_at IS NULL") == 0


async def test_the_same_answer_twice_is_one_answer_and_another_one_is_refused(company):
    order = await placed((FAN, 10))
    await changes.change_order(order.id, [ChangedLine(part_number=FAN, quantity=6)], by=BUYER, reason="fewer")
    await answered(order, "change_confirmed")
    await answered(order, "change_confirmed")

    with pytest.raises(WrongState):
        await answered(order, "change_declined")
    with pytest.raises(Unknown):
        await answered(order, "change_confirmed", version=3)
    assert (await orders.order_view(order.id)).version == 2


async def test_another_date_is_promised_by_agreeing_to_it(company):
    order = await placed((FAN, 10))
    wanted = clock.now().replace(microsecond=0) + timedelta(days=20)
    await changes.change_order(order.id, by=BUYER, reason="later will do", wanted_at=wanted)
    after = await answered(order, "change_confirmed")

    assert (after.wanted_at, after.promised_at, after.lines[0].promised_at) == (wanted, wanted, wanted)
    assert await db.fetch_value("SELECT due_at FROM expected_delivery") == wanted


async def test_a_declined_change_leaves_the_order_and_its_number_is_not_used_again(company):
    order = await placed((FAN, 10))
    await changes.change_order(order.id, [ChangedLine(part_number=FAN, quantity=6)], by=BUYER, reason="fewer")
    after = await answered(order, "change_declined", reason="packed")

    assert (after.version, after.lines[0].quantity) == (1, 10)
    again = await changes.change_order(order.id, [ChangedLine(part_number=FAN, quantity=8)], by=BUYER, reason="fewer")
    assert again.version == 3
    assert (await answered(order, "change_confirmed", version=3)).version == 3


async def test_what_came_or_is_on_its_way_is_not_undercut(company):
    order = await placed((FAN, 10))
    await receiving.receive_order(order.number, [incoming(FAN, 3)], by=KEEPER)
    await announcing.announce_order(
        order.number,
        [NewNoticeLine(part_number=FAN, quantity=2)],
        by=KEEPER,
        due_at=clock.now() + timedelta(days=1),
    )

    with pytest.raises(LessThanCame) as refusal:
        await changes.change_order(order.id, [ChangedLine(part_number=FAN, quantity=4)], by=BUYER, reason="fewer")
    assert refusal.value.facts["came"] == 5
    with pytest.raises(NothingToCancel):
        await changes.change_order(order.id, by=BUYER, reason="none", cancel=True)


async def test_what_comes_while_the_vendor_thinks_is_not_undercut_either(own_company):
    order = await placed((FAN, 10))
    await changes.change_order(order.id, [ChangedLine(part_number=FAN, quantity=4)], by=BUYER, reason="fewer")
    await receiving.receive_order(order.number, [incoming(FAN, 6)], by=KEEPER)

    with pytest.raises(LessThanCame):
        await answered(order, "change_confirmed")
    assert (await orders.order_view(order.id)).lines[0].quantity == 10
    assert await violations() == []


async def test_fewer_may_be_all_that_came_and_the_order_is_received(own_company):
    order = await placed((FAN, 10))
    await receiving.receive_order(order.number, [incoming(FAN, 6)], by=KEEPER)
    await changes.change_order(order.id, [ChangedLine(part_number=FAN, quantity=6)], by=BUYER, reason="enough")
    after = await answered(order, "change_confirmed")

    assert after.state == "received"
    assert (await level(FAN, "GZ")).on_order == 0
    assert await violations() == []


async def test_a_vendor_that_agrees_to_cancel_delivers_nothing(company):
    order = await placed((FAN, 10))
    change = await changes.change_order(order.id, [ChangedLine(part_number=FAN, quantity=0)], by=BUYER, reason="none")
    after = await answered(order, "change_confirmed")

    assert change.cancels
    assert (after.state, after.problem) == ("cancelled", "none")
    assert (await level(FAN, "GZ")).on_order == 0


async def test_a_change_that_makes_an_order_dear_needs_a_second_person(company):
    order = await placed((FAN, 10))
    change = await changes.change_order(order.id, [ChangedLine(part_number=FAN, quantity=100)], by=BUYER, reason="all")

    assert change.state == "drafted"
    with pytest.raises(Unknown):
        await answered(order, "change_confirmed")
    with pytest.raises(FourEyes):
        await changes.approve_change(order.id, by=BUYER)
    await changes.approve_change(order.id, by=SETUP)
    assert (await answered(order, "change_confirmed")).lines[0].quantity == 100


async def test_one_change_is_open_at_a_time_and_is_withdrawn_only_before_the_vendor_hears(own_company):
    order = await placed((FAN, 10))
    more = [ChangedLine(part_number=FAN, quantity=12)]
    change = await changes.change_order(order.id, more, by=BUYER, reason="more")
    with pytest.raises(ChangeIsOpen):
        await changes.change_order(order.id, more, by=BUYER, reason="more")
    await changes.withdraw_change(order.id, by=BUYER, reason="a mistake")
    again = await changes.change_order(order.id, more, by=BUYER, reason="more")
    await changes.note_told(again.id)

    assert (await changes.change_view(change.id)).state == "withdrawn"
    with pytest.raises(VendorWasTold):
        await changes.withdraw_change(order.id, by=BUYER, reason="a mistake")


@pytest.mark.parametrize(
    ("lines", "refusal"),
    [
        ([ChangedLine(part_number=DRIVE, unit_price=Decimal(9))], NotOnThisOrder),
        ([ChangedLine(part_number=DRIVE, quantity=0)], NotOnThisOrder),
        ([ChangedLine(part_number=DRIVE, quantity=41)], QuantityOutsideOffer),
        ([ChangedLine(part_number=BATTERY, quantity=1)], NoOffer),
        ([ChangedLine(part_number="NONE", quantity=1)], Unknown),
        ([ChangedLine(part_number=FAN, quantity=9), ChangedLine(part_number=FAN, quantity=8)], ChangedPartTwice),
        ([ChangedLine(part_number=FAN, quantity=-1)], ChangeOutOfBounds),
        ([ChangedLine(part_number=FAN, unit_price=Decimal("NaN"))], ChangeOutOfBounds),
        ([ChangedLine(part_number=FAN, unit_price=Decimal("1.005"))], ChangeOutOfBounds),
        ([ChangedLine(part_number=FAN, unit_price=Decimal(-1))], ChangeOutOfBounds),
        ([ChangedLine(part_number=FAN, quantity=10)], NothingChanged),
        ([], NothingChanged),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(company, lines, refusal):
    order = await placed((FAN, 10))

    with pytest.raises(refusal):
        await changes.change_order(order.id, lines, by=BUYER, reason="why not")
    assert await changes.changes(order.id, limit=9) == []


async def test_a_change_has_its_reason_a_time_to_come_and_somebody_who_may(company):
    order = await placed((FAN, 10))
    more = [ChangedLine(part_number=FAN, quantity=12)]

    with pytest.raises(ReasonMissing):
        await changes.change_order(order.id, more, by=BUYER, reason=" ")
    with pytest.raises(WantedInPast):
        await changes.change_order(order.id, by=BUYER, reason="now", wanted_at=clock.now() - timedelta(days=1))
    with pytest.raises(NotYourDepot):
        await changes.change_order(order.id, more, by=actor("buyer", depots={"SH"}), reason="more")


async def test_the_limit_of_one_person_is_policy(company):
    await policy.put_in_force(policy.PurchasePolicy(four_eyes_above_cny=Decimal(100)), by=MANAGER, remark="audit")
    order = await drafted((FAN, 1))

    with pytest.raises(FourEyes) as refusal:
        await orders.approve_order(order.id, by=BUYER)
    assert refusal.value.facts["limit"] == Decimal(100)
    for limit in ("-1", "NaN", "Infinity", "1e12"):
        with pytest.raises(ValueError, match="four_eyes_above_cny"):
            policy.PurchasePolicy(four_eyes_above_cny=Decimal(limit))


async def test_an_approved_order_is_given_up_until_it_is_sent(company):
    unsent, sent = await drafted(), await drafted()
    for order in (unsent, sent):
        await orders.approve_order(order.id, by=SETUP)
    await orders.begin_sending(sent.id)

    assert (await orders.cancel_order(unsent.id, by=BUYER, reason="not needed")).state == "cancelled"
    assert await orders.begin_sending(unsent.id) is None
    with pytest.raises(WrongState):
        await orders.cancel_order(sent.id, by=BUYER, reason="too late")


async def test_announcing_ships_an_order_and_withdrawing_the_notice_unships_it(company):
    order = await placed((FAN, 10))
    notice = await announcing.announce_order(
        order.number, [NewNoticeLine(part_number=FAN, quantity=10)], by=KEEPER, due_at=clock.now() + timedelta(days=1)
    )

    assert (await orders.order_view(order.id)).state == "shipped"
    await announcing.withdraw(notice.number, by=KEEPER, reason="wrong box")
    assert (await orders.order_view(order.id)).state == "acknowledged"


async def test_an_order_is_closed_with_what_came_and_a_reason_for_what_did_not(own_company):
    order = await placed((FAN, 10))
    with pytest.raises(WrongState):
        await orders.close_order(order.id, by=BUYER, reason="enough")
    await receiving.receive_order(order.number, [incoming(FAN, 6)], by=KEEPER)
    with pytest.raises(ReasonMissing):
        await orders.close_order(order.id, by=BUYER)
    closed = await orders.close_order(order.id, by=BUYER, reason="end of life")

    assert (closed.state, closed.lines[0].short_quantity) == ("closed", 4)
    assert (await level(FAN, "GZ")).on_order == 0
    with pytest.raises(WrongState):
        await receiving.receive_order(order.number, [incoming(FAN, 1)], by=KEEPER)
    assert await violations() == []


async def test_what_was_done_about_a_refusal_ends_the_duty(company):
    order = await placed()
    await orders.record_refused(order.id, by=SETUP, reason="out of stock")
    await orders.settle(order.id, by=BUYER, done="ordered from Dell")

    assert await db.fetch_value("SELECT count(*) FROM step WHERE kind = 'order_refused' AND done_at IS NULL") == 0
    with pytest.raises(NothingToSettle):
        await orders.settle(order.id, by=BUYER, done="again")
