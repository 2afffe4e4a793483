"""Emergency plan 2: it opens on evidence, proposes, acts within its authority, sees cover come back, and is closed."""

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from inventory.assurance.invariants import violations
from inventory.emergency import assessments, cases, declaring, near_misses, proposing
from inventory.emergency.cases import CaseAlreadyOpen, NoteMissing, NothingProposed
from inventory.emergency.evidence import CHART_DAYS
from inventory.emergency.policy import NewPolicy, policy_at, put_in_force
from inventory.ground import clock, db, jobs
from inventory.ground.errors import NotGranted, NotYourDepot, Unknown, WrongState
from inventory.installed_base import failures
from inventory.planning import plans
from inventory.procurement import orders, receiving
from inventory.stock import receipts, reservations, transfers
from inventory.stock.receipts import Incoming
from optimizer.emergency import choose
from tests.integration.planning.test_plans import made
from tests.integration.stock.test_levels import ids
from tests.integration.stock.test_reservations import level
from tests.waiting import blocked
from tests.world import AUDITOR, BUYER, DISPATCHER, DRIVE, FAN, KEEPER, MANAGER, PSU, SETUP, SUPERVISOR, actor

EMERGENCY = SETUP


async def planned() -> None:
    """Let a plan hold, judge everything by it, and stock the shelves to it."""
    plan = await made()
    # three parts dip far in normal life; here the class is held to its target
    await db.execute("UPDATE plan_class SET normal_dip = target_fraction")
    await plans.approve_plan(plan.id, by=MANAGER)
    for row in (await plans.plan_detail(plan.id, seen_by=MANAGER)).rows:
        stock = (await level(row.part_number, row.depot, row.pool)).on_hand
        missing = row.base_stock - stock
        serials = [f"{row.part_number}-{row.depot}-{n}" for n in range(missing)] if row.part_number == DRIVE else ()
        if missing > 0:
            await receipts.adjust(
                row.depot,
                row.part_number,
                missing,
                by=SETUP,
                provenance="maker_direct",
                reason="to plan",
                pool=row.pool,
                serials=serials,
            )
    await assessments.assess_all(by=EMERGENCY)


async def drain(part: str, depot: str = "GZ", leave: int = 0) -> None:
    free = (await level(part, depot)).free
    await reservations.hold(part, depot, free - leave, by=KEEPER)


async def judge(part: str, depot: str = "GZ") -> None:
    await assessments.assess(*await ids(part, depot), by=EMERGENCY)


async def propose(case: cases.CaseSummary) -> None:
    chosen = await proposing.prepare(case.id, by=EMERGENCY)
    assert chosen is not None
    await proposing.record(chosen, choose(chosen.situation), by=EMERGENCY)


async def live_cases() -> list[cases.CaseSummary]:
    return await cases.cases(limit=20, seen_by=AUDITOR, live_only=True)


async def a_case(part: str = DRIVE) -> cases.CaseSummary:
    await planned()
    await drain(part)
    await judge(part)
    (case,) = await live_cases()
    return case


async def fail(part: str, count: int, hours: float = 48) -> None:
    await failures.record_failures(
        [
            failures.NewFailure(
                device=f"BANK-{n:03d}",
                part_number=part,
                occurred_at=clock.now() - timedelta(hours=hours * (count - n) / count),
                position="bay 1",
            )
            for n in range(count)
        ],
        by=DISPATCHER,
    )


async def test_in_normal_life_no_case_opens(company):
    await planned()

    assert await live_cases() == []
    assert (await level(DRIVE, "GZ")).critical_point is not None


async def test_a_class_below_its_floor_opens_a_case_with_its_evidence(company):
    case = await a_case()
    view = await cases.case_view(case.id, seen_by=AUDITOR)

    evidence = view.evidence
    assert (case.part_number, case.depot, case.state, case.cause) == (DRIVE, "GZ", "open", "level")
    assert case.crossed_critical_point
    assert evidence["stock"]["available"] == 0 < evidence["stock"]["critical_point"]
    assert [c["code"] for c in evidence["classes"] if c["broken"]] == ["2h"]
    assert evidence["served"] == [{"contract": "C-BANK", "name_zh": "测试银行", "name_en": "Test Bank", "devices": 160}]
    assert len(evidence["failures_per_day"]) == CHART_DAYS
    assert [entry.kind for entry in view.log] == ["opened"]


