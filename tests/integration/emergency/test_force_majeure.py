"""Plan 3: a store or site in force majeure; its stock frozen, its cover and requests elsewhere, an orderly way back."""

import asyncio
from contextvars import Context
from datetime import timedelta
from uuid import UUID

import pytest
from msgspec import structs

from inventory.assurance.invariants import violations
from inventory.emergency import assessments, facts, force_majeure, rebuilding
from inventory.emergency.force_majeure import (
    ForceMajeureOpen,
    HowItEndedMissing,
    NotCountedAgain,
    NotStoreOrSite,
    NotYourSite,
)
from inventory.ground import clock, db, events, steps
from inventory.ground.actor import service
from inventory.ground.errors import Busy, NotGranted, NotYourDepot, OthersConcerned, ReasonMissing, Unknown, WrongState
from inventory.places import places, register
from inventory.places.register import StillFrozen
from inventory.procurement import answers, orders
from inventory.procurement.answers import Answer
from inventory.requests import requests
from inventory.stock import expected, receipts, reservations, transfers
from inventory.stock.counting import closing, scans, sheets
from inventory.stock.refusals import InsufficientStock, StockFrozen
from inventory.stock.transfers import TransferItem
from tests.integration.emergency.test_cases import planned
from tests.integration.planning.test_learning import enter_swap_unit
from tests.integration.procurement.test_orders import placed
from tests.integration.requests.test_promising import new, told
from tests.integration.stock.test_levels import ids
from tests.world import AUDITOR, DISPATCHER, DRIVE, FAN, KEEPER, MANAGER, PSU, SETUP, SH_KEEPER, actor

ALLOCATION = service("allocation")


async def flooded(place: str = "GZ", by=MANAGER) -> force_majeure.Summary:
    return await force_majeure.declare(place, "water_leak", reason="the ceiling leaks", by=by)


async def seen(plan: force_majeure.Summary) -> force_majeure.View:
    return await force_majeure.view(plan.id, seen_by=AUDITOR)


async def count_all(depot: str = "GZ") -> None:
    """Draw up a full count, find everything, post it."""
    with clock.at(clock.now() + timedelta(hours=2)):
        sheet = await sheets.draw_up(depot, "full", by=SETUP)
    with clock.at(clock.now() + timedelta(hours=3)):
        for line in await closing.lines(sheet.id, seen_by=SETUP):
            serials = await db.fetch(
                """SELECT serial FROM unit JOIN part ON part.id = unit.part JOIN place ON place.id = unit.place
                   JOIN pool ON pool.id = unit.pool
                   WHERE part_number = $1 AND place.code = $2 AND pool.code = $3 AND condition = $4""",
                line.part_number,
                depot,
                line.pool,
                line.condition,
            )
            there = await db.fetch_value(
                """SELECT on_hand FROM level JOIN part ON part.id = level.part JOIN place ON place.id = level.place
                   JOIN pool ON pool.id = level.pool
                   WHERE part_number = $1 AND place.code = $2 AND pool.code = $3 AND condition = $4""",
                line.part_number,
                depot,
                line.pool,
                line.condition,
            )
            found = scans.NewScan(
                id=f"{sheet.number} {line.id}",
                part_number=line.part_number,
                counted_at=clock.now(),
                bin=line.bin,
                quantity=None if line.serialised else there,
                serials=[row["serial"] for row in serials] if line.serialised else None,
                condition=line.condition,
                pool=line.pool,
            )
            await scans.record(sheet.id, [found], by=SETUP)
        assert (await closing.finish(sheet.id, by=SETUP)).state == "posted"


async def lines(part: str, depot: str) -> dict[str, int | None]:
    row = await db.fetch_one(
        """SELECT critical_point, average_failure_line FROM level
           WHERE (part, place, pool) = ($1, $2, $3) AND condition = 'good'""",
        *await ids(part, depot),
    )
    return dict(row or {})


async def test_what_lies_in_the_store_is_neither_promised_nor_handed_out(company):
    held = await reservations.reserve(PSU, "GZ", 1, by=KEEPER)
    await flooded()

    with pytest.raises(StockFrozen) as refused:
        await reservations.reserve(PSU, "GZ", 1, by=KEEPER)
    assert [other["depot"] for other in refused.value.facts["elsewhere"]] == ["SH", "ZJ"]
    for act in (
        lambda: reservations.post_reservation(held.id, by=KEEPER, to="ISSUED"),
        lambda: transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=PSU, quantity=1)], by=KEEPER),
    ):
        with pytest.raises(StockFrozen):
            async with db.savepoint():
                await act()
    await receipts.adjust(
        "GZ", PSU, -1, by=SETUP, provenance="maker_direct", reason="wet, thrown away"
    )  # what is lost may be said
    assert await violations() == []


