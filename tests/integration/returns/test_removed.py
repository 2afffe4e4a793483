"""What comes out of a device: in its engineer's custody, owed to the depot, taken in at the counter, kept, or lost."""

from datetime import timedelta

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import clock, db, steps
from inventory.ground.errors import NotYourDepot, Unknown, WrongState
from inventory.requests import debriefing, requests, shipping
from inventory.requests.debriefing import Debrief
from inventory.returns import counter, debts, policy, removed
from inventory.returns.counter import MoreThanOwed, OtherSerialExpected, OwedElsewhere, OwnFinding, SerialNeeded
from inventory.returns.removed import NotLeftThere, NotYourDebt, OwnLossOfReturn, SignatureMissing
from inventory.stock import units
from inventory.stock.units import SerialRepeated
from tests.world import ADMIN, DISPATCHER, DRIVE, ENGINEER, FAN, KEEPER, SETUP, SH_KEEPER, SUPERVISOR, actor


async def used(part: str, quantity: int = 1, *, device: str = "BANK-001", **more: object) -> requests.RequestView:
    """Pieces fitted into a device; what came out is owed."""
    count = await db.fetch_value("SELECT count(*) FROM part_request")
    view = await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference=f"INC-{count}",
            ticket=f"INC-{count}",
            device_serial=device,
            severity="general",
            engineer=ENGINEER.name,
            lines=[requests.NewRequestLine(part_number=part, quantity=quantity, position="slot 4")],
        ),
        by=DISPATCHER,
    )
    await shipping.ship(view.id, by=SETUP)
    return await debriefing.debrief(
        view.id, [Debrief(part_number=part, outcome="used", quantity=quantity, **more)], by=ENGINEER
    )


async def owed(view: requests.RequestView) -> debts.DebtView:
    (debt,) = await debts.debts(limit=9, seen_by=SETUP, document=view.number)
    return debt


async def test_what_comes_out_is_owed_and_the_counter_takes_it_in_defective(company):
    view = await used(DRIVE, serial_out="OLD-1")
    debt = await owed(view)
    out = await units.unit("OLD-1", seen_by=SETUP)
    assert (out.place, out.condition, debt.debtor, debt.depot) == ("BANK-GZ", "defective", ENGINEER.name, "GZ")
    assert debt.due_at == policy.ReturnPolicy().due("GZ", debt.opened_at).due_at
    assert await violations() == []

    done = await counter.take_in("GZ", "OLD-1", by=KEEPER)
    assert [(one.number, one.state, one.returned_serial) for one in done.settled] == [
        (debt.number, "returned", "OLD-1")
    ]
    came = await units.unit("OLD-1", seen_by=KEEPER)
    assert (came.place, came.condition) == ("GZ", "defective")
    assert await steps.open_kinds("return_debt", debt.number) == []
    assert await violations() == []


async def test_an_engineer_with_a_stock_of_his_own_holds_what_came_out(company):
    place = await db.fetch_value(
        "INSERT INTO place (code, kind, name_zh, name_en) VALUES ('li', 'engineer_stock', '李', 'Li') RETURNING id"
    )
    await db.execute(
        """INSERT INTO person (username, name_zh, name_en, language, password_hash, active, stock_place)
           VALUES ($1, '李', 'Li', 'zh', 'x', true, $2)""",
        ENGINEER.name,
        place,
    )
    drive = await owed(await used(DRIVE, serial_out="OLD-1"))
    fans = await owed(await used(FAN, 3))
    held = await units.unit("OLD-1", seen_by=SETUP)
    assert (held.place, held.custodian, drive.held_at, fans.held_at) == ("li", ENGINEER.name, "li", "li")
    assert await violations() == []

    some = await counter.take_in("GZ", FAN, by=KEEPER, quantity=2)
    with pytest.raises(MoreThanOwed):
        await counter.take_in("GZ", FAN, by=KEEPER, quantity=2)
    (rest,) = await debts.debts(limit=9, seen_by=SETUP, document=fans.document)
    assert (some.settled[0].quantity, rest.id, rest.quantity) == (2, fans.id, 1)
    await counter.take_in("GZ", FAN, by=KEEPER)
    with pytest.raises(MoreThanOwed):
        await counter.take_in("GZ", FAN, by=KEEPER, quantity=2)
    with pytest.raises(SerialNeeded):
        await counter.take_in("GZ", "", by=KEEPER, debt=drive.id)
    await counter.take_in("GZ", "OLD-1", by=KEEPER)
    left = await db.fetch_value("SELECT sum(on_hand)::int FROM level WHERE place = $1", place)
    assert (left, await debts.debts(limit=9, seen_by=SETUP)) == (0, [])
    assert await violations() == []


