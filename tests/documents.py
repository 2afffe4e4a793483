"""One document of every kind, for whatever has to be shown or tried on something that is there."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from msgspec import structs

from inventory.assurance import attachments
from inventory.emergency import force_majeure, maker_support
from inventory.ground import clock, db, steps
from inventory.imports import imports
from inventory.people import duty, persons
from inventory.places import bins
from inventory.places import register as places
from inventory.planning import plans
from inventory.procurement import invoices, replenishment
from inventory.requests import policy, requests, waves
from inventory.returns import counter, debts, erasing, loaners, removed, swaps
from inventory.stock import (
    handovers,
    movements,
    notices,
    pool_crossings,
    promises,
    provisional,
    receipts,
    reservations,
    shipments,
    transfers,
)
from inventory.stock.counting import sheets
from inventory.stock.lines import Lines, set_lines
from tests.integration.emergency.test_cases import a_case, propose
from tests.integration.people.test_duty import a_shift, person
from tests.integration.planning.test_learning import SWAP, enter_swap_unit, promise_swaps
from tests.integration.planning.test_plans import made
from tests.integration.procurement.test_invoices import invoice, line
from tests.integration.procurement.test_orders import placed
from tests.world import ADMIN, BUYER, DISPATCHER, DRIVE, FAN, KEEPER, MANAGER, PLANNER, PSU, SETUP


async def a_handover() -> handovers.Handover:
    """Parts on their way into an engineer's hands."""
    stock = places.NewPlace(code="in-hand", kind="engineer_stock", name_zh="在手", name_en="In hand")
    await places.enter_places([stock], by=SETUP)
    return await handovers.give("GZ", "in-hand", [handovers.Item(part_number=FAN)], by=KEEPER)


async def one_of_each() -> dict[str, object]:
    """Make one document of every kind; their ids and numbers by what they are."""
    case = await a_case()
    await propose(case)
    asked = await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference="R-1",
            device_serial="BANK-007",
            severity="severe",
            lines=[
                requests.NewRequestLine(part_number=PSU, quantity=1),
                requests.NewRequestLine(part_number=DRIVE, quantity=1),
            ],
        ),
        by=DISPATCHER,
    )
    items = [transfers.TransferItem(part_number=FAN, quantity=1)]
    sent = await transfers.draft_transfer("GZ", "SH", items, by=KEEPER)
    gone = await transfers.draft_transfer("GZ", "SH", items, by=KEEPER)
    await transfers.ship(gone.id, by=KEEPER)
    (shipment,) = await shipments.shipments(limit=2, seen_by=KEEPER)
    walk = await waves.begin_picking("GZ", [sent.number, asked.number], by=KEEPER)
    issue, conflict = [
        await provisional.take(provisional.NewProvisionalIssue(client_id=code, depot="GZ", code=code), by=KEEPER)
        for code in ("ZL2-0004", "UNHEARD-OF")
    ]
    job = await plans.ask_for_plan(by=PLANNER)
    run = await imports.upload("parts", "parts.csv", b"part number", by=ADMIN, most_bytes=1000)
    file = await attachments.attach("transfer", sent.id, "form.pdf", b"%PDF-1.7", by=KEEPER, most_bytes=1000)
    order = await placed((DRIVE, 2), (FAN, 3))
    billed = await invoices.enter(invoice(line(order, FAN, 1, "250")), by=BUYER)
    await bins.enter_bins([bins.NewBin(place="GZ", code="A-01-1")], by=SETUP)
    came = receipts.Incoming(part_number=FAN, quantity=1, condition="quarantine")
    received = await receipts.receive("GZ", [came], by=KEEPER, origin="V-DISTI")
    quoted, waiting = await _gated()
    tomorrow = clock.now() + timedelta(days=1)
    somebody = persons.NewPerson(username="somebody", name_zh="某人", name_en="Somebody", password="long enough it is")
    await persons.add_person(somebody, by=SETUP, password_hash="nobody signs in with this")
    await person("li", "warehouse_keeper", depot="GZ")
    out = await force_majeure.declare("BANK-GZ", "power_outage", reason="no mains", by=MANAGER)
    attempt = await maker_support.record_attempt(asked.id, expert="Zhao", tried="swapped the riser", by=DISPATCHER)
    await maker_support.report_attempt(attempt.id, by=DISPATCHER)
    unreported = await maker_support.record_attempt(asked.id, expert="Qian", tried="flashed it", by=DISPATCHER)
    called = maker_support.NewMakerCase(maker="DELL", contact="hotline", contact_verified_on=clock.today())
    maker_case = await maker_support.open_case(asked.id, called, by=MANAGER)
    owed = await _a_debt()
    (shift,) = await duty.enter_shifts([a_shift("li", "warehouse_keeper", depot="GZ")], by=SETUP)
    return {
        "shift": shift,
        "debt": owed.id,
        "wrong": owed.wrong[0].id,
        "step": (await steps.open_steps(limit=1, seen_by=SETUP))[0].id,
        "case": case.id,
        "request": asked.id,
        "quoted": quoted.id,
        "quotation": quoted.quotations[0].id,
        "waiting": waiting.id,
        "number": order.number,
        "notice": (await notices.notices(limit=1, seen_by=SETUP))[0].number,
        "receipt": received.number,
        "order": order.id,
        "invoice": billed.invoice.id,
        "invoice_line": billed.lines[0].id,
        "proposal": await _a_proposal(),
        "transfer": sent.id,
        "pick_list": walk.id,
        "pick": walk.lines[0].id,
        "shipment": shipment.id,
        "issue": issue.id,
        "conflict": conflict.id,
        "plan": (await made()).id,
        "reservation": (await reservations.reserve(FAN, "GZ", 1, by=KEEPER, priority_class="planned")).id,
        "promise": (await promises.promise(FAN, "GZ", 1, by=KEEPER, starts_at=tomorrow)).id,
        "crossing": (
            await pool_crossings.ask_crossing(
                "GZ", FAN, 1, by=KEEPER, from_pool="common", to_pool="C-TELCO", reason="none left"
            )
        ).id,
        "handover": (await a_handover()).id,
        "job": job.id,
        "count": (await sheets.draw_up("GZ", "full", by=KEEPER)).id,
        "movement": (await movements.movements(limit=1, seen_by=KEEPER))[0].id,
        "run": run.id,
        "file": file.id,
        "force_majeure": out.id,
        "attempt": unreported.id,
        "maker_case": maker_case.id,
        "username": "somebody",
    }


