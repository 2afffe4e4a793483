"""A failure burst, played through the public API in front of everybody's eyes.

Devices fail one after the other and the ticket system asks for parts; what is bought and moved the service decides by
itself. The drill's people do what only people can: ship, take in, approve. A vendor's hour passes in a second.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx

from api.client import Client, ServiceRefused
from api.demo import credentials
from api.demo.company.customers import SITES_OF_DEPOT
from api.demo.company.parts import MODELS, PART_BY_NUMBER
from api.demo.vendor import SECONDS_PER_HOUR
from api.settings import Settings
from inventory.emergency.cases import CaseView
from inventory.procurement.orders import OrderView
from inventory.requests.requests import RequestView
from inventory.stock.levels import LevelView
from inventory.stock.transfers import TransferView

Say = Callable[[str], Any]

PATIENCE_SECONDS = 120
"""How long nothing may happen before the drill gives up."""

LOOK_SECONDS = 0.5
ON_THE_ROAD_SECONDS = 3
LONGEST_DELIVERY_SECONDS = 30


class DrillFailed(Exception):
    """The service did not do what plan 2 promises; the message says which step."""


async def play_burst(settings: Settings, *, part: str, depot: str, failures: int, pace: float, say: Say) -> int:
    """Play the burst and follow its cases until cover is restored. Returns the exit code."""
    if not credentials.read(settings):
        say("there is no demo company here: `make run` makes one on an empty embedded database")
        return 1
    try:
        async with AsyncExitStack() as stack:
            await _Drill(settings, part, depot, say, stack).play(failures, pace)
    except httpx.TransportError:
        say(f"nothing answers at {settings.base_url}: start it by `make run`, and give this command the same PORT")
        return 1
    except (DrillFailed, ServiceRefused, OSError) as failed:
        say(f"the drill stopped: {failed}")
        return 1
    return 0


class _Drill:
    """The people of a drill, what they have to do, and what was told already."""

    def __init__(self, settings: Settings, part: str, depot: str, say: Say, stack: AsyncExitStack) -> None:
        self.settings, self.part, self.depot = settings, part, depot
        self._say, self._news_at = say, asyncio.get_running_loop().time()
        self.started = datetime.now(UTC)
        self.name = f"DRILL-{self.started:%m%d%H%M%S}"
        self.serials = 0
        self._stack = stack
        self._people: dict[tuple[str, str | None], Client] = {}
        self._requests: list[UUID] = []
        self._told: set[tuple[str, datetime, str]] = set()

    async def play(self, failures: int, pace: float) -> None:
        manager = await self._person("project_manager")
        async for case in manager.cases(live=True, part=self.part):
            if case.state == "cover_restored":
                await manager.close_case(case.id, note="closed before the next drill / 演练前关闭")
        breaking = asyncio.create_task(self._break(failures, pace))
        try:
            restored = await self._answer(breaking)
        finally:
            breaking.cancel()
        for view in restored:
            self.say(
                f"{view.case.number} at {view.case.depot}: cover restored, "
                f"see {self.settings.base_url}/emergencies/{view.case.id}"
            )

    def say(self, news: str) -> None:
        """Tell that something happened."""
        self._news_at = asyncio.get_running_loop().time()
        self._say(news)

    async def _person(self, role: str, depot: str | None = None) -> Client:
        if (role, depot) not in self._people:
            client = Client(self.settings.base_url, credentials.key_of(self.settings, role, depot))
            self._people[role, depot] = await self._stack.enter_async_context(client)
        return self._people[role, depot]

    async def _break(self, failures: int, pace: float) -> None:
        """Let devices fail, one after the other."""
        ticket = await self._person("ticket_system")
        devices = await self._devices(ticket)
        for number in range(1, failures + 1):
            device = devices[number % len(devices)]
            answer = await ticket.open_request(
                source="drill",
                reference=f"{self.name}/{number}",
                ticket=self.name,
                device_serial=device,
                severity="severe" if number % 3 == 0 else "general",
                lines=[{"part_number": self.part, "quantity": 1, "position": f"bay {number}"}],
            )
            self._requests.append(answer.id)
            level = await _first(ticket.levels(part=self.part, depot=self.depot))
            self.say(f"failure {number:>2} at {device}: {_promise(answer)}; {self.depot} has {_stock(level)}")
            await asyncio.sleep(pace)

    async def _devices(self, ticket: Client) -> list[str]:
        """Devices that carry the part at sites the depot serves."""
        models = {model.code for model in MODELS if self.part in model.parts}
        found = [
            device["serial"]
            for site in SITES_OF_DEPOT.get(self.depot, ())
            async for device in ticket.devices(site=site, limit=200)
            if device["model"] in models
        ]
        if not found:
            raise DrillFailed(f"no device with {self.part} is served by {self.depot}")
        random.Random(self.name).shuffle(found)  # noqa: S311  any order will do
        return found

    async def _answer(self, breaking: asyncio.Task[None]) -> list[CaseView]:
        """Do what the people do until nothing fails any more and every case's cover is restored."""
        while True:
            if breaking.done():
                breaking.result()
            views = await self._cases()
            for view in views:
                await self._help(view)
            await self._hand_out()
            if breaking.done() and views and all(_is_over(view) for view in views):
                return views
            if asyncio.get_running_loop().time() > self._news_at + PATIENCE_SECONDS:
                raise DrillFailed(_unfinished(views))
            await asyncio.sleep(LOOK_SECONDS)

    async def _cases(self) -> list[CaseView]:
        manager = await self._person("project_manager")
        return [await manager.case(case.id) async for case in manager.cases(live=True, part=self.part)]

    async def _help(self, view: CaseView) -> None:
        """Tell what a case did, and do for it what only people can."""
        self._tell(view)
        if view.case.state == "proposed" and view.proposal.get("measures"):
            await (await self._person("project_manager")).approve_case(view.case.id, proposed_at=view.case.proposed_at)
        for order in view.orders:
            if _has_arrived(order):
                await self._receive(order)
        for transfer in view.transfers:
            await self._carry(transfer)

    def _tell(self, view: CaseView) -> None:
        for entry in view.log:
            if entry.at >= self.started and (view.case.number, entry.at, entry.kind) not in self._told:
                self._told.add((view.case.number, entry.at, entry.kind))
                facts = {name: fact for name, fact in entry.facts.items() if name != "windows" and fact is not None}
                told = ", ".join(f"{name} {fact}" for name, fact in facts.items())
                self.say(f"  {view.case.number} at {view.case.depot}: {entry.kind} by {entry.actor} {told}".rstrip())

    async def _receive(self, order: OrderView) -> None:
        lines: list[dict[str, Any]] = []
        for line in order.lines:
            first, self.serials = self.serials, self.serials + line.quantity
            serials = [f"{self.name}-{number}" for number in range(first, self.serials)]
            wanted = serials if PART_BY_NUMBER[line.part_number].serialised else []
            lines.append({"part_number": line.part_number, "quantity": line.quantity, "serials": wanted})
        keeper = await self._person("warehouse_keeper", order.ship_to)
        receipt = await keeper.receive(order.number, lines)
        pieces = sum(line.quantity for line in order.lines)
        self.say(f"  {order.number}: {pieces} from {order.vendor} arrived at {order.ship_to}, receipt {receipt.number}")

    async def _carry(self, transfer: TransferView) -> None:
        if transfer.state == "draft":
            await (await self._person("warehouse_keeper", transfer.from_depot)).ship_transfer(transfer.id)
            self.say(f"  {transfer.number}: left {transfer.from_depot} for {transfer.to_depot}")
        elif (
            transfer.state in ("shipped", "partly_received")
            and _seconds_since(transfer.shipped_at) >= ON_THE_ROAD_SECONDS
        ):
            await (await self._person("warehouse_keeper", transfer.to_depot)).take_in_transfer(transfer.id)
            self.say(f"  {transfer.number}: arrived at {transfer.to_depot}")

    async def _hand_out(self) -> None:
        """Ship what the drill's requests hold, those too that had to wait for stock."""
        ticket = await self._person("ticket_system")
        for request in list(self._requests):
            view = await ticket.request(request)
            if view.state == "reserved" and (depot := view.lines[0].promise.depot):
                await (await self._person("warehouse_keeper", depot)).ship_request(request)
                self._requests.remove(request)


