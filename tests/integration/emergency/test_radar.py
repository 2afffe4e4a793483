"""The burst radar: what it sees in the records, in which order soever they came, and what becomes of its alarms."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

import msgspec
import pytest

from inventory.emergency import cases, radar, radar_views
from inventory.emergency.facts import gather
from inventory.emergency.series import DIMENSIONS
from inventory.ground import clock, db, events, jobs
from inventory.ground.errors import Unknown
from inventory.installed_base import failures, fitted
from inventory.installed_base.failures import NewFailure
from inventory.procurement import orders, receiving
from inventory.requests import debriefing
from inventory.requests.debriefing import Debrief
from inventory.stock.receipts import Incoming
from tests.integration.emergency.test_cases import a_case, planned
from tests.integration.requests.test_debriefing import issued
from tests.statements import counted
from tests.world import AUDITOR, DISPATCHER, DRIVE, ENGINEER, FAN, KEEPER, PSU, SETUP, SH_KEEPER, actor


async def delivered(
    part: str, quantity: int, *, prefix: str = "N", depot: str = "GZ", vendor: str = "DISTI", pool: str = "common"
) -> str:
    """A batch from a vendor, the distributor if not told; the number of its receipt."""
    order = await orders.draft_order(
        vendor, depot, [orders.NewLine(part_number=part, quantity=quantity)], by=actor("buyer"), pool=pool
    )
    await orders.approve_order(order.id, by=SETUP)
    await orders.record_placed(order.id, by=SETUP)
    serials = [f"{prefix}-{n}" for n in range(quantity)] if part == DRIVE else ()
    keeper = KEEPER if depot == "GZ" else SH_KEEPER
    receipt = await receiving.receive_order(
        order.number, [Incoming(part_number=part, quantity=quantity, serials=serials)], by=keeper
    )
    return receipt.number


async def fit(device: str, part: str, serial: str, *, position: str = "bay 1", days_ago: float = 60) -> None:
    """A piece sits in a device since so many days ago."""
    with clock.at(clock.now() - timedelta(days=days_ago)):
        await fitted.fit(
            await db.fetch_value("SELECT id FROM device WHERE serial = $1", device),
            await db.fetch_value("SELECT id FROM part WHERE part_number = $1", part),
            document=f"PR-{device}",
            serial=serial,
            position=position,
        )


async def fail(
    part: str, devices: Sequence[str], *, days: float = 5, position: str = "bay 1", at: datetime | None = None
):
    """A part fails in some devices, one after the other within so many days."""
    end = at or clock.now() - timedelta(minutes=5)
    return await failures.record_failures(
        [
            NewFailure(
                device=device,
                part_number=part,
                occurred_at=end - timedelta(days=days * number / len(devices)),
                position=position,
            )
            for number, device in enumerate(devices)
        ],
        by=DISPATCHER,
    )


def bank(count: int, first: int = 0) -> list[str]:
    return [f"BANK-{n:03d}" for n in range(first, first + count)]


async def seen(dimension: str | None = None, **more: object) -> list[radar_views.SeriesView]:
    return await radar_views.series_views(limit=100, seen_by=AUDITOR, dimension=dimension, **more)


async def alarms(**more: object) -> list[radar_views.AlarmView]:
    return await radar_views.alarms(limit=100, seen_by=AUDITOR, **more)


async def work_off() -> None:
    """Do what the records enqueued for the radar."""
    for row in await db.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = 'look_at_series' ORDER BY id"):
        job = msgspec.json.decode(row["payload"], type=jobs.LookAtSeries)
        await radar.look(job.device, job.part)
    await db.execute("DELETE FROM pgqueuer WHERE entrypoint = 'look_at_series'")


async def test_in_normal_life_nothing_alarms(company):
    await fail(DRIVE, ["BANK-001", "BANK-050"], days=200)
    watched = await radar.look_at_all()

    assert await seen() == []
    assert [view.dimension for view in await seen(all_of_them=True)].count("part") == 1
    assert watched == await db.fetch_value("SELECT series FROM radar_round")


async def test_every_series_with_something_expected_counts(company):
    before = await radar.look_at_all()
    await delivered(DRIVE, 10)
    await db.execute("UPDATE device SET firmware = 'FW-1' WHERE serial LIKE 'BANK-00%'")

    # three parts with a rate, one model, two sites; then a batch, its supplier and a firmware level
    assert before == 6
    assert await radar.look_at_all() == 9


async def test_a_burst_alarms_in_every_dimension_it_shows_in(company):
    await fail(FAN, bank(12))
    await radar.look_at_all()

    found = {view.dimension: view for view in await seen()}
    assert found["part"].in_alarm
    assert found["part"].name == FAN
    assert (found["part"].failures_7, found["part"].failures) == (12, 12)
    assert found["part"].expected_7 == pytest.approx(200 * 6 * 0.01 * 7 / 365)
    assert found["part"].present_rate_per_day > 3 * found["part"].rate_per_day
    assert {"part", "model", "site"} <= {alarm.dimension for alarm in await alarms(state="raised")}


async def test_failures_are_told_from_the_batch_they_came_with(company):
    receipt = await delivered(DRIVE, 10)
    for n in range(9):
        await fit(f"BANK-{n:03d}", DRIVE, f"N-{n}")
    await fail(DRIVE, bank(9))
    await fail(DRIVE, bank(3, first=100), position="bay 7")
    await radar.look_at_all()

    (part,) = await seen("part")
    (batch,) = await seen("batch")
    told = {(each["dimension"], each["name"]): each for each in part.concentrations}
    blamed = told["batch", f"{receipt} · {DRIVE}"]
    assert (blamed["failures"], blamed["of"]) == (9, 12)
    assert blamed["p_value"] < 0.001
    assert ("supplier", "DISTI") in told
    assert f"9 of 12 from receipt {receipt}" in part.told_en
    assert f"12 次中 9 次来自入库批次 {receipt}" in part.told_zh
    assert (batch.name, batch.failures, batch.in_alarm) == (f"{receipt} · {DRIVE}", 9, True)


async def test_a_piece_of_unknown_origin_belongs_to_no_batch(company):
    await delivered(DRIVE, 10)
    await fit("BANK-001", DRIVE, "N-1")
    await fail(DRIVE, ["BANK-001"] * 1, position="bay 5")  # another position, and eight drives in the device
    await radar.look_at_all()

    assert await seen("batch", all_of_them=True) == []


async def test_pieces_without_serials_are_told_from_what_was_sent(company):
    with clock.at(clock.now() - timedelta(days=10)):
        receipt = await delivered(FAN, 30)
        # the fans of the opening stock go first; then only the batch is left
        view = await issued(FAN, 10)
        await debriefing.debrief(view.id, [Debrief(part_number=FAN, outcome="used")], by=ENGINEER)
    device = await db.fetch_value("SELECT id FROM device WHERE serial = 'BANK-001'")
    fan = await db.fetch_value("SELECT id FROM part WHERE part_number = $1", FAN)
    await fitted.fit(device, fan, document="PR-9", position="fan 9")
    await db.execute("UPDATE fitted_part SET fitted_at = fitted_at - interval '5 days' WHERE document_number = 'PR-9'")
    lot = await db.fetch_one("SELECT lot.id, lot.number FROM lot JOIN receipt ON receipt.id = lot.receipt")
    await db.execute(
        """INSERT INTO movement (recorded_at, occurred_at, kind, part, quantity, lot, from_place, from_condition, from_owner,
                                 from_pool, to_place, to_condition, to_owner, to_pool, document, actor)
           SELECT now(), now(), 'issue', part, 1, $1, from_place, from_condition, from_owner, from_pool, to_place,
                  to_condition, to_owner, to_pool, 'PR-9', 'test'
           FROM movement WHERE kind = 'issue' AND document = $2 LIMIT 1""",
        lot["id"],
        view.number,
    )
    await fail(FAN, ["BANK-001"], position="fan 9")
    await radar.look_at_all()

    (batch,) = await seen("batch", all_of_them=True)
    assert batch.name == f"{receipt} · {FAN}"


async def test_what_is_dead_on_arrival_counts_for_its_batch_and_supplier_only(company):
    receipt = await delivered(DRIVE, 6)
    view = await issued(DRIVE, 1, "N-3")
    await radar.look_at_all()
    before = {(s.dimension, s.name): s.failures_30 for s in await seen(all_of_them=True)}
    await debriefing.debrief(view.id, [Debrief(part_number=DRIVE, outcome="dead_on_arrival")], by=ENGINEER)
    await work_off()

    after = {(s.dimension, s.name): s.failures_30 for s in await seen(all_of_them=True)}
    assert after["batch", f"{receipt} · {DRIVE}"] == 1
    assert after["supplier", "DISTI"] == 1
    assert after["part", DRIVE] == after["site", "BANK-GZ"]
    assert ("batch", f"{receipt} · {DRIVE}") not in before


async def test_several_pieces_dead_on_arrival_told_at_once_count_each_for_its_batch(company):
    receipt = await delivered(DRIVE, 6)
    view = await issued(DRIVE, 3, "ZL2-0001", "N-1", "N-3")  # one of them is of the opening stock
    await debriefing.debrief(view.id, [Debrief(part_number=DRIVE, outcome="dead_on_arrival")], by=ENGINEER)
    await radar.look_at_all()

    after = {(s.dimension, s.name): s.failures_30 for s in await seen(all_of_them=True)}
    assert after["batch", f"{receipt} · {DRIVE}"] == 2
    assert after["supplier", "DISTI"] == 2


async def rates_seen() -> list[tuple[object, ...]]:
    """What every series expects; sums of many, and so alike but for the last digits."""
    views = await seen(all_of_them=True)
    return sorted((view.dimension, view.name, round(view.rate_per_day, 9), round(view.rate_shape, 9)) for view in views)


async def test_a_rate_that_holds_from_tomorrow_says_nothing_today(company):
    await fail(FAN, bank(6))
    await planned()
    watched = await radar.look_at_all()
    series = await rates_seen()
    shapes = {(row.part_number, row.depot): row.rate_shape for row in (await gather()).rows}
    await db.execute(
        """INSERT INTO failure_rate (part, valid_from, annual_rate, shape, exposure_device_years, failures, device_years,
                                     source, evidence)
           SELECT id, $1, 2, 4000, 2000, 0, 0, 'field_record', '' FROM part""",
        clock.today() + timedelta(days=1),
    )

    assert await radar.look_at_all() == watched
    assert series == await rates_seen()
    assert shapes == {(row.part_number, row.depot): row.rate_shape for row in (await gather()).rows}


async def test_machines_that_left_are_no_burst(company):
    """What was expected while they ran stays expected of that time."""
    await fail(FAN, bank(8, first=20), days=300)
    today = clock.today()
    await db.execute(
        "UPDATE device SET retired_on = $1 WHERE serial LIKE 'BANK-%' AND serial > 'BANK-004'",
        today - timedelta(days=2),
    )
    await db.execute("UPDATE device SET retired_on = $1 WHERE serial LIKE 'TELCO-%'", today - timedelta(days=2))
    await radar.look_at_all()

    (part,) = [view for view in await seen("part", all_of_them=True) if view.name == FAN]
    assert not part.in_alarm
    assert part.expected_30 == pytest.approx((28 * 200 + 2 * 5) * 6 * 0.01 / 365, rel=0.05)


async def test_one_failure_is_worked_off_by_itself(company):
    await radar.look_at_all()
    await fail(FAN, bank(4))
    await fail(PSU, ["TELCO-003"])
    await work_off()
    one_by_one = [(s.dimension, s.name, s.statistic) for s in await seen(all_of_them=True)]
    await db.execute("DELETE FROM radar_series")
    await radar.look_at_all()

    at_once = [(s.dimension, s.name, s.statistic) for s in await seen(all_of_them=True)]
    assert {(d, n): pytest.approx(s, abs=1e-3) for d, n, s in one_by_one} == {(d, n): s for d, n, s in at_once}


async def test_many_failures_at_once_have_the_radar_looked_at_once(company):
    await fail(FAN, bank(40))

    assert await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'look_at_radar'") == 1
    assert await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'look_at_series'") == 0


async def test_an_alarm_that_falls_away_is_withdrawn_and_stays(company):
    recorded = await fail(FAN, bank(12))
    await radar.look_at_all()
    raised = {alarm.number for alarm in await alarms(state="raised")}
    for view in recorded[2:]:
        await failures.withdraw(view.id, by=DISPATCHER, reason="a faulty sensor")
    await work_off()

    after = await alarms()
    assert {alarm.number for alarm in after} == raised
    assert {(alarm.state, alarm.withdrawn_because) for alarm in after} == {("withdrawn", "records")}
    assert not any(view.in_alarm for view in await seen())
    kinds = {row["kind"] for row in await db.fetch("SELECT kind FROM event WHERE subject_kind = 'radar_alarm'")}
    assert kinds == {"radar_alarm.raised", "radar_alarm.withdrawn"}
    with pytest.raises(Exception, match="append-only"):
        await db.execute("DELETE FROM radar_alarm")


async def test_an_alarm_whose_rate_is_believed_higher_is_withdrawn_for_that(company):
    await fail(FAN, bank(6))
    await radar.look_at_all()
    assert await alarms(state="raised", dimension="part")
    await db.execute("UPDATE failure_rate SET annual_rate = 2, shape = 40, exposure_device_years = 20")
    await radar.look_at_all()

    assert {(alarm.state, alarm.withdrawn_because) for alarm in await alarms()} == {("withdrawn", "rates")}


async def test_an_alarm_is_over_when_failures_no_longer_outnumber_what_is_expected(company):
    await fail(FAN, bank(8))
    await radar.look_at_all()
    with clock.at(clock.now() + timedelta(days=300)):
        await radar.look_at_all()

        part = next(alarm for alarm in await alarms() if alarm.dimension == "part")
        assert (part.state, part.failures) == ("over", 8)
        assert part.ended_at is not None
        assert clock.now() - timedelta(days=300) < part.ended_at < clock.now()


async def test_a_burst_told_of_when_it_was_over_is_kept_as_over(company):
    await fail(FAN, bank(8), at=clock.now() - timedelta(days=300))
    await radar.look_at_all()

    part = next(alarm for alarm in await alarms() if alarm.dimension == "part")
    assert (part.state, part.failures) == ("over", 8)
    assert part.evidence["told_en"].startswith("8 in ")


async def test_an_alarm_that_was_over_is_told_without_what_the_present_run_concentrates_in(company):
    receipt = await delivered(DRIVE, 10)
    for n in range(9):
        await fit(f"BANK-{n:03d}", DRIVE, f"N-{n}")
    await fail(DRIVE, bank(20, first=100), position="bay 7", at=clock.now() - timedelta(days=300))
    await fail(DRIVE, bank(9))
    await radar.look_at_all()

    over, raised = sorted(await alarms(dimension="part"), key=lambda alarm: alarm.state)
    assert (over.state, raised.state) == ("over", "raised")
    assert receipt in raised.evidence["told_en"]
    assert receipt not in over.evidence["told_en"]
    assert receipt not in over.evidence["told_zh"]
    assert over.evidence["concentrations"] == []


async def test_looking_again_raises_nothing_twice(company):
    await fail(FAN, bank(12))
    await radar.look_at_all()
    once = await alarms()
    await radar.look_at_all()
    await radar.look_at_all()

    assert [(alarm.number, alarm.state) for alarm in await alarms()] == [(alarm.number, alarm.state) for alarm in once]


async def test_alarms_that_stay_what_they_are_are_not_written_again(company):
    await fail(FAN, bank(8), at=clock.now() - timedelta(days=300))
    await radar.look_at_all()
    once = await alarms()
    with clock.at(clock.now() + timedelta(minutes=5)):
        async with counted() as sent:
            await radar.look_at_all()

    assert {alarm.state for alarm in once} == {"over"}
    assert await alarms() == once
    assert not [statement for statement in sent if "UPDATE radar_alarm" in statement]


async def test_many_rising_series_are_looked_into_by_as_many_statements_as_few(company):
    await fail(FAN, bank(4))
    async with counted() as few:
        await radar.look_at_all()
    rising = len(await seen())
    await delivered(DRIVE, 10)
    for n in range(9):
        await fit(f"BANK-{n:03d}", DRIVE, f"N-{n}")
    await db.execute("UPDATE device SET firmware = 'FW-' || id % 3")
    await fail(DRIVE, bank(9))
    async with counted() as many:
        await radar.look_at_all()
    into = [[sql for sql in sent if "AS weight" in sql] for sent in (few, many)]

    assert len(await seen()) > rising
    assert {view.dimension for view in await seen()} == set(DIMENSIONS)
    assert len(into[0]) == len(into[1]) == 2


async def test_many_alarms_are_withdrawn_by_as_many_statements_as_few(company):
    async def lapse(devices: int) -> tuple[int, list[str]]:
        recorded = await fail(FAN, bank(devices))
        await fail(PSU, [f"TELCO-{n:03d}" for n in range(devices)])
        await radar.look_at_all()
        raised = len(await alarms(state="raised"))
        await db.execute("UPDATE failure SET withdrawn_at = occurred_at, withdrawn_reason = 'a drill'")
        async with counted() as sent:
            await radar.look_at_all()
        assert recorded
        assert await alarms(state="raised") == []
        return raised, [sql for sql in sent if "radar_alarm" in sql or "INTO event" in sql]

    few, by_few = await lapse(5)
    await db.execute("UPDATE device SET firmware = 'FW-' || id % 3")
    many, by_many = await lapse(30)

    assert 0 < few < many
    assert len(by_few) == len(by_many)


class _Undone(Exception):
    """Takes a story back."""


async def told_by(records: Sequence[tuple[int, int, str]], mistakes: int, now: datetime) -> tuple[object, object]:
    """What stands once these failures (device, days ago, part) were recorded one by one; then all of it is undone.

    After some of them another one is recorded that was none, seen by the radar, and taken back.
    """
    try:
        async with db.savepoint():
            with clock.at(now):
                for number, (device, days_ago, part) in enumerate(records):
                    await fail(part, bank(1, first=device), at=now - timedelta(days=days_ago, hours=1))
                    wrong: list[failures.FailureView] = []
                    if number >= len(records) - mistakes:
                        wrong = await fail(FAN, [f"TELCO-{n:03d}" for n in range(4)], at=now - timedelta(hours=2))
                    await work_off()
                    for each in wrong:
                        await failures.withdraw(each.id, by=DISPATCHER, reason="a mistake")
                    await work_off()
                series = [
                    (view.dimension, view.name, round(view.statistic, 9), view.failures, view.in_alarm)
                    for view in sorted(await seen(all_of_them=True), key=lambda view: (view.dimension, view.name))
                ]
                standing = sorted(
                    (alarm.dimension, alarm.name, alarm.state, alarm.began_at, alarm.alarmed_at, alarm.failures)
                    for alarm in await alarms()
                    if alarm.state != "withdrawn"
                )
            raise _Undone(series, standing)  # noqa: TRY301  by rolling back
    except _Undone as undone:
        return undone.args[0], undone.args[1]


@pytest.mark.parametrize("seed", range(8))
async def test_late_and_corrected_records_leave_what_those_in_time_leave(company, seed):
    """Recorded in order and looked at each time, or late, in any order and with mistakes taken back: the same in the end."""
    random = Random(seed)  # noqa: S311
    now = clock.now()
    await radar.look_at_all()
    devices = random.sample(range(160), random.randint(4, 14))
    lately = random.choice([6, 60, 330])
    records = [(device, random.randint(0, lately), random.choice([FAN, FAN, PSU])) for device in devices]
    in_time = sorted(records, key=lambda record: -record[1])
    late = list(records)
    random.shuffle(late)

    assert await told_by(in_time, 0, now) == await told_by(late, random.randint(1, 3), now)


async def test_who_is_bound_to_stores_sees_their_sites_and_batches_only(company):
    receipt = await delivered(DRIVE, 10)
    for n in range(9):
        await fit(f"BANK-{n:03d}", DRIVE, f"N-{n}")
    await fail(DRIVE, bank(9))
    await radar.look_at_all()

    def shown(views):
        return {(view.dimension, view.name) for view in views}

    whole = await seen()
    mine = await radar_views.series_views(limit=50, seen_by=KEEPER)
    theirs = await radar_views.series_views(limit=50, seen_by=actor("warehouse_keeper", depots={"ZJ"}))
    of_contract = await radar_views.series_views(limit=50, seen_by=actor("project_manager", contracts={"C-TELCO"}))
    assert {"part", "model", "site", "batch", "supplier"} <= {view.dimension for view in whole}
    assert shown(mine) == {("batch", f"{receipt} · {DRIVE}"), ("site", "BANK-GZ")}
    assert theirs == []
    assert of_contract == []
    hidden = next(view for view in whole if view.dimension == "part")
    with pytest.raises(Unknown):
        await radar_views.series_view(hidden.id, seen_by=KEEPER)
    assert {alarm.dimension for alarm in await radar_views.alarms(limit=50, seen_by=KEEPER)} == {"batch", "site"}


async def bad_drives() -> str:
    """Nine drives of one batch died at the bank's site, which GZ and SH reach; GZ took the batch in."""
    receipt = await delivered(DRIVE, 10)
    for n in range(9):
        await fit(f"BANK-{n:03d}", DRIVE, f"N-{n}")
    await fail(DRIVE, bank(9))
    await radar.look_at_all()
    return receipt


