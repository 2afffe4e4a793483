"""Holding: part by part, longer, for later, and taken over by whoever needs it more."""

from datetime import timedelta

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import audit, clock, db
from inventory.ground.errors import NotGranted, NotYourDepot, ReasonMissing, Unknown
from inventory.requests import backorders, holding, requests
from inventory.requests import taking_over as for_requests
from inventory.requests.holding import HeldForRequest
from inventory.stock import promises, receipts, reservations, taking_over, transfers
from inventory.stock.refusals import (
    ExpiryInPast,
    HeldForTransfer,
    MoreThanReserved,
    NotLowerPriority,
    PurposeMissing,
    ReservationResolved,
    StartInPast,
)
from tests.integration.stock.test_reservations import level
from tests.world import DISPATCHER, DRIVE, FAN, KEEPER, PSU, SETUP, SH_KEEPER, actor

GZ_DISPATCHER = actor("dispatcher", depots={"GZ"})


async def asked(part: str, quantity: int, *, severity: str = "general", reference: str = "R-1") -> requests.RequestView:
    new = requests.NewRequest(
        source="glpi",
        reference=reference,
        device_serial="BANK-007",
        severity=severity,
        lines=[requests.NewRequestLine(part_number=part, quantity=quantity)],
    )
    return await requests.open_request(new, by=DISPATCHER)


async def events_of(kind: str) -> list[str]:
    return [
        row["subject"] for row in await db.fetch("SELECT subject FROM event WHERE kind = $1 ORDER BY sequence", kind)
    ]


async def jobs_of(name: str) -> int:
    return await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = $1", name)


async def test_what_is_not_posted_stays_held_if_asked(company):
    held = await reservations.reserve(FAN, "GZ", 5, by=KEEPER)

    first = await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", quantity=2, keep_rest=True)
    between = await level(FAN, "GZ")
    with pytest.raises(MoreThanReserved):
        await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", quantity=4)
    second = await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", quantity=1, keep_rest=True)
    voided = await reservations.void_reservation(held.id, by=KEEPER)

    assert (first.state, first.posted_quantity, second.posted_quantity) == ("pending", 2, 3)
    assert (between.on_hand, between.reserved) == (8, 3)
    assert (voided.state, voided.posted_quantity) == ("voided", 3)
    assert ((await level(FAN, "GZ")).on_hand, (await level(FAN, "GZ")).reserved) == (7, 0)
    assert await violations() == []


async def test_the_last_piece_posted_ends_a_reservation_whose_rest_was_kept(company):
    held = await reservations.reserve(DRIVE, "GZ", 2, by=KEEPER)
    await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", quantity=1, keep_rest=True)

    ended = await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", keep_rest=True)

    assert (ended.state, ended.posted_quantity) == ("posted", 2)
    assert await violations() == []


async def test_a_kept_rest_expires_and_only_the_rest_is_freed(company):
    held = await reservations.reserve(FAN, "GZ", 4, by=KEEPER, expires_at=clock.now() + timedelta(minutes=1))
    await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", quantity=1, keep_rest=True)

    with clock.at(clock.now() + timedelta(minutes=2)):
        await reservations.expire_due(by=SETUP)

    stock = await level(FAN, "GZ")
    assert (stock.on_hand, stock.reserved) == (9, 0)
    assert await violations() == []


async def test_a_reservation_lasts_longer_once_extended(company):
    held = await reservations.reserve(FAN, "GZ", 1, by=KEEPER, expires_at=clock.now() + timedelta(minutes=1))

    extended = await reservations.extend(held.id, clock.now() + timedelta(hours=1), by=KEEPER)
    with clock.at(clock.now() + timedelta(minutes=2)):
        expired = await reservations.expire_due(by=SETUP)
    endless = await reservations.extend(held.id, None, by=KEEPER)

    assert extended.expires_at is not None
    assert expired == 0
    assert endless.expires_at is None


async def test_a_reservation_is_not_extended_into_the_past_nor_by_others(company):
    held = await reservations.reserve(FAN, "GZ", 1, by=KEEPER)

    with pytest.raises(ExpiryInPast):
        await reservations.extend(held.id, clock.now() - timedelta(minutes=1), by=KEEPER)
    with pytest.raises(ExpiryInPast):
        await reservations.reserve(FAN, "GZ", 1, by=KEEPER, expires_at=clock.now())
    with pytest.raises(NotYourDepot):
        await reservations.extend(held.id, None, by=SH_KEEPER)


