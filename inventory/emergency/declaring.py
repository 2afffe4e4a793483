"""What a person decides about a row by its names: declaring an emergency, setting a critical point by hand."""

from datetime import timedelta

from inventory.catalogue import parts
from inventory.emergency import cases
from inventory.emergency.assessments import lift_point, set_point_by_hand
from inventory.emergency.facts import gather
from inventory.emergency.judging import judge_one
from inventory.ground import audit, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Refused
from inventory.places import places
from inventory.stock import pools


class NotSetByHand(Refused):
    """No critical point set by hand is in force for {part_number} at {depot}."""

    zh = "{depot} 的 {part_number} 没有生效中的人工临界点。"
    help_en = "Its critical point is reckoned already."
    help_zh = "该备件的临界点已由系统计算。"


@db.atomic
async def declare(part_number: str, depot: str, *, pool: str, reason: str, by: Actor) -> cases.CaseSummary:
    """Declare an emergency for a part in a store and pool.

    Raises:
        UnknownPart, Unknown: no such part, store or pool.
        CaseAlreadyOpen: one is open already.
        NotYourDepot: the store is not in the actor's scope.
        OthersConcerned: the actor is bound to contracts, and the pool answers others too.

    """
    by.require("emergency.declare")
    key = await _row(part_number, depot, pool, by)
    facts = await gather([key])
    subject = facts.rows[0]
    return await cases.declare(facts, subject, judge_one(facts, subject), reason=reason, by=by)


@db.atomic
async def set_critical_point(
    part_number: str, depot: str, point: int, *, pool: str, reason: str, lasts: timedelta, by: Actor
) -> None:
    """Set a part's critical point in a store and pool by hand, for a while.

    Raises:
        UnknownPart, Unknown: no such part, store or pool.
        NotYourDepot: the store is not in the actor's scope.
        OthersConcerned: the actor is bound to contracts, and the pool answers others too.

    """
    key = await _row(part_number, depot, pool, by)
    await set_point_by_hand(*key, point, reason=reason, lasts=lasts, by=by)
    change = {"part_number": part_number, "depot": depot, "pool": pool, "point": point, "days": lasts.days}
    await audit.record("critical_point.set", "part", part_number, by=by, change=change, reason=reason)


@db.atomic
async def lift_critical_point(part_number: str, depot: str, *, pool: str, reason: str, by: Actor) -> None:
    """Let a critical point that was set by hand be reckoned again, before it expires.

    Raises:
        UnknownPart, Unknown: no such part, store or pool.
        NotYourDepot: the store is not in the actor's scope.
        OthersConcerned: the actor is bound to contracts, and the pool answers others too.
        NotSetByHand: no point set by hand is in force there.

    """
    key = await _row(part_number, depot, pool, by)
    point = await lift_point(*key, by=by)
    if point is None:
        raise NotSetByHand(part_number=part_number, depot=depot)
    change = {"part_number": part_number, "depot": depot, "pool": pool, "point": point}
    await audit.record("critical_point.lifted", "part", part_number, by=by, change=change, reason=reason)


async def _row(part_number: str, depot: str, pool: str, by: Actor) -> tuple[int, int, int]:
    """Part, place and pool by their names, at a store and in a pool that the actor may act on."""
    part, place, pool_id = await parts.find(part_number), await places.find_store(depot), await pools.find(pool)
    by.require_depot(depot)
    await pools.require_own(pool_id, by)
    return part.id, place.id, pool_id
