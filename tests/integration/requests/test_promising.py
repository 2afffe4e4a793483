"""Promises: firm ones hold stock or name a delivery; substitutes over chains; what a contract forbids; kits."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from inventory.assurance.invariants import violations
from inventory.catalogue import register as catalogue
from inventory.ground import clock, db
from inventory.requests import backorders, kits, requests, sourcing
from inventory.requests.availability import availability
from inventory.requests.requests import NothingAsked, PartNotPermitted
from inventory.returns import vendor_terms
from inventory.stock import receipts, transfers
from tests.integration.returns.test_rmas import FIVE_DAYS
from tests.world import ADMIN, BATTERY, BUYER, DISPATCHER, DRIVE, FAN, KEEPER, PSU, SETUP, SH_KEEPER, offers_too


def new(part: str | None = PSU, quantity: int = 1, **more: object) -> requests.NewRequest:
    facts = {"source": "glpi", "reference": "INC-1/1", "device_serial": "BANK-001", "severity": "general"} | more
    line = requests.NewRequestLine(part_number=part, quantity=quantity, symptom=facts.pop("symptom", None))
    return requests.NewRequest(lines=[line], **facts)


async def stands_in(part: str, substitute: str, **more: object) -> None:
    await catalogue.enter_substitutions(
        [catalogue.NewSubstitution(part=part, substitute=substitute, valid_from=date(2024, 1, 1), **more)], by=SETUP
    )


def told(view: requests.RequestView) -> list[tuple[int, str, str | None, str | None, bool]]:
    return [
        (line.quantity, line.state, line.promise.depot, line.promise.part_number, line.promise.firm)
        for line in view.lines
    ]


async def test_what_no_store_has_alone_is_split_and_the_rest_waits(company):
    view = await requests.open_request(new(quantity=13, severity="severe"), by=DISPATCHER)

    assert told(view) == [
        (6, "reserved", "GZ", PSU, True),
        (5, "reserved", "SH", PSU, True),
        (2, "backordered", "GZ", None, False),
    ]
    assert view.state == "backordered"
    assert await violations() == []


async def test_a_delivery_that_is_on_its_way_for_certain_is_a_firm_promise(company):
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="all gone")
    sent = await transfers.draft_transfer(
        "SH", "GZ", [transfers.TransferItem(part_number=PSU, quantity=2)], by=SH_KEEPER
    )
    await transfers.ship(sent.id, by=SH_KEEPER)
    await receipts.adjust("SH", PSU, -3, by=SETUP, reason="all gone")
    first = await requests.open_request(new(quantity=2), by=DISPATCHER)
    second = await requests.open_request(new(reference="INC-2/1"), by=DISPATCHER)

    assert told(first) == [(2, "backordered", "GZ", PSU, True)]
    assert first.lines[0].promise.expected is not None
    assert "on_its_way" in first.lines[0].promise.reasons
    assert told(second) == [(1, "backordered", "GZ", None, False)]  # it is promised to the first one

    await transfers.take_in(sent.id, by=KEEPER)
    part, place, pool = await db.fetch_one("SELECT part, source_place, pool FROM request_line LIMIT 1")
    await backorders.fill_backorders(part, place, pool, by=SETUP)
    filled = await requests.request_view(first.id)
    assert told(filled) == [(2, "reserved", "GZ", PSU, True)]
    assert filled.lines[0].promise.expected is None
    assert await violations() == []


async def test_a_chain_of_substitutes_reaches_the_last_one_and_multiplies_its_pieces(company):
    await stands_in(DRIVE, FAN, kind="supersession")
    await stands_in(FAN, PSU, pieces=2)
    await receipts.adjust("GZ", DRIVE, -5, by=SETUP, reason="gone", serials=[f"ZL2-{n:04d}" for n in range(5)])
    await receipts.adjust("GZ", FAN, -10, by=SETUP, reason="gone")
    await receipts.adjust("SH", FAN, -4, by=SETUP, reason="gone")
    view = await requests.open_request(new(DRIVE, 2), by=DISPATCHER)

    assert told(view) == [(2, "reserved", "GZ", PSU, True)]
    assert view.lines[0].promise.pieces == 4
    assert "takes_2_each" in next(step for step in view.lines[0].ladder if step.part_number == PSU).reasons


async def test_a_substitute_for_one_model_or_firmware_is_for_no_other(company):
    await receipts.adjust("GZ", BATTERY, -3, by=SETUP, reason="gone")
    await catalogue.enter_models([catalogue.NewModel(code="SR650", name="SR650")], by=SETUP)
    await stands_in(BATTERY, FAN, model="SR650")
    await stands_in(BATTERY, PSU, min_firmware="2.19")
    before = await requests.open_request(new(BATTERY), by=DISPATCHER)
    await db.execute("UPDATE device SET firmware = '2.20.1' WHERE serial = 'BANK-002'")
    after = await requests.open_request(new(BATTERY, reference="INC-2/1", device_serial="BANK-002"), by=DISPATCHER)

    assert told(before) == [(1, "backordered", "GZ", None, False)]
    assert {step.part_number for step in before.lines[0].ladder if step.part_number} == {BATTERY, PSU}
    assert any("needs_firmware_2.19" in step.reasons for step in before.lines[0].ladder)
    assert told(after) == [(1, "reserved", "GZ", PSU, True)]


async def test_what_a_contract_forbids_is_refused_unless_something_permitted_stands_in(company):
    await db.execute(
        """INSERT INTO forbidden_part (contract, part, reason) SELECT contract.id, part.id, 'recalled'
           FROM contract, part WHERE contract.code = 'C-BANK' AND part_number = $1""",
        BATTERY,
    )
    with pytest.raises(PartNotPermitted) as refusal:
        await requests.open_request(new(BATTERY), by=DISPATCHER)
    await db.execute(
        """INSERT INTO forbidden_part (contract, part, reason) SELECT contract, other.id, 'recalled'
           FROM forbidden_part, part AS other WHERE other.part_number = $1""",
        PSU,
    )
    await stands_in(BATTERY, PSU)
    with pytest.raises(PartNotPermitted):
        await requests.open_request(new(BATTERY), by=DISPATCHER)
    await stands_in(PSU, FAN)
    view = await requests.open_request(new(BATTERY), by=DISPATCHER)

    assert refusal.value.facts["reason"] == "recalled"
    assert told(view) == [(1, "reserved", "GZ", FAN, True)]
    assert next(s for s in view.lines[0].ladder if s.part_number == BATTERY).reasons == ["forbidden_by_contract"]


async def test_a_part_that_is_forbidden_no_more_is_available_again(company):
    async def parts() -> set[str]:
        found = await availability(PSU, site=None, need_by=None, quantity=1, device="BANK-001", seen_by=DISPATCHER)
        return {each.part_number for each in found.stock}

    await db.execute(
        """INSERT INTO forbidden_part (contract, part, reason) SELECT contract.id, part.id, 'recalled'
           FROM contract, part WHERE contract.code = 'C-BANK' AND part_number = $1""",
        PSU,
    )
    assert PSU not in await parts()
    await db.execute("UPDATE forbidden_part SET in_force = false")
    assert PSU in await parts()


async def test_a_symptom_brings_its_kit_and_debriefs_teach_it(company):
    await kits.enter_symptoms([kits.SymptomView(code="no_power", name_zh="不加电", name_en="no power")], by=ADMIN)
    with pytest.raises(NothingAsked):
        await requests.open_request(new(None, symptom="no_power"), by=DISPATCHER)
    await kits.list_in_kit(kits.NewKitLine(symptom="no_power", part=PSU, model="R740"), by=ADMIN)
    view = await requests.open_request(new(None, symptom="no_power"), by=DISPATCHER)

    assert [line.part_number for line in view.lines] == [PSU]
    assert [(each.part_number, each.listed, each.debriefs) for each in view.kit] == [(PSU, True, 0)]
    await db.execute(
        "UPDATE request_line SET state = 'reconciled', outcome = 'used', part = (SELECT id FROM part WHERE part_number = $1)",
        FAN,
    )
    for n in range(3):
        await requests.open_request(new(None, symptom="no_power", reference=f"INC-{n}/2"), by=DISPATCHER)
    await db.execute("UPDATE request_line SET state = 'reconciled', outcome = 'used'")
    await db.execute("UPDATE part_request SET state = 'reconciled'")
    learned = await kits.kit("no_power", "R740")

    assert [(each.part_number, each.used_in, each.debriefs) for each in learned] == [(PSU, 3, 4)]


async def test_rungs_below_stock_tell_of_exchange_and_swap(company):
    await offers_too("DELL", PSU, exchange_hours=4)
    await db.execute(
        "UPDATE device SET warranty_until = $1 WHERE serial = 'BANK-001'", clock.today() + timedelta(days=9)
    )
    strict = await requests.open_request(new(reference="INC-0/1"), by=DISPATCHER)
    await vendor_terms.set_terms(replace(FIVE_DAYS, vendor="DELL"), by=BUYER)
    await db.execute("UPDATE contract SET minimum_provenance = 'vendor_exchange' WHERE code = 'C-BANK'")
    covered = await requests.open_request(new(), by=DISPATCHER)
    out = await requests.open_request(new(reference="INC-2/1", device_serial="BANK-002"), by=DISPATCHER)

    def exchange(view: requests.RequestView) -> tuple[bool, list[str]]:
        step = next(step for step in view.lines[0].ladder if step.rung == "vendor_exchange")
        return step.possible, [reason for reason in step.reasons if reason != "after_need_by"]

    assert exchange(strict) == (False, ["source_too_low", "no_return_terms"])
    assert exchange(covered) == (True, ["ask_DELL"])
    assert exchange(out) == (False, ["only_in_warranty"])


async def test_a_makers_warranty_is_a_rung_also_where_no_time_is_agreed_for_exchanges(company):
    await db.execute("UPDATE contract SET minimum_provenance = 'vendor_exchange' WHERE code = 'C-BANK'")
    await db.execute("UPDATE device SET warranty_until = $1 WHERE serial = 'BANK-001'", clock.today())
    await offers_too("DELL", PSU, lead_time_days=30)
    await db.execute("UPDATE part SET serialised = true WHERE part_number = $1", PSU)
    unagreed = await requests.open_request(new(reference="INC-0/1"), by=DISPATCHER)
    await vendor_terms.set_terms(replace(FIVE_DAYS, vendor="DELL"), by=BUYER)
    covered = await requests.open_request(new(), by=DISPATCHER)
    out = await requests.open_request(new(reference="INC-2/1", device_serial="BANK-002"), by=DISPATCHER)

    def rungs(view: requests.RequestView) -> list[sourcing.Step]:
        return [step for step in view.lines[0].ladder if step.rung == "vendor_exchange"]

    assert rungs(unagreed) == rungs(out) == []
    (step,) = rungs(covered)
    assert (step.possible, step.vendor) == (True, "DELL")
    assert step.reasons[:3] == ["ask_DELL", "in_makers_warranty", "time_by_lead_time"]
    assert step.arrives_at is not None
    assert step.arrives_at > clock.now() + timedelta(days=30)


async def test_the_ladder_says_by_which_chain_a_substitute_comes(company):
    await stands_in(BATTERY, FAN, kind="supersession")
    await stands_in(FAN, PSU, kind="supersession")
    await stands_in(PSU, BATTERY)  # a ring ends nowhere else
    view = await requests.open_request(new(BATTERY, 9), by=DISPATCHER)

    chains = {step.part_number: step.chain for step in view.lines[0].ladder if step.depot == "GZ"}
    assert chains == {BATTERY: [], FAN: [BATTERY, FAN], PSU: [BATTERY, FAN, PSU]}


async def test_a_chain_ends_where_a_link_is_not_valid_any_more_and_has_no_way_back(company):
    await stands_in(BATTERY, FAN, valid_to=clock.today() - timedelta(days=1))
    await stands_in(FAN, PSU)
    backwards = await requests.open_request(new(PSU), by=DISPATCHER)
    ended = await requests.open_request(new(BATTERY, reference="INC-2"), by=DISPATCHER)

    assert {step.part_number for step in backwards.lines[0].ladder if step.part_number} == {PSU}
    assert {step.part_number for step in ended.lines[0].ladder if step.part_number} == {BATTERY}


async def test_availability_follows_the_same_chains_as_a_request(company):
    await catalogue.enter_models([catalogue.NewModel(code="SR650", name="SR650")], by=SETUP)
    await stands_in(BATTERY, FAN, pieces=2)
    await stands_in(FAN, PSU, pieces=3, min_firmware="2.19")
    await stands_in(BATTERY, DRIVE, model="SR650")
    anywhere = await availability(BATTERY, site="BANK-GZ", need_by=None, quantity=1)
    device = await availability(BATTERY, site=None, need_by=None, quantity=1, device="BANK-001", seen_by=DISPATCHER)
    await db.execute("UPDATE device SET firmware = '2.20' WHERE serial = 'BANK-001'")
    await db.execute(
        """INSERT INTO forbidden_part (contract, part, reason) SELECT contract.id, part.id, 'recalled'
           FROM contract, part WHERE contract.code = 'C-BANK' AND part_number = $1""",
        FAN,
    )
    newer = await availability(BATTERY, site=None, need_by=None, quantity=2, device="BANK-001", seen_by=DISPATCHER)

    def told(found):
        return {
            (each.part_number, each.pieces_each, tuple(each.chain), tuple(each.conditions))
            for each in found.stock
            if each.depot == "GZ"
        }

    own, fan = (BATTERY, 1, (), ()), (FAN, 2, (BATTERY, FAN), ())
    assert told(anywhere) == {
        own,
        fan,
        (PSU, 6, (BATTERY, FAN, PSU), ("needs_firmware_2.19",)),
        (DRIVE, 1, (BATTERY, DRIVE), ("only_in_SR650",)),
    }
    assert told(device) == {own, fan}
    assert told(newer) == {own, (PSU, 6, (BATTERY, FAN, PSU), ())}
    assert [each.enough for each in newer.stock if each.part_number == PSU and each.depot == "GZ"] == [False]
    assert all(each.arrives_at is not None for each in newer.stock)  # the device's own site is meant


async def test_how_likely_it_is_to_be_in_time_rests_on_earlier_shipments_and_orders(company):
    before = await requests.open_request(new(), by=DISPATCHER)
    for n, hours in enumerate((1.0, 1.2, 1.4, 1.6, 9.0, None)):  # the last one was lost
        await db.execute(
            """INSERT INTO shipment (number, document_kind, document_number, from_place, to_place, state, shipped_at,
                                     shipped_by, handed_over_at, handed_to)
               SELECT $1, 'part_request', 'PR', store.id, site.id,
                      CASE WHEN $2::float8 IS NULL THEN 'lost' ELSE 'handed_over' END,
                      now(), 'x', now() + make_interval(secs => 3600 * $2::float8), CASE WHEN $2 IS NOT NULL THEN 'x' END
               FROM place AS store, place AS site WHERE store.code = 'GZ' AND site.code = 'BANK-GZ'""",
            f"SH-{n}",
            hours,
        )
        await db.execute(
            """INSERT INTO purchase_order (number, vendor, ship_to, pool, kind, state, expedited, total_cny, created_at,
                                           created_by, approved_at, approved_by, placed_at, received_at)
               SELECT $1, vendor.id, place.id, pool.id, 'normal', 'received', true, 0, now(), 'x', now(), 'y', now(),
                      now() + interval '48 hours'
               FROM vendor JOIN party ON party.id = vendor.party AND party.code = 'DISTI', place, pool
               WHERE place.code = 'GZ' AND pool.code = 'common'""",
            f"PO-{n}",
        )
    need_by = clock.now() + timedelta(hours=3)
    after = await requests.open_request(new(reference="INC-2", need_by=need_by), by=DISPATCHER)

    def told(view):
        return {(step.rung, step.chance, step.evidence) for step in view.lines[0].ladder if step.rung != "other_depot"}

    assert told(before) == {("depot", None, None), ("emergency", None, None)}
    assert told(after) == {("depot", 0.62, 6), ("emergency", 0.12, 6), ("emergency", None, None)}
