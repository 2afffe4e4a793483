"""Last year against a plan: which of the failures that happened its stock would have served in time."""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Refused
from inventory.planning import asking
from inventory.planning.network import store_name
from inventory.stock.serving import SERVING
from optimizer.network import Network
from optimizer.observations import Failure
from optimizer.plan import Plan as Answer
from optimizer.replay import replay

DAYS = 365
FAILURES_MAX = 20_000
MISSES_SHOWN = 200


class NothingToReplay(Refused):
    """The plan {number} holds no stock to play the past against."""

    zh = "计划 {number} 没有可用于回放的库存。"
    help_en = "Make a plan that is possible, then ask again."
    help_zh = "请先编制可行的计划，再重新查看。"


class ReplayedClass(Struct, frozen=True, kw_only=True):
    """A service class: the failures it had, how many would have been in time, and what the plan is to reach."""

    code: str
    target_fraction: float | None
    planned_service: float | None
    failures: int
    in_time: int
    share: float | None


class ReplayedMiss(Struct, frozen=True, kw_only=True):
    """A failure that would have been late: after how many hours a unit would have been on site.

    `hours` is null where the plan stocks the part at that store not at all.
    """

    occurred_at: datetime
    part_number: str
    store: str
    service_class: str
    site: str
    hours: float | None


class Replayed(Struct, frozen=True, kw_only=True):
    """A plan against the failures of the time named: by class, and the oldest of what would have been late.

    `cut` says that there were more failures than are played; the newest are.
    """

    plan: UUID
    number: str
    since: datetime
    until: datetime
    failures: int
    cut: bool
    classes: list[ReplayedClass]
    missed: int
    misses: list[ReplayedMiss]


class _Happened(Struct, frozen=True):
    occurred_at: datetime
    part: str
    depot: str
    pool: str
    service_class: str
    travel_hours: float
    site: str
    listed: bool


class Past(Struct, frozen=True, kw_only=True):
    """What a replay is computed from."""

    plan: UUID
    number: str
    network: Network
    answer: Answer
    since: datetime
    until: datetime
    happened: list[_Happened]


async def past(plan: UUID, *, seen_by: Actor) -> Past:
    """A plan with its network, and the failures of the last 365 days, the newest 20,000 of them.

    Each asks the store that answers for its site and contract today. Withdrawn ones, those of a
    class that the plan does not know, and those of stores that the reader may not see are left
    out; those of contracts that the reader may not see are played, but not listed.

    Raises:
        Unknown: no such plan.
        NothingToReplay: it holds no stock.

    """
    kept = await asking.kept(plan)
    if kept.cost_cny is None:
        raise NothingToReplay(number=kept.number)
    until = clock.now()
    happened = await db.read(
        _Happened,
        _FAILURES,
        until - timedelta(days=DAYS),
        until,
        [sla.id for sla in kept.network.sla_classes],
        FAILURES_MAX,
        seen_by.depot_scope,
        seen_by.contract_scope,
    )
    return Past(
        plan=plan,
        number=kept.number,
        network=kept.network,
        answer=kept.answer,
        since=until - timedelta(days=DAYS),
        until=until,
        happened=happened,
    )


def replayed(past: Past) -> Replayed:
    """Play the past against the plan's stock: first come first served, from full shelves on."""
    failures = [
        Failure(each.occurred_at, each.part, store_name(each.depot, each.pool), each.service_class, each.travel_hours)
        for each in past.happened
    ]
    found = replay(past.answer.stock, past.network, failures)
    shown = [miss for miss in found.misses if past.happened[miss.failure].listed]
    return Replayed(
        plan=past.plan,
        number=past.number,
        since=past.since,
        until=past.until,
        failures=len(failures),
        cut=len(failures) == FAILURES_MAX,
        classes=[
            ReplayedClass(
                code=code,
                target_fraction=of.target,
                planned_service=past.answer.service.get(code),
                failures=of.calls,
                in_time=of.on_time,
                share=of.share,
            )
            for code, of in found.classes.items()
        ],
        missed=len(shown),
        misses=[
            ReplayedMiss(
                occurred_at=past.happened[miss.failure].occurred_at,
                part_number=past.happened[miss.failure].part,
                store=failures[miss.failure].depot,
                service_class=past.happened[miss.failure].service_class,
                site=past.happened[miss.failure].site,
                hours=miss.hours,
            )
            for miss in shown[:MISSES_SHOWN]
        ],
    )


_FAILURES = f"""
SELECT failure.occurred_at, part.part_number AS part, place.code AS depot, pool.code AS pool,
       service_class.code AS service_class, serving.travel_hours, site.code AS site,
       ($6::text[] IS NULL OR contract.code = ANY($6)) AS listed
FROM failure
JOIN part ON part.id = failure.part
JOIN device ON device.id = failure.device
JOIN ({SERVING}) AS serving ON serving.site = device.site AND serving.contract = device.contract
JOIN place AS site ON site.id = device.site
JOIN place ON place.id = serving.place
JOIN pool ON pool.id = serving.pool
JOIN contract ON contract.id = device.contract
JOIN service_class ON service_class.id = contract.service_class
WHERE failure.occurred_at >= $1 AND failure.occurred_at < $2 AND failure.withdrawn_at IS NULL
  AND service_class.code = ANY($3) AND ($5::text[] IS NULL OR place.code = ANY($5))
ORDER BY failure.occurred_at DESC, failure.id DESC LIMIT $4
"""
