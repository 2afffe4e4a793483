"""Master data of every kind: each row of the small company shown and changed, entered, refused, and kept on record."""

import contextlib
from typing import Any

import pytest

from inventory.ground import audit, db
from inventory.ground.errors import InventoryError, NotGranted, NotYourDepot, Unknown, refusal_for
from inventory.master_data import records
from inventory.master_data.kinds import Kind
from inventory.master_data.refusals import (
    AlreadyThere,
    EndpointMissing,
    EndsBeforeItStarts,
    ExchangeFeeWithoutTime,
    ExpeditedIncomplete,
    FieldsInvalid,
    HoursNotPositive,
    LeadsToItself,
    Outdated,
    QuantitiesDoNotFit,
    RegistrationTaken,
)
from inventory.places.register import PlaceCodeTaken
from tests.world import ADMIN, AUDITOR, DRIVE, ENGINEER, FAN, PSU, actor

NEW: dict[str, dict[str, Any]] = {
    "depots": {"code": "WH", "kind": "depot", "name_zh": "武汉备件库", "name_en": "Wuhan", "city_zh": "武汉"},
    "sites": {"code": "BANK-WH", "party": "BANK", "name_zh": "武汉机房", "name_en": "Wuhan site"},
    "lanes": {
        "from_place": "SH",
        "to_place": "ZJ",
        "mode": "courier",
        "hours": "30",
        "fixed_cost_cny": "300",
        "unit_cost_cny": "1,020.5",
        "carries_lithium": "no",
    },
    "coverage": {"store": "SH", "site": "TELCO-ZJ", "travel_hours": 26},
    "companies": {"code": "NEWCO", "name_zh": "新客户", "name_en": "New customer", "is_customer": "yes"},
    "contracts": {
        "code": "C-NEW",
        "customer": "BANK",
        "name_zh": "新合同",
        "name_en": "New contract",
        "calendar": "CN",
        "service_class": "2h",
        "starts_on": "2026-01-01",
        "minimum_provenance": "maker_direct",
        "dedicated_stock": True,
        "part_travels": "ahead",
        "fitting_hours": "0.75",
    },
    "severities": {
        "contract": "C-BANK",
        "code": "P1",
        "name_zh": "一级",
        "name_en": "P1",
        "rank": 40,
        "priority_class": "severe",
        "definition_zh": "业务中断",
    },
    "forbidden-parts": {"contract": "C-BANK", "part": PSU, "reason": "批次召回"},
    "service-terms": {"contract": "C-TELCO", "severity": "severe", "hours": "working", "arrive_hours": 1.5},
    "calendars": {
        "code": "24x7",
        "name_zh": "全天",
        "name_en": "always",
        "time_zone": "UTC",
        "working_days": ["7", "1"],
        "opens_at": "00:00",
        "closes_at": "23:59",
    },
    "service-classes": {"code": "4h", "time_to_site_hours": 4, "target_fraction": "0.95"},
    "devices": {
        "serial": "NEW-1",
        "model": "R740",
        "site": "BANK-GZ",
        "contract": "C-BANK",
        "installed_on": "2026-02-03",
        "firmware": "2.1",
    },
    "parts": {
        "part_number": "NIC-10G",
        "name_zh": "万兆网卡",
        "name_en": "10G NIC",
        "kind": "nic",
        "maker": "DELL",
        "serialised": "是",
        "unit_cost_cny": "￥1,450.00",
        "holding_rate_per_year": 0.2,
    },
    "part-numbers": {"part": FAN, "number": "0FAN99", "kind": "fru"},
    "substitutions": {"part": PSU, "substitute": FAN, "valid_from": "2026-01-01"},
    "device-models": {"code": "R750", "name": "PowerEdge R750", "maker": "DELL"},
    "parts-lists": {"model": "R740", "part": "BBU-9361", "per_device": 1, "critical": "yes"},
    "swap-units": {"model": "R740", "part": "ST12000NM0008"},
    "vendors": {
        "code": "HUAXIN",
        "name_zh": "华芯",
        "name_en": "Huaxin",
        "kind": "broker",
        "channel": "by_hand",
        "phone": "020-1",
    },
    "offers": {
        "vendor": "DELL",
        "part_number": DRIVE,
        "valid_from": "2026-01-01",
        "unit_price": "900",
        "currency": "CNY",
        "invoice_kind": "general",
        "tax_percent": "3",
        "includes_tax": "yes",
        "minimum_quantity": 1,
        "lot_size": 1,
        "maximum_quantity": 10,
        "order_fee": 0,
        "lead_time_days": 7,
    },
    "price-breaks": {"offer": "1", "from_quantity": 20, "unit_price": "900"},
    "exchange-rates": {"currency": "USD", "valid_from": "2026-01-01", "cny_per_100": "708.52", "source": "BOC"},
    "authorisations": {
        "vendor": "DELL",
        "maker": "DELL",
        "letter_number": "D-1",
        "valid_from": "2026-01-01",
        "valid_to": "2026-12-31",
    },
    "vendor-closures": {"vendor": "DELL", "first_on": "2027-02-01", "last_on": "2027-02-20", "remark": "春节"},
}

