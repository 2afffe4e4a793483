"""Rehearsals over HTTP and on their page."""

from datetime import timedelta
from uuid import UUID

import pytest
from httpx import Response

from api import solving
from inventory.ground import clock, db, jobs
from tests.integration.emergency.test_cases import planned
from tests.world import DRIVE

BURST = {"part_number": DRIVE, "depot": "GZ", "failures": 30, "days": 10}


async def played(asked: Response) -> str:
    """The address of a rehearsal that was asked for, once the worker has played it."""
    assert asked.status_code == 202
    job = asked.json()["id"]
    await solving.run(solving.rehearse, jobs.Rehearse(UUID(job)))
    return f"/emergency-rehearsals/{job}"


async def test_a_rehearsal_is_asked_for_step_by_step(api):
    anonymous = await api.post("/emergency-rehearsals/burst", BURST, role=None)
    stranger = await api.post("/emergency-rehearsals/burst", BURST, role="inspector")
    unplanned = await api.post("/emergency-rehearsals/burst", BURST, role="auditor")
    await planned()
    elsewhere = await api.post("/emergency-rehearsals/burst", BURST, role="warehouse_keeper", depot="SH")
    asked = await api.post("/emergency-rehearsals/burst", BURST, role="auditor")
    early = await api.get(f"/emergency-rehearsals/{asked.json()['id']}", role="auditor")
    address = await played(asked)
    done = await api.get(address, role="auditor")
    others = await api.get(address, role="engineer")
    late = await api.post(f"{address}/cancel", {}, role="auditor")
    engineers = await api.post("/emergency-rehearsals/burst", BURST, role="engineer")
    priceless = await api.get(await played(engineers), role="engineer")

    assert [each.status_code for each in (anonymous, stranger, unplanned, elsewhere)] == [401, 403, 409, 404]
    assert unplanned.json()["code"] == "nothing_planned"
    assert [each.status_code for each in (early, done, others, late)] == [409, 200, 404, 409]
    (case, *_) = done.json()["cases"]
    assert (case["part_number"], case["depot"], case["cause"]) == (DRIVE, "GZ", "burst_and_level")
    assert float(case["cost_cny"]) > 0
    assert priceless.json()["failures"] == 30
    assert "cost_cny" not in priceless.text
    assert await db.fetch_value("SELECT count(*) FROM emergency_case") == 0


async def test_a_rehearsal_asked_for_twice_with_one_key_is_one(api):
    await planned()
    asked = [
        await api.post("/emergency-rehearsals/burst", BURST, role="auditor", idempotency_key="twice") for _ in range(2)
    ]

    assert asked[0].json()["id"] == asked[1].json()["id"]
    assert await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'rehearse'") == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"failures": 0}, "/failures"),
        ({"failures": 2001}, "/failures"),
        ({"failures": None, "factor": 0}, "/factor"),
        ({"days": 91}, "/days"),
        ({"from_day": -1}, "/from_day"),
        ({"part_number": ""}, "/part_number"),
        ({"surprise": 1}, "/surprise"),
    ],
)
async def test_a_burst_beyond_its_bounds_is_refused_by_its_field(api, change, pointer):
    answer = await api.post("/emergency-rehearsals/burst", BURST | change, role="auditor")

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_past_period_is_rehearsed_or_refused(api):
    await planned()
    now = clock.now()

    async def past(since: timedelta, until: timedelta):
        body = {"since": (now - since).isoformat(), "until": (now - until).isoformat()}
        return await api.post("/emergency-rehearsals/past", body, role="auditor")

    done = await past(timedelta(days=30), timedelta(0))
    too_long = await past(timedelta(days=93), timedelta(0))

    found = (await api.get(await played(done), role="auditor")).json()
    assert (found["failures"], found["real_cases"]) == (0, [])
    assert (too_long.status_code, too_long.json()["code"]) == (422, "not_a_period")
