"""A month of the demo company, lived over the public API: which promises are kept, and which need-by times are met.

Whoever asks, ships, signs, debriefs and takes in calls the API with a key of their own; the clock is turned from event to
event. Twelve such months, each from the same company with another seed, are told apart only by chance.
"""

import asyncio
import logging
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, override
from uuid import UUID, uuid4

import httpx
import numpy as np

from api.app import create_app
from api.demo import credentials, staff
from api.demo.company.customers import devices
from api.demo.company.parts import PART_BY_NUMBER
from api.demo.lived import Life, Story
from api.demo.load import load_company
from api.demo.past import YEARS, Failed, Serials, draw_failures
from api.embedded import EmbeddedPostgres
from api.settings import Settings
from bench.tables import Figures
from inventory.ground import clock, db, jobs
from inventory.ground.actor import service
from inventory.migrate import migrate
from inventory.procurement import orders
from inventory.requests.sourcing import PICK_HOURS
from inventory.stock.months import ensure_ledger_months

MONTHS, DAYS = 12, 30

ASKED_WITHIN_MINUTES = (1, 6)
"""From the report of the fault to the request."""

PICKING_MINUTES = (3, 8, 20)
"""From what is held to its leaving the store: least, most likely, most."""

TRAVEL_SHARE = (0.7, 0.9, 1.05)
"""The way, in shares of the hours the company reckons with: least, most likely, most."""

ANSWERED_AFTER = {"quoted": timedelta(minutes=30), "awaiting_approval": timedelta(minutes=10)}
"""When a customer accepts a quotation, and when an approver answers."""

LOST, NOTICED_AFTER = 0.01, 1.5
"""The share of shipments that never arrive, and when that is noticed, in shares of the reckoned way."""

DEAD = 0.01
"""The share of parts that are dead on arrival."""

LATE_ORDERS, LATE_BY, EARLY_BY = 0.15, (0.2, 1.0), (0.0, 0.12)
"""The share of orders that vendors deliver late, by which shares of the lead time, and how early the others come."""


@dataclass
class Promised:
    """The first firm promise of a request, and what became of it."""

    at: datetime
    inbound: bool
    kept_at: datetime | None = None
    lost: bool = False


@dataclass
class Incident:
    """A failed part at a customer's: until a working one is there."""

    failed: Failed
    number: int
    reported: datetime
    need_by: datetime
    counted: bool = True
    asked: int = 0
    repaired: datetime | None = None
    troubles: list[str] = field(default_factory=list)


class Refused(Exception):
    """The service refused a call."""


