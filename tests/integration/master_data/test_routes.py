"""Master data over HTTP: described, listed, entered once, and edited only by who read it last."""

import itertools
from urllib.parse import quote

from api.exchange import exports
from inventory.master_data.records import KINDS
from tests.integration.master_data.test_records import NEW
from tests.integration.test_exports import rows
from tests.world import AUDITOR


async def test_the_kinds_describe_themselves(api):
    kinds = (await api.get("/master-data", role="auditor")).json()

    lanes = next(kind for kind in kinds if kind["name"] == "lanes")
    mode = next(field for field in lanes["fields"] if field["name"] == "mode")
    assert (mode["zh"], mode["required"], mode["fixed"]) == ("运输方式", True, True)
    assert "courier" in mode["choices"]
    assert {kind["name"] for kind in (await api.get("/master-data", role="engineer")).json()} < {
        k["name"] for k in kinds
    }


async def test_a_list_comes_in_pages(api):
    first = (await api.get("/master-data/devices?limit=2&search=BANK-00", role="auditor")).json()
    second = (await api.get(f"/master-data/devices?limit=2&cursor={first['next_cursor']}", role="auditor")).json()

    assert [row["key"] for row in first["items"]] == ["BANK-000", "BANK-001"]
    assert [row["key"] for row in second["items"]] == ["BANK-002", "BANK-003"]


async def test_a_row_is_entered_once_and_again_with_its_key(api):
    body = NEW["depots"]
    first = await api.post("/master-data/depots", body, idempotency_key="k-1")
    again = await api.post("/master-data/depots", body, idempotency_key="k-1")
    twice = await api.post("/master-data/depots", body)

    assert (first.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert (twice.status_code, twice.json()["code"]) == (409, "already_there")
    assert (await api.get("/depots/WH", role="auditor")).json()["name_zh"] == "武汉备件库"


async def test_an_edit_names_what_it_read(api):
    read = await api.get("/master-data/depots/GZ")
    tag = read.headers["ETag"]

    bare = await api.call("PATCH", "/master-data/depots/GZ", {"city_en": "Canton"})
    done = await api.call("PATCH", "/master-data/depots/GZ", {"city_en": "Canton"}, headers_more={"If-Match": tag})
    late = await api.call("PATCH", "/master-data/depots/GZ", {"city_en": "X"}, headers_more={"If-Match": tag})
    any_way = await api.call("PATCH", "/master-data/depots/GZ", {"city_en": "Y"}, headers_more={"If-Match": "*"})

    assert (bare.status_code, bare.json()["code"]) == (400, "if_match_missing")
    assert (done.status_code, done.json()["values"]["city_en"]) == (200, "Canton")
    assert f'"{done.json()["version"]}"' != tag
    assert (late.status_code, late.json()["code"]) == (412, "outdated")
    assert any_way.status_code == 200


async def test_wrong_fields_are_pointed_at(api):
    answer = await api.post("/master-data/lanes", NEW["lanes"] | {"hours": "soon", "colour": 1})

    assert (answer.status_code, answer.json()["code"]) == (422, "fields_invalid")
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/hours", "/colour"}


async def test_kinds_and_rows_that_are_not_there_and_bodies_that_are_no_fields(api):
    for path in ("/master-data/nothing", "/master-data/depots/NOPE", "/master-data/lanes/NOPE"):
        assert (await api.get(path)).status_code == 404
    assert (await api.post("/master-data/nothing", {})).status_code == 404
    assert (await api.post("/master-data/depots", [1])).status_code == 422
    assert (await api.get("/master-data/contracts", role="engineer")).status_code == 403


ODD = ("A/B-1", "/lead", "trail/", "a//b", "100%", "a%2Fb", "x?y=z&w#k", "空 格", "a\\b", "R~1;v", "..a", "a.csv")


async def test_rows_whose_names_hold_odd_signs_are_read_and_changed(api):
    for serial in ODD:
        entered = await api.post("/master-data/devices", NEW["devices"] | {"serial": serial})
        address = f"/master-data/devices/{quote(serial, safe='')}"
        read = await api.get(address, role="auditor")
        tag = {"If-Match": read.headers["ETag"]}
        done = await api.call("PATCH", address, {"firmware": "9.9"}, headers_more=tag)

        assert (entered.status_code, entered.json()["key"]) == (201, serial)
        assert (read.status_code, read.json()["values"]["serial"]) == (200, serial)
        assert (done.status_code, done.json()["values"]["firmware"]) == (200, "9.9")
        assert (await api.get(f"/devices/{quote(serial, safe='')}", role="auditor")).json()["serial"] == serial


async def test_every_kind_comes_as_csv_under_the_headings_of_its_description(api):
    for name, kind in KINDS.items():
        answer = await api.get(f"/master-data/{name}.csv", role="auditor", language="zh")
        listed = await api.get(f"/master-data/{name}?limit=200", role="auditor")
        found = rows(answer)

        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert len(found) == len(listed.json()["items"])
        headings = answer.text.removeprefix("\ufeff").splitlines()[0].split(",")
        assert headings == [field.zh for field in kind.seen(AUDITOR)]
        assert all(any("\u4e00" <= letter <= "\u9fff" for letter in heading) for heading in headings)


async def test_a_kinds_csv_keeps_search_scope_and_costs_and_is_said_in_words(api, monkeypatch):
    monkeypatch.setattr(exports, "AT_ONCE", 7)
    many = rows(await api.get("/master-data/devices.csv", role="auditor"))
    some = rows(await api.get("/master-data/devices.csv?search=BANK-00", role="auditor"))
    own = rows(await api.get("/master-data/depots.csv", role="warehouse_keeper", depot="GZ", language="zh"))
    plain = rows(await api.get("/master-data/parts.csv", role="engineer"))
    calendar = rows(await api.get("/master-data/calendars.csv", role="auditor"))[0]

    assert (len({row["Serial number"] for row in many}), len(some)) == (200, 10)
    assert [(row["编码"], row["类别"]) for row in own] == [("GZ", "备件库")]
    assert not any("CNY" in heading for heading in plain[0])
    assert (calendar["Working days"], calendar["Opens at"]) == ("1, 2, 3, 4, 5", "09:00")
    assert (await api.get("/master-data/contracts.csv", role="engineer")).status_code == 403
    assert (await api.get("/master-data/nothing.csv", role="auditor")).status_code == 404


async def test_no_row_is_called_by_dots_alone(api):
    kinds = [(name, field) for name in KINDS if (field := _own_name(name)) is not None]
    assert len(kinds) > 9
    for (name, field), dots in itertools.product(kinds, (".", "..")):
        answer = await api.post(f"/master-data/{name}", NEW[name] | {field: dots}, language="zh")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{field}"), name
        assert "网址无法表示" in answer.json()["detail"]


def _own_name(kind: str) -> str | None:
    """The field by which addresses name a row of a kind, where it is not a number of ours."""
    field = KINDS[kind].key.partition(".")[2]
    return field if field in ("code", "part_number", "serial") else None