CHANGED: dict[str, dict[str, Any]] = {
    "depots": {"name_en": "Wuchang"},
    "sites": {"party": "TELCO", "environment": "industrial"},
    "lanes": {"hours": 28, "carries_lithium": True},
    "coverage": {"travel_hours": "27"},
    "companies": {"is_maker": "yes", "email": "a@b.example"},
    "contracts": {"service_class": "8h", "ends_on": "2027-01-01", "fitting_hours": 1, "part_travels": "with_engineer"},
    "severities": {"rank": 41, "priority_class": "emergency"},
    "forbidden-parts": {"in_force": False, "reason": "replaced by the maker"},
    "service-terms": {"repair_hours": 3},
    "calendars": {"working_days": "1,2,3", "closes_at": "20:00"},
    "service-classes": {"target_fraction": 0.9},
    "devices": {"firmware": "2.2", "site": "TELCO-ZJ", "contract": "C-TELCO", "retired_on": "2026-03-04"},
    "parts": {"unit_cost_cny": "1500", "active": False, "maker": None},
    "part-numbers": {"part": PSU},
    "substitutions": {"valid_to": "2026-06-01", "remark": "until the stock is used up"},
    "device-models": {"name": "R750 rack"},
    "parts-lists": {"per_device": 2, "critical": ""},
    "swap-units": {"in_force": False},
    "vendors": {"name_en": "Huaxin Ltd", "holidays": "CN", "kind": "distributor", "active": "no"},
    "offers": {"unit_price": "910.50", "valid_to": "2026-09-01", "exchange_hours": 24, "framework_number": "FA-1"},
    "price-breaks": {"unit_price": "880.50"},
    "exchange-rates": {},  # append-only: a further one holds instead
    "authorisations": {"valid_to": "2027-12-31"},
    "vendor-closures": {"last_on": "2027-02-22", "remark": "", "in_force": False},
}


def kind(name: str) -> Kind:
    return records.kind_of(name)


async def tried(tested: Kind, said: dict[str, Any]) -> None:
    """Enter a row and undo it; what the database refuses has its words."""
    try:
        async with db.savepoint():
            await records.enter(tested, said, by=ADMIN)
            raise InventoryError
    except db.DatabaseError as error:
        if refusal_for(getattr(error, "constraint_name", None)) is None:
            raise


def test_every_kind_is_tried():
    assert NEW.keys() == CHANGED.keys() == records.KINDS.keys()


@pytest.mark.parametrize("name", [name for name in NEW if CHANGED[name]])
async def test_a_row_is_entered_changed_and_kept_on_record(company, name):
    entered = await records.enter(kind(name), NEW[name], by=ADMIN)
    changed = await records.change(kind(name), entered.key, CHANGED[name], by=ADMIN, version=entered.version)
    again = await records.change(kind(name), entered.key, CHANGED[name], by=ADMIN)

    shown = await records.record(kind(name), entered.key, seen_by=AUDITOR)
    assert shown == changed == again
    assert shown.version != entered.version
    differing = {field for field in shown.values if shown.values[field] != entered.values[field]}
    assert differing == CHANGED[name].keys()
    last, first = (await records.changes(kind(name), shown.title, seen_by=AUDITOR))[:2]
    assert (last.actor, last.change["after"].keys()) == (ADMIN.name, differing)
    assert last.change["before"].keys() == differing
    assert first.action.endswith(".entered")
    listed = await records.records(kind(name), limit=200, seen_by=AUDITOR, search=shown.title)
    assert [row.key for _, row in listed] == [shown.key]


