"""Whose requests somebody sees, and whose somebody may withdraw or account for."""

from datetime import timedelta

import msgspec
import pytest

from inventory.assurance import finding
from inventory.assurance.board import numbers
from inventory.assurance.meter import previewing
from inventory.assurance.meter.previewing import Taking
from inventory.ground import clock
from inventory.ground.errors import Unknown
from inventory.installed_base import devices, failure_counts, failures
from inventory.installed_base.devices import UnknownDevice
from inventory.installed_base.failures import NewFailure, UnknownInFailure
from inventory.places import register as places
from inventory.requests import changing, debriefing, requests, shipping, tickets
from inventory.requests.debriefing import Debrief
from inventory.requests.requests import NewRequestLine
from inventory.requests.scope import NotYourRequest
from tests.integration.requests.test_requests import new
from tests.meter import settle
from tests.world import AUDITOR, DISPATCHER, DRIVE, ENGINEER, KEEPER, PSU, SETUP, actor

FAR = msgspec.structs.replace(actor("warehouse_keeper", depots={"GY"}), name="keeper-gy")


@pytest.fixture
async def far(company):
    """A depot that serves none of the sites."""
    await places.enter_places(
        [places.NewPlace(code="GY", kind="depot", name_zh="贵阳备件库", name_en="Guiyang")], by=SETUP
    )


async def test_a_keeper_sees_no_request_that_is_no_business_of_their_stores(far):
    asked = await requests.open_request(new(), by=DISPATCHER)

    assert [found.id for found in await requests.requests(limit=9, seen_by=KEEPER)] == [asked.id]
    assert await requests.requests(limit=9, seen_by=FAR) == []
    assert await finding.find(asked.number, seen_by=FAR) is None
    with pytest.raises(Unknown):
        await requests.request_view(asked.id, seen_by=FAR)
    for act in (
        requests.cancel(asked.id, by=FAR, reason="mine?"),
        shipping.ship(asked.id, by=FAR),
        debriefing.debrief(asked.id, [Debrief(part_number=PSU, outcome="used")], by=FAR),
        changing.change(asked.id, changing.Change(note="mine?"), by=FAR),
        changing.bind_ticket(asked.id, "INC-9", by=FAR),
        changing.pause(asked.id, by=FAR, reason="mine?"),
        changing.reopen(asked.id, [], by=FAR, reason="mine?"),
        changing.new_cause(asked.id, [], by=FAR, reason="mine?"),
    ):
        with pytest.raises(Unknown):
            await act


async def test_a_ticket_is_there_for_those_who_see_its_requests(far):
    asked = await requests.open_request(new(ticket="INC-1"), by=DISPATCHER)

    assert [view.id for view in (await tickets.ticket_view("glpi", "INC-1", seen_by=KEEPER)).requests] == [asked.id]
    assert (await tickets.reconciliation("glpi", "INC-1", seen_by=FAR)).waiting == []
    with pytest.raises(Unknown):
        await tickets.ticket_view("glpi", "INC-1", seen_by=FAR)


async def test_a_keeper_sees_what_their_store_supplies_and_what_is_their_own(far):
    supplied = await requests.open_request(new(), by=DISPATCHER)
    zhanjiang = actor("warehouse_keeper", depots={"ZJ"})
    named = await requests.open_request(new(reference="INC-2/1", engineer=FAR.name), by=DISPATCHER)

    assert await requests.requests(limit=9, seen_by=zhanjiang) == []
    assert [found.id for found in await requests.requests(limit=9, seen_by=FAR)] == [named.id]
    assert (await requests.request_view(supplied.id, seen_by=KEEPER)).number == supplied.number


async def test_the_overview_counts_only_requests_that_are_seen(far):
    await requests.open_request(new((PSU, 90)), by=DISPATCHER)

    assert (await numbers(seen_by=KEEPER)).requests_waiting == 1
    assert (await numbers(seen_by=FAR)).requests_waiting == 0


async def test_devices_and_failures_are_those_of_the_sites_that_are_served(far):
    told = NewFailure(device="BANK-001", part_number=DRIVE, occurred_at=clock.now() - timedelta(hours=1))
    (failure,) = await failures.record_failures([told], by=DISPATCHER)

    assert len(await devices.devices(limit=5, seen_by=KEEPER)) == 5
    assert await devices.devices(limit=5, seen_by=FAR) == []
    assert await failures.failures(limit=5, seen_by=FAR) == []
    assert sum(month.failures for month in await failure_counts.failures_per_month(DRIVE, seen_by=KEEPER)) == 1
    assert sum(month.failures for month in await failure_counts.failures_per_month(DRIVE, seen_by=FAR)) == 0
    for question in (devices.device, devices.history, devices.find):
        with pytest.raises(UnknownDevice) as refusal:
            await question("BANK-001", seen_by=FAR)
        assert refusal.value.facts["near"] == "–"
    far_engineer = msgspec.structs.replace(ENGINEER, depots=frozenset({"GY"}))
    with pytest.raises(UnknownInFailure):
        await failures.record_failures([told], by=far_engineer)
    with pytest.raises(Unknown):
        await failures.withdraw(failure.id, by=far_engineer, reason="not mine")


async def test_only_whom_a_request_concerns_withdraws_it_or_accounts_for_it(company):
    asked = await requests.open_request(new(engineer="engineer-named"), by=DISPATCHER)
    named = msgspec.structs.replace(ENGINEER, name="engineer-named")

    for other in (KEEPER, ENGINEER):
        for act in (
            requests.cancel(asked.id, by=other, reason="no"),
            changing.change(asked.id, changing.Change(severity="severe"), by=other),
            changing.pause(asked.id, by=other, reason="no"),
            changing.resume(asked.id, by=other),
            changing.reopen(asked.id, [], by=other, reason="no"),
            changing.new_cause(asked.id, [], by=other, reason="no"),
        ):
            with pytest.raises(NotYourRequest):
                await act
    await shipping.ship(asked.id, by=KEEPER)
    with pytest.raises(NotYourRequest):
        await debriefing.debrief(asked.id, [Debrief(part_number=PSU, outcome="used")], by=KEEPER)
    done = await debriefing.debrief(asked.id, [Debrief(part_number=PSU, outcome="used")], by=named)

    assert done.state == "reconciled"
    assert (await requests.request_view(asked.id, seen_by=AUDITOR)).closed_at is not None


async def test_whoever_is_named_goes_on_with_a_request_that_their_stores_do_not_reach(far):
    asked = await requests.open_request(new(engineer=FAR.name), by=DISPATCHER)

    severe = await changing.change(asked.id, changing.Change(severity="severe"), by=FAR)
    other = await changing.new_cause(asked.id, [NewRequestLine(part_number=DRIVE)], by=FAR, reason="it was the drive")

    assert (severe.severity, other.engineer, other.lines[0].state) == ("severe", FAR.name, "reserved")


async def test_a_preview_counts_all_devices_and_names_the_sites_that_ones_stores_serve(far):
    await settle()
    taking = [Taking(part_number=PSU, depot="GZ", pool="common", quantity=6)]
    near = await previewing.cover_lost_by(taking, seen_by=KEEPER)
    away = await previewing.cover_lost_by(taking, seen_by=FAR)

    assert near.devices_lost == away.devices_lost > 0
    assert near.losses
    assert away.losses == []
