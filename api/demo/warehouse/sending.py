"""Today: parts are asked for, picked, packed, on their way, signed for, and sometimes nobody is there to take them."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from api.demo.company.customers import SITES_OF_DEPOT
from api.demo.company.parts import MODELS
from api.demo.lived import FAR_HOURS, TRAVEL, Life, Story
from api.demo.warehouse.spare import only_one, spare
from inventory.installed_base.register import NewDevice
from inventory.requests import requests, shipping, waves
from inventory.requests.requests import NewRequestLine, RequestView
from inventory.stock import picking, shipments
from inventory.stock.picking import PickListView
from inventory.stock.shipments import Mode

_MODELS_WITH = {
    part: [model.code for model in MODELS if part in model.parts] for model in MODELS for part in model.parts
}


def plan(life: Life) -> None:
    """A day of requests: every pick list and every shipment of it has come as far as it would have by this hour."""
    life.tell(life.ago(hours=6.5), _sent(life, "GZ", "same_city_courier", _signed_for))
    life.tell(life.ago(hours=5.8), _sent(life, "SH", "own_car", _signed_for))
    life.tell(life.ago(hours=5.2), _sent(life, "SH", "same_city_courier", _brought_back))
    life.tell(life.ago(hours=3.6), _sent(life, "GZ", "same_city_courier", _nobody_there))
    life.tell(life.ago(hours=1.3), _sent(life, "GZ", "own_car"))
    life.tell(life.ago(hours=4.1), _sent(life, "SH", "courier"))
    life.tell(life.ago(hours=1.0), _sent(life, "GZ", "hand_carried"))
    life.tell(life.ago(minutes=48), _not_on_its_shelf(life, "GZ"))
    life.tell(life.ago(minutes=33), _given_up(life, "GZ"))
    life.tell(life.ago(minutes=26), _packed_next(life, "GZ"))
    life.tell(life.ago(minutes=21), _being_picked(life, "GZ"))
    life.plan(life.ago(minutes=16), lambda: _asked(life, "GZ", "severe"))
    life.plan(life.ago(minutes=14), lambda: _asked(life, "SH", "general"))
    life.plan(life.ago(minutes=9), lambda: _asked(life, "SY", "general"))


async def _ask(
    life: Life, depot: str, part: str | None = None, *, severity: str = "general", far: bool = False
) -> RequestView:
    """The ticket system asks for a part: one that the store can spare, where none is named."""
    wanted = part or (await spare(depot, 1))[0]
    ticket = next(life.tickets)
    device = device_with(life, depot, wanted, ticket, far=far)
    return await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference=f"INC-{ticket}/1",
            ticket=f"INC-{ticket}",
            device_serial=device.serial,
            severity=severity,
            engineer=life.engineer(ticket).name,
            lines=[NewRequestLine(part_number=wanted, quantity=1)],
        ),
        by=life.crew["ticket_system"],
    )


def device_with(life: Life, depot: str, part: str, number: int, *, far: bool = False) -> NewDevice:
    """One of the devices that carry a part and are served from a store, near it or far from it."""
    of_store = [
        each
        for each in life.devices
        if each.site in SITES_OF_DEPOT[depot]
        and each.model in _MODELS_WITH[part]
        and (TRAVEL[each.site][depot] > FAR_HOURS) == far
    ]
    return of_store[number * 37 % len(of_store)]


async def _asked(life: Life, depot: str, severity: str) -> None:
    await _ask(life, depot, severity=severity)


async def _begin(life: Life, depot: str, documents: Sequence[str]) -> PickListView:
    return await waves.begin_picking(depot, documents, by=life.keeper(depot, 2))


async def _scan(life: Life, found: PickListView, most: int = 100) -> None:
    """Scan so many of a list's pieces, in the order of the walk."""
    for _ in range(most):
        line = next((line for line in found.lines if line.state == "open"), None)
        if line is None:
            break
        found = await picking.scan(
            found.id,
            line.serial or line.part_number,
            by=life.keeper(found.depot, 2),
            quantity=None if line.serial else line.quantity,
        )


async def _sent(life: Life, depot: str, mode: Mode, then: Callable[[Life, RequestView], Story] | None = None) -> Story:
    """Asked for, picked, and on its way within half an hour; then what becomes of it there."""
    asked = await _ask(life, depot, far=mode == "courier")
    yield timedelta(minutes=8)
    await _scan(life, await _begin(life, depot, [asked.number]))
    yield timedelta(minutes=14)
    await shipping.ship(asked.id, by=life.keeper(depot, 2), how=life.way(asked, depot, mode))
    if then is not None:
        async for pause in then(life, asked):
            yield pause


async def _signed_for(life: Life, asked: RequestView) -> Story:
    yield timedelta(minutes=55)
    await life.sign_for(asked.number)


async def _nobody_there(life: Life, asked: RequestView) -> Story:
    yield timedelta(minutes=80)
    (sent,) = await shipments.shipments(limit=1, seen_by=life.crew["dispatcher-1"], document=asked.number)
    engineer = life.crew[asked.engineer or "engineer-1"]
    await shipments.fail(sent.id, by=engineer, reason="机房无人接收 / nobody there to take it")


async def _brought_back(life: Life, asked: RequestView) -> Story:
    """The customer has closed for the day: the parts are back in the store, held for the same request."""
    async for pause in _nobody_there(life, asked):
        yield pause
    yield timedelta(minutes=45)
    (sent,) = await shipments.shipments(limit=1, seen_by=life.crew["dispatcher-1"], document=asked.number)
    await shipping.bring_back(sent.id, by=life.keeper(sent.from_depot), reason="客户改约明日 / put off to tomorrow")


async def _packed_next(life: Life, depot: str) -> Story:
    asked = await _ask(life, depot)
    yield timedelta(minutes=10)
    await _scan(life, await _begin(life, depot, [asked.number]))


async def _being_picked(life: Life, depot: str) -> Story:
    """Two requests in one walk, half of it done."""
    documents = [(await _ask(life, depot)).number for _ in range(2)]
    yield timedelta(minutes=9)
    await _scan(life, await _begin(life, depot, documents), most=1)


async def _not_on_its_shelf(life: Life, depot: str) -> Story:
    """All that the ledger has of a part is asked for, and it is not where it should lie."""
    asked = await _ask(life, depot, await only_one(depot))
    yield timedelta(minutes=12)
    found = await _begin(life, depot, [asked.number])
    yield timedelta(minutes=6)
    (line,) = found.lines
    await picking.not_found(line.id, by=life.keeper(depot, 2), reason="库位为空 / the bin is empty")


async def _given_up(life: Life, depot: str) -> Story:
    asked = await _ask(life, depot)
    yield timedelta(minutes=10)
    found = await _begin(life, depot, [asked.number])
    yield timedelta(minutes=5)
    await picking.cancel(found.id, by=life.keeper(depot, 2), reason="与下一波合并 / goes with the next walk")
