"""Loaners: out with a note, never free stock while out, back with a check, and lent again only when the data is gone."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from msgspec import structs

from inventory.assurance.invariants import violations
from inventory.catalogue import register as catalogue
from inventory.emergency import rebuilding
from inventory.ground import clock, db, steps
from inventory.ground.errors import NotYourDepot, ReasonMissing, Unknown, WrongState
from inventory.places import register as places
from inventory.procurement import release
from inventory.requests import debriefing, requests, shipping
from inventory.requests.debriefing import Debrief
from inventory.returns import counter, erasing, loaners, lost_loans, swap_policy
from inventory.returns.loaners import Checks, LentOut, NewLoan, Return
from inventory.stock import handing_in, handovers, levels, units
from inventory.stock.conditions import DataNotErased
from inventory.stock.handovers import Item
from inventory.stock.pieces import Pieces
from tests.integration.planning.test_learning import SWAP, enter_swap_unit
from tests.integration.returns.test_swaps import fault, stock
from tests.world import (
    DISPATCHER,
    DRIVE,
    ENGINEER,
    FAN,
    KEEPER,
    MANAGER,
    PSU,
    SETUP,
    SH_KEEPER,
    SUPERVISOR,
    actor,
)

AS_LENT = Checks(powers_on=True, undamaged=True, complete=True)
SIGNATURE = [[(10.0, 20.0), (30.0, 40.0)]]


async def lent(**more: object) -> loaners.LoanView:
    """A spare machine that stands in for BANK-001; the bank's contract promises one."""
    await enter_swap_unit()
    await stock("SW-1")
    await db.execute("UPDATE contract SET lends_equal_function = true WHERE code = 'C-BANK'")
    return await loaners.lend(
        NewLoan(device_serial="BANK-001", depot="GZ", contact="Wang", contact_phone="13800000000", **more), by=KEEPER
    )


async def free() -> int:
    found = await levels.levels(limit=50, seen_by=SETUP, part_number=SWAP)
    return sum(each.free for each in found)


async def test_a_loaner_that_comes_to_the_counter_is_taken_back_by_its_loan(company):
    loan = await lent(serial="SW-1")
    for what, serial in ((SWAP, "SW-1"), ("SW-1", None)):
        with pytest.raises(LentOut) as refusal:
            await counter.take_in("GZ", what, by=KEEPER, serial=serial)
        assert refusal.value.facts["loan"] == loan.number
    assert (await units.unit("SW-1", seen_by=SETUP)).place == "BANK-GZ"


async def test_what_is_lent_is_ours_at_the_customer_and_nobodys_free_stock(company):
    loan = await lent(serial="SW-1")
    signed = await loaners.sign(loan.id, "Wang", by=ENGINEER, strokes=SIGNATURE)
    out = await units.unit("SW-1", seen_by=SETUP)
    (to_rebuild,) = [
        each
        for model in await rebuilding.rebuilding("BANK-GZ", seen_by=SETUP)
        for each in model.parts
        if each.swap_unit
    ]

    assert (out.place, out.owner, out.condition, await free(), to_rebuild.free) == ("BANK-GZ", "OWN", "good", 0, 0)
    assert (signed.signed_by, (await loaners.signature(loan.id, seen_by=KEEPER))[:4]) == ("Wang", b"<svg")
    assert loan.due_at - loan.lent_at == timedelta(days=swap_policy.BUILT_IN.loan_days)
    assert await violations() == []


async def test_one_loaner_stands_in_for_a_device(own_company):
    await lent()
    await stock("SW-2")
    with pytest.raises(loaners.LoanOpen):
        await loaners.lend(NewLoan(device_serial="BANK-001", depot="GZ", contact="Wang"), by=KEEPER)


