"""What a person decides about a row by its names: declaring an emergency, setting a critical point by hand."""

from datetime import timedelta

from inventory.catalogue import parts
from inventory.emergency import cases
from inventory.emergency.assessments import set_point_by_hand
from inventory.emergency.facts import gather
from inventory.emergency.judging import judge_one
from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.places import places
from inventory.stock import pools


@db.atomic
async def declare(part_number: str, depot: str, *, pool: str, reason: str, by: Actor) -> cases.CaseSummary:
    """Declare an emergency for a part in a store and pool.

    Raises:
        UnknownPart, Unknown: no such part, store or pool.
        CaseAlreadyOpen: one is open already.
        NotYourDepot: the store is not in the actor's scope.

    """
    part, place, pool_id = await parts.find(part_number), await places.find_store(depot), await pools.find(pool)
    facts = await gather([(part.id, place.id, pool_id)])
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

    """
    part, place, pool_id = await parts.find(part_number), await places.find_store(depot), await pools.find(pool)
    by.require_depot(depot)
    await set_point_by_hand(part.id, place.id, pool_id, point, reason=reason, lasts=lasts, by=by)