@pytest.mark.parametrize("name", NEW)
async def test_what_is_there_cannot_be_entered_again(company, name):
    await records.enter(kind(name), NEW[name], by=ADMIN)

    with pytest.raises(AlreadyThere):
        await records.enter(kind(name), NEW[name], by=ADMIN)


@pytest.mark.parametrize("name", NEW)
async def test_every_field_refuses_nonsense_and_nothing_is_entered(company, name):
    before = len(await records.records(kind(name), limit=500, seen_by=AUDITOR))
    for field in kind(name).fields:
        for value in (["a", "b"], {"x": 1}, "\0", "x" * 3000, "=1+1\x07", 1e300, float("nan"), -1, 10**12, True):
            with contextlib.suppress(InventoryError):
                await tried(kind(name), NEW[name] | {field.name: value})
    assert len(await records.records(kind(name), limit=500, seen_by=AUDITOR)) == before


async def test_wrong_fields_are_named_in_both_languages(company):
    with pytest.raises(FieldsInvalid) as refused:
        await records.enter(kind("lanes"), NEW["lanes"] | {"hours": "soon", "to_place": "", "colour": "red"}, by=ADMIN)

    assert {problem.pointer for problem in refused.value.fields} == {"/hours", "/to_place", "/colour"}
    assert "Hours is not a number" in refused.value.sentence("en")
    assert "时长（小时）：不是数字" in refused.value.sentence("zh")


@pytest.mark.parametrize(("name", "field"), [("lanes", "to_place"), ("devices", "contract"), ("offers", "vendor")])
async def test_a_code_that_stands_for_nothing_is_refused(company, name, field):
    with pytest.raises(FieldsInvalid, match="names something that is not there"):
        await records.enter(kind(name), NEW[name] | {field: "NOPE"}, by=ADMIN)


async def test_what_was_entered_once_stays(company):
    lane = await records.enter(kind("lanes"), NEW["lanes"], by=ADMIN)

    with pytest.raises(FieldsInvalid, match="cannot be set now"):
        await records.change(kind("lanes"), lane.key, {"from_place": "GZ"}, by=ADMIN)


async def test_whoever_read_it_before_another_changed_it_is_told(company):
    read = await records.record(kind("depots"), "GZ", seen_by=ADMIN)
    await records.change(kind("depots"), "GZ", {"city_en": "Canton"}, by=ADMIN, version=read.version)

    with pytest.raises(Outdated):
        await records.change(kind("depots"), "GZ", {"city_en": "Guangzhou"}, by=ADMIN, version=read.version)


async def test_only_who_manages_it_and_serves_it_changes_it(company):
    here = actor("planner", depots={"GZ"})

    with pytest.raises(NotGranted):
        await records.change(kind("depots"), "GZ", {"city_en": "x"}, by=ENGINEER)
    with pytest.raises(Unknown):
        await records.change(kind("depots"), "SH", {"city_en": "x"}, by=here)
    with pytest.raises(NotYourDepot):
        await records.enter(kind("depots"), NEW["depots"], by=here)
    with pytest.raises(NotGranted):
        await records.records(kind("contracts"), limit=1, seen_by=ENGINEER)
    assert {row.key for _, row in await records.records(kind("depots"), limit=9, seen_by=here)} == {"GZ"}


async def test_contracts_and_what_belongs_to_them_follow_the_readers_scope(company):
    bank = actor("project_manager", contracts={"C-BANK"})

    assert [row.key for _, row in await records.records(kind("contracts"), limit=9, seen_by=bank)] == ["C-BANK"]
    assert [row.key for _, row in await records.records(kind("sites"), limit=9, seen_by=bank)] == ["BANK-GZ"]
    devices = await records.records(kind("devices"), limit=500, seen_by=bank)
    assert {row.values["contract"] for _, row in devices} == {"C-BANK"}
    companies = {row.key for _, row in await records.records(kind("companies"), limit=9, seen_by=bank)}
    assert "TELCO" not in companies
    assert "DELL" in companies


