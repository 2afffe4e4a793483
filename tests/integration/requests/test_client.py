"""The typed client that ticket systems import, against a running service."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.client import Client, ServiceRefused
from inventory.people import keys
from tests.services import served
from tests.world import FAN, PSU, SETUP

DATE = datetime(2031, 3, 3, 1, tzinfo=UTC)


async def test_a_ticket_system_plans_moves_and_withdraws(own_company: str, tmp_path: Path):
    key = (await keys.make_key(keys.NewKey(name="glpi", role="ticket_system"), by=SETUP)).secret or ""
    lines = [{"part_number": PSU, "quantity": 2}]
    with served(own_company, tmp_path) as url:
        async with Client(url, key) as parts:
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
