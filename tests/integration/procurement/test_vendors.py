"""Vendors: contacts somebody made sure of, letters renewed in time, reliability measured from orders, sources proven."""

from datetime import timedelta

import pytest

from inventory.assurance import attachments
from inventory.ground import clock, db, steps
from inventory.ground.errors import NotGranted, Unknown
from inventory.people.contacts import NotAPhone
from inventory.procurement import letters, orders, papers, receiving, release, reliability, vendor_contacts, vendors
from inventory.procurement.papers import PapersMissing
from inventory.procurement.provenance import ProvenanceTooLow
from inventory.procurement.register import NewAuthorisation, enter_authorisations
from inventory.procurement.vendor_contacts import NewVendorContact, NoWayToReach
from inventory.stock import receipts
from inventory.stock.pieces import Pieces
from inventory.stock.receipts import Incoming
from tests.integration.procurement.test_orders import drafted, placed
from tests.world import BUYER, DRIVE, FAN, KEEPER, PSU, SETUP, SUPERVISOR, actor

DESK = NewVendorContact(name="值班台", role="emergency", phone="020-8888 0000", around_the_clock=True)


async def test_an_emergency_contact_is_to_be_made_sure_of(company):
    entered = await vendor_contacts.enter("DISTI", DESK, by=BUYER)
    await vendor_contacts.watch()
    assert entered.stale
    assert await steps.open_step("vendor", "DISTI", "verify_vendor_contact") is not None

    sure = await vendor_contacts.verify(entered.id, by=BUYER)

    assert (sure.stale, sure.verified_by) == (False, BUYER.name)
    assert await steps.open_step("vendor", "DISTI", "verify_vendor_contact") is None
    with clock.at(clock.now() + timedelta(days=91)):
        await vendor_contacts.watch()
        assert await steps.open_step("vendor", "DISTI", "verify_vendor_contact") is not None
        assert await vendor_contacts.withdraw(entered.id, by=BUYER) == "DISTI"
        assert await steps.open_step("vendor", "DISTI", "verify_vendor_contact") is None
    assert await vendor_contacts.contacts(limit=5, vendor="DISTI") == []


@pytest.mark.parametrize(
    ("new", "refusal"),
    [
        (NewVendorContact(name="x", role="sales"), NoWayToReach),
        (NewVendorContact(name="x", role="sales", email="a@example.com", around_the_clock=True), NoWayToReach),
        (NewVendorContact(name="x", role="sales", phone="call me"), NotAPhone),
    ],
)
async def test_a_contact_that_nobody_could_reach_is_refused(company, new: NewVendorContact, refusal: type[Exception]):
    with pytest.raises(refusal):
        await vendor_contacts.enter("DISTI", new, by=BUYER)


async def test_contacts_are_for_those_who_keep_them(company):
    with pytest.raises(NotGranted):
        await vendor_contacts.enter("DISTI", DESK, by=KEEPER)
    with pytest.raises(Unknown):
        await vendor_contacts.enter("NOBODY", DESK, by=BUYER)


async def test_a_letter_that_ends_soon_is_a_duty_until_another_follows(company):
    today = clock.today()
    await db.execute("UPDATE authorisation SET valid_to = $1", today + timedelta(days=30))
    await letters.watch()
    assert await steps.open_step("vendor", "DISTI", "renew_letter") is not None
    assert [each.letter_number for each in await letters.letters(limit=5, ends_soon=True)] == ["SG-1"]
    span = {"valid_from": today + timedelta(days=31), "valid_to": today + timedelta(days=400)}

    tapes = NewAuthorisation(vendor="DISTI", maker="SEAGATE", letter_number="T", part_kinds=["tape"], **span)
    await enter_authorisations([tapes], by=SETUP)
    await letters.watch()
    assert await steps.open_step("vendor", "DISTI", "renew_letter") is not None

    await enter_authorisations(
        [NewAuthorisation(vendor="DISTI", maker="SEAGATE", letter_number="SG-2", **span)], by=SETUP
    )
    await letters.watch()
    assert await steps.open_step("vendor", "DISTI", "renew_letter") is None


async def test_a_letter_is_narrowed_to_what_it_names(company):
    (letter,) = await letters.letters(limit=1, vendor="DISTI")
    for wrong in ({"part_kinds": ["no-such-kind"]}, {"part_numbers": ["NO-SUCH"]}):
        with pytest.raises(Unknown):
            await letters.set_cover(letter.id, by=BUYER, **wrong)
    with pytest.raises(NotGranted):
        await letters.set_cover(letter.id, by=KEEPER)

    named = await letters.set_cover(letter.id, by=BUYER, part_numbers=[PSU])

    assert (named.part_kinds, named.part_numbers) == ([], [PSU])
    order = await placed((DRIVE, 1))
    with pytest.raises(ProvenanceTooLow):
        await receiving.receive_order(
            order.number, [Incoming(part_number=DRIVE, quantity=1, serials=["N-1"])], by=KEEPER
        )


async def test_a_letters_document_is_kept_for_those_who_may_read_it(company):
    (letter,) = await letters.letters(limit=1, vendor="DISTI")
    with pytest.raises(Unknown):
        await letters.file_of(letter.id, seen_by=BUYER)
    kept = await letters.keep_file(letter.id, "SG-1.pdf", b"%PDF-1.7\n", by=BUYER, most_bytes=10_000)
    assert kept.has_file
    assert (await letters.file_of(letter.id, seen_by=BUYER)).media_type == "application/pdf"
    with pytest.raises(NotGranted):
        await letters.file_of(letter.id, seen_by=actor("engineer"))


