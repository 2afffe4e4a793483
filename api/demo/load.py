"""Loading the demo company into an empty database: who it is, its two years of past, its plan, its keys."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from api.demo import (
    bad_batch,
    company,
    credentials,
    invoicing,
    open_orders,
    reordering,
    sources,
    staff,
    standing_in,
    warehouse,
)
from api.demo.company.customers import devices
from api.demo.company.depots import CRITICAL_PARTS
from api.demo.company.parts import DRIVES, MODELS
from api.demo.lived import BURST_PART, BURST_SITE_PREFIX, Life, burst_of_the_past
from api.demo.past import LIVED_DAYS, YEARS, Failed, Serials, draw_failures, open_stock, replay, stores
from api.demo.warehouse import shelves
from api.processes import solver_process
from api.settings import Settings
from inventory.assurance import duty_sheets, escalation
from inventory.assurance.meter import cells
from inventory.emergency import assessments, declaring, radar
from inventory.ground import clock, db, jobs
from inventory.ground.actor import service
from inventory.planning import asking, learning, network, plans
from inventory.planning.answering import answer
from inventory.planning.answers import Answered
from inventory.setup import NotEmpty, is_empty, lay_ground
from inventory.stock.months import ensure_ledger_months
from optimizer.whatif import Changes, LeadTimeFactor

SETUP = service("demo")

Say = Callable[[str], Any]


async def load_company(settings: Settings, *, say: Say) -> None:
    """Load it all; some tens of seconds.

    Raises:
        NotEmpty: there is a company in this database.

    """
    if not await is_empty():
        raise NotEmpty
    credentials.keep(settings, [])
    end = datetime.now(UTC).replace(microsecond=0)
    start = end - timedelta(days=365 * YEARS)
    lived_from = end - timedelta(days=LIVED_DAYS)
    endpoint = f"http://127.0.0.1:{credentials.vendor_port(settings)}"
    await ensure_ledger_months(start.date())
    say("  loading the demo company: contracts, devices, vendors, people")
    with clock.at(start), jobs.collecting():
        await lay_ground("粤申维保", "Yueshen Maintenance")
        await company.enter(start.date(), end.date(), endpoint, by=SETUP)
        await invoicing.enter_rates(start, end, by=SETUP)
        await shelves.enter_bins(by=SETUP)
        await staff.enter(by=SETUP)
    keys = await staff.make_keys(by=SETUP)
    await staff.enter_duty(end, by=SETUP)
    with solver_process() as solver:
        serials = Serials()
        say("  sizing the depots for two years ago")
        first = await _planned(solver, start)
        with clock.at(start), jobs.collecting():
            await open_stock(_targets(first), serials, by=SETUP)
        say("  telling two years of failures, drawn from the real rates")
        failed = draw_failures(start, end)
        where = await stores()
        with jobs.collecting():
            await replay(
                failed,
                start,
                lived_from,
                where,
                serials,
                by=SETUP,
            )
        say("  learning the failure rates from that history, and planning anew")
        with clock.at(lived_from), jobs.collecting():
            await learning.learn(start.date(), lived_from.date(), by=SETUP)
            await _adopt(solver, lived_from)
        say("  living the last six weeks call by call")
        await _live(failed, serials, start, lived_from, end, settings)
        with jobs.collecting():
            with clock.at(end - timedelta(minutes=10)):
                await learning.learn(start.date(), end.date(), by=SETUP)
            plan = await _adopt(solver, end - timedelta(minutes=5))
            await _judge(end, serials)
        await cells.refresh(jobs.RefreshCover())
    await _wonder(plan)
    await _settle()
    credentials.keep(settings, keys)
    say("  the demo company is ready")


async def _judge(end: datetime, serials: Serials) -> None:
    """Judge everything as it stands, and leave on the desks what people would find there."""
    await _watch_critical_parts()
    await bad_batch.let_fail(by=SETUP)
    await sources.tell(serials.next(DRIVES[0].number, 2), by=SETUP)
    await radar.look_at_all()
    await assessments.assess_all(by=SETUP)
    await invoicing.invoice_the_past(end, by=SETUP)
    await open_orders.leave_open(end, serials, by=SETUP)
    await standing_in.leave(end, by=SETUP)
    await duty_sheets.watch()
    await escalation.escalate_late(limit=500)
    await reordering.leave_proposals(by=SETUP)
    await reordering.leave_an_inquiry(by=SETUP)


async def _live(
    failed: list[Failed], serials: Serials, start: datetime, since: datetime, end: datetime, settings: Settings
) -> None:
    """Play the last weeks, in which everything happened through the verbs of the house."""
    covered = devices(start.date())
    life = Life(await staff.crew(), covered, serials, end, settings)
    for number, failure in enumerate(failed):
        if failure.at >= since:
            life.fail(failure, 10_000 + number)
    models = {model.code for model in MODELS if BURST_PART in model.parts}
    in_the_burst = [
        (device.serial, device.site, device.contract)
        for device in covered
        if device.model in models and device.site.startswith(BURST_SITE_PREFIX)
    ]
    for number, failure in enumerate(burst_of_the_past(in_the_burst, end)):
        life.fail(failure, 19_000 + number)
    life.order_daily(since)
    life.close_cases(since)
    warehouse.plan(life)
    await life.live()


async def _watch_critical_parts() -> None:
    """Set the critical points of the company's critical parts, as their project manager does every half year."""
    for part, depot, pool, point in CRITICAL_PARTS:
        await declaring.set_critical_point(
            part,
            depot,
            point,
            pool=pool,
            reason="关键零备件最低保有量，每半年复核 / critical part: the least to keep, reviewed twice a year",
            lasts=timedelta(days=183),
            by=SETUP,
        )


@db.atomic
async def _settle() -> None:
    """Have the planner know the tables, and the disk everything that was committed in haste."""
    await db.execute("SET LOCAL synchronous_commit = on")
    await db.execute("ANALYZE")


async def _planned(solver: ProcessPoolExecutor, at: datetime) -> tuple[network.Gathered, Answered]:
    gathered = await network.gather(at.date())
    content = msgspec.json.encode(gathered.network)
    answered = await asyncio.get_running_loop().run_in_executor(solver, answer, content)
    return gathered, msgspec.json.decode(answered, type=Answered)


async def _adopt(solver: ProcessPoolExecutor, at: datetime) -> UUID:
    """Make a plan as the planner, approve it as the project manager, and judge everything by it; answers the plan."""
    gathered, answered = await _planned(solver, at)
    with clock.at(at):
        made = await plans.record_plan(gathered, answered, by=service("planner-1"))
        await plans.approve_plan(made.id, by=service("project-manager-1"))
        await assessments.assess_all(by=SETUP)
    return made.id


async def _wonder(plan: UUID) -> None:
    """Ask, as the planner, what other targets cost, and what if vendors took half as long again; workers answer."""
    planner = service("planner-1")
    await asking.ask_for_frontier(plan, by=planner)
    await asking.ask_what_if(Changes(lead_time_factors=(LeadTimeFactor(1.5),)), by=planner, plan=plan)


def _targets(planned: tuple[network.Gathered, Answered]) -> dict[tuple[str, str, str], int]:
    """A plan's base stocks by part, depot and pool."""
    targets: dict[tuple[str, str, str], int] = {}
    for row in planned[1].rows:
        depot, _, pool = row.store.partition("/")
        targets[row.part, depot, pool or "common"] = row.base_stock
    return targets
