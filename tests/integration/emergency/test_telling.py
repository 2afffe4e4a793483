"""Who is told what of cases: stores, contracts, prices and other customers' machines."""

from datetime import timedelta
from functools import partial

import msgspec
import pytest
from msgspec import structs

from inventory.assurance.board import numbers
from inventory.emergency import assessments, cases, declaring, following, near_misses, proposing, recovering
from inventory.ground import clock, db, events, steps
from inventory.ground.errors import OthersConcerned, Unknown
from inventory.requests import requests
from inventory.stock import receipts, transfers
from inventory.stock.transfers import TransferItem
from optimizer.emergency import choose
from tests.integration.emergency.test_cases import EMERGENCY, a_case, fail
from tests.integration.emergency.test_radar import bad_drives
from tests.integration.requests.test_requests import new
from tests.world import AUDITOR, BUYER, DISPATCHER, DRIVE, ENGINEER, KEEPER, PSU, SETUP, actor

BANKER = actor("project_manager", contracts={"C-BANK"})
TELCO = actor("project_manager", contracts={"C-TELCO"})


async def told(reader, subject):
    return [event for event in await events.since(0, limit=2000, seen_by=reader) if event.subject == subject]


async def lean_on_it_too():
    """Have the evidence of every case say that another customer's machines lean on the stock too."""
    await db.execute(
        """UPDATE emergency_case SET evidence = jsonb_set(evidence, '{served}', evidence -> 'served' || jsonb_build_array(
               jsonb_build_object('contract', 'C-TELCO', 'name_zh', '测试移动', 'name_en', 'Test Telco', 'devices', 3)))"""
    )


async def test_what_the_radar_finds_everywhere_is_told_to_nobody_who_is_bound(company):
    receipt = await bad_drives()
    case = await a_case()

    whole = (await cases.case_view(case.id, seen_by=AUDITOR)).evidence["radar"]
    assert receipt in whole["en"]
    for reader in (KEEPER, BANKER):
        view = await cases.case_view(case.id, seen_by=reader)
        assert view.evidence["radar"] is None
        assert receipt not in msgspec.json.encode(view).decode()


async def test_whoever_is_bound_to_contracts_sees_the_cases_that_concern_them(company):
    case = await a_case()

    assert [each.id for each in await cases.cases(limit=9, seen_by=BANKER)] == [case.id]
    assert await cases.cases(limit=9, seen_by=TELCO) == []
    with pytest.raises(Unknown):
        await cases.case_view(case.id, seen_by=TELCO)
    with pytest.raises(Unknown):
        await cases.stand_down(case.id, by=TELCO, reason="not mine")


async def test_whoever_is_bound_to_contracts_decides_on_the_pools_of_these_alone(company):
    later = timedelta(days=1)
    for pool, who in (("common", BANKER), ("common", TELCO), ("C-TELCO", BANKER)):
        for act in (
            partial(declaring.declare, PSU, "ZJ", pool=pool, reason="no", by=who),
            partial(declaring.set_critical_point, PSU, "ZJ", 2, pool=pool, reason="no", lasts=later, by=who),
            partial(declaring.lift_critical_point, PSU, "ZJ", pool=pool, reason="no", by=who),
        ):
            with pytest.raises(OthersConcerned):
                await act()

    await declaring.set_critical_point(PSU, "ZJ", 2, pool="C-TELCO", reason="a fair", lasts=later, by=TELCO)
    await declaring.lift_critical_point(PSU, "ZJ", pool="C-TELCO", reason="over", by=TELCO)
    assert (await declaring.declare(PSU, "ZJ", pool="C-TELCO", reason="flood", by=TELCO)).state == "open"


