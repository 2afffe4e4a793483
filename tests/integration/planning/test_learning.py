"""What our own history teaches: rates, factors, late repairs; and what a plan makes of them."""

from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from api.worker import CLOCKWORK
from inventory.catalogue import register as catalogue
from inventory.catalogue.beliefs import beliefs
from inventory.ground import clock, db
from inventory.ground.errors import NotGranted
from inventory.installed_base import failures
from inventory.planning import asking, explaining, learning, network
from inventory.planning.plans import NIGHTLY
from inventory.procurement import register as procurement
from inventory.requests import requests
from optimizer.certificate import check
from optimizer.factors import age_band
from optimizer.whatif import Changes, DeviceCount, changed
from tests.integration.planning.test_plans import made
from tests.integration.requests.test_requests import new
from tests.statements import counted
from tests.world import DISPATCHER, DRIVE, FAN, PLANNER, PSU, SETUP, actor

SWAP = "SWAP-2U"


async def stand(site: str, environment: str | None) -> None:
    await db.execute("UPDATE place SET environment = $2 WHERE code = $1", site, environment)


async def fail(part: str, devices: list[str], *, days_ago: int = 20, times: int = 1) -> list[failures.FailureView]:
    return await failures.record_failures(
        [
            failures.NewFailure(
                device=device,
                part_number=part,
                occurred_at=clock.now() - timedelta(days=days_ago + n),
                position=f"slot {n}",
            )
            for device in devices
            for n in range(times)
        ],
        by=DISPATCHER,
    )


async def learned(days: int = 365) -> learning.Learning:
    today = clock.today()
    return await learning.learning_detail((await learning.learn(today - timedelta(days=days), today, by=SETUP)).id)


def factor(found: learning.Learning, kind: str, dimension: str, level: str) -> learning.FactorView:
    return next(row for row in found.factors if (row.kind, row.dimension, row.level) == (kind, dimension, level))


async def dusty_fans() -> learning.Learning:
    """Fans fail far more often at the dusty site than in the data centre."""
    await stand("BANK-GZ", "data_centre")
    await stand("TELCO-ZJ", "industrial")
    await fail(FAN, [f"TELCO-{n:03d}" for n in range(12)], times=2)
    await fail(FAN, [f"BANK-{n:03d}" for n in range(4)])
    return await learned()


async def test_a_factor_has_its_evidence_and_belongs_to_a_kind_of_part(company):
    found = await dusty_fans()
    dusty, clean = (factor(found, "fan", "environment", level) for level in ("industrial", "data_centre"))

    # 40 and 160 devices of six fans for a year; 24 and 4 failures where the rest of the model expects 14 : 56 of 70
    assert (dusty.failures, clean.failures) == (24, 4)
    assert dusty.device_years == pytest.approx(240, rel=0.01)
    assert clean.device_years == pytest.approx(960, rel=0.01)
    assert clean.factor < 1 < dusty.factor
    assert clean.upper < dusty.lower
    weighed = dusty.expected * dusty.factor + clean.expected * clean.factor
    assert weighed == pytest.approx(dusty.expected + clean.expected)
    # no drive failed anywhere: the site makes no difference to drives that anybody knows of
    assert (
        factor(found, "drive", "environment", "industrial").lower
        < 1
        < factor(found, "drive", "environment", "industrial").upper
    )


async def test_the_plan_asks_more_where_parts_fail_more_often_and_says_why(company):
    before = (await network.gather(clock.today())).network
    assert all(row.factors == {} for row in before.installed_base)
    found = await dusty_fans()
    net = (await network.gather(clock.today())).network
    times = {row.customer: row.factors for row in net.installed_base}
    age = factor(found, "fan", "age", age_band((clock.today() - date(2024, 1, 1)).days / 365)).factor

    dusty, clean = (factor(found, "fan", "environment", level).factor for level in ("industrial", "data_centre"))
    assert times["TELCO-ZJ/C-TELCO"][FAN] == pytest.approx(dusty * age, abs=1e-5)
    assert times["BANK-GZ/C-BANK"][FAN] == pytest.approx(clean * age, abs=1e-5)

    plan = await made()
    row = await explaining.row_explanation(plan.id, FAN, "ZJ", pool="C-TELCO", seen_by=PLANNER)
    (model,) = row.explanation.installed
    assert model.factor == pytest.approx(dusty * age, abs=1e-5)
    assert model.rate_per_day == pytest.approx(240 * model.annual_failure_rate * model.factor / 365)
    assert ("environment", "industrial") in {(each.dimension, each.level) for each in row.factors}
    kept = await asking.kept(plan.id)
    assert check(kept.answer, kept.network) == []


