"""The night's page: the same for everybody, kept whole by a phone, and never a place where data is kept."""

import re

from api.pages.scanning import FILES
from tests.world import KEEPER


async def test_the_page_knows_nobody(visitor):
    anonymous, keeper = await visitor(), await visitor("warehouse_keeper", depot="GZ")
    pages = [await somebody.get("/scan") for somebody in (anonymous, keeper)]

    assert [page.status_code for page in pages] == [200, 200]
    assert pages[0].text == pages[1].text
    assert KEEPER.name not in pages[1].text
    assert "Take" in (await anonymous.get("/scan", language="en")).text


async def test_who_is_signed_in_is_asked_and_never_kept(visitor):
    nobody = await (await visitor()).get("/scan/ready")
    keeper = await (await visitor("warehouse_keeper", depot="GZ")).get("/scan/ready", language="en")

    assert nobody.json() | {"csrf": ""} == {"name": None, "csrf": "", "stores": []}
    assert keeper.json()["stores"] == [["GZ", "Guangzhou"]]
    assert keeper.json()["name"].startswith("warehouse_keeper")
    assert keeper.json()["csrf"]
    assert keeper.headers["cache-control"] == "no-store"


async def test_a_phone_keeps_the_page_and_its_files_and_nothing_else(visitor):
    somebody = await visitor()
    program = await somebody.get("/service-worker.js")
    files = re.findall(r'"(/static/[^"]+)"', program.text)

    assert program.headers["content-type"].startswith("text/javascript")
    assert program.headers["cache-control"] == "no-cache"
    assert len(files) == len(FILES)
    for address in files:
        assert (await somebody.get(address)).status_code == 200
    page = (await somebody.get("/scan")).text
    assert set(re.findall(r'(?:src|href)="(/static/[^"#]+)', page)) <= set(files)
    assert "/api/" not in program.text


async def test_the_page_can_be_put_on_the_home_screen(visitor):
    manifest = await (await visitor()).get("/manifest.webmanifest")

    assert manifest.headers["content-type"].startswith("application/manifest+json")
    assert (manifest.json()["start_url"], manifest.json()["display"]) == ("/scan", "standalone")


async def test_only_what_the_service_can_do_is_offered(visitor, application):
    paths = {re.sub(r"\{[^}]*\}", "{}", route.path) for route in application.routes}
    page = (await (await visitor()).get("/scan")).text
    offered = re.findall(r'"url":"(/api/v1/[^"]+)"', page)

    assert "/api/v1/provisional-issues" in offered
    assert {re.sub(r"\{[^}]*\}", "{}", address) for address in offered} <= paths