async def test_of_a_case_that_others_lean_on_too_a_contract_is_told_its_own_part(company):
    case = await a_case()
    await lean_on_it_too()
    await db.execute(
        "UPDATE device SET contract = (SELECT id FROM contract WHERE code = 'C-TELCO') WHERE serial = 'BANK-001'"
    )
    await fail(DRIVE, 3)

    mine = await following.follow(case.id, seen_by=TELCO, zone="Asia/Shanghai")
    everything = await following.follow(case.id, seen_by=AUDITOR, zone="Asia/Shanghai")

    assert [each["contract"] for each in mine.view.evidence["served"]] == ["C-TELCO"]
    evidence = mine.view.evidence
    assert evidence["failures_per_day"] == evidence["burst"]["windows"] == evidence["burst"]["times_days"] == []
    assert {evidence[name] for name in ("critical_point", "rate_per_day", "present_rate_per_day")} == {None}
    assert evidence["burst"]["present_rate_per_day"] is evidence["stock"]["expected_over_resupply"] is None
    assert everything.view.evidence["burst"]["windows"]
    assert everything.view.evidence["present_rate_per_day"]
    assert "Test Bank" not in msgspec.json.encode(mine.view.evidence).decode()
    assert sum(day.failures for day in mine.failures) < sum(day.failures for day in everything.failures)


async def test_how_often_machines_fail_is_told_to_whom_all_of_them_are(company):
    case = await a_case()
    await db.execute(
        """INSERT INTO case_entry (emergency_case, at, kind, actor, facts) VALUES ($1, $2, 'conditions_hold', 'x', $3)""",
        case.id,
        clock.now(),
        {"in_burst": True, "windows": [{"days": 1.0, "failures": 9, "expected": 0.1, "p_value": 0.0}]},
    )

    async def told_of(reader):
        (row,) = await assessments.assessment_views(
            limit=9, seen_by=reader, part_number=DRIVE, depot="GZ", pool="common"
        )
        entry = next(each for each in (await cases.case_view(case.id, seen_by=reader)).log if "windows" in each.facts)
        found = await recovering.recovery(case.id, seen_by=reader)
        return bool(entry.facts["windows"]), found.rate_per_day is not None, row.present_rate_per_day is not None

    assert await told_of(AUDITOR) == (True, True, True)
    assert await told_of(BANKER) == (True, True, False)  # the common stock may be asked for by anybody
    await lean_on_it_too()
    assert await told_of(BANKER) == await told_of(TELCO) == (False, False, False)
    assert await told_of(KEEPER) == (True, True, True)


async def test_of_common_stock_a_contract_is_told_the_lines_and_no_failures_of_others(company):
    await bad_drives()
    await a_case()
    whole = await assessments.assessment_views(limit=500, seen_by=AUDITOR)

    for reader in (BANKER, TELCO):
        shown = await assessments.assessment_views(limit=500, seen_by=reader)
        assert {row.critical_point for row in shown} <= {row.critical_point for row in whole}
        for row in shown:
            counted = {row.rate_per_day, row.present_rate_per_day, row.expected_over_resupply, row.burst_statistic}
            counted |= {row.burst_threshold, row.in_burst}
            assert (counted == {None}) == (row.pool == "common"), row
    assert "C-TELCO" in {row.pool for row in shown}
    assert await assessments.assessment_views(limit=9, seen_by=AUDITOR, bursts_only=True)
    assert await assessments.assessment_views(limit=9, seen_by=BANKER, bursts_only=True) == []


async def test_duties_are_told_to_the_contracts_they_are_about_and_to_whoever_has_them(company):
    asked = await requests.open_request(new(), by=DISPATCHER)
    case = await a_case()
    later = clock.now() + timedelta(hours=1)
    await steps.begin("count", "count", "CS-1", owner_role="project_manager", depot="GZ", due_at=later)
    await steps.begin("count", "count", "CS-2", owner_role="warehouse_keeper", owner=TELCO.name, due_at=later)

    async def duties(reader):
        found = await steps.open_steps(limit=50, seen_by=reader)
        for step in found:
            assert await steps.step_view(step.id, seen_by=reader) == step
        assert (await numbers(seen_by=reader)).open_steps == len(found)
        return {step.subject for step in found}

    assert {asked.number, case.number, "CS-1", "CS-2"} <= await duties(AUDITOR)
    assert await duties(BANKER) == {asked.number, case.number, "CS-2"}  # one name in these tests
    assert await duties(structs.replace(TELCO, name="somebody")) == set()
    assert "CS-1" in await duties(KEEPER)


