"""What is paid for and what is approved: a contract without parts, its quotations in every state, and a limit of value."""

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

from msgspec import structs

from api.demo.company.customers import SITES_OF_DEPOT
from api.demo.company.parts import MODELS, PARTS
from api.demo.lived import Life, NotToday, Story
from api.demo.warehouse.spare import spare
from inventory.ground import clock
from inventory.ground.actor import service
from inventory.master_data import records
from inventory.requests import approving, policy, quoting, requests
from inventory.requests.requests import NewRequestLine, RequestView

CONTRACT, CONTACT = "C-CHANGSHA", "长沙教育 周主任"
"""Whose parts are paid for out of warranty, since four days ago, and who answers there."""

LIMIT_CNY = Decimal(5_000)
DEAR = [part.number for part in PARTS if part.kind == "system_board" and part.cost > LIMIT_CNY]

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
    able = [part for part in await spare("GZ", 6) if part not in DEAR]
    found = [(device, part) for device in old for part in able if part in _PARTS[device.model]]
    if not found:
        raise NotToday
    device, part = found[number * 17 % len(found)]
    return await _open_request(life, device.serial, part)


async def _open_request(life: Life, device: str, part: str) -> RequestView:
    ticket = next(life.tickets)
    return await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference=f"INC-{ticket}/1",
            ticket=f"INC-{ticket}",
            device_serial=device,
            severity="general",
            engineer=life.engineer(ticket).name,
            lines=[NewRequestLine(part_number=part)],
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
    await policy.put_in_force(limit, by=manager, remark="五千元以上须审批 / above five thousand, somebody decides")
    yield timedelta(minutes=1)
    refused = await _dear(life, "GZ", 1)
    yield timedelta(minutes=1)
    await approving.refuse(
        refused.id, by=supervisor, reason="先升级固件再判断 / upgrade the firmware first, then judge"
    )
    approved = await _dear(life, "SH", 2)
    yield timedelta(minutes=2)
    await approving.approve(approved.id, by=manager, remark="同意 / agreed")
    await _dear(life, "GZ", 3)


async def _dear(life: Life, depot: str, number: int) -> RequestView:
    """A part worth more than the limit, of which the store can spare one."""
    for part in DEAR:
        with suppress(NotToday):
            await spare(depot, 1, part=part)
            near = [each for each in life.devices if each.site in SITES_OF_DEPOT[depot] and part in _PARTS[each.model]]
            return await _open_request(life, near[number * 101 % len(near)].serial, part)
    raise NotToday