async def test_a_promise_for_later_leaves_stock_free_until_then(company):
    starts = clock.now() + timedelta(days=1)

    soft = await promises.promise(FAN, "GZ", 9, by=KEEPER, starts_at=starts, priority_class="planned")
    before = await level(FAN, "GZ")
    early = await promises.begin_due(by=SETUP)
    with clock.at(starts):
        begun = await promises.begin_due(by=SETUP)

    held = await reservations.reservation_view(soft.id)
    assert (soft.state, soft.starts_at, before.free, early, begun) == ("soft", starts, 10, 0, 1)
    assert (before.promised, before.promised_from) == (9, starts)
    assert (held.state, held.priority, (await level(FAN, "GZ")).free) == ("pending", 5, 1)
    assert await events_of("reservation.begun") == [str(soft.id)]
    assert await violations() == []


async def test_a_promise_needs_a_start_to_come_a_store_and_a_class_that_exist(company):
    soon = clock.now() + timedelta(hours=1)
    with pytest.raises(StartInPast):
        await promises.promise(FAN, "GZ", 1, by=KEEPER, starts_at=clock.now())
    with pytest.raises(StartInPast):
        await promises.promise(FAN, "GZ", 1, by=KEEPER, starts_at=soon, expires_at=soon)
    with pytest.raises(NotYourDepot):
        await promises.promise(FAN, "SH", 1, by=KEEPER, starts_at=soon)
    with pytest.raises(Unknown):
        await promises.promise(FAN, "GZ", 1, by=KEEPER, starts_at=soon, priority_class="royal")


async def test_promises_begin_in_order_of_rank_and_the_owner_of_a_short_one_is_told_once(company):
    starts = clock.now() + timedelta(hours=1)
    low = await promises.promise(PSU, "GZ", 4, by=KEEPER, starts_at=starts, priority_class="planned")
    high = await promises.promise(PSU, "GZ", 4, by=KEEPER, starts_at=starts, priority_class="emergency")

    with clock.at(starts):
        assert await promises.begin_due(by=SETUP) == 1
        assert await promises.begin_due(by=SETUP) == 0
        short = await reservations.reservation_view(low.id)
        step = await db.fetch_one("SELECT owner, done_at FROM step WHERE kind = 'find_stock'")
        await receipts.adjust("GZ", PSU, 2, by=SETUP, reason="found")
        assert await promises.begin_due(by=SETUP) == 1

    assert (await reservations.reservation_view(high.id)).state == "pending"
    assert (short.state, short.short_since) == ("soft", starts)
    assert await events_of("reservation.short") == [str(low.id)]
    assert step is not None
    assert (step["owner"], step["done_at"]) == (KEEPER.name, None)
    assert await db.fetch_value("SELECT done_at IS NOT NULL FROM step WHERE kind = 'find_stock'")
    assert await violations() == []


async def test_a_promise_is_voided_and_expires_without_touching_stock(company):
    starts = clock.now() + timedelta(hours=1)
    first = await promises.promise(FAN, "GZ", 3, by=KEEPER, starts_at=starts)
    second = await promises.promise(FAN, "GZ", 3, by=KEEPER, starts_at=starts, expires_at=starts + timedelta(hours=1))

    await reservations.void_reservation(first.id, by=KEEPER)
    with pytest.raises(ReservationResolved):
        await reservations.post_reservation(second.id, by=KEEPER, to="BANK-GZ")
    with clock.at(starts + timedelta(hours=2)):
        assert await promises.begin_due(by=SETUP) == 0
        assert await reservations.expire_due(by=SETUP) == 1

    assert (await level(FAN, "GZ")).free == 10
    assert await violations() == []


async def test_a_class_gives_a_reservation_its_rank(company):
    severe = await reservations.reserve(FAN, "GZ", 1, by=KEEPER, priority_class="severe")

    assert (severe.priority, severe.priority_class) == (20, "severe")
    with pytest.raises(Unknown):
        await reservations.reserve(FAN, "GZ", 1, by=KEEPER, priority_class="royal")


