"""Part requests: answered at once, with stock that is held or with the ladder of what else can be done."""

import asyncio
from datetime import timedelta

import pytest

from inventory.assurance.invariants import violations
from inventory.catalogue import register as catalogue
from inventory.catalogue.parts import UnknownPart
from inventory.ground import clock, db
from inventory.ground.errors import NotGranted, NotYourDepot, Unknown, WrongState
from inventory.installed_base.devices import UnknownDevice
from inventory.requests import backorders, debriefing, requests, shipping
from inventory.requests.debriefing import Debrief
from inventory.requests.requests import FaultInFuture, NewRequest, NewRequestLine, NotCovered, ReferenceReused
from inventory.stock import receipts, units
from inventory.stock.refusals import SerialsMissing, UnitNotHere
from tests.integration.stock.test_reservations import level
from tests.world import AUDITOR, DISPATCHER, DRIVE, FAN, KEEPER, PSU, SETUP, SH_KEEPER, actor


def new(*lines: tuple[str, int], reference: str = "INC-1/1", device: str = "BANK-001", **more: object) -> NewRequest:
    return NewRequest(
        source="glpi",
        reference=reference,
        device_serial=device,
        severity=more.pop("severity", "general"),
        lines=[NewRequestLine(part_number=part, quantity=quantity) for part, quantity in lines or ((PSU, 1),)],
        **more,
    )


async def test_a_request_is_answered_with_held_stock_and_a_time(company):
    answer = await requests.open_request(new(), by=DISPATCHER)

    (line,) = answer.lines
    assert (answer.state, line.state, line.promise.depot) == ("reserved", "reserved", "GZ")
    assert line.promise.firm
    assert line.promise.on_time
    assert timedelta(hours=1) < line.promise.arrives_at - answer.opened_at < timedelta(hours=2)
    assert (await level(PSU, "GZ")).reserved == 1


async def test_the_need_by_time_comes_from_contract_severity_and_calendar(company):
    general = await requests.open_request(new(), by=DISPATCHER)
    severe = await requests.open_request(new(reference="INC-2/1", severity="severe"), by=DISPATCHER)

    assert severe.need_by - severe.fault_reported_at == timedelta(hours=2)
    assert general.need_by - general.fault_reported_at in (timedelta(hours=3), timedelta(hours=5))


async def test_the_same_request_again_is_the_same_answer(company):
    first = await requests.open_request(new(), by=DISPATCHER)
    again = await requests.open_request(new(), by=DISPATCHER)

    assert again == first
    assert (await level(PSU, "GZ")).reserved == 1


async def test_another_request_under_the_same_reference_is_refused(company):
    await requests.open_request(new(), by=DISPATCHER)

    with pytest.raises(ReferenceReused):
        await requests.open_request(new((PSU, 2)), by=DISPATCHER)


async def test_rivals_with_one_reference_hold_stock_once(own_company):
    answers = await asyncio.gather(*(requests.open_request(new(), by=DISPATCHER) for _ in range(10)))

    assert len({answer.id for answer in answers}) == 1
    assert (await level(PSU, "GZ")).reserved == 1
    assert await violations() == []


async def test_what_is_not_near_comes_from_afar_and_says_that_it_is_late(company):
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="gone")
    answer = await requests.open_request(new(), by=DISPATCHER)

    (line,) = answer.lines
    assert (line.promise.depot, line.promise.firm, line.promise.on_time) == ("SH", True, False)
    assert {step.rung: step.possible for step in line.ladder}["depot"] is False


async def test_another_depot_is_not_emptied_below_its_critical_point_unless_it_is_severe(company):
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="gone")
    await db.execute("UPDATE level SET critical_point = 5 FROM place WHERE place.id = level.place AND code = 'SH'")

    general = await requests.open_request(new(), by=DISPATCHER)
    severe = await requests.open_request(new(reference="INC-2/1", severity="severe"), by=DISPATCHER)

    assert general.state == "backordered"
    assert "needs_5_itself" in [reason for step in general.lines[0].ladder for reason in step.reasons]
    assert severe.lines[0].promise.depot == "SH"


