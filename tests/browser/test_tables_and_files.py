"""Tables and files in a real browser: an import watched to its end, its report, an export, a photo from a phone."""

import asyncio
import contextlib
import csv
import io
from pathlib import Path

import asyncpg
from playwright.async_api import expect

from api.worker import Work, on_run_import
from inventory.ground import db, jobs
from inventory.imports.imports import CHECKED_SHARE
from inventory.stock import transfers
from tests.conftest import settings_for
from tests.world import DRIVE, FAN, KEEPER

ROWS = 2_000

JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300"
    + "01" * 64
    + "ffc0000b080001000101011100ffc40014000100000000000000"
    "0000000000000000ffc40014100100000000000000000000000000000000ffda0008010100003f0037ffd9"
)


async def work(dsn: str, address: str) -> None:
    """What the worker does for an import."""
    run = address.rpartition("/")[2].partition("?")[0]
    await on_run_import(
        jobs.RunImport(await db.fetch_value("SELECT id FROM data_import WHERE id::text = $1", run)),
        Work(settings_for(dsn)),
    )


@contextlib.asynccontextmanager
async def held(dsn: str):
    """Nobody writes a unit in here: an import stands still, checked and not yet written."""
    other = await asyncpg.connect(dsn)
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE unit IN SHARE MODE")
            yield
    finally:
        await other.close()


def rows_of(path: Path) -> list[dict[str, str]]:
    """A downloaded table."""
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))


async def upload(person, kind: str, path: Path) -> str:
    """Upload a table as people do; the address of the import's page."""
    await person.open("/imports")
    await person.page.select_option("#kind", kind)
    await person.page.set_input_files("#file", path)
    await person.page.click("main form [type=submit]")
    await person.page.wait_for_url("**/imports/0*")
    return person.page.url


async def test_units_are_brought_in_while_the_page_shows_how_far_it_is(own_company, people, tmp_path):
    table = tmp_path / "单件.csv"
    rows = "".join(f"{DRIVE},BIG-{n:06},GZ,授权渠道\n" for n in range(ROWS))
    table.write_text(f"备件编号,序列号,备件库,来源凭证\n{rows}", encoding="gb18030")
    supervisor = await people("quality_supervisor")
    address = await upload(supervisor, "units", table)
    await supervisor.sees("检查中")
    await work(own_company, address)
    await supervisor.page.get_by_role("button", name=f"导入 {ROWS} 行").click()
    await supervisor.sees("导入中")
    bar = supervisor.page.locator("progress")
    async with held(own_company):
        working = asyncio.create_task(work(own_company, address))
        await expect(bar).to_have_js_property("value", CHECKED_SHARE)
    await working

    await supervisor.sees("全部数据已一次性导入。")
    assert await db.fetch_value("SELECT count(*) FROM unit WHERE serial LIKE 'BIG-%'") == ROWS


async def test_a_table_with_mistakes_is_told_line_by_line_on_a_phone_and_changes_nothing(own_company, people, tmp_path):
    table = tmp_path / "stock.csv"
    table.write_text(f"part number,depot,quantity\n{FAN},GZ,many\nNOPE,GZ,1\n")
    admin = await people("administrator", language="en", phone=True)
    address = await upload(admin, "stock", table)
    await work(own_company, address)
    await admin.sees("2 rows are wrong; nothing was changed.")
    async with admin.page.expect_download() as download:
        await admin.page.click("text=Download as CSV")
    report = rows_of(await (await download.value).path())

    assert [(row["Line"], row["Column"], row["Reason"]) for row in report] == [
        ("2", "Quantity", "is not a whole number"),
        ("3", "Part number", "is not in the parts catalogue"),
    ]
    assert await admin.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert await admin.page.get_by_role("button", name="Bring in").count() == 0
    await admin.page.click("text=Upload the mended table")
    await admin.sees("Bring in a table")
    assert await admin.page.input_value("#kind") == "stock"


async def test_a_list_is_exported_with_the_filters_one_sees(people):
    keeper = await people("warehouse_keeper", depot="GZ")
    await keeper.open("/stock?depot=GZ")
    async with keeper.page.expect_download() as download:
        await keeper.page.click("text=导出")
    found = await download.value
    rows = rows_of(await found.path())

    assert found.suggested_filename.startswith("levels-")
    assert {row["备件库"] for row in rows} == {"GZ"}
    assert FAN in {row["备件编号"] for row in rows}


async def test_a_photo_taken_on_a_phone_is_at_its_document_and_can_be_withdrawn(people, tmp_path):
    item = transfers.TransferItem(part_number=FAN, quantity=1)
    transfer = await transfers.draft_transfer("GZ", "SH", [item], by=KEEPER)
    photo = tmp_path / "箱子.jpg"
    photo.write_bytes(JPEG)
    keeper = await people("warehouse_keeper", depot="GZ", phone=True)
    await keeper.open(f"/transfers/{transfer.id}")
    assert await keeper.page.get_attribute("input[data-sends]", "capture") == "environment"

    await keeper.page.set_input_files("input[data-sends]", photo)
    await keeper.page.locator(".files li").wait_for()
    await keeper.sees("箱子.jpg")
    await keeper.page.click(".files [data-opens]")
    await keeper.page.fill("dialog[open] [name=reason]", "拍错了")
    await keeper.page.click("dialog[open] [type=submit]")
    await keeper.page.locator(".files .withdrawn").wait_for()

    assert "拍错了" in await keeper.page.locator(".files").inner_text()
    assert await keeper.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert await db.fetch_value("SELECT count(*) FROM attachment WHERE subject = $1", str(transfer.id)) == 1


async def test_a_program_that_calls_itself_a_photo_is_refused_where_it_was_added(people, tmp_path):
    item = transfers.TransferItem(part_number=FAN, quantity=1)
    transfer = await transfers.draft_transfer("GZ", "SH", [item], by=KEEPER)
    program = tmp_path / "photo.png"
    program.write_bytes(b"MZ\x90\x00\x03")
    keeper = await people("warehouse_keeper", depot="GZ")
    keeper.refusals_expected = True
    await keeper.open(f"/transfers/{transfer.id}")
    await keeper.page.click("[data-opens=attach]")
    await keeper.page.set_input_files("#attach-file", program)
    await keeper.page.click("dialog[open] [type=submit]")

    await keeper.page.locator("dialog[open] .refusal").wait_for()
    assert "photo.png" in await keeper.page.locator("dialog[open] .refusal").inner_text()
