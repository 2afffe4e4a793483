"""Pool crossings: asked for with a reason, decided by a second person, and kept either way."""

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import db
from inventory.ground.errors import NotGranted, NotYourDepot, ReasonMissing, Unknown, WrongState
from inventory.places import bins
from inventory.stock import placing, pool_crossings
from inventory.stock.pieces import Pieces
from inventory.stock.pool_crossings import AskedByYourself, PoolWantsBetter, SamePool
from inventory.stock.refusals import (
    InsufficientStock,
    NoSerials,
    QuantityNotPositive,
    SerialsMissing,
    UnitNotHere,
)
from tests.integration.stock.test_reservations import level
from tests.world import DISPATCHER, DRIVE, FAN, KEEPER, MANAGER, PSU, SETUP, SH_KEEPER, actor

ASK = {"from_pool": "common", "to_pool": "C-TELCO", "reason": "TELCO has none left"}


async def ask(part: str = FAN, quantity: int = 3, **more: object) -> pool_crossings.Crossing:
    return await pool_crossings.ask_crossing("GZ", part, quantity, by=KEEPER, **(ASK | more))


async def come_from_the_makers() -> None:
    await db.execute("UPDATE lot SET provenance = 'maker_direct'")
    await db.execute("UPDATE unit SET provenance = 'maker_direct'")


async def test_asking_moves_nothing(company):
    asked = await ask()

    step = await db.fetch_one("SELECT owner_role FROM step WHERE kind = 'decide_crossing' AND done_at IS NULL")
    assert (asked.state, asked.asked_by, asked.number[:2]) == ("asked", KEEPER.name, "PC")
    assert step is not None
    assert (await level(FAN, "GZ")).on_hand == 10


async def test_agreed_to_pieces_change_their_pool_and_keep_their_bins(company):
    await come_from_the_makers()
    await bins.enter_bins([bins.NewBin(place="GZ", code="A-1")], by=SETUP)
    await placing.put_away(Pieces("GZ", FAN, quantity=10), "A-1", by=SETUP)

    crossed = await pool_crossings.cross((await ask()).id, by=MANAGER, reason="yes")

    shelf = await placing.contents("GZ", limit=10, seen_by=SETUP, bin_code="A-1")
    assert (crossed.state, crossed.decided_by) == ("crossed", MANAGER.name)
    assert {(each.pool, each.quantity) for each in shelf} == {("common", 7), ("C-TELCO", 3)}
    assert ((await level(FAN, "GZ")).on_hand, (await level(FAN, "GZ", "C-TELCO")).on_hand) == (7, 3)
    assert await db.fetch_value("SELECT count(*) FROM movement WHERE kind = 'pool_crossing'") == 1
    assert await violations() == []


async def test_units_cross_by_their_serials(company):
    await come_from_the_makers()
    asked = await ask(DRIVE, 2, serials=["ZL2-0003", "ZL2-0001"])

    await pool_crossings.cross(asked.id, by=MANAGER)

    rows = await db.fetch(
        "SELECT serial FROM unit JOIN pool ON pool.id = unit.pool WHERE pool.code = 'C-TELCO' ORDER BY serial"
    )
    assert [row["serial"] for row in rows] == ["ZL2-0001", "ZL2-0003"]
    assert await violations() == []


async def test_a_contracts_own_stock_takes_nothing_of_doubtful_origin(company):
    with pytest.raises(PoolWantsBetter) as refusal:
        await pool_crossings.cross((await ask()).id, by=MANAGER)

    assert (refusal.value.facts["needed"], refusal.value.facts["grade"]) == ("maker_direct", "authorised_channel")


async def test_whoever_asked_does_not_decide(company):
    asked = await pool_crossings.ask_crossing("GZ", FAN, 1, by=MANAGER, **ASK)

    with pytest.raises(AskedByYourself):
        await pool_crossings.cross(asked.id, by=MANAGER)
    with pytest.raises(AskedByYourself):
        await pool_crossings.refuse(asked.id, by=MANAGER, reason="r")


async def test_a_refused_crossing_is_kept_with_its_reason(company):
    refused = await pool_crossings.refuse((await ask()).id, by=MANAGER, reason="the common stock is short")

    kept = await pool_crossings.crossings(limit=5, seen_by=SETUP, state="refused")
    assert kept == [refused]
    assert refused.decision_reason == "the common stock is short"
    with pytest.raises(WrongState):
        await pool_crossings.cross(refused.id, by=MANAGER)
    assert (await level(FAN, "GZ")).on_hand == 10


async def test_what_is_promised_to_others_does_not_cross(company):
    await come_from_the_makers()

    with pytest.raises(InsufficientStock):
        await pool_crossings.cross((await ask(PSU, 7)).id, by=MANAGER)


async def test_asking_is_checked(company):
    with pytest.raises(ReasonMissing):
        await ask(reason=" ")
    with pytest.raises(SamePool):
        await ask(to_pool="common")
    with pytest.raises(QuantityNotPositive):
        await ask(quantity=0)
    with pytest.raises(SerialsMissing):
        await ask(DRIVE, 2, serials=["ZL2-0001"])
    with pytest.raises(Unknown):
        await ask(to_pool="C-NOBODY")
    with pytest.raises(NotYourDepot):
        await pool_crossings.ask_crossing("GZ", FAN, 1, by=SH_KEEPER, **ASK)


async def test_deciding_needs_the_right_and_the_depot(company):
    asked = await ask()

    with pytest.raises(NotGranted):
        await pool_crossings.cross(asked.id, by=DISPATCHER)
    with pytest.raises(NotYourDepot):
        await pool_crossings.cross(asked.id, by=actor("project_manager", depots={"SH"}))


async def test_over_http_from_anonymous_to_crossed(api):
    await come_from_the_makers()
    body = {"depot": "GZ", "part_number": FAN, "quantity": 2, **ASK}

    assert (await api.post("/pool-crossings", body, role=None)).status_code == 401
    assert (await api.post("/pool-crossings", body, role="engineer")).status_code == 403
    assert (await api.post("/pool-crossings", body, role="warehouse_keeper", depot="SH")).status_code == 403
    assert (await api.post("/pool-crossings", body | {"quantity": 0}, role="dispatcher")).status_code == 422
    asked = (await api.post("/pool-crossings", body, role="dispatcher")).json()
    path = f"/pool-crossings/{asked['id']}"
    assert (await api.get(path, role="warehouse_keeper", depot="SH")).status_code == 404
    assert (await api.post(f"{path}/approve", role="dispatcher")).status_code == 403
    assert (await api.post(f"{path}/refuse", {"reason": ""}, role="project_manager")).status_code == 422
    approved = await api.post(f"{path}/approve", role="project_manager")
    assert (approved.status_code, approved.json()["state"]) == (200, "crossed")
    again = await api.post(f"{path}/refuse", {"reason": "r"}, role="project_manager")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    assert [each["id"] for each in (await api.get("/pool-crossings", role="auditor")).json()["items"]] == [asked["id"]]


async def test_only_what_lies_free_in_the_other_pool_is_asked_for(company):
    for which, refusal in (
        ({"quantity": 99}, InsufficientStock),
        ({"quantity": 1, "serials": ["F-1"]}, NoSerials),
        ({"part": DRIVE, "quantity": 1, "serials": ["NOPE"]}, UnitNotHere),
    ):
        with pytest.raises(refusal):
            await ask(**which)
    assert await pool_crossings.crossings(limit=5, seen_by=SETUP) == []
