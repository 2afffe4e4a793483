"""What is paid for and what is approved: a contract without parts, its quotations in every state, and a limit of value."""

from datetime import timedelta
from decimal import Decimal

from msgspec import structs

from api.demo.company.customers import SITES_OF_DEPOT
from api.demo.company.parts import MODELS
from api.demo.lived import Life, NotToday, Story
from api.demo.warehouse.spare import spare
from inventory.ground import clock
from inventory.ground.actor import service
from inventory.master_data import records
from inventory.requests import approving, policy, quoting, requests
from inventory.requests.requests import NewRequestLine, RequestView

CONTRACT, CONTACT = "C-CHANGSHA", "长沙教育 周主任"
"""Whose parts are paid for out of warranty, since four days ago, and who answers there."""

MEMORY, PIECES = "DDR4-32G-2933", 8
LIMIT_CNY = Decimal(10_000)

_PARTS = {model.code: model.parts for model in MODELS}


def plan(life: Life) -> None:
    """Quotations that were accepted, rejected, made anew and are open; approvals given, refused and awaited."""
    life.plan(life.ago(days=4, hours=2), lambda: _terms(life))
    life.tell(life.ago(days=4), _expired_and_made_anew(life))
    life.tell(life.ago(hours=5), _rejected(life))
    life.tell(life.ago(minutes=50), _accepted(life))
    life.plan(life.ago(minutes=40), lambda: _open(life))
    # the limit comes last, so that it holds up none of today's other stories
    life.tell(life.ago(minutes=8), _approvals(life))


async def _terms(life: Life) -> None:
    said = {"parts_charged": "out_of_warranty", "labour_cny": "400"}
    await records.change(records.KINDS["contracts"], CONTRACT, said, by=life.crew["planner-1"])


async def _ask(life: Life, number: int) -> RequestView:
    """The ticket system asks for a part of a device out of warranty."""
    today = clock.today()
    old = [
        device
        for device in life.devices
        if device.contract == CONTRACT and (device.warranty_until is None or device.warranty_until < today)
    ]
    device = old[number * 17 % len(old)]
    part = next((part for part in await spare("GZ", 12) if part in _PARTS[device.model]), None)
    if part is None:
        raise NotToday
    return await _open_request(life, device.serial, part, 1)


async def _open_request(life: Life, device: str, part: str, quantity: int) -> RequestView:
    ticket = next(life.tickets)
    return await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference=f"INC-{ticket}/1",
            ticket=f"INC-{ticket}",
            device_serial=device,
            severity="general",
            engineer=life.engineer(ticket).name,
            lines=[NewRequestLine(part_number=part, quantity=quantity)],
        ),
        by=life.crew["ticket_system"],
    )


async def _open(life: Life) -> None:
    await _ask(life, 1)


async def _expired_and_made_anew(life: Life) -> Story:
    view = await _ask(life, 2)
    yield timedelta(hours=73)
    await quoting.expire_due(by=service("housekeeping"))
    yield timedelta(hours=3)
    await quoting.quote_again(
        view.id, by=life.crew["dispatcher-1"], reason="客户来电，要求重新报价 / asked for once more"
    )


async def _rejected(life: Life) -> Story:
    view = await _ask(life, 3)
    yield timedelta(hours=1.5)
    await quoting.reject(
        view.quotations[0].id, by=life.crew["dispatcher-2"], said_by=CONTACT, reason="设备即将退役 / to be retired soon"
    )


async def _accepted(life: Life) -> Story:
    view = await _ask(life, 4)
    yield timedelta(minutes=32)
    await quoting.accept(view.quotations[0].id, by=quoting.BY_LINK, said_by=CONTACT, reason="采购单 CS-1127")


async def _approvals(life: Life) -> Story:
    manager, supervisor = life.crew["project-manager-1"], life.crew["quality-supervisor-1"]
    limit = structs.replace(policy.BUILT_IN, approve_above_cny=LIMIT_CNY)
    await policy.put_in_force(limit, by=manager, remark="万元以上须审批 / above ten thousand, somebody decides")
    yield timedelta(minutes=1)
    refused = await _memory(life, "GZ", 1)
    yield timedelta(minutes=1)
    await approving.refuse(
        refused.id, by=supervisor, reason="先查主板：同时坏 8 条内存不合常理 / look at the board first"
    )
    approved = await _memory(life, "SH", 2)
    yield timedelta(minutes=2)
    await approving.approve(approved.id, by=manager, remark="整组更换，同意 / the whole bank, agreed")
    await _memory(life, "GZ", 3)


async def _memory(life: Life, depot: str, number: int) -> RequestView:
    """A whole bank of memory, worth more than the limit; the store has as much."""
    await spare(depot, 1, pieces=PIECES, part=MEMORY)
    near = [each for each in life.devices if each.site in SITES_OF_DEPOT[depot] and MEMORY in _PARTS[each.model]]
    return await _open_request(life, near[number * 101 % len(near)].serial, MEMORY, PIECES)
