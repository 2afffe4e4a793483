"""Stores in somebody's keeping: key-holders, engineers' stocks, handing out by scan, handovers, custody, recounts."""

from datetime import timedelta

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import NotGranted, NotYourDepot, ReasonMissing, Unknown, WrongState
from inventory.people import persons
from inventory.requests import requests
from inventory.stock import handovers, keeping, picking, receipts, units
from inventory.stock.handovers import Item, NotFromHandToHand
from inventory.stock.keeping import HoldsNoParts, RecountTooRare, Scanned, StockOfSomebodyElse
from inventory.stock.refusals import (
    InsufficientStock,
    PickedElsewhere,
    SerialAmbiguous,
    UnitNotHere,
)
from tests.integration.stock.test_picking import picking_of
from tests.integration.stock.test_provisional import two_makers_one_serial
from tests.world import DISPATCHER, DRIVE, FAN, KEEPER, PSU, SETUP, SH_KEEPER


async def engineer(username: str, *, depot: str | None = None, stock: bool = True) -> Actor:
    """An engineer who can sign in, with a stock of their own."""
    person = await persons.add_person(
        persons.NewPerson(username=username, name_zh="工程师", name_en=username.title(), password="x" * 12),
        by=SETUP,
        password_hash="-",
    )
    await persons.grant_role(username, "engineer", by=SETUP, depot=depot)
    if stock:
        await keeping.set_up_stock(username, by=DISPATCHER)
    actor = await persons.actor_of(person)
    assert actor is not None
    return actor


async def custodian(serial: str) -> str | None:
    return await db.fetch_value(
        "SELECT username FROM unit LEFT JOIN person ON person.id = unit.custodian WHERE serial = $1", serial
    )


async def test_an_engineers_stock_is_theirs_and_counted_now_and_then(company):
    await engineer("li")

    kept = (await keeping.keepings(limit=5, seen_by=SETUP, kind="engineer_stock"))[0]
    assert (kept.depot, kept.key_holder, kept.recount_days, kept.pieces) == ("li", "li", 30, 0)
    again = await keeping.set_up_stock("li", by=DISPATCHER)
    assert again.depot == "li"


async def test_what_is_handed_over_is_in_transit_until_the_engineer_accepts(company):
    li = await engineer("li")

    given = await handovers.give(
        "GZ", "li", [Item(part_number=DRIVE, serials=["ZL2-0002"]), Item(part_number=FAN, quantity=3)], by=KEEPER
    )
    nothing = await handovers.in_hand(of=li, limit=10)
    on_the_road = await custodian("ZL2-0002")
    books = await violations()
    accepted = await handovers.accept(given.id, by=li)

    mine = await handovers.in_hand(of=li, limit=10)
    assert (given.state, accepted.state, accepted.answered_by, nothing) == ("given", "accepted", "li", [])
    assert [(line.part_number, line.quantity) for line in given.lines] == [(FAN, 3), (DRIVE, 1)]
    assert [(part.part_number, part.quantity, part.reserved, part.serials) for part in mine] == [
        (FAN, 3, 0, []),
        (DRIVE, 1, 0, ["ZL2-0002"]),
    ]
    assert (on_the_road, await custodian("ZL2-0002")) == (None, "li")
    assert books == await violations() == []


async def test_custody_passes_from_engineer_to_engineer_and_back_to_the_depot(company):
    li, wang = await engineer("li"), await engineer("wang")
    item = [Item(part_number=DRIVE, serials=["ZL2-0001"])]
    await handovers.accept((await handovers.give("GZ", "li", item, by=KEEPER)).id, by=li)

    between = await handovers.give("li", "wang", item, by=li)
    giver_until_accepted = await custodian("ZL2-0001")
    await handovers.accept(between.id, by=wang)
    takers = await custodian("ZL2-0001")
    back = await handovers.give("wang", "GZ", item, by=wang)
    with pytest.raises(NotYourDepot):
        await handovers.accept(back.id, by=SH_KEEPER)
    await handovers.accept(back.id, by=KEEPER)

    assert (giver_until_accepted, takers, await custodian("ZL2-0001")) == ("li", "wang", None)
    assert await violations() == []


