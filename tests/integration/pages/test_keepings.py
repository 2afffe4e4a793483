"""The pages of key-holders, inspections and what is inspected on receipt."""

import re

from inventory.catalogue import parts
from inventory.ground import db
from inventory.people import posts
from inventory.places import bins, register
from inventory.stock import transfers
from inventory.stock.shipments import Dispatch
from inventory.stock.transfers import TransferItem
from tests.integration.pages.conftest import add_person
from tests.world import FAN, SETUP


async def test_a_key_holder_is_named_and_an_engineer_gets_a_stock(visitor, password_hash):
    dispatcher = await visitor("dispatcher")
    await add_person("wang", "engineer", password_hash)

    named = await dispatcher.post("/keepings", {"depot": "ZJ", "key_holder": "wang", "recount_days": "30"}, live=False)
    given = await dispatcher.post("/engineer-stocks", {"engineer": "wang", "recount_days": "14"}, live=False)
    changed = await dispatcher.post("/keepings/ZJ", {"key_holder": "", "recount_days": ""}, live=False)

    assert (named.status_code, given.status_code, changed.status_code) == (303, 303, 303)
    page = (await dispatcher.get("/keepings")).text
    assert "测试员的个人备件库" in page
    assert await db.fetch_value("SELECT count(*) FROM store_keeping WHERE key_holder IS NOT NULL") == 1


async def test_nonsense_names_no_key_holder(own_visitor):
    dispatcher = await own_visitor("dispatcher")

    for form, status in (
        ({"depot": "NOPE"}, 404),
        ({"depot": "ZJ", "key_holder": "nobody"}, 404),
        ({"depot": "ZJ", "recount_days": "often"}, 422),
        ({"depot": "ZJ", "recount_days": "4000"}, 422),
    ):
        assert (await dispatcher.post("/keepings", form)).status_code == status, form
    assert (await dispatcher.post("/engineer-stocks", {"engineer": "nobody"})).status_code == 404


async def test_a_part_and_a_vendor_are_inspected_on_receipt_and_no_longer(visitor):
    supervisor = await visitor("quality_supervisor")
    path = "/inspections/on-receipt"

    await supervisor.post(path, {"what": "part", "key": FAN, "inspect": "yes"}, live=False)
    await supervisor.post(path, {"what": "vendor", "key": "DISTI", "inspect": "yes"}, live=False)
    page = (await supervisor.get(path)).text
    await supervisor.post(path, {"what": "part", "key": FAN, "inspect": "no"}, live=False)
    unknown = await supervisor.post(path, {"what": "part", "key": "NOPE", "inspect": "yes"})

    assert FAN in page
    assert 'name="key" value="DISTI"' in page
    assert unknown.status_code == 404
    assert await parts.inspected_on_receipt(limit=9, seen_by=SETUP) == []


async def test_a_store_is_taken_out_of_service_and_returns_with_what_waits_there_told(visitor):
    dispatcher = await visitor("dispatcher")
    await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=2)], by=SETUP)

    before = (await dispatcher.get("/depots/GZ")).text
    taken = await dispatcher.post("/depots/GZ/out-of-service", {"reason": "水浸"}, live=False)
    out = (await dispatcher.get("/depots/GZ")).text
    listed = (await dispatcher.get("/keepings")).text
    master = (await dispatcher.get("/master-data/depots/rows/GZ")).text
    back = await dispatcher.post("/depots/GZ/in-service", {"reason": "已排水"}, live=False)

    assert (taken.status_code, back.status_code) == (303, 303)
    assert "从本库调出" in before
    assert 'action="/depots/GZ/out-of-service"' in before
    assert ("停用备件库" in out, "水浸" in out) == (True, True)
    assert "停用" in listed
    assert 'href="/depots/GZ"' in master
    assert 'action="/depots/GZ/out-of-service"' in (await dispatcher.get("/depots/GZ")).text


async def test_nobody_else_switches_a_store_off_nor_twice(own_visitor):
    here, elsewhere = await own_visitor("dispatcher", depot="GZ"), await own_visitor("dispatcher", depot="SH")

    assert (await elsewhere.get("/depots/GZ")).status_code == 404
    assert (await elsewhere.post("/depots/GZ/out-of-service", {"reason": "x"})).status_code == 404
    assert (await here.post("/depots/GZ/out-of-service", {"reason": "  "})).status_code == 422
    assert (await here.post("/depots/GZ/out-of-service", {"reason": "x"}, live=False)).status_code == 303
    twice = await here.post("/depots/GZ/out-of-service", {"reason": "x"})
    assert twice.status_code == 409
    assert "当前状态为“停用”，此操作要求状态为“启用”" in twice.text
    assert await db.fetch_value("SELECT count(*) FROM place WHERE out_of_service_at IS NOT NULL") == 1


async def test_over_http_a_store_goes_out_of_service_and_says_what_waits(api):
    ways = {"role": "dispatcher"}
    waiting = await api.get("/depots/GZ/waiting", **ways)
    out = await api.post("/depots/GZ/out-of-service", {"reason": "flood"}, **ways)
    again = await api.post("/depots/GZ/out-of-service", {"reason": "flood"}, **ways)
    back = await api.post("/depots/GZ/in-service", {"reason": "dry"}, **ways)

    assert (waiting.json()["pieces"], waiting.json()["transfers_from"]) == (24, 0)
    assert out.json()["out_of_service_at"] is not None
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    assert back.json()["out_of_service_at"] is None
    assert (await api.post("/depots/GZ/in-service", {"reason": ""}, **ways)).status_code == 422
    assert (await api.get("/depots/NOPE/waiting", **ways)).status_code == 404
    trail = (await api.get("/audit?subject=GZ&action=depot.out_of_service", role="auditor")).json()["items"]
    assert [entry["reason"] for entry in trail] == ["flood"]


async def test_the_audit_trail_is_read_in_words_and_by_what_was_done(visitor):
    await register.take_out_of_service("GZ", by=SETUP, reason="flood")
    await register.return_to_service("GZ", by=SETUP, reason="dry")
    auditor = await visitor("auditor")

    zh = (await auditor.get("/audit?action=depot.out_of_service")).text
    en = (await auditor.get("/audit?subject=GZ", language="en")).text

    assert ("停用备件库" in zh, "flood" in zh, "dry" in zh) == (True, True, False)
    assert '<option value="depot.out_of_service" selected>停用备件库</option>' in zh
    assert ("store taken out of service" in en, "dry" in en) == (True, True)


async def test_the_audit_trail_says_in_words_what_it_is_about(visitor):
    await posts.enter_post("buyer", None, by=SETUP)
    await bins.enter_bins([bins.NewBin(place="GZ", code=code) for code in ("A-1", "A-2")], by=SETUP)
    draft = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=1)], by=SETUP)
    await transfers.ship(draft.id, by=SETUP, how=Dispatch(mode="courier"))
    auditor = await visitor("auditor")

    async def read(action: str, language: str) -> str:
        return re.sub("<[^>]+>", " ", (await auditor.get(f"/audit?action={action}", language=language)).text)

    assert "2 × 库位" in await read("bin.entered", "zh")
    assert "2 × bin" in await read("bin.entered", "en")
    assert "采购员" in await read("duty_post.entered", "zh")
    assert re.search("运输方式：快递", await read("shipment.shipped", "zh"))
    assert re.search("Way: courier", await read("shipment.shipped", "en"), re.IGNORECASE)