class Month(Life):
    """A month to come."""

    def __init__(
        self, seed: int, people: dict[tuple[str, str | None], str], http: httpx.AsyncClient, **life: Any
    ) -> None:
        super().__init__(**life)
        self.people, self.http = people, http
        self.incidents: list[Incident] = []
        self.promises: dict[str, Promised] = {}
        self._rng = np.random.default_rng(seed)
        self._waiting: dict[str, Incident] = {}

    async def call(self, role: str, method: str, path: str, body: Any = None, *, depot: str | None = None) -> Any:
        """Call the API as somebody.

        Raises:
            Refused: the service refused.

        """
        headers = {"Authorization": f"Bearer {self.people[role, depot]}", "Idempotency-Key": uuid4().hex}
        answer = await self.http.request(method, f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code < 500, answer.text
        if not answer.is_success:
            raise Refused(answer.text)
        return answer.json()

    # ---- asking ----

    @override
    async def _request(self, failed: Failed, number: int) -> None:
        reported = clock.now() - timedelta(minutes=float(self._rng.uniform(*ASKED_WITHIN_MINUTES)))
        incident = Incident(failed, number, reported, reported)
        await self._ask(incident)
        self.incidents.append(incident)

    async def _ask(self, incident: Incident) -> None:
        incident.asked += 1
        view = await self.call(
            "ticket_system",
            "POST",
            "/part-requests",
            {
                "source": "glpi",
                "reference": f"MONTH-{incident.number}/{incident.asked}",
                "ticket": f"MONTH-{incident.number}",
                "device_serial": incident.failed.device,
                "severity": "severe" if incident.number % 7 == 0 else "general",
                "fault_reported_at": incident.reported.isoformat(),
                "lines": [{"part_number": incident.failed.part, "position": incident.failed.position}],
            },
        )
        if view["state"] in ("quoted", "awaiting_approval"):
            self.tell(clock.now() + ANSWERED_AFTER[view["state"]], self._pass_gate(view, incident))
        else:
            self._look_after(view, incident)

    async def _pass_gate(self, view: dict[str, Any], incident: Incident) -> Story:
        """The customer accepts what is quoted, somebody approves what a rule holds back; then it is promised."""
        if view["state"] == "quoted":
            said = {"said_by": "客户值班经理", "reason": "电话确认"}
            path = f"/quotations/{view['quotations'][0]['id']}/accept"
            view = await self.call("ticket_system", "POST", path, said)
            if view["state"] == "awaiting_approval":
                yield ANSWERED_AFTER["awaiting_approval"]
        if view["state"] == "awaiting_approval":
            view = await self.call("project_manager", "POST", f"/part-requests/{view['id']}/approve", {})
        self._look_after(view, incident)

    def _look_after(self, view: dict[str, Any], incident: Incident) -> None:
        """Note what was promised; what is held is served, anything else waits."""
        (line,) = view["lines"]
        promise = line["promise"]
        if incident.asked == 1 and incident.counted:
            incident.need_by = datetime.fromisoformat(view["need_by"])
        if promise["firm"] and incident.counted and view["id"] not in self.promises:
            self.promises[view["id"]] = Promised(
                datetime.fromisoformat(promise["arrives_at"]), promise["expected"] is not None
            )
        if line["state"] != "reserved":
            self._waiting[view["id"]] = incident
            self.tell(clock.now() + timedelta(minutes=10), self._buying(view))
        if not incident.troubles and incident.repaired is None and not promise["on_time"]:
            nearest = [step for step in line["ladder"] if step["rung"] == "depot"]
            has_some = any(step["possible"] and "on_its_way" not in step["reasons"] for step in nearest)
            incident.troubles.append("too far away" if has_some else "no stock in reach")
        if line["state"] == "reserved":
            self._waiting.pop(view["id"], None)
            self.tell(clock.now() + self._minutes(PICKING_MINUTES), self._delivery(view, incident))

    async def _buying(self, view: dict[str, Any]) -> Story:
        """What a vendor brings sooner than anything promised is bought: a dispatcher asks, a buyer approves."""
        (line,) = view["lines"]
        promise = line["promise"]
        sales = [step for step in line["ladder"] if step["rung"] == "emergency" and step["possible"]]
        fastest = min(sales, key=lambda step: step["arrives_at"], default=None)
        if fastest is None or (promise["firm"] and promise["arrives_at"] <= fastest["arrives_at"]):
            return
        wanted = {"part_number": line["part_number"], "vendor": fastest["vendor"]}
        try:
            order = await self.call("dispatcher", "POST", f"/part-requests/{view['id']}/buy", wanted)
        except Refused:  # it waits no more
            return
        yield timedelta(minutes=20)
        await self.call("buyer", "POST", f"/purchase-orders/{order['id']}/approve", {})

    def _minutes(self, spread: tuple[float, float, float]) -> timedelta:
        return timedelta(minutes=float(self._rng.triangular(*spread)))

    @override
    async def _serve_those_who_waited(self) -> None:
        for request, incident in list(self._waiting.items()):
            view = await self.call("ticket_system", "GET", f"/part-requests/{request}")
            if view["lines"][0]["state"] == "reserved":
                self._look_after(view, incident)

    async def _resume(self, view: dict[str, Any], incident: Incident) -> None:
        self._look_after(view, incident)

    # ---- shipping, signing, fitting ----

    async def _delivery(self, view: dict[str, Any], incident: Incident) -> Story:
        """A part leaves, arrives or is lost, and is fitted or dead."""
        (line,) = view["lines"]
        promise, request, part = line["promise"], view["id"], line["promise"]["part_number"]
        depot, serialised = promise["depot"], PART_BY_NUMBER[part].serialised
        reckoned = datetime.fromisoformat(promise["arrives_at"]) - datetime.fromisoformat(line["reserved_at"])
        way = reckoned - timedelta(hours=PICK_HOURS)
        mode = "own_car" if PART_BY_NUMBER[part].lithium or way < timedelta(hours=5) else "courier"
        how = {
            "mode": mode,
            "carrier": "顺丰",
            **({"waybill": f"SF{incident.number:010d}"} if mode == "courier" else {}),
        }
        try:
            await self.call("warehouse_keeper", "POST", f"/part-requests/{request}/ship", {"how": how}, depot=depot)
        except Refused:  # a higher purpose took it meanwhile
            self._waiting[request] = incident
            return
        shipments = await self.call("dispatcher", "GET", f"/shipments?document={view['number']}")
        shipment = shipments["items"][0]["id"]
        if self._rng.random() < LOST:
            yield way * NOTICED_AFTER
            await self._write_off(view, shipment, incident)
            return
        yield way * float(self._rng.triangular(*TRAVEL_SHARE))
        await self.call("engineer", "POST", f"/shipments/{shipment}/hand-over", {"to": "值班工程师"})
        if incident.counted:
            self.promises[request].kept_at = clock.now()
        if self._rng.random() < DEAD:
            yield timedelta(minutes=30)
            incident.troubles.append("dead on arrival")
            told = await self._debrief(request, {"part_number": part, "outcome": "dead_on_arrival"})
            following = next(other["id"] for other in told["linked"] if not other["earlier"])
            self._look_after(await self.call("ticket_system", "GET", f"/part-requests/{following}"), incident)
            return
        incident.repaired = clock.now()
        yield timedelta(hours=float(self._rng.uniform(0.5, 2)))
        old = {"serial_out": f"OLD-{self.serials.next(part)[0]}"} if serialised else {}
        await self._debrief(request, {"part_number": part, "outcome": "used", **old})

    async def _debrief(self, request: str, line: dict[str, Any]) -> Any:
        return await self.call("ticket_system", "POST", f"/part-requests/{request}/debrief", {"lines": [line]})

    async def _write_off(self, view: dict[str, Any], shipment: str, incident: Incident) -> None:
        incident.troubles.append("lost on the way")
        if incident.counted:
            self.promises[view["id"]].lost = True
        await self.call("engineer", "POST", f"/shipments/{shipment}/fail", {"reason": "快递遗失"})
        part = view["lines"][0]["promise"]["part_number"]
        told = await self._debrief(view["id"], {"part_number": part, "outcome": "lost", "remark": "快递遗失，已立案"})
        report = told["lines"][0]["debriefs"][0]["id"]
        await self.call("quality_supervisor", "POST", f"/part-requests/{view['id']}/debriefs/{report}/confirm-loss", {})
        await self._ask(incident)

    # ---- vendors, and the other work of the stores ----

    @override
    async def _vendor_takes(self, order: UUID) -> None:
        view = await orders.order_view(order)
        hours = max(self._hours(line.part_number, expedited=view.expedited) for line in view.lines)
        promised = clock.now() + timedelta(hours=hours)
        by = service("procurement")
        await orders.record_placed(order, by=by, vendor_reference=f"{view.vendor}-{view.number[-6:]}")
        await orders.record_acknowledged(order, by=by, promised_at=promised)
        late = self._rng.random() < LATE_ORDERS
        share = self._rng.uniform(*LATE_BY) if late else -self._rng.uniform(*EARLY_BY)
        self.plan(promised + timedelta(hours=hours * float(share)), lambda: self._receive(view))

    @override
    async def _receive(self, order: orders.OrderView) -> None:
        scans: list[dict[str, Any]] = []
        for line in order.lines:
            comes = line.quantity - line.received_quantity - line.short_quantity
            if PART_BY_NUMBER[line.part_number].serialised:
                scans.append({"part_number": line.part_number, "serials": self.serials.next(line.part_number, comes)})
            else:
                scans.append({"part_number": line.part_number, "quantity": comes})
        body = {
            "scans": [scan for scan in scans if scan.get("serials") or scan.get("quantity")],
            "reason": "按订单到货",
        }
        await self.call("warehouse_keeper", "POST", f"/deliveries/{order.number}/receive", body, depot=order.ship_to)

    async def take_on(self, since: datetime) -> None:
        """Take on what is under way as the month begins: requests, orders and transfers."""
        for state in ("reserved", "backordered"):
            under_way = await self.call("dispatcher", "GET", f"/part-requests?state={state}&limit=200")
            for number, summary in enumerate(under_way["items"]):
                view = await self.call("dispatcher", "GET", f"/part-requests/{summary['id']}")
                if len(view["lines"]) == 1 and view["need_by"]:
                    opened = datetime.fromisoformat(view["opened_at"])
                    failed = Failed(
                        opened, view["device_serial"], view["lines"][0]["part_number"], "bay 1", view["site"], ""
                    )
                    incident = Incident(failed, 100_000 + number, opened, opened, counted=False)
                    self.plan(since, partial(self._resume, view, incident))
        for state in orders.OPEN_FOR_RECEIPT:
            for order in await orders.orders(limit=500, seen_by=self.crew["buyer-1"], state=state):
                self.plan(max(order.promised_at or since, since + timedelta(hours=1)), partial(self._receive, order))
        under_way = await self.call("dispatcher", "GET", "/transfers?state=shipped")
        for transfer in under_way["items"]:
            due = datetime.fromisoformat(transfer["due_at"])
            self.plan(max(due, since + timedelta(hours=1)), partial(self._take_in, transfer))
        for turn in range(DAYS * 12):
            self.plan(since + timedelta(hours=2 * turn + 0.5), self._send_transfers)

    async def _send_transfers(self) -> None:
        drafts = await self.call("dispatcher", "GET", "/transfers?state=draft")
        for transfer in drafts["items"]:
            sent = await self.call(
                "warehouse_keeper", "POST", f"/transfers/{transfer['id']}/ship", {}, depot=transfer["from_depot"]
            )
            due = datetime.fromisoformat(sent["due_at"])
            self.plan(due - (due - clock.now()) * float(self._rng.uniform(0, 0.2)), partial(self._take_in, sent))

    async def _take_in(self, sent: dict[str, Any]) -> None:
        await self.call("warehouse_keeper", "POST", f"/transfers/{sent['id']}/receive", {}, depot=sent["to_depot"])


def run() -> Figures:
    """Measure."""
    figures = Figures(
        "A simulated month",
        f"{MONTHS} months of {DAYS} days, each from the same demo company with other failures drawn from the real rates, lived "
        "call by call over the public API with the worker's jobs run as they come. Stated: requests follow the report within "
        f"{ASKED_WITHIN_MINUTES[0]}–{ASKED_WITHIN_MINUTES[1]} minutes; quotations are accepted after 30, requests "
        f"approved after 10; parts leave after {PICKING_MINUTES[0]}–"
        f"{PICKING_MINUTES[2]} (mostly {PICKING_MINUTES[1]}) minutes; the way takes {TRAVEL_SHARE[0]}–{TRAVEL_SHARE[2]} of the "
        f"hours reckoned with; {LOST:.0%} of shipments are lost and {DEAD:.0%} of parts dead on arrival; {LATE_ORDERS:.0%} of "
        f"orders come late by {LATE_BY[0]:.0%}–{LATE_BY[1]:.0%} of their lead time; the stores order to base stock every "
        "morning, and a dispatcher has bought at once what waits longer than a vendor takes. A promise is "
        "the first firm one a request was given.",
        ("what", "measured", "goal"),
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="beijian-bench-") as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name) / "pg", durable=False) as postgres:
            months, predicted = asyncio.run(_live(postgres, Path(name)))
    incidents = [(incident, end) for month, end in months for incident in month.incidents if incident.need_by < end]
    promises = [promise for month, end in months for promise in month.promises.values() if promise.at < end]
    kept = [promise.kept_at is not None and promise.kept_at <= promise.at for promise in promises]
    met = [incident.repaired is not None and incident.repaired <= incident.need_by for incident, _ in incidents]
    broken = Counter(_why_broken(promise) for promise, held in zip(promises, kept, strict=True) if not held)
    missed = Counter(_why_missed(incident) for (incident, _), held in zip(incidents, met, strict=True) if not held)
    slack = [
        (incident.need_by - incident.repaired).total_seconds() / 3600 for incident, _ in incidents if incident.repaired
    ]
    in_stock = 1 - missed["no stock in reach"] / len(incidents)
    figures.rows += [
        ("requests with a need-by time", len(incidents), ""),
        ("firm promises", len(promises), ""),
        ("of them kept", f"{np.mean(kept):.1%}", "95 %"),
        ("broken because", _causes(broken), ""),
        ("need-by met", f"{np.mean(met):.1%}", f"the plan says {predicted:.1%}, within 1 point"),
        ("missed because", _causes(missed), ""),
        ("not missed for want of stock", f"{in_stock:.1%}", ""),
        ("mean slack before need-by", f"{np.mean(slack):.1f} h", ""),
    ]
    return figures


