"""A removed drive's way: on the engineer's phone, to the counter with a wrong serial, and answered; a disk that is kept."""

from inventory.assurance.invariants import violations
from inventory.ground import db
from inventory.requests import debriefing, requests, shipping
from inventory.returns import debts
from tests.browser.conftest import Person
from tests.world import DISPATCHER, DRIVE, SETUP


async def removed(engineer: str, serial: str, device: str) -> debts.DebtView:
    """A drive that an engineer took out of a device."""
    view = await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference=serial,
            ticket=serial,
            device_serial=device,
            severity="general",
            engineer=engineer,
            lines=[requests.NewRequestLine(part_number=DRIVE, position="bay 3")],
        ),
        by=DISPATCHER,
    )
    await shipping.ship(view.id, by=SETUP)
    used = debriefing.Debrief(part_number=DRIVE, outcome="used", serial_out=serial)
    await debriefing.debrief(view.id, [used], by=DISPATCHER)
    (debt,) = await debts.debts(limit=2, seen_by=DISPATCHER, document=view.number)
    return debt


async def the_counter_refuses(keeper: Person, refused: str) -> None:
    """What is scanned is not what is owed: the refusal says what is, and nothing is booked."""
    keeper.refusals_expected = True
    await keeper.page.click("[data-opens=hand-in]")
    await keeper.page.fill("dialog[open] [name=serial]", "OTHER-9")
    await keeper.page.fill("dialog[open] [name=what]", DRIVE)
    await keeper.page.click("dialog[open] [type=submit]")
    await keeper.page.locator("dialog[open] .refusal-slot", has_text=refused).wait_for()
    await keeper.fits()


async def test_a_wrong_serial_is_caught_and_the_right_one_ends_it(people):
    engineer = await people("engineer", phone=True)
    keeper = await people("warehouse_keeper", depot="GZ")
    english = await people("warehouse_keeper", depot="GZ", language="en-US", phone=True)
    dispatcher = await people("dispatcher")
    debt = await removed(engineer.username, "OLD-1", "BANK-001")

    await engineer.open("/my-returns")
    await engineer.sees("OLD-1")
    await engineer.sees("广州备件库")
    await engineer.fits()
    await keeper.open("/returns")
    await the_counter_refuses(keeper, f"应返还 OLD-1（{debt.document}，设备 BANK-001）")
    await english.open("/returns")
    await the_counter_refuses(english, f"OLD-1 ({debt.document}, device BANK-001)")

    await keeper.open(f"/returns/{debt.id}")
    await keeper.page.click("[data-opens=hand-in]")
    await keeper.page.fill("dialog[open] [name=serial]", "OTHER-9")
    await keeper.page.check("dialog[open] [name=as_found]")
    await keeper.page.click("dialog[open] [type=submit]")
    await keeper.sees_state("序列号不符")
    await dispatcher.open(f"/returns/{debt.id}")
    await dispatcher.page.click("[data-opens^=answer-]")
    await dispatcher.page.fill("dialog[open] [name=reason]", "另一工单的旧件")
    await dispatcher.page.click("dialog[open] [type=submit]")
    await dispatcher.sees("设备档案无误")

    await keeper.open("/returns")
    await keeper.page.click("[data-opens=hand-in]")
    await keeper.page.fill("dialog[open] [name=serial]", "OLD-1")
    await keeper.page.click("dialog[open] [type=submit]")
    await keeper.sees_state("已返还")
    assert (await debts.debt_view(debt.id)).returned_serial == "OLD-1"
    assert await violations() == []


async def test_a_disk_stays_with_the_customer_who_signs(people):
    engineer = await people("engineer", phone=True)
    await db.execute("UPDATE contract SET customer_keeps_disks = true WHERE code = 'C-BANK'")
    debt = await removed(engineer.username, "SECRET-1", "BANK-002")

    await engineer.open("/my-returns")
    await engineer.page.click(f"a[href='/returns/{debt.id}']")
    await engineer.does("keep", signed_by="王主管")
    await engineer.sees_state("客户保留")
    await engineer.fits()
    assert await violations() == []
