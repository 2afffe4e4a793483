"""Jobs: what must happen outside the transaction, enqueued inside it.

The names and payloads of all jobs stand here; `api/worker.py` runs them. A job may run twice, so each one
reads the present facts and its verbs are safe to repeat.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries

from inventory.ground import db


class Job(Struct, frozen=True):
    """Base of all payloads; a job's name is its class in snake_case."""


class Assess(Job, frozen=True):
    """Judge one part in one store and pool, by what is there now."""

    part: int
    place: int
    pool: int


class AssessAll(Job, frozen=True):
    """Judge every row of the approved plan: after a new plan, and now and then."""


class JudgeFailure(Job, frozen=True):
    """A part failed at a site: find the stock that serves it, and judge it."""

    part: int
    site: int
    contract: int


class LookAtSeries(Job, frozen=True):
    """A part failed in a device, or that was taken back: read the radar's series it belongs to anew."""

    device: int
    part: int


class LookAtRadar(Job, frozen=True):
    """Many failures came at once: read every series of the radar anew."""


class FillBackorders(Job, frozen=True):
    """Give newly free stock to those who wait for it."""

    part: int
    place: int
    pool: int


class RenewPromises(Job, frozen=True):
    """What is on its way to a level changed, and somebody waits there: promise anew."""

    part: int
    place: int
    pool: int


class JudgeCover(Job, frozen=True):
    """The free stock of a part in a store and pool changed in a way that matters: judge what it covers anew."""

    part: int
    place: int
    pool: int


class FindSwapUnits(Job, frozen=True):
    """Whole units became free: the swaps that lack one look for it."""

    part: int


class RefreshCover(Job, frozen=True):
    """What cover rests on changed: find anew which devices need which parts, and judge them.

    Whatever touches one of these: parts (or what they stand in for), sites, contracts, or sites that one of the stores
    reaches. Nothing named means everything.
    """

    parts: list[int] = []
    sites: list[int] = []
    contracts: list[int] = []
    places: list[int] = []


class ReservationTakenOver(Job, frozen=True):
    """A higher purpose took a reservation's stock: its document is told, and served anew."""

    reservation: UUID


class SourceElsewhere(Job, frozen=True):
    """A store is in force majeure: what requests hold and wait for there is found elsewhere."""

    force_majeure: UUID


class ExchangeArrived(Job, frozen=True):
    """What a vendor sent in advance for a part request is here, and held for it: the request has its part."""

    line: UUID


class PartsPicked(Job, frozen=True):
    """The last piece of a part request was picked: whoever asked for it hears of it."""

    number: str


class ShipmentArrived(Job, frozen=True):
    """Somebody signed for a shipment: whoever asked for what it brought hears of it."""

    shipment: UUID


class Propose(Job, frozen=True):
    """Choose purchases and transfers for an open emergency case."""

    case: UUID
    attempt: int = 1


class Replenish(Job, frozen=True):
    """A level fell to a line, or what is on its way to it changed: propose what to order for it, or propose it no more."""

    part: int
    place: int
    pool: int


class ReplenishAll(Job, frozen=True):
    """Base stocks changed: look at every level anew for what to order."""


class BundleOrders(Job, frozen=True):
    """Proposals were made or changed: choose which vendor gets what of them in which order; `daily` is the day's run."""

    daily: bool = False


class PlaceOrder(Job, frozen=True):
    """Send an approved purchase order to its vendor."""

    order: UUID


class TellChange(Job, frozen=True):
    """Tell a vendor what is to change of an order."""

    change: UUID


class AskVendor(Job, frozen=True):
    """Ask a silent vendor what became of an order."""

    order: UUID


class JudgeLateness(Job, frozen=True):
    """A purchase order is late, or was promised for another time: what that does to the stock it was to fill."""

    order: UUID


class MatchInvoices(Job, frozen=True):
    """What came of an order, or what is ordered, changed: its invoices are matched anew."""

    order: UUID


class OrderFellThrough(Job, frozen=True):
    """A vendor refused: what counted on the order is judged and proposed anew."""

    order: UUID


class MakePlan(Job, frozen=True):
    """Size the stock of the whole network."""

    job: UUID


class AskWhatIf(Job, frozen=True):
    """Size the stock of a plan's network under changed assumptions."""

    job: UUID
    plan: UUID
    changes: dict[str, Any]


class DrawFrontier(Job, frozen=True):
    """Find out what a plan would cost at other targets."""

    job: UUID
    plan: UUID


class Rebalance(Job, frozen=True):
    """Work out how stock is best moved to what a plan asks for."""

    job: UUID
    plan: UUID


class Rehearse(Job, frozen=True):
    """Play what plan 2 would do in a past period or a made-up burst."""

    job: UUID


class SendMessage(Job, frozen=True):
    """Somebody is to be told something by mail or chat."""

    message: UUID


class RunImport(Job, frozen=True):
    """Check an uploaded file, or bring in what was checked."""

    data_import: UUID


_collected: ContextVar[list[Job] | None] = ContextVar("jobs_collected", default=None)


@contextmanager
def collecting() -> Generator[list[Job]]:
    """Collect jobs instead of enqueuing them: for telling a past, which runs them itself, then and there."""
    due: list[Job] = []
    token = _collected.set(due)
    try:
        yield due
    finally:
        _collected.reset(token)


def name_of(kind: type[Job]) -> str:
    """A job's name in the queue.

    >>> name_of(FillBackorders)
    'fill_backorders'
    """
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in kind.__name__).lstrip("_")


async def enqueue(*jobs: Job, after: timedelta | None = None) -> None:
    """Put jobs on the queue, in the open transaction where there is one.

    The commit wakes the workers, and PostgreSQL serialises commits that notify: enqueue what somebody waits
    for, not every movement.
    """
    collected = _collected.get()
    if collected is not None:
        collected += jobs
        return
    if not jobs:
        return
    async with db.connection() as connection:
        await Queries(AsyncpgDriver(connection)).enqueue(  # pyright: ignore[reportArgumentType]  a pooled connection is one
            [name_of(type(job)) for job in jobs],
            [msgspec.json.encode(job) for job in jobs],
            [0] * len(jobs),
            [after] * len(jobs),
        )