async def test_customers_places_show_to_no_other_customer(company):
    inspector = actor("inspector", contracts={"C-BANK"})

    coverage = await records.records(kind("coverage"), limit=9, seen_by=inspector)
    stores = {row.key for _, row in await records.records(kind("depots"), limit=9, seen_by=inspector)}
    assert {row.values["site"] for _, row in coverage} == {"BANK-GZ"}
    assert stores == {"GZ", "SH"}
    with pytest.raises(Unknown):
        await records.record(kind("devices"), "TELCO-001", seen_by=inspector)


async def test_devices_and_sites_show_as_far_as_the_readers_stores_reach(company):
    keeper = actor("warehouse_keeper", depots={"SH"})

    sites = [row.key for _, row in await records.records(kind("sites"), limit=9, seen_by=keeper)]
    devices = await records.records(kind("devices"), limit=500, seen_by=keeper)
    assert sites == ["BANK-GZ"]
    assert {row.values["site"] for _, row in devices} == {"BANK-GZ"}


async def test_prices_are_neither_shown_nor_set_by_those_who_may_not_see_them(company):
    shown = await records.record(kind("parts"), PSU, seen_by=ENGINEER)

    assert "unit_cost_cny" not in shown.values
    assert "unit_cost_cny" in (await records.record(kind("parts"), PSU, seen_by=AUDITOR)).values

    await records.change(kind("parts"), PSU, {"unit_cost_cny": 777, "name_en": "Supply"}, by=ADMIN)
    for reader, told in ((ENGINEER, {"name_en"}), (AUDITOR, {"name_en", "unit_cost_cny"})):
        last = (await records.changes(kind("parts"), PSU, seen_by=reader))[0]
        assert (last.change["before"].keys(), last.change["after"].keys()) == (told, told)


async def test_a_contract_of_dedicated_stock_gets_its_pool(company):
    await records.enter(kind("contracts"), NEW["contracts"], by=ADMIN)
    await records.change(kind("contracts"), "C-BANK", {"dedicated_stock": True}, by=ADMIN)

    rows = await db.fetch("SELECT code FROM pool WHERE contract IS NOT NULL ORDER BY code")
    assert [row["code"] for row in rows] == ["C-BANK", "C-NEW", "C-TELCO"]


async def test_a_maker_we_know_becomes_a_vendor_too(company):
    await records.enter(kind("vendors"), NEW["vendors"] | {"code": "SEAGATE", "kind": "maker"}, by=ADMIN)

    assert await db.fetch_value("SELECT is_vendor FROM party WHERE code = 'SEAGATE'")
    assert await audit.entries(limit=1, subject="SEAGATE", subject_kind="vendor")


@pytest.mark.parametrize(
    ("name", "change", "refusal"),
    [
        ("lanes", {"to_place": "SH"}, LeadsToItself),
        ("lanes", {"hours": 0}, HoursNotPositive),
        ("substitutions", {"substitute": PSU}, LeadsToItself),
        ("substitutions", {"valid_to": "2025-01-01"}, EndsBeforeItStarts),
        ("contracts", {"ends_on": "2025-01-01"}, EndsBeforeItStarts),
        ("calendars", {"closes_at": "00:00"}, EndsBeforeItStarts),
        ("authorisations", {"valid_to": "2025-01-01"}, EndsBeforeItStarts),
        ("vendor-closures", {"last_on": "2027-01-01"}, EndsBeforeItStarts),
        ("offers", {"minimum_quantity": 11}, QuantitiesDoNotFit),
        ("offers", {"expedited_hours": 5}, ExpeditedIncomplete),
        ("offers", {"exchange_fee": 5}, ExchangeFeeWithoutTime),
        ("vendors", {"channel": "http"}, EndpointMissing),
        ("devices", {"registration_number": "REG-001"}, RegistrationTaken),
        ("depots", {"code": "BANK-GZ"}, PlaceCodeTaken),
    ],
)
async def test_what_contradicts_itself_is_refused_in_words(own_company, name, change, refusal):
    with pytest.raises(refusal):
        await records.enter(kind(name), NEW[name] | change, by=ADMIN)


async def test_a_long_list_comes_page_by_page(company):
    first = await records.records(kind("devices"), limit=150, seen_by=ADMIN)
    own, last = first[-1]
    rest = await records.records(kind("devices"), limit=150, seen_by=ADMIN, after=(last.title, own))

    assert (len(first), len(rest)) == (150, 50)
    assert first[-1][1].title < rest[0][1].title