async def test_what_is_declined_returns_to_where_it_came_from(company):
    li = await engineer("li")
    first = await handovers.give("GZ", "li", [Item(part_number=FAN, quantity=2)], by=KEEPER)
    second = await handovers.give("GZ", "li", [Item(part_number=FAN, quantity=1)], by=KEEPER)

    declined = await handovers.decline(first.id, by=li, reason="wrong part")
    taken_back = await handovers.decline(second.id, by=KEEPER, reason="needed here")

    assert (declined.state, taken_back.answered_by) == ("declined", KEEPER.name)
    assert (
        await db.fetch_value(
            "SELECT on_hand FROM level JOIN place ON place.id = level.place JOIN part ON part.id = level.part "
            "WHERE place.code = 'GZ' AND part_number = $1",
            FAN,
        )
        == 10
    )
    with pytest.raises(WrongState):
        await handovers.accept(first.id, by=li)
    assert await violations() == []


async def test_nobody_takes_or_gives_what_is_not_in_their_hands(company):
    li, wang = await engineer("li"), await engineer("wang")
    given = await handovers.give("GZ", "li", [Item(part_number=FAN)], by=KEEPER)

    with pytest.raises(NotYourDepot):
        await handovers.accept(given.id, by=wang)
    with pytest.raises(NotYourDepot):
        await handovers.decline(given.id, by=wang, reason="r")
    with pytest.raises(NotYourDepot):
        await handovers.give("GZ", "wang", [Item(part_number=FAN)], by=wang)
    with pytest.raises(NotYourDepot):
        await handovers.give("li", "GZ", [Item(part_number=FAN)], by=KEEPER)
    with pytest.raises(InsufficientStock):
        await handovers.give("li", "wang", [Item(part_number=FAN)], by=li)
    with pytest.raises(NotFromHandToHand):
        await handovers.give("GZ", "SH", [Item(part_number=FAN)], by=KEEPER)
    with pytest.raises(ReasonMissing):
        await handovers.decline(given.id, by=li, reason="")
    with pytest.raises(NotGranted):
        await handovers.give("GZ", "li", [Item(part_number=FAN)], by=DISPATCHER)


async def test_an_engineer_uses_a_part_of_their_own_by_scan(company):
    li = await engineer("li")
    items = [Item(part_number=DRIVE, serials=["ZL2-0004"]), Item(part_number=FAN, quantity=2)]
    await handovers.accept((await handovers.give("GZ", "li", items, by=KEEPER)).id, by=li)

    issued = await keeping.issue_by_scan(
        "li", [Scanned(code="ZL2-0004"), Scanned(code=FAN)], by=li, to="BANK-GZ", reference="INC-7"
    )

    assert [(line.part_number, line.serials) for line in issued.lines] == [(FAN, []), (DRIVE, ["ZL2-0004"])]
    assert await custodian("ZL2-0004") is None
    assert [part.quantity for part in await handovers.in_hand(of=li, limit=5)] == [1]
    assert await violations() == []


async def test_an_on_site_store_serves_its_key_holder_and_its_own_engineers(company):
    holder, local = await engineer("holder", stock=False), await engineer("local", depot="ZJ", stock=False)
    stranger = await engineer("stranger", stock=False)
    await keeping.appoint("ZJ", "holder", by=DISPATCHER, recount_days=7)

    with pytest.raises(NotYourDepot):
        await keeping.issue_by_scan("ZJ", [Scanned(code=PSU)], by=stranger, to="TELCO-ZJ")
    await keeping.issue_by_scan("ZJ", [Scanned(code=PSU)], by=holder, to="TELCO-ZJ")
    last = await keeping.issue_by_scan("ZJ", [Scanned(code=PSU)], by=local, to="TELCO-ZJ")

    assert last.lines[0].quantity == 1
    assert await violations() == []
    with pytest.raises(InsufficientStock):
        await keeping.issue_by_scan("ZJ", [Scanned(code=PSU)], by=local, to="TELCO-ZJ")


async def test_a_unit_scanned_twice_leaves_only_once(company):
    with pytest.raises(UnitNotHere):
        await keeping.issue_by_scan("GZ", [Scanned(code="ZL2-0001"), Scanned(code="ZL2-0001")], by=KEEPER, to="BANK-GZ")


async def test_a_part_number_scanned_twice_hands_out_two(company):
    issued = await keeping.issue_by_scan("GZ", [Scanned(code=DRIVE), Scanned(code=DRIVE)], by=KEEPER, to="BANK-GZ")

    assert [(line.quantity, line.serials) for line in issued.lines] == [(2, ["ZL2-0000", "ZL2-0001"])]