async def test_the_serving_depot_itself_may_go_below_what_it_needs(company):
    await db.execute("UPDATE level SET critical_point = 9 FROM place WHERE place.id = level.place AND code = 'GZ'")
    await catalogue.enter_substitutions(
        [catalogue.NewSubstitution(part=PSU, substitute=FAN, valid_from=clock.now().date())], by=SETUP
    )
    answer = await requests.open_request(new(), by=DISPATCHER)

    assert (answer.lines[0].promise.depot, answer.lines[0].promise.on_time) == ("GZ", True)
    possible = {step.rung: step.possible for step in answer.lines[0].ladder if step.depot == "GZ"}
    assert (possible["depot"], possible["substitute"]) == (True, True)


async def test_a_substitute_is_offered_where_the_part_itself_is_gone(company):
    await catalogue.enter_substitutions(
        [catalogue.NewSubstitution(part=PSU, substitute=FAN, valid_from=clock.now().date())], by=SETUP
    )
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="gone")

    answer = await requests.open_request(new(), by=DISPATCHER)

    assert (answer.lines[0].promise.part_number, answer.lines[0].promise.on_time) == (FAN, True)


async def test_with_nothing_anywhere_the_request_waits_and_is_counted(company):
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="gone")
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")

    answer = await requests.open_request(new((PSU, 2)), by=DISPATCHER)

    (line,) = answer.lines
    assert (answer.state, line.promise.firm, line.promise.reservation) == ("backordered", False, None)
    assert line.promise.arrives_at is not None  # buying is the best that can be said
    assert (await level(PSU, "GZ")).backordered == 2


async def test_new_stock_goes_to_those_who_wait_severe_ones_first(own_company):
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="gone")
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")
    general = await requests.open_request(new(), by=DISPATCHER)
    severe = await requests.open_request(new(reference="INC-2/1", severity="severe"), by=DISPATCHER)

    await receipts.receive(
        "GZ",
        [receipts.Incoming(part_number=PSU, quantity=1, provenance="authorised_channel")],
        by=KEEPER,
        origin="V-DISTI",
    )
    spot = await db.fetch_one("SELECT part, place, pool FROM level WHERE backordered > 0")
    filled = await backorders.fill_backorders(*spot, by=SETUP)

    assert filled == 1
    assert (await requests.request_view(severe.id)).lines[0].promise.firm
    assert (await requests.request_view(general.id)).state == "backordered"
    assert (await level(PSU, "GZ")).backordered == 1
    assert await violations() == []


async def test_lines_share_what_is_there(company):
    answer = await requests.open_request(new((PSU, 4), (PSU, 4)), by=DISPATCHER)

    assert [(line.quantity, line.promise.depot) for line in answer.lines] == [(4, "GZ"), (2, "GZ"), (2, "SH")]


async def test_dedicated_stock_answers_only_its_own_contract(company):
    telco = await requests.open_request(new((PSU, 1), device="TELCO-001"), by=DISPATCHER)
    bank = await requests.open_request(new((PSU, 1), reference="INC-2/1"), by=DISPATCHER)

    assert telco.lines[0].promise.depot == "ZJ"
    assert "ZJ" not in {step.depot for step in bank.lines[0].ladder}


async def test_two_line_requests_in_opposite_orders_do_not_deadlock(own_company):
    await receipts.adjust("GZ", PSU, 60, by=SETUP, reason="more")
    await receipts.adjust("GZ", FAN, 60, by=SETUP, reason="more")

    answers = await asyncio.gather(
        *(
            requests.open_request(
                new(*([(PSU, 1), (FAN, 1)] if n % 2 else [(FAN, 1), (PSU, 1)]), reference=f"R-{n}"), by=DISPATCHER
            )
            for n in range(40)
        )
    )

    assert {answer.state for answer in answers} == {"reserved"}
    assert ((await level(PSU, "GZ")).reserved, (await level(FAN, "GZ")).reserved) == (40, 40)
    assert await violations() == []


