"""The worker: runs jobs. Each handler asks a question, computes, and calls a verb; any of them may run twice.

As many workers as wanted share the queue. A job whose worker died is taken up by another one (or the same, started
again) as soon as its heartbeat is missed.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from datetime import timedelta
from functools import cache, partial
from typing import Any

import msgspec
import structlog
from pgqueuer import PgQueuer
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job as QueuedJob
from pgqueuer.domain.models import Schedule

from api import logs, solving
from api.channels import sending
from api.exchange import reading
from api.processes import solver_process
from api.settings import Settings
from api.vendors import placing
from inventory.assurance import duty_sheets, escalation, seals
from inventory.assurance.meter import cells
from inventory.emergency import assessments, cases, force_majeure, late_orders, proposing, radar
from inventory.ground import clock, context, db, idempotency, jobs
from inventory.ground.actor import service
from inventory.ground.errors import Busy, InventoryError
from inventory.imports import imports
from inventory.people import messages, sessions
from inventory.planning import learning, plans
from inventory.planning.network import NoLeadTime
from inventory.procurement import answers, bundling, matching, replenishment, replenishment_answers, stock_value
from inventory.requests import backorders, changing, exchanging, planned, quoting, shipping
from inventory.returns import debts, loaners, swaps
from inventory.stock import keeping, losses, lots, promises, reservations
from inventory.stock.counting import sheets
from inventory.stock.months import ensure_ledger_months
from optimizer.emergency import Answer, Point, choose
from optimizer.order_bundles import Bundling, Need, Terms, bundle
from optimizer.situation import Situation
from optimizer.soonest import soonest

HEARTBEAT = timedelta(seconds=6)
"""A job whose worker shows no life for this long is taken up again."""

TRIES = 6
SOLVE_SECONDS = 20.0

_log = structlog.get_logger("worker")

EMERGENCY = service("emergency")
PROCUREMENT = service("procurement")
HOUSEKEEPING = service("housekeeping")

Handler = Callable[[Any, "Work"], Awaitable[None]]


class Work:
    """What handlers share: the settings, and processes for whatever would hold up the event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.attempt = 0

    @property
    def processes(self) -> Executor:
        """A process of its own for solving, started at first need."""
        return _solver_process()


_solver_process = cache(solver_process)


async def in_process[T](work: Work, function: Callable[..., T], *arguments: object) -> T:
    """What a function answers, computed in a process of its own.

    Raises:
        BrokenProcessPool: that process was killed; it is replaced when the job is tried again.

    """
    try:
        return await asyncio.get_running_loop().run_in_executor(work.processes, partial(function, *arguments))
    except BrokenProcessPool:
        _solver_process.cache_clear()
        raise


async def on_assess(job: jobs.Assess, _: Work) -> None:
    """A level crossed a line, or what it is judged by changed."""
    await assessments.assess(job.part, job.place, job.pool, by=EMERGENCY)


async def on_judge_failure(job: jobs.JudgeFailure, _: Work) -> None:
    """A part failed at a site."""
    await assessments.assess_failure(job.part, job.site, job.contract, by=EMERGENCY)


async def on_look_at_series(job: jobs.LookAtSeries, _: Work) -> None:
    """A part failed in a device, or that was taken back."""
    await radar.look(job.device, job.part)


async def on_look_at_radar(_: jobs.LookAtRadar, __: Work) -> None:
    """Many failures came at once."""
    await radar.look_at_all()


async def on_assess_all(_: jobs.AssessAll, __: Work) -> None:
    """A new plan holds."""
    await assessments.assess_all(by=EMERGENCY)


async def on_fill_backorders(job: jobs.FillBackorders, _: Work) -> None:
    """Stock became free for which somebody waits."""
    await backorders.fill_backorders(job.part, job.place, job.pool, by=service("allocation"))


async def on_renew_promises(job: jobs.RenewPromises, _: Work) -> None:
    """A delivery changed for which somebody waits."""
    await backorders.renew_promises(part=job.part, place=job.place, pool=job.pool, by=service("allocation"))


async def on_judge_cover(job: jobs.JudgeCover, _: Work) -> None:
    """Free stock changed that devices depend on."""
    await cells.judge_level(job.part, job.place, job.pool)


async def on_find_swap_units(job: jobs.FindSwapUnits, _: Work) -> None:
    """Whole units became free."""
    await swaps.look_for_units(part=job.part, by=service("allocation"))


