"""The last weeks of the demo company, lived call by call through the same verbs as the present."""

import heapq
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import count
from uuid import UUID

import numpy as np

from api.demo.company.customers import CUSTOMERS
from api.demo.company.parts import PART_BY_NUMBER
from api.demo.past import SEED, Failed, Serials
from api.demo.staff import SHANGHAI
from api.settings import Settings
from api.worker import HANDLERS, Work
from inventory.emergency import cases, proposing
from inventory.ground import clock, db, jobs
from inventory.ground.actor import Actor, service
from inventory.installed_base.register import NewDevice
from inventory.procurement import orders, receiving, replenishment, replenishment_answers
from inventory.requests import backorders, debriefing, fault_reports, requests, shipping
from inventory.requests.requests import RequestView
from inventory.returns import counter, debts, removed
from inventory.stock import receipts, shipments, transfers
from inventory.stock.shipments import Dispatch
from optimizer.emergency import choose

Act = Callable[[], Awaitable[None]]

Story = AsyncGenerator[timedelta]
"""What happens step by step; it says after each step how long nothing happens."""

BURST_PART, BURST_SITE_PREFIX = "ST12000NM0008", ("SHENPU", "PUDONG", "SUZHOU", "HANGZHOU", "NANJING", "HEFEI")
BURST_FAILURES = 11
BURST_DAYS_AGO = 33

DRILL_STORE, QUIET_DAYS = "GZ", 12
"""Where the drill begins, and for how long the drill's part did not fail there: a drill begins from a whole store."""

SIGNED_FOR_DAYS = 14
"""For how many of the last days somebody signed on the screen; before, whoever used a part had evidently got it."""

FAILURE_CODES = {
    "drive": ("SMART-197", "BAD-SECTOR"),
    "fan": ("BEARING", "NO-SPIN"),
    "psu": ("NO-OUTPUT", "OVERHEAT"),
    "memory": ("ECC-MULTI", "ECC-SINGLE"),
    "raid_battery": ("WORN-OUT", "SWOLLEN"),
}
"""What engineers find of a kind of part, the usual first."""

FAR_HOURS = 5.0
"""A site that is farther from its store gets its parts by courier."""

TRAVEL = {site.code: site.travel for customer in CUSTOMERS for site in customer.sites}


class NotToday(Exception):
    """What a story needs is not there on the day it would happen: it is not told."""


@dataclass(order=True)
class _Due:
    at: datetime
    order: int
    act: Act = field(compare=False)


