"""The promise meter against brute force: in random small worlds it says what sourcing a call would find.

The brute force opens a call of every severity for every device's critical part, through the very gathering and choice by
which part requests are answered, and asks whether something would arrive within the limit. Substitutes form chains and rings,
some only for a model or a firmware that not every device has; the worst device speaks for its contract.
"""

import asyncio
import contextvars
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from api.embedded import EmbeddedPostgres
from inventory.assurance.invariants import violations
from inventory.assurance.meter import cells, coverage
from inventory.assurance.meter.coverage import Filter
from inventory.assurance.meter.judging import worst
from inventory.catalogue import register as catalogue
from inventory.ground import clock, db, jobs
from inventory.ground.errors import WrongState
from inventory.installed_base import devices
from inventory.installed_base import register as installed_base
from inventory.installed_base.severities import SeverityView, define_severities
from inventory.places import register as places
from inventory.requests import sources
from inventory.requests.sourcing import PICK_HOURS, Wanted, choose
from inventory.stock import lines, priorities, receipts
from tests.conftest import run_as_superuser
from tests.meter import settle
from tests.world import AUDITOR, BATTERY, FAN, PSU, SETUP

DAY = date(2026, 11, 20)
INSTANTS = [datetime(2026, 11, 20, 3, tzinfo=UTC), datetime(2026, 11, 20, 19, tzinfo=UTC)]
"""A Friday's morning and night in Shanghai."""

PARTS = (PSU, FAN, BATTERY)
HOURS = st.sampled_from([0.5, 1.75, 2.0, 2.75, 4.0, 5.0, 30.0])
STOCK = st.dictionaries(
    st.tuples(st.sampled_from(PARTS), st.sampled_from(["GZ", "SH", "ZJ"]), st.sampled_from(["common", "C-TELCO"])),
    st.tuples(st.integers(0, 3), st.sampled_from([None, 0, 1, 2, 3])),
    max_size=8,
)
CHANGE = st.one_of(
    st.tuples(st.just("stock"), STOCK),
    st.tuples(st.just("out"), st.sampled_from(["GZ", "SH", "ZJ"])),
    st.tuples(st.just("in"), st.sampled_from(["GZ", "SH", "ZJ"])),
    st.tuples(
        st.just("coverage"), st.sampled_from(["GZ", "SH", "ZJ"]), st.sampled_from(["BANK-GZ", "TELCO-ZJ"]), HOURS
    ),
    st.tuples(st.just("lane"), st.sampled_from([("ZJ", "GZ"), ("SH", "ZJ"), ("SH", "GZ")]), HOURS, st.booleans()),
    st.tuples(
        st.just("substitute"),
        st.sampled_from([(PSU, FAN), (FAN, PSU), (PSU, BATTERY), (FAN, BATTERY), (BATTERY, FAN), (BATTERY, PSU)]),
        st.booleans(),
        st.sampled_from([1, 1, 2]),
        st.sampled_from([None, None, None, "model", "firmware"]),
    ),
    st.tuples(
        st.just("firmware"), st.sampled_from(["BANK-001", "BANK-002", "TELCO-001"]), st.sampled_from(["2.9", "2.20"])
    ),
    st.tuples(st.just("forbidden"), st.sampled_from(["C-BANK", "C-TELCO"]), st.sampled_from(PARTS)),
    st.tuples(
        st.just("travel"),
        st.sampled_from(["C-BANK", "C-TELCO"]),
        st.sampled_from(["with_engineer", "ahead"]),
        st.sampled_from([0.0, 0.5, 1.0]),
    ),
    st.tuples(
        st.just("severities"), st.sampled_from([("P1", "severe"), ("P2", "general"), ("P2", "emergency")]), HOURS
    ),
    st.tuples(st.just("class"), st.sampled_from(["general", "severe"]), st.booleans()),
    st.tuples(st.just("critical"), st.sampled_from(PARTS), st.booleans()),
)

_runner = asyncio.Runner()


@pytest.fixture
def worlds(postgres: EmbeddedPostgres, template: str) -> Iterator[None]:
    """A copy of the company on a loop of the property's own."""
    _runner.run(run_as_superuser(postgres, f"CREATE DATABASE worlds TEMPLATE {template} OWNER beijian"))
    shared_pool, shared_config = db.engine.pool, db.engine.config
    db.engine.pool = None
    connection = db.connected(postgres.dsn("worlds"))
    _runner.run(connection.__aenter__())
    yield
    db.engine.pool.terminate()  # a failing example may have left its transaction open
    db.engine.pool, db.engine.config = shared_pool, shared_config
    _runner.run(run_as_superuser(postgres, "DROP DATABASE worlds WITH (FORCE)"))