async def test_parts_leave_come_back_or_stay_and_the_old_part_is_defective(own_company):
    answer = await requests.open_request(new((DRIVE, 1), (FAN, 2)), by=DISPATCHER)
    shipped = await shipping.ship(answer.id, by=KEEPER, serials=["ZL2-0003"])
    done = await debriefing.debrief(
        answer.id,
        [
            Debrief(part_number=DRIVE, outcome="used", serial_out="OLD-77"),
            Debrief(part_number=FAN, outcome="returned_good"),
        ],
        by=DISPATCHER,
    )

    old = await units.unit("OLD-77", seen_by=SETUP)
    assert (shipped.state, shipped.lines[0].serial_in) == ("shipped", "ZL2-0003")
    assert (done.state, done.lines[0].outcome) == ("reconciled", "used")
    assert (old.place, old.condition, old.provenance) == ("BANK-GZ", "defective", "recovered")
    assert ((await level(FAN, "GZ")).on_hand, (await level(DRIVE, "GZ")).on_hand) == (10, 4)
    assert await violations() == []


async def test_a_part_that_is_dead_on_arrival_comes_back_as_defective(own_company):
    answer = await requests.open_request(new((DRIVE, 1)), by=DISPATCHER)
    shipped = await shipping.ship(answer.id, by=KEEPER)
    await debriefing.debrief(answer.id, [Debrief(part_number=DRIVE, outcome="dead_on_arrival")], by=DISPATCHER)

    unit = await units.unit(shipped.lines[0].serial_in, seen_by=SETUP)
    assert (unit.place, unit.condition) == ("GZ", "defective")
    assert (await level(DRIVE, "GZ")).on_hand == 4
    assert await violations() == []


async def test_each_line_of_a_part_is_accounted_for_by_itself(own_company):
    answer = await requests.open_request(new((DRIVE, 1), (DRIVE, 1)), by=DISPATCHER)
    shipped = await shipping.ship(answer.id, by=KEEPER, serials=["ZL2-0003", "ZL2-0004"])
    back = Debrief(part_number=DRIVE, outcome="returned_good")
    first = await debriefing.debrief(answer.id, [back], by=DISPATCHER)

    assert [line.serial_in for line in shipped.lines] == ["ZL2-0003", "ZL2-0004"]
    assert [line.outcome for line in first.lines] == ["returned_good", None]
    assert (await level(DRIVE, "GZ")).on_hand == 4
    await debriefing.debrief(answer.id, [back], by=DISPATCHER)
    assert (await level(DRIVE, "GZ")).on_hand == 5
    assert await violations() == []


async def test_an_unused_substitute_comes_back_as_the_unit_it_is(own_company):
    await catalogue.enter_substitutions(
        [catalogue.NewSubstitution(part=PSU, substitute=DRIVE, valid_from=clock.now().date())], by=SETUP
    )
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="gone")
    answer = await requests.open_request(new(), by=DISPATCHER)
    shipped = await shipping.ship(answer.id, by=KEEPER, serials=["ZL2-0003"])
    await debriefing.debrief(answer.id, [Debrief(part_number=PSU, outcome="returned_good")], by=DISPATCHER)

    assert shipped.lines[0].serial_in == "ZL2-0003"
    assert (await units.unit("ZL2-0003", seen_by=SETUP)).place == "GZ"
    assert await violations() == []


async def test_nothing_leaves_in_place_of_a_serial_that_is_not_there(company):
    answer = await requests.open_request(new((DRIVE, 1)), by=DISPATCHER)

    with pytest.raises(UnitNotHere):
        await shipping.ship(answer.id, by=KEEPER, serials=["ZL2-9999"])
    with pytest.raises(SerialsMissing):
        await shipping.ship(answer.id, by=KEEPER, serials=["ZL2-0001", "ZL2-0002"])


