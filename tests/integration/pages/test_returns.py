"""The pages of what is owed back: evidence on the piece itself, repeat failures on the device, and what nobody else sees."""

from inventory.assurance import attachments
from inventory.returns import counter
from tests.integration.returns.test_removed import owed, used
from tests.world import DRIVE, FAN, KEEPER, SETUP


async def test_what_was_photographed_as_it_came_out_shows_with_the_piece(visitor):
    debt = await owed(await used(DRIVE, serial_out="OLD-1"))
    await attachments.attach(
        "return_debt", debt.id, "burnt.pdf", b"%PDF-1.7", by=SETUP, most_bytes=1000, kind="photo", remark="smells burnt"
    )
    await counter.take_in("GZ", "OLD-1", by=KEEPER)
    keeper = await visitor("warehouse_keeper", depot="GZ")
    other = await visitor("warehouse_keeper", depot="SH")

    unit = (await keeper.get("/units/OLD-1")).text
    assert all(words in unit for words in ("burnt.pdf", "smells burnt", debt.number, "拆下旧件"))
    assert (await other.get(f"/returns/{debt.id}")).status_code == 404
    assert debt.number not in (await other.get("/returns")).text


async def test_a_repeat_failure_shows_on_the_request_and_the_device(visitor):
    first, second = await used(FAN), await used(FAN)
    dispatcher = await visitor("dispatcher")

    for page in (f"/requests/{second.id}", "/devices/BANK-001/coverage"):
        shown = (await dispatcher.get(page)).text
        assert "重复故障" in shown, page
        assert first.number in shown
    assert "Repeat failure" not in (await dispatcher.get(f"/requests/{first.id}", language="en")).text
