"""The promise meter: whether the parts that devices depend on can come in time now, and what is lost by taking some."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from inventory.assurance.invariants import violations
from inventory.assurance.meter import cells, coverage, previewing
from inventory.assurance.meter.coverage import Filter
from inventory.catalogue import register as catalogue
from inventory.ground import clock, db, events, jobs
from inventory.ground.errors import Unknown
from inventory.installed_base import register as installed_base
from inventory.installed_base import severities
from inventory.installed_base.devices import UnknownDevice
from inventory.master_data import records
from inventory.places import register as places
from inventory.procurement import papers
from inventory.requests.requests import open_request
from inventory.requests.sourcing import Break
from inventory.stock import pools, receipts, reservations
from inventory.stock.ledger import LevelChange
from inventory.stock.pieces import Pieces
from tests.integration.requests.test_requests import new
from tests.meter import settle
from tests.world import AUDITOR, BATTERY, DISPATCHER, FAN, PSU, SETUP, actor

BY_DAY = datetime(2026, 11, 20, 3, tzinfo=UTC)  # a Friday, 11:00 in Shanghai
BY_NIGHT = datetime(2026, 11, 20, 19, tzinfo=UTC)


@pytest.fixture
async def meter(company: str) -> str:
    """The company with its meter up to date."""
    await settle()
    return company


async def take(depot: str, quantity: int, part: str = PSU, pool: str = "common") -> reservations.Reservation:
    held = await reservations.reserve(part, depot, quantity, by=SETUP, pool=pool)
    await settle()
    return held


def stands_in(part: str, substitute: str, **more: object) -> catalogue.NewSubstitution:
    return catalogue.NewSubstitution(part=part, substitute=substitute, valid_from=date(2024, 1, 1), **more)


async def of_bank(part: str = PSU) -> coverage.PartCover:
    found = await coverage.parts(Filter(contract="C-BANK", part_number=part), limit=10, seen_by=AUDITOR)
    assert len(found) == 1
    return found[0]


async def test_a_device_is_covered_while_its_serving_store_has_more_than_the_last_piece(meter):
    device = await coverage.device_cover("BANK-007", seen_by=AUDITOR)
    part = await of_bank()

    assert (device.state, device.reasons, device.covered) == ("yes", ["in_time"], True)
    assert (part.state, part.devices, part.depot, part.source_depot, part.free) == ("yes", 160, "GZ", "GZ", 6)
    assert [(each.part_number, each.state, each.devices) for each in device.parts] == [(PSU, "yes", 160)]


async def test_the_last_piece_is_a_risk_and_none_is_a_loss_that_names_what_would_mend_it(meter):
    await take("GZ", 5)
    last = await of_bank()
    await take("GZ", 1)
    none = await of_bank()

    assert (last.state, last.reasons) == ("at_risk", ["last_piece"])
    assert (none.state, none.reasons, none.source_depot) == ("no", ["too_late"], "SH")
    assert [(fix.kind, fix.depot) for fix in none.fixes] == [("purchase", None), ("transfer", "SH")]


async def test_what_the_contract_may_not_be_given_covers_nothing_until_it_is_proven(meter):
    which = Pieces("GZ", PSU, quantity=6)
    await papers.prove(which, "good", "broker", by=SETUP, reason="the letter is false")
    await settle()
    low = await of_bank()
    await db.execute("UPDATE contract SET minimum_provenance = 'broker' WHERE code = 'C-BANK'")
    await cells.refresh(jobs.RefreshCover())
    asks_less = await of_bank()

    assert low.state == "no"
    assert (asks_less.state, asks_less.depot, asks_less.free) == ("yes", "GZ", 6)


async def test_stock_below_its_critical_point_is_a_risk(meter):
    await db.execute(
        "UPDATE level SET critical_point = 7 FROM part, place WHERE part.id = level.part AND place.id = level.place "
        "AND part_number = $1 AND place.code = 'GZ'",
        PSU,
    )
    await cells.refresh(jobs.RefreshCover())

    assert ((await of_bank()).state, (await of_bank()).reasons) == ("at_risk", ["below_critical_point"])


async def test_another_depot_that_is_near_enough_is_a_risk_and_keeps_what_it_needs_unless_severe(meter):
    await places.enter_coverage([places.NewCoverage(store="SH", site="BANK-GZ", travel_hours=1.5)], by=SETUP)
    await take("GZ", 6)
    helped = await of_bank()
    await db.execute(
        "UPDATE level SET critical_point = 5 FROM part, place WHERE part.id = level.part AND place.id = level.place "
        "AND part_number = $1 AND place.code = 'SH'",
        PSU,
    )
    general = await coverage.device_cover("BANK-001", seen_by=AUDITOR, severity="general")
    severe = await coverage.device_cover("BANK-001", seen_by=AUDITOR, severity="severe")

    assert (helped.state, helped.reasons, helped.source_depot) == ("at_risk", ["other_depot"], "SH")
    assert (general.state, general.reasons) == ("no", ["needed_there"])
    assert severe.state == "at_risk"


async def test_a_substitute_covers_as_long_as_it_is_valid(meter):
    await take("GZ", 6)
    valid = catalogue.NewSubstitution(
        part=PSU, substitute=FAN, valid_from=date(2024, 1, 1), valid_to=date(2026, 11, 20)
    )
    await catalogue.enter_substitutions([valid], by=SETUP)
    await settle()
    with clock.at(BY_DAY):
        await cells.refresh_substitutes()
        in_time = await of_bank()
    with clock.at(datetime(2026, 11, 21, 3, tzinfo=UTC)):
        await cells.refresh_substitutes()
        over = await of_bank()

    assert (in_time.state, in_time.reasons, in_time.source_part_number) == ("at_risk", ["substitute"], FAN)
    assert over.state == "no"


async def test_a_change_of_a_substitutes_stock_is_judged_for_what_it_stands_in_for(meter):
    await catalogue.enter_substitutions(
        [catalogue.NewSubstitution(part=PSU, substitute=FAN, valid_from=date(2024, 1, 1))], by=SETUP
    )
    await take("GZ", 6)
    await take("GZ", 10, part=FAN)

    assert (await of_bank()).state == "no"
    assert await violations() == []


async def test_a_chain_of_substitutes_covers_where_the_last_one_has_the_pieces_it_takes(meter):
    await take("GZ", 6)
    await catalogue.enter_substitutions([stands_in(PSU, BATTERY), stands_in(BATTERY, FAN, pieces=3)], by=SETUP)
    await settle()
    await take("GZ", 3, part=BATTERY)
    chained = await of_bank()
    told: list[tuple[str, list[str]]] = []
    for quantity in (4, 1, 3):  # of ten, to leave two threes, one, and none
        await take("GZ", quantity, part=FAN)
        told.append(((await of_bank()).state, (await of_bank()).reasons))

    assert (chained.state, chained.reasons, chained.source_part_number) == ("at_risk", ["substitute"], FAN)
    assert told == [("at_risk", ["substitute"]), ("at_risk", ["substitute", "last_piece"]), ("no", ["too_late"])]
    assert await violations() == []


async def test_a_substitute_for_some_devices_counts_for_those_and_the_worst_device_speaks_for_its_site(meter):
    await take("GZ", 6)
    await catalogue.enter_substitutions([stands_in(PSU, FAN, min_firmware="2.19")], by=SETUP)
    await settle()
    unknown = await of_bank()
    await db.execute("UPDATE device SET firmware = '2.20' WHERE serial <> 'BANK-002'")
    await cells.refresh(jobs.RefreshCover())
    all_but_one = await of_bank()
    new, old = [await coverage.device_cover(serial, seen_by=AUDITOR) for serial in ("BANK-001", "BANK-002")]
    await db.execute("UPDATE device SET firmware = '2.19' WHERE serial = 'BANK-002'")
    await cells.refresh(jobs.RefreshCover())

    assert (unknown.state, all_but_one.state, (await of_bank()).state) == ("no", "no", "at_risk")
    assert (new.parts[0].state, new.parts[0].reasons) == ("at_risk", ["substitute"])
    assert old.parts[0].state == "no"


async def test_a_substitute_for_one_model_counts_where_that_is_the_model(meter):
    await take("GZ", 6)
    await catalogue.enter_models([catalogue.NewModel(code="R750", name="PowerEdge R750", maker="DELL")], by=SETUP)
    await catalogue.enter_substitutions(
        [stands_in(PSU, FAN, model="R750"), stands_in(PSU, BATTERY, model="R740")], by=SETUP
    )
    await settle()

    held = await of_bank()
    assert (held.state, held.reasons, held.source_part_number) == ("at_risk", ["substitute"], BATTERY)


async def test_what_the_contract_forbids_does_not_cover_and_is_not_bought(meter):
    forbidden = records.kind_of("forbidden-parts")
    said = {"contract": "C-BANK", "part": PSU, "reason": "recalled"}
    entered = await records.enter(forbidden, said, by=SETUP)
    await settle()
    barred = await of_bank()
    await records.change(forbidden, entered.key, {"in_force": False}, by=SETUP)
    await settle()
    lifted = await of_bank()
    await records.change(forbidden, entered.key, {"in_force": True}, by=SETUP)
    await catalogue.enter_substitutions([stands_in(PSU, FAN)], by=SETUP)
    await settle()
    replaced = await of_bank()

    assert (lifted.state, lifted.reasons) == ("yes", ["in_time"])

    assert (barred.state, barred.reasons, barred.fixes) == ("no", ["forbidden_by_contract"], [])
    assert (replaced.state, replaced.reasons, replaced.fixes) == (
        "at_risk",
        ["forbidden_by_contract", "substitute"],
        [],
    )


async def test_a_part_that_is_sent_ahead_may_take_until_it_must_be_fitted(meter):
    with_engineer = await coverage.device_cover("BANK-001", seen_by=AUDITOR, severity="general")
    await db.execute("UPDATE contract SET part_travels = 'ahead', fitting_hours = 0.25 WHERE code = 'C-BANK'")
    ahead = await coverage.device_cover("BANK-001", seen_by=AUDITOR, severity="general")
    rows = await db.fetch(
        """SELECT arrive_hours, repair_hours FROM service_term JOIN contract ON contract.id = contract
           WHERE contract.code = 'C-BANK' AND severity = 'general' ORDER BY hours = 'working' DESC""",
    )
    limits = {row["arrive_hours"]: row["repair_hours"] for row in rows}

    assert with_engineer.parts[0].limit_hours in limits
    assert ahead.parts[0].limit_hours == limits[with_engineer.parts[0].limit_hours] - 0.25


async def test_a_contracts_own_severities_are_judged_and_their_class_may_empty_depots(meter):
    await places.enter_coverage([places.NewCoverage(store="SH", site="BANK-GZ", travel_hours=1.5)], by=SETUP)
    await take("GZ", 6)
    await db.execute(
        "UPDATE level SET critical_point = 9 FROM place WHERE place.id = level.place AND place.code = 'SH'"
    )
    told: list[tuple[str | None, str, list[str]]] = []
    own, term = records.kind_of("severities"), records.kind_of("service-terms")
    bad = {
        "contract": "C-BANK",
        "code": "P1",
        "name_zh": "一级",
        "name_en": "P1",
        "rank": 1,
        "priority_class": "general",
    }
    limit = {"contract": "C-BANK", "severity": "P1", "arrive_hours": 2}
    with pytest.raises(severities.UnknownSeverity):
        await records.enter(term, limit | {"hours": "working"}, by=SETUP)
    entered = await records.enter(own, bad, by=SETUP)
    for hours in ("working", "non_working"):
        await records.enter(term, limit | {"hours": hours}, by=SETUP)
    for priority in ("general", "severe"):
        await records.change(own, entered.key, {"priority_class": priority}, by=SETUP)
        assert await settle() != []
        part = await of_bank()
        told.append((part.severity, part.state, part.reasons))

    assert told == [
        ("P1", "no", ["needed_there"]),
        ("P1", "at_risk", ["other_depot", "below_critical_point"]),
    ]
    assert await violations() == []


async def test_a_contracts_own_pool_answers_it_and_nobody_elses(meter):
    before = await coverage.coverage("contract", "C-TELCO", seen_by=AUDITOR)
    await take("ZJ", 2, pool="C-TELCO")
    after = await coverage.coverage("contract", "C-TELCO", seen_by=AUDITOR)

    assert (before.state, before.devices.yes) == ("yes", 40)
    assert (after.state, after.devices.no, after.parts[0].reasons) == ("no", 40, ["none_free"])
    assert (await of_bank()).state == "yes"


async def test_a_store_out_of_service_covers_nothing_until_it_returns(meter):
    await places.take_out_of_service("GZ", by=SETUP, reason="flood")
    await settle()
    flooded = await of_bank()
    await places.return_to_service("GZ", by=SETUP, reason="dry again")
    await settle()

    assert (flooded.state, flooded.reasons) == ("no", ["out_of_service", "too_far"])
    assert flooded.depot == "SH"
    assert (await of_bank()).state == "yes"


async def test_which_limit_holds_depends_on_the_hour(meter):
    await db.execute(
        "DELETE FROM service_term WHERE contract = (SELECT id FROM contract WHERE code = 'C-BANK') AND severity = 'severe'"
    )
    await places.enter_coverage([places.NewCoverage(store="GZ", site="BANK-GZ", travel_hours=4)], by=SETUP)
    await settle()
    with clock.at(BY_DAY):
        day = await of_bank()
    with clock.at(BY_NIGHT):
        night = await of_bank()

    assert (day.calendar_hours, day.limit_hours, day.state) == ("working", 3, "no")
    assert (day.reasons, day.fixes) == (["too_far"], [])
    assert (night.calendar_hours, night.limit_hours, night.state) == ("non_working", 5, "yes")


async def test_what_was_not_promised_is_not_judged(meter):
    await db.execute("DELETE FROM service_term")
    await cells.refresh(jobs.RefreshCover())
    board = await coverage.board(seen_by=AUDITOR)

    assert (await of_bank()).reasons == ["no_limit_promised"]
    assert (board.state, board.devices.not_judged) == ("not_judged", 200)


async def test_a_contract_that_does_not_run_today_is_not_counted(meter):
    await db.execute("UPDATE contract SET ends_on = '2024-06-30' WHERE code = 'C-BANK'")
    device = await coverage.device_cover("BANK-001", seen_by=AUDITOR)

    assert [each.code for each in (await coverage.board(seen_by=AUDITOR)).contracts] == ["C-TELCO"]
    assert (device.state, device.reasons) == ("not_judged", ["not_covered"])


async def test_a_device_stands_as_its_worst_part(meter):
    await catalogue.enter_parts(
        [catalogue.NewPart(part_number="RC-1", name_zh="阵列卡", name_en="RAID card", kind="raid_card",
                           unit_cost_cny=Decimal(1), holding_rate_per_year=0.2)], by=SETUP)  # fmt: skip
    await catalogue.enter_model_parts(
        [catalogue.NewModelPart(model="R740", part="RC-1", per_device=1, critical=True)], by=SETUP
    )
    assert await settle() == ["refresh_cover"]
    device = await coverage.device_cover("BANK-001", seen_by=AUDITOR)
    listed = await coverage.device_states(Filter(contract="C-BANK"), limit=1, seen_by=AUDITOR)

    assert (device.state, device.reasons, [part.state for part in device.parts]) == ("no", ["none_free"], ["no", "yes"])
    assert (listed[0].state, listed[0].weak_parts) == ("no", ["RC-1"])


async def test_devices_that_come_and_lists_that_change_make_and_end_cells(meter):
    await catalogue.enter_models([catalogue.NewModel(code="X1", name="X1", maker="DELL")], by=SETUP)
    await catalogue.enter_model_parts(
        [catalogue.NewModelPart(model="X1", part=BATTERY, per_device=1, critical=True)], by=SETUP
    )
    await installed_base.enter_devices(
        [
            installed_base.NewDevice(
                serial="NEW-1", model="X1", site="BANK-GZ", contract="C-BANK", installed_on=date(2026, 1, 1)
            )
        ],
        by=SETUP,
    )
    await settle()
    assert ((await of_bank(BATTERY)).devices, (await of_bank(BATTERY)).state) == (1, "yes")
    await catalogue.enter_model_parts(
        [catalogue.NewModelPart(model="X1", part=BATTERY, per_device=1, critical=False)], by=SETUP
    )
    await settle()

    assert await coverage.parts(Filter(part_number=BATTERY), limit=5, seen_by=AUDITOR) == []
    assert (await coverage.device_cover("NEW-1", seen_by=AUDITOR)).reasons == ["no_critical_parts"]


async def test_lithium_travels_only_by_lanes_that_carry_it(meter):
    await catalogue.enter_model_parts(
        [catalogue.NewModelPart(model="R740", part=BATTERY, per_device=1, critical=True)], by=SETUP
    )
    await db.execute("DELETE FROM coverage WHERE store = (SELECT id FROM place WHERE code = 'SH')")
    await receipts.adjust("SH", BATTERY, 3, by=SETUP, provenance="maker_direct", reason="found")
    await take("GZ", 3, part=BATTERY)
    blocked = await of_bank(BATTERY)
    await db.execute("UPDATE lane SET carries_lithium = true")
    await cells.refresh(jobs.RefreshCover())

    assert blocked.reasons == ["no_way_there"]
    assert (await of_bank(BATTERY)).reasons == ["too_late"]


async def test_only_changes_that_matter_are_judged(meter):
    await db.execute("UPDATE contract SET minimum_provenance = 'authorised_channel'")
    held = await reservations.reserve(PSU, "GZ", 2, by=SETUP)
    assert await settle() == []
    await reservations.reserve(PSU, "GZ", 3, by=SETUP)
    assert await settle() == ["judge_cover"]
    await reservations.void_reservation(held.id, by=SETUP)
    assert await settle() == ["judge_cover"]
    await reservations.reserve(FAN, "GZ", 10, by=SETUP)

    assert await settle() == []


async def test_every_piece_matters_where_not_all_are_good_enough_for_everybody(meter):
    """The proven ones leave first, and as much as before lies there: none of it is for whoever asks for proof."""
    await db.execute("UPDATE contract SET minimum_provenance = 'authorised_channel'")
    await receipts.adjust("SH", PSU, 5, by=SETUP, reason="found", provenance="broker")
    await settle()
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")

    assert await settle() == ["judge_cover"]
    assert await violations() == []


@pytest.mark.parametrize(
    ("before", "after", "point", "matters"),
    [(5, 4, None, False), (2, 1, None, True), (1, 0, None, True), (5, 4, 5, True), (6, 5, 5, True), (9, 8, 5, False)],
)
def test_free_stock_matters_at_none_at_the_last_piece_and_about_the_critical_point(before, after, point, matters):
    change = LevelChange(id=1, part=1, place=1, pool=1, condition="good", on_hand=after, reserved=0, backordered=0,
                         reorder_point=None, critical_point=point, average_failure_line=None,
                         freed=after - before, in_several=False)  # fmt: skip

    assert change.changes_cover() == matters


async def test_every_piece_matters_of_what_stands_in_several_at_a_time(meter):
    await catalogue.enter_substitutions([stands_in(PSU, BATTERY, pieces=2), stands_in(BATTERY, FAN)], by=SETUP)
    await settle()
    await reservations.reserve(FAN, "GZ", 1, by=SETUP)

    assert await settle() == ["judge_cover"]


async def test_cover_lost_and_restored_is_told_once_with_the_contract_and_the_parts(meter):
    told_before = await events.since(0, limit=1000, seen_by=AUDITOR)
    held = await take("GZ", 6)
    await take("SH", 1)
    await reservations.void_reservation(held.id, by=SETUP)
    await settle()
    rows = await db.fetch(
        "SELECT kind, contract_code, place_code, payload FROM event WHERE kind LIKE 'cover.%' ORDER BY sequence"
    )

    assert not [event for event in told_before if event.kind.startswith("cover.")]
    payload = {"contract": "C-BANK", "site": "BANK-GZ", "depot": "GZ", "parts": [PSU]}
    assert [tuple(row) for row in rows] == [
        ("cover.lost", "C-BANK", "GZ", payload),
        ("cover.restored", "C-BANK", "GZ", payload),
    ]


async def test_the_invariant_sees_a_cell_that_is_wrong_and_waits_for_a_job_that_is_due(meter):
    assert await violations() == []
    await reservations.reserve(PSU, "GZ", 6, by=SETUP)
    assert await violations() == []
    await db.execute("DELETE FROM pgqueuer")
    found = await violations()

    assert [(each.invariant, each.what) for each in found] == [("cover_cells_say_what_is", f"C-BANK @ BANK-GZ / {PSU}")]
    assert "too_late" in found[0].expected


async def test_a_preview_says_which_devices_lose_cover_before_anything_is_taken(meter):
    def taking(quantity: int) -> list[previewing.Taking]:
        return [previewing.Taking(part_number=PSU, depot="GZ", pool="common", quantity=quantity)]

    nothing = await previewing.cover_lost_by(taking(4), seen_by=DISPATCHER)
    risky = await previewing.cover_lost_by(taking(5), seen_by=DISPATCHER)
    fatal = await previewing.cover_lost_by(taking(6), seen_by=DISPATCHER)

    assert (nothing.devices_lost, nothing.devices_at_risk, nothing.losses) == (0, 0, [])
    assert (risky.devices_lost, risky.devices_at_risk) == (0, 160)
    assert (fatal.devices_lost, fatal.devices_at_risk) == (160, 0)
    assert [(loss.contract, loss.site, loss.before, loss.after, loss.devices) for loss in fatal.losses] == [
        ("C-BANK", "BANK-GZ", "yes", "no", 160)
    ]
    assert (await of_bank()).state == "yes"


async def test_a_preview_of_what_is_held_compares_with_giving_it_back(meter):
    await take("GZ", 6)
    taking = previewing.Taking(part_number=PSU, depot="GZ", pool="common", quantity=6)
    held = await previewing.cover_lost_by([taking], seen_by=DISPATCHER, held=True)

    assert (held.devices_lost, [loss.before for loss in held.losses]) == (160, ["yes"])


async def test_a_ladder_says_what_each_choice_breaks(meter, monkeypatch):
    await served_from_shanghai()
    await receipts.adjust("SH", PSU, -4, by=SETUP, provenance="maker_direct", reason="gone")
    await catalogue.enter_substitutions([stands_in(PSU, BATTERY)], by=SETUP)
    await settle()
    view = await open_request(new(), by=DISPATCHER)
    asked: list[str] = []
    fetch = db.fetch

    async def counted(sql: str, *args: object):
        asked.append(sql)
        return await fetch(sql, *args)

    monkeypatch.setattr(db, "fetch", counted)
    told = await previewing.with_breaks(view, seen_by=DISPATCHER)
    few = len(asked)
    two = await open_request(new((PSU, 1), (FAN, 2), reference="INC-2/1"), by=DISPATCHER)
    asked.clear()
    await previewing.with_breaks(two, seen_by=DISPATCHER)

    breaks = {(step.rung, step.depot): step.breaks for step in told.lines[0].ladder}
    assert breaks["other_depot", "SH"] == [Break(contract="C-BANK", devices=1)]
    assert [found for rung, found in breaks.items() if rung != ("other_depot", "SH") and found] == []
    assert len(asked) == few
    outsider = actor("dispatcher", contracts={"C-TELCO"})
    hidden = await previewing.with_breaks(view, seen_by=outsider)
    assert [step.breaks for step in hidden.lines[0].ladder if step.breaks] == []


async def test_a_ladder_compares_what_is_held_with_giving_it_back(meter):
    await served_from_shanghai()
    await receipts.adjust("GZ", PSU, -6, by=SETUP, provenance="maker_direct", reason="gone")
    await receipts.adjust("SH", PSU, -4, by=SETUP, provenance="maker_direct", reason="gone")
    await settle()
    view = await open_request(new(), by=DISPATCHER)
    await settle()
    told = await previewing.with_breaks(view, seen_by=DISPATCHER)

    assert told.lines[0].promise.depot == "SH"
    taken = next(step for step in told.lines[0].ladder if step.depot == "SH")
    assert taken.breaks == [Break(contract="C-BANK", devices=1)]


async def served_from_shanghai() -> None:
    """One more device of the bank, served by the store in Shanghai."""
    await places.enter_places(
        [places.NewPlace(code="BANK-SH", kind="site", name_zh="上海机房", name_en="Shanghai", party="BANK")], by=SETUP
    )
    await places.enter_coverage([places.NewCoverage(store="SH", site="BANK-SH", travel_hours=0.5)], by=SETUP)
    await installed_base.enter_devices(
        [
            installed_base.NewDevice(
                serial="BANK-SH-1", model="R740", site="BANK-SH", contract="C-BANK", installed_on=date(2026, 1, 1)
            )
        ],
        by=SETUP,
    )
    await settle()


async def test_a_preview_counts_takings_of_one_level_together_and_refuses_nonsense(meter):
    takings = [previewing.Taking(part_number=PSU, depot="GZ", pool="common", quantity=3)] * 2
    together = await previewing.cover_lost_by(takings, seen_by=DISPATCHER)
    outsider = await previewing.cover_lost_by(takings, seen_by=actor("inspector", contracts={"C-TELCO"}))

    assert together.devices_lost == 160
    assert (outsider.devices_lost, outsider.losses) == (0, [])
    with pytest.raises(previewing.NothingTaken):
        await previewing.cover_lost_by(
            [previewing.Taking(part_number=PSU, depot="GZ", pool="common", quantity=0)], seen_by=SETUP
        )
    with pytest.raises(Unknown):
        await previewing.cover_lost_by(
            [previewing.Taking(part_number="NO", depot="GZ", pool="common", quantity=1)], seen_by=SETUP
        )


async def test_a_reader_sees_only_their_contracts_and_what_their_stores_serve(meter):
    inspector = actor("inspector", contracts={"C-TELCO"})
    keeper = actor("warehouse_keeper", depots={"GZ"})

    assert {each.contract for each in await coverage.parts(Filter(), limit=9, seen_by=inspector)} == {"C-TELCO"}
    assert {each.contract for each in await coverage.parts(Filter(), limit=9, seen_by=keeper)} == {"C-BANK"}
    assert [each.code for each in (await coverage.board(seen_by=inspector)).contracts] == ["C-TELCO"]
    assert [each.code for each in (await coverage.board(seen_by=keeper)).contracts] == ["C-BANK"]
    assert {each.contract for each in await coverage.device_states(Filter(), limit=200, seen_by=keeper)} == {"C-BANK"}
    for kind, code, reader in (
        ("contract", "C-BANK", inspector),
        ("site", "BANK-GZ", inspector),
        ("contract", "C-TELCO", keeper),
        ("depot", "SH", keeper),
    ):
        with pytest.raises(Unknown):
            await coverage.coverage(kind, code, seen_by=reader)
    for serial, reader in (("BANK-001", inspector), ("TELCO-001", keeper)):
        with pytest.raises(UnknownDevice):
            await coverage.device_cover(serial, seen_by=reader)


async def test_a_pool_that_comes_later_is_judged(meter):
    await db.execute("UPDATE contract SET dedicated_stock = true WHERE code = 'C-BANK'")
    await cells.refresh(jobs.RefreshCover())
    without = await of_bank()
    await pools.enter_pools([pools.NewPool(code="C-BANK", contract="C-BANK")], by=SETUP)
    await receipts.adjust("GZ", PSU, 3, by=SETUP, provenance="maker_direct", reason="dedicated", pool="C-BANK")
    await settle()

    assert (without.state, without.pool) == ("no", None)
    assert ((await of_bank()).state, (await of_bank()).pool) == ("yes", "C-BANK")


async def test_the_number_of_questions_does_not_grow_with_the_answers(meter, monkeypatch):
    asked: list[str] = []
    fetch = db.fetch

    async def counted(sql: str, *args: object):
        asked.append(sql)
        return await fetch(sql, *args)

    async def count() -> tuple[int, int]:
        asked.clear()
        await coverage.parts(Filter(), limit=200, seen_by=AUDITOR)
        listing = len(asked)
        asked.clear()
        await cells.refresh(jobs.RefreshCover())
        return listing, len(asked)

    await take("GZ", 6)
    monkeypatch.setattr(db, "fetch", counted)
    few = await count()
    await catalogue.enter_model_parts(
        [catalogue.NewModelPart(model="R740", part=part, per_device=1, critical=True) for part in (FAN, BATTERY)],
        by=SETUP,
    )
    await cells.refresh(jobs.RefreshCover())

    assert await count() == few


async def test_what_people_change_in_master_data_is_judged_anew(meter):
    coverage_of_bank = records.kind_of("coverage")
    ((_, row), *_) = await records.records(coverage_of_bank, limit=2, seen_by=SETUP, search="BANK-GZ")

    await records.change(coverage_of_bank, row.key, {"travel_hours": "90"}, by=SETUP)
    jobs_done, far = await settle(), await of_bank()
    await records.change(coverage_of_bank, row.key, {"travel_hours": row.values["travel_hours"]}, by=SETUP)
    await settle()
    back = await of_bank()
    await records.change(records.kind_of("calendars"), "CN", {"name_en": "China"}, by=SETUP)

    assert "refresh_cover" in jobs_done
    assert (far.state, back.state) == ("no", "yes")
    assert "refresh_cover" in await settle()