async def test_a_loaner_is_good_stock_again_after_its_data_is_gone_and_its_test_passed(company):
    loan = await lent()
    back = await loaners.take_back(loan.id, Return(depot="GZ", checks=AS_LENT), by=KEEPER)
    assert (back.state, back.condition_back, back.data, await free()) == ("returned", "in_test", "to_erase", 0)
    pieces = Pieces(depot="GZ", part_number=SWAP, serials=["SW-1"])
    with pytest.raises(DataNotErased):
        await release.release(pieces, "in_test", by=SUPERVISOR, finding="boots")
    first = await erasing.erase("SW-1", "overwrite", "shred -n 3", by=KEEPER)
    await erasing.verify(first.id, by=SUPERVISOR, passed=False, finding="one disk still readable")
    second = await erasing.erase("SW-1", "media_removed", "disks taken out", by=KEEPER)
    await erasing.verify(second.id, by=SUPERVISOR, passed=True, finding="no media inside")
    await release.release(pieces, "in_test", by=SUPERVISOR, finding="boots")

    assert ((await loaners.loan_view(loan.id)).state, await free()) == ("closed", 1)
    assert [each.result for each in await erasing.erasures(limit=9, seen_by=KEEPER, serial="SW-1")] == [
        "passed",
        "failed",
    ]
    with pytest.raises(erasing.NoDataOnIt):
        await erasing.erase("SW-1", "overwrite", "again", by=KEEPER)
    assert await violations() == []


async def test_another_device_that_comes_back_is_put_by_and_the_loan_stays_open(company):
    loan = await lent()
    other = Checks(powers_on=True, undamaged=True, complete=True, serial_matches=False)
    for checks, serial in ((other, None), (other, "SW-1"), (AS_LENT, "SW-9")):
        with pytest.raises(loaners.FoundSerialWrong):
            await loaners.take_back(
                loan.id, Return(depot="GZ", checks=checks, found_serial=serial, damage="?"), by=KEEPER
            )
    how = Return(depot="GZ", checks=other, found_serial="SW-9", damage="the customer's own")
    still = await loaners.take_back(loan.id, how, by=KEEPER)
    assert still.came_instead is not None
    came = await units.unit(still.came_instead, seen_by=KEEPER)
    assert (still.state, came.condition, came.claimed_serial) == ("lent", "unknown", "SW-9")
    assert await steps.open_kinds("loan", loan.number) == ["return_loan", "settle_wrong_return"]
    assert await violations() == []
    # what it holds goes along with it once it is known what it is
    assert [each.serial for each in await erasing.holding_data(limit=9, seen_by=KEEPER)] == [came.serial]
    await counter.identify(came.tag or "", SWAP, by=KEEPER)
    assert [each.serial for each in await erasing.holding_data(limit=9, seen_by=KEEPER)] == ["SW-9"]
    assert await steps.open_kinds("unit", "SW-9") == ["erase_data"]
    back = await loaners.take_back(loan.id, Return(depot="GZ", checks=AS_LENT), by=KEEPER)
    assert (back.state, await steps.open_kinds("loan", loan.number)) == ("returned", [])


async def test_a_loaner_is_not_identified_but_taken_back(company):
    loan = await lent(serial="SW-1")
    piece = await handing_in.hand_in("GZ", "a grey server", by=KEEPER, serial="SW-1")
    with pytest.raises(LentOut) as refusal:
        await counter.identify(piece.tag or "", SWAP, by=KEEPER)
    assert refusal.value.facts["loan"] == loan.number
    drive = await counter.take_in("GZ", DRIVE, by=KEEPER, serial="SW-1")  # another part may carry the same serial
    assert drive.unit is not None
    assert (drive.unit.part_number, drive.unit.serial) == (DRIVE, "SW-1")


async def test_what_is_charged_is_for_who_may_see_prices(company):
    loan = await lent()
    how = Return(depot="GZ", checks=AS_LENT, charge_cny=Decimal(120))
    told = await loaners.take_back(loan.id, how, by=KEEPER)
    (sent,) = await db.fetch("SELECT payload FROM event WHERE kind = 'loan.returned'")

    assert [each.charge_cny for each in (told, await loaners.loan_view(loan.id, seen_by=MANAGER))] == [None, 120]
    assert sent["payload"]["charge_cny"] is None