async def test_a_second_look_opens_no_second_case(company):
    case = await a_case()
    await judge(DRIVE)
    await assessments.assess_all(by=EMERGENCY)

    assert [c.id for c in await live_cases()] == [case.id]


async def test_a_burst_with_a_crossing_is_recorded_as_both(company):
    await planned()
    await fail(DRIVE, 12)
    await drain(DRIVE)
    await judge(DRIVE)

    (case,) = await live_cases()
    assert (case.cause, case.in_burst, case.crossed_critical_point) == ("burst_and_level", True, True)
    burst = (await cases.case_view(case.id, seen_by=AUDITOR)).evidence["burst"]
    assert burst["run_failures"] >= 11 > burst["run_expected"]


async def test_a_burst_without_a_crossing_is_a_near_miss_once_a_day(company):
    await planned()
    await receipts.adjust("GZ", FAN, 200, by=SETUP, provenance="maker_direct", reason="plenty")
    await assessments.assess_all(by=EMERGENCY)
    await fail(FAN, 12)
    await judge(FAN)
    await judge(FAN)

    misses = await near_misses.near_misses(limit=10, seen_by=AUDITOR)
    assert [(miss.part_number, miss.reason) for miss in misses] == [(FAN, "burst_without_crossing")]
    assert await live_cases() == []


async def test_a_burst_counts_by_the_demand_it_brings(company):
    """A part that hardly ever fails hardly moves its class by an empty shelf; by a burst it does."""
    await planned()
    await db.execute("UPDATE plan_class SET normal_dip = 0.3")
    await drain(PSU)
    await judge(PSU)
    quiet = await live_cases()
    await fail(PSU, 10, hours=4)
    await judge(PSU)

    assert quiet == []
    assert [(case.part_number, case.cause) for case in await live_cases()] == [(PSU, "burst_and_level")]


async def test_the_other_policy_waits_for_a_burst(company):
    await planned()
    await put_in_force(NewPolicy(activation="burst_and_level"), by=MANAGER)
    await drain(DRIVE)
    await judge(DRIVE)
    assert await live_cases() == []

    await fail(DRIVE, 12)
    await judge(DRIVE)
    (case,) = await live_cases()
    assert case.in_burst


async def test_a_rising_burst_under_the_other_policy_is_a_near_miss(company):
    await planned()
    await put_in_force(NewPolicy(activation="burst_and_level"), by=MANAGER)
    await fail(DRIVE, 2, hours=10)
    await drain(DRIVE)
    await judge(DRIVE)

    (miss,) = await near_misses.near_misses(limit=10, seen_by=AUDITOR)
    assert miss.reason == "crossing_with_rising_burst"
    assert await live_cases() == []


async def test_a_case_keeps_the_policy_it_was_judged_by(company):
    case = await a_case()
    before = (await policy_at(clock.now())).version
    await put_in_force(NewPolicy(standing_authority_cny=Decimal(1)), by=MANAGER)

    assert (await cases.case_view(case.id, seen_by=AUDITOR)).policy_version == before
    assert (await cases.policy_of(case.id)).standing_authority_cny == 50_000


async def test_a_proposal_drafts_what_it_buys(company):
    case = await a_case()
    await propose(case)

    view = await cases.case_view(case.id, seen_by=BUYER)
    (order,) = view.orders
    assert view.proposal["status"] == "optimal"
    assert (order.vendor, order.kind, order.case_number) == ("DISTI", "emergency", case.number)
    assert order.expedited  # seven days would miss the 72 hours
    assert view.proposal["total_cny"] == str(order.total_cny)


async def test_stock_at_the_average_failure_line_is_bought_by_standing_authority(company):
    case = await a_case()
    await propose(case)

    view = await cases.case_view(case.id, seen_by=AUDITOR)
    assert case.under_average_line
    assert (view.case.state, view.approval_basis) == ("acting", "standing_authority")
    assert view.orders[0].state == "approved"
    assert await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'place_order'") == 1


async def test_above_its_limit_standing_authority_asks(company):
    await put_in_force(NewPolicy(standing_authority_cny=Decimal(100)), by=MANAGER)
    case = await a_case()
    await propose(case)

    assert (await cases.case_summary(case.id)).state == "proposed"
    approved = await cases.approve(case.id, by=MANAGER)
    assert approved.state == "acting"
    assert (await cases.case_view(case.id, seen_by=AUDITOR)).approved_by == MANAGER.name


