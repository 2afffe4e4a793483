"""RMAs: each disposition moves stock by itself; an advance exchange is the vendor's until the old piece is back."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from inventory.assurance.invariants import violations
from inventory.catalogue import register as catalogue
from inventory.ground import clock, db, steps
from inventory.ground.errors import NotGranted, NotYourDepot, Unknown, WrongState
from inventory.procurement.provenance import ProvenanceTooLow
from inventory.requests import debriefing, exchanging, requests, shipping
from inventory.returns import answering, coming_in, counter, debts, exchanges, removed, rmas, vendor_terms
from inventory.returns.answering import (
    Answer,
    AnsweredAlready,
    CreditIncomplete,
    NothingOwed,
    OnlyExchanged,
    SameSerial,
    SecondPersonMissing,
    ThereBeforeSent,
)
from inventory.returns.coming_in import Arrived, NoReplacement, NotExpected, NothingAwaited
from inventory.returns.exchanges import NoExchange, NotTheOldPiece, NotUnused, SentAlready
from inventory.returns.rmas import (
    ChangedSince,
    NewLine,
    NotDeadOnArrival,
    NotReturnable,
    NotYourContracts,
    OnAnotherRma,
    RmaView,
)
from inventory.returns.vendor_terms import ChargeIncomplete, NewTerms
from inventory.stock import conditions, receipts, units
from inventory.stock.pieces import Pieces
from inventory.stock.refusals import DifferenceUnexplained
from tests.statements import counted
from tests.world import (
    AUDITOR,
    BUYER,
    DISPATCHER,
    DRIVE,
    ENGINEER,
    FAN,
    KEEPER,
    SETUP,
    SH_KEEPER,
    SUPERVISOR,
    actor,
    offers_too,
)

FIVE_DAYS = NewTerms(
    vendor="DISTI",
    days=5,
    counts="business_days",
    calendar="CN",
    runs_from="received",
    charge="list_price",
    doa_days=30,
    words="5 business days, then list price",
)


async def broken(*serials: str) -> None:
    """Units of the opening stock that turn out to be defective."""
    for serial in serials:
        await conditions.judge(Pieces("GZ", DRIVE, serials=[serial]), "good", "defective", by=KEEPER, reason="clicks")


def line(serial: str, asked: rmas.Asked = "exchange", **more: object) -> NewLine:
    return NewLine(vendor="DISTI", part_number=DRIVE, serial=serial, asked=asked, **more)


async def at_vendor(*lines: NewLine) -> RmaView:
    """An RMA of some units that its vendor has."""
    await broken(*(each.serial or "" for each in lines))
    (drafted,) = await rmas.draft("GZ", lines, by=KEEPER)
    await rmas.request(drafted.id, by=KEEPER)
    await rmas.authorise(drafted.id, "V-77", by=BUYER)
    await rmas.ship(drafted.id, by=KEEPER, carrier="SF", waybill="SF1")
    return await answering.arrive(drafted.id, by=BUYER)


async def where(serial: str) -> tuple[str, str, str]:
    """A unit's place, condition and owner, by the ledger."""
    row = await db.fetch_one(
        """SELECT place.code AS place, condition, party.code AS owner FROM unit
           JOIN place ON place.id = unit.place JOIN party ON party.id = unit.owner WHERE serial = $1""",
        serial,
    )
    assert row is not None
    return row["place"], row["condition"], row["owner"]


async def state(rma: UUID) -> str:
    return (await rmas.rma_view(rma)).state


