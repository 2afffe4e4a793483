"""A contract's parts statement: what serves it and nothing else, for us and by a link that ends."""

from datetime import timedelta

import pytest

from inventory.assurance import shared_links, statements
from inventory.assurance.shared_links import LinkLifeTooLong, OpenedTooOften
from inventory.ground import clock, db
from inventory.ground.errors import NotGranted, Unknown
from inventory.places import bins
from inventory.stock import placing, receipts
from inventory.stock.pieces import Pieces
from tests.world import DRIVE, FAN, KEEPER, MANAGER, PSU, SETUP, actor

INSPECTOR = actor("inspector", contracts={"C-TELCO"})
IN_A_WEEK = timedelta(days=7)


def lines(statement: statements.Statement) -> dict[tuple[str, str], int]:
    return {(line.part_number, line.depot): line.on_hand for line in statement.lines}


async def test_common_stock_serves_by_the_spare_parts_list(company):
    await bins.enter_bins([bins.NewBin(place="GZ", code="A-1")], by=SETUP)
    await placing.put_away(Pieces("GZ", FAN, quantity=4), "A-1", by=SETUP)

    found = await statements.statement("C-BANK", seen_by=MANAGER)

    fan = next(line for line in found.lines if (line.part_number, line.depot) == (FAN, "GZ"))
    assert (found.pool, found.devices, [store.code for store in found.stores]) == ("common", 160, ["GZ", "SH"])
    assert [way.hours for way in found.stores[0].travel] == [1.2]
    assert {(each.bin, each.quantity) for each in fan.bins} == {("A-1", 4), (None, 6)}
    assert lines(found) == {(FAN, "GZ"): 10, (FAN, "SH"): 4, (PSU, "GZ"): 6, (PSU, "SH"): 5, (DRIVE, "GZ"): 5}


async def test_a_contract_with_its_own_stock_sees_only_that(company):
    await receipts.adjust("GZ", FAN, 2, by=SETUP, reason="r", pool="C-TELCO")

    found = await statements.statement("C-TELCO", seen_by=MANAGER)

    assert (found.dedicated_stock, found.pool, [store.code for store in found.stores]) == (
        True,
        "C-TELCO",
        ["ZJ", "GZ"],
    )
    assert lines(found) == {(PSU, "ZJ"): 2, (FAN, "GZ"): 2}


async def test_an_inspector_reads_only_their_own_contract(company):
    assert (await statements.statement("C-TELCO", seen_by=INSPECTOR)).contract == "C-TELCO"
    assert [each.contract for each in await statements.statements(limit=9, seen_by=INSPECTOR)] == ["C-TELCO"]
    with pytest.raises(Unknown):
        await statements.statement("C-BANK", seen_by=INSPECTOR)
    with pytest.raises(NotGranted):
        await statements.statement("C-BANK", seen_by=KEEPER)


async def test_a_reader_sees_the_stores_of_their_scope(company):
    found = await statements.statement("C-BANK", seen_by=actor("project_manager", depots={"SH"}))

    assert [store.code for store in found.stores] == ["SH"]
    assert {line.depot for line in found.lines} == {"SH"}


async def test_a_link_shows_its_contract_until_it_ends(company):
    made = await shared_links.share("C-TELCO", by=MANAGER, expires_at=clock.now() + IN_A_WEEK, remark="inspector")
    token = made.token or ""

    shown = await shared_links.open_link(token)
    listed = (await shared_links.links("C-TELCO", limit=5, seen_by=MANAGER))[0]

    assert shown.contract == "C-TELCO"
    assert (listed.opened, listed.token) == (1, None)
    assert (
        await db.fetch_value(
            "SELECT count(*) FROM shared_link WHERE position($1::bytea IN token_hash) > 0", token.encode()
        )
        == 0
    )
    with clock.at(clock.now() + IN_A_WEEK), pytest.raises(Unknown):
        await shared_links.open_link(token)
    await shared_links.revoke(made.id, by=MANAGER)
    with pytest.raises(Unknown):
        await shared_links.open_link(token)


async def test_a_link_opens_only_so_often_in_a_minute(company):
    made = await shared_links.share("C-TELCO", by=MANAGER, expires_at=clock.now() + IN_A_WEEK)
    now = clock.now()

    with clock.at(now):
        for _ in range(shared_links.OPENED_PER_MINUTE):
            await shared_links.open_link(made.token or "")
        with pytest.raises(OpenedTooOften):
            await shared_links.open_link(made.token or "")
    with clock.at(now + timedelta(seconds=61)):
        assert (await shared_links.open_link(made.token or "")).contract == "C-TELCO"


async def test_a_link_lives_neither_too_short_nor_too_long(company):
    for life in (timedelta(minutes=5), timedelta(days=93)):
        with pytest.raises(LinkLifeTooLong):
            await shared_links.share("C-TELCO", by=MANAGER, expires_at=clock.now() + life)


async def test_over_http_a_statement_is_shared_and_read_without_signing_in(api):
    links = "/contracts/C-TELCO/statement/links"
    body = {"expires_at": (clock.now() + IN_A_WEEK).isoformat(), "remark": "inspector"}

    assert (await api.get("/contracts/C-TELCO/statement", role=None)).status_code == 401
    assert (await api.get("/contracts/C-TELCO/statement", role="vendor")).status_code == 403
    assert (await api.get("/contracts/C-NONE/statement", role="auditor")).status_code == 404
    statement = await api.get("/contracts/C-TELCO/statement", role="project_manager")
    assert statement.json()["lines"][0]["part_number"] == PSU
    assert "cost" not in statement.text
    assert (await api.post(links, body, role=None)).status_code == 401
    assert (await api.post(links, body, role="engineer")).status_code == 403
    assert (await api.post(links, {}, role="project_manager")).status_code == 422
    assert (await api.post("/contracts/C-NONE/statement/links", body, role="project_manager")).status_code == 404
    made = await api.post(links, body, role="project_manager")
    path = made.json()["path"]

    read = await api.client.get(path, headers={"Accept": "text/html"})
    forged = await api.client.get(path[:-4] + "AAAA", headers={"Accept": "text/html"})
    assert (made.status_code, read.status_code, forged.status_code) == (201, 200, 404)
    assert PSU in read.text
    assert "¥" not in read.text
    assert "测试银行" not in read.text
    listed = (await api.get(links, role="project_manager")).json()["items"]
    assert [each["opened"] for each in listed] == [1]
    assert path.split("/")[-1].split(".")[0] not in (await api.get(links, role="project_manager")).text
    assert (
        await api.post(f"/contracts/statement-links/{made.json()['id']}/revoke", role="engineer")
    ).status_code == 403
    assert (
        await api.post(f"/contracts/statement-links/{made.json()['id']}/revoke", role="project_manager")
    ).status_code == 200
    assert (await api.client.get(path, headers={"Accept": "text/html"})).status_code == 404