async def change(kind: str, *what) -> None:  # noqa: C901, PLR0912  one arm for each thing that can change
    """Change the world through its verbs."""
    match kind, what:
        case "stock", (stock,):
            for (part, depot, pool), (free, critical) in stock.items():
                await _stock(part, depot, pool, free, critical)
        case "out", (depot,):
            with suppress(WrongState):  # it is out already
                await places.take_out_of_service(depot, by=SETUP, reason="flood")
        case "in", (depot,):
            with suppress(WrongState):
                await places.return_to_service(depot, by=SETUP, reason="dry")
        case "coverage", (depot, site, hours):
            await places.enter_coverage([places.NewCoverage(store=depot, site=site, travel_hours=hours)], by=SETUP)
        case "lane", ((origin, target), hours, lithium):
            taken = await db.fetch_value("SELECT count(*) FROM lane")
            mode = ("own_car", "same_city_courier", "hand_carried")[taken % 3]
            there = await db.fetch_value(
                """SELECT EXISTS (SELECT FROM lane JOIN place AS o ON o.id = from_place JOIN place AS t ON t.id = to_place
                                  WHERE o.code = $1 AND t.code = $2 AND mode = $3)""",
                origin, target, mode,
            )  # fmt: skip
            if not there:
                lane = places.NewLane(from_place=origin, to_place=target, mode=mode, hours=hours, fixed_cost_cny=0,
                                      unit_cost_cny=0, carries_lithium=lithium)  # fmt: skip
                await places.enter_lanes([lane], by=SETUP)
        case "substitute", ((part, substitute), valid, pieces, limited):
            there = await db.fetch_value(
                """SELECT count(*) FROM substitution JOIN part ON part.id = part JOIN part AS other ON other.id = substitute
                   WHERE part.part_number = $1 AND other.part_number = $2""",
                part, substitute,
            )  # fmt: skip
            if not there:
                until = DAY if valid else DAY - timedelta(days=5)
                new = catalogue.NewSubstitution(
                    part=part,
                    substitute=substitute,
                    pieces=pieces,
                    model="R740" if limited == "model" else None,
                    min_firmware="2.19" if limited == "firmware" else None,
                    valid_from=date(2024, 1, 1),
                    valid_to=until,
                )
                await catalogue.enter_substitutions([new], by=SETUP)
        case "firmware", (serial, level):
            await _enter(  # one device, or all the others of its contract
                """UPDATE device SET firmware = $2 WHERE serial = $1 OR ($1 LIKE '%-002' AND serial <> 'BANK-001'
                       AND contract = (SELECT contract FROM device WHERE serial = $1))""",
                serial, level,
            )  # fmt: skip
        case "forbidden", (contract, part):
            await _enter(
                """INSERT INTO forbidden_part (contract, part, reason)
                   SELECT contract.id, part.id, '' FROM contract, part WHERE contract.code = $1 AND part_number = $2
                   ON CONFLICT DO NOTHING""",
                contract, part,
            )  # fmt: skip
        case "travel", (contract, travels, fitting):
            await _enter(
                "UPDATE contract SET part_travels = $2, fitting_hours = $3 WHERE code = $1", contract, travels, fitting
            )
        case "class", (code, may_empty):
            await _enter("UPDATE priority_class SET may_empty_depots = $2 WHERE code = $1", code, may_empty)
        case "severities", ((code, priority), hours):
            bad = SeverityView(code=code, name_zh=code, name_en=code, rank=1, priority_class=priority)
            await define_severities("C-BANK", [bad], by=SETUP)
            there = await db.fetch_value("SELECT EXISTS (SELECT FROM service_term WHERE severity = $1)", code)
            if not there:
                term = installed_base.NewServiceTerm(
                    contract="C-BANK", severity=code, hours="working", arrive_hours=hours, repair_hours=hours + 1
                )
                await installed_base.enter_service_terms([term], by=SETUP)
        case "critical", (part, critical):
            line = catalogue.NewModelPart(model="R740", part=part, per_device=1, critical=critical)
            await catalogue.enter_model_parts([line], by=SETUP)