async def test_who_waits_is_served_by_rank_and_then_by_age(company):
    for depot, count in (("GZ", 6), ("SH", 5)):
        await receipts.adjust(depot, PSU, -count, by=SETUP, reason="gone")
    old = await asked(PSU, 1, reference="old")
    with clock.at(clock.now() + timedelta(minutes=1)):
        younger = await asked(PSU, 1, reference="younger")
        urgent = await asked(PSU, 1, severity="severe", reference="urgent")
    await receipts.adjust("GZ", PSU, 2, by=SETUP, reason="arrived")

    row = await db.fetch_one("SELECT part, source_place, pool FROM request_line WHERE request = $1", old.id)
    assert row is not None
    assert await backorders.fill_backorders(*row, by=SETUP) == 2

    states = {view.reference: (await requests.request_view(view.id)).state for view in (old, younger, urgent)}
    assert states == {"urgent": "reserved", "old": "reserved", "younger": "backordered"}


async def test_a_higher_purpose_takes_over_and_the_loser_is_served_from_elsewhere(company):
    request = await asked(FAN, 2)
    lost = request.lines[0].promise.reservation
    assert lost is not None

    held = await taking_over.take_over(
        lost, by=DISPATCHER, reference="EC-1", priority_class="emergency", reason="data centre down"
    )
    loser = await reservations.reservation_view(lost)
    assert await backorders.lost_reservation(lost, by=SETUP)
    assert not await backorders.lost_reservation(lost, by=SETUP)

    again = (await requests.request_view(request.id)).lines[0]
    assert (loser.state, loser.taken_over_by, held.state, held.quantity) == ("taken_over", held.id, "pending", 2)
    assert await jobs_of("reservation_taken_over") == 1
    assert (again.state, "taken_over" in again.promise.reasons) == ("reserved", True)
    assert again.promise.reservation not in (None, lost)
    assert await events_of("part_request.promise_changed") == [request.number]
    assert [entry.reason for entry in await audit.entries(limit=5, subject=str(lost))] == ["data centre down"]
    assert await violations() == []


async def test_a_loser_without_another_source_waits(company):
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="none elsewhere")
    request = await asked(PSU, 6)
    lost = request.lines[0].promise.reservation
    assert lost is not None

    await taking_over.take_over(lost, by=DISPATCHER, reference="EC-1", priority_class="emergency", reason="r")
    await backorders.lost_reservation(lost, by=SETUP)

    line = (await requests.request_view(request.id)).lines[0]
    assert (line.state, line.promise.firm, line.promise.reservation) == ("backordered", False, None)
    assert (await level(PSU, "GZ")).backordered == 6
    await requests.cancel(request.id, by=DISPATCHER, reason="no need")
    assert (await level(PSU, "GZ")).backordered == 0
    assert await violations() == []


async def test_a_waiting_request_takes_over_what_a_planned_purpose_holds(company):
    held = await reservations.reserve(PSU, "GZ", 6, by=KEEPER, priority_class="planned", reference="tour")
    await receipts.adjust("SH", PSU, -5, by=SETUP, reason="gone")
    request = await asked(PSU, 2, severity="severe")
    assert request.state == "backordered"

    fan = await reservations.reserve(FAN, "GZ", 2, by=KEEPER, priority_class="planned")
    with pytest.raises(for_requests.NobodyWaitsForThis):
        await for_requests.take_over_for_request(fan.id, request.id, by=DISPATCHER, reason="r")
    await for_requests.take_over_for_request(held.id, request.id, by=DISPATCHER, reason="a bank is down")

    line = (await requests.request_view(request.id)).lines[0]
    stock = await level(PSU, "GZ")
    assert (line.state, line.promise.firm, line.promise.reasons) == ("reserved", True, ["took_over"])
    assert (stock.reserved, stock.backordered) == (2, 0)
    assert await violations() == []


async def test_an_equal_purpose_takes_nothing_over(company):
    held = await reservations.reserve(FAN, "GZ", 1, by=KEEPER, priority_class="severe")

    with pytest.raises(NotLowerPriority):
        await taking_over.take_over(held.id, by=DISPATCHER, reference="x", priority_class="severe", reason="r")


async def test_what_a_transfer_carries_is_not_taken_over(company):
    items = [transfers.TransferItem(part_number=FAN, quantity=1)]
    await transfers.draft_transfer("GZ", "SH", items, by=KEEPER)
    carried = (await reservations.reservations(limit=1, seen_by=SETUP))[0]

    with pytest.raises(HeldForTransfer):
        await taking_over.take_over(carried.id, by=DISPATCHER, reference="x", priority_class="emergency", reason="r")


