"""A ticket system's whole way with the typed client, over HTTP to a real server."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from api import solving
from api.client import Client, ServiceRefused
from inventory.ground import jobs
from inventory.people import keys
from optimizer.whatif import Changes
from tests.documents import swapped_and_lent
from tests.integration.planning.test_plans import made
from tests.services import served
from tests.world import DRIVE, FAN, PSU, SETUP

DATE = datetime(2031, 3, 3, 1, tzinfo=UTC)
ASKED = {"source": "glpi", "ticket": "INC 7", "device_serial": "BANK-007", "severity": "general"}


@pytest.fixture
async def service(own_company: str, tmp_path: Path) -> AsyncIterator[str]:
    with served(own_company, tmp_path) as url:
        yield url


async def key(role: str, **scope: str) -> str:
    return (await keys.make_key(keys.NewKey(name=f"{role} {scope}", role=role, **scope), by=SETUP)).secret or ""


async def test_a_ticket_from_its_first_call_to_its_close(service):
    async with (
        Client(service, await key("ticket_system")) as glpi,
        Client(service, await key("warehouse_keeper", depot="GZ")) as keeper,
    ):
        entitled = await glpi.entitlement("BANK-007")
        asked = await glpi.open_request(
            **ASKED, reference="INC-7/1", lines=[{"part_number": PSU, "position": "slot 2"}]
        )
        again = await glpi.open_request(
            **ASKED, reference="INC-7/1", lines=[{"part_number": PSU, "position": "slot 2"}]
        )
        assert (again.number, asked.state, asked.contract) == (asked.number, "reserved", entitled.contract)
        assert asked.lines[0].promise.firm
        assert asked.number in (await glpi.note(asked.id)).zh

        severe = await glpi.change_request(asked.id, severity="severe")
        paused = await glpi.pause_request(asked.id, reason="not seen again")
        resumed = await glpi.resume_request(asked.id)
        assert severe.need_by < asked.need_by
        assert (paused.paused, resumed.paused) == (True, False)

        await keeper.ship_request(asked.id)
        before = await glpi.reconciliation("glpi", "INC 7")
        used = {"part_number": PSU, "outcome": "used", "serial_out": "OLD-1", "failure_code": "no output"}
        done = await glpi.debrief(asked.id, [used])
        after = await glpi.reconciliation("glpi", "INC 7")
        assert (before.reconciled, before.open, before.waiting) == (False, 1, [asked.number])
        assert (after.reconciled, after.installed, after.waiting) == (True, 1, [])

        back = await glpi.reopen_request(done.id, [{"part_number": PSU}], reason="fails again")
        assert back.fault_reported_at == asked.fault_reported_at
        other = await glpi.new_cause(back.id, [{"part_number": DRIVE}], reason="it was the disk")
        await glpi.cancel_request(other.id, reason="the customer had one")
        ticket = await glpi.ticket("glpi", "INC 7")
        assert [each.state for each in ticket.requests] == ["reconciled", "cancelled", "cancelled"]
        assert [(part.serial_out, part.failure_code) for part in ticket.parts] == [("OLD-1", "NO OUTPUT")]
        assert ticket.reconciliation.reconciled

        kinds = [event.kind async for event in glpi.events() if event.subject == asked.number]
        assert kinds[0] == "part_request.reserved"
        assert kinds[-2:] == ["part_request.shipped", "part_request.reconciled"]


async def test_what_is_refused_says_why_in_the_callers_language_and_changes_nothing(service):
    async with Client(service, await key("ticket_system"), language="zh") as glpi:
        asked = await glpi.open_request(**ASKED, reference="INC-8/1", lines=[{"part_number": PSU, "quantity": 13}])
        with pytest.raises(ServiceRefused) as reused:
            await glpi.open_request(**ASKED, reference="INC-8/1", lines=[{"part_number": DRIVE}])
        with pytest.raises(ServiceRefused) as unknown:
            await glpi.open_request(
                **ASKED | {"device_serial": "BANK-00"}, reference="INC-8/2", lines=[{"part_number": PSU}]
            )
        with pytest.raises(ServiceRefused) as nothing:
            await glpi.debrief(asked.id, [{"part_number": PSU, "outcome": "used"}])
        order = await glpi.buy_for_request(asked.id, part_number=PSU, vendor="DISTI")
        with pytest.raises(ServiceRefused) as bought:
            await glpi.buy_for_request(asked.id, part_number=PSU, vendor="DISTI")

        assert (reused.value.problem.code, "已将编号" in reused.value.problem.detail) == ("reference_reused", True)
        assert (unknown.value.problem.status, unknown.value.problem.code) == (404, "unknown_device")
        assert nothing.value.problem.status == 409
        assert (order.state, order.request_number) == ("draft", asked.number)
        assert order.number in bought.value.problem.detail
        assert (await glpi.request(asked.id)).lines == asked.lines


async def test_tickets_and_serials_whose_own_names_hold_slashes_are_asked_for_by_them(service):
    async with Client(service, await key("ticket_system")) as glpi:
        for ticket in ("INC/7", "INC/7/A b", "a//b", "?x=1#y", "100%2F", "单/号"):
            asked = await glpi.open_request(
                **ASKED | {"ticket": ticket}, reference=f"{ticket}/1", lines=[{"part_number": FAN}]
            )
            found = await glpi.ticket("glpi", ticket)
            open_still = await glpi.reconciliation("glpi", ticket)
            assert (found.ticket, [each.id for each in found.requests]) == (ticket, [asked.id])
            assert (open_still.ticket, open_still.waiting) == (ticket, [asked.number])
            bound = await glpi.bind_ticket(asked.id, ticket)
            assert bound.ticket == ticket


async def test_quotations_are_listed_by_the_client_page_by_page(service):
    async with Client(service, await key("ticket_system")) as glpi:
        assert [each async for each in glpi.quotations(state="open", limit=1)] == []


async def test_a_ticket_system_plans_moves_and_withdraws(service):
    lines = [{"part_number": PSU, "quantity": 2}]
    async with Client(service, await key("ticket_system")) as parts:
        asked = {"source": "glpi", "reference": "PM-1", "device_serial": "BANK-001", "lines": lines}
        planned = await parts.plan_request(**asked, planned_at=DATE)
        again = await parts.plan_request(**asked, planned_at=DATE)
        there = await parts.availability(PSU, device="BANK-001", quantity=3)
        moved = await parts.move_request(planned.id, DATE + timedelta(days=7))
        with pytest.raises(ServiceRefused) as both:
            await parts.plan_request(**{**asked, "reference": "PM-2"}, planned_at=DATE, severity="general")
        with pytest.raises(ServiceRefused) as past:
            await parts.move_request(planned.id, DATE - timedelta(days=9000))
        gone = await parts.cancel_request(planned.id, reason="the customer has no window")
        fault = await parts.open_request(
            source="glpi", reference="INC-1", device_serial="BANK-001", severity="general",
            lines=[{"part_number": FAN, "quantity": 1}],
        )  # fmt: skip
        with pytest.raises(ServiceRefused) as clock:
            await parts.move_request(fault.id, DATE)

    assert again.id == planned.id
    assert (planned.state, planned.planned_at, planned.severity) == ("planned", DATE, None)
    assert planned.lines[0].ahead is not None
    assert there.stock[0].promised_ahead == 2
    assert moved.lines[0].ahead is not None
    assert moved.lines[0].ahead.held_from - planned.lines[0].ahead.held_from == timedelta(days=7)
    assert gone.state == "cancelled"
    assert [each.value.problem.code for each in (both, past, clock)] == [
        "severity_missing",
        "planned_in_past",
        "not_planned",
    ]


async def test_a_planner_asks_what_if_and_what_service_costs(service):
    plan = await made()
    async with Client(service, await key("planner")) as planner:
        asked = await planner.ask_what_if(Changes(targets={"2h": 0.97}), plan=plan.id)
        await solving.run(solving.ask_what_if, jobs.AskWhatIf(asked.id, plan.id, {"targets": {"2h": 0.97}}))
        done = await planner.job(asked.id)
        found = await planner.comparison(UUID(done.result["plan"]))
        with pytest.raises(ServiceRefused) as refusal:
            await planner.ask_what_if(Changes(closed_depots=("NOPE",)), plan=plan.id)

        before = await planner.frontier(plan.id)
        drawn = await planner.draw_frontier(plan.id)
        await solving.run(solving.draw_frontier, jobs.DrawFrontier(drawn.id, plan.id))
        after = await planner.frontier(plan.id)
        listed = [each.id async for each in planner.plans()]

    assert (done.state, found.based_on.id, found.changes.targets) == ("done", plan.id, {"2h": 0.97})
    assert refusal.value.problem.code == "changes_mean_nothing"
    assert before.points == []
    assert next(point for point in after.points if point.shift == 0).cost_cny == float(plan.cost_cny)
    assert listed == [found.plan.id, plan.id]


async def test_a_maker_is_called_in_and_a_store_goes_out_of_service_by_the_client(service):
    async with Client(service, await key("ticket_system")) as glpi, Client(service, await key("project_manager")) as pm:
        asked = await glpi.open_request(**ASKED, reference="INC-9/1", lines=[{"part_number": PSU}])
        with pytest.raises(ServiceRefused) as early:
            await pm.call_maker(asked.id, maker="DELL", contact="hotline", contact_verified_on="2026-01-01")
        attempt = await glpi.record_attempt(asked.id, expert="Zhao", tried="swapped the riser")
        await glpi.report_attempt(attempt.id)
        case = await pm.call_maker(asked.id, maker="DELL", contact="hotline", contact_verified_on="2026-01-01")
        taken = await glpi.note_maker_progress(case.id, "accepted", reference="SR-77")
        support = await glpi.support(asked.id)
        await glpi.note_maker_progress(case.id, "solved")
        closed = await pm.close_maker_case(case.id, note="new firmware")
        again = await pm.call_maker(asked.id, maker="DELL", contact="hotline", contact_verified_on="2026-01-01")
        off = await pm.call_maker_off(again.id, reason="it works")
        assert early.value.problem.code == "attempt_missing"
        assert (taken.reference, closed.state, off.state) == ("SR-77", "closed", "withdrawn")
        assert [each.number for each in support.cases] == [case.number]
        assert [each.number async for each in glpi.maker_cases()] == [off.number, closed.number]
        assert [entry.kind for entry in (await glpi.maker_case(case.id)).progress][-1] == "closed"

        lost = await pm.declare_force_majeure(asked.site, "water_leak", reason="the street is under water")
        await pm.note_measure(lost.id, "staff are safe")
        with pytest.raises(ServiceRefused) as nowhere:
            await pm.redirect_delivery(lost.id, "PO-0", to="GZ")
        seen = await pm.force_majeure_case(lost.id)
        left = await pm.close_force_majeure(lost.id, note="dry again")
        assert nowhere.value.problem.status == 404
        assert (seen.summary.number, left.state) == (lost.number, "closed")
        assert [each.number async for each in pm.force_majeure_cases(live=True)] == []
        assert "BANK" in (await pm.rebuilding(asked.site))[0].contract

        with pytest.raises(ServiceRefused) as unplanned:
            await pm.rehearse_burst(DRIVE, "GZ", failures=30)
        with pytest.raises(ServiceRefused) as ahead:
            await pm.rehearse_past(DATE, DATE + timedelta(days=7))
        assert (unplanned.value.problem.code, ahead.value.problem.status) == ("nothing_planned", 422)


async def test_a_swap_is_decided_and_a_loan_is_read_by_the_client(service):
    made = await swapped_and_lent()
    async with Client(service, await key("ticket_system")) as glpi, Client(service, await key("project_manager")) as pm:
        (waiting,) = [each async for each in glpi.swaps(state="watching")]
        with pytest.raises(ServiceRefused) as unsaid:
            await pm.decide_swap(waiting.id, "no_swap")
        decided = await pm.decide_swap(waiting.id, "swap")
        seen = await glpi.swap(waiting.id)
        lent = [each.id async for each in glpi.loans(state="lent")]
        loan = await glpi.loan(made["loan"])

    assert (waiting.id, unsaid.value.problem.code, decided.state) == (made["swap"], "reason_missing", "decided")
    assert (seen.swap_request, lent, loan.contact) == (decided.swap_request, [made["loan"]], "Wang")
