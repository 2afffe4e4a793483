"""Stock against the plan: what stores lack and can spare, what to move between them, and moving it.

Only everybody's stock moves: a contract's own stays where it is.
"""

from collections import defaultdict
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.ground import db, jobs
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown, WrongState
from inventory.ground.progress import JobView, begin_job
from inventory.planning import plans
from inventory.planning.answers import Balance
from inventory.planning.asking import NotYourNetwork, sees_all
from inventory.stock import transfers
from inventory.stock.pools import COMMON
from optimizer.rebalancing import Holding, Lane, Move, Rebalancing

KIND = "rebalance"


class Proposal(Struct, frozen=True, kw_only=True):
    """What to move and what to buy, worked out for a plan; `transfers` are the drafts made of it."""

    job: UUID
    plan: UUID
    number: str
    rebalancing: Rebalancing
    transfers: list[str]


@db.atomic
async def ask_to_rebalance(plan: UUID, *, by: Actor) -> JobView:
    """Have it worked out how stock would best be moved to what the plan in force asks for.

    Raises:
        Unknown: no such plan.
        WrongState: it is not in force.

    """
    by.require("plans.make")
    view = await plans.plan_summary(plan)
    if view.state != "approved":
        raise WrongState(what="Plan", what_zh="计划", key=view.number, state=view.state, needed="approved")
    job = await begin_job(KIND, by=by, stopping_right="plans.make")
    await jobs.enqueue(jobs.Rebalance(job.id, plan))
    return job


async def positions(plan: UUID, on: date) -> list[db.Row]:
    """Every part and store in service that a plan names or that holds stock, with what is there and what is to come.

    A store's `position` is what is free on its shelf, less what is waited for, and what is on its way or drafted to come.
    """
    return await db.fetch(_POSITIONS, plan, on, COMMON)


async def balance(plan: UUID, on: date) -> Balance:
    """What stores lack of a plan's base stocks and can spare beyond them, and the lanes between stores in service.

    A new unit costs what the cheapest valid offer asks, else what the part is valued at.
    """
    rows = await positions(plan, on)
    lithium = frozenset(row["part"] for row in rows if row["lithium"])
    holdings: list[Holding] = []
    for row in rows:
        beyond = row["position"] - row["base_stock"]
        holding = Holding(
            row["part"], row["depot"], max(-beyond, 0), max(min(beyond, row["free"]), 0), row["unit_price_cny"]
        )
        if holding.lacks or holding.spares:
            holdings.append(holding)
    lanes = [
        Lane(
            row["origin"],
            row["target"],
            row["mode"],
            row["fixed_cost_cny"],
            row["unit_cost_cny"],
            frozenset() if row["carries_lithium"] else lithium,
        )
        for row in await db.fetch(_LANES)
    ]
    return Balance(holdings=holdings, lanes=lanes)


@db.atomic
async def record(job: UUID, plan: UUID, found: Rebalancing) -> None:
    """Keep what is to be moved with the job that worked it out."""
    await db.execute(
        "UPDATE job SET payload = $2 WHERE id = $1", job, {"plan": str(plan), "rebalancing": msgspec.to_builtins(found)}
    )


async def proposal(job: UUID, *, seen_by: Actor) -> Proposal:
    """What a job found is to be moved and bought, in all stores.

    Raises:
        NotYourNetwork: the reader does not see all of them.
        Unknown: no such proposal.

    """
    if not sees_all(seen_by):
        raise NotYourNetwork
    row = await db.fetch_one("SELECT payload FROM job WHERE id = $1 AND kind = $2 AND state = 'done'", job, KIND)
    if row is None:
        raise Unknown(what="proposal", what_zh="调拨建议", key=str(job))
    return await _told(job, row["payload"])


async def _told(job: UUID, payload: dict[str, Any]) -> Proposal:
    plan = await plans.plan_summary(UUID(payload["plan"]))
    return Proposal(
        job=job,
        plan=plan.id,
        number=plan.number,
        rebalancing=msgspec.convert(payload["rebalancing"], Rebalancing),
        transfers=payload.get("transfers", []),
    )


