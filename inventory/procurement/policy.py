"""The policy of ordering: from what value on two people look at an order, and how long a vendor may keep silent."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.bounds import Bounded, Within

MOST_CNY = 100_000_000


class PurchasePolicy(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Orders above the limit are approved by somebody who did not draft them; silent vendors are chased after so long.

    An exchange rate older than `rate_days` is pointed out. A line of a 发票 may differ from what is payable for it by so many
    percent or so many yuan, whichever is more; one that has not come so many days after the goods is chased.
    """

    four_eyes_above_cny: Annotated[Decimal, Within(0, MOST_CNY)]
    acknowledge_within_hours: Annotated[int, Meta(ge=1, le=720)] = 24
    emergency_within_hours: Annotated[int, Meta(ge=1, le=720)] = 2
    rate_days: Annotated[int, Meta(ge=1, le=366)] = 31
    match_tolerance_percent: Annotated[float, Meta(ge=0, le=100)] = 0.0
    match_tolerance_cny: Annotated[int, Meta(ge=0, le=100_000)] = 1
    invoice_within_days: Annotated[int, Meta(ge=1, le=366)] = 30

    def silence(self, *, urgent: bool) -> timedelta:
        """How long a vendor may keep silent about an order.

        >>> BUILT_IN.silence(urgent=True), BUILT_IN.silence(urgent=False)
        (datetime.timedelta(seconds=7200), datetime.timedelta(days=1))
        """
        return timedelta(hours=self.emergency_within_hours if urgent else self.acknowledge_within_hours)


BUILT_IN = PurchasePolicy(four_eyes_above_cny=Decimal(20_000))
"""What holds until somebody sets another policy."""


class PurchasePolicyVersion(Struct, frozen=True, kw_only=True):
    """A policy with who set it and when; the built-in one has no version, and was set by nobody."""

    policy: PurchasePolicy
    version: int | None = None
    set_at: datetime | None = None
    set_by: str | None = None
    remark: str = ""


async def in_force() -> PurchasePolicyVersion:
    """The policy that holds now."""
    latest = await versions(limit=1)
    return latest[0] if latest else PurchasePolicyVersion(policy=BUILT_IN)


async def versions(*, limit: int, after: int | None = None) -> list[PurchasePolicyVersion]:
    """The policies that were ever set, the one that holds first."""
    return await db.read(
        PurchasePolicyVersion,
        """SELECT jsonb_build_object('four_eyes_above_cny', four_eyes_above_cny::text,
                                     'acknowledge_within_hours', acknowledge_within_hours,
                                     'emergency_within_hours', emergency_within_hours, 'rate_days', rate_days,
                                     'match_tolerance_percent', match_tolerance_percent,
                                     'match_tolerance_cny', match_tolerance_cny,
                                     'invoice_within_days', invoice_within_days) AS policy,
                  id AS version, set_at, set_by, remark
           FROM purchase_policy WHERE $1::int IS NULL OR id < $1 ORDER BY id DESC LIMIT $2""",
        after,
        limit,
    )


@db.atomic
async def put_in_force(policy: PurchasePolicy, *, by: Actor, remark: str = "") -> PurchasePolicyVersion:
    """Let another policy hold from now on; orders that were approved stay so, and earlier policies are kept.

    Raises:
        NotGranted: the actor may not set it.

    """
    by.require("orders.set_policy")
    await db.execute(
        """INSERT INTO purchase_policy (four_eyes_above_cny, acknowledge_within_hours, emergency_within_hours, rate_days,
                                        match_tolerance_percent, match_tolerance_cny, invoice_within_days, set_at, set_by,
                                        remark)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        policy.four_eyes_above_cny,
        policy.acknowledge_within_hours,
        policy.emergency_within_hours,
        policy.rate_days,
        policy.match_tolerance_percent,
        policy.match_tolerance_cny,
        policy.invoice_within_days,
        clock.now(),
        by.name,
        remark,
    )
    await audit.record("purchase_policy.set", "purchase_policy", "purchase_policy", by=by, change=policy, reason=remark)
    return await in_force()