async def _enter(sql: str, *values: object) -> None:
    """Change what no verb changes yet, and leave the job that such a verb would."""
    await db.execute(sql, *values)
    await jobs.enqueue(jobs.RefreshCover())


async def _stock(part: str, depot: str, pool: str, free: int, critical: int | None) -> None:
    ids = await db.fetch_one(
        """SELECT part.id AS part, place.id AS place, pool.id AS pool FROM part, place, pool
           WHERE part_number = $1 AND place.code = $2 AND pool.code = $3""",
        part, depot, pool,
    )  # fmt: skip
    there = await db.fetch_value(
        "SELECT free FROM level WHERE part = $1 AND place = $2 AND pool = $3 AND condition = 'good'", *ids
    )
    if free != (there or 0):
        await receipts.adjust(
            depot, part, free - (there or 0), by=SETUP, provenance="maker_direct", reason="world", pool=pool
        )
    if critical is not None:
        await lines.set_lines([lines.Lines(**dict(ids), critical_point=critical)])


async def brute_force(serial: str, part: int, now: datetime) -> str:
    """What sourcing would find for a fault of a device now, at its worst severity."""
    device = await devices.find(serial, seen_by=AUDITOR)
    offered = (await sources.gather([part], device, engineer=None)).stock.get(part, [])
    points = {
        (row["place"], row["pool"]): row["critical_point"] or 0
        for row in await db.fetch(
            "SELECT place, pool, critical_point FROM level WHERE part = $1 AND condition = 'good'", part
        )
    }
    told = set()
    for severity in device.severities:
        need_by = devices.entitlement_of(device, severity.code, now).need_by
        if need_by is None:
            continue
        may_empty = await priorities.may_empty_depots(severity.priority_class)
        (choice,) = choose([Wanted(quantity=1, sources=offered)], now=now, need_by=need_by, may_empty=may_empty)
        sure = any(
            source.rung == "depot"
            and source.free >= max(2, points[source.place, source.pool])
            and not source.hindrances
            and source.travel_hours is not None
            and now + timedelta(hours=PICK_HOURS + source.travel_hours) <= need_by
            for source in offered
        )
        on_time = any(taken.on_time for taken in choice.taken)
        told.add("yes" if sure else "at_risk" if on_time else "no")
    return next((state for state in ("no", "at_risk", "yes") if state in told), "not_judged")


async def play(changes: list[tuple]) -> None:
    async with db.engine.transaction() as transaction:
        with clock.at(INSTANTS[0]):
            await settle()
            for each in changes:
                await change(*each)
                await settle()
                assert [each for each in await violations() if each.invariant == "cover_cells_say_what_is"] == []
            assert await cells.refresh(jobs.RefreshCover()) == 0
        for now in INSTANTS:
            with clock.at(now):
                await (
                    cells.refresh_substitutes()
                )  # the night is the next day in Shanghai: some substitutions have ended
                await _compare(now)
        await transaction.rollback()


async def _compare(now: datetime) -> None:
    ids = {row["part_number"]: row["id"] for row in await db.fetch("SELECT id, part_number FROM part")}
    for contract, serials in (("C-BANK", ("BANK-001", "BANK-002")), ("C-TELCO", ("TELCO-001", "TELCO-002"))):
        listed = {
            each.part_number: each.state
            for each in await coverage.parts(Filter(contract=contract), limit=50, seen_by=AUDITOR)
        }
        found = {serial: {part: await brute_force(serial, ids[part], now) for part in listed} for serial in serials}
        for serial in serials:
            device = await coverage.device_cover(serial, seen_by=AUDITOR)
            assert {each.part_number: each.state for each in device.parts} == found[serial]
        assert listed == {part: worst([found[serial][part] for serial in serials]) for part in listed}


def test_the_meter_says_what_a_call_would_find_and_follows_every_change(worlds):
    examples = max(profile().max_examples // 4, 10)
    played: list[int] = []

    @profile(max_examples=examples, deadline=None)
    @given(st.lists(CHANGE, min_size=1, max_size=8))
    def holds(changes) -> None:
        _runner.run(play(changes), context=contextvars.copy_context())
        played.append(len(changes))

    holds()
    assert len(played) >= examples