class Life:
    """A past being lived: what happens next, who does it, and which jobs it caused."""

    def __init__(
        self, crew: dict[str, Actor], devices: Sequence[NewDevice], serials: Serials, end: datetime, settings: Settings
    ) -> None:
        self.crew, self.devices, self.serials, self.end = crew, devices, serials, end
        self.receivers: dict[str, Callable[[orders.OrderView], Awaitable[None]]] = {}
        """Who takes in an order in a way of its own, by its number."""
        self._work = Work(settings)
        self._queue: list[_Due] = []
        self._order, self._shipped, self._brought, self._opened, self._reported = (count() for _ in range(5))
        self.tickets = count(21_001)
        self._served: set[UUID] = set()
        self._rng = np.random.default_rng(SEED + 1)
        self._afterwards = np.random.default_rng(
            SEED + 2
        )  # what becomes of old parts changes nothing of when others fail

    def keeper(self, depot: str, number: int = 1) -> Actor:
        """A keeper of a store."""
        return self.crew[f"warehouse-keeper-{depot.lower()}-{number}"]

    def on(self, days_ago: int, at: str) -> datetime:
        """An hour of Shanghai's clock, so many days ago."""
        day = self.end.astimezone(SHANGHAI).date() - timedelta(days=days_ago)
        return datetime.combine(day, time.fromisoformat(at), SHANGHAI)

    def ago(self, **span: float) -> datetime:
        """So long before the present: `ago(hours=3)`."""
        return self.end - timedelta(**span)

    def plan(self, at: datetime, act: Act) -> None:
        """Have something happen, unless it lies in the future."""
        if at < self.end:
            heapq.heappush(self._queue, _Due(at, next(self._order), act))

    def tell(self, at: datetime, story: Story) -> None:
        """Have a story begin; it is told as far as the present."""
        self.plan(at, lambda: self._go_on(story))

    async def _go_on(self, story: Story) -> None:
        pause = await anext(story, None)
        if pause is not None and clock.now() + pause < self.end:
            self.tell(clock.now() + pause, story)
        else:
            await story.aclose()

    async def live(self) -> None:
        """Let everything happen in order of time, with the jobs each act causes run at once."""
        while self._queue:
            due = heapq.heappop(self._queue)
            with clock.at(due.at), jobs.collecting() as caused:
                with suppress(NotToday):
                    await due.act()
                while caused:
                    job = caused.pop(0)
                    if job not in caused:  # the same again does it later, with all that came between
                        await self._run(job)

    async def _run(self, job: jobs.Job) -> None:
        """What the worker would do; vendors answer as agreed."""
        match job:
            case jobs.FillBackorders():
                await backorders.fill_backorders(job.part, job.place, job.pool, by=service("allocation"))
                await self._serve_those_who_waited()
            case jobs.Propose():
                chosen = await proposing.prepare(job.case, by=service("emergency"))
                if chosen is not None:
                    answered = choose(chosen.situation)
                    await proposing.record(chosen, answered, by=service("emergency"), attempt=job.attempt)
                    await self._send_for(job.case)
            case jobs.Replenish() | jobs.ReplenishAll() | jobs.BundleOrders():
                pass  # every level is looked at in the morning
            case jobs.PlaceOrder():
                await self._vendor_takes(job.order)
            case _:
                await HANDLERS[type(job)](job, self._work)

    def fail(self, failed: Failed, number: int) -> None:
        """A part fails: its request, shipment and debrief."""
        reach = TRAVEL[failed.site]
        at_the_drill = failed.part == BURST_PART and min(reach, key=reach.__getitem__) == DRILL_STORE
        if at_the_drill and failed.at > self.ago(days=QUIET_DAYS):
            return
        self.plan(failed.at, lambda: self._request(failed, number))

    async def _request(self, failed: Failed, number: int) -> None:
        severe = self._rng.random() < 0.15
        view = await requests.open_request(
            requests.NewRequest(
                source="glpi",
                reference=f"INC-{number}/1",
                ticket=f"INC-{number}",
                device_serial=failed.device,
                severity="severe" if severe else "general",
                fault_reported_at=failed.at,
                engineer=self.engineer(number).name,
                lines=[requests.NewRequestLine(part_number=failed.part, quantity=1, position=failed.position)],
            ),
            by=self.crew["ticket_system"],
        )
        if view.state == "reserved":
            self._serve(view.id, failed.part)

    def _serve(self, request: UUID, part: str) -> None:
        self._served.add(request)
        starts = clock.now() + timedelta(minutes=float(self._rng.uniform(8, 28)))
        self.tell(starts, self._service(request, part, timedelta(hours=float(self._rng.uniform(1.5, 4)))))

    async def _service(self, request: UUID, part: str, takes: timedelta) -> Story:
        """A part leaves, is signed for, and is built in."""
        view = await requests.request_view(request)
        depot = view.lines[0].promise.depot or ""
        await shipping.ship(request, by=self.keeper(depot), how=self.way(view, depot))
        yield takes * 0.4
        if clock.now() > self.end - timedelta(days=SIGNED_FOR_DAYS):
            await self.sign_for(view.number)
        yield takes * 0.6
        if part != BURST_PART and next(self._opened) % 19 == 7:
            found = debriefing.Debrief(
                part_number=part, outcome="no_fault_found", remark="插拔后恢复 / cured by reseating"
            )
            await debriefing.debrief(request, [found], by=self.crew["ticket_system"])
            return
        old = f"OLD-{self.serials.next(part)[0]}" if PART_BY_NUMBER[part].serialised else None
        codes = FAILURE_CODES.get(PART_BY_NUMBER[part].kind, ("NO-POST", "INTERMITTENT"))
        await debriefing.debrief(
            request,
            [
                debriefing.Debrief(
                    part_number=part,
                    outcome="used",
                    serial_out=old,
                    failure_code=codes[0] if self._afterwards.random() < 0.7 else codes[1],
                )
            ],
            by=self.crew["ticket_system"],
        )
        dispatcher = self.crew["dispatcher-1"]
        self.plan(clock.now() + timedelta(hours=20 + next(self._reported) % 40), lambda: self._report(request))
        for debt in await debts.debts(limit=5, seen_by=dispatcher, document=view.number):
            self.tell(clock.now() + timedelta(hours=float(self._afterwards.uniform(6, 90))), self._bring_back(debt))

    async def _report(self, request: UUID) -> None:
        """The customer is given the fault analysis report, within its three days."""
        await fault_reports.hand_over(
            request, "机房主管 / the site's manager", by=self.crew["dispatcher-1"], remark="邮件 / by mail"
        )

    async def _bring_back(self, debt: debts.DebtView) -> Story:
        """The engineer brings the old part back, or has the customer sign for a disk that stays; now and then he forgets."""
        number = next(self._brought)
        if debt.may_be_kept:
            engineer = next(each for each in self.crew.values() if each.name == debt.debtor)
            await removed.keep(debt.id, "机房主管 / the site's manager", by=engineer)
        else:
            if number % 11 == 5:
                yield timedelta(days=9)
            await counter.take_in(
                debt.depot,
                debt.part_number,
                by=self.keeper(debt.depot),
                serial=debt.serial,
                quantity=debt.quantity,
                debt=debt.id,
            )

    def way(self, view: RequestView, depot: str, mode: shipments.Mode | None = None) -> Dispatch:
        """How something goes to a site: by courier where it is far, else by whoever is at hand."""
        number = next(self._shipped)
        far = TRAVEL[view.site].get(depot, FAR_HOURS + 1) > FAR_HOURS
        lithium = any(PART_BY_NUMBER[line.part_number].lithium for line in view.lines)
        near: tuple[shipments.Mode, ...] = ("same_city_courier", "own_car", "hand_carried")
        match mode or (("own_car" if lithium else "courier") if far else near[number % len(near)]):
            case "courier":
                return Dispatch(mode="courier", carrier="顺丰", waybill=f"SF14{number * 7919 % 10**9:010d}")
            case "same_city_courier":
                return Dispatch(
                    mode="same_city_courier",
                    carrier="闪送",
                    courier_phone=f"138{number * 104_729 % 10**8:08d}",
                    waybill=f"SS{number * 15_485_863 % 10**9:09d}",
                )
            case "own_car":
                return Dispatch(mode="own_car", carrier=f"{depot} 值班车")
            case "hand_carried":
                return Dispatch(mode="hand_carried", carrier=self.engineer(number).name)

    def engineer(self, number: int) -> Actor:
        """One of the engineers, whatever the number; none of the first four, who draw on stocks of their own."""
        return self.crew[f"engineer-{number % 24 + 5}"]

    async def sign_for(self, document: str) -> None:
        """An engineer takes a delivery over, and signs on the screen."""
        for sent in await shipments.shipments(
            limit=5, seen_by=self.crew["dispatcher-1"], document=document, state="shipped"
        ):
            engineer = self.engineer(next(self._shipped))
            strokes = signature_of(engineer.name)
            await shipments.hand_over(sent.id, engineer.name, by=engineer, where="机房前台", strokes=strokes)

    async def _serve_those_who_waited(self) -> None:
        rows = await db.fetch(
            """SELECT line.request, part.part_number FROM request_line AS line JOIN part ON part.id = line.part
               WHERE line.state = 'reserved' AND line.reasons = '["stock_arrived"]'"""
        )
        for row in rows:
            if row["request"] not in self._served:
                self._serve(row["request"], row["part_number"])

    async def _send_for(self, case: UUID) -> None:
        """What other stores give an approved case leaves soon."""
        view = await cases.case_view(case, seen_by=self.crew["project-manager-1"])
        for given in view.transfers:
            if given.state == "draft":
                self.tell(clock.now() + timedelta(minutes=40), self._sent_for_a_case(given.id))

    async def _sent_for_a_case(self, given: UUID) -> Story:
        drafted = await transfers.transfer_view(given)
        if drafted.state != "draft":  # the case was proposed anew, or is over
            return
        sent = await transfers.ship(
            given,
            by=self.keeper(drafted.from_depot),
            how=Dispatch(mode="courier", carrier="顺丰", waybill=f"SF17{drafted.number[-6:]}11"),
        )
        yield (sent.due_at or clock.now()) - clock.now() - timedelta(hours=1)
        await transfers.take_in(given, by=self.keeper(drafted.to_depot))

    def order_daily(self, start: datetime) -> None:
        """Order every morning what is missing to the base stocks."""
        for day in range((self.end - start).days + 1):
            self.plan(start + timedelta(days=day, hours=1), self._replenish)

    async def _replenish(self) -> None:
        buyer = self.crew["buyer-1"]
        await replenishment.propose()
        offered = [
            proposal.id
            for proposal in await replenishment.proposals(limit=5000, seen_by=buyer, state="open")
            if proposal.vendor
        ]
        if not offered:
            return
        for order in (await replenishment_answers.accept(offered, by=buyer)).orders:
            await orders.approve_order(order.id, by=self.crew["buyer-2"])

    async def _vendor_takes(self, order: UUID) -> None:
        """The vendor takes the order, promises its lead time, and mostly keeps it."""
        view = await orders.order_view(order)
        hours = max(self._hours(line.part_number, expedited=view.expedited) for line in view.lines)
        promised = clock.now() + timedelta(hours=hours)
        by = service("procurement")
        await orders.note_message(order, "sent", f"{view.number}: {len(view.lines)} lines")
        await orders.record_placed(order, by=by, vendor_reference=f"{view.vendor}-{view.number[-6:]}")
        await orders.note_message(order, "received", f"promised for {promised:%Y-%m-%d %H:%M}Z", status=202)
        await orders.record_acknowledged(order, by=by, promised_at=promised)
        early = 0.6 if view.expedited else 0.0
        arrives = promised + timedelta(hours=hours * float(self._rng.uniform(-0.12, 0.08) - early * 0.3))
        self.plan(arrives, lambda: self.receivers.get(view.number, self._receive)(view))

    @staticmethod
    def _hours(part: str, *, expedited: bool) -> float:
        spec = PART_BY_NUMBER[part]
        return float(spec.expedited_hours) if expedited and spec.expedited_hours else spec.days * 24.0

    async def _receive(self, order: orders.OrderView) -> None:
        lines = [
            receipts.Incoming(
                part_number=line.part_number,
                quantity=line.quantity,
                serials=self.serials.next(line.part_number, line.quantity)
                if PART_BY_NUMBER[line.part_number].serialised
                else (),
            )
            for line in order.lines
        ]
        await receiving.receive_order(order.number, lines, by=self.keeper(order.ship_to))

    def close_cases(self, start: datetime) -> None:
        """Every evening the project manager closes what is restored."""
        for day in range((self.end - start).days + 1):
            self.plan(start + timedelta(days=day, hours=11), self._close)

    async def _close(self) -> None:
        manager = self.crew["project-manager-1"]
        for case in await cases.cases(limit=50, seen_by=manager, state="cover_restored"):
            await cases.close(
                case.id,
                by=manager,
                note="补货到位，保障恢复。Parts arrived, cover restored.",
                lessons="同批次硬盘已列入观察。Drives of the same batch are being watched.",
            )
        for case in await cases.cases(limit=50, seen_by=manager, state="proposed"):
            if case.opened_at < clock.now() - timedelta(hours=2):
                await cases.approve(case.id, by=manager)
                await self._send_for(case.id)


def burst_of_the_past(devices: Sequence[tuple[str, str, str]], end: datetime) -> list[Failed]:
    """A batch of drives that failed within four days at Shanghai's customers (fictional)."""
    rng = np.random.default_rng(SEED + 2)
    start = end - timedelta(days=BURST_DAYS_AGO)
    picked = rng.choice(len(devices), size=BURST_FAILURES, replace=False)
    return [
        Failed(start + timedelta(hours=float(hours)), *devices[index][:1], BURST_PART, "bay 3", *devices[index][1:])
        for index, hours in zip(picked, sorted(rng.uniform(0, 80, BURST_FAILURES)), strict=True)
    ]


def signature_of(name: str) -> list[list[tuple[float, float]]]:
    """A scrawl in the field of a signature, every name its own."""
    rng = np.random.default_rng(sum(map(ord, name)))
    strokes: list[list[tuple[float, float]]] = []
    for word in range(3):
        across = np.linspace(120 + 260 * word, 330 + 260 * word, 12)
        up = 200 + 90 * np.sin(np.linspace(0, float(rng.uniform(4, 9)), 12) + float(rng.uniform(0, 3)))
        strokes.append([(round(float(x)), round(float(y))) for x, y in zip(across, up, strict=True)])
    return strokes
