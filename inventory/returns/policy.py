"""The policy of bringing back: by when a removed part is at its depot, and how long a failure counts as a repeat. Versioned."""

from datetime import datetime, time, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.policies import Policies, Version
from inventory.installed_base.clocks import WorkingHours
from inventory.places import places
from inventory.returns.terms import Counts, Due, Term, due

HOUSE = WorkingHours(
    time_zone=clock.ZONE.key, working_days=[1, 2, 3, 4, 5], opens_at=time(9), closes_at=time(18), holidays="CN"
)
"""The working hours of our own stores, by which an engineer's term runs."""

LOSS_CONFIRMED_WITHIN = timedelta(hours=24)
"""How soon a second person should have looked at a loss."""

ANSWERED_WITHIN = timedelta(hours=8)
"""How soon somebody should have found out why another serial came back."""

BILLED_WITHIN = timedelta(days=15)
"""How soon a vendor's bill for a piece that does not come back should be kept."""

Amount = Annotated[int, Meta(ge=1, le=720)]
Days = Annotated[int, Meta(ge=1, le=1095)]


class BroughtBack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long an engineer has to bring a removed part back: so many hours, calendar days or business days."""

    amount: Amount
    counts: Counts


class ReturnPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long engineers have, with terms of their own for some `depots` (by code).

    They are reminded `warn_hours` ahead. The same position or part of a device that fails again within `repeat_days` is a
    repeat failure; a fault that was not seen again for `quiet_days` is over (D15).
    """

    amount: Amount = 5
    counts: Counts = "business_days"
    warn_hours: Annotated[int, Meta(ge=0, le=720)] = 24
    depots: Annotated[dict[str, BroughtBack], Meta(max_length=500)] = {}
    repeat_days: Days = 90
    quiet_days: Days = 90

    def term(self, depot: str) -> BroughtBack:
        """How long an engineer has to bring a part back to a depot.

        >>> policy = ReturnPolicy(depots={"GZ": BroughtBack(amount=48, counts="hours")})
        >>> policy.term("GZ").amount, policy.term("SH").counts
        (48, 'business_days')
        """
        return self.depots.get(depot) or BroughtBack(amount=self.amount, counts=self.counts)

    def due(self, depot: str, removed_at: datetime) -> Due:
        """By when a part that was removed at an instant is to be back at a depot."""
        term = self.term(depot)
        return due(removed_at, Term(amount=term.amount, counts=term.counts, calendar=HOUSE))

    @property
    def warn_before(self) -> timedelta:
        """How long before it is due somebody is reminded."""
        return timedelta(hours=self.warn_hours)


class ReturnPolicyVersion(Version, frozen=True, kw_only=True):
    """A policy with who set it and when."""

    policy: ReturnPolicy


_kept = Policies("return_policy", ReturnPolicyVersion, ReturnPolicy(), right="returns.set_policy")
in_force = _kept.in_force
versions = _kept.versions


@db.atomic
async def put_in_force(policy: ReturnPolicy, *, by: Actor, remark: str = "") -> ReturnPolicyVersion:
    """Let another policy hold for what is removed from now on.

    Raises:
        NotGranted: the actor may not set it.
        Unknown: a depot with a term of its own is none.

    """
    by.require("returns.set_policy")
    for depot in policy.depots:
        await places.find_store(depot)
    return await _kept.put_in_force(policy, by=by, remark=remark)