async def test_requests_are_sourced_elsewhere_and_told(company):
    request = await requests.open_request(new(), by=DISPATCHER)
    assert told(request) == [(1, "reserved", "GZ", PSU, True)]
    plan = await flooded()
    assert [waiting["number"] for waiting in (await seen(plan)).evidence["requests"]] == [request.number]

    await force_majeure.source_elsewhere(plan.id, by=ALLOCATION)
    await force_majeure.source_elsewhere(plan.id, by=ALLOCATION)

    moved = await requests.request_view(request.id)
    assert told(moved) == [(1, "reserved", "SH", PSU, True)]
    assert "force_majeure" in moved.lines[0].promise.reasons
    log = [(entry.kind, entry.facts.get("requests")) for entry in (await seen(plan)).log]
    assert log == [("declared", None), ("sourced_elsewhere", [request.number])]
    assert await violations() == []


async def test_what_is_reserved_while_the_store_is_being_frozen_is_sourced_elsewhere_too(company):
    plan = await flooded()
    await force_majeure.source_elsewhere(plan.id, by=ALLOCATION)
    before = await db.fetch_one("SELECT frozen_at, out_of_service_at FROM place WHERE code = 'GZ'")
    await db.execute("UPDATE place SET frozen_at = NULL, out_of_service_at = NULL WHERE code = 'GZ'")
    late = await requests.open_request(
        new(), by=DISPATCHER
    )  # as one that began before the freeze, and commits after it
    await db.execute("UPDATE place SET frozen_at = $1, out_of_service_at = $2 WHERE code = 'GZ'", *before.values())
    assert told(late) == [(1, "reserved", "GZ", PSU, True)]

    await force_majeure.source_latecomers_elsewhere(by=ALLOCATION)
    await force_majeure.source_latecomers_elsewhere(by=ALLOCATION)

    assert told(await requests.request_view(late.id)) == [(1, "reserved", "SH", PSU, True)]
    assert [entry.kind for entry in (await seen(plan)).log] == ["declared", "sourced_elsewhere", "sourced_elsewhere"]
    assert await violations() == []


async def test_a_request_that_cannot_be_sourced_anew_keeps_no_other_from_its_source(own_company):
    first = await requests.open_request(new(), by=DISPATCHER)
    second = await requests.open_request(new(reference="INC-2/1", device_serial="BANK-002"), by=DISPATCHER)
    plan = await flooded()
    async with db.engine.transaction():  # somebody is at it, and does not end
        await db.execute("SELECT id FROM part_request WHERE id = $1 FOR UPDATE", first.id)
        sourcing = asyncio.create_task(force_majeure.source_elsewhere(plan.id, by=ALLOCATION), context=Context())
        with pytest.raises(ExceptionGroup) as failed:
            await sourcing

    assert [type(each) for each in failed.value.exceptions] == [Busy]
    assert told(await requests.request_view(first.id)) == [(1, "reserved", "GZ", PSU, True)]
    assert told(await requests.request_view(second.id)) == [(1, "reserved", "SH", PSU, True)]
    assert (await seen(plan)).log[-1].facts["requests"] == [second.number]
    await force_majeure.source_elsewhere(plan.id, by=ALLOCATION)
    assert told(await requests.request_view(first.id)) == [(1, "reserved", "SH", PSU, True)]


async def test_the_demand_falls_on_the_next_store_and_its_lines_follow_at_once(company):
    await planned()
    before = {row.name: row for row in (await facts.gather()).rows}
    classes = {each.code: each for each in await facts.classes_now()}
    assert f"{DRIVE}@SH" not in before

    await flooded()
    await assessments.assess_all(by=SETUP)
    after = {row.name: row for row in (await facts.gather()).rows}

    moved, left = after[f"{DRIVE}@SH"], after[f"{DRIVE}@GZ"]
    assert moved.rate_per_day == pytest.approx(before[f"{DRIVE}@GZ"].rate_per_day)
    assert left.rate_per_day == 0
    # Shanghai is a day away from the bank: no piece from there comes within two hours
    assert [(asked.service_class, asked.served_rate) for asked in moved.demands] == [("2h", 0)]
    assert sum(asked.total_rate for asked in moved.demands) == pytest.approx(
        sum(asked.total_rate for asked in before[f"{DRIVE}@GZ"].demands)
    )
    now = {each.code: each for each in await facts.classes_now()}
    assert now["2h"].total_rate == pytest.approx(classes["2h"].total_rate)
    assert now["2h"].on_time_rate < classes["2h"].on_time_rate
    assert (await lines(DRIVE, "SH"))["average_failure_line"] is not None
    assert (await lines(DRIVE, "GZ"))["critical_point"] == 0


