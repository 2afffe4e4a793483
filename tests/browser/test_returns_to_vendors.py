"""Returns to vendors in a real browser: the good piece first, the old one back, a wrong serial, and a unit on the bench."""

from inventory.ground import db
from inventory.returns import debts, vendor_terms
from inventory.stock import conditions
from inventory.stock.pieces import Pieces
from tests.integration.returns.test_rmas import FIVE_DAYS, broken
from tests.world import BUYER, DRIVE, KEEPER, offers_too


async def test_a_good_piece_comes_first_and_the_old_one_goes_back(people):
    await vendor_terms.set_terms(FIVE_DAYS, by=BUYER)
    await offers_too("DISTI", DRIVE, exchange_hours=4, exchange_fee=90)
    await broken("ZL2-0000")
    keeper = await people("warehouse_keeper", depot="GZ", phone=True)
    buyer = await people("buyer", language="en-GB")
    vendor = await people("vendor", vendor="DISTI")

    await keeper.open("/rmas/new?depot=GZ")
    await keeper.fits()
    page = keeper.page
    await page.select_option("#exchange-vendor", "DISTI")
    await page.fill("#exchange-part", DRIVE)
    await page.fill("#exchange-serial", "ZL2-0000")
    await page.click("text=向厂家申请")
    await keeper.sees_state("已申请")
    rma = page.url.rsplit("/", 1)[1]

    await vendor.open("/vendor-rmas")
    await vendor.page.click("tbody .title a")
    await vendor.does("authorise", vendor_number="V-77")
    await vendor.sees_state("已授权")
    await vendor.does("send-first", serial="GOOD-1")
    await vendor.sees("GOOD-1")

    await keeper.open(f"/rmas/{rma}")
    keeper.refusals_expected = True
    await keeper.does("receive", serial="WRONG-1")
    await keeper.sees("WRONG-1 不是")
    await page.fill("dialog[open] [name=serial]", "GOOD-1")
    await page.click("dialog[open] [type=submit]")
    await keeper.sees("应向 测试分销 返还旧件")
    await keeper.fits()

    buyer.refusals_expected = True
    await buyer.open(f"/rmas/{rma}")
    await buyer.sees("¥980")
    await buyer.does("charge-line-1", cny="lots", reason="never came back")
    await buyer.sees("is no number from 0")
    await keeper.does("ship", carrier="顺丰", waybill="SF1")
    await keeper.sees_state("已寄出")
    await vendor.page.reload()
    await vendor.does("acknowledge")
    await vendor.sees_state("厂家已收")
    await vendor.does("answer-line-1", finding="tested bad")
    await vendor.sees_state("已完成")
    await buyer.page.reload()
    await buyer.sees_state("closed")

    assert await debts.money_at_risk() == 0


async def test_a_unit_is_repaired_on_the_bench_and_good_once_it_passed(people):
    await conditions.judge(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "good", "defective", by=KEEPER, reason="dead")
    keeper = await people("warehouse_keeper", depot="GZ")
    supervisor = await people("quality_supervisor", language="en-GB", phone=True)

    await keeper.open("/repairs?depot=GZ")
    await keeper.does("open", part_number=DRIVE, serial="ZL2-0001", complaint="不上电")
    await keeper.sees_state("待维修")
    await keeper.does("start")
    await keeper.sees_state("维修中")
    await keeper.does("finish", resolution="更换磁头")
    await keeper.sees_state("待检验")
    await supervisor.open(keeper.page.url.removeprefix(keeper.url))
    await supervisor.fits()
    await supervisor.does("pass", finding="surface scan, no errors")
    await supervisor.sees_state("passed")

    found = await db.fetch_value("SELECT condition FROM unit WHERE serial = 'ZL2-0001'")
    assert found == "good"
