"""Repairs: good only by a passed test; lead times are measured; a customer's unit is never ours."""

from collections.abc import Coroutine
from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec import to_builtins

from inventory.assurance.invariants import violations
from inventory.ground import clock, db
from inventory.ground.errors import NotGranted, ReasonMissing, Unknown, WrongState
from inventory.planning import network
from inventory.procurement import stock_value
from inventory.requests import quoting, requests, shipping
from inventory.requests.quoting import NoRepairQuoted, QuotationOver
from inventory.returns import answering, collecting, coming_in, exchanges, repairs, rmas, vendor_terms
from inventory.returns.answering import Answer
from inventory.returns.collecting import CollectedAlready, NewCollection, NotTheCustomers, StillWorkedOn
from inventory.returns.coming_in import Arrived
from inventory.returns.repairs import AtTheVendor, NotToRepair, OnTheBench, RepairOpenAlready
from inventory.stock import conditions, units
from inventory.stock.pieces import Pieces
from inventory.stock.refusals import SerialsMissing
from tests.integration.returns.test_removed import used
from tests.integration.returns.test_rmas import FIVE_DAYS, at_vendor, broken, line, where
from tests.world import AUDITOR, BUYER, DISPATCHER, DRIVE, ENGINEER, FAN, KEEPER, SETUP, SH_KEEPER, SUPERVISOR, actor


async def on_the_bench(serial: str) -> repairs.RepairView:
    opened = await repairs.open_repair("GZ", DRIVE, serial, by=KEEPER, complaint="clicks")
    return await repairs.start(opened.id, by=KEEPER, technician="li.ming")


async def repaired(serial: str, days: float) -> repairs.RepairView:
    """A unit that was repaired on the bench within some days, and passed its test."""
    began = clock.now() - timedelta(days=days)
    with clock.at(began):
        await broken(serial)
        repair = await on_the_bench(serial)
    await repairs.finish(repair.id, "reworked", "resoldered", by=KEEPER, labour_minutes=40)
    return await repairs.pass_test(repair.id, "surface scan, no errors", by=SUPERVISOR)


async def in_repair() -> list[tuple[int, bool]]:
    rows = await db.fetch(
        """SELECT quantity - received_quantity AS quantity, confirmed FROM expected_delivery
           WHERE source_kind = 'return' AND closed_at IS NULL"""
    )
    return [(row["quantity"], row["confirmed"]) for row in rows]


async def test_a_repaired_unit_is_good_only_by_a_passed_test(company):
    await broken("ZL2-0000")
    repair = await on_the_bench("ZL2-0000")
    with pytest.raises(RepairOpenAlready):
        await repairs.open_repair("GZ", DRIVE, "ZL2-0000", by=KEEPER)
    with pytest.raises(NotToRepair):
        await repairs.open_repair("GZ", DRIVE, "ZL2-0001", by=KEEPER)
    with pytest.raises(Unknown):
        await repairs.start(repair.id, by=SH_KEEPER)
    assert await in_repair() == [(1, False)]
    used = await repairs.use_part(repair.id, FAN, by=KEEPER, quantity=2)
    finished = await repairs.finish(
        repair.id, "part_replaced", "new fans", by=KEEPER, labour_minutes=30, labour_cny=Decimal(60)
    )
    assert [(each.part_number, each.quantity) for each in used.parts] == [(FAN, 2)]
    assert finished.state == "in_test"
    assert await where("ZL2-0000") == ("GZ", "in_test", "OWN")
    with pytest.raises(NotGranted):
        await repairs.pass_test(repair.id, "ok", by=KEEPER)
    with pytest.raises(ReasonMissing):
        await repairs.pass_test(repair.id, " ", by=SUPERVISOR)
    failed = await repairs.fail_test(repair.id, "still clicks", by=SUPERVISOR)
    assert failed.state == "in_work"
    assert await where("ZL2-0000") == ("GZ", "defective", "OWN")
    await repairs.finish(repair.id, "part_replaced", "new head", by=KEEPER)
    passed = await repairs.pass_test(repair.id, "surface scan, no errors", by=SUPERVISOR)

    assert (passed.state, passed.passed_by, passed.labour_minutes) == ("passed", SUPERVISOR.name, 30)
    assert await where("ZL2-0000") == ("GZ", "good", "OWN")
    assert (await units.unit("ZL2-0000", seen_by=AUDITOR)).provenance == "recovered"
    (test,) = [each for each in await conditions.inspections(limit=20, seen_by=AUDITOR, serial="ZL2-0000")
               if each.result == "passed"]  # fmt: skip
    assert (test.kind, test.finding, test.inspected_by) == ("test", "surface scan, no errors", SUPERVISOR.name)
    assert await in_repair() == []
    with pytest.raises(WrongState):
        await repairs.pass_test(repair.id, "again", by=SUPERVISOR)
    assert "labour_cny" not in to_builtins(await repairs.repair_view(repair.id, seen_by=KEEPER))
    assert (await repairs.repair_view(repair.id, seen_by=BUYER)).labour_cny == 60
    assert await violations() == []