async def on_refresh_cover(job: jobs.RefreshCover, _: Work) -> None:
    """Devices, contracts, ways, stores, parts lists or substitutes changed."""
    await cells.refresh(job)


async def on_exchange_arrived(job: jobs.ExchangeArrived, _: Work) -> None:
    """A vendor's part came first for a request."""
    await exchanging.take(job.line, by=service("allocation"))


async def on_source_elsewhere(job: jobs.SourceElsewhere, _: Work) -> None:
    """A store gives nothing away any more."""
    await force_majeure.source_elsewhere(job.force_majeure, by=service("allocation"))


async def on_parts_picked(job: jobs.PartsPicked, _: Work) -> None:
    """A part request is picked to the last piece."""
    await shipping.tell_of_picking(job.number)


async def on_shipment_arrived(job: jobs.ShipmentArrived, _: Work) -> None:
    """Somebody signed for a shipment."""
    await shipping.tell_of_arrival(job.shipment)


async def on_reservation_taken_over(job: jobs.ReservationTakenOver, _: Work) -> None:
    """Somebody lost their stock to a higher purpose."""
    await backorders.lost_reservation(job.reservation, by=service("allocation"))
    await swaps.lost_reservation(job.reservation, by=service("allocation"))


async def on_propose(job: jobs.Propose, work: Work) -> None:
    """A case needs measures: solved in a process of its own, outside any transaction."""
    chosen = await proposing.prepare(job.case, by=EMERGENCY)
    if chosen is None:
        return
    answered, late = await in_process(work, solve_emergency, chosen.situation)
    await proposing.record(chosen, answered, by=EMERGENCY, attempt=job.attempt, late=late)


def solve_emergency(situation: Situation) -> tuple[Answer, Point | None]:
    """Choose measures, in a process of its own; and the soonest ones where none are in time."""
    answer = choose(situation, time_limit_s=SOLVE_SECONDS)
    return answer, soonest(situation, time_limit_s=SOLVE_SECONDS) if answer.status == "infeasible" else None


async def on_place_order(job: jobs.PlaceOrder, work: Work) -> None:
    """An order was approved: its vendor gets it, once, however often we have to ask."""
    wait = await placing.try_to_place(job.order, work.settings, attempt=work.attempt)
    if wait is not None:
        raise RetryRequested(wait, reason="the vendor cannot be reached")


async def on_tell_change(job: jobs.TellChange, work: Work) -> None:
    """A vendor is to be told what is to change of an order."""
    wait = await placing.try_to_tell_change(job.change, work.settings, attempt=work.attempt)
    if wait is not None:
        raise RetryRequested(wait, reason="the vendor cannot be reached")


async def on_ask_vendor(job: jobs.AskVendor, work: Work) -> None:
    """A vendor took an order and has promised nothing."""
    await placing.ask(job.order, work.settings)


async def on_judge_lateness(job: jobs.JudgeLateness, _: Work) -> None:
    """An order is late, or promised for another time."""
    await late_orders.judge(job.order, by=PROCUREMENT)


async def on_match_invoices(job: jobs.MatchInvoices, _: Work) -> None:
    """What came of an order, or what is ordered, changed."""
    await matching.judge([job.order], by=PROCUREMENT)


async def on_replenish(job: jobs.Replenish, _: Work) -> None:
    """A level fell to a line, or what is to come to it changed."""
    await replenishment.propose([(job.part, job.place, job.pool)])


async def on_replenish_all(_: jobs.ReplenishAll, __: Work) -> None:
    """Base stocks changed."""
    await replenishment.propose()


async def on_bundle_orders(job: jobs.BundleOrders, work: Work) -> None:
    """Proposals changed: which vendor gets what, solved in a process of its own; some may then be drafted."""
    stores = await bundling.to_bundle()
    if stores:
        answers = await in_process(work, solve_bundles, [(each.needs, each.terms) for each in stores])
        await bundling.record(list(zip(stores, answers, strict=True)))
    await replenishment_answers.draft_what_may(routine=job.daily)


def solve_bundles(stores: Sequence[tuple[Sequence[Need], Sequence[Terms]]]) -> list[Bundling]:
    """Put orders together store by store, in a process of its own; each in its share of the time."""
    seconds = min(SOLVE_SECONDS, 2 * SOLVE_SECONDS / max(len(stores), 1))
    return [bundle(needs, terms, time_limit_s=seconds) for needs, terms in stores]