async def test_who_is_bound_to_stores_is_told_no_supplier_and_no_batch_that_others_took_in(company):
    receipt = await bad_drives()
    (whole,) = await seen("site")
    (here,) = await radar_views.series_views(limit=9, seen_by=KEEPER, dimension="site")
    (there,) = await radar_views.series_views(limit=9, seen_by=SH_KEEPER, dimension="site")
    (alarm,) = await radar_views.alarms(limit=9, seen_by=SH_KEEPER, dimension="site")
    may_see_vendors = await radar_views.series_view(whole.id, seen_by=actor("buyer", depots={"SH"}))

    def told(view):
        return {each["dimension"] for each in view.concentrations}

    assert {"batch", "supplier"} <= told(whole)
    assert told(whole) - told(here) == {"supplier"}
    assert told(whole) - told(there) == {"supplier", "batch"}
    assert told(whole) - told(may_see_vendors) == {"batch"}
    assert receipt in here.told_en
    assert receipt in here.told_zh
    for hidden in (receipt, "DISTI"):
        assert hidden in msgspec.json.encode(whole).decode()
        assert hidden not in msgspec.json.encode(there).decode()
        assert hidden not in msgspec.json.encode(alarm).decode()
    assert alarm.evidence["told_en"].startswith("9 in 7 days")


