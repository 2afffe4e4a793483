"""The policy of swaps and loans: how long before a unit must leave it is held and somebody is asked, and how loans end."""

from typing import Annotated

from msgspec import Meta, Struct

from inventory.ground.policies import Policies, Version


class SwapPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a swap is prepared, and when a loan is asked back.

    A unit is held and somebody asked to decide `reserve_before_minutes` before it must leave; the duty climbs after
    `answer_within_minutes`, and what was decided takes `prepare_minutes` to leave. A loan lasts `loan_days` where nobody
    says otherwise, and is asked back `remind_hours` before it is due.
    """

    reserve_before_minutes: Annotated[int, Meta(ge=15, le=2880)] = 120
    answer_within_minutes: Annotated[int, Meta(ge=1, le=240)] = 10
    prepare_minutes: Annotated[int, Meta(ge=0, le=480)] = 15
    loan_days: Annotated[int, Meta(ge=1, le=366)] = 30
    remind_hours: Annotated[int, Meta(ge=1, le=720)] = 48


BUILT_IN = SwapPolicy()
"""What holds until somebody sets another policy."""


class SwapPolicyVersion(Version, frozen=True, kw_only=True):
    """A policy with who set it and when."""

    policy: SwapPolicy


_kept = Policies("swap_policy", SwapPolicyVersion, BUILT_IN, right="swaps.set_policy")
in_force = _kept.in_force
versions = _kept.versions
put_in_force = _kept.put_in_force