async def test_a_what_if_about_devices_keeps_what_they_fail_by(company):
    await dusty_fans()
    net = (await network.gather(clock.today())).network
    (row,) = (row for row in net.installed_base if row.customer == "TELCO-ZJ/C-TELCO")
    more = changed(net, Changes(device_counts=(DeviceCount(row.customer, row.model, 80),)))

    assert {r.customer: (r.device_count, r.factors) for r in more.installed_base}[row.customer] == (80, row.factors)


async def test_a_device_of_its_own_environment_is_not_what_its_site_says(company):
    await stand("BANK-GZ", "data_centre")
    await db.execute("UPDATE device SET environment = 'office' WHERE serial = 'BANK-000'")
    found = await learned()
    years = {
        row.level: row.device_years for row in found.factors if (row.kind, row.dimension) == ("psu", "environment")
    }

    assert years == {"data_centre": pytest.approx(318, rel=0.01), "office": pytest.approx(2, rel=0.01)}


async def test_what_nobody_knows_of_a_device_has_no_factor(company):
    await fail(FAN, ["BANK-001"])
    found = await learned()

    assert {row.dimension for row in found.factors} == {"age"}


async def test_years_are_spent_in_the_band_of_their_age(company):
    today = clock.today()
    await db.execute("UPDATE device SET retired_on = $1::date - 400", today)
    await db.execute(
        """UPDATE device SET retired_on = NULL, installed_on = $1::date - 400, firmware = '2.8' WHERE serial = 'BANK-000'""",
        today,
    )
    await fail(PSU, ["BANK-000"], days_ago=40)  # at 360 days
    await fail(PSU, ["BANK-000"], days_ago=10)  # at 390 days
    found = await learned()
    young, older = (factor(found, "psu", "age", band) for band in ("0-1", "1-3"))

    assert (young.device_years, older.device_years) == (pytest.approx(2 * 330 / 365), pytest.approx(2 * 35 / 365))
    assert (young.failures, older.failures) == (1, 1)
    assert factor(found, "psu", "firmware", "R740 2.8").factor == pytest.approx(1.0)


async def test_rates_rest_on_average_devices_years(company):
    await dusty_fans()
    row = await db.fetch_one(
        """SELECT annual_rate, shape, exposure_device_years, failures, device_years, evidence FROM failure_rate
           JOIN part ON part.id = failure_rate.part WHERE part_number = $1 AND source = 'history'""",
        FAN,
    )

    assert (row["failures"], row["shape"]) == (28, pytest.approx(10 + 28))
    assert row["device_years"] == pytest.approx(1200, rel=0.01)
    worth = row["exposure_device_years"] - 1000
    assert 0.5 * 1200 < worth < 1.5 * 1200
    assert f"worth {worth:.1f} of average devices" in row["evidence"]
    assert row["annual_rate"] == pytest.approx(38 / (1000 + worth))


async def record(part: str, valid_from: date, shape: float, exposure: float) -> None:
    await catalogue.enter_failure_rates(
        [
            catalogue.NewFailureRate(
                part=part,
                valid_from=valid_from,
                annual_rate=shape / exposure,
                shape=shape,
                exposure_device_years=exposure,
                failures=0,
                device_years=0,
                source="field_record",
            )
        ],
        by=SETUP,
    )