async def test_only_what_has_a_serial_stands_in_for_a_device(company):
    with pytest.raises(catalogue.SwapUnitWithoutSerial):
        await catalogue.enter_swap_units([catalogue.NewSwapUnit(model="R740", part=FAN)], by=SETUP)
    await db.execute(
        "INSERT INTO swap_unit (model, part) SELECT device_model.id, part.id FROM device_model, part "
        "WHERE code = 'R740' AND part_number = $1",
        FAN,
    )
    for part in (None, FAN):
        new = NewLoan(device_serial="BANK-001", depot="GZ", contact="Wang", reason="goodwill", part_number=part)
        with pytest.raises(loaners.NotOfEqualFunction):
            await loaners.lend(new, by=KEEPER)


async def test_damage_is_told_and_what_does_not_work_is_defective(company):
    loan = await lent()
    broken = Checks(powers_on=False, undamaged=True, complete=True)
    with pytest.raises(loaners.DamageUntold):
        await loaners.take_back(loan.id, Return(depot="GZ", checks=broken), by=KEEPER)
    back = await loaners.take_back(
        loan.id, Return(depot="GZ", checks=broken, damage="dead power supply", data_kept_by_customer=True), by=KEEPER
    )

    assert (back.state, back.condition_back, back.damage, back.data) == (
        "closed",
        "defective",
        "dead power supply",
        "kept_by_customer",
    )
    with pytest.raises(WrongState):
        await loaners.take_back(loan.id, Return(depot="GZ", checks=AS_LENT), by=KEEPER)


async def test_a_loan_is_asked_back_before_it_is_due_and_its_customer_called_when_it_is(company):
    loan = await lent(due_at=clock.now() + timedelta(days=5))
    (duty,) = await steps.open_steps(limit=9, seen_by=SETUP)
    assert (duty.kind, duty.due_at) == ("return_loan", loan.due_at - timedelta(hours=swap_policy.BUILT_IN.remind_hours))
    with pytest.raises(ReasonMissing):
        await loaners.extend(loan.id, loan.due_at + timedelta(days=3), by=KEEPER, reason="")
    longer = await loaners.extend(loan.id, loan.due_at + timedelta(days=3), by=KEEPER, reason="the board is late")
    (duty,) = await steps.open_steps(limit=9, seen_by=SETUP)
    assert duty.due_at == longer.due_at - timedelta(hours=swap_policy.BUILT_IN.remind_hours)
    assert [(each.was_due_at, each.reason) for each in longer.extensions] == [(loan.due_at, "the board is late")]
    with clock.at(longer.due_at + timedelta(minutes=1)):
        assert (await loaners.call_overdue(), await loaners.call_overdue()) == (1, 0)
        assert await steps.open_kinds("loan", loan.number) == ["call_customer", "return_loan"]


async def test_a_repair_that_is_done_has_the_loaner_fetched(company):
    asked = await fault()
    loan = await lent(request=asked.id)
    with clock.at(clock.now() + timedelta(hours=1)):
        await shipping.ship(asked.id, by=KEEPER)
        await debriefing.debrief(asked.id, [Debrief(part_number=FAN, outcome="used")], by=ENGINEER)
    now = await loaners.loan_view(loan.id)

    assert (now.request_number, now.repaired_at is not None, now.due_at < loan.due_at) == (asked.number, True, True)
    assert await steps.open_kinds("loan", loan.number) == ["fetch_loan"]


async def test_the_request_that_follows_ends_the_loan_of_the_first_and_another_fault_does_not(company):
    first = await fault()
    loan = await lent(request=first.id)
    with clock.at(clock.now() + timedelta(hours=1)):
        other = await requests.open_request(
            requests.NewRequest(
                source="glpi",
                reference="INC-2",
                device_serial="BANK-001",
                severity="general",
                lines=[requests.NewRequestLine(part_number=PSU)],
            ),
            by=DISPATCHER,
        )
        for asked, part, outcome, fetched in (
            (other.id, PSU, "used", False),
            (first.id, FAN, "dead_on_arrival", False),
            (None, FAN, "used", True),
        ):
            request = asked or await db.fetch_value("SELECT id FROM part_request WHERE follows = $1", first.id)
            await shipping.ship(request, by=KEEPER)
            await debriefing.debrief(request, [Debrief(part_number=part, outcome=outcome)], by=DISPATCHER)
            assert ("fetch_loan" in await steps.open_kinds("loan", loan.number)) is fetched