async def test_where_nobody_read_the_serial_the_devices_record_tells_it(company):
    first = await used(DRIVE, serial_out="OLD-1")
    await counter.take_in("GZ", "OLD-1", by=KEEPER)
    went_in = first.lines[0].serial_in
    debt = await owed(await used(DRIVE))
    unknown = await owed(await used(DRIVE, device="BANK-002"))

    assert (debt.serial, debt.expected_serial, unknown.expected_serial) == (went_in, went_in, None)
    with pytest.raises(SerialNeeded):
        await counter.take_in("GZ", DRIVE, by=KEEPER)
    with pytest.raises(SerialRepeated):
        await counter.take_in("GZ", DRIVE, by=KEEPER, serial="OLD-1", debt=unknown.id)
    done = await counter.take_in("GZ", DRIVE, by=KEEPER, serial="NEVER-READ")
    assert [one.number for one in done.settled] == [unknown.number]
    assert (await counter.take_in("GZ", went_in or "", by=KEEPER)).settled[0].number == debt.number
    assert await violations() == []


async def test_a_wrong_serial_is_caught_at_the_counter_and_answered_by_a_second_person(company):
    view = await used(DRIVE, serial_out="OLD-1")
    debt = await owed(view)
    with pytest.raises(OtherSerialExpected) as refusal:
        await counter.take_in("GZ", DRIVE, by=KEEPER, serial="OTHER-9")
    assert f"OLD-1 ({view.number}, device BANK-001)" in str(refusal.value)
    assert refusal.value.facts["owed"][0]["device"] == "BANK-001"
    with pytest.raises(OwedElsewhere):
        await counter.take_in("SH", DRIVE, by=SETUP, serial="OLD-1", debt=debt.id)
    with pytest.raises(Unknown):
        await counter.take_in("SH", DRIVE, by=SH_KEEPER, serial="OLD-1", debt=debt.id)
    with pytest.raises(NotYourDepot):
        await counter.take_in("GZ", "OLD-1", by=SH_KEEPER)

    noted = await counter.take_in("GZ", DRIVE, by=KEEPER, serial="OTHER-9", debt=debt.id, as_found=True)
    assert noted.settled == []
    assert noted.wrong is not None
    assert noted.unit is not None
    assert (noted.unit.condition, noted.wrong.state) == ("unknown", "open")
    (finding,) = noted.wrong.wrong
    assert (finding.expected_serial, finding.found_serial) == ("OLD-1", "OTHER-9")
    with pytest.raises(OwnFinding):
        await counter.correct_record(finding.id, by=_as(KEEPER.name), reason="slot mixed up")
    done = await counter.correct_record(finding.id, by=SUPERVISOR, reason="slot mixed up")
    assert (done.state, done.serial, done.wrong[0].outcome) == ("returned", "OTHER-9", "record_corrected")
    assert (await units.unit("OTHER-9", seen_by=KEEPER)).condition == "defective"
    assert (await units.unit("OLD-1", seen_by=SETUP)).place == "BANK-GZ"
    with pytest.raises(WrongState):
        await counter.uphold_record(finding.id, by=SUPERVISOR, reason="no")
    assert await steps.open_kinds("return_debt", debt.number) == []
    assert await violations() == []


async def test_the_right_piece_ends_what_the_wrong_one_began(company):
    debt = await owed(await used(DRIVE, serial_out="OLD-1"))
    noted = await counter.take_in("GZ", DRIVE, by=KEEPER, serial="OTHER-9", debt=debt.id, as_found=True)
    assert noted.wrong is not None
    stands = await counter.uphold_record(noted.wrong.wrong[0].id, by=SUPERVISOR, reason="it is from another job")
    assert (stands.state, stands.wrong[0].outcome) == ("open", "record_stands")
    again = await counter.take_in("GZ", DRIVE, by=KEEPER, serial="OTHER-8", debt=debt.id, as_found=True)
    done = await counter.take_in("GZ", "OLD-1", by=KEEPER)

    assert again.wrong is not None
    assert [wrong.outcome for wrong in done.settled[0].wrong] == ["record_stands", "expected_came"]
    assert await violations() == []


