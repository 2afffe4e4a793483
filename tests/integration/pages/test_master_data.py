"""The pages of master data: a company enters its first depot, changes it, and reads who changed what."""

import re
from urllib.parse import quote

import pytest

from inventory.ground import db
from inventory.master_data.records import KINDS
from tests.integration.master_data.test_records import NEW


@pytest.mark.parametrize("name", KINDS)
async def test_a_row_of_every_kind_is_entered_by_its_form(visitor, name):
    planner = await visitor("planner")

    form = (await planner.get(f"/master-data/{name}/new", language="en")).text
    said = {field: "yes" if value is True else value for field, value in NEW[name].items()}
    entered = await planner.post(f"/master-data/{name}/new", said, live=False)

    assert all(f'name="{field}"' in form for field in NEW[name])
    assert entered.status_code == 303, entered.text
    page = (await planner.get(entered.headers["location"])).text
    assert "录入" in page
    key = entered.headers["location"].rpartition("/")[2]
    assert key in (await planner.get(f"/master-data/{name}?search={next(iter(NEW[name].values()))}")).text


async def test_a_depot_is_renamed_and_what_it_was_called_stays_readable(visitor):
    administrator = await visitor("administrator")
    path = "/master-data/depots/rows/GZ"
    page = (await administrator.get(path)).text
    version = page.split('name="version" value="')[1].split('"')[0]
    form = {
        "version": version,
        "name_zh": "广州总库",
        "name_en": "Guangzhou",
        "city_zh": "广州",
        "city_en": "Guangzhou",
    }

    saved = await administrator.post(path, form, live=False)
    late = await administrator.post(path, form | {"name_zh": "别的名字"}, language="en")

    assert saved.status_code == 303
    shown = (await administrator.get(path)).text
    assert "广州备件库 → <strong>广州总库</strong>" in shown
    assert late.status_code == 412
    assert "changed by somebody else" in late.text


async def test_a_box_that_is_not_ticked_says_no(visitor):
    administrator = await visitor("administrator")
    lane = await db.fetch_value("SELECT max(id) FROM lane WHERE carries_lithium")
    path = f"/master-data/lanes/rows/{lane}"
    version = (await administrator.get(path)).text.split('name="version" value="')[1].split('"')[0]

    await administrator.post(path, {"version": version, "hours": "20", "fixed_cost_cny": "1", "unit_cost_cny": "2"})

    row = await db.fetch_one("SELECT hours, carries_lithium FROM lane WHERE id = $1", lane)
    assert row is not None
    assert (row["hours"], row["carries_lithium"]) == (20, False)


async def test_wrong_fields_are_named_on_the_form(own_visitor):
    administrator = await own_visitor("administrator")

    answer = await administrator.post("/master-data/lanes/new", {"from_place": "GZ", "hours": ["1", "2"]})

    assert answer.status_code == 422
    assert "终点：必填" in answer.text
    assert "时长（小时）：不是数字" in answer.text


async def test_what_is_not_there_is_not_found(visitor):
    administrator = await visitor("administrator")

    for path in ("/master-data/nothing", "/master-data/depots/rows/NOPE", "/master-data/nothing/new"):
        assert (await administrator.get(path)).status_code == 404


async def test_who_may_only_read_finds_no_form(visitor):
    auditor = await visitor("auditor")

    page = (await auditor.get("/master-data/contracts/rows/C-BANK")).text

    assert "测试银行维保" in page
    assert 'name="version"' not in page


@pytest.mark.parametrize("serial", ["A/B-1", "trail/", "a//b", "100%", "x?y=z&w#k", "空 格", "a%2Fb"])
async def test_a_row_whose_name_holds_odd_signs_is_found_on_its_list_and_changed(visitor, serial):
    planner = await visitor("planner")
    said = NEW["devices"] | {"serial": serial}

    entered = await planner.post("/master-data/devices/new", said, live=False)
    listed = (await planner.get("/master-data/devices?search=2.1")).text
    path = re.search(r'href="(/master-data/devices/rows/[^"]+)"', listed)[1]
    page = (await planner.get(path)).text
    version = page.split('name="version" value="')[1].split('"')[0]
    changed = await planner.post(path, {**said, "version": version, "firmware": "9.9"}, live=False)

    assert entered.headers["location"] == path == f"/master-data/devices/rows/{quote(serial, safe='')}"
    assert changed.status_code == 303
    assert "9.9" in (await planner.get(path)).text
    assert f'action="{path}"' in page
