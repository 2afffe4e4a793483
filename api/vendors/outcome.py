"""What comes of asking a vendor, and what an adapter is."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec import Struct

from api.settings import Settings
from inventory.procurement.answers import Answer
from inventory.procurement.changes import ChangeView
from inventory.procurement.orders import OrderToPlace


class Placed(Struct, frozen=True, kw_only=True):
    """The vendor has the order; `promised_at` where it named a time at once."""

    sent: str
    answered: str
    status: int | None = None
    vendor_reference: str | None = None
    promised_at: datetime | None = None


class Answered(Struct, frozen=True, kw_only=True):
    """What was said to a vendor, and its word where it gave one at once."""

    sent: str = ""
    said: str = ""
    status: int | None = None
    answer: Answer | None = None


class VendorRefused(Exception):
    """The vendor said no; the message is its reason."""


class VendorUnreachable(Exception):
    """The vendor could not be asked, or its answer could not be read; the message says how it failed.

    `sent` tells whether the order may have reached it; `wait` how long it asked us to leave it alone.
    """

    def __init__(self, failure: str, *, sent: bool = False, wait: timedelta | None = None) -> None:
        super().__init__(failure)
        self.sent = sent
        self.wait = wait


class VendorKnowsNothing(Exception):
    """The vendor was asked about an order, and says that it has none like it."""


class Adapter(NamedTuple):
    """A way of ordering; one without `ask` has vendors that cannot be asked."""

    place: Callable[[OrderToPlace, Settings], Awaitable[Placed]]
    change: Callable[[OrderToPlace, ChangeView, Settings], Awaitable[Answered]]
    ask: Callable[[OrderToPlace, Settings], Awaitable[Answered]] | None = None