async def test_a_request_of_an_engineer_is_answered_from_their_own_stock(company):
    li = await engineer("li")
    await handovers.accept((await handovers.give("GZ", "li", [Item(part_number=FAN)], by=KEEPER)).id, by=li)
    new = requests.NewRequest(
        source="glpi",
        reference="R-1",
        device_serial="BANK-007",
        severity="severe",
        engineer="li",
        lines=[requests.NewRequestLine(part_number=FAN, quantity=1)],
    )

    answered = await requests.open_request(new, by=DISPATCHER)

    assert answered.lines[0].promise.depot == "li"


async def test_recounts_open_for_the_key_holder_when_they_fall_due(company):
    await engineer("holder", stock=False)
    await keeping.appoint("ZJ", "holder", by=DISPATCHER, recount_days=7)

    first, again = await keeping.open_recounts(), await keeping.open_recounts()
    step = await db.fetch_one("SELECT owner, subject, place_code FROM step WHERE kind = 'recount'")
    with clock.at(clock.now() + timedelta(days=7)):
        later = await keeping.open_recounts()

    assert (first, again, later) == (1, 0, 1)
    assert step is not None
    assert tuple(step) == ("holder", "ZJ", "ZJ")


async def test_custody_of_what_lies_in_a_store_goes_with_its_key(company):
    await engineer("old", stock=False)
    await engineer("new", stock=False)

    await keeping.appoint("GZ", "old", by=DISPATCHER)
    before = await custodian("ZL2-0000")
    await keeping.appoint("GZ", "new", by=DISPATCHER)
    await receipts.adjust("GZ", DRIVE, 1, by=SETUP, reason="found", serials=["ZL2-0099"])

    assert (before, await custodian("ZL2-0000"), await custodian("ZL2-0099")) == ("old", "new", "new")


async def test_naming_a_key_holder_is_checked(company):
    with pytest.raises(NotGranted):
        await keeping.appoint("ZJ", None, by=KEEPER)
    with pytest.raises(Unknown):
        await keeping.appoint("ZJ", "nobody", by=DISPATCHER)
    with pytest.raises(Unknown):
        await keeping.set_up_stock("nobody", by=DISPATCHER)
    with pytest.raises(RecountTooRare):
        await keeping.appoint("ZJ", None, by=DISPATCHER, recount_days=0)


async def test_over_http_from_anonymous_to_in_hand(api):
    await engineer("li")
    body = {"from_place": "GZ", "to_place": "li", "lines": [{"part_number": FAN, "quantity": 2}]}
    keeper = {"role": "warehouse_keeper", "depot": "GZ"}

    assert (await api.post("/handovers", body, role=None)).status_code == 401
    assert (await api.post("/handovers", body, role="auditor")).status_code == 403
    assert (await api.post("/handovers", body, role="warehouse_keeper", depot="SH")).status_code == 403
    assert (await api.post("/handovers", body | {"lines": []}, **keeper)).status_code == 422
    assert (await api.post("/handovers", body | {"to_place": "SH"}, **keeper)).json()["code"] == "not_from_hand_to_hand"
    assert (await api.post("/handovers", body, idempotency_key=None, **keeper)).status_code == 400
    given = await api.post("/handovers", body, **keeper)
    assert (given.status_code, given.json()["state"]) == (201, "given")
    path = f"/handovers/{given.json()['id']}"
    assert (await api.get(path, role="auditor")).json() == given.json()
    assert (await api.get(path, role="warehouse_keeper", depot="SH")).status_code == 404
    assert (await api.post(f"{path}/accept", role="engineer")).json()["code"] == "not_your_depot"
    declined = await api.post(f"{path}/decline", {"reason": "wrong"}, **keeper)
    assert (declined.status_code, declined.json()["state"]) == (200, "declined")
    assert (await api.post(f"{path}/accept", **keeper)).status_code in (403, 409)
    assert [
        each["number"] for each in (await api.get("/handovers?state=declined", role="auditor")).json()["items"]
    ] == [given.json()["number"]]