async def test_what_is_learned_anew_holds_over_the_record_it_reckons_with(company):
    today = clock.today()
    await fail(FAN, ["BANK-001"])
    await learned()
    await record(FAN, today, 40, 1000)
    assert [each.source for each in (await beliefs(FAN))[:2]] == ["field_record", "history"]
    await learned()

    newest, before = (await beliefs(FAN))[:2]
    assert (newest.source, before.source) == ("history", "field_record")
    assert newest.annual_rate > 0.015  # with the older prior of 10 in 1,000 it would be half of that


async def test_what_is_learned_again_without_anything_new_is_not_entered_again(company):
    await fail(FAN, ["BANK-001"])
    await learned()
    rates = "SELECT * FROM failure_rate ORDER BY id"
    before = await db.fetch(rates)
    await learned()

    assert await db.fetch(rates) == before


async def test_a_record_that_holds_from_tomorrow_is_no_prior_today(company):
    await fail(FAN, ["BANK-001"])
    await learned()
    before = (await beliefs(FAN))[0]
    await record(FAN, clock.today() + timedelta(days=1), 400, 1000)
    await learned()

    assert (await beliefs(FAN))[1] == before


async def test_of_two_beliefs_of_a_part_the_plan_takes_that_which_knows_less(company):
    await enter_swap_unit()
    await promise_swaps("C-BANK")
    await record(SWAP, clock.today(), 0.01, 1)

    parts = (await network.gather(clock.today())).network.parts
    assert {part.id: part.rate_shape for part in parts}[SWAP] == pytest.approx(0.01)


async def test_learning_is_repeated_when_there_is_something_new(company):
    today = clock.today()
    assert await learning.learn_when_due(today, by=NIGHTLY) is None  # nothing ever failed
    (failed,) = await fail(PSU, ["BANK-003"], days_ago=30)
    first = await learning.learn_when_due(today, by=NIGHTLY)
    assert first is not None
    assert (first.failures, first.learned_by, first.until) == (1, NIGHTLY.name, today)
    assert await learning.learn_when_due(today, by=NIGHTLY) is None
    assert await learning.learn_when_due(today + timedelta(days=27), by=NIGHTLY) is None
    with clock.at(clock.now() + timedelta(hours=1)):
        await failures.withdraw(failed.id, by=DISPATCHER, reason="no fault found")
        second = await learning.learn_when_due(today, by=NIGHTLY)
    assert second is not None
    assert (second.failures, second.since) == (0, first.since)
    assert [each.id for each in await learning.learnings(limit=5)] == [second.id, first.id]
    with clock.at(clock.now() + timedelta(days=28)):
        assert await learning.learn_when_due(clock.today(), by=NIGHTLY) is not None


async def test_the_clockwork_learns_before_it_plans(company):
    await fail(PSU, ["BANK-003"], days_ago=30)
    when, act = CLOCKWORK["learn_rates"]
    minute, hour = (int(each) for each in when.split()[:2])
    plan_minute, plan_hour = (int(each) for each in CLOCKWORK["plan_anew"][0].split()[:2])

    await act()

    assert (hour, minute) < (plan_hour, plan_minute)
    assert len(await learning.learnings(limit=5)) == 1


async def test_learning_takes_the_right_to_plan_and_a_time_to_learn_from(company):
    with pytest.raises(NotGranted):
        await learning.learn_anew(clock.today(), by=actor("engineer"))
    with pytest.raises(learning.NothingToLearnFrom):
        await learning.learn_anew(clock.today(), since=clock.today(), by=PLANNER)


async def test_failures_of_devices_that_were_never_in_use_do_not_stop_learning(company):
    today = clock.today()
    await db.execute("UPDATE device SET retired_on = installed_on WHERE serial = 'BANK-009'")
    await db.execute("UPDATE device SET environment = 'outdoor' WHERE serial = 'BANK-009'")
    await fail(FAN, ["BANK-009"])
    found = await learned()

    assert "outdoor" not in {row.level for row in found.factors}
    assert found.learning.failures == 1
    assert today == found.learning.until


async def test_what_was_learned_stays(company):
    await dusty_fans()
    for table in ("learning", "failure_factor", "missed_limit"):
        with pytest.raises(db.DatabaseError, match="permission denied"):
            async with db.savepoint():
                await db.execute(f"DELETE FROM {table}")


