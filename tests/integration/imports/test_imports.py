"""Imports: a table is checked whole, told line by line, and brought in whole or not at all."""

import asyncio
import re
from datetime import date
from decimal import Decimal

import pytest

from api.exchange.templates import template
from inventory.assurance.invariants import violations
from inventory.ground import db, jobs, progress
from inventory.ground.errors import NotGranted, Unknown, WrongState
from inventory.ground.files import FileEmpty, FileFormRefused, FileTooLarge
from inventory.imports import imports
from inventory.imports.imports import KINDS
from inventory.imports.reasons import REASONS
from inventory.places import bins
from inventory.stock import levels, lots, units
from tests.integration.imports.conftest import MOST, codes, told, worked
from tests.world import ADMIN, AUDITOR, BATTERY, DRIVE, FAN, KEEPER, PLANNER, PSU, SUPERVISOR, actor

UNITS = "备件编号,序列号,备件库,来源凭证"

GZ_SUPERVISOR = actor("quality_supervisor", depots={"GZ"})


def table(headings: str, *rows: str) -> str:
    return "\r\n".join([headings, *rows]) + "\r\n"


async def counted(name: str) -> int:
    return await db.fetch_value(f"SELECT count(*) FROM {name}")


async def test_units_enter_by_movements_and_the_books_stay_right(imported):
    run = await imported(
        "units",
        table(
            "序列号;备件编号;备件库;来源凭证;备件条码;状态;微代码版本",
            f"N-1;{DRIVE};GZ;授权渠道;BJ-1;好件;SN05",
            f"N-2;{DRIVE};SH;maker_direct;;坏件;",
        ),
    )

    assert (run.state, run.rows, run.new_rows, run.wrong_rows) == ("imported", 2, 2, 0)
    first, second = await units.unit("N-1", seen_by=ADMIN), await units.unit("N-2", seen_by=ADMIN)
    assert (first.place, first.tag, first.condition, first.firmware, first.provenance) == (
        "GZ", "BJ-1", "good", "SN05", "authorised_channel",
    )  # fmt: skip
    assert (second.place, second.condition, second.owner) == ("SH", "defective", "OWN")
    life = await units.life(first.id, seen_by=AUDITOR)
    assert [(m.kind, m.from_place, m.to_place, m.document) for m in life] == [
        ("opening", "ADJUSTMENT", "GZ", run.number)
    ]
    assert (await levels.level(DRIVE, "GZ", "common", seen_by=ADMIN)).on_hand == 6
    assert await violations() == []


async def test_opening_stock_fills_levels_that_are_empty_and_only_those(imported, checked):
    await bins.enter_bins([bins.NewBin(place="ZJ", code="A-01")], by=ADMIN)
    headings = "part number,depot,pool,condition,quantity,serial,lot,bin"
    run = await imported(
        "stock",
        table(
            headings,
            f"{FAN},ZJ,C-TELCO,good,4,,B-1,A-01",
            f"{FAN},ZJ,C-TELCO,good,3,,,",
            f"{FAN},GZ,,defective,2,,,",
            f"{DRIVE},SH,common,,1,D-1,,",
        ),
    )
    again = await checked(
        "stock",
        table(headings, f"{FAN},ZJ,C-TELCO,good,8,,,", f"{PSU},GZ,,,3,,,", f"{DRIVE},SH,,,1,D-2,B-1,Z-9"),
    )

    lying = await lots.lot_stocks(limit=9, seen_by=ADMIN, part_number=FAN, depot="ZJ")
    assert run.state == "imported"
    assert (await levels.level(FAN, "ZJ", "C-TELCO", seen_by=ADMIN)).on_hand == 7
    assert {(line.lot, line.bin, line.quantity) for line in lying} == {("B-1", "A-01", 4), (run.number, None, 3)}
    assert (await units.unit("D-1", seen_by=ADMIN)).place == "SH"
    assert await codes(again) == [
        (2, "quantity", "already_stocked"),
        (3, "quantity", "already_stocked"),
        (4, "lot", "lot_of_serials"),
        (4, "bin", "unknown_bin"),
    ]
    assert await violations() == []