async def test_each_disposition_moves_its_piece_by_itself(company):
    rma = await at_vendor(
        line("ZL2-0000", "exchange"),
        line("ZL2-0001", "credit"),
        line("ZL2-0002", "repair"),
        line("ZL2-0003", "repair"),
        line("ZL2-0004", "exchange"),
    )
    assert await where("ZL2-0000") == ("V-DISTI", "defective", "OWN")

    await answering.answer(rma.id, 1, Answer(answer="exchanged", replacement_serial="NEW-1"), by=BUYER)
    await answering.answer(
        rma.id,
        2,
        Answer(answer="credited", credit_number="CN-9", credit_amount=Decimal("880.50"), credit_currency="CNY"),
        by=BUYER,
    )
    await answering.answer(rma.id, 3, Answer(answer="repaired", finding="new head", cost_cny=Decimal(260)), by=BUYER)
    await answering.answer(rma.id, 4, Answer(answer="rejected", finding="dropped"), by=BUYER)
    said = await answering.answer(rma.id, 5, Answer(answer="scrapped", finding="burnt"), by=BUYER)
    with pytest.raises(SecondPersonMissing):
        await answering.agree_to_scrap(rma.id, 5, by=replace(SUPERVISOR, name=BUYER.name))
    await answering.agree_to_scrap(rma.id, 5, by=SUPERVISOR)
    closed = await coming_in.receive(
        rma.id, [Arrived(serial="NEW-1"), Arrived(serial="ZL2-0002"), Arrived(serial="ZL2-0003")], by=KEEPER
    )

    assert (said.state, closed.state) == ("answered", "closed")
    assert await where("ZL2-0000") == ("V-DISTI", "defective", "DISTI")
    assert await where("NEW-1") == ("GZ", "good", "OWN")
    assert await where("ZL2-0001") == ("V-DISTI", "defective", "DISTI")
    assert await where("ZL2-0002") == ("GZ", "in_test", "OWN")
    assert await where("ZL2-0003") == ("GZ", "defective", "OWN")
    assert await where("ZL2-0004") == ("SCRAP", "scrapped", "OWN")
    assert (await units.unit("NEW-1", seen_by=AUDITOR)).provenance == "vendor_exchange"
    assert await violations() == []
    kinds = await db.fetch("SELECT kind FROM event WHERE subject = $1 ORDER BY sequence", rma.number)
    assert [row["kind"] for row in kinds][:5] == [
        f"rma.{turn}" for turn in ("drafted", "requested", "authorised", "shipped", "at_vendor")
    ]
    assert await steps.open_kinds("rma", rma.number) == []


async def test_a_bad_piece_never_comes_back_good_as_its_own_exchange(company):
    first = await at_vendor(line("ZL2-0000"), line("ZL2-0001"))
    with pytest.raises(SameSerial):
        await answering.answer(first.id, 1, Answer(answer="exchanged", replacement_serial="ZL2-0000"), by=BUYER)
    await answering.answer(first.id, 1, Answer(answer="exchanged", replacement_serial="NEW-1"), by=BUYER)
    # the vendor mends the first one, and sends it for the other
    await answering.answer(first.id, 2, Answer(answer="exchanged", replacement_serial="ZL2-0000"), by=BUYER)
    await coming_in.receive(first.id, [Arrived(serial="NEW-1"), Arrived(serial="ZL2-0000")], by=KEEPER)

    assert await where("NEW-1") == ("GZ", "good", "OWN")
    assert (await where("ZL2-0000"))[:2] == ("GZ", "in_test")
    assert await violations() == []


async def test_what_we_owe_a_vendor_is_told_lost_by_nobody(company):
    _, came = await come_in_advance()
    debt = await debts.debt_view(came.lines[0].debt)

    with pytest.raises(Unknown):
        await removed.tell_lost(debt.id, by=DISPATCHER, reason="gone")
    assert await debts.money_at_risk() == debt.money_cny


async def test_states_move_forward_only_and_a_piece_goes_back_once(company):
    await broken("ZL2-0000")
    (drafted,) = await rmas.draft("GZ", [line("ZL2-0000")], by=KEEPER)
    with pytest.raises(OnAnotherRma):
        await rmas.draft("GZ", [line("ZL2-0000")], by=KEEPER)
    with pytest.raises(NotReturnable):
        await rmas.draft("GZ", [line("ZL2-0001")], by=KEEPER)
    with pytest.raises(NotYourDepot):
        await rmas.draft("GZ", [line("ZL2-0000")], by=SH_KEEPER)
    with pytest.raises(WrongState):
        await rmas.ship(drafted.id, by=KEEPER)
    await rmas.request(drafted.id, by=KEEPER)
    with pytest.raises(WrongState):
        await rmas.request(drafted.id, by=KEEPER)
    with pytest.raises(NotGranted):
        await rmas.authorise(drafted.id, "V-1", by=KEEPER)
    with pytest.raises(WrongState):
        await answering.answer(drafted.id, 1, Answer(answer="exchanged"), by=BUYER)
    await rmas.authorise(drafted.id, "V-1", by=BUYER)
    await rmas.ship(drafted.id, by=KEEPER)
    with pytest.raises(WrongState):
        await rmas.cancel(drafted.id, by=KEEPER, reason="too late")
    with pytest.raises(CreditIncomplete):
        await answering.answer(drafted.id, 1, Answer(answer="credited"), by=BUYER)
    with pytest.raises(NothingAwaited):
        await coming_in.receive(drafted.id, [Arrived(serial="NEW-1")], by=KEEPER)
    await answering.answer(drafted.id, 1, Answer(answer="exchanged", replacement_serial="NEW-1"), by=BUYER)
    with pytest.raises(AnsweredAlready):
        await answering.answer(drafted.id, 1, Answer(answer="repaired"), by=BUYER)
    with pytest.raises(NotExpected) as refusal:
        await coming_in.receive(drafted.id, [Arrived(serial="OTHER")], by=KEEPER)
    assert "NEW-1" in refusal.value.sentence("zh")
    other = await coming_in.receive(
        drafted.id, [Arrived(serial="OTHER", position=1, reason="the vendor sent another")], by=KEEPER
    )

    assert other.lines[0].came_condition == "quarantine"
    assert await state(drafted.id) == "closed"
    assert await violations() == []