async def on_order_fell_through(job: jobs.OrderFellThrough, _: Work) -> None:
    """A vendor refused: the case that counted on it needs other measures."""
    await cases.order_fell_through(job.order, by=EMERGENCY)


async def on_make_plan(job: jobs.MakePlan, _: Work) -> None:
    """Somebody waits for a plan."""
    await solving.run(solving.make_plan, job)


async def on_ask_what_if(job: jobs.AskWhatIf, _: Work) -> None:
    """Somebody wants to know what would be if something were otherwise."""
    await solving.run(solving.ask_what_if, job)


async def on_draw_frontier(job: jobs.DrawFrontier, _: Work) -> None:
    """Somebody wants to know what other targets would cost."""
    await solving.run(solving.draw_frontier, job)


async def on_rebalance(job: jobs.Rebalance, _: Work) -> None:
    """Somebody wants to know what to move between stores."""
    await solving.run(solving.rebalance, job)


async def on_rehearse(job: jobs.Rehearse, _: Work) -> None:
    """Somebody wants to know what plan 2 would do."""
    await solving.run(solving.rehearse, job)


async def on_run_import(job: jobs.RunImport, work: Work) -> None:
    """Somebody waits for a table to be checked, or to be brought in."""
    upload = await imports.upload_to_read(job.data_import)
    if upload is None:
        return
    try:
        async with reading.opened(upload.media_type, upload.content) as open_table:
            await imports.run(upload.id, open_table)
    except InventoryError as refusal:
        await imports.fail(upload.id, refusal)
    except Exception:
        if work.attempt + 1 >= TRIES:
            await imports.fail(upload.id, Busy())
        raise


async def on_send_message(job: jobs.SendMessage, work: Work) -> None:
    """Somebody is to hear something by mail or chat."""
    wait = await sending.try_to_send(await messages.take(job.message), work.settings, attempt=work.attempt)
    if wait is not None:
        raise RetryRequested(wait, reason="the channel cannot be reached")


HANDLERS: dict[type[jobs.Job], Handler] = {
    jobs.Assess: on_assess,
    jobs.JudgeFailure: on_judge_failure,
    jobs.LookAtSeries: on_look_at_series,
    jobs.LookAtRadar: on_look_at_radar,
    jobs.AssessAll: on_assess_all,
    jobs.FillBackorders: on_fill_backorders,
    jobs.RenewPromises: on_renew_promises,
    jobs.ReservationTakenOver: on_reservation_taken_over,
    jobs.JudgeCover: on_judge_cover,
    jobs.FindSwapUnits: on_find_swap_units,
    jobs.RefreshCover: on_refresh_cover,
    jobs.SourceElsewhere: on_source_elsewhere,
    jobs.ExchangeArrived: on_exchange_arrived,
    jobs.PartsPicked: on_parts_picked,
    jobs.ShipmentArrived: on_shipment_arrived,
    jobs.Propose: on_propose,
    jobs.Replenish: on_replenish,
    jobs.ReplenishAll: on_replenish_all,
    jobs.BundleOrders: on_bundle_orders,
    jobs.PlaceOrder: on_place_order,
    jobs.TellChange: on_tell_change,
    jobs.AskVendor: on_ask_vendor,
    jobs.JudgeLateness: on_judge_lateness,
    jobs.MatchInvoices: on_match_invoices,
    jobs.OrderFellThrough: on_order_fell_through,
    jobs.MakePlan: on_make_plan,
    jobs.AskWhatIf: on_ask_what_if,
    jobs.DrawFrontier: on_draw_frontier,
    jobs.Rebalance: on_rebalance,
    jobs.Rehearse: on_rehearse,
    jobs.RunImport: on_run_import,
    jobs.SendMessage: on_send_message,
}
"""Every job with its handler."""


async def run_job(kind: type[jobs.Job], handler: Handler, job: QueuedJob, settings: Settings) -> None:
    """Run one job under its own id; a failure is tried again with growing patience, then held for a person to see.

    Raises:
        RetryRequested: it is to be tried again.

    """
    work = Work(settings)
    work.attempt = job.attempts
    context.request_id.set(f"job-{job.id}")
    try:
        await handler(msgspec.json.decode(job.payload or b"{}", type=kind), work)
    except RetryRequested:
        raise
    except Exception as failure:
        _log.exception("job failed", job=jobs.name_of(kind), attempt=job.attempts)
        if job.attempts + 1 >= TRIES:
            raise
        raise RetryRequested(timedelta(seconds=0.2 * 4**job.attempts), reason=repr(failure)) from failure