async def test_transfers_are_told_to_the_contracts_that_their_stock_serves(company):
    await receipts.adjust("GZ", PSU, 3, by=SETUP, provenance="maker_direct", reason="opening stock", pool="C-TELCO")
    own, shared = TransferItem(part_number=PSU, quantity=1, pool="C-TELCO"), TransferItem(part_number=PSU, quantity=1)
    alone = await transfers.draft_transfer("GZ", "SH", [own], by=KEEPER, case_number="EC-1")
    both = await transfers.draft_transfer("GZ", "SH", [own, shared], by=KEEPER, case_number="EC-1")

    async def told(reader):
        listed = await transfers.transfers(limit=9, seen_by=reader)
        of_case = await transfers.of_case("EC-1", seen_by=reader)
        assert of_case == list(reversed(listed))
        return {view.number: [line.pool for line in view.lines] for view in listed}

    assert await told(AUDITOR) == await told(TELCO) == {alone.number: ["C-TELCO"], both.number: ["C-TELCO", "common"]}
    assert await told(BANKER) == {both.number: ["common"]}
    with pytest.raises(Unknown):
        await transfers.transfer_view(alone.id, seen_by=BANKER)


async def test_prices_and_vendors_of_a_case_are_told_by_right(company):
    case = await a_case()
    chosen = await proposing.prepare(case.id, by=EMERGENCY)
    assert chosen is not None
    await proposing.record(chosen, choose(chosen.situation), by=EMERGENCY)

    def text(view):
        return msgspec.json.encode([view.proposal, view.orders, view.log]).decode()

    buyer, keeper, engineer = [await cases.case_view(case.id, seen_by=each) for each in (BUYER, KEEPER, ENGINEER)]
    assert "total_cny" in text(buyer)
    assert "DISTI" in text(keeper)
    assert "_cny" not in text(keeper)
    assert "DISTI" not in text(engineer)
    assert "_cny" not in text(engineer)
    assert engineer.proposal["status"] == buyer.proposal["status"]


async def test_near_misses_are_told_as_cases_are(company):
    await a_case()
    await db.execute(
        """INSERT INTO near_miss (part, place, pool, at, policy_version, reason, evidence)
           SELECT part, place, pool, $1, 1, 'burst_without_crossing',
                  evidence || '{"radar": {"en": "at site TELCO-ZJ", "zh": ""}}' FROM emergency_case""",
        clock.now(),
    )

    assert (await near_misses.near_misses(limit=9, seen_by=AUDITOR))[0].evidence["radar"]["en"]
    assert (await near_misses.near_misses(limit=9, seen_by=KEEPER))[0].evidence["radar"] is None
    assert await near_misses.near_misses(limit=9, seen_by=TELCO) == []


async def test_events_of_a_case_reach_its_stores_readers_and_nobody_who_is_bound_to_contracts(own_company):
    case = await a_case()

    assert [event.kind for event in await told(actor("dispatcher", depots={"GZ"}), case.number)] == [
        "emergency_case.opened"
    ]
    assert await told(actor("dispatcher", depots={"SH"}), case.number) == []
    assert await told(actor("ticket_system", contracts={"C-TELCO"}), case.number) == []


async def test_events_of_a_part_request_reach_the_stores_that_reach_its_site(own_company):
    asked = await requests.open_request(
        requests.NewRequest(
            source="t",
            reference="1",
            device_serial="BANK-001",
            severity="severe",
            lines=[requests.NewRequestLine(part_number=DRIVE)],
        ),
        by=DISPATCHER,
    )

    assert await told(AUDITOR, asked.number)
    assert await told(actor("dispatcher", depots={"GZ"}), asked.number)
    assert await told(actor("dispatcher", depots={"ZJ"}), asked.number) == []
    assert await told(actor("ticket_system", contracts={"C-BANK"}), asked.number)
    assert await told(actor("ticket_system", contracts={"C-TELCO"}), asked.number) == []
