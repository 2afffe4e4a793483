"""Failure analysis: each piece counts once, by the strongest that was found of it."""

from inventory.ground import db
from inventory.procurement import claims
from inventory.requests import failure_analysis, requests, sending_back, shipping
from inventory.requests.debriefing import Debrief, debrief
from inventory.requests.failure_analysis import Analysed
from inventory.returns import answering, coming_in, counter, repairs, rmas
from inventory.stock import conditions
from inventory.stock.pieces import Pieces
from tests.integration.requests.test_fault_reports import replaced
from tests.world import BUYER, DISPATCHER, DRIVE, KEEPER, SUPERVISOR


async def drives(by: failure_analysis.Dimension = "part") -> Analysed:
    found = await failure_analysis.analysis(by, limit=20, seen_by=BUYER, part_number=DRIVE)
    (one,) = [each for each in found if by != "part" or each.name == DRIVE]
    return one


async def repaired(serial: str, resolution: repairs.Resolution, **more: str) -> None:
    """A unit of GZ that went over our own bench."""
    repair = await repairs.open_repair("GZ", DRIVE, serial, by=KEEPER)
    await repairs.start(repair.id, by=KEEPER)
    await repairs.finish(repair.id, resolution, "looked at", by=KEEPER, **more)


async def test_what_came_out_and_has_no_fault_is_no_failure(company):
    await replaced(serial_out="OLD-1", failure_code="E-1")
    await counter.take_in("GZ", "OLD-1", by=KEEPER)
    before = await drives()
    await repaired("OLD-1", "no_fault_found")
    after = await drives()

    assert (before.pieces, before.failed, before.no_fault_found, before.looked_at) == (1, 1, 0, 0)
    assert (after.pieces, after.failed, after.no_fault_found, after.looked_at) == (1, 0, 1, 1)
    assert after.no_fault_found_rate is not None
    assert after.no_fault_found_rate.share == 0.5


async def test_the_bench_names_the_code_and_overrules_the_debrief(company):
    done = await replaced("no_fault_found", remark="no better")
    await conditions.judge(
        Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "in_test", "defective", by=SUPERVISOR, reason="dead"
    )
    await repaired("ZL2-0001", "part_replaced", failure_code=" worn  head")
    found = await drives()

    assert done.state == "reconciled"
    assert (found.pieces, found.failed, found.no_fault_found) == (1, 1, 0)
    assert [(each.code, each.pieces) for each in found.codes] == [("WORN HEAD", 1)]


async def test_of_several_findings_the_latest_counts_and_the_piece_once(company):
    await replaced(serial_out="OLD-1")
    await counter.take_in("GZ", "OLD-1", by=KEEPER)
    await repaired("OLD-1", "no_fault_found")
    (repair,) = await repairs.repairs(limit=5, seen_by=BUYER)
    await repairs.fail_test(repair.id, "fails under load", by=SUPERVISOR)
    await repairs.start(repair.id, by=KEEPER) if (await repairs.repair_view(repair.id)).state == "opened" else None
    await repairs.finish(repair.id, "part_replaced", "head replaced", by=KEEPER)
    found = await drives()

    assert (found.failed, found.no_fault_found, found.looked_at) == (1, 0, 1)


async def test_what_is_beyond_repair_is_no_piece_without_a_fault(company):
    await replaced("no_fault_found", remark="cured by reseating")
    await conditions.judge(
        Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "in_test", "defective", by=SUPERVISOR, reason="dead"
    )
    repair = await repairs.open_repair("GZ", DRIVE, "ZL2-0001", by=KEEPER)
    await repairs.start(repair.id, by=KEEPER)
    await repairs.give_up(repair.id, by=KEEPER, reason="head crash")
    found = await drives()

    assert (found.failed, found.no_fault_found) == (1, 0)


async def test_a_piece_whose_serial_its_debt_alone_knows_counts_once(company):
    await replaced()  # nobody wrote down what came out
    await counter.take_in("GZ", DRIVE, serial="OLD-7", by=KEEPER)
    await repaired("OLD-7", "no_fault_found")
    found = await drives()

    assert (found.pieces, found.failed, found.no_fault_found, found.looked_at) == (1, 0, 1, 1)


