"""The policy of counting: what is counted how often, and from which value on two people are needed."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.bounds import Bounded, Within
from inventory.stock.counting.refusals import CountSharesDescend

MOST_CNY = 100_000_000
"""The highest limit that a policy may set."""

Share = Annotated[float, Meta(gt=0, le=1)]
Days = Annotated[int, Meta(ge=1, le=3660)]


class CountPolicy(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Class A is the parts that make up `a_share` of the yearly consumption value, B up to `b_share`, C the rest."""

    a_share: Share = 0.80
    b_share: Share = 0.95
    a_days: Days = 30
    b_days: Days = 90
    c_days: Days = 365
    parts_per_sheet: Annotated[int, Meta(ge=1, le=500)] = 15
    hours_to_count: Annotated[int, Meta(ge=1, le=720)] = 24
    four_eyes_above_cny: Annotated[Decimal, Within(0, MOST_CNY)]

    def days_of(self, abc_class: str) -> int:
        """After how many days a part of a class is counted again.

        >>> BUILT_IN.days_of("A"), BUILT_IN.days_of("C")
        (30, 365)
        """
        return {"A": self.a_days, "B": self.b_days}.get(abc_class, self.c_days)


BUILT_IN = CountPolicy(four_eyes_above_cny=Decimal(5000))
"""What holds until somebody sets another policy."""


class PolicyInForce(Struct, frozen=True, kw_only=True):
    """The policy that holds, and who set it when; the built-in one was set by nobody."""

    policy: CountPolicy
    set_at: datetime | None = None
    set_by: str | None = None


async def in_force() -> PolicyInForce:
    """The policy that holds now."""
    row = await db.fetch_one(
        """SELECT a_share, b_share, a_days, b_days, c_days, parts_per_sheet, hours_to_count, four_eyes_above_cny,
                  set_at, set_by
           FROM count_policy ORDER BY id DESC LIMIT 1"""
    )
    if row is None:
        return PolicyInForce(policy=BUILT_IN)
    kept = dict(row)
    return PolicyInForce(set_at=kept.pop("set_at"), set_by=kept.pop("set_by"), policy=CountPolicy(**kept))


@db.atomic
async def put_in_force(policy: CountPolicy, *, by: Actor) -> PolicyInForce:
    """Let another policy hold from now on; the earlier ones are kept.

    Raises:
        CountSharesDescend: more belongs to class A than to A and B together.

    """
    by.require("stock.adjust")
    if policy.b_share < policy.a_share:
        raise CountSharesDescend
    await db.execute(
        """INSERT INTO count_policy (a_share, b_share, a_days, b_days, c_days, parts_per_sheet, hours_to_count,
                                     four_eyes_above_cny, set_at, set_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        policy.a_share,
        policy.b_share,
        policy.a_days,
        policy.b_days,
        policy.c_days,
        policy.parts_per_sheet,
        policy.hours_to_count,
        policy.four_eyes_above_cny,
        clock.now(),
        by.name,
    )
    await audit.record("count_policy.set", "count_policy", "count_policy", by=by, change=policy)
    return await in_force()