async def test_reliability_counts_what_was_promised_against_what_came(company):
    for days, serial in ((-1, "R-1"), (3, "R-2")):
        order = await placed((DRIVE, 1))
        await receiving.receive_order(
            order.number, [Incoming(part_number=DRIVE, quantity=1, serials=[serial])], by=KEEPER
        )
        await db.execute(
            "UPDATE purchase_order SET received_at = promised_at + $2 WHERE id = $1", order.id, timedelta(days=days)
        )
    await placed((DRIVE, 2))

    measured = await reliability.reliability(["DISTI", "DELL"], seen_by=BUYER)
    of = measured["DISTI"]

    assert (of.orders, of.judged, of.on_time, of.on_time_share) == (3, 2, 1, 0.5)
    assert (of.delay_median_days, of.ordered, of.received) == (1.0, 4, 2)
    assert of.delay_p90_days == pytest.approx(2.6)
    assert measured["DELL"].on_time_share is None
    elsewhere = await reliability.reliability(["DISTI"], seen_by=actor("buyer", depots={"SH"}))
    assert elsewhere["DISTI"].orders == 0


async def test_lead_times_are_told_with_their_spread_normal_and_expedited_apart(company):
    async def took(days: int, serial: str, part: str = DRIVE, **more: object) -> None:
        order = await drafted((part, 1), **more)
        await orders.approve_order(order.id, by=SETUP)
        await orders.record_placed(order.id, by=SETUP)
        serials = [serial] if part == DRIVE else ()
        await receiving.receive_order(
            order.number, [Incoming(part_number=part, quantity=1, serials=serials)], by=KEEPER
        )
        await db.execute(
            "UPDATE purchase_order SET received_at = placed_at + $2 WHERE id = $1", order.id, timedelta(days=days)
        )

    for days in range(1, 6):
        await took(days, f"L-{days}")
    await took(20, "", FAN)
    await took(2, "E-1", expedited=True)
    told = {offer.part_number: offer for offer in await vendors.offers(limit=9, seen_by=BUYER, vendor="DISTI")}
    drive, fan = told[DRIVE], told[FAN]

    assert drive.measured is not None
    assert (drive.measured.part_number, drive.measured.orders, drive.measured.median_days) == (DRIVE, 5, 3)
    assert (drive.measured.p10_days, drive.measured.p90_days) == pytest.approx((1.4, 4.6))
    assert fan.measured is not None
    assert (fan.measured.part_number, fan.measured.orders, fan.measured.median_days) == (None, 6, 3.5)
    assert drive.expedited_measured is not None
    assert (drive.expedited_measured.part_number, drive.expedited_measured.median_days) == (None, 2)
    record = (await reliability.reliability(["DISTI"], seen_by=BUYER))["DISTI"]
    assert [(each.expedited, each.part_number, each.orders) for each in record.lead_times] == [
        (False, None, 6),
        (True, None, 1),
    ]
    elsewhere = await vendors.offers(limit=9, seen_by=actor("buyer", depots={"SH"}), vendor="DISTI")
    assert all(offer.measured is None for offer in elsewhere)


async def test_a_brokers_part_is_good_stock_only_by_its_contract_and_with_its_papers(company):
    await db.execute("UPDATE vendor SET kind = 'broker' FROM party WHERE party.id = vendor.party AND code = 'DISTI'")
    await db.execute("DELETE FROM authorisation")
    order = await placed((PSU, 1))
    line = Incoming(part_number=PSU, quantity=1)
    with pytest.raises(ProvenanceTooLow):
        await receiving.receive_order(order.number, [line], by=KEEPER)

    await db.execute("UPDATE contract SET minimum_provenance = 'broker' WHERE code = 'C-TELCO'")
    await db.execute("UPDATE purchase_order SET pool = (SELECT id FROM pool WHERE code = 'C-TELCO')")
    with pytest.raises(PapersMissing) as refusal:
        await receiving.receive_order(order.number, [line], by=KEEPER)
    assert "凭证" in refusal.value.sentence("zh")
    await attachments.attach("purchase_order", order.id, "note.txt", b"delivery note", by=BUYER, most_bytes=1000)

    received = await receiving.receive_order(order.number, [line], by=KEEPER)

    assert received.lines[0].condition == "good"


async def test_a_pulled_part_is_proven_by_its_papers_and_released(company):
    line = Incoming(part_number=DRIVE, quantity=1, serials=["PULLED"], condition="quarantine")
    received = await receipts.receive("ZJ", [line], by=SETUP, origin="V-DISTI", pool="C-TELCO")
    await db.execute("UPDATE contract SET minimum_provenance = 'pulled' WHERE code = 'C-TELCO'")
    which = Pieces("ZJ", DRIVE, serials=["PULLED"], pool="C-TELCO")
    with pytest.raises(ProvenanceTooLow):
        await release.release(which, "quarantine", by=SETUP, finding="works")
    with pytest.raises(PapersMissing):
        await papers.prove(which, "quarantine", "pulled", by=SETUP, reason="from array 7")
    await attachments.attach("receipt", received.id, "note.txt", b"pulled from", by=SETUP, most_bytes=1000)

    proof = await papers.prove(which, "quarantine", "pulled", by=SETUP, reason="from array 7")
    await release.release(which, "quarantine", by=SETUP, finding="works")

    assert (proof.pieces, proof.provenance) == (["PULLED"], "pulled")
    assert await db.fetch_value("SELECT condition FROM unit WHERE serial = 'PULLED'") == "good"
    with pytest.raises(NotGranted):
        await papers.prove(which, "good", "broker", by=KEEPER, reason="r")
    assert SUPERVISOR.may("stock.inspect")
