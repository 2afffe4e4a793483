"""Return debts: opened once per piece and creditor, settled once, reminded of before they are due."""

from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec import UNSET

from inventory.assurance import escalation
from inventory.assurance.invariants import violations
from inventory.ground import clock, db, steps
from inventory.ground.errors import ReasonMissing, Unknown, WrongState
from inventory.returns import debts
from inventory.returns.debts import DueBeforeNow, NewDebt, OwedTwice, Terms
from tests.world import BUYER, DISPATCHER, DRIVE, ENGINEER, KEEPER, SH_KEEPER, actor

TERMS = Terms(zh="5 个工作日内返还", en="back within 5 business days", data={"days": 5})


async def owed(days: float = 5, **more: object) -> debts.DebtView:
    """The drive ZL2-0001 that an engineer owes GZ, or (`vendor`) that we owe a vendor from there."""
    who = {} if "vendor" in more else {"debtor": ENGINEER.name}
    return await debts.begin(
        NewDebt(
            depot=await db.fetch_value("SELECT id FROM place WHERE code = 'GZ'"),
            part=await db.fetch_value("SELECT id FROM part WHERE part_number = $1", DRIVE),
            pool=await db.fetch_value("SELECT id FROM pool WHERE code = 'common'"),
            unit=await db.fetch_value("SELECT id FROM unit WHERE serial = 'ZL2-0001'"),
            expected_serial="ZL2-0001",
            document_kind="part_request",
            document="PR-1",
            due_at=clock.now() + timedelta(days=days),
            terms=TERMS,
            **(who | more),
        ),
        by=DISPATCHER,
    )


async def vendor_id() -> int:
    return await db.fetch_value("SELECT vendor.id FROM vendor JOIN party ON party.id = vendor.party LIMIT 1")


async def test_a_piece_is_owed_once_to_each_creditor(company):
    mine, vendor = await owed(), await vendor_id()
    theirs = await owed(vendor=vendor, money_cny=Decimal("980.00"), days=3)
    for twice in ({}, {"vendor": vendor}):
        with pytest.raises(OwedTwice):
            async with db.savepoint():
                await owed(**twice)
    with pytest.raises(DueBeforeNow):
        await owed(days=-1)

    (first, second) = await debts.debts(limit=9, seen_by=BUYER)
    assert (first.number, second.number) == (theirs.number, mine.number)
    assert second.vendors_clock is not None
    assert (second.vendors_clock.number, second.vendors_clock.money_cny) == (theirs.number, Decimal("980.00"))
    assert await debts.money_at_risk() == Decimal("980.00")
    assert await violations() == []


async def test_a_debt_is_settled_once_and_its_duty_is_done(company):
    mine = await owed()
    assert await steps.open_kinds("return_debt", mine.number) == ["bring_back"]
    done = await debts.settle(mine.id, "returned", by=KEEPER, returned_serial="ZL2-0001")

    assert (done.state, done.settled_by, await steps.open_kinds("return_debt", mine.number)) == (
        "returned",
        KEEPER.name,
        [],
    )
    with pytest.raises(WrongState):
        await debts.settle(mine.id, "charged", by=KEEPER)
    with pytest.raises(WrongState):
        await debts.move_due(mine.id, clock.now() + timedelta(days=9), by=KEEPER, reason="late train")
    told = await db.fetch("SELECT kind, closed FROM event WHERE subject_kind = 'return_debt' ORDER BY sequence")
    assert [tuple(row) for row in told] == [("return_debt.opened", True), ("return_debt.settled", True)]


async def test_a_debt_is_handed_up_before_it_is_due_and_told_once(company):
    mine = await owed(days=4)
    assert mine.warn_at == mine.due_at - timedelta(hours=24)
    assert await debts.warn_due() == 0
    with clock.at(mine.warn_at + timedelta(minutes=1)):
        assert (await debts.warn_due(), await debts.warn_due()) == (1, 0)
        await escalation.escalate_late()
    climbed = await db.fetch_value(
        "SELECT min(escalated_at) FROM escalation JOIN step ON step.id = escalation.step WHERE subject = $1",
        mine.number,
    )
    assert climbed < mine.due_at

    moved = await debts.move_due(mine.id, mine.due_at + timedelta(days=4), by=DISPATCHER, reason="the train is late")
    (duty,) = [step for step in await steps.open_steps(limit=50, seen_by=DISPATCHER) if step.subject == mine.number]
    assert duty.due_at == moved.warn_at > mine.warn_at
    with pytest.raises(ReasonMissing):
        await debts.move_due(mine.id, moved.due_at, by=DISPATCHER, reason=" ")


async def test_who_owes_and_who_keeps_the_store_sees_a_debt_and_nobody_else(company):
    mine = await owed(vendor=await vendor_id(), money_cny=Decimal(500))
    theirs = await owed(device=await db.fetch_value("SELECT id FROM device WHERE serial = 'BANK-001'"))
    engineer = actor("engineer", depots={"SH"})

    async def seen(reader):
        return [debt.number for debt in await debts.debts(limit=9, seen_by=reader)]

    assert await seen(KEEPER) == [mine.number, theirs.number]
    assert await seen(SH_KEEPER) == []
    assert await seen(engineer) == [theirs.number]
    assert await seen(actor("dispatcher", contracts={"C-TELCO"})) == []
    with pytest.raises(Unknown):
        await debts.debt_view(mine.id, seen_by=SH_KEEPER)
    assert (await debts.debt_view(mine.id, seen_by=KEEPER)).money_cny is UNSET
    assert (await debts.debt_view(mine.id, seen_by=BUYER)).money_cny == Decimal(500)


async def test_the_board_sums_by_day_engineer_depot_and_vendor(company):
    await owed(vendor=await vendor_id(), money_cny=Decimal(500))
    late = await owed(days=1)
    with clock.at(late.due_at + timedelta(hours=1)):
        told = {(share.what, share.name): share for share in await debts.shares(seen_by=BUYER)}
        overdue = await debts.debts(limit=9, seen_by=BUYER, when="overdue")

    assert told["when", "overdue"].debts == 1
    assert [debt.number for debt in overdue] == [late.number]
    assert told["debtor", ENGINEER.name].pieces == 1
    assert (told["depot", "GZ"].debts, told["depot", "GZ"].money_cny) == (2, Decimal("500.00"))
    assert len([share for (what, _), share in told.items() if what == "vendor"]) == 1
    assert {share.money_cny for share in await debts.shares(seen_by=KEEPER)} == {UNSET}