async def test_learning_takes_as_many_statements_for_many_devices_as_for_few(company):
    await fail(FAN, ["BANK-001"])
    async with counted() as few:
        await learned()
    await stand("BANK-GZ", "office")
    await db.execute("UPDATE device SET firmware = 'v' || (id % 7)")
    await fail(DRIVE, [f"BANK-{n:03d}" for n in range(40)])
    async with counted() as many:
        await learned()

    assert len(many) == len(few)


# ---------------------------------------------------------------- repairs that come too late, and whole units for them


async def repaired(
    reference: str, hours: float | None, *, days_ago: int = 10, device: str = "BANK-001", **told: object
) -> None:
    """A request from a working hour, whose part arrived so many hours after the report, or has not."""
    at = (clock.now() - timedelta(days=days_ago)).astimezone(ZoneInfo("Asia/Shanghai")).replace(hour=10, minute=0)
    while at.isoweekday() > 5:
        at -= timedelta(days=1)
    view = await requests.open_request(new((FAN, 1), reference=reference, device=device), by=DISPATCHER)
    await db.execute(
        """UPDATE part_request SET fault_reported_at = $2, service_term = (
               SELECT service_term.id FROM service_term JOIN contract ON contract.id = contract
               WHERE code = 'C-BANK' AND severity = 'general' AND hours = 'working') WHERE id = $1""",
        view.id,
        at,
    )
    await db.execute(
        "UPDATE request_line SET arrived_at = $2, reconciled_at = $3, state = $4 WHERE request = $1",
        view.id,
        None if hours is None else at + timedelta(hours=hours),
        told.get("reconciled_at"),
        "reserved" if hours is None else "arrived",
    )


async def test_repairs_that_miss_their_limit_are_counted(company):
    # the limit is 4 h, fitting takes half an hour
    await repaired("R-1/1", 3.4)
    await repaired("R-2/1", 3.6)
    await repaired("R-3/1", None)
    found = {row.service_class: row for row in (await learned()).missed}

    assert (found["2h"].repairs, found["2h"].late) == (3, 2)
    assert found["2h"].chance == pytest.approx((0.5 + 2) / (10 + 3))
    assert (found["8h"].repairs, found["8h"].assumed, found["8h"].chance) == (0, True, 0.05)


async def test_a_clock_that_stood_is_no_lateness(company):
    await repaired("R-1/1", 5)
    await db.execute(
        """INSERT INTO request_pause (request, paused_at, paused_by, reason, resumed_at, resumed_by)
           SELECT id, fault_reported_at + interval '1 hour', 'x', 'not reproduced', fault_reported_at + interval '4 hours', 'x'
           FROM part_request"""
    )

    assert (await learned()).missed[0].late == 0


async def test_an_arrival_that_only_the_debrief_tells_of_says_nothing(company):
    await repaired("R-1/1", 30)
    await db.execute("UPDATE request_line SET reconciled_at = arrived_at, state = 'reconciled'")

    assert (await learned()).missed[0].repairs == 0


async def enter_swap_unit() -> None:
    await catalogue.enter_parts(
        [
            catalogue.NewPart(
                part_number=SWAP,
                name_zh="2U 整机备机",
                name_en="2U swap server",
                kind="swap_server",
                unit_cost_cny=Decimal(32_000),
                holding_rate_per_year=0.22,
            )
        ],
        by=SETUP,
    )
    await catalogue.enter_swap_units([catalogue.NewSwapUnit(model="R740", part=SWAP)], by=SETUP)
    await procurement.enter_offers(
        [
            procurement.NewOffer(
                vendor="DISTI",
                part=SWAP,
                unit_price=Decimal(32_000),
                minimum_quantity=1,
                lot_size=1,
                maximum_quantity=5,
                order_fee=Decimal(0),
                lead_time_days=30.0,
                valid_from=date(2024, 1, 1),
            )
        ],
        by=SETUP,
    )


async def promise_swaps(contract: str) -> None:
    await db.execute(
        "UPDATE service_term SET swap_complete_hours = 8 FROM contract WHERE contract.id = contract AND code = $1",
        contract,
    )