async def test_opening_stock_says_where_it_came_from_lot_by_lot(imported, checked):
    headings = "part number,depot,pool,quantity,serial,lot,provenance"
    await imported(
        "stock",
        table(
            headings,
            f"{FAN},ZJ,C-TELCO,4,,B-1,authorised_channel",
            f"{FAN},ZJ,C-TELCO,3,,B-2,broker",
            f"{DRIVE},SH,,1,D-1,,maker_direct",
        ),
    )
    mixed = await checked(
        "stock",
        table(
            headings,
            f"{FAN},GZ,C-TELCO,1,,B-1,broker",
            f"{FAN},GZ,C-TELCO,2,,B-3,pulled",
            f"{FAN},SH,C-TELCO,2,,B-3,",
            f"{FAN},GZ,C-TELCO,5,,B-4,",
        ),
    )

    lying = await lots.lot_stocks(limit=99, seen_by=ADMIN, part_number=FAN)
    assert {(line.lot, line.provenance) for line in lying} >= {("B-1", "authorised_channel"), ("B-2", "broker")}
    assert (await units.unit("D-1", seen_by=ADMIN)).provenance == "maker_direct"
    assert await codes(mixed) == [
        (2, "provenance", "lot_of_two_grades"),
        (3, "provenance", "lot_of_two_grades"),
        (4, "provenance", "lot_of_two_grades"),
    ]


async def test_a_file_with_many_mistakes_gives_one_clear_line_each_and_changes_nothing(checked):
    before = [await counted(name) for name in ("unit", "movement", "level")]
    good = f"{DRIVE},OK-1,GZ,,good,,T-1,,unproven,"
    run = await checked(
        "units",
        table(
            "part_number,serial,depot,pool,condition,bin,tag,owner,provenance,firmware",
            good,
            ",M-03,GZ,,,,,,unproven,",
            f"{DRIVE},,GZ,,,,,,unproven,",
            "NO-SUCH-PART,M-05,GZ,,,,,,unproven,",
            f"{DRIVE},M-06,NOWHERE,,,,,,unproven,",
            f"{DRIVE},M-07,GZ,C-NONE,,,,,unproven,",
            f"{DRIVE},M-08,GZ,,brand new,,,,unproven,",
            f"{DRIVE},M-09,GZ,,,A-01,,,unproven,",
            f"{DRIVE},M-10,GZ,,,,T-1,,unproven,",
            f"{DRIVE},M-11,GZ,,,,,NOBODY,unproven,",
            f"{DRIVE},M-12,GZ,,,,,,from a friend,",
            f"{DRIVE},OK-1,GZ,,,,,,unproven,",
            f"{DRIVE},ZL2-0001,GZ,,,,,,unproven,",
            f"{FAN},M-15,GZ,,,,,,unproven,",
            f"{DRIVE},=1+1,GZ,,,,,,unproven,",
            f"{DRIVE},{'9' * 201},GZ,,,,,,unproven,",
            f"{DRIVE},M-18,GZ,,,,,,,",
            f'{DRIVE},"M-\x7f19",GZ,,,,,,unproven,',
            f"{DRIVE},..,GZ,,,,,,unproven,",
        ),
    )

    assert (run.state, run.rows, run.wrong_rows) == ("refused", 19, 18)
    assert await codes(run) == [
        (3, "part_number", "missing"),
        (4, "serial", "missing"),
        (5, "part_number", "unknown_part"),
        (6, "depot", "unknown_depot"),
        (7, "pool", "unknown_pool"),
        (8, "condition", "not_choice"),
        (9, "bin", "unknown_bin"),
        (10, "tag", "repeated"),
        (11, "owner", "unknown_owner"),
        (12, "provenance", "not_choice"),
        (13, "serial", "repeated"),
        (14, "serial", "serial_there"),
        (15, "serial", "not_by_serial"),
        (16, "serial", "formula"),
        (17, "serial", "too_long"),
        (18, "provenance", "missing"),
        (19, "serial", "unprintable"),
        (20, "serial", "only_dots"),
    ]
    for finding in await told(run):
        assert "{" not in finding.reason("units", "en")
        assert "–" not in finding.reason("units", "en")
        assert re.search(r"[\u4e00-\u9fff]", finding.reason("units", "zh"))
    with pytest.raises(WrongState):
        await imports.confirm(run.id, by=ADMIN)
    assert [await counted(name) for name in ("unit", "movement", "level")] == before


