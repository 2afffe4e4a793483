"""The policy of paid parts and approvals: what a quotation asks for, and which requests wait for somebody's yes. Versioned."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.bounds import Bounded, Within

MOST_CNY = 100_000_000
"""The highest amount that a policy may set."""

Amount = Annotated[Decimal, Within(0, MOST_CNY)]


class RequestPolicy(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices in CNY with tax: an offer's price with `margin_percent`, labour once per request, freight once per store.

    A request whose parts are worth more than `approve_above_cny` waits for an approval (None: none does for its value),
    and with `approve_out_of_contract` so does every one for a device whose contract has ended.
    """

    margin_percent: Annotated[Decimal, Within(0, 1000)]
    labour_cny: Amount
    freight_cny: Amount
    valid_hours: Annotated[int, Meta(ge=1, le=2160)] = 72
    approve_above_cny: Annotated[Decimal | None, Within(0, MOST_CNY)] = None
    approve_out_of_contract: bool = True
    decide_within_minutes: Annotated[int, Meta(ge=1, le=1440)] = 30


BUILT_IN = RequestPolicy(margin_percent=Decimal(25), labour_cny=Decimal(600), freight_cny=Decimal(80))
"""What holds until somebody sets another policy."""


class RequestPolicyVersion(Struct, frozen=True, kw_only=True):
    """A policy with who set it and when; the built-in one has no version, and was set by nobody."""

    policy: RequestPolicy
    version: int | None = None
    set_at: datetime | None = None
    set_by: str | None = None
    remark: str = ""


async def in_force() -> RequestPolicyVersion:
    """The policy that holds now."""
    latest = await versions(limit=1)
    return latest[0] if latest else RequestPolicyVersion(policy=BUILT_IN)


async def versions(*, limit: int, after: int | None = None) -> list[RequestPolicyVersion]:
    """The policies that were ever set, the one that holds first."""
    return await db.read(
        RequestPolicyVersion,
        """SELECT jsonb_build_object('margin_percent', margin_percent::text, 'labour_cny', labour_cny::text,
                      'freight_cny', freight_cny::text, 'valid_hours', valid_hours,
                      'approve_above_cny', approve_above_cny::text,
                      'approve_out_of_contract', approve_out_of_contract,
                      'decide_within_minutes', decide_within_minutes) AS policy,
                  id AS version, set_at, set_by, remark
           FROM request_policy WHERE $1::int IS NULL OR id < $1 ORDER BY id DESC LIMIT $2""",
        after,
        limit,
    )


@db.atomic
async def put_in_force(policy: RequestPolicy, *, by: Actor, remark: str = "") -> RequestPolicyVersion:
    """Let another policy hold from now on; quotations and approvals keep the version they were made by.

    Raises:
        NotGranted: the actor may not set it.

    """
    by.require("requests.set_policy")
    await db.execute(
        """INSERT INTO request_policy (margin_percent, labour_cny, freight_cny, valid_hours, approve_above_cny,
                                       approve_out_of_contract, decide_within_minutes, set_at, set_by, remark)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        policy.margin_percent,
        policy.labour_cny,
        policy.freight_cny,
        policy.valid_hours,
        policy.approve_above_cny,
        policy.approve_out_of_contract,
        policy.decide_within_minutes,
        clock.now(),
        by.name,
        remark,
    )
    await audit.record("request_policy.set", "request_policy", "request_policy", by=by, change=policy, reason=remark)
    return await in_force()