async def asked_of_swaps() -> dict[str, float]:
    """Whole units a year that each customer asks for."""
    net = (await network.gather(clock.today())).network
    rates = {line.model: line.per_device * line.annual_failure_rate for line in net.bom if line.part == SWAP}
    return {
        row.customer: row.device_count * rates[row.model] * row.factors.get(SWAP, 1.0)
        for row in net.installed_base
        if row.model in rates
    }


async def test_whole_units_are_asked_for_where_a_swap_is_promised(company):
    await enter_swap_unit()
    assert await asked_of_swaps() == {}
    await promise_swaps("C-BANK")

    # 8 drives, 2 power supplies, 6 fans; one repair in twenty is assumed to miss its limit
    usual = 160 * 0.05 * (8 * 0.02 + 2 * 0.035 + 6 * 0.01)
    assert await asked_of_swaps() == {"BANK-GZ/C-BANK": pytest.approx(usual)}
    await db.execute("UPDATE contract SET ends_on = $1::date + 29 WHERE code = 'C-BANK'", clock.today())
    assert await asked_of_swaps() == {"BANK-GZ/C-BANK": pytest.approx(usual / 3, rel=1e-5)}
    await db.execute("UPDATE swap_unit SET in_force = false")
    assert await asked_of_swaps() == {}


async def test_a_plan_holds_whole_units_and_says_what_for(company):
    await enter_swap_unit()
    await promise_swaps("C-BANK")
    await repaired("R-1/1", 3.0)
    await repaired("R-2/1", 9.0)
    await learned()
    plan = await made()
    row = await explaining.row_explanation(plan.id, SWAP, "GZ", seen_by=PLANNER)

    (model,) = row.explanation.installed
    assert (model.model, model.device_count) == ("swap/2h/R740", 160)
    assert [(each.service_class, each.repairs, each.late) for each in row.missed] == [("2h", 2, 1)]
    assert row.explanation.rate_per_day > 0
    # by themselves they keep the class's target, of which they are too small a part to matter otherwise
    assert row.explanation.base_stock >= row.explanation.floor > 0
    assert row.planned_share >= 0.93
    plain = await explaining.row_explanation(plan.id, FAN, "GZ", seen_by=PLANNER)
    assert plain.missed == []
    shapes = {part.id: part.rate_shape for part in (await asking.kept(plan.id)).network.parts}
    assert shapes[SWAP] == pytest.approx(row.missed[0].rate_shape)


async def test_whole_units_follow_the_factors_of_the_devices(company):
    await enter_swap_unit()
    await promise_swaps("C-TELCO")
    await promise_swaps("C-BANK")
    await dusty_fans()
    asked = await asked_of_swaps()

    assert asked["TELCO-ZJ/C-TELCO"] / 40 > 1.05 * asked["BANK-GZ/C-BANK"] / 160


# ---------------------------------------------------------------- over HTTP


async def test_learning_is_asked_for_and_read_over_http(api):
    await fail(FAN, ["BANK-001"])
    asked = await api.post("/rate-learnings", {}, role="planner", idempotency_key="k-1")
    again = await api.post("/rate-learnings", {}, role="planner", idempotency_key="k-1")
    refused = await api.post("/rate-learnings", {}, role="engineer")
    future = await api.post("/rate-learnings", {"since": "2999-01-01"}, role="planner")
    listed = (await api.get("/rate-learnings?limit=1", role="planner")).json()
    shown = (await api.get(f"/rate-learnings/{asked.json()['id']}", role="planner")).json()
    missing = await api.get("/rate-learnings/00000000-0000-0000-0000-000000000000", role="planner")

    assert (asked.status_code, again.json()) == (201, asked.json())
    assert (refused.status_code, future.status_code, missing.status_code) == (403, 422, 404)
    assert future.json()["code"] == "nothing_to_learn_from"
    assert [each["id"] for each in listed["items"]] == [asked.json()["id"]]
    assert {row["dimension"] for row in shown["factors"]} == {"age"}
    assert {row["service_class"] for row in shown["missed"]} == {"2h", "8h"}
