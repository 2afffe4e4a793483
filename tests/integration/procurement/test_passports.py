"""Part passports: a page by a signed link, a paper of one page, and nothing in them that is another's business."""

import asyncio
from datetime import date
from pathlib import Path

import msgspec
import pytest
import typst

from api.papers import forms, printing
from api.papers import passports as papers
from inventory.ground import clock, db
from inventory.ground.errors import Unknown
from inventory.procurement import passports, receiving, release
from inventory.procurement.register import NewAuthorisation, enter_authorisations
from inventory.requests import requests, shipping
from inventory.stock import receipts
from inventory.stock.pieces import Pieces
from inventory.stock.receipts import Incoming
from tests.integration.procurement.test_orders import placed
from tests.integration.requests.test_requests import new
from tests.world import DISPATCHER, DRIVE, KEEPER, SETUP, SH_KEEPER, SUPERVISOR


async def brought_in(*serials: str, condition: str = "good") -> receipts.ReceiptView:
    order = await placed((DRIVE, len(serials)))
    line = Incoming(part_number=DRIVE, quantity=len(serials), serials=serials, condition=condition)
    return await receiving.receive_order(order.number, [line], by=KEEPER)


async def test_a_passport_says_where_a_unit_comes_from_and_by_which_letter(company):
    receipt = await brought_in("NEW-1", condition="quarantine")
    before = await passports.passport("NEW-1", seen_by=KEEPER)
    await release.release(Pieces("GZ", DRIVE, serials=["NEW-1"]), "quarantine", by=SUPERVISOR, finding="seals intact")

    told = await passports.passport("NEW-1", seen_by=KEEPER)

    assert (before.blocked, told.blocked) == (True, False)
    assert (told.provenance, told.receipt) == ("authorised_channel", receipt.number)
    assert told.vendor_en == (await db.fetch_value("SELECT name_en FROM party WHERE code = 'DISTI'"))
    assert told.letter is not None
    assert (told.letter.number, told.letter.valid_from) == ("SG-1", date(2024, 1, 1))
    assert [turn.turn for turn in told.turns] == ["received", "inspection_passed"]


async def test_a_letter_for_other_parts_of_the_maker_proves_nothing(company):
    await db.execute("DELETE FROM authorisation")
    today = clock.today()
    for number, more in (("KIND", {"part_kinds": ["tape"]}), ("PART", {"part_numbers": ["ANOTHER"]})):
        letter = NewAuthorisation(
            vendor="DISTI", maker="SEAGATE", letter_number=number, valid_from=today, valid_to=today, **more
        )
        await enter_authorisations([letter], by=SETUP)

    await brought_in("NEW-1", condition="quarantine")
    assert (await passports.passport("NEW-1", seen_by=KEEPER)).provenance == "unproven"

    named = NewAuthorisation(
        vendor="DISTI", maker="SEAGATE", letter_number="DRIVES", valid_from=today, valid_to=today, part_numbers=[DRIVE]
    )
    await enter_authorisations([named], by=SETUP)
    await brought_in("NEW-2")
    told = await passports.passport("NEW-2", seen_by=KEEPER)
    assert told.letter is not None
    assert (told.provenance, told.letter.number) == ("authorised_channel", "DRIVES")


async def test_a_passport_names_no_customer_no_person_and_no_document_of_theirs(company):
    request = await requests.open_request(new((DRIVE, 1)), by=DISPATCHER)
    await shipping.ship(request.id, by=KEEPER, serials=["ZL2-0001"])

    told = await passports.passport("ZL2-0001", seen_by=KEEPER)

    assert [turn.turn for turn in told.turns] == ["entered", "sent"]
    assert told.turns[-1].store_zh is None
    words = repr(told)
    for secret in ("BANK", request.number, "keeper", "980"):
        assert secret not in words


async def test_a_unit_of_another_store_has_no_passport_for_who_does_not_see_it(company):
    with pytest.raises(Unknown):
        await passports.passport("ZL2-0001", seen_by=SH_KEEPER)


async def test_many_turns_still_fit_on_one_page(company):
    await db.execute(
        """INSERT INTO inspection (number, kind, result, part, unit, place, quantity, from_condition, to_condition, finding,
                                   inspected_at, inspected_by)
           SELECT 'I-' || n, 'test', 'passed', unit.part, unit.id, unit.place, 1, 'good', 'good', '', now(), 'x'
           FROM unit, generate_series(1, 40) AS n WHERE serial = 'ZL2-0001'"""
    )
    told = await passports.passport("ZL2-0001", seen_by=KEEPER)
    assert len(told.turns) == 41
    for language in ("zh", "en"):
        paper = await papers.of_unit(told, language, link="https://parts.example/p/x.y", by=KEEPER)
        inputs = {"data": msgspec.json.encode(forms.laid_out(paper)).decode()}
        template = Path(printing.__file__).parent / "form.typ"
        pages = await asyncio.to_thread(typst.compile, template, format="svg", sys_inputs=inputs)
        assert len(paper.lines) == papers.TURNS_AT_MOST
        assert not isinstance(pages, list) or len(pages) == 1
