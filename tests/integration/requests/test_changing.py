"""The clock of a request: severities as contract data, pauses, reopening, new causes; each recomputes the promise."""

from datetime import UTC, date, datetime, timedelta

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import clock, events
from inventory.ground.errors import ReasonMissing, Unknown, WrongState
from inventory.installed_base import devices, severities, warranties
from inventory.installed_base.severities import SeverityTwice, SeverityView, UnknownSeverity
from inventory.requests import changing, debriefing, requests, shipping
from inventory.requests.changing import Change
from tests.world import ADMIN, AUDITOR, DISPATCHER, ENGINEER, FAN, KEEPER, PSU, actor

NIGHT = datetime(2026, 11, 20, 19, 2, tzinfo=UTC)  # 03:02 on a Saturday in Guangzhou
P1 = SeverityView(code="P1", name_zh="一级", name_en="P1", rank=40, priority_class="severe")
P3 = SeverityView(code="P3", name_zh="三级", name_en="P3", rank=10, priority_class="general")


def new(part: str = PSU, quantity: int = 1, **more: object) -> requests.NewRequest:
    facts = {"source": "glpi", "reference": "INC-1/1", "device_serial": "BANK-001", "severity": "general"} | more
    lines = [requests.NewRequestLine(part_number=part, quantity=quantity)]
    return requests.NewRequest(lines=lines, engineer=ENGINEER.name, **facts)


@pytest.fixture
async def asked(company):
    """A general request of the night, answered with stock of Guangzhou."""
    with clock.at(NIGHT):
        return await requests.open_request(new(), by=DISPATCHER)


async def test_a_worse_severity_shortens_the_time_and_gives_the_reservation_its_rank(asked):
    with clock.at(NIGHT + timedelta(minutes=10)):
        view = await changing.change(asked.id, Change(severity="severe"), by=DISPATCHER)

    assert (asked.need_by, view.need_by) == (NIGHT + timedelta(hours=5), NIGHT + timedelta(hours=2))
    assert (view.priority_class, view.entitlement.service_terms.severity) == ("severe", "severe")
    assert view.lines[0].state == "reserved"


async def test_a_need_by_that_was_asked_for_stays_until_it_is_taken_back(asked):
    until = NIGHT + timedelta(hours=30)
    given = await changing.change(asked.id, Change(need_by=until), by=DISPATCHER)
    worse = await changing.change(asked.id, Change(severity="severe"), by=DISPATCHER)
    contract = await changing.change(asked.id, Change(need_by=None), by=DISPATCHER)

    assert (given.need_by, worse.need_by, contract.need_by) == (until, until, NIGHT + timedelta(hours=2))


async def test_the_clock_stands_while_a_fault_cannot_be_reproduced(asked):
    with clock.at(NIGHT + timedelta(hours=1)):
        paused = await changing.pause(asked.id, by=ENGINEER, reason="cannot be reproduced")
    with clock.at(NIGHT + timedelta(hours=4)):
        resumed = await changing.resume(asked.id, by=ENGINEER)

    assert (paused.paused, paused.need_by, paused.lines[0].state) == (True, None, "reserved")
    assert (resumed.paused, resumed.need_by) == (False, NIGHT + timedelta(hours=5 + 3))
    assert [(pause.paused_at, pause.reason) for pause in resumed.pauses] == [
        (NIGHT + timedelta(hours=1), "cannot be reproduced")
    ]


async def test_a_clock_is_not_stopped_twice_nor_without_a_reason(asked):
    with pytest.raises(ReasonMissing):
        await changing.pause(asked.id, by=ENGINEER, reason="  ")
    with pytest.raises(WrongState):
        await changing.resume(asked.id, by=ENGINEER)
    await changing.pause(asked.id, by=ENGINEER, reason="gone")
    with pytest.raises(WrongState):
        await changing.pause(asked.id, by=ENGINEER, reason="gone")


async def test_a_request_of_the_night_gets_its_ticket_once(asked):
    bound = await changing.bind_ticket(asked.id, "INC-7", by=DISPATCHER)
    again = await changing.bind_ticket(asked.id, "INC-7", by=DISPATCHER)

    assert (bound.ticket, again.ticket) == ("INC-7", "INC-7")
    with pytest.raises(WrongState):
        await changing.bind_ticket(asked.id, "INC-8", by=DISPATCHER)


async def test_a_rejected_repair_goes_on_under_the_first_clock(asked):
    await shipping.ship(asked.id, by=KEEPER)
    await debriefing.debrief(asked.id, [debriefing.Debrief(part_number=PSU, outcome="used")], by=ENGINEER)
    later = await changing.reopen(
        asked.id, [requests.NewRequestLine(part_number=FAN)], by=DISPATCHER, reason="customer rejects: still noisy"
    )
    first = await requests.request_view(asked.id)

    assert (later.fault_reported_at, later.need_by) == (asked.fault_reported_at, asked.need_by)
    assert (later.number, later.note) != (asked.number, "")
    assert [(each.number, each.because, each.earlier) for each in later.linked] == [(asked.number, "rejected", True)]
    assert [(each.number, each.earlier) for each in first.linked] == [(later.number, False)]