async def test_a_line_is_accounted_for_once(company):
    answer = await requests.open_request(new((FAN, 1)), by=DISPATCHER)
    await shipping.ship(answer.id, by=KEEPER)
    await debriefing.debrief(answer.id, [Debrief(part_number=FAN, outcome="used")], by=DISPATCHER)

    with pytest.raises(WrongState):
        await debriefing.debrief(answer.id, [Debrief(part_number=FAN, outcome="used")], by=DISPATCHER)


async def test_a_request_that_has_not_left_is_cancelled_and_frees_its_stock(company):
    answer = await requests.open_request(new((PSU, 2)), by=DISPATCHER)
    cancelled = await requests.cancel(answer.id, by=DISPATCHER, reason="fault gone")

    assert cancelled.state == "cancelled"
    assert (await level(PSU, "GZ")).free == 6


async def test_a_waiting_request_is_cancelled_and_no_longer_counted(company):
    await receipts.adjust("GZ", PSU, -6, by=SETUP, reason="gone")
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")
    answer = await requests.open_request(new(), by=DISPATCHER)
    await requests.cancel(answer.id, by=DISPATCHER, reason="fault gone")

    assert (await level(PSU, "GZ")).backordered == 0


async def test_a_request_that_has_left_is_not_cancelled(company):
    answer = await requests.open_request(new(), by=DISPATCHER)
    await shipping.ship(answer.id, by=KEEPER)

    with pytest.raises(WrongState):
        await requests.cancel(answer.id, by=DISPATCHER, reason="too late")


async def test_only_a_keeper_of_the_depot_ships(company):
    answer = await requests.open_request(new(), by=DISPATCHER)

    with pytest.raises(NotYourDepot):
        await shipping.ship(answer.id, by=SH_KEEPER)
    with pytest.raises(NotGranted):
        await shipping.ship(answer.id, by=DISPATCHER)


async def test_unknown_devices_and_parts_are_answered_with_the_nearest(company):
    with pytest.raises(UnknownDevice) as device:
        await requests.open_request(new(device="BANK-0011"), by=DISPATCHER)
    with pytest.raises(UnknownPart) as part:
        await requests.open_request(new(("PSU-75O", 1)), by=DISPATCHER)

    assert "BANK-001" in str(device.value.facts["near"])
    assert PSU in str(part.value.facts["near"])


async def test_a_device_without_a_running_contract_is_not_entitled(company):
    await db.execute("UPDATE contract SET ends_on = '2024-06-30' WHERE code = 'C-BANK'")

    with pytest.raises(NotCovered):
        await requests.open_request(new(), by=DISPATCHER)


async def test_a_fault_of_the_future_is_refused(company):
    with pytest.raises(FaultInFuture):
        await requests.open_request(new(fault_reported_at=clock.now() + timedelta(hours=1)), by=DISPATCHER)


async def test_an_auditor_asks_for_nothing(company):
    with pytest.raises(NotGranted):
        await requests.open_request(new(), by=AUDITOR)


async def test_requests_outside_ones_contracts_are_not_found(company):
    answer = await requests.open_request(new(), by=DISPATCHER)
    telco_only = actor("dispatcher", contracts={"C-TELCO"})

    assert await requests.requests(limit=10, seen_by=telco_only) == []
    with pytest.raises(Unknown):
        await requests.request_view(answer.id, seen_by=telco_only)
    with pytest.raises(UnknownDevice):
        await requests.open_request(new(reference="INC-9/1"), by=telco_only)
    with pytest.raises(Unknown):
        await requests.cancel(answer.id, by=telco_only, reason="not mine")
    await shipping.ship(answer.id, by=KEEPER)
    with pytest.raises(Unknown):
        await debriefing.debrief(answer.id, [Debrief(part_number=PSU, outcome="used")], by=telco_only)
