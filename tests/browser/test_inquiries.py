"""An inquiry in a real browser: opened, quoted by a vendor on its own page, compared, chosen and ordered."""

from datetime import timedelta
from decimal import Decimal

from inventory.ground import clock
from inventory.procurement import inquiries, orders
from inventory.procurement.quote_sheets import QuotedLine
from tests.integration.procurement.test_inquiries import three_vendors
from tests.world import AUDITOR, BUYER, FAN


async def test_what_is_asked_is_quoted_by_the_vendor_itself_chosen_and_ordered(people):
    await three_vendors()
    buyer = await people("buyer", language="en-GB")
    vendor = await people("vendor", vendor="DISTI", phone=True)

    await buyer.open(f"/inquiries/new?part={FAN}")
    await buyer.page.fill("[name=quantity] >> nth=0", "10")
    await buyer.page.check("[name=vendor][value=DISTI]")
    tomorrow = f"{clock.today() + timedelta(days=1)}"
    await buyer.page.fill("[name=answer_by]", tomorrow)
    buyer.refusals_expected = True
    await buyer.page.click("main [type=submit] >> nth=-1")
    await buyer.sees("unless a reason says why not")
    await buyer.page.check("[name=vendor][value=DELL]")
    await buyer.page.check("[name=vendor][value=THIRD]")
    await buyer.page.click("main [type=submit] >> nth=-1")
    await buyer.sees("Cost to us a piece")

    (asked,) = await inquiries.inquiries(limit=2, seen_by=AUDITOR)
    await vendor.open("/vendor-inquiries")
    await vendor.page.click(f"a[href='/vendor-inquiries/{asked.number}']")
    await vendor.fits()
    await vendor.page.click("[data-opens=quote]")
    await vendor.page.fill("dialog[open] [name=valid_to]", f"{clock.today() + timedelta(days=30)}")
    await vendor.page.fill("dialog[open] [name=unit_price]", "eleven")
    vendor.refusals_expected = True
    await vendor.page.click("dialog[open] [type=submit]")
    await vendor.sees("“eleven”不是")
    await vendor.page.fill("dialog[open] [name=unit_price]", "113")
    await vendor.page.click("dialog[open] [type=submit]")
    await vendor.sees_state("已报价")
    await vendor.fits()
    other = QuotedLine(part_number=FAN, unit_price=Decimal(226), lead_time_days=3)
    await inquiries.take_quote(asked.id, "DELL", [other], by=BUYER, valid_to=clock.today() + timedelta(days=30))

    await buyer.open(f"/inquiries/{asked.id}")
    await buyer.sees("cheapest")
    await buyer.page.click("[data-opens=choose]")
    await buyer.page.check("dialog[open] [name=order]")
    await buyer.page.click("dialog[open] [type=submit]")
    await buyer.sees_state("decided")
    (order,) = await orders.orders(limit=2, seen_by=AUDITOR)
    assert (order.vendor, order.lines[0].quantity, order.lines[0].unit_price) == ("DISTI", 10, Decimal(113))
    await vendor.open(f"/vendor-inquiries/{asked.number}")
    await vendor.sees_state("已定：选中")