async def test_a_class_that_the_next_store_still_reaches_in_time_asks_for_stock_there(company):
    await register.enter_coverage([register.NewCoverage(store="SH", site="BANK-GZ", travel_hours=1.5)], by=SETUP)
    await planned()
    await assessments.assess_all(by=SETUP)
    assert await lines(PSU, "SH") == {"critical_point": None, "average_failure_line": None}

    await flooded()
    await assessments.assess_all(by=SETUP)

    assert (await lines(PSU, "SH"))["critical_point"] > 0


async def test_a_store_returns_only_when_all_of_it_is_counted_again(company):
    plan = await flooded()

    with pytest.raises(StillFrozen):
        await register.return_to_service("GZ", by=MANAGER, reason="dry")
    with pytest.raises(NotCountedAgain) as refused:
        await force_majeure.close(plan.id, note="dry again", by=MANAGER)
    assert refused.value.facts["count"] == len((await seen(plan)).uncounted) > 0
    await count_all()
    assert (await seen(plan)).uncounted == []
    ended = await force_majeure.close(plan.id, note="dry again", lessons="no pipes above shelves", by=MANAGER)

    assert (ended.state, ended.returned) == ("closed", True)
    store = await places.store("GZ", seen_by=AUDITOR)
    assert (store.out_of_service_at, store.frozen_at) == (None, None)
    assert (await reservations.reserve(PSU, "GZ", 1, by=KEEPER)).state == "pending"
    with pytest.raises(WrongState):
        await force_majeure.close(plan.id, note="again", by=MANAGER)
    assert await steps.open_steps(limit=9, seen_by=AUDITOR, depot="GZ") == []
    await flooded()  # and it may happen again


async def test_a_store_that_is_given_up_stays_out_of_service_and_may_be_emptied(company):
    plan = await flooded()
    await count_all()
    await force_majeure.close(plan.id, note="the building is lost", returns=False, by=MANAGER)

    assert (await places.store("GZ", seen_by=AUDITOR)).out_of_service_at is not None
    await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=PSU, quantity=1)], by=KEEPER)


async def test_it_is_open_once_and_declared_by_whom_it_concerns(company):
    with pytest.raises(NotGranted):
        await flooded(by=KEEPER)
    with pytest.raises(NotYourDepot):
        await flooded(by=actor("project_manager", depots={"SH"}))
    with pytest.raises(NotYourSite):
        await flooded("TELCO-ZJ", by=actor("project_manager", depots={"SH"}))
    with pytest.raises(Unknown):
        await flooded("NOPE")
    for outside in ("TRANSIT", "ISSUED", "V-DELL"):
        with pytest.raises(NotStoreOrSite):
            await flooded(outside)
    with pytest.raises(ReasonMissing):
        await force_majeure.declare("GZ", "fire", reason=" ", by=MANAGER)
    assert (await places.store("GZ", seen_by=AUDITOR)).frozen_at is None

    plan = await flooded()
    with pytest.raises(ForceMajeureOpen):
        await flooded()
    with pytest.raises(HowItEndedMissing):
        await force_majeure.close(plan.id, note=" ", by=MANAGER)
    with pytest.raises(NotGranted):
        await force_majeure.close(plan.id, note="dry", by=KEEPER)


async def test_only_whom_it_concerns_sees_it_and_hears_of_it(company):
    store, site = await flooded(), await flooded("BANK-GZ")
    everything = [site.id, store.id]

    async def sees(**scope: set[str]) -> list[UUID]:
        found = await force_majeure.summaries(limit=9, seen_by=actor("ticket_system", **scope))
        return [each.id for each in found]

    assert await sees() == everything
    assert await sees(depots={"GZ"}) == everything
    assert await sees(depots={"SH"}) == [site.id]  # it reaches the site
    assert await sees(depots={"ZJ"}) == []
    assert await sees(contracts={"C-BANK"}) == [site.id]
    assert await sees(contracts={"C-TELCO"}) == []
    with pytest.raises(Unknown):
        await force_majeure.view(store.id, seen_by=actor("ticket_system", contracts={"C-BANK"}))