async def test_over_http_stores_are_kept_issued_from_and_counted(api):
    scan = {"scanned": [{"code": FAN, "quantity": 2}], "to": "BANK-GZ"}

    assert (await api.post("/keepings/ZJ", {"recount_days": 7}, role=None)).status_code == 401
    assert (await api.post("/keepings/ZJ", {"recount_days": 7}, role="engineer")).status_code == 403
    assert (await api.post("/keepings/ZJ", {"recount_days": 7}, role="dispatcher", depot="GZ")).status_code == 403
    assert (await api.post("/keepings/ZJ", {"recount_days": 0}, role="dispatcher")).status_code == 422
    named = await api.post("/keepings/ZJ", {"recount_days": 7}, role="dispatcher")
    assert (named.status_code, named.json()["recount_days"]) == (200, 7)
    assert [each["depot"] for each in (await api.get("/keepings", role="auditor")).json()["items"]] == ["ZJ"]
    assert (await api.post("/engineer-stocks", {"engineer": "nobody"}, role="dispatcher")).status_code == 404
    assert (await api.post("/depots/GZ/issue", scan, role=None)).status_code == 401
    assert (await api.post("/depots/GZ/issue", scan, role="vendor")).status_code == 403
    assert (await api.post("/depots/GZ/issue", scan, role="engineer")).json()["code"] == "not_your_depot"
    assert (await api.post("/depots/GZ/issue", scan, role="warehouse_keeper", depot="SH")).status_code == 403
    issued = await api.post("/depots/GZ/issue", scan, role="warehouse_keeper", depot="GZ")
    assert (issued.status_code, issued.json()["lines"][0]["quantity"]) == (201, 2)
    wanted = {"depot": "GZ", "part_number": FAN}
    assert (await api.post("/recounts", wanted, role=None)).status_code == 401
    assert (await api.post("/recounts", wanted, role="engineer")).status_code == 403
    assert (await api.post("/recounts", wanted, role="inspector", depot="SH")).status_code == 403
    assert (await api.post("/recounts", wanted | {"part_number": "NOPE"}, role="inspector")).status_code == 404
    asked = await api.post("/recounts", wanted, role="inspector")
    assert (asked.status_code, asked.json()["kind"], asked.json()["lines"]) == (201, "recount", 1)
    again = await api.post("/recounts", wanted, role="inspector")
    assert again.json()["number"] == asked.json()["number"]


async def test_keys_and_stocks_are_for_those_who_keep_or_carry_parts(company):
    for username, role in (("clerk", "vendor"), ("keeper", "warehouse_keeper"), ("e1", "engineer"), ("e2", "engineer")):
        person = persons.NewPerson(username=username, name_zh=username, name_en=username, password="")
        await persons.add_person(person, by=SETUP, password_hash="none")
        await persons.grant_role(username, role, by=SETUP, vendor="DISTI" if role == "vendor" else None)
    with pytest.raises(HoldsNoParts):
        await keeping.appoint("ZJ", "clerk", by=DISPATCHER)
    await keeping.appoint("ZJ", "keeper", by=DISPATCHER)
    for username in ("clerk", "keeper"):
        with pytest.raises(HoldsNoParts):
            await keeping.set_up_stock(username, by=DISPATCHER)
    for username in ("e1", "e2"):
        await keeping.set_up_stock(username, by=DISPATCHER)
    with pytest.raises(StockOfSomebodyElse):
        await keeping.appoint("e1", "e2", by=DISPATCHER)


async def test_what_is_picked_leaves_with_its_list_only(company):
    _, made = await picking_of((DRIVE, 1))
    await picking.scan(made.id, "ZL2-0003", by=KEEPER)

    with pytest.raises(PickedElsewhere) as refusal:
        await keeping.issue_by_scan("GZ", [Scanned(code="ZL2-0003")], by=KEEPER, to="BANK-GZ")
    assert refusal.value.facts["number"] == made.number
    with pytest.raises(PickedElsewhere):
        await handovers.give("GZ", "li", [Item(part_number=DRIVE, serials=["ZL2-0003"])], by=await engineer_of_gz())


async def engineer_of_gz() -> Actor:
    await engineer("li")
    return KEEPER


async def test_of_two_makers_same_serial_the_part_or_the_tag_is_asked_for(company):
    await two_makers_one_serial()

    with pytest.raises(SerialAmbiguous) as refusal:
        await keeping.issue_by_scan("GZ", [Scanned(code="SAME")], by=KEEPER, to="BANK-GZ")
    assert {piece["part_number"] for piece in refusal.value.facts["pieces"]} == {DRIVE, "CTRL-1"}
    with pytest.raises(SerialAmbiguous):
        await units.unit("SAME", seen_by=KEEPER)
    assert (await units.unit("SAME", seen_by=KEEPER, part_number=DRIVE)).part_number == DRIVE
    issued = await keeping.issue_by_scan("GZ", [Scanned(code="SAME", part_number=DRIVE)], by=KEEPER, to="BANK-GZ")
    assert issued.lines[0].part_number == DRIVE
