"""Loading the demo company into an empty database: who it is, its two years of past, its plan, its keys."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from api.demo import company, credentials, hands, shelving, staff
from api.demo.lived import BURST_PART, BURST_SITE_PREFIX, Life, burst_of_the_past
from api.demo.past import LIVED_DAYS, YEARS, Failed, Serials, draw_failures, open_stock, replay, stores
from api.processes import solver_process
from api.settings import Settings
from inventory.assurance import duty_sheets, escalation
from inventory.assurance.meter import cells
from inventory.emergency import assessments, declaring
from inventory.ground import clock, db, jobs
from inventory.ground.actor import Actor, service
from inventory.migrate import ensure_ledger_months
from inventory.people.roles import rights_of
from inventory.planning import network, plans, rates
from inventory.planning.answering import Answered, answer
from inventory.setup import NotEmpty, is_empty, lay_ground

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
        await shelving.enter_bins(by=SETUP)
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
            await rates.learn(start.date(), lived_from.date(), by=SETUP)
            await _adopt(solver, lived_from)
        say("  living the last two months call by call")
        await _live(failed, serials, start, lived_from, end)
        with jobs.collecting():
            await rates.learn(start.date(), end.date(), by=SETUP)
            await _adopt(solver, end - timedelta(minutes=5))
            await hands.enter(by=SETUP)
            await _watch_critical_parts()
            await shelving.put_away(by=SETUP)
            await shelving.fill_the_dock(by=SETUP)
            await assessments.assess_all(by=SETUP)
            await duty_sheets.watch()
            await escalation.escalate_late(limit=500)
        await cells.refresh(jobs.RefreshCover())
    await _settle()
    credentials.keep(settings, keys)
    say("  the demo company is ready")


async def _live(failed: list[Failed], serials: Serials, start: datetime, since: datetime, end: datetime) -> None:
    """Play the last weeks, in which everything happened through the verbs of the house."""
    life = Life(_people(), serials, end)
    for number, failure in enumerate(failed):
        if failure.at >= since:
            life.fail(failure, 10_000 + number)
    for number, failure in enumerate(burst_of_the_past(_burst_devices(start), end)):
        life.fail(failure, 19_000 + number)
    life.order_daily(since)
    life.close_cases(since)
    await life.live()


def _people() -> dict[str, Actor]:
    """Who acted in the past."""

    def somebody(name: str, *roles: str) -> Actor:
        held = frozenset(roles)
        return Actor(name=name, kind="person", roles=held, rights=rights_of(held))

    return {
        "ticket_system": Actor(
            name="demo ticket system",
            kind="api_key",
            roles=frozenset({"ticket_system"}),
            rights=rights_of(frozenset({"ticket_system"})),
        ),
        "keeper": somebody("warehouse-keeper-gz-1", "warehouse_keeper"),
        "buyer": somebody("buyer-1", "buyer"),
        "other buyer": somebody("buyer-2", "buyer"),
        "manager": somebody("project-manager-1", "project_manager"),
        "emergency": service("emergency"),
        "procurement": service("procurement"),
    }


async def _watch_critical_parts() -> None:
    """Set the critical points of the company's critical parts, as their project manager does every half year."""
    for part, depot, pool, point in company.CRITICAL_PARTS:
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


async def _adopt(solver: ProcessPoolExecutor, at: datetime) -> None:
    """Make a plan as the planner, approve it as the project manager, and judge everything by it."""
    gathered, answered = await _planned(solver, at)
    with clock.at(at):
        made = await plans.record_plan(gathered, answered, by=service("planner-1"))
        await plans.approve_plan(made.id, by=service("project-manager-1"))
        await assessments.assess_all(by=SETUP)


def _targets(planned: tuple[network.Gathered, Answered]) -> dict[tuple[str, str, str], int]:
    """A plan's base stocks by part, depot and pool."""
    targets: dict[tuple[str, str, str], int] = {}
    for row in planned[1].rows:
        depot, _, pool = row.store.partition("/")
        targets[row.part, depot, pool or "common"] = row.base_stock
    return targets


def _burst_devices(start: datetime) -> list[tuple[str, str, str]]:
    """Shanghai's devices that carry the part of the past burst."""
    models = {model.code for model in company.MODELS if BURST_PART in model.parts}
    return [
        (device.serial, device.site, device.contract)
        for device in company.devices(start.date())
        if device.model in models and device.site.startswith(BURST_SITE_PREFIX)
    ]