async def test_many_vendors_and_stores_are_kept_apart(company):
    await broken("ZL2-0000", "ZL2-0001")
    made = await rmas.draft(
        "GZ",
        [line("ZL2-0000"), NewLine(vendor="DELL", part_number=DRIVE, serial="ZL2-0001", asked="credit")],
        by=KEEPER,
    )
    elsewhere, other_vendor = actor("buyer", depots={"SH"}), actor("vendor", vendor="DELL")

    assert [view.vendor for view in made] == ["DISTI", "DELL"]
    assert len({view.bundle for view in made}) == 1
    assert await rmas.rmas(limit=10, seen_by=elsewhere) == []
    with pytest.raises(Unknown):
        await rmas.authorise(made[0].id, "V-1", by=other_vendor)
    await rmas.request(made[1].id, by=KEEPER)
    await rmas.authorise(made[1].id, "D-1", by=other_vendor)
    assert [view.number for view in await rmas.rmas(limit=10, seen_by=other_vendor)] == [made[1].number]


async def test_dead_on_arrival_is_what_came_within_the_vendors_days(company):
    await vendor_terms.set_terms(FIVE_DAYS, by=BUYER)
    await broken("ZL2-0000", "ZL2-0001")
    await db.execute("UPDATE unit SET received_at = received_at - interval '31 days' WHERE serial = 'ZL2-0001'")
    (drafted,) = await rmas.draft("GZ", [line("ZL2-0000", dead_on_arrival=True)], by=KEEPER)

    assert drafted.lines[0].dead_on_arrival
    with pytest.raises(NotDeadOnArrival):
        await rmas.draft("GZ", [line("ZL2-0001", dead_on_arrival=True)], by=KEEPER)


async def test_terms_are_data_that_is_whole(company):
    with pytest.raises(ChargeIncomplete):
        await vendor_terms.set_terms(replace(FIVE_DAYS, charge="share"), by=BUYER)
    with pytest.raises(Unknown):
        await vendor_terms.set_terms(replace(FIVE_DAYS, maker="NOBODY"), by=BUYER)
    with pytest.raises(NotGranted):
        await vendor_terms.set_terms(FIVE_DAYS, by=KEEPER)
    await vendor_terms.set_terms(FIVE_DAYS, by=BUYER)
    await vendor_terms.set_terms(
        replace(FIVE_DAYS, maker="SEAGATE", charge="share", charge_percent=Decimal(50)), by=BUYER
    )
    told = await vendor_terms.terms(limit=10, seen_by=KEEPER)

    assert [each.maker for each in told] == [None, "SEAGATE"]
    assert "charge_percent" not in to_builtins(told[1])


async def waiting_request(quantity: int = 1) -> requests.RequestView:
    """A request for drives that no stock answers."""
    await offers_too("DISTI", DRIVE, exchange_hours=4, exchange_fee=90)
    await db.execute("UPDATE contract SET minimum_provenance = 'vendor_exchange' WHERE code = 'C-BANK'")
    await vendor_terms.set_terms(FIVE_DAYS, by=BUYER)
    good = await db.fetch("SELECT serial FROM unit WHERE serial LIKE 'ZL2-%' AND condition = 'good'")
    await conditions.judge(
        Pieces("GZ", DRIVE, serials=[row["serial"] for row in good]), "good", "frozen", by=KEEPER, reason="a recall"
    )
    return await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference="INC-9/1",
            device_serial="BANK-001",
            severity="general",
            engineer=ENGINEER.name,
            lines=[requests.NewRequestLine(part_number=DRIVE, quantity=quantity)],
        ),
        by=DISPATCHER,
    )


async def good_drives_of_ours() -> int:
    return await db.fetch_value(
        """SELECT sum(on_hand)::int FROM level JOIN part ON part.id = level.part JOIN party ON party.id = level.owner
           WHERE part_number = $1 AND condition = 'good' AND is_ourselves""",
        DRIVE,
    )