async def test_events_of_a_customers_site_reach_no_other_customers_ticket_system(own_company):
    store, site = await flooded(), await flooded("BANK-GZ")
    await force_majeure.close(site.id, note="dry again", by=MANAGER)

    async def hears(**scope: set[str]) -> list[str]:
        told = await events.since(0, limit=100, seen_by=actor("ticket_system", **scope))
        return [event.subject for event in told if event.kind.startswith("force_majeure.")]

    assert await hears() == [store.number, site.number, site.number]
    assert await hears(contracts={"C-BANK"}) == [site.number, site.number]
    assert await hears(contracts={"C-TELCO"}) == []
    assert await hears(depots={"SH"}) == [site.number, site.number]  # it reaches the site
    assert await hears(depots={"ZJ"}) == []


async def test_whoever_is_bound_to_contracts_declares_sites_of_these_alone(company):
    banker = actor("project_manager", contracts={"C-BANK"})
    for others in ("GZ", "ZJ", "TELCO-ZJ"):
        with pytest.raises(OthersConcerned):
            await flooded(others, by=banker)
    assert [each.code for each in await force_majeure.declarable(limit=9, seen_by=banker)] == ["BANK-GZ"]
    assert [each.code for each in await force_majeure.declarable(limit=9, seen_by=MANAGER)] == [
        "GZ", "SH", "ZJ", "BANK-GZ", "TELCO-ZJ",
    ]  # fmt: skip

    plan = await flooded("BANK-GZ", by=banker)
    assert await force_majeure.declarable(limit=9, seen_by=banker) == []
    assert (await force_majeure.close(plan.id, note="dry again", by=banker)).state == "closed"
    await db.execute(
        """UPDATE device SET contract = (SELECT id FROM contract WHERE code = 'C-TELCO') WHERE serial = 'BANK-001'"""
    )
    with pytest.raises(OthersConcerned):  # others stand there too
        await flooded("BANK-GZ", by=banker)


async def test_the_first_measure_ends_the_first_duty(company):
    plan = await flooded()
    duties = [step.kind for step in await steps.open_steps(limit=9, seen_by=MANAGER, depot="GZ")]
    await force_majeure.note_measure(plan.id, "drives go to Shanghai by road", by=MANAGER)
    left = [step.kind for step in await steps.open_steps(limit=9, seen_by=MANAGER, depot="GZ")]

    assert (duties, left) == (["take_measures", "end_force_majeure"], ["end_force_majeure"])
    assert (await seen(plan)).log[-1].facts == {"text": "drives go to Shanghai by road"}


async def test_what_is_on_its_way_to_the_store_is_told_with_where_it_could_go(company):
    sent = await transfers.draft_transfer("SH", "GZ", [TransferItem(part_number=PSU, quantity=2)], by=SH_KEEPER)
    await transfers.ship(sent.id, by=SH_KEEPER)
    view = await seen(await flooded())

    assert [(each.part_number, each.quantity, each.document) for each in view.coming] == [(PSU, 2, sent.number)]
    assert view.deliver_to == ["SH"]
    await transfers.take_in(sent.id, by=KEEPER)  # it may come all the same, and lies there frozen
    with pytest.raises(InsufficientStock):
        await reservations.reserve(PSU, "GZ", 1, by=KEEPER)


async def test_a_site_is_rebuilt_from_what_is_free_by_arrival_and_what_is_missing_is_said(company):
    await enter_swap_unit()
    await flooded("BANK-GZ")
    (rows,) = await rebuilding.rebuilding("BANK-GZ", seen_by=AUDITOR)

    assert (rows.model, rows.contract, rows.devices) == ("R740", "C-BANK", 160)
    by_part = {(part.part_number, part.swap_unit): part for part in rows.parts}
    power = by_part[PSU, False]
    assert (power.wanted, power.free, power.missing, power.complete_at) == (320, 11, 309, None)
    assert [(stock.depot, stock.free) for stock in power.stock] == [("GZ", 6), ("SH", 5)]
    assert power.stock[0].arrives_at < power.stock[1].arrives_at
    assert rows.parts[0].swap_unit
    with pytest.raises(Unknown):
        await rebuilding.rebuilding("BANK-GZ", seen_by=actor("engineer", depots={"ZJ"}))
    await flooded("GZ")
    assert {
        stock.depot
        for row in await rebuilding.rebuilding("BANK-GZ", seen_by=AUDITOR)
        for part in row.parts
        for stock in part.stock
    } == {"SH"}