async def test_parts_that_are_there_take_what_differs_and_the_check_says_so(imported, checked):
    text = table(
        "料号,中文名称,英文名称,类别,单位成本（元）,原厂,按序列号管理",
        f'{FAN},2U 风扇,2U fan,fan,"1,260.00",DELL,',
        "NVME-1,固态盘,SSD,drive,2000,,否",
    )
    seen = await checked("parts", text)
    run = await imported("parts", text)

    assert (run.state, run.new_rows, run.changed_rows) == ("imported", 1, 1)
    changes = [(f.line, f.column, f.value, f.facts["before"]) for f in await told(seen, wrong=False)]
    assert changes == [(2, "maker", "DELL", "SEAGATE"), (2, "unit_cost_cny", "1260.00", "260.00")]
    fan = await db.fetch_one("SELECT unit_cost_cny, serialised, lithium FROM part WHERE part_number = $1", FAN)
    new = await db.fetch_one("SELECT serialised, holding_rate_per_year FROM part WHERE part_number = 'NVME-1'")
    assert dict(fan or {}) == {"unit_cost_cny": Decimal("1260.00"), "serialised": False, "lithium": False}
    assert dict(new or {}) == {"serialised": False, "holding_rate_per_year": 0.22}


async def test_how_a_part_is_kept_is_not_changed_by_an_import(checked):
    run = await checked(
        "parts",
        table(
            "part number,chinese name,english name,kind,unit cost,kept by serial,maker",
            f"{FAN},风扇,fan,fan,1,yes,",
            "0YT39Y,电源,psu,psu,1,no,",
            "NEW-1,新,new,psu,1,no,NOBODY",
            "NEW-2,新,new,psu,-1,maybe,",
            "NEW-3,新,new,psu,1.234,,",
        ),
    )

    assert await codes(run) == [
        (2, "serialised", "kept_differently"),
        (3, "part_number", "is_alias"),
        (4, "maker", "unknown_maker"),
        (5, "serialised", "not_flag"),
        (5, "unit_cost_cny", "too_small"),
        (6, "unit_cost_cny", "not_amount"),
    ]


async def test_devices_vendors_and_offers_are_entered_and_brought_up_to_date(imported):
    devices = await imported(
        "devices",
        table(
            "serial,model,site,contract,installed on,warranty until",
            "BANK-001,R740,BANK-GZ,C-BANK,2024/1/2,",
            "X-1,R740,TELCO-ZJ,C-TELCO,2025年6月1日,2028-05-31",
        ),
    )
    vendors = await imported(
        "vendors",
        table(
            "code,中文名称,英文名称,kind,下单方式,phone",
            "DISTI,测试分销,Test Distributor,distributor,http,020-1",
            "NEWV,新供应商,New,分销商,人工,",
        ),
    )
    offers = await imported(
        "offers",
        table(
            "vendor,part number,unit price,maximum quantity,lead time days,valid from",
            f"NEWV,{BATTERY},455.50,20,9.5,2026-01-01",
            f"DISTI,{FAN},249,40,7,2024-01-01",
        ),
    )

    assert [(run.state, run.new_rows, run.changed_rows) for run in (devices, vendors, offers)] == [
        ("imported", 1, 1)
    ] * 3
    assert await db.fetch_value("SELECT installed_on FROM device WHERE serial = 'BANK-001'") == date(2024, 1, 2)
    assert await db.fetch_value("SELECT kind FROM place WHERE code = 'V-NEWV'") == "vendor"
    assert await db.fetch_value("SELECT endpoint FROM vendor JOIN party ON party.id = party WHERE code = 'DISTI'")
    prices = await db.fetch("SELECT unit_price FROM offer WHERE unit_price IN (455.50, 249) ORDER BY 1")
    assert [row[0] for row in prices] == [Decimal("249.00"), Decimal("455.50")]