async def test_what_is_on_the_bench_goes_to_no_vendor_and_is_tested_by_its_repair(company):
    await vendor_terms.set_terms(FIVE_DAYS, by=BUYER)
    await db.execute("UPDATE offer SET exchange_hours = 4, exchange_fee = 90")
    await broken("ZL2-0000", "ZL2-0001")
    repair = await on_the_bench("ZL2-0000")
    asked = await exchanges.open_exchange("DISTI", "GZ", DRIVE, by=KEEPER)
    which = Pieces("GZ", DRIVE, serials=["ZL2-0000"])

    async def refused(act: Coroutine[object, object, object]) -> None:
        with pytest.raises(OnTheBench) as refusal:
            async with db.savepoint():
                await act
        assert refusal.value.facts["repair"] == repair.number

    await refused(rmas.draft("GZ", [line("ZL2-0000")], by=KEEPER))
    await refused(exchanges.open_exchange("DISTI", "GZ", DRIVE, by=KEEPER, serial="ZL2-0000"))
    await refused(exchanges.attach(asked.id, 1, "ZL2-0000", by=KEEPER))
    await refused(repairs.found_to_be(which, "defective", "in_test", by=SUPERVISOR, finding="looks fine"))
    await refused(repairs.propose_scrap(which, by=SUPERVISOR, reason="hopeless"))
    await repairs.finish(repair.id, "reworked", "resoldered", by=KEEPER)
    await refused(repairs.found_to_be(which, "in_test", "good", by=SUPERVISOR, finding="scan, no errors"))
    await refused(repairs.found_to_be(which, "in_test", "defective", by=SUPERVISOR, finding="clicks"))
    passed = await repairs.pass_test(repair.id, "scan, no errors", by=SUPERVISOR)

    assert (passed.state, await where("ZL2-0000")) == ("passed", ("GZ", "good", "OWN"))
    other = Pieces("GZ", DRIVE, serials=["ZL2-0001"])
    await repairs.found_to_be(other, "defective", "in_test", by=SUPERVISOR, finding="to be tested")
    await repairs.found_to_be(other, "in_test", "good", by=SUPERVISOR, finding="scan, no errors")
    assert await where("ZL2-0001") == ("GZ", "good", "OWN")


async def test_only_what_is_the_customers_is_collected_as_the_customers(company):
    async def collected(serial: str) -> str:
        async with db.savepoint():
            planned = await collecting.plan(
                NewCollection(device="BANK-001", depot="GZ", part_number=DRIVE, serial=serial), by=ENGINEER
            )
            await collecting.collect(planned.id, by=KEEPER, given_by="Ms. Wang")
        return (await where(serial))[2]

    async def why(serial: str) -> str:
        with pytest.raises(NotTheCustomers) as refusal:
            await collected(serial)
        return str(refusal.value)

    fitted = (await used(DRIVE, serial_out="OLD-1")).lines[0].serial_in
    spare = await _sent_to_the_bank()
    vendors = await _sent_to_the_bank()
    await db.execute("UPDATE unit SET owner = (SELECT id FROM party WHERE code = 'DISTI') WHERE serial = $1", vendors)
    assert "fitted into no device" in await why(spare)
    assert "OLD-1 at BANK-GZ is not BANK's" in await why("OLD-1")  # it is owed to us
    assert "belongs to somebody else" in await why(vendors)
    await db.execute(
        """INSERT INTO loan (number, device, request, unit, part, from_place, pool, state, promised, reason, condition_out,
                             contact, lent_at, lent_by, due_at)
           SELECT 'LN-9', device.id, gen_random_uuid(), unit.id, part, unit.place, pool, 'lent', true, '', '', 'Wang',
                  now(), 'x', now() + interval '1 day'
           FROM unit, device WHERE unit.serial = $1 AND device.serial = 'BANK-001'""",
        spare,
    )
    assert "lent by LN-9" in await why(spare)
    assert (await collected(fitted or ""), await collected("NEVER-SEEN")) == ("BANK", "BANK")


async def _sent_to_the_bank() -> str:
    """The serial of a drive that was sent to the bank, and is accounted for by nobody yet."""
    count = await db.fetch_value("SELECT count(*) FROM part_request")
    asked = await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference=f"INC-S{count}",
            device_serial="BANK-003",
            severity="general",
            engineer=ENGINEER.name,
            lines=[requests.NewRequestLine(part_number=DRIVE)],
        ),
        by=DISPATCHER,
    )
    await shipping.ship(asked.id, by=SETUP)
    return (await requests.request_view(asked.id)).lines[0].serial_in or ""