async def test_what_is_under_way_is_sent_elsewhere_and_back_again(company):
    order = await placed((FAN, 4))
    sent = await transfers.draft_transfer("SH", "GZ", [TransferItem(part_number=PSU, quantity=2)], by=SH_KEEPER)
    sent = await transfers.ship(sent.id, by=SH_KEEPER)
    plan = await flooded()
    assert {each.document for each in (await seen(plan)).coming} == {order.number, sent.number}
    with pytest.raises(Unknown):
        await force_majeure.redirect(plan.id, "PO-0", "SH", by=MANAGER)
    with pytest.raises(NotYourDepot):
        await force_majeure.redirect(plan.id, order.number, "SH", by=actor("project_manager", depots={"GZ"}))
    with pytest.raises(NotGranted):
        await force_majeure.redirect(plan.id, order.number, "SH", by=KEEPER)

    await force_majeure.redirect(plan.id, order.number, "SH", by=MANAGER)
    await force_majeure.redirect(plan.id, sent.number, "ZJ", by=MANAGER)
    asked = {each.document: (each.asked_to, each.redirectable) for each in (await seen(plan)).coming}
    assert asked == {order.number: ("SH", False)}  # the vendor has not agreed yet
    turned = await transfers.transfer_view(sent.id)
    assert (turned.to_depot, turned.due_at > sent.due_at) == ("ZJ", True)
    assert await due_at("ZJ", PSU) == 2
    agreed = Answer(status="change_confirmed", version=2)
    await answers.take("DISTI", order.number, agreed, by=SETUP, said="yes")
    assert (await orders.order_view(order.id)).ship_to == "SH"
    assert (await due_at("SH", FAN), await due_at("GZ", FAN)) == (4, 0)
    assert {each.document: each.bound_for for each in (await seen(plan)).away} == {
        order.number: "SH",
        sent.number: "ZJ",
    }

    await transfers.take_in(sent.id, by=SETUP)
    await count_all()
    with pytest.raises(Unknown):
        await force_majeure.redirect(plan.id, order.number, "SH", by=MANAGER)
    with clock.at(clock.now() + timedelta(hours=4)):
        await force_majeure.close(plan.id, note="dry again", by=MANAGER)
        with pytest.raises(WrongState):
            await force_majeure.redirect(plan.id, order.number, "ZJ", by=MANAGER)
        await force_majeure.redirect(plan.id, order.number, "GZ", by=MANAGER)
        await answers.take("DISTI", order.number, structs.replace(agreed, version=3), by=SETUP, said="yes")
    assert await due_at("GZ", FAN) == 4
    assert (await seen(plan)).away == []
    redirected = [entry.facts["to"] for entry in (await seen(plan)).log if entry.kind == "redirected"]
    assert redirected == ["SH", "ZJ", "GZ"]
    assert await violations() == []


async def due_at(depot: str, part: str) -> int:
    found = await expected.inbound(*await ids(part, depot, "common"))
    return sum(each.quantity - each.received_quantity for each in found)


async def test_the_redirection_over_http(api):
    order = await placed((FAN, 4))
    plan = await flooded()
    path, wanted = f"/force-majeure/{plan.id}/redirections", {"document": order.number, "to": "SH"}

    assert (await api.post(path, wanted, role=None)).status_code == 401
    assert (await api.post(path, wanted, role="warehouse_keeper")).status_code == 403
    for wrong in ({"document": 3}, {"to": ""}, {"more": 1}):
        assert (await api.post(path, wanted | wrong, role="project_manager")).status_code in (400, 422)
    assert (await api.post(path, wanted | {"to": "NOWHERE"}, role="project_manager")).status_code == 404
    assert (await api.post(path, wanted | {"to": "GZ"}, role="project_manager")).status_code == 422
    assert (await api.post(path, wanted, role="project_manager")).status_code == 200
    assert (await api.post(path, wanted, role="project_manager")).status_code == 404