async def _a_debt() -> debts.DebtView:
    """A piece that is owed back, for which another one came."""
    device = await db.fetch_one("SELECT id, site FROM device WHERE serial = 'BANK-009'")
    part, depot, pool = [
        await db.fetch_value(sql, value)
        for sql, value in (
            ("SELECT id FROM part WHERE part_number = $1", DRIVE),
            ("SELECT id FROM place WHERE code = $1", "GZ"),
            ("SELECT id FROM pool WHERE code = $1", "common"),
        )
    ]
    assert device is not None
    out = removed.TakenOut(
        part=part,
        quantity=1,
        serials=["OWED-1"],
        position=None,
        pool=pool,
        site=device["site"],
        device=device["id"],
        depot=depot,
        document="PR-OWED",
        engineer="somebody",
        may_be_kept=True,
    )
    (debt,) = await removed.take_out(out, by=DISPATCHER)
    done = await counter.take_in("GZ", DRIVE, by=KEEPER, serial="NOT-THIS-1", debt=debt.id, as_found=True)
    assert done.wrong is not None
    return done.wrong


async def swapped_and_lent() -> dict[str, UUID]:
    """A swap to decide, a loan that is out, and an erasure to verify."""
    await enter_swap_unit()
    await promise_swaps("C-BANK")
    serials = ["SW-1", "SW-2", "SW-3"]
    await receipts.adjust(
        "GZ", SWAP, len(serials), by=SETUP, provenance="maker_direct", reason="spare machines", serials=serials
    )
    swap = await swaps.open_swap("BANK-020", "general", by=DISPATCHER)
    made = [
        await loaners.lend(
            loaners.NewLoan(device_serial=device, depot="GZ", contact="Wang", reason="goodwill"), by=KEEPER
        )
        for device in ("BANK-021", "BANK-022")
    ]
    checks = loaners.Checks(powers_on=True, undamaged=True, complete=True)
    await loaners.take_back(made[1].id, loaners.Return(depot="GZ", checks=checks), by=KEEPER)
    erased = await erasing.erase(made[1].serial, "overwrite", "shred", by=KEEPER)
    return {"swap": swap.id, "loan": made[0].id, "erasure": erased.id}


async def _a_proposal() -> UUID:
    """A proposal to reorder."""
    part, place, pool = [
        await db.fetch_value(sql, value)
        for sql, value in (
            ("SELECT id FROM part WHERE part_number = $1", FAN),
            ("SELECT id FROM place WHERE code = $1", "SH"),
            ("SELECT id FROM pool WHERE code = $1", "common"),
        )
    ]
    await set_lines([Lines(part=part, place=place, pool=pool, base_stock=20, reorder_point=19)])
    await replenishment.propose([(part, place, pool)])
    [proposal] = await replenishment.proposals(limit=1, seen_by=SETUP, part_number=FAN, state="open")
    return proposal.id


async def _gated() -> tuple[requests.RequestView, requests.RequestView]:
    """A request that is quoted, and one that awaits an approval."""
    asked = requests.NewRequest(
        source="glpi",
        reference="R-2",
        device_serial="BANK-008",
        severity="general",
        lines=[requests.NewRequestLine(part_number=FAN, quantity=1)],
    )
    await db.execute("UPDATE contract SET parts_charged = 'always' WHERE code = 'C-BANK'")
    quoted = await requests.open_request(asked, by=DISPATCHER)
    await db.execute("UPDATE contract SET parts_charged = NULL WHERE code = 'C-BANK'")
    await policy.put_in_force(structs.replace(policy.BUILT_IN, approve_above_cny=Decimal(1)), by=SETUP)
    waiting = await requests.open_request(structs.replace(asked, reference="R-3"), by=DISPATCHER)
    await policy.put_in_force(policy.BUILT_IN, by=SETUP)
    return quoted, waiting