async def come_in_advance() -> tuple[requests.RequestView, RmaView]:
    """A request whose part a vendor sent first, still the vendor's."""
    request = await waiting_request()
    asked = await exchanging.exchange(request.id, DRIVE, "DISTI", by=DISPATCHER, serial_out="OLD-1")
    await rmas.authorise(asked.id, "V-9", by=BUYER)
    await exchanges.vendor_shipped(asked.id, by=BUYER, serial="GOOD-1")
    came = await coming_in.receive(asked.id, [Arrived(serial="GOOD-1")], by=KEEPER)
    assert await exchanging.take(came.lines[0].id, by=SUPERVISOR)
    return await requests.request_view(request.id), came


async def test_an_advance_exchange_is_the_vendors_until_the_old_piece_is_back(company):
    request, came = await come_in_advance()
    debt = await debts.debt_view(came.lines[0].debt)
    promised = await db.fetch_value("SELECT unit_price_cny FROM offers_on(current_date) JOIN part ON part.id = part "
                                    "WHERE part_number = $1", DRIVE)  # fmt: skip

    assert request.state == "reserved"
    assert await where("GOOD-1") == ("GZ", "good", "DISTI")
    assert (debt.debtor_kind, debt.vendor, debt.money_cny, debt.expected_serial) == ("us", "DISTI", promised, "OLD-1")
    assert await debts.money_at_risk() == promised
    assert await good_drives_of_ours() == 0

    await shipping.ship(request.id, by=KEEPER, serials=["GOOD-1"])
    assert await where("GOOD-1") == ("BANK-GZ", "good", "DISTI")
    await debriefing.debrief(
        request.id,
        [debriefing.Debrief(part_number=DRIVE, outcome="used", serial_in="GOOD-1", serial_out="OLD-1")],
        by=ENGINEER,
    )
    with pytest.raises(NotTheOldPiece):
        await exchanges.attach(came.id, 1, "GOOD-1", by=KEEPER)
    await counter.take_in("GZ", DRIVE, by=KEEPER, serial="OLD-1")
    await exchanges.attach(came.id, 1, "OLD-1", by=KEEPER)
    await rmas.ship(came.id, by=KEEPER)
    with pytest.raises(OnlyExchanged):
        await answering.answer(came.id, 1, Answer(answer="rejected"), by=BUYER)
    await answering.arrive(came.id, by=BUYER)
    assert await where("GOOD-1") == ("BANK-GZ", "good", "OWN")
    assert await where("OLD-1") == ("V-DISTI", "defective", "DISTI")
    assert (await debts.debt_view(debt.id)).state == "returned"
    assert await debts.money_at_risk() == 0
    done = await answering.answer(came.id, 1, Answer(answer="exchanged", no_fault_found=True), by=BUYER)

    assert done.state == "closed"
    assert await violations() == []


async def test_what_comes_back_good_from_the_site_is_still_the_vendors(company):
    request, came = await come_in_advance()
    await shipping.ship(request.id, by=KEEPER, serials=["GOOD-1"])
    await debriefing.debrief(
        request.id, [debriefing.Debrief(part_number=DRIVE, outcome="returned_good", serial_in="GOOD-1")], by=ENGINEER
    )

    assert await where("GOOD-1") == ("GZ", "good", "DISTI")
    debt = came.lines[0].debt
    assert debt is not None
    back = await exchanges.send_unused_back(came.id, by=KEEPER, reason="the cable was loose")
    assert (back.state, await where("GOOD-1")) == ("cancelled", ("V-DISTI", "good", "DISTI"))
    assert (await debts.debt_view(debt)).state == "returned"
    assert await violations() == []


async def test_a_title_crosses_under_a_reservation_and_it_goes_on_holding(company):
    request, came = await come_in_advance()
    with pytest.raises(NotUnused):
        await exchanges.send_unused_back(came.id, by=KEEPER, reason="held for the request")
    await receipts.adjust("GZ", DRIVE, 1, by=SETUP, reason="found", serials=["OLD-1"], provenance="authorised_channel")
    await broken("OLD-1")
    await exchanges.attach(came.id, 1, "OLD-1", by=KEEPER)
    await rmas.ship(came.id, by=KEEPER)
    await answering.arrive(came.id, by=BUYER)

    assert await where("GOOD-1") == ("GZ", "good", "OWN")
    assert await violations() == []
    await shipping.ship(request.id, by=KEEPER, serials=["GOOD-1"])
    assert await where("GOOD-1") == ("BANK-GZ", "good", "OWN")


