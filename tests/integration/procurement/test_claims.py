"""Quality claims: opened with frozen evidence, put to the vendor, answered, closed."""

import pytest

from inventory.assurance import finding
from inventory.emergency import claiming, radar
from inventory.ground import db, events
from inventory.ground.errors import NotGranted, ReasonMissing, Unknown, WrongState
from inventory.procurement import claims
from inventory.procurement.claims import ClaimAlreadyOpen, ClaimNeedsWords, NoVendorToClaim
from tests.integration.emergency.test_radar import bad_drives, bank, delivered, fail, fit
from tests.integration.stock.test_batches import sent_to_shanghai
from tests.world import AUDITOR, BUYER, DRIVE, FAN, KEEPER, PSU, SH_KEEPER, SUPERVISOR, actor


async def a_claim() -> claims.ClaimView:
    receipt = await delivered(DRIVE, 10)
    return await claiming.claim(receipt, DRIVE, by=SUPERVISOR, reason="they die within weeks")


async def open_duties() -> list[tuple[str, str]]:
    rows = await db.fetch(
        "SELECT kind, owner_role FROM step WHERE subject_kind = 'quality_claim' AND done_at IS NULL ORDER BY kind"
    )
    return [(row["kind"], row["owner_role"]) for row in rows]


async def test_a_claim_keeps_what_was_known_as_it_was_opened(company):
    receipt = await delivered(DRIVE, 10)
    for n in range(9):
        await fit(f"BANK-{n:03d}", DRIVE, f"N-{n}")
    await fail(DRIVE, bank(9))
    await radar.look_at_all()
    claim = await claiming.claim(receipt, DRIVE, by=SUPERVISOR, reason="nine of ten died")
    await fail(DRIVE, ["BANK-020"])
    await radar.look_at_all()
    kept = await claims.claim_view(claim.id, seen_by=AUDITOR)

    assert (kept.vendor, kept.part_number, kept.receipt, kept.pieces, kept.state) == (
        "DISTI",
        DRIVE,
        receipt,
        10,
        "open",
    )
    assert kept.alarm is not None
    assert kept.evidence == claim.evidence
    assert kept.evidence["told_en"].startswith("9 in 7 days")
    assert kept.evidence["told_zh"].startswith("7 天内 9 次")
    assert kept.evidence["whereabouts"][0]["quantity"] == 10
    assert await open_duties() == [("send_claim", "buyer")]


async def test_a_claim_goes_its_way_once(company):
    claim = await a_claim()
    with pytest.raises(WrongState):
        await claims.answer(claim.id, "we look into it", by=BUYER)
    sent = await claims.send(claim.id, by=BUYER)
    duties = await open_duties()
    with pytest.raises(WrongState) as refusal:
        await claims.send(claim.id, by=BUYER)
    with pytest.raises(ClaimNeedsWords):
        await claims.answer(claim.id, " ", by=BUYER)
    answered = await claims.answer(claim.id, "ten new ones", by=BUYER)
    closed = await claims.close(claim.id, "replaced", by=BUYER)

    assert (sent.state, answered.state, closed.state) == ("sent", "answered", "closed")
    assert (closed.answer, closed.outcome, closed.closed_by) == ("ten new ones", "replaced", BUYER.name)
    assert duties == [("settle_claim", "buyer")]
    assert await open_duties() == []
    assert "当前状态为" in refusal.value.sentence("zh")
    kinds = [
        row["kind"]
        for row in await db.fetch("SELECT kind FROM event WHERE subject_kind = 'quality_claim' ORDER BY sequence")
    ]
    assert kinds == [f"quality_claim.{turn}" for turn in ("opened", "sent", "answered", "closed")]
    with pytest.raises(WrongState):
        await claims.close(claim.id, "again", by=BUYER)


async def test_a_batch_is_claimed_once_at_a_time(company):
    claim = await a_claim()
    with pytest.raises(ClaimAlreadyOpen) as refusal:
        await claiming.claim(claim.receipt, DRIVE, by=SUPERVISOR, reason="again")
    assert "已有未结的质量索赔" in refusal.value.sentence("zh")
    await claims.close(claim.id, "given up", by=BUYER)

    again = await claiming.claim(claim.receipt, DRIVE, by=SUPERVISOR, reason="it went on")
    assert [view.number for view in await claims.claims(limit=10, seen_by=AUDITOR)] == [again.number, claim.number]
    assert [view.number for view in await claims.claims(limit=10, seen_by=AUDITOR, state="closed")] == [claim.number]