async def test_a_crossing_alone_above_the_average_line_asks(company):
    await planned()
    await declaring.set_critical_point(
        PSU, "GZ", 6, pool="common", reason="floor", lasts=timedelta(days=30), by=MANAGER
    )
    await drain(PSU, leave=5)
    await judge(PSU)
    (case,) = await live_cases()
    await propose(case)

    assert (case.under_average_line, case.in_burst) == (False, False)
    assert (await cases.case_summary(case.id)).state == "proposed"


async def find_enough() -> None:
    """More drives turn up in GZ than its critical point asks for."""
    above = (await level(DRIVE, "GZ")).critical_point + 1
    await receipts.adjust(
        "GZ",
        DRIVE,
        above,
        by=SETUP,
        provenance="maker_direct",
        reason="found",
        serials=[f"FOUND-{n}" for n in range(above)],
    )


async def test_other_stores_help_with_what_they_do_not_need(company):
    await planned()
    await receipts.adjust(
        "SH",
        DRIVE,
        9,
        by=SETUP,
        provenance="maker_direct",
        reason="plenty",
        serials=[f"SH-{n}" for n in range(9)],
    )
    await drain(DRIVE)
    await judge(DRIVE)
    (case,) = await live_cases()
    await propose(case)

    (transfer,) = (await cases.case_view(case.id, seen_by=AUDITOR)).transfers
    assert (transfer.from_depot, transfer.to_depot, transfer.state) == ("SH", "GZ", "draft")
    assert (await level(DRIVE, "SH")).reserved == transfer.lines[0].quantity


async def test_what_never_left_for_a_case_is_free_again_when_it_closes(company):
    await test_other_stores_help_with_what_they_do_not_need(company)
    (case,) = await live_cases()
    await find_enough()
    await judge(DRIVE)

    await cases.close(case.id, by=SUPERVISOR, note="found in the store")

    (transfer,) = (await cases.case_view(case.id, seen_by=AUDITOR)).transfers
    assert (transfer.state, (await level(DRIVE, "SH")).reserved) == ("cancelled", 0)
    assert await violations() == []


async def test_what_a_case_proposes_does_not_leave_before_it_is_approved(company):
    await put_in_force(NewPolicy(standing_authority_cny=Decimal(0)), by=MANAGER)
    await planned()
    await receipts.adjust(
        "SH",
        DRIVE,
        9,
        by=SETUP,
        provenance="maker_direct",
        reason="plenty",
        serials=[f"SH-{n}" for n in range(9)],
    )
    await drain(DRIVE)
    await judge(DRIVE)
    (case,) = await live_cases()
    await propose(case)
    (transfer,) = (await cases.case_view(case.id, seen_by=AUDITOR)).transfers

    assert transfer.state == "proposed"
    with pytest.raises(WrongState):
        await transfers.ship(transfer.id, by=SETUP)
    await cases.approve(case.id, by=MANAGER)
    assert (await transfers.ship(transfer.id, by=SETUP)).state == "shipped"


async def test_failures_that_go_on_are_answered_before_the_first_measures_arrive(company):
    await planned()
    await receipts.adjust(
        "SH",
        DRIVE,
        9,
        by=SETUP,
        provenance="maker_direct",
        reason="plenty",
        serials=[f"SH-{n}" for n in range(9)],
    )
    await drain(DRIVE)
    await judge(DRIVE)
    (case,) = await live_cases()
    await propose(case)
    (first,) = (await cases.case_view(case.id, seen_by=AUDITOR)).transfers
    await judge(DRIVE)
    waiting = (await cases.case_summary(case.id)).state

    await fail(DRIVE, 12)
    await judge(DRIVE)
    grown = (await cases.case_summary(case.id)).state
    await propose(case)

    view = await cases.case_view(case.id, seen_by=BUYER)
    assert (waiting, grown, view.case.state) == ("acting", "open", "acting")
    assert [entry.kind for entry in view.log][4:6] == ["conditions_hold", "proposing_again"]
    assert view.case.in_burst
    assert first in view.transfers
    need = view.proposal["situation"]["needs"][0]
    coming = sum(delivery["qty"] for delivery in need["inbound"])
    assert coming >= first.lines[0].quantity
    assert coming + sum(measure["qty"] for measure in view.proposal["measures"]) == need["hold_point"] - need["on_hand"]


