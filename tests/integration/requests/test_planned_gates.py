"""Planned work passes the gates of every request: it is quoted or approved before it is promised, whatever its date."""

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from api.channels.wording import worded
from inventory.assurance.invariants import violations
from inventory.ground import clock, db
from inventory.ground.steps import open_steps
from inventory.requests import approving, changing, planned, quoting, requests, shipping, telling
from inventory.requests.changing import Change, ChargedThen
from inventory.requests.requests import NotCovered, RequestView
from inventory.requests.waves import to_pick
from inventory.stock import promises, receipts
from tests.integration.requests.test_approvals import enter, limit
from tests.integration.requests.test_planned import DATE, HELD, NOW, inspection, of, told
from tests.integration.requests.test_quotations import SAID, charge
from tests.world import DISPATCHER, KEEPER, MANAGER, PSU, SETUP


@pytest.fixture
def at_noon(company):
    with clock.at(NOW):
        yield


async def duties(view: RequestView) -> set[str]:
    return {step.kind for step in await open_steps(limit=50, seen_by=MANAGER) if step.subject == view.number}


async def test_a_date_a_minute_ahead_passes_no_limit_of_value_by(at_noon):
    await limit()
    view = await requests.open_request(inspection(at=NOW + timedelta(minutes=1)), by=DISPATCHER)

    assert (view.state, view.approvals[0].reasons) == ("awaiting_approval", ["value"])
    assert told(view) == [(2, "awaiting_approval", "GZ", False, None)]
    assert (await of(PSU, "GZ")).reserved == 2
    assert await to_pick(depot="GZ", limit=50, seen_by=KEEPER) == []
    assert await duties(view) == {"approve_request"}
    with clock.at(NOW + timedelta(minutes=20)):
        after = await approving.approve(view.id, by=MANAGER)
        assert told(after) == [(2, "reserved", "GZ", True, None)]
        assert await duties(view) == {"ship_parts"}
        assert (await shipping.ship(view.id, by=KEEPER)).state == "shipped"
    assert await violations() == []


async def test_what_waits_for_its_approval_is_promised_for_its_date_and_goes_on_with_a_yes(at_noon):
    await limit()
    await enter("pm", "project_manager")
    view = await requests.open_request(inspection(), by=DISPATCHER)

    assert told(view) == [(2, "awaiting_approval", "GZ", False, 0)]
    level = await of(PSU, "GZ")
    assert (level.reserved, level.promised, level.promised_from) == (0, 2, HELD)
    assert "前审批" in telling.sentence(view).zh
    assert "计时" not in telling.sentence(view).zh
    facts = msgspec.json.decode(await db.fetch_value("SELECT facts::text FROM message LIMIT 1"))
    chinese, english = (worded("approval_asked", facts, language, {}).lines for language in ("zh", "en"))
    assert ("（计划性任务）" in chinese[1], chinese[2]) == (True, "计划开工：2026-11-30 11:00")
    assert ("(planned work)" in english[1], "clock" in english[-1]) == (True, False)

    after = await approving.approve(view.id, by=MANAGER)
    assert told(after) == [(2, "planned", "GZ", False, 0)]
    assert after.lines[0].promise.reservation == view.lines[0].promise.reservation
    assert await duties(view) == set()
    with clock.at(HELD + timedelta(minutes=1)):
        assert await planned.begin_due(by=SETUP) == 1
        assert told(await requests.request_view(view.id)) == [(2, "reserved", "GZ", True, None)]
    assert await violations() == []


async def test_a_day_that_comes_before_the_yes_holds_the_stock_and_hands_out_nothing(at_noon):
    await limit()
    view = await requests.open_request(inspection(), by=DISPATCHER)

    with clock.at(HELD + timedelta(minutes=1)):
        assert await planned.begin_due(by=SETUP) == 1
        assert await planned.begin_due(by=SETUP) == 0
        assert await promises.begin_due(by=SETUP) == 0
        held = await requests.request_view(view.id)
        assert told(held) == [(2, "awaiting_approval", "GZ", False, None)]
        assert (await of(PSU, "GZ")).reserved == 2
        assert await to_pick(depot="GZ", limit=50, seen_by=KEEPER) == []
        assert await duties(view) == {"approve_request"}
    with clock.at(HELD + timedelta(hours=2)):
        after = await approving.approve(view.id, by=MANAGER)
        assert told(after) == [(2, "reserved", "GZ", True, None)]
        assert after.lines[0].promise.arrives_at == DATE
    assert await violations() == []


async def test_a_no_takes_its_promise_back(at_noon):
    await limit()
    view = await requests.open_request(inspection(), by=DISPATCHER)
    after = await approving.refuse(view.id, by=MANAGER, reason="next year")

    assert (after.state, (await of(PSU, "GZ")).promised) == ("cancelled", 0)
    assert await violations() == []


