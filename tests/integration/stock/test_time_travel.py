"""Time travel: what was there, and where every unit was, as it happened and as it was known."""

from datetime import timedelta

import pytest

from inventory.ground import clock
from inventory.places import bins
from inventory.places.bins import NewBin
from inventory.stock import placing, receipts, reservations, time_travel
from inventory.stock.pieces import Pieces
from inventory.stock.time_travel import InTheFuture
from tests.world import AUDITOR, DRIVE, FAN, KEEPER, PSU, SETUP, SH_KEEPER, SUPERVISOR


@pytest.fixture
async def past(company):
    """Three hours: fans put away after one, two issued after two but recorded only at the end."""
    start = clock.now()
    with clock.at(start + timedelta(hours=1)):
        await bins.enter_bins([NewBin(place="GZ", code="A-01")], by=SETUP)
        await placing.put_away(Pieces("GZ", FAN, quantity=4), "A-01", by=KEEPER)
        await placing.put_away(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "A-01", by=KEEPER)
    with clock.at(start + timedelta(hours=3)):
        for part, count in ((FAN, 8), (DRIVE, 1)):
            held = await reservations.hold(part, "GZ", count, by=KEEPER)
            serials = ["ZL2-0001"] if part == DRIVE else []
            at = start + timedelta(hours=2)
            await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", serials=serials, occurred_at=at)
    with clock.at(start + timedelta(hours=4)):
        yield lambda hours: start + timedelta(hours=hours)


async def fans(at, **more):
    rows = await time_travel.stock_as_of(at, limit=10, seen_by=AUDITOR, part_number=FAN, depot="GZ", **more)
    return {row.bin if more.get("bins") else "store": row.on_hand for row in rows}


async def test_stock_follows_what_happened_and_what_was_known(past):
    assert await fans(past(1.5)) == {"store": 10}
    assert await fans(past(2.5)) == {"store": 2}
    assert await fans(past(2.5), known_at=past(2.5)) == {"store": 10}
    assert await fans(past(3.5), known_at=past(3.5)) == {"store": 2}


async def test_bins_are_told_as_they_were(past):
    assert await fans(past(0.5), bins=True) == {None: 10}
    assert await fans(past(1.5), bins=True) == {None: 6, "A-01": 4}
    assert sum((await fans(past(2.5), bins=True)).values()) == 2


async def test_a_unit_is_where_it_was(past):
    async def where(at, **more):
        found = await time_travel.units_as_of(at, limit=20, seen_by=AUDITOR, part_number=DRIVE, **more)
        return next((unit.place, unit.bin) for unit in found if unit.serial == "ZL2-0001")

    assert await where(past(0.5)) == ("GZ", None)
    assert await where(past(1.5)) == ("GZ", "A-01")
    assert await where(past(2.5)) == ("BANK-GZ", None)
    assert await where(past(2.5), known_at=past(2.5)) == ("GZ", "A-01")


async def test_a_reversal_mends_the_present_and_not_the_past(past):
    from_before = await fans(past(4))
    await receipts.adjust("GZ", FAN, 5, by=SUPERVISOR, reason="found")
    assert await fans(past(3.9)) == from_before


async def test_two_instants_are_compared_with_their_value(past):
    rows = await time_travel.changes_between(past(1.5), past(2.5), limit=10, seen_by=AUDITOR)
    assert [(row.part_number, row.earlier, row.later) for row in rows] == [(FAN, 10, 2), (DRIVE, 5, 4)]
    assert str(rows[0].later_value_cny) == "520.00"
    with pytest.raises(InTheFuture):
        await time_travel.changes_between(past(1), past(9), limit=10, seen_by=AUDITOR)


async def test_the_whole_is_what_its_lines_add_up_to(past):
    rows = await time_travel.stock_as_of(past(2.5), limit=50, seen_by=AUDITOR)
    total = await time_travel.total_as_of(past(2.5), seen_by=AUDITOR)

    assert total.pieces == sum(row.on_hand for row in rows)
    assert total.value_cny == sum(row.value_cny for row in rows)
    assert not hasattr((await time_travel.total_as_of(past(2.5), seen_by=KEEPER)).value_cny, "quantize")


async def test_the_past_too_is_told_within_ones_depots(past):
    stock = await time_travel.stock_as_of(past(1), limit=50, seen_by=SH_KEEPER)
    assert {(row.depot, row.part_number) for row in stock} == {("SH", FAN), ("SH", PSU)}
    assert await time_travel.units_as_of(past(1), limit=50, seen_by=SH_KEEPER) == []
    assert await time_travel.stock_as_of(past(1), limit=50, seen_by=SH_KEEPER, depot="GZ") == []


async def test_the_past_is_asked_over_http(api):
    at = clock.now().isoformat().replace("+00:00", "Z")
    assert (await api.get(f"/stock?as_of={at}", role=None)).status_code == 401
    assert (await api.get(f"/stock?as_of={at}", role="vendor")).status_code == 403
    assert (await api.get("/stock?as_of=yesterday", role="auditor")).status_code == 422
    whole = (await api.get(f"/stock?as_of={at}&depot=GZ&part={FAN}", role="auditor")).json()["items"]
    by_bin = (await api.get(f"/stock?as_of={at}&depot=GZ&part={FAN}&detail=bin", role="inspector")).json()["items"]
    units = (await api.get(f"/units?as_of={at}&depot=GZ&limit=2", role="inspector")).json()

    assert (whole[0]["on_hand"], "bin" in whole[0], whole[0]["value_cny"]) == (10, False, "2600.00")
    assert (by_bin[0]["bin"], "value_cny" in by_bin[0]) == (None, False)
    assert (len(units["items"]), units["items"][0]["place"]) == (2, "GZ")
    following = (await api.get(f"/units?as_of={at}&depot=GZ&cursor={units['next_cursor']}", role="inspector")).json()
    assert len(following["items"]) == 3


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("kind=put_away", {"put_away"}),
        ("actor=service:setup", {"adjustment"}),
        ("serial=ZL2-0001", {"put_away", "adjustment"}),
        ("kind=issue", set()),
    ],
)
async def test_the_ledger_is_filtered_over_http(api, query, kinds):
    await bins.enter_bins([NewBin(place="GZ", code="A-01")], by=SETUP)
    await placing.put_away(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "A-01", by=KEEPER)
    lines = (await api.get(f"/movements?{query}", role="auditor")).json()["items"]

    assert {line["kind"] for line in lines} == kinds