async def test_further_measures_that_are_no_longer_needed_leave_the_case_acting(company):
    case = await a_case()
    await propose(case)
    await cases.propose_again(case.id, "need_has_grown", by=EMERGENCY)
    await receipts.adjust(
        "GZ",
        DRIVE,
        40,
        by=SETUP,
        provenance="maker_direct",
        reason="found",
        serials=[f"FOUND-{n}" for n in range(40)],
    )
    await propose(case)
    acting = (await cases.case_summary(case.id)).state
    await judge(DRIVE)

    assert acting == "acting"
    assert (await cases.case_view(case.id, seen_by=AUDITOR)).proposal["measures"] == []
    assert (await cases.case_summary(case.id)).state == "cover_restored"


async def test_a_row_that_holds_all_it_was_asked_for_is_covered_whoever_else_breaks_the_class(company):
    case = await a_case()
    await drain(PSU)
    await drain(FAN)
    await judge(PSU)
    await judge(FAN)
    await receipts.adjust(
        "GZ",
        DRIVE,
        40,
        by=SETUP,
        provenance="maker_direct",
        reason="found",
        serials=[f"FOUND-{n}" for n in range(40)],
    )
    await judge(DRIVE)

    broken = await db.fetch_value("SELECT count(*) FROM emergency_case WHERE state = 'open'")
    assert broken > 0
    assert (await cases.case_summary(case.id)).state == "cover_restored"


async def test_what_comes_anyway_in_time_is_neither_bought_again_nor_waited_for(company):
    case = await a_case()
    await fail(DRIVE, 12)
    await drain(PSU)
    await drain(FAN)
    await judge(PSU)
    await judge(FAN)
    ordinary = await orders.draft_order("DISTI", "GZ", [orders.NewLine(part_number=DRIVE, quantity=2)], by=BUYER)
    await orders.approve_on_authority(ordinary.id, by=SETUP)
    await orders.record_placed(ordinary.id, by=SETUP, promised_at=clock.now() + timedelta(hours=24))
    await propose(case)
    need = (await cases.case_view(case.id, seen_by=AUDITOR)).proposal["situation"]["needs"][0]
    found = [f"FOUND-{n}" for n in range(need["hold_point"] - need["on_hand"] - 2)]
    await receipts.adjust(
        "GZ", DRIVE, len(found) - 1, by=SETUP, provenance="maker_direct", reason="found", serials=found[1:]
    )
    await judge(DRIVE)
    one_short = (await cases.case_summary(case.id)).state
    await receipts.adjust("GZ", DRIVE, 1, by=SETUP, provenance="maker_direct", reason="found", serials=found[:1])
    await judge(DRIVE)

    broken = await db.fetch_value("SELECT count(*) FROM emergency_case WHERE state = 'open'")
    assert broken > 0
    assert one_short != "cover_restored"
    assert (await cases.case_summary(case.id)).state == "cover_restored"


async def test_what_nobody_can_supply_is_asked_for_once(company):
    await planned()
    await db.execute("UPDATE offer SET valid_to = valid_from")
    await receipts.adjust(
        "SH", DRIVE, 2, by=SETUP, provenance="maker_direct", reason="one to spare", serials=["SH-1", "SH-2"]
    )
    await drain(DRIVE)
    await judge(DRIVE)
    (case,) = await live_cases()
    await propose(case)
    await judge(DRIVE)

    assert (await cases.case_summary(case.id)).state == "acting"
    assert (await cases.case_view(case.id, seen_by=AUDITOR)).proposal["still_missing"] > 0


async def test_cover_returns_with_the_goods_not_with_the_promise(own_company):
    case = await a_case()
    await propose(case)
    (order,) = (await cases.case_view(case.id, seen_by=BUYER)).orders
    await orders.record_placed(order.id, by=SETUP, promised_at=clock.now() + timedelta(hours=24))
    await judge(DRIVE)
    promised = (await cases.case_summary(case.id)).state

    line = order.lines[0]
    serials = [f"EC-{n}" for n in range(line.quantity)]
    arrived = [Incoming(part_number=DRIVE, quantity=line.quantity, serials=serials)]
    await receiving.receive_order(order.number, arrived, by=KEEPER)
    await judge(DRIVE)

    assert promised == "acting"
    assert (await cases.case_summary(case.id)).state == "cover_restored"
    assert await violations() == []