async def test_what_is_beyond_repair_is_scrapped_by_a_second_person(company):
    await broken("ZL2-0000")
    repair = await on_the_bench("ZL2-0000")
    given_up = await repairs.give_up(repair.id, by=KEEPER, reason="board burnt")
    assert given_up.scrapping is not None
    with pytest.raises(conditions.SecondPerson):
        await conditions.decide_scrap(given_up.scrapping, by=KEEPER, approve=True)
    await conditions.decide_scrap(given_up.scrapping, by=SUPERVISOR, approve=True)

    assert given_up.state == "beyond_repair"
    assert await where("ZL2-0000") == ("SCRAP", "scrapped", "OWN")
    assert await in_repair() == []
    assert await violations() == []


async def test_the_next_repair_is_due_by_what_the_last_ones_took(company):
    await repaired("ZL2-0000", 4)
    await repaired("ZL2-0001", 8)
    (measured,) = await repairs.lead_times(limit=10, seen_by=AUDITOR)
    await broken("ZL2-0002")
    before = clock.now()
    opened = await repairs.open_repair("GZ", DRIVE, "ZL2-0002", by=KEEPER)

    assert (measured.repairs, round(measured.mean_days, 2), measured.vendor) == (2, 6.0, None)
    assert timedelta(days=5.99) < opened.due_at - before < timedelta(days=6.01)
    due = await db.fetch_value("SELECT due_at FROM expected_delivery WHERE source = $1", opened.id)
    assert due == opened.due_at


async def test_a_plan_reckons_with_what_comes_back_repaired(company):
    async def lead_time() -> float:
        gathered = await network.gather(clock.today())
        return next(row.lead_time_days for row in gathered.network.replenishment if row.part == DRIVE)

    bought = await lead_time()
    for n in range(4):
        await repaired(f"ZL2-{n:04d}", 3)
    few = await lead_time()
    await repaired("ZL2-0004", 3)

    assert (bought, few) == (7, 7)
    assert round(await lead_time(), 2) == 3.0  # nothing else failed this year: all of it came back


async def test_a_vendors_repair_goes_on_with_its_rma(company):
    rma = await at_vendor(line("ZL2-0000", "repair", complaint="clicks", failure_code="SMART"))
    (repair,) = await repairs.repairs(limit=9, seen_by=BUYER)
    assert (repair.bench, repair.vendor, repair.state, repair.failure_code) == ("vendor", "DISTI", "in_work", "SMART")
    with pytest.raises(AtTheVendor):
        await repairs.finish(repair.id, "other", "done", by=KEEPER)
    await answering.answer(
        rma.id, 1, Answer(answer="repaired", finding="no fault", no_fault_found=True, cost_cny=Decimal(80)), by=BUYER
    )
    await coming_in.receive(rma.id, [Arrived(serial="ZL2-0000")], by=KEEPER)
    assert len(await in_repair()) == 1
    passed = await repairs.pass_test(repair.id, "scan", by=SUPERVISOR)

    assert (passed.state, passed.resolution_code) == ("passed", "no_fault_found")
    assert (await units.unit("ZL2-0000", seen_by=AUDITOR)).provenance == "authorised_channel"
    assert (await repairs.repair_view(repair.id, seen_by=BUYER)).vendor_cost_cny == 80
    assert await in_repair() == []
    assert await violations() == []


async def test_a_customers_unit_is_collected_repaired_and_signed_for_and_never_ours(company):
    planned = await collecting.plan(
        NewCollection(device="BANK-001", depot="GZ", part_number=DRIVE, serial="CUST-1", complaint="no power"),
        by=ENGINEER,
    )
    with pytest.raises(CollectedAlready):
        await collecting.plan(
            NewCollection(device="BANK-001", depot="GZ", part_number=DRIVE, serial="CUST-1"), by=ENGINEER
        )
    value = await stock_value.book_some()
    before = await _ours()
    await collecting.collect(planned.id, by=KEEPER, given_by="Ms. Wang")
    assert await where("CUST-1") == ("GZ", "defective", "BANK")
    repair = await on_the_bench("CUST-1")
    assert repair.contract == "C-BANK"
    with pytest.raises(StillWorkedOn):
        await collecting.bring_back(planned.id, by=KEEPER, signed_by="Ms. Wang")
    await repairs.finish(repair.id, "reworked", "resoldered", by=KEEPER)
    await repairs.pass_test(repair.id, "ran for a day", by=SUPERVISOR)
    assert await where("CUST-1") == ("GZ", "good", "BANK")
    assert await _ours() == before
    assert await in_repair() == []
    back = await collecting.bring_back(planned.id, by=KEEPER, signed_by="Ms. Wang", strokes=[[(10, 10), (200, 200)]])

    assert value >= 0
    assert (back.state, back.returned_condition, back.signed_by, back.signed) == ("returned", "good", "Ms. Wang", True)
    assert await where("CUST-1") == ("BANK-GZ", "good", "BANK")
    assert await stock_value.book_some() == 0
    elsewhere = actor("project_manager", contracts={"C-TELCO"})
    assert await collecting.collections(limit=9, seen_by=elsewhere) == []
    assert await violations() == []