async def test_anything_else_is_put_by_to_be_judged(company):
    done = await counter.take_in("GZ", "a dented box", by=KEEPER)
    assert done.settled == []
    assert done.unit is not None
    assert (done.unit.condition, await steps.open_kinds("unit", done.unit.tag or "")) == ("unknown", ["judge_part"])


async def test_a_disk_that_the_customer_keeps_is_the_customers_on_a_signed_paper(company):
    await db.execute("UPDATE contract SET customer_keeps_disks = true WHERE code = 'C-BANK'")
    debt = await owed(await used(DRIVE, serial_out="OLD-1"))
    fan = await owed(await used(FAN))
    with pytest.raises(NotLeftThere):
        await removed.keep(fan.id, "Wang", by=ENGINEER)
    with pytest.raises(SignatureMissing):
        await removed.keep(debt.id, " ", by=ENGINEER)
    with pytest.raises(NotYourDebt):
        await removed.keep(debt.id, "Wang", by=KEEPER)
    lenient, strict = [
        await _owed_to_a_vendor("SECRET" if kept else "OLD-1", may_be_kept=kept) for kept in (True, False)
    ]
    await db.execute("UPDATE return_debt SET expected_serial = 'OLD-1' WHERE id = $1", lenient.id)
    done = await removed.keep(debt.id, "Wang", by=ENGINEER)
    ends = [(await debts.debt_view(each.id)).state for each in (lenient, strict)]
    assert ends == ["kept_by_customer", "charged"]

    kept = await units.unit("OLD-1", seen_by=SETUP)
    assert (done.state, done.signed_by, kept.owner, kept.place) == ("kept_by_customer", "Wang", "BANK", "BANK-GZ")
    with pytest.raises(WrongState):
        await removed.keep(debt.id, "Wang", by=ENGINEER)
    assert await violations() == []


async def test_what_is_lost_is_written_off_by_a_second_person_and_its_vendor_charges(company):
    debt = await owed(await used(DRIVE, serial_out="OLD-1"))
    theirs = await _owed_to_a_vendor("OLD-1")
    with pytest.raises(WrongState):
        await removed.confirm_lost(debt.id, by=ADMIN)
    await removed.tell_lost(debt.id, by=ENGINEER, reason="left in the taxi")
    with pytest.raises(OwnLossOfReturn):
        await removed.confirm_lost(debt.id, by=_as(ENGINEER.name))
    done = await removed.confirm_lost(debt.id, by=ADMIN)

    assert (done.state, (await debts.debt_view(theirs.id)).state) == ("written_off", "charged")
    assert (await units.unit("OLD-1", seen_by=SETUP)).place == "ADJUSTMENT"
    assert await violations() == []


async def test_a_depot_has_a_term_of_its_own_from_when_it_is_set(company):
    before = await owed(await used(FAN))
    terms = policy.ReturnPolicy(depots={"GZ": policy.BroughtBack(amount=8, counts="hours")})
    await policy.put_in_force(terms, by=SETUP, remark="the bank insists")
    with pytest.raises(Unknown):
        await policy.put_in_force(
            policy.ReturnPolicy(depots={"NOWHERE": policy.BroughtBack(amount=8, counts="hours")}), by=SETUP
        )
    after = await owed(await used(FAN))

    assert round((after.due_at - after.opened_at).total_seconds()) == 8 * 3600
    assert (await debts.debt_view(before.id)).due_at == before.due_at
    assert "8 hours" in after.terms.en


async def _owed_to_a_vendor(serial: str, *, may_be_kept: bool = False) -> debts.DebtView:
    return await debts.begin(
        debts.NewDebt(
            vendor=await db.fetch_value("SELECT id FROM vendor ORDER BY id LIMIT 1"),
            depot=await db.fetch_value("SELECT id FROM place WHERE code = 'GZ'"),
            part=await db.fetch_value("SELECT id FROM part WHERE part_number = $1", DRIVE),
            pool=await db.fetch_value("SELECT id FROM pool WHERE code = 'common'"),
            expected_serial=serial,
            may_be_kept=may_be_kept,
            document_kind="rma",
            document="RMA-1",
            due_at=clock.now() + timedelta(days=5),
            terms=debts.Terms(zh="5 天", en="5 days"),
        ),
        by=SETUP,
    )


def _as(name: str):
    """A supervisor who goes by another's name: the second pair of eyes that is the first."""
    both = actor("administrator")
    return type(both)(
        name=name, kind="person", roles=both.roles, rights=both.rights | SUPERVISOR.rights, person_id=both.person_id
    )