async def test_behind_its_gate_it_is_moved_sourced_anew_and_told_of_what_is_missing(at_noon):
    await limit()
    view = await requests.open_request(inspection(6), by=DISPATCHER)
    moved = await changing.change(view.id, Change(planned_at=DATE + timedelta(days=1)), by=DISPATCHER)
    assert told(moved) == [(6, "awaiting_approval", "GZ", False, 0)]
    assert moved.lines[0].ahead.held_from == HELD + timedelta(days=1)

    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")
    await receipts.adjust("GZ", PSU, -2, by=SETUP, reason="gone")
    assert await planned.look_ahead(by=SETUP) == 1
    short = await requests.request_view(view.id)
    assert sorted(told(short)) == [
        (2, "awaiting_approval", "GZ", False, 2),
        (4, "awaiting_approval", "GZ", False, 0),
    ]
    assert "缺 2 件" in telling.sentence(short).zh
    assert await duties(view) == {"approve_request", "find_stock"}

    # what its day finds nowhere waits by name once it is approved
    with clock.at(HELD + timedelta(days=1, minutes=1)):
        await planned.begin_due(by=SETUP)
        after = await approving.approve(view.id, by=MANAGER)
        assert sorted(told(after)) == [(2, "backordered", "GZ", False, 2), (4, "reserved", "GZ", True, None)]
    assert await violations() == []


async def test_what_the_customer_pays_for_is_quoted_before_it_is_planned(at_noon):
    await charge()
    view = await requests.open_request(inspection(8), by=DISPATCHER)

    assert (view.state, view.charged, view.paused, view.need_by) == ("quoted", "parts_charged", False, DATE)
    (line, other) = view.quotations[0].lines
    assert {line.availability, other.availability} == {"in_stock"}
    assert line.arrives_at == DATE
    after = await quoting.accept(view.quotations[0].id, by=DISPATCHER, **SAID)
    assert {line.state for line in after.lines} == {"planned"}
    assert await violations() == []


async def test_a_quotation_says_that_what_is_missing_has_to_be_ordered_and_frees_all_when_it_ends(at_noon):
    await charge()
    view = await requests.open_request(inspection(30), by=DISPATCHER)

    assert sorted(line.availability for line in view.quotations[0].lines) == ["in_stock", "in_stock", "to_order"]
    assert view.quotations[0].freight_cny == Decimal(160)
    with clock.at(view.quotations[0].valid_until + timedelta(minutes=1)):
        assert await quoting.expire_due(by=SETUP) == 1
        assert (await of(PSU, "GZ")).promised == 0
        again = await quoting.quote_again(view.id, by=DISPATCHER, reason="they ask again")
        assert {line.state for line in again.lines} == {"quoted"}
        assert (await of(PSU, "GZ")).promised > 0
    assert await violations() == []


async def test_on_its_day_what_is_quoted_is_held_as_long_as_that_is_valid(at_noon):
    await charge()
    view = await requests.open_request(inspection(at=NOW + timedelta(hours=40)), by=DISPATCHER)

    with clock.at(NOW + timedelta(hours=20)):
        assert await planned.begin_due(by=SETUP) == 1
        expires = await db.fetch_value("SELECT expires_at FROM reservation WHERE state = 'pending'")
        assert expires == view.quotations[0].valid_until
        after = await quoting.accept(view.quotations[0].id, by=DISPATCHER, **SAID)
        assert told(after) == [(2, "reserved", "GZ", True, None)]
        assert await db.fetch_value("SELECT expires_at FROM reservation WHERE state = 'pending'") is None
    assert await violations() == []


async def test_the_contract_has_to_run_on_the_day_of_the_work(at_noon):
    await charge(None, ends_on=(DATE - timedelta(days=1)).date())
    with pytest.raises(NotCovered) as refused:
        await requests.open_request(inspection(), by=DISPATCHER)
    assert str(DATE.date()) in str(refused.value)
    assert await db.fetch_value("SELECT count(*) FROM part_request") == 0
    earlier = await requests.open_request(inspection(at=DATE - timedelta(days=2)), by=DISPATCHER)
    assert earlier.state == "planned"
    with pytest.raises(NotCovered):
        await changing.change(earlier.id, Change(planned_at=DATE), by=DISPATCHER)

    await charge(None, served_after_end=True)
    with pytest.raises(ChargedThen):
        await changing.change(earlier.id, Change(planned_at=DATE), by=DISPATCHER)
    assert (await requests.request_view(earlier.id)).planned_at == earlier.planned_at
    later = await requests.open_request(inspection(reference="PM-2"), by=DISPATCHER)
    assert (later.state, later.charged) == ("quoted", "out_of_contract")
    moved = await changing.change(later.id, Change(planned_at=DATE + timedelta(days=1)), by=DISPATCHER)
    assert moved.state == "quoted"
    assert await violations() == []


async def test_work_is_planned_before_its_contract_begins(at_noon):
    await charge(None, starts_on=(DATE - timedelta(days=1)).date())

    assert (await requests.open_request(inspection(), by=DISPATCHER)).state == "planned"
    with pytest.raises(NotCovered):
        await requests.open_request(inspection(at=DATE - timedelta(days=2), reference="PM-2"), by=DISPATCHER)


async def test_a_warranty_counts_on_the_day_of_the_work(at_noon):
    await charge("out_of_warranty")
    await db.execute("UPDATE device SET warranty_until = $1", (DATE - timedelta(days=1)).date())

    assert (await requests.open_request(inspection(), by=DISPATCHER)).state == "quoted"
    free = await requests.open_request(inspection(at=DATE - timedelta(days=2), reference="PM-2"), by=DISPATCHER)
    assert (free.state, free.charged) == ("planned", None)