async def test_mistakes_in_devices_vendors_and_offers_are_told(checked):
    devices = await checked(
        "devices",
        table(
            "serial,model,site,contract,installed on,registration number",
            "X-1,R1,BANK-GZ,C-BANK,2024-02-30,REG-001",
            "X-2,R740,GZ,C-NONE,2024-02-28,",
        ),
    )
    vendors = await checked(
        "vendors",
        table(
            "code,chinese name,english name,kind,way of ordering,endpoint",
            "OWN,我,we,maker,by hand,",
            "V2,二,two,broker,http,",
            "V3,三,three,broker,http,ftp://x",
        ),
    )
    offers = await checked(
        "offers",
        table(
            "vendor,part number,unit price,minimum quantity,maximum quantity,lead time days,"
            "valid from,valid to,expedited hours,exchange fee",
            f"NOBODY,{FAN},1,5,4,1,2026-01-02,2026-01-01,24,90",
            "DISTI,NONE,1,0,4,1,2026-01-02,,,",
        ),
    )

    assert await codes(devices) == [
        (2, "installed_on", "not_day"),
        (2, "model", "unknown_model"),
        (2, "registration_number", "registration_there"),
        (3, "site", "unknown_site"),
        (3, "contract", "unknown_contract"),
    ]
    assert await codes(vendors) == [
        (2, "code", "is_ourselves"),
        (3, "endpoint", "missing"),
        (4, "endpoint", "not_address"),
    ]
    assert await codes(offers) == [
        (2, "vendor", "unknown_vendor"),
        (2, "maximum_quantity", "below_minimum"),
        (2, "valid_to", "ends_before"),
        (2, "expedited_hours", "expedited_incomplete"),
        (2, "exchange_fee", "exchange_without_hours"),
        (3, "minimum_quantity", "too_small"),
        (3, "part_number", "unknown_part"),
    ]


async def test_stock_is_brought_only_into_stores_one_serves(checked, own_company):
    text = table("part number,depot,quantity", f"{BATTERY},SH,2", f"{BATTERY},GZ,2")
    uploaded = await imports.upload("stock", "stock.csv", text.encode(), by=GZ_SUPERVISOR, most_bytes=MOST)
    run = await worked(uploaded.id, own_company)

    assert await codes(run) == [(2, "depot", "not_your_depot"), (3, "quantity", "already_stocked")]


async def test_the_rights_of_each_kind_are_asked_for(own_company):
    for kind, nobody in (("parts", SUPERVISOR), ("stock", PLANNER), ("units", KEEPER), ("offers", AUDITOR)):
        with pytest.raises(NotGranted):
            await imports.upload(kind, "t.csv", b"x", by=nobody, most_bytes=MOST)
    assert await counted("data_import") == 0


async def test_somebody_with_bounds_sees_only_what_they_uploaded(checked):
    run = await checked("stock", table("part number,depot,quantity", f"{FAN},ZJ,1"))

    with pytest.raises(Unknown):
        await imports.import_view(run.id, seen_by=GZ_SUPERVISOR)
    with pytest.raises(Unknown):
        await imports.findings(run.id, limit=1, seen_by=GZ_SUPERVISOR)
    assert await imports.imports(limit=10, seen_by=GZ_SUPERVISOR) == []
    assert [seen.id for seen in await imports.imports(limit=10, seen_by=SUPERVISOR)] == [run.id]
    assert await imports.imports(limit=10, seen_by=PLANNER) == []


WRONG_AS_A_WHOLE = [
    ("\r\n,,\r\n", [(1, None, "no_rows")]),
    ("part number,depot,quantity\r\n", [(1, None, "no_rows")]),
    ("a,b,c\r\n1,2,3\r\n", [(1, None, "no_heading")]),
    (f"{FAN},GZ,4\r\n", [(1, None, "no_heading")]),
    ("part number,depot,quantity,colour\r\nA,B,1,red\r\n", [(1, None, "unknown_column")]),
    ("part number,料号,depot,quantity\r\nA,A,B,1\r\n", [(1, "part_number", "column_repeated")]),
    ("part number,depot\r\nA,B\r\n", [(1, "quantity", "column_missing")]),
    (f"part number,depot,quantity\r\n{FAN},ZJ,1,extra\r\n", [(2, None, "too_many_cells")]),
]