async def test_a_piece_that_never_went_back_is_charged_and_what_came_is_ours(company):
    _, came = await come_in_advance()
    keeper_who_sees_costs = actor("buyer")
    charged = await answering.charge(came.id, 1, by=keeper_who_sees_costs, reason="the customer kept it")

    assert (charged.state, charged.lines[0].charged_cny) == (
        "closed",
        (await debts.debt_view(came.lines[0].debt)).money_cny,
    )
    assert await where("GOOD-1") == ("GZ", "good", "OWN")
    assert await debts.money_at_risk() == 0
    with pytest.raises((NothingOwed, WrongState)):
        await answering.charge(came.id, 1, by=BUYER, reason="again")
    with pytest.raises(NotGranted):
        await answering.charge(came.id, 1, by=SUPERVISOR, reason="no right")
    assert "charged_cny" not in to_builtins((await rmas.rma_view(came.id, seen_by=KEEPER)).lines[0])
    assert await violations() == []


async def test_an_exchange_needs_terms_and_a_warranty_or_a_fee(company):
    with pytest.raises(NoExchange):
        await exchanges.open_exchange("DISTI", "GZ", DRIVE, by=KEEPER, device="BANK-001")
    await vendor_terms.set_terms(FIVE_DAYS, by=BUYER)
    await offers_too("DISTI", DRIVE, exchange_hours=4)
    with pytest.raises(exchanges.OutOfWarranty):
        await exchanges.open_exchange("DISTI", "GZ", DRIVE, by=KEEPER, device="BANK-001")
    await db.execute("UPDATE party SET is_vendor = true WHERE code = 'DELL'")
    await vendor_terms.set_terms(replace(FIVE_DAYS, vendor="DELL"), by=BUYER)
    await db.execute("UPDATE device SET warranty_until = $1 WHERE serial = 'BANK-001'", clock.today())
    opened = await exchanges.open_exchange("DELL", "GZ", DRIVE, by=KEEPER, device="BANK-001")

    assert (opened.state, opened.advance, opened.contract) == ("requested", True, "C-BANK")


async def test_a_pool_whose_contract_asks_for_more_keeps_an_exchange_in_quarantine(company):
    await db.execute("UPDATE contract SET minimum_provenance = 'authorised_channel' WHERE code = 'C-TELCO'")
    await receipts.adjust(
        "GZ", DRIVE, 1, by=SETUP, reason="theirs", pool="C-TELCO", serials=["T-1"], provenance="maker_direct"
    )
    await conditions.judge(
        Pieces("GZ", DRIVE, serials=["T-1"], pool="C-TELCO"), "good", "defective", by=KEEPER, reason="clicks"
    )
    (drafted,) = await rmas.draft("GZ", [line("T-1")], by=KEEPER)
    await rmas.request(drafted.id, by=KEEPER)
    await rmas.authorise(drafted.id, "V-1", by=BUYER)
    await rmas.ship(drafted.id, by=KEEPER)
    await answering.answer(drafted.id, 1, Answer(answer="exchanged"), by=BUYER)
    came = await coming_in.receive(drafted.id, [Arrived(serial="T-2")], by=KEEPER)

    assert (came.contract, came.pool) == ("C-TELCO", "C-TELCO")
    assert await where("T-2") == ("GZ", "quarantine", "OWN")
    telco, bank = actor("project_manager", contracts={"C-TELCO"}), actor("project_manager", contracts={"C-BANK"})
    assert [view.number for view in await rmas.rmas(limit=9, seen_by=telco)] == [came.number]
    assert await rmas.rmas(limit=9, seen_by=bank) == []


async def test_a_contract_that_takes_no_exchange_is_told_so_before_anything_is_asked(company):
    request = await waiting_request()
    await db.execute("UPDATE contract SET minimum_provenance = 'authorised_channel' WHERE code = 'C-BANK'")
    with pytest.raises(ProvenanceTooLow):
        await exchanging.exchange(request.id, DRIVE, "DISTI", by=DISPATCHER)
    again = await requests.request_view(request.id)
    assert [step.rung for step in again.lines[0].ladder if step.rung == "vendor_exchange"] == ["vendor_exchange"]
    assert await rmas.rmas(limit=9, seen_by=AUDITOR) == []