async def test_only_what_a_vendor_delivered_is_claimed(company):
    receipt = await delivered(FAN, 4)
    with pytest.raises(NoVendorToClaim) as refusal:
        await claiming.claim(receipt, PSU, by=SUPERVISOR, reason="bad")
    assert "无法向供应商索赔" in refusal.value.sentence("zh")
    with pytest.raises(Unknown):
        await claiming.claim("GR-0", FAN, by=SUPERVISOR, reason="bad")
    with pytest.raises(ReasonMissing):
        await claiming.claim(receipt, FAN, by=SUPERVISOR, reason=" ")


async def test_claims_are_for_their_roles_and_stores(company):
    claim = await a_claim()
    elsewhere = actor("buyer", depots={"SH"})

    with pytest.raises(NotGranted):
        await claiming.claim(claim.receipt, DRIVE, by=KEEPER, reason="bad")
    with pytest.raises(NotGranted):
        await claims.send(claim.id, by=SUPERVISOR)
    with pytest.raises(Unknown):
        await claims.send(claim.id, by=elsewhere)
    with pytest.raises(Unknown):
        await claims.claim_view(claim.id, seen_by=SH_KEEPER)
    with pytest.raises(Unknown):
        await claiming.claim(claim.receipt, DRIVE, by=elsewhere, reason="bad")
    assert await claims.claims(limit=10, seen_by=SH_KEEPER) == []
    assert (await claims.claim_view(claim.id, seen_by=AUDITOR)).state == "open"


async def test_claims_are_no_customers_business(company):
    claim = await a_claim()
    theirs = actor("buyer", contracts={"C-BANK"})

    assert await claims.claims(limit=10, seen_by=theirs) == []
    with pytest.raises(Unknown):
        await claims.claim_view(claim.id, seen_by=theirs)
    with pytest.raises(Unknown):
        await claims.send(claim.id, by=theirs)
    assert await finding.find(claim.number, seen_by=theirs) is None
    assert (await finding.find(claim.number, seen_by=BUYER)).key == str(claim.id)
    await claims.close(claim.id, "given up", by=BUYER)
    with pytest.raises(Unknown):
        await claiming.claim(claim.receipt, DRIVE, by=theirs, reason="bad")


async def test_a_claims_duties_and_events_are_its_stores(own_company):
    claim = await a_claim()
    await claims.send(claim.id, by=BUYER)

    async def told(reader) -> list[str]:
        found = await events.since(0, limit=1000, seen_by=reader)
        return [event.kind for event in found if event.subject == claim.number]

    rows = await db.fetch("SELECT kind, place_code FROM step WHERE subject = $1 ORDER BY kind", claim.number)
    assert [tuple(row) for row in rows] == [("send_claim", "GZ"), ("settle_claim", "GZ")]
    assert await told(AUDITOR) == await told(actor("dispatcher", depots={"GZ"}))
    assert await told(AUDITOR) == ["quality_claim.opened", "quality_claim.sent"]
    assert await told(actor("dispatcher", depots={"SH"})) == []
    assert await told(actor("dispatcher", contracts={"C-BANK"})) == []


async def test_a_claims_evidence_is_told_as_far_as_the_reader_reaches(company):
    receipt = await bad_drives()
    await sent_to_shanghai(DRIVE, 1, ("N-9",))
    await db.execute(
        """UPDATE radar_series SET concentrations = jsonb_build_array(jsonb_build_object(
               'dimension', 'site', 'value', place.id::text, 'name', place.code, 'failures', 9, 'of', 9, 'expected', 0.5))
           FROM place WHERE place.code = 'TELCO-ZJ' AND radar_series.dimension = 'batch'"""
    )
    claim = await claiming.claim(receipt, DRIVE, by=SUPERVISOR, reason="they die")
    await db.execute("DELETE FROM coverage WHERE site = (SELECT id FROM place WHERE code = 'TELCO-ZJ')")
    bound = actor("buyer", depots={"GZ"})
    (listed,) = await claims.claims(limit=10, seen_by=bound)
    sent = await claims.send(claim.id, by=bound)
    whole = await claims.claim_view(claim.id, seen_by=AUDITOR)

    assert {each["place"] for each in whole.evidence["whereabouts"]} == {"GZ", "SH"}
    assert "9 of 9 at site TELCO-ZJ" in whole.evidence["told_en"]
    assert len(whole.evidence["radar"]["concentrations"]) == 1
    for view in (listed, sent):
        assert {each["place"] for each in view.evidence["whereabouts"]} == {"GZ"}
        assert view.evidence["radar"]["concentrations"] == []
        assert view.evidence["told_en"].startswith("9 in 7 days")
        assert "TELCO-ZJ" not in view.evidence["told_en"] + view.evidence["told_zh"]