def _promise(answer: RequestView) -> str:
    promise = answer.lines[0].promise
    return f"{answer.state} from {promise.depot}" if promise.depot else answer.state


def _stock(level: LevelView) -> str:
    return (
        f"{level.free} free, {level.backordered} waiting (critical point {level.critical_point}, "
        f"average-failure line {level.average_failure_line})"
    )


def _is_over(view: CaseView) -> bool:
    """Whether a case's cover is restored, and all it bought and moved has come."""
    under_way = [*(order.state for order in view.orders), *(transfer.state for transfer in view.transfers)]
    return view.case.state == "cover_restored" and not set(under_way) - {"received", "closed", "refused", "cancelled"}


def _has_arrived(order: OrderView) -> bool:
    """Whether an acknowledged order's hours have passed, at the drill's pace."""
    if order.state != "acknowledged" or order.promised_at is None or order.acknowledged_at is None:
        return False
    hours = (order.promised_at - order.acknowledged_at).total_seconds() / 3600
    return _seconds_since(order.acknowledged_at) >= min(hours * SECONDS_PER_HOUR, LONGEST_DELIVERY_SECONDS)


def _seconds_since(then: datetime | None) -> float:
    return (datetime.now(UTC) - then).total_seconds() if then else 0.0


def _unfinished(views: list[CaseView]) -> str:
    if not views:
        return "no case opened: the stock is still above its critical point; let more devices fail (--failures)"
    return ", ".join(f"{view.case.number} at {view.case.depot} is still {view.case.state}" for view in views)


async def _first[T](items: AsyncGenerator[T]) -> T:
    async for item in items:
        return item
    raise DrillFailed("there is no such level")