async def test_only_what_is_of_equal_function_is_lent_and_only_where_it_was_promised(company):
    await enter_swap_unit()
    await stock("SW-1")
    new = NewLoan(device_serial="BANK-001", depot="GZ", contact="Wang")
    with pytest.raises(loaners.NotPromised):
        await loaners.lend(new, by=KEEPER)
    with pytest.raises(loaners.NotOfEqualFunction):
        await loaners.lend(NewLoan(**{**_told(new), "part_number": DRIVE, "reason": "goodwill"}), by=KEEPER)
    with pytest.raises(loaners.LoanDueWrong):
        await loaners.lend(NewLoan(**{**_told(new), "due_at": clock.now(), "reason": "goodwill"}), by=KEEPER)
    with pytest.raises(Unknown):
        await loaners.lend(NewLoan(**{**_told(new), "request": uuid4(), "reason": "goodwill"}), by=KEEPER)
    given = await loaners.lend(NewLoan(**{**_told(new), "reason": "goodwill"}), by=KEEPER)
    assert (given.promised, given.reason, given.serial) == (False, "goodwill", "SW-1")
    for stranger in (actor("dispatcher", contracts={"C-TELCO"}), actor("warehouse_keeper", depots={"ZJ"})):
        assert await loaners.loans(limit=9, seen_by=stranger) == []
        with pytest.raises(Unknown):
            await loaners.loan_view(given.id, seen_by=stranger)
    assert await erasing.holding_data(limit=9, seen_by=SH_KEEPER) == []


async def test_what_an_engineer_borrows_is_returned_once_it_came_back_whole(company):
    await places.enter_places(
        [places.NewPlace(code="ENG", kind="engineer_stock", name_zh="李", name_en="Li")], by=SETUP
    )
    due = clock.now() + timedelta(days=3)
    items = [Item(part_number=PSU, quantity=2), Item(part_number=DRIVE, serials=["ZL2-0001"])]
    lent_out = await handovers.give("GZ", "ENG", items, by=SETUP, return_by=due)
    with pytest.raises(handovers.ReturnInPast):
        await handovers.give("GZ", "ENG", items, by=SETUP, return_by=clock.now())
    await handovers.accept(lent_out.id, by=SETUP)
    assert await steps.open_kinds("handover", lent_out.number) == ["return_parts"]
    for back, done in (
        ([Item(part_number=PSU, quantity=2)], False),
        ([Item(part_number=DRIVE, serials=["ZL2-0001"])], True),
    ):
        returned = await handovers.give("ENG", "GZ", back, by=SETUP)
        await handovers.accept(returned.id, by=SETUP)
        now = await handovers.handover_view(lent_out.id)
        assert (now.return_by, now.returned_at is not None) == (due, done)
    assert await steps.open_kinds("handover", lent_out.number) == []


async def test_what_comes_back_settles_one_loan_the_oldest(company):
    await places.enter_places(
        [places.NewPlace(code="ENG", kind="engineer_stock", name_zh="李", name_en="Li")], by=SETUP
    )
    two = [Item(part_number=PSU, quantity=2)]

    async def passed(origin: str, target: str, items: list[Item], **more: object) -> UUID:
        given = await handovers.give(origin, target, items, by=SETUP, **more)
        await handovers.accept(given.id, by=SETUP)
        return given.id

    async def back() -> list[bool]:
        return [(await handovers.handover_view(each)).returned_at is not None for each in lent_out]

    due = clock.now() + timedelta(days=3)
    lent_out = [await passed("GZ", "ENG", two, return_by=due) for _ in range(3)]
    told = []
    for items in (two, [Item(part_number=PSU, quantity=1)], [Item(part_number=PSU, quantity=3)]):
        await passed("ENG", "GZ", items)
        told.append(await back())

    assert told == [[True, False, False], [True, False, False], [True, True, True]]


def _told(new: NewLoan) -> dict[str, object]:
    return {name: getattr(new, name) for name in new.__struct_fields__}


