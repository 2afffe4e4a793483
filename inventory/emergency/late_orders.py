"""Late purchase orders: when the stock that one was to fill falls below a line it is held against, by today's rates."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal
from uuid import UUID

from inventory.emergency.facts import RowFacts, gather
from inventory.emergency.judging import Judgement, judge_one
from inventory.ground import clock
from inventory.ground.actor import Actor
from inventory.procurement import lateness
from inventory.procurement.lateness import LateLine
from inventory.procurement.orders import AtRisk
from optimizer.cover import Inbound
from optimizer.recovery import falls_below_in

ORDERS_AT_MOST = 500

HORIZON = timedelta(days=180)
"""A stock that holds this long is not told to be at risk."""


async def judge_overdue(*, by: Actor) -> int:
    """Judge every order that is overdue; how many lines of them there are."""
    overdue = await lateness.late_lines(limit=ORDERS_AT_MOST)
    await _judge(overdue, by=by)
    return len(overdue)


async def judge(order: UUID, *, by: Actor) -> None:
    """Judge one order, as soon as it is promised for another time."""
    lines = await lateness.late_lines(limit=ORDERS_AT_MOST, order=order)
    if lines:
        await _judge(lines, by=by)
    else:
        await lateness.record(order, [], [], by=by)


async def _judge(lines: Sequence[LateLine], *, by: Actor) -> None:
    if not lines:
        return
    facts = await gather(sorted({line.key for line in lines}))
    judged = {row.key: (row, judge_one(facts, row)) for row in facts.rows}
    for order in dict.fromkeys(line.order for line in lines):
        own = [line for line in lines if line.order == order]
        risks = [risk for line in own if line.key in judged for risk in at_risk(line, *judged[line.key])]
        await lateness.record(order, own, risks, by=by)


def at_risk(line: LateLine, row: RowFacts, judgement: Judgement) -> list[AtRisk]:
    """What becomes of a stock by the deliveries that are confirmed and not overdue: the lines it falls below, soonest first."""
    now = clock.now()
    inbound = [
        Inbound(each.quantity, (each.due_at - now).total_seconds() / 86_400)
        for each in row.arriving
        if each.due_at > now
    ]
    found: list[AtRisk] = []
    lines: tuple[tuple[Literal["critical_point", "average_failure_line"], int], ...] = (
        ("critical_point", judgement.point),
        ("average_failure_line", judgement.average_line),
    )
    for name, point in lines:
        days = falls_below_in(row.available, judgement.row.rate_per_day, point, inbound)
        if days is not None and days <= HORIZON.days:
            found.append(
                AtRisk(
                    part_number=line.part_number,
                    depot=line.depot,
                    line=name,
                    point=point,
                    available=row.available,
                    falls_at=now + timedelta(days=days),
                )
            )
    return sorted(found, key=lambda risk: risk.falls_at)