async def used_for_the_bank() -> tuple[RmaView, debts.DebtView]:
    """An exchange whose good piece is fitted, and the engineer's debt of the old one."""
    request, came = await come_in_advance()
    await shipping.ship(request.id, by=KEEPER, serials=["GOOD-1"])
    await debriefing.debrief(
        request.id,
        [debriefing.Debrief(part_number=DRIVE, outcome="used", serial_in="GOOD-1", serial_out="OLD-1")],
        by=ENGINEER,
    )
    (owed,) = await debts.debts(limit=9, seen_by=SETUP, debtor=ENGINEER.name)
    return came, owed


@pytest.mark.parametrize("lost", [True, False])
async def test_the_bill_for_a_piece_that_is_lost_or_kept_is_recorded_and_closes_the_rma(company, lost):
    await db.execute("UPDATE contract SET customer_keeps_disks = true WHERE code = 'C-BANK'")
    came, owed = await used_for_the_bank()
    if lost:
        await removed.tell_lost(owed.id, by=ENGINEER, reason="fell off the trolley")
        await removed.confirm_lost(owed.id, by=SUPERVISOR)
    else:
        await removed.keep(owed.id, "Ms. Wang", by=ENGINEER)
    assert (await debts.debt_view(came.lines[0].debt)).state == "charged"
    assert (await state(came.id), await steps.open_kinds("rma", came.number)) == ("authorised", ["settle_rma"])
    billed = await answering.charge(came.id, 1, by=BUYER, reason="invoice 7", cny=Decimal("812.50"))

    assert (billed.state, billed.lines[0].charged_cny) == ("closed", Decimal("812.50"))
    assert await where("GOOD-1") == ("BANK-GZ", "good", "OWN")
    assert await steps.open_kinds("rma", came.number) == []
    assert await violations() == []


async def test_a_bill_is_kept_once_and_our_own_debt_is_confirmed_lost_by_nobody(company):
    came, _ = await used_for_the_bank()
    ours = came.lines[0].debt
    assert ours is not None
    await db.execute("UPDATE return_debt SET loss_told_at = now(), loss_told_by = 'x' WHERE id = $1", ours)
    with pytest.raises(Unknown):
        await removed.confirm_lost(ours, by=SUPERVISOR)
    await exchanges_old_piece_sent(came)
    await answering.charge(came.id, 1, by=BUYER, reason="late")
    with pytest.raises(NothingOwed):
        await answering.charge(came.id, 1, by=BUYER, reason="again")


async def exchanges_old_piece_sent(came: RmaView) -> None:
    """The old piece comes to the counter, and leaves for its vendor."""
    await counter.take_in("GZ", DRIVE, by=KEEPER, serial="OLD-1")
    await exchanges.attach(came.id, 1, "OLD-1", by=KEEPER)
    assert await steps.open_kinds("rma", came.number) == ["ship_rma"]
    await rmas.ship(came.id, by=KEEPER)
    assert await steps.open_kinds("rma", came.number) == ["settle_rma"]


async def test_the_vendor_has_nothing_before_it_was_sent(company):
    came, _ = await used_for_the_bank()
    await exchanges_old_piece_sent(came)
    with pytest.raises(ThereBeforeSent):
        await answering.arrive(came.id, by=BUYER, at=clock.now() - timedelta(hours=1))
    assert await state(came.id) == "shipped"


async def test_an_exchange_takes_no_old_piece_of_another_pool_or_owner(company):
    await vendor_terms.set_terms(FIVE_DAYS, by=BUYER)
    await db.execute("UPDATE offer SET exchange_hours = 4, exchange_fee = 90")
    await broken("ZL2-0000", "ZL2-0001", "ZL2-0002")
    telco = await db.fetch_value("SELECT id FROM pool WHERE code = 'C-TELCO'")
    with pytest.raises(NotTheOldPiece):
        await exchanges.open_exchange("DISTI", "GZ", DRIVE, by=KEEPER, pool="C-TELCO", serial="ZL2-0000")
    dell = await db.fetch_value("SELECT id FROM party WHERE code = 'DELL'")
    await db.execute("UPDATE unit SET owner = $1 WHERE serial = 'ZL2-0001'", dell)
    with pytest.raises(NotTheOldPiece):
        await exchanges.open_exchange("DISTI", "GZ", DRIVE, by=KEEPER, serial="ZL2-0001")
    opened = await exchanges.open_exchange("DISTI", "GZ", DRIVE, by=KEEPER, serial="ZL2-0002")
    await rmas.authorise(opened.id, "V-1", by=BUYER)
    assert (opened.lines[0].serial, await steps.open_kinds("rma", opened.number)) == ("ZL2-0002", ["ship_rma"])
    await db.execute("UPDATE unit SET pool = $1 WHERE serial = 'ZL2-0002'", telco)
    with pytest.raises(ChangedSince) as refusal:
        await rmas.ship(opened.id, by=KEEPER)
    assert "C-TELCO" in refusal.value.sentence("zh")


