"""The pages of key-holders, inspections and what is inspected on receipt."""

from inventory.catalogue import parts
from inventory.ground import db
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
