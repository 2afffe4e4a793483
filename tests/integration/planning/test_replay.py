"""Last year against a plan: what its stock would have done for the failures that happened."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from inventory.ground import clock, db
from inventory.ground.errors import Unknown
from inventory.installed_base import failures
from inventory.people import keys
from inventory.planning import replay
from tests.integration.planning.test_plans import made
from tests.world import DISPATCHER, PLANNER, PSU, SETUP, actor

ROOT = Path(__file__).parents[3]


async def failed(device, days_ago, position="bay 1"):
    new = failures.NewFailure(
        device=device, part_number=PSU, position=position, occurred_at=clock.now() - timedelta(days=days_ago)
    )
    return (await failures.record_failures([new], by=DISPATCHER))[0]


async def played(plan, by=PLANNER):
    return replay.replayed(await replay.past(plan, seen_by=by))


async def base_stock(plan):
    return await db.fetch_value(
        """SELECT base_stock FROM plan_row JOIN part ON part.id = plan_row.part
           JOIN place ON place.id = plan_row.place WHERE plan = $1 AND part_number = $2 AND place.code = 'GZ'""",
        plan,
        PSU,
    )


async def test_the_past_is_served_from_the_plans_stock(company):
    plan = await made()
    stock = await base_stock(plan.id)
    for number in range(stock + 1):
        await failed(f"BANK-{number:03d}", 100 - number / 100)

    found = await played(plan.id)

    (told,) = found.classes
    assert (told.code, told.failures, told.in_time) == ("2h", stock + 1, stock)
    assert told.share == pytest.approx(stock / (stock + 1))
    (miss,) = found.misses
    assert (miss.part_number, miss.store, miss.site, found.missed) == (PSU, "GZ", "BANK-GZ", 1)
    resupply = await db.fetch_value("SELECT max(resupply_days) FROM plan_row JOIN part ON part.id = plan_row.part "
                                    "WHERE plan = $1 AND part_number = $2", plan.id, PSU)  # fmt: skip
    assert miss.hours == pytest.approx(24 * (resupply - stock / 100) + 1.2, abs=0.01)


async def test_what_was_withdrawn_or_is_older_is_not_played(company):
    plan = await made()
    await failed("BANK-001", 366)
    withdrawn = await failed("BANK-002", 3)
    await db.execute(
        "UPDATE failure SET withdrawn_at = now(), withdrawn_reason = 'no fault' WHERE id = $1", withdrawn.id
    )

    found = await played(plan.id)

    assert (found.failures, found.misses) == (0, [])
    assert [told.share for told in found.classes] == [None]


async def test_a_reader_sees_the_failures_of_their_stores_and_contracts(company):
    plan = await made()
    for number in range(await base_stock(plan.id) + 1):
        await failed(f"BANK-{number:03d}", 100)

    elsewhere = await played(plan.id, by=actor("planner", depots={"SH"}))
    others = await played(plan.id, by=actor("planner", contracts={"C-TELCO"}))

    assert elsewhere.failures == 0
    assert (others.missed, others.misses) == (0, [])


async def test_a_plan_that_is_impossible_has_nothing_to_play(company):
    plan = await made()
    await db.execute("UPDATE plan SET cost_cny = NULL WHERE id = $1", plan.id)

    with pytest.raises(replay.NothingToReplay):
        await played(plan.id)
    with pytest.raises(Unknown):
        await played(uuid4())


_ASKED = """
import asyncio, sys
import httpx
from api.app import create_app
from inventory.ground import db
from tests.conftest import settings_for

async def ask(dsn, path, key):
    async with db.connected(dsn, pool_size=2, application="test"):
        web = httpx.ASGITransport(create_app(settings_for(dsn), own_pool=False))
        async with httpx.AsyncClient(transport=web, base_url="http://test") as client:
            answer = await client.get(path, headers={"Authorization": f"Bearer {key}"})
            print(answer.status_code, answer.json()["failures"], "numba" in sys.modules)

asyncio.run(ask(*sys.argv[1:]))
"""


async def test_a_replay_loads_no_compiled_code_into_the_web_process(own_company):
    plan = await made()
    await failed("BANK-001", 40)
    key = (await keys.make_key(keys.NewKey(name="replays", role="planner"), by=SETUP)).secret or ""
    command = [sys.executable, "-c", _ASKED, own_company, f"/api/v1/plans/{plan.id}/replay", key]
    asked = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False, cwd=ROOT)

    assert asked.stdout.split() == ["200", "1", "False"], asked.stderr