async def _each_minute() -> None:
    await quoting.expire_due(by=HOUSEKEEPING)
    await reservations.expire_due(by=HOUSEKEEPING)
    await planned.begin_due(by=service("allocation"))
    await promises.begin_due(by=service("allocation"), beside=[*await planned.followed(), *await swaps.followed()])
    await swaps.look_at_due(by=service("allocation"))
    await loaners.call_overdue()
    await planned.look_ahead(by=service("allocation"))
    await debts.warn_due()
    await escalation.escalate_late()
    await stock_value.book()


async def _now_and_then() -> None:
    await radar.look_at_all()
    await assessments.assess_all(by=EMERGENCY)
    await cases.remind_of_unproposed(by=EMERGENCY)
    await backorders.renew_promises(by=service("allocation"))
    await swaps.look_for_units(by=service("allocation"))
    await losses.note_overdue()
    await replenishment_answers.look_again()
    await late_orders.judge_overdue(by=PROCUREMENT)
    await jobs.enqueue(*[jobs.AskVendor(order) for order in await answers.silent_orders(limit=200)])
    await force_majeure.source_latecomers_elsewhere(by=service("allocation"))


async def _at_night() -> None:
    await ensure_ledger_months()
    await sessions.forget_expired()
    await idempotency.forget_older_than(hours=48)
    await lots.forget_empty()
    await changing.close_quiet(by=HOUSEKEEPING)


async def _learn_rates() -> None:
    await learning.learn_when_due(clock.today(), by=plans.NIGHTLY)


async def _plan_anew() -> None:
    try:
        await plans.ask_for_changed_plan(clock.today())
    except NoLeadTime as refusal:
        _log.warning("no plan of the night", reason=str(refusal))


async def _draw_up_counts() -> None:
    await sheets.draw_up_due(by=HOUSEKEEPING)


CLOCKWORK: dict[str, tuple[str, Callable[[], Awaitable[object]]]] = {
    "each_minute": ("* * * * *", _each_minute),
    "now_and_then": ("*/5 * * * *", _now_and_then),
    "watch_roster": ("*/10 * * * *", duty_sheets.watch),
    "seal_ledger": ("*/10 * * * *", seals.seal),
    "open_recounts": ("5 0 * * *", keeping.open_recounts),
    "refresh_substitutes": ("1 16 * * *", cells.refresh_substitutes),  # 00:01 in Shanghai
    "learn_rates": ("0 18 * * *", _learn_rates),  # 02:00 in Shanghai: before the plan of the night
    "plan_anew": ("30 18 * * *", _plan_anew),  # 02:30 in Shanghai
    "at_night": ("17 3 * * *", _at_night),
    "draw_up_counts": ("5 22 * * *", _draw_up_counts),  # 06:05 in Shanghai: before the keepers come
}
"""What happens by the clock, UTC."""


def register(queue: PgQueuer, settings: Settings) -> None:
    """Tell the queue every job's handler, and what happens by the clock."""
    for kind, handler in HANDLERS.items():

        async def handle(job: QueuedJob, kind: type[jobs.Job] = kind, handler: Handler = handler) -> None:
            await run_job(kind, handler, job, settings)

        queue.entrypoint(jobs.name_of(kind), on_failure="hold", accepts_context=False)(handle)
    for name, (when, act) in CLOCKWORK.items():

        async def tick(_: Schedule, act: Callable[[], Awaitable[object]] = act) -> None:
            await act()

        queue.schedule(name, when)(tick)


async def work(settings: Settings) -> None:
    """Run jobs until told to stop (SIGTERM, SIGINT); what is under way is finished first."""
    logs.configure(settings.log_format)
    async with db.connected(settings.database_url, pool_size=max(settings.pool_size, 4), application="beijian worker"):
        if db.engine.pool is None:
            raise RuntimeError("no connection pool")
        queue = PgQueuer.from_asyncpg_pool(db.engine.pool)
        register(queue, settings)
        for stop in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(stop, queue.shutdown.set)
        await queue.run(dequeue_timeout=timedelta(seconds=5), batch_size=10, heartbeat_timeout=HEARTBEAT)