async def test_a_batchs_reader_is_told_no_site_out_of_reach(company):
    await bad_drives()
    await db.execute(
        """UPDATE radar_series SET concentrations = jsonb_build_array(jsonb_build_object(
               'dimension', 'site', 'value', place.id::text, 'name', place.code, 'failures', 9, 'of', 9, 'expected', 0.5))
           FROM place WHERE place.code = 'TELCO-ZJ' AND radar_series.dimension = 'batch'"""
    )

    assert "TELCO-ZJ" in (await radar_views.series_views(limit=9, seen_by=KEEPER, dimension="batch"))[0].told_en
    await db.execute(
        """DELETE FROM coverage USING place AS near, place AS site
           WHERE near.id = store AND site.id = coverage.site AND near.code = 'GZ' AND site.code = 'TELCO-ZJ'"""
    )
    (batch,) = await radar_views.series_views(limit=9, seen_by=KEEPER, dimension="batch")
    assert batch.concentrations == []
    assert "TELCO-ZJ" not in batch.told_en + batch.told_zh
    assert "TELCO-ZJ" in (await seen("batch"))[0].told_en


async def test_events_of_the_radar_go_to_whom_the_alarm_would_show(own_company):
    receipt = await bad_drives()

    async def told(reader):
        found = await events.since(0, limit=1000, seen_by=reader)
        return [event for event in found if event.kind == "radar_alarm.raised"]

    everything = {event.payload["dimension"] for event in await told(AUDITOR)}
    here, there = await told(actor("dispatcher", depots={"GZ"})), await told(actor("dispatcher", depots={"SH"}))
    assert {"part", "model", "site", "batch", "supplier"} <= everything
    assert {event.payload["dimension"] for event in here} == {"site", "batch"}
    assert {event.payload["dimension"] for event in there} == {"site"}
    assert await told(actor("dispatcher", depots={"ZJ"})) == []
    assert await told(actor("dispatcher", contracts={"C-BANK"})) == []
    for hidden in (receipt, "DISTI"):
        assert hidden not in msgspec.json.encode(there).decode()