async def test_taking_over_asks_for_a_right_a_depot_a_purpose_and_a_reason(company):
    held = await reservations.reserve(FAN, "SH", 1, by=SH_KEEPER)
    wanted = {"reference": "x", "priority_class": "emergency", "reason": "r"}

    with pytest.raises(NotGranted):
        await taking_over.take_over(held.id, by=SH_KEEPER, **wanted)
    with pytest.raises(NotYourDepot):
        await taking_over.take_over(held.id, by=GZ_DISPATCHER, **wanted)
    with pytest.raises(ReasonMissing):
        await taking_over.take_over(held.id, by=DISPATCHER, **(wanted | {"reason": " "}))
    with pytest.raises(PurposeMissing):
        await taking_over.take_over(held.id, by=DISPATCHER, **(wanted | {"reference": ""}))
    with pytest.raises(MoreThanReserved):
        await taking_over.take_over(held.id, by=DISPATCHER, quantity=2, **wanted)


async def test_over_http_a_reservation_is_promised_extended_and_taken_over(api):
    start = (clock.now() + timedelta(days=1)).isoformat()
    body = {"part_number": FAN, "depot": "GZ", "quantity": 1}
    soft = await api.post("/reservations", body | {"starts_at": start}, role="dispatcher")
    held = (await api.post("/reservations", body | {"priority_class": "planned"}, role="dispatcher")).json()
    path = f"/reservations/{held['id']}"
    taking = {"reference": "EC-9", "priority_class": "emergency", "reason": "down"}

    assert (soft.status_code, soft.json()["state"]) == (201, "soft")
    assert (await api.post(f"{path}/extend", {"expires_at": start}, role=None)).status_code == 401
    assert (await api.post(f"{path}/extend", {"expires_at": start}, role="auditor")).status_code == 403
    assert (await api.post(f"{path}/extend", {}, role="dispatcher")).status_code == 422
    extended = await api.post(f"{path}/extend", {"expires_at": start}, role="dispatcher")
    assert (extended.status_code, extended.json()["expires_at"] is not None) == (200, True)
    assert (await api.post(f"{path}/take-over", taking, role=None)).status_code == 401
    assert (await api.post(f"{path}/take-over", taking, role="warehouse_keeper", depot="GZ")).status_code == 403
    assert (await api.post(f"{path}/take-over", taking, role="dispatcher", depot="SH")).status_code == 403
    unclear = await api.post(f"{path}/take-over", {"reason": "r"}, role="dispatcher")
    assert (unclear.status_code, unclear.json()["code"]) == (422, "purpose_missing")
    taken = await api.post(f"{path}/take-over", taking, role="dispatcher")
    assert (taken.status_code, taken.json()["reference"]) == (201, "EC-9")
    again = await api.post(f"{path}/take-over", taking, role="dispatcher")
    assert (again.status_code, again.json()["code"]) == (409, "reservation_resolved")
    listed = (await api.get("/reservations?holder=EC-9&priority_class=emergency", role="auditor")).json()["items"]
    assert [each["id"] for each in listed] == [taken.json()["id"]]
    ranks = [each["rank"] for each in (await api.get("/priority-classes", role="auditor")).json()]
    assert ranks == sorted(ranks, reverse=True)
    assert len(ranks) == 4


async def test_what_a_request_was_promised_is_resolved_through_it(company):
    asking = await asked(FAN, 2)
    (held,) = await reservations.reservations(limit=5, seen_by=SETUP, part_number=FAN)

    for act in (
        holding.void_reservation(held.id, by=KEEPER),
        holding.post_reservation(held.id, by=KEEPER, to="BANK-GZ"),
        holding.extend(held.id, clock.now() + timedelta(minutes=1), by=KEEPER),
    ):
        with pytest.raises(HeldForRequest) as refusal:
            await act
        assert refusal.value.facts["request"] == asking.number
    with pytest.raises(NotYourDepot):
        await holding.void_reservation(held.id, by=SH_KEEPER)
    assert (await requests.request_view(asking.id)).state == "reserved"
    other = await reservations.reserve(FAN, "GZ", 1, by=KEEPER)
    assert (await holding.void_reservation(other.id, by=KEEPER)).state == "voided"