async def test_goods_that_arrive_are_judged_even_where_the_stock_crosses_no_line(company):
    case = await a_case()
    await fail(DRIVE, 12)
    await propose(case)
    (order,) = (await cases.case_view(case.id, seen_by=BUYER)).orders
    await orders.record_placed(order.id, by=SETUP, promised_at=clock.now() + timedelta(hours=24))
    await judge(DRIVE)
    await find_enough()
    arrived = Incoming(part_number=DRIVE, quantity=1, serials=["EC-1"])
    with jobs.collecting() as due:
        await receiving.receive_order(order.number, [arrived], by=KEEPER)

    assert jobs.Assess(*await ids(DRIVE, "GZ")) in due


async def test_a_restored_case_is_closed_with_its_note(own_company):
    await test_cover_returns_with_the_goods_not_with_the_promise(own_company)
    (case,) = await live_cases()

    with pytest.raises(NoteMissing):
        await cases.close(case.id, by=SUPERVISOR, note=" ")
    closed = await cases.close(case.id, by=SUPERVISOR, note="parts arrived", lessons="watch the batch")

    assert closed.state == "closed"
    assert [entry.kind for entry in (await cases.case_view(case.id, seen_by=AUDITOR)).log] == [
        "opened",
        "proposed",
        "approved",
        "acting",
        "cover_restored",
        "closed",
    ]
    with pytest.raises(WrongState):
        await cases.close(case.id, by=SUPERVISOR, note="again")


async def test_cover_that_is_lost_again_is_noticed(own_company):
    await test_cover_returns_with_the_goods_not_with_the_promise(own_company)
    (case,) = await live_cases()
    await drain(DRIVE)
    await judge(DRIVE)

    assert (await cases.case_summary(case.id)).state in ("acting", "open")
    assert "cover_lost" in [entry.kind for entry in (await cases.case_view(case.id, seen_by=AUDITOR)).log]


async def test_a_case_is_not_closed_before_cover_is_back(company):
    case = await a_case()

    with pytest.raises(WrongState):
        await cases.close(case.id, by=SUPERVISOR, note="done")


async def test_a_case_is_stood_down_and_its_drafts_given_up(company):
    await put_in_force(NewPolicy(standing_authority_cny=Decimal(1)), by=MANAGER)
    case = await a_case()
    await propose(case)
    stood_down = await cases.stand_down(case.id, by=MANAGER, reason="a counting mistake")

    assert stood_down.state == "stood_down"
    assert [order.state for order in (await cases.case_view(case.id, seen_by=AUDITOR)).orders] == ["cancelled"]
    assert await live_cases() == []


async def test_a_vendor_that_refuses_is_not_asked_again_for_the_same_case(company):
    case = await a_case()
    await propose(case)
    (order,) = (await cases.case_view(case.id, seen_by=BUYER)).orders
    await orders.record_refused(order.id, by=SETUP, reason="out of stock")
    await cases.order_fell_through(order.id, by=EMERGENCY)
    await propose(case)

    view = await cases.case_view(case.id, seen_by=BUYER)
    assert (view.case.state, view.proposal["status"]) == ("proposed", "infeasible")
    assert view.proposal["answer"]["reasons"]
    with pytest.raises(NothingProposed):
        await cases.approve(case.id, by=MANAGER)


async def test_stock_that_fell_meanwhile_is_proposed_for_anew(own_company):
    await planned()
    await drain(DRIVE, leave=1)
    case = await declaring.declare(DRIVE, "GZ", pool="common", reason="a drill", by=MANAGER)
    chosen = await proposing.prepare(case.id, by=EMERGENCY)
    await drain(DRIVE)
    await proposing.record(chosen, choose(chosen.situation), by=EMERGENCY)

    waiting = await db.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = 'propose' ORDER BY id")
    assert (await cases.case_summary(case.id)).state == "open"
    assert msgspec.json.decode(waiting[-1]["payload"], type=jobs.Propose).attempt == 2


async def test_two_proposals_for_one_case_draft_its_measures_once(own_company):
    case = await a_case()
    first, second = [await proposing.prepare(case.id, by=EMERGENCY) for _ in range(2)]
    await proposing.record(first, choose(first.situation), by=EMERGENCY)
    once = await cases.case_view(case.id, seen_by=BUYER)
    await proposing.record(second, choose(second.situation), by=EMERGENCY)
    late = await proposing.prepare(case.id, by=EMERGENCY)
    await cases.propose_again(case.id, "need_has_grown", by=EMERGENCY)
    await proposing.record(second, choose(second.situation), by=EMERGENCY)

    twice = await cases.case_view(case.id, seen_by=BUYER)
    assert once.orders or once.transfers
    assert late is None
    assert (twice.orders, twice.transfers, twice.proposal) == (once.orders, once.transfers, once.proposal)


