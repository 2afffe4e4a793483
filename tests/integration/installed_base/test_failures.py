"""Failures: one per incident, however many systems tell of it; late and corrected ones welcome."""

from datetime import timedelta

import pytest

from inventory.ground import clock, db
from inventory.ground.errors import NotGranted
from inventory.installed_base import failures
from inventory.installed_base.failures import FailureInFuture, NewFailure, UnknownInFailure
from inventory.requests import requests
from tests.world import AUDITOR, DISPATCHER, DRIVE, PSU, actor


def failed(device: str = "BANK-001", part: str = DRIVE, hours_ago: float = 1, **more: str) -> NewFailure:
    return NewFailure(device=device, part_number=part, occurred_at=clock.now() - timedelta(hours=hours_ago), **more)


async def count() -> int:
    return await db.fetch_value("SELECT count(*) FROM failure WHERE withdrawn_at IS NULL")


async def jobs_waiting(name: str) -> int:
    return await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = $1", name)


async def test_a_failure_is_recorded_and_has_its_stock_judged(company):
    (view,) = await failures.record_failures([failed(position="bay 3")], by=DISPATCHER)

    assert (view.device, view.part_number, view.position, view.known) == ("BANK-001", DRIVE, "bay 3", False)
    assert await jobs_waiting("judge_failure") == 1


async def test_two_reports_of_one_incident_are_one_failure(company):
    await failures.record_failures([failed(position="bay 3", source="glpi", reference="1")], by=DISPATCHER)
    (again,) = await failures.record_failures([failed(position="bay 3", hours_ago=3, code="SMART")], by=DISPATCHER)

    assert again.known
    assert await count() == 1


async def test_another_position_is_another_failure(company):
    await failures.record_failures([failed(position="bay 3"), failed(position="bay 4")], by=DISPATCHER)

    assert await count() == 2


async def test_the_same_part_fails_again_later(company):
    await failures.record_failures([failed(hours_ago=100, position="bay 3"), failed(position="bay 3")], by=DISPATCHER)

    assert await count() == 2


async def test_the_same_reference_is_the_same_failure(company):
    await failures.record_failures([failed(source="glpi", reference="1")], by=DISPATCHER)
    (again,) = await failures.record_failures([failed(hours_ago=90, source="glpi", reference="1")], by=DISPATCHER)

    assert again.known
    assert await count() == 1


async def test_a_request_and_its_failure_event_are_one_failure(company):
    await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference="INC-1/1",
            device_serial="BANK-001",
            severity="general",
            lines=[requests.NewRequestLine(part_number=DRIVE, quantity=1, position="bay 3")],
        ),
        by=DISPATCHER,
    )
    (event,) = await failures.record_failures([failed(position="bay 3")], by=DISPATCHER)

    assert event.known
    assert await count() == 1


async def test_a_failure_event_and_its_later_request_are_one_failure(company):
    await failures.record_failures([failed(position="bay 3")], by=DISPATCHER)
    await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference="INC-1/1",
            device_serial="BANK-001",
            severity="general",
            lines=[requests.NewRequestLine(part_number=DRIVE, quantity=1, position="bay 3")],
        ),
        by=DISPATCHER,
    )

    assert await count() == 1


async def test_registration_and_alias_numbers_are_understood(company):
    (view,) = await failures.record_failures([failed(device="REG-001", part="0YT39Y")], by=DISPATCHER)

    assert (view.device, view.part_number) == ("BANK-001", PSU)


async def test_a_batch_with_a_wrong_line_records_nothing_and_names_the_line(company):
    with pytest.raises(UnknownInFailure) as refusal:
        await failures.record_failures([failed(), failed(device="NOPE"), failed(part="NOPE")], by=DISPATCHER)

    assert [problem.pointer for problem in refusal.value.fields] == ["/1/device", "/2/part_number"]
    assert await count() == 0


async def test_a_failure_of_the_future_is_refused(own_company):
    with pytest.raises(FailureInFuture):
        await failures.record_failures([failed(hours_ago=-1)], by=DISPATCHER)


async def test_an_old_failure_counts_but_raises_no_alarm(company):
    await failures.record_failures([failed(hours_ago=24 * 400)], by=DISPATCHER)

    assert await count() == 1
    assert await jobs_waiting("judge_failure") == 0


async def test_a_withdrawn_failure_no_longer_counts(company):
    (view,) = await failures.record_failures([failed()], by=DISPATCHER)
    await failures.withdraw(view.id, by=DISPATCHER, reason="no fault found")

    assert await count() == 0


async def test_failures_outside_ones_contracts_are_neither_seen_nor_recorded(company):
    telco_only = actor("dispatcher", contracts={"C-TELCO"})
    await failures.record_failures([failed()], by=DISPATCHER)

    assert await failures.failures(limit=10, seen_by=telco_only) == []
    with pytest.raises(UnknownInFailure):
        await failures.record_failures([failed()], by=telco_only)


async def test_an_auditor_records_no_failure(company):
    with pytest.raises(NotGranted):
        await failures.record_failures([failed()], by=AUDITOR)
