"""The policy of ordering: from what value on two people look at an order, and how long a vendor may keep silent."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from inventory.ground.bounds import Bounded, Within
from inventory.ground.policies import Policies, Version

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


class PurchasePolicyVersion(Version, frozen=True, kw_only=True):
    """A policy with who set it and when."""

    policy: PurchasePolicy


_kept = Policies("purchase_policy", PurchasePolicyVersion, BUILT_IN, right="orders.set_policy")
in_force = _kept.in_force
versions = _kept.versions
put_in_force = _kept.put_in_force
