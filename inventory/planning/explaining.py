"""Why a plan says what it says of one part in one store: asked of the optimizer, with where the rate comes from."""

import asyncio
from collections.abc import Iterable
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.planning.learning import FactorView, MissedView, factors_of, missed_of, newest
from inventory.planning.network import SWAPPED, store_name
from inventory.stock.disclosure import serves
from inventory.stock.pools import COMMON
from optimizer.explanation import Explanation, explain
from optimizer.network import Network
from optimizer.plan import Plan


class RowExplanation(Struct, frozen=True, kw_only=True):
    """A row of a plan with the devices behind it, what prices it, and what one unit more or less would do.

    `rate_source` says what the failure rate rests on (`assumed`, `record`, `history`), `rate_evidence` how. `factors` are
    those of the part's kind that were in force, `missed` how often repairs miss their limit, where that asks for the part.
    """

    plan: UUID
    number: str
    part_number: str
    name_zh: str
    name_en: str
    depot: str
    pool: str
    planned_share: float
    rate_source: str | None
    rate_evidence: str
    factors: list[FactorView]
    missed: list[MissedView]
    explanation: Explanation


async def row_explanation(
    plan: UUID, part_number: str, depot: str, *, pool: str = COMMON, seen_by: Actor
) -> RowExplanation:
    """Why a plan holds as much of a part in a store as it does.

    The plan's stored network is evaluated anew, in a thread: nothing of today's stock or devices enters.

    Raises:
        Unknown: no such plan, or it says nothing of this part there that the reader may see.

    """
    row = await db.fetch_one(_ROW, plan, part_number, depot, pool, seen_by.depot_scope, seen_by.contract_scope)
    if row is None:
        raise Unknown(what="row of the plan", what_zh="计划行", key=f"{part_number}@{store_name(depot, pool)}")
    network, answer = msgspec.convert(row["network"], Network), msgspec.convert(row["answer"], Plan)
    found = await asyncio.to_thread(explain, network, answer, row["part_number"], store_name(depot, pool))
    learning = await newest(row["made_at"])
    models = {model.model for model in found.installed}
    factors, missed = await factors_of(learning, kind=row["kind"]), await missed_of(learning)
    swapped = _swapped(models, (each.service_class for each in missed))
    return RowExplanation(
        plan=plan,
        number=row["number"],
        part_number=row["part_number"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        depot=depot,
        pool=pool,
        planned_share=row["planned_share"],
        rate_source=row["rate_source"],
        rate_evidence=row["rate_evidence"] or "",
        factors=[each for each in factors if each.dimension != "firmware" or _runs(each.level, models)],
        missed=[each for each in missed if each.service_class in swapped],
        explanation=found,
    )


def _swapped(models: set[str], classes: Iterable[str]) -> set[str]:
    """The service classes whose late repairs ask for whole units; codes may hold a `/`, then the longest one is meant.

    >>> sorted(_swapped({"swap/2h/gold/R740", "swap/8h/R740", "R740"}, ["2h", "2h/gold", "8h", "24h"]))
    ['2h/gold', '8h']
    """
    known = sorted(classes, key=len)
    found = (
        [each for each in known if model.startswith(f"{SWAPPED}{each}/")]
        for model in models
        if model.startswith(SWAPPED)
    )
    return {fitting[-1] for fitting in found if fitting}


def _runs(firmware: str, models: set[str]) -> bool:
    """Whether a level of firmware is one of these models'.

    >>> _runs("R740 2.8.1", {"R740/30 of 90 days"}), _runs("R740XD 2.8.1", {"R740"})
    (True, False)
    """
    return any(firmware.startswith(f"{model.split('/')[0]} ") for model in models)


_ROW = f"""
SELECT plan.number, plan.made_at, part.kind, plan.network, plan.answer, part.part_number, part.name_zh, part.name_en,
       plan_row.planned_share,
       rate.source AS rate_source, rate.evidence AS rate_evidence
FROM plan_row
JOIN plan ON plan.id = plan_row.plan
JOIN part ON part.id = plan_row.part
JOIN place ON place.id = plan_row.place
JOIN pool ON pool.id = plan_row.pool
LEFT JOIN LATERAL (
    SELECT source, evidence FROM failure_rate
    WHERE failure_rate.part = part.id AND valid_from <= plan.made_at::date ORDER BY valid_from DESC, id DESC LIMIT 1
) AS rate ON true
WHERE plan.id = $1 AND part.part_number = $2 AND place.code = $3 AND pool.code = $4
  AND ($5::text[] IS NULL OR place.code = ANY($5)) AND {serves("pool", "$6")}
"""