async def test_a_good_piece_that_is_found_bad_on_its_shelf_is_a_failure(company):
    await replaced("returned_good", remark="not needed")
    await conditions.judge(
        Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "good", "defective", by=SUPERVISOR, reason="dead on the shelf"
    )
    await repaired("ZL2-0001", "part_replaced")

    assert ((found := await drives()).failed, found.looked_at) == (1, 1)


async def test_what_a_vendor_finds_faultless_counts_too(company):
    await conditions.judge(Pieces("GZ", DRIVE, serials=["ZL2-0002"]), "good", "defective", by=KEEPER, reason="clicks")
    (made,) = await sending_back.draft(
        "GZ", [rmas.NewLine(vendor="DISTI", part_number=DRIVE, serial="ZL2-0002", asked="exchange")], by=KEEPER
    )
    await rmas.request(made.id, by=KEEPER)
    await rmas.authorise(made.id, "V-1", by=BUYER)
    await rmas.ship(made.id, by=KEEPER, carrier="SF", waybill="SF1")
    await answering.arrive(made.id, by=BUYER)
    await answering.answer(
        made.id,
        1,
        answering.Answer(answer="exchanged", no_fault_found=True, replacement_serial="EX-1"),
        by=BUYER,
    )
    found = await drives()

    assert (found.pieces, found.looked_at, found.no_fault_found, found.failed) == (0, 1, 1, 0)


async def test_a_piece_that_came_by_an_rma_is_its_vendors(company):
    await test_what_a_vendor_finds_faultless_counts_too(company)
    (made,) = await rmas.rmas(limit=5, seen_by=BUYER)
    await coming_in.receive(made.id, [coming_in.Arrived(serial="EX-1")], by=KEEPER)
    was = await db.fetch_value("SELECT condition FROM unit WHERE serial = 'EX-1'")
    await conditions.judge(Pieces("GZ", DRIVE, serials=["EX-1"]), was, "defective", by=SUPERVISOR, reason="clicks")
    await repaired("EX-1", "part_replaced")
    vendors = await failure_analysis.analysis("vendor", limit=9, seen_by=BUYER)
    receipt = await db.fetch_value(
        "SELECT receipt.number FROM unit JOIN receipt ON receipt.id = unit.receipt WHERE serial = 'EX-1'"
    )
    claim = await claims.open_claim(receipt, DRIVE, by=SUPERVISOR, reason="broken again", evidence={})

    assert [(each.name, each.failed) for each in vendors if each.failed] == [("DISTI", 1)]
    assert claim.vendor == "DISTI"


async def test_a_tested_piece_counts_for_the_model_it_came_out_of(company):
    await replaced(serial_out="OLD-1")
    await counter.take_in("GZ", "OLD-1", by=KEEPER)
    await repaired("OLD-1", "reworked")
    (repair,) = await repairs.repairs(limit=5, seen_by=BUYER)
    await repairs.pass_test(repair.id, "24 h", by=SUPERVISOR)
    (model,) = await failure_analysis.analysis("model", limit=9, seen_by=BUYER)

    assert (model.tested, model.passed) == (1, 1)


async def test_codes_are_kept_one_way_and_offered(company):
    await replaced(failure_code=" ecc  error ")
    view = await replaced_again("ECC ERROR")

    assert await failure_analysis.codes_in_use() == ["ECC ERROR"]
    assert view.lines[0].debriefs[0].failure_code == "ECC ERROR"
    assert [(each.code, each.pieces) for each in (await drives()).codes] == [("ECC ERROR", 2)]


async def replaced_again(code: str) -> requests.RequestView:
    """Another drive of another device, used with a failure code."""
    view = await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference="INC-2/1",
            device_serial="BANK-002",
            severity="general",
            lines=[requests.NewRequestLine(part_number=DRIVE)],
        ),
        by=DISPATCHER,
    )
    await shipping.ship(view.id, by=KEEPER, serials=["ZL2-0002"])
    return await debrief(view.id, [Debrief(part_number=DRIVE, outcome="used", failure_code=code)], by=DISPATCHER)