async def test_terms_for_another_makers_parts_are_no_terms_for_this_one(company):
    await vendor_terms.set_terms(replace(FIVE_DAYS, maker="DELL"), by=BUYER)
    await db.execute("UPDATE offer SET exchange_hours = 4, exchange_fee = 90")
    with pytest.raises(NoExchange):
        await exchanges.open_exchange("DISTI", "GZ", DRIVE, by=KEEPER)
    await vendor_terms.set_terms(replace(FIVE_DAYS, maker="SEAGATE"), by=BUYER)
    assert (await exchanges.open_exchange("DISTI", "GZ", DRIVE, by=KEEPER)).state == "requested"


async def test_each_piece_of_a_waiting_line_gets_its_exchange(company):
    request = await waiting_request(quantity=2)
    for n in (1, 2):
        asked = await exchanging.exchange(request.id, DRIVE, "DISTI", by=DISPATCHER, serial_out=f"OLD-{n}")
        await rmas.authorise(asked.id, f"V-{n}", by=BUYER)
        came = await coming_in.receive(asked.id, [Arrived(serial=f"GOOD-{n}")], by=KEEPER)
        assert await exchanging.take(came.lines[0].id, by=SUPERVISOR)
    done = await requests.request_view(request.id)

    assert (done.state, [(line.quantity, line.state) for line in done.lines]) == (
        "reserved",
        [(1, "reserved"), (1, "reserved")],
    )
    assert await db.fetch_value("SELECT sum(backordered) FROM level") == 0
    await shipping.ship(request.id, by=KEEPER, serials=["GOOD-1", "GOOD-2"])
    assert [await where(f"GOOD-{n}") for n in (1, 2)] == [("BANK-GZ", "good", "DISTI")] * 2
    assert await violations() == []


async def test_an_engineer_asks_for_an_exchange_at_a_store_that_is_not_his(company):
    request = await waiting_request()
    mine = replace(actor("engineer", depots={"SH"}), name=ENGINEER.name)
    asked = await exchanging.exchange(request.id, DRIVE, "DISTI", by=mine)
    assert (asked.state, asked.depot, asked.requested_by) == ("requested", "GZ", ENGINEER.name)


async def test_a_vendor_says_once_that_it_sent_the_good_piece(company):
    request = await waiting_request()
    asked = await exchanging.exchange(request.id, DRIVE, "DISTI", by=DISPATCHER)
    await rmas.authorise(asked.id, "V-9", by=BUYER)
    vendor = actor("vendor", vendor="DISTI")
    await exchanges.vendor_shipped(asked.id, by=vendor, serial="GOOD-1", waybill="SF-1")
    with pytest.raises(SentAlready):
        await exchanges.vendor_shipped(asked.id, by=vendor, serial="GOOD-2", waybill="SF-2")
    told = await rmas.rma_view(asked.id)
    assert (told.vendor_waybill, told.lines[0].replacement_serial) == ("SF-1", "GOOD-1")


async def test_who_acts_for_some_contracts_returns_no_common_stock(company):
    await broken("ZL2-0000")
    bound = actor("warehouse_keeper", depots={"GZ"}, contracts={"C-BANK"})
    with pytest.raises(NotYourContracts):
        await rmas.draft("GZ", [line("ZL2-0000")], by=bound)


OTHER = "ST16000NM001G"


async def enter_other_part() -> None:
    drive = catalogue.NewPart(
        part_number=OTHER, name_zh="16TB 硬盘", name_en="16 TB drive", kind="drive", maker="SEAGATE",
        unit_cost_cny=Decimal(1200), holding_rate_per_year=0.22,
    )  # fmt: skip
    await catalogue.enter_parts([drive], by=SETUP)


async def test_another_part_that_came_in_advance_is_nobodys_answer_and_can_go_back(company):
    await enter_other_part()
    request = await waiting_request()
    asked = await exchanging.exchange(request.id, DRIVE, "DISTI", by=DISPATCHER)
    await rmas.authorise(asked.id, "V-9", by=BUYER)
    big = Arrived(serial="BIG-1", part_number=OTHER, reason="the vendor has no other")
    came = await coming_in.receive(asked.id, [big], by=KEEPER)

    assert (came.lines[0].reservation, await where("BIG-1")) == (None, ("GZ", "quarantine", "DISTI"))
    assert (await requests.request_view(request.id)).state == "backordered"
    await exchanges.send_unused_back(asked.id, by=KEEPER, reason="does not fit")
    assert await where("BIG-1") == ("V-DISTI", "quarantine", "DISTI")
    assert await violations() == []