async def test_the_list_goes_on_where_it_was_cut(company):
    await fail(FAN, bank(12))
    await radar.look_at_all()
    whole = await seen(all_of_them=True)
    pages: list[radar_views.SeriesView] = []
    while True:
        after = radar_views.key_of(pages[-1]) if pages else None
        page = await radar_views.series_views(limit=1, seen_by=AUDITOR, after=after, all_of_them=True)
        if not page:
            break
        pages += page

    assert [view.id for view in pages] == [view.id for view in whole]


async def test_a_cases_evidence_names_what_the_radar_found(company):
    receipt = await delivered(DRIVE, 10)
    for n in range(9):
        await fit(f"BANK-{n:03d}", DRIVE, f"N-{n}")
    await fail(DRIVE, bank(9))
    await radar.look_at_all()
    case = await a_case()
    evidence = (await cases.case_view(case.id, seen_by=AUDITOR)).evidence

    assert f"9 of 9 from receipt {receipt}" in evidence["radar"]["en"]
    assert f"来自入库批次 {receipt}" in evidence["radar"]["zh"]


async def test_stocks_share_the_radars_false_alarms(company):
    """Rows of the plan are tested by the same share as everything else."""
    await planned()
    rows = len((await gather()).rows)
    watched = await radar.look_at_all()

    assert watched == 6 + rows
    assert (await gather()).series == watched


async def test_the_days_of_a_series_are_counted(company):
    await fail(FAN, bank(6), days=4)
    await radar.look_at_all()
    for view in await seen():
        days = await radar_views.days_of(view.id, seen_by=AUDITOR)
        assert sum(day.failures for day in days) == 6
        assert len(days) == radar_views.CHART_DAYS
