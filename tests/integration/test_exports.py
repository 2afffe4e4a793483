"""Exports: every list as CSV, with its own filters, scope, costs and languages; sent as it is read."""

import csv
import io
from decimal import Decimal

import pytest

from api.exchange import exports
from api.exchange.headings import CHINESE, LEFT_OUT
from inventory.catalogue.register import NewPart, enter_parts
from inventory.ground import clock, db
from tests.conftest import the_application
from tests.integration.test_routes import ROUTES
from tests.world import DRIVE, FAN, PSU, SETUP


def rows(answer) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    text = answer.content.decode()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


LISTS = [(path, operation) for _, path, operation in ROUTES if operation.startswith("Export") and "NOPE" not in path]


def all_lists():
    for handler in {handler for route in the_application().routes
                    for handler in getattr(route, "route_handlers", []) if getattr(handler, "operation_id", None)}:  # fmt: skip
        item = exports.item_of(handler)
        if item is not None and not all(path.endswith("}") for path in handler.paths):  # rows of many kinds: no columns
            yield handler, item


def test_no_list_of_the_api_lacks_its_export():
    lists = {str(handler.operation_id) for handler, _ in all_lists()}
    operations = {operation for *_, operation in ROUTES}

    assert len(lists) >= 28
    assert {f"Export{name.removeprefix('List').removeprefix('Get')}" for name in lists} <= operations


def test_a_list_is_asked_for_page_by_page():
    for handler, _ in all_lists():
        names = set(handler.parsed_fn_signature.parameters)
        assert {"request", "cursor", "limit"} <= names, handler.operation_id


def test_every_exported_column_has_its_chinese_heading():
    fields = {field for _, item in all_lists() for field in item.__struct_encode_fields__}

    assert sorted(fields - LEFT_OUT - CHINESE.keys()) == []


@pytest.mark.parametrize(("path", "operation"), LISTS, ids=[operation for _, operation in LISTS])
async def test_every_list_comes_as_csv_with_the_rows_of_its_pages(api, path, operation):
    if "{" in path or operation in {
        "ExportAttachments",
        "ExportImportFindings",
        "ExportCountLines",
        "ExportVendorInquiries",
        "ExportVendorOrders",
        "ExportVendorRmas",
        "ExportQuotes",
    }:
        return  # lists of one document, and of one vendor, tested where that is
    asked = {"ExportStockAsOf": f"?as_of={clock.now():%Y-%m-%dT%H:%M:%SZ}", "ExportPrices": f"?part={DRIVE}"}
    query = asked.get(operation, "")
    role = (
        "administrator" if operation in {"ExportImports", "ExportPeople", "ExportKeys", "ExportMessages"} else "auditor"
    )
    answer = await api.get(path + query, role=role)
    listed = (
        await api.get(f"{path.removesuffix('.csv')}{query or '?'}{'&' if query else ''}limit=200", role=role)
    ).json()

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert listed["next_cursor"] is None
    assert len(rows(answer)) == len(listed["items"])


async def test_an_export_goes_on_over_many_pages(api, monkeypatch):
    monkeypatch.setattr(exports, "AT_ONCE", 7)
    found = rows(await api.get("/devices.csv", role="auditor"))

    assert len(found) == 200
    assert len({row["Serial"] for row in found}) == 200


async def test_an_export_keeps_filters_scope_and_language(api):
    filtered = rows(await api.get(f"/levels.csv?part={FAN}", role="auditor"))
    scoped = rows(await api.get("/levels.csv", role="warehouse_keeper", depot="GZ"))
    chinese = rows(await api.get(f"/levels.csv?part={FAN}&depot=GZ", role="auditor", language="zh"))
    invalid = await api.get("/levels.csv?below=the_clouds", role="auditor")

    assert {(row["Part number"], row["Depot"]) for row in filtered} == {(FAN, "GZ"), (FAN, "SH")}
    assert {row["Depot"] for row in scoped} == {"GZ"}
    assert [(row["备件编号"], row["可用库存"]) for row in chinese] == [(FAN, "10")]
    assert invalid.status_code == 422


async def test_an_export_hides_costs_as_the_list_does(api):
    priced = rows(await api.get("/parts.csv", role="buyer"))
    plain = rows(await api.get("/parts.csv", role="engineer"))

    assert {row["Part number"]: row["Unit cost CNY"] for row in priced}[PSU] == "1250.00"
    assert "Unit cost CNY" not in plain[0]
    assert len(plain) == len(priced)


async def test_no_cell_of_an_export_is_a_formula(api):
    hostile = ("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", '名称,"引号"\n换行')
    await enter_parts(
        [
            NewPart(
                part_number=f"EVIL-{n}",
                name_zh=name,
                name_en=name,
                kind="fan",
                unit_cost_cny=Decimal(1),
                holding_rate_per_year=0.2,
            )
            for n, name in enumerate(hostile)
        ],
        by=SETUP,
    )
    found = {row["Part number"]: row["Name en"] for row in rows(await api.get("/parts.csv", role="auditor"))}

    assert [found[f"EVIL-{n}"] for n in range(6)] == [*(f"'{name}" for name in hostile[:5]), hostile[5]]


async def test_an_export_asks_as_many_questions_as_it_has_pages(api, monkeypatch):
    asked = 0
    fetch = db.fetch

    async def counting(*args):
        nonlocal asked
        asked += 1
        return await fetch(*args)

    await api.key("auditor")
    monkeypatch.setattr(db, "fetch", counting)
    await api.get("/devices.csv", role="auditor")
    few, asked = asked, 0
    monkeypatch.setattr(exports, "AT_ONCE", 50)
    await api.get("/devices.csv", role="auditor")

    assert asked == few + 3