@db.atomic
async def draft_transfers(job: UUID, *, by: Actor) -> list[transfers.TransferView]:
    """Turn a proposal into draft transfers, one for each lane, once; their stock is held from now on.

    Raises:
        Unknown: no such proposal.
        NotYourDepot: a unit leaves a store that the actor does not serve.
        WrongState: it was done before, or nothing is to be moved.
        InsufficientStock, NoLane: stock or ways are not what they were: have it worked out again.

    """
    by.require("plans.make")
    row = await db.fetch_one(
        """UPDATE job SET payload = payload || '{"transfers": []}'
           WHERE id = $1 AND kind = $2 AND state = 'done' AND NOT payload ? 'transfers' RETURNING payload""",
        job,
        KIND,
    )
    found = await _told(job, row["payload"]) if row else await proposal(job, seen_by=by)
    if row is None or not found.rebalancing.moves:
        raise WrongState(
            what="Proposal", what_zh="调拨建议", key=str(job), state=", ".join(found.transfers) or "–", needed="new"
        )
    by_lane: dict[tuple[str, str, str], list[Move]] = defaultdict(list)
    for move in found.rebalancing.moves:
        by.require_depot(move.origin)
        by_lane[move.origin, move.target, move.mode].append(move)
    drafts = [
        await transfers.draft(
            origin,
            target,
            [transfers.TransferItem(part_number=move.part, quantity=move.quantity) for move in moves],
            by=by,
            mode=mode,
        )
        for (origin, target, mode), moves in sorted(by_lane.items())
    ]
    await db.execute(
        "UPDATE job SET payload = payload || jsonb_build_object('transfers', $2::jsonb) WHERE id = $1",
        job,
        [draft.number for draft in drafts],
    )
    return drafts


_POSITIONS = """
WITH planned AS (
    SELECT plan_row.part, plan_row.place, base_stock, rate_per_day FROM plan_row
    JOIN pool ON pool.id = plan_row.pool AND pool.code = $3
    WHERE plan = $1
), held AS (
    SELECT level.part, level.place, free, backordered FROM level
    JOIN pool ON pool.id = level.pool AND pool.code = $3
    JOIN party ON party.id = level.owner AND party.is_ourselves
    WHERE condition = 'good'
), coming AS (
    SELECT part, place, sum(units)::int AS units
    FROM (SELECT part, place, pool, quantity - received_quantity AS units FROM expected_delivery WHERE closed_at IS NULL
          UNION ALL
          SELECT part, to_place, pool, quantity FROM transfer_line JOIN transfer ON transfer.id = transfer_line.transfer
          WHERE transfer.state IN ('draft', 'proposed')) AS due
    JOIN pool ON pool.id = due.pool AND pool.code = $3
    GROUP BY part, place
)
SELECT part.part_number AS part, place.code AS depot, part.lithium, coalesce(base_stock, 0) AS base_stock,
       coalesce(rate_per_day, 0) AS rate_per_day, part.unit_cost_cny::float8 AS unit_cost_cny, part.name_zh, part.name_en,
       coalesce(held.free, 0) AS free,
       coalesce(held.free, 0) - coalesce(held.backordered, 0) + coalesce(coming.units, 0) AS position,
       coalesce(offered.price, part.unit_cost_cny)::float8 AS unit_price_cny
FROM planned
FULL JOIN held USING (part, place)
JOIN part ON part.id = coalesce(planned.part, held.part)
JOIN place ON place.id = coalesce(planned.place, held.place) AND place.kind IN ('depot', 'onsite_store')
     AND place.out_of_service_at IS NULL
LEFT JOIN coming ON coming.part = part.id AND coming.place = place.id
LEFT JOIN LATERAL (
    SELECT min(offer.unit_cost_cny) AS price FROM offers_on($2::date) AS offer
    JOIN vendor ON vendor.id = offer.vendor AND vendor.active
    WHERE offer.part = part.id
) AS offered ON true
ORDER BY part.part_number, place.code
"""

_LANES = """
SELECT origin.code AS origin, target.code AS target, mode, fixed_cost_cny::float8 AS fixed_cost_cny,
       unit_cost_cny::float8 AS unit_cost_cny, carries_lithium
FROM lane
JOIN place AS origin ON origin.id = from_place AND origin.out_of_service_at IS NULL
JOIN place AS target ON target.id = to_place AND target.out_of_service_at IS NULL
ORDER BY origin.code, target.code, mode
"""
