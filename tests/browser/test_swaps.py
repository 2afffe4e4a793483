"""A swap decided too late on a phone, and the loaner that stood in: lent, signed for on the screen, taken back, erased."""

from datetime import timedelta

from inventory.ground import clock, db
from inventory.requests import requests
from inventory.returns import loaners, swaps
from tests.integration.returns.test_swaps import promised
from tests.world import DISPATCHER, PSU, SETUP


async def test_a_swap_is_decided_late_on_the_phone(people):
    await promised("SW-1", "SW-2")
    with clock.at(clock.now() - timedelta(hours=9)):
        await requests.open_request(
            requests.NewRequest(
                source="glpi",
                reference="INC-1",
                device_serial="BANK-001",
                severity="severe",
                lines=[requests.NewRequestLine(part_number=PSU)],
            ),
            by=DISPATCHER,
        )
    await swaps.look_at_due(by=SETUP)
    (waiting,) = await swaps.swaps(limit=2, seen_by=SETUP)
    manager = await people("project_manager", phone=True)
    page = manager.page
    await manager.open("/swaps")
    await manager.fits()
    await manager.sees("整机已预留，待决定")
    await page.click(f"text={waiting.number}")
    await manager.sees("此刻决定将错过")
    await manager.fits()
    manager.refusals_expected = True
    await page.click("[data-opens=no-swap]")
    await page.fill("dialog[open] [name=reason]", " ")
    await page.click("dialog[open] [type=submit]")
    await page.locator("dialog[open] .refusal", has_text="原因").wait_for()
    await page.click("dialog[open] [data-closes] >> nth=0")
    await page.click("text=立即替换")
    await manager.sees_state("已决定替换")
    await manager.sees("决定过晚，已错过")
    await manager.fits()

    decided = await swaps.swap_view(waiting.id)
    assert (decided.decided_by, [each.deadline for each in decided.misses]) == (manager.username, ["start", "complete"])


async def test_a_loaner_is_signed_for_on_the_screen_and_checked_and_erased_on_its_return(people):
    await promised("SW-1", "SW-2")
    await db.execute("UPDATE contract SET lends_equal_function = true WHERE code = 'C-BANK'")
    keeper = await people("warehouse_keeper", depot="GZ", language="en-GB", phone=True)
    keeper.refusals_expected = True
    page = keeper.page
    await keeper.open("/loans/new?device=BANK-002")
    await page.fill("[name=contact]", "Wang")
    await page.fill("[name=serial]", "SW-9")
    await page.click("main [type=submit]")
    await page.locator(".refusal", has_text="SW-9").wait_for()
    await page.fill("[name=serial]", "")
    await page.click("main [type=submit]")
    await keeper.sees_state("lent")
    await keeper.fits()
    await page.click("[data-opens=sign]")
    pad = await page.locator("dialog[open] canvas").bounding_box()
    assert pad is not None
    await page.mouse.move(pad["x"] + 20, pad["y"] + 20)
    await page.mouse.down()
    await page.mouse.move(pad["x"] + 90, pad["y"] + 60, steps=3)
    await page.mouse.up()
    await page.click("dialog[open] [type=submit]")
    await page.locator("figure.signature").wait_for()
    await page.click("[data-opens=return]")
    for check in ("powers_on", "undamaged", "serial_matches"):
        await page.check(f"dialog[open] [name={check}]")
    await page.click("dialog[open] [type=submit]")
    await page.locator("dialog[open] .refusal", has_text="damaged or missing").wait_for()
    await page.fill("dialog[open] [name=damage]", "one cord is missing")
    await page.click("dialog[open] [type=submit]")
    await keeper.sees_state("back, data to erase")
    await keeper.open("/data-erasures")
    await keeper.fits()
    await keeper.does("erase-1", tool="vendor tool")
    await keeper.sees_state("to be verified")
    await keeper.does("verify", finding="looks empty")
    await page.locator("dialog[open] .refusal", has_text="Somebody else").wait_for()

    (loan,) = await loaners.loans(limit=2, seen_by=SETUP)
    assert (loan.signed_by, loan.state, loan.data) == ("Wang", "returned", "to_erase")
