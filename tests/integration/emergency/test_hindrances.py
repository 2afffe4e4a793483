"""What stands in the way of a case's measures and what would help, over HTTP and in the log, in both languages."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from pgqueuer.domain.errors import RetryRequested

from api.vendors.placing import PATIENCE
from api.worker import Work, on_order_fell_through, on_place_order, solve_emergency
from inventory.emergency import cases, declaring, proposing
from inventory.emergency.policy import NewPolicy, put_in_force
from inventory.ground import clock, db, jobs
from inventory.people import duty, persons
from inventory.procurement import orders
from inventory.procurement import register as procurement
from inventory.stock import receipts
from tests.conftest import settings_for
from tests.integration.emergency.test_cases import EMERGENCY, drain, judge, live_cases, planned
from tests.integration.emergency.test_measures import NEED, a_fan_case, offer
from tests.world import BUYER, FAN, MANAGER, PSU, SETUP


async def propose(case: cases.CaseSummary) -> None:
    """As the worker does."""
    chosen = await proposing.prepare(case.id, by=EMERGENCY)
    assert chosen is not None
    answer, late = solve_emergency(chosen.situation)
    await proposing.record(chosen, answer, by=EMERGENCY, late=late)


async def told(api, case: cases.CaseSummary) -> dict[str, dict]:
    """What stands in the way of a case as the API tells it, by code; none without words in both languages."""
    answer = await api.call("GET", f"/emergency-cases/{case.id}", role="buyer")
    found = answer.json()["proposal"]["hindrances"]
    logged = next(entry for entry in reversed(answer.json()["log"]) if entry["kind"] == "proposed")
    assert logged["facts"]["hindrances"] == list(dict.fromkeys(each["code"] for each in found))
    for each in found:
        assert all(each[words].strip() and "{" not in each[words] for words in ("en", "zh", "help_en", "help_zh")), each
    return {each["code"]: each for each in found}


async def test_a_part_that_nobody_offers_says_who_did(api):
    case = await a_fan_case()
    await propose(case)
    found = await told(api, case)
    refused = [
        await api.call("POST", f"/emergency-cases/{case.id}/approve", role="project_manager", language=language)
        for language in ("en", "zh")
    ]

    address = f"/emergency-cases/{case.id}/approve"
    stale = await api.call("POST", address, {"proposed_at": case.opened_at.isoformat()}, role="project_manager")
    wrong = await api.call("POST", address, {"proposed_at": "yesterday"}, role="project_manager")

    assert (stale.status_code, stale.json()["code"]) == (409, "proposed_anew")
    assert wrong.status_code == 422
    assert found["nothing_offered"]["facts"] == {"part_number": FAN, "before": "DISTI (2024-01-01)"}
    assert found["too_few"]["facts"]["found"] == 0
    assert [answer.status_code for answer in refused] == [409, 409]
    assert "Nobody offers FAN-2U today" in refused[0].json()["detail"]
    assert "今天没有 FAN-2U 的有效报价" in refused[1].json()["detail"]


async def test_vendors_below_what_the_contract_asks_for_are_named(api):
    await db.execute(
        """UPDATE offer SET valid_to = valid_from FROM vendor JOIN party ON party.id = vendor.party
           WHERE vendor.id = offer.vendor AND party.code = 'DELL'"""
    )
    await declaring.set_critical_point(
        PSU, "ZJ", 6, pool="C-TELCO", reason="a floor", lasts=timedelta(days=30), by=MANAGER
    )
    case = await declaring.declare(PSU, "ZJ", pool="C-TELCO", reason="a flood", by=MANAGER)
    await propose(case)
    found = await told(api, case)

    assert found["vendors_not_genuine_enough"]["facts"] == {
        "part_number": PSU,
        "needed": "maker_direct",
        "vendors": "DISTI (unproven)",
    }
    assert "nothing_offered" not in found


async def authorised_dell() -> None:
    await procurement.enter_authorisations(
        [
            procurement.NewAuthorisation(
                vendor="DELL",
                maker="SEAGATE",
                letter_number="SG-2",
                valid_from=date(2024, 1, 1),
                valid_to=clock.today() + timedelta(days=300),
            )
        ],
        by=SETUP,
    )
    await offer(FAN, vendor="DELL", hours=48)
    await db.execute(
        """UPDATE offer SET expedited_price = 900 FROM vendor JOIN party ON party.id = vendor.party
           WHERE vendor.id = offer.vendor AND party.code = 'DELL' AND expedited_hours IS NOT NULL"""
    )


async def a_refusable_case() -> tuple[cases.CaseSummary, orders.OrderView]:
    """A case with an order under way at one of two vendors."""
    case = await a_fan_case()
    await authorised_dell()
    await db.execute("UPDATE offer SET valid_to = NULL FROM part WHERE part.id = part AND part_number = $1", FAN)
    await propose(case)
    (order,) = (await cases.case_view(case.id, seen_by=BUYER)).orders
    return case, order


async def test_a_vendor_that_refused_is_named_with_those_that_remain(api, company):
    case, order = await a_refusable_case()
    await orders.record_refused(order.id, by=SETUP, reason="out of stock")
    await on_order_fell_through(jobs.OrderFellThrough(order.id), Work(settings_for(company)))
    await propose(case)
    found = await told(api, case)
    (second,) = [each for each in (await cases.case_view(case.id, seen_by=BUYER)).orders if each.state != "refused"]

    facts = found["vendor_refused"]["facts"]
    assert (facts["vendor"], facts["order"], facts["reason"]) == ("DISTI", order.number, "out of stock")
    assert (facts["others"], second.vendor) == ("DELL", "DELL")


async def test_a_vendor_that_hangs_is_told_apart_from_one_that_refuses(api, company):
    case, order = await a_refusable_case()
    work = Work(settings_for(company))
    with pytest.raises(RetryRequested):
        await on_place_order(jobs.PlaceOrder(order.id), work)
    with clock.at(clock.now() + PATIENCE):
        await on_place_order(jobs.PlaceOrder(order.id), work)
    await on_order_fell_through(jobs.OrderFellThrough(order.id), work)
    await propose(case)
    found = await told(api, case)

    assert (await orders.order_view(order.id)).state == "refused"
    assert "vendor_refused" not in found
    assert found["vendor_silent"]["facts"]["others"] == "DELL"
    assert "Call the vendor" in found["vendor_silent"]["help_en"]


async def person_on_duty(username: str, role: str) -> None:
    person = persons.NewPerson(username=username, name_zh="值班", name_en="On duty", password="")
    await persons.add_person(person, by=SETUP, password_hash="nobody signs in with this")
    await persons.grant_role(username, role, by=SETUP)


async def test_above_the_limit_without_anybody_on_duty_it_says_whom_to_wake(api):
    await put_in_force(NewPolicy(standing_authority_cny=Decimal(1)), by=MANAGER)
    await person_on_duty("lin", "project_manager")
    case = await a_fan_case()
    await db.execute("UPDATE offer SET valid_to = NULL FROM part WHERE part.id = part AND part_number = $1", FAN)
    await propose(case)
    nobody = await told(api, case)
    shift = duty.NewShift(
        username="lin",
        role="project_manager",
        starts_at=clock.now() - timedelta(hours=1),
        ends_at=clock.now() + timedelta(hours=8),
    )
    await duty.enter_shifts([shift], by=SETUP)
    await cases.propose_again(case.id, "need_has_grown", by=EMERGENCY)
    await propose(case)
    somebody = await told(api, case)

    assert "lin" in nobody["nobody_on_duty"]["facts"]["may"]
    assert nobody["above_standing_authority"]["facts"]["limit_cny"] == "1.00"
    assert "nobody_on_duty" not in somebody
    assert somebody["above_standing_authority"]["facts"]["on_duty"] == "lin"


async def test_without_its_conditions_standing_authority_says_that_it_does_not_reach(api):
    await planned()
    await declaring.set_critical_point(
        PSU, "GZ", 6, pool="common", reason="floor", lasts=timedelta(days=30), by=MANAGER
    )
    await drain(PSU, leave=5)
    await judge(PSU)
    (case,) = await live_cases()
    await propose(case)

    assert (await cases.case_summary(case.id)).state == "proposed"
    assert "outside_standing_authority" in await told(api, case)


async def test_a_store_that_would_fall_below_its_own_point_says_by_how_many(api):
    case = await a_fan_case()
    await receipts.adjust("SH", FAN, 5, by=SETUP, reason="some")
    await declaring.set_critical_point(
        FAN, "SH", 3, pool="common", reason="its own", lasts=timedelta(days=30), by=MANAGER
    )
    await judge(FAN, "SH")
    await propose(case)
    found = await told(api, case)
    missing = (await cases.case_view(case.id, seen_by=BUYER)).proposal["situation"]["needs"][0]["hold_point"]

    facts = found["donor_keeps_its_own"]["facts"]
    assert (facts["depot"], facts["available"], facts["kept"], facts["spare"]) == ("SH", 5, 3, 2)
    assert facts["short"] == missing - 2


async def test_a_store_without_a_lane_says_what_it_could_spare(api):
    case = await a_fan_case()
    await receipts.adjust("SH", FAN, 5, by=SETUP, reason="some")
    await db.execute("DELETE FROM lane WHERE to_place = (SELECT id FROM place WHERE code = 'GZ')")
    await propose(case)

    facts = (await told(api, case))["no_way_there"]["facts"]
    assert (facts["depot"], facts["to_depot"], facts["part_number"], facts["spare"] > 0) == ("SH", "GZ", FAN, True)


async def test_what_cannot_be_in_time_says_when_it_can_and_what_it_costs(api):
    case = await a_fan_case()
    await db.execute(
        """UPDATE offer SET valid_to = NULL, expedited_hours = 100 FROM part
           WHERE part.id = part AND part_number = $1""",
        FAN,
    )
    await propose(case)
    found = await told(api, case)
    need = (await cases.case_view(case.id, seen_by=BUYER)).proposal["situation"]["needs"][0]
    missing = need["hold_point"] - need["on_hand"]

    facts = found["too_late"]["facts"]
    assert (facts["in_time"], facts["missing"], facts["hours"], facts["soonest_hours"]) == (0, missing, 72, 100)
    assert facts["cost_cny"] == pytest.approx((missing * 250 * 1.25 + 300) / 1.13, abs=0.01)
    assert facts["ways"] == f"DISTI expedited × {missing}"
    assert missing >= NEED


async def test_what_is_nowhere_to_be_had_in_number_says_how_many_are(api):
    case = await a_fan_case()
    await db.execute(
        """UPDATE offer SET valid_to = NULL, maximum_quantity = 1 FROM part WHERE part.id = part AND part_number = $1""",
        FAN,
    )
    await propose(case)

    assert (await told(api, case))["too_few"]["facts"]["found"] == 2  # one each way
