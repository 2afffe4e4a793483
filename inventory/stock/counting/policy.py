"""The policy of counting: what is counted how often, and from which value on two people are needed."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from inventory.ground.actor import Actor
from inventory.ground.bounds import Bounded, Within
from inventory.ground.policies import Policies, Version
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


class CountPolicyVersion(Version, frozen=True, kw_only=True):
    """A policy with who set it and when."""

    policy: CountPolicy


_kept = Policies("count_policy", CountPolicyVersion, BUILT_IN, right="stock.adjust")
in_force = _kept.in_force
versions = _kept.versions


async def put_in_force(policy: CountPolicy, *, by: Actor, remark: str = "") -> CountPolicyVersion:
    """Let another policy hold from now on; the earlier ones are kept.

    Raises:
        CountSharesDescend: more belongs to class A than to A and B together.
        NotGranted: the actor may not set it.

    """
    if policy.b_share < policy.a_share:
        raise CountSharesDescend
    return await _kept.put_in_force(policy, by=by, remark=remark)