async def test_only_finished_work_is_rejected(asked):
    with pytest.raises(WrongState):
        await changing.reopen(asked.id, [requests.NewRequestLine(part_number=FAN)], by=DISPATCHER, reason="rejected")


async def test_a_new_cause_ends_the_old_request_and_starts_a_clock_of_its_own(asked):
    with clock.at(NIGHT + timedelta(hours=2)):
        other = await changing.new_cause(
            asked.id, [requests.NewRequestLine(part_number=FAN)], by=ENGINEER, reason="it was the fan"
        )
    first = await requests.request_view(asked.id)

    assert (first.state, first.lines[0].promise.reservation) == ("cancelled", None)
    assert other.fault_reported_at == NIGHT + timedelta(hours=2)
    assert [each.because for each in other.linked] == ["new_cause"]
    assert await violations() == []


async def test_what_is_over_is_not_changed(asked):
    await requests.cancel(asked.id, by=DISPATCHER, reason="mistake")

    with pytest.raises(WrongState):
        await changing.change(asked.id, Change(severity="severe"), by=DISPATCHER)


async def test_requests_of_other_contracts_are_not_there_to_be_changed(asked):
    stranger = actor("project_manager", contracts={"C-TELCO"})
    for act in (
        changing.change(asked.id, Change(severity="severe"), by=stranger),
        changing.bind_ticket(asked.id, "X", by=stranger),
        changing.pause(asked.id, by=stranger, reason="x"),
        changing.resume(asked.id, by=stranger),
        changing.reopen(asked.id, [], by=stranger, reason="x"),
        changing.new_cause(asked.id, [], by=stranger, reason="x"),
    ):
        with pytest.raises(Unknown):
            await act


async def test_a_changed_promise_is_told(own_company):
    asked = await requests.open_request(new(), by=DISPATCHER)
    await changing.change(asked.id, Change(severity="severe"), by=DISPATCHER)

    told = await events.since(0, limit=1000, seen_by=AUDITOR)
    assert [event.kind for event in told if event.subject == asked.number] == [
        "part_request.reserved",
        "part_request.promise_changed",
    ]


async def test_a_contract_calls_faults_what_it_likes(company):
    await severities.define_severities("C-BANK", [P1, P3], by=ADMIN)
    view = await requests.open_request(new(severity="P1"), by=DISPATCHER)

    assert (view.severity, view.priority_class) == ("P1", "severe")
    assert view.need_by is None  # no limit is promised for it yet
    with pytest.raises(UnknownSeverity) as refusal:
        await requests.open_request(new(reference="INC-2/1", severity="general"), by=DISPATCHER)
    assert refusal.value.facts["known"] == "P1, P3"
    assert [each.code for each in await severities.severities("C-TELCO", seen_by=ADMIN)] == ["severe", "general"]


async def test_severities_are_defined_once_and_for_a_known_contract(own_company):
    with pytest.raises(SeverityTwice):
        await severities.define_severities("C-BANK", [P1, P1], by=ADMIN)
    with pytest.raises(Unknown):
        await severities.define_severities("C-NONE", [P1], by=ADMIN)


async def test_the_latest_look_up_tells_the_warranty(company):
    today = clock.today()
    await warranties.record_lookup(
        "BANK-001", "in_warranty", by=ENGINEER, asked="maker's page", warranty_until=today + timedelta(days=20)
    )
    await warranties.record_lookup("REG-001", "not_found", by=ENGINEER, asked="hotline")
    device = await devices.find("BANK-001", seen_by=ENGINEER)
    entitlement = devices.entitlement_of(device, "general", clock.now())

    assert (entitlement.in_warranty, entitlement.warranty_until) == (True, today + timedelta(days=20))
    assert "warranty_ends_soon" in entitlement.warnings
    assert [look.result for look in await warranties.lookups("BANK-001", seen_by=ENGINEER)] == [
        "not_found",
        "in_warranty",
    ]


async def test_a_look_up_says_until_when_and_not_in_the_future(company):
    with pytest.raises(warranties.WarrantyEndMissing):
        await warranties.record_lookup("BANK-001", "in_warranty", by=ENGINEER, asked="page")
    with pytest.raises(warranties.LookupInFuture):
        await warranties.record_lookup(
            "BANK-001",
            "in_warranty",
            by=ENGINEER,
            asked="page",
            warranty_until=date(2030, 1, 1),
            looked_up_at=clock.now() + timedelta(hours=1),
        )
    assert (await devices.device("BANK-001", seen_by=AUDITOR)).warranty_until is None


async def test_a_change_over_http_leaves_what_it_does_not_name(api, asked):
    answer = await api.call("PATCH", f"/part-requests/{asked.id}", {"engineer": "li.lei"}, role="dispatcher")

    assert answer.status_code == 200
    assert (answer.json()["engineer"], answer.json()["severity"]) == ("li.lei", asked.severity)
