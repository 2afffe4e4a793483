"""A failure burst, played through the public API in front of everybody's eyes.

The ticket system asks for parts as devices fail; everything after that the service does by itself, up to the goods'
arrival, which the drill's keeper books when the vendor's (shortened) hours have passed.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from api.client import Client, ServiceRefused
from api.demo import credentials
from api.demo.company import MODELS, PART_BY_NUMBER, SITES_OF_DEPOT
from api.demo.vendor import SECONDS_PER_HOUR
from api.settings import Settings
from inventory.emergency.cases import CaseView
from inventory.procurement.orders import OrderView

T = TypeVar("T")
Say = Callable[[str], Any]

MOST_FAILURES = 60
PATIENCE_SECONDS = 90


class DrillFailed(Exception):
    """The service did not do what plan 2 promises; the message says which step."""


async def play_burst(settings: Settings, *, part: str, depot: str, failures: int | None, pace: float, say: Say) -> int:
    """Play the burst and follow the case to restored cover. Returns the exit code."""
    try:
        async with (
            Client(settings.base_url, credentials.key_of(settings, "ticket_system")) as ticket,
            Client(settings.base_url, credentials.key_of(settings, "warehouse_keeper", depot)) as keeper,
            Client(settings.base_url, credentials.key_of(settings, "project_manager")) as manager,
        ):
            await _Drill(settings, part, depot, ticket, keeper, manager, say).play(failures, pace)
    except StopIteration:
        say("there is no demo company here: `make run` makes one on an empty embedded database")
        return 1
    except (DrillFailed, ServiceRefused, OSError) as failed:
        say(f"the drill stopped: {failed}")
        return 1
    return 0


class _Drill:
    def __init__(
        self, settings: Settings, part: str, depot: str, ticket: Client, keeper: Client, manager: Client, say: Say
    ) -> None:
        self.settings, self.part, self.depot = settings, part, depot
        self.ticket, self.keeper, self.manager, self.say = ticket, keeper, manager, say
        self.name = f"DRILL-{datetime.now(UTC):%m%d%H%M%S}"

    async def play(self, failures: int | None, pace: float) -> None:
        case = await self._break_until_case(failures, pace)
        view = await self._follow(case)
        self.say(f"cover restored at {view.case.cover_restored_at}: see {self.settings.base_url}/emergencies/{case}")

    async def _break_until_case(self, failures: int | None, pace: float) -> UUID:
        """Let devices fail, one after the other, until plan 2 opens."""
        devices = await self._devices()
        for number in range(1, (failures or MOST_FAILURES) + 1):
            device = devices[(number * 7) % len(devices)]
            answer = await self.ticket.open_request(
                source="drill",
                reference=f"{self.name}/{number}",
                ticket=self.name,
                device_serial=device,
                severity="severe" if number % 3 == 0 else "general",
                lines=[{"part_number": self.part, "quantity": 1, "position": f"bay {number % 8 + 1}"}],
            )
            level = await self._level()
            self.say(
                f"failure {number:>2} at {device}: {answer.state} from {answer.lines[0].promise.depot}; {self.depot} has "
                f"{level.free} free, {level.backordered} waiting (critical point {level.critical_point}, "
                f"average-failure line {level.average_failure_line})"
            )
            if answer.state == "reserved" and answer.lines[0].promise.depot == self.depot:
                await self.keeper.ship_request(answer.id)
            await asyncio.sleep(pace)
            case = await self._open_case()
            if case is not None and failures is None:
                return case
        return await self._soon("no case opened", self._open_case)

    async def _devices(self) -> list[str]:
        """Devices that carry the part at sites the depot serves."""
        models = {model.code for model in MODELS if self.part in model.parts}
        found = [
            device["serial"]
            for site in SITES_OF_DEPOT.get(self.depot, ())
            async for device in self.ticket.devices(site=site, limit=200)
            if device["model"] in models
        ]
        if not found:
            raise DrillFailed(f"no device with {self.part} is served by {self.depot}")
        random.Random(7).shuffle(found)  # noqa: S311  any order will do, the same each time
        return found

    async def _level(self) -> Any:
        return await _first(self.ticket.levels(part=self.part, depot=self.depot))

    async def _open_case(self) -> UUID | None:
        async for case in self.manager.cases(live=True, part=self.part):
            if case.depot == self.depot:
                return case.id
        return None

    async def _follow(self, case: UUID) -> CaseView:
        """Watch the case act; approve it where it asks; take in what arrives."""
        view = await self._soon(
            "nothing was proposed", lambda: self._reached(case, "proposed", "acting", "cover_restored")
        )
        conditions = view.evidence["conditions"]
        self.say(
            f"case {view.case.number} opened by {view.case.cause}: {', '.join(k for k, v in conditions.items() if v)}"
        )
        seen: set[str] = set()
        taken: set[UUID] = set()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_SECONDS + SECONDS_PER_HOUR * 100
        while view.case.state != "cover_restored":
            self._tell_log(view, seen)
            if view.case.state == "proposed" and view.proposal.get("measures"):
                await self.manager.approve_case(case)
            await self._take_in(view, taken)
            if loop.time() > deadline:
                raise DrillFailed(f"case {view.case.number} is still {view.case.state}")
            await asyncio.sleep(0.5)
            view = await self.manager.case(case)
        self._tell_log(view, seen)
        return view

    async def _reached(self, case: UUID, *states: str) -> CaseView | None:
        view = await self.manager.case(case)
        return view if view.case.state in states else None

    def _tell_log(self, view: CaseView, seen: set[str]) -> None:
        for entry in view.log:
            key = f"{entry.at}{entry.kind}"
            if key not in seen:
                seen.add(key)
                self.say(f"  {entry.at:%H:%M:%S} {entry.kind} by {entry.actor} {entry.facts or ''}")

    async def _take_in(self, view: CaseView, taken: set[UUID]) -> None:
        """Book what has arrived: orders after their vendor's shortened hours, transfers when the lane's have passed."""
        for order in view.orders:
            if order.id not in taken and order.state == "acknowledged" and order.promised_at and order.acknowledged_at:
                hours = (order.promised_at - order.acknowledged_at).total_seconds() / 3600
                waited = (datetime.now(UTC) - order.acknowledged_at).total_seconds()
                if waited >= min(hours * SECONDS_PER_HOUR, 30):
                    await self._receive(order)
                    taken.add(order.id)
        for transfer in view.transfers:
            if transfer.id not in taken:
                taken.add(transfer.id)
                async with Client(
                    self.settings.base_url, credentials.key_of(self.settings, "warehouse_keeper", transfer.from_depot)
                ) as donor:
                    await donor.ship_transfer(transfer.id)
                self.say(f"  {transfer.number} left {transfer.from_depot}")
                await asyncio.sleep(2)
                await self.keeper.take_in_transfer(transfer.id)
                self.say(f"  {transfer.number} arrived at {transfer.to_depot}")

    async def _receive(self, order: OrderView) -> None:
        lines = [
            {
                "part_number": line.part_number,
                "quantity": line.quantity,
                "serials": [f"{self.name}-{order.number[-4:]}-{n}" for n in range(line.quantity)]
                if PART_BY_NUMBER[line.part_number].serialised
                else [],
            }
            for line in order.lines
        ]
        receipt = await self.keeper.receive(order.number, lines)
        self.say(f"  {order.number} from {order.vendor} arrived at {order.ship_to}: receipt {receipt.number}")

    async def _soon(self, otherwise: str, ask: Callable[[], Any]) -> Any:
        """Ask until there is an answer; say what was missing where none comes."""
        for _ in range(PATIENCE_SECONDS * 5):
            answer = await ask()
            if answer is not None:
                return answer
            await asyncio.sleep(0.2)
        raise DrillFailed(otherwise)


async def _first[T](items: AsyncGenerator[T]) -> T:
    async for item in items:
        return item
    raise DrillFailed("there is no such level")
