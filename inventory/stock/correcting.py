"""How far one person alone may correct the books: up to the limit of the counting policy, and only in pools kept there."""

from datetime import timedelta

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, Refused
from inventory.stock.counting import policy
from inventory.stock.pools import COMMON

WITHIN = timedelta(hours=24)
"""Corrections of one person within this time count together: many small ones are no way around the limit."""


class AdjustmentFourEyes(Forbidden):
    """One person alone corrects no more than {limit} CNY a day; with this, {name} would reach {value}."""

    zh = "单人每日调整库存的金额上限为 {limit} 元；本次将使 {name} 累计达到 {value} 元。"
    help_en = "Draw up a recount of the part: what is found is posted by a second person."
    help_zh = "请对该备件新建复盘：差异由第二人审批过账。"


class PoolNotKept(Refused):
    """Nothing of pool {pool} is kept at {depot}."""

    zh = "{depot} 未存放库存归属为 {pool} 的备件。"
    help_en = "Enter what was found as common stock, and ask for a pool crossing."
    help_zh = "请先按公共库存登记，再申请调整库存归属。"


async def require_one_pair_of_eyes_enough(part: int, pieces: int, *, by: Actor) -> None:
    """Refuse a correction that a second person has to see; the service's own set-up is nobody's correction.

    Raises:
        AdjustmentFourEyes: it is worth too much, by itself or with what the actor corrected lately.

    """
    if by.kind == "service":
        return
    limit = (await policy.in_force()).policy.four_eyes_above_cny
    # two corrections of one person at once would each see too little
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 5))", f"adjustment {by.name}")
    value = await db.fetch_value(
        """SELECT (SELECT unit_cost_cny * $4 FROM part WHERE id = $3) + coalesce(sum(movement.quantity * unit_cost_cny), 0)
           FROM movement JOIN part ON part.id = movement.part
           WHERE occurred_at > $1 AND recorded_at > $1 AND document_kind = 'adjustment' AND actor = $2""",
        clock.now() - WITHIN,
        by.name,
        part,
        pieces,
    )
    if value > limit:
        raise AdjustmentFourEyes(limit=limit, value=value, name=by.name)


async def require_kept(pool: str, depot: str, *, by: Actor) -> None:
    """Refuse to find a project's stock where none of it was ever kept: that would be a crossing without anybody's consent.

    Raises:
        PoolNotKept: the pool is dedicated, and the store has no level of it.

    """
    if pool == COMMON or by.kind == "service":
        return
    kept = await db.fetch_value(
        """SELECT EXISTS (SELECT FROM level JOIN pool ON pool.id = level.pool JOIN place ON place.id = level.place
                          WHERE pool.code = $1 AND place.code = $2)""",
        pool,
        depot,
    )
    if not kept:
        raise PoolNotKept(pool=pool, depot=depot)