def _why_broken(promise: Promised) -> str:
    if promise.lost:
        return "lost on the way"
    return "vendor late" if promise.inbound else "slow in the store or on the way"


def _why_missed(incident: Incident) -> str:
    return incident.troubles[0] if incident.troubles else "slow in the store or on the way"


def _causes(counted: Counter[str]) -> str:
    return ", ".join(f"{cause}: {count}" for cause, count in counted.most_common()) or "–"


async def _live(postgres: EmbeddedPostgres, folder: Path) -> tuple[list[tuple[Month, datetime]], float]:
    settings = Settings(database_url=postgres.dsn(), secret="0" * 64, state=folder, log_format="quiet", port=1)
    await migrate(settings.database_url)
    async with db.connected(settings.database_url):
        await load_company(settings, say=lambda _: None)
        predicted = await db.fetch_value(
            """SELECT sum(on_time_rate_per_day) / sum(total_rate_per_day) FROM plan_class
               JOIN plan ON plan.id = plan_class.plan WHERE plan.state = 'approved'"""
        )
        began = clock.now().replace(microsecond=0)
    months: list[tuple[Month, datetime]] = []
    for seed in range(MONTHS):
        copy = f"month_{seed}"
        postgres._as_superuser(f"CREATE DATABASE {copy} TEMPLATE beijian OWNER beijian")  # noqa: SLF001
        async with db.connected(postgres.dsn(copy)):
            months.append((await _one(seed, settings, began), began + timedelta(days=DAYS)))
    return months, predicted


async def _one(seed: int, settings: Settings, began: datetime) -> Month:
    end = began + timedelta(days=DAYS)
    company_since = began - timedelta(days=365 * YEARS)
    people = {(row["role"], row["depot"]): row["api_key"] for row in credentials.read(settings)}
    async with AsyncExitStack() as open_things:
        app = create_app(settings, own_pool=False)
        http = await open_things.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://month", timeout=60)
        )
        month = Month(
            seed,
            people,
            http,
            crew=await staff.crew(),
            devices=devices(company_since.date()),
            serials=Serials(f"M{seed}"),
            end=end,
            settings=settings,
        )
        with clock.at(end), jobs.collecting():
            await ensure_ledger_months(began.date())
        for number, failed in enumerate(draw_failures(began, end, seed=1000 + seed)):
            month.fail(failed, number)
        month.order_daily(began)
        month.close_cases(began)
        await month.take_on(began)
        await month.live()
    return month
