"""What every act leaves behind: events in order, duties with their owners, the audit trail."""

import asyncio
from datetime import timedelta

import pytest

from inventory.ground import audit, clock, db, events, steps
from tests.world import ADMIN, AUDITOR, KEEPER, SETUP, actor


async def test_events_are_read_in_order_and_only_in_scope(own_company):
    for kind, depot in (("a", "GZ"), ("b", "SH"), ("c", None)):
        await events.emit(kind, "thing", "1", {"n": kind}, depot=depot)

    everything = await events.since(0, limit=10, seen_by=AUDITOR)
    at_gz = await events.since(0, limit=10, seen_by=actor("auditor", depots={"GZ"}))
    assert [event.kind for event in everything] == ["a", "b", "c"]
    assert [event.kind for event in at_gz] == ["a", "c"]
    assert await events.since(everything[-1].sequence, limit=10, seen_by=AUDITOR) == []


async def test_what_is_closed_is_told_to_bound_readers_only_where_it_names_theirs(own_company):
    for kind, depot, contract in (("a", None, None), ("b", "GZ", None), ("c", None, "C-BANK"), ("d", "BANK-GZ", None)):
        await events.emit(kind, "thing", "1", {}, depot=depot, contract=contract, closed=True)

    async def told(reader) -> list[str]:
        return [event.kind for event in await events.since(0, limit=1000, seen_by=reader) if event.subject == "1"]

    assert await told(AUDITOR) == ["a", "b", "c", "d"]
    assert await told(actor("auditor", depots={"GZ"})) == ["b", "d"]
    assert await told(actor("auditor", depots={"SH"})) == ["d"]
    assert await told(actor("auditor", depots={"ZJ"})) == []
    assert await told(actor("auditor", contracts={"C-BANK"})) == ["c"]
    assert await told(actor("auditor", contracts={"C-TELCO"})) == []


async def test_a_reader_never_overtakes_a_writer(own_company):
    """An event that commits late must not be skipped by who has already read a later one."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    @db.atomic
    async def slow() -> None:
        await events.emit("slow", "thing", "1", {})
        begun.set()
        await go_on.wait()

    writer = asyncio.create_task(slow())
    await begun.wait()
    await events.emit("quick", "thing", "2", {})
    seen_meanwhile = await events.since(0, limit=10, seen_by=AUDITOR)
    go_on.set()
    await writer
    seen_after = await events.since(0, limit=10, seen_by=AUDITOR)

    assert seen_meanwhile == []
    assert [event.kind for event in seen_after] == ["slow", "quick"]


async def test_the_same_duty_stays_one_until_it_is_done(company):
    due = clock.now() + timedelta(hours=1)
    for _ in range(2):
        await steps.begin("ship", "request", "1", owner_role="warehouse_keeper", depot="GZ", due_at=due)
    assert len(await steps.open_steps(limit=10, seen_by=KEEPER)) == 1

    await steps.finish("request", "1", by=KEEPER)
    assert await steps.open_steps(limit=10, seen_by=KEEPER) == []
    await steps.begin("ship", "request", "1", owner_role="warehouse_keeper", depot="GZ", due_at=due)
    assert len(await steps.open_steps(limit=10, seen_by=KEEPER)) == 1


async def test_a_duty_past_its_time_is_late(company):
    await steps.begin("ship", "request", "1", owner_role="warehouse_keeper", due_at=clock.now() - timedelta(minutes=1))

    assert (await steps.open_steps(limit=10, seen_by=KEEPER))[0].late


async def test_the_audit_trail_tells_who_changed_what(company):
    await audit.record("thing.changed", "thing", "T-1", by=ADMIN, change={"colour": "red"}, reason="because")

    (entry, *_) = await audit.entries(limit=10, subject="T-1")
    assert (entry.actor, entry.action, entry.change, entry.reason) == (
        ADMIN.name,
        "thing.changed",
        {"colour": "red"},
        "because",
    )


async def test_a_refused_change_leaves_no_trace_of_having_happened(own_company):
    @db.atomic
    async def change() -> None:
        await audit.record("thing.changed", "thing", "T-1", by=SETUP)
        await events.emit("thing.changed", "thing", "T-1", {})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await change()
    assert await audit.entries(limit=10, subject="T-1") == []
    assert await events.since(0, limit=10, seen_by=AUDITOR) == []