async def test_what_is_wrong_with_a_file_as_a_whole_is_told(checked):
    for text, found in WRONG_AS_A_WHOLE:
        run = await checked("stock", text)

        assert await codes(run) == found
        assert run.state == "refused"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("序列号,数量".encode("gb18030") + b"\xff\xff,1\r\n", "UTF-8"),
        (b'part number,depot,quantity\r\nA,"' + b"x" * 200_000, "quotation"),
    ],
)
async def test_a_file_that_cannot_be_read_fails_with_its_reason(checked, content, code):
    run = await checked("stock", content)
    [finding] = await told(run)

    assert (run.state, finding.code) == ("failed", "refused")
    assert code in finding.reason("stock", "en") or "line" in finding.reason("stock", "en")
    assert re.search(r"[\u4e00-\u9fff]", finding.reason("stock", "zh"))


async def test_what_is_no_table_is_not_taken(own_company):
    for content, refusal in (
        (b"", FileEmpty),
        (b"MZ\x90\x00\x03", FileFormRefused),
        (b"part number\x00", FileFormRefused),
        (b"%PDF-1.7", FileFormRefused),
        (b"PK\x03\x04 a zip that is no workbook", FileFormRefused),
    ):
        with pytest.raises(refusal):
            await imports.upload("parts", "t.csv", content, by=ADMIN, most_bytes=MOST)
    with pytest.raises(FileTooLarge):
        await imports.upload("parts", "t.csv", b"x" * 101, by=ADMIN, most_bytes=100)
    assert await counted("stored_file") == 0


async def test_the_same_stock_file_is_not_brought_in_twice(imported, checked):
    text = table(UNITS, f"{DRIVE},N-1,GZ,unproven")
    first = await imported("units", text)
    again = await checked("units", text)

    assert await codes(again) == [(1, None, "imported_before")]
    assert first.number in (await told(again))[0].reason("units", "en")


async def test_of_two_imports_of_the_same_serials_one_enters_and_the_other_is_told_each(checked, own_company):
    first = await checked("units", table(UNITS, f"{DRIVE},N-1,GZ,unproven", f"{DRIVE},N-2,GZ,unproven"))
    second = await checked("units", table(UNITS, f"{DRIVE},N-2,SH,unproven", f"{DRIVE},N-3,SH,unproven"))
    for run in (first, second):
        await imports.confirm(run.id, by=ADMIN)
    ended = await asyncio.gather(worked(first.id, own_company), worked(second.id, own_company))

    assert sorted(run.state for run in ended) == ["imported", "refused"]
    [refused] = [run for run in ended if run.state == "refused"]
    assert [code for *_, code in await codes(refused)] == ["serial_there"]
    assert await db.fetch_value("SELECT count(*) FROM unit WHERE serial LIKE 'N-%'") == 2
    assert await violations() == []


async def test_an_import_that_is_stopped_changes_nothing(checked, own_company):
    ready = await checked("units", table(UNITS, f"{DRIVE},N-1,GZ,unproven"))
    confirmed = await imports.confirm(ready.id, by=ADMIN)
    assert confirmed.job is not None
    await progress.cancel_job(confirmed.job, by=ADMIN)
    run = await worked(ready.id, own_company)

    assert (run.state, (await progress.job_view(confirmed.job)).state) == ("cancelled", "cancelled")
    assert await db.fetch_value("SELECT count(*) FROM unit WHERE serial = 'N-1'") == 0


async def test_a_job_that_runs_twice_brings_in_once(checked, own_company):
    ready = await checked("units", table(UNITS, f"{DRIVE},N-1,GZ,unproven"))
    await imports.confirm(ready.id, by=ADMIN)
    first, second = await worked(ready.id, own_company), await worked(ready.id, own_company)

    assert first.state == second.state == "imported"
    assert await db.fetch_value("SELECT count(*) FROM movement WHERE document = $1", ready.number) == 1
    assert jobs.name_of(jobs.RunImport) == "run_import"


async def test_every_template_reads_as_its_own_kind_in_both_languages(checked):
    # what the examples refer to is the demo company's; headings and forms must be right anywhere
    unknown = {code for code in REASONS if code.startswith("unknown_")} - {"unknown_column"}
    for kind in KINDS:
        for language in ("zh", "en"):
            name, content = template(kind, language)
            run = await checked(kind, content, name=name)

            assert {code for *_, code in await codes(run)} <= unknown, (kind, language)
            assert run.rows == 1
