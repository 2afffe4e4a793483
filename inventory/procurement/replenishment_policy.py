"""The policy of replenishment: what is drafted without a person, when, and how long a proposal waits for company. Versioned."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor


class ReplenishmentPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Once a day, from `daily_hour` on in the house's zone, every level is looked at, and routine proposals may be drafted.

    `draft_routine` and `draft_urgent` say which kind becomes an order draft by itself (urgent ones at once); a draft is
    approved by a person all the same. A proposal waits `bundling_days` at most for others that bring its vendor's least
    order value together. A buyer answers an urgent one within `urgent_hours`, the others within `answer_hours`.
    """

    draft_routine: bool = False
    draft_urgent: bool = False
    daily_hour: Annotated[int, Meta(ge=0, le=23)] = 9
    bundling_days: Annotated[int, Meta(ge=0, le=90)] = 5
    answer_hours: Annotated[int, Meta(ge=1, le=720)] = 48
    urgent_hours: Annotated[int, Meta(ge=1, le=720)] = 4


BUILT_IN = ReplenishmentPolicy()
"""What holds until somebody sets another policy."""


class ReplenishmentPolicyVersion(Struct, frozen=True, kw_only=True):
    """A policy with who set it and when; the built-in one has no version, and was set by nobody."""

    policy: ReplenishmentPolicy
    version: int | None = None
    set_at: datetime | None = None
    set_by: str | None = None
    remark: str = ""


async def in_force() -> ReplenishmentPolicyVersion:
    """The policy that holds now."""
    latest = await versions(limit=1)
    return latest[0] if latest else ReplenishmentPolicyVersion(policy=BUILT_IN)


async def versions(*, limit: int, after: int | None = None) -> list[ReplenishmentPolicyVersion]:
    """The policies that were ever set, the one that holds first."""
    return await db.read(
        ReplenishmentPolicyVersion,
        """SELECT jsonb_build_object('draft_routine', draft_routine, 'draft_urgent', draft_urgent,
                      'daily_hour', daily_hour, 'bundling_days', bundling_days, 'answer_hours', answer_hours,
                      'urgent_hours', urgent_hours) AS policy,
                  id AS version, set_at, set_by, remark
           FROM replenishment_policy WHERE $1::int IS NULL OR id < $1 ORDER BY id DESC LIMIT $2""",
        after,
        limit,
    )


@db.atomic
async def put_in_force(policy: ReplenishmentPolicy, *, by: Actor, remark: str = "") -> ReplenishmentPolicyVersion:
    """Let another policy hold from now on; open proposals keep the day until which they wait.

    Raises:
        NotGranted: the actor may not set it.

    """
    by.require("replenishment.set_policy")
    await db.execute(
        """INSERT INTO replenishment_policy (draft_routine, draft_urgent, daily_hour, bundling_days, answer_hours,
                                             urgent_hours, set_at, set_by, remark)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        policy.draft_routine,
        policy.draft_urgent,
        policy.daily_hour,
        policy.bundling_days,
        policy.answer_hours,
        policy.urgent_hours,
        clock.now(),
        by.name,
        remark,
    )
    await audit.record(
        "replenishment_policy.set", "replenishment_policy", "replenishment_policy", by=by, change=policy, reason=remark
    )
    return await in_force()
