"""The policy of replenishment: what is drafted without a person, when, and how long a proposal waits for company. Versioned."""

from typing import Annotated

from msgspec import Meta, Struct

from inventory.ground.policies import Policies, Version


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


class ReplenishmentPolicyVersion(Version, frozen=True, kw_only=True):
    """A policy with who set it and when."""

    policy: ReplenishmentPolicy


_kept = Policies("replenishment_policy", ReplenishmentPolicyVersion, BUILT_IN, right="replenishment.set_policy")
in_force = _kept.in_force
versions = _kept.versions
put_in_force = _kept.put_in_force
