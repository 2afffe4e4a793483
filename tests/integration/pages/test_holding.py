"""The pages of who holds what: reservations, pools, in-hand parts, statements and their links."""

import re
from datetime import timedelta

import httpx
import pytest

from api.access import SESSION_COOKIE
from inventory.ground import clock, db
from inventory.people import persons
from inventory.stock import handovers, keeping, pool_crossings, reservations
from inventory.stock.counting import sheets
from inventory.stock.handovers import Item
from tests.integration.pages.conftest import Visitor
from tests.world import AUDITOR, DISPATCHER, DRIVE, FAN, KEEPER, PSU, SETUP


@pytest.fixture
async def li(visitor):
    """An engineer with a drive in hand and fans on the way."""
    reader: Visitor = await visitor("engineer")
    person = await db.fetch_one("SELECT id, username FROM person ORDER BY id DESC LIMIT 1")
    assert person is not None
    await keeping.set_up_stock(person["username"], by=DISPATCHER)
    actor = await persons.actor_of(person["id"])
    assert actor is not None
    drive = await handovers.give("GZ", actor.name, [Item(part_number=DRIVE, serials=["ZL2-0002"])], by=KEEPER)
    await handovers.accept(drive.id, by=actor)
    return reader, actor


async def test_a_reservation_is_extended_taken_over_and_shown(visitor):
    held = await reservations.reserve(FAN, "GZ", 3, by=KEEPER, priority_class="planned", reference="tour")
    reader = await visitor("dispatcher")
    path = f"/reservations/{held.id}"

    page = (await reader.get(path)).text
    until = (clock.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    extended = await reader.post(f"{path}/extend", {"expires_at": until}, live=False)
    unclear = await reader.post(f"{path}/extend", {"expires_at": "soon"})
    taken = await reader.post(
        f"{path}/take-over",
        {"reference": "EC-1", "priority_class": "emergency", "quantity": "3", "reason": "down"},
        live=False,
    )

    assert "占用" in page
    assert '<option value="planned"' not in page
    assert (extended.status_code, unclear.status_code, taken.status_code) == (303, 422, 303)
    assert "EC-1" in (await reader.get(taken.headers["location"])).text
    assert "已被占用" in (await reader.get(path)).text
    assert FAN in (await reader.get("/reservations?holder=EC-1")).text


async def test_a_reservation_is_released_on_its_page(visitor):
    held = await reservations.reserve(FAN, "GZ", 3, by=KEEPER)
    reader = await visitor("warehouse_keeper", depot="GZ")

    released = await reader.post(f"/reservations/{held.id}/void", live=False)

    assert released.status_code == 303
    assert "已释放" in (await reader.get(f"/reservations/{held.id}")).text


async def test_a_crossing_is_asked_by_one_and_decided_by_another(visitor):
    asker, manager = await visitor("warehouse_keeper", depot="GZ"), await visitor("project_manager")
    form = {
        "depot": "GZ",
        "part_number": PSU,
        "quantity": "1",
        "from_pool": "common",
        "to_pool": "C-TELCO",
        "reason": "r",
    }

    asked = await asker.post("/pool-crossings", form, live=False)
    path = asked.headers["location"]
    refused = await manager.post(f"{path}/refuse", {"reason": "not now"}, live=False)

    assert (asked.status_code, refused.status_code) == (303, 303)
    page = (await manager.get(path)).text
    assert "已驳回" in page
    assert "not now" in page
    assert (await pool_crossings.crossings(limit=1, seen_by=SETUP))[0].state == "refused"


async def test_an_engineer_sees_and_uses_what_is_in_hand(li):
    reader, actor = li

    page = (await reader.get("/my-parts")).text
    held = await reservations.reserve(DRIVE, actor.name, 1, by=DISPATCHER)
    promised = (await reader.get("/my-parts")).text
    await reservations.void_reservation(held.id, by=DISPATCHER)
    used = await reader.post("/my-parts/issue", {"depot": actor.name, "codes": "ZL2-0002", "to": "BANK-GZ"}, live=False)

    assert "ZL2-0002" in page
    assert ("预留 1" in page, "预留 1" in promised) == (False, True)
    assert used.status_code == 303
    assert "ZL2-0002" not in (await reader.get("/my-parts")).text


async def test_an_engineer_accepts_declines_and_gives_back(li):
    reader, actor = li
    coming = await handovers.give("GZ", actor.name, [Item(part_number=FAN, quantity=2)], by=KEEPER)
    unwanted = await handovers.give("GZ", actor.name, [Item(part_number=PSU)], by=KEEPER)

    page = (await reader.get("/my-parts")).text
    accepted = await reader.post(f"/my-parts/{coming.id}/accept", live=False)
    declined = await reader.post(f"/my-parts/{unwanted.id}/decline", {"reason": "wrong"}, live=False)
    form = {"from_place": actor.name, "to_place": "GZ", "part_number": FAN, "quantity": "1"}
    back = await reader.post("/my-parts/give", form, live=False)

    assert coming.number in page
    assert (accepted.status_code, declined.status_code, back.status_code) == (303, 303, 303)
    under_way = await handovers.handovers(limit=9, seen_by=SETUP, state="given")
    assert [(each.from_place, each.to_place) for each in under_way] == [(actor.name, "GZ")]


async def test_a_handover_has_a_page_with_its_paper_that_search_leads_to(li, visitor):
    reader, actor = li
    lent = await handovers.give("GZ", actor.name, [Item(part_number=FAN, quantity=2)], by=KEEPER)
    await handovers.accept(lent.id, by=actor)
    stranger = await visitor("warehouse_keeper", depot="SH")

    mine = (await reader.get("/my-parts")).text
    page = (await reader.get(f"/handovers/{lent.id}")).text
    found = await reader.get(f"/find?q={lent.number}")

    assert f'href="/handovers/{lent.id}"' in mine
    assert f'href="/api/v1/handovers/{lent.id}/papers/loan_note"' in page
    assert ("借用单" in page, FAN in page) == (True, True)
    assert found.headers["location"] == f"/handovers/{lent.id}"
    assert (await stranger.get(f"/handovers/{lent.id}")).status_code == 404


async def test_a_keeper_accepts_what_an_engineer_gives_back(li, visitor):
    _, actor = li
    given = await handovers.give(actor.name, "GZ", [Item(part_number=DRIVE)], by=actor)
    keeper = await visitor("warehouse_keeper", depot="GZ")

    page = (await keeper.get("/my-parts")).text
    accepted = await keeper.post(f"/my-parts/{given.id}/accept", live=False)

    assert given.number in page
    assert accepted.status_code == 303


async def test_a_statement_is_shared_read_by_anybody_with_the_link_and_revoked(visitor, application):
    manager = await visitor("project_manager")

    made = await manager.post("/contracts/C-TELCO/statement/links", {"days": "7", "remark": "inspector Li"})
    address = re.search(r'value="http://test(/s/[^"]+)"', made.text)
    assert address is not None
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test") as anybody:
        assert SESSION_COOKIE not in anybody.cookies
        shown = await anybody.get(address[1], headers={"Accept": "text/html", "Accept-Language": "zh"})
        assert (shown.status_code, PSU in shown.text, "湛江驻场库" in shown.text) == (200, True, True)
        assert "复盘" not in shown.text
        listed = (await manager.get("/contracts/C-TELCO/statement")).text
        assert "inspector Li" in listed
        assert address[1] not in listed
        link = re.search(r"/statement/links/([0-9a-f-]+)/revoke", listed)
        assert link is not None
        await manager.post(f"/contracts/C-TELCO/statement/links/{link[1]}/revoke", live=False)
        assert (await anybody.get(address[1], headers={"Accept": "text/html"})).status_code == 404


async def test_a_recount_is_asked_for_on_the_spot(visitor):
    supervisor = await visitor("quality_supervisor")
    form = {"depot": "GZ", "part_number": FAN}

    asked = await supervisor.post("/contracts/C-BANK/statement/recount", form, live=False)
    again = await (await visitor("inspector", contract="C-BANK")).post("/contracts/C-BANK/statement/recount", form)

    (sheet,) = await sheets.counts(limit=2, seen_by=AUDITOR)
    assert (asked.status_code, asked.headers["location"]) == (303, f"/counts/{sheet.id}")
    assert (again.status_code, again.headers["location"]) == (303, f"/counts/{sheet.id}")
    assert (sheet.kind, sheet.depot, sheet.scope) == ("recount", "GZ", {"part": FAN, "bin": None})
    assert sheet.due_at <= sheet.created_at + timedelta(hours=1)
    assert 'name="quantity"' in (await supervisor.get(f"/counts/{sheet.id}/bin")).text


@pytest.mark.parametrize("line", [{"depot": "SH", "part_number": "NOPE"}, {"depot": "NOPE", "part_number": FAN}])
async def test_only_a_line_of_the_statement_is_recounted(visitor, line):
    supervisor = await visitor("quality_supervisor")

    answer = await supervisor.post("/contracts/C-BANK/statement/recount", line)

    assert (answer.status_code, "找不到清单行" in answer.text) == (404, True)
    assert await sheets.counts(limit=1, seen_by=AUDITOR) == []