async def test_a_loaner_that_never_comes_back_is_written_off_by_a_second_person(company):
    loan = await lent(serial="SW-1")
    both = actor("warehouse_keeper", depots={"GZ"})
    both = structs.replace(both, rights=both.rights | {"stock.adjust"})
    with pytest.raises(ReasonMissing):
        await lost_loans.tell_lost(loan.id, by=KEEPER, reason=" ")
    with pytest.raises(NotYourDepot):
        await lost_loans.tell_lost(loan.id, by=SH_KEEPER, reason="the site closed")
    with pytest.raises(WrongState):
        await lost_loans.confirm_lost(loan.id, by=SUPERVISOR)
    told = await lost_loans.tell_lost(loan.id, by=both, reason="the site closed", charge_cny=Decimal(900))
    with pytest.raises(WrongState):
        await lost_loans.tell_lost(loan.id, by=KEEPER, reason="again")
    with pytest.raises(lost_loans.OwnLossOfLoan):
        await lost_loans.confirm_lost(loan.id, by=both)
    assert (told.state, told.charge_cny) == ("lent", Decimal(900))  # nobody agrees to a charge unseen
    assert (await loaners.loan_view(loan.id, seen_by=DISPATCHER)).charge_cny is None
    assert (await loaners.loan_view(loan.id, seen_by=MANAGER)).charge_cny == Decimal(900)
    assert "confirm_loss" in await steps.open_kinds("loan", loan.number)
    lost = await lost_loans.confirm_lost(loan.id, by=SUPERVISOR)

    assert (lost.state, lost.loss_told_by, lost.written_off_by) == ("lost", both.name, SUPERVISOR.name)
    assert await steps.open_kinds("loan", loan.number) == []
    assert (await units.unit("SW-1", seen_by=SETUP)).place != "BANK-GZ"
    assert await db.fetch_value("SELECT count(*) FROM event WHERE kind = 'loan.lost'") == 1
    assert await violations() == []
    again = await counter.take_in("GZ", SWAP, serial="SW-1", by=KEEPER)
    assert again.unit is not None
    assert (again.unit.serial, again.unit.condition, await steps.open_kinds("unit", "SW-1")) == (
        "SW-1",
        "unknown",
        ["erase_data"],
    )
    assert await violations() == []
    for act in (lambda: lost_loans.confirm_lost(loan.id, by=SUPERVISOR), lambda: take_back(loan.id)):
        with pytest.raises(WrongState):
            await act()
    await stock("SW-2")
    assert (
        await loaners.lend(NewLoan(device_serial="BANK-001", depot="GZ", contact="Wang"), by=KEEPER)
    ).state == "lent"


async def test_a_loaner_that_was_told_lost_and_is_there_is_extended_or_taken_back(company):
    loan = await lent(serial="SW-1")
    await lost_loans.tell_lost(loan.id, by=KEEPER, reason="nobody answers")
    longer = await loaners.extend(loan.id, clock.now() + timedelta(days=30), by=KEEPER, reason="found at the site")
    assert (longer.loss_told_at, "confirm_loss" in await steps.open_kinds("loan", loan.number)) == (None, False)
    await lost_loans.tell_lost(loan.id, by=KEEPER, reason="gone again")
    back = await take_back(loan.id)

    assert back.state == "returned"
    with pytest.raises(WrongState):
        await lost_loans.confirm_lost(loan.id, by=SUPERVISOR)


async def take_back(loan: UUID) -> loaners.LoanView:
    """The loaner as it was lent, at the counter of GZ."""
    return await loaners.take_back(loan, Return(depot="GZ", checks=AS_LENT), by=KEEPER)


async def test_a_lost_loan_over_the_api(api):
    loan = await lent(serial="SW-1")
    wrong = await api.post(f"/loans/{loan.id}/lost", {"reason": "gone", "charge_cny": "-1"}, role="dispatcher")
    told = await api.post(f"/loans/{loan.id}/lost", {"reason": "gone", "charge_cny": "12.50"}, role="dispatcher")
    mine = await api.post(f"/loans/{loan.id}/confirm-lost", role="dispatcher")
    done = await api.post(f"/loans/{loan.id}/confirm-lost", role="quality_supervisor")

    assert (wrong.status_code, told.status_code, mine.status_code) == (422, 200, 403)
    assert (done.status_code, done.json()["state"]) == (200, "lost")
    assert [each["number"] for each in (await api.get("/loans?state=lost", role="auditor")).json()["items"]] == [
        loan.number
    ]