async def test_a_line_set_behind_the_stocks_back_is_judged_again(company):
    await planned()
    part, place, pool = await ids(DRIVE, "GZ")
    facts = await assessments.gather([(part, place, pool)])
    await drain(DRIVE)
    before = await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'assess'")
    await assessments.record(facts, facts.rows[0], assessments.judge_one(facts, facts.rows[0]), by=EMERGENCY)

    assert await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'assess'") == before + 1


async def test_an_emergency_is_declared_once_with_its_reason(company):
    await planned()
    case = await declaring.declare(PSU, "GZ", pool="common", reason="flood in the machine room", by=MANAGER)

    assert (case.cause, case.state) == ("declared", "open")
    with pytest.raises(CaseAlreadyOpen):
        await declaring.declare(PSU, "GZ", pool="common", reason="again", by=MANAGER)


async def test_who_may_not_declare_approve_or_close_does_not(company):
    case = await a_case()

    with pytest.raises(NotGranted):
        await cases.approve(case.id, by=KEEPER)
    with pytest.raises(NotGranted):
        await cases.stand_down(case.id, by=BUYER, reason="no")
    with pytest.raises(NotGranted):
        await declaring.declare(PSU, "GZ", pool="common", reason="no", by=KEEPER)
    with pytest.raises(NotYourDepot):
        await declaring.declare(PSU, "GZ", pool="common", reason="no", by=actor("project_manager", depots={"SH"}))


async def test_cases_of_other_depots_are_not_acted_on(company):
    await planned()
    case = await declaring.declare(PSU, "GZ", pool="common", reason="flood", by=MANAGER)
    elsewhere = actor("project_manager", depots={"SH"})
    for act in (
        cases.approve(case.id, by=elsewhere),
        cases.stand_down(case.id, by=elsewhere, reason="not mine"),
        cases.close(case.id, by=elsewhere, note="not mine"),
    ):
        with pytest.raises(NotYourDepot):
            await act
    assert (await cases.case_summary(case.id)).state == "open"


async def test_a_case_whose_cover_is_lost_while_it_is_closed_stays_open(own_company):
    await planned()
    case = await declaring.declare(PSU, "GZ", pool="common", reason="flood", by=MANAGER)
    await cases.note_cover(case.id, covered=True, missing=0, by=EMERGENCY)
    async with db.engine.transaction():
        await cases.note_cover(case.id, covered=False, missing=3, by=EMERGENCY)
        closing = await blocked(cases.close(case.id, by=MANAGER, note="parts arrived"))
    with pytest.raises(WrongState):
        await closing
    assert (await cases.case_summary(case.id)).state == "open"


async def test_cases_of_other_depots_are_not_found(company):
    case = await a_case()
    elsewhere = actor("auditor", depots={"SH"})

    assert await cases.cases(limit=10, seen_by=elsewhere) == []
    with pytest.raises(Unknown):
        await cases.case_view(case.id, seen_by=elsewhere)


async def test_without_a_plan_the_hold_point_at_the_class_target_judges_the_row(company):
    await drain(DRIVE)
    await judge(DRIVE)

    (case,) = await live_cases()
    assert (case.part_number, case.cause) == (DRIVE, "level")


async def test_an_open_case_without_a_proposal_is_not_forgotten(company):
    await a_case()
    before = await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'propose'")

    with clock.at(clock.now() + timedelta(minutes=5)):
        assert await cases.remind_of_unproposed(by=EMERGENCY) == 1
    assert await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'propose'") == before + 1


async def test_cover_that_comes_back_has_the_other_cases_judged_anew(company):
    case = await a_case()
    await declaring.declare(FAN, "GZ", pool="common", reason="a rumour", by=MANAGER)
    (other,) = [each for each in await live_cases() if each.id != case.id]
    await propose(other)
    await receipts.adjust(
        "GZ",
        DRIVE,
        40,
        by=SETUP,
        provenance="maker_direct",
        reason="found",
        serials=[f"FOUND-{n}" for n in range(40)],
    )
    with jobs.collecting() as due:
        await judge(DRIVE)

    assert (await cases.case_summary(case.id)).state == "cover_restored"
    assert jobs.Assess(*await ids(FAN, "GZ")) in due