async def test_another_part_than_was_asked_is_a_difference_with_a_reason(company):
    await enter_other_part()
    rma = await at_vendor(line("ZL2-0000"), line("ZL2-0001", "repair"))
    await answering.answer(rma.id, 1, Answer(answer="exchanged", replacement_serial="BIG-1"), by=BUYER)
    await answering.answer(rma.id, 2, Answer(answer="repaired"), by=BUYER)

    async def came(**more: object) -> RmaView:
        async with db.savepoint():
            return await coming_in.receive(rma.id, [Arrived(**more)], by=KEEPER)

    with pytest.raises(DifferenceUnexplained):
        await came(serial="BIG-1", part_number=OTHER)
    with pytest.raises(NoReplacement):
        await came(serial="ZL2-0001", part_number=OTHER, reason="the label says so")
    with pytest.raises(NoReplacement):
        await came(serial="BIG-1", part_number=FAN, reason="the vendor has no other")
    taken = await came(serial="BIG-1", part_number=OTHER, reason="the vendor has no other")

    assert (taken.lines[0].came_condition, taken.lines[0].came_part) == ("quarantine", OTHER)
    (found,) = [each for each in await receipts.receipts(limit=9, seen_by=AUDITOR) if each.document == rma.number]
    (told,) = (await receipts.receipt_view(found.number)).lines
    assert (told.part_number, told.difference, told.serials) == (OTHER, "wrong_part", ["BIG-1"])
    assert await where("BIG-1") == ("GZ", "quarantine", "OWN")
    assert await violations() == []


async def test_the_dock_hears_what_is_on_its_way_from_vendors(company):
    rma = await at_vendor(line("ZL2-0000"), line("ZL2-0001", "repair"))
    assert await rmas.on_their_way(limit=9, seen_by=KEEPER) == []
    await answering.answer(rma.id, 1, Answer(answer="exchanged", replacement_serial="NEW-1"), by=BUYER)
    request = await waiting_request()
    asked = await exchanging.exchange(request.id, DRIVE, "DISTI", by=DISPATCHER)
    await rmas.authorise(asked.id, "V-9", by=BUYER)
    assert [each.number for each in await rmas.on_their_way(limit=9, seen_by=KEEPER)] == [rma.number]
    await exchanges.vendor_shipped(asked.id, by=BUYER, waybill="SF-9", promised_at=clock.now() + timedelta(hours=3))
    soon, later = await rmas.on_their_way(limit=9, seen_by=KEEPER)
    assert (soon.number, soon.waybill, soon.pieces, soon.part_numbers) == (asked.number, "SF-9", 1, [DRIVE])
    assert (later.number, later.pieces, later.due_at) == (rma.number, 1, None)
    assert await rmas.on_their_way(limit=9, seen_by=SH_KEEPER) == []
    assert await rmas.on_their_way(limit=9, seen_by=AUDITOR, depot="SH") == []
    await coming_in.receive(asked.id, [Arrived(serial="GOOD-1")], by=KEEPER)
    await coming_in.receive(rma.id, [Arrived(serial="NEW-1")], by=KEEPER)
    assert await rmas.on_their_way(limit=9, seen_by=KEEPER) == []


async def test_drafting_takes_the_same_statements_however_many_pieces(company):
    await broken(*(f"ZL2-{n:04d}" for n in range(5)))
    await conditions.judge(Pieces("GZ", FAN, 4), "good", "defective", by=KEEPER, reason="they rattle")
    fans = NewLine(vendor="DISTI", part_number=FAN, asked="credit", quantity=2)
    sent: list[int] = []
    for lines in (
        [line("ZL2-0000"), fans],
        [line("ZL2-0001"), fans],
        [line(f"ZL2-000{n}") for n in (2, 3, 4)] + [fans],
    ):
        async with counted() as statements:  # the first time, the driver looks up types
            (drafted,) = await rmas.draft("GZ", lines, by=KEEPER)
        sent.append(len(statements))

    assert [(each.serial, each.quantity) for each in drafted.lines] == [
        *((f"ZL2-000{n}", 1) for n in (2, 3, 4)),
        (None, 2),
    ]
    assert sent[1] == sent[2]
