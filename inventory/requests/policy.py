"""The policy of paid parts and approvals: what a quotation asks for, and which requests wait for somebody's yes. Versioned."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from inventory.ground.bounds import Bounded, Within
from inventory.ground.policies import Policies, Version

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


class RequestPolicyVersion(Version, frozen=True, kw_only=True):
    """A policy with who set it and when."""

    policy: RequestPolicy


_kept = Policies("request_policy", RequestPolicyVersion, BUILT_IN, right="requests.set_policy")
in_force = _kept.in_force
versions = _kept.versions
put_in_force = _kept.put_in_force
