"""What comes of asking a vendor."""

from datetime import datetime

from msgspec import Struct


class Placed(Struct, frozen=True, kw_only=True):
    """The vendor has the order; `promised_at` where it named a time at once."""

    sent: str
    answered: str
    status: int | None = None
    vendor_reference: str | None = None
    promised_at: datetime | None = None


class VendorRefused(Exception):
    """The vendor said no; the message is its reason."""


class VendorUnreachable(Exception):
    """The vendor could not be asked, or its answer could not be read; the message says how it failed."""