async def _ours() -> list[tuple[str, int]]:
    """What is ours at GZ, by condition, and what the position of the drive is made of."""
    rows = await db.fetch(
        """SELECT condition, sum(on_hand)::int AS on_hand FROM level JOIN party ON party.id = level.owner
           WHERE is_ourselves GROUP BY condition ORDER BY condition"""
    )
    return [(row["condition"], row["on_hand"]) for row in rows]


async def test_a_customers_unit_goes_to_its_maker_and_what_is_exchanged_is_the_customers(company):
    planned = await collecting.plan(
        NewCollection(device="BANK-001", depot="GZ", part_number=DRIVE, serial="CUST-2"), by=ENGINEER
    )
    await collecting.collect(planned.id, by=KEEPER, given_by="Mr. Li")
    (drafted,) = await rmas.draft("GZ", [line("CUST-2", "exchange")], by=KEEPER)
    await rmas.request(drafted.id, by=KEEPER)
    await rmas.authorise(drafted.id, "V-1", by=BUYER)
    await rmas.ship(drafted.id, by=KEEPER)
    await answering.answer(drafted.id, 1, Answer(answer="exchanged", replacement_serial="CUST-NEW"), by=BUYER)
    await coming_in.receive(drafted.id, [Arrived(serial="CUST-NEW")], by=KEEPER)

    assert await where("CUST-NEW") == ("GZ", "good", "BANK")
    assert await where("CUST-2") == ("V-DISTI", "defective", "DISTI")
    back = await collecting.bring_back(planned.id, by=KEEPER, signed_by="Mr. Li")
    assert (back.serial, await where("CUST-NEW")) == ("CUST-NEW", ("BANK-GZ", "good", "BANK"))
    assert await violations() == []


async def test_a_quoted_repair_is_accepted_and_the_unit_goes_to_who_quoted(company):
    request = await a_quoted_request()
    (quotation,) = request.quotations
    with pytest.raises(NoRepairQuoted):
        await quoting.accept_repair(quotation.id, FAN, "CUST-5", by=DISPATCHER, said_by="Ms. Wang", reason="mail")
    with pytest.raises(SerialsMissing):
        async with db.savepoint():
            await quoting.accept_repair(quotation.id, DRIVE, " ", by=DISPATCHER, said_by="Ms. Wang", reason="mail")
    planned = await quoting.accept_repair(
        quotation.id, DRIVE, "CUST-5", by=DISPATCHER, said_by="Ms. Wang", reason="mail"
    )
    with pytest.raises(QuotationOver):
        await quoting.accept(quotation.id, by=DISPATCHER, said_by="Ms. Wang", reason="again")
    closed = await requests.request_view(request.id)
    collected = await collecting.collect(planned.id, by=KEEPER, given_by="Ms. Wang")
    (rma,) = await rmas.rmas(limit=9, seen_by=BUYER)

    assert (closed.state, closed.quotations[0].state) == ("cancelled", "accepted")
    assert (planned.quotation, planned.request, planned.depot) == (quotation.title, request.number, "GZ")
    assert collected.rma == rma.number
    assert (rma.vendor, rma.state, rma.contract, rma.lines[0].asked, rma.lines[0].owner) == (
        "DISTI",
        "draft",
        "C-BANK",
        "repair",
        "BANK",
    )
    assert (await collecting.collection_view(planned.id, seen_by=BUYER)).price_cny == quotation.lines[
        0
    ].repair_price_cny
    assert await violations() == []


async def a_quoted_request() -> requests.RequestView:
    """A request of a device whose customer pays for parts, quoted with a repair."""
    await db.execute("UPDATE contract SET parts_charged = 'always' WHERE code = 'C-BANK'")
    await db.execute(
        "UPDATE offer SET repair_price = 300, repair_days = 12 FROM part WHERE part.id = part AND part_number = $1",
        DRIVE,
    )
    return await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference="INC-7/1",
            device_serial="BANK-001",
            severity="general",
            lines=[requests.NewRequestLine(part_number=DRIVE, quantity=1)],
        ),
        by=DISPATCHER,
    )
