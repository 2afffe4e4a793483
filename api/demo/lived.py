"""The last two months of the demo company, lived call by call through the same verbs as the present."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from api.demo.company.parts import PART_BY_NUMBER
from api.demo.past import SEED, Failed, Serials
from inventory.emergency import assessments, cases, proposing
from inventory.ground import clock, db, jobs
from inventory.ground.actor import Actor
from inventory.procurement import orders, receiving
from inventory.requests import backorders, debriefing, requests, shipping
from inventory.stock import levels, receipts
from optimizer.emergency import choose

Act = Callable[[], Coroutine[Any, Any, None]]

BURST_PART, BURST_SITE_PREFIX = "ST12000NM0008", ("SHENPU", "PUDONG", "SUZHOU", "HANGZHOU", "NANJING", "HEFEI")
BURST_FAILURES = 11
BURST_DAYS_AGO = 33


@dataclass(order=True)
class _Due:
    at: datetime
    order: int
    act: Act = field(compare=False)


class Life:
    """A past being lived: what happens next, who does it, and which jobs it caused."""

    def __init__(self, people: dict[str, Actor], serials: Serials, end: datetime) -> None:
        self.people, self.serials, self.end = people, serials, end
        self._queue: list[_Due] = []
        self._count = 0
        self._rng = np.random.default_rng(SEED + 1)

    def plan(self, at: datetime, act: Act) -> None:
        """Have something happen, unless it lies in the future."""
        if at < self.end:
            self._count += 1
            heapq.heappush(self._queue, _Due(at, self._count, act))

    async def live(self) -> None:
        """Let everything happen in order of time, with the jobs each act causes run at once."""
        while self._queue:
            due = heapq.heappop(self._queue)
            with clock.at(due.at), jobs.collecting() as caused:
                await due.act()
                while caused:
                    await self._run(caused.pop(0))

    async def _run(self, job: jobs.Job) -> None:
        """What the worker would do; vendors answer as agreed."""
        by = self.people["emergency"]
        match job:
            case jobs.Assess():
                await assessments.assess(job.part, job.place, job.pool, by=by)
            case jobs.JudgeFailure():
                await assessments.assess_failure(job.part, job.site, job.contract, by=by)
            case jobs.FillBackorders():
                await backorders.fill_backorders(job.part, job.place, job.pool, by=by)
                await self._ship_what_was_filled()
            case jobs.Propose():
                chosen = await proposing.prepare(job.case, by=by)
                if chosen is not None:
                    await proposing.record(chosen, choose(chosen.situation), by=by, attempt=job.attempt)
            case jobs.PlaceOrder():
                await self._vendor_takes(job.order)
            case jobs.OrderFellThrough():
                await cases.order_fell_through(job.order, by=by)
            case _:
                pass

    def fail(self, failed: Failed, number: int) -> None:
        """A part fails: its request, shipment and debrief."""
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
                lines=[requests.NewRequestLine(part_number=failed.part, quantity=1, position=failed.position)],
            ),
            by=self.people["ticket_system"],
        )
        if view.state == "reserved":
            self._send(view.id, failed.part)

    def _send(self, request: UUID, part: str) -> None:
        shipped = clock.now() + timedelta(minutes=float(self._rng.uniform(8, 28)))
        self.plan(shipped, lambda: self._ship(request))
        self.plan(shipped + timedelta(hours=float(self._rng.uniform(1.5, 4))), lambda: self._debrief(request, part))

    async def _ship(self, request: UUID) -> None:
        await shipping.ship(request, by=self.people["keeper"])

    async def _debrief(self, request: UUID, part: str) -> None:
        old = f"OLD-{self.serials.next(part)[0]}" if PART_BY_NUMBER[part].serialised else None
        await debriefing.debrief(
            request,
            [debriefing.Debrief(part_number=part, outcome="used", serial_out=old)],
            by=self.people["ticket_system"],
        )

    async def _ship_what_was_filled(self) -> None:
        rows = await db.fetch(
            """SELECT line.request, part.part_number FROM request_line AS line JOIN part ON part.id = line.part
               WHERE line.state = 'reserved' AND line.reasons = '["stock_arrived"]'"""
        )
        for row in rows:
            await db.execute("UPDATE request_line SET reasons = '[\"arrived\"]' WHERE request = $1", row["request"])
            self._send(row["request"], row["part_number"])

    def order_daily(self, start: datetime) -> None:
        """Order every morning what is missing to the base stocks."""
        for day in range((self.end - start).days + 1):
            self.plan(start + timedelta(days=day, hours=1), self._replenish)

    async def _replenish(self) -> None:
        wanted: dict[tuple[str, str, str], list[orders.NewLine]] = defaultdict(list)
        for level in await levels.levels(limit=5000, seen_by=self.people["buyer"]):
            if level.base_stock is None:
                continue
            drafted = level.on_order + level.in_transit
            missing = level.base_stock - (level.free - level.backordered) - drafted
            if missing > 0:
                vendor = await db.fetch_value(_CHEAPEST, level.part_number, clock.now().date())
                wanted[vendor, level.depot, level.pool].append(
                    orders.NewLine(part_number=level.part_number, quantity=missing)
                )
        for (vendor, depot, pool), lines in sorted(wanted.items()):
            order = await orders.draft_order(vendor, depot, lines, by=self.people["buyer"], pool=pool)
            await orders.approve_order(order.id, by=self.people["other buyer"])

    async def _vendor_takes(self, order: UUID) -> None:
        """The vendor takes the order, promises its lead time, and mostly keeps it."""
        view = await orders.order_view(order)
        hours = max(self._hours(line.part_number, expedited=view.expedited) for line in view.lines)
        promised = clock.now() + timedelta(hours=hours)
        by = self.people["procurement"]
        await orders.note_message(order, "sent", f"{view.number}: {len(view.lines)} lines")
        await orders.record_placed(order, by=by, vendor_reference=f"{view.vendor}-{view.number[-6:]}")
        await orders.note_message(order, "received", f"promised for {promised:%Y-%m-%d %H:%M}Z", status=202)
        await orders.record_acknowledged(order, by=by, promised_at=promised)
        early = 0.6 if view.expedited else 0.0
        arrives = promised + timedelta(hours=hours * float(self._rng.uniform(-0.12, 0.08) - early * 0.3))
        self.plan(arrives, lambda: self._receive(view))

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
        await receiving.receive_order(order.number, lines, by=self.people["keeper"])

    def close_cases(self, start: datetime) -> None:
        """Every evening the project manager closes what is restored."""
        for day in range((self.end - start).days + 1):
            self.plan(start + timedelta(days=day, hours=11), self._close)

    async def _close(self) -> None:
        for case in await cases.cases(limit=50, seen_by=self.people["manager"], state="cover_restored"):
            await cases.close(
                case.id,
                by=self.people["manager"],
                note="补货到位，保障恢复。Parts arrived, cover restored.",
                lessons="同批次硬盘已列入观察。Drives of the same batch are being watched.",
            )
        for case in await cases.cases(limit=50, seen_by=self.people["manager"], state="proposed"):
            if case.opened_at < clock.now() - timedelta(hours=2):
                await cases.approve(case.id, by=self.people["manager"])


_CHEAPEST = """SELECT party.code FROM offer
               JOIN vendor ON vendor.id = offer.vendor AND vendor.kind IN ('maker', 'distributor') AND vendor.active
               JOIN party ON party.id = vendor.party
               JOIN part ON part.id = offer.part
               WHERE part.part_number = $1 AND valid_from <= $2
                 AND (vendor.kind = 'maker' OR EXISTS (SELECT FROM authorisation WHERE authorisation.vendor = vendor.id
                      AND authorisation.maker = part.maker AND $2 BETWEEN authorisation.valid_from AND authorisation.valid_to))
               ORDER BY unit_price_cny, party.code LIMIT 1"""


def burst_of_the_past(devices: Sequence[tuple[str, str, str]], end: datetime) -> list[Failed]:
    """A batch of drives that failed within four days at Shanghai's customers (fictional)."""
    rng = np.random.default_rng(SEED + 2)
    start = end - timedelta(days=BURST_DAYS_AGO)
    picked = rng.choice(len(devices), size=BURST_FAILURES, replace=False)
    return [
        Failed(start + timedelta(hours=float(hours)), *devices[index][:1], BURST_PART, "bay 3", *devices[index][1:])
        for index, hours in zip(picked, sorted(rng.uniform(0, 80, BURST_FAILURES)), strict=True)
    ]
